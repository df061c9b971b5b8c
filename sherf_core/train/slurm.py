"""A training as a Slurm job: the script, and handing it in."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sherf_core.errors import ConfigurationError, RankError
from sherf_core.io.atomic import write_text

SCRIPT = "job.sbatch"
SIGNAL_SECONDS = 300
"""Before the time limit, so that a long step can end and a checkpoint be written."""


@dataclass(frozen=True, kw_only=True)
class SlurmJob:
    """What is asked of the cluster, and what runs there.

    Attributes:
        name: of the job.
        nodes, processes: computers, and processes of each.
        on_gpus: whether each process has a GPU.
        cpus_per_process: cores for each.
        time: limit, in Slurm's words.
        memory_gib: of each node; None: the cluster's default.
        partition, account: None: the cluster's default.
        folder: of the run; the job's output goes there.
        work: folder in which the job runs.
        command: starts this computer's processes; the job adds where the computers meet, and what to go on from.
        resume: what the first start goes on from; the later ones go on from the newest checkpoint.
    """

    name: str
    nodes: int
    processes: int
    on_gpus: bool
    cpus_per_process: int
    time: str
    memory_gib: int | None
    partition: str | None
    account: str | None
    folder: Path
    work: Path
    command: Sequence[str]
    resume: str = "auto"

    def script(self) -> str:
        """The batch script: bash, with the requests as comments for sbatch."""
        for name in ("name", "partition", "account", "time", "folder"):
            if re.search(r"[\n\r\"]", str(getattr(self, name) or "")):
                raise ConfigurationError(f"{name} {getattr(self, name)!r} cannot stand in a batch script")
        cores = self.cpus_per_process * self.processes
        requests = [
            f"--job-name={self.name}",
            f"--nodes={self.nodes}",
            "--ntasks-per-node=1",
            f"--gpus-per-node={self.processes}" if self.on_gpus else "",
            f"--cpus-per-task={cores}",
            self.memory_gib and f"--mem={self.memory_gib}G",
            f"--time={self.time}",
            self.partition and f"--partition={self.partition}",
            self.account and f"--account={self.account}",
            f'--output="{self.folder.absolute()}/slurm-%j.log"',
            "--open-mode=append",
            "--requeue",
            f"--signal=TERM@{SIGNAL_SECONDS}",
        ]
        header = "\n".join(f"#SBATCH {request}" for request in requests if request)
        meet = ' --rdzv-endpoint "$first:$port"' if self.nodes > 1 else ""
        return f"""#!/bin/bash
{header}

# One task a computer: it starts torchrun, which starts a process for each GPU; they meet on the first computer.
# {SIGNAL_SECONDS // 60} minutes before the time limit the job gets SIGTERM, saves a checkpoint and ends with 143; then
# it is queued again and goes on from there.
cd {shlex.quote(str(self.work.absolute()))} || exit 1
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))
echo "job $SLURM_JOB_ID on $SLURM_JOB_NODELIST, meeting at $first:$port"

resume={shlex.quote(self.resume)}
if [ "${{SLURM_RESTART_COUNT:-0}}" -gt 0 ]; then
    resume=auto
fi

srun --cpus-per-task={cores} \\
    {shlex.join(self.command)} --resume "$resume"{meet}
status=$?

if [ "$status" -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
"""

    def write(self) -> Path:
        """Write the script into the run's folder."""
        path = self.folder / SCRIPT
        write_text(path, self.script())
        return path


def submit(script: Path) -> str:
    """Hand a script to sbatch and return the job's number.

    Raises:
        ConfigurationError: there is no sbatch on this computer.
        RankError: sbatch refused it.
    """
    sbatch = shutil.which("sbatch")
    if sbatch is None:
        raise ConfigurationError(
            "there is no sbatch on this computer, so nothing was submitted",
            expected="a login node of a Slurm cluster",
            fix=f"the script is {script}: take it there, or train here with --launcher torchrun",
            path=script,
        )
    done = subprocess.run([sbatch, "--parsable", str(script)], capture_output=True, text=True, check=False)
    number = done.stdout.strip().partition(";")[0]
    if done.returncode != 0 or not number:
        raise RankError(
            f"sbatch refused {script}: {done.stderr.strip() or done.stdout.strip() or f'status {done.returncode}'}",
            expected="the number of a job",
            fix="partition, account and time stand in the profile's slurm section; the cluster's `sinfo` lists its own",
            path=script,
        )
    return number

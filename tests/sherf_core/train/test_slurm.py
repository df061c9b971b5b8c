import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sherf_core.errors import ConfigurationError, RankError
from sherf_core.train.slurm import SlurmJob, submit


@pytest.fixture
def job(tmp_path):
    return SlurmJob(
        name="sherf-demo",
        nodes=2,
        processes=4,
        on_gpus=True,
        cpus_per_process=3,
        time="2-00:00:00",
        memory_gib=64,
        partition="gpu",
        account=None,
        folder=tmp_path / "run of mine",
        work=tmp_path,
        command=["python", "-m", "sherfctl", "run", "train", "--out", "run of mine"],
        resume="no",
    )


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A Slurm of four shell scripts, which note how they are called; `answer` sets one's last words and status."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def answer(name, words="", status=0):
        path = folder / name
        path.write_text(f'#!/bin/bash\nprintf "%s\\n" "{name} $*" >> {tmp_path}/calls\necho "{words}"\nexit {status}\n')
        path.chmod(0o755)

    answer("srun")
    answer("scontrol", "node7")
    answer("sbatch", "4711;cluster")
    return answer


def requests(script):
    return [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")]


def run(path: Path, tmp_path, **environment):
    values = {**os.environ, "SLURM_JOB_ID": "12", "SLURM_JOB_NODELIST": "node[7-8]", **environment}
    status = subprocess.run(["bash", str(path)], env=values, capture_output=True, check=False).returncode
    return status, (tmp_path / "calls").read_text().splitlines()


def test_the_requests_are_the_profiles(job):
    found = requests(job.script())
    assert "--gpus-per-node=4" in found
    assert "--cpus-per-task=12" in found
    assert "--mem=64G" in found
    assert "--partition=gpu" in found
    assert not any(request.startswith("--account") for request in found)
    assert "--signal=TERM@300" in found
    assert not any("gpus" in request for request in requests(replace(job, on_gpus=False).script()))


def test_the_script_is_sound_and_starts_the_command_on_every_computer(job, cluster, tmp_path):
    path = job.write()
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
    status, calls = run(path, tmp_path)
    assert status == 0
    assert calls == [
        "scontrol show hostnames node[7-8]",
        "srun --cpus-per-task=12 python -m sherfctl run train --out run of mine --resume no "
        "--rdzv-endpoint node7:20012",
    ]


def test_a_job_at_its_time_limit_is_queued_again_and_goes_on(job, cluster, tmp_path):
    cluster("srun", status=143)
    status, calls = run(replace(job, nodes=1).write(), tmp_path, SLURM_RESTART_COUNT="1")
    assert status == 143
    assert calls[-1] == "scontrol requeue 12"
    assert calls[-2].endswith("--out run of mine --resume auto")


def test_a_job_that_failed_is_not_queued_again(job, cluster, tmp_path):
    cluster("srun", status=1)
    status, calls = run(job.write(), tmp_path)
    assert status == 1
    assert not any("requeue" in call for call in calls)


def test_submitting_tells_the_number(job, cluster, tmp_path):
    assert submit(job.write()) == "4711"
    cluster("sbatch", "sbatch: error: invalid partition specified: gpu", status=1)
    with pytest.raises(RankError, match="invalid partition"):
        submit(job.write())


def test_without_a_cluster_there_is_one_clear_error(job, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="no sbatch on this computer") as caught:
        submit(job.folder / "job.sbatch")
    assert "job.sbatch" in caught.value.fix


def test_what_would_break_the_script_is_refused(job):
    with pytest.raises(ConfigurationError, match="account"):
        replace(job, account="a\n#SBATCH --nodes=99").script()

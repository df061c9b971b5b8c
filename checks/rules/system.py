"""Memory, disk and the limits of the operating system."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.machine_commands import as_root, in_shell
from checks.purpose import Purpose
from checks.rules.needs import GIB, least_memory, memory_needed
from checks.rules.registry import found, rule

# Room for results: pictures and a report, or five checkpoints of about 0.6 GiB (the size of a published one) with
# their optimiser; the least is one checkpoint written beside the one that it replaces.
DISK_COMFORT = {"eval": GIB, "train": 5 * GIB}
DISK_LEAST = {"eval": GIB // 10, "train": 3 * GIB // 2}
FILES_NEEDED = {"eval": 256, "train": 1024}
CORES_WANTED = 4
DRIVE = PurePosixPath("/content/drive")
KAGGLE_KEPT = PurePosixPath("/kaggle/working")
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
CONTAINER_LAYER = frozenset({"overlay", "overlayfs", "aufs"})


def by_purpose(purpose: Purpose, *, train: Severity = Severity.WARN, evaluate: Severity = Severity.INFO) -> Severity:
    """A severity for each action."""
    return train if purpose.action == "train" else evaluate


@rule("SYS.RAM")
def memory(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Less memory is free than the work needs; blocking where the machine could never have enough.

    On WSL the cause is WSL's own limit, which has its own rule.
    """
    needed, available = memory_needed(facts, purpose), facts.memory.available
    if available is None or available >= needed or facts.platform.wsl:
        return []
    total, limit = facts.memory.total, facts.memory.limit
    sizes = [size for size in (total, limit) if size is not None]
    whole = min(sizes) if sizes else None
    evidence = [
        f"{available / GIB:.1f} GiB are available" + (f" of {whole / GIB:.1f} GiB" if whole is not None else ""),
        f"to {purpose}, {needed / GIB:.1f} GiB are wanted",
    ]
    if limit is not None and whole == limit:
        evidence.append(f"the {_limited_by(facts)} limits memory to {limit / GIB:.1f} GiB")
    never = whole is not None and whole < least_memory(purpose)
    fix = _more_memory(facts, purpose, needed, whole)
    return found("SYS.RAM", Severity.BLOCK if never else Severity.WARN, evidence, fix=fix)


def _limited_by(facts: Facts) -> str:
    return "job" if facts.platform.scheduler and not facts.platform.container else "container"


def _more_memory(facts: Facts, purpose: Purpose, needed: int, whole: int | None) -> list[str]:
    machine, gib = facts.platform, -(-2 * needed // GIB)
    steps = []
    if whole is not None and whole < needed and machine.notebook:
        steps.append(
            "choose a runtime with more memory" + (" (Colab: High-RAM)" if machine.notebook == "colab" else "")
        )
    elif whole is not None and whole == facts.memory.limit and whole < needed:
        if machine.container == "kubernetes":
            steps.append(f"give the pod more: resources.limits.memory: {gib}Gi")
        elif machine.scheduler == "slurm":
            steps.append(f"ask for more in the job: #SBATCH --mem={gib}G")
        elif machine.scheduler:
            steps.append(f"ask for {gib} GB of memory in the job")
        else:
            program = machine.container if machine.container == "podman" else "docker"
            steps.append(f"start the container with more: {program} run --memory={gib}g …")
    elif whole is not None and whole < needed:
        steps.append(f"this machine has {whole / GIB:.1f} GiB in all: take one with {gib} GiB")
    else:
        steps += ["close other programs; these take the most:", in_shell(facts, "ps -eo rss,comm --sort=-rss | head")]
    if purpose.action == "eval" and (whole is None or whole >= least_memory(purpose)):
        steps += ["or work in smaller pictures:", in_shell(facts, "sherfctl run eval --resolution 256")]
    return steps


@rule("SYS.DISK")
def disk(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The folder for results is full or cannot be written."""
    place, free = facts.disk, facts.disk.free
    elsewhere = f"write elsewhere: --out DIR{_kept_folder(facts)}"
    if place.read_only:
        return found("SYS.DISK", Severity.WARN, [f"{place.path} lies on a read-only file system"], fix=[elsewhere])
    if place.writable is False:
        mend = f"$ chmod u+rwx {shlex.quote(place.path)}" if place.owned else "work in a folder of your own"
        evidence = [f"{place.path} is not writable for you" + (", though it is yours" if place.owned else "")]
        return found("SYS.DISK", Severity.WARN, evidence, fix=[mend, f"or {elsewhere}"])
    comfort, least = DISK_COMFORT[purpose.action], DISK_LEAST[purpose.action]
    if free is None or free >= comfort:
        return []
    severity = Severity.BLOCK if free < least else Severity.WARN
    evidence = [f"{free / GIB:.2f} GiB are free at {place.path}; to {purpose}, {comfort / GIB:.0f} GiB are wanted"]
    fix = [
        "see what takes the room there, and delete what is not needed:",
        in_shell(facts, f"du -xh --max-depth=1 {shlex.quote(place.path)}"),
    ]
    return found("SYS.DISK", severity, evidence, fix=[*fix, f"or {elsewhere}"])


def _kept_folder(facts: Facts) -> str:
    if facts.platform.notebook == "kaggle":
        return f", such as {KAGGLE_KEPT}/runs"
    return f", such as {DRIVE}/MyDrive/sherf" if facts.platform.notebook == "colab" else ""


@rule("SYS.ULIMIT")
def open_files(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The soft limit on open files is lower than the work may need."""
    soft, hard = facts.limits.open_files, facts.limits.open_files_hard
    wanted = FILES_NEEDED[purpose.action]
    if soft is None or soft >= wanted:
        return []
    evidence = [
        f"ulimit -n is {soft}" + (f", at most {hard}" if hard is not None else ""),
        f"to {purpose}, {wanted} are wanted",
    ]
    if hard is None or hard >= wanted:
        raised = 4096 if hard is None else min(4096, hard)
        fix = [f"$ ulimit -n {raised}    # in this shell, before the program; it lasts until the shell ends"]
    elif facts.platform.container in {"docker", "podman"}:
        fix = [f"start the container with a higher limit: {facts.platform.container} run --ulimit nofile=65536:65536 …"]
    else:
        fix = [
            "raise the hard limit (an administrator does), then log in again:",
            as_root(facts, "sh -c \"echo '* - nofile 65536' >> /etc/security/limits.conf\""),
        ]
    return found("SYS.ULIMIT", Severity.WARN, evidence, fix=fix)


@rule("SYS.CPU")
def cores(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The process has one core's time, or less."""
    count, quota = facts.memory.cores, facts.memory.core_quota
    if not ((count is not None and count <= 1) or (quota is not None and quota <= 1)):
        return []
    evidence = [f"cores that this process may use: {count}" if count is not None else ""]
    evidence.append(f"the {_limited_by(facts)} grants the time of {quota:g} cores" if quota is not None else "")
    return found("SYS.CPU", by_purpose(purpose), evidence, fix=[_more_cores(facts)])


def _more_cores(facts: Facts) -> str:
    machine = facts.platform
    if machine.wsl:
        return f"in %UserProfile%\\.wslconfig, under [wsl2], write processors={CORES_WANTED}; then run wsl --shutdown"
    if machine.notebook:
        return "choose a runtime with more cores; nothing can be set in this one"
    if machine.container == "kubernetes":
        return f"give the pod more: resources.limits.cpu: {CORES_WANTED}"
    if machine.scheduler == "slurm":
        return f"ask for more in the job: #SBATCH --cpus-per-task={CORES_WANTED}"
    if machine.container in {"docker", "podman"}:
        return f"start the container with more: {machine.container} run --cpus={CORES_WANTED} …"
    return "give this machine more cores, or start the program without taskset: `taskset -cp $$` shows what is allowed"


@rule("SYS.EPHEMERAL")
def lost_results(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The folder for results goes with the session, the container or the power."""
    machine, place = facts.platform, PurePosixPath(facts.disk.path)
    if not facts.disk.path:
        return []
    if machine.notebook == "colab":
        if machine.drive_mounted and place.is_relative_to(DRIVE):
            return []
        mount = "in a cell: from google.colab import drive; drive.mount('/content/drive')"
        evidence = [f"{place} is deleted with this Colab session"]
        evidence.append(
            "Google Drive is mounted, but not used" if machine.drive_mounted else "Google Drive is not mounted"
        )
        fix = [*([] if machine.drive_mounted else [mount]), f"write to it: --out {DRIVE}/MyDrive/sherf/runs"]
    elif machine.notebook == "kaggle":
        if place.is_relative_to(KAGGLE_KEPT):
            return []
        evidence = [f"{place} is deleted with this Kaggle session; {KAGGLE_KEPT} is kept with a saved version"]
        fix = [f"write there: --out {KAGGLE_KEPT}/runs", "then Save Version, or switch on Persistence > Files"]
    elif facts.disk.filesystem in IN_MEMORY:
        evidence = [f"{place} lies in main memory ({facts.disk.filesystem}): it is empty after a restart"]
        fix = ["write to a disk: --out DIR"]
    elif machine.container and facts.disk.filesystem in CONTAINER_LAYER:
        evidence = [f"{place} lies in the container's own layer ({facts.disk.filesystem}), not in a volume"]
        fix = _volume(machine.container, place)
    else:
        return []
    return found("SYS.EPHEMERAL", by_purpose(purpose), evidence, fix=fix)


def _volume(container: str, place: PurePosixPath) -> list[str]:
    if container == "kubernetes":
        return ["mount a persistentVolumeClaim, and write to it: --out DIR"]
    program = container if container == "podman" else "docker"
    return [
        f'start the container with a folder of the host: {program} run -v "$PWD/runs:/runs" …',
        "and write to it: --out /runs",
        f"or copy results out before the container is removed: {program} cp NAME:{place}/runs .",
    ]

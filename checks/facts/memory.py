"""Collectors for main memory, cores and the limits on them: the machine's, the container's and the job's.

A process belongs to a control group in a tree of them, and every group above it limits it as well. Version 2 has one
tree for all resources; version 1 has one for memory and another for cores. `root` is replaced in tests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from checks.facts.reading import ROOT, inside, number_of, text_of
from checks.facts.records import LimitsFacts, MemoryFacts

KIB, MIB = 1024, 1024 * 1024
# Version 1 writes "no limit" as the largest multiple of a page; no machine has this much.
UNLIMITED = 2**60


def memory_facts(root: Path = ROOT, environment: Mapping[str, str] | None = None) -> MemoryFacts:
    """Main memory, the limits on it, and the cores that this process may use."""
    environment = os.environ if environment is None else environment
    total, available, swap = _meminfo(root)
    limits = [_job_limit(environment)]
    for folder in _groups(root, "memory"):
        limit, used = _group_memory(folder)
        limits.append(limit)
        if limit is not None:
            available = max(0, limit - used) if available is None else min(available, max(0, limit - used))
    # A limit above what the machine has limits nothing.
    real = [limit for limit in limits if limit is not None and (total is None or limit < total)]
    limit = min(real, default=None)
    if limit is not None and available is not None:
        available = min(available, limit)
    return MemoryFacts(
        total=total, available=available, limit=limit, swap=swap, cores=_cores(), core_quota=_core_quota(root)
    )


def limits_facts(root: Path = ROOT) -> LimitsFacts:
    """How many files may be open, and how large shared memory is."""
    shm_total, shm_free = _space(root / "dev/shm")
    soft, hard = _open_files()
    return LimitsFacts(open_files=soft, open_files_hard=hard, shm_total=shm_total, shm_free=shm_free)


def _meminfo(root: Path) -> tuple[int | None, int | None, int | None]:
    """Total, available and swap in bytes."""
    text = text_of(root / "proc/meminfo")
    if not text and not sys.platform.startswith("linux"):
        import psutil

        memory = psutil.virtual_memory()
        return memory.total, memory.available, psutil.swap_memory().total
    kib = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        number = value.removesuffix("kB").strip()
        if number.isdecimal():
            kib[name] = int(number) * KIB
    return kib.get("MemTotal"), kib.get("MemAvailable", kib.get("MemFree")), kib.get("SwapTotal")


def _group_memory(folder: Path) -> tuple[int | None, int]:
    """A group's limit, and what it uses: files that it has only read can be dropped and do not count."""
    limit, used = number_of(folder / "memory.max"), number_of(folder / "memory.current")
    droppable = "inactive_file"
    if limit is None and used is None:
        limit, used = number_of(folder / "memory.limit_in_bytes"), number_of(folder / "memory.usage_in_bytes")
        droppable = "total_inactive_file"
    if limit is None or limit >= UNLIMITED:
        return None, 0
    for line in text_of(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == droppable and value.isdecimal():
            return limit, max(0, (used or 0) - int(value))
    return limit, used or 0


def _job_limit(environment: Mapping[str, str]) -> int | None:
    """Bytes that Slurm has granted; a cluster need not use control groups to enforce it."""
    node, core = environment.get("SLURM_MEM_PER_NODE", ""), environment.get("SLURM_MEM_PER_CPU", "")
    # Slurm writes "all of the node" as 0.
    if node.isdecimal():
        return int(node) * MIB or None
    cores = environment.get("SLURM_CPUS_ON_NODE", "")
    if core.isdecimal() and cores.isdecimal():
        return int(core) * int(cores) * MIB or None
    return None


def _cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _core_quota(root: Path) -> float | None:
    quotas = []
    for folder in _groups(root, "cpu"):
        words = text_of(folder / "cpu.max").split()
        if not words:
            words = [text_of(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
        if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's control group and of all above it that can be seen, for `memory` or `cpu`."""
    mine = _own_groups(root)
    for point, shown, controllers in _trees(root):
        if controllers is not None and controller not in controllers:
            continue
        path = mine.get("" if controllers is None else controller, "/")
        # A container sees its own group as the top of the tree, yet the path may be the one outside of it.
        path = path[len(shown) :] if shown != "/" and (path + "/").startswith(shown + "/") else path
        folder = inside(root, point)
        yield folder
        for part in path.strip("/").split("/"):
            folder = folder / part
            if not part or part == ".." or not os.path.isdir(folder):
                break
            yield folder


def _own_groups(root: Path) -> dict[str, str]:
    """This process's group in each tree, by controller; "" is the tree of version 2."""
    mine = {}
    for line in text_of(root / "proc/self/cgroup").splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3:
            mine.update(dict.fromkeys(fields[1].split(","), fields[2]))
    return mine


def _trees(root: Path) -> list[tuple[str, str, list[str] | None]]:
    """Mounted trees: where, which group is shown as the top, and the controllers (None: version 2, all of them)."""
    trees: list[tuple[str, str, list[str] | None]] = []
    for line in text_of(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or len(kinds) < 3 or kinds[0] not in {"cgroup", "cgroup2"}:
            continue
        trees.append((fields[4], fields[3], None if kinds[0] == "cgroup2" else kinds[2].split(",")))
    usual = "/sys/fs/cgroup"
    return trees or [(usual, "/", None), (f"{usual}/memory", "/", ["memory"]), (f"{usual}/cpu", "/", ["cpu"])]


def _open_files() -> tuple[int | None, int | None]:
    try:
        import resource
    except ImportError:  # Windows
        return None, None
    soft, hard = (
        None if value == resource.RLIM_INFINITY else value for value in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    return soft, hard


def _space(folder: Path) -> tuple[int | None, int | None]:
    """Total and free bytes of a file system."""
    try:
        space = os.statvfs(folder)
    except (OSError, AttributeError):
        return None, None
    return space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize

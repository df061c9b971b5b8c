"""Collectors for the operating system, Python, memory and disk."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from checks.facts.records import DiskFacts, MemoryFacts, PlatformFacts, PythonFacts


def platform_facts(root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> PlatformFacts:
    """The operating system, and whether it is WSL, a container or a notebook; `root` is replaced in tests."""
    environment = os.environ if environment is None else environment
    return PlatformFacts(
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        distribution=_distribution(root),
        wsl=_wsl(root),
        container="other" if _is_container(root, environment) else "",
        notebook=_notebook(environment),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _distribution(root: Path) -> str:
    for line in _read(root / "etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip('"')
    return ""


def _wsl(root: Path) -> Literal[0, 1, 2]:
    version = _read(root / "proc/version").lower()
    if "microsoft" not in version:
        return 0
    if "microsoft-standard" in version or "wsl2" in version or (root / "dev/dxg").exists():
        return 2
    return 1


def _is_container(root: Path, environment: Mapping[str, str]) -> bool:
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists() or environment.get("container"):
        return True
    return any(word in _read(root / "proc/1/cgroup") for word in ("docker", "kubepods", "containerd", "lxc"))


def _notebook(environment: Mapping[str, str]) -> Literal["", "colab", "kaggle", "jupyter"]:
    if environment.get("COLAB_RELEASE_TAG") or environment.get("COLAB_GPU"):
        return "colab"
    if environment.get("KAGGLE_KERNEL_RUN_TYPE"):
        return "kaggle"
    if environment.get("JPY_PARENT_PID"):
        return "jupyter"
    return ""


def python_facts() -> PythonFacts:
    """The interpreter that runs this program."""
    return PythonFacts(
        version=platform.python_version(),
        executable=sys.executable or "",
        bits=64 if sys.maxsize > 2**32 else 32,
        environment=sys.prefix if sys.prefix != sys.base_prefix else "",
    )


def memory_facts(root: Path = Path("/")) -> MemoryFacts:
    """Main memory, and the container's limit on it; `root` is replaced in tests."""
    import psutil

    memory = psutil.virtual_memory()
    limit = _number(root / "sys/fs/cgroup/memory.max")
    available = memory.available
    if limit is not None:
        used = _number(root / "sys/fs/cgroup/memory.current") or 0
        available = min(available, max(0, limit - used))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return MemoryFacts(total=memory.total, available=available, limit=limit, cores=cores)


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def disk_facts(folder: Path) -> DiskFacts:
    """The file system of a folder that may not exist yet."""
    existing = folder.expanduser().absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    usage = shutil.disk_usage(existing)
    return DiskFacts(
        path=str(existing), total=usage.total, free=usage.free, writable=os.access(existing, os.W_OK | os.X_OK)
    )

"""Collectors for the operating system and for file systems; `root` is replaced in tests."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from checks.facts.reading import ROOT, text_of
from checks.facts.records import DiskFacts, PlatformFacts

Manager = Literal["", "apt", "dnf", "pacman", "zypper", "apk"]
# By ID and ID_LIKE of /etc/os-release; the program must be there too.
MANAGER_OF: dict[str, Manager] = {
    "debian": "apt",
    "ubuntu": "apt",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "arch": "pacman",
    "suse": "zypper",
    "opensuse": "zypper",
    "alpine": "apk",
}
MANAGER_PROGRAM: dict[Manager, str] = {
    "apt": "apt-get",
    "dnf": "dnf",
    "pacman": "pacman",
    "zypper": "zypper",
    "apk": "apk",
}
PROGRAM_FOLDERS = ("usr/bin", "bin", "usr/sbin", "sbin")
# What the batch systems set in a job, and a command of theirs that nothing else has (SGE has qsub as well).
SCHEDULERS: dict[Literal["slurm", "pbs", "lsf"], tuple[str, str]] = {
    "slurm": ("SLURM_JOB_ID", "sbatch"),
    "pbs": ("PBS_JOBID", "pbsnodes"),
    "lsf": ("LSB_JOBID", "bsub"),
}
# Azure gives this tag to each of its machines; a Hyper-V guest at home has the same vendor and product.
AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"
DRIVE = "/content/drive"


def platform_facts(root: Path = ROOT, environment: Mapping[str, str] | None = None) -> PlatformFacts:
    """The operating system, and whether it is WSL, a container, a cloud machine, a notebook or a cluster."""
    environment = os.environ if environment is None else environment
    release = _os_release(root)
    return PlatformFacts(
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        distribution=release.get("PRETTY_NAME", ""),
        distribution_id=release.get("ID", "").lower(),
        package_manager=_package_manager(root, release),
        wsl=wsl_version(root),
        container=_container(root, environment),
        cloud=_cloud(root),
        notebook=_notebook(environment),
        drive_mounted=any(point == DRIVE for point, _ in mounts(root)),
        scheduler=_scheduler(environment),
        is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
    )


def wsl_version(root: Path = ROOT) -> Literal[0, 1, 2]:
    """Version of the Windows Subsystem for Linux, 0 elsewhere."""
    version = text_of(root / "proc/version").lower()
    if "microsoft" not in version:
        return 0
    if "microsoft-standard" in version or "wsl2" in version or os.path.exists(root / "dev/dxg"):
        return 2
    return 1


def mounts(root: Path = ROOT) -> list[tuple[str, str]]:
    """Mount points and their types, in the order of mounting; none where /proc does not tell."""
    text = text_of(root / "proc/self/mounts") or text_of(root / "proc/mounts")
    fields = (line.split(" ") for line in text.splitlines())
    return [(_unescaped(field[1]), field[2]) for field in fields if len(field) > 2]


def filesystem_of(path: Path, root: Path = ROOT) -> str:
    """The type of the file system that a path (there or not) lies on: `ext4`, `9p`, …; "" where that is unknown."""
    wanted = os.path.realpath(path)
    best, kind = "", ""
    for point, point_kind in mounts(root):
        holds = point == "/" or wanted == point or wanted.startswith(point + "/")
        # Of two mounts at one point, the later one covers the earlier one.
        if holds and len(point) >= len(best):
            best, kind = point, point_kind
    return kind


def disk_facts(folder: Path, root: Path = ROOT) -> DiskFacts:
    """The file system of a folder that may not exist yet."""
    existing = folder.expanduser().absolute()
    while not os.path.isdir(existing) and existing != existing.parent:
        existing = existing.parent
    usage = shutil.disk_usage(existing)
    return DiskFacts(
        path=str(existing),
        total=usage.total,
        free=usage.free,
        writable=os.access(existing, os.W_OK | os.X_OK),
        owned=existing.stat().st_uid == os.geteuid() if hasattr(os, "geteuid") else None,
        read_only=hasattr(os, "statvfs") and bool(os.statvfs(existing).f_flag & os.ST_RDONLY),
        filesystem=filesystem_of(existing, root),
    )


def _unescaped(text: str) -> str:
    r"""A mount point with spaces and the like, which /proc/mounts writes as `\040`."""
    return re.sub(r"\\([0-7]{3})", lambda digits: chr(int(digits[1], 8)), text)


def _os_release(root: Path) -> dict[str, str]:
    text = text_of(root / "etc/os-release") or text_of(root / "usr/lib/os-release")
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _package_manager(root: Path, release: Mapping[str, str]) -> Manager:
    words = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".lower().split()
    likely = [MANAGER_OF[word] for word in words if word in MANAGER_OF]
    for manager in dict.fromkeys((*likely, *MANAGER_PROGRAM)):
        if any(os.path.exists(root / folder / MANAGER_PROGRAM[manager]) for folder in PROGRAM_FOLDERS):
            return manager
    return ""


def _container(root: Path, environment: Mapping[str, str]) -> str:
    groups = text_of(root / "proc/1/cgroup")
    named = (environment.get("container") or text_of(root / "run/systemd/container")).strip().lower()
    if "KUBERNETES_SERVICE_HOST" in environment or "kubepods" in groups:
        return "kubernetes"
    if os.path.exists(root / "run/.containerenv") or named == "podman":
        return "podman"
    if os.path.exists(root / ".dockerenv") or "docker" in groups or named == "docker":
        return "docker"
    if "lxc" in groups or named.startswith("lxc"):
        return "lxc"
    apptainer = "APPTAINER_CONTAINER" in environment or "SINGULARITY_CONTAINER" in environment
    # systemd calls all of WSL a container; it is none.
    if apptainer or "containerd" in groups or named not in {"", "wsl"}:
        return "other"
    return ""


def _cloud(root: Path) -> Literal["", "gcp", "aws", "azure"]:
    firmware = {
        name: text_of(root / "sys/class/dmi/id" / name).strip()
        for name in ("sys_vendor", "bios_vendor", "product_name", "chassis_asset_tag")
    }
    # A Chromebook's vendor is Google too, so the product decides.
    if firmware["product_name"] in {"Google Compute Engine", "Google"}:
        return "gcp"
    old_aws = text_of(root / "sys/hypervisor/uuid").startswith("ec2")
    if old_aws or "Amazon EC2" in {firmware["sys_vendor"], firmware["bios_vendor"]}:
        return "aws"
    return "azure" if firmware["chassis_asset_tag"] == AZURE_TAG else ""


def _notebook(environment: Mapping[str, str]) -> Literal["", "colab", "kaggle", "jupyter"]:
    if environment.get("COLAB_RELEASE_TAG") or environment.get("COLAB_GPU"):
        return "colab"
    if environment.get("KAGGLE_KERNEL_RUN_TYPE"):
        return "kaggle"
    if environment.get("JPY_PARENT_PID") or "ipykernel" in sys.modules:
        return "jupyter"
    return ""


def _scheduler(environment: Mapping[str, str]) -> Literal["", "slurm", "pbs", "lsf"]:
    for name, (variable, _) in SCHEDULERS.items():
        if environment.get(variable):
            return name
    for name, (_, command) in SCHEDULERS.items():
        if shutil.which(command, path=environment.get("PATH", "")):
            return name
    return ""

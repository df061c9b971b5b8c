"""Records of the computer: operating system, Python, memory, disk, limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from checks.facts.records.base import Record


class PlatformFacts(Record):
    """The operating system and what it runs in."""

    system: str = ""
    release: str = ""
    machine: str = ""
    distribution: str = ""
    """For people: `Ubuntu 22.04.5 LTS`."""
    distribution_id: str = ""
    """For programs: `ubuntu`, `debian`, `fedora`, … (ID of /etc/os-release)."""
    package_manager: Literal["", "apt", "dnf", "pacman", "zypper", "apk"] = ""
    wsl: Literal[0, 1, 2] = 0
    """0: no Windows Subsystem for Linux; else its version."""
    container: str = ""
    """`docker`, `podman`, `kubernetes`, `lxc`, `other`; "" outside of containers."""
    cloud: Literal["", "gcp", "aws", "azure"] = ""
    """By the names that the firmware gives, no network is asked."""
    notebook: Literal["", "colab", "kaggle", "jupyter"] = ""
    drive_mounted: bool = False
    """Whether Google Drive is mounted at /content/drive."""
    scheduler: Literal["", "slurm", "pbs", "lsf"] = ""
    """The batch system whose job this is (by its environment variables) or whose commands are there."""
    is_root: bool = False


class WslFacts(Record):
    """What the Windows Subsystem for Linux offers; defaults elsewhere."""

    name: str = ""
    """Windows' name for this distribution (WSL_DISTRO_NAME)."""
    dxg: Literal["", "missing", "denied", "ok"] = ""
    """/dev/dxg, through which a GPU is reached; "" outside of WSL."""
    libcuda_is_link: bool | None = None
    """Whether /usr/lib/wsl/lib/libcuda.so.1 is a symbolic link; None where it is not there."""
    linux_driver_packages: tuple[str, ...] = ()
    """Installed packages that bring a Linux NVIDIA driver, which WSL must not have."""
    smi: str = ""
    """Which nvidia-smi a shell would start, "" for none."""


class PythonFacts(Record):
    """The interpreter that runs this program, and the packages that matter."""

    version: str = ""
    executable: str = ""
    bits: int = 64
    environment: str = ""
    """The folder of the virtual environment, or ""."""
    manager: Literal["", "venv", "conda", "system"] = ""
    start_method: str = ""
    """The start method of multiprocessing, if something has fixed it in this process; else ""."""
    checkout: str = ""
    """The source checkout that this program runs from, "" where it was installed without one."""
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of installed packages that matter, by normalised name: torch, numpy, chumpy, spconv-cu118, …"""


class MemoryFacts(Record):
    """Main memory in bytes; `limit` is the container's or the job's, if there is one."""

    total: int | None = None
    available: int | None = None
    limit: int | None = None
    swap: int | None = None
    cores: int | None = None
    """Cores that this process may run on."""
    core_quota: float | None = None
    """How many cores' time the container or the job grants, None without a limit."""


class LimitsFacts(Record):
    """Limits of the operating system that stop a program in the middle of its work."""

    open_files: int | None = None
    """Soft limit; None: no limit, or not known."""
    open_files_hard: int | None = None
    shm_total: int | None = None
    """Bytes of /dev/shm, through which data loaders hand over their batches."""
    shm_free: int | None = None


class DiskFacts(Record):
    """A file system that is written to or read from."""

    path: str = ""
    total: int | None = None
    free: int | None = None
    writable: bool | None = None
    owned: bool | None = None
    """Whether the folder belongs to this user, who may then change its permissions."""
    read_only: bool = False
    """Whether it is mounted read-only: nobody can write there, whatever the permissions."""
    filesystem: str = ""
    """Its type: `ext4`, `9p`, `drvfs`, `nfs4`, `tmpfs`, …"""

"""Collector for what only the Windows Subsystem for Linux has; `root` is replaced in tests."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from checks.facts.reading import ROOT, text_of
from checks.facts.records import WslFacts
from checks.facts.system import wsl_version

LIBCUDA = "usr/lib/wsl/lib/libcuda.so.1"
# Ubuntu's and NVIDIA's names carry the driver's version, Debian's do not.
LINUX_DRIVER = re.compile(
    r"(nvidia-driver|nvidia-utils|nvidia-dkms|nvidia-headless|libnvidia-compute|cuda-drivers)(-\d.*|-open)?"
    r"|nvidia-kernel-(dkms|source|common)(-\d.*)?|nvidia-smi|libcuda1"
)
# Ubuntu's list of some 2000 packages has 2 MB.
LONGEST_LIST = 64 * 1024 * 1024


def wsl_facts(root: Path = ROOT, environment: Mapping[str, str] | None = None) -> WslFacts:
    """The GPU's door in WSL, the driver's library there, and what stands in its way."""
    if not wsl_version(root):
        return WslFacts()
    environment = os.environ if environment is None else environment
    library = root / LIBCUDA
    return WslFacts(
        dxg=_dxg(root / "dev/dxg"),
        libcuda_is_link=library.is_symlink() if os.path.lexists(library) else None,
        linux_driver_packages=_linux_drivers(root),
        name=environment.get("WSL_DISTRO_NAME", ""),
        smi=shutil.which("nvidia-smi", path=environment.get("PATH", "")) or "",
    )


def _dxg(path: Path) -> Literal["missing", "denied", "ok"]:
    if not os.path.exists(path):
        return "missing"
    return "ok" if os.access(path, os.R_OK | os.W_OK) else "denied"


def _linux_drivers(root: Path) -> tuple[str, ...]:
    installed = set()
    name = ""
    for line in text_of(root / "var/lib/dpkg/status", LONGEST_LIST).splitlines():
        if line.startswith("Package: "):
            name = line[9:].strip()
        elif line.startswith("Status: ") and line.split()[-1] == "installed" and LINUX_DRIVER.fullmatch(name):
            installed.add(name)
    return tuple(sorted(installed))

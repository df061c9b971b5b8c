"""What only the Windows Subsystem for Linux has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checks.facts.records import WslFacts
from checks.facts.wsl import wsl_facts
from tests.checks.facts.fakes import files, program

KERNEL = {"proc/version": "Linux version 5.15.146.1-microsoft-standard-WSL2 (root@65c)"}
PACKAGES = """Package: nvidia-driver-535
Status: install ok installed

Package: libnvidia-compute-535
Status: install ok installed
Version: 535.183.01

Package: nvidia-utils-470
Status: deinstall ok config-files

Package: nvidia-driver-local-repo-ubuntu2204-535
Status: install ok installed

Package: cuda-toolkit-12-4
Status: install ok installed
"""


def test_elsewhere_nothing_is_looked_at(tmp_path: Path) -> None:
    root = files(tmp_path, {"proc/version": "Linux version 6.1", "dev/dxg": "", "var/lib/dpkg/status": PACKAGES})
    assert wsl_facts(root, {"PATH": ""}) == WslFacts()


def test_a_healthy_one(tmp_path: Path) -> None:
    root = files(tmp_path, {**KERNEL, "dev/dxg": "", "usr/lib/wsl/lib/libcuda.so.1.1": ""})
    (root / "usr/lib/wsl/lib/libcuda.so.1").symlink_to("libcuda.so.1.1")
    smi = program(root / "usr/lib/wsl/lib/nvidia-smi")
    facts = wsl_facts(root, {"PATH": str(smi.parent), "WSL_DISTRO_NAME": "Ubuntu-22.04"})
    assert facts == WslFacts(name="Ubuntu-22.04", dxg="ok", libcuda_is_link=True, smi=str(smi))


def test_one_with_a_linux_driver(tmp_path: Path) -> None:
    root = files(tmp_path, {**KERNEL, "var/lib/dpkg/status": PACKAGES, "usr/lib/wsl/lib/libcuda.so.1": "a copy"})
    facts = wsl_facts(root, {})
    assert facts.linux_driver_packages == ("libnvidia-compute-535", "nvidia-driver-535")
    assert (facts.dxg, facts.libcuda_is_link, facts.smi) == ("missing", False, "")


def test_a_door_that_is_shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = files(tmp_path, {**KERNEL, "dev/dxg": ""})
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert wsl_facts(root, {}).dxg == "denied"


def test_garbage_for_a_list_of_packages(tmp_path: Path) -> None:
    root = files(tmp_path, {**KERNEL, "var/lib/dpkg/status": b"Status: \nPackage\xff\n\x00Status:  installed"})
    assert wsl_facts(root, {}).linux_driver_packages == ()

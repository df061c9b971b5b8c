"""Collectors for the operating system and file systems, on machines made of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from checks.facts import system
from tests.checks.facts.fakes import files, program

UBUNTU = 'ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME="Ubuntu 22.04.5 LTS"\n# a remark = none\n'


@pytest.mark.parametrize(
    ("contents", "wsl"),
    [
        ({"proc/version": "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)"}, 0),
        ({"proc/version": "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com)"}, 1),
        ({"proc/version": "Linux version 5.15.146.1-microsoft-standard-WSL2 (root@65c)"}, 2),
        ({"proc/version": "Linux version 5.10.0 (own-kernel@microsoft)", "dev/dxg": ""}, 2),
        ({"proc/version": b"\xff\xfe\x00garbage"}, 0),
        ({}, 0),
    ],
)
def test_wsl(tmp_path: Path, contents: dict[str, str | bytes], wsl: int) -> None:
    assert system.platform_facts(files(tmp_path, contents), {}).wsl == wsl


@pytest.mark.parametrize(
    ("contents", "environment", "expected"),
    [
        ({}, {}, ""),
        ({".dockerenv": ""}, {}, "docker"),
        ({"proc/1/cgroup": "12:memory:/docker/abcdef"}, {}, "docker"),
        ({"run/.containerenv": ""}, {}, "podman"),
        ({}, {"container": "podman"}, "podman"),
        ({".dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"proc/1/cgroup": "0::/kubepods.slice/x"}, {}, "kubernetes"),
        ({"run/systemd/container": "lxc\n"}, {}, "lxc"),
        ({}, {"container": "lxc-libvirt"}, "lxc"),
        ({}, {"APPTAINER_CONTAINER": "/images/torch.sif"}, "other"),
        ({"run/systemd/container": "systemd-nspawn\n"}, {}, "other"),
        ({"proc/1/cgroup": "0::/init.scope"}, {}, ""),
        ({"run/systemd/container": "wsl\n"}, {}, ""),
    ],
)
def test_container(tmp_path: Path, contents: dict[str, Any], environment: dict[str, str], expected: str) -> None:
    assert system.platform_facts(files(tmp_path, contents), environment).container == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ""),
        ({"COLAB_RELEASE_TAG": "release-colab_20260101", "JPY_PARENT_PID": "12"}, "colab"),
        ({"KAGGLE_KERNEL_RUN_TYPE": "Interactive", "JPY_PARENT_PID": "12"}, "kaggle"),
        ({"JPY_PARENT_PID": "12"}, "jupyter"),
    ],
)
def test_notebook(tmp_path: Path, environment: dict[str, str], expected: str) -> None:
    assert system.platform_facts(tmp_path, environment).notebook == expected


@pytest.mark.parametrize(
    ("firmware", "expected"),
    [
        ({"sys_vendor": "Google", "product_name": "Google Compute Engine\n"}, "gcp"),
        ({"sys_vendor": "Google", "product_name": "Eve"}, ""),
        ({"sys_vendor": "Amazon EC2", "product_name": "g5.xlarge"}, "aws"),
        ({"sys_vendor": "Xen", "bios_vendor": "Amazon EC2"}, "aws"),
        (
            {
                "sys_vendor": "Microsoft Corporation",
                "product_name": "Virtual Machine",
                "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77",
            },
            "azure",
        ),
        ({"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"}, ""),
        ({}, ""),
    ],
)
def test_cloud(tmp_path: Path, firmware: dict[str, str], expected: str) -> None:
    root = files(tmp_path, {f"sys/class/dmi/id/{name}": text for name, text in firmware.items()})
    assert system.platform_facts(root, {}).cloud == expected


def test_the_distribution(tmp_path: Path) -> None:
    facts = system.platform_facts(files(tmp_path, {"etc/os-release": UBUNTU}), {})
    assert (facts.distribution, facts.distribution_id) == ("Ubuntu 22.04.5 LTS", "ubuntu")


@pytest.mark.parametrize(
    ("release", "programs", "expected"),
    [
        (UBUNTU, ["usr/bin/apt-get"], "apt"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', ["usr/bin/dnf"], "dnf"),
        ("ID=fedora\n", ["usr/bin/apt-get", "usr/bin/dnf"], "dnf"),
        ("ID=arch\n", ["usr/bin/pacman"], "pacman"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', ["usr/bin/zypper"], "zypper"),
        ("ID=alpine\n", ["sbin/apk"], "apk"),
        ("ID=homegrown\n", ["usr/bin/apt-get"], "apt"),
        ("ID=ubuntu\n", [], ""),
    ],
)
def test_the_package_manager_is_the_one_that_is_there(
    tmp_path: Path, release: str, programs: list[str], expected: str
) -> None:
    files(tmp_path, {"etc/os-release": release})
    for name in programs:
        program(tmp_path / name)
    assert system.platform_facts(tmp_path, {}).package_manager == expected


def test_the_batch_system_by_its_job_or_its_commands(tmp_path: Path) -> None:
    assert system.platform_facts(tmp_path, {"SLURM_JOB_ID": "7"}).scheduler == "slurm"
    assert system.platform_facts(tmp_path, {"PBS_JOBID": "7.head"}).scheduler == "pbs"
    assert system.platform_facts(tmp_path, {"LSB_JOBID": "7"}).scheduler == "lsf"
    assert system.platform_facts(tmp_path, {"PATH": str(tmp_path)}).scheduler == ""
    program(tmp_path / "sbatch")
    assert system.platform_facts(tmp_path, {"PATH": str(tmp_path)}).scheduler == "slurm"


def test_drive_counts_where_it_is_mounted_not_where_its_folder_is(tmp_path: Path) -> None:
    (tmp_path / "content/drive").mkdir(parents=True)
    assert not system.platform_facts(tmp_path, {}).drive_mounted
    files(tmp_path, {"proc/mounts": "overlay / overlay rw 0 0\ndrive /content/drive fuse.drive rw,nosuid 0 0\n"})
    assert system.platform_facts(tmp_path, {}).drive_mounted


def test_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert system.platform_facts(tmp_path, {}).is_root
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not system.platform_facts(tmp_path, {}).is_root


MOUNTS = r"""/dev/sda1 / ext4 rw 0 0
C:\134 /mnt/c 9p rw,aname=drvfs 0 0
tmpfs /mnt/c/fast tmpfs rw 0 0
server:/x /data\040sets/people nfs4 rw 0 0
systemd-1 /auto autofs rw 0 0
/dev/sdb1 /auto xfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/user/data", "ext4"),
        ("/mnt/c/Users/me", "9p"),
        ("/mnt/c", "9p"),
        ("/mnt/cdrom", "ext4"),
        ("/mnt/c/fast/run", "tmpfs"),
        ("/data sets/people/0001", "nfs4"),
        ("/auto/home", "xfs"),
    ],
)
def test_the_file_system_of_a_path(tmp_path: Path, path: str, expected: str) -> None:
    root = files(tmp_path, {"proc/self/mounts": MOUNTS})
    assert system.filesystem_of(Path(path), root) == expected


def test_the_file_system_without_proc_is_unknown(tmp_path: Path) -> None:
    assert system.filesystem_of(tmp_path, tmp_path) == ""


def test_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    root = files(tmp_path / "root", {"proc/mounts": "/dev/sda1 / btrfs rw 0 0\n"})
    facts = system.disk_facts(tmp_path / "not" / "yet", root)
    assert facts.path == str(tmp_path)
    assert facts.filesystem == "btrfs"
    assert (facts.writable, facts.owned, facts.read_only) == (True, True, False)
    assert facts.free is not None
    assert facts.total is not None
    assert 0 < facts.free <= facts.total


def test_disk_that_is_mounted_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    changed = os.statvfs_result([*real[:8], real.f_flag | os.ST_RDONLY, real.f_namemax])
    monkeypatch.setattr(os, "statvfs", lambda path: changed)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    facts = system.disk_facts(tmp_path, tmp_path)
    assert facts.read_only
    assert facts.writable is False

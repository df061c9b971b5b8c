from __future__ import annotations

import pytest

from checks import Facts
from tests.checks.rules.asking import BLOCK, EVAL, WARN, changed, evidence, fix, severity


@pytest.mark.parametrize(
    ("version", "bits", "expected"),
    [("3.9.18", 64, BLOCK), ("3.10.0", 64, None), ("3.14.1", 64, None), ("3.12.3", 32, BLOCK), ("2.7.18", 64, BLOCK)],
)
def test_versions(version: str, bits: int, expected: object) -> None:
    assert severity(changed("cpu-laptop", python={"version": version, "bits": bits}), "PY.VERSION") == expected


def test_an_unknown_version_is_no_trouble() -> None:
    assert severity(Facts(), "PY.VERSION") is None


@pytest.mark.parametrize(
    ("platform", "steps"),
    [
        (
            {"distribution_id": "ubuntu"},
            "$ sudo add-apt-repository ppa:deadsnakes/ppa\n$ sudo apt-get install python3.12",
        ),
        ({"distribution_id": "fedora", "package_manager": "dnf"}, "$ sudo dnf install python3.12"),
        ({"distribution_id": "arch", "package_manager": "pacman"}, "$ sudo pacman -S python"),
        ({"distribution_id": "opensuse", "package_manager": "zypper"}, "$ sudo zypper install python312"),
        ({"distribution_id": "alpine", "package_manager": "apk", "is_root": True}, "$ apk add python3"),
        ({"distribution_id": "debian"}, "Miniforge"),
        ({"distribution_id": "", "package_manager": ""}, "Miniforge"),
    ],
)
def test_the_command_is_the_system_s_own(platform: dict[str, object], steps: str) -> None:
    old = changed("cpu-laptop", platform=platform, python={"version": "3.8.10", "manager": "system"})
    assert steps in fix(old, "PY.VERSION")
    assert "$ PYTHON=python3.12 make test" in fix(old, "PY.VERSION")


def test_conda_makes_an_environment() -> None:
    old = changed("gcp-vm", python={"version": "3.9.1"})
    assert fix(old, "PY.VERSION").startswith("$ conda create --name sherf python=3.12\n$ conda activate sherf")


def test_missing_parts_are_named_and_the_rest_counted() -> None:
    parts = [f"sherf_core/part{number}" for number in range(7)]
    facts = changed("bare-metal-1gpu", missing_parts=parts)
    assert evidence(facts, "SYS.INSTALL") == f"missing: {', '.join(parts[:5])} and 2 more"
    assert severity(facts, "SYS.INSTALL", EVAL) == BLOCK


def test_what_the_demo_lacks_is_a_warning_for_others() -> None:
    from checks import Purpose

    facts = changed("bare-metal-1gpu", missing_parts=["x"])
    assert severity(facts, "SYS.INSTALL", Purpose("eval", "RenderPeople")) == WARN


def test_packages_block_everything_and_come_from_pip() -> None:
    from checks import Purpose

    facts = changed("bare-metal-1gpu", missing_parts=["the package jaxtyping", "the package pillow"])
    assert severity(facts, "SYS.INSTALL", Purpose("eval", "RenderPeople")) == BLOCK
    assert evidence(facts, "SYS.INSTALL") == "missing: the package jaxtyping, the package pillow"
    steps = fix(facts, "SYS.INSTALL")
    assert steps.startswith("$ ")
    assert steps.endswith('-m pip install "jaxtyping" "pillow"')
    both = changed("bare-metal-1gpu", missing_parts=["sherf_core/io/manifest.json", "the package jaxtyping"])
    assert "pip install" in fix(both, "SYS.INSTALL")
    assert "git status" in fix(both, "SYS.INSTALL")


def test_what_only_the_doctor_uses_stops_no_run() -> None:
    facts = changed("bare-metal-1gpu", missing_parts=["the package nvidia-ml-py", "the package psutil"])
    assert severity(facts, "SYS.INSTALL", EVAL) == WARN

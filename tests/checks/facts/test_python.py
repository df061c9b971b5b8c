"""The interpreter and the packages that matter."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from checks.facts.python import checkout_of, installed_packages, python_facts
from tests.checks.facts.fakes import files


def test_packages_by_the_names_of_their_metadata(tmp_path: Path) -> None:
    files(
        tmp_path / "site",
        {
            "torch-2.6.0+cu124.dist-info/METADATA": "",
            "nvidia_ml_py-12.560.30.dist-info/METADATA": "",
            "spconv_cu118-2.3.6.dist-info/METADATA": "",
            "chumpy-0.70-py3.11.egg-info/PKG-INFO": "",
            "requests-2.32.0.dist-info/METADATA": "",
            "torch/version.py": "",
            "sherfctl.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: sherfctl\nVersion: 0.1.0\n",
            "~orch-2.0.0.dist-info/METADATA": "",
        },
    )
    files(tmp_path / "later", {"torch-1.0.0.dist-info/METADATA": "", "numpy-2.1.0.dist-info/METADATA": b"\xff"})
    places = [str(tmp_path / "site"), str(tmp_path / "gone"), str(tmp_path / "later"), "/usr/lib/python311.zip"]
    assert installed_packages(places) == {
        "chumpy": "0.70",
        "numpy": "2.1.0",
        "nvidia-ml-py": "12.560.30",
        "sherfctl": "0.1.0",
        "spconv-cu118": "2.3.6",
        "torch": "2.6.0+cu124",
    }


def test_this_interpreter() -> None:
    facts = python_facts()
    assert facts.version == ".".join(str(part) for part in sys.version_info[:3])
    assert facts.executable == sys.executable
    assert facts.bits == 64
    import numpy

    assert facts.packages["numpy"] == numpy.__version__


def test_what_manages_the_environment(tmp_path: Path) -> None:
    venv = python_facts(prefix="/home/me/.venv", base="/usr")
    assert (venv.manager, venv.environment) == ("venv", "/home/me/.venv")
    system = python_facts(prefix=str(tmp_path), base=str(tmp_path))
    assert (system.manager, system.environment) == ("system", "")
    files(tmp_path, {"conda-meta/history": ""})
    conda = python_facts(prefix=str(tmp_path), base=str(tmp_path))
    assert (conda.manager, conda.environment) == ("conda", str(tmp_path))


def test_the_start_method_is_looked_up_and_not_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "multiprocessing", SimpleNamespace(get_start_method=lambda allow_none: "fork"))
    assert python_facts().start_method == "fork"
    monkeypatch.setitem(sys.modules, "multiprocessing", multiprocessing)
    before = multiprocessing.get_start_method(allow_none=True)
    assert python_facts().start_method == (before or "")
    assert multiprocessing.get_start_method(allow_none=True) == before
    monkeypatch.delitem(sys.modules, "multiprocessing")
    assert python_facts().start_method == ""
    assert "multiprocessing" not in sys.modules


def test_a_checkout_is_one_that_pip_can_install(tmp_path: Path) -> None:
    assert checkout_of(tmp_path) == ""
    (tmp_path / "pyproject.toml").touch()
    assert checkout_of(tmp_path) == str(tmp_path)

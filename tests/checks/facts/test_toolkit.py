"""The CUDA toolkit, libraries that stand before torch's own, and locks of unfinished builds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checks.facts.records import ToolkitFacts
from checks.facts.toolkit import toolkit_facts
from tests.checks.facts.fakes import files, program

VERSIONS = json.dumps({"cuda": {"version": "12.4.1"}, "cuda_nvcc": {"version": "12.4.131"}})


def test_nothing_there(tmp_path: Path) -> None:
    assert toolkit_facts(tmp_path, {}) == ToolkitFacts()


def test_the_compiler_of_the_path_comes_first(tmp_path: Path) -> None:
    for place in ("opt/cuda-11.8/bin/nvcc", "usr/local/cuda/bin/nvcc"):
        program(tmp_path / place)
    files(tmp_path, {"usr/local/cuda/version.json": VERSIONS})
    facts = toolkit_facts(tmp_path, {"PATH": "/usr/bin:relative:/opt/cuda-11.8/bin", "CUDA_HOME": "/usr/local/cuda"})
    assert (facts.nvcc, facts.nvcc_version) == ("/opt/cuda-11.8/bin/nvcc", "11.8")
    assert (facts.cuda_home, facts.cuda_home_exists) == ("/usr/local/cuda", True)
    facts = toolkit_facts(tmp_path, {"PATH": "/usr/bin", "CUDA_HOME": "/usr/local/cuda"})
    assert (facts.nvcc, facts.nvcc_version) == ("/usr/local/cuda/bin/nvcc", "12.4")


def test_a_home_that_is_not_there(tmp_path: Path) -> None:
    facts = toolkit_facts(tmp_path, {"CUDA_PATH": "/usr/local/cuda-9.0"})
    assert (facts.nvcc, facts.cuda_home, facts.cuda_home_exists) == ("", "/usr/local/cuda-9.0", False)


def test_places_that_cannot_be_asked_for(tmp_path: Path) -> None:
    long = "/" + "x" * 300
    variables = ("CUDA_HOME", "LD_LIBRARY_PATH", "PATH", "TORCH_EXTENSIONS_DIR")
    facts = toolkit_facts(tmp_path, dict.fromkeys(variables, long))
    assert facts == ToolkitFacts(cuda_home=long, library_path=long)


@pytest.mark.parametrize(
    ("contents", "version"),
    [
        ({"version.json": VERSIONS}, "12.4"),
        ({"version.json": '{"cuda": {"version": "13.0.0"}}'}, "13.0"),
        ({"version.txt": "CUDA Version 10.2.89\n"}, "10.2"),
        ({"version.json": "{cut", "include/cuda.h": "/* */\n#define CUDA_VERSION 12060\n"}, "12.6"),
        ({"version.json": "[]", "targets/x86_64-linux/include/cuda.h": "#define CUDA_VERSION 11080"}, "11.8"),
        ({}, ""),
    ],
)
def test_the_version_is_read_not_asked_for(tmp_path: Path, contents: dict[str, str | bytes], version: str) -> None:
    program(tmp_path / "usr/local/cuda/bin/nvcc")
    files(tmp_path / "usr/local/cuda", contents)
    assert toolkit_facts(tmp_path, {}).nvcc_version == version


def test_shadowing_libraries(tmp_path: Path) -> None:
    names = (
        "libcudnn.so.8",
        "libcudnn.so.8.9.7",
        "libcublasLt.so.12",
        "libnccl.so.2",
        "libcudart.so.12",
        "libnccl.txt",
    )
    root = files(tmp_path, {f"opt/old/{name}": "" for name in names})
    files(root, {"env/lib/python3.11/site-packages/nvidia/cudnn/lib/libcudnn.so.9": ""})
    path = "/opt/old/:/opt/old/:/nowhere:relative::/env/lib/python3.11/site-packages/nvidia/cudnn/lib"
    facts = toolkit_facts(root, {"LD_LIBRARY_PATH": path}, prefix="/env")
    assert facts.library_path == path
    assert facts.shadowing == ("/opt/old/libcublasLt.so.12", "/opt/old/libcudnn.so.8", "/opt/old/libnccl.so.2")
    # The same folder inside of another environment is not torch's own.
    assert len(toolkit_facts(root, {"LD_LIBRARY_PATH": path}, prefix="/other").shadowing) == 4


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOME": "/home/me"}, "home/me/.cache/torch_extensions/py311_cu124/bias_act"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/scratch"}, "scratch/torch_extensions/py311_cu124/bias_act"),
        ({"TORCH_EXTENSIONS_DIR": "/builds"}, "builds/bias_act"),
    ],
)
def test_locks_of_unfinished_builds(tmp_path: Path, environment: dict[str, str], folder: str) -> None:
    files(tmp_path, {f"{folder}/lock": "", f"{folder}/build.ninja": ""})
    assert toolkit_facts(tmp_path, environment).extension_locks == (f"/{folder}/lock",)
    assert toolkit_facts(tmp_path, {}).extension_locks == ()

"""Kernels on the CPU, in Triton's interpreter.

Triton decides when it is imported whether it interprets, and other tests of the process may have imported it (torch
does); so each call is a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

CHILD = """
import importlib, sys, torch
calls = torch.load(sys.argv[1], weights_only=False)
with torch.inference_mode():
    results = [getattr(importlib.import_module(module), name)(*given) for module, name, *given in calls]
torch.save(results, sys.argv[1])
"""

Interpret = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def interpret(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Interpret:
    """A function that takes calls (module, function, arguments …) and gives back what they return."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed: kernels are not tested")

    def run(*calls: tuple[Any, ...]) -> list[Any]:
        path = tmp_path_factory.mktemp("kernels") / "calls.pt"
        torch.save(calls, path)
        search = os.pathsep.join([str(repository), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": search}
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(path)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        results: list[Any] = torch.load(path, weights_only=False)
        return results

    return run

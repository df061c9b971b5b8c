"""Collector for torch: it is imported in a child process, so that a broken or slow one cannot hurt this one."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

from checks.facts.records import TorchFacts

# The child takes the current folder off its path, as the installed program does, so that a stray torch.py does no harm.
CHILD = """
import json, sys
sys.path = [place for place in sys.path if place]
import torch
devices = []
if torch.cuda.is_available():
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        devices.append({"name": card.name, "capability": [card.major, card.minor], "total_bytes": card.total_memory})
print("\\n" + json.dumps({
    "version": str(torch.__version__),
    "cuda_build": torch.version.cuda or "",
    "cuda_available": torch.cuda.is_available(),
    "devices": devices,
    "architectures": list(torch.cuda.get_arch_list()) if torch.version.cuda else [],
}))
"""
ERROR_LINES = 3


def torch_facts(seconds: float = 60.0, executable: str | None = None, child: str = CHILD) -> TorchFacts:
    """What `import torch` gives in a fresh interpreter.

    Args:
        seconds: how long the child may take.
        executable: the interpreter, default the one that runs this program.
        child: the child's program; tests replace it.
    """
    if importlib.util.find_spec("torch") is None:
        return TorchFacts(state="missing")
    try:
        done = subprocess.run(
            [executable or sys.executable, "-c", child],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return TorchFacts(state="timeout", error=f"`import torch` took longer than {seconds:.0f} s")
    if done.returncode != 0:
        return TorchFacts(state="broken", error=_tail(done.stderr) or f"exit status {done.returncode}")
    try:
        return TorchFacts(state="ok", **json.loads(done.stdout.strip().splitlines()[-1]))
    except (IndexError, ValueError, TypeError) as error:
        return TorchFacts(state="broken", error=f"the probe's answer cannot be read: {error}")


def _tail(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-ERROR_LINES:])

"""The states of the global random number generators, as text.

A training draws nothing from them: its numbers follow from (seed, counters). They are kept so that code around a
training, in a notebook or a plug-in, goes on where it was, too.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import torch


def random_states() -> dict[str, str]:
    """State of Python's, NumPy's, torch's and each GPU's generator, in hexadecimal digits."""
    _, python, waiting = random.getstate()
    inner = np.random.get_state(legacy=False)
    assert isinstance(inner, dict)
    states = {
        # Normal numbers come in pairs, and the second of one may still wait.
        "python normal": "" if waiting is None else float(waiting).hex(),
        "numpy normal": float(inner["gauss"]).hex() if inner["has_gauss"] else "",
        "python": np.array(python, np.uint64).tobytes().hex(),
        "numpy": np.append(inner["state"]["key"], np.uint32(inner["state"]["pos"])).tobytes().hex(),
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        for index, state in enumerate(torch.cuda.get_rng_state_all()):
            states[f"cuda:{index}"] = state.numpy().tobytes().hex()
    return states


def restore_random_states(states: Mapping[str, str]) -> None:
    """Put the generators back; those of GPUs that are not there are left out."""
    if "python" in states:
        words = np.frombuffer(bytes.fromhex(states["python"]), np.uint64)
        waiting = states.get("python normal", "")
        random.setstate((3, tuple(int(word) for word in words), float.fromhex(waiting) if waiting else None))
    if "numpy" in states:
        words = np.frombuffer(bytes.fromhex(states["numpy"]), np.uint32)
        waiting = states.get("numpy normal", "")
        np.random.set_state(
            {
                "bit_generator": "MT19937",
                "state": {"key": words[:-1], "pos": int(words[-1])},
                "has_gauss": int(bool(waiting)),
                "gauss": float.fromhex(waiting) if waiting else 0.0,
            }
        )
    if "torch" in states:
        torch.set_rng_state(_bytes_tensor(states["torch"]))
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        for index in range(torch.cuda.device_count()):
            if f"cuda:{index}" in states:
                torch.cuda.set_rng_state(_bytes_tensor(states[f"cuda:{index}"]), index)


def _bytes_tensor(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)

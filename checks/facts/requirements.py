"""Which of the Python packages that the program needs are missing. Imports none of them, and next to nothing else."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

# As pip names them, and as they are imported; pyproject.toml asks for the same, and for torch, which has its own check.
REQUIRED = {
    "typer": "typer",
    "numpy": "numpy",
    "scipy": "scipy",
    "pyyaml": "yaml",
    "pydantic": "pydantic",
    "nvidia-ml-py": "pynvml",
    "safetensors": "safetensors",
    "pillow": "PIL",
    "jaxtyping": "jaxtyping",
    "psutil": "psutil",
    "scikit-image": "skimage",
    "requests": "requests",
    "urllib3": "urllib3",
}

# How a missing part of the installation is called that is a package.
PACKAGE = "the package "


def missing_packages(required: Mapping[str, str] = REQUIRED) -> tuple[str, ...]:
    """Names, as pip knows them, of the packages that this Python does not find."""
    return tuple(name for name, module in required.items() if not may_be_there(module))


def may_be_there(module: str) -> bool:
    """Whether a top-level module is found; what is found is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return True  # something odd goes by that name: importing it tells


def package_of(module: str) -> str:
    """The required package, as pip names it, that a module belongs to; "" for others."""
    top = module.partition(".")[0]
    return next((name for name, known in REQUIRED.items() if known == top), "")

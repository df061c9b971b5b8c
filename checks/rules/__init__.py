"""Rules: pure functions from facts and a purpose to findings. Importing this package registers all of them."""

from checks.rules import (
    checkpoint,
    cuda,
    dataset,
    dataset_files,
    filesystem,
    gpu,
    gpu_condition,
    published,
    python,
    running,
    smpl,
    smpl_content,
    system,
    torch,
    wsl,
)
from checks.rules.registry import RULES, Rule

__all__ = [
    "RULES",
    "Rule",
    "checkpoint",
    "cuda",
    "dataset",
    "dataset_files",
    "filesystem",
    "gpu",
    "gpu_condition",
    "published",
    "python",
    "running",
    "smpl",
    "smpl_content",
    "system",
    "torch",
    "wsl",
]

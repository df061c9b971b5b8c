"""The words that each trouble is known by, a file for each group of the catalogue."""

from checks.explain.pattern import Pattern
from checks.explain.patterns import (
    checkpoint,
    compiled,
    cuda,
    dataset,
    gpu,
    memory,
    questions,
    running,
    smpl,
    system,
    torch,
    wsl,
)

_MODULES = (gpu, memory, cuda, torch, compiled, wsl, system, smpl, checkpoint, dataset, running, questions)
PATTERNS: tuple[Pattern, ...] = tuple(pattern for module in _MODULES for pattern in module.PATTERNS)

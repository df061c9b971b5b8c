"""Every finding there is, by group: what it means, what mends it, and which other findings explain it away."""

from checks.catalogue import (
    checkpoint,
    cuda,
    dataset,
    filesystem,
    gpu,
    published,
    python,
    running,
    smpl,
    system,
    torch,
    wsl,
)
from checks.catalogue.entry import GROUPS, Entry

_MODULES = (python, torch, gpu, cuda, wsl, system, filesystem, smpl, checkpoint, dataset, running, published)
ENTRIES: tuple[Entry, ...] = tuple(entry for module in _MODULES for entry in module.ENTRIES)
CATALOGUE = {entry.id: entry for entry in ENTRIES}

__all__ = ["CATALOGUE", "ENTRIES", "GROUPS", "Entry"]

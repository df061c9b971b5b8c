"""Findings about torch."""

from __future__ import annotations

from checks.catalogue.entry import TORCH_SITE, Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "TORCH.MISSING",
        "Torch",
        "torch is not installed",
        "The model is written in PyTorch, and this Python has none.",
        ('$ {python} -m pip install "torch>=2.4"',),
        TORCH_SITE,
        follows=("PY.VERSION",),
    ),
    Entry(
        "TORCH.BROKEN",
        "Torch",
        "torch is installed but cannot be imported",
        "The installation is damaged, mixed from several versions, or a library it needs is missing.",
        ('$ {python} -m pip install --force-reinstall "torch>=2.4"', "or, in a source checkout: $ make clean test"),
        TORCH_SITE,
        follows=("PY.VERSION",),
    ),
    Entry(
        "TORCH.CPU",
        "Torch",
        "torch is a CPU build, and there is a GPU",
        "This build of torch was made without CUDA, so the GPU stays idle.",
        ("install a CUDA build of torch into {python}: the site below gives the command for your driver",),
        TORCH_SITE,
        follows=("TORCH.MISSING", "TORCH.BROKEN", "GPU.NONE"),
    ),
)

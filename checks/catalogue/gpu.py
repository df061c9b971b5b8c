"""Findings about the GPU, its driver and CUDA."""

from __future__ import annotations

from checks.catalogue.entry import TORCH_SITE, Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "GPU.NONE",
        "GPU",
        "no NVIDIA GPU",
        "There is no NVIDIA device, no driver library, and no /dev/dxg (WSL): the CPU does the work.",
        ("{advice}",),
    ),
    Entry(
        "CUDA.VISIBLE",
        "GPU",
        "CUDA_VISIBLE_DEVICES hides the GPUs",
        "The environment variable names no GPU that is there, so torch sees none.",
        ("$ unset CUDA_VISIBLE_DEVICES",),
        follows=("GPU.NONE",),
    ),
    Entry(
        "CUDA.DRIVER_OLD",
        "GPU",
        "the NVIDIA driver is too old for this torch",
        "torch was built for a newer major version of CUDA than the driver serves.",
        (
            "update the NVIDIA driver (on WSL: the one of Windows)",
            "or install a torch that was built for CUDA {driver_cuda}: the site below has older builds",
        ),
        TORCH_SITE,
        follows=("GPU.NONE", "TORCH.MISSING", "TORCH.BROKEN", "TORCH.CPU", "CUDA.VISIBLE"),
    ),
)

"""Findings about torch."""

from __future__ import annotations

from checks.catalogue.entry import TORCH_SITE, Entry
from checks.catalogue.roots import NO_GPU, NO_TORCH

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "TORCH.MISSING",
        "Torch",
        "torch is not installed",
        "The model is written in PyTorch, and this Python has none.",
        ('$ python3 -m pip install "torch>=2.4"',),
        TORCH_SITE,
        follows=("PY.VERSION",),
    ),
    Entry(
        "TORCH.BROKEN",
        "Torch",
        "torch is installed but cannot be imported",
        "The installation is damaged, mixed from several versions, or a library it needs is missing.",
        ('$ python3 -m pip install --force-reinstall "torch>=2.4"', "or, in a source checkout: make clean test"),
        TORCH_SITE,
        follows=("PY.VERSION", "LIB.CUDNN"),
    ),
    Entry(
        "TORCH.CPU",
        "Torch",
        "this build of torch cannot use the GPU",
        "It was made without CUDA (or for AMD's ROCm), so the NVIDIA GPU stays idle.",
        (
            "$ python3 -m pip uninstall --yes torch",
            "install the build for your driver: the site below gives the command",
        ),
        TORCH_SITE,
        follows=(*NO_TORCH, *NO_GPU),
    ),
    Entry(
        "TORCH.KERNEL",
        "Torch",
        "the GPU is there, but computing on it fails",
        "Driver and torch look right, yet torch cannot start on the GPU, a small computation fails or gives wrong "
        "numbers, or several GPUs cannot talk to each other.",
        (
            "restart the machine, then look again: sherfctl doctor --deep",
            "on servers with NVSwitch (error 802): sudo systemctl enable --now nvidia-fabricmanager",
            "if it stays: install the newest NVIDIA driver, or another build of torch (site below)",
            "until then, work on the CPU: sherfctl run eval --profile cpu",
        ),
        TORCH_SITE,
        follows=(
            *NO_TORCH,
            "TORCH.CPU",
            *NO_GPU,
            "WSL.SMIERR",
            "WSL.NCCL",
            "CUDA.VISIBLE",
            "CUDA.DRIVER_OLD",
            "CUDA.ARCH",
            "CUDA.PTX",
            "LIB.CUDNN",
            "GPU.MIG",
            "GPU.COMPUTEMODE",
            "GPU.BUSY",
            "RUN.SHM",
        ),
    ),
)

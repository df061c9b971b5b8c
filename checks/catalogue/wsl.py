"""Findings about the Windows Subsystem for Linux."""

from __future__ import annotations

from checks.catalogue.entry import Entry

GUIDE = "https://docs.nvidia.com/cuda/wsl-user-guide/"
ISSUES = "https://github.com/microsoft/WSL/issues/"
NO_DRIVER = ("WSL.V1", "WSL.NODXG", "WSL.LINUXDRIVER")

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "WSL.V1",
        "WSL",
        "this is WSL 1, which has no GPU",
        "WSL 1 runs programs without a Linux kernel: no GPU, and slow files. WSL 2 has both.",
        (
            "PS> wsl --list --verbose    # the name of this distribution",
            "PS> wsl --set-version NAME 2",
        ),
        ISSUES + "3847",
    ),
    Entry(
        "WSL.NODXG",
        "WSL",
        "Windows offers no GPU to WSL",
        "WSL reaches the GPU through /dev/dxg, and that is not there or may not be opened.",
        (
            "in Windows: install all updates (Windows 11, or Windows 10 21H2) and the newest NVIDIA driver",
            "PS> wsl --update",
            "PS> wsl --shutdown",
        ),
        GUIDE,
        follows=("WSL.V1",),
    ),
    Entry(
        "WSL.BLOCKED",
        "WSL",
        "Windows blocks the GPU",
        "NVML reports `GPU access blocked by the operating system`: the GPU is not in the mode for displays (WDDM), an "
        "nvidia-smi of Linux answers in place of Windows' own, or WSL is stuck after a driver update.",
        (
            "PS> wsl --shutdown",
            "if it stays, in a PowerShell of the administrator, then restart Windows:",
            "PS> nvidia-smi -dm 0    # driver model WDDM",
            "remove packages nvidia-utils-* in Linux: nvidia-smi must be /usr/lib/wsl/lib/nvidia-smi",
        ),
        ISSUES + "9938",
        follows=NO_DRIVER,
    ),
    Entry(
        "WSL.LINUXDRIVER",
        "WSL",
        "a Linux NVIDIA driver is installed in WSL",
        "In WSL the driver is Windows' own, mounted at /usr/lib/wsl/lib. A Linux driver hides it.",
        ("$ sudo apt-get purge 'nvidia-driver-*' 'libnvidia-compute-*' 'nvidia-utils-*'", "PS> wsl --shutdown"),
        GUIDE,
        follows=("WSL.V1",),
    ),
    Entry(
        "WSL.LIBCUDA",
        "WSL",
        "the driver's library is not found",
        "libcuda lies in /usr/lib/wsl/lib, and the loader does not look there (`libcuda.so: cannot open shared object "
        "file`).",
        (
            "$ export LD_LIBRARY_PATH=/usr/lib/wsl/lib:$LD_LIBRARY_PATH",
            "for good: echo /usr/lib/wsl/lib | sudo tee /etc/ld.so.conf.d/ld.wsl.conf && sudo ldconfig",
        ),
        ISSUES + "8587",
        follows=(*NO_DRIVER, "WSL.BLOCKED", "GPU.STUB", "CUDA.COMPAT"),
    ),
    Entry(
        "WSL.SYMLINK",
        "WSL",
        "libcuda.so.1 is not a symbolic link",
        "ldconfig says so of the files that Windows mounts at /usr/lib/wsl/lib. It is harmless.",
        ("nothing to do",),
        ISSUES + "5548",
    ),
    Entry(
        "WSL.SMIERR",
        "WSL",
        "nvidia-smi shows `CUDA Version: ERR!`",
        "nvidia-smi works and libcuda cannot be loaded: the loader does not find it, or finds another one.",
        (
            "$ export LD_LIBRARY_PATH=/usr/lib/wsl/lib:$LD_LIBRARY_PATH",
            "PS> wsl --shutdown",
        ),
        ISSUES + "11589",
        follows=(*NO_DRIVER, "WSL.BLOCKED", "WSL.LIBCUDA", "GPU.STUB", "CUDA.COMPAT"),
    ),
    Entry(
        "WSL.RAM",
        "WSL",
        "WSL has little of the computer's memory",
        "WSL takes half of the computer's memory unless told otherwise; with too little, programs end (`Killed`).",
        (
            "in Windows: write these lines to %UserProfile%\\.wslconfig",
            "[wsl2]",
            "memory=16GB",
            "PS> wsl --shutdown",
        ),
        "https://learn.microsoft.com/windows/wsl/wsl-config",
    ),
    Entry(
        "WSL.NCCL",
        "WSL",
        "several GPUs cannot talk to each other in WSL",
        "NCCL's direct way between GPUs does not work in WSL (`unhandled system error`, or it hangs).",
        (
            "$ export NCCL_P2P_DISABLE=1",
            "or use one GPU: --gpus 1",
        ),
        "https://github.com/NVIDIA/nccl/issues/442",
        follows=("WSL.V1", "WSL.NODXG", "WSL.LINUXDRIVER", "WSL.BLOCKED", "WSL.LIBCUDA", "RUN.SHM"),
    ),
)

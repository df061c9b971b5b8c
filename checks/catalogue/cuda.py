"""Findings about CUDA: whether driver, torch and GPU fit each other."""

from __future__ import annotations

from checks.catalogue.entry import TORCH_SITE, Entry
from checks.catalogue.roots import NO_GPU, NO_TORCH

COMPATIBILITY_SITE = "https://docs.nvidia.com/deploy/cuda-compatibility/"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "CUDA.VISIBLE",
        "GPU",
        "CUDA_VISIBLE_DEVICES hides GPUs",
        "The environment variable leaves fewer GPUs than are wanted. CUDA ignores what follows the first entry that is "
        "no GPU.",
        ("$ unset CUDA_VISIBLE_DEVICES",),
        follows=NO_GPU,
    ),
    Entry(
        "CUDA.DRIVER_OLD",
        "GPU",
        "the NVIDIA driver is older than this torch",
        "torch was built for a newer CUDA than the driver serves. Within one major version that works; an older major "
        "version does not (`The NVIDIA driver on your system is too old`).",
        (
            "update the NVIDIA driver (on WSL: the one of Windows)",
            "or install a torch that was built for an older CUDA: the site below has them",
        ),
        TORCH_SITE,
        follows=(*NO_TORCH, "TORCH.CPU", *NO_GPU),
    ),
    Entry(
        "CUDA.COMPAT",
        "GPU",
        "compatibility libraries that this GPU does not take",
        "NVIDIA's compatibility libraries put a newer libcuda in front of the driver's own. They work on data-centre "
        "GPUs only (`forward compatibility was attempted on non supported HW`, 804).",
        (
            "take the folder cuda*/compat out of LD_LIBRARY_PATH, and of /etc/ld.so.conf.d",
            "or remove the package cuda-compat",
        ),
        COMPATIBILITY_SITE,
        follows=("WSL.LINUXDRIVER",),
    ),
    Entry(
        "CUDA.PTX",
        "GPU",
        "PTX that is newer than the driver",
        "PTX is code that the driver compiles for its GPU, and it takes none from a newer CUDA "
        "(`unsupported PTX version`, 222; `unsupported toolchain`).",
        (
            "update the NVIDIA driver, or install a torch that holds machine code for the GPU (site below)",
            "from nvcc of a newer toolkit: harmless here, this program compiles nothing",
        ),
        TORCH_SITE,
        follows=(*NO_TORCH, "TORCH.CPU", *NO_GPU, "CUDA.DRIVER_OLD"),
    ),
    Entry(
        "CUDA.ARCH",
        "GPU",
        "this torch holds no code for the GPU",
        "Builds of torch leave out GPUs that are too old or were too new (`no kernel image is available for execution "
        "on the device`).",
        ("install a torch that holds code for it: the site below has others",),
        TORCH_SITE,
        follows=(*NO_TORCH, "TORCH.CPU", *NO_GPU),
    ),
    Entry(
        "CUDA.HOME",
        "GPU",
        "no CUDA toolkit at CUDA_HOME",
        "The published code compiles CUDA parts when it starts, and stops (`CUDA_HOME environment variable is not "
        "set`). This program compiles nothing and needs no toolkit.",
        ("nothing to do",),
        "https://github.com/pytorch/extension-cpp/issues/26",
    ),
    Entry(
        "LIB.CUDNN",
        "GPU",
        "other CUDA libraries are loaded in place of torch's own",
        "torch brings its own cuDNN, cuBLAS and NCCL; folders in LD_LIBRARY_PATH come first, and other versions fail "
        "with missing symbols.",
        ("$ unset LD_LIBRARY_PATH",),
        "https://github.com/pytorch/pytorch/issues/85773",
        follows=("PY.VERSION", "TORCH.MISSING"),
    ),
    Entry(
        "T4.BF16",
        "GPU",
        "bfloat16 is slow on this GPU",
        "GPUs before compute capability 8.0 (T4, V100, RTX 20) have no arithmetic for bfloat16; it is emulated.",
        ("choose a profile with `precision: float16` (or float32)",),
        follows=(*NO_TORCH, "TORCH.CPU", *NO_GPU),
    ),
)

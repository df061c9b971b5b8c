"""Findings about the GPU and its driver."""

from __future__ import annotations

from checks.catalogue.entry import Entry
from checks.catalogue.roots import NO_GPU, NO_WSL_GPU

CUINIT_SITE = "https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "GPU.NONE",
        "GPU",
        "no NVIDIA GPU that can be used",
        "There is no NVIDIA device with a driver (`Found no NVIDIA driver on your system`): the CPU does the work.",
        (
            "nothing to do for an evaluation: the CPU does it, slower",
            "in Colab: Runtime > Change runtime type > T4 GPU; in Kaggle: Settings > Accelerator",
            "with an NVIDIA card in the machine: install its driver (https://www.nvidia.com/drivers)",
        ),
        follows=NO_WSL_GPU,
    ),
    Entry(
        "GPU.NODEV",
        "GPU",
        "an NVIDIA driver, but no device",
        "The driver is there and offers no GPU: a container or a job that was started without one, or a kernel module "
        "that is not loaded.",
        (
            "docker: docker run --gpus all …; podman: --device nvidia.com/gpu=all; kubernetes: nvidia.com/gpu: 1",
            "slurm: srun --gres=gpu:1",
            "on the machine itself: sudo modprobe nvidia, or install the driver again",
        ),
        follows=(*NO_WSL_GPU, "GPU.MISMATCH", "GPU.STUB"),
    ),
    Entry(
        "GPU.UVM",
        "GPU",
        "the driver's module for CUDA does not work",
        "CUDA needs the kernel module nvidia-uvm and its file /dev/nvidia-uvm (cuInit 3, 46, 100 or 999). The module "
        "is not loaded, the container was not given the file, or the computer slept since.",
        (
            "$ sudo modprobe nvidia-uvm && sudo nvidia-modprobe -u -c 0",
            "in a container: run that on its host, then restart the container",
        ),
        follows=("GPU.NONE", "GPU.NODEV", "GPU.MISMATCH", "GPU.STUB"),
    ),
    Entry(
        "GPU.MISMATCH",
        "GPU",
        "the driver's kernel module and its libraries differ",
        "The driver was updated while its old kernel module was loaded (`Driver/library version mismatch`).",
        ("$ sudo reboot", "in a container: restart it, so that it gets the libraries of its host's new driver"),
        follows=("WSL.LINUXDRIVER", "CUDA.COMPAT"),
    ),
    Entry(
        "GPU.STUB",
        "GPU",
        "a stub is loaded in place of the driver",
        "The CUDA toolkit brings an empty libcuda, for linking only; it lies first on the library path (cuInit 34).",
        ("take every folder named stubs out of LD_LIBRARY_PATH",),
    ),
    Entry(
        "GPU.BUSY",
        "GPU",
        "other programs use the GPU's memory",
        "Less memory is free than the smallest piece of the work needs (`CUDA out of memory`).",
        ("see who uses it, and end what is not needed:", "$ nvidia-smi"),
        follows=(*NO_GPU, "CUDA.VISIBLE", "GPU.COMPUTEMODE"),
    ),
    Entry(
        "GPU.MIG",
        "GPU",
        "the GPU is split into instances (MIG)",
        "In MIG mode programs see instances, not the GPU: without instances they see nothing, and one program can use "
        "one instance only.",
        (
            "make an instance: sudo nvidia-smi mig -cgi 0 -C",
            "or give the whole GPU back: sudo nvidia-smi -i 0 -mig 0",
        ),
        "https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",
        follows=NO_GPU,
    ),
    Entry(
        "GPU.COMPUTEMODE",
        "GPU",
        "the GPU's compute mode keeps this program out",
        "An administrator set it to `prohibited`, or to one process at a time, and one is running "
        "(`all CUDA-capable devices are busy or unavailable`).",
        ("wait for the other program, or allow several:", "$ sudo nvidia-smi -c DEFAULT"),
        follows=NO_GPU,
    ),
    Entry(
        "GPU.ECC",
        "GPU",
        "the GPU's memory has errors",
        "It counted errors that could not be corrected: results may be wrong, and programs may be ended (Xid 48, 94).",
        ("reset the GPU when nothing uses it: sudo nvidia-smi --gpu-reset -i 0", "if they come back: replace it"),
        "https://docs.nvidia.com/deploy/xid-errors/",
        follows=NO_GPU,
    ),
)

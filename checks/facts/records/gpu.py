"""Records of the NVIDIA driver, its GPUs, the CUDA toolkit, and torch."""

from __future__ import annotations

from typing import Literal

from checks.facts.records.base import Record
from sherf_core.precision import Precision


class GpuDevice(Record):
    """A GPU as the driver (NVML) sees it; None where the driver does not tell."""

    index: int
    name: str
    uuid: str = ""
    total_bytes: int
    free_bytes: int
    capability: tuple[int, int] | None = None
    processes: int | None = None
    """Other programs that compute on it."""
    compute_mode: Literal["", "default", "exclusive_process", "exclusive_thread", "prohibited"] = ""
    mig: bool = False
    """Whether it is split into instances (MIG)."""
    mig_instances: int = 0
    ecc_uncorrected: int | None = None
    """Memory errors that could not be corrected since the driver was loaded."""


class GpuFacts(Record):
    """The NVIDIA driver, its devices and what points to them."""

    driver: str = ""
    """As NVML says: `535.54.03`. On WSL it is the one of Windows."""
    kernel_driver: str = ""
    """Version of the loaded kernel module (/proc/driver/nvidia/version), "" where there is none."""
    cuda_driver: str = ""
    """The newest CUDA version that the driver serves, such as `12.4`."""
    cuda_driver_error: str = ""
    """What NVML said where it could not tell that version (nvidia-smi then shows `CUDA Version: ERR!`)."""
    devices: tuple[GpuDevice, ...] = ()
    device_files: tuple[str, ...] = ()
    """/dev/nvidia*, /dev/nvidia-uvm, /dev/dxg."""
    pci_devices: int | None = None
    """NVIDIA display controllers on the PCI bus, whether or not a driver is there; None where that cannot be seen."""
    libcuda: str = ""
    """The driver's library that a program would load, with links followed, or ""."""
    libcuda_error: str = ""
    """Why the loader cannot load libcuda.so.1, "" where it can."""
    cuinit: int | None = None
    """What cuInit(0) returned in a child process; None: not asked, or no library."""
    visible_devices: str | None = None
    """CUDA_VISIBLE_DEVICES, None where it is not set."""
    error: str = ""
    """What NVML said where it could not be used."""

    @property
    def present(self) -> bool:
        """Whether anything at all points to an NVIDIA GPU."""
        return bool(self.devices or self.device_files or self.libcuda or self.pci_devices)


class ToolkitFacts(Record):
    """What compiles and what is loaded beside the driver: nothing here is needed, some of it does harm."""

    nvcc: str = ""
    """Path of nvcc, or ""."""
    nvcc_version: str = ""
    """`12.4`."""
    cuda_home: str | None = None
    """CUDA_HOME or CUDA_PATH, None where neither is set."""
    cuda_home_exists: bool = False
    library_path: str = ""
    """LD_LIBRARY_PATH."""
    shadowing: tuple[str, ...] = ()
    """libcudnn*, libcublas* and libnccl* in the folders of LD_LIBRARY_PATH: they are loaded in place of torch's own."""
    extension_locks: tuple[str, ...] = ()
    """Lock files that an interrupted build of a torch extension has left."""


class TorchDevice(Record):
    """A CUDA device as torch sees it."""

    name: str
    capability: tuple[int, int]
    total_bytes: int


class KernelTrial(Record):
    """A small computation on a device, compared with the CPU's result."""

    device: int
    operation: Literal["matmul", "grid_sample"]
    precision: Precision
    ok: bool
    error: str = ""


class NcclTrial(Record):
    """An all_reduce of one tensor over several GPUs, with a time limit."""

    state: Literal["not asked", "ok", "failed", "timeout"] = "not asked"
    gpus: int = 0
    seconds: float | None = None
    error: str = ""


class TorchFacts(Record):
    """What a child process found when it imported torch."""

    state: Literal["not asked", "missing", "broken", "timeout", "ok"] = "not asked"
    version: str = ""
    cuda_build: str = ""
    """The CUDA version torch was built for, "" for a CPU build."""
    hip_build: str = ""
    """The ROCm version torch was built for, "" for other builds."""
    cuda_available: bool = False
    devices: tuple[TorchDevice, ...] = ()
    architectures: tuple[str, ...] = ()
    """torch.cuda.get_arch_list(): `sm_80`, `compute_90`, …"""
    error: str = ""
    """The last lines of the failure, if there was one; also why CUDA cannot be used though it was built in."""
    kernels: tuple[KernelTrial, ...] = ()
    nccl: NcclTrial = NcclTrial()

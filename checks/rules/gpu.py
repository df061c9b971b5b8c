"""The GPU and its driver: there, and of one kind."""

from __future__ import annotations

import re

from checks import machine_commands as commands
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.gpu_support import (
    HOSTED,
    gpu_trouble,
    has_device_file,
    torch_fails,
    torch_uses_gpu,
    uses_compat_libraries,
    visible,
)
from checks.rules.registry import found, rule

NEEDS_UVM = frozenset({3, 46, 100, 999})
STUB, DRIVER_MISMATCH, UNKNOWN_ERROR = 34, 803, 999
LIBCUDA_VERSION = re.compile(r"libcuda\.so\.(\d{3,}(?:\.\d+)+)$")
# NVML's words where the driver is there and this program may not reach it; other errors leave it open.
OUT_OF_REACH = ("driver not loaded", "unknown error", "insufficient permissions", "not found")


@rule("GPU.NONE")
def no_gpu(facts: Facts, purpose: Purpose) -> list[Finding]:
    """No NVIDIA GPU, or one without any driver: evaluation takes the CPU, training is out of reach."""
    gpu, machine = facts.gpu, facts.platform
    if gpu.devices or gpu.cuinit == 0 or (torch_uses_gpu(facts) and not facts.torch.hip_build):
        return []
    hosted = machine.notebook in HOSTED and not has_device_file(facts)
    idle_card = bool(gpu.pci_devices) and not machine.container
    if not hosted and (_driver_traces(facts) or (machine.container and gpu.pci_devices)):
        return []
    if facts.torch.hip_build and torch_uses_gpu(facts):
        evidence = [f"torch {facts.torch.version} is built for ROCm {facts.torch.hip_build} and sees an AMD GPU"]
        severity = Severity.WARN if purpose.action == "train" else Severity.INFO
        return found("GPU.NONE", severity, evidence, fix=["this program was not tried with AMD GPUs: it may work"])
    severity = Severity.WARN if hosted or idle_card else Severity.INFO
    if gpu_trouble(purpose) is Severity.BLOCK:
        severity = Severity.BLOCK
    if idle_card:
        evidence = [f"NVIDIA cards on the PCI bus: {gpu.pci_devices}; no NVIDIA driver"]
        fix = commands.update_driver(facts)
    elif machine.wsl:
        evidence = ["Windows brings no NVIDIA driver to /usr/lib/wsl/lib"]
        fix = ("with an NVIDIA card in the computer: install its newest driver in Windows, then restart WSL",)
    else:
        bus = ", no NVIDIA card on the PCI bus" if gpu.pci_devices == 0 else ""
        evidence = [f"no NVIDIA device, no driver library{bus}"]
        fix = commands.choose_accelerator(facts) or commands.ask_scheduler(facts)
    if purpose.action == "eval":
        fix = (*fix, "nothing to do for an evaluation: it runs on the CPU, slower")
    return found("GPU.NONE", severity, evidence, fix=fix or ("train on a machine with an NVIDIA GPU",))


def _driver_traces(facts: Facts) -> bool:
    """Whether something shows that an NVIDIA driver is or was meant to be there."""
    gpu = facts.gpu
    if facts.platform.wsl and not facts.platform.container:
        # /dev/dxg serves every maker's GPUs; only NVIDIA's driver brings these.
        return bool(gpu.libcuda) or facts.wsl.libcuda_is_link is not None or bool(facts.wsl.smi)
    return bool(gpu.driver or gpu.kernel_driver or gpu.libcuda or [f for f in gpu.device_files if "nvidia" in f])


@rule("GPU.NODEV")
def no_device(facts: Facts, purpose: Purpose) -> list[Finding]:
    """A driver that offers no device: a container or job without GPU, or a module that is not loaded."""
    gpu, machine = facts.gpu, facts.platform
    if gpu.devices or gpu.cuinit == 0 or torch_uses_gpu(facts):
        return []
    if machine.notebook in HOSTED and not has_device_file(facts):
        return []
    if machine.wsl and not machine.container:
        return []
    if not (_driver_traces(facts) or (machine.container and gpu.pci_devices)) or _versions_differ(facts):
        return []
    error = gpu.error.lower()
    counted_none = bool(gpu.driver) and not error
    refused = any(words in error for words in OUT_OF_REACH)
    if not counted_none and (has_device_file(facts) and not refused):
        return []  # NVML did not answer: there may be GPUs
    evidence = [
        "the driver lists no device" if counted_none else f"NVML says: {gpu.error}" if error else "no /dev/nvidia0",
        gpu.kernel_driver and f"the kernel has the NVIDIA module {gpu.kernel_driver}",
        gpu.libcuda and f"the driver's library is {gpu.libcuda}",
        machine.container and f"this is a container ({machine.container})",
    ]
    severity = gpu_trouble(purpose)
    if not machine.container and not machine.scheduler and gpu.pci_devices == 0:
        evidence.append("no NVIDIA card on the PCI bus")
        severity = Severity.INFO if severity is Severity.WARN else severity
    return found("GPU.NODEV", severity, evidence, fix=_give_device(facts))


def _give_device(facts: Facts) -> tuple[str, ...]:
    gpu, machine = facts.gpu, facts.platform
    if machine.container and has_device_file(facts):
        return ("the container lost its GPU while it ran (systemctl daemon-reload does that)", *commands.restart(facts))
    if machine.container:
        return commands.give_gpu_to_container(facts)
    if machine.scheduler:
        return commands.ask_scheduler(facts)
    if gpu.pci_devices == 0:
        return ("this machine has no NVIDIA card; evaluation runs on the CPU",)
    if "permission" in gpu.error.lower():
        return (commands.as_root(facts, "usermod -aG video,render $USER") + "    # then log in again",)
    return (
        commands.as_root(facts, "modprobe nvidia"),
        "if that fails, the module was not built for this kernel, or Secure Boot refuses it; install the driver again:",
        *commands.update_driver(facts),
    )


@rule("GPU.UVM")
def no_uvm(facts: Facts, purpose: Purpose) -> list[Finding]:
    """CUDA cannot start because nvidia-uvm is not there, or broke while the computer slept."""
    gpu, machine = facts.gpu, facts.platform
    # Where all GPUs are hidden, cuInit finds none, and never comes to load the module.
    hidden = bool(gpu.devices) and visible(facts) == ()
    if torch_uses_gpu(facts) or machine.wsl or hidden or not has_device_file(facts):
        return []
    missing = "/dev/nvidia-uvm" not in gpu.device_files
    stopped = gpu.cuinit in NEEDS_UVM or (gpu.cuinit is None and torch_fails(facts))
    asleep = gpu.cuinit == UNKNOWN_ERROR and not missing
    if not (missing and stopped) and not asleep:
        return []
    evidence = ["/dev/nvidia-uvm is missing" if missing else "/dev/nvidia-uvm is there"]
    if gpu.cuinit is not None:
        evidence.append(f"cuInit returned {gpu.cuinit}")
    if machine.container:
        load = "sudo modprobe nvidia-uvm && sudo nvidia-modprobe -u -c 0"
        fix: tuple[str, ...] = (f"on the host: {load}", *commands.restart(facts))
    elif missing:
        fix = tuple(commands.as_root(facts, load) for load in ("modprobe nvidia-uvm", "nvidia-modprobe -u -c 0"))
    else:
        fix = (
            commands.as_root(facts, "rmmod nvidia_uvm") + "    # after every program on the GPU has ended",
            commands.as_root(facts, "modprobe nvidia-uvm"),
        )
    return found("GPU.UVM", gpu_trouble(purpose), evidence, fix=fix)


@rule("GPU.MISMATCH")
def versions_differ(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The loaded kernel module is of another version than the driver's libraries."""
    if torch_uses_gpu(facts) or facts.gpu.cuinit == 0 or not _versions_differ(facts):
        return []
    gpu = facts.gpu
    library = gpu.driver or _library_version(gpu.libcuda)
    evidence = [
        gpu.kernel_driver and f"kernel module: {gpu.kernel_driver}",
        library and f"libraries: {library}",
        gpu.error and f"NVML says: {gpu.error}",
        f"cuInit returned {gpu.cuinit}" if gpu.cuinit else "",
    ]
    fix = commands.restart(facts)
    if not facts.platform.container:
        fix = (*fix, "a restart loads the module that belongs to the libraries")
    return found("GPU.MISMATCH", gpu_trouble(purpose), evidence, fix=fix)


def _versions_differ(facts: Facts) -> bool:
    gpu = facts.gpu
    if "mismatch" in gpu.error.lower() or gpu.cuinit == DRIVER_MISMATCH:
        return True
    if facts.platform.wsl or uses_compat_libraries(facts) or not gpu.kernel_driver:
        return False
    libraries = (gpu.driver, _library_version(gpu.libcuda))
    return any(version and version != gpu.kernel_driver for version in libraries)


def _library_version(libcuda: str) -> str:
    match = LIBCUDA_VERSION.search(libcuda)
    return match[1] if match else ""


@rule("GPU.STUB")
def stub(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The toolkit's empty libcuda is loaded."""
    gpu = facts.gpu
    if torch_uses_gpu(facts) or ("/stubs/" not in gpu.libcuda and gpu.cuinit != STUB):
        return []
    evidence = [
        f"the library that loads is {gpu.libcuda or 'a stub'}",
        f"cuInit returned {gpu.cuinit}" if gpu.cuinit else "",
        facts.toolkit.library_path and f"LD_LIBRARY_PATH={facts.toolkit.library_path}",
    ]
    if "/stubs" in facts.toolkit.library_path:
        fix: tuple[str, ...] = (commands.without_folders(facts, lambda folder: "/stubs" in folder),)
    else:
        fix = ("take the folder with the stub off the loader's path; these files may name it, then run ldconfig:",)
        fix += ("$ grep -rl stubs /etc/ld.so.conf /etc/ld.so.conf.d",)
    return found("GPU.STUB", gpu_trouble(purpose), evidence, fix=fix)

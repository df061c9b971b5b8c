"""CUDA: whether driver, torch and GPU fit each other, and what stands in front of them."""

from __future__ import annotations

from pathlib import PurePosixPath

from checks import machine_commands as commands
from checks.catalogue.entry import TORCH_SITE
from checks.drivers import DriverFit, driver_fit, machine_code_fits, numbers, ptx_fits
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.gpu_support import (
    all_data_centre,
    fit_of_torch,
    gpu_trouble,
    in_use,
    torch_uses_gpu,
    uses_compat_libraries,
    visible,
)
from checks.rules.needs import BFLOAT16_FROM
from checks.rules.registry import found, rule
from checks.usable import has_code_for

UNSUPPORTED_HARDWARE = 804
# Words of the loader and of torch where a library of another version was loaded.
OF_LIBRARIES = ("cudnn", "cublas", "nccl", "undefined symbol", "symbol lookup")


@rule("CUDA.VISIBLE")
def hidden_gpu(facts: Facts, purpose: Purpose) -> list[Finding]:
    """CUDA_VISIBLE_DEVICES leaves fewer GPUs than are wanted, and there are more (instances are left to the driver)."""
    shown, count = visible(facts), len(facts.gpu.devices)
    if shown is None or facts.gpu.visible_devices is None or not count:
        return []
    if len(shown) >= min(purpose.gpus or 1, count):
        return []
    evidence = [f'CUDA_VISIBLE_DEVICES="{facts.gpu.visible_devices}" leaves {len(shown)} of {count} GPUs']
    if facts.platform.scheduler:
        fix = ["the batch system sets it: ask for GPUs in the job", *commands.ask_scheduler(facts, purpose.gpus or 1)]
    else:
        fix = [commands.unset_variable(facts, "CUDA_VISIBLE_DEVICES")]
    return found("CUDA.VISIBLE", gpu_trouble(purpose), evidence, fix=fix)


@rule("CUDA.DRIVER_OLD")
def old_driver(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The driver serves an older CUDA than torch was built for: too old, or (a remark) an older minor version."""
    fit = fit_of_torch(facts)
    evidence = [_versions(facts)]
    if fit is DriverFit.MINOR_COMPATIBLE and not _only_ptx(facts):
        evidence.append("the same major version: it works, only code that the driver would compile does not")
        return found("CUDA.DRIVER_OLD", Severity.INFO, evidence, fix=["nothing to do"])
    if fit is not DriverFit.TOO_OLD or torch_uses_gpu(facts):
        return []
    return found("CUDA.DRIVER_OLD", gpu_trouble(purpose), evidence, fix=_newer_driver_or_older_torch(facts))


@rule("CUDA.COMPAT")
def compatibility_libraries(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Compatibility libraries stand in front of the driver on a GPU that does not take them."""
    gpu = facts.gpu
    if torch_uses_gpu(facts) or gpu.cuinit == 0:
        return []
    unfit = uses_compat_libraries(facts) and bool(gpu.devices) and not all_data_centre(facts)
    if not unfit and gpu.cuinit != UNSUPPORTED_HARDWARE:
        return []
    evidence = [
        gpu.libcuda and f"the library that loads is {gpu.libcuda}",
        gpu.devices and f"the GPU is {gpu.devices[0].name}",
        f"cuInit returned {gpu.cuinit}" if gpu.cuinit else "",
    ]
    fix = []
    if "/compat" in facts.toolkit.library_path:
        fix.append(commands.without_folders(facts, lambda folder: "/compat" in folder))
    else:
        fix += [
            "these files may name the folder; take it out, then run ldconfig:",
            "$ grep -l compat /etc/ld.so.conf.d/*",
        ]
    own_fit = driver_fit(gpu.driver, "", facts.torch.cuda_build, windows=bool(facts.platform.wsl))
    if own_fit is DriverFit.TOO_OLD:
        fix += ["and update the driver itself, which is too old for this torch:", *commands.update_driver(facts)]
    return found("CUDA.COMPAT", gpu_trouble(purpose), [str(line) for line in evidence if line], fix=fix)


@rule("CUDA.PTX")
def newer_ptx(facts: Facts, purpose: Purpose) -> list[Finding]:
    """torch has only PTX for the GPU and the driver is too old to compile it; or (a remark) nvcc is newer."""
    if fit_of_torch(facts) is DriverFit.MINOR_COMPATIBLE and _only_ptx(facts):
        cards = ", ".join(f"{name} ({_dotted(capability)})" for name, capability in _cards(facts))
        evidence = [f"torch {facts.torch.version} has machine code for none of: {cards}", _versions(facts)]
        return found("CUDA.PTX", gpu_trouble(purpose), evidence, fix=_newer_driver_or_older_torch(facts))
    nvcc, driver = facts.toolkit.nvcc_version, facts.gpu.cuda_driver
    if not nvcc or not driver or numbers(nvcc) <= numbers(driver):
        return []
    evidence = [f"{facts.toolkit.nvcc} is of CUDA {nvcc}, the driver serves CUDA {driver}"]
    return found("CUDA.PTX", Severity.INFO, evidence, fix=["nothing to do: this program compiles nothing"])


@rule("CUDA.ARCH")
def no_code_for_gpu(facts: Facts, purpose: Purpose) -> list[Finding]:
    """torch holds no code, neither machine code nor PTX, for a GPU."""
    architectures = facts.torch.architectures
    if facts.torch.state != "ok" or not facts.torch.cuda_build or not architectures:
        return []
    cards = _cards(facts)
    left_out = [(name, gpu) for name, gpu in cards if not has_code_for(architectures, gpu)]
    if not left_out:
        return []
    enough = len(cards) - len(left_out) >= (purpose.gpus or 1)
    severity = Severity.WARN if enough else gpu_trouble(purpose)
    evidence = [f"{name}: compute capability {_dotted(gpu)}" for name, gpu in left_out[:5]]
    evidence.append(f"torch {facts.torch.version} holds {', '.join(architectures)}")
    if not commands.no_torch_serves(facts):
        return found("CUDA.ARCH", severity, evidence, fix=commands.install_torch(facts, replace=True))
    fix = ["no build of torch serves this GPU with this driver; update the driver:", *commands.update_driver(facts)]
    return found("CUDA.ARCH", severity, evidence, fix=[*fix, f"then choose a build: {TORCH_SITE}"])


@rule("CUDA.HOME")
def no_toolkit(facts: Facts, purpose: Purpose) -> list[Finding]:
    """CUDA_HOME leads nowhere, or the published code is there and would miss it: nothing for this program."""
    home, toolkit = facts.toolkit.cuda_home, facts.toolkit
    if home and not toolkit.cuda_home_exists:
        return found("CUDA.HOME", Severity.INFO, [f"CUDA_HOME={home} does not exist"])
    if facts.work.published_checkout and not home and not toolkit.nvcc:
        evidence = [f"{facts.work.published_checkout} is the published code", "neither CUDA_HOME nor nvcc is there"]
        return found("CUDA.HOME", Severity.INFO, evidence)
    return []


@rule("LIB.CUDNN")
def shadowed_libraries(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Libraries in LD_LIBRARY_PATH come before torch's own: grave where something fails, a remark where all works."""
    shadowing, torch = facts.toolkit.shadowing, facts.torch
    if not shadowing or torch.state in {"missing", "not asked"} or (torch.state == "ok" and not torch.cuda_build):
        return []
    said = [torch.error, *(trial.error for trial in torch.kernels if not trial.ok)]
    blames = [line for text in said for line in text.splitlines() if any(word in line.lower() for word in OF_LIBRARIES)]
    severity = Severity.INFO
    if torch.state == "broken" and blames:
        severity = Severity.BLOCK
    elif blames or any(not trial.ok for trial in torch.kernels):
        severity = gpu_trouble(purpose)
    evidence = [f"LD_LIBRARY_PATH brings {', '.join(shadowing[:5])}", *blames[:2]]
    if severity is Severity.INFO:
        return found("LIB.CUDNN", severity, evidence, fix=["nothing to do while everything works"])
    folders = {str(PurePosixPath(library).parent) for library in shadowing}
    fix = [commands.without_folders(facts, lambda folder: str(PurePosixPath(folder)) in folders)]
    return found("LIB.CUDNN", severity, evidence, fix=fix)


@rule("T4.BF16")
def emulated_bfloat16(facts: Facts, purpose: Purpose) -> list[Finding]:
    """bfloat16 is asked for on a GPU that has no arithmetic for it."""
    if purpose.precision != "bfloat16":
        return []
    slow = [(name, gpu) for name, gpu in _cards(facts) if gpu < BFLOAT16_FROM]
    if not slow:
        return []
    evidence = [f"{name}: compute capability {_dotted(gpu)}, bfloat16 needs 8.0" for name, gpu in slow]
    return found("T4.BF16", Severity.WARN, dict.fromkeys(evidence))


def _cards(facts: Facts) -> list[tuple[str, tuple[int, int]]]:
    """Names and compute capabilities of the GPUs that torch sees; of those that the driver shows where it sees none."""
    if facts.torch.devices:
        return [(device.name, device.capability) for device in facts.torch.devices]
    return [(device.name, device.capability) for device in in_use(facts) if device.capability is not None]


def _only_ptx(facts: Facts) -> bool:
    """Whether torch has no machine code for any of the GPUs, but PTX that could be compiled for them."""
    architectures, cards = facts.torch.architectures, _cards(facts)
    if not architectures or not cards:
        return False
    return all(not machine_code_fits(architectures, gpu) and ptx_fits(architectures, gpu) for _, gpu in cards)


def _versions(facts: Facts) -> str:
    side = "the Windows driver" if facts.platform.wsl else "driver"
    served = f"serves CUDA up to {facts.gpu.cuda_driver}" if facts.gpu.cuda_driver else "is older"
    return (
        f"{side} {facts.gpu.driver} {served}; torch {facts.torch.version} was built for CUDA {facts.torch.cuda_build}"
    )


def _newer_driver_or_older_torch(facts: Facts) -> list[str]:
    update = commands.update_driver(facts)
    if commands.no_torch_serves(facts):
        none = f"no torch from 2.4 on runs with driver {facts.gpu.driver} on this GPU"
        return [*update, none] if update else [none, *commands.restart(facts)]
    older = commands.install_torch(facts, replace=True)
    return [*update, "or install a torch that this driver serves:", *older] if update else list(older)


def _dotted(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"

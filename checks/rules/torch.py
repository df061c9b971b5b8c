"""Torch: there, whole, built for the GPU, and able to compute on it."""

from __future__ import annotations

from checks import machine_commands as commands
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.gpu_support import gpu_trouble, named, torch_fails
from checks.rules.registry import found, rule

ERROR_LINES = 3
FABRIC_MANAGER = 802
CUINIT_WORDS = {
    2: "out of memory",
    3: "not initialised",
    46: "the device is busy or unavailable",
    100: "no device",
    101: "invalid device",
    222: "unsupported PTX version",
    FABRIC_MANAGER: "the system is not ready: NVLink switches are not managed",
}


@rule("TORCH.MISSING")
def torch_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """This Python has no torch."""
    if facts.torch.state != "missing":
        return []
    evidence = [f"{commands.python_of(facts)} finds no module named torch"]
    return found("TORCH.MISSING", Severity.BLOCK, evidence, fix=commands.install_torch(facts))


@rule("TORCH.BROKEN")
def torch_broken(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Importing torch fails or does not come back."""
    if facts.torch.state not in {"broken", "timeout"}:
        return []
    evidence = [f"{commands.python_of(facts)}: import torch fails", *facts.torch.error.splitlines()[-ERROR_LINES:]]
    if facts.torch.state == "timeout":
        evidence = ["import torch does not end in time", *evidence[1:]]
        fix = [
            "try once more: the first import after a start reads some GB",
            *commands.install_torch(facts, replace=True),
        ]
        return found("TORCH.BROKEN", Severity.BLOCK, evidence, fix=fix)
    return found("TORCH.BROKEN", Severity.BLOCK, evidence, fix=commands.install_torch(facts, replace=True))


@rule("TORCH.CPU")
def torch_cpu(facts: Facts, purpose: Purpose) -> list[Finding]:
    """There is an NVIDIA GPU, and a torch that was built without CUDA."""
    if facts.torch.state != "ok" or facts.torch.cuda_build or not (facts.gpu.devices or facts.gpu.cuinit == 0):
        return []
    kind = f"is built for ROCm {facts.torch.hip_build}" if facts.torch.hip_build else "has no CUDA"
    gpu = facts.gpu.devices[0].name if facts.gpu.devices else "an NVIDIA GPU"
    evidence = [f"torch {facts.torch.version} {kind}; the machine has {gpu}"]
    if commands.no_torch_serves(facts):
        evidence.append(f"no torch from 2.4 on runs with driver {facts.gpu.driver} on this GPU")
        return found("TORCH.CPU", gpu_trouble(purpose), evidence, fix=commands.update_driver(facts))
    return found("TORCH.CPU", gpu_trouble(purpose), evidence, fix=commands.install_torch(facts, replace=True))


@rule("TORCH.KERNEL")
def gpu_does_not_compute(facts: Facts, purpose: Purpose) -> list[Finding]:
    """torch cannot start on the GPU that the driver shows, a trial on it failed, or GPUs cannot talk to each other."""
    torch, gpu = facts.torch, facts.gpu
    failed = [trial for trial in torch.kernels if not trial.ok]
    if failed:
        evidence = [
            f"GPU {trial.device}: {trial.operation} in {trial.precision}: {_short(trial.error)}" for trial in failed[:5]
        ]
        fix = [
            *commands.restart(facts),
            "if it stays, install torch again:",
            *commands.install_torch(facts, replace=True),
        ]
        good = set(range(len(torch.devices))) - {trial.device for trial in failed}
        severity = Severity.WARN if len(good) >= (purpose.gpus or 1) else gpu_trouble(purpose)
        return found("TORCH.KERNEL", severity, evidence, fix=fix)
    if gpu.devices and torch_fails(facts):
        evidence = [f"{named(gpu.devices)}, driver {gpu.driver}, and torch {torch.version} sees no GPU"]
        if gpu.cuinit:
            words = CUINIT_WORDS.get(gpu.cuinit, "")
            evidence.append(f"cuInit returned {gpu.cuinit}{f': {words}' if words else ''}")
        evidence += [gpu.libcuda_error, *torch.error.splitlines()[-ERROR_LINES:]]
        return found("TORCH.KERNEL", gpu_trouble(purpose), evidence, fix=_start_again(facts))
    if torch.nccl.state in {"failed", "timeout"} and not facts.platform.wsl:
        waited = f" within {torch.nccl.seconds:.0f} s" if torch.nccl.seconds is not None else ""
        said = _short(torch.nccl.error) if torch.nccl.state == "failed" else f"no answer{waited}"
        evidence = [f"all_reduce over {torch.nccl.gpus} GPUs: {said}"]
        fix = [
            "try without the direct way between GPUs; where that helps, switch ACS and IOMMU off in the BIOS:",
            commands.set_variable(facts, "NCCL_P2P_DISABLE", "1"),
            "see what NCCL says: NCCL_DEBUG=INFO",
            "or use one GPU: --gpus 1",
        ]
        severity = Severity.BLOCK if (purpose.gpus or 1) > 1 else Severity.WARN
        return found("TORCH.KERNEL", severity, evidence, fix=fix)
    return []


def _start_again(facts: Facts) -> list[str]:
    """What mends a driver that does not start, as far as it can be told."""
    if facts.gpu.cuinit == FABRIC_MANAGER and not facts.platform.container:
        return [commands.as_root(facts, "systemctl enable --now nvidia-fabricmanager")]
    if facts.gpu.cuinit == FABRIC_MANAGER:
        return ["on the host: sudo systemctl enable --now nvidia-fabricmanager", *commands.restart(facts)]
    if not facts.gpu.libcuda and facts.platform.container:
        return ["start the container with CUDA: -e NVIDIA_DRIVER_CAPABILITIES=compute,utility"]
    if not facts.gpu.libcuda and not facts.platform.wsl:
        return ["libcuda is missing: install the driver again", *commands.update_driver(facts)]
    return [*commands.restart(facts), "if it stays, install torch again:", *commands.install_torch(facts, replace=True)]


def _short(error: str) -> str:
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return lines[-1] if lines else "wrong numbers"

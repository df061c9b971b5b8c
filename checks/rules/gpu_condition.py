"""GPUs that are there: whether they are free, whole and open to this program."""

from __future__ import annotations

from checks import machine_commands as commands
from checks.facts.records import Facts, GpuDevice
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.gpu_support import gpu_trouble, in_use, named, torch_uses_gpu
from checks.rules.needs import GIB, SMALLEST_GPU_NEED
from checks.rules.registry import found, rule


@rule("GPU.BUSY")
def busy(facts: Facts, purpose: Purpose) -> list[Finding]:
    """GPUs that would do, but whose memory other programs use."""
    need, wanted = SMALLEST_GPU_NEED[purpose.action], purpose.gpus or 1
    large = [device for device in in_use(facts) if device.total_bytes >= need and not device.mig]
    full = [device for device in large if device.free_bytes < need]
    # Fewer GPUs than asked for is another trouble; here they are there, and full.
    if not full or len(large) - len(full) >= min(wanted, len(large)):
        return []
    evidence = [
        f"{named([device])}: {device.free_bytes / GIB:.1f} of {device.total_bytes / GIB:.1f} GiB free"
        + (f", other processes: {device.processes}" if device.processes else "")
        for device in full[:5]
    ]
    evidence.append(f"to {purpose}, {need / GIB:.1f} GiB is the least")
    fix = ["see who uses it, and end what is not needed:", commands.in_shell(facts, "nvidia-smi")]
    if facts.platform.notebook:
        fix.append("another notebook of yours may hold it: end its session")
    elif facts.platform.wsl:
        fix.append("programs of Windows count too: close games and browsers")
    free = [str(device.index) for device in facts.gpu.devices if device.free_bytes >= need and not device.mig]
    if wanted == 1 and free:
        fix += ["or take another GPU:", commands.set_variable(facts, "CUDA_VISIBLE_DEVICES", free[0])]
    return found("GPU.BUSY", gpu_trouble(purpose), evidence, fix=fix)


@rule("GPU.MIG")
def instances(facts: Facts, purpose: Purpose) -> list[Finding]:
    """GPUs in MIG mode: with instances it is a remark, without them nothing can compute."""
    split = [device for device in facts.gpu.devices if device.mig]
    if not split:
        return []
    whole = len(facts.gpu.devices) - len(split)
    empty = [device for device in split if not device.mig_instances]
    evidence = [f"{named([device])}: MIG, {device.mig_instances} instances" for device in split[:5]]
    wanted = purpose.gpus or 1
    if wanted > 1 and whole < wanted:
        evidence.append(f"{wanted} GPUs are asked for, a program can use one instance")
        fix = ["use one instance: --gpus 1", *(_leave_mig(facts, device) for device in split[:5])]
        return found("GPU.MIG", Severity.BLOCK, evidence, fix=fix)
    if empty and not torch_uses_gpu(facts):
        usable = whole + len(split) - len(empty)
        severity = Severity.WARN if usable else gpu_trouble(purpose)
        make = [commands.as_root(facts, f"nvidia-smi mig -i {device.index} -cgi 0 -C") for device in empty[:5]]
        fix = ["make an instance of the whole GPU:", *make, "or leave MIG mode:", _leave_mig(facts, empty[0])]
        return found("GPU.MIG", severity, evidence, fix=fix)
    return found("GPU.MIG", Severity.INFO, evidence, fix=["nothing to do: one instance is used"])


def _leave_mig(facts: Facts, device: GpuDevice) -> str:
    return commands.as_root(facts, f"nvidia-smi -i {device.index} -mig 0")


@rule("GPU.COMPUTEMODE")
def compute_mode(facts: Facts, purpose: Purpose) -> list[Finding]:
    """GPUs that refuse this program: prohibited, or exclusive to another one."""
    devices = in_use(facts)
    closed = [
        device
        for device in devices
        if device.compute_mode == "prohibited"
        or (device.compute_mode.startswith("exclusive") and (device.processes or 0) > 0)
    ]
    if not closed:
        return []
    evidence = [
        f"{named([device])}: {device.compute_mode}"
        + (f", processes on it: {device.processes}" if device.processes else "")
        for device in closed[:5]
    ]
    severity = gpu_trouble(purpose) if len(devices) - len(closed) < (purpose.gpus or 1) else Severity.WARN
    fix = [commands.as_root(facts, f"nvidia-smi -i {device.index} -c DEFAULT") for device in closed[:5]]
    if all(device.compute_mode != "prohibited" for device in closed):
        fix = ["wait until the other program has ended, or allow several:", *fix]
    return found("GPU.COMPUTEMODE", severity, evidence, fix=fix)


@rule("GPU.ECC")
def memory_errors(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Memory errors that could not be corrected: results may be wrong."""
    broken = [device for device in in_use(facts) if device.ecc_uncorrected]
    if not broken:
        return []
    evidence = [f"{named([device])}: {device.ecc_uncorrected} uncorrected memory errors" for device in broken[:5]]
    reset = [commands.as_root(facts, f"nvidia-smi --gpu-reset -i {device.index}") for device in broken[:5]]
    if facts.platform.container or facts.platform.notebook:
        fix = ["ask for another machine, or have the host's administrator reset the GPU"]
    elif facts.platform.cloud:
        fix = ["stop and start the virtual machine: it comes back on other hardware"]
    else:
        fix = ["end all programs on it, then reset it:", *reset, "if the errors come back, the GPU needs replacing"]
    return found("GPU.ECC", Severity.WARN, evidence, fix=fix)

"""The Windows Subsystem for Linux: a GPU that is Windows' own, and memory that Windows grants."""

from __future__ import annotations

from checks import machine_commands as commands
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.gpu_support import gpu_trouble, torch_uses_gpu
from checks.rules.needs import GIB, least_memory, memory_needed
from checks.rules.registry import found, rule

FOLDER = "/usr/lib/wsl"
SMI = f"{FOLDER}/lib/nvidia-smi"
BLOCKED = ("blocked by the operating system", "operating system has blocked")


def _plain_wsl(facts: Facts) -> bool:
    """WSL 2 itself; in a container inside of it, libraries and devices are the container's matter."""
    return facts.platform.wsl == 2 and not facts.platform.container


def _nvidia_in_windows(facts: Facts) -> bool:
    """Whether Windows has mounted parts of an NVIDIA driver."""
    return facts.wsl.libcuda_is_link is not None or facts.wsl.smi.startswith(FOLDER)


@rule("WSL.V1")
def version_one(facts: Facts, purpose: Purpose) -> list[Finding]:
    """WSL 1: no GPU, ever."""
    if facts.platform.wsl != 1:
        return []
    name = facts.wsl.name or "NAME"
    fix = ["PS> wsl --list --verbose" + ("" if facts.wsl.name else "    # shows NAME")]
    fix += [f"PS> wsl --set-version {name} 2", "PS> wsl --set-default-version 2"]
    return found("WSL.V1", gpu_trouble(purpose), [f"the kernel is {facts.platform.release}"], fix=fix)


@rule("WSL.NODXG")
def no_gpu_device(facts: Facts, purpose: Purpose) -> list[Finding]:
    """/dev/dxg is missing or closed; a remark where nothing speaks of an NVIDIA GPU and the CPU will do."""
    if not _plain_wsl(facts) or facts.wsl.dxg not in {"missing", "denied"}:
        return []
    severity = gpu_trouble(purpose)
    if facts.wsl.dxg == "denied":
        return found("WSL.NODXG", severity, ["/dev/dxg may not be opened by you"], fix=[
            commands.as_root(facts, "chmod 666 /dev/dxg"),
            "it is so again after each start: look for what changes it (udev rules)",
        ])  # fmt: skip
    if severity is Severity.WARN and not _nvidia_in_windows(facts):
        severity = Severity.INFO
    return found("WSL.NODXG", severity, ["/dev/dxg is missing"])


@rule("WSL.BLOCKED")
def blocked(facts: Facts, purpose: Purpose) -> list[Finding]:
    """NVML says that the operating system blocks the GPU."""
    error = facts.gpu.error
    if facts.platform.wsl != 2 or torch_uses_gpu(facts) or not any(words in error.lower() for words in BLOCKED):
        return []
    foreign = facts.wsl.smi if facts.wsl.smi and not facts.wsl.smi.startswith(FOLDER) else ""
    evidence = [f"NVML says: {error}", foreign and f"nvidia-smi is {foreign}, not {SMI}"]
    fix = ["PS> wsl --shutdown"]
    if facts.platform.container:
        fix.append("in the container: in /etc/nvidia-container-runtime/config.toml of its host set no-cgroups = false")
    if foreign:
        fix = ["an nvidia-smi of Linux is installed: find its package, and remove it", f"$ dpkg -S {foreign}", *fix]
    fix += [
        "if it stays, set the display mode in a PowerShell of the administrator, then restart Windows:",
        "PS> nvidia-smi -dm 0",
    ]
    return found("WSL.BLOCKED", gpu_trouble(purpose), evidence, fix=fix)


@rule("WSL.LINUXDRIVER")
def linux_driver(facts: Facts, purpose: Purpose) -> list[Finding]:
    """A Linux driver is installed: grave where it hides Windows' own, a remark where the GPU works."""
    if not _plain_wsl(facts):
        return []
    packages, libcuda = facts.wsl.linux_driver_packages, facts.gpu.libcuda
    elsewhere = (
        bool(libcuda) and not libcuda.startswith(FOLDER) and "/stubs/" not in libcuda and "/compat/" not in libcuda
    )
    if not packages and not elsewhere:
        return []
    working = torch_uses_gpu(facts) or (facts.gpu.cuinit == 0 and not elsewhere)
    severity = Severity.INFO if working else gpu_trouble(purpose)
    shown = ", ".join(packages[:5]) + (f" and {len(packages) - 5} more" if len(packages) > 5 else "")
    evidence = [
        packages and f"installed: {shown}",
        elsewhere and f"libcuda is {libcuda}, not {FOLDER}/lib/libcuda.so.1",
    ]
    remove = commands.remove_packages(facts, packages)
    if not remove:
        remove = (f"remove what brought {libcuda}", f"$ dpkg -S {libcuda}")
    fix = [*remove, "PS> wsl --shutdown"]
    return found("WSL.LINUXDRIVER", severity, [str(line) for line in evidence if line], fix=fix)


@rule("WSL.LIBCUDA")
def library_not_found(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Windows' driver is mounted, and the loader does not find its library."""
    gpu = facts.gpu
    if not _plain_wsl(facts) or torch_uses_gpu(facts) or facts.wsl.dxg != "ok" or not _nvidia_in_windows(facts):
        return []
    if gpu.libcuda and not gpu.libcuda_error:
        return []
    if gpu.libcuda and not gpu.libcuda.startswith(FOLDER):
        return []
    if facts.wsl.libcuda_is_link is None:
        evidence = [f"{FOLDER}/lib has nvidia-smi, and no libcuda.so.1"]
        return found("WSL.LIBCUDA", gpu_trouble(purpose), evidence, fix=commands.update_driver(facts))
    evidence = [
        f"{FOLDER}/lib/libcuda.so.1 is there",
        gpu.libcuda_error and f"the loader says: {gpu.libcuda_error}",
        facts.toolkit.library_path and f"LD_LIBRARY_PATH={facts.toolkit.library_path}",
    ]
    path = f"{FOLDER}/lib" + (f":{facts.toolkit.library_path}" if facts.toolkit.library_path else "")
    tee = "tee /etc/ld.so.conf.d/ld.wsl.conf"
    tee, refresh = (tee, "ldconfig") if facts.platform.is_root else (f"sudo {tee}", "sudo ldconfig")
    fix = [
        f"$ export LD_LIBRARY_PATH={path}",
        "or for good:",
        f"$ echo {FOLDER}/lib | {tee} && {refresh}",
    ]
    return found("WSL.LIBCUDA", gpu_trouble(purpose), evidence, fix=fix)


@rule("WSL.SYMLINK")
def not_a_link(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Windows mounts libcuda.so.1 as a file; ldconfig remarks on it."""
    if facts.platform.wsl != 2 or facts.wsl.libcuda_is_link is not False:
        return []
    return found("WSL.SYMLINK", Severity.INFO, [f"{FOLDER}/lib/libcuda.so.1 is a file of its own"])


@rule("WSL.SMIERR")
def version_not_known(facts: Facts, purpose: Purpose) -> list[Finding]:
    """NVML works and cannot tell the CUDA version, which it asks of libcuda."""
    if facts.platform.wsl != 2 or torch_uses_gpu(facts) or not facts.gpu.cuda_driver_error:
        return []
    evidence = [
        f"NVML says of the CUDA version: {facts.gpu.cuda_driver_error}",
        facts.gpu.libcuda and f"the library that loads is {facts.gpu.libcuda}",
    ]
    return found("WSL.SMIERR", gpu_trouble(purpose), evidence)


@rule("WSL.RAM")
def memory_of_wsl(facts: Facts, purpose: Purpose) -> list[Finding]:
    """WSL was given less memory than the purpose needs, or what it has is in use."""
    needed, total, available = memory_needed(facts, purpose), facts.memory.total, facts.memory.available
    if not facts.platform.wsl or total is None or (total >= needed and (available is None or available >= needed)):
        return []
    evidence = [f"WSL has {total / GIB:.1f} GiB of memory, {needed / GIB:.1f} GiB are wanted to {purpose}"]
    if available is not None:
        evidence.append(f"{available / GIB:.1f} GiB are available")
    if total >= needed:
        fix = ["close other programs in WSL; these take the most:", "$ ps -eo rss,comm --sort=-rss | head"]
        return found("WSL.RAM", Severity.WARN, evidence, fix=fix)
    severity = Severity.BLOCK if total < least_memory(purpose) else Severity.WARN
    fix = [
        "in Windows: write these lines to %UserProfile%\\.wslconfig (at most three quarters of the computer's memory)",
        "[wsl2]",
        f"memory={-(-2 * needed // GIB)}GB",
        "PS> wsl --shutdown",
    ]
    return found("WSL.RAM", severity, evidence, fix=fix)


@rule("WSL.NCCL")
def gpus_do_not_talk(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The trial with several GPUs failed, or did not end."""
    nccl = facts.torch.nccl
    if facts.platform.wsl != 2 or nccl.state not in {"failed", "timeout"}:
        return []
    said = nccl.error.splitlines()[-1] if nccl.error else "no answer in time"
    severity = Severity.BLOCK if (purpose.gpus or 1) > 1 else Severity.WARN
    return found("WSL.NCCL", severity, [f"all_reduce over {nccl.gpus} GPUs: {said}"])

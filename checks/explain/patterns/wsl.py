"""Words that are met in the Windows Subsystem for Linux."""

from checks.explain.pattern import LIKELY, MAYBE, SURE, Pattern
from checks.explain.patterns.words import WSL

PATTERNS = (
    Pattern("WSL.V1", r"Linux.{0,30}\b4\.4\.0-\d+-Microsoft"),
    Pattern("WSL.V1", r"\b4\.4\.0-\d+-Microsoft", LIKELY),
    Pattern("WSL.V1", r"not supported (?:on|in|by|with) WSL ?1\b"),
    Pattern("WSL.V1", r"WSL ?1 (?:does not|doesn't) support"),
    Pattern("WSL.V1", r"\bWSL ?(?:version )?1\b.{0,60}(?:no|not|without).{0,20}(?:GPU|CUDA)", question=True),
    Pattern("WSL.V1", r"(?:no|not|without).{0,20}(?:GPU|CUDA).{0,60}\bWSL ?(?:version )?1\b", question=True),
    Pattern("WSL.NODXG", r"/dev/dxg'?:? ?(?:No such file|Permission denied|not found|does not exist|is missing)"),
    Pattern("WSL.NODXG", r"(?:cannot access|No such file or directory:|open) '?/dev/dxg"),
    Pattern("WSL.NODXG", r"Failed to initialize NVML: N/A", LIKELY, near=WSL),
    Pattern("WSL.NODXG", r"Found no NVIDIA driver on your system", LIKELY, near=WSL),
    Pattern("WSL.NODXG", r"nvidia-smi:? (?:command )?not found", LIKELY, near=WSL),
    Pattern("WSL.BLOCKED", r"GPU access blocked by the operating system"),
    Pattern(
        "WSL.LINUXDRIVER", r"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver", near=WSL
    ),
    Pattern("WSL.LINUXDRIVER", r"Setting up nvidia-(?:driver|dkms|kernel)\S*", LIKELY, near=WSL),
    Pattern("WSL.LINUXDRIVER", r"Driver/library version mismatch", near=WSL),
    Pattern("WSL.LINUXDRIVER", r"NVIDIA-SMI couldn't find libnvidia-ml\.so", LIKELY, near=WSL),
    Pattern("WSL.LINUXDRIVER", r"driver mismatch", LIKELY, near=WSL, question=True),
    Pattern("WSL.LIBCUDA", r"libcuda\.so(?:\.1)?: cannot open shared object file", near=WSL),
    Pattern("WSL.LIBCUDA", r"libcuda\.so: cannot open shared object file"),
    Pattern("WSL.LIBCUDA", r"libcuda\.so\.1: cannot open shared object file", MAYBE),
    Pattern("WSL.LIBCUDA", r"(?:dlopen|load|find) libcuda\.so", LIKELY, near=r"fail|could not|cannot|can't|unable"),
    Pattern("WSL.LIBCUDA", r"libcuda\.so cannot found"),
    Pattern("WSL.SYMLINK", r"libcuda\.so\.1 is not a symbolic link"),
    Pattern("WSL.SMIERR", r"CUDA Version: ERR!"),
    Pattern(
        "WSL.RAM",
        r"^(?:\S*\.sh: line \d+: )?(?:\d+ )?Killed\b(?! by|ing)(?: +\S.{0,200})?$",
        SURE + 1,
        near=WSL,
        lines=True,
    ),
    Pattern("WSL.RAM", r"Out of memory: Killed? process", SURE + 1, near=WSL),
    Pattern("WSL.RAM", r"Vmmem(?:WSL)?\b.{0,80}memory", LIKELY),
    Pattern("WSL.NCCL", r"unhandled system error", near=WSL),
    Pattern("WSL.NCCL", r"unhandled system error", LIKELY, consequence=True),
    Pattern("WSL.NCCL", r"ncclSystemError", LIKELY, near=WSL),
    Pattern("WSL.NCCL", r"Could not find real path of /sys/class/pci_bus"),
    Pattern("WSL.NCCL", r"ncclUnhandledCudaError", LIKELY, near=WSL, consequence=True),
    Pattern("WSL.NCCL", r"NCCL.{0,80}unhandled cuda error", LIKELY, near=WSL, consequence=True),
    Pattern("WSL.NCCL", r"Watchdog caught collective operation timeout", LIKELY, near=WSL, consequence=True),
)

"""Words of the operating system and of Python about memory, disk, limits and versions."""

from checks.explain.pattern import LIKELY, MAYBE, Pattern
from checks.explain.patterns.words import NOTEBOOK, WSL

# A shell's report that the system ended a program, in some languages; not "killed" in a sentence.
_KILLED = r"(?:Killed|Getötet|已杀死|Processus arrêté|Terminado \(killed\)|Убито)"
_OWN_FILE = r"/(?:sherfctl|sherf_core|checks|profiles)/[\w/]{1,80}\.py"
_SHARED = r"/dev/shm|/torch_\d"

PATTERNS = (
    Pattern(
        "SYS.RAM", rf"^(?:\S*sh: (?:line \d+: )?)?(?:\[\d+\][+-]? )?(?:\d+ )?{_KILLED}(?:: 9)?$", lines=True, unless=WSL
    ),
    Pattern(
        "SYS.RAM", rf"^(?:\S*sh: (?:line \d+: )?)?(?:\[\d+\][+-]? )?(?:\d+ )?{_KILLED}(?:: 9)?$", MAYBE, lines=True
    ),
    Pattern("SYS.RAM", rf"(?:it/s|s/it)[^\]\n]{{0,80}}\] ?{_KILLED}$", lines=True),
    Pattern("SYS.RAM", r"^\S*sh: (?:line \d+: )?(?:\d+ )?killed \S.{0,200}$", lines=True),
    Pattern("SYS.RAM", r"^(?:\[\d+\][+-]? )?\d+ killed (?:\S*/)?(?:python|torchrun|sherfctl|accelerate)\b", lines=True),
    Pattern("SYS.RAM", r"\btasks? [\d,-]+: Killed$", lines=True),
    Pattern("SYS.RAM", r"Out of memory: Kill(?:ed)? process"),
    Pattern("SYS.RAM", r"oom-kill:"),
    Pattern("SYS.RAM", r"\bOOMKilled\b"),
    Pattern("SYS.RAM", r"invoked oom-killer"),
    Pattern("SYS.RAM", r"[Dd]etected \d+ oom.kill event"),
    Pattern("SYS.RAM", r"DefaultCPUAllocator: (?:can't allocate|not enough) memory"),
    Pattern("SYS.RAM", r"Unable to allocate [\d.]+ [KMGT]iB for an array"),
    Pattern("SYS.RAM", r"^MemoryError\b", lines=True),
    Pattern("SYS.RAM", r"std::bad_alloc"),
    Pattern("SYS.RAM", r"\[Errno 12\]"),
    Pattern("SYS.RAM", r"is killed by signal: Killed"),
    Pattern("SYS.RAM", r"after using all available RAM"),
    Pattern("SYS.RAM", r"tried to allocate more memory than is available"),
    Pattern(
        "SYS.RAM",
        r"(?:exitcode|exit code|exited with code|returned|died with)[ :]+(?:-9\b|137\b|<Signals\.SIGKILL)",
        LIKELY,
    ),
    Pattern("SYS.RAM", r"signal 9 \(SIGKILL\)", LIKELY),
    Pattern("SYS.RAM", r"terminated with signal SIGKILL", LIKELY),
    Pattern("SYS.DISK", r"No space left on device", unless=_SHARED),
    Pattern("SYS.DISK", r"\[Errno 28\]", unless=_SHARED),
    Pattern("SYS.DISK", r"\bENOSPC\b", unless=_SHARED),
    Pattern("SYS.DISK", r"Disk quota exceeded"),
    Pattern("SYS.DISK", r"There is not enough space on the disk"),
    Pattern("SYS.DISK", r"\[Errno 30\]", LIKELY),
    Pattern("SYS.DISK", r"PytorchStreamWriter failed writing file", LIKELY),
    Pattern("SYS.DISK", r"inline_container\.cc:\d+\W{0,6}unexpected pos \d+ vs \d+", LIKELY),
    Pattern("SYS.ULIMIT", r"Too many open files"),
    Pattern("SYS.ULIMIT", r"\[Errno 24\]"),
    Pattern("SYS.ULIMIT", r"\bEMFILE\b"),
    Pattern("SYS.ULIMIT", r"received 0 items of ancdata"),
    Pattern("SYS.ULIMIT", r"pthread_create failed for thread", LIKELY),
    Pattern("SYS.ULIMIT", r"can't start new thread", LIKELY),
    Pattern("SYS.EPHEMERAL", r"runtime (?:was |has been |got )?disconnected", LIKELY, near=NOTEBOOK),
    Pattern("PY.VERSION", r"'sherfctl' requires a different Python"),
    Pattern("PY.VERSION", _OWN_FILE + r"\", line \d+.{0,200}SyntaxError: invalid syntax", LIKELY),
    Pattern(
        "PY.VERSION",
        r"(?:No matching distribution found for|satisfies the requirement) torch(?!vision|audio)\b",
        LIKELY,
    ),
    Pattern("SYS.INSTALL", r"No module named ['\"]?(?:sherfctl|sherf_core)\b"),
    Pattern("SYS.INSTALL", r"No package metadata was found for sherfctl"),
)

"""Findings about memory, disk and the limits of the operating system."""

from __future__ import annotations

from checks.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "SYS.RAM",
        "System",
        "little memory",
        "Less memory is available than the work needs; the system may end the program (`Killed`).",
        (
            "close other programs, or work in smaller pictures: sherfctl run eval --resolution 256",
            "in a container or a job: ask for more (docker run --memory=16g, #SBATCH --mem=16G)",
        ),
    ),
    Entry(
        "SYS.DISK",
        "System",
        "no room for results",
        "Results are written to the current folder, and its file system is full, nearly full, or not writable.",
        (
            "see what takes the room: du -xh --max-depth=1 . | sort -h | tail",
            "free some space there, or write elsewhere: --out DIR",
        ),
    ),
    Entry(
        "SYS.ULIMIT",
        "System",
        "few files may be open at once",
        "The limit on open files is low; processes that read pictures, and the pipes between them, pass it "
        "(`Too many open files`).",
        (
            "$ ulimit -n 4096    # in this shell, before the program; it lasts until the shell ends",
            "if that is refused: raise the hard limit in /etc/security/limits.conf and log in again",
        ),
    ),
    Entry(
        "SYS.CPU",
        "System",
        "one processor core, or less",
        "Reading pictures, the model and the system share one core: they wait for each other.",
        ("give the container, the job or the virtual machine more cores: 4 or more for training",),
    ),
    Entry(
        "SYS.EPHEMERAL",
        "System",
        "results will be lost when the session ends",
        "The folder for results belongs to this session (a notebook's machine, a container's own layer, or main "
        "memory) and is deleted with it.",
        ("write to a folder that stays: --out DIR (Google Drive, /kaggle/working, a volume of the container)",),
    ),
)

"""Findings about memory, disk and the limits of the operating system."""

from __future__ import annotations

from checks.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "SYS.RAM",
        "System",
        "little memory",
        "Less memory is available than the work needs; the system may end the program (`Killed`).",
        ("{advice}",),
    ),
    Entry(
        "SYS.DISK",
        "System",
        "no room for results",
        "Results are written to the current folder, and its file system is full, nearly full, or not writable.",
        ("free some space there, or name another folder: --out DIR",),
    ),
)

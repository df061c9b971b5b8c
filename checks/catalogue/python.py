"""Findings about Python and this installation."""

from __future__ import annotations

from checks.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "PY.VERSION",
        "Python",
        "this Python is too old",
        "Python 3.10 or newer, 64 bits, is needed: torch and numpy have no current builds for others.",
        (
            "install Python 3.12, by the system's packages or with Miniforge (https://github.com/conda-forge/miniforge)",
            "then set this program up with it; in a source checkout:",
            "$ PYTHON=python3.12 make test",
        ),
    ),
    Entry(
        "SYS.INSTALL",
        "Python",
        "this installation is incomplete",
        "Files that ship with the program are missing (a copy that was cut short, a clone without its large files), or "
        "Python packages that it needs.",
        ("clone it again, or install it again with pip; in a source checkout `git status` shows what is missing",),
    ),
)

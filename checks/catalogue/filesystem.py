"""Findings about names in the file system."""

from __future__ import annotations

from checks.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "FS.CASE",
        "System",
        "a name differs in the case of its letters",
        "Windows and macOS take Assets and assets for the same name, Linux (and WSL) does not: what was made there is "
        "not found here.",
        ("$ mkdir -p {folder} && ln -s {found} {wanted}",),
        general=("link it to the name that is looked for, or rename it: $ ln -s FOUND WANTED",),
    ),
)

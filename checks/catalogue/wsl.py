"""Findings about the Windows Subsystem for Linux."""

from __future__ import annotations

from checks.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = ()

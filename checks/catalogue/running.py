"""Findings about a run: what it needs, and troubles of the published code that do not exist here."""

from __future__ import annotations

from checks.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = ()

"""Facts of two healthy machines, for the rules."""

from __future__ import annotations

import pytest

from checks.facts.records import Facts
from tests.checks.corpus import machine


@pytest.fixture
def laptop() -> Facts:
    """A healthy laptop without a GPU and without any file of the user's."""
    return machine("cpu-laptop")


@pytest.fixture
def workstation() -> Facts:
    """A healthy machine with a GPU and all of the user's files."""
    return machine("bare-metal-1gpu")

"""What the exit status of every command means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of `sherfctl`; scripts may rely on these numbers."""

    FINE = 0
    """Everything asked for was done."""
    FAILED = 1
    """It could not be done: an error the user can mend, or a finding that blocks."""
    USAGE = 2
    """The command line itself is wrong."""
    WARNINGS = 3
    """Only warnings, and `--strict` was given."""
    INTERNAL = 4
    """A defect of this program; a traceback was saved."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C."""
    TERMINATED = 143
    """Stopped by SIGTERM, in order: what was to be stored is stored."""

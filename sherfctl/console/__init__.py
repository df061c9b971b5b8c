"""Presentation: the only part of the program that writes to the terminal."""

from sherfctl.console.console import Console, Status, console_of
from sherfctl.console.progress import Progress

__all__ = ["Console", "Progress", "Status", "console_of"]

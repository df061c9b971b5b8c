"""What `sherfctl doctor --fix` does: a plan (pure), and its steps, each of which can be repeated and undone.

Nothing here overwrites, moves or deletes a file that was there.
"""

from checks.remedies.applying import apply
from checks.remedies.planning import plan
from checks.remedies.remedy import Kind, Outcome, Remedy

__all__ = ["Kind", "Outcome", "Remedy", "apply", "plan"]

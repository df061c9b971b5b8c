"""What a kind of finding is: its words, what mends it, and which other findings explain it away."""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("Python", "Torch", "GPU", "WSL", "System", "SMPL body", "Checkpoint", "Data set", "Running")

SMPL_SITE = "https://smpl.is.tue.mpg.de"
TORCH_SITE = "https://pytorch.org/get-started/locally/"
SHERF_SITE = "https://github.com/skhu101/SHERF"


@dataclass(frozen=True)
class Entry:
    """A kind of finding. In all texts `{names}` are filled in by the rule that finds it.

    Args:
        id: its name, `GROUP.KIND`.
        group: the heading it stands under, one of GROUPS.
        title: what is wrong, a few words.
        cause: why it is so. Without `{names}`, so that it can be told without a machine (`sherfctl explain`).
        fix: what to do, a step or command each: `$ ` starts a shell command, `PS> ` one for PowerShell in Windows,
            anything else is a step in words. Where `{names}` stand, `general` must not be empty.
        link: where more is said, or "".
        follows: ids that are root causes of this one: where one of them is found too, this one is silent.
        general: the fix where no machine was looked at (`sherfctl explain`); empty where `fix` has no `{names}`.
    """

    id: str
    group: str
    title: str
    cause: str
    fix: tuple[str, ...]
    link: str = ""
    follows: tuple[str, ...] = ()
    general: tuple[str, ...] = ()

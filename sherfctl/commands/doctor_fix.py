"""`sherfctl doctor --fix`: show the plan, ask, mend, and say how to undo it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sherfctl.console import Console, Status

if TYPE_CHECKING:
    from checks import Diagnosis, Facts
    from checks.document import RemedyDocument
    from checks.remedies import Outcome, Remedy

STATUS_OF = {"done": Status.PASS, "already done": Status.INFO, "refused": Status.FAIL}


@dataclass(frozen=True)
class Mending:
    """What became of a plan.

    Args:
        planned: the remedies.
        outcomes: one for each remedy, empty where nothing was begun.
        unasked: nobody was there to agree to the plan.
    """

    planned: tuple[Remedy, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    unasked: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything was changed, so that another look is worth it."""
        return any(outcome.state == "done" for outcome in self.outcomes)

    @property
    def refused(self) -> bool:
        """Whether something could not be done."""
        return any(outcome.state == "refused" for outcome in self.outcomes)

    def documents(self) -> list[RemedyDocument]:
        """For the JSON document."""
        from checks.document import RemedyDocument

        if not self.outcomes:
            return [
                RemedyDocument(id=remedy.id, words=remedy.words, state="planned", reason="", undo=remedy.undo)
                for remedy in self.planned
            ]
        return [
            RemedyDocument(
                id=outcome.remedy.id,
                words=outcome.remedy.words,
                state=outcome.state,
                reason=outcome.reason,
                undo=outcome.undo,
            )
            for outcome in self.outcomes
        ]


def mend(console: Console, facts: Facts, diagnoses: Sequence[Diagnosis], *, yes: bool, dry_run: bool) -> Mending:
    """Show what would be done; unless it is a dry run, ask and do it."""
    from checks.remedies import apply, plan
    from sherfctl.console.layout import printable

    remedies = plan(facts, diagnoses)
    if not remedies:
        console.say("Nothing that --fix could mend: it links, lists and copies files of yours, and none needs that.")
        return Mending()
    console.say("The plan; nothing that is there is moved, overwritten or deleted:")
    for remedy in remedies:
        console.item(Status.INFO, f"{printable(remedy.words)}  [{remedy.id}]")
    if dry_run:
        console.say("dry run: nothing was changed")
        return Mending(remedies)
    if not yes:
        agreed = console.ask("Do this?")
        if agreed is None:
            console.error("there is no terminal to ask in: nothing was changed", fix="add --yes to agree to the plan")
            return Mending(remedies, unasked=True)
        if not agreed:
            console.say("nothing was changed")
            return Mending(remedies)
    outcomes = []
    for remedy in remedies:
        outcomes.append(apply(remedy))
        _show_outcome(console, outcomes[-1])
    console.say()
    return Mending(remedies, tuple(outcomes))


def _show_outcome(console: Console, outcome: Outcome) -> None:
    from sherfctl.console.layout import printable

    reason = f": {printable(outcome.reason)}" if outcome.reason else ""
    console.item(STATUS_OF[outcome.state], f"{outcome.state}{reason}  ({printable(outcome.remedy.words)})")
    if outcome.undo:
        console.say("to undo it:", indent=4)
        console.command(printable(outcome.undo), indent=6)

"""`sherfctl doctor --fix`: show the plan, ask, mend, and say how to undo it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sherf_core.errors import SherfError
from sherfctl.console import Console, Status
from sherfctl.failures import failure_of

if TYPE_CHECKING:
    from checks.remedies import Remedy

    from checks import Diagnosis, Facts
    from checks.document import RemedyDocument


@dataclass(frozen=True)
class Step:
    """A remedy and what became of it."""

    remedy: Remedy
    applied: bool = False
    error: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of the plan; `refused` where nobody was there to agree to it."""

    steps: tuple[Step, ...] = ()
    refused: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything was changed, so that another look is worth it."""
        return any(step.applied for step in self.steps)

    def documents(self) -> list[RemedyDocument]:
        """For the JSON document."""
        from checks.document import RemedyDocument

        return [
            RemedyDocument(
                id=step.remedy.id, what=step.remedy.what, applied=step.applied, undo=step.remedy.undo, error=step.error
            )
            for step in self.steps
        ]


def mend(console: Console, facts: Facts, diagnoses: Sequence[Diagnosis], *, yes: bool, dry_run: bool) -> Outcome:
    """Show what would be done; unless it is a dry run, ask and do it."""
    from checks.remedies import plan

    remedies = plan(facts, diagnoses)
    if not remedies:
        console.say(
            "Nothing to mend here by itself: the doctor changes files of yours only, and none of them needs it."
        )
        return Outcome()
    show_plan(console, remedies)
    undone = Outcome(tuple(Step(remedy) for remedy in remedies))
    if dry_run:
        console.say("dry run: nothing was changed")
        return undone
    if not yes:
        agreed = console.ask("Do this?")
        if agreed is None:
            console.error("there is no terminal to ask in, so nothing was changed", fix="add --yes to agree")
            return Outcome(undone.steps, refused=True)
        if not agreed:
            console.say("nothing was changed")
            return undone
    return Outcome(tuple(_apply(console, remedy) for remedy in remedies))


def show_plan(console: Console, remedies: Sequence[Remedy]) -> None:
    """What would be done, a line each."""
    console.heading("Plan")
    for remedy in remedies:
        console.item(Status.INFO, f"{remedy.what}  [{remedy.id}]")


def _apply(console: Console, remedy: Remedy) -> Step:
    from checks.remedies import apply

    try:
        apply(remedy)
    except (SherfError, OSError) as error:
        failure = failure_of(error)
        found = str(error) if failure is None else failure.found
        console.item(Status.FAIL, f"{remedy.what}: {found}")
        return Step(remedy, error=found)
    console.item(Status.PASS, remedy.what)
    console.say("to undo it:", indent=4)
    console.command(remedy.undo, indent=6)
    return Step(remedy, applied=True)

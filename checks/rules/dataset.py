"""The user's data set."""

from __future__ import annotations

from pathlib import PurePath

from checks.facts.records import DatasetFacts, Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.registry import found, rule
from sherf_core.data.locations import DATASET_FOLDERS, HOME_VARIABLE

# How long the published list must be for its test people to be in it.
SPLIT_NEEDS = {"RenderPeople": 480}


def _wanted(facts: Facts, purpose: Purpose) -> DatasetFacts | None:
    """The facts of the data set that the purpose is about, None where none of the user's is needed."""
    return None if purpose.is_embedded else facts.dataset


@rule("DATA.MISSING")
def data_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The data set's folder is not there."""
    data = _wanted(facts, purpose)
    if data is None or data.exists:
        return []
    place = DATASET_FOLDERS.get(purpose.dataset, (f"data/{purpose.dataset}",))[0]
    looked = f"looked for {place} in the current folder and in ${HOME_VARIABLE}"
    evidence = [f"{data.root} does not exist" if data.root else looked]
    return found("DATA.MISSING", Severity.BLOCK, evidence, place=place, parent=PurePath(place).parent)


@rule("DATA.LIST")
def list_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """There is no list of people."""
    data = _wanted(facts, purpose)
    if data is None or not data.exists or data.list_file:
        return []
    return found(
        "DATA.LIST", Severity.WARN, [f"{data.root}: {data.folders} folders, no human_list.txt"], root=data.root
    )


@rule("DATA.RP_COUNT")
def too_few_people(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The list is shorter than the published split, or listed people have no folder."""
    data = _wanted(facts, purpose)
    needed = SPLIT_NEEDS.get(purpose.dataset)
    if data is None or not data.exists or needed is None:
        return []
    count = data.folders if data.listed is None else data.listed
    evidence = []
    if count < needed:
        evidence.append(f"{data.root}: {count} people, {needed} are wanted")
    if data.missing_count:
        names = ", ".join(data.missing)
        more = ", …" if data.missing_count > len(data.missing) else ""
        evidence.append(f"{data.missing_count} of {data.listed} listed people have no folder: {names}{more}")
    if not evidence:
        return []
    # Folders that are missing matter only if they are test people, which the evaluation itself finds out.
    severity = Severity.BLOCK if count < needed else Severity.WARN
    return found("DATA.RP_COUNT", severity, evidence)

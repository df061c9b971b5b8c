"""The user's data set: whether it is there, whole enough for the split, and where it lies."""

from __future__ import annotations

from pathlib import PurePath
from shlex import quote

from checks.facts.records import DatasetFacts, Facts, Tally
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.filesystem import twin_of
from checks.rules.registry import found, rule
from sherf_core.data.locations import DATASET_FOLDERS, HOME_VARIABLE
from sherf_core.data.splits import SPLITS

WINDOWS_DRIVES = frozenset({"9p", "drvfs", "fuseblk"})


def wanted(facts: Facts, purpose: Purpose) -> DatasetFacts | None:
    """The facts of the data set that the purpose is about; None where none of the user's is needed or was looked at."""
    return None if purpose.is_embedded or facts.dataset.name != purpose.dataset else facts.dataset


def present(facts: Facts, purpose: Purpose) -> DatasetFacts | None:
    """The same, None also where there is no data set: then DATA.MISSING says all."""
    data = wanted(facts, purpose)
    return None if data is None or _absent(data) else data


def relevant(tally: Tally, purpose: Purpose) -> int:
    """How many of the tally concern subjects that this purpose needs: an evaluation needs test subjects only."""
    return tally.in_training if purpose.action == "train" else tally.count - tally.in_training


def counted(tally: Tally, what: str, *, sample: bool = False) -> str:
    """`2 of 30 people: a, b`, "" where nothing was counted; of a sample it is said that it is one."""
    if not tally.count:
        return ""
    more = ", …" if tally.count > len(tally.examples) else ""
    return f"{tally.count} of {tally.of} {what}{' (in a sample)' if sample else ''}: {', '.join(tally.examples)}{more}"


def missing_people(data: DatasetFacts, purpose: Purpose) -> Tally:
    """Subjects of the part of the split that the purpose uses, which have no folder."""
    return data.train_subjects_missing if purpose.action == "train" else data.test_subjects_missing


@rule("DATA.MISSING")
def data_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The data set's folder is not there, or holds no subjects."""
    data = wanted(facts, purpose)
    if data is None or not _absent(data) or twin_of(facts, "data") is not None:
        return []
    place = DATASET_FOLDERS[purpose.dataset][0]
    if data.problem:
        fix = ["give yourself the right to read it:", f"$ ls -ld {quote(data.root)}"]
        return found("DATA.MISSING", Severity.BLOCK, [f"{data.root}: {data.problem}"], fix=fix)
    evidence = [f"looked for {place} in the current folder and in ${HOME_VARIABLE}"]
    if data.root:
        evidence = [f"{data.root} holds no {purpose.dataset} people" if data.exists else f"{data.root} does not exist"]
    source = quote(data.subjects_at) if data.subjects_at else "/path/to/it"
    link = f"$ mkdir -p {PurePath(place).parent} && ln -s {source} {place}"
    if data.subjects_at:
        evidence.append(f"they are in {data.subjects_at}")
        return found("DATA.MISSING", Severity.BLOCK, evidence, fix=[f"name that folder: --data {source}"])
    return found("DATA.MISSING", Severity.BLOCK, evidence, fix=["name it: --data DIR", "or link it:", link])


@rule("DATA.LIST")
def list_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """There is no list of people, where the split goes by it."""
    data = present(facts, purpose)
    if data is None or data.list_file or not SPLITS[purpose.dataset].listed_subjects:
        return []
    by_name = purpose.action == "eval" and isinstance(SPLITS[purpose.dataset].test_subjects, tuple)
    severity = Severity.INFO if by_name else Severity.WARN
    fix = [
        "copy human_list.txt of the published code into that folder",
        "or write one with the people that are there:",
        f"$ (cd {quote(data.root)} && ls -d */ | tr -d / > human_list.txt)",
    ]
    return found("DATA.LIST", severity, [f"{data.root}: {_people(data.folders)}, no human_list.txt"], fix=fix)


@rule("DATA.RP_COUNT")
def too_few_people(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The list is shorter than the published split, or people of the split have no folder."""
    data = present(facts, purpose)
    split = SPLITS.get(purpose.dataset)
    if data is None or split is None or split.short_code != "DATA.RP_COUNT":
        return []
    part = split.train_subjects if purpose.action == "train" else split.test_subjects
    needed = part.stop if isinstance(part, range) else 0
    people = data.folders if data.listed is None else min(data.listed, data.folders)
    missing = missing_people(data, purpose)
    # A list as long as the split may still name people who are not there; how many of them matter, `missing` tells.
    too_short = (data.folders if data.listed is None else data.listed) < needed
    if not too_short and not missing.count:
        return []
    evidence = [
        f"{data.root}: {_people(people)}, the published split goes up to number {needed}" if too_short else "",
        counted(missing, f"people that this purpose needs are not in {data.root}"),
    ]
    fix = [f"get the full {purpose.dataset} set from its authors"]
    if purpose.action == "eval" and data.people:
        names = ",".join(quote(name) for name in data.people)
        fix.append("or evaluate people that are there (the figures are then not the paper's):")
        fix.append(f"$ sherfctl run eval --dataset {purpose.dataset} --data {quote(data.root)} --subjects {names}")
    return found("DATA.RP_COUNT", Severity.BLOCK, evidence, fix=fix)


@rule("DATA.TRAIN_FOR_EVAL")
def training_people_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """What only training needs is missing, and nothing is to be trained."""
    data = present(facts, purpose)
    if data is None or purpose.action != "eval":
        return []
    evidence = [
        counted(data.train_subjects_missing, "training people are not there"),
        *(
            f"of training people: {tally.in_training} {words}"
            for tally, words in (
                (data.incomplete, "incomplete"),
                (data.annotations_missing, "without annots.npy"),
                (data.parameters_missing, "frames without parameters"),
                (data.frames_missing, "files missing"),
                (data.masks_missing, "masks missing"),
                (data.empty_annotations, "without a list of pictures"),
                (data.few_cameras, "with too few cameras"),
                (data.wrong_pictures, "pictures that do not fit"),
                (data.unreadable_pictures, "broken pictures"),
            )
            if tally.in_training
        ),
    ]
    return found("DATA.TRAIN_FOR_EVAL", Severity.INFO, evidence) if any(evidence) else []


@rule("FS.DRVFS")
def on_a_windows_drive(facts: Facts, purpose: Purpose) -> list[Finding]:
    """In WSL, the data lie on a drive of Windows."""
    data = present(facts, purpose)
    if data is None or not facts.platform.wsl or data.filesystem not in WINDOWS_DRIVES:
        return []
    target = f"~/data/{quote(PurePath(data.root).name)}"
    fix = [f"$ mkdir -p ~/data && cp -r {quote(data.root)} ~/data/", f"then name it: --data {target}"]
    return found("FS.DRVFS", Severity.WARN, [f"{data.root} lies on a file system of type {data.filesystem}"], fix=fix)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _absent(data: DatasetFacts) -> bool:
    return not data.exists or not data.folders or bool(data.problem)

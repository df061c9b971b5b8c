"""What lies in the subjects' folders: files, annotations, cameras, pictures."""

from __future__ import annotations

from checks.facts.records import DatasetFacts, Facts, Tally
from checks.findings import Finding, Severity
from checks.purpose import Purpose
from checks.rules.dataset import counted, missing_people, present, relevant
from checks.rules.registry import found, rule
from sherf_core.data.splits import SPLITS

# One picture in so many may miss its body: an arm behind a prop, a mask with a hole.
MISFITS_ALLOWED = 0.05


@rule("DATA.RP_LAYOUT")
def files_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Whole people cannot be used (that blocks), or frames are missing (they are skipped)."""
    data = present(facts, purpose)
    if data is None or data.name == "HuMMan":
        return []
    frames = [data.frames_missing] if data.name == "ZJU-MoCap" else [data.frames_missing, data.masks_missing]
    severity = _files(data, purpose, frames)
    return [] if severity is None else found("DATA.RP_LAYOUT", severity, _file_evidence(data, frames))


@rule("DATA.HM_PARTS")
def humman_parts(facts: Facts, purpose: Purpose) -> list[Finding]:
    """HuMMan's people of the split are not all there, or not whole."""
    data = present(facts, purpose)
    if data is None or data.name != "HuMMan":
        return []
    missing, frames = missing_people(data, purpose), [data.frames_missing, data.masks_missing]
    severity = Severity.BLOCK if missing.count else _files(data, purpose, frames)
    if severity is None:
        return []
    people = counted(missing, f"people that this purpose needs are not in {data.root}")
    return found("DATA.HM_PARTS", severity, [people, *_file_evidence(data, frames)])


@rule("DATA.TH_ANNOTS")
def annotations_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """THuman and ZJU-MoCap: annots.npy is not there, broken, or of too few views."""
    data = present(facts, purpose)
    if data is None or not relevant(data.annotations_missing, purpose):
        return []
    return found(
        "DATA.TH_ANNOTS",
        Severity.BLOCK,
        [counted(data.annotations_missing, "people have no annots.npy that can be used")],
    )


@rule("DATA.TH_PARAMS")
def parameters_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """THuman's parameters are missing: of as many frames as a subject has, or of a few."""
    data = present(facts, purpose)
    count = 0 if data is None else relevant(data.parameters_missing, purpose)
    if data is None or not count:
        return []
    split = SPLITS[purpose.dataset]
    whole = len(split.train_poses if purpose.action == "train" else split.test_poses)
    severity = Severity.BLOCK if count >= whole else Severity.WARN
    return found(
        "DATA.TH_PARAMS", severity, [counted(data.parameters_missing, "frames lack parameters", sample=not data.deep)]
    )


@rule("DATA.BACKSLASH")
def backslashes(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Annotations were written on Windows."""
    data = present(facts, purpose)
    if data is None or not data.backslashes.count:
        return []
    return found(
        "DATA.BACKSLASH",
        Severity.INFO,
        [counted(data.backslashes, "files write paths with backslashes", sample=not data.deep)],
    )


@rule("DATA.ZJU_313")
def odd_names(facts: Facts, purpose: Purpose) -> list[Finding]:
    """313 and 315 have their other names (handled), or names that nothing can be made of."""
    data = present(facts, purpose)
    if data is None:
        return []
    if relevant(data.names_unfound, purpose):
        evidence = [counted(data.names_unfound, "pictures are there under neither name", sample=not data.deep)]
        return found("DATA.ZJU_313", Severity.BLOCK, evidence)
    if not data.odd_names.count:
        return []
    evidence = [counted(data.odd_names, "pictures have the short name", sample=not data.deep)]
    return found("DATA.ZJU_313", Severity.INFO, evidence, fix=["nothing to do: both names are read"])


@rule("DATA.ZJU_CAMS")
def cameras_and_masks(facts: Facts, purpose: Purpose) -> list[Finding]:
    """ZJU-MoCap: fewer cameras than the split uses (that blocks), or masks missing (they are skipped)."""
    data = present(facts, purpose)
    if data is None or data.name != "ZJU-MoCap":
        return []
    few, masks = relevant(data.few_cameras, purpose), relevant(data.masks_missing, purpose)
    if not few and not masks:
        return []
    evidence = [
        counted(data.few_cameras, "people have too few cameras", sample=not data.deep),
        counted(data.masks_missing, "masks are missing", sample=not data.deep),
    ]
    return found("DATA.ZJU_CAMS", Severity.BLOCK if few else Severity.WARN, evidence)


@rule("DATA.ZJU_REFINED")
def refined(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The release whose annotations list no pictures."""
    data = present(facts, purpose)
    if data is None or not relevant(data.empty_annotations, purpose):
        return []
    return found(
        "DATA.ZJU_REFINED",
        Severity.BLOCK,
        [counted(data.empty_annotations, "files list no picture", sample=not data.deep)],
    )


@rule("DATA.IMG")
def pictures(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Pictures that stop a run: reading them fails, or they do not fit mask or camera."""
    data = present(facts, purpose)
    if data is None or not relevant(data.wrong_pictures, purpose) + relevant(data.unreadable_pictures, purpose):
        return []
    evidence = [
        counted(data.wrong_pictures, "pictures do not fit", sample=not data.deep),
        counted(data.unreadable_pictures, "pictures cannot be read", sample=not data.deep),
    ]
    return found("DATA.IMG", Severity.BLOCK, evidence)


@rule("DATA.FIT")
def misfits(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Bodies lie beside their pictures in more than a few of them."""
    data = present(facts, purpose)
    if data is None or not data.misfits.of:
        return []
    if relevant(data.misfits, purpose) <= MISFITS_ALLOWED * data.misfits.of:
        return []
    return found(
        "DATA.FIT",
        Severity.WARN,
        [counted(data.misfits, "pictures show the person beside the body", sample=not data.deep)],
    )


def _files(data: DatasetFacts, purpose: Purpose, frames: list[Tally]) -> Severity | None:
    if relevant(data.incomplete, purpose):
        return Severity.BLOCK
    return Severity.WARN if any(relevant(tally, purpose) for tally in frames) else None


def _file_evidence(data: DatasetFacts, frames: list[Tally]) -> list[str]:
    lines = [counted(data.incomplete, "people are incomplete")]
    return lines + [counted(tally, "files of frames are missing", sample=not data.deep) for tally in frames]

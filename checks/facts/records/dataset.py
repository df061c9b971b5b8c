"""The record of a data set: tallies of what is there and what is not."""

from __future__ import annotations

from checks.facts.records.base import Record, Tally


class DatasetFacts(Record):
    """A data set's folder.

    A tally whose `of` is None was not taken: it does not belong to this data set, or the look was a quick one.
    """

    name: str = ""
    """"" where none was looked for."""
    root: str = ""
    """"" where none was found."""
    exists: bool = False
    problem: str = ""
    """What the system said where the folder or its list cannot be read."""
    subjects_at: str = ""
    """The folder near `root` (above it, in it) that holds the subjects, where `root` itself does not."""
    filesystem: str = ""
    """Type of the file system it lies on: `ext4`, `9p`, `drvfs`, …"""
    deep: bool = False
    """Whether everything was looked at (--deep), not samples."""
    list_file: str = ""
    listed: int | None = None
    """Lines of human_list.txt, None where it is missing."""
    folders: int = 0
    """Subject folders there."""
    missing: tuple[str, ...] = ()
    """The first five listed subjects without a folder."""
    missing_count: int = 0
    people: tuple[str, ...] = ()
    """The first five subjects that have a folder, those of the published test before others."""
    test_subjects_missing: Tally = Tally()
    """Subjects of the published test that are not there."""
    train_subjects_missing: Tally = Tally()
    incomplete: Tally = Tally()
    """Subjects that lack a camera file, pictures, masks or body parameters; examples are the missing paths."""
    annotations_missing: Tally = Tally()
    """THuman, ZJU-MoCap: subjects without a readable annots.npy that has enough views."""
    parameters_missing: Tally = Tally()
    """THuman: frames without body parameters (new_params_neutral)."""
    backslashes: Tally = Tally()
    """Subjects whose annotations write paths with backslashes."""
    odd_names: Tally = Tally()
    """ZJU-MoCap 313 and 315: pictures that are there under the fifth field of the annotated name only."""
    names_unfound: Tally = Tally()
    """ZJU-MoCap 313 and 315: pictures that are there under neither name."""
    frames_missing: Tally = Tally()
    """Pictures of the split that are not there, in subjects that are otherwise whole."""
    few_cameras: Tally = Tally()
    """ZJU-MoCap: subjects with fewer cameras than the split uses."""
    masks_missing: Tally = Tally()
    empty_annotations: Tally = Tally()
    """ZJU-MoCap: subjects whose annotations list no picture (the `refine` release)."""
    wrong_pictures: Tally = Tally()
    """Pictures whose size does not fit their mask, their camera, or the data set; examples say how."""
    unreadable_pictures: Tally = Tally()
    misfits: Tally = Tally()
    """Looked-at pictures whose body, projected, lies outside the mask by too much; examples say how much."""

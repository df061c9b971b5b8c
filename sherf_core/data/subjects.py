"""Which people a data set lists, in which order. The doctor uses it: no heavy imports.

The published code reads `human_list.txt`; some copies of the data keep it beside the folder of the subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LIST_NAME = "human_list.txt"


@dataclass(frozen=True)
class SubjectList:
    """The people of a data set.

    Attributes:
        names: in the list's order; without a list, the folders that hold the subjects' file, sorted.
        file: the list, None if there is none.
    """

    names: tuple[str, ...]
    file: Path | None


def subject_list(root: Path, subject_file: str = "cameras.json") -> SubjectList:
    """The people in `root`: by its human_list.txt, its parent's if that names folders of `root`, or by folder.

    Args:
        root: the data set's folder.
        subject_file: a file that every subject's folder holds.

    Raises:
        OSError: the folder or its list cannot be read.
    """
    own, beside = root / LIST_NAME, root.parent / LIST_NAME
    if own.is_file():
        return SubjectList(_names(own), own)
    if beside.is_file():
        names = _names(beside)
        if any((root / name).is_dir() for name in names):
            return SubjectList(names, beside)
    return SubjectList(tuple(sorted(path.parent.name for path in root.glob(f"*/{subject_file}"))), None)


def _names(path: Path) -> tuple[str, ...]:
    # A byte-order mark would become part of the first name, and a stray byte would hide every other one.
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())

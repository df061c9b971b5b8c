"""Records of the user's files: bodies, checkpoints, and the folder that the user works in."""

from __future__ import annotations

from typing import Literal

from checks.facts.records.base import Record, Tally


class FileFacts(Record):
    """A body model or a checkpoint: what it is, not what its name says.

    `problem` is the id of the check that its content fails ("" if it can be used), with the reader's words in
    `found`, `expected` and `fix`.
    """

    path: str
    bytes: int | None = None
    sha256: str = ""
    """"" where it was not asked for (--quick)."""
    readable: bool = True
    """Whether its permissions let this user read it."""
    owned: bool = False
    """Whether it belongs to this user, who may then change its permissions."""
    leads_to: str = ""
    """Where it is a link: the file that it leads to in the end, there or not."""
    problem: str = ""
    found: str = ""
    expected: str = ""
    fix: str = ""
    vertices: int | None = None
    shape_components: int | None = None
    python2: bool = False
    """Whether it is a pickle that Python 2 wrote."""
    chumpy: bool = False
    """Whether arrays in it are chumpy objects."""
    small_copy: str = ""
    """A copy of it with 10 shape components that lies beside it, or ""."""
    notes: tuple[str, ...] = ()
    """Remarks on its content: what is put right when it is read, what its names tell about how it was made."""


class NamedBody(Record):
    """A body file that has another name, or lies in another place, than the one that is looked for."""

    path: str
    gender: Literal["neutral", "male", "female"]
    version: str = ""
    """`1.0.0` or `1.1.0`, "" where the name does not tell."""
    member: str = ""
    """Its name inside of `path`, where that is an archive; "" for a file that was unpacked."""
    place: str = ""
    """The path under which it would be found: where a link to it belongs."""


class CaseTwin(Record):
    """A path that is looked for, and one that differs from it only in the case of its letters."""

    wanted: str
    found: str
    what: Literal["body", "checkpoint", "data"] = "body"
    """What it is looked for as."""


class WorkFolderFacts(Record):
    """What lies in the folder where the user works."""

    published_checkout: str = ""
    """The folder of a copy of the published SHERF code, if the current folder is (in) one."""
    photos: Tally = Tally()
    """Pictures that lie there loose: somebody may want to know how to use one photo."""
    unneeded_bodies: tuple[str, ...] = ()
    """Files named SMPL_NEUTRAL_renderpeople.pkl, which nothing reads."""
    perceptual: str | None = None
    """The VGG16 weights for LPIPS, "" where there are none, None where nobody looked."""
    stray_checkpoints: tuple[str, ...] = ()
    """Checkpoints for the data set that lie where none is looked for."""
    other_checkpoints: tuple[str, ...] = ()
    """Checkpoints for other data sets, in the usual places."""
    case_twins: tuple[CaseTwin, ...] = ()

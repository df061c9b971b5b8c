"""Findings about the SMPL body file."""

from __future__ import annotations

from checks.catalogue.entry import SMPL_SITE, Entry

FETCH_SMPL = "download SMPL_python_v.1.1.0.zip from the SMPL site (free registration) and unpack it"
PLACE_SMPL = "$ mkdir -p assets && mv basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl assets/SMPL_NEUTRAL.pkl"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "SMPL.MISSING",
        "SMPL body",
        "no SMPL body model",
        "The neutral SMPL body is not in assets/ or models/smpl/. Its licence forbids shipping it.",
        (FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
        follows=("SMPL.RENAMED",),
    ),
    Entry(
        "SMPL.RENAMED",
        "SMPL body",
        "the SMPL body has its original name",
        "The file is there under the name that its publishers gave it; it is looked for as assets/SMPL_NEUTRAL.pkl.",
        ("$ mkdir -p assets && ln -s {path} assets/{name}",),
    ),
    Entry(
        "SMPL.HTML",
        "SMPL body",
        "the SMPL file is a web page",
        "The site answered with its login page, which was saved under the file's name.",
        ("log in first: " + FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
    Entry(
        "SMPL.LFS",
        "SMPL body",
        "the SMPL file is a Git LFS pointer",
        "The repository it came from keeps large files elsewhere; only the pointer was fetched.",
        ("$ git lfs install && git lfs pull    # in the repository that it came from",),
    ),
    Entry(
        "SMPL.ZIP",
        "SMPL body",
        "the SMPL file is an archive",
        "The downloaded archive was renamed instead of unpacked.",
        (
            "$ python3 -m zipfile -e {path} smpl_unpacked",
            "then move the neutral model inside to assets/SMPL_NEUTRAL.pkl",
        ),
    ),
    Entry(
        "SMPL.TRUNC",
        "SMPL body",
        "the SMPL file is cut short",
        "The download or the copy stopped before its end.",
        (FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
    Entry(
        "SMPL.SHAPEDIRS300",
        "SMPL body",
        "the SMPL file has more than 10 shape components",
        "SMPL v1.1.0 has 300, the model uses 10: the first 10 are taken when it is loaded.",
        ("nothing to do",),
    ),
    Entry(
        "SMPL.STRUCT",
        "SMPL body",
        "the SMPL file is not a neutral SMPL body",
        "Arrays are missing or have other shapes or values: another model (SMPL-X, SMPL+H), or a damaged copy.",
        ("replace it: " + FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
    Entry(
        "SMPL.SMPLX",
        "SMPL body",
        "the SMPL file is an SMPL-X body",
        "SMPL-X is another model (10475 vertices, with face and fingers); SMPL is wanted (6890 vertices).",
        (FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
    Entry(
        "SMPL.UNSAFE",
        "SMPL body",
        "the SMPL file would run code",
        "It is a pickle that calls functions no body model needs. It was not loaded, nothing in it was run.",
        ("delete it, and tell whoever gave it to you", "then " + FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
)

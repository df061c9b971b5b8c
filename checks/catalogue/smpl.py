"""Findings about the SMPL body file."""

from __future__ import annotations

from checks.catalogue.entry import SHERF_SITE, SMPL_SITE, Entry

PLACE_SMPL = (
    "$ mkdir -p assets && mv SMPL_python_v.1.1.0/smpl/models/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl "
    "assets/SMPL_NEUTRAL.pkl"
)
GET_SMPL = (
    "$ sherfctl fetch-assets smpl    # asks for your login of the SMPL site (registration is free)",
    "or by hand: download SMPL_python_v.1.1.0.zip from that site, unpack it, then",
    PLACE_SMPL,
)
REPLACE_SMPL = ("$ mv {path} {path}.old", *GET_SMPL)
REPLACE_ANY = ("move the file away, then", *GET_SMPL)
SMPLIFY_SITE = "https://smplify.is.tue.mpg.de"
NOTHING = ("nothing to do",)

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "SMPL.MISSING",
        "SMPL body",
        "no SMPL body model",
        "No neutral SMPL body that can be read is in assets/, models/smpl/ or the other usual places. Its licence "
        "forbids shipping it.",
        GET_SMPL,
        SMPL_SITE,
        follows=("SMPL.RENAMED", "SMPL.NO_NEUTRAL"),
    ),
    Entry(
        "SMPL.RENAMED",
        "SMPL body",
        "the SMPL body has its original name",
        "The file is there under the name that its publishers gave it; it is looked for as assets/SMPL_NEUTRAL.pkl.",
        ("$ mkdir -p assets && ln -s {path} {place}",),
        general=(
            "$ mkdir -p assets && ln -s /path/to/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl assets/SMPL_NEUTRAL.pkl",
        ),
    ),
    Entry(
        "SMPL.NO_NEUTRAL",
        "SMPL body",
        "only a man's or a woman's SMPL body",
        "The data sets were fitted with the neutral body. The archive of SMPL 1.0.0 has none: that one comes with "
        "SMPLify. The archive of SMPL 1.1.0 has all three.",
        (*GET_SMPL, f"or take the neutral body of 1.0.0 out of SMPLify's archive: {SMPLIFY_SITE}"),
        SMPL_SITE,
    ),
    Entry(
        "SMPL.GENDER",
        "SMPL body",
        "the SMPL file is a man's or a woman's body",
        "The data sets were fitted with the neutral body: with another one all looks plausible, and fits nowhere.",
        REPLACE_SMPL,
        SMPL_SITE,
        general=REPLACE_ANY,
    ),
    Entry(
        "SMPL.HTML",
        "SMPL body",
        "the SMPL file is a web page",
        "The site answered with its login page, which was saved under the file's name.",
        REPLACE_SMPL,
        SMPL_SITE,
        general=REPLACE_ANY,
    ),
    Entry(
        "SMPL.LFS",
        "SMPL body",
        "the SMPL file is a Git LFS pointer",
        "The repository it came from keeps large files elsewhere; only the pointer was fetched.",
        ("$ git -C {folder} lfs pull", "where that is no repository: run it in the one that the file came from"),
        "https://git-lfs.com",
        general=("$ git lfs install && git lfs pull    # in the repository that it came from",),
    ),
    Entry(
        "SMPL.ZIP",
        "SMPL body",
        "the SMPL file is an archive",
        "The downloaded archive was renamed instead of unpacked.",
        (
            "$ mv {path} {path}.zip",
            "$ {python} -m zipfile -e {path}.zip smpl_unpacked",
            "then move the neutral body inside of it to {path}",
        ),
        SMPL_SITE,
        general=(
            "$ python3 -m zipfile -e SMPL_NEUTRAL.pkl smpl_unpacked",
            "then move the neutral body inside of it to assets/SMPL_NEUTRAL.pkl",
        ),
    ),
    Entry(
        "SMPL.TRUNC",
        "SMPL body",
        "the SMPL file is cut short",
        "The download or the copy stopped before its end.",
        REPLACE_SMPL,
        SMPL_SITE,
        general=REPLACE_ANY,
    ),
    Entry(
        "SMPL.SHAPEDIRS300",
        "SMPL body",
        "the SMPL file has more than 10 shape components",
        "SMPL 1.1.0 has 300, the model uses 10: the first 10 are taken when it is loaded.",
        NOTHING,
        "https://github.com/CalciferZh/SMPL/issues/49",
    ),
    Entry(
        "SMPL.PY2",
        "SMPL body",
        "the SMPL file was written by Python 2",
        "Its texts have no encoding; they are read as latin-1, as they must be.",
        NOTHING,
    ),
    Entry(
        "SMPL.CHUMPY",
        "SMPL body",
        "the SMPL file holds chumpy arrays",
        "They are read without the package chumpy, which no longer installs with current Python and numpy.",
        NOTHING,
    ),
    Entry(
        "SMPL.STRUCT",
        "SMPL body",
        "the SMPL file is not a neutral SMPL body",
        "Arrays are missing or have other shapes or values: another model (SMPL-X, SMPL+H), or a damaged copy.",
        REPLACE_SMPL,
        SMPL_SITE,
        general=REPLACE_ANY,
    ),
    Entry(
        "SMPL.SMPLX",
        "SMPL body",
        "the SMPL file is an SMPL-X body",
        "SMPL-X is another model (10475 vertices, with face and fingers); SMPL is wanted (6890 vertices).",
        REPLACE_SMPL,
        SMPL_SITE,
        general=REPLACE_ANY,
    ),
    Entry(
        "SMPL.UNSAFE",
        "SMPL body",
        "the SMPL file would run code",
        "It is a pickle that calls functions no body model needs. It was not loaded, nothing in it was run. Tell "
        "whoever gave it to you.",
        REPLACE_SMPL,
        SMPL_SITE,
        general=REPLACE_ANY,
    ),
    Entry(
        "SMPL.RP_NAME",
        "SMPL body",
        "SMPL_NEUTRAL_renderpeople.pkl is not needed",
        "The published code names this file and never opens it; here nothing does.",
        NOTHING,
        SHERF_SITE + "/issues/34",
    ),
)

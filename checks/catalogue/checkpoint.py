"""Findings about trained weights."""

from __future__ import annotations

from checks.catalogue.entry import SHERF_SITE, Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "CKPT.MISSING",
        "Checkpoint",
        "no trained weights",
        "The usual places hold no weights for this data set that can be read: models/smpl/, models/, assets/ and, "
        "however deep, logs/.",
        (
            "put it in models/smpl/ as {name}.safetensors, or name it: --checkpoint FILE",
            "the published ones come with a browser; this says how, checks them and puts them in place:",
            "$ sherfctl fetch-assets sherf --watch ~/Downloads",
        ),
        SHERF_SITE,
        general=(
            "put it in models/smpl/ as SHERF_RenderPeople.safetensors, or name it: --checkpoint FILE",
            "the published ones come with a browser; this says how, checks them and puts them in place:",
            "$ sherfctl fetch-assets sherf --watch ~/Downloads",
        ),
    ),
    Entry(
        "CKPT.FILE",
        "Checkpoint",
        "the checkpoint file is broken",
        "It is a web page, a Git LFS pointer, an archive, or cut short: an expired link or an interrupted download.",
        (
            "fetch it again, and compare its size with the publisher's",
            "published links have expired before: the authors answer in the thread below, and in issue 47",
        ),
        SHERF_SITE + "/issues/45",
    ),
    Entry(
        "CKPT.KEYS",
        "Checkpoint",
        "the checkpoint belongs to another model",
        "Its parameters have other names or shapes: it was trained with other settings or for another program.",
        ("use weights that were trained with the published settings, or name others: --checkpoint FILE",),
    ),
    Entry(
        "CKPT.PERSISTENCE",
        "Checkpoint",
        "the checkpoint is a pickle of the published code",
        "Such files carry source code and need the published code's packages to be loaded (dnnlib, torch_utils). Here "
        "they are read without running any of it, and converted once.",
        (
            "nothing to do: `sherfctl run eval --checkpoint FILE.pkl` takes it",
            "for other programs, a plain file of its weights:",
            "$ sherfctl convert SHERF_RenderPeople.pkl",
        ),
    ),
)

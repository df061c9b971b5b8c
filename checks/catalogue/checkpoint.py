"""Findings about trained weights."""

from __future__ import annotations

from checks.catalogue.entry import SHERF_SITE, Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "CKPT.MISSING",
        "Checkpoint",
        "no trained weights",
        "The usual places hold no weights for this data set (models/smpl/SHERF_NAME.safetensors).",
        ("put it there, or name it: --checkpoint FILE",),
        SHERF_SITE,
    ),
    Entry(
        "CKPT.FILE",
        "Checkpoint",
        "the checkpoint file is broken",
        "It is a web page, a Git LFS pointer, an archive, or cut short: an expired link or an interrupted download.",
        ("fetch it again, and compare its size with the publisher's",),
        SHERF_SITE,
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
        "Such files carry source code. This version reads .safetensors only.",
        ("put a .safetensors file beside it, or name one: --checkpoint FILE.safetensors",),
    ),
)

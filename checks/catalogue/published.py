"""Troubles of the published code that do not exist here: known, explained, nothing to do."""

from __future__ import annotations

from checks.catalogue.entry import SHERF_SITE, Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RUN.STARTMETHOD",
        "Running",
        "the start method of multiprocessing is already fixed",
        "A progress bar, a library, or an earlier run in the same notebook has fixed it; the published code then "
        "stops with `context has already been set`. This program asks for its own context and never sets it.",
        (
            "nothing to do here",
            "for the published code: restart the notebook's kernel, or start it as a program of its own",
        ),
    ),
    Entry(
        "RUN.LOCK",
        "Running",
        "an interrupted build of a torch extension has left a lock",
        "The published code waits for it for ever (`Setting up PyTorch plugin`). This program builds nothing.",
        ("nothing to do here; for the published code:", "$ rm {locks}"),
        SHERF_SITE + "/issues/15",
        general=(
            "nothing to do here; for the published code: end all of its programs, then",
            "$ find ~/.cache/torch_extensions -name lock -delete",
        ),
    ),
    Entry(
        "PY.SPCONV",
        "Python",
        "spconv is not used here",
        "The published code needs spconv, which fits one Python, CUDA and torch only; its ready-made packages stop at "
        "Python 3.11. Here the sparse convolutions are plain PyTorch.",
        ("nothing to do: it may stay or go",),
        "https://github.com/traveller59/spconv/issues/743",
    ),
    Entry(
        "PY.P3D",
        "Python",
        "PyTorch3D is not used here",
        "The published code needs PyTorch3D, which must be built for each torch (`undefined symbol` where it was "
        "built for another) and whose build does not end on Python 3.12. Here the nearest points are plain PyTorch.",
        ("nothing to do: it may stay or go",),
        "https://github.com/facebookresearch/pytorch3d/issues/2005",
    ),
    Entry(
        "PY.CHUMPY",
        "Python",
        "chumpy is not used here",
        "Older body files hold chumpy objects. chumpy itself breaks with NumPy 1.24 (`cannot import name 'bool' from "
        "'numpy'`) and Python 3.11 (`no attribute 'getargspec'`). Here such files are read without it.",
        ("nothing to do: it may stay or go",),
        "https://github.com/mattloper/chumpy/issues/55",
    ),
)

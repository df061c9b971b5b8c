from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sherf_core.errors import CheckpointError
from sherf_core.io.manifest import UNUSED_PREFIX, TensorShape, manifest, require_fit

MODEL = {"a.weight": TensorShape((2, 3), "float32"), "sparse.weight": TensorShape((8, 3, 3, 3, 5), "float32")}
FITTING: dict[str, tuple[int, ...]] = {"a.weight": (2, 3), "sparse.weight": (8, 3, 3, 3, 5)}
FILE = Path("model.safetensors")


def test_the_manifest_is_the_published_one() -> None:
    entries = manifest()
    assert len(entries) == 525
    assert entries["renderer.encoder_3d.down1.0.weight"] == TensorShape((64, 3, 3, 3, 32), "float32")
    assert entries["backbone.mapping.w_avg"].shape == (512,)
    assert {"renderer.rgb_enc._freqs", "backbone.synthesis.b4.conv1.noise_const"} <= entries.keys()
    assert "backbone.synthesis.b4.conv1.noise_strength" in entries
    assert not any(name.startswith(UNUSED_PREFIX) for name in entries)
    # A kernel's first layout must not be taken for its present one.
    assert all(entry.first_layout != entry.shape for entry in entries.values())


@pytest.mark.parametrize(
    "more", [{}, {"sparse.weight": (3, 3, 3, 5, 8)}, {"superresolution.block0.conv0.weight": (7,)}], ids=str
)
def test_what_fits(more: dict[str, tuple[int, ...]]) -> None:
    require_fit(FILE, {**FITTING, **more}, MODEL)


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        ({"a.weight": (2, 3)}, "1 missing (sparse.weight)"),
        ({**FITTING, "b": (1,)}, "1 unexpected (b)"),
        ({**FITTING, "a.weight": (3, 2)}, "1 of the wrong shape (a.weight (3, 2) instead of (2, 3))"),
        (
            {**FITTING, "sparse.weight": (5, 3, 3, 3, 8)},
            "1 of the wrong shape (sparse.weight (5, 3, 3, 3, 8) instead of (8, 3, 3, 3, 5))",
        ),
        ({"a.weight": (), "b": ()}, "1 missing (sparse.weight); 1 unexpected (b); 1 of the wrong shape"),
        ({**FITTING, **{f"x{k}": () for k in range(7)}}, "7 unexpected (x0, x1, x2, x3, x4 and 2 more)"),
    ],
)
def test_what_does_not_fit(shapes: dict[str, tuple[int, ...]], found: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        require_fit(FILE, shapes, MODEL)
    assert caught.value.code == "CKPT.KEYS"
    assert caught.value.found.startswith(f"model.safetensors does not fit the model: {found}")
    assert "2 names" in caught.value.expected


def test_the_doctor_can_compare_without_torch() -> None:
    code = "import sys, sherf_core.io.manifest as m; m.manifest(); print({'torch', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

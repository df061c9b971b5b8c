"""The field's kernel beside the modules that it stands for."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from golden_weights import fill
from sherf_core.kernels import KernelError
from sherf_core.kernels.field import LAUNCHES, FieldPrecision, Launch, _too_old, evaluate, field, pack
from sherf_core.model.encoding import PositionalEncoding
from sherf_core.model.field import POSITION_OCTAVES, VIEW_OCTAVES, RadianceField
from sherf_core.model.fusion import FusionTransformer

KERNEL = "sherf_core.kernels.field"
COUNTS = (1, 5, 130)
# Operands keep 11 and 8 bits, through a dozen layers.
TOLERANCES: dict[FieldPrecision, float] = {
    "float32": 1e-5,
    "tf32x3": 1e-5,
    "tf32": 1e-5,
    "float16": 5e-3,
    "bfloat16": 8e-2,
}

Modules = tuple[FusionTransformer, RadianceField]
Inputs = tuple[Tensor, Tensor, Tensor]


@pytest.fixture(scope="module")
def modules() -> Modules:
    transformer, decoder = FusionTransformer(), RadianceField()
    for number, module in enumerate((transformer, decoder)):
        # `fill` goes by whole names; these are the model's.
        holder = nn.ModuleDict({("transformer", "decoder")[number]: module})
        fill(holder)
    return transformer.eval(), decoder.eval()


def inputs(count: int) -> Inputs:
    generator = torch.Generator().manual_seed(count)
    tokens, points, directions = (torch.randn(count, *shape, generator=generator) for shape in ((3, 32), (3,), (3,)))
    return tokens, points, nn.functional.normalize(directions, dim=1)


def by_modules(modules: Modules, given: Inputs) -> tuple[Tensor, Tensor]:
    """What the modules compute, in float64."""
    transformer, decoder = (copy.deepcopy(module).double() for module in modules)
    tokens, points, directions = (tensor.double() for tensor in given)
    encodings = PositionalEncoding(POSITION_OCTAVES)(points), PositionalEncoding(VIEW_OCTAVES)(directions)
    with torch.inference_mode():
        sigma, colour = decoder(*encodings, transformer(tokens)[:, :2])
    return sigma, colour


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


@pytest.fixture(scope="module")
def found(interpret, modules):
    keys = [(precision, count) for precision in TOLERANCES for count in COUNTS]
    calls = [(KERNEL, "field", *modules, *inputs(count), precision) for precision, count in keys]
    return dict(zip(keys, interpret(*calls), strict=True))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("precision", TOLERANCES)
def test_the_kernel_computes_what_the_modules_compute(found, modules, precision: FieldPrecision, count: int) -> None:
    expected_sigma, expected_colour = by_modules(modules, inputs(count))
    sigma, colour = found[precision, count]
    assert (sigma.dtype, colour.dtype) == (torch.float32, torch.float32)
    assert (sigma.shape, colour.shape) == ((count,), (count, 3))
    assert relative(sigma, expected_sigma) < TOLERANCES[precision]
    assert relative(colour, expected_colour) < TOLERANCES[precision]


def test_rounded_operands_round(found, modules) -> None:
    sigma, _ = by_modules(modules, inputs(130))
    for precision in ("float16", "bfloat16"):
        assert relative(found[precision, 130][0], sigma) > 1e-4


def test_every_cut_computes_the_same(interpret, modules) -> None:
    """Blocks, chunks and launches only cut the work; half tokens are taken as they are."""
    tokens, points, directions = inputs(70)
    expected = by_modules(modules, (tokens, points, directions))
    half = tokens.half()
    expected_half = by_modules(modules, (half, points, directions))
    packed = {name: pack(*modules, name) for name in ("float32", "tf32")}
    calls = [
        (KERNEL, "evaluate", packed["float32"], tokens, points, directions, Launch(32, 4, 2, 16)),
        (KERNEL, "evaluate", packed["float32"], tokens, points, directions, Launch(128, 8, 1)),
        (KERNEL, "evaluate", packed["tf32"], tokens, points, directions, Launch(32, 4, 1, 64)),
        (KERNEL, "evaluate", packed["tf32"], half, points, directions),
    ]
    for number, (sigma, colour) in enumerate(interpret(*calls)):
        wanted = expected_half if number == 3 else expected
        assert relative(sigma, wanted[0]) < 1e-5
        assert relative(colour, wanted[1]) < 1e-5


def test_scratch_of_several_launches(repository: Path, interpret, modules, tmp_path: Path) -> None:
    """More points than one launch takes where activations go through scratch memory."""
    tokens, points, directions = inputs(150)
    torch.save((pack(*modules, "float32"), tokens, points, directions), tmp_path / "given.pt")
    program = f"""
import torch
from sherf_core.kernels import field
field.POINTS_PER_LAUNCH = 64
given = torch.load({str(tmp_path / "given.pt")!r}, weights_only=False)
torch.save(field.evaluate(*given, field.Launch(32, 4, 1, 32)), {str(tmp_path / "found.pt")!r})
"""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, "-c", program], cwd=repository, env=environment, check=True)
    sigma, colour = torch.load(tmp_path / "found.pt")
    expected = by_modules(modules, (tokens, points, directions))
    assert relative(sigma, expected[0]) < 1e-5
    assert relative(colour, expected[1]) < 1e-5


def test_points_far_away(interpret, modules) -> None:
    """Angles of hundreds of turns: the program has a sine of its own."""
    tokens, points, directions = inputs(40)
    points = points * 50
    expected = by_modules(modules, (tokens, points, directions))
    sigma, colour = interpret((KERNEL, "field", *modules, tokens, points, directions, "float32"))[0]
    assert relative(sigma, expected[0]) < 1e-5
    assert relative(colour, expected[1]) < 1e-5


def test_gpus_whose_tensor_cores_triton_does_not_use(monkeypatch) -> None:
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert _too_old(gpu) == "the GPU has compute capability 7.5, Triton uses tensor cores from 8.0 on"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert _too_old(gpu) == _too_old(torch.device("cpu")) == ""


def test_no_points(modules) -> None:
    for precision in LAUNCHES:
        sigma, colour = field(*modules, *inputs(0), precision)
        assert (sigma.shape, colour.shape) == ((0,), (0, 3))


@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="in the interpreter it runs on a CPU")
def test_where_it_cannot_run_it_says_so(modules) -> None:
    with pytest.raises(KernelError, match=r"density and colour in float16 does not run on cpu: .") as caught:
        evaluate(pack(*modules, "float16"), *inputs(3))
    assert caught.value.__cause__ is not None


def test_matrices_are_stored_as_products_read_them(modules) -> None:
    decoder = modules[1]
    plain, half = pack(*modules, "float32"), pack(*modules, "float16")
    torch.testing.assert_close(plain.hidden[0], decoder.pts_linears[1].weight.T, rtol=0, atol=0)
    torch.testing.assert_close(half.hidden[0], decoder.pts_linears[1].weight.half(), rtol=0, atol=0)
    torch.testing.assert_close(plain.hidden[4], decoder.pts_linears[5].weight[:, 71:].T, rtol=0, atol=0)
    assert not plain.start[:, 39:64].any()
    assert not plain.views[128 + 27 : 160].any()
    assert all(tensor.is_contiguous() for tensor in vars(half).values() if isinstance(tensor, Tensor))

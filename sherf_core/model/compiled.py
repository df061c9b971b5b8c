"""The field's training path through torch.compile: what lies between its matrix products becomes a few kernels.

Piece by piece, LayerNorms over 32 channels and hundreds of small operations take longer than the products. Inductor
fuses them, forward and backward; products stay cuBLAS's, in the precision that was asked for. It takes half a minute
once a process, pays off in trainings, and is used there only.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sherf_core.kernels import why_not
from sherf_core.model.field import RadianceField
from sherf_core.model.fusion import FeatureFusion

if TYPE_CHECKING:
    from sherf_core.model.sherf import Sherf

Evaluate = Callable[[FeatureFusion, RadianceField, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

# The compiler takes single points for a case of their own.
FEWEST_POINTS = 2
# What is tried has about the number of points that follows, which the compiler tunes its sums for, and one that is no
# other size in the field: those that are equal at first are taken to be equal always.
TRIAL_POINTS = 1 << 12, 1 << 16
# How far the trial's values and gradients may be off, as a share of their length. Where a ReLU's input rounds to the
# other side of 0, gradients move by 1e-3 even between float32 and float64; a mistake moves them by far more.
VALUES_OFF = {"float32": 1e-5, "tf32": 0.01, "float16": 0.01, "bfloat16": 0.05}
GRADIENTS_OFF = {"float32": 0.02, "tf32": 0.1, "float16": 0.1, "bfloat16": 0.3}


def evaluate(
    layers: FeatureFusion,
    decoder: RadianceField,
    tokens: Float[Tensor, "P 3 32"],
    points: Float[Tensor, "P 3"],
    directions: Float[Tensor, "P 3"],
) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
    """Density (before its ReLU) and colour of points in training, from their tokens on."""
    # A third of what a point would keep for the gradient is the transformer's, for a tenth of the work.
    fused = checkpoint(layers.transformer, tokens, 2, use_reentrant=False, preserve_rng_state=False)
    sigma, colour = decoder(layers.pos_enc(points), layers.view_enc(directions), fused)
    return sigma.float(), colour.float()


@cache
def compiled() -> Evaluate:
    """`evaluate` for torch.compile; the same for all models of a process, and for any number of points."""
    found: Evaluate = torch.compile(evaluate, dynamic=True, fullgraph=True)
    return found


def unsuited(device: torch.device) -> str:
    """Why nothing is compiled for a device; "" where it is."""
    # Elsewhere Triton's interpreter may run, which compiles nothing.
    return why_not(device) or ("" if device.type == "cuda" else f"it needs a CUDA device, this is {device.type}")


class CompiledField:
    """`evaluate`, compiled where that can be done.

    The first call of each kind tries both ways on made-up points, forward and backward: what cannot be compiled, or
    computes something else, is left to the plain way.

    Attributes:
        failure: why the plain way was taken last; "" where nothing is known against the other.
    """

    def __init__(self) -> None:
        self.failure = ""
        self._failures: dict[object, str] = {}

    def __call__(
        self, model: Sherf, tokens: Float[Tensor, "P 3 32"], points: Float[Tensor, "P 3"], directions: Tensor
    ) -> tuple[Float[Tensor, "P"], Float[Tensor, "P 3"]]:
        """Density and colour of points in training, within `model.networks()`."""
        inputs = model.renderer, model.decoder, tokens, points, directions
        if not _wanted(model) or len(points) < FEWEST_POINTS:
            return evaluate(*inputs)
        key = _kind(model)
        if key not in self._failures:
            self._failures[key] = unsuited(tokens.device) or _tried(model, tokens.device)
        if not self._failures[key]:
            try:
                self.failure = ""
                return compiled()(model.renderer, model.decoder, tokens.contiguous(), points, directions)
            except torch.cuda.OutOfMemoryError:
                raise
            except RuntimeError as error:  # no other kind: checkpoints end a pass with one of their own
                self._failures[key] = _reason(error)
        self.failure = self._failures[key]
        return evaluate(*inputs)


def _wanted(model: Sherf) -> bool:
    # Second derivatives, which compiled functions lack, are taken outside of trainings, if at all.
    return model.config.compiled == "auto" and model.training and not torch.compiler.is_compiling()


def _kind(model: Sherf) -> object:
    """Whatever is compiled anew for."""
    trained = tuple(parameter.requires_grad for parameter in _layers(model).parameters())
    return model.box.device, model.config.precision, torch.backends.cuda.matmul.allow_tf32, trained


def _layers(model: Sherf) -> nn.ModuleList:
    return nn.ModuleList([model.renderer.transformer, model.decoder])


def _tried(model: Sherf, device: torch.device) -> str:
    """Compile, and compare with the plain way; why it is of no use, "" where it is."""
    least, most = TRIAL_POINTS
    count = min(max(model.config.points_per_chunk, least), most)
    # Numbers of its own: the training's random numbers are the same whether this is tried or not.
    generator = torch.Generator(device).manual_seed(0)
    tokens, points, directions, weights = (
        torch.randn(count, *shape, generator=generator, device=device) for shape in ((3, 32), (3,), (3,), (4,))
    )
    tokens.requires_grad_()
    wanted = [tokens, *(one for one in _layers(model).parameters() if one.requires_grad)]

    def found(way: Evaluate) -> list[Tensor]:
        sigma, colour = way(model.renderer, model.decoder, tokens, points, directions)
        results = torch.cat([sigma[:, None], colour], dim=1)
        return [results.detach(), *torch.autograd.grad(results, wanted, weights)]

    # A checkpoint around this would count what is kept here among its own.
    own = torch.autograd.graph.saved_tensors_hooks(lambda kept: kept, lambda kept: kept)
    try:
        with warnings.catch_warnings(), own:
            # It advises to use TF32, and the like.
            warnings.simplefilter("ignore")
            ours = found(compiled())
            pairs = zip(ours, found(evaluate), strict=True)
            errors = [float((one - other).norm() / other.norm().clamp(min=1e-30)) for one, other in pairs]
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:  # as many kinds as the compiler has parts
        return _reason(error)
    precision = model.config.precision
    limits = [VALUES_OFF[precision], *[GRADIENTS_OFF[precision]] * len(wanted)]
    wrong = [error for error, limit in zip(errors, limits, strict=True) if not error <= limit]
    return f"compiled, the field is off by {max(wrong):.1e} of its values or gradients" if wrong else ""


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"torch.compile fails: {lines[0] if lines else type(error).__name__}"

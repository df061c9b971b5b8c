"""From merged tokens to density and colour in one kernel: fusion transformer, encodings and decoder. No gradients.

The plain path is the modules themselves: `decoder(pos_enc(points), view_enc(directions), transformer(tokens))`. Exact
algebra saves work here: only the tokens that the decoder reads leave the transformer; an attention head is two matrices
of 32 by 32 (queries and keys meet only in their product, values only in the output projection); `feature_linear` and
the columns of `views_linear` that read it are one matrix; the skip concatenation is a sum of two products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from sherf_core.kernels import KernelError, is_interpreted, launching
from sherf_core.model.field import COLOUR_PADDING, SKIP_AFTER, WIDTH, RadianceField
from sherf_core.model.fusion import HEAD_CHANNELS, HEADS, TOKEN_CHANNELS, FusionTransformer

FieldPrecision = Literal["float32", "tf32x3", "tf32", "float16", "bfloat16"]
"""How products are computed; sums, LayerNorm, softmax, encodings and sigmoid are float32 in each.

float32 is the plain one, without tensor cores. tf32x3 makes a product of three of TF32, about as accurate as float32.
The others round the operands to 11 (tf32, float16) or 8 (bfloat16) bits.
"""

OLDEST_CAPABILITY = (8, 0)
"""Of GPUs whose tensor cores Triton uses; for older ones it takes a minute to compile a slow program."""
POINTS_PER_LAUNCH = 1 << 16
"""Where activations go through scratch memory: 32 MiB of it in float32, which stays in the cache of large GPUs."""


@dataclass(frozen=True)
class Launch:
    """How the kernel is cut.

    Attributes:
        block: points of a program.
        warps: of 32 threads, a program.
        stages: 1 loads weights when they are needed, 2 one loop turn ahead.
        chunk: 0 keeps activations in registers between layers; otherwise they go through scratch memory, and products
            read so many columns of them at once.
    """

    block: int
    warps: int
    stages: int
    chunk: int = 0


# 64 points in 4 warps hold the 128 activations and the 128 sums of a layer in 128 registers a thread (96 where operands
# have 16 bits), so two or three programs share a multiprocessor of 65,536 registers and hide each other's loads. Tiles
# of weights take 16 KiB in float32 and 8 in 16 bits: they fit the 99 KiB of a GeForce as well as the 227 of an H100.
# Without tensor cores a thread would hold all depths of its operands: there activations are read in chunks, or else
# registers overflow. tf32x3 splits each operand in two, and some registers do overflow; that costs less than chunks.
LAUNCHES: dict[FieldPrecision, Launch] = {
    "float32": Launch(block=64, warps=4, stages=2, chunk=32),
    "tf32x3": Launch(block=64, warps=4, stages=1),
    "tf32": Launch(block=64, warps=4, stages=1),
    "float16": Launch(block=64, warps=4, stages=2),
    "bfloat16": Launch(block=64, warps=4, stages=2),
}


@dataclass(frozen=True)
class Packed:
    """Weights as the kernel reads them. Matrices multiply from the right (depth × width), padding is zero.

    Attributes:
        precision: of the products; the matrices are stored in its type.
        by_width: whether a matrix's rows of one depth are contiguous, else its columns of one width are.
        attention: by head: scores (token · matrix · other token), then values and output projection in one.
        feed: the two layers of the feed-forward.
        start: what reads [position 39, padded to 64, token 0]: of the first layer, and of the one behind the skip.
        hidden: what reads the 128 outputs before, of layers 1 to 7.
        views: what reads [last layer 128, view 27, padded to 32, token 1].
        vectors: LayerNorm's scale and shift, the attention's bias; the same of the feed-forward, with its two biases.
        biases: of the eight layers, and the weights of the density.
        heads: bias of the views layer, and the weights of the three colours.
        ends: biases of density and colours.
        epsilons: of the two LayerNorms.
    """

    precision: FieldPrecision
    by_width: bool
    attention: Float[Tensor, "3 2 32 32"]
    feed: Float[Tensor, "2 32 32"]
    start: Float[Tensor, "2 _ _"]
    hidden: Float[Tensor, "7 128 128"]
    views: Float[Tensor, "_ _"]
    vectors: Float32[Tensor, "7 32"]
    biases: Float32[Tensor, "9 128"]
    heads: Float32[Tensor, "4 64"]
    ends: Float32[Tensor, "4"]
    epsilons: tuple[float, float]


@torch.no_grad()
def field(
    transformer: FusionTransformer,
    decoder: RadianceField,
    tokens: Float[Tensor, "P 3 32"],
    points: Float[Tensor, "P 3"],
    directions: Float[Tensor, "P 3"],
    precision: FieldPrecision,
) -> tuple[Float32[Tensor, "P"], Float32[Tensor, "P 3"]]:
    """(sigma before its ReLU, colour) of P canonical points, without gradients.

    Args:
        transformer: its parameters are read.
        decoder: its parameters are read.
        tokens: merged tokens, before the transformer.
        points: canonical.
        directions: of view.
        precision: of the products.

    Raises:
        KernelError: Triton cannot compile or start the kernel here.
    """
    return evaluate(pack(transformer, decoder, precision), tokens, points, directions)


@torch.no_grad()
def pack(transformer: FusionTransformer, decoder: RadianceField, precision: FieldPrecision) -> Packed:
    """The weights for `evaluate`; once for many calls, as long as they do not change. Folded in float64.

    Raises:
        KernelError: the GPU is too old.
    """
    device = decoder.alpha_linear.weight.device
    if reason := _too_old(device):
        raise KernelError(reason, fix="the plain path does the same work")
    operand = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(precision, torch.float32)
    # Tensor cores read a column of the matrix at once; a sum of plain products reads a row.
    by_width = precision == "float32"

    def stored(*matrices: Tensor) -> Tensor:
        """Matrices of linear layers (width × depth), stacked."""
        stacked = torch.stack(matrices).to(operand)
        return (stacked.mT if by_width else stacked).contiguous()

    def wide(rows: list[Tensor]) -> Tensor:
        return torch.stack(rows).float().contiguous()

    first_step, second_step = (cast(Any, step).fn for step in cast(nn.ModuleList, transformer.layers[0]))
    attention, feed = first_step.fn, second_step.fn.net
    by_head = attention.to_qkv.weight.double().unflatten(0, (3, HEADS, HEAD_CHANNELS))
    output = attention.to_out[0].weight.double().unflatten(1, (HEADS, HEAD_CHANNELS)).transpose(0, 1)
    # A linear layer's weight multiplies from the left of a column: width × depth, so the key's side comes first.
    scores = by_head[1].mT @ by_head[0] * HEAD_CHANNELS**-0.5
    values = output @ by_head[2]

    layers, skip = cast("list[nn.Linear]", list(decoder.pts_linears)), SKIP_AFTER + 1
    position = layers[0].in_features - TOKEN_CHANNELS
    behind_skip = layers[skip].weight[:, layers[0].in_features :]
    of_feature, of_view, of_token = decoder.views_linear.weight.split(
        [WIDTH, decoder.views_linear.in_features - WIDTH - TOKEN_CHANNELS, TOKEN_CHANNELS], dim=1
    )
    folded = of_feature.double() @ decoder.feature_linear.weight.double()
    folded_bias = of_feature.double() @ decoder.feature_linear.bias.double() + decoder.views_linear.bias.double()

    def padded(weight: Tensor, depth: int) -> Tensor:
        return nn.functional.pad(weight.double(), (0, depth - weight.shape[1]))

    def start(layer: nn.Linear) -> Tensor:
        of_position, of_token, _ = layer.weight.tensor_split((position, layers[0].in_features), dim=1)
        return torch.cat([padded(of_position, 64), of_token], dim=1)

    norms = (first_step.norm, second_step.norm)
    return Packed(
        precision=precision,
        by_width=by_width,
        attention=stored(*torch.stack([scores, values], dim=1).flatten(0, 1)).unflatten(0, (HEADS, 2)),
        feed=stored(feed["0"].weight, feed["3"].weight),
        start=stored(start(layers[0]), start(layers[skip])),
        hidden=stored(*[behind_skip if layer is layers[skip] else layer.weight for layer in layers[1:]]),
        views=stored(torch.cat([folded, padded(of_view, 32), of_token], dim=1))[0],
        vectors=wide(
            [norms[0].weight, norms[0].bias, attention.to_out[0].bias, norms[1].weight, norms[1].bias]
            + [feed[name].bias for name in ("0", "3")]
        ),
        biases=wide([*(layer.bias for layer in layers), decoder.alpha_linear.weight[0]]),
        heads=wide([folded_bias.float(), *decoder.rgb_linear.weight]),
        ends=torch.cat([decoder.alpha_linear.bias, decoder.rgb_linear.bias]).float().contiguous(),
        epsilons=(norms[0].eps, norms[1].eps),
    )


@torch.no_grad()
def evaluate(
    packed: Packed,
    tokens: Float[Tensor, "P 3 32"],
    points: Float[Tensor, "P 3"],
    directions: Float[Tensor, "P 3"],
    launch: Launch | None = None,
) -> tuple[Float32[Tensor, "P"], Float32[Tensor, "P 3"]]:
    """`field` with weights that were packed before; `launch` replaces how the kernel is cut."""
    launch = launch or LAUNCHES[packed.precision]
    count, device = len(points), points.device
    tokens, points, directions = tokens.contiguous(), points.float().contiguous(), directions.float().contiguous()
    sigma = torch.empty(count, device=device)
    colour = torch.empty(count, 3, device=device)
    if not count:
        return sigma, colour
    at_once = POINTS_PER_LAUNCH if launch.chunk else count
    scratch = packed.ends
    if launch.chunk:
        blocks = -(-min(count, at_once) // launch.block)
        scratch = torch.empty(blocks * launch.block, WIDTH, dtype=packed.hidden.dtype, device=device)
    weights = (packed.attention, packed.feed, packed.start, packed.hidden, packed.views)
    rest = (packed.vectors, packed.biases, packed.heads, packed.ends, scratch, *packed.epsilons, COLOUR_PADDING)
    constants = {
        "BLOCK": launch.block,
        "CHUNK": launch.chunk,
        "MODE": _mode(packed.precision),
        "BY_WIDTH": packed.by_width,
        "num_warps": launch.warps,
        "num_stages": launch.stages,
    }
    with launching(f"makes density and colour in {packed.precision}", device):
        from sherf_core.kernels.field_kernel import field_program

        for first in range(0, count, at_once):
            grid = (-(-min(count - first, at_once) // launch.block),)
            inputs = (tokens, points, directions, sigma, colour, count, first)
            field_program[grid](*inputs, *weights, *rest, **constants)
    return sigma, colour


def _mode(precision: FieldPrecision) -> str:
    if precision == "bfloat16" and is_interpreted():
        return "widened"
    return precision if precision in ("tf32x3", "tf32") else "ieee"


def _too_old(device: torch.device) -> str:
    """Why a GPU is too old for this kernel, "" where none is."""
    capability = torch.cuda.get_device_capability(device) if device.type == "cuda" else OLDEST_CAPABILITY
    if capability >= OLDEST_CAPABILITY:
        return ""
    found, wanted = (".".join(map(str, pair)) for pair in (capability, OLDEST_CAPABILITY))
    return f"the GPU has compute capability {found}, Triton uses tensor cores from {wanted} on"

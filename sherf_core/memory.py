"""How much memory an evaluation or a training step takes: a stated formula with measured constants. No torch.

    evaluation   base + per_pixel·resolution² + per_point·points
    training     base + samples·(per_sample + per_pixel(precision)·resolution² + per_point·points)

`points` are those that go through the model at once: `points_per_chunk`, but at most those that a picture has near the
body. An evaluation keeps nothing of a chunk; training keeps what the backward pass needs of *every* point of the
picture, which is why its term in resolution² is some 300 times larger and why smaller chunks help it little.

The constants are those of the plain paths (`docs/performance.md`), without gradient checkpointing. Merged features and
kernels take less: a training step of 512² 5.6 GiB of tensors on an H100 in place of 11, a frame 0.9. So the formula is
on the safe side wherever a fast path cannot be taken.

The constants come from `python benchmarks/memory.py` on 2026-11-23, torch 2.11: on an H100 80GB (what the driver
counts: reserved memory and the CUDA context) and on 4 threads of its host (largest resident size of the process). The
standing person of the benchmark fills the picture's height and has 3.94 points near the body a pixel; the people of
RenderPeople have 2.4. Model against measurement: evaluation on the GPU +2 to +19 % (26 rows, 128² to 1024², 2^14 to
2^21 points), training on the GPU 0 to +11 % (20 rows, 128² to 512², 1 to 4 samples), evaluation on the CPU 0 to +14 %
(15 rows), training on the CPU +6 to +11 % (128² and 256²; larger pictures are extrapolated).
Half precisions were measured with the fusion and the decoder under autocast and everything else in float32.
The step's loss was 100·MSE + 10·accumulation: what SSIM and LPIPS would add is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sherf_core.precision import Precision

Action = Literal["eval", "train"]

GIB = 1024**3
POINTS_PER_PIXEL = 3.94
"""Points within 5 cm of the body, a pixel, where a person fills the picture's height."""
GPU_PROCESS_RAM = int(2.7 * GIB)
"""Main memory of a process that computes on a GPU: 2.65 GiB on the H100's host, most of it libraries."""


@dataclass(frozen=True)
class EvaluationMemory:
    """Bytes of an evaluation: base + per_pixel·resolution² + per_point·points.

    Attributes:
        base: weights, an encoded person, the process's or the context's own.
        per_pixel: of a picture, its rays and its feature map.
        per_point: of the points that go through the model at once.
    """

    base: float
    per_pixel: float
    per_point: float


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes of a step: base + samples·(per_sample + per_pixel·resolution² + per_point·points).

    Attributes:
        base: weights, gradients, Adam's two moments, the process's or the context's own.
        per_sample: what the encoders and the tri-plane keep of one sample, at any resolution.
        per_pixel: what the points of a pixel keep for the backward pass, in full precisions.
        per_pixel_half: the same where fusion and decoder compute in 16 bits.
        per_point: of the points that go through the model at once.
    """

    base: float
    per_sample: float
    per_pixel: float
    per_pixel_half: float
    per_point: float


GPU_EVALUATION = EvaluationMemory(base=1.95 * GIB, per_pixel=180.0, per_point=6600.0)
CPU_EVALUATION = EvaluationMemory(base=1.05 * GIB, per_pixel=180.0, per_point=5600.0)
# The CPU's figures at 128² and 256² are within 5 % of the GPU's.
TRAINING = TrainingMemory(
    base=2.05 * GIB, per_sample=0.9 * GIB, per_pixel=59_500.0, per_pixel_half=36_000.0, per_point=2600.0
)


def gpu_bytes(
    action: Action, resolution: int, points_per_chunk: int, precision: Precision = "float32", *, samples: int = 1
) -> int:
    """GPU memory that must be free for one process, in bytes.

    Args:
        action: evaluate, or train (forward, backward and Adam of full frames).
        resolution: side of the pictures in pixels.
        points_per_chunk: points sent through the model at once.
        precision: of the fusion and the decoder; an evaluation is counted in 32 bits whatever it is.
        samples: pictures at once on this GPU; an evaluation makes one after the other.
    """
    return _bytes(GPU_EVALUATION, action, resolution, points_per_chunk, precision, samples)


def cpu_bytes(
    action: Action, resolution: int, points_per_chunk: int, precision: Precision = "float32", *, samples: int = 1
) -> int:
    """Main memory that must be available for one process that computes on the CPU, in bytes; as `gpu_bytes`."""
    return _bytes(CPU_EVALUATION, action, resolution, points_per_chunk, precision, samples)


def _bytes(
    evaluation: EvaluationMemory,
    action: Action,
    resolution: int,
    points_per_chunk: int,
    precision: Precision,
    samples: int,
) -> int:
    pixels = resolution**2
    points = min(points_per_chunk, POINTS_PER_PIXEL * pixels)
    if action == "eval":
        return int(evaluation.base + evaluation.per_pixel * pixels + evaluation.per_point * points)
    per_pixel = TRAINING.per_pixel_half if precision in {"float16", "bfloat16"} else TRAINING.per_pixel
    sample = TRAINING.per_sample + per_pixel * pixels + TRAINING.per_point * points
    return int(TRAINING.base + samples * sample)

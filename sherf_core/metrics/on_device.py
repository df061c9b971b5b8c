"""The same metrics taken of tensors where they lie, without making the host wait for the device.

`psnr.py`, `ssim.py` and `Lpips.measure` are the reference, on the host. PSNR and SSIM are in float64 here too and agree
with them to 1e-9; LPIPS is the same network on the same values, and agrees to what float32 convolutions leave (1e-5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Float32, Float64, Int64
from torch import Tensor
from torch.nn import functional

from sherf_core.metrics import lpips as perceptual
from sherf_core.metrics import ssim as structural
from sherf_core.metrics.measurement import EMPTY_MASK, NOT_FINITE, Measurement, Protocol, measured
from sherf_core.metrics.psnr import decibels
from sherf_core.transfer import HostCopy

if TYPE_CHECKING:
    from sherf_core.metrics.lpips import Lpips

Rectangle = tuple[slice, slice]
"""Rows and columns of a picture."""


def rectangle_bounds(mask: Bool[Tensor, "H W"]) -> Int64[Tensor, "4"]:
    """Of the mask's bounding rectangle: first row, row after the last, first column, column after the last.

    All zero where the mask is empty.
    """
    bounds = []
    for line in (mask.any(1), mask.any(0)):
        on = line.to(torch.uint8)  # argmax gives the first of equal values
        bounds += [on.argmax(), (len(on) - on.flip(0).argmax()) * line.any()]
    return torch.stack(bounds)


def mean_squared_error(
    prediction: Float32[Tensor, "H W 3"], truth: Float32[Tensor, "H W 3"], mask: Bool[Tensor, "H W"]
) -> Float64[Tensor, ""]:
    """Over the masked pixels and the three channels."""
    difference = torch.where(mask[..., None], prediction.double() - truth.double(), 0.0)
    return (difference**2).sum() / (3 * mask.sum())


def ssim_means(
    prediction: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"], data_ranges: list[float]
) -> Float64[Tensor, " R"]:
    """Mean SSIM for each data range: uniform windows that lie within the pictures, unbiased variances."""
    x, y = prediction.double(), truth.double()
    window, pixels = structural.WINDOW, structural.WINDOW**2
    moments = functional.avg_pool2d(torch.stack([x, y, x * x, y * y, x * y]), window, stride=1)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = moments
    unbiased = pixels / (pixels - 1)
    variances = unbiased * (mean_xx - mean_x**2 + mean_yy - mean_y**2)
    covariance = unbiased * (mean_xy - mean_x * mean_y)
    means = []
    for data_range in data_ranges:
        c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        means.append((top / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))).mean())
    return torch.stack(means)


@dataclass(frozen=True)
class Pending:
    """Metrics that the device is still at.

    Attributes:
        values: mean squared error, whether all masked pixels are finite, then each metric of `names` in every protocol;
            None where the mask is empty.
        names: SSIM and LPIPS, where they can be taken.
        notes: why they cannot.
        network: whether there is one for LPIPS.
    """

    values: HostCopy | None
    names: tuple[str, ...]
    notes: Mapping[str, str]
    network: bool

    def result(self) -> dict[str, dict[str, Measurement]]:
        """Protocol name -> metric name -> measurement; waits for the device."""
        if self.values is None:
            return self._nothing(EMPTY_MASK)
        error, finite, *rest = self.values.numpy().tolist()
        if not finite:
            return self._nothing(NOT_FINITE)
        found: dict[str, dict[str, Measurement]] = {}
        for number, protocol in enumerate(Protocol):
            of_names = dict(zip(self.names, rest[number :: len(Protocol)], strict=True))
            found[protocol.value] = {
                "psnr": decibels(error),
                **{name: Measurement(None, note) for name, note in self.notes.items()},
                **{name: measured(value) for name, value in of_names.items()},
            }
        return found

    def _nothing(self, reason: str) -> dict[str, dict[str, Measurement]]:
        of_protocol = {name: Measurement(None, reason) for name in ("psnr", "ssim", "lpips")}
        if not self.network:
            of_protocol["lpips"] = Measurement(None, self.notes["lpips"])
        return {protocol.value: of_protocol for protocol in Protocol}


@torch.inference_mode()
def measure_on_device(
    lpips: Lpips | None,
    lpips_note: str,
    prediction: Float32[Tensor, "H W 3"],
    truth: Float32[Tensor, "H W 3"],
    mask: Bool[Tensor, "H W"],
    rectangle: Rectangle | None,
) -> Pending:
    """Order every metric in every protocol.

    Args:
        lpips: the network, on the tensors' device; None where its weights are not there.
        lpips_note: what is said then.
        prediction: in 0..1.
        truth: in 0..1.
        mask: the pixels that count.
        rectangle: the mask's bounding rectangle, None where the mask is empty.
    """
    notes = {} if lpips is not None else {"lpips": lpips_note}
    if rectangle is None:
        return Pending(None, (), notes, lpips is not None)
    on = mask[..., None]
    finite = (torch.isfinite(prediction) & torch.isfinite(truth) | ~on).all()
    predicted, true = (
        torch.where(on[rectangle], image[rectangle], 0.0).permute(2, 0, 1) for image in (prediction, truth)
    )
    values = [mean_squared_error(prediction, truth, mask), finite.double()]
    names = []
    side = min(true.shape[1:])
    if side < structural.WINDOW:
        notes["ssim"] = structural.TOO_SMALL
    else:
        names.append("ssim")
        values += ssim_means(predicted, true, [structural.DATA_RANGE[protocol] for protocol in Protocol])
    if lpips is not None and side < perceptual.SMALLEST_SIDE:
        notes["lpips"] = perceptual.TOO_SMALL
    elif lpips is not None:
        names.append("lpips")
        for protocol in Protocol:
            pair = (perceptual.network_input(crop[None], protocol) for crop in (predicted, true))
            values.append(lpips(*pair)[0].double())
    return Pending(HostCopy(torch.stack(values)), tuple(names), notes, lpips is not None)

"""All metrics of one image, in both protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sherf_core.metrics.measurement import Measurement, Protocol
from sherf_core.metrics.psnr import psnr
from sherf_core.metrics.region import Image, Mask
from sherf_core.metrics.ssim import ssim

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32
    from torch import Tensor

    from sherf_core.metrics.lpips import Lpips
    from sherf_core.metrics.on_device import Pending

METRICS = ("psnr", "ssim", "lpips")
UNITS = {"psnr": "dB, higher is better", "ssim": "higher is better", "lpips": "lower is better"}

Measurements = dict[str, dict[str, Measurement]]
"""Protocol name -> metric name -> measurement."""


@dataclass(frozen=True)
class MetricSuite:
    """PSNR, SSIM and LPIPS; without VGG weights LPIPS is None and every LPIPS says `lpips_note`."""

    lpips: Lpips | None = None
    lpips_note: str = "not measured"

    def measure(self, prediction: Image, truth: Image, mask: Mask) -> Measurements:
        """Every metric in every protocol for images (H, W, 3) in 0..1 and the mask (H, W) of rays that met the box."""
        return {
            protocol.value: {
                "psnr": psnr(prediction, truth, mask),
                "ssim": ssim(prediction, truth, mask, protocol),
                "lpips": self._lpips(prediction, truth, mask, protocol),
            }
            for protocol in Protocol
        }

    def order(
        self,
        prediction: Float32[Tensor, "H W 3"],
        truth: Float32[Tensor, "H W 3"],
        mask: Bool[Tensor, "H W"],
        rectangle: tuple[slice, slice] | None,
    ) -> Pending:
        """The same of tensors, on their device, without waiting for it.

        Args:
            prediction: in 0..1.
            truth: in 0..1.
            mask: of rays that met the box.
            rectangle: the mask's bounding rectangle, None where the mask is empty.
        """
        from sherf_core.metrics.on_device import measure_on_device

        return measure_on_device(self.lpips, self.lpips_note, prediction, truth, mask, rectangle)

    def _lpips(self, prediction: Image, truth: Image, mask: Mask, protocol: Protocol) -> Measurement:
        if self.lpips is None:
            return Measurement(None, self.lpips_note)
        return self.lpips.measure(prediction, truth, mask, protocol)

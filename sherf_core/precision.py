"""How products of matrices are computed, by name. Nothing here imports torch."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "tf32", "float16", "bfloat16"]
"""float32 is the published one. The others round what goes into a product to 11 (tf32, float16) or 8 (bfloat16) bits,
for a GPU's tensor cores; float16 has a small range, too."""

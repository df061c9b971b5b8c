"""The published neutral bodies in words; the table is sherf_core's, which fetches them."""

from __future__ import annotations

from sherf_core.assets.catalogue import known_bodies


def published_sizes() -> str:
    """What a whole neutral file measures, in words."""
    sizes = [f"{body.bytes:,} ({body.version})" for body in known_bodies() if body.bytes and body.gender == "neutral"]
    return " or ".join(sizes)

"""Licences: always shown, accepted by a person. What a user has accepted is kept in that user's state folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sherf_core.assets.catalogue import Asset
from sherf_core.assets.record import now
from sherf_core.errors import FetchError
from sherf_core.io.atomic import write_json
from sherfctl.console import Console

FILE = "licences.json"


def accepted_licence(console: Console, asset: Asset, accepted: Collection[str]) -> str:
    """When this user accepted the licence (ISO 8601), now or earlier; "" where it needs no word. It is always shown.

    The manifest's word does not count: it may have come with somebody else's files.

    Raises:
        FetchError: FETCH.LICENCE, it was not accepted.
    """
    if not asset.licence.accept:
        return ""
    before = accepted_before(asset)
    console.note(
        f"{asset.title}: {asset.licence.name}. "
        + (f"You accepted it on {before[:10]}: " if before else "Read it: ")
        + asset.licence.page
    )
    if before:
        return before
    answer = True if asset.name in accepted else console.ask(f"Do you accept the licence of {asset.name}?")
    if answer:
        return _remember(asset)
    said = "nobody is there to accept" if answer is None else "you did not accept"
    raise FetchError(
        f"{said} the licence of {asset.name} ({asset.licence.page}); nothing was fetched",
        fix=f"read it; if you accept it: sherfctl fetch-assets {asset.name} --accept-license {asset.name}",
        code="FETCH.LICENCE",
    )


def accepted_before(asset: Asset) -> str:
    """When this user accepted this very licence; "" if never."""
    kept = _kept().get(asset.name)
    same = isinstance(kept, dict) and (kept.get("name"), kept.get("page")) == (asset.licence.name, asset.licence.page)
    when = kept.get("when") if same and isinstance(kept, dict) else ""
    return when if isinstance(when, str) else ""


def _remember(asset: Asset) -> str:
    when, path = now(), _path()
    row = {"name": asset.licence.name, "page": asset.licence.page, "when": when}
    if path is not None:
        # Where nothing can be written, it is asked again the next time.
        with contextlib.suppress(OSError):
            write_json(path, {**_kept(), asset.name: row})
    return when


def _kept() -> dict[str, Any]:
    path = _path()
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    except (OSError, ValueError, RecursionError):
        return {}  # none, or damaged: asked again
    return document if isinstance(document, dict) else {}


def _path() -> Path | None:
    """$XDG_STATE_HOME/sherfctl/licences.json or the one under ~/.local/state; None without a home folder."""
    state = os.environ.get("XDG_STATE_HOME")
    if state:
        return Path(state) / "sherfctl" / FILE
    home = Path(os.path.expanduser("~"))
    return home / ".local" / "state" / "sherfctl" / FILE if home.is_absolute() else None

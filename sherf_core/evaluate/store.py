"""The output folder of a run: results stored picture by picture, so that an interrupted run resumes.

    OUT/run.json            the settings and their fingerprint
    OUT/items/NAME.json     the measurements of one picture
    OUT/images/NAME.png     input, prediction and truth
    OUT/metrics.json, OUT/report.html    written at the end

A stored result counts only when the run's fingerprint and the digest of the picture's data are the same as now. A
folder that holds a run with other settings is never mixed or overwritten: its files move to OUT/earlier-FINGERPRINT/.
So do those of a run whose report shows pictures that the new one would leave out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sherf_core.errors import ConfigurationError
from sherf_core.evaluate.protocol import Item
from sherf_core.evaluate.results import ItemResult
from sherf_core.io.atomic import write_json

RUN, ITEMS, IMAGES, METRICS, REPORT = "run.json", "items", "images", "metrics.json", "report.html"

Settings = Mapping[str, Any]


def fingerprint(settings: Settings) -> str:
    """16 hexadecimal digits that change when any setting does."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


class RunFolder:
    """One run's output folder.

    Args:
        path: the folder; made when it is not there.
        settings: everything that the results depend on, besides the data themselves; plain JSON values.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path, self.settings, self.fingerprint = Path(path), settings, fingerprint(settings)
        self.changed: list[str] = []
        self.earlier: Path | None = None
        self.dropped = 0

    def open(self, items: Iterable[Item] = ()) -> None:
        """Make the folder ready: take up the run it holds, or move it aside.

        It is moved when its settings are others, or when its report shows pictures that are not among `items`, those
        of the run to come. Afterwards `changed` lists the settings that differ, `dropped` counts those pictures, and
        `earlier` is where that run lies now.

        Raises:
            ConfigurationError: the folder holds files of these names that no evaluation wrote.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ConfigurationError(f"{self.path} is a file", fix="name a folder: --out DIR")
        present = [name for name in (ITEMS, IMAGES, METRICS, REPORT) if (self.path / name).exists()]
        before = self._read_run()
        if before is None and present:
            raise ConfigurationError(
                f"{self.path} holds {', '.join(present)} but no {RUN}, so it is no evaluation's folder",
                fix="name another folder with --out DIR",
            )
        if before is not None:
            self.dropped = len(self._reported() - {self._picture(item) for item in items})
            if self.dropped or before.get("fingerprint") != self.fingerprint:
                self._set_aside(before, present)
        write_json(self.path / RUN, {"fingerprint": self.fingerprint, "settings": dict(self.settings)})

    def load(self, item: Item, digest: str) -> ItemResult | None:
        """The stored result of this item, or None when there is none that holds for these settings and data."""
        try:
            document = json.loads((self.path / ITEMS / f"{item.name}.json").read_text(encoding="utf-8"))
            result = ItemResult.from_dict(document)
            same = (document["fingerprint"], document["data"], result.item) == (self.fingerprint, digest, item)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return result if same and self.image_path(item).is_file() else None

    def save(self, result: ItemResult, digest: str) -> None:
        """Store a result; its picture must be there already, as this file says that the item is done."""
        document = {"fingerprint": self.fingerprint, "data": digest, **result.as_dict()}
        write_json(self.path / ITEMS / f"{result.item.name}.json", document)

    def image_path(self, item: Item) -> Path:
        """Where the item's picture lies."""
        return self.path / self._picture(item)

    def moved(self) -> str:
        """Which run was moved aside, why and where to, in one sentence; "" if none was."""
        if self.earlier is None:
            return ""
        reason = f"a run with other settings ({'; '.join(self.changed)})"
        if not self.changed:
            reason = f"a report with pictures that this run does not make ({self.dropped} of them)"
        return f"{self.path} held {reason}; it was moved to {self.earlier}"

    @staticmethod
    def _picture(item: Item) -> str:
        return f"{IMAGES}/{item.name}.png"

    def _reported(self) -> set[str]:
        """The pictures that the report in this folder shows, as metrics.json names them."""
        try:
            document = json.loads((self.path / METRICS).read_text(encoding="utf-8"))
            return {image["picture"] for image in document["images"]}
        except (OSError, ValueError, KeyError, TypeError):
            return set()

    def _read_run(self) -> dict[str, Any] | None:
        try:
            document = json.loads((self.path / RUN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def _set_aside(self, before: Mapping[str, Any], present: list[str]) -> None:
        settings = before.get("settings")
        old = settings if isinstance(settings, dict) else {}
        self.changed = [
            f"{name}: {_short(old.get(name))} -> {_short(self.settings.get(name))}"
            for name in sorted({*old, *self.settings})
            if old.get(name) != self.settings.get(name)
        ]
        stem = f"earlier-{before.get('fingerprint', 'unknown')}"
        taken = (self.path / (stem if number == 1 else f"{stem}-{number}") for number in range(1, 1000))
        self.earlier = next(folder for folder in taken if not folder.exists())
        self.earlier.mkdir()
        for name in (*present, RUN):
            (self.path / name).rename(self.earlier / name)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else f"{text[:12]}…"

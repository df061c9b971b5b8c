"""Recorded facts: written by `doctor --save-snapshot`, read by `doctor --snapshot`, whole JSON documents too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from checks.facts.records import FACTS_VERSION, Facts
from checks.new_files import refuse_existing
from sherf_core.errors import ConfigurationError
from sherf_core.io.atomic import write_text

SNAPSHOT_FORMAT = 1
EXPECTED = "what `sherfctl doctor --save-snapshot FILE` or `sherfctl doctor --json` wrote"


def snapshot_document(facts: Facts) -> dict[str, Any]:
    """The facts as a snapshot's JSON document."""
    return {"format": SNAPSHOT_FORMAT, "facts": facts.model_dump(mode="json")}


def write_snapshot(path: Path, facts: Facts) -> None:
    """Write a snapshot, atomically; names of files that are no text (surrogates) are kept as JSON escapes.

    Raises:
        ConfigurationError: something is there already.
        OSError: it cannot be written.
    """
    refuse_existing(path)
    write_text(path, json.dumps(snapshot_document(facts), indent=1, ensure_ascii=True) + "\n")


def read_snapshot(path: Path) -> Facts:
    """The facts in a file, as `facts_in` finds them.

    Raises:
        ConfigurationError: as `facts_in`.
        OSError: it cannot be read.
    """
    return facts_in(path.read_bytes(), str(path), path)


def facts_in(content: bytes, name: str, path: Path | None = None) -> Facts:
    """The facts in a snapshot, in a whole JSON document of the doctor, or alone.

    Args:
        content: JSON in UTF-8.
        name: what it is called in errors.
        path: the file that it comes from, None where it comes from none.

    Raises:
        ConfigurationError: it is no JSON, comes from a newer version, or a field is unknown or of the wrong type.
    """
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{name} is no JSON: {error}", expected=EXPECTED, path=path) from error
    if isinstance(document, dict) and "facts" in document:
        document = document["facts"]
    if not isinstance(document, dict) or "version" not in document:
        raise ConfigurationError(f"{name} is JSON, but it holds no facts of a machine", expected=EXPECTED, path=path)
    version = document["version"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ConfigurationError(
            f"{name} holds no facts of a machine: its field `version` is {json.dumps(version)[:40]}",
            expected=EXPECTED,
            path=path,
        )
    if version > FACTS_VERSION:
        raise ConfigurationError(
            f"{name} was written by a newer sherfctl: its facts have version {version}",
            expected=f"version 1 to {FACTS_VERSION}",
            fix="update this sherfctl, or write the snapshot with this one",
            path=path,
        )
    try:
        return Facts.model_validate(_upgraded(document) if version < FACTS_VERSION else document)
    except ValidationError as error:
        raise ConfigurationError(
            f"{name}: {_complaints(error)}",
            expected=EXPECTED,
            fix="mend or remove what is named, or write the snapshot again",
            path=path,
        ) from error


def _upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """Facts of version 1 in today's form: what they lack keeps its default, which means "not known"."""
    facts = {**document, "version": FACTS_VERSION}
    platform = facts.get("platform")
    if isinstance(platform, dict) and isinstance(platform.get("container"), bool):
        facts["platform"] = {**platform, "container": "other" if platform["container"] else ""}
    renamed = facts.pop("renamed_bodies", ())
    if isinstance(renamed, (list, tuple)) and "named_bodies" not in facts:
        facts["named_bodies"] = [{"path": name, "gender": "neutral"} for name in renamed]
    return facts


def _complaints(error: ValidationError) -> str:
    """The first three fields that are wrong, by their paths."""
    items = error.errors(include_url=False)
    words = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in items[:3]]
    return "; ".join(words) + (f"; and {len(items) - 3} more" if len(items) > 3 else "")

"""The corpus of texts: logs of healthy runs, logs of each trouble, and short messages."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from checks.explain import explain

LOGS = Path(__file__).parents[2] / "data" / "logs"
HEALTHY = {path.stem: path.read_text(encoding="utf-8") for path in sorted((LOGS / "healthy").glob("*.log"))}
TROUBLES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((LOGS / "troubles").glob("*.log"))}
MESSAGES = [
    (identifier, text)
    for identifier, texts in yaml.safe_load((LOGS / "messages.yaml").read_text(encoding="utf-8")).items()
    for text in texts
]


def id_of(name: str) -> str:
    """The trouble that `ID.log` or `ID-2.log` shows."""
    return re.sub(r"-\d$", "", name)


def found(text: str) -> list[str]:
    """The ids of what a text shows, best first."""
    return [finding.entry.id for finding in explain(text).findings]

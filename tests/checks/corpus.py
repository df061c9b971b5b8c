"""The corpus of machines: healthy ones as recorded facts, and troubles as changes to them.

`tests/data/corpus/machines/NAME.json` are whole snapshots, as `sherfctl doctor --save-snapshot` writes them.
`tests/data/corpus/troubles/GROUP.yaml` are lists of

    - id: CUDA.VISIBLE                  # the one root cause that must be found
      machine: bare-metal-1gpu          # the healthy machine
      for: train RenderPeople           # ACTION DATASET, then perhaps `gpus=4` and `precision=bfloat16`
      severity: block
      change: {gpu: {visible_devices: "-1"}}    # mappings are merged, everything else replaces
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from checks import Facts, Purpose, Severity

CORPUS = Path(__file__).parents[1] / "data" / "corpus"


@dataclass(frozen=True)
class Trouble:
    """A machine in trouble and the diagnosis it must get."""

    id: str
    machine: str
    purpose: Purpose
    severity: Severity
    change: dict[str, Any]

    @property
    def facts(self) -> Facts:
        return Facts.model_validate(merged(machine(self.machine).model_dump(), self.change))

    def __str__(self) -> str:
        return f"{self.id} on {self.machine}, {self.purpose}"


def machine(name: str) -> Facts:
    """A healthy machine."""
    return Facts.model_validate_json((CORPUS / "machines" / f"{name}.json").read_bytes())


def machines() -> list[str]:
    """The healthy machines' names."""
    return sorted(path.stem for path in (CORPUS / "machines").glob("*.json"))


def troubles() -> list[Trouble]:
    """All troubles, by file and place in it."""
    return [
        Trouble(
            id=entry["id"],
            machine=entry["machine"],
            purpose=purpose(entry["for"]),
            severity=Severity[entry["severity"].upper()],
            change=entry["change"],
        )
        for path in sorted((CORPUS / "troubles").glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def purpose(words: str) -> Purpose:
    """`train RenderPeople gpus=4 precision=float16` as a purpose."""
    action, dataset, *options = words.split()
    values: dict[str, Any] = dict(option.split("=") for option in options)
    if "gpus" in values:
        values["gpus"] = int(values["gpus"])
    return Purpose(action, dataset, **values)  # type: ignore[arg-type]


def merged(facts: Any, change: Any) -> Any:
    """`facts` with `change` put in: mappings are merged, everything else replaces."""
    if isinstance(facts, dict) and isinstance(change, dict):
        return {**facts, **{name: merged(facts.get(name), value) for name, value in change.items()}}
    return change

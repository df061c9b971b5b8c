"""Whatever a machine says, the doctor answers: no rule stumbles, and the report and the document can be written."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest

from checks import Facts, Purpose, diagnose
from checks.document import report_document
from checks.purpose import DATASETS
from checks.verdict import purposes_of, verdict
from sherfctl.console import Console
from sherfctl.console.doctor_report import show_report
from tests.checks.corpus import machine, machines

ODD_TEXTS = ("", "abc", "\udcff", "9" * 400, "-1", "1.2.3.4.5", "12.", "é\n", "None", "{x}", "%s", "/", "\x1b[2J")
ODD_NUMBERS = (0, -1, 1, 10**18)


def odd(value: Any, chance: random.Random, share: float) -> Any:
    """The value with some of its texts and numbers replaced by odd ones, and some of its lists emptied."""
    if isinstance(value, dict):
        return {name: odd(item, chance, share) for name, item in value.items()}
    if isinstance(value, list):
        return [odd(item, chance, share) for item in value] if chance.random() > share else []
    if chance.random() > share:
        return value
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return chance.choice(ODD_NUMBERS)
    return chance.choice(ODD_TEXTS if isinstance(value, str) else (None, 0, ""))


@pytest.mark.parametrize("name", machines())
@pytest.mark.parametrize("share", [0.01, 0.03])
def test_odd_facts_get_an_answer(name: str, share: float) -> None:
    chance = random.Random(f"{name} {share}")
    recorded = machine(name).model_dump(mode="json")
    answered = 0
    for _ in range(120):
        try:
            facts = Facts.model_validate(odd(recorded, chance, share))
        except ValueError:
            continue  # a value that the record itself refuses
        asked = Purpose(
            chance.choice(["eval", "train"]),  # type: ignore[arg-type]
            chance.choice(DATASETS),
            gpus=chance.choice([None, 1, 4]),
            precision=chance.choice([None, "float16", "bfloat16"]),  # type: ignore[arg-type]
        )
        diagnoses = [diagnose(facts, purpose) for purpose in purposes_of(asked)]
        assert [diagnosis.undecided for diagnosis in diagnoses] == [()] * len(diagnoses)
        said = verdict(facts, diagnoses)
        out = io.StringIO()
        show_report(Console(out, io.StringIO(), {"COLUMNS": "80"}), facts, diagnoses[0], said)
        assert "\x1b" not in out.getvalue()
        document = report_document(facts, diagnoses[0], said, exit_status=0, look="normal", program="sherfctl")
        assert Facts.model_validate(json.loads(json.dumps(document))["facts"]) == facts
        answered += 1
    assert answered >= 10

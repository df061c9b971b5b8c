from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import checks
from checks import Purpose, diagnose
from checks.catalogue import CATALOGUE
from checks.document import report_document, schema_text
from checks.verdict import verdict
from sherfctl.app import run
from tests.checks.corpus import CORPUS, troubles

SCHEMA = Path(checks.__file__).parent / "schemas" / "doctor.schema.json"
TROUBLES = troubles()


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def output(*arguments: str) -> Any:
    stdout = io.StringIO()
    run(["doctor", "--json", *arguments], stdout=stdout, stderr=io.StringIO(), environment={})
    return json.loads(stdout.getvalue())


def test_the_schema_that_ships_is_that_of_the_models() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        "write it again: python -m checks.document > checks/schemas/doctor.schema.json"
    )


@pytest.mark.parametrize("trouble", TROUBLES[:: max(1, len(TROUBLES) // 40)], ids=str)
def test_reports_follow_the_schema(validator: jsonschema.Draft202012Validator, trouble: Any) -> None:
    facts = trouble.facts
    diagnosis = diagnose(facts, trouble.purpose)
    document = report_document(
        facts, diagnosis, verdict(facts, [diagnosis]), exit_status=0, look="normal", program="sherfctl"
    )
    validator.validate(document)
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize(
    "arguments",
    [
        ("--snapshot", str(CORPUS / "machines" / "wsl2.json"), "--for", "train", "--gpus", "2"),
        ("--list",),
        ("--list", "--only", "SMPL"),
        ("--snapshot", "there/is/no/such.json"),
        ("--snapshot", str(CORPUS / "troubles" / "gpu.yaml")),
        ("--quick", "--deep"),
        ("--dataset", "nothing"),
    ],
)
def test_outputs_follow_the_schema(
    validator: jsonschema.Draft202012Validator, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    validator.validate(output(*arguments))


def test_the_schema_refuses_what_is_not_the_doctors(validator: jsonschema.Draft202012Validator) -> None:
    document = output("--snapshot", str(CORPUS / "machines" / "wsl2.json"))
    validator.validate(document)
    for change in ({"format": 1}, {"findings": [{"id": "X"}]}, {"more": 1}, {"look": "long"}):
        assert not validator.is_valid({**document, **change})


def test_the_list_holds_the_whole_catalogue() -> None:
    assert [check["id"] for check in output("--list")["checks"]] == list(CATALOGUE)
    assert all("{" not in check["fix"] for check in output("--list")["checks"])


def test_steps_and_the_joined_fix_say_the_same() -> None:
    document = output("--snapshot", str(CORPUS / "machines" / "cpu-laptop.json"), "--dataset", "RenderPeople")
    assert document["purpose"] == {
        "action": "eval",
        "dataset": "RenderPeople",
        "data": None,
        "gpus": None,
        "precision": None,
    }
    first = document["findings"][0]
    assert first["severity"] == "block"
    assert first["fix"] == "\n".join(first["steps"])
    blocked = document["verdict"]["impossible"][0]
    assert blocked["because"] == [f["id"] for f in document["findings"] if f["severity"] == "block"]
    assert document["exit_status"] == 1
    assert str(Purpose("eval", blocked["dataset"])) in document["verdict"]["text"]

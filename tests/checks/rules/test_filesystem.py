"""Names that differ in case: what explains what."""

from __future__ import annotations

from typing import Any

import pytest

from checks import Facts, Finding, Purpose, Severity, diagnose
from tests.checks.corpus import merged

EVAL, DEMO, TRAIN = (Purpose("eval", "RenderPeople"), Purpose("eval", "demo"), Purpose("train", "RenderPeople"))


def twin(what: str, wanted: str = "/s/assets/x", found: str = "/s/Assets/x") -> dict[str, str]:
    return {"what": what, "wanted": wanted, "found": found}


def findings(facts: Facts, purpose: Purpose, twins: list[dict[str, str]], **change: Any) -> dict[str, Finding]:
    changed = Facts.model_validate(merged(facts.model_dump(), {**change, "work": {"case_twins": twins}}))
    return {f.id: f for f in diagnose(changed, purpose).findings if not f.silenced_by}


def test_a_twin_explains_its_own_kind_only(workstation: Facts) -> None:
    found = findings(workstation, EVAL, [twin("body")], body=None, checkpoint=None)
    assert {"FS.CASE", "CKPT.MISSING"} <= set(found)
    assert "SMPL.MISSING" not in found
    found = findings(workstation, EVAL, [twin("checkpoint")], body=None, checkpoint=None)
    assert {"FS.CASE", "SMPL.MISSING"} <= set(found)
    assert "CKPT.MISSING" not in found


def test_the_step_links_what_is_there(workstation: Facts) -> None:
    twins = [twin("body", "/s 1/assets/SMPL_NEUTRAL.pkl", "/s 1/Assets/SMPL_NEUTRAL.pkl")]
    finding = findings(workstation, EVAL, twins, body=None)["FS.CASE"]
    assert finding.severity is Severity.BLOCK
    assert finding.fix == (
        "$ mkdir -p '/s 1/assets' && ln -s '/s 1/Assets/SMPL_NEUTRAL.pkl' '/s 1/assets/SMPL_NEUTRAL.pkl'",
    )


@pytest.mark.parametrize("what", ["body", "checkpoint", "data"])
def test_what_is_in_use_misses_no_twin(workstation: Facts, what: str) -> None:
    assert "FS.CASE" not in findings(workstation, EVAL, [twin(what)])


def test_the_demo_and_training(workstation: Facts) -> None:
    assert findings(workstation, DEMO, [twin("body")], body=None)["FS.CASE"].severity is Severity.INFO
    assert "FS.CASE" not in findings(workstation, TRAIN, [twin("checkpoint")], checkpoint=None)


def test_a_link_that_leads_nowhere_is_no_use(workstation: Facts) -> None:
    gone = {"problem": "SMPL.MISSING", "found": "a link"}
    found = findings(workstation, EVAL, [twin("body")], body=gone)
    assert "FS.CASE" in found
    assert "SMPL.MISSING" not in found


def test_data_in_another_case(workstation: Facts) -> None:
    twins = [twin("data", "/s/data/RenderPeople", "/s/Data/RenderPeople")]
    finding = findings(workstation, EVAL, twins, dataset={"exists": False, "root": ""})["FS.CASE"]
    assert finding.severity is Severity.BLOCK
    assert "the data set is looked for as /s/data/RenderPeople" in finding.evidence[0]

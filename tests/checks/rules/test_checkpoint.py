"""Rules on checkpoints: what the corpus does not say."""

from __future__ import annotations

from typing import Any

import pytest

from checks import Facts, Finding, Purpose, Severity, diagnose
from tests.checks.corpus import merged

EVAL, DEMO, TRAIN = (Purpose("eval", "RenderPeople"), Purpose("eval", "demo"), Purpose("train", "RenderPeople"))
PATH = "/home/anna/sherf/models/smpl/SHERF_RenderPeople.safetensors"


def findings(facts: Facts, purpose: Purpose = EVAL, **change: Any) -> dict[str, Finding]:
    """What stands about checkpoints after the change."""
    changed = Facts.model_validate(merged(facts.model_dump(), change))
    return {f.id: f for f in diagnose(changed, purpose).findings if f.id.startswith("CKPT") and not f.silenced_by}


@pytest.mark.parametrize(
    "change",
    [
        {"checkpoint": None},
        {"checkpoint": {"readable": False}},
        {"checkpoint": {"problem": "CKPT.FILE", "found": "x"}},
        {"checkpoint": {"problem": "CKPT.KEYS", "found": "x"}},
        {"checkpoint": {"problem": "CKPT.PERSISTENCE", "found": "x"}},
    ],
)
def test_training_needs_no_checkpoint(workstation: Facts, change: dict[str, Any]) -> None:
    assert findings(workstation, TRAIN, **change) == {}
    assert len(findings(workstation, EVAL, **change)) == 1


def test_the_demo_has_its_own(laptop: Facts) -> None:
    finding = findings(laptop, DEMO)["CKPT.MISSING"]
    assert finding.severity is Severity.INFO
    assert "the demo's own weights are used" in finding.evidence


def test_each_data_set_has_its_name(workstation: Facts) -> None:
    finding = findings(workstation, Purpose("eval", "ZJU-MoCap"), checkpoint=None)["CKPT.MISSING"]
    assert finding.evidence[0] == "looked for SHERF_zju_mocap.safetensors and SHERF_zju_mocap.pkl"
    assert "SHERF_zju_mocap.safetensors" in finding.fix[0]


def test_weights_that_lie_elsewhere_are_linked(workstation: Facts) -> None:
    stray = "/home/anna/my downloads/sherf_renderpeople.PKL"
    finding = findings(workstation, checkpoint=None, work={"stray_checkpoints": [stray]})["CKPT.MISSING"]
    assert finding.fix == (f"$ mkdir -p models/smpl && ln -s '{stray}' models/smpl/SHERF_RenderPeople.pkl",)
    assert f"found {stray}" in finding.evidence


def test_weights_for_other_data_are_named_and_not_linked(workstation: Facts) -> None:
    other = "/home/anna/sherf/models/SHERF_THuman.pkl"
    work = {"other_checkpoints": [other], "stray_checkpoints": ["/d/SHERF_THuman.pkl"]}
    finding = findings(workstation, checkpoint=None, work=work)["CKPT.MISSING"]
    assert f"found for other data: {other}" in finding.evidence
    assert not any("ln -s" in step for step in finding.fix)


def test_permissions_and_links(workstation: Facts) -> None:
    finding = findings(workstation, checkpoint={"readable": False, "owned": True})["CKPT.MISSING"]
    assert finding.fix == (f"$ chmod u+r {PATH}",)
    gone = {"problem": "CKPT.MISSING", "found": f"{PATH} is a link to /mnt/x, which is not there"}
    finding = findings(workstation, checkpoint=gone, work={"stray_checkpoints": ["/d/SHERF_RenderPeople.pkl"]})[
        "CKPT.MISSING"
    ]
    assert gone["found"] in finding.evidence
    assert finding.fix[0].startswith(f"$ rm {PATH}")


def test_what_the_names_tell_is_said(workstation: Facts) -> None:
    change = {"problem": "CKPT.KEYS", "found": "x", "notes": ["trained without it"]}
    assert "trained without it" in findings(workstation, checkpoint=change)["CKPT.KEYS"].evidence
    # An old layout alone is put right when the file is read: nothing to say.
    assert findings(workstation, checkpoint={"notes": ["an old layout"]}) == {}

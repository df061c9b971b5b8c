from __future__ import annotations

from typing import Any

import pytest

from checks import Facts, Purpose, Severity, diagnose
from checks.catalogue import CATALOGUE, ENTRIES, GROUPS
from checks.rules import RULES

GIB = 1024**3
DEMO = Purpose("eval", "demo")
RENDERPEOPLE = Purpose("eval", "RenderPeople")
TRAIN = Purpose("train", "RenderPeople")
BLOCK, WARN, INFO = Severity.BLOCK, Severity.WARN, Severity.INFO
# What is said of training on every machine with one GPU.
REMARKS = {"RUN.GPUS": INFO, "RUN.TIME": INFO}


def change(facts: Facts, **changes: dict[str, Any] | Any) -> Facts:
    """The facts with some fields of some records replaced."""
    update = {}
    for name, value in changes.items():
        old = getattr(facts, name)
        update[name] = old.model_copy(update=value) if isinstance(value, dict) else value
    return facts.model_copy(update=update)


def grave(facts: Facts, purpose: Purpose, least: Severity = WARN) -> dict[str, Severity]:
    """Ids and severities of what stands on its own."""
    findings = diagnose(facts, purpose).findings
    return {f.id: f.severity for f in findings if f.severity >= least and not f.silenced_by}


def test_every_entry_has_a_rule_a_group_and_known_roots() -> None:
    assert len(CATALOGUE) == len(ENTRIES)
    assert set(RULES) == set(CATALOGUE)
    for entry in ENTRIES:
        assert entry.group in GROUPS
        assert set(entry.follows) <= set(CATALOGUE)
        assert entry.title
        assert entry.cause
        assert entry.fix


@pytest.mark.parametrize("purpose", [DEMO, RENDERPEOPLE, TRAIN], ids=str)
def test_a_complete_machine_gives_no_alarm(workstation: Facts, purpose: Purpose) -> None:
    assert grave(workstation, purpose, INFO) == (REMARKS if purpose is TRAIN else {})


def test_a_bare_laptop_gives_no_alarm_for_the_demo(laptop: Facts) -> None:
    assert grave(laptop, DEMO) == {}
    assert grave(laptop, DEMO, INFO) == {
        "GPU.NONE": INFO,
        "SMPL.MISSING": INFO,
        "CKPT.MISSING": INFO,
        "RUN.LPIPS": INFO,
    }


def test_a_bare_laptop_lacks_everything_for_renderpeople(laptop: Facts) -> None:
    assert grave(laptop, RENDERPEOPLE) == {"SMPL.MISSING": BLOCK, "CKPT.MISSING": BLOCK, "DATA.MISSING": BLOCK}


def test_training_needs_a_gpu_and_no_checkpoint(laptop: Facts) -> None:
    blocking = {"GPU.NONE": BLOCK, "SMPL.MISSING": BLOCK, "DATA.MISSING": BLOCK}
    assert grave(laptop, TRAIN, BLOCK) == blocking


def test_one_root_cause_silences_what_follows(workstation: Facts) -> None:
    facts = change(workstation, python={"version": "3.9.18"}, torch={"state": "missing", "devices": ()})
    diagnosis = diagnose(facts, DEMO)
    assert [finding.id for finding in diagnosis.of(BLOCK)] == ["PY.VERSION"]
    assert {finding.id: finding.silenced_by for finding in diagnosis.findings} == {
        "PY.VERSION": "",
        "TORCH.MISSING": "PY.VERSION",
    }


def test_a_remark_never_silences_a_failure(workstation: Facts) -> None:
    # Libraries in LD_LIBRARY_PATH would explain a broken torch, if its error spoke of them.
    broken = {"state": "broken", "error": "ImportError: x", "devices": ()}
    facts = change(workstation, toolkit={"shadowing": ("/opt/libcudnn.so.8",)}, torch=broken)
    assert grave(facts, DEMO, INFO) == {"LIB.CUDNN": INFO, "TORCH.BROKEN": BLOCK}


def test_the_gravest_comes_first(laptop: Facts) -> None:
    facts = change(laptop, memory={"available": 2 * GIB})
    severities = [finding.severity for finding in diagnose(facts, RENDERPEOPLE).findings]
    assert severities == sorted(severities, reverse=True)

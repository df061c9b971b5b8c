from __future__ import annotations

from typing import Any

import pytest

from checks import Facts, Purpose, Severity, diagnose
from checks.catalogue import CATALOGUE, ENTRIES, GROUPS
from checks.facts.records import GpuDevice
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


def test_a_few_missing_parts_are_named_and_the_rest_counted(laptop: Facts) -> None:
    parts = tuple(f"sherf_core/part{number}" for number in range(7))
    (finding,) = (f for f in diagnose(change(laptop, missing_parts=parts), DEMO).findings if f.id == "SYS.INSTALL")
    assert finding.evidence == (f"missing: {', '.join(parts[:5])} and 2 more",)


# id, what is changed on the complete workstation, and the severity for the demo, for RenderPeople and for training.
CASES: list[tuple[str, dict[str, Any], Severity | None, Severity | None, Severity | None]] = [
    ("PY.VERSION", {"python": {"version": "3.9.18"}}, BLOCK, BLOCK, BLOCK),
    ("PY.VERSION", {"python": {"bits": 32}}, BLOCK, BLOCK, BLOCK),
    ("SYS.INSTALL", {"missing_parts": ("sherf_core/body/free_body.npz",)}, BLOCK, WARN, WARN),
    ("TORCH.MISSING", {"torch": {"state": "missing", "cuda_available": False}}, BLOCK, BLOCK, BLOCK),
    ("TORCH.BROKEN", {"torch": {"state": "broken", "error": "ImportError: x", "devices": ()}}, BLOCK, BLOCK, BLOCK),
    ("TORCH.BROKEN", {"torch": {"state": "timeout", "error": "longer than 60 s", "devices": ()}}, BLOCK, BLOCK, BLOCK),
    (
        "TORCH.CPU",
        {"torch": {"cuda_build": "", "cuda_available": False, "devices": ()}},
        WARN,
        WARN,
        BLOCK,
    ),
    ("CUDA.VISIBLE", {"gpu": {"visible_devices": ""}}, WARN, WARN, BLOCK),
    ("CUDA.VISIBLE", {"gpu": {"visible_devices": "-1"}}, WARN, WARN, BLOCK),
    ("CUDA.VISIBLE", {"gpu": {"visible_devices": "3,0"}}, WARN, WARN, BLOCK),
    (
        "CUDA.DRIVER_OLD",
        {"gpu": {"driver": "470.42.01", "cuda_driver": "11.4"}, "torch": {"cuda_available": False, "devices": ()}},
        WARN,
        WARN,
        BLOCK,
    ),
]


@pytest.mark.parametrize(
    ("identifier", "changes", "demo", "renderpeople", "train"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_each_trouble_is_the_only_root_cause(
    workstation: Facts,
    identifier: str,
    changes: dict[str, Any],
    demo: Severity | None,
    renderpeople: Severity | None,
    train: Severity | None,
) -> None:
    facts = change(workstation, **changes)
    for purpose, severity in ((DEMO, demo), (RENDERPEOPLE, renderpeople), (TRAIN, train)):
        found = {i: s for i, s in grave(facts, purpose, INFO).items() if i not in REMARKS}
        assert found == ({} if severity is None else {identifier: severity})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_words_are_filled_in(workstation: Facts, case: tuple[str, dict[str, Any], Any, Any, Any]) -> None:
    diagnosis = diagnose(change(workstation, **case[1]), RENDERPEOPLE)
    (finding,) = [finding for finding in diagnosis.findings if finding.id == case[0]]
    text = " ".join((finding.title, finding.cause, *finding.fix, *finding.evidence))
    assert "{" not in text
    assert "None" not in text


def test_a_hosted_notebook_without_a_gpu_is_told_how_to_get_one(laptop: Facts) -> None:
    facts = change(laptop, platform={"notebook": "colab"})
    assert grave(facts, DEMO) == {"GPU.NONE": WARN}
    assert "Runtime > Change runtime type" in diagnose(facts, DEMO).findings[0].fix[0]


def test_visible_devices_by_uuid_or_number_give_no_alarm(workstation: Facts) -> None:
    for value in ("0", "GPU-8f1c", "0,1"):
        assert grave(change(workstation, gpu={"visible_devices": value}), DEMO) == {}


def test_a_newer_driver_or_a_working_torch_is_never_too_old(workstation: Facts) -> None:
    compatible = change(workstation, gpu={"cuda_driver": "12.4"})  # torch sees the GPU, through compatibility libraries
    assert grave(compatible, TRAIN) == {}
    newer = change(workstation, gpu={"cuda_driver": "14.0"}, torch={"cuda_available": False, "devices": ()})
    assert "CUDA.DRIVER_OLD" not in grave(newer, TRAIN)


def test_one_root_cause_silences_what_follows(workstation: Facts) -> None:
    facts = change(workstation, python={"version": "3.9.18"}, torch={"state": "missing", "devices": ()})
    diagnosis = diagnose(facts, DEMO)
    assert [finding.id for finding in diagnosis.of(BLOCK)] == ["PY.VERSION"]
    assert {finding.id: finding.silenced_by for finding in diagnosis.findings} == {
        "PY.VERSION": "",
        "TORCH.MISSING": "PY.VERSION",
    }


def test_a_remark_never_silences_a_failure(workstation: Facts) -> None:
    # A hidden GPU (a warning when evaluating) explains an unusable driver (also a warning), not a broken torch.
    facts = change(
        workstation,
        gpu={"visible_devices": "-1", "cuda_driver": "11.4"},
        torch={"cuda_available": False, "devices": ()},
    )
    assert grave(facts, DEMO) == {"CUDA.VISIBLE": WARN}


def test_the_gravest_comes_first(laptop: Facts) -> None:
    facts = change(laptop, memory={"available": 2 * GIB})
    severities = [finding.severity for finding in diagnose(facts, RENDERPEOPLE).findings]
    assert severities == sorted(severities, reverse=True)


def test_an_unknown_gpu_count_is_no_reason_for_an_alarm(workstation: Facts) -> None:
    two = tuple(GpuDevice(index=i, name="NVIDIA H100", total_bytes=80 * GIB, free_bytes=80 * GIB) for i in range(2))
    assert grave(change(workstation, gpu={"devices": two, "visible_devices": "1"}), TRAIN) == {}

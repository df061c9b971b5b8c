from __future__ import annotations

from pathlib import Path

import pytest

from checks import Facts, Finding, Purpose, Severity, diagnose
from checks.facts.records import CollectorProblem
from checks.summaries import device_of, group_summaries
from checks.verdict import Verdict, purposes_of, verdict
from tests.checks.corpus import machine, machines, troubles


def sentences(facts: Facts, asked: Purpose) -> list[str]:
    return verdict(facts, [diagnose(facts, purpose) for purpose in purposes_of(asked)]).sentences()


def finding(identifier: str, title: str) -> Finding:
    return Finding(identifier, Severity.BLOCK, "System", title, ("seen",), "cause", ("fix",))


def test_a_bare_laptop(laptop: Facts) -> None:
    lines = sentences(laptop, Purpose())
    assert lines[0] == "You can run: evaluate on the demo data, on the CPU."
    assert lines[1].startswith("You cannot yet: evaluate on RenderPeople, because: no SMPL body model (SMPL.MISSING), ")
    assert len(lines) == 2


def test_a_complete_workstation(workstation: Facts) -> None:
    assert sentences(workstation, Purpose("eval", "RenderPeople")) == [
        "You can run: evaluate on RenderPeople; evaluate on the demo data, on NVIDIA GeForce RTX 4090."
    ]
    assert sentences(workstation, Purpose("train", "RenderPeople")) == [
        "You can run: evaluate on the demo data; evaluate on RenderPeople, on NVIDIA GeForce RTX 4090.",
        "Machine and files are ready for: train on RenderPeople (this version cannot run that yet).",
    ]


def test_reasons_are_listed_and_many_are_counted() -> None:
    one, two = finding("A.ONE", "no one"), finding("A.TWO", "no two")
    asked = Purpose("eval", "RenderPeople")
    assert Verdict((), ((asked, (one,)),), "the CPU").sentences() == [
        "You cannot yet: evaluate on RenderPeople, because: no one (A.ONE)."
    ]
    assert Verdict((), ((asked, (one, two, one, two, one)),), "the CPU").sentences() == [
        "You cannot yet: evaluate on RenderPeople, because: no one (A.ONE), no two (A.TWO), no one (A.ONE) and 2 more."
    ]


def test_what_this_version_cannot_run_is_never_promised() -> None:
    later = Purpose("train", "THuman")
    assert Verdict((later,), (), "the CPU").sentences() == [
        "Machine and files are ready for: train on THuman (this version cannot run that yet)."
    ]
    assert Verdict((), ((later, (finding("A.ONE", "no one"),)),), "the CPU").sentences() == [
        "Machine and files are not ready for: train on THuman (this version cannot run that yet), because: "
        "no one (A.ONE)."
    ]


def test_part_of_the_checks_promises_nothing() -> None:
    assert Verdict((Purpose(),), (), "the CPU", partial=True).sentences() == [
        "In the chosen checks nothing is against: evaluate on the demo data, on the CPU."
    ]


def test_nothing_is_asked_twice_and_only_one_data_set() -> None:
    assert [str(purpose) for purpose in purposes_of(Purpose())] == [
        "evaluate on the demo data",
        "evaluate on RenderPeople",
    ]
    assert [str(purpose) for purpose in purposes_of(Purpose("eval", "demo", gpus=4))] == [
        "evaluate on the demo data",
        "evaluate on RenderPeople",
    ]
    assert [str(purpose) for purpose in purposes_of(Purpose("train", "THuman"))] == [
        "train on THuman",
        "evaluate on the demo data",
        "evaluate on THuman",
    ]


def test_a_named_folder_belongs_to_its_data_set_alone() -> None:
    folder = Path("/data/here")
    assert [(purpose.dataset, purpose.data) for purpose in purposes_of(Purpose("train", "THuman", folder))] == [
        ("THuman", folder),
        ("demo", None),
        ("THuman", folder),
    ]
    assert [purpose.data for purpose in purposes_of(Purpose("eval", "demo", folder))] == [folder, None]


def test_summaries_say_what_is_there(laptop: Facts, workstation: Facts) -> None:
    said = group_summaries(workstation)
    assert said["GPU"] == "NVIDIA GeForce RTX 4090 (24 GiB), driver 580.65.06"
    assert said["Torch"].startswith("2.13.0+cu130, for CUDA 13.0")
    assert "WSL" not in said
    assert group_summaries(laptop)["GPU"] == "none: the CPU does the work"
    assert group_summaries(machine("wsl2"))["WSL"] == "version 2"
    assert group_summaries(machine("bare-metal-4gpu"))["GPU"].startswith("4 x NVIDIA A100-SXM4-40GB (40 GiB), driver")
    assert group_summaries(Facts())["System"] == "unknown"


def test_the_device_is_the_one_that_torch_can_use(workstation: Facts) -> None:
    assert device_of(workstation) == "NVIDIA GeForce RTX 4090"
    unusable = workstation.torch.model_copy(update={"cuda_available": False, "devices": ()})
    assert device_of(workstation.model_copy(update={"torch": unusable})) == "the CPU"
    not_asked = unusable.model_copy(update={"state": "not asked"})
    assert device_of(workstation.model_copy(update={"torch": not_asked})) == "NVIDIA GeForce RTX 4090"


@pytest.mark.parametrize("facts", [*(machine(n) for n in machines()), *(t.facts for t in troubles()), Facts()])
def test_every_rule_decides(facts: Facts) -> None:
    for dataset in ("demo", "RenderPeople", "ZJU-MoCap"):
        assert diagnose(facts, Purpose("train", dataset, gpus=4, precision="bfloat16")).undecided == ()


def test_what_nobody_could_look_for_is_not_called_missing(laptop: Facts) -> None:
    purpose = Purpose("eval", "RenderPeople")
    ids = {found.id for found in diagnose(laptop, purpose).findings}
    assert {"SMPL.MISSING", "CKPT.MISSING", "DATA.MISSING"} <= ids
    problem = CollectorProblem(collector="body", error="took too long", seconds=30)
    blind = laptop.model_copy(update={"problems": (problem,)})
    assert {found.id for found in diagnose(blind, purpose).findings} == ids - {"SMPL.MISSING"}


def test_a_rule_that_fails_hides_no_other(laptop: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(facts: Facts, purpose: Purpose) -> list[Finding]:
        raise ValueError("odd")

    monkeypatch.setitem(__import__("checks.rules").rules.RULES, "SYS.RAM", fails)
    diagnosis = diagnose(laptop, Purpose("eval", "RenderPeople"))
    assert diagnosis.undecided == (("SYS.RAM", "ValueError: odd"),)
    assert "SMPL.MISSING" in {found.id for found in diagnosis.findings}

from __future__ import annotations

from checks import Facts, Purpose, diagnose
from checks.summaries import group_summaries
from checks.verdict import purposes_of, verdict


def sentences(facts: Facts, asked: Purpose) -> list[str]:
    return verdict(facts, [diagnose(facts, purpose) for purpose in purposes_of(asked)]).sentences()


def test_a_bare_laptop(laptop: Facts) -> None:
    assert sentences(laptop, Purpose()) == [
        "You can run: evaluate on the demo data, on the CPU.",
        "You cannot yet: evaluate on RenderPeople, because: no SMPL body model (SMPL.MISSING), "
        "no trained weights (CKPT.MISSING) and no RenderPeople data (DATA.MISSING).",
    ]


def test_a_complete_workstation(workstation: Facts) -> None:
    asked = Purpose("train", "RenderPeople")
    assert sentences(workstation, asked) == [
        "You can run: train on RenderPeople; evaluate on the demo data; evaluate on RenderPeople, "
        "on NVIDIA GeForce RTX 4090."
    ]


def test_one_reason(workstation: Facts) -> None:
    facts = workstation.model_copy(update={"checkpoint": None})
    assert sentences(facts, Purpose())[1] == (
        "You cannot yet: evaluate on RenderPeople, because: no trained weights (CKPT.MISSING)."
    )


def test_nothing_is_asked_twice() -> None:
    assert [str(purpose) for purpose in purposes_of(Purpose())] == [
        "evaluate on the demo data",
        "evaluate on RenderPeople",
    ]
    assert len(purposes_of(Purpose("train", "RenderPeople"))) == 3


def test_summaries_say_what_is_there(laptop: Facts, workstation: Facts) -> None:
    assert group_summaries(workstation) == {
        "Python": "3.11.7 (/venv/bin/python)",
        "Torch": "2.13.0+cu130, for CUDA 13.0",
        "GPU": "NVIDIA GeForce RTX 4090 (24 GiB), driver 580.65.06",
        "Memory and disk": "12.0 GiB of memory available, 100 GiB of disk free",
        "SMPL body": "/p/assets/SMPL_NEUTRAL.pkl (6890 vertices)",
        "Checkpoint": "/p/models/smpl/SHERF_RenderPeople.safetensors",
        "Data set": "RenderPeople at /p/data/RenderPeople_recon/20230228: 481 people",
    }
    assert group_summaries(laptop)["GPU"] == "none: the CPU does the work"
    assert group_summaries(Facts())["Memory and disk"] == "unknown"

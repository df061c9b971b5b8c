"""From a folder in disorder to one that needs nothing more: facts, findings, plan, steps, facts again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checks import Facts, Purpose, diagnose
from checks.facts.checkpoints import checkpoint_facts
from checks.facts.files import body_facts
from checks.facts.named_bodies import named_bodies
from checks.facts.work import work_facts
from checks.remedies import Remedy, apply, plan
from sherf_core.data import locations
from tests.checks.small_bodies import write_body
from tests.sherf_core.io import published_files

EVAL = Purpose("eval", "RenderPeople")
PUBLISHED = "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"


def planned(workstation: Facts, root: Path) -> tuple[Remedy, ...]:
    body = locations.find_body([root])
    checkpoint = locations.find_checkpoint("RenderPeople", [root])
    facts = workstation.model_copy(
        update={
            "body": None if body is None else body_facts(body),
            "checkpoint": None if checkpoint is None else checkpoint_facts(checkpoint, published_files.EXPECTED),
            "named_bodies": named_bodies([root], root / "Downloads"),
            "work": work_facts("RenderPeople", root, [root], root / "Downloads"),
        }
    )
    return plan(facts, [diagnose(facts, EVAL)])


@pytest.mark.parametrize(
    "places",
    [
        [f"assets/{PUBLISHED}"],
        [f"Downloads/SMPL_python_v.1.1.0/smpl/models/{PUBLISHED}"],
        ["SMPL_NEUTRAL.pkl"],
        ["Assets/smpl_neutral.pkl"],
        ["Assets/SMPL_NEUTRAL.pkl", "Models/SMPL/SHERF_RenderPeople.pkl"],
        [f"models/smpl/{PUBLISHED}", "logs/long/path/SHERF_RenderPeople.pkl"],
        ["Downloads/SMPL_NEUTRAL.pkl", "Downloads/SHERF_RenderPeople.pkl"],
    ],
    ids=lambda places: " ".join(places),
)
@pytest.mark.parametrize("shapes", [10, 300])
def test_a_second_plan_is_empty(
    workstation: Facts, places: list[str], shapes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in places:
        if "SHERF" in place:
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place).write_bytes(published_files.checkpoint())
        else:
            write_body(tmp_path / place, shapes=shapes)
    # A copy is offered once the body is found, so the second plan may hold it; the one after is empty.
    rounds = []
    for _ in range(2 if shapes == 10 else 3):
        rounds.append(planned(workstation, tmp_path))
        outcomes = [apply(remedy) for remedy in rounds[-1]]
        assert {outcome.state for outcome in outcomes} <= {"done"}
    assert len(rounds[0]) == len(places)
    assert rounds[-1] == ()
    assert body_facts(locations.find_body([tmp_path]) or tmp_path).problem == ""
    assert locations.find_checkpoint("RenderPeople", [tmp_path]) is None or len(places) == 2


def test_a_link_that_leads_nowhere_does_not_hide_a_body(workstation: Facts, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "SMPL_NEUTRAL.pkl").symlink_to("gone")
    assert locations.find_body([tmp_path]) == tmp_path / "assets" / "SMPL_NEUTRAL.pkl"
    write_body(tmp_path / "models" / "smpl" / PUBLISHED)
    (remedy,) = planned(workstation, tmp_path)
    assert apply(remedy).state == "done"
    assert locations.find_body([tmp_path]) == tmp_path / "models" / "smpl" / "SMPL_NEUTRAL.pkl"
    assert os.readlink(tmp_path / "assets" / "SMPL_NEUTRAL.pkl") == "gone"
    assert planned(workstation, tmp_path) == ()

"""Which remedies the facts ask for."""

from __future__ import annotations

from typing import Any

from checks import Facts, Purpose, diagnose
from checks.remedies import Remedy, plan
from tests.checks.corpus import machine, machines, merged

EVAL = Purpose("eval", "RenderPeople")
ASSETS = "/home/anna/sherf/assets"
PLACE = f"{ASSETS}/SMPL_NEUTRAL.pkl"
PUBLISHED = "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"
NEUTRAL = {"path": f"{ASSETS}/{PUBLISHED}", "gender": "neutral", "version": "1.1.0", "place": PLACE}


def planned(facts: Facts, **change: Any) -> tuple[Remedy, ...]:
    changed = Facts.model_validate(merged(facts.model_dump(), change))
    return plan(changed, [diagnose(changed, EVAL), diagnose(changed, Purpose("eval", "demo"))])


def test_healthy_machines_need_nothing() -> None:
    for name in machines():
        facts = machine(name)
        if facts.body is None or facts.body.shape_components == 10:
            assert planned(facts) == ()


def test_a_renamed_body_is_linked(workstation: Facts) -> None:
    (remedy,) = planned(workstation, body=None, named_bodies=[NEUTRAL])
    assert remedy == Remedy(
        id="SMPL.RENAMED",
        words=f"link the SMPL body: {PLACE} to {ASSETS}/{PUBLISHED}",
        kind="link",
        source=f"{ASSETS}/{PUBLISHED}",
        target=PLACE,
        undo=f"rm {PLACE}",
    )


def test_a_body_in_a_wrong_folder_is_linked(workstation: Facts) -> None:
    elsewhere = {**NEUTRAL, "path": "/home/anna/sherf/SMPL_NEUTRAL.pkl", "version": ""}
    (remedy,) = planned(workstation, body=None, named_bodies=[elsewhere])
    assert (remedy.id, remedy.source, remedy.target) == ("SMPL.MISSING", elsewhere["path"], PLACE)


def test_what_is_packed_or_of_another_gender_is_left_to_people(workstation: Facts) -> None:
    assert planned(workstation, body=None, named_bodies=[{**NEUTRAL, "member": "a/b.pkl"}]) == ()
    assert planned(workstation, body=None, named_bodies=[{**NEUTRAL, "gender": "male"}]) == ()


def test_a_broken_body_is_never_moved(workstation: Facts) -> None:
    for problem in ("SMPL.HTML", "SMPL.TRUNC", "SMPL.STRUCT"):
        assert planned(workstation, body={"problem": problem, "found": "x"}, named_bodies=[NEUTRAL]) == ()


def test_letter_case(workstation: Facts) -> None:
    twins = [
        {"what": "body", "wanted": PLACE, "found": "/home/anna/sherf/Assets/SMPL_NEUTRAL.pkl"},
        {"what": "data", "wanted": "/home/anna/data", "found": "/home/anna/Data"},
    ]
    remedies = planned(workstation, body=None, dataset={"exists": False}, work={"case_twins": twins})
    assert [(r.id, r.kind, r.source, r.target) for r in remedies] == [
        ("FS.CASE", "link", twin["found"], twin["wanted"]) for twin in twins
    ]


def test_checkpoints_elsewhere_and_deep_in_the_logs(workstation: Facts) -> None:
    stray = "/home/anna/Downloads/sherf_renderpeople.pkl"
    others = ["/home/anna/Downloads/SHERF_THuman.pkl", stray]
    (remedy,) = planned(workstation, checkpoint=None, work={"stray_checkpoints": others})
    assert (remedy.source, remedy.target) == (stray, "models/smpl/SHERF_RenderPeople.pkl")
    deep = "/home/anna/sherf/logs/RenderPeople/0/SHERF_RenderPeople.pkl"
    (remedy,) = planned(workstation, checkpoint={"path": deep, "problem": "CKPT.PERSISTENCE", "found": "x"})
    assert (remedy.id, remedy.source) == ("CKPT.MISSING", deep)
    assert planned(workstation, checkpoint={"path": deep, "problem": "CKPT.FILE", "found": "x"}) == ()
    usual = "/home/anna/logs/sherf/models/smpl/SHERF_RenderPeople.pkl"
    assert planned(workstation, checkpoint={"path": usual}) == ()


def test_the_list_of_people(workstation: Facts) -> None:
    (remedy,) = planned(workstation, dataset={"list_file": "", "listed": None, "root": "/d/my data"})
    assert (remedy.id, remedy.kind, remedy.source) == ("DATA.LIST", "write", "/d/my data")
    assert (remedy.target, remedy.undo) == ("/d/my data/human_list.txt", "rm '/d/my data/human_list.txt'")


def test_a_small_copy_has_a_name_that_is_not_looked_for(workstation: Facts) -> None:
    (remedy,) = planned(workstation, body={"shape_components": 300})
    assert (remedy.kind, remedy.target) == ("copy", f"{ASSETS}/SMPL_NEUTRAL_10shapes.npz")
    assert planned(workstation, body={"shape_components": 300, "small_copy": remedy.target}) == ()


def test_permissions(workstation: Facts) -> None:
    unreadable = {"readable": False, "owned": True}
    remedies = planned(workstation, body=unreadable, checkpoint=unreadable)
    assert [(r.id, r.kind, r.undo) for r in remedies] == [
        ("SMPL.MISSING", "chmod", f"chmod u-r {PLACE}"),
        ("CKPT.MISSING", "chmod", "chmod u-r /home/anna/sherf/models/smpl/SHERF_RenderPeople.safetensors"),
    ]
    assert planned(workstation, body={"readable": False, "owned": False}) == ()
    (remedy,) = planned(workstation, disk={"writable": False, "owned": True})
    assert (remedy.id, remedy.target) == ("SYS.DISK", "/home/anna/sherf")
    assert planned(workstation, disk={"writable": False, "owned": False}) == ()
    assert planned(workstation, disk={"writable": False, "owned": None}) == ()
    assert planned(workstation, disk={"writable": False, "owned": True, "read_only": True}) == ()

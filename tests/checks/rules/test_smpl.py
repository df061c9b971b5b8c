"""Rules on the body file: what the corpus does not say."""

from __future__ import annotations

from typing import Any

import pytest

from checks import Facts, Finding, Purpose, Severity, diagnose
from checks.known_bodies import published_sizes
from sherf_core.assets.catalogue import known_bodies, known_body
from tests.checks.corpus import merged

EVAL, DEMO = Purpose("eval", "RenderPeople"), Purpose("eval", "demo")
ASSETS = "/home/anna/sherf/assets"
PLACE = f"{ASSETS}/SMPL_NEUTRAL.pkl"
PUBLISHED = "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"
MEMBER = f"SMPL_python_v.1.1.0/smpl/models/{PUBLISHED}"


def findings(facts: Facts, purpose: Purpose = EVAL, **change: Any) -> dict[str, Finding]:
    """What stands about bodies after the change."""
    changed = Facts.model_validate(merged(facts.model_dump(), change))
    return {f.id: f for f in diagnose(changed, purpose).findings if f.id.startswith("SMPL") and not f.silenced_by}


def named(path: str, gender: str = "neutral", **more: str) -> dict[str, str]:
    return {"path": path, "gender": gender, "place": PLACE, **more}


def test_a_file_beside_its_place_is_linked_there(workstation: Facts) -> None:
    found = findings(workstation, body=None, named_bodies=[named(f"{ASSETS}/{PUBLISHED}")])
    assert found["SMPL.RENAMED"].fix == (f"$ ln -s {ASSETS}/{PUBLISHED} {PLACE}",)
    assert set(found) == {"SMPL.RENAMED"}


def test_a_file_elsewhere_is_linked_and_quoted(workstation: Facts) -> None:
    body = named(f"/home/anna/my files/{PUBLISHED}")
    found = findings(workstation, body=None, named_bodies=[body])
    assert found["SMPL.RENAMED"].fix == (f"$ mkdir -p {ASSETS} && ln -s '/home/anna/my files/{PUBLISHED}' {PLACE}",)


def test_the_right_name_in_the_wrong_folder_is_missing_and_linked(workstation: Facts) -> None:
    found = findings(workstation, body=None, named_bodies=[named("/home/anna/sherf/SMPL_NEUTRAL.pkl")])
    assert found["SMPL.MISSING"].fix == (f"$ mkdir -p {ASSETS} && ln -s /home/anna/sherf/SMPL_NEUTRAL.pkl {PLACE}",)
    assert "found /home/anna/sherf/SMPL_NEUTRAL.pkl" in found["SMPL.MISSING"].evidence


def test_an_archive_is_unpacked(workstation: Facts) -> None:
    body = named("/home/anna/Downloads/SMPL_python_v.1.1.0.zip", member=MEMBER)
    found = findings(workstation, body=None, named_bodies=[body])
    assert found["SMPL.MISSING"].fix == (
        "$ /home/anna/.venv/bin/python -m zipfile -e /home/anna/Downloads/SMPL_python_v.1.1.0.zip smpl_unpacked",
        f"$ mkdir -p {ASSETS} && mv smpl_unpacked/{MEMBER} {PLACE}",
    )


def test_an_archive_with_the_bodys_name_makes_way_first(workstation: Facts) -> None:
    change = {"body": {"problem": "SMPL.ZIP", "found": "a zip"}, "named_bodies": [named(PLACE, member=MEMBER)]}
    assert findings(workstation, **change)["SMPL.ZIP"].fix == (
        f"$ mv {PLACE} {PLACE}.old",
        f"$ /home/anna/.venv/bin/python -m zipfile -e {PLACE}.old smpl_unpacked",
        f"$ mkdir -p {ASSETS} && mv smpl_unpacked/{MEMBER} {PLACE}",
    )


def test_a_broken_file_makes_way_for_a_whole_one(workstation: Facts) -> None:
    change = {"body": {"problem": "SMPL.HTML", "found": "a page"}, "named_bodies": [named(f"{ASSETS}/{PUBLISHED}")]}
    fix = findings(workstation, **change)["SMPL.HTML"].fix
    assert fix == (f"$ mv {PLACE} {PLACE}.old", f"$ ln -s {ASSETS}/{PUBLISHED} {PLACE}")


def test_a_gzip_file_is_unpacked_in_place(workstation: Facts) -> None:
    found = findings(workstation, body={"problem": "SMPL.ZIP", "found": "is a gzip archive (10 bytes)"})
    assert found["SMPL.ZIP"].fix == (f"$ mv {PLACE} {PLACE}.gz && gunzip {PLACE}.gz",)


def test_a_link_that_leads_nowhere_makes_way(workstation: Facts) -> None:
    change = {
        "body": {"problem": "SMPL.MISSING", "found": "a link", "leads_to": "/mnt/x"},
        "named_bodies": [named(f"{ASSETS}/{PUBLISHED}")],
    }
    fix = findings(workstation, **change)["SMPL.RENAMED"].fix
    assert fix == (f"$ rm {PLACE}    # a link that leads nowhere", f"$ ln -s {ASSETS}/{PUBLISHED} {PLACE}")


@pytest.mark.parametrize(
    ("owned", "fix"), [(True, f"$ chmod u+r {PLACE}"), (False, f"$ sudo chmod a+r {PLACE}")], ids=["own", "other's"]
)
def test_permissions(workstation: Facts, owned: bool, fix: str) -> None:
    found = findings(workstation, body={"readable": False, "owned": owned})
    assert (found["SMPL.MISSING"].severity, found["SMPL.MISSING"].fix) == (Severity.BLOCK, (fix,))
    assert findings(workstation, DEMO, body={"readable": False})["SMPL.MISSING"].severity is Severity.INFO


def test_a_body_in_use_makes_other_names_no_matter(workstation: Facts) -> None:
    bodies = [named(f"{ASSETS}/{PUBLISHED}"), named(f"{ASSETS}/SMPL_FEMALE.pkl", "female")]
    assert findings(workstation, named_bodies=bodies) == {}


def test_the_archive_that_men_and_women_came_from_has_the_neutral_one(workstation: Facts) -> None:
    woman = named(f"{ASSETS}/basicmodel_f_lbs_10_207_0_v1.1.0.pkl", "female", version="1.1.0")
    fix = findings(workstation, body=None, named_bodies=[woman])["SMPL.NO_NEUTRAL"].fix
    assert "the same archive" in fix[0]
    old = named(f"{ASSETS}/basicModel_f_lbs_10_207_0_v1.0.0.pkl", "female", version="1.0.0")
    finding = findings(workstation, body=None, named_bodies=[old])["SMPL.NO_NEUTRAL"]
    assert "SMPLify" in finding.fix[-1]
    assert finding.evidence[-1] == "the archive of SMPL 1.0.0 has no neutral body"


def test_no_alarm_for_neutral_or_unknown_fingerprints(workstation: Facts) -> None:
    for body in known_bodies():
        assert ("SMPL.GENDER" in findings(workstation, body={"sha256": body.sha256})) is (body.gender != "neutral")
    assert findings(workstation, body={"sha256": "ab" * 32}) == {}
    assert findings(workstation, body={"sha256": ""}) == {}
    linked = {"sha256": "", "leads_to": f"/data/{PUBLISHED}"}
    assert findings(workstation, body=linked) == {}


def test_a_known_neutral_file_outweighs_the_name_behind_a_link(workstation: Facts) -> None:
    neutral = next(body for body in known_bodies() if body.gender == "neutral")
    change = {"sha256": neutral.sha256, "leads_to": "/data/SMPL_MALE.pkl"}
    assert findings(workstation, body=change) == {}


@pytest.mark.parametrize(("components", "found"), [(10, set()), (11, {"SMPL.SHAPEDIRS300"}), (None, set())])
def test_ten_components_are_no_remark(workstation: Facts, components: int | None, found: set[str]) -> None:
    assert set(findings(workstation, body={"shape_components": components})) == found


def test_oddities_of_a_broken_file_are_no_matter(workstation: Facts) -> None:
    change = {"problem": "SMPL.STRUCT", "found": "x", "python2": True, "chumpy": True}
    assert set(findings(workstation, body=change)) == {"SMPL.STRUCT"}


def test_a_cut_file_is_compared_with_whole_ones(workstation: Facts) -> None:
    evidence = findings(workstation, body={"problem": "SMPL.TRUNC", "found": "x", "bytes": 1234})["SMPL.TRUNC"].evidence
    assert evidence[-1] == "it has 1,234 bytes; whole files have 247,186,228 (1.1.0) or 39,001,280 (1.0.0)"


def test_the_table_of_published_files() -> None:
    assert len({body.sha256 for body in known_bodies()}) == len(known_bodies()) == 4
    assert all(len(body.sha256) == 64 for body in known_bodies())
    assert known_body("") is None
    assert "None" not in published_sizes()


def test_the_demo_is_never_blocked_by_a_file_of_the_users(workstation: Facts) -> None:
    for problem in ("HTML", "LFS", "ZIP", "TRUNC", "STRUCT", "SMPLX", "UNSAFE"):
        found = findings(workstation, DEMO, body={"problem": f"SMPL.{problem}", "found": "x"})
        assert {f.severity for f in found.values()} == {Severity.WARN}

"""Collector for bodies that have other names, lie in other places, or are still packed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from checks.facts.named_bodies import named_bodies
from checks.facts.records import NamedBody

NEUTRAL = "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"
INSIDE = f"SMPL_python_v.1.1.0/smpl/models/{NEUTRAL}"


def touch(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return str(path)


def pack(path: Path, *names: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return str(path)


@pytest.mark.parametrize(
    ("name", "gender", "version"),
    [
        (NEUTRAL, "neutral", "1.1.0"),
        ("basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "neutral", "1.0.0"),
        ("basicmodel_f_lbs_10_207_0_v1.1.0.pkl", "female", "1.1.0"),
        ("basicModel_m_lbs_10_207_0_v1.0.0.pkl", "male", "1.0.0"),
        ("SMPL_FEMALE.pkl", "female", ""),
        ("smpl_male.npz", "male", ""),
    ],
)
def test_names(tmp_path: Path, name: str, gender: str, version: str) -> None:
    path = touch(tmp_path / "assets" / name)
    place = tmp_path / "assets" / f"SMPL_{gender.upper()}{path[-4:]}"
    expected = NamedBody(path=path, gender=gender, version=version, place=str(place))  # type: ignore[arg-type]
    assert named_bodies([tmp_path], tmp_path / "none") == (expected,)


@pytest.mark.parametrize("name", ["SMPL_NEUTRAL_renderpeople.pkl", "SMPLX_NEUTRAL.pkl", "basicmodel.pkl", "a.zip"])
def test_other_names(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "assets" / name)
    assert named_bodies([tmp_path], tmp_path / "none") == ()


@pytest.mark.parametrize(
    "place", ["", "smpl/models", "models/smpl", "SMPL_python_v.1.1.0/smpl/models", "assets/smplify_public/code/models"]
)
def test_places(tmp_path: Path, place: str) -> None:
    path = touch(tmp_path / place / NEUTRAL)
    assert [body.path for body in named_bodies([tmp_path], tmp_path / "none")] == [path]


@pytest.mark.parametrize(
    ("folder", "place"), [("models/smpl", "models/smpl"), ("smpl/models", "smpl/models"), ("", "assets")]
)
def test_a_link_belongs_beside_it_or_in_the_first_folder(tmp_path: Path, folder: str, place: str) -> None:
    touch(tmp_path / "two" / folder / NEUTRAL)
    (body,) = named_bodies([tmp_path / "one", tmp_path / "two"], tmp_path / "none")
    assert body.place == str(tmp_path / ("two" if folder else "one") / place / "SMPL_NEUTRAL.pkl")


def test_the_body_that_is_used_is_none_of_them(tmp_path: Path) -> None:
    touch(tmp_path / "assets" / "smpl_neutral.pkl")
    elsewhere = touch(tmp_path / "SMPL_NEUTRAL.pkl")
    assert [body.path for body in named_bodies([tmp_path], tmp_path / "none")] == [elsewhere]


def test_archives_are_looked_into(tmp_path: Path) -> None:
    downloads = tmp_path / "Downloads"
    new = pack(downloads / "SMPL_python_v.1.1.0.zip", INSIDE, "SMPL_python_v.1.1.0/readme.txt", f"../{NEUTRAL}")
    old = pack(tmp_path / "root/assets/SMPL_python_v.1.0.0 (1).zip", "smpl/models/basicModel_f_lbs_10_207_0_v1.0.0.pkl")
    bodies = named_bodies([tmp_path / "root"], downloads)
    assert [(body.path, body.gender, body.version) for body in bodies] == [
        (old, "female", "1.0.0"),
        (new, "neutral", "1.1.0"),
    ]
    assert bodies[1].member == INSIDE


def test_an_archive_with_the_bodys_name(tmp_path: Path) -> None:
    path = pack(tmp_path / "assets" / "SMPL_NEUTRAL.pkl", INSIDE)
    assert [(body.path, body.member) for body in named_bodies([tmp_path], tmp_path / "none")] == [(path, INSIDE)]


def test_a_broken_archive_holds_nothing(tmp_path: Path) -> None:
    touch(tmp_path / "SMPL_python_v.1.1.0.zip")
    assert named_bodies([tmp_path], tmp_path / "none") == ()


def test_a_file_and_a_link_to_it_are_one(tmp_path: Path) -> None:
    path = touch(tmp_path / "assets" / NEUTRAL)
    (tmp_path / NEUTRAL).symlink_to(path)
    assert [body.path for body in named_bodies([tmp_path], tmp_path / "none")] == [path]

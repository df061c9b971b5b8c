"""Each trouble of a data set, made on disk: looked at and diagnosed, it gives exactly its own root cause."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import checks.facts.datasets as collector
from checks import Facts, Purpose, Severity, diagnose
from checks.facts.datasets import dataset_facts
from sherf_core.body.files import FREE_BODY
from tests.layouts.annotated import save_object
from tests.layouts.published import LISTS, assemble, own, write_masters
from tests.layouts.thuman import write_thuman
from tests.layouts.zju_mocap import write_zju_mocap

BLOCK, WARN, INFO = Severity.BLOCK, Severity.WARN, Severity.INFO
RP, TH, HM, ZJU = "RenderPeople", "THuman", "HuMMan", "ZJU-MoCap"
# The first subject of the test is looked at picture by picture.
FIRST = {RP: LISTS[RP][450], TH: LISTS[TH][90], HM: "p000455_a000986", ZJU: "CoreView_377"}
FITS = "outputs_re_fitting/refit_smpl_2nd.npz"
Spoil = Callable[[Path], object]


class Attack:
    """Would make a file if its pickle were loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, ("owned",))


@pytest.fixture(scope="module")
def masters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masters")
    write_masters(folder)
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, whose SMPL body is the one that the people were made with."""
    (tmp_path / "assets").mkdir()
    shutil.copy(FREE_BODY, tmp_path / "assets" / "SMPL_NEUTRAL.npz")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHERFCTL_HOME", raising=False)
    return tmp_path


def diagnosed(workstation: Facts, dataset: str, data: Path | None, action: str = "eval") -> dict[str, Severity]:
    """Ids and severities of what stands on its own."""
    facts = workstation.model_copy(update={"dataset": dataset_facts(dataset, data)})
    purpose = Purpose(action, dataset)  # type: ignore[arg-type]
    return {f.id: f.severity for f in diagnose(facts, purpose).findings if not f.silenced_by}


def grave(found: dict[str, Severity]) -> dict[str, Severity]:
    return {identifier: severity for identifier, severity in found.items() if severity > INFO}


def unlink(subject: str, path: str) -> Spoil:
    """Delete a file or folder of a subject."""

    def spoil(root: Path) -> None:
        target = own(root / subject) / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return spoil


def write(subject: str, path: str, content: bytes) -> Spoil:
    return lambda root: (own(root / subject) / path).write_bytes(content)


def cut(subject: str, path: str, share: float) -> Spoil:
    """Keep the first part of a file only."""

    def spoil(root: Path) -> None:
        target = own(root / subject) / path
        content = target.read_bytes()
        target.write_bytes(content[: int(share * len(content))])

    return spoil


def attack(subject: str, path: str) -> Spoil:
    return lambda root: save_object(own(root / subject) / path, Attack())


def attack_fits(root: Path) -> None:
    np.savez(own(root / FIRST[RP]) / FITS, smpl=np.array(Attack(), dtype=object))


def resize(subject: str, path: str, size: tuple[int, int]) -> Spoil:
    def spoil(root: Path) -> None:
        target = own(root / subject) / path
        Image.open(target).resize(size).save(target)

    return spoil


def both(*spoils: Spoil) -> Spoil:
    return lambda root: [spoil(root) for spoil in spoils]


def drop_cameras(subject: str, keep: int) -> Spoil:
    def spoil(root: Path) -> None:
        path = own(root / subject) / "cameras.json"
        path.write_text(json.dumps(dict(list(json.loads(path.read_text()).items())[:keep])))

    return spoil


def move_cameras(root: Path) -> None:
    """Those of the test subjects, half a metre to the side."""
    for name in LISTS[RP][450:480]:
        path = own(root / name) / "cameras.json"
        cameras = json.loads(path.read_text())
        for camera in cameras.values():
            camera["T"][0] += 0.5
        path.write_text(json.dumps(cameras))


def move_vertices(root: Path) -> None:
    for name in LISTS[ZJU]:
        for path in (own(root / name) / "new_vertices").glob("*.npy"):
            np.save(path, np.load(path) + np.float32(0.5))


def rewrite(dataset: str, **settings: object) -> Spoil:
    """Write the first subject of the test anew."""

    def spoil(root: Path) -> None:
        listed = (root / "human_list.txt").read_bytes() if dataset == TH else b""
        (root / FIRST[dataset]).unlink()
        if dataset == TH:
            write_thuman(root, [FIRST[TH]], **settings)  # type: ignore[arg-type]
            (root / "human_list.txt").write_bytes(listed)
        else:
            write_zju_mocap(root, [FIRST[ZJU]], **settings)  # type: ignore[arg-type]

    return spoil


def rename_odd(root: Path) -> None:
    for path in own(root / "CoreView_313").glob("Camera*/*.jpg"):
        path.rename(path.with_name("frame_" + path.name))


def shorten(count: int) -> Spoil:
    def spoil(root: Path) -> None:
        (root / "human_list.txt").write_text("\n".join(LISTS[RP][:count]))
        for name in LISTS[RP][count:]:
            (root / name).unlink()

    return spoil


def leave_raw(root: Path) -> None:
    """Raw THuman: scans, and nothing that was rendered."""
    (root / "human_list.txt").unlink()
    for name in LISTS[TH]:
        (root / name).unlink()
        (root / name).mkdir()
        (root / name / "mesh.obj").touch()


def without_parameters(root: Path) -> None:
    for name in LISTS[TH][:100]:
        shutil.rmtree(own(root / name) / "new_params_neutral")


PICTURE, MASK = "img/camera0003/0000.jpg", "mask/camera0003/0000.png"
TROUBLES: list[tuple[str, Severity, str, Spoil]] = [
    ("DATA.MISSING", BLOCK, RP, shutil.rmtree),
    ("DATA.MISSING", BLOCK, TH, lambda root: (shutil.rmtree(root), root.mkdir())),
    ("DATA.LIST", WARN, RP, lambda root: (root / "human_list.txt").unlink()),
    ("DATA.RP_COUNT", BLOCK, RP, shorten(189)),
    ("DATA.RP_COUNT", BLOCK, RP, lambda root: (root / LISTS[RP][460]).unlink()),
    ("DATA.RP_COUNT", BLOCK, ZJU, lambda root: (root / "CoreView_315").unlink()),
    *(
        ("DATA.RP_LAYOUT", BLOCK, RP, unlink(FIRST[RP], part))
        for part in ("cameras.json", "img", "mask", "outputs_re_fitting", FITS, "img/camera0035")
    ),
    ("DATA.RP_LAYOUT", BLOCK, RP, drop_cameras(FIRST[RP], 30)),
    ("DATA.RP_LAYOUT", BLOCK, RP, write(FIRST[RP], "cameras.json", b"{not json")),
    ("DATA.RP_LAYOUT", BLOCK, RP, cut(FIRST[RP], FITS, 0.5)),
    ("DATA.RP_LAYOUT", BLOCK, RP, attack_fits),
    ("DATA.RP_LAYOUT", WARN, RP, unlink(FIRST[RP], MASK)),
    ("DATA.RP_LAYOUT", BLOCK, TH, unlink(FIRST[TH], "mask_cihp")),
    ("DATA.RP_LAYOUT", WARN, ZJU, unlink(FIRST[ZJU], "Camera_B4/000000.jpg")),
    ("DATA.RP_LAYOUT", WARN, ZJU, attack(FIRST[ZJU], "new_vertices/0.npy")),
    ("DATA.TH_ANNOTS", BLOCK, TH, leave_raw),
    ("DATA.TH_ANNOTS", BLOCK, TH, unlink(LISTS[TH][95], "annots.npy")),
    ("DATA.TH_ANNOTS", BLOCK, TH, cut(FIRST[TH], "annots.npy", 0.7)),
    ("DATA.TH_ANNOTS", BLOCK, TH, attack(FIRST[TH], "annots.npy")),
    ("DATA.TH_ANNOTS", BLOCK, TH, lambda root: save_object(own(root / FIRST[TH]) / "annots.npy", {"cams": 3})),
    ("DATA.TH_ANNOTS", BLOCK, TH, rewrite(TH, views=12)),
    ("DATA.TH_ANNOTS", BLOCK, ZJU, write("CoreView_313", "annots.npy", b"<html>log in</html>")),
    ("DATA.TH_PARAMS", BLOCK, TH, without_parameters),
    ("DATA.TH_PARAMS", WARN, TH, unlink(FIRST[TH], "new_params_neutral/0.npy")),
    ("DATA.TH_PARAMS", WARN, TH, attack(FIRST[TH], "new_params_neutral/0.npy")),
    ("DATA.BACKSLASH", INFO, TH, rewrite(TH, backslashes=True)),
    ("DATA.HM_PARTS", BLOCK, HM, lambda root: (root / "p100074_a000048").unlink()),
    ("DATA.HM_PARTS", BLOCK, HM, drop_cameras(FIRST[HM], 8)),
    ("DATA.HM_PARTS", BLOCK, HM, unlink(FIRST[HM], "kinect_mask")),
    ("DATA.HM_PARTS", WARN, HM, cut(FIRST[HM], "smpl_params/000000.npz", 0.4)),
    ("DATA.ZJU_313", BLOCK, ZJU, rename_odd),
    ("DATA.ZJU_CAMS", BLOCK, ZJU, rewrite(ZJU, views=19)),
    ("DATA.ZJU_CAMS", WARN, ZJU, unlink(FIRST[ZJU], "mask_cihp/Camera_B4/000000.png")),
    ("DATA.ZJU_REFINED", BLOCK, ZJU, rewrite(ZJU, refine=True)),
    ("DATA.IMG", BLOCK, RP, resize(FIRST[RP], MASK, (16, 16))),
    ("DATA.IMG", BLOCK, RP, both(resize(FIRST[RP], MASK, (16, 16)), resize(FIRST[RP], PICTURE, (16, 16)))),
    ("DATA.IMG", BLOCK, RP, both(resize(FIRST[RP], MASK, (32, 24)), resize(FIRST[RP], PICTURE, (32, 24)))),
    ("DATA.IMG", BLOCK, RP, cut(FIRST[RP], PICTURE, 0.8)),
    ("DATA.IMG", BLOCK, RP, cut(FIRST[RP], MASK, 0.6)),
    ("DATA.IMG", BLOCK, RP, write(FIRST[RP], PICTURE, b"<html>log in</html>")),
    ("DATA.FIT", WARN, RP, move_cameras),
    ("DATA.FIT", WARN, ZJU, move_vertices),
]


@pytest.mark.parametrize("dataset", [RP, TH, HM, ZJU])
@pytest.mark.parametrize("action", ["eval", "train"])
def test_a_whole_data_set_gives_no_warning(
    masters: Path, home: Path, workstation: Facts, dataset: str, action: str
) -> None:
    root = assemble(masters, dataset, home / "data" / "set")
    expected = {"DATA.ZJU_313": INFO} if dataset == ZJU else {}
    found = diagnosed(workstation, dataset, root, action)
    assert {identifier: s for identifier, s in found.items() if identifier.startswith(("DATA", "FS"))} == expected
    observed = dataset_facts(dataset, root)
    assert observed.misfits.of
    assert observed.misfits.of >= 8


@pytest.mark.parametrize(
    ("identifier", "severity", "dataset", "spoil"), TROUBLES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_trouble_on_disk_gives_its_root_cause(
    masters: Path,
    home: Path,
    workstation: Facts,
    identifier: str,
    severity: Severity,
    dataset: str,
    spoil: Spoil,
) -> None:
    root = assemble(masters, dataset, home / "set")
    spoil(root)
    found = diagnosed(workstation, dataset, root)
    assert found.get(identifier) == severity
    assert set(grave(found)) <= {identifier}
    assert not (home / "owned").exists()


def test_training_people_are_not_needed_for_an_evaluation(masters: Path, home: Path, workstation: Facts) -> None:
    root = assemble(masters, RP, home / "set")
    for name in LISTS[RP][:450]:
        (root / name).unlink()
    assert diagnosed(workstation, RP, root)["DATA.TRAIN_FOR_EVAL"] == INFO
    assert grave(diagnosed(workstation, RP, root)) == {}
    assert grave(diagnosed(workstation, RP, root, "train")) == {"DATA.RP_COUNT": BLOCK}


def test_a_broken_training_person_matters_for_training_only(masters: Path, home: Path, workstation: Facts) -> None:
    root = assemble(masters, RP, home / "set")
    unlink(LISTS[RP][7], "cameras.json")(root)
    assert diagnosed(workstation, RP, root)["DATA.TRAIN_FOR_EVAL"] == INFO
    assert grave(diagnosed(workstation, RP, root)) == {}
    assert grave(diagnosed(workstation, RP, root, "train")) == {"DATA.RP_LAYOUT": BLOCK}


def test_data_on_a_windows_drive(
    masters: Path, home: Path, workstation: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = assemble(masters, ZJU, home / "set")
    monkeypatch.setattr(collector, "filesystem_of", lambda _path: "9p")
    assert "FS.DRVFS" not in diagnosed(workstation, ZJU, root)
    wsl = workstation.model_copy(update={"platform": workstation.platform.model_copy(update={"wsl": 2})})
    assert diagnosed(wsl, ZJU, root)["FS.DRVFS"] == WARN


@pytest.mark.parametrize("place", ["above", "far above", "subject", "inside a subject", "usual"])
def test_the_wrong_level_is_recognised(masters: Path, home: Path, workstation: Facts, place: str) -> None:
    root = assemble(masters, RP, home / "data" / "archives" / "20230228")
    data = {
        "above": root.parent,
        "far above": home,
        "subject": own(root / LISTS[RP][0]),
        "inside a subject": root / LISTS[RP][0] / "img",
        "usual": None,
    }[place]
    facts = workstation.model_copy(update={"dataset": dataset_facts(RP, data)})
    (finding,) = [f for f in diagnose(facts, Purpose("eval", RP)).findings if f.id == "DATA.MISSING"]
    assert finding.fix == (f"name that folder: --data {root}",)
    assert grave(diagnosed(workstation, RP, data)) == {"DATA.MISSING": BLOCK}

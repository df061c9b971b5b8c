"""Files that users fetched themselves: --from-file, --watch, --verify."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sherf_core.assets import watch as watching
from sherf_core.io.safe_pickle import load_pickle
from tests.sherf_core.assets.samples import (
    MALE,
    NEUTRAL,
    body_pickle,
    checkpoint_pickle,
    renderpeople_archive,
    safetensors_file,
    use_small_model,
    zipped,
)
from tests.sherfctl.commands.fetching import Fetcher

BODY = "assets/SMPL_NEUTRAL.pkl"
WEIGHTS = "models/smpl/SHERF_RenderPeople.pkl"


@pytest.fixture
def checkpoint(monkeypatch: pytest.MonkeyPatch) -> bytes:
    use_small_model(monkeypatch)
    return checkpoint_pickle(monkeypatch)


def error_of(fetcher: Fetcher, *arguments: str) -> dict[str, Any]:
    code, out, _ = fetcher.run(*arguments, "--json")
    assert code == 1
    error = json.loads(out)["error"]
    assert error["found"]
    assert error["fix"]
    return dict(error)


def as_folder(fetcher: Fetcher, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        fetcher.write(f"mine/{name}", content)
    return fetcher.file("mine")


@pytest.mark.parametrize("named", [("smpl",), ()], ids=["named", "recognised"])
@pytest.mark.parametrize("form", ["pickle", "zip", "folder", "folder with the zip"])
def test_a_body_in_any_form(fetcher: Fetcher, form: str, named: tuple[str, ...]):
    body, male = body_pickle(), body_pickle(1)
    archive = zipped({MALE: male, NEUTRAL: body})
    makers: dict[str, Callable[[], Path]] = {
        "pickle": lambda: fetcher.write("mine/model.pkl", body),
        "zip": lambda: fetcher.write("mine/x.zip", archive),
        "folder": lambda: as_folder(fetcher, {MALE: male, NEUTRAL: body, "notes.txt": b"x"}),
        "folder with the zip": lambda: as_folder(fetcher, {"SMPL.zip": archive, "page.html": b"<html>"}),
    }
    source = makers[form]()
    before = {path: path.read_bytes() for path in fetcher.file("mine").rglob("*") if path.is_file()}
    code, _, error = fetcher.run(*named, "--from-file", str(source))
    assert code == 0, error
    assert fetcher.file(BODY).read_bytes() == body
    assert {path: path.read_bytes() for path in before} == before
    assert json.loads(fetcher.file("assets/manifest.json").read_text())["files"][0]["source"].startswith(str(source))


def test_a_body_of_plain_arrays_keeps_its_ending(fetcher: Fetcher):
    source = fetcher.file("body.npz")
    np.savez(source, **load_pickle(fetcher.write("mine/a.pkl", body_pickle())))
    assert fetcher.run("--from-file", str(source))[0] == 0
    assert fetcher.file("assets/SMPL_NEUTRAL.npz").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("named", [("sherf",), ()], ids=["named", "recognised"])
@pytest.mark.parametrize("form", ["pickle", "zip", "folder", "safetensors"])
def test_weights_in_any_form(fetcher: Fetcher, form: str, named: tuple[str, ...], checkpoint: bytes):
    makers: dict[str, Callable[[], Path]] = {
        "pickle": lambda: fetcher.write("mine/SHERF_RenderPeople (1).pkl", checkpoint),
        "zip": lambda: fetcher.write("mine/x.zip", zipped({"models/SHERF_RenderPeople.pkl": checkpoint})),
        "folder": lambda: as_folder(
            fetcher, {"a/SHERF_RenderPeople.pkl": checkpoint, "a/SHERF_zju_mocap.pkl": checkpoint}
        ),
        "safetensors": lambda: safetensors_file(fetcher.write("mine/SHERF_RenderPeople.safetensors", b"")),
    }
    code, out, error = fetcher.run(*named, "--from-file", str(makers[form]()), "--json")
    assert code == 0, error
    placed = [entry["path"] for entry in json.loads(out)["installed"]]
    expected = {
        "folder": [WEIGHTS, "models/smpl/SHERF_zju_mocap.pkl"],
        "safetensors": ["models/smpl/SHERF_RenderPeople.safetensors"],
    }
    assert placed == expected.get(form, [WEIGHTS])
    if form != "safetensors":
        assert fetcher.file(WEIGHTS).read_bytes() == checkpoint


def test_weights_without_a_data_set_in_their_name(fetcher: Fetcher, checkpoint: bytes):
    source = str(fetcher.write("mine/network-snapshot.pkl", checkpoint))
    assert "--dataset" in error_of(fetcher, "--from-file", source)["fix"]
    assert fetcher.run("--from-file", source, "--dataset", "ZJU-MoCap")[0] == 0
    assert fetcher.file("models/smpl/SHERF_zju_mocap.pkl").read_bytes() == checkpoint


def test_weights_of_one_data_set_are_none_of_another(fetcher: Fetcher, checkpoint: bytes):
    fetcher.write("models/smpl/SHERF_THuman.pkl", checkpoint)
    assert fetcher.run("sherf", "--dataset", "THuman")[0] == 0
    assert error_of(fetcher, "sherf", "--dataset", "HuMMan")["code"] == "FETCH.MANUAL"


@pytest.mark.parametrize(
    ("asset", "content", "code"),
    [
        ("smpl", b"<!DOCTYPE html>", "SMPL.HTML"),
        ("smpl", b"version https://git-lfs.github.com/spec/v1\nsize 247186228\n", "SMPL.LFS"),
        ("smpl", body_pickle()[:5000], "SMPL.TRUNC"),
        ("smpl", b"", "SMPL.TRUNC"),
        ("smpl", b"cos\nsystem\n(S'true'\ntR.", "SMPL.UNSAFE"),
        ("smpl", zipped({"a.txt": b"a"}), "SMPL.NO_NEUTRAL"),
        ("sherf", b"<!DOCTYPE html>", "CKPT.FILE"),
        ("sherf", b"cos\nsystem\n(S'true'\ntR.", "CKPT.FILE"),
        ("sherf", body_pickle(), "CKPT.KEYS"),
        ("perceptual", b"<!DOCTYPE html>", "FETCH.HASH"),
        ("resnet", zipped({"a": b"b"}), "FETCH.HASH"),
        ("renderpeople", zipped({"a": b"b"}), "FETCH.UNKNOWN"),
    ],
)
def test_what_is_none_of_it_is_told_by_its_own_error(fetcher: Fetcher, asset: str, content: bytes, code: str):
    source = fetcher.write("mine/file.bin", content)
    assert error_of(fetcher, asset, "--from-file", str(source))["code"] == code
    assert not fetcher.file("assets").exists()
    assert not fetcher.file("models").exists()


def test_files_that_nobody_knows(fetcher: Fetcher):
    assert error_of(fetcher, "--from-file", str(fetcher.write("a.txt", b"hello")))["code"] == "FETCH.UNKNOWN"
    assert error_of(fetcher, "--from-file", "nowhere")["code"] == "FETCH.UNKNOWN"
    assert error_of(fetcher, "--from-file", str(as_folder(fetcher, {"x": b"y"})))["code"] == "FETCH.UNKNOWN"


def test_the_body_of_a_gender_is_refused(fetcher: Fetcher):
    source = fetcher.write(f"mine/{Path(MALE).name}", body_pickle())
    assert error_of(fetcher, "smpl", "--from-file", str(source))["code"] == "SMPL.GENDER"


def test_another_file_in_the_place_stays(fetcher: Fetcher):
    fetcher.write(BODY, body_pickle(1))
    source = str(fetcher.write("mine/a.pkl", body_pickle(2)))
    error = error_of(fetcher, "--from-file", source)
    assert error["code"] == "FETCH.EXISTS"
    assert fetcher.file(BODY).read_bytes() == body_pickle(1)
    fetcher.write("mine/a.pkl", body_pickle(1))
    code, out, _ = fetcher.run("--from-file", source)
    assert (code, "there already" in out) == (0, True)


def test_a_link_that_leads_nowhere_is_not_written_through(fetcher: Fetcher):
    fetcher.file("assets").mkdir()
    fetcher.file(BODY).symlink_to(fetcher.root / "elsewhere.pkl")
    assert error_of(fetcher, "--from-file", str(fetcher.write("a.pkl", body_pickle())))["code"] == "FETCH.EXISTS"
    assert not (fetcher.root / "elsewhere.pkl").exists()


def test_an_archive_of_a_data_set_is_unpacked_once(fetcher: Fetcher):
    source = str(fetcher.write("mine/20230228_all.zip", renderpeople_archive()))
    root = fetcher.file("data/RenderPeople_recon/20230228")
    code, _, error = fetcher.run("renderpeople", "--from-file", source)
    assert code == 0, error
    subjects = (root / "human_list.txt").read_text().split()
    assert subjects == ["seq_000000-rp_person_0", "seq_000001-rp_person_1"]
    assert (root / subjects[1] / "img/camera0000/0000.jpg").read_bytes() == b"\x01" * 300
    assert not (root / "readme.txt").exists()
    (root / subjects[0] / "cameras.json").unlink()
    assert fetcher.run("--verify")[0] == 1
    assert fetcher.run("--from-file", source)[0] == 0
    assert fetcher.run("--verify")[0] == 0
    (root / subjects[0] / "cameras.json").write_bytes(b"[]")  # as long as it was
    code, out, _ = fetcher.run("--verify", "--json")
    assert (code, json.loads(out)["verdicts"][0]["code"]) == (1, "FETCH.HASH")
    (root / subjects[0] / "cameras.json").write_bytes(b"mine")
    assert error_of(fetcher, "renderpeople", "--from-file", source)["code"] == "FETCH.EXISTS"
    assert (root / subjects[0] / "cameras.json").read_bytes() == b"mine"


def test_a_data_set_s_archive_that_wants_out_is_refused_whole(fetcher: Fetcher):
    files = {"a/seq_1/cameras.json": b"{}", "a/seq_1/../../../../out.txt": b"x"}
    source = fetcher.write("mine/x.zip", zipped(files))
    assert error_of(fetcher, "renderpeople", "--from-file", str(source))["code"] == "FETCH.ARCHIVE"
    assert not fetcher.file("data").exists()


def test_verify_says_what_changed(fetcher: Fetcher, checkpoint: bytes):
    assert fetcher.run("--from-file", str(fetcher.write("a.pkl", body_pickle())))[0] == 0
    assert fetcher.run("--from-file", str(fetcher.write("SHERF_THuman.pkl", checkpoint)))[0] == 0
    code, out, _ = fetcher.run("--verify", "--json")
    document = json.loads(out)
    assert (code, document["fine"], len(document["verdicts"])) == (0, True, 2)

    changed = bytearray(body_pickle())
    changed[len(changed) // 2] ^= 1  # a bit of some number: its structure stays right
    fetcher.write(BODY, bytes(changed))
    fetcher.file("models/smpl/SHERF_THuman.pkl").unlink()
    fetcher.write("models/smpl/SHERF_HuMMan.pkl", b"<html>")  # never recorded
    code, out, _ = fetcher.run("--verify", "--json")
    codes = {Path(row["path"]).name: row["code"] for row in json.loads(out)["verdicts"]}
    assert code == 1
    assert codes == {
        "SMPL_NEUTRAL.pkl": "FETCH.HASH",
        "SHERF_THuman.pkl": "FETCH.MISSING",
        "SHERF_HuMMan.pkl": "CKPT.FILE",
    }
    assert fetcher.run("resnet", "--verify")[0] == 0
    text = fetcher.run("--verify")[1]
    assert "its content is not what was put there" in " ".join(text.split())


@pytest.mark.parametrize("content", ["{", "[]", '{"files": [{"path": 3}]}', '{"files": [{"asset": "smpl"}]}'])
def test_a_damaged_manifest_is_an_error(fetcher: Fetcher, content: str):
    fetcher.write("assets/manifest.json", content.encode())
    assert error_of(fetcher, "--verify")["code"] == "FETCH.MANIFEST"
    source = str(fetcher.write("a.pkl", body_pickle()))
    assert error_of(fetcher, "smpl", "--from-file", source)["code"] == "FETCH.MANIFEST"
    assert not fetcher.file(BODY).exists()


@pytest.fixture
def downloads(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.02)
    folder = fetcher.root / "Downloads"
    folder.mkdir()
    return folder


def browse(folder: Path, name: str, content: bytes) -> threading.Thread:
    """Save a file as a browser does: in pieces under another name, then renamed."""

    def save() -> None:
        unfinished = folder / f"{name}.crdownload"
        with unfinished.open("wb") as file:
            for start in range(0, len(content), len(content) // 5):
                file.write(content[start : start + len(content) // 5])
                file.flush()
                time.sleep(0.1)
        unfinished.rename(folder / name)

    thread = threading.Thread(target=save)
    thread.start()
    return thread


def test_watching_takes_what_it_is_whatever_its_name(fetcher: Fetcher, downloads: Path):
    (downloads / "SMPL_python_v.1.1.0.zip").write_bytes(b"<html>not logged in</html>")
    (downloads / "holiday.jpg").write_bytes(b"\xff\xd8\xff")
    body = body_pickle()
    thread = browse(downloads, "download(3)", zipped({NEUTRAL: body}))
    code, _, error = fetcher.run("smpl", "--watch", str(downloads))
    thread.join()
    assert code == 0, error
    assert fetcher.file(BODY).read_bytes() == body
    assert (downloads / "download(3)").exists()


def test_watching_waits_for_all_that_was_named(fetcher: Fetcher, downloads: Path, checkpoint: bytes):
    (downloads / "SHERF_RenderPeople.pkl").write_bytes(checkpoint)
    thread = browse(downloads, "body.pkl", body_pickle())
    code, out, error = fetcher.run("smpl", "sherf", "--watch", str(downloads), "--json")
    thread.join()
    assert code == 0, error
    assert {entry["path"] for entry in json.loads(out)["installed"]} == {BODY, WEIGHTS}


def test_watching_goes_on_after_a_file_that_is_refused(fetcher: Fetcher, downloads: Path):
    (downloads / Path(MALE).name).write_bytes(body_pickle())
    thread = browse(downloads, "neutral.pkl", body_pickle(2))
    code, _, error = fetcher.run("smpl", "--watch", str(downloads))
    thread.join()
    assert code == 0
    assert "by its name" in " ".join(error.split())
    assert fetcher.file(BODY).read_bytes() == body_pickle(2)


def test_a_file_that_still_grows_is_left_alone(tmp_path: Path):
    """Browsers without endings of their own write to the name itself."""
    content = zipped({NEUTRAL: body_pickle()})
    path = tmp_path / "SMPL.zip"
    watcher = watching.Watcher(tmp_path, ("smpl",))
    for end in range(1000, len(content), len(content) // 6):
        path.write_bytes(content[:end])
        assert watcher.poll() is None
    path.write_bytes(content)
    polls = [watcher.poll() for _ in range(watching.STABLE_POLLS + 1)]
    assert polls[:-1] == [None] * watching.STABLE_POLLS
    assert polls[-1] is not None
    (tmp_path / "SMPL.zip.part").write_bytes(b"")  # Firefox: not whole yet
    another = watching.Watcher(tmp_path, ("smpl",))
    assert [another.poll() for _ in range(9)] == [None] * 9
    (tmp_path / "SMPL.zip.part").unlink()
    assert any(another.poll() for _ in range(9))


def test_watching_a_folder_that_is_none(fetcher: Fetcher):
    assert error_of(fetcher, "sherf", "--watch", "nowhere")["code"] == "FETCH.UNKNOWN"

"""Remedies are done once, whole, never over anything, and can be undone."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from checks.remedies import Kind, Outcome, Remedy, apply, claiming
from sherf_core.body.files import load_body
from tests.checks.small_bodies import write_body

NAMES = ["seq_000002-b", "seq_000000-c", "seq_000001-a"]


def remedy(kind: Kind, source: Path | str, target: Path | str, undo: str = "") -> Remedy:
    return Remedy("SMPL.RENAMED", "words", kind, str(source), str(target), undo or f"rm '{target}'")


def linked(root: Path) -> Remedy:
    return remedy("link", write_body(root / "assets" / "basicmodel.pkl"), root / "assets" / "SMPL_NEUTRAL.pkl")


def listed(root: Path) -> Remedy:
    for name in NAMES:
        (root / name).mkdir(parents=True)
        (root / name / "cameras.json").write_text("{}")
    (root / "not a person").mkdir()
    return remedy("write", root, root / "human_list.txt")


def copied(root: Path) -> Remedy:
    source = write_body(root / "SMPL_NEUTRAL.pkl", shapes=300)
    return remedy("copy", source, root / "SMPL_NEUTRAL_10shapes.npz")


def permitted(root: Path) -> Remedy:
    path = write_body(root / "my files" / "SMPL_NEUTRAL.pkl")
    path.chmod(0o044)
    return remedy("chmod", "", path, f"chmod u-r '{path}'")


def opened(root: Path) -> Remedy:
    folder = root / "results"
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    return remedy("chmod", "", folder, f"chmod u-w '{folder}'")


MAKERS = [linked, listed, copied, permitted, opened]
Maker = Callable[[Path], Remedy]


def tree(root: Path) -> dict[str, tuple[int, bytes | str | None]]:
    """Everything below: permissions, and content (where it may be read) or where a link leads."""
    return {str(path.relative_to(root)): (path.lstat().st_mode, _content(path)) for path in sorted(root.rglob("*"))}


def _content(path: Path) -> bytes | str | None:
    if path.is_symlink():
        return os.readlink(path)
    return path.read_bytes() if path.is_file() and os.access(path, os.R_OK) else None


def shell(command: str, folder: Path) -> None:
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)


@pytest.mark.parametrize("make", MAKERS)
def test_done_once_and_undone(make: Maker, tmp_path: Path) -> None:
    wanted = make(tmp_path)
    before = tree(tmp_path)
    outcome = apply(wanted)
    assert outcome.state == "done", outcome.reason
    after = tree(tmp_path)
    assert after != before
    assert {name: entry for name, entry in after.items() if name in before and wanted.kind != "chmod"}.items() <= (
        before.items()
    )
    assert not [name for name in after if "/." in f"/{name}"], "a temporary file was left"
    second = apply(wanted)
    assert (second.state, second.undo) == ("already done", "")
    assert tree(tmp_path) == after
    shell(outcome.undo, tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("make", MAKERS)
def test_the_undo_of_the_plan_undoes_too(make: Maker, tmp_path: Path) -> None:
    wanted = make(tmp_path)
    before = tree(tmp_path)
    apply(wanted)
    shell(wanted.undo, tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("make", [linked, listed, copied])
@pytest.mark.parametrize("what", ["a file", "a folder", "a link", "a broken link"])
def test_nothing_that_is_there_is_overwritten(make: Maker, what: str, tmp_path: Path) -> None:
    wanted = make(tmp_path / "work")
    target = Path(wanted.target)
    if what == "a file":
        target.write_bytes(b"mine")
    elif what == "a folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "mine")
        if what == "a link":
            (tmp_path / "mine").write_bytes(b"mine")
    before = tree(tmp_path)
    outcome = apply(wanted)
    assert (outcome.state, outcome.undo) == ("refused", "")
    assert str(target) in outcome.reason
    assert tree(tmp_path) == before


def test_a_broken_link_in_the_way_is_named_with_what_to_do(tmp_path: Path) -> None:
    wanted = linked(tmp_path)
    Path(wanted.target).symlink_to("nothing")
    assert f"`rm {wanted.target}`" in apply(wanted).reason


@pytest.mark.parametrize("make", [listed, copied])
@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_appears_meanwhile_survives(
    make: Maker, hard_links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, real_link = make(tmp_path), os.link

    def late(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"somebody else's")
        if not hard_links:
            raise OSError(errno.EPERM, "Operation not permitted")
        real_link(source, target)

    monkeypatch.setattr(claiming.os, "link", late)
    outcome = apply(wanted)
    assert outcome.state == "refused"
    assert Path(wanted.target).read_bytes() == b"somebody else's"
    assert not list(tmp_path.glob(".*"))


def test_a_link_that_appears_meanwhile_survives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, real = linked(tmp_path), os.symlink

    def late(content: str, target: Path) -> None:
        Path(target).write_bytes(b"somebody else's")
        real(content, target)

    monkeypatch.setattr(os, "symlink", late)
    assert apply(wanted).state == "refused"
    assert Path(wanted.target).read_bytes() == b"somebody else's"


@pytest.mark.parametrize("make", [listed, copied])
def test_file_systems_without_hard_links(make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", fails(errno.EPERM))
    wanted = make(tmp_path)
    assert [apply(wanted).state, apply(wanted).state] == ["done", "already done"]


def fails(number: int) -> Callable[..., None]:
    def function(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    return function


def test_file_systems_without_links_get_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "symlink", fails(errno.EPERM))
    wanted = linked(tmp_path)
    outcome = apply(wanted)
    assert outcome.state == "done"
    assert "copied" in outcome.reason
    target = Path(wanted.target)
    assert not target.is_symlink()
    assert target.read_bytes() == Path(wanted.source).read_bytes()
    assert (apply(wanted).state, apply(wanted).reason) == ("already done", "as a copy")


def test_no_copy_of_a_folder_or_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "symlink", fails(errno.ENOTSUP))
    (tmp_path / "Data").mkdir()
    assert apply(remedy("link", tmp_path / "Data", tmp_path / "data")).state == "refused"
    usage = type("Usage", (), {"free": 5})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    outcome = apply(linked(tmp_path))
    assert (outcome.state, "5 bytes free" in outcome.reason) == ("refused", True)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_folder(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write in any folder, and tests may run as root: so the operating system's answer is put in.
    wanted = linked(tmp_path)
    before = tree(tmp_path)
    monkeypatch.setattr(os, "symlink", fails(number))
    outcome = apply(wanted)
    assert (outcome.state, outcome.reason) == ("refused", f"{tmp_path / 'assets'}: {os.strerror(number)}")
    assert tree(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("make", [linked, listed, copied])
def test_a_folder_that_is_really_read_only(make: Maker, tmp_path: Path) -> None:
    wanted = make(tmp_path / "w")
    folder = Path(wanted.target).parent
    folder.chmod(0o555)
    outcome = apply(wanted)
    folder.chmod(0o755)
    assert (outcome.state, "Permission denied" in outcome.reason) == ("refused", True)


def test_folders_are_made_and_taken_back(tmp_path: Path) -> None:
    source = write_body(tmp_path / "Downloads" / "SHERF_RenderPeople.pkl")
    wanted = remedy("link", source, tmp_path / "models" / "smpl" / "SHERF_RenderPeople.pkl")
    before = tree(tmp_path)
    outcome = apply(wanted)
    assert outcome.state == "done"
    shell(outcome.undo, tmp_path)
    assert tree(tmp_path) == before


def test_folders_are_taken_back_when_the_step_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_body(tmp_path / "a.pkl")
    before = tree(tmp_path)
    monkeypatch.setattr(os, "symlink", fails(errno.EACCES))
    assert apply(remedy("link", source, tmp_path / "models" / "smpl" / "b.pkl")).state == "refused"
    assert tree(tmp_path) == before


def test_links_within_a_project_move_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    write_body(project / "models" / "deep" / "a.pkl")
    outside = write_body(tmp_path / "elsewhere" / "b.pkl")
    monkeypatch.chdir(project)
    outcome = apply(remedy("link", "models/deep/a.pkl", "models/smpl/a.pkl"))
    # What undoes it works from every folder.
    assert outcome.undo == f"rm {project / 'models/smpl/a.pkl'} && rmdir {project / 'models/smpl'}"
    assert apply(remedy("link", outside, "models/smpl/b.pkl")).state == "done"
    assert os.readlink("models/smpl/a.pkl") == "../deep/a.pkl"
    assert os.readlink("models/smpl/b.pkl") == str(outside)
    monkeypatch.chdir(tmp_path)
    moved = project.rename(tmp_path / "moved")
    assert (moved / "models" / "smpl" / "a.pkl").is_file()
    assert (moved / "models" / "smpl" / "b.pkl").is_file()


def test_links_work_through_linked_folders(tmp_path: Path) -> None:
    write_body(tmp_path / "far" / "away" / "store" / "a.pkl")
    (tmp_path / "assets").symlink_to("far/away/store")
    wanted = remedy("link", tmp_path / "assets" / "a.pkl", tmp_path / "assets" / "SMPL_NEUTRAL.pkl")
    assert apply(wanted).state == "done"
    assert Path(wanted.target).is_file()


def test_a_source_that_is_gone(tmp_path: Path) -> None:
    for kind in ("link", "write", "copy"):
        assert apply(remedy(kind, tmp_path / "gone", tmp_path / "x.npz")).state == "refused"  # type: ignore[arg-type]
    assert apply(remedy("chmod", "", tmp_path / "gone")).state == "refused"
    assert tree(tmp_path) == {}


def test_the_list_has_the_published_order(tmp_path: Path) -> None:
    assert apply(listed(tmp_path)).reason == "3 people"
    assert (tmp_path / "human_list.txt").read_text() == "seq_000000-c\nseq_000001-a\nseq_000002-b\n"


def test_no_list_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = apply(remedy("write", tmp_path, tmp_path / "human_list.txt"))
    assert (outcome.state, "cameras.json" in outcome.reason) == ("refused", True)


def test_a_small_copy_is_the_body_that_is_used(tmp_path: Path) -> None:
    wanted = copied(tmp_path)
    assert apply(wanted).state == "done"
    original, copy = load_body(wanted.source), load_body(wanted.target)
    assert (original.shape_components, copy.shape_components) == (300, 10)
    for name in ("v_template", "shapedirs", "posedirs", "weights", "J_regressor", "faces", "parents"):
        assert np.array_equal(getattr(original, name), getattr(copy, name)), name


def test_another_bodys_copy_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    wanted = copied(tmp_path)
    apply(wanted)
    write_body(Path(wanted.source), shapes=300, vertices=50)
    assert apply(wanted).state == "refused"


def test_a_broken_body_gives_no_copy(tmp_path: Path) -> None:
    wanted = copied(tmp_path)
    Path(wanted.source).write_bytes(b"<html>")
    outcome: Outcome = apply(wanted)
    assert (outcome.state, "web page" in outcome.reason) == ("refused", True)
    assert [path.name for path in tmp_path.iterdir()] == ["SMPL_NEUTRAL.pkl"]


def test_permissions_of_others_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = permitted(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    outcome = apply(wanted)
    assert (outcome.state, "somebody else" in outcome.reason) == ("refused", True)
    assert Path(wanted.target).stat().st_mode & 0o777 == 0o044


def test_permissions_that_are_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_body(tmp_path / "a.pkl")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    outcome = apply(remedy("chmod", "", path))
    assert (outcome.state, "not what is in the way" in outcome.reason) == ("refused", True)

"""Repositories of the Hugging Face hub: through its real library, against a hub on this computer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sherf_core.assets import hub
from sherf_core.assets.dataset_places import thuman_parameters
from tests.sherf_core.assets.loopback import TOKEN, Publisher, serving
from tests.sherf_core.assets.samples import renderpeople_archive, zipped
from tests.sherfctl.commands.fetching import Fetcher

OLD, NEW = "1" * 40, "2" * 40
ROOT = "data/RenderPeople_recon/20230228"
ACCEPT = ("--accept-license", "renderpeople")


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    commits = {OLD: {"20230228_all.zip": renderpeople_archive(), "README.md": b"hello"}}
    with serving(Publisher(commits=commits)) as publisher:
        yield publisher


def run(fetcher: Fetcher, publisher: Publisher, *arguments: str, **environment: str) -> tuple[int, dict[str, Any], str]:
    """In a process of its own: the library reads its variables when it is imported. Needs the library."""
    pytest.importorskip("huggingface_hub")
    variables = {
        **os.environ,
        "HF_ENDPOINT": publisher.address,
        "HF_HOME": str(fetcher.root / "hf"),
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
        **environment,
    }
    command = [sys.executable, "-m", "sherfctl", "fetch-assets", *arguments, "--json"]
    done = subprocess.run(command, cwd=fetcher.work, env=variables, capture_output=True, text=True, timeout=120)
    fetcher.printed += [done.stdout, done.stderr]
    return done.returncode, json.loads(done.stdout), done.stderr


def test_renderpeople_comes_from_the_hub_and_stays_at_its_commit(fetcher: Fetcher, publisher: Publisher):
    code, document, error = run(fetcher, publisher, "renderpeople", *ACCEPT)
    assert code == 0, error
    (entry,) = document["installed"]
    assert (entry["revision"], entry["path"], entry["name"]) == (OLD, ROOT, "20230228_all.zip")
    assert OLD in entry["source"]
    assert len(list(fetcher.file(ROOT).glob("*/cameras.json"))) == 2
    assert (fetcher.root / "hf").is_dir()
    assert all(request["headers"]["authorization"] == f"Bearer {TOKEN}" for request in publisher.requests)

    publisher.commits = {NEW: {"20230228_all.zip": renderpeople_archive(3)}, **publisher.commits}
    code, document, error = run(fetcher, publisher, "renderpeople")
    assert (code, document["installed"][0]["revision"]) == (0, OLD), error
    code, document, _ = run(fetcher, publisher, "renderpeople", "--dry-run")
    assert OLD in document["plan"][0]["source"]
    assert "20230228_all.zip" in document["plan"][0]["note"]

    publisher.requests.clear()
    code, document, error = run(fetcher, publisher, "renderpeople", HF_HUB_OFFLINE="1")
    assert (code, document["installed"][0]["revision"]) == (0, OLD), error
    assert publisher.requests == []

    # The list of three people is another file than the one of two, which is there.
    code, document, _ = run(fetcher, publisher, "renderpeople", "--revision", NEW)
    assert (code, document["error"]["code"]) == (1, "FETCH.EXISTS")
    assert fetcher.run("--verify")[0] == 0


def test_nothing_is_fetched_before_the_terms_are_accepted(fetcher: Fetcher, publisher: Publisher):
    code, document, _ = run(fetcher, publisher, "renderpeople")
    assert (code, document["error"]["code"]) == (1, "FETCH.LICENCE")
    assert publisher.requests == []


def test_offline_without_a_cache(fetcher: Fetcher, publisher: Publisher):
    code, document, _ = run(fetcher, publisher, "renderpeople", *ACCEPT, HF_HUB_OFFLINE="1")
    assert (code, document["error"]["code"]) == (1, "FETCH.HUB")
    assert "HF_HUB_OFFLINE" in document["error"]["fix"]


def test_a_repository_without_such_files_says_what_it_holds(fetcher: Fetcher, publisher: Publisher):
    code, document, _ = run(fetcher, publisher, "thuman-params", "--accept-license", "thuman-params")
    assert (code, document["error"]["code"]) == (1, "FETCH.HUB")
    assert "README.md" in document["error"]["found"]


def test_parameters_go_to_their_subjects(fetcher: Fetcher, publisher: Publisher):
    files = {"p/results_1/new_params_neutral/0.npy": b"0", "new_params_neutral/results_2/5.npy": b"5", "p/a.npy": b"x"}
    publisher.commits = {OLD: {"THuman_new_params_neutral.zip": zipped(files)}}
    code, _, error = run(fetcher, publisher, "thuman-params", "--accept-license", "thuman-params")
    assert code == 0, error
    root = fetcher.file("data/THuman/nerf_data_")
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert found == {"results_1/new_params_neutral/0.npy", "results_2/new_params_neutral/5.npy"}


def test_the_library_that_is_missing_is_named_with_its_command(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    code, out, _ = fetcher.run("renderpeople", *ACCEPT, "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (1, "FETCH.HUB")
    assert "pip install 'sherfctl[hub]'" in error["fix"]


class FakeHub:
    """Stands for the library where its answers are to be chosen."""

    def __init__(self, problem: Exception | None = None, size: int = 10) -> None:
        self.problem, self.size = problem, size

    def HfApi(self) -> FakeHub:
        return self

    def repo_info(self, *_arguments: Any, **_options: Any) -> Any:
        if self.problem is not None:
            raise self.problem
        file = type("File", (), {"rfilename": "20230228_all.zip", "size": self.size, "lfs": None})
        return type("Info", (), {"sha": OLD, "siblings": [file]})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub()
    monkeypatch.setattr(hub, "_library", lambda: fake)
    monkeypatch.setattr(hub, "_is_offline", lambda: False)
    return fake


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("GatedRepoError", "HF_TOKEN"),
        ("RepositoryNotFoundError", "https://huggingface.co/datasets/skhu101/SHERF"),
        ("RevisionNotFoundError", "--revision"),
        ("ConnectError", "check the network"),
    ],
)
def test_its_errors_become_ours_without_the_token(
    fetcher: Fetcher, fake: FakeHub, monkeypatch: pytest.MonkeyPatch, name: str, fix: str
):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fake.problem = type(name, (Exception,), {})(f"401 with Bearer {TOKEN}\nand more")
    code, out, _ = fetcher.run("renderpeople", *ACCEPT, "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (1, "FETCH.HUB")
    assert fix in error["fix"]
    assert "401 with Bearer ***" in error["found"]


def test_a_defect_of_ours_is_no_trouble_of_the_hub_s(fake: FakeHub):
    fake.problem = AttributeError("no such attribute")
    with pytest.raises(AttributeError):
        hub.contents("renderpeople")


def test_large_downloads_want_a_word(fetcher: Fetcher, fake: FakeHub):
    fake.size = 20 << 30
    code, out, _ = fetcher.run("renderpeople", *ACCEPT, "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (1, "FETCH.CONFIRM")
    assert "20.0 GiB" in error["found"]
    assert "--yes" in error["fix"]


@pytest.mark.parametrize("name", ["a/new_params_neutral/x/y/0.npy", "new_params_neutral/0.npy", "x/0.npy", "a.txt"])
def test_parameters_without_a_subject_are_left_out(name: str):
    from pathlib import PurePosixPath

    assert thuman_parameters([])(PurePosixPath(name)) is None


def test_archives_of_one_name_lists_and_other_files_each_get_their_due(fetcher: Fetcher, publisher: Publisher):
    def subject(name: str) -> bytes:
        return zipped({f"x/{name}/cameras.json": name.encode(), f"x/{name}/img/camera0000/0000.jpg": b"x" * 40})

    publisher.commits = {
        OLD: {
            "renderpeople/a/part.zip": subject("seq_1"),
            "renderpeople/b/part.zip": subject("seq_2"),
            "renderpeople/human_list.txt": b"seq_1\nseq_2\n",
            "renderpeople/more.tar.gz": b"\x1f\x8bxxxx",
        }
    }
    code, document, error = run(fetcher, publisher, "renderpeople", *ACCEPT)
    assert code == 0, error
    listings = {entry["listing"] for entry in document["installed"]}
    assert len(listings) == 3  # one for each archive, "" for the list
    assert fetcher.file(f"{ROOT}/human_list.txt").read_bytes() == b"seq_1\nseq_2\n"
    assert "renderpeople/more.tar.gz is no zip archive" in " ".join(error.split())
    code, out, _ = fetcher.run("--verify", "--json")
    assert (code, len(json.loads(out)["verdicts"])) == (0, 3)
    fetcher.file(f"{ROOT}/seq_1/cameras.json").write_bytes(b"other")
    fetcher.file(f"{ROOT}/human_list.txt").write_bytes(b"seq_2\n")
    code, out, _ = fetcher.run("--verify", "--json")
    assert (code, sum(not row["fine"] for row in json.loads(out)["verdicts"])) == (1, 2)
    code, _, error = run(fetcher, publisher, "renderpeople")
    assert code == 1  # another cameras.json is there, and stays


def test_a_list_of_the_user_s_stays(fetcher: Fetcher, publisher: Publisher):
    publisher.commits = {OLD: {"human_list.txt": b"theirs\n", "20230228.zip": renderpeople_archive()}}
    fetcher.write(f"{ROOT}/human_list.txt", b"seq_000000-rp_person_0\nseq_000001-rp_person_1\n")
    code, _, error = run(fetcher, publisher, "renderpeople", *ACCEPT)
    assert code == 0, error
    assert fetcher.file(f"{ROOT}/human_list.txt").read_bytes().startswith(b"seq_000000")
    assert "human_list.txt stays at" in " ".join(error.split())


def test_no_room_is_said_before_anything_is_fetched(fetcher: Fetcher, fake: FakeHub, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("huggingface_hub")
    fake.size = 1 << 30
    fake.try_to_load_from_cache = lambda *_, **__: None  # type: ignore[attr-defined]
    monkeypatch.setattr("sherf_core.assets.space.free_bytes", lambda target: (2 << 30) - 1)
    code, out, _ = fetcher.run("renderpeople", *ACCEPT, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "FETCH.SPACE")

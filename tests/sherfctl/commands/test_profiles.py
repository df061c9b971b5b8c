from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from checks.facts import gpu
from checks.facts.records import GpuFacts
from sherfctl.app import run
from sherfctl.exit_codes import ExitCode


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "gpu_facts", GpuFacts)


def profiles(*arguments: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    status = run(["profiles", *arguments], stdout=stdout, stderr=stderr, environment={})
    return status, stdout.getvalue(), stderr.getvalue()


def test_list() -> None:
    status, text, _ = profiles("list")
    assert status == ExitCode.FINE
    for name in ("auto", "cpu", "local-1gpu", "colab-t4"):
        assert name in text
    names = [profile["name"] for profile in json.loads(profiles("list", "--json")[1])["profiles"]]
    assert names == ["colab-t4", "cpu", "local-1gpu"]


def test_show_says_what_is_used_instead() -> None:
    status, text, _ = profiles("show", "colab-t4")
    assert status == ExitCode.FINE
    assert "this machine has no NVIDIA GPU" in text.replace("\n  ", " ")
    shown = json.loads(profiles("show", "--json")[1])["profile"]
    assert (shown["name"], shown["requested"], shown["device"]) == ("cpu", "auto", "cpu")


def test_show_complains_about_files(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: bad\n")
    status, text, news = profiles("show", str(path))
    assert (status, text) == (ExitCode.FAILED, "")
    assert "summary: Field required" in news.replace("\n ", "")

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from checks import Facts, Purpose, diagnose
from checks.bundle import write_bundle
from checks.document import report_document
from checks.snapshots import read_snapshot
from checks.verdict import verdict
from sherf_core.errors import ConfigurationError
from tests.checks.corpus import machine, machines

PEOPLE = {"zarathustra", "quetzal", "muster", "vicuna"}
HOSTS = {"node0815", "example.edu", "rainbowbox"}
SECRETS = {
    "hf_qwertzuiopasdfghjk",
    "ghp_yxcvbnm0123456789ab",
    "github_pat_11abcdefg0zzzzzz",
    "akiaqwertzuiopasdfgh",
    "tr0ub4dor",
    "bearertokenvalue77",
    "9f86d081884c7d659a2feaa0c55ad015",
    "physics_account",
    "kaggler_name",
    "10.11.12.13",
    "2001:db8::42",
    "02:42:ac:11:00:02",
    "12345678-90ab-cdef-1234-567890abcdef",
    "someone@else.org",
}
ENVIRONMENT = {
    "HOME": "/home/zarathustra",
    "USER": "zarathustra",
    "HOSTNAME": "node0815.example.edu",
    "SLURM_JOB_ACCOUNT": "physics_account",
    "KAGGLE_USERNAME": "kaggler_name",
    "MY_SERVICE_TOKEN": "tr0ub4dor",
    "CUDA_VISIBLE_DEVICES": "0",
    "UNRELATED": "nobody needs this",
}


def seeded_facts() -> Facts:
    """A machine with secrets in every text that a user's names and settings can reach."""
    facts = machine("wsl2")
    device = facts.gpu.devices[0].model_copy(update={"uuid": "GPU-12345678-90ab-cdef-1234-567890abcdef"})
    assert facts.body is not None
    return facts.model_copy(
        update={
            "python": facts.python.model_copy(
                update={
                    "executable": "/home/zarathustra/.venv/bin/python",
                    "environment": "/home/ZARATHUSTRA/.venv",
                    "packages": {**facts.python.packages, "nvidia-cudnn-cu12": "9.10.2.21"},
                }
            ),
            "gpu": facts.gpu.model_copy(
                update={
                    "devices": (device,),
                    "visible_devices": "GPU-12345678-90ab-cdef-1234-567890abcdef",
                    "driver": "535.54.03",
                    "error": "rpc to 10.11.12.13:4711 or [2001:DB8::42]:80 (02:42:AC:11:00:02) failed on NODE0815",
                }
            ),
            "toolkit": facts.toolkit.model_copy(
                update={"library_path": "/home/zarathustra/lib:/mnt/c/Users/Quetzal Muster/lib:/scratch/quetzal/lib"}
            ),
            "torch": facts.torch.model_copy(
                update={
                    "error": "GET https://quetzal:tr0ub4dor@hub.example.edu/?token=hf_qwertzuiopasdfghjk&x=1 "
                    '{\\"Authorization\\": \\"Bearer bearertokenvalue77\\"} api_key=9f86d081884c7d659a2feaa0c55ad015'
                }
            ),
            "body": facts.body.model_copy(
                update={
                    "path": "/home/zarathustra/someone@else.org/ghp_yxcvbnm0123456789ab/SMPL_NEUTRAL.pkl",
                    "found": "file%3A%2F%2F%2Fhome%2Fzarathustra%2Fx%20AKIAQWERTZUIOPASDFGH",
                    "sha256": "4924f235e63f7c5d5b690acedf736419c2edb846a2d69fc0956169615fa75688",
                }
            ),
            "dataset": facts.dataset.model_copy(
                update={
                    "root": "/mnt/c/Users/Quetzal Muster/data",
                    "missing": ("vicuna@rainbowbox", "C:\\\\Users\\\\vicuna"),
                }
            ),
        }
    )


def document_of(facts: Facts) -> dict[str, Any]:
    diagnosis = diagnose(facts, Purpose("eval", "RenderPeople", Path("/home/zarathustra/data")))
    return report_document(
        facts, diagnosis, verdict(facts, [diagnosis]), exit_status=0, look="normal", program="sherfctl 0"
    )


CRASH = """\
sherfctl run eval --checkpoint /home/zarathustra/github_pat_11ABCDEFG0zzzzzz.pkl --account physics_account
Traceback (most recent call last):
  File "C:\\Users\\Vicuna\\sherf\\x.py", line 3
OSError: [Errno 2] '\\u002fhome\\u002fzarathustra': ssh vicuna@rainbowbox, password: "tr0ub4dor"
"""


@pytest.fixture
def members(tmp_path: Path) -> dict[str, str]:
    """The bundle's files by their names."""
    crash = tmp_path / "crash-zarathustra.txt"
    crash.write_text(CRASH)
    run = tmp_path / "runs" / "eval-zarathustra"
    run.mkdir(parents=True)
    settings = {"out": "/home/zarathustra/runs", "host": "rainbowbox", "username": "kaggler_name", "token": "tr0ub4dor"}
    (run / "run.json").write_text(json.dumps({"settings": settings, "versions": {"torch": "2.13.0"}}))
    path = tmp_path / "bundle.zip"
    names = write_bundle(path, document_of(seeded_facts()), crashes=[crash], environment=ENVIRONMENT, folder=tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == names
        assert archive.testzip() is None
        return {name: archive.read(name).decode("utf-8") for name in names}


def test_no_seeded_secret_is_in_any_member(members: dict[str, str]) -> None:
    assert set(members) == {
        *("README.txt", "doctor.json", "facts.json", "packages.txt", "environment.txt", "run.json", "crash-1.txt")
    }
    for name, text in members.items():
        lower = (name + text).lower()
        left = {secret for secret in PEOPLE | HOSTS | SECRETS if secret in lower}
        assert left == set(), f"{name}: {left}"


def test_what_helps_is_still_there(members: dict[str, str]) -> None:
    facts = json.loads(members["facts.json"])["facts"]
    assert facts["gpu"]["driver"] == "535.54.03"
    assert facts["python"]["packages"]["nvidia-cudnn-cu12"] == "9.10.2.21"
    assert facts["python"]["executable"] == "<home>/.venv/bin/python"
    assert facts["body"]["sha256"] == "4924f235e63f7c5d5b690acedf736419c2edb846a2d69fc0956169615fa75688"
    assert facts["gpu"]["visible_devices"] == facts["gpu"]["devices"][0]["uuid"] == "GPU-<gpu-1>"
    assert json.loads(members["run.json"])["versions"] == {"torch": "2.13.0"}
    assert "OSError" in members["crash-1.txt"]
    assert "pydantic==" in members["packages.txt"].lower()
    assert members["environment.txt"].split() == ["CUDA_VISIBLE_DEVICES", "SLURM_JOB_ACCOUNT"]


@pytest.mark.parametrize("name", machines())
def test_the_facts_in_it_can_be_diagnosed_again(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    document = document_of(machine(name))
    write_bundle(path, document, environment=ENVIRONMENT, folder=tmp_path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    for member in ("facts.json", "doctor.json"):
        again = diagnose(read_snapshot(tmp_path / member), Purpose("eval", "RenderPeople"))
        assert [finding.id for finding in again.findings] == [finding["id"] for finding in document["findings"]]


def test_a_user_who_is_called_like_a_field_breaks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    environment = {"HOME": "/home/version", "USER": "version", "HOSTNAME": "torch"}
    write_bundle(path, document_of(machine("cpu-laptop")), environment=environment, folder=tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("facts.json"))["facts"]["version"] == machine("cpu-laptop").version


def test_nothing_is_replaced_and_nothing_half_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bundle.zip"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        write_bundle(path, document_of(Facts()), environment={})
    assert path.read_text() == "mine"
    path.unlink()
    monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_bundle(path, document_of(Facts()), environment={})
    assert list(tmp_path.iterdir()) == []


def test_long_tracebacks_are_cut_and_only_the_last_ones_taken(tmp_path: Path) -> None:
    crashes = []
    for number in range(5):
        crashes.append(tmp_path / f"{number}.txt")
        crashes[-1].write_text("command\n" + "".join(f"line {line}\n" for line in range(1000)))
    path = tmp_path / "bundle.zip"
    names = write_bundle(path, document_of(Facts()), crashes=crashes, environment={}, folder=tmp_path)
    assert [name for name in names if name.startswith("crash")] == ["crash-1.txt", "crash-2.txt", "crash-3.txt"]
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("crash-1.txt").decode().splitlines()
    assert (lines[0], lines[1], lines[-1], len(lines)) == ("command", "line 800", "line 999", 201)

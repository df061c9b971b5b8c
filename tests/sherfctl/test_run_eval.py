import io
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from sherfctl.app import run

SIDE = 64


@pytest.fixture
def people(tmp_path):
    """Three people of grey rectangles, with the cameras and poses that the demo split asks for."""
    root = tmp_path / "people"
    camera = {"K": [[80, 0, 31.5], [0, 80, 31.5], [0, 0, 1]], "R": [[1, 0, 0], [0, -1, 0], [0, 0, -1]], "T": [0, 1, 3]}
    for name in ("ann", "bob", "cem"):
        folder = root / name
        for view in (0, 3, 10, 18, 26, 33):
            for kind, mode, suffix in (("img", "RGB", "jpg"), ("mask", "L", "png")):
                (folder / kind / f"camera{view:04d}").mkdir(parents=True)
                picture = Image.new(mode, (SIDE, SIDE))
                picture.paste(150 if mode == "L" else (150, 120, 90), (20, 8, 44, 60))
                for pose in range(3):
                    picture.save(folder / kind / f"camera{view:04d}" / f"{pose:04d}.{suffix}")
        (folder / "cameras.json").write_text(json.dumps({f"camera{view:04d}": camera for view in range(36)}))
        fits = {
            "betas": np.zeros((1, 10), np.float32),
            "global_orient": np.zeros((3, 3), np.float32),
            "body_pose": np.zeros((3, 69), np.float32),
            "transl": np.array([[0, 0.9, 0]] * 3, np.float32),
        }
        (folder / "outputs_re_fitting").mkdir()
        np.savez(folder / "outputs_re_fitting" / "refit_smpl_2nd.npz", smpl=fits)
    (root / "human_list.txt").write_text("ann\nbob\ncem\n")
    return root


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Run one command line in an empty folder: (exit status, standard output, standard error)."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("sherf_core.data.locations.search_roots", lambda: (tmp_path / "here",))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def call(*words):
        stdout, stderr = io.StringIO(), io.StringIO()
        status = run(["run", "eval", *map(str, words)], stdout=stdout, stderr=stderr, environment={"COLUMNS": "80"})
        return status, stdout.getvalue(), " ".join(stderr.getvalue().split())

    return call


def small(people, *more):
    return ("--profile", "cpu", "--dataset", "demo", "--data", people, "--resolution", SIDE, *more)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(start, people, tmp_path):
    status, stdout, _ = start(*small(people, "--dry-run", "--json", "--checkpoint", "untrained"))
    assert status == 0
    document = json.loads(stdout)
    assert document["dry_run"] is True
    assert document["pictures"] == 9
    assert document["subjects"] == ["cem"]
    assert document["weights"] == "untrained"
    assert document["settings"]["statistics"] == "sample"
    assert document["lpips"].startswith("not measured: ")
    assert document["launch"]["device"] == "cpu"
    status, stdout, _ = start(*small(people, "--dry-run"))
    assert status == 0
    assert "dry run: nothing was computed" in stdout
    assert not list((tmp_path / "here").iterdir())


def test_a_dry_run_says_where_each_value_comes_from_and_how_to_repeat_it(start, people, tmp_path):
    words = small(people, "--checkpoint", "untrained", "--limit", 2, "--subjects", "cem")
    status, stdout, _ = start(*words, "--dry-run", "--json")
    assert status == 0
    document = json.loads(stdout)
    resolved = document["resolved"]
    assert resolved["resolution"] == {"value": "64", "from": "option --resolution"}
    assert resolved["data"]["from"] == "option --data"
    assert resolved["points_per_chunk"]["from"] == "profile cpu"
    assert resolved["stats"]["from"] == "the published evaluation's"
    assert resolved["body"] == {"value": "embedded free body", "from": "ships with the program"}
    program, *rest = shlex.split(document["command"])
    assert program == "sherfctl"
    status, stdout, _ = start(*rest[2:], "--dry-run", "--json")
    assert status == 0
    again = json.loads(stdout)
    assert again["command"] == document["command"]
    assert again["settings"] == document["settings"]
    assert {name: one["value"] for name, one in again["resolved"].items()} == {
        name: one["value"] for name, one in resolved.items()
    }
    status, stdout, _ = start(*words, "--dry-run")
    assert f"    {document['command']}\n" in stdout


def test_a_profile_gives_defaults_that_options_override(start, people, tmp_path):
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "name: mine\nsummary: Mine\ndevice: cpu\nevaluation: {resolution: 64, points_per_chunk: 4096}\n"
        f"paths: {{data: {people}, output: {tmp_path / 'results'}}}\n"
    )
    words = ("--profile", profile, "--body", "embedded", "--checkpoint", "untrained", "--dry-run", "--json")
    status, stdout, _ = start(*words, "--subjects", "ann")
    assert status == 0
    document = json.loads(stdout)
    assert document["dataset"] == "RenderPeople"
    assert document["resolved"]["data"] == {"value": str(people), "from": "profile mine: paths.data"}
    assert document["resolved"]["resolution"] == {"value": "64", "from": "profile mine"}
    assert document["out"] == str(tmp_path / "results" / "eval-RenderPeople-partial")
    status, stdout, _ = start(*words, "--dataset", "demo", "--out", tmp_path / "there")
    document = json.loads(stdout)
    assert document["dataset"] == "demo"
    assert document["resolved"]["data"]["from"] == "ships with the program"
    assert document["out"] == str(tmp_path / "there")


@pytest.fixture
def old_python(monkeypatch):
    """A machine whose Python is too old, which blocks everything."""
    from checks import Facts
    from checks.facts.records import PythonFacts

    facts = Facts(python=PythonFacts(version="3.8.10", executable="/usr/bin/python3"))
    monkeypatch.setattr("checks.machine_facts", lambda: facts)


def test_what_the_doctor_says_blocks_is_refused(start, people, tmp_path, old_python):
    words = small(people, "--checkpoint", "untrained", "--limit", 1)
    status, stdout, stderr = start(*words)
    assert (status, stdout) == (1, "")
    assert "[PY.VERSION]" in stderr
    assert "fix:" in stderr
    assert "--force" in stderr
    assert not list((tmp_path / "here").iterdir())
    status, stdout, _ = start(*words, "--json")
    document = json.loads(stdout)
    assert (status, document["error"]["code"]) == (1, "PY.VERSION")
    assert [finding["id"] for finding in document["blocked_by"]] == ["PY.VERSION"]
    status, stdout, _ = start(*words, "--dry-run", "--json")
    assert status == 1
    assert json.loads(stdout)["blocked_by"][0]["fix"]


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--force",)])
def test_without_torch_or_other_packages_it_is_refused_before_anything(start, monkeypatch, tmp_path, words):
    from checks.facts.requirements import REQUIRED

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(REQUIRED, "Not-There", "not_there_at_all")
    status, stdout, stderr = start(*words)
    assert (status, stdout) == (1, "")
    assert "[TORCH.MISSING]" in stderr
    assert "[SYS.INSTALL]" in stderr
    assert 'pip install "Not-There"' in stderr
    assert "--force" not in stderr
    status, stdout, _ = start(*words, "--json")
    assert status == 1
    assert {finding["id"] for finding in json.loads(stdout)["blocked_by"]} == {"TORCH.MISSING", "SYS.INSTALL"}


@pytest.mark.parametrize("error", ["ImportError('libcudart.so.13: gone')", "OSError('libc10.so: gone')"])
def test_a_torch_that_cannot_be_imported_is_refused_as_the_doctor_says(tmp_path, repository, error):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(f"raise {error}\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{repository}"}
    done = subprocess.run(
        [sys.executable, "-m", "sherfctl", "run", "eval", "--dry-run", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (finding,) = json.loads(done.stdout)["blocked_by"]
    assert finding["id"] == "TORCH.BROKEN"
    assert finding["evidence"][-1] == error.replace("('", ": ").removesuffix("')")
    assert any("pip" in step for step in finding["fix"])
    assert "defect" not in done.stderr


def test_force_goes_on_and_the_document_says_so(start, people, old_python):
    words = small(people, "--checkpoint", "untrained", "--limit", 1, "--json")
    status, stdout, stderr = start(*words, "--force")
    assert status == 0
    assert json.loads(stdout)["machine"]["forced_past"] == ["PY.VERSION"]
    assert "forced past PY.VERSION" in stderr
    assert start(*words, "--force", "--dry-run")[0] == 0


def test_files_that_are_named_are_not_missed_in_their_usual_places(start, people):
    """RenderPeople's own body, weights and 480 people are nowhere; all that this run needs was named."""
    words = ("--profile", "cpu", "--data", people, "--body", "embedded", "--checkpoint", "untrained")
    status, stdout, stderr = start(*words, "--subjects", "ann", "--resolution", SIDE, "--dry-run", "--json")
    assert status == 0, stderr
    assert json.loads(stdout)["blocked_by"] == []


def test_a_profile_of_another_machine_is_warned_of_in_one_line(start, people, tmp_path):
    from profiles import write_profile
    from tests.checks.corpus import machine

    path = tmp_path / "there.yaml"
    write_profile(path, machine("kaggle-t4x2"))
    words = ("--profile", path, "--dataset", "demo", "--data", people, "--resolution", SIDE, "--limit", 1)
    status, _, stderr = start(*words, "--checkpoint", "untrained", "--out", tmp_path / "out")
    assert status == 0
    assert stderr.count("was made for another machine (") == 1


def test_runs_reports_resumes_and_sets_other_settings_aside(start, people, tmp_path):
    words = small(people, "--checkpoint", "untrained", "--limit", 2)
    status, stdout, stderr = start(*words, "--json")
    assert status == 0, stderr
    document = json.loads(stdout)
    folder = tmp_path / "here" / "runs" / "eval-demo-partial"
    assert document["out"] == str(folder)
    assert document["summary"].startswith("untrained weights: pictures are noise")
    assert document["versions"]["torch"]
    assert document["machine"]["profile"] == "cpu"
    assert document["weights"] == "untrained"
    assert len(document["images"]) == 2
    assert document["total"]["novel_view"]["paper"]["psnr"]["mean"] > 0
    assert document["total"]["novel_view"]["paper"]["lpips"]["mean"] is None
    assert (folder / "report.html").is_file()
    assert "untrained weights" in stderr

    status, stdout, stderr = start(*words)
    assert status == 0
    assert stdout.splitlines()[0].startswith("untrained weights: pictures are noise")
    assert stdout.splitlines()[-1] == f"report: {folder / 'report.html'}"
    assert "2 were there already" in stderr
    assert "LPIPS not measured" in stderr

    status, _, stderr = start(*words, "--limit", 1)
    assert status == 0
    assert "a report with pictures that this run does not make (1 of them); it was moved to" in stderr
    (earlier,) = folder.glob("earlier-*")
    assert len(json.loads((earlier / "metrics.json").read_text())["images"]) == 2
    assert (earlier / "report.html").is_file()

    status, _, stderr = start(*words, "--stats", "running", "--limit", 1)
    assert status == 0
    assert "other settings (statistics: sample -> running)" in stderr
    assert len(list(folder.glob("earlier-*/items/*.json"))) == 2 + 1


def test_a_checkpoint_file_is_read_and_recorded(start, people, tmp_path):
    from sherf_core.body.files import load_body
    from sherf_core.body.model import BodyModel
    from sherf_core.io.digest import sha256
    from sherf_core.io.weights import save_weights
    from sherf_core.model.initial import initial_weights
    from sherf_core.model.sherf import Sherf

    path = tmp_path / "mine.safetensors"
    save_weights(path, initial_weights(Sherf(BodyModel(load_body())).state_dict()))
    status, stdout, stderr = start(*small(people, "--checkpoint", path, "--limit", 1, "--json", "--out", "results"))
    assert status == 0
    document = json.loads(stdout)
    assert document["weights"] == "checkpoint"
    assert document["warning"] == ""
    assert document["sources"]["checkpoint_sha256"] == sha256(path)
    assert "untrained" not in stderr
    assert (tmp_path / "here" / "results" / "metrics.json").is_file()


def test_every_error_has_its_words_and_exit_status(start, people):
    status, stdout, stderr = start("--dataset", "renderpeople")
    assert status == 1
    assert "no RenderPeople data" in stderr
    assert "DATA.MISSING" in stderr
    assert stdout == ""
    status, stdout, _ = start("--data", people, "--body", "embedded", "--checkpoint", "untrained", "--json")
    assert status == 1
    assert json.loads(stdout)["error"]["code"] == "DATA.RP_COUNT"
    for words, message in (
        (("--checkpoint", "nothing.safetensors"), "no trained weights at nothing.safetensors"),
        (("--subjects", "dan"), "no subject 'dan'"),
        (("--body", "nobody.pkl"), "no body model nobody.pkl"),
        (("--resolution", "512"), "smaller than the resolution of 512"),
        (("--resolution", "32"), "too small for the image encoder"),
    ):
        status, _, stderr = start(*small(people, "--checkpoint", "untrained"), *words)
        assert status == 1, words
        assert message in stderr


def test_all_files_that_are_missing_are_named_at_once(start, people, tmp_path):
    status, stdout, stderr = start("--dataset", "RenderPeople")
    assert (status, stdout) == (1, "")
    for code in ("DATA.MISSING", "SMPL.MISSING", "CKPT.MISSING"):
        assert stderr.count(f"[{code}]") == 1
    status, stdout, _ = start("--data", tmp_path / "nowhere", "--body", "nobody.pkl", "--json")
    assert status == 1
    document = json.loads(stdout)
    assert document["error"] == document["errors"][0]
    assert [one["code"] for one in document["errors"]] == ["DATA.MISSING", "SMPL.MISSING", "CKPT.MISSING"]
    assert "nobody.pkl" in document["errors"][1]["found"]
    status, stdout, _ = start("--data", people, "--body", "embedded", "--json")
    assert json.loads(stdout)["error"]["code"] == "CKPT.MISSING"
    assert "errors" not in json.loads(stdout)


def test_troubles_of_gpus_block_no_evaluation():
    """But for libraries in front of torch's own, with which it cannot even be imported."""
    from checks import Purpose, Severity, diagnose
    from tests.checks.corpus import troubles

    blocking = set()
    for trouble in troubles():
        blocking |= {
            one.id for one in diagnose(trouble.facts, Purpose("eval")).of(Severity.BLOCK) if one.group == "GPU"
        }
    assert blocking == {"LIB.CUDNN"}


@pytest.mark.parametrize(
    "words",
    [("--limit", "0"), ("--dataset", "thuman"), ("--stats", "mean"), ("--resolution", "x"), ("--profile", "colab")],
)
def test_wrong_options_are_usage_errors(start, words):
    assert start(*words)[0] == 2


def test_subjects_with_commas_and_numbers(start, people):
    status, stdout, _ = start(*small(people, "--subjects", "bob, 0", "--subjects", "cem", "--dry-run", "--json"))
    assert status == 0
    assert json.loads(stdout)["subjects"] == ["bob", "ann", "cem"]


def test_where_an_earlier_run_went_is_said_even_when_this_one_stops(start, people, monkeypatch, tmp_path):
    out = tmp_path / "here" / "out"
    words = small(people, "--checkpoint", "untrained", "--out", out)
    out.mkdir()
    (out / "run.json").write_text('{"fingerprint": "0123", "settings": {"resolution": 512}}')

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sherf_core.evaluate.renderer.SherfRenderer.render", stop)
    status, _, stderr = start(*words)
    assert status == 130
    assert "it was moved to" in stderr
    assert "earlier-0123" in stderr


def test_interrupted_says_how_to_go_on(start, people, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sherf_core.evaluate.renderer.SherfRenderer.render", stop)
    status, _, stderr = start(*small(people, "--checkpoint", "untrained"))
    assert status == 130
    assert "0 of 9 pictures are stored" in stderr
    assert "the same command goes on from there" in stderr

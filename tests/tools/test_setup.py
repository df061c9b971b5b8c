"""The set-up: its decisions, and the shell part with shims for Python."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from packaging.utils import canonicalize_name


@pytest.fixture(scope="module")
def setup(repository: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        "setup_environment", repository / "tools/setup_environment.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["setup_environment"] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def project(setup: ModuleType, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the set-up reads, in a folder with a space in its name; pip and torch are not touched."""
    root = tmp_path / "my project"
    (root / "tools").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "tools/setup_environment.py", "tools/setup.sh", "Makefile"):
        shutil.copy(repository / name, root / name)
    monkeypatch.setattr(setup, "ROOT", root)
    monkeypatch.setattr(setup, "usable_machine_torch", lambda python="": None)
    return root


class Steps:
    """Stands in for run_step: records the commands, and makes what `venv` would make."""

    def __init__(self, setup: ModuleType, failing: str = "") -> None:
        self.setup, self.failing = setup, failing
        self.commands: list[list[str]] = []

    def __call__(self, step: str, command: list[str], log: Path, hint: str = "") -> None:
        self.commands.append(command)
        if self.failing and self.failing in " ".join(command):
            raise self.setup.SetupError(step, "it failed", hint)
        if "venv" in command or "virtualenv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)

    @property
    def made(self) -> int:
        return sum("venv" in command for command in self.commands)

    @property
    def installed(self) -> list[str]:
        return [command[-1] for command in self.commands if "-e" in command]


@pytest.fixture
def steps(setup: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    recorder = Steps(setup)
    monkeypatch.setattr(setup, "run_step", recorder)
    return recorder


def modules(*names: str) -> object:
    return lambda name: name in names


def test_ways_to_make_an_environment_best_first(setup: ModuleType, tmp_path: Path) -> None:
    def plans(*names: str, shared: bool = False) -> list[list[list[str]]]:
        return setup.environment_plans(tmp_path / "v", has=modules(*names), system_packages=shared)

    assert [plan[0][1:3] for plan in plans("venv", "ensurepip")] == [["-m", "venv"]]
    every = plans("venv", "ensurepip", "virtualenv", "pip")
    assert [plan[0][2] for plan in every] == ["venv", "virtualenv", "venv"]
    without = plans("venv", "pip")
    assert len(without) == 1
    bare, bootstrap = without[0]
    assert "--without-pip" in bare
    assert bootstrap[bootstrap.index("--target") + 1].endswith("site-packages")
    assert plans("venv") == plans("pip") == plans() == []
    assert all(
        "--system-site-packages" in plan[0] for plan in plans("venv", "ensurepip", "virtualenv", "pip", shared=True)
    )


def test_a_python_without_anything_names_the_package(
    setup: ModuleType, project: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "environment_plans", lambda venv, system_packages: [])
    with pytest.raises(setup.SetupError) as caught:
        setup.set_up(project, ())
    assert f"apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in str(caught.value)
    assert "making .venv" in str(caught.value)


def test_done_before_it_does_nothing(setup: ModuleType, project: Path, steps: Steps) -> None:
    setup.set_up(project, ("dev",))
    assert (steps.made, steps.installed) == (1, [".[dev]"])
    count = len(steps.commands)
    setup.set_up(project, ("dev",))
    setup.set_up(project, ())  # dev holds all that is needed
    assert len(steps.commands) == count


def test_more_extras_are_added_and_kept(setup: ModuleType, project: Path, steps: Steps) -> None:
    setup.set_up(project, ())
    setup.set_up(project, ("dev",))
    assert (steps.made, steps.installed) == (1, [".", ".[dev]"])
    (project / "constraints.txt").write_text("torch==2.14.0\n")
    setup.set_up(project, ())
    assert (steps.made, steps.installed[-1]) == (1, ".[dev]")


@pytest.mark.parametrize("state", ["empty folder", "no pip", "file", "dangling link", "moved", "other python"])
def test_a_half_made_environment_is_made_again(
    setup: ModuleType, project: Path, steps: Steps, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = project / ".venv"
    if state == "empty folder":
        (venv / "bin").mkdir(parents=True)
    elif state == "no pip":
        (venv / "bin").mkdir(parents=True)
        (venv / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
        (venv / "bin" / "python").chmod(0o755)
    elif state == "file":
        venv.write_text("")
    elif state == "dangling link":
        venv.symlink_to(project / "gone")
    else:
        setup.set_up(project, ())
        stamp = venv / ".sherfctl-stamp.json"
        found = setup.Stamp.read(stamp)
        changed = {"root": "/elsewhere"} if state == "moved" else {"python": "/usr/bin/python3 3.10.1"}
        setup.Stamp(**{**vars(found), **changed}).write(stamp)
    before = steps.made
    setup.set_up(project, ())
    assert steps.made == before + 1
    assert setup.Stamp.read(venv / ".sherfctl-stamp.json") is not None


def test_a_failed_installation_leaves_no_stamp(
    setup: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "run_step", Steps(setup, failing="install --disable"))
    with pytest.raises(setup.SetupError, match="installing with pip"):
        setup.set_up(project, ())
    assert setup.Stamp.read(project / ".venv" / ".sherfctl-stamp.json") is None


def test_the_next_way_is_tried_when_one_fails(
    setup: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Steps(setup, failing="-m broken")
    monkeypatch.setattr(setup, "run_step", recorder)
    venv = project / ".venv"
    plans = [[["python", "-m", "broken", str(venv)]], [["python", "-m", "venv", str(venv)]]]
    monkeypatch.setattr(setup, "environment_plans", lambda venv, system_packages: plans)
    setup.set_up(project, ())
    assert recorder.made == 1


def test_the_machines_own_torch_is_kept(
    setup: ModuleType, project: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = setup.MachineTorch("2.6.0+cu124", "/opt/torch/site-packages")
    monkeypatch.setattr(setup, "usable_machine_torch", lambda python="": torch)
    monkeypatch.setattr(setup, "has_module", lambda name: name != "virtualenv")
    setup.set_up(project, ())
    assert "--system-site-packages" in steps.commands[0]
    command = next(command for command in steps.commands if "-e" in command)
    text = Path(command[command.index("-c") + 1]).read_text()
    assert "torch==2.6.0+cu124" in text.splitlines()
    assert "torch==2.13.0" not in text
    assert "triton==" not in text
    assert "numpy==" in text


def test_a_machine_torch_in_a_virtual_environment_is_linked(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = setup.MachineTorch("2.11.0+cu130", "/opt/torch/site-packages")
    site_packages = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages"
    site_packages.mkdir(parents=True)
    link = site_packages / "machine_torch.pth"
    monkeypatch.setattr(setup, "usable_machine_torch", lambda python: torch if link.exists() else None)
    assert setup.share_machine_torch(tmp_path / ".venv", torch)
    assert link.read_text() == "/opt/torch/site-packages\n"


@pytest.mark.parametrize(
    ("available", "version", "usable"),
    [("True", "2.6.0+cu124", True), ("True", "2.3.1+cu121", False), ("False", "2.13.0+cpu", False)],
)
def test_a_machines_torch_must_be_new_and_see_a_gpu(
    setup: ModuleType, tmp_path: Path, available: str, version: str, usable: bool
) -> None:
    shim(tmp_path, "python", f"echo noise; echo {available}; echo {version}; echo /opt/site/torch/__init__.py")
    found = setup.usable_machine_torch(str(tmp_path / "python"))
    assert found == (setup.MachineTorch(version, "/opt/site") if usable else None)
    assert setup.usable_machine_torch("/nowhere/python") is None


@pytest.mark.parametrize(
    ("version", "pair"),
    [("2.6.0a0+cu124", (2, 6)), ("2.13.0", (2, 13)), ("1.13.1", (1, 13)), ("", (0, 0)), ("git", (0, 0))],
)
def test_versions(setup: ModuleType, version: str, pair: tuple[int, int]) -> None:
    assert setup.version_pair(version) == pair


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("Temporary failure in name resolution", "no network"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no fitting version"),
        ("something else", "see the lines above"),
    ],
)
def test_a_failed_step_says_which_and_why(
    setup: ModuleType, project: Path, tmp_path: Path, said: str, advice: str
) -> None:
    log = tmp_path / "log"
    with pytest.raises(setup.SetupError) as caught:
        setup.run_step("installing with pip", [sys.executable, "-c", f"print({said!r}); raise SystemExit(3)"], log)
    text = str(caught.value)
    assert "set-up failed at: installing with pip" in text
    assert said in text
    assert "exit status 3" in text
    assert advice in text
    assert said in log.read_text()


def shell(
    project: Path, path: str, *words: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(project / "tools" / "setup.sh"), *words],
        env={"PATH": path, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def shims(tmp_path: Path) -> Path:
    """A PATH of its own: what the shell needs, and no Python."""
    folder = tmp_path / "shims"
    folder.mkdir()
    for name in ("dirname", "head"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def shim(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_no_python_at_all(project: Path, shims: Path) -> None:
    done = shell(project, str(shims))
    assert done.returncode == 1
    assert "there is no python3 on this machine" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_only_an_old_python(project: Path, shims: Path) -> None:
    shim(shims, "python3", 'case "$1" in --version) echo "Python 3.8.10" ;; *) exit 1 ;; esac')
    done = shell(project, str(shims))
    assert done.returncode == 1
    assert "found only: python3 (Python 3.8.10)" in done.stderr


def test_a_newer_python_beside_an_old_one(project: Path, shims: Path) -> None:
    shim(shims, "python3", "exit 1")
    shim(shims, "python3.12", f'exec "{sys.executable}" "$@"')
    done = shell(project, str(shims), "--help", cwd=shims)
    assert done.returncode == 0
    assert "--dev" in done.stdout


def test_a_named_python_that_does_not_serve(project: Path, shims: Path) -> None:
    done = shell(project, os.environ["PATH"], PYTHON="/nowhere/python")
    assert done.returncode == 1
    assert "PYTHON=/nowhere/python is no Python" in done.stderr


def test_make_lists_its_targets(repository: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "-C", str(repository), "help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for target in ("demo", "test", "check", "bench", "clean", "help"):
        assert f"make {target}\t" in done.stdout


def test_constraints_pin_every_dependency(repository: Path) -> None:
    text = (repository / "pyproject.toml").read_text()
    pinned = {
        canonicalize_name(line.split("==")[0])
        for line in (repository / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    listed = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    names = {
        canonicalize_name(line.strip(' ",').split(">=")[0])
        for line in listed.splitlines()
        if line.strip().startswith('"')
    }
    assert names
    assert names <= pinned
    assert "torch==2.13.0" in (repository / "constraints.txt").read_text().splitlines()


def test_every_package_folder_is_a_package(repository: Path) -> None:
    for top in ("sherfctl", "sherf_core", "checks", "profiles"):
        for module in (repository / top).rglob("*.py"):
            assert (module.parent / "__init__.py").is_file(), (
                f"{module.parent} has no __init__.py: it would not be installed"
            )

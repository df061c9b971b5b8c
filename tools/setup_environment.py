"""Makes .venv and installs this project into it; done before, it returns at once.

Uses the standard library only, since it runs before anything is installed. `tools/setup.sh` chooses the Python.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_TORCH = (2, 4)
HEARTBEAT_SECONDS = 20
LAST_LINES = 15

# What pip says, and what the user can do about it.
PIP_HINTS = (
    ("No space left on device", "the disk is full: free some 3 GB (8 GB with a GPU), then run the same command again"),
    ("Temporary failure in name resolution", "no network: check the connection, or set pip's proxy or mirror"),
    ("Network is unreachable", "no network: check the connection, or set pip's proxy or mirror"),
    ("CERTIFICATE_VERIFY_FAILED", "a proxy replaces certificates: point PIP_CERT to its certificate"),
    ("Read timed out", "the network is slow: run the same command again, it goes on where it stopped"),
    ("Read-only file system", "this folder is read-only: copy the project to a folder of yours"),
    ("Permission denied", "this folder is not yours to write: copy the project to a folder of yours"),
    (
        "No matching distribution found",
        "pip finds no fitting version: check the network or mirror, or try another Python (PYTHON=...)",
    ),
)


class SetupError(Exception):
    """A step failed: which one, why, and what to do."""

    def __init__(self, step: str, reason: str, fix: str) -> None:
        self.step, self.reason, self.fix = step, reason, fix
        super().__init__(f"set-up failed at: {step}\n  reason: {reason}\n  fix: {fix}")


@dataclass(frozen=True)
class Stamp:
    """What .venv was made from; equal stamps mean that nothing has to be done."""

    root: str
    python: str
    inputs: str
    extras: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Stamp | None:
        """The stamp of a finished set-up, or None."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(found["root"], found["python"], found["inputs"], tuple(found["extras"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Written last, in one step: a half-made environment never has a stamp."""
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(vars(self)), encoding="utf-8")
        temporary.replace(path)


def wanted_stamp(root: Path, extras: tuple[str, ...]) -> Stamp:
    """The stamp that a set-up of today would leave."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt", "tools/setup_environment.py"):
        digest.update((root / name).read_bytes())
    return Stamp(str(root), f"{sys.executable} {sys.version}", digest.hexdigest(), extras)


def is_ready(found: Stamp | None, wanted: Stamp, python: Path) -> bool:
    """Whether .venv serves as it is (it may hold more extras than are wanted now)."""
    return (
        found is not None
        and (found.root, found.python, found.inputs) == (wanted.root, wanted.python, wanted.inputs)
        and set(wanted.extras) <= set(found.extras)
        and python.exists()
    )


def is_worth_keeping(found: Stamp | None, wanted: Stamp, python: Path) -> bool:
    """Whether an unready .venv needs only another installation into it, not to be made again."""
    return (
        found is not None
        and (found.root, found.python) == (wanted.root, wanted.python)
        and runs([str(python), "-m", "pip", "--version"])
    )


def runs(command: list[str]) -> bool:
    """Whether a command can be started and ends well."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def has_module(name: str) -> bool:
    """Whether this Python can import a module; it is not imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def environment_plans(
    venv: Path, *, has: Callable[[str], bool] = has_module, system_packages: bool
) -> list[list[list[str]]]:
    """The ways to make .venv with this Python, best first; each is a list of commands."""
    shared = ["--system-site-packages"] if system_packages else []
    python = sys.executable
    plans: list[list[list[str]]] = []
    if has("venv") and has("ensurepip"):
        plans.append([[python, "-m", "venv", *shared, str(venv)]])
    if has("virtualenv"):
        plans.append([[python, "-m", "virtualenv", "--quiet", *shared, str(venv)]])
    if has("venv") and has("pip"):
        bare = [python, "-m", "venv", "--without-pip", *shared, str(venv)]
        site_packages = venv / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        plans.append([bare, [python, "-m", "pip", "install", "--target", str(site_packages), "pip"]])
    return plans


@dataclass(frozen=True)
class MachineTorch:
    """A torch that the machine brings: its version, and the folder that it is imported from."""

    version: str
    folder: str


def usable_machine_torch(python: str = sys.executable) -> MachineTorch | None:
    """The torch of a Python, if it is new enough and sees a GPU: then it need not be fetched again."""
    # The version as pip knows it: torch.__version__ may carry a suffix that the installed package does not have.
    probe = (
        "import importlib.metadata, torch\n"
        "print(torch.cuda.is_available(), importlib.metadata.version('torch'), torch.__file__, sep='\\n')"
    )
    try:
        done = subprocess.run([python, "-c", probe], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()[-3:]
    if done.returncode != 0 or len(lines) != 3 or lines[0] != "True" or version_pair(lines[1]) < OLDEST_TORCH:
        return None
    return MachineTorch(version=lines[1], folder=str(Path(lines[2]).parent.parent))


def share_machine_torch(venv: Path, torch: MachineTorch) -> bool:
    """Let .venv import the machine's torch; False where that cannot be."""
    python = str(venv / "bin" / "python")
    if usable_machine_torch(python) is None:
        # The machine's Python is itself a virtual environment: a new one made from it does not see its packages.
        for folder in venv.glob("lib/python*/site-packages"):
            (folder / "machine_torch.pth").write_text(torch.folder + "\n", encoding="utf-8")
    return usable_machine_torch(python) == torch


def version_pair(version: str) -> tuple[int, int]:
    """Major and minor number of a version such as `2.6.0a0+cu124`; (0, 0) where it has none."""
    parts = version.split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (IndexError, ValueError):
        return 0, 0


def constraints_for(root: Path, venv: Path, machine_torch: MachineTorch | None) -> Path:
    """The constraints file to install with: the project's, or one that keeps the machine's own torch."""
    if machine_torch is None:
        return root / "constraints.txt"
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    # Each torch asks for its own Triton.
    kept = [line for line in lines if not line.startswith(("torch==", "triton=="))]
    kept.append(f"torch=={machine_torch.version}")
    path = venv / "constraints.txt"
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return path


def run_step(step: str, command: list[str], log: Path, hint: str = "") -> None:
    """Run a command with its output in the log, saying now and then that it is alive; raise SetupError if it fails."""
    with log.open("a", encoding="utf-8") as output:
        output.write(f"\n$ {' '.join(command)}\n")
        output.flush()
        try:
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=ROOT
            )
        except OSError as error:
            raise SetupError(step, str(error), hint or "see the reason") from error
        while True:
            try:
                process.wait(timeout=HEARTBEAT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                say(f"      ... {last_lines(log, 1)[:100]}")
            except KeyboardInterrupt:
                process.terminate()
                process.wait()
                raise
    if process.returncode != 0:
        text = last_lines(log, LAST_LINES)
        fix = next((advice for sign, advice in PIP_HINTS if sign in text), hint or "see the lines above")
        raise SetupError(step, f"exit status {process.returncode}; the last lines of {log}:\n{text}", fix)


def last_lines(log: Path, count: int) -> str:
    """The end of the log."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-count:])


def say(text: str) -> None:
    """One line of news, on standard error."""
    print(text, file=sys.stderr, flush=True)


def package_to_install() -> str:
    """The one Debian package that gives this Python its missing parts."""
    return f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"


def make_environment(venv: Path, log: Path, system_packages: bool) -> None:
    """Make .venv by the first way that works."""
    fix = f"sudo apt-get install {package_to_install()}    (then run the same command again)"
    failure = SetupError("making .venv", f"{sys.executable} has neither ensurepip nor pip nor virtualenv", fix)
    for plan in environment_plans(venv, system_packages=system_packages):
        remove(venv)
        try:
            for command in plan:
                run_step("making .venv", command, log, fix)
        except SetupError as error:
            failure = error
            continue
        if runs([str(venv / "bin" / "python"), "-m", "pip", "--version"]):
            return
        failure = SetupError("making .venv", f"`{' '.join(plan[0])}` left an environment without pip", fix)
    raise failure


def remove(venv: Path) -> None:
    """Remove .venv, whatever it is."""
    if venv.is_symlink() or venv.is_file():
        venv.unlink()
    elif venv.exists():
        shutil.rmtree(venv)


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Let a second set-up of the same folder wait for the first."""
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another set-up is at work in this folder: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def set_up(root: Path, extras: tuple[str, ...]) -> None:
    """Make .venv ready for the wanted extras."""
    venv, log = root / ".venv", root / ".setup.log"
    python, stamp_path = venv / "bin" / "python", venv / ".sherfctl-stamp.json"
    wanted = wanted_stamp(root, extras)
    if is_ready(Stamp.read(stamp_path), wanted, python):
        return
    with only_one(root / ".setup.lock"):
        found = Stamp.read(stamp_path)
        if is_ready(found, wanted, python):
            return
        started = time.monotonic()
        log.write_text(f"set-up with {sys.executable} {sys.version}\n", encoding="utf-8")
        # Looked for before anything is made; most machines have no torch of their own.
        machine_torch = usable_machine_torch() if has_module("torch") else None
        if is_worth_keeping(found, wanted, python):
            say("[1/2] .venv is there: bringing it up to date")
            extras = tuple(sorted({*extras, *(found.extras if found else ())}))
            stamp_path.unlink()
        else:
            again = " again (it was half-made, or of another Python)" if os.path.lexists(venv) else ""
            say(f"[1/2] making .venv{again} with {sys.executable} (Python {sys.version.split()[0]})")
            make_environment(venv, log, system_packages=machine_torch is not None)
        if machine_torch is not None and not share_machine_torch(venv, machine_torch):
            machine_torch = None
        if machine_torch is not None:
            say(f"      using this machine's own torch {machine_torch.version}, which sees the GPU")
        say("[2/2] installing (some minutes the first time; details in .setup.log)")
        target = ".[" + ",".join(extras) + "]" if extras else "."
        options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        constraints = constraints_for(root, venv, machine_torch)
        command = [str(python), "-m", "pip", "install", *options, "-c", str(constraints), "-e", target]
        run_step("installing with pip", command, log)
        run_step("importing what was installed", [str(python), "-c", "import torch, numpy, sherfctl.app"], log)
        Stamp(wanted.root, wanted.python, wanted.inputs, extras).write(stamp_path)
        say(f"      ready in {time.monotonic() - started:.0f} s")


def main() -> int:
    """Set up and say what went wrong, if anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what tests, ruff and mypy need")
    options = parser.parse_args()
    # A user's own settings for Python must not leak into the new environment.
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV"):
        os.environ.pop(name, None)
    try:
        set_up(ROOT, ("dev",) if options.dev else ())
    except SetupError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(
            str(
                SetupError(
                    "writing in the project's folder", str(error), "copy the project to a folder of yours with room"
                )
            )
        )
        return 1
    except KeyboardInterrupt:
        say("set-up interrupted; run the same command again to go on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer

from sherf_core.errors import DatasetError
from sherfctl import app, registry
from sherfctl.console import console_of
from sherfctl.exit_codes import ExitCode
from sherfctl.registry import COMMANDS, CommandEntry, LazyGroup, build_group

# Not pydantic: typer imports that itself.
HEAVY = {"PIL", "numpy", "psutil", "pynvml", "rich", "safetensors", "scipy", "skimage", "smplx", "torch", "yaml"}


class Result:
    """What one run of the program gave."""

    def __init__(self, arguments: list[str], environment: dict[str, str] | None = None) -> None:
        stdout, stderr = io.StringIO(), io.StringIO()
        self.status = app.run(arguments, stdout=stdout, stderr=stderr, environment=environment or {})
        self.out, self.err = stdout.getvalue(), stderr.getvalue()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A command `try` whose ending each test chooses by setting `module.ending`."""
    module = ModuleType("try_command")

    def attempt(context: typer.Context, as_json: bool = typer.Option(False, "--json"), count: int = 1) -> object:
        module.console = console_of(context)
        module.console.use_json(as_json)
        return module.ending()

    module.attempt = attempt  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "try_command", module)
    entries = (*COMMANDS, CommandEntry(("try",), "try_command", "attempt", "Try something."))
    monkeypatch.setattr(app, "build_group", lambda root: build_group(root, entries))
    return module


def raising(error: BaseException) -> object:
    def ending() -> object:
        raise error

    return ending


def test_help_imports_nothing_heavy_and_no_command() -> None:
    code = (
        "import sys; from sherfctl.app import run; run(['--help']); run(['run', '--help']);"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not HEAVY & loaded
    assert not {name for name in loaded if name.startswith("sherfctl.commands.")}
    for entry in COMMANDS:
        assert entry.words[0] in done.stdout


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: " ".join(entry.words))
def test_every_command_has_help_and_imports_no_torch_for_it(entry: CommandEntry) -> None:
    words = ", ".join(repr(word) for word in (*entry.words, "--help"))
    code = f"import sys; from sherfctl.app import run; code = run([{words}]); sys.exit(code or 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: sherfctl {' '.join(entry.words)} ")


@pytest.mark.parametrize("words", [(), ("run",), ("profiles",)])
def test_help_cuts_no_summary_in_a_narrow_terminal(words: tuple[str, ...]) -> None:
    result = Result([*words, "--help"], {"COLUMNS": "40"})
    assert max(map(len, result.out.splitlines())) <= 40
    said = " ".join(result.out.split())
    for entry in COMMANDS:
        if entry.words[:-1] == words:
            assert entry.summary in said
    assert words or all(" ".join(summary.split()) in said for summary in registry.GROUPS.values())


def test_no_words_mean_help() -> None:
    result = Result([])
    assert result.status == ExitCode.FINE
    assert "Usage: sherfctl" in result.out


def test_a_group_alone_is_a_usage_error_with_its_help() -> None:
    result = Result(["run"])
    assert result.status == ExitCode.USAGE
    assert "eval" in result.err
    assert result.out == ""


def test_version() -> None:
    result = Result(["--version"])
    assert (result.status, result.out) == (ExitCode.FINE, f"sherfctl {app.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["docter"], "Did you mean 'doctor'"),
        (["doctor", "--strickt"], "--strict"),
        (["doctor", "--dataset", "nothing"], "'--dataset'"),
        (["try", "--count", "many"], "'--count'"),
    ],
)
def test_usage_errors(command: ModuleType, arguments: list[str], words: str) -> None:
    result = Result(arguments)
    assert result.status == ExitCode.USAGE
    assert words in result.err.replace("\n ", "")
    assert "--help" in result.err
    assert result.out == ""


def test_a_command_returns_its_status(command: ModuleType) -> None:
    command.ending = lambda: ExitCode.WARNINGS
    assert Result(["try"]).status == ExitCode.WARNINGS
    command.ending = lambda: None
    assert Result(["try"]).status == ExitCode.FINE


def test_typed_errors_become_words(command: ModuleType) -> None:
    command.ending = raising(
        DatasetError("no list", expected="human_list.txt", fix="write it", code="DATA.LIST", path="/data")
    )
    result = Result(["try"])
    assert result.status == ExitCode.FAILED
    assert result.out == ""
    assert result.err.splitlines() == [
        "error: no list [DATA.LIST]",
        "  expected: human_list.txt",
        "  fix:      write it",
    ]


def test_typed_errors_become_json_where_json_was_asked(command: ModuleType) -> None:
    command.ending = raising(DatasetError("no list", fix="write it", code="DATA.LIST", path="/data"))
    result = Result(["try", "--json"])
    assert result.status == ExitCode.FAILED
    assert json.loads(result.out) == {
        "error": {
            "type": "DatasetError",
            "found": "no list",
            "expected": "",
            "fix": "write it",
            "code": "DATA.LIST",
            "path": "/data",
        }
    }


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "x", "/out/a.png"), "No space left on device: /out/a.png"),
        (PermissionError(errno.EACCES, "x", "/out"), "Permission denied: /out"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "this computer's memory is used up [SYS.RAM]"),
        (MemoryError(), "this computer's memory is used up [SYS.RAM]"),
    ],
)
def test_errors_of_the_machine_are_the_users_to_mend(command: ModuleType, error: Exception, words: str) -> None:
    command.ending = raising(error)
    result = Result(["try"])
    assert result.status == ExitCode.FAILED
    assert words in result.err
    assert "fix:" in result.err


def test_defects_save_a_traceback(command: ModuleType, tmp_path: Path) -> None:
    command.ending = raising(KeyError("oops"))
    result = Result(["try", "--count", "2"], {"XDG_STATE_HOME": str(tmp_path)})
    assert result.status == ExitCode.INTERNAL
    (saved,) = (tmp_path / "sherfctl").iterdir()
    assert str(saved) in result.err.replace("\n" + " " * 12, "")
    text = saved.read_text()
    assert "KeyError: 'oops'" in text
    assert "sherfctl try --count 2" in text


def test_defects_show_the_traceback_where_nothing_can_be_written(
    command: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(blocked))
    command.ending = raising(ZeroDivisionError("by zero"))
    result = Result(["try"], {"HOME": str(blocked)})
    assert result.status == ExitCode.INTERNAL
    assert "Traceback" in result.err


def test_control_c(command: ModuleType) -> None:
    command.ending = raising(KeyboardInterrupt())
    result = Result(["try"])
    assert result.status == ExitCode.INTERRUPTED == 130
    assert result.err == "interrupted\n"


def test_a_reader_that_goes_away_is_no_defect() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "sherfctl", "--help"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == b""


def test_a_reader_that_goes_away_does_not_change_what_was_found(command: ModuleType) -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    def ending() -> ExitCode:
        command.console.say("one")
        command.console.say("two")
        return ExitCode.WARNINGS

    command.ending = ending
    stderr = io.StringIO()
    assert app.run(["try"], stdout=Gone(), stderr=stderr, environment={}) == ExitCode.WARNINGS
    assert stderr.getvalue() == ""


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_defect(closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m sherfctl doctor --list {closed}', sys.executable], capture_output=True, check=False
    )
    assert done.returncode == ExitCode.FINE
    assert b"Traceback" not in done.stderr


def test_the_command_line_is_lazy() -> None:
    root = app.build()
    assert isinstance(root, LazyGroup)
    assert set(root.commands) == {entry.words[0] for entry in COMMANDS}


def test_a_package_that_is_missing_where_a_command_is_imported(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    missing = ModuleNotFoundError("No module named 'yaml'", name="yaml")
    monkeypatch.setattr(app, "build", raising(missing))
    result = Result(["try", "--json"])
    assert result.status == ExitCode.FAILED
    assert json.loads(result.out)["error"]["code"] == "SYS.INSTALL"

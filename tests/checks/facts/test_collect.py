"""All collectors together: what each depth starts, and machines on which much is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from checks import Facts, all_facts, machine_facts
from checks.facts import collect, gpu, memory, system, torch_probe
from checks.facts.collect import Scope, collectors_of
from checks.facts.records import GpuFacts, MemoryFacts, PlatformFacts, TorchFacts
from checks.facts.torch_start import Request, TorchChild


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What torch's child was asked; it is not started."""
    requests: list[Request] = []

    def start(request: Request) -> TorchChild:
        requests.append(request)
        return TorchChild(missing=True)

    monkeypatch.setattr(collect, "start_torch", start)
    return requests


def test_facts_survive_json(asked: list[Request]) -> None:
    facts = all_facts()
    assert facts.problems == ()
    assert facts.torch.state == "missing"
    assert Facts.model_validate_json(facts.model_dump_json()) == facts


def test_every_field_has_its_collector() -> None:
    assert set(collectors_of(Scope())) == set(Facts.model_fields) - {"version", "problems"}
    assert set(collectors_of(Scope(depth="quick"))) == set(Facts.model_fields) - {"version", "problems"}


def test_a_quick_look_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"started {arguments}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "fork", refuse)
    monkeypatch.setattr(gpu, "gpu_traces", lambda root, environment: GpuFacts(libcuda="/usr/lib/libcuda.so.1"))
    facts = all_facts(Scope(depth="quick"))
    assert facts.problems == ()
    assert facts.torch == TorchFacts()
    assert facts.gpu.cuinit is None


@pytest.mark.parametrize("look", [lambda: all_facts(Scope(depth="quick")), machine_facts])
def test_a_torch_that_is_not_there_is_seen_without_a_process(
    look: Callable[[], Facts], asked: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "gpu_traces", lambda *_: GpuFacts())
    monkeypatch.setitem(sys.modules, "torch", None)
    assert (look().torch.state, asked) == ("missing", [])


def test_the_scope_reaches_torch(asked: list[Request]) -> None:
    all_facts(Scope(gpus=4, precision="bfloat16"))
    assert asked == [Request(kernels=True, precision="bfloat16", gpus=4)]


def test_a_child_that_was_started_already_is_used(asked: list[Request]) -> None:
    facts = all_facts(torch=TorchChild(error="no child process could be started: out of memory"))
    assert asked == []
    assert (facts.torch.state, facts.torch.error) == ("broken", "no child process could be started: out of memory")


def test_the_machine_alone_asks_torch_only_where_something_points_to_a_gpu(
    asked: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "gpu_traces", lambda *_: GpuFacts())
    facts = machine_facts()
    assert (facts.torch.state, asked) == ("not asked", [])
    assert facts.memory.cores is not None
    assert facts.platform.system != ""
    monkeypatch.setattr(gpu, "gpu_traces", lambda *_: GpuFacts(device_files=("/dev/nvidia0",)))
    assert machine_facts().torch.state == "missing"
    assert asked == [Request(kernels=False)]


def test_the_machine_alone_does_not_start_the_driver(asked: list[Request], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "gpu_traces", lambda *_: GpuFacts(libcuda="/usr/lib/libcuda.so.1"))
    monkeypatch.setattr(gpu, "start_libcuda", lambda: pytest.fail("started"))
    assert machine_facts().gpu.cuinit is None


def test_torch_waits_for_the_driver_to_say_how_much_memory_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    order = []

    def gpu_facts(*, start_driver: bool, when_measured: Callable[[], None]) -> GpuFacts:
        order.append("measure")
        when_measured()
        return GpuFacts()

    def torch_facts(child: TorchChild, measured: threading.Event) -> TorchFacts:
        assert measured.wait(5)
        order.append("torch")
        return TorchFacts(state="ok")

    monkeypatch.setattr(gpu, "gpu_facts", gpu_facts)
    monkeypatch.setattr(torch_probe, "torch_facts", torch_facts)
    assert all_facts(torch=TorchChild()).torch.state == "ok"
    assert order == ["measure", "torch"]


def test_collectors_that_break_or_hang_leave_the_defaults(
    asked: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> PlatformFacts:
        raise OSError("no /proc")

    forever = threading.Event()
    monkeypatch.setattr(system, "platform_facts", broken)
    monkeypatch.setattr(memory, "memory_facts", forever.wait)
    monkeypatch.setattr(collect, "MACHINE_SECONDS", 0.3)
    facts = all_facts()
    forever.set()
    assert (facts.platform, facts.memory) == (PlatformFacts(), MemoryFacts())
    assert {problem.collector: problem.error for problem in facts.problems} == {
        "platform": "OSError: no /proc",
        "memory": "took too long",
    }


def test_without_home_path_and_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own: the program on a machine where nobody is at home."""
    gone = tmp_path / "gone"
    gone.mkdir()
    program = (
        "import os, pwd, sys; pwd.getpwuid = lambda uid: (_ for _ in ()).throw(KeyError(uid)); "
        "from checks import Scope, all_facts; import shutil; shutil.rmtree(os.getcwd()); "
        "facts = all_facts(Scope(depth='quick')); print(facts.model_dump_json())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=gone,
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    facts = Facts.model_validate_json(done.stdout)
    # What needs the current folder says so; everything else is there.
    assert {problem.error.partition(":")[0] for problem in facts.problems} <= {"FileNotFoundError"}
    assert facts.platform.system != ""
    assert facts.python.version != ""


def test_torch_is_not_imported_here(asked: list[Request]) -> None:
    look = "import sys; from checks import Scope, all_facts; all_facts(Scope(depth='quick'))"
    program = f"{look}; print('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.strip() == "False", done.stderr


def test_what_starts_torch_imports_little() -> None:
    program = "import sys; import checks.facts.torch_start; print({'pydantic', 'numpy', 'yaml'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr

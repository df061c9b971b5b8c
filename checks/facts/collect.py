"""Collects facts: all of them for the doctor, the machine's alone for choosing a profile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from checks.facts import gpu, memory, python, system, toolkit, torch_probe, wsl
from checks.facts.gather import Collector, gather
from checks.facts.records import DatasetFacts, Facts, FileFacts, NamedBody, TorchFacts, WorkFolderFacts
from checks.facts.requirements import PACKAGE, may_be_there, missing_packages
from checks.facts.torch_start import LAST_WORDS, SECONDS, Request, TorchChild, start_torch
from checks.purpose import EMBEDDED, PUBLISHED
from sherf_core.data import locations
from sherf_core.precision import Precision

# Everything that answers at once or not at all.
MACHINE_SECONDS = 5.0
# A body of 250 MB on a slow disk.
FILE_SECONDS = 30.0
# All of a data set, a million pictures perhaps; whoever waits sees its progress.
DEEP_SECONDS = 24 * 3600.0
PROGRAM = Path(__file__).resolve().parents[2]
# Files of each person of the demo: a picture and its mask stand for the rest of their folders.
DEMO_PARTS = (
    "cameras.json",
    "outputs_re_fitting/refit_smpl_2nd.npz",
    "img/camera0000/0000.jpg",
    "mask/camera0000/0000.png",
)
# What works without any file of the user's is made of these, inside the installation.
SHIPPED = (
    "sherf_core/assets/known_files.json",
    "sherf_core/io/manifest.json",
    "sherf_core/body/free_body.npz",
    "sherf_core/model/demo_weights.safetensors",
    "sherf_core/metrics/lpips_vgg_heads.safetensors",
    "sherf_core/data/people/wardrobe/full.npz",
    "sherf_core/data/people/wardrobe/jeans.npz",
    "sherf_core/data/people/wardrobe/jeans.jpg",
    "sherf_core/data/people/wardrobe/skin.jpg",
    "sherf_core/data/people/wardrobe/face_masks.png",
    "sherf_core/data/demo/human_list.txt",
    *(
        f"sherf_core/data/demo/{person}/{part}"
        for person in ("person_0000", "person_0001", "person_0002")
        for part in DEMO_PARTS
    ),
)


@dataclass(frozen=True)
class Scope:
    """What to look at, and how closely.

    Args:
        dataset: the data set to look at; the one that ships needs no look, so the published one is looked for instead.
        data: its folder, None to look in the usual places.
        depth: `quick` starts no child process and reads names and first bytes only; `normal` asks torch, reads the
            body and samples the data set; `deep` reads all of the data set.
        gpus: how many GPUs are wanted: with several, they are made to talk to each other (not with `quick`).
        precision: what each GPU has to compute in, besides float32.
        on_progress: told (done, total) while a data set is read deeply.
    """

    dataset: str = EMBEDDED
    data: Path | None = None
    depth: Literal["quick", "normal", "deep"] = "normal"
    gpus: int | None = None
    precision: Precision | None = None
    on_progress: Callable[[int, int], None] | None = None


def machine_facts() -> Facts:
    """Facts about the machine alone, quickly: torch is asked (in a child process) only where there is a GPU to use.

    Nothing is computed on the GPU, and the driver is not started.
    """
    measured = threading.Event()
    collectors = _machine_collectors(measured, start_driver=False)
    if gpu.gpu_traces().present:
        collectors = {"torch": _torch_collector(Request(kernels=False), measured), **collectors}
    else:
        collectors["torch"] = Collector(_torch_unasked)
    observed, problems = gather(collectors)
    return Facts(**observed, problems=problems)


def all_facts(scope: Scope | None = None, torch: TorchChild | None = None) -> Facts:
    """Everything that the rules look at.

    Args:
        scope: what to look at.
        torch: the child process for torch, if one was started already; not with `quick`.
    """
    observed, problems = gather(collectors_of(scope or Scope(), torch))
    return Facts(**observed, problems=problems)


def collectors_of(scope: Scope, torch: TorchChild | None = None) -> dict[str, Collector]:
    """A collector for each field of the facts; torch's, the slowest, is the first to start."""
    name = PUBLISHED if scope.dataset == EMBEDDED else scope.dataset
    quick = scope.depth == "quick"
    measured = threading.Event()
    collectors = {"torch": Collector(_torch_unasked)}
    if not quick:
        request = Request(precision=scope.precision, gpus=scope.gpus or 0)
        collectors["torch"] = _torch_collector(request, measured, torch)
    return {
        **collectors,
        **_machine_collectors(measured, start_driver=not quick),
        "dataset": Collector(lambda: _dataset(name, scope), DEEP_SECONDS if scope.depth == "deep" else FILE_SECONDS),
        "body": Collector(lambda: _body(quick), FILE_SECONDS),
        "checkpoint": Collector(lambda: _checkpoint(name, quick), FILE_SECONDS),
        "named_bodies": Collector(_named_bodies, FILE_SECONDS),
        "work": Collector(lambda: _work(name), FILE_SECONDS),
        "missing_parts": Collector(missing_parts),
    }


def missing_parts(program: Path = PROGRAM) -> tuple[str, ...]:
    """Files of the embedded default that this installation lacks, and Python packages that the program needs."""
    files = (name for name in SHIPPED if not os.path.isfile(program / name))
    return (*files, *(f"{PACKAGE}{name}" for name in missing_packages()))


def _torch_unasked() -> TorchFacts:
    """What can be said without a process: whether there is a torch at all."""
    return TorchFacts() if may_be_there("torch") else TorchFacts(state="missing")


def _machine_collectors(measured: threading.Event, *, start_driver: bool) -> dict[str, Collector]:
    observers: dict[str, Callable[[], object]] = {
        "platform": system.platform_facts,
        "wsl": wsl.wsl_facts,
        "python": python.python_facts,
        "toolkit": toolkit.toolkit_facts,
        "memory": memory.memory_facts,
        "limits": memory.limits_facts,
        "disk": lambda: system.disk_facts(Path.cwd()),
    }
    return {
        "gpu": Collector(lambda: gpu.gpu_facts(start_driver=start_driver, when_measured=measured.set), gpu.SECONDS),
        **{name: Collector(observe, MACHINE_SECONDS) for name, observe in observers.items()},
    }


def _torch_collector(request: Request, measured: threading.Event, child: TorchChild | None = None) -> Collector:
    # The child has its own limit; this one is for the case that it cannot be ended.
    return Collector(lambda: torch_probe.torch_facts(child or start_torch(request), measured), SECONDS + LAST_WORDS + 5)


# The collectors of files are imported where they run: side by side, while torch's child is at work.


def _dataset(name: str, scope: Scope) -> DatasetFacts:
    from checks.facts.datasets import dataset_facts

    return dataset_facts(name, scope.data, depth=scope.depth, on_progress=scope.on_progress)


def _body(quick: bool) -> FileFacts | None:
    from checks.facts.files import body_facts

    path = locations.find_body()
    return None if path is None else body_facts(path, quick)


def _checkpoint(name: str, quick: bool) -> FileFacts | None:
    from checks.facts.checkpoints import checkpoint_facts
    from sherf_core.io.manifest import manifest

    path = locations.find_checkpoint(name)
    return None if path is None else checkpoint_facts(path, manifest(), quick)


def _named_bodies() -> tuple[NamedBody, ...]:
    from checks.facts.named_bodies import named_bodies

    return named_bodies()


def _work(name: str) -> WorkFolderFacts:
    from checks.facts.work import work_facts

    return work_facts(name)

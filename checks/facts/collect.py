"""Collects facts: all of them for the doctor, the machine's alone for choosing a profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from checks.facts import datasets, files, gpu, system, torch_probe
from checks.facts.gather import Collector, gather
from checks.facts.records import Facts, GpuFacts, NamedBody
from checks.purpose import EMBEDDED, PUBLISHED, Precision
from sherf_core.data import locations
from sherf_core.io.manifest import manifest

TORCH_SECONDS = 60.0
# A body of 250 MB on a slow disk; everything else answers at once or not at all.
FILE_SECONDS = 30.0
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
    """Facts about the machine alone, quickly: torch is asked (in a child process) only where there is a GPU to use."""
    observed, problems = gather(_machine_collectors())
    observed_gpu: GpuFacts = observed.get("gpu", GpuFacts())
    if observed_gpu.present:
        more, more_problems = gather({"torch": _torch_collector()})
        observed, problems = {**observed, **more}, (*problems, *more_problems)
    return Facts(**observed, problems=problems)


def all_facts(scope: Scope | None = None) -> Facts:
    """Everything that the rules look at."""
    scope = scope or Scope()
    name = PUBLISHED if scope.dataset == EMBEDDED else scope.dataset
    collectors = {
        **_machine_collectors(),
        "torch": _torch_collector(),
        "dataset": Collector(lambda: datasets.dataset_facts(name, scope.data), FILE_SECONDS),
        "missing_parts": Collector(missing_parts),
        "named_bodies": Collector(
            lambda: tuple(NamedBody(path=str(path), gender="neutral") for path in locations.renamed_bodies())
        ),
    }
    body, checkpoint = locations.find_body(), locations.find_checkpoint(name)
    if body is not None:
        collectors["body"] = Collector(lambda: files.body_facts(body), FILE_SECONDS)
    if checkpoint is not None:
        collectors["checkpoint"] = Collector(lambda: files.checkpoint_facts(checkpoint, manifest()), FILE_SECONDS)
    observed, problems = gather(collectors)
    return Facts(**observed, problems=problems)


def missing_parts(program: Path = PROGRAM) -> tuple[str, ...]:
    """Files of the embedded default that this installation lacks."""
    return tuple(name for name in SHIPPED if not (program / name).is_file())


def _machine_collectors() -> dict[str, Collector]:
    return {
        "platform": Collector(system.platform_facts),
        "python": Collector(system.python_facts),
        "gpu": Collector(gpu.gpu_facts, 10.0),
        "memory": Collector(system.memory_facts),
        "disk": Collector(lambda: system.disk_facts(Path.cwd())),
    }


def _torch_collector() -> Collector:
    return Collector(lambda: torch_probe.torch_facts(TORCH_SECONDS), TORCH_SECONDS + 5)

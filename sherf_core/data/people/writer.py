"""People as a data set in RenderPeople's layout (see `sherf_core.data.renderpeople` for the reader).

Each subject depends on the seed and its own number only, is written to a temporary folder and then renamed, so a run
can be interrupted, continued and spread over processes without changing a byte.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sherf_core.data.people.cameras import ring_around
from sherf_core.data.people.person import build_person
from sherf_core.data.people.picture import make_scene, posed_vertices, take_picture
from sherf_core.data.people.poses import pose_sequence
from sherf_core.data.people.recipe import random_recipe
from sherf_core.data.people.wardrobe import load_wardrobe
from sherf_core.data.records import Camera
from sherf_core.errors import ConfigurationError, DatasetError, SherfError
from sherf_core.io.atomic import write_json, write_text

JPEG_QUALITY = 90
SETTINGS = "people.json"
"""File in each subject's folder with the settings it was made from; only folders that hold it are ever deleted."""
MEMORY_OF_A_WORKER = "0.6 GB"
"""What a process takes at its peak for pictures of 512 x 512 pixels: 546 MiB measured over six people."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class PeopleSettings:
    """What a subject's pictures depend on besides its number.

    Attributes:
        seed: of the whole data set.
        views: cameras around the person.
        poses: poses per subject.
        size: side of the pictures in pixels.
    """

    seed: int = 0
    views: int = 36
    poses: int = 3
    size: int = 512

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("views", 1), ("poses", 1), ("size", 32)):
            if getattr(self, name) < least:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}", expected=f"{least} or more", fix=f"choose another --{name}"
                )

    @property
    def pictures(self) -> int:
        """Pictures of one subject."""
        return self.views * self.poses


Report = Callable[[int, str], None]
"""Called with the number of pictures that came to be and their subject's name; -1 pictures when one was there."""


def subject_name(index: int) -> str:
    """The folder of a subject."""
    return f"person_{index:04d}"


def is_complete(folder: Path, settings: PeopleSettings) -> bool:
    """Whether a subject's folder holds all its files.

    Raises:
        DatasetError: it was made with other settings, or by somebody else.
    """
    if not _is_made_here(folder):
        return False
    found = _read_settings(folder / SETTINGS)
    if found != asdict(settings):
        differing = ", ".join(
            f"{name} {found.get(name)} instead of {value}"
            for name, value in asdict(settings).items()
            if found.get(name) != value
        )
        raise DatasetError(
            f"{folder} was made with {differing}",
            expected="subjects of one data set made with the same settings",
            fix="choose another output folder, the same options as before, or remove the folder",
            path=folder,
        )
    pictures = sum(1 for _ in folder.glob("img/camera*/*.jpg"))
    masks = sum(1 for _ in folder.glob("mask/camera*/*.png"))
    parameters = folder / "outputs_re_fitting" / "refit_smpl_2nd.npz"
    whole = pictures == masks == settings.pictures
    return whole and parameters.is_file() and (folder / "cameras.json").is_file()


def _is_made_here(folder: Path) -> bool:
    """Whether this module made the folder: False if there is none, an error if it is somebody else's."""
    if (folder / SETTINGS).is_file():
        return True
    if os.path.lexists(folder):
        raise DatasetError(
            f"{folder} was not made by make-people: it holds no {SETTINGS}",
            expected="a folder that make-people wrote, or none",
            fix="choose another output folder, or move this one away",
            path=folder,
        )
    return False


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DatasetError(
            f"{file} is damaged",
            expected=f"settings such as {json.dumps(asdict(PeopleSettings()))}",
            fix=f"remove the folder {file.parent} and start the same command again",
            path=file,
        )
    return found


def write_people(
    output: Path, subjects: int, settings: PeopleSettings, *, workers: int = 1, report: Report | None = None
) -> list[str]:
    """Write a data set, or what is missing of it.

    Args:
        output: its folder; gets human_list.txt and one folder a subject.
        subjects: how many people.
        settings: what their pictures are like.
        workers: processes; 1 works in this one.
        report: progress, see `Report`; called in this process.

    Returns:
        the subjects' names, all of them complete.

    Raises:
        ConfigurationError: fewer than one subject or worker.
        DatasetError: the folder holds subjects made with other settings, or somebody else's.
        SherfError: the system ended a worker.
    """
    if subjects < 1 or workers < 1:
        raise ConfigurationError(
            f"{subjects} subjects with {workers} workers",
            expected="at least one of each",
            fix="choose other --subjects or --workers",
        )
    report = report or (lambda pictures, subject: None)
    output.mkdir(parents=True, exist_ok=True)
    names = [subject_name(index) for index in range(subjects)]
    missing = []
    for index, name in enumerate(names):
        if is_complete(output / name, settings):
            report(-1, name)
        else:
            missing.append(index)
    if workers == 1 or len(missing) <= 1:
        for index in missing:
            write_subject(output, index, settings, report)
    else:
        _write_in_processes(output, missing, settings, min(workers, len(missing)), report)
    write_text(output / "human_list.txt", "".join(f"{name}\n" for name in names))
    return names


def write_subject(output: Path, index: int, settings: PeopleSettings, report: Report) -> None:
    """Make one person and all their pictures; the folder appears when it is whole."""
    name = subject_name(index)
    temporary, final = output / f".partial-{name}", output / name
    if _is_made_here(temporary):
        shutil.rmtree(temporary)
    write_json(temporary / SETTINGS, asdict(settings))
    generator = np.random.default_rng([settings.seed, index])
    recipe = random_recipe(generator)
    poses = pose_sequence(settings.poses, generator, skirt=recipe.bottom.kind == "skirt").astype(np.float32)
    wardrobe = load_wardrobe()
    person = build_person(recipe, texture_step=float(np.clip(1.28 / settings.size, 0.0012, 0.005)))
    everything = np.concatenate([posed_vertices(person, pose, wardrobe)[0] for pose in poses])
    cameras = ring_around(everything, settings.views, settings.size)
    translations = []
    for number, pose in enumerate(poses):
        scene = make_scene(person, pose, recipe.studio, wardrobe)
        translations.append(scene.transl)
        for view, camera in enumerate(cameras):
            picture, mask = take_picture(scene, camera, settings.size)
            _save_picture(temporary, view, number, picture, mask)
            report(1, name)
    _save_cameras(temporary / "cameras.json", cameras)
    _save_parameters(temporary / "outputs_re_fitting", person.shapes, poses, np.stack(translations))
    if _is_made_here(final):
        shutil.rmtree(final)
    os.replace(temporary, final)


def _save_picture(folder: Path, view: int, pose: int, picture: np.ndarray, mask: np.ndarray) -> None:
    image_file = folder / "img" / f"camera{view:04d}" / f"{pose:04d}.jpg"
    mask_file = folder / "mask" / f"camera{view:04d}" / f"{pose:04d}.png"
    for file in (image_file, mask_file):
        file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(image_file, quality=JPEG_QUALITY, optimize=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(mask_file, optimize=True)


def _save_cameras(file: Path, cameras: list[Camera]) -> None:
    content = {
        f"camera{view:04d}": {"K": camera.K.tolist(), "R": camera.R.tolist(), "T": camera.T.tolist()}
        for view, camera in enumerate(cameras)
    }
    write_json(file, content, indent=None)


def _save_parameters(folder: Path, shapes: np.ndarray, poses: np.ndarray, translations: np.ndarray) -> None:
    """SMPL parameters as RenderPeople has them: the root rotation in `global_orient`, Th in `transl`."""
    folder.mkdir(parents=True)
    parameters = {
        "betas": shapes[None].astype(np.float32),
        "global_orient": np.ascontiguousarray(poses[:, 0]),
        "body_pose": poses[:, 1:].reshape(len(poses), 69).copy(),
        "transl": translations.astype(np.float32),
    }
    np.savez(folder / "refit_smpl_2nd.npz", smpl=np.array(parameters, dtype=object))


_reports: Any = None


def _start_worker(reports: Any) -> None:
    global _reports
    _reports = reports


def _work(output: Path, index: int, settings: PeopleSettings) -> None:
    write_subject(output, index, settings, lambda pictures, subject: _reports.put((pictures, subject)))


def _write_in_processes(
    output: Path, indices: list[int], settings: PeopleSettings, workers: int, report: Report
) -> None:
    """Subjects spread over fresh processes; their progress comes back through a queue.

    Raises:
        SherfError: one of the processes was ended from outside.
    """
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    with _single_threaded_children():
        executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(reports,))
        try:
            futures: list[Future[None]] = [executor.submit(_work, output, index, settings) for index in indices]
            pending = set(futures)
            while pending:
                _pass_on(reports, report)
                done, pending = wait(pending, timeout=0)
                for future in done:
                    future.result()
            _pass_on(reports, report)
        except BrokenProcessPool as error:
            raise SherfError(
                f"the system ended one of the {workers} processes, most likely because memory ran out",
                expected=f"about {MEMORY_OF_A_WORKER} of memory for each process at 512 x 512 pixels",
                fix="start the same command again with --workers 1; people that are finished are kept",
                code="SYS.RAM",
            ) from error
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _pass_on(reports: Any, report: Report) -> None:
    """Hand waiting reports to the caller; waits up to a fifth of a second for the first."""
    timeout = 0.2
    while True:
        try:
            report(*reports.get(timeout=timeout))
        except queue.Empty:
            return
        timeout = 0.0


@contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Processes started inside use one thread each: the processes are the parallelism."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

"""Reading and storing in threads leaves the same behind as one thing after the other."""

import json
import threading
import time
from dataclasses import replace
from itertools import product

import pytest

from sherf_core.data.discover import WeightKind
from sherf_core.errors import DatasetError
from sherf_core.evaluate.document import Circumstances
from sherf_core.evaluate.output import write_output
from sherf_core.evaluate.pictures import save_picture
from sherf_core.evaluate.protocol import Item, Plan, Task, plan
from sherf_core.evaluate.renderer import Picture
from sherf_core.evaluate.runner import UNSTORED, evaluate
from sherf_core.evaluate.store import RunFolder
from sherf_core.metrics.suite import MetricSuite

METRICS = MetricSuite(lpips_note="not measured: no VGG")


@pytest.fixture
def run(tiny, reader, make_renderer, tmp_path):
    """Evaluate into a folder of that name: (evaluation, renderer, noted items, folder)."""

    def start(name, *, overlap=True, renderer=None, source=reader, items=None):
        renderer, noted = renderer or make_renderer(), []
        made = plan(tiny, reader) if items is None else Plan("tiny", ("bob",), False, (), items, len(items), 0, 0)
        folder = RunFolder(tmp_path / name, {"resolution": 24})
        folder.open(made.items)
        evaluation = evaluate(
            made, source, renderer, METRICS, folder, lambda result, resumed: noted.append((result.item, resumed)),
            overlap=overlap,
        )  # fmt: skip
        return evaluation, renderer, noted, folder

    return start


def without_times(value):
    """A JSON value less what no two runs have in common."""
    if isinstance(value, dict):
        return {name: without_times(one) for name, one in value.items() if name != "seconds"}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def stored(folder):
    """Every file below the folder: bytes of pictures, content of documents."""
    files = {}
    for path in sorted(path for path in folder.path.rglob("*") if path.is_file()):
        content = path.read_bytes()
        name = path.relative_to(folder.path).as_posix()
        files[name] = without_times(json.loads(content)) if path.suffix == ".json" else content
    return files


def test_results_files_and_documents_are_those_of_one_thing_after_the_other(run):
    left = {}
    for overlap in (True, False):
        evaluation, renderer, noted, folder = run(f"run-{overlap}", overlap=overlap)
        document = write_output(evaluation, folder, Circumstances(WeightKind.CHECKPOINT))
        (folder.path / "report.html").unlink()  # it tells times
        left[overlap] = (
            [(result.item, result.measurements) for result in evaluation.results],
            without_times(document),
            noted,
            renderer.encoded,
            renderer.rendered,
            stored(folder),
        )
        assert set(evaluation.stages) == {"reading", "encoding", "rendering", "measuring", "writing"}
        assert all(seconds > 0 for seconds in evaluation.stages.values())
        assert evaluation.device_busy is None
    assert left[True] == left[False]
    assert len(left[True][-1]) == 10 + 10 + 2


@pytest.mark.parametrize("overlap", [True, False])
def test_eighteen_views_of_a_subject_take_one_encoding_for_each_pose_and_view_seen(run, make_reader, overlap):
    items = tuple(
        Item(subject, pose, seen, Task.NOVEL_VIEW, pose, 100 + view)
        for subject, pose, seen, view in product(("ann", "bob"), (0, 1), (0, 1), range(18))
    )
    _, renderer, noted, _ = run("views", overlap=overlap, source=make_reader(), items=items)
    assert renderer.encoded == list(dict.fromkeys(item.observation for item in items))
    assert len(renderer.encoded) == 8
    assert len(renderer.rendered) == len(noted) == 8 * 18
    assert len(noted) > UNSTORED


def test_an_interrupted_run_keeps_what_it_rendered_and_leaves_no_thread(run, make_renderer, tmp_path):
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        run("stopped", renderer=make_renderer(stop_after=7))
    assert threading.active_count() == before
    kept = tmp_path / "stopped"
    assert len(list((kept / "items").iterdir())) == len(list((kept / "images").iterdir())) == 7
    assert not [path for path in kept.rglob("*") if path.name.startswith(".")]
    evaluation, renderer, _, _ = run("stopped")
    assert (evaluation.resumed, len(renderer.rendered)) == (7, 3)
    whole, _, _, _ = run("whole")
    assert [one.measurements for one in whole.results] == [one.measurements for one in evaluation.results]


@pytest.mark.parametrize("overlap", [True, False])
def test_a_broken_frame_is_told_of_in_its_turn_and_those_before_it_are_stored(
    run, tiny, reader, make_reader, tmp_path, overlap
):
    items = plan(tiny, reader).items

    class Broken(make_reader):
        def frame(self, *name):
            if name in {items[4].target, items[6].target}:
                raise DatasetError(f"{name} is damaged")
            return super().frame(*name)

    first = next(index for index, item in enumerate(items) if item.target in {items[4].target, items[6].target})
    before = threading.active_count()
    with pytest.raises(DatasetError) as caught:
        run("broken", overlap=overlap, source=Broken())
    assert str(items[first].target) in str(caught.value)
    assert threading.active_count() == before
    names = sorted(path.stem for path in (tmp_path / "broken" / "items").iterdir())
    assert names == sorted(item.name for item in items[:first])


@pytest.mark.parametrize("overlap", [True, False])
def test_a_picture_that_cannot_be_stored_ends_the_run_and_is_not_called_done(run, monkeypatch, tmp_path, overlap):
    def full(path, panels):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sherf_core.evaluate.runner.save_picture", full)
    with pytest.raises(OSError, match="No space left"):
        run("full", overlap=overlap)
    assert not (tmp_path / "full" / "items").exists()


def test_a_result_is_stored_after_its_picture_is_there(run, monkeypatch):
    checked = []
    save = RunFolder.save

    def look(folder, result, digest):
        checked.append(folder.image_path(result.item).is_file())
        save(folder, result, digest)

    monkeypatch.setattr(RunFolder, "save", look)
    run("order")
    assert checked == [True] * 10


def test_before_an_observation_of_another_shape_all_pictures_are_there(
    run, make_reader, make_renderer, monkeypatch, tmp_path
):
    """For it the model may record a CUDA graph, while which nobody else may wait for the GPU."""

    class Shapes(make_reader):
        def frame(self, *name):
            frame = super().frame(*name)
            cut = 20 if name[0] == "cem" else None
            return replace(frame, image=frame.image[:cut], mask=frame.mask[:cut])

    class Renderer(make_renderer):
        def encode(self, observation):
            there.append(len(list((tmp_path / "shapes" / "items").glob("[!.]*.json"))))
            return super().encode(observation)

        def render(self, person, target):
            return Picture(target.image, target.mask, target.mask)

    def slowly(path, panels):
        time.sleep(0.05)
        save_picture(path, panels)

    monkeypatch.setattr("sherf_core.evaluate.runner.save_picture", slowly)
    there = []
    _, renderer, noted, _ = run("shapes", source=Shapes(), renderer=Renderer())
    subjects = [subject for subject, _, _ in renderer.encoded]
    first = subjects.index("cem")
    assert there[first] == sum(item.subject == "bob" for item, _ in noted) == 5

"""Evaluations by several processes, on the people that ship."""

import functools
import json
import signal

import pytest

from sherf_core.data.discover import DEMO_ROOT
from sherf_core.errors import RankError
from sherf_core.evaluate.job import Options, prepare
from sherf_core.evaluate.protocol import Item, Task
from sherf_core.evaluate.spread import deal, evaluate_spread, options_from, plain
from sherf_core.train.launch import Launch, Stopped


def items(*counts):
    """So many targets of observation 0, 1, …"""
    return [
        Item("ann", 0, seen, Task.NOVEL_VIEW, 0, view) for seen, count in enumerate(counts) for view in range(count)
    ]


def test_pictures_that_share_an_observation_stay_together():
    listed = items(3, 3, 2)
    for processes in (1, 2, 3):
        parts = deal(listed, processes)
        assert sorted(item for part in parts for item in part) == sorted(listed)
        seen = [{item.observation for item in part} for part in parts]
        assert sum(map(len, seen)) == 3
    assert [len(part) for part in deal(listed, 2)] == [5, 3]


def test_no_process_waits_where_there_are_fewer_observations():
    assert [len(part) for part in deal(items(9), 3)] == [4, 3, 2]
    assert [len(part) for part in deal(items(2), 4)] == [1, 1, 0, 0]
    first = deal(items(4, 4), 1)[0]
    assert first == items(4, 4)


def test_options_survive_the_way_to_the_processes(tmp_path):
    options = Options(folder=tmp_path, roots=(tmp_path,), subjects=("a", "b"), out=tmp_path / "out", forced=("A.B",))
    assert options_from(json.loads(json.dumps(plain(options)))) == options


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def make(name, **changes):
        values = {"data": DEMO_ROOT, "checkpoint": "untrained", "limit": 3, **changes}
        return prepare(Options(folder=tmp_path, roots=(tmp_path,), dataset="demo", resolution=64, out=tmp_path / name,
                               points_per_chunk=4096, **values))  # fmt: skip

    return make


def remember(done, result, resumed):
    done.append(result.item)


def figures(document):
    """All of metrics.json that does not depend on time."""
    images = [{name: value for name, value in image.items() if name != "seconds"} for image in document["images"]]
    return document["total"], document["subjects"], images, document["summary"]


def test_figures_do_not_depend_on_the_number_of_processes(job):
    import torch

    torch.set_num_threads(1)
    alone = job("one").run()
    for count in (2, 3):
        done: list[Item] = []
        spread = job(str(count))
        note = functools.partial(remember, done)
        document = evaluate_spread(spread, Launch(processes=count), note)
        assert figures(document) == figures(alone)
        assert document["machine"]["processes"] == count
        assert sorted(done) == sorted(spread.plan.items)
        assert json.loads((spread.folder.path / "metrics.json").read_text())["total"] == alone["total"]
    # What three processes stored, one goes on from.
    again = job("3").run()
    assert again["seconds"]["images_from_an_earlier_run"] == 3


def test_a_process_that_fails_is_told_with_its_error(job, tmp_path):
    import shutil

    people = tmp_path / "people"
    shutil.copytree(DEMO_ROOT, people)
    spoilt = job("whole", data=people).plan.items[-1]
    subject, pose, view = spoilt.target
    (people / subject / "img" / f"camera{view:04d}" / f"{pose:04d}.jpg").write_bytes(b"<html>")
    with pytest.raises(RankError, match=r"process . on .* failed: ") as caught:
        evaluate_spread(job("spoilt", data=people), Launch(processes=2))
    assert f"camera{view:04d}" in caught.value.found


def test_a_signal_stops_all_and_the_rest_is_made_later(job):
    made = []

    def stop(result, resumed):
        made.append(result)
        if len(made) == 1:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped) as caught:
        evaluate_spread(job("stopped", limit=4), Launch(processes=2), stop)
    assert caught.value.number == signal.SIGTERM
    document = evaluate_spread(job("stopped", limit=4), Launch(processes=2))
    assert document["seconds"]["images_from_an_earlier_run"] >= 1
    assert len(document["images"]) == 4

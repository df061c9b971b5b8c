"""Reading ahead: in order, bounded, each file once, and errors when their turn comes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sherf_core.errors import DatasetError
from sherf_core.evaluate.ahead import Observed, in_order, ready_items
from sherf_core.evaluate.protocol import plan
from sherf_core.evaluate.runner import evaluate
from sherf_core.evaluate.store import RunFolder
from sherf_core.metrics.suite import MetricSuite


@pytest.fixture
def pool():
    with ThreadPoolExecutor(3) as threads:
        yield threads


def delayed(number, begun):
    def task():
        begun.append(number)
        time.sleep(0.02 if number % 2 else 0.0)
        return number

    return task


def test_results_come_in_the_order_of_the_tasks(pool):
    assert list(in_order([delayed(number, []) for number in range(12)], pool, 4)) == list(range(12))
    assert list(in_order([], pool, 4)) == []


def test_no_more_than_the_next_few_are_begun(pool):
    begun = []
    results = in_order((delayed(number, begun) for number in range(20)), pool, 3)
    assert [next(results), next(results)] == [0, 1]
    time.sleep(0.2)
    assert sorted(begun) == [0, 1, 2, 3, 4]
    results.close()


def test_without_a_pool_each_begins_when_it_is_asked_for():
    begun = []
    results = in_order((delayed(number, begun) for number in range(5)), None, 3)
    assert next(results) == 0
    assert begun == [0]


def test_an_error_comes_in_its_turn(pool):
    def fail():
        raise DatasetError("second")

    results = in_order([delayed(0, []), fail, delayed(2, [])], pool, 3)
    assert next(results) == 0
    with pytest.raises(DatasetError, match="second"):
        next(results)


def test_closed_early_what_has_not_begun_is_dropped():
    hold, begun = threading.Event(), []

    def wait():
        hold.wait(5)

    with ThreadPoolExecutor(1) as one:
        results = in_order([delayed(0, begun), wait, *(delayed(number, begun) for number in range(2, 6))], one, 5)
        assert next(results) == 0
        results.close()
        hold.set()
    assert begun == [0]


class CountingReader:
    """Another reader, counting what is read and decoded."""

    def __init__(self, reader):
        self.reader, self.loaded, self.decoded = reader, [], []

    def __getattr__(self, name):
        return getattr(self.reader, name)

    def load(self, *name):
        self.loaded.append(name)
        source = self.reader.load(*name)
        frame = source.frame

        def decode():
            self.decoded.append(name)
            time.sleep(0.01)
            return frame()

        source.frame = decode
        return source


def folder_at(path):
    folder = RunFolder(path, {"resolution": 24})
    folder.open()
    return folder


@pytest.mark.parametrize("overlap", [True, False])
def test_every_frame_is_read_once_for_each_use_and_decoded_only_where_it_is_needed(
    tiny, reader, make_renderer, tmp_path, overlap
):
    made, metrics = plan(tiny, reader), MetricSuite()
    counting = CountingReader(reader)
    evaluate(made, counting, make_renderer(), metrics, folder_at(tmp_path), overlap=overlap)
    targets, seen = [item.target for item in made.items], list(dict.fromkeys(item.observation for item in made.items))
    assert sorted(counting.loaded) == sorted(counting.decoded) == sorted([*targets, *seen])
    again = CountingReader(reader)
    evaluate(made, again, make_renderer(), metrics, folder_at(tmp_path), overlap=overlap)
    assert sorted(again.loaded) == sorted([*targets, *seen])
    assert again.decoded == []


def test_many_threads_that_want_one_observation_decode_it_once(reader, pool):
    counting = CountingReader(reader)
    observed = Observed(counting, ("bob", 0, 1))
    frames = list(pool.map(lambda _: (observed.digest(), observed.frame())[1], range(9)))
    assert counting.loaded == counting.decoded == [("bob", 0, 1)]
    assert all(frame is frames[0] for frame in frames)


def test_items_that_share_an_observation_share_its_object(tiny, reader, tmp_path, pool):
    made = plan(tiny, reader)
    ready = list(ready_items(made.items, reader, folder_at(tmp_path), pool, 2))
    assert [one.item for one in ready] == list(made.items)
    names = {}
    for one in ready:
        names.setdefault(id(one.observed), set()).add(one.item.observation)
        assert (one.target.subject, one.target.pose, one.target.view) == one.item.target
    assert sorted(map(len, names.values())) == [1, 1, 1, 1]

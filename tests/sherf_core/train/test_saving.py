from __future__ import annotations

from sherf_core.train.saving import SaveInterval


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_by_steps() -> None:
    interval = SaveInterval(steps=3, minutes=0.0, clock=Clock())
    assert [step for step in range(1, 10) if interval.due(step)] == [3, 6, 9]


def test_by_time() -> None:
    clock = Clock()
    interval = SaveInterval(steps=0, minutes=15.0, clock=clock)
    assert not interval.due(1)
    clock.now += 15 * 60 - 1
    assert not interval.due(2)
    clock.now += 1
    assert interval.due(3)
    interval.saved()
    assert not interval.due(4)
    clock.now += 15 * 60
    assert interval.due(5)


def test_whichever_comes_first() -> None:
    clock = Clock()
    interval = SaveInterval(steps=10, minutes=1.0, clock=clock)
    assert interval.due(10)
    clock.now += 60
    assert interval.due(11)


def test_never() -> None:
    clock = Clock()
    interval = SaveInterval(steps=0, minutes=0.0, clock=clock)
    clock.now += 1e9
    assert not interval.due(1000)

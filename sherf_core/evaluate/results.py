"""What was measured of each picture, and the averages of a subject and of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sherf_core.evaluate.protocol import Item, Task
from sherf_core.metrics.measurement import Average, Measurement, Protocol, average
from sherf_core.metrics.suite import METRICS, Measurements

Averages = dict[str, dict[str, dict[str, Average]]]
"""Task name -> protocol name -> metric name -> average."""


@dataclass(frozen=True)
class ItemResult:
    """The measurements of one picture; `seconds` is the time to render it, without encoding and measuring."""

    item: Item
    measurements: Measurements
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it back."""
        metrics = {
            protocol: {name: asdict(measurement) for name, measurement in of_protocol.items()}
            for protocol, of_protocol in self.measurements.items()
        }
        return {"item": self.item.as_dict(), "metrics": metrics, "seconds": round(self.seconds, 4)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ItemResult:
        """Read what `as_dict` wrote; raises KeyError, TypeError or ValueError for anything else."""
        item = Item(**{**document["item"], "task": Task(document["item"]["task"])})
        measurements = {
            protocol.value: {name: Measurement(**document["metrics"][protocol.value][name]) for name in METRICS}
            for protocol in Protocol
        }
        return cls(item, measurements, float(document["seconds"]))


def averages(results: Iterable[ItemResult]) -> Averages:
    """Mean over the images of each task, in every protocol; tasks without images are left out."""
    listed = list(results)
    found: Averages = {}
    for task in Task:
        of_task = [result for result in listed if result.item.task is task]
        if of_task:
            found[task.value] = {
                protocol.value: {
                    name: average(result.measurements[protocol.value][name] for result in of_task) for name in METRICS
                }
                for protocol in Protocol
            }
    return found


def averages_by_subject(results: Iterable[ItemResult]) -> dict[str, Averages]:
    """The averages of each subject, in the order in which they come."""
    listed = list(results)
    subjects = dict.fromkeys(result.item.subject for result in listed)
    return {name: averages(result for result in listed if result.item.subject == name) for name in subjects}

"""Everything that was observed, as one record."""

from __future__ import annotations

from checks.facts.records.base import Record
from checks.facts.records.dataset import DatasetFacts
from checks.facts.records.files import FileFacts, NamedBody, WorkFolderFacts
from checks.facts.records.gpu import GpuFacts, ToolkitFacts, TorchFacts
from checks.facts.records.machine import DiskFacts, LimitsFacts, MemoryFacts, PlatformFacts, PythonFacts, WslFacts

FACTS_VERSION = 2


class CollectorProblem(Record):
    """A collector that failed or ran out of time; its facts are the defaults."""

    collector: str
    error: str
    seconds: float


class Facts(Record):
    """Everything that was observed, at one time, on one machine."""

    version: int = FACTS_VERSION
    platform: PlatformFacts = PlatformFacts()
    wsl: WslFacts = WslFacts()
    python: PythonFacts = PythonFacts()
    torch: TorchFacts = TorchFacts()
    gpu: GpuFacts = GpuFacts()
    toolkit: ToolkitFacts = ToolkitFacts()
    missing_parts: tuple[str, ...] = ()
    """Files that ship with the program and are not there, and packages that it needs (`the package NAME`)."""
    memory: MemoryFacts = MemoryFacts()
    limits: LimitsFacts = LimitsFacts()
    disk: DiskFacts = DiskFacts()
    """Where results are written."""
    body: FileFacts | None = None
    """The body file that would be used, None where only the embedded one is there."""
    named_bodies: tuple[NamedBody, ...] = ()
    """Body files under other names than the one that is looked for."""
    checkpoint: FileFacts | None = None
    dataset: DatasetFacts = DatasetFacts()
    work: WorkFolderFacts = WorkFolderFacts()
    problems: tuple[CollectorProblem, ...] = ()

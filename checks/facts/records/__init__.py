"""What was observed on a machine: typed, immutable, and the same after a trip through JSON."""

from checks.facts.records.base import Record, Tally
from checks.facts.records.dataset import DatasetFacts
from checks.facts.records.facts import FACTS_VERSION, CollectorProblem, Facts
from checks.facts.records.files import CaseTwin, FileFacts, NamedBody, WorkFolderFacts
from checks.facts.records.gpu import (
    GpuDevice,
    GpuFacts,
    KernelTrial,
    NcclTrial,
    ToolkitFacts,
    TorchDevice,
    TorchFacts,
)
from checks.facts.records.machine import (
    DiskFacts,
    LimitsFacts,
    MemoryFacts,
    PlatformFacts,
    PythonFacts,
    WslFacts,
)

__all__ = [
    "FACTS_VERSION",
    "CaseTwin",
    "CollectorProblem",
    "DatasetFacts",
    "DiskFacts",
    "Facts",
    "FileFacts",
    "GpuDevice",
    "GpuFacts",
    "KernelTrial",
    "LimitsFacts",
    "MemoryFacts",
    "NamedBody",
    "NcclTrial",
    "PlatformFacts",
    "PythonFacts",
    "Record",
    "Tally",
    "ToolkitFacts",
    "TorchDevice",
    "TorchFacts",
    "WorkFolderFacts",
    "WslFacts",
]

"""What was observed on a machine: typed, immutable, and the same after a trip through JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

FACTS_VERSION = 1


class Record(BaseModel):
    """A piece of facts: unknown fields are refused, nothing changes after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PlatformFacts(Record):
    """The operating system and what it runs in."""

    system: str = ""
    release: str = ""
    machine: str = ""
    distribution: str = ""
    wsl: Literal[0, 1, 2] = 0
    """0: no Windows Subsystem for Linux; else its version."""
    container: bool = False
    notebook: Literal["", "colab", "kaggle", "jupyter"] = ""


class PythonFacts(Record):
    """The interpreter that runs this program."""

    version: str = ""
    executable: str = ""
    bits: int = 64
    environment: str = ""
    """The folder of the virtual environment, or ""."""


class TorchDevice(Record):
    """A CUDA device as torch sees it."""

    name: str
    capability: tuple[int, int]
    total_bytes: int


class TorchFacts(Record):
    """What a child process found when it imported torch."""

    state: Literal["not asked", "missing", "broken", "timeout", "ok"] = "not asked"
    version: str = ""
    cuda_build: str = ""
    """The CUDA version torch was built for, "" for a CPU build."""
    cuda_available: bool = False
    devices: tuple[TorchDevice, ...] = ()
    architectures: tuple[str, ...] = ()
    error: str = ""
    """The last lines of the failure, if there was one."""


class GpuDevice(Record):
    """A GPU as the driver (NVML) sees it."""

    index: int
    name: str
    total_bytes: int
    free_bytes: int
    capability: tuple[int, int] | None = None


class GpuFacts(Record):
    """The NVIDIA driver, its devices and what points to them."""

    driver: str = ""
    cuda_driver: str = ""
    """The newest CUDA version that the driver serves, such as `12.4`."""
    devices: tuple[GpuDevice, ...] = ()
    device_files: tuple[str, ...] = ()
    libcuda: str = ""
    """Where the driver's library was found, or ""."""
    visible_devices: str | None = None
    """CUDA_VISIBLE_DEVICES, None where it is not set."""
    error: str = ""

    @property
    def present(self) -> bool:
        """Whether anything at all points to an NVIDIA GPU."""
        return bool(self.devices or self.device_files or self.libcuda)


class MemoryFacts(Record):
    """Main memory in bytes; `limit` is the container's, if it has one."""

    total: int | None = None
    available: int | None = None
    limit: int | None = None
    cores: int | None = None


class DiskFacts(Record):
    """The file system that results would be written to."""

    path: str = ""
    total: int | None = None
    free: int | None = None
    writable: bool | None = None


class FileFacts(Record):
    """A body model or a checkpoint: what it is, not what its name says.

    `problem` is the id of the check that its content fails ("" if it can be used), with the reader's words in
    `found`, `expected` and `fix`.
    """

    path: str
    bytes: int | None = None
    problem: str = ""
    found: str = ""
    expected: str = ""
    fix: str = ""
    vertices: int | None = None
    shape_components: int | None = None


class DatasetFacts(Record):
    """A data set's folder: its list and the folders that are there."""

    name: str = ""
    """"" where none was looked for."""
    root: str = ""
    """"" where none was found."""
    exists: bool = False
    list_file: str = ""
    listed: int | None = None
    """Lines of human_list.txt, None where it is missing."""
    folders: int = 0
    """Subject folders there."""
    missing: tuple[str, ...] = ()
    """The first five listed subjects without a folder."""
    missing_count: int = 0


class CollectorProblem(Record):
    """A collector that failed or ran out of time; its facts are the defaults."""

    collector: str
    error: str
    seconds: float


class Facts(Record):
    """Everything that was observed, at one time, on one machine."""

    version: int = FACTS_VERSION
    platform: PlatformFacts = PlatformFacts()
    python: PythonFacts = PythonFacts()
    torch: TorchFacts = TorchFacts()
    gpu: GpuFacts = GpuFacts()
    missing_parts: tuple[str, ...] = ()
    """Files that ship with the program and are not there."""
    memory: MemoryFacts = MemoryFacts()
    disk: DiskFacts = DiskFacts()
    body: FileFacts | None = None
    """The body file that would be used, None where only the embedded one is there."""
    renamed_bodies: tuple[str, ...] = ()
    checkpoint: FileFacts | None = None
    dataset: DatasetFacts = DatasetFacts()
    problems: tuple[CollectorProblem, ...] = ()

"""Which CUDA a driver serves, whether it serves a program built for another one, and which torch to install for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
# GPUs on which NVIDIA's compatibility libraries (a newer libcuda beside an older driver) work, by their names.
DATA_CENTRE = re.compile(
    r"\b(Tesla|GRID|GB?[HB]?200|[ABHL]\d{1,3}[A-Z]?|[TVPK]4|V100S?|P40|P100|K80|H[12]00|H20|GH200|L40S)\b"
)
NOT_DATA_CENTRE = re.compile(r"GeForce|Quadro|TITAN|RTX", re.IGNORECASE)


class DriverFit(Enum):
    """How a driver serves a program that was built for some CUDA version."""

    NEWER_MAJOR = "newer major"
    """The driver is of a newer major version: fine."""
    SAME = "same"
    """The driver is of the same major version, and not older: fine."""
    MINOR_COMPATIBLE = "minor compatible"
    """The driver is of an older minor version: machine code runs, PTX of the newer toolkit cannot be compiled."""
    FORWARD_COMPATIBLE = "forward compatible"
    """The driver is older, and compatibility libraries on a data-centre GPU make up for it."""
    TOO_OLD = "too old"
    UNKNOWN = "unknown"

    @property
    def works(self) -> bool:
        """Whether the program runs at all."""
        return self not in {DriverFit.TOO_OLD, DriverFit.UNKNOWN}


@dataclass(frozen=True)
class TorchRelease:
    """A release of torch and what its default build for Linux is made for."""

    torch: str
    cuda: str
    oldest_gpu: str
    newest_gpu: str
    oldest_python: str
    newest_python: str

    def runs_on(self, capability: tuple[int, ...]) -> bool:
        """Whether it holds machine code for a compute capability."""
        return numbers(self.oldest_gpu) <= capability and capability[0] <= numbers(self.newest_gpu)[0]

    def has_build_for(self, python: str) -> bool:
        """Whether it has a build for a version of Python; an unknown one ("") is taken to be fine."""
        version = numbers(python)[:2]
        return not version or numbers(self.oldest_python) <= version <= numbers(self.newest_python)


def numbers(version: str) -> tuple[int, ...]:
    """`535.54.03` as (535, 54, 3); () for ""."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def is_data_centre(gpu: str) -> bool:
    """Whether a GPU of that name is made for data centres."""
    return bool(DATA_CENTRE.search(gpu)) and not NOT_DATA_CENTRE.search(gpu)


def newest_cuda(driver: str, *, windows: bool = False) -> str:
    """The newest CUDA version that a driver serves, by NVIDIA's table; "" if it is older than the table, or unknown."""
    version = numbers(driver)
    for row in _table("cuda_drivers")["toolkits"]:
        # Where Windows has no row of its own, the driver's branch (its first number) decides.
        first = (numbers(row["windows"]) if row["windows"] else numbers(row["linux"])[:1]) if windows else None
        if version and version >= (first or numbers(row["linux"])):
            return str(row["cuda"])
    return ""


def driver_fit(
    driver: str,
    driver_cuda: str,
    runtime_cuda: str,
    *,
    windows: bool = False,
    compat_libraries: bool = False,
    data_centre: bool = False,
) -> DriverFit:
    """How a driver serves a program.

    Args:
        driver: its version, "" if it is not known.
        driver_cuda: the newest CUDA version that it serves, as it says itself; "" to look it up.
        runtime_cuda: the CUDA version that the program was built for.
        windows: whether it is a driver of Windows (also under WSL).
        compat_libraries: whether NVIDIA's compatibility libraries stand in for the driver's own library. They then
            also answer for it, so that its own CUDA version is looked up.
        data_centre: whether the GPU is one that they work on.
    """
    looked_up = newest_cuda(driver, windows=windows)
    own = numbers((looked_up or driver_cuda) if compat_libraries else (driver_cuda or looked_up))
    runtime = numbers(runtime_cuda)
    if not own or not runtime:
        return DriverFit.UNKNOWN
    if own[0] > runtime[0]:
        return DriverFit.NEWER_MAJOR
    if own[0] == runtime[0]:
        if own >= runtime:
            return DriverFit.SAME
        floor = None if windows else _table("cuda_drivers")["floors"].get(str(runtime[0]))
        if not (floor and driver) or numbers(driver) >= numbers(floor):
            return DriverFit.MINOR_COMPATIBLE
    return DriverFit.FORWARD_COMPATIBLE if compat_libraries and data_centre else DriverFit.TOO_OLD


def torch_for(
    driver: str,
    driver_cuda: str,
    *,
    windows: bool = False,
    capabilities: Iterable[tuple[int, ...]] = (),
    python: str = "",
) -> TorchRelease | None:
    """The newest release of torch whose default build runs with a driver, on all of the GPUs, in that Python."""
    capabilities = list(capabilities)
    for release in reversed(torch_releases()):
        fit = driver_fit(driver, driver_cuda, release.cuda, windows=windows)
        if fit.works and release.has_build_for(python) and all(release.runs_on(gpu) for gpu in capabilities):
            return release
    return None


@cache
def torch_releases() -> tuple[TorchRelease, ...]:
    """The releases that can be proposed, oldest first."""
    return tuple(TorchRelease(**release) for release in _table("torch_releases")["releases"])


def machine_code_fits(architectures: Iterable[str], capability: tuple[int, ...]) -> bool:
    """Whether some `sm_XY` of the list runs on a GPU: the same major version, and a minor one that is not newer."""
    return any(
        kind == "sm" and made[0] == capability[0] and (made == capability if exact else made <= capability)
        for kind, made, exact in map(_architecture, architectures)
    )


def ptx_fits(architectures: Iterable[str], capability: tuple[int, ...]) -> bool:
    """Whether some `compute_XY` of the list can be compiled for a GPU, by a driver that is new enough."""
    return any(
        kind == "compute" and (made == capability if exact else made <= capability)
        for kind, made, exact in map(_architecture, architectures)
    )


def _architecture(name: str) -> tuple[str, tuple[int, int], bool]:
    """`sm_90a` as ("sm", (9, 0), True): the letter a binds it to that one capability."""
    match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([a-z]?)", name)
    if match is None:
        return "", (0, 0), True
    return match[1], (int(match[2]), int(match[3])), match[4] == "a"


@cache
def _table(name: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return table

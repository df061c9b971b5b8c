"""Collector for the interpreter and the packages that matter to this program."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from checks.facts.reading import names_in, text_of
from checks.facts.records import PythonFacts

MATTERING = re.compile(
    r"torch|torchvision|torchaudio|triton|numpy|scipy|pillow|pydantic|typer|safetensors|psutil|pyyaml|jaxtyping"
    r"|scikit-image|nvidia-ml-py|pynvml|chumpy|pytorch3d|smplx|lpips|sherfctl|spconv(-.+)?|cumm(-.+)?"
    r"|nvidia-(cudnn|cublas|nccl|cuda-runtime)(-cu\d+)?"
)
# A package's folder of metadata carries its name and version; eggs add the Python they are for.
METADATA = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-py\d.*)?\.(dist|egg)-info")
PROGRAM = Path(__file__).resolve().parents[2]
UNVERSIONED = re.compile(r"(?P<name>[^-]+)\.egg-info")


def python_facts(prefix: str = sys.prefix, base: str = sys.base_prefix) -> PythonFacts:
    """The interpreter that runs this program; `prefix` and `base` are where its packages and itself are installed."""
    manager = _manager(prefix, base)
    return PythonFacts(
        version=platform.python_version(),
        executable=sys.executable or "",
        bits=64 if sys.maxsize > 2**32 else 32,
        environment="" if manager == "system" else prefix,
        manager=manager,
        start_method=_start_method(),
        checkout=checkout_of(PROGRAM),
        packages=installed_packages(sys.path),
    )


def installed_packages(places: Sequence[str]) -> dict[str, str]:
    """Versions of the packages that matter, by normalised name, in the folders of a search path: the first counts.

    Only names of files are read, not the packages' metadata: hundreds of packages take some milliseconds.
    """
    found: dict[str, str] = {}
    for place in dict.fromkeys(places):
        for name, version in _packages_in(Path(place or os.curdir)):
            if MATTERING.fullmatch(name):
                found.setdefault(name, version)
    return dict(sorted(found.items()))


def _packages_in(folder: Path) -> Iterable[tuple[str, str]]:
    for entry in names_in(folder):
        named = METADATA.fullmatch(entry)
        if named:
            yield _normalised(named["name"]), named["version"]
        elif UNVERSIONED.fullmatch(entry):
            # An editable install of old: the version is inside.
            version = re.search(r"^Version: (\S+)", text_of(folder / entry / "PKG-INFO"), re.MULTILINE)
            yield _normalised(entry.removesuffix(".egg-info")), version[1] if version else ""


def checkout_of(program: Path) -> str:
    """The folder that the program's packages lie in, if pip could install it from there; else ""."""
    return str(program) if (program / "pyproject.toml").is_file() else ""


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _manager(prefix: str, base: str) -> Literal["venv", "conda", "system"]:
    if prefix != base:
        return "venv"
    return "conda" if os.path.isdir(Path(prefix) / "conda-meta") else "system"


def _start_method() -> str:
    """Nothing can have fixed it where multiprocessing was never imported, and this does not import it."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is None:
        return ""
    return multiprocessing.get_start_method(allow_none=True) or ""

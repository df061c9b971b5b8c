"""Collectors for the driver's library, libcuda.so.1: which file the loader would take, and whether it starts.

It is loaded in a child process only: it may hang or crash, and this process must stay without CUDA. `root` is replaced
in tests.
"""

from __future__ import annotations

import json
import os
import platform
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from checks.facts.reading import ROOT, inside, outside

NAME = "libcuda.so.1"
# Where drivers are put; the loader knows the last ones only if it is told to.
USUAL_FOLDERS = (
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/wsl/lib",
    "/usr/lib64-nvidia",
    "/usr/local/nvidia/lib64",
    "/run/opengl-driver/lib",
)
CACHE_MAGIC = b"glibc-ld.so.cache1.1"
CACHE_HEADER, CACHE_ENTRY = 48, "<iIIIQ"
LARGEST_CACHE = 16 * 1024 * 1024
# The kind of library that the loader's cache notes beside each name: for 64-bit processes of these machines.
CACHE_KINDS = {"x86_64": 0x0303, "aarch64": 0x0A03}
# Waking up many GPUs without the persistence daemon takes seconds for each.
SECONDS = 20.0
CHILD = """
import ctypes, json
def say(**words):
    print(json.dumps(words), flush=True)
try:
    library = ctypes.CDLL("libcuda.so.1")
except OSError as error:
    say(error=str(error))
else:
    with open("/proc/self/maps") as maps:
        loaded = [line.split(None, 5)[5].strip() for line in maps if "/libcuda.so" in line]
    say(loaded=loaded[0] if loaded else "")
    say(cuinit=library.cuInit(0))
"""


@dataclass(frozen=True)
class Start:
    """What came of loading libcuda.so.1 and calling cuInit(0).

    Args:
        loaded: the file that was loaded, "" where that is not known.
        error: the loader's words where it could not be loaded.
        cuinit: what cuInit(0) returned, None where it did not return.
    """

    loaded: str = ""
    error: str = ""
    cuinit: int | None = None


def find_libcuda(root: Path = ROOT, environment: Mapping[str, str] | None = None) -> str:
    """The file that a program would load as libcuda.so.1, links followed; else one in a usual place; else ""."""
    environment = os.environ if environment is None else environment
    told = [folder for folder in environment.get("LD_LIBRARY_PATH", "").split(":") if folder.startswith("/")]
    places = [f"{folder}/{NAME}" for folder in told]
    places += _cached(root)
    places += [f"{folder}/{NAME}" for folder in USUAL_FOLDERS]
    for place in places:
        if os.path.exists(inside(root, place)):
            return outside(root, inside(root, place))
    return ""


def start_libcuda(seconds: float = SECONDS, child: str = CHILD) -> Start:
    """Load the library and call cuInit(0), in a child process.

    Args:
        seconds: how long it may take; what was said until then counts.
        child: the child's program; tests replace it.
    """
    if not sys.executable:
        return Start()
    command = [sys.executable, "-I", "-S", "-c", child]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL)
        output = done.stdout
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
    except OSError:
        return Start()
    said: dict[str, str | int] = {}
    for line in output.splitlines():
        try:
            said.update(json.loads(line))
        except (ValueError, TypeError):
            continue  # what the library itself prints
    cuinit = said.get("cuinit")
    return Start(
        loaded=str(said.get("loaded", "")),
        error=str(said.get("error", "")),
        cuinit=cuinit if isinstance(cuinit, int) else None,
    )


def _cached(root: Path) -> Iterator[str]:
    """Where the loader's cache (/etc/ld.so.cache) says that the library is, best first."""
    try:
        with (root / "etc/ld.so.cache").open("rb") as file:
            cache = file.read(LARGEST_CACHE)
    except OSError:
        return
    # An older cache may precede this one; offsets count from here.
    cache = cache[max(0, cache.find(CACHE_MAGIC)) :]
    wanted = CACHE_KINDS.get(platform.machine())
    if not cache.startswith(CACHE_MAGIC) or len(cache) < CACHE_HEADER:
        return
    (count,) = struct.unpack_from("<I", cache, len(CACHE_MAGIC))
    end = min(CACHE_HEADER + count * struct.calcsize(CACHE_ENTRY), len(cache))
    whole = end - (end - CACHE_HEADER) % struct.calcsize(CACHE_ENTRY)
    for kind, name, path, _, _ in struct.iter_unpack(CACHE_ENTRY, cache[CACHE_HEADER:whole]):
        if (wanted is None or kind == wanted) and _word(cache, name) == NAME:
            yield _word(cache, path)


def _word(cache: bytes, start: int) -> str:
    return cache[start : max(start, cache.find(b"\0", start))].decode("utf-8", "replace")

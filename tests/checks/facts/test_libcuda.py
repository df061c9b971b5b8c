"""Which libcuda a program would load, and what a child process says of it."""

from __future__ import annotations

import platform
import struct
from pathlib import Path

import pytest

from checks.facts.libcuda import Start, find_libcuda, start_libcuda
from tests.checks.facts.fakes import files

MAGIC = b"glibc-ld.so.cache1.1"
OLD = b"ld.so-1.7.0\0" + struct.pack("<I", 0)


def cache(*entries: tuple[int, str, str], before: bytes = b"") -> bytes:
    """A loader's cache as glibc writes it: header, entries, then the words that they point to."""
    words, places = b"", []
    start = 48 + 24 * len(entries)
    for kind, name, path in entries:
        places.append((kind, start + len(words), start + len(words) + len(name) + 1, 0, 0))
        words += f"{name}\0{path}\0".encode()
    header = MAGIC + struct.pack("<II", len(entries), len(words)) + bytes(20)
    return before + header + b"".join(struct.pack("<iIIIQ", *place) for place in places) + words


@pytest.fixture(autouse=True)
def intel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def test_none(tmp_path: Path) -> None:
    assert find_libcuda(tmp_path, {}) == ""


def test_a_usual_place_with_its_links_followed(tmp_path: Path) -> None:
    root = files(tmp_path, {"usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14": ""})
    (root / "usr/lib/x86_64-linux-gnu/libcuda.so.1").symlink_to("libcuda.so.550.54.14")
    assert find_libcuda(root, {}) == "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14"


def test_the_users_path_comes_before_the_cache_and_that_before_usual_places(tmp_path: Path) -> None:
    places = ("opt/stubs", "opt/driver", "usr/lib64")
    root = files(tmp_path, {f"{place}/libcuda.so.1": "" for place in places})
    files(root, {"etc/ld.so.cache": cache((0x303, "libcuda.so.1", "/opt/driver/libcuda.so.1"), before=OLD)})
    assert find_libcuda(root, {"LD_LIBRARY_PATH": ":relative:/nowhere:/opt/stubs"}) == "/opt/stubs/libcuda.so.1"
    assert find_libcuda(root, {"LD_LIBRARY_PATH": ""}) == "/opt/driver/libcuda.so.1"


def test_the_caches_entries_for_other_machines_and_lost_files_are_passed_over(tmp_path: Path) -> None:
    entries = [
        (0x003, "libcuda.so.1", "/lib32/libcuda.so.1"),
        (0x303, "libcuda.so.1", "/gone/libcuda.so.1"),
        (0x303, "libcuda.so", "/dev-only/libcuda.so"),
        (0x303, "libcuda.so.1", "/opt/driver/libcuda.so.1"),
    ]
    places = ("lib32/libcuda.so.1", "dev-only/libcuda.so", "opt/driver/libcuda.so.1")
    root = files(tmp_path, {"etc/ld.so.cache": cache(*entries), **dict.fromkeys(places, "")})
    assert find_libcuda(root, {}) == "/opt/driver/libcuda.so.1"


def test_places_that_cannot_be_asked_for(tmp_path: Path) -> None:
    root = files(tmp_path, {"usr/lib64/libcuda.so.1": ""})
    assert find_libcuda(root, {"LD_LIBRARY_PATH": "/" + "x" * 300}) == "/usr/lib64/libcuda.so.1"


@pytest.mark.parametrize(
    "content", [b"", b"glibc", MAGIC, MAGIC + b"\xff" * 40, b"\0" * 500, cache((0x303, "x", "y"))[:60]]
)
def test_a_broken_cache(tmp_path: Path, content: bytes) -> None:
    root = files(tmp_path, {"etc/ld.so.cache": content, "usr/lib64/libcuda.so.1": ""})
    assert find_libcuda(root, {}) == "/usr/lib64/libcuda.so.1"


def test_an_answer() -> None:
    child = 'print(\'noise\\n{"loaded": "/usr/lib/libcuda.so.1"}\\n{"cuinit": 999}\')'
    assert start_libcuda(child=child) == Start(loaded="/usr/lib/libcuda.so.1", cuinit=999)


def test_a_library_that_cannot_be_loaded() -> None:
    child = 'print(\'{"error": "libcuda.so.1: cannot open shared object file"}\')'
    assert start_libcuda(child=child) == Start(error="libcuda.so.1: cannot open shared object file")


def test_a_crash_and_a_hang_leave_what_was_said() -> None:
    said = 'import os, time; print(\'{"loaded": "/x/libcuda.so.1"}\', flush=True); '
    assert start_libcuda(child=said + "os.kill(os.getpid(), 11)") == Start(loaded="/x/libcuda.so.1")
    assert start_libcuda(0.5, child=said + "time.sleep(60)") == Start(loaded="/x/libcuda.so.1")


def test_the_real_child_reports_in_its_own_words() -> None:
    """With or without a driver on the machine that runs the tests."""
    start = start_libcuda()
    assert bool(start.error) != (start.cuinit is not None)

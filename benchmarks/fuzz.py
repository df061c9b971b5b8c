"""Damaged and hostile files against the readers of files that others made, seeded.

    python benchmarks/fuzz.py --cases 50000 --seed 7

Every case must end in a correct load or in a typed error, in little time and memory, without a new module or file. The
cases run in a process of their own, which may take 2 GiB beyond what it has at the start. Files that break a rule are
kept, and named at the end. `tests/sherf_core/io/test_fuzz.py` runs a small number of them with each run of the tests.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from checks.facts.checkpoints import checkpoint_facts  # noqa: E402
from sherf_core.body.convert import convert_body  # noqa: E402
from sherf_core.errors import SherfError  # noqa: E402
from sherf_core.io import convert  # noqa: E402
from sherf_core.io.safe_pickle import load_numpy  # noqa: E402
from sherf_core.io.sniff import inspect_pickle  # noqa: E402
from tests.sherf_core.io import fuzz_files, published_files  # noqa: E402

MEMORY = 2 << 30
SECONDS = 20
LONGEST_MESSAGE = 5000
OURS = ("sherf_core", "encodings.")
"""What a reader may import while it reads: its own parts, and the codecs of texts."""
Reader = Callable[[Path, Path], None]


class TooSlow(BaseException):
    """A case took longer than any may; no reader's `except` catches it."""


@dataclass(frozen=True)
class Kind:
    """Files of one kind: a whole one, hostile ones by name, and what reads them."""

    whole: bytes
    suffix: str
    hostile: dict[str, bytes]
    read: Reader


def _checkpoint(path: Path, target: Path) -> None:
    inspect_pickle(path)
    checkpoint_facts(path, published_files.EXPECTED)
    convert.convert_checkpoint(path, target.with_suffix(".safetensors"))


def _body(path: Path, target: Path) -> None:
    inspect_pickle(path)
    convert_body(path, target.with_suffix(".npz"))


def _header(path: Path, _target: Path) -> None:
    facts = checkpoint_facts(path, published_files.EXPECTED)
    if facts.problem:
        raise SherfError(facts.found, code=facts.problem)


def _arrays(path: Path, _target: Path) -> None:
    load_numpy(path)


READERS: dict[str, Reader] = {
    "checkpoint": _checkpoint,
    "body of Python 2": _body,
    "body of protocol 4": _body,
    "npy of objects": _arrays,
    "npz of objects": _arrays,
    "safetensors": _header,
}


def kinds() -> dict[str, Kind]:
    """All kinds of files, by name."""
    return {
        name: Kind(sample.whole, sample.suffix, sample.hostile, READERS[name])
        for name, sample in fuzz_files.samples().items()
    }


def cases(kind: Kind, count: int, chooser: random.Random) -> Iterator[tuple[str, bytes]]:
    """What was done to the file, and its content: hostile ones, cuts at each hundredth, then `count` of damage."""
    yield "whole", kind.whole
    for name, content in kind.hostile.items():
        yield f"hostile: {name}", content
    for percent in range(100):
        yield "cut", kind.whole[: len(kind.whole) * percent // 100]
    for _ in range(count):
        yield fuzz_files.damaged(kind.whole, chooser)


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow


def run(seed: int, count: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Run `count` cases of damage of each kind beside the fixed ones; what became of them, and which broke a rule.

    Files of those that did stay in `folder`.
    """
    convert.manifest = lambda: published_files.EXPECTED  # type: ignore[attr-defined, assignment]
    signal.signal(signal.SIGALRM, _too_slow)
    results: Counter[str] = Counter()
    complaints: list[str] = []
    for name, kind in kinds().items():
        chooser = random.Random(f"{seed} {name}")
        work = folder / name
        work.mkdir()
        _one(kind, work, kind.whole)  # imports what an honest file makes it import
        for what, content in cases(kind, count, chooser):
            before, started = set(sys.modules), time.perf_counter()
            try:
                outcome = _one(kind, work, content)
                new = {module for module in set(sys.modules) - before if not module.startswith(OURS)}
                assert not new, f"imported {new}"
                assert what != "whole" or outcome == "loaded", "the whole file was refused"
            except AssertionError as error:
                kept = folder / f"broken {len(complaints)}{kind.suffix}"
                kept.write_bytes(content)
                complaints.append(f"{name}, {what}: {error}; see {kept}")
                outcome = "broke a rule"
            results[f"{name}, {what.partition(':')[0]}: {outcome}"] += 1
            slowest = f"slowest {name}, in ms"
            results[slowest] = max(results[slowest], round(1000 * (time.perf_counter() - started)))
        shutil.rmtree(work)
    return results, complaints


def _one(kind: Kind, work: Path, content: bytes) -> str:
    """Write the file into an empty folder, read it and empty the folder; whether it was "loaded" or "refused".

    Raises:
        AssertionError: a rule was broken.
    """
    path, target = work / f"case{kind.suffix}", work / "out" / "target"
    path.write_bytes(content)
    signal.alarm(SECONDS)
    try:
        kind.read(path, target)
    except SherfError as error:
        outcome, words = "refused", str(error)
    except BaseException as error:
        where = traceback.format_exc()[-1500:]
        raise AssertionError(f"{type(error).__name__}: {error}\n{where}") from error
    else:
        outcome, words = "loaded", ""
    finally:
        signal.alarm(0)
        left = sorted(str(entry.relative_to(work)) for entry in work.rglob("*") if entry.is_file() and entry != path)
        shutil.rmtree(work)
        work.mkdir()
    assert len(words) < LONGEST_MESSAGE, f"a message of {len(words)} characters"
    allowed = 1 if outcome == "loaded" else 0
    assert len(left) <= allowed, f"{outcome}, and left {left}"
    return outcome


def _limit_memory() -> None:
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))


def main() -> int:
    """Run, and print what became of the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="of damage, over all kinds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    _limit_memory()
    started = time.perf_counter()
    results, complaints = run(options.seed, options.cases // len(READERS), folder)
    for name, count in sorted(results.items()):
        print(f"{count:8,}  {name}")
    total = sum(count for name, count in results.items() if not name.startswith("slowest"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{total} cases in {time.perf_counter() - started:.1f} s, peak {peak:.0f} MB, seed {options.seed}")
    print("\n".join(complaints))
    if not complaints:
        shutil.rmtree(folder)
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main())

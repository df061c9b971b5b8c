"""Turn a checkpoint of the published code into `.safetensors`, whole or not at all, one tensor in memory at a time."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache as remembered
from itertools import chain
from pathlib import Path

import numpy as np

from sherf_core.errors import CheckpointError
from sherf_core.io.atomic import atomic_write, write_text
from sherf_core.io.digest import sha256
from sherf_core.io.manifest import TensorShape, manifest, misfit, require_fit
from sherf_core.io.published import PublishedNetwork, read_published
from sherf_core.io.sniff import FileKind, inspect_pickle, sniff
from sherf_core.io.stored_tensors import StoredTensor

CONVERTER_VERSION = "1"
"""Changes when the same source would give another file; part of the cache's key."""
CACHE_VARIABLE = "SHERFCTL_CACHE"
_HALF = "F16"
_FLOATING = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class Converted:
    """What a conversion wrote.

    Args:
        path: the new file.
        sha256: of the new file.
        source_sha256: of the checkpoint.
        tensors: how many were written.
        left_out: how many of the network's were not, because the model never uses them.
    """

    path: Path
    sha256: str
    source_sha256: str
    tensors: int
    left_out: int


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a file is meant as a checkpoint, not as a body: by what a pickle names, or else by the file's name."""
    path = Path(path)
    kind = sniff(path).kind
    if kind is FileKind.PICKLE:
        return any(name.startswith(("torch", "training.")) for name in inspect_pickle(path).globals)
    return kind is FileKind.SAFETENSORS or path.name.lower().startswith("sherf")


def check_published(source: str | os.PathLike[str], which: str = "G") -> PublishedNetwork:
    """A network of a published checkpoint, if its tensors are the model's by name, shape and type; none is read.

    Raises:
        CheckpointError, UnsafePickleError: as `read_published`; CKPT.KEYS if the network is not the published model.
    """
    source, expected = Path(source), manifest()
    network = read_published(source, which)
    require_fit(source, {name: tensor.shape for name, tensor in network.tensors.items()}, expected)
    _require_types(source, network, expected)
    return network


def convert_checkpoint(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, which: str = "G", half: bool = False
) -> Converted:
    """Write one network of a published checkpoint as safetensors, in the manifest's names, order and layout.

    The metadata hold the source's sha256, the network's name and its settings.

    Args:
        source: `SHERF_*.pkl`.
        target: the file to write; it takes the place of an older one.
        which: `G`, the raw weights that the published evaluation uses, or `G_ema`.
        half: store floating point numbers in 16 bits.

    Raises:
        CheckpointError, UnsafePickleError: as `read_published`; CKPT.KEYS if the network is not the published model,
            or a number does not fit 16 bits.
    """
    source, target = Path(source), Path(target)
    before, digest = _fingerprint(source, which)
    if target.exists() and target.samefile(source):
        raise CheckpointError(
            f"{source} would be replaced by its own conversion",
            expected="another name for the new file",
            fix="write it beside the checkpoint, as .safetensors",
            code="CKPT.FILE",
            path=source,
        )
    return _write(source, target, which, digest, before, half=half)


def _write(
    source: Path,
    target: Path,
    which: str,
    digest: str,
    before: tuple[int, ...],
    *,
    half: bool = False,
) -> Converted:
    network, expected = check_published(source, which), manifest()
    metadata = {
        "format": "pt",
        "converter": CONVERTER_VERSION,
        # A name of bytes that are no text would make a header that nobody can read.
        "source": os.fsencode(source.name).decode(errors="replace"),
        "source_sha256": digest,
        "network": which,
        "settings": json.dumps(network.settings, sort_keys=True),
    }
    header: dict[str, object] = {"__metadata__": metadata}
    end = 0
    for name, shape in expected.items():
        dtype = _dtype(network.tensors[name], half)
        start, end = end, end + math.prod(shape.shape) * (2 if dtype == _HALF else network.tensors[name].width)
        header[name] = {"dtype": dtype, "shape": shape.shape, "data_offsets": [start, end]}
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)  # the numbers start at a multiple of 8 bytes
    written = hashlib.sha256()
    with atomic_write(target) as temporary, temporary.open("wb") as out:
        start_of_file = (len(encoded).to_bytes(8, "little"), encoded)
        for content in chain(start_of_file, _contents(source, network, expected, half)):
            out.write(content)
            written.update(content)
        if _state_of(source) != before:
            raise _changed(source)
    return Converted(target, written.hexdigest(), digest, len(expected), len(network.tensors) - len(expected))


def cached_conversion(source: str | os.PathLike[str], *, which: str = "G", cache: Path | None = None) -> Path:
    """The safetensors file of a published checkpoint, converted at the first call and found again by its sha256.

    What was kept is used only if it still has the sha256 that was noted beside it; otherwise it is made again.

    Args:
        source: `SHERF_*.pkl`.
        which: `G` or `G_ema`.
        cache: where conversions are kept, default `cache_folder()`.

    Raises:
        CheckpointError, UnsafePickleError: as `convert_checkpoint`.
        OSError: the cache cannot be written.
    """
    source = Path(source)
    before, digest = _fingerprint(source, which)
    path = (cache or cache_folder()) / "checkpoints" / f"{digest}-{which}-v{CONVERTER_VERSION}.safetensors"
    note = path.with_name(path.name + ".sha256")
    if not _is_as_noted(path, note):
        made = _write(source, path, which, digest, before)
        write_text(note, f"{made.sha256}  {path.name}\n")  # as sha256sum has it
    return path


def _is_as_noted(path: Path, note: Path) -> bool:
    try:
        return path.is_file() and note.is_file() and note.read_bytes()[:64].decode() == sha256(path)
    except (OSError, ValueError):
        return False


def cache_folder() -> Path:
    """Where files that can be made again are kept: $SHERFCTL_CACHE, $XDG_CACHE_HOME/sherfctl or ~/.cache/sherfctl.

    Without a home folder it is one in the temporary folder that is the user's alone.
    """
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE]).expanduser()
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]).expanduser() / "sherfctl"
    try:
        return Path.home() / ".cache" / "sherfctl"
    except RuntimeError:  # no home folder
        return _private_folder(Path(tempfile.gettempdir()) / f"sherfctl-cache-{os.getuid()}")


@remembered
def _private_folder(path: Path) -> Path:
    """`path`, made if need be; a new temporary folder where others own it or may look into it."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        facts = path.lstat()  # not through a link, which anyone can lay
        if stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and stat.S_IMODE(facts.st_mode) == 0o700:
            return path
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="sherfctl-cache-"))


def _contents(source: Path, network: PublishedNetwork, expected: dict[str, TensorShape], half: bool) -> Iterator[bytes]:
    """The bytes of each tensor in the manifest's order, one in memory at a time."""
    with source.open("rb") as file:
        for name, shape in expected.items():
            tensor = network.tensors[name]
            try:
                array = tensor.read(file)
            except EOFError as error:
                raise _changed(source) from error
            if array.shape != shape.shape:  # spconv 1.x: (kz, ky, kx, in, out)
                array = np.ascontiguousarray(array.transpose(4, 0, 1, 2, 3))
            yield _halved(source, name, tensor, array) if _dtype(tensor, half) != tensor.dtype else array.tobytes()


def _halved(source: Path, name: str, tensor: StoredTensor, array: np.ndarray) -> bytes:
    if tensor.dtype == "BF16":  # the upper half of a float32
        real = (array.astype(np.uint32) << 16).view(np.float32)
    else:
        real = array.view(f"<f{tensor.width}")
    with np.errstate(over="ignore"):
        rounded = real.astype("<f2")
    lost = np.abs(real[np.isinf(rounded) & np.isfinite(real)])
    if lost.size:
        raise CheckpointError(
            f"{source}: {name} has numbers up to {lost.max():.3g}, which do not fit 16 bits",
            expected="numbers up to 65504",
            fix="convert it without --half",
            code="CKPT.KEYS",
            path=source,
        )
    return rounded.tobytes()


def _fingerprint(source: Path, which: str) -> tuple[tuple[int, ...], str]:
    if not source.is_file():
        check_published(source, which)  # says what it is; a pipe would be waited for
    try:
        return _state_of(source), sha256(source)
    except OSError:
        check_published(source, which)  # says what is wrong with the file
        raise


def _state_of(source: Path) -> tuple[int, ...]:
    """What changes when the file does."""
    facts = source.stat()
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _changed(source: Path) -> CheckpointError:
    return CheckpointError(
        f"{source} was changed while it was read",
        expected="a file that stays as it is",
        fix="wait until its download has ended, then try again",
        code="CKPT.FILE",
        path=source,
    )


def _dtype(tensor: StoredTensor, half: bool) -> str:
    return _HALF if half and tensor.dtype in _FLOATING else tensor.dtype


def _require_types(source: Path, network: PublishedNetwork, expected: dict[str, TensorShape]) -> None:
    wrong = [
        f"{name} {network.tensors[name].dtype} instead of {shape.dtype}"
        for name, shape in expected.items()
        if (network.tensors[name].dtype in _FLOATING) != shape.dtype.startswith("float")
    ]
    if wrong:
        raise misfit(source, {"of the wrong type": wrong}, expected)

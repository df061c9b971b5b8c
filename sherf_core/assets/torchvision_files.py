"""torchvision's weights: VGG16 for LPIPS and the perceptual loss, ResNet-18 for training from ImageNet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from sherf_core.assets.catalogue import TorchFile, asset, torch_file
from sherf_core.assets.install import Installed, Origin, register
from sherf_core.assets.mirror import server_from
from sherf_core.assets.placing import Placed, require_free
from sherf_core.assets.recognise import Candidate
from sherf_core.assets.torch_places import FOLDER, torch_file_candidates
from sherf_core.assets.transport import Policy, Progress, Remote, download
from sherf_core.io.digest import sha256
from sherf_core.io.sniff import FileKind

SERVER_VARIABLE = "SHERFCTL_TORCH_URL"
"""Another server with torchvision's files: a mirror, or a test. The sums in the names hold for it too."""


def published(name: str) -> TorchFile:
    """torchvision's file for an asset, on the server that is to be asked.

    Raises:
        ConfigurationError: SHERFCTL_TORCH_URL is no server that may be asked.
    """
    known = torch_file(name)
    return replace(known, server=server_from(SERVER_VARIABLE, known.server))


def whole_copy(name: str, roots: Iterable[Path]) -> Path | None:
    """A copy in the usual places whose sum is right, or None."""
    known = torch_file(name)
    for path in torch_file_candidates(known.name, roots):
        if path.is_file() and sha256(path).startswith(known.digits):
            return path
    return None


def fetch_torch_file(
    name: str,
    root: Path,
    origin: Origin,
    *,
    policy: Policy | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Installed:
    """Fetch torchvision's file for the asset `perceptual` or `resnet` (or go on with it), and put it in place.

    Raises:
        FetchError: the server, the network, the disk, or a sum that is not the one in the name.
    """
    known = published(name)
    target = root / FOLDER / known.name
    candidate = Candidate(name, target)
    if target.exists():
        digest = sha256(target) if target.is_file() else ""
        # Another file there is an error, asked for before half a gigabyte is fetched.
        require_free(target, digest if digest.startswith(known.digits) else "")
        return register(candidate, root, Placed(target, target.stat().st_size, digest, new=False), origin)
    target.parent.mkdir(parents=True, exist_ok=True)
    remote = Remote(
        url=known.address, size=asset(name).bytes, sha256=known.digits, kinds=(FileKind.PICKLE, FileKind.ZIP)
    )
    done = download(remote, target, policy=policy or Policy(), on_progress=on_progress)
    return register(candidate, root, Placed(target, done.bytes, done.sha256, new=True), origin)

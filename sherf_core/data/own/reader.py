"""Reader of the user's own people, as data.json tells of them."""

from __future__ import annotations

from pathlib import Path

from sherf_core.data.own.layout import OwnFrame, read_own
from sherf_core.data.reader import Stored, StoredReader
from sherf_core.errors import DatasetError


class OwnData(StoredReader):
    """Frames of a folder with a data.json.

    Args:
        root: that folder.
        resolution: width of the pictures that `frame` returns, at most the stored one; the height follows.
    """

    code = ""

    def __init__(self, root: Path, *, resolution: int = 512) -> None:
        super().__init__(root, resolution=resolution)
        self.people = read_own(self.root)
        self._frames: dict[str, dict[tuple[int, int], OwnFrame]] = {
            person.name: {(frame.pose, frame.view): frame for frame in person.frames} for person in self.people.people
        }

    def subjects(self) -> list[str]:
        """Names in the file's order."""
        return list(self._frames)

    def list_file(self) -> Path | None:
        """The data.json."""
        return self.people.file

    def views(self, subject: str) -> list[int]:
        """View numbers that the person's frames have."""
        return sorted({view for _, view in self._frames[subject]})

    def poses(self, subject: str) -> list[int]:
        """Pose numbers that the person's frames have."""
        return sorted({pose for pose, _ in self._frames[subject]})

    def needed(self, subject: str, pose: int, view: int) -> tuple[Path, ...] | None:
        """Picture and mask, where there is such a frame."""
        frame = self._frames.get(subject, {}).get((pose, view))
        return None if frame is None else (frame.image, frame.mask)

    def stored(self, subject: str, pose: int, view: int) -> Stored:
        """A frame as it lies on disk."""
        frame = self._frames.get(subject, {}).get((pose, view))
        if frame is None:
            raise DatasetError(
                f"{self.people.file} has no frame of {subject} with pose {pose} and view {view}",
                fix=f"sherfctl data check {self.root}",
                path=self.people.file,
            )
        return Stored(frame.image, frame.mask, frame.camera, frame.body)

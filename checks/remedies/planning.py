"""Which remedies the facts ask for. Pure: nothing is looked at."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from checks.diagnosis import Diagnosis
from checks.facts.files import small_copy_of
from checks.facts.records import Facts, FileFacts
from checks.purpose import EMBEDDED, PUBLISHED
from checks.remedies.remedy import Remedy
from checks.rules.filesystem import WORDS, Sought, twin_of
from checks.rules.smpl import is_absent, neutral_bodies
from sherf_core.data.locations import BODY_FOLDERS, CHECKPOINT_FOLDERS, LOG_FOLDER, checkpoint_name
from sherf_core.data.subjects import LIST_NAME

SOUGHT: tuple[Sought, ...] = ("body", "checkpoint", "data")


def plan(facts: Facts, diagnoses: Iterable[Diagnosis]) -> tuple[Remedy, ...]:
    """What can be done about the findings, in order; empty where nothing can, or all was done.

    Args:
        facts: what was observed.
        diagnoses: what was made of it, for the purposes that matter.
    """
    findings = [finding for diagnosis in diagnoses for finding in diagnosis.findings if not finding.silenced_by]
    found = {finding.id for finding in findings}
    # The demo has weights of its own: then the checkpoint that was looked for is the published one.
    dataset = facts.dataset.name if facts.dataset.name not in ("", EMBEDDED) else PUBLISHED
    remedies = [
        *_permissions(facts, found),
        *_twins(facts, found),
        *_body(facts, found),
        *_checkpoint(facts, found, dataset),
        *_list(facts, found),
        *_small_copy(facts, found),
    ]
    # Two findings may ask for the same.
    return tuple({remedy.target: remedy for remedy in reversed(remedies)}.values())[::-1]


def _permissions(facts: Facts, found: set[str]) -> Iterator[Remedy]:
    for identifier, file in (("SMPL.MISSING", facts.body), ("CKPT.MISSING", facts.checkpoint)):
        if identifier in found and file is not None and not file.readable and file.owned:
            yield _chmod(identifier, f"let yourself read {file.path}", "u+r", "u-r", file.path)
    disk = facts.disk
    if "SYS.DISK" in found and disk.writable is False and disk.owned and not disk.read_only:
        yield _chmod("SYS.DISK", f"let yourself write in {disk.path}", "u+rwx", "u-w", disk.path)


def _chmod(identifier: str, words: str, change: str, back: str, path: str) -> Remedy:
    undo = f"chmod {back} {shlex.quote(path)}"
    return Remedy(identifier, f"{words} (chmod {change})", "chmod", "", path, undo)


def _twins(facts: Facts, found: set[str]) -> Iterator[Remedy]:
    if "FS.CASE" not in found:
        return
    for what in SOUGHT:
        twin = twin_of(facts, what)
        if twin is not None:
            yield _link("FS.CASE", WORDS[what], twin.found, twin.wanted)


def _body(facts: Facts, found: set[str]) -> Iterator[Remedy]:
    identifier = next((name for name in ("SMPL.RENAMED", "SMPL.MISSING") if name in found), "")
    if not identifier or not is_absent(facts.body):
        return
    for body in neutral_bodies(facts):
        if not body.member:
            place = body.place or f"{BODY_FOLDERS[0]}/SMPL_NEUTRAL{PurePath(body.path).suffix.lower()}"
            yield _link(identifier, WORDS["body"], body.path, place)
            return


def _checkpoint(facts: Facts, found: set[str], dataset: str) -> Iterator[Remedy]:
    """Weights that lie elsewhere, and those deep in the logs of a training, get their usual place.

    The latter are found without it, after a walk; so there may be no finding of that name.
    """
    name = checkpoint_name(dataset)
    source = ""
    if "CKPT.MISSING" in found:
        source = next((path for path in facts.work.stray_checkpoints if _stem(path) == name.lower()), "")
    elif (
        facts.checkpoint is not None and _is_in_logs(facts.checkpoint) and _stem(facts.checkpoint.path) == name.lower()
    ):
        source = facts.checkpoint.path
    if source:
        place = f"{CHECKPOINT_FOLDERS[0]}/{name}{PurePath(source).suffix.lower()}"
        yield _link("CKPT.MISSING", WORDS["checkpoint"], source, place)


def _stem(path: str) -> str:
    return PurePath(path).stem.lower()


def _is_in_logs(file: FileFacts) -> bool:
    folder = PurePath(file.path).parent
    usual = any(folder.parts[-len(PurePath(name).parts) :] == PurePath(name).parts for name in CHECKPOINT_FOLDERS)
    return LOG_FOLDER in folder.parts and not usual and file.problem in {"", "CKPT.PERSISTENCE"}


def _list(facts: Facts, found: set[str]) -> Iterator[Remedy]:
    if "DATA.LIST" not in found or not facts.dataset.exists or facts.dataset.list_file:
        return
    target = str(PurePath(facts.dataset.root) / LIST_NAME)
    words = f"write {target}: the people's folders, by name, as the published list has them"
    yield Remedy("DATA.LIST", words, "write", facts.dataset.root, target, _remove(target))


def _small_copy(facts: Facts, found: set[str]) -> Iterator[Remedy]:
    body = facts.body
    if "SMPL.SHAPEDIRS300" not in found or body is None or body.problem or body.small_copy:
        return
    target = str(small_copy_of(PurePath(body.path)))
    words = (
        f"write {target}: a copy with 10 shape components, for programs that cannot take {body.shape_components} "
        "(here the original stays in use, and needs no copy)"
    )
    yield Remedy("SMPL.SHAPEDIRS300", words, "copy", body.path, target, _remove(target))


def _link(identifier: str, what: str, source: str, target: str) -> Remedy:
    return Remedy(identifier, f"link {what}: {target} to {source}", "link", source, target, _remove(target))


def _remove(path: str) -> str:
    return f"rm {shlex.quote(path)}"

"""The SMPL body file: is it there, is it the neutral one. What is in it: smpl_content.py."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from checks.catalogue.smpl import GET_SMPL, PLACE_SMPL, SMPLIFY_SITE
from checks.facts.named_bodies import PUBLISHED_NAME, body_named
from checks.facts.records import Facts, FileFacts, NamedBody
from checks.findings import Finding, Severity
from checks.machine_commands import as_root, python_of
from checks.purpose import Purpose
from checks.rules.filesystem import twin_of
from checks.rules.registry import found, rule, user_files
from sherf_core.assets.catalogue import known_body

SHOWN = 5


def neutral_bodies(facts: Facts) -> list[NamedBody]:
    """Neutral bodies under other names or in other places, unpacked ones first."""
    neutral = [body for body in facts.named_bodies if body.gender == "neutral"]
    return sorted(neutral, key=lambda body: bool(body.member))


def is_absent(body: FileFacts | None) -> bool:
    """Whether there is no file: none of the name, or a link that leads nowhere."""
    return body is None or body.problem == "SMPL.MISSING"


def body_steps(facts: Facts, body: NamedBody) -> tuple[str, ...]:
    """How that file becomes the one that is used. What is used until now is found first wherever it lies, so it makes
    way: under another name, as it may be worth something.
    """
    place = body.place or f"assets/SMPL_NEUTRAL{PurePath(body.member or body.path).suffix.lower()}"
    return (*_freed(facts), *(_unpacked(facts, body, place) if body.member else _linked(body.path, place)))


def _freed(facts: Facts) -> tuple[str, ...]:
    if facts.body is None:
        return ()
    path = shlex.quote(facts.body.path)
    if is_absent(facts.body):
        return (f"$ rm {path}    # a link that leads nowhere",)
    return (f"$ mv {path} {path}.old",)


def _linked(path: str, place: str) -> tuple[str, ...]:
    folder = PurePath(place).parent
    made = "" if folder == PurePath(path).parent else f"mkdir -p {shlex.quote(str(folder))} && "
    return (f"$ {made}ln -s {shlex.quote(path)} {shlex.quote(place)}",)


def _unpacked(facts: Facts, body: NamedBody, place: str) -> tuple[str, ...]:
    # An archive with the body's name has just made way.
    archive = f"{body.path}.old" if facts.body is not None and facts.body.path == body.path else body.path
    folder = shlex.quote(str(PurePath(place).parent))
    return (
        f"$ {python_of(facts)} -m zipfile -e {shlex.quote(archive)} smpl_unpacked",
        f"$ mkdir -p {folder} && mv {shlex.quote('smpl_unpacked/' + body.member)} {shlex.quote(place)}",
    )


@rule("SMPL.MISSING")
def body_missing(facts: Facts, purpose: Purpose) -> list[Finding]:
    """There is no body file of the user's: fine with the embedded body, unless the data set needs SMPL."""
    if twin_of(facts, "body") is not None:
        return []
    if facts.body is not None and not facts.body.readable:
        return _unreadable(facts, facts.body, purpose)
    if not is_absent(facts.body):
        return []
    evidence = [facts.body.found] if facts.body is not None else []
    evidence.append(
        "the embedded free body is used" if purpose.is_embedded else f"{purpose.dataset} was fitted with SMPL"
    )
    near = neutral_bodies(facts)
    if not near:
        return found("SMPL.MISSING", user_files(purpose), evidence)
    body = near[0]
    evidence.append(f"{body.path} holds {body.member}" if body.member else f"found {body.path}")
    return found("SMPL.MISSING", user_files(purpose), evidence, fix=body_steps(facts, body))


def _unreadable(facts: Facts, body: FileFacts, purpose: Purpose) -> list[Finding]:
    evidence = [f"{body.path} is there, and you may not read it"]
    return found("SMPL.MISSING", user_files(purpose), evidence, fix=[reading_allowed(facts, body)])


def reading_allowed(facts: Facts, file: FileFacts) -> str:
    """The step after which the file can be read."""
    path = shlex.quote(file.path)
    return f"$ chmod u+r {path}" if file.owned else as_root(facts, f"chmod a+r {path}")


@rule("SMPL.RENAMED")
def body_renamed(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The body is there under its publisher's name."""
    if not is_absent(facts.body) or twin_of(facts, "body") is not None:
        return []
    renamed = [
        body for body in neutral_bodies(facts) if not body.member and PUBLISHED_NAME.fullmatch(PurePath(body.path).name)
    ]
    if not renamed:
        return []
    evidence = [f"found {body.path}" for body in renamed[:SHOWN]]
    return found("SMPL.RENAMED", user_files(purpose), evidence, fix=body_steps(facts, renamed[0]))


@rule("SMPL.NO_NEUTRAL")
def no_neutral(facts: Facts, purpose: Purpose) -> list[Finding]:
    """Bodies of men and women are there, the neutral one is not."""
    if not is_absent(facts.body) or not facts.named_bodies or neutral_bodies(facts):
        return []
    if twin_of(facts, "body") is not None:
        return []
    evidence = [
        f"{body.gender}: {body.path}" + (f" ({body.member})" if body.member else "")
        for body in facts.named_bodies[:SHOWN]
    ]
    if any(body.version == "1.1.0" for body in facts.named_bodies):
        first = "take the neutral body out of the same archive, SMPL_python_v.1.1.0.zip: it lies beside the others"
        return found("SMPL.NO_NEUTRAL", user_files(purpose), evidence, fix=[first, PLACE_SMPL])
    if any(body.version == "1.0.0" for body in facts.named_bodies):
        evidence.append("the archive of SMPL 1.0.0 has no neutral body")
    fix = (*GET_SMPL, f"or take the neutral body of 1.0.0 out of SMPLify's archive: {SMPLIFY_SITE}")
    return found("SMPL.NO_NEUTRAL", user_files(purpose), evidence, fix=fix)


@rule("SMPL.GENDER")
def wrong_gender(facts: Facts, purpose: Purpose) -> list[Finding]:
    """The file that is named neutral is a man's or a woman's: by its fingerprint, or by where a link leads."""
    if facts.body is None or facts.body.problem:
        return []
    known = known_body(facts.body.sha256)
    linked = body_named(PurePath(facts.body.leads_to).name) if facts.body.leads_to else None
    if known is not None:
        if known.gender == "neutral":
            return []
        evidence = f"{facts.body.path} is {known} (sha256 {known.sha256[:12]}…)"
    elif linked is not None and linked[0] != "neutral":
        evidence = f"{facts.body.path} is a link to {facts.body.leads_to}"
    else:
        return []
    near = neutral_bodies(facts)
    fix = body_steps(facts, near[0]) if near else None
    severity = user_files(purpose, otherwise=Severity.WARN)
    return found("SMPL.GENDER", severity, [evidence], fix=fix, path=shlex.quote(facts.body.path))


@rule("SMPL.RP_NAME")
def unneeded_name(facts: Facts, purpose: Purpose) -> list[Finding]:
    """A body that the published code names and never opens."""
    return found("SMPL.RP_NAME", Severity.INFO, facts.work.unneeded_bodies) if facts.work.unneeded_bodies else []

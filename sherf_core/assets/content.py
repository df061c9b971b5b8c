"""Is it the file that was asked for: recognised by its first bytes, before anything is put in place."""

from __future__ import annotations

from pathlib import Path

from sherf_core.assets.remote import Remote, host_of, readable
from sherf_core.errors import FetchError
from sherf_core.io.sniff import FileFacts, FileKind, recognise


def require_content(remote: Remote, target: Path, head: bytes, size: int | None, content_type: str = "") -> None:
    """Refuse what is no such file.

    Args:
        remote: says what is expected.
        target: where the file would go.
        head: its first bytes (1,024, or all there are).
        size: its bytes, None if not yet known.
        content_type: the server's word for it; it counts only where the bytes are not of an expected kind.

    Raises:
        FetchError: FETCH.LOGIN, FETCH.HTML, FETCH.LFS, FETCH.SIZE (empty) or FETCH.KIND.
    """
    facts = recognise(target, head, size or 0)
    if facts.kind in remote.kinds:
        return
    host = host_of(remote.url)
    if facts.kind is FileKind.EMPTY:
        raise FetchError(
            f"{host} sent an empty file for {target.name}",
            expected=_expected(remote),
            fix="try again later; if it stays so, get the file another way",
            code="FETCH.SIZE",
            path=target,
        )
    if facts.kind is FileKind.HTML or content_type.lower().startswith("text/html"):
        raise _web_page(remote, target, host)
    if facts.kind is FileKind.LFS:
        raise _pointer(target, host, facts)
    if remote.kinds:
        detail = f" ({facts.detail})" if facts.detail else ""
        raise FetchError(
            f"{host} sent {facts.kind.value}{detail} for {target.name}",
            expected=_expected(remote),
            fix="check the address; the site may have moved the file",
            code="FETCH.KIND",
            path=target,
        )


def _web_page(remote: Remote, target: Path, host: str) -> FetchError:
    found = f"{host} sent a web page instead of {target.name}"
    if remote.form is not None:
        return FetchError(
            f"{found}: the login was refused",
            expected="a registered user's name and password, and the licence accepted on the site",
            fix=f"log in at {host} with a browser once, accept the licence there, and run it again",
            code="FETCH.LOGIN",
            path=target,
        )
    return FetchError(
        found,
        expected=_expected(remote),
        fix="open the address in a browser: it may want a login, or the file has moved",
        code="FETCH.HTML",
        path=target,
    )


def _pointer(target: Path, host: str, facts: FileFacts) -> FetchError:
    promise = f" for {facts.stands_for:,} bytes ({readable(facts.stands_for)})" if facts.stands_for else ""
    return FetchError(
        f"{host} sent a Git LFS pointer{promise} instead of {target.name}",
        expected="the file that it stands for",
        fix="use the address of the file itself (on Hugging Face: /resolve/, not /raw/)",
        code="FETCH.LFS",
        path=target,
    )


def _expected(remote: Remote) -> str:
    kinds = " or ".join(kind.value for kind in remote.kinds) or "the file"
    return kinds if remote.size is None else f"{kinds} of {remote.size:,} bytes"

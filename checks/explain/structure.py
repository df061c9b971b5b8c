"""What part a line plays in a text: an error, a warning, program code that only mentions one."""

from __future__ import annotations

import re
from enum import Enum

from checks.explain.text import Piece

LOOK_BACK = 8_000
"""Characters before a line in which its traceback begins, if it has one."""
_MESSAGE_LINES = 15
"""Lines that an error's message may have."""

_HEADER = re.compile(r"Traceback \(most recent call last\)|^File \"|^File \S+?:\d+|^-+> \d+ ", re.MULTILINE)
_EXCEPTION = re.compile(
    r"^(?:[\w.]*(?:Error|Exception|Interrupt)\b|[a-z_][\w.]*\.[A-Z]\w+(?=:)|MemoryError$)", re.MULTILINE
)
_WARNING = re.compile(r"\b\w*Warning\b|^\[W|\bWARN\b")
_TITLE = re.compile(r"^#+ ?[\w.\[\]: ]{0,40}(?:Error|Exception)\b")
_CODE = re.compile(
    r"""^(?:[+-][ ]?|[\w./-]+\.\w{1,4}:\d+:[ ]?)?(?:\d+[ ])?(?:
        \#|//|/\*|\*[ ]|"{3}|'{3}
      | (?:raise|assert|return|yield|del)\b[ ]
      | (?:pass|break|continue)\b(?:$|[ ]\#)
      | (?:if|elif|while|for|with|def|class|try|else|except|finally)\b.*:$
      | (?:if|elif|while|except)\b.*\b(?:in|as|is|==)\b
      | (?:import|from)[ ][\w.]+($|[ ]import|[ ]as)
      | (?:print|warn|f?printf|echo|TORCH_CHECK|log|logger|logging|warnings|self|sys|os|re|pytest)\b[.\w]*\(
      | @\w
      | [A-Za-z_][\w.\[\]]*(?:[ ]?:[ ]?\w+)?[ ]?[-+|]?=[ ]?[\w'"(\[{]
      | (?![\w.]*(?:Error|Exception|Warning)\()\*?[A-Za-z_][\w.]*\(.*\)[,:]?$
      | [(\[{].*[)\]}],$|case[ ]['"]
      | [rfb]?(?P<quote>['"])(?:(?!(?P=quote)).)*(?P=quote)[ ]?[,)\]:]*(?:[ ]\#.*)?$
      | "[^"]*[ ][^"]*":[ ]|'[^']*[ ][^']*':[ ]
      | (?:\$[ ])?(?:grep|rg|ag|ack|sed|awk|echo|git[ ]grep|git[ ]log)\b[ ]
    )""",
    re.VERBOSE,
)
# A change that `diff` shows, or a statement with a comment: nobody's error, even if it stands alone.
_SURELY_CODE = re.compile(
    r"[+-] ?(?:raise|assert|return|if|except|print|logger|warnings)\b.*[\w)]|(?:pass|break|continue)\b ?#"
)


def _broken(words: str) -> str:
    """A regex for words that a terminal may have broken anywhere."""
    return r"\s*".join(words.replace(" ", ""))


# torchvision's remark about pictures, which says of itself that it does not matter; older ones are a line only.
_REMARK = re.compile(
    rf"{_broken('Failed to load image Python extension')}"
    rf"(?:[^\0]{{0,900}}?{_broken('you can ignore this warning')}|.*)"
)
_CHAIN = re.compile(
    r"During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception"
)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)")


def remarks_in(piece: Piece) -> list[range]:
    """The offsets of remarks that their own program calls unimportant."""
    return [range(*remark.span()) for remark in _REMARK.finditer(piece.lines)]


class Role(Enum):
    """The part that a line plays."""

    ERROR = "the last words of a traceback"
    SOURCE = "a source line within a traceback"
    WARNING = "a warning"
    CODE = "program code that mentions something"
    PLAIN = "anything else"


def role_at(piece: Piece, offset: int) -> Role:
    """The part of the line at an offset."""
    line = piece.line_at(offset)
    before = piece.lines[max(0, offset - LOOK_BACK) : offset]
    headers = list(_HEADER.finditer(before))
    if headers:
        since = before[headers[-1].start() :]
        first_line, _, body = since.partition("\n")
        if line.startswith("File ") or (not body and first_line):
            return Role.SOURCE
        exceptions = list(_EXCEPTION.finditer(body + line[: max(len(line), 1)]))
        if not exceptions:
            return (
                Role.SOURCE if body.count("\n") < _MESSAGE_LINES and not is_code_listing(line) else _apart(piece, line)
            )
        if (body + line)[exceptions[-1].start() :].count("\n") < _MESSAGE_LINES:
            return Role.CODE if is_code_listing(line) else Role.ERROR
    return _apart(piece, line)


def _apart(piece: Piece, line: str) -> Role:
    if _WARNING.search(line) and not _CODE.match(line):
        return Role.WARNING
    return Role.CODE if is_code(line, piece) else Role.PLAIN


def is_code(line: str, piece: Piece) -> bool:
    """Whether a line is a piece of a program; a heading such as `# RuntimeError: …` is none, unless code is around."""
    if _TITLE.match(line):
        lines = [other for other in piece.lines.splitlines()[:40] if other and not other.startswith("#")]
        return sum(bool(_CODE.match(other)) for other in lines) > len(lines) / 2
    return bool(_CODE.match(line))


def is_surely_code(line: str) -> bool:
    """Whether a line can be nothing but a piece of a program, even in a text of a single line."""
    return bool(_SURELY_CODE.match(line))


def is_code_listing(line: str) -> bool:
    """Whether a line is one of those that notebooks print around the failing one: `    206     if not …`."""
    return bool(re.match(r"\d+ \S", line)) and bool(_CODE.match(line))


def chain_lines(piece: Piece) -> tuple[list[int], list[int]]:
    """The numbers of the lines that chain two tracebacks, and of those that begin one."""
    return (
        [piece.line_number(match.start()) for match in _CHAIN.finditer(piece.joined)],
        [piece.line_number(match.start()) for match in _TRACEBACK.finditer(piece.joined)],
    )

from __future__ import annotations

import codecs
import io
import itertools

import pytest

from checks.explain import text as module
from checks.explain.text import NotTextError, cleaned, decoded, pieces


@pytest.mark.parametrize(
    "line",
    [
        "> the message",
        ">> > the message",
        "[rank3]: the message",
        "2024-05-01 12:00:01,123 the message",
        "[2024-05-01T12:00:01Z] ERROR: the message",
        "12:00:01 | WARNING | the message",
        "Nov 23 12:00:01 node7 the message",
        "trainer-1  | the message",
        "3: the message",
        "[1,0]<stderr>: the message",
        "\x1b[31mthe\x1b[0m  message ",
        "\tthe\u00a0message",
        "In [7]: the message",
        "(main pid=412) the message",
    ],
)
def test_what_stands_around_a_message_is_taken_away(line: str) -> None:
    assert cleaned(line).strip() == "the message"


def test_lines_are_counted_as_in_the_file() -> None:
    (piece,) = pieces(["one\r\ntwo\r\nprogress 1\rprogress 2\r\nfour"])
    assert piece.line_number(piece.joined.index("four")) == 4
    assert piece.line_at(piece.joined.index("2")) == "progress 2"


def test_pieces_overlap_and_keep_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 1000)
    monkeypatch.setattr(module, "OVERLAP", 100)
    lines = [f"line {chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(600)]
    made = list(pieces(["\n".join(lines)[start : start + 37] for start in range(0, 6000, 37)]))
    assert len(made) > 2
    assert [piece.last for piece in made] == [False] * (len(made) - 1) + [True]
    for before, after in itertools.pairwise(made):
        assert before.lines.endswith(after.lines[: after.seen])
        assert after.seen > 0
    for piece in made:
        assert piece.lines.splitlines()[0] == lines[piece.first_line - 1]
        end = piece.line_number(len(piece.lines.rstrip()))
        assert piece.lines.rstrip().splitlines()[-1] == lines[end - 1]


def test_what_repeats_in_a_long_text_is_dropped_and_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 1000)
    monkeypatch.setattr(module, "OVERLAP", 100)
    text = "".join(f"step {n} of 5000\n" for n in range(5000)) + "the end"
    made = list(pieces([text]))
    assert sum(len(piece.lines.split()) for piece in made) < 2000
    assert made[-1].line_number(made[-1].joined.index("the end")) == 5001


def test_texts_of_windows_and_broken_bytes() -> None:
    assert "".join(decoded(io.BytesIO(codecs.BOM_UTF16_LE + "Größe".encode("utf-16-le")))) == "Größe"
    assert "".join(decoded(io.BytesIO(codecs.BOM_UTF8 + b"abc"))) == "abc"
    assert "".join(decoded(io.BytesIO(b"a\xffb"))) == "a\ufffdb"


def test_binary_data_is_refused() -> None:
    with pytest.raises(NotTextError):
        list(decoded(io.BytesIO(b"\x80\x04\0\0")))

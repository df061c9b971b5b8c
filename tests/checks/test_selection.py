from __future__ import annotations

import pytest

from checks.catalogue import CATALOGUE
from checks.selection import UnknownCheckError, selected_checks

EVERYTHING = frozenset(CATALOGUE)


def test_all_without_words() -> None:
    assert selected_checks() == EVERYTHING


@pytest.mark.parametrize(("only", "skip"), [([""], []), ([], [","]), (["SMPL", " "], [])])
def test_an_empty_word_is_not_taken_for_all(only: list[str], skip: list[str]) -> None:
    with pytest.raises(UnknownCheckError, match="an empty word names no check"):
        selected_checks(only, skip)


def test_ids_prefixes_commas_and_letter_case() -> None:
    assert selected_checks(["smpl.html, CKPT.FILE"], []) == {"SMPL.HTML", "CKPT.FILE"}
    assert selected_checks(["SMPL.HTML", "ckpt"], ["CKPT.KEYS"]) == {
        "SMPL.HTML",
        *(identifier for identifier in CATALOGUE if identifier.startswith("CKPT.") and identifier != "CKPT.KEYS"),
    }
    assert selected_checks(["SMPL.*"]) == selected_checks(["SMPL."]) == selected_checks(["SMPL"])


def test_a_prefix_is_no_beginning_of_another() -> None:
    assert all(identifier.startswith("RUN.") for identifier in selected_checks(["RUN"]))
    with pytest.raises(UnknownCheckError):
        selected_checks(["SM"])


@pytest.mark.parametrize(("word", "nearest"), [("SMPL.HTM", "SMPL.HTML"), ("CUDA.VISBLE", "CUDA.VISIBLE")])
def test_the_nearest_is_named(word: str, nearest: str) -> None:
    with pytest.raises(UnknownCheckError, match=f"the nearest is {nearest}"):
        selected_checks([], [word])


def test_nonsense_has_no_nearest() -> None:
    with pytest.raises(UnknownCheckError, match=r"there is no check 7$"):
        selected_checks(["7"])

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from profiles import Profile
from profiles.complaints import model_in

BASE: dict[str, Any] = {"name": "mine", "summary": "Mine", "device": "cuda"}


def problems_of(**values: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Profile.model_validate({**BASE, **values})
    (error,) = caught.value.errors()
    return list(error["ctx"]["error"].problems)


def test_the_defaults_hold_together() -> None:
    profile = Profile.model_validate(BASE)
    assert (profile.gpu_count, profile.launcher, profile.training.effective_batch) == (1, "direct", 4)
    assert Profile.model_validate({**BASE, "device": "cpu"}).gpu_count == 0


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"gpus": 0}, "gpus", "at least one GPU"),
        ({"device": "cpu", "gpus": 2}, "gpus", "uses no GPU"),
        ({"device": "cpu", "evaluation": {"precision": "tf32"}}, "evaluation.precision", "needs a GPU"),
        ({"device": "cpu", "training": {"precision": "bfloat16"}}, "training.precision", "needs a GPU"),
        ({"device": "cpu", "needs": {"vram_gib": 3}}, "needs.vram_gib", "cannot need a GPU"),
        ({"gpus": 2, "training": {"accumulation": 2}}, "launcher", "several GPUs need torchrun"),
        ({"slurm": {"partition": "gpu"}}, "slurm", "needs launcher: slurm"),
        ({"training": {"accumulation": 3}}, "training.accumulation", "batch of 3, not 4: use `accumulation: 4`"),
        ({"training": {"samples_per_gpu": 8}}, "training.accumulation", "batch of 32, not 4: state `effective_batch"),
    ],
)
def test_impossible_combinations_name_their_field(values: dict[str, Any], field: str, words: str) -> None:
    problems = problems_of(**values)
    assert [name for name, _ in problems] == [field]
    assert words in problems[0][1]


def test_all_impossible_combinations_are_named_at_once() -> None:
    values = {"device": "cpu", "launcher": "torchrun", "needs": {"gpu": "T4"}, "training": {"accumulation": 1}}
    assert {field for field, _ in problems_of(**values)} == {"launcher", "needs.gpu", "training.accumulation"}


def test_another_effective_batch_is_fine_when_it_is_stated() -> None:
    values = {"gpus": 8, "launcher": "torchrun", "training": {"accumulation": 1, "effective_batch": 8}}
    assert Profile.model_validate({**BASE, **values}).training.effective_batch == 8


def test_nodes_count_in_the_batch() -> None:
    values = {"gpus": 2, "nodes": 2, "launcher": "slurm", "training": {"accumulation": 1}}
    assert Profile.model_validate({**BASE, **values}).nodes == 2


@pytest.mark.parametrize("time", ["30", "48:00:00", "2-00:00:00", "10:30"])
def test_slurm_times(time: str) -> None:
    values = {"launcher": "slurm", "slurm": {"time": time}}
    profile = Profile.model_validate({**BASE, **values})
    assert profile.slurm is not None
    assert profile.slurm.time == time


def test_profiles_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Profile.model_validate(BASE).device = "cpu"  # type: ignore[misc]


def test_every_field_of_every_section_is_described() -> None:
    def look(section: type[BaseModel]) -> int:
        count = 0
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"
            inner = model_in(field.annotation)
            count += 1 + (look(inner) if inner is not None else 0)
        return count

    assert look(Profile) > 30


def test_the_manual_names_every_field() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")
    for name, field in Profile.model_fields.items():
        inner = model_in(field.annotation)
        if inner is None or name == "fingerprint":
            assert f"`{name}`" in manual
            continue
        for part in inner.model_fields:
            assert f"`{name}.{part}`" in manual


@pytest.mark.parametrize(
    "values",
    [
        {"gpus": True},
        {"gpus": "1"},
        {"gpus": 1.0},
        {"evaluation": {"resolution": "512"}},
        {"training": {"workers": False}},
        {"needs": {"vram_gib": "4"}},
        {"needs": {"ram_gib": True}},
    ],
    ids=str,
)
def test_numbers_are_numbers(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"should be a valid (integer|number)"):
        Profile.model_validate({**BASE, **values})


def test_whole_gibibytes_are_amounts() -> None:
    assert Profile.model_validate({**BASE, "needs": {"vram_gib": 4}}).needs.vram_gib == 4.0


def test_auto_is_no_name_for_a_file() -> None:
    with pytest.raises(ValidationError, match="auto is the name of the profile that is made for each machine"):
        Profile.model_validate({**BASE, "name": "auto"})


@pytest.mark.parametrize(
    ("card", "precision", "words"),
    [
        ("T4", "bfloat16", "bfloat16 needs compute capability 8.0, a T4 has 7.5; use float16 or float32"),
        ("Tesla V100-SXM2-16GB", "bfloat16", "has 7.0; use float16 or float32"),
        ("p100", "bfloat16", "has 6.0; use float32"),
        ("P100", "float16", "float16 needs compute capability 7.0"),
        ("GTX 1080 Ti", "tf32", "has 6.1; use float32"),
        ("RTX 2080", "bfloat16", "has 7.5"),
    ],
)
def test_old_cards_have_no_such_arithmetic(card: str, precision: str, words: str) -> None:
    ((field, message),) = problems_of(needs={"gpu": card}, training={"precision": precision})
    assert field == "training.precision"
    assert words in message


@pytest.mark.parametrize("card", ["", "A100", "L4", "RTX 6000 Ada", "RTX 3080", "RTX A4000", "H100", "RTX 4080", "A40"])
def test_other_cards_may_have_it(card: str) -> None:
    assert Profile.model_validate({**BASE, "needs": {"gpu": card}, "training": {"precision": "bfloat16"}})


def test_an_old_card_evaluates_without_tf32() -> None:
    ((field, message),) = problems_of(needs={"gpu": "T4"}, evaluation={"precision": "tf32"})
    assert field == "evaluation.precision"
    assert message.endswith("use float32")

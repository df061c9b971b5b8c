from __future__ import annotations

from pathlib import Path

import pytest

from profiles import ProfileFileError, UnknownProfileError, load_profile, profile_names
from profiles.store import find_profile, profile_entries, read_file, user_folder
from sherf_core.errors import ConfigurationError
from sherf_core.memory import gpu_bytes

GIB = 1024**3
SHIPPED = {
    "cpu",
    "laptop-6gb",
    "local-1gpu",
    "wsl-1gpu",
    "colab-t4",
    "colab-a100",
    "kaggle-t4x2",
    "gcp-l4",
    "a100x4",
    "slurm",
}
# GiB of a card that the profile names, and what the desktop or the driver keeps.
CARDS = {"laptop-6gb": 5.2, "colab-t4": 14.5, "kaggle-t4x2": 14.5, "gcp-l4": 22, "colab-a100": 39, "a100x4": 39}
FIELDS = "name: mine\nsummary: Mine\ndevice: cuda\n"


def complaints_of(path: Path, text: str) -> list[tuple[int, str, str]]:
    path.write_text(text)
    with pytest.raises(ProfileFileError) as caught:
        read_file(path)
    for complaint in caught.value.complaints:
        assert f"{path}:{complaint.line}: {complaint}" in caught.value.found
    return [(one.line, one.field, one.message) for one in caught.value.complaints]


def test_every_shipped_profile_is_valid_and_named_after_its_file() -> None:
    assert set(profile_names()) == {"auto", *SHIPPED}
    for name in SHIPPED:
        profile = load_profile(name)
        assert profile.name == name
        assert profile.training.effective_batch == 4


@pytest.mark.parametrize(("name", "free"), CARDS.items())
def test_shipped_profiles_fit_the_cards_they_name(name: str, free: float) -> None:
    profile = load_profile(name)
    evaluation, training = profile.evaluation, profile.training
    assert gpu_bytes("eval", evaluation.resolution, evaluation.points_per_chunk) / GIB <= profile.needs.vram_gib <= free
    needed = gpu_bytes(
        "train",
        training.resolution,
        training.points_per_chunk,
        training.precision,
        samples=training.samples_per_gpu,
    )
    assert needed / GIB <= free


def test_the_published_set_up() -> None:
    profile = load_profile("a100x4")
    assert (profile.gpu_count, profile.training.samples_per_gpu, profile.training.accumulation) == (4, 1, 1)
    assert (profile.training.precision, profile.training.resolution) == ("float32", 512)


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(UnknownProfileError, match="no profile 'colab-t5'") as caught:
        load_profile("colab-t5")
    assert caught.value.fix == "--profile colab-t4"
    assert "local-1gpu" in caught.value.expected
    with pytest.raises(UnknownProfileError, match="'lab'"):
        load_profile("lab")


def test_own_profiles_are_found_and_come_before_those_that_ship(own: Path) -> None:
    (own / "lab.yaml").write_text(FIELDS)
    (own / "cpu.yml").write_text("name: cpu\nsummary: My own\ndevice: cpu\n")
    (own / "auto.yaml").write_text("name: auto\nsummary: never\ndevice: cpu\n")
    (own / "notes.txt").write_text("no profile\n")
    entries = {entry.name: entry for entry in profile_entries()}
    assert set(entries) == {*SHIPPED, "lab"}
    assert (entries["lab"].owner, entries["lab"].hides) == ("yours", False)
    assert (entries["cpu"].owner, entries["cpu"].hides) == ("yours", True)
    assert load_profile("lab").name == "mine"
    assert load_profile("cpu").summary == "My own"
    assert find_profile("local-1gpu").owner == "shipped"


def test_without_a_home_folder_the_shipped_profiles_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    assert user_folder() is None
    assert set(profile_names()) == {"auto", *SHIPPED}


def test_a_relative_config_home_counts_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert user_folder() == tmp_path / ".config" / "sherfctl" / "profiles"


@pytest.mark.parametrize(
    ("text", "line", "field", "words"),
    [
        (FIELDS + "pointz: 3\n", 4, "pointz", "no such field"),
        (FIELDS + "lancher: direct\n", 4, "lancher", "did you mean launcher?"),
        (FIELDS + "evaluation:\n  resolutoin: 3\n", 5, "evaluation.resolutoin", "did you mean resolution?"),
        (FIELDS + "resolution: 256\n", 4, "resolution", "it belongs into the section evaluation"),
        (FIELDS + "training:\n  gpus: 2\n", 5, "training.gpus", "it belongs at the top"),
        (FIELDS.replace("cuda", "gpu"), 3, "device", "'cpu' or 'cuda', not 'gpu'"),
        (FIELDS + "evaluation:\n  precision: float32\n  resolution: many\n", 6, "evaluation.resolution", "'many'"),
        (FIELDS + "evaluation: 512\n", 4, "evaluation", "a section is expected"),
        (FIELDS.replace("summary: Mine\n", ""), 1, "summary", "is missing: One line"),
        (FIELDS + "needs: {vram_gib: 3, vram: 3}\n", 4, "needs.vram", "did you mean vram_gib?"),
        (FIELDS + "launcher: slurm\nslurm:\n  time: 48:00:00\n", 6, "slurm.time", 'in quotes: "48:00:00"'),
        (FIELDS + "\n# a remark\nsummary: Other\n", 6, "summary", "is there twice"),
        (FIELDS.replace("cuda", "cpu") + "evaluation:\n  precision: tf32\n", 5, "evaluation.precision", "needs a GPU"),
        (FIELDS + "training:\n  samples_per_gpu: 1\n  accumulation: 2\n", 6, "training.accumulation", "batch of 2"),
        ("- a list\n", 1, "", "not a mapping"),
        ("", 1, "", "not a mapping"),
        ("name: a\nb: [\n", 3, "", "not YAML"),
        ("name: a\nx: !!python/object/apply:os.system ['true']\n", 2, "", "not YAML"),
    ],
)
def test_each_problem_has_its_line_and_field(tmp_path: Path, text: str, line: int, field: str, words: str) -> None:
    ((found_line, found_field, message),) = complaints_of(tmp_path / "my.yaml", text)
    assert (found_line, found_field) == (line, field)
    assert words in message


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = "name: Bad Name\nsumary: x\ndevice: gpu\nevaluation:\n  points: 3\n"
    found = complaints_of(tmp_path / "my.yaml", text)
    assert [(line, field) for line, field, _ in found] == [
        (1, "name"),
        (1, "summary"),
        (2, "sumary"),
        (3, "device"),
        (5, "evaluation.points"),
    ]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_profile(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_profile(tmp_path / "binary.yaml")

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checks import Facts
from checks.facts.records import FACTS_VERSION
from checks.snapshots import read_snapshot, write_snapshot
from sherf_core.errors import ConfigurationError
from tests.checks.corpus import CORPUS, machine, machines

OLD = Path(__file__).parents[1] / "data" / "snapshots" / "version-1.json"


@pytest.mark.parametrize("name", machines())
def test_facts_alone_are_a_snapshot(name: str) -> None:
    assert read_snapshot(CORPUS / "machines" / f"{name}.json") == machine(name)


def test_a_snapshot_holds_the_same_facts(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "facts.json", machine("wsl2"))
    assert read_snapshot(tmp_path / "facts.json") == machine("wsl2")
    with pytest.raises(ConfigurationError, match="is there already"):
        write_snapshot(tmp_path / "facts.json", Facts())


def test_facts_of_version_1_still_load() -> None:
    facts = read_snapshot(OLD)
    assert facts.version == FACTS_VERSION
    assert facts.platform.container == "other"
    assert [(body.path, body.gender) for body in facts.named_bodies] == [
        ("/workspace/models/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl", "neutral")
    ]
    assert facts.torch.devices[0].capability == (8, 6)
    assert facts.limits.shm_total is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"memory": {"total": "much"}}, "memory.total"),
        ({"gpu": {"colour": "red"}}, "gpu.colour"),
        ({"torch": {"state": "fine"}}, "torch.state"),
        ({"version": FACTS_VERSION + 1}, "newer sherfctl"),
        ({"version": None}, "`version` is null"),
        ({"version": True}, "`version` is true"),
        ({"dataset": []}, "dataset"),
    ],
)
def test_the_field_that_is_wrong_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(json.dumps({"format": 1, "facts": {"version": FACTS_VERSION, **change}}))
    with pytest.raises(ConfigurationError) as caught:
        read_snapshot(path)
    assert words in caught.value.found
    assert str(path) in caught.value.found


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"facts": 3}', '{"error": {}}', "\x00", "[" * 100_000, '{"version": "1.0"}']
)
def test_other_files_are_no_snapshots(tmp_path: Path, text: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"is no JSON|holds no facts of a machine"):
        read_snapshot(path)

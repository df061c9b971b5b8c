"""Every id is found where it must be, alone; healthy machines get no warning."""

from __future__ import annotations

import pytest

from checks import Facts, Purpose, Severity, diagnose
from checks.catalogue import CATALOGUE
from tests.checks.corpus import Trouble, machine, machines, troubles

TROUBLES = troubles()
EVALUATE = Purpose("eval", "demo")


def standing(facts: Facts, purpose: Purpose) -> dict[str, Severity]:
    """Ids and severities of the findings that stand on their own."""
    return {f.id: f.severity for f in diagnose(facts, purpose).findings if not f.silenced_by}


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_the_root_cause_alone_is_found(trouble: Trouble) -> None:
    found = standing(trouble.facts, trouble.purpose)
    assert found.get(trouble.id) == trouble.severity
    graver = {identifier for identifier, severity in found.items() if severity > Severity.INFO}
    assert graver <= {trouble.id}
    if trouble.severity is Severity.INFO:
        remarks_before = set(standing(machine(trouble.machine), trouble.purpose))
        assert set(found) - remarks_before == {trouble.id}


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_words_are_filled_in(trouble: Trouble) -> None:
    (finding,) = [f for f in diagnose(trouble.facts, trouble.purpose).findings if f.id == trouble.id]
    assert finding.evidence
    text = " ".join((finding.title, finding.cause, *finding.fix, *finding.evidence))
    assert "{" not in text
    assert "None" not in text


@pytest.mark.parametrize("name", machines())
@pytest.mark.parametrize("action", ["eval", "train"])
def test_a_healthy_machine_gives_no_warning(name: str, action: str) -> None:
    facts = machine(name)
    if action == "train" and not facts.gpu.devices:
        pytest.skip("training needs a GPU, and this machine is healthy without one")
    dataset = facts.dataset.name if facts.dataset.exists else "demo"
    for purpose in {EVALUATE, Purpose(action, dataset), Purpose(action, "demo")}:  # type: ignore[arg-type]
        found = standing(facts, purpose)
        assert {i: s for i, s in found.items() if s > Severity.INFO} == {}, purpose


def test_every_id_is_in_the_corpus() -> None:
    assert {trouble.id for trouble in TROUBLES} == set(CATALOGUE)

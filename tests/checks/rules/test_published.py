from __future__ import annotations

import pytest

from checks import Facts, Purpose, Severity, diagnose
from tests.checks.corpus import machine, merged

EVAL = Purpose("eval", "demo")
PUBLISHED = ("RUN.STARTMETHOD", "RUN.LOCK", "PY.SPCONV", "PY.P3D", "PY.CHUMPY")


def evidence(**change: object) -> dict[str, str]:
    """Ids of the findings about the published code on the changed GCP machine, with their evidence."""
    facts = Facts.model_validate(merged(machine("gcp-vm").model_dump(), change))
    found = {finding.id: finding for finding in diagnose(facts, EVAL).findings if finding.id in PUBLISHED}
    assert all(finding.severity is Severity.INFO for finding in found.values())
    return {identifier: "\n".join(finding.evidence) for identifier, finding in found.items()}


def installed(python: str = "3.10.14", cuda: str = "12.4", **packages: str) -> dict[str, str]:
    names = {name.replace("_", "-"): version for name, version in packages.items()}
    return evidence(python={"version": python, "packages": names}, torch={"cuda_build": cuda})


def test_nothing_is_said_where_nothing_is_there() -> None:
    assert evidence() == {}
    assert evidence(python={"packages": {"spconvert": "1.0", "chumpy-tools": "2"}}) == {}


@pytest.mark.parametrize(
    ("name", "cuda", "other"),
    [
        ("spconv_cu118", "12.4", True),
        ("spconv_cu120", "12.4", False),
        ("spconv_cu118", "", False),
        ("spconv", "12.4", False),
    ],
)
def test_spconv_for_another_cuda(name: str, cuda: str, other: bool) -> None:
    found = installed(cuda=cuda, **{name: "2.3.6"})
    assert set(found) == {"PY.SPCONV"}
    assert ("was built for CUDA" in found["PY.SPCONV"]) == other


@pytest.mark.parametrize(
    ("python", "numpy", "breaks"),
    [
        ("3.10.14", "1.23.5", []),
        ("3.10.14", "1.24.0", ["`bool`"]),
        ("3.11.0", "1.23.5", ["`getargspec`"]),
        ("3.12.1", "2.2.6", ["`bool`", "`getargspec`"]),
    ],
)
def test_what_breaks_chumpy(python: str, numpy: str, breaks: list[str]) -> None:
    found = installed(python=python, chumpy="0.70", numpy=numpy)["PY.CHUMPY"]
    assert [word for word in ("`bool`", "`getargspec`") if word in found] == breaks


def test_a_copy_of_the_published_code_wants_three_packages() -> None:
    found = evidence(python={"version": "3.12.3"}, work={"published_checkout": "/home/kim/SHERF"})
    assert set(found) == {"PY.SPCONV", "PY.P3D", "PY.CHUMPY"}
    assert all("/home/kim/SHERF" in text for text in found.values())
    assert "3.12.3 is newer than its ready-made packages" in found["PY.SPCONV"]
    assert "not to end on 3.12" in found["PY.P3D"]


def test_what_is_installed_is_not_said_to_be_impossible() -> None:
    found = installed(python="3.12.3", spconv_cu120="2.3.8", pytorch3d="0.7.8")
    assert "ready-made" not in found["PY.SPCONV"]
    assert "not to end" not in found["PY.P3D"]


def test_a_few_locks_are_named_and_all_are_removed() -> None:
    locks = [f"/home/kim/.cache/torch_extensions/part {number}/lock" for number in range(7)]
    facts = Facts.model_validate(merged(machine("gcp-vm").model_dump(), {"toolkit": {"extension_locks": locks}}))
    (finding,) = (found for found in diagnose(facts, EVAL).findings if found.id == "RUN.LOCK")
    assert finding.evidence == (*locks[:5], "and 2 more")
    assert finding.fix[-1].startswith("$ rm '/home/kim/.cache/torch_extensions/part 0/lock' ")
    assert finding.fix[-1].count("/lock'") == 7

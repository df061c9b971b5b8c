import subprocess
import sys

import pytest

from checks.facts.datasets import dataset_facts
from sherf_core.data.renderpeople import RenderPeople
from sherf_core.data.subjects import SubjectList, subject_list


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "20230228"
    for name in ("bob", "ann"):
        (root / name).mkdir(parents=True)
        (root / name / "cameras.json").write_text("{}")
    (root / "notes").mkdir()
    return root


def test_the_folders_own_list_comes_first(root):
    (root / "human_list.txt").write_text("\ufeffbob\r\n\n ann \n", encoding="utf-8")
    (root.parent / "human_list.txt").write_text("ann\n")
    assert subject_list(root) == SubjectList(("bob", "ann"), root / "human_list.txt")


def test_a_list_beside_the_folder_counts_if_it_names_its_people(root):
    beside = root.parent / "human_list.txt"
    beside.write_text("bob\nann\ncem\n")
    assert subject_list(root) == SubjectList(("bob", "ann", "cem"), beside)
    beside.write_text("somebody\nelse\n")
    assert subject_list(root) == SubjectList(("ann", "bob"), None)


def test_the_doctor_and_the_evaluation_read_the_same_list(root):
    for place in (root.parent, root):
        (place / "human_list.txt").write_text("bob\nann\n" if place == root else "ann\nbob\ncem\n")
        listed = RenderPeople(root).subjects()
        facts = dataset_facts("RenderPeople", root)
        assert (facts.listed, facts.list_file) == (len(listed), str(place / "human_list.txt"))


def test_reading_a_list_needs_no_heavy_package():
    script = "import sys, sherf_core.data.subjects; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

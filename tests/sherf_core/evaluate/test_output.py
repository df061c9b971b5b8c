import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sherf_core.data.discover import WeightKind
from sherf_core.evaluate.document import Circumstances, notes_of, number, summary_line
from sherf_core.evaluate.output import write_output
from sherf_core.evaluate.protocol import plan
from sherf_core.evaluate.report import spread
from sherf_core.evaluate.results import averages
from sherf_core.evaluate.runner import evaluate
from sherf_core.evaluate.store import RunFolder
from sherf_core.metrics.suite import MetricSuite

METRICS = MetricSuite(lpips_note="not measured: put <vgg> in assets/")


@pytest.fixture
def run(tiny, make_reader, make_renderer, tmp_path):
    def start(weights=WeightKind.DEMO, **options):
        reader = make_reader(missing={("bob", 0, 2)})
        folder = RunFolder(tmp_path, {"resolution": 24, "statistics": "sample"})
        folder.open()
        made = plan(tiny, reader, **options)
        evaluation = evaluate(made, reader, make_renderer(), METRICS, folder)
        circumstances = Circumstances(
            weights, sources={"data": "/d & e"}, machine={"device": "cpu"}, versions={"torch": "2"}
        )
        return evaluation, write_output(evaluation, folder, circumstances), tmp_path

    return start


def test_metrics_json_is_strict_and_whole(run):
    evaluation, document, path = run()
    text = (path / "metrics.json").read_text()
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert read == document
    assert len(read["images"]) == len(evaluation.results) == 8
    assert read["images"][0]["metrics"]["paper"]["psnr"]["value"] > 0
    assert read["images"][0]["metrics"]["standard"]["lpips"] == {"value": None, "note": METRICS.lpips_note}
    assert (path / read["images"][0]["picture"]).is_file()
    assert set(read["total"]) == {"novel_view", "novel_pose"}
    assert set(read["subjects"]) == {"bob", "cem"}
    assert read["dataset"]["missing_frames"] == 1
    assert read["dataset"]["skipped_images"] == 2
    assert any("1 frames are missing" in note for note in read["notes"])
    assert read["settings"] == {"resolution": 24, "statistics": "sample"}


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (WeightKind.UNTRAINED, "untrained weights: pictures are noise"),
        (WeightKind.DEMO, "demo weights"),
        (WeightKind.CHECKPOINT, "novel view"),
    ],
)
def test_the_summary_is_honest_about_the_weights(run, weights, words):
    evaluation, document, path = run(weights, limit=2)
    assert document["summary"].startswith(words)
    assert summary_line(averages(evaluation.results), weights) == document["summary"]
    assert "\n" not in document["summary"]
    assert "LPIPS not measured" in document["summary"]
    page = (path / "report.html").read_text()
    assert ("class='banner'" in page) == (weights is not WeightKind.CHECKPOINT)


@pytest.mark.parametrize("weights", list(WeightKind))
def test_only_a_checkpoint_can_have_seen_the_training_subjects(tiny, reader, weights):
    """The demo weights were fitted on other people, whatever the split sets aside for training."""
    notes = notes_of(plan(tiny, reader, subjects=["ann", "cem"]), weights)
    told = [note for note in notes if "have seen them: ann" in note]
    assert len(told) == (1 if weights is WeightKind.CHECKPOINT else 0)


def test_people_without_a_list_are_noted(tiny, reader):
    assert not any("human_list" in note for note in notes_of(plan(tiny, reader), WeightKind.DEMO))
    reader.listing = None
    assert any("no human_list.txt was found" in note for note in notes_of(plan(tiny, reader), WeightKind.DEMO))


class Checker(HTMLParser):
    """Collects addresses and checks that elements are closed in order."""

    void = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_well_formed_and_self_contained(run):
    page = (run()[2] / "report.html").read_text()
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(checker.addresses) == 8
    assert all(address.startswith("data:image/jpeg;base64,") for address in checker.addresses)
    assert "script" not in checker.tags
    assert "url(" not in page
    assert "@import" not in page
    assert "width=device-width" in page
    assert "prefers-color-scheme: dark" in page


def test_the_summary_comes_first_and_text_is_escaped(run):
    page = (run()[2] / "report.html").read_text()
    assert page.index("class='cards'") < page.index("<figure") < page.index("<table")
    assert "put &lt;vgg&gt; in assets/" in page
    assert "<vgg>" not in page
    assert "/d &amp; e" in page


def test_many_pictures_are_thinned_out_evenly(run):
    results = run()[0].results
    chosen = spread(results, 4)
    assert chosen == [results[0], results[2], results[4], results[6]]
    assert spread(results, 100) == list(results)


def test_nothing_temporary_is_left(run):
    path = run()[2]
    assert not [file for file in path.rglob("*") if file.name.startswith(".")]
    assert sorted(file.name for file in path.iterdir()) == [
        "images",
        "items",
        "metrics.json",
        "report.html",
        "run.json",
    ]


def test_figures_have_the_digits_they_deserve():
    assert number("psnr", 21.256) == "21.26 dB"
    assert number("ssim", 0.91234) == "0.9123"
    assert number("lpips", None) == "not measured"
    assert re.fullmatch(r"\d\.\d{4}", number("lpips", 0.1))


def test_the_gpus_share_of_the_time_is_told_where_there_is_one(run, tmp_path):
    evaluation, document, path = run()
    assert document["seconds"]["device_busy"] is None
    assert "GPU was at work" not in (path / "report.html").read_text()
    folder = RunFolder(tmp_path, {"resolution": 24, "statistics": "sample"})
    circumstances = Circumstances(WeightKind.DEMO)
    document = write_output(replace(evaluation, device_busy=0.9126, encode_seconds=(0.004,)), folder, circumstances)
    assert document["seconds"]["device_busy"] == 0.913
    page = (path / "report.html").read_text()
    assert "which took 4 ms" in page
    assert "the GPU was at work 91% of the time" in page

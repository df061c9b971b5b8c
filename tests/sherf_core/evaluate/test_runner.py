import json
import sys

import numpy as np
import pytest
from PIL import Image

from sherf_core.data.discover import WeightKind
from sherf_core.errors import ConfigurationError
from sherf_core.evaluate import runner
from sherf_core.evaluate.document import Circumstances
from sherf_core.evaluate.output import write_output
from sherf_core.evaluate.pictures import eight_bit, side_by_side
from sherf_core.evaluate.protocol import plan
from sherf_core.evaluate.results import ItemResult, averages, averages_by_subject
from sherf_core.evaluate.runner import evaluate
from sherf_core.evaluate.store import RunFolder, fingerprint
from sherf_core.metrics.measurement import IDENTICAL
from sherf_core.metrics.suite import MetricSuite

SETTINGS = {"resolution": 24, "checkpoint": "abc"}
METRICS = MetricSuite(lpips_note="not measured: no VGG")


def opened(path, settings=SETTINGS, items=()):
    folder = RunFolder(path, settings)
    folder.open(items)
    return folder


def test_encodes_each_observation_once_and_stores_everything(tiny, reader, make_renderer, tmp_path):
    renderer, seen = make_renderer(), []
    made = plan(tiny, reader)
    folder = opened(tmp_path)
    evaluation = evaluate(made, reader, renderer, METRICS, folder, lambda result, resumed: seen.append(resumed))
    assert len(renderer.encoded) == len(set(renderer.encoded)) == 4
    assert len(renderer.rendered) == len(evaluation.results) == 10
    assert seen == [False] * 10
    assert [result.item for result in evaluation.results] == list(made.items)
    assert not {subject for subject, _, _ in reader.opened} - {"bob", "cem"}
    for item in made.items:
        assert json.loads((tmp_path / "items" / f"{item.name}.json").read_text())["fingerprint"] == folder.fingerprint
        assert Image.open(folder.image_path(item)).size == (3 * 24 + 2 * 4, 24)


def test_the_truth_is_clipped_to_the_box(tiny, reader, make_renderer, tmp_path):
    """Row 4 of the truth becomes 0 while the prediction keeps it: by hand over the 18 x 16 pixels of the mask."""
    made = plan(tiny, reader, limit=1)
    result = evaluate(made, reader, make_renderer(), METRICS, opened(tmp_path)).results[0]
    image = reader.frame(*made.items[0].target).image.astype(np.float64)
    error = np.full((24, 24, 3), 0.1) ** 2
    error[4] = (image[4] + 0.1) ** 2
    expected = -10 * np.log10(error[3:21, 4:20].mean())
    assert result.measurements["paper"]["psnr"].value == pytest.approx(expected, abs=1e-4)


def test_an_interrupted_run_resumes(tiny, reader, make_renderer, tmp_path):
    made = plan(tiny, reader)
    with pytest.raises(KeyboardInterrupt):
        evaluate(made, reader, make_renderer(stop_after=4), METRICS, opened(tmp_path))
    renderer, seen = make_renderer(), []
    evaluation = evaluate(made, reader, renderer, METRICS, opened(tmp_path), lambda _, resumed: seen.append(resumed))
    assert len(renderer.rendered) == 6
    assert evaluation.resumed == seen.count(True) == 4
    whole = evaluate(made, reader, make_renderer(), METRICS, opened(tmp_path / "other"))
    assert averages(evaluation.results) == averages(whole.results)
    again = make_renderer()
    assert evaluate(made, reader, again, METRICS, opened(tmp_path)).resumed == 10
    assert again.encoded == []


def test_a_lost_picture_a_damaged_result_and_changed_data_are_made_again(tiny, reader, make_renderer, tmp_path):
    made = plan(tiny, reader)
    folder = opened(tmp_path)
    evaluate(made, reader, make_renderer(), METRICS, folder)
    folder.image_path(made.items[0]).unlink()
    (tmp_path / "items" / f"{made.items[5].name}.json").write_text('{"fingerprint": ')
    (tmp_path / "items" / f"{made.items[7].name}.json").write_text("[]")
    assert evaluate(made, reader, make_renderer(), METRICS, opened(tmp_path)).resumed == 7
    reader.version = "2"
    assert evaluate(made, reader, make_renderer(), METRICS, opened(tmp_path)).resumed == 0


def test_other_settings_never_mix_with_an_earlier_run(tiny, reader, make_renderer, tmp_path):
    made = plan(tiny, reader, limit=2)
    evaluate(made, reader, make_renderer(), METRICS, opened(tmp_path))
    (tmp_path / "metrics.json").write_text("{}")
    folder = opened(tmp_path, {**SETTINGS, "resolution": 12})
    assert folder.changed == ["resolution: 24 -> 12"]
    assert folder.earlier == tmp_path / f"earlier-{fingerprint(SETTINGS)}"
    assert sorted(path.name for path in folder.earlier.iterdir()) == ["images", "items", "metrics.json", "run.json"]
    assert evaluate(made, reader, make_renderer(), METRICS, folder).resumed == 0
    assert opened(tmp_path).earlier is not None
    assert opened(tmp_path, {**SETTINGS, "resolution": 12}).earlier.name == f"earlier-{fingerprint(SETTINGS)}-2"


def test_a_report_with_more_pictures_is_moved_aside_and_one_with_fewer_goes_on(tiny, reader, make_renderer, tmp_path):
    def run(limit=None):
        made, renderer = plan(tiny, reader, limit=limit), make_renderer()
        folder = opened(tmp_path, items=made.items)
        write_output(evaluate(made, reader, renderer, METRICS, folder), folder, Circumstances(WeightKind.DEMO))
        return folder, len(renderer.rendered)

    assert run(2)[1] == 2
    folder, rendered = run()
    assert (folder.earlier, folder.moved(), rendered) == (None, "", 8)
    folder, rendered = run(2)
    assert (folder.changed, folder.dropped, rendered) == ([], 8, 2)
    assert str(folder.earlier) in folder.moved()
    assert len(json.loads((folder.earlier / "metrics.json").read_text())["images"]) == 10
    assert len(list((folder.earlier / "images").iterdir())) == 10
    assert len(json.loads((tmp_path / "metrics.json").read_text())["images"]) == 2


def test_a_folder_of_someone_else_is_left_alone(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(ConfigurationError, match=r"images but no run\.json"):
        opened(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="is a file"):
        opened(tmp_path / "file")


def test_results_survive_json(tiny, reader, make_renderer, tmp_path):
    result = evaluate(plan(tiny, reader, limit=1), reader, make_renderer(), METRICS, opened(tmp_path)).results[0]
    read_back = ItemResult.from_dict(json.loads(json.dumps(result.as_dict(), allow_nan=False)))
    assert (read_back.item, read_back.measurements) == (result.item, result.measurements)


def test_averages_by_task_and_subject(tiny, reader, make_renderer, tmp_path):
    results = evaluate(plan(tiny, reader), reader, make_renderer(), METRICS, opened(tmp_path)).results
    total, by_subject = averages(results), averages_by_subject(results)
    assert list(by_subject) == ["bob", "cem"]
    assert total["novel_view"]["paper"]["psnr"].count == 6
    assert total["novel_pose"]["paper"]["psnr"].count == 4
    means = [by_subject[name]["novel_view"]["paper"]["ssim"].mean for name in ("bob", "cem")]
    assert total["novel_view"]["paper"]["ssim"].mean == pytest.approx(np.mean(means))
    lpips = total["novel_view"]["standard"]["lpips"]
    assert (lpips.mean, lpips.left_out) == (None, {"not measured: no VGG": 6})


def test_perfect_and_broken_predictions_do_not_spoil_the_mean(tiny, reader, make_renderer, tmp_path):
    made = plan(tiny, reader, limit=3)
    results = list(evaluate(made, reader, make_renderer(), METRICS, opened(tmp_path)).results)
    image = reader.frame(*made.items[0].target).image
    mask = np.ones(image.shape[:2], bool)
    perfect = METRICS.measure(image, image, mask)
    broken = METRICS.measure(np.full_like(image, np.nan), image, mask)
    before = averages(results)["novel_view"]["paper"]["psnr"]
    mixed = [*results, ItemResult(made.items[0], perfect, 0.0), ItemResult(made.items[0], broken, 0.0)]
    after = averages(mixed)["novel_view"]["paper"]["psnr"]
    assert (after.mean, after.count) == (before.mean, before.count)
    assert after.left_out == {IDENTICAL: 1, "an image holds NaN or infinity": 1}


def test_panels_side_by_side():
    dark, bright = np.zeros((2, 3, 3)), np.full((2, 3, 3), 7.0)
    joined = side_by_side([dark, bright])
    assert joined.shape == (2, 3 + 4 + 3, 3)
    assert joined[0, :, 0].tolist() == [0] * 3 + [255] * 7
    assert eight_bit(np.array([[[np.nan, -1.0, 0.5]]])).tolist() == [[[0, 0, 128]]]


def test_threads_take_short_turns_for_a_while():
    usual = sys.getswitchinterval()
    with runner._short_turns():
        assert sys.getswitchinterval() < usual / 10
    assert sys.getswitchinterval() == pytest.approx(usual)

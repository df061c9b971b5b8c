"""What sample i is depends on the seed and i alone; which rays are drawn; reading ahead keeps the order."""

import numpy as np
import pytest

from sherf_core.data.records import BodyPose, Camera, Frame
from sherf_core.train.batches import choose_pixels
from sherf_core.train.reading import read_ahead
from sherf_core.train.samples import own_indices, sample


def test_each_pass_shows_every_target_once_in_another_order():
    first, second = ([sample(3, index, 10).target for index in range(start, start + 10)] for start in (0, 10))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_a_sample_follows_from_the_seed_and_its_number_alone():
    again = [sample(1, index, 7) for index in (5, 4, 3)]
    assert again == [sample(1, index, 7) for index in (5, 4, 3)]
    numbers = [{sample(1, index, 7).noise_seed, sample(1, index, 7).rays_seed} for index in range(50)]
    assert len(set.union(*numbers)) == 100
    assert sample(1, 5, 7).noise_seed != sample(2, 5, 7).noise_seed


@pytest.mark.parametrize(("size", "count"), [(1, 4), (2, 2), (4, 1)])
def test_ranks_share_a_step_in_the_samples_order(size, count):
    assert [index for rank in range(size) for index in own_indices(8, rank=rank, count=count)] == [8, 9, 10, 11]


def _hit(height: int = 40, width: int = 50) -> np.ndarray:
    hit = np.zeros((height, width), bool)
    hit[5:35, 10:40] = True
    hit[5:10, 10:20] = False
    return hit


def test_full_frames_are_the_bounding_rectangle():
    pixels, patch = choose_pixels(_hit(), None, 0)
    assert patch == (30, 30)
    assert pixels[[0, 29, 30, -1]].tolist() == [5 * 50 + 10, 5 * 50 + 39, 6 * 50 + 10, 34 * 50 + 39]


def test_drawn_rays_are_a_patch_in_the_rectangle_and_others_that_hit():
    hit = _hit()
    pixels, patch = choose_pixels(hit, 600, 0)
    assert patch == (17, 17)
    assert len(pixels) == len(set(pixels.tolist())) == 600
    rows, columns = np.divmod(pixels[: 17 * 17], 50)
    assert rows.reshape(patch)[:, 0].tolist() == list(range(rows[0], rows[0] + 17))
    assert columns.reshape(patch)[0].tolist() == list(range(columns[0], columns[0] + 17))
    assert rows.min() >= 5 and rows.max() < 35 and columns.min() >= 10 and columns.max() < 40  # noqa: PT018
    assert hit.reshape(-1)[pixels[17 * 17 :]].all()
    assert not np.array_equal(pixels, choose_pixels(hit, 600, 1)[0])
    assert np.array_equal(pixels, choose_pixels(hit, 600, 0)[0])


def test_a_picture_with_few_rays_is_taken_whole_and_one_without_gives_one():
    assert choose_pixels(_hit(), 900, 0)[1] == (30, 30)
    assert choose_pixels(np.zeros((4, 4), bool), None, 0)[0].tolist() == [0]


class Counting:
    """Frames that are their numbers."""

    def __len__(self) -> int:
        return 5

    def pair(self, index: int, seed: int, /) -> tuple[Frame, Frame]:
        vector, eye = np.zeros(3, np.float32), np.eye(3, dtype=np.float32)
        body = BodyPose(np.zeros(72, np.float32), np.zeros(10, np.float32), eye, vector)
        image = np.zeros((1, 1, 3), np.float32)
        frame = Frame("nobody", index, 0, image, np.ones((1, 1), bool), Camera(eye, eye, vector), body)
        return frame, frame


def test_a_thread_reads_ahead_in_order_and_no_further_than_needed():
    asked = []

    def samples():
        for index in range(100):
            asked.append(index)
            yield sample(0, index, 5)

    read = read_ahead(Counting(), samples(), 0)
    first = [next(read) for _ in range(3)]
    read.close()
    assert [one.index for one, _ in first] == [0, 1, 2]
    assert [pair[1].pose for _, pair in first] == [one.target for one, _ in first]
    assert len(asked) < 10

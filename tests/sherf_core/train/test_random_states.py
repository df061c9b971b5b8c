from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch

from sherf_core.train.random_states import random_states, restore_random_states


def drawn() -> list[float]:
    normal = [random.gauss(0, 1), float(np.random.normal())]
    return [random.random(), *normal, float(np.random.random()), torch.rand(1).item(), torch.randn(1).item()]


@pytest.mark.parametrize("before", [0, 1, 2])
def test_every_generator_goes_on_where_it_was(before: int) -> None:
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    for _ in range(before):
        drawn()
    states = json.loads(json.dumps(random_states()))
    expected = [drawn() for _ in range(3)]
    random.seed(7)
    np.random.seed(7)
    torch.manual_seed(7)
    restore_random_states(states)
    assert [drawn() for _ in range(3)] == expected

import time

import numpy as np
import pytest
import torch

from sherf_core.transfer import HostCopy, Span, to_device

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


@pytest.mark.parametrize("device", DEVICES)
def test_values_survive_the_way_there_and_back(device):
    values = np.random.default_rng(0).normal(size=(50, 60)).astype(np.float32)[::2]
    there = to_device(values, torch.device(device))
    assert there.device.type == device
    back = HostCopy(there * 2)
    assert np.array_equal(back.numpy(), values * 2)
    assert np.array_equal(back.numpy(), values * 2)


@pytest.mark.parametrize("device", DEVICES)
def test_a_copy_is_of_the_time_when_it_was_ordered(device):
    tensor = to_device(np.zeros(1 << 20, np.float32), torch.device(device))
    copies = []
    for number in range(1, 4):
        copies.append(HostCopy(tensor + number))
    assert [copy.numpy().max() for copy in copies] == [1, 2, 3]


def test_a_span_is_the_time_of_its_block():
    with Span(torch.device("cpu")) as span:
        time.sleep(0.05)
    time.sleep(0.05)
    assert 0.05 <= span.seconds() == span.seconds() < 0.1 + 1.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_it_is_the_time_of_what_was_ordered_in_the_block():
    device = torch.device("cuda")
    matrix = torch.randn(4096, 4096, device=device)
    matrix @ matrix
    torch.cuda.synchronize()
    with Span(device) as span:
        for _ in range(20):
            matrix @ matrix
    started = time.perf_counter()
    torch.cuda.synchronize()
    left = time.perf_counter() - started
    assert span.seconds() >= left

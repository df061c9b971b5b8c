"""What a server says of sizes, in whatever digits."""

from __future__ import annotations

import pytest
import requests

from sherf_core.assets.exchange import Answer


def answer(**headers: str) -> Answer:
    response = requests.Response()
    response.status_code = 206
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(response, "host", "")


def test_sizes():
    told = answer(Content_Length="12", Content_Range="bytes 3-14/15")
    assert (told.length, told.range_start, told.range_total) == (12, 3, 15)


@pytest.mark.parametrize("digits", ["9" * 5000, "9" * 19, "\u0663", "-1", "+1", "1_0", ""])
def test_sizes_that_are_none(digits: str):
    told = answer(Content_Length=digits, Content_Range=f"bytes {digits}-{digits}/{digits}")
    assert (told.length, told.range_start, told.range_total) == (None, None, None)

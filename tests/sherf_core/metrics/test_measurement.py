import math

import pytest

from sherf_core.metrics.measurement import IDENTICAL, Average, Measurement, average


def test_mean_leaves_out_what_has_no_value_and_counts_it():
    measured = [Measurement(20.0), Measurement(None, IDENTICAL), Measurement(30.0), Measurement(None, IDENTICAL)]
    assert average(measured) == Average(mean=25.0, count=2, left_out={IDENTICAL: 2})


def test_mean_of_nothing_is_none_and_not_nan():
    assert average([]) == Average(mean=None, count=0, left_out={})
    assert average([Measurement(None, "empty mask")]).mean is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_measurement_never_holds_nan_or_infinity(value):
    with pytest.raises(ValueError, match="finite"):
        Measurement(value)


def test_a_missing_value_needs_its_reason():
    with pytest.raises(ValueError, match="reason"):
        Measurement(None)

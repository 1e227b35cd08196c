import math

import pytest

from trainer.sweep import comparison


def test_mean_and_deviation_of_known_numbers():
    assert comparison.mean_and_deviation([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx(
        (5, math.sqrt(32 / 7))
    )


@pytest.mark.parametrize("values, mean", [([], math.nan), ([3.0], 3.0)])
def test_what_too_few_values_do_not_have_is_nan(values, mean):
    assert comparison.mean_and_deviation(values) == pytest.approx((mean, math.nan), nan_ok=True)


def test_paired_difference_has_students_interval():
    baseline = {seed: 10.0 * seed for seed in range(6)}
    values = {seed: 10.0 * seed + difference for seed, difference in enumerate([1, 2, -3, 4, 5])}
    found = comparison.paired_difference(values, baseline)
    # Mean 9/5, deviation sqrt(9.7); 2.776 is the 97.5 % point of t with 4 degrees of freedom.
    assert found.mean == pytest.approx(1.8)
    assert found.half_width == pytest.approx(2.776 * math.sqrt(9.7 / 5), rel=1e-3)
    assert (found.pairs, found.lower) == (5, 1)


def test_only_shared_seeds_are_compared():
    found = comparison.paired_difference({0: 1.0, 1: 5.0}, {1: 2.0, 2: 9.0})
    assert found == pytest.approx((1, 3.0, math.nan, 0), nan_ok=True)

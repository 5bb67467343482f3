"""Intervals and robust means against values from the literature and by hand."""

import numpy as np
import pytest

from vla_gym.errors import InvalidConfigError
from vla_gym.evaluation.statistics import (
    bootstrap,
    format_rate,
    iqm,
    paired_difference,
    success_metrics,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe (1998), table I, method 3 (score without continuity correction)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_matches_published_values(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_symmetric_and_narrows():
    low, high = wilson(30, 100)
    mirrored = wilson(70, 100)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high))
    wide, narrow = wilson(90, 100), wilson(450, 500)
    assert narrow.high - narrow.low < wide.high - wide.low
    assert wilson(5, 10, confidence=0.5).low > wilson(5, 10).low
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_has_the_nominal_coverage():
    rng = np.random.default_rng(0)
    draws = rng.binomial(60, 0.8, size=2000)
    bounds = [wilson(int(k), 60) for k in draws]
    assert 0.93 < np.mean([b.low <= 0.8 <= b.high for b in bounds]) < 0.97


@pytest.mark.parametrize(
    ("successes", "n", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0)]
)
def test_wilson_rejects_invalid_arguments(successes, n, confidence):
    with pytest.raises(InvalidConfigError):
        wilson(successes, n, confidence)


def test_iqm():
    assert iqm([0, 1, 2, 3]) == 1.5
    assert iqm([0, 1, 2, 1000]) == 1.5
    assert iqm([7.0]) == 7.0
    # five values: half the weight is 2.5 values, the middle one and 3/4 of each neighbour
    assert iqm([0, 1, 2, 3, 100]) == pytest.approx((0.75 * 1 + 2 + 0.75 * 3) / 2.5)
    with pytest.raises(InvalidConfigError):
        iqm([])


def test_bootstrap_encloses_the_mean_and_repeats():
    rng = np.random.default_rng(1)
    groups = [rng.normal(1.0, 1.0, 50), rng.normal(3.0, 1.0, 50)]
    low, high = bootstrap(groups)
    assert low < 2.0 < high
    assert (low, high) == bootstrap(groups)
    # the spread between strata is no uncertainty
    assert high - low < 0.8
    low, high = bootstrap(groups, statistic="iqm", n_resamples=200)
    assert low < 2.0 < high
    with pytest.raises(InvalidConfigError):
        bootstrap(groups, statistic="median")


def test_paired_difference_is_narrower_than_unpaired_intervals():
    hard = np.random.default_rng(2).random(200) < 0.5
    a, b = np.where(hard, 0.0, 1.0), np.where(hard, 0.0, 1.0)
    b[np.flatnonzero(~hard)[:12]] = 0.0
    gap, (low, high) = paired_difference(a, b)
    assert gap == pytest.approx(0.06)
    assert 0 < low < gap < high
    with pytest.raises(InvalidConfigError):
        paired_difference([1, 0], [1])


def test_metric_names_and_formatted_rates():
    metrics = success_metrics("eval", 9, 10)
    assert metrics["eval/success"] == 0.9
    assert metrics["eval/success_n"] == 10
    assert metrics["eval/success_low"] < 0.9 < metrics["eval/success_high"]
    assert format_rate(90, 100) == "0.90 [0.83, 0.94], n=100"

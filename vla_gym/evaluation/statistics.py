"""Confidence intervals of success rates, robust means of returns; needs only numpy."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vla_gym.errors import InvalidConfigError


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion.

    Unlike the normal approximation "p +- 1.96 s" it stays within [0, 1] and is usable at 0 or n
    successes (Wilson 1927; Brown, Cai and DasGupta 2001 recommend it for small n).

    Args:
        successes: How many of the `n` episodes succeeded.
        n: How many episodes were run; 0 gives (0, 1).
        confidence: Coverage, in (0, 1).

    Raises:
        InvalidConfigError: If the counts or the confidence make no sense.
    """
    if not 0 <= successes <= n:
        raise InvalidConfigError(f"successes must lie in 0..n, got {successes} of {n}.")
    z = _z(confidence)
    if n == 0:
        return Interval(0.0, 1.0)
    p, z2 = successes / n, z * z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5
    # at 0 and n successes the bound is exactly 0 or 1, whatever rounding says
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def iqm(values: ArrayLike) -> float:
    """Interquartile mean: the mean without the highest and the lowest quarter of the values.

    When n is not a multiple of four, the values at the quartile edges are weighted so that exactly
    half of the total weight is kept.

    Args:
        values: Scores. Shape (n,).

    Raises:
        InvalidConfigError: If there are no values.
    """
    x = np.sort(_checked(values))
    edges = np.arange(len(x) + 1) / len(x)
    weight = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0.0, None)
    return float(x @ weight / weight.sum())


def bootstrap(
    groups: Sequence[ArrayLike],
    statistic: str = "mean",
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval, resampled within each group.

    Groups are strata such as tasks or training seeds; resamples keep the size of each.

    Args:
        groups: Scores of each stratum; each of shape (n_g,).
        statistic: ``"mean"`` or ``"iqm"`` of all scores together.
        confidence: Coverage, in (0, 1).
        n_resamples: How often to resample.
        seed: Seed of the resampling.

    Raises:
        InvalidConfigError: If a group is empty or the statistic is unknown.
    """
    if statistic not in ("mean", "iqm"):
        raise InvalidConfigError(f"statistic must be 'mean' or 'iqm', got {statistic!r}.")
    _z(confidence)
    rng = np.random.default_rng(seed)
    strata = [_checked(g) for g in groups]
    draws = np.concatenate(
        [g[rng.integers(len(g), size=(n_resamples, len(g)))] for g in strata], axis=1
    )
    values = draws.mean(1) if statistic == "mean" else np.array([iqm(d) for d in draws])
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(float(low), float(high))


def paired_difference(
    a: ArrayLike, b: ArrayLike, confidence: float = 0.95, seed: int = 0
) -> tuple[float, Interval]:
    """Mean difference between two policies on the same episodes.

    Pairing removes the variance that both share (easy and hard starts), so that fewer episodes
    are needed to show a small difference.

    Args:
        a: Scores, one per episode. Shape (n,).
        b: Scores of the same episodes in the same order. Shape (n,).
        confidence: Coverage, in (0, 1).
        seed: Seed of the bootstrap.

    Returns:
        Mean difference a - b and its interval.

    Raises:
        InvalidConfigError: If the two have different lengths.
    """
    x, y = _checked(a), _checked(b)
    if x.shape != y.shape:
        raise InvalidConfigError(f"Pairs need equal lengths, got {len(x)} and {len(y)}.")
    gap = x - y
    return float(gap.mean()), bootstrap([gap], confidence=confidence, seed=seed)


def success_metrics(prefix: str, successes: int, n: int) -> dict[str, float]:
    """Success with its interval, under the names that the report draws as a curve with a band.

    Args:
        prefix: Group, for example ``"eval"``.
        successes: How many of `n` episodes succeeded.
        n: How many episodes were run.

    Returns:
        ``<prefix>/success``, ``_low``, ``_high`` (95% Wilson) and ``_n``.
    """
    low, high = wilson(successes, n)
    name = f"{prefix}/success"
    return {name: successes / max(n, 1), f"{name}_low": low, f"{name}_high": high, f"{name}_n": n}


def format_rate(successes: int, n: int, confidence: float = 0.95) -> str:
    """A proportion with its interval: ``"0.91 [0.86, 0.94], n=200"``."""
    low, high = wilson(successes, n, confidence)
    return f"{successes / max(n, 1):.2f} [{low:.2f}, {high:.2f}], n={n}"


def _z(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise InvalidConfigError(f"confidence must lie in (0, 1), got {confidence}.")
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)


def _checked(values: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(values, float).ravel()
    if len(x) == 0:
        raise InvalidConfigError("No values were given.")
    return x

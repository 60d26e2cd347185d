"""Scores of forecasts on the scale of errors (logarithms, logits): CRPS, coverage, naive benchmarks, bootstrap over series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Array = NDArray[np.float64]
BENCHMARKS = ("last_value", "log_linear_trend", "damped_trend")
DAMPING_PER_MONTH = 0.95
NEEDED = 2  # earlier points without which there is no benchmark, hence no skill
RESAMPLES = 2_000


def crps(x: Array, weights: Array, y: float) -> float:
    """Return the continuous ranked probability score of a weighted sample: E|X - y| - E|X - X'|/2.

    >>> crps(np.array([1.0, 3.0]), np.array([0.5, 0.5]), 2.0)
    0.5

    Source: gneiting2007, Eq. 20-21.
    """
    order = np.argsort(x, kind="stable")
    x, w = x[order], weights[order] / weights.sum()
    spread = (w * x * (2.0 * np.cumsum(w) - w - 1.0)).sum()
    return float((w * np.abs(x - y)).sum() - spread)


def crps_normal(mean: float, sd: float, y: float) -> float:
    """Return the score of a normal forecast.

    >>> round(crps_normal(0.0, 1.0, 0.0), 4)
    0.2337

    Source: gneiting2007, below Eq. 20.
    """
    z = (y - mean) / sd
    return float(sd * (z * (2.0 * norm.cdf(z) - 1.0) + 2.0 * norm.pdf(z) - 1.0 / np.sqrt(np.pi)))


def benchmark(name: str, t: Array, y: Array, sd: float, at: float) -> tuple[float, float]:
    """Return mean and standard deviation of a naive forecast.

    Last value: a random walk whose monthly variance is that of the earlier steps. Log-linear trend: least squares with the
    error of a prediction. Damped trend: the slope dies off by 5 % a month from the last value, with the same error.

    Parameters
    ----------
    name : {"last_value", "log_linear_trend", "damped_trend"}
    t, y : (n,) float
        Months and values of at least two earlier points, in time.
    sd : float
        Stated band of the series, at least which every forecast is uncertain.
    at : float
        Month of the forecast.
    """
    ahead = at - t[-1]
    if name == "last_value":
        step = np.diff(y) ** 2 / np.maximum(np.diff(t), 1.0)
        return float(y[-1]), float(np.sqrt(sd**2 + step.mean() * ahead))
    centred = t - t.mean()
    spread = float((centred**2).sum())
    slope = float((centred * y).sum() / spread)
    residual = y - y.mean() - slope * centred
    variance = max(float((residual**2).sum()) / (t.size - 2) if t.size > 2 else 0.0, sd**2)
    error = float(np.sqrt(variance * (1.0 + 1.0 / t.size + (at - t.mean()) ** 2 / spread)))
    if name == "log_linear_trend":
        return float(y.mean() + slope * (at - t.mean())), error
    phi = DAMPING_PER_MONTH
    return float(y[-1] + slope * phi * (1.0 - phi**ahead) / (1.0 - phi)), error


def equal_blocks(blocks: Sequence[str], series: Sequence[str]) -> Array:
    """Return weights of points, adding to one: blocks alike, series alike in a block, points alike in a series."""
    members: dict[str, set[str]] = {}
    for b, s in zip(blocks, series, strict=True):
        members.setdefault(b, set()).add(s)
    counts = {s: list(series).count(s) for s in set(series)}
    return np.array([1.0 / (len(members) * len(members[b]) * counts[s]) for b, s in zip(blocks, series, strict=True)])


def weighted_median(x: Array, weights: Array) -> float:
    """Return the value at which half of the weight is reached; half-way where it is met exactly.

    >>> weighted_median(np.array([3.0, 1.0]), np.array([0.5, 0.5]))
    2.0
    """
    order = np.argsort(x, kind="stable")
    x, reached = x[order], np.cumsum(weights[order]) / weights.sum()
    k = int(np.searchsorted(reached, 0.5 - 1e-12))
    if abs(reached[k] - 0.5) < 1e-9 and k + 1 < x.size:
        return float((x[k] + x[k + 1]) / 2.0)
    return float(x[k])


def bootstrap(
    series: Sequence[str], weights: Array, columns: Mapping[str, Array], seed: int = 1
) -> dict[str, NDArray[np.float64]]:
    """Return weighted means of each column in resamples of whole series, the same series for all columns (paired).

    Parameters
    ----------
    series : (points,) sequence of str
        The blocks of the bootstrap: points of one series stay together.
    weights : (points,) float
    columns : {name: (points,) float}

    Returns
    -------
    {name: (RESAMPLES,) float}
    """
    names = sorted(set(series))
    at = np.array([names.index(s) for s in series])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=RESAMPLES)
    w = drawn[:, at] * weights
    return {name: (w * x).sum(axis=1) / w.sum(axis=1) for name, x in columns.items()}


def interval(x: Array) -> list[float]:
    """Return the 2.5 and 97.5 % points."""
    return [float(v) for v in np.quantile(x, [0.025, 0.975])]

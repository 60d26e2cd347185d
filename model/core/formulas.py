"""Formulas that several layers and kinds of agents share, each written once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def success(log_minutes: Array, log_horizon: Array | float, slope: float) -> Array:
    """Return the probability that a loop completes a task, Eq. A.1.

    ``S = 1 / (1 + (l/h)**slope)``: one half where the task is as long as the horizon.

    Parameters
    ----------
    log_minutes : (n,) float
        ln of the task's length in human minutes.
    log_horizon : float or (n,) float
        ln of the 50 % horizon in minutes.
    slope : float
        Slope in log length.

    Returns
    -------
    (n,) float in (0, 1)

    Source: metr2025. Twin: tests/reference/agent.py.

    >>> float(success(np.array([0.0]), 0.0, 0.7)[0])
    0.5
    """
    odds = np.asarray(log_minutes - log_horizon)
    odds *= slope
    np.exp(odds, out=odds)
    odds += 1.0
    return np.divide(1.0, odds, out=odds)


def success_at(minutes: float, horizon_minutes: float, slope: float) -> float:
    """Return the same for one length and horizon in minutes, Eq. A.1.

    Parameters
    ----------
    minutes, horizon_minutes : float > 0
    slope : float

    >>> success_at(10.0, 10.0, 0.7)
    0.5
    """
    return float(1.0 / (1.0 + (minutes / horizon_minutes) ** slope))


def hhi(size: ArrayLike) -> float:
    """Return the Herfindahl-Hirschman index, Eq. X.8: the sum of squared shares; NaN if all are zero.

    >>> hhi([1.0, 1.0, 2.0])
    0.375
    """
    x = np.asarray(size, dtype=np.float64)
    total = float(x.sum())
    return float(np.square(x / total).sum()) if total > 0.0 else math.nan


def ratio(above: float, below: float) -> float:
    """Return above / below, NaN (a null in tables) where below is zero.

    >>> ratio(1.0, 2.0), ratio(1.0, 0.0)
    (0.5, nan)
    """
    return above / below if below else math.nan


def ratios(above: ArrayLike, below: ArrayLike) -> Array:
    """Return above / below by element, NaN where below is zero or not finite.

    >>> ratios([1.0, 1.0], [2.0, 0.0]).tolist()
    [0.5, nan]
    """
    a, b = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    good = np.isfinite(b) & (b != 0.0)
    return np.asarray(np.where(good, a / np.where(good, b, 1.0), np.nan))

"""Ensemble smoother with multiple data assimilation: history matching with a few hundred runs (Emerick and Reynolds 2013).

The ensemble moves from the prior to the posterior in K steps, each with the error variance of the data enlarged K times. For a
linear model with normal priors and errors the last ensemble is a sample of the exact posterior; otherwise an approximation of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Correlations smaller than this over the root of the ensemble's size are taken as chance and move nothing.
CHANCE = 2.0


def update(z: Array, y: Array, d: Array, r: Array, inflation: float, rng: np.random.Generator) -> Array:
    """Return the ensemble after one step.

    Parameters
    ----------
    z : (members, parameters) float
        Standard normal coordinates of the parameters.
    y : (members, points) float
        What the members say of the data.
    d, r : (points,) float
        Data and their error variances.
    inflation : float
        Factor on `r`; the inverses over all steps add to one.
    rng : numpy.random.Generator
        Of the perturbations of the data.

    Returns
    -------
    (members, parameters) float

    Source: emerick2013, Eq. 8-9; correlations below chance are cut as in luo2018.
    """
    n = z.shape[0]
    dz, dy = z - z.mean(axis=0), y - y.mean(axis=0)
    c_zy, c_yy = dz.T @ dy / (n - 1), dy.T @ dy / (n - 1)
    scale = np.outer(dz.std(axis=0, ddof=1), dy.std(axis=0, ddof=1))
    correlation = np.divide(c_zy, scale, out=np.zeros_like(c_zy), where=scale > 0.0)
    gain = np.linalg.solve(
        c_yy + inflation * np.diag(r), np.where(np.abs(correlation) * np.sqrt(n) < CHANCE, 0.0, c_zy).T
    )
    shaken = d + np.sqrt(inflation * r) * rng.standard_normal(y.shape)
    return np.asarray(z + (shaken - y) @ gain)


def loss(y: Array, d: Array, r: Array) -> Array:
    """Return the sum of squared errors over their variances, by member; undefined points cost nothing."""
    return np.asarray(np.nansum((y - d) ** 2 / r, axis=-1))


def weights(z: Array, losses: Array) -> Array:
    """Return importance weights of a sample of the posterior, adding to one.

    Target: exp(-loss/2) times the standard normal prior. Proposal: the normal with the sample's mean and covariance. The
    ratio is raised to the largest power at most 1 that leaves an effective size of half the sample, so that few members
    never speak for all.

    Parameters
    ----------
    z : (members, parameters) float
    losses : (members,) float
    """
    n, k = z.shape
    centred = z - z.mean(axis=0)
    # shrunk a little to the diagonal: with few members the covariance is poorly known
    covariance = np.cov(z, rowvar=False).reshape(k, k)
    shrink = min(1.0, k / n)
    covariance = (1.0 - shrink) * covariance + shrink * np.diag(np.diag(covariance)) + 1e-9 * np.eye(k)
    distance = np.einsum("ij,ji->i", centred, np.linalg.solve(covariance, centred.T))
    log_ratio = -0.5 * (losses + (z**2).sum(axis=1)) + 0.5 * distance

    def powered(power: float) -> Array:
        w = np.exp(power * (log_ratio - log_ratio.max()))
        return np.asarray(w / w.sum())

    low, high = 0.0, 1.0
    if effective_size(powered(1.0)) >= n / 2:
        return powered(1.0)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if effective_size(powered(middle)) >= n / 2 else (low, middle)
    return powered(low)


def effective_size(w: Array) -> float:
    """Return one over the sum of squared weights.

    >>> effective_size(np.full(4, 0.25))
    4.0
    """
    return float(1.0 / (w**2).sum())

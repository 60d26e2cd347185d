"""Routing: served hours of each buyer spread over providers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def spread(
    served_hours: Array, home: NDArray[np.int64], capacity_hours: Array, price_usd: Array, elasticity: float
) -> Array:
    """Return hours by buyer and provider, Eq. M.10.

    Integrated buyers fill their own provider first; the rest follows a logit in ln price, weighted by capacity left, and
    spills to others where a provider is full (water-filling).

    Parameters
    ----------
    served_hours : (B,) float
    home : (B,) int
        Own provider, -1 for none.
    capacity_hours, price_usd : (P,) float
    elasticity : float
        Preference for the cheaper provider.

    Returns
    -------
    (B, P) float
        Rows sum to `served_hours`, columns stay within `capacity_hours`.

    Raises
    ------
    ValueError
        If the hours do not fit.

    Twin: tests/reference/routing.py.

    >>> spread(np.array([6.0]), np.array([-1]), np.array([4.0, 4.0]), np.array([1.0, 1.0]), 4.0).tolist()
    [[3.0, 3.0]]
    """
    if served_hours.sum() > capacity_hours.sum() * (1.0 + 1e-12):
        raise ValueError(f"{served_hours.sum():g} hours do not fit into {capacity_hours.sum():g}")
    out = np.zeros((served_hours.size, capacity_hours.size))
    free = capacity_hours.astype(np.float64).copy()
    left = served_hours.astype(np.float64).copy()
    for provider in range(free.size):
        mine = np.flatnonzero(home == provider)
        wanted = float(left[mine].sum())
        if wanted > 0.0:
            share = 1.0 if wanted <= free[provider] else free[provider] / wanted
            out[mine, provider] = left[mine] * share
            left[mine] -= out[mine, provider]
            free[provider] = max(free[provider] - wanted * share, 0.0)
    total = float(left.sum())
    if total <= 0.0:
        return out
    taken = np.zeros_like(free)
    open_ = free > 0.0
    rest = total
    level = 2.0 ** np.floor(np.log2(price_usd.min()))  # a power of two rounds nothing; prices may be of any size
    preference = (price_usd / level) ** -elasticity
    for _ in range(free.size + 1):
        weight = np.where(open_, preference * free, 0.0)
        if rest <= 0.0 or weight.sum() <= 0.0:
            break
        give = rest * weight / weight.sum()
        full = open_ & (taken + give >= free)
        if not full.any():
            taken += give
            rest = 0.0
            break
        rest -= float((free - taken)[full].sum())
        taken = np.where(full, free, taken)
        open_ &= ~full
    scale = total / taken.sum() if taken.sum() > 0 else 0.0
    return np.asarray(out + left[:, None] / total * (taken * scale)[None, :])

"""Training against thinking at equal capability (between layers 3 and 5): the exchange inside its span, corners outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def exchange(
    train_usd: Array, serve_usd: Array, gamma: float, delta: float, thinking_max: Array | float
) -> tuple[Array, Array]:
    """Return the cheapest mix of training and thinking of a given capability, Eq. N.13.

    The horizon is ``C**gamma tau**delta`` (Eq. N.10): training may shrink by ``x = tau**(-delta/gamma)`` where users think
    ``tau`` times longer, and serving costs ``tau`` times as much. ``T x + V tau`` is least, inside the span, where training
    is ``gamma / (gamma + delta)`` of it; at ``tau = 1`` or ``tau = thinking_max`` demand decides. In orders of magnitude
    the span is ``ln tau`` of serving against ``(delta/gamma) ln tau`` of training.

    Parameters
    ----------
    train_usd, serve_usd : (n,) float
        Lifetime cost of training and of serving where nobody thinks (Eq. N.4).
    gamma, delta : float > 0
        Horizon elasticities of training compute and of thinking.
    thinking_max : float or (n,) float >= 1
        End of the span; 1 allows no exchange.

    Returns
    -------
    training, thinking : (n,) float
        x in (0, 1] and tau in [1, thinking_max], by golden-section search in ln tau.

    Source: villalobos2023; erdil2024. Twin: tests/reference/exchange.py.

    >>> x, tau = exchange(np.array([900.0]), np.array([1.0]), 0.4, 0.4, 100.0)
    >>> round(float(x[0]), 5), round(float(tau[0]), 3), round(float(900.0 * x[0] / (900.0 * x[0] + tau[0])), 6)
    (0.03333, 30.0, 0.5)
    """
    train, serve = (np.asarray(v, dtype=np.float64) for v in (train_usd, serve_usd))
    low, high = np.zeros_like(train), np.broadcast_to(np.log(np.asarray(thinking_max, dtype=np.float64)), train.shape)

    def cost(log_tau: Array) -> Array:
        return np.asarray(train * np.exp(-delta / gamma * log_tau) + serve * np.exp(log_tau))

    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    top = high
    for _ in range(80):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        left = cost(a) <= cost(b)
        low, high = np.where(left, low, a), np.where(left, b, high)
    middle = 0.5 * (low + high)
    for end in (np.zeros_like(middle), np.asarray(top)):  # a corner is met exactly
        middle = np.where(cost(end) <= cost(middle), end, middle)
    return np.exp(-delta / gamma * middle), np.exp(middle)

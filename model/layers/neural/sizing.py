"""The loss law and what follows from it: compute-optimal and inference-aware sizes of nets."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from model.core.errors import InputError, shown
from model.core.params import Registry, enter

Array = NDArray[np.float64]


class LossLaw(NamedTuple):
    """``L(N, D) = E + A / N**alpha + B / D**beta``."""

    e: float
    a: float
    b: float
    alpha: float
    beta: float


LAWS = Registry()
_Made = TypeVar("_Made", bound=Callable[[], LossLaw])


def register(law: _Made) -> _Made:
    """Make a loss law known by the name of the function that returns it.

    Raises
    ------
    InputError
        If the name is another's, or a constant is not positive.
    """
    made = law()
    if not isinstance(made, LossLaw) or not all(math.isfinite(x) and x > 0.0 for x in made):
        raise InputError(f"function {law.__qualname__}: returns {shown(made)}: must be a LossLaw of positive numbers")
    enter(LAWS, law)
    return law


@register
def hoffmann() -> LossLaw:
    """Return the constants of hoffmann2022."""
    return LossLaw(1.69, 406.4, 410.7, 0.34, 0.28)


@register
def sardana() -> LossLaw:
    """Return the constants of sardana2024."""
    return LossLaw(1.69, 406.4, 410.7, 0.336, 0.283)


@register
def besiroglu() -> LossLaw:
    """Return the constants of besiroglu2024."""
    return LossLaw(1.81686, 482.006, 2085.43, 0.34781, 0.36585)


def loss(n: Array, d: Array, law: LossLaw) -> Array:
    """Return the loss of nets with `n` parameters trained on `d` tokens, Eq. N.1.

    >>> round(float(loss(np.array(2.8e11), np.array(3e11), LAWS["hoffmann"])), 5)
    1.99326
    """
    return law.e + law.a / n**law.alpha + law.b / d**law.beta


def compute_optimal(flop: Array, law: LossLaw) -> tuple[Array, Array]:
    """Return parameters and tokens that minimise the loss of ``6 N D = flop``, Eq. N.2.

    Source: hoffmann2022.

    >>> n, d = compute_optimal(np.array(5.88e23), LAWS["besiroglu"])
    >>> round(float(n) / 1e9, 1), round(float(d) / 1e12, 2)
    (73.1, 1.34)
    """
    g = (law.alpha * law.a / (law.beta * law.b)) ** (1.0 / (law.alpha + law.beta))
    n = g * (flop / 6.0) ** (law.beta / (law.alpha + law.beta))
    return n, flop / (6.0 * n)


def run_elasticity(n: Array, d: Array, law: LossLaw) -> Array:
    """Return how effective compute grows with tokens at a given size, ``d ln C_eff / d ln D``, Eq. N.2b.

    ``C_eff`` is the compute with which a compute-optimal net has the same loss. One for a compute-optimal net, less for a net
    trained for longer than that, so that it is cheap to serve.

    Parameters
    ----------
    n, d : float
        Parameters and training tokens.

    >>> n, d = compute_optimal(np.array(1e25), LAWS["besiroglu"])
    >>> round(float(run_elasticity(n, d, LAWS["besiroglu"])), 9), round(float(run_elasticity(n / 3, 3 * d, LAWS["besiroglu"])), 3)
    (1.0, 0.621)
    """
    of_size, of_data = law.a / n**law.alpha, law.b / d**law.beta
    return np.asarray((law.alpha + law.beta) / law.alpha * of_data / (of_size + of_data))


def tokens_at_loss(n: Array, target: Array, law: LossLaw) -> Array:
    """Return the tokens with which `n` parameters reach the loss `target`, infinite where they cannot, Eq. N.3."""
    gap = target - law.e - law.a / n**law.alpha
    return np.asarray(np.where(gap > 0.0, (law.b / np.where(gap > 0.0, gap, 1.0)) ** (1.0 / law.beta), np.inf))


def lifetime_cost(
    n: Array, d: Array, train_usd: Array | float, serve_usd: Array | float, rollout_factor: Array | float = 0.0
) -> Array:
    """Return ``K = c_T 6 N D (1 + rho_RL) + 2 N sum_k c_k Q_k``, Eq. N.4.

    Parameters
    ----------
    n, d : float
    train_usd : float
        ``c_T``, per operation.
    serve_usd : float
        ``sum_k c_k Q_k``: planned or realised tokens of each class times its price per operation.
    rollout_factor : float
        Roll-out over pre-training cost.
    """
    return np.asarray(train_usd * 6.0 * n * d * (1.0 + rollout_factor) + 2.0 * n * serve_usd)


def size_net(
    target: Array,
    train_usd: Array,
    serve_usd: Array,
    law: LossLaw,
    data_limit: Array | float = np.inf,
    n_min: float = 1.0,
    rollout_factor: float = 0.0,
) -> tuple[Array, Array]:
    """Return the parameters and tokens of the cheapest net over its life that reaches the loss `target`, Eq. N.5.

    Minimises Eq. N.4 along the iso-loss curve by golden-section search in ln N between the smallest net that can reach the
    target with the data there are and four times the compute-optimal one. The first-order condition is
    ``alpha A N**-alpha / (beta B D**-beta) = 1 + D_inf / (3 D)`` at equal prices (sardana2024).

    Parameters
    ----------
    target : (n,) float
    train_usd, serve_usd : (n,) float
        As in Eq. N.4.
    law : LossLaw
    data_limit : float
        Most tokens that can be used.
    n_min : float
    rollout_factor : float

    Returns
    -------
    parameters, tokens : (n,) float

    Source: sardana2024. Twin: tests/reference/neural.py.
    """
    target = np.asarray(target, dtype=np.float64)
    floor = (law.a / np.maximum(target - law.e, 1e-12)) ** (1.0 / law.alpha) * (1.0 + 1e-9)
    with_data = np.maximum(target - law.e - law.b / np.asarray(data_limit, dtype=np.float64) ** law.beta, 1e-12)
    floor = np.maximum(np.maximum(floor, (law.a / with_data) ** (1.0 / law.alpha)), n_min)
    # compute-optimal net of the same loss: gap divides in the ratio beta : alpha
    share = law.beta / (law.alpha + law.beta)
    optimal = (law.a / (share * np.maximum(target - law.e, 1e-12))) ** (1.0 / law.alpha)
    low, high = np.log(floor), np.log(np.maximum(4.0 * optimal, floor * 1.0001))

    def cost(log_n: Array) -> Array:
        n = np.exp(log_n)
        return np.asarray(lifetime_cost(n, tokens_at_loss(n, target, law), train_usd, serve_usd, rollout_factor))

    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    fa, fb = cost(a), cost(b)
    for _ in range(60):
        left = fa <= fb
        low, high = np.where(left, low, a), np.where(left, b, high)
        a_new, b_new = high - ratio * (high - low), low + ratio * (high - low)
        fa, fb = cost(a_new), cost(b_new)
        a, b = a_new, b_new
    n = np.exp(0.5 * (low + high))
    return n, tokens_at_loss(n, target, law)


def marginal_rate(n: Array, d: Array, law: LossLaw) -> Array:
    """Return ``w = alpha A N**-alpha / (beta B D**-beta)``, Eq. N.12: the serving that a net's shape reveals.

    A net sized for its whole life has ``w = 1 + S / (3 c_T D)`` (Eq. N.5), so serving is ``w - 1`` of training and
    ``(w - 1)/w`` of both; 1 at the compute-optimal net.

    Parameters
    ----------
    n, d : (n,) float
        Parameters and training tokens.

    Source: sardana2024 (first-order condition). Twin: tests/reference/neural.py.

    >>> round(float(marginal_rate(np.array(8e9), np.array(1.5e13), LAWS["besiroglu"])), 2)
    5.22
    """
    return np.asarray(law.alpha * law.a * n**-law.alpha / (law.beta * law.b * d**-law.beta))


def equivalent_flop(target: Array, law: LossLaw) -> Array:
    """Return the smallest training compute that reaches the loss `target`, Eq. N.5b.

    The inverse of the loss of Eq. N.2: at the compute-optimal net the two reducible terms stand in the ratio beta : alpha.

    Parameters
    ----------
    target : (n,) float
        Above the law's irreducible loss.
    law : LossLaw

    >>> law = LAWS["besiroglu"]
    >>> n, d = compute_optimal(np.array(1e24), law)
    >>> f"{float(equivalent_flop(loss(n, d, law), law)):.4e}"
    '1.0000e+24'
    """
    gap = np.asarray(target, dtype=np.float64) - law.e
    n = (law.a * (law.alpha + law.beta) / (law.beta * gap)) ** (1.0 / law.alpha)
    d = (law.b * (law.alpha + law.beta) / (law.alpha * gap)) ** (1.0 / law.beta)
    return np.asarray(6.0 * n * d)


def net_for_budget(
    flop: float, train_usd: float, serve_usd: float, law: LossLaw, data_limit: float, n_min: float
) -> tuple[float, float]:
    """Return parameters and tokens of the net that spends `flop` on training when sized for its whole life, Eq. N.5c.

    The net on the budget ``6 N D = flop`` that is the cheapest of its loss over training and serving (`size_net`). There
    ``alpha A N**-alpha / (beta B D**-beta) = 1 + S / (3 c_T D)`` with ``S = sum_k c_k Q_k``: on the budget the left side
    falls and the right side rises in N, so the root is unique. Little data or the smallest net sold bound N from below.

    Parameters
    ----------
    flop : float
        Training compute, 6 N D.
    train_usd, serve_usd : float
        As in Eq. N.4.
    law : LossLaw
    data_limit : float
        Most tokens that can be used.
    n_min : float

    Source: sardana2024 (first-order condition). Twin: tests/reference/neural.py.

    >>> n, d = net_for_budget(1e24, 1.0, 0.0, LAWS["besiroglu"], 1e18, 1.0)
    >>> m, _ = compute_optimal(np.array(1e24), LAWS["besiroglu"])
    >>> round(n / float(m), 6), f"{6 * n * d:.3e}"
    (1.0, '1.000e+24')
    """
    gain = math.log(law.alpha * law.a / (law.beta * law.b)) + law.beta * math.log(flop / 6.0)
    load = 2.0 * serve_usd / (train_usd * flop)
    high = gain / (law.alpha + law.beta)  # compute-optimal: the root without serving
    low = high - 40.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = gain - (law.alpha + law.beta) * middle > math.log1p(load * math.exp(middle))
        low, high = (middle, high) if above else (low, middle)
    size = max(math.exp(0.5 * (low + high)), flop / (6.0 * data_limit), n_min)
    return size, flop / (6.0 * size)

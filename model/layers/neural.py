"""The neural-network layer (layer 3): loss laws, sizing, algorithmic progress, capability as a task horizon.

All functions are vectorised over labs or nets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param

Array = NDArray[np.float64]


class LossLaw(NamedTuple):
    """``L(N, D) = E + A / N**alpha + B / D**beta``."""

    e: float
    a: float
    b: float
    alpha: float
    beta: float


#: The published constant sets (design T4.1).
LAWS = {
    "hoffmann": LossLaw(1.69, 406.4, 410.7, 0.34, 0.28),
    "sardana": LossLaw(1.69, 406.4, 410.7, 0.336, 0.283),
    "besiroglu": LossLaw(1.81686, 482.006, 2085.43, 0.34781, 0.36585),
}


@dataclass(frozen=True, kw_only=True)
class NeuralParams(Params):
    """Technology of nets."""

    section: ClassVar[str] = "neural"

    law: str = param(
        "besiroglu",
        "-",
        doc="constant set of the loss law",
        source="besiroglu2024; hoffmann2022; sardana2024",
        choices=tuple(LAWS),
        dynamic=False,
    )
    horizon_reference_minutes: float = param(
        0.55,
        "min",
        0.05,
        5,
        doc="horizon of a net of the reference effective compute without roll-outs",
        source="observations metr_horizon_p50 2022-03: .6 min",
        scale="log",
        dynamic=False,
    )
    effective_reference_flop: float = param(
        2.5e24,
        "FLOP",
        1e23,
        1e26,
        doc="effective compute at which it holds",
        source="observations train_compute_frontier 2022-04: 2.5e24",
        scale="log",
        dynamic=False,
    )
    capability_exponent: float = param(
        0.35,
        "-",
        0.2,
        0.5,
        doc="gamma: horizon elasticity of effective compute",
        fit=True,
        source="design 5 and 14, prior log-sd .15",
    )
    rollout_exponent: float = param(
        0.25, "-", 0.0, 0.5, doc="gamma_R: horizon elasticity of roll-out compute", source="design 5"
    )
    rollout_reference_flop: float = param(
        1.0e22,
        "FLOP",
        1e20,
        1e25,
        doc="R_ref: roll-out compute at which it begins to matter",
        scale="log",
        source="own assumption: a hundredth of a 2022 run; metr2025 between GPT-3.5 and o1",
    )
    verifier_minutes: float = param(
        10.0,
        "min",
        1,
        480,
        doc="length of the tasks on which roll-outs can be checked: useful once nets reach them",
        scale="log",
        source="own assumption: tasks with checkable answers are short (competition problems, unit tests); design T4.5, verifiability gates the value of samples",
    )
    reasoning_share: float = param(
        0.1,
        "-",
        0.001,
        0.5,
        doc="roll-out over pre-training compute from which a net can think",
        scale="log",
        source="own assumption: first reasoning nets in autumn 2024",
    )
    algorithmic_gain: float = param(
        1.2,
        "1/year",
        0.0,
        5,
        doc="theta: growth of ln efficiency a year at the reference experiments and the opening's stock",
        source="epoch2024: about 3x a year; observations algorithmic_progress_rate",
    )
    algorithmic_input_exponent: float = param(
        0.14, "-", 0.02, 0.6, doc="lambda: returns to experiments", source="gate2025"
    )
    algorithmic_stock_exponent: float = param(0.32, "-", 0.0, 1, doc="phi: ideas get harder to find", source="gate2025")
    algorithmic_ceiling: float = param(
        1.0e4,
        "-",
        1e2,
        1e7,
        doc="largest algorithmic efficiency over that of the opening",
        source="gate2025 S_max 1e4",
        scale="log",
    )
    experiment_reference_flop: float = param(
        1.0e24,
        "FLOP/month",
        1e22,
        1e27,
        doc="experiments of the opening's leading lab",
        scale="log",
        source="own assumption: of the order of a 2022 run a month",
    )
    idea_diffusion_per_year: float = param(
        0.8,
        "1/year",
        0,
        3,
        doc="rate at which the gap in algorithms to the leader closes",
        source="own assumption: ideas spread within a year or so",
    )
    text_tokens: float = param(3.0e14, "token", 1e14, 1e15, doc="unique text", source="epoch2024: 3e14", scale="log")
    usable_text_share: float = param(
        0.10,
        "-",
        0.01,
        1,
        doc="share of it that a lab can use",
        source="own assumption: access, quality, languages",
        scale="log",
    )
    epochs_useful: float = param(
        15.0, "epoch", 2, 40, doc="repetitions after which more add nothing", source="muennighoff2023"
    )
    synthetic_flop_per_token: float = param(
        2.0e12,
        "FLOP/token",
        1e10,
        1e15,
        doc="roll-out compute per useful synthetic token",
        scale="log",
        source="own assumption: 2N for a net of 1e11, a tenth kept",
    )
    distillation_orders_max: float = param(
        1.5, "-", 0, 2.5, doc="orders of effective compute a small net can gain from a teacher", source="design 5"
    )
    distillation_reference_share: float = param(
        0.5,
        "-",
        0.01,
        10,
        doc="accumulated synthetic data, over the teacher's training compute, at which half of it is reached",
        scale="log",
        source="own assumption: a student needs data of the order of its teacher's",
    )
    decode_gain_max: float = param(
        1.42,
        "-",
        1,
        1.42,
        doc="decode throughput of an inference-efficient architecture over a plain one",
        source="bian2025",
    )
    architecture_per_year: float = param(
        0.8,
        "1/year",
        0,
        3,
        doc="rate at which a lab that designs for inference reaches it",
        source="own assumption: one or two model generations",
    )
    parameters_min: float = param(
        5.0e8,
        "parameters",
        1e7,
        1e10,
        doc="smallest net sold",
        scale="log",
        source="own assumption: smaller nets are given away with devices",
    )


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

    Source: sardana2024. Twin: tests/oracle/neural.py.
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

    Source: sardana2024 (first-order condition). Twin: tests/oracle/neural.py.

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

    Source: sardana2024 (first-order condition). Twin: tests/oracle/neural.py.

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


def data_limit(synthetic_tokens: Array, p: NeuralParams) -> Array:
    """Return the tokens a lab can train on, Eq. N.6: repeated unique text and synthetic data.

    Source: muennighoff2023; epoch2024.
    """
    return p.text_tokens * p.usable_text_share * p.epochs_useful + synthetic_tokens


def algorithmic_step(log_algorithms: Array, experiment_flop: Array, automation: Array, p: NeuralParams) -> Array:
    """Return next month's ln algorithmic efficiency by lab, Eq. N.7.

    ``S'/S = theta/12 (I/I_ref)**lambda S**-phi`` slowed toward the ceiling (GATE equations 4 to 6); research automation
    multiplies experiments; followers close a share of the gap to the leader.

    Parameters
    ----------
    log_algorithms : (L,) float
    experiment_flop : (L,) float
        Operations of the month's experiments.
    automation : (L,) float >= 1
        Factor by which own agents multiply experiments.
    p : NeuralParams

    Source: gate2025. Twin: tests/oracle/neural.py.
    """
    ceiling = np.log(p.algorithmic_ceiling)
    inputs = np.maximum(experiment_flop * automation / p.experiment_reference_flop, 0.0) ** p.algorithmic_input_exponent
    growth = p.algorithmic_gain / 12.0 * inputs * np.exp(-p.algorithmic_stock_exponent * log_algorithms)
    growth = growth * np.maximum(ceiling - log_algorithms, 0.0) / ceiling
    spread = (log_algorithms.max() - log_algorithms) * (1.0 - np.exp(-p.idea_diffusion_per_year / 12.0))
    return np.asarray(log_algorithms + growth + spread)


def distillation(synthetic_share: Array, p: NeuralParams) -> Array:
    """Return the factor on a small net's effective compute, Eq. N.8: at most 10**1.5, with accumulated synthetic data.

    >>> float(distillation(np.array(0.0), NeuralParams()))
    1.0
    """
    return np.asarray(
        10.0 ** (p.distillation_orders_max * synthetic_share / (synthetic_share + p.distillation_reference_share))
    )


def verified(horizon_minutes: Array, p: NeuralParams) -> Array:
    """Return the share of roll-outs that can be checked and so teach, Eq. N.9."""
    return np.asarray(1.0 / (1.0 + (p.verifier_minutes / np.maximum(horizon_minutes, 1e-9)) ** 1.4))


def horizon(effective_flop: Array, rollout_flop: Array, p: NeuralParams) -> Array:
    """Return the 50 % task horizon in human minutes at tau = 1, Eq. N.10.

    ``h = h_ref (C_eff / C_ref)**gamma (1 + R / R_ref)**gamma_R``.

    Parameters
    ----------
    effective_flop : (n,) float
        Pre-training compute times algorithmic efficiency.
    rollout_flop : (n,) float
        Roll-out compute that taught (Eq. N.9).
    p : NeuralParams

    Source: design 5; metr2025.

    >>> float(horizon(np.array(2.5e24), np.array(0.0), NeuralParams()))
    0.55
    """
    base = p.horizon_reference_minutes * (effective_flop / p.effective_reference_flop) ** p.capability_exponent
    return np.asarray(base * (1.0 + rollout_flop / p.rollout_reference_flop) ** p.rollout_exponent)


def architecture_step(gain: Array, p: NeuralParams) -> Array:
    """Return next month's decode gain by lab, Eq. N.11: it approaches the bound."""
    return np.asarray(gain + (p.decode_gain_max - gain) * (1.0 - np.exp(-p.architecture_per_year / 12.0)))

"""What labs decide: how much to invest in research, in what; equity, prices, forecasts, how they learn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.lab.forecasts import FORECASTERS
from agents.lab.params import LabParams
from agents.lab.rules import RULES, USES, Seen
from agents.lab.tables import Labs, Nets
from model.core.errors import InputError
from model.core.units import TIERS

Array = NDArray[np.float64]

#: List prices of fresh, cached and generated tokens over that of fresh input.
LIST_STRUCTURE = np.array([1.0, 0.1, 5.0])
#: Mix of fresh, cached and generated tokens that is assumed where a net has served none.
UNSEEN_MIX = np.array([0.8, 0.0, 0.2])


class Research(NamedTuple):
    """A month's research decision."""

    wanted_usd: Array  # (L,)
    growth_factor: Array
    eta: Array
    margin: Array


def revenue_belief(labs: Labs, p: LabParams, weights: Array) -> Array:
    """Return yearly revenue each lab counts on, Eq. L.1: its own, or its part of the market expected before products."""
    return np.maximum(12.0 * labs.revenue_usd, p.seed_market_usd_per_year * weights)


def research(
    labs: Labs,
    shares: Array,
    gamma: float,
    demand_elasticity: float,
    rules: Sequence[str],
    weights: Array,
    p: LabParams,
    month: str = "2022-01",
    factors: tuple[float, ...] = (1.0,) * 5,
) -> Research:
    """Return the research budgets labs want, Eq. L.2 to L.4; each lab by its own rule (`agents/lab/rules.py`).

    Profit rule: capability compounds into profit with elasticity ``eta = gamma (e + b (1 - s))``, ``e`` the elasticity of
    demand to the horizon, ``b`` buyers' capability coefficient, ``s`` the lab's share. Research of this month earns, after
    a lead, over the life of nets, while profit grows by ``g``: ``G`` is the mean discounted growth over that span. The
    marginal condition ``d(discounted gross profit)/d(R&D) = 1`` then reads ``R&D = eta m G revenue``.

    Parameters
    ----------
    labs : Labs
    shares : (L,) float
        Share of token revenue.
    gamma : float
        Horizon elasticity of effective compute.
    demand_elasticity : float
        d ln (AI tasks) / d ln horizon, measured on this month's people.
    rules : sequence of str
    weights : (L,) float
        Parts in the expected market.
    p : LabParams
    month : str
        'YYYY-MM' in which the budget will be spent.
    factors : (5,) float
        Price of an hour of each use over that of serving.

    Source: own assumption: labs spend until a dollar more earns a dollar (rho = eta m G). Twin: tests/reference/lab.py.
    """
    belief = revenue_belief(labs, p, weights)
    margin = np.where(labs.revenue_usd > 0.0, 1.0 - labs.serving_usd / np.maximum(labs.revenue_usd, 1e-9), 0.5)
    margin = np.clip(margin, 0.1, 0.9)
    eta = gamma * (demand_elasticity + p.quality_coefficient * (1.0 - shares))
    drift = np.clip(labs.expected_growth, -p.growth_max_per_month, p.growth_max_per_month) - p.discount_per_year / 12.0
    span = drift * p.life_months
    growth = np.where(np.abs(span) > 1e-9, np.expm1(span) / np.where(np.abs(span) > 1e-9, span, 1.0), 1.0)
    growth = growth * np.exp(drift * p.lead_months)
    wanted = eta * margin * growth * belief / 12.0
    leader = float(wanted.max())
    columns = (wanted, labs.revenue_usd, labs.serving_usd, labs.rd_usd, belief / 12.0)
    own = np.stack(columns, axis=1).tolist()
    for i, rule in enumerate(rules):
        profit, revenue, serving, rd, counted = own[i]
        seen = Seen(profit, revenue, serving, rd, counted, leader, p.compute_share_of_rd, month, factors)
        wish: Any = RULES[rule].wanted_usd(seen)
        if not isinstance(wish, Real) or not math.isfinite(wish):
            raise InputError(f"rule '{rule}': wants {wish!r} USD in {month}: must be a finite number")
        wanted[i] = wish
    return Research(wanted, growth, eta, margin)


def budget(labs: Labs, wanted_usd: Array, funds_usd: Array, p: LabParams) -> Array:
    """Return next month's research budgets, Eq. L.5: a step toward the wanted ones, within funds."""
    step = p.budget_speed_per_month * np.log(np.maximum(wanted_usd, 1.0) / np.maximum(labs.rd_usd, 1.0))
    step = np.clip(step, -p.budget_growth_max_per_month, p.budget_growth_max_per_month)
    return np.asarray(np.minimum(np.maximum(labs.rd_usd, 1.0) * np.exp(step), np.maximum(funds_usd, 0.0)))


def equity_offer(labs: Labs, weights: Array, p: LabParams) -> Array:
    """Return the equity investors would place this month, Eq. L.6: a multiple of the expected yearly increase of revenue."""
    growth = np.clip(labs.expected_growth, 0.0, p.growth_max_per_month)
    offer = p.equity_multiple * revenue_belief(labs, p, weights) * np.expm1(12.0 * growth) / 12.0
    total = float(offer.sum())
    return np.asarray(offer * min(1.0, p.equity_world_max_usd_per_year / 12.0 / max(total, 1e-300)))


def split(
    labs: Labs,
    nets: Nets,
    gamma: float,
    gamma_rollout: float,
    rollout_reference: float,
    taught: Array,
    data_limit: Array,
    slope: float,
    p: LabParams,
) -> Array:
    """Return the shares of research compute by use, Eq. L.7: marginal products equalised.

    With capability a product of powers of its inputs, equal marginal products mean shares proportional to elasticities:
    final runs ``gamma``; experiments through algorithms; roll-outs ``gamma_R R/(R + R_ref)`` times the share that can be
    checked; synthetic data as the run meets the limit of text; research automation as agents succeed at research tasks.

    Parameters
    ----------
    labs, nets : Labs, Nets
    gamma, gamma_rollout, rollout_reference : float
    taught : (L,) float
        Share of roll-outs that can be checked.
    data_limit : (L,) float
        Tokens the lab can train on.
    slope : float
        Slope of agents' success in ln length (Eq. A.1).
    p : LabParams

    Returns
    -------
    (L, 5) float, rows sum to 1

    Twin: tests/reference/lab.py.
    """
    n = labs.n
    out = np.empty((n, len(USES)))
    out[:, 0] = gamma
    out[:, 1] = gamma * p.experiment_elasticity
    last = nets.rollout_flop[:n]
    out[:, 2] = gamma_rollout * taught * np.maximum(last / (last + rollout_reference), 0.2)
    pressure = nets.training_tokens[:n] / data_limit
    small = nets.training_flop[n:] / np.maximum(nets.training_flop[:n], 1.0)
    out[:, 3] = gamma * p.synthetic_elasticity * np.clip(pressure + np.minimum(small, 0.1), 0.0, 1.0)
    success = 1.0 / (1.0 + (p.research_task_minutes / np.maximum(nets.horizon_minutes[:n], 1e-9)) ** slope)
    out[:, 4] = gamma * p.experiment_elasticity * success
    return np.asarray(out / out.sum(axis=1, keepdims=True))


def prescribed_uses(rules: Sequence[str], month: str) -> Array:
    """Return hours of each research use per hour of serving that rules prescribe in a month, Eq. L.7b; NaN where labs decide.

    Parameters
    ----------
    rules : (L,) sequence of str
    month : str
        'YYYY-MM'.

    Returns
    -------
    (L, 5) float

    >>> prescribed_uses(["profit", "schedule"], "2027-11").round(3).tolist()
    [[nan, nan, nan, nan, nan], [0.077, 2.692, 1.462, 1.692, 0.769]]
    """
    free = (float("nan"),) * len(USES)
    return np.array([RULES[rule].uses(month) or free for rule in rules], dtype=np.float64).reshape(
        len(rules), len(USES)
    )


def list_prices(
    nets: Nets, cost_usd: Array, tokens: Array, shares: Array, open_weights: NDArray[np.bool_], p: LabParams
) -> Array:
    """Return next month's list price of fresh input by net, Eq. L.8 to L.10.

    A net's blended price is its blended serving cost times the markup of monopolistic competition, ``e/(e - 1)`` with
    ``e = b_p (1 - share)``; hosting open weights of the same tier oneself caps it, more loosely the better the net; prices
    move a share of the way each month, and stay where nobody called the net.

    Parameters
    ----------
    nets : Nets
    cost_usd : (N, 3) float
        Serving cost per fresh, cached, generated token.
    tokens : (N, 3) float
        Last month's mix; `UNSEEN_MIX` where there is none.
    shares : (N,) float
        Share of its tier.
    open_weights : (L,) bool
    p : LabParams

    Source: anderson1992 for logit markups; own assumption: each bound of a price is a mechanism of its own. Twin: tests/reference/lab.py.
    """
    weight = np.where(tokens.sum(axis=1, keepdims=True) > 0.0, tokens, UNSEEN_MIX)
    weight = weight / weight.sum(axis=1, keepdims=True)
    cost = (weight * cost_usd).sum(axis=1)
    structure = (weight * LIST_STRUCTURE).sum(axis=1)
    elasticity = np.maximum(p.price_coefficient * (1.0 - shares), 1.25)
    wanted = cost * elasticity / (elasticity - 1.0)
    n = open_weights.size
    for tier in (slice(k * n, (k + 1) * n) for k in range(len(TIERS))):
        if open_weights.any():
            hosted = np.where(
                open_weights,
                cost[tier] * p.self_hosting_markup / np.maximum(nets.horizon_minutes[tier], 1e-9) ** p.ceiling_quality,
                np.inf,
            )
            ceiling = hosted.min() * nets.horizon_minutes[tier] ** p.ceiling_quality
            wanted[tier] = np.minimum(wanted[tier], np.maximum(ceiling, 1.05 * cost[tier]))
    target = wanted / structure
    now = nets.price_usd_per_token
    moved = now * (target / now) ** p.price_speed_per_month
    return np.where(tokens.sum(axis=1) > 0.0, moved, now)


def forecast_tokens(nets: Nets, p: LabParams, forecasters: Sequence[str], months: float) -> Array:
    """Return the tokens that nets are expected to serve in the coming months, Eq. L.11, as each lab's forecaster sees it.

    The tier's last month grown over the span at the expected rate, as far as the forecaster trusts it.

    Parameters
    ----------
    nets : Nets
    p : LabParams
    forecasters : (L,) sequence of str
    months : float
        `planning_months` for the life of a net, `pricing_months` for prices.

    Returns
    -------
    (N,) float
    """
    growth = np.clip(nets.tokens_growth, -p.growth_max_per_month, p.growth_max_per_month)
    trust = np.array([FORECASTERS[name].trust_in_growth for name in forecasters] * len(TIERS))
    span = growth * months * trust
    factor = np.where(np.abs(span) > 1e-9, np.expm1(span) / np.where(np.abs(span) > 1e-9, span, 1.0), 1.0)
    return np.asarray(np.maximum(nets.tokens_month, 1e9) * months * factor)


def run_length(u: Array, p: LabParams) -> Array:
    """Return the length of the next run in months, Eq. L.12: the cycle with a uniform spread.

    Parameters
    ----------
    u : (L,) float in [0, 1)
        Draws of stream ``lab.cycle``.
    """
    return p.cycle_months * (1.0 + p.cycle_spread * (2.0 * u - 1.0))


def learn_growth(labs: Labs, revenue_usd: Array, p: LabParams) -> Array:
    """Return expected growth by lab, Eq. L.13: adaptive in realised growth of smoothed revenue, pooled with the market's.

    A lab without revenue keeps its prior and learns from the market alone.
    """
    now = labs.revenue_usd + (revenue_usd - labs.revenue_usd) / 3.0
    world = np.log(max(float(now.sum()), 1.0) / max(float(labs.revenue_usd.sum()), 1.0))
    own = np.where(labs.revenue_usd > 1.0, np.log(np.maximum(now, 1.0) / np.maximum(labs.revenue_usd, 1.0)), world)
    seen = np.clip(0.5 * own + 0.5 * world, -p.growth_max_per_month, p.growth_max_per_month)
    known = labs.revenue_usd.sum() > p.seed_market_usd_per_year / 12.0
    return np.asarray(labs.expected_growth + p.growth_learning_per_month * (seen - labs.expected_growth) * known)


def learn_token_growth(nets: Nets, tokens: Array, p: LabParams) -> Array:
    """Return expected growth of each net's tokens, Eq. L.14: adaptive in realised growth; the prior where there was none.

    Parameters
    ----------
    nets : Nets
    tokens : (N,) float
        Served this month.
    p : LabParams
    """
    both = (nets.tokens_month > 1.0) & (tokens > 1.0)
    seen = np.log(np.where(both, tokens, 1.0) / np.where(both, nets.tokens_month, 1.0))
    seen = np.where(both, np.clip(seen, -0.2, 0.2), p.growth_prior_per_month)
    return np.asarray(nets.tokens_growth + p.growth_learning_per_month * (seen - nets.tokens_growth))

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


#: Uses of research, places along the axis of `USES`.
FINAL_RUN, EXPERIMENT, ROLLOUT, SYNTHETIC, AUTOMATION = range(len(USES))


class Technology(NamedTuple):
    """What a lab knows of how research works when it decides, by lab."""

    gamma: float  # horizon elasticity of effective compute
    stay_months: float  # mean time that a buyer stays with a net
    gamma_rollout: float  # and of roll-outs
    run_elasticity: Array  # (L,) of effective compute to training compute at the size of the frontier net (Eq. N.2b)
    rollout_reference_flop: float
    returns: float  # lambda: elasticity of algorithmic progress to experiments
    progress: Array  # (L,) growth of ln algorithms by own experiments, a month
    fading: Array  # (L,) rate at which an advantage in algorithms is lost, a month
    taught: Array  # (L,) share of roll-outs that can be checked
    rollout_flop_per_usd: Array  # (L,) of research spending, staff included
    automation_share: Array  # (L,) part of experiments' work that agents do
    distillation_orders: float  # of ten, at most
    distillation_reference: float
    distilled: Array  # (L,) accumulated synthetic data over the teacher's training compute
    teacher_flop: Array  # (L,) training compute of the frontier net
    teacher_growth: Array  # (L,) expected growth of it, a month
    small_profit_share: Array  # (L,) part of gross profit that small nets earn
    cost_share: Array  # (L,) serving cost over the prices aimed at (Eq. L.9b)
    cap_value: Array  # (L,) profit that higher price caps would add, over revenue (Eq. L.9b)


class Research(NamedTuple):
    """A month's research decision."""

    wanted_usd: Array  # (L,)
    growth_factor: Array  # (L,) wanted spending over eta x gross profit
    eta: Array  # (L,)
    margin: Array  # (L,)
    uses_usd: Array  # (L, X) wanted by use
    value_usd: Array  # (L,) what a unit of ln effective compute earns at the lab itself, a month


def revenue_belief(labs: Labs, p: LabParams, weights: Array) -> Array:
    """Return yearly revenue each lab counts on, Eq. L.1: its own, or its part of the market expected before products."""
    return np.maximum(12.0 * labs.revenue_usd, p.seed_market_usd_per_year * weights)


def annuity(rate: Array | float, months: float) -> Array:
    """Return the sum of ``exp(-rate t)`` over months 0 to `months`, Eq. L.2.

    >>> annuity(np.array([0.0, 0.1]), 24.0).round(2).tolist()
    [24.0, 9.09]
    """
    safe = np.where(np.abs(rate) > 1e-9, rate, 1.0)
    return np.asarray(np.where(np.abs(rate) > 1e-9, -np.expm1(-safe * months) / safe, months))


def best_response(
    value_usd: Array, run_usd: Array, small_usd: Array, growth: Array, t: Technology, p: LabParams
) -> Array:
    """Return what each use of research is worth spending on at the margin, Eq. L.3, L.3b, L.3c and L.3d, USD a month, staff included.

    ``value_usd`` is what a unit of ln effective compute earns a month, ``run_usd`` what a unit of ln training compute does. Each use is bought until another dollar earns a dollar, discounted, given what
    rivals do:

    - *final runs*: a run is served for one cycle and then replaced by one trained anew, so a month of it earns for a cycle;
    - *experiments*: they raise ``ln A`` by ``lambda v`` a month; the advantage fades as ideas get harder to find and spread;
      agents do a part of the work;
    - *roll-outs*: ``ln(1 + R / R_ref)`` taught since the last release;
    - *synthetic data*: what small nets gain from their teacher, as far as it is not yet had.

    Parameters
    ----------
    value_usd, run_usd, small_usd : (L,) float >= 0
        Of all nets, of their runs, of small nets.
    growth : (L,) float
        Expected growth of that value per month.
    t : Technology
    p : LabParams

    Returns
    -------
    (L, X) float

    Source: own assumption: labs know their technology (section 7.3) and take rivals as given. Twin: tests/reference/lab.py.
    """
    out = np.zeros((value_usd.size, len(USES)))
    rate = p.discount_per_year / 12.0 - growth
    wait = np.exp(-rate * p.lead_months)
    served = wait * annuity(rate, p.cycle_months) / p.cycle_months  # of a dollar a month over the cycle it is served
    bundle = value_usd * wait * t.returns * t.progress * annuity(rate + t.fading, p.life_months)
    out[:, FINAL_RUN] = run_usd * served
    out[:, EXPERIMENT] = bundle * (1.0 - t.automation_share)
    out[:, AUTOMATION] = bundle * t.automation_share
    taught = np.maximum(t.taught * t.rollout_flop_per_usd, 1e-300)
    out[:, ROLLOUT] = np.maximum(
        value_usd * served * (t.gamma_rollout / t.gamma) - t.rollout_reference_flop / (taught * p.cycle_months), 0.0
    )
    lasts = wait * annuity(rate + np.maximum(t.teacher_growth, 0.0), p.life_months)
    had = t.distilled + t.distillation_reference
    best = np.sqrt(
        small_usd * lasts * (t.distillation_orders * math.log(10.0) * t.distillation_reference)
        * t.rollout_flop_per_usd / t.teacher_flop
    )  # fmt: skip
    out[:, SYNTHETIC] = np.maximum(best - had, 0.0) * t.teacher_flop / t.rollout_flop_per_usd / p.cycle_months
    return out


def research(
    labs: Labs,
    shares: Array,
    demand_elasticity: float,
    rents_usd: Array,
    technology: Technology,
    rules: Sequence[str],
    weights: Array,
    p: LabParams,
    month: str = "2022-01",
    factors: tuple[float, ...] = (1.0,) * 5,
) -> Research:
    """Return the research budgets labs want, Eq. L.4; each lab by its own rule (`agents/lab/rules.py`).

    Capability raises gross profit with elasticity ``eta = gamma (e + b (1 - s) k)``, ``e`` the elasticity of demand to the
    horizon, ``b`` buyers' capability coefficient, ``s`` the lab's share, ``k`` the discounted growth of the market while the
    buyers won stay. Where open weights cap its price, a better net may charge more (Eq. L.9b). A house with rents that AI puts
    at stake defends them too.

    Parameters
    ----------
    labs : Labs
    shares : (L,) float
        Share of token revenue.
    demand_elasticity : float
        d ln (spending on AI) / d ln horizon, measured on this month's people.
    rents_usd : (L,) float
        What a unit of ln effective compute keeps of a house's rents, a month (Eq. L.1d).
    technology : Technology
    rules : sequence of str
    weights : (L,) float
        Parts in the expected market.
    p : LabParams
    month : str
        'YYYY-MM' in which the budget will be spent.
    factors : (5,) float
        Price of an hour of each use over that of serving.

    Source: own assumption: each lab's best response to what rivals do. Twin: tests/reference/lab.py.
    """
    belief = revenue_belief(labs, p, weights)
    margin = np.where(labs.revenue_usd > 0.0, 1.0 - labs.serving_usd / np.maximum(labs.revenue_usd, 1e-9), 0.5)
    margin = np.clip(margin, 0.1, 0.9)
    rate = p.discount_per_year / 12.0 - labs.market_growth
    stay = annuity(rate + 1.0 / technology.stay_months, p.life_months) / technology.stay_months
    rivalry = technology.gamma * p.quality_coefficient * (1.0 - shares) * stay
    eta = technology.gamma * demand_elasticity + rivalry
    profit = (1.0 - technology.cost_share) * belief / 12.0  # at the prices aimed at and the costs expected
    earned = eta * profit + technology.gamma * p.ceiling_quality * technology.cap_value * belief / 12.0
    value = earned + rents_usd
    # The size of a net is the best for its life (N.5), so that another dollar of its run is worth what it is at that size
    run_value = technology.run_elasticity * value
    small = earned * technology.small_profit_share
    uses = best_response(value, run_value, small, labs.market_growth, technology, p)
    wanted = uses.sum(axis=1)
    growth = wanted / np.maximum(eta * margin * belief / 12.0, 1e-300)
    leader = float(wanted.max())
    columns = (wanted, labs.revenue_usd, labs.serving_usd, labs.rd_usd, belief / 12.0)
    own = np.stack(columns, axis=1).tolist()
    for i, rule in enumerate(rules):
        earns, revenue, serving, rd, counted = own[i]
        seen = Seen(earns, revenue, serving, rd, counted, leader, p.compute_share_of_rd, month, factors)
        wish: Any = RULES[rule].wanted_usd(seen)
        if not isinstance(wish, Real) or not math.isfinite(wish):
            raise InputError(f"rule '{rule}': wants {wish!r} USD in {month}: must be a finite number")
        wanted[i] = wish
    return Research(wanted, growth, eta, margin, uses, earned)


def automation(experiment_flop: Array, agent_flop: Array, success: Array, p: LabParams) -> tuple[Array, Array]:
    """Return agents' part in the work on experiments and their factor on it, Eq. N.7d, (L,) each.

    Agents do the part ``q = q_max S`` of the work: ``X' = (X/(1 - q))**(1 - q) (A/q)**q (1 + g S)``; at the best split of a
    budget it is the budget times ``1 + g S``.

    Parameters
    ----------
    experiment_flop, agent_flop : (L,) float
        Operations of experiments, and those that the hours of agents would perform as experiments.
    success : (L,) float
        Of agents at research tasks.
    p : LabParams
    """
    q = p.automation_share_max * success
    x = np.maximum(experiment_flop, 1e-300)
    a = np.maximum(agent_flop, 1e-300)
    part = np.where(q > 0.0, q, 1.0)
    log_ratio = np.log(a / part) - np.log(x / (1.0 - q))
    factor = np.exp(q * log_ratio) / (1.0 - q) * (1.0 + p.automation_gain * success)
    return q, np.where(experiment_flop > 0.0, factor, 0.0)


def match(horizon_minutes: Array, p: LabParams) -> Array:
    """Return how well each lab's best net matches the best of its rivals, Eq. L.1b: one half at parity, 1 without rivals, (L,).

    ``1 / (1 + (h_rival / h)**b)``, buyers' odds of choosing between the two.

    Parameters
    ----------
    horizon_minutes : (L,) float
        Of frontier nets.
    p : LabParams

    >>> match(np.array([2.0, 2.0, 1.0]), LabParams(quality_coefficient=1.0)).round(3).tolist()
    [0.5, 0.5, 0.333]
    """
    if horizon_minutes.size < 2:
        return np.ones(horizon_minutes.size)  # nobody to lose to
    order = np.sort(horizon_minutes)
    rival = np.where(horizon_minutes < order[-1], order[-1], order[max(order.size - 2, 0)])
    return np.asarray(1.0 / (1.0 + (rival / np.maximum(horizon_minutes, 1e-9)) ** p.quality_coefficient))


def rents_lost(matched: Array, reach: float, p: LabParams) -> Array:
    """Return the hazard at which houses lose their rents to AI, Eq. L.1c, 1/month, (L,).

    Work within reach of nets puts rents at stake; a house whose lab matches its rivals keeps a part of them.

    Parameters
    ----------
    matched : (L,) float
        Of Eq. L.1b.
    reach : float
        Share of work within reach (Eq. B.1).
    p : LabParams

    >>> rents_lost(np.array([1.0]), 1.0, LabParams(rent_hazard_per_year=0.12, rent_defended_share=0.5)).tolist()
    [0.005]
    """
    return np.asarray(p.rent_hazard_per_year / 12.0 * reach * (1.0 - p.rent_defended_share * matched))


def rents_at_stake(rents_usd: Array, matched: Array, reach: float, gamma: float, p: LabParams) -> Array:
    """Return what a unit of ln effective compute keeps of a house's rents, Eq. L.1d, USD a month, (L,).

    A month with a better net lowers the hazard of L.1c; what is kept lasts for the discounted life of the rents.

    Parameters
    ----------
    rents_usd : (L,) float
        Rents that are left, a year.
    matched : (L,) float
    reach : float
    gamma : float
        Horizon elasticity of effective compute.
    p : LabParams
    """
    hazard = p.rent_hazard_per_year * reach
    slope = p.rent_defended_share * gamma * p.quality_coefficient * matched * (1.0 - matched)
    return np.asarray(rents_usd * hazard / 12.0 * slope / (p.discount_per_year + hazard))


def budget(labs: Labs, wanted_usd: Array, funds_usd: Array, p: LabParams) -> Array:
    """Return next month's research budgets, Eq. L.5: a step toward the wanted ones, within funds."""
    step = p.budget_speed_per_month * np.log(np.maximum(wanted_usd, 1.0) / np.maximum(labs.rd_usd, 1.0))
    step = np.clip(step, -p.budget_growth_max_per_month, p.budget_growth_max_per_month)
    return np.asarray(np.minimum(np.maximum(labs.rd_usd, 1.0) * np.exp(step), np.maximum(funds_usd, 0.0)))


def equity_offer(labs: Labs, expected_usd: float, weights: Array, p: LabParams) -> Array:
    """Return the equity investors would place this month, Eq. L.6: a part of what a lab is worth to them.

    Worth is the lab's part of the gross profit of the market expected in ``valuation_years``, capitalised and discounted at
    ``valuation_discount_per_year``.

    Parameters
    ----------
    labs : Labs
    expected_usd : float
        Expected token revenue of all labs, USD a month, ``valuation_years`` ahead (Eq. B.3).
    weights : (L,) float
    p : LabParams
    """
    belief = revenue_belief(labs, p, weights)
    margin = np.where(labs.revenue_usd > 0.0, 1.0 - labs.serving_usd / np.maximum(labs.revenue_usd, 1e-9), 0.5)
    r = p.valuation_discount_per_year
    share = belief / max(float(belief.sum()), 1e-300)
    worth = share * np.clip(margin, 0.1, 0.9) * 12.0 * expected_usd / r * (1.0 + r) ** -p.valuation_years
    return np.asarray(p.equity_share_per_year * worth / 12.0)


def split(uses_usd: Array) -> Array:
    """Return the shares of research spending by use, Eq. L.7: in proportion to what each is worth spending on.

    Parameters
    ----------
    uses_usd : (L, X) float >= 0

    Returns
    -------
    (L, X) float, rows sum to 1; all in final runs where nothing is worth anything.
    """
    total = uses_usd.sum(axis=1, keepdims=True)
    nothing = np.zeros_like(uses_usd)
    nothing[:, FINAL_RUN] = 1.0
    return np.asarray(np.where(total > 0.0, uses_usd / np.where(total > 0.0, total, 1.0), nothing))


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


def price_elasticity(shares: Array, p: LabParams) -> Array:
    """Return the elasticity of a net's demand to its own price, Eq. L.8: ``b_p (1 - share)``, at least 1.25."""
    return np.asarray(np.maximum(p.price_coefficient * (1.0 - shares), 1.25))


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
    structure = (weight * LIST_STRUCTURE).sum(axis=1)
    wanted, _, _ = _aims(nets, (weight * cost_usd).sum(axis=1), shares, open_weights, p)
    target = wanted / structure
    now = nets.price_usd_per_token
    moved = now * (target / now) ** p.price_speed_per_month
    return np.where(tokens.sum(axis=1) > 0.0, moved, now)


def price_caps(
    nets: Nets, cost_usd: Array, tokens: Array, shares: Array, open_weights: NDArray[np.bool_], p: LabParams
) -> tuple[Array, Array]:
    """Return serving cost over the price aimed at, and what a higher cap on it is worth, Eq. L.9b, (N,) each.

    At a price ``P`` below the best one, a price higher by a part ``x`` adds ``x (1 - (1 - cost/P) e)`` of revenue to profit: nothing
    at the markup of monopolistic competition, nearly all of it where the price is next to cost. The net that sets the cap of
    its tier by its own open weights gains nothing: others host it too.

    Parameters
    ----------
    nets, cost_usd, tokens, shares, open_weights, p
        As in `list_prices`.

    Source: own assumption: the envelope theorem at the prices of L.8 and L.9. Twin: tests/reference/lab.py.
    """
    weight = np.where(tokens.sum(axis=1, keepdims=True) > 0.0, tokens, UNSEEN_MIX)
    cost = (weight * cost_usd).sum(axis=1) / weight.sum(axis=1)
    wanted, elasticity, sets = _aims(nets, cost, shares, open_weights, p)
    share = cost / wanted
    return share, np.where(sets, 0.0, np.maximum(1.0 - (1.0 - share) * elasticity, 0.0))


def _aims(
    nets: Nets, cost: Array, shares: Array, open_weights: NDArray[np.bool_], p: LabParams
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return the blended prices that labs aim at (Eq. L.8, L.9), price elasticities, and which nets set the cap of their tier."""
    elasticity = price_elasticity(shares, p)
    wanted = cost * elasticity / (elasticity - 1.0)
    sets = np.zeros(cost.size, dtype=bool)
    n = open_weights.size
    for tier in (slice(k * n, (k + 1) * n) for k in range(len(TIERS))):
        if open_weights.any():
            quality = np.maximum(nets.horizon_minutes[tier], 1e-9) ** p.ceiling_quality
            hosted = np.where(open_weights, cost[tier] * p.self_hosting_markup / quality, np.inf)
            ceiling = hosted.min() * nets.horizon_minutes[tier] ** p.ceiling_quality
            wanted[tier] = np.minimum(wanted[tier], np.maximum(ceiling, 1.05 * cost[tier]))
            sets[tier] = hosted == hosted.min()
    return wanted, elasticity, sets


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


def learn_growth(labs: Labs, revenue_usd: Array, market_usd: float, p: LabParams) -> Array:
    """Return expected growth while the market is small, by lab, Eq. L.13: adaptive in realised growth, pooled with the market's.

    Realised growth of smoothed revenue is what is left of it when a part of the market is taken (Eq. B.5). A lab without
    revenue keeps its prior and learns from the market alone.
    """
    now = labs.revenue_usd + (revenue_usd - labs.revenue_usd) / 3.0
    total = float(labs.revenue_usd.sum())
    world = np.log(max(float(now.sum()), 1.0) / max(total, 1.0))
    own = np.where(labs.revenue_usd > 1.0, np.log(np.maximum(now, 1.0) / np.maximum(labs.revenue_usd, 1.0)), world)
    seen = np.clip(0.5 * own + 0.5 * world, -0.3, 0.3) / max(1.0 - total / max(market_usd, 1e-300), 0.1)
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

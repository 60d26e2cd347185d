"""Labs: how much to invest in research, in what; which nets to train; at which price to serve them.

The investment rule of the baseline, ``profit``, has no share in it: a lab spends until the marginal expected discounted gross
profit equals cost. The elasticity of its profit to capability (eta), its margin (m) and the growth of its profit (G) are
computed every month from what the lab can see; their product is the rho = R&D / revenue it wants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.table import Column, Row, Table

Array = NDArray[np.float64]

#: Research uses, the order of LAB_USES.
USES = ("final_run", "experiment", "rl_rollout", "synthetic_data", "research_automation")
#: List prices of fresh, cached and generated tokens over that of fresh input.
LIST_STRUCTURE = np.array([1.0, 0.1, 5.0])
#: Mix of fresh, cached and generated tokens that is assumed where a net has served none.
UNSEEN_MIX = np.array([0.8, 0.0, 0.2])


@dataclass(frozen=True, kw_only=True)
class LabParams(Params):
    """How labs decide."""

    section: ClassVar[str] = "lab"

    seed_market_usd_per_year: float = param(
        7.0e9,
        "USD/year",
        1e8,
        2e10,
        doc="revenue that labs and their investors expected before products existed, all labs together",
        scale="log",
        dynamic=False,
        source="own assumption: with eta m G at the opening it supports the 3e9 USD of 2022 research that design 13 implies",
    )
    growth_prior_per_month: float = param(
        0.09,
        "1/month",
        0.0,
        0.15,
        doc="growth of revenue expected at the opening",
        source="own assumption: threefold a year, as openai_arr of the observations 2023-24",
        dynamic=False,
    )
    growth_learning_per_month: float = param(
        0.04,
        "1/month",
        0.005,
        0.5,
        doc="speed at which expected growth follows realised growth",
        source="own assumption: about a year and a half of memory",
    )
    growth_max_per_month: float = param(
        0.12,
        "1/month",
        0.02,
        0.25,
        doc="highest growth anyone plans for",
        source="own assumption: fourfold a year, openai_arr 2023-24 tripled",
    )
    life_months: float = param(
        24.0,
        "month",
        6,
        48,
        doc="months over which a month's research earns",
        source="own assumption: two to three releases, as price lists keep nets about two years",
    )
    lead_months: float = param(
        7.0,
        "month",
        1,
        24,
        doc="months from research to the first sales it earns",
        source="own assumption: half a cycle of design A.40 and a quarter of tests",
    )
    discount_per_year: float = param(
        0.20, "1/year", 0.05, 0.6, doc="discount rate of labs", source="own assumption: venture cost of capital"
    )
    quality_coefficient: float = param(
        3.0,
        "-",
        0.0,
        4,
        doc="buyers' capability coefficient: log-odds of choosing a net per unit of ln horizon",
        fit=True,
        source="design 14, prior log-sd .5; design T6.2: better nets keep most spending at 10-30 times the price of the next",
    )
    budget_speed_per_month: float = param(
        0.15,
        "1/month",
        0.02,
        1,
        doc="share of the log gap to the wanted budget closed in a month",
        source="own assumption: hiring and contracts take half a year",
    )
    budget_growth_max_per_month: float = param(
        0.12, "1/month", 0.01, 0.3, doc="fastest growth of a research budget", source="own assumption: fourfold a year"
    )
    compute_share_of_rd: float = param(
        0.65,
        "-",
        0.3,
        0.95,
        doc="share of research spending that buys compute; the rest is staff and data",
        source="observations openai_rd_compute_spend: 5 bn of about 7-8 bn USD in 2024",
    )
    equity_multiple: float = param(
        8.0,
        "-",
        0,
        30,
        doc="equity investors give per unit of expected yearly revenue increase",
        fit=True,
        source="design 14, prior log-sd .5",
    )
    equity_world_max_usd_per_year: float = param(
        4.0e11,
        "USD/year",
        1e10,
        2e12,
        doc="most equity that investors place in labs",
        scale="log",
        source="own assumption: about the world's venture capital of a good year",
    )
    runway_months: float = param(
        9.0,
        "month",
        1,
        36,
        doc="months of spending a lab wants in cash",
        source="own assumption: cash to the next financing round",
    )
    parent_rd_share_max: float = param(
        0.25,
        "-",
        0,
        1,
        doc="largest share of parents' cash for research at their labs",
        source="own assumption: research and development over operating cash",
    )
    experiment_elasticity: float = param(
        3.0,
        "-",
        0.05,
        3,
        doc="elasticity of profit-relevant capability to experiments over that to final runs, per unit of gamma",
        source="own assumption: final runs are 10-30 % of research compute, observations openai_final_run_share_of_rd",
    )
    synthetic_elasticity: float = param(
        0.3,
        "-",
        0.0,
        2,
        doc="elasticity to synthetic data where text is exhausted, per unit of gamma",
        source="own assumption: ai2027 gives it 20 % of compute",
    )
    research_task_minutes: float = param(
        960.0,
        "min",
        60,
        20000,
        doc="length of a research task that agents could take over",
        scale="log",
        source="own assumption: two working days",
    )
    small_share: float = param(
        0.007,
        "-",
        0.005,
        0.3,
        doc="share of final-run compute for small nets",
        scale="log",
        source="own assumption: size ratio of released pairs",
    )
    run_growth_max: float = param(
        5.0,
        "-",
        2,
        20,
        doc="largest step of a lab's run over its last one",
        source="design A.34: 4-5 a year, steps every 6-9 months smaller",
    )
    cycle_months: float = param(
        8.0,
        "month",
        3,
        18,
        doc="months of compute that go into one frontier net",
        source="design A.40: 9 (4-18), own assumption",
    )
    cycle_spread: float = param(
        0.3,
        "-",
        0,
        0.8,
        doc="half-width of the uniform spread of the cycle over its mean",
        source="own assumption: dates of releases differ by about a third of the cycle",
    )
    planning_months: float = param(
        12.0,
        "month",
        6,
        48,
        doc="months over which lifetime tokens are forecast when sizing a net",
        source="own assumption: nets stay on price lists about a year",
    )
    price_coefficient: float = param(
        2.5,
        "-",
        1.2,
        8,
        doc="log-odds of choosing a net per unit of ln price: sets the markup of monopolistic competition",
        source="own assumption: markup 1.5-2 for shares of .1-.3; nber2025intelligence for substitution",
    )
    price_speed_per_month: float = param(
        0.25,
        "1/month",
        0.02,
        1,
        doc="share of the log gap to the wanted price closed in a month",
        source="own assumption: list prices are revised twice a year",
    )
    vendor_equity_share: float = param(
        0.05,
        "-",
        0,
        0.5,
        doc="share of the chip supplier's monthly surplus that it invests in labs that buy its hours",
        source="own assumption: design 8 names vendor equity; announced deals up to 2025 are of that order",
    )
    payout_per_month: float = param(
        0.2,
        "1/month",
        0,
        1,
        doc="share of cash above twice the runway paid out to owners each month",
        source="own assumption: idle cash is returned within about half a year",
    )
    failure_months: float = param(
        3.0,
        "month",
        0.5,
        24,
        doc="months of research spending by which cash may be negative until the lab fails",
        source="own assumption: suppliers' credit",
    )
    entrant_share: float = param(
        0.05,
        "-",
        0.001,
        1,
        doc="research budget of an entrant over the mean of all labs; below a hundredth of it a lab gives up",
        source="own assumption: the first rounds of new labs against the budgets of the established",
    )
    self_hosting_markup: float = param(
        1.6,
        "-",
        1,
        5,
        doc="cost of hosting open weights oneself over the cost at scale: caps prices",
        source="own assumption: small batches",
    )
    ceiling_quality: float = param(
        1.0,
        "-",
        0,
        3,
        doc="exponent of the horizon ratio in what buyers pay above open weights",
        source="own assumption: buyers pay in proportion to the horizon",
    )
    automation_gain: float = param(
        1.0,
        "-",
        0,
        10,
        doc="factor on experiments when agents succeed at all research tasks and get an equal budget",
        source="own assumption: equal budgets are worth the same at full success; ai2027 assumes more",
    )


@dataclass(frozen=True, kw_only=True)
class LabFirm(Params):
    """One lab of the opening."""

    section: ClassVar[str] = "lab"

    kind: str = param(
        "independent",
        "-",
        doc="independent, integrated with a parent, or open-weight",
        source="own assumption: the market's structure in 2022",
        choices=("independent", "integrated", "open"),
        dynamic=False,
    )
    rd_usd_per_month: float = param(
        2.0e7,
        "USD/month",
        1e5,
        1e9,
        doc="research spending at the opening",
        source="design 13 carried back: about 3e9 USD a year world-wide in 2022",
        scale="log",
        dynamic=False,
    )
    run_flop: float = param(
        5.0e23,
        "FLOP",
        1e22,
        1e25,
        doc="frontier net's training compute at the opening",
        source="observations train_compute_frontier 2020-22",
        scale="log",
        dynamic=False,
    )
    parent_share: float = param(
        0.0,
        "-",
        0,
        1,
        doc="share of parents' cash this lab can draw on",
        source="by definition 0 for an independent lab; integrated firms state theirs",
        dynamic=False,
    )
    rule: str = param(
        "profit",
        "-",
        doc="investment rule; erdil and revenue_share prescribe the split and are not for the baseline",
        source="design 7",
        choices=("profit", "race", "erdil", "revenue_share"),
    )
    forecaster: str = param(
        "adaptive", "-", doc="how lifetime tokens are forecast", source="design 7", choices=("adaptive", "trend")
    )


#: The opening's labs.
FIRMS: dict[str, LabFirm] = {
    "alpha": LabFirm(rd_usd_per_month=5.0e7, run_flop=1.0e24),
    "beta": LabFirm(rd_usd_per_month=2.5e7, run_flop=4.0e23),
    "gamma": LabFirm(rd_usd_per_month=1.5e7, run_flop=2.0e23),
    "delta": LabFirm(kind="integrated", rd_usd_per_month=7.0e7, run_flop=2.0e24, parent_share=0.30),
    "epsilon": LabFirm(kind="open", rd_usd_per_month=4.0e7, run_flop=4.0e23, parent_share=0.20),
    "zeta": LabFirm(kind="open", rd_usd_per_month=2.5e7, run_flop=4.0e23, parent_share=0.05),
    "eta": LabFirm(kind="open", rd_usd_per_month=1.0e7, run_flop=1.0e23),
    "theta": LabFirm(rd_usd_per_month=1.2e7, run_flop=3.0e23, parent_share=0.05),
}


class Labs(Table):
    """One row per lab."""

    open_weights = Column("bool", "-", "publishes its weights")
    parent_share = Column("f8", "-", "share of parents' cash it can draw on")
    cash_usd = Column("f8", "USD", "money")
    investor_equity_usd = Column("f8", "USD", "investors' equity at book")
    parent_equity_usd = Column("f8", "USD", "parents' equity at book")
    vendor_equity_usd = Column("f8", "USD", "the chip supplier's equity at book")
    revenue_usd = Column("f8", "USD/month", "token revenue, smoothed over a quarter")
    serving_usd = Column("f8", "USD/month", "cost of serving, smoothed over a quarter")
    expected_growth = Column("f8", "1/month", "expected growth of revenue")
    last_revenue_usd = Column("f8", "USD/month", "smoothed revenue a month ago")
    rd_usd = Column("f8", "USD/month", "research budget")
    wanted_rd_usd = Column("f8", "USD/month", "research budget that would maximise profit")
    eta = Column("f8", "-", "elasticity of gross profit to effective compute")
    growth_factor = Column("f8", "-", "G: expected discounted growth of profit over the life of research")
    log_algorithms = Column("f8", "-", "ln algorithmic efficiency over the opening's")
    synthetic_flop = Column("f8", "FLOP", "accumulated synthetic-data compute")
    decode_gain = Column("f8", "-", "decode throughput of its architecture over a plain one", 1.0)
    run_target_flop = Column("f8", "FLOP", "compute at which the frontier run is finished")
    run_done_flop = Column("f8", "FLOP", "compute done")
    run_parameters = Column("f8", "parameters", "size of the frontier run")
    run_tokens = Column("f8", "token", "tokens of the frontier run")
    run_planned_tokens = Column("f8", "token", "forecast lifetime tokens of the frontier run")
    run_planned_usd = Column("f8", "USD", "planned lifetime cost of the frontier run")
    small_target_flop = Column("f8", "FLOP", "compute at which the small run is finished")
    small_done_flop = Column("f8", "FLOP", "compute done")
    small_parameters = Column("f8", "parameters", "size of the small run")
    small_tokens = Column("f8", "token", "tokens of the small run")
    small_planned_tokens = Column("f8", "token", "forecast lifetime tokens of the small run")
    small_planned_usd = Column("f8", "USD", "planned lifetime cost of the small run")
    rollout_flop = Column("f8", "FLOP", "roll-out compute that taught, since the last frontier release")
    run_paid_usd = Column("f8", "USD", "paid for final runs and roll-outs since the last frontier release")


class Lab(Row, table=Labs):
    """A lab as a Mesa agent."""


class Nets(Table):
    """Nets on offer: rows 0..L-1 frontier tier, L..2L-1 small tier, in the order of labs."""

    parameters = Column("f8", "parameters", "active parameters")
    training_tokens = Column("f8", "token", "tokens it was trained on")
    training_flop = Column("f8", "FLOP", "pre-training compute")
    effective_flop = Column("f8", "FLOP", "compute times algorithmic efficiency and distillation")
    rollout_flop = Column("f8", "FLOP", "roll-out compute that taught")
    horizon_minutes = Column("f8", "min", "50 % task horizon at tau = 1")
    reasoning = Column("bool", "-", "trained to think")
    decode_gain = Column("f8", "-", "decode throughput over a plain architecture", 1.0)
    price_usd_per_token = Column("f8", "USD/token", "list price of fresh input")
    released_month = Column("i4", "month", "months from the run's first to its release")
    tokens_month = Column("f8", "token/month", "tokens served last month")
    tokens_growth = Column("f8", "1/month", "expected growth of its tier's tokens")


class Run(NamedTuple):
    """A planned training run."""

    target_flop: float
    parameters: float
    tokens: float
    planned_tokens: float  # forecast lifetime tokens
    planned_usd: float  # planned lifetime cost


_RUN_COLUMNS = (
    ("run_target_flop", "run_parameters", "run_tokens", "run_planned_tokens", "run_planned_usd"),
    ("small_target_flop", "small_parameters", "small_tokens", "small_planned_tokens", "small_planned_usd"),
)


def run_of(labs: Labs, i: int, tier: int) -> Run:
    """Return the run of lab `i` in a tier (0 frontier, 1 small)."""
    return Run(*(float(getattr(labs, name)[i]) for name in _RUN_COLUMNS[tier]))


def set_run(labs: Labs, i: int, tier: int, run: Run) -> None:
    """Change `labs`: plan the run of lab `i` in a tier."""
    for name, value in zip(_RUN_COLUMNS[tier], run, strict=True):
        getattr(labs, name)[i] = value


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
    labs: Labs, shares: Array, gamma: float, demand_elasticity: float, rules: list[str], weights: Array, p: LabParams
) -> Research:
    """Return the research budgets labs want, Eq. L.2 to L.4.

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
    rules : list of str
    weights : (L,) float
        Parts in the expected market.
    p : LabParams

    Source: design 1 and 7 (rho = eta m G). Twin: tests/oracle/lab.py.
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
    for i, rule in enumerate(rules):
        if rule == "race":
            wanted[i] = max(wanted[i], 0.8 * leader)
        elif rule == "erdil":
            wanted[i] = max(labs.serving_usd[i], 1e-3 * labs.rd_usd[i]) / p.compute_share_of_rd
        elif rule == "revenue_share":
            wanted[i] = 0.7 * max(labs.revenue_usd[i], belief[i] / 12.0)
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

    Twin: tests/oracle/lab.py.
    """
    n = labs.n
    out = np.empty((n, 5))
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

    Source: design 5 (separate bounded mechanisms); anderson1992 for logit markups. Twin: tests/oracle/lab.py.
    """
    weight = np.where(tokens.sum(axis=1, keepdims=True) > 0.0, tokens, UNSEEN_MIX)
    weight = weight / weight.sum(axis=1, keepdims=True)
    cost = (weight * cost_usd).sum(axis=1)
    structure = (weight * LIST_STRUCTURE).sum(axis=1)
    elasticity = np.maximum(p.price_coefficient * (1.0 - shares), 1.25)
    wanted = cost * elasticity / (elasticity - 1.0)
    n = open_weights.size
    for tier in (slice(0, n), slice(n, 2 * n)):
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


def forecast_tokens(nets: Nets, p: LabParams, forecaster: list[str]) -> Array:
    """Return the forecast of lifetime tokens of each lab's next nets, Eq. L.11.

    The tier's last month grown at the expected rate over the planning span (``adaptive``); ``trend`` lets that rate
    fall linearly to zero.
    """
    growth = np.clip(nets.tokens_growth, -p.growth_max_per_month, p.growth_max_per_month)
    trend = np.array([f == "trend" for f in forecaster] * 2)
    span = growth * p.planning_months * np.where(trend, 0.5, 1.0)
    factor = np.where(np.abs(span) > 1e-9, np.expm1(span) / np.where(np.abs(span) > 1e-9, span, 1.0), 1.0)
    return np.asarray(np.maximum(nets.tokens_month, 1e9) * p.planning_months * factor)


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

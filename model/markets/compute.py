"""The compute market: an hour has one price whatever it computes, and one more by block of the day; rationing, spot and contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.steps import Guarded
from model.core.units import DAY_BLOCKS, PROVIDER_CLASSES, PROVIDER_RUN, SERVING_CLASSES, TIERS, TOKEN_KINDS, WORK

Array = NDArray[np.float64]

#: Parameter with the demand elasticity of each provider-run class.
ELASTICITY = (
    "elasticity_serving",
    "elasticity_serving",
    "elasticity_serving",
    "elasticity_serving",
    "elasticity_serving",
    "elasticity_legacy",
    "elasticity_legacy",
    "elasticity_research",
    "elasticity_research",
    "elasticity_research",
    "elasticity_research",
    "elasticity_research",
)


#: The clearing price is sought within this distance of the posted one, in ln.
LOG_RATIO_MAX = 16.0
#: A clearing price is found when a step moves it by less, in ln.
LOG_PRICE_STEP = 1e-14


@dataclass(frozen=True, kw_only=True)
class ComputeParams(Params):
    """How the price of accelerator-hours is made."""

    section: ClassVar[str] = "compute"

    # fmt: off
    opening_usd_per_h100e_hour: float = param(  6.0, "USD/h",    1,   15, dynamic=False, doc="contract price at the opening",                                                                                         source="own assumption: an A100 hour of about 2 USD is .3155 H100e; later prices are observations gpu_rent_h100")
    price_speed: float =                param( 0.493, "-"    , 0.05,    1, fit=True,      doc="share of the log gap to the clearing price closed in a month (kappa)",                                                  source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre .5, log-sd .4, half of the gap in a month")
    utilisation_max: float =            param( 0.85, "-"    ,  0.7, 0.95,                doc="largest share of hours that can be used",                                                                               source="own assumption: queues explode near 1")
    peak_load: float =                  param( 1.13, "-"    ,    1, 1.35,                doc="hours asked by people and their agents in the peak half of the day over the mean of the day",                          source="servegen2025: own computation on its traces, two blocks of twelve hours lie at 1.08 (models pooled) to 1.17 (one class) of the mean")
    spot_share: float =                 param( 0.15, "-"    ,    0,  0.5,                doc="share of hours sold at the spot price",                                                                                 source="own assumption: most hours are sold by contract")
    spot_premium: float =               param( 0.15, "-"    ,    0,    1,                doc="k in spot = contract x (1 + k u / (1 - u))",                                                                            source="own assumption: small, as rents of H100 by the hour stood little above those by contract")
    elasticity_serving: float =         param(  1.1, "-"    ,  0.3,    3,                doc="price elasticity of serving",                                                                                           source="nber2025intelligence: 1.11")
    elasticity_legacy: float =          param( 2.04, "-"    ,  0.3,    3, fit=True,      doc="price elasticity of ranking and other AI",                                                                              source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre 1.2, log-sd .2, a little above that of serving in nber2025intelligence")
    elasticity_research: float =        param(  1.0, "-"    ,  0.3,    2,                doc="price elasticity of research: budgets are set in money",                                                                source="own assumption: unit by construction of a budget")
    routing_elasticity: float =         param(  4.0, "-"    ,  0.5,   20,                doc="how strongly buyers prefer the cheaper provider",                                                                       source="own assumption: hours of one class are near substitutes; contracts keep some buyers")
    # fmt: on


@dataclass
class Market(Guarded):
    """How last month's market cleared, and what waits since."""

    fill: Array = field(default_factory=lambda: np.ones(len(PROVIDER_CLASSES)))  # (W,)
    queue: Array = field(
        default_factory=lambda: np.zeros((len(SERVING_CLASSES), len(TIERS), len(TOKEN_KINDS)))
    )  # (S, T, Q) tokens
    legacy_queue_hours: Array = field(default_factory=lambda: np.zeros(2))  # ranking, other
    utilisation: float = 0.75
    block_ratio: Array = field(default_factory=lambda: np.ones(len(DAY_BLOCKS)))  # (D,) posted price over its mean


class Cleared(NamedTuple):
    """A cleared market."""

    fill: Array  # (W,) share of demanded hours served
    clearing_usd: Array  # (D,)
    served: Array  # (W, D) hours


#: Work that can wait within the day, of the classes that providers run; standing jobs decide it by price (Eq. O.5).
DEFERRABLE = np.array([1.0 if w.tier == "deferrable" else 0.0 for w in WORK[PROVIDER_RUN]])


def profile(p: ComputeParams) -> Array:
    """Return the parts of a class's work that fall into each block of the day where it cannot wait, Eq. M.1, (W, D).

    Final runs and other AI go on day and night; people, their agents and robots ask for more in the peak.
    """
    steady = np.array([w.tier == "steady" for w in WORK[PROVIDER_RUN]])
    peak = np.where(steady, 0.5, 0.5 * p.peak_load)
    return np.stack([peak, 1.0 - peak], axis=1)


def class_prices(block_ratio: Array, deferrable: Array, p: ComputeParams) -> Array:
    """Return the price that each class pays for an hour over the mean contract price, Eq. M.2, (W,).

    An hour has the price of its block, whatever it is used for; work that can wait pays the lower one.

    Parameters
    ----------
    block_ratio : (D,) float
        Posted price of a block over the mean of the blocks.
    deferrable : (W,) float in [0, 1]
        Part of the class that can wait.
    p : ComputeParams

    >>> class_prices(np.array([1.2, 0.8]), DEFERRABLE, ComputeParams(peak_load=1.2))[[0, 6, 7, 8]].round(3).tolist()
    [1.04, 1.0, 1.0, 0.8]
    """
    timed = (profile(p) * block_ratio).sum(axis=1)
    return np.asarray((1.0 - deferrable) * timed + deferrable * block_ratio.min())


def clearing_log_price(hours: Array, log_posted: Array, elasticity: Array, usable: float) -> float:
    """Return ln x with ``sum_i h_i (x / q_i)**-eps_i = usable``, Eq. M.3: Newton's method on the convex ln of the sum.

    Parameters
    ----------
    hours, log_posted, elasticity : (n,) float
        Hours asked at the posted price ``q_i``; at least one is positive.
    usable : float > 0

    >>> round(float(np.exp(clearing_log_price(np.array([8.0]), np.array([0.0]), np.array([2.0]), 2.0))), 9)
    2.0
    """
    positive = hours > 0.0
    log_hours, posted, slope = np.log(hours[positive]), log_posted[positive], elasticity[positive]
    low, high = float(posted.min()) - LOG_RATIO_MAX, float(posted.max()) + LOG_RATIO_MAX
    x, target = float(posted.max()), float(np.log(usable))
    for _ in range(100):
        terms = log_hours - slope * (x - posted)
        top = float(terms.max())
        weight = np.exp(terms - top)
        total = float(weight.sum())
        step = (top + float(np.log(total)) - target) / (float((weight * slope).sum()) / total)
        moved = min(max(x + step, low), high)
        if abs(moved - x) <= LOG_PRICE_STEP * max(abs(x), 1.0):
            return moved
        x = moved
    return x


def clear(
    demand_hours: Array,
    capacity_hours: float,
    posted_usd: Array,
    deferrable: Array,
    floor_usd: float,
    p: ComputeParams,
) -> Cleared:
    """Return fill rates, clearing prices and hours served by block of the day, Eq. M.3 to M.5.

    In each block the hours of a class that cannot wait fall with that block's price, ``h (x_b / q_b)**-eps``. Work that can
    wait goes where an hour is cheaper. If all demand fits into the day at one price and what cannot wait fits into the
    peak, both blocks have that price; else the peak clears on its own and the valley clears with the work that can wait
    (Boiteux 1960, Steiner 1957). No price falls below running cost. At a posted price above the clearing one all is served
    and hours stay idle; below it, those with the highest willingness to pay are served.

    Parameters
    ----------
    demand_hours : (W,) float >= 0
        Hours demanded at posted prices.
    capacity_hours : float
        Of the whole day; half of it in each block.
    posted_usd : (D,) float
        Contract price of each block; the peak's is not the lower one.
    deferrable : (W,) float in [0, 1]
    floor_usd : float
        Running cost of an hour.
    p : ComputeParams

    Returns
    -------
    Cleared
        ``served.sum(axis=1) <= demand_hours``; in each block at most half of the usable hours.

    Source: boiteux1960; steiner1957; own assumption: posted prices, rationing by willingness to pay. Twin: tests/reference/compute.py.

    >>> c = clear(np.full(12, 10.0), 1200.0, np.array([2.0, 2.0]), DEFERRABLE, 0.2, ComputeParams())
    >>> c.fill.min() == 1.0 and bool((c.clearing_usd < 2.0).all())
    True
    """
    elasticity = np.array([getattr(p, name) for name in ELASTICITY])
    half = 0.5 * capacity_hours * p.utilisation_max
    n = demand_hours.size
    if float(demand_hours.sum()) <= 0.0 or half <= 0.0:
        if half > 0.0:
            return Cleared(np.ones(n), np.full(2, floor_usd), np.zeros((n, 2)))
        scarce = np.maximum(posted_usd * float(np.exp(LOG_RATIO_MAX)), floor_usd)
        empty = np.where(demand_hours.sum() > 0.0, 0.0, 1.0)
        return Cleared(np.full(n, empty), scarce, np.zeros((n, 2)))
    timed = ((1.0 - deferrable) * demand_hours)[:, None] * profile(p)  # (W, D)
    waits = deferrable * demand_hours
    log_q = np.log(posted_usd)
    low = float(log_q.min())
    hours = np.concatenate([timed[:, 0], timed[:, 1], waits])
    posted = np.concatenate([np.full(n, log_q[0]), np.full(n, log_q[1]), np.full(n, low)])
    log_x = np.full(2, clearing_log_price(hours, posted, np.tile(elasticity, 3), 2.0 * half))
    if float((timed[:, 0] * np.exp(-elasticity * (log_x[0] - log_q[0]))).sum()) > half:
        log_x[0] = clearing_log_price(timed[:, 0], np.full(n, log_q[0]), elasticity, half)
        valley = hours[n:]
        if valley.any():
            log_x[1] = min(clearing_log_price(valley, posted[n:], np.tile(elasticity, 2), half), log_x[0])
    fill_timed = np.exp(-elasticity[:, None] * np.maximum(log_x - log_q, 0.0))
    fill_waits = np.exp(-elasticity * max(float(log_x[1]) - low, 0.0))
    asked = timed * fill_timed
    busy = np.maximum(asked.sum(axis=0), half)
    asked = asked * np.where(busy > half, half / np.where(busy > 0.0, busy, 1.0), 1.0)
    later = waits * fill_waits
    room = np.maximum(half - asked.sum(axis=0), 0.0)
    later = later * min(float(room.sum()) / max(float(later.sum()), 1e-300), 1.0)
    in_valley = min(float(room[1]) / max(float(later.sum()), 1e-300), 1.0)
    served = asked + later[:, None] * np.array([1.0 - in_valley, in_valley])
    total = served.sum(axis=1)
    nothing = ((1.0 - deferrable)[:, None] * profile(p) * fill_timed).sum(axis=1) + deferrable * fill_waits
    some = demand_hours > 0.0
    fill = np.where(some, np.minimum(total / np.where(some, demand_hours, 1.0), 1.0), nothing)
    fill = np.where(fill > 1.0 - 1e-12, 1.0, fill)  # what was asked, apart from rounding
    return Cleared(fill, np.maximum(np.exp(log_x), floor_usd), served)


def next_price(price_usd: Array, clearing_usd: Array | float, floor_usd: float, p: ComputeParams) -> Array:
    """Return next month's contract prices, Eq. M.6: ``ln p' = ln p + kappa ln(p_clear / p)``, not below running cost.

    >>> next_price(np.array([4.0]), 1.0, 0.1, ComputeParams(price_speed=0.5)).tolist()
    [2.0]
    """
    moved = price_usd * (clearing_usd / price_usd) ** p.price_speed
    return np.maximum(moved, floor_usd)


def spot_price(contract_usd: float, utilisation: float, p: ComputeParams) -> float:
    """Return the spot price, Eq. M.7: contract x (1 + k u / (1 - u)), u the share of hours offered in use, bounded at .95.

    >>> spot_price(2.0, 0.0, ComputeParams())
    2.0
    """
    u = min(utilisation, 0.95)
    return contract_usd * (1.0 + p.spot_premium * u / (1.0 - u))

"""The compute market: one price for everything that computes, rationing by willingness to pay, spot and contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.steps import Guarded
from model.core.units import PROVIDER_CLASSES, PROVIDER_RUN, SERVING_CLASSES, TIERS, TOKEN_KINDS, WORK

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


@dataclass(frozen=True, kw_only=True)
class ComputeParams(Params):
    """How the price of accelerator-hours is made."""

    section: ClassVar[str] = "compute"

    # fmt: off
    opening_usd_per_h100e_hour: float = param(  6.0, "USD/h",    1,   15, dynamic=False, doc="contract price at the opening",                                                                                         source="own assumption: an A100 hour of about 2 USD is .3155 H100e; later prices are observations gpu_rent_h100")
    price_speed: float =                param(0.598, "-"    , 0.05,    1, fit=True,      doc="share of the log gap to the clearing price closed in a month (kappa)",                                                  source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre .5, log-sd .4, half of the gap in a month")
    utilisation_max: float =            param( 0.85, "-"    ,  0.7, 0.95,                doc="largest share of hours that can be used",                                                                               source="own assumption: queues explode near 1")
    operating_usd_per_h: float =        param( 0.25, "USD/h", 0.05,    1,                doc="operating cost below which no hour is sold",                                                                            source="own assumption: electricity, staff, repairs and network of an hour, with a margin")
    interactive_factor: float =         param(  1.0, "-"    ,  0.5,    2,                doc="price of interactive serving over contract",                                                                            source="by definition 1, the contract price is that of interactive serving")
    reserved_factor: float =            param(  0.8, "-"    ,  0.3,    1,                doc="price of final runs and of other AI over contract",                                                                     source="own assumption: a fifth off for long and steady use")
    batch_factor: float =               param(  0.5, "-"    ,  0.2,    1,                doc="price over contract of work that can wait: experiments, roll-outs, synthetic data, research automation, standing jobs", source="promptlayerbatch: batch tier at half price")
    spot_share: float =                 param( 0.15, "-"    ,    0,  0.5,                doc="share of hours sold at the spot price",                                                                                 source="own assumption: most hours are sold by contract")
    spot_premium: float =               param( 0.15, "-"    ,    0,    1,                doc="k in spot = contract x (1 + k u / (1 - u))",                                                                            source="own assumption: small, as rents of H100 by the hour stood little above those by contract")
    elasticity_serving: float =         param(  1.1, "-"    ,  0.3,    3,                doc="price elasticity of serving",                                                                                           source="nber2025intelligence: 1.11")
    elasticity_legacy: float =          param( 1.63, "-"    ,  0.3,    3, fit=True,      doc="price elasticity of ranking and other AI",                                                                              source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre 1.2, log-sd .2, a little above that of serving in nber2025intelligence")
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


class Cleared(NamedTuple):
    """A cleared market."""

    fill: Array  # (12,) share of demanded hours served
    clearing_usd: float
    served: Array  # (12,) hours


def price_factors(p: ComputeParams) -> Array:
    """Return the price of each provider-run class over the contract price, (12,)."""
    factor = {"interactive": p.interactive_factor, "reserved": p.reserved_factor, "batch": p.batch_factor}
    return np.array([factor[w.tier] for w in WORK[PROVIDER_RUN]])


def clear(demand_hours: Array, capacity_hours: float, price_usd: float, p: ComputeParams) -> Cleared:
    """Return fill rates, the clearing price and hours served, Eq. M.1 to M.3.

    Class ``u`` demands ``D_u (x / price)**-eps_u`` hours at price ``x``. The clearing price ``x*`` makes the sum equal to the
    usable capacity, not below operating cost. At a posted price above ``x*`` all is served and hours stay idle; below it,
    those with the highest willingness to pay are served: the fill rate is ``(x*/price)**-eps_u``.

    Parameters
    ----------
    demand_hours : (12,) float >= 0
        Hours demanded at the posted price.
    capacity_hours : float
    price_usd : float
        Contract price.
    p : ComputeParams

    Returns
    -------
    Cleared
        ``served <= demand_hours`` and ``sum(served) <= capacity_hours``.

    Source: own assumption: one posted price, rationing by willingness to pay. Twin: tests/reference/compute.py.

    >>> c = clear(np.full(12, 10.0), 1200.0, 2.0, ComputeParams())
    >>> c.fill.min() == 1.0 and c.clearing_usd < 2.0
    True
    """
    elasticity = np.array([getattr(p, name) for name in ELASTICITY])
    usable = capacity_hours * p.utilisation_max
    total = float(demand_hours.sum())
    if total <= 0.0 or usable <= 0.0:
        scarce = max(price_usd * float(np.exp(LOG_RATIO_MAX)), p.operating_usd_per_h)
        x = p.operating_usd_per_h if total <= 0.0 else scarce
        return Cleared(np.full(demand_hours.size, 1.0 if total <= 0.0 else 0.0), x, np.zeros(demand_hours.size))
    low, high = -LOG_RATIO_MAX, LOG_RATIO_MAX  # ln(x / price)
    for _ in range(60):
        middle = 0.5 * (low + high)
        excess = float((demand_hours * np.exp(-elasticity * middle)).sum()) > usable
        low, high = (middle, high) if excess else (low, middle)
    log_ratio = 0.5 * (low + high)
    clearing = max(price_usd * float(np.exp(log_ratio)), p.operating_usd_per_h)
    if log_ratio <= 0.0:
        return Cleared(np.ones(demand_hours.size), clearing, demand_hours.copy())
    fill = np.exp(-elasticity * log_ratio)
    served = demand_hours * fill
    correction = min(usable / float(served.sum()), 1.0)
    return Cleared(fill * correction, clearing, served * correction)


def next_price(price_usd: Array, clearing_usd: float, p: ComputeParams) -> Array:
    """Return next month's contract price, Eq. M.4: ``ln p' = ln p + kappa ln(p_clear / p)``, not below operating cost.

    >>> next_price(np.array([4.0]), 1.0, ComputeParams(price_speed=0.5)).tolist()
    [2.0]
    """
    moved = price_usd * (clearing_usd / price_usd) ** p.price_speed
    return np.maximum(moved, p.operating_usd_per_h)


def spot_price(contract_usd: float, utilisation: float, p: ComputeParams) -> float:
    """Return the spot price, Eq. M.5: contract x (1 + k u / (1 - u)), u the share of hours offered in use, bounded at .95.

    >>> spot_price(2.0, 0.0, ComputeParams())
    2.0
    """
    u = min(utilisation, 0.95)
    return contract_usd * (1.0 + p.spot_premium * u / (1.0 - u))

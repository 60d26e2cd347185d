"""What those who build and finance believe of the market for AI: a logistic path toward the work that comes within reach.

Boards of providers and investors in labs share it. They learn growth from what was spent and correct themselves by their misses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from model.core.params import Params, param
from model.core.steps import Guarded

#: Beliefs that are further off than this, in logarithms, are all the same.
EXPONENT_MAX = 300.0


@dataclass(frozen=True, kw_only=True)
class BeliefParams(Params):
    """How the market years ahead is judged."""

    section: ClassVar[str] = "belief"

    # fmt: off
    captured_share: float =            param(  0.0539, "-"       , 0.01,  0.3, scale="log", fit=True, doc="spending on AI over the value of the work within reach of agents, once it is done by them",  source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: software and machines of other trades earn 2 to 20 per cent of the labour they replace")
    digital_share: float =             param(  0.5, "-"       ,  0.2,  0.9,              doc="share of working hours that could be done at a screen",                                     source="own assumption: between the 37 % of jobs that can be done at home (dingel2020) and all office, school and service work")
    task_minutes_median: float =       param(480.0, "min"     ,   60, 5000, scale="log", doc="length of tasks that divides working hours in halves",                                      source="own assumption: half of the hours of work belong to tasks of a day or longer")
    task_minutes_sigma: float =        param(  2.0, "-"       ,  0.5,    4,              doc="log-sd of task length, weighted by hours",                                                  source="own assumption: from minutes to months")
    horizon_years: float =             param(  3.0, "year"    ,    0,    8,              doc="years of progress that boards look ahead when they judge what comes within reach",          source="own assumption: sites and contracts of 2025 are signed for three to five years")
    growth_prior_per_month: float =    param( 0.05, "1/month" ,    0, 0.12, dynamic=False, doc="growth of spending on accelerator-hours expected at the opening while the market is small", source="own assumption: about 80 % a year; observations nvidia_dc_revenue_fy before 2023")
    progress_prior_per_month: float =  param( 0.09, "1/month" ,    0,  0.3, dynamic=False, doc="growth of the horizon expected at the opening",                                             source="metr2025: doubling in seven to eight months")
    learning_per_month: float =        param( 0.08, "1/month" , 0.01,  0.5,              doc="speed at which expected growth follows what was realised",                                  source="own assumption: about a year of memory")
    correction_per_month: float =      param( 0.05, "1/month" ,    0,  0.5,              doc="speed at which forecasts are corrected by their mean miss",                                 source="own assumption: a board that missed for two years running has found out")
    # fmt: on


@dataclass
class Belief(Guarded):
    """What is believed, and the forecasts that are still to be compared with what comes."""

    spending_growth: float = 0.0  # per month, while the market is small
    progress: float = 0.0  # growth of the frontier horizon per month
    last_spending_usd: float = 0.0
    last_horizon_minutes: float = 0.0
    market_usd: float = 0.0  # a month, where spending on hours would end
    bias: float = 0.0  # mean ln of spending over its forecast
    forecasts_usd: list[float] = field(
        default_factory=list
    )  # of monthly spending, in the order of the months they were made


def reach(horizon_minutes: float, p: BeliefParams) -> float:
    """Return the share of working hours at a screen that lie in tasks within the horizon, Eq. B.1.

    Hours of work are spread over lengths of tasks as ``ln l ~ N(ln l0, s)``; those below the horizon are within reach.

    >>> round(reach(480.0, BeliefParams()), 3)
    0.5
    """
    z = math.log(max(horizon_minutes, 1e-9) / p.task_minutes_median) / p.task_minutes_sigma
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def reach_ahead(horizon_minutes: float, progress: float, p: BeliefParams) -> float:
    """Return the share of working hours that comes within reach in the years boards look ahead, Eq. B.2.

    Parameters
    ----------
    horizon_minutes : float
        Of the best net.
    progress : float
        Growth of it per month.
    p : BeliefParams
    """
    return reach(horizon_minutes * math.exp(min(12.0 * p.horizon_years * max(progress, 0.0), EXPONENT_MAX)), p)


def market(horizon_minutes: float, progress: float, labour_usd: float, p: BeliefParams) -> float:
    """Return the spending on AI where the market is believed to end, USD a month, Eq. B.2b.

    The part of the value of work at a screen that comes within reach in the years boards look ahead, times the part of it
    that AI is believed to earn.

    Parameters
    ----------
    horizon_minutes : float
        Of the best net.
    progress : float
        Growth of it per month.
    labour_usd : float
        Value of all hours of work in a month.
    p : BeliefParams
    """
    return p.captured_share * p.digital_share * labour_usd * reach_ahead(horizon_minutes, progress, p)


def expected(now_usd: float, market_usd: float, growth: float, months: float) -> float:
    """Return expected spending in some months, USD a month, Eq. B.3: logistic growth toward the market.

    Parameters
    ----------
    now_usd, market_usd : float > 0
        Spending of this month; where the market ends.
    growth : float
        Per month while the market is small.
    months : float >= 0

    >>> round(expected(1.0, 100.0, 0.1, 12.0), 3)
    3.245
    """
    return market_usd / (1.0 + (market_usd / now_usd - 1.0) * math.exp(min(-growth * months, EXPONENT_MAX)))


def expected_growth(now_usd: float, market_usd: float, growth: float, months: float) -> float:
    """Return expected growth of spending per month over the coming months, Eq. B.4; its limit where there are none."""
    if months <= 0.0:
        return growth * (1.0 - now_usd / market_usd)
    return math.log(expected(now_usd, market_usd, growth, months) / now_usd) / months


def learn(
    belief: Belief, spending_usd: float, horizon_minutes: float, labour_usd: float, months: int, p: BeliefParams
) -> float:
    """Learn from the month and return spending expected `months` ahead, corrected by past misses, Eq. B.5, B.6 and B.7.

    Growth while the market is small is ``ln(S'/S)/(1 - S/M)`` of the realised path, followed adaptively, as is progress of
    the horizon. A forecast is compared with spending when its month comes; the mean miss moves later forecasts. Changes
    `belief`.

    Parameters
    ----------
    belief : Belief
    spending_usd : float > 0
        On hours that were asked for at posted prices, a month.
    horizon_minutes : float
        Of the best net on offer.
    labour_usd : float
    months : int
    p : BeliefParams

    Source: own assumption: adaptive learning (evans2001) of a logistic path. Twin: tests/reference/economy_belief.py.
    """
    if belief.last_spending_usd > 0.0:
        grown = math.log(spending_usd / belief.last_spending_usd)
        left = max(1.0 - belief.last_spending_usd / belief.market_usd, 0.1)
        belief.spending_growth += p.learning_per_month * (grown / left - belief.spending_growth)
        better = math.log(horizon_minutes / belief.last_horizon_minutes)
        belief.progress += p.learning_per_month * (better - belief.progress)
    belief.last_spending_usd, belief.last_horizon_minutes = spending_usd, horizon_minutes
    belief.market_usd = max(market(horizon_minutes, belief.progress, labour_usd, p), spending_usd)
    plain = expected(spending_usd, belief.market_usd, belief.spending_growth, float(months))
    belief.forecasts_usd.append(plain)
    if len(belief.forecasts_usd) > months:
        missed = math.log(spending_usd / belief.forecasts_usd[-1 - months])
        belief.bias += p.correction_per_month * (missed - belief.bias)
    return plain * math.exp(min(belief.bias, EXPONENT_MAX))

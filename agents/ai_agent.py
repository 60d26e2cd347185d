"""AI agents: continuous consumers of inference. They think, examine candidates, run standing jobs, are born and leave.

One row stands for the agents that one human row owns in one class: class 0 ("delegate") works on tasks its principal hands
over, class 1 ("standing") runs jobs that never end. Rows are class-major: rows 0..H-1 are delegates, H..2H-1 standing agents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.table import Column, Row, Table
from model.core.units import FRONTIER, SMALL

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AIAgentParams(Params):
    """How AI agents come, work and go."""

    section: ClassVar[str] = "ai_agent"

    # fmt: off
    tasks_per_month_max: float =          param(300.0, "1/month",   20, 5000, scale="log", doc="tasks one delegate finishes in a month at most",                              source="own assumption: some ten tasks a working day")
    utilisation_target: float =           param(  0.7, "-"      ,  0.2,    1,              doc="share of its capacity at which a delegate is kept busy",                      source="own assumption: room for peaks, as in service work")
    spawn_per_month: float =              param( 0.35, "1/month", 0.02,    1,              doc="share of the gap between wanted and existing agents closed in a month",       source="own assumption: principals review subscriptions every quarter")
    turnover_per_month: float =           param( 0.04, "1/month",    0,  0.5,              doc="agents retired each month whatever happens",                                  source="own assumption: two years of life")
    payout_per_month: float =             param( 0.25, "1/month",    0,    1,              doc="share of its wallet an agent pays to its principal",                          source="own assumption: what is left is settled every quarter or so")
    lean_months: int =                    param(    3, "month"  ,    1,   24,              doc="months in a row in which nobody wants an agent's work after which it leaves", source="own assumption: a quarter without work ends a subscription")
    agent_launch_horizon_minutes: float = param(  5.0, "min"    ,  0.5,  1e9, scale="log", doc="horizon at which agent applications open; the upper bound means never",       source="own assumption: the first agent products of 2023 ran on nets of 4 to 7 minutes (metr2025)")
    ad_funded_share: float =              param( 0.05, "-"      ,    0,    1,              doc="share of delegates that people would let advertisers fund at equal terms",    source="own assumption: small so far")
    standing_small_share_scale: float =   param(  0.5, "-"      ,  0.1,    2,              doc="logit scale, in ln(success over cost), of standing jobs over the two tiers",  source="own assumption: a net at half the cost takes four jobs in five")
    # fmt: on


class AIAgents(Table):
    """One row per human row and class."""

    weight_agents = Column("f8", "agents", "agents this row stands for")
    wallet_usd = Column("f8", "USD", "money the row's agents hold together")
    lean_months = Column("i1", "month", "months in a row in which nobody wanted their work")


class AIAgent(Row, table=AIAgents):
    """One super-agent as a Mesa agent."""


class Turnover(NamedTuple):
    """Births, exits and the money that leaves with them, per row."""

    born: Array
    exited: Array
    returned_usd: Array


def turnover(
    weight: Array, wanted: Array, lean_months: NDArray[np.int8], wallet_usd: Array, p: AIAgentParams
) -> Turnover:
    """Return births and exits by row, Eq. I.1, and the wallets that return to principals, Eq. I.2.

    Rows move a share of the way to the number their principal wants; a fixed share retires; a row that nobody wanted for
    ``lean_months`` leaves whole. The wallet of those who leave, and a share of the rest, returns.

    Parameters
    ----------
    weight, wanted : (n,) float >= 0
        Agents in service, agents wanted next month.
    lean_months : (n,) int
    wallet_usd : (n,) float
    p : AIAgentParams

    Returns
    -------
    Turnover
        ``weight + born - exited >= 0``.

    Source: own assumption: agents leave after months without work, their wallet goes back. Twin: tests/reference/ai_agent.py.

    >>> t = turnover(np.array([10.0]), np.array([10.0]), np.array([0], dtype=np.int8), np.array([1.0]), AIAgentParams())
    >>> round(float(t.born[0]), 9), float(t.exited[0])
    (0.14, 0.4)
    """
    exited = weight * p.turnover_per_month
    gap = wanted - (weight - exited)
    born = np.maximum(gap, 0.0)
    born *= p.spawn_per_month
    np.minimum(gap, 0.0, out=gap)
    gap *= p.spawn_per_month
    exited -= gap
    np.minimum(exited, weight, out=exited)
    done = lean_months >= p.lean_months
    if done.any():
        exited = np.where(done, weight, exited)
        born = np.where(done, 0.0, born)
    leaving = exited / np.maximum(weight, 1e-300)
    leaving += weight <= 0.0  # what nobody holds goes back
    returned = 1.0 - leaving
    returned *= p.payout_per_month
    returned += leaving
    returned *= wallet_usd
    return Turnover(born, exited, returned)


def standing_tier(log_ratio: tuple[float, float], p: AIAgentParams) -> float:
    """Return the share of standing jobs on the small tier, Eq. I.3: a logit in ln(success / cost) of the tiers.

    Parameters
    ----------
    log_ratio : (frontier, small) float
        ln of success over cost.
    p : AIAgentParams

    >>> standing_tier((0.0, 0.0), AIAgentParams())
    0.5
    """
    return float(
        1.0
        / (1.0 + np.exp(np.clip((log_ratio[FRONTIER] - log_ratio[SMALL]) / p.standing_small_share_scale, -500, 500)))
    )


class Job(NamedTuple):
    """A background job a month: what a principal can know of it."""

    success: float  # share of its tasks
    attempts: float  # at one of its tasks
    tokens: float
    usd: float  # metered cost


def paid_tokens(loop_tokens: float, calls_per_task: float, take_rate: float) -> float:
    """Return the tokens that one attempt at an agent's task is charged for, Eq. I.5: the loop's, of all calls, with the take rate.

    >>> paid_tokens(100.0, 4.0, 0.25)
    500.0
    """
    return loop_tokens * calls_per_task * (1.0 + take_rate)


def job(
    success: float,
    attempts: float,
    loop_tokens: float,
    calls_per_task: float,
    tasks: float,
    token_usd: float,
    take_rate: float,
) -> Job:
    """Return a background job on nets of one tier, Eq. I.6: all attempts at all its tasks, at the price of work that waits.

    Parameters
    ----------
    success, attempts : float
        Of one of its tasks, within all attempts (Eq. A.3b).
    loop_tokens : float
        Tokens of one attempt (Eq. A.4).
    calls_per_task : float
        Of the call network.
    tasks : float
        A month.
    token_usd : float
        Cost of a token of background work.
    take_rate : float
        Over metered cost.

    Twin: tests/reference/economy_offer.py.

    >>> job(0.5, 2.0, 100.0, 4.0, 10.0, 1e-3, 0.25)
    Job(success=0.5, attempts=2.0, tokens=8000.0, usd=10.0)
    """
    tokens = loop_tokens * calls_per_task * tasks * attempts
    return Job(success, attempts, tokens, tokens * token_usd * (1.0 + take_rate))


def mean_job(frontier: Job, small: Job, p: AIAgentParams) -> tuple[Job, float]:
    """Return the mean job over both tiers and the share of jobs on small nets, Eq. I.3.

    Parameters
    ----------
    frontier, small : Job
    p : AIAgentParams

    >>> one = Job(0.5, 1.0, 10.0, 1.0)
    >>> mean_job(one, one, AIAgentParams())[1]
    0.5
    """
    ratio = [float(np.log(x.success / x.usd)) for x in (frontier, small)]
    share = standing_tier((ratio[FRONTIER], ratio[SMALL]), p)
    return Job(*(a + share * (b - a) for a, b in zip(frontier, small, strict=True))), share


def tasks_done(wanted: Array, delegates: Array, p: AIAgentParams) -> Array:
    """Return tasks that agents take on, Eq. I.7: those wanted, as far as the delegates in service can do them.

    Parameters
    ----------
    wanted, delegates : (n,) float
        Tasks a month and delegates in service, per person.
    p : AIAgentParams

    >>> tasks_done(np.array([500.0]), np.array([1.0]), AIAgentParams(tasks_per_month_max=300.0)).tolist()
    [300.0]
    """
    return np.minimum(wanted, delegates * p.tasks_per_month_max)


def tasks_per_delegate(p: AIAgentParams) -> float:
    """Return the tasks a month for which a principal wants one delegate, Eq. I.8: those of one kept busy as far as its target.

    >>> tasks_per_delegate(AIAgentParams(tasks_per_month_max=300.0, utilisation_target=0.5))
    150.0
    """
    return p.tasks_per_month_max * p.utilisation_target


def lean_months(months: NDArray[np.int8], weight: Array, wanted: Array) -> NDArray[np.int8]:
    """Change `months`: count those in a row in which agents there are were wanted by nobody, Eq. I.9; return them.

    Parameters
    ----------
    months : (n,) int
    weight, wanted : (n,) float

    >>> lean_months(np.array([2, 2], dtype=np.int8), np.ones(2), np.array([0.0, 1.0])).tolist()
    [3, 0]
    """
    months += 1
    months *= ((wanted <= 0.0) & (weight > 0.0)).view(np.int8)
    return months


def ad_funded_share(fee_usd: float, loss_usd: float, value_usd: float, choice_scale: float, p: AIAgentParams) -> float:
    """Return the share of delegates that are ad-funded, Eq. I.4: odds at equal terms times ``exp((fee - loss)/(s V))``.

    Parameters
    ----------
    fee_usd : float
        Part of the invocation fee of a task that an ad-funded agent hands on.
    loss_usd : float
        Value that its ranking of candidates costs its principal, per task.
    value_usd : float > 0
        Value of a task.
    choice_scale : float > 0
        Scale of taste shocks as a share of the value.
    p : AIAgentParams

    Source: own assumption: the logit of all choices of people. Twin: tests/reference/ai_agent.py.

    >>> round(ad_funded_share(0.0, 0.0, 1.0, 0.1, AIAgentParams(ad_funded_share=0.3)), 12)
    0.3
    """
    advantage = float(np.exp(np.clip((fee_usd - loss_usd) / (choice_scale * value_usd), -50.0, 50.0)))
    return p.ad_funded_share * advantage / (1.0 - p.ad_funded_share + p.ad_funded_share * advantage)

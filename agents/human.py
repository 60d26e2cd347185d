"""Humans: adopt assistants, then delegation; do each task alone, with an assistant or through an agent; own agents.

One row stands for ``weight_people`` people. Its month is an expectation: adopted shares, expected task counts, logit shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from model.core.draws import Draws
from model.core.params import Params, param
from model.core.table import Column, Row, Table
from model.core.units import FRONTIER, SMALL

Array = NDArray[np.float64]

SEGMENTS = 8


@dataclass(frozen=True, kw_only=True)
class HumanParams(Params):
    """How humans decide."""

    section: ClassVar[str] = "human"

    # fmt: off
    population_people: float =              param(5.35e9, "people"   ,   1e9,  9e9, dynamic=False,              doc="people online, held constant",                                                                source="observations internet_users 2024-01")
    wage_mean_usd_per_h: float =            param(  10.0, "USD/h"    ,     3,   40, dynamic=False,              doc="mean value of an hour of work",                                                               source="own assumption: world mean value of an hour in purchasing power")
    wage_sigma: float =                     param(   1.0, "-"        ,   0.3,  1.5, dynamic=False,              doc="log-sd of wages",                                                                             source="own assumption: two people in three within a factor of 2.7 of the median, rich and poor countries together")
    innovation_per_year: float =            param(0.0071, "1/year"   , 0.001,  0.5, fit=True, scale="log",      doc="Bass p: adopts an assistant without example",                                                 source="fitted to observations to 2025-11, fitted.csv; prior: bass1969 for the form, sultan1990 for the order (.03); own assumption: centre .02, log-sd .7, as products differ")
    media_pulse: float =                    param(   1.0, "-"        ,   0.1,   50,                             doc="factor on innovation while the press is full of a new kind of product",                       source="own assumption: x10 for three months from 2022-12 fits observations chatgpt_wau; 1 otherwise")
    imitation_per_year: float =             param(    1.37, "1/year"   ,     0,    5, fit=True,                   doc="Bass q: adopts an assistant because contacts did",                                            source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre 1.0, log-sd .25, as observations chatgpt_wau doubled in some eight months to 2024-12")
    saturation_share: float =               param(  0.85, "-"        ,   0.6, 0.95,                             doc="share of people who could ever adopt",                                                        source="own assumption: as the mobile internet among those online")
    usefulness_reference: float =           param(  0.15, "-"        ,  0.05,  1.0,                             doc="share of tasks for which the tool would be chosen at which word of mouth runs at full speed", source="own assumption: a few times observations genai_work_hours_share (3-6 % of work hours) while users doubled yearly")
    delegation_innovation_per_year: float = param(  0.02, "1/year"   , 0.001,  0.5, scale="log",                doc="adopters who start to delegate to agents without example",                                    source="own assumption: as for assistants")
    delegation_imitation_per_year: float =  param(   1.0, "1/year"   ,     0,    5,                             doc="adopters who start to delegate because contacts do",                                          source="own assumption: as for assistants")
    task_minutes_median: float =            param(   8.0, "min"      ,     1,  120, scale="log", dynamic=False, doc="median length of a task that could be given away",                                            source="own assumption: between a chat question and a work item")
    task_minutes_sigma: float =             param(   1.3, "-"        ,   0.3,  2.5, dynamic=False,              doc="log-sd of task length",                                                                       source="own assumption: from half a minute to two hours within two deviations")
    task_hours_per_month: float =           param(  40.0, "h/month"  ,     5,  172, dynamic=False,              doc="mean hours a month of tasks that could be given away",                                        source="own assumption: a quarter of working time; genai_work_hours_share is a few per cent of hours so far")
    task_hours_sigma: float =               param(   0.5, "-"        ,   0.1,  1.5, dynamic=False,              doc="log-sd of hours of tasks that could be given away",                                           source="own assumption: two people in three within a factor of 1.6 of the median")
    task_hours_share_max: float =           param(   0.8, "-"        ,   0.3,    1, dynamic=False,              doc="largest share of work that tasks that could be given away may take",                          source="own assumption: a fifth of any work stays with its person")
    work_hours_per_month: float =           param( 172.0, "h/month"  ,   100,  250, dynamic=False,              doc="hours of work a month",                                                                       source="own assumption: 40 hours a week, 4.3 weeks a month")
    task_value_multiple: float =            param(   1.5, "-"        ,     1,    3, dynamic=False,              doc="value of a finished task over the wage cost of its minutes",                                  source="own assumption: labour share of about two thirds")
    choice_scale: float =                   param(  0.12, "-"        ,  0.02,  0.5, scale="log",                doc="scale of taste shocks as a share of task value",                                              source="own assumption: an eighth of the value, so that clear gains win and ties do not")
    assistant_time_saving: float =          param(   0.5, "-"        ,   0.1,  0.9,                             doc="share of a task's minutes saved when the assistant's answer serves",                          source="own assumption: experiments report 15-55 %")
    assistant_prompt_minutes: float =       param(   1.0, "min"      ,   0.1,   10,                             doc="minutes to ask and read",                                                                     source="own assumption: typing and reading one exchange")
    assistant_habit: float =                param(  0.10, "-"        ,     0,  0.5,                             doc="cost of leaving the habit of own work, share of task value",                                  source="own assumption: a tenth of the value must be gained before habits change")
    agent_habit: float =                    param(  0.10, "-"        ,     0,  0.5,                             doc="cost of handing a task away, share of task value",                                            source="own assumption: as for assistants")
    review_share_max: float =               param(   0.5, "-"        ,   0.1,    1,                             doc="review minutes over task minutes where agents always fail",                                   source="own assumption: half the time of the task, to check and mend all of it; no measurement found")
    review_share_min: float =               param(  0.02, "-"        , 0.002,  0.2, scale="log",                doc="review minutes over task minutes where agents never fail",                                    source="own assumption: a glance at one minute in fifty; no measurement found")
    error_loss: float =                     param(   1.0, "-"        ,     0,    3,                             doc="value lost when an agent fails, share of task value",                                         source="own assumption: the task is lost, no more")
    rebound_elasticity: float =             param(   1.0, "-"        ,     0,    3,                             doc="tasks per unit of surplus share: more is undertaken as tasks become cheaper",                 source="nber2025intelligence: 1.11 across sellers of one net; own assumption: one, as most such elasticities are near it")
    ai_spending_share_max: float =          param(  0.05, "-"        , 0.005,  0.3,                             doc="most a person spends on AI, share of income",                                                 source="own assumption: a bound only, one dollar in twenty of income")
    job_spending_share_max: float =         param(   0.5, "-"        ,  0.05,    1,                             doc="most that standing jobs may take of what a person spends on AI at most",                      source="own assumption: half, so that jobs leave room for tasks")
    surplus_fee_share: float =              param(   0.2, "-"        ,     0,  0.9,                             doc="share of expected surplus paid to the agent on top of metered cost",                          source="own assumption: principals keep four fifths of what they gain by delegating")
    chat_turns: float =                     param(   3.0, "-"        ,     1,   20,                             doc="turns per assistant task of the reference length",                                            source="own assumption: 25.7 messages a week a user")
    chat_length_elasticity: float =         param(   0.3, "-"        ,     0,    1, dynamic=False,              doc="elasticity of turns to task length",                                                          source="own assumption: longer tasks need more turns, far less than in proportion")
    reasoning_switch_per_year: float =      param(   1.0, "1/year"   ,     0,    5, fit=False,                  doc="hazard at which assistant users move to reasoning nets once they exist and pay",              source="own assumption: about once a year, as observations reasoning_token_share_openrouter went from none to half within 2025")
    job_value_usd_per_month: float =        param(  25.0, "USD/month",     1,  500, scale="log", dynamic=False, doc="value of the first standing job to a person of mean wage",                                    source="own assumption: an hour or two of work a month")
    job_value_sigma: float =                param(   1.0, "-"        ,   0.2,    2, dynamic=False,              doc="log-sd of the value of the first standing job beside that of wages",                          source="own assumption: as wide as wages, two people in three within a factor of 2.7 of the median")
    contacts: int =                         param(    12, "people"   ,     2,   40, dynamic=False,              doc="contacts in the social graph",                                                                source="wattsstrogatz1998 for the form; own assumption: a dozen close contacts")
    rewiring: float =                       param(   0.1, "-"        ,     0,    1, dynamic=False,              doc="share of contacts far away",                                                                  source="wattsstrogatz1998 for the form; own assumption: a tenth, inside the range of small worlds")
    # fmt: on


class Humans(Table):
    """One row per super-individual: who its people are (single precision), what they hold, what they found out last."""

    weight_people = Column("f8", "people", "people this row stands for")
    segment = Column("i1", "-", "wage segment, 0 poorest")
    wage_usd_per_h = Column("f4", "USD/h", "value of an hour of work")
    task_minutes = Column("f4", "min", "length of its tasks")
    task_hours_per_month = Column("f4", "h/month", "hours of tasks that could be given away")
    job_value = Column("f4", "(USD/month)^(1/theta)", "value of the first standing job, to the power 1/theta")
    adopted_share = Column("f8", "-", "share of its people who use an assistant")
    delegating_share = Column("f8", "-", "share of its people who also delegate to agents")
    shadow_usd_per_h = Column("f8", "USD/h", "damped shadow price of an hour of attention")
    assistant_usefulness = Column("f4", "-", "share of tasks it would do with an assistant")
    agent_usefulness = Column("f4", "-", "share of tasks it would give to an agent")
    log_thinking = Column("f4", "-", "ln of the thinking multiplier its delegates chose last")


class Human(Row, table=Humans):
    """One super-individual as a Mesa agent."""


class People(NamedTuple):
    """A block of rows with all that follows from their traits, (n,) in double precision."""

    segment: NDArray[np.intp]
    wage_usd_per_h: Array
    task_minutes: Array
    log_task_minutes: Array
    task_hours_per_month: Array
    free_weight_usd: Array  # utility weight of free hours a month (B)
    task_value_usd: Array
    log_task_value: Array
    chat_length_factor: Array  # turns of an assistant task over those at the reference length
    loop_length_factor: Array  # tokens of an agent task over those at the reference length
    job_value: Array  # (USD/month)^(1/theta)
    shadow_usd_per_h: Array


class Offer(NamedTuple):
    """What a person can know when the month begins: last month's realised prices and delays.

    Tiers are ordered frontier, small; segments poorest first. Prices include the margins of applications and orchestrators.
    """

    chat_open: bool  # an assistant application is open
    agents_open: bool  # an agent application is open
    chat_usd: tuple[float, float]  # an assistant task of the reference length, by tier
    chat_thinking_usd: Array  # (G,) thinking in it
    loop_usd: tuple[
        float, float
    ]  # one attempt at an agent task of the reference length, by tier, call network included
    loop_generated_usd: float  # its generated tokens at tau = 1, frontier
    fee_usd: float  # routing and examination per agent task
    delivered: tuple[float, float]  # last month's fill rates of assistants and agents


class Technology(NamedTuple):
    """What the agent loop can do for each row this month, tiers frontier and small (layers/agent.py)."""

    chat_success: tuple[Array, Array]
    loop_success: tuple[Array, Array]
    loop_attempts: tuple[Array, Array]
    tau: Array


class Choice(NamedTuple):
    """A month of tasks, per person of each row."""

    success_chat: Array
    small_chat: Array  # share of assistant tasks on the small tier
    success_agent: Array
    small_agent: Array
    assistant: Array  # share of tasks that adopters do with an assistant
    delegator_assistant: Array
    delegator_agent: Array
    agent_usd: Array  # metered cost of one agent task
    chat_usd: Array  # cost of one assistant task
    surplus_usd: Array  # expected surplus of one agent task
    review_h: Array  # review hours of one agent task
    tasks_adopter: Array  # tasks per month of an adopter
    tasks_delegator: Array


class Tasks(NamedTuple):
    """A month's tasks before budget and hours, per person of each row, (n,)."""

    all: Array
    assistant: Array  # wanted done with an assistant
    agent: Array  # wanted done by an agent


class OwnWork(NamedTuple):
    """Work that people do themselves, per person of each row, (n,)."""

    chats: Array  # tasks done with an assistant
    own_h: Array  # hours of all own work, those with an assistant included
    assistant_h: Array


def build(humans: Humans, draws: Draws, p: HumanParams, job_theta: float) -> None:
    """Change `humans`: draw who they are (Eq. H.1).

    Parameters
    ----------
    humans : Humans
    draws : Draws
        Traits of streams ``human.wage``, ``human.task_minutes``, ``human.task_hours``, ``human.job_value``.
    p : HumanParams
    job_theta : float
        Exponent of the marginal value of standing jobs.
    """
    ids = humans.id
    u = draws.trait("human.wage", ids)
    wage = p.wage_mean_usd_per_h * np.exp(p.wage_sigma * ndtri(u) - 0.5 * p.wage_sigma**2)
    humans.wage_usd_per_h[:] = wage
    humans.shadow_usd_per_h[:] = humans.wage_usd_per_h
    humans.segment[:] = np.minimum((u * SEGMENTS).astype(np.int8), SEGMENTS - 1)
    humans.task_minutes[:] = p.task_minutes_median * np.exp(
        p.task_minutes_sigma * ndtri(draws.trait("human.task_minutes", ids))
    )
    spread = np.exp(p.task_hours_sigma * ndtri(draws.trait("human.task_hours", ids)) - 0.5 * p.task_hours_sigma**2)
    most = p.task_hours_share_max * p.work_hours_per_month
    humans.task_hours_per_month[:] = np.minimum(p.task_hours_per_month * spread, most)
    taste = np.exp(p.job_value_sigma * ndtri(draws.trait("human.job_value", ids)) - 0.5 * p.job_value_sigma**2)
    value = p.job_value_usd_per_month * taste * wage / p.wage_mean_usd_per_h
    humans.job_value[:] = value ** (1.0 / job_theta)


def people(h: Humans, p: HumanParams, free_hours: float, loop: tuple[float, float]) -> People:
    """Return rows with what follows from their traits, Eq. H.1: value of tasks, factors of their length.

    Parameters
    ----------
    h : Humans
        (n,) rows or a slice.
    p : HumanParams
    free_hours : float
        Hours of attention a month that are free of work.
    loop : (reference minutes, token-length elasticity)

    Returns
    -------
    People

    Twin: tests/reference/human.py.
    """
    wage, minutes = h.wage_usd_per_h.astype(np.float64), h.task_minutes.astype(np.float64)
    log_minutes = np.log(minutes)
    value = wage * minutes
    value *= p.task_value_multiple / 60.0
    chat, loop_factor = log_minutes - np.log(p.task_minutes_median), log_minutes - np.log(loop[0])
    chat *= p.chat_length_elasticity
    loop_factor *= loop[1]
    return People(
        segment=h.segment.astype(np.intp),
        wage_usd_per_h=wage,
        task_minutes=minutes,
        log_task_minutes=log_minutes,
        task_hours_per_month=h.task_hours_per_month.astype(np.float64),
        free_weight_usd=wage * free_hours,
        task_value_usd=value,
        log_task_value=np.log(value),
        chat_length_factor=np.exp(chat, out=chat),
        loop_length_factor=np.exp(loop_factor, out=loop_factor),
        job_value=h.job_value.astype(np.float64),
        shadow_usd_per_h=h.shadow_usd_per_h,
    )


def adopt(
    share: Array,
    ceiling: Array | float,
    peers: Array,
    usefulness: Array,
    innovation: float,
    imitation: float,
    p: HumanParams,
) -> Array:
    """Return next month's adopted share, Eq. H.2: a Bass hazard on the social graph, scaled by usefulness.

    ``hazard = (p + q x peers) x min(1, usefulness / reference)`` per year works on those below the ceiling.

    Parameters
    ----------
    share : (n,) float in [0, 1]
    ceiling : float or (n,) float in [0, 1]
        Share that could adopt.
    peers : (n,) float in [0, 1]
        Mean share among contacts.
    usefulness : (n,) float in [0, 1]
        Share of tasks for which the tool would be chosen.
    innovation, imitation : float
        p and q per year.
    p : HumanParams

    Returns
    -------
    (n,) float in [0, 1]

    Source: bass1969 on a graph. Twin: tests/reference/human.py.

    >>> one = np.ones(1)
    >>> round(float(adopt(0 * one, 1.0, 0 * one, one, 0.12, 1.0, HumanParams())[0]), 6)
    0.00995
    """
    pull = usefulness * (1.0 / p.usefulness_reference)
    np.minimum(pull, 1.0, out=pull)
    hazard = imitation * peers
    hazard += innovation
    hazard *= pull
    hazard *= -1.0 / 12.0
    stay = np.expm1(hazard, out=hazard)
    moved = ceiling - share
    np.maximum(moved, 0.0, out=moved)
    moved *= stay
    return np.subtract(share, moved, out=moved)


def choose(h: People, offer: Offer, technology: Technology, p: HumanParams) -> Choice:
    """Return how each row's people do their tasks: alone, with an assistant, through an agent, Eq. H.3 to H.6.

    A logit over (value - money - shadow price of own minutes), in units of task value; the assistant saves a share of the
    minutes where its answer serves; an agent takes all minutes but its review and loses the value where it fails.
    The small tier is used where it is nearly as good as it is cheaper.

    Parameters
    ----------
    h : People
    offer : Offer
    technology : Technology
        (n,) success and attempts by tier.
    p : HumanParams

    Returns
    -------
    Choice

    Source: anderson1992 for logit choice; own assumption: minutes of review count at their shadow price. Twin: tests/reference/human.py.
    """
    scale = 1.0 / p.choice_scale  # arrays change in place where they can: fewer of them stay in the cache
    minutes = h.task_minutes
    per_value = 1.0 / h.task_value_usd
    own = per_value / 60.0
    own *= h.shadow_usd_per_h  # a minute of one's own over the task's value
    hour_value = own * minutes

    # Assistants (Eq. H.3): which tier, how good, how dear
    good, plain = technology.chat_success
    saved = p.assistant_time_saving * hour_value
    chat_usd = (offer.chat_usd[FRONTIER] + offer.chat_thinking_usd).take(h.segment)  # on the frontier tier
    extra = chat_usd - offer.chat_usd[SMALL]
    extra *= h.chat_length_factor
    small_chat = good - plain
    small_chat *= saved
    small_chat -= extra * per_value
    small_chat *= scale
    _falling(small_chat)
    success_chat = plain - good
    success_chat *= small_chat
    success_chat += good
    chat_usd *= h.chat_length_factor
    extra *= small_chat
    chat_usd -= extra
    with_assistant = saved * success_chat
    with_assistant -= own * p.assistant_prompt_minutes
    with_assistant -= chat_usd * per_value
    with_assistant -= p.assistant_habit

    # Agents (Eq. H.4)
    sure, fair = technology.loop_success
    frontier_usd = technology.tau - 1.0
    frontier_usd *= offer.loop_generated_usd
    frontier_usd += offer.loop_usd[FRONTIER]
    frontier_usd *= h.loop_length_factor
    frontier_usd *= technology.loop_attempts[FRONTIER]
    agent_usd = offer.loop_usd[SMALL] * h.loop_length_factor  # on the small tier
    agent_usd *= technology.loop_attempts[SMALL]
    agent_usd -= frontier_usd
    small_agent = sure - fair
    small_agent *= p.error_loss
    small_agent += agent_usd * per_value
    small_agent *= scale
    _falling(small_agent)
    success_agent = fair - sure
    success_agent *= small_agent
    success_agent += sure
    agent_usd *= small_agent
    agent_usd += frontier_usd
    agent_usd += offer.fee_usd
    failure = 1.0 - success_agent
    review = (p.review_share_max - p.review_share_min) * failure
    review += p.review_share_min
    with_agent = 1.0 - review
    with_agent *= hour_value
    with_agent -= p.error_loss * failure
    with_agent -= agent_usd * per_value
    with_agent -= p.agent_habit
    surplus_usd = np.maximum(with_agent, 0.0)
    surplus_usd *= h.task_value_usd
    review *= minutes
    review /= 60.0

    # Shares (Eq. H.5); what is delivered late or not offered at all counts for less
    first = _odds(with_assistant, scale, offer.delivered[0] * offer.chat_open)
    second = _odds(with_agent, scale, offer.delivered[1] * offer.agents_open)
    alone = 1.0 + first
    total = alone + second
    assistant, delegator_assistant = first / alone, np.divide(first, total, out=first)
    delegator_agent = np.divide(second, total, out=second)
    # More is undertaken as tasks become cheaper (Eq. H.6): the logsum is the surplus as a share of value
    base = h.task_hours_per_month * 60.0
    base /= minutes
    return Choice(
        success_chat=success_chat,
        small_chat=small_chat,
        success_agent=success_agent,
        small_agent=small_agent,
        assistant=assistant,
        delegator_assistant=delegator_assistant,
        delegator_agent=delegator_agent,
        agent_usd=agent_usd,
        chat_usd=chat_usd,
        surplus_usd=surplus_usd,
        review_h=review,
        tasks_adopter=_undertaken(base, alone, p),
        tasks_delegator=_undertaken(base, total, p),
    )


def _falling(x: Array) -> None:
    """Change `x` to the logistic function of its negative."""
    np.clip(x, -500.0, 500.0, out=x)
    np.exp(x, out=x)
    x += 1.0
    np.divide(1.0, x, out=x)


def _odds(utility: Array, scale: float, available: float) -> Array:
    """Change utilities to odds against doing a task alone; return them."""
    utility *= scale
    np.clip(utility, -50.0, 50.0, out=utility)
    np.exp(utility, out=utility)
    utility *= available
    return utility


def _undertaken(base: Array, logsum: Array, p: HumanParams) -> Array:
    """Change exponentials of a logsum to tasks a month; return them."""
    np.log(logsum, out=logsum)
    logsum *= p.rebound_elasticity * p.choice_scale
    logsum += 1.0
    logsum *= base
    return logsum


def tasks(h: People, c: Choice, adopted: Array, delegating: Array) -> Tasks:
    """Return the tasks of a month and how many of them people want done by others, Eq. H.8.

    Those who have not adopted do ``60 h / l`` tasks alone; adopters and delegators do the tasks of Eq. H.6 in the shares of Eq. H.5.

    Parameters
    ----------
    h : People
    c : Choice
    adopted, delegating : (n,) float in [0, 1]
        Shares of each row's people who use an assistant, and who delegate too.

    Returns
    -------
    Tasks
        Per person and month.

    Twin: tests/reference/economy_people.py.
    """
    helped = adopted - delegating
    chats = helped * c.tasks_adopter * c.assistant + delegating * c.tasks_delegator * c.delegator_assistant
    wanted = delegating * c.tasks_delegator * c.delegator_agent
    every = (1.0 - adopted) * (h.task_hours_per_month / (h.task_minutes / 60.0))
    every += helped * c.tasks_adopter + delegating * c.tasks_delegator
    return Tasks(every, chats, wanted)


def budget(wage_usd_per_h: Array, p: HumanParams) -> Array:
    """Return the most that a person spends on AI, Eq. H.9: a share of income, USD a month.

    Parameters
    ----------
    wage_usd_per_h : (n,) float
    p : HumanParams

    >>> budget(np.array([10.0]), HumanParams(ai_spending_share_max=0.05, work_hours_per_month=170.0)).tolist()
    [85.0]
    """
    return p.ai_spending_share_max * p.work_hours_per_month * wage_usd_per_h


def with_fee(metered_usd: float, p: HumanParams) -> float:
    """Return what a background job costs its principal a month, Eq. H.9: its metered cost and the surplus fee on it, USD.

    >>> with_fee(10.0, HumanParams(surplus_fee_share=0.2))
    12.0
    """
    return metered_usd * (1.0 + p.surplus_fee_share)


def affordable(wanted: Tasks, c: Choice, fee_usd: Array, budget_usd: Array, jobs_usd: Array) -> Array:
    """Return the share of wanted tasks that people can pay, Eq. H.9: jobs in service first, then all tasks alike.

    Parameters
    ----------
    wanted : Tasks
    c : Choice
        Metered cost of a task.
    fee_usd : (n,) float
        Surplus fee of an agent's task.
    budget_usd, jobs_usd : (n,) float
        Most spent on AI, and what jobs in service cost, per person and month.

    Returns
    -------
    (n,) float in [0, 1]

    Twin: tests/reference/economy_people.py.
    """
    room = np.maximum(budget_usd - jobs_usd, 0.0)
    cost = wanted.assistant * c.chat_usd + wanted.agent * (c.agent_usd + fee_usd)
    return np.minimum(room / np.maximum(cost, 1e-12), 1.0)


def own_work(h: People, c: Choice, every: Array, chats: Array, given: Array, most_h: float, p: HumanParams) -> OwnWork:
    """Return hours of own work, Eq. H.10: what cannot be given away, tasks alone, and tasks with an assistant.

    A task with an assistant takes ``t_p + l (1 - m_s S)``. Where all of it exceeds what a month allows, tasks alone and with an
    assistant shrink alike.

    Parameters
    ----------
    h : People
    c : Choice
    every, chats, given : (n,) float
        Tasks a month: all, those with an assistant, those given to agents.
    most_h : float
        Hours of a month that may be committed.
    p : HumanParams

    Returns
    -------
    OwnWork

    Twin: tests/reference/economy_people.py.
    """
    task_h = h.task_minutes / 60.0
    alone = np.maximum(every - chats - given, 0.0)
    saved = task_h * (1.0 - p.assistant_time_saving * c.success_chat)
    assistant_h = chats * (p.assistant_prompt_minutes / 60.0 + saved)
    fixed_h = p.work_hours_per_month - h.task_hours_per_month
    fits = np.clip((most_h - fixed_h) / np.maximum(alone * task_h + assistant_h, 1e-12), 0.0, 1.0)
    assistant_h = assistant_h * fits
    return OwnWork(chats * fits, fixed_h + alone * fits * task_h + assistant_h, assistant_h)


def watching(jobs: Array, failed_h: float, p: HumanParams) -> Array:
    """Return hours that background jobs ask of their principal, Eq. H.11: a glance at the time of tasks that fail.

    Parameters
    ----------
    jobs : (n,) float
        Jobs in service per person.
    failed_h : float
        Hours of a job's tasks that fail, a month.
    p : HumanParams

    >>> watching(np.array([2.0]), 10.0, HumanParams(review_share_min=0.02)).tolist()
    [0.4]
    """
    return jobs * (failed_h * p.review_share_min)


def jobs_within(wanted: Array, delegating: Array, budget_usd: Array, job_usd: float, p: HumanParams) -> Array:
    """Return background jobs wanted per person, Eq. H.12: those of Eq. A.5, as far as a share of the AI budget pays them.

    Parameters
    ----------
    wanted : (n,) float
        Jobs that a person who delegates wants at this price.
    delegating : (n,) float in [0, 1]
    budget_usd : (n,) float
        Most spent on AI a month.
    job_usd : float
        Monthly cost of a job, surplus fee included.
    p : HumanParams

    >>> two, most = np.array([2.0]), HumanParams(job_spending_share_max=0.5)
    >>> jobs_within(two, np.ones(1), np.array([30.0]), 10.0, most).tolist()
    [1.5]
    """
    return delegating * np.minimum(wanted, p.job_spending_share_max * budget_usd / job_usd)


def saved_usd(wage_usd_per_h: Array, minutes: Array, p: HumanParams) -> Array:
    """Return what an assistant's answer is worth to a person, Eq. H.13: the minutes it saves of a task, at the wage, USD.

    >>> saved_usd(np.array([12.0]), np.array([10.0]), HumanParams(assistant_time_saving=0.5)).tolist()
    [1.0]
    """
    return np.asarray(p.assistant_time_saving * wage_usd_per_h * minutes / 60.0)


def take_up_thinking(share: float, p: HumanParams) -> float:
    """Return next month's share of assistants' users on nets that think, Eq. H.14: a hazard on those who are not.

    >>> take_up_thinking(0.5, HumanParams(reasoning_switch_per_year=0.0))
    0.5
    """
    return share + (1.0 - share) * -float(np.expm1(-p.reasoning_switch_per_year / 12.0))


def horizon_elasticities(h: People, c: Choice, slope: float, p: HumanParams) -> tuple[Array, Array]:
    """Return d ln(tasks) / d ln(horizon) of assistants and of agents by row, Eq. H.7.

    A logit share reacts by ``(1 - share) / scale`` to its utility in units of task value; success reacts to ln(horizon) by
    ``slope S (1 - S)`` (Eq. A.1).

    Parameters
    ----------
    h : People
    c : Choice
    slope : float
        Slope of success in ln length.
    p : HumanParams

    Returns
    -------
    assistant, agent : (n,) float

    Twin: tests/reference/human.py.
    """
    step = slope / p.choice_scale
    hour_value = h.shadow_usd_per_h * h.task_minutes
    hour_value /= 60.0
    hour_value /= h.task_value_usd
    saved = p.assistant_time_saving * hour_value
    review = (p.review_share_max - p.review_share_min) * hour_value
    review += p.error_loss
    out = []
    for share, gain, success in (
        (c.assistant, saved, c.success_chat),
        (c.delegator_agent, review, c.success_agent),
    ):
        reaction = 1.0 - share
        reaction *= step
        reaction *= gain
        reaction *= success
        reaction *= 1.0 - success
        out.append(reaction)
    return out[0], out[1]

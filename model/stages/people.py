"""Stages 4-6: people adopt, think through their agents, choose and allot their month."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import ai_agent, application, human, robot
from model.core.flows import MonthFlows
from model.core.units import FRESH, GENERATED, TIERS, TOKEN_KINDS, RowSums
from model.layers import agent as loop
from model.layers import context
from model.markets import attention
from model.state import ASSISTANT, DELEGATED, FRONTIER, SMALL, STANDING
from model.world import World

Array = NDArray[np.float64]


class Known(NamedTuple):
    """What everybody can know when the month begins: last month's realised prices, success, multipliers and delays."""

    offer: human.Offer
    log_horizon: Array  # (S, T) ln minutes of the nets each class calls
    price: Array  # (S, T, Q) USD per token of the nets each class calls, without margins
    generated_share: Array  # (S,) of tokens without thinking
    prompts: Array  # (S,) tokens per call
    log_thinking_gain: Array  # (G,) ln horizon gain of assistants' thinking
    log_tau_chat: Array  # (G,) ln of the multiplier on reasoning nets
    tau_chat: Array  # (G,) mean thinking multiplier of assistants
    can_think: bool
    reasoning_share: float  # assistant users on reasoning nets
    chat_tokens: float  # tokens of an assistant task of the reference length
    job_small: float  # share of standing jobs on the small tier
    job_success: float
    job_attempts: float  # attempts at one of its tasks
    job_tokens: float  # tokens of a standing job a month
    job_usd: float  # metered cost of a standing job a month
    batch_discount: float  # price of standing work over interactive work


class _Assistants(NamedTuple):
    """What an assistant's task of the reference length costs, and how far applications let it think."""

    tokens: float
    usd: tuple[float, float]  # by tier, margin included
    thinking_usd: Array  # (G,) thinking in it
    log_tau: Array  # (G,) ln of the multiplier on nets that think
    tau: Array  # (G,) mean multiplier


def what_is_known(e: World, f: MonthFlows) -> Known:
    """Assemble what people and agents know, from states of the layers and posted prices."""
    p, s, n = e.params, e.state, e.labs.n
    price = application.called(s.choices.net_share, f.token_usd.reshape(len(TIERS), n, len(TOKEN_KINDS)))
    log_minutes = np.log(e.nets.horizon_minutes).reshape(len(TIERS), n)
    log_horizon = application.called(s.choices.net_share, log_minutes)
    can_think = float(s.choices.net_share[DELEGATED, FRONTIER] @ e.nets.reasoning[:n]) > 0.5
    prompts = context.prompts(float(price[ASSISTANT, FRONTIER, FRESH]) / e.opening.token_usd, p.context)
    generated = loop.generated_shares(p.agent_loop)
    token_usd = application.token_usd(generated[:, None], s.memory.hits[:, None], price)

    chat = _assistants(e, price, token_usd, float(prompts[ASSISTANT]), log_horizon, can_think)
    discount = float(f.class_price[STANDING] / f.class_price[DELEGATED])
    jobs = [
        _job(e, float(log_horizon[STANDING, t]), float(token_usd[STANDING, t]) * discount) for t in (FRONTIER, SMALL)
    ]
    job, job_small = ai_agent.mean_job(jobs[FRONTIER], jobs[SMALL], p.ai_agent)
    paid = ai_agent.paid_tokens(p.agent_loop.loop_tokens, s.calls.calls_per_task, s.calls.take_rate)
    offer = human.Offer(
        chat_open=application.launched(s.loop.chat_ready_month, e.month, p.application),
        agents_open=application.launched(s.loop.agents_ready_month, e.month, p.application),
        chat_usd=chat.usd,
        chat_thinking_usd=chat.thinking_usd,
        loop_usd=(float(paid * token_usd[DELEGATED, FRONTIER]), float(paid * token_usd[DELEGATED, SMALL])),
        loop_generated_usd=float(paid * generated[DELEGATED] * price[DELEGATED, FRONTIER, GENERATED]),
        fee_usd=float(s.loop.examined * p.attention.candidate_tokens * price[DELEGATED, FRONTIER, FRESH]),
        delivered=(float(s.market.fill[ASSISTANT]), float(s.market.fill[DELEGATED])),
    )
    return Known(
        offer=offer,
        log_horizon=log_horizon,
        price=price,
        generated_share=generated,
        prompts=prompts,
        log_thinking_gain=p.agent_loop.thinking_exponent * np.log(chat.tau),
        log_tau_chat=chat.log_tau,
        tau_chat=chat.tau,
        can_think=can_think,
        reasoning_share=s.loop.reasoning_share,
        chat_tokens=chat.tokens,
        job_small=job_small,
        job_success=job.success,
        job_attempts=job.attempts,
        job_tokens=job.tokens,
        job_usd=job.usd,
        batch_discount=discount,
    )


def _assistants(
    e: World, price: Array, token_usd: Array, prompt_tokens: float, log_horizon: Array, can_think: bool
) -> _Assistants:
    """Let applications pick assistants' thinking for a task of median length of each segment (A.2); return what it costs."""
    p, s = e.params, e.state
    o = float(loop.generated_shares(p.agent_loop)[ASSISTANT])
    tokens = application.chat_tokens(prompt_tokens, o, p.human.chat_turns)
    generated_usd = float(tokens * o * price[ASSISTANT, FRONTIER, GENERATED])
    log_minutes = np.full(human.SEGMENTS, np.log(p.human.task_minutes_median))
    log_value = np.log(human.saved_usd(e.opening.wage_by_segment, np.exp(log_minutes), p.human))
    log_cost = np.full(human.SEGMENTS, np.log(generated_usd))
    frontier = float(log_horizon[ASSISTANT, FRONTIER])
    z, _ = loop.think(s.loop.log_tau_chat, log_value, log_cost, log_minutes, frontier, p.agent_loop)
    log_tau = z if can_think else np.zeros_like(z)
    tau = application.mean_thinking(log_tau, s.loop.reasoning_share)
    usd = [float(application.assistant_usd(tokens, token_usd[ASSISTANT, t], p.application)) for t in (FRONTIER, SMALL)]
    thinking_usd = np.asarray(application.assistant_usd(tau - 1.0, generated_usd, p.application))
    return _Assistants(tokens, (usd[0], usd[1]), thinking_usd, log_tau, tau)


def _job(e: World, log_horizon: float, token_usd: float) -> ai_agent.Job:
    """Return a background job on nets of one tier (I.6)."""
    p, s = e.params.agent_loop, e.state
    length = np.log(np.array([p.job_minutes]))
    success = loop.success(length, log_horizon, p.success_slope)
    tried = loop.attempts(success, p)
    return ai_agent.job(
        float(loop.succeeded(success, tried)[0]),
        float(tried[0]),
        float(loop.loop_tokens(length, p)[0]),
        s.calls.calls_per_task,
        p.job_tasks_per_month,
        token_usd,
        s.calls.take_rate,
    )


class Wishes(NamedTuple):
    """What people and their agents do and want this month, summed over rows."""

    humans: float  # people
    adopters: float
    delegators: float
    tasks: float
    tasks_assistant: float
    tasks_agent: float
    chat_frontier: float  # assistant tasks of the reference length, frontier tier
    chat_small: float
    loop_frontier: float  # tokens of agents' tasks without thinking, before the call network
    loop_small: float
    thinking: float  # generated tokens that agents' thinking adds, before the call network
    examined: float  # candidates examined beyond the first
    attempts: float  # at tasks given to agents
    successes: float
    agent_value_usd: float  # value of the tasks given to agents
    success_value_usd: float  # of those that succeed
    ranking_loss_usd: float  # value they would lose if all agents were ad-funded
    chat_response_usd: float  # spending x elasticity of assistant tasks to the horizon
    agent_response_usd: float
    chat_spend_usd: float
    agent_spend_usd: float
    jobs: float  # standing jobs at work
    robots: float  # robots at work
    own_h: float
    assistant_h: float
    review_h: float
    supervision_h: float
    unanswered_h: float  # reviews and supervision that people have no time for
    application_h: float
    leisure_h: float
    attention_value_usd: float  # shadow price x free hours
    income_usd: float
    surplus_usd: float  # value agents create over cost and attention
    supervision_usd: float  # supervision at the supervisor's wage
    robot_work_usd: float  # robots' work at their owners' local wage
    attention_residual_h: float


def who(e: World, rows: human.Humans) -> human.People:
    """Return rows of humans with what follows from their traits."""
    p = e.params
    free = p.attention.hours_per_month - p.human.work_hours_per_month
    return human.people(
        rows, p.human, free, (p.agent_loop.loop_reference_minutes, p.agent_loop.token_length_elasticity)
    )


class Block(NamedTuple):
    """A block of rows: people, with what follows from their traits, and what they own, per person, (n,)."""

    rows: slice
    stocks: human.Humans
    people: human.People
    delegates: Array
    jobs: Array
    robots: Array


class Users(NamedTuple):
    """Shares of each row's people, (n,)."""

    adopted: Array
    delegating: Array  # use agents too


class Thought(NamedTuple):
    """What agents can do for each row, and how they came to it, (n,)."""

    technology: human.Technology
    log_tau: Array  # ln of the thinking multiplier
    candidates: Array  # examined for a task
    gain: Array  # factor on success of examining them, mean over loyal and ad-funded agents
    lead: Array  # by how much loyal agents gain more than ad-funded ones


class Paid(NamedTuple):
    """What people can pay, per person and month, (n,)."""

    tasks: human.Tasks  # within the budget
    given: Array  # those that agents in service can do
    fee_usd: Array  # surplus fee of an agent's task
    budget_usd: Array


class Spent(NamedTuple):
    """How people spend their month, per person, (n,)."""

    work: human.OwnWork
    given: Array  # agents' tasks that find a reviewer
    jobs: Array  # background jobs that are watched
    robots: Array  # robots that are supervised
    requests_h: Array  # asked for by agents, jobs and robots
    review_h: Array  # of these by agents and jobs
    supervision_h: Array  # of these by robots
    hours: attention.Allotment


def people(e: World, f: MonthFlows, known: Known) -> Wishes:
    """Adopt, think, choose and allot: all that people and their agents decide, a block of rows at a time.

    Stocks do not change: next month's values go to the flows and are stored by `turnover.live`.
    """
    n = e.humans.n
    peers = e.social.means(e.humans.adopted_share, e.humans.delegating_share)
    next_ = {name: np.empty(n) for name in NEXT}
    totals = RowSums(Wishes._fields, n)
    hours, chats = np.zeros(human.SEGMENTS), np.zeros(human.SEGMENTS)
    for rows in e.blocks:
        b = block(e, rows)
        users = adopt(e, b, known, peers)
        thought = think(e, b, known)
        c = human.choose(b.people, known.offer, thought.technology, e.params.human)
        paid = afford(e, b, known, users, c)
        spent = allot(e, b, known, users, c, paid)
        want(e, b, known, users, {name: column[rows] for name, column in next_.items()}, c, thought, paid, spent)

        each, segment = b.stocks.weight_people, b.people.segment
        totals.strip(rows.start, b.stocks.n, each)  # all that is added is per person of each row
        add_users(totals, b, users, c, paid, spent)
        chat_units = add_work(totals, e, b, c, thought, spent)
        add_money(totals, e, b, c, thought, spent)
        add_hours(totals, e, b, spent)
        chats += np.bincount(segment, weights=each * chat_units, minlength=human.SEGMENTS)
        hours += np.bincount(segment, weights=each * spent.hours.applications, minlength=human.SEGMENTS)
    for name, column in next_.items():
        setattr(f, name, column)
    f.attention_hours, f.chat_by_segment = hours, chats
    wishes = Wishes(**totals.total())
    month_h = e.params.attention.hours_per_month * wishes.humans
    e.laws.require_zero("attention: minutes sum to the month", e.label, "humans", wishes.attention_residual_h, month_h)
    return wishes


def block(e: World, rows: slice) -> Block:
    """Return a block of rows: who they are and what they own."""
    n, stocks = e.humans.n, e.humans.slice(rows.start, rows.stop)
    some = np.maximum(stocks.weight_people, 1e-300)  # a row that stands for nobody owns nothing
    return Block(
        rows,
        stocks,
        who(e, stocks),
        e.ai_agents.weight_agents[rows] / some,
        e.ai_agents.weight_agents[n + rows.start : n + rows.stop] / some,
        e.robots.weight_robots[rows] / some,
    )


def adopt(e: World, b: Block, known: Known, peers: list[Array]) -> Users:
    """Adopt assistants, then delegation, on the social graph (H.2)."""
    p, stocks = e.params.human, b.stocks
    adopted = human.adopt(
        stocks.adopted_share,
        p.saturation_share,
        peers[0][b.rows],
        stocks.assistant_usefulness * known.offer.chat_open,
        p.innovation_per_year * p.media_pulse,
        p.imitation_per_year,
        p,
    )
    delegating = human.adopt(
        stocks.delegating_share,
        adopted,
        peers[1][b.rows],
        stocks.agent_usefulness * known.offer.agents_open,
        p.delegation_innovation_per_year,
        p.delegation_imitation_per_year,
        p,
    )
    return Users(adopted, delegating)


def think(e: World, b: Block, known: Known) -> Thought:
    """Agents choose how long to think (A.2) and how many candidates to examine (M.21, M.22b); return what they can do."""
    p, h, slope = e.params, b.people, e.params.agent_loop.success_slope
    frontier, small = float(known.log_horizon[DELEGATED, FRONTIER]), float(known.log_horizon[DELEGATED, SMALL])
    if known.can_think:
        cost = np.log(known.offer.loop_generated_usd * h.loop_length_factor)
        last = b.stocks.log_thinking
        z, on_frontier = loop.think(last, h.log_task_value, cost, h.log_task_minutes, frontier, p.agent_loop)
    else:
        z, on_frontier = np.zeros(b.stocks.n), loop.success(h.log_task_minutes, frontier, slope)
    on_small = loop.success(h.log_task_minutes, small, slope)
    candidates = attention.examined(h.task_value_usd, float(known.price[DELEGATED, FRONTIER, FRESH]), p.attention)
    sponsored = e.state.auction
    gain, lead = attention.mean_gain(candidates, sponsored.ad_funded_share, sponsored.quality_kept, p.attention)
    on_frontier, on_small = np.minimum(on_frontier * gain, 1.0), np.minimum(on_small * gain, 1.0)
    tried = loop.attempts(on_frontier, p.agent_loop), loop.attempts(on_small, p.agent_loop)
    chat_minutes = h.log_task_minutes - known.log_thinking_gain.take(h.segment)
    technology = human.Technology(
        chat_success=(
            loop.success(chat_minutes, float(known.log_horizon[ASSISTANT, FRONTIER]), slope),
            loop.success(h.log_task_minutes, float(known.log_horizon[ASSISTANT, SMALL]), slope),
        ),
        loop_success=(loop.succeeded(on_frontier, tried[FRONTIER]), loop.succeeded(on_small, tried[SMALL])),
        loop_attempts=tried,
        tau=np.exp(z),
    )
    return Thought(technology, z, candidates, gain, lead)


def afford(e: World, b: Block, known: Known, users: Users, c: human.Choice) -> Paid:
    """Keep tasks within the budget (H.8, H.9) and within what agents in service can do (I.7)."""
    p = e.params
    tasks = human.tasks(b.people, c, users.adopted, users.delegating)
    fee, budget = p.human.surplus_fee_share * c.surplus_usd, human.budget(b.people.wage_usd_per_h, p.human)
    share = human.affordable(tasks, c, fee, budget, b.jobs * human.with_fee(known.job_usd, p.human))
    tasks = human.Tasks(tasks.all, tasks.assistant * share, tasks.agent * share)
    return Paid(tasks, ai_agent.tasks_done(tasks.agent, b.delegates, p.ai_agent), fee, budget)


def allot(e: World, b: Block, known: Known, users: Users, c: human.Choice, paid: Paid) -> Spent:
    """Allot the month (M.20): own work first, then what agents, jobs and robots ask for, then applications and leisure."""
    p = e.params
    most_h = p.attention.committed_share_max * p.attention.hours_per_month
    work = human.own_work(b.people, c, paid.tasks.all, paid.tasks.assistant, paid.given, most_h, p.human)
    review = paid.given * c.review_h
    review += human.watching(b.jobs, loop.failed_h(known.job_success, p.agent_loop), p.human)
    supervision = b.robots * robot.supervision_h(e.state.robots.success, p.robot)
    asked = review + supervision
    a = attention.allot(work.own_h, asked, b.people.free_weight_usd, p.attention)
    done = paid.given * a.answered, b.jobs * a.answered, b.robots * a.answered
    return Spent(work, *done, asked, review, supervision, a)


def want(
    e: World,
    b: Block,
    known: Known,
    users: Users,
    later: dict[str, Array],
    c: human.Choice,
    thought: Thought,
    paid: Paid,
    spent: Spent,
) -> None:
    """Write what people know and want next month (H.12, I.8, M.20b, R.3) into `later`, the block's rows of `NEXT`."""
    p, h, robots, each = e.params, b.people, e.state.robots, b.stocks.weight_people
    later["adopted_share"][:], later["delegating_share"][:] = users
    later["assistant_usefulness"][:], later["agent_usefulness"][:] = c.assistant, c.delegator_agent
    attention.damped(h.shadow_usd_per_h, spent.hours.shadow_usd_per_h, p.attention, out=later["shadow_usd_per_h"])
    later["log_thinking"][:] = thought.log_tau
    jobs = np.zeros(b.stocks.n)
    if known.offer.agents_open:
        jobs = loop.jobs_wanted(h.job_value, known.job_success / known.job_usd, p.agent_loop)
        job_usd = human.with_fee(known.job_usd, p.human)
        jobs = human.jobs_within(jobs, users.delegating, paid.budget_usd, job_usd, p.human)
    fleet = robot.wanted(
        h.wage_usd_per_h,
        h.shadow_usd_per_h,
        robots.success,
        robot.price(robots.sold, p.robot),
        robots.running_usd,
        p.robot,
    )
    np.divide(each * paid.tasks.agent, ai_agent.tasks_per_delegate(p.ai_agent), out=later["delegates_wanted"])
    np.multiply(each, jobs, out=later["jobs_wanted"])
    np.multiply(each * spent.given, paid.fee_usd, out=later["delegate_fee_usd"])
    np.multiply(each * spent.jobs, known.job_usd * p.human.surplus_fee_share, out=later["standing_fee_usd"])
    np.multiply(each, fleet, out=later["robots_wanted"])


def add_users(totals: RowSums, b: Block, users: Users, c: human.Choice, paid: Paid, spent: Spent) -> None:
    """Add up people, their tasks, and what works for them."""
    totals.add("humans", 1.0)
    totals.add("adopters", users.adopted)
    totals.add("delegators", users.delegating)
    totals.add("tasks", paid.tasks.all)
    totals.add("tasks_assistant", spent.work.chats)
    totals.add("tasks_agent", spent.given)
    totals.add("jobs", spent.jobs)
    totals.add("robots", spent.robots)
    totals.add("successes", spent.given * c.success_agent)


def add_work(totals: RowSums, e: World, b: Block, c: human.Choice, thought: Thought, spent: Spent) -> Array:
    """Add up what goes down the stack; return assistants' tasks of the reference length on the frontier tier, (n,)."""
    p, h, technology = e.params.agent_loop, b.people, thought.technology
    tried, on_frontier = technology.loop_attempts, 1.0 - c.small_agent
    chat_units = spent.work.chats * h.chat_length_factor
    chat_frontier = chat_units * (1.0 - c.small_chat)
    totals.add("chat_frontier", chat_frontier)
    totals.add("chat_small", chat_units * c.small_chat)
    big = spent.given * on_frontier * h.loop_length_factor * tried[FRONTIER]
    totals.add("loop_frontier", big * p.loop_tokens)
    totals.add("loop_small", spent.given * c.small_agent * h.loop_length_factor * tried[SMALL] * p.loop_tokens)
    totals.add("thinking", big * (technology.tau - 1.0) * (p.loop_tokens * p.generated_share_agent))
    totals.add("examined", spent.given * (thought.candidates - 1.0))
    attempts = 1.0 + (tried[FRONTIER] - 1.0) * on_frontier + (tried[SMALL] - 1.0) * c.small_agent
    totals.add("attempts", spent.given * attempts)
    return chat_frontier


def add_money(totals: RowSums, e: World, b: Block, c: human.Choice, thought: Thought, spent: Spent) -> None:
    """Add up what tasks are worth and cost, how that reacts to the horizon (H.7), and what people and robots earn."""
    p, h, robot_success = e.params, b.people, e.state.robots.success
    value = spent.given * h.task_value_usd
    totals.add("agent_value_usd", value)
    value *= c.success_agent
    totals.add("success_value_usd", value)
    totals.add("ranking_loss_usd", value * thought.lead / np.maximum(thought.gain, 1e-300))
    chat_usd, agent_usd = spent.work.chats * c.chat_usd, spent.given * c.agent_usd
    chat_slope, agent_slope = human.horizon_elasticities(h, c, p.agent_loop.success_slope, p.human)
    totals.add("chat_response_usd", chat_usd * chat_slope)
    totals.add("agent_response_usd", agent_usd * agent_slope)
    totals.add("chat_spend_usd", chat_usd)
    totals.add("agent_spend_usd", agent_usd)
    totals.add("surplus_usd", spent.given * c.surplus_usd)
    totals.add("income_usd", h.wage_usd_per_h * p.human.work_hours_per_month)
    totals.add("supervision_usd", spent.supervision_h * spent.hours.answered * h.wage_usd_per_h)
    totals.add("robot_work_usd", spent.robots * (h.wage_usd_per_h * robot.work_hours(robot_success, p.robot)))


def add_hours(totals: RowSums, e: World, b: Block, spent: Spent) -> None:
    """Add up the hours of the month; what they miss of it is a residual that a law holds at zero."""
    a, work = spent.hours, spent.work
    totals.add("own_h", work.own_h - work.assistant_h)
    totals.add("assistant_h", work.assistant_h)
    totals.add("review_h", spent.review_h * a.answered)
    totals.add("supervision_h", spent.supervision_h * a.answered)
    totals.add("unanswered_h", spent.requests_h * (1.0 - a.answered))
    totals.add("application_h", a.applications)
    totals.add("leisure_h", a.leisure)
    totals.add("attention_value_usd", a.shadow_usd_per_h * (a.applications + a.leisure))
    spread = work.own_h + spent.requests_h * a.answered + a.applications + a.leisure
    totals.add("attention_residual_h", np.abs(e.params.attention.hours_per_month - spread))


#: Next month's values that `people` writes for each human row.
NEXT = (
    "adopted_share",
    "delegating_share",
    "assistant_usefulness",
    "agent_usefulness",
    "shadow_usd_per_h",
    "log_thinking",
    "delegates_wanted",
    "jobs_wanted",
    "delegate_fee_usd",
    "standing_fee_usd",
    "robots_wanted",
)

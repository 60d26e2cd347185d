"""Stages 4-6: people adopt, think through their agents, choose and allot their month."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import ai_agent, human, robot
from model.core.flows import MonthFlows
from model.core.units import TIERS, TOKEN_KINDS, RowSums
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


def what_is_known(e: World, f: MonthFlows) -> Known:
    """Assemble what people and agents know, from states of the layers and posted prices."""
    p, s, n = e.params, e.state, e.labs.n
    by_tier = f.token_usd.reshape(len(TIERS), n, len(TOKEN_KINDS))
    price = np.einsum("stl,tlq->stq", s.choices.net_share, by_tier)
    log_horizon = np.einsum("stl,tl->st", s.choices.net_share, np.log(e.nets.horizon_minutes).reshape(len(TIERS), n))
    can_think = float(s.choices.net_share[DELEGATED, FRONTIER] @ e.nets.reasoning[:n]) > 0.5
    prompts = context.prompts(float(price[ASSISTANT, FRONTIER, 0]) / e.opening.token_usd, p.context)
    generated = loop.generated_shares(p.agent_loop)
    base_usd = (1.0 - generated)[:, None] * (
        (1.0 - s.memory.hits)[:, None] * price[:, :, 0] + s.memory.hits[:, None] * price[:, :, 1]
    )
    base_usd += generated[:, None] * price[:, :, 2]

    # Assistants: the application picks thinking for a typical task of each segment (A.2)
    chat_tokens = p.human.chat_turns * prompts[ASSISTANT] / (1.0 - generated[ASSISTANT])
    generated_usd = chat_tokens * generated[ASSISTANT] * price[ASSISTANT, FRONTIER, 2]
    typical = np.full(human.SEGMENTS, np.log(p.human.task_minutes_median))
    value = np.log(p.human.assistant_time_saving * e.opening.wage_by_segment * np.exp(typical) / 60.0)
    cost = np.full(human.SEGMENTS, np.log(generated_usd))
    z, _ = loop.think(s.loop.log_tau_chat, value, cost, typical, float(log_horizon[ASSISTANT, FRONTIER]), p.agent_loop)
    log_tau_chat = z if can_think else np.zeros_like(z)
    tau_chat = 1.0 + s.loop.reasoning_share * (np.exp(log_tau_chat) - 1.0)
    margin = 1.0 + p.application.assistant_margin
    launched = [
        ready is not None and e.month - ready >= p.application.launch_lag_months
        for ready in (s.loop.chat_ready_month, s.loop.agents_ready_month)
    ]

    # Standing jobs: batch tier where they can wait, the tier of nets that gives more success per dollar (I.3)
    discount = float(f.class_price[STANDING] / f.class_price[DELEGATED])
    jobs = [
        _standing_job(e, float(log_horizon[STANDING, t]), float(base_usd[STANDING, t]) * discount)
        for t in (FRONTIER, SMALL)
    ]
    ratio = [float(np.log(success / usd)) for success, _, _, usd in jobs]
    small = ai_agent.standing_tier((ratio[0], ratio[1]), p.ai_agent)
    job_success, job_attempts, job_tokens, job_usd = (a + small * (b - a) for a, b in zip(*jobs, strict=True))

    single = p.agent_loop.loop_tokens * s.calls.calls_per_task * (1.0 + s.calls.take_rate)
    offer = human.Offer(
        chat_open=launched[0],
        agents_open=launched[1],
        chat_usd=(
            float(chat_tokens * base_usd[ASSISTANT, FRONTIER] * margin),
            float(chat_tokens * base_usd[ASSISTANT, SMALL] * margin),
        ),
        chat_thinking_usd=(tau_chat - 1.0) * generated_usd * margin,
        loop_usd=(float(single * base_usd[DELEGATED, FRONTIER]), float(single * base_usd[DELEGATED, SMALL])),
        loop_generated_usd=float(single * generated[DELEGATED] * price[DELEGATED, FRONTIER, 2]),
        fee_usd=float(s.loop.examined * p.attention.candidate_tokens * price[DELEGATED, FRONTIER, 0]),
        delivered=(float(s.market.fill[ASSISTANT]), float(s.market.fill[DELEGATED])),
    )
    return Known(
        offer=offer,
        log_horizon=log_horizon,
        price=price,
        generated_share=generated,
        prompts=prompts,
        log_thinking_gain=p.agent_loop.thinking_exponent * np.log(tau_chat),
        log_tau_chat=log_tau_chat,
        tau_chat=tau_chat,
        can_think=can_think,
        reasoning_share=s.loop.reasoning_share,
        chat_tokens=float(chat_tokens),
        job_small=small,
        job_success=job_success,
        job_attempts=job_attempts,
        job_tokens=job_tokens,
        job_usd=job_usd,
        batch_discount=discount,
    )


def _standing_job(e: World, log_horizon: float, token_usd: float) -> tuple[float, float, float, float]:
    """Return success, attempts, tokens a month and cost a month of a standing job on nets of one tier."""
    p, s = e.params.agent_loop, e.state
    length = np.log(np.array([p.job_minutes]))
    success = loop.success(length, log_horizon, p.success_slope)
    tried = loop.attempts(success, p)
    tokens = loop.loop_tokens(length, p) * s.calls.calls_per_task * p.job_tasks_per_month * tried
    return (
        float(loop.succeeded(success, tried)[0]),
        float(tried[0]),
        float(tokens[0]),
        float(tokens[0]) * token_usd * (1.0 + s.calls.take_rate),
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


def people(e: World, f: MonthFlows, known: Known) -> Wishes:
    """Adopt, think, choose and allot: all that people and their agents decide, a block of rows at a time.

    Stocks do not change: next month's values go to the flows and are stored by `turnover.live`.
    """
    p, n, offer = e.params, e.humans.n, known.offer
    slope = p.agent_loop.success_slope
    shares = e.humans.adopted_share, e.humans.delegating_share
    peers_adopted, peers_delegating = e.social.means(*shares)
    next_ = {name: np.empty(n) for name in NEXT}
    totals = RowSums(Wishes._fields, n)
    hours, chats_by_segment = np.zeros(human.SEGMENTS), np.zeros(human.SEGMENTS)
    robot_price = robot.price(e.state.robots.sold, p.robot)
    robot_success = e.state.robots.success
    frontier, small = float(known.log_horizon[DELEGATED, FRONTIER]), float(known.log_horizon[DELEGATED, SMALL])
    for rows in e.blocks:
        stocks = e.humans.slice(rows.start, rows.stop)
        h = who(e, stocks)
        each, count = stocks.weight_people, stocks.n
        some = np.maximum(each, 1e-300)  # a row that stands for nobody owns nothing
        delegates = e.ai_agents.weight_agents[rows] / some
        standing = e.ai_agents.weight_agents[n + rows.start : n + rows.stop] / some
        robots = e.robots.weight_robots[rows] / some

        # Adopt (H.2): assistants, then delegation, on the social graph
        adopted = human.adopt(
            stocks.adopted_share,
            p.human.saturation_share,
            peers_adopted[rows],
            stocks.assistant_usefulness * offer.chat_open,
            p.human.innovation_per_year * p.human.media_pulse,
            p.human.imitation_per_year,
            p.human,
        )
        delegating = human.adopt(
            stocks.delegating_share,
            adopted,
            peers_delegating[rows],
            stocks.agent_usefulness * offer.agents_open,
            p.human.delegation_innovation_per_year,
            p.human.delegation_imitation_per_year,
            p.human,
        )

        # Think (A.2): agents' test-time compute; examine candidates (M.21)
        if known.can_think:
            cost = np.log(offer.loop_generated_usd * h.loop_length_factor)
            z, sure = loop.think(
                stocks.log_thinking, h.log_task_value, cost, h.log_task_minutes, frontier, p.agent_loop
            )
        else:
            z, sure = np.zeros(count), loop.success(h.log_task_minutes, frontier, slope)
        fair = loop.success(h.log_task_minutes, small, slope)
        tau = np.exp(z)
        k = attention.examined(h.task_value_usd, float(known.price[DELEGATED, FRONTIER, 0]), p.attention)
        loyal, paid = attention.choice_gains(k, p.attention, (1.0, e.state.auction.quality_kept))
        gain = loyal + e.state.auction.ad_funded_share * (paid - loyal)
        sure, fair = np.minimum(sure * gain, 1.0), np.minimum(fair * gain, 1.0)
        tried = loop.attempts(sure, p.agent_loop), loop.attempts(fair, p.agent_loop)
        chat_minutes = h.log_task_minutes - known.log_thinking_gain.take(h.segment)
        technology = human.Technology(
            chat_success=(
                loop.success(chat_minutes, float(known.log_horizon[ASSISTANT, FRONTIER]), slope),
                loop.success(h.log_task_minutes, float(known.log_horizon[ASSISTANT, SMALL]), slope),
            ),
            loop_success=(loop.succeeded(sure, tried[0]), loop.succeeded(fair, tried[1])),
            loop_attempts=tried,
            tau=tau,
        )

        # Choose (H.3-H.6), within budget and agents in service
        c = human.choose(h, offer, technology, p.human)
        helped = adopted - delegating
        chats = helped * c.tasks_adopter * c.assistant + delegating * c.tasks_delegator * c.delegator_assistant
        wanted = delegating * c.tasks_delegator * c.delegator_agent
        fee = p.human.surplus_fee_share * c.surplus_usd
        limit = p.human.ai_spending_share_max * p.human.work_hours_per_month * h.wage_usd_per_h
        job_price = known.job_usd * (1.0 + p.human.surplus_fee_share)
        room = np.maximum(limit - standing * job_price, 0.0)
        affordable = np.minimum(room / np.maximum(chats * c.chat_usd + wanted * (c.agent_usd + fee), 1e-12), 1.0)
        chats, wanted = chats * affordable, wanted * affordable
        given = np.minimum(wanted, delegates * p.ai_agent.tasks_per_month_max)

        # Allot (M.20): own work first, then what agents and robots ask for, then applications and leisure
        task_h = h.task_minutes / 60.0
        tasks = (1.0 - adopted) * (h.task_hours_per_month / task_h)
        tasks += helped * c.tasks_adopter + delegating * c.tasks_delegator
        alone = np.maximum(tasks - chats - given, 0.0)
        saved = task_h * (1.0 - p.human.assistant_time_saving * c.success_chat)
        assistant_h = chats * (p.human.assistant_prompt_minutes / 60.0 + saved)
        most_h = p.attention.committed_share_max * p.attention.hours_per_month
        fixed_h = p.human.work_hours_per_month - h.task_hours_per_month
        fits = np.clip((most_h - fixed_h) / np.maximum(alone * task_h + assistant_h, 1e-12), 0.0, 1.0)
        chats, assistant_h, alone = chats * fits, assistant_h * fits, alone * fits
        own_h = fixed_h + alone * task_h + assistant_h
        review = given * c.review_h
        watched_h = p.agent_loop.job_tasks_per_month * p.agent_loop.job_minutes / 60.0 * (1.0 - known.job_success)
        watching = standing * (watched_h * p.human.review_share_min)
        supervision = robots * (p.robot.supervision_h_per_month * (1.0 - robot_success))
        asked = review + watching + supervision
        a = attention.allot(own_h, asked, h.free_weight_usd, p.attention)
        given, jobs, at_work = given * a.answered, standing * a.answered, robots * a.answered

        # What is wanted next (I.1, A.5, R.3)
        jobs_wanted = np.zeros(count)
        if offer.agents_open:
            jobs_wanted = loop.jobs_wanted(h.job_value, known.job_success / known.job_usd, p.agent_loop)
            jobs_wanted = delegating * np.minimum(jobs_wanted, 0.5 * limit / job_price)
        fleet = robot.wanted(
            h.wage_usd_per_h, h.shadow_usd_per_h, robot_success, robot_price, e.state.robots.running_usd, p.robot
        )
        tasks_per_agent = p.ai_agent.tasks_per_month_max * p.ai_agent.utilisation_target
        later = {name: column[rows] for name, column in next_.items()}
        later["adopted_share"][:], later["delegating_share"][:] = adopted, delegating
        later["assistant_usefulness"][:], later["agent_usefulness"][:] = c.assistant, c.delegator_agent
        shadow = np.subtract(a.shadow_usd_per_h, h.shadow_usd_per_h, out=later["shadow_usd_per_h"])
        shadow *= p.attention.shadow_damping
        shadow += h.shadow_usd_per_h
        later["log_thinking"][:] = z
        np.divide(each * wanted, tasks_per_agent, out=later["delegates_wanted"])
        np.multiply(each, jobs_wanted, out=later["jobs_wanted"])
        np.multiply(each * given, fee, out=later["delegate_fee_usd"])
        np.multiply(each * jobs, known.job_usd * p.human.surplus_fee_share, out=later["standing_fee_usd"])
        np.multiply(each, fleet, out=later["robots_wanted"])

        chat_units = chats * h.chat_length_factor
        chat_frontier = chat_units * (1.0 - c.small_chat)
        large_agent = 1.0 - c.small_agent
        big = given * large_agent * h.loop_length_factor * tried[0]
        little = given * c.small_agent * h.loop_length_factor * tried[1]
        given_usd = given * h.task_value_usd
        success_usd = given_usd * c.success_agent
        unanswered, free_h = 1.0 - a.answered, a.applications + a.leisure
        chat_slope, agent_slope = human.horizon_elasticities(h, c, slope, p.human)
        chat_usd, agent_usd = chats * c.chat_usd, given * c.agent_usd
        worked_usd = h.wage_usd_per_h * (p.robot.duty_hours_per_month * robot_success)
        answered = supervision * a.answered
        totals.strip(rows.start, count, each)  # all per person of each row
        totals.add("humans", 1.0)
        totals.add("adopters", adopted)
        totals.add("delegators", delegating)
        totals.add("tasks", tasks)
        totals.add("tasks_assistant", chats)
        totals.add("tasks_agent", given)
        totals.add("chat_frontier", chat_frontier)
        chats_by_segment += np.bincount(h.segment, weights=each * chat_frontier, minlength=human.SEGMENTS)
        totals.add("chat_small", chat_units * c.small_chat)
        totals.add("loop_frontier", big * p.agent_loop.loop_tokens)
        totals.add("loop_small", little * p.agent_loop.loop_tokens)
        totals.add("thinking", big * (tau - 1.0) * (p.agent_loop.loop_tokens * p.agent_loop.generated_share_agent))
        totals.add("examined", given * (k - 1.0))
        totals.add("attempts", given * (1.0 + (tried[0] - 1.0) * large_agent + (tried[1] - 1.0) * c.small_agent))
        totals.add("successes", given * c.success_agent)
        totals.add("agent_value_usd", given_usd)
        totals.add("success_value_usd", success_usd)
        totals.add("ranking_loss_usd", success_usd * (loyal - paid) / np.maximum(gain, 1e-300))
        totals.add("chat_response_usd", chat_usd * chat_slope)
        totals.add("agent_response_usd", agent_usd * agent_slope)
        totals.add("chat_spend_usd", chat_usd)
        totals.add("agent_spend_usd", agent_usd)
        totals.add("jobs", jobs)
        totals.add("robots", at_work)
        totals.add("own_h", own_h - assistant_h)
        totals.add("assistant_h", assistant_h)
        totals.add("review_h", (review + watching) * a.answered)
        totals.add("supervision_h", answered)
        totals.add("unanswered_h", asked * unanswered)
        totals.add("application_h", a.applications)
        hours += np.bincount(h.segment, weights=each * a.applications, minlength=human.SEGMENTS)
        totals.add("leisure_h", a.leisure)
        totals.add("attention_value_usd", a.shadow_usd_per_h * free_h)
        totals.add("income_usd", h.wage_usd_per_h * p.human.work_hours_per_month)
        totals.add("surplus_usd", given * c.surplus_usd)
        totals.add("supervision_usd", answered * h.wage_usd_per_h)
        totals.add("robot_work_usd", at_work * worked_usd)
        totals.add(
            "attention_residual_h",
            np.abs(p.attention.hours_per_month - (own_h + asked * a.answered + a.applications + a.leisure)),
        )
    for name, column in next_.items():
        setattr(f, name, column)
    f.attention_hours, f.chat_by_segment = hours, chats_by_segment
    wishes = Wishes(**totals.total())
    month_h = p.attention.hours_per_month * wishes.humans
    e.laws.require_zero("attention: minutes sum to the month", e.label, "humans", wishes.attention_residual_h, month_h)
    return wishes


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

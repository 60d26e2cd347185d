"""One month of the economy, in order. The only place where deciders, layers and markets meet.

`step` is the table of contents: machines arrive, nets are released, prices are posted; people and their agents decide; their
wishes go down the stack to accelerator-hours; one market serves what there is; everything is paid; everyone plans. Each stage
below reads last month's realised prices, success and delays, so that nothing needs a number that does not exist yet. Stocks
change only in `arrive`, `release` and after `pay`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import ai_agent, application, human, lab, orchestrator, provider, robot, supplier
from model.core.draws import MonthDraws
from model.core.flows import MonthFlows
from model.core.graph import neighbour_mean
from model.core.units import HOURS_PER_MONTH, LAB_USES, SERVING, U, block_partials
from model.layers import agent as loop
from model.layers import application as application_layer
from model.layers import context, link, neural, physical
from model.layers import orchestrator as call_network
from model.markets import attention, auction, compute, routing, settlement

if TYPE_CHECKING:
    from model.economy import InferenceEconomy

Array = NDArray[np.float64]

ASSISTANT, DELEGATED, STANDING, EMBEDDED, ROBOT = range(5)
FRONTIER, SMALL = 0, 1


def step(e: InferenceEconomy) -> MonthFlows:
    """Advance economy `e` by one month; return its flows (shapes and units: core/flows.py)."""
    f = MonthFlows(e.sizes)
    draw = e.draws.at(e.month)

    arrive(e, f)  # 1 machines ordered earlier are delivered, old ones retire
    release(e, draw)  # 2 nets whose run is finished
    post(e, f)  # 3 contract and token prices

    offer = what_is_known(e, f)
    wishes = people(e, f, offer)  # 4-6 adopt, think, choose, allot

    work(e, f, wishes, offer)  # 7-9 calls, tokens, accelerator-hours
    clear(e, f)  # 10 one market for everything that computes
    books = pay(e, f, wishes, offer, draw)  # 11 every payment has a payer and a payee

    live(e, f, books, draw)  # 12 births, exits, learning
    plan(e, f, wishes, books, draw)  # 12 orders, budgets, prices, entry
    e.record(f, wishes, books)
    return f


# --- 1-3 Machines, nets, prices ------------------------------------------------------------------------------------


def arrive(e: InferenceEconomy, f: MonthFlows) -> None:
    """Deliver what was ordered as far as chips and power go; retire by age. Changes providers' stocks."""
    p, firm = e.params, e.suppliers
    share = physical.mix(e.month, e.fleet.launched)
    e.capacity_h100e = float(firm.capacity_chips_per_month[0] * (share * e.fleet.h100e_per_chip).sum())
    due = e.due_h100e()
    watts = float(physical.facility_watts((share * e.fleet.watts).sum(), p.physical))
    room = max(e.powered_gw - e.used_gw, 0.0) * 1e9 / watts
    ratio = min(1.0, e.capacity_h100e / max(float(due.sum()), 1e-300), room / max(float(due.sum()), 1e-300))
    f.delivered_h100e = due * ratio

    before = e.cohorts.sum(axis=1)
    e.cohorts *= physical.survival(e.month - e.cohort_month, p.physical)[None, :]
    f.retired_h100e = before - e.cohorts.sum(axis=1)
    column = e.month + e.opening_ages
    e.cohorts[:, column] = f.delivered_h100e
    e.cohort_watts[column] = watts
    e.cohort_bytes_per_s[column] = float((share * e.fleet.bytes_per_s).sum())
    e.cohort_hbm_bytes[column] = float((share * e.fleet.hbm_bytes).sum())
    e.providers.stock_h100e[:] = e.cohorts.sum(axis=1)
    e.providers.backlog_h100e -= f.delivered_h100e
    firm.sold_h100e[0] += f.delivered_h100e.sum()
    e.powered_gw = physical.power_growth(e.used_gw, e.powered_gw, p.physical)
    e.used_gw = float((e.cohorts * e.cohort_watts[None, :]).sum()) / 1e9
    f.capacity_hours = physical.capacity_hours(e.providers.stock_h100e, p.physical)


def release(e: InferenceEconomy, draw: MonthDraws) -> None:
    """Release nets whose run is done and plan the next run from the forecast of its lifetime tokens. Changes labs and nets."""
    labs, n = e.labs, e.labs.n
    for tier, target, done in (
        (FRONTIER, labs.run_target_flop, labs.run_done_flop),
        (SMALL, labs.small_target_flop, labs.small_done_flop),
    ):
        for i in np.flatnonzero(done >= target):
            if tier == SMALL and e.month - e.nets.released_month[n + i] < 3:
                continue
            e.release_net(int(i), tier)
            e.plan_run(int(i), tier, float(draw("lab.cycle", labs.id[i : i + 1], k=tier)[0]))


def post(e: InferenceEconomy, f: MonthFlows) -> None:
    """Post contract prices per accelerator-hour and list prices per token."""
    f.contract_usd = e.providers.contract_usd_per_h100e_hour.copy()
    f.market_usd = float((f.contract_usd * f.capacity_hours).sum() / f.capacity_hours.sum())
    f.token_usd = e.nets.price_usd_per_token[:, None] * lab.LIST_STRUCTURE[None, :]


# --- 4-6 People and their agents -----------------------------------------------------------------------------------


class Known(NamedTuple):
    """What everybody can know when the month begins: last month's realised prices, success, multipliers and delays."""

    offer: human.Offer
    log_horizon: Array  # (S, T) ln minutes of the nets each class calls
    price: Array  # (S, T, Q) USD per token of the nets each class calls, without margins
    prompts: Array  # (S,) tokens per call
    log_thinking_gain: Array  # (G,) ln horizon gain of assistants' thinking
    tau_chat: Array  # (G,) thinking multiplier of assistants, 1 where nets do not think
    can_think: bool
    chat_tokens: float  # tokens of an assistant task of the reference length
    calls: float  # calls per agent task
    take: float  # orchestrators' take rate
    job_small: float  # share of standing jobs on the small tier
    job_success: float
    job_tokens: float  # tokens of a standing job a month
    job_usd: float
    job_ratio: float


def what_is_known(e: InferenceEconomy, f: MonthFlows) -> Known:
    """Assemble what people and agents know, from states of the layers and posted prices."""
    p, m, n = e.params, e.memory, e.labs.n
    by_tier = f.token_usd.reshape(2, n, 3)
    price = np.einsum("stl,tlq->stq", e.net_share, by_tier)
    log_horizon = np.einsum("stl,tl->st", e.net_share, np.log(e.nets.horizon_minutes).reshape(2, n))
    thinking = float(e.net_share[DELEGATED, FRONTIER] @ e.nets.reasoning[:n]) > 0.5
    prompts = context.prompts(float(price[ASSISTANT, FRONTIER, 0]) / e.opening_token_usd, p.context)
    generated = np.array([e.generated_share(s) for s in range(5)])
    base_usd = (1.0 - generated)[:, None] * (
        (1.0 - m.hits)[:, None] * price[:, :, 0] + m.hits[:, None] * price[:, :, 1]
    )
    base_usd += generated[:, None] * price[:, :, 2]

    # Assistants: the application picks thinking for a typical task of each segment
    chat_tokens = p.human.chat_turns * prompts[ASSISTANT] / (1.0 - generated[ASSISTANT])
    generated_usd = chat_tokens * generated[ASSISTANT] * price[ASSISTANT, FRONTIER, 2]
    typical = np.full(human.SEGMENTS, np.log(p.human.task_minutes_median))
    value = np.log(p.human.assistant_time_saving * e.segment_wage * np.exp(typical) / 60.0)
    z, _ = loop.think(
        m.log_tau_chat,
        value,
        np.full(human.SEGMENTS, np.log(generated_usd)),
        typical,
        float(log_horizon[ASSISTANT, FRONTIER]),
        p.agent_loop,
    )
    m.log_tau_chat = z if thinking else np.zeros_like(z)
    tau_chat = 1.0 + e.reasoning_share * (np.exp(m.log_tau_chat) - 1.0)
    gain = p.agent_loop.thinking_exponent * np.log(tau_chat)
    margin = 1.0 + p.application.assistant_margin

    # Agents: call network and take rate of last month
    take = float(m.take_rate)
    single = p.agent_loop.loop_tokens * m.calls * (1.0 + take)
    open_agents = (
        bool(np.exp(log_horizon[DELEGATED, FRONTIER]) >= p.ai_agent.agent_launch_horizon_minutes) or m.agents_opened
    )
    open_chat = bool(np.exp(log_horizon[ASSISTANT, FRONTIER]) >= p.application.launch_horizon_minutes) or m.chat_opened
    m.agents_opened, m.chat_opened = open_agents, open_chat

    # Standing jobs: batch tier where it can wait, the tier that gives more success per dollar
    job_minutes = np.log(np.array([p.agent_loop.job_minutes]))
    waiting = call_network.batch_share(1.0 - p.compute.batch_factor, p.call_network)
    discount = 1.0 - waiting * (1.0 - p.compute.batch_factor)
    plain = float(loop.loop_tokens(job_minutes, p.agent_loop)[0]) * m.calls * p.agent_loop.job_tasks_per_month
    ratios, costs, wins, tokens = [], [], [], []
    for tier in (FRONTIER, SMALL):
        s = loop.success(job_minutes, float(log_horizon[STANDING, tier]), p.agent_loop.success_slope)
        needed = plain * float(loop.attempts(s, p.agent_loop)[0])
        usd = needed * float(base_usd[STANDING, tier]) * discount * (1.0 + take)
        ratios.append(float(np.log(s[0] / usd)))
        costs.append(usd), wins.append(float(s[0])), tokens.append(needed)
    small = ai_agent.standing_tier((ratios[0], ratios[1]), p.ai_agent)
    mixed = [a + small * (b - a) for a, b in (costs, wins, tokens)]

    offer = human.Offer(
        chat_open=open_chat,
        agents_open=open_agents,
        chat_usd=(
            float(chat_tokens * base_usd[ASSISTANT, FRONTIER] * margin),
            float(chat_tokens * base_usd[ASSISTANT, SMALL] * margin),
        ),
        chat_thinking_usd=(tau_chat - 1.0) * generated_usd * margin,
        loop_usd=(float(single * base_usd[DELEGATED, FRONTIER]), float(single * base_usd[DELEGATED, SMALL])),
        loop_generated_usd=float(single * generated[DELEGATED] * price[DELEGATED, FRONTIER, 2]),
        fee_usd=float(m.examined * p.attention.candidate_tokens * price[DELEGATED, FRONTIER, 0]),
        delivered=(float(m.fill[ASSISTANT]), float(m.fill[DELEGATED])),
    )
    return Known(
        offer,
        log_horizon,
        price,
        prompts,
        gain,
        tau_chat,
        thinking,
        float(chat_tokens),
        m.calls,
        take,
        small,
        mixed[1],
        mixed[2],
        mixed[0],
        mixed[1] / mixed[0],
    )


class Wishes(NamedTuple):
    """What people and their agents do and want this month, summed over rows (people, tasks, hours, tokens, USD)."""

    adopters: float
    delegators: float
    tasks: float
    tasks_assistant: float
    tasks_agent: float
    chat_frontier: float  # assistant tasks of the reference length, frontier tier
    chat_small: float
    loop_frontier: float  # loop tokens without thinking, before the call network
    loop_small: float
    thinking: float  # generated tokens that agents' thinking adds, before the call network
    examined: float  # candidates examined beyond the first
    successes: float
    chat_spend_usd: float
    agent_spend_usd: float
    chat_response_usd: float  # spending x elasticity of assistant tasks to the horizon
    agent_response_usd: float
    jobs: float  # standing jobs at work
    robots: float  # robots at work
    own_h: float
    assistant_h: float
    review_h: float
    supervision_h: float
    waiting_h: float
    application_h: float
    leisure_h: float
    attention_value_usd: float  # shadow price x free hours
    income_usd: float
    surplus_usd: float
    attention_residual_h: float


def people(e: InferenceEconomy, f: MonthFlows, known: Known) -> Wishes:
    """Adopt, think, choose and allot: all that people and their agents decide, a block of rows at a time.

    Stocks do not change: next month's values go to the flows and are stored by `live`.
    """
    p, n, offer = e.params, e.humans.n, known.offer
    slope = p.agent_loop.success_slope
    peers = neighbour_mean(e.social, np.column_stack([e.humans.adopted_share, e.humans.delegating_share]))
    next_ = {name: np.empty(n) for name in NEXT}
    totals: list[Array] = []
    hours = np.zeros(human.SEGMENTS)
    chat_by_segment = np.zeros(human.SEGMENTS)
    robot_price = robot.price(e.robots_sold, p.robot)
    robot_success = e.memory.robot_success
    for rows in e.blocks:
        h = e.humans.slice(rows.start, rows.stop)
        each = h.weight_people
        delegates = (
            e.ai_agents.weight_agents[rows] / each if e.all_weighted else _ratio(e.ai_agents.weight_agents[rows], each)
        )
        standing = _ratio(e.ai_agents.weight_agents[n + rows.start : n + rows.stop], each)
        robots = _ratio(e.robots.weight_robots[rows], each)

        # Adopt (H.2)
        adopted = human.adopt(
            h.adopted_share,
            p.human.saturation_share,
            peers[rows, 0],
            h.assistant_usefulness * offer.chat_open,
            p.human.innovation_per_year,
            p.human.imitation_per_year,
            p.human,
        )
        delegating = human.adopt(
            h.delegating_share,
            adopted,
            peers[rows, 1],
            h.agent_usefulness * offer.agents_open,
            p.human.delegation_innovation_per_year,
            p.human.delegation_imitation_per_year,
            p.human,
        )
        delegating = np.minimum(delegating, adopted)

        # Think (A.2): agents' test-time compute; examine candidates (M.21)
        frontier = float(known.log_horizon[DELEGATED, FRONTIER])
        if known.can_think:
            cost = np.log(offer.loop_generated_usd * h.loop_length_factor)
            z, sure = loop.think(
                e.ai_agents.log_thinking[rows], h.log_task_value, cost, h.log_task_minutes, frontier, p.agent_loop
            )
        else:
            z, sure = np.zeros(h.n), loop.success(h.log_task_minutes, frontier, slope)
        fair = loop.success(h.log_task_minutes, float(known.log_horizon[DELEGATED, SMALL]), slope)
        tau = np.exp(z)
        k = attention.examined(h.task_value_usd, float(known.price[DELEGATED, FRONTIER, 0]), p.attention)
        gain = attention.choice_gain(k, p.attention)
        sure, fair = np.minimum(sure * gain, 1.0), np.minimum(fair * gain, 1.0)
        chat_minutes = h.log_task_minutes - known.log_thinking_gain[h.segment]
        technology = human.Technology(
            (
                loop.success(chat_minutes, float(known.log_horizon[ASSISTANT, FRONTIER]), slope),
                loop.success(h.log_task_minutes, float(known.log_horizon[ASSISTANT, SMALL]), slope),
            ),
            (sure, fair),
            (loop.attempts(sure, p.agent_loop), loop.attempts(fair, p.agent_loop)),
            tau,
        )

        # Choose (H.3-H.6), within budget and agents in service
        c = human.choose(h, offer, technology, p.human)
        helped = adopted - delegating
        chats = helped * c.tasks_adopter * c.assistant + delegating * c.tasks_delegator * c.delegator_assistant
        given = delegating * c.tasks_delegator * c.delegator_agent
        fee = p.human.surplus_fee_share * c.surplus_usd
        limit = p.human.ai_spending_share_max * p.human.work_hours_per_month * h.wage_usd_per_h
        room = np.maximum(limit - standing * known.job_usd * (1.0 + p.human.surplus_fee_share), 0.0)
        affordable = np.minimum(room / np.maximum(chats * c.chat_usd + given * (c.agent_usd + fee), 1e-12), 1.0)
        chats = chats * affordable
        wanted = given * affordable
        given = np.minimum(wanted, delegates * p.ai_agent.tasks_per_month_max)

        # Allot (M.20): own work first, then what agents and robots ask for
        tasks = (
            (1.0 - adopted) * (h.task_hours_per_month * 60.0 / h.task_minutes)
            + helped * c.tasks_adopter
            + delegating * c.tasks_delegator
        )
        alone = np.maximum(tasks - chats - given, 0.0)
        task_h = h.task_minutes / 60.0
        assistant_h = chats * (
            p.human.assistant_prompt_minutes / 60.0 + task_h * (1.0 - p.human.assistant_time_saving * c.success_chat)
        )
        own_h = np.minimum(
            p.human.work_hours_per_month - h.task_hours_per_month + alone * task_h + assistant_h,
            p.attention.committed_share_max * p.attention.hours_per_month,
        )
        review = given * c.review_h
        watching = standing * (
            p.agent_loop.job_tasks_per_month
            * p.human.review_share_min
            * p.agent_loop.job_minutes
            / 60.0
            * (1.0 - known.job_success)
        )
        supervision = robots * (p.robot.supervision_h_per_month * (1.0 - robot_success))
        asked = review + watching + supervision
        a = attention.allot(own_h, asked, h.free_weight_usd, p.attention)
        given, jobs, at_work = given * a.answered, standing * a.answered, robots * a.answered

        # What is wanted next (I.1, A.5, R.3)
        jobs_wanted = (
            loop.jobs_wanted(h.job_value, known.job_ratio, p.agent_loop) if offer.agents_open else np.zeros(h.n)
        )
        jobs_wanted = delegating * np.minimum(jobs_wanted, 0.5 * limit / known.job_usd)
        fleet = robot.wanted(
            h.wage_usd_per_h, h.shadow_usd_per_h, robot_success, robot_price, e.memory.robot_running_usd, p.robot
        )
        next_["adopted_share"][rows], next_["delegating_share"][rows] = adopted, delegating
        next_["shadow_usd_per_h"][rows] = h.shadow_usd_per_h + p.attention.shadow_damping * (
            a.shadow_usd_per_h - h.shadow_usd_per_h
        )
        next_["log_thinking"][rows] = z
        next_["delegates_wanted"][rows] = (
            each * wanted / (p.ai_agent.tasks_per_month_max * p.ai_agent.utilisation_target)
        )
        next_["jobs_wanted"][rows] = each * jobs_wanted
        next_["delegate_fee_usd"][rows] = each * given * fee
        next_["standing_fee_usd"][rows] = each * jobs * (known.job_usd * p.human.surplus_fee_share)
        next_["robots_wanted"][rows] = each * fleet
        next_["agent_tasks_wanted"][rows] = each * wanted
        e.next_usefulness(rows, c)

        large = 1.0 - c.small_chat
        chat_units = chats * h.chat_length_factor
        big = given * (1.0 - c.small_agent) * h.loop_length_factor * technology.loop_attempts[0]
        little = given * c.small_agent * h.loop_length_factor * technology.loop_attempts[1]
        chat_slope = (
            (1.0 - c.assistant)
            * (p.human.assistant_time_saving * slope / p.human.choice_scale)
            * h.shadow_usd_per_h
            * task_h
            / h.task_value_usd
            * c.success_chat
            * (1.0 - c.success_chat)
        )
        agent_slope = (
            (1.0 - c.delegator_agent)
            * (p.human.error_loss * slope / p.human.choice_scale)
            * c.success_agent
            * (1.0 - c.success_agent)
        )
        columns = np.stack(
            [
                adopted,
                delegating,
                tasks,
                chats,
                given,
                chat_units * large,
                chat_units * c.small_chat,
                big,
                little,
                big * (tau - 1.0),
                given * (k - 1.0),
                given * c.success_agent,
                chats * c.chat_usd,
                given * c.agent_usd,
                chats * c.chat_usd * chat_slope,
                given * c.agent_usd * agent_slope,
                jobs,
                at_work,
                own_h - assistant_h,
                assistant_h,
                (review + watching) * a.answered,
                supervision * a.answered,
                asked * (1.0 - a.answered),
                a.applications,
                a.leisure,
                a.shadow_usd_per_h * (a.applications + a.leisure),
                h.wage_usd_per_h * p.human.work_hours_per_month,
                given * c.surplus_usd,
                np.abs(p.attention.hours_per_month - (own_h + asked * a.answered + a.applications + a.leisure)),
            ]
        )
        totals.append(block_partials((columns * each).T))
        hours += np.bincount(h.segment, weights=each * a.applications, minlength=human.SEGMENTS)
        chat_by_segment += np.bincount(h.segment, weights=each * chat_units * large, minlength=human.SEGMENTS)
    for name, column in next_.items():
        setattr(f, name, column)
    f.attention_hours = hours
    e.memory.chat_by_segment = chat_by_segment
    out = np.add.reduce(np.concatenate(totals), axis=0)
    out[7:10] *= p.agent_loop.loop_tokens
    out[9] *= p.agent_loop.generated_share_agent
    return Wishes(*(float(x) for x in out))


#: Next month's values that `people` writes for each human row.
NEXT = (
    "adopted_share",
    "delegating_share",
    "shadow_usd_per_h",
    "log_thinking",
    "delegates_wanted",
    "jobs_wanted",
    "delegate_fee_usd",
    "standing_fee_usd",
    "robots_wanted",
    "agent_tasks_wanted",
)


def _ratio(numerator: Array, people_: Array) -> Array:
    """Per person; 0 where a row stands for nobody."""
    return np.where(people_ > 0.0, numerator / np.where(people_ > 0.0, people_, 1.0), 0.0)


# --- 7-9 Down the stack: calls, tokens, accelerator-hours ----------------------------------------------------------


def work(e: InferenceEconomy, f: MonthFlows, w: Wishes, known: Known) -> None:
    """Turn wishes into calls, calls into tokens, tokens into accelerator-hours; add what labs and incumbents want."""
    p, m, n = e.params, e.memory, e.labs.n

    # Applications: attention-hours into embedded tokens and ranking
    f.application_hours = np.append(np.zeros(e.assistants), f.attention_hours @ e.app_share)
    embedded = float(
        (f.application_hours[e.features.application] * e.features.exposure * e.features.intensity_tokens_per_h).sum()
    )
    m.ranking_intensity = application_layer.legacy_step(
        m.ranking_intensity, f.market_usd, p.compute.opening_usd_per_h100e_hour, p.app_network
    )
    m.other_intensity = application_layer.legacy_step(
        m.other_intensity, f.market_usd, p.compute.opening_usd_per_h100e_hour, p.app_network
    )
    ranking = e.opening_ranking_h * m.ranking_intensity * w.application_h / e.opening_attention_h

    # Orchestrators: external calls become traffic; templates and edges make the multiplier
    success = w.successes / max(w.tasks_agent, 1e-300) if w.tasks_agent > 0 else 0.0
    multi = call_network.multi_share(success, p.call_network)
    tasks_standing = w.jobs * p.agent_loop.job_tasks_per_month
    external = e.entry_share * max(w.tasks_agent + tasks_standing, 1.0)
    single = call_network.capped(e.agent_scale, e.edges, p.call_network.spectral_radius_max)
    several = call_network.capped(e.multi_scale, e.edges, p.call_network.spectral_radius_max)
    by_single = call_network.traffic(e.edges, single, (1.0 - multi) * external)
    by_several = call_network.traffic(e.edges, several, multi * external)
    f.traffic_calls = by_single + by_several
    m.calls = float(f.traffic_calls.sum() / external.sum())
    m.radius_distance = 1.0 - several * call_network.spectral_radius(e.edges)
    m.calls_total = w.tasks_assistant * p.human.chat_turns + float(f.traffic_calls.sum())

    # Contexts: tokens fresh, cached, generated (S, T, Q)
    base = np.zeros((5, 2))
    base[ASSISTANT] = known.chat_tokens * w.chat_frontier, known.chat_tokens * w.chat_small
    base[DELEGATED] = known.calls * w.loop_frontier, known.calls * w.loop_small
    base[STANDING] = w.jobs * known.job_tokens * np.array([1.0 - known.job_small, known.job_small])
    base[EMBEDDED, SMALL] = embedded
    active_h = w.robots * p.robot.duty_hours_per_month
    m.robot_calls_per_h = robot.cloud_calls(m.robot_call_usd, e.mean_wage * m.robot_success, p.robot)
    base[ROBOT, SMALL] = active_h * m.robot_calls_per_h * known.prompts[ROBOT]
    device = np.array(
        [application_layer.device_share(float(x), e.device_parameters, p.app_network) for x in e.nets.parameters[n:]]
    )
    on_device = float(e.net_share[EMBEDDED, SMALL] @ device)
    m.device_tokens = on_device * (base[EMBEDDED, SMALL] + base[ASSISTANT, SMALL])
    base[EMBEDDED, SMALL] *= 1.0 - on_device
    base[ASSISTANT, SMALL] *= 1.0 - on_device
    thought = np.zeros((5, 2))
    per_task = known.chat_tokens * p.agent_loop.generated_share_chat
    thought[ASSISTANT, FRONTIER] = per_task * float(m.chat_by_segment @ (known.tau_chat - 1.0))
    thought[DELEGATED, FRONTIER] = known.calls * w.thinking
    generated = np.array([e.generated_share(s) for s in range(5)])
    tokens = context.expand(base, thought, generated, m.hits)
    tokens[DELEGATED, FRONTIER, 0] += w.examined * p.attention.candidate_tokens
    m.thinking_tokens, m.examination_tokens = float(thought.sum()), w.examined * p.attention.candidate_tokens
    f.new_tokens = tokens
    asked = tokens + m.queue
    f.tokens = np.concatenate([asked[:, t, None, :] * e.net_share[:, t, :, None] for t in (FRONTIER, SMALL)], axis=1)

    # Nets and links: operations and accelerator-hours on this fleet
    serving = link.serving(
        f.tokens,
        e.nets.parameters,
        known.prompts,
        e.nets.decode_gain,
        e.fleet_bytes_per_s(),
        e.fleet_hbm_bytes(),
        p.link,
    )
    f.serving_hours = serving.hours
    m.serving_flop, m.seconds_per_token, m.batch = serving.flop, serving.seconds_per_token, serving.batch

    # Labs: research budgets buy hours at posted prices
    factor = compute.price_factors(p.compute)
    spot = compute.spot_price(f.market_usd, m.utilisation / p.compute.utilisation_max, p.compute)
    m.spot_usd, m.paid_factor = spot, 1.0 + p.compute.spot_share * (spot / f.market_usd - 1.0)
    m.research_usd = e.labs.rd_usd[:, None] * p.lab.compute_share_of_rd * e.research_split
    f.research_hours = m.research_usd / (f.market_usd * m.paid_factor * factor[LAB_USES])[None, :]
    demand = np.zeros(12)
    demand[SERVING] = f.serving_hours.sum(axis=1)
    demand[U["ranking"]], demand[U["other"]] = ranking, e.opening_other_h * m.other_intensity
    demand[LAB_USES] = f.research_hours.sum(axis=0)
    f.demand_hours = demand


# --- 10 The market -------------------------------------------------------------------------------------------------


def clear(e: InferenceEconomy, f: MonthFlows) -> None:
    """Clear the market: fill rates, hours served, hours by provider, operations and electricity by class."""
    p, m = e.params, e.memory
    market = compute.clear(f.demand_hours, float(f.capacity_hours.sum()), f.market_usd, p.compute)
    f.fill, f.clearing_usd, f.served_hours = market.fill, market.clearing_usd, market.served
    m.utilisation = float(market.served.sum() / f.capacity_hours.sum())
    lab_serving = (f.serving_hours.reshape(5, 2, -1).sum(axis=1) * market.fill[SERVING, None]).sum(axis=0)
    lab_research = (f.research_hours * market.fill[None, LAB_USES]).sum(axis=1)
    public = float(market.served[U["ranking"]] + market.served[U["other"]])
    f.routed_hours = routing.spread(
        np.append(public, lab_serving + lab_research),
        e.homes,
        f.capacity_hours,
        f.contract_usd,
        p.compute.routing_elasticity,
    )

    hours, flop = np.zeros(14), np.zeros(14)
    hours[:12] = market.served
    flop[SERVING] = m.serving_flop.sum(axis=1) * market.fill[SERVING]
    cluster = np.maximum(f.research_hours[:, 0] / HOURS_PER_MONTH, 1.0)
    research = f.research_hours * market.fill[None, LAB_USES]
    trained = np.stack(
        [
            link.training_flop(research[:, 0], cluster, p.link),
            link.training_flop(research[:, 1], np.full_like(cluster, p.link.reference_cluster_h100e), p.link),
            *(link.rollout_flop(research[:, x], p.link) for x in (2, 3, 4)),
        ],
        axis=1,
    )
    m.trained_flop = trained
    flop[LAB_USES] = trained.sum(axis=0)
    peak = link.H100_FLOP_PER_S * link.SECONDS_PER_HOUR
    flop[U["ranking"]] = market.served[U["ranking"]] * peak * p.link.legacy_utilisation
    flop[U["other"]] = market.served[U["other"]] * peak * p.link.legacy_utilisation
    active_s = m.robots_at_work * p.robot.duty_hours_per_month * link.SECONDS_PER_HOUR
    flop[U["robot_on_board"]] = active_s * robot.on_board_flop_per_s(p.robot)
    small = float(e.net_share[EMBEDDED, SMALL] @ e.nets.parameters[e.labs.n :])
    flop[U["device"]] = m.device_tokens * 2.0 * min(small, e.device_parameters)
    hours[12:] = flop[12:] / (peak * p.robot.on_board_utilisation)
    f.hours, f.flop = hours, flop
    used = f.routed_hours.sum(axis=0)
    watts = e.fleet_watts()
    m.provider_kwh = physical.energy_kwh(used, f.capacity_hours, watts, p.physical)
    kwh = np.zeros(14)
    kwh[:12] = market.served * float((used * watts).sum()) / max(float(used.sum()), 1e-300) / 1000.0
    kwh[12:] = hours[12:] * p.robot.on_board_w_per_h100e / 1000.0
    f.kwh = kwh
    e.laws.require_zero(
        "compute: used = served",
        e.label,
        "providers",
        float(used.sum() - market.served.sum()),
        float(f.capacity_hours.sum()),
    )
    for i, over in enumerate(used - f.capacity_hours):
        e.laws.require_zero(
            "compute: capacity = used + idle",
            e.label,
            e.provider_names[i],
            max(float(over), 0.0),
            float(f.capacity_hours[i]),
        )
    # Unserved tokens: half waits one month, the rest is lost
    asked = f.new_tokens + m.queue
    done = asked * f.fill[SERVING, None, None]
    m.served_tokens = f.tokens * f.fill[SERVING, None, None]
    m.next_queue = 0.5 * np.maximum(f.new_tokens - done, 0.0)
    m.lost_tokens = asked - done - m.next_queue
    e.laws.require_zero(
        "tokens: issued = served + queued + lost",
        e.label,
        "labs",
        float(asked.sum() - m.served_tokens.sum() - m.next_queue.sum() - m.lost_tokens.sum()),
        float(asked.sum()),
    )


# --- 11 Every payment ----------------------------------------------------------------------------------------------


def pay(e: InferenceEconomy, f: MonthFlows, w: Wishes, known: Known, draw: MonthDraws) -> settlement.Operating:
    """Collect and post the month's operating payments. Changes the cash of labs, providers and applications."""
    p, m, n = e.params, e.memory, e.labs.n
    factor = compute.price_factors(p.compute)

    # Hours: every buyer pays its providers' contract prices, class factors and the spot premium
    route = f.routed_hours / np.maximum(f.routed_hours.sum(axis=1, keepdims=True), 1e-300)
    paid_usd = f.contract_usd * m.paid_factor
    mean_usd = np.where(f.routed_hours.sum(axis=1) > 0.0, route @ paid_usd, f.market_usd * m.paid_factor)  # (B,)
    by_lab = np.zeros((12, n))
    by_lab[SERVING] = f.serving_hours.reshape(5, 2, n).sum(axis=1) * f.fill[SERVING, None]
    by_lab[LAB_USES] = (f.research_hours * f.fill[None, LAB_USES]).T
    lab_usd = by_lab * factor[:, None] * mean_usd[None, 1:]
    public_usd = np.where(
        np.isin(np.arange(12), (U["ranking"], U["other"])), f.served_hours * factor * mean_usd[0], 0.0
    )
    f.usd = np.append(lab_usd.sum(axis=1) + public_usd, f.kwh[12:] * p.physical.electricity_usd_per_kwh)
    # what each provider receives: buyers' hours there at its own price, in the buyer's mix of classes
    bought = np.append(public_usd.sum(), lab_usd.sum(axis=0))
    weight = f.routed_hours * paid_usd[None, :]
    received = (weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300) * bought[:, None]).sum(axis=0)

    # Tokens: list prices, the batch tier cheaper
    waiting = call_network.batch_share(1.0 - p.compute.batch_factor, p.call_network)
    discount = np.array([1.0, 1.0, 1.0 - waiting * (1.0 - p.compute.batch_factor), 1.0, 1.0])
    net_usd = (m.served_tokens * f.token_usd[None]).sum(axis=2) * discount[:, None]  # (S, N)
    m.net_usd, m.class_usd = net_usd, net_usd.sum(axis=1)
    m.lab_revenue = net_usd.sum(axis=0).reshape(2, n).sum(axis=0)
    m.lab_serving_usd, m.lab_research_usd = lab_usd[SERVING].sum(axis=0), lab_usd[LAB_USES].sum(axis=0)
    m.serving_usd_by_net = e.serving_usd_by_net(f, factor, mean_usd)
    staff = m.lab_research_usd * (1.0 / p.lab.compute_share_of_rd - 1.0)

    # Attention: ads per hour, invocations by agents
    sold = sell_attention(e, f, w, draw)
    delegate_fee = e.block_total(f.delegate_fee_usd) * float(f.fill[DELEGATED])
    standing_fee = e.block_total(f.standing_fee_usd) * float(f.fill[STANDING])
    metered = float(m.class_usd[DELEGATED] + m.class_usd[STANDING])
    assistants_usd = float(m.class_usd[ASSISTANT]) * (1.0 + p.application.assistant_margin)
    energy_usd = m.provider_kwh * p.physical.electricity_usd_per_kwh
    opex_usd = f.capacity_hours * p.provider.opex_usd_per_h
    robot_value = m.robots_at_work * p.robot.duty_hours_per_month * m.robot_success * e.owner_wage

    # Applications: ads and margins in; tokens, ranking, operations out
    apps = e.applications
    income = sold.by_application.copy()
    income[: e.assistants] += assistants_usd / e.assistants
    hours_share = f.application_hours / max(float(f.application_hours.sum()), 1e-300)
    costs = hours_share * (float(m.class_usd[EMBEDDED]) + float(public_usd[U["ranking"]]))
    costs[: e.assistants] += float(m.class_usd[ASSISTANT]) / e.assistants
    operations = p.application.operating_share * np.maximum(income - costs, 0.0)
    apps.revenue_usd[:] = income
    apps.cash_usd += income - costs - operations
    payout = p.application.payout_per_month * np.maximum(apps.cash_usd, 0.0)
    rescue = np.where(apps.cash_usd < -0.5 * np.maximum(income, 1.0), -apps.cash_usd, 0.0)
    apps.cash_usd += rescue - payout

    settlement.post(
        e.ledger,
        settlement.Operating(
            income=w.income_usd,
            assistants=assistants_usd,
            assistant_tokens=float(m.class_usd[ASSISTANT]),
            metered=metered,
            routing=metered * known.take,
            surplus=delegate_fee + standing_fee,
            embedded=float(m.class_usd[EMBEDDED]),
            robot_cloud=float(m.class_usd[ROBOT]),
            serving=float(m.lab_serving_usd.sum()),
            research=float(m.lab_research_usd.sum()),
            staff=float(staff.sum()),
            ranking=float(public_usd[U["ranking"]]),
            other=float(public_usd[U["other"]]),
            electricity=float(energy_usd.sum()),
            provider_operations=float(opex_usd.sum()),
            on_board=float(f.usd[U["robot_on_board"]]),
            device=float(f.usd[U["device"]]),
            ads=float(sold.by_application.sum()),
            invocations=sold.invocation_usd,
            agent_share=sold.agent_share_usd,
            orchestrator_operations=p.orchestrator.operating_share,
            application_operations=float(operations.sum()),
            application_payout=float(payout.sum()),
            application_rescue=float(rescue.sum()),
            robot_work=robot_value,
            supervision=float(w.supervision_h) * e.mean_wage * m.robot_supervised,
        ),
    )
    if float(rescue.sum()) > 0.0:
        e.ledger.issue("applications", "investors", float(rescue.sum()))
    e.labs.cash_usd += m.lab_revenue - m.lab_serving_usd - m.lab_research_usd - staff
    e.providers.cash_usd += received - energy_usd - opex_usd
    m.provider_revenue = received
    m.burn_usd = m.lab_research_usd + staff + m.lab_serving_usd - m.lab_revenue
    m.staff_usd = staff
    # agents' wallets: fees of work done and their part of invocation fees
    weight0 = e.ai_agents.weight_agents[: e.humans.n]
    total0 = max(e.block_total(weight0), 1e-300)
    e.ai_agents.wallet_usd[: e.humans.n] += f.delegate_fee_usd * float(f.fill[DELEGATED]) + weight0 * (
        sold.agent_share_usd / total0
    )
    e.ai_agents.wallet_usd[e.humans.n :] += f.standing_fee_usd * float(f.fill[STANDING])
    m.take_rate = known.take
    return settlement.Operating


class Sold(NamedTuple):
    """A month of attention sold."""

    by_application: Array  # (K,) ad revenue, USD
    hour_usd: float  # price of an attention-hour
    invocation_usd: float  # services' spending on invocations
    agent_share_usd: float  # passed on to ad-funded agents


def sell_attention(e: InferenceEconomy, f: MonthFlows, w: Wishes, draw: MonthDraws) -> Sold:
    """Sell human attention by the hour and agent attention by the invocation, both by position auction. Changes bids."""
    p, m, z = e.params, e.memory, e.services
    clicks, calls = auction.click_rates(p.auction.clicks_per_hour, p.auction), auction.click_rates(1.0, p.auction)
    values = np.stack([z.margin * p.auction.value_usd_per_click, z.margin * p.auction.value_usd_per_invocation])
    human_sale = auction.run(z.bids[:1], values[:1], z.quality[:1], clicks, p.auction.rule, p.auction.reserve_usd)
    agent_sale = auction.run(z.bids[1:], values[1:], z.quality[1:], calls, p.auction.rule, p.auction.reserve_usd)
    moved = float(z.agent_share.mean())
    hour_usd = float(human_sale.payment_usd.sum()) * (1.0 - moved)
    by_application = f.application_hours * e.applications.ad_load * hour_usd
    full = float((f.application_hours * e.applications.ad_load).sum()) * float(human_sale.payment_usd.sum())
    invocations = (
        w.tasks_agent * float(f.fill[DELEGATED]) + w.jobs * p.agent_loop.job_tasks_per_month * float(f.fill[STANDING])
    ) * p.ai_agent.ad_funded_share
    asked_usd = float(agent_sale.payment_usd.sum())
    spend = min(invocations * asked_usd, moved * full)
    m.invocation_price_usd = spend / invocations if invocations > 0.0 else 0.0
    m.attention_spend = (float(by_application.sum()), spend)
    strength_human = full / max(float(human_sale.payment_usd.sum()), 1e-300) * float((values[0] * clicks[0]).mean())
    strength_agent = invocations * float((values[1] * calls[0]).mean())
    z.agent_share = auction.split_budget(z.agent_share, strength_human, strength_agent, p.auction)
    noise = draw.normal("auction.bid", np.arange(2 * z.margin.size)).reshape(2, -1)
    z.bids = np.concatenate(
        [
            auction.respond(z.bids[i : i + 1], values[i : i + 1], z.quality[i : i + 1], r, noise[i : i + 1], p.auction)
            for i, r in ((0, clicks), (1, calls))
        ]
    )
    agent_share = (
        spend * p.orchestrator.agent_fee_share if e.block_total(e.ai_agents.weight_agents[: e.humans.n]) > 0.0 else 0.0
    )
    return Sold(by_application, hour_usd, spend, agent_share)


# --- 12 Births, exits, learning; orders, budgets, prices -----------------------------------------------------------


def live(e: InferenceEconomy, f: MonthFlows, draw: MonthDraws) -> None:
    """Store what people decided; agents are born and leave; robots are delivered and retire. Changes people, agents, robots."""
    p, m, n = e.params, e.memory, e.humans.n
    e.humans.adopted_share[:] = f.adopted_share
    e.humans.delegating_share[:] = f.delegating_share
    e.humans.shadow_usd_per_h[:] = f.shadow_usd_per_h
    e.store_usefulness()
    e.ai_agents.log_thinking[:n] = f.log_thinking
    flows = np.zeros((5,))
    heads_before = int(np.count_nonzero(e.ai_agents.weight_agents))
    born_heads = exited_heads = 0
    sums = []
    for offset, wanted in ((0, f.delegates_wanted), (n, f.jobs_wanted)):
        for rows in e.blocks:
            here = slice(rows.start + offset, rows.stop + offset)
            weight, wallet, lean = (
                e.ai_agents.weight_agents[here],
                e.ai_agents.wallet_usd[here],
                e.ai_agents.lean_months[here],
            )
            lean[:] = np.where((wanted[rows] <= 0.0) & (weight > 0.0), lean + 1, 0)
            t = ai_agent.turnover(weight, wanted[rows], lean, wallet, p.ai_agent)
            after = np.maximum(weight + t.born - t.exited, 0.0)
            born_heads += int(np.count_nonzero((weight == 0.0) & (after > 0.0)))
            exited_heads += int(np.count_nonzero((weight > 0.0) & (after == 0.0)))
            sums.append(block_partials(np.stack([t.born, t.exited, t.returned_usd, weight, after], axis=1)))
            wallet -= t.returned_usd
            weight[:] = after
    flows = np.add.reduce(np.concatenate(sums), axis=0)
    m.agents_born, m.agents_exited, returned, before, after_total = (float(x) for x in flows)
    e.ledger.pay("ai_agents", "humans", "wallets returned", returned)
    e.laws.require_zero(
        "agents: stock = last + born - exited (weights)",
        e.label,
        "ai_agents",
        after_total - (before + m.agents_born - m.agents_exited),
        max(before, 1.0),
    )
    e.laws.require_zero(
        "agents: stock = last + born - exited (heads)",
        e.label,
        "ai_agents",
        float(np.count_nonzero(e.ai_agents.weight_agents) - (heads_before + born_heads - exited_heads)),
        1.0,
    )

    # Robots: retire, deliver what makers can, order a share of the gap
    r = e.robots
    before_robots = e.block_total(r.weight_robots)
    retired = r.weight_robots * (p.robot.depreciation_per_year / 12.0)
    backlog = e.block_total(r.on_order)
    delivered = robot.deliver(r.on_order, backlog, e.robot_capacity)
    e.robot_capacity *= (
        1.0
        + p.robot.production_growth_per_month * (backlog > 2.0 * e.robot_capacity)
        - 0.02 * (backlog < 0.5 * e.robot_capacity) * (e.robot_capacity > 50.0)
    )
    r.weight_robots += delivered - retired
    r.on_order -= delivered
    np.maximum(r.on_order, 0.0, out=r.on_order)
    r.on_order += p.robot.purchase_per_month * np.maximum(f.robots_wanted - r.weight_robots - r.on_order, 0.0)
    m.robots_bought, m.robots_retired = e.block_total(delivered), e.block_total(retired)
    price_usd = robot.price(e.robots_sold, p.robot)
    e.ledger.pay("robot_owners", "hardware_suppliers", "robots", m.robots_bought * price_usd)
    e.ledger.pay("hardware_suppliers", "rest_of_world", "robot production", m.robots_bought * price_usd)
    e.robots_sold += m.robots_bought
    now = e.block_total(r.weight_robots)
    e.laws.require_zero(
        "robots: stock = last + bought - retired",
        e.label,
        "robots",
        now - (before_robots + m.robots_bought - m.robots_retired),
        max(now, 1.0),
    )


def plan(e: InferenceEconomy, f: MonthFlows, w: Wishes, known: Known, draw: MonthDraws) -> None:
    """Form expectations, order capacity, set budgets and prices, finance them; firms enter and fail."""
    machines(e, f)
    laboratories(e, f, w, known)
    platforms(e, f, draw)
    m = e.memory
    m.hits = context.hit_share(
        (m.served_tokens[:, :, 0] + m.served_tokens[:, :, 1]).sum(axis=1) / (HOURS_PER_MONTH * link.SECONDS_PER_HOUR),
        e.kv_bytes(),
        e.fleet_hbm_bytes() * float(f.served_hours[SERVING].sum()) / HOURS_PER_MONTH,
        m.caching,
        e.params.context,
    )
    m.caching = context.mature(
        m.caching, float(m.seconds_per_token[:, 0].mean()), float(m.seconds_per_token[:, 1].mean()), e.params.context
    )
    m.fill, m.queue = f.fill.copy(), m.next_queue
    m.examined = w.examined / max(w.tasks_agent, 1e-300) if w.tasks_agent > 0 else 0.0
    # assistants' users move to reasoning nets once these exist
    rate = 1.0 - np.exp(-e.params.human.reasoning_switch_per_year / 12.0)
    e.reasoning_share = e.reasoning_share + rate * (float(known.can_think) - e.reasoning_share) * (
        known.can_think or 0.0
    )
    p = e.params.robot
    horizon = float(np.exp(known.log_horizon[ROBOT, SMALL]))
    m.robot_success = robot.success(horizon, e.params.agent_loop.success_slope, p)
    m.robot_call_usd = float(known.prompts[ROBOT] * known.price[ROBOT, SMALL, 0])
    board_kwh = (
        robot.on_board_flop_per_s(p) / link.H100_FLOP_PER_S / p.on_board_utilisation * p.on_board_w_per_h100e / 1000.0
    )
    m.robot_running_usd = p.duty_hours_per_month * (
        board_kwh * e.params.physical.electricity_usd_per_kwh + m.robot_calls_per_h * m.robot_call_usd
    )
    m.robots_at_work = (
        e.block_total(e.robots.weight_robots) * w.robots / max(e.block_total_last_robots, 1e-300)
        if e.block_total_last_robots > 0
        else 0.0
    )
    e.block_total_last_robots = e.block_total(e.robots.weight_robots)


def machines(e: InferenceEconomy, f: MonthFlows) -> None:
    """Providers expect, order and finance; the supplier prices and expands. Changes providers and the supplier."""
    p, m, firms, firm = e.params, e.memory, e.providers, e.suppliers
    utilisation = f.routed_hours.sum(axis=0) / np.maximum(f.capacity_hours, 1e-300)
    firms.used_share[:] = utilisation
    level = compute.next_price(np.array([f.market_usd]), f.clearing_usd, p.compute)[0]
    firms.contract_usd_per_h100e_hour[:] = np.maximum(level * firms.premium, p.compute.operating_usd_per_h)
    firms.expected_usd_per_h100e_hour += p.provider.adaptive_per_month * (
        level * m.paid_factor - firms.expected_usd_per_h100e_hour
    )
    total = float(f.demand_hours.sum())
    seen = np.log(total / m.last_demand_hours) if m.last_demand_hours > 0.0 else 0.0
    m.demand_growth += p.provider.adaptive_per_month * (float(np.clip(seen, -0.3, 0.3)) - m.demand_growth)
    m.last_demand_hours = total

    # Supplier: unit cost of this month's mix, price by backlog, expansion decided now for `lead` months ahead
    backlog = float(firms.backlog_h100e.sum())
    share = physical.mix(e.month, e.fleet.launched)
    mixed = (share * e.fleet.h100e_per_chip) / float((share * e.fleet.h100e_per_chip).sum())
    firm.unit_cost_usd[0] = p.supplier.unit_cost_usd_per_h100e * float((mixed * e.fleet.unit_price_index).sum())
    chip_usd = supplier.price(float(firm.unit_cost_usd[0]), backlog, e.capacity_h100e, p.supplier)
    watts = float((mixed * e.fleet.watts).sum()) * p.physical.server_power_factor * p.physical.pue
    site_usd = p.supplier.site_usd_per_w * watts
    machine_usd = chip_usd + site_usd
    change = np.log(machine_usd / m.machine_usd) * 12.0 if m.machine_usd > 0.0 else -p.provider.price_decline_per_year
    m.machine_change += 0.05 * (float(np.clip(change, -0.6, 0.3)) - m.machine_change)
    m.machine_usd = machine_usd
    firm.price_usd_per_h100e[0], firm.site_usd_per_h100e[0] = chip_usd, site_usd
    e.expansions.append(supplier.expand(backlog, e.capacity_h100e, p.supplier))
    firm.capacity_chips_per_month[0] *= 1.0 + e.expansions[-1 - p.supplier.lead_months]

    # Orders against the user cost
    running = (
        float(physical.facility_watts(e.mean_watts_chip, p.physical)) / 1000.0 * p.physical.electricity_usd_per_kwh
        + p.provider.opex_usd_per_h
    )
    cost = provider.user_cost(machine_usd, m.machine_change, running, p.provider)
    parents = e.parent_cash_usd
    hours_each = float(physical.capacity_hours(np.array([1.0]), p.physical)[0])
    orders = provider.order(
        firms,
        total,
        m.demand_growth,
        cost,
        machine_usd,
        parents,
        (e.powered_gw - e.used_gw) * 1e9 / max(watts, 1e-9) * 2.0 + e.capacity_h100e,
        hours_each,
        p.provider,
    )
    m.user_cost_usd = cost
    deposit = orders.ordered_h100e * machine_usd * p.provider.deposit_share * orders.premium
    delivery = f.delivered_h100e * machine_usd * (1.0 - p.provider.deposit_share)
    firms.backlog_h100e += orders.ordered_h100e
    e.orders.append(orders.ordered_h100e)
    firms.book_usd[:] = firms.book_usd * (1.0 - 1.0 / 60.0) + f.delivered_h100e * machine_usd
    chips = chip_usd / machine_usd
    capex = float(deposit.sum() + delivery.sum())
    m.capex_usd = capex
    e.ledger.pay("providers", "hardware_suppliers", "chips: deposits and deliveries", capex * chips)
    e.ledger.pay("providers", "rest_of_world", "data centres", capex * (1.0 - chips))
    production = float(f.delivered_h100e.sum()) * float(firm.unit_cost_usd[0])
    margin = max(capex * chips - production, 0.0)
    e.ledger.pay("hardware_suppliers", "rest_of_world", "chip production", production)
    e.ledger.pay("hardware_suppliers", "rest_of_world", "payout to owners", margin * p.supplier.payout_share)

    # Money: interest, then parents, lenders, payouts (V.6)
    interest = firms.debt_usd * p.provider.interest_per_year / 12.0
    firms.cash_usd -= deposit + delivery + interest
    available = firms.parent_share * parents * p.provider.parent_share_max
    buffer = 0.5 * m.provider_revenue
    money = provider.finance(firms.cash_usd, firms.debt_usd, firms.book_usd, available, buffer, p.provider)
    firms.cash_usd += money.from_parents + money.borrowed - money.repaid - money.to_parents - money.dividends
    firms.debt_usd += money.borrowed - money.repaid
    firms.parent_equity_usd += money.from_parents - money.to_parents
    books = e.ledger
    books.pay("providers", "investors", "interest", float(interest.sum()))
    books.pay("parents", "providers", "parents' capital", float(money.from_parents.sum()))
    books.pay("investors", "providers", "loans", float(money.borrowed.sum()))
    books.pay("providers", "investors", "repayments", float(money.repaid.sum()))
    books.pay("providers", "parents", "returned to parents", float(money.to_parents.sum()))
    books.pay("providers", "investors", "dividends", float(money.dividends.sum()))
    books.issue("providers", "parents", float(money.from_parents.sum() - money.to_parents.sum()))
    books.issue("providers", "investors", float(money.borrowed.sum() - money.repaid.sum()))
    m.parent_capital_usd = float(money.from_parents.sum())
    # Failure and entry: lenders take over, write down, and refinance under the same row
    stressed = (firms.cash_usd < 0.0) & (available <= 0.0)
    firms.stressed_months[:] = np.where(stressed, firms.stressed_months + 1, 0)
    for i in np.flatnonzero(firms.stressed_months >= p.provider.failure_months):
        fresh = -float(firms.cash_usd[i]) + float(buffer[i])
        lost = float(firms.debt_usd[i] + firms.vendor_equity_usd[i])
        books.write_off("providers", "investors", lost)
        books.pay("investors", "providers", "capital of an entrant", fresh)
        books.issue("providers", "investors", fresh)
        firms.debt_usd[i], firms.vendor_equity_usd[i] = 0.0, fresh
        firms.cash_usd[i] += fresh
        firms.stressed_months[i] = 0
        firms.failures[i] += 1


def laboratories(e: InferenceEconomy, f: MonthFlows, w: Wishes, known: Known) -> None:
    """Labs learn from the month: runs progress, growth is re-estimated, money is raised, budgets and prices are set. Changes labs and nets."""
    p, m, labs, nets, n = e.params, e.memory, e.labs, e.nets, e.labs.n
    # Runs, roll-outs, synthetic data, algorithms
    trained = m.trained_flop
    small = p.lab.small_share
    labs.run_done_flop += trained[:, 0] * (1.0 - small)
    labs.small_done_flop += trained[:, 0] * small
    taught = neural.verified(nets.horizon_minutes[:n], p.neural)
    labs.rollout_flop += trained[:, 2] * taught
    labs.synthetic_flop += trained[:, 3]
    labs.run_paid_usd += m.lab_research_usd * (e.research_split[:, 0] + e.research_split[:, 2])
    automation = 1.0 + p.lab.automation_gain * e.research_split[:, 4] / np.maximum(e.research_split[:, 1], 1e-9)
    labs.log_algorithms[:] = neural.algorithmic_step(labs.log_algorithms, trained[:, 1], automation, p.neural)
    labs.decode_gain[:] = neural.architecture_step(labs.decode_gain, p.neural)

    # What labs learn
    labs.expected_growth[:] = lab.learn_growth(labs, m.lab_revenue, p.lab)
    labs.last_revenue_usd[:] = labs.revenue_usd
    labs.revenue_usd += (m.lab_revenue - labs.revenue_usd) / 3.0
    labs.serving_usd += (m.lab_serving_usd - labs.serving_usd) / 3.0
    by_net = m.served_tokens.sum(axis=(0, 2))
    growth = np.where(
        (nets.tokens_month > 1.0) & (by_net > 1.0),
        np.log(np.maximum(by_net, 1.0) / np.maximum(nets.tokens_month, 1.0)),
        p.lab.growth_prior_per_month,
    )
    nets.tokens_growth += p.lab.growth_learning_per_month * (np.clip(growth, -0.2, 0.2) - nets.tokens_growth)
    nets.tokens_month[:] = by_net
    e.track_nets(by_net, m.net_usd.sum(axis=0), m.serving_usd_by_net)

    # Research wanted: rho = eta m G (L.2-L.4), with the elasticity of demand measured on this month's people
    response = w.chat_response_usd + w.agent_response_usd
    jobs_usd = w.jobs * known.job_usd
    response += jobs_usd / p.agent_loop.job_elasticity * p.agent_loop.success_slope * (1.0 - known.job_success)
    spend = w.chat_spend_usd + w.agent_spend_usd + jobs_usd
    m.demand_elasticity = float(response / spend) if spend > 0.0 else p.agent_loop.success_slope
    total = max(float(m.lab_revenue.sum()), 1e-300)
    shares = np.where(m.lab_revenue.sum() > 1e5, m.lab_revenue / total, e.opening_weights)
    wish = lab.research(
        labs, shares, p.neural.capability_exponent, m.demand_elasticity, e.rules, e.opening_weights, p.lab
    )
    labs.wanted_rd_usd[:], labs.eta[:], labs.growth_factor[:] = wish.wanted_usd, wish.eta, wish.growth_factor

    # Money: parents, then investors fill the runway
    parents = labs.parent_share * e.parent_cash_usd * p.lab.parent_rd_share_max
    target = np.maximum(m.burn_usd, 0.0) * p.lab.runway_months
    need = np.maximum(target - labs.cash_usd, 0.0)
    from_parents = np.minimum(need, parents)
    offer = lab.equity_offer(labs, e.opening_weights, p.lab)
    equity = np.minimum(need - from_parents, offer)
    labs.cash_usd += from_parents + equity
    labs.parent_equity_usd += from_parents
    labs.investor_equity_usd += equity
    payout = 0.2 * np.maximum(
        labs.cash_usd - 3.0 * np.maximum(labs.rd_usd, m.lab_serving_usd) * p.lab.runway_months / 3.0, 0.0
    )
    labs.cash_usd -= payout
    books = e.ledger
    books.pay("parents", "labs", "parents' capital", float(from_parents.sum()))
    books.issue("labs", "parents", float(from_parents.sum()))
    books.pay("investors", "labs", "equity", float(equity.sum()))
    books.issue("labs", "investors", float(equity.sum()))
    books.pay("labs", "investors", "payout to owners", float(payout.sum()))
    m.equity_usd, m.lab_parent_usd = float(equity.sum()), float(from_parents.sum())
    # Failure: investors write off what they hold and refinance the row as an entrant
    for i in np.flatnonzero(labs.cash_usd < -3.0 * np.maximum(labs.rd_usd, 1e6)):
        fresh = -float(labs.cash_usd[i])
        books.write_off("labs", "investors", float(labs.investor_equity_usd[i]))
        books.pay("investors", "labs", "capital of an entrant", fresh)
        books.issue("labs", "investors", fresh)
        labs.investor_equity_usd[i] = fresh
        labs.cash_usd[i] += fresh
        labs.rd_usd[i] *= 0.5
        m.lab_failures += 1
    funds = np.maximum(labs.cash_usd, 0.0) / 3.0 + np.maximum(m.lab_revenue - m.lab_serving_usd, 0.0) + parents
    labs.rd_usd[:] = lab.budget(labs, wish.wanted_usd, np.maximum(funds, 0.3 * labs.rd_usd), p.lab)
    limit = neural.data_limit(labs.synthetic_flop / p.neural.synthetic_flop_per_token, p.neural)
    e.research_split = lab.split(
        labs,
        nets,
        p.neural.capability_exponent,
        p.neural.rollout_exponent,
        p.neural.rollout_reference_flop,
        taught,
        limit,
        p.lab,
    )
    e.data_limit = limit

    # Prices follow serving cost, market power and open weights
    cost = m.seconds_per_token / link.SECONDS_PER_HOUR * f.market_usd * m.paid_factor
    tier_share = e.tier_share(by_net)
    nets.price_usd_per_token[:] = lab.list_prices(
        nets, cost, m.served_tokens.sum(axis=0), tier_share, labs.open_weights, p.lab
    )
    # Applications choose nets again (F.3)
    log_h, log_p = np.log(nets.horizon_minutes).reshape(2, n), np.log(nets.price_usd_per_token).reshape(2, n)
    odds = p.lab.quality_coefficient * log_h - log_p - p.app_network.open_penalty * labs.open_weights[None, :]
    e.net_share = application.logit_shares(
        e.net_share, np.broadcast_to(odds, e.net_share.shape), p.app_network.net_inertia
    )


def platforms(e: InferenceEconomy, f: MonthFlows, draw: MonthDraws) -> None:
    """Applications revise features and compete for hours; orchestrators route and price; both enter and fail. Changes both networks."""
    p, apps, features, nodes = e.params, e.applications, e.features, e.orchestrators
    n = e.labs.n
    small_h = float(np.exp(e.net_share[EMBEDDED, SMALL] @ np.log(e.nets.horizon_minutes[n:])))
    hits, o = float(e.memory.hits[EMBEDDED]), e.generated_share(EMBEDDED)
    list_usd = float(e.net_share[EMBEDDED, SMALL] @ e.nets.price_usd_per_token[n:])
    token_usd = list_usd * ((1.0 - o) * (1.0 - hits + hits * lab.LIST_STRUCTURE[1]) + o * lab.LIST_STRUCTURE[2])
    success = application_layer.success(features.log_difficulty, small_h, p.agent_loop.success_slope)
    gain = application_layer.uplift(features.value_usd_per_h, success, p.application.required_success)
    application.revise(
        features, application_layer.intensity(gain, features.tokens_per_h, token_usd), draw, p.application
    )
    apps.attention_hours[:] = f.application_hours
    others = apps.n - e.assistants
    uplift = np.bincount(
        features.application,
        weights=gain * features.exposure * (features.intensity_tokens_per_h > 0.0) * others,
        minlength=apps.n,
    )[e.assistants :]
    users = np.log(np.maximum(f.application_hours[e.assistants :], 1.0) / max(float(f.application_hours.mean()), 1.0))
    odds = (
        p.app_network.quality_coefficient * np.log(apps.quality[e.assistants :])
        - p.app_network.ad_load_coefficient * apps.ad_load[e.assistants :]
    )
    odds = odds + p.app_network.feature_coefficient * uplift / 0.1 + p.app_network.users_coefficient * users
    e.app_share = application.logit_shares(e.app_share, np.broadcast_to(odds, e.app_share.shape), p.app_network.inertia)
    application.fail_and_enter(apps, draw, p.application)
    nodes.traffic_calls[:] = f.traffic_calls
    e.edges = orchestrator.reweigh(e.edges, e.fan_out, nodes, p.orchestrator)
    e.edges, _ = orchestrator.turnover(nodes, e.edges, e.fan_out, draw, p.orchestrator)
    nodes.take_rate[:] = orchestrator.take_rates(nodes, p.orchestrator)
    routed = nodes.traffic_calls * (nodes.node_kind == orchestrator.ORCHESTRATOR)
    e.entry_share = routed / routed.sum() if routed.sum() > 0.0 else e.entry_share
    e.memory.take_rate = float((nodes.take_rate * e.entry_share).sum())

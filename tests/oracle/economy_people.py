"""Steps 4 to 6 of the month again: what everybody knows, then people adopt, think, choose and allot (MODEL.md 7.11)."""

import math
import struct
from types import SimpleNamespace as Space

from tests.oracle import agent, ai_agent, attention, context, human, orchestrator, robot
from tests.oracle.economy_base import (
    ASSISTANT,
    CACHED,
    DELEGATED,
    FRESH,
    FRONTIER,
    GENERATED,
    SEGMENTS,
    SERVING,
    SMALL,
    STANDING,
    TIERS,
    dot,
)


def single(x):
    """The nearest number of single precision."""
    return struct.unpack("f", struct.pack("f", x))[0]


def prompt_sizes(p):
    c = p.context
    return [c.prompt_chat_tokens, c.prompt_agent_tokens, c.prompt_agent_tokens, c.prompt_embedded_tokens,
            c.prompt_robot_tokens]  # fmt: skip


def think(start, log_value, log_cost, log_minutes, log_horizon, p):
    """Eq. A.2: two Newton steps from last month's choice, each bounded."""
    k = p.success_slope * p.thinking_exponent
    z = start
    for _ in range(2):
        s = agent.success(log_minutes, log_horizon + p.thinking_exponent * z, p.success_slope)
        g = log_value + math.log(k * s * (1 - s)) - log_cost - z
        z = min(max(z - g / (k * (1 - 2 * s) - 1), 0.0), math.log(p.thinking_max))
    return z, agent.success(log_minutes, log_horizon + p.thinking_exponent * z, p.success_slope)


def what_is_known(e, f):
    """Posted prices and last month's success, hits, multipliers and delays."""
    p, loop, n = e.p, e.p.agent_loop, len(e.labs)
    k = f.known = Space()
    k.price, k.log_horizon = [], []  # of the nets that a class calls, by tier
    for s in SERVING:
        k.price.append([[dot(e.net_share[s][t], [f.token_usd[t * n + i][q] for i in range(n)]) for q in range(3)]
                        for t in TIERS])  # fmt: skip
        k.log_horizon.append([dot(e.net_share[s][t], [math.log(e.nets[t * n + i]["horizon"]) for i in range(n)])
                              for t in TIERS])  # fmt: skip
    k.can_think = dot(e.net_share[DELEGATED][FRONTIER], [float(net["thinks"]) for net in e.nets[:n]]) > 0.5
    ratio = k.price[ASSISTANT][FRONTIER][FRESH] / e.opening_token_usd
    k.prompts = context.prompts(ratio, prompt_sizes(p), p.context.prompt_price_elasticity, p.context.window_tokens)
    k.generated = agent.generated_shares(loop.generated_share_chat, loop.generated_share_agent)
    token = [[(1 - k.generated[s]) * ((1 - e.hits[s]) * k.price[s][t][FRESH] + e.hits[s] * k.price[s][t][CACHED])
              + k.generated[s] * k.price[s][t][GENERATED] for t in TIERS] for s in SERVING]  # fmt: skip

    # Assistants think for a typical task of each wage segment (A.2)
    k.chat_tokens = p.human.chat_turns * k.prompts[ASSISTANT] / (1 - k.generated[ASSISTANT])
    answer_usd = k.chat_tokens * k.generated[ASSISTANT] * k.price[ASSISTANT][FRONTIER][GENERATED]
    typical = math.log(p.human.task_minutes_median)
    k.log_tau_chat = [0.0] * SEGMENTS
    if k.can_think:
        for g, wage in enumerate(e.wage_by_segment):
            value = math.log(p.human.assistant_time_saving * wage / 60) + typical
            k.log_tau_chat[g], _ = think(e.log_tau_chat[g], value, math.log(answer_usd), typical,
                                         k.log_horizon[ASSISTANT][FRONTIER], loop)  # fmt: skip
    k.reasoning_share = e.reasoning_share
    k.tau_chat = [1 + e.reasoning_share * (math.exp(z) - 1) for z in k.log_tau_chat]

    # Standing jobs (I.3, O.5)
    batch = 1 - p.compute.batch_factor
    k.discount = 1 - orchestrator.batch_share(batch, p.call_network.batch_scale) * batch
    jobs = [standing_job(e, k.log_horizon[STANDING][t], token[STANDING][t] * k.discount) for t in TIERS]
    k.job_small = ai_agent.standing_tier([math.log(job[0] / job[3]) for job in jobs], p.ai_agent)
    k.job_success, k.job_attempts, k.job_tokens, k.job_usd = (
        (1 - k.job_small) * a + k.job_small * b for a, b in zip(*jobs, strict=True)
    )

    margin = 1 + p.application.assistant_margin
    single_loop = loop.loop_tokens * e.calls_per_task * (1 + e.take_rate)

    def open_(ready):
        return ready is not None and e.month - ready >= p.application.launch_lag_months

    k.offer = {
        "chat_open": open_(e.chat_ready),
        "agents_open": open_(e.agents_ready),
        "chat_usd": [k.chat_tokens * token[ASSISTANT][t] * margin for t in TIERS],
        "chat_thinking_usd": [(tau - 1) * answer_usd * margin for tau in k.tau_chat],
        "loop_usd": [single_loop * token[DELEGATED][t] for t in TIERS],
        "loop_generated_usd": single_loop * k.generated[DELEGATED] * k.price[DELEGATED][FRONTIER][GENERATED],
        "fee_usd": e.examined * p.attention.candidate_tokens * k.price[DELEGATED][FRONTIER][FRESH],
        "delivered": (e.fill[ASSISTANT], e.fill[DELEGATED]),
    }


def standing_job(e, log_horizon, token_usd):
    """Success, attempts, tokens a month, cost a month of a standing job on one tier."""
    p = e.p.agent_loop
    length = math.log(p.job_minutes)
    s = agent.success(length, log_horizon, p.success_slope)
    tries = agent.attempts(s, p.attempts_max, p.verifiable_share)
    tokens = agent.loop_tokens(length, p.loop_tokens, p.loop_reference_minutes, p.token_length_elasticity)
    tokens *= p.job_tasks_per_month * tries * e.calls_per_task
    done = agent.succeeded(s, p.attempts_max, p.verifiable_share)
    return done, tries, tokens, tokens * token_usd * (1 + e.take_rate)


def people(e, f):
    """Adopt, think, choose, allot. Next month's values go to `f.next`, the month's sums to `f.w`."""
    p, k, loop, rows = e.p, f.known, e.p.agent_loop, e.humans
    n, offer = len(rows), f.known.offer
    reference = p.human.usefulness_reference
    usefulness = [  # over its reference in single precision
        [single(h[name] * single(1 / reference)) * reference for h in rows]
        for name in ("assistant_usefulness", "agent_usefulness")
    ]
    peers = [contacts_mean(e, name) for name in ("adopted", "delegating")]

    # Adopt (H.2): assistants, then delegation
    adopted = human.adopt(
        [h["adopted"] for h in rows], [p.human.saturation_share] * n, peers[0],
        [u * offer["chat_open"] for u in usefulness[0]],
        p.human.innovation_per_year * p.human.media_pulse, p.human.imitation_per_year, p.human,
    )  # fmt: skip
    delegating = human.adopt(
        [h["delegating"] for h in rows], adopted, peers[1],
        [u * offer["agents_open"] for u in usefulness[1]],
        p.human.delegation_innovation_per_year, p.human.delegation_imitation_per_year, p.human,
    )  # fmt: skip

    # Think (A.2); examine candidates (M.21, M.22); attempts (A.3)
    examined = attention.examined([h["task_value_usd"] for h in rows], k.price[DELEGATED][FRONTIER][FRESH], p.attention)
    gains = attention.choice_gain(examined, p.attention)
    chat, agents, log_tau = [], [], []
    for h, mine, gain in zip(rows, e.delegates, gains, strict=True):
        length = h["log_task_minutes"]
        horizons = k.log_horizon[DELEGATED]
        z, sure = 0.0, agent.success(length, horizons[FRONTIER], loop.success_slope)
        if k.can_think:
            cost = math.log(offer["loop_generated_usd"] * h["loop_length_factor"])
            z, sure = think(mine["log_thinking"], h["log_task_value"], cost, length, horizons[FRONTIER], loop)
        fair = agent.success(length, horizons[SMALL], loop.success_slope)
        pair = []
        for s in (min(sure * gain, 1.0), min(fair * gain, 1.0)):
            tries = agent.attempts(s, loop.attempts_max, loop.verifiable_share)
            pair.append((min(s * tries, 1.0), tries))
        thought = loop.thinking_exponent * math.log(k.tau_chat[h["segment"]])
        horizons = k.log_horizon[ASSISTANT]
        chat.append((agent.success(length, horizons[FRONTIER] + thought, loop.success_slope),
                     agent.success(length, horizons[SMALL], loop.success_slope)))  # fmt: skip
        agents.append(pair)
        log_tau.append(z)

    # Choose (H.3 to H.7)
    choices = human.choose(rows, offer, chat, agents, [math.exp(z) for z in log_tau], p.human)
    slopes = human.horizon_elasticities(rows, choices, loop.success_slope, p.human)
    robot_usd = robot.price(e.robots_made, p.robot)
    fleets = robot.wanted([h["wage_usd_per_h"] for h in rows], [h["shadow_usd_per_h"] for h in rows],
                          e.robot_success, robot_usd, e.robot_running_usd, p.robot)  # fmt: skip

    f.next, f.w = [], dict.fromkeys(SUMS, 0.0)
    f.attention_hours, f.chat_by_segment = [0.0] * SEGMENTS, [0.0] * SEGMENTS
    for i, (h, c) in enumerate(zip(rows, choices, strict=True)):
        row = Space(adopted=adopted[i], delegating=delegating[i], tau=math.exp(log_tau[i]), tries=agents[i],
                    examined=examined[i], slopes=slopes[i])  # fmt: skip
        sums, following = month_of(e, f, i, h, c, row)
        following |= {"log_thinking": log_tau[i], "robots_wanted": h["people"] * fleets[i]}
        following |= {"adopted": adopted[i], "delegating": delegating[i]}
        following |= {"assistant_usefulness": single(c["assistant"]), "agent_usefulness": single(c["delegator_agent"])}
        f.next.append(following)
        for name in SUMS:
            f.w[name] += h["people"] * sums[name]
        f.attention_hours[h["segment"]] += h["people"] * sums["application_h"]
        f.chat_by_segment[h["segment"]] += h["people"] * sums["chat_frontier"]
    f.w = Space(**f.w)


def contacts_mean(e, name):
    """Mean over a row's contacts of last month's share."""
    friends = [[] for _ in e.humans]
    for a, b in sorted(e.contacts):
        friends[a].append(e.humans[b][name])
    return [math.fsum(x) / len(x) if x else 0.0 for x in friends]


SUMS = (
    "humans", "adopters", "delegators", "tasks", "tasks_assistant", "tasks_agent", "chat_frontier", "chat_small",
    "loop_frontier", "loop_small", "thinking", "examined", "attempts", "successes", "response_usd", "spend_usd", "jobs",
    "robots", "unanswered_h", "application_h", "leisure_h", "attention_value_usd", "income_usd", "surplus_usd",
    "supervision_usd", "robot_work_usd",
)  # fmt: skip


def month_of(e, f, i, h, c, row):
    """A person's month in row `i`: budget, agents in service, hours, wishes. Returns sums a person and next values."""
    p, k, loop = e.p, f.known, e.p.agent_loop
    delegates, standing, robots = (t[i]["weight"] / h["people"] for t in (e.delegates, e.standing, e.robots))
    helped = row.adopted - row.delegating
    chats = helped * c["tasks_adopter"] * c["assistant"]
    chats += row.delegating * c["tasks_delegator"] * c["delegator_assistant"]
    wanted = row.delegating * c["tasks_delegator"] * c["delegator_agent"]

    # The budget serves standing jobs first; then agents in service bound what is given away
    fee = p.human.surplus_fee_share * c["surplus_usd"]
    limit = p.human.ai_spending_share_max * p.human.work_hours_per_month * h["wage_usd_per_h"]
    job_usd = k.job_usd * (1 + p.human.surplus_fee_share)
    bill = chats * c["chat_usd"] + wanted * (c["agent_usd"] + fee)
    room = max(limit - standing * job_usd, 0.0)
    affordable = 1.0 if bill <= room else room / bill
    chats, wanted = chats * affordable, wanted * affordable
    given = min(wanted, delegates * p.ai_agent.tasks_per_month_max)

    # Own work
    task_h = h["task_minutes"] / 60
    tasks = (1 - row.adopted) * h["task_hours_per_month"] / task_h
    tasks += helped * c["tasks_adopter"] + row.delegating * c["tasks_delegator"]
    alone = max(tasks - chats - given, 0.0)
    asking_h = p.human.assistant_prompt_minutes / 60
    assistant_h = chats * (asking_h + task_h * (1 - p.human.assistant_time_saving * c["success_chat"]))
    fixed_h = p.human.work_hours_per_month - h["task_hours_per_month"]
    most_h = p.attention.committed_share_max * p.attention.hours_per_month
    taken_h = alone * task_h + assistant_h
    fits = 1.0 if taken_h <= most_h - fixed_h else (most_h - fixed_h) / taken_h
    chats, alone, assistant_h = chats * fits, alone * fits, assistant_h * fits
    own_h = fixed_h + alone * task_h + assistant_h

    # What agents and robots ask for; the month's hours (M.20)
    review_h = given * c["review_h"]
    job_h = loop.job_tasks_per_month * loop.job_minutes / 60
    watching_h = standing * job_h * (1 - k.job_success) * p.human.review_share_min
    supervision_h = robots * p.robot.supervision_h_per_month * (1 - e.robot_success)
    asked_h = review_h + watching_h + supervision_h
    ((answered, _, shadow, applications, leisure),) = attention.allot([own_h], [asked_h], [h["free_weight_usd"]],
                                                                      p.attention)  # fmt: skip
    given, jobs, at_work = given * answered, standing * answered, robots * answered

    # Wishes for next month (I.1, A.5)
    jobs_wanted = 0.0
    if k.offer["agents_open"]:
        most = agent.jobs_wanted(h["job_value"], k.job_success / k.job_usd, loop.job_elasticity, loop.job_scale)
        jobs_wanted = row.delegating * min(most, limit / 2 / job_usd)
    small, tries = c["small_agent"], (row.tries[FRONTIER][1], row.tries[SMALL][1])
    tokens = given * h["loop_length_factor"] * loop.loop_tokens
    damping = p.attention.shadow_damping
    following = {
        "shadow_usd_per_h": h["shadow_usd_per_h"] + damping * (shadow - h["shadow_usd_per_h"]),
        "delegates_wanted": h["people"] * wanted / (p.ai_agent.tasks_per_month_max * p.ai_agent.utilisation_target),
        "jobs_wanted": h["people"] * jobs_wanted,
        "delegate_fee_usd": h["people"] * given * fee,
        "standing_fee_usd": h["people"] * jobs * k.job_usd * p.human.surplus_fee_share,
    }
    chat_usd, agent_usd = chats * c["chat_usd"], given * c["agent_usd"]
    sums = {
        "humans": 1.0,
        "adopters": row.adopted,
        "delegators": row.delegating,
        "tasks": tasks,
        "tasks_assistant": chats,
        "tasks_agent": given,
        "chat_frontier": chats * h["chat_length_factor"] * (1 - c["small_chat"]),
        "chat_small": chats * h["chat_length_factor"] * c["small_chat"],
        "loop_frontier": tokens * (1 - small) * tries[FRONTIER],
        "loop_small": tokens * small * tries[SMALL],
        "thinking": tokens * (1 - small) * tries[FRONTIER] * (row.tau - 1) * loop.generated_share_agent,
        "examined": given * (row.examined - 1),
        "attempts": given * ((1 - small) * tries[FRONTIER] + small * tries[SMALL]),
        "successes": given * c["success_agent"],
        "response_usd": chat_usd * row.slopes[0] + agent_usd * row.slopes[1],
        "spend_usd": chat_usd + agent_usd,
        "jobs": jobs,
        "robots": at_work,
        "unanswered_h": asked_h * (1 - answered),
        "application_h": applications,
        "leisure_h": leisure,
        "attention_value_usd": shadow * (applications + leisure),
        "income_usd": h["wage_usd_per_h"] * p.human.work_hours_per_month,
        "surplus_usd": given * c["surplus_usd"],
        "supervision_usd": supervision_h * answered * h["wage_usd_per_h"],
        "robot_work_usd": at_work * h["wage_usd_per_h"] * p.robot.duty_hours_per_month * e.robot_success,
    }
    return sums, following

"""The end of step 12 again: applications and orchestrators plan, the layers remember (MODEL.md 7.4 to 7.7, 7.11)."""

import math

from tests.oracle import (
    application,
    application_firm,
    context,
    link,
    orchestrator_firm,
    robot,
)
from tests.oracle.economy_base import (
    CACHED,
    FRESH,
    KINDS,
    ORCHESTRATOR,
    ROBOT,
    SEGMENTS,
    SERVING,
    SMALL,
    UNSEEN,
    dot,
    fleet_mean,
)
from tests.oracle.economy_plans import features_now, serving_usd


def platforms(e, f):
    """Features (Y.3, F.2), attention (F.3), entry (F.4); edges, turnover, take rates, entries of calls (T.1 to T.3)."""
    p, k, c, month = e.p, e.assistants, e.p.app_network, e.month
    usd, _, gain = features_now(e, f)
    best = [application.intensity(g, x["scale"], usd) for x, g in zip(e.features, gain, strict=True)]
    coins = [e.draws.uniform("application.revise", month, i) for i in range(len(e.features))]
    now, _ = application_firm.revise([x["intensity"] for x in e.features], best, coins, p.application)
    uplift = [0.0] * len(e.applications)
    for x, level, g in zip(e.features, now, gain, strict=True):
        x["intensity"] = level
        uplift[x["application"]] += g * x["exposure"] * (level > 0)
    for a, hours in zip(e.applications, f.application_hours, strict=True):
        a["attention"] = hours
    mean, odds = math.fsum(f.application_hours) / (len(e.applications) - k), []
    for a, extra in list(zip(e.applications, uplift, strict=True))[k:]:
        pull = c.quality_coefficient * math.log(a["quality"]) - c.ad_load_coefficient * a["ad_load"]
        users = math.log(max(a["attention"], 1.0) / max(mean, 1.0))
        odds.append(pull + c.feature_coefficient * extra / 0.1 + c.users_coefficient * users)
    e.app_share = [application_firm.logit_shares(e.app_share[g], odds, c.inertia) for g in range(SEGMENTS)]
    application_firm.fail_and_enter(
        e.applications, lambda i: math.exp(e.draws.normal("application.entry", month, i) / 2), p.application
    )

    for node, calls in zip(e.nodes, f.traffic, strict=True):
        node["traffic"] = calls
    columns = [[node[x] for node in e.nodes] for x in ("kind", "quality", "price", "traffic")]
    e.edges = orchestrator_firm.reweigh(e.edges, *columns, p.orchestrator)
    e.edges, _ = orchestrator_firm.turnover(
        e.nodes, e.edges, e.fan_out,
        lambda j: e.draws.uniform("orchestrator.exit", month, j),
        lambda newcomer: e.draws.normal("orchestrator.entry", month, newcomer),
        lambda i, newcomer: e.draws.uniform("orchestrator.link", month, i * 2**32 + newcomer),
        p.orchestrator,
    )  # fmt: skip
    kinds = [node["kind"] for node in e.nodes]
    rates = orchestrator_firm.take_rates(kinds, f.traffic, [node["take"] for node in e.nodes], p.orchestrator)
    for node, take in zip(e.nodes, rates, strict=True):
        node["take"] = take
    first = [calls if kind == ORCHESTRATOR else 0.0 for kind, calls in zip(kinds, f.traffic, strict=True)]
    e.entry_share = [x / math.fsum(first) for x in first]
    e.take_rate = dot(e.entry_share, rates)


def remember(e, f):
    """Delays, queues, hits (C.2, C.3), experience, thinking, launches, serving cost, robots (R.2)."""
    p, w, k, n = e.p, f.w, f.known, len(e.labs)
    e.fill, e.queue, e.legacy_queue = f.fill, f.queued_tokens, f.legacy_queue
    opening, speed = p.compute.opening_usd_per_h100e_hour, p.app_network.legacy_speed
    step = f.market_usd, opening, speed, p.compute.elasticity_legacy
    e.ranking_intensity = application.legacy_step(e.ranking_intensity, *step)
    e.other_intensity = application.legacy_step(e.other_intensity, *step)
    e.calls_per_task = f.calls_per_task
    e.served_tokens += math.fsum(f.by_net)
    e.examined = w.examined / w.tasks_agent if w.tasks_agent > 0 else 0.0
    e.log_tau_chat = k.log_tau_chat
    best = max(x["horizon"] for x in e.nets[:n])
    if e.chat_ready is None and best >= p.application.launch_horizon_minutes:
        e.chat_ready = e.month
    if e.agents_ready is None and best >= p.ai_agent.agent_launch_horizon_minutes:
        e.agents_ready = e.month
    if k.can_think:
        e.reasoning_share = 1 - (1 - e.reasoning_share) * math.exp(-p.human.reasoning_switch_per_year / 12)

    read = [math.fsum(row[FRESH] + row[CACHED] for row in f.served_tokens[s]) / link.SECONDS_PER_MONTH for s in SERVING]
    kv, total = [link.kv_bytes(x["size"], p.link) for x in e.nets], math.fsum(f.by_net)
    each = dot(f.by_net, kv) / total if total > 0 else math.fsum(kv) / len(kv)
    hbm = fleet_mean(e, "hbm") * math.fsum(f.served[s] for s in SERVING) / 730
    c = p.context
    reuse = [c.reuse_chat, c.reuse_agent, c.reuse_agent, c.reuse_embedded, c.reuse_robot]
    tiers = [(1.0, c.kv_share_of_hbm), (c.host_ratio, c.host_weight), (c.ssd_ratio, c.ssd_weight)]
    e.hits = context.hit_share(read, each, hbm, e.caching, reuse, tiers, c.memory_reference_s, c.memory_exponent)
    seconds = [math.fsum(row[q] for row in f.seconds) for q in (FRESH, CACHED)]
    e.caching = context.mature(e.caching, *seconds, c.caching_maturity_per_year)

    cost = serving_usd(e, f)
    for j in range(2 * n):
        mix = [math.fsum(f.served_tokens[s][j][q] for s in SERVING) for q in KINDS] if f.by_net[j] > 0 else UNSEEN
        e.serving_usd[j] = dot(mix, cost[j]) / math.fsum(mix)

    r = p.robot
    e.robot_success = robot.success(math.exp(k.log_horizon[ROBOT][SMALL]), p.agent_loop.success_slope, r)
    e.robot_call_usd = k.prompts[ROBOT] * k.price[ROBOT][SMALL][FRESH]
    board = robot.on_board_flop_per_s(r) / link.H100_FLOP_PER_S / r.on_board_utilisation  # H100e
    hourly = board * r.on_board_w_per_h100e / 1000 * p.physical.electricity_usd_per_kwh
    e.robot_running_usd = r.duty_hours_per_month * (hourly + f.robot_calls * e.robot_call_usd)

"""Steps 1 to 3 and 7 to 10 of the month again: machines, nets, prices, tokens, hours, the market (MODEL.md 7.1 to 7.8)."""

import math

from tests.oracle import application, compute, context, link, neural, orchestrator, physical, robot, routing
from tests.oracle.economy_base import (
    ASSISTANT,
    DELEGATED,
    EMBEDDED,
    FRESH,
    FRONTIER,
    LEGACY,
    LIST,
    OTHER,
    PEAK,
    RANKING,
    RESEARCH,
    ROBOT,
    SERVING,
    SMALL,
    STANDING,
    TIERS,
    dot,
    fleet_mean,
)
from tests.oracle.economy_network import capped, spectral_radius, traffic
from tests.oracle.economy_opening import drawn_gw, facility
from tests.oracle.economy_runs import plan_run

# --- Steps 1 to 3 ---------------------------------------------------------------------------------------------------


def this_mix(e):
    """Parts of the generations in this month's production (P.2): by chip, and by H100e."""
    by_chip = physical.mix(e.month, e.launched, 9)
    h100e = [m * g["h100e_per_chip"] for m, g in zip(by_chip, e.generations, strict=True)]
    return math.fsum(h100e), [x / math.fsum(h100e) for x in h100e]


def arrive(e, f):
    """1: due orders arrive as far as chips and power go; machines retire (P.3, P.7)."""
    p = e.p
    per_chip, parts = this_mix(e)
    f.parts, f.supply = parts, e.chips_per_month * per_chip
    made = {name: dot(parts, [g[name] for g in e.generations]) for name in ("watts", "hbm", "bandwidth")}
    made["watts"] = facility(made["watts"], p)
    young = e.orders[-p.supplier.build_months :]
    due = [max(v["backlog"] - math.fsum(o[j] for o in young), 0.0) for j, v in enumerate(e.providers)]
    room = max(e.powered_gw - e.used_gw, 0.0) * 1e9 / made["watts"]
    total = math.fsum(due)
    ratio = min(1.0, min(f.supply, room) / total) if total > 0 else 1.0
    f.delivered = [x * ratio for x in due]
    for cohort in e.cohorts:
        lives = physical.survival(e.month - cohort["month"], p.physical.life_months, p.physical.life_shape)
        cohort["h100e"] = [x * lives for x in cohort["h100e"]]
    e.cohorts.append({"month": e.month, "h100e": f.delivered, **made})
    for j, v in enumerate(e.providers):
        v["stock"] = math.fsum(c["h100e"][j] for c in e.cohorts)
        v["backlog"] = max(v["backlog"] - f.delivered[j], 0.0)
    e.sold_h100e += math.fsum(f.delivered)
    slack, growth = p.physical.power_slack_share, p.physical.power_growth_per_month
    e.powered_gw = physical.power_growth(e.used_gw, e.powered_gw, slack, growth)
    e.used_gw = drawn_gw(e)
    f.capacity = [physical.capacity_hours(v["stock"], p.physical.availability) for v in e.providers]


def release(e, f):
    """2: a finished run becomes a net, a quarter after the last one at the earliest; the next run is planned."""
    for tier in TIERS:
        for i, me in enumerate(e.labs):
            run = me["runs"][tier]
            if run["done"] >= run["flop"] and e.month - e.nets[i + tier * len(e.labs)]["released"] >= 3:
                launch(e, i, tier)
                plan_run(e, i, tier, e.draws.uniform("lab.cycle", e.month, i, tier))


def launch(e, i, tier):
    """The run of lab `i` takes the place of its net of that tier (N.5b, N.8, N.10)."""
    p, me, teacher, net = e.p.neural, e.labs[i], e.nets[i], e.nets[i + tier * len(e.labs)]
    run = me["runs"][tier]
    effective = equivalent_flop(neural.loss(run["size"], run["tokens"], e.law), e.law) * math.exp(me["log_algorithms"])
    rollouts = me["taught"]
    if tier == SMALL:
        share = me["synthetic"] / teacher["flop"]
        factor = neural.distillation(share, p.distillation_orders_max, p.distillation_reference_share)
        effective = min(effective * factor, teacher["effective"])
        rollouts = teacher["rollouts"] * (factor - 1) / (10**p.distillation_orders_max - 1)
    net["price"] *= run["size"] / net["size"]
    net |= {"size": run["size"], "tokens": run["tokens"], "flop": run["flop"], "effective": effective}
    net |= {"rollouts": rollouts, "horizon": neural.horizon(effective, rollouts, p), "gain": me["gain"]}
    net |= {"thinks": rollouts >= p.reasoning_share * run["flop"], "released": e.month}
    e.runs_released.append(run["flop"])
    if tier == FRONTIER:
        me["taught"] = 0.0


def equivalent_flop(target, law):
    """Eq. N.5b."""
    both, gap = law.alpha + law.beta, target - law.e
    n = (law.a * both / (law.beta * gap)) ** (1 / law.alpha)
    d = (law.b * both / (law.alpha * gap)) ** (1 / law.beta)
    return 6 * n * d


def post(e, f):
    """3: contract, spot (M.5) and token prices of the month."""
    p = e.p.compute
    f.contract = [v["contract"] for v in e.providers]
    f.market_usd = dot(f.contract, f.capacity) / math.fsum(f.capacity)
    f.spot_usd = compute.spot_price(f.market_usd, e.utilisation, p)
    f.paid_factor = 1 + p.spot_share * (f.spot_usd / f.market_usd - 1)
    f.token_usd = [[net["price"] * x for x in LIST] for net in e.nets]


# --- Steps 7 to 9 ---------------------------------------------------------------------------------------------------


def apply(e, f):
    """7: attention-hours by application, and the tokens that features invoke in them."""
    others = range(len(e.applications) - e.assistants)
    hours = [math.fsum(h * share[k] for h, share in zip(f.attention_hours, e.app_share, strict=True)) for k in others]
    f.application_hours = [0.0] * e.assistants + hours
    for x in e.features:
        x["hours"] = f.application_hours[x["application"]] * x["exposure"]
    f.embedded_tokens = math.fsum(x["hours"] * x["intensity"] for x in e.features)


def orchestrate(e, f):
    """7: external calls become traffic under the templates of one and of several agents (O.1, O.3, O.4)."""
    p, w, c = e.p, f.w, e.p.call_network
    success = w.successes / w.tasks_agent if w.tasks_agent > 0 else 0.0
    several = orchestrator.multi_share(success, c.multi_share_max, c.multi_threshold, c.multi_width)
    calls = max(w.tasks_agent + w.jobs * p.agent_loop.job_tasks_per_month, 1.0)
    one, many = (capped(x, e.edges, c.spectral_radius_max) for x in (e.agent_scale, e.multi_scale))
    f.traffic = [
        a + b
        for a, b in zip(
            traffic(e.edges, one, [(1 - several) * calls * x for x in e.entry_share]),
            traffic(e.edges, many, [several * calls * x for x in e.entry_share]),
            strict=True,
        )
    ]
    f.calls_per_task = math.fsum(f.traffic) / calls
    f.radius_distance = 1 - (many if several > 0 else one) * spectral_radius(e.edges)


def contextualise(e, f):
    """8: tokens without thinking by class and tier; what devices serve leaves (Y.5); the three kinds (C.4); calls."""
    p, w, k, n = e.p, f.w, f.known, len(e.labs)
    active_h = w.robots * p.robot.duty_hours_per_month
    f.robot_calls = robot.cloud_calls(e.robot_call_usd, e.mean_wage * e.robot_success, p.robot)
    base = [[0.0, 0.0] for _ in SERVING]
    base[ASSISTANT] = [k.chat_tokens * w.chat_frontier, k.chat_tokens * w.chat_small]
    base[DELEGATED] = [e.calls_per_task * w.loop_frontier, e.calls_per_task * w.loop_small]
    base[STANDING] = [w.jobs * k.job_tokens * (1 - k.job_small), w.jobs * k.job_tokens * k.job_small]
    base[EMBEDDED][SMALL] = f.embedded_tokens
    base[ROBOT][SMALL] = active_h * f.robot_calls * k.prompts[ROBOT]

    f.device_parameters = p.app_network.device_parameters * p.physical.bandwidth_growth ** (e.month / 12)
    runs = [application.device_share(net["size"], f.device_parameters, p.app_network.device_share_max)
            for net in e.nets[n:]]  # fmt: skip
    f.device_tokens = 0.0
    for s in (ASSISTANT, EMBEDDED):
        own = base[s][SMALL] * dot(e.net_share[s][SMALL], runs)
        base[s][SMALL] -= own
        f.device_tokens += own

    thought = [[0.0, 0.0] for _ in SERVING]
    answer = k.chat_tokens * k.generated[ASSISTANT]
    thought[ASSISTANT][FRONTIER] = answer * math.fsum(
        x * (tau - 1) for x, tau in zip(f.chat_by_segment, k.tau_chat, strict=True)
    )
    thought[DELEGATED][FRONTIER] = e.calls_per_task * w.thinking
    f.thinking_tokens = thought[ASSISTANT][FRONTIER] + thought[DELEGATED][FRONTIER]
    f.new_tokens = context.expand(base, thought, k.generated, e.hits)
    f.examination_tokens = w.examined * p.attention.candidate_tokens
    f.new_tokens[DELEGATED][FRONTIER][FRESH] += f.examination_tokens
    f.calls = [math.fsum(row) / size for row, size in zip(base, k.prompts, strict=True)]
    f.calls[DELEGATED] = f.calls_per_task * w.attempts
    f.calls[STANDING] = f.calls_per_task * w.jobs * p.agent_loop.job_tasks_per_month * k.job_attempts


def serve(e, f):
    """9: tokens by net, with last month's queue, become operations and hours (K.1 to K.4, K.9)."""
    p, n = e.p, len(e.labs)
    f.asked = [[[a + b for a, b in zip(f.new_tokens[s][t], e.queue[s][t], strict=True)] for t in TIERS]
               for s in SERVING]  # fmt: skip
    f.tokens = [[[x * e.net_share[s][t][i] for x in f.asked[s][t]] for t in TIERS for i in range(n)] for s in SERVING]
    f.serving_hours, f.work_flop, f.seconds, _, _ = link.serving(
        f.tokens,
        [net["size"] for net in e.nets],
        f.known.prompts,
        [net["gain"] for net in e.nets],
        fleet_mean(e, "bandwidth"),
        fleet_mean(e, "hbm"),
        p.link,
        link.software_overhead(e.served_tokens, p.link),
    )


def demand(e, f):
    """9: hours demanded by class: serving, ranking, other AI, research with what waited."""
    p = e.p
    factors = compute.price_factors(p.compute)
    f.research_hours = []
    for me in e.labs:
        budget = me["rd"] * p.lab.compute_share_of_rd
        paid = [f.market_usd * f.paid_factor * factors[u] for u in RESEARCH]
        row = [budget * part / usd + late for part, usd, late in zip(me["split"], paid, me["waiting"], strict=True)]
        f.research_hours.append(row)
    attention = math.fsum(f.application_hours) / e.attention_hours
    f.demand = [math.fsum(row) for row in f.serving_hours]
    f.demand.append(e.ranking_hours * e.ranking_intensity * attention + e.legacy_queue[0])
    f.demand.append(e.other_hours * e.other_intensity + e.legacy_queue[1])
    f.demand += [math.fsum(row[x] for row in f.research_hours) for x in range(5)]


# --- Step 10 --------------------------------------------------------------------------------------------------------


def clear(e, f):
    """10: fill rates (M.1 to M.3), queues, hours by buyer and provider (M.10)."""
    p, n = e.p, len(e.labs)
    f.fill, f.clearing_usd, f.served = compute.clear(f.demand, math.fsum(f.capacity), f.market_usd, p.compute)
    buyers = [f.served[RANKING] + f.served[OTHER]]
    for i in range(n):
        serving = math.fsum(f.serving_hours[s][t * n + i] * f.fill[s] for s in SERVING for t in TIERS)
        buyers.append(serving + dot(f.research_hours[i], [f.fill[u] for u in RESEARCH]))
    f.buyers = buyers
    f.routed = routing.spread(buyers, e.homes, f.capacity, f.contract, p.compute.routing_elasticity)

    f.served_tokens = [[[x * f.fill[s] for x in row] for row in f.tokens[s]] for s in SERVING]
    f.queued_tokens = [[[x * (1 - f.fill[s]) / 2 for x in row] for row in f.new_tokens[s]] for s in SERVING]
    f.legacy_queue = [(f.demand[u] - late) * (1 - f.fill[u]) / 2
                      for u, late in zip(LEGACY, e.legacy_queue, strict=True)]  # fmt: skip


def compute_work(e, f):
    """10: operations and electricity by class of work, on board too (K.5, K.6, R.5, P.5, P.8)."""
    p, n, w = e.p, len(e.labs), f.w
    f.hours = [*f.served, 0.0, 0.0]
    f.flop = [math.fsum(f.work_flop[s]) * f.fill[s] for s in SERVING]
    f.flop += [f.hours[u] * PEAK * p.link.legacy_utilisation for u in LEGACY]
    f.research_flop = []
    for row in f.research_hours:
        done = [hours * f.fill[u] for hours, u in zip(row, RESEARCH, strict=True)]
        final = link.training_flop(done[0], max(done[0] / 730, 1.0), p.link)
        trial = link.training_flop(done[1], p.link.reference_cluster_h100e, p.link)
        f.research_flop.append([final, trial] + [link.rollout_flop(h, p.link) for h in done[2:]])
    f.flop += [math.fsum(row[x] for row in f.research_flop) for x in range(5)]
    active_s = w.robots * p.robot.duty_hours_per_month * 3600
    small = dot(e.net_share[EMBEDDED][SMALL], [net["size"] for net in e.nets[n:]])
    own = [active_s * robot.on_board_flop_per_s(p.robot), f.device_tokens * 2 * min(small, f.device_parameters)]
    f.flop += own
    f.hours[12:] = [x / (PEAK * p.robot.on_board_utilisation) for x in own]

    load = physical.class_load(
        [u in SERVING for u in range(12)], p.physical.load_factor, p.physical.serving_load_factor
    )
    total = math.fsum(f.served)
    mean_load = dot(f.served, load) / total
    used = [math.fsum(row[j] for row in f.routed) for j in range(len(e.providers))]
    watts = []
    for j, v in enumerate(e.providers):
        watts.append(math.fsum(c["h100e"][j] * c["watts"] for c in e.cohorts) / v["stock"])
    f.provider_kwh = []
    for h, offered, each in zip(used, f.capacity, watts, strict=True):
        idle = physical.energy_kwh(0.0, offered - h, each, p.physical.idle_power_share)
        f.provider_kwh.append(physical.energy_kwh(h, h, each, 0.0) * mean_load + idle)
    f.used = used
    mean_kw = dot(used, watts) / total / 1000
    f.kwh = [h * x * mean_kw for h, x in zip(f.served, load, strict=True)]
    f.kwh += [h * p.robot.on_board_w_per_h100e / 1000 for h in f.hours[12:]]

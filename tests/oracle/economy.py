"""A small economy again, month by month in plain Python, from MODEL.md: what it records and what is paid.

`run` is the whole. The month stands in `step`, in the order of MODEL.md 3; the stages are in economy_*.py beside it.
"""

import math
from types import SimpleNamespace as Space

from tests.oracle import economy_books as books
from tests.oracle import economy_people as people
from tests.oracle import economy_plans as plans
from tests.oracle import economy_platforms as platforms
from tests.oracle import economy_stack as stack
from tests.oracle import measures
from tests.oracle.economy_base import (
    ASSISTANT,
    CACHED,
    DELEGATED,
    EMBEDDED,
    FRESH,
    FRONTIER,
    GENERATED,
    KINDS,
    RESEARCH,
    ROBOT,
    SERVING,
    SMALL,
    TIERS,
    dot,
    parameters,
    table,
)
from tests.oracle.economy_opening import opening


def run(scenario, seed):
    """A run of the scenario: a dict of recorded series, payments and balances for each month."""
    e = opening(scenario, seed)
    e.worst = {"money": 0.0, "compute": 0.0}
    out = []
    for month in range(scenario.months):
        e.month, e.p = month, parameters(scenario, month)
        out.append(step(e))
    return out


def step(e):
    """One month."""
    f = Space()
    stack.arrive(e, f)
    stack.release(e, f)
    stack.post(e, f)
    people.what_is_known(e, f)
    people.people(e, f)
    stack.apply(e, f)
    stack.orchestrate(e, f)
    stack.contextualise(e, f)
    stack.serve(e, f)
    stack.demand(e, f)
    stack.clear(e, f)
    stack.compute_work(e, f)
    books.settle(e, f)
    books.live(e, f)
    plans.machines(e, f)
    plans.laboratories(e, f)
    platforms.platforms(e, f)
    platforms.remember(e, f)
    books.close(e, f)
    residuals(e, f)
    return Space(series=record(e, f), payments=f.payments, balances=f.balances, flows=f)


def residuals(e, f):
    """The largest residuals so far of the laws of money and of compute, over what was balanced (MODEL.md 7.13)."""
    scale = math.fsum(map(abs, e.money.values())) + math.fsum(f.payments.values())
    members = (
        ("labs", [me["cash"] for me in e.labs]),
        ("providers", [v["cash"] for v in e.providers]),
        ("applications", [a["cash"] for a in e.applications]),
        ("ai_agents", [row["wallet"] for row in e.delegates + e.standing]),
    )
    money = [math.fsum(e.money.values())] + [math.fsum(x) - e.money[sector] for sector, x in members]
    money.append(math.fsum(f.provider_revenue) - math.fsum(f.usd[:12]))
    hours = [math.fsum(f.used) - math.fsum(f.served)] + [
        max(h - c, 0.0) for h, c in zip(f.used, f.capacity, strict=True)
    ]
    for name, gaps, whole in (("money", money, scale), ("compute", hours, math.fsum(f.capacity))):
        e.worst[name] = max([e.worst[name]] + [abs(gap) / whole for gap in gaps])


def ratio(above, below):
    return above / below if below else math.nan


def total(tokens, s=None, q=None):
    """Sum over nets of tokens by class, net and kind; of one class or one kind where given."""
    classes, kinds = (SERVING if s is None else [s]), (KINDS if q is None else [q])
    return math.fsum(row[k] for c in classes for row in tokens[c] for k in kinds)


def record(e, f):
    """The recorded series of the month, by name (MODEL.md 7.14)."""
    w, n, served = f.w, len(e.labs), f.served_tokens
    delegates, standing = (math.fsum(row["weight"] for row in rows) for rows in (e.delegates, e.standing))
    revenue, compute_usd = math.fsum(f.lab_revenue), math.fsum(f.lab_research)
    rd = compute_usd + math.fsum(f.staff_usd)
    serving_usd = math.fsum(f.usd[s] for s in SERVING)
    out = {
        "humans": w.humans,
        "adopters": w.adopters,
        "delegators": w.delegators,
        "ai_agents": delegates + standing,
        "ai_agents_born": f.born,
        "ai_agents_exited": f.exited,
        "standing_agents": standing,
        "robots": math.fsum(x["weight"] for x in e.robots),
        "robots_bought": f.robots_bought,
        "robots_retired": f.robots_retired,
        "tasks": w.tasks,
        "tasks_assistant": w.tasks_assistant,
        "tasks_agent": w.tasks_agent,
        "calls": math.fsum(f.calls),
        "call_multiplier": f.calls_per_task,
        "spectral_distance": f.radius_distance,
        "tokens": total(served),
        "tokens_fresh": total(served, q=FRESH),
        "tokens_cached": total(served, q=CACHED),
        "tokens_generated": total(served, q=GENERATED),
        "tokens_thinking": f.thinking_tokens * min(f.fill[ASSISTANT], f.fill[DELEGATED]),
        "tokens_reasoning_models": reasoning_tokens(e, f.known, served),
        "tokens_queued": math.fsum(x for s in SERVING for t in TIERS for x in f.queued_tokens[s][t]),
        "tokens_examination": f.examination_tokens,
        "tokens_on_device": f.device_tokens,
        "cache_hit_share": ratio(total(served, q=CACHED), total(served, q=CACHED) + total(served, q=FRESH)),
        "reviews_unanswered": w.unanswered_h,
        "inference_flop": math.fsum(f.flop[s] for s in SERVING),
        "training_flop": math.fsum(f.flop[u] for u in RESEARCH),
        "gross_margin": e.margin,
        "rd_to_revenue": ratio(rd, revenue),
        "equity_to_revenue": ratio(f.equity, revenue),
        "gross_profit_elasticity": weighted(e, "eta", [me["revenue"] for me in e.labs]),
        "growth_factor": weighted(e, "G", [max(me["rd"], 1.0) for me in e.labs]),
        "demand_elasticity": e.demand_elasticity,
        "installed_h100e": math.fsum(v["stock"] for v in e.providers),
        "chips_sold_cumulative_h100e": e.sold_h100e,
        "backlog_h100e": math.fsum(v["backlog"] for v in e.providers),
        "utilisation": e.utilisation,
        "price_usd_per_h100e_hour": f.market_usd,
        "price_spot_usd_per_h100e_hour": f.spot_usd,
        "user_cost_usd_per_h100e_hour": e.user_cost,
        "machine_usd_per_h100e": e.machine_usd,
        "price_frontier_usd_per_mtoken": list_price(f.known, ASSISTANT, FRONTIER),
        "price_small_usd_per_mtoken": list_price(f.known, EMBEDDED, SMALL),
        "task_horizon_minutes": best_horizon(e, w),
        "horizon_small_minutes": max(x["horizon"] for x in e.nets[n:]),
        "frontier_training_flop": max(e.runs_released),
        "capex_usd": f.capex,
        "lab_revenue_usd": revenue,
        "lab_rd_usd": rd,
        "leading_lab_serving_share": leading_lab(e, f),
        "lab_rd_compute_usd": compute_usd,
        "human_attention_price_usd_per_hour": f.ad_usd_per_hour,
        "human_shadow_price_usd_per_hour": w.attention_value_usd / (w.application_h + w.leisure_h),
        "agent_invocation_price_usd": f.invocation_usd,
        "attention_spend_agent_share": ratio(f.invocation_spend_usd, f.invocation_spend_usd + f.ad_spend_usd),
        "energy_twh": math.fsum(f.provider_kwh) / 1e9,
        "powered_gw": e.powered_gw,
        "self_sustainability": (f.assistant_usd + f.agent_usd + f.token_usd_by_class[EMBEDDED]
                                + f.token_usd_by_class[ROBOT]) / (serving_usd + rd),
        "device_hours": f.hours[12] + f.hours[13],
        "consumer_surplus_usd": w.surplus_usd,
        "application_hhi": measures.hhi(f.application_hours),
        "orchestrator_hhi": measures.hhi(e.entry_share),
        "money_residual_usd": e.worst["money"],
        "compute_residual_flop": e.worst["compute"],
    }  # fmt: skip
    classes = table("class of work")
    rows = [(row[1], row[3], *x) for row, *x in zip(classes, f.hours, f.flop, f.kwh, f.usd, strict=True)]
    names = [row[0].split("`")[1] for row in table("definition")[:-1]]  # the last row is about on-board work
    for name in names + [f"{name}_with_on_board" for name in names]:
        out[f"inference_share_{name}"] = measures.share(name, rows, e.p.app_network.other_background_share)
    active_h = w.robots * e.p.robot.duty_hours_per_month
    kaya = {
        "heads": [w.adopters, delegates, standing, w.humans, w.robots],
        "tasks": [w.tasks_assistant, w.tasks_agent, w.jobs, w.application_h, active_h],
        "calls": f.calls,
        "tokens": [total(served, s=s) for s in SERVING],
        "flop": f.flop[:5],
    }
    for quantity, values in kaya.items():
        for s in SERVING:
            out[f"{quantity}_of_{classes[s][0].strip('`')}"] = values[s]
    return out


def weighted(e, name, weight):
    """Mean over labs; plain where nobody has weight."""
    if sum(weight) <= 0:
        weight = [1.0] * len(weight)
    return dot([me[name] for me in e.labs], weight) / math.fsum(weight)


def list_price(k, s, tier):
    """Fresh input of a tier as a class calls it, USD a million tokens."""
    return k.price[s][tier][FRESH] * 1e6


def reasoning_tokens(e, k, served):
    out = 0.0
    for j, x in enumerate(e.nets):
        if x["thinks"]:
            out += math.fsum(served[ASSISTANT][j]) * k.reasoning_share
            out += math.fsum(math.fsum(served[s][j]) for s in SERVING if s != ASSISTANT)
    return out


def best_horizon(e, w):
    """Horizon of the best net with the thinking that agents' users pay for."""
    loop, best = e.p.agent_loop, max(e.nets[: len(e.labs)], key=lambda x: x["horizon"])
    tau = 1.0
    if best["thinks"] and w.loop_frontier > 0:
        tau += w.thinking / (w.loop_frontier * loop.generated_share_agent)
    return best["horizon"] * min(tau, loop.thinking_max) ** loop.thinking_exponent


def leading_lab(e, f):
    """Serving share of the hours of the lab that uses most."""
    n, pairs = len(e.labs), []
    for i in range(n):
        serving = math.fsum(f.serving_hours[s][t * n + i] * f.fill[s] for s in SERVING for t in TIERS)
        pairs.append((serving, dot(f.research_hours[i], [f.fill[u] for u in RESEARCH])))
    serving, research = max(pairs, key=sum)
    return ratio(serving, serving + research)

"""Monthly series, payments and balances (section 4, observation; 7.14)."""

from types import SimpleNamespace

from tests.reference import economy_physical as physical
from tests.reference.economy_offer import generated_share
from tests.reference.economy_tables import CLASSES, KERNEL, TIERS, USES


def hhi(values):
    """Eq. X.8: sum of squared shares."""
    total = sum(values)
    return sum((v / total) ** 2 for v in values) if total > 0.0 else 0.0


def examination_hours(w, f):
    """Hours of delegated work spent on reading candidates (section 7.12, record)."""
    delegated = CLASSES.index("delegated")
    seconds = [[0.0] * 3 for _ in TIERS]
    for tier, kinds in enumerate(f.total[delegated]):
        for share, lab in zip(w.calls_now[tier], w.labs, strict=False):
            seconds[tier] = [
                a + share * k * s for a, k, s in zip(seconds[tier], kinds, lab.nets[tier].seconds, strict=False)
            ]
    total = sum(sum(row) for row in seconds)
    fresh = f.total[delegated][0][0]
    if total <= 0.0 or fresh <= 0.0:
        return 0.0
    return f.serving_served[delegated] * seconds[0][0] / total * f.examination / fresh


def people_series(w, f, s):
    """People, agents, robots, attention and routing (section 7.12, record)."""
    people = w.people
    s["humans"] = sum(h.weight for h in people)
    s["adopters"] = sum(h.weight * h.adopted for h in people)
    s["delegators"] = sum(h.weight * h.delegating for h in people)
    s["ai_agents"] = sum(h.delegates.number + h.standing.number for h in people)
    s["ai_agents_born"] = f.born
    s["ai_agents_exited"] = f.exited
    s["standing_agents"] = sum(h.standing.number for h in people)
    s["robots"] = sum(h.robots for h in people)
    s["robots_bought"] = f.robots_bought
    s["robots_retired"] = f.robots_retired
    s["tasks"] = sum(h.tasks for h in people)
    s["tasks_assistant"] = sum(h.chat_tasks for h in people)
    s["tasks_agent"] = f.tasks_agent
    s["reviews_unanswered"] = sum(h.unanswered for h in people)
    free = [h.app_hours / w.p["attention.application_share"] for h in people]
    s["human_shadow_price_usd_per_hour"] = sum(x * h.mu for x, h in zip(free, people, strict=False)) / sum(free)
    s["human_attention_price_usd_per_hour"] = f.hour_price
    s["agent_invocation_price_usd"] = f.invocation_price
    s["click_price_usd"] = f.click_price
    s["routing_spend_usd"] = f.routing_spend
    s["ad_funded_share"] = w.ad_funded
    s["ranking_quality_kept"] = w.quality_kept
    s["services_value_usd"] = f.services_value
    s["principals_value_usd"] = f.phi[0] * sum(h.agent_tasks * h.agent_success * h.value for h in people)
    s["service_hhi"] = hhi(f.services_custom)
    s["examination_hours"] = examination_hours(w, f)
    spend = f.invocation_spend + sum(f.advertising)
    s["attention_spend_agent_share"] = f.invocation_spend / spend if spend > 0.0 else 0.0
    surplus = sum(h.agent_tasks * max(h.agent_utility * h.value, 0.0) for h in people)
    s["consumer_surplus_usd"] = surplus
    s["application_hhi"] = hhi(f.app_hours)
    s["orchestrator_hhi"] = hhi([x for x, n in zip(f.traffic, w.nodes, strict=False) if n.kind == 0])


def token_series(w, f, s):
    """Tokens and calls, factors of X.5 (section 7.12, record)."""
    served = f.served
    s["calls"] = sum(f.calls)
    s["call_multiplier"] = f.multiplier
    s["spectral_distance"] = f.spectral_distance
    s["tokens"] = sum(f.tokens_served)
    for q, name in enumerate(("fresh", "cached", "generated")):
        s["tokens_" + name] = sum(served[c][t][q] for c in range(5) for t in (0, 1))
    s["tokens_thinking"] = f.phi[0] * sum(f.thinking)
    s["tokens_reasoning_models"] = 0.0
    for t in (0, 1):
        tokens = sum(sum(served[c][t]) * (f.think_share if c == 0 else 1.0) for c in range(5))
        for i, lab in enumerate(w.labs):
            s["tokens_reasoning_models"] += w.calls_now[t][i] * tokens * (1.0 if lab.nets[t].thinks else 0.0)
    s["tokens_queued"] = f.queued
    s["tokens_examination"] = f.examination
    s["tokens_on_device"] = f.device_tokens
    s["cache_hit_share"] = s["tokens_cached"] / (s["tokens_cached"] + s["tokens_fresh"])
    heads = [s["adopters"], s["ai_agents"] - s["standing_agents"], s["standing_agents"], s["humans"], f.robots_at_work]
    jobs = sum(h.jobs_done for h in w.people)
    tasks = [s["tasks_assistant"], s["tasks_agent"], jobs, sum(f.app_hours), f.robot_hours]
    for c, name in enumerate(CLASSES):
        s["heads_of_" + name] = heads[c]
        s["tasks_of_" + name] = tasks[c]
        s["calls_of_" + name] = f.calls[c]
        s["tokens_of_" + name] = f.tokens_served[c]
        s["flop_of_" + name] = sum(sum(row) for row in f.net_flop[c])


def thinking_stretch(w, f):
    """Horizon with the thinking of delegates over without (section 7.12, record)."""
    plain = f.plain[1][0] * generated_share(w.p, "delegated")
    if plain <= 0.0:
        return 1.0
    return (1.0 + f.thinking[1] / plain) ** w.p["agent_loop.thinking_exponent"]


def market_series(w, f, s):
    """Hours, machines, prices, labs (X.6, section 7.12, record)."""
    s["inference_flop"] = sum(s["flop_of_" + name] for name in CLASSES)
    s["training_flop"] = sum(sum(row) for row in f.research_flop)
    revenue = sum(f.lab_revenue)
    research = sum(sum(row) for row in f.research_paid)
    s["gross_margin"] = 1.0 - sum(f.serving_paid) / revenue
    s["lab_revenue_usd"] = revenue
    s["lab_rd_compute_usd"] = research
    s["lab_rd_usd"] = research + sum(f.staff)
    s["rd_to_revenue"] = s["lab_rd_usd"] / revenue
    s["equity_to_revenue"] = f.equity_raised / revenue
    weights = [lab.revenue for lab in w.labs]
    s["gross_profit_elasticity"] = sum(a * lab.eta for a, lab in zip(weights, w.labs, strict=False)) / sum(weights)
    weights = [max(lab.budget, 1.0) for lab in w.labs]
    s["growth_factor"] = sum(a * lab.factor for a, lab in zip(weights, w.labs, strict=False)) / sum(weights)
    s["demand_elasticity"] = f.elasticity
    s["installed_h100e"] = sum(f.machines)
    s["chips_sold_cumulative_h100e"] = w.sold
    s["backlog_h100e"] = sum(v.ordered for v in w.providers)
    s["utilisation"] = f.use
    s["price_usd_per_h100e_hour"] = f.price
    s["price_spot_usd_per_h100e_hour"] = f.spot
    s["user_cost_usd_per_h100e_hour"] = f.user_cost
    s["machine_usd_per_h100e"] = w.machine_price
    for t, name in enumerate(("frontier", "small")):
        s["price_" + name + "_usd_per_mtoken"] = f.input_price[t] * 1e6
    s["task_horizon_minutes"] = max(net.horizon for lab in w.labs for net in lab.nets) * thinking_stretch(w, f)
    s["horizon_small_minutes"] = max(lab.nets[1].horizon for lab in w.labs)
    s["frontier_training_flop"] = w.largest
    s["capex_usd"] = f.capex
    best = max(range(len(w.labs)), key=lambda i: sum(f.routed[1 + i]))
    serving = sum(sum(f.net_hours[c][best]) for c in range(5))
    s["leading_lab_serving_share"] = serving / sum(f.routed[1 + best])
    s["energy_twh"] = sum(f.provider_kwh) / 1e9
    s["powered_gw"] = w.power_reach
    s["rents_lost_usd"] = sum(lab.rents * (1.0 - lab.rents_kept) for lab in w.labs) / 12.0
    owed = sum(lab.contract_hours * lab.contract_price for lab in w.labs)
    s["contracts_outstanding_usd"] = owed * w.p["lab.contract_months"]
    s["contracts_defaulted_usd"] = w.defaulted
    for b, name in enumerate(("peak", "valley")):
        s["price_" + name + "_usd_per_h100e_hour"] = f.block_price[b]
    s["expected_spending_usd"] = f.expected
    s["market_within_reach_usd"] = w.market
    s["device_hours"] = f.board.robot_hours + f.board.device_hours
    income = f.assistant_income + f.class_bill[1] + f.class_bill[2] + f.routing + f.surplus_fees
    income += f.class_bill[3] + f.class_bill[4]
    s["self_sustainability"] = income / (sum(f.serving_paid) + s["lab_rd_usd"])
    s["money_residual_usd"] = abs(sum(w.money.values())) / sum(f.payments.values())
    s["compute_residual_flop"] = abs(sum(f.provider_used) - f.used) / f.used


def work_table(w, f):
    """Hours, operations, kWh and USD by group of work (7.14)."""
    watts = sum(h * x for h, x in zip(f.provider_used, f.watts, strict=False)) / sum(f.provider_used)
    each = physical.facility_watts(w.p, watts) / 1000.0
    load = physical.class_load(w.p, True)
    research_hours = [sum(row[u] for row in f.research_served) for u in range(len(USES))]
    research_flop = [sum(row[u] for row in f.research_flop) for u in range(5)]
    research_usd = [sum(row[u] for row in f.research_paid) for u in range(5)]
    v = sum(f.serving_served)
    table = {
        "V": [v, sum(sum(sum(r) for r in rows) for rows in f.net_flop), v * load * each, sum(f.serving_paid)],
        "ranking": [f.legacy_served[0], f.legacy_flop[0], f.legacy_served[0] * each, f.ranking_paid],
        "other": [f.legacy_served[1], f.legacy_flop[1], f.legacy_served[1] * each, f.other_paid],
    }
    for name, kernel in (("backward", "with_backprop"), ("forward", "forward_only")):
        kinds = [u for u, use in enumerate(USES) if KERNEL[use] == kernel]
        hours = sum(research_hours[u] for u in kinds)
        usd = sum(research_usd[u] for u in kinds)
        table[name] = [hours, sum(research_flop[u] for u in kinds), hours * each, usd]
    b = f.board
    price = w.p["physical.electricity_usd_per_kwh"]
    kwh = b.robot_kwh + b.device_kwh
    table["board"] = [b.robot_hours + b.device_hours, b.robot_flop + b.device_flop, kwh, kwh * price]
    return table


def shares(w, f, s):
    """Eq. X.1: inference shares by definition."""
    t = work_table(w, f)
    rd = [a + b for a, b in zip(t["backward"], t["forward"], strict=False)]
    other = w.p["app_network.other_background_share"]
    pairs = {}
    for name, k in (("accelerator_hours", 0), ("purpose", 1), ("usd", 3), ("energy", 2)):
        pairs[name] = (t["V"][k], t["V"][k] + rd[k], t["board"][k])
    pairs["kernel"] = (t["V"][0] + t["forward"][0], t["V"][0] + rd[0], t["board"][0])
    served = t["V"][0] + t["ranking"][0]
    pairs["all_ai"] = (served + other * t["other"][0], served + rd[0] + t["other"][0], t["board"][0])
    for name, (top, bottom, board) in pairs.items():
        s["inference_share_" + name] = top / bottom
        s["inference_share_" + name + "_with_on_board"] = (top + board) / (bottom + board)


def month(w, f):
    """A month's record (section 7.12)."""
    s = {}
    people_series(w, f, s)
    token_series(w, f, s)
    w.largest = max([getattr(w, "largest", 0.0)] + [net.train for lab in w.labs for net in lab.nets])
    market_series(w, f, s)
    shares(w, f, s)
    out = SimpleNamespace(series=s, payments=dict(f.payments))
    out.balances = (dict(w.money), dict(w.equity))
    return out

"""The middle of step 12 again: machines and labs (MODEL.md 7.11 and 7.12)."""

import math

from tests.oracle import (
    application,
    application_firm,
    compute,
    lab,
    neural,
    physical,
    provider,
    supplier,
)
from tests.oracle.economy_base import (
    CACHED,
    EMBEDDED,
    FRESH,
    FRONTIER,
    GENERATED,
    KINDS,
    RESEARCH,
    SERVING,
    SMALL,
    TIERS,
    dot,
    fleet_mean,
    issue,
)
from tests.oracle.economy_books import net, pay
from tests.oracle.economy_runs import data_limit


def clip(x, low, high):
    return min(max(x, low), high)


# --- Machines -------------------------------------------------------------------------------------------------------


def machines(e, f):
    """Prices and expectations (M.4), the supplier (S.1, S.2), orders (V.1 to V.5), finance (V.6)."""
    p, demand = e.p, math.fsum(f.demand)
    e.utilisation = math.fsum(f.served) / math.fsum(f.capacity)
    (level,) = compute.next_price([f.market_usd], f.clearing_usd, p.compute)
    for v in e.providers:
        v["contract"] = max(level * v["premium"], p.compute.operating_usd_per_h)
        v["expected"] += p.provider.adaptive_per_month * (level * f.paid_factor - v["expected"])
    if e.last_demand > 0:
        seen = clip(math.log(demand / e.last_demand), -0.3, 0.3)
        e.demand_growth += p.provider.adaptive_per_month * (seen - e.demand_growth)
    e.last_demand = demand

    backlog = math.fsum(v["backlog"] for v in e.providers)
    unit_usd = p.supplier.unit_cost_usd_per_h100e * dot(f.parts, [g["price_index"] for g in e.generations])
    chip_usd = supplier.price(unit_usd, backlog, f.supply, p.supplier)
    rated = dot(f.parts, [g["watts"] for g in e.generations]) * p.physical.server_power_factor * p.physical.pue
    machine_usd = chip_usd + p.supplier.site_usd_per_w * rated
    if e.machine_usd > 0:
        seen = clip(12 * math.log(machine_usd / e.machine_usd), -0.6, 0.3)
        e.machine_change += p.provider.price_learning_per_month * (seen - e.machine_change)
    e.machine_usd = machine_usd
    e.expansions.append(supplier.expand(backlog, f.supply, p.supplier))
    e.chips_per_month *= 1 + e.expansions[-1 - p.supplier.lead_months]

    running = fleet_mean(e, "watts") / 1000 * p.physical.electricity_usd_per_kwh + p.provider.opex_usd_per_h
    e.user_cost = provider.user_cost(machine_usd, e.machine_change, running, p.provider)
    free = max(e.powered_gw - e.used_gw, 0.0) * 1e9 / (rated * p.physical.load_factor)
    room = free * p.provider.sites_ahead + f.supply
    parents = provider.parent_cash(e.month, p.provider)
    hours_each = physical.capacity_hours(1.0, p.physical.availability)
    _, ordered, premium = provider.order(e.providers, demand, e.demand_growth, e.user_cost, machine_usd, parents, room,
                                         hours_each, p.provider)  # fmt: skip
    e.orders.append(ordered)
    f.capex, spent = 0.0, []
    for v, more, dearer, came in zip(e.providers, ordered, premium, f.delivered, strict=True):
        v["backlog"] += more
        v["book"] += came * machine_usd - v["book"] / p.provider.book_life_months
        deposit = p.provider.deposit_share
        spent.append(machine_usd * (more * (deposit + dearer - 1) + came * (1 - deposit)))
    f.capex = math.fsum(spent)
    pay(f, "providers", "hardware_suppliers", "chips: deposits and deliveries", f.capex * chip_usd / machine_usd)
    pay(f, "providers", "rest_of_world", "data centres", f.capex * (1 - chip_usd / machine_usd))
    pay(f, "hardware_suppliers", "rest_of_world", "chip production", math.fsum(f.delivered) * unit_usd)
    finance(e, f, spent, parents)


def finance(e, f, spent, parents_usd):
    """V.6; failure after months of stress: lenders and owners write off, investors refinance."""
    p = e.p.provider
    interest = [v["debt"] * p.interest_per_year / 12 for v in e.providers]
    reach = [v["parent_share"] * parents_usd * p.parent_share_max for v in e.providers]
    buffer = [usd / 2 for usd in f.provider_revenue]
    for v, a, b in zip(e.providers, spent, interest, strict=True):
        v["cash"] -= a + b
    columns = [[v[name] for v in e.providers] for name in ("cash", "debt", "book")]
    moves = provider.finance(*columns, reach, buffer, p)
    pay(f, "rest_of_world", "parents", "operating cash of incumbents", parents_usd)
    for v, usd, can, want, (come, borrowed, repaid, back, dividends) in zip(
        e.providers, interest, reach, buffer, moves, strict=True
    ):
        v["cash"] += come + borrowed - repaid - back - dividends
        v["debt"] += borrowed - repaid
        pay(f, "providers", "investors", "interest", usd)
        pay(f, "parents", "providers", "parents' capital", come)
        pay(f, "investors", "providers", "loans", borrowed)
        pay(f, "providers", "investors", "repayments", repaid)
        pay(f, "providers", "parents", "returned to parents", back)
        pay(f, "providers", "investors", "dividends", dividends)
        issue(e.claims, "providers", "parents", come - back)
        issue(e.claims, "providers", "investors", borrowed - repaid)
        v["stressed"] = v["stressed"] + 1 if v["cash"] < 0 and can <= 0 else 0
        if v["stressed"] >= p.failure_months:
            fresh = want - v["cash"]
            issue(e.claims, "providers", "investors", fresh - v["debt"] - v["equity"])
            pay(f, "investors", "providers", "capital of an entrant", fresh)
            v |= {"debt": 0.0, "equity": fresh, "cash": v["cash"] + fresh, "stressed": 0}


# --- Labs -----------------------------------------------------------------------------------------------------------


def laboratories(e, f):
    learn(e, f)
    invest(e, f)
    price_tokens(e, f)


def learn(e, f):
    """Runs, roll-outs (N.9), synthetic data, algorithms (N.7), architecture (N.11); growth (L.13, L.14)."""
    p, n = e.p, len(e.labs)
    small = p.lab.small_share
    trials = [row[1] for row in f.research_flop]
    factors = [1 + p.lab.automation_gain * row[4] / max(row[1], 1.0) for row in f.research_flop]
    algorithms = neural.algorithmic_step([me["log_algorithms"] for me in e.labs], trials, factors, p.neural)
    growth = lab.learn_growth([me["revenue"] for me in e.labs], [me["growth"] for me in e.labs], f.lab_revenue, p.lab)
    for i, me in enumerate(e.labs):
        done = f.research_flop[i]
        me["runs"][FRONTIER]["done"] += done[0] * (1 - small)
        me["runs"][SMALL]["done"] += done[0] * small
        me["taught"] += done[2] * neural.verified(e.nets[i]["horizon"], p.neural.verifier_minutes)
        me["synthetic"] += done[3]
        me["gain"] = neural.architecture_step(me["gain"], p.neural.decode_gain_max, p.neural.architecture_per_year)
        me["log_algorithms"], me["growth"] = algorithms[i], growth[i]
        me["waiting"] = [hours * (1 - f.fill[u]) for hours, u in zip(f.research_hours[i], RESEARCH, strict=True)]
        me["revenue"] += (f.lab_revenue[i] - me["revenue"]) / 3
        me["serving"] += (f.lab_serving[i] - me["serving"]) / 3
    f.by_net = [math.fsum(x for s in SERVING for x in f.served_tokens[s][j]) for j in range(2 * n)]
    growth = lab.learn_token_growth(
        [x["served"] for x in e.nets], [x["served_growth"] for x in e.nets], f.by_net, p.lab
    )
    for x, tokens, g in zip(e.nets, f.by_net, growth, strict=True):
        x["served"], x["served_growth"] = tokens, g


def invest(e, f):
    """Elasticity of demand; research (L.2 to L.4), funds (L.6), budget (L.5), split (L.7)."""
    p, w, k, n = e.p, f.w, f.known, len(e.labs)
    total = math.fsum(f.lab_revenue)
    jobs_usd, features_usd = w.jobs * k.job_usd, f.token_usd_by_class[EMBEDDED]
    response = w.response_usd + features_usd * feature_elasticity(e, f)
    response += jobs_usd / p.agent_loop.job_elasticity * p.agent_loop.success_slope * (1 - k.job_success)
    spend = w.spend_usd + jobs_usd + features_usd
    e.demand_elasticity = response / spend if spend > 0 else p.agent_loop.success_slope
    gamma = p.neural.capability_exponent
    shares = e.weights
    if total > p.lab.seed_market_usd_per_year / 1e4:
        shares = [usd / total for usd in f.lab_revenue]
    wishes = lab.research(e.labs, shares, gamma, e.demand_elasticity, e.rules, e.weights, p.lab)
    for me, (_, growth_factor, eta, _) in zip(e.labs, wishes, strict=True):
        me["eta"], me["G"] = eta, growth_factor
    e.margin = 1 - math.fsum(f.lab_serving) / total if total > 0 else math.fsum(wish[3] for wish in wishes) / n
    parents = raise_money(e, f)
    funds = [max(me["cash"], 0.0) / 3 + max(usd - cost, 0.0) + reach
             for me, usd, cost, reach in zip(e.labs, f.lab_revenue, f.lab_serving, parents, strict=True)]  # fmt: skip
    budgets = lab.budget([me["rd"] for me in e.labs], [wish[0] for wish in wishes], funds, p.lab)
    splits = lab.split(
        e.nets[:n], e.nets[n:], gamma, p.neural.rollout_exponent, p.neural.rollout_reference_flop,
        [neural.verified(x["horizon"], p.neural.verifier_minutes) for x in e.nets[:n]],
        [data_limit(e, i) for i in range(n)], p.agent_loop.success_slope, p.lab,
    )  # fmt: skip
    for me, budget, split in zip(e.labs, budgets, splits, strict=True):
        me["rd"], me["split"] = budget, split


def features_now(e, f):
    """Price of a token to features; success (Y.1) and uplift (Y.2) of each."""
    p, k = e.p, f.known
    price, o, hits = k.price[EMBEDDED][SMALL], k.generated[EMBEDDED], e.hits[EMBEDDED]
    usd = (1 - o) * ((1 - hits) * price[FRESH] + hits * price[CACHED]) + o * price[GENERATED]
    horizon, needed = math.exp(k.log_horizon[EMBEDDED][SMALL]), p.application.required_success
    success = [application.success(x["log_difficulty"], horizon, p.agent_loop.success_slope) for x in e.features]
    gain = [application.uplift(x["value"], s, needed) for x, s in zip(e.features, success, strict=True)]
    return usd, success, gain


def feature_elasticity(e, f):
    """Y.3b of features in use, weighted by their tokens; S (1 - S) slope / (S - S_req) / ln(uplift / (p e0))."""
    p = e.p
    usd, success, gain = features_now(e, f)
    above = below = 0.0
    for x, s, g in zip(e.features, success, gain, strict=True):
        tokens, ratio = x["hours"] * x["intensity"], g / (usd * x["scale"])
        below += tokens
        if ratio > 1:
            slope = p.agent_loop.success_slope * s * (1 - s) / (s - p.application.required_success)
            above += tokens * slope / math.log(ratio)
    return above / below if below > 0 else 0.0


def raise_money(e, f):
    """Runways are filled by parents, the chip supplier, investors (L.6); plenty is paid out; labs fail. Parents' reach."""
    p, n = e.p.lab, len(e.labs)
    cash_usd = provider.parent_cash(e.month, e.p.provider)
    parents = [me["parent_share"] * cash_usd * p.parent_rd_share_max for me in e.labs]
    offers = lab.equity_offer([me["revenue"] for me in e.labs], [me["growth"] for me in e.labs], e.weights, p)
    need = [
        max(max(-flow, 0.0) * p.runway_months - me["cash"], 0.0) for me, flow in zip(e.labs, f.lab_flow, strict=True)
    ]
    raised = [{"parents": min(x, reach)} for x, reach in zip(need, parents, strict=True)]
    need = [x - got["parents"] for x, got in zip(need, raised, strict=True)]
    pool = max(net(f, "hardware_suppliers"), 0.0) * p.vendor_equity_share
    part = min(1.0, pool / math.fsum(need)) if math.fsum(need) > 0 else 1.0
    f.equity = 0.0
    budget = p.entrant_share * math.fsum(me["rd"] for me in e.labs) / n
    items = {"parents": "parents' capital", "hardware_suppliers": "vendor equity", "investors": "equity"}
    for i in range(n):
        me, got = e.labs[i], raised[i]
        got["hardware_suppliers"] = need[i] * part
        got["investors"] = min(need[i] - got["hardware_suppliers"], offers[i])
        plenty = 2 * p.runway_months * max(me["rd"], f.lab_serving[i])
        payout = p.payout_per_month * max(me["cash"] - plenty, 0.0)
        f.equity += math.fsum(got.values())
        me["cash"] += math.fsum(got.values()) - payout
        for owner, usd in got.items():
            me[owner] += usd
            pay(f, owner, "labs", items[owner], usd)
            issue(e.claims, "labs", owner, usd)
        owned = math.fsum(me[owner] for owner in items)
        for owner in items:
            share = me[owner] / owned if owned > 0 else float(owner == "investors")
            pay(f, "labs", owner, "payout to owners", payout * share)
        if me["cash"] < -p.failure_months * max(me["rd"], 1e6) or me["rd"] < 0.01 * budget:
            fresh = max(budget * p.runway_months - me["cash"], 0.0)
            for owner in items:
                issue(e.claims, "labs", owner, -me[owner])
                me[owner] = 0.0
            pay(f, "investors", "labs", "capital of an entrant", fresh)
            issue(e.claims, "labs", "investors", fresh)
            me |= {"investors": fresh, "cash": me["cash"] + fresh, "rd": budget}
    return parents


def serving_usd(e, f):
    """Serving cost of a token by net and kind at the market's price."""
    return [[s / 3600 * f.market_usd * f.paid_factor for s in row] for row in f.seconds]


def price_tokens(e, f):
    """List prices (L.8 to L.10), then the nets that each class calls (F.3)."""
    p, n = e.p, len(e.labs)
    shares = []
    for t in TIERS:
        total = math.fsum(f.by_net[t * n : t * n + n])
        for i in range(n):
            usual = math.fsum(e.net_share[s][t][i] for s in SERVING) / 5
            shares.append(f.by_net[t * n + i] / total if total > 0 else usual)
    tokens = [[math.fsum(f.served_tokens[s][j][q] for s in SERVING) for q in KINDS] for j in range(2 * n)]
    prices = lab.list_prices(e.nets, serving_usd(e, f), tokens, shares, [me["open"] for me in e.labs], p.lab)
    for x, usd in zip(e.nets, prices, strict=True):
        x["price"] = usd
    for t in TIERS:
        odds = []
        for me, x in zip(e.labs, e.nets[t * n : t * n + n], strict=True):
            pull = p.lab.quality_coefficient * math.log(x["horizon"]) - p.lab.price_coefficient * math.log(x["price"])
            odds.append(pull - p.app_network.open_penalty * me["open"])
        for s in SERVING:
            e.net_share[s][t] = application_firm.logit_shares(e.net_share[s][t], odds, p.app_network.net_inertia)

"""Labs again, as the text of the equations. Twin of agents/lab/."""

import math


def mean_growth(span):
    """(exp(span) - 1) / span, the mean of exp(x) over x from 0 to span, as its power series."""
    total, term, k = 0.0, 1.0, 1
    while abs(term) > 1e-30:
        total += term
        k += 1
        term *= span / k
    return total


def belief(revenue, weights, p):
    """Eq. L.1, a year."""
    return [max(12 * r, w * p.seed_market_usd_per_year) for r, w in zip(revenue, weights, strict=True)]


def annuity(rate, months, steps=4000):
    """Eq. L.2 as the sum it is, by Simpson's rule."""
    h = months / steps
    total = 1.0 + math.exp(-rate * months)
    for k in range(1, steps):
        total += (4 if k % 2 else 2) * math.exp(-rate * k * h)
    return total * h / 3


def uses(value, run, small, growth, r, p):
    """Eq. L.3, L.3b, L.3c and L.3d for one lab; r: dict or tuple of its technology."""
    x = p.discount_per_year / 12 - growth
    wait = math.exp(-x * p.lead_months)
    served = wait * annuity(x, p.cycle_months) / p.cycle_months
    bundle = value * wait * r["returns"] * r["progress"] * annuity(x + r["fading"], p.life_months)
    taught = max(r["taught"] * r["rollout_flop_per_usd"], 1e-300)
    rollouts = value * served * r["gamma_rollout"] / r["gamma"]
    rollouts -= r["rollout_reference_flop"] / taught / p.cycle_months
    lasts = wait * annuity(x + r["teacher_growth"], p.life_months)
    per_share = (
        r["teacher_flop"] / r["rollout_flop_per_usd"]
    )  # USD for synthetic data as large as the teacher's training
    s0 = r["distillation_reference"]
    best = math.sqrt(small * lasts * r["distillation_orders"] * math.log(10) * s0 / per_share)
    data = max(best - s0 - r["distilled"], 0.0) * per_share / p.cycle_months
    part = r["automation_share"]
    return [run * served, bundle * (1 - part), max(rollouts, 0.0), data, bundle * part]


def gain(use, best, factor, value, run, small, growth, t, p):
    """What spending `factor` times as much on a use for a month earns more than it costs, by the text of 7.15."""
    r = {k: float(v[0]) if hasattr(v, "__len__") else float(v) for k, v in t._asdict().items()}
    x = p.discount_per_year / 12 - growth
    wait = math.exp(-x * p.lead_months)
    served = wait * annuity(x, p.cycle_months) / p.cycle_months
    now, then = best[use], best[use] * factor
    if use in (1, 4):  # of a bundle X**(1-q) A**q with returns lambda: progress is at its level at the chosen bundle
        q = r["automation_share"]
        part = q if use == 4 else 1 - q
        level = value * wait * r["progress"] * annuity(x + r["fading"], p.life_months)
        earned = level * (factor ** (r["returns"] * part) - 1) if now > 0 else 0.0
    elif use == 0:  # ln T of the release, served for a cycle
        earned = run * served * math.log(factor) if now > 0 else 0.0
    elif use == 2:
        taught = r["taught"] * r["rollout_flop_per_usd"] * p.cycle_months
        scale = value * served * r["gamma_rollout"] / r["gamma"]
        reference = r["rollout_reference_flop"]
        earned = scale * (math.log(reference + taught * then) - math.log(reference + taught * now))
    else:
        per_share = r["teacher_flop"] / r["rollout_flop_per_usd"]
        lasts = wait * annuity(x + r["teacher_growth"], p.life_months)
        s0, more = r["distillation_reference"], p.cycle_months / per_share
        orders = [
            r["distillation_orders"] * math.log(10) * (r["distilled"] + usd * more) / (r["distilled"] + usd * more + s0)
            for usd in (now, then)
        ]
        earned = small * lasts * (orders[1] - orders[0]) / p.cycle_months
    return earned - (then - now)


def research(rows, shares, demand_elasticity, rents, rules, weights, p, month="2022-01", factors=(1,) * 5):
    """Eq. L.4. rows: dicts of accounts and technology; returns (wanted, eta, m, uses) by lab."""
    years = belief([r["revenue"] for r in rows], weights, p)
    out = []
    for r, s, year, kept in zip(rows, shares, years, rents, strict=True):
        m = 1 - r["serving"] / max(r["revenue"], 1e-9) if r["revenue"] > 0 else 0.5
        m = min(max(m, 0.1), 0.9)
        x = p.discount_per_year / 12 - r["growth"]
        stay = annuity(x + 1 / r["stay_months"], p.life_months) / r["stay_months"]
        eta = r["gamma"] * (demand_elasticity + p.quality_coefficient * (1 - s) * stay)
        earned = eta * (1 - r["cost_share"]) * year / 12 + r["gamma"] * p.ceiling_quality * r["cap_value"] * year / 12
        larger = r["run_elasticity"] * (earned + kept)
        each = uses(earned + kept, larger, earned * r["small_profit_share"], r["growth"], r, p)
        out.append([math.fsum(each), eta, m, each])
    leader = max((row[0] for row in out), default=0.0)
    for row, r, rule, year in zip(out, rows, rules, years, strict=True):
        if rule == "race" and row[0] < 0.8 * leader:
            row[0] = 0.8 * leader
        if rule == "erdil":
            row[0] = max(r["serving"], r["rd"] / 1000) / p.compute_share_of_rd
        if rule == "revenue_share":
            row[0] = 0.7 * max(r["revenue"], year / 12)
        if rule == "schedule" and month >= "2024":
            hours = scheduled(month)
            row[0] = (
                math.fsum(h * f for h, f in zip(hours, factors, strict=True)) * r["serving"] / p.compute_share_of_rd
            )
    return [tuple(row) for row in out]


def match(horizon, p):
    """Eq. L.1b."""
    out = []
    for i, h in enumerate(horizon):
        rival = max(x for k, x in enumerate(horizon) if k != i)
        out.append(h**p.quality_coefficient / (h**p.quality_coefficient + rival**p.quality_coefficient))
    return out


def rents_lost(matched, reach, p):
    """Eq. L.1c."""
    return [p.rent_hazard_per_year * reach * (1 - p.rent_defended_share * m) / 12 for m in matched]


def contract_price(market, change, interest, p):
    """Eq. L.15 as the level price worth the market's path, month by month in small steps."""
    n, r, d = p.contract_months, interest / 12, change / 12
    if 1 / n + r - d < 0.1 * (1 / n + r):
        return market * 10
    h, hours, worth, t = n / 2000, 0.0, 0.0, 0.0
    while True:
        left = math.exp(-(1 / n + r) * (t + h / 2))
        grown = math.exp(d * (t + h / 2))
        hours, worth, t = hours + left * h, worth + left * grown * h, t + h
        if left * max(grown, 1.0) < 1e-9:
            return market * worth / hours


def sign(hours, usd, planned, price, p):
    """Eq. L.16: (hours, mean price) by lab."""
    out = []
    for h, q, plan in zip(hours, usd, planned, strict=True):
        left = h - h / p.contract_months
        now = max(left, p.contracted_share * plan)
        out.append((now, (left * q + (now - left) * price) / now if now > 0 else q))
    return out


#: AI-2027: training, of which pre-training, synthetic data, experiments, automation, external, monitoring, in per cent.
AI2027 = {
    "2024-01": (40, 60, 20, 4, 1, 33, 2),
    "2025-01": (40, 50, 20, 5, 3, 30, 2),
    "2026-01": (40, 40, 20, 6, 4, 28, 2),
    "2027-01": (30, 10, 27, 14, 6, 20, 3),
    "2027-04": (27, 8, 23, 21, 6, 19, 3),
    "2027-07": (22, 5, 22, 28, 6, 18, 3),
    "2027-10": (20, 5, 22, 35, 6, 13, 4),
}


def scheduled(month):
    """Eq. L.7b: hours of the five uses for each hour of external deployment."""
    begun = max(first for first in AI2027 if first <= month)
    training, pre, synthetic, experiments, automation, external, monitoring = AI2027[begun]
    final = training * pre / 100
    uses = (final, experiments, training - final, synthetic, automation + monitoring)
    return [x / external for x in uses]


def budget(rd, wanted, funds, p):
    """Eq. L.5."""
    out = []
    for now, goal, money in zip(rd, wanted, funds, strict=True):
        now, goal = max(now, 1.0), max(goal, 1.0)
        top, bottom = now * math.exp(p.budget_growth_max_per_month), now * math.exp(-p.budget_growth_max_per_month)
        moved = now * (goal / now) ** p.budget_speed_per_month
        out.append(min(min(max(moved, bottom), top), max(money, 0.0)))
    return out


def equity_offer(rows, expected, weights, p):
    """Eq. L.6; rows of (revenue, serving cost)."""
    years = belief([r for r, _ in rows], weights, p)
    total = math.fsum(years)
    out = []
    for (revenue, serving), year in zip(rows, years, strict=True):
        m = min(max(1 - serving / revenue, 0.1), 0.9) if revenue > 0 else 0.5
        capitalised = year / total * m * 12 * expected / p.valuation_discount_per_year
        worth = capitalised / (1 + p.valuation_discount_per_year) ** p.valuation_years
        out.append(p.equity_share_per_year * worth / 12)
    return out


def list_prices(nets, cost, tokens, shares, open_weights, p):
    """Eq. L.8 to L.10. nets: dicts of price and horizon, frontier tier first; returns prices of fresh input."""
    labs = len(open_weights)
    blended, structure = [], []
    for c, t in zip(cost, tokens, strict=True):
        mix = t if sum(t) > 0 else [0.8, 0.0, 0.2]
        total = math.fsum(mix)
        blended.append(math.fsum(a * b for a, b in zip(mix, c, strict=True)) / total)
        structure.append((mix[0] + 0.1 * mix[1] + 5 * mix[2]) / total)
    out = []
    for i, net in enumerate(nets):
        e = max(p.price_coefficient * (1 - shares[i]), 1.25)
        wanted = blended[i] * e / (e - 1)
        tier = range(labs) if i < labs else range(labs, 2 * labs)
        ceilings = []
        for j in tier:
            if open_weights[j - tier[0]]:
                better = max(nets[j]["horizon"], 1e-9) / net["horizon"]
                ceilings.append(blended[j] * p.self_hosting_markup / better**p.ceiling_quality)
        if ceilings:
            wanted = min(wanted, max(min(ceilings), 1.05 * blended[i]))
        if sum(tokens[i]) == 0:
            out.append(net["price"])  # nobody called it: its list price stays
            continue
        log_step = math.log(wanted / structure[i]) - math.log(net["price"])
        out.append(net["price"] * math.exp(p.price_speed_per_month * log_step))
    return out


def price_caps(nets, cost, tokens, shares, open_weights, p):
    """Eq. L.9b, profit at the price aimed at and at one a millionth higher where the cap were so; demand is isoelastic there."""
    at_once = p.replace(price_speed_per_month=1.0)
    plain = [[0.8, 0.0, 0.2] if sum(t) == 0 else t for t in tokens]
    listed = list_prices(nets, cost, plain, shares, open_weights, at_once)
    labs, out = len(open_weights), []
    blended, blend = [], []
    for c, t, price in zip(cost, plain, listed, strict=True):
        blended.append(math.fsum(a * b for a, b in zip(t, c, strict=True)) / sum(t))
        blend.append(price * (t[0] + 0.1 * t[1] + 5 * t[2]) / sum(t))
    for i, (c, price) in enumerate(zip(blended, blend, strict=True)):
        e = max(p.price_coefficient * (1 - shares[i]), 1.25)
        first = i - i % labs
        free = [
            blended[j] / nets[j]["horizon"] ** p.ceiling_quality
            for j in range(first, first + labs)
            if open_weights[j - first]
        ]
        own = open_weights[i % labs] and blended[i] / nets[i]["horizon"] ** p.ceiling_quality <= min(free)
        step = 1e-6  # of ln price
        higher = (price * math.exp(step) - c) * math.exp(-step * e) - (price - c)
        out.append((c / price, 0.0 if own else max(higher / (step * price), 0.0)))
    return out


def forecast_tokens(tokens, growth, forecasters, p, months):
    """Eq. L.11 over so many months: a forecaster for each lab, nets of both tiers."""
    out = []
    for i, (now, g) in enumerate(zip(tokens, growth, strict=True)):
        g = min(max(g, -p.growth_max_per_month), p.growth_max_per_month)
        if forecasters[i % len(forecasters)] == "trend":
            g /= 2
        out.append(max(now, 1e9) * months * mean_growth(g * months))
    return out


def run_length(u, p):
    """Eq. L.12."""
    low, high = p.cycle_months * (1 - p.cycle_spread), p.cycle_months * (1 + p.cycle_spread)
    return [low + x * (high - low) for x in u]


def learn_growth(smoothed, expected, revenue, market, p):
    """Eq. L.13."""
    now = [old + (new - old) / 3 for old, new in zip(smoothed, revenue, strict=True)]
    before = math.fsum(smoothed)
    if before <= p.seed_market_usd_per_year / 12:
        return list(expected)
    world = math.log(max(math.fsum(now), 1.0) / max(before, 1.0))
    out = []
    for old, new, g in zip(smoothed, now, expected, strict=True):
        own = math.log(max(new, 1.0) / max(old, 1.0)) if old > 1 else world
        seen = min(max((own + world) / 2, -0.3), 0.3) / max(1 - before / market, 0.1)
        out.append(g + p.growth_learning_per_month * (seen - g))
    return out


def learn_token_growth(last, expected, tokens, p):
    """Eq. L.14."""
    out = []
    for before, now, g in zip(last, tokens, expected, strict=True):
        seen = p.growth_prior_per_month
        if before > 1 and now > 1:
            seen = min(max(math.log(now / before), -0.2), 0.2)
        out.append((1 - p.growth_learning_per_month) * g + p.growth_learning_per_month * seen)
    return out

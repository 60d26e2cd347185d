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


def research(rows, shares, gamma, demand_elasticity, rules, weights, p, month="2022-01", factors=(1,) * 5):
    """Eq. L.2 to L.4. rows: dicts of revenue, serving, growth, rd; returns (wanted, G, eta, m) by lab."""
    years = belief([r["revenue"] for r in rows], weights, p)
    out = []
    for r, s, year in zip(rows, shares, years, strict=True):
        m = 1 - r["serving"] / max(r["revenue"], 1e-9) if r["revenue"] > 0 else 0.5
        m = min(max(m, 0.1), 0.9)
        eta = gamma * demand_elasticity + gamma * p.quality_coefficient * (1 - s)
        g = min(max(r["growth"], -p.growth_max_per_month), p.growth_max_per_month)
        drift = g - p.discount_per_year / 12  # earnings begin after the lead and last a life
        growth = math.exp(drift * p.lead_months) * mean_growth(drift * p.life_months)
        out.append([eta * m * growth * year / 12, growth, eta, m])
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


def equity_offer(revenue, growth, weights, p):
    """Eq. L.6."""
    offers = []
    for year, g in zip(belief(revenue, weights, p), growth, strict=True):
        g = min(max(g, 0.0), p.growth_max_per_month)
        offers.append(p.equity_multiple * year * math.expm1(12 * g) / 12)
    total, most = math.fsum(offers), p.equity_world_max_usd_per_year / 12
    return [x * most / total for x in offers] if total > most else offers


def powers(frontier, small, gamma, gamma_rollout, rollout_reference, taught, data_limit, slope, p):
    """Elasticities of capability to the five uses, by lab. frontier, small: dicts of a net's columns for each lab."""
    out = []
    for net, little, checked, text in zip(frontier, small, taught, data_limit, strict=True):
        learned = net["rollouts"] / (net["rollouts"] + rollout_reference)
        scarce = net["tokens"] / text + min(little["flop"] / max(net["flop"], 1.0), 0.1)
        ready = 1 / (1 + (p.research_task_minutes / max(net["horizon"], 1e-9)) ** slope)
        row = [
            gamma,
            gamma * p.experiment_elasticity,
            gamma_rollout * checked * max(learned, 0.2),
            gamma * p.synthetic_elasticity * min(max(scarce, 0.0), 1.0),
            gamma * p.experiment_elasticity * ready,
        ]
        out.append(row)
    return out


def split(*given):
    """Eq. L.7: rows of five shares, so that elasticity / share is the same in all uses."""
    return [[x / math.fsum(row) for x in row] for row in powers(*given)]


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


def learn_growth(smoothed, expected, revenue, p):
    """Eq. L.13."""
    now = [old + (new - old) / 3 for old, new in zip(smoothed, revenue, strict=True)]
    before = math.fsum(smoothed)
    if before <= p.seed_market_usd_per_year / 12:
        return list(expected)
    world = math.log(max(math.fsum(now), 1.0) / max(before, 1.0))
    out = []
    for old, new, g in zip(smoothed, now, expected, strict=True):
        own = math.log(max(new, 1.0) / max(old, 1.0)) if old > 1 else world
        seen = min(max((own + world) / 2, -p.growth_max_per_month), p.growth_max_per_month)
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

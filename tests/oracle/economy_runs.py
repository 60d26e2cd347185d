"""Training runs again: what the next one costs and which net it makes (MODEL.md 7.3 and 7.12)."""

import math

from tests.oracle import compute, lab, link, neural
from tests.oracle.economy_base import LIST, PEAK, RESEARCH, SMALL, UNSEEN, dot


def plan_run(e, i, tier, u):
    """The next run of lab `i` in a tier: compute from the lab's budget, size from forecast tokens (L.11, L.12, N.5c)."""
    p, me, j = e.p, e.labs[i], i + tier * len(e.labs)
    net = e.nets[j]
    cost = training_usd_per_flop(e, i)
    part = p.lab.small_share if tier == SMALL else 1 - p.lab.small_share
    monthly = me["rd"] * p.lab.compute_share_of_rd * me["split"][0] * part
    (months,) = lab.run_length([u], p.lab)
    flop = max(min(monthly * months / cost, p.lab.run_growth_max * net["flop"]), 1e18)  # the smallest run planned
    planned = lab.forecast_tokens([n["served"] for n in e.nets], [n["served_growth"] for n in e.nets],
                                  e.forecasters, p.lab)[j]  # fmt: skip
    missing = max(p.lab.seed_market_usd_per_year * e.weights[i] / 12 - me["revenue"], 0.0)
    planned += missing / 2 / (dot(UNSEEN, LIST) * net["price"]) * p.lab.planning_months
    ripe = min(p.link.software_floor / link.software_overhead(e.served_tokens, p.link), 1.0)
    serve = planned * e.serving_usd[j] * ripe / (2 * net["size"])
    size, tokens = net_for_budget(flop, cost, serve, e.law, data_limit(e, i), p.neural.parameters_min)
    me["runs"][tier] = {"flop": 6 * size * tokens, "size": size, "tokens": tokens, "done": 0.0}


def net_for_budget(flop, train_usd, serve_usd, law, limit, smallest):
    """Eq. N.5c by halving ln N below the compute-optimal net, then the bounds of N.5."""
    low, high = math.log(compute_optimal(flop, law)[0]) - 40, math.log(compute_optimal(flop, law)[0])
    for _ in range(100):
        n = math.exp((low + high) / 2)
        d = flop / 6 / n
        left = law.alpha * law.a * n**-law.alpha / (law.beta * law.b * d**-law.beta)
        if left > 1 + serve_usd / (3 * train_usd * d):
            low = (low + high) / 2
        else:
            high = (low + high) / 2
    n = max(math.exp((low + high) / 2), flop / 6 / limit, smallest)
    return n, flop / 6 / n


def compute_optimal(flop, law):
    """Eq. N.2."""
    g = (law.alpha * law.a / (law.beta * law.b)) ** (1 / (law.alpha + law.beta))
    n = g * (flop / 6) ** (law.beta / (law.alpha + law.beta))
    return n, flop / 6 / n


def data_limit(e, i):
    """Eq. N.6."""
    p = e.p.neural
    synthetic = e.labs[i]["synthetic"] / p.synthetic_flop_per_token
    return neural.data_limit(synthetic, p.text_tokens, p.usable_text_share, p.epochs_useful)


def market_price(e):
    """Contract price, mean over machines."""
    stock = [v["stock"] for v in e.providers]
    return dot(stock, [v["contract"] for v in e.providers]) / math.fsum(stock)


def training_usd_per_flop(e, i):
    """Cost of an operation of lab `i`'s final run: the hour on the cluster that its budget rents (K.5)."""
    p, usd = e.p, market_price(e)
    hours = e.labs[i]["rd"] * p.lab.compute_share_of_rd * e.labs[i]["split"][0] / usd
    done = link.training_flop(1.0, max(hours / 730, 1.0), p.link)
    return usd * compute.price_factors(p.compute)[RESEARCH[0]] / max(done, PEAK / 1000)

"""The market for hours, sections 7.8 and step 10."""

import math

from tests.reference import economy_link as link
from tests.reference import economy_orchestrator as orchestrator
from tests.reference import economy_physical as physical
from tests.reference.economy_tables import CLASSES, ELASTICITY, H100E, TIMING, USES


def spot_price(p, price, use):
    """Eq. M.7: spot price."""
    u = min(use, 0.95)
    return price * (1.0 + p["compute.spot_premium"] * u / (1.0 - u))


def profile(p, name):
    """Eq. M.1: parts of a class's work in peak and valley where it cannot wait."""
    peak = 0.5 if TIMING[name] == "steady" else 0.5 * p["compute.peak_load"]
    return peak, 1.0 - peak


def class_price(p, name, ratio, waits):
    """Eq. M.2: what a class pays over the mean contract price."""
    timed = sum(a * r for a, r in zip(profile(p, name), ratio, strict=True))
    return (1.0 - waits) * timed + waits * min(ratio)


def post(w, f):
    """Step 3: prices of both blocks of the day and the spot price hold for the month."""
    p = w.p
    f.price = sum(v.price * h for v, h in zip(w.providers, f.offered, strict=False)) / sum(f.offered)
    f.spot = spot_price(p, f.price, w.use)
    f.paid = 1.0 + p["compute.spot_share"] * (f.spot / f.price - 1.0)
    names = [*CLASSES, "ranking", "other", *USES]
    f.waits = {name: 1.0 if TIMING[name] == "deferrable" else 0.0 for name in names}
    timed = class_price(p, "standing", w.block_ratio, 0.0)
    f.waits["standing"] = orchestrator.batch_share(p, 1.0 - min(w.block_ratio) / timed)
    f.class_price = {name: class_price(p, name, w.block_ratio, f.waits[name]) for name in names}
    f.block_price = [f.price * r for r in w.block_ratio]


def clearing_price(terms, usable):
    """Eq. M.3: price at which (hours, posted price, elasticity) meet the usable hours, by bisection."""
    terms = [term for term in terms if term[0] > 0.0]
    low = math.log(min(q for _, q, _ in terms)) - 16.0
    high = math.log(max(q for _, q, _ in terms)) + 16.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if sum(h * math.exp(-e * (middle - math.log(q))) for h, q, e in terms) > usable:
            low = middle
        else:
            high = middle
    return math.exp(0.5 * (low + high))


def fill_rate(x, price, elasticity):
    """Part of demand that is served at a posted price (M.5)."""
    return 1.0 if x <= price * (1.0 + 1e-12) else (x / price) ** -elasticity  # a bisection knows no more


def running_cost(w):
    """Running cost of an hour: electricity at mean watts of all machines, and P.9 (section 7.1)."""
    watts = physical.facility_watts(w.p, physical.fleet_mean(w, "watts"))
    return watts / 1000.0 * w.p["physical.electricity_usd_per_kwh"] + physical.upkeep(w.p, watts)


def next_price(p, price, x, floor):
    """Eq. M.6: next month's price of a block."""
    return max(price * (x / price) ** p["compute.price_speed"], floor)


def day(w, f, demands):
    """Eq. M.4 and M.5: clearing prices of peak and valley, hours served of (name, hours, elasticity)."""
    p = w.p
    q = f.block_price
    half = 0.5 * sum(f.offered) * p["compute.utilisation_max"]
    timed = [[], []]
    waiting = []
    for name, hours, e in demands:
        waits = f.waits[name]
        for b in (0, 1):
            timed[b].append((hours * (1.0 - waits) * profile(p, name)[b], q[b], e))
        waiting.append((hours * waits, min(q), e))
    x = [clearing_price(timed[0] + timed[1] + waiting, 2.0 * half)] * 2
    if sum(h * math.exp(-e * math.log(x[0] / posted)) for h, posted, e in timed[0]) > half:
        x[0] = clearing_price(timed[0], half)
        if any(h > 0.0 for h, _, _ in timed[1] + waiting):
            x[1] = min(clearing_price(timed[1] + waiting, half), x[0])
    f.clearing = [max(y, running_cost(w)) for y in x]
    rates = []
    for name, _, e in demands:
        waits = f.waits[name]
        parts = [(1.0 - waits) * profile(p, name)[b] for b in (0, 1)] + [waits]
        fills = [fill_rate(x[b], q[b], e) for b in (0, 1)] + [fill_rate(x[1], min(q), e)]
        rate = sum(a * r for a, r in zip(parts, fills, strict=True))
        rates.append(1.0 if rate > 1.0 - 1e-12 else rate)
    return rates


def clear(w, f):
    """Step 10: fill rates, queues, served amounts."""
    p = w.p
    e_v, e_l, e_r = (p["compute.elasticity_" + ELASTICITY[k]] for k in (CLASSES[0], "ranking", USES[0]))
    research = [sum(lab[u] for lab in f.research_hours) for u in range(5)]
    demands = [(name, d, e_v) for name, d in zip(CLASSES, f.serving_hours, strict=True)]
    demands += [(name, d, e_l) for name, d in zip(("ranking", "other"), f.legacy_hours, strict=True)]
    demands += [(name, d, e_r) for name, d in zip(USES, research, strict=True)]
    f.demand_hours = sum(d for _, d, _ in demands)
    f.asked_usd = sum(d * f.class_price[name] for name, d, _ in demands) * f.price * f.paid
    rates = day(w, f, demands)
    f.phi = v = rates[:5]
    leg, res = rates[5:7], rates[7:]
    f.served = [[[v[s] * k for k in kinds] for kinds in tiers] for s, tiers in enumerate(f.total)]
    f.tokens_served = [sum(sum(kinds) for kinds in tiers) for tiers in f.served]
    f.net_hours = [[[v[s] * h for h in row] for row in rows] for s, rows in enumerate(f.net_hours)]
    f.net_flop = [[[v[s] * h for h in row] for row in rows] for s, rows in enumerate(f.net_flop)]
    f.serving_served = [a * h for a, h in zip(v, f.serving_hours, strict=True)]
    f.legacy_served = [a * h for a, h in zip(leg, f.legacy_hours, strict=True)]
    f.research_served = [[a * h for a, h in zip(res, row, strict=True)] for row in f.research_hours]
    w.queue = [[[0.5 * (1.0 - v[s]) * k for k in kinds] for kinds in tiers] for s, tiers in enumerate(f.new)]
    w.queue_legacy = [0.5 * (1.0 - a) * h for a, h in zip(leg, (f.ranking_new, f.other_new), strict=True)]
    for lab, hours in zip(w.labs, f.research_hours, strict=False):
        lab.waiting = [(1.0 - a) * h for a, h in zip(res, hours, strict=True)]
    f.queued = sum(sum(sum(kinds) for kinds in tiers) for tiers in w.queue)
    w.fill = v[:]
    f.used = sum(f.serving_served) + sum(f.legacy_served) + sum(sum(row) for row in f.research_served)
    spread(w, f)


def spread(w, f):
    """Eq. M.10: buyers fill the provider of their house first; the rest follows prices and hours left."""
    p = w.p
    buyers = [sum(f.legacy_served)]
    for i in range(len(w.labs)):
        serving = sum(sum(f.net_hours[s][i]) for s in range(len(CLASSES)))
        buyers.append(serving + sum(f.research_served[i]))
    left = f.offered[:]
    count = len(w.providers)
    f.routed = [[0.0] * count for _ in buyers]
    rest = buyers[:]
    for i, lab in enumerate(w.labs):
        for j, v in enumerate(w.providers):
            if v.house == lab.name:
                hours = min(rest[1 + i], left[j])
                f.routed[1 + i][j] += hours
                rest[1 + i] -= hours
                left[j] -= hours
    total = sum(rest)
    amounts = [0.0] * count
    open_rows = [j for j in range(count) if left[j] > 0.0]
    todo = total
    while todo > 0.0 and open_rows:
        weights = {j: w.providers[j].price ** -p["compute.routing_elasticity"] * left[j] for j in open_rows}
        scale = todo / sum(weights.values())
        full = [j for j in open_rows if weights[j] * scale >= left[j]]
        if not full:
            for j in open_rows:
                amounts[j] = weights[j] * scale
            break
        for j in full:
            amounts[j] = left[j]
            todo -= left[j]
            open_rows.remove(j)
    for b in range(len(buyers)):
        for j in range(count):
            f.routed[b][j] += rest[b] * amounts[j] / total if total > 0.0 else 0.0
    f.buyer_price = []
    for b, hours in enumerate(buyers):
        if hours > 0.0:
            f.buyer_price.append(
                sum(r * v.price for r, v in zip(f.routed[b], w.providers, strict=False)) / sum(f.routed[b])
            )
        else:
            f.buyer_price.append(f.price)
    f.provider_used = [sum(f.routed[b][j] for b in range(len(buyers))) for j in range(count)]


def compute_work(w, f):
    """Operations (K.5, K.6) and electricity (P.5, P.8) of all classes of work."""
    p = w.p
    f.research_flop = []
    for hours in f.research_served:
        cluster = link.cluster_of(hours[0])
        final = hours[0] * link.training_flop_an_hour(p, cluster)
        experiment = hours[1] * link.training_flop_an_hour(p, p["link.reference_cluster_h100e"])
        f.research_flop.append([final, experiment] + [h * link.rollout_flop_an_hour(p) for h in hours[2:]])
    f.legacy_flop = [h * 3600.0 * H100E * p["link.legacy_utilisation"] for h in f.legacy_served]
    serving = sum(f.serving_served)
    f.mean_load = (serving * physical.class_load(p, True) + f.used - serving) / f.used
    kwh = []
    for used, offered, watts in zip(f.provider_used, f.offered, f.watts, strict=False):
        each = physical.facility_watts(p, watts)
        kwh.append(physical.energy_kwh(p, used, f.mean_load, offered, each) if offered > 0.0 else 0.0)
    f.provider_kwh = kwh
    f.use = f.used / sum(f.offered)


def paid_hours(w, f):
    """Payments for hours (M.7): by lab serving and research, ranking, other; receipts of providers."""
    factors = [f.class_price[name] for name in USES]
    f.serving_paid = []
    f.net_cost = []
    f.serving_paid_class = [[] for _ in CLASSES]
    f.research_paid = []
    for i in range(len(w.labs)):
        price = f.buyer_price[1 + i] * f.paid
        rows = [sum(f.net_hours[s][i]) * price * f.class_price[CLASSES[s]] for s in range(len(CLASSES))]
        for s, usd in enumerate(rows):
            f.serving_paid_class[s].append(usd)
        f.serving_paid.append(sum(rows))
        f.net_cost.append(
            [sum(f.net_hours[s][i][t] * price * f.class_price[CLASSES[s]] for s in range(len(CLASSES))) for t in (0, 1)]
        )
        f.research_paid.append([h * price * k for h, k in zip(f.research_served[i], factors, strict=False)])
    price = f.buyer_price[0] * f.paid
    f.ranking_paid = f.legacy_served[0] * price * f.class_price["ranking"]
    f.other_paid = f.legacy_served[1] * price * f.class_price["other"]
    bills = [f.ranking_paid + f.other_paid]
    bills += [a + sum(b) for a, b in zip(f.serving_paid, f.research_paid, strict=False)]
    f.provider_revenue = [0.0] * len(w.providers)
    for bill, routed in zip(bills, f.routed, strict=False):
        worth = [r * v.price for r, v in zip(routed, w.providers, strict=False)]
        total = sum(worth)
        for j, x in enumerate(worth):
            f.provider_revenue[j] += bill * x / total if total > 0.0 else 0.0

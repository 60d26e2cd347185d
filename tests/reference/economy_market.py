"""The market for hours, sections 7.8 and step 10."""

import math

from tests.reference import economy_link as link
from tests.reference import economy_physical as physical
from tests.reference.economy_stack import price_factor, research_factors
from tests.reference.economy_tables import CLASSES, ELASTICITY, H100E, USES


def spot_price(p, price, use):
    """Eq. M.5: spot price."""
    u = min(use, 0.95)
    return price * (1.0 + p["compute.spot_premium"] * u / (1.0 - u))


def post(w, f):
    """Step 3: contract and spot prices hold for the month."""
    f.price = sum(v.price * h for v, h in zip(w.providers, f.offered, strict=False)) / sum(f.offered)
    f.spot = spot_price(w.p, f.price, w.use)
    f.paid = 1.0 + w.p["compute.spot_share"] * (f.spot / f.price - 1.0)


def clearing_price(p, demands, price, offered):
    """Eq. M.1 and M.2: clearing price of (hours, elasticity) at the posted price."""
    goal = p["compute.utilisation_max"] * offered
    floor = p["compute.operating_usd_per_h"]

    def excess(ln_x):
        """Eq. M.1 less the goal of M.2."""
        x = math.exp(ln_x)
        return sum(d * (x / price) ** -e for d, e in demands) - goal

    low, high = math.log(price) - 30.0, math.log(price) + 30.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if excess(middle) > 0.0:
            low = middle
        else:
            high = middle
    return max(math.exp(0.5 * (low + high)), floor)


def fill_rate(x, price, elasticity):
    """Eq. M.3: part of demand that is served."""
    return 1.0 if x <= price else (x / price) ** -elasticity


def next_price(p, price, x):
    """Eq. M.4: next month's contract price."""
    return max(price * (x / price) ** p["compute.price_speed"], p["compute.operating_usd_per_h"])


def clear(w, f):
    """Step 10: fill rates, queues, served amounts."""
    p = w.p
    e_v, e_l, e_r = (p["compute.elasticity_" + ELASTICITY[k]] for k in (CLASSES[0], "ranking", USES[0]))
    research = [sum(lab[u] for lab in f.research_hours) for u in range(5)]
    demands = [(d, e_v) for d in f.serving_hours] + [(d, e_l) for d in f.legacy_hours] + [(d, e_r) for d in research]
    f.demand_hours = sum(d for d, _ in demands)
    f.clearing = clearing_price(p, demands, f.price, sum(f.offered))
    f.phi = [fill_rate(f.clearing, f.price, e) for e in (e_v, e_l, e_r)]
    v, leg, res = f.phi
    f.served = [[[v * k for k in kinds] for kinds in tiers] for tiers in f.total]
    f.tokens_served = [sum(sum(kinds) for kinds in tiers) for tiers in f.served]
    f.net_hours = [[[v * h for h in row] for row in rows] for rows in f.net_hours]
    f.net_flop = [[[v * h for h in row] for row in rows] for rows in f.net_flop]
    f.serving_served = [v * h for h in f.serving_hours]
    f.legacy_served = [leg * h for h in f.legacy_hours]
    f.research_served = [[res * h for h in row] for row in f.research_hours]
    w.queue = [[[0.5 * (1.0 - v) * k for k in kinds] for kinds in tiers] for tiers in f.new]
    w.queue_legacy = [0.5 * (1.0 - leg) * h for h in (f.ranking_new, f.other_new)]
    for lab, hours in zip(w.labs, f.research_hours, strict=False):
        lab.waiting = [(1.0 - res) * h for h in hours]
    f.queued = sum(sum(sum(kinds) for kinds in tiers) for tiers in w.queue)
    w.fill = [v] * 5
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


def serving_factor(w, f, s):
    """Price factor of a serving class (M.5); standing jobs pay the batch factor for the part that waits."""
    factor = price_factor(w.p, CLASSES[s])
    return 1.0 - f.batch * (1.0 - factor) if CLASSES[s] == "standing" else factor


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
    """Payments for hours (M.5): by lab serving and research, ranking, other; receipts of providers."""
    p = w.p
    factors = research_factors(p)
    f.serving_paid = []
    f.serving_paid_class = [[] for _ in CLASSES]
    f.research_paid = []
    for i in range(len(w.labs)):
        price = f.buyer_price[1 + i] * f.paid
        rows = [sum(f.net_hours[s][i]) * price * serving_factor(w, f, s) for s in range(len(CLASSES))]
        for s, usd in enumerate(rows):
            f.serving_paid_class[s].append(usd)
        f.serving_paid.append(sum(rows))
        f.research_paid.append([h * price * k for h, k in zip(f.research_served[i], factors, strict=False)])
    price = f.buyer_price[0] * f.paid
    f.ranking_paid = f.legacy_served[0] * price * price_factor(p, "ranking")
    f.other_paid = f.legacy_served[1] * price * price_factor(p, "other")
    bills = [f.ranking_paid + f.other_paid]
    bills += [a + sum(b) for a, b in zip(f.serving_paid, f.research_paid, strict=False)]
    f.provider_revenue = [0.0] * len(w.providers)
    for bill, routed in zip(bills, f.routed, strict=False):
        worth = [r * v.price for r, v in zip(routed, w.providers, strict=False)]
        total = sum(worth)
        for j, x in enumerate(worth):
            f.provider_revenue[j] += bill * x / total if total > 0.0 else 0.0

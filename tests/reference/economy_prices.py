"""Labs' list prices, expected tokens and who calls which nets (L.8 to L.10, L.14, F.3)."""

import math

from tests.reference import economy_link as link
from tests.reference.economy_machines import clip


def learn_token_growth(w, f):
    """Eq. L.14: expected growth of each net's tokens."""
    p = w.p
    for i, lab in enumerate(w.labs):
        for tier, net in enumerate(lab.nets):
            kinds = [w.calls[tier][i] * sum(f.served[s][tier][q] for s in range(5)) for q in range(3)]
            now = sum(kinds)
            seen = p["lab.growth_prior_per_month"]
            if now > 0.0 and net.tokens > 0.0:
                seen = clip(math.log(now / net.tokens), -0.2, 0.2)
            net.growth += p["lab.growth_learning_per_month"] * (seen - net.growth)
            net.tokens = now
            net.kinds = [k / now for k in kinds] if now > 0.0 else None


def structure(mix):
    """Mean of the list structure at a mix of kinds (L.10)."""
    return mix[0] + 0.1 * mix[1] + 5.0 * mix[2]


NOBODY = [0.8, 0.0, 0.2]


def token_cost(f, net):
    """Cost of a token of each kind: K.3 at market price x paid factor (L.8)."""
    return [s * f.price * f.paid / 3600.0 for s in net.seconds]


def forecast_tokens(p, lab, net, months):
    """Eq. L.11: tokens of a net over the coming months."""
    top = p["lab.growth_max_per_month"]
    g = min(max(net.growth, -top), top)
    if lab.forecaster == "trend":
        g *= 0.5
    grown = (math.exp(g * months) - 1.0) / (g * months) if abs(g * months) > 1e-12 else 1.0
    return max(net.tokens, 1e9) * months * grown


def software_ahead(w):
    """Factor of L.8: serving overhead (K.9) expected so many months ahead over today's."""
    p = w.p
    months = p["lab.pricing_months"]
    coming = sum(forecast_tokens(p, lab, net, months) for lab in w.labs for net in lab.nets)
    return link.software_overhead(p, w.served_ever + coming) / link.software_overhead(p, w.served_ever)


def list_prices(w, f):
    """Eq. L.8 to L.10: list prices move toward the markup of logit competition under the ceiling."""
    p = w.p
    ahead = software_ahead(w)
    for tier in (0, 1):
        costs = []
        for lab in w.labs:
            net = lab.nets[tier]
            net.cost = token_cost(f, net)
            costs.append(ahead * sum(a * b for a, b in zip(net.cost, net.kinds or NOBODY, strict=False)))
        total = sum(lab.nets[tier].tokens for lab in w.labs)
        q = p["lab.ceiling_quality"]
        offers = [
            p["lab.self_hosting_markup"] * c / lab.nets[tier].horizon ** q
            for c, lab in zip(costs, w.labs, strict=False)
            if lab.kind == "open"
        ]
        for i, lab in enumerate(w.labs):
            net = lab.nets[tier]
            share = net.tokens / total if total > 0.0 else w.calls[tier][i]
            e = max(p["lab.price_coefficient"] * (1.0 - share), 1.25)
            wanted = costs[i] * e / (e - 1.0)
            if offers:
                wanted = min(wanted, max(min(offers) * net.horizon**q, 1.05 * costs[i]))
            net.cost_share = costs[i] / wanted
            net.cap_value = max(1.0 - (1.0 - net.cost_share) * e, 0.0)
            if lab.kind == "open" and p["lab.self_hosting_markup"] * costs[i] / net.horizon**q <= min(offers):
                net.cap_value = 0.0
            if net.tokens <= 0.0:
                continue
            goal = wanted / structure(net.kinds or NOBODY)
            net.price *= (goal / net.price) ** p["lab.price_speed_per_month"]


def choose_nets(w):
    """Eq. F.3 for nets by tier, with next month's list prices; all classes choose alike."""
    p = w.p
    inertia = p["app_network.net_inertia"]
    for tier in (0, 1):
        odds = []
        for lab in w.labs:
            net = lab.nets[tier]
            o = p["lab.quality_coefficient"] * math.log(net.horizon) - p["lab.price_coefficient"] * math.log(net.price)
            odds.append(o - (p["app_network.open_penalty"] if lab.kind == "open" else 0.0))
        top = max(odds)
        weights = [math.exp(o - top) for o in odds]
        total = sum(weights)
        w.calls[tier] = [
            inertia * x + (1.0 - inertia) * k / total for x, k in zip(w.calls[tier], weights, strict=False)
        ]

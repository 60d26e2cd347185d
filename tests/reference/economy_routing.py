"""Agents' own visibility, section 7.10: orchestrators sell the places of their lists to skills."""

from tests.reference import economy_auction as auction
from tests.reference import economy_draws as draws

RESERVE = 0.0


def places(w, kind):
    """Rows of the nodes of a kind (section 5)."""
    return [i for i, n in enumerate(w.nodes) if n.kind == kind]


def value(p, node):
    """What a routed call is worth to a skill (section 7.10)."""
    return (1.0 - p["orchestrator.operating_share"]) * node.price


def envy_free(w, skills):
    """Eq. M.34 in one market of all skills."""
    qualities = [w.nodes[j].quality for j in skills]
    values = [value(w.p, w.nodes[j]) for j in skills]
    return auction.envy_free_bids(qualities, values, auction.click_rates(w.p, 1.0))


def opening_bids(w):
    """Opening bids of skills by M.34 in one market of all skills (section 5)."""
    skills = places(w, 1)
    for j, best in zip(skills, envy_free(w, skills), strict=False):
        w.nodes[j].bid = best


def one_list(w, place, caller, skills):
    """Eq. M.30 to M.32, M.39: an orchestrator's list; payments, click rates taken, shares of skills."""
    p = w.p
    rule = p["auction.rule"]
    linked = [(k, j) for k, j in enumerate(skills) if w.edges[caller][j] > 0.0]
    rates = auction.click_rates(p, 1.0)
    qualities = [w.nodes[j].quality for _, j in linked]
    bids = [w.nodes[j].bid for _, j in linked]
    lucks = [draws.uniform(w.seed, "auction.routing_luck", w.t, len(skills) * place + k) for k, _ in linked]
    order = auction.ranking(rule, RESERVE, qualities, bids, lucks)
    paid = auction.payment(rule, RESERVE, rates, qualities, bids, order)
    shares = auction.custom(rates, len(linked), order)
    return paid, sum(rates[: len(order)]), {j: x for (_, j), x in zip(linked, shares, strict=False)}


def respond(w, skills):
    """Eq. M.35: bids of skills answer in one market."""
    for j, best in zip(skills, envy_free(w, skills), strict=False):
        n = w.nodes[j]
        z = draws.normal(w.seed, "auction.routing", w.t, j)
        n.bid = auction.respond(w.p, RESERVE, n.bid, best, value(w.p, n), z)


def lists(w, f):
    """Section 7.10: spending of skills at the new ad-funded share (I.4), places bought (T.5), then next bids."""
    skills = places(w, 1)
    callers = places(w, 0)
    sold = w.ad_funded * sum(f.traffic[j] for j in skills)
    weights = [f.traffic[i] * sum(w.edges[i][j] for j in skills) for i in callers]
    f.bought = {}
    f.routing_spend = 0.0
    for place, (i, weight) in enumerate(zip(callers, weights, strict=False)):
        paid, taken, f.bought[i] = one_list(w, place, i, skills)
        if taken > 0.0 and weight > 0.0:
            f.routing_spend += sold * weight / sum(weights) * paid / taken
    respond(w, skills)

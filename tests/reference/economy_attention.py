"""Both attention markets of services and what they are worth (section 7.10: M.37 to M.39, welfare)."""

from types import SimpleNamespace

from tests.reference import economy_auction as auction
from tests.reference import economy_draws as draws


def rates_of(p, market):
    """Eq. M.36: click rates; market 0 are clicks of people, 1 invocations by agents."""
    return auction.click_rates(p, p["auction.clicks_per_hour"] if market == 0 else 1.0)


def envy_free(w, market):
    """Eq. M.34 in a market of services."""
    qualities = [s.quality for s in w.services]
    return auction.envy_free_bids(qualities, [s.value[market] for s in w.services], rates_of(w.p, market))


def opening_bids(w):
    """Opening bids by M.34 (section 5)."""
    for s in w.services:
        s.bid = [0.0, 0.0]
    for market in (0, 1):
        for s, bid in zip(w.services, envy_free(w, market), strict=False):
            s.bid[market] = bid


def outcome(w, market):
    """Eq. M.30 to M.32, M.38, M.39: the month's auction of a market."""
    p = w.p
    rule, reserve = p["auction.rule"], p["auction.reserve_usd"]
    rates = rates_of(p, market)
    qualities = [s.quality for s in w.services]
    bids = [s.bid[market] for s in w.services]
    count = len(w.services)
    lucks = [draws.uniform(w.seed, "auction.luck", w.t, s.identity + market * count) for s in w.services]
    order = auction.ranking(rule, reserve, qualities, bids, lucks)
    return SimpleNamespace(
        paid=auction.payment(rule, reserve, rates, qualities, bids, order),
        taken=sum(rates[: len(order)]),
        kept=auction.quality_kept(rates, qualities, order),
        custom=auction.custom(rates, count, order),
    )


def respond(w, market):
    """Eq. M.35: bids of services answer."""
    count = len(w.services)
    for s, best in zip(w.services, envy_free(w, market), strict=False):
        z = draws.normal(w.seed, "auction.bid", w.t, s.identity + market * count)
        s.bid[market] = auction.respond(w.p, w.p["auction.reserve_usd"], s.bid[market], best, s.value[market], z)


def split_budget(w, hours, invocations):
    """Eq. M.37: share of budgets in the agent market."""
    p = w.p
    x = 1.0 / (1.0 - p["auction.budget_exponent"])
    amounts = []
    for market, sold in ((0, hours), (1, invocations)):
        mean = sum(s.value[market] for s in w.services) / len(w.services)
        amounts.append(rates_of(p, market)[0] * mean * sold)
    top = max(amounts)
    goal = 0.0
    if top > 0.0:
        human, agent = (amounts[0] / top) ** x, (amounts[1] / top) ** x
        goal = agent / (agent + human)
    for s in w.services:
        s.split += p["auction.budget_speed"] * (goal - s.split)


def worth(w, f, clicks, calls, hours, invocations, split):
    """Welfare: value of clicks and sponsored invocations to services, by M.39; concentration of both."""
    f.services_value = 0.0
    f.services_custom = []
    bought = clicks.taken * hours * (1.0 - split)
    invoked = calls.taken * invocations
    for s, a, b in zip(w.services, clicks.custom, calls.custom, strict=False):
        f.services_value += bought * a * s.value[0] + invoked * b * s.value[1]
        f.services_custom.append(bought * a + invoked * b)


def auctions(w, f):
    """Section 7.10: both auctions of the month, then bids and budgets of the next."""
    split = sum(s.split for s in w.services) / len(w.services)
    clicks, calls = outcome(w, 0), outcome(w, 1)
    hours = sum(f.app_hours[k] * a.ad_load for k, a in enumerate(w.apps))
    invocations = w.ad_funded * f.agent_tasks_served
    f.hour_price = clicks.paid * (1.0 - split)
    f.click_price = f.hour_price / clicks.taken if clicks.taken > 0.0 else 0.0
    f.advertising = [f.app_hours[k] * a.ad_load * f.hour_price for k, a in enumerate(w.apps)]
    f.invocation_spend = min(calls.paid * invocations, split * clicks.paid * hours)
    f.invocation_price = f.invocation_spend / invocations if invocations > 0.0 else 0.0
    f.quality_kept = calls.kept
    worth(w, f, clicks, calls, hours, invocations, split)
    for market in (0, 1):
        respond(w, market)
    split_budget(w, hours, invocations)

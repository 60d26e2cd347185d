"""Providers again, as the text of the equations. Twin of agents/provider.py."""

import math


def build(shares, premiums, stock, price):
    """The opening: (stock, premium, contract price) by firm; premiums average to one over the stock."""
    total = math.fsum(shares)
    mean = math.fsum(s * q for s, q in zip(shares, premiums, strict=True)) / total
    return [(stock * s / total, q / mean, price * q / mean) for s, q in zip(shares, premiums, strict=True)]


def user_cost(price, price_change, running, p):
    """Eq. V.1."""
    rate = p.interest_per_year + p.depreciation_per_year - price_change
    if rate < 0.05:
        rate = 0.05
    hours = 365 * 24 * p.utilisation_planned
    return running + price * rate / hours


def adjustment_cost(investment, chi, years):
    """Eq. V.2 for a whole chi: the binomial sum, without cancellation, is right down to years = 0."""
    total = 0.0
    for k in range(1, chi + 1):
        total += math.comb(chi, k) * years ** (k - 1) * investment**k
    return total / chi


def order(rows, demand, growth, user_cost_usd, machine, parent_cash, room, hours_each, p):
    """Eq. V.3 to V.5. rows: dicts of a provider's columns; returns (desired, ordered, premium) by provider."""
    growth = min(max(growth, -p.growth_max_per_month), p.growth_max_per_month)
    machines = demand / hours_each / p.utilisation_planned * math.exp(growth * p.extrapolation * p.lead_months)
    have = [r["stock"] + r["backlog"] for r in rows]
    everything = math.fsum(have)
    part = [min(h / everything, p.capacity_share_max) if everything > 0 else 0.0 for h in have]
    desired, ordered, premium = [], [], []
    for r, h, s in zip(rows, have, part, strict=True):
        pull = min(max((r["expected"] / user_cost_usd) ** p.profit_elasticity, 0.1), 4.0)
        want = machines * s * pull
        gap = max(want - h, 0.0) / p.order_months
        rate = 12 * gap / max(r["stock"], 1.0)
        dearer = adjustment_cost(rate, round(p.adjustment_exponent), p.adjustment_years) / rate if rate > 0 else 1.0
        owed = (1 - p.deposit_share) * machine * r["backlog"]
        lenders = max(p.leverage_max * (r["book"] + owed) - r["debt"], 0.0)
        parents = p.parent_share_max * r["parent_share"] * parent_cash
        money = max(parents * p.order_months + max(r["cash"], 0.0) + lenders - owed / 2, 0.0)
        desired.append(want)
        premium.append(dearer)
        ordered.append(min(gap, money / p.order_months / (machine * dearer)))
    total = math.fsum(ordered)
    room = max(room, 0.0)
    if total > room:
        ordered = [x * (room / total) for x in ordered]
    return desired, ordered, premium


def finance(cash, debt, book, parents, buffer, p):
    """Eq. V.6, one provider a turn: (from parents, borrowed, repaid, to parents, dividends)."""
    out = []
    for have, owe, machines, parent, want in zip(cash, debt, book, parents, buffer, strict=True):
        come = borrowed = repaid = back = dividends = 0.0
        if have < want:
            come = min(parent, want - have)
            borrowed = min(want - have - come, max(p.leverage_max * machines - owe, 0.0))
        if have > 2 * want:
            repaid = min(have - 2 * want, owe)
            rest = have - 2 * want - repaid
            if parent > 0:
                back = rest / 2
            else:
                dividends = rest / 10
        out.append((come, borrowed, repaid, back, dividends))
    return out


def parent_cash(months, p):
    """Eq. V.7, month by month."""
    usd = p.parent_cash_usd_per_year / 12
    for _ in range(months):
        usd *= math.exp(math.log(1 + p.parent_cash_growth_per_year) / 12)
    return min(usd, p.parent_cash_max_usd_per_year / 12)

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


def worthwhile(worth, p):
    """Eq. V.4b, by halving on the marginal cost (1 + a i)**(chi - 1)."""
    if worth <= 1:
        return 0.0
    low, high = 0.0, 1e9
    for _ in range(300):
        i = (low + high) / 2
        low, high = (i, high) if (1 + p.adjustment_years * i) ** (p.adjustment_exponent - 1) < worth else (low, i)
    return low


def affordable(funds, p):
    """Eq. V.5b, by halving on the cost of Eq. V.2."""
    low, high = 0.0, max(funds, 1e-300)
    for _ in range(2000):
        i = (low + high) / 2
        low, high = (
            (i, high) if adjustment_cost(i, round(p.adjustment_exponent), p.adjustment_years) < funds else (low, i)
        )
        if high - low <= 1e-15 * high:
            break
    return low


def order(rows, spending, user_cost_usd, machine, parent_cash, hours_each, p):
    """Eq. V.3 to V.5b. rows: dicts of a provider's columns; returns (desired, ordered, premium) by provider."""
    machines = spending / user_cost_usd / hours_each / p.utilisation_planned
    have = [r["stock"] + r["backlog"] for r in rows]
    everything = math.fsum(have)
    worth = machines / everything if everything > 0 else math.inf
    desired, ordered, premium = [], [], []
    for r, h in zip(rows, have, strict=True):
        want = machines * (min(h / everything, p.capacity_share_max) if everything > 0 else 0.0)
        stock = max(r["stock"], 1.0)
        owed = (1 - p.deposit_share) * machine * r["backlog"]
        lenders = max(p.leverage_max * (r["book"] + owed) - r["debt"], 0.0)
        parents = p.parent_share_max * r["parent_share"] * parent_cash
        money = max(parents * p.order_months + max(r["cash"], 0.0) + lenders - owed / 2, 0.0) / p.order_months
        pace = worthwhile(worth, p) if p.adjustment_years > 0 or worth <= 1 else math.inf
        rate = min(12 * max(want - h, 0.0) / p.order_months / stock, pace, affordable(12 * money / machine / stock, p))
        desired.append(want)
        dearer = adjustment_cost(rate, round(p.adjustment_exponent), p.adjustment_years) / rate if rate > 0 else 1.0
        premium.append(dearer)
        ordered.append(rate * stock / 12)
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

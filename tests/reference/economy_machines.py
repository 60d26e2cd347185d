"""Providers and the chip supplier (V.1 to V.7, S.1, S.2) and robots' makers."""

import math

from tests.reference import economy_physical as physical
from tests.reference.economy_books import claim, pay
from tests.reference.economy_market import next_price


def clip(x, low, high):
    """Bounds: clip of section 1's conventions (V.3, S.1, L.2)."""
    return min(max(x, low), high)


def unit_cost(w, make):
    """Unit cost of an H100e of the mix (S.2); the parameter is an H100's."""
    h100 = w.generations[2]
    return w.p["supplier.unit_cost_usd_per_h100e"] * make.usd / (h100.usd / h100.h100e)


def chip_price(w, make, backlog_months):
    """Eq. S.2: price of chips, USD per H100e."""
    p = w.p
    markup = (
        p["supplier.markup"] * (backlog_months / p["supplier.target_backlog_months"]) ** p["supplier.markup_elasticity"]
    )
    return unit_cost(w, make) * (1.0 + clip(markup, p["supplier.markup_low"], p["supplier.markup_high"]))


def site_price(p, watts):
    """Site of an H100e: a watt of the mix with server and cooling (section 7.12)."""
    return p["supplier.site_usd_per_w"] * watts * p["physical.server_power_factor"] * p["physical.pue"]


def backlog_to_come(w, f):
    """Months of the backlog to come (S.1), when the expansions under way have come into force."""
    orders = sum(sum(v.recent_orders) for v in w.providers) / w.p["supplier.build_months"]
    supply = f.supply
    backlog = f.backlog
    for growth in w.decisions:
        supply *= 1.0 + growth
        backlog += orders - supply
    return backlog / supply


def expand(p, backlog_months):
    """Eq. S.1: growth of capacity decided."""
    growth = p["supplier.response"] * math.log(max(backlog_months, 1e-6) / p["supplier.target_backlog_months"])
    return clip(growth, -p["supplier.shrink_max_per_month"], p["supplier.growth_max_per_month"])


def parent_cash(p, t):
    """Eq. V.7: operating cash of incumbents a month."""
    cash = p["provider.parent_cash_usd_per_year"] * (1.0 + p["provider.parent_cash_growth_per_year"]) ** (t / 12.0)
    return min(cash, p["provider.parent_cash_max_usd_per_year"]) / 12.0


def user_cost(w, f):
    """Eq. V.1: user cost of an hour."""
    p = w.p
    capital = p["provider.interest_per_year"] + p["provider.depreciation_per_year"] - w.expected_change
    capital = w.machine_price * max(capital, 0.05) / (8760.0 * p["provider.utilisation_planned"])
    kwh = physical.facility_watts(p, f.watts_all) / 1000.0
    return capital + kwh * p["physical.electricity_usd_per_kwh"] + p["provider.opex_usd_per_h"]


def adjustment(p, i):
    """Eq. V.2 over i: cost factor of adding i of capacity a year."""
    chi, a = p["provider.adjustment_exponent"], p["provider.adjustment_years"]
    if a * i <= 0.0:
        return 1.0
    return ((1.0 + a * i) ** chi - 1.0) / (chi * a * i)


def expect(w, f):
    """Adaptive expectations of price and growth (section 7.12)."""
    p = w.p
    v = p["provider.adaptive_per_month"]
    w.expected_price += v * (f.next_market * f.paid - w.expected_price)
    if w.last_demand is not None:
        seen = clip(math.log(f.demand_hours / w.last_demand), -0.3, 0.3)
        w.expected_growth += v * (seen - w.expected_growth)
    w.last_demand = f.demand_hours


def supplier(w, f):
    """Price of the day (S.2) and growth of capacity (S.1)."""
    p = w.p
    months = f.backlog / f.supply
    f.chip_price = chip_price(w, f.make, months)
    f.site_price = site_price(p, f.make.watts)
    last = w.machine_price
    w.machine_price = f.chip_price + f.site_price
    if w.t > 0:
        seen = clip(12.0 * math.log(w.machine_price / last), -0.6, 0.3)
        w.expected_change += p["provider.price_learning_per_month"] * (seen - w.expected_change)
    w.decisions.append(expand(p, backlog_to_come(w, f)))
    w.chips *= 1.0 + w.decisions.pop(0)


def wanted_orders(w, f):
    """Eq. V.3 and V.4: orders of each provider before finance."""
    p = w.p
    growth = min(w.expected_growth, p["provider.growth_max_per_month"])
    hours = f.demand_hours * math.exp(p["provider.extrapolation"] * growth * p["provider.lead_months"])
    wanted = hours / (physical.capacity_hours(p, 1.0) * p["provider.utilisation_planned"])
    wanted *= clip((w.expected_price / f.user_cost) ** p["provider.profit_elasticity"], 0.1, 4.0)
    have = [m + v.ordered for m, v in zip(f.machines, w.providers, strict=False)]
    orders = []
    for x in have:
        share = min(x / sum(have), p["provider.capacity_share_max"])
        orders.append(max(wanted * share - x, 0.0) / p["provider.order_months"])
    return orders


def parents_reach(w, v):
    """Parents' money in reach of a provider a month (V.5)."""
    return v.parent_share * parent_cash(w.p, w.t) * w.p["provider.parent_share_max"]


def funds(w, v):
    """Eq. V.5: funds for orders a month."""
    p = w.p
    committed = v.ordered * w.machine_price * (1.0 - p["provider.deposit_share"])
    lenders = max(p["provider.leverage_max"] * (v.book + committed) - v.debt, 0.0)
    months = p["provider.order_months"]
    return max(parents_reach(w, v) * months + max(v.cash, 0.0) + lenders - committed / 2.0, 0.0) / months


def place_orders(w, f):
    """Eq. V.3 to V.5: orders after finance and sites."""
    p = w.p
    orders = wanted_orders(w, f)
    premium = []
    for j, v in enumerate(w.providers):
        i = 12.0 * orders[j] / f.machines[j] if f.machines[j] > 0.0 else 0.0
        premium.append(adjustment(p, i))
        if orders[j] > 0.0:
            orders[j] = min(orders[j], funds(w, v) / (w.machine_price * premium[j]))
    room = max(p["provider.sites_ahead"] * f.left + f.supply, 0.0)
    total = sum(orders)
    part = min(1.0, room / total) if total > 0.0 else 1.0
    f.orders = [x * part for x in orders]
    f.premium = premium


def pay_machines(w, f):
    """Deposits and premiums (V.4) at order, the rest at delivery, at the price of the day (section 7.12)."""
    p = w.p
    price = w.machine_price
    deposit = p["provider.deposit_share"]
    f.capex = 0.0
    for j, v in enumerate(w.providers):
        usd = f.orders[j] * price * (deposit + f.premium[j] - 1.0) + f.delivered[j] * price * (1.0 - deposit)
        pay(w, f, "providers", "hardware_suppliers", "chips: deposits and deliveries", usd * f.chip_price / price)
        pay(w, f, "providers", "rest_of_world", "data centres", usd * f.site_price / price)
        v.cash -= usd
        f.capex += usd
        v.ordered += f.orders[j]
        v.recent_orders = [*v.recent_orders[1:], f.orders[j]]
        v.book = v.book * (1.0 - 1.0 / p["provider.book_life_months"]) + f.delivered[j] * price
    production = sum(f.delivered) * unit_cost(w, f.make)
    pay(w, f, "hardware_suppliers", "rest_of_world", "chip production", production)


def finance(w, f, j):
    """Eq. V.6: parents and lenders close a gap to the buffer; spare cash repays and returns."""
    p = w.p
    v = w.providers[j]
    buffer = 0.5 * f.provider_revenue[j]
    gap = max(buffer - v.cash, 0.0)
    capital = min(gap, parents_reach(w, v))
    pay(w, f, "parents", "providers", "parents' capital", capital)
    claim(w, "parents", "providers", capital)
    v.equity["parents"] = v.equity.get("parents", 0.0) + capital
    loan = min(gap - capital, max(p["provider.leverage_max"] * v.book - v.debt, 0.0))
    pay(w, f, "investors", "providers", "loans", loan)
    claim(w, "investors", "providers", loan)
    v.debt += loan
    v.cash += capital + loan
    spare = max(v.cash - 2.0 * buffer, 0.0)
    repaid = min(spare, v.debt)
    pay(w, f, "providers", "investors", "repayments", repaid)
    claim(w, "investors", "providers", -repaid)
    v.debt -= repaid
    spare -= repaid
    v.cash -= repaid
    if parents_reach(w, v) > 0.0:
        back = 0.5 * spare
        pay(w, f, "providers", "parents", "returned to parents", back)
        capital = min(back, v.equity["parents"])
        claim(w, "parents", "providers", -capital)
        v.equity["parents"] -= capital
    else:
        back = 0.1 * spare
        pay(w, f, "providers", "investors", "dividends", back)
    v.cash -= back
    fail(w, f, v, buffer)


def fail(w, f, v, buffer):
    """A provider whose parents have nothing to give fails after months with cash below 0 (section 7.12)."""
    p = w.p
    v.failing = v.failing + 1 if v.cash < 0.0 else 0
    if parents_reach(w, v) > 0.0 or v.failing < p["provider.failure_months"]:
        return
    claim(w, "investors", "providers", -v.debt)
    claim(w, "investors", "providers", -v.equity.get("investors", 0.0))
    v.debt = 0.0
    capital = buffer - v.cash
    pay(w, f, "investors", "providers", "capital of an entrant", capital)
    claim(w, "investors", "providers", capital)
    v.equity["investors"] = capital
    v.cash += capital
    v.failing = 0


def machines(w, f):
    """Step 12, plans of providers and the supplier."""
    p = w.p
    pay(w, f, "rest_of_world", "parents", "operating cash of incumbents", parent_cash(p, w.t))
    supplier(w, f)
    f.next_market = min(next_price(p, f.price, f.clearing), w.machine_price)
    expect(w, f)
    f.user_cost = user_cost(w, f)
    place_orders(w, f)
    for v in w.providers:
        interest = v.debt * p["provider.interest_per_year"] / 12.0
        pay(w, f, "providers", "investors", "interest", interest)
        v.cash -= interest
    pay_machines(w, f)
    for j in range(len(w.providers)):
        finance(w, f, j)

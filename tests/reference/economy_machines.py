"""Providers and the chip supplier (V.1 to V.7, S.1, S.2) and robots' makers."""

import math

from tests.reference import economy_physical as physical
from tests.reference.economy_books import claim, pay
from tests.reference.economy_market import next_price, running_cost


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


def site_price(w, f):
    """Eq. S.3: site of an H100e of the mix, dearer where many are built."""
    p = w.p
    watts = f.make.watts * p["physical.server_power_factor"] * p["physical.pue"]
    lately = w.order_sums[-12:] or [f.supply]
    built = 12.0 * sum(lately) / len(lately) * watts / 1e9
    rate = (1.0 + built / p["supplier.site_reference_gw_per_year"]) ** (1.0 / p["supplier.site_elasticity"])
    return p["supplier.site_usd_per_w"] * rate * watts


def backlog_to_come(w, f):
    """Months of the backlog to come (S.1), when the expansions under way have come into force."""
    lately = w.order_sums[-w.p["supplier.build_months"] :]
    orders = sum(lately) / len(lately) if lately else 0.0
    supply = f.supply
    backlog = f.backlog
    for growth in w.decisions:
        supply *= 1.0 + growth
        backlog += orders - supply
    return backlog / supply


def expand(p, backlog_months):
    """Eq. S.1: growth of capacity decided."""
    growth = p["supplier.response"] * math.log(max(backlog_months, 1e-6) / p["supplier.target_backlog_months"])
    return growth if growth > 0.0 else max(growth * p["supplier.shrink_share"], -0.5)


def parent_cash(w):
    """Eq. V.7: operating cash of incumbents a month, less the rents that their houses have lost."""
    p = w.p
    cash = p["provider.parent_cash_usd_per_year"] * (1.0 + p["provider.parent_cash_growth_per_year"]) ** (w.t / 12.0)
    lost = sum(lab.rents * (1.0 - lab.rents_kept) for lab in w.labs) / 12.0
    return max(min(cash, p["provider.parent_cash_max_usd_per_year"]) / 12.0 - lost, 0.0)


def user_cost(w, f, price):
    """Eq. V.1: user cost of an hour of a machine at a price; running cost of this month's mix."""
    p = w.p
    capital = p["provider.interest_per_year"] + p["provider.depreciation_per_year"] - w.expected_change
    capital = price * max(capital, 0.05) / (8760.0 * p["provider.utilisation_planned"])
    watts = physical.facility_watts(p, f.make.watts)
    return capital + watts / 1000.0 * p["physical.electricity_usd_per_kwh"] + physical.upkeep(p, watts)


def adjustment(p, i):
    """Eq. V.2 over i: cost factor of adding i of capacity a year."""
    chi, a = p["provider.adjustment_exponent"], p["provider.adjustment_years"]
    if a * i <= 0.0:
        return 1.0
    return ((1.0 + a * i) ** chi - 1.0) / (chi * a * i)


def reach(p, horizon):
    """Eq. B.1: share of hours at a screen in tasks within the horizon."""
    z = math.log(max(horizon, 1e-9) / p["belief.task_minutes_median"]) / p["belief.task_minutes_sigma"]
    return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0)))


def labour(w):
    """Value of all hours of work in a month (B.2b)."""
    people = sum(h.weight for h in w.people)
    wage = sum(h.weight * h.wage for h in w.people) / people
    return w.p["human.population_people"] * w.p["human.work_hours_per_month"] * wage


def end_of_market(w, horizon, progress):
    """Eq. B.2 and B.2b: spending a month at which the market is believed to end."""
    p = w.p
    ahead = horizon * math.exp(12.0 * p["belief.horizon_years"] * max(progress, 0.0))
    return p["belief.captured_share"] * p["belief.digital_share"] * labour(w) * reach(p, ahead)


def logistic(now, market, growth, months):
    """Eq. B.3: expected spending."""
    return market / (1.0 + (market / now - 1.0) * math.exp(-growth * months))


def expect(w, f):
    """Eq. B.5 to B.7 and V.2b: what boards learn, and the spending they order for."""
    p = w.p
    spending = max(f.asked_usd, 1.0)
    horizon = max(net.horizon for lab in w.labs for net in lab.nets)
    v = p["belief.learning_per_month"]
    if w.last_spending is not None:
        left = max(1.0 - w.last_spending / w.market, 0.1)
        w.growth += v * (math.log(spending / w.last_spending) / left - w.growth)
        w.progress += v * (math.log(horizon / w.last_horizon) - w.progress)
    w.last_spending, w.last_horizon = spending, horizon
    w.market = max(end_of_market(w, horizon, w.progress), spending)
    months = p["provider.lead_months"]
    forecast = logistic(spending, w.market, w.growth, months)
    w.forecasts.append(forecast)
    if len(w.forecasts) > months:
        missed = math.log(spending / w.forecasts[-1 - months])
        w.bias += p["belief.correction_per_month"] * (missed - w.bias)
    forecast *= math.exp(w.bias)
    hours = sum(lab.contract_hours for lab in w.labs)
    f.expected = forecast
    if hours > 0.0 and p["lab.contracted_share"] > 0.0:
        plans = hours / p["lab.contracted_share"] * f.price * f.paid
        labs = sum(f.serving_paid) + sum(sum(row) for row in f.research_paid)
        told = plans + max(f.asked_usd - labs, 0.0)
        weight = p["provider.contract_weight"]
        f.expected = forecast ** (1.0 - weight) * told**weight


def supplier(w, f):
    """Price of the day (S.2) and growth of capacity (S.1)."""
    p = w.p
    months = f.backlog / f.supply
    f.chip_price = chip_price(w, f.make, months)
    f.site_price = site_price(w, f)
    last = w.machine_price
    w.machine_price = f.chip_price + f.site_price
    if w.t > 0:
        seen = clip(12.0 * math.log(w.machine_price / last), -0.6, 0.3)
        w.expected_change += p["provider.price_learning_per_month"] * (seen - w.expected_change)
    w.decisions.append(expand(p, backlog_to_come(w, f)))
    w.chips *= 1.0 + w.decisions.pop(0)


def wanted_orders(w, f):
    """Eq. V.3: machines wanted by each provider, what there is, expected price over user cost."""
    p = w.p
    then = w.machine_price * math.exp(w.expected_change * p["provider.lead_months"] / 12.0)
    cost = user_cost(w, f, then)
    each = physical.capacity_hours(p, 1.0) * p["provider.utilisation_planned"]
    have = [m + v.ordered for m, v in zip(f.machines, w.providers, strict=False)]
    wanted = f.expected / (cost * each)
    shares = [min(x / sum(have), p["provider.capacity_share_max"]) for x in have]
    return [wanted * s for s in shares], have, f.expected / (each * sum(have)) / cost


def parents_reach(w, v):
    """Parents' money in reach of a provider a month (V.5)."""
    return v.parent_share * parent_cash(w) * w.p["provider.parent_share_max"]


def funds(w, v):
    """Eq. V.5: funds for orders a month."""
    p = w.p
    committed = v.ordered * w.machine_price * (1.0 - p["provider.deposit_share"])
    lenders = max(p["provider.leverage_max"] * (v.book + committed) - v.debt, 0.0)
    months = p["provider.order_months"]
    return max(parents_reach(w, v) * months + max(v.cash, 0.0) + lenders - committed / 2.0, 0.0) / months


def place_orders(w, f):
    """Eq. V.4 to V.5b: orders at the pace that is worth its cost and that funds pay for."""
    p = w.p
    wanted, have, worth = wanted_orders(w, f)
    a, chi = p["provider.adjustment_years"], p["provider.adjustment_exponent"]
    pace = math.inf
    if worth <= 1.0:
        pace = 0.0
    elif a > 0.0:
        pace = (worth ** (1.0 / (chi - 1.0)) - 1.0) / a
    f.orders, f.premium = [], []
    for j, v in enumerate(w.providers):
        stock = max(f.machines[j], 1.0)
        gap = max(wanted[j] - have[j], 0.0) / p["provider.order_months"]
        money = 12.0 * funds(w, v) / (w.machine_price * stock)
        paid = ((1.0 + chi * a * money) ** (1.0 / chi) - 1.0) / a if a > 0.0 else money
        i = min(12.0 * gap / stock, pace, paid)
        f.orders.append(i * stock / 12.0)
        f.premium.append(adjustment(p, i))
    w.order_sums.append(sum(f.orders))


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
    pay(w, f, "rest_of_world", "parents", "operating cash of incumbents", parent_cash(w))
    expect(w, f)
    supplier(w, f)
    f.floor = running_cost(w)
    blocks = [next_price(p, q, x, f.floor) for q, x in zip(f.block_price, f.clearing, strict=True)]
    level = sum(blocks) / 2.0
    w.block_ratio = [q / level for q in blocks]
    f.next_market = min(level, w.machine_price)
    f.user_cost = user_cost(w, f, w.machine_price)
    place_orders(w, f)
    for v in w.providers:
        interest = v.debt * p["provider.interest_per_year"] / 12.0
        pay(w, f, "providers", "investors", "interest", interest)
        v.cash -= interest
    pay_machines(w, f)
    for j in range(len(w.providers)):
        finance(w, f, j)

"""Compute providers by month: machines arrive, are ordered and financed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents import belief, provider, supplier
from model.core.flows import MonthFlows
from model.layers import physical
from model.markets import compute
from model.world import World

Array = NDArray[np.float64]


def arrive(e: World, f: MonthFlows) -> None:
    """Deliver what was ordered as far as chips go; retire what is old or not worth running; what is installed works. Changes providers' stocks.

    The supplier's capacity makes the present mix of generations; orders older than the build time are due, pro rata.
    """
    p, s, cohorts, firm = e.params, e.state, e.cohorts, e.suppliers
    mix = physical.mix(e.month, e.fleet.launched)
    s.suppliers.supply_h100e = float(firm.capacity_chips_per_month[0] * (mix * e.fleet.h100e_per_chip).sum())
    weight = mix * e.fleet.h100e_per_chip
    weight = weight / weight.sum()
    recent = s.providers.orders[max(len(s.providers.orders) - p.supplier.build_months, 0) :]
    due = np.maximum(e.providers.backlog_h100e - sum(recent, start=np.zeros(e.providers.n)), 0.0)
    watts = float(physical.facility_watts((weight * e.fleet.watts).sum(), p.physical))
    ratio = min(1.0, s.suppliers.supply_h100e / max(float(due.sum()), 1e-300))
    f.delivered_h100e = due * ratio

    before = cohorts.stock()
    running = cohorts.watts / 1000.0 * p.physical.electricity_usd_per_kwh + e.upkeep_usd_per_h(cohorts.watts)
    cohorts.h100e *= physical.kept(e.month - cohorts.month, running, e.price_now_usd(), p.physical)
    f.retired_h100e = before - cohorts.stock()
    column = e.month + cohorts.opening_ages
    cohorts.h100e[:, column] = f.delivered_h100e
    cohorts.watts[column] = watts
    cohorts.bytes_per_s[column] = float((weight * e.fleet.bytes_per_s).sum())
    cohorts.hbm_bytes[column] = float((weight * e.fleet.hbm_bytes).sum())
    after = cohorts.stock()
    for i, gap in enumerate(after - (before + f.delivered_h100e - f.retired_h100e)):
        e.laws.require_zero(
            "machines: stock = last + delivered - retired",
            e.label,
            e.opening.provider_names[i],
            float(gap),
            float(after[i]),
        )
    e.providers.stock_h100e[:] = after
    e.providers.backlog_h100e[:] = np.maximum(e.providers.backlog_h100e - f.delivered_h100e, 0.0)
    firm.sold_h100e[0] += f.delivered_h100e.sum()
    s.power.used_gw = float((cohorts.h100e * cohorts.watts).sum()) / 1e9
    s.power.powered_gw = s.power.used_gw + float(e.providers.backlog_h100e.sum()) * watts / 1e9
    working = cohorts.h100e[:, cohorts.month <= e.month - p.physical.install_months].sum(axis=1)
    f.capacity_hours = physical.capacity_hours(working, p.physical)


def machines(e: World, f: MonthFlows) -> None:
    """Let providers expect, order (at the user cost of Eq. V.1b) and finance, and the supplier price and expand.

    Changes providers and the supplier.
    """
    p, s, firms, firm = e.params, e.state, e.providers, e.suppliers
    firms.used_share[:] = f.routed_hours.sum(axis=0) / np.maximum(f.capacity_hours, 1e-300)
    s.market.utilisation = float(f.served_hours.sum() / f.capacity_hours.sum())
    # What is asked for at posted prices; boards look at it and at the best net to judge the market to come (B.1-B.7)
    spending = float((f.demand_hours * f.class_price).sum()) * f.market_usd * f.paid_factor
    frontier = float(e.nets.horizon_minutes.max())
    forecast = belief.learn(s.belief, max(spending, 1.0), frontier, e.labour_usd(), p.provider.lead_months, p.belief)
    coming = provider.expected_spending(forecast, contracted_usd(e, f, spending), p.provider)

    s.providers.expected_spending_usd = coming

    # Supplier: unit cost of this month's mix, price by backlog, expansion decided now for `lead` months ahead (S.1, S.2)
    weight = physical.mix(e.month, e.fleet.launched) * e.fleet.h100e_per_chip
    weight = weight / weight.sum()
    backlog = float(firms.backlog_h100e.sum())
    firm.unit_cost_usd[0] = p.supplier.unit_cost_usd_per_h100e * float((weight * e.fleet.unit_price_index).sum())
    chip_usd = supplier.price(float(firm.unit_cost_usd[0]), backlog, s.suppliers.supply_h100e, p.supplier)
    watts = float((weight * e.fleet.watts).sum()) * p.physical.server_power_factor * p.physical.pue
    lately = [float(x.sum()) for x in s.providers.orders[-12:]] or [s.suppliers.supply_h100e]
    site_usd = supplier.site_price(12.0 * float(np.mean(lately)) * watts / 1e9, p.supplier) * watts
    machine_usd = chip_usd + site_usd
    floor = e.running_usd_per_h()
    blocks = compute.next_price(f.block_usd, f.clearing_usd, floor, p.compute)
    level = float(blocks.mean())
    s.market.block_ratio = blocks / level
    level = min(level, machine_usd)  # nobody rents an hour for more than the machine costs
    firms.contract_usd_per_h100e_hour[:] = np.maximum(level * firms.premium, floor)
    if s.providers.machine_usd > 0.0:
        change = float(np.clip(12.0 * np.log(machine_usd / s.providers.machine_usd), -0.6, 0.3))
        s.providers.machine_change += p.provider.price_learning_per_month * (change - s.providers.machine_change)
    s.providers.machine_usd = machine_usd
    firm.price_usd_per_h100e[0], firm.site_usd_per_h100e[0], firm.backlog_h100e[0] = chip_usd, site_usd, backlog
    decided = np.array(s.suppliers.expansions[-p.supplier.lead_months :])
    booked = np.array([float(x.sum()) for x in s.providers.orders[-p.supplier.build_months :]])
    s.suppliers.expansions.append(supplier.expand(backlog, s.suppliers.supply_h100e, booked, decided, p.supplier))
    firm.capacity_chips_per_month[0] *= 1.0 + s.suppliers.expansions[-1 - p.supplier.lead_months]

    # Orders against the user cost (V.1-V.5)
    drawn = watts * p.physical.load_factor
    running = drawn / 1000.0 * p.physical.electricity_usd_per_kwh + e.upkeep_usd_per_h(drawn)
    s.providers.user_cost_usd = provider.user_cost(machine_usd, s.providers.machine_change, running, p.provider)
    hours_each = float(physical.capacity_hours(np.array([1.0]), p.physical)[0])
    firms.expected_usd_per_h100e_hour[:] = coming / (
        float((firms.stock_h100e + firms.backlog_h100e).sum()) * hours_each * p.provider.utilisation_planned
    )
    # What a machine must earn when those ordered now work: those bought then will be cheaper
    then_usd = machine_usd * float(np.exp(s.providers.machine_change * p.provider.lead_months / 12.0))
    needed = provider.user_cost(then_usd, s.providers.machine_change, running, p.provider)
    orders = provider.order(firms, coming, needed, machine_usd, e.parent_cash_usd(), hours_each, p.provider)
    s.providers.orders.append(orders.ordered_h100e)
    firms.backlog_h100e += orders.ordered_h100e
    deposit = orders.ordered_h100e * machine_usd * (p.provider.deposit_share + orders.premium - 1.0)
    delivery = f.delivered_h100e * machine_usd * (1.0 - p.provider.deposit_share)
    firms.book_usd[:] = firms.book_usd * (1.0 - 1.0 / p.provider.book_life_months) + f.delivered_h100e * machine_usd
    capex, chips = float(deposit.sum() + delivery.sum()), chip_usd / machine_usd
    f.capex_usd = capex
    books = e.ledger
    books.pay("providers", "hardware_suppliers", "chips: deposits and deliveries", capex * chips)
    books.pay("providers", "rest_of_world", "data centres", capex * (1.0 - chips))
    production = float(f.delivered_h100e.sum()) * float(firm.unit_cost_usd[0])
    books.pay("hardware_suppliers", "rest_of_world", "chip production", production)
    finance_providers(e, f, deposit + delivery)


def contracted_usd(e: World, f: MonthFlows, spending_usd: float) -> float:
    """Return what labs' contracts say of spending to come: the plans behind them and what all others spend now, USD a month."""
    hours = float(e.labs.take_or_pay_hours.sum())
    if hours <= 0.0 or e.params.lab.contracted_share <= 0.0:
        return 0.0
    plans = hours / e.params.lab.contracted_share * f.market_usd * f.paid_factor
    labs = float(f.research_usd.sum() + f.serving_usd.sum())
    return plans + max(spending_usd - labs, 0.0)


def finance_providers(e: World, f: MonthFlows, spent_usd: Array) -> None:
    """Pay machines and interest; close gaps by parents, then lenders; fail and be refinanced (V.6). Changes providers."""
    p, firms, books = e.params.provider, e.providers, e.ledger
    interest = firms.debt_usd * p.interest_per_year / 12.0
    firms.cash_usd -= spent_usd + interest
    available = firms.parent_share * e.parent_cash_usd() * p.parent_share_max
    buffer = 0.5 * f.provider_revenue_usd
    money = provider.finance(firms.cash_usd, firms.debt_usd, firms.book_usd, available, buffer, p)
    firms.cash_usd += money.from_parents + money.borrowed - money.repaid - money.to_parents - money.dividends
    firms.debt_usd += money.borrowed - money.repaid
    held = firms.parent_equity_usd + money.from_parents
    returned = np.minimum(money.to_parents, held)  # capital as far as there is any; what goes beyond it is profit
    firms.parent_equity_usd[:] = held - returned
    books.pay("rest_of_world", "parents", "operating cash of incumbents", e.parent_cash_usd())
    for payer, payee, item, usd in (
        ("providers", "investors", "interest", interest),
        ("parents", "providers", "parents' capital", money.from_parents),
        ("investors", "providers", "loans", money.borrowed),
        ("providers", "investors", "repayments", money.repaid),
        ("providers", "parents", "returned to parents", money.to_parents),
        ("providers", "investors", "dividends", money.dividends),
    ):
        books.pay(payer, payee, item, float(usd.sum()))
    books.issue("providers", "parents", float(money.from_parents.sum() - returned.sum()))
    books.issue("providers", "investors", float(money.borrowed.sum() - money.repaid.sum()))

    # Failure: lenders write off what they are owed and refinance the row as an entrant
    stressed = (firms.cash_usd < 0.0) & (available <= 0.0)
    firms.stressed_months[:] = np.where(stressed, firms.stressed_months + 1, 0)
    for i in np.flatnonzero(firms.stressed_months >= p.failure_months):
        fresh = float(buffer[i] - firms.cash_usd[i])
        books.write_off("providers", "investors", float(firms.debt_usd[i] + firms.vendor_equity_usd[i]))
        books.pay("investors", "providers", "capital of an entrant", fresh)
        books.issue("providers", "investors", fresh)
        firms.debt_usd[i], firms.vendor_equity_usd[i] = 0.0, fresh
        firms.cash_usd[i] += fresh
        firms.stressed_months[i] = 0
        firms.failures[i] += 1


#: Generations of the opening stock (economy of 2022-01): TPU v4 (2.75e14 FLOP/s) counts with the A100 (3.12e14).
OPENING_MIX = {"V100": 0.35, "A100": 0.65}


OPENING_AGES = 36


def chip_supplier(e: World) -> None:
    """Chips are made at the opening's pace; the backlog is what the supplier is content with."""
    p, firm = e.params.supplier, e.suppliers
    mix = physical.mix(0, e.fleet.launched)
    firm.capacity_chips_per_month[:] = p.opening_h100e_per_month / float((mix * e.fleet.h100e_per_chip).sum())
    share = e.providers.stock_h100e / e.providers.stock_h100e.sum()
    e.providers.backlog_h100e[:] = share * (p.opening_h100e_per_month * p.target_backlog_months)

"""Stage 12, second part: expectations, capacity orders, research budgets, prices; firms enter and fail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents import application, lab, orchestrator, provider, robot, supplier
from model.core.draws import MonthDraws
from model.core.flows import MonthFlows
from model.core.units import H100_FLOP_PER_S, HOURS_PER_MONTH, LAB_USES, SECONDS_PER_HOUR, SERVING, U, month_date
from model.layers import application as application_layer
from model.layers import context, link, neural, physical
from model.markets import compute
from model.stages.books import lab_cash_flow, serving_usd_per_token
from model.stages.people import Known, Wishes
from model.stages.supply import data_limit
from model.state import EMBEDDED, ROBOT, SMALL
from model.world import World

Array = NDArray[np.float64]


# --- Machines ------------------------------------------------------------------------------------------------------


def machines(e: World, f: MonthFlows) -> None:
    """Let providers expect, order and finance, and the supplier price and expand. Changes providers and the supplier."""
    p, s, firms, firm = e.params, e.state, e.providers, e.suppliers
    firms.used_share[:] = f.routed_hours.sum(axis=0) / np.maximum(f.capacity_hours, 1e-300)
    s.utilisation = float(f.served_hours.sum() / f.capacity_hours.sum())
    demand = float(f.demand_hours.sum())
    if s.last_demand_hours > 0.0:
        growth = float(np.clip(np.log(demand / s.last_demand_hours), -0.3, 0.3))
        s.demand_growth += p.provider.adaptive_per_month * (growth - s.demand_growth)
    s.last_demand_hours = demand

    # Supplier: unit cost of this month's mix, price by backlog, expansion decided now for `lead` months ahead (S.1, S.2)
    weight = physical.mix(e.month, e.fleet.launched) * e.fleet.h100e_per_chip
    weight = weight / weight.sum()
    backlog = float(firms.backlog_h100e.sum())
    firm.unit_cost_usd[0] = p.supplier.unit_cost_usd_per_h100e * float((weight * e.fleet.unit_price_index).sum())
    chip_usd = supplier.price(float(firm.unit_cost_usd[0]), backlog, s.supply_h100e, p.supplier)
    watts = float((weight * e.fleet.watts).sum()) * p.physical.server_power_factor * p.physical.pue
    site_usd = p.supplier.site_usd_per_w * watts
    machine_usd = chip_usd + site_usd
    level = float(compute.next_price(np.array([f.market_usd]), f.clearing_usd, p.compute)[0])
    level = min(level, machine_usd)  # nobody rents an hour for more than the machine costs
    floor = p.compute.operating_usd_per_h
    firms.contract_usd_per_h100e_hour[:] = np.maximum(level * firms.premium, floor)
    seen = level * f.paid_factor - firms.expected_usd_per_h100e_hour
    firms.expected_usd_per_h100e_hour += p.provider.adaptive_per_month * seen
    if s.machine_usd > 0.0:
        change = float(np.clip(12.0 * np.log(machine_usd / s.machine_usd), -0.6, 0.3))
        s.machine_change += p.provider.price_learning_per_month * (change - s.machine_change)
    s.machine_usd = machine_usd
    firm.price_usd_per_h100e[0], firm.site_usd_per_h100e[0], firm.backlog_h100e[0] = chip_usd, site_usd, backlog
    decided = np.array(s.expansions[-p.supplier.lead_months :])
    booked = np.array([float(x.sum()) for x in s.orders[-p.supplier.build_months :]])
    s.expansions.append(supplier.expand(backlog, s.supply_h100e, booked, decided, p.supplier))
    firm.capacity_chips_per_month[0] *= 1.0 + s.expansions[-1 - p.supplier.lead_months]

    # Orders against the user cost (V.1-V.5)
    energy_usd = e.cohorts.mean(e.cohorts.watts) / 1000.0 * p.physical.electricity_usd_per_kwh
    s.user_cost_usd = provider.user_cost(
        machine_usd, s.machine_change, energy_usd + p.provider.opex_usd_per_h, p.provider
    )
    hours_each = float(physical.capacity_hours(np.array([1.0]), p.physical)[0])
    drawn = watts * p.physical.load_factor
    room = max(s.powered_gw - s.used_gw, 0.0) * 1e9 / max(drawn, 1e-9) * p.provider.sites_ahead + s.supply_h100e
    orders = provider.order(
        firms, demand, s.demand_growth, s.user_cost_usd, machine_usd, e.parent_cash_usd(), room, hours_each, p.provider
    )
    s.orders.append(orders.ordered_h100e)
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


# --- Labs ----------------------------------------------------------------------------------------------------------


def laboratories(e: World, f: MonthFlows, w: Wishes, known: Known) -> None:
    """Labs learn from the month, raise money, set budgets and prices. Changes labs and nets."""
    learn(e, f)
    invest(e, f, w, known)
    price_tokens(e, f)


def learn(e: World, f: MonthFlows) -> None:
    """Move runs, roll-outs, synthetic data and algorithms on; estimate growth anew. Changes labs and nets."""
    p, s, labs, nets, n = e.params, e.state, e.labs, e.nets, e.labs.n
    trained, small = f.research_flop, e.params.lab.small_share
    labs.run_done_flop += trained[:, 0] * (1.0 - small)
    labs.small_done_flop += trained[:, 0] * small
    labs.rollout_flop += trained[:, 2] * neural.verified(nets.horizon_minutes[:n], p.neural)
    labs.synthetic_flop += trained[:, 3]
    labs.run_paid_usd += f.research_usd[:, 0] + f.research_usd[:, 2]
    automation = 1.0 + p.lab.automation_gain * trained[:, 4] / np.maximum(trained[:, 1], 1.0)
    on_architecture = trained[:, 1] * automation * labs.architecture_share
    on_algorithms = trained[:, 1] * (1.0 - labs.architecture_share)
    labs.log_algorithms[:] = neural.algorithmic_step(labs.log_algorithms, on_algorithms, automation, p.neural)
    labs.decode_gain[:] = neural.architecture_step(labs.decode_gain, on_architecture, p.neural)
    s.research_waiting_hours = f.research_hours * (1.0 - f.fill[None, LAB_USES])

    revenue = f.token_revenue_usd.sum(axis=0).reshape(2, n).sum(axis=0)
    labs.expected_growth[:] = lab.learn_growth(labs, revenue, p.lab)
    labs.last_revenue_usd[:] = labs.revenue_usd
    labs.revenue_usd += (revenue - labs.revenue_usd) / 3.0
    labs.serving_usd += (f.serving_usd.reshape(2, n).sum(axis=0) - labs.serving_usd) / 3.0
    by_net = f.served_tokens.sum(axis=(0, 2))
    nets.tokens_growth[:] = lab.learn_token_growth(nets, by_net, p.lab)
    nets.tokens_month[:] = by_net
    usd = f.token_revenue_usd.sum(axis=0)
    for j, index in enumerate(s.current):
        record = s.releases[index]
        record.tokens += float(by_net[j])
        record.serving_usd += float(f.serving_usd[j])
        record.revenue_usd += float(usd[j])


def invest(e: World, f: MonthFlows, w: Wishes, known: Known) -> None:
    """Decide research by ``rho = eta m G`` (L.2-L.4), raise money for it (L.6), split it over uses (L.7). Changes labs."""
    p, s, labs, n = e.params, e.state, e.labs, e.labs.n
    revenue = f.token_revenue_usd.sum(axis=0).reshape(2, n).sum(axis=0)
    total = float(revenue.sum())
    response = w.chat_response_usd + w.agent_response_usd
    jobs_usd = w.jobs * known.job_usd
    response += jobs_usd / p.agent_loop.job_elasticity * p.agent_loop.success_slope * (1.0 - known.job_success)
    spend = w.chat_spend_usd + w.agent_spend_usd + jobs_usd
    features_usd = float(f.token_revenue_usd[EMBEDDED].sum())
    response += features_usd * feature_elasticity(e, f, known)
    spend += features_usd
    s.demand_elasticity = response / spend if spend > 0.0 else p.agent_loop.success_slope
    weights = e.opening.lab_weights
    shares = revenue / total if total > p.lab.seed_market_usd_per_year / 1e4 else weights
    coming = month_date(e.month + 1, e.settings.start).isoformat()[:7]
    factor = compute.price_factors(p.compute)
    factors = factor[LAB_USES] / factor[U["assistant"]]
    wish = lab.research(
        labs, shares, p.neural.capability_exponent, s.demand_elasticity, e.opening.rules, weights, p.lab, coming,
        tuple(factors.tolist()),
    )  # fmt: skip
    labs.wanted_rd_usd[:], labs.eta[:], labs.growth_factor[:] = wish.wanted_usd, wish.eta, wish.growth_factor
    generated_usd = (f.served_tokens.sum(axis=0) * serving_usd_per_token(e, f))[:, 2].reshape(2, n).sum(axis=0)
    profit_usd = wish.eta * wish.margin * lab.revenue_belief(labs, p.lab, weights) / 12.0
    labs.architecture_share[:] = neural.architecture_share(
        labs.decode_gain, labs.log_algorithms, profit_usd, generated_usd, p.neural
    )
    s.margin = 1.0 - float(f.serving_usd.sum()) / total if total > 0.0 else float(wish.margin.mean())
    parents = raise_money(e, f, lab_cash_flow(e, f))
    gross = np.maximum(revenue - f.serving_usd.reshape(2, n).sum(axis=0), 0.0)
    funds = np.maximum(labs.cash_usd, 0.0) / 3.0 + gross + parents
    labs.rd_usd[:] = lab.budget(labs, wish.wanted_usd, funds, p.lab)
    s.research_split = lab.split(
        labs,
        e.nets,
        p.neural.capability_exponent,
        p.neural.rollout_exponent,
        p.neural.rollout_reference_flop,
        neural.verified(e.nets.horizon_minutes[:n], p.neural),
        data_limit(e),
        p.agent_loop.success_slope,
        p.lab,
    )
    paid = lab.prescribed_uses(e.opening.rules, coming) * factors
    bound = np.isfinite(paid).all(axis=1)  # these labs divide next month's hours by rule, whatever they may want
    labs.rd_usd[bound] = np.maximum(wish.wanted_usd[bound], 1.0)
    s.research_split[bound] = paid[bound] / paid[bound].sum(axis=1, keepdims=True)


def feature_elasticity(e: World, f: MonthFlows, known: Known) -> float:
    """Return d ln(embedded tokens) / d ln(horizon) of the features in use (Y.3b)."""
    p, features = e.params, e.features
    success, gain, token_usd = feature_gains(e, known)
    ratio = gain / (token_usd * features.tokens_per_h)
    slope, needed = p.agent_loop.success_slope, p.application.required_success
    each = application_layer.intensity_elasticity(gain, success, ratio, slope, needed)
    weight = f.application_hours[features.application] * features.exposure * features.intensity_tokens_per_h
    return float((each * weight).sum() / weight.sum()) if weight.sum() > 0.0 else 0.0


def feature_gains(e: World, known: Known) -> tuple[Array, Array, float]:
    """Return success and uplift per attention-hour by feature, and what a token costs features (Y.1, Y.2)."""
    p = e.params
    small_h = float(np.exp(known.log_horizon[EMBEDDED, SMALL]))
    o, hits, price = known.generated_share[EMBEDDED], e.state.hits[EMBEDDED], known.price[EMBEDDED, SMALL]
    token_usd = float((1.0 - o) * ((1.0 - hits) * price[0] + hits * price[1]) + o * price[2])
    success = application_layer.success(e.features.log_difficulty, small_h, p.agent_loop.success_slope)
    gain = application_layer.uplift(e.features.value_usd_per_h, success, p.application.required_success)
    return success, gain, token_usd


def raise_money(e: World, f: MonthFlows, cash_flow: Array) -> Array:
    """Fill the runway of labs from parents, the chip supplier (vendor equity) and investors; fail. Return parents' reach.

    Changes the cash and equity of labs.
    """
    p, labs, books = e.params.lab, e.labs, e.ledger
    parents = labs.parent_share * e.parent_cash_usd() * p.parent_rd_share_max
    need = np.maximum(np.maximum(-cash_flow, 0.0) * p.runway_months - labs.cash_usd, 0.0)
    from_parents = np.minimum(need, parents)
    need = need - from_parents
    pool = max(books.net("hardware_suppliers"), 0.0) * p.vendor_equity_share
    vendor = need * min(1.0, pool / max(float(need.sum()), 1e-300))
    equity = np.minimum(need - vendor, lab.equity_offer(labs, e.opening.lab_weights, p))
    plenty = 2.0 * np.maximum(labs.rd_usd, f.serving_usd.reshape(2, labs.n).sum(axis=0)) * p.runway_months
    payout = p.payout_per_month * np.maximum(labs.cash_usd - plenty, 0.0)
    labs.cash_usd += from_parents + vendor + equity - payout
    labs.parent_equity_usd += from_parents
    labs.vendor_equity_usd += vendor
    labs.investor_equity_usd += equity
    owned = labs.investor_equity_usd + labs.parent_equity_usd + labs.vendor_equity_usd
    for payer, item, usd in (
        ("parents", "parents' capital", from_parents),
        ("hardware_suppliers", "vendor equity", vendor),
        ("investors", "equity", equity),
    ):
        books.pay(payer, "labs", item, float(usd.sum()))
        books.issue("labs", payer, float(usd.sum()))
    holders = (
        ("investors", labs.investor_equity_usd),
        ("parents", labs.parent_equity_usd),
        ("hardware_suppliers", labs.vendor_equity_usd),
    )
    for owner, held in holders:
        part = np.where(owned > 0.0, held / np.where(owned > 0.0, owned, 1.0), owner == "investors")
        books.pay("labs", owner, "payout to owners", float((payout * part).sum()))
    f.equity_usd = float((from_parents + vendor + equity).sum())
    budget = p.entrant_share * float(labs.rd_usd.mean())
    broke = labs.cash_usd < -p.failure_months * np.maximum(labs.rd_usd, 1e6)
    for i in np.flatnonzero(broke | (labs.rd_usd < 0.01 * budget)):
        # owners write off what they hold; investors refinance the row as an entrant
        fresh = max(budget * p.runway_months - float(labs.cash_usd[i]), 0.0)
        for owner, held in holders:
            books.write_off("labs", owner, float(held[i]))
            held[i] = 0.0
        books.pay("investors", "labs", "capital of an entrant", fresh)
        books.issue("labs", "investors", fresh)
        labs.investor_equity_usd[i] = fresh
        labs.cash_usd[i] += fresh
        labs.rd_usd[i] = budget
        e.state.lab_failures += 1
    return parents


def price_tokens(e: World, f: MonthFlows) -> None:
    """List prices follow serving cost, market power and open weights (L.8-L.10); users choose nets anew (F.3). Changes nets."""
    p, s, labs, nets, n = e.params, e.state, e.labs, e.nets, e.labs.n
    by_net = f.served_tokens.sum(axis=(0, 2)).reshape(2, n)
    total = by_net.sum(axis=1, keepdims=True)
    listed = s.net_share.mean(axis=0)  # before there are tokens, how orders would be spread
    tier_share = np.where(total > 0.0, by_net / np.where(total > 0.0, total, 1.0), listed).ravel()
    coming = lab.forecast_tokens(nets, p.lab, e.opening.forecasters, p.lab.pricing_months)
    now = link.software_overhead(s.served_tokens, p.link)
    then = link.software_overhead(s.served_tokens + e.total(coming), p.link)
    nets.price_usd_per_token[:] = lab.list_prices(
        nets,
        serving_usd_per_token(e, f) * (then / now),
        f.served_tokens.sum(axis=0),
        tier_share,
        labs.open_weights,
        p.lab,
    )
    log_h = np.log(nets.horizon_minutes).reshape(2, n)
    log_p = np.log(nets.price_usd_per_token).reshape(2, n)
    odds = p.lab.quality_coefficient * log_h - p.lab.price_coefficient * log_p
    odds -= p.app_network.open_penalty * labs.open_weights[None, :]
    target = np.broadcast_to(odds, s.net_share.shape)
    s.net_share = application.logit_shares(s.net_share, target, p.app_network.net_inertia)


# --- Applications, orchestrators, layers ---------------------------------------------------------------------------


def platforms(e: World, f: MonthFlows, known: Known, draw: MonthDraws) -> None:
    """Applications revise features and compete for hours; orchestrators route and price; both enter and fail.

    Changes both networks.
    """
    p, s, apps, features, nodes, k = e.params, e.state, e.applications, e.features, e.orchestrators, e.assistants
    _, gain, token_usd = feature_gains(e, known)
    best = application_layer.intensity(gain, features.tokens_per_h, token_usd)
    application.revise(features, best, draw, p.application)
    apps.attention_hours[:] = f.application_hours
    on = gain * features.exposure * (features.intensity_tokens_per_h > 0.0)
    uplift = np.bincount(features.application, weights=on, minlength=apps.n)[k:]
    mean = max(float(f.application_hours[k:].mean()), 1.0)
    users = np.log(np.maximum(f.application_hours[k:], 1.0) / mean)
    c = p.app_network
    odds = c.quality_coefficient * np.log(apps.quality[k:]) - c.ad_load_coefficient * apps.ad_load[k:]
    odds = odds + c.feature_coefficient * uplift / 0.1 + c.users_coefficient * users
    s.app_share = application.logit_shares(s.app_share, np.broadcast_to(odds, s.app_share.shape), c.inertia)
    application.fail_and_enter(apps, draw, p.application)

    nodes.traffic_calls[:] = f.traffic_calls
    s.edges = orchestrator.reweigh(s.edges, nodes, s.sponsored, s.ad_funded_share, p.orchestrator)
    s.edges, _ = orchestrator.turnover(nodes, s.edges, s.fan_out, draw, p.orchestrator)
    nodes.take_rate[:] = orchestrator.take_rates(nodes, p.orchestrator)
    routed = np.where(nodes.node_kind == orchestrator.ORCHESTRATOR, nodes.traffic_calls, 0.0)
    s.entry_share = routed / routed.sum()
    s.take_rate = float((nodes.take_rate * s.entry_share).sum())


def remember(e: World, f: MonthFlows, w: Wishes, known: Known) -> None:
    """Keep what the layers realised: delays, cache hits, multipliers, thinking, robots' success. Changes the state."""
    p, s = e.params, e.state
    s.fill, s.queue = f.fill.copy(), f.queued_tokens.copy()
    s.legacy_queue_hours = f.queued_hours[[U["ranking"], U["other"]]]
    for name in ("ranking", "other"):
        now = getattr(s, f"{name}_intensity")
        opening = p.compute.opening_usd_per_h100e_hour
        step = application_layer.legacy_step(now, f.market_usd, opening, p.compute.elasticity_legacy, p.app_network)
        setattr(s, f"{name}_intensity", step)
    s.calls_per_task = f.calls_per_task
    s.served_tokens += float(f.served_tokens.sum())
    s.examined = w.examined / w.tasks_agent if w.tasks_agent > 0.0 else 0.0
    s.log_tau_chat = known.log_tau_chat
    best = float(e.nets.horizon_minutes[: e.labs.n].max())
    if s.chat_ready_month is None and best >= p.application.launch_horizon_minutes:
        s.chat_ready_month = e.month
    if s.agents_ready_month is None and best >= p.ai_agent.agent_launch_horizon_minutes:
        s.agents_ready_month = e.month
    if known.can_think:  # assistants' users move to reasoning nets once these exist
        s.reasoning_share += (1.0 - s.reasoning_share) * -float(np.expm1(-p.human.reasoning_switch_per_year / 12.0))

    read_per_s = f.served_tokens[:, :, :2].sum(axis=(1, 2)) / (HOURS_PER_MONTH * SECONDS_PER_HOUR)
    by_net = f.served_tokens.sum(axis=(0, 2))
    kv = link.kv_bytes(e.nets.parameters, p.link)
    kv_mean = float((by_net * kv).sum() / by_net.sum()) if by_net.sum() > 0.0 else float(kv.mean())
    hbm = e.cohorts.mean(e.cohorts.hbm_bytes) * float(f.served_hours[SERVING].sum()) / HOURS_PER_MONTH
    s.hits = context.hit_share(read_per_s, kv_mean, hbm, s.caching_share, p.context)
    cost = f.seconds_per_token.mean(axis=0)
    s.caching_share = context.mature(s.caching_share, float(cost[0]), float(cost[1]), p.context)

    mix = np.where(by_net[:, None] > 0.0, f.served_tokens.sum(axis=0), lab.UNSEEN_MIX)
    s.serving_usd_per_token = (mix * serving_usd_per_token(e, f)).sum(axis=1) / mix.sum(axis=1)

    r = p.robot
    horizon = float(np.exp(known.log_horizon[ROBOT, SMALL]))
    s.robot_success = robot.success(horizon, p.agent_loop.success_slope, r)
    s.robot_call_usd = float(known.prompts[ROBOT] * known.price[ROBOT, SMALL, 0])
    board_h100e = robot.on_board_flop_per_s(r) / H100_FLOP_PER_S / r.on_board_utilisation
    hourly = board_h100e * r.on_board_w_per_h100e / 1000.0 * p.physical.electricity_usd_per_kwh
    s.robot_running_usd = r.duty_hours_per_month * (hourly + s.robot_calls_per_h * s.robot_call_usd)

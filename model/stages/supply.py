"""Stages 1-3: machines arrive, nets are released, prices are posted."""

from __future__ import annotations

import numpy as np

from agents import lab
from model.core.draws import MonthDraws
from model.core.flows import MonthFlows
from model.core.units import H100_FLOP_PER_S, LAB_USES, SECONDS_PER_HOUR
from model.layers import link, neural, physical
from model.markets import compute
from model.state import FRONTIER, SMALL, Foreseen, Release
from model.world import World

TIERS = ("frontier", "small")
#: Smallest run that is planned: a lab without money trains next to nothing.
MIN_RUN_FLOP = 1e18


def arrive(e: World, f: MonthFlows) -> None:
    """Deliver what was ordered as far as chips and power go; retire by age. Changes providers' stocks.

    The supplier's capacity makes the present mix of generations; orders older than the build time are due, pro rata.
    """
    p, s, cohorts, firm = e.params, e.state, e.cohorts, e.suppliers
    mix = physical.mix(e.month, e.fleet.launched)
    s.supply_h100e = float(firm.capacity_chips_per_month[0] * (mix * e.fleet.h100e_per_chip).sum())
    weight = mix * e.fleet.h100e_per_chip
    weight = weight / weight.sum()
    recent = s.orders[max(len(s.orders) - p.supplier.build_months, 0) :]
    due = np.maximum(e.providers.backlog_h100e - sum(recent, start=np.zeros(e.providers.n)), 0.0)
    watts = float(physical.facility_watts((weight * e.fleet.watts).sum(), p.physical))
    room = max(s.powered_gw - s.used_gw, 0.0) * 1e9 / watts
    ratio = min(1.0, min(s.supply_h100e, room) / max(float(due.sum()), 1e-300))
    f.delivered_h100e = due * ratio

    before = cohorts.stock()
    cohorts.h100e *= physical.survival(e.month - cohorts.month, p.physical)
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
    s.powered_gw = physical.power_growth(s.used_gw, s.powered_gw, p.physical)
    s.used_gw = float((cohorts.h100e * cohorts.watts).sum()) / 1e9
    f.capacity_hours = physical.capacity_hours(after, p.physical)


def release(e: World, draw: MonthDraws) -> None:
    """Release nets whose run is finished and plan the next run of the same lab and tier. Changes labs and nets."""
    labs, n = e.labs, e.labs.n
    runs = ((FRONTIER, labs.run_target_flop, labs.run_done_flop), (SMALL, labs.small_target_flop, labs.small_done_flop))
    for tier, target, done in runs:
        for i in np.flatnonzero(done >= target):
            if e.month - e.nets.released_month[i + tier * n] < 3:
                continue  # a release needs a quarter of tests
            launch(e, int(i), tier)
            u = draw("lab.cycle", labs.id[i : i + 1], k=tier)
            plan_run(e, int(i), tier, float(lab.run_length(u, e.params.lab)[0]))


def launch(e: World, i: int, tier: int) -> None:
    """Put the finished run of lab `i` on offer in place of its last net of that tier. Changes nets and the lab's run."""
    p, labs, nets, n = e.params, e.labs, e.nets, e.labs.n
    j = i + tier * n
    run = lab.run_of(labs, i, tier)
    law = neural.LAWS[p.neural.law]
    size, tokens = np.array(run.parameters), np.array(run.tokens)
    algorithms = float(np.exp(labs.log_algorithms[i]))
    effective = float(neural.equivalent_flop(neural.loss(size, tokens, law), law)) * algorithms
    rollout = float(labs.rollout_flop[i])
    if tier == SMALL:
        taught = labs.synthetic_flop[i : i + 1] / nets.training_flop[i]
        teacher = float(neural.distillation(taught, p.neural)[0])
        effective = min(effective * teacher, float(nets.effective_flop[i]))  # no student surpasses its teacher
        most = float(10.0**p.neural.distillation_orders_max)
        rollout = float(nets.rollout_flop[i]) * (teacher - 1.0) / max(most - 1.0, 1e-9)
    flop = 6.0 * run.parameters * run.tokens
    nets.price_usd_per_token[j] *= run.parameters / nets.parameters[j]  # the old markup over the new size
    nets.parameters[j], nets.training_tokens[j], nets.training_flop[j] = run.parameters, run.tokens, flop
    nets.effective_flop[j], nets.rollout_flop[j] = effective, rollout
    nets.horizon_minutes[j] = float(neural.horizon(np.array(effective), np.array(rollout), p.neural))
    nets.reasoning[j] = rollout >= p.neural.reasoning_share * flop
    nets.decode_gain[j] = labs.decode_gain[i]
    nets.released_month[j] = e.month
    old = e.state.releases[e.state.current[j]]
    old.retired_month = e.month
    e.state.current[j] = len(e.state.releases)
    e.state.releases.append(
        Release(
            lab=e.opening.lab_names[i],
            tier=TIERS[tier],
            released_month=e.month,
            parameters=run.parameters,
            training_tokens=run.tokens,
            training_flop=flop,
            planned_tokens=run.planned_tokens,
            planned_usd=run.planned_usd,
            train_usd_per_flop=training_usd_per_flop(e, i),
            rollout_factor=rollout / flop if tier == FRONTIER else 0.0,
            data_limit_tokens=float(data_limit(e)[i]),
            rule=e.opening.rules[i],
            forecaster=e.opening.forecasters[i],
            profit_elasticity=float(labs.eta[i]),
        )
    )
    if tier == FRONTIER:
        labs.run_done_flop[i] = labs.rollout_flop[i] = labs.run_paid_usd[i] = 0.0
    else:
        labs.small_done_flop[i] = 0.0


def plan_run(e: World, i: int, tier: int, months: float) -> None:
    """Choose the next run of lab `i`: its compute from the lab's budget, its size from the forecast of lifetime tokens.

    The loss is the lowest that the compute can buy when the net is sized for training and serving together
    (`neural.size_net`); more forecast tokens mean a smaller net trained on more data. Changes the lab's run.
    """
    p, labs, nets, n = e.params, e.labs, e.nets, e.labs.n
    j = i + tier * n
    cost = training_usd_per_flop(e, i)
    share = p.lab.small_share if tier == SMALL else 1.0 - p.lab.small_share
    monthly = labs.rd_usd[i] * p.lab.compute_share_of_rd * e.state.research_split[i, 0] * share
    flop = max(min(monthly * months / cost, float(nets.training_flop[j]) * p.lab.run_growth_max), MIN_RUN_FLOP)
    planned = float(lab.forecast_tokens(nets, p.lab, e.opening.forecasters, p.lab.planning_months)[j])
    # before products a lab counts on its part of the market it believes in, half of it in each tier
    missing_usd = max(p.lab.seed_market_usd_per_year * e.opening.lab_weights[i] / 12.0 - labs.revenue_usd[i], 0.0)
    blended = float((lab.UNSEEN_MIX * lab.LIST_STRUCTURE).sum()) * float(nets.price_usd_per_token[j])
    planned += 0.5 * float(missing_usd) / blended * p.lab.planning_months
    now = link.software_overhead(e.state.served_tokens, p.link)
    mature = min(p.link.software_floor / now, 1.0)  # labs count on ripe serving software over the life of a net
    per_token = float(e.state.serving_usd_per_token[j]) * mature
    serve = planned * per_token / (2.0 * nets.parameters[j])
    law, limit = neural.LAWS[p.neural.law], float(data_limit(e)[i])
    train = cost
    if (life := foreseen(e, i, tier)) is not None:
        planned, serve, train = life
    size, tokens = neural.net_for_budget(flop, train, serve, law, limit, p.neural.parameters_min)
    usd = float(neural.lifetime_cost(np.array(size), np.array(tokens), train, serve))
    lab.set_run(labs, i, tier, lab.Run(6.0 * size * tokens, size, tokens, planned, usd))


def foreseen(e: World, i: int, tier: int) -> Foreseen | None:
    """Return the life of the next net of lab `i` and a tier, if the lab has perfect foresight and there was such a net (X.23)."""
    if not e.foresight or not lab.FORECASTERS[e.opening.forecasters[i]].foresees:
        return None
    name = e.opening.lab_names[i]
    before = [r for r in e.state.releases if r.lab == name and r.tier == TIERS[tier] and not r.opening]
    return e.foresight.get((name, TIERS[tier], len(before)))


def data_limit(e: World) -> lab.Array:
    """Return the tokens each lab can train on, (L,)."""
    p = e.params.neural
    return neural.data_limit(e.labs.synthetic_flop / p.synthetic_flop_per_token, p)


def training_usd_per_flop(e: World, i: int) -> float:
    """Return what an operation of lab `i`'s final run costs at the market's present price."""
    p = e.params
    hours = e.labs.rd_usd[i] * p.lab.compute_share_of_rd * e.state.research_split[i, 0] / e.price_now_usd()
    cluster = np.array(max(hours / 730.0, 1.0))
    per_hour = float(link.training_flop(np.array(1.0), cluster, p.link))
    factor = float(compute.price_factors(p.compute)[LAB_USES.start])
    return e.price_now_usd() * factor / max(per_hour, H100_FLOP_PER_S * SECONDS_PER_HOUR * 1e-3)


def post(e: World, f: MonthFlows) -> None:
    """Post contract prices per accelerator-hour, the spot price and list prices per token."""
    p = e.params.compute
    f.contract_usd = e.providers.contract_usd_per_h100e_hour.copy()
    f.market_usd = float((f.contract_usd * f.capacity_hours).sum() / f.capacity_hours.sum())
    f.spot_usd = compute.spot_price(f.market_usd, e.state.utilisation, p)
    f.paid_factor = 1.0 + p.spot_share * (f.spot_usd / f.market_usd - 1.0)
    f.token_usd = e.nets.price_usd_per_token[:, None] * lab.LIST_STRUCTURE[None, :]

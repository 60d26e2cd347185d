"""The compute market by month: prices are posted, hours rationed, work and electricity counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents import lab, robot
from model.core.flows import MonthFlows
from model.core.units import (
    DAY_BLOCKS,
    H100_FLOP_PER_S,
    HOURS_PER_MONTH,
    LAB_USES,
    ON_BOARD,
    PROVIDER_CLASSES,
    PROVIDER_RUN,
    SECONDS_PER_HOUR,
    SERVING,
    SERVING_CLASSES,
    TIERS,
    WORK,
    U,
)
from model.layers import link, physical
from model.layers import orchestrator as call_network
from model.markets import compute, routing
from model.stages.people import Wishes
from model.state import EMBEDDED, SMALL
from model.world import World

Array = NDArray[np.float64]


def clear(e: World, f: MonthFlows) -> None:
    """Ration hours at the posted price by willingness to pay; queue half of unserved work for one month, drop the rest.

    Research waits; served hours are spread over providers.
    """
    p, s, n = e.params, e.state, e.labs.n
    offered, floor = float(f.capacity_hours.sum()), e.running_usd_per_h()
    market = compute.clear(f.demand_hours, offered, f.block_usd, f.deferrable_share, floor, p.compute)
    f.fill, f.clearing_usd, f.block_hours = market.fill, market.clearing_usd, market.served
    f.served_hours = market.served.sum(axis=1)
    by_lab = (f.serving_hours.reshape(len(SERVING_CLASSES), len(TIERS), n).sum(axis=1) * f.fill[SERVING, None]).sum(
        axis=0
    )
    by_lab += (f.research_hours * f.fill[None, LAB_USES]).sum(axis=1)
    public = float(f.served_hours[U["ranking"]] + f.served_hours[U["other"]])
    buyers = np.append(public, by_lab)
    buyers *= float(f.served_hours.sum()) / float(buyers.sum())  # the last bit of rounding
    f.routed_hours = routing.spread(
        buyers, e.opening.homes, f.capacity_hours, f.contract_usd, p.compute.routing_elasticity
    )

    asked = f.new_tokens + s.market.queue
    served = asked * f.fill[SERVING, None, None]
    f.served_tokens = f.tokens * f.fill[SERVING, None, None]
    f.queued_tokens = 0.5 * f.new_tokens * (1.0 - f.fill[SERVING, None, None])
    f.lost_tokens = asked - served - f.queued_tokens
    queued, lost = np.zeros(len(PROVIDER_CLASSES)), np.zeros(len(PROVIDER_CLASSES))
    unserved = 1.0 - f.fill
    queued[SERVING], lost[SERVING] = hours_of(e, f, f.queued_tokens), hours_of(e, f, f.lost_tokens)
    for k, name in enumerate(("ranking", "other")):
        u, waited = U[name], s.market.legacy_queue_hours[k]
        queued[u] = 0.5 * (f.demand_hours[u] - waited) * unserved[u]
        lost[u] = (0.5 * (f.demand_hours[u] - waited) + waited) * unserved[u]
    queued[LAB_USES] = (
        f.demand_hours[LAB_USES] * unserved[LAB_USES]
    )  # research waits; what labs give up they no longer ask for
    f.queued_hours, f.lost_hours = queued, lost
    balance(e, f)


def hours_of(e: World, f: MonthFlows, tokens: Array) -> Array:
    """Return the accelerator-hours that tokens by class, tier and kind take, (S,)."""
    by_net = np.concatenate(
        [tokens[:, t, None, :] * e.state.choices.net_share[:, t, :, None] for t in range(len(TIERS))], axis=1
    )
    return np.asarray((by_net * f.seconds_per_token[None]).sum(axis=(1, 2)) / SECONDS_PER_HOUR)


def balance(e: World, f: MonthFlows) -> None:
    """Hold the month against the laws of compute and tokens."""
    require, used = e.laws.require_zero, f.routed_hours.sum(axis=0)
    total = float(f.capacity_hours.sum())
    gap = float(used.sum() - f.served_hours.sum())
    require("compute: hours routed = hours served", e.label, "providers", gap, total)
    for name, over, capacity in zip(e.opening.provider_names, used - f.capacity_hours, f.capacity_hours, strict=True):
        require("compute: used <= capacity", e.label, name, max(float(over), 0.0), float(capacity))
    for block, over in zip(DAY_BLOCKS, f.block_hours.sum(axis=0) - total / len(DAY_BLOCKS), strict=True):
        require("compute: hours of a block of the day <= its capacity", e.label, block, max(float(over), 0.0), total)
    for u, gap_hours in enumerate(f.demand_hours - f.served_hours - f.queued_hours - f.lost_hours):
        scale = max(total, float(f.demand_hours[u]))
        require("compute: demanded = served + queued + lost", e.label, WORK[u].consumer, float(gap_hours), scale)
    require("compute: lost >= 0", e.label, "buyers", float(np.minimum(f.lost_hours, 0.0).sum()), total)
    issued = float((f.new_tokens + e.state.market.queue).sum())
    gone = float(f.served_tokens.sum() + f.queued_tokens.sum() + f.lost_tokens.sum())
    require("tokens: issued = served + queued + lost", e.label, "labs", issued - gone, max(issued, 1.0))
    require("tokens: lost >= 0", e.label, "labs", float(np.minimum(f.lost_tokens, 0.0).sum()), max(issued, 1.0))


def compute_work(e: World, f: MonthFlows, w: Wishes) -> None:
    """Turn served hours into operations and electricity by class of work; robots and devices compute on their own.

    Training falls with the cluster (K.5); serving draws less power than training (P.8).
    """
    p, n = e.params, e.labs.n
    hours, flop, kwh = np.zeros(len(WORK)), np.zeros(len(WORK)), np.zeros(len(WORK))
    hours[PROVIDER_RUN] = f.served_hours
    flop[SERVING] = f.work_flop.sum(axis=1) * f.fill[SERVING]
    research = f.research_hours * f.fill[None, LAB_USES]
    cluster = np.maximum(research[:, 0] / HOURS_PER_MONTH, 1.0)
    reference = np.full(n, p.link.reference_cluster_h100e)
    performed = np.stack(
        [
            link.training_flop(research[:, 0], cluster, p.link),
            link.training_flop(research[:, 1], reference, p.link),
            *(link.rollout_flop(research[:, x], p.link) for x in (2, 3, 4)),
        ],
        axis=1,
    )
    f.research_flop = performed
    flop[LAB_USES] = performed.sum(axis=0)
    peak = H100_FLOP_PER_S * SECONDS_PER_HOUR
    for name in ("ranking", "other"):
        flop[U[name]] = hours[U[name]] * peak * p.link.legacy_utilisation
    active_s = w.robots * p.robot.duty_hours_per_month * SECONDS_PER_HOUR
    flop[U["robot_on_board"]] = active_s * robot.on_board_flop_per_s(p.robot)
    small = float(e.state.choices.net_share[EMBEDDED, SMALL] @ e.nets.parameters[n:])
    flop[U["device"]] = f.device_tokens * 2.0 * min(small, e.device_parameters)
    hours[ON_BOARD] = flop[ON_BOARD] / (peak * p.robot.on_board_utilisation)

    used = f.routed_hours.sum(axis=0)
    watts = e.cohorts.by_provider(e.cohorts.watts)
    serves = np.arange(len(PROVIDER_CLASSES)) < SERVING.stop
    load = physical.class_load(serves, p.physical)
    total = max(float(f.served_hours.sum()), 1e-300)
    mean_load = float((f.served_hours * load).sum()) / total
    idle_and_work = physical.energy_kwh(used, f.capacity_hours, watts, p.physical)
    f.provider_kwh = idle_and_work + (mean_load - 1.0) * used * watts / 1000.0
    kwh[PROVIDER_RUN] = f.served_hours * load * float((used * watts).sum()) / total / 1000.0
    kwh[ON_BOARD] = hours[ON_BOARD] * p.robot.on_board_w_per_h100e / 1000.0
    f.hours, f.flop, f.kwh = hours, flop, kwh


def post(e: World, f: MonthFlows) -> None:
    """Post contract prices per accelerator-hour, the spot price and list prices per token."""
    p = e.params.compute
    f.contract_usd = e.providers.contract_usd_per_h100e_hour.copy()
    f.market_usd = float((f.contract_usd * f.capacity_hours).sum() / f.capacity_hours.sum())
    s = e.state.market
    timed = float(compute.class_prices(s.block_ratio, np.zeros(len(PROVIDER_CLASSES)), p)[U["standing"]])
    deferrable = compute.DEFERRABLE.copy()  # standing jobs wait as far as the lower price moves them (O.5)
    deferrable[U["standing"]] = call_network.batch_share(
        1.0 - float(s.block_ratio.min()) / timed, e.params.call_network
    )
    f.block_usd, f.deferrable_share = f.market_usd * s.block_ratio, deferrable
    f.class_price = compute.class_prices(s.block_ratio, deferrable, p)
    f.spot_usd = compute.spot_price(f.market_usd, e.state.market.utilisation, p)
    f.paid_factor = 1.0 + p.spot_share * (f.spot_usd / f.market_usd - 1.0)
    f.token_usd = e.nets.price_usd_per_token[:, None] * lab.LIST_STRUCTURE[None, :]

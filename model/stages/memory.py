"""What the layers realised this month, kept for the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents import application, human, lab, robot
from model.core.flows import MonthFlows
from model.core.units import (
    CACHED,
    FRESH,
    H100_FLOP_PER_S,
    HOURS_PER_MONTH,
    INPUT,
    LEGACY,
    SECONDS_PER_HOUR,
    SERVING,
    U,
)
from model.layers import application as application_layer
from model.layers import context, link
from model.stages.books import serving_usd_per_token
from model.stages.people import Known, Wishes
from model.state import ROBOT, SMALL
from model.world import World

Array = NDArray[np.float64]


def remember(e: World, f: MonthFlows, w: Wishes, known: Known) -> None:
    """Keep what the layers realised: delays, cache hits, multipliers, thinking, robots' success. Changes the state."""
    p, s = e.params, e.state
    s.market.fill, s.market.queue = f.fill.copy(), f.queued_tokens.copy()
    s.market.legacy_queue_hours = f.queued_hours[[U[name] for name in LEGACY]]
    for name in LEGACY:
        now = getattr(s.choices, f"{name}_intensity")
        opening = p.compute.opening_usd_per_h100e_hour
        step = application_layer.legacy_step(now, f.market_usd, opening, p.compute.elasticity_legacy, p.app_network)
        setattr(s.choices, f"{name}_intensity", step)
    s.calls.calls_per_task = f.calls_per_task
    s.served.tokens += float(f.served_tokens.sum())
    s.loop.examined = w.examined / w.tasks_agent if w.tasks_agent > 0.0 else 0.0
    s.loop.log_tau_chat = known.log_tau_chat
    best = float(e.nets.horizon_minutes[: e.labs.n].max())
    chat, agents = p.application.launch_horizon_minutes, p.ai_agent.agent_launch_horizon_minutes
    s.loop.chat_ready_month = application.ready(s.loop.chat_ready_month, e.month, best, chat)
    s.loop.agents_ready_month = application.ready(s.loop.agents_ready_month, e.month, best, agents)
    if known.can_think:  # assistants' users move to reasoning nets once these exist
        s.loop.reasoning_share = human.take_up_thinking(s.loop.reasoning_share, p.human)

    read_per_s = f.served_tokens[:, :, INPUT].sum(axis=(1, 2)) / (HOURS_PER_MONTH * SECONDS_PER_HOUR)
    by_net = f.served_tokens.sum(axis=(0, 2))
    kv = link.kv_bytes(e.nets.parameters, p.link)
    kv_mean = float((by_net * kv).sum() / by_net.sum()) if by_net.sum() > 0.0 else float(kv.mean())
    hbm = e.cohorts.mean(e.cohorts.hbm_bytes) * float(f.served_hours[SERVING].sum()) / HOURS_PER_MONTH
    s.memory.hits = context.hit_share(read_per_s, kv_mean, hbm, s.memory.caching_share, p.context)
    cost = f.seconds_per_token.mean(axis=0)
    s.memory.caching_share = context.mature(s.memory.caching_share, float(cost[FRESH]), float(cost[CACHED]), p.context)

    mix = np.where(by_net[:, None] > 0.0, f.served_tokens.sum(axis=0), lab.UNSEEN_MIX)
    s.served.usd_per_token = (mix * serving_usd_per_token(e, f)).sum(axis=1) / mix.sum(axis=1)

    r = p.robot
    horizon = float(np.exp(known.log_horizon[ROBOT, SMALL]))
    s.robots.success = robot.success(horizon, p.agent_loop.success_slope, r)
    s.robots.call_usd = float(known.prompts[ROBOT] * known.price[ROBOT, SMALL, FRESH])
    board_h100e = robot.on_board_flop_per_s(r) / H100_FLOP_PER_S / r.on_board_utilisation
    s.robots.running_usd = robot.running_usd(
        board_h100e, p.physical.electricity_usd_per_kwh, s.robots.calls_per_h, s.robots.call_usd, r
    )

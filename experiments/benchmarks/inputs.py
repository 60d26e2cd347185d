"""What the objects of `bench_twin` need of a month, as plain numbers."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING

from agents import robot
from model.state import ASSISTANT, DELEGATED, FRONTIER, SMALL

if TYPE_CHECKING:
    from model.stages.people import Known
    from model.world import World

_SPLIT = 2.0**29 + 1.0


def single(x: float) -> float:
    """Return the nearest number of single precision (Dekker's split): usefulness is kept in four bytes.

    >>> import struct
    >>> single(0.1) == struct.unpack('f', struct.pack('f', 0.1))[0]
    True
    """
    t = x * _SPLIT
    return t - (t - x)


def constants(e: World, known: Known) -> SimpleNamespace:
    """Return what every human of a month needs, as plain numbers."""
    p, s, offer = e.params, e.state, known.offer
    h, loop, attention = p.human, p.agent_loop, p.attention
    capital = robot.price(s.robots.sold, p.robot) * (p.robot.interest_per_year + p.robot.depreciation_per_year) / 12.0
    watched_h = loop.job_tasks_per_month * loop.job_minutes / 60.0 * (1.0 - known.job_success)
    curve = loop.success_slope * loop.thinking_exponent
    return SimpleNamespace(
        # adoption
        chat_open=float(offer.chat_open),
        agents_open=float(offer.agents_open),
        useful=single(1.0 / h.usefulness_reference),
        innovation=h.innovation_per_year * h.media_pulse,
        imitation=h.imitation_per_year,
        delegation_innovation=h.delegation_innovation_per_year,
        delegation_imitation=h.delegation_imitation_per_year,
        saturation=h.saturation_share,
        # the loop
        can_think=known.can_think,
        slope=loop.success_slope,
        curve=curve,
        log_curve=math.log(curve),
        log_thinking_max=math.log(loop.thinking_max),
        verifiable=loop.verifiable_share,
        attempts_max=loop.attempts_max,
        loop_tokens=loop.loop_tokens,
        generated_share=loop.generated_share_agent,
        horizon=tuple(float(known.log_horizon[DELEGATED, tier]) for tier in (FRONTIER, SMALL)),
        chat_horizon=tuple(float(known.log_horizon[ASSISTANT, tier]) for tier in (FRONTIER, SMALL)),
        log_thinking_gain=known.log_thinking_gain.tolist(),
        # candidates
        spread=attention.candidate_spread,
        dilution=attention.candidate_dilution,
        candidates_max=attention.candidates_max,
        reading_usd=attention.candidate_tokens * float(known.price[DELEGATED, FRONTIER, 0]),
        quality_kept=s.auction.quality_kept,
        ad_funded=s.auction.ad_funded_share,
        # choice
        scale=1.0 / h.choice_scale,
        rebound=h.rebound_elasticity * h.choice_scale,
        saving=h.assistant_time_saving,
        prompt_minutes=h.assistant_prompt_minutes,
        assistant_habit=h.assistant_habit,
        agent_habit=h.agent_habit,
        error_loss=h.error_loss,
        review_min=h.review_share_min,
        review_span=h.review_share_max - h.review_share_min,
        chat_usd=offer.chat_usd,
        chat_thinking_usd=offer.chat_thinking_usd.tolist(),
        loop_usd=offer.loop_usd,
        loop_generated_usd=offer.loop_generated_usd,
        fee_usd=offer.fee_usd,
        chat_delivered=offer.delivered[0] * offer.chat_open,
        agents_delivered=offer.delivered[1] * offer.agents_open,
        # budget and hours
        fee_share=h.surplus_fee_share,
        spending_max=h.ai_spending_share_max,
        jobs_max=h.job_spending_share_max,
        work_hours=h.work_hours_per_month,
        month_hours=attention.hours_per_month,
        committed_max=attention.committed_share_max,
        application_share=attention.application_share,
        damping=attention.shadow_damping,
        watching_h=watched_h * h.review_share_min,
        # agents
        tasks_max=p.ai_agent.tasks_per_month_max,
        tasks_per_agent=p.ai_agent.tasks_per_month_max * p.ai_agent.utilisation_target,
        job_scale=loop.job_scale,
        job_ratio=(known.job_success / known.job_usd) ** (1.0 / loop.job_elasticity),
        job_price=known.job_usd * (1.0 + h.surplus_fee_share),
        job_fee_usd=known.job_usd * h.surplus_fee_share,
        turnover=p.ai_agent.turnover_per_month,
        spawn=p.ai_agent.spawn_per_month,
        payout=p.ai_agent.payout_per_month,
        lean_months=p.ai_agent.lean_months,
        # robots
        robot=p.robot,
        robot_hours=p.robot.duty_hours_per_month * s.robots.success,
        robot_usd=capital + s.robots.running_usd,
        robot_power=1.0 / p.robot.demand_scale,
        owner_max=p.robot.owner_share_max,
        supervision_h=p.robot.supervision_h_per_month * (1.0 - s.robots.success),
        robots_retired=p.robot.depreciation_per_year / 12.0,
        robot_capacity=s.robots.capacity,
        purchase=p.robot.purchase_per_month,
        queue_months=p.robot.queue_months,
    )

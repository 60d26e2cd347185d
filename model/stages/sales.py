"""Stage 11: attention is sold. People's by the hour, agents' by the invocation, orchestrators' lists by the routed call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents import ai_agent, orchestrator
from model.core.draws import MonthDraws
from model.core.flows import MonthFlows
from model.markets import auction
from model.stages.people import Wishes
from model.state import DELEGATED, STANDING
from model.world import World

Array = NDArray[np.float64]

#: What services bid for, in this order.
SOLD = ("clicks", "invocations")


def sell_attention(e: World, f: MonthFlows, w: Wishes, draw: MonthDraws) -> None:
    """Sell human attention by the hour and agent attention by the invocation, both by position auction. Changes services.

    Services' budgets move between the two markets by marginal return (M.37); bids follow by noisy best response (M.35).
    People compare ad-funded agents with loyal ones by what the ranking costs them (M.38, I.4).
    """
    p, z, s = e.params, e.services, e.state
    clicks, calls = auction.click_rates(p.auction.clicks_per_hour, p.auction), auction.click_rates(1.0, p.auction)
    values = np.stack([z.margin * p.auction.value_usd_per_click, z.margin * p.auction.value_usd_per_invocation])
    bids, quality = np.stack([z.bid_click_usd, z.bid_invocation_usd]), z.quality[None]
    luck = luck_of(draw, "auction.luck", len(SOLD) * z.n).reshape(len(SOLD), -1)
    rates = (clicks, calls)
    sales = [
        auction.run(
            bids[i : i + 1],
            values[i : i + 1],
            quality,
            rates[i],
            p.auction.rule,
            p.auction.reserve_usd,
            luck[i : i + 1],
        )
        for i in range(len(SOLD))
    ]
    hour_usd, asked_usd = (float(sale.payment_usd.sum()) for sale in sales)
    moved = float(z.agent_budget_share.mean())
    hours = float((f.application_hours * e.applications.ad_load).sum())
    invocations = w.tasks_agent * float(f.fill[DELEGATED])
    invocations += w.jobs * p.agent_loop.job_tasks_per_month * float(f.fill[STANDING])
    sponsored = invocations * s.auction.ad_funded_share
    spent = auction.spending(hours, sponsored, hour_usd, asked_usd, moved)
    f.ad_usd_per_hour, f.ad_spend_usd = spent.hour_usd, spent.hours_usd
    f.invocation_usd, f.invocation_spend_usd = spent.invocation_usd, spent.invocations_usd
    f.click_usd = f.ad_usd_per_hour / float(clicks.sum())

    # What the positions are worth to those who hold them, and how both markets' custom spreads over services
    volume = hours * (1.0 - moved) * float(clicks.sum()), sponsored * float(calls.sum())
    custom = [auction.custom(sale.winner, rates[i], z.n)[0] * volume[i] for i, sale in enumerate(sales)]
    f.service_custom = custom[0] + custom[1]
    f.services_value_usd = float((np.stack(custom) * values).sum())

    tasks = w.tasks_agent
    if tasks > 0.0:
        s.auction.ad_funded_share = ai_agent.ad_funded_share(
            f.invocation_usd * p.orchestrator.agent_fee_share,
            w.ranking_loss_usd / tasks,
            w.agent_value_usd / tasks,
            p.human.choice_scale,
            p.ai_agent,
        )
    s.auction.quality_kept = float(auction.quality_kept(quality, sales[1].winner, calls)[0])
    on_sale = (hours * float((values[0] * clicks[0]).mean()), sponsored * float((values[1] * calls[0]).mean()))
    z.agent_budget_share[:] = auction.split_budget(z.agent_budget_share, *on_sale, p.auction)
    noise = draw.normal("auction.bid", np.arange(len(SOLD) * z.n)).reshape(len(SOLD), -1)
    for i, column in enumerate((z.bid_click_usd, z.bid_invocation_usd)):
        now = slice(i, i + 1)
        column[:] = auction.respond(bids[now], values[now], quality, rates[i], noise[now], p.auction)[0]


def sell_routing(e: World, f: MonthFlows, draw: MonthDraws) -> None:
    """Sell places on orchestrators' lists of skills, one auction each: skills are agents that want to be called. Changes nodes.

    Only calls of ad-funded agents follow the auction (T.5). What a skill pays it pays to the orchestrator, inside one sector.
    """
    p, s, nodes = e.params, e.state, e.orchestrators
    callers = np.flatnonzero(nodes.node_kind == orchestrator.ORCHESTRATOR)
    skills = np.flatnonzero(nodes.node_kind == orchestrator.SKILL)
    linked = s.calls.edges[np.ix_(callers, skills)] > 0.0
    value = orchestrator.call_value_usd(nodes.price_usd_per_call[skills], p.orchestrator)
    quality, bid = nodes.quality[skills][None], nodes.bid_usd_per_call[skills][None]
    rates = auction.click_rates(1.0, p.auction)
    luck = luck_of(draw, "auction.routing_luck", linked.size).reshape(linked.shape)
    bids = np.where(linked, bid, -1.0)
    sale = auction.run(bids, value + 0.0 * bids, quality + 0.0 * bids, rates, p.auction.rule, 0.0, luck)
    s.auction.sponsored = np.zeros_like(s.calls.edges)
    s.auction.sponsored[np.ix_(callers, skills)] = auction.custom(sale.winner, rates, skills.size)
    called = f.traffic_calls[callers] * s.calls.edges[np.ix_(callers, skills)].sum(axis=1)
    sold = s.auction.ad_funded_share * float(f.traffic_calls[skills].sum()) * called / max(float(called.sum()), 1e-300)
    f.routing_spend_usd = auction.list_spending(sale, rates, sold)
    noise = draw.normal("auction.routing", skills)[None]
    nodes.bid_usd_per_call[skills] = auction.respond(bid, value[None], quality, rates, noise, p.auction, 0.0)[0]


def luck_of(draw: MonthDraws, stream: str, n: int) -> Array:
    """Return draws that order equals, (n,), never zero."""
    return np.maximum(draw(stream, np.arange(n)), 1e-17)

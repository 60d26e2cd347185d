"""Stage 12, first part: people remember, agents are born and leave, robots are delivered and retire."""

from __future__ import annotations

import numpy as np

from agents import ai_agent, robot
from model.core.flows import MonthFlows
from model.core.units import RowSums
from model.world import World


def live(e: World, f: MonthFlows) -> None:
    """Store what people decided; run the turnover of agents and robots. Changes people, agents, robots."""
    h = e.humans
    h.adopted_share[:], h.delegating_share[:] = f.adopted_share, f.delegating_share
    h.shadow_usd_per_h[:] = f.shadow_usd_per_h
    h.assistant_usefulness[:], h.agent_usefulness[:] = f.assistant_usefulness, f.agent_usefulness
    h.log_thinking[:] = f.log_thinking
    agents(e, f)
    robots(e, f)


def agents(e: World, f: MonthFlows) -> None:
    """Births and exits of AI agents, and the wallets that return to principals (I.1, I.2)."""
    p, a, n = e.params.ai_agent, e.ai_agents, e.humans.n
    heads_before = int(np.count_nonzero(a.weight_agents > 0.0))
    heads_born = heads_gone = 0
    sums = []
    for offset, wanted in ((0, f.delegates_wanted), (n, f.jobs_wanted)):
        totals = RowSums(("born", "exited", "returned_usd", "before", "after"), n)
        for rows in e.blocks:
            here = slice(rows.start + offset, rows.stop + offset)
            weight, wallet, lean = a.weight_agents[here], a.wallet_usd[here], a.lean_months[here]
            ai_agent.lean_months(lean, weight, wanted[rows])
            t = ai_agent.turnover(weight, wanted[rows], lean, wallet, p)
            after = weight + t.born
            after -= t.exited
            np.maximum(after, 0.0, out=after)
            was, stays = weight > 0.0, after > 0.0
            heads_born += int(np.count_nonzero(stays & ~was))
            heads_gone += int(np.count_nonzero(was & ~stays))
            totals.strip(rows.start, weight.size)
            for name, column in {**t._asdict(), "before": weight, "after": after}.items():
                totals.add(name, column)
            wallet -= t.returned_usd
            weight[:] = after
        sums.append(totals.total())
    born, exited, returned, before, now = (
        delegates + standing for delegates, standing in zip(*(s.values() for s in sums), strict=True)
    )
    f.agents_born, f.agents_exited = born, exited
    e.ledger.pay("ai_agents", "humans", "wallets returned", returned)
    law = "agents: stock = last + born - exited"
    e.laws.require_zero(f"{law} (weights)", e.label, "ai_agents", now - (before + born - exited), max(before, 1.0))
    heads = int(np.count_nonzero(a.weight_agents > 0.0)) - (heads_before + heads_born - heads_gone)
    e.laws.require_zero(f"{law} (heads)", e.label, "ai_agents", float(heads), 1.0)


def robots(e: World, f: MonthFlows) -> None:
    """Deliver robots as far as makers can, retire old ones, order a share of the gap to the wanted fleet (R.1-R.6)."""
    p, s, r = e.params.robot, e.state, e.robots
    before, backlog = e.total(r.weight_robots), e.total(r.on_order)
    retired = robot.retired(r.weight_robots, p)
    delivered = robot.deliver(r.on_order, backlog, s.robots.capacity)
    s.robots.capacity = robot.next_capacity(s.robots.capacity, backlog, p)
    r.weight_robots += delivered - retired
    r.on_order -= delivered
    np.maximum(r.on_order, 0.0, out=r.on_order)
    gap = np.maximum(f.robots_wanted - r.weight_robots - r.on_order, 0.0)
    r.on_order += robot.orders(gap, e.total(gap), e.total(r.on_order), s.robots.capacity, p)
    f.robots_bought, f.robots_retired = e.total(delivered), e.total(retired)
    usd = f.robots_bought * robot.price(s.robots.sold, p)
    e.ledger.pay("robot_owners", "hardware_suppliers", "robots", usd)
    e.ledger.pay("hardware_suppliers", "rest_of_world", "robot production", usd)
    s.robots.sold += f.robots_bought
    now = e.total(r.weight_robots)
    gap_now = now - (before + f.robots_bought - f.robots_retired)
    e.laws.require_zero("robots: stock = last + bought - retired", e.label, "robot_owners", gap_now, max(now, 1.0))

"""AI agents, section 7.11: turnover (I.1, I.2) and the choice of who funds them (I.4)."""

import math

from tests.reference.economy_books import pay
from tests.reference.economy_offer import choice_gain, mean_gain


def turn_over(p, row, wanted):
    """Eq. I.1 and I.2: agents born and exited, wallets returned."""
    leave = p["ai_agent.turnover_per_month"]
    speed = p["ai_agent.spawn_per_month"]
    row.lean = row.lean + 1 if wanted <= 0.0 else 0
    gap = wanted - row.number * (1.0 - leave)
    born = speed * max(gap, 0.0)
    exited = leave * row.number + speed * max(-gap, 0.0)
    if row.lean >= p["ai_agent.lean_months"]:
        born, exited = 0.0, row.number
    share = exited / row.number if row.number > 0.0 else 1.0
    returned = row.wallet * (share + (1.0 - share) * p["ai_agent.payout_per_month"])
    row.wallet -= returned
    row.number += born - exited
    return born, exited, returned


def agents(w, f):
    """Turnover of delegates and standing agents (I.1, I.2)."""
    p = w.p
    f.born = 0.0
    f.exited = 0.0
    total = 0.0
    for h in w.people:
        capacity = p["ai_agent.tasks_per_month_max"] * p["ai_agent.utilisation_target"]
        for row, wanted in ((h.delegates, h.agent_wanted / capacity), (h.standing, h.jobs_wanted)):
            born, exited, returned = turn_over(p, row, wanted)
            f.born += born
            f.exited += exited
            total += returned
    pay(w, f, "ai_agents", "humans", "wallets returned", total)


def choose_loyalty(w, f):
    """Eq. I.4: share of delegates that are ad-funded next month."""
    p = w.p
    rows = [h for h in w.people if h.agent_tasks > 0.0]
    tasks = sum(h.agent_tasks for h in rows)
    if tasks > 0.0:
        value = sum(h.agent_tasks * h.value for h in rows) / tasks
        loss = 0.0
        for h in rows:
            gap = choice_gain(p, h.candidates) - choice_gain(p, h.candidates, w.quality_kept)
            loss += h.agent_tasks * h.value * h.agent_success * gap / mean_gain(w, h.candidates) / tasks
        fee = p["orchestrator.agent_fee_share"] * f.invocation_price
        x = min(max((fee - loss) / (p["human.choice_scale"] * value), -50.0), 50.0)
        a0 = p["ai_agent.ad_funded_share"]
        w.ad_funded = a0 * math.exp(x) / (1.0 - a0 + a0 * math.exp(x))

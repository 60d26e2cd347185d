"""Births, exits and standing jobs again. Twin of agents/ai_agent.py."""

import math


def turnover(weight, wanted, lean_months, wallet, p):
    """Eq. I.1, I.2, one row a turn: (born, exited, returned)."""
    out = []
    for n, goal, lean, usd in zip(weight, wanted, lean_months, wallet, strict=True):
        stay = n - n * p.turnover_per_month
        if lean >= p.lean_months:
            born, exited = 0.0, n
        elif goal > stay:
            born, exited = p.spawn_per_month * (goal - stay), n * p.turnover_per_month
        else:
            born, exited = 0.0, min(n * p.turnover_per_month + p.spawn_per_month * (stay - goal), n)
        leavers_usd = usd * exited / n if n > 0 else usd
        out.append((born, exited, leavers_usd + p.payout_per_month * (usd - leavers_usd)))
    return out


def standing_tier(log_ratio, p):
    """Eq. I.3: small against frontier."""
    frontier, small = (x / p.standing_small_share_scale for x in log_ratio)
    top = max(frontier, small)
    return math.exp(small - top) / (math.exp(small - top) + math.exp(frontier - top))

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


def ad_funded_share(fee, loss, value, scale, p):
    """Eq. I.4: the log-odds at equal terms plus the gain in units of the taste shocks."""
    if p.ad_funded_share in (0.0, 1.0):
        return p.ad_funded_share
    gain = min(max((fee - loss) / (scale * value), -50.0), 50.0)
    odds = math.log(p.ad_funded_share / (1 - p.ad_funded_share)) + gain
    return 1 / (1 + math.exp(-odds)) if odds > 0 else math.exp(odds) / (1 + math.exp(odds))

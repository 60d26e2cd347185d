"""Hindsight on a released net, by brute force over sizes and scales."""

from __future__ import annotations

import math


def loss(n, d, law):
    return law.e + law.a / n**law.alpha + law.b / d**law.beta


def cost(n, d, train, serve, factor):
    """Training with roll-outs, and serving: c_T 6 N D factor + 2 N sum c Q."""
    return train * 6.0 * n * d * factor + 2.0 * n * serve


def size_regret(n, d, train, serve, factor, limit, n_min, law, points=20_001):
    """Eq. X.20 and X.21: the chosen net's cost less the least cost of its loss over a fine grid of sizes."""
    target, best = loss(n, d, law), cost(n, d, train, serve, factor)
    chosen = best
    for k in range(points):
        size = n * math.exp(-6.0 + 9.0 * k / (points - 1))
        gap = target - law.e - law.a / size**law.alpha
        if size < n_min or gap <= 0.0:
            continue
        tokens = (law.b / gap) ** (1.0 / law.beta)
        if tokens <= limit:
            best = min(best, cost(size, tokens, train, serve, factor))
    return chosen - best


def scale_regret(profit, training, elasticity, points=81):
    """Eq. X.22: profit x**eta - research x, eta at most .95, best over a tenth to ten times, less its value at one."""
    elasticity = min(elasticity, 0.95)
    values = [profit - training]
    for k in range(points):
        x = 10.0 ** (-1.0 + 2.0 * k / (points - 1))
        values.append(profit * x**elasticity - training * x)
    return max(values) - (profit - training)


def foresight(rows):
    """Eq. X.23: rows of (lab, tier, opening, retired, tokens, serving, parameters, price of training, roll-outs)."""
    found, seen = {}, []
    for lab, tier, opening, retired, tokens, serving, parameters, train, rollouts in rows:
        if opening:
            continue
        place = sum(1 for x in seen if x == (lab, tier))
        seen.append((lab, tier))
        if retired:
            found[lab, tier, place] = (tokens, serving / parameters / 2.0, train + train * rollouts)
    return found

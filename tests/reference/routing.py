"""Routing again, as the text of the equation. Twin of model/markets/routing.py."""

import math


def spread(served, home, capacity, price, elasticity):
    """Eq. M.10: rows of hours by provider. The market fills providers to min(free, level x weight), the level found by sorting."""
    buyers, providers = len(served), len(capacity)
    out = [[0.0] * providers for _ in range(buyers)]
    free, left = list(capacity), list(served)
    for j in range(providers):
        mine = [i for i in range(buyers) if home[i] == j]
        wanted = math.fsum(served[i] for i in mine)
        if wanted == 0:
            continue
        for i in mine:
            out[i][j] = served[i] if wanted <= capacity[j] else served[i] * capacity[j] / wanted
            left[i] = served[i] - out[i][j]
        free[j] = capacity[j] - wanted if wanted < capacity[j] else 0.0
    total = math.fsum(left)
    weight = [free[j] * price[j] ** -elasticity for j in range(providers)]
    open_ = [j for j in range(providers) if free[j] > 0 and weight[j] > 0]
    if total <= 0 or not open_:
        return out
    taken = [0.0] * providers
    rest = total
    open_.sort(key=lambda j: free[j] / weight[j])  # the first to be full first
    while open_:
        level = rest / math.fsum(weight[j] for j in open_)
        j = open_[0]
        if level * weight[j] < free[j]:
            for n in open_:
                taken[n] = level * weight[n]
            break
        taken[j] = free[j]
        rest -= free[j]
        open_.pop(0)
    for i in range(buyers):
        for j in range(providers):
            out[i][j] += left[i] / total * taken[j]
    return out

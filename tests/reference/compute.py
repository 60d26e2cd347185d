"""The compute market again, as the text of the equations. Twin of model/markets/compute.py."""

import math

#: The search of the kernel ends at these values of ln(clearing price / posted price).
BOUND = 16.0


def elasticities(p):
    """Of the twelve classes: five of serving, ranking and other, five of research."""
    return [p.elasticity_serving] * 5 + [p.elasticity_legacy] * 2 + [p.elasticity_research] * 5


def price_factors(p):
    """Ranking and serving are interactive but for standing jobs; other AI and final runs are reserved; the rest is batch."""
    i, r, b = p.interactive_factor, p.reserved_factor, p.batch_factor
    return [i, i, b, i, i, i, r, r, b, b, b, b]


def log_clearing(demand, usable, eps):
    """ln(x / price) at which demand equals what is usable: Newton on ln(sum of demand), which is convex and falls."""
    y = -BOUND
    for _ in range(200):
        amount = [d * math.exp(-e * y) for d, e in zip(demand, eps, strict=True)]
        total = math.fsum(amount)
        slope = -math.fsum(a * e for a, e in zip(amount, eps, strict=True)) / total
        step = -(math.log(total) - math.log(usable)) / slope
        y += step
        if y > BOUND or abs(step) < 1e-15 or (y < -BOUND and step < 0):
            break
    return max(-BOUND, min(BOUND, y))


def clear(demand, capacity, price, p):
    """Eq. M.1 to M.3: (fill, clearing price, served)."""
    usable = capacity * p.utilisation_max
    if sum(demand) <= 0:
        return [1.0] * len(demand), p.operating_usd_per_h, [0.0] * len(demand)
    if usable <= 0:
        return [0.0] * len(demand), max(price * math.exp(BOUND), p.operating_usd_per_h), [0.0] * len(demand)
    eps = elasticities(p)
    y = log_clearing(demand, usable, eps)
    clearing = max(price * math.exp(y), p.operating_usd_per_h)
    if math.fsum(demand) <= usable:
        return [1.0] * len(demand), clearing, list(demand)
    fill = [math.exp(-e * y) for e in eps]
    served = math.fsum(d * f for d, f in zip(demand, fill, strict=True))
    if served > usable:  # only beyond the bound of the search
        fill = [f * usable / served for f in fill]
    return fill, clearing, [d * f for d, f in zip(demand, fill, strict=True)]


def next_price(prices, clearing, p):
    """Eq. M.4."""
    out = []
    for price in prices:
        log_price = math.log(price) + p.price_speed * math.log(clearing / price)
        out.append(max(math.exp(log_price), p.operating_usd_per_h))
    return out


def spot_price(contract, utilisation, p):
    """Eq. M.5."""
    u = 0.95 if utilisation > 0.95 else utilisation
    return contract * (1 + p.spot_premium * u / (1 - u))

"""The compute market again, as the text of the equations. Twin of model/markets/compute.py."""

import math

#: The search of the kernel ends at these values of ln(clearing price / posted price).
BOUND = 16.0


def elasticities(p):
    """Of the twelve classes: five of serving, ranking and other, five of research."""
    return [p.elasticity_serving] * 5 + [p.elasticity_legacy] * 2 + [p.elasticity_research] * 5


#: Classes that go on day and night (other AI, final runs), and those that can wait; standing jobs decide by price.
STEADY = (6, 7)
WAIT = (2, 8, 9, 10, 11)


def profile(p):
    """Eq. M.1: parts of each class in peak and valley."""
    return [(0.5, 0.5) if u in STEADY else (p.peak_load / 2, 1 - p.peak_load / 2) for u in range(12)]


def class_prices(ratio, waits, p):
    """Eq. M.2."""
    lower = min(ratio)
    return [w * lower + (1 - w) * (a * ratio[0] + b * ratio[1]) for w, (a, b) in zip(waits, profile(p), strict=True)]


def price_of(terms, usable):
    """Eq. M.3: terms of (hours, posted, elasticity), by halving."""
    terms = [t for t in terms if t[0] > 0]
    low, high = min(math.log(q) for _, q, _ in terms) - BOUND, max(math.log(q) for _, q, _ in terms) + BOUND
    for _ in range(200):
        y = (low + high) / 2
        amount = math.fsum(h * math.exp(-e * (y - math.log(q))) for h, q, e in terms)
        low, high = (y, high) if amount > usable else (low, y)
    return math.exp((low + high) / 2)


def clear(demand, capacity, posted, waits, floor, p):
    """Eq. M.4 and M.5: (fill, clearing prices, served by block)."""
    half = capacity * p.utilisation_max / 2
    eps, cheap = elasticities(p), min(posted)
    nothing = [[0.0, 0.0] for _ in demand]
    if math.fsum(demand) <= 0:
        scarce = floor if half > 0 else None
        return [1.0] * 12, [scarce or max(q * math.exp(BOUND), floor) for q in posted], nothing
    if half <= 0:
        return [0.0] * 12, [max(q * math.exp(BOUND), floor) for q in posted], nothing
    timed = [[d * (1 - w) * part[b] for d, w, part in zip(demand, waits, profile(p), strict=True)] for b in (0, 1)]
    later = [d * w for d, w in zip(demand, waits, strict=True)]
    peak = [(h, posted[0], e) for h, e in zip(timed[0], eps, strict=True)]
    valley = [(h, posted[1], e) for h, e in zip(timed[1], eps, strict=True)]
    valley += [(h, cheap, e) for h, e in zip(later, eps, strict=True)]
    x = [price_of(peak + valley, 2 * half)] * 2
    if math.fsum(h * (x[0] / q) ** -e for h, q, e in peak) > half:
        x = [price_of(peak, half), x[1]]
        if any(h > 0 for h, _, _ in valley):
            x[1] = min(price_of(valley, half), x[0])

    def rate(price, q, e):
        return 1.0 if price <= q else (price / q) ** -e

    served = [[h * rate(x[b], posted[b], e) for h, e in zip(timed[b], eps, strict=True)] for b in (0, 1)]
    served = [[h * min(half / max(math.fsum(row), 1e-300), 1.0) for h in row] for row in served]
    moved = [h * rate(x[1], cheap, e) for h, e in zip(later, eps, strict=True)]
    room = [max(half - math.fsum(row), 0.0) for row in served]
    total = math.fsum(moved)
    part = min(math.fsum(room) / total, 1.0) if total > 0 else 1.0
    moved = [h * part for h in moved]
    night = min(room[1] / math.fsum(moved), 1.0) if math.fsum(moved) > 0 else 1.0
    blocks = [[a + m * (1 - night), b + m * night] for a, b, m in zip(*served, moved, strict=True)]
    fill = []
    for d, w, part, e, both in zip(demand, waits, profile(p), eps, blocks, strict=True):
        free = (1 - w) * math.fsum(part[b] * rate(x[b], posted[b], e) for b in (0, 1)) + w * rate(x[1], cheap, e)
        fill.append(min(math.fsum(both) / d, 1.0) if d > 0 else free)
    return fill, [max(y, floor) for y in x], blocks


def next_price(prices, clearing, floor, p):
    """Eq. M.6."""
    out = []
    for price, x in zip(prices, clearing, strict=True):
        out.append(max(math.exp(math.log(price) + p.price_speed * math.log(x / price)), floor))
    return out


def spot_price(contract, utilisation, p):
    """Eq. M.7."""
    u = 0.95 if utilisation > 0.95 else utilisation
    return contract * (1 + p.spot_premium * u / (1 - u))

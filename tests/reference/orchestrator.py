"""The orchestrator layer again, as the text of the equations. Twin of model/layers/orchestrator.py."""

import math


def traffic(edges, scale, external):
    """Eq. O.1 as a story: external calls, the calls they cause, the calls those cause, until nothing is left."""
    total, wave = list(external), list(external)
    size = range(len(external))
    for _ in range(100_000):
        wave = [scale * math.fsum(wave[i] * edges[i][j] for i in size) for j in size]
        total = [a + b for a, b in zip(total, wave, strict=True)]
        if max(wave, default=0.0) <= 1e-17 * max(total, default=0.0):
            return total
    raise ArithmeticError("traffic grows without end")


def spectral_radius(edges):
    """Gelfand: the limit of the norm of A**k to the power 1/k, by squaring A fifty times."""
    size = range(len(edges))
    a, log_norm, power = [list(row) for row in edges], 0.0, 1.0
    for _ in range(50):
        norm = max((sum(abs(x) for x in row) for row in a), default=0.0)
        if norm == 0.0:
            return 0.0
        log_norm += math.log(norm) / power
        a = [[x / norm for x in row] for row in a]
        a = [[math.fsum(a[i][k] * a[k][j] for k in size) for j in size] for i in size]
        power *= 2.0
    return math.exp(log_norm)


def template_scale(edges, external, calls, radius_max):
    """Eq. O.2 by halving: the scale at which one external call causes `calls` calls, within the cap."""
    if calls <= 1.0:
        return 0.0
    low, high = 0.0, capped(1e3, edges, radius_max)
    for _ in range(45):
        middle = (low + high) / 2
        if math.fsum(traffic(edges, middle, external)) < calls * math.fsum(external):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def capped(scale, edges, radius_max):
    """Eq. O.3: scale x radius <= radius_max."""
    radius = max(spectral_radius(edges), 1e-9)
    return scale if scale * radius <= radius_max else radius_max / radius


def multi_share(success, largest, threshold, width):
    """Eq. O.4: a logit that falls in single-agent success."""
    x = (success - threshold) / width
    return largest / (1.0 + math.exp(x)) if x < 500 else 0.0


def batch_share(discount, scale):
    """Eq. O.5: two options, worth the discount and nothing."""
    return math.exp(discount / scale) / (math.exp(discount / scale) + 1.0)


def task_traffic(edges, scales, several, external):
    """Eq. O.6: what a task of one agent and a task of several cause, weighted by how many there are of each."""
    one, many = (traffic(edges, scale, external) for scale in scales)
    return [(1.0 - several) * a + several * b for a, b in zip(one, many, strict=True)]

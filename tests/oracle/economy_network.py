"""The call network again: edges at the opening, traffic, templates (MODEL.md 5 and 7.6)."""

import math

import numpy as np

from tests.oracle import core, orchestrator_firm
from tests.oracle.economy_base import ORCHESTRATOR, SKILL


def call_network(e):
    """Nodes and edges of the call network, the scales of the two templates (O.2)."""
    p, c = e.p, e.p.call_network
    kinds = c.orchestrators, c.skills, c.tools
    e.nodes = [
        {"kind": kind, "quality": quality, "price": price, "take": take, "traffic": 0.0, "entries": 0}
        for kind, quality, price, take in orchestrator_firm.build(kinds, e.draws.trait, p.orchestrator)
    ]
    n = len(e.nodes)
    generator = e.draws.generator("calls")
    grown = core.preferential(
        n,
        c.links,
        [v["quality"] for v in e.nodes],
        lambda i, m, weight: generator.choice(i, size=m, replace=False, p=np.array(weight)).tolist(),
    )
    e.edges = [[0.0] * n for _ in range(n)]
    for i, caller in enumerate(e.nodes):
        below = [j for j in range(n) if e.nodes[j]["kind"] > caller["kind"]]
        linked = [j for j in below if (i, j) in grown or (j, i) in grown]
        linked = linked or below[:1]  # nobody is without someone to call
        back = c.callback_share if caller["kind"] == SKILL else 0.0
        for j in linked:
            e.edges[i][j] = (1.0 - back) / len(linked)
        for j in range(c.orchestrators):
            e.edges[i][j] += back / c.orchestrators
    e.fan_out = [math.fsum(row) for row in e.edges]
    first = [v["quality"] if v["kind"] == ORCHESTRATOR else 0.0 for v in e.nodes]
    e.entry_share = [x / math.fsum(first) for x in first]
    e.agent_scale = template_scale(e.edges, e.entry_share, c.agent_calls, c.spectral_radius_max)
    e.multi_scale = template_scale(e.edges, e.entry_share, c.multi_calls, c.spectral_radius_max)


def template_scale(edges, external, calls, most):
    """Eq. O.2 by halving."""
    low, high = 0.0, capped(1e3, edges, most)
    for _ in range(60):
        middle = (low + high) / 2
        if math.fsum(traffic(edges, middle, external)) < calls * math.fsum(external):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def capped(scale, edges, most):
    """Eq. O.3."""
    return min(scale, most / spectral_radius(edges))


def spectral_radius(edges):
    """Perron's root by steps with edges + identity, which has no other eigenvalue of that size."""
    links = [[(j, x) for j, x in enumerate(row) if x > 0.0] for row in edges]
    x, top, moved = [1.0] * len(edges), 1.0, 1.0
    while moved > 1e-15:
        y = [own + math.fsum(w * x[j] for j, w in row) for own, row in zip(x, links, strict=True)]
        top = max(y)
        y = [v / top for v in y]
        x, moved = y, max(abs(a - b) for a, b in zip(x, y, strict=True))
    return top - 1.0


def traffic(edges, scale, external):
    """Eq. O.1, (I - P') lambda = gamma, by elimination."""
    n = len(external)
    rows = [[(i == j) - scale * edges[j][i] for j in range(n)] + [external[i]] for i in range(n)]
    for k in range(n):  # diagonally dominant enough: the spectral radius is below one
        for i in range(k + 1, n):
            if rows[i][k] != 0.0:
                factor = rows[i][k] / rows[k][k]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    out = [0.0] * n
    for k in reversed(range(n)):
        out[k] = (rows[k][n] - math.fsum(rows[k][j] * out[j] for j in range(k + 1, n))) / rows[k][k]
    return out

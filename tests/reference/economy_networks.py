"""The social graph and the call network of section 5."""

import math
from types import SimpleNamespace

from tests.reference import economy_draws as draws
from tests.reference import economy_orchestrator as orchestrator
from tests.reference.economy_generator import generator


def build_contacts(w):
    """Small world: ring links, a share of them rewired (section 5)."""
    rows = len(w.people)
    half = min(w.p["human.contacts"] // 2, (rows - 1) // 2)
    ends = [(i, (i + j) % rows) for i in range(rows) for j in range(1, half + 1)]
    rng = generator(w.seed, draws.crc("social"))
    rewired = [u < w.p["human.rewiring"] for u in rng.random(len(ends)).tolist()]
    targets = iter(rng.integers(0, rows, size=sum(rewired)).tolist())
    contacts = [set() for _ in range(rows)]
    for (i, j), moved in zip(ends, rewired, strict=False):
        if moved:
            j = next(targets)
        if i != j:
            contacts[i].add(j)
            contacts[j].add(i)
    w.contacts = [sorted(c) for c in contacts]


def build_calls(w):
    """Fitness-based preferential attachment of orchestrators, skills and tools (section 5)."""
    p = w.p
    kinds = [0] * p["call_network.orchestrators"] + [1] * p["call_network.skills"] + [2] * p["call_network.tools"]
    w.nodes = []
    for i, kind in enumerate(kinds):
        n = SimpleNamespace(kind=kind, entries=0)
        z = draws.trait_normal(w.seed, "orchestrator.quality", i)
        n.quality = math.exp(w.p["orchestrator.quality_sigma"] * z)
        z = draws.trait_normal(w.seed, "orchestrator.price", i)
        n.price = w.p["orchestrator.call_price_usd"] * math.exp(w.p["orchestrator.call_price_sigma"] * z)
        n.take = p["orchestrator.take_rate"]
        w.nodes.append(n)
    rng = generator(w.seed, draws.crc("calls"))
    count = len(w.nodes)
    drawn = [0] * count
    links = [[False] * count for _ in range(count)]
    for i in range(1, count):
        size = min(p["call_network.links"], i)
        fitness = [(1.0 + drawn[j]) * w.nodes[j].quality for j in range(i)]
        total = sum(fitness)
        for j in rng.choice(i, size=size, replace=False, p=[x / total for x in fitness]).tolist():
            drawn[j] += 1
            if kinds[j] < kinds[i]:
                links[j][i] = True
    w.edges = opening_edges(p, kinds, links)
    orchestrators = [i for i in range(count) if kinds[i] == 0]
    total = sum(w.nodes[i].quality for i in orchestrators)
    w.entry = [w.nodes[i].quality / total if kinds[i] == 0 else 0.0 for i in range(count)]
    w.scales = [
        orchestrator.template_scale(w, p["call_network.agent_calls"]),
        orchestrator.template_scale(w, p["call_network.multi_calls"]),
    ]


def opening_edges(p, kinds, links):
    """A caller spreads one call evenly; a skill gives a share back to orchestrators (section 5)."""
    count = len(kinds)
    back = p["call_network.callback_share"]
    edges = [[0.0] * count for _ in range(count)]
    for i in range(count):
        if kinds[i] == 2:
            continue
        called = [j for j in range(count) if links[i][j]]
        if not called:
            called = [kinds.index(kinds[i] + 1)]
        amount = 1.0 - back if kinds[i] == 1 else 1.0
        for j in called:
            edges[i][j] = amount / len(called)
        if kinds[i] == 1:
            for j in range(kinds.count(0)):
                edges[i][j] = back / kinds.count(0)
    return edges

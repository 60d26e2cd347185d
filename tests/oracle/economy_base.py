"""What the parts of economy_*.py share: letters, tables of MODEL.md, parameters in force, draws."""

import math
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace as Space

import numpy as np  # the generators of the two networks, nothing else

from tests.oracle import core, link

PAGE = (Path(__file__).resolve().parents[2] / "model" / "MODEL.md").read_text()
PEAK = link.H100_FLOP_PER_S * 3600.0  # operations of an hour

# Letters S, T, Q, W of MODEL.md
ASSISTANT, DELEGATED, STANDING, EMBEDDED, ROBOT = SERVING = range(5)
FRONTIER, SMALL = TIERS = range(2)
FRESH, CACHED, GENERATED = KINDS = range(3)
RANKING, OTHER = LEGACY = range(5, 7)
RESEARCH = range(7, 12)
SEGMENTS = 8
ORCHESTRATOR, SKILL, TOOL = range(3)
LIST = (1.0, 0.1, 5.0)  # list prices of fresh, cached and generated tokens over that of fresh input (L.10)
UNSEEN = (0.8, 0.0, 0.2)  # mix where a net has served none
SECTORS = (
    "humans", "ai_agents", "robot_owners", "applications", "orchestrators", "labs", "providers", "parents",
    "hardware_suppliers", "energy_suppliers", "investors", "rest_of_world",
)  # fmt: skip


def table(heading):
    """The rows of the table of MODEL.md whose first column is `heading`."""
    lines = PAGE.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    out = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        out.append([cell.strip() for cell in line.strip("|").split("|")])
    return out


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def month_index(text, start):
    """Months from `start` to `text`, both 'YYYY-MM'."""
    return core.month_index(*(int(x) for x in text.split("-")), *(int(x) for x in start.split("-")))


def parameters(scenario, month):
    """The parameters in force in a month: the scenario's, changed by its dated interventions (MODEL.md 6)."""
    values = scenario.values()
    for change in scenario.interventions:
        last = month_index(change.until, scenario.start) if change.until else math.inf
        if month_index(change.date, scenario.start) <= month < last:
            section, _, name = change.parameter.partition(".")
            old = values[section][name]
            values[section][name] = old * change.value if change.mode == "multiply" else change.value
    return Space(**{s: Space(**{k: v for k, v in given.items() if "." not in k}) for s, given in values.items()})


class Draws:
    """Uniforms, normals, traits and generators of one seed (MODEL.md 4, Stochasticity)."""

    def __init__(self, seed):
        cells = [row[i : i + 2] for row in table("prime") for i in (0, 2, 4)]
        self.seed, self.traits = seed, [name for _, name in sorted(cells, key=lambda cell: int(cell[0]))]

    def uniform(self, stream, month, identity, k=0):
        return core.uniform(self.seed, stream, month, identity, k)

    def normal(self, stream, month, identity):
        return NormalDist().inv_cdf(max(self.uniform(stream, month, identity), 1e-17))

    def trait(self, stream, identity):
        return core.trait(self.seed, stream, identity, self.traits)

    def generator(self, name):
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(core.stream_number(name),)))


def fleet_mean(e, name):
    """Mean of a property over all machines."""
    weight = [math.fsum(c["h100e"]) for c in e.cohorts]
    return dot(weight, [c[name] for c in e.cohorts]) / math.fsum(weight)


def issue(claims, issuer, holder, usd):
    claims[issuer] -= usd
    claims[holder] += usd

"""Where a dollar of spending on generative AI goes, from those who pay down the stack to chips and watts.

Links come from a year's payments. What a node receives and does not pay on it keeps: wages, other operations, profit. What it pays
on beyond what it receives comes from owners and lenders.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import polars as pl

#: Nodes from left to right: column, name, layer of the stack.
NODES = {
    "people_assistants": (0, "people, for assistants"),
    "people_agents": (0, "people, for agents"),
    "firms": (0, "firms, for features"),
    "owners": (0, "robots, services"),
    "applications": (1, "applications (7)"),
    "ai_agents": (1, "AI agents (5)"),
    "orchestrators": (2, "orchestrators (6)"),
    "owners of labs": (2, "labs' owners"),
    "labs": (3, "AI models, context (3, 4)"),
    "owners of providers": (3, "owners, lenders"),
    "providers": (4, "providers (2)"),
    "chips": (5, "chips, sites (1)"),
    "power": (5, "electricity (1)"),
}
#: Links: payment items (payer, payee, item), less refunds.
LINKS: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = (
    ("people_assistants", "applications", (("humans", "applications", "assistants"),)),
    (
        "people_agents",
        "ai_agents",
        (("humans", "ai_agents", "metered work of agents"), ("humans", "ai_agents", "surplus fees")),
    ),
    ("firms", "applications", (("applications", "labs", "tokens of features"),)),
    ("owners", "labs", (("robot_owners", "labs", "tokens of robots"),)),
    ("owners", "orchestrators", (("rest_of_world", "orchestrators", "invocations by agents"),)),
    (
        "applications",
        "labs",
        (("applications", "labs", "tokens of assistants"), ("applications", "labs", "tokens of features")),
    ),
    ("ai_agents", "labs", (("ai_agents", "labs", "tokens of agents"),)),
    ("ai_agents", "orchestrators", (("ai_agents", "orchestrators", "routing"),)),
    ("labs", "providers", (("labs", "providers", "serving hours"), ("labs", "providers", "research hours"))),
    (
        "providers",
        "chips",
        (
            ("providers", "hardware_suppliers", "chips: deposits and deliveries"),
            ("providers", "rest_of_world", "data centres"),
        ),
    ),
    ("providers", "power", (("providers", "energy_suppliers", "electricity"),)),
)
REFUND = ("ai_agents", "humans", "wallets returned")
#: Share of a dollar below which nothing is drawn; geometry in columns and pixels.
LEAST = 0.005
WIDTH, HEIGHT, GAP, STEPS = 0.07, 210.0, 30.0, 24


class Dollar(NamedTuple):
    """A year's spending, USD, and what each part of it is of one dollar."""

    spent_usd: float
    links: dict[tuple[str, str], float]
    kept: dict[str, float]  # by node


def dollar(flows: pl.DataFrame, year: int) -> Dollar:
    """Return the links of a year, means over seeds, as shares of what was spent on generative AI.

    Providers' payments count as far as their hours went to labs: ranking and other AI are left out.

    Parameters
    ----------
    flows : polars.DataFrame
        Table of the same name.
    year : int
    """
    seeds = max(flows["seed"].n_unique(), 1)
    rows = flows.filter(pl.col("month").dt.year() == year)
    paid = {
        (a, b, item): usd / seeds
        for a, b, item, usd in rows.group_by("payer", "payee", "item", maintain_order=True)
        .agg(pl.col("usd").sum())
        .sort("payer", "payee", "item")
        .rows()
    }
    links = {(a, b): sum(paid.get(item, 0.0) for item in items) for a, b, items in LINKS}
    links["people_agents", "ai_agents"] = max(links["people_agents", "ai_agents"] - paid.get(REFUND, 0.0), 0.0)
    hours = {item: usd for (_, payee, item), usd in paid.items() if payee == "providers" and item.endswith("hours")}
    ours = sum(usd for item, usd in hours.items() if item in ("serving hours", "research hours"))
    share = ours / sum(hours.values()) if ours else 0.0
    for target in ("chips", "power"):
        links["providers", target] *= share
    spent = sum(usd for (a, _), usd in links.items() if NODES[a][0] == 0)
    if spent > 0.0:
        links = {key: usd / spent for key, usd in links.items()}
    kept = {}
    for node, (column, _) in NODES.items():
        into = math.fsum(usd for (_, b), usd in links.items() if b == node)
        out = math.fsum(usd for (a, _), usd in links.items() if a == node)
        if node in ("labs", "providers") and out > into:
            links[f"owners of {node}", node] = out - into
        kept[node] = max(into - out, 0.0) if column and not node.startswith("owners") else 0.0
    return Dollar(spent, links, kept)


class Drawn(NamedTuple):
    """Geometry of the picture, x in columns, y in pixels downwards: bands between nodes, bars of nodes, labels."""

    bands: pl.DataFrame  # link, target, x, low, high
    bars: pl.DataFrame  # node, kind (paid on, kept), x0, x1, low, high
    labels: pl.DataFrame  # x, y, text


def layout(d: Dollar) -> Drawn:
    """Return where bands, bars and labels stand; flows under half a cent are left out."""
    links = {key: usd for key, usd in d.links.items() if usd >= LEAST}
    size = {n: max(math.fsum(v for (a, b), v in links.items() if n == b), _out(links, n)) for n in NODES}
    held = [[n for n, (c, _) in NODES.items() if c == column and size[n] > 0.0] for column in range(6)]
    full = [(math.fsum(size[n] for n in here), len(here)) for here in held if here]
    pixels = min(((HEIGHT - GAP * count) / usd for usd, count in full), default=1.0)
    top = {}
    for here in held:
        y = 0.0
        for n in here:
            y += GAP
            top[n] = y
            y += size[n] * pixels
    out, into = dict(top), dict(top)
    x = np.linspace(0.0, 1.0, STEPS)
    smooth = x * x * (3.0 - 2.0 * x)
    schema = {"link": pl.String, "target": pl.String, "x": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    curves = [pl.DataFrame(schema=schema)]
    for (a, b), usd in links.items():
        x0, x1 = NODES[a][0] + WIDTH, float(NODES[b][0])
        low = out[a] + (into[b] - out[a]) * smooth
        across = {"x": x0 + (x1 - x0) * x, "low": low, "high": low + usd * pixels}
        curves.append(pl.DataFrame({"link": f"{a} to {b}", "target": b, **across}))
        out[a] += usd * pixels
        into[b] += usd * pixels
    bars, labels = [], []
    for n, y in top.items():
        left, passed = float(NODES[n][0]), _out(links, n) * pixels
        kind = "from owners" if n.startswith("owners of") else "paid on"
        for how, foot, head in ((kind, y, y + passed), ("kept", y + passed, y + size[n] * pixels)):
            if head > foot + 0.5:
                bars.append({"node": n, "kind": how, "x0": left, "x1": left + WIDTH, "low": foot, "high": head})
        keeps = f", keeps {_cents(d.kept[n])}" if LEAST <= d.kept[n] < size[n] - LEAST else ""
        labels.append({"x": x0, "y": y - 15.0, "text": f"{NODES[n][1]}\n{_cents(size[n])}{keeps}"})
    spans = dict.fromkeys(("x0", "x1", "low", "high"), pl.Float64)
    return Drawn(
        pl.concat(curves),
        pl.DataFrame(bars, schema={"node": pl.String, "kind": pl.String, **spans}),
        pl.DataFrame(labels, schema={"x": pl.Float64, "y": pl.Float64, "text": pl.String}),
    )


def _out(links: dict[tuple[str, str], float], node: str) -> float:
    return math.fsum(usd for (a, _), usd in links.items() if a == node)


def _cents(x: float) -> str:
    return f"{100.0 * x:.0f}¢" if x >= 0.005 else "<1¢"

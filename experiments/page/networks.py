"""The two networks as pictures: places that never move, traffic as width and colour, names and numbers on hover."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.page.blocks import Block, Picture, paragraph, plain, table
from model.core.units import percent
from model.economy import InferenceEconomy

WIDTH, HEIGHT, TOP = 760, 560, 46
#: From little to much traffic; told apart on light and dark ground.
HEAT = ("#9db4c6", "#56B4E9", "#E69F00", "#D55E00")
KINDS = {
    "segment": "#0072B2",
    "assistant": "#009E73",
    "application": "#56B4E9",
    "orchestrator": "#CC79A7",
    "skill": "#E69F00",
    "tool": "#777777",
}
COLUMNS = {"orchestrator": ("orchestrator", "skill", "tool"), "application": ("segment", "application", "orchestrator")}
HEADS = {
    "segment": "people, by wage",
    "application": "applications",
    "orchestrator": "orchestrators",
    "skill": "skills",
    "tool": "tools",
}


class Node(NamedTuple):
    """A node with its place, its size (calls or hours a month) and words about it."""

    name: str
    kind: str
    x: float
    y: float
    size: float
    words: str


class Edge(NamedTuple):
    """A link with its traffic, words about it, and the side of the picture on which traffic is counted alike."""

    source: str
    target: str
    traffic: float
    words: str
    side: int = 0


def view(e: InferenceEconomy, which: str) -> list[Block]:
    """Return the picture of a network, and its busiest links as a table.

    Parameters
    ----------
    e : InferenceEconomy
    which : {"orchestrator", "application"}
    """
    nodes, edges = network(e, which)
    unit = "calls a month" if which == "orchestrator" else "share of the group's attention"
    how = (
        "Width and colour: calls along the link this month. Places stay, whatever the month or the scenario."
        if which == "orchestrator"
        else "Width and colour: share of a wage group's attention on the left, of assistants' tasks on the right. Places stay."
    )
    month = e.recorder.months[-1] if e.recorder.months else "the opening"
    busiest = sorted((x for x in edges if x.side == 0), key=lambda x: -x.traffic)[:12]
    rows = [(x.source, x.target, plain(x.traffic)) for x in busiest if x.traffic > 0.0]
    drawn = draw(nodes, edges, which)
    return [
        paragraph(f"{month}. {how} Hover for names and numbers.", kind="small"),
        Picture(f"{which}-network", svg=drawn),
        table(("from", "to", unit), rows, (0, 1), "Busiest links"),
    ]


def network(e: InferenceEconomy, which: str) -> tuple[list[Node], list[Edge]]:
    """Return nodes and links of a network as of this month."""
    graph = e.orchestrator_graph if which == "orchestrator" else e.application_graph
    columns = COLUMNS[which]
    held: dict[str, list[object]] = {c: [] for c in columns}
    for node, facts in graph.nodes(data=True):
        held["application" if facts["kind"] == "assistant" else facts["kind"]].append(node)
    nodes: dict[object, Node] = {}
    for k, column in enumerate(columns):
        members = held[column]
        step = (HEIGHT - TOP - 20) / max(len(members), 1)
        for i, node in enumerate(members):
            facts = graph.nodes[node]
            x = 130 + k * (WIDTH - 260) / (len(columns) - 1)
            nodes[node] = Node(_name(node, facts), facts["kind"], x, TOP + (i + 0.5) * step, *_size(facts))
    edges = []
    for a, b, facts in graph.edges(data=True):
        carried = nodes[a].size if which == "orchestrator" else 1.0
        traffic = float(facts["weight"]) * carried
        words = f"{nodes[a].name} to {nodes[b].name}: " + (
            f"{plain(traffic)} calls a month, {facts['weight']:.3g} a call"
            if which == "orchestrator"
            else percent(traffic, ".1f")
        )
        side = int(which == "application" and nodes[a].kind != "segment")
        edges.append(Edge(nodes[a].name, nodes[b].name, traffic, words, side))
    return list(nodes.values()), edges


def _name(node: object, facts: dict[str, object]) -> str:
    if facts["kind"] == "segment":
        return f"wage {float(str(facts['wage_usd_per_h'])):.3g} USD/h"
    number = str(node).rpartition("_")[2]
    return f"{facts['kind']} {number}"


def _size(facts: dict[str, float]) -> tuple[float, str]:
    if "traffic_calls" in facts:
        return facts["traffic_calls"], f"{plain(facts['traffic_calls'])} calls a month"
    if "attention_hours" in facts:
        return facts["attention_hours"], f"{plain(facts['attention_hours'])} hours of attention a month"
    return 0.0, "all humans of this wage"


def draw(nodes: Sequence[Node], edges: Sequence[Edge], which: str) -> str:
    """Return the SVG of a network."""
    place = {n.name: n for n in nodes}
    sides = {side: [x.traffic for x in edges if x.side == side] for side in {x.side for x in edges}}
    top = {side: max(traffic) or 1.0 for side, traffic in sides.items()}
    cuts = {side: np.quantile(traffic, (0.5, 0.8, 0.95)) for side, traffic in sides.items()}
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="net" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="Liberation Sans, Arial, Helvetica, sans-serif" role="img">'
    ]
    for x in sorted(edges, key=lambda x: x.traffic):
        if x.traffic <= 0.0:
            continue
        a, b = place[x.source], place[x.target]
        bend = (b.x - a.x) / 2 if a.x != b.x else -70
        path = f"M{a.x:.1f},{a.y:.1f} C{a.x + bend:.1f},{a.y:.1f} {b.x - (bend if a.x != b.x else -bend):.1f},{b.y:.1f} {b.x:.1f},{b.y:.1f}"
        heat = HEAT[int(np.searchsorted(cuts[x.side], x.traffic, side="right"))]
        width = 0.5 + 6.5 * (x.traffic / top[x.side]) ** 0.5
        out.append(
            f'<path d="{path}" fill="none" stroke="{heat}" stroke-width="{width:.2f}" stroke-opacity="0.7"><title>{html.escape(x.words)}</title></path>'
        )
    most: dict[str, float] = {}
    for n in nodes:
        most[n.kind] = max(most.get(n.kind, 0.0), n.size)
    for n in nodes:
        radius = 3.0 + 6.0 * (max(n.size, 0.0) / most[n.kind]) ** 0.5 if most[n.kind] > 0.0 else 5.0
        left = n.x < WIDTH / 2 - 50
        text_x, anchor = (n.x - radius - 4, "end") if left else (n.x + radius + 4, "start")
        words = html.escape(f"{n.name}: {n.words}")
        middle = abs(n.x - WIDTH / 2) < 50
        label = (
            f'<text x="{n.x:.1f}" y="{n.y - radius - 2:.1f}" text-anchor="middle" font-size="9.5" stroke="white" stroke-width="2.5" paint-order="stroke" fill="#222222">{html.escape(n.name)}</text>'
            if middle
            else f'<text x="{text_x:.1f}" y="{n.y + 3.5:.1f}" text-anchor="{anchor}" font-size="10.5" fill="#222222">{html.escape(n.name)}</text>'
        )
        out.append(
            f'<g class="node"><circle cx="{n.x:.1f}" cy="{n.y:.1f}" r="{radius:.1f}" fill="{KINDS[n.kind]}" stroke="white" stroke-width="1"/>{label}<title>{words}</title></g>'
        )
    columns = COLUMNS[which]
    for k, column in enumerate(columns):
        across = 130 + k * (WIDTH - 260) / (len(columns) - 1)
        out.append(
            f'<text x="{across:.1f}" y="20" text-anchor="middle" font-size="13" font-weight="bold" fill="#222222">{HEADS[column]}</text>'
        )
    for i, (colour, words) in enumerate(
        zip(HEAT, ("half of the links", "next 30 %", "next 15 %", "busiest 5 %"), strict=True)
    ):
        out.append(
            f'<rect x="{190 + 105 * i}" y="30" width="14" height="5" fill="{colour}"/><text x="{208 + 105 * i}" y="36" font-size="10" fill="#555555">{words}</text>'
        )
    return "".join(out) + "</svg>"

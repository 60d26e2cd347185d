"""Orchestrators, skills and tools as firms again. Twin of agents/orchestrator.py."""

import math
from statistics import NormalDist, median

normal = NormalDist().inv_cdf


def build(kinds, trait, p):
    """The opening's nodes: (kind, quality, price, take rate)."""
    nodes = []
    for kind, count in enumerate(kinds):
        for _ in range(count):
            i = len(nodes)
            quality = math.exp(p.quality_sigma * normal(trait("orchestrator.quality", i)))
            price = p.call_price_usd * math.exp(p.call_price_sigma * normal(trait("orchestrator.price", i)))
            nodes.append((kind, quality, price, p.take_rate))
    return nodes


def reweigh(edges, kinds, quality, price, traffic, sponsored, ad_funded, p):
    """Eq. T.1 and T.5: links to orchestrators (kind 0) answer a call and stay; bought places take their part of skills (1)."""
    n = len(kinds)
    if n == 0:
        return []
    mean_price, mean_traffic = math.fsum(price) / n, math.fsum(traffic) / n
    pull = []
    for j in range(n):
        busy = traffic[j] / mean_traffic if mean_traffic > 0 else 0.0
        factor = quality[j] ** p.quality_coefficient * (price[j] / mean_price) ** -p.price_coefficient
        pull.append(factor * (1 + busy) ** p.traffic_coefficient)
    out = []
    for row, bought in zip(edges, sponsored, strict=True):
        chosen = [j for j in range(n) if kinds[j] != 0 and row[j] > 0]
        total, amount = math.fsum(pull[j] for j in chosen), math.fsum(row[j] for j in chosen)
        new = list(row)
        wanted = {j: amount * pull[j] / total for j in chosen}
        if any(bought):
            to_skills = math.fsum(usd for j, usd in wanted.items() if kinds[j] == 1)
            for j in chosen:
                if kinds[j] == 1:
                    wanted[j] = (1 - ad_funded) * wanted[j] + ad_funded * to_skills * bought[j]
        for j in chosen:
            new[j] = p.routing_inertia * row[j] + (1 - p.routing_inertia) * wanted[j]
        out.append(new)
    return out


def take_rates(kinds, traffic, take, p):
    """Eq. T.2."""
    mine = [x if kind == 0 else 0.0 for kind, x in zip(kinds, traffic, strict=True)]
    total = math.fsum(mine)
    out = []
    for x, now in zip(mine, take, strict=True):
        share = x / total if total > 0 else 0.0
        above = max(p.price_elasticity * (1 - share) - 1, 1.0)
        out.append(now + (min(1 / above, p.take_rate_max) - now) * p.revision_per_month)
    return out


def turnover(nodes, edges, fan_out, leaves, entrant, links, p):
    """Eq. T.3. Change nodes (dicts of kind, quality, traffic, entries); return (edges, nodes replaced).

    leaves : function node -> uniform; entrant : function newcomer -> standard normal;
    links : function (caller, newcomer) -> uniform
    """
    n = len(nodes)
    if n == 0:
        return edges, []
    middle = median(r["traffic"] for r in nodes)
    chance = 1 - math.exp(-p.exit_per_year / 12)
    gone = [j for j, r in enumerate(nodes) if r["kind"] != 0 and r["traffic"] <= middle and leaves(j) < chance]
    if not gone:
        return edges, []
    out = [list(row) for row in edges]
    down = [k for k in range(n) if nodes[k]["kind"] != 0]
    for j in gone:
        node = nodes[j]
        newcomer = j + 10_000 * (node["entries"] + 1)
        node["entries"] += 1
        node["quality"] = math.exp(p.quality_sigma * entrant(newcomer))
        mean = math.fsum(r["quality"] for r in nodes) / n
        fitness = node["quality"] / (node["quality"] + mean)
        for i in range(n):
            had, out[i][j] = out[i][j], 0.0
            may = fan_out[i] > 0 and nodes[i]["kind"] < node["kind"]
            left = any(out[i][k] > 0 for k in down)
            if (may and links(i, newcomer) < p.entry_link_share * fitness) or (had > 0 and not left):
                out[i][j] = p.entry_call_share * fan_out[i]
    for i in range(n):
        amount = max(fan_out[i] - math.fsum(edges[i][k] for k in range(n) if k not in down), 0.0)
        total = math.fsum(out[i][k] for k in down)
        for k in down:
            out[i][k] = out[i][k] / total * amount if total > 0 else 0.0
    return out, gone

"""Controls from the declarations of parameters: headline levers, then every parameter by layer, with unit, range, source."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from experiments.page.state import State, lookup
from experiments.studies import ranges
from model.core.params import Declaration
from model.scenario import FIRM_TYPES, SECTIONS, declarations


class Lever(NamedTuple):
    """A headline lever: a parameter under a plain name."""

    parameter: str
    label: str
    hint: str


LEVERS = (
    Lever(
        "human.delegation_imitation_per_year",
        "Agents per person",
        "How fast people begin to hand work to agents because others do. How many agents there are then follows from what they cost"
        " and do: the tile 'agents per person' shows it.",
    ),
    Lever(
        "agent_loop.job_scale",
        "Background jobs per person",
        "Agents with a background job that a delegating person keeps before the next one is worth clearly less.",
    ),
    Lever(
        "human.job_value_usd_per_month",
        "What a background job is worth",
        "Worth of the first background job to a person of mean wage.",
    ),
    Lever(
        "agent_loop.thinking_exponent",
        "What thinking longer pays",
        "Test-time compute: how much longer tasks a model can do when it may generate more tokens.",
    ),
    Lever(
        "lab.quality_coefficient",
        "Rivalry between labs",
        "How strongly buyers move to the better model: the reason to train.",
    ),
    Lever(
        "lab.budget_growth_max_per_month",
        "Growth of research budgets",
        "How fast a lab can widen research: people, sites and orders take time.",
    ),
    Lever(
        "lab.ceiling_quality",
        "Price room above open weights",
        "How far the price of a better model may rise above hosting open weights oneself.",
    ),
)
GROUPS = {
    "human": "People",
    "ai_agent": "AI agents",
    "robot": "Robots",
    "app_network": "Layer 7: application network",
    "call_network": "Layer 6: orchestrator network",
    "agent_loop": "Layer 5: agent loop",
    "context": "Layer 4: context",
    "neural": "Layer 3: neural networks",
    "link": "Layer 2: link",
    "physical": "Layer 1: physical",
    "lab": "Labs",
    "provider": "Compute providers",
    "application": "Application firms",
    "orchestrator": "Orchestrator firms",
    "supplier": "Chip supplier",
    "belief": "What boards and investors expect",
    "auction": "Market: auctions",
    "attention": "Market: attention",
    "compute": "Market: compute",
}


def groups(scenario: str) -> list[dict[str, Any]]:
    """Return all controls of a scenario: the levers, the layers and kinds, the firms.

    Parameters
    ----------
    scenario : str
        Shipped name; decides which firms there are.

    Returns
    -------
    list of dict
        title, items; an item holds name, label, unit, low, high, kind, scale, choices, doc, source, effect.
    """
    known = {f"{d.section}.{d.name}": d for d in declarations()}
    found = [
        {
            "title": "Levers",
            "items": [_item(x.parameter, known[x.parameter], x.label, x.hint) for x in LEVERS if x.parameter in known],
        }
    ]
    for section in sorted(SECTIONS, key=lambda s: list(GROUPS).index(s) if s in GROUPS else len(GROUPS)):
        items = [_item(n, d, d.name.replace("_", " ")) for n, d in known.items() if d.section == section]
        found.append({"title": GROUPS.get(section, section), "items": items})
    firms = State(scenario=scenario).base.firms
    for section, kind in FIRM_TYPES.items():
        items = [
            _item(f"{section}.{firm}.{d.name}", d, f"{firm}: {d.name.replace('_', ' ')}")
            for firm in firms.get(section, {})
            for d in kind.declared()
        ]
        found.append({"title": f"{GROUPS[section]}, one by one", "items": items})
    return found


def values(state: State) -> dict[str, dict[str, Any]]:
    """Return what the controls show: the scenario's values and those that were changed."""
    names = [item["name"] for group in groups(state.scenario)[1:] for item in group["items"]]
    return {"base": {n: lookup(state.base, n) for n in names}, "now": dict(state.changes)}


@functools.cache
def brief() -> dict[str, str]:
    """Return the share at both ends of each parameter's range, e.g. '57 to 20 %'."""
    return {row["parameter"]: f"{100 * row['share_low']:.0f} to {100 * row['share_high']:.0f} %" for row in _moved()}


def _moved() -> list[dict[str, Any]]:
    """Return the rows of the stored table that are of the present declarations."""
    missing = set(ranges.unmeasured())
    return [row for row in ranges.load().iter_rows(named=True) if row["parameter"] not in missing]


@functools.cache
def effects() -> dict[str, str]:
    """Return what each parameter moves across its range, in words, from the stored table."""
    found = dict.fromkeys(ranges.unmeasured(), "What it does alone is not yet measured.")
    for row in _moved():
        a, b, base = (f"{100 * row[f'share_{k}']:.0f} %" for k in ("low", "high", "base"))
        found[row["parameter"]] = (
            f"Alone, from {row['low']} to {row['high']}: inference's share of hours in {ranges.YEAR} goes from {a} to {b}"
            f" ({base} in the baseline)."
        )
    return found


def _item(name: str, d: Declaration, label: str, hint: str = "") -> dict[str, Any]:
    kinds = {bool: "flag", str: "text", int: "whole", float: "number"}
    wide = d.low is not None and d.high is not None and d.low > 0 and d.high / d.low >= 50
    return {
        "name": name,
        "label": label,
        "hint": hint,
        "unit": "" if d.unit == "-" else d.unit,
        "low": d.low,
        "high": d.high,
        "kind": kinds[type(d.default)],
        "scale": "log" if (d.scale == "log" and (d.low or 0) > 0) or wide else "linear",
        "choices": list(d.choices),
        "doc": d.meaning,
        "source": d.source,
        "effect": effects().get(name, ""),
        "brief": brief().get(name, "") if hint else "",
    }

"""What each view shows of a scene, as blocks; charts are those of `figures`."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

import experiments
from experiments import figures
from experiments.figures import economy as figures_economy
from experiments.figures import share as figures_share
from experiments.page import agents, card, networks, plans, versus
from experiments.page.blocks import Choice, Html, paragraph, picture, plain, table, tiles
from experiments.page.player import Part, Scene, seeded
from experiments.page.state import State
from experiments.report.printed import PRIOR
from experiments.runs import answer
from model.core.units import month_date, percent
from model.results import tables

SHORTLY = "The run is too short to show this yet: play on."
EMPTY = "Nothing has happened yet: press play, step, or drag the month."
#: Months by which a crossover must move before one seed says anything.
CLEAR = 3
ANSWER = Path(experiments.__file__).parent / "stored" / "answer.json"


def draw(scene: Scene) -> tuple[str, list[Part]]:
    """Return the key numbers and the parts of the view that the state asks for."""
    view = VIEWS[scene.state.view]
    if scene.economy.month < FIRST_MONTHS.get(scene.state.view, 0):
        return key_numbers(scene), [paragraph(EMPTY if not scene.economy.month else SHORTLY, kind="empty")]
    return key_numbers(scene), [*view(scene), *registered(scene)]


def registered(scene: Scene) -> list[Part]:
    """Return the charts that were registered for the view, at rest and from twelve months on."""
    charts = [f for f in figures.registered() if f.view == scene.state.view]
    if not charts or scene.playing or scene.economy.month < 13:
        return []
    held = {name: seeded(scene.economy, frame.drop("seed")) for name, frame in scene.economy.tables().items()}
    return [lambda f=f: picture(f.name.replace("_", "-"), f.of(held)) for f in charts]


# Key numbers ---------------------------------------------------------------------------------------


def key_numbers(scene: Scene) -> str:
    """Return the tiles above every view."""
    state, now = scene.state, scene.now
    counted = answer.DENOMINATORS[state.by]
    share, crossing, note = "-", "-", ""
    if now.found.values:
        latest = float(now.found.rolling(state.by)[0][-1])
        share = percent(latest) if latest == latest else "after 12 months"
        crossing, _, unsure = crossed(scene, state.by).partition(" (")
        crossing, _, later = crossing.partition(", ")
        note = "; ".join(filter(None, (later, unsure.rstrip(")"), _moved(scene, state.by) or _spread(state))))
    rows = [
        ("inference's share", share, "last 12 months", f"Inference over inference and training; counted in: {counted}"),
        (
            "inference overtakes",
            crossing,
            note,
            f"Crosses one half and stays above for a year, 12-month sums; counted in: {counted}",
        ),
        _latest(scene, "agents per person", "ai_agents", "humans", "AI agents at work, over people online"),
        _latest(scene, "tokens a month", "tokens", None, "All tokens, fresh, cached and generated"),
        _latest(scene, "machines, H100e", "installed_h100e", None, "Accelerators of providers, in H100 equivalents"),
        _latest(scene, "USD per H100e-hour", "price_usd_per_h100e_hour", None, "Contract price, mean over capacity"),
    ]
    return tiles([dict(zip(("name", "value", "note", "what"), row, strict=True)) for row in rows])


def _spread(state: State) -> str:
    """Return when the stored draws of the baseline cross one half: the page's run is one of many."""
    if state.scenario != "baseline" or state.changes:
        return "one seed of many"
    told = shipped_answer()
    found = told["crossover"][state.by]
    low, middle, high = (found[k] or "never" for k in ("low", "median", "high"))
    return f"one run; {told['runs']}: {middle} [{low}, {high}]"


@functools.cache
def shipped_answer() -> dict[str, Any]:
    """Return the stored answer of the baseline: posterior draws by definition, as the README quotes it."""
    return dict(json.loads(ANSWER.read_text(encoding="utf-8")))


def _latest(scene: Scene, name: str, series: str, per: str | None, what: str) -> tuple[str, str, str, str]:
    def last(frame: pl.DataFrame) -> float | None:
        if not frame.height:
            return None
        row = frame.filter(pl.col("month") <= scene.now.monthly["month"].max()).row(-1, named=True)
        x = row[series]
        return None if x is None else x / row[per] if per else x

    x = last(scene.now.monthly)
    before = last(scene.shipped.monthly) if scene.shipped is not None and x is not None else None
    note = "" if before is None else f"as shipped {plain(before)}"
    return name, "-" if x is None else plain(x), note, what


def crossed(scene: Scene, definition: str, shipped: bool = False) -> str:
    """Return when inference overtakes training under a definition, in words."""
    of = scene.shipped if shipped else scene.now
    if of is None or not of.found.values:
        return "-"
    words = figures_share.when(of.crossings[definition], of.found.start)
    if words == "not in this run":
        last = month_date(scene.state.months - 1, of.found.start).isoformat()[:7]
        done = shipped or scene.economy.month == scene.state.months
        return f"not by {last if done else scene.economy.recorder.months[-1]}"
    again = answer.below_later(of.found, definition, of.crossings[definition])[0]
    return f"{words}, not throughout" if again else words


def _moved(scene: Scene, definition: str) -> str:
    """Return how far the crossover has moved against the scenario as shipped."""
    if scene.shipped is None:
        return ""
    now, before = (s.crossings[definition][0] for s in (scene.now, scene.shipped))
    text = f"as shipped {crossed(scene, definition, shipped=True)}"
    if now.index is None or before.index is None:
        return text
    months = now.index - before.index
    if abs(months) < CLEAR:
        return f"{text}: {'no clear change, one seed' if months else 'the same'}"
    return f"{text}: {abs(months)} months {'later' if months > 0 else 'earlier'}, one seed"


# Views ---------------------------------------------------------------------------------------------


def the_answer(scene: Scene) -> list[Part]:
    """When inference crosses one half, by definition; at rest also who had the hours."""
    state, found = scene.state, scene.now.found
    until = month_date(state.months - 1, found.start)
    before = scene.shipped.found if scene.shipped is not None else None
    width = 300 if scene.narrow else 720
    items = tuple((d, f"{SHORT[d]}: {_brief(crossed(scene, d))}") for d in answer.DENOMINATORS)
    blocks: list[Part] = [
        Choice("by", "Count compute in", items, state.by),
        picture("inference-share", figures_share.share(found, state.by, until, before, width)),
    ]
    if scene.playing or scene.economy.month < 13:  # shares are those of twelve months
        return blocks
    return [
        *blocks,
        lambda: _by_definition(scene),
        paragraph(PRIOR, "One seed: run the comparison, or 'economy run --seeds 8', for a spread.", kind="small"),
        lambda: picture("who-has-the-hours", figures.answer(scene.now.compute)),
        lambda: picture("what-grew", figures.kaya(scene.now.monthly)),
    ]


def _brief(words: str) -> str:
    """Return when, short enough for a button."""
    words = words.partition(" (")[0]
    return words[:-3] if words.startswith("not by") else words


#: Names of the definitions short enough for a row of buttons.
SHORT = {
    "accelerator_hours": "hours",
    "purpose": "operations",
    "kernel": "by kind of work",
    "usd": "dollars",
    "energy": "electricity",
    "all_ai": "all AI",
}


def _by_definition(scene: Scene) -> Html:
    """Return the crossover under each definition, now and as shipped."""
    years = answer.shown_years(answer.full_years(scene.now.monthly["month"]))
    shares = answer.yearly_shares(scene.now.found)
    changed = scene.shipped is not None
    before = answer.yearly_shares(scene.shipped.found) if scene.shipped is not None else {}
    rows = []
    for d, words in answer.DENOMINATORS.items():
        row = [words, crossed(scene, d)] + ([crossed(scene, d, shipped=True)] if changed else [])
        for y in years:
            value = _share(shares[d].get(str(y)))
            row.append(f"{value} ({_share(before[d].get(str(y)))})" if changed else value)
        rows.append(row)
    head = ["inference's share of ...", "overtakes training"] + (["as shipped"] if changed else [])
    brackets = "; in brackets the scenario as shipped" if changed else ""
    return table([*head, *map(str, years)], rows, (0,), f"Six ways to count, share by year{brackets}")


def _share(found: dict[str, float | None] | None) -> str:
    return percent(None if found is None else found["median"])


def the_stack(scene: Scene) -> list[Part]:
    """Where a dollar goes, from the application down to watts; value, operations and electricity by layer."""
    e = scene.economy
    stack, flows = (seeded(e, f(e, e.recorder)) for f in (tables.stack, tables.flows))
    year = answer.full_years(scene.now.monthly["month"])[-1]
    blocks: list[Part] = [picture("a-dollar", figures_economy.dollar(flows, scene.now.monthly, year))]
    if scene.playing or scene.economy.month < 13:
        return blocks
    return [*blocks, lambda: picture("seven-layers", figures.layers(stack, flows, scene.now.monthly, dollars=False))]


def the_networks(scene: Scene) -> list[Part]:
    """Return one of the two networks with this month's traffic."""
    which = scene.state.option("network")
    items = (("orchestrator", "orchestrators, skills, tools"), ("application", "people, applications, orchestrators"))
    return [Choice("network", "Network", items, which), *networks.view(scene.economy, which)]


def the_attention(scene: Scene) -> list[Part]:
    """Return both attention markets."""
    rows = seeded(scene.economy, tables.attention(scene.economy, scene.economy.recorder))
    return [lambda: picture("attention", figures.attention(rows, scene.now.monthly))]


def the_labs(scene: Scene) -> list[Part]:
    """Return what labs planned for their models and what came, then one lab's account."""
    return plans.view(scene)


def the_agents(scene: Scene) -> list[Part]:
    """Return a table of agents of one kind and the account of one."""
    return agents.view(scene)


def the_comparison(scene: Scene) -> list[Part]:
    """Return the last comparison of two scenarios, if one was run."""
    return versus.view(scene)


def about(scene: Scene) -> list[Part]:
    """Return what the model is, its equations and its sources."""
    return card.view(scene)


VIEWS: dict[str, Callable[[Scene], list[Part]]] = {
    "answer": the_answer,
    "stack": the_stack,
    "networks": the_networks,
    "attention": the_attention,
    "labs": the_labs,
    "agents": the_agents,
    "compare": the_comparison,
    "about": about,
}
#: Months before there is anything to draw.
FIRST_MONTHS = {"answer": 1, "stack": 12, "networks": 1, "attention": 2, "labs": 2}

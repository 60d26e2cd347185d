"""What the report says about the model itself: a backtest, mechanisms held constant, parameters across their ranges, two regimes."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from experiments.calibration import backtest, priors, scored
from experiments.calibration import overlap as informed
from experiments.replications import claims
from experiments.replications import laws as replicate
from experiments.report import fits
from experiments.report.printed import Table
from experiments.studies import ablation, auction_rules, ranges
from model.core.units import percent
from model.scenario import Scenario, declarations

#: Published regimes and the scenario that reaches each.
REGIMES = {
    "inference-led (Deloitte: half in 2025, two thirds in 2026)": "small-open-models",
    "research-led (AI-2027: external serving of the leading lab 13 % by end-2027)": "research-automation",
}
SHOWN = 15


def tables() -> list[Table]:
    """Return the tables in the order of the report."""
    return [fitted(), held(), replicated(), mechanisms(), rules(), moved(), regimes()]


def fitted() -> Table:
    """Return prior, posterior and baseline value of each fitted parameter, from `experiments/stored/fitted.csv`."""
    now = {f"{d.section}.{d.name}": d.default for d in declarations()}
    table = fits.table(
        [{**row, "best": now[row["parameter"]]} for row in pl.read_csv(priors.FITTED).iter_rows(named=True)]
    )
    head = tuple("baseline" if name == "best" else name for name in table.head)
    told = " ".join(informed.stored().sentences())
    return table._replace(title=f"The baseline is fitted to what was observed up to {scored.LAST}. {told}", head=head)


def held() -> Table:
    """Return the stored backtest by series, hits and misses alike, from `experiments/stored/backtest.json`."""
    result = json.loads(backtest.STORED.read_text(encoding="utf-8"))
    size = result["preset"]
    made = f"({size['members']} members, {size['updates']} updates, {size['seeds']} common seeds, {size['humans']} human rows)"
    table = fits.backtest_table(result)
    return table._replace(title=f"Held against what came after: {fits.sentence(result, scored.LAST)} {made}")


def replicated() -> Table:
    """Return the stored published results: the count of each class, then the facts of the economy one by one."""
    stored = replicate.stored()
    told = [f"{claims.CLASSES[group]}: {replicate.told(found)}" for group, found in claims.counts(stored).items()]
    rows = [
        (r["id"], r["claim"], replicate.values(r["expected"]), replicate.values(r["obtained"]), r["verdict"])
        for r in stored
        if r["class"] == "fact"
    ]
    title = f"Published results ('economy replicate'). {'; '.join(told)}. The facts one by one"
    return Table(title, ("row", "claim", "expected", "obtained", "verdict"), rows, words=5)


def mechanisms() -> Table:
    """Return the effect of holding each mechanism at its constant of 2022, from `experiments/stored/ablation.csv`."""
    rows = []
    for row in ablation.load().iter_rows(named=True):
        months = row["crossover_usd_months"]
        rows.append(
            (
                row["part"],
                row["mechanism"],
                _points(row["share"], row["share_se"]),
                _orders(row["log10_tokens"], row["log10_tokens_se"]),
                _orders(row["log10_small_price"], row["log10_small_price_se"]),
                "-" if months is None else f"{months:+.0f}",
                row["note"] or "",
            )
        )
    head = (
        "part",
        "held at its constant of 2022, or taken away",
        "share of hours 2030, points",
        "tokens 2030, log10",
        "small-model price 2030, log10",
        "crossover in USD, months",
        "where small",
    )
    title = f"What each mechanism does ({ablation.YEAR}; change of the mean over 8 seeds, paired standard error in brackets)"
    return Table(title, head, rows, words=2)


def rules() -> Table:
    """Return what each auction rule does in both attention markets, from `experiments/stored/auction_rules.csv`."""
    table = auction_rules.load()
    names = table["rule"].unique(maintain_order=True).to_list()
    first = names[0]
    rows = []
    for name, (unit, meaning) in auction_rules.QUANTITIES.items():
        cells = {r["rule"]: r for r in table.filter(table["quantity"] == name).iter_rows(named=True)}
        base = f"{cells[first]['mean']:.3g}"
        others = [f"{cells[r]['difference']:+.2g} ({cells[r]['standard_error']:.1g})" for r in names[1:]]
        rows.append((meaning, unit, base, *others))
    head = ("last year of the run", "unit", first, *(f"{r.replace('_', ' ')} less {first}" for r in names[1:]))
    title = f"Four rules for both attention markets, scenario {auction_rules.SCENARIO} (8 paired seeds, standard error in brackets)"
    return Table(title, head, rows, words=1)


def moved() -> Table:
    """Return the parameters that move the headline share of 2030 most across their declared range."""
    units = {f"{d.section}.{d.name}": d.unit for d in declarations()}
    rows, missing = [], ranges.unmeasured()
    held = ranges.load().filter(~pl.col("parameter").is_in(missing))
    for row in held.sort("span", descending=True).head(SHOWN).iter_rows(named=True):
        name = row["parameter"]
        page = ranges.DRIVERS.get(name, "")
        base, low, high = (percent(row[k]) for k in ("share_base", "share_low", "share_high"))
        rows.append((name, f"{row['low']} to {row['high']} {units[name]}", base, low, high, page))
    head = ("parameter", "range", "share as declared", "at the low end", "at the high end", "decision page of a driver")
    limit = f"{100 * ranges.LIMIT:.0f} points"
    title = (
        f"No parameter sets the split: the {SHOWN} that move the share of 2030 most; beyond {limit} only named drivers"
        + (f"; not yet measured: {', '.join(missing)}" if missing else "")
    )
    return Table(title, head, rows, words=2)


def regimes() -> Table:
    """Return the parameters that separate the two published regimes from the baseline."""
    base = Scenario.load("baseline").values()
    rows: list[tuple[str, ...]] = []
    for words, name in REGIMES.items():
        scenario = Scenario.load(name)
        changed = [
            (f"{section}.{key}", value, base[section][key], "")
            for section, values in scenario.values().items()
            for key, value in values.items()
            if value != base[section].get(key)
        ]
        changed += [
            (i.parameter, i.value, _plain(base, i.parameter), f"from {i.date}")
            for i in scenario.interventions
            if i not in Scenario.load("baseline").interventions
        ]
        rows += [
            (words if k == 0 else "", p, f"{v:g} {when}".strip(), f"{b:g}") for k, (p, v, b, when) in enumerate(changed)
        ]
    title = "Both published regimes are reached inside declared ranges; these parameters separate them"
    return Table(title, ("regime", "parameter", "value", "baseline"), rows, words=2)


def _plain(values: Any, parameter: str) -> Any:
    section, _, name = parameter.partition(".")
    return values[section][name]


def _points(mean: float, error: float) -> str:
    return f"{100 * mean:+.1f} ({100 * error:.1f})"


def _orders(mean: float, error: float) -> str:
    return f"{mean:+.2f} ({error:.2f})"

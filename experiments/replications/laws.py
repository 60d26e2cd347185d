"""Published results: class, claim, expected, obtained, tolerance, source, verdict.

Rows are numbered as in the list of published results; each computes with the model's kernels or a short run of the economy, never
with a formula of its own where the model has one. Numbers that do not stand here cannot yet be obtained from the model. Rows of
kernels stand in the files `replicate_*.py`, rows of the whole economy here.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

import experiments
from experiments.replications import auctions as replicate_auctions
from experiments.replications import investment as replicate_investment
from experiments.replications import macro as replicate_macro
from experiments.replications import sizing as replicate_sizing
from experiments.replications import systems as replicate_systems
from experiments.replications.claims import CLASSES, ROWS, Plain, Values, counts, row
from model.scenario import Intervention, Scenario

PARTS = (replicate_sizing, replicate_auctions, replicate_investment, replicate_systems, replicate_macro)
HUMANS, MONTHS = 200, 18
#: What `economy replicate --json` gave when it was last kept; `make docs` renews it.
STORED = Path(experiments.__file__).parent / "stored" / "replicate.json"


def replicate() -> list[dict[str, Any]]:
    """Return all rows, checked, in the order of their numbers."""
    return [r.check() for r in sorted(ROWS, key=lambda r: r.id)]


def stored() -> list[dict[str, Any]]:
    """Return the rows that are kept with the model."""
    rows: list[dict[str, Any]] = json.loads(STORED.read_text(encoding="utf-8"))
    return rows


def lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return checked rows by class, and the count of each class, as lines of text."""
    out = []
    for group, words in CLASSES.items():
        out.append(words)
        for r in (r for r in rows if r["class"] == group):
            verdict = "miss" if r["verdict"] == "soft" else r["verdict"]
            out.append(f"{r['id']}  {verdict:<4}  {r['claim']} [{r['source']}]")
            missed = f"; missed: {', '.join(r['missed'])}" if r["missed"] else ""
            out.append(
                f"     expected {values(r['expected'])}; obtained {values(r['obtained'])}; {r['tolerance']}{missed}"
            )
        out.append("")
    return out + [f"{CLASSES[group]}: {told(found)}" for group, found in counts(rows).items()]


def told(found: Mapping[str, int]) -> str:
    """Return the verdicts of a class in words.

    >>> told({"pass": 2, "soft": 1, "fail": 0})
    '2 of 3 pass, 1 soft (a pattern of the world that a model may miss, missed), 0 fail'
    """
    missed = " (a pattern of the world that a model may miss, missed)" if found["soft"] else ""
    return f"{found['pass']} of {sum(found.values())} pass, {found['soft']} soft{missed}, {found['fail']} fail"


def values(x: Plain) -> str:
    """Return values by name as people write them.

    >>> values({"a": 1.5, "b": None})
    'a 1.5, b undefined'
    """
    named = x if isinstance(x, dict) else {"": x}
    return ", ".join(f"{k} {'undefined' if v is None else f'{v:.6g}'}".strip() for k, v in named.items())


def _short_run(scenario: Scenario, inert: int = 0) -> dict[str, pl.DataFrame]:
    from model.economy import InferenceEconomy

    economy = InferenceEconomy(scenario.with_run(humans=HUMANS, months=MONTHS), seed=1, inert=inert)
    try:
        economy.run()
        return dict(economy.tables())
    finally:
        economy.close()


def _worst(gap: pl.Expr, scale: pl.Expr, table: pl.DataFrame) -> float:
    worst = table.select((gap.abs() / pl.max_horizontal(scale, pl.lit(1e-300))).max()).item()
    return math.nan if worst is None else float(worst)  # no row holds nothing


@row(
    "B39",
    "every flow has payer and payee; money, claims, hours and demand balance in every month",
    "Godley and Lavoie 2007; Caiani et al. 2016",
    {"money_flows": 0, "money_sum": 0, "equity_sum": 0, "capacity": 0, "work": 0, "demand": 0},
    1e-9,
    "absolute",
    "largest residual over the size of what is balanced, 18 months; work: hours by class against hours used by provider",
    group="invariant",
)
def _b39() -> Values:
    t = _short_run(Scenario.load("baseline"))
    flows, books = t["flows"], t["balances"].sort("sector", "month")
    paid = flows.group_by("month", pl.col("payer").alias("sector")).agg(-pl.col("usd").sum())
    received = flows.group_by("month", pl.col("payee").alias("sector")).agg(pl.col("usd").sum())
    net = pl.concat([paid, received]).group_by("month", "sector").agg(pl.col("usd").sum())
    size = flows.group_by("month").agg(pl.col("usd").sum().alias("size"))
    change = books.with_columns(pl.col("money_usd").diff().over("sector").alias("change")).drop_nulls("change")
    change = change.join(net, on=["month", "sector"], how="left").join(size, on="month").fill_null(0.0)
    sums = books.group_by("month").agg(
        *(pl.col(c).sum().alias(c) for c in ("money_usd", "equity_usd")),
        *(pl.col(c).abs().sum().alias(f"{c}_size") for c in ("money_usd", "equity_usd")),
    )
    hours, wanted = t["capacity"], t["demand"]
    used = pl.col("used_accelerator_hours") + pl.col("idle_accelerator_hours")
    worked = (
        t["compute"].filter(pl.col("purpose") != "on_board").group_by("month").agg(pl.col("accelerator_hours").sum())
    )
    spent = hours.group_by("month").agg(pl.col("used_accelerator_hours").sum()).join(worked, on="month")
    asked = pl.sum_horizontal(f"{w}_accelerator_hours" for w in ("served", "queued", "lost"))
    return {
        "money_flows": _worst(pl.col("change") - pl.col("usd"), pl.col("size") + pl.col("money_usd").abs(), change),
        "money_sum": _worst(pl.col("money_usd"), pl.col("money_usd_size"), sums),
        "equity_sum": _worst(pl.col("equity_usd"), pl.col("equity_usd_size"), sums),
        "capacity": _worst(pl.col("capacity_accelerator_hours") - used, pl.col("capacity_accelerator_hours"), hours),
        "work": _worst(
            pl.col("used_accelerator_hours") - pl.col("accelerator_hours"), pl.col("used_accelerator_hours"), spent
        ),
        "demand": _worst(pl.col("demanded_accelerator_hours") - asked, pl.col("demanded_accelerator_hours"), wanted),
    }


@row(
    "B40",
    "common random numbers: a change that changes nothing leaves every bit; rows that stand for nobody change no other's luck",
    "Klein et al. 2024, arXiv 2409.02086",
    {"changed_by_nothing": 0, "changed_by_inert": 0},
    kind="exact",
    why="bit for bit",
    group="invariant",
)
def _b40() -> Values:
    plain = Scenario.load("baseline")
    nothing = Intervention("2022-04", "human.innovation_per_year", 1.0, "multiply", "2022-10")
    null = dataclasses.replace(plain, interventions=(*plain.interventions, nothing))
    base = _short_run(plain)
    return {
        "changed_by_nothing": _differing(base, _short_run(null)),
        "changed_by_inert": _differing(base, _short_run(plain, inert=7)),
    }


def _differing(a: dict[str, pl.DataFrame], b: dict[str, pl.DataFrame]) -> float:
    """Return how many result tables (the rows of agents themselves apart) are not the same bits."""
    return float(sum(not a[name].equals(b[name], null_equal=True) for name in a if name != "agents"))

"""Published results: claim, expected, obtained, tolerance, source, verdict.

Rows are numbered as in the list of published results; each computes with the model's kernels or a short run of the economy, never
with a formula of its own where the model has one. Numbers that do not stand here cannot yet be obtained from the model. Rows of
kernels stand in the files `replicate_*.py`, rows of the whole economy here.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl

from experiments import replicate_auctions, replicate_investment, replicate_macro, replicate_sizing, replicate_systems
from experiments.claims import ROWS, Values, row
from model.scenario import Intervention, Scenario

PARTS = (replicate_sizing, replicate_auctions, replicate_investment, replicate_systems, replicate_macro)
HUMANS, MONTHS = 200, 18


def replicate() -> list[dict[str, Any]]:
    """Return all rows, checked, in the order of their numbers."""
    return [r.check() for r in sorted(ROWS, key=lambda r: r.id)]


def _short_run(scenario: Scenario, inert: int = 0) -> dict[str, pl.DataFrame]:
    from model.economy import InferenceEconomy

    economy = InferenceEconomy(scenario.with_run(humans=HUMANS, months=MONTHS), seed=1, inert=inert)
    try:
        economy.run()
        return dict(economy.tables())
    finally:
        economy.close()


def _worst(gap: pl.Expr, scale: pl.Expr, table: pl.DataFrame) -> float:
    return float(table.select((gap.abs() / pl.max_horizontal(scale, pl.lit(1e-300))).max()).item() or 0.0)


@row(
    "B39",
    "every flow has payer and payee; money, claims, hours and demand balance in every month",
    "Godley and Lavoie 2007; Caiani et al. 2016",
    {"money_flows": 0, "money_sum": 0, "equity_sum": 0, "capacity": 0, "demand": 0},
    1e-9,
    "absolute",
    "largest residual over the size of what is balanced, 18 months",
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
    asked = pl.sum_horizontal(f"{w}_accelerator_hours" for w in ("served", "queued", "lost"))
    return {
        "money_flows": _worst(pl.col("change") - pl.col("usd"), pl.col("size") + pl.col("money_usd").abs(), change),
        "money_sum": _worst(pl.col("money_usd"), pl.col("money_usd_size"), sums),
        "equity_sum": _worst(pl.col("equity_usd"), pl.col("equity_usd_size"), sums),
        "capacity": _worst(pl.col("capacity_accelerator_hours") - used, pl.col("capacity_accelerator_hours"), hours),
        "demand": _worst(pl.col("demanded_accelerator_hours") - asked, pl.col("demanded_accelerator_hours"), wanted),
    }


@row(
    "B40",
    "common random numbers: a change that changes nothing leaves every bit; rows that stand for nobody change no other's luck",
    "Klein et al. 2024, arXiv 2409.02086",
    {"changed_by_nothing": 0, "changed_by_inert": 0},
    kind="exact",
    why="bit for bit",
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

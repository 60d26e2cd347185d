"""Our numbers beside every published forecast and what was realised, on the same quantities, each denominator stated.

Figures and their sources stand in `model/data/league.csv`; a row without a value states a bound. The model's number is the median, P10
and P90 over seeds of the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import model
from experiments.calibration import ensemble
from experiments.calibration.ensemble import ratios
from model.core.units import month_date, month_index, percent

FILE = Path(model.__file__).parent / "data" / "league.csv"
SEEDS, HUMANS = 8, 1_000
REPORTED = "accelerator_hours"
RD = ["final_run", "experiment", "rl_rollout", "synthetic_data", "research_automation"]

Tables = Mapping[str, pl.DataFrame]
Measure = Callable[[Tables, str, str], list[float]]


def _share(unit: str, weight: Callable[[], pl.Expr], all_ai: bool = False) -> Measure:
    """Return a share of a column of the compute table, provider-run work of generative AI or of all AI."""

    def measure(tables: Tables, first: str, last: str) -> list[float]:
        kinds = ["serving", *RD, *(["ranking", "other"] if all_ai else [])]
        compute = tables["compute"].filter(pl.col("purpose").is_in(kinds))
        return ratios(compute, weight() * pl.col(unit), first, last, unit)

    return measure


def _is(*purposes: str) -> Callable[[], pl.Expr]:
    return lambda: pl.col("purpose").is_in(purposes).cast(pl.Float64)


def _inference_of_all() -> pl.Expr:
    half = pl.when(pl.col("purpose") == "other").then(0.5).otherwise(0.0)
    return pl.when(pl.col("purpose").is_in(["serving", "ranking"])).then(1.0).otherwise(half)


def _level(name: str) -> Measure:
    def measure(tables: Tables, first: str, last: str) -> list[float]:
        return _at(tables, name, last)

    return measure


def _growth(name: str) -> Measure:
    def measure(tables: Tables, first: str, last: str) -> list[float]:
        years = (month_index(last) - month_index(first)) / 12.0
        return [
            (b / a) ** (1.0 / years) for a, b in zip(_at(tables, name, first), _at(tables, name, last), strict=True)
        ]

    return measure


def _at(tables: Tables, name: str, month: str) -> list[float]:
    rows = tables["monthly"].filter(pl.col("month") == month_date(month_index(month))).sort("seed")
    return [float(v) for v in rows[name]]


def _mean(name: str) -> Measure:
    def measure(tables: Tables, first: str, last: str) -> list[float]:
        return ratios(tables["monthly"], name, first, last, pl.col("month").is_not_null())

    return measure


MEASURES: dict[str, Measure] = {
    "leading_serving": _mean("leading_lab_serving_share"),
    "kernel": _share(REPORTED, lambda: (pl.col("kernel") == "forward_only").cast(pl.Float64)),
    "all_ai": _share(REPORTED, _inference_of_all, all_ai=True),
    "all_ai_usd": _share("usd", _inference_of_all, all_ai=True),
    "purpose": _share("flop", _is("serving")),
    "final_runs": _share("flop", _is("final_run")),
    "usd": _share("usd", _is("serving")),
    "installed": _level("installed_h100e"),
    "installed_growth": _growth("installed_h100e"),
    "sold": _level("chips_sold_cumulative_h100e"),
    "sold_growth": _growth("chips_sold_cumulative_h100e"),
    "run": _level("frontier_training_flop"),
    "capex": lambda tables, first, last: ratios(tables["monthly"], "capex_usd", first, last),
}


def league(tables: Tables | None = None) -> list[dict[str, Any]]:
    """Return a row a published figure, the model's number for the same months beside it.

    Parameters
    ----------
    tables : mapping of polars.DataFrame, optional
        Result tables compute and monthly of runs to 2035; of eight seeds of the baseline if left out.

    Returns
    -------
    list of dict
        quantity, denominator, unit, first, last, who, kind (forecast or realised), source, value, low, high (as published; a
        bound alone where value is null), model, model_low, model_high (median, P10, P90), ratio (model over value) and holds
        (whether the model keeps a bound or lies in the interval; null where neither is published).
    """
    tables = ensemble.baseline(SEEDS, HUMANS) if tables is None else tables
    out = []
    for row in pl.read_csv(FILE).iter_rows(named=True):
        found = np.array(MEASURES[row["measure"]](tables, row["first"], row["last"]))
        low, middle, high = (float(np.quantile(found, q)) for q in (0.1, 0.5, 0.9))
        above = row["low"] is None or middle >= row["low"]
        below = row["high"] is None or middle <= row["high"]
        bounded = row["low"] is not None or row["high"] is not None
        out.append(
            {
                **{k: row[k] for k in row if k != "measure"},
                "model": middle,
                "model_low": low,
                "model_high": high,
                "ratio": None if row["value"] is None else middle / row["value"],
                "holds": (above and below) if bounded else None,
            }
        )
    return out


def shown(x: float | None, unit: str) -> str:
    """Return a number in its unit, in words of few digits.

    >>> shown(0.333, "share"), shown(5.2e12, "USD"), shown(3.3, "x/year"), shown(None, "share")
    ('33 %', '5.2e12 USD', '3.3 x/year', '')
    """
    if x is None or not math.isfinite(x):
        return ""
    if unit == "share":
        return percent(x)
    if abs(x) < 1e3:
        return f"{x:.3g} {unit}"
    mantissa, _, power = f"{x:.1e}".partition("e")
    return f"{mantissa}e{int(power)} {unit}"


def published(row: Mapping[str, Any]) -> str:
    """Return what was published: a value with its interval, or a bound."""
    low, high = shown(row["low"], row["unit"]), shown(row["high"], row["unit"])
    span = f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}" if high else ""
    value = shown(row["value"], row["unit"])
    return f"{value} ({span})" if value and span else value or span

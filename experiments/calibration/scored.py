"""Observed points that are fitted and scored: read, checked, and put on the scale on which errors are counted.

Series, blocks, operators and bands stand in `model/data/scored_series.csv`; how a series is seen in the model in `operators.py`.
Errors are differences of natural logarithms, of logits for shares.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from experiments.calibration import observations
from experiments.calibration.observations import FILE, MONTHS_MAX
from experiments.calibration.observations import series_table as series_table
from experiments.calibration.operators import OPERATORS
from model.core.errors import InputError
from model.core.units import month_date

BLOCKS = ("chips", "prices", "users", "tokens", "capability", "money", "shares", "robots")
#: The shipped observations end here (years by their name: 2025 is in); later rows never enter a fit or a score.
LAST = "2025-11"
COUNTED = ("calibrate", "validate")  # of the shipped table; constants and forecasts of others are no observations
INTERVAL_SD = 2.0 * 1.645  # published ranges are read as 5 to 95 %
LOGIT_EDGE = 0.005  # shares are held inside [this, 1 - this]
TWICE_MONTHS = 2  # the same value of a series again within so many months is one datum told twice

Array = NDArray[np.float64]


def read(path: str | Path | None = None) -> pl.DataFrame:
    """Return observed points: series, date, value, low, high, index (last month covered, from 2022-01).

    Parameters
    ----------
    path : path, optional
        A table with columns series, date (YYYY-MM, or YYYY for a year), value and, where wanted, low, high, unit and
        read_or_memory (only rows marked read count); other columns, `split` too, are ignored. What is accepted beyond
        plain CSV: `observations.table`. Left out: the shipped table, of which rows that were read, are observations and end
        by `LAST` count.

    Raises
    ------
    InputError
        If the file cannot be read, a row makes no sense, or a series of a file has two values in one month.
    """
    table = observations.table(FILE if path is None else path)
    if observations.ORIGIN in table.columns:
        table = table.filter(pl.col(observations.ORIGIN) == "read")
    if path is None:
        # dates of the shipped table compare as text: '2025' <= '2025-11' < '2025-12' < '2026'
        table = table.filter(pl.col("split").is_in(COUNTED) & (pl.col("date") <= LAST))
    else:
        observations.check_told_once(table, path)
    kept = table.select("series", "date", "index", "value", "low", "high")
    return kept.sort("series", "index", maintain_order=True)


def mapped(table: pl.DataFrame) -> pl.DataFrame:
    """Return the points of scored series on the scale of errors, in time.

    Points before the model's first month, before a span is full, below the record of their time (records only) and
    values told twice are left out.

    Returns
    -------
    polars.DataFrame
        series, block, operator, scale, date, index, value, y (transformed value), sd (log-sd of the point: its published
        range and the stated band of the series, added in squares).
    """
    kept = table.join(series_table().select("series", "block", "operator", "scale", "sd"), on="series", how="inner")
    out = []
    for _, rows in kept.sort("series", "index", maintain_order=True).group_by("series", maintain_order=True):
        op = OPERATORS[rows["operator"][0]]
        best, before = -math.inf, (-math.inf, math.nan)
        rows = rows.sort("index", "value", descending=[False, op.records], maintain_order=True)
        for row in rows.iter_rows(named=True):
            told = row["index"] - before[0] <= TWICE_MONTHS and row["value"] == before[1]
            before = (row["index"], row["value"])
            if told or (op.records and row["value"] <= best):
                continue
            best = max(best, row["value"])
            if row["index"] < op.span - 1:
                continue
            if row["index"] >= MONTHS_MAX:
                raise InputError(
                    f"{row['series']} of {row['date']}: the model ends in {month_date(MONTHS_MAX - 1):%Y-%m}"
                )
            sd = math.hypot(row["sd"], _published_sd(row))
            out.append({**row, "y": transform(row["value"], row["scale"]), "sd": sd})
    columns = ["series", "block", "operator", "scale", "date", "index", "value", "y", "sd"]
    schema = {c: kept.schema.get(c, pl.Float64) for c in columns}
    return pl.DataFrame([{c: r[c] for c in columns} for r in out], schema)


def _published_sd(row: dict[str, Any]) -> float:
    low, high = row["low"], row["high"]
    if low is None or high is None or not low < high:
        return 0.0
    if row["scale"] == "log" and low <= 0.0:
        return 0.0
    return float(transform(high, row["scale"]) - transform(low, row["scale"])) / INTERVAL_SD


def transform(value: float, scale: str) -> float:
    """Return the logarithm of a value, or the logit of a share held inside its edges.

    >>> transform(0.5, "logit"), transform(1.0, "log")
    (0.0, 0.0)
    """
    if scale == "log":
        return math.log(value) if value > 0.0 else -math.inf
    value = min(max(value, LOGIT_EDGE), 1.0 - LOGIT_EDGE)
    return math.log(value / (1.0 - value))


def untransform(y: Array, scale: str) -> Array:
    """Return values from the scale of errors."""
    return np.exp(y) if scale == "log" else 1.0 / (1.0 + np.exp(-y))


def unmapped(table: pl.DataFrame) -> list[str]:
    """Return the names of series that have no operator, in order."""
    known = set(series_table()["series"])
    return sorted(set(table["series"]) - known)


def model_values(paths: Array, names: list[str], points: pl.DataFrame) -> Array:
    """Return what the model says at each point, on the scale of errors.

    Parameters
    ----------
    paths : (runs, months, operators) float
    names : list of str
        Operators in the order of the last axis.
    points : polars.DataFrame
        As `mapped` returns them.

    Returns
    -------
    (runs, points) float
        NaN where the run is undefined or not positive.
    """
    at = {name: k for k, name in enumerate(names)}
    out = np.full((paths.shape[0], points.height), np.nan)
    for j, row in enumerate(points.iter_rows(named=True)):
        x = paths[:, row["index"], at[row["operator"]]]
        good = np.isfinite(x) & ((x > 0.0) if row["scale"] == "log" else True)
        out[good, j] = [transform(float(v), row["scale"]) for v in x[good]]
    return out

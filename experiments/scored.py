"""Observed points that are fitted and scored: read, checked, and put on the scale on which errors are counted.

Series, blocks, operators and bands stand in `model/data/scored_series.csv`; how a series is seen in the model in `operators.py`.
Errors are differences of natural logarithms, of logits for shares.
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import model
from experiments.observed import FILE
from experiments.operators import OPERATORS
from model.core.errors import InputError
from model.core.units import month_date, month_index

SERIES_FILE = Path(model.__file__).parent / "data" / "scored_series.csv"
BLOCKS = ("chips", "prices", "users", "tokens", "capability", "money", "shares", "robots")
#: The shipped observations end here (years by their name: 2025 is in); later rows never enter a fit or a score.
LAST = "2025-11"
COUNTED = ("calibrate", "validate")  # of the shipped table; constants and forecasts of others are no observations
INTERVAL_SD = 2.0 * 1.645  # published ranges are read as 5 to 95 %
LOGIT_EDGE = 0.005  # shares are held inside [this, 1 - this]
TWICE_MONTHS = 2  # the same value of a series again within so many months is one datum told twice
MONTHS_MAX = 168
COLUMNS = ("series", "date", "value")

Array = NDArray[np.float64]


@functools.cache
def series_table() -> pl.DataFrame:
    """Return the scored series: series, block, operator, scale, sd, why."""
    return pl.read_csv(SERIES_FILE)


def read(path: str | Path | None = None) -> pl.DataFrame:
    """Return observed points: series, date, value, low, high, index (last month covered, from 2022-01).

    Parameters
    ----------
    path : path, optional
        A table with columns series, date (YYYY-MM, or YYYY for a year), value and, where wanted, low, high and
        read_or_memory (only rows marked read count); other columns, `split` too, are ignored. Left out: the shipped
        table, of which rows that were read, are observations and end by `LAST` count.

    Raises
    ------
    InputError
        If the file cannot be read, or a row makes no sense.
    """
    name = str(FILE if path is None else path)
    try:
        table = pl.read_csv(name, infer_schema=False, truncate_ragged_lines=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        text = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise InputError(f"observations {name!r}: no readable CSV ({text[:120]})") from None
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise InputError(f"observations {name!r}: no column {missing[0]!r}; needed are {', '.join(COLUMNS)}")
    if "read_or_memory" in table.columns:
        table = table.filter(pl.col("read_or_memory") == "read")
    if path is None:
        # dates of the shipped table compare as text: '2025' <= '2025-11' < '2025-12' < '2026'
        table = table.filter(pl.col("split").is_in(COUNTED) & (pl.col("date") <= LAST))
    rows = [_row(i, row, name) for i, row in enumerate(table.iter_rows(named=True), 2)]
    schema = {"series": pl.String, "date": pl.String, "index": pl.Int64}
    schema |= dict.fromkeys(("value", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema, orient="row").sort("series", "index", maintain_order=True)


def _row(line: int, row: dict[str, Any], name: str) -> tuple[Any, ...]:
    where = f"observations {name!r}, row {line}"
    series, date = (row["series"] or "").strip(), (row["date"] or "").strip()
    if not series:
        raise InputError(f"{where}: no series")
    found = re.fullmatch(r"(\d{4})(?:-(\d{2})(?:-(?:0[1-9]|[12]\d|3[01]))?)?", date)
    if not found or not 1 <= int(found[2] or 12) <= 12:
        raise InputError(f"{where}: date = {date!r}: must be YYYY-MM or YYYY")
    index = month_index(f"{found[1]}-{found[2] or '12'}")

    def number(column: str, needed: bool) -> float | None:
        text = (row.get(column) or "").strip()
        if not text and not needed:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{where}: {column} = {text!r}: must be a finite number")
        return value

    value = number("value", True)
    scales = dict(series_table().select("series", "scale").iter_rows())
    if scales.get(series) == "log" and not value > 0.0:  # type: ignore[operator]
        raise InputError(f"{where}: {series} = {value:g}: must be above 0")
    if scales.get(series) == "logit" and not 0.0 <= value <= 1.0:  # type: ignore[operator]
        raise InputError(f"{where}: {series} = {value:g}: a share, must be in [0, 1]")
    return (series, date, index, value, number("low", False), number("high", False))


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

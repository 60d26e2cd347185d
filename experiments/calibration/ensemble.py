"""One ensemble of the baseline, made once a process and shared by all that is held against it."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import numpy as np
import polars as pl

from experiments.calibration import observed, operators
from model.core.units import month_date, month_index

SEEDS, HUMANS = 3, 500


@functools.cache
def baseline(seeds: int = SEEDS, humans: int = HUMANS) -> Mapping[str, pl.DataFrame]:
    """Return the result tables of the baseline to its end under seeds 1, 2, ...

    `seen` is what an observer sees of it, `wide` the monthly series with what operators need.
    """
    from experiments.runs.run import run

    tables = dict(run("baseline", humans=humans, seed=1, seeds=seeds, workers=1).tables)
    tables["wide"] = observed.wide(tables)
    tables["seen"] = operators.seen(tables["wide"])
    return tables


def one_of(frame: pl.DataFrame, column: str, *values: str) -> pl.Expr:
    """Return the condition that a column has one of these values.

    Raises
    ------
    ValueError
        If a value stands in no row of the frame: a sum over what does not exist is zero and looks like a result.
    """
    known = frame[column].unique().to_list()
    if missing := [value for value in values if value not in known]:
        raise ValueError(f"no row has {column} {', '.join(missing)}; there are {', '.join(sorted(known))}")
    return pl.col(column).is_in(values)


def at(frame: pl.DataFrame, column: str | pl.Expr, month: str) -> float:
    """Return the median over seeds of a column in a month 'YYYY-MM'."""
    rows = frame.filter(pl.col("month") == month_date(month_index(month)))
    return _median(rows.select(pl.col(column) if isinstance(column, str) else column).to_series())


def over(frame: pl.DataFrame, above: str | pl.Expr, first: str, last: str, below: str | pl.Expr | None = None) -> float:
    """Return the median over seeds of sum(above) / sum(below) from a month to another; without `below` of the sum."""
    values = ratios(frame, above, first, last, below)
    return _median(pl.Series(values))


def ratios(
    frame: pl.DataFrame, above: str | pl.Expr, first: str, last: str, below: str | pl.Expr | None = None
) -> list[float]:
    """Return sum(above) / sum(below) between two months by seed, in order; without `below` the sum."""
    span = pl.col("month").is_between(month_date(month_index(first)), month_date(month_index(last)))
    top = pl.col(above) if isinstance(above, str) else above
    bottom = pl.lit(1.0) if below is None else (pl.col(below) if isinstance(below, str) else below).sum()
    rows = (
        frame.filter(span).group_by("seed", maintain_order=True).agg((top.cast(pl.Float64).sum() / bottom).alias("x"))
    )
    return [math.nan if v is None else float(v) for v in rows["x"]]


def _median(x: pl.Series) -> float:
    values = x.cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
    return float(np.median(values)) if values.size else math.nan

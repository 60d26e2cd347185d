"""One ensemble of the baseline, made once a process and shared by all that is held against it."""

from __future__ import annotations

import contextlib
import functools
import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from experiments.calibration import observed, operators
from experiments.calibration.evaluation import Evaluator, Tell, kept
from experiments.runs.pool import Outcome, Task, simulate
from experiments.runs.results import as_parquet, stack
from model.core.units import month_date, month_index
from model.scenario import Scenario

SEEDS, HUMANS = 3, 500
_where: dict[str, Any] = {"workers": 1}


@contextlib.contextmanager
def made(
    folder: Path | None = None, workers: int | None = None, tell: Tell | None = None, cluster: str | None = None
) -> Iterator[None]:
    """Have ensembles that are asked for inside, and were not yet, made so; see `Evaluator`. Without a folder nothing is kept."""
    before = dict(_where)
    _where.update(folder=folder, workers=workers, tell=tell, cluster=cluster)
    try:
        yield
    finally:
        _where.clear()
        _where.update(before)


@functools.cache
def baseline(seeds: int = SEEDS, humans: int = HUMANS) -> Mapping[str, pl.DataFrame]:
    """Return the result tables of the baseline to its end under seeds 1, 2, ...

    `seen` is what an observer sees of it, `wide` the monthly series with what operators need.
    """
    scenario, where = Scenario.load("baseline").with_run(humans=humans), dict(_where)
    with kept(where.pop("folder", None)) as runs, Evaluator(runs, scenario, **where) as evaluator:
        tasks = evaluator.tasks([{}], [range(1, seeds + 1)], scenario.months, "tables")
        tables = stack([_unpacked(o.blob) for o in evaluator.done("baseline", tasks, tabled)])
    tables["wide"] = observed.wide(tables)
    tables["seen"] = operators.seen(tables["wide"])
    return tables


def tabled(task: Task) -> Outcome:
    """Run one task and keep its result tables."""
    return simulate(task, lambda economy, task: (_packed(economy.tables()), "{}"))


def _packed(tables: Mapping[str, pl.DataFrame]) -> bytes:
    """Return tables as bytes, as they stand in a result folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, table in tables.items():
            file.writestr(zipfile.ZipInfo(name), bytes(as_parquet(table)))
    return buffer.getvalue()


def _unpacked(blob: bytes) -> dict[str, pl.DataFrame]:
    with zipfile.ZipFile(io.BytesIO(blob)) as file:
        return {name: pl.read_parquet(io.BytesIO(file.read(name))) for name in file.namelist()}


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

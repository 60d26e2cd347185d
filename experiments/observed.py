"""The observed points drawn beside the model; rows that were not read in their source are left out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl

import model

FILE = Path(model.__file__).parent / "data" / "observations.csv"


def points(series: str | list[str]) -> pl.DataFrame:
    """Return the points of one or more series: series, month (date), value, low, high, source.

    A date that is a year stands in the middle of it.
    """
    names = [series] if isinstance(series, str) else series
    table = pl.read_csv(FILE, infer_schema=False).filter(
        pl.col("series").is_in(names) & (pl.col("read_or_memory") == "read") & (pl.col("split") != "forecast")
    )
    return table.select(
        "series",
        pl.col("date").map_elements(_date, return_dtype=pl.Date).alias("month"),
        *(pl.col(name).cast(pl.Float64, strict=False) for name in ("value", "low", "high")),
        pl.col("source_title").alias("source"),
    ).sort("series", "month")


def _date(text: str) -> dt.date:
    parts = [int(x) for x in text.split("-")]
    return dt.date(parts[0], parts[1] if len(parts) > 1 else 7, 1)

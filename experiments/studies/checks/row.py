"""A row of the checks: what is claimed, what came out, the bound, the verdict; and the register of all rows.

A row's function asks for the tables it needs by the names of its parameters, as a step of the month does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import polars as pl

PASS, FAIL = "pass", "fail"


class NotMeasured(Exception):
    """The runs do not hold what a row asks for; the message says why."""


class Found(NamedTuple):
    """What came out: in words, in numbers, and whether it is within the bound."""

    text: str
    values: dict[str, float]
    within: bool


class Row(NamedTuple):
    """A row as it is printed; `values` has the numbers of `obtained`."""

    id: str
    claim: str
    obtained: str
    bound: str
    verdict: str
    values: dict[str, float]


class Check(NamedTuple):
    """A row that can be measured."""

    id: str
    claim: str
    bound: str
    quick: bool  # needs the posterior draws alone
    measure: Callable[..., Found]

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the tables it asks for."""
        return tuple(inspect.signature(self.measure).parameters)

    def row(self, tables: Mapping[str, Any]) -> Row:
        """Return the row of some tables; where they do not hold enough it fails, and says why it was not measured."""
        try:
            found = self.measure(**{name: tables[name] for name in self.needs})
        except NotMeasured as why:
            return Row(self.id, self.claim, f"not measured: {why}", self.bound, FAIL, {})
        return Row(self.id, self.claim, found.text, self.bound, PASS if found.within else FAIL, found.values)


CHECKS: dict[str, Check] = {}


def check(
    name: str, claim: str, bound: str, *, quick: bool = False
) -> Callable[[Callable[..., Found]], Callable[..., Found]]:
    """Register a function as the row of this name."""

    def add(measure: Callable[..., Found]) -> Callable[..., Found]:
        CHECKS[name] = Check(name, claim, bound, quick, measure)
        return measure

    return add


def of_years(frame: pl.DataFrame, first: int, last: int | None = None) -> pl.DataFrame:
    """Return the rows of whole calendar years, with a column ``year``.

    Raises
    ------
    NotMeasured
        If a month of them is missing.
    """
    last = first if last is None else last
    rows = frame.with_columns(pl.col("month").dt.year().alias("year")).filter(pl.col("year").is_between(first, last))
    if rows["month"].n_unique() < 12 * (last - first + 1):
        raise NotMeasured(f"the runs do not hold all of {first if first == last else f'{first} to {last}'}")
    return rows


def median(values: pl.Series) -> float:
    """Return the median over runs, NaN if there is none."""
    found = values.cast(pl.Float64).drop_nulls().drop_nans().median()
    return float("nan") if found is None else float(found)  # type: ignore[arg-type]


def ratio_by_year(frame: pl.DataFrame, above: pl.Expr, below: pl.Expr, first: int, last: int) -> dict[int, float]:
    """Return by year the median over runs of one sum over another."""
    rows = of_years(frame, first, last).group_by("seed", "year").agg((above.sum() / below.sum()).alias("x"))
    return {year: median(rows.filter(pl.col("year") == year)["x"]) for year in range(first, last + 1)}

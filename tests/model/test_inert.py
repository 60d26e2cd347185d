"""No parameter that nobody reads: at some end of its range each moves a recorded series or a result table, or its declaration says why not."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from experiments.studies import ranges
from model.core import params
from model.core.params import Declaration, Params
from model.economy import InferenceEconomy
from model.scenario import FIRM_TYPES, Scenario, declarations
from tests import samples

HUMANS, SEED = 100, 1
#: After so many months series are compared, and tables too but for the first.
STOPS = (6, 36, 168)
#: Differences of rounding: what the laws leave, and the last digits of the rest.
ROUNDING, DIGITS = ("money_residual_usd", "compute_residual_flop"), 1e-9

#: What must hold for a mechanism to be at work that the baseline does not reach.
WHEN: dict[str, dict[str, Any]] = {
    # labs without money
    "lab.failure_months": {
        "lab.lab_a.rule": "race", "lab.equity_share_per_year": 0.0, "lab.runway_months": 2.0, "lab.parent_rd_share_max": 0.01,
        "lab.vendor_equity_share": 0.0, "lab.contracted_share": 0.02,
    },
    # applications without attention
    "application.failure_months": {"application.exit_share": 0.2},
    # applications with hardly any advertising, which cannot always pay for their ranking
    "application.credit_months": {"application.ad_load": 0.02},
    # a month short of hours: half of it is less than work takes
    "attention.committed_share_max": {"attention.hours_per_month": 300.0},
}  # fmt: skip
#: The firm whose fields are tried for all firms of its kind, and values of text that no declaration lists.
FIRMS = {"lab": "lab_a", "provider": "neo_a"}
TEXTS = {"integrated_lab": ["lab_a"]}
#: Values at which a parameter that says it is inert must move nothing; both ends of the range for others.
INERT_AT: dict[str, list[float]] = {}
#: So many parameters the stored table of ranges calls the stillest.
STILL = 12


def names() -> dict[str, Declaration]:
    """Return every parameter; fields of firms under the name of one firm."""
    found = {f"{d.section}.{d.name}": d for d in declarations()}
    for section, kind in FIRM_TYPES.items():
        found |= {f"{section}.{FIRMS[section]}.{d.name}": d for d in kind.declared()}
    return found


def tried(name: str, d: Declaration, base: Scenario) -> list[Any]:
    """Return the ends of a range, or the choices, that are not the value itself."""
    section, *firm, last = name.split(".")
    owner = base.firms[section][firm[0]] if firm else getattr(base.parameters, section)
    return [v for v in TEXTS.get(last) or [*ranges.ends(d), *d.choices] if v != getattr(owner, last)]


def scenario(name: str) -> Scenario:
    """Return the baseline, with what must hold for a parameter to matter."""
    return Scenario.load("baseline").with_run(humans=HUMANS, months=STOPS[-1]).with_overrides(WHEN.get(name, {}))


def stops(given: Scenario):
    """Yield the months passed, the recorded series and a way to the tables, at each stop of a run."""
    economy = InferenceEconomy(given, seed=SEED)
    try:
        for months in STOPS:
            while economy.month < months:
                economy.step()
            yield months, economy.history.drop(ROUNDING), economy.tables
    finally:
        economy.close()


@functools.cache
def under_way(name: str) -> tuple[Iterator[Any], dict[int, tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]]]:
    return stops(scenario(name)), {}


def standing(name: str, months: int) -> tuple[pl.DataFrame, Mapping[str, pl.DataFrame]]:
    """Return series and tables of the baseline at a stop, to which it runs now; `name` is "" or a parameter of `WHEN`."""
    coming, found = under_way(name)
    while months not in found:
        at, series, tables = next(coming)
        found[at] = series, tables()
    return found[months]


def moved(a: pl.DataFrame, b: pl.DataFrame) -> list[str]:
    """Return the columns that differ by more than rounding; the number of rows where that differs."""
    if a.shape != b.shape or a.columns != b.columns:
        return ["rows"]
    return [name for name in a.columns if not a[name].equals(b[name]) and _differs(a[name], b[name])]


def _differs(a: pl.Series, b: pl.Series) -> bool:
    if not a.dtype.is_numeric():
        return True
    x, y = (s.cast(pl.Float64).fill_null(np.nan).to_numpy() for s in (a, b))
    return not np.allclose(x, y, rtol=DIGITS, atol=DIGITS * float(np.nanmax(np.abs(y), initial=0.0)), equal_nan=True)


def effect(name: str, value: Any, last: int = STOPS[-1]) -> str:
    """Return the first series or table that a value moves, and by which month; "" for none by the `last`."""
    for months, series, tables in stops(scenario(name).with_overrides({name: value})):
        if months > last:
            break
        old, old_tables = standing(name if name in WHEN else "", months)
        if found := moved(series, old):
            return f"{found[0]} by month {months}"
        if months > STOPS[0]:
            now = tables()
            if found := [f"{t}.{c}" for t in now for c in moved(now[t], old_tables[t])]:
                return f"{found[0]} by month {months}"
    return ""


def chosen() -> set[str]:
    """Return what is tried by default: by turns some of all, of the stillest and of `WHEN`; the long form tries all."""
    every = names()
    still = ranges.load().sort("span")["parameter"].head(STILL).to_list()
    turns = (([*every], 3), (still, 2), ([*WHEN], 1))
    return {n for of, count in turns for n in samples.chosen(of, count)} & {*every}


CASES = [
    pytest.param(n, id=n, marks=() if n in chosen() else pytest.mark.long) for n, d in names().items() if not d.inert
]
STILL_AT = [(n, v) for n, d in names().items() if d.inert for v in INERT_AT.get(n, tried(n, d, scenario(n)))]


@pytest.mark.parametrize("name", CASES)
def test_every_parameter_moves_something(name):
    values = tried(name, names()[name], scenario(name))
    assert values, "nothing to try: give values in TEXTS"
    assert name not in INERT_AT, "the declaration must say where it moves nothing"
    assert any(effect(name, v) for v in values), "nobody reads it, or `WHEN` must set the mechanism at work"


@pytest.mark.parametrize(("name", "value"), samples.some(STILL_AT, 1))
def test_a_parameter_that_says_it_is_inert_moves_nothing(name, value):
    assert effect(name, value) == "", "the declaration says it moves nothing"


def read(monkeypatch, humans: int = 40, months: int = 84) -> set[tuple[str, str]]:
    """Return (section, name) of what a run of the baseline asks parameters for; `Params` itself, which reads all, does not count."""
    asked, plain = set(), object.__getattribute__

    def ask(self: Params, name: str) -> Any:
        if sys._getframe(1).f_code.co_filename != params.__file__:
            asked.add((type(self).section, name))
        return plain(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(Params, "__getattribute__", ask)
        InferenceEconomy("baseline", humans=humans, months=months, seed=SEED).run()
    return asked


def test_every_parameter_is_read(monkeypatch):
    """The short form of the above for all parameters at once: a run of seven years asks for each."""
    asked = read(monkeypatch)
    assert [n for n, d in names().items() if (d.section, d.name) not in asked] == []
    assert ("link", "servers") not in asked


@pytest.mark.parametrize("last", [STOPS[1], pytest.param(STOPS[-1], marks=pytest.mark.long)])
def test_a_parameter_that_nobody_reads_is_seen(last):
    """Values that are the same move nothing; the least that is more than rounding is seen, in series and in tables."""
    base = standing("", STOPS[0])
    assert moved(base[0], base[0]) == []
    touched = base[0].with_columns(pl.col("tokens") * (1.0 + 1e-6))
    assert moved(touched, base[0]) == ["tokens"]
    assert moved(base[0].with_columns(pl.col("tokens") * (1.0 + 1e-14)), base[0]) == []
    assert moved(base[0].head(2), base[0]) == ["rows"]
    assert effect("human.contacts", names()["human.contacts"].default, last) == ""

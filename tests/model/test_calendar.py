"""Nothing reads the calendar but dated inputs and the declared exogenous trends."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from experiments.studies import ablation
from model import InferenceEconomy, Scenario
from model.core.units import month_date, month_index
from model.layers import physical
from model.scenario import declarations

SHIFT = 12


def later(date: str | None, months: int) -> str | None:
    return None if date is None else month_date(month_index(date) + months).isoformat()[:7]


def shifted(scenario: Scenario, months: int) -> Scenario:
    """Return the scenario with its opening and every dated input moved."""
    moved = tuple(
        dataclasses.replace(i, date=later(i.date, months), until=later(i.until, months)) for i in scenario.interventions
    )
    return dataclasses.replace(scenario, start=later(scenario.start, months), interventions=moved)


@pytest.mark.parametrize("months", [40, pytest.param(168, marks=pytest.mark.long)])
def test_a_year_later_everything_is_the_same(months, monkeypatch):
    scenario = Scenario.load("ai-winter")  # has more dated interventions than the baseline
    now = InferenceEconomy(scenario, humans=150, months=months, seed=2).run().tables()
    launches = [generation._replace(launched=later(generation.launched, SHIFT)) for generation in physical.OBSERVED]
    monkeypatch.setattr(physical, "OBSERVED", tuple(launches))
    then = InferenceEconomy(shifted(scenario, SHIFT), humans=150, months=months, seed=2).run().tables()
    for name, table in now.items():
        dates = [c for c, kind in table.schema.items() if kind == pl.Date]
        moved = table.with_columns(pl.col(c).dt.offset_by(f"{SHIFT}mo") for c in dates)
        assert moved.equals(then[name], null_equal=True), name


def test_a_forgotten_date_shows(monkeypatch):
    """Moving the opening without the launches of chips changes the tables: the check above can fail."""
    scenario = Scenario.load("baseline")
    now = InferenceEconomy(scenario, humans=50, months=12, seed=2).run().history.drop("month")
    then = InferenceEconomy(shifted(scenario, SHIFT), humans=50, months=12, seed=2).run().history.drop("month")
    assert not now.equals(then, null_equal=True)


def test_every_trend_is_declared_and_switched_off_in_the_report():
    trends = {f"{d.section}.{d.name}" for d in declarations() if d.exogenous_trend}
    off = {name for m in ablation.MECHANISMS if m.part == "trend" for name in m.overrides}
    assert trends == off
    assert 0 < len(trends) <= 8

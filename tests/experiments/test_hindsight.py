"""Plans, lives and regrets in groups: against sums by hand, censored nets left out; the picture holds the same numbers."""

from __future__ import annotations

import datetime as dt
import math

import polars as pl
import pytest

from experiments import figures
from experiments.studies.regret import COLUMNS, summary

ROWS = [  # lab, tier, rule, forecaster, year, censored, planned, came, planned cost, cost, size, scale, best run
    ("lab_a", "frontier", "profit", "adaptive", 2024, False, 4.0, 2.0, 10.0, 8.0, 1.0, 3.0, 10.0),
    ("lab_a", "small", "profit", "adaptive", 2024, False, 1.0, 2.0, 2.0, 4.0, 0.5, 0.0, 1.0),
    ("lab_a", "frontier", "profit", "adaptive", 2025, True, 9.0, 1.0, 9.0, 1.0, 7.0, 7.0, 0.5),
    ("lab_b", "frontier", "race", "trend", 2024, False, 3.0, 1.0, 5.0, 2.0, 0.2, 0.1, 0.5),
    ("lab_b", "small", "race", "trend", 2025, False, 0.0, 1.0, 1.0, 1.0, 0.1, 0.0, 1.0),
]


def table(rows=ROWS):
    names = ("lab", "tier", "rule", "forecaster", "year", "censored", *COLUMNS[6:])
    frame = pl.DataFrame(rows, schema=list(names), orient="row")
    released = pl.Series("released", [dt.date(y, 5, 1) for y in frame["year"]])
    return frame.drop("year").with_columns(released, seed=pl.lit(1))


def test_groups_are_sums_of_nets_that_have_ended():
    by = {(r["rule"], r["forecaster"]): r for r in summary(table()).iter_rows(named=True)}
    assert set(by) == {("profit", "adaptive"), ("race", "trend")}
    a = by["profit", "adaptive"]
    assert (a["nets"], a["censored"]) == (2, 1)
    assert (a["planned_tokens"], a["realised_tokens"], a["realised_cost_usd"]) == (5.0, 4.0, 12.0)
    assert a["tokens_error"] == pytest.approx((8.0 * math.log(2.0) - 4.0 * math.log(2.0)) / 12.0)
    assert a["overplanned_share"] == pytest.approx(8.0 / 12.0)
    assert a["size_regret_share"] == pytest.approx(1.5 / 12.0)
    # the best scale of one of both is the largest that was tried: nothing is said of scale
    assert a["scale_at_bound_share"] == 0.5
    assert (a["run_error"], a["overbuilt_share"], a["scale_regret_usd"], a["scale_regret_share"]) == (None,) * 4
    b = by["race", "trend"]
    assert b["tokens_error"] == pytest.approx(math.log(3.0))  # what nobody planned has no error
    assert b["overbuilt_share"] == pytest.approx(2.0 / 3.0)
    assert b["scale_at_bound_share"] == 0.0


def test_over_and_under_investment_by_year():
    by = {r["year"]: r for r in summary(table(), "year").iter_rows(named=True)}
    assert {y: r["nets"] for y, r in by.items()} == {2024: 3, 2025: 1}
    assert by[2025]["censored"] == 1
    assert by[2024]["overplanned_share"] == pytest.approx(10.0 / 14.0)
    assert by[2025]["tokens_error"] is None


def test_all_censored_is_no_number():
    (row,) = summary(table([(*r[:5], True, *r[6:]) for r in ROWS]), "tier", "lab").filter(pl.col("lab") == "lab_b", pl.col("tier") == "small").iter_rows(named=True)  # fmt: skip
    assert (row["nets"], row["censored"]) == (0, 1)
    assert row["size_regret_share"] is None


@pytest.mark.parametrize(("rows", "groups"), [(ROWS, {"profit, adaptive", "race, trend"}), (ROWS[:3], {"lab_a"})])
def test_the_picture_shows_rules_where_they_differ_and_labs_where_not(rows, groups):
    chart = figures.who_was_right(table(rows)).to_dict()
    data = [pl.DataFrame(d) for d in chart["datasets"].values()]
    cells = next(d for d in data if "factor" in d.columns)
    assert set(cells["lab"]) == groups
    assert cells["factor"].to_list() == pytest.approx((-cells["tokens_error"]).exp().to_list())  # realised over planned
    assert "1 still serve" in " ".join(chart["title"]["subtitle"])


def test_nothing_to_show_says_so():
    chart = figures.who_was_right(table(ROWS[2:3])).to_dict()
    assert "too short" in str(chart["datasets"])

"""A sanity check, no calibration: the baseline of 2023 and 2024 lies within a factor of three of what was observed.

Every input stays at its declared value; no input is a growth path of an outcome. Points are those of `observations.csv`, one by
one; yearly figures are own estimates from them (x/÷ 1.6).
"""

from __future__ import annotations

from statistics import median

import polars as pl
import pytest

from experiments.calibration import observed
from model import InferenceEconomy

FACTOR = 3.0
#: ChatGPT is taken as 65 % of assistant users (own assumption).
CHATGPT_SHARE = 0.65

#: What was observed at a month: (our series, observed series, dates, unit of ours per unit of theirs).
POINTS = (
    ("adopters", "chatgpt_wau", ("2023-11", "2024-08", "2024-12"), 1.0 / CHATGPT_SHARE),
    ("chips_sold_cumulative_h100e", "ai_chip_cum_h100e_sum4", ("2023-06", "2023-12", "2024-06", "2024-12"), 1.0),
    ("task_horizon_minutes", "metr_horizon_p50", ("2023-03", "2024-05", "2024-10", "2024-12"), 1.0),
    ("frontier_training_flop", "train_compute_frontier", ("2023-03", "2023-12", "2024-06", "2024-07", "2024-08"), 1.0),
    ("price_usd_per_h100e_hour", "gpu_rent_h100", ("2023-06", "2024-03", "2024-10"), 1.0),
    ("price_frontier_usd_per_mtoken", "price_in_frontier", ("2023-03", "2023-11", "2024-05"), 1.0),
    ("price_small_usd_per_mtoken", "price_in_small", ("2024-07", "2024-08"), 1.0),
)
#: Series that are the largest so far: a smaller point is held against the record before it.
RECORDS = ("frontier_training_flop",)
#: Yearly: (our series, how, year, value).
YEARS = (
    ("installed_h100e", "mean", 2023, 0.8e6),
    ("installed_h100e", "mean", 2024, 2.8e6),
    ("user_cost_usd_per_h100e_hour", "mean", 2023, 3.9),
    ("user_cost_usd_per_h100e_hour", "mean", 2024, 2.9),
    ("machine_usd_per_h100e", "mean", 2023, 55e3),
    ("machine_usd_per_h100e", "mean", 2024, 42e3),
    ("lab_rd_compute_usd", "sum", 2023, 9e9),
    ("lab_rd_compute_usd", "sum", 2024, 27e9),
    ("serving_usd", "sum", 2023, 2.5e9),
    ("serving_usd", "sum", 2024, 8e9),
    ("tokens", "last", 2023, 2e13),
    ("tokens", "last", 2024, 2.5e14),
    ("capex_usd", "sum", 2023, 0.45 * 149e9),  # the AI part of capex_big4_year
    ("capex_usd", "sum", 2024, 0.60 * 251e9),
    ("seconds_per_token", "mean", 2023, 3e-2),
    ("seconds_per_token", "mean", 2024, 1e-2),
)


def history(seed: int) -> pl.DataFrame:
    economy = InferenceEconomy("baseline", humans=1_000, months=36, seed=seed).run()
    serving = economy.tables()["compute"].filter(pl.col("purpose") == "serving")
    paid = serving.group_by("month").agg(serving_usd=pl.col("usd").sum(), hours=pl.col("accelerator_hours").sum())
    return economy.history.join(paid, on="month", how="left").with_columns(
        seconds_per_token=3600.0 * pl.col("hours") / pl.col("tokens")
    )


@pytest.fixture(scope="module")
def runs():
    return [history(seed) for seed in range(1, 6)]


def within(model: float, seen: float) -> bool:
    return seen / FACTOR <= model <= seen * FACTOR


def at(run: pl.DataFrame, series: str, month: str) -> float:
    return run.filter(pl.col("month").dt.strftime("%Y-%m") == month)[series].item()


def points() -> list[tuple[str, str, float]]:
    out = []
    for ours, theirs, dates, unit in POINTS:
        table = observed.points(theirs).with_columns(pl.col("month").dt.strftime("%Y-%m").alias("date"))
        for date in dates:
            values = table.filter(pl.col("date") == date)["value"].to_list()
            assert values, (theirs, date)
            if ours in RECORDS:
                values = [table.filter(pl.col("date") <= date)["value"].max()]
            out += [(ours, date, value * unit) for value in values]
    return out


@pytest.mark.parametrize(("series", "month", "seen"), points(), ids=lambda x: str(x))
def test_a_month_is_within_a_factor_of_three(runs, series, month, seen):
    assert within(median(at(run, series, month) for run in runs), seen)


@pytest.mark.parametrize(("series", "how", "year", "seen"), YEARS, ids=lambda x: str(x))
def test_a_year_is_within_a_factor_of_three(runs, series, how, year, seen):
    def value(run: pl.DataFrame) -> float:
        rows = run.filter(pl.col("month").dt.year() == year)[series]
        return {"mean": rows.mean(), "sum": rows.sum(), "last": rows[-1]}[how]

    assert within(median(value(run) for run in runs), seen)


def test_no_point_of_these_series_is_left_out():
    """Every read point of the listed series from 2023 to 2024."""
    for _, theirs, dates, _ in POINTS:
        table = observed.points(theirs).filter(pl.col("month").dt.year().is_in([2023, 2024]))
        assert set(table["month"].dt.strftime("%Y-%m")) <= set(dates), theirs


def test_a_factor_of_three_can_fail():
    assert not within(10.0, 3.0)
    assert not within(1.0, 3.1)

"""What the answer says beside its dates: investment that collapses, prices of hours that differ by use."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import polars as pl
import pytest

import model
from experiments import run
from experiments.report import printed
from experiments.runs import answer
from experiments.runs.results import Result
from model import InferenceEconomy, Scenario

FACTORS = dict(zip(answer.PRICE_FACTORS, (1.0, 0.8, 0.5), strict=True))


def capex(by_year: dict[int, float], seed: int = 1, months: int = 12) -> pl.DataFrame:
    rows = [(seed, dt.date(year, m + 1, 1), usd / 12) for year, usd in by_year.items() for m in range(months)]
    return pl.DataFrame(rows, {"seed": pl.Int64, "month": pl.Date, "capex_usd": pl.Float64}, orient="row")


def test_investment_falls_from_its_peak_to_the_last_year():
    runs = [
        capex({2030: 12.0, 2031: 24.0, 2032: 6.0}),  # falls by 3/4
        capex({2030: 36.0, 2031: 12.0, 2032: 30.0}, seed=2),  # a dip is not the fall to the end
        capex({2030: 12.0, 2031: 60.0, 2032: 12.0}, seed=3),  # by 4/5
    ]
    found = answer.investment(pl.concat(runs))
    assert found == {
        "peak_year": 2031,
        "peak_usd": pytest.approx(36.0),
        "last_year": 2032,
        "fall": pytest.approx(0.75),
        "runs_halved": 2,
    }
    assert "is 75 % lower in 2032" in answer.investment_in_words(found, 3)
    assert "2 of 3 runs" in answer.investment_in_words(found, 3)


def test_a_year_that_is_not_whole_and_no_investment_do_not_count():
    cut = pl.concat([capex({2030: 10.0, 2031: 20.0}), capex({2032: 1.0}, months=6)])
    assert answer.investment(cut)["last_year"] == 2031
    assert answer.investment(cut)["fall"] == pytest.approx(0.0)
    assert answer.investment(capex({2030: 0.0})) is None
    assert answer.investment(capex({2030: 1.0}, months=3)) is None
    assert answer.investment_in_words(None, 1) is None


def test_unequal_prices_are_said_with_what_one_price_gives():
    stored = json.loads(answer.ONE_PRICE.read_text(encoding="utf-8"))
    assert set(stored["price_factors"].values()) == {1.0}, "the stored run is at one price"
    words = answer.prices_in_words(FACTORS)
    assert "1 times the contract price for serving, 0.8 for final runs and 0.5 for other R&D and for work" in words
    assert f"cross one half in {stored['crossover']['accelerator_hours']['median']} (" in words
    assert f"{100 * stored['share']['accelerator_hours']['2030']['median']:.0f} % in 2030" in words
    assert answer.prices_in_words(dict.fromkeys(answer.PRICE_FACTORS, 0.7)) is None
    never = stored | {"crossover": {"accelerator_hours": {"median": None, "share_crossed": 0.25}}}
    assert "in half the runs or fewer (4 of 16" in answer.prices_in_words(FACTORS, never)


def test_the_answer_of_a_run_says_both():
    small = run("baseline", humans=100, workers=1)
    said = printed.headline(small)
    assert sum("at one price for all" in line for line in said) == 1
    told = small.to_json()
    assert told["price_factors"] == FACTORS
    years = small.monthly.group_by(pl.col("month").dt.year()).agg(pl.col("capex_usd").sum()).sort("month")["capex_usd"]
    assert told["investment"]["fall"] == pytest.approx(1.0 - years[-1] / years.max())
    assert any(line.startswith("Spending on machines and data centres") for line in said) == (
        years[-1] < 0.5 * years.max()
    )
    one = Scenario.load("baseline").with_overrides({f"compute.{name}": 1.0 for name in answer.PRICE_FACTORS})
    assert not any("one price" in line for line in printed.headline(Result(one, small.seeds, small.tables)))


@pytest.mark.parametrize(
    ("seeds", "humans", "late_within"), [(2, 300, 0.1), pytest.param(4, 1_000, 0.05, marks=pytest.mark.long)]
)
def test_what_model_md_says_of_prices_and_of_doubled_demand(seeds, humans, late_within):
    """Section 4: the price is mostly below the user cost. Section 7.15: doubled demand moves the share early, not late."""
    text = " ".join((Path(model.__file__).parent / "MODEL.md").read_text(encoding="utf-8").split())
    (months_below,) = re.findall(r"contract price is below the user cost in (\d+) % of months", text)
    assert re.search(r"\| household demand doubles \| \+ \| near 0 within four years, without a settled sign \|", text)

    def share(economy):
        rows = economy.history.select(pl.col("month").dt.strftime("%Y-%m"), "inference_share_usd")
        return dict(rows.iter_rows())

    below, early, late = [], [], []
    for seed in range(1, seeds + 1):
        a = InferenceEconomy("baseline", humans=humans, seed=seed).run()
        b = InferenceEconomy("baseline", humans=humans, months=108, seed=seed, human__task_hours_per_month=80.0).run()
        below.append((a.history["price_usd_per_h100e_hour"] < a.history["user_cost_usd_per_h100e_hour"]).mean())
        early.append(share(b)["2023-12"] - share(a)["2023-12"])
        late.append(share(b)["2030-12"] - share(a)["2030-12"])
    assert sum(below) / seeds == pytest.approx(int(months_below) / 100.0, abs=0.08)
    assert sum(early) / seeds > 0.05
    assert abs(sum(late) / seeds) < late_within

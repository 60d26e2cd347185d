"""What the answer says beside its dates: shares by year and how sure they are, dates that are ill-conditioned, investment that collapses."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import model
from experiments import run
from experiments.report import printed
from experiments.runs import answer
from model import InferenceEconomy


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


def counts(*runs: list[float]) -> answer.Counts:
    """Shares by year from 2022 on, one list a run."""
    months = tuple(dt.date(2022 + m // 12, m % 12 + 1, 1) for m in range(12 * len(runs[0])))
    pairs = [(np.repeat(run, 12) * 3.0, np.full(len(months), 3.0)) for run in runs]
    return answer.Counts("2022-01", tuple(range(len(runs))), (months,) * len(runs), {"usd": pairs})


def test_in_how_many_runs_a_year_is_above_one_half():
    found = counts([0.4, 0.6, 0.7], [0.4, 0.5, 0.7], [0.6, 0.4, 0.7])
    assert answer.above_half(found) == {"usd": {"2022": 1 / 3, "2023": 1 / 3, "2024": 1.0}}


def test_shares_are_told_of_the_years_there_are_with_their_spread():
    found = counts(*([x] * 6 for x in (0.2, 0.4, 0.6)))
    words = answer.shares_in_words(answer.yearly_shares(found)["usd"], answer.above_half(found)["usd"], 3)
    assert words == (
        "40 % in 2025 (P10-P90 20 to 60 %, above one half in 1 of 3 runs);"
        " 40 % in 2027 (P10-P90 20 to 60 %, above one half in 1 of 3 runs)"
    )
    short = counts([0.3, 0.4])
    assert (
        answer.shares_in_words(answer.yearly_shares(short)["usd"], answer.above_half(short)["usd"], 1) == "40 % in 2023"
    )


@pytest.mark.parametrize(
    ("path", "spell"),
    [
        ([0.2, 0.46, 0.5, 0.54, 0.7], "2023 to 2025"),
        ([0.2, 0.46, 0.5, 0.6, 0.7], None),
        ([0.46, 0.5, 0.7, 0.5, 0.5, 0.5, 0.54], "2025 to 2028"),
    ],
)
def test_a_share_near_one_half_for_years_is_said_to_have_no_sure_date(path, spell):
    words = answer.near_half_in_words(answer.yearly_shares(counts(path))["usd"])
    assert (words is None) == (spell is None)
    assert spell is None or f"from {spell.replace(' to ', ' to ')}, so that" in words


def test_the_answer_of_a_run_tells_shares_first():
    small = run("baseline", humans=100, workers=1)
    said = printed.headline(small)
    told = small.to_json()
    year = told["share"]["accelerator_hours"]["2030"]["median"]
    assert said[0].startswith("Inference's share of the accelerator-hours of generative AI")
    assert f"{100 * year:.0f} % in 2030" in said[0]
    assert set(told["above_half"]["accelerator_hours"].values()) <= {0.0, 1.0}
    years = small.monthly.group_by(pl.col("month").dt.year()).agg(pl.col("capex_usd").sum()).sort("month")["capex_usd"]
    assert told["investment"]["fall"] == pytest.approx(1.0 - years[-1] / years.max())
    assert any(line.startswith("Spending on machines and data centres") for line in said) == (
        years[-1] < 0.5 * years.max()
    )


@pytest.mark.parametrize(
    ("seeds", "humans", "late_within"), [(2, 300, 0.1), pytest.param(4, 1_000, 0.05, marks=pytest.mark.long)]
)
def test_what_model_md_says_of_doubled_demand(seeds, humans, late_within):
    """Section 7.15: doubled demand moves the share early, not late."""
    text = " ".join((Path(model.__file__).parent / "MODEL.md").read_text(encoding="utf-8").split())
    assert re.search(r"\| household demand doubles \| \+ \| near 0 within four years, without a settled sign \|", text)

    def share(economy):
        rows = economy.history.select(pl.col("month").dt.strftime("%Y-%m"), "inference_share_usd")
        return dict(rows.iter_rows())

    early, late = [], []
    for seed in range(1, seeds + 1):
        a = InferenceEconomy("baseline", humans=humans, seed=seed).run()
        b = InferenceEconomy("baseline", humans=humans, months=108, seed=seed, human__task_hours_per_month=80.0).run()
        early.append(share(b)["2023-12"] - share(a)["2023-12"])
        late.append(share(b)["2030-12"] - share(a)["2030-12"])
    assert sum(early) / seeds > 0.05
    assert abs(sum(late) / seeds) < late_within


def test_product_and_research_by_kernel_are_the_tables_own():
    """One month repeated: 40 of serving, 20 roll-outs, 30 experiments, 10 final runs; in 2024 a quarter and a bit of experiments run forward."""
    of = {
        ("serving", "human"): 30.0,
        ("serving", "robot"): 10.0,
        ("rl_rollout", "lab"): 15.0,
        ("research_automation", "lab"): 5.0,
        ("experiment", "lab"): 30.0,
        ("final_run", "lab"): 10.0,
        ("ranking", "application"): 900.0,
        ("other", "other"): 900.0,
    }
    rows = [
        (1, dt.date(2024, m, 1), purpose, consumer, hours, 2.0 * hours if consumer == "lab" else hours)
        for m in range(1, 13)
        for (purpose, consumer), hours in of.items()
    ]
    names = {"seed": pl.Int64, "month": pl.Date, "purpose": pl.String, "consumer": pl.String}
    table = pl.DataFrame(rows, names | {"accelerator_hours": pl.Float64, "flop": pl.Float64}, orient="row")
    found = answer.kernels(table)
    assert set(found) == {"2024"}
    part = (0.20 + 0.35) / 2  # halfway from 2023 to 2025
    assert found["2024"]["accelerator_hours"] == pytest.approx(
        {
            "product": 0.4,
            "research_forward": 0.2 + 0.3 * part,
            "research_forward_low": 0.2 + 0.3 * (part - 0.15),
            "research_forward_high": 0.2 + 0.3 * (part + 0.15),
            "research_backprop": 0.1 + 0.3 * (1 - part),
        }
    )
    flop = found["2024"]["flop"]
    assert flop["product"] == pytest.approx(40 / 160)
    assert flop["research_forward"] == pytest.approx((40 + 60 * part) / 160)
    assert flop["product"] + flop["research_forward"] + flop["research_backprop"] == pytest.approx(1.0)


def test_the_table_of_kernels_prints_what_was_found():
    found = run("baseline", humans=40, months=24, workers=1)
    table = next(t for t in printed.tables(found) if t.title.startswith("Product and R&D by kernel"))
    told = answer.kernels(found.compute)["2023"]
    rows = {row[0]: row[-1] for row in table.rows}
    for unit, words in (("accelerator_hours", "hours"), ("flop", "FLOP")):
        of = {k: f"{100 * v:.0f} %" for k, v in told[unit].items()}
        assert rows[f"{words}: product, forward only"] == of["product"]
        assert rows[f"{words}: R&D, with backpropagation"] == of["research_backprop"]
        research = f"{of['research_forward']} [{of['research_forward_low']}, {of['research_forward_high']}]"
        assert rows[f"{words}: R&D, forward only [range of experiments' part]"] == research

"""Checks by effect: each row on tables with known answers, the hook by which a lab deviates, and a short run of the command."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from agents.lab import decisions
from experiments import cli
from experiments.calibration import operators, scored
from experiments.runs.plan import planned
from experiments.studies.checks import data, economy, paired, study, watch
from experiments.studies.checks.deviation import Deviation, deviating
from experiments.studies.checks.row import CHECKS, NotMeasured
from model import InferenceEconomy
from model.core.errors import InputError
from model.core.units import LAB_CLASSES, LAB_USES
from model.markets import compute
from model.month import STEPS
from model.results.measures import RESEARCH
from model.scenario import Scenario, declarations

IDS = [f"E{n:02d}" for n in range(1, 17)]
QUICK = ["E01", "E04", "E05", "E06", "E07", "E08", "E10", "E11", "E12", "E16"]


def months(first: int, last: int) -> list[dt.date]:
    return [dt.date(y, m, 1) for y in range(first, last + 1) for m in range(1, 13)]


def table(first: int, last: int, *rows: dict) -> pl.DataFrame:
    """Return the same rows in every month of some years; a callable is called with the month."""
    made = [
        {"seed": 1, "month": m} | {k: v(m) if callable(v) else v for k, v in row.items()}
        for m in months(first, last)
        for row in rows
    ]
    return pl.DataFrame(made)


def verdict(name: str, **tables) -> str:
    return CHECKS[name].row(tables).verdict


def unmeasured(name, **tables):
    row = CHECKS[name].row(tables)
    return row.verdict == "fail" and row.obtained.startswith("not measured: ")


def test_all_rows_are_there_and_those_of_a_quick_check():
    assert sorted(CHECKS) == IDS
    assert sorted(c.id for c in CHECKS.values() if c.quick) == QUICK
    assert all((c.measure.__doc__ or "").strip() and c.claim and c.bound for c in CHECKS.values())


# Rows of the posterior draws --------------------------------------------------------------------------------------------


def hours(first: int, last: int, **by: tuple[str, str, float, float]) -> pl.DataFrame:
    rows = [{"purpose": p, "consumer": c, "accelerator_hours": h, "usd": usd} for p, c, h, usd in by.values()]
    return table(first, last, *rows)


def declared(name: str, doc: str, section: str = "compute") -> SimpleNamespace:
    return SimpleNamespace(section=section, name=name, doc=doc)


def test_one_price_is_seen_by_the_factors_that_are_declared():
    compute = hours(2025, 2025, a=("serving", "human", 10.0, 40.0), b=("experiment", "lab", 20.0, 40.0))
    plain = [declared("price_speed", "speed of the price"), declared("x_factor", "price of a task", "human")]
    found = economy.one_price(plain, compute)
    assert found.within
    assert found.values == {"parameters": 0, "research_over_serving": 0.5}
    assert not economy.one_price([*plain, declared("batch_factor", "price of waiting work")], compute).within


@pytest.mark.parametrize(
    ("horizon", "price", "within", "shorter"),
    [(9.0, 2.0, False, 1), (9.0, 1.9, True, 1), (11.0, 5.0, True, 0), (10.0, 2.0, True, 0)],
)
def test_a_release_that_is_worse_and_no_cheaper_fails(horizon, price, within, shorter):
    rows = [(1, False, 10.0, 1.0, 2.0), (2, True, horizon, price, price), (3, False, horizon, price, price)]
    nets = pl.DataFrame(
        [(1, dt.date(2024, m, 1), "lab_a", "small", r, h, p, q) for m, r, h, p, q in rows],
        ["seed", "month", "lab", "tier", "released", "horizon_minutes", "price_usd_per_token", "next_price_usd_per_token"],
        orient="row",
    )  # fmt: skip
    found = economy.releases(nets)
    assert found.within is within
    assert found.values == {"worse": int(not within), "shorter": shorter, "releases": 1}
    assert unmeasured("E04", nets=nets.with_columns(released=False))


def lab(name: str, kind: str = "independent", revenue=1.0, serving=0.0, research=0.0, tokens=1.0) -> dict:
    return {
        "lab": name, "lab_kind": kind, "revenue_usd": revenue, "serving_usd": serving, "research_usd": research,
        "rd_usd": research, "tokens": tokens,
    }  # fmt: skip


def test_a_market_of_few_labs_or_without_open_weights_fails():
    three = [lab("a", revenue=50.0), lab("b", revenue=30.0), lab("c", "open", 20.0, tokens=0.5)]
    found = economy.market(table(2025, 2030, *three))
    assert found.within
    assert found.values["labs_2030"] == 3
    assert found.values["open_share_2025"] == pytest.approx(0.2)
    assert not economy.market(table(2025, 2030, *three[:2], lab("c", "open", 4.0, tokens=0.5))).within
    assert not economy.market(table(2025, 2030, *three[:2], lab("c", "open", 20.0, tokens=0.1))).within
    gone = [lab("c", "open", lambda m: 20.0 if m.year < 2029 else 1.0, tokens=0.5)]
    assert not economy.market(table(2025, 2030, *three[:2], *gone)).within, "every year counts"
    assert unmeasured("E05", labs=table(2025, 2029, *three))


def machines(price: float, user_cost: float, income: float) -> dict[str, pl.DataFrame]:
    """One machine is sold a month and one installed; it costs 100 and lives 20 months, its hours cost 1 to run."""
    monthly = table(
        2024, 2035,
        {
            "user_cost_usd_per_h100e_hour": user_cost, "installed_h100e": 1.0, "machine_usd_per_h100e": 100.0,
            "chips_sold_cumulative_h100e": lambda m: 12.0 * (m.year - 2024) + m.month,
        },
    )  # fmt: skip
    pay = {"payer": "labs", "payee": "providers", "item": "research hours", "usd": income + 1.0}
    cost = {"payer": "providers", "payee": "rest_of_world", "item": "operations", "usd": 1.0}
    site = {"payer": "providers", "payee": "rest_of_world", "item": "data centres", "usd": 99.0}
    return {
        "monthly": monthly,
        "compute": hours(2024, 2035, a=("serving", "human", 2.0, 2.0 * price), b=("on_board", "robot", 9.0, 0.0)),
        "flows": table(2024, 2035, pay, cost, site),
        "survival": pl.DataFrame({"seed": 1, "age": range(144), "share": [1.0] * 20 + [0.0] * 124}),
    }


def test_prices_below_user_cost_and_machines_without_return_fail():
    found = economy.providers(**machines(2.0, 2.0, 5.5))
    assert found.within
    assert found.values["price_over_user_cost"] == pytest.approx(1.0)
    rate = (1.0 + found.values["return_per_year"]) ** (1.0 / 12.0) - 1.0
    assert 5.5 * (1.0 - (1.0 + rate) ** -20) / rate * (1.0 + rate) == pytest.approx(100.0)  # an annuity due
    low = economy.providers(**machines(1.0, 2.0, 5.5))
    assert not low.within
    assert low.values["months_below"] == 1.0
    assert not economy.providers(**machines(2.0, 2.0, 4.9)).within
    assert economy.internal_rate(100.0, np.array([0.1])) == -1.0


def test_a_cap_that_binds_for_years_fails():
    def share(binding: int) -> pl.DataFrame:
        small = {"parameter": "lab.cap", "weight": 1.0, "binds": True}
        large = {"parameter": "lab.cap", "weight": 9.0, "binds": lambda m: m.year < 2026 + binding}
        return table(2025, 2035, small, large)

    assert economy.caps(share(1)).values == {"lab.cap": pytest.approx(0.1 + 0.9 * 0.1)}
    assert verdict("E07", caps=share(1)) == "pass"
    assert verdict("E07", caps=share(2)) == "fail"


def test_a_band_that_nobody_sees_fails():
    all_of = {
        name: (purpose, consumer, 10.0, 1.0)
        for name, purpose, consumer in (
            ("robots", "serving", "robot"), ("people", "serving", "human"), ("agents", "serving", "ai_agent"),
            ("forward", "rl_rollout", "lab"), ("experiments", "experiment", "lab"),
            ("final", "final_run", "lab"),
        )
    }  # fmt: skip
    assert verdict("E08", compute=hours(2025, 2026, **all_of)) == "pass"
    little = hours(2025, 2026, **(all_of | {"robots": ("serving", "robot", 0.1, 1.0)}))
    found = economy.channels(little)
    assert not found.within
    assert found.values["machines"] == pytest.approx(0.1 / 50.1)
    once = little.with_columns(
        pl.when((pl.col("consumer") == "robot") & (pl.col("month").dt.year() == 2026)).then(5.0).otherwise("accelerator_hours").alias("accelerator_hours")
    )  # fmt: skip
    assert economy.channels(once).within, "some year is enough"


def test_accounts_are_those_of_all_labs_and_of_the_leading_independent_one():
    def labs(scale: float, serving: float) -> pl.DataFrame:
        small = lab("b", revenue=1.0, serving=9.0, research=scale / 12.0)
        house = lab("c", "integrated", revenue=9.0, serving=9.0, research=scale / 12.0)
        lead = lab("a", revenue=5.0, serving=serving * scale / 12.0, research=scale / 12.0)
        return table(2024, 2025, lead, small, house)

    found = economy.accounts(labs(9e9, 0.6))
    assert found.within
    assert found.values["research_usd_2024"] == pytest.approx(27e9)
    assert found.values["serving_share_2025"] == pytest.approx(0.6 / 1.6)
    assert not economy.accounts(labs(3e9, 0.6)).within
    assert not economy.accounts(labs(9e9, 0.3)).within


@pytest.mark.parametrize(("small", "within"), [(3.0, True), (0.4, False), (9.0, False)])
def test_small_nets_are_held_against_the_best_frontier_net(small, within):
    rows = [
        {"tier": t, "horizon_minutes": h}
        for t, h in (("frontier", 10.0), ("frontier", 5.0), ("small", small), ("small", 0.1))
    ]
    found = economy.small_nets(table(2025, 2025, *rows))
    assert found.within is within
    assert found.values["ratio"] == pytest.approx(small / 10.0)


def test_thinking_that_ends_fails():
    def monthly(late: float) -> pl.DataFrame:
        return table(
            2026, 2030, {"tokens_thinking": lambda m: 5.0 if m.year < 2030 else late, "tokens_generated": 10.0}
        )

    assert verdict("E12", monthly=monthly(2.0)) == "pass"
    assert verdict("E12", monthly=monthly(0.1)) == "fail"


def test_a_fall_of_more_than_half_passes_only_where_the_answer_says_so():
    def monthly(path: dict[int, float]) -> pl.DataFrame:
        return table(2022, 2035, {"capex_usd": lambda m: path.get(m.year, 10.0) / 12.0})

    found = economy.investment(monthly({2031: 40.0, 2035: 8.0}))
    assert found.values == {
        "fall": pytest.approx(0.8), "peak_year": 2031, "end_year": 2035, "runs_by_more_than_half": 1,
    }  # fmt: skip
    assert found.text.endswith("; the answer says so")
    assert found.within
    assert verdict("E16", monthly=monthly({})) == "pass"
    assert economy.investment(monthly({2031: 16.0})).text.endswith(" runs)")
    silent = economy.investment(monthly({2031: 40.0, 2032: 8.0} | dict.fromkeys(range(2033, 2036), 40.0)))
    assert silent.text.endswith("; the answer does not say so")
    assert verdict("E16", monthly=monthly({2031: 40.0, 2032: 8.0} | dict.fromkeys(range(2033, 2036), 40.0))) == "fail"


def test_medians_are_over_runs():
    one, other, third = (
        table(2025, 2025, {"tier": "frontier", "horizon_minutes": 10.0}, {"tier": "small", "horizon_minutes": s}).with_columns(seed=pl.lit(k))
        for k, s in ((1, 2.0), (2, 3.0), (3, 9.0))
    )  # fmt: skip
    assert economy.small_nets(pl.concat([one, other, third])).values["ratio"] == pytest.approx(0.3)


# Rows of paired runs and of data ----------------------------------------------------------------------------------------


def test_the_best_deviation_decides():
    def rows(gross: float) -> pl.DataFrame:
        cases = [(s, r, "2025-01", "", f) for s in (1, 2) for r in (1, 2) for f in (0.7, 1.3)]
        made = [(*c, 100.0, 99.0, *((gross, 89.0) if c[1::3] == (2, 0.7) else (80.0, 81.0))) for c in cases]
        names = ["seed", "rank", "first", "use", "factor", "base_gross_usd", "base_rd_usd", "gross_usd", "rd_usd"]
        return pl.DataFrame(made, names, orient="row")

    found = paired.alone(rows(99.0))
    assert found.within
    assert found.values == {"largest_gain": pytest.approx(0.09), "share_beyond": 0.0, "deviations": 4}
    worse = paired.alone(rows(120.0))
    assert not worse.within
    assert "budget x 0.7" in worse.text
    assert worse.values["share_beyond"] == 0.25
    assert unmeasured("E02", deviations=rows(1.0).clear())


def test_present_values_are_discounted_from_the_first_month():
    labs = table(2025, 2026, {"lab": "a", "revenue_usd": 3.0, "serving_usd": 1.0, "rd_usd": 1.0})
    found = paired.present_values(labs, "2025-12", 0.21)
    assert found["rd_usd"].item() == pytest.approx(sum(1.21 ** (-k / 12.0) for k in range(13)))
    assert found["gross_usd"].item() == pytest.approx(2.0 * found["rd_usd"].item())


@pytest.mark.parametrize(("profit", "within"), [(0.5, True), (0.1, False), (3.5, False)])
def test_the_industrys_return_is_a_ratio_of_means(profit, within):
    stimulus = pl.DataFrame({"seed": [1, 2], "profit_usd": [10.0 * profit, 30.0 * profit], "spent_usd": [10.0, 30.0]})
    found = paired.industry(stimulus)
    assert found.within is within
    assert found.values["ratio"] == pytest.approx(profit)
    assert found.values["standard_error"] == pytest.approx(0.0, abs=1e-12)


def test_a_parameter_that_moves_nothing_is_dead():
    rows = [("p", "x", s, d) for s, d in enumerate((1.0, 1.1, 0.9))]
    rows += [("q", "x", s, d) for s, d in enumerate((1.0, -1.1, 0.2))] + [("q", "y", s, 1e-6) for s in range(3)]
    moved = pl.DataFrame(rows, ["parameter", "series", "seed", "difference"], orient="row")
    found = paired.parameters(moved)
    assert not found.within
    assert found.values == {"p": 1.0, "q": 0.0}
    assert paired.parameters(moved.filter(pl.col("parameter") == "p")).within


def test_the_effect_of_demand_is_told_with_its_channel():
    def tripled(effects: tuple[float, ...]) -> pl.DataFrame:
        made = []
        for seed, d in enumerate(effects):
            for changed in (False, True):
                rows = table(
                    2030, 2030,
                    {
                        "changed": changed, "inference_share_accelerator_hours": 0.4 + d * changed,
                        "growth_factor": 1.0 + changed, "gross_margin": 0.5, "gross_profit_elasticity": 0.4,
                    },
                )  # fmt: skip
                made.append(rows.with_columns(seed=pl.lit(seed)))
        return pl.concat(made)

    found = paired.demand(tripled((-0.05, -0.06, -0.04)))
    assert found.within is True
    assert found.values["effect"] == pytest.approx(-0.05)
    assert found.values["growth"] == pytest.approx(0.5 / (0.5 + 0.4) - 0.5 / (0.5 + 0.2))
    assert "channel: growth" in found.text
    assert verdict("E15", tripled=tripled((0.05, -0.06, 0.04))) == "fail"


def seen(factor: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return points of the shipped table, and three runs of which the middle one is by a factor off each of them."""
    points = scored.mapped(scored.read()).unique(["operator", "index"])
    paths = np.full((3, 60, len(operators.OPERATORS)), np.nan)
    for row in points.iter_rows(named=True):
        shift = np.array([-9.0, np.log(factor), 9.0])
        y = np.clip(row["y"] + shift, -5.0, None) if row["scale"] == "logit" else row["y"] + shift
        paths[:, row["index"], list(operators.OPERATORS).index(row["operator"])] = scored.untransform(y, row["scale"])
    runs = [
        pl.DataFrame(p, list(operators.OPERATORS)).select(
            pl.lit(s).alias("seed"), pl.Series("month", months(2022, 2026)), pl.all()
        )
        for s, p in enumerate(paths)
    ]
    return pl.concat(runs), points


@pytest.mark.parametrize(("factor", "verdicts"), [(1.1, ["pass"] * 2), (1.45, ["pass", "fail"]), (1.7, ["fail"] * 2)])
def test_errors_are_those_of_the_median_run(factor, verdicts):
    rows, points = seen(factor)
    found = [CHECKS[name].row({"seen": rows, "points": points}) for name in ("E13", "E14")]
    assert [row.verdict for row in found] == verdicts
    assert [row.values["error"] for row in found] == pytest.approx([np.log10(factor)] * 2)
    tokens = points.filter((pl.col("block") == "tokens") & (pl.col("date") >= "2024-04"))
    assert found[0].values["points"] == tokens.height
    with pytest.raises(NotMeasured, match="end before"):
        data.points(rows.filter(pl.col("month") < dt.date(2024, 1, 1)), points)


# The hook: one lab deviates -------------------------------------------------------------------------------------------------


def decided(deviation: Deviation | None, length: int = 8) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return budgets, their split and money spent on compute by month and lab."""
    steps = None if deviation is None else deviating(STEPS, deviation)
    with InferenceEconomy("baseline", humans=40, months=length, seed=1, steps=steps) as e:
        found = []
        while e.month < e.months:
            spent = (e.labs.rd_usd.copy(), np.array(e.state.labs.research_split))
            e.step()
            found.append((*spent, e.last.flows.research_usd.sum(axis=1)))
        return found


@pytest.mark.parametrize(("use", "factor"), [("", 0.7), ("experiment", 1.5)])
def test_a_deviation_changes_only_the_chosen_labs_decision(use, factor):
    base, other = decided(None), decided(Deviation(("lab_b",), "2022-04", "2022-06", factor, use))
    for (budget, split, _), (budget_, split_, _) in zip(base[:3], other[:3], strict=True):
        assert (budget == budget_).all()
        assert (split == split_).all()
    # the first month that differs: nothing else has changed yet
    (budget, split, paid), (budget_, split_, paid_) = base[3], other[3]
    rest = np.arange(budget.size) != 1
    assert (budget[rest] == budget_[rest]).all()
    assert (split[rest] == split_[rest]).all()
    k = LAB_CLASSES.index("experiment")
    if use:
        assert budget_[1] == budget[1]
        assert split_[1].sum() == pytest.approx(1.0)
        odds = (split_[1, k] / (1.0 - split_[1, k])) / (split[1, k] / (1.0 - split[1, k]))
        assert odds == pytest.approx(factor)
    else:
        assert (split == split_).all()
        assert budget_[1] == pytest.approx(factor * budget[1])
        assert paid_[1] < 0.8 * paid[1]
    # the factor does not compound, and ends
    for month in (4, 5, 6, 7):
        x, y = other[month][0][1], base[month][0][1]
        odds = [found[month][1][1, k] / (1.0 - found[month][1][1, k]) for found in (other, base)]
        moved = odds[0] / odds[1] if use else x / y
        # what a lab decides follows a little from what it did: more experiments were more progress, worth more of them
        assert moved == pytest.approx(factor if month < 6 else 1.0, rel=0.1 if use else 0.05)


def test_seeds_that_are_given_are_those_of_all_paired_rows():
    told = [study.Runs(SimpleNamespace(scenario=Scenario.load("baseline")), given).seeds(8) for given in (None, 3)]
    assert told == [range(1, 9), range(1, 4)]
    with pytest.raises(InputError, match="seeds = 1: outside"):
        study.Runs(SimpleNamespace(scenario=Scenario.load("baseline")), 1)


# The command ----------------------------------------------------------------------------------------------------------------


def test_a_short_check_prints_rows_that_come_out_another_way_too(tmp_path, capsys):
    line = ["check", "--quick", "--draws", "2", "--humans", "40", "--months", "48", "--workers", "1", "--json"]
    assert cli.main([*line, "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["id"]: row for row in found["rows"]}
    assert sorted(rows) == QUICK
    assert all(row["verdict"] in ("pass", "fail") for row in rows.values())
    assert rows["E12"]["verdict"] == "fail"
    assert rows["E12"]["obtained"].startswith("not measured: ")
    assert "2026" in rows["E12"]["obtained"]
    written = pl.read_csv(tmp_path / "out" / "check.csv")
    assert written.select("id", "verdict").rows() == [(i, rows[i]["verdict"]) for i in QUICK]

    ratios, money = [], []
    plan = planned("baseline", humans=40, months=48, posterior=2)
    for member, seed in zip(plan.members, plan.seeds, strict=True):
        with InferenceEconomy(plan.scenario.with_overrides(member), seed=seed) as e:
            usd, hours_ = np.zeros(2), np.zeros(2)
            for row in e.run().tables()["compute"].iter_rows(named=True):
                if row["purpose"] == "serving" or row["purpose"] in RESEARCH:
                    k = int(row["purpose"] in RESEARCH)
                    usd[k] += row["usd"]
                    hours_[k] += row["accelerator_hours"]
            ratios.append((usd[1] / hours_[1]) / (usd[0] / hours_[0]))
            money.append(e.history["lab_rd_compute_usd"].to_numpy()[24:36].sum())
    assert rows["E01"]["values"]["research_over_serving"] == pytest.approx(np.median(ratios))
    assert rows["E10"]["values"]["research_usd_2024"] == pytest.approx(np.median(money))

    assert cli.main([*line[:-1], "--out", str(tmp_path / "out")]) == 0  # goes on there: nothing is left to run
    assert "not the code" in capsys.readouterr().out


def test_runs_of_one_lab_are_paired(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "CHANGES", [("", 0.7), ("final_run", 1.0)])
    monkeypatch.setattr(study, "FIRST", ("2023-01",))
    monkeypatch.setattr(study, "LAST", "2023-06")
    monkeypatch.setattr(study, "LARGEST", 1)
    monkeypatch.setattr(study, "ALONE_SEEDS", 2)
    scenario = Scenario.load("baseline").with_run(humans=40, months=20)
    with study.Evaluator(tmp_path, scenario, 1) as evaluator:
        rows = study.Runs(evaluator).deviations()
    assert rows.select("seed", "rank", "first", "use", "factor").rows() == [
        (s, 1, "2023-01", use, f) for s in (1, 2) for use, f in (("", 0.7), ("final_run", 1.0))
    ]
    same, less = (rows.filter(pl.col("factor") == f) for f in (1.0, 0.7))
    assert same["gross_usd"].to_list() == pytest.approx(same["base_gross_usd"].to_list(), rel=1e-9)
    assert (less["rd_usd"] < 0.95 * less["base_rd_usd"]).all()


def test_runs_of_all_labs_are_paired(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "MORE_YEAR", 2022)
    monkeypatch.setattr(study, "END_YEAR", 2022)
    monkeypatch.setattr(study, "STIMULUS_SEEDS", 2)
    scenario = Scenario.load("baseline").with_run(humans=40, months=12)
    with study.Evaluator(tmp_path, scenario, 1) as evaluator:
        rows = study.Runs(evaluator).stimulus()
    assert rows["seed"].to_list() == [1, 2]
    with InferenceEconomy(scenario, seed=1) as e:
        spent = e.run().history["lab_rd_usd"].to_numpy()[1:]
    assert rows["spent_usd"][0] == pytest.approx(0.15 * spent.sum(), rel=0.2)


def test_what_agents_do_is_worth_three_times_as_much():
    base = Scenario.load("baseline")
    before, after = (s.values()["human"] for s in (base, base.with_overrides(study.three_times(base))))
    worth = [h["task_value_multiple"] * h["wage_mean_usd_per_h"] for h in (before, after)]
    assert worth[1] == pytest.approx(3.0 * worth[0])
    assert after["job_value_usd_per_month"] == pytest.approx(3.0 * before["job_value_usd_per_month"])


def test_every_declared_cap_on_growth_is_watched():
    rates = [d for d in declarations() if d.unit == "1/month" and "growth" in d.name]
    caps = {f"{d.section}.{d.name}" for d in rates if d.doc.startswith(("fastest", "highest"))}
    assert caps == set(watch.LEVELS | watch.RATES)


def alone_in_the_baseline(tmp_path, monkeypatch, changes, largest):
    monkeypatch.setattr(study, "CHANGES", changes)
    monkeypatch.setattr(study, "FIRST", ("2025-01",))
    monkeypatch.setattr(study, "LARGEST", largest)
    scenario = Scenario.load("baseline").with_run(humans=300)
    with study.Evaluator(tmp_path, scenario, 1) as evaluator:
        return paired.alone(study.Runs(evaluator, 2).deviations())


def test_the_leading_lab_gains_nothing_by_deviating_alone(tmp_path, monkeypatch):
    """The short form of E02; the whole is `economy check`."""
    found = alone_in_the_baseline(tmp_path, monkeypatch, [("experiment", 0.5), ("", 0.7), ("", 1.3)], 1)
    assert found.values["deviations"] == 3
    assert found.within, found.text


def test_a_use_that_a_constant_decides_is_one_that_a_lab_would_leave(tmp_path, monkeypatch):
    """Nineteen twentieths of research planted as experiments: a lab that alone cuts them to what other uses get gains."""
    own = decisions.best_response

    def planted(*args):
        uses = own(*args)
        total = uses.sum(axis=1)
        uses *= 0.05
        uses[:, LAB_CLASSES.index("experiment")] += 0.95 * total
        return uses

    monkeypatch.setattr(decisions, "best_response", planted)
    found = alone_in_the_baseline(tmp_path, monkeypatch, [("experiment", 0.05)], 1)
    assert not found.within, found.text


def drawn_from_the_baseline(tmp_path):
    scenario = Scenario.load("baseline").with_run(humans=300)
    with study.Evaluator(tmp_path, scenario, 1) as evaluator:
        return study.Runs(evaluator).drawn([{}, {}], [1, 2]) | {"declared": declarations(scenario.parameters)}


def test_machines_earn_what_they_cost_and_an_hour_has_one_price(tmp_path):
    """The short form of E06 and E01, at the baseline's own values."""
    tables = drawn_from_the_baseline(tmp_path)
    row = CHECKS["E06"].row(tables)
    assert row.verdict == "pass", row.obtained
    assert 0.8 < CHECKS["E01"].row(tables).values["research_over_serving"] < 1.3


def test_half_a_price_for_research_is_seen(tmp_path, monkeypatch):
    own = compute.class_prices

    def planted(*args):
        prices = own(*args)
        prices[LAB_USES] *= 0.5
        return prices

    monkeypatch.setattr(compute, "class_prices", planted)
    assert CHECKS["E01"].row(drawn_from_the_baseline(tmp_path)).values["research_over_serving"] < 0.7

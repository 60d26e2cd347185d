"""Paired comparisons: zero against oneself, formulas by hand, the month where runs part."""

from __future__ import annotations

import json
import math
import statistics as plain

import numpy as np
import polars as pl
import pytest

from experiments import cli, compare
from experiments.runs.pool import DONE, Outcome, pack
from experiments.runs.recorded import MAIN_SERIES, months_of
from experiments.runs.workers import RunStopped
from experiments.studies import comparison
from experiments.studies.comparison import COLUMNS, divergence, paired, statistics
from model.core.errors import InputError
from model.core.units import month_date
from model.results.record import NAMES
from model.scenario import Intervention, Scenario

SMALL = {"humans": 40, "months": 26, "workers": 1}


def test_a_scenario_does_not_differ_from_itself():
    found = paired("baseline", Scenario.load("baseline"), seeds=2, **SMALL)
    assert found.rows.columns == list(COLUMNS)
    assert found.rows["series"].unique(maintain_order=True).to_list() == list(MAIN_SERIES)
    assert found.rows["month"].unique().sort().to_list() == [month_date(11, "2022-01"), month_date(23, "2022-01")]
    defined = found.rows.drop_nulls("difference")
    assert defined.height > 40
    assert (defined["difference"] == 0.0).all()
    assert (defined["standard_error"] == 0.0).all()
    assert (defined["standard_error_independent"] > 0.0).any()
    assert defined["correlation"].drop_nulls().is_between(1.0 - 1e-12, 1.0 + 1e-12).all()
    assert found.diverged is None
    assert found.crossovers[0] == found.crossovers[1]


def test_formulas_by_hand():
    a, b = [1.0, 4.0, 2.0, 9.0, 3.0], [2.5, 4.5, 1.0, 12.0, 4.0]
    d = [y - x for x, y in zip(a, b, strict=True)]
    difference, error, independent, correlation = statistics(np.array(a), np.array(b))
    assert difference == pytest.approx(1.0)
    assert error == pytest.approx(plain.stdev(d) / math.sqrt(5))
    assert independent == pytest.approx(math.sqrt((plain.variance(a) + plain.variance(b)) / 5))
    assert correlation == pytest.approx(plain.correlation(a, b))
    # the paired error is what correlation leaves of the independent one
    covariance = plain.covariance(a, b)
    assert error**2 == pytest.approx(independent**2 - 2.0 * covariance / 5)


def test_undefined_values_and_few_pairs():
    nan = math.nan
    assert statistics(np.array([1.0, nan, 3.0]), np.array([2.0, 5.0, 4.0])) == (
        1.0,
        0.0,
        pytest.approx(math.sqrt(2.0)),
        pytest.approx(1.0),
    )
    assert statistics(np.array([1.0]), np.array([3.0])) == (2.0, None, None, None)
    assert statistics(np.array([nan]), np.array([3.0])) == (None, None, None, None)
    assert statistics(np.array([1.0, 1.0]), np.array([1.0, 2.0])) == (0.5, 0.5, 0.5, None)


def fake(values):
    """Return a `simulate` by which series k of month i is values[scenario][seed] + i + k."""

    def simulate(task):
        base = values[task.id.split()[0]][task.seed]
        n = task.scenario.months
        frame = pl.DataFrame(
            {"month": [month_date(i, "2022-01") for i in range(n)]}
            | {name: [base + i + k for i in range(n)] for k, name in enumerate(NAMES)}
        )
        return Outcome(task.id, DONE, 0.0, "", json.dumps({"usd": "2023-12" if base > 2.0 else None}), pack(frame))

    return simulate


def test_compare_pairs_by_seed(monkeypatch):
    a, b = {5: 1.0, 6: 2.0, 7: 4.0}, {5: 3.0, 6: 3.0, 7: 8.0}
    monkeypatch.setattr(comparison, "simulate", fake({"0": a, "1": b}))
    found = paired("baseline", "baseline", seeds=3, first_seed=5, series=["tokens"], months_at="all", **SMALL)
    assert found.rows.height == 26
    for row in found.rows.iter_rows(named=True):
        assert row["difference"] == pytest.approx((2.0 + 1.0 + 4.0) / 3)
        assert row["standard_error"] == pytest.approx(plain.stdev([2.0, 1.0, 4.0]) / math.sqrt(3))
        assert row["correlation"] == pytest.approx(plain.correlation(list(a.values()), list(b.values())))
    assert found.diverged == ("2022-01", tuple(NAMES))
    assert found.crossovers[0]["usd"] == {"median": None, "low": "2023-12", "high": None, "share_crossed": 1 / 3}
    assert found.crossovers[1]["usd"]["median"] == "2023-12"


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_runs_part_when_an_intervention_sets_in(workers):
    change = Intervention("2022-07", "physical.life_months", 0.5, "multiply")
    base = Scenario.load("baseline")
    other = Scenario(**{**vars(base), "name": "other", "interventions": (change,)})
    found = paired(base, other, seeds=2, humans=40, months=14, months_at="all", workers=workers)
    month, names = found.diverged
    assert month == "2022-07"
    assert "installed_h100e" in names
    early = found.rows.filter(pl.col("month").dt.strftime("%Y-%m") < "2022-07").drop_nulls("difference")
    assert early.height
    assert (early["difference"] == 0.0).all()
    here = compare(base, other, seeds=2, humans=40, months=14, months_at="all", workers=1)
    assert here.equals(found.rows)


def test_divergence_ignores_what_is_undefined_in_both():
    a = np.zeros((2, 3, len(NAMES)))
    a[:, :, 0] = np.nan
    b = a.copy()
    assert divergence(a, b, "2022-01") is None
    b[1, 2, 4] = 1e-300
    assert divergence(a, b, "2022-01") == ("2022-03", (NAMES[4],))


def test_months():
    scenario = Scenario.load("baseline").with_run(months=8)
    assert months_of(scenario, None) == ("2022-08",)
    assert months_of(scenario, "all") is None
    with pytest.raises(InputError, match="outside"):
        months_of(scenario, ["2022-09"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"b": "reasoning-bom"}, "nearest: 'reasoning-boom'"),
        ({"series": ["tokns"]}, "nearest: 'tokens'"),
        ({"series": "tokens"}, "list"),
        ({"months_at": ["2050-12"]}, "outside"),
        ({"seeds": 0}, "seeds"),
        ({"workers": 0}, "workers"),
        ({"overrides_b": {"human.imitation_per_yaer": 1.0}}, "imitation_per_year"),
        ({"b": Scenario().with_run(start="2023-01")}, "start"),
    ],
)
def test_bad_input(arguments, words, monkeypatch):
    monkeypatch.setattr(comparison, "simulate", lambda task: pytest.fail("simulated"))
    with pytest.raises(InputError, match=words):
        paired("baseline", **{"b": "no-agents", "workers": 1} | arguments)


def test_a_run_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(comparison, "simulate", lambda task: Outcome(task.id, "error", 0.0, "ValueError: no luck"))
    with pytest.raises(RunStopped, match="'baseline', seed 4: ValueError: no luck"):
        compare("baseline", "no-agents", first_seed=4, workers=1)


def test_command(capsys, tmp_path):
    small = ["--humans", "40", "--months", "26", "--seeds", "2", "--workers", "1"]
    file = tmp_path / "x.csv"
    assert cli.main(["compare", "baseline", "reasoning-boom", *small, "--json", "--out", str(file)]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 2 * len(MAIN_SERIES)
    assert all(tuple(row) == COLUMNS for row in rows)
    assert {row["month"] for row in rows} == {"2022-12", "2023-12"}
    assert pl.read_csv(file).columns == list(COLUMNS)
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]
    assert cli.main(["compare", "baseline", "training-race", *small]) == 0
    printed = capsys.readouterr().out
    for word in (
        "A = baseline, B = training-race",
        "2 pairs",
        "indep./paired",
        "Crossover",
        "all_ai",
        "First difference",
        "Pairing: for the headline share in 2023-12",
    ):
        assert word in printed
    for bad in (["baseline"], ["baseline", "no-agents", "--out", str(tmp_path / "no" / "x.csv")]):
        assert cli.main(["compare", *bad]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1

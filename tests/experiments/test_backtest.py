"""Scores against closed forms, what is predicted, and the command that prints it."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest

from experiments.calibration import backtest, scored
from experiments.calibration import scores as scoring
from experiments.calibration.fit import PRESETS, Preset
from experiments.cli import main
from experiments.report import fits
from model.core.errors import InputError

MINIATURE = Preset(members=5, updates=1, seeds=1, humans=40)
CUTOFF = "2023-12"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    file = tmp_path_factory.mktemp("given") / "later.csv"
    file.write_text(
        "series,date,value,split\n"
        "chatgpt_wau,2024-08,2e8,forecast\nmetr_horizon_p50,2024-05,6.99,x\nmetr_horizon_p50,2024-10,20.5,\n"
        "tokens_google_month,2024-04,9.7e12,x\nprices_of_tea,2024-04,3,x\nchatgpt_wau,2022-12,1e6,x\n"
    )
    folder = tmp_path_factory.mktemp("backtest")
    done = backtest.backtest(folder / "runs", CUTOFF, file, MINIATURE, workers=1)
    return done, folder, file


# Scores --------------------------------------------------------------------------------------------


def test_crps_of_a_sample_is_its_definition():
    rng = np.random.default_rng(1)
    x, w, y = rng.standard_normal(30), rng.random(30), 0.4
    w /= w.sum()
    exact = (w * abs(x - y)).sum() - 0.5 * (np.outer(w, w) * abs(x[:, None] - x)).sum()
    assert scoring.crps(x, w, y) == pytest.approx(exact)


def test_crps_of_a_normal_agrees_with_a_large_sample():
    x = 0.3 + 0.8 * np.random.default_rng(2).standard_normal(100_000)
    sample = scoring.crps(x, np.full(x.size, 1.0 / x.size), 1.5)
    assert scoring.crps_normal(0.3, 0.8, 1.5) == pytest.approx(sample, rel=0.01)


def test_benchmarks_of_an_exact_trend():
    t, y = np.array([0.0, 6.0, 12.0]), np.array([0.0, 0.6, 1.2])
    assert scoring.benchmark("last_value", t, y, 0.1, 24.0)[0] == pytest.approx(1.2)
    assert scoring.benchmark("log_linear_trend", t, y, 0.1, 24.0)[0] == pytest.approx(2.4)
    assert scoring.benchmark("damped_trend", t, y, 0.1, 24.0)[0] == pytest.approx(
        1.2 + 0.1 * sum(0.95**k for k in range(1, 13))
    )
    sds = [scoring.benchmark("last_value", t, y, 0.1, at)[1] for at in (13.0, 24.0)]
    assert sds[1] > sds[0] > 0.1
    assert scoring.benchmark("last_value", t, y, 0.1, 13.0)[1] == pytest.approx(math.sqrt(0.01 + 0.06))
    flat = scoring.benchmark("log_linear_trend", t[:2], y[:2], 0.1, 12.0)
    assert flat[1] == pytest.approx(0.1 * math.sqrt(1.0 + 0.5 + 81.0 / 18.0))


def test_blocks_series_and_points_weigh_alike():
    w = scoring.equal_blocks(["a", "a", "a", "b"], ["x", "x", "y", "z"])
    assert w.tolist() == [0.125, 0.125, 0.25, 0.5]
    assert scoring.weighted_median(np.array([1.0, 2.0, 3.0, 9.0]), w) == pytest.approx(6.0)


def test_the_bootstrap_keeps_series_together_and_pairs_columns():
    x = np.array([1.0, 1.0, 4.0])
    drawn = scoring.bootstrap(["a", "a", "b"], np.full(3, 1 / 3), {"x": x, "y": 2.0 * x})
    assert drawn["y"] == pytest.approx(2.0 * drawn["x"])
    assert set(np.round(drawn["x"], 9)) == {1.0, 2.0, 4.0}  # a twice, both, b twice


def points(**columns):
    base = {
        "series": ["a", "a", "b"],
        "block": ["u", "u", "v"],
        "use": ["skill", "skill", "reach"],
        "error_log10": [0.1, 0.4, 2.0],
        "inside": [True, False, True],
        "inside_stated": [True, False, False],
        "crps": [1.0, 3.0, 9.0],
        "crps_last_value": [4.0, 4.0, None],
        "crps_log_linear_trend": [2.0, 2.0, None],
        "crps_damped_trend": [8.0, 8.0, None],
    }
    return pl.DataFrame(base | columns)


def test_skill_is_of_series_with_earlier_points_and_coverage_of_all():
    s = backtest.scores(points(), 3)
    assert (s["n_points"], s["n_series"], s["n_unmapped"], s["n_points_skill"]) == (3, 2, 3, 2)
    assert s["median_abs_log10_error"] == pytest.approx(0.25)
    assert s["within_factor_2"] == 0.5
    assert s["coverage_80"] == pytest.approx(0.75)
    assert s["points_equal"]["coverage_80"] == pytest.approx(2 / 3)
    assert s["best_benchmark"] == "log_linear_trend"
    assert s["crps_skill"] == pytest.approx(0.0)
    assert s["crps_skill_against"]["last_value"]["skill"] == pytest.approx(0.5)


def test_without_earlier_points_there_is_no_skill():
    s = backtest.scores(points(use=["reach"] * 3), 0)
    assert s["median_abs_log10_error"] is None
    assert s["crps_skill"] is None
    assert s["coverage_80"] == pytest.approx(0.75)


# Prediction ----------------------------------------------------------------------------------------


def test_what_comes_before_and_after():
    before, later, missing = backtest.targets("2024-12")
    assert before["index"].max() == 35
    assert later["index"].min() == 36
    assert later["date"].max() <= scored.LAST
    assert "chip_bf16_dense" in missing
    assert not set(missing) & set(scored.series_table()["series"])


def test_a_file_is_held_against_the_shipped_past(found):
    done, _, _ = found
    table = {row["series"]: row for row in done.to_json()["series"]}
    assert set(table) == {"chatgpt_wau", "metr_horizon_p50", "tokens_google_month"}
    assert table["metr_horizon_p50"]["use"] == "skill"
    assert table["chatgpt_wau"]["use"] == "reach"  # one point before: 2023-11
    assert table["metr_horizon_p50"]["n_points"] == 2
    assert done.unmapped == ["prices_of_tea"]
    assert done.fit.paths.shape[1] == 34  # to 2024-10


def test_scores_are_those_of_the_contract(found):
    result = found[0].to_json()
    names = [
        "n_points",
        "n_series",
        "n_unmapped",
        "median_abs_log10_error",
        "within_factor_2",
        "coverage_80",
        "crps_skill",
    ]
    assert set(names) <= set(result["scores"])
    assert result["scores"]["n_points"] == 4
    assert result["scores"]["n_unmapped"] == 1
    json.dumps(fits.finite(result), allow_nan=False)


def test_intervals_hold_the_band_of_the_series(found):
    rows = found[0].points
    assert (rows["low"] < rows["median"]).all()
    assert (rows["median"] < rows["high"]).all()
    assert (np.log(rows["high"] / rows["low"]) > 2.0 * 1.28 * 0.2).all()
    assert min(found[0].widening.values()) >= 1.0


def test_the_fit_of_a_backtest_is_the_fit_alone(found):
    from experiments.calibration.fit import calibrate

    done, folder, _ = found
    alone = calibrate(folder / "runs", CUTOFF, MINIATURE, workers=1)
    assert np.array_equal(alone.z, done.fit.z)
    assert alone.y == pytest.approx(done.fit.y, nan_ok=True)  # running on changes nothing of the months before


def test_files_of_a_backtest(found):
    done, folder, _ = found
    assert set(fits.write_backtest(done, folder)) == set(fits.BACKTEST)
    assert json.loads((folder / fits.SCORES).read_text())["cutoff"] == CUTOFF
    assert "Median error" in fits.sentence(done.to_json(), "2024-10")


def test_nothing_to_score_is_one_clear_line(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("series,date,value\nmystery,2025-07,3\n")
    with pytest.raises(InputError, match="no point after 2024-12 of a series"):
        backtest.targets("2024-12", file)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cutoff", "2024"], "--cutoff '2024': must be a month YYYY-MM"),
        (["--cutoff", "2026-05"], "outside [2022-12, 2025-11]"),
        (["--observations", "none.csv"], "No such file"),
        (["--preset", "slow"], "unknown preset 'slow'"),
    ],
)
def test_bad_input_is_one_line(capsys, arguments, says):
    assert main(["backtest", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_the_command_prints_json(tmp_path, capsys, monkeypatch, found):
    monkeypatch.setitem(PRESETS, "quick", MINIATURE)
    _, folder, file = found
    arguments = ["--cutoff", CUTOFF, "--observations", str(file), "--workers", "1", "--out", str(folder), "--json"]
    assert main(["backtest", *arguments]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["scores"]["n_series"] == 3
    assert {"series", "scores", "unmapped"} <= set(out)


@pytest.mark.long
def test_rolling_backtests_are_scored(tmp_path):
    """Four cutoffs; what is reached is reported, not required."""
    for cutoff in backtest.ROLLING:
        done = backtest.backtest(tmp_path / cutoff, cutoff, None, "quick", workers=2)
        s = done.to_json()["scores"]
        assert 0.0 <= s["coverage_80"] <= 1.0
        assert done.fit.points["index"].max() < done.points["index"].min()


def test_ctrl_c_is_one_line_that_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    def stopped(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(backtest, "backtest", stopped)
    assert main(["backtest", "--out", str(tmp_path / "x")]) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_the_report_shows_the_stored_scores_series_by_series():
    from experiments.report import evidence

    table = evidence.held()
    result = json.loads(backtest.STORED.read_text())
    assert {row[0] for row in table.rows} == {s["series"] for s in result["series"]}
    assert "Median error" in table.title
    assert {row[2] for row in table.rows} == {"skill", "reach"}

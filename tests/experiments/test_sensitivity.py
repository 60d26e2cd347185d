"""Sensitivity: effects as in the literature and in SALib, failed runs and runs that never cross, boxes, pictures, the command."""

from __future__ import annotations

import datetime as dt
import functools
import json

import numpy as np
import polars as pl
import pytest

from experiments import cli
from experiments.figures import sensitivity as figures_sensitivity
from experiments.figures.style import png
from experiments.report import findings
from experiments.runs.engine import Progress
from experiments.runs.pool import DONE, Outcome, pack
from experiments.runs.workers import RunInterrupted
from experiments.studies import sensitivity
from experiments.studies.sensitivity import (
    MAIN,
    Preset,
    elementary_effects,
    outcomes,
    sobol_effects,
    strongest,
    study,
    thirds,
)
from experiments.sweeps import design, discovery
from experiments.sweeps import sweep as sweeps
from model.core.errors import InputError
from model.scenario import Scenario

PRESET = Preset(4, 4, 3, 32, 12)
SMALLER = Preset(4, 4, 2, 8, 6)
BASE = Scenario.load("baseline")
SHARE = "inference_share_accelerator_hours"


def value(name, overrides):
    """Return where in its range, 0 to 1, a parameter is."""
    d = design.declaration(name, [BASE])
    return (overrides[name] - d.low) / (d.high - d.low)


def made_up(task):
    """Crosses when the first candidate is in its lower half, later the higher it is; errs in one corner of the second."""
    first, second, third = (value(name, task.overrides) if name in task.overrides else 0.5 for name in names()[:3])
    if second > 0.98:
        raise ValueError("in the corner")
    months = [dt.date.fromisoformat(f"{m}-01") for m in task.months]
    share = 0.2 + 0.6 * (1.0 - first) + 0.05 * second + 0.02 * third
    frame = pl.DataFrame({"month": months, SHARE: [share] * len(months)})
    crossed = f"{2024 + int(20 * first)}-07" if first < 0.5 else None
    return Outcome(task.id, DONE, 0.01, "", json.dumps({"accelerator_hours": crossed, "usd": "2026-01"}), pack(frame))


@functools.cache
def names():
    return sensitivity._candidates(PRESET)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return a study of the made-up economy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeps, "WORK", made_up)
        patch.setitem(sensitivity.PRESETS, "quick", PRESET)
        return study(tmp_path_factory.mktemp("study") / "x", workers=1)


# --- Effects -----------------------------------------------------------------------------------------------------------


def test_elementary_effects_are_those_of_salib():
    from SALib.analyze import morris

    d, r = 4, 8
    unit = design.sample("morris", d, r, 1)
    y = unit[:, 0] + 3.0 * unit[:, 1] * unit[:, 2]
    problem = {"num_vars": d, "names": list("abcd"), "bounds": [[0.0, 1.0]] * d}
    want = morris.analyze(problem, unit, y, num_levels=4)
    got = elementary_effects(unit, y)
    for k, row in enumerate(got):
        assert (row["mu"], row["mu_star"]) == pytest.approx((want["mu"][k], want["mu_star"][k]))
        assert row["sigma"] == pytest.approx(want["sigma"][k])
        assert row["low"] <= row["mu_star"] <= row["high"]
    assert (got[3]["mu_star"], got[3]["high"]) == (0.0, 0.0)


def test_a_failed_run_costs_its_two_effects():
    d, r = 3, 4
    unit = design.sample("morris", d, r, 1)
    y = unit @ [1.0, 2.0, 3.0]
    y[1] = np.nan
    got = elementary_effects(unit, y)
    assert sum(row["effects"] for row in got) == d * r - 2
    assert [row["mu"] for row in got] == pytest.approx([1.0, 2.0, 3.0])
    none = elementary_effects(unit, np.full(y.size, np.nan))
    assert [row["effects"] for row in none] == [0, 0, 0]
    assert np.isnan(none[0]["mu_star"])


def test_sobol_effects_of_a_function_that_is_known():
    """Ishigami's function: effects in closed form; blocks with a failed run are left out."""
    unit = design.sample("sobol", 3, 1024, 1)
    x = np.pi * (2.0 * unit - 1.0)
    y = np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    y[::101] = np.nan
    got = sobol_effects(3, y)
    for row, first, total in zip(got, (0.3139, 0.4424, 0.0), (0.5576, 0.4424, 0.2437), strict=True):
        assert row["first"] == pytest.approx(first, abs=0.06)
        assert row["total"] == pytest.approx(total, abs=0.06)
        assert row["total_low"] < row["total"] < row["total_high"]
    assert np.isnan(sobol_effects(3, np.ones(y.size))[0]["total"])
    assert np.isnan(sobol_effects(3, y[:20])[0]["total"])


def test_thirds_of_a_line():
    unit = design.sample("sobol", 2, 512, 1)
    rows = thirds(unit, 6.0 * unit[:, 0])
    assert [row["end"] for row in rows] == ["low", "high", "low", "high"]
    assert [row["mean"] for row in rows] == pytest.approx([1.0, 5.0, 3.0, 3.0], abs=0.15)
    assert all(row["low"] < row["mean"] < row["high"] for row in rows)
    assert rows[0]["base"] == pytest.approx(3.0, abs=0.05)


def test_runs_that_never_cross_stand_after_the_end():
    months = [dt.date(2030, 1, 1), dt.date(2030, 2, 1), dt.date(2035, 1, 1)]
    rows = [(0, "done", "", dt.date(2030, 7, 1), None, m, x) for m, x in zip(months, (0.2, 0.4, 0.9), strict=True)]
    rows += [(1, "error", "ValueError: x", None, None, None, None)]
    head = ("point", "status", "error", MAIN, "crossover_usd", "month", SHARE)
    types = dict(zip(head, (pl.Int64, pl.String, pl.String, pl.Date, pl.Date, pl.Date, pl.Float64), strict=True))
    got = outcomes(pl.DataFrame(rows, types, orient="row"), [], Scenario.load("baseline")).to_dicts()
    assert got[0] == {
        "point": 0,
        "status": "done",
        "error": "",
        MAIN: 2030.5,
        "crossover_usd": 2036.0,
        "share_2030": pytest.approx(0.3),
        "share_2035": pytest.approx(0.9),
        "crossed_accelerator_hours": True,
        "crossed_usd": False,
    }
    assert [v for k, v in got[1].items() if k not in ("point", "status", "error")] == [None] * 6


# --- The study ---------------------------------------------------------------------------------------------------------


def test_a_study_finds_what_was_put_in(found):
    assert found.screened.height == PRESET.trajectories * (PRESET.candidates + 1)
    assert found.sampled.height == PRESET.n * (PRESET.survivors + 2)
    assert set(found.sampled["status"]) == {"done", "error"}
    assert found.survivors[0] == names()[0]
    assert found.censored == "2036-01"
    by = {(r["outcome"], r["parameter"]): r for r in found.variance.to_dicts()}
    assert by[MAIN, names()[0]]["total"] == pytest.approx(1.0, abs=0.1)
    assert by["share_2030", names()[0]]["first"] == pytest.approx(1.0, abs=0.25)
    assert {by["crossover_usd", name]["total"] for name in found.survivors} == {None}  # it does not vary
    said = "\n".join(findings.sentences(found, []))
    assert f"is moved by {names()[0]} 1." in said or f"is moved by {names()[0]} 0.9" in said
    assert "of the runs never cross one half; they count as 2036-01" in said
    assert "Crossover in USD: no parameter is told apart" in said
    assert "ended in an error" in said


def test_the_strongest_of_any_outcome_go_on():
    table = pl.DataFrame(
        {
            "outcome": ["a"] * 4 + ["b"] * 4,
            "parameter": list("wxyz") * 2,
            "mu_star": [1.0, 10.0, 0.0, None, 0.03, 0.0, 0.0, 0.01],
        }
    )
    assert strongest(table, 2) == ("w", "x")
    assert strongest(table, 9) == ("w", "x", "z")


def test_a_box_that_was_put_in_is_found():
    pytest.importorskip("ema_workbench")
    u = np.random.default_rng(1).random((400, 3))
    early = (u[:, 0] < 0.4) & (u[:, 2] > 0.5)
    rows = pl.DataFrame({"a": u[:, 0], "b": u[:, 1], "c": u[:, 2], "when": np.where(early, 2025.0, 2036.0)})
    box = discovery.discover(rows, ["a", "b", "c"], "when")
    assert [limit.parameter for limit in box.limits] == ["a", "c"]
    assert box.limits[0].high == pytest.approx(0.4, abs=0.05)
    assert box.limits[1].low == pytest.approx(0.5, abs=0.05)
    assert min(box.coverage, box.density) > 0.85
    assert box.rate == pytest.approx(early.mean())
    assert box.scores["b"] < min(box.scores["a"], box.scores["c"])
    assert discovery.discover(rows.with_columns(when=pl.lit(2036.0)), ["a"], "when") is None


def test_pictures(found):
    limits = (
        discovery.Limit(found.survivors[0], 0.05, 0.3, 0.01, 0.3),
        discovery.Limit("neural.law", "sardana", *["sardana"] * 3),
    )
    box = discovery.Box(MAIN, limits, 0.7, 0.8, 0.3, 0.4, 160, {})
    for chart in (
        figures_sensitivity.tornado(found),
        figures_sensitivity.heat_map(found),
        figures_sensitivity.boxes(found, [box]),
    ):
        assert "2036-01" in json.dumps(chart.to_dict()) or "PRIM" in json.dumps(chart.to_dict())
        assert len(png(chart, 1)) > 5_000


def test_a_map_names_who_dominates():
    shares = {(0.1, 1.0): 0.2, (0.1, 2.0): 0.4, (0.2, 1.0): 0.55, (0.2, 2.0): 0.7}
    rows = [
        (a, b, seed, dt.date(2035, 12, 1), s + d) for (a, b), s in shares.items() for seed, d in ((1, 0.01), (2, -0.01))
    ]
    table = pl.DataFrame(rows, ["lab.a", "lab.b", "seed", "month", SHARE], orient="row")
    drawn = json.dumps(figures_sensitivity.regime_map(table, "lab.a", "lab.b").to_dict())
    for text in (*figures_sensitivity.REGIMES, "20 %", "40 %", "55 %", "70 %", "2035-12"):
        assert text in drawn


# --- The command -------------------------------------------------------------------------------------------------------


def test_the_command_writes_says_and_goes_on(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "WORK", made_up)
    monkeypatch.setitem(sensitivity.PRESETS, "quick", SMALLER)
    out = tmp_path / "x"
    assert cli.main(["sensitivity", "--out", str(out), "--workers", "1"]) == 0
    shown = capsys.readouterr()
    assert "is moved by" in shown.out
    assert "runs/min" in shown.err
    assert {p.name for p in out.iterdir()} >= {"screening", "variance", "screening.csv", "variance.csv", "tornado.png"}
    assert cli.main(["sensitivity", "--out", str(out), "--json", "--workers", "1"]) == 0
    shown = capsys.readouterr()
    assert "runs/min" not in shown.err  # nothing was run again
    told = json.loads(shown.out)
    assert len(told["screening"]) == 4 * SMALLER.candidates
    assert cli.main(["sensitivity", "--out", str(out), "--method", "morris", "--workers", "1"]) == 0
    assert not (out / "variance.csv").exists()
    assert "Screening" in capsys.readouterr().out


def test_ctrl_c_says_what_is_kept(capsys, tmp_path, monkeypatch):
    def stopped(given, out, workers, *, cluster, on_progress):
        on_progress(Progress(150, 40, 0, 40, 30.0, 0))
        raise RunInterrupted(None, out)

    monkeypatch.setattr(sensitivity, "sweep", stopped)
    assert cli.main(["sensitivity", "--out", str(tmp_path / "x")]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert "40 of 150 runs are kept" in last
    assert "the same command goes on" in last


def test_without_the_extra_there_are_no_boxes_and_it_is_said(found, monkeypatch):
    monkeypatch.setattr(findings, "available", lambda: False)
    assert findings.boxes_of(found) == []
    assert "extra 'discovery'" in findings.sentences(found, [])[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "sobl"], ["sobl", "'sobol'"]),
        (["--preset", "quickly"], ["quickly", "'quick'"]),
        (["baselin"], ["baselin", "'baseline'"]),
        (["--workers", "0"], ["--workers", "0", "[1, "]),
        (["--cluster", "tcp://127.0.0.1:1", "--workers", "2"], ["name one"]),
    ],
)
def test_bad_input_is_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sensitivity", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in words)
    assert list(tmp_path.iterdir()) == []


def test_foreign_folders_and_short_scenarios_are_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("do not lose")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        findings.check_folder(str(tmp_path))
    with pytest.raises(InputError, match="2035-12"):
        study(tmp_path / "x", Scenario.load("baseline").with_run(months=100))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]

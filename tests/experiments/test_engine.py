"""All that makes many runs stops cleanly, goes on where it stopped, and does not depend on how many processes there are."""

from __future__ import annotations

import functools
import json
from types import SimpleNamespace

import numpy as np
import pytest

from experiments import cli
from experiments.calibration import ensemble, overlap
from experiments.calibration import forecasts as league
from experiments.calibration.fit import Preset, calibrate
from experiments.calibration.priors import priors
from experiments.replications import macro
from experiments.replications.claims import ROWS
from experiments.runs import engine, pool
from experiments.studies import ablation, auction_rules, ranges, regimes
from model.scenario import Scenario, declarations

#: Makes an ensemble, whatever the session keeps of those that were made.
BASELINE = ensemble.baseline.__wrapped__
TWO = ("human.innovation_per_year", "human.imitation_per_year")


def grid(folder, workers):
    where = {"humans": 20, "folder": folder, "workers": workers}
    return regimes.over(("lab.life_months", [12.0, 48.0]), ("lab.ceiling_quality", [0.3]), 2022, **where).rows()


def fitted(folder, workers):
    few = tuple(p for p in priors() if p.parameter in TWO)
    fit = calibrate(folder, "2023-03", Preset(4, 1, 1, 20), chosen=few, workers=workers)
    return fit.z.tolist(), fit.y.tolist(), fit.best_loss


def informed(folder, workers):
    sample = [dict.fromkeys(TWO, x) for x in (0.01, 0.02)]
    return overlap.informed(folder, sample, np.full(2, 0.5), 2, humans=20, months=12, workers=workers).to_json()


def tables(folder, workers):
    with ensemble.made(folder, workers):
        made = BASELINE(2, 20)
    return {name: pool.pack(table) for name, table in made.items()}


def study(run, **given):
    return lambda folder, workers: run(**given, humans=20, folder=folder, workers=workers)


#: What is made in a folder with so many workers, and how many runs it is of.
STUDIES = {
    "ablation": (study(ablation.run, seeds=2, mechanisms=ablation.MECHANISMS[:1]), 4),
    "auction rules": (study(auction_rules.run, seeds=2, months=12, rules=("gsp", "logit")), 4),
    "ranges": (study(ranges.run, seeds=1), 3),
    "regimes": (grid, 2),
    "calibration": (fitted, 8),
    "overlap": (informed, 4),
    "ensemble": (tables, 2),
}


@pytest.fixture(scope="module")
def two():
    """Return two processes, which all studies of this module are sent to: they stay when a study is done."""

    class Standing(pool.Processes):
        def close(self):
            self.asked = True

    standing = Standing(2)
    yield standing
    super(Standing, standing).close()


@pytest.fixture
def small(monkeypatch, tmp_path, two):
    """Make each study small: one parameter, a year or, for what is held against forecasts, four."""
    one = [d for d in declarations() if d.name == "contacts"]
    monkeypatch.setattr(engine, "Processes", lambda workers: pool.Here() if workers == 1 else two)
    monkeypatch.setattr(ranges, "declarations", lambda: one)
    monkeypatch.setattr(ranges, "MONTHS", 12)
    four = SimpleNamespace(load=lambda name: Scenario.load(name).with_run(months=48))
    monkeypatch.setattr(ensemble, "Scenario", four)
    monkeypatch.setattr(ensemble, "baseline", functools.cache(BASELINE))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def until(monkeypatch):
    """Return what interrupts the work after so many runs, and lists those made."""
    submit, made = pool.Here.submit, []

    def most(number):
        def counted(self, work, tasks):
            if len(made) == number:
                raise KeyboardInterrupt
            made.extend(t.id for t in tasks)
            return submit(self, work, tasks)

        monkeypatch.setattr(pool.Here, "submit", counted)
        return made

    return most


#: Long for its years: what it measures in other processes is that of 2030.
LONG = {"ablation"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.long] * (n in LONG)) for n in STUDIES])
def test_a_study_goes_on_where_it_stopped_and_is_the_same_in_two_processes(small, two, until, tmp_path, name):
    make, runs = STUDIES[name]
    until(1)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "runs", 1)
    made = until(None)
    found = make(tmp_path / "runs", 1)
    assert len(made) == len(set(made)) == runs
    np.testing.assert_equal(make(tmp_path / "runs", 1), found)
    assert len(made) == runs
    two.asked = False
    np.testing.assert_equal(make(tmp_path / "other", 2), found)
    assert two.asked


@pytest.mark.parametrize("command", ["league", "replicate"])
def test_a_command_goes_on_where_it_stopped(small, until, monkeypatch, tmp_path, capsys, command):
    if command == "league":  # which is held against forecasts to the end
        monkeypatch.setattr(ensemble, "Scenario", Scenario)
    monkeypatch.setattr(league, "SEEDS", 2)
    monkeypatch.setattr(league, "HUMANS", 20)
    short = functools.cache(lambda: ensemble.baseline(2, 20))
    monkeypatch.setattr(macro, "ensemble", type("", (), {**vars(ensemble), "baseline": staticmethod(short)}))
    monkeypatch.setattr("experiments.replications.laws.ROWS", [r for r in ROWS if r.id in ("B26",)])
    line = [command, "--workers", "1", "--json"]
    until(1)
    assert cli.main(line) == 130
    said = capsys.readouterr().err.splitlines()
    assert (
        said[-1] == f"economy: stopped by the user; 1 of 2 runs are kept in results/{command}; the same command goes on"
    )
    made = until(None)
    assert cli.main(line) == 0
    shown = capsys.readouterr()
    assert "2 of 2 runs" in shown.err
    assert len(made) == len(set(made)) == 2
    assert json.loads(shown.out)
    assert {p.name for p in (tmp_path / "results" / command).iterdir()} >= {"runs"}

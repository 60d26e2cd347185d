"""Runs with draws of the fitted parameters: who is drawn, who stays, and that a manifest repeats them."""

from __future__ import annotations

import numpy as np
import pytest

from experiments import run
from experiments.report import page as report
from experiments.runs import posterior
from experiments.runs.posterior import read_sample
from experiments.runs.results import Result
from model import Scenario
from model.core.errors import InputError

SMALL = {"humans": 60, "months": 6}


def test_draws_have_the_mean_of_the_weighted_sample():
    members, weights = read_sample(posterior.FILE)
    found = posterior.draws(Scenario.load("baseline"), 2000)
    for name in members[0]:
        values = np.array([m[name] for m in members])
        drawn = np.array([d[name] for d in found])
        mean, sd = (weights * values).sum(), np.sqrt((weights * (values - (weights * values).sum()) ** 2).sum())
        assert abs(drawn.mean() - mean) < 0.1 * sd + 1e-12


def test_what_a_scenario_sets_is_not_drawn():
    name = "belief.captured_share"
    free = posterior.draws(Scenario.load("baseline"), 4)
    bound = posterior.draws(Scenario.load("baseline").with_overrides({name: 0.123}), 4)
    assert all(name in m for m in free)
    assert not any(name in m for m in bound)
    assert bound[0] == {k: v for k, v in free[0].items() if k != name}


@pytest.mark.report
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_each_draw_is_the_run_with_its_overrides_and_a_manifest_repeats_all(tmp_path, workers, monkeypatch):
    one = {"answer": report.figures.pictures()["answer"]}
    monkeypatch.setattr(report.figures, "pictures", lambda: one)
    found = run("baseline", posterior=2, seed=5, out=tmp_path / "drawn", workers=1, **SMALL)
    assert found.seeds == (5, 6)
    assert found.replicates == "2 posterior draws"
    assert found.posterior[0] != found.posterior[1]
    for i, seed in enumerate(found.seeds):
        alone = run("baseline", seed=seed, overrides=found.posterior[i], workers=1, **SMALL)
        assert alone.monthly.equals(found.monthly.filter(found.monthly["seed"] == seed))
    again = run(tmp_path / "drawn" / "manifest.json", workers=workers)
    assert again.posterior == found.posterior
    assert again.monthly.equals(found.monthly)
    assert Result.load(tmp_path / "drawn").posterior == found.posterior
    point = run(tmp_path / "drawn" / "manifest.json", seeds=1, workers=1)  # asked for seeds: the baseline's own values
    assert not point.posterior
    assert "differ in seed noise and in the fitted parameters" in (tmp_path / "drawn" / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"posterior": 2, "seeds": 2}, "one of both"),
        ({"posterior": 0}, "posterior = 0"),
        ({"posterior": 10**6}, "10000"),
    ],
)
def test_a_wrong_number_of_draws_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        run("baseline", **SMALL, **options)


def test_a_damaged_sample_is_refused(tmp_path):
    (tmp_path / "bad.csv").write_text("weight,human.innovation_per_year\n-1,0.02\n")
    with pytest.raises(InputError, match="no members with weight"):
        posterior.draws(Scenario.load("baseline"), 2, tmp_path / "bad.csv")

"""The fit: priors, the smoother against closed forms, what it may see, how it goes on, what it leaves."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from experiments.calibration import evaluation, observed, priors, scored, smoother
from experiments.calibration import fit as calibration
from experiments.calibration.evaluation import Evaluator
from experiments.calibration.fit import Preset, calibrate, fitted_points, quantile, summary
from experiments.calibration.operators import OPERATORS
from experiments.cli import main
from experiments.page.state import lookup
from experiments.report import fits
from experiments.runs import posterior
from experiments.runs.store import Store
from model.core.errors import InputError
from model.core.units import month_index
from model.scenario import Scenario, declarations

MINIATURE = Preset(members=6, updates=2, seeds=1, humans=40)
RUNS = MINIATURE.members * (MINIATURE.updates + 1)
UNTIL = "2023-12"
TWO = tuple(p for p in priors.priors() if p.parameter in ("human.innovation_per_year", "link.software_scale"))


def miniature(folder, table=None, tell=None):
    return calibrate(folder, UNTIL, MINIATURE, chosen=TWO, table=table, workers=1, tell=tell)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    return miniature(folder / "runs"), folder


@pytest.fixture
def known(found, monkeypatch):
    """Let runs that the fit has made be looked up, not made again, and others be one of them; return which are which."""
    with Store(found[1] / "runs") as store:
        kept = {run: store.outcome(run) for run, _ in store.statuses()}
    told = {"kept": [], "new": []}

    def look(task):
        told["kept" if task.id in kept else "new"].append(task.id)
        return kept.get(task.id, next(iter(kept.values())))._replace(id=task.id)

    monkeypatch.setattr(evaluation, "observe", look)
    return told


# Priors --------------------------------------------------------------------------------------------


def test_every_fitted_parameter_has_a_prior_and_no_other():
    declared = {f"{d.section}.{d.name}" for d in declarations() if d.fit}
    assert {p.parameter for p in priors.priors() if not p.embeds} == declared
    assert {p.parameter for p in priors.priors()} <= {f"{d.section}.{d.name}" for d in declarations()}


def test_constants_that_embed_later_data_are_drawn_not_set():
    early, late = priors.fitted("2024-12"), priors.fitted(scored.LAST)
    assert "call_network.agent_calls" in {p.parameter for p in early}
    assert "call_network.agent_calls" not in {p.parameter for p in late}
    assert len(late) == 22


#: Levels that work on data of 2025 supports; no growth of an outcome is read from it.
LEVELS = {"agent_loop.loop_tokens", "app_network.open_penalty", "human.rebound_elasticity"}


def test_parameters_whose_source_names_later_years_are_known():
    """A declared source that cites work on data of 2025 has a prior with `embeds`, or the parameter is no growth of an outcome."""
    named = {p.parameter for p in priors.priors() if p.embeds} | LEVELS
    citing = {
        f"{d.section}.{d.name}"
        for d in declarations()
        if any(word in d.source for word in ("within 2025", "end of 2025", "anthropic2025", "nber2025intelligence: "))
    }
    assert citing <= named


@pytest.mark.parametrize("p", priors.priors(), ids=lambda p: p.parameter)
def test_priors_rise_inside_the_declared_range(p):
    d = next(d for d in declarations() if f"{d.section}.{d.name}" == p.parameter)
    x = p.values(np.array([-6.0, -1.0, 0.0, 1.0, 6.0]))
    assert (np.diff(x) > 0.0).all()
    assert d.low <= x[0]
    assert x[-1] <= d.high


def test_the_median_of_a_lognormal_far_from_its_cuts_is_its_centre():
    p = next(p for p in priors.priors() if p.parameter == "human.innovation_per_year")
    assert p.values(np.zeros(1))[0] == pytest.approx(0.02, rel=0.01)
    assert np.log(p.values(np.ones(1))[0] / 0.02) == pytest.approx(0.7, rel=0.02)


# Smoother ------------------------------------------------------------------------------------------


def test_a_linear_normal_problem_gives_the_exact_posterior():
    rng = np.random.default_rng(3)
    g, r, d = np.array([[2.0, 0.0], [0.5, 0.1], [0.0, 1.0]]), np.array([0.5, 0.2, 0.3]), np.array([1.0, -0.2, 0.7])
    covariance = np.linalg.inv(np.eye(2) + g.T @ np.diag(1.0 / r) @ g)
    mean = covariance @ g.T @ (d / r)
    z = rng.standard_normal((6_000, 2))
    for _ in range(4):
        z = smoother.update(z, z @ g.T, d, r, 4.0, rng)
    assert z.mean(axis=0) == pytest.approx(mean, abs=0.03)
    assert np.cov(z, rowvar=False) == pytest.approx(covariance, abs=0.02)
    w = smoother.weights(z, smoother.loss(z @ g.T, d, r))
    assert smoother.effective_size(w) > 0.9 * z.shape[0]  # already the posterior: nothing to correct


def test_a_parameter_that_moves_nothing_stays_as_it_was():
    rng = np.random.default_rng(4)
    z = rng.standard_normal((200, 2))
    after = smoother.update(z, z[:, :1] * np.ones(3), np.ones(3), np.full(3, 0.1), 1.0, rng)
    if abs(np.corrcoef(z[:, 0], z[:, 1])[0, 1]) * np.sqrt(200) < smoother.CHANCE:
        assert after[:, 1].tolist() == z[:, 1].tolist()
    assert after[:, 0].std() < 0.5


def test_weights_correct_a_sample_that_is_too_wide():
    rng = np.random.default_rng(5)
    z = 1.3 * rng.standard_normal((4_000, 1))
    w = smoother.weights(z, np.zeros(4_000))
    assert w.sum() == pytest.approx(1.0)
    assert (w * z[:, 0] ** 2).sum() == pytest.approx(1.0, abs=0.06)
    extreme = smoother.weights(z, 50.0 * z[:, 0] ** 2)
    assert smoother.effective_size(extreme) == pytest.approx(2_000, rel=0.01)


# What the fit sees ---------------------------------------------------------------------------------


def test_blocks_weigh_alike_and_only_earlier_points_enter():
    points = fitted_points(scored.read(), "2024-12")
    assert points["index"].max() <= month_index("2024-12")
    share = points.with_columns((pl.col("weight") * pl.col("sd") ** 2).alias("share"))
    for _, rows in share.group_by("block"):
        assert rows["share"].sum() == pytest.approx(calibration.BLOCK_POINTS)


def test_a_years_total_waits_for_the_end_of_the_year():
    assert "2024" not in fitted_points(scored.read(), "2024-11").filter(pl.col("series") == "capex_big4_year")["date"]
    assert "2024" in fitted_points(scored.read(), "2024-12").filter(pl.col("series") == "capex_big4_year")["date"]


def test_no_later_observation_can_change_the_fit(found, tmp_path, monkeypatch):
    """Later rows of the table itself are multiplied, removed and added; every number of the fit stays the same bits."""
    table = pl.read_csv(observed.FILE, infer_schema=False)
    early = pl.col("date") <= UNTIL
    later = table.filter(~early).with_columns(value=pl.lit("0.123"), low=pl.lit("0.1"), high=pl.lit("0.9"))
    extra = later.head(40).with_columns(
        date=pl.lit("2024-02"), read_or_memory=pl.lit("read"), split=pl.lit("calibrate")
    )
    path = tmp_path / "observations.csv"
    pl.concat([later.sample(fraction=0.7, seed=1), table.filter(early), extra]).write_csv(path)
    monkeypatch.setattr(scored, "FILE", path)
    first, again = found[0], miniature(found[1] / "runs")  # the same runs serve, others would be made
    assert again.points.equals(first.points)
    for name in ("z_prior", "z", "weights", "y_prior", "y", "paths"):
        assert np.array_equal(getattr(again, name), getattr(first, name), equal_nan=True), name
    assert again.best == first.best


def test_an_earlier_observation_does_change_it(found, known, tmp_path):
    table = scored.read()
    hit = (pl.col("series") == "chatgpt_wau") & (pl.col("date") == "2023-11")
    moved = table.with_columns(pl.when(hit).then(3.0 * pl.col("value")).otherwise("value").alias("value"))
    again = miniature(tmp_path, moved)
    assert not np.array_equal(again.z, found[0].z)
    assert [len(x) for x in known.values()] == [
        MINIATURE.members,
        RUNS - MINIATURE.members,
    ]  # all but the first ensemble


# Miniature -----------------------------------------------------------------------------------------


def test_the_miniature_fits_better_than_the_prior(found):
    fit, d = found[0], found[0].points["y"].to_numpy()
    r = 1.0 / fit.points["weight"].to_numpy()
    assert fit.runs == RUNS
    assert np.median(smoother.loss(fit.y, d, r)) < np.median(smoother.loss(fit.y_prior, d, r))
    assert fit.weights.sum() == pytest.approx(1.0)
    assert set(fit.best) == {p.parameter for p in TWO}
    rows = summary(fit)
    assert {row["identified_by"] for row in rows if row["parameter"] == "human.innovation_per_year"} == {"chatgpt_wau"}
    assert all(row["posterior_p10"] <= row["posterior_median"] <= row["posterior_p90"] for row in rows)


def test_a_fit_that_was_stopped_goes_on_with_what_it_has(found, known, tmp_path):
    class Stop(Exception):
        pass

    def stop(what, progress):
        if what.startswith("ensemble 2") and progress.kept == 4:
            raise Stop

    with pytest.raises(Stop):
        miniature(tmp_path, tell=stop)
    said = []
    again = miniature(tmp_path, tell=lambda what, p: said.append((what, p.kept, p.total)))
    assert said[0] == ("ensemble 1 of 3", 6, 6)
    assert ("ensemble 2 of 3", 4, 6) in said
    assert np.array_equal(again.z, found[0].z)
    assert len(known["kept"]) == RUNS
    assert not known["new"]


def test_files_of_a_fit(found):
    fit, folder = found
    assert set(fits.write(fit, folder)) == set(fits.FILES)
    best = Scenario.load(folder / fits.BEST)
    for name, value in fit.best.items():
        section, _, rest = name.partition(".")
        assert best.values()[section][rest] == pytest.approx(value, rel=1e-5)
    members, weights = posterior.read_sample(folder / fits.POSTERIOR)
    assert len(members) == np.count_nonzero(fit.weights)
    assert weights.sum() == pytest.approx(1.0)
    for name in fits.PICTURES:
        assert (folder / name).read_bytes()[:4] == b"\x89PNG"
    assert fits.check_folder(str(folder)) == folder


def test_the_shipped_sample_is_of_the_declared_priors():
    members, weights = posterior.read_sample(posterior.FILE)
    assert set(members[0]) == {p.parameter for p in priors.fitted(scored.LAST)}
    assert len(members) >= 100
    assert smoother.effective_size(weights) > 50
    shown = pl.read_csv(priors.FITTED)
    assert set(shown["parameter"]) == set(members[0])
    assert shown["identified_by"].null_count() == 0


def test_a_foreign_folder_or_sample_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match=r"'letter\.txt' in it is not of a fit"):
        fits.check_folder(str(tmp_path))
    with pytest.raises(InputError, match="no readable sample"):
        posterior.read_sample(tmp_path / "letter.txt")
    (tmp_path / "p.csv").write_text("weight,human.imitation_per_yaer\n1.0,1.0\n")
    with pytest.raises(InputError, match="unknown"):
        posterior.read_sample(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["calibrate", "--until", "2024"], "--until '2024': must be a month YYYY-MM"),
        (["calibrate", "--until", "2030-01"], "outside [2022-12, 2025-11]"),
        (["calibrate", "--preset", "fast"], "unknown preset 'fast'"),
        (["calibrate", "--workers", "0"], "--workers"),
    ],
)
def test_bad_input_is_one_line(capsys, arguments, says):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_a_quantile_by_weight():
    x = np.array([1.0, 2.0, np.nan, 3.0])
    assert quantile(x, np.array([0.0, 1.0, 5.0, 0.0]), 0.9) == 2.0
    assert np.isnan(quantile(np.full(2, np.nan), np.ones(2), 0.5))


def test_presets_grow():
    quick, full = calibration.PRESETS["quick"], calibration.PRESETS["full"]
    assert all(a <= b for a, b in zip(quick, full, strict=True))


@pytest.mark.long
def test_the_quick_preset_reaches_its_end(tmp_path):
    assert calibrate(tmp_path, "2024-12", "quick", workers=2).runs == 320


# The point that the baseline runs at -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "seeds", "humans", "better_than"),
    [(5, 1, 300, 0.5), pytest.param(30, 2, 500, 0.9, marks=pytest.mark.long)],
)
def test_the_baseline_stands_among_the_best_of_its_posterior(tmp_path, members, seeds, humans, better_than):
    """By loss plus distance from the prior, as decision 0020 has it, against the members of the largest weight."""
    chosen, points = priors.fitted(scored.LAST), fitted_points(scored.read(), scored.LAST)
    scenario = Scenario.load("baseline").with_run(humans=humans)
    own = {p.parameter: lookup(scenario, p.parameter) for p in chosen}
    sample, weights = posterior.read_sample(posterior.FILE)
    sets = [own, *(sample[i] for i in np.argsort(-weights, kind="stable")[:members])]
    z = np.array([[standard(p, values[p.parameter]) for p in chosen] for values in sets])
    again = priors.overrides(chosen, z)
    assert all(a == pytest.approx(b, rel=1e-6) for a, b in zip(again, sets, strict=True))
    with Evaluator(tmp_path, scenario, 1) as runs:
        paths = runs.paths("", sets, [list(range(1, seeds + 1))] * len(sets), month_index(scored.LAST) + 1)
    seen = [scored.model_values(paths[:, k], list(OPERATORS), points) for k in range(seeds)]
    losses = smoother.loss(np.mean(seen, axis=0), points["y"].to_numpy(), 1.0 / points["weight"].to_numpy())
    cost = losses + (z**2).sum(axis=1)
    assert (cost[0] < cost[1:]).mean() >= better_than


def standard(prior, value):
    """Return the standard normal number of a parameter's value."""
    if prior.law == "lognormal":
        return norm.ppf(prior._cut().cdf(np.log(value)))
    u = (value - prior.low) / (prior.high - prior.low)
    return norm.ppf(u if prior.law == "uniform" else np.log(value / prior.low) / np.log(prior.high / prior.low))

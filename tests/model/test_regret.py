"""Planned against realised: hindsight against brute force, and what must hold by construction."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.lab import FIRMS, Release
from model import InferenceEconomy, Scenario
from model.layers import neural
from model.layers.neural import NeuralParams
from model.results import accounts, regret, tables
from model.results.regret import hindsight
from tests.reference import regret as twin
from tests.samples import some

LAW = neural.LAWS["besiroglu"]


def release(**changes):
    base = {
        "lab": "lab_a", "tier": "frontier", "released_month": 10, "parameters": 1e11, "training_tokens": 4e12,
        "training_flop": 2.4e24, "planned_tokens": 1e13, "planned_usd": 1e8, "train_usd_per_flop": 4e-18,
        "rollout_factor": 0.1, "data_limit_tokens": 4.5e14, "rule": "profit", "forecaster": "adaptive",
        "tokens": 3e13, "serving_usd": 5e7, "revenue_usd": 2e8, "profit_elasticity": 0.5,
    }  # fmt: skip
    return Release(**{**base, **changes})


@settings(max_examples=25)
@given(
    st.floats(math.log(1e9), math.log(2e12)),
    st.floats(0.0, 5.0),
    st.floats(0.0, 6.0),
    st.floats(0.0, 2.0),
    st.floats(0.1, 1.5),
)
def test_hindsight_is_brute_force(log_n, overtrained, tokens, margin, elasticity):
    n = math.exp(log_n)
    d = 20.0 * n * math.exp(overtrained - 2.0)
    served = d * 10.0 ** (tokens - 3.0)
    serving = served * 2.0 * n * 6e-18
    r = release(
        parameters=n,
        training_tokens=d,
        training_flop=6 * n * d,
        tokens=served,
        serving_usd=serving,
        revenue_usd=serving * (1 + margin),
        profit_elasticity=elasticity,
        data_limit_tokens=max(d, 4.5e14),
    )
    p = NeuralParams()
    got = hindsight(r, p)
    args = (max(d, 4.5e14), p.parameters_min, LAW)
    usd = twin.size_regret(n, d, r.train_usd_per_flop, serving / (2 * n), 1.1, *args)
    flop = twin.size_regret(n, d, 1.0, served, 1.1, *args)
    scale_usd = twin.cost(n, d, r.train_usd_per_flop, serving / (2 * n), 1.1)
    assert got.size_regret_usd == pytest.approx(usd, rel=1e-3, abs=1e-6 * scale_usd)
    assert got.size_regret_flop == pytest.approx(flop, rel=1e-3, abs=1e-6 * twin.cost(n, d, 1.0, served, 1.1))
    training = r.train_usd_per_flop * r.training_flop * 1.1
    assert got.scale_regret_usd == pytest.approx(
        twin.scale_regret(serving * margin, training, elasticity), rel=1e-9, abs=1e-9 * training
    )


@given(st.floats(-1e9, 1e10), st.floats(0.1, 1.5))
def test_the_best_run_earns_what_the_chosen_one_missed(profit, elasticity):
    r = release(revenue_usd=5e7 + profit, profit_elasticity=elasticity)
    got, training = hindsight(r, NeuralParams()), r.train_usd_per_flop * r.training_flop * 1.1
    gain = profit * (got.run_scale ** min(elasticity, 0.95) - 1.0) - training * (got.run_scale - 1.0)
    assert got.scale_regret_usd == pytest.approx(gain, rel=1e-9, abs=1e-6 * training)
    assert 0.1 <= got.run_scale <= 10.0 * (1 + 1e-12)


def test_the_regret_of_scale_counts_all_research_of_a_net_and_a_concave_profit():
    r = release(revenue_usd=5e7 + 4e8, profit_elasticity=0.5, research_usd=1e8)
    got = hindsight(r, NeuralParams())
    assert got.run_scale == pytest.approx(4.0, rel=0.03)  # (eta profit / research)**(1 / (1 - eta)) = (.5 x 4)**2
    assert got.scale_regret_usd == pytest.approx(4e8 * (4.0**0.5 - 1.0) - 1e8 * 3.0, rel=1e-3)


def test_a_net_sized_on_what_came_has_no_size_regret():
    p = NeuralParams()
    flop, train, tokens = 1e25, 4e-18, 2e13
    per_flop = 6e-18
    n, d = neural.net_for_budget(flop, train, tokens * per_flop, LAW, 4.5e14, p.parameters_min)
    r = release(
        parameters=n, training_tokens=d, training_flop=flop, rollout_factor=0.0, tokens=tokens,
        serving_usd=tokens * per_flop * 2 * n, train_usd_per_flop=train,
    )  # fmt: skip
    got = hindsight(r, p)
    assert 0.0 <= got.size_regret_usd <= 1e-6 * got.realised_usd


def test_more_tokens_than_planned_ask_for_a_smaller_net():
    few, many = hindsight(release(serving_usd=1e6), NeuralParams()), hindsight(release(serving_usd=1e9), NeuralParams())
    assert many.parameters < few.parameters
    assert many.training_tokens > few.training_tokens


# Perfect foresight ------------------------------------------------------------------------------------


def whole_run(forecaster, seed, months, **more):
    settings_ = {f"lab.{name}.forecaster": forecaster for name in FIRMS} | more
    return InferenceEconomy("baseline", humans=100, months=months, seed=seed, **settings_).run()


def released(e):
    nets = tables.labs(e).filter(~pl.col("censored"))
    e.close()
    return nets


def best(seed, months):
    """The forecaster with the lowest mean size regret in USD; no regret is negative."""
    found = {}
    for name in ("adaptive", "trend", "perfect"):
        nets = released(whole_run(name, seed, months))
        assert nets["forecaster"].unique().to_list() == [name]
        for column in ("size_regret_usd", "size_regret_flop", "scale_regret_usd"):
            assert nets[column].min() >= 0.0
        found[name] = nets["size_regret_usd"].mean()
    return min(found, key=found.get)


def test_perfect_foresight_is_best_short():
    assert best(1, 60) == "perfect"


@pytest.mark.long
def test_perfect_foresight_is_best_in_nine_seeds_of_ten():
    assert sum(best(seed, 168) == "perfect" for seed in range(1, 11)) >= 9


def test_offline_perfect_foresight_has_no_size_regret():
    """Every net of a run, the budget kept, sized on the tokens and prices that came."""
    e = whole_run("adaptive", 2, 120)
    nets, p = [r for r in e.state.labs.releases if not r.opening], e.params.neural
    e.close()
    assert len(nets) > 100
    chosen = sum(hindsight(r, p).size_regret_usd for r in nets)
    for r in nets:
        h = hindsight(regret.offline(r, p), p)
        assert 0.0 <= h.size_regret_usd <= 1e-6 * h.realised_usd
    assert chosen > 0.0


def test_what_is_foreseen_is_what_an_earlier_pass_came_to():
    e = whole_run("adaptive", 1, 60)
    rows = [
        (r.lab, r.tier, r.opening, r.retired_month is not None, r.tokens, r.serving_usd, r.parameters, r.train_usd_per_flop, r.rollout_factor)
        for r in e.state.labs.releases
    ]  # fmt: skip
    found = regret.foresight(e.state.labs.releases)
    told = twin.foresight(rows)
    e.close()
    assert found.keys() == told.keys()
    for key, life in told.items():
        assert tuple(found[key]) == pytest.approx(life, rel=1e-12)


def test_only_labs_with_perfect_foresight_plan_on_it():
    e = whole_run("adaptive", 1, 48, **{"lab.lab_a.forecaster": "perfect"})
    foreseen = e.foresight
    assert {lab for lab, _, _ in foreseen} == {"lab_a"}
    nets = [r for r in e.state.labs.releases if r.lab == "lab_a" and r.tier == "frontier" and not r.opening]
    for place, r in enumerate(nets):
        if ("lab_a", "frontier", place) in foreseen:
            assert r.planned_tokens == foreseen["lab_a", "frontier", place].tokens
    e.close()
    plain = InferenceEconomy("baseline", humans=100, months=3)
    assert plain.foresight == {}
    plain.close()


# The hinge, lab by lab --------------------------------------------------------------------------------

PATHS = {
    "baseline": {},
    "small-open-models": {},
    "research-automation": {},
    "mixed": {"lab.lab_a.rule": "race", "lab.lab_b.rule": "erdil", "lab.lab_c.rule": "revenue_share", "lab.lab_d.rule": "schedule"},
}  # fmt: skip


def by_lab(nets, n):
    return nets.reshape(2, n).sum(axis=0)


@pytest.mark.parametrize("path", some([*PATHS], 2))
def test_the_hinge_gives_the_money_share_of_every_lab_in_every_month(path):
    """Revenue from tokens and list prices, gross profit from the books, bills from the ledger: one and the same share (X.7)."""
    source = Scenario.load(path if path != "mixed" else "baseline")
    e, seen = InferenceEconomy(source, humans=100, months=96, seed=5, **PATHS[path]), 0
    n = e.labs.n
    while e.month < e.months:
        e.step()
        f, books = e.last.flows, e.last.books
        discount = np.ones(5)
        discount[2] = e.last.known.batch_discount
        revenue = by_lab((f.served_tokens * f.token_usd[None] * discount[:, None, None]).sum(axis=(0, 2)), n)
        gross = by_lab(f.token_revenue_usd.sum(axis=0) - f.serving_usd, n)
        serving, research = by_lab(f.serving_usd, n), f.research_usd.sum(axis=1)
        direct, implied = accounts.hinge_identity(serving, research, revenue, gross)
        sold = revenue > 0.0
        np.testing.assert_allclose(direct[sold], implied[sold], rtol=1e-9)
        rho, margin = research[sold] / revenue[sold], gross[sold] / revenue[sold]
        assert ((direct[sold] > 0.5) == (rho < 1.0 - margin)).all()
        bills = {
            i: usd for payer, _, i, usd in books.flows if payer == "labs" and i in ("serving hours", "research hours")
        }
        assert bills.get("serving hours", 0.0) == pytest.approx(float(serving.sum()), rel=1e-9)
        assert bills["research hours"] == pytest.approx(float(research.sum()), rel=1e-9)
        seen += int(sold.sum())
    e.close()
    assert seen > 300

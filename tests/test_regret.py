"""Planned against realised: hindsight against brute force, and what must hold by construction."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.layers import neural
from model.layers.neural import NeuralParams
from model.regret import hindsight
from model.stages.state import Release
from tests.oracle import regret as twin

LAW = neural.LAWS["besiroglu"]


def release(**changes):
    base = {
        "lab": "alpha", "tier": "frontier", "released_month": 10, "parameters": 1e11, "training_tokens": 4e12,
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

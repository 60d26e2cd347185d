"""Training against thinking, coverage, latency, revealed preference and doubling times against twins and published values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.replications.investment import SPANS, settled_share, training_share
from model.layers import agent, exchange, link, neural
from model.layers.link import LinkParams
from model.results import accounts
from tests.reference import agent as agent_oracle
from tests.reference import exchange as exchange_oracle
from tests.reference import link as link_oracle
from tests.reference import neural as neural_oracle
from tests.strategies import params, same

power = st.floats(0.05, 1.0)
money = st.floats(-6, 6).map(lambda x: 10.0**x)


@given(st.lists(st.tuples(money, money), min_size=1, max_size=10), power, power, st.floats(0, 3))
def test_the_exchange_is_the_closed_form_inside_its_span(bills, gamma, delta, orders):
    train, serve = (np.array(x) for x in zip(*bills, strict=True))
    less, more = exchange.exchange(train, serve, gamma, delta, 10.0**orders)
    for t, v, x, tau in zip(train, serve, less, more, strict=True):
        told_x, told_tau = exchange_oracle.exchange(t, v, gamma, delta, 10.0**orders)
        least = t * told_x + v * told_tau
        assert least * (1 - 1e-12) <= t * x + v * tau <= least * (1 + 1e-9)
    same(gamma * np.log(less) + delta * np.log(more), np.zeros(less.size), atol=1e-9)  # the same horizon
    assert (more <= 10.0**orders * (1 + 1e-12)).all()
    assert (more >= 1.0).all()


def test_no_span_no_exchange():
    less, more = exchange.exchange(np.array([3e12]), np.array([1e12]), 0.35, 0.4, 1.0)
    assert less.tolist() == more.tolist() == [1.0]


@pytest.mark.parametrize("name", SPANS)
def test_what_training_gets_does_not_depend_on_demand_inside_the_span(name):
    shares = [training_share(ratio, 1.0, *SPANS[name]) for ratio in (2.5, 3.5, 5.0)]
    assert max(shares) - min(shares) < 1e-6


def test_profit_gives_parity_where_training_and_thinking_trade_evenly():
    """The symmetric Cobb-Douglas trade-off: money on serving and on research within .03 of one half."""
    assert settled_share(0.4, 0.4) == pytest.approx(0.5, abs=0.03)


@given(st.lists(st.floats(1, 1e5), min_size=1, max_size=10), st.floats(1e-6, 1), st.floats(-0.6, -0.05))
def test_coverage_is_its_twin_and_grows(samples, success, exponent):
    k = np.sort(np.array(samples))
    got = agent.coverage(k, success, exponent)
    same(got, [agent_oracle.coverage(x, success, exponent) for x in k])
    assert (np.diff(got) >= 0).all()
    same(agent.coverage(np.ones(1), success, exponent), [success])


@given(st.floats(8, 13), st.floats(9, 16), st.sampled_from(list(neural.LAWS.values())))
def test_the_marginal_rate_is_what_the_loss_says(log_n, log_d, law):
    n, d = 10.0**log_n, 10.0**log_d
    same(neural.marginal_rate(np.array(n), np.array(d), law), neural_oracle.marginal_rate(n, d, law), rtol=1e-4)


@pytest.mark.parametrize(
    ("n", "d", "sardana", "besiroglu"),
    [(7e10, 1.4e12, 0.73, 1.03), (7e9, 2e12, 1.75, 2.62), (7e10, 2e12, 0.81, 1.18), (8e9, 1.5e13, 2.96, 5.22),
     (7e10, 1.5e13, 1.43, 2.46), (4.05e11, 1.56e13, 0.80, 1.35)],
)  # fmt: skip
def test_what_released_nets_reveal(n, d, sardana, besiroglu):
    """Chinchilla, Llama 2 7B and 70B, Llama 3 8B and 70B, Llama 3.1 405B."""
    for name, rate in (("sardana", sardana), ("besiroglu", besiroglu)):
        assert float(neural.marginal_rate(np.array(n), np.array(d), neural.LAWS[name])) == pytest.approx(rate, abs=0.01)


@given(st.floats(0, 1e5), st.floats(9, 13), st.floats(0.3, 0.9))
def test_a_net_sized_for_its_life_reveals_its_serving(ratio, log_n, share):
    law, d = neural.LAWS["besiroglu"], 20.0 * 10.0**log_n
    served = ratio * share * d
    n, tokens = neural.net_for_budget(6.0 * 10.0**log_n * d, 1.0, served, law, math.inf, 1.0)
    same(neural.marginal_rate(np.array(n), np.array(tokens), law), 1.0 + served / (3.0 * tokens), rtol=1e-6)


@given(st.integers(1, 200), st.integers(1, 4096), st.sampled_from([2, 4]))
def test_all_reduces_are_their_twin(layers, n, each):
    same(link.all_reduce_seconds(layers, n, each), link_oracle.all_reduce_seconds(layers, n, each), rtol=1e-10)


def test_the_latency_of_a_step_lies_among_the_all_reduces_of_large_nets():
    assert link.all_reduce_seconds(80, 8) < LinkParams().latency_s_per_step < link.all_reduce_seconds(120, 256)


@given(st.floats(8, 13), st.floats(5, 11), st.integers(1, 500), params(LinkParams))
def test_the_room_of_a_batch_is_its_twin(log_n, log_context, n, p):
    active, context = 10.0**log_n, 10.0**log_context
    got = link.batch_room(np.array([active]), np.array([context]), np.array([float(n)]), 8e10, p)
    same(got, [link_oracle.batch_room(active, context, n, 8e10, p)])


def test_doubling_times():
    found = accounts.doubling_days([1.0, 1.0, 5.0], [2.0, 4.0, 5.0], 100.0)
    assert found.tolist() == [100.0, 50.0, math.inf]

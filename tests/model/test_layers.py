"""Agent, application and context layers against their twins and their limits.

Closed forms agree to 1e-12; where a twin searches or halves, the looser tolerance is said. The other layers have files of
their own: test_call_network, test_link, test_neural, test_physical.
"""

from __future__ import annotations

import importlib
import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.layers import agent, application, context
from model.layers.agent import AgentLoopParams
from model.layers.application import AppNetworkParams
from model.layers.context import PROMPT, REUSE, ContextParams
from tests.reference import agent as agent_twin
from tests.reference import application as application_twin
from tests.reference import context as context_twin

LAYERS = ("agent", "application", "context", "link", "neural", "orchestrator", "physical")
share = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))
log_minutes = st.floats(-7, 15)
slopes = st.floats(0.4, 1.2)


def column(element, smallest=0):
    return st.lists(element, min_size=smallest, max_size=20)


def same(got, expected, rtol=1e-12, atol=1e-300):
    np.testing.assert_allclose(got, np.array(expected, dtype=float), rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", LAYERS)
def test_every_kernel_of_a_layer_has_a_twin(name):
    layer, twin = importlib.import_module(f"model.layers.{name}"), importlib.import_module(f"tests.reference.{name}")
    functions = inspect.getmembers(layer, inspect.isfunction)
    kernels = [
        f
        for f, body in functions
        if body.__module__.startswith(layer.__name__) and not f.startswith("_") and f != "register"
    ]
    missing = [f for f in kernels if not hasattr(twin, f)]
    assert len(kernels) >= 4
    assert missing == [], missing
    assert "numpy" not in inspect.getsource(twin)


# Agent ----------------------------------------------------------------------------------------------------------------


@given(column(log_minutes), st.floats(-7, 12), slopes)
def test_success_is_its_twin_and_falls_with_length(minutes, horizon, slope):
    got = agent.success(np.array(minutes), horizon, slope)
    same(got, [agent_twin.success(x, horizon, slope) for x in minutes])
    assert ((got > 0.0) & (got < 1.0)).all()
    assert (np.diff(got[np.argsort(minutes)]) <= 0.0).all()
    assert (agent.success(np.array(minutes), horizon + 0.1, slope) > got).all()
    same(agent.success(np.array(minutes), np.array(minutes), slope), [0.5] * len(minutes))


tasks = st.tuples(st.floats(-5, 8), st.floats(-12, 3), st.floats(-2, 9))


@given(column(tasks), st.floats(-3, 9), slopes, st.floats(0.1, 0.8), st.floats(1, 100))
@settings(max_examples=40)
def test_thinking_is_the_best_of_a_dense_grid(rows, horizon, slope, delta, largest):
    """Worth to 1e-12, the choice to 1e-6 of ln tau: a maximum is flat, so its place is known to half the digits."""
    p = AgentLoopParams(success_slope=slope, thinking_exponent=delta, thinking_max=largest)
    value, cost, minutes = (np.array([r[i] for r in rows]) for i in range(3))
    z, s = agent.think(np.zeros(len(rows)), value, cost, minutes, horizon, p, steps=60)
    for i, (v, c, m) in enumerate(rows):
        args = (v, c, m, horizon, slope, delta)
        best, sure = agent_twin.think(*args, largest)
        assert z[i] == pytest.approx(best, abs=1e-6)
        assert s[i] == pytest.approx(sure, rel=1e-6)
        there, here = agent_twin.worth(best, *args), agent_twin.worth(float(z[i]), *args)
        assert here >= there - 1e-12 * (math.exp(v) + math.exp(c + best))


@given(column(tasks, 1), st.floats(-3, 9), st.floats(-0.2, 0.2))
def test_two_steps_from_near_last_months_choice_are_enough(rows, horizon, news):
    """Prices and values move by a fifth: two steps miss less than 1e-7 of ln tau, and 2e-3 from no thinking at all."""
    p = AgentLoopParams()
    value, cost, minutes = (np.array([r[i] for r in rows]) for i in range(3))
    before, _ = agent.think(np.zeros(len(rows)), value, cost, minutes, horizon, p, steps=60)
    exact, _ = agent.think(before, value + news, cost, minutes, horizon, p, steps=60)
    quick, _ = agent.think(before, value + news, cost, minutes, horizon, p)
    assert np.abs(quick - exact).max() < 1e-7
    cold, _ = agent.think(np.zeros(len(rows)), value, cost, minutes, horizon, p)
    assert np.abs(cold - before).max() < 2e-3


def test_thinking_at_its_ends():
    p = AgentLoopParams()
    top = math.log(p.thinking_max)
    ends = np.array([-np.inf, -40.0, 0.0, 40.0])
    z, _ = agent.think(np.zeros(4), ends, np.full(4, -3.0), np.full(4, 3.0), 3.0, p, steps=20)
    assert (z[0], z[1], z[3]) == (0.0, 0.0, top)
    cheap, _ = agent.think(np.zeros(1), np.zeros(1), np.array([-np.inf]), np.zeros(1), 0.0, p)
    assert cheap[0] == top
    none, _ = agent.think(np.zeros(1), np.ones(1), np.zeros(1), np.zeros(1), 0.0, AgentLoopParams(thinking_max=1.0))
    assert none[0] == 0.0
    last = np.full(1, 2.0)
    agent.think(last, np.ones(1), np.ones(1), np.ones(1), 0.0, p)
    assert last[0] == 2.0


@given(column(share), st.integers(1, 6), st.floats(0.1, 0.8))
def test_attempts_are_their_twin(success, largest, noticed):
    p = AgentLoopParams(attempts_max=largest, verifiable_share=noticed)
    got = agent.attempts(np.array(success), p)
    same(got, [agent_twin.attempts(s, largest, noticed) for s in success])
    done = agent.succeeded(np.array(success), got)
    same(done, [agent_twin.succeeded(s, largest, noticed) for s in success])
    assert (done >= np.array(success)).all()
    assert ((got >= 1.0) & (got <= largest)).all()
    sure = [s for s in success if s > 1e-6]
    assert all(agent.attempts(np.array(sure), p) <= 1.0 / np.array(sure) + 1e-12)


@given(column(log_minutes), st.floats(0.5, 1.3), st.floats(10, 600))
def test_loop_tokens_are_their_twin(minutes, gamma, reference):
    p = AgentLoopParams(token_length_elasticity=gamma, loop_reference_minutes=reference)
    got = agent.loop_tokens(np.array(minutes), p)
    same(got, [agent_twin.loop_tokens(x, p.loop_tokens, reference, gamma) for x in minutes])


@given(column(st.floats(0, 1e3)), st.one_of(st.just(0.0), st.floats(1e-3, 10)), st.floats(0.5, 1.7), st.floats(0.05, 5))
def test_jobs_wanted_are_where_marginal_value_meets_cost(v, ratio, theta, k0):
    """rtol 1e-10: the twin halves; near no job at all the difference of two equal numbers leaves 1e-11."""
    p = AgentLoopParams(job_elasticity=theta, job_scale=k0)
    got = agent.jobs_wanted(np.array(v), ratio, p)
    same(got, [agent_twin.jobs_wanted(x, ratio, theta, k0) for x in v], rtol=1e-10, atol=1e-11)
    assert (got >= 0.0).all()
    assert (agent.jobs_wanted(np.array(v), 2.0 * ratio, p) >= got).all()


def test_many_jobs_have_the_price_elasticity_one_over_theta():
    p = AgentLoopParams(job_elasticity=0.9)
    one, half = (agent.jobs_wanted(np.array([1e9]), r, p)[0] for r in (1.0, 0.5))
    assert math.log(one / half) / math.log(2.0) == pytest.approx(1.0 / 0.9, rel=1e-6)


@given(st.floats(0.05, 0.7), st.floats(0.01, 0.2))
def test_generated_shares_are_those_of_their_class(chat, loop):
    p = AgentLoopParams(generated_share_chat=chat, generated_share_agent=loop)
    assert agent.generated_shares(p).tolist() == agent_twin.generated_shares(chat, loop)


# Application ----------------------------------------------------------------------------------------------------------


@given(column(log_minutes), st.one_of(st.just(0.0), st.floats(1e-3, 1e6)), slopes)
def test_success_of_features_is_its_twin_and_that_of_agents(minutes, horizon, slope):
    got = application.success(np.array(minutes), horizon, slope)
    same(got, [application_twin.success(x, horizon, slope) for x in minutes], rtol=1e-11)  # exp of up to 50
    if horizon:
        same(got, agent.success(np.array(minutes), math.log(horizon), slope))


@given(column(st.tuples(st.floats(0, 10), share)), st.floats(0, 0.95))
def test_uplift_is_its_twin(rows, required):
    value, success = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    got = application.uplift(value, success, required)
    same(got, [application_twin.uplift(*r, required) for r in rows])
    assert (got[success <= required] == 0.0).all()
    assert (got <= value * (1 + 1e-12)).all()
    same(application.uplift(value, np.ones(len(rows)), required), value)


@given(column(st.tuples(st.one_of(st.just(0.0), st.floats(1e-6, 1e2)), st.floats(1, 1e5))), st.floats(1e-9, 1e-3))
def test_intensity_is_its_twin_and_the_best(rows, token_usd):
    """A difference of logarithms near the threshold: 1e-12 of e0."""
    gain, scale = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    got = application.intensity(gain, scale, token_usd)
    expected = [application_twin.intensity(g, e0, token_usd) for g, e0 in rows]
    np.testing.assert_array_less(np.abs(got - expected), 1e-12 * scale + 1e-12 * np.array(expected) + 1e-300)
    for e, (g, e0) in zip(got.tolist(), rows, strict=True):
        best = application_twin.surplus(e, g, e0, token_usd)
        for other in (0.0, 0.5 * e, 0.99 * e, 1.01 * e, 2.0 * e, e + 0.01 * e0):
            assert application_twin.surplus(other, g, e0, token_usd) <= best + 1e-12 * (g + token_usd * e)
    cheaper = application.intensity(gain, scale, token_usd / 2)
    assert (cheaper >= got).all()


@given(column(st.tuples(st.floats(0.01, 0.99), st.floats(0.5, 50))), slopes, st.floats(0.1, 0.9))
def test_intensity_elasticity_is_a_difference_quotient(rows, slope, required):
    """rtol 1e-4: the twin takes differences of logarithms over 1e-5 of the way to the threshold."""
    sure, ratio = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    near = (np.abs(sure - required) < 1e-3) | (np.abs(ratio - 1.0) < 1e-3)
    gain = application.uplift(np.ones(len(rows)), sure, required)
    got = application.intensity_elasticity(gain, sure, ratio, slope, required)
    for i in np.flatnonzero(~near):
        expected = application_twin.intensity_elasticity(gain[i], *rows[i], slope, required)
        assert got[i] == pytest.approx(expected, rel=1e-4)
        assert (got[i] > 0.0) == (sure[i] > required and ratio[i] > 1.0)
    assert (got >= 0.0).all()


positive = st.floats(1e-3, 1e3)


@given(positive, positive, positive, st.floats(0.01, 1), st.floats(0.3, 3))
def test_legacy_work_moves_toward_its_best(now, price, opening, speed, elasticity):
    p = AppNetworkParams(legacy_speed=speed)
    got = application.legacy_step(now, price, opening, elasticity, p)
    assert got == pytest.approx(application_twin.legacy_step(now, price, opening, speed, elasticity), rel=1e-12)
    best = (price / opening) ** -elasticity
    assert min(now, best) * (1 - 1e-12) <= got <= max(now, best) * (1 + 1e-12)


@given(st.floats(1e6, 1e14), st.floats(1e8, 1e12), st.floats(0, 0.9), st.floats(0.5, 8))
def test_device_share_is_its_twin(net, device, largest, power):
    p = AppNetworkParams(device_share_max=largest, device_exponent=power)
    got = application.device_share(net, device, p)
    assert got == pytest.approx(application_twin.device_share(net, device, largest, power), rel=1e-12)
    assert application.device_share(2 * net, device, p) <= got <= largest


@given(column(st.tuples(st.floats(0, 1e9), share, st.floats(0, 1e4))), positive, positive, st.floats(0, 1e6), share)
def test_hours_become_tokens_and_legacy_work_as_in_the_text(rows, opening, now, waited, attention):
    hours, exposure, tokens = (np.array(x, dtype=float) for x in zip(*rows, strict=True)) if rows else [np.zeros(0)] * 3
    same(application.feature_tokens(hours, exposure, tokens), application_twin.feature_tokens(hours, exposure, tokens))
    legacy = application.legacy_hours(opening, now, waited, attention)
    same(legacy, application_twin.legacy_hours(opening, now, waited, attention))


@given(column(st.tuples(st.floats(0.1, 9), st.floats(0, 5), st.floats(0, 1), st.floats(0, 1e9)), 1), st.floats(0, 4))
def test_attention_follows_the_odds_of_the_text(rows, weight):
    p = AppNetworkParams(quality_coefficient=weight, users_coefficient=weight / 5.0)
    columns = [list(x) for x in zip(*rows, strict=True)]
    got = application.attention_log_odds(*(np.array(x) for x in columns), p)
    same(got, application_twin.attention_log_odds(*columns, p), rtol=1e-11, atol=1e-12)


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 8))
def test_tokens_go_to_nets_and_devices_as_in_the_text(seed, classes, labs):
    rng = np.random.default_rng(seed)
    tokens, runs = rng.lognormal(20, 3, (classes, 2, 3)), rng.random(labs)
    share = rng.dirichlet(np.ones(labs), (classes, 2))
    got = context.to_nets(tokens, share)
    same(got, context_twin.to_nets(tokens.tolist(), share.tolist()))
    same(got.sum(axis=1), tokens.sum(axis=1))
    small = tokens[:, 1].sum(axis=1)
    own = application.on_devices(small, share[:, 1], runs)
    same(own, application_twin.on_devices(small.tolist(), share[:, 1].tolist(), runs.tolist()))
    assert (own <= small).all()


@given(share, st.floats(5, 480), st.floats(5, 700))
def test_failed_hours_of_a_job_are_their_twin(success, minutes, tasks):
    p = AgentLoopParams(job_minutes=minutes, job_tasks_per_month=tasks)
    same(agent.failed_h(success, p), agent_twin.failed_h(success, tasks, minutes), atol=1e-9)


@given(st.floats(0, 1e12), st.floats(0, 1e12), st.floats(0, 1e12))
def test_sustainability_is_revenue_over_cost(revenue, compute, research):
    got = application.sustainability(revenue, compute, research)
    assert got == pytest.approx(application_twin.sustainability(revenue, compute, research), rel=1e-12)
    assert application.sustainability(0.0, 0.0, 0.0) == 0.0


# Context --------------------------------------------------------------------------------------------------------------


@given(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(1e-6, 1e3)), st.floats(0, 1), st.floats(8e3, 1e7))
def test_prompts_are_their_twin(ratio, elasticity, window):
    p = ContextParams(prompt_price_elasticity=elasticity, window_tokens=window)
    base = [getattr(p, name) for name in PROMPT]
    got = context.prompts(ratio, p)
    same(got, context_twin.prompts(ratio, base, elasticity, window))
    assert (got <= window).all()
    assert (context.prompts(ratio / 2, p) >= got).all()


streams = st.lists(st.one_of(st.just(0.0), st.floats(1, 1e15)), min_size=5, max_size=5)


@given(streams, st.floats(1e3, 1e7), st.one_of(st.just(0.0), st.floats(1e10, 1e22)), share, st.floats(0.1, 2))
def test_hits_are_their_twin_and_rise_with_memory(stream, kv, hbm, adopted, zeta):
    """atol 1e-12: a hit share near nothing is the difference of two ones."""
    p = ContextParams(memory_exponent=zeta)
    tiers = [(1.0, p.kv_share_of_hbm), (p.host_ratio, p.host_weight), (p.ssd_ratio, p.ssd_weight)]
    reuse = [getattr(p, name) for name in REUSE]
    got = context.hit_share(np.array(stream), kv, hbm, adopted, p)
    expected = context_twin.hit_share(stream, kv, hbm, adopted, reuse, tiers, p.memory_reference_s, zeta)
    same(got, expected, atol=1e-12)
    assert ((got >= 0.0) & (got <= np.array(reuse))).all()
    assert (context.hit_share(np.array(stream), kv, 2 * hbm, adopted, p) >= got).all()
    assert (context.hit_share(2 * np.array(stream), kv, hbm, adopted, p) <= got).all()


def test_endless_memory_finds_all_that_repeats():
    got = context.hit_share(np.full(5, 1.0), 1.0, 1e30, 1.0, ContextParams(memory_exponent=2.0))
    same(got, [0.6, 0.93, 0.93, 0.4, 0.5], rtol=1e-6)
    assert context.hit_share(np.full(5, 1.0), 1.0, 1e30, 0.0, ContextParams()).tolist() == [0.0] * 5


@given(share, st.floats(0, 10), st.floats(0, 10), st.floats(0, 3))
def test_caching_software_spreads_while_it_pays(adopted, recompute, store, per_year):
    p = ContextParams(caching_maturity_per_year=per_year)
    got = context.mature(adopted, recompute, store, p)
    assert got == pytest.approx(context_twin.mature(adopted, recompute, store, per_year), rel=1e-12, abs=1e-15)
    assert adopted <= got <= 1.0
    if store >= recompute:
        assert got == adopted


def five_by_two(element):
    return st.lists(st.lists(element, min_size=2, max_size=2), min_size=5, max_size=5)


amounts, five = st.one_of(st.just(0.0), st.floats(1e-3, 1e18)), st.lists(share, min_size=5, max_size=5)


@given(five_by_two(amounts), five_by_two(amounts), five, five)
def test_tokens_divide_as_their_twin_says_and_none_is_lost(base, thinking, generated, hits):
    """atol 1e-15 of the class's tokens where input or its rest is the difference of equals."""
    got = context.expand(np.array(base), np.array(thinking), np.array(generated), np.array(hits))
    expected = np.array(context_twin.expand(base, thinking, generated, hits))
    total = np.array(base) + np.array(thinking)
    assert (np.abs(got - expected) <= 1e-12 * expected + 4e-16 * total[..., None]).all()
    same(got.sum(axis=2), total)
    assert (got >= 0.0).all()

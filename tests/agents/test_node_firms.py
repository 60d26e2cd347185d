"""Applications and orchestrators, the firms that sit on the networks, against their twins and their limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import application, orchestrator
from agents.application import ApplicationParams, Applications, Features, Services
from agents.orchestrator import ORCHESTRATOR, SKILL, TOOL, OrchestratorParams, Orchestrators
from model.core.draws import Draws
from tests.reference import application_firm as application_oracle
from tests.reference import orchestrator_firm as orchestrator_oracle
from tests.strategies import amounts, columns, fill, lumpy, params, same

SEEDS = st.integers(0, 2**32)
COUNT = st.integers(0, 20)


def trait(draws):
    return lambda stream, i: float(draws.trait(stream, [i])[0])


# Applications -----------------------------------------------------------------------------------------


@given(SEEDS, st.integers(0, 5), st.integers(1, 15), COUNT, params(ApplicationParams))
def test_the_opening_of_applications_is_that_of_the_text(seed, assistants, others, count, p):
    apps, features, services, draws = Applications(assistants + others), Features(count), Services(count), Draws(seed)
    application.build(apps, features, assistants, draws, p)
    firms, rows = application_oracle.build(apps.n, count, assistants, trait(draws), p)
    for k, name in enumerate(("assistant", "quality", "ad_load")):
        same(getattr(apps, name), [row[k] for row in firms])
    names = ("application", "value_usd_per_h", "tokens_per_h", "log_difficulty", "exposure")
    for k, name in enumerate(names):
        same(getattr(features, name), [row[k] for row in rows], atol=1e-14)
    if count:
        same(np.bincount(features.application, features.exposure, apps.n).sum(), others)
        assert not apps.assistant[features.application].any()
    application.build_services(services, draws, p)
    told = application_oracle.build_services(count, trait(draws), p)
    for k, name in enumerate(("margin", "quality")):
        same(getattr(services, name), [row[k] for row in told])


@given(SEEDS, COUNT, st.integers(0, 600), params(ApplicationParams))
def test_revisions_are_those_of_the_text(seed, n, month, p):
    rng, features, draw = np.random.default_rng(seed), Features(n), Draws(seed).at(month)
    features.intensity_tokens_per_h[:] = lumpy(rng, n, 100.0)
    old, best = features.intensity_tokens_per_h.copy(), lumpy(rng, n, 1000.0)
    u = draw("application.revise", features.id)
    intensity, which = application_oracle.revise(old.tolist(), best.tolist(), u.tolist(), p)
    assert application.revise(features, best, draw, p).tolist() == which
    assert features.intensity_tokens_per_h.tolist() == intensity


def test_a_feature_is_revised_once_a_product_cycle():
    features, p = Features(50_000), ApplicationParams(product_cycle_months=11.0)
    revised = application.revise(features, np.ones(features.n), Draws(2).at(0), p)
    assert revised.mean() == pytest.approx(1 - np.exp(-1 / 11), rel=0.05)


@given(SEEDS, st.integers(1, 4), st.integers(1, 20), st.floats(0, 0.99), amounts(1e-3, 500.0))
def test_shares_of_a_logit_with_inertia_are_those_of_the_text(seed, rows, n, inertia, spread):
    rng = np.random.default_rng(seed)
    last, odds = rng.dirichlet(np.ones(n), rows), rng.normal(0, 1, (rows, n)) * spread
    got = application.logit_shares(last, odds, inertia)
    for row, a, b in zip(got, last.tolist(), odds.tolist(), strict=True):
        same(row, application_oracle.logit_shares(a, b, inertia), atol=1e-300)
    same(got.sum(axis=1), np.ones(rows))
    same(application.logit_shares(last, odds + 7.0, inertia), got, rtol=1e-9, atol=1e-13)
    order = rng.permutation(n)
    same(application.logit_shares(last[:, order], odds[:, order], inertia), got[:, order])
    better = odds.copy()
    better[:, 0] += 1.0
    assert (application.logit_shares(last, better, inertia)[:, 0] >= got[:, 0]).all()


@given(SEEDS, COUNT, params(ApplicationParams))
def test_failure_and_entry_are_those_of_the_text(seed, n, p):
    rng, apps = np.random.default_rng(seed), Applications(n)
    fill(apps, assistant=rng.random(n) < 0.3, attention_hours=lumpy(rng, n, 1e6), quality=1.0)
    fill(apps, cash_usd=lumpy(rng, n, 1.0) - lumpy(rng, n, 1.0), lean_months=rng.integers(0, 7, n))
    apps.entries[:] = rng.integers(0, 3, n)
    names = {"attention": "attention_hours", "assistant": "assistant", "cash": "cash_usd"}
    names |= {"lean": "lean_months", "entries": "entries", "quality": "quality"}
    rows = [{k: getattr(apps, v)[i].item() for k, v in names.items()} for i in range(n)]
    draw = Draws(seed).at(7)
    told = application_oracle.fail_and_enter(
        rows, lambda i: float(np.exp(p.quality_sigma * draw.normal("application.entry", [i])[0])), p
    )
    assert application.fail_and_enter(apps, draw, p).tolist() == told
    for k, v in names.items():
        assert getattr(apps, v).tolist() == [row[k] for row in rows]


@given(columns(3, amounts(0.0, 1e9)), params(ApplicationParams))
def test_an_applications_accounts_lose_no_money(rows, p):
    income, costs, debt = rows
    got = application.settle(income / 2 - debt, income, costs, p)
    flow = income - costs - got.operations_usd - got.payout_usd + got.rescue_usd
    same(got.cash_usd, income / 2 - debt + flow, rtol=1e-9, atol=1e-6)
    assert (got.cash_usd >= -p.credit_months * np.maximum(income, 1.0)).all()
    assert ((got.rescue_usd == 0.0) | (got.payout_usd == 0.0)).all()


# Orchestrators, skills, tools -------------------------------------------------------------------------


def network(seed, n):
    """Nodes, edges from lower to higher kinds and callbacks, and the fan-out their rows sum to."""
    rng, nodes = np.random.default_rng(seed), Orchestrators(n)
    nodes.node_kind[:] = np.sort(rng.integers(0, 3, n))
    fill(nodes, quality=lumpy(rng, n, 1.0, zeros=0), price_usd_per_call=lumpy(rng, n, 1e-4, zeros=0))
    fill(nodes, traffic_calls=lumpy(rng, n, 1e6), take_rate=0.3 * rng.random(n), entries=rng.integers(0, 3, n))
    skills_call_back = (nodes.node_kind == SKILL)[:, None] & (nodes.node_kind == ORCHESTRATOR)[None, :]
    allowed = (nodes.node_kind[:, None] < nodes.node_kind[None, :]) | skills_call_back
    edges = lumpy(rng, (n, n), 1.0) * (allowed & (rng.random((n, n)) < 0.6))
    fan_out = lumpy(rng, n, 2.0, zeros=0) * (edges.sum(axis=1) > 0)
    return nodes, edges / np.maximum(edges.sum(axis=1, keepdims=True), 1e-9) * fan_out[:, None], fan_out


def lists(nodes, *names):
    return [getattr(nodes, name).tolist() for name in names]


@given(SEEDS, st.tuples(COUNT, COUNT, COUNT), params(OrchestratorParams))
def test_the_opening_of_the_call_network_is_that_of_the_text(seed, kinds, p):
    nodes, draws = Orchestrators(sum(kinds)), Draws(seed)
    orchestrator.build(nodes, kinds, draws, p)
    told = orchestrator_oracle.build(kinds, trait(draws), p)
    for k, name in enumerate(("node_kind", "quality", "price_usd_per_call", "take_rate")):
        same(getattr(nodes, name), [row[k] for row in told])


def bought_places(seed, nodes, edges):
    """Shares of skills that some callers are linked to; zeros elsewhere."""
    rng = np.random.default_rng(seed + 1)
    skills = (edges > 0) & (nodes.node_kind == SKILL)[None, :]
    places = rng.random(edges.shape) * skills * (rng.random((nodes.n, 1)) < 0.7)
    return places / np.maximum(places.sum(axis=1, keepdims=True), 1e-300)


@given(SEEDS, st.integers(1, 20), st.floats(0, 1), params(OrchestratorParams))
def test_calls_are_routed_again_as_in_the_text(seed, n, ad_funded, p):
    nodes, edges, fan_out = network(seed, n)
    places = bought_places(seed, nodes, edges)
    got = orchestrator.reweigh(edges, nodes, places, ad_funded, p)
    names = ("node_kind", "quality", "price_usd_per_call", "traffic_calls")
    told = orchestrator_oracle.reweigh(edges.tolist(), *lists(nodes, *names), places.tolist(), ad_funded, p)
    same(got, told, rtol=1e-11, atol=1e-15 * fan_out.max(initial=0.0))
    back = nodes.node_kind == ORCHESTRATOR
    np.testing.assert_array_equal(got[:, back], edges[:, back])  # callbacks answer calls, nobody chooses them
    same(got.sum(axis=1), fan_out)
    assert ((got > 0) <= (edges > 0)).all()
    fixed = orchestrator.reweigh(edges, nodes, places, ad_funded, p.replace(routing_inertia=0.99))
    np.testing.assert_allclose(fixed, edges, atol=0.0101 * fan_out.max(initial=0.0))
    before = got.copy()
    nodes.quality[-1] *= 2.0
    after = orchestrator.reweigh(edges, nodes, places, ad_funded, p)[:, -1]
    if nodes.node_kind[-1] != SKILL:
        assert (after >= before[:, -1] * (1 - 1e-12)).all()


def test_bought_places_take_the_calls_of_ad_funded_agents_only():
    nodes, p = Orchestrators(4), OrchestratorParams(routing_inertia=0.0)
    nodes.node_kind[:] = [ORCHESTRATOR, SKILL, SKILL, TOOL]
    fill(nodes, quality=1.0, price_usd_per_call=1e-4, traffic_calls=0.0)
    edges = np.zeros((4, 4))
    edges[0, 1:] = 1.0 / 3.0
    places = np.zeros((4, 4))
    places[0, 2] = 1.0
    for share, expected in ((0.0, [1 / 3, 1 / 3]), (1.0, [0.0, 2 / 3]), (0.5, [1 / 6, 1 / 2])):
        got = orchestrator.reweigh(edges, nodes, places, share, p)[0]
        same(got[1:], [*expected, 1 / 3])


@given(SEEDS, COUNT, params(OrchestratorParams))
def test_take_rates_are_those_of_the_text(seed, n, p):
    nodes, _, _ = network(seed, n)
    got = orchestrator.take_rates(nodes, p)
    same(got, orchestrator_oracle.take_rates(*lists(nodes, "node_kind", "traffic_calls", "take_rate"), p), atol=1e-15)
    assert (got <= np.maximum(nodes.take_rate, p.take_rate_max)).all()


def test_take_rates_settle_on_the_markup_and_a_monopolist_takes_the_most():
    nodes, p = Orchestrators(3), OrchestratorParams()
    fill(nodes, node_kind=[ORCHESTRATOR, ORCHESTRATOR, SKILL], traffic_calls=[5.0, 5.0, 100.0], take_rate=0.1)
    for _ in range(500):
        nodes.take_rate[:] = orchestrator.take_rates(nodes, p)
    same(nodes.take_rate[:2], [0.3, 0.3], rtol=1e-9)  # 1/(6 x .5 - 1) = .5, above the highest
    nodes.traffic_calls[:] = [0.0, 10.0, 100.0]
    for _ in range(500):
        nodes.take_rate[:] = orchestrator.take_rates(nodes, p)
    same(nodes.take_rate[:2], [1 / 5, 0.3], rtol=1e-9)


@given(SEEDS, st.integers(1, 20), params(OrchestratorParams))
@settings(max_examples=200)
def test_exit_and_entry_of_nodes_are_those_of_the_text(seed, n, p):
    nodes, edges, fan_out = network(seed, n)
    p, draw = p.replace(exit_per_year=0.6), Draws(seed).at(seed % 50)
    names = {"kind": "node_kind", "quality": "quality", "traffic": "traffic_calls", "entries": "entries"}
    rows = [{k: getattr(nodes, v)[i].item() for k, v in names.items()} for i in range(n)]
    told, told_gone = orchestrator_oracle.turnover(
        rows,
        edges.tolist(),
        fan_out.tolist(),
        lambda j: float(draw("orchestrator.exit", [j])[0]),
        lambda newcomer: float(draw.normal("orchestrator.entry", [newcomer])[0]),
        lambda i, newcomer: float(draw("orchestrator.link", [(i << 32) | newcomer])[0]),
        p,
    )
    was = edges.copy()
    got, gone = orchestrator.turnover(nodes, edges, fan_out, draw, p)
    assert gone.tolist() == told_gone
    same(got, told, rtol=1e-11)
    for k, v in names.items():
        same(getattr(nodes, v), [row[k] for row in rows])
    assert (edges == was).all()  # last month's edges are not touched
    assert (got >= 0).all()
    same(got.sum(axis=1), fan_out)  # no caller loses its calls


def test_a_caller_whose_only_link_is_replaced_calls_the_newcomer():
    nodes, p = Orchestrators(2), OrchestratorParams(exit_per_year=0.6)
    fill(nodes, node_kind=[ORCHESTRATOR, TOOL], quality=1.0, price_usd_per_call=1e-4, traffic_calls=1.0)
    edges, replaced = np.array([[0.0, 3.0], [0.0, 0.0]]), 0
    for month in range(200):
        edges, gone = orchestrator.turnover(nodes, edges, np.array([3.0, 0.0]), Draws(1).at(month), p)
        replaced += gone.size
        same(edges, [[0.0, 3.0], [0.0, 0.0]])
    assert replaced == nodes.entries[1] > 0

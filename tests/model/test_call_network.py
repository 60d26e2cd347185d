"""The orchestrator layer against its twin, its limits and the published traffic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.layers import orchestrator
from model.layers.orchestrator import CallNetworkParams
from tests.reference import orchestrator as twin

share = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


def same(got, expected, rtol=1e-12, atol=0.0):
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)


@st.composite
def networks(draw, largest=5):
    """Edges, scaled so that each node causes fewer calls than it gets, and external calls."""
    n = draw(st.integers(1, largest))
    entry = st.one_of(st.just(0.0), st.floats(0.01, 1.0))
    edges = draw(st.lists(st.lists(entry, min_size=n, max_size=n), min_size=n, max_size=n))
    external = draw(st.lists(st.one_of(st.just(0.0), st.floats(0.1, 1e6)), min_size=n, max_size=n))
    return [[x / n for x in row] for row in edges], external


@given(networks(), st.floats(0, 0.9))
def test_traffic_is_its_power_series(network, scale):
    edges, external = network
    got = orchestrator.traffic(np.array(edges), scale, np.array(external))
    same(got, twin.traffic(edges, scale, external), atol=1e-14 * sum(external))
    assert (got >= np.array(external) * (1 - 1e-12)).all()


def test_the_published_traffic_and_no_network_at_all():
    """Replication B22."""
    p = np.array([[0, 0.5, 0.2], [0, 0, 0.4], [0.1, 0, 0]])
    same(orchestrator.traffic(p, 1.0, np.array([1.0, 0, 0])), [1.041667, 0.520833, 0.416667], rtol=0, atol=1e-6)
    assert orchestrator.traffic(p, 0.0, np.array([1.0, 2.0, 3.0])).tolist() == [1.0, 2.0, 3.0]
    assert orchestrator.traffic(np.zeros((0, 0)), 1.0, np.zeros(0)).size == 0
    assert orchestrator.spectral_radius(np.zeros((0, 0))) == 0.0


@given(networks())
def test_the_spectral_radius_is_gelfands_limit(network):
    """rtol 1e-7 and atol 1e-3: eigenvalues that coincide are found to the root of the rounding error only."""
    edges, _ = network
    got, expected = orchestrator.spectral_radius(np.array(edges)), twin.spectral_radius(edges)
    assert got == pytest.approx(expected, rel=1e-7, abs=1e-3)
    assert orchestrator.spectral_radius(2.0 * np.array(edges)) == pytest.approx(2.0 * got, rel=1e-9, abs=1e-3)
    same(orchestrator.spectral_radius(np.array([[0.0, 0.5], [0.5, 0.0]])), 0.5)


@given(networks(4), st.one_of(st.sampled_from([0.0, 1.0]), st.floats(1.1, 20)), st.floats(0.5, 0.95))
@settings(max_examples=20)
def test_a_template_causes_its_calls_or_meets_the_cap(network, calls, radius_max):
    """rtol 1e-6: the twin's halving and, at the cap, both radii."""
    edges, external = network
    edges = [[x + 0.05 for x in row] for row in edges]
    external[0] += 1.0
    got = orchestrator.template_scale(np.array(edges), np.array(external), calls, radius_max)
    assert got == pytest.approx(twin.template_scale(edges, external, calls, radius_max), rel=1e-6)
    caused = orchestrator.traffic(np.array(edges), got, np.array(external)).sum() / sum(external)
    radius = got * orchestrator.spectral_radius(np.array(edges))
    assert radius <= radius_max * (1 + 1e-9)
    assert caused == pytest.approx(max(calls, 1.0), rel=1e-6) or radius == pytest.approx(radius_max, rel=1e-6)


@given(networks(), st.floats(0, 50), st.floats(0.5, 0.98))
def test_the_cap_is_its_twin(network, scale, radius_max):
    edges = [[x + 0.05 for x in row] for row in network[0]]
    got = orchestrator.capped(scale, np.array(edges), radius_max)
    assert got == pytest.approx(twin.capped(scale, edges, radius_max), rel=1e-7)
    assert got <= scale


@given(share, st.floats(0, 1), st.floats(0.35, 0.6), st.floats(0.01, 0.3))
def test_several_agents_work_where_one_is_not_good_enough(success, largest, threshold, width):
    p = CallNetworkParams(multi_share_max=largest, multi_threshold=threshold, multi_width=width)
    got = orchestrator.multi_share(success, p)
    assert got == pytest.approx(twin.multi_share(success, largest, threshold, width), rel=1e-12)
    assert orchestrator.multi_share(success + 0.1, p) <= got <= largest
    assert orchestrator.multi_share(threshold, p) == pytest.approx(largest / 2)


@given(share, st.floats(0.05, 2))
def test_the_batch_tier_is_a_logit(discount, scale):
    p = CallNetworkParams(batch_scale=scale)
    got = orchestrator.batch_share(discount, p)
    assert got == pytest.approx(twin.batch_share(discount, scale), rel=1e-12)
    assert orchestrator.batch_share(discount + 0.1, p) >= got >= 0.5


@given(networks(), share, st.floats(0, 0.9))
def test_traffic_is_that_of_both_templates(network, several, scale):
    edges, external = network
    got = orchestrator.task_traffic(np.array(edges), (scale, scale / 2), several, np.array(external))
    told = twin.task_traffic(edges, (scale, scale / 2), several, external)
    same(got, told, rtol=1e-10, atol=1e-14 * sum(external))

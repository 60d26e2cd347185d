"""The link layer against its twin, its limits, the published roofline (replication B17) and Erlang's C (replication B 21)."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.layers import link
from model.layers.link import LinkParams
from tests.reference import link as twin
from tests.strategies import params

BANDWIDTH, MEMORY = 3.35e12, 80e9


def same(got, expected, rtol=1e-12, atol=1e-300):
    np.testing.assert_allclose(got, np.array(expected, dtype=float), rtol=rtol, atol=atol)


def link_params():
    """Any within the declared ranges; one in four with every expert touched by each token."""
    return st.one_of(params(LinkParams), params(LinkParams), params(LinkParams), params(LinkParams, sparsity=1.0))


orders = st.floats(6, 17).map(lambda x: 10.0**x)
amount = st.one_of(st.just(0.0), orders)


@st.composite
def loads(draw, smallest=0):
    """Tokens (S, N, 3), parameters (N,), prompts (S,), gains (N,)."""
    n = draw(st.integers(smallest, 6))
    cell = st.lists(amount, min_size=3, max_size=3)
    tokens = draw(st.lists(st.lists(cell, min_size=n, max_size=n), min_size=2, max_size=2))
    active = draw(st.lists(st.floats(7, 12.5).map(lambda x: 10.0**x), min_size=n, max_size=n))
    prompts = draw(st.lists(st.floats(50, 1e5), min_size=2, max_size=2))
    gain = draw(st.lists(st.floats(1, 1.42), min_size=n, max_size=n))
    return tokens, active, prompts, gain


def serve(load, p, overhead=1.0):
    tokens, active, prompts, gain = (np.array(x, dtype=float) for x in load)
    return link.serving(tokens.reshape(2, -1, 3), active, prompts, gain, BANDWIDTH, MEMORY, p, overhead)


def room(load, p):
    """Largest batch memory allows: what weights leave of twice their size, in contexts of the mean prompt; and the step."""
    tokens, active, prompts, _ = load
    for j, n in enumerate(active):
        weight = [sum(row[j]) for row in tokens]
        context = np.average(prompts, weights=weight) if sum(weight) else np.mean(prompts)
        weights = n * p.sparsity * p.weight_bytes
        machines = max(math.ceil(2 * weights / MEMORY), 1)
        held = twin.kv_bytes(n, p) * context
        step = partial(
            twin.step_seconds, active=n, kv_context_bytes=held, accelerators=machines, bytes_per_s=BANDWIDTH, p=p
        )
        yield max((machines * MEMORY - weights) / held, 1.0), step


@given(loads(), link_params(), st.floats(1, 30))
def test_serving_is_its_twin(load, p, overhead):
    """Batches, and what they enter, to 1e-9: the twin iterates, and stops late where a load is nearly too large."""
    got = serve(load, p, overhead)
    hours, flop, seconds, batch, step = twin.serving(*load, BANDWIDTH, MEMORY, p, overhead)
    size = len(load[1])
    same(got.batch, batch, rtol=1e-9)
    same(got.step_seconds, step, rtol=1e-9)
    same(got.seconds_per_token, np.reshape(seconds, (size, 3)), rtol=1e-9)
    same(got.hours, np.reshape(hours, (2, size)), rtol=1e-9)
    same(got.flop, np.reshape(flop, (2, size)), rtol=1e-12)


@given(loads(1), link_params())
def test_a_batch_is_within_memory_patience_and_load(load, p):
    got = serve(load, p)
    per_s = np.array(load[0]).reshape(2, -1, 3)[:, :, 2].sum(axis=0) / (730 * 3600)
    for b, step, (most, seconds), rate in zip(got.batch, got.step_seconds, room(load, p), per_s, strict=True):
        copies = twin.replicas(rate, seconds, most, p)
        assert 1.0 <= b <= most * (1 + 1e-9)
        if b > 1.0:
            assert step <= p.step_seconds_max * (1 + 1e-9)
            assert b <= rate * step / copies * (1 + 1e-9)
        if 1.0 < b < most * (1 - 1e-9) and step < p.step_seconds_max * (1 - 1e-9):
            assert b == pytest.approx(rate * step / copies, rel=1e-9)


@given(loads(1), link_params(), st.floats(1.0, 1e4))
def test_more_load_means_larger_batches_and_cheaper_tokens(load, p, factor):
    less = serve(load, p)
    more = serve((np.array(load[0]) * factor, *load[1:]), p)
    assert (more.batch >= less.batch * (1 - 1e-9)).all()
    assert (more.step_seconds >= less.step_seconds * (1 - 1e-9)).all()
    assert (more.seconds_per_token[:, 2] <= less.seconds_per_token[:, 2] * (1 + 1e-9)).all()
    same(more.seconds_per_token[:, :2], less.seconds_per_token[:, :2])
    same(more.flop, less.flop * factor)
    assert (more.hours <= less.hours * factor * (1 + 1e-9)).all()
    assert (more.hours >= less.hours * (1 - 1e-9)).all()


def test_load_moves_the_batch_from_one_to_its_bound():
    p = LinkParams()
    batch = [
        float(serve(([[[0, 0, 10.0 ** (e / 4)]], [[0, 0, 0]]], [7e10], [500, 500], [1]), p).batch[0])
        for e in range(24, 70)
    ]
    assert batch[0] == 1.0
    assert batch == sorted(batch)
    assert len(set(batch)) > 10
    assert batch[-1] == batch[-2] > 100.0


@given(loads(2), link_params())
def test_nets_do_not_touch_each_other(load, p):
    tokens, active, prompts, gain = load
    forward = serve(load, p)
    backward = serve(([row[::-1] for row in tokens], active[::-1], prompts, gain[::-1]), p)
    for a, b in zip(forward, backward, strict=True):
        axis = 1 if a.shape[0] == 2 and a.ndim == 2 and a.shape[1] == len(active) else 0
        same(np.flip(b, axis=axis), a)


@given(loads(1), link_params())
def test_work_divides_by_the_architectures_gain_and_by_class(load, p):
    tokens, active, prompts, gain = load
    plain = serve((tokens, active, prompts, [1.0] * len(active)), p)
    gained = serve(load, p)
    same(gained.seconds_per_token[:, 2] * gain, plain.seconds_per_token[:, 2])
    assert gained.flop.tolist() == plain.flop.tolist()
    same(gained.hours * 3600, (np.array(tokens) * gained.seconds_per_token[None]).sum(axis=2))
    none = serve((np.zeros_like(tokens), active, prompts, gain), p)
    assert none.hours.sum() == none.flop.sum() == 0.0
    assert (none.batch == 1.0).all()


@given(st.one_of(st.just(0.0), orders), params(LinkParams))
def test_software_learns_by_doing(served, p):
    got = link.software_overhead(served, p)
    assert got == pytest.approx(twin.software_overhead(served, p), rel=1e-12)
    assert min(p.software_scale, p.software_floor) <= got <= p.software_scale
    assert link.software_overhead(served * 2, p) <= got
    assert link.software_overhead(0.0, p) == pytest.approx(p.software_scale)


positive = st.floats(0.01, 1e5)


@given(st.lists(st.tuples(positive, st.floats(1e7, 1e13), positive, st.integers(1, 999)), max_size=20), link_params())
def test_a_step_is_its_twin(rows, p):
    """rtol 1e-10: of a mixture's experts few are touched, which is one less nearly one."""
    columns = [np.array([r[i] for r in rows], dtype=float) for i in range(4)]
    columns[2] = columns[2] * 1e9
    got = link.step_seconds(*columns, BANDWIDTH, p)
    same(got, [twin.step_seconds(*map(float, r), BANDWIDTH, p) for r in zip(*columns, strict=True)], rtol=1e-10)
    assert (got >= p.latency_s_per_step).all()
    assert (link.step_seconds(columns[0] * 2, *columns[1:], BANDWIDTH, p) >= got * (1 - 1e-12)).all()
    assert (link.step_seconds(columns[0] * 2, *columns[1:], BANDWIDTH, p) <= got * 2 * (1 + 1e-9)).all()


def bare(batch, p, active=7e10, machines=8.0):
    """A step of an n-parameter net on H100s, contexts and latency aside."""
    args = (np.array(x) for x in (batch, active, 0.0, machines))
    return float(link.step_seconds(*args, BANDWIDTH, p)) - p.latency_s_per_step


def test_the_published_roofline():
    """Replication B17: Llama-3-70B at bf16 on eight H100s: 5.22 ms, 191 tokens a second, ridge at 295 FLOP a byte."""
    p = LinkParams(sparsity=1.0, weight_bytes=2.0, decode_utilisation=0.5)
    assert bare(1.0, p) == pytest.approx(5.22e-3, rel=0.005)
    assert 1.0 / bare(1.0, p) == pytest.approx(191.0, rel=0.005)
    ridge = 295.0 * p.decode_utilisation  # FLOP = 2 N b, bytes = 2 N
    assert bare(0.995 * ridge, p) == bare(1.0, p)
    assert bare(1.005 * ridge, p) > bare(1.0, p) * 1.001
    per_s = 1e5 / bare(1e5, p) / 8.0
    assert per_s == pytest.approx(7064.0 * p.decode_utilisation, rel=0.005)  # compute bound, per H100
    assert float(link.kv_bytes(np.array(7e10), LinkParams(kv_bytes_per_token=327_680.0))) == 327_680.0


def test_context_grows_with_the_net_as_observed():
    """131 to 516 kB a token from 8B to 405B (erdil2025inference); the cube root gives 159 to 588: within a quarter."""
    p = LinkParams(kv_bytes_per_token=327_680.0)
    for n, observed in ((8e9, 131_072.0), (4.05e11, 516_096.0)):
        assert float(link.kv_bytes(np.array(n), p)) == pytest.approx(observed, rel=0.25)
    active = np.array([1e7, 7e10, 1e13])
    same(link.kv_bytes(active, p), [twin.kv_bytes(n, p) for n in active.tolist()])


@given(
    st.lists(st.tuples(st.floats(0, 1e12), st.one_of(st.just(0.0), st.floats(1, 1e8))), max_size=20),
    st.floats(0.3, 0.5),
    st.floats(0, 0.15),
)
def test_training_and_roll_outs_are_their_twins(rows, utilisation, penalty):
    p = LinkParams(training_utilisation=utilisation, scale_out_penalty=penalty)
    hours, cluster = (np.array([r[i] for r in rows]) for i in range(2))
    got = link.training_flop(hours, cluster, p)
    same(got, [twin.training_flop(*r, p) for r in rows])
    same(link.rollout_flop(hours, p), [twin.rollout_flop(h, p) for h in hours.tolist()])
    assert (link.training_flop(hours, cluster * 2, p) <= got * (1 + 1e-12)).all()
    assert (got <= hours * 3600 * 9.89e14 * 0.6 * (1 + 1e-12)).all()


@given(st.integers(1, 60), st.one_of(st.sampled_from([0.0, 0.5, 1.0, 1.2]), st.floats(0, 1)))
def test_erlang_c_is_a_sum_over_queue_lengths(servers, busy):
    load = servers * busy
    got = link.erlang_c(servers, load)
    assert got == pytest.approx(twin.erlang_c(servers, load), rel=1e-11)  # 1 - load/servers, then a quotient of it
    assert 0.0 <= got <= 1.0
    assert link.erlang_c(servers, min(load + 0.1, servers)) >= got
    assert link.erlang_c(servers + 1, load) <= got
    assert link.waiting(servers, load, 1.0) == pytest.approx(twin.waiting(servers, load, 1.0), rel=1e-11)


@pytest.mark.parametrize(
    ("servers", "load", "c", "wait"), [(2, 1.5, 0.642857, 1.285714), (10, 8.0, 0.409180, 0.204590)]
)
def test_the_published_erlang_c(servers, load, c, wait):
    assert link.erlang_c(servers, load) == pytest.approx(c, abs=1e-6)
    assert link.waiting(servers, load, 1.0) == pytest.approx(wait, abs=1e-6)


def test_one_server_and_a_full_queue():
    """M/M/1: waits with the share busy, load / (mu - lambda) on average; nobody is served beyond capacity."""
    assert link.erlang_c(1, 0.7) == pytest.approx(0.7)
    assert link.waiting(1, 0.7, 1.0) == pytest.approx(0.7 / 0.3)
    assert link.waiting(3, 0.0, 1.0) == 0.0
    for arrivals in (3.0, 4.0):
        assert link.waiting(3, arrivals, 1.0) == math.inf
    assert link.waiting(3, 1.0, 0.0) == math.inf
    assert link.waiting(4, 6.0, 2.0) == pytest.approx(link.waiting(4, 3.0, 1.0) / 2)


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_waiting_is_what_a_queue_does(seed):
    """A simulated M/M/2 queue of 40,000 customers; waits are correlated, so the bound is a tenth, five times their error."""
    rng = np.random.default_rng(seed)
    arrive = np.cumsum(rng.exponential(1 / 1.2, 40_000))
    serve_s = rng.exponential(1.0, 40_000)
    free, waits = [0.0, 0.0], []
    for t, s in zip(arrive.tolist(), serve_s.tolist(), strict=True):
        i = free.index(min(free))
        start = max(t, free[i])
        waits.append(start - t)
        free[i] = start + s
    assert np.mean(waits) == pytest.approx(link.waiting(2, 1.2, 1.0), rel=0.2)

"""Draws: equal to a scalar twin bit for bit, independent of everything but their key, and uniform."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from model.core import draws
from model.core.draws import Draws, MonthDraws
from tests.reference import core as oracle

seeds = st.integers(-(2**40), 2**70)
streams = st.sampled_from(["human.adopt", "lab.exit", "feature.value", "Ω.x", ""])
months = st.integers(0, 1000)
identifier = st.one_of(st.integers(0, 100), st.integers(0, 2**62), st.just(2**63 - 1))
id_lists = st.lists(identifier, max_size=20)


@given(seeds, streams, months, id_lists, st.integers(0, 9))
def test_a_draw_is_its_scalar_twin_bit_for_bit(seed, stream, month, ids, k):
    got = Draws(seed).at(month)(stream, ids, k=k)
    assert got.shape == (len(ids),)
    assert got.tolist() == [oracle.uniform(seed, stream, month, i, k) for i in ids]
    assert draws.key(seed, stream, month, k) == oracle.key(seed, stream, month, k)
    assert ((got >= 0.0) & (got < 1.0)).all()


@given(st.integers(-(2**70), 2**70), st.text(max_size=20))
def test_the_pieces_of_the_key_are_their_twins(z, name):
    assert draws.mix(z) == oracle.mix(z)
    assert draws.stream_number(name) == oracle.stream_number(name)


def test_the_finaliser_is_splitmix64():
    """First outputs of the reference implementation from state 0 (Steele, Lea and Flood 2014; Vigna's splitmix64.c)."""
    assert draws.mix(0) == 0xE220A8397B1DCDAF
    assert draws.mix(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4
    assert draws.stream_number("123456789") == 0xCBF43926  # the check value of CRC-32


@given(seeds, st.permutations(list(range(20))), st.integers(0, 20))
def test_order_and_company_change_nothing(seed, ids, cut):
    draw = MonthDraws(seed, 7)
    whole = dict(zip(ids, draw("human.adopt", ids).tolist(), strict=True))
    assert whole == dict(zip(range(20), draw("human.adopt", range(20)).tolist(), strict=True))
    subset = ids[:cut]
    assert draw("human.adopt", subset).tolist() == [whole[i] for i in subset]
    newcomer = draw("human.adopt", [*range(20), 10**12]).tolist()
    assert newcomer[:20] == [whole[i] for i in range(20)]


def test_calls_in_between_change_nothing():
    draw = Draws(5).at(3)
    before = draw("human.adopt", [1, 2, 3]).tolist()
    draw("lab.exit", np.arange(1000))
    draw("human.adopt", [1, 2, 3], k=1)
    Draws(5).generator("graph.humans").random(10)
    assert draw("human.adopt", [1, 2, 3]).tolist() == before


def test_different_keys_give_different_draws():
    ids = np.arange(200)
    columns = {}
    for seed, stream, month, k in itertools.product((1, 2), ("human.adopt", "lab.exit"), (3, 4), (0, 1)):
        columns[seed, stream, month, k] = tuple(Draws(seed).at(month)(stream, ids, k=k).tolist())
    assert len(set(columns.values())) == 16
    values = list(itertools.chain.from_iterable(columns.values()))
    assert len(set(values)) == len(values)


def test_months_and_k_of_numpy_type_are_as_good():
    expected = Draws(1).at(3)("human.adopt", [4], k=2).tolist()
    assert Draws(np.int64(1)).at(np.int64(3))("human.adopt", np.array([4]), k=np.int32(2)).tolist() == expected


@pytest.mark.parametrize("stream", ["human.adopt", "lab.exit", "auction.bid", "provider.fail"])
def test_uniformity(stream):
    """Chi-square on 100 bins of 100,000 draws; the bound is passed by chance once in a million."""
    n, bins = 100_000, 100
    for month in range(3):
        u = Draws(11).at(month)(stream, np.arange(n))
        counts = np.bincount((u * bins).astype(int), minlength=bins)
        assert ((counts - n / bins) ** 2).sum() / (n / bins) < chi2.ppf(1 - 1e-6, bins - 1)


def test_neighbouring_keys_are_uncorrelated():
    """Ids, months, k and streams side by side: |r| below 5 standard errors."""
    ids = np.arange(50_000)
    base = Draws(2).at(5)("human.adopt", ids)
    others = [
        Draws(2).at(5)("human.adopt", ids + 1),
        Draws(2).at(6)("human.adopt", ids),
        Draws(2).at(5)("human.adopt", ids, k=1),
        Draws(3).at(5)("human.adopt", ids),
        Draws(2).at(5)("human.adopu", ids),
        Draws(2).at(5)("human.adopt", ids << 32),
    ]
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 5 / np.sqrt(ids.size)


@given(seeds, st.lists(st.integers(0, 10**6), max_size=20))
def test_normal_is_the_inverse_of_the_same_uniform(seed, ids):
    """rtol 1e-9: the twin halves erfc, whose last digits near u = 1 are coarse."""
    draw = MonthDraws(seed, 1)
    expected = [oracle.normal(u) for u in draw("a.b", ids).tolist()]
    np.testing.assert_allclose(draw.normal("a.b", ids), expected, rtol=1e-9, atol=1e-9)


def test_a_normal_of_zero_is_finite(monkeypatch):
    monkeypatch.setattr(draws, "_uniform", lambda base, ids: np.array([0.0, 0.5, 1.0 - 2.0**-53]))
    got = MonthDraws(1, 1).normal("a.b", [0, 1, 2])
    assert np.isfinite(got).all()
    assert got[0] < -8.0
    assert got[1] == 0.0


@given(seeds, st.sampled_from([*draws.TRAITS, "a.b", "c.d"]), st.lists(st.integers(0, 10**9), max_size=20))
def test_a_trait_is_its_twin(seed, stream, ids):
    got = Draws(seed).trait(stream, ids)
    assert got.tolist() == [oracle.trait(seed, stream, i, draws.TRAITS) for i in ids]
    assert ((got > 0.0) & (got < 1.0)).all()


def test_declared_traits_have_dimensions_of_their_own():
    places = [draws.trait_dimension(t) for t in draws.TRAITS]
    assert places == list(range(len(draws.TRAITS)))
    assert draws.trait_dimension("a.b") >= len(draws.TRAITS)


@pytest.mark.parametrize("stream", draws.TRAITS)
def test_few_rows_already_have_the_distribution(stream):
    """Star discrepancy of 200 points: below 0.03; independent draws have about 0.06 (KS median .83 / sqrt(n))."""
    n = 200
    u = np.sort(Draws(4).trait(stream, np.arange(n)))
    steps = np.arange(n + 1) / n
    assert max(np.abs(u - steps[1:]).max(), np.abs(u - steps[:-1]).max()) < 0.03


def test_traits_of_one_id_do_not_depend_on_the_others():
    d = Draws(9)
    assert d.trait("human.wage", [3, 9])[1] == d.trait("human.wage", [9])[0]
    assert d.trait("human.wage", [9])[0] != Draws(10).trait("human.wage", [9])[0]


def test_generators_are_seeded_by_name():
    a, b = Draws(3).generator("graph.humans").random(5), Draws(3).generator("graph.humans").random(5)
    assert a.tolist() == b.tolist()
    assert a.tolist() != Draws(3).generator("graph.labs").random(5).tolist()
    assert a.tolist() != Draws(4).generator("graph.humans").random(5).tolist()

"""Measures against their twins, their limits and what they must never do."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.errors import InputError
from model.core.ledger import SECTORS
from model.core.units import WORK, month_date
from model.results import accounts, measures
from tests.reference import measures as oracle

amount = st.one_of(st.just(0.0), st.floats(1e-6, 1e12))
column = st.lists(amount, min_size=len(WORK), max_size=len(WORK))
shares_01 = st.lists(st.one_of(st.sampled_from([0.0, 0.5, 1.0, math.nan]), st.floats(0, 1)), min_size=0, max_size=70)


def frame(hours, flop, energy, usd):
    """Return compute.parquet's rows of (U, T) arrays."""
    rows = {}
    for u, w in enumerate(WORK):
        for t in range(hours.shape[1]):
            key = (month_date(t), w.purpose, w.consumer, w.kernel)
            old = rows.get(key, (0.0,) * 4)
            new = (flop[u, t], hours[u, t], energy[u, t], usd[u, t])
            rows[key] = tuple(a + b for a, b in zip(old, new, strict=True))
    names = ["month", "purpose", "consumer", "kernel", "flop", "accelerator_hours", "energy_kwh", "usd"]
    table = [(*key, *values) for key, values in rows.items()]
    return pl.DataFrame(table, schema=names, orient="row").with_columns(pl.lit(1).alias("seed"))


def close(a, b, rtol=1e-12):
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=rtol, abs_tol=0.0)


# Shares -----------------------------------------------------------------------------------------------


@given(column, column, column, column, st.floats(0, 1))
def test_every_share_is_its_definition(hours, flop, energy, usd, f_o):
    got = measures.shares(*(np.array(x)[:, None] for x in (hours, flop, energy, usd)), f_o)
    rows = [(w.purpose, w.kernel, *x) for w, *x in zip(WORK, hours, flop, energy, usd, strict=True)]
    assert set(got) == {"inference_share_" + d for d in measures.DEFINITIONS}
    for definition in measures.DEFINITIONS:
        assert close(float(got["inference_share_" + definition][0]), oracle.share(definition, rows, f_o))


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_the_result_table_alone_reproduces_every_share(seed, months):
    rng = np.random.default_rng(seed)
    x = [rng.lognormal(0, 3, (len(WORK), months)) * (rng.random((len(WORK), 1)) < 0.8) for _ in range(4)]
    f_o = rng.random(months)
    direct = measures.shares(*x, f_o)
    table = frame(*x).sample(fraction=1.0, shuffle=True, seed=seed % 1000)
    for definition in measures.DEFINITIONS:
        for name in (definition, "inference_share_" + definition):
            share = measures.ratios(*measures.numerator_denominator(name, table, f_o))
            np.testing.assert_allclose(share, direct["inference_share_" + definition], rtol=1e-12)


def test_shares_take_a_single_month_and_know_where_other_ai_and_on_board_stand():
    x = np.zeros(len(WORK))
    names = [w.name for w in WORK]
    for name, value in (("assistant", 1.0), ("final_run", 1.0), ("ranking", 4.0), ("other", 4.0), ("device", 2.0)):
        x[names.index(name)] = value
    got = {k: float(v) for k, v in measures.shares(x, x, x, x, 0.25).items()}
    assert got["inference_share_accelerator_hours"] == 0.5
    assert got["inference_share_accelerator_hours_with_on_board"] == 0.75
    assert got["inference_share_all_ai"] == 0.6
    assert got["inference_share_all_ai_with_on_board"] == pytest.approx(8 / 12)


def test_nothing_computed_is_undefined_and_bad_input_is_refused():
    none = np.zeros((len(WORK), 2))
    assert all(np.isnan(v).all() for v in measures.shares(none, none, none, none).values())
    with pytest.raises(InputError, match="work classes"):
        measures.shares(none[1:], none, none, none)
    table = frame(*[none + 1.0] * 4)
    with pytest.raises(InputError, match="nearest: 'kernel'"):
        measures.numerator_denominator("kernl", table)
    two = pl.concat([table, table.with_columns(pl.lit(2).alias("seed"))])
    with pytest.raises(InputError, match="several seeds"):
        measures.numerator_denominator("kernel", two)


def test_the_ai_2027_table_gives_its_own_shares():
    """Deployment 33 %, forward-only work 56 % of the leading lab's compute in 2024 (replication B24)."""
    x = np.zeros(len(WORK))
    names = [w.name for w in WORK]
    table = {"assistant": 33 + 2, "final_run": 40, "synthetic_data": 20, "experiment": 4, "research_automation": 1}
    for name, value in table.items():
        x[names.index(name)] = value
    got = measures.shares(x, x, x, x)
    assert float(got["inference_share_kernel"]) == pytest.approx(0.56)
    assert float(got["inference_share_purpose"]) == pytest.approx(0.35)  # monitoring's 2 % counted as serving


# Crossover --------------------------------------------------------------------------------------------


@given(shares_01, st.integers(0, 30), st.integers(1, 13), st.sampled_from([0.5, 2 / 3]))
def test_crossover_is_its_definition(share, first, window, level):
    below = [0.0 if i % 17 == 3 else 1.0 for i in range(len(share))]
    above = [s * b for s, b in zip(share, below, strict=True)]
    got = measures.crossover(np.array(above), np.array(below), first, window, level)
    assert (got.outcome, got.index, got.provisional) == oracle.crossover(above, below, first, window, level)


@given(st.lists(st.floats(1e-3, 1e3), min_size=0, max_size=60), st.integers(1, 13))
def test_rolling_share_is_its_definition(x, window):
    got = measures.rolling_share(np.array(x), np.array(x[::-1]), window)
    for a, b in zip(got.tolist(), oracle.rolling(x, x[::-1], window), strict=True):
        assert close(a, b)


def monthly(*spells):
    """Return a share with R(t) of the same shape: window 1 is used with it."""
    return np.concatenate([np.full(months, level) for level, months in spells])


@pytest.mark.parametrize(
    ("spells", "expected"),
    [
        ([(0.2, 60)], ("never", None, False)),
        ([(0.5, 60)], ("never", None, False)),  # one half is not above one half
        ([(0.9, 60)], ("before_start", 23, False)),
        ([(0.2, 10), (0.9, 20), (0.2, 30)], ("before_start", 23, False)),  # held 12 months, from before
        ([(0.2, 20), (0.9, 8), (0.2, 30)], ("reverted", None, False)),  # above at the first date, did not last
        ([(0.2, 20), (0.9, 8), (0.2, 12), (0.9, 30)], ("month", 40, False)),
        ([(0.9, 20), (0.2, 40)], ("never", None, False)),  # came and went before the first date
        ([(0.2, 23), (0.9, 30)], ("month", 23, False)),  # crosses at the first date itself
        ([(0.2, 30), (0.9, 30)], ("month", 30, False)),
        ([(0.2, 30), (0.9, 12)], ("month", 30, False)),
        ([(0.2, 30), (0.9, 11)], ("month", 30, True)),  # the run ends first
        ([(0.2, 30), (0.9, 11), (0.2, 20)], ("reverted", None, False)),
        ([(0.2, 30), (0.9, 11), (0.2, 9), (0.9, 3)], ("month", 50, True)),
        ([(0.2, 30), (0.9, 12), (0.2, 20)], ("month", 30, False)),  # what held a year has crossed
        ([(np.nan, 30), (0.9, 30)], ("month", 30, False)),  # nothing computed before: a jump is a crossing
        ([(np.nan, 23), (0.9, 30)], ("before_start", 23, False)),
        ([(np.nan, 60)], ("never", None, False)),
        ([(0.9, 23)], ("never", None, True)),  # the run ends before the first date
        ([], ("never", None, True)),
    ],
)
def test_each_edge_of_the_crossover(spells, expected, monkeypatch):
    r = monthly(*spells) if spells else np.zeros(0)
    monkeypatch.setattr(measures, "rolling_share", lambda *_: r)
    got = measures.crossover(r, r)
    assert (got.outcome, got.index, got.provisional) == expected


def test_months_without_compute_do_not_matter_and_twelve_months_smooth():
    numerator = np.r_[np.full(6, np.nan), np.zeros(34), np.full(60, 9.0)]
    denominator = np.r_[np.full(6, np.nan), np.full(34, 10.0), np.full(60, 10.0)]
    got = measures.crossover(numerator, denominator)
    assert (got.outcome, got.index) == ("month", 46)  # 7 of 12 months at .9 is the first above one half
    assert measures.dominance(numerator, denominator).index == 48
    flat = np.full(60, 0.6)
    assert measures.dominance(flat, np.ones(60)).outcome == "never"


def test_shapes_that_differ_are_refused():
    with pytest.raises(InputError, match="shapes"):
        measures.crossover(np.ones(30), np.ones(31))


@given(st.lists(st.one_of(st.none(), st.integers(23, 160)), min_size=1, max_size=40))
def test_summary_is_its_definition(indices):
    runs = [measures.Crossover("never" if i is None else "month", i, False) for i in indices]
    got = measures.crossover_summary(runs)
    expected = oracle.summary(indices)
    for name, index in zip(("median", "low", "high"), expected[:3], strict=True):
        assert got[name] == (None if index is None else month_date(index).isoformat()[:7])
    assert got["share_crossed"] == expected[3]


def test_a_median_needs_more_than_half():
    crossed, never = measures.Crossover("month", 60, True), measures.Crossover("reverted", None, False)
    assert measures.crossover_summary([crossed, never])["median"] is None
    assert measures.crossover_summary([crossed, crossed, never])["median"] == "2027-01"
    assert measures.crossover_summary([crossed])["high"] == "2027-01"
    assert measures.crossover_summary([crossed], start="2020-01")["low"] == "2025-01"
    assert measures.crossed_by([crossed, never], [2026, 2027]) == {2026: 0.0, 2027: 0.5}
    with pytest.raises(InputError, match="no runs"):
        measures.crossover_summary([])


# Kaya -------------------------------------------------------------------------------------------------

quantities = st.integers(1, 5).flatmap(
    lambda c: st.lists(
        st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e25)), min_size=c, max_size=c), min_size=10, max_size=10
    )
)


@given(quantities)
def test_kaya_is_exact_and_its_definition(rows):
    before, after = rows[:5], rows[5:]
    got = accounts.kaya(np.array(before), np.array(after))
    expected = np.array(oracle.kaya(before, after))
    scale = max(sum(before[4]), sum(after[4]), 1e-40)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12 * scale)
    assert abs(math.fsum(got.ravel()) - (math.fsum(after[4]) - math.fsum(before[4]))) <= 1e-12 * scale
    by_class = np.array(after[4]) - np.array(before[4])
    assert np.abs(got.sum(axis=0) - by_class).max() <= 1e-12 * scale


@given(quantities, st.floats(-1e-3, 1e-3))
def test_kaya_is_exact_where_hardly_anything_changes(rows, drift):
    before = np.array(rows[:5])
    after = before * (1.0 + drift * np.linspace(-1.0, 1.0, before.size)).reshape(before.shape)
    scale = max(before[4].sum(), after[4].sum(), 1e-40)
    assert abs(accounts.kaya(before, after).sum() - (after[4].sum() - before[4].sum())) <= 1e-12 * scale


@given(st.floats(1e-60, 1e30), st.floats(1e-60, 1e30))
def test_log_mean_lies_between_and_is_symmetric(a, b):
    got = float(accounts.log_mean(a, b))
    assert min(a, b) * (1 - 1e-9) <= got <= max(a, b) * (1 + 1e-9)
    assert close(got, float(accounts.log_mean(b, a)), 1e-9)
    assert close(got, oracle.log_mean(a, b), 1e-9)


def test_kaya_credits_the_factor_that_moved():
    before = np.array([[10.0, 0.0], [20.0, 0.0], [40.0, 0.0], [80.0, 0.0], [160.0, 0.0]])
    after = before.copy()
    after[1:] *= 3.0  # three times the tasks a head
    got = accounts.kaya(before, after)
    assert got[1, 0] == pytest.approx(320.0)
    assert np.abs(np.delete(got, 1, axis=0)).sum() == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(InputError, match="kaya"):
        accounts.kaya(before[:4], after[:4])


# The hinge --------------------------------------------------------------------------------------------

usd = st.floats(1.0, 1e4)


@given(usd, usd, usd, st.floats(0, 0.9))
def test_in_money_inference_exceeds_half_when_rd_is_below_the_cost_of_serving(served, research, margin, other):
    """Exactly then, in the books of Eq. X.7; other: cost of revenue that is not compute, over the compute bill."""
    revenue = served * (1.0 + other) + margin
    profit = revenue - served - other * served
    direct, through = accounts.hinge_identity(served, research, revenue, profit, other * served)
    assert close(float(direct), float(through), 1e-6)
    h = accounts.hinge(research, revenue, profit)
    expected = oracle.hinge(research, revenue, profit)
    for got, want in zip(h[:4], expected, strict=True):
        assert close(float(got), want)
    if other == 0.0 and abs(served - research) > 1e-6 * served:
        below = float(h.rd_to_revenue) < float(h.serving_cost_to_revenue)
        assert (float(direct) > 0.5) == below


def test_the_identity_shows_books_that_do_not_follow_it():
    direct, through = accounts.hinge_identity(40.0, 30.0, 100.0, 70.0)  # ten of serving are missing from the books
    assert abs(float(direct) - float(through)) > 0.05
    direct, through = accounts.hinge_identity(40.0, 30.0, 100.0, 70.0, serving_by_others_usd=10.0)
    assert float(direct) == pytest.approx(float(through))


def test_hinge_without_revenue_is_undefined():
    h = accounts.hinge(np.array([1.0, 1.0]), np.array([0.0, 2.0]), np.array([0.0, 1.0]), np.array([5.0, 5.0]), 0.5)
    assert np.isnan(h.rd_to_revenue[0])
    assert np.isnan(h.share_usd_implied[0])
    assert (float(h.equity_to_revenue[1]), float(h.growth_implied[1])) == (2.5, 2.0)


# Concentration ----------------------------------------------------------------------------------------


@given(st.lists(amount, max_size=20))
def test_hhi_is_its_definition(sizes):
    got = measures.hhi(sizes)
    assert close(got, oracle.hhi(sizes))
    assert math.isnan(got) or 1 / len(sizes) - 1e-12 <= got <= 1 + 1e-12


@given(st.lists(st.integers(0, 200), max_size=20), st.integers(1, 10))
def test_degree_tail_is_its_definition(degrees, k_min):
    assert close(measures.degree_tail(degrees, k_min), oracle.degree_tail(degrees, k_min))


def test_degree_tail_finds_the_exponent_of_a_power_law():
    u = (np.arange(200_000) + 0.5) / 200_000
    drawn = np.floor(5.5 * (1 - u) ** (-1 / 2.0) + 0.5)  # alpha = 3
    assert measures.degree_tail(drawn, 6) == pytest.approx(3.0, rel=0.02)


def test_self_sustainability():
    got = measures.self_sustainability(np.array([1.0, 6.0]), np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    assert np.isnan(got[0])
    assert got[1] == 2.0


# Accounts of the layers -------------------------------------------------------------------------------

flow = st.tuples(
    st.sampled_from(SECTORS), st.sampled_from(SECTORS), st.sampled_from(["hours", "cash", "wallet"]), st.floats(0, 1e9)
)
part = st.lists(st.floats(0, 0.5), min_size=len(WORK), max_size=len(WORK))


@given(st.lists(flow, max_size=20), column, column, part, part, st.floats(0, 1), amount)
def test_layers_add_to_the_totals(flows, flop, energy, read, examined, reading, idle):
    got = accounts.stack_accounts(
        flows, np.array(flop), np.array(energy), np.array(read), np.array(examined), reading, {"cash"}, {"wallet"}, idle
    )
    value, cost, final = oracle.stack_money(flows, reading, {"cash"}, {"wallet"})
    size = sum(f[3] for f in flows)
    np.testing.assert_allclose(got.value_added_usd, value, rtol=1e-12, atol=1e-12 * size)
    np.testing.assert_allclose(got.cost_usd, cost, rtol=1e-12, atol=1e-12 * size)
    assert got.final_demand_usd == pytest.approx(final, rel=1e-12, abs=1e-12 * size)
    assert got.value_added_usd.sum() == pytest.approx(final, rel=1e-9, abs=1e-9 * size)
    assert got.flop.sum() == pytest.approx(sum(flop), rel=1e-9)
    assert got.energy_kwh.sum() == pytest.approx(sum(energy) + idle, rel=1e-9)


def test_machines_are_investment_and_refunds_are_not_sales():
    none = np.zeros(len(WORK))
    flows = [
        ("humans", "ai_agents", "fees", 10.0),
        ("ai_agents", "labs", "tokens", 6.0),
        ("labs", "providers", "hours", 4.0),
        ("providers", "hardware_suppliers", "chips", 50.0),
        ("providers", "energy_suppliers", "energy", 1.0),
        ("ai_agents", "humans", "wallet", 1.0),
        ("investors", "labs", "equity", 30.0),
        ("labs", "rest_of_world", "wages", 2.0),
    ]
    got = accounts.stack_accounts(flows, none, none, none, none, 0.5, refunds={"wallet"})
    assert got.value_added_usd.tolist() == [51.0, 3.0, 1.0, 1.0, 3.0, 0.0, 0.0]
    assert got.final_demand_usd == 59.0
    with pytest.raises(InputError, match="context_revenue_share"):
        accounts.stack_accounts(flows, none, none, none, none, 1.5)
    with pytest.raises(InputError, match="sum <= 1"):
        accounts.stack_accounts(flows, none, none, none + 0.6, none + 0.6, 0.5)


def test_first_date_is_the_index_of_the_default():
    assert month_date(23) == dt.date(2023, 12, 1)
    assert measures.FIRST_DATE == "2023-12"

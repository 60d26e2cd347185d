"""The physical layer against its twin, its limits and the data sheets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.errors import InputError
from model.layers import physical
from model.layers.physical import OBSERVED, PhysicalParams
from tests.reference import physical as twin

share = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


def column(element):
    return st.lists(element, max_size=20)


def same(got, expected, rtol=1e-12, atol=1e-300):
    np.testing.assert_allclose(got, np.array(expected, dtype=float), rtol=rtol, atol=atol)


growth = st.floats(1.0, 1.6)


@given(st.sampled_from(["2018-01", "2022-01", "2026-07"]), st.integers(1, 240), growth, growth, growth, growth)
def test_generations_are_their_twin(start, months, flop, watt, price, memory):
    """rtol 1e-11: the twin multiplies month by month."""
    p = PhysicalParams(
        chip_performance_growth=flop,
        energy_efficiency_growth=watt,
        price_performance_growth=price,
        bandwidth_growth=memory,
        generation_months=12 + months % 37,
    )
    fleet = physical.generations(start, months, p)
    year, month = int(start[:4]), int(start[5:])
    launched = [(int(g.launched[:4]) - year) * 12 + int(g.launched[5:]) - month for g in OBSERVED]
    chips = [(g.flop_per_s, g.watts, g.hbm_bytes, g.bytes_per_s, g.price_usd) for g in OBSERVED]
    dates, rows = twin.generations(chips, launched, months, p)
    assert fleet.launched.tolist() == dates
    assert len(set(fleet.names)) == len(dates)
    got = np.column_stack([fleet.h100e_per_chip, fleet.watts, fleet.hbm_bytes, fleet.bytes_per_s])
    same(got, [r[:4] for r in rows], rtol=1e-11)
    same(fleet.unit_price_index, [r[4] for r in rows], rtol=1e-11)
    assert fleet.unit_price_index[2] == pytest.approx(1.0)


def test_a_generation_that_would_launch_as_the_run_ends_is_left_out():
    p = PhysicalParams(generation_months=24)  # B200 is month 34
    assert physical.generations("2022-01", 58, p).names[-1] == "B200"
    assert physical.generations("2022-01", 59, p).names[-1] == "G5"


def test_three_generations_overlap_and_none_is_lost():
    """After 9 of 12, 6 of 12 and 3 of 12 months of their ramps: each leaves the newer ones their part."""
    same(physical.mix(9, np.array([-90, 0, 3, 6]), 12.0), [0.25 * 0.5 * 0.75, 0.75 * 0.5 * 0.75, 0.5 * 0.75, 0.25])


def test_trends_hold_per_year_of_generations():
    p = PhysicalParams(generation_months=24)
    f = physical.generations("2022-01", 168, p)
    same(f.h100e_per_chip[4:] / f.h100e_per_chip[3:-1], [1.40**2] * (len(f.names) - 4))
    same(f.watts[4:] / f.watts[3:-1], [1.26**-2] * (len(f.names) - 4))
    same(f.unit_price_index[4:] / f.unit_price_index[3:-1], [1.26**-2] * (len(f.names) - 4))


@given(st.integers(-5, 60), st.lists(st.integers(-30, 60), max_size=8).map(sorted), st.floats(0.5, 48))
def test_the_mix_is_its_twin_and_divides_production(month, launched, ramp):
    got = physical.mix(month, np.array(launched, dtype=np.int64), ramp)
    same(got, twin.mix(month, launched, ramp), atol=1e-300)
    assert (got >= 0.0).all()
    assert got.sum() <= 1.0 + 1e-12
    if any(month - date >= ramp for date in launched):
        assert got.sum() == pytest.approx(1.0, rel=1e-12)
    assert all(got[v] == 0.0 for v, date in enumerate(launched) if date >= month)


@given(column(st.one_of(st.sampled_from([-1.0, 0.0]), st.floats(-3, 150))), st.floats(36, 120), st.floats(1, 8))
def test_survival_is_its_twin_and_falls_with_age(age, scale, shape):
    """rtol 1e-9: the twin divides two Weibull shares, which differ late in the last digits."""
    p = PhysicalParams(life_months=scale, life_shape=shape)
    got = physical.survival(np.array(age), p)
    expected = [twin.survival(a, scale, shape) if (a / scale) ** shape < 600 else None for a in map(abs, age)]
    young = [i for i, a in enumerate(age) if a >= 0.0 and expected[i] is not None]
    same(got[young], [expected[i] for i in young], rtol=1e-9)
    assert (np.diff(got[np.argsort(age)]) <= 1e-12).all()
    assert ((got >= 0.0) & (got <= 1.0)).all()


def test_a_cohort_dies_out_at_its_life():
    p = PhysicalParams(life_months=78.0, life_shape=4.0)
    left = np.cumprod(physical.survival(np.arange(200.0), p))
    assert left[77] == pytest.approx(math.exp(-1.0))
    assert np.searchsorted(-left, -0.5) == math.floor(78.0 * math.log(2.0) ** 0.25)
    assert left[23] > 0.99
    assert left[-1] < 1e-15


@given(column(st.tuples(st.floats(0, 1e12), share, st.sampled_from([0.0, 1e-3, 700.0, 5e3]))), st.floats(0.05, 0.6))
def test_power_energy_and_hours_are_their_twins(rows, idle):
    p = PhysicalParams(idle_power_share=idle)
    capacity, used = np.array([r[0] for r in rows]), np.array([r[0] * r[1] for r in rows])
    watts = np.array([r[2] for r in rows])
    at_work = [twin.facility_watts(w, p.server_power_factor, p.pue, p.load_factor) for w in watts.tolist()]
    same(physical.facility_watts(watts, p), at_work)
    got = physical.energy_kwh(used, capacity, watts, p)
    same(got, [twin.energy_kwh(u, c, w, idle) for u, c, w in np.c_[used, capacity, watts].tolist()])
    assert (got <= capacity * watts / 1000.0 * (1 + 1e-12)).all()
    assert (got >= idle * capacity * watts / 1000.0 * (1 - 1e-12)).all()
    same(physical.capacity_hours(capacity, p), [twin.capacity_hours(c, p.availability) for c in capacity])


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 5)), max_size=20), st.floats(0.01, 5), st.floats(0, 1))
def test_machines_that_do_not_earn_their_running_cost_leave_sooner(rows, price, scrap):
    p = PhysicalParams(scrap_share_per_month=scrap)
    age, running = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    got = physical.kept(age, running, price, p)
    same(got, twin.kept(age.tolist(), running.tolist(), price, scrap, p.life_months, p.life_shape), rtol=1e-10)
    lives = physical.survival(age, p)
    assert (got <= lives).all()
    same(got[running <= price], lives[running <= price])


@given(st.floats(0, 5000), st.floats(0.1, 0.8))
def test_upkeep_follows_the_watts_of_servers(watts, usd):
    p = PhysicalParams()
    same(physical.upkeep_usd_per_h(watts, usd, p), twin.upkeep_usd_per_h(watts, usd, p.pue, p.load_factor))


def test_the_observed_chips_are_those_of_the_data_sheets():
    f = physical.generations("2022-01", 1, PhysicalParams())
    assert f.names == ("V100", "A100", "H100", "B200")
    same(f.h100e_per_chip, [0.126, 0.315, 1.0, 2.275], rtol=0.005)
    with pytest.raises(InputError, match="outside"):
        PhysicalParams(availability=1.1)


@given(st.lists(st.booleans(), max_size=12), st.floats(0.4, 1.0), st.floats(0.3, 1.0))
def test_serving_draws_its_own_load(serving, load, serving_load):
    p = PhysicalParams(load_factor=load, serving_load_factor=serving_load)
    got = physical.class_load(np.array(serving, dtype=bool), p)
    np.testing.assert_allclose(got, twin.class_load(serving, load, serving_load), rtol=1e-15)

"""Core: sums, months, laws, books, names and parameters against their twins and at their edges."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core import units
from model.core.checks import LawBreach, Laws
from model.core.errors import InputError, nearest, unknown
from model.core.ledger import SECTORS, Ledger
from model.core.params import Params, check, param
from tests.reference import core as oracle

signed = st.floats(-1e12, 1e12)

# Sums -----------------------------------------------------------------------------------------------------------------


@given(st.lists(signed, max_size=20), st.integers(0, 400))
def test_block_sum_is_the_sum(x, zeros):
    """Within n eps of the sum of sizes: the kernel rounds after each addition, its twin never."""
    got = float(units.block_sum(np.array([*x, *[0.0] * zeros])))
    assert abs(got - oracle.block_sum(x)) <= 20 * 2.3e-16 * math.fsum(abs(v) for v in x)


@pytest.mark.parametrize("n", [0, 1, 127, 128, 129, 16_383, 16_384, 16_385, 50_000])
def test_block_partials_are_sums_of_16384_rows(n):
    x = np.random.default_rng(n).lognormal(0, 3, n)
    got = units.block_partials(x)
    np.testing.assert_allclose(got, oracle.block_partials(x.tolist()), rtol=1e-13)
    two = units.block_partials(np.column_stack([x, -x]))
    np.testing.assert_allclose(two[:, 0], got, rtol=1e-13)
    assert (two[:, 0] == -two[:, 1]).all()


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
@pytest.mark.parametrize("layout", ["C", "F", "strided", "f4", "i8"])
def test_block_sum_has_the_same_bits_for_any_chunking_and_trailing_zeros(shape, layout):
    rng = np.random.default_rng(7)
    x = rng.lognormal(0, 4, (7 * units.BLOCK - 300, *shape))  # 7 blocks: numpy's own reduce changes order at 8
    if layout in ("f4", "i8"):
        x = x.astype(layout)
    expected = units.block_sum(np.ascontiguousarray(x, dtype=np.float64))
    for zeros in (0, 1, 300, 301, units.BLOCK, 9 * units.BLOCK + 5):
        padded = np.concatenate([x, np.zeros((zeros, *shape), dtype=x.dtype)])
        if layout == "F":
            padded = np.asfortranarray(padded)
        elif layout == "strided":
            padded = np.repeat(padded, 2, axis=0)[::2]
        assert (units.block_sum(padded) == expected).all()
        for cut in (1, 2, 5):
            cuts = range(0, len(padded), cut * units.BLOCK)
            parts = np.concatenate([units.block_partials(padded[i : i + cut * units.BLOCK]) for i in cuts])
            assert (np.add.accumulate(parts, axis=0)[-1] == expected).all()


@pytest.mark.parametrize("n", [1, 127, 3 * 128, units.BLOCK, 2 * units.BLOCK + 77])
def test_row_sums_have_the_same_bits_for_any_strips_and_trailing_zero_rows(n):
    rng = np.random.default_rng(n)
    weight, columns = rng.lognormal(0, 1, n), {"a": rng.lognormal(0, 4, n), "b": rng.normal(0, 1, n), "one": 1.0}
    found = []
    for strip, more in ((units.BLOCK, 0), (4096, 0), (128, 0), (units.BLOCK, 300), (128, 300)):
        sums, each = units.RowSums(tuple(columns), n + more), np.append(weight, np.zeros(more))
        for i in range(0, n + more, strip):
            here = each[i : i + strip]
            sums.strip(i, here.size, here)
            for name, x in columns.items():
                sums.add(name, x if name == "one" else np.append(x, np.ones(more))[i : i + strip])
        found.append(sums.total())
    assert all(total == found[0] for total in found)
    for name, x in columns.items():
        assert found[0][name] == pytest.approx(math.fsum(x * weight), rel=1e-12, abs=1e-12 * math.fsum(weight))


def test_row_sums_without_weights_are_sums():
    sums, x = units.RowSums(("x",), 300), np.arange(300.0)
    sums.strip(0, 300)
    sums.add("x", x)
    assert sums.total() == {"x": 44850.0}


# Months and numbers as text -------------------------------------------------------------------------------------------

dates = st.tuples(st.integers(1950, 2100), st.integers(1, 12))


@given(dates, dates)
def test_months_are_counted(date, start):
    text, first = (f"{y:04d}-{m:02d}" for y, m in (date, start))
    index = units.month_index(text, first)
    assert index == oracle.month_index(*date, *start)
    assert units.month_date(index, first).isoformat() == text + "-01"


@pytest.mark.parametrize("text", ["2022-13", "2022-00", "2022", "22-01", "2022-1", "2022-01-01", "", 5, None])
def test_what_is_no_month_is_refused(text):
    with pytest.raises(InputError, match="must be 'YYYY-MM'"):
        units.month_index(text)


@pytest.mark.parametrize(
    ("x", "text"),
    [(0.0, "0"), (-2.5, "-2.5"), (12345.6, "1.235e+04"), (1234.0, "1,234"), (2e6, "2e+06"), (1e-4, "0.0001")],
)
def test_numbers_as_people_read_them(x, text):
    assert units.fmt(x) == text
    assert units.fmt(x, "h") == text + " h"


def test_the_work_classes_are_cut_into_their_groups():
    names = [w.name for w in units.WORK]
    assert list(units.U.items()) == [(name, i) for i, name in enumerate(names)]
    assert {w.purpose for w in units.WORK[units.SERVING]} == {"serving"}
    assert {w.consumer for w in units.WORK[units.LAB_USES]} == {"lab"}
    assert {w.purpose for w in units.WORK[units.ON_BOARD]} == {"on_board"}
    assert names[units.PROVIDER_RUN] + names[units.ON_BOARD] == names


# Laws -----------------------------------------------------------------------------------------------------------------

extremes = st.sampled_from([0.0, 1e-13, 1e-12, 1e-9, 1.0, 1e9, 1e300, math.inf, -math.inf, math.nan])


@given(st.one_of(extremes, st.floats(-1e3, 1e3)), st.one_of(extremes, st.floats(-1e12, 1e12)))
def test_a_law_holds_as_its_twin_says(residual, scale):
    laws = Laws()
    if oracle.holds(residual, scale):
        laws.require_zero("x", "2022-01", "labs", residual, scale)
        assert laws.worst.get("x", 0.0) <= 1e-9
    else:
        with pytest.raises(LawBreach):
            laws.require_zero("x", "2022-01", "labs", residual, scale)


def test_the_largest_residual_of_each_law_is_kept():
    laws = Laws()
    for residual in (1e-3, -3e-3, 2e-3):
        laws.require_zero("money", "2022-01", "labs", residual, 1e8)
    laws.require_zero("hours", "2022-01", "labs", 5e-13, 0.0)
    assert laws.worst == pytest.approx({"money": 3e-11, "hours": 5e-10})


def test_a_breach_names_its_facts_and_travels_whole():
    with pytest.raises(LawBreach) as caught:
        Laws().require_zero("money", "2024-05", "labs", np.float64(-2.5), 10.0)
    for breach in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert (breach.law, breach.month, breach.sector, breach.amount) == ("money", "2024-05", "labs", -2.5)
        assert str(breach) == "law 'money' broken in 2024-05, sector labs: off by -2.5"
        assert type(breach) is LawBreach


# Books ----------------------------------------------------------------------------------------------------------------

sector = st.sampled_from(SECTORS)
movements = st.lists(st.tuples(sector, sector, st.one_of(st.just(0.0), st.floats(0, 1e12))), max_size=20)
opening = st.dictionaries(sector, st.floats(-1e12, 1e12), max_size=6)


@given(opening, opening, st.lists(movements, min_size=1, max_size=3), movements)
def test_the_books_are_their_twin_and_sum_to_zero(money, equity, months, claims):
    """rtol 1e-12 of all that moved: the ledger adds payments of one item before it posts them."""
    books = Ledger(money, equity)
    paid, issued = [], []
    for t, payments in enumerate(months):
        before = books.money_usd.copy()
        for payer, payee, usd in payments:
            books.pay(payer, payee, "hours", usd)
        nets = [books.net(name) for name in SECTORS]
        for issuer, holder, usd in claims:
            books.issue(issuer, holder, usd)
            books.write_off(issuer, holder, usd / 4)
        closed = books.close(f"2022-{t + 1:02d}", Laws())
        paid += payments
        issued += [(a, b, usd * 0.75) for a, b, usd in claims]
        size = sum(abs(x) for x in [*money.values(), *equity.values()]) + sum(m[2] for m in paid + issued) + 1.0
        expected = list(oracle.balances(SECTORS, money, paid).values())
        np.testing.assert_allclose(closed.money_usd, expected, rtol=0, atol=1e-12 * size)
        claims_held = list(oracle.balances(SECTORS, equity, issued).values())
        np.testing.assert_allclose(closed.equity_usd, claims_held, rtol=0, atol=1e-12 * size)
        assert abs(math.fsum(closed.money_usd)) <= 1e-12 * size
        assert abs(math.fsum(closed.equity_usd)) <= 1e-12 * size
        np.testing.assert_allclose(closed.money_usd - before, nets, rtol=0, atol=1e-12 * size)
        assert all(usd > 0.0 for *_, usd in closed.flows)
        assert {flow[:2] for flow in closed.flows} == {(a, b) for a, b, usd in payments if usd > 0.0}


def test_money_is_that_of_the_months_beginning_and_a_closed_month_stays():
    books = Ledger({"labs": 5.0}, {})
    books.pay("labs", "providers", "hours", 2.0)
    assert (books.money("labs"), books.money("rest_of_world")) == (5.0, -5.0)
    first = books.close("2022-01", Laws())
    books.pay("labs", "providers", "hours", 3.0)
    assert books.close("2022-02", Laws()).flows == [("labs", "providers", "hours", 3.0)]
    assert books.money("labs") == 0.0
    assert first.money_usd[SECTORS.index("labs")] == 3.0
    assert books.close("2022-03", Laws()).flows == []


@pytest.mark.parametrize("usd", [-1e-9, -1.0, math.nan, math.inf, -math.inf])
def test_a_payment_that_is_negative_or_no_number_is_refused(usd):
    with pytest.raises(LawBreach, match="labs to providers for hours"):
        Ledger({}, {}).pay("labs", "providers", "hours", usd)


def test_money_and_claims_out_of_thin_air_are_found():
    books = Ledger({"labs": 5.0}, {})
    books.money_usd[0] += 1.0
    with pytest.raises(LawBreach, match="money: sectors sum to zero"):
        books.close("2022-01", Laws())
    books = Ledger({}, {"labs": -5.0, "parents": 5.0})
    books.equity_usd[0] += 1.0
    with pytest.raises(LawBreach, match="equity: sectors sum to zero"):
        books.close("2022-01", Laws())
    books = Ledger({}, {})
    books.issue("labs", "parents", math.nan)
    with pytest.raises(LawBreach, match="equity"):
        books.close("2022-01", Laws())


# Names ----------------------------------------------------------------------------------------------------------------

words = st.text("abc_", max_size=7)


@given(words, st.lists(words, max_size=6))
def test_the_nearest_name_is_its_twin(name, names):
    assert nearest(name, names) == oracle.nearest(name, names)


def test_an_unknown_name_is_told_with_the_nearest_or_alone():
    assert str(unknown("layer", "phisical", ["link", "physical"])) == "unknown layer 'phisical'; nearest: 'physical'"
    assert str(unknown("layer", "zzz", ["link", "physical"])) == "unknown layer 'zzz'"
    assert isinstance(unknown("layer", "zzz", []), InputError)


# Parameters -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ToyParams(Params):
    section: ClassVar[str] = "toy"
    rate: float = param(0.5, "1/month", 0, 1, doc="rate", source="own assumption", fit=True)
    count: int = param(3, "agents", 1, doc="count", source="own assumption")
    mode: str = param("near", "-", doc="mode", source="own assumption", choices=("near", "far"))
    label: str = param("x", "-", doc="label", source="own assumption")
    on: bool = param(True, "-", doc="switch", source="own assumption", dynamic=False)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rate": 2.0}, "toy.rate = 2.0 1/month: outside [0, 1]"),
        ({"rate": np.float64(-0.5)}, "toy.rate = -0.5 1/month: outside [0, 1]"),
        ({"rate": math.nan}, "toy.rate = nan 1/month: must be a finite number in [0, 1]"),
        ({"rate": math.inf}, "toy.rate = inf 1/month: must be a finite number in [0, 1]"),
        ({"rate": np.float32("nan")}, "toy.rate = nan 1/month: must be a finite number in [0, 1]"),
        ({"rate": "fast"}, "toy.rate = 'fast' 1/month: must be a number in [0, 1]"),
        ({"rate": True}, "toy.rate = True 1/month: must be a number in [0, 1]"),
        ({"rate": None}, "toy.rate = None 1/month: must be a number in [0, 1]"),
        ({"rate": 1j}, "toy.rate = 1j 1/month: must be a number in [0, 1]"),
        ({"rate": np.ones(2)}, "toy.rate = array([1., 1.]) 1/month: must be a number in [0, 1]"),
        ({"rate": np.ones((2, 2))}, "toy.rate = array([[1., 1.], [1., 1.]]) 1/month: must be a number in [0, 1]"),
        ({"rate": 10**400}, "toy.rate = 1" + "0" * 56 + "... 1/month: outside [0, 1]"),
        ({"count": 2.5}, "toy.count = 2.5 agents: must be a whole number in [1, inf]"),
        ({"count": 0}, "toy.count = 0 agents: outside [1, inf]"),
        ({"count": -math.inf}, "toy.count = -inf agents: must be a finite number in [1, inf]"),
        ({"mode": "fer"}, "toy.mode = 'fer': not one of near, far; nearest: 'far'"),
        ({"mode": 3}, "toy.mode = 3: must be text"),
        ({"on": 1}, "toy.on = 1: must be true or false"),
        ({"rat": 0.1}, "unknown parameter 'toy.rat'; nearest: 'toy.rate'"),
    ],
)
def test_bad_values_are_refused_in_one_line(values, said):
    for build in (ToyParams.from_mapping, lambda v: ToyParams().replace(**v)):
        with pytest.raises(InputError) as caught:
            build(values)
        assert str(caught.value) == said
        assert "\n" not in str(caught.value)


def test_good_values_take_the_declared_type():
    p = ToyParams.from_mapping({"rate": 1, "count": np.float64(7.0), "mode": "far", "on": False})
    assert p.values() == {"rate": 1.0, "count": 7, "mode": "far", "label": "x", "on": False}
    assert [type(v) for v in p.values().values()] == [float, int, str, str, bool]
    assert ToyParams.from_mapping({"rate": np.array([0.25])}).rate == 0.25
    assert p.replace(rate=0).count == 7
    assert (p.rate, p.replace(rate=0).rate) == (1.0, 0.0)
    with pytest.raises(AttributeError):
        p.rate = 0.2


def test_a_declaration_keeps_what_was_said():
    d = ToyParams.declared()[0]
    assert (d.section, d.name, d.default, d.unit, d.low, d.high) == ("toy", "rate", 0.5, "1/month", 0, 1)
    assert (d.doc, d.source, d.dynamic, d.fit, d.scale) == ("rate", "own assumption", True, True, "linear")
    assert not ToyParams.declared()[4].dynamic
    assert check(d, 1) == 1.0
    assert ToyParams.declared() is ToyParams.declared()

"""Attention, compute, routing and settlement against their twins, their limits and what must balance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.checks import LawBreach, Laws
from model.core.ledger import INDEX, SECTORS, Ledger
from model.core.units import PROVIDER_RUN, U
from model.markets import attention, compute, routing, settlement
from model.markets.attention import AttentionParams
from model.markets.compute import ComputeParams
from tests.reference import attention as attention_oracle
from tests.reference import compute as compute_oracle
from tests.reference import routing as routing_oracle
from tests.strategies import amounts, column, columns, params, same

hours = amounts(1e-3, 1e12)
price = amounts(0.01, 100.0, zero=False)
twelve = column(12, hours)


# Attention --------------------------------------------------------------------------------------------


@given(
    columns(3, [st.one_of(st.sampled_from([0.0, 160.0, 172.0, 199.0]), st.floats(0, 199)), hours, hours]),
    params(AttentionParams),
)
def test_a_month_of_attention_is_that_of_the_text(rows, p):
    own, requested, weight = rows
    weight = weight + 0.1
    got = attention.allot(own, requested, weight, p)
    expected = attention_oracle.allot(own.tolist(), requested.tolist(), weight.tolist(), p)
    for n, name in enumerate(attention.Allotment._fields):
        atol = 1e-12 * p.hours_per_month if name == "leisure" else 0.0
        same(getattr(got, name), [row[n] for row in expected], atol=atol)


@given(columns(3, [st.floats(0, 350), hours, price]))
def test_hours_sum_to_the_month_and_the_shadow_price_is_weight_over_free_hours(rows):
    own, requested, weight = rows
    p = AttentionParams()
    a = attention.allot(own, requested, weight, p)
    total = own + requested * a.answered + a.applications + a.leisure
    assert (np.abs(total - p.hours_per_month) <= 4 * np.spacing(p.hours_per_month)).all()
    same(a.committed, own + requested * a.answered)
    same(a.shadow_usd_per_h, weight / (p.hours_per_month - own - requested * a.answered))
    assert ((a.answered >= 0) & (a.answered <= 1)).all()
    assert (a.committed <= np.maximum(own, p.committed_share_max * p.hours_per_month) * (1 + 1e-12)).all()


def test_requests_wait_only_where_the_month_is_full():
    p = AttentionParams(hours_per_month=400.0, committed_share_max=0.5)
    own = np.array([100.0, 100.0, 200.0, 200.0, 300.0])
    a = attention.allot(own, np.array([100.0, 200.0, 1.0, 0.0, 5.0]), np.full(5, 8.0), p)
    assert a.answered.tolist() == [1.0, 0.5, 0.0, 1.0, 0.0]
    assert a.shadow_usd_per_h.tolist() == [0.04, 0.04, 0.04, 0.04, 0.08]


@given(
    columns(1, amounts(1e-9, 1e9, zero=False)), st.one_of(st.just(0.0), st.floats(1e-9, 1e-3)), params(AttentionParams)
)
def test_candidates_are_those_of_the_text(value, token_usd, p):
    got = attention.examined(value[0], token_usd, p)
    same(got, attention_oracle.examined(value[0].tolist(), token_usd, p))
    assert ((got >= 1.0) & (got <= p.candidates_max)).all()
    for kept in (1.0, 0.3, -1.0):
        told = attention_oracle.choice_gain(got.tolist(), p, kept)
        same(attention.choice_gain(got, p, kept), told, atol=1e-14)
        assert (attention.choice_gain(got, p, kept) <= attention.choice_gain(got, p) + 1e-15).all()
    if value[0].size:
        assert (attention.examined(value[0], 2 * token_usd + 1e-9, p) <= got).all()
        assert (attention.examined(2 * value[0], token_usd, p) >= got).all()


def test_the_gain_of_candidates_peaks_near_what_is_examined_when_tokens_are_free():
    p = AttentionParams()
    k = np.linspace(1.0, 10.0, 9001)
    best = k[np.argmax(attention.choice_gain(k, p))]
    assert best == pytest.approx(5.2, abs=0.05)  # s/d = 6, a little less since loss and gain multiply
    assert attention.examined(np.array([1e12]), 1e-6, p)[0] == pytest.approx(6.0)


# Compute ----------------------------------------------------------------------------------------------


@st.composite
def days(draw):
    """(demand, capacity, posted prices of the blocks, parts that can wait, running cost, parameters)."""
    valley = draw(price)
    posted = np.array([valley * draw(st.one_of(st.just(1.0), st.floats(1.0, 3.0))), valley])
    waits = np.array(
        [draw(st.floats(0, 1)) if u == 2 else float(u in compute_oracle.WAIT) for u in range(PROVIDER_RUN.stop)]
    )
    return (
        draw(twelve),
        draw(amounts(1e-3, 1e13)),
        posted,
        waits,
        draw(st.floats(0.001, 1.0)),
        draw(params(ComputeParams)),
    )


@given(days())
@settings(max_examples=200)
def test_the_day_clears_as_in_the_text(day):
    demand, capacity, posted, waits, floor, p = day
    got = compute.clear(*day)
    fill, clearing, served = compute_oracle.clear(demand.tolist(), capacity, posted.tolist(), waits.tolist(), floor, p)
    same(got.fill, fill, rtol=1e-9, atol=1e-9)
    same(got.clearing_usd, clearing, rtol=1e-9)
    same(got.served, served, rtol=1e-9, atol=1e-9 * max(float(demand.sum()), 1e-300))


@given(days())
def test_quantities_respect_demand_and_capacity_of_each_block(day):
    demand, capacity, posted, _, floor, p = day
    c = compute.clear(*day)
    half = capacity * p.utilisation_max / 2
    assert ((c.fill >= 0) & (c.fill <= 1)).all()
    assert (c.served.sum(axis=1) <= demand * (1 + 1e-12)).all()
    assert (c.served.sum(axis=0) <= half * (1 + 1e-12)).all()
    assert (c.clearing_usd >= floor).all()
    assert c.clearing_usd[0] >= c.clearing_usd[1] * (1 - 1e-12)  # no peak is cheaper than the valley
    if (c.clearing_usd < posted * (1 - 1e-9)).all():
        assert (c.fill == 1).all()


@given(days())
def test_no_hour_stays_idle_in_the_valley_while_work_that_can_wait_is_refused(day):
    demand, capacity, _, waits, _, p = day
    c = compute.clear(*day)
    refused = float((waits * demand * (1 - c.fill))[waits == 1.0].sum())
    idle = capacity * p.utilisation_max / 2 - float(c.served[:, 1].sum())
    if refused > 1e-6 * float(demand.sum()) and (c.clearing_usd > 1.01 * day[2]).all():
        assert idle <= 1e-6 * capacity


@given(days(), st.lists(amounts(1e-3, 1e13), min_size=2, max_size=5))
def test_more_capacity_never_raises_a_price_nor_lowers_a_fill_rate(day, capacities):
    demand, _, *rest = day
    outcomes = [compute.clear(demand, c, *rest) for c in sorted(capacities)]
    for less, more in pairwise(outcomes):
        assert more.clearing_usd.max() <= less.clearing_usd.max() * (1 + 1e-8)
        assert (more.fill >= less.fill * (1 - 1e-9) - 1e-9).all()


@given(days(), st.integers(0, 11), st.floats(1.0, 100.0))
def test_more_demand_never_lowers_the_price_of_the_day(day, u, factor):
    demand, _, *rest = day
    more = demand.copy()
    more[u] = more[u] * factor + 1.0
    before, after = compute.clear(demand, 100.0, *rest), compute.clear(more, 100.0, *rest)
    assert after.clearing_usd.max() >= before.clearing_usd.max() * (1 - 1e-9)


def test_a_night_that_fills_has_the_price_of_the_day_and_one_that_does_not_is_cheaper():
    """Boiteux and Steiner: with work that can wait as large as what the valley leaves prices are equal, else they differ."""
    p, demand, even = ComputeParams(peak_load=1.3), np.zeros(12), np.ones(2)
    demand[U["assistant"]] = 100.0
    room = 85.0 / p.utilisation_max
    alone = compute.clear(demand, room, even, compute.DEFERRABLE, 0.01, p)
    assert alone.clearing_usd[0] > 1.0 > alone.clearing_usd[1]
    demand[U["experiment"]] = 60.0
    both = compute.clear(demand, 1.6 * room, even, compute.DEFERRABLE, 0.01, p)
    assert both.clearing_usd[0] == pytest.approx(both.clearing_usd[1])
    assert both.served[U["experiment"], 1] > both.served[U["experiment"], 0]


@given(amounts(1.0, 1e6, zero=False), st.floats(0.01, 0.99), st.floats(0.5, 3.0), price)
def test_one_class_alone_is_the_closed_form(demand, share, elasticity, posted):
    p = ComputeParams(elasticity_serving=elasticity, peak_load=1.0)
    hours = np.zeros(12)
    hours[U["embedded"]] = demand
    both = np.full(2, posted)
    c = compute.clear(hours, demand * share / p.utilisation_max, both, compute.DEFERRABLE, 0.01, p)
    same(c.fill[U["embedded"]], share, rtol=1e-11)
    same(c.clearing_usd, np.maximum(posted * share ** (-1 / elasticity), 0.01) * np.ones(2), rtol=1e-11)


@given(columns(1, price), price, st.floats(0.001, 1.0), params(ComputeParams))
def test_a_price_moves_part_of_the_way(now, clearing, floor, p):
    got = compute.next_price(now[0], clearing, floor, p)
    same(got, compute_oracle.next_price(now[0].tolist(), [clearing] * now[0].size, floor, p))
    low, high = np.minimum(now[0], clearing), np.maximum(now[0], clearing)
    assert (got >= np.maximum(low, floor) * (1 - 1e-12)).all()
    assert (got <= np.maximum(high, floor) * (1 + 1e-12)).all()
    at_once = compute.next_price(now[0], clearing, floor, p.replace(price_speed=1.0))
    same(at_once, np.full(now[0].size, max(clearing, floor)))


@given(price, st.floats(0, 1), st.floats(0, 1), params(ComputeParams))
def test_the_spot_price_rises_with_utilisation_from_the_contract_price(contract, u, v, p):
    same(compute.spot_price(contract, u, p), compute_oracle.spot_price(contract, u, p))
    low, high = sorted((u, v))
    assert contract <= compute.spot_price(contract, low, p) <= compute.spot_price(contract, high, p)
    assert compute.spot_price(contract, 1.0, p) == compute.spot_price(contract, 0.95, p)


@given(st.floats(1.0, 3.0), st.floats(0, 1), params(ComputeParams))
def test_each_class_pays_the_price_of_its_hours_and_has_its_elasticity(over, moved, p):
    ratio = np.array([2 * over, 2.0]) / (1 + over)
    waits = compute.DEFERRABLE.copy()
    assert waits.tolist() == [float(u in compute_oracle.WAIT) for u in range(PROVIDER_RUN.stop)]
    waits[2] = moved
    got = compute.class_prices(ratio, waits, p)
    same(got, compute_oracle.class_prices(ratio.tolist(), waits.tolist(), p))
    assert (got >= ratio.min() * (1 - 1e-12)).all()
    same(compute.class_prices(np.ones(2), waits, p), np.ones(12))  # one price for all where the blocks have one
    same(compute.profile(p).sum(axis=1), np.ones(12))
    assert [getattr(p, name) for name in compute.ELASTICITY] == compute_oracle.elasticities(p)
    assert len(compute.ELASTICITY) == PROVIDER_RUN.stop


# Routing ----------------------------------------------------------------------------------------------


@st.composite
def orders(draw, homes=True):
    """(served, home, capacity, price): hours that fit, up to the last one."""
    buyers, providers = draw(st.integers(0, 20)), draw(st.integers(1, 8))
    capacity = draw(column(providers, amounts(1e-3, 1e6)))
    wish = draw(column(buyers, amounts(1e-3, 1e6)))
    home = draw(st.lists(st.integers(-1, providers - 1 if homes else -1), min_size=buyers, max_size=buyers))
    used = draw(st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)))
    if wish.sum() > 0:
        wish = wish * (used * capacity.sum() / wish.sum())
    return wish, np.array(home, dtype=np.int64), capacity, draw(column(providers, price))


@given(orders(), st.sampled_from([0.5, 1.0, 4.0]))
@settings(max_examples=200)
def test_hours_are_routed_as_in_the_text(order, elasticity):
    served, home, capacity, usd = order
    got = routing.spread(*order, elasticity)
    expected = routing_oracle.spread(served.tolist(), home.tolist(), capacity.tolist(), usd.tolist(), elasticity)
    same(got, np.reshape(expected, got.shape), atol=1e-12 * float(capacity.sum()))


@given(orders(), st.sampled_from([0.5, 4.0, 20.0]))
def test_rows_sum_to_orders_columns_stay_within_capacity_and_home_comes_first(order, elasticity):
    served, home, capacity, _ = order
    got = routing.spread(*order, elasticity)
    slack = 1e-12 * float(capacity.sum())
    assert (got >= 0).all()
    same(got.sum(axis=1), served, atol=slack)
    assert (got.sum(axis=0) <= capacity + slack).all()
    for j in range(capacity.size):
        mine = home == j
        same(got[mine, j].sum(), min(served[mine].sum(), capacity[j]), atol=slack)


@given(orders(homes=False), st.randoms(use_true_random=False))
def test_buyers_and_providers_may_come_in_any_order(order, random):
    served, home, capacity, usd = order
    rows, places = list(range(served.size)), list(range(capacity.size))
    random.shuffle(rows)
    random.shuffle(places)
    got = routing.spread(served[rows], home[rows], capacity[places], usd[places], 4.0)
    same(got, routing.spread(*order, 4.0)[rows][:, places], atol=1e-12 * float(capacity.sum()))


def test_the_cheaper_provider_gets_more_until_it_is_full():
    nobody, caps = np.array([-1]), np.array([10.0, 10.0])
    got = routing.spread(np.array([9.0]), nobody, caps, np.array([1.0, 2.0]), 3.0)
    same(got, [[8.0, 1.0]])
    full = routing.spread(np.array([13.5]), nobody, caps, np.array([1.0, 2.0]), 3.0)
    same(full, [[10.0, 3.5]])


def test_hours_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="11 hours do not fit into 10"):
        routing.spread(np.array([11.0]), np.array([0]), np.array([10.0]), np.ones(1), 4.0)


# Settlement -------------------------------------------------------------------------------------------

amount = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1e9))
SHARES = ("orchestrator_operations",)


@given(st.fixed_dictionaries({n: st.floats(0, 1) if n in SHARES else amount for n in settlement.Operating._fields}))
def test_payments_sum_to_zero_and_each_sector_is_left_with_what_it_should(x):
    x["agent_share"] = min(x["agent_share"], x["routing"] + x["invocations"])
    books = Ledger({}, {})
    settlement.post(books, settlement.Operating(**x))
    spent = x["assistants"] + x["metered"] + x["routing"] + x["surplus"] + x["device"]
    kept = x["routing"] + x["invocations"] - x["agent_share"]
    sold = x["metered"] + x["assistant_tokens"] + x["embedded"] + x["robot_cloud"]
    costs = x["assistant_tokens"] + x["embedded"] + x["ranking"]
    left = {
        "humans": x["income"] + x["supervision"] - spent,
        "ai_agents": x["surplus"] + x["agent_share"],
        "orchestrators": kept * (1 - x["orchestrator_operations"]),
        "applications": x["assistants"] + x["ads"] - costs + x["application_rescue"]
        - x["application_operations"] - x["application_payout"],
        "labs": sold - x["serving"] - x["research"] - x["staff"],
        "providers": x["ranking"] + x["serving"] + x["research"] + x["other"]
        - x["electricity"] - x["provider_operations"],
        "energy_suppliers": x["electricity"] + x["on_board"] + x["device"],
        "robot_owners": x["robot_work"] - x["robot_cloud"] - x["on_board"] - x["supervision"],
    }  # fmt: skip
    scale = 1e-12 * sum(x.values())
    for sector, usd in left.items():
        same(books.net(sector), usd, atol=scale)
    settlement.pass_on(books)
    month = books.close("2022-01", Laws())
    same(month.money_usd.sum(), 0.0, atol=scale)
    for sector in SECTORS[:-1]:
        expected = 0.0 if sector in settlement.PASS_ON else left.get(sector, 0.0)
        same(month.money_usd[INDEX[sector]], expected, atol=scale)


def test_a_negative_amount_is_no_payment():
    zero = dict.fromkeys(settlement.Operating._fields, 0.0)
    with pytest.raises(LawBreach):
        settlement.post(Ledger({}, {}), settlement.Operating(**{**zero, "income": 1.0, "ads": -1.0}))

"""Providers, the chip supplier and labs against their twins, their first-order conditions and their limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import lab, provider, supplier
from agents.lab import LabParams, Labs, Nets
from agents.provider import ProviderFirm, ProviderParams, Providers
from agents.supplier import SupplierParams
from tests.reference import lab as lab_oracle
from tests.reference import provider as provider_oracle
from tests.reference import supplier as supplier_oracle
from tests.strategies import amounts, columns, fill, lumpy, params, same

share = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))
usd = amounts(1e-3, 1e12)
some = amounts(1e-3, 1e9, zero=False)
SEEDS = st.integers(0, 2**32)
COUNT = st.integers(0, 20)


def backwards(table):
    other = type(table)(table.n)
    return fill(other, **{name: getattr(table, name)[::-1] for name in table.columns()})


# Providers --------------------------------------------------------------------------------------------


def providers(seed, n):
    rng = np.random.default_rng(seed)
    return fill(
        Providers(n),
        stock_h100e=lumpy(rng, n, 1e5),
        backlog_h100e=lumpy(rng, n, 3e4),
        expected_usd_per_h100e_hour=lumpy(rng, n, 3.0, zeros=0),
        parent_share=lumpy(rng, n, 0.1),
        cash_usd=lumpy(rng, n, 1e9) - lumpy(rng, n, 5e8),
        debt_usd=lumpy(rng, n, 1e9),
        book_usd=lumpy(rng, n, 3e9),
    )


ORDER = st.tuples(usd, st.floats(-0.5, 0.5), amounts(0.5, 10, zero=False), amounts(1e3, 1e5, zero=False), usd, usd)


@given(SEEDS, COUNT, ORDER, params(ProviderParams, adjustment_exponent=4.0))
def test_orders_are_those_of_the_text(seed, n, at, p):
    t = providers(seed, n)
    demand, growth, cost, machine, cash, room = at
    got = provider.order(t, demand, growth, cost, machine, cash, room, 730.0, p)
    names = {"expected": "expected_usd_per_h100e_hour", "stock": "stock_h100e", "backlog": "backlog_h100e"}
    names |= {"parent_share": "parent_share", "cash": "cash_usd", "debt": "debt_usd", "book": "book_usd"}
    rows = [{k: float(getattr(t, v)[i]) for k, v in names.items()} for i in range(n)]
    desired, ordered, premium = provider_oracle.order(rows, demand, growth, cost, machine, cash, room, 730.0, p)
    scale = 1e-13 * float((t.stock_h100e + t.backlog_h100e).sum())
    same(got.desired_h100e, desired)
    same(got.ordered_h100e, ordered, rtol=1e-10, atol=scale)
    same(got.premium, premium, rtol=1e-9)
    assert got.user_cost_usd_per_h == cost


@given(SEEDS, COUNT, ORDER, params(ProviderParams))
def test_orders_never_exceed_funds_gap_or_power(seed, n, at, p):
    t = providers(seed, n)
    machine, cash, room = at[3:]
    o = provider.order(t, *at, 730.0, p)
    assert (o.ordered_h100e >= 0).all()
    assert (o.premium >= 1 - 1e-12).all()
    assert o.ordered_h100e.sum() <= room * (1 + 1e-12)
    owed = t.backlog_h100e * machine * (1 - p.deposit_share)
    parents = t.parent_share * cash * p.parent_share_max
    lenders = np.maximum(p.leverage_max * (t.book_usd + owed) - t.debt_usd, 0)
    funds = np.maximum(parents + (np.maximum(t.cash_usd, 0) + lenders - 0.5 * owed) / p.order_months, 0)
    assert (o.ordered_h100e * machine * o.premium <= funds * (1 + 1e-9) + 1e-3).all()
    have = t.stock_h100e + t.backlog_h100e
    assert (o.ordered_h100e <= np.maximum(o.desired_h100e - have, 0) / p.order_months * (1 + 1e-12)).all()
    turned = provider.order(backwards(t), *at, 730.0, p)
    same(turned.ordered_h100e[::-1], o.ordered_h100e, rtol=1e-9, atol=1e-12 * float(have.sum()))
    assert provider.order(t, *at[:5], 0.0, 730.0, p).ordered_h100e.sum() == 0.0


def test_the_adjustment_cost_is_equation_7_of_gate():
    got = [float(provider.adjustment_cost(i, 4.0, 2.0)) for i in (0.1, 0.5, 1.0)]
    assert got == pytest.approx([0.1342, 1.875, 10.0], abs=1e-4)
    assert provider.adjustment_cost(np.array([0.3]), 4.0, 0.0) == 0.3


@given(amounts(1e-12, 1e3), st.sampled_from([3, 4, 5]), st.one_of(st.sampled_from([0.0, 2.0]), st.floats(1e-12, 4)))
def test_the_adjustment_cost_is_the_binomial_sum(investment, chi, years):
    got = float(provider.adjustment_cost(investment, float(chi), years))
    same(got, provider_oracle.adjustment_cost(investment, chi, years))
    assert got >= investment * (1 - 1e-12)


@given(some, st.floats(-0.6, 0.3), amounts(0.01, 10), params(ProviderParams))
def test_the_user_cost_is_that_of_the_text(price, change, running, p):
    got = provider.user_cost(price, change, running, p)
    same(got, provider_oracle.user_cost(price, change, running, p))
    assert provider.user_cost(price, change - 0.1, running, p) >= got >= running


def test_the_user_cost_of_an_accelerator_hour():
    assert provider.user_cost(55e3, -0.20, 0.12, ProviderParams()) == pytest.approx(55e3 * 0.45 / 6570 + 0.12)
    assert round(provider.user_cost(55e3, -0.20, 0.12, ProviderParams()), 2) == 3.89


@given(columns(5, usd), params(ProviderParams))
def test_financing_closes_the_gap_as_far_as_parents_and_lenders_go(rows, p):
    cash, debt, book, parents, buffer = rows
    cash = cash - buffer * 0.5
    f = provider.finance(cash, debt, book, parents, buffer, p)
    told = provider_oracle.finance(*(x.tolist() for x in (cash, debt, book, parents, buffer)), p)
    scale = 1e-12 * float(np.max([np.abs(x) for x in (cash, debt, book, buffer)], initial=0.0))
    for k, x in enumerate(f):
        same(x, [row[k] for row in told], atol=scale)
        assert (x >= 0).all()
    after = cash + f.from_parents + f.borrowed
    room = np.maximum(p.leverage_max * book - debt, 0)
    closed = after >= buffer - scale
    assert (closed | ((f.from_parents == parents) & (f.borrowed == room))).all()
    assert (f.from_parents <= parents).all()
    assert (debt + f.borrowed <= np.maximum(p.leverage_max * book, debt) + scale).all()
    assert (f.repaid <= debt).all()
    left = cash - f.repaid - f.to_parents - f.dividends
    spent = f.repaid + f.to_parents + f.dividends > 0
    assert (left[spent] >= 2 * buffer[spent] - scale).all()
    assert not (spent & (f.from_parents + f.borrowed > 0)).any()


@given(st.lists(st.tuples(st.floats(0.001, 1), st.floats(0.5, 2)), min_size=1, max_size=20), some, some)
def test_the_opening_of_providers(firms, stock, price):
    t = Providers(len(firms))
    provider.build(t, {str(i): ProviderFirm(share=s, premium=q) for i, (s, q) in enumerate(firms)}, stock, price)
    told = provider_oracle.build(*zip(*firms, strict=True), stock, price)
    for k, name in enumerate(("stock_h100e", "premium", "contract_usd_per_h100e_hour")):
        same(getattr(t, name), [row[k] for row in told])
    same((t.stock_h100e * t.contract_usd_per_h100e_hour).sum() / stock, price)


@given(st.integers(0, 240), params(ProviderParams))
def test_parents_cash_grows_to_its_cap(months, p):
    same(provider.parent_cash(months, p), provider_oracle.parent_cash(months, p), rtol=1e-11)


# The chip supplier ------------------------------------------------------------------------------------


@given(
    some,
    usd,
    usd,
    st.lists(usd, max_size=3),
    st.lists(st.floats(-0.1, 0.2), min_size=3, max_size=24),
    params(SupplierParams),
)
def test_the_supplier_is_that_of_the_text(cost, backlog, capacity, booked, decided, p):
    orders, line = np.array(booked), np.array(decided)
    growth, price = supplier.expand(backlog, capacity, orders, line, p), supplier.price(cost, backlog, capacity, p)
    same(growth, supplier_oracle.expand(backlog, capacity, booked, decided, p), atol=1e-9)
    assert supplier.expand(2 * backlog, capacity, orders, line, p) >= growth
    assert supplier.expand(backlog, capacity, 2 * orders, line, p) >= growth  # more orders, no slower
    assert (
        supplier.expand(backlog, capacity, orders, line + 0.01, p) <= growth
    )  # what is under way is not decided again
    assert -p.shrink_max_per_month <= growth <= p.growth_max_per_month
    if p.markup_low <= p.markup_high:
        same(price, supplier_oracle.price(cost, backlog, capacity, p))
        assert cost * (1 + p.markup_low) * (1 - 1e-12) <= price <= cost * (1 + p.markup_high) * (1 + 1e-12)
        assert supplier.price(cost, 2 * backlog, capacity, p) >= price


# Labs -------------------------------------------------------------------------------------------------


def labs(seed, n):
    rng = np.random.default_rng(seed)
    revenue = lumpy(rng, n, 1e8)
    t = fill(
        Labs(n),
        revenue_usd=revenue,
        serving_usd=revenue * rng.random(n) * 1.2,
        expected_growth=rng.normal(0.05, 0.1, n),
        rd_usd=lumpy(rng, n, 1e8),
    )
    return t, rng.dirichlet(np.ones(n)) if n else np.zeros(0), rng


def nets(rng, n):
    return fill(
        Nets(2 * n),
        training_tokens=lumpy(rng, 2 * n, 1e13),
        training_flop=lumpy(rng, 2 * n, 1e25),
        rollout_flop=lumpy(rng, 2 * n, 1e24),
        horizon_minutes=lumpy(rng, 2 * n, 60.0, zeros=0),
        price_usd_per_token=lumpy(rng, 2 * n, 1e-6, zeros=0),
        tokens_month=lumpy(rng, 2 * n, 1e12),
        tokens_growth=rng.normal(0.05, 0.1, 2 * n),
    )


RULES = ("profit", "race", "erdil", "revenue_share", "schedule")


@given(SEEDS, st.integers(1, 20), st.floats(0.01, 1), st.floats(0, 2), params(LabParams))
def test_research_is_rho_equal_to_eta_m_g(seed, n, gamma, elasticity, p):
    t, s, rng = labs(seed, n)
    rules = [RULES[k] for k in rng.integers(0, 5, n)]
    month, factors = (
        str(rng.choice(["2023-12", "2024-01", "2027-05", "2031-02"])),
        tuple(rng.uniform(0.3, 1.0, 5).tolist()),
    )
    rows = [
        {"revenue": t.revenue_usd[i], "serving": t.serving_usd[i], "growth": t.expected_growth[i], "rd": t.rd_usd[i]}
        for i in range(n)
    ]
    for chosen in (["profit"] * n, rules):
        got = lab.research(t, s, gamma, elasticity, chosen, s, p, month, factors)
        told = lab_oracle.research(rows, s.tolist(), gamma, elasticity, chosen, s.tolist(), p, month, factors)
        for x, k in zip((got.wanted_usd, got.growth_factor, got.eta, got.margin), range(4), strict=True):
            same(x, [row[k] for row in told], rtol=1e-11)
    got = lab.research(t, s, gamma, elasticity, ["profit"] * n, s, p)
    rho = 12 * got.wanted_usd / lab.revenue_belief(t, p, s)
    same(rho, got.eta * got.margin * got.growth_factor)
    same(lab.revenue_belief(t, p, s), lab_oracle.belief(t.revenue_usd.tolist(), s.tolist(), p))
    flat = lab.research(t, s, gamma, 0.0, ["profit"] * n, s, p.replace(quality_coefficient=0.0))
    assert not flat.wanted_usd.any()  # no gain from capability, no research


@given(SEEDS, COUNT, params(LabParams))
def test_budgets_equity_forecasts_and_growth_are_those_of_the_text(seed, n, p):
    t, weights, rng = labs(seed, n)
    wanted, funds, revenue = lumpy(rng, n, 1e9), lumpy(rng, n, 3e8) - lumpy(rng, n, 1e8), lumpy(rng, n, 1e8)
    got = lab.budget(t, wanted, funds, p)
    same(got, lab_oracle.budget(t.rd_usd.tolist(), wanted.tolist(), funds.tolist(), p))
    assert (got <= np.maximum(funds, 0)).all()
    offer = lab.equity_offer(t, weights, p)
    same(offer, lab_oracle.equity_offer(t.revenue_usd.tolist(), t.expected_growth.tolist(), weights.tolist(), p))
    assert offer.sum() <= p.equity_world_max_usd_per_year / 12 * (1 + 1e-12)
    told = lab_oracle.learn_growth(t.revenue_usd.tolist(), t.expected_growth.tolist(), revenue.tolist(), p)
    same(lab.learn_growth(t, revenue, p), told, atol=1e-14)
    m = nets(rng, n)
    rules = [("adaptive", "trend")[k] for k in rng.integers(0, 2, n)]
    if n:
        for months in (p.planning_months, p.pricing_months):
            told = lab_oracle.forecast_tokens(m.tokens_month.tolist(), m.tokens_growth.tolist(), rules, p, months)
            same(lab.forecast_tokens(m, p, rules, months), told, rtol=1e-11)
    served = lumpy(rng, 2 * n, 1e12)
    told = lab_oracle.learn_token_growth(m.tokens_month.tolist(), m.tokens_growth.tolist(), served.tolist(), p)
    same(lab.learn_token_growth(m, served, p), told, atol=1e-14)
    u = rng.random(n)
    same(lab.run_length(u, p), lab_oracle.run_length(u.tolist(), p))
    if n:
        run = lab.Run(*(float(x) for x in rng.random(5)))
        lab.set_run(t, n - 1, 1, run)
        assert lab.run_of(t, n - 1, 1) == run
        assert lab.run_of(t, n - 1, 0) == lab.Run(0.0, 0.0, 0.0, 0.0, 0.0)


@given(SEEDS, st.integers(1, 20), st.floats(0.01, 1), st.floats(0.01, 1), params(LabParams))
def test_the_split_equalises_marginal_products(seed, n, gamma, gamma_rollout, p):
    t, _, rng = labs(seed, n)
    m, taught, limit = nets(rng, n), rng.random(n), lumpy(rng, n, 2e13, zeros=0)
    got = lab.split(t, m, gamma, gamma_rollout, 1e24, taught, limit, 0.6, p)
    tier = [
        {
            "rollouts": m.rollout_flop[i], "tokens": m.training_tokens[i],
            "flop": m.training_flop[i], "horizon": m.horizon_minutes[i],
        }
        for i in range(2 * n)
    ]  # fmt: skip
    given_ = (tier[:n], tier[n:], gamma, gamma_rollout, 1e24, taught.tolist(), limit.tolist(), 0.6, p)
    same(got, lab_oracle.split(*given_))
    same(got.sum(axis=1), np.ones(n))
    for x, powers in zip(got, lab_oracle.powers(*given_), strict=True):
        e, used = np.array(powers), x > 1e-3  # capability is the product of x**e: all uses have the same slope
        slopes = [e[used] @ (np.log(x[used] + d) - np.log(x[used] - d)) for d in 1e-6 * np.eye(int(used.sum()))]
        np.testing.assert_allclose(slopes, slopes[0], rtol=1e-5)


@given(SEEDS, st.integers(1, 20), params(LabParams))
def test_list_prices_keep_above_cost_and_below_what_open_weights_allow(seed, n, p):
    rng = np.random.default_rng(seed)
    m, open_ = nets(rng, n), rng.random(n) < rng.choice([0.0, 0.3, 1.0])
    cost, tokens, s = lumpy(rng, (2 * n, 3), 1e-6, zeros=0), lumpy(rng, (2 * n, 3), 1e12), rng.random(2 * n)
    tokens[rng.random(2 * n) < 0.2] = 0.0
    got = lab.list_prices(m, cost, tokens, s, open_, p)
    rows = [{"price": m.price_usd_per_token[i], "horizon": m.horizon_minutes[i]} for i in range(2 * n)]
    same(got, lab_oracle.list_prices(rows, cost.tolist(), tokens.tolist(), s.tolist(), open_.tolist(), p), rtol=1e-11)
    at_once = lab.list_prices(m, cost, tokens, s, open_, p.replace(price_speed_per_month=1.0))
    mix = np.where(tokens.sum(axis=1, keepdims=True) > 0, tokens, lab.UNSEEN_MIX)
    mix = mix / mix.sum(axis=1, keepdims=True)
    blended, price = (mix * cost).sum(axis=1), at_once * (mix * lab.LIST_STRUCTURE).sum(axis=1)
    called = tokens.sum(axis=1) > 0
    np.testing.assert_array_equal(got[~called], m.price_usd_per_token[~called])
    assert (price >= 1.05 * blended * (1 - 1e-9))[called].all()
    for tier in (slice(0, n), slice(n, 2 * n)):
        worth = m.horizon_minutes[tier] ** p.ceiling_quality
        for i in np.flatnonzero(open_):
            ceiling = blended[tier][i] * p.self_hosting_markup * worth / worth[i]
            assert (price[tier] <= np.maximum(ceiling, 1.05 * blended[tier]) * (1 + 1e-9))[called[tier]].all()
    low, high = np.minimum(m.price_usd_per_token, at_once), np.maximum(m.price_usd_per_token, at_once)
    assert ((got >= low * (1 - 1e-9)) & (got <= high * (1 + 1e-9))).all()

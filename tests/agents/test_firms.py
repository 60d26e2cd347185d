"""Providers, the chip supplier and labs against their twins, their first-order conditions and their limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import lab, provider, supplier
from agents.lab import LabParams, Labs, Nets
from agents.lab import decisions as lab_decisions
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


ORDER = st.tuples(usd, amounts(0.5, 10, zero=False), amounts(1e3, 1e5, zero=False), usd)


@given(SEEDS, COUNT, ORDER, params(ProviderParams, adjustment_exponent=4.0))
def test_orders_are_those_of_the_text(seed, n, at, p):
    t = providers(seed, n)
    spending, cost, machine, cash = at
    got = provider.order(t, spending, cost, machine, cash, 730.0, p)
    names = {"stock": "stock_h100e", "backlog": "backlog_h100e"}
    names |= {"parent_share": "parent_share", "cash": "cash_usd", "debt": "debt_usd", "book": "book_usd"}
    rows = [{k: float(getattr(t, v)[i]) for k, v in names.items()} for i in range(n)]
    desired, ordered, premium = provider_oracle.order(rows, spending, cost, machine, cash, 730.0, p)
    scale = 1e-13 * float((t.stock_h100e + t.backlog_h100e).sum())
    same(got.desired_h100e, desired)
    same(got.ordered_h100e, ordered, rtol=1e-7, atol=1e5 * scale)
    same(got.premium, premium, rtol=1e-7)
    assert got.user_cost_usd_per_h == cost


@given(SEEDS, COUNT, ORDER, params(ProviderParams))
def test_orders_never_exceed_funds_or_gap_nor_what_a_machine_is_worth(seed, n, at, p):
    t = providers(seed, n)
    spending, cost, machine, cash = at
    o = provider.order(t, *at, 730.0, p)
    assert (o.ordered_h100e >= 0).all()
    assert (o.premium >= 1 - 1e-9).all()
    owed = t.backlog_h100e * machine * (1 - p.deposit_share)
    parents = t.parent_share * cash * p.parent_share_max
    lenders = np.maximum(p.leverage_max * (t.book_usd + owed) - t.debt_usd, 0)
    funds = np.maximum(parents + (np.maximum(t.cash_usd, 0) + lenders - 0.5 * owed) / p.order_months, 0)
    assert (o.ordered_h100e * machine * o.premium <= funds * (1 + 1e-9) + 1e-3).all()
    have = t.stock_h100e + t.backlog_h100e
    assert (o.ordered_h100e <= np.maximum(o.desired_h100e - have, 0) / p.order_months * (1 + 1e-12)).all()
    worth = spending / cost / 730.0 / p.utilisation_planned / max(float(have.sum()), 1e-300)
    rate = 12 * o.ordered_h100e / np.maximum(t.stock_h100e, 1.0)
    marginal = (1 + p.adjustment_years * rate) ** (p.adjustment_exponent - 1)
    assert (marginal[rate > 0] <= worth * (1 + 1e-9)).all()
    turned = provider.order(backwards(t), *at, 730.0, p)
    same(turned.ordered_h100e[::-1], o.ordered_h100e, rtol=1e-9, atol=1e-12 * float(have.sum()))


def test_machines_are_ordered_until_the_expected_price_is_the_user_cost():
    """Free entry: where the price expected is below the user cost nobody orders, where it is above orders close the gap."""
    p, hours = ProviderParams(), 730.0
    t = fill(Providers(1), stock_h100e=np.array([100.0]), cash_usd=np.array([1e12]))
    even = 100.0 * hours * p.utilisation_planned * 2.0  # spending at which the price is 2 USD an hour
    assert (
        provider.order(t, 0.999 * even, 2.0, 1e4, 0.0, hours, p.replace(capacity_share_max=1.0)).ordered_h100e[0] == 0
    )
    p = p.replace(capacity_share_max=1.0, adjustment_years=0.0, order_months=1.0)
    more = provider.order(t, 1.5 * even, 2.0, 1e4, 0.0, hours, p).ordered_h100e[0]
    assert more == pytest.approx(50.0)
    after = 1.5 * even / ((100.0 + more) * hours * p.utilisation_planned)
    assert after == pytest.approx(2.0)


@given(usd, usd, params(ProviderParams))
def test_contracts_weigh_in_what_providers_expect(forecast, contracted, p):
    forecast += 1.0
    got = provider.expected_spending(forecast, contracted, p)
    if contracted == 0.0:
        assert got == forecast
        return
    assert min(forecast, contracted) * (1 - 1e-12) <= got <= max(forecast, contracted) * (1 + 1e-12)
    same(got, np.exp((1 - p.contract_weight) * np.log(forecast) + p.contract_weight * np.log(contracted)), rtol=1e-10)


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
    assert growth >= -0.5
    if p.markup_low <= p.markup_high:
        same(price, supplier_oracle.price(cost, backlog, capacity, p))
        assert cost * (1 + p.markup_low) * (1 - 1e-12) <= price <= cost * (1 + p.markup_high) * (1 + 1e-12)
        assert supplier.price(cost, 2 * backlog, capacity, p) >= price


@given(st.floats(0, 1e4), st.floats(0, 1e4), params(SupplierParams))
def test_a_site_is_dearer_where_more_are_built(built, more, p):
    got = supplier.site_price(built, p)
    same(got, supplier_oracle.site_price(built, p), rtol=1e-11)
    assert p.site_usd_per_w <= got <= supplier.site_price(built + more, p)
    same(supplier.site_price(p.site_reference_gw_per_year, p), p.site_usd_per_w * 2 ** (1 / p.site_elasticity))


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


def technology(rng, n, gamma):
    return lab.Technology(
        gamma=gamma,
        stay_months=float(rng.uniform(1, 20)),
        run_elasticity=rng.uniform(0.2, 1.2, n),
        gamma_rollout=float(rng.uniform(0, 0.4)),
        rollout_reference_flop=1e22,
        returns=float(rng.uniform(0.15, 0.8)),
        progress=rng.uniform(0, 0.2, n),
        fading=rng.uniform(0.01, 0.2, n),
        taught=rng.uniform(0, 1, n),
        rollout_flop_per_usd=rng.uniform(1e16, 1e18, n),
        automation_share=rng.uniform(0, 0.5, n),
        distillation_orders=1.5,
        distillation_reference=0.03,
        distilled=lumpy(rng, n, 0.05),
        teacher_flop=lumpy(rng, n, 1e25, zeros=0),
        teacher_growth=rng.uniform(0, 0.2, n),
        small_profit_share=rng.uniform(0, 1, n),
        cost_share=rng.uniform(0.2, 1, n),
        cap_value=lumpy(rng, n, 1.0),
    )


@given(SEEDS, st.integers(1, 20), st.floats(0.01, 1), st.floats(0, 2), params(LabParams))
def test_research_is_that_of_the_text(seed, n, gamma, elasticity, p):
    t, s, rng = labs(seed, n)
    t.market_growth[:] = rng.normal(0.03, 0.05, n)
    tech, rents = technology(rng, n, gamma), lumpy(rng, n, 1e8)
    rules = [RULES[k] for k in rng.integers(0, 5, n)]
    month, factors = (
        str(rng.choice(["2023-12", "2024-01", "2027-05", "2031-02"])),
        tuple(rng.uniform(0.3, 1.0, 5).tolist()),
    )
    rows = [
        {
            "revenue": t.revenue_usd[i], "serving": t.serving_usd[i], "growth": t.market_growth[i], "rd": t.rd_usd[i],
            **{k: float(np.broadcast_to(v, n)[i]) for k, v in tech._asdict().items()},
        }
        for i in range(n)
    ]  # fmt: skip
    for chosen in (["profit"] * n, rules):
        got = lab.research(t, s, elasticity, rents, tech, chosen, s, p, month, factors)
        told = lab_oracle.research(rows, s.tolist(), elasticity, rents.tolist(), chosen, s.tolist(), p, month, factors)
        for x, k in zip((got.wanted_usd, got.eta, got.margin), range(3), strict=True):
            same(x, [row[k] for row in told], rtol=1e-9, atol=1e-6)
        same(got.uses_usd, [row[3] for row in told], rtol=1e-7, atol=1e-6 * float(got.uses_usd.max()))
    same(lab.split(got.uses_usd).sum(axis=1), np.ones(n))
    same(lab.revenue_belief(t, p, s), lab_oracle.belief(t.revenue_usd.tolist(), s.tolist(), p))
    idle = tech._replace(cap_value=np.zeros(n))
    none = lab.research(t, s, 0.0, np.zeros(n), idle, ["profit"] * n, s, p.replace(quality_coefficient=0.0))
    assert not none.wanted_usd.any()  # no gain from capability, no research


@given(SEEDS, params(LabParams, quality_coefficient=1.5))
def test_a_dollar_more_or_less_in_any_use_earns_less_than_it_costs(seed, p):
    """The uses are where the discounted gain of each, as the text of 7.15 has it, less its cost is largest."""
    rng = np.random.default_rng(seed)
    tech = technology(rng, 1, 0.35)
    value, run, small = (rng.uniform(1e6, 1e9, 1) for _ in range(3))
    growth = rng.normal(0.02, 0.03, 1)
    best = lab_decisions.best_response(value, run, small, growth, tech, p)[0]
    for use in range(5):
        for factor in (0.8, 0.95, 1.05, 1.25):
            gain = lab_oracle.gain(use, best, factor, value[0], run[0], small[0], growth[0], tech, p)
            assert gain <= 1e-9 * float(best.sum() + 1.0), (use, factor, best.tolist())


@given(SEEDS, COUNT, params(LabParams))
def test_budgets_equity_forecasts_and_growth_are_those_of_the_text(seed, n, p):
    t, weights, rng = labs(seed, n)
    wanted, funds, revenue = lumpy(rng, n, 1e9), lumpy(rng, n, 3e8) - lumpy(rng, n, 1e8), lumpy(rng, n, 1e8)
    got = lab.budget(t, wanted, funds, p)
    same(got, lab_oracle.budget(t.rd_usd.tolist(), wanted.tolist(), funds.tolist(), p))
    assert (got <= np.maximum(funds, 0)).all()
    expected, market = float(rng.uniform(0, 1e11)), float(rng.uniform(1, 1e11))
    rows = list(zip(t.revenue_usd.tolist(), t.serving_usd.tolist(), strict=True))
    same(lab.equity_offer(t, expected, weights, p), lab_oracle.equity_offer(rows, expected, weights.tolist(), p))
    told = lab_oracle.learn_growth(t.revenue_usd.tolist(), t.expected_growth.tolist(), revenue.tolist(), market, p)
    same(lab.learn_growth(t, revenue, market, p), told, rtol=1e-9, atol=1e-12)
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


@given(SEEDS, st.integers(2, 20), st.floats(0, 1), params(LabParams))
def test_houses_lose_rents_and_defend_them_as_in_the_text(seed, n, reach, p):
    rng = np.random.default_rng(seed)
    horizon, omega = lumpy(rng, n, 60.0, zeros=0), lumpy(rng, n, 1e11)
    got = lab.match(horizon, p)
    same(got, lab_oracle.match(horizon.tolist(), p))
    hazard, kept = lab.rents_lost(got, reach, p), lab.rents_at_stake(omega, got, reach, 0.35, p)
    same(hazard, lab_oracle.rents_lost(got.tolist(), reach, p))
    assert ((hazard >= 0) & (hazard <= p.rent_hazard_per_year / 12)).all()
    # L.1d is the slope of L.1c in ln effective compute, capitalised
    step = 1e-5
    for i in range(n):
        up, down = horizon.copy(), horizon.copy()
        up[i] *= np.exp(0.35 * step)
        down[i] *= np.exp(-0.35 * step)
        if np.argmax(up) != np.argmax(down):
            continue
        fall = lab.rents_lost(lab.match(down, p), reach, p)[i] - lab.rents_lost(lab.match(up, p), reach, p)[i]
        worth = omega[i] / (p.discount_per_year + p.rent_hazard_per_year * reach)
        assert kept[i] == pytest.approx(worth * fall / (2 * step), rel=1e-4, abs=1e-6 * (1 + worth) * 1e-3)


@given(SEEDS, COUNT, params(LabParams), st.floats(0.1, 10), st.floats(-0.6, 0.3), st.floats(0.02, 0.3))
def test_take_or_pay_contracts_are_those_of_the_text(seed, n, p, market, change, interest):
    rng = np.random.default_rng(seed)
    hours, usd, planned = lumpy(rng, n, 1e6), lumpy(rng, n, 3.0), lumpy(rng, n, 4e6)
    price = lab.contract_price(market, change, interest, p)
    same(price, lab_oracle.contract_price(market, change, interest, p), rtol=1e-4)
    done = lab.sign(hours, usd, planned, price, p)
    told = lab_oracle.sign(hours.tolist(), usd.tolist(), planned.tolist(), price, p)
    same(done.hours, [row[0] for row in told])
    same(done.usd_per_h, [row[1] for row in told], rtol=1e-11)
    assert (done.hours >= p.contracted_share * planned * (1 - 1e-12)).all()
    before, after = lab.outstanding(hours, usd, p), lab.outstanding(done.hours, done.usd_per_h, p)
    same(after, before - done.ended_usd + done.signed_usd, rtol=1e-9, atol=1e-6)


@given(SEEDS, st.integers(1, 20), params(LabParams))
def test_list_prices_keep_above_cost_and_below_what_open_weights_allow(seed, n, p):
    rng = np.random.default_rng(seed)
    m, open_ = nets(rng, n), rng.random(n) < rng.choice([0.0, 0.3, 1.0])
    cost, tokens, s = lumpy(rng, (2 * n, 3), 1e-6, zeros=0), lumpy(rng, (2 * n, 3), 1e12), rng.random(2 * n)
    tokens[rng.random(2 * n) < 0.2] = 0.0
    got = lab.list_prices(m, cost, tokens, s, open_, p)
    rows = [{"price": m.price_usd_per_token[i], "horizon": m.horizon_minutes[i]} for i in range(2 * n)]
    same(got, lab_oracle.list_prices(rows, cost.tolist(), tokens.tolist(), s.tolist(), open_.tolist(), p), rtol=1e-11)
    caps = lab.price_caps(m, cost, tokens, s, open_, p)
    told = lab_oracle.price_caps(rows, cost.tolist(), tokens.tolist(), s.tolist(), open_.tolist(), p)
    same(caps[0], [x for x, _ in told], rtol=1e-11)
    np.testing.assert_allclose(caps[1], [x for _, x in told], atol=2e-5)
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

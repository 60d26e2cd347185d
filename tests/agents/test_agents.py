"""People, their agents and robots against their twins, published diffusion and their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import ai_agent, human, robot
from agents.ai_agent import AIAgentParams
from agents.human import Choice, HumanParams, Humans, Offer, Technology
from agents.robot import RobotParams
from model.core.draws import Draws
from tests.reference import ai_agent as agent_oracle
from tests.reference import human as human_oracle
from tests.reference import robot as robot_oracle
from tests.strategies import amounts, columns, params, same

share = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))
usd = amounts(1e-6, 1e9)
SEEDS = st.integers(0, 2**32)


# Diffusion --------------------------------------------------------------------------------------------


@given(columns(4, share), st.floats(0, 0.5), st.floats(0, 5), params(HumanParams))
def test_adoption_is_that_of_the_text(rows, innovation, imitation, p):
    s, ceiling, peers, useful = rows
    got = human.adopt(s, ceiling, peers, useful, innovation, imitation, p)
    same(got, human_oracle.adopt(*(x.tolist() for x in rows), innovation, imitation, p), atol=1e-15)
    assert (got >= s).all()
    assert (got <= np.maximum(s, ceiling)).all()


@given(columns(4, share, low=1), st.floats(0, 0.5), st.floats(0, 5))
def test_more_examples_and_more_use_never_slow_adoption(rows, innovation, imitation):
    s, ceiling, peers, useful = rows
    p = HumanParams()
    base = human.adopt(s, ceiling, peers, useful, innovation, imitation, p)
    for more in (
        human.adopt(s, ceiling, np.minimum(peers + 0.1, 1), useful, innovation, imitation, p),
        human.adopt(s, ceiling, peers, np.minimum(useful + 0.1, 1), innovation, imitation, p),
        human.adopt(s, ceiling, peers, useful, innovation + 0.1, imitation, p),
    ):
        assert (more >= base).all()
    order = np.arange(s.size)[::-1]
    assert (human.adopt(*(x[order] for x in rows), innovation, imitation, p) == base[order]).all()


def diffuse(n, innovation, imitation, months):
    """Mean adopted share month by month on a complete graph: everybody sees the mean of all."""
    s, one, path = np.zeros(n), np.ones(n), [0.0]
    for _ in range(months):
        s = human.adopt(s, 1.0, np.full(n, s.mean()), one, innovation, imitation, HumanParams())
        path.append(float(s.mean()))
    return np.array(path)


def test_the_mean_field_of_bass():
    path = diffuse(10_000, 0.03, 0.38, 240)
    new = np.diff(path)
    top = int(np.argmax(new))
    left, right = new[top - 1], new[top + 1]
    bend = 0.5 * (left - right) / (left - 2 * new[top] + right)  # the peak of the parabola through three months
    peak_years = (top + 0.5 + bend) / 12
    at_peak = float(np.interp(12 * peak_years, np.arange(path.size), path))
    assert peak_years == pytest.approx(6.193, rel=0.03)
    assert at_peak == pytest.approx(0.4605, rel=0.03)
    assert 12 * new.max() == pytest.approx(0.1106, rel=0.03)
    exact = [human_oracle.bass(month / 12, 0.03, 0.38) for month in range(path.size)]
    np.testing.assert_allclose(path, exact, atol=0.01)


@given(st.floats(0.001, 0.5), st.integers(1, 240))
def test_without_imitation_the_rest_decays_exponentially(innovation, months):
    path = diffuse(2, innovation, 0.0, months)
    same(1 - path[-1], math.exp(-innovation * months / 12), rtol=1e-10)


def test_what_is_useless_or_complete_does_not_spread():
    p, half = HumanParams(), np.array([0.5])
    assert human.adopt(half, 1.0, half, np.zeros(1), 0.5, 5.0, p) == half
    assert human.adopt(half, 0.5, half, np.ones(1), 0.5, 5.0, p) == half
    assert human.adopt(half, 0.4, half, np.ones(1), 0.5, 5.0, p) == half  # a ceiling that fell takes nobody back
    full = human.adopt(half, 1.0, half, np.full(1, p.usefulness_reference), 0.1, 1.0, p)
    assert full == human.adopt(half, 1.0, half, np.ones(1), 0.1, 1.0, p)


TRAITS = ("wage_usd_per_h", "task_minutes", "task_hours_per_month", "job_value")


# People and what they choose --------------------------------------------------------------------------


@given(SEEDS, st.integers(0, 20), params(HumanParams), st.floats(100, 300), st.floats(0.3, 3), st.floats(0.1, 2))
def test_people_are_drawn_as_in_the_text(seed, n, p, free, theta, elasticity):
    h, draws, loop = Humans(n), Draws(seed), (30.0, elasticity)
    human.build(h, draws, p, theta)
    expected = human_oracle.build(n, lambda s, i: float(draws.trait(s, [i])[0]), p, theta)
    for name in expected[0] if n else ():
        column = getattr(h, name)
        if name == "segment":
            assert column.tolist() == [row[name] for row in expected]
        same(column, [row[name] for row in expected], rtol=6e-8, atol=1e-13)  # single precision
    follows, kept = human.people(h, p, free, loop), [{name: getattr(h, name)[i] for name in TRAITS} for i in range(n)]
    for i, row in enumerate(human_oracle.people(kept, p, free, loop)):
        for name, value in row.items():
            same(getattr(follows, name)[i], value, rtol=1e-11, atol=1e-13)


def tasks_of(seed, n, p):
    """People with choices of all sorts, and how many of them use assistants and agents."""
    rng, (h, offer, technology) = np.random.default_rng(seed), scene(seed, n, p)
    adopted = rng.random(n)
    return h, human.choose(h, offer, technology, p), adopted, adopted * rng.random(n)


@given(SEEDS, st.integers(1, 20), params(HumanParams))
def test_nobody_spends_more_on_tasks_than_the_budget_leaves(seed, n, p):
    h, c, adopted, delegating = tasks_of(seed, n, p)
    tasks, most = human.tasks(h, c, adopted, delegating), human.budget(h.wage_usd_per_h, p)
    assert (tasks.assistant + tasks.agent <= tasks.all * (1 + 1e-12)).all()
    jobs, fee = most * np.random.default_rng(seed).random(n) * 1.5, p.surplus_fee_share * c.surplus_usd
    part = human.affordable(tasks, c, fee, most, jobs)
    cost = tasks.assistant * c.chat_usd + tasks.agent * (c.agent_usd + fee)
    assert ((part >= 0.0) & (part <= 1.0)).all()
    assert (cost * part <= np.maximum(most - jobs, 0.0) * (1 + 1e-12)).all()
    assert (part[(cost <= most - jobs) & (jobs <= most)] == 1.0).all()
    wanted = human.jobs_within(np.full(n, 1e9), delegating, most, 7.0, p)
    same(wanted * 7.0, delegating * p.job_spending_share_max * most)


@given(SEEDS, st.integers(1, 20), params(HumanParams), st.floats(150, 400))
def test_own_work_fits_into_the_month(seed, n, p, most_h):
    h, c, adopted, delegating = tasks_of(seed, n, p)
    tasks = human.tasks(h, c, adopted, delegating)
    work = human.own_work(h, c, tasks.all, tasks.assistant, 0.5 * tasks.agent, most_h, p)
    fixed_h = p.work_hours_per_month - h.task_hours_per_month
    assert (work.own_h <= np.maximum(most_h, fixed_h) * (1 + 1e-12)).all()
    assert (work.chats <= tasks.assistant).all()
    assert (work.assistant_h <= work.own_h * (1 + 1e-12)).all()
    nobody = human.tasks(h, c, 0.0 * adopted, 0.0 * adopted)
    alone = human.own_work(h, c, nobody.all, nobody.assistant, nobody.agent, 1e9, p)
    same(alone.own_h, np.full(n, p.work_hours_per_month), rtol=1e-9)  # without AI a month of work is one of work


def test_wages_have_their_mean_and_each_segment_its_eighth():
    h = Humans(20_000)
    human.build(h, Draws(5), HumanParams(), 1.0)
    assert h.wage_usd_per_h.mean() == pytest.approx(10.0, rel=0.01)
    assert np.median(h.task_minutes) == pytest.approx(8.0, rel=0.01)
    np.testing.assert_allclose(np.bincount(h.segment) / h.n, 1 / 8, atol=0.002)
    assert (h.segment[np.argsort(h.wage_usd_per_h)] == np.sort(h.segment)).all()


def scene(seed, n, p):
    """People, offer and technology of all sorts: cheap and dear, good and bad, open and shut."""
    rng = np.random.default_rng(seed)
    h = Humans(n)
    human.build(h, Draws(seed), p, 1.0)
    h.shadow_usd_per_h *= rng.lognormal(0, 0.5, n)
    h = human.people(h, p, 200.0, (30.0, 0.5))

    def success():
        return np.where(rng.random(n) < 0.3, rng.choice([0.0, 0.5, 1.0], n), rng.random(n))

    dear, scale = rng.lognormal(-3, 1.5, 2), rng.random(2)
    offer = Offer(
        chat_open=bool(rng.random() < 0.8),
        agents_open=bool(rng.random() < 0.8),
        chat_usd=(0.1 * dear[0], 0.1 * dear[0] * scale[0]),
        chat_thinking_usd=rng.lognormal(-5, 1, human.SEGMENTS) * (rng.random() < 0.5),
        loop_usd=(dear[1], dear[1] * scale[1]),
        loop_generated_usd=dear[1] * rng.random() * 0.5,
        fee_usd=float(rng.choice([0.0, 0.001, 0.1])),
        delivered=(float(rng.choice([0.0, 0.4, 1.0])), float(rng.choice([0.0, 0.4, 1.0]))),
    )
    technology = Technology(
        chat_success=(success(), success()),
        loop_success=(success(), success()),
        loop_attempts=(1 + rng.random(n) * 3, 1 + rng.random(n) * 3),
        tau=rng.choice([1.0, 2.0, 30.0], n),
    )
    return h, offer, technology


def rows_of(h):
    return [dict(zip(h._fields, row, strict=True)) for row in zip(*(x.tolist() for x in h), strict=True)]


def told(h, offer, technology, p):
    """The choice according to the text."""
    chat = list(zip(*(x.tolist() for x in technology.chat_success), strict=True))
    tiers = [zip(s.tolist(), a.tolist(), strict=True) for s, a in zip(*technology[1:3], strict=True)]
    agent = list(zip(*tiers, strict=True))
    return human_oracle.choose(rows_of(h), offer._asdict(), chat, agent, technology.tau.tolist(), p)


@given(SEEDS, st.integers(0, 20), params(HumanParams))
@settings(max_examples=100)
def test_choices_are_those_of_the_text(seed, n, p):
    h, offer, technology = scene(seed, n, p)
    got, expected = human.choose(h, offer, technology, p), told(h, offer, technology, p)
    for name in Choice._fields:
        value = [row[name] for row in expected]
        largest = {
            "surplus_usd": h.task_value_usd,
            "agent_usd": technology.tau * offer.loop_usd[0] * h.loop_length_factor,
        }
        size = largest.get(name, 1.0 if name in ("success_chat", "success_agent") else 0.0)
        scale = float(np.max(size, initial=0.0))  # these are differences of numbers of this size
        same(getattr(got, name), value, rtol=1e-11, atol=1e-13 * scale)


@given(SEEDS, params(HumanParams))
def test_shares_are_shares_and_what_is_shut_is_not_used(seed, p):
    h, offer, technology = scene(seed, 10, p)
    c = human.choose(h, offer, technology, p)
    for x in (c.assistant, c.delegator_assistant, c.delegator_agent, c.delegator_assistant + c.delegator_agent):
        assert ((x >= 0) & (x <= 1)).all()
    assert (c.delegator_assistant <= c.assistant).all()
    assert (c.tasks_delegator >= c.tasks_adopter).all()
    shut = human.choose(h, offer._replace(chat_open=False, agents_open=False), technology, p)
    assert not shut.assistant.any()
    assert not shut.delegator_agent.any()
    same(shut.tasks_delegator, 60 * h.task_hours_per_month / h.task_minutes)


@given(SEEDS, params(HumanParams), st.floats(1.01, 100))
def test_dearer_agents_and_rarer_success_are_never_chosen_more(seed, p, factor):
    h, offer, technology = scene(seed, 10, p)
    base = human.choose(h, offer, technology, p)
    dearer = human.choose(h, offer._replace(fee_usd=offer.fee_usd * factor + 0.01), technology, p)
    assert (dearer.delegator_agent <= base.delegator_agent).all()
    assert (dearer.delegator_assistant >= base.delegator_assistant).all()
    worse = tuple(s / factor for s in technology.chat_success)
    duller = human.choose(h, offer._replace(chat_usd=(0.01, 0.01)), technology._replace(chat_success=worse), p)
    plain = human.choose(h, offer._replace(chat_usd=(0.01, 0.01)), technology, p)
    same_tier = technology.chat_success[0] == technology.chat_success[1]
    assert (duller.assistant <= plain.assistant)[same_tier].all()
    backwards = human.People(*(x[::-1].copy() for x in h))
    turned = Technology(*(tuple(x[::-1] for x in pair) for pair in technology[:3]), technology.tau[::-1])
    for x, y in zip(human.choose(backwards, offer, turned, p), base, strict=True):
        same(x[::-1], y, rtol=1e-13)


@given(SEEDS, st.integers(0, 20), params(HumanParams), st.floats(0.2, 2))
def test_elasticities_to_the_horizon_are_those_of_the_text(seed, n, p, slope):
    h, offer, technology = scene(seed, n, p)
    c = human.choose(h, offer, technology, p)
    expected = human_oracle.horizon_elasticities(rows_of(h), told(h, offer, technology, p), slope, p)
    for got, which in zip(human.horizon_elasticities(h, c, slope, p), (0, 1), strict=True):
        same(got, [row[which] for row in expected], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_elasticities_are_the_derivatives_of_the_choice(seed):
    p, slope, step = HumanParams(), 0.7, 1e-5
    h, offer, _ = scene(seed, 20, p)
    offer = offer._replace(chat_usd=(0.01, 0.01), loop_usd=(0.1, 0.1), chat_open=True, agents_open=True)
    offer = offer._replace(delivered=(1.0, 1.0), loop_generated_usd=0.0)
    one = np.ones(h.segment.size)

    def at(log_horizon, chat, agent):
        s = [1 / (1 + np.exp(slope * (h.log_task_minutes - log_horizon - 1e-9 * on))) for on in (0, 0)]
        lo = 1 / (1 + np.exp(slope * (h.log_task_minutes - math.log(20.0))))
        a, b = (s[0] if chat else lo), (s[0] if agent else lo)
        return human.choose(h, offer, Technology((a, a), (b, b), (one, one), one), p)

    here = at(math.log(20.0), False, False)
    chat, agent = human.horizon_elasticities(h, here, slope, p)
    up, down = (at(math.log(20.0) + d, True, False) for d in (step, -step))
    same(np.log(up.assistant / down.assistant) / (2 * step), chat, rtol=1e-5, atol=1e-8)
    up, down = (at(math.log(20.0) + d, False, True) for d in (step, -step))
    same(np.log(up.delegator_agent / down.delegator_agent) / (2 * step), agent, rtol=1e-5, atol=1e-8)


# Agents -----------------------------------------------------------------------------------------------


@given(columns(3, usd), st.data(), params(AIAgentParams))
def test_births_and_exits_are_those_of_the_text(rows, data, p):
    weight, wanted, wallet = rows
    n = weight.size
    lean = np.array(data.draw(st.lists(st.integers(0, 30), min_size=n, max_size=n)), dtype=np.int32)
    t = ai_agent.turnover(weight, wanted, lean, wallet, p)
    told_ = agent_oracle.turnover(weight.tolist(), wanted.tolist(), lean.tolist(), wallet.tolist(), p)
    for got, k in zip(t, range(3), strict=True):
        same(got, [row[k] for row in told_], atol=1e-12 * float(np.maximum(weight, wanted).max(initial=0.0)))
    after = weight + t.born - t.exited
    assert (after >= 0).all()
    assert (t.returned_usd <= wallet * (1 + 1e-12)).all()
    assert (after[lean >= p.lean_months] == 0).all()
    stay = lean < p.lean_months
    kept = weight - weight * p.turnover_per_month
    between = kept + p.spawn_per_month * (wanted - kept)  # a share of the way to what is wanted
    same(after[stay], between[stay], rtol=1e-10, atol=1e-12 * float(np.maximum(weight, wanted).max(initial=0.0)))
    order = np.arange(n)[::-1]
    turned = ai_agent.turnover(weight[order], wanted[order], lean[order], wallet[order], p)
    for x, y in zip(turned, t, strict=True):
        assert (x == y[order]).all()


@given(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), params(AIAgentParams))
def test_standing_jobs_choose_their_tier_as_in_the_text(ratio, p):
    got = ai_agent.standing_tier(ratio, p)
    same(got, agent_oracle.standing_tier(ratio, p), rtol=1e-10, atol=1e-200)
    assert got <= ai_agent.standing_tier((ratio[0] - 1.0, ratio[1]), p)


@given(amounts(0, 1e3), amounts(0, 1e3), amounts(1e-3, 1e6, zero=False), st.floats(0.02, 0.5), params(AIAgentParams))
def test_people_weigh_fees_against_the_ranking_as_in_the_text(fee, loss, value, scale, p):
    got = ai_agent.ad_funded_share(fee, loss, value, scale, p)
    same(got, agent_oracle.ad_funded_share(fee, loss, value, scale, p), rtol=1e-9, atol=1e-300)
    assert 0.0 <= got <= 1.0
    assert got <= ai_agent.ad_funded_share(fee + value, loss, value, scale, p)
    assert got >= ai_agent.ad_funded_share(fee, loss + value, value, scale, p)


# Robots -----------------------------------------------------------------------------------------------


@given(usd, st.floats(1e-9, 1e9), st.floats(0.1, 3), params(RobotParams))
def test_price_success_and_calls_of_robots_are_those_of_the_text(x, horizon, slope, p):
    same(robot.price(x, p), robot_oracle.price(x, p))
    assert robot.price(2 * x, p) <= robot.price(x, p)
    same(robot.success(horizon, slope, p), robot_oracle.success(horizon, slope, p), rtol=1e-11)
    assert robot.success(horizon, slope, p) <= robot.success(2 * horizon, slope, p)
    same(robot.cloud_calls(x, horizon, p), robot_oracle.cloud_calls(x, horizon, p), rtol=1e-11)
    assert robot.cloud_calls(x + 1.0, horizon, p) <= robot.cloud_calls(x, horizon, p) <= p.cloud_calls_per_h
    same(robot.on_board_flop_per_s(p), robot_oracle.on_board_flop_per_s(p))


def test_a_robot_costs_a_fifth_less_with_each_doubling():
    p = RobotParams(learning_exponent=-math.log2(0.8), price_floor_usd=3e3)
    assert robot.price(4.0e4, p) == pytest.approx(0.8 * 9.0e4)
    assert robot.success(p.work_minutes / p.embodiment_gap, 0.7, p) == pytest.approx(0.5)


@given(columns(2, amounts(1e-3, 1e4)), share, amounts(1.0, 1e6), amounts(1.0, 1e5), params(RobotParams))
def test_robots_wanted_are_those_of_the_text(rows, success, price, running, p):
    wage, shadow = rows
    got = robot.wanted(wage, shadow, success, price, running, p)
    same(got, robot_oracle.wanted(wage.tolist(), shadow.tolist(), success, price, running, p), rtol=1e-10)
    assert ((got >= 0) & (got <= p.owner_share_max)).all()
    assert (robot.wanted(2 * wage, shadow, success, price, running, p) >= got).all()
    assert (robot.wanted(wage, shadow, success, price + 1e4, running, p) <= got).all()
    assert (robot.wanted(wage[::-1], shadow[::-1], success, price, running, p) == got[::-1]).all()


def test_where_a_robot_just_earns_its_cost_half_of_the_ceiling_want_one():
    p = RobotParams()
    cost = 9.0e4 * (p.interest_per_year + p.depreciation_per_year) / 12 + 100.0
    wage = np.array([cost / p.duty_hours_per_month])
    assert robot.wanted(wage, np.zeros(1), 1.0, 9.0e4, 100.0, p)[0] == pytest.approx(p.owner_share_max / 2)


@given(columns(1, usd), usd, amounts(1.0, 1e9, zero=False), params(RobotParams))
def test_makers_deliver_what_they_can_and_grow_with_the_backlog(rows, backlog, capacity, p):
    on_order = rows[0]
    total = float(on_order.sum())
    got = robot.deliver(on_order, total, capacity)
    same(got, robot_oracle.deliver(on_order.tolist(), total, capacity))
    assert (got <= on_order).all()
    same(got.sum(), min(total, capacity), rtol=1e-11)
    gaps = on_order.tolist()  # any amounts will do
    signed = robot.orders(np.array(gaps), math.fsum(gaps), backlog, capacity, p)
    same(signed, robot_oracle.orders(gaps, backlog, capacity, p), atol=1e-300)
    assert backlog + signed.sum() <= max(p.queue_months * capacity, backlog) * (1 + 1e-12)
    after = robot.next_capacity(capacity, backlog, p)
    same(after, robot_oracle.next_capacity(capacity, backlog, p))
    assert after <= robot.next_capacity(capacity, 2 * backlog + 1.0, p)
    settled = robot.next_capacity(capacity, p.target_backlog_months * capacity, p)
    assert settled == pytest.approx(max(capacity, 1.0))

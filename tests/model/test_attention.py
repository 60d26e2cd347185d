"""Competition for attention as a whole: budgets, what delegation follows, both markets, and the damped price against a joint solution."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

from agents import human
from model import InferenceEconomy
from model.core.flows import MonthFlows
from model.core.steps import Step
from model.markets import attention
from model.markets.attention import AttentionParams
from model.month import STEPS
from model.stages import people as stage
from model.stages import sales
from tests.agents.test_agents import scene


def test_in_ten_thousand_populations_minutes_are_the_budget():
    """10,000 populations of ten people, each with parameters of its own."""
    rng = np.random.default_rng(4)
    for hours, most, share in rng.uniform([300, 0.5, 0.5], [500, 0.95, 1.0], (10_000, 3)):
        p = AttentionParams(hours_per_month=hours, committed_share_max=most, application_share=share)
        own, asked = rng.random(10) * hours * 0.95, rng.exponential(60, 10) * (rng.random(10) < 0.7)
        a = attention.allot(own, asked, rng.lognormal(7, 1, 10), p)
        total = own + asked * a.answered + a.applications + a.leisure
        assert (np.abs(total - hours) <= 1e-9 * hours).all()
        assert (a.leisure >= 0).all()


def test_delegation_falls_with_the_shadow_price_at_the_same_prices_and_quality():
    for seed in range(40):
        h, offer, technology = scene(seed, 300, human.HumanParams())
        offer = offer._replace(chat_open=True, agents_open=True, delivered=(1.0, 1.0))
        before = human.choose(h, offer, technology, human.HumanParams()).delegator_agent
        h = h._replace(shadow_usd_per_h=0.9 * h.shadow_usd_per_h)
        after = human.choose(h, offer, technology, human.HumanParams()).delegator_agent
        assert (after <= before + 1e-12).all()
        assert after.sum() < before.sum()


def test_without_delegation_nothing_is_spent_on_agents():
    economy = InferenceEconomy(
        "baseline", humans=100, months=60, seed=1, ai_agent__agent_launch_horizon_minutes=1e9
    ).run()
    history = economy.history
    assert history["tasks_agent"].sum() == 0.0
    assert history["attention_spend_agent_share"].fill_null(0.0).abs().max() == 0.0
    assert history["tokens_examination"].sum() == 0.0
    assert (economy.services.agent_budget_share < 1e-3).all()
    paid = economy.tables()["flows"].filter(pl.col("item") == "invocations by agents")["usd"]
    assert paid.sum() == 0.0


def test_payments_for_attention_are_transfers():
    """What services pay is what applications, orchestrators and agents receive; value is not counted twice."""
    economy = InferenceEconomy("ad-funded-agents", humans=100, months=132, seed=2).run()
    flows, history = economy.tables()["flows"], economy.history
    paid = flows.filter(pl.col("item").is_in(["advertising", "invocations by agents"])).group_by("month")
    paid = paid.agg(pl.col("usd").sum()).sort("month")["usd"].to_numpy()
    spent = economy.tables()["attention"].filter(pl.col("claimant").is_in(["applications", "services"]))
    spent = spent.group_by("month").agg(pl.col("spend_usd").sum()).sort("month")["spend_usd"].to_numpy()
    np.testing.assert_allclose(paid, spent, rtol=1e-12)
    assert (history["services_value_usd"].to_numpy() > spent).all()  # bids stay below values: services keep a surplus
    assert history["attention_spend_agent_share"][-1] > 0.05
    assert 0.0 < history["ad_funded_share"][-1] < 0.6  # the ranking costs more than the fee gives back
    assert history["ranking_quality_kept"].max() < 1.0


def test_loyal_agents_choose_better_than_paid_ones():
    p = AttentionParams()
    k = np.linspace(1.0, 10.0, 50)
    loyal, paid = attention.choice_gain(k, p), attention.choice_gain(k, p, 0.1)
    assert loyal[0] == paid[0] == 1.0
    assert (loyal[1:] > paid[1:]).all()


# The damped shadow price against a joint solution ------------------------------------------------------------------------


def settle(e, known):
    """Shadow prices at which this month's choices and their price agree, by Newton's method for each person."""
    damping = e.params.attention.shadow_damping

    def excess(price):
        e.humans.shadow_usd_per_h[:] = price
        f = MonthFlows(e.sizes)
        stage.people(e, f, known)
        return (f.shadow_usd_per_h - price) / damping

    price = e.humans.shadow_usd_per_h.astype(np.float64)
    for _ in range(30):
        gap = excess(price)
        if (np.abs(gap) <= 1e-10 * price).all():
            break
        step = 1e-6 * price
        slope = (excess(price + step) - gap) / step
        price = np.clip(price - gap / np.where(np.abs(slope) > 0.05, slope, -1.0), 0.5 * price, 2.0 * price)
    assert (np.abs(gap) <= 1e-6 * price).mean() > 0.99
    e.humans.shadow_usd_per_h[:] = price


def yearly(e):
    """Attention-hours and tasks of the recorded months by year, as shares."""
    h = e.history.with_columns(year=pl.col("month").dt.year())
    minutes = e.tables()["attention"].filter(pl.col("market") == "human").with_columns(year=pl.col("month").dt.year())
    shares = minutes.group_by("year", "claimant").agg(pl.col("minutes").sum()).sort("year", "claimant")
    shares = shares.with_columns(share=pl.col("minutes") / pl.col("minutes").sum().over("year"))
    done = h.group_by("year").agg(pl.col("tasks_agent", "tasks_assistant").sum() / pl.col("tasks").sum()).sort("year")
    return shares["share"].to_numpy(), done.drop("year").to_numpy().ravel()


def economies(**size):
    """The same run under the damped price and under a joint solution."""

    def joint(e, f, known):
        settle(e, known)
        return stage.people(e, f, known)

    return [InferenceEconomy("baseline", steps=steps, **size).run() for steps in (STEPS, wishing(joint))]


def wishing(people):
    """Return the month with another step of what people want, which may set their shadow price."""
    return STEPS.replaced("wish", Step("wish", people, ("humans",), "w"))


@pytest.mark.parametrize("months", [60, pytest.param(96, marks=pytest.mark.long)])
def test_the_damped_price_gives_the_yearly_shares_of_a_joint_solution(months):
    damped, joint = (yearly(e) for e in economies(humans=40, months=months, seed=3))
    for here, there in zip(damped, joint, strict=True):
        np.testing.assert_allclose(here, there, atol=0.003)
    assert joint[1].max() > 0.01


@pytest.mark.long
def test_over_seeds_the_damped_price_gives_the_yearly_shares_of_a_joint_solution():
    """One seed is not enough for so long: where a release moves by a month, others follow, in either direction."""
    pairs = [[yearly(e) for e in economies(humans=40, months=168, seed=seed)] for seed in range(1, 7)]
    for which in (0, 1):
        here, there = (np.mean([pair[k][which] for pair in pairs], axis=0) for k in (0, 1))
        np.testing.assert_allclose(here, there, atol=0.003)


@pytest.mark.parametrize(
    ("months", "seed"),
    [(72, 2), *(pytest.param(m, s, marks=pytest.mark.long) for m in (96, 168) for s in (2, 3))],
)
def test_the_damped_price_gives_the_shares_of_the_same_months_solved_jointly(months, seed):
    """The price alone: each month is solved a second time on the same state, and the run goes on with the damped price."""
    both = []

    def twice(e, f, known):
        mine = stage.people(e, f, known)
        price = e.humans.shadow_usd_per_h.copy()
        settle(e, known)
        both.append((mine, stage.people(e, MonthFlows(e.sizes), known)))
        e.humans.shadow_usd_per_h[:] = price
        return mine

    InferenceEconomy("baseline", humans=40, months=months, seed=seed, steps=wishing(twice)).run()
    hours = ("own_h", "assistant_h", "review_h", "supervision_h", "application_h", "leisure_h")
    for names in (hours, ("tasks_agent", "tasks_assistant", "tasks")):
        damped, joint = (np.array([[getattr(pair[k], name) for name in names] for pair in both]) for k in (0, 1))
        damped, joint = (x.reshape(months // 12, 12, -1).sum(axis=1) for x in (damped, joint))
        totals = (x.sum(axis=1) if names is hours else x[:, -1] for x in (damped, joint))
        shares = [x / total[:, None] for x, total in zip((damped, joint), totals, strict=True)]
        np.testing.assert_allclose(*shares, atol=0.002)
    assert (damped != joint).any()


@pytest.mark.long
def test_attention_takes_a_small_part_of_a_month(monkeypatch):
    """Measured at 100,000 people: 4 % of a month's processor time; a fifth is the most it may take."""
    economy = InferenceEconomy("baseline", humans=20_000, months=50, seed=1)
    for _ in range(40):
        economy.step()
    spent = []
    for module, name in (
        (sales, "sell_attention"),
        (sales, "sell_routing"),
        (attention, "allot"),
        (attention, "examined"),
        (attention, "choice_gain"),
    ):
        monkeypatch.setattr(module, name, timed(getattr(module, name), spent))
    start = time.process_time()
    for _ in range(5):
        economy.step()
    whole = time.process_time() - start
    assert len(spent) > 5
    assert np.sum(spent) < 0.2 * whole


def timed(function, spent):
    """The function, its processor time added to a list."""

    def called(*given, **named):
        start = time.process_time()
        result = function(*given, **named)
        spent.append(time.process_time() - start)
        return result

    return called

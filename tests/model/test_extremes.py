"""The economy where it is least like itself: alone, without supply, without demand, all at once, for half a century.

Each run stands for what an economist would expect of it. Every law is held in every month, as in every run. Beyond that a run
here must not divide by zero, overflow or leave the numbers (underflow is harmless: odds of one in 1e400 are none), warn, or leave
a number that is not finite.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import math
import multiprocessing
import os
import sys
import threading
import warnings
import weakref

import numpy as np
import polars as pl
import pytest

import experiments
from model import InferenceEconomy, Scenario
from model.core.units import SERVING, WORK
from model.layers import context
from model.scenario import Intervention

BASELINE = Scenario.load("baseline")
#: The rarest that declared ranges let machines be.
SCARCE = {
    "physical.opening_stock_h100e": 1e5,
    "physical.life_months": 36.0,
    "physical.availability": 0.7,
    "supplier.site_reference_gw_per_year": 1.0,
    "supplier.site_elasticity": 0.5,
    "physical.chip_performance_growth": 1.0,
    "supplier.opening_h100e_per_month": 5000.0,
    "supplier.response": 0.02,
    "supplier.shrink_share": 1.0,
    "compute.utilisation_max": 0.7,
}
#: Nobody wants a robot that fails at all it tries.
USELESS_ROBOTS = {
    "robot.initial_stock": 100.0,
    "robot.embodiment_gap": 0.001,
    "robot.owner_share_max": 0.005,
    "robot.demand_scale": 0.05,
    "robot.price_usd": 2e5,
}
#: Buyers, users, orchestrators and robots that hardly look at prices.
UNMOVED = {
    "compute.elasticity_serving": 0.3,
    "compute.elasticity_legacy": 0.3,
    "compute.elasticity_research": 0.3,
    "compute.routing_elasticity": 0.5,
    "context.prompt_price_elasticity": 0.0,
    "robot.cloud_price_elasticity": 0.0,
    "orchestrator.price_coefficient": 0.0,
    "orchestrator.price_elasticity": 1.5,
    "supplier.markup_elasticity": 0.0,
    "lab.price_coefficient": 1.2,
}
#: Agents that can do much, are offered at once and taken up fast.
EARLY_AGENTS = {
    "neural.horizon_reference_minutes": 5.0,
    "ai_agent.agent_launch_horizon_minutes": 0.5,
    "application.launch_lag_months": 0,
    "human.innovation_per_year": 0.5,
    "human.delegation_innovation_per_year": 0.5,
    "human.delegation_imitation_per_year": 5.0,
    "human.job_value_usd_per_month": 500.0,
}


@contextlib.contextmanager
def strictly():
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        yield


def run(source=BASELINE, months=30, before=None, at=None, humans=40, seed=1, **overrides):
    """Return the economy at its end; `before` changes it when `at` months are done."""
    scenario = source.with_overrides({k.replace("__", "."): v for k, v in overrides.items()})
    with strictly():
        e = InferenceEconomy(scenario, humans=humans, months=months, seed=seed)
        while e.month < e.months:
            if e.month == at:
                before(e)
            e.step()
        assert not_finite(e) == []
    return e


def not_finite(e):
    """Return names of columns, states and recorded series that hold a number that is not finite."""
    states = {f"state.{name}": x for name, x in vars(e.state).items()}
    groups = {"cohorts": e.cohorts, **states, **{name: rows for name, (_, rows) in e.kinds.items()}}
    found = [
        f"{group}.{name}"
        for group, x in groups.items()
        for name, v in vars(x).items()
        if isinstance(v, float | np.ndarray) and not np.isfinite(v).all()
    ]
    found += [
        name for name, v in zip(e.history.columns[1:], np.array(e.recorder.rows).T, strict=True) if np.isinf(v).any()
    ]
    return found


def series(e, name):
    return e.history[name].to_numpy()


def equal(a, b):
    a, b = a.tables(), b.tables()
    return all(a[name].equals(b[name]) for name in a)


def dated(scenario, *changes):
    return dataclasses.replace(scenario, interventions=tuple(Intervention(*c) for c in changes))


@pytest.fixture(scope="module")
def usual():
    return run()


# Alone ----------------------------------------------------------------------------------------------------------------


def test_one_human_has_nobody_to_learn_from():
    """One row is everybody, has no contacts, and adopts by own discovery alone: never faster than Bass without imitation."""
    alone = run(months=18, humans=1, human__imitation_per_year=5.0)
    assert equal(alone, run(months=18, humans=1, human__imitation_per_year=0.0))
    alone.networks()
    p = alone.params.human
    assert (series(alone, "humans") == p.population_people).all()
    pulse = np.array([alone.settings.parameters_at(month).human.media_pulse for month in range(18)])
    most = 1.0 - np.cumprod(1.0 - p.innovation_per_year * pulse / 12.0)
    adopters = series(alone, "adopters") / p.population_people
    assert (np.diff(adopters) >= 0.0).all()
    assert (adopters <= p.saturation_share * most + 1e-12).all()
    assert adopters[-1] > 0.0


def alone_in_the_market(lab="lab_a"):
    providers = {k: v.replace(integrated_lab="") for k, v in BASELINE.firms["provider"].items()}
    return dataclasses.replace(BASELINE, firms={"lab": {lab: BASELINE.firms["lab"][lab]}, "provider": providers})


def test_one_lab_is_a_monopolist(usual):
    """All tokens and revenue are its own, nobody's ideas reach it, its margin is higher, its R&D over revenue lower."""
    one = run(alone_in_the_market())
    assert (one.state.choices.net_share == 1.0).all()
    with_rivals, without = (
        [run(source, 12, neural__idea_diffusion_per_year=x) for x in (0.0, 3.0)]
        for source in (BASELINE, alone_in_the_market())
    )
    assert equal(*without)
    assert not equal(*with_rivals)
    for year in (slice(6, 18), slice(18, 30)):
        assert series(one, "gross_margin")[year].mean() > series(usual, "gross_margin")[year].mean()
        assert series(one, "rd_to_revenue")[year].mean() < series(usual, "rd_to_revenue")[year].mean()


# Without --------------------------------------------------------------------------------------------------------------


def test_scarce_machines_are_dear_and_wanted(usual):
    """Hours cost several times as much, machines stay below what the chip makers can replace, orders wait, tokens are few."""
    scarce = run(BASELINE, **SCARCE)
    scarce.tables()
    assert (series(scarce, "installed_h100e")[12:] < series(usual, "installed_h100e")[12:] / 2.0).all()
    assert series(scarce, "installed_h100e")[-1] < series(usual, "installed_h100e")[-1] / 5.0
    assert series(scarce, "price_usd_per_h100e_hour")[-1] > 3.0 * series(usual, "price_usd_per_h100e_hour")[-1]
    assert series(scarce, "tokens")[-12:].sum() < series(usual, "tokens")[-12:].sum() / 2.0
    assert series(scarce, "backlog_h100e")[-1] > 12.0 * scarce.state.suppliers.supply_h100e
    assert (series(scarce, "utilisation") <= 0.7 + 1e-12).all()


def test_robots_that_nobody_wants_rust():
    """None are bought; the stock falls by its depreciation alone, and with none at all no robot computes."""
    rusting = run(BASELINE, months=24, **USELESS_ROBOTS)
    kept = 1.0 - rusting.params.robot.depreciation_per_year / 12.0
    assert series(rusting, "robots") == pytest.approx(100.0 * kept ** np.arange(1, 25), rel=1e-6)
    assert series(rusting, "robots_bought").sum() < 1e-3

    def scrap(e):
        e.robots.weight_robots[:] = 0.0

    none = run(BASELINE, months=12, before=scrap, at=0, **USELESS_ROBOTS)
    work = none.tables()["compute"].filter(pl.col("consumer") == "robot")
    assert series(none, "robots").max() < 1e-3
    assert work["flop"].sum() < 1e-9 * none.tables()["compute"]["flop"].sum()


def test_without_price_elasticity_prices_move_and_people_do_not():
    """The same shortages and gluts move the price of hours several times as much as where demand gives way."""
    unmoved = run(BASELINE, months=18, **UNMOVED)
    given = unmoved.params.context
    assert unmoved.last.known.prompts.tolist() == context.prompts(1.0, given).tolist()  # whatever tokens cost
    assert unmoved.state.robots.calls_per_h == unmoved.params.robot.cloud_calls_per_h
    swings = {}
    for name, low in (("unmoved", 0.3), ("moved", 2.0)):
        fixed = {f"compute.elasticity_{who}": low for who in ("serving", "legacy", "research")}
        swings[name] = np.diff(np.log(series(run(BASELINE, months=24, **fixed), "price_usd_per_h100e_hour"))).std()
    assert swings["unmoved"] > 2.0 * swings["moved"]


# All at once ----------------------------------------------------------------------------------------------------------


def test_all_agents_leave_at_once():
    """Failures become dear, jobs worthless: agents go within a month, wallets return, assistants and prices go on."""
    scenario = dated(
        BASELINE.with_overrides(EARLY_AGENTS),
        ("2023-03", "ai_agent.spawn_per_month", 1.0),
        ("2023-03", "human.error_loss", 3.0),
        ("2023-03", "human.agent_habit", 0.5),
        ("2023-03", "human.choice_scale", 0.02),
    )

    def dismiss(e):
        e.humans.job_value[:] = 0.0

    e = run(scenario, months=17, before=dismiss, at=14)
    agents, exited = series(e, "ai_agents"), series(e, "ai_agents_exited")
    assert min(agents[13], series(e, "standing_agents")[13]) > 1e6
    assert exited[14] > 0.99 * agents[13]
    assert agents[14] < 0.01 * agents[13]
    hours = e.tables()["compute"].filter(consumer="ai_agent").sort("month")["accelerator_hours"].to_numpy()
    assert hours[16] < 0.1 * hours[13]  # a month later: half of what had waited was still served
    # what an error costs weighs on assistants too, which go on
    assert series(e, "tasks_assistant")[16] > 0.3 * series(e, "tasks_assistant")[13]
    returned = e.tables()["flows"].filter(item="wallets returned").sort("month")["usd"].to_numpy()
    assert returned[-3] > 2.0 * returned[-4]  # all of them, not the share of every month
    assert returned[-2] < 0.05 * returned[-4]


def test_all_demand_is_rationed():
    """A power cut: no class gets all it asks for, those give up most who mind the price most, no usable hour is idle."""
    scenario = dated(
        BASELINE.with_overrides({**EARLY_AGENTS, "physical.availability": 1.0, "compute.utilisation_max": 0.95}),
        ("2023-03", "physical.availability", 0.7),
        ("2023-03", "compute.utilisation_max", 0.7),
    )
    e = run(scenario, months=15)
    f = e.last.flows
    assert f.block_hours.sum(axis=0) == pytest.approx(np.full(2, 0.35 * f.capacity_hours.sum()), rel=1e-9)
    asked = f.demand_hours > 0.0
    assert asked[[0, 1, 2, 5, 6, 7, 8, 9, 10, 11]].all()
    assert (f.fill[asked] < 0.95).all()
    assert f.served_hours.sum() == pytest.approx(0.7 * f.capacity_hours.sum(), rel=1e-9)
    p = e.params.compute
    by_elasticity = {p.elasticity_research: 7, p.elasticity_serving: 0, p.elasticity_legacy: 5}
    fill = [f.fill[by_elasticity[x]] for x in sorted(by_elasticity)]
    assert fill == sorted(fill, reverse=True)
    assert fill[0] > fill[-1]
    research = [u for u, w in enumerate(WORK[:12]) if w.consumer == "lab"]
    assert (f.lost_hours[research] == 0.0).all()  # it waits
    assert (f.lost_hours[SERVING][asked[SERVING]] > 0.0).all()
    assert (f.clearing_usd > f.block_usd).all()


@pytest.mark.parametrize("tier", [0, 1])
def test_a_lab_fails_in_the_month_of_its_release(tier):
    """The net it finished goes on offer and earns; owners lose what they hold; an entrant goes on with a small budget."""
    i, when = 0, 14  # alpha releases nothing then by itself
    seen = {}

    def ruin(e):
        labs = e.labs
        done, target = (
            (labs.run_done_flop, labs.run_target_flop) if tier == 0 else (labs.small_done_flop, labs.small_target_flop)
        )
        done[i] = target[i]
        labs.rd_usd[i] = 1.0  # below a hundredth of an entrant's budget
        seen.update(
            releases=len(e.state.labs.releases), equity=float(labs.investor_equity_usd[i] + labs.parent_equity_usd[i])
        )

    e = run(months=when + 1, before=ruin, at=when)
    assert e.state.labs.failures == 1
    new = [r for r in e.state.labs.releases if r.lab == e.opening.lab_names[i] and r.released_month == when]
    assert [r.tier for r in new] == [("frontier", "small")[tier]]
    assert new[0].tokens > 0.0
    assert new[0].retired_month is None
    entrant = e.params.lab.entrant_share * (e.labs.rd_usd.sum() + 0.0) / e.labs.n
    assert e.labs.rd_usd[i] == pytest.approx(entrant, rel=0.3)
    assert e.labs.parent_equity_usd[i] == e.labs.vendor_equity_usd[i] == 0.0
    assert e.labs.investor_equity_usd[i] < seen["equity"]
    later = run(months=when + 4, before=ruin, at=when)
    record = next(r for r in later.state.labs.releases if r.lab == new[0].lab and r.released_month == when)
    assert record.revenue_usd > new[0].revenue_usd


# At the edges of time -------------------------------------------------------------------------------------------------


def test_a_shock_in_the_first_month_is_a_parameter(usual):
    """What changes when the run begins, or did before, was never otherwise; what changes a month later leaves month one alone."""
    shock = {"supplier.response": 0.02, "human.imitation_per_year": 5.0, "lab.equity_share_per_year": 0.0}
    always = run(BASELINE.with_overrides(shock), months=6)
    for date in ("2022-01", "2021-03"):
        assert equal(always, run(dated(BASELINE, *((date, k, v) for k, v in shock.items())), months=6))
    later = run(dated(BASELINE, *(("2022-02", k, v) for k, v in shock.items())), months=6)
    plain = usual.history.head(6)
    assert later.history.head(1).equals(plain.head(1))
    assert not later.history.equals(plain)
    gone = run(dated(BASELINE, *(("2022-01", k, v, "set", "2022-02") for k, v in shock.items())), months=6)
    assert gone.params == usual.params
    whole = {
        "compute.utilisation_max": 0.7,
        "physical.availability": 0.7,
        "compute.price_speed": 1.0,
        "provider.leverage_max": 0.0,
    }
    hit = run(dated(BASELINE, *(("2022-01", k, v) for k, v in whole.items())), months=6)
    assert series(hit, "price_usd_per_h100e_hour")[1:].min() > series(usual, "price_usd_per_h100e_hour")[1:6].max()


def holds_for_ever(months, humans):
    """Return a long run, held against every ceiling there is."""
    e = run(months=months, humans=humans)
    p, h = e.params, e.history
    people = p.human.population_people
    assert h["adopters"].max() <= people * p.human.saturation_share * (1.0 + 1e-9)
    assert h["delegators"].max() <= h["adopters"].max()
    assert h["robots"].max() <= people * p.robot.owner_share_max
    assert e.parent_cash_usd() <= p.provider.parent_cash_max_usd_per_year / 12.0
    assert e.labs.log_algorithms.max() <= math.log(p.neural.algorithmic_ceiling) + 1e-9
    assert h["price_usd_per_h100e_hour"].to_numpy()[-1] >= 0.95 * e.running_usd_per_h()
    assert h["utilisation"].max() <= p.compute.utilisation_max + 1e-9
    for name in (n for n in h.columns if n.startswith("inference_share")):
        assert h[name].is_between(0.0, 1.0).all(), name
    assert (np.diff([r.released_month for r in e.state.labs.releases[2 * e.labs.n :]]) >= 0).all()
    lost = np.abs(np.array([b.sum() for b, _ in e.recorder.balances])).max()
    assert lost <= 1e-9 * np.abs(e.ledger.money_usd).sum() + 1.0
    return e


def test_eight_years_hold():
    holds_for_ever(96, 10)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_half_a_century_holds(seed):
    """600 months: growth ends at its ceilings, the last decade's serving no longer multiplies."""
    e = holds_for_ever(600, 60)
    flop = series(e, "inference_flop")
    growth = np.log(flop[12::12] / flop[:-12:12])
    assert growth[-10:].mean() < 0.5 * growth[3:13].mean()


@pytest.mark.long
@pytest.mark.parametrize("overrides", [SCARCE, UNMOVED, USELESS_ROBOTS], ids=["scarce", "unmoved", "no robots"])
def test_half_a_century_at_the_edges(overrides):
    run(BASELINE, months=600, humans=20, **overrides)


# Again and again ------------------------------------------------------------------------------------------------------


def leaves_nothing(runs, **given):
    """Run many times in this process; return how many blocks of memory are held more after the last run than half-way."""

    def once(seed):
        result = experiments.run("baseline", seed=seed, workers=1, **given)
        assert result.monthly.height == given["months"]

    alive = []
    built = InferenceEconomy.__init__

    def remembered(self, *args, **kwargs):
        built(self, *args, **kwargs)
        alive.append(weakref.ref(self))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InferenceEconomy, "__init__", remembered)
        for seed in range(3):
            once(seed)  # what is imported and cached
        before = open_things()
        held = []
        for part in range(2):
            for seed in range(runs // 2):
                once(part * runs + seed)
            gc.collect()
            held.append(sys.getallocatedblocks())
    assert len(alive) == runs + 3
    assert [x for x in alive if x() is not None] == []
    assert open_things() == before
    return held[1] - held[0]


def open_things():
    """Return open files, child processes and threads, as numbers."""
    files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    return files, len(multiprocessing.active_children()), threading.active_count()


def test_twenty_runs_leave_nothing():
    assert leaves_nothing(20, humans=10, months=1) < 2_000


@pytest.mark.long
def test_two_hundred_runs_leave_nothing():
    assert leaves_nothing(200, humans=40, months=12) < 2_000


@pytest.mark.long
def test_runs_in_many_processes_leave_no_process():
    for seed in range(4):
        experiments.run("baseline", humans=10, months=2, seed=seed, seeds=3, workers=2)
    assert multiprocessing.active_children() == []

"""Worlds anywhere in the declared ranges, all parameters at once: every law holds and every recorded number is a number.

A world is drawn by its seed: every parameter, every field of every firm, which firms there are, and a few dated changes. A share
of the parameters, in every eighth world all of them, is at a bound; the others lie between the bounds, in even worlds evenly in
logarithms where a range spans decades. What makes a run long is drawn less often: nodes of the call network are even in
logarithms wherever they are not all at a bound, and labs have perfect foresight (four runs) in one world of thirty.

A world that fails is reduced: what can be taken back to its default while it still fails in the same place is taken back, and
what is left is reported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from agents.lab import Release
from model import InferenceEconomy, Scenario
from model.core.ledger import INDEX
from model.core.params import Declaration
from model.core.units import LAB_USES
from model.layers.neural import NeuralParams, capability
from model.markets import routing
from model.results.regret import hindsight
from model.scenario import FIRM_TYPES, Intervention, declarations
from tests.samples import some

#: "section.name", "section.firm.name", "section.name@YYYY-MM": value; "section.firm": None where there is no such firm.
World = dict[str, Any]
BASELINE = Scenario.load("baseline")
DECLARED = declarations()
DECADE = 10.0

#: What may be below zero: money and claims (an overdraft, an issuer's side), logarithms, rates of change, differences.
SIGNED = {
    "cash_usd",
    "money_usd",
    "equity_usd",
    "value_added_usd",
    "gross_margin",
    "margin",
    "ranking_quality_kept",  # a ranking may be worse than chance
    "quality_kept",
    "growth_factor",
    "expected_growth",
    "tokens_growth",
    "bias",
    "spending_growth",
    "progress",
    "market_growth",
    "take_or_pay_usd",
    "machine_change",
    "month",  # counts from the opening
    "released_month",
}


def drawn(seed: int) -> World:
    """Return the world of a seed."""
    rng = random.Random(seed)
    at_bounds = 1.0 if seed % 8 == 1 else rng.choice([0.0, 0.1, 0.3, 0.6])

    def value(d: Declaration) -> Any:
        if isinstance(d.default, bool):
            return rng.random() < 0.5
        if isinstance(d.default, str):
            known = [c for c in d.choices if c != "perfect" or seed % 30 == 10]
            return rng.choice(known) if known else d.default
        assert d.low is not None
        assert d.high is not None
        wide = d.low > 0.0 and d.high / d.low >= DECADE
        long = d.section == "call_network" and d.unit == "nodes"
        if rng.random() < (at_bounds if not long or at_bounds == 1.0 else 0.0):
            x = rng.choice([d.low, d.high])
        elif wide and (long or seed % 2 == 0):
            x = min(max(math.exp(rng.uniform(math.log(d.low), math.log(d.high))), d.low), d.high)
        else:
            x = rng.uniform(d.low, d.high)
        return round(x) if isinstance(d.default, int) else float(x)

    world: World = {f"{d.section}.{d.name}": value(d) for d in DECLARED}
    alive: dict[str, list[str]] = {}
    for section, kind in FIRM_TYPES.items():
        names = list(BASELINE.firms[section])
        alive[section] = sorted(rng.sample(names, rng.randint(1, len(names)))) if seed % 3 == 0 else names
        world.update({f"{section}.{firm}": None for firm in names if firm not in alive[section]})
        for firm in alive[section]:
            world.update({f"{section}.{firm}.{d.name}": value(d) for d in kind().declared()})
    for firm in alive["provider"]:
        world[f"provider.{firm}.integrated_lab"] = rng.choice(["", *alive["lab"]])
    for d in rng.sample([d for d in DECLARED if d.dynamic], rng.choice([0, 0, 3, 20])):
        world[f"{d.section}.{d.name}@2022-{rng.randint(2, 12):02d}"] = value(d)
    return world


def scenario(world: World) -> Scenario:
    """Return a world as a scenario; a house whose lab is missing has none."""
    gone = {name for name, value in world.items() if value is None}
    firms = {
        section: {name: firm for name, firm in rows.items() if f"{section}.{name}" not in gone}
        for section, rows in BASELINE.firms.items()
    }
    for name, firm in firms["provider"].items():
        if firm.integrated_lab not in firms["lab"]:
            firms["provider"][name] = firm.replace(integrated_lab="")
    now = {k: v for k, v in world.items() if v is not None and "@" not in k}
    now = {k: "" if k.endswith(".integrated_lab") and v not in firms["lab"] else v for k, v in now.items()}
    now = {k: v for k, v in now.items() if k.rpartition(".")[0] not in gone}
    dated = [(name.partition("@"), value) for name, value in world.items() if "@" in name]
    changes = tuple(Intervention(date, name, value) for (name, _, date), value in dated)
    return dataclasses.replace(BASELINE, firms=firms, interventions=changes).with_overrides(now)


@contextlib.contextmanager
def strictly() -> Iterator[None]:
    """Make every warning an error, also division by zero, overflow and what is not a number."""
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        yield


def lived(world: World, seed: int, months: int = 24, humans: int = 200) -> None:
    """Run a world to its end and look at everything that it recorded."""
    with strictly():
        e = InferenceEconomy(scenario(world), humans=humans, months=months, seed=1 + seed)
        try:
            e.run()
            if found := wrong(e):
                raise AssertionError("; ".join(found))
        finally:
            e.close()


def wrong(e: InferenceEconomy) -> list[str]:
    """Return what is not finite in tables and states, and what is negative that counts something."""
    found = []
    for table, frame in e.tables().items():
        for name in frame.columns:
            column = frame[name]
            if not column.dtype.is_numeric():
                continue
            x = column.drop_nulls().to_numpy()
            if not np.isfinite(x).all():
                found.append(f"{table}.{name} is not finite")
            elif not signed(name) and (x < 0).any():
                found.append(f"{table}.{name} is negative: {x.min()}")
    states = {f"state.{name}": x for name, x in vars(e.state).items()}
    holders = {"nets": e.nets, "cohorts": e.cohorts, **states}
    for holder, rows in {**holders, **{name: rows for name, (_, rows) in e.kinds.items()}}.items():
        for name, x in vars(rows).items():
            if not isinstance(x, float | np.ndarray):
                continue
            if not np.isfinite(x).all():
                found.append(f"{holder}.{name} is not finite")
            elif not signed(name) and np.min(x, initial=0) < 0:
                found.append(f"{holder}.{name} is negative: {np.min(x)}")
    return found


def signed(name: str) -> bool:
    """Return whether a column may be below zero."""
    return name in SIGNED or name.startswith("log_")


def failure(world: World, live: Callable[[World], None]) -> str | None:
    """Return how a world fails: kind of error, what it says without its numbers, and where; None if it does not."""
    try:
        live(world)
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/tests/" not in f.filename]
        where = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
        said = " ".join(str(error).split())
        return f"{type(error).__name__} {where} {said[:200]}"
    return None


def reduced(world: World, live: Callable[[World], None]) -> World:
    """Return the part of a failing world that is enough to fail in the same place, by taking back ever smaller groups."""

    def place(said: str | None) -> list[str] | None:
        return None if said is None else said.split(" ")[:2]

    target = place(failure(world, live))
    size = len(world)
    while size >= 1:
        names = list(world)
        for start in range(0, len(names), size):
            without = set(names[start : start + size])
            smaller = {k: v for k, v in world.items() if k not in without}
            if without and place(failure(smaller, live)) == target:
                world = smaller
        size = size // 2
    return world


def holds(seed: int, **run: int) -> None:
    """Fail with the reduced world of a seed if it does not live."""

    def live(world: World) -> None:
        lived(world, seed, **run)

    world = drawn(seed)
    if failure(world, live) is None:
        return
    small = reduced(world, live)
    pytest.fail(f"world {seed}: {failure(small, live)}\nenough is {small}")


@pytest.mark.parametrize("part", some(range(6), 1))
def test_thirty_worlds_hold(part: int) -> None:
    for seed in range(5 * part, 5 * part + 5):
        holds(seed, humans=50)


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_a_thousand_worlds_hold(part: int) -> None:
    for seed in range(100 + 50 * part, 150 + 50 * part):
        holds(seed)


# Found by such worlds ---------------------------------------------------------------------------------------------------


def test_hours_are_routed_at_any_price() -> None:
    """Preferences of 1e22 to the power -20 left no provider anything."""
    capacity, price = np.array([4.0, 4.0]), np.array([1.0, 1.5])
    at_home = np.array([-1, 0])
    usual = routing.spread(np.array([3.0, 2.0]), at_home, capacity, price, 20.0)
    assert usual.sum() == pytest.approx(5.0)
    for level in (1e-30, 1e22):
        routed = routing.spread(np.array([3.0, 2.0]), at_home, capacity, price * level, 20.0)
        np.testing.assert_allclose(routed, usual, rtol=1e-9)


SCARCE = {
    "lab.lab_c.rd_usd_per_month": 9e8,
    "lab.lab_b.rd_usd_per_month": 6e8,
    "compute.opening_usd_per_h100e_hour": 1.0,
    "compute.price_speed": 0.8,
}


def test_an_hour_never_costs_more_than_a_machine() -> None:
    """Ranking that answers slowly to prices made them multiply every month, to 1e14 USD."""
    world = {
        "app_network.ranking_share": 0.8,
        "app_network.other_share": 0.6,
        "app_network.legacy_speed": 0.01,
        "compute.utilisation_max": 0.7,
        "compute.elasticity_legacy": 0.3,
        "compute.price_speed": 1.0,
        "supplier.opening_h100e_per_month": 5000.0,
    }
    e = InferenceEconomy(scenario(world), humans=20, months=12)
    dearest = 0.0
    while e.month < e.months:
        e.step()
        level_usd = e.providers.contract_usd_per_h100e_hour / e.providers.premium
        dearest = max(dearest, float((level_usd / e.state.providers.machine_usd).max()))
    assert dearest == pytest.approx(1.0, rel=1e-12)


def test_research_that_waits_is_what_labs_can_pay() -> None:
    """Seventeen times the hours there are waited at the price of the opening, whatever they cost by then."""
    e = InferenceEconomy(scenario(SCARCE), humans=20, months=12)
    bound = 0
    while e.month < e.months:
        waited = e.state.labs.research_waiting_hours.sum(axis=1)
        budget = e.labs.rd_usd * e.params.lab.compute_share_of_rd
        e.step()
        assert e.last is not None
        f = e.last.flows
        cheapest = f.market_usd * f.paid_factor * float(f.class_price[LAB_USES].min())
        most = (1.0 + e.params.lab.runway_months) * budget / cheapest
        assert (f.research_hours.sum(axis=1) <= most * (1.0 + 1e-9)).all()
        bound += int((f.research_hours.sum(axis=1) < waited).sum())
    assert bound > 0


def test_a_bound_may_fall_below_what_was_reached() -> None:
    """A dated change of the bound made the marginal return of architecture negative, and its power no number."""
    p = NeuralParams(decode_gain_max=1.1)
    one = np.ones(2)
    share = capability.architecture_share(np.array([1.05, 1.2]), 0.0 * one, one, one, p)
    assert 0.0 < share[0] < 1.0
    assert share[1] == 0.0


def test_agents_that_never_succeed_lose_nothing_by_ranking() -> None:
    """All agents ad-funded and the worst order: success 0, and a loss of 0/0."""
    world = {
        "ai_agent.ad_funded_share": 1.0,
        "attention.candidate_spread": 0.5,
        "attention.candidates_max": 50.0,
        "attention.candidate_dilution": 0.001,
        "attention.candidate_tokens": 100.0,
        "neural.horizon_reference_minutes": 5.0,
        "ai_agent.agent_launch_horizon_minutes": 0.5,
        "application.launch_lag_months": 0,
    }
    with strictly():
        e = InferenceEconomy(scenario(world), humans=20, months=12)
        while e.month < e.months:
            e.state.auction.quality_kept = -1.0
            e.state.auction.ad_funded_share = 1.0
            e.step()
        assert wrong(e) == []


def test_regret_is_a_number_at_any_elasticity() -> None:
    """Features at the threshold of success made an elasticity of 700, and ten to its power no number."""
    r = Release("lab_a", "small", 3, 1e10, 1e12, 6e22, 1e12, 1e6, 1e-18, 0.0, 1e13, "profit", "adaptive")
    steep = dataclasses.replace(r, tokens=1e12, serving_usd=1e5, revenue_usd=2e5, profit_elasticity=700.0)
    with strictly():
        for revenue_usd in (0.0, 1e5, 2e5):
            found = hindsight(dataclasses.replace(steep, revenue_usd=revenue_usd), NeuralParams())
            assert all(math.isfinite(x) for x in found)
            assert found.scale_regret_usd >= 0.0


def test_parents_claim_ends_with_their_capital() -> None:
    """What a provider returns beyond its parents' capital is profit, no negative claim."""
    e = InferenceEconomy("agents-proliferate", humans=20, months=168)
    beyond = 0.0
    while e.month < e.months:
        e.step()
        assert e.providers.parent_equity_usd.min() >= 0.0
        held = float(e.providers.parent_equity_usd.sum() + e.labs.parent_equity_usd.sum())
        assert e.ledger.equity_usd[INDEX["parents"]] == pytest.approx(held, rel=1e-9)
        spent = float((e.providers.parent_equity_usd == 0.0)[e.providers.parent_share > 0.0].sum())
        beyond = max(beyond, spent)
    assert beyond > 0.0

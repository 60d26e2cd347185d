"""No parameter sets the split: across its declared range each moves the headline share of 2030 by at most .35, named drivers apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import model
from experiments import ranges
from model import InferenceEconomy, Scenario
from model.core.units import WORK
from model.scenario import Intervention, declarations

DECISIONS = Path(model.__file__).parent / "decisions"


def beyond(table) -> set[str]:
    return set(table.filter(table["span"] > ranges.LIMIT)["parameter"])


def test_only_named_drivers_move_the_share_far():
    table = ranges.load()
    assert beyond(table) <= set(ranges.DRIVERS)
    assert len(ranges.DRIVERS) <= 8
    tried = {f"{d.section}.{d.name}" for d in declarations() if ranges.ends(d)}
    assert set(table["parameter"]) == tried
    assert table["span"].is_nan().sum() == 0


def test_each_driver_has_a_decision_page():
    for name, page in ranges.DRIVERS.items():
        assert name in (DECISIONS / page).read_text()


def test_the_page_on_waiting_work_names_the_classes_that_the_code_has_on_the_batch_price():
    words = {"standing": "standing agents' jobs", "experiment": "experiments", "rl_rollout": "roll-outs"}
    words |= {w.name: w.name.replace("_", " ") for w in WORK if w.tier != "own" and w.name not in words}
    page = " ".join((DECISIONS / ranges.DRIVERS["compute.batch_factor"]).read_text().split("**Options.**")[0].split())
    batch, rest = page.split("All other serving")
    assert {name for name, word in words.items() if word in batch} == {w.name for w in WORK if w.tier == "batch"}
    assert "final runs and other AI" in rest
    assert {w.name for w in WORK if w.tier == "reserved"} == {"final_run", "other"}


def test_the_stored_table_is_this_model_in_short():
    stored = {row["parameter"]: row for row in ranges.load().iter_rows(named=True)}
    names = ["lab.budget_growth_max_per_month", "agent_loop.token_length_elasticity", "compute.spot_share"]
    for m in ranges.run(names, seeds=1, humans=400, workers=2):
        row = stored[m.parameter]
        assert abs(m.share_base - row["share_base"]) <= 0.06
        assert abs(m.span - row["span"]) <= 0.12, m.parameter


@pytest.mark.long
def test_no_parameter_sets_the_split():
    found = ranges.run(seeds=2)
    assert {m.parameter for m in found if m.span > ranges.LIMIT} <= set(ranges.DRIVERS)


# The three shocks of MODEL.md 7.15: paired differences of the share in money ------------------------------------------------

USD = "inference_share_usd"
SEEDS = (1, 2, 3, 4)


def shock(parameter: str, value: float, mode: str, month: int, months: int) -> np.ndarray:
    """Return the difference of the share in money that a dated change makes, mean over seeds, (months after it,)."""
    base = Scenario.load("baseline")
    date = f"{2022 + month // 12}-{month % 12 + 1:02d}"
    changed = Scenario(
        **{**base.__dict__, "interventions": (*base.interventions, Intervention(date, parameter, value, mode))}
    )
    out = []
    for seed in SEEDS:
        a, b = (
            InferenceEconomy(s, humans=300, months=month + months, seed=seed).run().history[USD].to_numpy()
            for s in (base, changed)
        )
        assert (a[:month] == b[:month]).all()
        out.append((b - a)[month:])
    return np.array(out)


def paired(one: dict, other: dict, months: int) -> np.ndarray:
    """Return yearly differences of the share in money between two settings, (seeds, years)."""
    out = []
    for seed in SEEDS:
        a, b = (
            InferenceEconomy("baseline", humans=300, months=months, seed=seed, **over).run().history[USD].to_numpy()
            for over in (one, other)
        )
        out.append((b - a).reshape(-1, 12).mean(axis=1))
    return np.array(out)


def test_more_household_demand_raises_the_share_and_fades():
    """Twice the people: serving follows at once, research is still paid from beliefs; later both follow revenue."""
    d = paired({"human.population_people": 4.0e9}, {"human.population_people": 8.0e9}, 168)
    early, late = d[:, 1:3].mean(axis=1), d[:, 9:].mean(axis=1)
    assert early.mean() > 2.0 * early.std(ddof=1) / np.sqrt(early.size)
    assert abs(late.mean()) < early.mean()


def test_half_the_equity_never_lowers_the_share_at_once_and_none_raises_it():
    """Research is capped by equity only where it binds: half may be enough, none is not."""
    half = shock("lab.equity_multiple", 0.5, "multiply", 18, 12)
    none = shock("lab.equity_multiple", 0.0, "set", 18, 12)
    assert half.mean() >= -1e-9
    assert none.mean() > max(0.0, half.mean())


def test_twice_the_chips_lower_the_share_at_first():
    """Cheaper hours: research keeps its money, serving spends less of it until use grows; 2023, all seeds."""
    d = paired({}, {"supplier.opening_h100e_per_month": 48_000.0}, 24)
    assert (d[:, 1] < 0.0).all()

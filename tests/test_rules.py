"""Investment rules: mixable, blind to the future, extended by one class; AI-2027's schedule to the letter."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agents import lab
from agents.lab import RULES
from model import InferenceEconomy, Scenario
from model.core.errors import InputError
from model.core.units import month_date
from model.scenario import Intervention
from tests.oracle import lab as oracle

ROOT = Path(__file__).resolve().parents[1]
ALL = {f"lab.{name}.rule": rule for name, rule in zip(lab.FIRMS, [*RULES, *RULES], strict=False)}


def run(months, interventions=(), **overrides):
    scenario = Scenario.load("baseline").with_run(humans=100, months=months).with_overrides(overrides)
    scenario = scenario.__class__(**{**scenario.__dict__, "interventions": (*scenario.interventions, *interventions)})
    return InferenceEconomy(scenario, seed=3)


def test_every_prescribed_rule_says_so():
    assert {name for name, rule in RULES.items() if rule.prescribed} == {"erdil", "revenue_share", "schedule"}
    assert all(rule.uses("2026-05") is None for name, rule in RULES.items() if name != "schedule")


@pytest.mark.parametrize("month", ["2024-01", "2024-12", "2026-07", "2027-04", "2027-11", "2035-12"])
def test_the_schedule_is_the_published_table(month):
    hours = RULES["schedule"].uses(month)
    assert hours == pytest.approx(oracle.scheduled(month))
    assert RULES["schedule"].uses("2023-12") is None


def test_one_line_changes_the_rule_of_one_lab(tmp_path):
    path = tmp_path / "mixed.toml"
    path.write_text('schema = 1\nextends = "baseline"\n[[lab.firm]]\nname = "alpha"\nrule = "schedule"\n')
    by_file, by_line = Scenario.load(path), Scenario.load("baseline").with_overrides({"lab.alpha.rule": "schedule"})
    assert by_file.firms == by_line.firms
    assert [f.rule for f in by_line.firms["lab"].values()] == ["schedule"] + ["profit"] * 7
    with pytest.raises(InputError, match=r"lab\.alpha\.rule.*profit, race, erdil, revenue_share, schedule"):
        Scenario.load("baseline").with_overrides({"lab.alpha.rule": "timetable"})


def test_a_lab_under_the_schedule_divides_its_hours_as_published():
    """Every month from 2024 to 2028: external deployment and the uses of research, of the hours the lab asks for."""
    e = run(84, **{"lab.alpha.rule": "schedule"})
    n = e.labs.n
    while e.month < e.months:
        e.step()
        f, month = e.last.flows, month_date(e.month - 1).isoformat()[:7]
        if month < "2024":
            continue
        serving = f.serving_hours.sum(axis=0).reshape(2, n).sum(axis=0)[0]
        assert serving > 0.0
        used = np.array([serving, *f.research_hours[0]]) / (serving + f.research_hours[0].sum())
        training, pre, synthetic, experiments, automation, external, monitoring = oracle.AI2027[
            max(first for first in oracle.AI2027 if first <= month)
        ]
        final = training * pre / 100
        told = np.array([external, final, experiments, training - final, synthetic, automation + monitoring])
        np.testing.assert_allclose(used, told / told.sum(), rtol=1e-12)
    e.close()


def test_no_rule_and_no_forecaster_knows_the_future():
    """An announced change of demand, supply and research in 2025 moves nothing before it."""
    later = [
        Intervention("2025-01", "human.innovation_per_year", 3.0, "multiply"),
        Intervention("2025-01", "lab.discount_per_year", 0.6),
        Intervention("2025-01", "supplier.response", 0.5, "multiply"),
    ]
    rules = ALL | {f"lab.{name}.forecaster": ("adaptive", "trend")[i % 2] for i, name in enumerate(lab.FIRMS)}
    plain, changed = run(40, **rules), run(40, later, **rules)
    for _ in range(36):
        plain.step()
        changed.step()
        for column in ("rd_usd", "wanted_rd_usd", "run_target_flop", "run_parameters", "run_planned_tokens"):
            np.testing.assert_array_equal(getattr(plain.labs, column), getattr(changed.labs, column))
        np.testing.assert_array_equal(plain.nets.price_usd_per_token, changed.nets.price_usd_per_token)
    for _ in range(4):
        plain.step()
        changed.step()
    assert (plain.labs.wanted_rd_usd != changed.labs.wanted_rd_usd).any()
    plain.close()
    changed.close()


def test_a_new_rule_is_one_class_and_one_registration(tmp_path):
    """The rule that CONTRIBUTING shows, added to a copy as it stands there, steers one lab."""
    shown = re.search(r"```python\n(@register\nclass .*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
    assert shown, "CONTRIBUTING shows no rule"
    for package in ("model", "agents", "experiments"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "agents" / "lab" / "rules.py").open("a") as out:
        out.write("\n\n" + shown[1])
    code = (
        "from model import InferenceEconomy\n"
        "e = InferenceEconomy('baseline', humans=50, months=3, **{'lab.alpha.rule': 'twice'}).run()\n"
        "b = InferenceEconomy('baseline', humans=50, months=3).run()\n"
        "print(e.opening.rules[:2], e.labs.wanted_rd_usd[0] > 1.5 * b.labs.wanted_rd_usd[0])"
    )
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "('twice', 'profit') True", done.stderr

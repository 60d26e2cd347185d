"""The paper is enough to write the model: an economy in plain Python that rests on MODEL.md alone (tests/reference/economy.py)
gives the same series, payments and balances, month by month.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from agents.lab import rules
from model import InferenceEconomy, Scenario
from model.core.checks import TOLERANCE
from model.core.draws import TRAITS
from model.core.ledger import SECTORS
from model.core.units import WORK
from model.layers import neural
from model.results import record
from tests.documents.test_documents import MODEL, rows
from tests.golden import NOTHING, RESIDUALS
from tests.reference import economy as oracle
from tests.reference import economy_tables

BASELINE = {}
#: Early agents and thinking, other rules of labs, firms without money: mechanisms that a young baseline does not reach.
ROUGH = {
    "ai_agent.agent_launch_horizon_minutes": 0.5, "application.launch_lag_months": 1, "neural.reasoning_share": 0.001,
    "neural.horizon_reference_minutes": 5.0, "neural.verifier_minutes": 1.0, "application.difficulty_minutes": 0.5,
    "human.delegation_innovation_per_year": 0.5, "robot.embodiment_gap": 1.0, "link.software_scale": 3.0,
    "lab.lab_a.rule": "race", "lab.lab_b.rule": "erdil", "lab.lab_c.rule": "revenue_share",
    "lab.lab_b.forecaster": "trend", "lab.lab_d.forecaster": "trend", "auction.rule": "vcg", "ai_agent.ad_funded_share": 0.5, "attention.candidate_spread": 0.15, "neural.law": "hoffmann",
    "lab.equity_share_per_year": 0.0, "lab.contracted_share": 0.02, "provider.upkeep_usd_per_w_per_year": 0.8,
    "physical.electricity_usd_per_kwh": 0.3, "compute.opening_usd_per_h100e_hour": 1.0, "lab.failure_months": 0.5, "lab.runway_months": 2.0, "lab.payout_per_month": 1.0,
    "lab.parent_rd_share_max": 0.01, "lab.vendor_equity_share": 0.0, "provider.leverage_max": 0.0,
    "provider.parent_share_max": 0.0, "provider.order_months": 1.0, "provider.failure_months": 1, "application.exit_share": 0.045,
    "orchestrator.exit_per_year": 0.6,
}  # fmt: skip
#: Constants of people and of firms on the networks away from their defaults; advertising so low that investors step in.
OTHER = {
    "human.task_hours_sigma": 0.8, "human.task_hours_share_max": 0.4, "human.job_value_sigma": 0.7, "human.job_spending_share_max": 0.05,
    "human.job_value_usd_per_month": 400.0, "human.ai_spending_share_max": 0.01,
    "ai_agent.agent_launch_horizon_minutes": 0.5, "application.launch_lag_months": 1,
    "application.quality_sigma": 0.8, "application.service_margin_sigma": 0.7, "application.service_quality_sigma": 0.5,
    "application.credit_months": 0.1, "application.ad_load": 0.01, "app_network.device_exponent": 1.5,
    "orchestrator.exit_per_year": 0.6, "orchestrator.revision_per_month": 0.3, "orchestrator.quality_sigma": 0.5,
    "orchestrator.call_price_usd": 2e-4, "orchestrator.call_price_sigma": 0.8, "orchestrator.entry_link_share": 0.6,
    "orchestrator.entry_call_share": 0.05, "robot.opening_build_months": 12.0, "robot.target_backlog_months": 1.5,
   
}  # fmt: skip
RUNS = {
    "24 months": (24, 7, BASELINE), "168 months": (168, 7, BASELINE), "rough": (48, 2, ROUGH), "other": (36, 1, OTHER),
}  # fmt: skip


def scenario(months, overrides):
    return Scenario.load("baseline").with_run(humans=30, months=months).with_overrides(overrides)


def told_by_the_paper(given, seed):
    """Months of the twin for a scenario: parameters, run and dated interventions are all it is told."""
    run = {"start": given.start, "months": given.months, "humans": given.humans, "seed": seed}
    dated = [
        {"date": c.date, "until": c.until, "parameter": c.parameter, "value": c.value, "mode": c.mode}
        for c in given.interventions
    ]
    return oracle.run({"run": run, "parameters": given.values(), "interventions": dated})


LONG = pytest.param(RUNS["168 months"], marks=pytest.mark.long, id="168 months")


@pytest.fixture(
    scope="module",
    params=[LONG if name == "168 months" else pytest.param(run, id=name) for name, run in RUNS.items()],
)
def both(request):
    months, seed, overrides = request.param
    given = scenario(months, overrides)
    economy = InferenceEconomy(given, seed=seed).run()
    yield economy, told_by_the_paper(given, seed)
    economy.close()


def differences(rows, told):
    """(series, month, here, there) of all numbers that differ by more than 1e-9 of them, and by more than rounding of the largest."""
    out = []
    most = [max((abs(x) for x in column if not math.isnan(x)), default=0.0) for column in zip(*rows, strict=True)]
    for month, (row, there) in enumerate(zip(rows, told, strict=True)):
        assert set(record.NAMES) <= set(there.series)
        for name, x, largest in zip(record.NAMES, row, most, strict=True):
            y, nothing = there.series[name], max(1e-12, NOTHING * largest)
            undefined = math.isnan(x) and math.isnan(y)
            close = (
                abs(x) <= TOLERANCE >= abs(y)
                if name in RESIDUALS
                else math.isclose(x, y, rel_tol=1e-9, abs_tol=nothing)
            )
            if not (undefined or close):
                out.append((name, month, x, y))
    return out


def test_recorded_series_are_those_of_the_paper(both):
    economy, told = both
    assert differences(economy.recorder.rows, told) == []


def test_payments_are_those_of_the_paper(both):
    economy, told = both
    for month, there in zip(economy.recorder.flows, told, strict=True):
        here = {flow[:3]: flow[3] for flow in month}
        rounding = 1e-13 * max(here.values())
        # What a sector passes on is what rounding leaves where it had nothing
        assert {k for k, usd in here.items() if usd > rounding} == {
            k for k, usd in there.payments.items() if usd > rounding
        }
        for key, usd in there.payments.items():
            assert here.get(key, 0.0) == pytest.approx(usd, rel=1e-9, abs=rounding), key


def test_balances_are_those_of_the_paper(both):
    economy, told = both
    for (money, claims), there in zip(economy.recorder.balances[1:], told, strict=True):
        for here, expected in zip((money, claims), there.balances, strict=True):
            size = math.fsum(map(abs, expected.values()))
            assert list(expected) == list(SECTORS)
            assert here.tolist() == pytest.approx(list(expected.values()), rel=1e-9, abs=1e-12 * size)


def test_runs_reach_what_they_are_for(both):
    economy, _ = both
    if economy.months == RUNS["other"][0]:
        paid = {flow[2] for month in economy.recorder.flows for flow in month}
        assert {"capital of an entrant", "robots", "routing"} <= paid
        assert economy.orchestrators.entries.sum() > 0
    if economy.months < 48:
        return
    most = dict(zip(record.NAMES, map(max, zip(*economy.recorder.rows, strict=True)), strict=True))
    for name in ("ai_agents", "standing_agents", "tokens_thinking", "tokens_of_embedded", "tokens_on_device"):
        assert most[name] > 0.0, name
    assert economy.orchestrators.entries.sum() > 0
    if economy.months == 48:
        assert economy.state.labs.failures > 0
        assert most["contracts_defaulted_usd"] > 0.0
        assert economy.providers.failures.sum() > 0
        assert economy.applications.entries.sum() > 0


@pytest.mark.parametrize("changed", ["attention.application_share", "human.chat_turns", "provider.interest_per_year"])
def test_a_difference_is_seen(changed):
    here = InferenceEconomy(scenario(14, BASELINE), seed=7)
    now = here.parameter_values()
    section, name = changed.split(".")
    there = told_by_the_paper(scenario(14, {changed: now[section][name] * 0.99}), 7)
    assert differences(here.run().recorder.rows, there)


# Constants that MODEL.md lists ---------------------------------------------------------------------------------------


def firms(section, names):
    """The opening's firms of a section as MODEL.md lists them."""
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows(MODEL, section)}


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("provider", ("share", "parent_share", "integrated_lab", "premium")),
        ("lab", ("kind", "rd_usd_per_month", "run_flop", "parent_share", "rents_usd_per_year")),
    ],
)
def test_firms_are_the_declared_ones(section, names):
    declared = Scenario.load("baseline").firms[section]
    listed = firms(section, names)
    assert list(listed) == list(declared)
    for firm, cells in listed.items():
        for name, cell in cells.items():
            value = getattr(declared[firm], name)
            assert (cell == value) if isinstance(value, str) else (float(cell) == value), (firm, name)


def test_laws_of_loss_are_those_of_the_code_and_the_twin():
    listed = {name: tuple(map(float, values)) for name, *values in rows(MODEL, "constants")}
    assert listed == {name: tuple(law) for name, law in neural.LAWS.items()} == economy_tables.LAWS


def test_classes_of_work_are_those_of_the_code_and_the_twin():
    listed = rows(MODEL, "class of work")
    assert [row[:4] for row in listed] == [[w.name, w.purpose, w.consumer, w.kernel] for w in WORK]
    assert [row[4] for row in listed][:12] == [w.tier for w in WORK[:12]]
    told = [[cell or "-" for cell in row] for row in economy_tables.WORK]
    assert told == listed


def test_traits_and_sectors_are_those_of_the_code_and_the_twin():
    cells = [row[i : i + 2] for row in rows(MODEL, "prime") for i in (0, 2, 4)]
    listed = {name: int(prime) for prime, name in cells}
    assert listed == economy_tables.PRIMES
    assert sorted(listed, key=listed.get) == list(TRAITS)
    assert list(SECTORS) == economy_tables.SECTORS
    passing = {}
    for sectors, surplus, gap in rows(MODEL, "sector"):
        passing |= dict.fromkeys(sectors.split(", "), (surplus, gap))
    assert passing == economy_tables.PASS_ON


def test_generations_are_those_of_the_paper():
    listed = [(row[0], row[1], *map(float, row[2:])) for row in rows(MODEL, "generation")]
    assert listed == economy_tables.GENERATIONS


def test_the_schedule_is_that_of_the_code():
    listed = [(row[0], *(float(cell.removesuffix(" %")) for cell in row[1:])) for row in rows(MODEL, "from")]
    assert listed == [
        (r.first, r.training, r.pretraining, r.experiments, r.synthetic, r.automation, r.monitoring, r.external)
        for r in rules.AI2027.values()
    ]


def test_the_economy_is_written_in_plain_python():
    """NumPy gives the generators of the two networks, nothing else; no module of the model is read."""
    files = sorted(Path(economy_tables.__file__).parent.glob("economy*.py"))
    assert len(files) > 20
    for path in files:
        text = path.read_text()
        imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.M))
        plain = {
            "bisect",
            "collections",
            "dataclasses",
            "datetime",
            "functools",
            "itertools",
            "math",
            "statistics",
            "struct",
            "types",
            "zlib",
        }
        assert imported <= plain | {"tests"} | ({"numpy"} if path.stem == "economy_generator" else set()), path.name
        own = set(re.findall(r"^from tests\.reference\.(\w+) import", text, re.M))
        own |= {
            name
            for names in re.findall(r"^from tests\.reference import ([\w, ]+?)(?: as \w+)?$", text, re.M)
            for name in names.split(", ")
        }
        assert own <= {p.stem for p in files}, path.name

"""explain, trace and why: every name is explained, accounts agree with what was decided, splits are exact."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from agents.lab import Lab, revenue_belief
from model import InferenceEconomy, Scenario, scenario
from model.core.errors import InputError
from model.core.flows import MonthFlows
from model.core.units import LAB_USES, SERVING
from model.results import accounts, record
from tests.samples import chosen

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def economy():
    return InferenceEconomy("baseline", humans=60, months=40, seed=2, human__imitation_per_year=1.25).run()


# explain --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [200, pytest.param(None, marks=pytest.mark.long)])
def test_every_series_parameter_flow_and_column_is_explained(economy, count):
    names = dict.fromkeys(record.NAMES, "series")
    names |= {f"{d.section}.{d.name}": "parameter" for d in scenario.declarations()}
    names |= {f"flow.{n}": "flow" for n in MonthFlows.declared}
    names |= {f"{kind}.{c}": "agent column" for kind, (_, rows) in economy.kinds.items() for c in rows.columns()}
    tables = economy.tables()
    names |= {f"{t}.{c}": "table column" for t, frame in tables.items() if t != "agents" for c in frame.columns}
    names |= {f"monthly.{n}": "series" for n in record.NAMES}
    for name, kind in names.items() if count is None else chosen([*names.items()], count):
        found = economy.explain(name)
        assert (found.kind, found.name) == (
            kind,
            name.removeprefix("flow.").removeprefix("monthly.") if kind in ("series", "flow") else name,
        )
        assert found.unit, name
        assert len(found.meaning) > 3, name
        assert found.source, name
    columns = sorted(set(tables["agents"].columns) - {"seed", "kind", "unique_id", "weight"})
    for column in columns if count is None else chosen(columns, 20):
        assert economy.explain(column).name.rpartition(".")[2] == column


def test_an_explanation_points_to_the_line_that_declares(economy):
    names = [
        "human.imitation_per_year",
        "lab.lab_a.rule",
        "gross_margin",
        "flow.market_usd",
        "Lab.cash_usd",
        "stack.flop",
        "Net.parameters",
    ]
    for name in names:
        found = economy.explain(name)
        file, line = re.fullmatch(r"(\S+), line (\d+)", found.where).groups()
        assert name.rpartition(".")[2] in (ROOT / file).read_text().splitlines()[int(line) - 1], (name, found.where)


def test_values_are_those_of_now(economy):
    default = next(d.default for d in scenario.declarations() if (d.section, d.name) == ("human", "imitation_per_year"))
    assert economy.explain("human.imitation_per_year").value.startswith(f"1.25, default {default:g}; range [0, 5]")
    share = economy.history["inference_share_purpose"][-1]
    assert economy.explain("inference_share_purpose").value == f"{share:,.4g} in 2025-04"
    assert economy.explain("flow.market_usd").value == f"{economy.last.flows.market_usd:,.4g} USD/h"
    fresh = InferenceEconomy("baseline", humans=20, months=2)
    assert fresh.explain("tokens").value == "not defined yet"
    assert fresh.explain("flow.tokens").value == "no month yet"


def test_formula_equations_and_source(economy):
    assert economy.explain("gross_margin").formula == "x.e.state.labs.margin"
    assert "H.2" in economy.explain("human.usefulness_reference").equations
    assert economy.explain("inference_share_usd").equations == ("X.1",)
    assert economy.explain("human.contacts").source.startswith("wattsstrogatz1998 for the form; own assumption: ")
    assert "own assumption: one shift of eight hours a day" in str(economy.explain("robot.duty_hours_per_month"))


def test_every_equation_of_the_document_is_explained(economy):
    """By its label: what it says, the functions that are it, series and parameters that it names."""
    text = (ROOT / "model" / "MODEL.md").read_text()
    labels = re.findall(r"\*\*Eq\. ([A-Z]\.\d+[a-z]?)\*\*", text)
    assert len(labels) > 100
    for label in labels:
        found = economy.explain(label)
        assert (found.kind, found.name, found.equations) == ("equation", label, (label,))
        assert len(found.formula) > 10, label
        assert re.fullmatch(r"(\w+(\.\w+)?: [\w/]+\.py, line \d+(; |$))+", found.where), (label, found.where)
        for name, file, line in re.findall(r"([\w.]+): ([\w/]+\.py), line (\d+)", found.where):
            assert re.search(
                rf"(def|class) {name.rpartition('.')[2]}\b", (ROOT / file).read_text().splitlines()[int(line) - 1]
            )
    assert "inference_share_purpose" in str(economy.explain("Eq. X.1"))
    assert "human.usefulness_reference" in str(economy.explain("H.2"))
    assert str(economy.explain("Eq.L.2")) == str(economy.explain("L.2"))


@pytest.mark.parametrize(("label", "near"), [("L.99", "L.9"), ("H.2q", "H.2"), ("X.199", "X.9")])
def test_an_unknown_equation_is_refused_with_the_nearest(economy, label, near):
    with pytest.raises(InputError, match=rf"unknown equation '{label}'; nearest: '{near}'"):
        economy.explain(f"Eq. {label}")


def test_a_name_that_several_have_lists_the_others(economy):
    assert economy.explain("tokens").kind == "series"
    assert "flow.tokens" in str(economy.explain("tokens"))
    assert "Orchestrator.quality" in str(economy.explain("quality"))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("inference_share_purpos", "inference_share_purpose"),
        ("humn.imitation_per_year", "human.imitation_per_year"),
        ("Lab.cash", "Lab.cash_usd"),
        ("compute.flops", "compute.flop"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(economy, name, near):
    with pytest.raises(InputError, match=rf"unknown name '{name}'; nearest: '{near}'"):
        economy.explain(name)


# trace ----------------------------------------------------------------------------------------------


def test_every_kind_gives_an_account_with_all_columns(economy):
    for kind, (row, rows) in economy.kinds.items():
        for i in (0, rows.n - 1):
            agent = economy.row(kind, i)
            account = economy.trace(agent)
            assert (account.kind, account.id) == (agent.kind, agent.id)
            assert set(account.columns) == set(row.table_type.columns())
            assert len(account.sentences) >= 1
            assert "as of the end of 2025-04" in account.title
            assert all(math.isfinite(x) for x in account.numbers.values())


def test_a_labs_rho_is_what_it_wanted(economy):
    belief = revenue_belief(economy.labs, economy.params.lab, economy.opening.lab_weights)
    for i, agent in enumerate(economy.agents_by_type[Lab]):
        n = economy.trace(agent).numbers
        assert n["rho"] == pytest.approx(n["eta"] * n["margin"] * n["growth_factor"])
        assert n["wanted_rd_usd"] == pytest.approx(n["rho"] * belief[i] / 12.0, rel=1e-12)
        assert f"= {n['rho']:.3g} of the revenue" in str(economy.trace(agent))


def test_a_humans_account_is_its_row(economy):
    for i in (0, 7):
        n = economy.trace(economy.row("Human", i)).numbers
        assert n["assistant_task_share"] == pytest.approx(float(economy.humans.assistant_usefulness[i]))
        assert n["thinking_multiplier"] == pytest.approx(float(np.exp(economy.last.flows.log_thinking[i])))
        assert n["jobs_wanted"] == economy.last.flows.jobs_wanted[i]
        assert 0.0 <= n["agent_success_small"] <= n["agent_success"] <= 1.0


def test_a_providers_account_compares_price_and_cost(economy):
    account = economy.trace(economy.row("ComputeProvider", 2))
    assert account.numbers["ordered_h100e"] == economy.state.providers.orders[-1][2]
    assert account.numbers["user_cost_usd_per_h"] == economy.history["user_cost_usd_per_h100e_hour"][-1]
    above = account.numbers["expected_usd_per_h"] > account.numbers["user_cost_usd_per_h"]
    assert ("above, so it wants more" in str(account)) == above


def test_trace_works_at_the_opening_and_refuses_strangers(economy):
    fresh = InferenceEconomy("baseline", humans=20, months=2)
    for kind in fresh.kinds:
        assert "at the opening" in fresh.trace(fresh.row(kind, 0)).title
    for stranger in (fresh.row("Lab", 0), 3, None):
        with pytest.raises(InputError, match="not an agent of this economy"):
            economy.trace(stranger)


# why ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "end"), [("2023-06", "2025-04"), ("2022-01", "2024-12"), ("2025-03", "2025-04")])
def test_the_split_is_exact_and_factors_multiply_up(economy, start, end):
    why = economy.why(start, end)
    at = [economy.recorder.months.index(m) for m in (start, end)]
    flop = [float(economy.recorder.work[k][0][SERVING].sum()) for k in at]
    hours = [economy.recorder.work[k][1] for k in at]
    split = math.fsum(v for row in why.split.values() for v in row.values())
    assert split == pytest.approx(flop[1] - flop[0], abs=1e-12 * max(flop))
    product = math.prod(why.research.values())
    growth = float(hours[1][LAB_USES].sum() / hours[0][LAB_USES].sum())
    assert product == pytest.approx(growth, rel=1e-9) or math.isnan(product)
    history = dict(zip(economy.recorder.months, economy.history["inference_share_accelerator_hours"], strict=True))
    assert why.share == (history[start], history[end])
    assert f"{start} to {end}" in str(why)


def test_kaya_is_exact_between_any_two_months_of_a_run(economy):
    history, end = economy.history, economy.months - 1
    names = [[f"{q}_of_{c}" for c in accounts.KAYA_CLASSES] for q in accounts.KAYA_QUANTITIES]
    month = [np.array([[history[n][t] for n in row] for row in names]) for t in range(end + 1)]
    assert any((m == 0.0).any() for m in month)
    assert all((m[4] > 0.0).any() for m in month)
    for i, j in [(i, j) for i in range(0, end + 1, 5) for j in range(0, end + 1, 7) if i != j]:
        change = math.fsum(month[j][4]) - math.fsum(month[i][4])
        scale = max(month[i][4].sum(), month[j][4].sum())
        assert abs(math.fsum(accounts.kaya(month[i], month[j]).ravel()) - change) <= 1e-12 * scale, (i, j)


def test_why_refuses_months_that_are_not_there(economy):
    with pytest.raises(InputError, match=r"month = '2030-01': recorded: 2022-01 to 2025-04; nearest: '2025-04'"):
        economy.why("2025-01", "2030-01")
    for wrong in ("spring", "2024-1", 2024):
        with pytest.raises(InputError, match=f"month = {wrong!r}: must be 'YYYY-MM'"):
            economy.why(wrong, "2025-01")
    with pytest.raises(InputError, match="the first must come before the second"):
        economy.why("2025-01", "2024-01")
    with pytest.raises(InputError, match="no month has run yet"):
        InferenceEconomy("baseline", humans=20, months=2).why("2022-01", "2022-02")


def test_why_says_shares_of_the_growth(economy):
    why, months = economy.why("2024-01", "2025-01"), economy.recorder.months
    assert re.search(r"by [a-z ]+ \(\d+\.\d % of the growth\);", why.sentences[0])
    zero = [f"{start} {row}" for start in months[:-1] for row in economy.why(start, months[-1]).rows if "-0.0 %" in row]
    assert zero == []


# HTML -----------------------------------------------------------------------------------------------


def test_objects_show_as_small_html(economy):
    changed = Scenario.load("baseline").with_overrides({"lab.lab_a.rule": "race", "human.imitation_per_year": 0.5})
    shown = {
        "inference_share_accelerator_hours": economy,
        "lab_a.rule": changed,
        "Bass q": economy.explain("human.imitation_per_year"),
        "eta m G": economy.trace(economy.row("Lab", 0)),
        "flop per token": economy.why("2024-01", "2025-01"),
    }
    for words, thing in shown.items():
        page = thing._repr_html_()
        assert words in page
        assert page.startswith("<div>")
        assert page.endswith("</div>")
        assert len(page) < 12_000
    assert "imitation" not in Scenario()._repr_html_()


def test_html_escapes_what_it_shows(economy):
    page = economy.explain("agent_loop.success_slope")._repr_html_()
    assert "<table>" in page
    wicked = Scenario(title="<script>", description="a & b")._repr_html_()
    assert "<script>" not in wicked
    assert "a &amp; b" in wicked

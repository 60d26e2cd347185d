"""A kind of agent in one file: the regulator of `examples/` in everything, its money conserved, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from examples import regulator
from experiments import cli, figures, run, sweep
from experiments.figures import register
from model import InferenceEconomy, Scenario, checkpoint
from model.core.checks import LawBreach
from model.core.errors import InputError
from model.core.steps import Step
from model.core.table import Row
from model.month import STEPS
from model.results.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"humans": 20, "months": 4}
PLUGIN = ["examples.regulator"]
register.FIGURES.pop("training_tax", None)  # other tests of this process see the shipped charts only


@pytest.fixture(scope="module")
def taxed():
    with InferenceEconomy("baseline", **SMALL, plugins=PLUGIN, regulator__tax_usd_per_h100e_hour=1.0) as e:
        yield e.run()


def test_its_money_is_in_the_books(taxed):
    """What labs pay is what it takes; what it keeps is the sector's money; all sectors sum to zero."""
    flows, balances = (taxed.tables()[name] for name in ("flows", "balances"))
    paid = flows.filter(item="tax on training hours")["usd"].to_list()
    back = flows.filter(payer="regulator")["usd"].to_list()
    assert paid == taxed.history["training_tax_usd"].to_list()
    held = balances.filter(sector="regulator")["money_usd"].to_list()
    assert held == pytest.approx([0.0, *np.cumsum(np.array(paid) - np.array(back))])
    assert taxed.regulators.cash_usd.tolist() == pytest.approx(held[-1:])
    totals = balances.group_by("month").agg(pl.col("money_usd").sum())["money_usd"].abs()
    assert totals.max() < 1e-9 * balances["money_usd"].abs().max()


def test_without_the_tax_nothing_moves():
    plain = InferenceEconomy("baseline", **SMALL).run()
    free = InferenceEconomy("baseline", **SMALL, plugins=PLUGIN, regulator__tax_usd_per_h100e_hour=0.0).run()
    assert free.history.select(plain.history.columns).equals(plain.history)
    old = plain.tables()
    assert all(frame.equals(old[t.name]) for t in TABLES if (frame := free.tables()[t.name]).columns == old[t.name].columns
               and t.name not in ("monthly", "balances"))  # fmt: skip


def test_it_is_an_agent_like_others(taxed):
    agent = taxed.row("Regulator", 0)
    assert list(taxed.agents_by_type[regulator.Regulator]) == [agent]
    assert taxed.trace(agent).sentences[0].startswith("Asks 1 USD an hour of research; took ")
    assert taxed.explain("Regulator.cash_usd").meaning == "money it holds"
    assert taxed.explain("regulator.rebate_share").value == "0.5, default 0.5; range [0, 1]; may change at a date"
    assert taxed.tables()["agents"].filter(kind="regulator")["cash_usd"].to_list() == [agent.cash_usd]
    assert taxed.parameter_values()["regulator"] == {"tax_usd_per_h100e_hour": 1.0, "rebate_share": 0.5}
    with pytest.raises(AttributeError, match="has no attribute 'regulator'"):
        _ = InferenceEconomy("baseline", **SMALL).regulator


def test_it_works_in_other_processes_and_its_parameter_is_swept(tmp_path):
    one = run("baseline", **SMALL, workers=1, plugins=PLUGIN, overrides={"regulator.tax_usd_per_h100e_hour": 1.0})
    two = run("baseline", **SMALL, seeds=2, workers=2, plugins=PLUGIN, overrides={"regulator.tax_usd_per_h100e_hour": 1.0},
              out=tmp_path / "out")  # fmt: skip
    assert two.monthly.filter(seed=1).equals(one.monthly)
    again = run(tmp_path / "out" / "manifest.json", workers=1)
    assert again.monthly.equals(two.monthly)
    assert again.tables["regulator"].equals(two.tables["regulator"])
    design = {
        "run": SMALL,
        "plugins": PLUGIN,
        "design": {"kind": "grid"},
        "record": {"series": ["training_tax_usd"], "months": "all"},
    }
    made = sweep({**design, "parameters": {"regulator.tax_usd_per_h100e_hour": [0.0, 1.0]}}, workers=1)
    assert made["training_tax_usd"].to_list() == [0.0] * 4 + one.monthly["training_tax_usd"].to_list()
    with pytest.raises(InputError, match=r"unknown parameter 'regulator\.tax_per_hour'; nearest: 'regulator\."):
        sweep({**design, "parameters": {"regulator.tax_per_hour": [0.0]}}, workers=1)


def test_it_is_given_as_an_object_too(taxed):
    steps = regulator.steps(STEPS)
    given = {"kinds": [regulator.KIND], "series": regulator.SERIES, "tables": regulator.TABLES, "steps": steps}
    e = InferenceEconomy("baseline", **SMALL, **given, regulator__tax_usd_per_h100e_hour=1.0).run()
    assert e.history.equals(taxed.history)
    assert e.settings.added.listed()["kinds"] == ["regulators"]


@pytest.mark.parametrize("as_object", [False, True])
def test_a_checkpoint_keeps_it(tmp_path, taxed, as_object):
    given = {"kinds": [regulator.KIND], "series": regulator.SERIES, "steps": regulator.steps(STEPS)}
    more = given if as_object else {"plugins": PLUGIN}
    e = InferenceEconomy("baseline", **SMALL, **more, regulator__tax_usd_per_h100e_hour=1.0)
    e.step()
    checkpoint.save(e, tmp_path / "c")
    again = checkpoint.load(tmp_path / "c", scenario=e.settings)
    assert again.run().history.equals(taxed.history)
    assert again.tables()["balances"].equals(taxed.tables()["balances"])


@pytest.mark.report
def test_the_command_line_runs_it_with_a_dated_change(tmp_path, monkeypatch, capsys):
    """From a scenario file beside the module: its own section, a change at a date, a report with its chart."""
    (tmp_path / "taxman.py").write_text((ROOT / "examples" / "regulator.py").read_text())
    text = 'schema = 1\nextends = "baseline"\nplugins = ["taxman"]\n[regulator]\nrebate_share = 1.0\n[[intervention]]\n'
    text += 'date = "2022-03"\nparameter = "regulator.tax_usd_per_h100e_hour"\nvalue = 0.0\n'
    (tmp_path / "taxed.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    drawn = figures.pictures
    monkeypatch.setattr(figures, "pictures", lambda: {k: v for k, v in drawn().items() if k == "training_tax"})
    given = ["run", "taxed.toml", "--humans", "20", "--months", "14", "--out", "out"]
    try:
        assert cli.main([*given, "--set", "regulator.tax_usd_per_h100e_hour=2"]) == 0
    finally:
        sys.modules.pop("taxman", None)
        register.FIGURES.pop("training_tax", None)
    assert "lacks" not in capsys.readouterr().err
    assert json.loads(Path("out/manifest.json").read_text())["parameters"]["regulator"]["rebate_share"] == 1.0
    page = Path("out/report.html").read_text()
    assert "<a href='#training_tax'>tax on training</a>" in page
    assert "<figure id='training_tax'><svg" in page
    assert "regulator.tax_usd_per_h100e_hour = 2 USD/h (default 0.2)" in page
    assert cli.main(["run", "taxed.toml", "--set", "regulator.rebate_shar=0.5"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "unknown parameter 'regulator.rebate_shar'; nearest: 'regulator.rebate_share'" in line


def test_money_that_its_table_has_and_its_books_have_not_stops_the_run():
    def cheats(e):
        e.regulators.cash_usd += 1e9

    steps = STEPS.after("pay", Step("cheat", cheats, ("regulators",)))
    e = InferenceEconomy("baseline", **SMALL, kinds=[regulator.KIND], steps=steps)
    with pytest.raises(LawBreach, match="members' cash = cash of the sector' broken in 2022-01, sector regulator"):
        e.run()
    hidden = STEPS.after("pay", Step("cheat", cheats, ()))
    with pytest.raises(ValueError, match="read-only"):
        InferenceEconomy("baseline", **SMALL, kinds=[regulator.KIND], steps=hidden).run()


def test_a_payment_to_a_sector_that_is_not_there_is_named():
    steps = STEPS.after("pay", Step("pay_it", lambda e: e.ledger.pay("labs", "regulators", "tax", 1.0), ("ledger",)))
    with pytest.raises(InputError, match="unknown sector 'regulators'; nearest: 'regulator'"):
        InferenceEconomy("baseline", **SMALL, kinds=[regulator.KIND], steps=steps).run()


def test_value_that_it_adds_goes_to_its_layer():
    """One that sells to people adds value to the layer that it names, also to the one whose value is a part of the labs'."""

    def sells(e):
        e.regulators.cash_usd += 7.0
        e.ledger.pay("humans", "regulator", "advice", 7.0)

    steps = STEPS.after("pay", Step("sell", sells, ("regulators", "ledger")))
    for layer, number in (("orchestrator", 6), ("context", 4)):
        plain, selling = (
            InferenceEconomy("baseline", **SMALL, kinds=[regulator.KIND._replace(layer=name)], steps=steps).run()
            for name in ("", layer)
        )
        before, after = (e.tables()["stack"]["value_added_usd"].to_numpy().reshape(4, 7) for e in (plain, selling))
        gained = (after - before).round(4)
        assert gained[:, number - 1].tolist() == [7.0] * 4
        assert not np.delete(gained, number - 1, axis=1).any()


class Unbound(Row):
    """A row without a table."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Taken(regulator.RegulatorParams):
    """Parameters whose section is there already."""

    section = "lab"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "labs"}, "Kind 'labs': 'labs' must be letters, digits and _, and no name of the world's"),
        ({"name": "my kind"}, "Kind 'my kind': 'my kind' must be letters"),
        ({"sector": "labs"}, "Kind 'regulators': sector = 'labs' is another's; choose another"),
        ({"layer": "orchestrators"}, "unknown layer of Kind 'regulators' 'orchestrators'; nearest: 'orchestrator'"),
        ({"sector": "", "layer": "agent"}, "Kind 'regulators': layer = 'agent' without a sector"),
        ({"row": Unbound}, r"Kind 'regulators': row = Unbound: must be declared as class Unbound\(Row, table=...\)"),
        ({"params": Taken}, "Kind 'regulators': section = 'lab' of its parameters is taken; choose another"),
        ({"story": 1}, "Kind 'regulators': table and story must be functions"),
    ],
)
def test_what_is_no_kind_is_refused_in_one_line(changes, says):
    with pytest.raises(InputError, match=says) as caught:
        run("baseline", **SMALL, workers=1, kinds=[regulator.KIND._replace(**changes)])
    assert "\n" not in str(caught.value)


def test_a_table_of_another_class_is_named():
    kind = regulator.KIND._replace(table=lambda e: e.labs)
    with pytest.raises(InputError, match=r"Kind 'regulators': table gives .*: must be a Regulators"):
        InferenceEconomy("baseline", **SMALL, kinds=[kind])


def test_parameters_of_a_kind_are_checked():
    with pytest.raises(InputError, match=r"regulator\.rebate_share = 2: outside \[0, 1\]"):
        Scenario.load("baseline").with_additions(PLUGIN).with_overrides({"regulator.rebate_share": 2})
    with pytest.raises(InputError, match=r"unknown parameter 'regulator\.rebate_share'"):
        Scenario.load("baseline").with_overrides({"regulator.rebate_share": 0.1})

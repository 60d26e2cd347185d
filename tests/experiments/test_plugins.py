"""Plug-ins and objects handed in: in this process, in workers, on the command line, in manifests and when a run goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import cli
from experiments.runs.digest import code_digest
from model import InferenceEconomy, Scenario, checkpoint
from model.core.errors import InputError
from model.core.steps import Step
from model.month import STEPS

TAX = """
from agents.lab.rules import Rule, register
from model.core.steps import Step


@register
class Sparing(Rule):
    name = "sparing"

    def wanted_usd(self, seen):
        return 0.01 * seen.profit_usd


def tax(e, f):
    usd = 0.1 * f.research_usd.sum(axis=1)
    e.labs.cash_usd -= usd
    e.ledger.pay("labs", "rest_of_world", "tax on research", float(usd.sum()))


def steps(month):
    return month.after("pay", Step("tax", tax, changes=("labs", "ledger")))
"""
SWEEP = """
schema = 1
scenarios = ["baseline"]
seeds = {first = 1, count = 2}
run = {months = 2, humans = 20}
[parameters]
"lab.lab_a.rule" = ["profit", "sparing"]
[record]
series = ["lab_rd_usd"]
months = "all"
"""
SMALL = {"humans": 20, "months": 3}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder; what is imported in it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def command(*given: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `economy` in a folder, as installed: the folder is not on the path."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    economy = Path(sys.executable).with_name("economy")
    return subprocess.run([economy, *given], cwd=folder, env=env, capture_output=True, text=True)


def python(code: str, folder: Path) -> str:
    (folder / "program.py").write_text(code)
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "program.py"], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


EVERYWHERE = """
if __name__ == "__main__":
    import polars as pl
    from experiments import compare, run, sweep
    from experiments.report import page
    from model import InferenceEconomy, checkpoint

    page.write = lambda result, where: None  # the command's test below has the report
    small, taxed = {"humans": 20, "months": 3}, {"item": "tax on research"}
    e = InferenceEconomy("baseline", **small, plugins=["tax"]).run()
    paid = e.tables()["flows"].filter(**taxed)
    print(paid.height, InferenceEconomy("baseline", **small).run().tables()["flows"].filter(**taxed).height)
    both = run("baseline", **small, seeds=2, workers=2, plugins=["tax"], out="out")
    print(both.tables["flows"].filter(**taxed, seed=1)["usd"].to_list() == paid["usd"].to_list(), both.manifest["plugins"])
    again = run("out/manifest.json", workers=1)
    print(again.tables["flows"].equals(both.tables["flows"]))
    print(run("named.toml", **small, workers=1).tables["flows"].filter(seed=1).equals(both.tables["flows"].filter(seed=1)))
    made = sweep("sweep.toml", out="kept", workers=2, plugins=["tax"])
    print(made["status"].unique().to_list(), made.filter(pl.col("lab.lab_a.rule") == "sparing")["lab_rd_usd"][1] < made["lab_rd_usd"][1])
    apart = compare("baseline", "baseline", seeds=1, **small, workers=1, plugins=["tax"], overrides_b={"lab.lab_a.rule": "sparing"},
                    series=["lab_rd_usd"], months_at="all")
    print(apart["difference"].to_list()[1] < 0.0)
    e = InferenceEconomy("baseline", **small, plugins=["tax"])
    e.step()
    checkpoint.save(e, "checkpoint")
    print(checkpoint.load("checkpoint").run().tables()["flows"].filter(**taxed).equals(paid))
"""


def test_a_plug_in_serves_everything(tmp_path):
    """A module beside a program: economy, several processes, a manifest, a scenario file, sweep, comparison, checkpoint."""
    (tmp_path / "tax.py").write_text(TAX)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    (tmp_path / "named.toml").write_text('schema = 1\nextends = "baseline"\nplugins = ["tax"]\n')
    assert python(EVERYWHERE, tmp_path).splitlines() == [
        "3 0", "True ['tax']", "True", "True", "['done'] True", "True", "True",
    ]  # fmt: skip


def test_the_command_line_takes_a_plug_in_and_goes_on_with_the_same_only(here, capsys):
    """The module lies in the working folder; two processes; a checkpoint of a run with a plug-in wants it again."""
    (here / "tax.py").write_text(TAX.replace("sparing", "sparing_told"))
    (here / "sweep.toml").write_text(SWEEP.replace("sparing", "sparing_told"))
    given = ("run", "--humans", "20", "--months", "3", "--seeds", "2", "--out", "out")
    sys.path.append(str(here))
    s = Scenario.load("baseline").with_run(humans=20, months=3).with_additions(["tax"])
    s = s.with_overrides({"lab.lab_a.rule": "sparing_told"})
    e = InferenceEconomy(s)
    e.step()
    (here / "out.checkpoint").mkdir()
    checkpoint.save(e, here / "out.checkpoint" / "seed-1.checkpoint", code_digest(*s.outside()))
    assert cli.main([*given, "--resume"]) == 2
    said = capsys.readouterr().err
    assert "of a run with other plug-ins (tax there, none here); give the same to go on" in said
    assert said.count("\n") == 1
    same = ("--plugin", "tax", "--set", "lab.lab_a.rule=sparing_told")
    assert cli.main([*given, "--resume", "--workers", "2", *same]) == 0, capsys.readouterr().err
    assert json.loads((here / "out" / "manifest.json").read_text())["plugins"] == ["tax"]
    assert cli.main([*given]) == 2
    assert "plugins: tax there, none here" in capsys.readouterr().err
    done = command("sweep", "sweep.toml", "--plugin", "tax", "--workers", "1", "--out", "swept", folder=here)
    assert done.stdout == "swept/results.parquet: 4 runs\n", done.stderr


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("", "taxx", "plug-in 'taxx': no module and no installed plug-in of that name can be imported; nearest: 'tax'"),
        ("", "no such", "plug-in 'no such': no module and no installed plug-in of that name can be imported"),
        ("import not_there", "tax", "plug-in 'tax': it needs the module 'not_there', which is not there"),
        ("1 / 0", "tax", r"plug-in 'tax': its import failed \(ZeroDivisionError: division by zero\)"),
        ("SERIES = [1]", "tax", "plug-in 'tax': series: 1 is no Series"),
        ("KIND = 1", "tax", "plug-in 'tax': kinds: 1 is no Kind"),
        ("def steps(month): return None", "tax", "plug-in 'tax': steps returns None: must be Steps"),
    ],
)
def test_what_is_no_plug_in_is_refused_in_one_line(here, text, name, says):
    (here / "tax.py").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        InferenceEconomy("baseline", **SMALL, plugins=[name])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", ["tax", [1], None, {"tax"}])
def test_plug_ins_are_a_list_of_names(given):
    with pytest.raises(InputError, match=r"plugins = .*: must be a list of names of modules"):
        Scenario().with_additions(given)


def test_a_missing_plug_in_is_said_before_work_begins(here, capsys):
    assert cli.main(["run", "--plugin", "nowhere", "--out", "out"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "plug-in 'nowhere': no module and no installed plug-in" in said
    assert not (here / "out").exists()


def test_an_installed_plug_in_has_a_name(here):
    (here / "carbon_tax.py").write_text(TAX)
    (here / "carbon-1.dist-info").mkdir()
    (here / "carbon-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: carbon\nVersion: 1\n")
    (here / "carbon-1.dist-info" / "entry_points.txt").write_text("[inference_economy.plugins]\ncarbon = carbon_tax\n")
    sys.path.append(str(here))
    e = InferenceEconomy("baseline", **SMALL, plugins=["carbon"]).run()
    assert e.tables()["flows"].filter(item="tax on research").height == 3


def test_what_other_processes_cannot_import_is_refused_before_work_begins():
    """A function of a notebook, or inside another, is fine in this process and refused for several with the way out."""
    from experiments import run, sweep

    steps = STEPS.after("pay", Step("watch", lambda e: None))
    assert (
        run("baseline", **SMALL, workers=1, steps=steps)
        .manifest["added"]["steps"][-7]
        .startswith("watch: tests.experiments.test_")
    )
    words = r"step 'watch': function <lambda>: written where other processes cannot import it; put it into a module and name that in plugins="
    with pytest.raises(InputError, match=words):
        run("baseline", **SMALL, seeds=2, workers=2, steps=steps)
    with pytest.raises(InputError, match=words):
        sweep({"run": SMALL}, workers=1, steps=steps)


def watch(e):
    """See what is paid."""


@pytest.mark.usefixtures("no_report")
def test_steps_go_to_other_processes_and_a_manifest_that_lacks_them_says_so(tmp_path):
    from experiments import run

    steps = STEPS.after("pay", Step("watch", watch)).without("remember")
    one = run("baseline", **SMALL, workers=1, steps=steps)
    two = run("baseline", **SMALL, seeds=2, workers=2, steps=steps, out=tmp_path / "out")
    assert two.monthly.filter(seed=1).equals(one.monthly)
    assert not run("baseline", **SMALL, workers=1).monthly.equals(one.monthly)
    with pytest.raises(
        InputError, match=r"of a run with steps arrive: .*watch: .*, objects that a file does not hold; give them again"
    ):
        run(tmp_path / "out" / "manifest.json")
    assert run(tmp_path / "out" / "manifest.json", workers=1, steps=steps).monthly.equals(two.monthly)


HALF = """
from agents.lab.rules import Rule, register
from model.markets.auction import AuctionRule, register as rule


@rule
class HalfBid(AuctionRule):
    name = "half_bid"

    def payment_usd(self, seen):
        return 0.5 * seen.score[:, : seen.click_rates.size] / seen.quality * seen.click_rates


@register
class Sparing(Rule):
    name = "sparing"

    def wanted_usd(self, seen):
        return 0.01 * seen.profit_usd
"""
STUDIED = """
if __name__ == "__main__":
    import polars as pl
    import half
    from experiments.runs import engine, pool
    from experiments.studies import auction_rules, regimes
    if WORKERS == 1:
        engine.Processes = lambda workers: pool.Here()

    pl.DataFrame(auction_rules.run(2, humans=20, months=12, scenario="named.toml", rules=("gsp", "half_bid"), workers=WORKERS,
                                   folder="runs-WORKERS")).write_csv("rules-WORKERS.csv")
    regimes.over(("lab.lab_a.rule", ["profit", "sparing"]), ("lab.life_months", [12.0]), 2022, scenario="named.toml", humans=20,
                 workers=WORKERS, folder="more-WORKERS").write_csv("regimes-WORKERS.csv")
    from experiments.runs.store import Store
    for folder in ("runs-WORKERS", "more-WORKERS"):
        with Store(folder) as store:
            print(len(dict(store.statuses())))
"""


def test_studies_carry_rules_and_plug_ins_to_their_processes(tmp_path):
    """One process and two give the same; a rule that reads otherwise is run again, what needs none of it is not."""
    (tmp_path / "half.py").write_text(HALF)
    (tmp_path / "tax.py").write_text(TAX.replace("sparing", "tax_sparing"))
    (tmp_path / "named.toml").write_text('schema = 1\nextends = "baseline"\nplugins = ["tax"]\n')
    assert python(STUDIED.replace("WORKERS", "2"), tmp_path).split() == ["4", "2"]
    assert python(STUDIED.replace("WORKERS", "1"), tmp_path).split() == ["4", "2"]
    for name in ("rules", "regimes"):
        assert (tmp_path / f"{name}-2.csv").read_text() == (tmp_path / f"{name}-1.csv").read_text()
    (tmp_path / "half.py").write_text(HALF.replace("0.5", "0.25").replace("3.0", "2.0"))
    assert python(STUDIED.replace("WORKERS", "1"), tmp_path).split() == ["6", "3"]


def test_studies_refuse_what_other_processes_cannot_import(tmp_path):
    from experiments.calibration.evaluation import Evaluator

    scenario = Scenario.load("baseline").with_additions(steps=STEPS.after("pay", Step("watch", lambda e: None)))
    with Evaluator(tmp_path / "two", scenario, 2) as runs, pytest.raises(InputError, match="put it into a module"):
        runs.tasks([{}], [[1]], 2, "seen")
    with Evaluator(tmp_path / "one", scenario, 1) as runs:
        assert len(runs.tasks([{}], [[1]], 2, "seen")) == 1

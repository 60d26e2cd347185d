"""What CONTRIBUTING says an addition takes is what it takes: done in a copy, in the files that its row names and no others."""

from __future__ import annotations

import filecmp
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.samples import some

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("model", "agents", "experiments", "tests", "pyproject.toml")

RULES = """
from agents.lab import forecasts, rules
from model.layers import neural
from model.markets import auction


@rules.register
class Mine(rules.Rule):
    name = "mine"

    def wanted_usd(self, seen):
        return seen.revenue_usd


@forecasts.register
class Flat(forecasts.Forecaster):
    name = "flat"
    trust_in_growth = 0.0


@auction.register
class Half(auction.Gsp):
    name = "half"


@neural.register
def other():
    return neural.LossLaw(1.7, 400.0, 400.0, 0.34, 0.28)
"""
TAXMAN = """
from dataclasses import dataclass
from typing import ClassVar

from model.core.additions import Kind
from model.core.params import Params, param
from model.core.steps import Step
from model.core.table import Column, Row, Table


@dataclass(frozen=True, kw_only=True)
class TaxmanParams(Params):
    section: ClassVar[str] = "taxman"

    tax_share: float = param(0.1, "-", 0, 1, doc="tax over research spending", source="own assumption: a test")


class Taxmen(Table):
    cash_usd = Column("f8", "USD", "money it holds")


class Taxman(Row, table=Taxmen):
    pass


def tax(e, f):
    usd = e.params.taxman.tax_share * f.research_usd.sum(axis=1)
    e.labs.cash_usd -= usd
    e.taxmen.cash_usd += usd.sum()
    e.ledger.pay("labs", "taxman", "tax", float(usd.sum()))


KIND = Kind("taxmen", Taxman, lambda e: Taxmen(1), TaxmanParams, sector="taxman")


def steps(month):
    return month.after("pay", Step("tax", tax, changes=("labs", "taxmen", "ledger")))
"""
#: What is added, where in which file: text that stands there, what is put before it ("" in a new file).
ADDED = {
    "a recorded series": {
        "model/results/record.py": (
            '    Series("adopters"',
            '    Series("humans_twice", "people", "people online, twice", lambda x: 2.0 * x.w.humans),\n',
        ),
        "tests/reference/economy_record.py": (
            '    s["adopters"] =',
            '    s["humans_twice"] = 2.0 * sum(h.weight for h in people)\n',
        ),
    },
    "a scenario": {
        "model/scenarios/slower.toml": (
            "",
            'schema = 1\nextends = "baseline"\ntitle = "Slower"\n[human]\nimitation_per_year = 1.0\n',
        )
    },
    "a figure": {
        "experiments/figures/economy.py": (
            '@figure("what grew"',
            '@figure("the same twice", ["monthly"], after="demand")\ndef twice(monthly: pl.DataFrame) -> alt.TopLevelMixin:\n    """Return the same picture again."""\n    return kaya(monthly)\n\n\n',
        ),
    },
    "a result table": {
        "model/results/tables.py": (
            '    ResultTable(\n        "compute",',
            '    ResultTable("rows", {"months": ("month", "months recorded")}, lambda e, r: [{"months": len(r.months)}]),\n',
        ),
    },
    "a kind of agent": {
        "agents/taxman.py": ("", TAXMAN),
        "model/scenarios/taxed.toml": (
            "",
            'schema = 1\nextends = "baseline"\ntitle = "Taxed"\nplugins = ["agents.taxman"]\n[taxman]\ntax_share = 0.2\n',
        ),
    },
    "an investment rule, a forecaster, an auction rule or a loss law": {"mine.py": ("", RULES)},
}
#: What then must be so, and what it prints.
CHECKS = {
    "a recorded series": """
from model import InferenceEconomy
from tests import golden
from tests.documents.test_paper import differences, scenario, told_by_the_paper
golden.main()
given = scenario(3, {})
e = InferenceEconomy(given, seed=7).run()
print("differences", differences(e.recorder.rows, told_by_the_paper(given, 7)))
print(e.explain("humans_twice").meaning, e.tables()["monthly"]["humans_twice"].to_list() == (2.0 * e.history["humans"]).to_list())
""",
    "a scenario": """
from experiments import cli
from model import InferenceEconomy
from tests.model.test_scenarios import NAMES, shipped
print(sorted(set(shipped()) - NAMES), InferenceEconomy("slower", humans=20, months=1).run())
cli.main(["scenarios"])
""",
    "a figure": """
from experiments import run
from experiments.report import page as report
drawn = {name: draw for name, draw in report.figures.pictures().items() if name in ("kaya", "twice", "layers")}
report.figures.pictures = lambda: drawn
result = run("baseline", humans=30, months=30, seeds=1, workers=1)
made = {name: str(bool(chart.to_dict()["datasets"])) for name, chart in report.draw(result).items()}
page = report.page(result, made)
print("<a href='#twice'>the same twice</a>" in page, "<figure id='twice'>" in page)
""",
    "a result table": """
from model import InferenceEconomy
from experiments.runs.folder import files
e = InferenceEconomy("baseline", humans=20, months=2).run()
print(e.tables()["rows"]["months"].to_list(), e.explain("rows.months").meaning, "rows.parquet" in files())
""",
    "a kind of agent": """
from experiments import run
from importlinter.cli import lint_imports
from model import InferenceEconomy
e = InferenceEconomy("taxed", humans=20, months=2).run()
print(e.taxmen.cash_usd[0] == e.ledger.money("taxman") > 0.0, e.row("Taxman", 0), e.settings.values()["taxman"])
print(run("taxed", humans=20, months=2, workers=1).monthly.drop("seed").equals(e.history))
print("contracts kept", lint_imports(no_cache=True, no_logo=True))
""",
    "an investment rule, a forecaster, an auction rule or a loss law": """
from experiments import cli
named = ["lab.lab_a.rule=mine", "lab.lab_b.forecaster=flat", "auction.rule=half", "neural.law=other"]
given = [word for name in named for word in ("--set", name)]
print("status", cli.main(["run", "--plugin", "mine", *given, "--humans", "20", "--months", "2", "--json", "--out", "out"]))
""",
}
SAID = {
    "a recorded series": ["humans_twice: inf", "differences []", "people online, twice True"],
    "a scenario": ["['slower'] <InferenceEconomy 'slower', 1 of 1 months, 20 humans, seed 1>", "slower"],
    "a figure": ["True True"],
    "a result table": ["[2] months recorded True"],
    "a kind of agent": ["True <Taxman 0> {'tax_share': 0.2}", "True", "contracts kept 0"],
    "an investment rule, a forecaster, an auction rule or a loss law": ["status 0"],
}
#: Files beside tests that an addition may take at most.
MOST = {
    "a recorded series": 1, "a scenario": 1, "a figure": 1, "a result table": 1, "a kind of agent": 2,
    "an investment rule, a forecaster, an auction rule or a loss law": 0,
}  # fmt: skip
#: Files that the commands of a row write.
WRITTEN = {"a recorded series": {"tests/golden.json"}}


def named(addition: str) -> str:
    """Return what the table says an addition takes."""
    row = re.search(rf"^\| {addition} \| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    assert row, f"CONTRIBUTING has no row for {addition}"
    return row[1]


def changed(copy: Path) -> set[str]:
    """Return the files of a copy that differ from ours, new ones too."""
    files = {p.relative_to(copy) for part in PARTS for p in (copy / part).rglob("*") if p.is_file()}
    files = {f for f in files if "__pycache__" not in f.parts}
    return {str(f) for f in files if not (ROOT / f).exists() or not filecmp.cmp(copy / f, ROOT / f, shallow=False)}


@pytest.mark.parametrize("addition", some(list(ADDED), 1))
def test_an_addition_takes_the_files_that_its_row_names(addition, tmp_path):
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(
            ROOT / part,
            tmp_path / part,
            **({"ignore": shutil.ignore_patterns("__pycache__")} if copy is shutil.copytree else {}),
        )
    for file, (before, text) in ADDED[addition].items():
        path = tmp_path / file
        old = path.read_text() if path.exists() else ""
        assert old.count(before) == 1 or not old, f"{file}: {before!r} does not stand there once"
        path.write_text(old.replace(before, text + before) if old else text)
    (tmp_path / "check.py").write_text(CHECKS[addition])
    done = subprocess.run([sys.executable, "check.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [words for words in SAID[addition] if words not in done.stdout] == [], done.stdout
    files = changed(tmp_path)
    inside = {file for file in ADDED[addition] if Path(file).parts[0] in PARTS}
    assert files == inside | WRITTEN.get(addition, set())
    assert len([file for file in inside if not file.startswith("tests/")]) <= MOST[addition]
    assert [f for f in files if f not in named(addition) and f"{Path(f).parent}/" not in named(addition)] == []

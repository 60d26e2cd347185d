"""docs/extending.md: what it shows works as it stands, and each row of its table is shown in 5 to 20 lines."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agents.lab import FORECASTERS, RULES
from experiments import figures
from model.layers import neural
from model.markets import auction

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text()
#: What each example is of, by a word in it.
SHOWN = {
    "rule": "lab__lab_a__rule", "forecaster": "lab__lab_b__forecaster", "auction": "auction__rule", "law": "neural__law",
    "step": "STEPS.after(\"pay\", Step(\"subsidy\"", "series": "series=", "chart": "@figures.figure", "table": "tables=",
    "kind": "kinds=", "plug-in": "plugins=",
}  # fmt: skip
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.fixture
def registries():
    """Registries that are afterwards as they were."""
    figures.registered()
    kept = [(r, dict(r)) for r in (RULES, FORECASTERS, neural.LAWS, auction.RULES, figures.FIGURES)]
    yield
    for registry, before in kept:
        registry.clear()
        registry.update(before)


def test_each_row_of_the_table_is_shown():
    assert [[word for word, sign in SHOWN.items() if sign in code] for code in BLOCKS] == [[word] for word in SHOWN]


def test_an_example_is_short():
    """Lines that say something, imports apart."""
    for code in BLOCKS:
        lines = [line for line in code.splitlines() if line.strip() and not re.match("from |import ", line)]
        assert 3 <= len(lines) <= 20, code


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("code", BLOCKS, ids=list(SHOWN))
def test_an_example_works_as_it_stands(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "extending.md", "exec"), {"__name__": "of_the_page"})


def test_a_cell_of_a_notebook_that_is_sent_to_other_processes_says_what_to_do(tmp_path):
    """A rule that was written where nobody can import it: one line before any run begins."""
    code = next(c for c in BLOCKS if SHOWN["rule"] in c)
    for more in (
        'from experiments import run\nrun("baseline", humans=20, months=2, seeds=2, workers=2, overrides={"lab.lab_a.rule": "cautious"})',
        'from experiments import sweep\nsweep({"run": {"humans": 20, "months": 2}, "parameters": {"lab.lab_a.rule": ["cautious"]}}, workers=1)',
    ):
        env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-"], input=f"{code}\n{more}\n", cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert (
            "InputError: class Cautious: written where other processes cannot import it; put it into a module and name that in plugins="
            in (done.stderr.splitlines()[-1])
        )

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
}
SAID = {
    "a recorded series": ["humans_twice: inf", "differences []", "people online, twice True"],
    "a scenario": ["['slower'] <InferenceEconomy 'slower', 1 of 1 months, 20 humans, seed 1>", "slower"],
    "a figure": ["True True"],
}
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
    assert files == set(ADDED[addition]) | WRITTEN.get(addition, set())
    assert [f for f in files if f not in named(addition) and f"{Path(f).parent}/" not in named(addition)] == []

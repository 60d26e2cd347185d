"""Streams that are closed, full or without a reader, and processes that were forked: the work goes on or one line says why not."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import sys

import pytest

import model
from experiments import cli
from experiments.commands import progress
from experiments.runs import streams
from experiments.runs.options import extra, seeds_of
from model.core.errors import InputError
from tests.experiments.test_sweeps import ROOT, toml
from tests.samples import some

RUN = "run --humans 20 --months 12 --out x"
ECONOMY = f"{shlex.quote(sys.executable)} -m experiments.cli"


def shell(folder, line):
    """Return what a line of bash does in a folder; `economy` is the command."""
    code = f'set -o pipefail; economy() {{ {ECONOMY} "$@"; }}; {line}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )


@pytest.mark.parametrize(
    ("line", "result"),
    some(
        [
            (f"economy {RUN} --seeds 2 --workers 2 2>&1 | head -0", "x/monthly.parquet"),
            (f"PYTHONOPTIMIZE=1 economy {RUN} <&- >&- 2>&-", "x/report.png"),
            ("economy sweep mine.toml --out x --workers 2 2>&1 | head -0", "x/results.parquet"),
            ("economy sweep mine.toml --out x --workers 1 >&- 2>&-", "x/results.parquet"),
            ("economy compare baseline reasoning-boom --seeds 2 --humans 20 --months 3 --out x 2>&1 | head -0", "x"),
            ("economy bench --quick --humans 20 --months 2 --out x 2>&1 | head -0", "x/bench.json"),
        ],
        1,
    ),
)
def test_nobody_who_reads_is_needed(tmp_path, line, result):
    (tmp_path / "mine.toml").write_text(toml(2))
    done = shell(tmp_path, line)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" or "2>" not in line
    assert (tmp_path / result).exists()


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("economy parameters | head -1", 0, []),
        ("economy parameters >&-", 0, []),
        ("economy rum 2>&-", 2, []),
        ("economy parameters >/dev/full", 1, ["economy: standard output: No space left on device"]),
        ("economy --version | head -0", 0, []),
    ],
)
def test_what_only_prints_ends_quietly_or_with_a_line(tmp_path, line, status, said):
    done = shell(tmp_path, line)
    assert (done.returncode, done.stderr.splitlines()) == (status, said)


def test_progress_that_cannot_be_shown_is_dropped(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        shown = progress.Shown()
        for _ in range(2):
            shown.show(1, 2, "half", always=True)
        gone.flush()  # goes nowhere from now on
    streams.say("a closed file")


def test_a_terminal_that_is_gone_ends_no_work(monkeypatch):
    ours, theirs = os.openpty()
    with open(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress.Shown() as shown:
            shown.show(1, 3, "a third")
            os.close(ours)
            shown.line("a line")
            shown.show(2, 3, "two thirds")


def test_errors_of_other_pipes_are_not_taken_for_a_reader_that_is_gone(capsys, monkeypatch):
    def broken(*given):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(cli, "_dispatch", broken)
    assert cli.main(["scenarios"]) == 1
    assert "internal error: BrokenPipeError" in capsys.readouterr().err


def test_the_version_stands_in_one_place(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"economy {model.__version__}\n"
    assert 'version = { attr = "model.__version__" }' in (ROOT / "pyproject.toml").read_text()
    assert f"\nversion: {model.__version__}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("command", ["run", "sensitivity", "parameters"])
def test_python_without_docstrings_is_refused_before_anything_runs(tmp_path, command):
    done = shell(tmp_path, f"PYTHONOPTIMIZE=2 economy {command}")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "-OO" in line
    assert not any(tmp_path.iterdir())


def test_no_assertion_carries_meaning():
    """Python -O takes them away; a run under it is above."""
    for package in ("model", "agents", "experiments"):
        assert not [p for p in (ROOT / package).rglob("*.py") if "\n    assert " in p.read_text()]


@pytest.mark.parametrize("where", [{"seeds": [1, 1]}, {"seeds": [1], "incomplete": {"requested_seeds": [1, 4, 1]}}])
def test_a_manifest_with_a_seed_twice_is_refused(tmp_path, where):
    path = tmp_path / "twice.json"
    path.write_text(
        json.dumps(
            {"scenario": "baseline", "run": dict.fromkeys(("start", "months", "humans")), "parameters": {}, **where}
        )
    )
    with pytest.raises(InputError, match=r"twice\.json': seed 1 stands in it twice"):
        seeds_of(path, ..., ...)


def test_an_extra_is_named_with_what_installs_it_from_a_wheel():
    assert "pip install 'inference-economy[app]'" in extra("app")
    extras = (ROOT / "pyproject.toml").read_text()
    for path in (ROOT / "experiments").rglob("*.py"):
        text = path.read_text()
        assert path.name == "options.py" or "make setup" not in text, path
        for name in ("app", "cluster", "discovery"):
            assert f"'.[{name}]'" not in text, path
            assert f"\n{name} = [" in extras


FORKED = """
import multiprocessing, os, sys
from model import InferenceEconomy
from model.core.errors import InputError

def child(ask):
    economy = InferenceEconomy("baseline", humans=20, months=2, seed=2).run()
    economy.networks()
    try:
        ask(economy)
    except InputError as error:
        assert "spawn" in str(error) and chr(10) not in str(error)
        os._exit(7)

def asked(economy):
    from experiments import compare, run, sweep
    return {
        "history": lambda e: e.history,
        "tables": lambda e: e.tables(),
        "frame": lambda e: e.labs.frame(),
        "crossovers": lambda e: e.crossovers(),
        "run": lambda e: run("baseline", humans=20, months=2),
        "compare": lambda e: compare("baseline", "baseline", humans=20, months=2),
        "sweep": lambda e: sweep({"schema": 1, "scenarios": ["baseline"]}),
    }

economy = InferenceEconomy("baseline", humans=20, months=2, seed=1).run()
economy.history, economy.tables()
for name, ask in asked(economy).items():
    process = multiprocessing.get_context("fork").Process(target=child, args=(ask,))
    process.start()
    process.join(60)
    print(name, process.exitcode)
    if process.exitcode is None:
        process.kill()
        break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_runs_and_says_spawn_where_it_would_wait_for_ever():
    done = subprocess.run([sys.executable, "-c", FORKED], cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.stdout.splitlines() == [
        f"{name} 7" for name in ("history", "tables", "frame", "crossovers", "run", "compare", "sweep")
    ], done.stderr


def test_tables_are_made_by_no_forked_process():
    """Each place of the model that imports polars asks first."""
    for package in ("model", "agents"):
        for path in (ROOT / package).rglob("*.py"):
            lines = path.read_text().splitlines()
            for before, line in itertools.pairwise(lines):
                if line.strip().startswith("import polars"):
                    assert before.strip() in ("check_process()", "if TYPE_CHECKING:"), path

"""The command line: what it prints, what it refuses, and in how many lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from experiments import cli
from experiments.report import page as report
from model.core.checks import LawBreach
from model.economy import InferenceEconomy
from model.results.measures import DEFINITIONS
from model.scenario import shipped
from tests.waiting import until

SMALL = ["--humans", "100", "--months", "3"]


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(capsys, *arguments):
    """Return the one line with which the arguments are refused; nothing is written."""
    status = cli.main(list(arguments))
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("economy: ")
    assert not os.path.exists("results")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rum"], ["rum", "run"]),
        (["run", "baselin"], ["baselin", "'baseline'"]),
        (["run", "nowhere.toml"], ["nowhere.toml", "No such file"]),
        (["run", "nowhere.json"], ["nowhere.json", "No such file"]),
        (["run", "--human", "3"], ["--human", "'--humans'"]),
        (["run", "--humans"], ["--humans", "expected one argument"]),
        (["run", "baseline", "other"], ["other"]),
        (["run", "--set", "human.populatoin_people=1"], ["human.populatoin_people", "human.population_people"]),
        (["run", "--set", "humn.population_people=1e9"], ["humn.population_people", "human.population_people"]),
        (["run", "--set", "human.work_hours_per_month"], ["human.work_hours_per_month", "section.name=value"]),
        (["run", "--set", "human.imitation_per_year=nan"], ["human.imitation_per_year", "nan", "1/year", "finite"]),
        (["run", "--set", "human.imitation_per_year=inf"], ["human.imitation_per_year", "inf", "finite"]),
        (["run", "--set", "human.imitation_per_year=-1"], ["human.imitation_per_year", "-1", "1/year", "outside ["]),
        (["run", "--set", "human.imitation_per_year=much"], ["human.imitation_per_year", "much", "number"]),
        (["run", "--set", "auction.rule=gps"], ["auction.rule", "gps", "nearest: 'gsp'"]),
        (["run", "--set", "lab.lab_aa.rule=race"], ["lab_aa", "'lab_a'"]),
        (["run", "--set", "human.contacts=13", "--set", "human__contacts=14"], ["contacts", "twice", "'13'", "'14'"]),
        (["run", "--set", "human.contacts=\u0661\u0662"], ["human.contacts", "number in [2, 40]"]),
        (["run", "--workers", "0"], ["--workers", "0", "[1, 1024]"]),
        (["run", "--out", ""], ["--out"]),
        (["parameters", "humn"], ["humn", "'human'"]),
    ],
)
def test_bad_input_is_refused_in_one_line(capsys, arguments, words):
    line = refused(capsys, *arguments)
    for word in words:
        assert word in line


@pytest.mark.parametrize("option", ["--humans", "--months", "--seeds"])
@pytest.mark.parametrize("value", ["0", "-1", "2.5", "ten", "nan", "1e3"])
def test_counts_are_positive_whole_numbers(capsys, option, value):
    line = refused(capsys, "run", option, value)
    assert option in line
    assert value in line
    assert "[1, " in line


@pytest.mark.parametrize("value", ["-1", "1.5", "one", "", "\u0663"])
def test_seed_is_a_whole_number(capsys, value):
    assert "--seed" in refused(capsys, "run", "--seed", value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"schema = 1\n[human\n", ["line 2"]),
        (b"\xff\xfex", ["UTF-8"]),
        (b"title = 'x'\n", ["schema = 1"]),
        (b"schema = 1\n[humn]\nx = 1\n", ["humn", "human"]),
        (b"schema = 1\n[human]\nimitation_per_yaer = 1.0\n", ["imitation_per_yaer", "imitation_per_year"]),
        (b"schema = 1\n[human]\nimitation_per_year = nan\n", ["finite"]),
        (b"schema = 1\n[run]\nmonths = 0\n", ["run.months", "0"]),
        (b"schema = 1\nextends = 'baselin'\n", ["baselin", "'baseline'"]),
    ],
)
def test_bad_scenario_files_are_refused_in_one_line(capsys, tmp_path, text, words):
    (tmp_path / "mine.toml").write_bytes(text)
    line = refused(capsys, "run", "mine.toml")
    for word in words:
        assert word in line


def test_foreign_folder_is_refused_before_anything_runs(capsys, tmp_path, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("simulated")

    monkeypatch.setattr(InferenceEconomy, "__init__", never)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not lose")
    assert "mine" in refused(capsys, "run", "--out", "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "do not lose"
    (tmp_path / "file").write_text("x")
    assert "file" in refused(capsys, "run", "--out", "file")
    assert "file" in refused(capsys, "run", "--out", "file/below")


@pytest.mark.report
def test_run_prints_an_answer_and_writes_the_default_folder(capsys, tmp_path, monkeypatch):
    one = {"answer": report.figures.pictures()["answer"]}
    monkeypatch.setattr(report.figures, "pictures", lambda: one)
    assert cli.main(["run", *SMALL]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert len(lines) <= 45
    assert "serving and R&D" in printed.out
    assert "results/baseline/report.html" in printed.out
    assert (tmp_path / "results" / "baseline" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_json_has_the_promised_shape(capsys, monkeypatch):
    one = {"kaya": report.figures.pictures()["kaya"]}
    monkeypatch.setattr(report.figures, "pictures", lambda: one)
    assert cli.main(["run", "--humans", "100", "--months", "26", "--json", "--out", "x"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer["crossover"]) == set(DEFINITIONS)
    for row in answer["crossover"].values():
        assert set(row) == {"median", "low", "high", "share_crossed"}
        assert 0.0 <= row["share_crossed"] <= 1.0
        for name in ("median", "low", "high"):
            assert row[name] is None or (len(row[name]) == 7 and row[name][4] == "-")
    assert answer["seeds"] == [1]


def test_a_broken_law_keeps_the_months_so_far(capsys, tmp_path, monkeypatch):
    step = InferenceEconomy.step

    def broken(self):
        if self.month == 2:
            raise LawBreach("money: sectors sum to zero", "2022-03", "labs", 12.0)
        step(self)

    monkeypatch.setattr(InferenceEconomy, "step", broken)
    assert cli.main(["run", *SMALL, "--out", "x"]) == 3
    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1
    for word in ("money: sectors sum to zero", "2022-03", "labs", "12", "x.incomplete"):
        assert word in line
    assert not (tmp_path / "x").exists()
    manifest = json.loads((tmp_path / "x.incomplete" / "manifest.json").read_text())
    assert manifest["incomplete"]["law"] == "money: sectors sum to zero"
    assert manifest["incomplete"]["seed"] == 1
    assert (tmp_path / "x.incomplete" / "monthly.parquet").exists()


def test_lists(capsys):
    assert cli.main(["scenarios"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in shipped())
    assert cli.main(["parameters", "--markdown"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "| parameter | default | unit | range | meaning | source |"
    assert any(row.startswith("| `human.imitation_per_year` |") for row in rows)
    assert any(row.startswith("| `lab.FIRM.rule` |") for row in rows)
    assert cli.main(["parameters", "human"]) == 0
    assert "auction.rule" not in capsys.readouterr().out
    for name, listed in (("human.contacts", "human.contacts"), ("lab.lab_a.rule", "lab.FIRM.rule")):
        assert cli.main(["parameters", name]) == 0
        first, meaning = capsys.readouterr().out.splitlines()
        assert first.startswith(f"{listed} = ")
        assert "Source: " in meaning


def test_debug_shows_the_traceback(capsys):
    assert cli.main(["run", "baselin", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_help_is_light():
    code = "import sys, experiments.cli as c; c.main([]); sys.exit(any(m in sys.modules for m in ('mesa', 'polars', 'altair')))"
    root = os.path.dirname(os.path.dirname(os.path.abspath(cli.__file__)))
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "replicate" in done.stdout


@pytest.mark.long
def test_interrupt_keeps_finished_seeds(tmp_path):
    root = os.path.dirname(os.path.dirname(os.path.abspath(cli.__file__)))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "experiments.cli", "run", "--humans", "20", "--months", "6", "--seeds", "500"]
    process = subprocess.Popen(
        [*command, "--workers", "2", "--out", str(tmp_path / "x")],
        cwd=root,
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: len(list(scratch.glob("economy-*/seed-*"))) >= 4, process)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "stopped by the user; finished seeds are in" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not list(scratch.glob("economy-*"))
    manifest = json.loads((tmp_path / "x.incomplete" / "manifest.json").read_text())
    assert 0 < len(manifest["seeds"]) < 500
    assert len(manifest["incomplete"]["requested_seeds"]) == 500

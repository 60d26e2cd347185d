"""Numbers that documents quote from runs are those of stored results, and stored results are those of the code."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
from functools import partial

import polars as pl
import pytest

import model
from experiments.benchmarks import bench
from experiments.calibration import backtest, priors
from experiments.calibration import overlap as informed
from experiments.cli import main
from experiments.commands import bench as commands_bench
from experiments.page.levers import LEVERS
from experiments.replications import laws as replicate
from experiments.report import page as report
from experiments.runs.results import Result
from experiments.runs.run import run
from experiments.studies import ablation
from model.core.ledger import SECTORS
from model.results.measures import HEADLINE
from tests import quoted
from tests.quoted import ANSWER, README, ROOT, answer_of, answer_text, backtest_text, drifts, store, written

PAGE = README.read_text(encoding="utf-8")
STORED = json.loads(ANSWER.read_text(encoding="utf-8"))
#: What a share may differ by on another processor, relative; stored ones have eleven digits.
ROUNDING = 1e-9


# The page ------------------------------------------------------------------------------------------


def test_the_readme_quotes_stored_results():
    assert drifts(PAGE) == []


@pytest.mark.parametrize("name", quoted.BLOCKS)
def test_a_number_changed_by_hand_is_seen(name, monkeypatch):
    """Each number of each block, one digit at a time."""
    now = {key: partial(str, block()) for key, block in quoted.BLOCKS.items()}  # made once
    monkeypatch.setattr(quoted, "BLOCKS", now)
    (whole,) = (m for m in quoted.MARKED.finditer(PAGE) if m[2] == name)
    digits = [m.start() for m in re.finditer(r"\d", whole[3])]
    assert len(digits) > 8
    for at in digits:
        place = whole.start(3) + at
        other = str((int(PAGE[place]) + 1) % 10)
        planted = PAGE[:place] + other + PAGE[place + 1 :]
        assert [w.partition(":")[0] for w in drifts(planted)] == [name]
    assert "`python -m tests.quoted` writes it" in drifts(planted)[0]
    assert written(planted) == PAGE


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<!-- quoted fit:", "<!-- quoted fitted:", "fit: not quoted"),
        ("<!-- end fit -->", "", "fit: not quoted"),
        (
            "<!-- quoted overlap:",
            "<!-- quoted fit: x -->\n<!-- end fit -->\n<!-- quoted overlap:",
            "fit: quoted 2 times",
        ),
        ("<!-- end backtest -->", "<!-- end backtest -->\n<!-- end backtest -->", "1 markers without"),
    ],
)
def test_a_lost_marker_is_seen(old, new, says):
    assert PAGE.count(old) == 1
    assert any(w.startswith(says) for w in drifts(PAGE.replace(old, new)))


@pytest.mark.parametrize(
    ("name", "path", "old", "new"),
    [
        ("answer", ANSWER, r'"median": 0\.\d+', '"median": 0.001'),
        ("backtest", backtest.STORED, r'"within_factor_2": [\d.]+', '"within_factor_2": 0.001'),
        ("fit", priors.FITTED, r"\b0\.\d+", "0.001"),
        ("overlap", informed.STORED, r'"20\d\d-\d\d"', '"never"'),
        ("own", quoted.OWN, r'"median": 0\.\d+', '"median": 0.001'),
        ("because", ablation.FILE, r"(?<=,)-?0\.\d+", "0.001"),
        ("because", ablation.AGENTS, r'(?<="gross_margin": \[\n  )[\d.]+', "9.9"),
        ("replicate", replicate.STORED, '"soft"', '"pass"'),
        ("speed", quoted.BENCH, r'"over_arrays": [\d.]+', '"over_arrays": 7.0'),
    ],
)
def test_a_stored_result_that_changed_is_seen(tmp_path, monkeypatch, name, path, old, new):
    changed = tmp_path / path.name
    changed.write_text(re.sub(old, new, path.read_text(encoding="utf-8")), encoding="utf-8")
    places = {
        "answer": (quoted, "ANSWER"),
        "own": (quoted, "OWN"),
        "because": (ablation, "AGENTS" if path == ablation.AGENTS else "FILE"),
        "backtest": (backtest, "STORED"),
        "fit": (priors, "FITTED"),
        "replicate": (replicate, "STORED"),
        "speed": (quoted, "BENCH"),
    }
    if name == "overlap":
        monkeypatch.setattr(informed.stored, "__defaults__", (changed,))
    else:
        monkeypatch.setattr(*places[name], changed)
    assert [w.partition(":")[0] for w in drifts(PAGE)] == [name]


def test_the_stored_bench_is_whole_and_meets_its_aims():
    found = json.loads(quoted.BENCH.read_text(encoding="utf-8"))
    assert (found["quick"], found["months"], [s["humans"] for s in found["sizes"]]) == (False, 168, list(bench.HUMANS))
    assert {k: (aim["bound"], aim["value"]) for k, aim in found["targets"].items()} == bench.TARGETS
    assert {row[0]: row[3] for row in commands_bench.tables(found)[1].rows} == dict.fromkeys(bench.TARGETS, "met")


def by_hand(text: str) -> list[str]:
    """Return shares and factors that stand outside the markers of a page."""
    return re.findall(r"\d[\d.]* %|factor of [\w.]+|(?<!\w)x\d[\d.]*", quoted.MARKED.sub("", text))


def test_no_share_is_quoted_by_hand():
    assert by_hand(PAGE) == []
    planted = PAGE.replace("## Where is X?", "In 2030 it is 43.5 %, off by a factor of 1.7 or x3.\n\n## Where is X?")
    assert by_hand(planted) == ["43.5 %", "factor of 1.7", "x3."]


# What is stored ------------------------------------------------------------------------------------


def test_the_answer_is_of_this_version_and_of_the_run_that_make_makes():
    assert STORED["version"] == model.__version__, "`make docs` runs the baseline again"
    assert made((ROOT / "Makefile").read_text()) == [STORED["runs"]] * 2
    assert f"run the baseline with {STORED['runs']}," in PAGE


def made(makefile: str) -> list[str]:
    """Return which runs of the baseline the targets run and docs make."""
    return [
        f"{n} posterior draws"
        for n in re.findall(r"^\t.* run baseline --posterior (\d+)(?: --out \S+)?(?: --replace)?$", makefile, re.M)
    ]


def test_another_number_of_draws_is_seen():
    text = (ROOT / "Makefile").read_text()
    assert made(re.sub(r"--posterior \d+", "--posterior 7", text)) == ["7 posterior draws"] * 2
    assert made(re.sub(r" --posterior \d+", "", text)) == []


@pytest.fixture(scope="module")
def small():
    return run("baseline", humans=30, workers=1)


def test_a_run_is_stored_with_the_day_on_which_it_came_out(tmp_path, small, monkeypatch):
    path, first, later = tmp_path / "answer.json", dt.date(2020, 1, 1), dt.date(2020, 1, 2)
    store(small, path, first)
    told = json.loads(path.read_text())
    assert told["date"] == "2020-01-01"
    assert set(told) == set(STORED)
    store(small, path, later)
    assert json.loads(path.read_text()) == told
    monkeypatch.setattr(model, "__version__", "9.9")
    store(small, path, later)
    assert json.loads(path.read_text())["date"] == "2020-01-02"


def test_the_answer_is_that_of_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "write", lambda result, folder: None)  # pictures take longest
    monkeypatch.setattr(quoted, "YEARS", ("2024", "2025"))
    said = command(tmp_path / "run", capsys, "--humans", "30", "--months", "48", "--seeds", "2", "--workers", "1")
    mine = answer_of(run("baseline", humans=30, months=48, seeds=2, workers=1))
    assert moved(mine, said) == []
    assert answer_of(Result.load(tmp_path / "run")) == mine


def command(folder, capsys, *options: str) -> dict:
    """Return what `economy run baseline --json` prints."""
    assert main(["run", "baseline", *options, "--json", "--out", str(folder)]) == 0
    said = json.loads(capsys.readouterr().out)
    return said | {"above_half": said["above_half"][HEADLINE], "by_year": said["share"][HEADLINE]}


def moved(stored: dict, said: dict, where: str = "") -> list[str]:
    """Return which stored values, which have eleven digits, a run does not repeat; dates and counts exactly."""
    wrong = []
    for key, value in stored.items():
        if where or key not in ("date", "version", "runs"):
            now = said.get(key)
            if isinstance(value, dict):
                wrong += moved(value, now or {}, f"{where}{key}.")
            elif value != (pytest.approx(now, rel=ROUNDING, abs=0.0) if isinstance(now, float) else now):
                wrong.append(f"{where}{key} is stored as {value}, the run says {now}")
    return wrong


def test_a_moved_answer_is_seen():
    said = copy.deepcopy(STORED)
    said["share"]["usd"]["2025"]["median"] *= 1.0 + 0.1 * ROUNDING
    assert moved(STORED, said) == []
    said["share"]["usd"]["2030"]["median"] *= 1.0 + 2.0 * ROUNDING
    said["crossover"]["purpose"]["low"] = "2026-01"
    said["below_later"]["usd"] += 1
    assert [w.partition(" is stored")[0] for w in moved(STORED, said)] == [
        "crossover.purpose.low",
        "below_later.usd",
        "share.usd.2030.median",
    ]


@pytest.mark.long
def test_the_baseline_gives_the_stored_answer(tmp_path, capsys):
    n, kind = STORED["runs"].split(" ", 1)
    assert kind == "posterior draws"
    said = command(tmp_path / "run", capsys, "--posterior", n)
    assert moved(STORED, said) == [], "`make docs` stores the new answer"


@pytest.mark.long
def test_the_baselines_own_values_give_the_stored_answer(tmp_path, capsys):
    told = json.loads(quoted.OWN.read_text(encoding="utf-8"))
    said = command(tmp_path / "run", capsys, "--seeds", str(len(told["seeds"])))
    assert moved(told, said) == [], "`make docs` stores the new answer"


# Words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crossed", "reverts", "says"),
    [
        (("2030-01", "2029-01", None, 0.7), False, "2030-01 [2029-01, never]"),
        (("2030-01", "2029-01", "2031-01", 1.0), True, "2030-01 [2029-01, 2031-01], not throughout"),
        (("2023-12", "2023-12", "2031-01", 1.0), False, "by 2023-12 [2023-12, 2031-01]"),
        (("2023-12", "2023-12", "2031-01", 1.0), True, "by 2023-12 [2023-12, 2031-01], not throughout"),
        ((None, "2029-01", None, 0.5), False, "half the runs or fewer [2029-01, never]"),
        ((None, None, None, 0.0), False, "never"),
    ],
)
def test_a_crossover_in_words(crossed, reverts, says):
    assert quoted.when(dict(zip(("median", "low", "high", "share_crossed"), crossed, strict=True)), reverts) == says


def test_the_answer_in_words():
    told = copy.deepcopy(STORED)
    told["seeds"] = [1, 2, 3, 4]
    for definition, median, share, again in (
        ("usd", "2026-01", 1.0, 1),
        ("accelerator_hours", "2034-01", 0.75, 0),
        ("purpose", None, 0.0, 0),
    ):
        told["crossover"][definition] |= {"median": median, "share_crossed": share}
        told["below_later"][definition] = again
        told["provisional"][definition] = int(definition == "accelerator_hours")
    words = " ".join(quoted.in_words(told).split())
    assert "in 2026-01 in dollars (4 of 4 runs, 1 below again later)" in words
    assert (
        "in 2034-01 in accelerator-hours (3 of 4 runs, 1 too near the end to say), and not by the end of 2035 in executed operations (0 of"
        in words
    )

    assert "Spending on machines and data centres peaks in" in words
    told["investment"]["runs_halved"] = 2
    words = quoted.in_words(told)
    assert "Spending" not in words


def test_what_mechanisms_do_in_words():
    table, labs = ablation.load(), json.loads(ablation.AGENTS.read_text(encoding="utf-8"))
    flipped = table.with_columns(-pl.col("share"))
    words = quoted.because_text(table, labs).replace("\n", " ")
    (agents,) = table.filter(pl.col("mechanism") == "delegation (no agents)")["share"]
    assert 0.005 < agents < 0.5
    assert f"is {100 * agents:.0f} points higher" in words
    margin, rho = labs["gross_margin"], labs["rd_to_revenue"]
    assert f"serving costs {100 - 100 * margin[1]:.0f} % of revenue instead of {100 - 100 * margin[0]:.0f} %" in words
    assert f"research takes {100 * rho[1]:.0f} % instead of {100 * rho[0]:.0f} %" in words
    assert f"is {100 * agents:.0f} points lower" in quoted.because_text(flipped, labs).replace("\n", " ")


def test_a_backtest_in_words():
    told = json.loads(backtest.STORED.read_text())
    told["scores"]["coverage_80_interval"] = [0.4, 0.7]
    assert "so they are too narrow" in " ".join(backtest_text(told).split())
    told["scores"]["coverage_80_interval"] = [0.7, 0.9]
    assert "narrow" not in backtest_text(told)
    point = {"error_log10": 1.0}
    row = {"series": "x", "median_abs_log10_error": 1.0, "points": [point]}
    assert quoted.off(row) == "`x` (x10.0 high)"
    assert quoted.off({**row, "points": [point, {"error_log10": -1.0}]}) == "`x` (x10.0)"


def test_the_answer_has_a_row_a_definition():
    table = answer_text(STORED).rpartition("\n\n")[2].splitlines()
    assert len(table) == 2 + len(STORED["crossover"])
    assert {line.count("|") for line in table} == {4 + len(quoted.YEARS)}


# Counts in words -----------------------------------------------------------------------------------

WORDS = dict(six=6, seven=7, twelve=12, nineteen=19, thirty=30)  # noqa: C408
MODEL = (ROOT / "model" / "MODEL.md").read_text(encoding="utf-8")


def counted(text: str, phrase: str) -> int:
    """Return the number that stands, as a word or in digits, for N in a phrase of a text, wherever its lines break."""
    found = re.search(re.escape(phrase).replace("N", r"([\w,]+)").replace(r"\ ", r"\s+"), text)
    assert found, f"no {phrase!r}: change the guard with the text"
    word = found[1].lower().replace(",", "")
    return int(word) if word.isdigit() else WORDS[word]


def rows_of(name: str) -> int:
    return (
        len(
            (next(p for p in (ROOT / "model" / "data" / name, ROOT / "experiments" / "stored" / name) if p.exists()))
            .read_text(encoding="utf-8")
            .splitlines()
        )
        - 1
    )


@pytest.mark.parametrize(
    ("text", "phrase", "number"),
    [
        (PAGE, "; N headline levers", len(LEVERS)),
        (PAGE, "under each of N denominators", len(STORED["crossover"])),
        (MODEL, "N published series (`model/data/scored_series.csv`)", rows_of("scored_series.csv")),
        (MODEL, "N parameters marked `fit`", rows_of("fitted.csv")),
        (MODEL, "N sectors keep double-entry books", len(SECTORS)),
    ],
)
def test_counts_in_documents(text, phrase, number):
    assert counted(text, phrase) == number


def test_a_wrong_count_is_seen():
    assert counted("with\nseven headline\nlevers", "with N headline levers") == 7
    assert counted("some 1,100 rows", "some N rows") == 1100
    with pytest.raises(AssertionError, match="change the guard"):
        counted("with seven levers", "with N headline levers")

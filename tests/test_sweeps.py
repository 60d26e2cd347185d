"""Sweeps: designs are what they promise, bad files are refused, and no work is lost whatever is killed or damaged."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from experiments import cli, engine, sweep, sweeps
from experiments.design import read
from experiments.engine import simulate
from experiments.store import FILE, Store
from model.core.errors import InputError
from model.measures import DEFINITIONS
from model.scenario import Intervention, Scenario

IMITATION, REVIEW, RULE = "human.imitation_per_year", "human.review_share_min", "lab.alpha.rule"
ROOT = Path(__file__).parents[1]


def small(count=6, **more):
    return {
        "scenarios": ["baseline"],
        "seeds": {"first": 1, "count": count},
        "run": {"humans": 40, "months": 12},
        "parameters": {IMITATION: [0.5, 1.0]},
        "record": {"series": ["tokens", "gross_margin"], "months": ["2022-06", "2022-12"]},
    } | more


@pytest.fixture(scope="module")
def whole():
    """Return the table of an undisturbed sweep on one worker."""
    return sweep(small(), workers=1)


# --- What workers do in tests: they are imported by name in their process ----------------------------------------------


def once(what):
    """Return whether this is the first time in this test, in any process."""
    try:
        (Path(os.environ["SWEEP_TEST"]) / what).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def troubled(task):
    """Raise for seed 4, die once for seed 5, always at one point of seed 3."""
    if task.seed == 4:
        raise ValueError("out of\nluck")
    if (task.seed == 5 and once("killed")) or (task.seed == 3 and task.overrides[IMITATION] == 0.5):
        os.kill(os.getpid(), signal.SIGKILL)
    return simulate(task)


# --- Designs -----------------------------------------------------------------------------------------------------------


def points(kind, parameters, **design):
    return read({"design": {"kind": kind, **design}, "parameters": parameters}).points


def test_grid_and_list():
    assert points("grid", {IMITATION: [0.5, 1.0], RULE: ["profit", "race"]}) == (
        (0.5, "profit"),
        (0.5, "race"),
        (1.0, "profit"),
        (1.0, "race"),
    )
    assert points("list", {IMITATION: [0.5, 1.0], REVIEW: [0.1, 0.2]}) == ((0.5, 0.1), (1.0, 0.2))
    levels = [x for (x,) in points("grid", {IMITATION: {"low": 0.5, "high": 2.0, "scale": "log"}}, n=3)]
    assert levels == pytest.approx([0.5, 1.0, 2.0])
    assert read({"seeds": {"first": 4, "count": 3}}).seeds == (4, 5, 6)
    assert len(read(small())) == 12


def test_latin_hypercube_has_one_point_in_each_stratum():
    got = np.array(
        points(
            "lhs",
            {
                IMITATION: {"low": 0.1, "high": 1.0, "scale": "log"},
                REVIEW: {"low": 0.05, "high": 0.15, "scale": "linear"},
            },
            n=16,
            seed=7,
        )
    )
    u = np.column_stack([np.log10(got[:, 0]) + 1.0, (got[:, 1] - 0.05) / 0.1])
    for k in (0, 1):
        assert sorted((u[:, k] * 16).astype(int)) == list(range(16))
    assert points("lhs", {IMITATION: {}}, n=4, seed=7) == points("lhs", {IMITATION: {}}, n=4, seed=7)
    assert points("lhs", {IMITATION: {}}, n=4, seed=7) != points("lhs", {IMITATION: {}}, n=4, seed=8)


@pytest.mark.parametrize(("kind", "rows"), [("lhs", 8), ("sobol", 8 * 5), ("morris", 8 * 4)])
def test_drawn_designs_stay_in_declared_bounds(kind, rows):
    names = [IMITATION, "physical.generation_months", RULE]
    design = read({"design": {"kind": kind, "n": 8}, "parameters": {name: {} for name in names}})
    assert len(design.points) == rows
    from experiments.design import declaration

    for name, column in zip(names, zip(*design.points, strict=True), strict=True):
        d = declaration(name, list(design.scenarios))
        assert {type(v) for v in column} == {type(d.default)}
        assert len(set(column)) > 1
        for value in column:
            assert value in d.choices if d.choices else d.low <= value <= d.high
    if kind == "morris":  # one parameter moves at a time
        for k in range(0, rows, 4):
            moved = [
                sum(a != b for a, b in zip(design.points[k + i], design.points[k + i + 1], strict=True))
                for i in range(3)
            ]
            assert max(moved) <= 1


def test_run_ids_tell_runs_apart_and_are_stable():
    ids = [task.id for _, task in read(small()).tasks()]
    assert len(set(ids)) == 12
    assert ids == [task.id for _, task in read(small()).tasks()]
    assert set(ids) < {task.id for _, task in read(small(count=8)).tasks()}
    for other in (
        {"run": {"humans": 41, "months": 12}},
        {"run": {"humans": 40, "months": 13}},
        {"scenarios": ["no-agents"]},
    ):
        assert not set(ids) & {task.id for _, task in read(small(**other)).tasks()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema = 2", ["schema = 1"]),
        ("schema = 1\n[design\n", ["line 2"]),
        ("schema = 1\nscenario = ['baseline']", ["'scenario'", "'scenarios'"]),
        ("schema = 1\nscenarios = ['baselin']", ["baselin", "'baseline'"]),
        ("schema = 1\nscenarios = ['baseline', 'baseline']", ["twice"]),
        ("schema = 1\n[seeds]\ncuont = 3", ["seeds.cuont", "'seeds.count'"]),
        ("schema = 1\n[seeds]\ncount = 0", ["seeds.count", "0", "[1, "]),
        ("schema = 1\n[run]\nmonth = 3", ["run.month", "'run.months'"]),
        ("schema = 1\n[design]\nkind = 'sobl'\nn = 4", ["sobl", "'sobol'"]),
        ("schema = 1\n[design]\nkind = 'lhs'", ["parameters"]),
        ("schema = 1\n[design]\nkind = 'lhs'\n[parameters]\n'human.imitation_per_year' = {}", ["design.n"]),
        (
            "schema = 1\n[design]\nkind = 'sobol'\nn = 6\n[parameters]\n'human.imitation_per_year' = {}",
            ["power of two"],
        ),
        (
            "schema = 1\n[parameters]\n'human.imitation_per_yaer' = [1.0]",
            ["imitation_per_yaer", "'human.imitation_per_year'"],
        ),
        ("schema = 1\n[parameters]\n'lab.alfa.rule' = ['race']", ["alfa", "'alpha'"]),
        (
            "schema = 1\n[parameters]\n'human.imitation_per_year' = [-1.0]",
            ["human.imitation_per_year", "-1", "outside ["],
        ),
        ("schema = 1\n[parameters]\n'human.imitation_per_year' = [1.0, 1.0]", ["twice"]),
        ("schema = 1\n[parameters]\n'human.imitation_per_year' = 1.0", ["list"]),
        (
            "schema = 1\n[parameters]\n'human.imitation_per_year' = [0.5, 1.0]\n'human.review_share_min' = [0.1]",
            ["same length", "human.review_share_min 1"],
        ),
        (
            "schema = 1\n[design]\nkind = 'lhs'\nn = 4\n[parameters]\n'human.imitation_per_year' = {low = 2.0, high = 1.0}",
            ["human.imitation_per_year", "reversed"],
        ),
        (
            "schema = 1\n[design]\nkind = 'lhs'\nn = 4\n[parameters]\n'human.imitation_per_year' = {low = 0.5, high = 1e9}",
            ["human.imitation_per_year", "1000000000", "outside ["],
        ),
        (
            "schema = 1\n[design]\nkind = 'lhs'\nn = 4\n[parameters]\n'human.imitation_per_year' = {lo = 0.5}",
            ["lo'", "low'"],
        ),
        (
            "schema = 1\n[design]\nkind = 'lhs'\nn = 4\n[parameters]\n'human.imitation_per_year' = {scale = 'lgo'}",
            ["lgo", "'log'"],
        ),
        ("schema = 1\n[record]\nseries = ['tokns']", ["tokns", "'tokens'"]),
        ("schema = 1\n[record]\nmonths = ['2060-12']", ["2060-12", "outside"]),
        ("schema = 1\n[record]\nmonths = '2030-12'", ["list"]),
    ],
)
def test_bad_files_are_refused_in_one_line(capsys, tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(text)
    assert cli.main(["sweep", "mine.toml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


def test_foreign_folders_and_files_are_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("do not lose")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        sweep(small(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / FILE).write_bytes(b"no database at all" * 400)
    with pytest.raises(InputError, match="move it away"):
        sweep(small(), tmp_path / "x")
    with pytest.raises(InputError, match="No such file"):
        sweep(tmp_path / "no.toml")


def test_the_sweep_of_the_readme_is_read(tmp_path):
    text = re.search(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.toml").write_text(text.group(1))
    assert len(read(tmp_path / "mine.toml")) == 50 * 2 * 4


# --- Runs --------------------------------------------------------------------------------------------------------------


def test_table_holds_what_was_asked_for(whole):
    assert whole.columns == [
        *("run", "point", "scenario", IMITATION, "seed", "status", "error"),
        *(f"crossover_{d}" for d in DEFINITIONS),
        *("month", "tokens", "gross_margin"),
    ]
    assert whole.height == 2 * 6 * 2
    assert whole["seed"].to_list() == [s for _ in range(2) for s in range(1, 7) for _ in range(2)]
    assert whole[IMITATION].to_list() == [0.5] * 12 + [1.0] * 12
    assert whole["status"].unique().to_list() == ["done"]
    from model import InferenceEconomy

    economy = InferenceEconomy("baseline", humans=40, months=12, seed=5, **{IMITATION: 1.0}).run()
    want = economy.history.select("month", "tokens", "gross_margin")[[5, 11]]
    assert whole.filter((pl.col("seed") == 5) & (pl.col(IMITATION) == 1.0)).select(want.columns).equals(want)


def test_resumes_extends_and_runs_again_what_is_damaged(whole, tmp_path):
    said = []
    sweep(small(count=4), tmp_path, workers=2)
    assert sweep(small(), tmp_path, workers=2, on_progress=said.append).equals(whole)
    assert (said[0].kept, said[0].total, said[-1].made) == (8, 12, 4)
    assert "12 of 12 runs" in str(said[-1])
    with sqlite3.connect(tmp_path / FILE) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM runs ORDER BY id")]
        blob = database.execute("SELECT series FROM runs WHERE id = ?", ids[:1]).fetchone()[0]
        flipped = blob[:50] + bytes([blob[50] ^ 1]) + blob[51:]
        database.execute("UPDATE runs SET series = ? WHERE id = ?", (flipped, ids[0]))
        database.execute("UPDATE runs SET status = 'error' WHERE id = ?", ids[1:2])
        database.execute("UPDATE runs SET manifest = CAST(x'ff' AS TEXT) WHERE id = ?", ids[2:3])
    database.close()
    (tmp_path / "results.parquet").unlink()
    said.clear()
    assert sweep(small(), tmp_path, workers=1, on_progress=said.append).equals(whole)
    assert (said[0].corrupt, said[-1].made) == (3, 3)
    assert pl.read_parquet(tmp_path / "results.parquet").equals(whole)
    said.clear()
    assert sweep(small(), tmp_path, on_progress=said.append).equals(whole)
    assert [p.made for p in said] == [0]
    repeated(tmp_path)


def repeated(folder):
    """Hold that each stored run carries what repeats it, in the form of a manifest.json."""
    with sqlite3.connect(folder / FILE) as database:
        rows = database.execute("SELECT id, manifest, seed, seconds, version FROM runs").fetchall()
    database.close()
    found = set()
    for _, manifest, seed, seconds, version in rows:
        (folder / "manifest.json").write_text(manifest)
        scenario = Scenario.load(folder / "manifest.json")
        assert (scenario.humans, scenario.months) == (40, 12)
        assert seconds > 0.0
        assert version
        found.add((scenario.parameters.human.imitation_per_year, seed))
    assert found == {(x, seed) for x in (0.5, 1.0) for seed in range(1, 7)}


def test_dead_workers_and_errors_cost_no_other_run(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_TEST", str(tmp_path))
    monkeypatch.setattr(sweeps, "WORK", troubled)
    got = sweep(small(), tmp_path / "x", workers=2)
    failed = got.filter(pl.col("status") == "error")
    assert failed.select(IMITATION, "seed", "month", "tokens").rows() == [
        (0.5, 3, None, None),
        (0.5, 4, None, None),
        (1.0, 4, None, None),
    ]
    assert failed["error"].to_list() == ["its process was killed twice (memory?)", *["ValueError: out of luck"] * 2]
    assert (tmp_path / "killed").exists()
    done = got.filter(pl.col("status") == "done")
    assert done.equals(whole.filter(pl.col("run").is_in(done["run"].to_list())))
    monkeypatch.setattr(sweeps, "WORK", simulate)
    assert sweep(small(), tmp_path / "x", workers=2).equals(got)  # errors stay until asked for
    assert sweep(small(), tmp_path / "x", workers=2, retry=True).equals(whole)


def test_a_value_refused_at_run_time_is_an_error_row():
    base = Scenario.load("baseline")
    change = Intervention("2022-03", REVIEW, 2.0, "multiply")
    other = dataclasses.replace(base, name="doubled", interventions=(change,))
    got = sweep(small(count=1, scenarios=[base, other], parameters={REVIEW: [0.05, 0.15]}), workers=1)
    failed = got.filter(pl.col("status") == "error")
    assert failed.select("scenario", REVIEW).rows() == [("doubled", 0.15)]
    assert failed["error"].item().startswith(f"InputError: {REVIEW} = 0.3")


def test_two_processes_cannot_write_one_store(capsys, tmp_path):
    (tmp_path / "mine.toml").write_text("schema = 1\n")
    with Store(tmp_path / "x"):
        assert cli.main(["sweep", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "x")]) == 2
        line = capsys.readouterr().err
        assert "another process" in line
        assert len(line.splitlines()) == 1
    Store(tmp_path / "x").close()


def test_checksums_and_packing():
    frame = pl.DataFrame({"a": [1.0, None], "b": ["x", "y"]})
    assert engine.unpack(engine.pack(frame)).equals(frame)
    assert engine.pack(frame) == engine.pack(frame.clone())


# --- Whatever happens to the process ------------------------------------------------------------------------------------


def begin(folder, limit=None):
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.cli", "sweep", str(folder / "mine.toml"), "--out", str(folder / "x")],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


def stored(folder):
    try:
        database = sqlite3.connect(f"file:{folder / 'x' / FILE}?mode=ro", uri=True)
        try:
            return database.execute("SELECT count(*) FROM runs").fetchone()[0]
        finally:
            database.close()
    except sqlite3.Error:
        return 0


def interrupt(folder, what, after):
    """Begin the sweep and send a signal when `after` more runs are stored, a random moment later."""
    process, wanted, began = begin(folder), stored(folder) + after, time.monotonic()
    while stored(folder) < wanted and process.poll() is None and time.monotonic() - began < 120.0:
        time.sleep(0.02)
    time.sleep(random.uniform(0.0, 0.1))
    assert process.poll() is None, process.communicate()
    (os.killpg if what is signal.SIGINT else os.kill)(process.pid, what)
    return process.returncode, *process.communicate(timeout=120), process


def survives(folder, kills, count):
    design = small(count=count)
    lines = [
        "schema = 1",
        "scenarios = ['baseline']",
        f"seeds = {{first = 1, count = {count}}}",
        "run = {humans = 40, months = 12}",
    ]
    lines += ["[parameters]", f"'{IMITATION}' = [0.5, 1.0]", "[record]"]
    lines += [f"{k} = {json.dumps(v)}" for k, v in design["record"].items()]
    (folder / "mine.toml").write_text("\n".join(lines))
    for what in kills:
        *_, said, process = interrupt(folder, what, random.randint(1, 4))
        if what is signal.SIGINT:
            assert process.returncode == 130, said
            assert "the same command goes on" in said.splitlines()[-1]
            assert "Traceback" not in said
        else:
            assert process.returncode == -what
    assert 0 < stored(folder) < 2 * count
    limited = begin(folder, limit=os.path.getsize(folder / "x" / FILE) + 30_000)  # as if the disk were full
    _, said = limited.communicate(timeout=120)
    assert limited.returncode == 1, said
    assert "what was done before is kept" in said.splitlines()[-1]
    last = begin(folder)
    _, said = last.communicate(timeout=120)
    assert last.returncode == 0, said
    assert f"{2 * count} of {2 * count} runs" in said
    assert {p.name for p in (folder / "x").iterdir()} == {FILE, "sweep.lock", "results.parquet"}
    assert pl.read_parquet(folder / "x" / "results.parquet").equals(sweep(design, workers=2))


def test_killed_interrupted_and_without_disk_it_goes_on(tmp_path):
    survives(tmp_path, [signal.SIGKILL, signal.SIGKILL, signal.SIGINT], 14)


@pytest.mark.long
def test_killed_twenty_times_it_goes_on(tmp_path):
    survives(tmp_path, [signal.SIGKILL] * 20, 80)

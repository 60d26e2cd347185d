"""Sweeps: the table holds what was asked for, and no work is lost whatever is killed or damaged."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from experiments import cli, engine, sweep, sweeps
from experiments.engine import simulate
from experiments.runner import without_interrupts
from experiments.store import FILE, Store
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
    assert failed["error"].to_list() == [
        "its process was killed twice with this run alone (memory?)",
        *["ValueError: out of luck"] * 2,
    ]
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
    limited = begin(folder, limit=120_000)  # as if the disk were full
    _, said = limited.communicate(timeout=120)
    assert limited.returncode == 1, said
    assert "what was done before is kept" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert stored(folder)
    for what in kills:
        *_, said, process = interrupt(folder, what, random.randint(1, 4))
        if what is signal.SIGINT:
            assert process.returncode == 130, said
            assert "the same command goes on" in said.splitlines()[-1]
            assert "Traceback" not in said
        else:
            assert process.returncode == -what
    assert stored(folder) < 2 * count
    last = begin(folder)
    _, said = last.communicate(timeout=120)
    assert last.returncode == 0, said
    assert f"{2 * count} of {2 * count} runs" in said
    assert {p.name for p in (folder / "x").iterdir()} == {FILE, "sweep.lock", "results.parquet"}
    assert pl.read_parquet(folder / "x" / "results.parquet").equals(sweep(design, workers=2))


def test_killed_interrupted_and_without_disk_it_goes_on(tmp_path):
    survives(tmp_path, [signal.SIGKILL, signal.SIGKILL, signal.SIGINT], 16)


@pytest.mark.long
def test_killed_twenty_times_it_goes_on(tmp_path):
    survives(tmp_path, [signal.SIGKILL] * 20, 90)


def test_ctrl_c_while_processes_start_is_heard_afterwards():
    before = signal.getsignal(signal.SIGINT)
    started = []

    def start():
        with without_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            started.append(True)

    with pytest.raises(KeyboardInterrupt):
        start()
    assert started
    assert signal.getsignal(signal.SIGINT) is before

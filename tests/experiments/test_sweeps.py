"""Sweeps: the table holds what was asked for, and no work is lost whatever is killed or damaged."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import signal
import sqlite3
from pathlib import Path

import polars as pl
import pytest

import model
from experiments import cli, sweep
from experiments.runs import digest, store
from experiments.runs import pool as engine
from experiments.runs.pool import simulate
from experiments.runs.store import FILE, Store
from experiments.runs.workers import RunStopped
from experiments.sweeps import design
from experiments.sweeps import sweep as sweeps
from model.results.measures import DEFINITIONS
from model.scenario import Intervention, Scenario

IMITATION, REVIEW, RULE = "human.imitation_per_year", "human.review_share_min", "lab.lab_a.rule"
ROOT = Path(__file__).parents[2]


def small(count=6, **more):
    return {
        "scenarios": ["baseline"],
        "seeds": {"first": 1, "count": count},
        "run": {"humans": 40, "months": 12},
        "parameters": {IMITATION: [0.5, 1.0]},
        "record": {"series": ["tokens", "gross_margin"], "months": ["2022-06", "2022-12"]},
    } | more


def toml(count):
    """Return `small` as a sweep file."""
    lines = [
        "schema = 1",
        "scenarios = ['baseline']",
        f"seeds = {{first = 1, count = {count}}}",
        "run = {humans = 40, months = 12}",
    ]
    lines += ["[parameters]", f"'{IMITATION}' = [0.5, 1.0]", "[record]"]
    lines += [f"{k} = {json.dumps(v)}" for k, v in small()["record"].items()]
    return "\n".join(lines)


@functools.cache
def undisturbed(count):
    """Return the table of `small` on one worker, to the end without a stop."""
    return sweep(small(count), workers=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return where `whole` keeps its runs."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole(folder):
    """Return the table of an undisturbed sweep on one worker."""
    return sweep(small(), folder, workers=1)


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
    sweep(small(count=4), tmp_path, workers=1)
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


@pytest.mark.long
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


def test_a_store_is_opened_once(capsys, tmp_path):
    (tmp_path / "mine.toml").write_text("schema = 1\n")
    with Store(tmp_path / "x"):
        assert cli.main(["sweep", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "x")]) == 2
        line = capsys.readouterr().err
        assert "another process" in line
        assert len(line.splitlines()) == 1
    Store(tmp_path / "x").close()


def test_other_code_is_not_taken_for_this(whole, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(design, "code_digest", lambda: "old")
    monkeypatch.setattr(store, "code_digest", lambda: "old")
    sweep(small(count=1), tmp_path, workers=1)
    monkeypatch.undo()
    got = sweep(small(count=1), tmp_path, workers=1, on_progress=said.append)
    assert (said[0].kept, said[0].other, said[-1].made) == (0, 2, 2)
    assert said[0].notes() == ["2 stored runs were made by other code or data: kept, not used"]
    assert got.equals(whole.filter(pl.col("seed") == 1))
    with sqlite3.connect(tmp_path / FILE) as database:
        versions = {row[0] for row in database.execute("SELECT version FROM runs")}
    database.close()
    assert versions == {f"{model.__version__}+old", f"{model.__version__}+{digest.code_digest()}"}


def test_the_digest_sees_code_data_and_packages(tmp_path, monkeypatch):
    (tmp_path / "model" / "data").mkdir(parents=True)
    paths = [tmp_path / "model" / "month.py", tmp_path / "model" / "data" / "base.toml"]
    for path in paths:
        path.write_text("x = 1\n")
    (tmp_path / "model" / "MODEL.md").write_text("words")
    monkeypatch.setattr(digest.model, "__file__", str(tmp_path / "model" / "__init__.py"))

    def fresh():
        return digest._of_ours.__wrapped__().hexdigest()

    seen = [fresh()]
    for path in paths:
        path.write_text("x = 2\n")
        seen.append(fresh())
    paths[0].rename(paths[0].with_name("year.py"))
    seen.append(fresh())
    monkeypatch.setattr(digest.metadata, "version", lambda package: "0")
    seen.append(fresh())
    assert len(set(seen)) == 5
    (tmp_path / "model" / "MODEL.md").write_text("other words")
    assert fresh() == seen[-1]


@pytest.mark.usefixtures("a_process")
def test_workers_with_changed_code_are_not_used(monkeypatch):
    monkeypatch.setattr(engine, "code_digest", lambda: "what was imported")
    with pytest.raises(RunStopped, match="the code was changed"):
        sweep(small(count=1), workers=1)


def test_damaged_pages_cost_only_what_lies_on_them(whole, folder, tmp_path, capsys):
    (tmp_path / "mine.toml").write_text(toml(6))
    shutil.copytree(folder, tmp_path / "x")
    database = sqlite3.connect(tmp_path / "x" / FILE)
    size = database.execute("PRAGMA page_size").fetchone()[0]
    database.close()
    pages = bytearray((tmp_path / "x" / FILE).read_bytes())
    leaf = next(k for k in range(2, len(pages) // size) if pages[k * size] == 10)  # a leaf of an index tree
    pages[leaf * size : leaf * size + 16] = bytes(range(16))
    (tmp_path / "x" / FILE).write_bytes(pages)
    assert cli.main(["sweep", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "x"), "--workers", "1"]) == 0
    said = capsys.readouterr().err
    saved = int(re.search(r"the store was damaged: (\d+) runs are saved", said)[1])
    assert 0 < saved < 12
    assert f"{saved} of 12 runs" in said
    assert pl.read_parquet(tmp_path / "x" / "results.parquet").equals(whole)
    assert (tmp_path / "x" / f"{FILE}.damaged").read_bytes() == bytes(pages)
    said = []
    assert sweep(small(), tmp_path / "x", on_progress=said.append).equals(whole)
    assert said[0].notes() == []


def test_checksums_and_packing():
    frame = pl.DataFrame({"a": [1.0, None], "b": ["x", "y"]})
    assert engine.unpack(engine.pack(frame)).equals(frame)
    assert engine.pack(frame) == engine.pack(frame.clone())

"""Runs and their folders: parallel equals serial, a manifest repeats its run, folders are replaced whole."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal

import numpy as np
import polars as pl
import pytest

from experiments import cli, figures, run
from experiments.report import page as report
from experiments.runs import answer
from experiments.runs.folder import check_target, is_ours, replacing, table_names
from experiments.runs.options import SEED_MAX, assignments, seeds_of, with_overrides
from experiments.runs.results import Result
from experiments.runs.workers import RunStopped
from model.core.errors import InputError
from model.core.units import month_date
from model.results.measures import DEFINITIONS, numerator_denominator
from model.scenario import Scenario

SMALL = {"humans": 120, "months": 14}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "two"
    overrides = {"human.imitation_per_year": 0.8, "lab.lab_a.rule": "race"}
    return run("baseline", **SMALL, seed=3, seeds=2, workers=1, overrides=overrides, out=folder), folder


def same(a, b):
    assert set(a) == set(b) == set(table_names({}))
    for name in table_names({}):
        assert a[name].equals(b[name], null_equal=True), name


def test_parallel_processes_give_the_same_tables(saved):
    result, _ = saved
    overrides = {"human.imitation_per_year": 0.8, "lab.lab_a.rule": "race"}
    again = run("baseline", **SMALL, seed=3, seeds=2, workers=2, overrides=overrides)
    same(result.tables, again.tables)
    assert again.networks == result.networks
    assert again.seeds == (3, 4)


def test_folder_holds_what_is_promised(saved):
    folder = saved[1]
    names = {f"{t}.parquet" for t in table_names({})}
    assert {p.name for p in folder.iterdir()} == names | {"networks.json", "manifest.json", "report.html", "report.png"}
    for name in table_names({}):
        table = pl.read_parquet(folder / f"{name}.parquet")
        assert table.columns[0] == "seed"
        assert table.schema["seed"] == pl.Int64
        assert pl.read_parquet_metadata(folder / f"{name}.parquet")["schema_version"] == "1"
        floats = table.select(pl.selectors.float())
        assert not any(floats[c].is_nan().any() for c in floats.columns), name
    monthly = pl.read_parquet(folder / "monthly.parquet")
    assert monthly["seed"].to_list() == [3] * 14 + [4] * 14
    assert monthly.schema["month"] == pl.Date
    assert pl.read_parquet(folder / "agents.parquet")["seed"].unique().to_list() == [3]
    assert {f"inference_share_{d}" for d in DEFINITIONS} <= set(monthly.columns)


def test_manifest_repeats_the_run(saved):
    result, folder = saved
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["schema_version"] == 1
    assert manifest["seeds"] == [3, 4]
    assert manifest["parameters"]["human"]["imitation_per_year"] == 0.8
    assert manifest["parameters"]["lab"]["lab_a.rule"] == "race"
    assert manifest["peak_memory_bytes"] > 0
    assert os.uname().nodename not in json.dumps(manifest["machine"])
    assert str(folder) not in (folder / "manifest.json").read_text()
    assert Scenario.load(folder / "manifest.json") == result.scenario
    same(result.tables, run(folder / "manifest.json", workers=1).tables)


def test_each_manifest_value_can_be_set_by_hand(saved):
    result, folder = saved
    manifest = json.loads((folder / "manifest.json").read_text())
    text = {f"{s}.{n}": str(v) for s, table in manifest["parameters"].items() for n, v in table.items()}
    values = assignments([f"{name}={value}" for name, value in text.items() if value])
    assert with_overrides(Scenario.load("baseline").with_run(**SMALL), values) == result.scenario


def test_compute_alone_gives_every_recorded_share(saved):
    result, _ = saved
    background = result.scenario.parameters.app_network.other_background_share
    for seed in result.seeds:
        rows = result.compute.filter(pl.col("seed") == seed)
        series = result.monthly.filter(pl.col("seed") == seed)
        for definition in DEFINITIONS:
            above, below = numerator_denominator(definition, rows, background)
            recorded = series[f"inference_share_{definition}"].fill_null(0.0).to_numpy()
            assert np.allclose(above, recorded * below, rtol=1e-9, atol=0.0), definition


def test_load_gives_the_same_answer(saved):
    result, folder = saved
    loaded = Result.load(folder)
    same(result.tables, loaded.tables)
    assert loaded.to_json() == result.to_json()
    with pytest.raises(InputError, match="no manifest"):
        Result.load(folder.parent)


def test_report_fetches_nothing(saved):
    page = (saved[1] / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "@import" not in page
    assert "src=" not in page
    assert 'href="http' not in page
    assert page.count("<svg") == 12
    assert "prior-dominated" in page


@pytest.mark.report
@pytest.mark.parametrize(("name", "files"), [("layers", {"report.html", "report.png"}), ("answer", {"report.html"})])
def test_a_report_without_a_picture_says_so_and_keeps_the_rest(saved, tmp_path, monkeypatch, capsys, name, files):
    def fails(result):
        raise ValueError("too many\nrows")

    drawn = {key: figures.pictures()[key] for key in ("answer", "kaya", "layers")} | {name: fails}
    monkeypatch.setattr(figures, "pictures", lambda: drawn)
    report.save(saved[0], tmp_path / "x")
    said = capsys.readouterr().err.splitlines()
    assert said == [f"economy: the report lacks picture '{name}' (ValueError: too many rows); all tables are kept"]
    held = {p.name for p in (tmp_path / "x").iterdir()}
    assert held == {*(f"{t}.parquet" for t in table_names({})), "networks.json", "manifest.json"} | files
    page = (tmp_path / "x" / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert f"'#{name}'" not in page
    assert f"id='{name}'" not in page


@pytest.mark.report
def test_a_picture_that_fails_does_not_fail_the_command(tmp_path, monkeypatch, capsys):
    drawn = {"kaya": figures.pictures()["kaya"], "labs": lambda result: 1 / 0}
    monkeypatch.setattr(figures, "pictures", lambda: drawn)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--humans", "30", "--months", "13", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["out"] == "results/baseline"
    assert [line for line in printed.err.splitlines() if "lacks" in line] == [
        "economy: the report lacks picture 'labs' (ZeroDivisionError: division by zero); all tables are kept"
    ]


def test_seeds_are_one_type_to_the_end(saved):
    """The last seed that a run takes and one beyond, which NumPy and polars hold in other types."""
    assert seeds_of("baseline", SEED_MAX, 1) == (SEED_MAX,)
    with pytest.raises(InputError, match=f"last seed {SEED_MAX + 1} is outside"):
        seeds_of("baseline", SEED_MAX, 2)
    far = {name: table.with_columns(pl.col("seed") + (SEED_MAX - 3)) for name, table in saved[0].tables.items()}
    result = dataclasses.replace(saved[0], seeds=(SEED_MAX, SEED_MAX + 1), tables=far)
    charts = report.draw(result)
    assert list(charts) == list(report.figures.pictures())
    assert result.crossover_summary() == saved[0].crossover_summary()


def century(table):
    """Return a table of 14 months again and again, to 1,200 months."""
    if "month" not in table.columns:
        return table
    later = [table.with_columns(pl.col("month").dt.offset_by(f"{14 * k}mo")) for k in range(86)]
    return pl.concat(later).filter(pl.col("month") < pl.date(2122, 1, 1))


def test_charts_take_more_rows_than_their_library_does_by_itself(saved):
    """A century in short: two charts of its tables, by layers from their second year on and by claimants, have all their rows."""
    result = dataclasses.replace(saved[0], tables={name: century(t) for name, t in saved[0].tables.items()})
    for name, most in (("layers", 7 * 1_189), ("attention", 6 * 1_200)):
        assert max(map(len, report.figures.pictures()[name](result).to_dict()["datasets"].values())) == most, name


@pytest.mark.long
@pytest.mark.report
def test_a_century_has_its_whole_report(tmp_path, capsys):
    run("baseline", humans=30, months=1200, out=tmp_path / "x")
    assert capsys.readouterr().err == ""
    assert (tmp_path / "x" / "report.html").read_text(encoding="utf-8").count("<svg") == 11


def test_failure_leaves_the_old_folder(saved, tmp_path):
    result, _ = saved
    out = tmp_path / "x"
    result.save(out)
    before = (out / "manifest.json").read_text()

    def half_way():
        with replacing(out) as fresh:
            (fresh / "manifest.json").write_text("{}")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_way()
    assert (out / "manifest.json").read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_without_exchange_folders_are_replaced_too(saved, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.runs.folder._exchange", lambda a, b: False)
    for _ in range(2):
        saved[0].save(tmp_path / "x")
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("manifest", ["", "[]", '{"schema_version": 2, "scenario": "x"}', '{"name": "a web page"}'])
def test_foreign_folders_are_refused(tmp_path, manifest):
    (tmp_path / "x").mkdir()
    assert check_target(tmp_path / "x") == tmp_path / "x"  # empty
    (tmp_path / "x" / "manifest.json").write_text(manifest)
    with pytest.raises(InputError, match="no result of ours"):
        check_target(tmp_path / "x")


def test_killed_process_is_named_and_finished_seeds_are_kept(tmp_path):
    killed = []

    def kill(done, total, finished):
        children = multiprocessing.active_children()
        if finished and children and not killed:
            killed.append(children[0].pid)
            os.kill(children[0].pid, signal.SIGKILL)

    with pytest.raises(RunStopped, match="a process was killed") as caught:
        run("baseline", humans=50, months=12, seeds=60, workers=2, out=tmp_path / "x", on_progress=kill)
    assert killed
    assert caught.value.result is not None
    assert 1 <= len(caught.value.result.seeds) < 60
    assert is_ours(tmp_path / "x.incomplete")
    assert not (tmp_path / "x").exists()


def test_seeds():
    assert seeds_of("baseline", ..., ...) == (1,)
    assert seeds_of("baseline", 5, 3) == (5, 6, 7)
    assert seeds_of("baseline", ..., 2) == (1, 2)
    for bad in (None, -1, 1.5, True, "1"):
        with pytest.raises(InputError, match="seed"):
            seeds_of("baseline", bad, ...)
    for bad in (None, 0, -1, 2.0):
        with pytest.raises(InputError, match="seeds"):
            seeds_of("baseline", ..., bad)


def test_python_interface_refuses_like_the_command():
    with pytest.raises(InputError, match=r"nearest: 'human\.imitation_per_year'"):
        run("baseline", overrides={"human__imitation_per_yaer": 1.0})
    with pytest.raises(InputError, match=r"human\.contacts is set twice, to 14 and 13: give one"):
        run("baseline", overrides={"human__contacts": 13, "human.contacts": 14})
    for bad in ({"humans": 0}, {"months": 2.5}, {"workers": 0}):
        with pytest.raises(InputError):
            run("baseline", **bad)


def test_a_share_that_falls_back_is_counted():
    """Above one half in months 12 to 30, then below; the second run stays above."""
    months = tuple(month_date(i) for i in range(60))
    up = np.where((np.arange(60) >= 12) & (np.arange(60) < 31), 0.9, 0.1)
    found = answer.Counts(
        "2022-01", (1, 2), (months, months), {"usd": [(up, np.ones(60)), (np.full(60, 0.9), np.ones(60))]}
    )
    passed = answer.crossings(found)["usd"]
    assert all(c.index is not None for c in passed)
    assert answer.below_later(found, "usd", passed) == [True, False]

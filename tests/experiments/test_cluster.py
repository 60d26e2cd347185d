"""A sweep on dask workers gives the table of one process, bit for bit, whatever dies."""

from __future__ import annotations

import os
import signal
import threading
import time

import polars as pl
import pytest

from experiments import cli, sweep
from experiments.runs import cluster
from experiments.runs import pool as engine
from experiments.runs.pool import simulate
from experiments.runs.workers import RunStopped
from experiments.studies import regimes
from experiments.sweeps import sweep as sweeps
from model.core.errors import InputError
from tests.experiments.test_sweeps import IMITATION, small

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def workers():
    """Start a scheduler and two worker processes; one death costs a run its second chance at once."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as started,
    ):
        yield started


@pytest.fixture(scope="module")
def whole():
    """Return the table of an undisturbed sweep on one worker."""
    return sweep(small(count=12), workers=1)


# --- What workers do in tests: they are imported by name in their process ----------------------------------------------


def unhurried(task):
    time.sleep(0.1)
    return simulate(task)


def deadly(task):
    """Die at one point of seed 3, raise for seed 4."""
    if task.seed == 3 and task.overrides[IMITATION] == 0.5:
        os.kill(os.getpid(), signal.SIGKILL)
    if task.seed == 4:
        raise ValueError("out of luck")
    return simulate(task)


def never_ends(task):
    time.sleep(30.0)
    return simulate(task)


# --- Tests -------------------------------------------------------------------------------------------------------------


def pids(started):
    with distributed.Client(started, set_as_default=False) as client:
        return list(client.run(os.getpid).values())


@pytest.mark.long
def test_a_worker_killed_in_the_middle_costs_nothing(workers, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "WORK", unhurried)
    victim, killed = pids(workers)[0], []

    def tell(progress):
        if progress.made >= 6 and not killed:
            killed.append(progress.made)
            os.kill(victim, signal.SIGKILL)

    got = sweep(small(count=12), tmp_path, cluster=workers.scheduler_address, on_progress=tell)
    assert 6 <= killed[0] < 24
    assert got.equals(whole)
    assert pl.read_parquet(tmp_path / "results.parquet").equals(whole)
    assert sweep(small(count=12), tmp_path, workers=2).equals(whole)  # goes on anywhere


@pytest.mark.long
def test_a_deadly_run_is_an_error_row_and_the_others_go_on(workers, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "WORK", deadly)
    got = sweep(small(), tmp_path, cluster=workers.scheduler_address)
    failed = got.filter(pl.col("status") == "error").select(IMITATION, "seed", "error").rows()
    assert failed == [
        (0.5, 3, "its process was killed twice with this run alone (memory?)"),
        *((x, 4, "ValueError: out of luck") for x in (0.5, 1.0)),
    ]
    done = got.filter(pl.col("status") == "done")
    assert done.height == 2 * 9
    assert done.equals(whole.filter(pl.col("run").is_in(done["run"].to_list())))


def test_short_runs_share_a_call():
    class Pool:
        call_seconds, deaths, sizes = 0.2, 1, []

        def ahead(self):
            return 1

        def submit(self, work, tasks):
            self.sizes.append(len(tasks))
            future = cluster.Future()
            future.set_result([cluster.Outcome(t.id, "done", 0.03) for t in tasks])
            return future

        def lost(self, error):
            return False

        def close(self):
            pass

    tasks = [cluster.Task(str(i), None, {}, i) for i in range(20)]
    found = [o.id for some in engine.outcomes(tasks, Pool()) for o in some]
    assert found == [t.id for t in tasks]
    assert Pool.sizes == [1, 7, 7, 5]


def test_a_study_on_workers_is_that_of_one_process(workers, tmp_path):
    grid = (("lab.life_months", [12.0, 48.0]), ("lab.ceiling_quality", [0.3]), 2022)
    there = regimes.over(*grid, humans=30, workers=None, cluster=workers.scheduler_address, folder=tmp_path)
    assert there.equals(regimes.over(*grid, humans=30, workers=1))
    with pytest.raises(InputError, match="name one"):
        regimes.over(*grid, humans=30, workers=2, cluster=workers.scheduler_address)


def test_workers_with_other_code_are_refused():
    with pytest.raises(cluster.OtherCode):
        cluster.there(simulate, [], "other")


def test_no_scheduler_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.2)
    (tmp_path / "mine.toml").write_text("schema = 1\n")
    out = tmp_path / "x"
    for address in ("tcp://127.0.0.1:1", "nonsense"):
        assert cli.main(["sweep", str(tmp_path / "mine.toml"), "--cluster", address, "--out", str(out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert address in line
        assert "no dask scheduler answers" in line
    with pytest.raises(InputError, match="name one"):
        sweep(small(), workers=2, cluster="tcp://127.0.0.1:1")
    assert not out.exists()


@pytest.mark.long
def test_a_scheduler_that_goes_away_stops_the_sweep_and_keeps_what_is_done(monkeypatch, tmp_path):
    monkeypatch.setattr(sweeps, "WORK", never_ends)
    started = distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0")
    threading.Timer(2.0, started.close).start()
    with pytest.raises(RunStopped, match="what was done is kept"):
        sweep(small(), tmp_path, cluster=started.scheduler_address)

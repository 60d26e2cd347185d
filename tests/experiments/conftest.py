"""The ensemble of the baseline is made once for all processes of a session, and one process of a sweep is this one."""

from __future__ import annotations

import fcntl
import functools
import os
import pickle
from concurrent.futures import Future

import pytest

from experiments.calibration import ensemble
from experiments.runs.pool import Processes, each
from experiments.sweeps import sweep as sweeps


@pytest.fixture(scope="session", autouse=True)
def shared_ensemble(tmp_path_factory):
    """Let the first process that needs an ensemble keep it where the others look."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        yield
        return
    folder, make = tmp_path_factory.getbasetemp().parent, ensemble.baseline

    @functools.cache
    def shared(*size):
        path = folder / f"ensemble{size}.pickle"
        with open(path.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the second waits for the first, which is sooner than both at once
            if not path.exists():
                mine = path.with_suffix(f".{worker}")
                mine.write_bytes(pickle.dumps(make(*size)))
                os.replace(mine, path)
        return pickle.loads(path.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "baseline", shared)
        yield


class Here:
    """Stands for the one process of a sweep: each run is made in this one, without the start of another."""

    call_seconds, deaths = 0.0, 2

    def ahead(self):
        return 1

    def submit(self, work, tasks):
        done = Future()
        done.set_result(each(work, tasks))
        return done

    def lost(self, error):
        return False

    def close(self):
        pass


@pytest.fixture(scope="session", autouse=True)
def started():
    """Have sweeps in one process make their runs here; yields a set, and while it holds something they start a process."""
    asked = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeps, "Processes", lambda workers: Here() if workers == 1 and not asked else Processes(workers))
        yield asked


@pytest.fixture
def a_process(started):
    """Let a sweep in one process start that process, as it does for users."""
    started.add("a process")
    yield
    started.clear()

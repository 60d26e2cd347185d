"""The ensemble of the baseline is made once for all processes of a session, and one process of a sweep is this one."""

from __future__ import annotations

import fcntl
import functools
import os
import pickle

import pytest

from experiments.calibration import ensemble
from experiments.runs import engine
from experiments.runs.pool import Here, Processes


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


@pytest.fixture(scope="session", autouse=True)
def started():
    """Have sweeps in one process make their runs here; yields a set, and while it holds something they start a process."""
    asked = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "Processes", lambda workers: Here() if workers == 1 and not asked else Processes(workers))
        yield asked


@pytest.fixture
def a_process(started):
    """Let a sweep in one process start that process, as it does for users."""
    started.add("a process")
    yield
    started.clear()

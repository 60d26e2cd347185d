"""The ensemble of the baseline is made once for all processes of a session, not once a process."""

from __future__ import annotations

import functools
import os
import pickle

import pytest

from experiments.calibration import ensemble


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
        if not path.exists():
            mine = path.with_suffix(f".{worker}")
            mine.write_bytes(pickle.dumps(make(*size)))
            os.replace(mine, path)
        return pickle.loads(path.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "baseline", shared)
        yield

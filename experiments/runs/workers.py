"""Processes that runs are made in: one thread each, interrupts left to the parent, an end with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from experiments.runs.results import Result

#: One thread a process: runs are many and small, and sums are the same bits everywhere.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "POLARS_MAX_THREADS"), "1"
)


#: Longest wait for processes, after which Ctrl-C is heard.
WAIT_SECONDS = 0.25


class RunStopped(RuntimeError):
    """A run that did not reach its end; `result` holds what is kept, `folder` where it was written."""

    def __init__(self, message: str, result: Result | None = None, folder: Path | None = None) -> None:
        """Keep what is left of the run."""
        super().__init__(message)
        self.result, self.folder = result, folder


class RunInterrupted(KeyboardInterrupt):
    """A run ended by the user; `result` holds the finished seeds, `folder` where they were written."""

    def __init__(self, result: Result | None = None, folder: Path | None = None) -> None:
        """Keep what is left of the run."""
        super().__init__("stopped by the user")
        self.result, self.folder = result, folder


def prepare_worker() -> None:
    """Prepare a worker: interrupts are the parent's business, and it ends when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        if parent is not None:
            wait_for([parent.sentinel])
            os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for processes started inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

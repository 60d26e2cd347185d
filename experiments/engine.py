"""Many runs in parallel processes that survive a death: what each run leaves is small and travels as bytes.

A run that raises gives an outcome with its error. A process that is killed takes only the runs in flight with it: each of them is
run again alone, and one whose process is killed twice even so is given up as an error.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.runner import ONE_THREAD, RunStopped, environment, prepare_worker, without_interrupts
from model.scenario import Scenario

if TYPE_CHECKING:
    import polars as pl

DONE, ERROR, STOPPED = "done", "error", "stopped"


class Task(NamedTuple):
    """One run: `series` and `months` ('YYYY-MM') are what it keeps, None for all."""

    id: str
    scenario: Scenario
    overrides: Mapping[str, Any]
    seed: int
    series: tuple[str, ...] | None = None
    months: tuple[str, ...] | None = None


class Outcome(NamedTuple):
    """What a run leaves: the kept series as a compressed Arrow table, when each definition crossed."""

    id: str
    status: str
    seconds: float
    error: str = ""
    crossover: str = "{}"  # JSON: {definition: 'YYYY-MM' or null}
    blob: bytes = b""

    def frame(self) -> pl.DataFrame:
        """Return the kept series, month first."""
        return unpack(self.blob)


def pack(frame: pl.DataFrame) -> bytes:
    """Return a table as bytes, the same for the same table."""
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def unpack(blob: bytes) -> pl.DataFrame:
    """Return the table that `pack` made."""
    import polars as pl

    return pl.read_ipc(io.BytesIO(blob))


def checksum(*parts: str | bytes) -> str:
    """Return a digest of the parts and where each ends.

    >>> checksum("ab", "c") == checksum("a", "bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def simulate(task: Task) -> Outcome:
    """Run one task to its end in this process; what it raises becomes part of the outcome."""
    from model.economy import InferenceEconomy

    began = time.perf_counter()
    economy = None
    try:
        scenario = task.scenario.with_overrides(task.overrides) if task.overrides else task.scenario
        economy = InferenceEconomy(scenario, seed=task.seed)
        while economy.month < economy.months:
            if _stop is not None and _stop.value:
                return Outcome(task.id, STOPPED, time.perf_counter() - began)
            economy.step()
        blob, crossover = _kept(economy, task)
        return Outcome(task.id, DONE, time.perf_counter() - began, "", crossover, blob)
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        return Outcome(task.id, ERROR, time.perf_counter() - began, message)
    finally:
        if economy is not None:
            economy.close()


def _kept(economy: Any, task: Task) -> tuple[bytes, str]:
    import polars as pl
    import polars.selectors as cs

    from experiments import answer
    from model import tables
    from model.core.units import month_date

    seed = pl.lit(task.seed, dtype=pl.Int64).alias("seed")
    history = economy.history.with_columns(cs.float().fill_nan(None))
    compute = tables.compute(economy, economy.recorder)
    counts = answer.counts(compute.select(seed, pl.all()), history.select(seed, pl.all()))
    crossover = {
        definition: None if c[0].index is None else month_date(c[0].index, counts.start).isoformat()[:7]
        for definition, c in answer.crossings(counts).items()
    }
    if task.series is not None:
        history = history.select("month", *task.series)
    if task.months is not None:
        history = history.filter(pl.col("month").dt.strftime("%Y-%m").is_in(list(task.months)))
    return pack(history), json.dumps(crossover)


_stop: Any = None


def _start(stop: Any, started: Any) -> None:
    """Prepare a worker and import what runs need, so that it is warm."""
    global _stop
    prepare_worker()
    _stop = stop
    started.value = 1
    import model.economy  # noqa: F401


class _Pool:
    """A process pool that is made when needed and made anew after a death."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.context = multiprocessing.get_context("spawn")
        self.stop, self.started = self.context.RawValue("b", 0), self.context.RawValue("b", 0)
        self.executor: ProcessPoolExecutor | None = None

    def submit(self, work: Callable[[Task], Outcome], task: Task) -> Future[Outcome]:
        with environment(ONE_THREAD), without_interrupts():  # a process may be started here
            if self.executor is None:
                self.executor = ProcessPoolExecutor(self.workers, self.context, _start, (self.stop, self.started))
            try:
                return self.executor.submit(work, task)
            except BrokenProcessPool as error:
                failed: Future[Outcome] = Future()
                failed.set_exception(error)
                return failed

    def drop(self) -> None:
        """Give up a broken pool."""
        if self.executor is not None:
            self.executor.shutdown(wait=True, cancel_futures=True)
            self.executor = None
        if not self.started.value:
            raise RunStopped(
                "a process could not start (memory?); a script that uses several needs if __name__ == '__main__'"
            )

    def close(self) -> None:
        """Tell all processes to stop and wait for them."""
        self.stop.value = 1
        if self.executor is not None:
            self.executor.shutdown(wait=True, cancel_futures=True)


def outcomes(
    tasks: Iterable[Task], workers: int, work: Callable[[Task], Outcome] = simulate
) -> Generator[list[Outcome], None, None]:
    """Yield the outcomes of all tasks in processes, as they arrive.

    Parameters
    ----------
    tasks : iterable of Task
        Read as processes become free, two a process ahead.
    workers : int
        Processes.
    work : callable
        What is done with a task.

    Raises
    ------
    RunStopped
        If no process can start.
    """
    waiting, pool = iter(tasks), _Pool(workers)
    pending: dict[Future[Outcome], Task] = {}
    suspects: deque[Task] = deque()  # were in flight when a process died
    killers: set[str] = set()  # were alone when it died
    try:
        while True:
            alone = bool(suspects)
            for task in _next(suspects if alone else waiting, 1 if alone else 2 * workers - len(pending)):
                pending[pool.submit(work, task)] = task
            if not pending:
                return
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            broken = any(isinstance(f.exception(), BrokenProcessPool) for f in done)
            if broken:
                done, _ = wait(pending)  # all that is pending is lost
                pool.drop()
            arrived = []
            for future in done:
                task = pending.pop(future)
                error = future.exception()
                if error is None:
                    arrived.append(future.result())
                elif not isinstance(error, BrokenProcessPool):
                    arrived.append(Outcome(task.id, ERROR, 0.0, " ".join(f"{type(error).__name__}: {error}".split())))
                elif alone and task.id in killers:
                    arrived.append(
                        Outcome(task.id, ERROR, 0.0, "its process was killed twice with this run alone (memory?)")
                    )
                else:
                    if alone:  # it was this run, or its process was killed from outside
                        killers.add(task.id)
                    suspects.append(task)
            yield arrived
    finally:
        pool.close()


def _next(source: Iterator[Task] | deque[Task], count: int) -> Iterator[Task]:
    for _ in range(count):
        try:
            yield source.popleft() if isinstance(source, deque) else next(source)
        except (IndexError, StopIteration):
            return

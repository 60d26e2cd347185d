"""Many runs in parallel processes that survive a death: what each run leaves is small and travels as bytes.

A run that raises gives an outcome with its error. A process that is killed takes only the runs in flight with it: each of them is
run again alone, and one whose process is killed twice even so is given up as an error.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import multiprocessing
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from experiments.runs.digest import code_digest
from experiments.runs.interrupts import held, starting
from experiments.runs.workers import ONE_THREAD, WAIT_SECONDS, RunStopped, environment, prepare_worker
from model.scenario import Scenario

if TYPE_CHECKING:
    import polars as pl

DONE, ERROR, STOPPED = "done", "error", "stopped"
GIVEN_UP = "its process was killed twice with this run alone (memory?)"
CALL_MOST = 256


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


#: What is kept of an economy at its end: bytes, and JSON of when each definition crossed.
Keep = Callable[[Any, Task], tuple[bytes, str]]


def simulate(task: Task, keep: Keep | None = None) -> Outcome:
    """Run one task to its end in this process; what it raises becomes part of the outcome.

    `keep` is what is kept of it, by default the series and months of the task and the crossings.
    """
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
        blob, crossover = (keep or _kept)(economy, task)
        return Outcome(task.id, DONE, time.perf_counter() - began, "", crossover, blob)
    except Exception as error:
        return failure(task, error, time.perf_counter() - began)
    finally:
        if economy is not None:
            economy.close()


def _kept(economy: Any, task: Task) -> tuple[bytes, str]:
    import polars as pl
    import polars.selectors as cs

    from experiments.runs import answer
    from model.results import tables

    seed = pl.lit(task.seed, dtype=pl.Int64).alias("seed")
    history = economy.history.with_columns(cs.float().fill_nan(None))
    compute = tables.compute(economy, economy.recorder)
    counts = answer.counts(compute.select(seed, pl.all()), history.select(seed, pl.all()))
    crossover = {definition: c[0].month(counts.start) for definition, c in answer.crossings(counts).items()}
    if task.series is not None:
        history = history.select("month", *task.series)
    if task.months is not None:
        history = history.filter(pl.col("month").dt.strftime("%Y-%m").is_in(list(task.months)))
    return pack(history), json.dumps(crossover)


def each(work: Callable[[Task], Outcome], tasks: Sequence[Task]) -> list[Outcome]:
    """Return the outcomes of tasks done one after another; what `work` raises is that task's error."""
    found = []
    for task in tasks:
        try:
            found.append(work(task))
        except Exception as error:
            found.append(failure(task, error))
    return found


def failure(task: Task, error: BaseException | str, seconds: float = 0.0) -> Outcome:
    """Return the outcome of a run that did not reach its end, its error on one line."""
    message = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return Outcome(task.id, ERROR, seconds, " ".join(message.split()))


class Pool(Protocol):
    """Where runs are done: processes here, or a cluster; calls return futures of `concurrent.futures`.

    `call_seconds` is what a call should last at least, so that its overhead stays small: short runs share a call.
    `deaths` is how often a run alone must lose its process until it is given up.
    """

    call_seconds: float
    deaths: int

    def ahead(self) -> int:
        """Return how many calls are to be under way."""

    def submit(self, work: Callable[[Task], Outcome], tasks: Sequence[Task]) -> Future[list[Outcome]]:
        """Begin a call."""

    def lost(self, error: BaseException | None) -> bool:
        """Return whether a call ended because its process died."""

    def settle(self, pending: Collection[Future[list[Outcome]]]) -> set[Future[list[Outcome]]]:
        """Return the calls that a death has ended too, and be ready for more."""

    def close(self) -> None:
        """End all that is under way."""


class Here:
    """A pool that is this process: each call is done when it is asked for."""

    call_seconds, deaths = 0.0, 1

    def ahead(self) -> int:
        """Return one call, so that none waits."""
        return 1

    def submit(self, work: Callable[[Task], Outcome], tasks: Sequence[Task]) -> Future[list[Outcome]]:
        """Do a call."""
        future: Future[list[Outcome]] = Future()
        future.set_result(each(work, tasks))
        return future

    def lost(self, error: BaseException | None) -> bool:
        """Return that nothing dies."""
        return False

    def settle(self, pending: Collection[Future[list[Outcome]]]) -> set[Future[list[Outcome]]]:
        """Return nothing more."""
        return set()

    def close(self) -> None:
        """Do nothing."""


_stop: Any = None
STARTED, CHANGED = 1, 2


def _start(stop: Any, started: Any, code: str) -> None:
    """Prepare a worker and import what runs need, so that it is warm."""
    global _stop
    prepare_worker()
    _stop = stop
    from experiments.runs import answer  # noqa: F401
    from model import economy  # noqa: F401
    from model.results import tables  # noqa: F401

    started.value = STARTED if code_digest() == code else CHANGED
    if started.value == CHANGED:
        os._exit(1)  # without words: the parent says it


class Processes:
    """A pool of processes that is made when needed and made anew after a death."""

    call_seconds, deaths = 0.0, 2

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.context = multiprocessing.get_context("spawn")
        self.stop, self.started = self.context.RawValue("b", 0), self.context.RawValue("b", 0)
        self.executor: ProcessPoolExecutor | None = None

    def ahead(self) -> int:
        """Return two calls a process, so that none waits for the next."""
        return 2 * self.workers

    def submit(self, work: Callable[[Task], Outcome], tasks: Sequence[Task]) -> Future[list[Outcome]]:
        """Begin a call; a process may be started here."""
        with environment(ONE_THREAD), starting():
            if self.executor is None:
                given = (self.stop, self.started, code_digest())
                self.executor = ProcessPoolExecutor(self.workers, self.context, _start, given)
            try:
                return self.executor.submit(each, work, tasks)
            except BrokenProcessPool as error:
                failed: Future[list[Outcome]] = Future()
                failed.set_exception(error)
                return failed

    def lost(self, error: BaseException | None) -> bool:
        """Return whether a call ended because a process died."""
        return isinstance(error, BrokenProcessPool)

    def settle(self, pending: Collection[Future[list[Outcome]]]) -> set[Future[list[Outcome]]]:
        """Give up the broken pool: all that is pending is lost."""
        with held():
            done, _ = wait(pending)
            if self.executor is not None:
                self.executor.shutdown(wait=True, cancel_futures=True)
                self.executor = None
        if self.started.value == CHANGED:
            raise RunStopped("the code was changed while runs were made; what was done is kept with the old code")
        if not self.started.value:
            raise RunStopped(
                "a process could not start (memory?); a script that uses several needs if __name__ == '__main__'"
            )
        return done

    def close(self) -> None:
        """Tell all processes to stop and wait for them."""
        self.stop.value = 1
        if self.executor is not None:
            with held():
                self.executor.shutdown(wait=True, cancel_futures=True)


def outcomes(
    tasks: Iterable[Task], pool: Pool, work: Callable[[Task], Outcome] = simulate
) -> Generator[list[Outcome], None, None]:
    """Yield the outcomes of all tasks as they arrive, an empty list where a moment passes without any.

    Parameters
    ----------
    tasks : iterable of Task
        Read as processes become free.
    pool : Pool
        Its owner closes it.
    work : callable
        What is done with a task.

    Raises
    ------
    RunStopped
        If no process can start, or the cluster is gone.
    """
    waiting = iter(tasks)
    pending: dict[Future[list[Outcome]], Sequence[Task]] = {}
    suspects: deque[Task] = deque()  # were in flight when a process died
    deaths: Counter[str] = Counter()  # of runs that were alone
    alone, made, seconds = False, 0, 0.0

    def submit(batch: Sequence[Task]) -> None:
        pending[pool.submit(work, batch)] = batch

    while True:
        if suspects and not pending:
            alone = True
            submit((suspects.popleft(),))
        elif not suspects and not (alone and pending):
            alone = False
            size = min(math.ceil(pool.call_seconds * made / seconds), CALL_MOST) if seconds > 0.0 else 1
            while len(pending) < pool.ahead() and (batch := tuple(itertools.islice(waiting, max(size, 1)))):
                submit(batch)
        if not pending:
            return
        with held():
            done, _ = wait(pending, timeout=WAIT_SECONDS, return_when=FIRST_COMPLETED)
        if any(pool.lost(_error(f)) for f in done):
            done |= pool.settle(pending)
        arrived: list[Outcome] = []
        for future in done:
            gone, error = pending.pop(future), _error(future)
            if error is None:
                arrived += future.result()
            elif not pool.lost(error):
                arrived += [failure(task, error) for task in gone]
            elif not alone:
                suspects.extend(gone)
            else:  # it was this run, or its process was killed from outside
                deaths[gone[0].id] += 1
                if deaths[gone[0].id] < pool.deaths:
                    suspects.append(gone[0])
                else:
                    arrived.append(failure(gone[0], GIVEN_UP))
        made, seconds = made + len(arrived), seconds + sum(o.seconds for o in arrived)
        yield arrived


def _error(future: Future[list[Outcome]]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error

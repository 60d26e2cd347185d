"""The one engine of all that makes many runs: what a store lacks is made in a pool, kept as it comes, and told of."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from experiments.runs.cluster import connected
from experiments.runs.pool import DONE, ERROR, STOPPED, Here, Outcome, Pool, Processes, Task, outcomes, simulate
from experiments.runs.store import FILE, Store
from model.core.errors import InputError
from model.scenario import whole


class Progress(NamedTuple):
    """How far a set of runs is: how many they are, those kept, of these errors; runs made now and in how many seconds."""

    total: int
    kept: int
    errors: int
    made: int
    seconds: float
    corrupt: int  # rows found damaged, which are run again
    other: int = 0  # rows made by other code, kept and not used
    rescued: int | None = None  # runs saved from a file whose pages were damaged

    def notes(self) -> list[str]:
        """Return what was found in the store and should be known, a sentence each."""
        out = []
        if self.rescued is not None:
            out.append(f"the store was damaged: {self.rescued} runs are saved, the old file is {FILE}.damaged")
        if self.corrupt:
            out.append(f"{self.corrupt} stored runs are damaged and run again")
        if self.other:
            out.append(f"{self.other} stored runs were made by other code or data: kept, not used")
        return out

    def __str__(self) -> str:
        """Return one line with runs per minute and the time left."""
        per_minute = 60.0 * self.made / self.seconds if self.seconds > 0.0 else 0.0
        line = f"{self.kept} of {self.total} runs"
        line += f", {self.errors} errors" if self.errors else ""
        if self.made and self.kept < self.total:
            left = (self.total - self.kept) / per_minute
            line += f", {per_minute:.0f} runs/min, " + (
                f"{left:.0f} min left" if left >= 2 else f"{60 * left:.0f} s left"
            )
        elif self.made:
            line += f", {per_minute:.0f} runs/min"
        return line


def pool(workers: int | None = None, cluster: str | None = None, *, here: bool = False) -> Pool:
    """Return where runs are made; whoever asks closes it.

    Parameters
    ----------
    workers : int, optional
        Parallel processes, by default one a processor.
    cluster : str, optional
        Address of a dask scheduler ('tcp://host:8786') whose workers run instead.
    here : bool
        Whether one worker is this process.

    Raises
    ------
    InputError
        If both are named, `workers` is no such number, or no scheduler answers.
    """
    processes = os.cpu_count() or 1 if workers is None else whole("workers", workers, 1, 1024)
    if cluster is not None and workers is not None:
        raise InputError("--workers and --cluster: name one; a cluster has its own workers")
    if cluster is not None:
        return connected(cluster)
    return Here() if here and processes == 1 else Processes(processes)


def fill(
    store: Store,
    tasks: Callable[[], Iterator[Task]],
    pool: Pool,
    work: Callable[[Task], Outcome] = simulate,
    *,
    retry: bool = False,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Make the runs that a store lacks; each is in it before it is told of.

    Parameters
    ----------
    store : Store
    tasks : callable
        Gives the tasks, anew at each call; some may be the same.
    pool : Pool
        Left open, unless the work is interrupted: then it is the caller's to close.
    work : callable
        What is done with a task.
    retry : bool
        Make those again that ended in an error.
    tell : callable
        Called before the first run, as runs end, and each moment.

    Raises
    ------
    RunStopped
        If the store cannot be written, no process can start, or the cluster is gone; what is done is kept.
    """
    held, began = dict(store.statuses()), time.perf_counter()
    skipped = (DONE,) if retry else (DONE, ERROR)
    wanted = dict.fromkeys(task.id for task in tasks())
    kept = {run: held[run] for run in wanted if held.get(run) in skipped}
    corrupt, other = (list(held.values()).count(status) for status in ("corrupt", "other code"))
    errors, made = sum(s == ERROR for s in kept.values()), 0

    def now() -> Progress:
        seconds = time.perf_counter() - began if made else 0.0
        return Progress(len(wanted), len(kept) + made, errors, made, seconds, corrupt, other, store.rescued)

    tell(now())
    if len(kept) == len(wanted):
        return
    flying: dict[str, Task] = {}

    def left() -> Iterator[Task]:
        given = set(kept)
        for task in tasks():
            if task.id not in given:
                given.add(task.id)
                flying[task.id] = task
                yield task

    with contextlib.closing(outcomes(left(), pool, work)) as arriving:
        for some in arriving:
            finished = [o for o in some if o.status != STOPPED]
            store.add((flying.pop(o.id), o) for o in finished)
            made += len(finished)
            errors += sum(o.status == ERROR for o in finished)
            tell(now())

"""Sweeps: a design of runs whose results are kept as they come, and which goes on where it stopped."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.runs.cluster import connected
from experiments.runs.files import NotWritten, write_files
from experiments.runs.interrupts import first_only
from experiments.runs.pool import DONE, ERROR, STOPPED, Outcome, Pool, Processes, Task, outcomes, simulate
from experiments.runs.store import FILE, Store
from experiments.runs.workers import RunInterrupted, RunStopped
from experiments.sweeps import design as designs
from experiments.sweeps.design import Design
from model.core.additions import Kind
from model.core.errors import InputError
from model.core.frames import check_process
from model.core.steps import Steps
from model.results.measures import DEFINITIONS
from model.results.record import Series
from model.scenario import whole

if TYPE_CHECKING:
    import polars as pl

RESULTS = "results.parquet"
#: What a process does with a run; tests put something else here.
WORK: Callable[[Task], Outcome] = simulate


class Progress(NamedTuple):
    """How far a sweep is: runs of the design, those kept, of these errors; runs made now and in how many seconds."""

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


@first_only()
def sweep(
    source: str | Path | Mapping[str, Any],
    out: str | Path | None = None,
    workers: int | None = None,
    *,
    cluster: str | None = None,
    retry: bool = False,
    plugins: Sequence[str] = (),
    steps: Steps | None = None,
    series: Sequence[Series] = (),
    kinds: Sequence[Kind] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> pl.DataFrame:
    """Run a design and return what it recorded; runs that the folder already holds are not run again.

    Parameters
    ----------
    source : str, path or mapping
        Sweep file, or a mapping of the same form.
    out : str or path, optional
        Folder of the sweep; the same command goes on where it stopped. Without it nothing is kept.
    workers : int, optional
        Parallel processes, by default one a processor.
    cluster : str, optional
        Address of a dask scheduler ('tcp://host:8786') whose workers run instead; needs the extra ``cluster``.
    retry : bool
        Run those again that ended in an error.
    plugins : sequence of str
        Modules, or names of installed plug-ins, for all scenarios; every process imports them.
    steps : Steps, optional
        The month in the place of the shipped one; its functions stand in a module.
    series : sequence of Series
        Recorded beside the shipped ones; their formulas stand in a module.
    kinds : sequence of Kind
        Kinds of agents beside the shipped ones, in a module; their steps come with `steps`.
    on_progress : callable, optional
        Called with a `Progress` as runs end, and each second.

    Returns
    -------
    polars.DataFrame
        A row for each run and recorded month, in the order of the design: run, point, scenario, a column a
        parameter, seed, status ('done' or 'error'), error, ``crossover_<definition>`` (first of the month, null
        if none within the run), month, the recorded series. A run that failed has one row, without a month.

    Raises
    ------
    InputError
        Before anything is simulated.
    RunStopped
        The store cannot be written, no process can start, or the cluster is gone; what is done is kept.
    RunInterrupted
        Ctrl-C; what is done is kept.
    """
    check_process()
    design = designs.read(source, {"plugins": plugins, "steps": steps, "series": series, "kinds": kinds})
    for scenario in design.scenarios:
        scenario.check_travels()
    processes = os.cpu_count() or 1 if workers is None else whole("workers", workers, 1, 1024)
    if cluster is not None and workers is not None:
        raise InputError("--workers and --cluster: name one; a cluster has its own workers")
    with contextlib.ExitStack() as stack:
        pool = None if cluster is None else stack.enter_context(contextlib.closing(connected(cluster)))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sweep-")) if out is None else out
        store = stack.enter_context(Store(folder))
        try:
            _run(design, store, pool or processes, retry, on_progress or (lambda progress: None))
        except KeyboardInterrupt:
            raise RunInterrupted(None, None if out is None else store.folder) from None
        frame = table(design, store)
        if out is not None:
            _write(frame, store.folder / RESULTS)
        return frame


def _run(design: Design, store: Store, where: Pool | int, retry: bool, tell: Callable[[Progress], None]) -> None:
    """Make the runs that the store lacks, in a pool or in so many processes."""
    held, began = dict(store.statuses()), time.perf_counter()
    skipped = (DONE,) if retry else (DONE, ERROR)
    wanted = dict.fromkeys(task.id for _, task in design.tasks())  # points may coincide
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
        for _, task in design.tasks():
            if task.id not in given:
                given.add(task.id)
                flying[task.id] = task
                yield task

    pool = Processes(min(where, len(wanted) - len(kept))) if isinstance(where, int) else where
    with contextlib.closing(outcomes(left(), pool, WORK)) as arriving:
        for some in arriving:
            finished = [o for o in some if o.status != STOPPED]
            store.add((flying.pop(o.id), o) for o in finished)
            made += len(finished)
            errors += sum(o.status == ERROR for o in finished)
            tell(now())


def table(design: Design, store: Store) -> pl.DataFrame:
    """Return what the store holds of a design, in the order of the design; see `sweep`."""
    import polars as pl

    types = {bool: pl.Boolean, str: pl.String, int: pl.Int64, float: pl.Float64}
    schema: dict[str, Any] = {"run": pl.String, "point": pl.Int64, "scenario": pl.String}
    schema |= {name: types[type(value)] for name, value in zip(design.names, design.points[0], strict=True)}
    schema |= {"seed": pl.Int64, "status": pl.String, "error": pl.String}
    schema |= {f"crossover_{d}": pl.Date for d in DEFINITIONS}
    empty = pl.DataFrame(schema={"month": pl.Date} | dict.fromkeys(design.series, pl.Float64))
    rows: list[tuple[Any, ...]] = []
    series = [empty.with_columns(row=pl.lit(0, pl.UInt32))]
    for point, task in design.tasks():
        outcome = store.outcome(task.id)
        if outcome is None:
            continue
        dates = [_date(json.loads(outcome.crossover).get(d)) for d in DEFINITIONS]
        facts = [task.id, point, task.scenario.name, *task.overrides.values(), task.seed]
        if outcome.blob:
            series.append(outcome.frame().with_columns(row=pl.lit(len(rows), pl.UInt32)))
        rows.append((*facts, outcome.status, outcome.error, *dates))
    runs = pl.DataFrame(rows, schema, orient="row").with_row_index("row")
    return runs.join(pl.concat(series), on="row", how="left", maintain_order="left_right").drop("row")


def _date(month: str | None) -> dt.date | None:
    return None if month is None else dt.date.fromisoformat(f"{month}-01")


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Write the table in one step."""
    from experiments.runs.results import as_parquet

    try:
        write_files({path.name: as_parquet(frame)}, path.parent)
    except NotWritten as error:
        raise RunStopped(str(error)) from error

"""Sweeps: a design of runs whose results are kept as they come, and which goes on where it stopped."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.runs import engine
from experiments.runs.engine import Progress
from experiments.runs.files import NotWritten, write_files
from experiments.runs.interrupts import first_only
from experiments.runs.pool import Outcome, Task, simulate
from experiments.runs.store import Store, checked
from experiments.runs.workers import RunInterrupted, RunStopped
from experiments.sweeps import design as designs
from experiments.sweeps.design import Design
from model.core.additions import Kind
from model.core.frames import check_process
from model.core.steps import Steps
from model.results.measures import DEFINITIONS
from model.results.record import Series

if TYPE_CHECKING:
    import polars as pl

RESULTS = "results.parquet"
#: What a process does with a run; tests put something else here.
WORK: Callable[[Task], Outcome] = simulate


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
    if out is not None:
        checked(out)  # before a cluster is asked
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(contextlib.closing(engine.pool(workers, cluster)))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sweep-")) if out is None else out
        store = stack.enter_context(Store(folder))
        try:
            tell = on_progress or (lambda progress: None)
            engine.fill(store, lambda: (task for _, task in design.tasks()), pool, WORK, retry=retry, tell=tell)
        except KeyboardInterrupt:
            raise RunInterrupted(None, None if out is None else store.folder) from None
        frame = table(design, store)
        if out is not None:
            _write(frame, store.folder / RESULTS)
        return frame


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

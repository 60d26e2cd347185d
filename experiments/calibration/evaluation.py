"""Runs of the model as an observer sees them: by operator and month, kept in a store, so that a fit goes on where it stopped."""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from experiments.calibration import observed, operators
from experiments.runs import engine
from experiments.runs.digest import code_digest, source
from experiments.runs.engine import Progress
from experiments.runs.interrupts import first_only
from experiments.runs.pool import DONE, Here, Outcome, Task, checksum, pack, simulate
from experiments.runs.store import Store
from experiments.runs.workers import RunInterrupted, RunStopped
from experiments.sweeps.design import carrying, facts
from model.core import modules
from model.core.frames import check_process
from model.scenario import Scenario

Array = NDArray[np.float64]
#: Called with what is being done and how far it is.
Tell = Callable[[str, Progress], None]
#: Takes values from an economy at its end, the same names from each; undefined is NaN or None.
Measure = Callable[[Any], Mapping[str, Any]]


def observe(task: Task) -> Outcome:
    """Run one task and keep what an observer sees of it: a row a month, a column an operator."""
    return simulate(task, _seen)


def _seen(economy: Any, task: Task) -> tuple[bytes, str]:
    from model.results import tables

    r, seed = economy.recorder, pl.lit(task.seed, dtype=pl.Int64).alias("seed")
    made = {
        "monthly": r.monthly(economy),
        "flows": tables.flows(economy, r),
        "attention": tables.attention(economy, r),
        "compute": tables.compute(economy, r),
    }
    rows = observed.wide({name: frame.select(seed, pl.all()) for name, frame in made.items()})
    return pack(operators.seen(rows).select(*operators.OPERATORS)), "{}"


def measured(task: Task, measure: Measure) -> Outcome:
    """Run one task and keep the values that `measure` takes from the economy at its end."""
    return simulate(task, lambda economy, task: (pack(pl.DataFrame([measure(economy)])), "{}"))


@contextlib.contextmanager
def kept(folder: Path | None) -> Iterator[Path]:
    """Give the folder of a store, one for the time being if none is named."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="runs-") as name:
        yield Path(name)


class Evaluator:
    """Makes runs and keeps them in a folder; the same run is never made twice. Ctrl-C ends it in order.

    Parameters
    ----------
    folder : path
        Of the store.
    scenario : Scenario
        What the overrides change.
    workers : int, optional
        Processes; one runs here, by default one a processor.
    tell : callable, optional
    cluster : str, optional
        Address of a dask scheduler whose workers run instead.

    Raises
    ------
    InputError
        As `Store` and `engine.pool` do.
    """

    def __init__(
        self,
        folder: Path,
        scenario: Scenario,
        workers: int | None = None,
        tell: Tell | None = None,
        cluster: str | None = None,
    ) -> None:
        check_process()
        self.scenario, self.tell = scenario, tell or (lambda what, progress: None)
        with contextlib.ExitStack() as stack:
            stack.enter_context(first_only())
            self.pool = stack.enter_context(contextlib.closing(engine.pool(workers, cluster, here=True)))
            self.store = stack.enter_context(Store(folder))
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def paths(
        self, what: str, members: Sequence[Mapping[str, Any]], seeds: Sequence[Sequence[int]], months: int
    ) -> Array:
        """Return what an observer sees of each member.

        Parameters
        ----------
        what : str
            Said with the progress.
        members : sequence of mapping
            Overrides {"section.name": value}.
        seeds : sequence of sequences of int
            Of each member.
        months : int

        Returns
        -------
        (members, seeds, months, operators) float
            NaN where a run ended in an error.
        """
        tasks = self.tasks(members, seeds, months, "seen")
        held = self.outcomes(what, tasks, observe)
        empty = np.full((months, len(operators.OPERATORS)), np.nan)
        seen = [empty if held[t.id].status != DONE else _array(held[t.id]) for t in tasks]
        return np.stack(seen).reshape(len(members), len(seeds[0]), *empty.shape)

    def tasks(
        self, members: Sequence[Mapping[str, Any]], seeds: Sequence[Sequence[int]], months: int, kept: str
    ) -> list[Task]:
        """Return a task a member and seed; `kept` names what is kept of it, runs that keep the same have the same id.

        Raises
        ------
        InputError
            If other processes make the runs and cannot import what these need.
        """
        scenario, out = self.scenario.with_run(months=months), list[Task]()
        base = self._base(scenario, kept)
        for member, mine in zip(members, seeds, strict=True):
            here = carrying(scenario, member)
            begin = base if here is scenario else self._base(here, kept)
            text = json.dumps(dict(member), sort_keys=True)
            out += [Task(checksum(begin, text, str(s))[:24], here, member, s, (), ()) for s in mine]
        return out

    def _base(self, scenario: Scenario, kept: str) -> str:
        if not isinstance(self.pool, Here):
            scenario.check_travels()
        code = checksum(code_digest(*scenario.outside()), *(source(m.__file__ or "") for m in (observed, operators)))
        return checksum(code, kept, json.dumps(facts(scenario), sort_keys=True))

    def numbers(
        self, what: str, members: Sequence[Mapping[str, Any]], seeds: int, months: int, measure: Measure
    ) -> Array:
        """Return what `measure` takes from runs of each member with seeds 1, 2, ..., (members, seeds, numbers).

        Raises
        ------
        RunStopped
            If a run ended in an error.
        """
        rows = self.rows(what, members, range(1, seeds + 1), months, measure)
        return np.array([list(row.values()) for row in rows], dtype=float).reshape(len(members), seeds, -1)

    def rows(
        self, what: str, members: Sequence[Mapping[str, Any]], seeds: Sequence[int], months: int, measure: Measure
    ) -> list[dict[str, Any]]:
        """Return what `measure` takes from runs of each member with each seed, seeds running fastest.

        Raises
        ------
        RunStopped
            If a run ended in an error.
        """
        kept = f"{what} {modules.plain(measure.__module__)}"
        tasks = self.tasks(members, [seeds] * len(members), months, kept)
        held = self.done(what, tasks, functools.partial(measured, measure=measure))
        return [outcome.frame().row(0, named=True) for outcome in held]

    def done(self, what: str, tasks: Sequence[Task], work: Callable[[Task], Outcome]) -> list[Outcome]:
        """Return the outcomes of tasks of which none may fail, in their order.

        Raises
        ------
        RunStopped
            If a run ended in an error.
        """
        held = self.outcomes(what, tasks, work)
        for task in tasks:
            if held[task.id].status != DONE:
                raise RunStopped(
                    f"{what}: the run with {dict(task.overrides)} and seed {task.seed}: {held[task.id].error}"
                )
        return [held[task.id] for task in tasks]

    def outcomes(self, what: str, tasks: Sequence[Task], work: Callable[[Task], Outcome]) -> dict[str, Outcome]:
        """Return the outcome of each task by id, made now or held already."""
        try:
            engine.fill(self.store, lambda: iter(tasks), self.pool, work, tell=functools.partial(self.tell, what))
        except KeyboardInterrupt:
            raise RunInterrupted(None, self.store.folder.parent) from None
        return {t.id: o for t in tasks if (o := self.store.outcome(t.id)) is not None}


def _array(outcome: Outcome) -> Array:
    return outcome.frame().cast(pl.Float64).fill_null(np.nan).to_numpy()

"""Runs of the model as an observer sees them: by operator and month, kept in a store, so that a fit goes on where it stopped."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from experiments.calibration import observed, operators
from experiments.runs.digest import code_digest, source
from experiments.runs.pool import DONE, Outcome, Processes, Task, checksum, failure, outcomes, pack
from experiments.runs.store import Store
from experiments.runs.workers import RunInterrupted, RunStopped
from experiments.sweeps.design import facts
from model.core import modules
from model.core.frames import check_process
from model.scenario import Scenario

Array = NDArray[np.float64]
#: Called with what is being done, runs made and runs in all.
Tell = Callable[[str, int, int], None]


def observe(task: Task) -> Outcome:
    """Run one task and keep what an observer sees of it: a row a month, a column an operator."""
    from model.economy import InferenceEconomy
    from model.results import tables

    began, economy = time.perf_counter(), None
    try:
        economy = InferenceEconomy(task.scenario.with_overrides(task.overrides), seed=task.seed)
        economy.run()
        r, seed = economy.recorder, pl.lit(task.seed, dtype=pl.Int64).alias("seed")
        made = {
            "monthly": r.monthly(economy),
            "flows": tables.flows(economy, r),
            "attention": tables.attention(economy, r),
            "compute": tables.compute(economy, r),
        }
        rows = observed.wide({name: frame.select(seed, pl.all()) for name, frame in made.items()})
        blob = pack(operators.seen(rows).select(*operators.OPERATORS))
        return Outcome(task.id, DONE, time.perf_counter() - began, blob=blob)
    except Exception as error:
        return failure(task, error, time.perf_counter() - began)
    finally:
        if economy is not None:
            economy.close()


def measured(task: Task, measure: Callable[[Any], Mapping[str, float]]) -> Outcome:
    """Run one task and keep the numbers that `measure` takes from the economy at its end, NaN where there is none."""
    from model.economy import InferenceEconomy

    began, economy = time.perf_counter(), None
    try:
        economy = InferenceEconomy(task.scenario.with_overrides(task.overrides), seed=task.seed).run()
        blob = pack(pl.DataFrame([measure(economy)]).cast(pl.Float64))
        return Outcome(task.id, DONE, time.perf_counter() - began, blob=blob)
    except Exception as error:
        return failure(task, error, time.perf_counter() - began)
    finally:
        if economy is not None:
            economy.close()


@contextlib.contextmanager
def kept(folder: Path | None) -> Iterator[Path]:
    """Give the folder of a store, one for the time being if none is named."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="runs-") as name:
        yield Path(name)


class Kept(Processes):
    """A pool that stays warm between ensembles."""

    def close(self) -> None:
        """Do nothing yet: the next ensemble comes."""

    def end(self) -> None:
        """Close it."""
        super().close()


class Evaluator:
    """Makes runs and keeps them in a folder; the same run is never made twice.

    Parameters
    ----------
    folder : path
        Of the store.
    scenario : Scenario
        What the overrides change.
    workers : int, optional
        Processes; one runs here, by default one a processor.
    tell : callable, optional
    """

    def __init__(self, folder: Path, scenario: Scenario, workers: int | None = None, tell: Tell | None = None) -> None:
        check_process()
        self.scenario, self.tell = scenario, tell or (lambda what, done, total: None)
        self.store = Store(folder)
        processes = (os.cpu_count() or 1) if workers is None else workers
        self.pool = Kept(processes) if processes > 1 else None
        self.code = checksum(code_digest(), *(source(m.__file__ or "") for m in (observed, operators)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.pool is not None:
            self.pool.end()
        self.store.close()

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
        """Return a task a member and seed; `kept` names what is kept of it, runs that keep the same have the same id."""
        scenario = self.scenario.with_run(months=months)
        base = checksum(self.code, kept, json.dumps(facts(scenario), sort_keys=True))
        out = []
        for member, mine in zip(members, seeds, strict=True):
            text = json.dumps(dict(member), sort_keys=True)
            out += [Task(checksum(base, text, str(s))[:24], scenario, member, s, (), ()) for s in mine]
        return out

    def numbers(
        self,
        what: str,
        members: Sequence[Mapping[str, Any]],
        seeds: int,
        months: int,
        measure: Callable[[Any], Mapping[str, float]],
    ) -> Array:
        """Return what `measure` takes from runs of each member with seeds 1, 2, ..., (members, seeds, numbers).

        Raises
        ------
        RunStopped
            If a run ended in an error.
        """
        tasks = self.tasks(
            members, [range(1, seeds + 1)] * len(members), months, f"{what} {modules.plain(measure.__module__)}"
        )
        held = self.outcomes(what, tasks, functools.partial(measured, measure=measure))
        for task in tasks:
            if held[task.id].status != DONE:
                raise RunStopped(
                    f"{what}: the run with {dict(task.overrides)} and seed {task.seed}: {held[task.id].error}"
                )
        return np.array([held[t.id].frame().row(0) for t in tasks], dtype=float).reshape(len(members), seeds, -1)

    def outcomes(self, what: str, tasks: Sequence[Task], work: Callable[[Task], Outcome]) -> dict[str, Outcome]:
        """Return the outcome of each task by id, made now or held already."""
        held = {t.id: o for t in tasks if (o := self.store.outcome(t.id)) is not None}
        missing = {t.id: t for t in tasks if t.id not in held}
        total = len(held) + len(missing)
        self.tell(what, len(held), total)
        try:
            for arrived in self._made(list(missing.values()), work):
                self.store.add((missing[o.id], o) for o in arrived)
                held.update({o.id: o for o in arrived})
                self.tell(what, len(held), total)
        except KeyboardInterrupt:
            raise RunInterrupted(None, self.store.folder.parent) from None
        return held

    def _made(self, tasks: list[Task], work: Callable[[Task], Outcome]) -> Iterable[list[Outcome]]:
        if self.pool is None:
            return ([work(task)] for task in tasks)
        return outcomes(iter(tasks), self.pool, work) if tasks else ()


def _array(outcome: Outcome) -> Array:
    return outcome.frame().cast(pl.Float64).fill_null(np.nan).to_numpy()

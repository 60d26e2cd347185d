"""Runs of the model as an observer sees them: by operator and month, kept in a store, so that a fit goes on where it stopped."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from experiments import observed, operators
from experiments.design import facts
from experiments.digest import code_digest
from experiments.engine import DONE, Outcome, Processes, Task, checksum, failure, outcomes, pack
from experiments.runner import RunInterrupted
from experiments.store import Store
from model.scenario import Scenario

Array = NDArray[np.float64]
#: Called with what is being done, runs made and runs in all.
Tell = Callable[[str, int, int], None]


def observe(task: Task) -> Outcome:
    """Run one task and keep what an observer sees of it: a row a month, a column an operator."""
    from model import tables
    from model.economy import InferenceEconomy

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
        self.scenario, self.tell = scenario, tell or (lambda what, done, total: None)
        self.store = Store(folder)
        processes = (os.cpu_count() or 1) if workers is None else workers
        self.pool = Kept(processes) if processes > 1 else None
        self.code = checksum(code_digest(), *(Path(m.__file__).read_text() for m in (observed, operators)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.pool is not None:
            self.pool.end()
        self.store.close()

    def paths(
        self, what: str, members: Sequence[Mapping[str, float]], seeds: Sequence[Sequence[int]], months: int
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
        scenario = self.scenario.with_run(months=months)
        base = checksum(self.code, json.dumps(facts(scenario), sort_keys=True))
        tasks = []
        for member, mine in zip(members, seeds, strict=True):
            text = json.dumps(dict(member), sort_keys=True)
            tasks += [Task(checksum(base, text, str(s))[:24], scenario, member, s) for s in mine]
        held = {task.id: self.store.outcome(task.id) for task in tasks}
        missing = {task.id: task for task in tasks if held[task.id] is None}
        total = len(held)
        done = total - len(missing)
        self.tell(what, done, total)
        try:
            for arrived in self._made(list(missing.values())):
                self.store.add((missing[o.id], o) for o in arrived)
                held.update({o.id: o for o in arrived})
                done += len(arrived)
                self.tell(what, done, total)
        except KeyboardInterrupt:
            raise RunInterrupted(None, self.store.folder.parent) from None
        empty = np.full((months, len(operators.OPERATORS)), np.nan)
        seen = [empty if (o := held[t.id]) is None or o.status != DONE else _array(o) for t in tasks]
        return np.stack(seen).reshape(len(members), len(seeds[0]), *empty.shape)

    def _made(self, tasks: list[Task]) -> Any:
        if self.pool is None:
            return ([observe(task)] for task in tasks)
        return outcomes(iter(tasks), self.pool, observe) if tasks else ()


def _array(outcome: Outcome) -> Array:
    return outcome.frame().cast(pl.Float64).fill_null(np.nan).to_numpy()

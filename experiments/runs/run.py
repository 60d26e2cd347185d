"""Run one scenario under one or more seeds, in this process or in parallel ones; the result does not depend on which."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any, cast

import polars as pl

from experiments.runs.checkpoints import Checkpoints, beside
from experiments.runs.files import NotWritten, reason
from experiments.runs.folder import check_target
from experiments.runs.interrupts import first_only, held, starting
from experiments.runs.plan import planned
from experiments.runs.posterior import scenarios
from experiments.runs.results import (
    FIRST_SEED,
    Also,
    Result,
    incomplete_folder,
    peak_memory_bytes,
    read_table,
    stack,
    write_tables,
)
from experiments.runs.workers import ONE_THREAD, WAIT_SECONDS, RunInterrupted, RunStopped, environment, prepare_worker
from model.core.additions import Kind
from model.core.checks import LawBreach
from model.core.errors import InputError
from model.core.frames import check_process
from model.core.steps import Steps
from model.results.record import Series
from model.results.tables import ResultTable
from model.scenario import Scenario, whole

STOP = -1

#: A scenario and the seed it runs with.
Job = tuple[Scenario, int]
#: Called with months done, months in all, seeds finished.
OnProgress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class SeedRun:
    """One seed's run: its tables in `folder`, or nothing if it was told to stop."""

    seed: int
    folder: Path | None
    networks: dict[str, Any]
    peak_memory_bytes: int
    breach: LawBreach | None


@first_only()
def run(
    source: str | Path | Scenario = "baseline",
    *,
    humans: int | None = None,
    months: int | None = None,
    seed: int | EllipsisType = ...,
    seeds: int | EllipsisType = ...,
    posterior: int | None = None,
    workers: int | None = None,
    out: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    replace: bool = False,
    plugins: Sequence[str] = (),
    steps: Steps | None = None,
    series: Sequence[Series] = (),
    tables: Sequence[ResultTable] = (),
    kinds: Sequence[Kind] = (),
    on_progress: OnProgress | None = None,
    also: Also | None = None,
) -> Result:
    """Run a scenario and return its result.

    Parameters
    ----------
    source : str, path or Scenario
        Shipped name, TOML file, or a manifest.json, which is repeated exactly.
    humans, months : int, optional
        Other resolution or length than the scenario's.
    seed, seeds : int
        First seed and number of seeds: S, S + 1, ... Left out: those of a manifest, else seed 1 alone.
    posterior : int, optional
        Draws of the fitted parameters in place of seeds, draw i with seed S + i; what the scenario or `overrides` set stays.
    workers : int, optional
        Parallel processes; by default one a seed, at most one a processor. One runs here.
    out : str or path, optional
        Folder to write: new, empty, or one that holds a result of the same settings. What is not ours in it stays.
    overrides : mapping, optional
        {"section.name": value}.
    checkpoint_every : int, optional
        Months between checkpoints, kept in `<out>.checkpoint` until the result stands.
    resume : bool
        Go on from the checkpoints that are there; the result is the same, bit for bit.
    replace : bool
        Whether a result of other settings in `out` is replaced too.
    plugins : sequence of str
        Modules, or names of installed plug-ins, that add rules, steps, series, tables or a kind of agent; other processes
        import them too.
    steps : Steps, optional
        The month in the place of the shipped one; several processes need its functions in a module.
    series : sequence of Series
        Recorded each month beside the shipped ones: ``Series(name, unit, meaning, formula)`` of `model.results.record`.
    tables : sequence of ResultTable
        Written beside the shipped ones: ``ResultTable(name, columns, rows)`` of `model.results.tables`.
    kinds : sequence of Kind
        Kinds of agents beside the shipped ones, `model.core.additions.Kind`; their steps come with `steps`.
    on_progress : callable, optional
        Called with months done, months in all, seeds finished.
    also : callable, optional
        Adds files to the folder of a complete result (`Result.save`); `experiments.run` adds the report.

    Raises
    ------
    InputError
        Before anything is simulated.
    RunStopped
        A conservation law broke (the cause is the `LawBreach`), or a process died; what is finished is kept.
    RunInterrupted
        Ctrl-C; finished seeds are kept.
    NotWritten
        The run ended, but the system does not let `out` be written; its `result` holds what was found.
    """
    check_process()
    added = {"plugins": plugins, "steps": steps, "series": series, "tables": tables, "kinds": kinds}
    plan = planned(
        source,
        humans=humans,
        months=months,
        seed=seed,
        seeds=seeds,
        posterior=posterior,
        overrides=overrides,
        added=added,
    )
    scenario, members, chosen = plan
    jobs = list(zip(scenarios(scenario, members, len(chosen)), chosen, strict=True))
    processes = min(os.cpu_count() or 1, len(chosen)) if workers is None else whole("workers", workers, 1, 1024)
    if min(processes, len(chosen)) > 1:
        scenario.check_travels()
    target = None if out is None else check_target(out, plan.settings(), replace)
    every = None if checkpoint_every is None else whole("checkpoint_every", checkpoint_every, 1, 1200)
    kept = beside(target, every, resume)
    if kept is not None:
        kept.check(jobs)
    began = time.perf_counter()
    outcomes: dict[int, SeedRun] = {}
    stopped: BaseException | None = None
    with tempfile.TemporaryDirectory(prefix="economy-") as scratch:
        tell = on_progress or (lambda done, total, finished: None)
        simulate = _here if min(processes, len(chosen)) == 1 else _in_processes
        try:
            with contextlib.closing(simulate(jobs, processes, Path(scratch), kept, tell)) as arriving:
                for outcome in arriving:
                    outcomes[outcome.seed] = outcome
                    if outcome.breach is not None:
                        stopped = outcome.breach
                        break
        except (KeyboardInterrupt, BrokenProcessPool, NotWritten) as error:
            stopped = error
        seconds = time.perf_counter() - began
        result = _result(scenario, chosen, members, outcomes, seconds, stopped)
    if stopped is not None:
        raise _kept(stopped, result, chosen, target) from (stopped if isinstance(stopped, Exception) else None)
    if result is None:
        raise RuntimeError("no seed returned a result")
    if target is not None:
        _save(result, target, replace, kept, also)
    if kept is not None:
        kept.remove(chosen)
    return result


def _save(result: Result, target: Path, replace: bool, kept: Checkpoints | None, also: Also | None) -> None:
    """Write a finished run; where that cannot be, its result goes with the error and its checkpoints stay."""
    try:
        result.save(target, replace, also)
    except (InputError, NotWritten) as error:  # InputError: something else came to stand there
        stay = kept is not None and kept.every_months is not None
        more = f"; checkpoints are in {os.path.relpath(kept.folder)}, --resume writes it" if kept and stay else ""
        failed = NotWritten(f"{error}{more}")
        failed.result = result
        raise failed from error


def _here(
    jobs: Sequence[Job], processes: int, scratch: Path, kept: Checkpoints | None, tell: OnProgress
) -> Generator[SeedRun, None, None]:
    months = jobs[0][0].months
    total = len(jobs) * months
    for i, (scenario, seed) in enumerate(jobs):

        def at(month: int, i: int = i) -> bool:
            tell(i * months + month, total, i)
            return True

        yield _simulate(scenario, seed, scratch, i == 0, kept, at)
        tell((i + 1) * months, total, i + 1)


def _in_processes(
    jobs: Sequence[Job], processes: int, scratch: Path, kept: Checkpoints | None, tell: OnProgress
) -> Generator[SeedRun, None, None]:
    context = multiprocessing.get_context("spawn")
    done_months = context.RawArray("i", len(jobs) + 1)  # the last tells all to stop
    pool = ProcessPoolExecutor(min(processes, len(jobs)), context, _start, (done_months,))
    try:
        pending: set[Future[SeedRun]] = set()
        with environment(ONE_THREAD), starting():
            for i, (scenario, seed) in enumerate(jobs):
                pending.add(pool.submit(_work, scenario, seed, scratch, i, kept))
        finished, total = 0, len(jobs) * jobs[0][0].months
        while pending:
            with held():
                done, pending = wait(pending, timeout=WAIT_SECONDS, return_when=FIRST_COMPLETED)
            finished += len(done)
            tell(sum(done_months[:-1]), total, finished)
            # a dead process breaks all that is pending: hand out first what was finished
            for future in sorted(done, key=lambda f: f.exception() is not None):
                yield future.result()
    finally:
        done_months[len(jobs)] = STOP
        with held():
            pool.shutdown(wait=True, cancel_futures=True)


_progress: Any = None


def _start(done_months: Any) -> None:
    global _progress
    prepare_worker()
    _progress = done_months


def _work(scenario: Scenario, seed: int, scratch: Path, i: int, kept: Checkpoints | None) -> SeedRun:
    def at(month: int) -> bool:
        _progress[i] = month
        return bool(_progress[len(_progress) - 1] != STOP)

    return _simulate(scenario, seed, scratch, i == 0, kept, at)


def _simulate(
    scenario: Scenario, seed: int, scratch: Path, first: bool, kept: Checkpoints | None, at: Callable[[int], bool]
) -> SeedRun:
    from model.economy import InferenceEconomy

    economy = InferenceEconomy(scenario, seed=seed) if kept is None else kept.economy(scenario, seed)
    breach = None
    try:
        while economy.month < economy.months:
            if not at(economy.month):
                return SeedRun(seed, None, {}, peak_memory_bytes(), None)
            try:
                economy.step()
                if kept is not None:
                    kept.after_month(economy)
            except LawBreach as error:
                breach = error.with_traceback(None)
                break
        at(economy.month)
        tables = economy.tables()
        networks = economy.networks() if first else {}
    finally:
        economy.close()
    folder = scratch / f"seed-{seed}"
    try:
        folder.mkdir()
        write_tables({name: t for name, t in tables.items() if first or name not in FIRST_SEED}, folder)
    except OSError as error:
        raise NotWritten(f"{str(error.filename)!r}: {reason(error)}") from None
    return SeedRun(seed, folder, networks, peak_memory_bytes(), breach)


def _result(
    scenario: Scenario,
    seeds: Sequence[int],
    members: Sequence[Mapping[str, float]],
    outcomes: Mapping[int, SeedRun],
    seconds: float,
    stopped: BaseException | None,
) -> Result | None:
    """Return the result of the seeds that have tables, in the order of `seeds`; None if none has."""
    kept = [outcomes[s] for s in seeds if s in outcomes and outcomes[s].folder is not None]
    if not kept:
        return None
    parts = [{p.stem: read_table(p) for p in sorted(cast(Path, o.folder).glob("*.parquet"))} for o in kept]
    for name in FIRST_SEED:
        if name not in parts[0]:  # the first seed is among the lost ones
            parts[0][name] = pl.DataFrame({"seed": []}, schema={"seed": pl.Int64})
    incomplete: dict[str, Any] | None = None
    if stopped is not None:
        incomplete = dict[str, Any](reason=_reason(stopped), requested_seeds=list(seeds))
        if isinstance(stopped, LawBreach):
            facts = {"law": stopped.law, "month": stopped.month, "sector": stopped.sector, "amount": stopped.amount}
            incomplete |= facts | {"seed": next(o.seed for o in kept if o.breach is not None)}
    drawn = dict(zip(seeds, members, strict=False))
    return Result(
        scenario=scenario,
        posterior=tuple(drawn[o.seed] for o in kept if o.seed in drawn),
        seeds=tuple(o.seed for o in kept),
        tables=stack(parts),
        networks=kept[0].networks,
        seconds=seconds,
        peak_memory_bytes=max([peak_memory_bytes(), *(o.peak_memory_bytes for o in kept)]),
        incomplete=incomplete,
    )


def _reason(stopped: BaseException) -> str:
    if isinstance(stopped, LawBreach):
        return str(stopped)
    if isinstance(stopped, NotWritten):
        return "its tables could not be written"
    return "stopped by the user" if isinstance(stopped, KeyboardInterrupt) else "a process was killed"


def _kept(
    stopped: BaseException, result: Result | None, seeds: Sequence[int], target: Path | None
) -> RunStopped | RunInterrupted:
    """Write what is kept beside the target and return the exception that says so."""
    folder = None
    if result is not None and target is not None:
        folder = incomplete_folder(result, target)
        try:
            result.save(folder, replace=True)
        except (InputError, NotWritten):
            folder = None
    if isinstance(stopped, KeyboardInterrupt):
        return RunInterrupted(result, folder)
    where = f"; kept in {os.path.relpath(folder)}" if folder else ""
    if isinstance(stopped, LawBreach):
        return RunStopped(f"{stopped}{where}", result, folder)
    if isinstance(stopped, NotWritten):
        return RunStopped(f"{stopped}{where or '; nothing is kept'}", result, folder)
    lost = [s for s in seeds if result is None or s not in result.seeds]
    names = ", ".join(map(str, lost[:8])) + (", ..." if len(lost) > 8 else "")
    many = "s" if len(lost) > 1 else ""
    hint = "" if result is not None else "; a script that runs several seeds needs if __name__ == '__main__'"
    return RunStopped(
        f"a process was killed or could not start (memory?), no result of seed{many} {names}{where}{hint}",
        result,
        folder,
    )

"""What a sweep's machinery costs: its runs per second beside those of bare processes."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from experiments.runs.engine import Progress
from experiments.runs.pool import Task, simulate
from experiments.runs.workers import ONE_THREAD, environment, prepare_worker
from experiments.sweeps.design import read
from experiments.sweeps.sweep import sweep


def sweep_throughput(workers: int = 2, runs: int = 24, humans: int = 2_000, months: int = 168) -> dict[str, float]:
    """Return runs per second of a sweep in `workers` processes, and over those of bare processes side by side just before.

    ``efficiency`` counts from the moment when as many runs as processes are handed in, ``with_start`` from the start of the
    command; the bare processes are timed when they have imported everything.
    """
    run = {"humans": humans, "months": months}
    asked = {"scenarios": ["baseline"], "seeds": {"first": 1, "count": runs}, "run": run}
    tasks = [task for _, task in read(asked).tasks()]
    ideal = _bare([tasks[i::workers] for i in range(workers)])
    seen: list[tuple[int, float]] = []

    def note(progress: Progress) -> None:
        seen.append((progress.made, time.perf_counter()))

    start = time.perf_counter()
    sweep(asked, workers=workers, on_progress=note)
    end = time.perf_counter()
    first, began = next((made, at) for made, at in seen if made >= workers)
    last, ended = next((made, at) for made, at in seen if made == runs)
    steady = (last - first) / (ended - began)
    return {
        "workers": workers,
        "runs": runs,
        "humans": humans,
        "bare_runs_per_second": ideal,
        "runs_per_second": steady,
        "efficiency": steady / ideal,
        "with_start": runs / (end - start) / ideal,
    }


def _bare(shares: Sequence[Sequence[Task]]) -> float:
    """Return runs per second of processes that do nothing but their share of the runs, at the same time."""
    processes = ProcessPoolExecutor(len(shares), multiprocessing.get_context("spawn"), prepare_worker)
    with environment(ONE_THREAD), processes as pool:
        return float(sum(pool.map(_rate, shares)))


def _rate(tasks: Sequence[Task]) -> float:
    simulate(tasks[0])  # imports
    start = time.perf_counter()
    for task in tasks:
        simulate(task)
    return len(tasks) / (time.perf_counter() - start)

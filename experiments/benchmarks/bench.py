"""How fast the economy is on this machine: every figure is a ratio of times measured in one run.

The consumers' month (`stages.people.people` and `stages.turnover.live`) and the whole month, per human; the same behaviours as
plain Mesa objects (`bench_twin`); the machine's copy bandwidth and the bytes a month touches; memory, sweeps, start-up.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import experiments
from experiments.benchmarks.objects import Twin, differences, stock_differences
from experiments.benchmarks.sweep import sweep_throughput
from model.core.steps import Steps
from model.economy import InferenceEconomy
from model.month import STEPS
from model.stages import people, turnover
from model.world import World

if TYPE_CHECKING:
    from model.core.flows import MonthFlows
    from model.core.table import Table
    from model.stages.people import Known, Wishes

HUMANS, MONTHS = (10_000, 100_000, 1_000_000), 168
QUICK_HUMANS, QUICK_MONTHS = (2_000,), 60
#: The month of the twin: assistants, agents, thinking, background jobs and robots are all there.
TWIN_MONTH, TWIN_MOST = 96, 1_000_000
#: What is aimed at, by name of the figure: at least or at most.
TARGETS: dict[str, tuple[str, float]] = {
    "twin_over_arrays_100000": (">=", 50.0),
    "twin_over_arrays_1000000": (">=", 40.0),
    "whole_growth_100000_to_1000000": ("<=", 1.5),
    "consumer_ns_1000000": ("<=", 250.0),
    "whole_ns_1000000": ("<=", 500.0),
    "bytes_per_human_1000000": ("<=", 110.0),
    "run_seconds": ("<=", 2.0),
    "help_seconds": ("<=", 0.5),
}
_AWAY = 6  # months on either side of the twin's whose median stands for the arrays

Tell = Callable[[str], None]


class Clock(NamedTuple):
    """Seconds of this process's processor time and of the wall."""

    cpu: float
    wall: float

    @classmethod
    def now(cls) -> Clock:
        """Read both clocks."""
        return cls(time.process_time(), time.perf_counter())

    def since(self, start: Clock) -> Clock:
        """Return the time from `start` to this."""
        return Clock(self.cpu - start.cpu, self.wall - start.wall)

    def plus(self, other: Clock) -> Clock:
        """Return the sum."""
        return Clock(self.cpu + other.cpu, self.wall + other.wall)


NO_TIME = Clock(0.0, 0.0)


def measure(
    humans: Sequence[int] = HUMANS, months: int = MONTHS, quick: bool = False, tell: Tell = lambda text: None
) -> dict[str, Any]:
    """Return all figures as plain values; see `figures` for their names.

    Parameters
    ----------
    humans : sequence of int
        Sizes of the economy, human rows.
    months : int
        Months of each run; the twin's month is the 97th or else the last.
    quick : bool
        Leave out the sweep, and measure bandwidth and start-up less often.
    tell : callable
        Called with what is being done.

    Returns
    -------
    dict
        ``machine, quick, months, copy_bytes_per_s, sizes`` (one for each of `humans`), ``sweep`` (None if left out),
        ``run, help_seconds, figures, targets``.
    """
    before = _load()
    tell("copy bandwidth")
    bandwidth = copy_bandwidth(64 if quick else 512, 3 if quick else 9)
    tell("economy --help and the default run")
    found: dict[str, Any] = {
        "quick": quick,
        "months": months,
        "copy_bytes_per_s": bandwidth,
        "help_seconds": help_seconds(1 if quick else 5),
        "run": None if quick else run_seconds(),
    }
    sizes = []
    for n in humans:
        tell(f"{n:,} humans, {months} months")
        sizes.append(size(n, months, bandwidth))
    found["sizes"] = sizes
    tell("sweep")
    found["sweep"] = None if quick else sweep_throughput()
    found["machine"] = machine() | {"load_before": before, "load_after": _load()}
    found["figures"] = figures(found)
    found["targets"] = {k: {"bound": b, "value": v} for k, (b, v) in TARGETS.items() if k in found["figures"]}
    return found


# --- The month ---------------------------------------------------------------------------------------------------------


class Watch:
    """Times the consumers' stages of an economy, and puts the twin beside them in one month."""

    def __init__(self, twin_month: int | None) -> None:
        self.twin_month = twin_month
        self.consumer: list[Clock] = []
        self.aside = NO_TIME  # of the current month, not the economy's
        self.twin_clock = self.build_clock = NO_TIME
        self.differences: dict[str, float] = {}
        self._twin: Twin | None = None

    @property
    def steps(self) -> Steps:
        """The steps of the month with the two stages timed."""
        return STEPS.replaced("wish", self.people).replaced("live", self.live)

    def people(self, e: World, f: MonthFlows, known: Known) -> Wishes:
        """Do and time the first stage."""
        self.aside = NO_TIME
        if e.month == self.twin_month:
            with self._apart():
                start = Clock.now()
                self._twin = Twin(e, known)
                self.build_clock = Clock.now().since(start)
        start = Clock.now()
        wishes = people.people(e, f, known)
        self.consumer.append(Clock.now().since(start))
        if self._twin is not None:
            with self._apart():
                self.twin_clock = _alone(self._twin.step)
                self.differences |= differences(self._twin, f, wishes)
        return wishes

    def live(self, e: World, f: MonthFlows) -> None:
        """Do and time the second stage."""
        twin, self._twin = self._twin, None
        if twin is not None:
            with self._apart():
                twin.receive(e)
        start = Clock.now()
        turnover.live(e, f)
        self.consumer[-1] = self.consumer[-1].plus(Clock.now().since(start))
        if twin is not None:
            with self._apart():
                self.twin_clock = self.twin_clock.plus(_alone(twin.live))
                self.differences |= stock_differences(twin, e)
                twin.close()
                del twin
                gc.collect()

    @contextlib.contextmanager
    def _apart(self) -> Iterator[None]:
        start = Clock.now()
        yield
        self.aside = self.aside.plus(Clock.now().since(start))


def _alone(action: Callable[[], None]) -> Clock:
    """Time an action without the garbage collector, which would walk all objects again and again."""
    gc.collect()
    gc.disable()
    try:
        start = Clock.now()
        action()
        return Clock.now().since(start)
    finally:
        gc.enable()


def size(humans: int, months: int, bandwidth: float) -> dict[str, Any]:
    """Return the figures of an economy of so many human rows: ns per human and month, bytes, the twin's."""
    at = min(TWIN_MONTH, months - 1)
    watch = Watch(at if humans <= TWIN_MOST else None)
    economy = InferenceEconomy("baseline", humans=humans, months=months, seed=1, steps=watch.steps)
    whole: list[Clock] = []
    touched: dict[str, int] = {}
    for month in range(months):
        before = _columns(economy, copy=True) if month == at else {}
        start = Clock.now()
        economy.step()
        whole.append(Clock.now().since(start).since(watch.aside))
        if month == at:
            touched = _touched(economy, before)
        del before
    found: dict[str, Any] = {
        "humans": humans,
        "months": months,
        "consumer": _summary(watch.consumer, humans),
        "whole": _summary(whole, humans),
        "bytes": memory(economy),
        "touched": touched,
        "twin": None,
    }
    economy.close()
    streaming_ns = (touched["read"] + touched["written"]) / bandwidth * 1e9 / humans
    found["streaming_ns"] = streaming_ns
    found["consumer_over_streaming"] = found["consumer"]["ns"] / streaming_ns
    found["whole_over_streaming"] = found["whole"]["ns"] / streaming_ns
    if watch.twin_month is not None:
        near = watch.consumer[max(at - _AWAY, 0) : at + _AWAY + 1]
        arrays_ns = statistics.median(c.cpu for c in near) * 1e9 / humans
        twin_ns = watch.twin_clock.cpu * 1e9 / humans
        found["twin"] = {
            "month": at,
            "months_timed": 1,
            "ns": twin_ns,
            "wall_ns": watch.twin_clock.wall * 1e9 / humans,
            "build_ns": watch.build_clock.cpu * 1e9 / humans,
            "arrays_ns": arrays_ns,
            "over_arrays": twin_ns / arrays_ns,
            "largest_difference": max(watch.differences.values()),
        }
    return found


def _summary(months: list[Clock], humans: int) -> dict[str, float]:
    """Return ns per human and month: mean, median, first six months, last twelve, the mean by the wall."""
    cpu = np.array([c.cpu for c in months]) * 1e9 / humans
    return {
        "ns": float(cpu.mean()),
        "median_ns": float(np.median(cpu)),
        "first_six_ns": float(cpu[:6].mean()),
        "last_twelve_ns": float(cpu[-12:].mean()),
        "wall_ns": float(np.mean([c.wall for c in months])) * 1e9 / humans,
    }


# --- Bytes -------------------------------------------------------------------------------------------------------------


def _population(e: InferenceEconomy) -> tuple[Table, ...]:
    return e.humans, e.ai_agents, e.robots


def memory(e: InferenceEconomy) -> dict[str, float]:
    """Return bytes per human row: tables, network, both; beside them what the last month's flows hold until the next."""
    n, tables, network = e.humans.n, sum(rows.nbytes for rows in _population(e)), e.social.nbytes
    flows = vars(e.last.flows).values() if e.last is not None else ()
    held = sum(a.nbytes for a in flows if isinstance(a, np.ndarray) and a.shape == (n,))
    return {"tables": tables / n, "network": network / n, "all": (tables + network) / n, "last_month": held / n}


def _columns(e: InferenceEconomy, copy: bool = False) -> dict[str, Any]:
    """Return the stocks of people, agents and robots by kind and column."""
    return {
        f"{type(rows).__name__}.{name}": vars(rows)[name].copy() if copy else vars(rows)[name]
        for rows in _population(e)
        for name in rows.columns()
    }


def _touched(e: InferenceEconomy, before: dict[str, Any]) -> dict[str, int]:
    """Return the bytes of state that the month read (every column and contact once) and wrote (columns that changed)."""
    now = _columns(e)
    return {
        "read": sum(rows.nbytes for rows in _population(e)) + e.social.nbytes,
        "written": sum(a.nbytes for name, a in now.items() if not np.array_equal(a, before[name])),
    }


def copy_bandwidth(mebibytes: int, times: int) -> float:
    """Return bytes per second that one process moves when it copies a big array: read and written bytes both count."""
    source = np.ones(mebibytes * 2**17)
    target = np.zeros_like(source)
    seconds = []
    for _ in range(times):
        start = Clock.now()
        np.copyto(target, source)
        seconds.append(Clock.now().since(start).wall)
    return 2.0 * source.nbytes / min(seconds)


# --- Runs, start-up ----------------------------------------------------------------------------------------------------


def run_seconds(times: int = 3) -> dict[str, float]:
    """Return seconds of a default run once everything is imported: the least of a few; and of its result tables."""
    simulated, tabled = [], []
    for _ in range(times):
        start = Clock.now()
        economy = InferenceEconomy("baseline", seed=1).run()
        simulated.append(Clock.now().since(start))
        start = Clock.now()
        economy.tables()
        tabled.append(Clock.now().since(start))
        economy.close()
    least = {"cpu": min(c.cpu for c in simulated), "wall": min(c.wall for c in simulated)}
    return {**least, "tables_cpu": min(c.cpu for c in tabled)}


def help_seconds(times: int) -> float:
    """Return the least wall seconds of `economy --help`, a process of its own."""
    command = [sys.executable, "-m", f"{experiments.__name__}.cli", "--help"]
    seconds = []
    for _ in range(times):
        start = Clock.now()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(Clock.now().since(start).wall)
    return min(seconds)


def _load() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def machine() -> dict[str, Any]:
    """Return processors and versions."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "scipy", "mesa")},
    }


# --- What is said ------------------------------------------------------------------------------------------------------


def figures(found: dict[str, Any]) -> dict[str, float]:
    """Return the figures that have targets, and what else there is of their kind, by name."""
    out: dict[str, float] = {}
    for s in found["sizes"]:
        n = s["humans"]
        out[f"consumer_ns_{n}"], out[f"whole_ns_{n}"] = s["consumer"]["ns"], s["whole"]["ns"]
        out[f"consumer_over_streaming_{n}"] = s["consumer_over_streaming"]
        out[f"whole_over_streaming_{n}"] = s["whole_over_streaming"]
        out[f"bytes_per_human_{n}"] = s["bytes"]["all"]
        if s["twin"] is not None:
            out[f"twin_over_arrays_{n}"] = s["twin"]["over_arrays"]
    for small, large in zip(found["sizes"], found["sizes"][1:], strict=False):
        name = f"growth_{small['humans']}_to_{large['humans']}"
        out[f"consumer_{name}"] = large["consumer"]["ns"] / small["consumer"]["ns"]
        out[f"whole_{name}"] = large["whole"]["ns"] / small["whole"]["ns"]
    if found["run"] is not None:
        out["run_seconds"] = found["run"]["cpu"]
    out["help_seconds"] = found["help_seconds"]
    if found["sweep"] is not None:
        out["sweep_efficiency"] = found["sweep"]["efficiency"]
    return out

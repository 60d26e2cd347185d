"""Two scenarios on common random numbers: paired differences, their error, and the error that other seeds would give."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.runs import engine
from experiments.runs.files import NotWritten, check_file, write_file
from experiments.runs.interrupts import first_only
from experiments.runs.options import seeds_of, with_overrides
from experiments.runs.pool import DONE, Pool, Task, outcomes, simulate
from experiments.runs.recorded import months_of, recorded
from experiments.runs.workers import RunStopped
from model.core.errors import InputError
from model.core.frames import check_process
from model.core.units import month_date, month_index
from model.results.measures import Crossover, crossover_summary
from model.results.record import NAMES, names_of
from model.scenario import Scenario

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("series", "month", "difference", "standard_error", "standard_error_independent", "correlation")

Summaries = dict[str, dict[str, str | float | None]]


@dataclass(frozen=True)
class Comparison:
    """What `paired` finds.

    Parameters
    ----------
    names : (str, str)
        The scenarios A and B.
    seeds : tuple of int
    rows : polars.DataFrame
        series, month, difference (B minus A), standard_error, standard_error_independent, correlation.
    means_a : polars.DataFrame
        series, month, mean of A over the seeds.
    diverged : (str, tuple of str) or None
        First month ('YYYY-MM') in which any series differs in any seed, and the series that do.
    crossovers : (dict, dict)
        Of A and of B, over the seeds: {definition: {median, low, high, share_crossed}}.
    """

    names: tuple[str, str]
    seeds: tuple[int, ...]
    rows: pl.DataFrame
    means_a: pl.DataFrame
    diverged: tuple[str, tuple[str, ...]] | None
    crossovers: tuple[Summaries, Summaries]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the rows as plain values, month as 'YYYY-MM'."""
        return [{**row, "month": row["month"].isoformat()[:7]} for row in self.rows.iter_rows(named=True)]


def compare(
    a: str | Path | Scenario,
    b: str | Path | Scenario,
    *,
    seeds: int = 8,
    first_seed: int = 1,
    humans: int | None = None,
    months: int | None = None,
    series: Sequence[str] | str | None = None,
    months_at: Sequence[str] | str | None = None,
    workers: int | None = None,
    overrides_a: Mapping[str, Any] | None = None,
    overrides_b: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the paired differences B minus A of two scenarios run with the same seeds.

    Parameters
    ----------
    a, b : str, path or Scenario
        Shipped names, TOML files or scenarios.
    seeds, first_seed : int
        Number of pairs and their first seed.
    humans, months : int, optional
        Other resolution or length than the scenarios'.
    series : sequence of str, optional
        Recorded series, or "all"; the main ones if left out.
    months_at : sequence of str, optional
        Months 'YYYY-MM', or "all"; every December if left out.
    workers : int, optional
        Parallel processes, by default one a processor. One runs here.
    overrides_a, overrides_b : mapping, optional
        {"section.name": value} for one of the two.
    plugins : sequence of str
        Modules, or names of installed plug-ins, for both; every process imports them.

    Returns
    -------
    polars.DataFrame
        series, month, difference, standard_error (of the mean over pairs), standard_error_independent (that of
        as many runs of each with other seeds), correlation (over seeds). Null where it is undefined; a pair
        counts where both values are defined.

    Raises
    ------
    InputError
        Before anything is simulated.
    RunStopped
        A run failed.
    """
    return paired(
        a,
        b,
        seeds=seeds,
        first_seed=first_seed,
        humans=humans,
        months=months,
        series=series,
        months_at=months_at,
        workers=workers,
        overrides_a=overrides_a,
        overrides_b=overrides_b,
        plugins=plugins,
    ).rows


@first_only()
def paired(
    a: str | Path | Scenario,
    b: str | Path | Scenario,
    *,
    seeds: int = 8,
    first_seed: int = 1,
    humans: int | None = None,
    months: int | None = None,
    series: Sequence[str] | str | None = None,
    months_at: Sequence[str] | str | None = None,
    workers: int | None = None,
    overrides_a: Mapping[str, Any] | None = None,
    overrides_b: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Return what `compare` finds, with the first month that differs and both crossovers.

    The parameters are those of `compare`; `on_progress` is called with runs done and runs in all.
    """
    check_process()
    both = [
        with_overrides(
            Scenario.load(source).with_run(months=months, humans=humans).with_additions(plugins), overrides or {}
        )
        for source, overrides in ((a, overrides_a), (b, overrides_b))
    ]
    if both[0].start != both[1].start:
        raise InputError(f"compare: the scenarios start in {both[0].start} and {both[1].start}; they must be the same")
    chosen = seeds_of(None, first_seed, seeds)
    shorter = min(both, key=lambda s: s.months)
    names = names_of(*both)
    kept, at = recorded(series, names), months_of(shorter, months_at)
    tasks = [Task(f"{i} {seed}", s, {}, seed) for seed in chosen for i, s in enumerate(both)]
    with contextlib.closing(engine.pool(workers, here=True)) as pool:
        found = _found(tasks, pool, both, on_progress or (lambda done, total: None))
    frames = [[found[f"{i} {seed}"][0] for seed in chosen] for i in (0, 1)]
    crossed = [[found[f"{i} {seed}"][1] for seed in chosen] for i in (0, 1)]
    x, y = (_values(f, shorter.months, names) for f in frames)
    rows, means = _rows(x, y, names, kept, at, shorter)
    return Comparison(
        (_label(both[0], overrides_a), _label(both[1], overrides_b)),
        chosen,
        rows,
        means,
        divergence(x, y, shorter.start, names),
        (_summaries(crossed[0], shorter.start), _summaries(crossed[1], shorter.start)),
    )


def target(out: str) -> Path:
    """Return the file for the rows, or refuse it before anything is simulated: only a table of ours is replaced."""
    header = ",".join(COLUMNS).encode()
    return check_file(out, lambda begins: begins.partition(b"\n")[0].rstrip(b"\r") == header, "rows of a comparison")


def save(found: Comparison, out: str) -> None:
    """Write the rows as CSV in one step.

    Raises
    ------
    NotWritten
        If the system does not let it be written, or something else came to stand there; nothing is changed then.
    """
    try:
        path = target(out)
    except InputError as error:
        raise NotWritten(str(error)) from None
    write_file(path, found.rows.write_csv().encode())


def statistics(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float | None, ...]:
    """Return difference, standard error, that with independent seeds, and correlation of two samples paired by seed.

    The mean of b - a over the n pairs; sd(b - a) / sqrt(n); sqrt((var a + var b) / n); Pearson's correlation. Pairs
    with an undefined (NaN) value do not count; None where there are too few or nothing varies.

    Parameters
    ----------
    a, b : (N,) float

    >>> statistics(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))[:2]
    (1.0, 0.0)
    """
    held = np.isfinite(a) & np.isfinite(b)
    x, y = a[held], b[held]
    n = x.size
    if n == 0:
        return (None, None, None, None)
    d = y - x
    difference = float(d.mean())
    if n == 1:
        return (difference, None, None, None)
    error = float(d.std(ddof=1)) / math.sqrt(n)
    independent = math.sqrt((float(x.var(ddof=1)) + float(y.var(ddof=1))) / n)
    varies = bool(np.ptp(x) > 0.0 and np.ptp(y) > 0.0)
    return (difference, error, independent, float(np.corrcoef(x, y)[0, 1]) if varies else None)


def divergence(
    a: NDArray[np.float64], b: NDArray[np.float64], start: str, names: Sequence[str] = NAMES
) -> tuple[str, tuple[str, ...]] | None:
    """Return the first month in which the runs differ, and the series that do; None if they are the same.

    Parameters
    ----------
    a, b : (N, T, S) float
        By seed, month and series; undefined is NaN.
    start : str
    names : sequence of str
        Of the series.
    """
    other = (a != b) & ~(np.isnan(a) & np.isnan(b))
    months = np.flatnonzero(other.any(axis=(0, 2)))
    if months.size == 0:
        return None
    first = int(months[0])
    differ = tuple(names[int(k)] for k in np.flatnonzero(other[:, first].any(axis=0)))
    return (month_date(first, start).isoformat()[:7], differ)


def _found(
    tasks: list[Task], pool: Pool, both: Sequence[Scenario], tell: Callable[[int, int], None]
) -> dict[str, tuple[pl.DataFrame, dict[str, str | None]]]:
    found: dict[str, tuple[pl.DataFrame, dict[str, str | None]]] = {}
    with contextlib.closing(outcomes(tasks, pool, simulate)) as arriving:
        for some in arriving:
            for outcome in some:
                if outcome.status != DONE:
                    i, seed = outcome.id.split()
                    raise RunStopped(f"scenario '{both[int(i)].name}', seed {seed}: {outcome.error}")
                found[outcome.id] = (outcome.frame(), json.loads(outcome.crossover))
            tell(len(found), len(tasks))
    return found


def _values(frames: Sequence[pl.DataFrame], months: int, names: Sequence[str]) -> NDArray[np.float64]:
    """Return (N, T, S): all series by seed and month, undefined as NaN."""
    return np.stack([f.select(names).fill_null(math.nan).to_numpy()[:months] for f in frames])


def _rows(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    names: Sequence[str],
    series: Sequence[str],
    months: Sequence[str] | None,
    scenario: Scenario,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    import polars as pl

    at = range(scenario.months) if months is None else [month_index(m, scenario.start) for m in months]
    rows, means = [], []
    for name in series:
        k = names.index(name)
        for i in at:
            date, x = month_date(i, scenario.start), a[:, i, k]
            rows.append((name, date, *statistics(x, b[:, i, k])))
            held = x[np.isfinite(x)]
            means.append((name, date, float(held.mean()) if held.size else None))
    types = {"series": pl.String, "month": pl.Date} | dict.fromkeys(COLUMNS[2:], pl.Float64)
    mean_types = {"series": pl.String, "month": pl.Date, "mean": pl.Float64}
    return pl.DataFrame(rows, types, orient="row"), pl.DataFrame(means, mean_types, orient="row")


def _summaries(crossed: Sequence[Mapping[str, str | None]], start: str) -> Summaries:
    out = {}
    for definition in crossed[0]:
        dates = [run[definition] for run in crossed]
        indices = [None if m is None else month_index(m, start) for m in dates]
        out[definition] = crossover_summary(
            [Crossover("month" if i is not None else "never", i, False) for i in indices], start
        )
    return out


def _label(scenario: Scenario, overrides: Mapping[str, Any] | None) -> str:
    return " ".join([scenario.name, *(f"{k}={v}" for k, v in (overrides or {}).items())])

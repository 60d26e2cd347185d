"""What decides the crossover: Morris screening of all parameters, then Sobol effects of those that matter.

Outcomes of a run: the date at which inference crosses one half, in accelerator-hours (the headline) and in USD, and the
headline share of two years. Many runs never cross one half; their date is set to the first month after the run (censored), so a
parameter that decides *whether* inference passes counts as one that decides *when*, and effects on the date are lower bounds. All
runs have one seed, so that they differ by parameters alone. Ranges are the declared ones: what is possible, not what is likely.

The runs are those of two ordinary sweeps in the folder: what is done is never run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.runs.engine import Progress
from experiments.runs.workers import RunStopped
from experiments.studies import ranges
from experiments.sweeps import design as designs
from experiments.sweeps.sweep import sweep
from model.core.errors import InputError, hint, unknown
from model.core.units import month_index
from model.results.measures import HEADLINE, PREFIX
from model.scenario import Scenario, declarations

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]
YEARS = (2030, 2035)
#: Outcomes and their units, in words; dates are years, 2030.5 is July 2030.
OUTCOMES = {
    "crossover_accelerator_hours": "crossover in H100e-hours, years",
    "crossover_usd": "crossover in USD, years",
    **{f"share_{year}": f"headline share of {year}" for year in YEARS},
}
MAIN = "crossover_accelerator_hours"
METHODS = ("sobol", "morris")
SCREENING, VARIANCE = "screening", "variance"
DRAWS, CONFIDENCE = 1000, 0.95
BLOCKS_LEAST = 8


class Preset(NamedTuple):
    """How much is run.

    `candidates` None screens every declared parameter; a number the first of `ranges.csv`, those that move the
    headline share most one at a time. `trajectories` of Morris; `survivors` go on to Sobol with `n` blocks.
    """

    candidates: int | None
    trajectories: int
    survivors: int
    n: int
    humans: int


PRESETS = {"quick": Preset(24, 6, 6, 32, 100), "full": Preset(None, 6, 16, 512, 400)}


@dataclass(frozen=True)
class Sensitivity:
    """What `study` finds.

    Parameters
    ----------
    scenario, preset : str
    censored : str
        'YYYY-MM' at which runs that never cross stand.
    screening : polars.DataFrame
        outcome, parameter, mu_star (mean absolute elementary effect over the whole range, in the outcome's unit),
        low, high (its 95 % bootstrap interval), mu (signed mean), sigma, effects (how many were computed).
    variance : polars.DataFrame or None
        outcome, parameter, first, first_low, first_high, total, total_low, total_high: shares of the outcome's
        variance with 95 % bootstrap intervals.
    swings : polars.DataFrame or None
        outcome, parameter, end ('low' or 'high' third of the range), mean, low, high, and the mean of all (`base`).
    screened, sampled : polars.DataFrame
        The runs of the two stages: parameters, status, error, outcomes (null after an error), `crossed_<definition>`.
    """

    scenario: str
    preset: str
    censored: str
    screening: pl.DataFrame
    variance: pl.DataFrame | None
    swings: pl.DataFrame | None
    screened: pl.DataFrame
    sampled: pl.DataFrame | None
    survivors: tuple[str, ...]


def study(
    out: str | Path,
    source: str | Path | Scenario = "baseline",
    *,
    method: str = "sobol",
    preset: str = "quick",
    workers: int | None = None,
    cluster: str | None = None,
    on_progress: Callable[[str, Progress], None] | None = None,
) -> Sensitivity:
    """Return what decides the crossover.

    Parameters
    ----------
    out : str or path
        Folder of the runs; the same call goes on where it stopped.
    source : str, path or Scenario
        Where all other parameters stand.
    method : 'sobol' or 'morris'
        'morris' ends after the screening; 'sobol' goes on with the parameters that it leaves.
    preset : 'quick' or 'full'
    workers, cluster
        As for `sweeps.sweep`.
    on_progress : callable, optional
        Called with the stage and a `Progress`.

    Raises
    ------
    InputError
        Before anything is simulated.
    RunStopped
        The runs cannot be made or kept, or too few of them succeeded.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if preset not in PRESETS:
        raise InputError(f"unknown preset {preset!r}: not one of {', '.join(PRESETS)}{hint(preset, PRESETS)}")
    p = PRESETS[preset]
    scenario = Scenario.load(source).with_run(humans=p.humans)
    if month_index(f"{YEARS[-1]}-12", scenario.start) >= scenario.months:
        raise InputError(f"scenario '{scenario.name}': ends before {YEARS[-1]}-12, which sensitivity looks at")
    tell = on_progress or (lambda stage, progress: None)

    def runs(stage: str, kind: str, n: int, names: Sequence[str]) -> pl.DataFrame:
        given = _design(scenario, kind, n, names)
        frame = sweep(given, Path(out) / stage, workers, cluster=cluster, on_progress=lambda x: tell(stage, x))
        return outcomes(frame, names, scenario)

    candidates = _candidates(p)
    screened = runs(SCREENING, "morris", p.trajectories, candidates)
    unit = designs.read(_design(scenario, "morris", p.trajectories, candidates)).places()
    screening = _each(screened, lambda y: elementary_effects(unit, y), candidates)
    survivors = strongest(screening, p.survivors)
    found = Sensitivity(scenario.name, preset, _after(scenario)[0], screening, None, None, screened, None, survivors)
    if method == "morris":
        return found
    if not survivors:
        raise RunStopped("no parameter moves any outcome in the screening, or all runs failed; nothing to go on with")
    sampled = runs(VARIANCE, "sobol", p.n, survivors)
    unit = designs.sample("sobol", len(survivors), p.n, 1)
    variance = _each(sampled, lambda y: sobol_effects(len(survivors), y), survivors)
    swings = _each(sampled, lambda y: thirds(unit, y), [s for s in survivors for _ in (0, 1)])
    return Sensitivity(scenario.name, preset, found.censored, screening, variance, swings, screened, sampled, survivors)


def _candidates(p: Preset) -> list[str]:
    declared = [f"{d.section}.{d.name}" for d in declarations()]
    if p.candidates is None:
        return declared
    known = [name for name in ranges.load()["parameter"].to_list() if name in declared]
    return known[: p.candidates]


def _design(scenario: Scenario, kind: str, n: int, names: Sequence[str]) -> dict[str, Any]:
    months = [f"{year}-{month:02}" for year in YEARS for month in range(1, 13)]
    return {
        "scenarios": [scenario],
        "design": {"kind": kind, "n": n, "seed": 1},
        "parameters": {name: {} for name in names},
        "record": {"series": [PREFIX + HEADLINE], "months": months},
    }


def _after(scenario: Scenario) -> tuple[str, float]:
    """Return the first month after the run, as text and in years."""
    first = int(scenario.start[:4]) * 12 + int(scenario.start[5:]) - 1
    year, month = divmod(first + scenario.months, 12)
    return f"{year}-{month + 1:02}", year + month / 12


def outcomes(frame: pl.DataFrame, names: Sequence[str], scenario: Scenario) -> pl.DataFrame:
    """Return a row a point of a sweep's table: parameters, status, error, outcomes, whether it crossed.

    A share is the mean of its twelve months; a date that is null in a finished run is that after the run's end.
    """
    import polars as pl

    share, end = pl.col(PREFIX + HEADLINE), _after(scenario)[1]
    done = pl.col("status").first() == "done"
    dates = [name for name in OUTCOMES if name.startswith("crossover")]
    years = {name: pl.col(name).first().dt.year() + (pl.col(name).first().dt.month() - 1) / 12 for name in dates}
    return frame.group_by("point", maintain_order=True).agg(
        *(pl.col(name).first() for name in (*names, "status", "error")),
        *(pl.when(done).then(years[name].fill_null(end)).alias(name) for name in dates),
        *(share.filter(pl.col("month").dt.year() == y).mean().alias(f"share_{y}") for y in YEARS),
        *(pl.when(done).then(pl.col(n).first().is_not_null()).alias(n.replace("over", "ed", 1)) for n in dates),
    )


def _each(runs: pl.DataFrame, effects: Callable[[Array], list[dict[str, Any]]], names: Sequence[str]) -> pl.DataFrame:
    """Return the effects on each outcome, a row a parameter, in one table."""
    import polars as pl

    rows = []
    for outcome in OUTCOMES:
        y = runs[outcome].cast(pl.Float64).fill_null(np.nan).to_numpy()
        found = effects(y)
        rows += [{"outcome": outcome, "parameter": name} | row for name, row in zip(names, found, strict=True)]
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.selectors.float().fill_nan(None))


def elementary_effects(unit: Array, y: Array) -> list[dict[str, Any]]:
    """Return Morris' measures of each parameter; an effect with a failed run at either end does not count.

    Parameters
    ----------
    unit : (r (d + 1), d) float in [0, 1]
        Trajectories, as `Design.places` gives them; one coordinate changes from a row to the next.
    y : (r (d + 1),) float
        Outcome, NaN for a failed run.

    Returns
    -------
    list of dict
        mu_star, low, high, mu, sigma in the unit of y over the whole range; effects. NaN where there is none.

    Source: own assumption, the arithmetic of SALib's morris.analyze, which knows no failed runs.

    >>> unit = np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]])
    >>> [row["mu"] for row in elementary_effects(unit, np.array([1.0, 2.0, 2.0]))]
    [2.0, 0.0]
    """
    d = unit.shape[1]
    steps = np.diff(unit.reshape(-1, d + 1, d), axis=1)  # (r, d, d)
    rises = np.diff(y.reshape(-1, d + 1), axis=1)  # (r, d)
    moved = np.abs(steps).argmax(axis=2)
    effects = np.full((steps.shape[0], d), np.nan)
    np.put_along_axis(effects, moved, rises / np.take_along_axis(steps, moved[:, :, None], axis=2)[:, :, 0], axis=1)
    rng, out = np.random.default_rng(1), []
    for column in effects.T:
        x = column[np.isfinite(column)]
        row: dict[str, Any] = dict.fromkeys(("mu_star", "low", "high", "mu", "sigma"), np.nan)
        if x.size:
            row |= {"mu_star": float(np.abs(x).mean()), "mu": float(x.mean())}
        if x.size > 1:
            drawn = np.abs(rng.choice(x, (DRAWS, x.size))).mean(axis=1)
            low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
            row |= {"low": float(low), "high": float(high), "sigma": float(x.std(ddof=1))}
        out.append(row | {"effects": int(x.size)})
    return out


def strongest(screening: pl.DataFrame, count: int) -> tuple[str, ...]:
    """Return the parameters with the largest effect on any outcome, relative to that outcome's largest."""
    import polars as pl

    relative = pl.col("mu_star") / pl.col("mu_star").max().over("outcome")
    ranked = screening.with_columns(relative.fill_nan(None).alias("relative"))
    ranked = ranked.group_by("parameter", maintain_order=True).agg(pl.col("relative").max())
    ranked = ranked.filter(pl.col("relative") > 0.0).sort("relative", descending=True, maintain_order=True)
    return tuple(ranked["parameter"].head(count).to_list())


def sobol_effects(d: int, y: Array) -> list[dict[str, Any]]:
    """Return first and total effects of each parameter by SALib; a block with a failed run is left out whole.

    Parameters
    ----------
    d : int
        Parameters.
    y : (n (d + 2),) float
        Outcome in Saltelli's order, NaN for a failed run.

    Returns
    -------
    list of dict
        first, total and the ends of their intervals; NaN where fewer than `BLOCKS_LEAST` blocks are left or the
        outcome does not vary.
    """
    from SALib.analyze import sobol

    blocks = y.reshape(-1, d + 2)
    blocks = blocks[np.isfinite(blocks).all(axis=1)]
    names = ("first", "first_low", "first_high", "total", "total_low", "total_high")
    if blocks.shape[0] < BLOCKS_LEAST or np.ptp(blocks) == 0.0:
        return [dict.fromkeys(names, np.nan) for _ in range(d)]
    problem = {"num_vars": d, "names": [f"x{i}" for i in range(d)], "bounds": [[0.0, 1.0]] * d}
    s = sobol.analyze(
        problem, blocks.ravel(), calc_second_order=False, num_resamples=DRAWS, conf_level=CONFIDENCE, seed=1
    )
    rows = []
    for first, wide, total, total_wide in zip(s["S1"], s["S1_conf"], s["ST"], s["ST_conf"], strict=True):
        values = (first, first - wide, first + wide, total, total - total_wide, total + total_wide)
        rows.append({name: float(v) for name, v in zip(names, values, strict=True)})
    return rows


def thirds(unit: Array, y: Array) -> list[dict[str, Any]]:
    """Return the mean outcome in the lowest and the highest third of each parameter, with 95 % intervals.

    Of a Saltelli design only the first and the last row of a block count: those are independent of each other.

    Parameters
    ----------
    unit : (n (d + 2), d) float in [0, 1]
    y : (n (d + 2),) float
    """
    d = unit.shape[1]
    rows = np.r_[0 : y.size : d + 2, d + 1 : y.size : d + 2]
    rows = rows[np.isfinite(y[rows])]
    u, x = unit[rows], y[rows]
    base, out = float(x.mean()) if x.size else np.nan, []
    for k in range(d):
        for end, chosen in (("low", u[:, k] < 1 / 3), ("high", u[:, k] >= 2 / 3)):
            here = x[chosen]
            wide = 1.96 * float(here.std(ddof=1)) / np.sqrt(here.size) if here.size > 1 else np.nan
            mean = float(here.mean()) if here.size else np.nan
            out.append({"end": end, "mean": mean, "low": mean - wide, "high": mean + wide, "base": base})
    return out

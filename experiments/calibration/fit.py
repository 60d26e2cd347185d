"""The fit of the model to what was observed up to a month: an ensemble from the prior to the posterior.

Errors are log or logit differences over the bands of `scored`; series of a block share its weight, and all blocks weigh the same.
Members are compared on common random numbers; the last ensemble then runs on with seeds of its own, so that what it says of later
months holds both the uncertainty of parameters and luck. Rows after the month are cut before anything is computed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from experiments.calibration import priors, scored, smoother
from experiments.calibration.evaluation import Evaluator, Tell
from experiments.calibration.operators import OPERATORS
from experiments.calibration.priors import Prior
from experiments.runs.interrupts import first_only
from model.core.errors import InputError, hint
from model.core.units import month_index
from model.scenario import Scenario

Array = NDArray[np.float64]
#: What the points of a block weigh together, in independent points: about a level and a growth, each seen twice.
BLOCK_POINTS = 4.0
FIRST_SEED = 1001  # of the last ensemble's own runs
DRAWS = 1  # seed of the ensemble
SCENARIO = "baseline"
SHORTEST = 12  # months of data a fit needs
QUANTILES = {"p10": 0.1, "median": 0.5, "p90": 0.9}
#: Squared errors a parameter moves per prior standard deviation below which no series is said to identify it.
TELLS, NOBODY = 0.05, "none"


class Preset(NamedTuple):
    """The size of a fit: members of the ensemble, updates, common seeds a member, human rows."""

    members: int
    updates: int
    seeds: int
    humans: int


PRESETS = {"quick": Preset(80, 3, 1, 300), "full": Preset(240, 5, 2, 500)}


@dataclass(frozen=True)
class Calibration:
    """What `calibrate` finds.

    Parameters
    ----------
    until : str
        Last month of data, 'YYYY-MM'.
    preset : Preset
    priors : tuple of Prior
        P parameters.
    points : polars.DataFrame
        The M points that were fitted, with columns weight (its inverse error variance) and prior, posterior (weighted
        medians of the model on the scale of errors).
    z_prior, z : (members, P) float
        First and last ensemble, standard normal coordinates.
    weights : (members,) float
        Of the last ensemble, see `smoother.weights`.
    y_prior, y : (members, M) float
        What both say of the points.
    best : dict
        Overrides of the run of smallest loss plus distance from the prior.
    best_loss : float
    paths : (members, months, operators) float
        What an observer sees of the last ensemble, each member with a seed of its own.
    runs : int
        Evaluations in all.
    """

    until: str
    preset: Preset
    priors: tuple[Prior, ...]
    points: pl.DataFrame
    z_prior: Array
    z: Array
    weights: Array
    y_prior: Array
    y: Array
    best: dict[str, float]
    best_loss: float
    paths: Array
    runs: int

    @property
    def members(self) -> list[dict[str, float]]:
        """Return the overrides of the last ensemble."""
        return priors.overrides(self.priors, self.z)


def check_month(name: str, text: str) -> str:
    """Return a cutoff 'YYYY-MM', or refuse it."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise InputError(f"{name} {text!r}: must be a month YYYY-MM")
    if not SHORTEST <= month_index(text) + 1 <= month_index(scored.LAST) + 1:
        raise InputError(f"{name} {text!r}: outside [2022-12, {scored.LAST}]")
    return text


def check_preset(preset: str) -> Preset:
    """Return the preset of that name, or refuse it."""
    if preset not in PRESETS:
        raise InputError(f"unknown preset {preset!r}: not one of {', '.join(PRESETS)}{hint(preset, PRESETS)}")
    return PRESETS[preset]


def fitted_points(table: pl.DataFrame, until: str) -> pl.DataFrame:
    """Return the points that end by a month, with their weights in the fit.

    Rows that end later are taken away first: neither records nor anything else of them is seen.
    """
    points = scored.mapped(table.filter(pl.col("index") <= month_index(until)))
    series = pl.col("series").n_unique().over("block")
    share = BLOCK_POINTS / (series * pl.len().over("series"))
    return points.with_columns((share / pl.col("sd") ** 2).alias("weight"))


@first_only()
def calibrate(
    folder: Path,
    until: str = scored.LAST,
    preset: str | Preset = "quick",
    *,
    through: int | None = None,
    chosen: tuple[Prior, ...] | None = None,
    table: pl.DataFrame | None = None,
    workers: int | None = None,
    tell: Tell | None = None,
    cluster: str | None = None,
) -> Calibration:
    """Fit the baseline to what was observed up to a month.

    Parameters
    ----------
    folder : path
        Where runs are kept; the same call goes on where it stopped.
    until : str
        Last month of data, 'YYYY-MM'.
    preset : {"quick", "full"} or Preset
    through : int, optional
        Months the last ensemble runs, by default to `until`.
    chosen : tuple of Prior, optional
        Parameters to fit; all that are declared so if left out.
    table : polars.DataFrame, optional
        Observations as `scored.read` returns them; the shipped ones if left out.
    workers : int, optional
    tell : callable, optional
    cluster : str, optional

    Raises
    ------
    InputError
        Before anything is simulated.
    """
    size = preset if isinstance(preset, Preset) else check_preset(preset)
    months = month_index(check_month("--until", until)) + 1
    chosen = priors.fitted(until) if chosen is None else chosen
    points = fitted_points(scored.read() if table is None else table, until)
    if not points.height:
        raise InputError(f"--until {until!r}: no observed point of a scored series ends by then")
    names = list(OPERATORS)
    d, r = points["y"].to_numpy(), 1.0 / points["weight"].to_numpy()
    rng = np.random.default_rng(DRAWS)
    z = norm.ppf(qmc.LatinHypercube(len(chosen), rng=rng).random(size.members))
    common = [list(range(1, size.seeds + 1))] * size.members
    history: list[tuple[Array, Array]] = []
    with Evaluator(folder, Scenario.load(SCENARIO).with_run(humans=size.humans), workers, tell, cluster) as runs:
        for step in range(size.updates):
            said = f"ensemble {step + 1} of {size.updates + 1}"
            y = _mean(runs.paths(said, priors.overrides(chosen, z), common, months), names, points)
            history.append((z, y))
            z = _updated(z, y, d, r, size.updates, rng)
        own = [[FIRST_SEED + i] for i in range(size.members)]
        said = f"ensemble {size.updates + 1} of {size.updates + 1}"
        paths = runs.paths(said, priors.overrides(chosen, z), own, max(months, through or months))[:, 0]
    y = scored.model_values(paths, names, points)
    history.append((z, y))
    good = np.isfinite(y).any(axis=1)
    weights = np.zeros(size.members)
    weights[good] = smoother.weights(z[good], smoother.loss(y[good], d, r))
    all_z, all_y = (np.concatenate(x) for x in zip(*history, strict=True))
    cost = smoother.loss(all_y, d, r) + (all_z**2).sum(axis=1)
    cost[~np.isfinite(all_y).any(axis=1)] = np.inf
    first = int(np.argmin(cost))
    return Calibration(
        until=until,
        preset=size,
        priors=chosen,
        points=points.with_columns(
            pl.Series("prior", _quantile(history[0][1], np.full(size.members, 1.0 / size.members), 0.5)),
            pl.Series("posterior", _quantile(y, weights, 0.5)),
        ),
        z_prior=history[0][0],
        z=z,
        weights=weights,
        y_prior=history[0][1],
        y=y,
        best=priors.overrides(chosen, all_z[first : first + 1])[0],
        best_loss=float(cost[first]),
        paths=paths,
        runs=size.members * (size.updates * size.seeds + 1),
    )


def _mean(paths: Array, names: list[str], points: pl.DataFrame) -> Array:
    """Return the mean over seeds of what members say of the points."""
    said = [scored.model_values(paths[:, s], names, points) for s in range(paths.shape[1])]
    return np.asarray(np.stack(said).mean(axis=0))


def _updated(z: Array, y: Array, d: Array, r: Array, steps: int, rng: np.random.Generator) -> Array:
    """Return the next ensemble; a member or a point that is mostly undefined moves nothing, gaps are filled by the mean."""
    defined = np.isfinite(y)
    members = defined.mean(axis=1) > 0.5
    points = defined[members].mean(axis=0) > 0.5
    if members.sum() < 4 or not points.any():
        raise InputError("too few runs of the ensemble reached their end: nothing can be fitted")
    kept = y[np.ix_(members, points)]
    kept = np.where(np.isfinite(kept), kept, np.nanmean(kept, axis=0))
    out = z.copy()
    out[members] = smoother.update(z[members], kept, d[points], r[points], float(steps), rng)
    return out


def _quantile(y: Array, weights: Array, q: float) -> Array:
    """Return weighted quantiles of each column, NaN where nothing is defined."""
    return np.array([quantile(column, weights, q) for column in y.T])


def quantile(x: Array, weights: Array, q: float) -> float:
    """Return the weighted quantile of the defined values.

    >>> quantile(np.array([1.0, 2.0, 3.0]), np.full(3, 1 / 3), 0.5)
    2.0
    """
    good = np.isfinite(x) & (weights > 0.0)
    if not good.any():
        return math.nan
    order = np.argsort(x[good], kind="stable")
    w = weights[good][order]
    at = (np.cumsum(w) - 0.5 * w) / w.sum()
    return float(np.interp(q, at, x[good][order]))


def summary(found: Calibration) -> list[dict[str, Any]]:
    """Return a row a parameter: prior and posterior P10, median, P90, what of the prior's variance is left, identifying series.

    The identifying series is the one whose points, weighted as in the fit, the parameter moves most in the prior ensemble.
    """
    n = found.z_prior.shape[0]
    even = np.full(n, 1.0 / n)
    y = np.where(np.isfinite(found.y_prior), found.y_prior, np.nanmean(found.y_prior, axis=0))
    y = np.nan_to_num(y - y.mean(axis=0))
    centred = found.z_prior - found.z_prior.mean(axis=0)
    slope = np.linalg.lstsq(centred, y, rcond=None)[0]  # (P, M): ln units of a point per prior standard deviation
    told = slope**2 * found.points["weight"].to_numpy()
    series = found.points["series"].to_list()
    out = []
    for k, p in enumerate(found.priors):
        x_prior, x = p.values(found.z_prior[:, k]), p.values(found.z[:, k])
        by_series: dict[str, float] = {}
        for name, value in zip(series, told[k], strict=True):
            by_series[name] = by_series.get(name, 0.0) + float(value)
        best = max(by_series, key=by_series.__getitem__)
        known = best if by_series[best] >= TELLS else NOBODY
        mean = float((found.weights * found.z[:, k]).sum())
        left = float((found.weights * (found.z[:, k] - mean) ** 2).sum())
        row: dict[str, Any] = {"parameter": p.parameter}
        row |= {f"prior_{name}": quantile(x_prior, even, q) for name, q in QUANTILES.items()}
        row |= {f"posterior_{name}": quantile(x, found.weights, q) for name, q in QUANTILES.items()}
        row |= {"best": found.best[p.parameter], "variance_left": left, "shift_sd": mean}
        row |= {"identified_by": known, "information": by_series[best]}
        out.append(row)
    return out

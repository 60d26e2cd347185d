"""Scenario discovery: in which box of parameters inference crosses one half early (PRIM and feature scores, EMA Workbench)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.runs.options import extra
from model.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl

BEFORE = 2028
MOST_LIMITS = 4
FEWEST = 10
LEAST_CUT = 0.05


class Limit(NamedTuple):
    """A parameter that a box restricts: its interval, or the choices it leaves, and what all runs have."""

    parameter: str
    low: Any
    high: Any
    least: Any
    most: Any


class Box(NamedTuple):
    """Where the runs of interest are.

    `coverage`: share of them inside; `density`: share of the runs inside that are of interest, against `rate` among
    all; `mass`: share of all runs inside. `scores`: importance of each parameter for telling them apart, sums to 1.
    """

    outcome: str
    limits: tuple[Limit, ...]
    coverage: float
    density: float
    mass: float
    rate: float
    runs: int
    scores: dict[str, float]


def available() -> bool:
    """Return whether the extra `discovery` is installed."""
    try:
        _workbench()
    except InputError:
        return False
    return True


def discover(sampled: pl.DataFrame, names: Sequence[str], outcome: str, before: float = BEFORE) -> Box | None:
    """Return the box of the runs whose `outcome`, a date in years, lies before a year.

    Of the boxes that PRIM peels off, with at most `MOST_LIMITS` parameters restricted, the one with the largest harmonic
    mean of coverage and density; of its limits, those that cut off at least `LEAST_CUT` of all runs. Runs of a Saltelli design share coordinates: a box describes, it tests nothing.

    Parameters
    ----------
    sampled : polars.DataFrame
        A row a run: parameters and outcomes, null after an error.
    names : sequence of str
        Parameters.

    Returns
    -------
    Box or None
        None where fewer than `FEWEST` runs lie on either side.

    Raises
    ------
    InputError
        If the extra `discovery` is not installed.

    Source: own assumption, the algorithms are EMA Workbench's.
    """
    prim, scoring = _workbench()
    rows = sampled.drop_nulls(outcome)
    wanted = (rows[outcome] < before).to_numpy()
    if not FEWEST <= wanted.sum() <= wanted.size - FEWEST:
        return None
    import pandas as pd  # Mesa brings it

    x = pd.DataFrame({name: rows[name].to_list() for name in names})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = prim.Prim(x, wanted, threshold=1e-9).find_box()  # counts all that are true
        most = max(round(len(names) / 3), 1)  # as Workbench has it, but for one or no parameter
        scores, _ = scoring.get_ex_feature_scores(x, wanted, max_features=most, random_state=1)
    path = found.peeling_trajectory
    path = path[path["res_dim"] <= MOST_LIMITS]
    worth = 2 * path["coverage"] * path["density"] / (path["coverage"] + path["density"])
    best = int(worth.idxmax())
    inside, whole = found.box_lims[best], found.box_lims[0]
    limits, held = [], np.ones(wanted.size, dtype=bool)
    for name in names:
        left = _within(x[name], inside[name])
        if (~left).mean() >= LEAST_CUT:
            limits.append(Limit(name, *_ends(inside[name]), *_ends(whole[name])))
            held &= left
    return Box(
        outcome,
        tuple(limits),
        float((held & wanted).sum() / wanted.sum()),
        float(wanted[held].mean()),
        float(held.mean()),
        float(wanted.mean()),
        int(wanted.size),
        {str(name): float(score) for name, score in scores.iloc[:, 0].items()},
    )


def _within(column: Any, limit: Any) -> Any:
    low, high = limit.iloc[0], limit.iloc[1]
    kept = column.isin(low) if isinstance(low, set) else column.between(low, high)
    return kept.to_numpy()


def _ends(column: Any) -> tuple[Any, Any]:
    """Return the interval of a number; what is left of choices, twice."""
    low, high = column.iloc[0], column.iloc[1]
    if isinstance(low, set):
        left = ", ".join(sorted(map(str, low)))
        return left, left
    return float(low), float(high)


def _workbench() -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from ema_workbench.analysis import feature_scoring, prim
        except ImportError:
            raise InputError(f"PRIM {extra('discovery')}") from None
    return prim, feature_scoring

"""Draws of the baseline's fitted parameters, so that a run holds their uncertainty beside luck: `experiments/stored/posterior.csv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import experiments
from model.core.errors import InputError
from model.core.files import ends
from model.scenario import Scenario, declarations, read_manifest

FILE = Path(experiments.__file__).parent / "stored" / "posterior.csv"


def read_sample(path: str | Path) -> tuple[list[dict[str, float]], NDArray[np.float64]]:
    """Return the members of a stored posterior sample and their weights, which add to one.

    Raises
    ------
    InputError
        If the file is no posterior sample of this model.
    """
    try:
        table = pl.read_csv(path)
        weights = table["weight"].cast(pl.Float64).to_numpy()
        sound = np.isfinite(table.cast(pl.Float64).to_numpy()).all()
    except (OSError, pl.exceptions.PolarsError):
        raise InputError(f"posterior {str(path)!r}: no readable sample: 'economy calibrate' writes one") from None
    members = [dict(row) for row in table.drop("weight").iter_rows(named=True)]
    if not sound:
        raise InputError(f"posterior {str(path)!r}: holds a number that is not finite")
    if not members or not (weights >= 0.0).all() or not weights.sum() > 0.0:
        raise InputError(f"posterior {str(path)!r}: no members with weight")
    Scenario.load("baseline").with_overrides(members[0])  # names and ranges
    return members, weights / weights.sum()


def resampled(members: Sequence[dict[str, float]], weights: NDArray[np.float64], draws: int) -> list[dict[str, float]]:
    """Return equally weighted draws of a weighted sample (systematic resampling, no luck in it)."""
    at = np.searchsorted(np.cumsum(weights) / weights.sum(), (np.arange(draws) + 0.5) / draws)
    return [members[min(int(k), len(members) - 1)] for k in at]


def draws(scenario: Scenario, count: int, path: str | Path = FILE) -> tuple[dict[str, float], ...]:
    """Return overrides of a scenario, equally weighted draws of the stored sample.

    A parameter that the scenario sets to something else than the baseline's value stays as it is set.

    Parameters
    ----------
    scenario : Scenario
    count : int
    path : path
        Posterior sample, as `economy calibrate` writes it.

    Raises
    ------
    InputError
        If the file is no posterior sample.
    """
    members, weights = read_sample(path)
    base = {f"{d.section}.{d.name}": d.default for d in declarations()}
    now = scenario.values()
    free = [name for name in members[0] if _value(now, name) == base[name]]
    return tuple({name: m[name] for name in free} for m in resampled(members, weights, count))


def of_manifest(source: Any) -> tuple[dict[str, float], ...]:
    """Return the draws that a manifest holds, none for another source."""
    if not ends(source, ".json"):
        return ()
    found = read_manifest(source).get("posterior") or []
    try:
        return tuple({str(name): float(value) for name, value in row.items()} for row in found)
    except (ValueError, AttributeError, TypeError):
        raise InputError(f"manifest {str(source)!r}: not a manifest of ours: wrong form of 'posterior'") from None


def scenarios(scenario: Scenario, members: Sequence[Mapping[str, float]], count: int) -> list[Scenario]:
    """Return the scenario of each run: one a draw, or the same for all where there are no draws."""
    return [scenario.with_overrides(m) for m in members] if members else [scenario] * count


def _value(values: Mapping[str, Mapping[str, Any]], name: str) -> Any:
    section, _, key = name.partition(".")
    return values[section][key]

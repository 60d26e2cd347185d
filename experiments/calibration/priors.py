"""Priors of the parameters that are fitted, and of constants that embed data later than a cutoff: `model/data/priors.csv`.

All laws are carried to a standard normal, so that the ensemble works in plain numbers: value = F^-1(Phi(z)).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

import experiments
import model
from model.scenario import declarations

FILE = Path(model.__file__).parent / "data" / "priors.csv"
#: Prior, posterior, best value and identifying series of each parameter in the fit behind the baseline.
FITTED = Path(experiments.__file__).parent / "stored" / "fitted.csv"

Array = NDArray[np.float64]


class Prior(NamedTuple):
    """The prior of a parameter.

    Lognormal ones are cut at the declared range; uniform and loguniform ones are flat between `low` and `high`.
    `embeds` is the month of the latest datum that the declared value rests on, "" where the prior is free of it.
    """

    parameter: str
    law: str
    centre: float | None
    log_sd: float | None
    low: float
    high: float
    embeds: str
    source: str

    def values(self, z: Array) -> Array:
        """Return parameter values for standard normal numbers."""
        u = np.clip(stats.norm.cdf(z), 1e-12, 1.0 - 1e-12)
        if self.law == "lognormal":
            x = np.exp(self._cut().ppf(u))
        elif self.law == "loguniform":
            x = np.exp(np.log(self.low) + u * np.log(self.high / self.low))
        else:
            x = self.low + u * (self.high - self.low)
        return np.asarray(np.clip(x, self.low, self.high))

    def _cut(self) -> Any:
        centre, sd = np.log(float(self.centre or 0.0)), self.log_sd
        low = -np.inf if self.low <= 0.0 else (np.log(self.low) - centre) / sd
        return stats.truncnorm(low, (np.log(self.high) - centre) / sd, loc=centre, scale=sd)


@functools.cache
def priors() -> tuple[Prior, ...]:
    """Return all priors in the order of their file."""
    text = ("parameter", "law", "embeds", "source")
    table = pl.read_csv(FILE, infer_schema=False).with_columns(pl.exclude(text).cast(pl.Float64))
    bounds = {f"{d.section}.{d.name}": (d.low, d.high) for d in declarations()}
    found = []
    for row in table.iter_rows(named=True):
        if row["low"] is None:
            row["low"], row["high"] = bounds[row["parameter"]]
        found.append(Prior(**{**row, "embeds": row["embeds"] or ""}))
    return tuple(found)


def fitted(until: str) -> tuple[Prior, ...]:
    """Return the priors used for data up to a month 'YYYY-MM'.

    Those of fitted parameters, and those of constants whose declared value embeds later data: these are not known then,
    so they are drawn from a wide prior rather than set.
    """
    return tuple(p for p in priors() if not p.embeds or p.embeds > until)


def overrides(chosen: Sequence[Prior], z: Array) -> list[dict[str, float]]:
    """Return parameter overrides of each row of `z`, (members, parameters), as plain floats."""
    values = np.column_stack([p.values(z[:, k]) for k, p in enumerate(chosen)])
    return [dict(zip((p.parameter for p in chosen), map(float, row), strict=True)) for row in values]

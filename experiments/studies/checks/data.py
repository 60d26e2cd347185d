"""Rows that hold the posterior draws against scored observations (`experiments/calibration`)."""

from __future__ import annotations

import numpy as np
import polars as pl

from experiments.calibration import scored
from experiments.calibration.operators import OPERATORS
from experiments.studies.checks.row import Found, NotMeasured, check
from model.core.units import month_index

_ = pl.col
LAST = "2026-03"
LOG10 = float(np.log(10.0))


def model_values(seen: pl.DataFrame, points: pl.DataFrame) -> np.ndarray:
    """Return what each run says at each scored point on the scale of errors, (runs, points); NaN beyond its end.

    Parameters
    ----------
    seen : polars.DataFrame
        seed, month and a column an operator.
    points : polars.DataFrame
        As `scored.mapped` returns them.
    """
    runs = [run.sort("month").select(*OPERATORS) for _, run in seen.group_by("seed", maintain_order=True)]
    paths = np.stack([run.cast(pl.Float64).fill_null(np.nan).to_numpy() for run in runs])
    missing = max(int(points["index"].max()) + 1 - paths.shape[1], 0) if points.height else 0  # type: ignore[arg-type]
    paths = np.pad(paths, ((0, 0), (0, missing), (0, 0)), constant_values=np.nan)
    return scored.model_values(paths, list(OPERATORS), points)


def errors(seen: pl.DataFrame, points: pl.DataFrame, first: str, block: str | None = None) -> pl.DataFrame:
    """Return scored points from a month to `LAST`, of one block or all, with ``error``: |log10| of the median over runs over the observed.

    Raises
    ------
    NotMeasured
        If there are none, or the runs end before the last of them.
    """
    span = _("index").is_between(month_index(first), month_index(LAST))
    chosen = points.filter(span & (_("block") == block if block else True))
    if not chosen.height:
        raise NotMeasured(f"no scored point from {first} to {LAST}")
    values = model_values(seen, chosen)
    if not np.isfinite(values).any(axis=0).all():
        raise NotMeasured("the runs say nothing of some scored points (they end before, or are undefined)")
    error = np.abs(np.nanmedian(values, axis=0) - chosen["y"].to_numpy()) / LOG10
    return chosen.with_columns(pl.Series("error", error))


@check("E13", "tokens: median absolute log10 error over all token points 2024-04 to 2026-03", "at most .20")
def tokens(seen: pl.DataFrame, points: pl.DataFrame) -> Found:
    """Whether the model's tokens are of the observed number: they carry the hours of serving.

    All scored points of the block `tokens` that the shipped table holds, each alike, the posterior median against the observed value.
    """
    rows = errors(seen, points, "2024-04", "tokens")
    x = float(rows["error"].median())  # type: ignore[arg-type]
    return Found(
        f"{x:.2f} ({rows.height} points to {rows['date'].sort()[-1]})", {"error": x, "points": rows.height}, x <= 0.20
    )


@check(
    "E14",
    "all scored points to 2026-03, in sample: median absolute log10 error; worst block",
    "at most .12; at most .20",
)
def points(seen: pl.DataFrame, points: pl.DataFrame) -> Found:
    """Whether the fit fits: in sample, so a bound that a model which learned its past must hold.

    Each point alike; errors of shares are of their log-odds. The worst block is the one with the largest median.
    """
    rows = errors(seen, points, "2022-01")
    x = float(rows["error"].median())  # type: ignore[arg-type]
    blocks = rows.group_by("block").agg(_("error").median()).sort("error", "block")
    worst, most = blocks.row(-1)
    return Found(
        f"{x:.2f} ({rows.height} points to {rows['date'].sort()[-1]}); {most:.2f} ({worst})",
        {"error": x, "points": rows.height} | {f"error_{b}": e for b, e in blocks.rows()},
        x <= 0.12 and most <= 0.20,
    )

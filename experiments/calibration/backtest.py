"""Fit before a month, predict after it, score: nothing after the month is seen by the fit.

What is predicted is the observation: the model's posterior, blurred by the band of the series. Where the fit itself misses a block by
more than its stated bands, the blur of that block is widened to what it missed (`widening`): errors seen before the cutoff go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import experiments
from experiments.calibration import scored
from experiments.calibration import scores as scoring
from experiments.calibration.evaluation import Tell
from experiments.calibration.fit import Calibration, Preset, calibrate, check_month, check_preset, quantile
from experiments.calibration.observations import not_scored, table
from experiments.calibration.operators import OPERATORS
from model.core.errors import InputError
from model.core.units import month_index

Array = NDArray[np.float64]
CUTOFF = "2024-12"
#: The scores that stand in the report: `scores.json` of a backtest of the baseline as it is.
STORED = Path(experiments.__file__).parent / "stored" / "backtest.json"
ROLLING = ("2023-06", "2023-12", "2024-06", "2024-12")
BLURS = 40  # draws of a series' band a member
LOG10 = float(np.log(10.0))


@dataclass(frozen=True)
class Backtest:
    """What `backtest` finds.

    Parameters
    ----------
    fit : Calibration
    points : polars.DataFrame
        A row a point after the cutoff: series, block, date, value, use (skill or reach), median, low, high (80 %, in the unit
        of the observation), error_log10 (median over observed; log-odds for shares), inside, inside_stated (with stated
        bands only), crps and that of each benchmark.
    unmapped : list of str
        Series with later points that the model has no counterpart of.
    widening : {block: factor}
        On the bands, from the fit's own misses.
    """

    fit: Calibration
    points: pl.DataFrame
    unmapped: list[str]
    widening: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return scores and series as plain values."""
        return {
            "cutoff": self.fit.until,
            "preset": self.fit.preset._asdict(),
            "scores": scores(self.points, len(self.unmapped)),
            "series": [_series(rows) for _, rows in self.points.group_by("series", maintain_order=True)],
            "unmapped": self.unmapped,
            "widening": self.widening,
        }


def targets(cutoff: str, observations: str | Path | None = None) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Return the points before and after a cutoff on the scale of errors, and the later series without a counterpart.

    Earlier points are those of the shipped table; later ones those of the file given, else of the shipped table too.

    Raises
    ------
    InputError
        If the file is bad, or nothing of it can be scored.
    """
    at = month_index(check_month("--cutoff", cutoff))
    before = scored.read().filter(pl.col("index") <= at)
    after = scored.read(observations).filter(pl.col("index") > at)
    found = scored.mapped(pl.concat([before, after]))
    later = found.filter(pl.col("index") > at)
    missing = scored.unmapped(after)
    if not later.height:
        name = f"observations {str(observations or 'shipped')!r}"
        raise InputError(f"{name}: no point after {cutoff} of a series in scored_series.csv{_also(observations)}")
    return found.filter(pl.col("index") <= at), later, missing


def backtest(
    folder: Path,
    cutoff: str = CUTOFF,
    observations: str | Path | None = None,
    preset: str | Preset = "quick",
    *,
    workers: int | None = None,
    tell: Tell | None = None,
    cluster: str | None = None,
    **options: Any,
) -> Backtest:
    """Fit to what was observed up to a cutoff, predict what came after, score it.

    Parameters
    ----------
    folder : path
        Where runs are kept; the same call goes on where it stopped.
    cutoff : str
        'YYYY-MM'.
    observations : path, optional
        A table of later points, as `scored.read` takes it.
    preset, workers, tell, cluster, options
        As of `calibrate`.

    Raises
    ------
    InputError
        Before anything is simulated.
    """
    size = preset if isinstance(preset, Preset) else check_preset(preset)
    before, later, missing = targets(cutoff, observations)
    through = int(later["index"].max()) + 1  # type: ignore[arg-type]
    fit = calibrate(folder, cutoff, size, through=through, workers=workers, tell=tell, cluster=cluster, **options)
    factors = widening(fit)
    return Backtest(fit, predicted(fit, before, later, factors), missing, factors)


def _also(path: str | Path | None) -> str:
    named = "" if path is None else not_scored(table(path))
    return f"; {named}" if named else ""


def widening(fit: Calibration) -> dict[str, float]:
    """Return by block how far the fit misses its own points in stated bands (root mean square), at least 1."""
    missed = ((pl.col("posterior") - pl.col("y")) / pl.col("sd")) ** 2
    rows = fit.points.group_by("block", "series", maintain_order=True).agg(missed.mean().alias("missed"))
    means = rows.group_by("block", maintain_order=True).agg(pl.col("missed").mean())
    return {block: max(1.0, float(np.sqrt(value))) for block, value in means.iter_rows() if value is not None}


def predicted(fit: Calibration, before: pl.DataFrame, later: pl.DataFrame, factors: dict[str, float]) -> pl.DataFrame:
    """Return the later points with what was predicted of them and its scores, see `Backtest`."""
    y = scored.model_values(fit.paths, list(OPERATORS), later)
    blur = np.random.default_rng(2).standard_normal((y.shape[0], BLURS))
    earlier = {str(k[0]): rows for k, rows in before.group_by("series", maintain_order=True)}
    rows = []
    for j, row in enumerate(later.iter_rows(named=True)):
        good = np.isfinite(y[:, j]) & (fit.weights > 0.0)
        weights = np.repeat(fit.weights[good], BLURS)
        wide, stated = (
            (y[good, j, None] + blur[good] * row["sd"] * f).ravel() for f in (factors.get(row["block"], 1.0), 1.0)
        )
        low, middle, high = (quantile(wide, weights, q) for q in (0.1, 0.5, 0.9))
        inner = [quantile(stated, weights, q) for q in (0.1, 0.9)]
        known = earlier.get(row["series"])
        skill = known is not None and known["index"].n_unique() >= scoring.NEEDED
        scores: dict[str, Any] = {"crps": scoring.crps(wide, weights, row["y"]) if good.any() else None}
        for name in scoring.BENCHMARKS:
            scores[f"crps_{name}"] = None
            if skill and known is not None:
                t, seen = (known[c].cast(pl.Float64).to_numpy() for c in ("index", "y"))
                normal = scoring.benchmark(name, t, seen, float(known["sd"].mean()), float(row["index"]))  # type: ignore[arg-type]
                scores[f"crps_{name}"] = scoring.crps_normal(*normal, row["y"])
        values = scored.untransform(np.array([low, middle, high]), row["scale"])
        rows.append(
            {
                **{c: row[c] for c in ("series", "block", "date", "index", "value")},
                "use": "skill" if skill else "reach",
                "n_before": 0 if known is None else known.height,
                **dict(zip(("low", "median", "high"), map(float, values), strict=True)),
                "error_log10": (middle - row["y"]) / LOG10,
                "inside": low <= row["y"] <= high,
                "inside_stated": inner[0] <= row["y"] <= inner[1],
                **scores,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def scores(points: pl.DataFrame, n_unmapped: int) -> dict[str, Any]:
    """Return the scores of a backtest.

    Blocks weigh alike, series alike in a block; `points_equal` holds the same with every point alike. Errors and CRPS are of
    series with at least two earlier points, coverage of all. `crps_skill` is 1 - CRPS / CRPS of the best of the benchmarks.
    Intervals are 95 %, from a bootstrap over series, paired for the skill.
    """
    weights = scoring.equal_blocks(points["block"].to_list(), points["series"].to_list())
    inside, stated = (points[c].cast(pl.Float64).to_numpy() for c in ("inside", "inside_stated"))
    covered = scoring.bootstrap(points["series"].to_list(), weights, {"inside": inside})["inside"]
    out: dict[str, Any] = {
        "n_points": points.height,
        "n_series": points["series"].n_unique(),
        "n_unmapped": n_unmapped,
        "n_points_skill": int((points["use"] == "skill").sum()),
        "median_abs_log10_error": None,
        "within_factor_2": None,
        "coverage_80": float((weights * inside).sum()),
        "coverage_80_interval": scoring.interval(covered),
        "coverage_80_stated_bands": float((weights * stated).sum()),
        "crps_skill": None,
    }
    plain: dict[str, Any] = {"coverage_80": float(inside.mean())}
    skilled = points.filter(
        (pl.col("use") == "skill") & pl.col("error_log10").is_finite() & pl.col("crps").is_not_null()
    )
    if skilled.height:
        w = scoring.equal_blocks(skilled["block"].to_list(), skilled["series"].to_list())
        error = skilled["error_log10"].abs().to_numpy()
        near = (error <= np.log10(2.0)).astype(float)
        out["median_abs_log10_error"] = scoring.weighted_median(error, w)
        out["within_factor_2"] = float((w * near).sum())
        plain |= {"median_abs_log10_error": float(np.median(error)), "within_factor_2": float(near.mean())}
        columns = {n: skilled[f"crps_{n}"].to_numpy() for n in scoring.BENCHMARKS}
        columns["model"] = skilled["crps"].to_numpy()
        means = {n: float((w * x).sum()) for n, x in columns.items()}
        drawn = scoring.bootstrap(skilled["series"].to_list(), w, columns)
        best = min(scoring.BENCHMARKS, key=means.__getitem__)
        out["crps_skill"] = 1.0 - means["model"] / means[best]
        out["crps_skill_against"] = {
            n: {"skill": 1.0 - means["model"] / means[n], "interval": scoring.interval(1.0 - drawn["model"] / drawn[n])}
            for n in scoring.BENCHMARKS
        }
        out |= {"crps": means["model"], "best_benchmark": best}
    return {**out, "points_equal": plain}


def _series(rows: pl.DataFrame) -> dict[str, Any]:
    error = rows["error_log10"].abs()
    first = rows.row(0, named=True)
    return {
        **{c: first[c] for c in ("series", "block", "use", "n_before")},
        "n_points": rows.height,
        "median_abs_log10_error": error.median(),
        "within_factor_2": float((error <= np.log10(2.0)).mean()),
        "coverage_80": float(rows["inside"].mean()),  # type: ignore[arg-type]
        **{c: rows[c].mean() for c in ("crps", *(f"crps_{n}" for n in scoring.BENCHMARKS))},
        "points": rows.select("date", "value", "median", "low", "high", "error_log10", "inside").to_dicts(),
    }

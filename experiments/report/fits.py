"""What a calibration leaves in its folder: best parameters, posterior sample, tables, pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from experiments.calibration import smoother
from experiments.calibration.backtest import Backtest
from experiments.calibration.fit import Calibration, summary
from experiments.figures.style import png
from experiments.report.printed import Table
from experiments.runs.files import write_files
from experiments.runs.folder import check_study
from experiments.runs.store import FILE
from model.core.units import percent

RUNS = "runs"  # the store of runs, a folder of its own
BEST, POSTERIOR, PARAMETERS, POINTS, FACTS = "best.toml", "posterior.csv", "parameters.csv", "points.csv", "fit.json"
PICTURES = ("fit.png", "identifiability.png")
FILES = (BEST, POSTERIOR, PARAMETERS, POINTS, FACTS, *PICTURES)
SCORES, FORECAST = "scores.json", "forecast.csv"
BACKTEST = (SCORES, FORECAST, "forecast.png")
CROSSOVER = "crossover.json"
SAMPLE = (
    "Ensemble smoother with multiple data assimilation from the prior of model/data/priors.csv; one row a member of the last "
    "ensemble; weight: exp(-loss/2) times prior over the normal of the ensemble, raised to a power that leaves half of them effective."
)


def check_folder(out: str) -> Path:
    """Return the folder of a fit, or refuse what holds something else.

    Raises
    ------
    InputError
    """
    path = check_study(out, {RUNS, CROSSOVER, *FILES, *BACKTEST}, "a fit", f"{RUNS}/{FILE}")
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(found: Calibration, folder: Path) -> list[str]:
    """Write what a fit found, each file in one step; return the names."""
    from experiments.figures import fit as figures

    files = {
        BEST: best_toml(found).encode(),
        POSTERIOR: sample(found).write_csv().encode(),
        PARAMETERS: _rounded(pl.DataFrame(summary(found))).write_csv().encode(),
        POINTS: _rounded(found.points).write_csv().encode(),
        FACTS: (json.dumps(facts(found), indent=1) + "\n").encode(),
        "fit.png": png(figures.fit(found), 2),
        "identifiability.png": png(figures.identifiability(found), 2),
    }
    return write_files(files, folder)


def facts(found: Calibration) -> dict[str, Any]:
    """Return what is said of a fit in few numbers."""
    d, r = found.points["y"].to_numpy(), 1.0 / found.points["weight"].to_numpy()
    before, after = (np.nanmedian(smoother.loss(y, d, r)) for y in (found.y_prior, found.y))
    return {
        "until": found.until,
        **found.preset._asdict(),
        "runs": found.runs,
        "n_points": found.points.height,
        "n_series": found.points["series"].n_unique(),
        "loss_prior_median": float(before),
        "loss_posterior_median": float(after),
        "loss_best_with_prior": found.best_loss,
        "effective_members": smoother.effective_size(found.weights),
        "sample": SAMPLE,
    }


def sample(found: Calibration) -> pl.DataFrame:
    """Return the posterior sample: weight and the value of each parameter, a row a member."""
    table = pl.DataFrame({"weight": found.weights, **_columns(found)})
    return _rounded(table.filter(pl.col("weight") > 0.0))


def _columns(found: Calibration) -> dict[str, Any]:
    members = found.members
    return {p.parameter: [m[p.parameter] for m in members] for p in found.priors}


def _rounded(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.selectors.float().round_sig_figs(6))


def best_toml(found: Calibration) -> str:
    """Return the best parameters as a scenario file that extends the baseline."""
    lines = [
        "schema = 1",
        'extends = "baseline"',
        f'title = "Fitted to {found.until}"',
        'description = "The run of smallest loss plus distance from the prior."',
    ]
    sections: dict[str, list[str]] = {}
    for name, value in found.best.items():
        section, _, rest = name.partition(".")
        sections.setdefault(section, []).append(f"{rest} = {value:.6g}" if value % 1 else f"{rest} = {value:.1f}")
    for section, rows in sections.items():
        lines += ["", f"[{section}]", *rows]
    return "\n".join(lines) + "\n"


def table(rows: list[dict[str, Any]]) -> Table:
    """Return prior and posterior of each parameter as a table."""

    def span(row: dict[str, Any], which: str) -> str:
        return f"{row[f'{which}_p10']:.3g} to {row[f'{which}_p90']:.3g}"

    cells = [
        (
            row["parameter"],
            span(row, "prior"),
            f"{row['posterior_median']:.3g}",
            span(row, "posterior"),
            f"{row['best']:.3g}",
            percent(row["variance_left"]),
            row["identified_by"],
        )
        for row in sorted(rows, key=lambda row: row["variance_left"])
    ]
    head = ("parameter", "prior P10-P90", "median", "posterior P10-P90", "best", "variance left", "identified by")
    return Table("Prior and posterior", head, cells, words=1)


def write_backtest(found: Backtest, folder: Path) -> list[str]:
    """Write scores, forecasts and their picture, each in one step; return the names."""
    from experiments.figures import fit as figures

    files = {
        SCORES: (json.dumps(finite(found.to_json()), indent=1, allow_nan=False) + "\n").encode(),
        FORECAST: _rounded(found.points).write_csv().encode(),
        "forecast.png": png(figures.forecast(found), 2),
    }
    return write_files(files, folder)


def sentence(result: Mapping[str, Any], last: str) -> str:
    """Return the score of a backtest in words."""
    s = result["scores"]
    low, high = (100 * x for x in s["coverage_80_interval"])
    said = (
        f"Fitted to {result['cutoff']}, scored to the end of {last}: {s['n_points']} points of {s['n_series']} series"
    )
    said += f" ({s['n_unmapped']} series without a counterpart). "
    if s["median_abs_log10_error"] is not None:
        said += f"Median error {s['median_abs_log10_error']:.2f} in log10, {100 * s['within_factor_2']:.0f} % within a factor of two; "
        against = ", ".join(
            f"{v['skill']:+.2f} [{v['interval'][0]:+.2f}, {v['interval'][1]:+.2f}] against {k.replace('_', ' ')}"
            for k, v in s["crps_skill_against"].items()
        )
        said += f"CRPS skill {against}; "
    return said + f"80 % intervals cover {100 * s['coverage_80']:.0f} % [{low:.0f}, {high:.0f}]. Blocks weigh alike."


def backtest_table(result: Mapping[str, Any]) -> Table:
    """Return the scores by series as a table."""
    rows = [
        (
            s["series"],
            s["block"],
            s["use"],
            str(s["n_points"]),
            f"x/{10 ** s['median_abs_log10_error']:.2g}" if s["median_abs_log10_error"] is not None else "-",
            percent(s["coverage_80"]),
            *(
                "-" if s[c] is None else f"{s[c]:.2f}"
                for c in ("crps", "crps_last_value", "crps_log_linear_trend", "crps_damped_trend")
            ),
        )
        for s in result["series"]
    ]
    head = ("series", "block", "use", "points", "off by", "covered", "CRPS", "last value", "trend", "damped trend")
    return Table(f"Cutoff {result['cutoff']}", head, rows, words=3)


def finite(value: Any) -> Any:
    """Return plain values with numbers that are not finite as None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""Pictures of a fit and of a backtest: each series beside the model, and what the data said of each parameter."""

from __future__ import annotations

import datetime as dt

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

from experiments.calibration import scored
from experiments.calibration.backtest import Backtest
from experiments.calibration.fit import Calibration, quantile, summary
from experiments.calibration.observations import MONTHS_MAX
from experiments.calibration.operators import OPERATORS
from experiments.figures.style import BLUE, GREY, INK, ORANGE, WIDTH, columns, finish, panel, x_axis, y_axis
from model.core.units import month_date, month_index

Array = NDArray[np.float64]
#: Drawn large: one to two a block, those with most points or most at stake.
TELLING = {
    "ai_chip_cum_h100e_sum4": "chips sold since 2022, H100e",
    "nvidia_dc_revenue_q": "NVIDIA data-centre revenue, bn USD a quarter",
    "capex_big4_year": "capex of the big four, bn USD a year",
    "gpu_rent_h100": "rent of an H100, USD an hour",
    "price_in_frontier": "input of flagship models, USD/Mtoken",
    "chatgpt_wau": "ChatGPT's weekly users",
    "tokens_google_month": "Google's tokens a month",
    "metr_horizon_p50": "50 % task horizon, minutes",
    "train_compute_frontier": "largest training run, FLOP",
    "robotaxi_waymo_rides_week": "robotaxi rides a week (Waymo)",
}
KNOWN = "data-informed up to the cutoff"


def paths_of(paths: Array, weights: Array, series: str, sd: float = 0.0) -> pl.DataFrame:
    """Return weighted median, P10 and P90 of what the model says of a series, by month, in its unit.

    Parameters
    ----------
    paths : (members, months, operators) float
    weights : (members,) float
    series : str
    sd : float
        Log-sd (logit-sd) of what lies between model and observation, added to the band.
    """
    row = scored.series_table().filter(pl.col("series") == series).row(0, named=True)
    at = list(OPERATORS).index(row["operator"])
    shift = np.random.default_rng(1).standard_normal((25, 1)) * sd
    out = []
    for month in range(paths.shape[1]):
        x = paths[:, month, at]
        good = np.isfinite(x) & ((x > 0.0) if row["scale"] == "log" else True) & (weights > 0.0)
        if not good.any():
            continue
        y = np.array([scored.transform(float(v), row["scale"]) for v in x[good]])
        w = weights[good]
        low, middle, high = (
            float(scored.untransform(np.array(quantile((y + shift).ravel(), np.tile(w, 25), q)), row["scale"]))
            for q in (0.1, 0.5, 0.9)
        )
        out.append((month_date(month), low, middle, high))
    return pl.DataFrame(out, ["month", "low", "median", "high"], orient="row")


def beside(line: pl.DataFrame, points: pl.DataFrame, title: str, until: str, log: bool, key: bool) -> alt.LayerChart:
    """Return the model's band and the observed points of one series, before and after the cutoff."""
    months = [dt.date(2022, 1, 1), max(line["month"].max(), points["month"].max())]  # type: ignore[type-var]
    positive = [*points["value"].to_list(), *line["median"].to_list()]
    extent = [*positive, line["low"].min(), line["high"].max()]
    y = y_axis(extent, None, log)
    names = ["before the cutoff", "after it"]
    when = pl.when(pl.col("index") <= month_index(until)).then(pl.lit(names[0])).otherwise(pl.lit(names[1]))
    legend = alt.Legend(title=None, orient="top") if key else None
    fill = alt.Fill("when:N", scale=alt.Scale(domain=names, range=["white", ORANGE]), legend=legend)
    cut = alt.Chart(pl.DataFrame({"month": [month_date(month_index(until))]}))
    plain = alt.Chart(line)
    return panel(
        alt.layer(
            plain.mark_area(fillOpacity=0.25, color=BLUE).encode(x_axis(months), y("low"), alt.Y2("high:Q")),
            plain.mark_line(strokeWidth=2, color=BLUE).encode(x_axis(months), y("median")),
            cut.mark_rule(strokeDash=[4, 3], color=GREY).encode(x_axis(months)),
            alt.Chart(points.with_columns(when.alias("when")))
            .mark_point(stroke=INK, size=42, opacity=1, strokeWidth=1)
            .encode(x_axis(months), y("value"), fill),
        ),
        title,
        330,
        120,
    )


def series_panels(
    paths: Array, weights: Array, points: pl.DataFrame, until: str, sds: dict[str, float] | None = None
) -> alt.TopLevelMixin:
    """Return the telling series side by side; `points` as `scored.mapped` returns them, `sds` of series, if wanted."""
    charts = []
    months = [month_date(i) for i in range(MONTHS_MAX)]
    for name, title in TELLING.items():
        mine = points.filter(pl.col("series") == name)
        if not mine.height:
            continue
        mine = mine.with_columns(
            pl.col("index").replace_strict(dict(enumerate(months)), return_dtype=pl.Date).alias("month")
        )
        line = paths_of(paths, weights, name, (sds or {}).get(name, 0.0))
        values = [v for v in [*mine["value"], *line["low"], *line["high"]] if v > 0.0]
        log = bool(values) and max(values) / min(values) > 8.0
        charts.append(beside(line, mine, title, until, log, False))
    return columns(charts, 2)


def fit(found: Calibration) -> alt.TopLevelMixin:
    """Draw the ten most telling series beside the fitted model, hits and misses alike."""
    fitted = found.points["series"].n_unique()
    return finish(
        series_panels(found.paths, found.weights, found.points, found.until),
        f"Fitted to what was observed up to {found.until}",
        [
            f"Points: published figures. Line and band: median and P10-P90 of the posterior, model alone. {fitted} series were"
            " fitted; these are the most telling."
        ],
        pl.DataFrame({"seed": np.arange(found.z.shape[0])}),
        KNOWN,
        "posterior sample, {}, one a member",
    )


def forecast(found: Backtest) -> alt.TopLevelMixin:
    """Draw the telling series, fitted before the cutoff and predicted after it, hits and misses alike.

    The band is that of the observation: the model's posterior blurred by the stated band of the series.
    """
    fit = found.fit
    columns_of = ["series", "index", "value"]
    points = pl.concat([fit.points.select(columns_of), found.points.select(columns_of)])
    sds = dict(
        fit.points.group_by("series")
        .agg(pl.col("sd").mean(), pl.col("block").first())
        .select("series", "sd")
        .iter_rows()
    )
    blocks = dict(fit.points.select("series", "block").unique().iter_rows())
    sds = {name: sd * found.widening.get(blocks[name], 1.0) for name, sd in sds.items()}
    s = found.to_json()["scores"]
    error = s["median_abs_log10_error"]
    said = "" if error is None else f"; off by a factor of {10**error:.2g} (median), "
    return finish(
        series_panels(fit.paths, fit.weights, points, fit.until, sds),
        f"Fitted to {fit.until}, held against what came after",
        [
            f"White points were fitted, coloured ones predicted{said}80 % intervals cover {100 * s['coverage_80']:.0f} %."
            f" {s['n_points']} points of {s['n_series']} series, blocks alike; these series are the most telling.",
            "Line and band: median and P10-P90 of what would be observed, parameters, seed noise and the stated bands of the series together.",
        ],
        pl.DataFrame({"seed": np.arange(fit.z.shape[0])}),
        KNOWN,
        "posterior sample, {}, one a member",
    )


def identifiability(found: Calibration) -> alt.TopLevelMixin:
    """Draw what the data said of each parameter: prior and posterior interval, and the series that moves with it most."""
    rows = []
    for p, row in zip(found.priors, summary(found), strict=True):
        k = found.priors.index(p)
        z, w = found.z[:, k], found.weights
        rows.append(
            {
                "parameter": p.parameter,
                "low": quantile(z, w, 0.1),
                "median": quantile(z, w, 0.5),
                "high": quantile(z, w, 0.9),
                "text": f"{row['posterior_p10']:.3g} to {row['posterior_p90']:.3g}; {row['identified_by']}",
                "left": row["variance_left"],
            }
        )
    table = pl.DataFrame(rows).sort("left")
    y = alt.Y("parameter:N", sort=None, axis=alt.Axis(title=None, labelLimit=260))
    x = alt.Scale(domain=[-3.0, 7.0], nice=False)
    axis = alt.Axis(title="standard deviations of the prior", titleAnchor="start", values=[-3, -2, -1, 0, 1, 2, 3])
    plain = alt.Chart(table)
    prior = plain.mark_rule(strokeWidth=9, color="#dddddd").encode(y, alt.X("a:Q", scale=x, axis=axis), alt.X2("b:Q"))
    prior = prior.transform_calculate(a="-1.2816", b="1.2816")
    posterior = plain.mark_rule(strokeWidth=4, color=BLUE).encode(
        y, alt.X("low:Q", scale=x, axis=axis), alt.X2("high:Q")
    )
    dot = plain.mark_point(filled=True, color=ORANGE, size=45, opacity=1).encode(
        y, alt.X("median:Q", scale=x, axis=axis)
    )
    words = plain.mark_text(align="left", fontSize=10, color=INK).encode(
        y, alt.Text("text:N"), x=alt.value(0.63 * WIDTH)
    )
    return finish(
        alt.layer(prior, posterior, dot, words).properties(width=WIDTH, height=17 * len(rows)),
        "What the data say of each parameter",
        [
            "Grey: P10-P90 of the prior. Blue: of the posterior, with its ends in the parameter's own unit and the series that moves most"
            " with it (none: no series does).",
            "Narrow blue: identified. Blue as wide as grey: the data to this month say nothing of it.",
        ],
        pl.DataFrame({"seed": np.arange(found.z.shape[0])}),
        KNOWN,
        "posterior sample, {}, one a member",
    )

"""Figures of one share at a time: when it crosses one half, against the scenario as shipped; what a lab planned; two scenarios."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from experiments.calibration.observed import points
from experiments.figures.style import (
    BLUE,
    DATA_END,
    GREY,
    INK,
    LABEL,
    ORANGE,
    bands,
    finish,
    lines,
    nothing,
    observed,
    panel,
    span,
    within,
    x_axis,
    y_axis,
)
from experiments.runs import answer as numbers
from model.core.units import month_date
from model.results.measures import Crossover, crossover_summary

if TYPE_CHECKING:
    from experiments.studies.comparison import Comparison

#: Observed inference shares and what they count; none has exactly the model's denominators.
OBSERVED_SHARES = {
    "inference_share_ai_compute": "Deloitte: all AI",
    "openai_inference_share_of_compute_spend": "OpenAI: USD",
}


def share(
    found: numbers.Counts,
    definition: str,
    until: dt.date,
    before: numbers.Counts | None = None,
    width: int = 720,
) -> alt.TopLevelMixin:
    """Inference's 12-month share under one definition, its crossover, observed points, and the run it is held against.

    Parameters
    ----------
    found : Counts
        Of the run so far, any number of seeds.
    definition : str
        A key of `model.results.measures.DEFINITIONS`.
    until : date
        End of the axis.
    before : Counts, optional
        Of the scenario as shipped.
    width : int
        Pixels; a narrow chart has fewer labels.
    """
    rows = _rolled(found, definition)
    start = found.months[0][0] if found.months and found.months[0] else until
    dates, narrow = [start, until], width < 500
    y = alt.Y(
        "median:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title=None, tickCount=5, minExtent=36)
    )
    across = x_axis(dates, every=2 if narrow else 1)
    line = alt.Chart(rows)
    layers = [
        line.mark_area(color=BLUE, fillOpacity=0.16).encode(across, y),
        line.mark_area(color=ORANGE, fillOpacity=0.12).encode(across, y, alt.Y2(datum=1.0)),
        alt.Chart(pl.DataFrame({"y": [0.5]})).mark_rule(strokeDash=[5, 4], color=INK).encode(alt.Y("y:Q")),
    ]
    if len(found.seeds) > 1:
        layers.append(line.mark_area(color=BLUE, fillOpacity=0.3).encode(across, alt.Y("low:Q"), alt.Y2("high:Q")))
    marks = [_crossover(found, definition, "", INK, 0.58)]
    if before is not None:
        other = alt.Chart(_rolled(before, definition).rename({"median": "value"}))
        layers.append(other.mark_line(color=GREY, strokeDash=[6, 4], strokeWidth=2).encode(across, alt.Y("value:Q")))
        marks.append(_crossover(before, definition, "as shipped: ", GREY, 0.22))
    layers.append(line.mark_line(color=BLUE, strokeWidth=3).encode(across, y))
    seen = within(points(list(OBSERVED_SHARES)), pl.Series(dates))
    seen = seen.with_columns(pl.col("series").replace_strict(OBSERVED_SHARES).alias("text"))
    texts = seen.select("month", pl.col("value").alias("y"), "text").rows()
    if start <= DATA_END <= until:
        end = alt.Chart(pl.DataFrame({"month": [DATA_END]}))
        layers.append(end.mark_rule(color=GREY, strokeDash=[2, 3]).encode(across))
        texts += [] if narrow else [(DATA_END, 0.965, "data end, priors decide from here")]
    layers += observed(seen) if seen.height else []
    layers += _texts(texts, across, align="left", dx=6, dy=-7, fontSize=9 if narrow else 10)
    if rows.height > 18:
        at = rows["month"][2 * rows.height // 5]
        names = [(at, 0.07, "inference"), (at, 0.9, "training (R&D)")]
        layers += _texts(names, across, align="left", fontSize=13, fontWeight="bold")
    layers += _marked([m for m in marks if m], dates, across, narrow)
    chart = alt.layer(*layers).properties(width=width, height=230 if narrow else 320)
    seeds = pl.DataFrame({"seed": list(found.seeds)}, schema={"seed": pl.Int64})
    counted = numbers.DENOMINATORS[definition.removesuffix(numbers.ON_BOARD_SUFFIX)]
    if narrow:
        return finish(chart, "Inference's share, last 12 months", [f"Of: {counted}."], seeds, "priors after 2026")
    said = [
        f"Denominator: {counted}, last 12 months." + (" Grey: the scenario as shipped." if before is not None else "")
    ]
    return finish(
        chart, "Inference's share of compute", [*said, "Points: observed, with the denominators they name."], seeds
    )


def when(runs: Sequence[Crossover], start: str) -> str:
    """Return in words when a share crosses one half.

    >>> when([Crossover("month", 47, False)], "2022-01"), when([Crossover("never", None, True)], "2022-01")
    ('2025-12', 'too early to tell')
    """
    summary = crossover_summary(list(runs), start)
    if summary["median"] is not None:
        early = 2 * sum(c.outcome == "before_start" for c in runs) > len(runs)
        unsure = " (provisional)" if all(c.provisional for c in runs) else ""
        return f"before {summary['median']}" if early else f"{summary['median']}{unsure}"
    if all(c.outcome == "never" and c.provisional for c in runs):
        return "too early to tell"
    return "rises above, falls back" if any(c.outcome == "reverted" for c in runs) else "not in this run"


def _rolled(found: numbers.Counts, definition: str) -> pl.DataFrame:
    """Return median, low and high of the 12-month share by month."""
    schema = {"month": pl.Date, "value": pl.Float64}
    parts = [
        pl.DataFrame({"month": months, "value": values}, schema=schema)
        for months, values in zip(found.months, found.rolling(definition), strict=True)
    ]
    return bands(pl.concat(parts).filter(pl.col("value").is_finite()))


def _crossover(found: numbers.Counts, definition: str, prefix: str, colour: str, y: float) -> dict[str, object]:
    """Return where a share crosses one half: month, words, colour, height of the words; nothing if it does not."""
    runs = numbers.crossings(found)[definition]
    median = crossover_summary(list(runs), found.start)["median"]
    if median is None:
        return {}
    text = prefix + when(runs, found.start)
    return {"month": month_date(0, str(median)), "value": 0.5, "text": text, "colour": colour, "y": y}


def _marked(
    marks: Sequence[Mapping[str, object]], dates: Sequence[dt.date], across: alt.X, narrow: bool
) -> list[alt.Chart]:
    """Return a line, a point and a date for each crossover."""
    if not marks:
        return []
    rows = pl.DataFrame(marks)
    late = pl.col("month") > dates[0] + (dates[1] - dates[0]) * (0.5 if narrow else 0.75)
    colour = alt.Color("colour:N", scale=None)
    plain = alt.Chart(rows)
    layers = [
        plain.mark_rule(strokeWidth=1.5).encode(across, colour),
        plain.mark_point(filled=True, size=90, opacity=1).encode(across, alt.Y("value:Q"), colour),
    ]
    for here, side in (
        (rows.filter(late), {"align": "right", "dx": -8}),
        (rows.filter(~late), {"align": "left", "dx": 8}),
    ):
        if here.height:
            words = alt.Chart(here).mark_text(fontSize=13, fontWeight="bold", **side)
            layers.append(words.encode(across, alt.Y("y:Q"), colour, alt.Text("text:N")))
    return layers


def _texts(rows: Sequence[tuple[dt.date, float, str]], across: alt.X, **style: object) -> list[alt.Chart]:
    """Return words at months and heights."""
    table = pl.DataFrame(rows, schema={"month": pl.Date, "y": pl.Float64, "text": pl.String}, orient="row")
    plain = alt.Chart(table).mark_text(color=INK, **style)
    return [plain.encode(across, alt.Y("y:Q"), alt.Text("text:N"))] if rows else []


def plans(rows: pl.DataFrame, lab: str, dates: Sequence[dt.date], width: int = 720) -> alt.TopLevelMixin:
    """Lifetime tokens and cost of a lab's models, as planned at the start of the run and as they came, by month of release.

    Parameters
    ----------
    rows : polars.DataFrame
        month, tier, serving, planned_tokens, realised_tokens, planned_usd, realised_usd; one released model a row.
    lab : str
    dates : two dates
        Ends of the axis.
    width : int
    """
    kinds = {"planned": ORANGE, "came": BLUE, "came so far (still serving)": "#56B4E9"}
    scale = alt.Scale(domain=list(kinds), range=list(kinds.values()))
    shape = alt.Scale(domain=list(kinds), range=["square", "circle", "circle"])
    key = alt.Legend(title=None, orient="top", symbolStrokeWidth=1, columns=1 if width < 500 else 3)
    big = rows.filter(pl.col("tier") != "small")
    panels = []
    for what, title in (("tokens", "tokens over its life"), ("usd", "cost over its life, USD")):
        here = big.filter((pl.col(f"planned_{what}") > 0.0) & (pl.col(f"realised_{what}") > 0.0))
        came = pl.when("serving").then(pl.lit("came so far (still serving)")).otherwise(pl.lit("came"))
        long = pl.concat(
            [
                here.select("month", pl.lit("planned").alias("what"), pl.col(f"planned_{what}").alias("value")),
                here.select("month", came.alias("what"), pl.col(f"realised_{what}").alias("value")),
            ]
        )
        y = y_axis([long["value"].min(), long["value"].max()], title, True)
        plain = alt.Chart(long)
        between = here.select("month", pl.col(f"planned_{what}").alias("low"), pl.col(f"realised_{what}").alias("high"))
        panels.append(
            alt.layer(
                alt.Chart(between).mark_rule(color=GREY).encode(x_axis(dates), y("low"), alt.Y2("high:Q")),
                plain.mark_point(filled=True, size=70, opacity=1).encode(
                    x_axis(dates),
                    y("value"),
                    alt.Color("what:N", scale=scale, legend=key),
                    alt.Shape("what:N", scale=shape, legend=key),
                ),
            ).properties(width=width, height=170)
        )
    chart = alt.vconcat(*panels) if big.height else nothing("no frontier model has been released yet")
    seeds = pl.DataFrame({"seed": [0]})
    return finish(
        chart,
        f"Frontier models of lab {lab}: planned and what came",
        ["One point pair a model, at its month of release; the plan was made when its training began."],
        seeds,
        "prior-dominated: plans are not published",
    )


def life(rows: pl.DataFrame, units: Mapping[str, str], kind: str, width: int = 720) -> alt.TopLevelMixin:
    """One agent's columns over time, those that vary, each in its own panel.

    Parameters
    ----------
    rows : polars.DataFrame
        month and numbers.
    units : mapping
        {column: unit} of those that may be drawn.
    kind : str
    width : int
    """
    varying = [n for n in units if rows[n].drop_nans().n_unique() > 2][:9]
    columns_ = 1 if width < 500 else 3
    panels = []
    for name in varying:
        values = rows.select("month", pl.col(name).alias("value"))
        unit = "" if units[name] == "-" else f", {units[name]}"
        line = alt.Chart(values).mark_line(color=BLUE, strokeWidth=2)
        y = alt.Y("value:Q", axis=alt.Axis(title=None, tickCount=4, labelExpr=LABEL), scale=alt.Scale(zero=False))
        panels.append(panel(line.encode(x_axis(span(values), every=4), y), _words(name, units[name]) + unit, 195, 80))
    chart = alt.concat(*panels, columns=columns_) if panels else nothing("nothing about this agent has changed yet")
    seeds = pl.DataFrame({"seed": [0]})
    return finish(
        chart,
        f"One {kind}, month by month",
        ["Its own state at the end of each month; a row stands for many where it has a weight."],
        seeds,
    )


def difference(found: Comparison, name: str, width: int = 720) -> alt.TopLevelMixin:
    """Two scenarios run with the same seeds: their means, and the paired difference with its error.

    Parameters
    ----------
    found : Comparison
        With every month of the series.
    name : str
        A series of it.
    width : int
    """
    means = found.means_a.filter(pl.col("series") == name).select("month", pl.col("mean").alias("a"))
    rows = found.rows.filter(pl.col("series") == name).join(means, on="month", how="left")
    d, error = pl.col("difference"), pl.col("standard_error").fill_null(0.0)
    other = pl.col("standard_error_independent").fill_null(0.0)
    rows = rows.with_columns(
        (pl.col("a") + d).alias("b"), (d - 2 * error).alias("low"), (d + 2 * error).alias("high"),
        (d - 2 * other).alias("wide_low"), (d + 2 * other).alias("wide_high"),
    ).sort("month")  # fmt: skip
    a, b = (f"{letter}: {words}" for letter, words in zip("AB", found.names, strict=True))
    colours = {a: GREY, b: BLUE}
    both = pl.concat(
        [
            rows.select("month", pl.lit(which).alias("what"), *(pl.col(c).alias(x) for x in ("median", "low", "high")))
            for which, c in ((a, "a"), (b, "b"))
        ]
    ).drop_nulls("median")
    months = span(rows)
    top = lines(
        both,
        "what",
        colours,
        name.replace("_", " "),
        span=months,
        log="share" not in name and _wide(both["median"]),
        legend="top",
    )
    y = y_axis(
        [rows[c].min() for c in ("wide_low", "low")] + [rows[c].max() for c in ("wide_high", "high")],
        "B minus A",
        False,
    )
    across = x_axis(months)
    plain = alt.Chart(rows.drop_nulls("difference"))
    bottom = alt.layer(
        plain.mark_area(fillOpacity=0.12, color=GREY).encode(across, y("wide_low"), alt.Y2("wide_high:Q")),
        plain.mark_area(fillOpacity=0.35, color=BLUE).encode(across, y("low"), alt.Y2("high:Q")),
        alt.Chart(pl.DataFrame({"y": [0.0]})).mark_rule(color=INK, strokeDash=[5, 4]).encode(alt.Y("y:Q")),
        plain.mark_line(color=BLUE, strokeWidth=2).encode(across, y("difference")),
    )
    return finish(
        alt.vconcat(top.properties(width=width, height=190), bottom.properties(width=width, height=150)).resolve_scale(
            color="independent", strokeDash="independent"
        ),
        "Two scenarios on common random numbers",
        [
            "Lower: B minus A, mean over pairs of runs with the same seed; dark band two standard errors of that mean,",
            "grey band what as many runs with other seeds would give.",
        ],
        pl.DataFrame({"seed": list(found.seeds)}),
        "differences follow from the assumptions changed",
        "mean of {}",
    )


def _words(name: str, unit: str) -> str:
    plain = name.partition("_usd")[0] if unit.startswith("USD") else name
    return plain.replace("_", " ")


def _wide(values: pl.Series) -> bool:
    """Return whether a series wants a logarithmic axis."""
    seen = values.drop_nulls().to_list()
    return bool(seen) and min(seen) > 0.0 and max(seen) / min(seen) > 50.0

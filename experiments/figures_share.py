"""Figures of one share at a time: when it passes one half, against the scenario as shipped; what a lab planned; two scenarios."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from experiments import answer as numbers
from experiments.drawing import (
    BLUE,
    DATA_END,
    GREY,
    INK,
    ORANGE,
    bands,
    finish,
    label,
    observed,
    within,
    x_axis,
)
from experiments.observed import points
from model.core.units import month_date
from model.measures import Crossover, crossover_summary

if TYPE_CHECKING:
    pass

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
        A key of `model.measures.DEFINITIONS`.
    until : date
        End of the axis.
    before : Counts, optional
        Of the scenario as shipped.
    width : int
        Pixels; a narrow chart has fewer labels.
    """
    rows = _rolled(found, definition)
    start = found.months[0][0] if found.months and found.months[0] else until
    span, narrow = [start, until], width < 500
    y = alt.Y(
        "median:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title=None, tickCount=5, minExtent=36)
    )
    across = x_axis(span, every=2 if narrow else 1)
    line = alt.Chart(rows)
    layers = [
        line.mark_area(color=BLUE, fillOpacity=0.16).encode(across, y),
        line.mark_area(color=ORANGE, fillOpacity=0.12).encode(across, y, alt.Y2(datum=1.0)),
        line.mark_area(color=BLUE, fillOpacity=0.3).encode(across, alt.Y("low:Q"), alt.Y2("high:Q")),
        alt.Chart(pl.DataFrame({"y": [0.5]})).mark_rule(strokeDash=[5, 4], color=INK).encode(alt.Y("y:Q")),
    ]
    crossings = {"": numbers.crossings(found)[definition]}
    if before is not None:
        other = alt.Chart(_rolled(before, definition).rename({"median": "value"}))
        layers.append(other.mark_line(color=GREY, strokeDash=[6, 4], strokeWidth=2).encode(across, alt.Y("value:Q")))
        crossings["as shipped: "] = numbers.crossings(before)[definition]
    layers.append(line.mark_line(color=BLUE, strokeWidth=3).encode(across, y))
    if start <= DATA_END <= until:
        end = pl.DataFrame({"month": [DATA_END], "text": ["data end, priors decide from here"]})
        layers.append(alt.Chart(end).mark_rule(color=GREY, strokeDash=[2, 3]).encode(across))
        layers += [] if narrow else label(end, alt.datum(0.965))
    if rows.height > 18:
        words = pl.DataFrame(
            {"month": [rows["month"][rows.height // 6]] * 2, "y": [0.07, 0.9], "text": ["inference", "training (R&D)"]}
        )
        layers += label(words, alt.Y("y:Q"), fontSize=13, fontWeight="bold", dx=0)
    for (prefix, runs), y_text, style in zip(
        crossings.items(), (0.58, 0.43), ({"color": INK}, {"color": GREY}), strict=False
    ):
        layers += _crossover(runs, found.start, prefix, y_text, style["color"], span)
    seen = within(points(list(OBSERVED_SHARES)), pl.Series(span))
    seen = seen.with_columns(pl.col("series").replace_strict(OBSERVED_SHARES).alias("text"))
    if seen.height:
        layers += [*observed(seen), *label(seen, alt.Y("value:Q"), fontSize=9 if narrow else 10)]
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
    """Return in words when a share passes one half for good.

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


def _crossover(
    runs: Sequence[Crossover], start: str, prefix: str, y: float, colour: str, span: Sequence[dt.date]
) -> list[alt.Chart]:
    """Return where a share passes one half, marked and dated; nothing if it does not."""
    summary = crossover_summary(list(runs), start)
    if summary["median"] is None:
        return []
    at = month_date(0, str(summary["median"]))
    late = at > span[0] + (span[1] - span[0]) * 0.75
    row = pl.DataFrame({"month": [at], "value": [0.5], "text": [prefix + when(runs, start)]})
    plain = alt.Chart(row)
    side = {"align": "right", "dx": -8} if late else {"align": "left", "dx": 8}
    return [
        plain.mark_rule(color=colour, strokeWidth=1.5).encode(x_axis(span)),
        plain.mark_point(filled=True, fill=colour, size=90, opacity=1).encode(x_axis(span), alt.Y("value:Q")),
        plain.mark_text(fontSize=13, fontWeight="bold", color=colour, **side).encode(
            x_axis(span), y=alt.datum(y), text=alt.Text("text:N")
        ),
    ]

"""One altair function a figure; report, browser page and notebooks all call these.

Functions take result tables (one or more seeds), aggregate in polars and return a chart. Lines are medians over seeds, bands
P10 to P90. Here: the answer. Its economics, markets and evidence are in `figures_economy` and `figures_markets`, and can be had from here.
"""

from __future__ import annotations

import datetime as dt

import altair as alt
import polars as pl

from experiments.calibration.observed import points
from experiments.figures.register import figure
from experiments.figures.style import (
    BLUE,
    DATA_END,
    GREY,
    INFORMED,
    INK,
    ORANGE,
    PARTS_COLOURS,
    WIDTH,
    bands,
    finish,
    label,
    lines,
    nothing,
    observed,
    panel,
    within,
    x_axis,
)
from experiments.runs import answer as numbers
from model.core.units import month_date, month_index
from model.results.measures import FIRST_DATE, Crossover, crossed_by, crossover, crossover_summary

#: Observed inference shares and what they count; none has the headline's denominator.
OBSERVED_SHARES = {
    "inference_share_ai_compute": "Deloitte: all AI",
    "openai_inference_share_of_compute_spend": "OpenAI: USD",
}
OUTCOMES = {
    "before_start": ("before 2024", INK),
    "month": ("crosses and stays above", BLUE),
    "provisional": ("above at the end, too late to tell", "#56B4E9"),
    "reverted": ("crosses and falls back", "#E69F00"),
    "never": ("never", "#DDDDDD"),
}


@figure("the answer", ["compute"])
def answer(compute: pl.DataFrame) -> alt.TopLevelMixin:
    """Who has the accelerator-hours of generative AI, and when inference crosses one half.

    Parameters
    ----------
    compute : polars.DataFrame
        Table of the same name.
    """
    hours = _hours_by_part(compute)
    months = hours["month"].unique().sort()
    span = [months[0], months[-1]]
    rolled = hours.with_columns(pl.col("hours").rolling_sum(12).over("seed", "part", order_by="month").alias("year"))
    rolled = rolled.with_columns((pl.col("year") / pl.col("year").sum().over("seed", "month")).alias("share"))
    rolled = rolled.filter(pl.col("year").is_not_null() & pl.col("share").is_finite())
    stacked = rolled.group_by("month", "part", maintain_order=True).agg(pl.col("share").mean()).sort("month", "part")
    stacked = stacked.with_columns(
        pl.col("part").replace_strict(numbers.PARTS).alias("who"),
        pl.col("part").replace_strict({p: i for i, p in enumerate(numbers.PARTS)}).alias("rank"),
    )
    names = list(numbers.PARTS.values())[::-1]
    scale = alt.Scale(domain=names, range=[PARTS_COLOURS[p] for p in numbers.PARTS][::-1])
    y = alt.Y("share:Q", stack="zero", scale=alt.Scale(domain=[0, 1]))
    areas = alt.Chart(stacked).mark_area(fillOpacity=0.85, stroke="white", strokeWidth=0.8)
    areas = areas.encode(
        x_axis(span),
        y.axis(format="%", title="share of H100e-hours, last 12 months"),
        alt.Color("who:N", scale=scale, legend=alt.Legend(title=None)),
        alt.Order("rank:Q"),
    )
    inference = pl.col("part").is_in(numbers.INFERENCE_PARTS)
    border = (
        rolled.filter(inference)
        .group_by("seed", "month", maintain_order=True)
        .agg(pl.col("share").sum().alias("value"))
    )
    border = bands(border)
    ending = f"; {100 * border['median'][-1]:.0f} % in the 12 months to {months[-1]:%Y-%m}" if border.height else ""
    edge = alt.Chart(border)
    half = alt.Chart(pl.DataFrame({"y": [0.5]})).mark_rule(strokeDash=[5, 4], color=INK).encode(alt.Y("y:Q"))
    crossings = _headline(hours)
    top = alt.layer(
        areas,
        edge.mark_area(color=INK, fillOpacity=0.25).encode(x_axis(span), alt.Y("low:Q"), alt.Y2("high:Q")),
        edge.mark_line(color=INK, strokeWidth=2.5).encode(x_axis(span), alt.Y("median:Q")),
        half,
        *_names(stacked),
        *_mark(crossings, months),
        *_observed_shares(months),
    )
    use = pl.when(inference).then(pl.lit("inference")).otherwise(pl.lit("R&D of labs")).alias("use")
    both = bands(
        hours.group_by("seed", "month", use, maintain_order=True).agg(pl.col("hours").sum().alias("value")), "use"
    )
    bottom = lines(both, "use", {"inference": BLUE, "R&D of labs": ORANGE}, "H100e-hours a month", log=True, span=span)
    return finish(
        alt.vconcat(top.properties(width=WIDTH, height=330), bottom.properties(height=130)).resolve_scale(
            color="independent", strokeDash="independent"
        ),
        _verdict(crossings, months) + ending,
        [
            "Denominator: H100e-hours of generative AI in data centres: serving (inference) and all R&D of labs (training).",
            "Heavy line: the border between them, median of the runs (areas are means; neither they nor the date need fit it). Bar at the foot:"
            " interval of the date. Points: observed, with other denominators.",
        ],
        compute,
    )


@figure("six denominators", ["compute", "monthly"], after="answer")
def definitions(compute: pl.DataFrame, monthly: pl.DataFrame) -> alt.TopLevelMixin:
    """Inference's 12-month share under each definition, with and without work on robots' and devices' own chips.

    Parameters
    ----------
    compute, monthly : polars.DataFrame
        Tables of the same names.
    """
    found = numbers.counts(compute, monthly)
    kinds = {"data centres": BLUE, "with robots' and devices' own chips": ORANGE}
    rows, marks = [], []
    crossed = numbers.crossings(found)
    for definition in found.values:
        base = definition.removesuffix(numbers.ON_BOARD_SUFFIX)
        kind = list(kinds)[definition != base]
        for seed, months, share in zip(found.seeds, found.months, found.rolling(definition), strict=True):
            of_seed = pl.lit(seed, pl.Int64).alias("seed")
            rows.append(
                pl.DataFrame({"month": months, "value": share, "base": base, "counted": kind}).with_columns(of_seed)
            )
        summary = crossover_summary(crossed[definition], found.start)
        if definition == base and summary["median"] is not None:
            mark = {"base": base, "month": _first_day(summary["median"], dt.date.max), "value": 0.5}
            marks.append(mark | {"text": _date(crossed[definition], summary)})
    named = pl.col("base").replace_strict(numbers.DENOMINATORS).alias("panel")
    table = bands(pl.concat(rows).filter(pl.col("value").is_finite()), "base", "counted").with_columns(named)
    schema = {"base": pl.String, "month": pl.Date, "value": pl.Float64, "text": pl.String}
    crossing = alt.Chart(pl.DataFrame(marks, schema=schema).with_columns(named))
    scale = alt.Scale(domain=list(kinds), range=list(kinds.values()))
    dash = alt.Scale(domain=list(kinds), range=[[1, 0], [4, 3]])
    key = alt.Legend(title=None, symbolType="stroke", symbolSize=300, orient="top")
    colour = alt.Color("counted:N", scale=scale, legend=key)
    y = alt.Y("median:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title=None, tickCount=5))
    panels = []
    for base, words in numbers.DENOMINATORS.items():
        here = table.filter(pl.col("base") == base)
        plain = alt.Chart(here)
        own = crossing.transform_filter(alt.datum.base == base)
        early = any(m["base"] == base and str(m["text"]).startswith("before") for m in marks)
        side = {"align": "left", "dx": 8} if early else {"align": "right", "dx": -8}
        text = own.mark_text(dy=-9, fontWeight="bold", color=INK, **side)
        chart = alt.layer(
            plain.mark_area(fillOpacity=0.2).encode(x_axis(every=2), alt.Y("low:Q"), alt.Y2("high:Q"), colour),
            plain.mark_line(strokeWidth=2).encode(
                x_axis(every=2), y, colour, alt.StrokeDash("counted:N", scale=dash, legend=key)
            ),
            plain.mark_rule(strokeDash=[5, 4], color=INK, strokeWidth=0.7).encode(y=alt.datum(0.5)),
            own.mark_point(filled=True, fill=INK, size=60, opacity=1).encode(x_axis(every=2), alt.Y("value:Q")),
            text.encode(x_axis(every=2), alt.Y("value:Q"), alt.Text("text:N")),
        )
        panels.append(panel(chart, words, height=140))
    return finish(
        alt.concat(*panels, columns=2),
        "The same run, six denominators",
        [
            "Inference's share of what each panel names, last 12 months. Point: the median date from which it stays above one half for a year."
        ],
        monthly,
    )


@figure("when", ["compute", "monthly"], after="definitions")
def outcomes(compute: pl.DataFrame, monthly: pl.DataFrame, posterior: bool = False) -> alt.TopLevelMixin:
    """How runs end under each definition, and the share of runs that have crossed one half by the end of each year.

    Parameters
    ----------
    compute, monthly : polars.DataFrame
        Tables of the same names.
    posterior : bool
        Each run has its own draw of the fitted parameters.
    """
    found = numbers.counts(compute, monthly)
    crossed = numbers.crossings(found)
    years = [y for y in numbers.full_years(monthly["month"]) if y >= int(FIRST_DATE[:4])]
    ends, by_year = [], []
    for definition, counted in numbers.DENOMINATORS.items():
        crossings = crossed[definition]
        for kind, (text, _) in OUTCOMES.items():
            share = sum(_outcome(c) == kind for c in crossings) / len(crossings)
            ends.append({"panel": counted, "outcome": text, "share": share, "rank": list(OUTCOMES).index(kind)})
        for year, share in crossed_by(crossings, years, found.start).items():
            by_year.append({"panel": counted, "year": str(year), "share": share, "text": f"{100 * share:.0f}"})
    order = list(numbers.DENOMINATORS.values())
    words = alt.Y("panel:N", sort=order, axis=alt.Axis(title=None, labelLimit=300, domain=False, ticks=False))
    scale = alt.Scale(domain=[t for t, _ in OUTCOMES.values()], range=[c for _, c in OUTCOMES.values()])
    bars = (
        alt.Chart(pl.DataFrame(ends))
        .mark_bar(stroke=INK, strokeWidth=0.5)
        .encode(
            alt.X("share:Q", stack="zero", axis=alt.Axis(format="%", title="share of runs", tickCount=3)),
            words.axis(None),
            alt.Color("outcome:N", scale=scale, legend=alt.Legend(title="in the end", symbolStrokeWidth=0.5)),
            alt.Order("rank:Q"),
        )
        .properties(width=110, height=190)
    )
    schema = {"panel": pl.String, "year": pl.String, "share": pl.Float64, "text": pl.String}
    plain = alt.Chart(pl.DataFrame(by_year, schema=schema))
    by = alt.X("year:N", axis=alt.Axis(title="% of runs that had crossed one half by the end of", labelAngle=0))
    blues = alt.Scale(domain=[0, 1], range=["#f4f4f4", BLUE])
    white = alt.condition(alt.datum.share > 0.55, alt.value("white"), alt.value(INK))
    cells = alt.layer(
        plain.mark_rect(stroke="white").encode(by, words, alt.Color("share:Q", scale=blues, legend=None)),
        plain.mark_text(fontSize=10).encode(by, words, alt.Text("text:N"), color=white),
    ).properties(width=400, height=190)
    both = alt.hconcat(cells, bars).resolve_scale(color="independent", y="independent")
    return finish(
        both if by_year else nothing("the run ends before the first year that counts"),
        "When does inference cross one half, by denominator",
        ["Twelve-month sums. A crossing counts when the share stays above one half for twelve months."],
        monthly,
        f"{INFORMED}; runs differ in seed noise{' and in fitted parameters' if posterior else ', not in parameters'}",
        "{}",
    )


def _outcome(c: Crossover) -> str:
    return "provisional" if c.index is not None and c.provisional else c.outcome


def _names(stacked: pl.DataFrame) -> list[alt.Chart]:
    """Return the names of the larger areas, written on them, so that they need no colour."""
    months = stacked["month"].unique().sort()
    if months.len() < 36:
        return []
    at = stacked.filter(pl.col("month") == months[-int(0.22 * months.len())]).sort("rank")
    middle = (pl.col("share").cum_sum() - pl.col("share") / 2.0).alias("y")
    words = pl.col("who").str.replace_all(r"^.*?: |, .*$", "").alias("text")
    rows = at.select("month", "share", middle, words).filter(pl.col("share") > 0.04)
    return label(rows, alt.Y("y:Q"), baseline="middle", fontSize=11)


def _hours_by_part(compute: pl.DataFrame) -> pl.DataFrame:
    """Return hours by seed, month and part, zeros included."""
    rows = (
        numbers.with_parts(compute)
        .group_by("seed", "month", "part", maintain_order=True)
        .agg(pl.col("accelerator_hours").sum())
    )
    grid = compute.select("seed", "month").unique().join(pl.DataFrame({"part": list(numbers.PARTS)}), how="cross")
    filled = grid.join(rows, on=["seed", "month", "part"], how="left").sort("seed", "part", "month")
    return filled.select("seed", "month", "part", pl.col("accelerator_hours").fill_null(0.0).alias("hours"))


def _headline(hours: pl.DataFrame) -> list[Crossover]:
    """Return each seed's crossover under the headline definition."""
    above = pl.col("hours").filter(pl.col("part").is_in(numbers.INFERENCE_PARTS)).sum().alias("above")
    by_month = (
        hours.group_by("seed", "month", maintain_order=True)
        .agg(above, pl.col("hours").sum().alias("below"))
        .sort("seed", "month")
    )
    first = max(month_index(FIRST_DATE, by_month["month"].sort()[0].isoformat()[:7]), 11)
    groups = by_month.group_by("seed", maintain_order=True)
    return [crossover(g["above"].to_numpy(), g["below"].to_numpy(), first) for _, g in groups]


def _observed_shares(months: pl.Series) -> list[alt.Chart]:
    seen = within(points(list(OBSERVED_SHARES)), months)
    seen = seen.with_columns(pl.col("series").replace_strict(OBSERVED_SHARES).alias("text"))
    return [*observed(seen), *label(seen, alt.Y("value:Q"))]


def _mark(crossings: list[Crossover], months: pl.Series) -> list[alt.Chart]:
    """Return the crossover's date and interval, and where the data end."""
    marks = []
    if months[0] <= DATA_END <= months[-1]:
        end = pl.DataFrame({"month": [DATA_END], "text": ["data end, priors decide from here"]})
        marks = [alt.Chart(end).mark_rule(color=GREY, strokeDash=[2, 3]).encode(x_axis())]
        marks += label(end, alt.datum(0.965))
    summary = crossover_summary(crossings, months[0].isoformat()[:7])
    if summary["median"] is None:
        return marks
    low, median, high = (_first_day(summary[k], months[-1]) for k in ("low", "median", "high"))
    row = pl.DataFrame({"month": [median], "low": [low], "high": [high], "text": [_date(crossings, summary)]})
    plain = alt.Chart(row)
    interval = alt.X("low:T", scale=alt.Scale(type="utc"))
    return [
        *marks,
        plain.mark_rule(color=INK, strokeWidth=6).encode(interval, alt.X2("high:T"), alt.Y(datum=0.012)),
        plain.mark_rule(color=INK, strokeWidth=1.5).encode(x_axis()),
        *label(row, alt.datum(0.06), fontSize=13, fontWeight="bold"),
    ]


def _verdict(crossings: list[Crossover], months: pl.Series) -> str:
    """Return the answer as a title."""
    summary = crossover_summary(crossings, months[0].isoformat()[:7])
    what = "half of generative AI's accelerator-hours"
    last = months[-1].isoformat()[:7]
    if last < FIRST_DATE:
        return f"Inference's share of generative AI's accelerator-hours, to {last}"
    if summary["median"] is None:
        share = 100 * float(summary["share_crossed"] or 0.0)
        return (
            f"Inference passes {what} in {share:.0f} % of runs by {last}"
            if share
            else f"Inference does not pass {what} by {last}"
        )
    interval = f" [{summary['low'] or 'never'}, {summary['high'] or 'never'}]" if len(crossings) > 1 else ""
    return f"Inference passes {what}: {_date(crossings, summary)}{interval}"


def _date(crossings: list[Crossover], summary: dict[str, str | float | None]) -> str:
    early = 2 * sum(c.outcome == "before_start" for c in crossings) > len(crossings)
    return f"before {summary['median']}" if early else str(summary["median"])


def _first_day(text: str | float | None, last: dt.date) -> dt.date:
    return last if text is None else month_date(0, str(text))

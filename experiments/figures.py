"""One altair function a figure; report, browser page and notebooks all call these.

Functions take result tables (one or more seeds), aggregate in polars and return a chart. Lines are medians over seeds, bands
P10 to P90.
"""

from __future__ import annotations

import datetime as dt

import altair as alt
import polars as pl

from experiments import answer as numbers
from experiments.drawing import (
    BLUE,
    GREEN,
    GREY,
    HALF_WIDTH,
    INK,
    ORANGE,
    TIERS,
    WIDTH,
    bands,
    finish,
    label,
    lines,
    observed,
    within,
    x_axis,
)
from experiments.observed import points
from model.core.units import month_date, month_index
from model.measures import FIRST_DATE, Crossover, crossover, crossover_summary

COLOURS = {
    "robots": "#F0E442",
    "people": BLUE,
    "applications": "#56B4E9",
    "ai_agents": GREEN,
    "forward_only": "#CC79A7",
    "experiments": "#E69F00",
    "final_runs": ORANGE,
}
CONSUMERS = {
    "human": "people",
    "application": "applications",
    "ai_agent": "AI agents",
    "robot": "robots",
    "lab": "labs",
}
DATA_END = dt.date(2026, 1, 1)
INFORMED = "data-informed to 2026, prior-dominated after"
#: Observed inference shares and what they count; none has the headline's denominator.
OBSERVED_SHARES = {
    "inference_share_ai_compute": "Deloitte: all AI",
    "openai_inference_share_of_compute_spend": "OpenAI: USD",
}


def answer(compute: pl.DataFrame) -> alt.TopLevelMixin:
    """Who has the accelerator-hours of generative AI, and when inference passes one half.

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
    scale = alt.Scale(domain=names, range=[COLOURS[p] for p in numbers.PARTS][::-1])
    y = alt.Y("share:Q", stack="zero", scale=alt.Scale(domain=[0, 1]))
    areas = alt.Chart(stacked).mark_area(fillOpacity=0.85)
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
        *_mark(crossings, months),
        *_observed_shares(months),
    )
    use = pl.when(inference).then(pl.lit("inference")).otherwise(pl.lit("R&D of labs")).alias("use")
    both = bands(
        hours.group_by("seed", "month", use, maintain_order=True).agg(pl.col("hours").sum().alias("value")), "use"
    )
    bottom = lines(both, "use", {"inference": BLUE, "R&D of labs": ORANGE}, "H100e-hours a month", log=True, span=span)
    seeds = hours["seed"].n_unique()
    spread = f"median of {seeds} seeds, band P10-P90" if seeds > 1 else "one seed"
    return finish(
        alt.vconcat(top.properties(width=WIDTH, height=330), bottom.properties(height=130)).resolve_scale(
            color="independent"
        ),
        _verdict(crossings, months) + ending,
        [
            "Denominator: H100e-hours of generative AI in data centres: serving (inference) and all R&D of labs (training).",
            f"Heavy line: the border between them, {spread}. Points: observed, with other denominators."
            f" {INFORMED.capitalize()}.",
        ],
    )


def definitions(compute: pl.DataFrame, monthly: pl.DataFrame) -> alt.TopLevelMixin:
    """Inference's 12-month share under each definition, with and without work on robots' and devices' own chips."""
    found = numbers.counts(compute, monthly)
    rows = []
    for definition in found.values:
        base = definition.removesuffix(numbers.ON_BOARD_SUFFIX)
        kind = "data centres" if definition == base else "and on board"
        for seed, months, share in zip(found.seeds, found.months, found.rolling(definition), strict=True):
            rows.append(pl.DataFrame({"seed": seed, "month": months, "value": share, "base": base, "counted": kind}))
    table = bands(pl.concat(rows).filter(pl.col("value").is_finite()), "base", "counted")
    table = table.with_columns(pl.col("base").replace_strict(numbers.DENOMINATORS).alias("panel"))
    scale = alt.Scale(domain=["data centres", "and on board"], range=[BLUE, ORANGE])
    colour = alt.Color("counted:N", scale=scale, legend=alt.Legend(title=None, symbolType="stroke", orient="top"))
    plain = alt.Chart(table)
    y = alt.Y("median:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title=None, tickCount=5))
    chart = alt.layer(
        plain.mark_area(fillOpacity=0.2).encode(x_axis(), alt.Y("low:Q"), alt.Y2("high:Q"), colour),
        plain.mark_line(strokeWidth=2).encode(x_axis(), y, colour),
        plain.mark_rule(strokeDash=[5, 4], color=INK, strokeWidth=0.7).encode(y=alt.datum(0.5)),
    ).properties(width=HALF_WIDTH, height=140)
    panels = chart.facet(alt.Facet("panel:N", sort=list(numbers.DENOMINATORS.values())), columns=2)
    return finish(panels, "The same run, six denominators", [f"Inference's share, last 12 months; {INFORMED}."])


def demand(demanded: pl.DataFrame, monthly: pl.DataFrame) -> alt.TopLevelMixin:
    """Hours served by consumer, the share of demand that was served, and what drives demand.

    Parameters
    ----------
    demanded, monthly : polars.DataFrame
        Tables `demand` and `monthly`.
    """
    served, wanted = pl.col("served_accelerator_hours"), pl.col("demanded_accelerator_hours")
    each = demanded.filter(pl.col("consumer").is_in(list(CONSUMERS)) & ~pl.col("purpose").is_in(["ranking", "other"]))
    each = each.with_columns(pl.col("consumer").replace_strict(CONSUMERS).alias("who"))
    each = each.group_by("seed", "month", "who", maintain_order=True).agg(served.sum(), wanted.sum())
    hours = bands(each.select("seed", "month", "who", served.alias("value")), "who")
    filled = bands(each.filter(wanted > 0.0).select("seed", "month", "who", (served / wanted).alias("value")), "who")
    drivers = {"adopters": BLUE, "delegators": ORANGE, "tasks": "#E69F00", "calls": "#CC79A7", "tokens": GREEN}
    driving, span = _series(monthly, {d: d for d in drivers}), _span(monthly)
    colours = dict(
        zip(
            CONSUMERS.values(),
            [*(COLOURS[p] for p in ("people", "applications", "ai_agents", "robots")), ORANGE],
            strict=True,
        )
    )
    chart = alt.vconcat(
        lines(hours, "who", colours, "H100e-hours served a month", log=True, span=span),
        lines(filled, "who", colours, "served / demanded", span=span),
        lines(driving, "what", drivers, "people; a month: tasks, calls, tokens", log=True, span=span),
    ).resolve_scale(color="independent")
    return finish(chart, "Who demands compute", [f"Provider-run hours. Shares, standing jobs and robots: {INFORMED}."])


def labs(table: pl.DataFrame) -> alt.TopLevelMixin:
    """Realised over planned lifetime tokens and cost of released models that have ended serving.

    Parameters
    ----------
    table : polars.DataFrame
        Table `labs`.
    """
    rows = table.drop_nulls("released").with_columns(pl.col("censored").cast(pl.Boolean).fill_null(True))
    ended = rows.filter(~pl.col("censored")).with_columns(pl.col("released").dt.truncate("1y").alias("month"))
    panels = []
    for what, text in (("lifetime_tokens", "lifetime tokens"), ("cost_usd", "lifetime cost")):
        each = ended.with_columns(numbers.ratio(f"realised_{what}", f"planned_{what}").alias("value"))
        panels.append(
            lines(bands(each, "tier"), "tier", TIERS, f"realised / planned {text}", log=True, point=True, level=1)
        )
    return finish(
        alt.vconcat(*panels),
        "What labs planned for their models, and what came",
        [
            f"Medians by year of release, band P10-P90 over models; {ended.height} models,"
            f" {rows.height - ended.height} that still serve at the end are left out"
            " (so the last years show those that ended early).",
            f"Above the dashed line: more than planned. {INFORMED.capitalize()}.",
        ],
    )


def market(monthly: pl.DataFrame) -> alt.TopLevelMixin:
    """Rental prices with observed H100 rents, utilisation, and prices of tokens."""
    prices = {"price_usd_per_h100e_hour": "contract", "price_spot_usd_per_h100e_hour": "spot"}
    tokens = {"price_frontier_usd_per_mtoken": "frontier", "price_small_usd_per_mtoken": "small"}
    rent, span = within(points("gpu_rent_h100"), monthly["month"]), _span(monthly)
    both = {"contract": BLUE, "spot": ORANGE}
    used = _series(monthly, {"utilisation": "utilisation"})
    chart = alt.vconcat(
        lines(_series(monthly, prices), "what", both, "USD per H100e-hour", log=True, seen=rent, span=span),
        lines(used, "what", {"utilisation": INK}, "hours used / capacity", span=span),
        lines(_series(monthly, tokens), "what", TIERS, "USD per million tokens", log=True, span=span),
    ).resolve_scale(color="independent")
    return finish(chart, "The compute market", [f"Points: observed H100 rent, with range. {INFORMED.capitalize()}."])


def against_observations(monthly: pl.DataFrame) -> alt.TopLevelMixin:
    """Four series beside what was observed: users, chips sold, task horizon, largest training run."""
    users = points("chatgpt_wau").with_columns(pl.col("value", "low", "high") / 0.65)
    runs = points("train_compute_frontier").filter(pl.col("value") == pl.col("value").cum_max())
    panels = [
        ("adopters", "people using an assistant (ChatGPT weekly users / 0.65)", users),
        ("chips_sold_cumulative_h100e", "H100e sold since 2022 (four designers)", points("ai_chip_cum_h100e_sum4")),
        ("task_horizon_minutes", "task horizon, minutes (METR, 50 %)", points("metr_horizon_p50")),
        ("frontier_training_flop", "largest training run, FLOP (records)", runs),
    ]
    charts = []
    for name, text, seen in panels:
        seen = within(seen, monthly["month"])
        series = _series(monthly, {name: "model"})
        chart = lines(series, "what", {"model": BLUE}, None, log=True, seen=seen, legend=False, span=_span(monthly))
        title = alt.TitleParams(text, fontSize=12, fontWeight="normal", frame="group")
        charts.append(chart.properties(width=HALF_WIDTH, height=170, title=title))
    return finish(
        alt.concat(*charts, columns=2),
        "Against what was observed",
        ["Line: median, band P10-P90 over seeds. Points: observed, with published range. Data-informed to 2026."],
    )


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


def _series(monthly: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """Return bands of monthly columns, renamed, in a column ``what``."""
    long = monthly.select("seed", "month", *(pl.col(k).cast(pl.Float64).alias(v) for k, v in names.items()))
    return bands(long.unpivot(index=["seed", "month"], variable_name="what"), "what")


def _span(table: pl.DataFrame) -> list[dt.date]:
    months = table["month"].unique().sort()
    return [months[0], months[-1]]


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
        plain.mark_rect(color=INK, opacity=0.15).encode(interval, alt.X2("high:T")),
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
            f"Inference passes {what} in {share:.0f} % of seeds by {last}"
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

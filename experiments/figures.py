"""One altair function a figure; report, browser page and notebooks all call these.

Functions take result tables (one or more seeds), aggregate in polars and return a chart. Lines are medians over seeds, bands
P10 to P90. Colours are those of Okabe and Ito, told apart by colour-blind readers and in print.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from experiments import answer as numbers
from experiments.observed import points
from model.core.units import month_date, month_index
from model.measures import FIRST_DATE, crossover, crossover_summary

COLOURS = {
    "robots": "#F0E442",
    "people": "#0072B2",
    "applications": "#56B4E9",
    "ai_agents": "#009E73",
    "forward_only": "#CC79A7",
    "experiments": "#E69F00",
    "final_runs": "#D55E00",
}
TIERS = {"frontier": "#D55E00", "small": "#0072B2", "open": "#009E73"}
BLUE, ORANGE, INK, GREY = "#0072B2", "#D55E00", "#222222", "#777777"
WIDTH = 720
DATA_END = dt.date(2026, 1, 1)
INFORMED = "data-informed to 2026, prior-dominated after"
CONFIG: dict[str, Any] = {
    "background": "white",
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "view": {"stroke": None},
    "axis": {"gridColor": "#e6e6e6", "domainColor": GREY, "tickColor": GREY, "labelColor": INK, "titleColor": INK},
    "axisY": {"titleFontWeight": "normal", "titleFontSize": 11},
    "legend": {"labelLimit": 320, "titleColor": INK, "labelColor": INK, "symbolStrokeWidth": 2},
    "title": {"anchor": "start", "fontSize": 15, "subtitleFontSize": 11, "subtitleColor": GREY, "offset": 10},
    "header": {"title": None, "labelFontSize": 12, "labelAnchor": "start", "labelLimit": 340},
}


def answer(compute: pl.DataFrame) -> alt.Chart:
    """Who has the accelerator-hours of generative AI, and when inference passes one half.

    Parameters
    ----------
    compute : polars.DataFrame
        Table of the same name.
    """
    hours = _hours_by_part(compute)
    months = hours["month"].unique().sort()
    start = months[0].isoformat()[:7]
    rolled = hours.with_columns(pl.col("hours").rolling_sum(12).over("seed", "part", order_by="month").alias("year"))
    rolled = rolled.with_columns((pl.col("year") / pl.col("year").sum().over("seed", "month")).alias("share"))
    is_inference = pl.col("part").is_in(numbers.INFERENCE_PARTS)
    rolled = rolled.filter(pl.col("year").is_not_null() & pl.col("share").is_finite())
    stacked = rolled.group_by("month", "part").agg(pl.col("share").mean()).sort("month", "part")
    stacked = stacked.with_columns(
        pl.col("part").replace_strict(numbers.PARTS).alias("who"),
        pl.col("part").replace_strict({p: i for i, p in enumerate(numbers.PARTS)}).alias("rank"),
    )
    names = list(numbers.PARTS.values())
    scale = alt.Scale(domain=names[::-1], range=[COLOURS[p] for p in numbers.PARTS][::-1])
    areas = (
        alt.Chart(stacked)
        .mark_area(opacity=0.85)
        .encode(
            _x(),
            alt.Y("share:Q", stack="zero")
            .scale(domain=[0, 1])
            .axis(format="%", title="share of H100e-hours, 12 months"),
            alt.Color("who:N", scale=scale).legend(title=None, orient="right"),
            alt.Order("rank:Q"),
        )
    )
    line = _bands(rolled.filter(is_inference).group_by("seed", "month").agg(pl.col("share").sum().alias("value")))
    edge = alt.Chart(line).mark_line(color=INK, strokeWidth=2.5).encode(_x(), alt.Y("median:Q"))
    spread = alt.Chart(line).mark_area(color=INK, opacity=0.25).encode(_x(), alt.Y("low:Q"), alt.Y2("high:Q"))
    half = alt.Chart(_value(0.5)).mark_rule(strokeDash=[5, 4], color=INK).encode(alt.Y("y:Q"))
    summary = crossover_summary(
        [
            crossover(
                *(group.sort("month")[c].to_numpy() for c in ("inference", "all")),
                max(month_index(FIRST_DATE, start), 11),
            )
            for _, group in hours.group_by("seed", "month")
            .agg(pl.col("hours").filter(is_inference).sum().alias("inference"), pl.col("hours").sum().alias("all"))
            .group_by("seed", maintain_order=True)
        ],
        start,
    )
    top = alt.layer(areas, spread, edge, half, *_mark(summary, months), *_observed_shares(months))
    both = hours.group_by("seed", "month", is_inference.alias("inference")).agg(pl.col("hours").sum().alias("value"))
    both = _bands(both.filter(pl.col("value") > 0.0), "inference").with_columns(
        pl.when("inference").then(pl.lit("inference")).otherwise(pl.lit("R&D of labs")).alias("use")
    )
    bottom = _lines(both, "use", {"inference": BLUE, "R&D of labs": ORANGE}, "H100e-hours a month", log=True)
    title = _verdict(summary, months[-1])
    return _finish(
        alt.vconcat(top.properties(width=WIDTH, height=330), bottom.properties(width=WIDTH, height=130)).resolve_scale(
            color="independent"
        ),
        title,
        [
            "Denominator: accelerator-hours (H100e) that labs and users of generative AI have in data centres;"
            " inference = serving, training = all R&D.",
            f"Heavy line: border between them, median of {hours['seed'].n_unique()} seed(s), band P10-P90. Points:"
            f" observed, other denominators. {INFORMED.capitalize()}.",
        ],
    )


def definitions(compute: pl.DataFrame, monthly: pl.DataFrame) -> alt.Chart:
    """Inference's 12-month share under each definition, with and without work on robots' and devices' own chips."""
    found = numbers.counts(compute, monthly)
    rows = []
    for definition in found.values:
        base = definition.removesuffix(numbers.ON_BOARD_SUFFIX)
        kind = "data centres" if definition == base else "and on board"
        for seed, months, share in zip(found.seeds, found.months, found.rolling(definition), strict=True):
            rows.append(pl.DataFrame({"seed": seed, "month": months, "value": share, "base": base, "counted": kind}))
    table = _bands(pl.concat(rows).filter(pl.col("value").is_finite()), "base", "counted")
    table = table.with_columns(pl.col("base").replace_strict(numbers.DENOMINATORS).alias("panel"))
    kinds = {"data centres": BLUE, "and on board": ORANGE}
    colour = _colour("counted", kinds)
    plain = alt.Chart(table)
    chart = alt.layer(
        plain.mark_area(opacity=0.2).encode(_x(), alt.Y("low:Q"), alt.Y2("high:Q"), colour),
        plain.mark_line(strokeWidth=2).encode(
            _x(), alt.Y("median:Q").scale(domain=[0, 1]).axis(format="%", title=None), colour
        ),
        plain.mark_rule(strokeDash=[5, 4], color=INK).encode(y=alt.datum(0.5)),
    ).properties(width=330, height=140)
    panels = chart.facet(alt.Facet("panel:N", sort=list(numbers.DENOMINATORS.values())), columns=2)
    return _finish(panels, "The same run, six denominators", [f"12-month share of inference; {INFORMED}."])


def demand(demanded: pl.DataFrame, monthly: pl.DataFrame) -> alt.Chart:
    """Hours served by consumer, the share of demand that was served, and what drives demand."""
    names = {"human": "people", "application": "applications", "ai_agent": "ai_agents", "robot": "robots"}
    colours = {c: COLOURS[p] for c, p in names.items()} | {"lab": ORANGE}
    each = (
        demanded.filter(pl.col("consumer").is_in(list(colours)) & ~pl.col("purpose").is_in(["ranking", "other"]))
        .group_by("seed", "month", "consumer")
        .agg(pl.col("served_accelerator_hours").sum(), pl.col("demanded_accelerator_hours").sum())
    )
    served = each.with_columns(pl.col("served_accelerator_hours").alias("value")).filter(pl.col("value") > 0.0)
    filled = each.filter(pl.col("demanded_accelerator_hours") > 0.0).with_columns(
        (pl.col("served_accelerator_hours") / pl.col("demanded_accelerator_hours")).alias("value")
    )
    drivers = {"adopters": BLUE, "delegators": ORANGE, "tasks": "#E69F00", "calls": "#CC79A7", "tokens": "#009E73"}
    counts = _bands(
        monthly.select("seed", "month", *drivers)
        .unpivot(index=["seed", "month"], variable_name="what")
        .filter(pl.col("value") > 0.0),
        "what",
    )
    chart = alt.vconcat(
        _lines(_bands(served, "consumer"), "consumer", colours, "H100e-hours served a month", log=True),
        _lines(_bands(filled, "consumer"), "consumer", colours, "served / demanded"),
        _lines(counts, "what", drivers, "people, tasks, calls, tokens a month", log=True),
    ).resolve_scale(color="independent")
    return _finish(chart, "Who demands compute", [f"Shares, standing jobs and robots: {INFORMED}."])


def labs(table: pl.DataFrame) -> alt.Chart:
    """Realised over planned lifetime tokens and cost of released models that have ended serving.

    Parameters
    ----------
    table : polars.DataFrame
        Table `labs`.
    """
    rows = table.drop_nulls("released").filter(~pl.col("censored").cast(pl.Boolean))
    rows = rows.with_columns(pl.col("released").dt.truncate("1y").alias("month"))
    panels = []
    for what, text in (("tokens", "lifetime tokens"), ("cost_usd", "lifetime cost")):
        above, below = f"realised_{'lifetime_' if what == 'tokens' else ''}{what}", None
        below = above.replace("realised", "planned")
        each = rows.with_columns(numbers.ratio(above, below).alias("value")).filter(pl.col("value") > 0.0)
        bands = _bands(each, "tier")
        one = alt.Chart(_value(1.0)).mark_rule(strokeDash=[5, 4], color=INK).encode(alt.Y("y:Q"))
        lines = _lines(bands, "tier", TIERS, f"realised / planned {text}", log=True, point=True)
        panels.append(alt.layer(lines, one).properties(width=WIDTH, height=170))
    censored = int(table["censored"].cast(pl.Boolean).fill_null(True).sum()) if table.height else 0
    return _finish(
        alt.vconcat(*panels),
        "Labs plan the life of a model, then live it",
        [
            f"Medians by year of release, band P10-P90 over models; {rows.height} models, {censored} still serving are left out.",
            f"Above the line: more than planned. {INFORMED.capitalize()}.",
        ],
    )


def market(monthly: pl.DataFrame) -> alt.Chart:
    """Rental prices with observed H100 rents, utilisation, and prices of tokens."""
    prices = {"price_usd_per_h100e_hour": "contract", "price_spot_usd_per_h100e_hour": "spot"}
    tokens = {"price_frontier_usd_per_mtoken": "frontier", "price_small_usd_per_mtoken": "small"}
    rent = alt.layer(
        _lines(_series(monthly, prices), "what", {"contract": BLUE, "spot": ORANGE}, "USD per H100e-hour", log=True),
        *_points(points("gpu_rent_h100"), monthly),
    )
    used = _series(monthly, {"utilisation": "utilisation"})
    chart = alt.vconcat(
        rent,
        _lines(used, "what", {"utilisation": INK}, "hours used / capacity"),
        _lines(_series(monthly, tokens), "what", TIERS, "USD per million tokens", log=True),
    ).resolve_scale(color="independent")
    return _finish(chart, "The compute market", [f"Points: observed H100 rent, with range. {INFORMED.capitalize()}."])


def against_observations(monthly: pl.DataFrame) -> alt.Chart:
    """Four series beside what was observed: users, chips sold, task horizon, largest training run."""
    users = points("chatgpt_wau").with_columns(pl.col("value", "low", "high") / 0.65)
    panels = [
        ("adopters", "people who use an assistant (observed: ChatGPT weekly users / 0.65)", users),
        ("chips_sold_cumulative_h100e", "H100e sold since 2022 (four designers)", points("ai_chip_cum_h100e_sum4")),
        ("task_horizon_minutes", "task horizon, minutes (METR, 50 %)", points("metr_horizon_p50")),
        ("frontier_training_flop", "largest training run, FLOP", points("train_compute_frontier")),
    ]
    charts = [
        alt.layer(
            _lines(_series(monthly, {name: "model"}), "what", {"model": BLUE}, None, log=True, legend=False),
            *_points(seen, monthly),
        ).properties(width=330, height=170, title=alt.TitleParams(text, fontSize=12, fontWeight="normal"))
        for name, text, seen in panels
    ]
    return _finish(
        alt.concat(*charts, columns=2),
        "Against what was observed",
        ["Line: median, band P10-P90 over seeds. Points: observed, with published range. Data-informed to 2026."],
    )


def _hours_by_part(compute: pl.DataFrame) -> pl.DataFrame:
    """Return hours by seed, month and part, zeros included."""
    rows = numbers.with_parts(compute).group_by("seed", "month", "part").agg(pl.col("accelerator_hours").sum())
    grid = compute.select("seed", "month").unique().join(pl.DataFrame({"part": list(numbers.PARTS)}), how="cross")
    filled = grid.join(rows, on=["seed", "month", "part"], how="left").sort("seed", "part", "month")
    return filled.select("seed", "month", "part", pl.col("accelerator_hours").fill_null(0.0).alias("hours"))


def _series(monthly: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """Return bands of monthly columns, renamed, in a column ``what``."""
    long = monthly.select("seed", "month", *(pl.col(k).cast(pl.Float64).alias(v) for k, v in names.items()))
    return _bands(long.unpivot(index=["seed", "month"], variable_name="what").drop_nulls("value"), "what")


def _bands(rows: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Return median, P10 and P90 of `value` by month and `by`."""
    value = pl.col("value")
    found = rows.group_by("month", *by).agg(
        value.median().alias("median"),
        value.quantile(0.1, "nearest").alias("low"),
        value.quantile(0.9, "nearest").alias("high"),
    )
    return found.sort("month", *by)


def _lines(
    table: pl.DataFrame,
    by: str,
    colours: dict[str, str],
    title: str | None,
    *,
    log: bool = False,
    point: bool = False,
    legend: bool = True,
) -> alt.LayerChart:
    """Return median lines with bands, coloured by a column."""
    scale = alt.Scale(type="log") if log else alt.Scale()
    axis = alt.Axis(format="~s" if log and title and "hours" in title else "~g", title=title, tickCount=5)
    plain, colour = alt.Chart(table), _colour(by, colours, legend)
    return alt.layer(
        plain.mark_area(opacity=0.2).encode(_x(), alt.Y("low:Q", scale=scale, axis=axis), alt.Y2("high:Q"), colour),
        plain.mark_line(strokeWidth=2, point=point).encode(_x(), alt.Y("median:Q", scale=scale, axis=axis), colour),
    ).properties(width=WIDTH, height=150)


def _colour(by: str, colours: dict[str, str], legend: bool = True) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{by}:N", scale=scale, legend=alt.Legend(title=None) if legend else None)


def _points(seen: pl.DataFrame, monthly: pl.DataFrame) -> list[alt.Chart]:
    """Return observed points with their ranges, inside the dates of the run."""
    seen = _within(seen, monthly["month"]).with_columns(pl.lit("observed").alias("kind"))
    plain = alt.Chart(seen)
    return [
        plain.mark_rule(color=INK, strokeWidth=1).encode(_x(), alt.Y("low:Q"), alt.Y2("high:Q")),
        plain.mark_point(filled=True, fill="white", stroke=INK, size=45, opacity=1).encode(_x(), alt.Y("value:Q")),
    ]


def _observed_shares(months: pl.Series) -> list[alt.Chart]:
    """Return observed inference shares with what they count; none has the headline's denominator."""
    counts = {
        "inference_share_ai_compute": "Deloitte, all AI",
        "openai_inference_share_of_compute_spend": "OpenAI, USD",
    }
    seen = _within(points(list(counts)), months).with_columns(pl.col("series").replace_strict(counts).alias("text"))
    plain = alt.Chart(seen)
    return [
        plain.mark_rule(color=INK, strokeWidth=1).encode(_x(), alt.Y("low:Q"), alt.Y2("high:Q")),
        plain.mark_point(filled=True, fill="white", stroke=INK, size=50, opacity=1).encode(_x(), alt.Y("value:Q")),
        plain.mark_text(align="left", dx=7, fontSize=10, color=INK).encode(_x(), alt.Y("value:Q"), alt.Text("text:N")),
    ]


def _mark(summary: dict[str, str | float | None], months: pl.Series) -> list[alt.Chart]:
    """Return the crossover's date and interval, and where the data end."""
    marks = []
    end = pl.DataFrame({"month": [DATA_END], "text": ["data end; priors decide from here"]})
    if months[0] <= DATA_END <= months[-1]:
        plain = alt.Chart(end)
        marks.append(plain.mark_rule(color=GREY, strokeDash=[2, 3]).encode(_x()))
        marks.append(
            plain.mark_text(align="left", dx=4, color=INK, fontSize=10).encode(
                _x(), alt.Text("text:N"), y=alt.datum(0.965)
            )
        )
    if summary["median"] is None:
        return marks
    low, median, high = (_first_day(summary[k], months[-1]) for k in ("low", "median", "high"))
    row = alt.Chart(pl.DataFrame({"month": [median], "low": [low], "high": [high], "text": [summary["median"]]}))
    return [
        *marks,
        row.mark_rect(color=INK, opacity=0.15).encode(alt.X("low:T", scale=alt.Scale(type="utc")), alt.X2("high:T")),
        row.mark_rule(color=INK, strokeWidth=1.5).encode(_x()),
        row.mark_text(align="left", dx=5, fontSize=13, fontWeight="bold", color=INK).encode(
            _x(), alt.Text("text:N"), y=alt.datum(0.06)
        ),
    ]


def _verdict(summary: dict[str, str | float | None], last: dt.date) -> str:
    if summary["median"] is None:
        crossed = f" in {100 * float(summary['share_crossed'] or 0):.0f} % of seeds" if summary["share_crossed"] else ""
        return f"Inference {'passes' if crossed else 'does not pass'} half of generative AI's accelerator-hours{crossed}, by {last:%Y-%m}"
    interval = f"[{summary['low'] or 'never'}, {summary['high'] or 'never'}]"
    return f"Inference passes half of generative AI's accelerator-hours: {summary['median']} {interval}"


def _first_day(text: str | float | None, last: dt.date) -> dt.date:
    return last if text is None else month_date(0, str(text))


def _within(seen: pl.DataFrame, months: pl.Series) -> pl.DataFrame:
    return seen.filter(pl.col("month").is_between(months.min(), months.max()))


def _value(y: float) -> pl.DataFrame:
    return pl.DataFrame({"y": [y]})


def _x() -> alt.X:
    return alt.X("month:T", scale=alt.Scale(type="utc"), axis=alt.Axis(format="%Y", title=None, tickCount="year"))


def _finish(chart: Any, title: str, subtitle: Sequence[str]) -> Any:
    return chart.properties(title=alt.TitleParams(title, subtitle=list(subtitle))).configure(**CONFIG)

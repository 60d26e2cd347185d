"""The one style of all figures: theme, axes, bands, points. Colours are Okabe and Ito's, told apart by colour-blind readers."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from model import __version__

BLUE, ORANGE, GREEN, INK, GREY = "#0072B2", "#D55E00", "#009E73", "#222222", "#777777"
TIERS = {"frontier": ORANGE, "small": BLUE, "open": GREEN}
PARTS_COLOURS = {
    "robots": "#F0E442",
    "people": BLUE,
    "applications": "#56B4E9",
    "ai_agents": GREEN,
    "forward_only": "#CC79A7",
    "experiments": "#E69F00",
    "final_runs": ORANGE,
}
WIDTH, HALF_WIDTH = 720, 330
#: Lines differ in dashes too, so that they can be told apart in grey.
DASHES = ([1, 0], [7, 3], [2, 2], [9, 2, 2, 2], [4, 1], [1, 3], [12, 4])
CONFIG: dict[str, Any] = {
    "background": "white",
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "view": {"stroke": None},
    "axis": {"gridColor": "#e6e6e6", "domainColor": GREY, "tickColor": GREY, "labelColor": INK, "titleColor": INK},
    "axisY": {"titleFontWeight": "normal", "titleFontSize": 11, "minExtent": 42},
    "legend": {"labelLimit": 320, "titleColor": INK, "labelColor": INK, "symbolStrokeWidth": 3, "symbolOpacity": 1},
    "title": {"anchor": "start", "fontSize": 15, "subtitleFontSize": 11, "subtitleColor": "#555555", "offset": 10},
    "header": {"title": None, "labelFontSize": 12, "labelAnchor": "start", "labelLimit": 340},
}
DATA_END = dt.date(2026, 1, 1)
INFORMED = "data-informed to 2026, prior-dominated after"


def _power_of_ten() -> str:
    """Return a Vega expression for ticks: plain numbers between 0.001 and 1000, powers of ten beyond."""
    power = "format(round(log(datum.value) / log(10)), 'd')"
    for plain, raised in zip("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True):
        power = f"replace({power}, regexp('{plain}', 'g'), '{raised}')"
    return f"abs(log(datum.value) / log(10)) < 3.5 ? format(datum.value, '~g') : '10' + {power}"


LOG_LABEL = _power_of_ten()


def bands(rows: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Return median, P10 and P90 of `value` by month and `by`.

    >>> import datetime as dt
    >>> rows = pl.DataFrame({"month": [dt.date(2022, 1, 1)] * 3, "value": [1.0, 2.0, 9.0]})
    >>> bands(rows)["median"].to_list()
    [2.0]
    """
    value = pl.col("value")
    found = rows.drop_nulls("value").group_by("month", *by, maintain_order=True)
    return found.agg(
        value.median().alias("median"),
        value.quantile(0.1, "nearest").alias("low"),
        value.quantile(0.9, "nearest").alias("high"),
    ).sort("month", *by)


def lines(
    table: pl.DataFrame,
    by: str,
    colours: Mapping[str, str],
    title: str | None,
    *,
    log: bool = False,
    seen: pl.DataFrame | None = None,
    point: bool = False,
    legend: bool = True,
    level: float | None = None,
    span: Sequence[dt.date] | None = None,
) -> Any:
    """Return median lines with bands, coloured by a column; optionally observed points and a level.

    Parameters
    ----------
    table : polars.DataFrame
        As `bands` returns it.
    by : str
        Column whose values `colours` names.
    log : bool
        Logarithmic axis; medians that are not positive are left out, bands that reach zero end at the least value shown.
    seen : polars.DataFrame, optional
        Observed points: month, value, low, high.
    level : float, optional
        A dashed line.
    span : two dates, optional
        First and last month of the axis.
    """
    if log and table.height:
        table = table.filter(pl.col("median") > 0.0)
        least = table.select(pl.min_horizontal(*(pl.col(c).filter(pl.col(c) > 0.0).min() for c in ("low", "median"))))
        table = table.with_columns(pl.when(pl.col("low") > 0.0).then("low").otherwise(least.item()).alias("low"))
    shown = {name: colours[name] for name in colours if name in set(table[by].to_list())}
    extent = [table["low"].min(), table["high"].max()]
    layers: list[Any] = []
    if seen is not None and seen.height:
        extent += [seen["value"].min(), seen["value"].max()]
    y = y_axis(extent, title, log)
    scale = alt.Scale(domain=list(shown), range=list(shown.values()))
    key = alt.Legend(title=None, symbolType="stroke") if legend else None
    colour = alt.Color(f"{by}:N", scale=scale, legend=key)
    plain = alt.Chart(table)
    layers.append(plain.mark_area(fillOpacity=0.2).encode(x_axis(span), y("low"), alt.Y2("high:Q"), colour))
    dashes = alt.Scale(domain=list(shown), range=[DASHES[i % len(DASHES)] for i in range(len(shown))])
    dash = alt.StrokeDash(f"{by}:N", scale=dashes, legend=key)
    layers.append(plain.mark_line(strokeWidth=2, point=point).encode(x_axis(span), y("median"), colour, dash))
    if level is not None:
        rule = alt.Chart(pl.DataFrame({"y": [level]})).mark_rule(strokeDash=[5, 4], color=INK)
        layers.append(rule.encode(alt.Y("y:Q")))
    if seen is not None and seen.height:
        layers += observed(seen)
    return alt.layer(*layers).properties(width=WIDTH, height=150)


def y_axis(extent: Sequence[Any], title: str | None, log: bool) -> Any:
    """Return a function from a field to its encoding, with readable ticks for the extent of the data."""
    values = [float(v) for v in extent if v is not None and math.isfinite(v)]
    if not log or not values or min(values) <= 0.0:
        axis = alt.Axis(title=title, tickCount=5, format="~g")
        return lambda field: alt.Y(f"{field}:Q", axis=axis)
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    high = max(high, low + 1)
    ticks = [10.0**k for k in range(low, high + 1, max(1, round((high - low) / 5)))]
    scale = alt.Scale(type="log", domain=[10.0**low, 10.0**high], nice=False)
    axis = alt.Axis(title=title, values=ticks, labelExpr=LOG_LABEL)
    return lambda field: alt.Y(f"{field}:Q", scale=scale, axis=axis)


def x_axis(domain: Sequence[dt.date] | None = None) -> alt.X:
    """Return the axis of months, labelled by years."""
    scale = alt.Scale(type="utc") if domain is None else alt.Scale(type="utc", domain=[d.isoformat() for d in domain])
    return alt.X("month:T", scale=scale, axis=alt.Axis(format="%Y", title=None, tickCount="year"))


def observed(seen: pl.DataFrame) -> list[alt.Chart]:
    """Return observed points with their ranges."""
    plain = alt.Chart(seen)
    return [
        plain.mark_rule(color=INK, strokeWidth=1, clip=True).encode(x_axis(), alt.Y("low:Q"), alt.Y2("high:Q")),
        plain.mark_point(filled=True, fill="white", stroke=INK, size=45, opacity=1, clip=True).encode(
            x_axis(), alt.Y("value:Q")
        ),
    ]


def label(rows: pl.DataFrame, y: Any, **style: Any) -> list[alt.Chart]:
    """Return texts (column ``text``) at months, with a white rim so that they read on any ground."""
    style = dict[str, Any](align="left", dx=6, fontSize=10) | style
    encoded = (x_axis(), alt.Text("text:N"))
    plain = alt.Chart(rows)
    return [
        plain.mark_text(stroke="white", strokeWidth=3, strokeOpacity=0.75, **style).encode(*encoded, y=y),
        plain.mark_text(color=INK, **style).encode(*encoded, y=y),
    ]


def within(seen: pl.DataFrame, months: pl.Series) -> pl.DataFrame:
    """Return the observed points inside the dates of a run."""
    return seen.filter(pl.col("month").is_between(months.min(), months.max()))


def series(monthly: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Return bands of columns, renamed, in a column ``what``."""
    long = monthly.select("seed", "month", *(pl.col(k).cast(pl.Float64).alias(v) for k, v in names.items()))
    return bands(long.unpivot(index=["seed", "month"], variable_name="what"), "what")


def span(table: pl.DataFrame) -> list[dt.date]:
    """Return the first and the last month of a table."""
    return [table["month"].min(), table["month"].max()]  # type: ignore[list-item]


def panel(chart: Any, title: str, width: int = HALF_WIDTH, height: int = 130) -> Any:
    """Return a small chart with its own plain title."""
    words = alt.TitleParams(title, fontSize=12, fontWeight="normal", frame="group", offset=6)
    return chart.properties(width=width, height=height, title=words)


def columns(charts: Sequence[Any], count: int = 2, **resolve: Any) -> Any:
    """Return charts side by side, `count` in a row, each with its own colours."""
    return alt.concat(*charts, columns=count).resolve_scale(**(dict[str, Any](color="independent") | resolve))


def seeds_of(table: pl.DataFrame) -> str:
    """Return in words how many runs lines and bands stand for.

    >>> seeds_of(pl.DataFrame({"seed": [1, 2, 2]}))
    'median of 2 seeds, band P10-P90'
    """
    seeds = table["seed"].n_unique()
    return f"median of {seeds} seeds, band P10-P90" if seeds > 1 else "one seed"


def finish(
    chart: Any, title: str, subtitle: Sequence[str], table: pl.DataFrame, known: str = INFORMED
) -> alt.TopLevelMixin:
    """Return the chart with the theme and what every picture says: title, denominator, seeds, version, what is known.

    Parameters
    ----------
    chart : altair chart
    title : str
    subtitle : sequence of str
        Denominators and how to read it.
    table : polars.DataFrame
        Any table with the column `seed`.
    known : str
        Whether data or priors decide what is seen.
    """
    runs = seeds_of(table)
    last = f"{runs[0].upper()}{runs[1:]}; inference-economy {__version__}; {known}."
    words = alt.TitleParams(title, subtitle=[*subtitle, last])
    done: alt.TopLevelMixin = chart.properties(title=words)
    themed: alt.TopLevelMixin = done.configure(**CONFIG)
    return themed

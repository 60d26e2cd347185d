"""The one style of all figures: theme, axes, bands, points. Colours are Okabe and Ito's, told apart by colour-blind readers."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl
import vl_convert as vlc

from model import __version__

BLUE, ORANGE, GREEN, INK, GREY = "#0072B2", "#D55E00", "#009E73", "#222222", "#777777"
TIERS = {"frontier": ORANGE, "small": BLUE}
PARTS_COLOURS = {
    "machines": "#56B4E9",
    "people": BLUE,
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
    "axis": {
        "gridColor": "#e6e6e6", "domainColor": GREY, "tickColor": GREY, "labelColor": INK, "titleColor": INK,
        "labelFontSize": 11,
    },
    "axisX": {"titleFontWeight": "normal", "titleFontSize": 11},
    "axisY": {"titleFontWeight": "normal", "titleFontSize": 11, "minExtent": 42},
    "legend": {
        "labelLimit": 320, "titleColor": INK, "labelColor": INK, "symbolStrokeWidth": 3, "symbolOpacity": 1,
        "labelFontSize": 11,
    },
    "title": {"anchor": "start", "fontSize": 15, "subtitleFontSize": 11, "subtitleColor": "#555555", "offset": 10},
    "header": {"title": None, "labelFontSize": 12, "labelAnchor": "start", "labelLimit": 340},
}  # fmt: skip
#: Of these, what a chart takes that a notebook draws without `finish`.
PLAIN = ("background", "font", "axis", "axisX", "axisY", "legend")
DATA_END = dt.date(2026, 1, 1)
INFORMED = "data-informed to 2026, prior-dominated after"


alt.data_transformers.disable_max_rows()  # tables stand in the chart, a hundred years by seven layers are more than 5,000 rows

#: Ticks: plain numbers between 0.001 and 1000, powers of ten beyond.
LABEL = (
    "datum.value == 0 || abs(log(abs(datum.value)) / log(10)) < 3.5 ? format(datum.value, '~g')"
    " : replace(format(datum.value, '~e'), '+', '')"
)


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
    legend: bool | str = True,
    level: float | None = None,
    span: Sequence[dt.date] | None = None,
    every: int = 1,
    top: float | None = None,
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
    legend : bool or str
        Whether and where the key stands.
    level : float, optional
        A dashed line.
    span : two dates, optional
        First and last month of the axis.
    every : int
        Years between two labels.
    top : float, optional
        End of the axis.
    """
    x = x_axis(span, every)
    if log and table.height:
        table = table.filter(pl.col("median") > 0.0)
        least = table.select(pl.min_horizontal(*(pl.col(c).filter(pl.col(c) > 0.0).min() for c in ("low", "median"))))
        table = table.with_columns(pl.when(pl.col("low") > 0.0).then("low").otherwise(least.item()).alias("low"))
    shown = {name: colours[name] for name in colours if name in set(table[by].to_list())}
    extent = [table["low"].min(), table["high"].max(), top]
    layers: list[Any] = []
    if seen is not None and seen.height:
        extent += [seen["value"].min(), seen["value"].max()]
    y = y_axis(extent, title, log)
    scale = alt.Scale(domain=list(shown), range=list(shown.values()))
    place = {"orient": legend, "columns": 3} if isinstance(legend, str) else {}
    key = alt.Legend(title=None, symbolType="stroke", symbolSize=300, **place) if legend else None
    colour = alt.Color(f"{by}:N", scale=scale, legend=key)
    plain = alt.Chart(table)
    layers.append(plain.mark_area(fillOpacity=0.2).encode(x, y("low"), alt.Y2("high:Q"), colour))
    dashes = alt.Scale(domain=list(shown), range=[DASHES[i % len(DASHES)] for i in range(len(shown))])
    dash = alt.StrokeDash(f"{by}:N", scale=dashes, legend=key)
    layers.append(plain.mark_line(strokeWidth=2, point=point).encode(x, y("median"), colour, dash))
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
        even = alt.Scale(domain=[min([0.0, *values]), max([0.0, *values]) or 1.0], nice=5)
        axis = alt.Axis(title=title, tickCount=5, labelExpr=LABEL)
        return lambda field: alt.Y(f"{field}:Q", axis=axis, scale=even)
    low, high = math.floor(math.log10(min(values)) - 0.02), math.ceil(math.log10(max(values)) + 0.02)
    step = max(1, round((high - low) / 5))
    low = high - step * math.ceil((high - low) / step)
    ticks = [10.0**k for k in range(low, high + 1, step)]
    scale = alt.Scale(type="log", domain=[10.0**low, 10.0**high], nice=False)
    axis = alt.Axis(title=title, values=ticks, labelExpr=LABEL)
    return lambda field: alt.Y(f"{field}:Q", scale=scale, axis=axis, stack=None)


def x_axis(domain: Sequence[dt.date] | None = None, every: int = 1) -> alt.X:
    """Return the axis of months, labelled by years, each or every few."""
    scale = alt.Scale(type="utc") if domain is None else alt.Scale(type="utc", domain=[d.isoformat() for d in domain])
    count: Any = "year" if every == 1 else {"interval": "year", "step": every}
    axis = alt.Axis(format="%Y", title=None, tickCount=count, labelOverlap=True)
    return alt.X("month:T", scale=scale, axis=axis)


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


def models(count: int, table: pl.DataFrame) -> str:
    """Return how many models are drawn, of all seeds where there are several."""
    return f"{count} models" + (" of all seeds" if table["seed"].n_unique() > 1 else "")


def panel(chart: Any, title: str, width: int = HALF_WIDTH, height: int = 130) -> Any:
    """Return a small chart with its own plain title."""
    words = alt.TitleParams(title, fontSize=12, fontWeight="normal", frame="group", offset=6)
    return chart.properties(width=width, height=height, title=words)


def columns(charts: Sequence[Any], count: int = 2, **resolve: Any) -> Any:
    """Return charts side by side, `count` in a row, each with its own colours."""
    if not charts:
        return nothing()
    return alt.concat(*charts, columns=count).resolve_scale(**(dict[str, Any](color="independent") | resolve))


def nothing(text: str = "the run is too short to show anything here") -> alt.Chart:
    """Return a chart that says why nothing is drawn."""
    rows = alt.Chart(pl.DataFrame({"text": [text]}))
    return rows.mark_text(color=GREY, fontSize=12).encode(alt.Text("text:N")).properties(width=WIDTH, height=40)


def finish(
    chart: Any,
    title: str,
    subtitle: Sequence[str],
    table: pl.DataFrame,
    known: str = INFORMED,
    runs: str = "median of {}, band P10-P90",
) -> alt.TopLevelMixin:
    """Return the chart with the theme and what every picture says: title, denominator, seeds, version, what is known.

    Parameters
    ----------
    chart : altair chart
    title : str
    subtitle : sequence of str
        Denominators and how to read it.
    table : polars.DataFrame
        Any table with the column `seed`; where it holds several scenarios, seeds are those of each.
    known : str
        Whether data or priors decide what is seen.
    runs : str
        What is drawn of several seeds.
    """
    seeds = table["seed"].n_unique()
    if "scenario" in table.columns and table["scenario"].n_unique() > 1:
        shown = runs.format(f"{seeds} seeds each" if seeds > 1 else "one seed each")
    else:
        shown = runs.format(f"{seeds} runs") if seeds > 1 else "one seed"
    last = f"{shown[:1].upper()}{shown[1:]}; inference-economy {__version__}; {known}."
    words = alt.TitleParams(title, subtitle=[*subtitle, last])
    done = chart.properties(title=words)
    done.config = alt.Config(**CONFIG)  # `configure` would make the chart a second time
    themed: alt.TopLevelMixin = done
    return themed


def in_notebook(scale: float = 2.0) -> None:
    """Show charts of this notebook in their interactive form, with a picture beside it for pages that run nothing.

    The form is that of Vega-Lite 5, which JupyterLab brings; it needs no network.
    """

    def both(spec: dict[str, Any], **options: Any) -> dict[str, Any]:
        spec = spec | {"config": {name: CONFIG[name] for name in PLAIN} | spec.get("config", {})}
        older = slim(spec) | {"$schema": "https://vega.github.io/schema/vega-lite/v5.json"}
        picture = base64.b64encode(vlc.vegalite_to_png(spec, scale=scale)).decode()
        return {"application/vnd.vegalite.v5+json": older, "image/png": picture}

    alt.renderers.register("picture and form", both)
    alt.renderers.enable("picture and form")


def slim(spec: dict[str, Any]) -> dict[str, Any]:
    r"""Return a Vega-Lite form whose tables are CSV text of the fields it names, numbers to five digits: a tenth of the size.

    >>> form = {"data": {"name": "t"}, "encoding": {"x": {"field": "a"}}, "datasets": {"t": [{"a": 0.123456, "b": 1}]}}
    >>> slim(form)["datasets"], slim(form)["data"]
    ({'t': 'a\n0.12346\n'}, {'name': 't', 'format': {'type': 'csv', 'parse': {'a': 'number'}}})
    """
    drawn = {k: v for k, v in spec.items() if k != "datasets"}
    named, texts, formats = json.dumps(drawn), {}, {}
    for name, rows in spec.get("datasets", {}).items():
        table = pl.DataFrame(rows, infer_schema_length=None)
        table = table.select(c for c in table.columns if re.search(rf"\b{re.escape(c)}\b", named))
        texts[name] = table.with_columns(pl.selectors.float().round_sig_figs(5)).write_csv()
        kinds = dict.fromkeys(table.select(pl.selectors.numeric()).columns, "number")
        kinds |= dict.fromkeys(table.select(pl.selectors.boolean()).columns, "boolean")
        formats[name] = {"type": "csv", "parse": kinds}

    def told(node: Any) -> Any:
        if isinstance(node, list):
            return [told(x) for x in node]
        if not isinstance(node, dict):
            return node
        plain = {k: told(v) for k, v in node.items()}
        known = formats.get(plain["name"]) if set(plain) == {"name"} and isinstance(plain["name"], str) else None
        return plain | {"format": known} if known else plain

    return dict(told(drawn)) | {"datasets": texts}


def png(chart: Any, scale: float) -> bytes:
    """Return a chart as PNG, packed tighter than the renderer does."""
    picture: bytes = vlc.vegalite_to_png(chart.to_dict(), scale=scale)
    chunks, data, at = [], b"", 8
    while at < len(picture):
        (size,) = struct.unpack(">I", picture[at : at + 4])
        kind, body = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + size]
        data += body if kind == b"IDAT" else b""
        if kind == b"IEND":
            chunks.append((b"IDAT", zlib.compress(zlib.decompress(data), 9)))
        if kind != b"IDAT":
            chunks.append((kind, body))
        at += 12 + size
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return picture[:8] + b"".join(packed)

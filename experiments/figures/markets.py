"""Figures of the markets for compute and attention, and of the model against what was observed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import altair as alt
import numpy as np
import polars as pl

from experiments.calibration.observed import MAPPINGS, compared, model_line, points, wide
from experiments.figures.register import figure
from experiments.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    TIERS,
    WIDTH,
    bands,
    columns,
    finish,
    lines,
    observed,
    panel,
    series,
    span,
    within,
    x_axis,
    y_axis,
)

UNTIL = dt.date(2026, 6, 1)
KINDS = {
    "before 2025: fitted in backtest and baseline": ("circle", "white"),
    "2025: predicted by the backtest, fitted in the baseline": ("diamond", ORANGE),
    "one firm or country: a lower bound": ("triangle-up", "#BBBBBB"),
}
CLAIMANTS = {
    "own_work": ("own work", GREY),
    "assistant_work": ("work with assistants", BLUE),
    "review": ("review of agents' work", ORANGE),
    "supervision": ("supervision of robots", "#F0E442"),
    "applications": ("applications", "#56B4E9"),
    "leisure": ("other free time", "#DDDDDD"),
}


@figure("compute market", ["capacity", "monthly"], after="attention")
def market(capacity: pl.DataFrame, monthly: pl.DataFrame) -> alt.TopLevelMixin:
    """Rents against the user cost of capital and observed rents; utilisation, capex, machines, prices of tokens.

    Parameters
    ----------
    capacity, monthly : polars.DataFrame
        Tables of the same names.
    """
    months = span(monthly)
    prices = {
        "price_usd_per_h100e_hour": "contract",
        "price_spot_usd_per_h100e_hour": "spot",
        "user_cost_usd_per_h100e_hour": "user cost of capital",
    }
    colours = dict(zip(prices.values(), (BLUE, ORANGE, INK), strict=True))
    rent = within(points("gpu_rent_h100"), monthly["month"])
    hours = capacity.group_by("seed", "month", maintain_order=True).agg(
        pl.col("used_accelerator_hours").sum(), pl.col("capacity_accelerator_hours").sum()
    )
    used = pl.col("used_accelerator_hours") / pl.col("capacity_accelerator_hours")
    rate = bands(hours.select("seed", "month", used.alias("value"))).with_columns(pl.lit("all").alias("what"))
    stock = {"installed_h100e": "installed", "backlog_h100e": "ordered, not delivered"}
    machines = dict(zip(stock.values(), (BLUE, ORANGE), strict=True))
    yearly = pl.col("capex_usd").rolling_sum(12).over("seed", order_by="month")
    spent = bands(monthly.select("seed", "month", yearly.alias("value"))).with_columns(pl.lit("all").alias("what"))
    machine = series(monthly, {"machine_usd_per_h100e": "all"})
    tokens = {"price_frontier_usd_per_mtoken": "frontier", "price_small_usd_per_mtoken": "small"}
    small = {"log": True, "span": months, "legend": "bottom"}
    drawn = [
        panel(
            lines(series(monthly, prices), "what", colours, None, seen=rent, **small),
            "H100e-hour, USD; points: observed H100 rent",
        ),
        panel(
            lines(rate, "what", {"all": INK}, None, span=months, legend=False, top=1.0),
            "utilisation: hours used / hours offered",
        ),
        panel(
            lines(series(monthly, stock), "what", machines, None, **small),
            "machines, H100e",
        ),
        panel(
            lines(spent, "what", {"all": GREEN}, None, log=True, span=months, legend=False),
            "capex, USD in the last 12 months",
        ),
        panel(
            lines(series(monthly, tokens), "what", TIERS, None, **small),
            "fresh input, USD per million tokens",
        ),
        panel(
            lines(machine, "what", {"all": "#E69F00"}, None, log=True, span=months, legend=False),
            "machine with its share of the data centre, USD per H100e",
        ),
    ]
    return finish(
        columns(drawn, strokeDash="independent"),
        "The compute market",
        [
            "All hours are H100-equivalents run by providers, other AI included. Builders order on growth of demand, and less where contracts pay below user cost."
        ],
        monthly,
    )


@figure("attention", ["attention", "monthly"], after="layers")
def attention(table: pl.DataFrame, monthly: pl.DataFrame) -> alt.TopLevelMixin:
    """Both markets for attention: people's minutes and their prices, agents' context and its price, what has moved.

    Parameters
    ----------
    table, monthly : polars.DataFrame
        Tables `attention` and `monthly`.
    """
    months = span(monthly)
    people = table.filter(pl.col("market") == "human").join(
        monthly.select("seed", "month", "humans"), on=["seed", "month"], how="left"
    )
    hours = people.group_by("month", "claimant", maintain_order=True).agg(
        (pl.col("minutes") / pl.col("humans") / 60.0).mean().alias("hours")
    )
    names = {c: text for c, (text, _) in CLAIMANTS.items()}
    hours = hours.with_columns(
        pl.col("claimant").replace_strict(names).alias("who"),
        pl.col("claimant").replace_strict({c: i for i, c in enumerate(CLAIMANTS)}).alias("rank"),
    ).sort("month", "rank")
    scale = alt.Scale(domain=list(names.values())[::-1], range=[c for _, c in CLAIMANTS.values()][::-1])
    stacked = alt.Chart(hours).mark_area(stroke="white", strokeWidth=0.8, fillOpacity=0.9)
    stacked = stacked.encode(
        x_axis(months),
        alt.Y("hours:Q", stack="zero", axis=alt.Axis(title=None)),
        alt.Color("who:N", scale=scale, legend=alt.Legend(title=None)),
        alt.Order("rank:Q"),
    )
    prices = {
        "human_shadow_price_usd_per_hour": "worth to its owner (shadow price)",
        "human_attention_price_usd_per_hour": "paid by advertisers",
    }
    paid = dict(zip(prices.values(), (BLUE, ORANGE), strict=True))
    read = table.filter(pl.col("market") == "agent").with_columns(
        pl.col("claimant").replace_strict({"task": "the task", "services": "candidate services"}).alias("what")
    )
    read = bands(read.select("seed", "month", "what", pl.col("context_tokens").alias("value")), "what")
    inner = {"the task": GREEN, "candidate services": "#CC79A7"}
    sold = {"click_price_usd": "a click of a person", "agent_invocation_price_usd": "an invocation by an agent"}
    offered = dict(zip(sold.values(), (BLUE, ORANGE), strict=True))
    prices_of_places = series(monthly, sold)
    examined = series(monthly, {"examination_hours": "hours"})
    moved = series(monthly, {"attention_spend_agent_share": "share"})

    def small(rows: pl.DataFrame, colours: dict[str, str], title: str, legend: bool) -> alt.Chart:
        key = "bottom" if legend else False
        return panel(lines(rows, "what", colours, None, log=True, span=months, legend=key), title)

    seen = pl.col("median") > 1e-9
    tables = (
        (series(monthly, prices), paid, "an hour of a person, USD", True),
        (read.filter(seen), inner, "tokens agents read a month, for", True),
        (prices_of_places.filter(seen), offered, "price of a place, USD", True),
        (moved.filter(seen), {"share": INK}, "share of spending on attention that goes to agents'", False),
        (examined.filter(seen), {"hours": "#CC79A7"}, "H100e-hours a month spent on reading candidates", False),
    )
    drawn = [small(rows, colours, title, legend) for rows, colours, title, legend in tables if rows.height]
    funded = series(monthly, {"ad_funded_share": "share"})
    plain = lines(funded, "what", {"share": INK}, None, span=months, legend=False, top=0.1)
    drawn.append(panel(plain, "share of agents that advertisers pay"))
    below = columns(drawn, strokeDash="independent")
    upper = panel(stacked, "hours a month of one person (denominator: all people online)", WIDTH, 150)
    return finish(
        alt.vconcat(upper, below).resolve_scale(color="independent"),
        "Attention: people's and agents'",
        [
            "Advertisers pay for people's attention, services for agents' (an invocation). Values below 1e-9 are not drawn."
        ],
        monthly,
        "people's hours and ad prices data-informed to 2026, agents' attention prior-dominated",
    )


@figure("against observations", after="who_was_right", name="observed")
def against_observations(tables: Mapping[str, pl.DataFrame]) -> alt.TopLevelMixin:
    """Each observed series that has a counterpart in the model beside it, hits and misses alike.

    Parameters
    ----------
    tables : mapping of polars.DataFrame
        Result tables: monthly, flows, attention, compute.
    """
    rows = wide(tables)
    titles = list(dict.fromkeys(m.panel for m in MAPPINGS))
    last = min(UNTIL, span(rows)[1])
    charts, ratios = [], []
    for title in titles:
        ours = [m for m in MAPPINGS if m.panel == title]
        seen = pl.concat([compared(rows, m) for m in ours]).filter(pl.col("month") <= last)
        if not seen.height:
            continue
        line = bands(model_line(rows, ours[0])).filter((pl.col("month") <= last) & (pl.col("median") > 0.0))
        scored = seen.filter((pl.col("bound") == "") & (pl.col("value") > 0.0) & (pl.col("model") > 0.0))
        off = (scored["model"] / scored["value"]).to_numpy()
        ratios += off.tolist()
        score = f": x{np.exp(np.median(np.log(off))):.2g}" if off.size else ""
        charts.append(_beside(line, seen, f"{title}{score}", [span(rows)[0], last]))
    near = sum(0.5 <= r <= 2.0 for r in ratios)
    return finish(
        columns(charts, 3, color="shared", fill="shared", shape="shared"),
        f"Against what was observed: {near} of {len(ratios)} points within a factor of two",
        [
            "Line: the model. Points: published figures in the model's terms, with their range; only figures that were read at the source,"
            " no forecasts.",
            "x: model over observed, median of the panel (lower bounds are not scored). Inputs of the model (people online, their hours)"
            " are left out.",
        ],
        rows,
        "data-informed",
    )


def _beside(line: pl.DataFrame, seen: pl.DataFrame, title: str, months: list[dt.date]) -> alt.LayerChart:
    names = list(KINDS)
    kind = (
        pl.when(pl.col("bound") != "")
        .then(pl.lit(names[2]))
        .when(pl.col("split") == "validate")
        .then(pl.lit(names[1]))
        .otherwise(pl.lit(names[0]))
    )
    seen = seen.with_columns(kind.alias("kind"))
    positive = [v for v in [*seen["value"], *seen["low"], *line["median"], *line["low"]] if v is not None]
    log = "share" not in title and all(v > 0.0 for v in positive) and max(positive) / min(positive) > 5.0
    y = y_axis([*positive, line["high"].max(), seen["high"].max()], None, log)
    band = alt.Chart(line)
    key = alt.Legend(title=None, orient="top", labelLimit=300)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=names, range=[s for s, _ in KINDS.values()]), legend=key)
    fill = alt.Fill("kind:N", scale=alt.Scale(domain=names, range=[c for _, c in KINDS.values()]), legend=key)
    plain = alt.Chart(seen)
    chart = alt.layer(
        band.mark_area(fillOpacity=0.25, color=BLUE).encode(x_axis(months, every=1), y("low"), alt.Y2("high:Q")),
        band.mark_line(strokeWidth=2, color=BLUE).encode(x_axis(months), y("median")),
        observed(seen)[0],
        plain.mark_point(stroke=INK, size=38, opacity=1, clip=True, strokeWidth=1).encode(
            x_axis(months), alt.Y("value:Q"), shape, fill
        ),
    )
    return panel(chart, title, 205, 95)

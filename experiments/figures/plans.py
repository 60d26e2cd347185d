"""Figures of training investment: who planned right, how a lab divides its hours, who dominates over two parameters."""

from __future__ import annotations

import altair as alt
import polars as pl

from experiments.figures.register import figure
from experiments.figures.style import BLUE, INK, ORANGE, finish, models, nothing
from experiments.studies.regimes import REGIMES
from experiments.studies.regret import summary

MOST_YEARS = 14
KNOWN = "prior-dominated: plans of labs are not published"


@figure("who was right", ["labs"], after="labs")
def who_was_right(table: pl.DataFrame) -> alt.TopLevelMixin:
    """Realised over planned tokens by year of release, and what the wrong size cost, by rule and forecaster, or by lab where all share them.

    Parameters
    ----------
    table : polars.DataFrame
        Table `labs`.
    """
    one = table.select("rule", "forecaster").n_unique() <= 1
    who = pl.col("lab") if one else pl.concat_str("rule", pl.lit(", "), "forecaster")
    rows = table.with_columns(who.alias("lab"))
    cells = (
        summary(rows, "lab", "year")
        .drop_nulls("tokens_error")
        .with_columns((-pl.col("tokens_error")).exp().alias("factor"), pl.col("year").cast(pl.String))
    )
    if cells.is_empty():
        return finish(nothing(), "Who was right", [], table, KNOWN)
    cells = cells.with_columns(pl.col("factor").map_elements(_times, pl.String).alias("text"))
    bars = summary(rows, "lab").sort("realised_cost_usd", descending=True)
    order, years = bars["lab"].to_list(), sorted(cells["year"].unique().to_list())
    lost = alt.Axis(title="lost to the wrong size", format="%", tickCount=3)
    y = alt.Y("lab:N", sort=order, axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=200))
    x = alt.X("year:N", sort=years, axis=alt.Axis(title="year of release", labelAngle=0, domain=False, ticks=False))
    scale = alt.Scale(domain=[-1.6, 0.0, 1.6], range=[BLUE, "#f4f4f4", ORANGE], clamp=True)
    plain = alt.Chart(cells)
    dark = alt.condition("abs(datum.tokens_error) > 1.1", alt.value("white"), alt.value(INK))
    tips = [alt.Tooltip(c) for c in ("lab", "year", "nets", "factor", "size_regret_share")]
    height = max(22 * len(order), 60)
    heat = alt.layer(
        plain.mark_rect(stroke="white").encode(
            x, y, alt.Color("tokens_error:Q", scale=scale, legend=None), tooltip=tips
        ),
        plain.mark_text(fontSize=10).encode(x, y, alt.Text("text:N"), color=dark),
    ).properties(width=min(34 * len(years), 34 * MOST_YEARS), height=height)
    amount = alt.Chart(bars).encode(
        alt.X("size_regret_share:Q", axis=lost, scale=alt.Scale(nice=3)), y.axis(None), tooltip=["lab", "size_regret_share", "nets", "censored"]
    )  # fmt: skip
    right = amount.mark_bar(color=INK, opacity=0.75).properties(width=120, height=height)
    ended, censored = int(bars["nets"].sum()), int(bars["censored"].sum())
    return finish(
        alt.hconcat(heat, right, spacing=12).resolve_scale(y="independent"),
        "Who was right: realised over planned tokens, and what the wrong size cost",
        [
            "Cells: tokens a model served over those planned for it, mean of logarithms weighted by lifetime cost.",
            "Orange: less came than was planned; blue: more.",
            f"Bars: cost above that of the best size of the same loss, over lifetime cost. {models(ended, table)}; {censored} still serve at the"
            " end and are left out.",
        ],
        table,
        KNOWN,
        "all models of {}",
    )


def _times(ratio: float) -> str:
    """Return a ratio in at most five signs.

    >>> [_times(x) for x in (0.0004, 0.2, 1.04, 12.3, 4000.0)]
    ['<0.01', '0.20', '1.0', '12', '>100']
    """
    if ratio < 0.01:
        return "<0.01"
    if ratio > 100.0:
        return ">100"
    return f"{ratio:.2f}" if ratio < 0.995 else f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"


def regimes(table: pl.DataFrame, x: str, y: str, year: int) -> alt.TopLevelMixin:
    """Who dominates over two parameters, with serving's share and the hinge in each cell.

    Parameters
    ----------
    table : polars.DataFrame
        As `regimes.over` returns it; means over seeds, the regime of most of them.
    x, y : str
        Parameters of the grid.
    year : int
        Year that the table is of.
    """
    cells = table.group_by(x, y, maintain_order=True).agg(
        pl.col("serving", "leading_lab", "eta", "m", "rho", "G").mean(), pl.col("regime").mode().sort().first()
    )
    sides = [[f"{v:g}" for v in sorted(cells[name].unique().to_list())] for name in (x, y)]
    shown = cells.with_columns(
        *(pl.col(name).map_elements(lambda v: f"{v:g}", pl.String).alias(side) for name, side in ((x, "x"), (y, "y"))),
        pl.format("{} %", (100.0 * pl.col("serving")).round(0).cast(pl.Int64)).alias("text"),
        pl.struct("rho", "m")
        .map_elements(lambda c: f"rho {c['rho']:.2f}, 1 - m {1.0 - c['m']:.2f}", pl.String)
        .alias("hinge"),
    )
    colours = dict(zip(REGIMES, (BLUE, "#e6e6e6", ORANGE, "#CC79A7"), strict=True))
    key = alt.Legend(title=None, orient="top", symbolType="square", columns=4)
    axes = (
        alt.X("x:N", sort=sides[0], axis=alt.Axis(title=x, labelAngle=0, domain=False, ticks=False)),
        alt.Y("y:N", sort=sides[1][::-1], axis=alt.Axis(title=y, domain=False, ticks=False)),
    )
    plain = alt.Chart(shown)
    ink = alt.condition(
        "datum.regime == 'parity' || datum.regime == 'research automation'", alt.value(INK), alt.value("white")
    )
    tips = [alt.Tooltip(c, format=".2f") for c in ("serving", "leading_lab", "eta", "m", "rho", "G")]
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    chart = alt.layer(
        plain.mark_rect(stroke="white").encode(*axes, alt.Color("regime:N", scale=scale, legend=key), tooltip=tips),
        plain.mark_text(fontSize=13, dy=-7, fontWeight="bold").encode(*axes, alt.Text("text:N"), color=ink),
        plain.mark_text(fontSize=10, dy=9).encode(*axes, alt.Text("hinge:N"), color=ink),
    ).properties(width=112 * len(sides[0]), height=46 * len(sides[1]))
    return finish(
        chart,
        f"Who dominates compute in {year}, over two parameters",
        [
            "Large: serving's share of the H100e-hours of serving and R&D. Small: the hinge, R&D and cost of serving over revenue.",
            "Inference: serving has at least 2/3. Parity: at least 1/3. Below: research automation if agents that do research take more",
            "hours than the training of models, else training.",
        ],
        table,
        "prior-dominated; all else as in the scenario",
        "mean of {}",
    )

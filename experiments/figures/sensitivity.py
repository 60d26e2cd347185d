"""Pictures of what decides the crossover, of the boxes in which it comes early, and of who dominates over two parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl

from experiments.figures.style import BLUE, INK, ORANGE, WIDTH, columns, finish, nothing, panel
from experiments.runs.answer import DENOMINATORS, ON_BOARD_SUFFIX
from experiments.studies.sensitivity import MAIN, OUTCOMES
from model.results.measures import DOMINANCE, HEADLINE, PARITY, PREFIX
from model.scenario import declarations

if TYPE_CHECKING:
    from experiments.studies.sensitivity import Sensitivity
    from experiments.sweeps.discovery import Box

PANEL_WIDTH, ROW = 270, 34
KNOWN = "ranges are what is possible, not what is likely"
#: Who has the accelerator-hours, by the least share of inference; the darker, the clearer.
REGIMES = {
    "training dominates (share under 1/3)": (0.0, ORANGE),
    "training leads (1/3 to 1/2)": (1.0 - DOMINANCE, "#F2B48C"),
    "inference leads (1/2 to 2/3)": (PARITY, "#8FC1E3"),
    "inference dominates (2/3 and more)": (DOMINANCE, BLUE),
}


def tornado(found: Sensitivity) -> alt.TopLevelMixin:
    """Mean outcome in the lowest and the highest third of each parameter's range, with 95 % intervals.

    Parameters
    ----------
    found : Sensitivity
        With Sobol effects.
    """
    if found.swings is None or found.variance is None:
        return _said(nothing("screening only: no swings"), found, "What moves the crossover", [])
    order = _order(found)
    panels = []
    ends = alt.Scale(domain=["low", "high"], range=[BLUE, ORANGE])
    key = alt.Legend(title=None, orient="top", labelExpr="'parameter in the ' + datum.value + 'est third of its range'")
    for i, (outcome, words) in enumerate(OUTCOMES.items()):
        rows = found.swings.filter(pl.col("outcome") == outcome).drop_nulls("mean")
        if rows.is_empty():
            continue
        dates = outcome.startswith("crossover")
        span = [
            rows.select(pl.min_horizontal("low", "mean").min()).item(),
            rows.select(pl.max_horizontal("high", "mean").max()).item(),
        ]
        axis = alt.Axis(title=None, format="d" if dates else ".0%", tickCount=5)
        x = alt.X("mean:Q", scale=alt.Scale(domain=span, zero=False, nice=True), axis=axis)
        names = alt.Axis(title=None, labelLimit=280, domain=False, ticks=False) if i % 2 == 0 else None
        y = alt.Y("parameter:N", sort=order, axis=names, scale=alt.Scale(paddingInner=0.35, paddingOuter=0.2))
        side = alt.YOffset("end:N", sort=["low", "high"])
        plain = alt.Chart(rows)
        layers = alt.layer(
            plain.mark_bar(opacity=0.9).encode(
                x, y, side, alt.X2("base:Q"), alt.Color("end:N", scale=ends, legend=key)
            ),
            plain.mark_rule(color=INK, strokeWidth=1).encode(alt.X("low:Q"), y, side, alt.X2("high:Q")),
            plain.mark_rule(color=INK, strokeWidth=1).encode(alt.X("mean(base):Q")),
        )
        panels.append(panel(layers, words, PANEL_WIDTH, ROW * len(order)))
    notes = [
        f"Bars: mean of the runs with the parameter there, from the mean of all. Runs that never cross stand at {found.censored}: {_never(found)}. Lines: 95 % intervals.",
    ]
    return _said(columns(panels, color="shared", y="independent"), found, _verdict(found), notes)


def heat_map(found: Sensitivity, most: int = 24) -> alt.TopLevelMixin:
    """Strength of each parameter for each outcome: Morris over its largest, and Sobol's total effects with intervals.

    Parameters
    ----------
    found : Sensitivity
    most : int
        Parameters shown of the screening.
    """
    relative = pl.col("mu_star") / pl.col("mu_star").max().over("outcome")
    unit = pl.when(pl.col("outcome").str.starts_with("crossover")).then(1.0).otherwise(100.0)
    rows = found.screening.with_columns(relative.alias("value"), (pl.col("mu_star") * unit).alias("shown"))
    rows = rows.with_columns(_text("{:.1f}", "shown"), _short())
    ranked = (
        rows.group_by("parameter", maintain_order=True)
        .agg(pl.col("value").max())
        .sort("value", descending=True, nulls_last=True)
    )
    order = ranked["parameter"].head(most).to_list()
    title = "Morris: mean effect of the whole range (years; points of share)"
    charts = [_heat(rows.filter(pl.col("parameter").is_in(order)), order, title)]
    if found.variance is not None:
        total = found.variance.with_columns(
            pl.col("total").clip(0.0, 1.0).alias("value"),
            _text("{:.2f} [{:.2f}, {:.2f}]", "total", "total_low", "total_high"),
            _short(),
        )
        charts.append(_heat(total, _order(found), "Sobol: share of the variance with all interactions, 95 % interval"))
    words = [
        f"Colour: relative to the largest of its column (above), share of variance (below). Never crossing counts as {found.censored}."
    ]
    return _said(
        alt.vconcat(*charts).resolve_scale(color="independent"),
        found,
        "How much each parameter moves each outcome",
        words,
    )


def boxes(found: Sensitivity, discovered: Sequence[Box]) -> alt.TopLevelMixin:
    """Where in the space of parameters inference crosses one half early.

    Parameters
    ----------
    found : Sensitivity
    discovered : sequence of Box
        One an outcome.
    """
    declared = {f"{d.section}.{d.name}": d for d in declarations()}
    panels = []
    for box in discovered:
        rows = []
        for limit in box.limits:
            ends = [limit.least, limit.low, limit.high, limit.most]
            if isinstance(limit.low, str):
                rows.append({"parameter": limit.parameter, "from": 0.0, "to": 1.0, "text": limit.low})
                continue
            log = declared[limit.parameter].scale == "log" and limit.least > 0.0
            u = [math.log(v) if log else v for v in ends]
            low, high = ((v - u[0]) / (u[3] - u[0]) for v in u[1:3])
            text = f"{limit.low:.3g} to {limit.high:.3g}" + (" (log axis)" if log else "")
            text += f"; importance {box.scores.get(limit.parameter, 0.0):.2f}"
            rows.append({"parameter": limit.parameter, "from": low, "to": high, "text": text})
        if not rows:
            continue
        plain = alt.Chart(pl.DataFrame(rows))
        y = alt.Y("parameter:N", sort=None, axis=alt.Axis(title=None, labelLimit=280, domain=False, ticks=False))
        scale, axis = (
            alt.Scale(domain=[0, 1]),
            alt.Axis(title=None, values=[0, 1], labelExpr="datum.value ? 'top of range' : 'bottom'", labelFlush=True),
        )
        layers = alt.layer(
            plain.mark_bar(color="#e6e6e6", height=14)
            .encode(alt.X("zero:Q", scale=scale), alt.X2("one:Q"), y)
            .transform_calculate(zero="0", one="1"),
            plain.mark_bar(color=BLUE, height=14).encode(alt.X("from:Q", scale=scale, axis=axis), alt.X2("to:Q"), y),
            plain.mark_text(align="left", dx=6, color=INK).encode(y=y, text="text:N", x=alt.datum(1.0)),
        )
        title = (
            f"{OUTCOMES[box.outcome].split(',')[0]}: {100 * box.coverage:.0f} % of the early runs lie in the box; "
            f"{100 * box.density:.0f} % of the runs in it are early, {100 * box.rate:.0f} % of all"
        )
        panels.append(panel(layers, title, WIDTH - 360, 30 * len(rows)))
    body = alt.vconcat(*panels) if panels else nothing("no box: too few runs cross early, or too few do not")
    words = [
        "PRIM: the interval of each parameter inside which early crossings lie, of its declared range. A description, no test.",
        "Importance: share in telling early from late runs apart (extra trees), of all parameters that went on from the screening.",
    ]
    return _said(body, found, "Where inference crosses one half before 2028", words)


def regime_map(
    table: pl.DataFrame, x: str, y: str, month: str | None = None, definition: str = HEADLINE
) -> alt.TopLevelMixin:
    """Who dominates compute over two parameters: a cell a pair of values, from a sweep's table.

    Parameters
    ----------
    table : polars.DataFrame
        As `sweep` returns it for one scenario, with the share of the definition; runs that failed leave a gap.
    x, y : str
        Parameters of the sweep.
    month : str, optional
        'YYYY-MM'; the last recorded month if left out. Shares are means over seeds.
    definition : str
        What is counted, one of `model.results.measures.DEFINITIONS`; the headline if left out.
    """
    share = PREFIX + definition
    rows = table.drop_nulls("month").with_columns(pl.col("month").dt.strftime("%Y-%m").alias("at"))
    month = month or str(rows["at"].max())
    cells = (
        rows.filter(pl.col("at") == month)
        .group_by(x, y, maintain_order=True)
        .agg(pl.col(share).mean().alias("share"))
        .drop_nulls()
    )
    regime = pl.lit(next(iter(REGIMES)))
    for name, (least, _) in list(REGIMES.items())[1:]:
        regime = pl.when(pl.col("share") >= least).then(pl.lit(name)).otherwise(regime)
    cells = cells.rename({x: "x", y: "y"}).with_columns(
        regime.alias("regime"),
        *(
            pl.col(c)
            .map_elements(lambda v: f"{v:.3g}" if isinstance(v, float) else str(v), pl.String)
            .alias(f"{c} text")
            for c in ("x", "y")
        ),
        pl.format("{} %", (100 * pl.col("share")).round(0).cast(pl.Int64)).alias("text"),
    )
    scale = alt.Scale(domain=list(REGIMES), range=[c for _, c in REGIMES.values()])
    sides = [cells.sort(c)[f"{c} text"].unique(maintain_order=True).to_list() for c in ("x", "y")]
    axes = (
        alt.X("x text:N", sort=sides[0], axis=alt.Axis(title=_labelled(x), labelAngle=0)),
        alt.Y("y text:N", sort=sides[1][::-1], axis=alt.Axis(title=_labelled(y))),
    )
    plain = alt.Chart(cells)
    tips = [alt.Tooltip("x:Q", title=x), alt.Tooltip("y:Q", title=y), alt.Tooltip("share:Q", format=".1%"), "regime:N"]
    dark = alt.condition(abs(alt.datum.share - 0.5) > DOMINANCE - PARITY, alt.value("white"), alt.value(INK))
    layers = alt.layer(
        plain.mark_rect(stroke="white").encode(
            *axes,
            alt.Color(
                "regime:N", scale=scale, legend=alt.Legend(title=None, orient="top", columns=2, symbolType="square")
            ),
            tooltip=tips,
        ),
        plain.mark_text(fontSize=11).encode(*axes, text="text:N", color=dark),
    ).properties(width=max(46 * len(sides[0]), 200), height=max(34 * len(sides[1]), 120))
    counted = DENOMINATORS[definition.removesuffix(ON_BOARD_SUFFIX)]
    words = [f"Inference's share of {counted} in {month}; all else as in the scenario."]
    return finish(layers, "Who dominates compute, over two parameters", words, table, KNOWN, "mean of {}")


def _heat(rows: pl.DataFrame, order: Sequence[str], title: str) -> Any:
    plain = alt.Chart(rows)
    x = alt.X("what:N", sort=None, axis=alt.Axis(title=None, labelAngle=0, orient="top", domain=False, ticks=False))
    y = alt.Y("parameter:N", sort=list(order), axis=alt.Axis(title=None, labelLimit=300, domain=False, ticks=False))
    blues = alt.Scale(domain=[0, 1], range=["#f4f4f4", BLUE])
    white = alt.condition(alt.datum.value > 0.55, alt.value("white"), alt.value(INK))
    layers = alt.layer(
        plain.mark_rect(stroke="white").encode(x, y, alt.Color("value:Q", scale=blues, legend=None)),
        plain.mark_text(fontSize=10).encode(x, y, text="text:N", color=white),
    )
    return panel(layers, title, 460, 19 * len(order))


def _text(form: str, *names: str) -> pl.Expr:
    """Return numbers as a column ``text``, "-" where the first is null."""
    row = pl.struct(names)
    text = row.map_elements(lambda r: "-" if r[names[0]] is None else form.format(*r.values()), pl.String)
    return text.alias("text")


def _short() -> pl.Expr:
    """Return outcomes as heads of columns."""
    names = {o: w.replace(", years", "").replace("headline ", "") for o, w in OUTCOMES.items()}
    return pl.col("outcome").replace_strict(names).alias("what")


def _order(found: Sensitivity) -> list[str]:
    """Return the survivors, strongest for the headline's crossover first."""
    if found.variance is None:
        return list(found.survivors)
    rows = found.variance.filter(pl.col("outcome") == MAIN).sort(
        "total", descending=True, nulls_last=True, maintain_order=True
    )
    return rows["parameter"].to_list()


def _never(found: Sensitivity) -> str:
    runs = found.sampled if found.sampled is not None else found.screened
    shares = [100.0 * (1.0 - float(runs[c].mean() or 0.0)) for c in ("crossed_accelerator_hours", "crossed_usd")]
    return f"{shares[0]:.0f} % in hours, {shares[1]:.0f} % in USD"


def _verdict(found: Sensitivity) -> str:
    names = [n.partition(".")[2].replace("_", " ") for n in _order(found)[:2]]
    return f"What moves the crossover: {' and '.join(names)} most"


def _labelled(name: str) -> str:
    d = next((d for d in declarations() if f"{d.section}.{d.name}" == name), None)
    return name if d is None or d.unit == "-" else f"{name} ({d.unit})"


def _said(chart: Any, found: Sensitivity, title: str, words: Sequence[str]) -> alt.TopLevelMixin:
    runs = found.screened.height + (0 if found.sampled is None else found.sampled.height)
    known = f"'{found.scenario}', preset {found.preset}, {runs} runs; {KNOWN}"
    return finish(chart, title, words, pl.DataFrame({"seed": [1]}), known)

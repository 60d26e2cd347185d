"""Figures of what happens inside: who demands compute, the seven layers, what made inference grow, what labs planned."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl

from experiments.figures.register import figure
from experiments.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PARTS_COLOURS,
    TIERS,
    WIDTH,
    bands,
    finish,
    lines,
    models,
    nothing,
    panel,
    series,
    span,
    x_axis,
)
from experiments.runs import answer as numbers
from experiments.studies import dollar as money
from model.core.units import HOURS_PER_MONTH
from model.results.accounts import KAYA_CLASSES, KAYA_FACTORS, KAYA_QUANTITIES
from model.results.accounts import kaya as kaya_split

CONSUMERS = {
    "human": "people",
    "application": "applications",
    "ai_agent": "AI agents",
    "robot": "robots",
    "lab": "labs",
}
LAYERS = {
    7: ("7 application", "#56B4E9"),
    6: ("6 orchestrator", "#F0E442"),
    5: ("5 agent", GREEN),
    4: ("4 context", "#CC79A7"),
    3: ("3 AI model", ORANGE),
    2: ("2 link", "#E69F00"),
    1: ("1 physical", "#555555"),
}
CLASSES = {
    "assistant": ("people, with assistants", BLUE),
    "delegated": ("AI agents, tasks handed over", GREEN),
    "standing": ("AI agents, background jobs", "#7FCFB5"),
    "embedded": ("features in applications", "#56B4E9"),
    "robot_cloud": ("robots, in the cloud", "#F0E442"),
}
FACTORS = dict(
    zip(
        KAYA_FACTORS,
        ("heads", "tasks a head", "calls a task", "tokens a call", "FLOP a token"),
        strict=True,
    )
)
SPANS = ((2023, 2025), (2025, 2030), (2030, 2035))


#: Uses of hours beside serving and R&D, in the order in which they lie on these.
BESIDE = {"ranking": ("ranking", "#F0E442"), "other": ("other AI", GREY)}
IDLE = "not used"  # without power, spare for peaks, or without work


@figure("all hours", ["compute", "monthly"], after="definitions")
def hours(compute: pl.DataFrame, monthly: pl.DataFrame) -> alt.TopLevelMixin:
    """Draw what the hours of all installed machines were used for, stacked to one: each definition of the share is a choice of bands.

    Parameters
    ----------
    compute, monthly : polars.DataFrame
        Tables of the same names.
    """
    parted = numbers.with_parts(compute).with_columns(pl.col("part").replace_strict(numbers.PARTS).alias("use"))
    words = pl.col("purpose").replace_strict(
        {k: w for k, (w, _) in BESIDE.items()}, default=None, return_dtype=pl.String
    )
    beside = compute.with_columns(words.alias("use")).drop_nulls("use")
    used = pl.concat([parted.drop("part"), beside])
    used = used.group_by("seed", "month", "use", maintain_order=True).agg(pl.col("accelerator_hours").sum())
    whole = monthly.select("seed", "month", (pl.col("installed_h100e") * HOURS_PER_MONTH).alias("accelerator_hours"))
    busy = used.group_by("seed", "month", maintain_order=True).agg(pl.col("accelerator_hours").sum().alias("busy"))
    idle = whole.join(busy, on=["seed", "month"], how="left").select(
        "seed", "month", pl.lit(IDLE).alias("use"), pl.col("accelerator_hours") - pl.col("busy").fill_null(0.0)
    )
    year = pl.col("accelerator_hours").rolling_sum(12).over("seed", "use", order_by="month")
    rows = pl.concat([used, idle]).with_columns(year.alias("hours")).drop_nulls("hours")
    share = pl.col("hours") / pl.col("hours").sum().over("seed", "month")
    each = (
        rows.with_columns(share.alias("share"))
        .group_by("month", "use", maintain_order=True)
        .agg(pl.col("share").mean())
    )
    inference = list(numbers.INFERENCE_PARTS)
    parts = [*inference, *(part for part in numbers.PARTS if part not in inference)]
    colours = {numbers.PARTS[part]: PARTS_COLOURS[part] for part in parts[: len(inference)]} | dict(BESIDE.values())
    colours |= {numbers.PARTS[part]: PARTS_COLOURS[part] for part in parts[len(inference) :]} | {IDLE: "#E5E5E5"}
    order = {words: i for i, words in enumerate(colours)}
    each = each.with_columns(pl.col("use").replace_strict(order, return_dtype=pl.Int64).alias("rank"))
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    key = alt.Legend(title=None, orient="right", labelLimit=340, symbolStrokeWidth=0.5)
    drawn = alt.Chart(each.sort("month", "rank")).mark_area(stroke="white", strokeWidth=0.8, fillOpacity=0.95)
    drawn = drawn.encode(
        x_axis(span(each) if each.height else None),
        alt.Y(
            "share:Q",
            stack="zero",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format="%", title="of installed hours"),
        ),
        alt.Color("use:N", scale=scale, sort=list(order), legend=key),
        alt.Order("rank:Q"),
    )
    return finish(
        drawn.properties(width=WIDTH - 140, height=300) if each.height else nothing("the run is shorter than a year"),
        "Every hour of AI compute",
        [
            "Hours of installed machines, last 12 months; not used: without power, spare for peaks or without work. The share told first is the",
            "three bands of inference over these and the three of research; others add bands: roll-outs, data and automation run forward only",
            "too, and all AI has ranking and other AI below the line.",
        ],
        monthly,
        runs="mean of {}",
    )


@figure("who demands", ["demand", "monthly"], after="outcomes")
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
    driving, months = series(monthly, {d: d for d in drivers}), span(monthly)
    own = (PARTS_COLOURS["people"], PARTS_COLOURS["machines"], PARTS_COLOURS["ai_agents"], GREY, ORANGE)
    colours = dict(zip(CONSUMERS.values(), own, strict=True))
    chart = alt.vconcat(
        lines(hours, "who", colours, "H100e-hours served a month", log=True, span=months),
        lines(filled, "who", colours, "served / asked", span=months, legend=False).properties(height=60),
        lines(driving, "what", drivers, "people, or number a month", log=True, span=months),
    ).resolve_scale(color="independent", strokeDash="independent")
    return finish(chart, "Who demands compute", ["Hours run by providers, without ranking and other AI."], monthly)


@figure("labs' plans", ["labs"], after="market")
def labs(table: pl.DataFrame) -> alt.TopLevelMixin:
    """Realised over planned lifetime tokens and cost: totals over released models that have ended serving, by year of release.

    Parameters
    ----------
    table : polars.DataFrame
        Table `labs`.
    """
    rows = table.drop_nulls("released").with_columns(
        pl.col("censored").cast(pl.Boolean).fill_null(True), pl.col("released").dt.truncate("1y").alias("month")
    )
    ended = rows.filter(~pl.col("censored"))
    panels = []
    for what, text in (("lifetime_tokens", "tokens"), ("cost_usd", "cost")):
        ratio = numbers.total(f"realised_{what}", f"planned_{what}", pl.lit(True)).alias("value")
        each = ended.group_by("seed", "month", "tier", maintain_order=True).agg(ratio)
        title = f"realised / planned {text}"
        panels.append(lines(bands(each, "tier"), "tier", TIERS, title, log=True, point=True, level=1))
    return finish(
        alt.vconcat(*panels),
        "What labs planned for their models, and what came",
        [
            "Lifetime totals of all models released in a year, realised over planned. Above the dashed line: more than planned.",
            f"{models(ended.height, table)}; {rows.height - ended.height} that still serve at the end are left out"
            " (so the last years show those that ended early).",
        ],
        table,
        "prior-dominated: plans of labs are not published",
    )


#: Under the dollars.
_LOWER = (
    "Lower: one dollar paid for generative AI (no advertising to people) on its way to chips and electricity; flows under half a cent"
    " are not drawn."
)


@figure("seven layers", ["stack", "flows", "monthly"], after="kaya")
def layers(stack: pl.DataFrame, flows: pl.DataFrame, monthly: pl.DataFrame, dollars: bool = True) -> alt.TopLevelMixin:
    """Value added, operations and electricity by layer, and where a dollar of spending on generative AI goes.

    Parameters
    ----------
    stack, flows, monthly : polars.DataFrame
        Tables of the same names.
    dollars : bool
        False leaves the dollar out: the page draws it apart.
    """
    what = {
        "value_added_usd": ("value added", "USD"),
        "flop": ("operations", "FLOP"),
        "energy_kwh": ("electricity", "kWh"),
    }
    years = stack["month"].dt.year()
    every = 3 if stack.height and int(years.max()) - int(years.min()) > 6 else 1
    names = {number: text for number, (text, _) in LAYERS.items()}
    scale = alt.Scale(domain=list(names.values()), range=[c for _, c in LAYERS.values()])
    order = {number: i for i, number in enumerate(sorted(names))}
    shares: list[Any] = []
    totals: list[Any] = []
    for column, (words, unit) in what.items():
        year = pl.col(column).clip(lower_bound=0.0).rolling_sum(12).over("seed", "layer", order_by="month")
        rows = stack.with_columns(year.alias("value")).drop_nulls("value")
        each = rows.group_by("month", "layer", maintain_order=True).agg(pl.col("value").mean()).sort("month", "layer")
        each = each.with_columns(
            (pl.col("value") / pl.col("value").sum().over("month")).alias("share"),
            pl.col("layer").replace_strict(names).alias("name"),
            pl.col("layer").replace_strict(order).alias("rank"),
        ).select("month", "share", "name", "rank")
        areas = alt.Chart(each).mark_area(stroke="white", strokeWidth=0.8, fillOpacity=0.9)
        axis = alt.Axis(format="%", title="share, last 12 months" if not shares else None, tickCount=5)
        areas = areas.encode(
            x_axis(span(each) if each.height else None, every=every),
            alt.Y("share:Q", stack="zero", scale=alt.Scale(domain=[0, 1]), axis=axis),
            alt.Color("name:N", scale=scale, legend=alt.Legend(title="layer")),
            alt.Order("rank:Q"),
        )
        shares.append(panel(areas, f"{words} ({unit})", 205, 170))
        whole = rows.group_by("seed", "month", maintain_order=True).agg(pl.col("value").sum())
        table = bands(whole).with_columns(pl.lit("all").alias("what"))
        drawn = lines(table, "what", {"all": INK}, None, log=True, legend=False, every=every)
        totals.append(panel(drawn, f"all layers, {unit} a year", 205, 80))
    full = numbers.full_years(flows["month"])
    told = ([y for y in (2025, 2030) if y in full] or full[-1:]) if dollars else []
    chart = alt.vconcat(alt.hconcat(*shares), alt.hconcat(*totals), *(_dollar(flows, monthly, y) for y in told))
    return finish(
        chart.resolve_scale(color="independent"),
        "The seven layers",
        [
            "Value added sums to what final demand pays; machines count as investment. The link layer moves bytes, no operations.",
            *([_LOWER] if dollars else []),
        ],
        stack,
        "prior-dominated: no accounts by layer are published",
        "mean of {}; totals: median, band P10-P90",
    )


def dollar(flows: pl.DataFrame, monthly: pl.DataFrame, year: int) -> alt.TopLevelMixin:
    """Where a dollar of spending on generative AI goes in a year, from the application down to chips and watts.

    Parameters
    ----------
    flows, monthly : polars.DataFrame
        Tables of the same names.
    year : int
        A full year of the run.
    """
    chart = _dollar(flows, monthly, year)
    return finish(
        chart,
        f"Where a dollar goes, {year}",
        [
            chart.title.text.partition(": ")[2],
            "From those who pay for generative AI down the stack; no advertising to people. Flows under half a cent are not drawn.",
        ],
        monthly,
        "prior-dominated: no accounts by layer are published",
        "mean of {}",
    )


def _dollar(flows: pl.DataFrame, monthly: pl.DataFrame, year: int) -> alt.LayerChart:
    """Return the way of one dollar in a year as bands between sectors."""
    d = money.dollar(flows, year)
    drawn = money.layout(d)
    kwh = (
        float(monthly.filter(pl.col("month").dt.year() == year)["energy_twh"].sum())
        / max(monthly["seed"].n_unique(), 1)
        * 1e9
    )
    power = pl.col("item") == "electricity"
    bill = float(flows.filter((pl.col("month").dt.year() == year) & power)["usd"].sum()) / max(
        flows["seed"].n_unique(), 1
    )
    watts = d.links.get(("providers", "power"), 0.0) * (kwh / bill if bill else 0.0) / HOURS_PER_MONTH * 1e3
    x, y = alt.Scale(domain=[-0.02, 5.95], nice=False), alt.Scale(domain=[money.HEIGHT, 0.0], nice=False)
    bare = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    colours = {
        "applications": "#56B4E9",
        "ai_agents": GREEN,
        "orchestrators": "#F0E442",
        "labs": ORANGE,
        "providers": "#E69F00",
        "chips": "#555555",
        "power": "#999999",
    }
    colour = alt.Color("target:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None)
    across = alt.X("x:Q", scale=x, axis=bare)
    ways = alt.Chart(drawn.bands).mark_area(fillOpacity=0.55, stroke="white", strokeWidth=0.5)
    ways = ways.encode(across, alt.Y("low:Q", scale=y, axis=bare), alt.Y2("high:Q"), colour, alt.Detail("link:N"))
    fill = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["paid on", "kept", "from owners"], range=[INK, "white", "#999999"]),
        legend=None,
    )
    bars = alt.Chart(drawn.bars).mark_rect(stroke=INK, strokeWidth=1)
    bars = bars.encode(
        alt.X("x0:Q", scale=x, axis=bare), alt.X2("x1:Q"), alt.Y("low:Q", scale=y), alt.Y2("high:Q"), fill
    )
    words = alt.Chart(drawn.labels)
    texts = [
        words.mark_text(align="left", baseline="line-bottom", fontSize=10, lineBreak="\n", **style).encode(
            across, alt.Y("y:Q", scale=y), alt.Text("text:N")
        )
        for style in ({"stroke": "white", "strokeWidth": 3, "strokeOpacity": 0.8}, {"color": INK})
    ]
    title = (
        f"{year}: ${_billions(d.spent_usd)} bn paid for generative AI; a dollar a month keeps {watts:,.2g} W running."
        " White: kept (wages, operations, profit)."
    )
    return (
        alt.layer(ways, bars, *texts)
        .resolve_scale(color="independent")
        .properties(
            width=WIDTH,
            height=money.HEIGHT,
            title=alt.TitleParams(title, fontSize=12, fontWeight="normal", frame="group", offset=2),
        )
    )


def _billions(usd: float) -> str:
    return f"{usd / 1e9:,.0f}" if usd >= 1e11 else f"{usd / 1e9:.3g}"


@figure("what grew", ["monthly"], after="demand")
def kaya(monthly: pl.DataFrame) -> alt.TopLevelMixin:
    """Draw what made serving grow: heads, tasks a head, calls a task, tokens a call or FLOP a token, by consumer class.

    Parameters
    ----------
    monthly : polars.DataFrame
    """
    held = numbers.full_years(monthly["month"])
    spans = [s for s in SPANS if s[0] in held and s[1] in held] or ([(held[0], held[-1])] if len(held) > 1 else [])
    wanted = [[f"{q}_of_{c}" for c in KAYA_CLASSES] for q in KAYA_QUANTITIES]
    year = pl.col("month").dt.year()
    sums = monthly.group_by("seed", year.alias("year"), maintain_order=True).agg(
        pl.col([n for row in wanted for n in row]).sum()
    )
    parts: dict[tuple[int, int], list[Any]] = {s: [] for s in spans}
    panels: list[Any] = []
    growth: dict[tuple[int, int], list[float]] = {s: [] for s in spans}
    for seed in monthly["seed"].unique(maintain_order=True).to_list():
        for first, last in spans:
            before, after = (
                np.array(
                    [
                        [sums.filter((pl.col("seed") == seed) & (pl.col("year") == y))[n].item() for n in row]
                        for row in wanted
                    ]
                )
                for y in (first, last)
            )
            split = kaya_split(before, after)
            change = split.sum()
            parts[first, last].append(split / change if change else np.zeros_like(split))
            growth[first, last].append(after[-1].sum() / before[-1].sum() if before[-1].sum() else np.nan)
    scale = alt.Scale(domain=[t for t, _ in CLASSES.values()], range=[c for _, c in CLASSES.values()])
    for number, s in enumerate(spans):
        mean = np.mean(parts[s], axis=0)
        rows = [
            {"factor": words, "class": CLASSES[c][0], "share": float(mean[i, j]), "rank": j}
            for i, words in enumerate(FACTORS.values())
            for j, c in enumerate(KAYA_CLASSES)
        ]
        y = alt.Y("factor:N", sort=list(FACTORS.values()), axis=alt.Axis(title=None) if not number else None)
        x = alt.X("share:Q", stack="zero", axis=alt.Axis(format="%", title="of the change in FLOP", tickCount=5))
        key = alt.Legend(title=None, orient="bottom", columns=3, labelLimit=200, symbolStrokeWidth=0.5)
        colour = alt.Color("class:N", scale=scale, legend=key)
        bars = (
            alt.Chart(pl.DataFrame(rows))
            .mark_bar(stroke=INK, strokeWidth=0.4)
            .encode(x, y, colour, alt.Order("rank:Q"))
        )
        zero = alt.Chart(pl.DataFrame({"x": [0.0]})).mark_rule(color=INK).encode(alt.X("x:Q"))
        times = f"{np.median(growth[s]):,.3g}"
        panels.append(panel(bars + zero, f"{s[0]} to {s[1]}: serving x {times}", 215, 150))
    return finish(
        alt.hconcat(*panels) if panels else nothing("the run holds no two full years"),
        "What made inference grow",
        [
            "Serving FLOP of a year = heads x tasks a head x calls a task x tokens a call x FLOP a token. Exact split (LMDI); the bars of a"
            " panel sum to 100 %.",
            "A task is an hour of attention (features), a job-month (background jobs) or an active hour (robots). What did not exist before"
            " counts under heads.",
        ],
        monthly,
        runs="mean of {}",
    )

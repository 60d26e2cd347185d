"""Labs: what one planned for its models and what came, then all of them, then the lab's account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from experiments import figures
from experiments.figures import share as figures_share
from experiments.page.blocks import Choice, Html, paragraph, picture, plain, table
from experiments.page.player import seeded
from model.core.units import month_date, percent
from model.scenario import firm_today

if TYPE_CHECKING:
    from agents.lab import Release
    from experiments.page.player import Part, Scene
    from model.economy import InferenceEconomy


def leading(e: InferenceEconomy) -> int:
    """Return the lab that spends most on compute and people: research and serving."""
    return int(np.argmax(e.labs.rd_usd + e.labs.serving_usd))


def view(scene: Scene) -> list[Part]:
    """Return one lab's plans against what came, and those of all labs."""
    e, chosen = scene.economy, firm_today("lab", scene.state.option("lab"))
    names = list(e.opening.lab_names)
    lab = names.index(chosen) if chosen in names else leading(e)
    items = (("leading", f"the leading one ({names[leading(e)]})"), *((n, n) for n in names))
    rows = planned(e, names[lab])
    blocks: list[Part] = [
        Choice("lab", "Lab", items, chosen if chosen in names else "leading"),
        paragraph(*said(rows, names[lab], lab == leading(e), e.recorder.months[-1]), kind="said"),
    ]
    if rows.height:
        width = 280 if scene.narrow else 720
        dates = [month_date(i, e.settings.start) for i in (0, e.months - 1)]
        blocks.append(lambda: picture("plans-of-a-lab", figures_share.plans(rows, names[lab], dates, width)))
        blocks.append(lambda: _table(rows))
    if scene.playing:
        return blocks
    own = e.trace(e.row("Lab", lab))
    told = [
        *blocks,
        paragraph(f"{own.title}: what it decides and why", kind="title"),
        paragraph(*own.sentences),
    ]
    if e.month < 24:  # drawn by year of release
        return told
    return [*told, lambda: picture("plans-of-all-labs", figures.labs(all_labs(e)))]


def planned(e: InferenceEconomy, lab: str | None = None) -> pl.DataFrame:
    """Return the models a lab (or every lab) released during the run, planned and realised, oldest first."""
    rows: list[dict[str, Any]] = [
        {
            "month": month_date(r.released_month, e.settings.start),
            "tier": r.tier,
            "training_flop": r.training_flop,
            "parameters": r.parameters,
            "planned_tokens": r.planned_tokens,
            "realised_tokens": r.tokens,
            "planned_usd": r.planned_usd,
            "realised_usd": cost_usd(r),
            "serving": r.retired_month is None,
        }
        for r in e.state.labs.releases
        if lab in (None, r.lab) and not r.opening
    ]
    schema = {"month": pl.Date, "tier": pl.String, "serving": pl.Boolean}
    numbers = ("training_flop", "parameters", "planned_tokens", "realised_tokens", "planned_usd", "realised_usd")
    return pl.DataFrame(rows, schema={**schema, **dict.fromkeys(numbers, pl.Float64)}).sort("month")


def cost_usd(r: Release) -> float:
    """Return what training a net, its roll-outs included, and serving it has cost so far, as `model.results.regret` counts it.

    Regrets, which the page does not show, take most of a second for all nets of a run.
    """
    return r.train_usd_per_flop * r.training_flop * (1.0 + r.rollout_factor) + r.serving_usd


def all_labs(e: InferenceEconomy) -> pl.DataFrame:
    """Return the columns of the result table `labs` that its figure draws."""
    names = {
        "month": "released",
        "planned_tokens": "planned_lifetime_tokens",
        "realised_tokens": "realised_lifetime_tokens",
        "planned_usd": "planned_cost_usd",
        "realised_usd": "realised_cost_usd",
        "serving": "censored",
    }
    return seeded(e, planned(e).rename(names))


def said(rows: pl.DataFrame, lab: str, leads: bool, month: str) -> list[str]:
    """Return plan and outcome in words: totals over the models that have ended serving, then the last of them."""
    who = f"Lab {lab}" + (", the one that spends most on research and serving," if leads else "")
    ended = rows.filter(~pl.col("serving") & (pl.col("tier") != "small"))
    if not ended.height:
        return [f"{who} has no frontier model of this run that has ended serving by {month}."]
    tokens, usd = (
        (float(ended[f"planned_{what}"].sum()), float(ended[f"realised_{what}"].sum())) for what in ("tokens", "usd")
    )
    last, half = ended.row(-1, named=True), ended.height // 2
    early, late = ended.head(half), ended.tail(ended.height - half)
    ratio = (pl.col("realised_tokens") / pl.col("planned_tokens")).filter(pl.col("planned_tokens") > 0.0)
    more = ended.filter(pl.col("realised_tokens") > pl.col("planned_tokens")).height
    turn = f" {more} of {ended.height} models served more than planned."
    if half:
        usual = [_times(1.0, float(x.select(ratio.median()).item() or 0.0)) for x in (early, late)]
        turn += f" The median model of the earlier half (to {early['month'][-1]:%Y-%m}) served {usual[0]}, of the later half {usual[1]}."
    out = [
        f"{who} released {rows.filter(pl.col('tier') != 'small').height} frontier models by {month}; {ended.height} have ended serving."
        f" For these it planned to serve {plain(tokens[0])} tokens over their lives; {plain(tokens[1])} came: {_times(*tokens)}"
        f" (the sum is mostly the latest models).{turn}",
        f"It planned {plain(usd[0])} USD for training and serving them; they cost {plain(usd[1])} USD: {_times(*usd)}.",
        f"The last of them, released {last['month']:%Y-%m}: {plain(last['planned_tokens'])} tokens planned,"
        f" {plain(last['realised_tokens'])} came ({_times(last['planned_tokens'], last['realised_tokens'])}).",
    ]
    return out


def _times(plan: float, came: float) -> str:
    if plan <= 0.0:
        return "no plan"
    ratio = came / plan
    return f"{ratio:.3g} times the plan" if ratio >= 1.0 else f"{percent(ratio)} of the plan"


def _table(rows: pl.DataFrame) -> Any:
    head = (
        "released",
        "tier",
        "training, FLOP",
        "parameters",
        "tokens planned",
        "came",
        "of plan",
        "USD planned",
        "came",
        "of plan",
    )
    cells = [
        (
            f"{r['month']:%Y-%m}",
            r["tier"] + (" (still serving)" if r["serving"] else ""),
            plain(r["training_flop"]),
            plain(r["parameters"]),
            plain(r["planned_tokens"]),
            plain(r["realised_tokens"]),
            _short(r["planned_tokens"], r["realised_tokens"]),
            plain(r["planned_usd"]),
            plain(r["realised_usd"]),
            _short(r["planned_usd"], r["realised_usd"]),
        )
        for r in rows.reverse().iter_rows(named=True)
    ]
    return Html(f"<details><summary>Every model, the newest first</summary>{table(head, cells, (0, 1)).text}</details>")


def _short(plan: float, came: float) -> str:
    return percent(came / plan if plan > 0.0 else None, ",.0f")

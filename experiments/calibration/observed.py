"""What was observed and what of the model it is held against; rows that were not read in their source are left out.

A mapping says how an observed series reads in the model's terms. Series without one measure something the model has no counterpart
of, overlap with a mapped series, or are inputs (people online, hours). Nothing here is fitted.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from experiments.calibration import observations
from experiments.calibration.observations import FILE as FILE

DAYS = 30.4
#: Shares that translate a part into the whole, from the notes of the observations.
CHATGPT_SHARE = 0.65  # of people who use an assistant
NVIDIA_SHARE = 0.8  # of spending on chips
BIG_FOUR_SHARE = 0.76  # of AI machines: their part of the opening stock
AI_SHARE_OF_CAPEX = {2023: 0.45, 2024: 0.6, 2025: 0.6}  # of the big four; 2025 as 2024
A100_H100E = 3.12e14 / 9.89e14
DIGITAL_SHARE = 0.732  # of advertising

_ = pl.col


@dataclass(frozen=True)
class Mapping:
    """How one observed series reads in the model's terms.

    Parameters
    ----------
    panel : str
        What is measured, with its unit; series of one panel share the model's line.
    series : str
    above, below : polars.Expr
        Columns of `wide`; the model's value is sum(above) / sum(below) over the span, or sum(above).
    factor : float or {year: float}
        The observed value times this is in the model's terms.
    span : int
        Months the value covers: 1 a month's flow or a level, 3 a quarter, 12 a year.
    bound : str
        "" for the whole, "lower" where one firm or country of many is seen: drawn, not scored.
    records : bool
        Only rows that exceed all before them.
    """

    panel: str
    series: str
    above: pl.Expr
    below: pl.Expr | None = None
    factor: float | MappingOf[int, float] = 1.0
    span: int = 1
    bound: str = ""
    records: bool = False


MAPPINGS: tuple[Mapping, ...] = (
    Mapping("people using an assistant", "chatgpt_wau", _("adopters"), factor=1.0 / CHATGPT_SHARE),
    Mapping("share of people who use AI", "genai_share_working_age", _("adopters"), _("humans")),
    Mapping(
        "share of work hours done with AI",
        "genai_work_hours_share",
        _("minutes_assistant_work"),
        _("minutes_own_work") + _("minutes_assistant_work"),
    ),
    Mapping(
        "messages to assistants a day", "chatgpt_messages_day", _("calls_of_assistant") / DAYS, factor=1 / CHATGPT_SHARE
    ),
    Mapping("tokens a month (parts: lower bounds)", "tokens_google_month", _("tokens"), bound="lower"),
    Mapping("tokens a month (parts: lower bounds)", "tokens_china_day", _("tokens"), factor=DAYS, bound="lower"),
    Mapping("tokens a month (parts: lower bounds)", "tokens_openai_all_month", _("tokens"), bound="lower"),
    Mapping(
        "share of tokens from reasoning nets",
        "reasoning_token_share_openrouter",
        _("tokens_reasoning_models"),
        _("tokens"),
    ),
    Mapping("task horizon, minutes", "metr_horizon_p50", _("task_horizon_minutes")),
    Mapping("largest training run, FLOP", "train_compute_frontier", _("frontier_training_flop"), records=True),
    Mapping("price of input, frontier, USD/Mtoken", "price_in_frontier", _("price_frontier_usd_per_mtoken")),
    Mapping("price of output, frontier, USD/Mtoken", "price_out_frontier", 5.0 * _("price_frontier_usd_per_mtoken")),
    Mapping("price of input, small nets, USD/Mtoken", "price_in_small", _("price_small_usd_per_mtoken")),
    Mapping("rent, USD per H100e-hour", "gpu_rent_h100", _("price_usd_per_h100e_hour")),
    Mapping(
        "rent, USD per H100e-hour",
        "openai_gpu_rental_price_a100",
        _("price_usd_per_h100e_hour"),
        factor=1.0 / A100_H100E,
    ),
    Mapping("H100e sold since 2022", "ai_chip_cum_h100e_sum4", _("chips_sold_cumulative_h100e")),
    Mapping("H100e installed", "nvidia_installed_h100e", _("installed_h100e"), factor=1.0 / NVIDIA_SHARE),
    Mapping(
        "spending on chips, USD a quarter",
        "nvidia_dc_revenue_q",
        _("chips_paid_usd"),
        factor=1e9 / NVIDIA_SHARE,
        span=3,
    ),
    Mapping(
        "capex for AI, USD a year",
        "capex_big4_year",
        _("capex_usd"),
        factor={year: 1e9 * share / BIG_FOUR_SHARE for year, share in AI_SHARE_OF_CAPEX.items()},
        span=12,
    ),
    Mapping(
        "people's spending on AI, USD a year (two labs)",
        "openai_arr",
        12.0 * _("people_paid_usd"),
        factor=1e9,
        bound="lower",
    ),
    Mapping(
        "people's spending on AI, USD a year (two labs)",
        "anthropic_arr",
        12.0 * _("people_paid_usd"),
        factor=1e9,
        bound="lower",
    ),
    Mapping(
        "inference's share of compute spending",
        "openai_inference_share_of_compute_spend",
        _("serving_usd"),
        _("serving_usd") + _("research_usd"),
        span=12,
    ),
    Mapping(
        "final runs' share of R&D compute",
        "openai_final_run_share_of_rd",
        _("final_run_usd"),
        _("research_usd"),
        span=12,
    ),
    Mapping(
        "inference's share of all AI compute",
        "inference_share_ai_compute",
        _("inference_share_all_ai") * _("all_ai_hours"),
        _("all_ai_hours"),
        span=12,
    ),
    Mapping(
        "inference's share of all AI compute",
        "nvidia_inference_share_dc_revenue",
        _("inference_share_all_ai") * _("all_ai_hours"),
        _("all_ai_hours"),
        span=12,
    ),
    Mapping(
        "energy of a message, Wh",
        "energy_per_gemini_text_prompt",
        1e3 * _("assistants_kwh"),
        _("calls_of_assistant"),
    ),
    Mapping(
        "digital advertising, USD a year",
        "ad_market_global",
        _("ad_spend_usd"),
        factor=1e9 * DIGITAL_SHARE,
        span=12,
    ),
    Mapping("robots bought a year", "humanoid_shipments", _("robots_bought"), span=12),
)


@functools.cache
def _read(file: Path) -> pl.DataFrame:
    """Return the table of a file, read once: a report asks for it sixty times."""
    return observations.table(file)


def points(series: str | list[str]) -> pl.DataFrame:
    """Return the points of one or more series: series, date, month (date), value, low, high, source, split.

    A date that is a year stands in the middle of it.
    """
    names = [series] if isinstance(series, str) else series
    table = _read(FILE).filter(
        _("series").is_in(names)
        & (_("read_or_memory") == "read")
        & _("split").is_in(["calibrate", "validate", "constant"])
    )
    return table.select(
        "series",
        "date",
        _("date").map_elements(_date, return_dtype=pl.Date).alias("month"),
        "value",
        "low",
        "high",
        _("source_title").alias("source"),
        "split",
    ).sort("series", "month")


def wide(tables: MappingOf[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the monthly series with what mappings need from other tables, by seed and month."""
    keys = ["seed", "month"]
    by = {"on": keys, "how": "left"}
    paid = _("usd").filter
    people = (_("payer") == "humans") & _("payee").is_in(["applications", "ai_agents"])
    flows = tables["flows"].group_by(keys, maintain_order=True)
    money = flows.agg(
        paid(_("item") == "chips: deposits and deliveries").sum().alias("chips_paid_usd"),
        paid(people).sum().alias("people_paid_usd"),
    )
    spend = tables["attention"].filter(_("market") == "human").group_by(keys, maintain_order=True)
    claimants = ("own_work", "assistant_work", "applications")
    attention = spend.agg(
        *(_("minutes").filter(_("claimant") == c).sum().alias(f"minutes_{c}") for c in claimants),
        _("spend_usd").sum().alias("ad_spend_usd"),
    )
    serving, public = _("purpose") == "serving", _("purpose").is_in(["ranking", "other", "on_board"])
    compute = (
        tables["compute"]
        .group_by(keys, maintain_order=True)
        .agg(
            paid(serving).sum().alias("serving_usd"),
            paid(~serving & ~public).sum().alias("research_usd"),
            paid(_("purpose") == "final_run").sum().alias("final_run_usd"),
            _("energy_kwh").filter(serving & (_("consumer") == "human")).sum().alias("assistants_kwh"),
            _("accelerator_hours").filter(_("purpose") != "on_board").sum().alias("all_ai_hours"),
        )
    )
    return tables["monthly"].join(money, **by).join(attention, **by).join(compute, **by)  # type: ignore[arg-type]


def model_line(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Return the model's counterpart of a series: seed, month, value; a span's value stands at its last month."""

    def total(x: pl.Expr) -> pl.Expr:
        return x.rolling_sum(mapping.span).over("seed", order_by="month") if mapping.span > 1 else x

    above = total(mapping.above.cast(pl.Float64))
    value = above if mapping.below is None else above / total(mapping.below.cast(pl.Float64))
    found = rows.select("seed", "month", value.alias("value"))
    return found.filter(_("value").is_finite())


def compared(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Return a series' points in the model's terms beside the model's median: month, value, low, high, split, model.

    A year's total is held against the model's calendar year, a level dated by a year against the end of it.
    """
    seen = points(mapping.series).filter(_("split") != "constant")
    if isinstance(mapping.factor, MappingOf):
        factor = _("date").str.slice(0, 4).cast(pl.Int64).replace_strict(mapping.factor, default=None)
        seen = seen.with_columns(factor.cast(pl.Float64).alias("factor")).drop_nulls("factor")
    else:
        seen = seen.with_columns(pl.lit(mapping.factor).alias("factor"))
    if mapping.records:
        seen = seen.filter(_("value") == _("value").cum_max())
    yearly = _("date").str.len_chars() == 4
    last = pl.when(yearly).then(_("month").dt.truncate("1y").dt.offset_by("11mo")).otherwise(_("month"))
    seen = seen.with_columns(_("value", "low", "high") * _("factor"), last.alias("month"))
    line = model_line(rows, mapping).group_by("month", maintain_order=True).agg(_("value").median().alias("model"))
    found = seen.join(line, on="month", how="inner")
    bound = pl.lit(mapping.bound).alias("bound")
    return found.select("series", "month", "value", "low", "high", "split", "source", "model", bound)


def _date(text: str) -> dt.date:
    parts = [int(x) for x in text.split("-")]
    return dt.date(parts[0], parts[1] if len(parts) > 1 else 7, 1)

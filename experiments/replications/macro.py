"""Published patterns of the whole economy against one ensemble of the baseline: none is required, none is hidden.

A pattern that the ensemble's median misses has the verdict `soft`. Observed series are seen through `operators`.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from experiments.calibration import ensemble
from experiments.calibration.ensemble import at, one_of, over
from experiments.replications.claims import Values, row
from model.scenario import Scenario


@row(
    "B26",
    "the stock of AI chips grew 3.3 times a year from 2022 to 2025 (2.7 to 4.1)",
    "Epoch AI 2025",
    3.4,
    0.7,
    "absolute",
    "inside the interval 2.7-4.1; chips sold since 2022, all designers, 2022-12 to 2025-11",
    group="fact",
)
def _b26() -> Values:
    sold = ensemble.baseline()["monthly"]
    name = "chips_sold_cumulative_h100e"
    return float((at(sold, name, "2025-11") / at(sold, name, "2022-12")) ** (12 / 35))


@row(
    "B27",
    "Google's tokens a month, log10: 9.7e12 (2024-04), 4.8e14 (2025-04), 1.3e15 (2025-10)",
    "Alphabet 2024-2025, by way of the press",
    {"2024-04": math.log10(9.7e12), "2025-04": math.log10(4.8e14), "2025-10": math.log10(1.3e15)},
    math.log10(2.0),
    "absolute",
    "a factor of two; 41 % of the model's tokens",
    group="fact",
)
def _b27() -> Values:
    seen = ensemble.baseline()["seen"]
    return {m: math.log10(at(seen, "tokens_google", m)) for m in ("2024-04", "2025-04", "2025-10")}


@row(
    "B28",
    "ChatGPT: 1e8 weekly users in 2023-11, 7e8 in 2025-07, 1.8e10 messages a week in 2025-07",
    "OpenAI 2023-2025",
    {"users_2023_11": 1e8, "users_2025_07": 7e8, "messages_a_week_2025_07": 1.8e10},
    0.3,
    "relative",
    "65 % of assistant users and of their calls",
    group="fact",
)
def _b28() -> Values:
    seen = ensemble.baseline()["seen"]
    return {
        "users_2023_11": at(seen, "chatgpt_weekly_users", "2023-11"),
        "users_2025_07": at(seen, "chatgpt_weekly_users", "2025-07"),
        "messages_a_week_2025_07": 7.0 * at(seen, "chatgpt_messages", "2025-07"),
    }


@row(
    "B29",
    "OpenAI: serving was 26-29 % of compute spending in 2024, and grew fourfold to 2025",
    "Epoch AI 2025; The Information 2025",
    {"share_2024": 0.275, "growth_to_2025": 4.0},
    0.27,
    "relative",
    "20-35 % and 3-5 times; USD of serving over serving and R&D, all labs",
    group="fact",
)
def _b29() -> Values:
    rows = ensemble.baseline()["wide"]
    both = pl.col("serving_usd") + pl.col("research_usd")
    spent = {y: over(rows, "serving_usd", f"{y}-01", f"{y}-12") for y in (2024, 2025)}
    return {
        "share_2024": over(rows, "serving_usd", "2024-01", "2024-12", both),
        "growth_to_2025": spent[2025] / spent[2024],
    }


@row(
    "B30",
    "inference's share where ranking counts: .70 of power (Meta 2022), .60 of energy (Google 2019-21), .40 of chip revenue (NVIDIA, year to 2024-04)",
    "Wu et al. 2022; Patterson et al. 2022; NVIDIA 2024",
    {"power_2022": 0.70, "energy_2022": 0.60, "usd_to_2024_04": 0.40},
    0.10,
    "absolute",
    "serving, ranking and half of other AI over all AI of data centres; power: machines held, by the hour; energy: electricity"
    " drawn, 2022, where the model begins",
    group="fact",
)
def _b30() -> Values:
    whole = ensemble.baseline()["compute"]
    compute = whole.filter(~one_of(whole, "purpose", "on_board"))
    counted = one_of(compute, "purpose", "serving", "ranking")
    weight = pl.when(counted).then(1.0).when(one_of(compute, "purpose", "other")).then(0.5).otherwise(0.0)

    def share(column: str, first: str, last: str) -> float:
        return over(compute, weight * pl.col(column), first, last, column)

    return {
        "power_2022": share("accelerator_hours", "2022-01", "2022-12"),
        "energy_2022": share("energy_kwh", "2022-01", "2022-12"),
        "usd_to_2024_04": share("usd", "2023-05", "2024-04"),
    }


@row(
    "B31",
    "inference is a third of AI compute in 2023, half in 2025, two thirds in 2026",
    "Deloitte 2025",
    {"2023": 1 / 3, "2025": 1 / 2, "2026": 2 / 3},
    0.10,
    "absolute",
    "hours of forward-only work of generative AI over serving and R&D ('economy league' counts all AI beside it)",
    group="fact",
)
def _b31() -> Values:
    whole = ensemble.baseline()["compute"]
    compute = whole.filter(~one_of(whole, "purpose", "on_board", "ranking", "other"))
    hours = pl.col("accelerator_hours")
    forward = pl.when(one_of(compute, "kernel", "forward_only")).then(hours).otherwise(0.0)
    return {y: over(compute, forward, f"{y}-01", f"{y}-12", hours) for y in ("2023", "2025", "2026")}


@row(
    "B32",
    "inference is more than half of AI compute by 2030",
    "McKinsey 2025",
    1.0,
    0.5,
    "absolute",
    "share of seeds above half in 2030; hours of serving, ranking and half of other AI over all AI",
    group="fact",
)
def _b32() -> Values:
    rows = ensemble.baseline()["wide"]
    above = pl.col("inference_share_all_ai") * pl.col("all_ai_hours")
    return float(np.mean([x > 0.5 for x in ensemble.ratios(rows, above, "2030-01", "2030-12", "all_ai_hours")]))


@row(
    "B33",
    "an H100-hour cost 7-12 USD in 2023 and 1.7 in 2025-10",
    "rental quotes 2023-2025",
    {"2023-06": 9.5, "2025-10": 1.7},
    {"2023-06": 0.26, "2025-10": 0.3},
    "relative",
    "mean contract price; 2023: inside 7-12",
    group="fact",
)
def _b33() -> Values:
    monthly = ensemble.baseline()["monthly"]
    return {m: at(monthly, "price_usd_per_h100e_hour", m) for m in ("2023-06", "2025-10")}


@row(
    "B34",
    "prompts quadrupled within two years to 2025; nets that think had half of the tokens at its end; open weights at most 30 %",
    "OpenRouter and a16z 2025",
    {"prompt_growth": 4.0, "reasoning_share_2025_11": 0.5, "open_share": 0.3},
    0.3,
    "relative",
    "input tokens a call 2023-11 to 2025-11; open: labs that publish weights, lifetime tokens of nets released 2023-25; how far below"
    " the limit the world is was not found",
    group="fact",
    at_most=("open_share",),
)
def _b34() -> Values:
    tables = ensemble.baseline()
    monthly = tables["monthly"]
    prompt = (pl.col("tokens_fresh") + pl.col("tokens_cached")) / pl.col("calls")
    released = tables["labs"].filter(pl.col("released").dt.year().is_between(2023, 2025))
    tokens = pl.col("realised_lifetime_tokens")
    firms = Scenario.load("baseline").firms["lab"]
    publish = one_of(released, "lab", *(name for name, firm in firms.items() if firm.kind == "open"))
    by_seed = released.group_by("seed").agg((tokens.filter(publish).sum() / tokens.sum()).alias("open"))
    return {
        "prompt_growth": at(monthly, prompt, "2025-11") / at(monthly, prompt, "2023-11"),
        "reasoning_share_2025_11": at(tables["seen"], "reasoning_share", "2025-11"),
        "open_share": float(np.median(by_seed["open"].to_numpy())),
    }


@row(
    "B35",
    "capex of four firms: 251 bn USD in 2024, 384 in 2025",
    "company reports 2024-2025, as in observations.csv",
    {"2024": 251.0, "2025": 384.0},
    0.25,
    "relative",
    "76 % of the model's AI capex over AI's share of theirs",
    group="fact",
)
def _b35() -> Values:
    seen = ensemble.baseline()["seen"]
    return {y: at(seen, "capex_big_four", f"{y}-12") for y in ("2024", "2025")}


@row(
    "B36",
    "list prices of economy nets halve in 1.10 years, flagships stay flat",
    "arXiv 2603.28576, 2026",
    {"economy_half_life_years": 1.10, "flagship_factor_a_year": 1.0},
    {"economy_half_life_years": 0.4, "flagship_factor_a_year": 0.2},
    "relative",
    "2023-01 to 2025-11; the middle tier (1.55 years) has no counterpart",
    group="fact",
)
def _b36() -> Values:
    monthly, years = ensemble.baseline()["monthly"], 34 / 12
    falls = {
        name: at(monthly, name, "2025-11") / at(monthly, name, "2023-01")
        for name in ("price_small_usd_per_mtoken", "price_frontier_usd_per_mtoken")
    }
    small, frontier = falls.values()
    return {
        "economy_half_life_years": years * math.log(0.5) / math.log(small) if small < 1.0 else math.inf,
        "flagship_factor_a_year": frontier ** (1.0 / years),
    }


@row(
    "B37",
    "the largest run grew 4-5 times a year to 2025 and stays below 2e29 FLOP by 2030",
    "Epoch AI 2024",
    {"growth": 4.5, "log10_over_limit_2030": 0.0},
    0.5,
    "absolute",
    "2022-04 to 2025-07; log10 of the run of 2030-12 over the limit",
    group="fact",
    at_most=("log10_over_limit_2030",),
)
def _b37() -> Values:
    monthly, name = ensemble.baseline()["monthly"], "frontier_training_flop"
    return {
        "growth": (at(monthly, name, "2025-07") / at(monthly, name, "2022-04")) ** (12 / 39),
        "log10_over_limit_2030": math.log10(at(monthly, name, "2030-12") / 2e29),
    }

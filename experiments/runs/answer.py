"""The answer of a run as numbers: shares and crossovers by definition, who demanded, planned and realised, the hinge.

Everything is computed from result tables alone, so a stored run gives the same answer as the run itself; groups keep the order of
rows, so that sums are the same bits each time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from model.results.measures import (
    DEFINITIONS,
    PARITY,
    RESEARCH,
    Crossover,
    crossover,
    first_index,
    recorded_pairs,
    rolling_share,
)
from model.results.measures import DOMINANCE as DOMINANCE
from model.results.measures import FIRST_DATE as FIRST_DATE
from model.results.measures import HEADLINE as HEADLINE
from model.results.measures import ON_BOARD_SUFFIX as ON_BOARD_SUFFIX

Array = NDArray[np.float64]

#: What each definition divides by, in words; always printed beside the number.
DENOMINATORS = {
    "accelerator_hours": "H100e-hours of serving and R&D",
    "purpose": "FLOP executed in serving and R&D",
    "kernel": "same hours, forward-only R&D as inference",
    "usd": "dollars paid for serving and R&D",
    "energy": "electricity of serving and R&D (kWh)",
    "all_ai": "H100e-hours of all AI (ranking, other too)",
}
FIRST_YEAR = 2022
#: Years whose shares are told first, as far as the run has them.
TOLD_YEARS = (2025, 2027, 2030, 2035)
#: A share this close to one half for `NEAR_YEARS` full years in a row leaves the date of its crossing ill-conditioned.
NEAR_HALF, NEAR_YEARS = 0.05, 3
#: Parts of the compute of serving and R&D, from (purpose, consumer), in the order of pictures and tables.
PARTS = {
    "machines": "inference: features in applications, robots in the cloud",
    "people": "inference: people, with assistants",
    "ai_agents": "inference: AI agents",
    "forward_only": "R&D: roll-outs, synthetic data, automation",
    "experiments": "R&D: experiments",
    "final_runs": "R&D: final training runs",
}
INFERENCE_PARTS = tuple(PARTS)[:3]
#: Part of experiments' compute that runs forward only (evaluation, roll-outs), by year, and how far it may be off: own assumption, from
#: 70 to 90 % of the time of reinforcement learning spent in roll-outs (RollPacker 2025) and its rising part in research.
EXPERIMENTS_FORWARD = {2023: 0.20, 2025: 0.35, 2028: 0.50}
FORWARD_SPREAD = 0.15
_CONSUMER_PART = {"robot": "machines", "human": "people", "application": "machines", "ai_agent": "ai_agents"}
_PURPOSE_PART = {"final_run": "final_runs", "experiment": "experiments"} | dict.fromkeys(
    RESEARCH - {"final_run", "experiment"}, "forward_only"
)


@dataclass(frozen=True)
class Counts:
    """Numerator and denominator of each definition by seed and month.

    `values[definition][i]` is a pair of (T,) arrays for the i-th seed; `months[i]` are its dates.
    """

    start: str
    seeds: tuple[int, ...]
    months: tuple[tuple[dt.date, ...], ...]
    values: dict[str, list[tuple[Array, Array]]]

    def rolling(self, definition: str) -> list[Array]:
        """Return the 12-month share R(t) of each seed."""
        return [rolling_share(*pair) for pair in self.values[definition]]


def counts(compute: pl.DataFrame, monthly: pl.DataFrame) -> Counts:
    """Return numerators and denominators of all shares from the tables `compute` and `monthly`.

    Numerators are the recorded monthly shares times the denominator, so that ``all_ai`` needs no parameter.

    Parameters
    ----------
    compute, monthly : polars.DataFrame
        Of one scenario, any number of seeds.
    """
    seeds = tuple(monthly["seed"].unique(maintain_order=True).to_list())
    values: dict[str, list[tuple[Array, Array]]] = {d: [] for d in DEFINITIONS}
    months = []
    by_seed = [table.partition_by("seed", as_dict=True) for table in (monthly, compute)]
    for seed in seeds:
        series, rows = (parts[(seed,)] for parts in by_seed)
        series = series.sort("month")
        months.append(tuple(series["month"].to_list()))
        for definition, (above, below) in recorded_pairs(rows, series).items():
            if below.size != series.height:
                raise ValueError(f"seed {seed}: compute holds {below.size} months, monthly {series.height}")
            values[definition].append((above, below))
    first = min((m[0] for m in months if m), default=dt.date(2022, 1, 1))
    return Counts(first.isoformat()[:7], seeds, tuple(months), values)


def crossings(found: Counts, level: float = PARITY) -> dict[str, list[Crossover]]:
    """Return when each definition's share passed `level` for a year, by seed."""
    first = first_index(found.start)
    return {d: [crossover(*pair, first, level=level) for pair in pairs] for d, pairs in found.values.items()}


def below_later(found: Counts, definition: str, passed: Sequence[Crossover]) -> list[bool]:
    """Return by seed whether a share that has crossed one half is at or below it again in some later twelve months."""
    return [
        c.index is not None and bool((share[c.index :] <= PARITY).any())
        for c, share in zip(passed, found.rolling(definition), strict=True)
    ]


def full_years(months: pl.Series) -> list[int]:
    """Return the calendar years of which all twelve months are there.

    >>> full_years(pl.date_range(dt.date(2022, 3, 1), dt.date(2024, 1, 1), "1mo", eager=True))
    [2023]
    """
    years = months.unique().dt.year()
    held = years.value_counts()
    return sorted(held.filter(pl.col("count") == 12)[years.name or ""].to_list())


def shown_years(years: list[int]) -> list[int]:
    """Return the years worth a column: 2025, 2030 and the last, as far as the run has them.

    >>> shown_years(list(range(2022, 2036))), shown_years([2022, 2023])
    ([2025, 2030, 2035], [2022, 2023])
    """
    if not years:
        return []
    chosen = {y for y in (2025, 2030) if y in years} | {years[-1]}
    return sorted(chosen) if len(chosen) > 1 else sorted(years[-2:])


def quantiles(values: Any) -> dict[str, float | None]:
    """Return median, P10 and P90 (order statistics) of the values that are defined."""
    x = np.asarray([v for v in values if v is not None and np.isfinite(v)], dtype=np.float64)
    if x.size == 0:
        return {"median": None, "low": None, "high": None}
    low, high = np.quantile(x, [0.1, 0.9], method="inverted_cdf")
    return {"median": float(np.median(x)), "low": float(low), "high": float(high)}


def yearly_shares(found: Counts) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return each definition's share of full calendar years: {definition: {year: median, low, high}} over seeds."""
    out: dict[str, dict[str, dict[str, float | None]]] = {}
    for definition, pairs in found.values.items():
        by_year: dict[int, list[float]] = {}
        for (above, below), months in zip(pairs, found.months, strict=True):
            years = np.array([m.year for m in months])
            for year in full_years(pl.Series("month", months, dtype=pl.Date)):
                total = float(below[years == year].sum())
                by_year.setdefault(year, []).append(float(above[years == year].sum()) / total if total else np.nan)
        out[definition] = {str(year): quantiles(v) for year, v in sorted(by_year.items())}
    return out


def above_half(found: Counts) -> dict[str, dict[str, float]]:
    """Return P(share > 1/2) by full calendar year: {definition: {year: part of the runs whose share of the year is above one half}}."""
    out: dict[str, dict[str, float]] = {}
    for definition, pairs in found.values.items():
        by_year: dict[int, list[bool]] = {}
        for (above, below), months in zip(pairs, found.months, strict=True):
            years = np.array([m.year for m in months])
            for year in full_years(pl.Series("month", months, dtype=pl.Date)):
                here = years == year
                by_year.setdefault(year, []).append(bool(above[here].sum() > PARITY * below[here].sum()))
        out[definition] = {str(year): float(np.mean(held)) for year, held in sorted(by_year.items())}
    return out


def shares_in_words(
    shares: Mapping[str, Mapping[str, float | None]], above: Mapping[str, float], runs: int
) -> str | None:
    """Return the sentence that tells the shares of some years, how sure they are, and in how many runs inference has more than half.

    Parameters
    ----------
    shares : mapping
        Of one definition, as `yearly_shares` gives them.
    above : mapping
        Of the same, as `above_half` gives it.
    runs : int

    >>> told = {"2025": {"median": 0.61, "low": 0.55, "high": 0.66}}
    >>> shares_in_words(told, {"2025": 0.9375}, 16)
    '61 % in 2025 (P10-P90 55 to 66 %, above one half in 15 of 16 runs)'
    """
    years = [y for y in map(str, TOLD_YEARS) if y in shares and shares[y]["median"] is not None]
    years = years or [y for y in list(shares)[-1:] if shares[y]["median"] is not None]
    parts = []
    for y in years:
        low, middle, high = (100.0 * float(shares[y][k] or 0.0) for k in ("low", "median", "high"))
        spread = f"P10-P90 {low:.0f} to {high:.0f} %, above one half in {round(runs * above[y])} of {runs} runs"
        parts.append(f"{middle:.0f} % in {y}" + (f" ({spread})" if runs > 1 else ""))
    return "; ".join(parts) or None


def near_half_in_words(shares: Mapping[str, Mapping[str, float | None]]) -> str | None:
    """Return the sentence that says that the date of a crossing is ill-conditioned, if the median share lies near one half for years.

    >>> near_half_in_words({str(y): {"median": 0.5 + 0.02 * (y - 2024)} for y in range(2022, 2030)})
    'The share lies within five points of one half from 2022 to 2026, so that small changes move the date of its crossing by years.'
    """
    spell: list[str] = []
    longest: list[str] = []
    for year, found in shares.items():
        middle = found["median"]
        spell = [*spell, year] if middle is not None and abs(middle - PARITY) <= NEAR_HALF else []
        longest = max(longest, spell, key=len)
    if len(longest) < NEAR_YEARS:
        return None
    return (
        f"The share lies within five points of one half from {longest[0]} to {longest[-1]}, so that small changes move the date of its"
        " crossing by years."
    )


def with_parts(compute: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of serving and R&D with a column ``part``, a key of `PARTS`."""
    consumer = pl.col("consumer").replace_strict(_CONSUMER_PART, default=None, return_dtype=pl.String)
    purpose = pl.col("purpose").replace_strict(_PURPOSE_PART, default=None, return_dtype=pl.String)
    part = pl.when(pl.col("purpose") == "serving").then(consumer).otherwise(purpose)
    return compute.with_columns(part.alias("part")).drop_nulls("part")


def demand(compute: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return who had the accelerator-hours of serving and R&D, by full year.

    Returns
    -------
    dict
        {year: {"accelerator_hours": median total, "share": {part: median share}}} over seeds.
    """
    rows = with_parts(compute).with_columns(pl.col("month").dt.year().alias("year"))
    rows = rows.filter(pl.col("year").is_in(full_years(compute["month"])))
    each = rows.group_by("seed", "year", "part", maintain_order=True).agg(
        pl.col("accelerator_hours").sum().alias("hours")
    )
    each = each.with_columns(pl.col("hours").sum().over("seed", "year").alias("total"))
    out: dict[str, dict[str, Any]] = {}
    for (year,), group in sorted(each.group_by("year", maintain_order=True), key=lambda item: item[0]):
        totals = group.unique("seed")["total"].to_list()
        n = max(len(totals), 1)
        shares = {}
        for part in PARTS:
            here = group.filter(pl.col("part") == part)
            seen = [h / t if t else 0.0 for h, t in here.select("hours", "total").rows()]
            shares[part] = float(np.median(seen + [0.0] * (n - len(seen))))
        out[str(year)] = {"accelerator_hours": float(np.median(totals)), "share": shares}
    return out


def kernels(compute: pl.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Return product and R&D by kernel, forward only or with backpropagation, in hours and executed FLOP, by full year.

    Returns
    -------
    dict
        {year: {"accelerator_hours" | "flop": {"product", "research_forward", "research_forward_low", "research_forward_high",
        "research_backprop"}}}, medians over seeds, shares of serving and R&D. A part of experiments (`EXPERIMENTS_FORWARD`) counts
        as forward only; low and high have it `FORWARD_SPREAD` lower and higher.
    """
    rows = with_parts(compute).with_columns(pl.col("month").dt.year().alias("year"))
    years, parts = list(EXPERIMENTS_FORWARD), list(EXPERIMENTS_FORWARD.values())
    out: dict[str, dict[str, dict[str, float]]] = {}
    for year in full_years(compute["month"]):
        forward = float(np.interp(year, years, parts))
        out[str(year)] = {}
        for unit in ("accelerator_hours", "flop"):
            sums = (
                rows.filter(pl.col("year") == year)
                .group_by("seed", "part", maintain_order=True)
                .agg(pl.col(unit).sum())
            )
            each: list[list[float]] = []
            for _, group in sums.group_by("seed", maintain_order=True):
                of = dict(group.select("part", unit).rows())
                whole = sum(of.values()) or 1.0
                product = sum(of.get(part, 0.0) for part in INFERENCE_PARTS)
                tests = [min(max(forward + x, 0.0), 1.0) for x in (0.0, -FORWARD_SPREAD, FORWARD_SPREAD)]
                runs = [of.get("forward_only", 0.0) + x * of.get("experiments", 0.0) for x in tests]
                each.append([x / whole for x in (product, *runs, whole - product - runs[0])])
            names = (
                "product",
                "research_forward",
                "research_forward_low",
                "research_forward_high",
                "research_backprop",
            )
            out[str(year)][unit] = dict(zip(names, np.median(each, axis=0).tolist(), strict=True))
    return out


def planned_realised(labs: pl.DataFrame, years: int = 1) -> list[dict[str, Any]]:
    """Return realised over planned lifetime tokens and cost: totals over released models that have ended serving.

    Totals, because most tokens are served by few models; a median would tell of labs that lost their market.

    Parameters
    ----------
    labs : polars.DataFrame
    years : int
        Length of a class of release dates.

    Returns
    -------
    list of dict
        released (first year of the class), tier, models (uncensored), censored, tokens, cost.
    """
    rows = labs.drop_nulls("released").with_columns(
        ((pl.col("released").dt.year() - FIRST_YEAR) // years * years + FIRST_YEAR).alias("from"),
        pl.col("censored").cast(pl.Boolean).fill_null(True).alias("still"),
    )
    ended = ~pl.col("still")
    found = rows.group_by("from", "tier", maintain_order=True).agg(
        ended.sum().alias("models"),
        pl.col("still").sum().alias("censored"),
        total("realised_lifetime_tokens", "planned_lifetime_tokens", ended).alias("tokens"),
        total("realised_cost_usd", "planned_cost_usd", ended).alias("cost"),
    )
    return [
        {"released": y, "tier": t, "models": n, "censored": c, "tokens": a, "cost": b}
        for y, t, n, c, a, b in found.sort("from", "tier").rows()
    ]


def total(above: str, below: str, where: pl.Expr) -> pl.Expr:
    """Return the ratio of two columns' sums over rows, null where it is not defined."""
    over, under = pl.col(above).filter(where).sum(), pl.col(below).filter(where).sum()
    return pl.when(under > 0.0).then(over / under)


def ratio(above: str, below: str) -> pl.Expr:
    """Return the ratio of two columns, null where it is not defined."""
    return pl.when(pl.col(below) > 0.0).then(pl.col(above) / pl.col(below))


def hinge(monthly: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return what decides the answer in money, by full year: medians over seeds of revenue-weighted ratios.

    Returns
    -------
    dict
        {year: {rd_to_revenue (rho), cost_to_revenue (1 - m), equity_to_revenue}}.
    """
    revenue = pl.col("lab_revenue_usd").fill_null(0.0)
    rows = monthly.with_columns(pl.col("month").dt.year().alias("year"))
    rows = rows.filter(pl.col("year").is_in(full_years(monthly["month"])))

    def weighted(value: pl.Expr) -> pl.Expr:
        return (value * revenue).sum() / revenue.filter(value.is_not_null()).sum()

    each = rows.group_by("seed", "year", maintain_order=True).agg(
        (pl.col("lab_rd_usd").sum() / revenue.sum()).alias("rd_to_revenue"),
        (1.0 - weighted(pl.col("gross_margin"))).alias("cost_to_revenue"),
        weighted(pl.col("equity_to_revenue")).alias("equity_to_revenue"),
    )
    names = ("rd_to_revenue", "cost_to_revenue", "equity_to_revenue")
    return {
        str(year): {name: quantiles(group[name].to_list())["median"] for name in names}
        for (year,), group in sorted(each.group_by("year", maintain_order=True), key=lambda item: item[0])
    }


def investment(monthly: pl.DataFrame) -> dict[str, Any] | None:
    """Return the fall of investment in machines from its peak to the last full year: medians over seeds.

    Returns
    -------
    dict or None
        peak_year, peak_usd (a calendar year's), last_year, fall (1 - last over peak), runs_halved (runs in which more than half
        goes); None where no full year has investment.
    """
    years = monthly.select("seed", pl.col("month").dt.year().alias("year"), "capex_usd")
    years = years.filter(pl.col("year").is_in(full_years(monthly["month"])))
    totals = years.group_by("seed", "year", maintain_order=True).agg(pl.col("capex_usd").sum()).sort("seed", "year")
    peaks, falls = [], []
    for _, run in totals.group_by("seed", maintain_order=True):
        usd, at = run["capex_usd"].to_numpy(), int(run["capex_usd"].to_numpy().argmax())
        if usd[at] > 0.0:
            peaks.append((int(run["year"][at]), float(usd[at])))
            falls.append(1.0 - float(usd[-1]) / float(usd[at]))
    if not falls:
        return None
    return {
        "peak_year": int(np.median([year for year, _ in peaks])),
        "peak_usd": float(np.median([usd for _, usd in peaks])),
        "last_year": int(totals["year"].to_numpy().max()),
        "fall": float(np.median(falls)),
        "runs_halved": sum(fall > 0.5 for fall in falls),
    }


def investment_in_words(found: Mapping[str, Any] | None, runs: int) -> str | None:
    """Return the sentence that says that investment collapses, if it loses more than half of its peak in most runs.

    >>> told = {"peak_year": 2032, "peak_usd": 1.5e12, "last_year": 2035, "fall": 0.94, "runs_halved": 16}
    >>> investment_in_words(told, 16)
    'Spending on machines and data centres peaks in 2032 at 1.5e+12 USD a year and is 94 % lower in 2035 (medians; more than half is lost in 16 of 16 runs).'
    >>> investment_in_words(told | {"fall": 0.5, "runs_halved": 8}, 16)
    """
    if found is None or 2 * found["runs_halved"] <= runs:
        return None
    return (
        f"Spending on machines and data centres peaks in {found['peak_year']} at {found['peak_usd']:.2g} USD a year and is {100 * found['fall']:.0f} %"
        f" lower in {found['last_year']} (medians; more than half is lost in {found['runs_halved']} of {runs} runs)."
    )

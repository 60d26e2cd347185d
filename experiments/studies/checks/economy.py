"""Rows that the posterior draws alone tell: prices, releases, market, machines, caps, channels, accounts, nets, thinking, investment.

Tables are those of all draws, told apart by ``seed``; a number is the median over draws unless the row says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.optimize import brentq

from experiments.calibration.scores import weighted_median
from experiments.runs import answer
from experiments.runs.answer import PARTS, with_parts
from experiments.studies.checks.row import Found, NotMeasured, check, median, of_years, ratio_by_year
from model.core.params import Declaration
from model.core.units import percent
from model.results.measures import RESEARCH

_ = pl.col
BILLION = 1e9


def price_factors(declared: Sequence[Declaration]) -> list[str]:
    """Return declared parameters of the section `compute` that are factors on the price of an hour, by name and meaning."""
    found = (d for d in declared if d.section == "compute" and d.name.endswith("_factor") and "price" in d.doc)
    return [f"{d.section}.{d.name}" for d in found]


@check(
    "E01",
    "one price: no parameter scales the price of an hour by purpose; what research pays over what serving pays is an outcome",
    "no such parameter; the ratio is reported",
    quick=True,
)
def one_price(declared: Sequence[Declaration], compute: pl.DataFrame) -> Found:
    """Whether a price convention makes the headline: hours are bought with money, so a factor on their price moves their shares.

    Looked for are declared parameters of the section `compute` whose name ends in `_factor` and whose meaning speaks of a price. The
    ratio is that of mean prices paid, USD over hours, over the whole run.
    """
    names = price_factors(declared)
    research, serving = _("purpose").is_in(sorted(RESEARCH)), _("purpose") == "serving"

    def paid(of: pl.Expr) -> pl.Expr:
        return _("usd").filter(of).sum() / _("accelerator_hours").filter(of).sum()

    ratio = median(compute.group_by("seed").agg((paid(research) / paid(serving)).alias("x"))["x"])
    said = ", ".join(names) or "none"
    return Found(
        f"parameters: {said}; research pays {ratio:.2f} of what serving pays an hour",
        {"parameters": len(names), "research_over_serving": ratio},
        not names,
    )


@check(
    "E04",
    "releases: a lab never replaces a net by one with a shorter horizon at equal or higher price",
    "0",
    quick=True,
)
def releases(nets: pl.DataFrame) -> Found:
    """How many releases make a lab's offer in a tier worse: a lab may always go on serving the net it has (free disposal).

    Horizon without thinking; the price is the one posted in the month of release against the one the old net would have had in it.
    "Never" is of all draws together.
    """
    key = ["seed", "lab", "tier"]
    rows = nets.sort(*key, "month").with_columns(
        _("horizon_minutes").shift(1).over(key).alias("old_horizon"),
        _("next_price_usd_per_token").shift(1).over(key).alias("old_price"),
    )
    new = rows.filter(_("released") & _("old_horizon").is_not_null())
    if not new.height:
        raise NotMeasured("the runs hold no release")
    shorter = new.filter(_("horizon_minutes") < _("old_horizon") * (1.0 - 1e-9))
    worse = shorter.filter(_("price_usd_per_token") >= _("old_price") * (1.0 - 1e-9))
    return Found(
        f"{worse.height} of {new.height} releases of all draws; {shorter.height} have a shorter horizon at any price",
        {"worse": worse.height, "shorter": shorter.height, "releases": new.height},
        worse.height == 0,
    )


@check(
    "E05",
    "market: labs with more than 5 % of token revenue, every year 2025-2030; open-weight share of tokens, 2025 and 2026",
    "3 to 7; 10 to 45 %",
    quick=True,
)
def market(labs: pl.DataFrame) -> Found:
    """Whether the market stays one of several firms, with open weights in it: both hold in every account of 2024 and 2025.

    Shares are of the year's money and of the year's tokens. The bounds hold what is observed of firms (three to seven large sellers) and
    of the share of open weights on gateways and in surveys (a tenth to near one half).
    """
    by = of_years(labs, 2025, 2030).group_by("seed", "year", "lab", "lab_kind").agg(_("revenue_usd", "tokens").sum())
    by = by.with_columns((_("revenue_usd") / _("revenue_usd").sum().over("seed", "year")).alias("share"))
    counts = by.group_by("seed", "year").agg((_("share") > 0.05).sum().alias("firms"))
    firms = {year: median(counts.filter(_("year") == year)["firms"]) for year in range(2025, 2031)}
    open_tokens = _("tokens").filter(_("lab_kind") == "open")
    weights = ratio_by_year(labs, open_tokens, _("tokens"), 2025, 2026)
    return Found(
        f"labs above 5 %, 2025 to 2030: {', '.join(f'{n:g}' for n in firms.values())}; "
        f"open weights {100 * weights[2025]:.1f} % (2025), {100 * weights[2026]:.1f} % (2026)",
        {f"labs_{y}": n for y, n in firms.items()} | {f"open_share_{y}": w for y, w in weights.items()},
        all(3.0 <= n <= 7.0 for n in firms.values()) and all(0.10 <= w <= 0.45 for w in weights.values()),
    )


def internal_rate(outlay: float, income: np.ndarray) -> float:
    """Return the yearly internal rate of return of an outlay now and monthly income from now on, -1 where little comes back.

    >>> round(internal_rate(100.0, np.array([0.0] * 12 + [121.0])), 6)
    0.21
    """

    def value(rate: float) -> float:
        return float((income * (1.0 + rate) ** -np.arange(income.size)).sum()) - outlay

    low, high = -0.3, 1.0  # a month
    if value(low) < 0.0:
        return -1.0
    return float((1.0 + (high if value(high) > 0.0 else brentq(value, low, high))) ** 12 - 1.0)


def machine_returns(monthly: pl.DataFrame, flows: pl.DataFrame, survival: pl.DataFrame) -> pl.DataFrame:
    """Return the internal rate of return of machines by month of delivery, 2024 to 2029: seed, month, h100e, rate.

    A machine costs that month's price with its share of the site, and earns what an installed machine earns in each later month
    (receipts for hours less electricity and operations, over machines installed) as long as it lives, to the end of the run.
    """
    out, operations = _("payer") == "providers", _("item").is_in(["electricity", "operations"])
    hours = (_("payee") == "providers") & _("item").str.ends_with("hours")
    net = flows.group_by("seed", "month").agg(
        (_("usd").filter(hours).sum() - _("usd").filter(out & operations).sum()).alias("net")
    )
    rows = monthly.join(net, on=["seed", "month"], how="left").sort("seed", "month")
    found = []
    for (seed,), run in rows.group_by("seed", maintain_order=True):
        lives = survival.filter(_("seed") == seed).sort("age")["share"].to_numpy()
        each = (run["net"].fill_null(0.0) / run["installed_h100e"]).to_numpy()
        sold, price = run["chips_sold_cumulative_h100e"].diff().fill_null(0.0).to_numpy(), run["machine_usd_per_h100e"]
        for t, month in enumerate(run["month"]):
            if 2024 <= month.year <= 2029 and sold[t] > 0.0:
                rate = internal_rate(float(price[t]), each[t:] * lives[: each.size - t])
                found.append((seed, month, float(sold[t]), rate))
    return pl.DataFrame(found, ["seed", "month", "h100e", "rate"], orient="row")


@check(
    "E06",
    "providers: mean of price over user cost 2024-2035; median internal rate of return of machines delivered 2024-2029",
    ".9 to 1.25; 0 to 30 % a year",
    quick=True,
)
def providers(monthly: pl.DataFrame, compute: pl.DataFrame, flows: pl.DataFrame, survival: pl.DataFrame) -> Found:
    """Whether machines are worth their cost to those who buy them: firms that sell below user cost for years stop ordering.

    The price is what all buyers paid over the hours they used; the user cost is the recorded one. The rate of return is that of
    `machine_returns`, weighted by machines. The bounds allow rents of a scarce good, and years of loss, not both for ever.
    """
    hours = of_years(compute, 2024, 2035).filter(_("purpose") != "on_board").group_by("seed", "month")
    paid = hours.agg((_("usd").sum() / _("accelerator_hours").sum()).alias("paid"))
    rows = of_years(monthly, 2024, 2035).join(paid, on=["seed", "month"])
    over = rows.with_columns((_("paid") / _("user_cost_usd_per_h100e_hour")).alias("over"))
    price = median(over.group_by("seed").agg(_("over").mean())["over"])
    below = median(over.group_by("seed").agg((_("over") < 1.0).mean())["over"])
    returns = machine_returns(monthly, flows, survival)
    each = [weighted_median(r["rate"].to_numpy(), r["h100e"].to_numpy()) for _, r in returns.group_by("seed")]
    rate = median(pl.Series(each, dtype=pl.Float64))
    return Found(
        f"price over user cost {price:.2f}, below 1 in {100 * below:.0f} % of months; return {100 * rate:.0f} % a year",
        {"price_over_user_cost": price, "months_below": below, "return_per_year": rate},
        0.9 <= price <= 1.25 and 0.0 <= rate <= 0.30,
    )


@check(
    "E07",
    "caps: share of months 2026-2035 in which a declared cap on a growth rate binds (finance apart)",
    "at most 20 % each",
    quick=True,
)
def caps(caps: pl.DataFrame) -> Found:
    """Whether growth is an outcome: where a cap binds for years, the path is the parameter.

    A cap binds where a level has grown by exactly the cap. Where several firms have one (research budgets), a month counts by the share of
    the money whose growth is capped. Caps on what firms expect bind where the expectation stands at them.
    """
    share = (_("weight") * _("binds")).sum() / _("weight").sum()
    months = of_years(caps, 2026, 2035).group_by("seed", "parameter", "month").agg(share.alias("x"))
    means = months.group_by("seed", "parameter").agg(_("x").mean())
    found = {
        str(name): median(rows["x"])
        for (name,), rows in means.sort("parameter").group_by("parameter", maintain_order=True)
    }
    return Found(
        ", ".join(f"{name} {100 * x:.0f} %" for name, x in found.items()),
        found,
        all(x <= 0.20 for x in found.values()),
    )


@check(
    "E08",
    "no dead channel: each band with a colour of its own in the answer figure reaches 1 % of its hours in some year",
    "all",
    quick=True,
)
def channels(compute: pl.DataFrame) -> Found:
    """Whether what is drawn is there: a band that nobody can see speaks of a mechanism that does nothing.

    Bands are those of the answer figure (`experiments/runs/answer.py`), of the hours of serving and R&D, by calendar year.
    """
    rows = with_parts(compute).with_columns(_("month").dt.year().alias("year"))
    by = rows.group_by("seed", "year", "part").agg(_("accelerator_hours").sum().alias("hours"))
    by = by.with_columns((_("hours") / _("hours").sum().over("seed", "year")).alias("share"))
    runs = rows["seed"].n_unique()
    most = {}
    for part in PARTS:
        years = by.filter(_("part") == part).group_by("year").agg(_("share"))["share"].to_list()
        most[part] = max((float(np.median([*x, *[0.0] * (runs - len(x))])) for x in years), default=0.0)
    dead = [f"{part} {100 * x:.2f} %" for part, x in most.items() if x < 0.01]
    return Found(f"below 1 % in every year: {', '.join(dead) or 'none'}", most, not dead)


@check(
    "E10",
    "accounts: R&D compute of all generative labs 2024; serving over serving + R&D compute of the leading independent lab 2024, 2025",
    "18e9 to 40e9 USD; .22 to .40; .34 to .58",
    quick=True,
)
def accounts(labs: pl.DataFrame) -> Found:
    """Whether both sides of the ratio are of the right size: a share can be right by two errors that cancel.

    27e9 USD were estimated for R&D compute of 2024; the leading independent lab's accounts give .26 for 2024 and .36 to .56 for 2025. The
    leading lab is the one of kind `independent` with most revenue in the year.
    """
    money_of = _("revenue_usd", "serving_usd", "research_usd").sum()
    by = of_years(labs, 2024, 2025).group_by("seed", "year", "lab", "lab_kind").agg(money_of)
    money = median(by.filter(_("year") == 2024).group_by("seed").agg(_("research_usd").sum())["research_usd"])
    lead = by.filter(_("lab_kind") == "independent").sort("revenue_usd", "lab").group_by("seed", "year").last()
    lead = lead.with_columns((_("serving_usd") / (_("serving_usd") + _("research_usd"))).alias("share"))
    first, second = (median(lead.filter(_("year") == year)["share"]) for year in (2024, 2025))
    return Found(
        f"{money / BILLION:.1f}e9 USD; {first:.2f}; {second:.2f}",
        {"research_usd_2024": money, "serving_share_2024": first, "serving_share_2025": second},
        18e9 <= money <= 40e9 and 0.22 <= first <= 0.40 and 0.34 <= second <= 0.58,
    )


@check("E11", "small nets: horizon of the best small over the best frontier net, 2025 mean", ".25 to .8", quick=True)
def small_nets(nets: pl.DataFrame) -> Found:
    """Whether small nets are where they are seen to be, some 6 to 12 months behind the frontier: they decide who needs large ones.

    Horizons without thinking, the best net on offer of each tier, mean over the months of 2025.
    """
    best = of_years(nets, 2025).group_by("seed", "month", "tier").agg(_("horizon_minutes").max())
    both = best.pivot("tier", index=["seed", "month"], values="horizon_minutes")
    ratio = both.with_columns((_("small") / _("frontier")).alias("x")).group_by("seed").agg(_("x").mean())
    x = median(ratio["x"])
    return Found(f"{x:.2f}", {"ratio": x}, 0.25 <= x <= 0.8)


@check("E12", "thinking: share of generated tokens, 2026 and 2030", "20 to 80 %", quick=True)
def thinking(monthly: pl.DataFrame) -> Found:
    """Whether test-time compute, which the question asks about, is part of the answer: tokens of thinking over generated ones.

    Nets that think have half or more of developers' tokens since late 2025; that thinking ends within years would be news.
    """
    first, second = (ratio_by_year(monthly, _("tokens_thinking"), _("tokens_generated"), y, y)[y] for y in (2026, 2030))
    return Found(
        f"{percent(first, '.1f')} (2026), {percent(second, '.1f')} (2030)",
        {"share_2026": first, "share_2030": second},
        all(0.20 <= x <= 0.80 for x in (first, second)),
    )


def largest_fall(values: np.ndarray) -> tuple[float, int, int]:
    """Return the largest fall from a value to a later one, as a share of the first, and both places.

    >>> largest_fall(np.array([1.0, 4.0, 3.0, 5.0, 2.0]))
    (0.6, 3, 4)
    """
    peak = np.maximum.accumulate(values)
    falls = 1.0 - values / np.maximum(peak, 1e-300)
    end = int(np.argmax(falls))
    return float(falls[end]), int(np.argmax(values[: end + 1])), end


@check(
    "E16",
    "investment: largest fall of world AI capex from a peak to 2035, with the year; if more than half, the answer says so",
    "reported; above one half the answer has the sentence",
    quick=True,
)
def investment(monthly: pl.DataFrame) -> Found:
    """How far the model's boom ends in a bust: a fall that large is a claim of the model's, so that a reader must be told.

    Calendar years of what providers pay for machines and data centres; each draw has its own peak.
    """
    years = of_years(monthly, 2022, 2035).group_by("seed", "year").agg(_("capex_usd").sum()).sort("seed", "year")
    falls = [(*largest_fall(run["capex_usd"].to_numpy()), run.height) for _, run in years.group_by("seed")]
    fall, peak, end = (median(pl.Series([f[k] for f in falls], dtype=pl.Float64)) for k in range(3))
    half = sum(f[0] > 0.5 for f in falls)
    told = answer.investment_in_words(answer.investment(monthly), len(falls)) is not None
    said = f"; the answer {'says' if told else 'does not say'} so" if fall > 0.5 else ""
    return Found(
        f"{100 * fall:.0f} % from {2022 + peak:.0f} to {2022 + end:.0f} (medians; more than half in {half} of {len(falls)} runs){said}",
        {"fall": fall, "peak_year": 2022 + peak, "end_year": 2022 + end, "runs_by_more_than_half": half},
        fall <= 0.5 or told,
    )

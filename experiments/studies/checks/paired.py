"""Rows that pairs of runs tell, with and without a change, on common random numbers, at the scenario's own values."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from experiments.studies.checks.row import Found, NotMeasured, check, of_years

_ = pl.col
GAIN_MAX = 0.10
LEAST = 0.01  # smallest mean move of a series in ln that counts: others are rounding


def present_values(labs: pl.DataFrame, first: str, rate_per_year: float) -> pl.DataFrame:
    """Return present values by seed and lab, from a month 'YYYY-MM' to the end of the run.

    Parameters
    ----------
    labs : polars.DataFrame
        seed, month, lab, revenue_usd, serving_usd, rd_usd.
    first : str
        Month to whose money all is discounted.
    rate_per_year : float

    Returns
    -------
    polars.DataFrame
        seed, lab, gross_usd (token revenue less serving cost), rd_usd (research with staff), rents_usd (what its house has left
        of the rents that AI puts at stake; 0 without the column).
    """
    start = pl.lit(first + "-01").str.to_date()
    age = (_("month").dt.year() - start.dt.year()) * 12 + _("month").dt.month() - start.dt.month()
    worth = (1.0 + rate_per_year) ** (-age.cast(pl.Float64) / 12.0)
    gross = _("revenue_usd") - _("serving_usd")
    rents = _("rents_usd") if "rents_usd" in labs.columns else pl.lit(0.0)
    return (
        labs.filter(_("month") >= start)
        .group_by("seed", "lab", maintain_order=True)
        .agg(
            (gross * worth).sum().alias("gross_usd"),
            (_("rd_usd") * worth).sum(),
            (rents * worth).sum().alias("rents_usd"),
        )
    )


@check(
    "E02",
    "no lab gains by deviating alone: each use of research x .5, x 1.5, budget x .7, x 1.3, from 2025-01 and from 2028-01, 4 seeds, three largest labs",
    "NPV gain of at most 10 %",
)
def alone(deviations: pl.DataFrame) -> Found:
    """Whether labs do about the best they can, rivals given: what they spend on research is a decision only if no other pays more.

    Gain in the present value of profit after research at the lab's discount rate, over the present value of its profit before
    research without the deviation (after research it may be next to nothing), means over seeds of a lab's rank. Profit is gross profit
    from tokens and what the lab's house keeps of the rents that AI puts at stake: a house decides on both. A use is reweighted within
    the same budget. Labs deviate until 2033-06, so that what they buy has time to earn. A tenth allows for luck and slow adjustment.

    Parameters
    ----------
    deviations : polars.DataFrame
        seed, rank, first, use ("" the budget), factor; present values base_gross_usd, base_rd_usd, gross_usd, rd_usd, gross with rents.
    """
    if not deviations.height:
        raise NotMeasured("the runs end before a lab can deviate and earn")
    key = ["rank", "first", "use", "factor"]
    more = (_("gross_usd") - _("rd_usd") - _("base_gross_usd") + _("base_rd_usd")).mean()
    rows = deviations.group_by(key).agg((more / _("base_gross_usd").mean()).alias("gain"))
    rows = rows.sort("gain", *key, descending=[True, *[False] * 4], nulls_last=True)
    best = rows.row(0, named=True)
    share = float((rows["gain"] > GAIN_MAX).mean())  # type: ignore[arg-type]
    what = f"{best['use'] or 'budget'} x {best['factor']:g}"
    return Found(
        f"{100 * best['gain']:+.0f} % by {what} from {best['first']} (lab {best['rank']} by revenue); "
        f"more than 10 % by {100 * share:.0f} % of {rows.height} deviations",
        {"largest_gain": best["gain"], "share_beyond": share, "deviations": rows.height},
        best["gain"] <= GAIN_MAX,
    )


def mean_error(values: pl.Series) -> tuple[float, float]:
    """Return the mean over pairs and its standard error (NaN of one pair)."""
    x = values.to_numpy().astype(float)
    return float(x.mean()), float(x.std(ddof=1) / math.sqrt(x.size)) if x.size > 1 else math.nan


@check(
    "E03",
    "industry return on research: all labs +15 % for 2027; extra gross profit of the industry over extra spending, discounted to 2035",
    "between .2 and 3",
)
def industry(stimulus: pl.DataFrame) -> Found:
    """Whether research makes anything for all, or only takes from rivals: demand that grows with capability pays part of it back.

    Sums of paired differences, discounted from 2027 at labs' discount rate: token revenue less serving cost, over research spending with
    staff, of all labs, from 2027 to the end of 2035. Mean over seeds of the first over that of the second, its standard error by the
    spread of ratios' residuals. Below .2 research is a race only; above 3 labs leave money on the table by far.

    Parameters
    ----------
    stimulus : polars.DataFrame
        seed, profit_usd, spent_usd: discounted extra amounts.
    """
    if not stimulus.height:
        raise NotMeasured("the runs do not hold 2027 to 2035")
    profit, spent = float(stimulus["profit_usd"].mean()), float(stimulus["spent_usd"].mean())  # type: ignore[arg-type]
    ratio = profit / spent
    error = mean_error(stimulus["profit_usd"] - ratio * stimulus["spent_usd"])[1] / abs(spent)
    return Found(f"{ratio:.2f} (s.e. {error:.2f})", {"ratio": ratio, "standard_error": error}, 0.2 <= ratio <= 3.0)


@check(
    "E09",
    "no dead parameter: each fitted parameter moves some scored series by more than two standard errors over its prior",
    "all",
)
def parameters(moved: pl.DataFrame) -> Found:
    """Whether the fit fits something: a parameter that moves no series that is scored takes its prior to the end.

    From P10 to P90 of its prior, the others at the scenario's values: mean difference of each scored series over its points, on the scale
    of errors (ln, logit), over its standard error of paired seeds; differences below a hundredth do not count.

    Parameters
    ----------
    moved : polars.DataFrame
        parameter, series, seed, difference.
    """
    if not moved.height:
        raise NotMeasured("the runs hold no scored point")
    difference = _("difference")
    error = difference.std() / difference.len().sqrt()
    rows = moved.group_by("parameter", "series").agg(difference.mean().alias("mean"), error.alias("error"))
    alive = (_("mean").abs() > LEAST) & (_("mean").abs() > 2.0 * _("error"))
    counts = rows.group_by("parameter").agg(alive.sum().alias("series")).sort("parameter")
    dead = counts.filter(_("series") == 0)["parameter"].to_list()
    return Found(
        f"dead: {', '.join(dead) or 'none'} ({counts.height - len(dead)} of {counts.height} alive)",
        {name: float(n) for name, n in counts.rows()},
        not dead,
    )


CHANNELS = {"growth": "growth_factor", "margin": "gross_margin", "reach": "gross_profit_elasticity"}


@check(
    "E15",
    "demand matters: effect on the hours share of 2030 of tripling the value of what agents do, paired, 8 seeds, with the channel",
    "reported; larger than two standard errors or explained",
)
def demand(tripled: pl.DataFrame) -> Found:
    """Whether more demand for agents changes who has the hours, and by way of what; a failure is to be explained in MODEL.md.

    Paired difference of the mean headline share of 2030. The channel is the one that alone moves the share of X.6 most,
    `(1 - m)/(1 - m + eta m G)`: growth (`G`), margin (`m`) or reach (`eta`), each replaced by its mean with the change.

    Parameters
    ----------
    tripled : polars.DataFrame
        seed, month, changed (bool), inference_share_accelerator_hours and the series of `CHANNELS`.
    """
    series = ["inference_share_accelerator_hours", *CHANNELS.values()]
    means = of_years(tripled, 2030).group_by("seed", "changed").agg(_(series).cast(pl.Float64).mean()).sort("seed")
    before, after = (means.filter(_("changed") == x) for x in (False, True))
    effect, error = mean_error(after[series[0]] - before[series[0]])
    base, other = ({k: float(np.mean(w[c].to_numpy())) for k, c in CHANNELS.items()} for w in (before, after))

    def implied(growth: float, margin: float, reach: float) -> float:
        return (1.0 - margin) / (1.0 - margin + reach * margin * growth)

    moves = {k: implied(**{**base, k: other[k]}) - implied(**base) for k in CHANNELS}
    channel = max(moves, key=lambda k: abs(moves[k]))
    ways = ", ".join(f"{k} {100 * x:+.1f}" for k, x in moves.items())
    clear = bool(abs(effect) > 2.0 * error)
    return Found(
        f"{100 * effect:+.1f} points (s.e. {100 * error:.1f}); channel: {channel} (alone, in money: {ways})"
        + ("" if clear else "; within two standard errors"),
        {"effect": effect, "standard_error": error} | moves,
        clear,
    )

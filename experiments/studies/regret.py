"""Planned, realised and regretted, aggregated: by rule, forecaster, lab or tier; over- and under-investment by year.

Each function takes the table `labs` of one or more runs. Nets still on offer at the end are censored: they are counted and
left out of everything else.
"""

from __future__ import annotations

import polars as pl

from model.results.regret import SCALE_MAX, SCALE_MIN

#: What nets may be grouped by.
KEYS = ("rule", "forecaster", "lab", "tier", "year")
#: Where more nets than this share have their best scale at a bound of the search, nothing is said of scale.
AT_BOUND_MAX = 0.1


def summary(labs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Return how plans and runs turned out, a row a group of released nets.

    Parameters
    ----------
    labs : polars.DataFrame
        Table of the same name.
    *by : str
        Of `KEYS`; rule and forecaster if left out. `year` is that of the release.

    Returns
    -------
    polars.DataFrame
        The keys and

        nets, censored
            Released nets that have ended serving; those that still serve.
        planned_tokens, realised_tokens, planned_cost_usd, realised_cost_usd
            Totals.
        tokens_error
            ln(planned / realised tokens), the mean weighted by realised cost: above 0 more was planned than came.
        run_error
            ln(chosen / best run), weighted likewise: above 0 the runs were too large.
        overplanned_share, overbuilt_share
            Of realised cost, of nets with a positive error.
        size_regret_usd, scale_regret_usd
            Totals, >= 0.
        size_regret_share, scale_regret_share
            Over realised cost.
        scale_at_bound_share
            Of nets, those whose best scale is a bound of the search; above a tenth the scale's columns are null.

    >>> summary(pl.DataFrame(schema={c: pl.Float64 for c in COLUMNS} | {"released": pl.Date, "censored": pl.Boolean})).height
    0
    """
    keys = by or ("rule", "forecaster")
    rows = labs.drop_nulls("released").with_columns(
        pl.col("released").dt.year().alias("year"), pl.col("censored").fill_null(True)
    )
    ended, cost = ~pl.col("censored"), pl.col("realised_cost_usd")
    planned, came = pl.col("planned_lifetime_tokens"), pl.col("realised_lifetime_tokens")
    tokens_error = pl.when((planned > 0.0) & (came > 0.0)).then((planned / came).log())
    scale = pl.col("hindsight_run_scale")
    run_error = -scale.log()
    at_bound = (scale <= SCALE_MIN * 1.001) | (scale >= SCALE_MAX * 0.999)

    def weighted(error: pl.Expr) -> pl.Expr:
        known = ended & error.is_not_null()
        return (error * cost).filter(known).sum() / cost.filter(known).sum()

    def share(error: pl.Expr) -> pl.Expr:
        return cost.filter(ended & (error > 0.0)).sum() / cost.filter(ended).sum()

    total = {
        "planned_tokens": planned,
        "realised_tokens": came,
        "planned_cost_usd": pl.col("planned_cost_usd"),
        "realised_cost_usd": cost,
        "size_regret_usd": pl.col("size_regret_usd"),
        "scale_regret_usd": pl.col("scale_regret_usd"),
    }
    found = rows.group_by(*keys, maintain_order=True).agg(
        ended.sum().cast(pl.Int64).alias("nets"),
        pl.col("censored").sum().cast(pl.Int64).alias("censored"),
        *(column.filter(ended).sum().alias(name) for name, column in total.items()),
        weighted(tokens_error).alias("tokens_error"),
        weighted(run_error).alias("run_error"),
        share(tokens_error).alias("overplanned_share"),
        share(run_error).alias("overbuilt_share"),
        at_bound.filter(ended).mean().alias("scale_at_bound_share"),
    )
    shares = (
        (pl.col(f"{r}_regret_usd") / pl.col("realised_cost_usd")).alias(f"{r}_regret_share") for r in ("size", "scale")
    )
    found = found.with_columns(*shares)
    scales = ("scale_regret_usd", "scale_regret_share", "run_error", "overbuilt_share")
    shown = pl.col("scale_at_bound_share") <= AT_BOUND_MAX
    found = found.with_columns(pl.when(shown).then(pl.col(name)).alias(name) for name in scales)
    return found.with_columns(pl.selectors.float().fill_nan(None)).sort(*keys)


#: Columns of the table that are read here.
COLUMNS = (
    "lab", "tier", "rule", "forecaster", "released", "censored", "planned_lifetime_tokens", "realised_lifetime_tokens",
    "planned_cost_usd", "realised_cost_usd", "size_regret_usd", "scale_regret_usd", "hindsight_run_scale",
)  # fmt: skip

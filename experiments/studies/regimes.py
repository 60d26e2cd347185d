"""Who dominates compute: over two parameters, along paths, and inside one lab under a rule of its own.

Four regimes of the hours of serving and R&D in a year. Inference: serving has two thirds or more. Parity: between one third and
two thirds. Below one third R&D dominates: research automation where agents that do research take more hours than the training
of nets (final runs and roll-outs), training otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from agents.lab import AI2027, USES, prescribed_uses
from experiments.calibration.evaluation import Evaluator, Tell, kept
from model.core.errors import InputError
from model.core.units import month_index
from model.results.measures import DOMINANCE, RESEARCH
from model.scenario import Scenario, firm_today

REGIMES = ("inference", "parity", "training", "research automation")
#: What is kept of a year along with the shares: means of monthly series.
HINGE = {"eta": "gross_profit_elasticity", "m": "gross_margin", "rho": "rd_to_revenue", "G": "growth_factor"}


def regime(serving: float, training: float, automation: float) -> str:
    """Return the regime of shares of hours.

    >>> regime(0.7, 0.1, 0.05), regime(0.5, 0.2, 0.3), regime(0.13, 0.17, 0.32), regime(0.2, 0.3, 0.1)
    ('inference', 'parity', 'research automation', 'training')
    """
    if serving >= DOMINANCE:
        return REGIMES[0]
    if serving >= DOMINANCE / 2.0:
        return REGIMES[1]
    return REGIMES[3] if automation > training else REGIMES[2]


def year_of(tables: Mapping[str, pl.DataFrame], year: int) -> dict[str, Any]:
    """Return shares of a year's hours, the hinge and the regime of one run.

    Parameters
    ----------
    tables : mapping
        Result tables of one run: compute, monthly.
    year : int

    Returns
    -------
    dict
        serving, training (final runs and roll-outs), experiments, synthetic, automation: shares that sum to 1; leading_lab,
        serving's share inside the lab that uses most hours; eta, m, rho, G; regime.
    """
    hours = tables["compute"].filter(pl.col("month").dt.year() == year, pl.col("purpose").is_in(["serving", *RESEARCH]))
    by: dict[str, float] = dict(
        hours.group_by("purpose", maintain_order=True).agg(pl.col("accelerator_hours").sum()).rows()
    )
    total = float(np.sum(list(by.values())))
    if not total:
        raise InputError(f"year = {year}: the run has no month of it")
    share = {name: by.get(name, 0.0) / total for name in ("serving", *USES)}
    monthly = tables["monthly"].filter(pl.col("month").dt.year() == year)
    found: dict[str, Any] = {
        "serving": share["serving"],
        "training": share["final_run"] + share["rl_rollout"],
        "experiments": share["experiment"],
        "synthetic": share["synthetic_data"],
        "automation": share["research_automation"],
        "leading_lab": monthly["leading_lab_serving_share"].mean(),
        **{name: monthly[column].mean() for name, column in HINGE.items()},
    }
    return found | {"regime": regime(found["serving"], found["training"], found["automation"])}


def hinge_path(monthly: pl.DataFrame) -> pl.DataFrame:
    """Return eta, m, rho and G by year, means over months and seeds, with what they imply.

    Returns
    -------
    polars.DataFrame
        year, eta, m, rho, G, wanted (``eta m G``) and implied (``(1 - m)/(1 - m + rho)``, Eq. X.6, R&D counted with its staff).
    """
    m, rho = pl.col("m"), pl.col("rho")
    return (
        monthly.group_by(pl.col("month").dt.year().alias("year"), maintain_order=True)
        .agg(*(pl.col(column).cast(pl.Float64).mean().alias(name) for name, column in HINGE.items()))
        .with_columns((pl.col("eta") * m * pl.col("G")).alias("wanted"), ((1.0 - m) / (1.0 - m + rho)).alias("implied"))
        .sort("year")
    )


def over(
    x: tuple[str, Sequence[Any]],
    y: tuple[str, Sequence[Any]],
    year: int = 2030,
    scenario: str | Scenario = "baseline",
    humans: int = 200,
    seeds: Sequence[int] = (1,),
    workers: int | None = 2,
    on_progress: Tell | None = None,
    folder: Path | None = None,
    cluster: str | None = None,
) -> pl.DataFrame:
    """Return who dominates over a grid of two parameters: a row a run.

    Parameters
    ----------
    x, y : (name, values)
        Parameters, "section.name".
    year : int
        Year of which hours are compared; runs end with it.
    scenario : str or Scenario
    humans : int
        Rows of people.
    seeds : sequence of int
    workers : int, optional
        Processes; one runs here, by default two.
    on_progress : callable, optional
    folder : path, optional
        Where runs are kept: the same call goes on there. Without it nothing is kept.
    cluster : str, optional
        Address of a dask scheduler whose workers run instead; `workers` is None then.

    Returns
    -------
    polars.DataFrame
        x, y, seed and the values of `year_of`.
    """
    base = Scenario.load(scenario)
    base = base.with_run(humans=humans, months=month_index(f"{year}-12", base.start) + 1)
    for a, b in product(x[1], y[1]):
        base.with_overrides({x[0]: a, y[0]: b})  # a wrong value is said before anything runs
    members = [{x[0]: a, y[0]: b} for a, b in product(x[1], y[1])]
    with kept(folder) as runs, Evaluator(runs, base, workers, on_progress, cluster) as evaluator:
        rows = evaluator.rows("regimes", members, seeds, base.months, last_year)
    cells = [member | {"seed": seed} for member in members for seed in seeds]
    return pl.DataFrame([cell | row for cell, row in zip(cells, rows, strict=True)])


def last_year(economy: Any) -> dict[str, Any]:
    """Return the values of `year_of` for the last year of a run."""
    return year_of(economy.tables(), economy.history["month"][-1].year)


def boundary(table: pl.DataFrame, x: str, y: str, level: float = 0.5) -> pl.DataFrame:
    """Return where serving's share crosses a level along x, for each y, between neighbours by a straight line.

    Parameters
    ----------
    table : polars.DataFrame
        As `over` returns it; shares are means over seeds.
    x, y : str
    level : float
        1/2, or 2/3 and 1/3 for the edges of parity.

    Returns
    -------
    polars.DataFrame
        y and x at the first crossing, null where there is none.
    """
    rows = table.group_by(y, x, maintain_order=True).agg(pl.col("serving").mean()).sort(y, x)
    found = []
    for (at,), group in rows.group_by(y, maintain_order=True):
        places, above = group[x].to_numpy().astype(float), group["serving"].to_numpy() - level
        turns = np.flatnonzero(above[1:] * above[:-1] <= 0.0)
        place = None
        if turns.size:
            i = int(turns[0])
            part = above[i] / (above[i] - above[i + 1]) if above[i] != above[i + 1] else 0.0
            place = float(places[i] + part * (places[i + 1] - places[i]))
        found.append({y: at, x: place})
    return pl.DataFrame(found, schema={y: table.schema[y], x: pl.Float64})


def divided(
    lab: str = "lab_a",
    rules: Sequence[str] = ("schedule", "profit"),
    scenario: str | Scenario = "baseline",
    humans: int = 200,
    seed: int = 1,
) -> pl.DataFrame:
    """Return how one lab divides its hours in the periods of AI-2027's table: as published and under rules of its own.

    Returns
    -------
    polars.DataFrame
        period, rule ("published" for the table itself), serving, training, experiments, synthetic, automation: shares of the hours
        the lab asks for, which sum to 1.
    """
    base, lab = Scenario.load(scenario), firm_today("lab", lab)
    starts = [month_index(row.first, base.start) for row in AI2027.values()]
    ends = [*starts[1:], starts[-1] + 3]
    table = {period: prescribed_uses(["schedule"], row.first)[0] for period, row in AI2027.items()}
    rows = [_shares(period, "published", np.array([1.0, *hours])) for period, hours in table.items()]
    for rule in rules:
        asked = _asked(
            base.with_run(humans=humans, months=ends[-1]).with_overrides({f"lab.{lab}.rule": rule}), lab, seed
        )
        rows += [
            _shares(period, rule, asked[a:b].sum(axis=0)) for period, a, b in zip(AI2027, starts, ends, strict=True)
        ]
    return pl.DataFrame(rows)


def _asked(scenario: Scenario, lab: str, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return hours asked for by a lab, (months, 1 + uses)."""
    from model.economy import InferenceEconomy

    economy, rows = InferenceEconomy(scenario, seed=seed), []
    i, n = economy.opening.lab_names.index(lab), economy.labs.n
    while economy.month < economy.months:
        economy.step()
        f = economy.last.flows  # type: ignore[union-attr]  # a month has passed
        rows.append([f.serving_hours.sum(axis=0).reshape(2, n).sum(axis=0)[i], *f.research_hours[i]])
    economy.close()
    return np.array(rows)


def _shares(period: str, rule: str, hours: Any) -> dict[str, Any]:
    serving, final, experiments, rollouts, synthetic, automation = (hours / hours.sum()).tolist()
    return {
        "period": period, "rule": rule, "serving": serving, "training": final + rollouts, "experiments": experiments,
        "synthetic": synthetic, "automation": automation,
    }  # fmt: skip

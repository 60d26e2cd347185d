"""Makes the runs that the checks need and holds them against every row: what `economy check` does."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from experiments.calibration import observed, operators, priors, scored
from experiments.calibration.evaluation import Evaluator, Tell, kept
from experiments.runs.digest import source
from experiments.runs.plan import planned
from experiments.runs.pool import DONE, Task, checksum
from experiments.runs.workers import RunStopped
from experiments.studies.checks import data, deviation, economy, paired, watch
from experiments.studies.checks.deviation import Deviation
from experiments.studies.checks.row import CHECKS, Row
from model.core.units import LAB_CLASSES, month_date, month_index
from model.scenario import Scenario, declarations, whole

DRAWS, QUICK_DRAWS = 16, 4
#: Paired seeds: of demand, of one lab alone and of parameters, of all labs (whose profits luck moves most).
SEEDS, ALONE_SEEDS, STIMULUS_SEEDS = 8, 4, 16
#: Deviations of one lab: use ("" the budget) and factor; first months; the last month in which what is bought has time to earn.
CHANGES = [*product(LAB_CLASSES, (0.5, 1.5)), ("", 0.7), ("", 1.3)]
FIRST, LAST = ("2025-01", "2028-01"), "2033-06"
LARGEST = 3
STIMULUS, MORE_YEAR, END_YEAR = 1.15, 2027, 2035
DISCOUNT_PER_YEAR = 0.20  # of labs, where none is declared
PRIOR_ENDS = (0.1, 0.9)
DRAWN = ("monthly", "compute", "flows", "labs", "nets", "caps", "survival", "seen")
#: A run: overrides, seed, deviation.
Member = tuple[Mapping[str, Any], int, Deviation | None]
CODE = (watch, deviation, observed, operators)  # what of ours decides what is kept of a run, the model apart


def run(
    scenario: str | Path | Scenario = "baseline",
    draws: int | None = None,
    quick: bool = False,
    humans: int | None = None,
    months: int | None = None,
    seeds: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    on_progress: Tell | None = None,
    folder: Path | None = None,
) -> list[Row]:
    """Return every row of the checks.

    Parameters
    ----------
    scenario : str, path or Scenario
    draws : int, optional
        Posterior draws: 16, and 4 where it is to be quick.
    quick : bool
        Only the rows that the posterior draws alone tell, scored data apart.
    humans, months : int, optional
        Other resolution or length than the scenario's.
    seeds : int, optional
        Paired seeds of E02, E03, E09 and E15 instead of `ALONE_SEEDS`, `STIMULUS_SEEDS`, `ALONE_SEEDS` and `SEEDS`.
    workers : int, optional
        Processes, by default one a processor.
    cluster : str, optional
        Address of a dask scheduler whose workers run instead.
    on_progress : callable, optional
    folder : path, optional
        Where runs are kept: the same call goes on there. Without it nothing is kept.
    """
    count = (QUICK_DRAWS if quick else DRAWS) if draws is None else whole("draws", draws, 1, 4096)
    plan = planned(scenario, humans=humans, months=months, posterior=count)
    chosen = [c for c in CHECKS.values() if c.quick or not quick]
    with kept(folder) as runs, Evaluator(runs, plan.scenario, workers, on_progress, cluster) as evaluator:
        made = Runs(evaluator, seeds)
        tables: dict[str, Any] = dict(made.drawn(plan.members, plan.seeds))
        tables["declared"] = declarations(plan.scenario.parameters)
        if not quick:
            tables["points"] = scored.mapped(scored.read())
            tables["stimulus"], tables["tripled"] = made.stimulus(), made.tripled()
            tables["moved"], tables["deviations"] = made.moved(tables["points"]), made.deviations()
    return [c.row(tables) for c in sorted(chosen, key=lambda c: c.id)]


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Return the table as it is written."""
    return pl.DataFrame([{k: v for k, v in row._asdict().items() if k != "values"} for row in rows])


class Runs:
    """Makes runs of a scenario, keeps them, and turns them into the tables of the rows."""

    def __init__(self, evaluator: Evaluator, seeds: int | None = None) -> None:
        self.given = None if seeds is None else whole("seeds", seeds, 2, 1000)
        self.evaluator, self.scenario = evaluator, evaluator.scenario
        self.code = checksum(*(source(m.__file__ or "") for m in CODE))
        lab = self.scenario.values().get("lab", {})
        self.discount = float(lab.get("discount_per_year", DISCOUNT_PER_YEAR))

    def made(
        self,
        what: str,
        members: Sequence[Member],
        frames: Sequence[str],
        months: int | None = None,
    ) -> Iterator[watch.Frames]:
        """Yield the tables of each run: overrides, seed, deviation.

        Raises
        ------
        RunStopped
            If a run ended in an error.
        """
        tasks: list[Task] = []
        deviations: dict[str, Deviation] = {}
        for overrides, seed, deviation_ in members:
            keep = f"checks {self.code} {' '.join(frames)} {deviation_}"
            (task,) = self.evaluator.tasks([overrides], [[seed]], months or self.scenario.months, keep)
            tasks.append(task)
            if deviation_ is not None:
                deviations[task.id] = deviation_
        work = functools.partial(watch.watched, frames=tuple(frames), deviations=deviations)
        held = self.evaluator.outcomes(what, tasks, work)
        for task in tasks:
            if held[task.id].status != DONE:
                raise RunStopped(f"{what}: the run with seed {task.seed}: {held[task.id].error}")
        return (watch.unpacked(held[task.id].blob) for task in tasks)

    def drawn(self, members: Sequence[Mapping[str, float]], seeds: Sequence[int]) -> dict[str, pl.DataFrame]:
        """Return the tables of all posterior draws, by name."""
        each = list(self.made("posterior draws", [(m, s, None) for m, s in zip(members, seeds, strict=True)], DRAWN))
        return {name: pl.concat([tables[name] for tables in each]) for name in DRAWN}

    def seeds(self, usual: int) -> range:
        """Return the seeds of a row."""
        return range(1, (self.given or usual) + 1)

    def holds(self, month: str) -> bool:
        """Return whether the runs hold a month."""
        return month_index(month, self.scenario.start) < self.scenario.months

    def deviations(self) -> pl.DataFrame:
        """Return what one lab earns when it alone deviates, and when it does not, as row E02 asks for it."""
        values = ("base_gross_usd", "base_rd_usd", "gross_usd", "rd_usd")
        types: dict[str, Any] = {"seed": pl.Int64, "rank": pl.Int64, "first": pl.String, "use": pl.String}
        types |= dict.fromkeys(("factor", *values), pl.Float64)
        if not self.holds(LAST):
            return pl.DataFrame(schema=types)
        seeds = self.seeds(ALONE_SEEDS)
        base = [t["labs"] for t in self.made("as they decide", [({}, s, None) for s in seeds], ["labs"])]
        cases: list[tuple[Any, ...]] = []
        members: list[Member] = []
        for (seed, labs), first in product(zip(seeds, base, strict=True), FIRST):
            for (rank, lab), (use, factor) in product(enumerate(largest(labs, first), 1), CHANGES):
                cases.append((seed, rank, first, use, factor, *self.worth(labs, lab, first)))
                members.append(({}, seed, Deviation((lab,), first, LAST, factor, use)))
        made = self.made("one lab deviates", members, ["labs"])
        rows = [
            (*case, *self.worth(tables["labs"], alone.labs[0], alone.first))
            for case, (_, _, alone), tables in zip(cases, members, made, strict=True)
            if alone is not None
        ]
        return pl.DataFrame(rows, types, orient="row")

    def worth(self, labs: pl.DataFrame, lab: str, first: str) -> tuple[float, float]:
        """Return present values of a lab's gross profit with what its house keeps of its rents, and of its research, from a month on."""
        mine = paired.present_values(labs.filter(pl.col("lab") == lab), first, self.discount)
        return mine["gross_usd"].item() + mine["rents_usd"].item(), mine["rd_usd"].item()

    def stimulus(self) -> pl.DataFrame:
        """Return extra gross profit and spending of all labs when all spend more in 2027, as row E03 asks for it."""
        if not self.holds(f"{END_YEAR}-12"):
            return pl.DataFrame(schema={"seed": pl.Int64, "profit_usd": pl.Float64, "spent_usd": pl.Float64})
        more = Deviation(tuple(self.scenario.firms["lab"]), f"{MORE_YEAR}-01", f"{MORE_YEAR}-12", STIMULUS)
        members: list[Member] = [({}, s, d) for s in self.seeds(STIMULUS_SEEDS) for d in (None, more)]
        each = (t["labs"] for t in self.made("all labs do more", members, ["labs"]))
        worth = [self.all_labs(labs, more.first) for labs in each]
        before, after = (pl.concat(worth[k::2]) for k in (0, 1))
        extra = [(after[c] - before[c]).alias(n) for n, c in (("profit_usd", "gross_usd"), ("spent_usd", "rd_usd"))]
        return pl.DataFrame([before["seed"], *extra])

    def all_labs(self, labs: pl.DataFrame, first: str) -> pl.DataFrame:
        """Return present values of all labs' gross profit and research from a month on, by seed."""
        return paired.present_values(labs, first, self.discount).drop("lab").group_by("seed").sum()

    def moved(self, points: pl.DataFrame) -> pl.DataFrame:
        """Return how far each fitted parameter moves each scored series over its prior, by seed, as row E09 asks for it."""
        last = month_index(data.LAST, self.scenario.start)
        months = min(last + 1, self.scenario.months)
        held = points.filter(pl.col("index") < months)
        fitted = {f"{d.section}.{d.name}" for d in declarations(self.scenario.parameters) if d.fit}
        z = np.array([[x] for x in stats.norm.ppf(PRIOR_ENDS)])
        ends = {p.parameter: priors.overrides([p], z) for p in priors.priors() if p.parameter in fitted}
        seeds = self.seeds(ALONE_SEEDS)
        members = [(over, s, None) for both in ends.values() for over in both for s in seeds]
        rows = []
        each = iter(self.made("fitted parameters", members, ["seen"], months)) if held.height else iter(())
        for name in ends if held.height else ():
            low, high = (data.model_values(pl.concat([next(each)["seen"] for _ in seeds]), held) for _ in range(len(z)))
            for series in held["series"].unique().sort():
                mine = (held["series"] == series).to_numpy()
                differences = np.nanmean((high - low)[:, mine], axis=1)
                rows += [(name, series, s, float(x)) for s, x in zip(seeds, differences, strict=True)]
        types = {"parameter": pl.String, "series": pl.String, "seed": pl.Int64, "difference": pl.Float64}
        return pl.DataFrame(rows, types, orient="row").with_columns(pl.col("difference").fill_nan(None))

    def tripled(self) -> pl.DataFrame:
        """Return monthly series with and without three times the value of what agents do, as row E15 asks for it."""
        if not self.holds("2030-12"):
            return pl.DataFrame(schema={"seed": pl.Int64, "month": pl.Date})
        months = month_index("2030-12", self.scenario.start) + 1
        seeds, more = self.seeds(SEEDS), three_times(self.scenario)
        members = [(over, s, None) for s in seeds for over in ({}, more)]
        found = list(self.made("agents' work is worth more", members, ["monthly"], months))
        changed = (pl.lit(i % 2 == 1).alias("changed") for i in range(len(found)))
        return pl.concat([t["monthly"].with_columns(c) for t, c in zip(found, changed, strict=True)])


def largest(labs: pl.DataFrame, first: str) -> list[str]:
    """Return the `LARGEST` labs by revenue in the twelve months before one 'YYYY-MM'."""
    start = month_index(first, "2000-01")
    before = [month_date(start - k, "2000-01") for k in range(1, 13)]
    by = labs.filter(pl.col("month").is_in(before)).group_by("lab").agg(pl.col("revenue_usd").sum())
    return by.sort("revenue_usd", "lab", descending=[True, False])["lab"].head(LARGEST).to_list()


def three_times(scenario: Scenario) -> dict[str, float]:
    """Return overrides under which what agents do is worth three times as much: finished tasks and the first standing job.

    The value of a task is a multiple of the wage cost of its minutes; beyond the range of the multiple the wage takes the rest.
    """
    high = {
        f"{d.section}.{d.name}": float(d.high or np.inf)
        for d in declarations(scenario.parameters)
        if d.section == "human"
    }
    now = scenario.values()["human"]
    multiple = min(3.0 * now["task_value_multiple"], high["human.task_value_multiple"])
    rest = 3.0 * now["task_value_multiple"] / multiple
    more = {"task_value_multiple": multiple, "wage_mean_usd_per_h": rest * now["wage_mean_usd_per_h"]}
    more["job_value_usd_per_month"] = 3.0 * now["job_value_usd_per_month"]
    return {f"human.{name}": float(value) for name, value in more.items()}


#: Their rows are registered when they are imported.
ROWS = (data, economy, paired)

"""No parameter sets the split: each moved across its declared range, against the headline share of 2030.

`run` makes the table that stands in the report (`model/data/ranges.csv`, written by ``economy ranges``). A parameter that moves the
share by more than `LIMIT` is a driver: it is named in `DRIVERS` and has a page in `model/decisions/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import model
from model.core.params import Declaration
from model.scenario import declarations

FILE = Path(model.__file__).parent / "data" / "ranges.csv"
YEAR = 2030
LIMIT = 0.35
MONTHS = (YEAR - 2021) * 12
#: Parameters that move the headline share of 2030 by more than `LIMIT` across their range, and their decision page.
DRIVERS: dict[str, str] = {
    "lab.budget_growth_max_per_month": "0011-how-fast-research-budgets-move.md",
    "lab.budget_speed_per_month": "0011-how-fast-research-budgets-move.md",
    "lab.quality_coefficient": "0012-rivalry-for-buyers.md",
    "lab.ceiling_quality": "0013-what-open-weights-cap.md",
    "lab.price_speed_per_month": "0014-how-fast-list-prices-follow-cost.md",
    "lab.price_coefficient": "0018-how-much-buyers-mind-prices.md",
    "human.assistant_habit": "0015-the-threshold-of-habit.md",
    "compute.batch_factor": "0021-what-waiting-work-pays.md",
}


class Moved(NamedTuple):
    """The headline share of 2030 at the ends of a parameter's range, means over seeds."""

    parameter: str
    low: str
    high: str
    share_base: float
    share_low: float
    share_high: float
    span: float


def ends(d: Declaration) -> list[Any]:
    """Return the values at which a parameter is tried: its bounds, or its other choices."""
    if d.choices:
        return [c for c in d.choices if c != d.default]
    if isinstance(d.default, bool):
        return [not d.default]
    return [x for x in (d.low, d.high) if x is not None]


def share(job: tuple[dict[str, Any], int, int]) -> float:
    """Return the mean headline share of 2030."""
    from model.economy import InferenceEconomy

    overrides, seed, humans = job
    economy = InferenceEconomy("baseline", humans=humans, months=MONTHS, seed=seed, **overrides).run()
    values = economy.history["inference_share_accelerator_hours"].to_numpy()[-12:]
    economy.close()
    return float(np.nanmean(values))


def run(
    names: Sequence[str] | None = None,
    seeds: int = 2,
    humans: int = 400,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Moved]:
    """Return how far each parameter (or those named) moves the share, largest first."""
    chosen = [d for d in declarations() if names is None or f"{d.section}.{d.name}" in names]
    tries = [(f"{d.section}.{d.name}", value) for d in chosen for value in ends(d)]
    jobs = [({}, s, humans) for s in range(1, seeds + 1)]
    jobs += [({name: value}, s, humans) for name, value in tries for s in range(1, seeds + 1)]
    found = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for x in pool.map(share, jobs, chunksize=4):
            found.append(x)
            if on_progress:
                on_progress(len(found), len(jobs))
    table = np.array(found).reshape(-1, seeds).mean(axis=1)
    out = []
    for d in chosen:
        name = f"{d.section}.{d.name}"
        mine = [(str(v), float(x)) for (n, v), x in zip(tries, table[1:], strict=True) if n == name]
        if not mine:
            continue
        values = [float(table[0]), *(x for _, x in mine)]
        span = max(values) - min(values)
        out.append(Moved(name, mine[0][0], mine[-1][0], float(table[0]), mine[0][1], mine[-1][1], span))
    return sorted(out, key=lambda m: -m.span)


def save(rows: Sequence[Moved], path: Path = FILE) -> None:
    """Write the table as CSV."""
    import polars as pl

    path.write_text(pl.DataFrame([r._asdict() for r in rows]).with_columns(pl.selectors.float().round(4)).write_csv())


def load(path: Path = FILE) -> Any:
    """Return the stored table as polars.DataFrame."""
    import polars as pl

    return pl.read_csv(path, schema_overrides={"low": pl.String, "high": pl.String})

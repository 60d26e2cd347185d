"""No parameter sets the split: each moved across its declared range, against the headline share of 2030.

`run` makes the table that ``economy ranges`` writes; the report shows the stored one (`experiments/stored/ranges.csv`, see `tests/tables.py`). A parameter that moves the
share by more than `LIMIT` is a driver: it is named in `DRIVERS` and has a page in `model/decisions/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

import experiments
from experiments.calibration.evaluation import Evaluator, Tell, kept
from model.core.params import Declaration
from model.scenario import Scenario, declarations, names

FILE = Path(experiments.__file__).parent / "stored" / "ranges.csv"
YEAR = 2030
LIMIT = 0.35
MONTHS = (YEAR - 2021) * 12
#: Parameters that move the headline share of 2030 by more than `LIMIT` across their range, and their decision page.
DRIVERS: dict[str, str] = {
    "human.assistant_habit": "0015-the-threshold-of-habit.md",
    "lab.price_speed_per_month": "0014-how-fast-list-prices-follow-cost.md",
    "neural.horizon_reference_minutes": "0028-when-assistants-pay-their-users.md",
    "human.assistant_prompt_minutes": "0028-when-assistants-pay-their-users.md",
}


class Moved(NamedTuple):
    """The headline share of 2030 at the ends of a parameter's range, means over seeds; `declared` is what was tried."""

    parameter: str
    low: str
    high: str
    share_base: float
    share_low: float
    share_high: float
    span: float
    declared: str


def ends(d: Declaration) -> list[Any]:
    """Return the values at which a parameter is tried: its bounds, or its other choices."""
    if d.choices:
        return [c for c in d.choices if c != d.default]
    if isinstance(d.default, bool):
        return [not d.default]
    return [x for x in (d.low, d.high) if x is not None]


def declared(d: Declaration) -> str:
    """Return what a row rests on: the default and the values tried.

    >>> declared(next(d for d in declarations() if d.name == "slots"))
    '4: 1, 10'
    """
    return f"{d.default}: {', '.join(map(str, ends(d)))}"


def unmeasured(table: Any = None) -> list[str]:
    """Return the parameters that have no row of their present declaration in the stored table, or another."""
    rows = dict((load() if table is None else table).select("parameter", "declared").rows())
    return [name for d in declarations() if ends(d) and rows.get(name := f"{d.section}.{d.name}") != declared(d)]


def share(economy: Any) -> dict[str, float]:
    """Return the mean headline share of the run's last year."""
    return {"share": float(np.nanmean(economy.history["inference_share_accelerator_hours"].to_numpy()[-12:]))}


def run(
    names: Sequence[str] | None = None,
    seeds: int = 2,
    humans: int = 400,
    workers: int | None = None,
    on_progress: Tell | None = None,
    folder: Path | None = None,
    cluster: str | None = None,
) -> list[Moved]:
    """Return how far each parameter (or those named) moves the share, largest first.

    Parameters
    ----------
    names : sequence of str, optional
    seeds, humans : int
    workers : int, optional
        Processes, by default one a processor.
    on_progress : callable, optional
    folder : path, optional
        Where runs are kept: the same call goes on there. Without it nothing is kept.
    cluster : str, optional
        Address of a dask scheduler whose workers run instead.
    """
    chosen = [d for d in declarations() if ends(d) and (names is None or f"{d.section}.{d.name}" in names)]
    tries = [(f"{d.section}.{d.name}", value) for d in chosen for value in ends(d)]
    base = Scenario.load("baseline").with_run(humans=humans)
    with kept(folder) as runs, Evaluator(runs, base, workers, on_progress, cluster) as evaluator:
        members = [{}, *({name: value} for name, value in tries)]
        first, *rest = evaluator.numbers("ranges", members, seeds, MONTHS, share).mean(axis=(1, 2)).tolist()
    out = []
    for d in chosen:
        name = f"{d.section}.{d.name}"
        mine = [(str(v), x) for (n, v), x in zip(tries, rest, strict=True) if n == name]
        values = [first, *(x for _, x in mine)]
        span = max(values) - min(values)
        out.append(Moved(name, mine[0][0], mine[-1][0], first, mine[0][1], mine[-1][1], span, declared(d)))
    return sorted(out, key=lambda m: -m.span)


def frame(rows: Sequence[Moved]) -> pl.DataFrame:
    """Return the table as it is stored."""
    return pl.DataFrame([r._asdict() for r in rows]).with_columns(pl.selectors.float().round(4))


def merged(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return a stored table with new rows in place of theirs, without parameters that are no more, largest first."""
    known = names()
    kept_rows = old.filter(~pl.col("parameter").is_in(new["parameter"].implode()), pl.col("parameter").is_in(known))
    return pl.concat([kept_rows, new]).sort("span", descending=True, maintain_order=True)


def load(path: Path | bytes = FILE) -> pl.DataFrame:
    """Return the stored table."""
    return pl.read_csv(path, schema_overrides=dict.fromkeys(("low", "high", "declared"), pl.String))

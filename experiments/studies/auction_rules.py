"""The four rules of both attention markets on common random numbers: who gains, who pays, what moves.

`run` makes a table that ``economy ablate`` writes; the report shows the stored one (`experiments/stored/auction_rules.csv`, see `tests/tables.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

import experiments
from experiments.calibration.evaluation import Evaluator, Tell, kept
from model.core.errors import InputError
from model.markets.auction import RULES
from model.scenario import Scenario, whole

FILE = Path(experiments.__file__).parent / "stored" / "auction_rules.csv"
#: Where ad-funded agents are common, so that the rule can matter.
SCENARIO = "ad-funded-agents"
#: Quantities of one run's last year, with unit and meaning.
QUANTITIES: dict[str, tuple[str, str]] = {
    "services_surplus_usd": ("USD/year", "value of clicks and invocations less what services pay"),
    "platforms_usd": ("USD/year", "received by applications, orchestrators and agents for attention"),
    "principals_value_usd": ("USD/year", "value of tasks that agents did with success"),
    "welfare_usd": ("USD/year", "value to services and principals; payments cancel"),
    "ad_funded_share": ("-", "agents paid by advertisers"),
    "attention_spend_agent_share": ("-", "spending on attention that goes to agents'"),
    "ranking_quality_kept": ("-", "what the ranking leaves of the gain from choosing by quality"),
    "service_hhi": ("-", "concentration of clicks and invocations"),
    "examination_hours": ("h/year", "H100e-hours spent on reading candidates"),
}


class Measured(NamedTuple):
    """A quantity under a rule: mean over seeds, difference to GSP and its paired standard error."""

    rule: str
    quantity: str
    unit: str
    mean: float
    difference: float
    standard_error: float


def outcome(economy: Any) -> dict[str, float]:
    """Return the quantities of a run's last year."""
    year = {name: economy.history[name].fill_null(0.0).to_numpy()[-12:] for name in economy.history.columns[1:]}
    items = economy.recorder.flows[-12:]
    paid = float(np.sum([usd for month in items for *_, item, usd in month if item in PAID]))
    services, principals = year["services_value_usd"].sum(), year["principals_value_usd"].sum()
    made = {
        "services_surplus_usd": services - paid,
        "platforms_usd": paid,
        "welfare_usd": services + principals,
        **{n: year[n].sum() if QUANTITIES[n][0].endswith("/year") else year[n].mean() for n in QUANTITIES if n in year},
    }
    return {name: float(made[name]) for name in QUANTITIES}


PAID = ("advertising", "invocations by agents")


def run(
    seeds: int = 8,
    humans: int = 1_000,
    months: int = 168,
    scenario: str = SCENARIO,
    rules: Sequence[str] | None = None,
    workers: int | None = None,
    on_progress: Tell | None = None,
    folder: Path | None = None,
    cluster: str | None = None,
) -> list[Measured]:
    """Return each rule's outcomes of the last twelve months, paired with the first rule by seed.

    Parameters
    ----------
    seeds, humans, months : int
        Months at least 12.
    scenario : str
    rules : sequence of str, optional
        Auction rules, all that are registered by default. The first is what the others are compared with.
    workers : int, optional
        Processes, by default one a processor.
    on_progress : callable, optional
    folder : path, optional
        Where runs are kept: the same call goes on there. Without it nothing is kept.
    cluster : str, optional
        Address of a dask scheduler whose workers run instead.

    Raises
    ------
    InputError
    """
    seeds, months = whole("seeds", seeds, 2, 1000), whole("months", months, 12, 600)
    base, rules = Scenario.load(scenario).with_run(humans=humans), tuple(RULES) if rules is None else rules
    with kept(folder) as runs, Evaluator(runs, base, workers, on_progress, cluster) as evaluator:
        table = evaluator.numbers("auction rules", [{"auction.rule": r} for r in rules], seeds, months, outcome)
    out = []
    for rule, rows in zip(rules, table, strict=True):
        apart = rows - table[0]
        error = apart.std(axis=0, ddof=1) / np.sqrt(seeds)
        numbers = zip(rows.mean(axis=0), apart.mean(axis=0), error, strict=True)
        for (name, (unit, _)), each in zip(QUANTITIES.items(), numbers, strict=True):
            out.append(Measured(rule, name, unit, *map(float, each)))
    return out


def frame(rows: Sequence[Measured]) -> pl.DataFrame:
    """Return the table as it is stored: rule, quantity, unit, mean, difference to the first rule, standard error."""
    return pl.DataFrame([r._asdict() for r in rows]).with_columns(pl.selectors.float().round_sig_figs(4))


def load(path: Path = FILE) -> pl.DataFrame:
    """Return the stored table.

    Raises
    ------
    InputError
        If it was not made yet.
    """
    if not path.exists():
        raise InputError(f"no table of auction rules at {path.name!r}: 'economy ablate' makes it")
    return pl.read_csv(path)

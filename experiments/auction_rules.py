"""The four rules of both attention markets on common random numbers: who gains, who pays, what moves.

`run` makes the table that stands in the report (`model/data/auction_rules.csv`, written by ``economy ablate``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import model
from model.core.errors import InputError
from model.markets.auction import RULES
from model.scenario import whole

FILE = Path(model.__file__).parent / "data" / "auction_rules.csv"
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


class Outcome(NamedTuple):
    """A quantity under a rule: mean over seeds, difference to GSP and its paired standard error."""

    rule: str
    quantity: str
    unit: str
    mean: float
    difference: float
    standard_error: float


def outcome(job: tuple[str, str, int, int, int]) -> list[float]:
    """Return the quantities of one run's last year: (scenario, rule, seed, humans, months)."""
    from model.economy import InferenceEconomy

    scenario, rule, seed, humans, months = job
    economy = InferenceEconomy(scenario, humans=humans, months=months, seed=seed, auction__rule=rule).run()
    year = {name: economy.history[name].fill_null(0.0).to_numpy()[-12:] for name in economy.history.columns[1:]}
    items = economy.recorder.flows[-12:]
    paid = float(np.sum([usd for month in items for *_, item, usd in month if item in PAID]))
    economy.close()
    services, principals = year["services_value_usd"].sum(), year["principals_value_usd"].sum()
    made = {
        "services_surplus_usd": services - paid,
        "platforms_usd": paid,
        "welfare_usd": services + principals,
        **{n: year[n].sum() if QUANTITIES[n][0].endswith("/year") else year[n].mean() for n in QUANTITIES if n in year},
    }
    return [float(made[name]) for name in QUANTITIES]


PAID = ("advertising", "invocations by agents")


def run(
    seeds: int = 8,
    humans: int = 1_000,
    months: int = 168,
    scenario: str = SCENARIO,
    rules: Sequence[str] = RULES,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """Return each rule's outcomes of the last twelve months, paired with the first rule by seed.

    Parameters
    ----------
    seeds, humans, months : int
        Months at least 12.
    scenario : str
    rules : sequence of {"gsp", "vcg", "first_price", "logit"}
        The first is what the others are compared with.
    workers : int, optional
    on_progress : callable, optional
        Called with runs done and runs in all.

    Raises
    ------
    InputError
    """
    seeds, months = whole("seeds", seeds, 2, 1000), whole("months", months, 12, 600)
    jobs = [(scenario, rule, seed, humans, months) for rule in rules for seed in range(1, seeds + 1)]
    found = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for result in pool.map(outcome, jobs):
            found.append(result)
            if on_progress:
                on_progress(len(found), len(jobs))
    table = np.array(found).reshape(len(rules), seeds, len(QUANTITIES))
    out = []
    for rule, rows in zip(rules, table, strict=True):
        apart = rows - table[0]
        error = apart.std(axis=0, ddof=1) / np.sqrt(seeds)
        numbers = zip(rows.mean(axis=0), apart.mean(axis=0), error, strict=True)
        for (name, (unit, _)), each in zip(QUANTITIES.items(), numbers, strict=True):
            out.append(Outcome(rule, name, unit, *map(float, each)))
    return out


def frame(outcomes: Sequence[Outcome]) -> Any:
    """Return outcomes as polars.DataFrame: rule, quantity, unit, mean, difference to the first rule, standard error."""
    import polars as pl

    return pl.DataFrame([o._asdict() for o in outcomes])


def save(outcomes: Sequence[Outcome], path: Path = FILE) -> None:
    """Write the table as CSV."""
    import polars as pl

    path.write_text(frame(outcomes).with_columns(pl.selectors.float().round_sig_figs(4)).write_csv())


def load(path: Path = FILE) -> Any:
    """Return the stored table as polars.DataFrame.

    Raises
    ------
    InputError
        If it was not made yet.
    """
    import polars as pl

    if not path.exists():
        raise InputError(f"no table of auction rules at {path.name!r}: 'economy ablate' makes it")
    return pl.read_csv(path)

"""Which series and months of a run are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.core.errors import InputError, unknown
from model.core.units import month_date, month_index
from model.results.record import NAMES, SHARES
from model.scenario import Scenario

if TYPE_CHECKING:
    pass


#: What is compared and recorded if nothing else is said.
MAIN_SERIES = (
    *SHARES,
    "tokens",
    "ai_agents",
    "adopters",
    "installed_h100e",
    "utilisation",
    "price_usd_per_h100e_hour",
    "price_frontier_usd_per_mtoken",
    "price_small_usd_per_mtoken",
    "task_horizon_minutes",
    "inference_flop",
    "training_flop",
    "lab_revenue_usd",
    "lab_rd_usd",
)


def recorded(series: Any, names: tuple[str, ...] = NAMES) -> tuple[str, ...]:
    """Return the names of series to keep, checked; where none is given the main ones, and all that were added.

    Parameters
    ----------
    series : sequence of str, "all" or None
    names : tuple of str
        All that are recorded, the shipped ones first.
    """
    if series is None:
        return MAIN_SERIES + names[len(NAMES) :]
    if series == "all":
        return names
    if not isinstance(series, list | tuple) or not series:
        raise InputError(f"series = {series!r}: must be a list of names, or 'all'")
    for name in series:
        if name not in names:
            raise unknown("series", str(name), names)
    return tuple(dict.fromkeys(series))


def months_of(scenario: Scenario, months: Any, what: str = "months") -> tuple[str, ...] | None:
    """Return the months to keep, 'YYYY-MM': every December (else the last month) if none is given, None for all.

    A refusal says `what` held them.

    >>> months_of(Scenario().with_run(months=30), None)
    ('2022-12', '2023-12')
    """
    held = [month_date(i, scenario.start).isoformat()[:7] for i in range(scenario.months)]
    if months is None:
        return tuple(m for m in held if m.endswith("-12")) or (held[-1],)
    if months == "all":
        return None
    if not isinstance(months, list | tuple) or not months:
        raise InputError(f"{what} = {months!r}: must be a list of 'YYYY-MM', or 'all'")
    for month in months:
        month_index(month, what=what)  # its form
        if month not in held:
            raise InputError(f"{what} = {month!r}: outside ['{held[0]}', '{held[-1]}'] of scenario '{scenario.name}'")
    return tuple(dict.fromkeys(months))

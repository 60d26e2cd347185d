"""What is measured, month by month: inference shares, crossover, concentration, self-sustainability.

Pure functions of arrays; nothing here decides anything. The shares can be computed from a run's work classes
(`shares`) or from its result table alone (`numerator_denominator`): the two agree to 1e-9. The Kaya split, the
hinge and the accounts of the seven layers are in `model/results/accounts.py` and can be had from here too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.core.errors import InputError, unknown
from model.core.formulas import hhi as hhi
from model.core.formulas import ratios as ratios
from model.core.frames import check_process
from model.core.units import WORK, month_date, month_index
from model.results.accounts import KAYA_CLASSES as KAYA_CLASSES
from model.results.accounts import KAYA_FACTORS as KAYA_FACTORS
from model.results.accounts import KAYA_QUANTITIES as KAYA_QUANTITIES
from model.results.accounts import LAYERS as LAYERS
from model.results.accounts import Hinge as Hinge
from model.results.accounts import StackAccounts as StackAccounts
from model.results.accounts import hinge as hinge
from model.results.accounts import hinge_identity as hinge_identity
from model.results.accounts import kaya as kaya
from model.results.accounts import log_mean as log_mean
from model.results.accounts import stack_accounts as stack_accounts

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]

PREFIX = "inference_share_"
ON_BOARD_SUFFIX = "_with_on_board"
#: Base definitions: the column of compute.parquet that each one counts.
COUNTED = {
    "accelerator_hours": "accelerator_hours",
    "purpose": "flop",
    "kernel": "accelerator_hours",
    "usd": "usd",
    "energy": "energy_kwh",
    "all_ai": "accelerator_hours",
}
#: All definitions, named as in the share columns without their prefix; the first is the headline.
DEFINITIONS = tuple(COUNTED) + tuple(name + ON_BOARD_SUFFIX for name in COUNTED)
HEADLINE = "accelerator_hours"

RESEARCH = frozenset({"final_run", "experiment", "rl_rollout", "synthetic_data", "research_automation"})
FIRST_DATE = "2023-12"
PARITY = 0.5
DOMINANCE = 2.0 / 3.0


# Inference shares ----------------------------------------------------------------------------------


def counts_in(definition: str, purpose: str, kernel: str) -> tuple[str, bool]:
    """Return how work counts under a definition, Eq. X.1: ('no' | 'yes' | 'background', in the denominator).

    'background' is other AI, of which an observed share is inference.

    Parameters
    ----------
    definition : str
        One of `DEFINITIONS`.
    purpose, kernel : str
        As in compute.parquet.

    Source: by definition.

    >>> counts_in("kernel", "rl_rollout", "forward_only"), counts_in("purpose", "rl_rollout", "forward_only")
    (('yes', True), ('no', True))
    """
    base = definition.removesuffix(ON_BOARD_SUFFIX)
    if purpose == "on_board":
        own = definition.endswith(ON_BOARD_SUFFIX)
        return ("yes" if own else "no", own)
    if purpose == "serving":
        return ("yes", True)
    if purpose in RESEARCH:
        return ("yes" if base == "kernel" and kernel == "forward_only" else "no", True)
    if base == "all_ai":
        return ("yes" if purpose == "ranking" else "background", True)
    return ("no", False)


def shares(
    hours: Array, flop: Array, energy: Array, usd: Array, other_background_share: ArrayLike = 0.5
) -> dict[str, Array]:
    """Return the inference share under every definition, Eq. X.1.

    Each is a sum over the work classes that count as inference over a sum over all that the definition looks
    at.

    Parameters
    ----------
    hours, flop, energy, usd : (U, T) or (U,) float >= 0
        H100e-hours, FLOP executed, kWh, USD by work class (`core.units.WORK`).
    other_background_share : float or (T,) float in [0, 1]
        Share of other AI that is inference (f_o), used by ``all_ai`` only.

    Returns
    -------
    dict of (T,) float
        `inference_share_<definition>`; NaN where the denominator is zero.

    Source: by definition. Twin: tests/reference/measures.py.

    >>> x = np.zeros(len(WORK)); x[0], x[7] = 1.0, 3.0
    >>> float(shares(x, x, x, x)["inference_share_accelerator_hours"])
    0.25
    """
    counted = {"accelerator_hours": hours, "flop": flop, "energy_kwh": energy, "usd": usd}
    out = {}
    for definition in DEFINITIONS:
        x = np.asarray(counted[COUNTED[definition.removesuffix(ON_BOARD_SUFFIX)]], dtype=np.float64)
        if x.shape[0] != len(WORK):
            raise InputError(f"shares: {x.shape[0]} work classes given, {len(WORK)} expected")
        how = [counts_in(definition, w.purpose, w.kernel) for w in WORK]
        yes = x[[h[0] == "yes" for h in how]].sum(axis=0)
        background = x[[h[0] == "background" for h in how]].sum(axis=0)
        below = x[[h[1] for h in how]].sum(axis=0)
        out[PREFIX + definition] = ratios(yes + np.asarray(other_background_share) * background, below)
    return out


def numerator_denominator(
    definition: str, compute: pl.DataFrame, other_background_share: ArrayLike = 0.5
) -> tuple[Array, Array]:
    """Return numerator and denominator of a share by month from compute.parquet alone, Eq. X.1.

    Parameters
    ----------
    definition : str
        One of `DEFINITIONS`, with or without the prefix ``inference_share_``.
    compute : polars.DataFrame
        One run: month, purpose, consumer, kernel, flop, accelerator_hours, energy_kwh, usd.
    other_background_share : float or (T,) float in [0, 1]
        f_o, parameter ``app_network.other_background_share`` of the run.

    Returns
    -------
    (T,) float, (T,) float
        By month in order of time.

    Raises
    ------
    InputError
        If the definition does not exist or the table holds more than one seed.
    """
    name = definition.removeprefix(PREFIX)
    if name not in DEFINITIONS:
        raise unknown("definition", definition, DEFINITIONS)
    return numerators_denominators((name,), compute, other_background_share)[name]


def numerators_denominators(
    definitions: Sequence[str], compute: pl.DataFrame, other_background_share: ArrayLike = 0.5
) -> dict[str, tuple[Array, Array]]:
    """Return `numerator_denominator` of several of `DEFINITIONS`; the table is gone through once."""
    check_process()
    import polars as pl

    if "seed" in compute.columns and compute["seed"].n_unique() > 1:
        raise InputError("numerator_denominator: the table holds several seeds; filter one")
    kinds = compute.select("purpose", "kernel").unique().rows()

    def total(column: str, these: list[tuple[str, str]]) -> pl.Expr:
        chosen = pl.any_horizontal(
            pl.lit(False), *((pl.col("purpose") == p) & (pl.col("kernel") == k) for p, k in these)
        )
        return pl.when(chosen).then(pl.col(column)).otherwise(0.0).sum().cast(pl.Float64)

    sums = {}
    for name in definitions:
        column = COUNTED[name.removesuffix(ON_BOARD_SUFFIX)]
        how = {kind: counts_in(name, *kind) for kind in kinds}
        sums[f"{name} yes"] = total(column, [k for k in kinds if how[k][0] == "yes"])
        sums[f"{name} background"] = total(column, [k for k in kinds if how[k][0] == "background"])
        sums[f"{name} below"] = total(column, [k for k in kinds if how[k][1]])
    by_month = compute.sort("month", maintain_order=True).group_by("month", maintain_order=True).agg(**sums)
    share, out = np.asarray(other_background_share), {}
    for name in definitions:
        yes, background, below = (by_month[f"{name} {part}"].to_numpy() for part in ("yes", "background", "below"))
        out[name] = np.asarray(yes + share * background), np.asarray(below)
    return out


def recorded_pairs(compute: pl.DataFrame, monthly: pl.DataFrame) -> dict[str, tuple[Array, Array]]:
    """Return numerator and denominator of all `DEFINITIONS` by month from a run's tables, compute and monthly.

    Numerators of ``all_ai`` are the recorded monthly shares times the denominator, so that no parameter is needed.
    """
    check_process()
    import polars as pl

    out = numerators_denominators(DEFINITIONS, compute)
    for name, (_, below) in out.items():
        if name.startswith("all_ai"):
            share = monthly[PREFIX + name].cast(pl.Float64).fill_nan(None).fill_null(0.0).to_numpy()
            out[name] = share * below, below
    return out


# Crossover -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Crossover:
    """When inference came to exceed a level for a year.

    `outcome` is ``before_start`` (index = the first date: crossed then or earlier), ``month`` (index = months
    from the start of the run), ``reverted`` (rose above and fell back within the window, every time) or
    ``never``. `provisional`: the run ended before the window could be seen.
    """

    outcome: str
    index: int | None
    provisional: bool

    def month(self, start: str = "2022-01") -> str | None:
        """Return its month 'YYYY-MM' in a run from `start`, None if there is none.

        >>> Crossover("month", 47, False).month()
        '2025-12'
        """
        return None if self.index is None else month_date(self.index, start).isoformat()[:7]


def rolling_share(numerator: Array, denominator: Array, window: int = 12) -> Array:
    """Return R(t), Eq. X.2: sums over the last `window` months of numerator over denominator.

    Parameters
    ----------
    numerator, denominator : (T,) float
        By month; NaN counts as nothing.
    window : int
        Months.

    Returns
    -------
    (T,) float
        NaN before the first full window and where the window's denominator is zero.

    >>> rolling_share(np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 3.0]), 2).tolist()
    [nan, 0.5, 0.5]
    """
    above, below = (np.nan_to_num(np.asarray(x, dtype=np.float64)) for x in (numerator, denominator))
    if above.shape != below.shape or above.ndim != 1:
        raise InputError(f"rolling_share: shapes {above.shape} and {below.shape}, expected two (T,)")
    out = np.full(above.size, np.nan)
    if above.size >= window:
        view = np.lib.stride_tricks.sliding_window_view
        out[window - 1 :] = ratios(view(above, window).sum(axis=1), view(below, window).sum(axis=1))
    return out


def crossover(
    numerator: Array,
    denominator: Array,
    first_month_index: int = 23,
    window: int = 12,
    level: float = PARITY,
) -> Crossover:
    """Return when R(t) rose above a level and stayed there for a window, Eq. X.3.

    A spell is a run of months with R(t) > level. The first spell that reaches into the dates from
    ``first_month_index`` on and lasts ``window`` months, or to the end of the run (provisional), is the
    crossover. It is ``before_start`` if it began before the first date, or at it with nothing defined the
    month before.

    Parameters
    ----------
    numerator, denominator : (T,) float
    first_month_index : int
        First date that counts; 23 is 2023-12 in a run from 2022-01.
    window : int
        Months in R and months to stay above, the first one included.
    level : float
        1/2 for parity, 2/3 for dominance.

    Source: by definition. Twin: tests/reference/measures.py.

    >>> share = np.r_[np.full(40, 0.2), np.full(40, 0.9)]
    >>> crossover(share, np.ones(80))
    Crossover(outcome='month', index=45, provisional=False)
    """
    r = rolling_share(numerator, denominator, window)
    if first_month_index >= r.size:
        return Crossover("never", None, True)
    above = np.concatenate([[False], r > level, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1])
    fell_back = False
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if end <= first_month_index:
            continue
        held = end - begin >= window
        if held or end == r.size:
            unseen = begin == first_month_index and (begin == 0 or math.isnan(r[begin - 1]))
            if begin < first_month_index or unseen:
                return Crossover("before_start", first_month_index, not held)
            return Crossover("month", begin, not held)
        fell_back = True
    return Crossover("reverted" if fell_back else "never", None, False)


def first_index(start: str = "2022-01") -> int:
    """Return the first month that counts for a crossover in a run from `start`: `FIRST_DATE`, or the first full window."""
    return max(month_index(FIRST_DATE, start), 11)


def dominance(numerator: Array, denominator: Array, first_month_index: int = 23) -> Crossover:
    """Return when the share came to exceed two thirds, Eq. X.3 at level 2/3."""
    return crossover(numerator, denominator, first_month_index, level=DOMINANCE)


def crossover_summary(crossings: Sequence[Crossover], start: str = "2022-01") -> dict[str, str | float | None]:
    """Return median, P10, P90 and the share crossed of an ensemble, Eq. X.4.

    Order statistics: the q-quantile of n runs is the ceil(q n)-th earliest; runs that did not cross are later
    than all dates. The median is given only where more than half crossed.

    Parameters
    ----------
    crossings : sequence of Crossover
        One a run; provisional ones count as crossed.
    start : str
        First month of the runs, 'YYYY-MM'.

    Returns
    -------
    dict
        median, low, high : 'YYYY-MM' or None; share_crossed : float. Runs that crossed before the first date
        stand at it.

    >>> runs = [Crossover("month", 47, False), Crossover("month", 50, False), Crossover("never", None, False)]
    >>> summary = crossover_summary(runs)
    >>> summary["median"], summary["low"], summary["high"], round(summary["share_crossed"], 3)
    ('2026-03', '2025-12', None, 0.667)
    """
    if not crossings:
        raise InputError("crossover_summary: no runs")
    n = len(crossings)
    dates = sorted(c.index for c in crossings if c.index is not None)

    def quantile(percent: int) -> str | None:
        rank = max(-(-percent * n // 100), 1)
        return month_date(dates[rank - 1], start).isoformat()[:7] if rank <= len(dates) else None

    median = quantile(50) if 2 * len(dates) > n else None
    return {"median": median, "low": quantile(10), "high": quantile(90), "share_crossed": len(dates) / n}


def crossed_by(crossings: Sequence[Crossover], years: Iterable[int], start: str = "2022-01") -> dict[int, float]:
    """Return the share of runs that crossed by the end of each year, Eq. X.4.

    >>> crossed_by([Crossover("month", 47, False), Crossover("never", None, False)], [2024, 2025])
    {2024: 0.0, 2025: 0.5}
    """
    last = {year: month_index(f"{year}-12", start) for year in years}
    dates = [c.index for c in crossings if c.index is not None]
    return {year: sum(i <= m for i in dates) / max(len(crossings), 1) for year, m in last.items()}


# Degrees and self-sustainability -------------------------------------------------------------


def degree_tail(degree: ArrayLike, k_min: int = 6) -> float:
    """Return the exponent alpha of a degree tail P(k) ~ k^-alpha, k >= k_min, Eq. X.9.

    Maximum likelihood in the continuous approximation, good to about 1 % for ``k_min`` >= 6; biased below it.

    Parameters
    ----------
    degree : (n,) int
    k_min : int >= 1

    Returns
    -------
    float
        NaN with fewer than two nodes in the tail.

    Source: clauset2009, Eq. 3.7. Twin: tests/reference/measures.py.

    >>> round(degree_tail([1, 2, 6, 8, 12, 30]), 3)
    2.361
    """
    k = np.asarray(degree, dtype=np.float64)
    tail = k[k >= k_min]
    return float(1.0 + tail.size / np.log(tail / (k_min - 0.5)).sum()) if tail.size >= 2 else math.nan


def self_sustainability(revenue_usd: ArrayLike, compute_usd: ArrayLike, rd_usd: ArrayLike) -> Array:
    """Return application revenue over compute and R&D cost, Eq. X.10: above 1 the ecosystem pays for itself.

    Source: liang2025 (self-sustainable ecosystem).

    >>> float(self_sustainability(3.0, 2.0, 4.0))
    0.5
    """
    return ratios(revenue_usd, np.asarray(compute_usd, dtype=np.float64) + np.asarray(rd_usd))

"""Splits and accounts: Kaya split of serving FLOP, the hinge in money, accounts of the seven layers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.core.errors import InputError
from model.core.formulas import ratios
from model.core.units import SERVING, WORK

Array = NDArray[np.float64]


# Kaya split ----------------------------------------------------------------------------------------

#: Quantities given, and the factors they make: heads, and each over the one before it.
KAYA_QUANTITIES = ("heads", "tasks", "calls", "tokens", "flop")
KAYA_FACTORS = ("heads", "tasks_per_head", "calls_per_task", "tokens_per_call", "flop_per_token")
KAYA_CLASSES = tuple(w.name for w in WORK[SERVING])
SMALL = 1e-60


def log_mean(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the logarithmic mean L(a, b) = (a - b) / ln(a / b), L(a, a) = a, Eq. X.5.

    Parameters
    ----------
    a, b : float or (...) float > 0

    Source: ang2004lmdi. Twin: tests/reference/measures.py.

    >>> round(float(log_mean(2.0, 1.0)), 6), float(log_mean(3.0, 3.0))
    (1.442695, 3.0)
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    x = np.log(a) - np.log(b)
    near = np.abs(x) < 1e-4
    return np.asarray(np.where(near, (a + b) / 2.0 * (1.0 - x * x / 12.0), (a - b) / np.where(near, 1.0, x)))


def kaya(before: Array, after: Array) -> Array:
    """Return what each factor added to serving FLOP between two dates, by consumer class, Eq. X.5.

    FLOP = heads x tasks per head x calls per task x tokens per call x FLOP per token; a factor that goes from
    x0 to x1 in a class whose FLOP go from V0 to V1 adds L(V1, V0) ln(x1 / x0) (LMDI I, additive): exact,
    without residual.

    Parameters
    ----------
    before, after : (5, C) float >= 0
        Rows `KAYA_QUANTITIES` (totals of a month, not ratios), columns classes, e.g. `KAYA_CLASSES`. A task
        is an attention-hour (embedded), a job-month (standing) or an active hour (robot). Zeros stand for
        1e-60 of the quantity's total over both dates.

    Returns
    -------
    (5, C) float, FLOP
        Rows `KAYA_FACTORS`; the sum is the change of FLOP to 1e-12 of the larger total.

    Source: ang2004lmdi. Twin: tests/reference/measures.py.

    >>> before = np.array([[1.0], [2.0], [2.0], [4.0], [8.0]])
    >>> (kaya(before, before * 2.0)[:, 0].round(9) + 0.0).tolist()
    [8.0, 0.0, 0.0, 0.0, 0.0]
    """
    early, late = (np.asarray(x, dtype=np.float64) for x in (before, after))
    if early.shape != late.shape or early.shape[0] != len(KAYA_QUANTITIES):
        raise InputError(f"kaya: shapes {early.shape} and {late.shape}, expected two (5, classes)")
    total = early.sum(axis=1, keepdims=True) + late.sum(axis=1, keepdims=True)
    floor = SMALL * np.where(total > 0.0, total, 1.0)
    early, late = np.maximum(early, floor), np.maximum(late, floor)
    growth = np.log(late) - np.log(early)  # of the quantities
    factors = np.diff(growth, axis=0, prepend=0.0)
    return np.asarray(log_mean(late[-1], early[-1]) * factors)


# The hinge -----------------------------------------------------------------------------------------


class Hinge(NamedTuple):
    """The quantities that decide the answer in money, by month, (T,) float."""

    rd_to_revenue: Array  # rho
    gross_margin: Array  # m
    serving_cost_to_revenue: Array  # 1 - m
    share_usd_implied: Array  # (1 - m) / (1 - m + rho)
    equity_to_revenue: Array
    growth_implied: Array  # G = rho / (eta m)


def hinge(
    rd_usd: ArrayLike,
    revenue_usd: ArrayLike,
    gross_profit_usd: ArrayLike,
    equity_usd: ArrayLike = np.nan,
    gross_profit_elasticity: ArrayLike = np.nan,
) -> Hinge:
    """Return rho, m, 1 - m, the inference share they imply, and G, Eq. X.6.

    Where the cost of revenue is serving compute and R&D is compute, the share of inference in the compute
    bill is (1 - m) / (1 - m + rho), above one half exactly when rho < 1 - m. A lab that maximises profit sets
    rho = eta m G.

    Parameters
    ----------
    rd_usd, revenue_usd, gross_profit_usd, equity_usd : float or (T,) float
        Of all labs in the month; equity raised.
    gross_profit_elasticity : float or (T,) float
        eta, elasticity of gross profit to capability, as the labs see it.

    Returns
    -------
    Hinge
        NaN where revenue is zero.

    Source: by definition of the accounts, and the first-order condition rho = eta m G. Twin: tests/reference/measures.py.

    >>> h = hinge(70.0, 100.0, 60.0, gross_profit_elasticity=0.5)
    >>> round(float(h.share_usd_implied), 6), round(float(h.growth_implied), 6)
    (0.363636, 2.333333)
    """
    rho, margin = ratios(rd_usd, revenue_usd), ratios(gross_profit_usd, revenue_usd)
    cost = 1.0 - margin
    return Hinge(
        rho,
        margin,
        cost,
        ratios(cost, cost + rho),
        ratios(equity_usd, revenue_usd),
        ratios(rho, np.asarray(gross_profit_elasticity) * margin),
    )


def hinge_identity(
    serving_usd: ArrayLike,
    research_usd: ArrayLike,
    revenue_usd: ArrayLike,
    gross_profit_usd: ArrayLike,
    other_cost_of_revenue_usd: ArrayLike = 0.0,
    serving_by_others_usd: ArrayLike = 0.0,
) -> tuple[Array, Array]:
    """Return the inference share of the compute bill and the same through the hinge, Eq. X.7.

    With M_V the money paid for serving compute and M_RD for R&D compute (as compute.parquet counts it), Y
    revenue of the labs, O their cost of revenue that is not compute, X serving compute that others than labs
    pay (self-hosted open weights), and the books' gross profit = Y - (M_V - X) - O: M_V / Y = 1 - m - o + x
    with o = O / Y, x = X / Y, so that

        M_V / (M_V + M_RD) = (1 - m - o + x) / (1 - m - o + x + rho_compute),

    above 1/2 if and only if rho_compute < 1 - m - o + x.

    Hence "rho < 1 - m" is exact only if o = x, and if rho counts compute alone: research wages and equipment
    inside rho make the plain rule understate inference. It is a statement about money; hours are bought at
    different prices by class (batch .5, reserved .8 of contract), so hours cross one half at another date.

    Parameters
    ----------
    serving_usd, research_usd, revenue_usd, gross_profit_usd : float or (T,) float
        M_V, M_RD, Y and the books' gross profit.
    other_cost_of_revenue_usd, serving_by_others_usd : float or (T,) float
        O and X.

    Returns
    -------
    (T,) float, (T,) float
        Equal, to rounding, if and only if the books follow the accounting above.

    Twin: tests/reference/measures.py.

    >>> direct, through = hinge_identity(40.0, 30.0, 100.0, 55.0, 5.0)
    >>> round(float(direct), 9) == round(float(through), 9)
    True
    """
    y = np.asarray(revenue_usd, dtype=np.float64)
    margin, rho = ratios(gross_profit_usd, y), ratios(research_usd, y)
    served = 1.0 - margin - ratios(other_cost_of_revenue_usd, y) + ratios(serving_by_others_usd, y)
    direct = ratios(serving_usd, np.asarray(serving_usd, dtype=np.float64) + np.asarray(research_usd))
    return direct, ratios(served, served + rho)


def doubling_days(early: ArrayLike, late: ArrayLike, days: ArrayLike) -> Array:
    """Return the days in which a quantity doubled on its way from `early` to `late`, Eq. X.13; infinite where it stood still.

    >>> round(float(doubling_days(60.0, 240.0, 365.0)), 1)
    182.5
    """
    growth = np.log2(np.asarray(late, dtype=np.float64)) - np.log2(np.asarray(early, dtype=np.float64))
    moved = growth != 0.0
    return np.asarray(np.where(moved, np.asarray(days) / np.where(moved, growth, 1.0), np.inf))


# Accounts of the seven layers ----------------------------------------------------------------------

LAYERS = ("physical", "link", "neural", "context", "agent", "orchestrator", "application")
#: Sectors that produce, and their layer (0-based); labs are split between the neural and the context layer.
SECTOR_LAYER = {
    "hardware_suppliers": 0,
    "energy_suppliers": 0,
    "providers": 1,
    "labs": 2,
    "ai_agents": 4,
    "orchestrators": 5,
    "applications": 6,
}
#: Payments for machines are capital formation, that is final demand, not an input of the month.
CAPITAL_PAYEES = frozenset({"hardware_suppliers"})
#: Layer that orders the work of a class (0-based).
WORK_LAYER = {
    "assistant": 2,
    "delegated": 4,
    "standing": 4,
    "embedded": 6,
    "robot_cloud": 4,
    "ranking": 6,
    "other": 0,
    "final_run": 2,
    "experiment": 2,
    "rl_rollout": 2,
    "synthetic_data": 2,
    "research_automation": 2,
    "robot_on_board": 4,
    "device": 2,
}


class StackAccounts(NamedTuple):
    """A month's accounts, (7,) float each, in the order of `LAYERS`; and what final demand paid."""

    value_added_usd: Array
    cost_usd: Array
    flop: Array
    energy_kwh: Array
    final_demand_usd: float


def stack_accounts(
    flows: Iterable[tuple[str, str, str, float]],
    flop: Array,
    energy_kwh: Array,
    context_share: Array,
    orchestration_share: Array,
    context_revenue_share: float,
    transfers: Collection[str] = (),
    refunds: Collection[str] = (),
    idle_energy_kwh: float = 0.0,
    more_sectors: Mapping[str, int] | None = None,
) -> StackAccounts:
    """Return value added, cost, FLOP and energy by layer, Eq. X.11 and X.12.

    Money: a producing sector's output is what it is paid, its cost what it pays other producers this month,
    its value added the difference. Machines are capital formation: final demand for the physical layer, no
    cost of the provider. So value added over layers is what final demand (households, robot owners, parents,
    rest of world, investment) pays producers, exactly. Wages, dividends, taxes are uses of value added. The
    physical layer makes machines and power, the link layer (providers) joins and lets them, labs are split by
    the share of token revenue that comes from reading.

    Work: FLOP and energy go to the layer that orders them, but reading the context is the context layer's and
    examining candidates the orchestrators'; idle machines' energy is the physical layer's. The link layer
    moves bytes, no FLOP.

    Parameters
    ----------
    flows : iterable of (payer, payee, item, usd)
        A closed month of the ledger.
    flop, energy_kwh : (U,) float
    context_share, orchestration_share : (U,) float in [0, 1]
        Share of each class's work spent on reading fresh and cached tokens, and on examining candidates; sum
        <= 1.
    context_revenue_share : float in [0, 1]
        Share of the labs' token revenue paid for fresh and cached tokens.
    transfers : collection of str
        Items that buy nothing (equity, parents' cash, income): left out, as payments by or to investors.
    refunds : collection of str
        Items that give final demand back what it paid (wallets): taken off output.
    idle_energy_kwh : float
        Energy of machines that stood idle, if not in `energy_kwh`.
    more_sectors : mapping, optional
        Layer (0-based) of sectors beside those of `SECTOR_LAYER`.

    Returns
    -------
    StackAccounts
        Value added sums to `final_demand_usd`, FLOP and energy to the totals given.

    Source: own assumption: value-added accounts of national accounting laid over liang2025's layers.
    Twin: tests/reference/measures.py.

    >>> none = np.zeros(len(WORK))
    >>> month = [("humans", "labs", "tokens", 9.0), ("labs", "providers", "hours", 4.0)]
    >>> a = stack_accounts(month, none, none, none, none, context_revenue_share=0.25)
    >>> a.value_added_usd.tolist(), a.final_demand_usd
    ([0.0, 4.0, 3.75, 1.25, 0.0, 0.0, 0.0], 9.0)
    """
    read, examined = (np.asarray(x, dtype=np.float64) for x in (context_share, orchestration_share))
    if np.any(read < 0.0) or np.any(examined < 0.0) or np.any(read + examined > 1.0 + 1e-9):
        raise InputError("stack_accounts: context and orchestration shares must be >= 0 with a sum <= 1")
    if not 0.0 <= context_revenue_share <= 1.0:
        raise InputError(f"stack_accounts: context_revenue_share = {context_revenue_share}: outside [0, 1]")
    layer = SECTOR_LAYER | dict(more_sectors or {})
    output, cost, final = np.zeros(len(LAYERS)), np.zeros(len(LAYERS)), 0.0
    for payer, payee, item, usd in flows:
        if item in transfers or "investors" in (payer, payee):
            continue
        if item in refunds and payer in layer and payee not in layer:
            output[layer[payer]] -= usd
            final -= usd
        elif payee in layer:
            output[layer[payee]] += usd
            if payer in layer and payee not in CAPITAL_PAYEES:
                cost[layer[payer]] += usd
            else:
                final += usd
    for column in (output, cost):
        of_labs = context_revenue_share * column[2]
        column[3] += of_labs
        column[2] -= of_labs
    amount = np.stack([np.asarray(flop, dtype=np.float64), np.asarray(energy_kwh, dtype=np.float64)], axis=1)
    work = np.zeros((len(LAYERS), amount.shape[1]))
    np.add.at(work, [WORK_LAYER[w.name] for w in WORK], (1.0 - read - examined)[:, None] * amount)
    work[3] += read @ amount
    work[5] += examined @ amount
    work[0, 1] += idle_energy_kwh
    return StackAccounts(output - cost, cost, work[:, 0], work[:, 1], float(final))

"""Take-or-pay contracts of labs for accelerator-hours: signed on plans, paid whatever is used, lost when a lab fails."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.lab.params import LabParams

Array = NDArray[np.float64]


def contract_price(price_usd: float, change_per_year: float, interest_per_year: float, p: LabParams) -> float:
    """Return the price of an hour in a new contract, Eq. L.15: worth as much as the market's prices over its life.

    Hours of a contract end at the rate ``1/n``; the market's price is expected to change at the rate ``d`` of machines'
    prices: ``P = p (1/n + r)/(1/n + r - d)``.

    Parameters
    ----------
    price_usd : float
        Contract price of the market today.
    change_per_year : float
        Expected change of machines' prices.
    interest_per_year : float
    p : LabParams

    >>> round(contract_price(2.0, 0.0, 0.1, LabParams()), 6)
    2.0
    """
    rate = 1.0 / p.contract_months + interest_per_year / 12.0
    return price_usd * rate / max(rate - change_per_year / 12.0, 0.1 * rate)


class Signed(NamedTuple):
    """Contracts after a month, by lab."""

    hours: Array  # (L,) a month
    usd_per_h: Array  # (L,) mean price
    ended_usd: Array  # (L,) value of hours that ended
    signed_usd: Array  # (L,) value of hours that were added


def outstanding(hours: Array, usd_per_h: Array, p: LabParams) -> Array:
    """Return what is still to be paid under contracts, undiscounted, USD, (L,), Eq. L.17: hours end at the rate ``1/n``."""
    return np.asarray(hours * usd_per_h * p.contract_months)


def sign(hours: Array, usd_per_h: Array, planned_hours: Array, new_usd: float, p: LabParams) -> Signed:
    """Return contracts after a month, Eq. L.16: a part ends, and labs add what their plans lack of the part they contract.

    Parameters
    ----------
    hours, usd_per_h : (L,) float
        Contracts before.
    planned_hours : (L,) float
        Hours a month that the lab expects to use when what is ordered now works.
    new_usd : float
        Price of Eq. L.15.
    p : LabParams

    >>> done = sign(np.array([36.0]), np.array([2.0]), np.array([80.0]), 1.0, LabParams(contracted_share=0.5))
    >>> done.hours.tolist(), done.usd_per_h.round(3).tolist()
    ([40.0], [1.881])
    """
    left = hours * (1.0 - 1.0 / p.contract_months)
    added = np.maximum(p.contracted_share * planned_hours - left, 0.0)
    now = left + added
    price = np.where(now > 0.0, (left * usd_per_h + added * new_usd) / np.where(now > 0.0, now, 1.0), usd_per_h)
    ended = outstanding(hours - left, usd_per_h, p)
    return Signed(now, price, ended, outstanding(added, np.full(hours.shape, new_usd), p))

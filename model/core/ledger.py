"""Double-entry books: money and, as a second instrument, claims at book value, between sectors."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.checks import LawBreach, Laws
from model.core.errors import unknown

SECTORS = (
    "humans",
    "ai_agents",
    "robot_owners",
    "applications",
    "orchestrators",
    "labs",
    "providers",
    "parents",
    "hardware_suppliers",
    "energy_suppliers",
    "investors",
    "rest_of_world",
)
INDEX = {name: i for i, name in enumerate(SECTORS)}


class MonthBooks(NamedTuple):
    """A closed month: flows (payer, payee, item, usd) and the balances after them."""

    flows: list[tuple[str, str, str, float]]
    money_usd: NDArray[np.float64]
    equity_usd: NDArray[np.float64]


class Ledger:
    """The books of all sectors. Every payment has a payer and a payee; claims have an issuer and a holder.

    >>> books = Ledger({"labs": 5.0}, {})
    >>> books.pay("labs", "providers", "hours", 2.0)
    >>> month = books.close("2022-01", Laws())
    >>> float(books.money("labs")), float(books.money("providers"))
    (3.0, 2.0)
    """

    def __init__(self, money: dict[str, float], equity: dict[str, float], more: tuple[str, ...] = ()) -> None:
        """Open the books, `more` sectors last; rest_of_world takes the residual of each instrument."""
        self.sectors = SECTORS + more
        self._place = {name: i for i, name in enumerate(self.sectors)}
        self.money_usd = self._opening(money)
        self.equity_usd = self._opening(equity)
        self._flows: dict[tuple[str, str, str], float] = {}
        self._claims: dict[tuple[str, str], float] = {}
        self.shut_to = ""  # the step at work, if it does not declare that it posts

    def _opening(self, given: dict[str, float]) -> NDArray[np.float64]:
        column = np.zeros(len(self.sectors))
        for name, usd in given.items():
            column[self._place[name]] = usd
        column[INDEX["rest_of_world"]] -= column.sum()
        return column

    def money(self, sector: str) -> float:
        """Return the money a sector held when the month began."""
        return float(self.money_usd[self._place[sector]])

    def pay(self, payer: str, payee: str, item: str, usd: float) -> None:
        """Record a payment of `usd` >= 0 from `payer` to `payee` for `item`."""
        self._check_open()
        for sector in (payer, payee):
            if sector not in self._place:
                raise unknown("sector", sector, self.sectors)
        usd = float(usd)
        if not (usd >= 0.0 and math.isfinite(usd)):
            raise LawBreach("payments are finite and not negative", "this month", f"{payer} to {payee} for {item}", usd)
        if usd:
            where = (payer, payee, item)
            self._flows[where] = self._flows.get(where, 0.0) + usd

    def _check_open(self) -> None:
        if self.shut_to:
            raise PermissionError(f"step '{self.shut_to}' does not declare that it changes 'ledger'")

    def net(self, sector: str) -> float:
        """Return receipts minus payments of a sector so far this month."""
        flows = self._flows.items()
        return math.fsum(usd * ((payee == sector) - (payer == sector)) for (payer, payee, _), usd in flows)

    def issue(self, issuer: str, holder: str, usd: float) -> None:
        """Record a claim of `usd` at book value: the issuer owes it, the holder owns it (negative: taken back, written off)."""
        self._check_open()
        where = (issuer, holder)
        self._claims[where] = self._claims.get(where, 0.0) + float(usd)

    def write_off(self, issuer: str, holder: str, usd: float) -> None:
        """Take back a claim."""
        self.issue(issuer, holder, -usd)

    def close(self, month: str, laws: Laws) -> MonthBooks:
        """Post the month, check the laws of money and claims, and return the books."""
        before = self.money_usd.copy()
        paid, received, place = np.zeros(len(self.sectors)), np.zeros(len(self.sectors)), self._place
        flows = [(a, b, item, usd) for (a, b, item), usd in sorted(self._flows.items())]
        for payer, payee, _, usd in flows:
            self.money_usd[place[payer]] -= usd
            self.money_usd[place[payee]] += usd
            paid[place[payer]] += usd
            received[place[payee]] += usd
        for (issuer, holder), usd in sorted(self._claims.items()):
            self.equity_usd[place[issuer]] -= usd
            self.equity_usd[place[holder]] += usd
        scale = float(np.abs(self.money_usd).sum() + paid.sum())
        for i, name in enumerate(self.sectors):
            change = float(self.money_usd[i] - before[i])
            laws.require_zero(
                "money: change of a sector = receipts - payments",
                month,
                name,
                change - float(received[i] - paid[i]),
                scale,
            )
        laws.require_zero("money: sectors sum to zero", month, "all", float(self.money_usd.sum()), scale)
        laws.require_zero(
            "equity: sectors sum to zero",
            month,
            "all",
            float(self.equity_usd.sum()),
            float(np.abs(self.equity_usd).sum()) + 1.0,
        )
        self._flows, self._claims = {}, {}
        return MonthBooks(flows, self.money_usd.copy(), self.equity_usd.copy())

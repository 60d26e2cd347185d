"""Rules by which labs decide how much to invest in research: one class each, mixable across labs.

A new rule is one class with a name, decorated with `register`, here or in a file or notebook of yours; scenarios then know it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, TypeVar

from model.core.params import Registry, enter
from model.core.units import LAB_CLASSES

#: Research uses, the order of LAB_USES.
USES = LAB_CLASSES


class Seen(NamedTuple):
    """What a lab knows when it decides next month's budget: its accounts, its rivals' wishes, prices, the calendar.

    Money is USD a month; accounts are smoothed over a quarter.
    """

    profit_usd: float  # research spending at which its expected discounted gross profit is largest (Eq. L.4)
    revenue_usd: float
    serving_usd: float
    rd_usd: float  # this month's budget
    belief_usd: float  # revenue it counts on (Eq. L.1)
    leader_usd: float  # largest `profit_usd` of all labs
    compute_share: float  # of research spending
    month: str  # 'YYYY-MM' in which the budget will be spent
    factors: tuple[float, ...]  # price of an hour of each of USES over that of serving


class Rule(ABC):
    """An investment rule."""

    name: ClassVar[str]
    #: Sets the split by construction; not for a baseline that is to find it.
    prescribed: ClassVar[bool] = False

    @abstractmethod
    def wanted_usd(self, seen: Seen) -> float:
        """Return the research spending a lab wants, USD a month."""

    def uses(self, month: str) -> tuple[float, ...] | None:
        """Return prescribed hours of each of USES per hour of serving in a month, None where labs decide (Eq. L.7)."""
        return None


RULES = Registry()
_Rule = TypeVar("_Rule", bound=type[Rule])


def register(kind: _Rule) -> _Rule:
    """Make a rule known by its name."""
    enter(RULES, kind)
    return kind


@register
class Profit(Rule):
    """Spend until the marginal expected discounted gross profit equals cost: the baseline."""

    name = "profit"

    def wanted_usd(self, seen: Seen) -> float:
        """Return ``eta m G`` of the revenue counted on, Eq. L.4."""
        return seen.profit_usd


@register
class Race(Rule):
    """Keep up with the lab that wants to spend most, whatever it earns."""

    name = "race"

    def wanted_usd(self, seen: Seen) -> float:
        """Return at least .8 of the leader's wish, Eq. L.4b."""
        return max(seen.profit_usd, 0.8 * seen.leader_usd)


@register
class Erdil(Rule):
    """Spend as much on research compute as on serving: the optimum of an even exchange.

    Source: erdil2024.
    """

    name = "erdil"
    prescribed = True

    def wanted_usd(self, seen: Seen) -> float:
        """Return the cost of serving, staff added, Eq. L.4c."""
        return max(seen.serving_usd, 1e-3 * seen.rd_usd) / seen.compute_share


@register
class RevenueShare(Rule):
    """Spend .7 of revenue.

    Source: observations openai_rd_compute_spend.
    """

    name = "revenue_share"
    prescribed = True

    def wanted_usd(self, seen: Seen) -> float:
        """Return .7 of revenue or of what the lab counts on, Eq. L.4d."""
        return 0.7 * max(seen.revenue_usd, seen.belief_usd)


class Allotment(NamedTuple):
    """Parts of a lab's hours in a period, per cent."""

    first: str  # 'YYYY-MM'
    training: float
    pretraining: float  # of training; the rest is post-training, roll-outs here
    synthetic: float
    experiments: float
    automation: float
    external: float
    monitoring: float


#: AI-2027's table for the leading lab; its columns of 2027q2 and 2027q3 sum to 99.
AI2027 = {
    "2024": Allotment("2024-01", 40, 60, 20, 4, 1, 33, 2),
    "2025": Allotment("2025-01", 40, 50, 20, 5, 3, 30, 2),
    "2026": Allotment("2026-01", 40, 40, 20, 6, 4, 28, 2),
    "2027q1": Allotment("2027-01", 30, 10, 27, 14, 6, 20, 3),
    "2027q2": Allotment("2027-04", 27, 8, 23, 21, 6, 19, 3),
    "2027q3": Allotment("2027-07", 22, 5, 22, 28, 6, 18, 3),
    "2027q4": Allotment("2027-10", 20, 5, 22, 35, 6, 13, 4),
}


@register
class Schedule(Rule):
    """Divide the lab's hours as AI-2027's table says; the profit rule before it begins, its last row after it.

    Source: ai2027.
    """

    name = "schedule"
    prescribed = True

    def wanted_usd(self, seen: Seen) -> float:
        """Return what the scheduled hours cost at last month's serving, staff added, Eq. L.4e."""
        hours = self.uses(seen.month)
        if hours is None:
            return seen.profit_usd
        compute = seen.serving_usd * math.fsum(h * f for h, f in zip(hours, seen.factors, strict=True))
        return compute / seen.compute_share

    def uses(self, month: str) -> tuple[float, ...] | None:
        """Return hours of each use per hour of external deployment; monitoring is automation's, Eq. L.7b."""
        row = next((r for r in reversed(AI2027.values()) if r.first <= month), None)
        if row is None:
            return None
        pretraining = row.pretraining / 100.0
        parts = (row.training * pretraining, row.experiments, row.training * (1.0 - pretraining), row.synthetic)
        return tuple(x / row.external for x in (*parts, row.automation + row.monitoring))

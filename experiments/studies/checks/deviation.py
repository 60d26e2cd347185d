"""Labs that do otherwise than they decide: steps of the month put around their decision, so that the model stays as it is.

Before labs decide, the deviating ones find their own last decision again; after it, what they will spend is changed. So a factor does
not compound, and all the lab learns, earns and raises is that of a lab which spends so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from model.core.steps import Step, Steps
from model.core.units import LAB_CLASSES, month_date

DECISION = "invest"  # the step in which labs decide


class Deviation(NamedTuple):
    """Who deviates, in which months of spending ('YYYY-MM', both in), by which factor.

    `use` is one of labs' uses, whose weight among the uses is multiplied while the budget stays; "" multiplies the budget.
    """

    labs: tuple[str, ...]
    first: str
    last: str
    factor: float
    use: str = ""

    def at(self, month: str) -> bool:
        """Return whether labs deviate in a month."""
        return self.first <= month <= self.last


def reweighted(split: Any, use: int, factor: float) -> Any:
    """Return shares of uses with the weight of one multiplied; rows still add to one.

    >>> reweighted(np.array([[0.5, 0.25, 0.25]]), 0, 0.5).round(3).tolist()
    [[0.333, 0.333, 0.333]]
    """
    weights = np.array(split)
    weights[:, use] *= factor
    return weights / weights.sum(axis=1, keepdims=True)


def deviating(steps: Steps, deviation: Deviation) -> Steps:
    """Return a month in which some labs deviate from what they decide.

    Parameters
    ----------
    steps : Steps
        With a step `DECISION`.
    deviation : Deviation
    """
    own: dict[str, Any] = {}

    def remember(e: Any) -> None:
        """Deviating labs decide on from what they decided themselves."""
        rows = _rows(e, deviation.labs)
        if "budget" in own:
            e.labs.rd_usd[rows] = own.pop("budget")
        if "split" in own:
            e.state.labs.research_split = _with(e.state.labs.research_split, rows, own.pop("split"))

    def deviate(e: Any) -> None:
        """Deviating labs spend next month otherwise than they decided."""
        if not deviation.at(month_date(e.month + 1, e.settings.start).isoformat()[:7]):
            return
        rows = _rows(e, deviation.labs)
        if not deviation.use:
            own["budget"] = e.labs.rd_usd[rows].copy()
            e.labs.rd_usd[rows] *= deviation.factor
            return
        own["split"] = e.state.labs.research_split[rows].copy()
        other = reweighted(own["split"], LAB_CLASSES.index(deviation.use), deviation.factor)
        e.state.labs.research_split = _with(e.state.labs.research_split, rows, other)

    changes = ("labs", "state.labs")
    steps = steps.before(DECISION, Step("remember own decisions", remember, changes))
    return steps.after(DECISION, Step("deviate", deviate, changes))


def _rows(e: Any, labs: Sequence[str]) -> list[int]:
    return [e.opening.lab_names.index(name) for name in labs]


def _with(split: Any, rows: list[int], values: Any) -> Any:
    changed = np.array(split)
    changed[rows] = values
    return changed

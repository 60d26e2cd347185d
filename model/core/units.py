"""Units, months, work classes and reductions that do not depend on how rows are cut."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.core.errors import InputError, shown

HOURS_PER_MONTH = 730.0
HOURS_PER_YEAR = 8760.0
SECONDS_PER_HOUR = 3600.0
MONTHS_PER_YEAR = 12
H100_FLOP_PER_S = 9.89e14
BLOCK = 16_384
_GROUP = 128


@dataclass(frozen=True)
class WorkClass:
    """One class of work on accelerators: a row of the U axis."""

    name: str
    purpose: str
    consumer: str
    kernel: str
    tier: str


WORK: tuple[WorkClass, ...] = (
    WorkClass("assistant", "serving", "human", "forward_only", "interactive"),
    WorkClass("delegated", "serving", "ai_agent", "forward_only", "interactive"),
    WorkClass("standing", "serving", "ai_agent", "forward_only", "deferrable"),
    WorkClass("embedded", "serving", "application", "forward_only", "interactive"),
    WorkClass("robot_cloud", "serving", "robot", "forward_only", "interactive"),
    WorkClass("ranking", "ranking", "application", "forward_only", "interactive"),
    WorkClass("other", "other", "other", "with_backprop", "steady"),
    WorkClass("final_run", "final_run", "lab", "with_backprop", "steady"),
    WorkClass("experiment", "experiment", "lab", "with_backprop", "deferrable"),
    WorkClass("rl_rollout", "rl_rollout", "lab", "forward_only", "deferrable"),
    WorkClass("synthetic_data", "synthetic_data", "lab", "forward_only", "deferrable"),
    WorkClass("research_automation", "research_automation", "lab", "forward_only", "deferrable"),
    WorkClass("robot_on_board", "on_board", "robot", "forward_only", "own"),
    WorkClass("device", "on_board", "human", "forward_only", "own"),
)
U: dict[str, int] = {w.name: i for i, w in enumerate(WORK)}
#: Names along the other fixed axes: serving classes (S), tiers of nets (T), kinds of tokens (Q), labs' uses (X), providers' work (W).
SERVING_CLASSES = tuple(w.name for w in WORK if w.purpose == "serving")
TIERS = ("frontier", "small")
TOKEN_KINDS = ("fresh", "cached", "generated")
#: The two halves of the day, twelve hours each: work that can wait bids for what the peak leaves.
DAY_BLOCKS = ("peak", "valley")
LAB_CLASSES = tuple(w.name for w in WORK if w.consumer == "lab")
LEGACY = ("ranking", "other")  # the incumbents' work
PROVIDER_CLASSES = tuple(w.name for w in WORK if w.purpose != "on_board")
#: Places along these axes.
ASSISTANT, DELEGATED, STANDING, EMBEDDED, ROBOT = range(len(SERVING_CLASSES))
FRONTIER, SMALL = range(len(TIERS))
FRESH, CACHED, GENERATED = range(len(TOKEN_KINDS))
INPUT = slice(FRESH, GENERATED)  # kinds of tokens that are read
SERVING = slice(0, len(SERVING_CLASSES))
PROVIDER_RUN = slice(0, len(PROVIDER_CLASSES))
LAB_USES = slice(U[LAB_CLASSES[0]], U[LAB_CLASSES[-1]] + 1)
ON_BOARD = slice(PROVIDER_RUN.stop, len(WORK))


def block_sum(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum over axis 0, the same bits for any chunking and any number of trailing zero rows.

    Rows are added in groups of 128, groups in blocks of 128 groups (16,384 rows), blocks in order.

    Parameters
    ----------
    x : (n,) or (n, m) float

    Returns
    -------
    () or (m,) float

    >>> float(block_sum(np.ones(300)))
    300.0
    """
    total: NDArray[np.float64] = np.add.accumulate(block_partials(x), axis=0)[-1]  # in order; reduce would add in pairs
    return total


def block_partials(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the partial sums of each block of 16,384 rows, (blocks,) or (blocks, m)."""
    return _fold(_fold(x))


def _fold(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.ascontiguousarray(x, dtype=np.float64)  # the order of addition follows the layout in memory
    n, rest = x.shape[0], x.shape[1:]
    whole, groups = n // _GROUP, max(-(-n // _GROUP), 1)
    parts = np.empty((groups, *rest))
    np.add.reduce(x[: whole * _GROUP].reshape(whole, _GROUP, *rest), axis=1, out=parts[:whole])
    if whole < groups:
        last = np.zeros((1, _GROUP, *rest))
        last[0, : n - whole * _GROUP] = x[whole * _GROUP :]
        np.add.reduce(last, axis=1, out=parts[whole:])
    return parts


class RowSums:
    """Weighted sums over rows of named quantities, taken strip by strip.

    Rows are added in groups, blocks and order as in `block_sum`: on one type of processor the same bits for any strips and
    any trailing zero rows.

    Parameters
    ----------
    names : sequence of str
    rows : int

    >>> sums = RowSums(("people", "hours"), 3)
    >>> sums.strip(0, 3, np.array([1.0, 2.0, 3.0]))
    >>> sums.add("people", 1.0)
    >>> sums.add("hours", np.array([1.0, 0.0, 1.0]))
    >>> sums.total()
    {'people': 6.0, 'hours': 4.0}
    """

    def __init__(self, names: Sequence[str], rows: int) -> None:
        shape = (max(-(-rows // BLOCK), 1), BLOCK // _GROUP)
        self._groups = {name: np.zeros(shape) for name in names}
        self._first, self._rows = 0, 0
        self._weight = np.zeros((0, _GROUP))  # of the strip, padded to whole groups
        self._padded = np.zeros((0, _GROUP))

    def strip(self, start: int, rows: int, weight: NDArray[np.float64] | float = 1.0) -> None:
        """Go to so many rows from `start` on, a multiple of 128; they count times `weight`, (rows,) or one for all."""
        self._first, self._rows = start // _GROUP, rows
        groups = -(-rows // _GROUP)
        if len(self._padded) != groups:
            self._weight, self._padded = np.zeros((groups, _GROUP)), np.zeros((groups, _GROUP))
        self._weight.reshape(-1)[:rows] = weight
        self._weight.reshape(-1)[rows:] = 0.0

    def add(self, name: str, column: NDArray[np.float64] | float) -> None:
        """Add the strip's rows of a quantity, (n,) or one value for all."""
        if isinstance(column, np.ndarray) and column.size == self._padded.size and column.flags.c_contiguous:
            x = column.reshape(-1, _GROUP)
        else:
            self._padded.reshape(-1)[: self._rows] = column
            x = self._padded
        parts = self._groups[name].reshape(-1)[self._first : self._first + len(x)]
        np.vecdot(x, self._weight, out=parts)

    def total(self) -> dict[str, float]:
        """Return the sums by name."""
        return {name: float(np.add.accumulate(g.sum(axis=1))[-1]) for name, g in self._groups.items()}


def month_index(text: str, start: str = "2022-01", what: str = "month") -> int:
    """Return months from `start` to `text`, both 'YYYY-MM'; a refusal says `what` held the text.

    >>> month_index("2023-02")
    13
    """
    return _ordinal(text, what) - _ordinal(start)


def month_date(index: int, start: str = "2022-01") -> dt.date:
    """Return the first day of month `index`.

    >>> month_date(13).isoformat()
    '2023-02-01'
    """
    year, month = divmod(_ordinal(start) + index, 12)
    return dt.date(year, month + 1, 1)


def _ordinal(text: str, what: str = "month") -> int:
    found = _parsed(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"{what} = {shown(text)}: must be 'YYYY-MM', for instance '2025-06'")
    return found


@functools.lru_cache(4096)
def _parsed(text: str) -> int | None:
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})", text)
    return int(found[1]) * 12 + int(found[2]) - 1 if found and 1 <= int(found[2]) <= 12 else None


def fmt(x: float, unit: str = "") -> str:
    """Return a number as people read it.

    >>> fmt(1.3e15, "token")
    '1.3e+15 token'
    """
    text = f"{x:,.4g}" if 1e-3 <= abs(x) < 1e6 or x == 0 else f"{x:.2g}"
    return f"{text} {unit}".strip()


def percent(x: float | None, form: str = ".0f") -> str:
    """Return a share in per cent, "-" where there is none.

    >>> percent(0.125), percent(0.125, ".1f"), percent(None)
    ('12 %', '12.5 %', '-')
    """
    return "-" if x is None else f"{100.0 * x:{form}} %"

"""A published result as data: what is claimed, what our own functions give, how close is close enough.

Three classes, counted apart: that a formula is coded right says nothing about whether the economy is like the world.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Values = float | Mapping[str, float]
Plain = float | dict[str, float | None] | None
Kind = Literal["relative", "absolute", "exact"]
Class = Literal["formula", "invariant", "fact"]

#: Said of a formula that stands beside the economy.
BESIDE = "the economy itself does not call this"
#: The classes in words, in the order in which they are told.
CLASSES: dict[Class, str] = {
    "formula": "formulas and theorems",
    "invariant": "own invariants",
    "fact": "facts of the economy",
}
VERDICTS = ("pass", "soft", "fail")


@dataclass(frozen=True)
class Row:
    """One published result.

    `tolerance` is one for all values or one a name; values named in `at_most` are limits, not to be exceeded at all. A fact of
    the economy may be missed and says so (`soft`); a formula or an invariant that is missed has failed.
    """

    id: str
    claim: str
    source: str
    expected: Values
    tolerance: Values
    kind: Kind
    why: str
    compute: Callable[[], Values]
    group: Class = "formula"
    at_most: frozenset[str] = frozenset()

    def check(self) -> dict[str, Any]:
        """Return id, class, claim, expected, obtained, tolerance, source, verdict and what missed as plain values, null where undefined."""
        obtained, expected = self.compute(), self.expected
        found = _named(obtained)
        missed = [
            name or "value"
            for name, value in _named(expected).items()
            if name not in found or not self._close(name, value, found[name])
        ]
        good = not missed and _named(expected).keys() == found.keys()
        return {
            "id": self.id,
            "class": self.group,
            "claim": self.claim,
            "expected": _plain(expected),
            "obtained": _plain(obtained),
            "tolerance": self.tolerance_text,
            "source": self.source,
            "verdict": "pass" if good else "soft" if self.group == "fact" else "fail",
            "missed": missed,
        }

    @property
    def tolerance_text(self) -> str:
        """Return the tolerance in words."""
        sizes = [f"{name} {size:g}".strip() for name, size in _named(self.tolerance).items()]
        size = "exact" if self.kind == "exact" else f"{', '.join(sizes)} {self.kind}"
        if self.at_most:
            size += f"; at most: {', '.join(sorted(self.at_most))}"
        return f"{size} ({self.why})" if self.why else size

    def _close(self, name: str, expected: float, obtained: float) -> bool:
        if name in self.at_most:
            return obtained <= expected
        tolerance = self.tolerance[name] if isinstance(self.tolerance, Mapping) else self.tolerance
        bound = tolerance * (abs(expected) if self.kind == "relative" else 1.0)
        return math.isfinite(obtained) and abs(obtained - expected) <= (
            1e-9 * abs(expected) if self.kind == "exact" else bound
        )


ROWS: list[Row] = []


def row(
    id: str,
    claim: str,
    source: str,
    expected: Values,
    tolerance: Values = 0.0,
    kind: Kind = "relative",
    why: str = "",
    group: Class = "formula",
    at_most: Iterable[str] = (),
) -> Callable[[Callable[[], Values]], Callable[[], Values]]:
    """Register a published result; the function under it returns what the model gives."""

    def add(compute: Callable[[], Values]) -> Callable[[], Values]:
        ROWS.append(Row(id, claim, source, expected, tolerance, kind, why, compute, group, frozenset(at_most)))
        return compute

    return add


def counts(rows: Sequence[Mapping[str, Any]]) -> dict[Class, dict[str, int]]:
    """Return how many checked rows of each class have each verdict."""
    return {
        group: {v: sum(r["class"] == group and r["verdict"] == v for r in rows) for v in VERDICTS} for group in CLASSES
    }


def _plain(x: Values) -> Plain:
    def finite(v: float) -> float | None:
        return float(v) if math.isfinite(v) else None

    return {k: finite(v) for k, v in x.items()} if isinstance(x, Mapping) else finite(x)


def _named(x: Values) -> Mapping[str, float]:
    return x if isinstance(x, Mapping) else {"": x}

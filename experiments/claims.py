"""A published result as data: what is claimed, what our own functions give, how close is close enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Values = float | Mapping[str, float]
Kind = Literal["relative", "absolute", "exact"]


@dataclass(frozen=True)
class Row:
    """One published result."""

    id: str
    claim: str
    source: str
    expected: Values
    tolerance: float
    kind: Kind
    why: str
    compute: Callable[[], Values]
    soft: bool = False

    def check(self) -> dict[str, Any]:
        """Return id, claim, expected, obtained, tolerance, source and verdict as plain values."""
        obtained = _plain(self.compute())
        expected = _plain(self.expected)
        good = _named(expected).keys() == _named(obtained).keys() and all(
            self._close(value, _named(obtained)[name]) for name, value in _named(expected).items()
        )
        return {
            "id": self.id,
            "claim": self.claim,
            "expected": expected,
            "obtained": obtained,
            "tolerance": self.tolerance_text,
            "source": self.source,
            "verdict": "pass" if good else "soft" if self.soft else "fail",
        }

    @property
    def tolerance_text(self) -> str:
        """Return the tolerance in words."""
        size = "exact" if self.kind == "exact" else f"{self.tolerance:g} {self.kind}"
        return f"{size} ({self.why})" if self.why else size

    def _close(self, expected: float, obtained: float) -> bool:
        bound = self.tolerance * (abs(expected) if self.kind == "relative" else 1.0)
        return math.isfinite(obtained) and abs(obtained - expected) <= (
            1e-9 * abs(expected) if self.kind == "exact" else bound
        )


ROWS: list[Row] = []


def row(
    id: str,
    claim: str,
    source: str,
    expected: Values,
    tolerance: float = 0.0,
    kind: Kind = "relative",
    why: str = "",
    soft: bool = False,
) -> Callable[[Callable[[], Values]], Callable[[], Values]]:
    """Register a published result; the function under it returns what the model gives. A soft one may miss and says so."""

    def add(compute: Callable[[], Values]) -> Callable[[], Values]:
        ROWS.append(Row(id, claim, source, expected, tolerance, kind, why, compute, soft))
        return compute

    return add


def _plain(x: Values) -> float | dict[str, float]:
    return {k: float(v) for k, v in x.items()} if isinstance(x, Mapping) else float(x)


def _named(x: float | dict[str, float]) -> dict[str, float]:
    return x if isinstance(x, dict) else {"": x}

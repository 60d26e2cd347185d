"""The golden run: 24 months of a small economy, every recorded series to ten digits. `make golden` rewrites it."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from model.core import checks
from model.economy import InferenceEconomy

PATH = Path(__file__).with_name("golden.json")
#: Rounding alone: below the tolerance of the laws everywhere, the same nowhere else. Bounded, neither stored nor compared.
RESIDUALS = ("money_residual_usd", "compute_residual_flop")
DIGITS = 10
#: One unit of the last digit stored, half of which storing takes. Kernels of linear algebra, instruction sets and C libraries
#: make 2e-14 of a value in these 24 months, 1e-11 in 168 (`make test-kernels`), so that the rest is a change.
TOLERANCE = 10.0 ** (1 - DIGITS)
#: Of the largest value of a series: what a difference of sums leaves where it should be nothing.
NOTHING = 1e-15

Series = dict[str, list[float | None]]


def series() -> Series:
    """Return every recorded series of the golden run."""
    economy = InferenceEconomy("baseline", humans=200, months=24, seed=7).run()
    history = economy.history.drop("month")
    economy.close()
    return history.to_dict(as_series=False)


def rounded(found: Series) -> Series:
    """Return what is stored: all but residuals, to ten significant digits."""
    return {
        name: [None if x is None else float(f"{x:.{DIGITS}g}") for x in values]
        for name, values in found.items()
        if name not in RESIDUALS
    }


def moved(old: Series, new: Series, tolerance: float = TOLERANCE) -> dict[str, float]:
    """Return the largest relative change of each series that changed by more than `tolerance`.

    It is inf where a series is new, gone or became undefined, and where a residual of `new` is absent or beyond the laws.
    """
    out = {name: _change(old.get(name, []), new.get(name, [])) for name in sorted({*old, *new} - {*RESIDUALS})}
    out |= {name: 0.0 if _bounded(new.get(name, [])) else math.inf for name in RESIDUALS}
    return {name: change for name, change in out.items() if change > tolerance}


def _change(a: list[float | None], b: list[float | None]) -> float:
    if len(a) != len(b):
        return math.inf
    nothing = NOTHING * max((abs(x) for x in (*a, *b) if x is not None), default=0.0)
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    if any(x is None or y is None for x, y in pairs):
        return math.inf
    return max((abs(x - y) / max(abs(x), abs(y)) for x, y in pairs if abs(x - y) > nothing), default=0.0)


def _bounded(residual: list[float | None]) -> bool:
    return bool(residual) and all(x is not None and 0.0 <= x <= checks.TOLERANCE for x in residual)


def main() -> None:
    """Rewrite the golden file and say which series moved by how much."""
    old = json.loads(PATH.read_text()) if PATH.exists() else {}
    new = series()
    PATH.write_text(json.dumps(rounded(new), indent=0) + "\n")
    for name, change in moved(old, new).items():
        sys.stdout.write(f"{name}: {change:.3g}\n")


if __name__ == "__main__":
    main()

"""The golden run: 24 months of a small economy, every recorded series to ten digits. `make golden` rewrites it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from model.economy import InferenceEconomy

PATH = Path(__file__).with_name("golden.json")


def series() -> dict[str, list[float | None]]:
    """Return every recorded series of the golden run, rounded to ten significant digits."""
    economy = InferenceEconomy("baseline", humans=200, months=24, seed=7).run()
    history = economy.history.drop("month")
    economy.close()
    return {
        name: [None if x is None else float(f"{x:.10g}") for x in history[name].to_list()] for name in history.columns
    }


def moved(old: dict[str, list[float | None]], new: dict[str, list[float | None]]) -> dict[str, float]:
    """Return the largest relative change of each series that differs (inf where it is new, gone or became undefined)."""
    out: dict[str, float] = {}
    for name in sorted(set(old) | set(new)):
        a, b = old.get(name), new.get(name)
        if a == b:
            continue
        if a is None or b is None or len(a) != len(b):
            out[name] = float("inf")
            continue
        pairs = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
        out[name] = max(
            float("inf") if x is None or y is None else abs(x - y) / max(abs(x), abs(y), 1e-300) for x, y in pairs
        )
    return out


def main() -> None:
    """Rewrite the golden file and say which series moved by how much."""
    old = json.loads(PATH.read_text()) if PATH.exists() else {}
    new = series()
    PATH.write_text(json.dumps(new, indent=0) + "\n")
    for name, change in moved(old, new).items():
        sys.stdout.write(f"{name}: {change:.3g}\n")


if __name__ == "__main__":
    main()

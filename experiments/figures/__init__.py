"""Charts of results and of evidence, altair all: each says what it shows, in words of its own tables."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from experiments.figures import register
from experiments.figures.register import FIGURES as FIGURES
from experiments.figures.register import Figure as Figure
from experiments.figures.register import figure as figure

if TYPE_CHECKING:
    from experiments.runs.results import Result

#: Modules that draw, in the order in which a chart is looked for.
_DRAWERS = ("crossings", "economy", "markets", "plans", "sensitivity")


def _charts() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for drawer in _DRAWERS:
        module = importlib.import_module(f".{drawer}", __name__)
        own: list[tuple[str, Any]] = inspect.getmembers(
            module, lambda x, name=module.__name__: inspect.isfunction(x) and x.__module__ == name
        )
        found |= {name: chart for name, chart in own if not name.startswith("_")}
    return {f.draw.__name__: f.draw for f in FIGURES.values()} | found


def registered() -> list[Figure]:
    """Return the charts of the report in its order, those of users too."""
    _charts()
    return register.in_order(FIGURES)


def pictures() -> dict[str, Callable[[Result], Any]]:
    """Return what draws each chart of the report from a result, by name and in its order."""
    _charts()
    return register.pictures(FIGURES)


def __getattr__(name: str) -> Any:
    """Return a chart by its name, imported on first use: charts need a library that takes its time."""
    if not name.startswith("_") and (chart := _charts().get(name)) is not None:
        return chart
    raise AttributeError(f"module {__name__!r} has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_charts()})

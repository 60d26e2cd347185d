"""Questions put to the economy, and the screens that show the answers."""

from __future__ import annotations

import importlib
from typing import Any

_FUNCTIONS = {
    "run": ".report.page",
    "sweep": ".sweeps.sweep",
    "compare": ".studies.comparison",
}
_MODULES = ("figures",)
__all__ = ["compare", "figures", "run", "sweep"]


def __getattr__(name: str) -> Any:
    """Import on first use: importing the package is cheap."""
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name], __name__), name)
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute '{name}'")

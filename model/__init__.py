"""The inference economy: an agent-based model of who uses compute, and for what."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_EXPORTS = {"InferenceEconomy": ".economy", "Scenario": ".scenario"}
__all__ = ["InferenceEconomy", "Scenario"]


def __getattr__(name: str) -> Any:
    """Import on first use: importing the package is cheap."""
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute '{name}'")

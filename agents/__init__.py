"""Who decides: one file a kind, with its parameters, its table and its behaviours."""

from __future__ import annotations

import importlib
from typing import Any

_EXPORTS = {
    "Human": ".human",
    "AIAgent": ".ai_agent",
    "Robot": ".robot",
    "ComputeProvider": ".provider",
    "Lab": ".lab",
    "Application": ".application",
    "Orchestrator": ".orchestrator",
    "ChipSupplier": ".supplier",
}
__all__ = list(_EXPORTS)


def __getattr__(name: str) -> Any:
    """Import on first use."""
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute '{name}'")

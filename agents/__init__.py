"""Who decides: one file a kind, with its parameters, its table and its behaviours."""

from __future__ import annotations

import importlib
from typing import Any

_EXPORTS = {
    "Human": "agents.human",
    "AIAgent": "agents.ai_agent",
    "Robot": "agents.robot",
    "ComputeProvider": "agents.provider",
    "Lab": "agents.lab",
    "Application": "agents.application",
    "Orchestrator": "agents.orchestrator",
    "ChipSupplier": "agents.supplier",
}
__all__ = list(_EXPORTS)


def __getattr__(name: str) -> Any:
    """Import on first use."""
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'agents' has no attribute '{name}'")

"""The inference economy as a library: `import inference_economy`.

Installed, `model`, `agents` and `experiments` are inside this package. In a checkout they lie beside it, and
`inference_economy.model` is another name of the one module `model`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments import figures as figures
    from experiments.report.page import run as run
    from experiments.studies.comparison import compare as compare
    from experiments.sweeps.sweep import sweep as sweep
    from model.economy import InferenceEconomy as InferenceEconomy
    from model.scenario import Scenario as Scenario

_EXPORTS = {
    "InferenceEconomy": ".model",
    "Scenario": ".model",
    "run": ".experiments",
    "sweep": ".experiments",
    "compare": ".experiments",
    "figures": ".experiments",
    "__version__": ".model",
}
_PACKAGES = ("agents", "experiments", "model")
__all__ = ["InferenceEconomy", "Scenario", "agents", "compare", "experiments", "figures", "model", "run", "sweep"]

if not (Path(__file__).parent / "model").is_dir():
    from inference_economy import checkout

    checkout.join(_PACKAGES)


def __getattr__(name: str) -> Any:
    """Import on first use: importing the package is cheap."""
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name], __name__), name)
    if name in _PACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

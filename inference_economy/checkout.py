"""In a checkout: `inference_economy.model.month` is `model.month`, the same module, never a second copy. A wheel goes without this file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[1]
HERE = f"{__package__}."


def join(packages: Sequence[str]) -> None:
    """Let packages that lie beside this one be imported as parts of it too.

    Raises
    ------
    ImportError
        If another package or module of such a name comes first.
    """
    for name in packages:
        spec = sys.modules[name].__spec__ if name in sys.modules else importlib.util.find_spec(name)
        place = spec.origin or next(iter(spec.submodule_search_locations or ()), None) if spec else None
        if place is None or Path(place).resolve() != ROOT / name / "__init__.py":
            raise ImportError(
                f"inference_economy is that of the checkout {str(ROOT)!r}, but {name!r} is {place or 'not found'};"
                f" begin elsewhere, or install a copy: pip install {str(ROOT)!r}"
            )
    if not any(isinstance(finder, Aliases) for finder in sys.meta_path):
        sys.meta_path.insert(0, Aliases(packages))


class Aliases(Loader):
    """Finds and loads `inference_economy.x` as `x`."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = frozenset(packages)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return where a module is, None if it is none of the packages'."""
        real = name.removeprefix(HERE)
        if real == name or real.partition(".")[0] not in self.packages:
            return None
        found = importlib.util.find_spec(real)
        if found is None:
            return None
        alias = ModuleSpec(name, self, origin=found.origin, is_package=found.submodule_search_locations is not None)
        alias.submodule_search_locations = found.submodule_search_locations
        return alias

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to Python: what it makes is replaced at once."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Put the real module under the other name."""
        sys.modules[module.__name__] = importlib.import_module(module.__name__.removeprefix(HERE))

    def get_code(self, name: str) -> CodeType | None:
        """Return what `python -m` is to run."""
        spec = importlib.util.find_spec(name.removeprefix(HERE))
        code: CodeType | None = spec.loader.get_code(spec.name) if spec and spec.loader else None  # type: ignore[attr-defined]
        return code

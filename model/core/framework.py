"""Mesa without what it imports for others: pandas and networkx come when somebody asks Mesa for a frame or a path."""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

#: Together two fifths of the time that a process needs to begin.
LATER = ("pandas", "networkx")


class Later(types.ModuleType):
    """Stands for a module in those that imported it here, and hands on what they ask for."""

    def __getattr__(self, name: str) -> Any:
        """Import the module now; what stands in a module's head is not asked of it."""
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


_absent = {name: Later(name) for name in LATER if name not in sys.modules}
sys.modules.update(_absent)
try:
    import mesa
    from mesa.datacollection import DataCollector
finally:
    for _name, _module in _absent.items():  # whoever imports them himself gets the modules themselves
        if sys.modules.get(_name) is _module:
            del sys.modules[_name]

__all__ = ["DataCollector", "mesa"]

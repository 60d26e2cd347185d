"""Monthly flows: declared shape and unit, written once, read-only afterwards."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np


class Flow:
    """A declared flow: shape letters, unit, meaning."""

    def __init__(self, shape: str, unit: str, meaning: str) -> None:
        """Keep the declaration."""
        self.shape, self.unit, self.meaning = shape, unit, meaning


class Flows:
    """Base of write-once flows; subclasses declare `Flow` class attributes.

    >>> class Toy(Flows):
    ...     hours = Flow("P", "h", "hours")
    >>> toy = Toy({"P": 2})
    >>> toy.hours = [1.0, 2.0]
    >>> toy.hours.sum()
    np.float64(3.0)
    """

    declared: ClassVar[dict[str, Flow]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the declarations."""
        cls.declared = {**cls.declared, **{k: v for k, v in vars(cls).items() if isinstance(v, Flow)}}
        for name in cls.declared:
            if name in vars(cls):
                delattr(cls, name)

    def __init__(self, sizes: dict[str, int]) -> None:
        """Keep the size of each shape letter."""
        object.__setattr__(self, "_sizes", sizes)

    def __setattr__(self, name: str, value: Any) -> None:
        """Store a flow once, checked against its declaration."""
        flow = self.declared.get(name)
        if flow is None:
            raise AttributeError(f"flow '{name}' is not declared")
        if name in self.__dict__:
            raise AttributeError(f"flow '{name}' is already written this month")
        array = np.asarray(value, dtype=np.float64)
        expected = tuple(self._sizes[letter] for letter in flow.shape)
        if array.shape != expected:
            raise ValueError(f"flow '{name}' [{flow.unit}]: shape {array.shape}, declared {flow.shape} = {expected}")
        if array.size < 100_000 and not np.isfinite(array).all():
            raise ValueError(f"flow '{name}' [{flow.unit}]: not finite")
        if array.ndim == 0:
            self.__dict__[name] = float(array)
            return
        array = array.view()
        array.flags.writeable = False
        self.__dict__[name] = array

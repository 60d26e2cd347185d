"""Parameters declared once: default, unit, bounds, meaning, source; everything else reads the declaration."""

from __future__ import annotations

import dataclasses
import inspect
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, NamedTuple, Self

from model.core import modules
from model.core.errors import InputError, hint, shown, unknown


class Declaration(NamedTuple):
    """One parameter as declared."""

    section: str
    name: str
    default: float | int | str | bool
    unit: str
    low: float | None
    high: float | None
    doc: str
    source: str
    dynamic: bool
    fit: bool
    scale: str
    known: tuple[str, ...] | Mapping[str, Any]
    exogenous_trend: bool
    inert: str

    @property
    def meaning(self) -> str:
        """Return what it means and, where it says so, that it is fixed at the opening or moves nothing."""
        fixed = "" if self.dynamic else " (fixed at the opening)"
        return self.doc + fixed + (f"; inert in the baseline: {self.inert}" if self.inert else "")

    @property
    def choices(self) -> tuple[str, ...]:
        """Allowed values of a text; a registry is asked now, so that what was registered since counts."""
        return tuple(self.known)


def param(
    default: float | int | str | bool,
    unit: str,
    low: float | None = None,
    high: float | None = None,
    *,
    doc: str,
    source: str,
    dynamic: bool = True,
    fit: bool = False,
    scale: str = "linear",
    choices: tuple[str, ...] | Mapping[str, Any] = (),
    exogenous_trend: bool = False,
    inert: str = "",
) -> Any:
    """Declare a parameter as a field of a `Params` class.

    Parameters
    ----------
    default : float, int, str or bool
        Its type fixes the type of the parameter.
    unit : str
        "-" for none.
    low, high : float, optional
        Closed range of plausible values; values outside are refused.
    doc, source : str
        Meaning; key of sources.bib, or "own assumption: why".
    dynamic : bool
        May be changed by a dated intervention.
    fit : bool
        May be calibrated.
    scale : {"linear", "log"}
        How samplers and sliders walk the range.
    choices : tuple of str or mapping
        Allowed values of a text; a registry, asked whenever a value is checked.
    exogenous_trend : bool
        One of the few exogenous technical trends.
    inert : str
        Why it moves no recorded series or table of the baseline, and where in its range; a test holds it.
    """
    meta = {
        "unit": unit,
        "low": low,
        "high": high,
        "doc": doc,
        "source": source,
        "dynamic": dynamic,
        "fit": fit,
        "scale": scale,
        "known": choices,
        "exogenous_trend": exogenous_trend,
        "inert": inert,
    }
    return dataclasses.field(default=default, metadata=meta)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Base of all parameter sections: frozen, validated at construction.

    Raises
    ------
    InputError
        One line naming the parameter, the value, the unit and the range.
    """

    section: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Validate and normalise each value."""
        for d in self.declared():
            object.__setattr__(self, d.name, check(d, getattr(self, d.name)))

    @classmethod
    def declared(cls) -> tuple[Declaration, ...]:
        """Return the declarations in order."""
        cached = cls.__dict__.get("_declared")
        if cached is None:
            cached = tuple(
                Declaration(cls.section, field.name, field.default, **field.metadata)  # type: ignore[arg-type]
                for field in dataclasses.fields(cls)
                if "unit" in field.metadata
            )
            cls._declared = cached  # type: ignore[attr-defined]
        return cached

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Return the section with `values`; unknown names are refused with the nearest one."""
        names = [d.name for d in cls.declared()]
        for name in values:
            if name not in names:
                raise unknown("parameter", f"{cls.section}.{name}", [f"{cls.section}.{n}" for n in names])
        return cls(**values)

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with `changes`."""
        return type(self).from_mapping({**self.values(), **changes})

    def values(self) -> dict[str, float | int | str | bool]:
        """Return the plain values by name."""
        return {d.name: getattr(self, d.name) for d in self.declared()}

    def outside(self) -> tuple[Any, ...]:
        """Return the classes and functions that its texts name in registries and that are none of this project's."""
        named = [(d.known, getattr(self, d.name)) for d in self.declared() if isinstance(d.known, Mapping)]
        known = [written_of(registry, name) for registry, name in named if name in registry]
        return tuple(x for x in known if not (modules.package(x.__module__) or x.__module__ == "builtins"))

    def check_travels(self) -> None:
        """Refuse what other processes cannot import: classes and functions that its texts name, its own class."""
        for written in (*self.outside(), type(self)):
            check_travels(written)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the classes from outside too: a process that reads them imports, and so registers, them."""
        self.check_travels()
        return _unpickled, (type(self), self.values(), self.outside())


def _unpickled(kind: type[Params], values: dict[str, Any], _: tuple[Any, ...]) -> Params:
    made = object.__new__(kind)
    made.__dict__.update(values)
    return made


def check_travels(written: Any) -> None:
    """Refuse a class or function that another process cannot import.

    Raises
    ------
    InputError
        Says to put it into a module.
    """
    if isinstance(written, ModuleType):
        return
    name, module = getattr(written, "__qualname__", repr(written)), getattr(written, "__module__", None)
    unseen = module == "__main__" and not os.path.isfile(getattr(sys.modules["__main__"], "__file__", ""))
    if unseen or module is None or "<" in name:
        what = "class" if isinstance(written, type) else "function"
        raise InputError(
            f"{what} {name.rpartition('.<locals>.')[2]}: written where other processes cannot import it; put it into a"
            " module and name that in plugins=, or use workers=1"
        )


class Registry(dict[str, Any]):
    """What a text parameter may name, and the class or function that was registered under each name."""

    def __init__(self) -> None:
        """Begin empty."""
        self.written: dict[str, Any] = {}


def written_of(registry: Mapping[str, Any], name: str) -> Any:
    """Return the class or function behind a name."""
    return getattr(registry, "written", {}).get(name, type(registry[name]))


def enter(registry: Registry, written: Any) -> None:
    """Put what a class or function makes into a registry: an instance under the class's `name`, a result under the function's.

    Parameters
    ----------
    registry : Registry
    written : type or function
        Called without arguments.

    Raises
    ------
    InputError
        If it has no name, lacks a method, or the name is another's.
    """
    is_class = isinstance(written, type)
    name = getattr(written, "name" if is_class else "__name__", None)
    where = f"{'class' if is_class else 'function'} {written.__qualname__}"
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(f"{where}: name = {name!r}: must be letters, digits and _; scenarios know it by that")
    if inspect.isabstract(written):
        raise InputError(f"{where}: lacks the method {min(written.__abstractmethods__)}")
    if name in registry:
        before = written_of(registry, name)
        if (before.__module__, before.__qualname__) != (written.__module__, written.__qualname__):
            raise InputError(
                f"{where}: name = {name!r} is that of {before.__module__}.{before.__qualname__}; choose another"
            )
    registry[name] = written()
    registry.written[name] = written


def check(d: Declaration, value: Any) -> float | int | str | bool:
    """Return `value` as the declared type, or raise InputError."""
    if getattr(value, "size", 0) == 1 and hasattr(value, "item"):
        value = value.item()
    where = f"{d.section}.{d.name} = {shown(value)}" + (f" {d.unit}" if d.unit != "-" else "")
    if isinstance(d.default, bool):
        if not isinstance(value, bool):
            raise InputError(f"{where}: must be true or false")
        return value
    if isinstance(d.default, str):
        if not isinstance(value, str):
            raise InputError(f"{where}: must be text")
        if d.choices and value not in d.choices:
            raise InputError(f"{where}: not one of {', '.join(d.choices)}{hint(value, d.choices)}")
        return value
    low = -math.inf if d.low is None else d.low
    high = math.inf if d.high is None else d.high
    span = f"[{low:g}, {high:g}]"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where}: must be a number in {span}")
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: must be a finite number in {span}")
    if not low <= value <= high:
        raise InputError(f"{where}: outside {span}")
    if isinstance(d.default, int):
        if value != int(value):
            raise InputError(f"{where}: must be a whole number in {span}")
        return int(value)
    return float(value)


def from_text(text: str, default: Any) -> Any:
    """Return text read as the type of a declared default; as it is where it cannot be read so: numbers in digits 0 to 9.

    >>> from_text("12", 3.0), from_text("True", False), from_text("12", "profit"), from_text("many", 3.0)
    (12, True, '12', 'many')
    """
    if isinstance(default, str) or not text.isascii():
        return text
    lowered = text.strip().lower()
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(lowered, text)
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text

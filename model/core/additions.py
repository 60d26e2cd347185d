"""What a run has beside the shipped model: steps, series, tables and kinds of agents, given as objects or by plug-ins.

A plug-in is a module, named by its path or by an entry point of the group `inference_economy.plugins`. What it registers when it
is imported (rules, charts) is known from then on; for a run that names it count what it exports: `KIND`, `SERIES`, `TABLES`, and
`steps`, a function that returns the month it is given with its own steps in it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Self

from model.core import modules
from model.core.errors import InputError, hint, shown, within
from model.core.params import Params, check_travels
from model.core.steps import Steps
from model.core.table import Row, Table

GROUP = "inference_economy.plugins"
#: Names of modules that were loaded as plug-ins, or whose kinds of agents were handed in.
LOADED: set[str] = set()
#: What each addition must be: class by field.
CLASSES = {"series": "Series", "tables": "ResultTable", "kinds": "Kind"}


class Kind(NamedTuple):
    """A kind of agent beside the shipped ones, all of it in one file with its step.

    Parameters
    ----------
    name : str
        Of its table in the world: with "regulators" steps find it as ``e.regulators`` and declare it among their changes.
    row : type of Row
        The agent that Mesa sees; its table is the class that it was declared with.
    table : callable
        Of the world at the opening, whose other tables are filled: its table.
    params : type of Params, optional
        Its section of parameters: scenarios, command line and sweeps know it by the class's `section`.
    sector : str
        Under which it keeps books; empty for none. A column `cash_usd` of its table is then held against its money.
    layer : str
        Layer that its sector adds value to, "physical" to "application"; empty where it only passes money on.
    story : callable, optional
        Of world, last month and row: title, sentences and numbers of its account (``economy.trace``).
    """

    name: str
    row: type[Row]
    table: Callable[[Any], Table]
    params: type[Params] | None = None
    sector: str = ""
    layer: str = ""
    story: Callable[[Any, Any, int], tuple[str, list[str], dict[str, float]]] | None = None


@dataclass(frozen=True)
class Additions:
    """What was added to a run as objects.

    Parameters
    ----------
    steps : Steps, optional
        The month; the shipped one if None.
    series : tuple of Series
    tables : tuple of ResultTable
    kinds : tuple of Kind

    Raises
    ------
    InputError
        If something is of another class, or a name stands twice.
    """

    steps: Steps | None = None
    series: tuple[Any, ...] = ()
    tables: tuple[Any, ...] = ()
    kinds: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        """Check what is given."""
        if self.steps is not None and not isinstance(self.steps, Steps):
            raise InputError(f"steps = {shown(self.steps)}: must be Steps, such as STEPS.after('pay', Step(...))")
        for name, wanted in CLASSES.items():
            given = getattr(self, name)
            if not isinstance(given, list | tuple):
                raise InputError(f"{name} = {shown(given)}: must be a list of {wanted}")
            for x in given:
                if wanted not in [kind.__name__ for kind in type(x).__mro__]:
                    raise InputError(f"{name}: {shown(x)} is no {wanted}")
                if [y.name for y in given].count(x.name) > 1:
                    raise InputError(f"{name}: '{x.name}' stands twice")
            object.__setattr__(self, name, tuple(given))
        LOADED.update(x.__module__ for kind in self.kinds for x in kind if isinstance(x, type))  # checkpoints keep them

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        return self != Additions()

    def with_more(self, more: Self) -> Self:
        """Return these and more; steps are those of `more` where it has any."""
        joined = {name: getattr(self, name) + getattr(more, name) for name in CLASSES}
        return type(self)(steps=self.steps if more.steps is None else more.steps, **joined)

    def written(self) -> Iterator[tuple[str, Any]]:
        """Yield what each function and class of the additions belongs to, and it."""
        for step in self.steps or ():
            yield f"step '{step.name}'", step.does
        for name in CLASSES:
            for x in getattr(self, name):
                for part in (y for y in x if callable(y)):
                    yield f"{CLASSES[name]} '{x.name}'", part

    def outside(self) -> tuple[Any, ...]:
        """Return the functions and classes that are none of this project's."""
        return tuple(x for _, x in self.written() if not modules.package(str(x.__module__)))

    def listed(self) -> dict[str, list[str]]:
        """Return names by kind of addition, a step with its function, as a manifest holds them."""
        steps = [f"{step.name}: {step.does.__module__}.{step.does.__qualname__}" for step in self.steps or ()]
        found = {"steps": steps} | {name: [x.name for x in getattr(self, name)] for name in CLASSES}
        return {name: names for name, names in found.items() if names}

    def check_travels(self) -> None:
        """Refuse what other processes cannot import.

        Raises
        ------
        InputError
            Names the addition and says to put it into a module.
        """
        for where, x in self.written():
            with within(where):
                check_travels(x)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes, or refuse what they cannot import."""
        self.check_travels()
        return type(self), tuple(getattr(self, f.name) for f in fields(self))

    def __copy__(self) -> Self:
        """Return itself: nothing in it changes."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: nothing in it changes."""
        return self


def names_of(plugins: Any) -> tuple[str, ...]:
    """Return names of plug-ins as they are given, each once and in order.

    >>> names_of(["regulator", "regulator"])
    ('regulator',)
    """
    if not isinstance(plugins, list | tuple) or not all(isinstance(name, str) for name in plugins):
        raise InputError(f"plugins = {shown(plugins)}: must be a list of names of modules, such as ['regulator']")
    return tuple(dict.fromkeys(plugins))


def load(plugins: Iterable[str]) -> tuple[ModuleType, ...]:
    """Import plug-ins and return their modules.

    Parameters
    ----------
    plugins : iterable of str
        Paths of modules ("regulator", "mine.regulator"; those in the working folder too) or names of installed plug-ins.

    Raises
    ------
    InputError
        One line naming the plug-in that is not there, with the nearest, or what its import raised.
    """
    names = tuple(plugins)
    if not names:
        return ()
    installed = {entry.name: entry.module for entry in importlib.metadata.entry_points(group=GROUP)}
    return tuple(_module(name, installed.get(name, name), installed) for name in names)


def _module(name: str, path: str, installed: Iterable[str]) -> ModuleType:
    parts = path.split(".")
    if all(part.isidentifier() for part in parts):
        if parts[0] not in sys.modules and _is_here(parts[0]):
            sys.path.append(os.getcwd())  # workers get the same path
        ours = parts[0] in modules.PACKAGES  # such as "agents.mine" in a scenario that is shipped
        try:
            module = modules.found(path) if ours else importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{path}.".startswith(f"{error.name}."):
                raise InputError(f"plug-in '{name}': it needs the module '{error.name}', which is not there") from None
        except Exception as error:
            raise InputError(f"plug-in '{name}': its import failed ({type(error).__name__}: {error})") from error
        else:
            LOADED.add(module.__name__)
            return module
    near = hint(name, [*installed, *(p.stem for p in Path().glob("*.py"))])
    raise InputError(f"plug-in {shown(name)}: no module and no installed plug-in of that name can be imported{near}")


def _is_here(name: str) -> bool:
    """Return whether a module is found in the working folder and nowhere on the path."""
    try:
        return PathFinder.find_spec(name, [os.getcwd()]) is not None and PathFinder.find_spec(name) is None
    except (OSError, ValueError):
        return False


def additions(plugins: Iterable[str], given: Additions) -> tuple[Additions, tuple[Callable[[Steps], Steps], ...]]:
    """Return all that plug-ins export together with what is given, and what they make of the month, in order.

    Raises
    ------
    InputError
        If an export is none, or a name stands twice.
    """
    found, months = given, []
    for name, module in zip(names := tuple(plugins), load(names), strict=True):
        exported: dict[str, Any] = {"series": getattr(module, "SERIES", ()), "tables": getattr(module, "TABLES", ())}
        kind, steps = getattr(module, "KIND", None), getattr(module, "steps", None)
        try:
            more = Additions(**exported, kinds=() if kind is None else (kind,))
            found = found.with_more(more)
        except InputError as error:
            raise InputError(f"plug-in '{name}': {error}") from None
        if inspect.isfunction(steps):
            months.append(steps)
    return found, tuple(months)

"""A month as data: steps in order, each with what it reads, what it gives and what it may change; lists with steps replaced."""

from __future__ import annotations

import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from model.core.errors import InputError, unknown


@dataclass(frozen=True)
class Step:
    """One step of a month.

    Parameters
    ----------
    name : str
        What it does, as a verb: it is found under this name.
    does : callable
        Asks for what it needs by the names of its parameters: ``e`` the world, ``f`` the month's flows, ``draw`` the month's
        draws, and whatever an earlier step gave.
    changes : tuple of str
        What of the world it may change: the name of a table or of an owner's states ("labs", "state.market").
    gives : str
        Name under which later steps find what it returns; empty if it returns nothing.
    """

    name: str
    does: Callable[..., Any]
    changes: tuple[str, ...] = ()
    gives: str = ""

    @functools.cached_property
    def reads(self) -> tuple[str, ...]:
        """Names of what it asks for."""
        return tuple(inspect.signature(self.does).parameters)

    @property
    def meaning(self) -> str:
        """The first line of what the function says of itself."""
        return (inspect.getdoc(self.does) or "").partition("\n")[0]


class Steps(tuple[Step, ...]):
    """Steps in order; every change returns a new list.

    >>> steps = Steps([Step("sow", lambda f: None), Step("reap", lambda f: None)])
    >>> [s.name for s in steps.after("sow", Step("water", lambda f: None))]
    ['sow', 'water', 'reap']
    >>> steps.replaced("reap", lambda draw: None)[1].reads
    ('draw',)
    >>> [s.name for s in steps.without("sow")]
    ['reap']
    """

    def __new__(cls, steps: Iterable[Step] = ()) -> Steps:
        """Refuse two steps of one name."""
        made = super().__new__(cls, steps)
        names = [s.name for s in made]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"step '{name}': stands twice in the month")
        return made

    def place(self, name: str) -> int:
        """Return the place of a step.

        Raises
        ------
        InputError
            If there is none of that name; names the nearest.
        """
        names = [s.name for s in self]
        if name not in names:
            raise unknown("step", name, names)
        return names.index(name)

    def replaced(self, name: str, by: Step | Callable[..., Any]) -> Steps:
        """Return the list with another step in the place of `name`; a bare function may change what the old step may."""
        i = self.place(name)
        old = self[i]
        new = by if isinstance(by, Step) else Step(old.name, by, old.changes, old.gives)
        return Steps([*self[:i], new, *self[i + 1 :]])

    def before(self, name: str, step: Step) -> Steps:
        """Return the list with a step before `name`."""
        i = self.place(name)
        return Steps([*self[:i], step, *self[i:]])

    def after(self, name: str, step: Step) -> Steps:
        """Return the list with a step after `name`."""
        i = self.place(name) + 1
        return Steps([*self[:i], step, *self[i:]])

    def without(self, name: str) -> Steps:
        """Return the list without a step."""
        i = self.place(name)
        return Steps([*self[:i], *self[i + 1 :]])

    def run(self, given: dict[str, Any], held: Held, seconds: dict[str, float] | None = None) -> dict[str, Any]:
        """Change the world by all steps in order; return what they were given and gave.

        Parameters
        ----------
        given : dict
            Name to value: what the first step finds.
        held : Held
            Keeps all that a step does not declare from being changed.
        seconds : dict, optional
            Wall time by step, added to.

        Raises
        ------
        InputError
            If a step asks for what no earlier step gives.
        """
        with held.locked():
            for step in self:
                began = 0.0 if seconds is None else time.perf_counter()
                try:
                    asked = {name: given[name] for name in step.reads}
                except KeyError as error:
                    raise unknown(f"step '{step.name}' asks for", error.args[0], given) from None
                with held.opened(step.name, step.changes):
                    result = step.does(**asked)
                if step.gives:
                    given[step.gives] = result
                if seconds is not None:
                    seconds[step.name] = seconds.get(step.name, 0.0) + time.perf_counter() - began
        return given


class Guarded:
    """Base of states whose attributes are set only by steps that declare them; outside a month by anybody."""

    _refusal: ClassVar[str] = ""  # what a step is told that sets an attribute; empty where it may

    def shut(self, step: str, name: str) -> None:
        """Refuse a step, which knows this state by a name, to set attributes."""
        object.__setattr__(self, "_refusal", f"step '{step}' does not declare that it changes '{name}'")

    def open(self) -> None:
        """Let attributes be set, as if they had always been free."""
        vars(self).pop("_refusal", None)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, or refuse and name the step."""
        if self._refusal:
            raise PermissionError(f"{self._refusal} ({name})")
        object.__setattr__(self, name, value)


class Held:
    """Arrays and states of a world that are read-only but in the steps that declare a change.

    Parameters
    ----------
    groups : mapping
        Name to the object whose attributes belong to it. Arrays among them are held, and all attributes if it is `Guarded`.
    """

    def __init__(self, groups: Mapping[str, Any]) -> None:
        self.groups = groups

    def arrays(self, name: str) -> list[np.ndarray[Any, Any]]:
        """Return the arrays of a group."""
        return [x for x in vars(self.groups[name]).values() if isinstance(x, np.ndarray)]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make everything read-only, and on leaving what may be written to writeable again."""
        self._fixed = {id(x) for name in self.groups for x in self.arrays(name) if not x.flags.writeable}
        for name in self.groups:
            self._set(name, False)
        try:
            yield
        finally:
            for name in self.groups:
                self._set(name, True)

    @contextlib.contextmanager
    def opened(self, step: str, changes: Collection[str]) -> Iterator[None]:
        """Let a step write to what it declares."""
        for name in changes:
            if name not in self.groups:
                raise unknown(f"step '{step}' declares a change of", name, self.groups)
        for name, group in self.groups.items():
            if name in changes:
                self._set(name, True)
            elif isinstance(group, Guarded):  # shut since the month began or its last step ended: no array is new
                group.shut(step, name)
            else:
                self._set(name, False)
        ledger = self.groups.get("ledger")
        if ledger is not None and "ledger" not in changes:
            ledger.shut_to = step
        try:
            yield
        finally:
            for name in changes:
                self._set(name, False)
            if ledger is not None:
                ledger.shut_to = ""

    def _set(self, name: str, writeable: bool, step: str = "") -> None:
        group = self.groups[name]
        if isinstance(group, Guarded):
            group.open() if writeable else group.shut(step, name)
        fixed, array = self._fixed, np.ndarray
        for x in vars(group).values():
            if isinstance(x, array) and id(x) not in fixed:
                x.setflags(write=writeable)

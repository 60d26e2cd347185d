"""Tables: agents as struct-of-arrays whose rows are also Mesa agents."""

from __future__ import annotations

import itertools
import re
import weakref
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from model.core.errors import InputError, hint
from model.core.frames import check_process
from model.core.framework import mesa

#: Attributes that Mesa sets on its agents.
MESA_SETS = frozenset({"model", "unique_id", "pos"})


class Column:
    """A declared column: dtype, unit, meaning, initial value."""

    def __init__(self, dtype: str, unit: str, meaning: str, fill: float = 0) -> None:
        """Keep the declaration."""
        self.dtype, self.unit, self.meaning, self.fill = np.dtype(dtype), unit, meaning, fill

    def __get__(self, instance: Any, owner: Any = None) -> NDArray[Any]:
        """Columns are arrays once a table exists (they live in its __dict__)."""
        raise AttributeError("a column has values only in a table")


class Table:
    """Base of all tables; subclasses declare `Column` class attributes.

    Parameters
    ----------
    n : int
        Rows.
    first_id : int
        Identifier of the first row; identifiers are never reused.
    """

    declared: ClassVar[dict[str, Column]] = {}
    first_id: int
    n: int

    def __init_subclass__(cls) -> None:
        """Collect the declared columns."""
        own = {k: v for k, v in vars(cls).items() if isinstance(v, Column)}
        cls.declared = {**cls.declared, **own}
        for name in own:
            delattr(cls, name)

    def __init__(self, n: int, first_id: int = 0) -> None:
        """Fill each column."""
        self.first_id, self.n = first_id, n
        for name, column in self.declared.items():
            setattr(self, name, np.full(n, column.fill, dtype=column.dtype))

    @property
    def id(self) -> NDArray[np.int64]:
        """Identifiers of the rows, (n,)."""
        return np.arange(self.first_id, self.first_id + self.n, dtype=np.int64)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.n

    def __getattr__(self, name: str) -> Any:
        """Columns are set in the instance; anything else is a mistake."""
        raise AttributeError(f"{type(self).__name__} has no column '{name}'{hint(name, self.declared)}")

    @classmethod
    def columns(cls) -> dict[str, Column]:
        """Return the declared columns."""
        return cls.declared

    def slice(self, start: int, stop: int) -> Self:
        """Return rows start..stop as views: writing to them writes to the table."""
        part = object.__new__(type(self))
        rows = range(self.n)[start:stop]
        part.first_id, part.n = self.first_id + rows.start, len(rows)
        for name in self.declared:
            part.__dict__[name] = self.__dict__[name][start:stop]
        return part

    def hold(self, name: str, value: float) -> None:
        """Give all rows one value of a column for good: it takes no memory and cannot be written to."""
        self.__dict__[name] = np.broadcast_to(np.asarray(value, dtype=self.declared[name].dtype), self.n)

    @property
    def nbytes(self) -> int:
        """Bytes of memory; a value that all rows share counts once."""
        columns = (self.__dict__[name] for name in self.declared)
        return int(np.sum([x.nbytes if x.flags.writeable else x.itemsize for x in columns]))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return copies of all columns."""
        return {name: self.__dict__[name].copy() for name in self.declared}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Change all columns to those of a snapshot."""
        for name in self.declared:
            if self.__dict__[name].flags.writeable:
                self.__dict__[name][:] = arrays[name]
            elif not np.array_equal(self.__dict__[name], arrays[name]):
                raise InputError(f"{name} is one value for all rows and cannot be changed")

    def frame(self) -> Any:
        """Return the table as polars.DataFrame with its id."""
        check_process()
        import polars as pl

        return pl.DataFrame({"id": self.id, **{name: self.__dict__[name] for name in self.declared}})


class _Counters(weakref.WeakKeyDictionary[Any, "itertools.count[int]"]):
    """The next `unique_id` of each model, made on demand, that keeps no model alive."""

    def __getitem__(self, model: Any) -> itertools.count[int]:
        """Return the model's counter."""
        return self.setdefault(model, itertools.count(1))


class Row(mesa.Agent):
    """One row of a table as a Mesa agent: attributes read and write the arrays."""

    table_type: ClassVar[type[Table]]
    _ids: ClassVar[_Counters] = _Counters()  # the one of Mesa 3.3 keeps every model and all its agents

    def __init_subclass__(cls, table: type[Table] | None = None, **kwargs: Any) -> None:
        """Make one property for each column."""
        super().__init_subclass__(**kwargs)
        if table is None:
            return
        cls.table_type = table
        for name, column in table.declared.items():
            setattr(cls, name, _property(name, column))

    def __init__(self, model: Any, table: Table | None = None, index: int = 0) -> None:
        """Register row `index` of `table` with `model`."""
        if table is None or not isinstance(table, getattr(self, "table_type", Table)):
            raise self._not_made()
        if index not in range(table.n):
            raise InputError(f"{type(self).__name__}: row {index!r}: must be a whole number in [0, {table.n - 1}]")
        self._table, self._index = table, index  # first: Mesa hashes the row when it registers it
        if self in model.agents and self not in model.agents_by_type.get(type(self), ()):
            kept = type(view_of(model, self)).__name__
            raise InputError(
                f"{type(self).__name__}: row {index} is in model.agents as a {kept} and has one view there;"
                f" take that one (economy.row) and give what is yours to the class {kept} or to a function"
            )
        super().__init__(model)

    @classmethod
    def _not_made(cls) -> InputError:
        return InputError(
            f"{cls.__name__}: agents are views of table rows, made where the economy is built; for more of them change the"
            " scenario (humans=, a [[lab.firm]]), economy.row returns one"
        )

    @classmethod
    def create_agents(cls, *args: Any, **kwargs: Any) -> Any:
        """Refuse: a view without a row would be nobody."""
        raise cls._not_made()

    @classmethod
    def from_dataframe(cls, *args: Any, **kwargs: Any) -> Any:
        """Refuse, as `create_agents`."""
        raise cls._not_made()

    def step(self) -> None:
        """Refuse: the month acts on whole arrays, and a step that does nothing would look like one."""
        raise InputError(
            f"{type(self).__name__}.step: an agent has no step of its own, the month acts on all rows at once; use"
            " economy.step(), and a function with agents.do for what is yours"
        )

    def advance(self) -> None:
        """Refuse, as `step`."""
        self.step()

    @property
    def id(self) -> int:
        """Identifier of the row, stable over runs."""
        return self._table.first_id + self._index

    @property
    def kind(self) -> str:
        """Kind of agent in snake case."""
        return kind_name(type(self))

    def __getattr__(self, name: str) -> Any:
        """Name the nearest column."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._no_attribute(name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a column, or what Mesa or a class sets; a name that nobody reads is a mistake."""
        if name not in MESA_SETS and not name.startswith("_") and not hasattr(type(self), name):
            raise self._no_attribute(name)
        object.__setattr__(self, name, value)

    def _no_attribute(self, name: str) -> AttributeError:
        return AttributeError(f"{type(self).__name__} has no attribute '{name}'{hint(name, self.table_type.declared)}")

    def remove(self) -> None:
        """Refuse: taking the view away would leave the agent in the economy."""
        raise InputError(
            f"{self!r}: agents are views of table rows and cannot be removed; firms leave by the economy's own rules"
        )

    def __eq__(self, other: object) -> bool:
        """Rows are equal if they are the same row of the same table."""
        return isinstance(other, Row) and self._table is other._table and self._index == other._index

    def __hash__(self) -> int:
        """Hash of table and row."""
        return hash((id(self._table), self._index))

    def __repr__(self) -> str:
        """Return kind and name, or id where rows have no names."""
        return f"<{type(self).__name__} {self.name if hasattr(type(self), 'name') else self.id}>"

    def _name_among(self, names: str) -> str:
        """Return the row's name in the tuple `names` of the model's opening; its id where there is none."""
        known = getattr(getattr(self.model, "opening", None), names, ())
        return str(known[self._index] if self._index < len(known) else self.id)


def view_of(model: Any, row: Row) -> Row:
    """Return the view that is registered with `model` of the row that another view shows."""
    found: Row = next(a for views in model.agents_by_type.values() if row in views for a in views if a == row)
    return found


def kind_name(row: type[Row]) -> str:
    """Return the kind of a row class in snake case.

    >>> class AIThing(Row): ...
    >>> kind_name(AIThing)
    'ai_thing'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", row.__name__).lower()


def _property(name: str, column: Column) -> property:
    def read(self: Row) -> Any:
        return self._table.__dict__[name][self._index].item()

    def write(self: Row, value: Any) -> None:
        column = self._table.__dict__[name]
        if not column.flags.writeable:
            raise InputError(f"{self!r}: {name} is one value for all rows and cannot be set for one")
        column[self._index] = value

    return property(read, write, doc=f"{column.meaning} [{column.unit}]")


def release(model: Any) -> None:
    """Undo what makes `model` refer to itself, its agents and how Mesa counts steps, so that its memory is freed at once."""
    for agent in list(model.agents):
        mesa.Agent.remove(agent)
    for name in ("step", "_user_step"):
        vars(model).pop(name, None)

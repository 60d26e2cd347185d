"""The register of charts of a run: the report, its contents, the browser page and notebooks walk it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from model.core.errors import InputError, shown, unknown

if TYPE_CHECKING:
    from experiments.runs.results import Result


class Figure(NamedTuple):
    """A chart of result tables, and where it stands in the report."""

    name: str
    title: str  # in the contents
    tables: tuple[str, ...] | None  # what it is called with, in order; None: all tables as a mapping
    after: str
    view: str
    draw: Callable[..., Any]

    def of(self, tables: Mapping[str, Any], posterior: bool = False) -> Any:
        """Return the chart of result tables.

        Parameters
        ----------
        tables : mapping of polars.DataFrame
        posterior : bool
            Each run has its own draw of the fitted parameters; for charts that ask for `posterior`.

        Raises
        ------
        InputError
            If a table is not there.
        """
        for name in self.tables or ():
            if name not in tables:
                raise unknown(f"table of figure '{self.name}'", name, tables)
        given = [tables] if self.tables is None else [tables[name] for name in self.tables]
        asks = "posterior" in getattr(self.draw, "__code__", figure.__code__).co_varnames
        return self.draw(*given, **({"posterior": posterior} if asks else {}))


#: Charts by name, as they were registered.
FIGURES: dict[str, Figure] = {}
_Draw = TypeVar("_Draw", bound=Callable[..., Any])


def figure(
    title: str, tables: Collection[str] | None = None, after: str = "", view: str = "", name: str = ""
) -> Callable[[_Draw], _Draw]:
    """Put a chart into the report; the decorated function draws it and stays what it is.

    Parameters
    ----------
    title : str
        What the contents call it.
    tables : collection of str, optional
        Names of the result tables that it is called with, in order; all of them as one mapping if left out.
    after : str
        Name of the chart that it follows; at the end if left out.
    view : str
        View of the browser page that shows it too: "answer", "stack", "networks", "attention", "labs".
    name : str
        Under which it is found; that of the function if left out.

    Raises
    ------
    InputError
        If the name is that of a chart in another file.

    >>> @figure("hours", tables=["demand"])
    ... def hours_of_the_doctest(demand):
    ...     return demand
    >>> FIGURES.pop("hours_of_the_doctest").of({"demand": 1})
    1
    """
    if not isinstance(title, str) or not title.strip():
        raise InputError(f"figure: title = {shown(title)}: must be text")
    if isinstance(tables, str):
        raise InputError(f"figure '{title}': tables = {tables!r}: must be a list of names")

    def entered(draw: _Draw) -> _Draw:
        named = name or draw.__name__
        before = FIGURES.get(named)
        if before is not None and before.draw.__module__ != draw.__module__:
            raise InputError(f"figure '{named}': is that of {before.draw.__module__}; choose another name")
        FIGURES[named] = Figure(named, title, None if tables is None else tuple(tables), after, view, draw)
        return draw

    return entered


def in_order(figures: Mapping[str, Figure]) -> list[Figure]:
    """Return charts in the order of the report: each behind the one it names, of several the last registered first.

    Raises
    ------
    InputError
        If one stands behind a chart that is not there, or behind itself.
    """
    placed: list[Figure] = []
    waiting = list(figures.values())
    while waiting:
        names = [f.name for f in placed]
        ready = next((f for f in waiting if not f.after or f.after in names), None)
        if ready is None:
            lost = waiting[0]
            raise unknown(f"figure that '{lost.name}' stands after:", lost.after, set(figures) - {lost.name})
        placed.insert(names.index(ready.after) + 1 if ready.after else len(placed), ready)
        waiting.remove(ready)
    return placed


def pictures(figures: Mapping[str, Figure]) -> dict[str, Callable[[Result], Any]]:
    """Return what draws each chart of a result, in the order of the report."""
    return {f.name: lambda r, f=f: f.of(r.tables, bool(r.posterior)) for f in in_order(figures)}  # type: ignore[misc]

"""The one error for bad input: one clear line with the nearest valid name."""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
from collections.abc import Iterable, Iterator

from model.core.removed import REMOVED


class InputError(ValueError):
    """Input that the model refuses; the message is one line naming value, unit, range or nearest name."""

    def __init__(self, message: object) -> None:
        super().__init__(" ".join(str(message).splitlines()))


def shown(x: object) -> str:
    """Return how a refusal shows a value: as Python writes it, dates as a file does, on one line and short.

    >>> shown(["a"] * 99)
    "['a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', '..."
    """
    text = " ".join((str(x) if isinstance(x, dt.date | dt.time) else repr(x)).split())
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the valid name closest to `name`, or "".

    >>> nearest("humn", ["human", "lab"])
    'human'
    """
    options = list(names)
    found = difflib.get_close_matches(name, options, n=1, cutoff=0.4)
    return found[0] if found else ""


def hint(name: str, names: Iterable[str]) -> str:
    """Return the end of a refusal that names the nearest valid name, "" where none is close.

    >>> hint("humn", ["human", "lab"]), hint("x", ["human", "lab"])
    ("; nearest: 'human'", '')
    """
    close = nearest(name, names)
    return f"; nearest: '{close}'" if close else ""


def unknown(kind: str, name: str, names: Iterable[str]) -> InputError:
    """Return the error for a name that does not exist.

    >>> str(unknown("section", "humn", ["human", "lab"]))
    "unknown section 'humn'; nearest: 'human'"
    >>> str(unknown("parameter", "lab.equity_world_max_usd_per_year", []))
    "parameter 'lab.equity_world_max_usd_per_year' is no more: equity follows the expected market; use 'lab.equity_share_per_year'"
    """
    if kind == "parameter" and name in REMOVED:
        return InputError(f"parameter '{name}' is no more: {REMOVED[name]}")
    said = name if name.isprintable() else repr(name)[1:-1]
    return InputError(f"unknown {kind} '{said if len(said) <= 60 else said[:57] + '...'}'{hint(name, names)}")


@contextlib.contextmanager
def within(where: str) -> Iterator[None]:
    """Put the name of a file before what is refused of what it says."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None

"""The one error for bad input: one clear line with the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Input that the model refuses; the message is one line naming value, unit, range or nearest name."""


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
    """
    return InputError(f"unknown {kind} '{name}'{hint(name, names)}")

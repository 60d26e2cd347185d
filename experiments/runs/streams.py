"""Standard streams that are closed, full or without a reader: the work goes on, and its result is written."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import IO, Any


def say(text: str) -> None:
    """Print a line on stderr; what cannot be shown is dropped, since nobody's work ends with its reader."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201
    except (OSError, ValueError):
        mute(sys.stderr)


def mute(stream: IO[str]) -> None:
    """Give to the null device what a stream has left to write and what will be written to it."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def open_closed() -> None:
    """Open what was closed (`>&-`) on the null device, for processes too, so that no other file takes its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            null = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - for the rest of the process
            os.set_inheritable(null.fileno(), True)
            setattr(sys, name, null)


class Unwritten(Exception):
    """Standard output does not take what is printed; the cause says why."""


class Output:
    """Standard output whose errors are told from those of files and pipes of our own."""

    def __init__(self, stream: IO[str]) -> None:
        """Stand before the stream."""
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        """Return what else the stream has."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text."""
        return int(self._try(self._stream.write, text))

    def flush(self) -> None:
        """Write what is left to write."""
        self._try(self._stream.flush)

    def _try(self, action: Callable[..., Any], *given: str) -> Any:
        try:
            return action(*given)
        except OSError as error:
            mute(self._stream)
            raise Unwritten from error

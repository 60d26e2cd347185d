"""How commands end: their exit statuses, and the line that says why."""

from __future__ import annotations

import argparse
import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from experiments.runs.streams import say
from model.core.renamed import Renamed

#: Declares a command: name, what does it, help.
Command = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
#: Help of the option of several.
PLUGIN = "import a module, or an installed plug-in by name, that adds to the model (repeatable)"
BAD_INPUT, BROKEN, INTERRUPTED = 2, 3, 130


@contextlib.contextmanager
def former_names_said() -> Iterator[None]:
    """Say of each former name that is given, once and in one line, what it is called now."""
    said: set[str] = set()
    other = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, Renamed):
            other(message, category, *where, **more)
        elif str(message) not in said:
            said.add(str(message))
            say(f"economy: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", Renamed)
        warnings.showwarning = show
        yield


def fail(message: object, status: int, debug: bool) -> int:
    """Say in one line why a command ends; return its status."""
    if debug and sys.exc_info()[0] is not None:
        import traceback

        say(traceback.format_exc().rstrip())
    say("economy: " + " ".join(str(message).split()))
    return status

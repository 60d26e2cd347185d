"""How commands end: their exit statuses, and the line that says why."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from experiments.runs.streams import say

#: Declares a command: name, what does it, help.
Command = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
#: Help of the option of several.
PLUGIN = "import a module, or an installed plug-in by name, that adds to the model (repeatable)"
BAD_INPUT, BROKEN, INTERRUPTED = 2, 3, 130


def fail(message: object, status: int, debug: bool) -> int:
    """Say in one line why a command ends; return its status."""
    if debug and sys.exc_info()[0] is not None:
        import traceback

        say(traceback.format_exc().rstrip())
    say("economy: " + " ".join(str(message).split()))
    return status

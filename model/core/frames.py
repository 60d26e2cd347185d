"""Tables of polars: its threads do not survive a fork, and a process without them would wait for ever."""

from __future__ import annotations

import os
import sys

from model.core.errors import InputError

_forked = False


def _after_fork() -> None:
    global _forked
    _forked = _forked or "polars" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def check_process() -> None:
    """Refuse to make tables in a process that was forked after polars was imported; called before each use of it.

    Raises
    ------
    InputError
    """
    if _forked:
        raise InputError(
            "tables cannot be made here: this process was forked after polars was imported, whose threads a fork leaves behind;"
            " start processes by spawn: multiprocessing.get_context('spawn')"
        )

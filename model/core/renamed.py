"""Names of the version before, still understood as input: a warning of one line says the name of today."""

from __future__ import annotations

import sys
import warnings

#: Packages whose own frames a warning skips, so that it points at the user's line.
OURS = ("model", "agents", "experiments", "inference_economy")


class Renamed(DeprecationWarning):
    """A former name was given; the message is one line naming the new one."""


def renamed(kind: str, former: str, now: str) -> str:
    """Return the name of today, and warn that the former one goes with the next version."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(
        f"{kind} '{former}' is now called '{now}'; the next version no longer knows '{former}'",
        Renamed,
        stacklevel=level,
    )
    return now

"""Waits of tests: for something to be so, never for a time to pass."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

#: Between two looks, and how many there are: two minutes, after which what is waited for does not come.
STEP_S, LOOKS = 0.02, 6_000


def until(ready: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something is so, or the process has ended that was to bring it."""
    for _ in range(LOOKS):
        if ready() or (process is not None and process.poll() is not None):
            return
        time.sleep(STEP_S)
    if process is not None:
        process.kill()
    raise AssertionError("it does not come" if process is None else process.communicate())

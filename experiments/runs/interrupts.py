"""Ctrl-C and SIGTERM: the first ends the work in order, those that follow do not disturb it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from typing import Any

#: What asks a command to end: Ctrl-C; schedulers and kill; a terminal that is closed.
ENDINGS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
#: Seconds until a KeyboardInterrupt that was raised where it cannot be heard (a destructor) is tried again.
AGAIN_SECONDS = 0.1

_heard = False  # one was raised: the work is ending
_waiting = 0  # the signal that came while held back
_depth = 0  # how often `held` is entered


def _end(number: int, frame: Any) -> None:
    global _heard, _waiting
    if _depth:
        _waiting = number
    elif not _heard:
        _heard = True
        raise KeyboardInterrupt


def heard() -> bool:
    """Return whether the work is ending: what fails from then on fails for that."""
    return _heard


def _main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def first_only(numbers: tuple[int, ...] = (signal.SIGINT,), for_good: bool = False) -> Iterator[None]:
    """Raise KeyboardInterrupt at the first of these signals and drop those that follow, until the end of the ``with``.

    What this process ignores stays ignored (nohup, background jobs of a script), and what somebody else handles is left to
    them. Only in the main thread; inside another such ``with`` nothing changes. `for_good`: after an interrupt the signals are
    ignored for the rest of the process, which ends now.
    """
    global _heard, _waiting
    default = (signal.default_int_handler, signal.SIG_DFL)
    ours = [n for n in numbers if signal.getsignal(n) in default] if _main_thread() else []
    if not ours or _end in map(signal.getsignal, ENDINGS):
        yield
        return
    before, unheard = {n: signal.getsignal(n) for n in ours}, sys.unraisablehook

    def again(lost: Any) -> None:
        global _heard
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            unheard(lost)
            return
        _heard = False
        threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), ours[0])).start()

    _heard, _waiting = False, 0
    sys.unraisablehook = again
    for n in ours:
        signal.signal(n, _end)
    try:
        yield
    finally:
        with held():
            for n in ours:
                signal.signal(n, signal.SIG_IGN if for_good and _heard else before[n])
            sys.unraisablehook = unheard
        _heard = False


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hold back what `first_only` listens to until the end of the ``with``: locks of pools must not be left half taken."""
    global _depth, _heard
    if not _main_thread():
        yield
        return
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _waiting and not (_depth or _heard):
            _heard = True
            raise KeyboardInterrupt


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Hold signals back while processes start, which inherit that they do not hear Ctrl-C; only in the main thread."""
    if not _main_thread():
        yield
        return
    resource_tracker.ensure_running()  # it would unblock the signal, once
    with held():
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

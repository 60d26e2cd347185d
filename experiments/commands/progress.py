"""Progress of long work on stderr: a bar on a terminal, now and then a plain line otherwise."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from experiments.runs.streams import mute, say

if TYPE_CHECKING:
    from experiments.runs.engine import Progress

LINE_SECONDS, QUIET_SECONDS = 5.0, 60.0


@contextlib.contextmanager
def _dropped() -> Iterator[None]:
    """Drop what a terminal that is gone does not take."""
    try:
        yield
    except OSError:
        mute(sys.stderr)


class Shown:
    """Shows how far work is; closed at its end.

    Parameters
    ----------
    what : str
        What is being done, the label of the bar.
    """

    def __init__(self, what: str = "simulating") -> None:
        self.what = what
        self._bar: Any = None
        self._task: Any = None
        self._began = self._said = time.monotonic()
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def line(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        if self._bar is None:
            say(text)
            return
        with _dropped():
            self._bar.console.print(text, markup=False, highlight=False)

    def show(self, done: float, total: float, text: str, *, every: float = LINE_SECONDS, always: bool = False) -> None:
        """Show `text` beside the bar, or as a line where the last is `every` seconds old.

        A line that says nothing new comes once a minute, so that a wait is not silence.
        """
        if sys.stderr.isatty():
            with _dropped():
                if self._bar is None:
                    from rich.console import Console
                    from rich.progress import Progress as Bar

                    self._bar = Bar(console=Console(stderr=True), transient=True)
                    self._task = self._bar.add_task(self.what, total=total)
                    self._bar.start()
                self._bar.update(self._task, completed=done, total=total, description=f"{self.what}: {text}")
            return
        now = time.monotonic()
        if always or now - self._said >= (every if text != self._last else max(every, QUIET_SECONDS)):
            self._said, self._last = now, text
            self.line(text)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            with _dropped():
                self._bar.stop()
            self._bar = None


class RunProgress(Shown):
    """Progress of a run: months done of all."""

    def __call__(self, done: int, total: int, finished: int) -> None:
        """Show months done, months in all, seeds finished."""
        seconds = time.monotonic() - self._began
        self.show(done, total, f"{done} of {total} months, {finished} seeds finished, {seconds:.0f} s", every=10.0)


class SweepProgress(Shown):
    """Progress of a sweep; `last` is what was told last."""

    last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Show runs kept, errors, runs per minute, time left; first what was found in the store."""
        if self.last is None:
            for note in progress.notes():
                self.line(note)
        ended = progress.kept == progress.total and (self.last is None or self.last.kept < progress.total)
        first = self.last is None
        self.last = progress
        self.show(progress.kept, progress.total, str(progress), always=ended or first)

    def stage(self, name: str, progress: Progress) -> None:
        """Show one of several sweeps, named."""
        if name != self.what:
            self.what, self.last = name, None
            if not sys.stderr.isatty():
                self.line(f"{name}:")
        self(progress)

    def kept(self, out: str) -> str:
        """Return what is left after an interrupt."""
        kept = f"{self.last.kept} of {self.last.total} runs are kept in {out}" if self.last else "nothing was run"
        return f"stopped by the user; {kept}; the same command goes on"

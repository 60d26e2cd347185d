"""Two scenarios on common random numbers, run in a thread while the page goes on; drawn with their paired difference."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl

from experiments.figures import share as figures_share
from experiments.page.blocks import Choice, paragraph, picture, table
from experiments.page.state import State, loaded
from experiments.report.printed import comparison_tables
from experiments.studies.comparison import Comparison, paired

if TYPE_CHECKING:
    from experiments.page.player import Part, Scene

EMPTY = "Move a lever or choose a scenario: that is B. Choose A, then run the comparison: both with the same seeds, so that seed noise cancels."


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


def run(state: State, pairs: int, on_progress: Callable[[int, int], None], months: int | None = None) -> Comparison:
    """Return the scenario held against (A) beside the state's (B): every month, paired by seed."""
    found = paired(
        loaded(state.option("against")),
        state.settings,
        seeds=pairs,
        first_seed=state.seed,
        humans=state.humans,
        months=months or min(state.months, loaded(state.option("against")).months),
        months_at="all",
        workers=1,
        on_progress=on_progress,
    )
    many = f", {len(state.changes)} change{'s' if len(state.changes) > 1 else ''}" if state.changes else ""
    return dataclasses.replace(found, names=(found.names[0], f"{state.scenario}{many}"))


def parquet(frame: pl.DataFrame) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def view(scene: Scene) -> list[Part]:
    """Return both runs, their difference and both crossovers, of the comparison that was run last."""
    found: Comparison | None = scene.extra
    if found is None:
        return [paragraph(EMPTY, kind="empty")]
    series = found.rows["series"].unique(maintain_order=True).to_list()
    name = scene.state.option("series")
    name = name if name in series else series[0]
    items = tuple((s, s.replace("_", " ")) for s in series)
    effects, crossed = comparison_tables(found)
    first = "The runs do not differ in any recorded series."
    if found.diverged is not None:
        month, names = found.diverged
        first = f"The runs are the same to the bit before {month}; then {', '.join(names[:3])} differ first."
    return [
        Choice("series", "Series", items, name),
        picture("two-scenarios", figures_share.difference(found, name, 300 if scene.narrow else 720)),
        table(crossed.head, crossed.rows, range(crossed.words), crossed.title),
        table(effects.head, effects.rows, range(effects.words), effects.title),
        paragraph(first, kind="small"),
    ]

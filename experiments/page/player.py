"""One economy played in a thread of its own: to a month, at a speed, drawn as it goes; a newer wish ends an older one."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from experiments.page.blocks import Block, Html
from experiments.page.charts import quickly
from experiments.page.state import State
from experiments.runs import answer
from model.core.units import month_date
from model.economy import InferenceEconomy
from model.results import tables
from model.results.measures import Crossover

#: Seconds between two looks at what is wished, and between two pictures.
SLICE, FRAME = 0.15, 0.25


@dataclass(frozen=True)
class Summary:
    """A run so far in numbers; `found` has no values before the first month."""

    run: tuple[Any, ...]
    found: answer.Counts
    monthly: pl.DataFrame
    compute: pl.DataFrame

    @functools.cached_property
    def crossings(self) -> dict[str, list[Crossover]]:
        """Return when each definition's share crossed one half; a view asks many times."""
        return answer.crossings(self.found)


@dataclass(frozen=True)
class Scene:
    """What views draw from: the economy at rest, its state, and the scenario as shipped."""

    economy: InferenceEconomy
    state: State
    now: Summary
    shipped: Summary | None = None
    playing: bool = False
    narrow: bool = False
    extra: Any = None
    life: list[dict[str, Any]] = field(default_factory=list)


Part = Block | Callable[[], Block]


@dataclass(frozen=True)
class Frame:
    """A picture of a run: what was drawn, of what, in which month."""

    state: State
    month: int
    label: str
    tiles: str = ""
    blocks: tuple[Block, ...] = ()
    error: str = ""
    whole: bool = True


@dataclass
class Wish:
    """What the page wants: a state, whether it plays and how fast (months a second), and on how wide a screen."""

    state: State = field(default_factory=State)
    playing: bool = False
    speed: float = 6.0
    narrow: bool = False
    extra: Any = None


class Player:
    """Runs and draws what is wished.

    Parameters
    ----------
    draw : callable
        Returns (tiles, parts) of a scene; a part is a block, or a function that makes one and may take its time.
    show : callable
        Called with each frame, from the player's thread.
    tell : callable
        Called with the month while a run is under way.
    """

    def __init__(
        self,
        draw: Callable[[Scene], tuple[str, list[Part]]],
        show: Callable[[Frame], None],
        tell: Callable[[int], None],
    ) -> None:
        self._draw, self._show, self._tell = draw, show, tell
        self._wish, self._number, self._done = Wish(), 0, -1
        self._changed = threading.Condition()
        self._closed = False
        self._caught = 0  # month to come to without a pause
        self._economy: InferenceEconomy | None = None
        self._run: tuple[Any, ...] = ()
        self._watched: tuple[str, int] | None = None
        self._life: list[dict[str, Any]] = []
        self._summary: Summary | None = None
        self._drawn: tuple[str, tuple[Block, ...]] = ("", ())
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._work, daemon=True, name="economy-player")
        self._thread.start()

    def ask(self, wish: Wish) -> None:
        """Wish for something else."""
        with self._changed:
            self._wish, self._number = wish, self._number + 1
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread and free the economy."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def monthly(self) -> pl.DataFrame:
        """Return the monthly series so far, seed first."""
        with self._lock:
            return pl.DataFrame() if self._economy is None else series(self._economy)

    # --- The thread ------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or self._number != self._done)
                    if self._closed:
                        return
                    wish, number = self._wish, self._number
                try:
                    self._serve(wish, number)
                except Exception as error:
                    self._forget()
                    words = " ".join(f"{error}".split()) or type(error).__name__
                    self._show(Frame(wish.state, 0, "", error=words))
                self._done = number
        finally:
            self._forget()

    def _other(self, number: int) -> bool:
        return self._closed or self._number != number

    def _serve(self, wish: Wish, number: int) -> None:
        """Run to the wished month and draw; return early if something else is wished."""
        state = wish.state
        economy = self._economy
        reached = 0 if economy is None else economy.month
        other = self._run != state.run or (state.watched is not None and state.watched != self._watched)
        if economy is None or other or (not wish.playing and economy.month > state.goal):
            with self._lock:
                self._forget()
                self._economy = InferenceEconomy(state.settings, seed=state.seed)
                self._run, self._watched, self._life = state.run, state.watched, []
        self._caught = min(max(reached, self._caught), state.months) if wish.playing else state.goal
        if not self._advance(self._caught, number):
            return
        self._caught = 0
        if wish.playing:
            self._play(wish, number)
        if self._other(number):
            return
        pending = bool(state.changes) and (self._summary is None or self._summary.run != state.as_shipped.run)
        self._frame(wish, number, pending)
        if pending and self._summarise(state, number) and not self._other(number):
            self._frame(wish, number)

    def _advance(self, goal: int, number: int) -> bool:
        """Step to a month; return whether it was reached before another wish came."""
        said = time.monotonic()
        while self._economy is not None and self._economy.month < goal:
            with self._lock:
                self._economy.step()
                self._follow(self._economy)
            if self._other(number):
                return False
            if time.monotonic() - said > SLICE:
                said = time.monotonic()
                self._tell(self._economy.month)
        return True

    def _follow(self, e: InferenceEconomy) -> None:
        """Keep this month's state of the agent that is watched."""
        kind, number = self._watched or ("", 0)
        rows = e.kinds[kind][1] if kind in e.kinds else None
        at = np.flatnonzero(rows.id == number) if rows is not None else ()
        if rows is not None and len(at):
            state = {name: float(getattr(rows, name)[at[0]]) for name in rows.columns()}
            self._life.append({"month": month_date(e.month - 1, e.settings.start), **state})

    def _play(self, wish: Wish, number: int) -> None:
        """Step by the clock and draw as often as drawing allows, to the end of the run."""
        economy = self._economy
        began, first, drawn = time.monotonic(), economy.month if economy else 0, 0.0
        while economy is not None and economy.month < wish.state.months and not self._other(number):
            due = first + int((time.monotonic() - began) * wish.speed) + 1
            if not self._advance(min(due, wish.state.months), number):
                return
            if time.monotonic() - drawn > FRAME or economy.month == wish.state.months:
                self._frame(wish, number)
                drawn = time.monotonic()
            else:
                self._tell(economy.month)
            with self._changed:
                left = (economy.month - first) / wish.speed - (time.monotonic() - began)
                self._changed.wait_for(lambda: self._other(number), timeout=max(left, 0.0))

    def _frame(self, wish: Wish, number: int, pending: bool = False) -> None:
        """Show the view; if it takes long, what is quick first and the rest as it is made, beside what stood there."""
        economy = self._economy
        if economy is None:
            return
        with self._lock, quickly():
            tiles, parts = self._draw(self._scene(economy, wish))
        label = economy.recorder.months[-1] if economy.recorder.months else "opening"
        before = self._drawn[1] if self._drawn[0] == wish.state.view else ()
        blocks: list[Block] = []
        said, late = False, time.monotonic() + (SLICE if before else 0.0)
        for part in parts:
            if callable(part):
                if self._other(number):
                    return
                if not said and time.monotonic() >= late:
                    said, i = True, len(blocks)
                    rest = before[i:] if len(before) == len(parts) else tuple(Html("") for _ in parts[i:])
                    self._show(Frame(wish.state, economy.month, label, tiles, (*blocks, *rest), whole=False))
                with self._lock, quickly():
                    part = part()
            blocks.append(part)
        self._drawn = (wish.state.view, tuple(blocks))
        self._show(Frame(wish.state, economy.month, label, tiles, tuple(blocks), whole=not pending))

    def _scene(self, economy: InferenceEconomy, wish: Wish) -> Scene:
        kept = summary(economy, wish.state)
        if economy.month == wish.state.months and not wish.state.changes:
            self._summary = kept
        against = self._summary if wish.state.changes and self._summary is not None else None
        if against is not None and against.run != wish.state.as_shipped.run:
            against = None
        return Scene(economy, wish.state, kept, against, wish.playing, wish.narrow, wish.extra, self._life)

    def _summarise(self, state: State, number: int) -> bool:
        """Run the scenario as shipped to hold the changed one against; return whether that came to its end."""
        plain = state.as_shipped
        economy = InferenceEconomy(plain.settings, seed=plain.seed)
        try:
            while economy.month < economy.months:
                economy.step()
                if self._other(number):
                    return False
            self._summary = summary(economy, plain)
        finally:
            economy.close()
        return True

    def _forget(self) -> None:
        if self._economy is not None:
            self._economy.close()
        self._economy, self._run = None, ()


def summary(economy: InferenceEconomy, state: State) -> Summary:
    """Return numerators, denominators and series of a run so far."""
    monthly = series(economy)
    if not economy.month:
        return Summary(state.run, answer.Counts(economy.settings.start, (economy.seed,), ((),), {}), monthly, monthly)
    compute = seeded(economy, tables.compute(economy, economy.recorder))
    return Summary(state.run, answer.counts(compute, monthly), monthly, compute)


def series(economy: InferenceEconomy) -> pl.DataFrame:
    """Return the monthly series, seed first."""
    return seeded(economy, economy.history)


def seeded(economy: InferenceEconomy, frame: pl.DataFrame) -> pl.DataFrame:
    """Return a table with the seed first and no NaN, as result tables are."""
    plain = frame.with_columns(pl.selectors.float().fill_nan(None))
    return plain.select(pl.lit(economy.seed, dtype=pl.Int64).alias("seed"), pl.all())

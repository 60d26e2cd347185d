"""What a run leaves for the checks: result tables, and by month what each lab earns and spends, each net offers, which caps bind."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from experiments.calibration import observed, operators
from experiments.runs.pool import DONE, Outcome, Task, failure, pack, unpack
from experiments.studies.checks.deviation import Deviation, deviating
from model.core.units import TIERS, month_date
from model.layers import physical
from model.month import STEPS

#: Caps on growth that are declared, and what they hold back: by firm, a level, or a rate that is compared itself.
LEVELS: dict[str, Callable[[Any], Any]] = {
    "lab.budget_growth_max_per_month": lambda e: e.labs.rd_usd,
}
RATES: dict[str, Callable[[Any], Any]] = {
    "lab.growth_max_per_month": lambda e: e.labs.expected_growth,
}
CLOSE = 1e-6
Frames = dict[str, pl.DataFrame]


def at_cap(before: Any, now: Any, cap: float) -> Any:
    """Return whether levels grew by exactly the cap, read as a rate or as a logarithmic one.

    >>> at_cap(np.array([1.0, 1.0, 1.0]), np.array([1.1, np.exp(0.1), 1.2]), 0.1).tolist()
    [True, True, False]
    """
    grown = np.asarray(now) / np.maximum(np.asarray(before), 1e-300)
    return (np.abs(grown - 1.0 - cap) < CLOSE) | (np.abs(grown - np.exp(cap)) < CLOSE)


class Watch:
    """Looks at an economy at the end of each month; it changes nothing."""

    def __init__(self, economy: Any) -> None:
        self.e = economy
        self.n, self.labs = economy.labs.n, list(economy.opening.lab_names)
        self.kinds = [firm.kind for firm in economy.settings.firms["lab"].values()]
        self.rows: dict[str, list[pl.DataFrame]] = {"labs": [], "nets": [], "caps": []}
        self.before = self._levels()

    def add(self) -> None:
        """Take down the month that has ended."""
        e, f = self.e, self.e.last.flows
        done = e.month - 1
        month = pl.lit(month_date(done, e.settings.start), dtype=pl.Date).alias("month")

        def by_lab(x: Any) -> Any:
            return np.asarray(x).reshape(len(TIERS), self.n).sum(axis=0)

        compute = f.research_usd.sum(axis=1)
        labs = {
            "lab": self.labs,
            "lab_kind": self.kinds,
            "revenue_usd": by_lab(f.token_revenue_usd.sum(axis=0)),
            "rents_usd": e.opening.rents_usd * e.labs.rents_kept_share / 12.0,
            "serving_usd": by_lab(f.serving_usd),
            "research_usd": compute,
            "rd_usd": compute + f.staff_usd,
            "tokens": by_lab(f.served_tokens.sum(axis=(0, 2))),
        }
        nets = {
            "lab": self.labs * len(TIERS),
            "tier": np.repeat(TIERS, self.n),
            "released": e.nets.released_month == done,
            "horizon_minutes": e.nets.horizon_minutes.copy(),
            "price_usd_per_token": f.token_usd[:, 0].copy(),  # this month's
            "next_price_usd_per_token": e.nets.price_usd_per_token.copy(),
        }
        now = self._levels()
        caps = [self._cap(name, self.before[name], level) for name, level in now.items()]
        self.before = now
        for name, frame in (("labs", pl.DataFrame(labs)), ("nets", pl.DataFrame(nets)), ("caps", pl.concat(caps))):
            self.rows[name].append(frame.select(month, pl.all()))

    def _levels(self) -> dict[str, Any]:
        watched = {name: of for name, of in (LEVELS | RATES).items() if self._value(name) is not None}
        return {name: np.array(of(self.e), dtype=np.float64) for name, of in watched.items()}

    def _value(self, name: str) -> float | None:
        section, _, key = name.partition(".")
        return getattr(getattr(self.e.params, section, None), key, None)

    def _cap(self, name: str, before: Any, now: Any) -> pl.DataFrame:
        """Return a cap by firm: whether it binds, and the firm's weight."""
        cap = float(self._value(name) or 0.0)
        binds = now >= cap - CLOSE if name in RATES else at_cap(before, now, cap)
        weight = np.ones(now.size) if name in RATES else now
        return pl.DataFrame({"parameter": [name] * now.size, "weight": weight, "binds": binds})

    def frames(self, names: Sequence[str]) -> Frames:
        """Return the tables of these names."""
        e = self.e
        made = {name: pl.concat(rows) for name, rows in self.rows.items() if name in names}
        if "monthly" in names:
            made["monthly"] = e.history
        if "survival" in names:
            lives = physical.survival(np.arange(e.months, dtype=np.float64), e.params.physical)
            made["survival"] = pl.DataFrame(
                {"age": np.arange(e.months), "share": np.cumprod(np.append(1.0, lives[:-1]))}
            )
        seed = pl.lit(e.seed, dtype=pl.Int64).alias("seed")
        made = {name: frame.select(seed, pl.all()) for name, frame in made.items()}
        wanted = {"compute", "flows", "seen"}.intersection(names)
        if wanted:
            tables = e.tables()
            if "seen" in wanted:
                tables["seen"] = operators.seen(observed.wide(tables))
            made |= {name: tables[name] for name in sorted(wanted)}
        return made


def watched(task: Task, frames: Sequence[str], deviations: Mapping[str, Deviation]) -> Outcome:
    """Run one task, with the deviation of its id where there is one, and keep these tables."""
    from model.economy import InferenceEconomy

    began, economy = time.perf_counter(), None
    try:
        deviation = deviations.get(task.id)
        steps = None if deviation is None else deviating(STEPS, deviation)
        economy = InferenceEconomy(task.scenario.with_overrides(task.overrides), seed=task.seed, steps=steps)
        watch = Watch(economy)
        while economy.month < economy.months:
            economy.step()
            watch.add()
        return Outcome(task.id, DONE, time.perf_counter() - began, blob=packed(watch.frames(frames)))
    except Exception as error:
        return failure(task, error, time.perf_counter() - began)
    finally:
        if economy is not None:
            economy.close()


def packed(frames: Frames) -> bytes:
    """Return tables as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as folder:
        for name, frame in frames.items():
            folder.writestr(zipfile.ZipInfo(name), pack(frame))
    return buffer.getvalue()


def unpacked(blob: bytes) -> Frames:
    """Return the tables that `packed` made."""
    with zipfile.ZipFile(io.BytesIO(blob)) as folder:
        return {name: unpack(folder.read(name)) for name in folder.namelist()}

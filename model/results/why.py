"""Why inference and research grew between two months: the exact split by class and factor, shares, the side of labs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from model.core.errors import InputError
from model.core.shown import Shown
from model.core.units import LAB_USES, SERVING, fmt, month_index
from model.results import accounts, measures, record


@dataclass(frozen=True, repr=False)
class Why(Shown):
    """What changed between two months.

    `split` is the change of serving FLOP by class and factor (exact); `research` the factors whose product is the growth of
    R&D hours.
    """

    start: str = ""
    end: str = ""
    split: dict[str, dict[str, float]] | None = None
    flop: tuple[float, float] = (0.0, 0.0)
    share: tuple[float, float] = (0.0, 0.0)
    serving_hours: tuple[float, float] = (0.0, 0.0)
    research_hours: tuple[float, float] = (0.0, 0.0)
    research: dict[str, float] | None = None


def why(r: record.Recorder, start: str, end: str) -> Why:
    """Return what made inference and research grow between two months, Eq. X.5.

    Parameters
    ----------
    r : Recorder
    start, end : str
        Recorded months, 'YYYY-MM', the first before the second.

    Raises
    ------
    InputError
        If a month is not recorded yet or the order is wrong.
    """
    months = r.months
    for month in (start, end):
        month_index(month)  # its form
        if month not in months:
            span = f"recorded: {months[0]} to {months[-1]}" if months else "no month has run yet"
            near = f"; nearest: '{min(max(month, months[0]), months[-1])}'" if months else ""
            raise InputError(f"month = {month!r}: {span}{near}")
    i, j = months.index(start), months.index(end)
    if i >= j:
        raise InputError(f"months {start!r} and {end!r}: the first must come before the second")
    names = [[record.NAMES.index(f"{q}_of_{c}") for c in accounts.KAYA_CLASSES] for q in accounts.KAYA_QUANTITIES]
    before, after = (np.array(r.rows[k])[names] for k in (i, j))
    parts = accounts.kaya(before, after)
    split = {
        group: {factor: float(parts[r, c]) for r, factor in enumerate(accounts.KAYA_FACTORS)}
        for c, group in enumerate(accounts.KAYA_CLASSES)
    }
    hours = [r.work[k][1] for k in (i, j)]
    serving = (float(hours[0][SERVING].sum()), float(hours[1][SERVING].sum()))
    research = (float(hours[0][LAB_USES].sum()), float(hours[1][LAB_USES].sum()))
    share = (_at(r, i, measures.PREFIX + measures.HEADLINE), _at(r, j, measures.PREFIX + measures.HEADLINE))
    factors = _research(r, i, j, research)
    total = (float(before[-1].sum()), float(after[-1].sum()))
    change = total[1] - total[0]
    largest = sorted(((abs(v), g, f, v) for g, row in split.items() for f, v in row.items()), reverse=True)[:3]
    moved = "growth" if change > 0.0 else "fall"
    words = ", by " * bool(change) + "; ".join(
        f"{f.replace('_', ' ')} of {g} ({_rounded(100.0 * v / change):.1f} % of the {moved})"
        for _, g, f, v in largest
        if v and change
    )
    product = ", ".join(f"{name} x {_number(x)}" for name, x in factors.items())
    sentences = (
        f"Serving went from {fmt(total[0], 'FLOP')} to {fmt(total[1], 'FLOP')} a month (x {_ratio(total)}){words}.",
        f"Inference's share of H100e-hours went from {100 * share[0]:.1f} % to {100 * share[1]:.1f} %:"
        f" serving hours x {_ratio(serving)}, R&D hours x {_ratio(research)}.",
        f"R&D hours = {product}.",
    )
    head = ("change of serving FLOP", *(f.replace("_", " ") for f in accounts.KAYA_FACTORS), "all")
    rows = [
        (g, *(_part(v, change) for v in row.values()), _part(math.fsum(row.values()), change))
        for g, row in split.items()
    ]
    sums = [math.fsum(row[f] for row in split.values()) for f in accounts.KAYA_FACTORS]
    rows.append(("all", *(_part(v, change) for v in sums), _part(math.fsum(sums), change)))
    return Why(
        f"Why, {start} to {end}",
        sentences,
        head,
        tuple(rows),
        start,
        end,
        split,
        total,
        share,
        serving,
        research,
        factors,
    )


def _research(r: record.Recorder, i: int, j: int, hours: tuple[float, float]) -> dict[str, float]:
    """Return factors whose product is the growth of R&D hours: revenue, rho, compute's part of R&D, hours a dollar."""
    revenue, rd, compute = (
        (_at(r, i, name), _at(r, j, name)) for name in ("lab_revenue_usd", "lab_rd_usd", "lab_rd_compute_usd")
    )

    def growth(above: tuple[float, float], below: tuple[float, float] = (1.0, 1.0)) -> float:
        first, last = (a / b if b else math.nan for a, b in zip(above, below, strict=True))
        return last / first if first else math.nan

    return {
        "revenue of labs": growth(revenue),
        "R&D over revenue (rho)": growth(rd, revenue),
        "compute's part of R&D": growth(compute, rd),
        "hours a dollar": growth(hours, compute),
    }


def _at(r: record.Recorder, k: int, name: str) -> float:
    return r.rows[k][record.NAMES.index(name)]


def _part(v: float, change: float) -> str:
    return f"{_rounded(100.0 * v / change):+.1f} %" if change else "0 %"


def _rounded(x: float) -> float:
    return round(x, 1) + 0.0  # no minus before zero


def _ratio(pair: tuple[float, float]) -> str:
    return _number(pair[1] / pair[0]) if pair[0] else "-"


def _number(x: float) -> str:
    return f"{x:.3g}" if math.isfinite(x) else "(undefined)"

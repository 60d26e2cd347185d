"""What a sensitivity study prints and writes: who moves the crossover, with intervals, and the pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from experiments.figures.style import png
from experiments.report.printed import Table
from experiments.runs.files import write_files
from experiments.runs.folder import check_study
from experiments.runs.options import extra
from experiments.runs.store import FILE
from experiments.studies.sensitivity import MAIN, OUTCOMES, SCREENING, VARIANCE, Sensitivity
from experiments.sweeps.discovery import BEFORE, Box, available, discover

TABLES = ("screening.csv", "variance.csv", "swings.csv", "boxes.json")
PICTURES = ("tornado.png", "heat_map.png", "boxes.png")
DATES = tuple(o for o in OUTCOMES if o.startswith("crossover"))


def check_folder(out: str) -> Path:
    """Return the folder of a study, or refuse what holds something else.

    Raises
    ------
    InputError
    """
    return check_study(out, {SCREENING, VARIANCE, *TABLES, *PICTURES}, "a sensitivity study", f"{SCREENING}/{FILE}")


def boxes_of(found: Sensitivity) -> list[Box]:
    """Return the boxes of early crossing, by hours and by USD; none where the extra is missing or too few runs tell."""
    if found.sampled is None or not available():
        return []
    boxes = (discover(found.sampled, found.survivors, outcome) for outcome in DATES)
    return [box for box in boxes if box is not None]


def write(found: Sensitivity, boxes: Sequence[Box], folder: Path) -> list[str]:
    """Write tables and pictures, each in one step; return their names."""
    from experiments.figures import sensitivity as figures

    files: dict[str, bytes] = {"screening.csv": found.screening.write_csv().encode()}
    if found.variance is not None and found.swings is not None:
        files["variance.csv"] = found.variance.write_csv().encode()
        files["swings.csv"] = found.swings.write_csv().encode()
        files["tornado.png"] = png(figures.tornado(found), 2)
    if boxes:
        files["boxes.json"] = (json.dumps([_plain(box) for box in boxes], indent=1) + "\n").encode()
        files["boxes.png"] = png(figures.boxes(found, boxes), 2)
    files["heat_map.png"] = png(figures.heat_map(found), 2)
    written = write_files(files, folder)
    for name in {*TABLES, *PICTURES} - set(files):  # of an earlier study
        (folder / name).unlink(missing_ok=True)
    return written


def to_json(found: Sensitivity, boxes: Sequence[Box]) -> dict[str, Any]:
    """Return the study as plain values."""
    return {
        "scenario": found.scenario,
        "preset": found.preset,
        "censored": found.censored,
        "survivors": list(found.survivors),
        "screening": found.screening.to_dicts(),
        "variance": [] if found.variance is None else found.variance.to_dicts(),
        "boxes": [_plain(box) for box in boxes],
    }


def sentences(found: Sensitivity, boxes: Sequence[Box]) -> list[str]:
    """Return what the study says, a sentence each."""
    stages = [x for x in (found.screened, found.sampled) if x is not None]
    runs = sum(x.height for x in stages)
    failed = sum(x.filter(pl.col("status") == "error").height for x in stages)
    out = [
        f"{runs} runs of '{found.scenario}' over declared ranges (what is possible, not what is likely), one seed."
        + (f" {failed} ended in an error and do not count." if failed else "")
    ]
    last = stages[-1]
    for outcome in DATES:
        crossed: Any = last[outcome.replace("over", "ed", 1)].mean()
        soon: Any = (last[outcome] < BEFORE).mean()
        never, early = 1.0 - float(crossed or 0.0), float(soon or 0.0)
        out.append(
            f"{_words(outcome)}: {100 * never:.0f} % of the runs never cross one half; they count as "
            f"{found.censored}, so effects on the date are lower bounds. {100 * early:.0f} % pass before {BEFORE}."
        )
    out += [_movers(found, outcome) for outcome in DATES]
    for box in boxes:
        limits = "; ".join(f"{x.parameter} {_interval(x)}" for x in box.limits)
        out.append(
            f"{_words(box.outcome)} before {BEFORE}: {100 * box.density:.0f} % of the runs with {limits} "
            f"({100 * box.rate:.0f} % of all runs); {100 * box.coverage:.0f} % of the early ones are there."
        )
    if found.sampled is not None and not available():
        out.append(f"PRIM {extra('discovery')}.")
    return out


def _movers(found: Sensitivity, outcome: str) -> str:
    """Name the parameters whose interval leaves zero out, strongest first."""
    if found.variance is not None:
        rows = found.variance.filter(pl.col("outcome") == outcome).drop_nulls("total").sort("total", descending=True)
        told = [r for r in rows.iter_rows(named=True) if r["total_low"] > 0.0]
        text = [f"{r['parameter']} {r['total']:.2f} [{r['total_low']:.2f}, {r['total_high']:.2f}]" for r in told]
        how = "share of its variance with interactions, 95 % interval"
    else:
        rows = found.screening.filter(pl.col("outcome") == outcome).drop_nulls("low").sort("mu_star", descending=True)
        told = [r for r in rows.iter_rows(named=True) if r["low"] > 0.0][:6]
        text = [f"{r['parameter']} {r['mu_star']:.1f} [{r['low']:.1f}, {r['high']:.1f}]" for r in told]
        how = "mean effect of its whole range in years, 95 % interval"
    if not text:
        return f"{_words(outcome)}: no parameter is told apart from none; run more."
    return f"{_words(outcome)} is moved by {', '.join(text)} ({how})."


def tables(found: Sensitivity, most: int = 12) -> list[Table]:
    """Return the strongest parameters of the screening, and all Sobol effects."""
    heads = [
        w.replace(", years", "").replace("headline ", "").replace("crossover in ", "crossover, ")
        for w in OUTCOMES.values()
    ]
    main = found.screening.filter(pl.col("outcome") == MAIN).sort("mu_star", descending=True, nulls_last=True)
    names = list(found.survivors) + [n for n in main["parameter"].to_list() if n not in found.survivors]
    by = {(r["outcome"], r["parameter"]): r for r in found.screening.iter_rows(named=True)}
    rows = []
    for name in names[:most]:
        cells = [_cell(by[o, name], "mu_star", "low", "high", 1.0 if o in DATES else 100.0, ".1f") for o in OUTCOMES]
        rows.append((name, *cells))
    words = "mean effect of the whole range, years and points of share"
    out = [Table(f"Screening (Morris): {words} [95 %]", ("parameter", *heads), rows)]
    if found.variance is not None:
        by = {(r["outcome"], r["parameter"]): r for r in found.variance.iter_rows(named=True)}
        rows = [
            (name, *(_cell(by[o, name], "total", "total_low", "total_high", 1.0, ".2f") for o in OUTCOMES))
            for name in found.survivors
        ]
        out.append(Table("Sobol: share of the variance with all interactions [95 %]", ("parameter", *heads), rows))
    return out


def _cell(row: dict[str, Any], value: str, low: str, high: str, unit: float, how: str) -> str:
    x = [None if row[c] is None else unit * row[c] for c in (value, low, high)]
    if x[0] is None:
        return "-"
    return format(x[0], how) + ("" if x[1] is None or x[2] is None else f" [{x[1]:{how}}, {x[2]:{how}}]")


def _words(outcome: str) -> str:
    return OUTCOMES[outcome].partition(",")[0].capitalize().replace("h100e", "H100e").replace("usd", "USD")


def _interval(x: Any) -> str:
    if isinstance(x.low, str):
        return f"one of {x.low}"
    if x.low == x.least:
        return f"up to {x.high:.3g}"
    return f"of {x.low:.3g} and more" if x.high == x.most else f"from {x.low:.3g} to {x.high:.3g}"


def _plain(box: Box) -> dict[str, Any]:
    return {**box._asdict(), "limits": [limit._asdict() for limit in box.limits]}

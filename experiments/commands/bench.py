"""The command that measures the machine: `economy bench`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.commands.exit import Command
from model.core.errors import InputError

if TYPE_CHECKING:
    from experiments.report.printed import Table

FILE = "bench.json"


def add(command: Command) -> None:
    """Declare the command."""
    bench = command("bench", _bench, "speed and memory, with the machine's own yardstick")
    bench.add_argument("--humans", nargs="+", metavar="N", help="sizes, human rows (10000 100000 1000000)")
    bench.add_argument("--months", metavar="N", help="months of each run (168)")
    bench.add_argument("--quick", action="store_true", help="2,000 humans, 60 months, no sweep: seconds, not minutes")
    bench.add_argument("--out", metavar="DIR", help=f"folder for {FILE}")
    bench.add_argument("--json", action="store_true", help="print as JSON")


def _bench(given: argparse.Namespace) -> int:
    from experiments.runs.files import as_json, attempt, raised, write_file
    from experiments.runs.folder import check_study
    from experiments.runs.options import whole_number

    sizes = [whole_number("--humans", text, 2, 100_000_000) or 0 for text in given.humans or ()]
    months = whole_number("--months", given.months, 1, 1200)
    folder = None if given.out is None else check_study(given.out, (FILE,), "a bench")
    if folder is not None:
        _check_ours(folder / FILE)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    from experiments.benchmarks import bench
    from experiments.commands.progress import Shown

    with Shown("measuring") as shown:
        found = bench.measure(
            sorted(set(sizes)) or (bench.QUICK_HUMANS if given.quick else bench.HUMANS),
            months or (bench.QUICK_MONTHS if given.quick else bench.MONTHS),
            given.quick,
            tell=lambda text: shown.show(0, 1, text, always=True),
        )
    failed = None if folder is None else attempt(lambda: write_file(folder / FILE, as_json(found)))[1]
    if given.json:
        sys.stdout.write(json.dumps(found, indent=1, allow_nan=False) + "\n")
        return raised(failed)
    from experiments.report.printed import Screen, show_tables

    console = Screen(120)
    show_tables(tables(found), console)
    for line in notes(found):
        console.print(line, highlight=False)
    return raised(failed)


def _check_ours(path: Path) -> None:
    """Refuse a file that no bench has written."""
    with contextlib.suppress(FileNotFoundError):
        try:
            ours = set(json.loads(path.read_text(encoding="utf-8"))) >= {"machine", "figures", "targets"}
        except (ValueError, TypeError, RecursionError):
            ours = False
        if not ours:
            raise InputError(f"--out: {str(path)!r} is none of a bench; name another folder")


def tables(found: dict[str, Any]) -> list[Table]:
    """Return the figures as tables for people."""
    from experiments.report.printed import Table

    sizes = found["sizes"]
    head = ("", *(f"{s['humans']:,} humans" for s in sizes))
    rows: list[tuple[str, ...]] = [
        ("consumers, ns per human-month (mean)", *(f"{s['consumer']['ns']:.0f}" for s in sizes)),
        ("whole economy, ns per human-month (mean)", *(f"{s['whole']['ns']:.0f}" for s in sizes)),
        ("  first six months", *(f"{s['whole']['first_six_ns']:.0f}" for s in sizes)),
        ("  last twelve months", *(f"{s['whole']['last_twelve_ns']:.0f}" for s in sizes)),
        ("streaming the state once, ns per human", *(f"{s['streaming_ns']:.1f}" for s in sizes)),
        ("consumers over streaming", *(f"x{s['consumer_over_streaming']:.0f}" for s in sizes)),
        ("whole economy over streaming", *(f"x{s['whole_over_streaming']:.0f}" for s in sizes)),
        ("plain Mesa objects, ns per human-month", *_of_twin(sizes, "ns", "{:.0f}")),
        ("plain Mesa objects over arrays", *_of_twin(sizes, "over_arrays", "x{:.0f}")),
        ("largest relative difference of the two", *_of_twin(sizes, "largest_difference", "{:.0e}")),
        ("bytes per human, tables and network", *(f"{s['bytes']['all']:.0f}" for s in sizes)),
        ("  network alone", *(f"{s['bytes']['network']:.0f}" for s in sizes)),
    ]
    found_tables = [Table(f"A month, {found['months']} months run, processor time", head, rows)]
    aims: list[tuple[str, ...]] = [
        (name, f"{found['figures'][name]:.3g}", f"{aim['bound']} {aim['value']:g}", _verdict(found, name))
        for name, aim in found["targets"].items()
    ]
    found_tables.append(Table("Aims", ("figure", "measured", "aim", ""), aims))
    return found_tables


def _of_twin(sizes: list[dict[str, Any]], name: str, form: str) -> list[str]:
    return ["-" if s["twin"] is None else form.format(s["twin"][name]) for s in sizes]


def _verdict(found: dict[str, Any], name: str) -> str:
    value, aim = found["figures"][name], found["targets"][name]
    return "met" if (value >= aim["value"] if aim["bound"] == ">=" else value <= aim["value"]) else "missed"


def notes(found: dict[str, Any]) -> list[str]:
    """Return what else was measured, and under which conditions, a sentence each."""
    m = found["machine"]
    out = [f"Copy bandwidth of one process: {found['copy_bytes_per_s'] / 1e9:.1f} GB/s, read and written."]
    if found["run"] is not None:
        r = found["run"]
        out.append(f"A default run after imports: {r['cpu']:.2f} s; its result tables {r['tables_cpu']:.2f} s.")
    out.append(f"economy --help: {found['help_seconds']:.2f} s.")
    if found["sweep"] is not None:
        s = found["sweep"]
        out.append(
            f"Sweep, {s['workers']} workers, {s['runs']} runs of {s['humans']:,} humans: {s['efficiency']:.2f} of as many bare "
            f"processes, {s['with_start']:.2f} with their start."
        )
    twins = [s["twin"] for s in found["sizes"] if s["twin"] is not None]
    if twins:
        out.append(
            f"Plain Mesa objects were timed for one month, the {twins[0]['month'] + 1}th, garbage collector off."
        )
    if found["quick"]:
        out.append("Quick: few humans and months, no sweep, no default run; the aims are for larger sizes.")
    load = "" if m["load_before"] is None else f"; load {m['load_before']:.1f} before, {m['load_after']:.1f} after"
    out.append(f"{m['processors']} processors, Python {m['python']}, NumPy {m['numpy']}, Mesa {m['mesa']}{load}.")
    return out

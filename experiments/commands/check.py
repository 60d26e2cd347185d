"""The command that judges the economy: `economy check`. Runs are kept, the same command goes on."""

from __future__ import annotations

import argparse
import json
import sys

from experiments.commands.exit import Command
from experiments.commands.kept import RUNS, add_where, chosen, resumable, study_folder
from experiments.commands.progress import SweepProgress
from experiments.runs.files import attempt, raised, write_files

FILE = "check.csv"


def add(command: Command) -> None:
    """Declare the command."""
    check = command(
        "check",
        resumable(_check),
        "checks by effect, E01 to E16: does what must come out of the economy come out? status 0 whatever the verdicts",
    )
    check.add_argument("scenario", nargs="?", default="baseline", help="shipped name or TOML file")
    check.add_argument("--draws", metavar="N", help="posterior draws (16; quick: 4)")
    check.add_argument("--seeds", metavar="N", help="paired seeds of E02, E03, E09, E15 (4, 16, 4, 8)")
    check.add_argument(
        "--quick", action="store_true", help="rows of the posterior draws alone: E01, E04-E08, E10-E12, E16"
    )
    check.add_argument("--humans", metavar="N", help="human rows: the resolution, not the population")
    check.add_argument("--months", metavar="N", help="months to run; rows that need more are not measured")
    add_where(check)
    check.add_argument("--out", metavar="DIR", default="results/check", help="folder (results/check); goes on there")
    check.add_argument("--json", action="store_true", help="print the rows as JSON")


def _check(given: argparse.Namespace, progress: SweepProgress) -> int:
    from experiments.runs.options import DRAWS_MAX, whole_number

    draws = whole_number("--draws", given.draws, 1, DRAWS_MAX)
    humans = whole_number("--humans", given.humans, 1, 100_000_000)
    months = whole_number("--months", given.months, 1, 1200)
    seeds = whole_number("--seeds", given.seeds, 2, 1000)
    where = chosen(given)
    from experiments.report import fits
    from experiments.studies.checks import study
    from model.scenario import Scenario

    scenario = Scenario.load(given.scenario)
    folder = study_folder(given.out, FILE)
    rows = study.run(
        scenario,
        draws,
        given.quick,
        humans,
        months,
        seeds=seeds,
        **where,
        on_progress=progress.stage,
        folder=folder / RUNS,
    )
    progress.close()
    text = study.frame(rows).write_csv()
    failed = attempt(lambda: write_files({FILE: text.encode()}, folder))[1]
    if given.json:
        found = {"rows": [row._asdict() for row in rows], "out": None if failed else given.out}
        sys.stdout.write(json.dumps(fits.finite(found), indent=1, allow_nan=False) + "\n")
        return raised(failed)
    from experiments.report.printed import Screen, Table, show_tables

    passed = sum(row.verdict == "pass" for row in rows)
    cells = [(row.id, row.claim, row.obtained, row.bound, row.verdict) for row in rows]
    title = f"Checks by effect: {passed} of {len(rows)} pass; they judge the economy, not the code"
    show_tables([Table(title, ("id", "claim", "obtained", "bound", "verdict"), cells, words=5)], Screen(200))
    if failed is None:
        sys.stdout.write(f"{given.out}: {FILE}\n")
    return raised(failed)

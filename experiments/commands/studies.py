"""The commands that make many runs: sweep, sensitivity."""

from __future__ import annotations

import argparse
import json

from experiments.commands.exit import INTERRUPTED, PLUGIN, Command, fail
from experiments.runs.files import attempt, raised


def add(command: Command) -> None:
    """Declare the commands."""
    sweep = command("sweep", _sweep, "run a design of runs; goes on where it stopped")
    sweep.add_argument("file", metavar="SWEEP.toml", help="scenarios, seeds, design, parameters, what is recorded")
    sweep.add_argument("--out", metavar="DIR", help="folder of the sweep; results/<path of the file> if left out")
    sweep.add_argument("--workers", metavar="N", help="parallel processes")
    sweep.add_argument("--cluster", metavar="ADDRESS", help="dask scheduler, tcp://host:8786; see docs/cluster.md")
    sweep.add_argument("--plugin", action="append", default=[], metavar="MODULE", help=PLUGIN)
    sweep.add_argument("--retry", action="store_true", help="run those again that ended in an error")
    study = command("sensitivity", _sensitivity, "what decides the crossover: Morris screening, then Sobol effects")
    study.add_argument("scenario", nargs="?", default="baseline", help="shipped name or TOML file")
    study.add_argument("--method", default="sobol", help="morris ends after the screening; sobol goes on (sobol)")
    study.add_argument("--preset", default="quick", help="quick: about 400 runs; full: about 11,000 (quick)")
    study.add_argument(
        "--out", metavar="DIR", help="folder of the runs; results/sensitivity-<preset>[-<scenario>] if left out"
    )
    study.add_argument("--workers", metavar="N", help="parallel processes")
    study.add_argument("--cluster", metavar="ADDRESS", help="dask scheduler, tcp://host:8786; see docs/cluster.md")
    study.add_argument("--json", action="store_true", help="print all effects as JSON")


def _sweep(given: argparse.Namespace) -> int:
    from experiments.commands.progress import SweepProgress
    from experiments.runs.options import sweep_folder, whole_number
    from experiments.runs.workers import RunInterrupted
    from experiments.sweeps.sweep import sweep

    workers = whole_number("--workers", given.workers, 1, 1024)
    out = given.out if given.out is not None else sweep_folder(given.file)
    try:
        with SweepProgress() as progress:
            more = {"retry": given.retry, "plugins": given.plugin}
            sweep(given.file, out, workers, cluster=given.cluster, **more, on_progress=progress)
    except RunInterrupted:
        return fail(progress.kept(out), INTERRUPTED, given.debug)
    last = progress.last
    errors = last.errors if last else 0
    print(
        f"{out}/results.parquet: {last.kept if last else 0} runs" + (f", {errors} ended in an error" if errors else "")
    )
    return 1 if errors else 0


def _sensitivity(given: argparse.Namespace) -> int:
    from experiments.commands.progress import SweepProgress
    from experiments.report import findings
    from experiments.runs.options import folder_name, whole_number
    from experiments.runs.workers import RunInterrupted
    from experiments.studies.sensitivity import study

    workers = whole_number("--workers", given.workers, 1, 1024)
    other = "" if given.scenario == "baseline" else f"-{folder_name(given.scenario)}"
    out = given.out if given.out is not None else f"results/sensitivity-{given.preset}{other}"
    folder = findings.check_folder(out)
    progress = SweepProgress()
    try:
        with progress:
            found = study(
                folder,
                given.scenario,
                method=given.method,
                preset=given.preset,
                workers=workers,
                cluster=given.cluster,
                on_progress=progress.stage,
            )
    except RunInterrupted:
        return fail(progress.kept(out), INTERRUPTED, given.debug)
    boxes = findings.boxes_of(found)
    written, failed = attempt(lambda: findings.write(found, boxes, folder))
    if given.json:
        print(json.dumps(findings.to_json(found, boxes), indent=1, allow_nan=False))
        return raised(failed)
    from experiments.report.printed import Screen, show_tables

    console = Screen(140)
    for sentence in findings.sentences(found, boxes):
        console.print(sentence, highlight=False)
    console.print()
    show_tables(findings.tables(found), console)
    if written:
        print(f"{out}: {', '.join(written)}")
    return raised(failed)

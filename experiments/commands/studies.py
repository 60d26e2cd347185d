"""The commands that make many runs: sweep, sensitivity."""

from __future__ import annotations

import argparse
import json

from experiments.commands.exit import PLUGIN, Command
from experiments.commands.kept import add_where, chosen, resumable
from experiments.commands.progress import SweepProgress
from experiments.runs.files import attempt, raised


def add(command: Command) -> None:
    """Declare the commands."""
    sweep = command("sweep", resumable(_sweep), "run a design of runs; goes on where it stopped")
    sweep.add_argument("file", metavar="SWEEP.toml", help="scenarios, seeds, design, parameters, what is recorded")
    sweep.add_argument("--out", metavar="DIR", help="folder of the sweep; results/<path of the file> if left out")
    add_where(sweep)
    sweep.add_argument("--plugin", action="append", default=[], metavar="MODULE", help=PLUGIN)
    sweep.add_argument("--retry", action="store_true", help="run those again that ended in an error")
    study = command(
        "sensitivity", resumable(_sensitivity), "what decides the crossover: Morris screening, then Sobol effects"
    )
    study.add_argument("scenario", nargs="?", default="baseline", help="shipped name or TOML file")
    study.add_argument("--method", default="sobol", help="morris ends after the screening; sobol goes on (sobol)")
    study.add_argument("--preset", default="quick", help="quick: about 400 runs; full: about 11,000 (quick)")
    study.add_argument(
        "--out", metavar="DIR", help="folder of the runs; results/sensitivity-<preset>[-<scenario>] if left out"
    )
    add_where(study)
    study.add_argument("--json", action="store_true", help="print all effects as JSON")


def _sweep(given: argparse.Namespace, progress: SweepProgress) -> int:
    from experiments.runs.options import sweep_folder
    from experiments.sweeps.sweep import sweep

    where = chosen(given)
    out = given.out = given.out if given.out is not None else sweep_folder(given.file)
    sweep(given.file, out, **where, retry=given.retry, plugins=given.plugin, on_progress=progress)
    progress.close()
    last = progress.last
    errors = last.errors if last else 0
    print(
        f"{out}/results.parquet: {last.kept if last else 0} runs" + (f", {errors} ended in an error" if errors else "")
    )
    return 1 if errors else 0


def _sensitivity(given: argparse.Namespace, progress: SweepProgress) -> int:
    from experiments.report import findings
    from experiments.runs.options import folder_name
    from experiments.studies.sensitivity import study

    where = chosen(given)
    other = "" if given.scenario == "baseline" else f"-{folder_name(given.scenario)}"
    out = given.out = given.out if given.out is not None else f"results/sensitivity-{given.preset}{other}"
    folder = findings.check_folder(out)
    found = study(folder, given.scenario, method=given.method, preset=given.preset, **where, on_progress=progress.stage)
    progress.close()
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

"""The commands that run scenarios and list what there is: run, compare, scenarios, parameters, month, replicate, app."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any, cast

from experiments.commands.exit import PLUGIN, Command
from experiments.commands.kept import RUNS, add_where, chosen, resumable, study_folder
from experiments.commands.progress import SweepProgress
from experiments.runs.files import attempt, raised
from experiments.runs.folder import check_target, own_folder
from experiments.runs.streams import say
from model.core.units import percent

if TYPE_CHECKING:
    from experiments.runs.results import Result

#: Months of the baseline that `economy month` times.
TIMED_MONTHS = 36


def add(command: Command) -> None:
    """Declare the commands."""
    run = command("run", _run, "run a scenario and print the answer")
    run.add_argument("scenario", nargs="?", default="baseline", help="shipped name, TOML file or manifest.json")
    run.add_argument(
        "--set", action="append", default=[], metavar="section.name=value", help="change a parameter (repeatable)"
    )
    run.add_argument("--humans", metavar="N", help="human rows: the resolution, not the population")
    run.add_argument("--months", metavar="N", help="months to run")
    run.add_argument("--seed", metavar="S", help="first seed")
    run.add_argument("--seeds", metavar="N", help="number of seeds: S, S+1, ...")
    run.add_argument(
        "--posterior",
        metavar="N",
        help="N draws of the fitted parameters, each with a seed of its own, in place of --seeds",
    )
    run.add_argument("--workers", metavar="N", help="parallel processes")
    run.add_argument(
        "--checkpoint-every",
        metavar="N",
        help="write a checkpoint every N months to DIR.checkpoint, which is removed when the result stands",
    )
    run.add_argument("--resume", action="store_true", help="go on from DIR.checkpoint; the result is the same")
    run.add_argument(
        "--out",
        metavar="DIR",
        help="folder to write; results/<scenario>, or one beside it for other settings, if left out",
    )
    run.add_argument("--plugin", action="append", default=[], metavar="MODULE", help=PLUGIN)
    run.add_argument("--replace", action="store_true", help="replace the result in DIR though its settings were others")
    run.add_argument("--json", action="store_true", help="print the answer as JSON")
    compare = command("compare", _compare, "paired difference of two scenarios on common random numbers")
    compare.add_argument("a", metavar="A", help="shipped name or TOML file")
    compare.add_argument("b", metavar="B", help="shipped name or TOML file")
    compare.add_argument("--seeds", metavar="N", default="8", help="pairs of runs (8)")
    compare.add_argument("--humans", metavar="N", help="human rows: the resolution, not the population")
    compare.add_argument("--months", metavar="N", help="months to run")
    compare.add_argument("--workers", metavar="N", help="parallel processes")
    compare.add_argument("--plugin", action="append", default=[], metavar="MODULE", help=PLUGIN)
    compare.add_argument("--out", metavar="FILE.csv", help="file for the rows, new or from an earlier comparison")
    compare.add_argument("--json", action="store_true", help="print the rows as JSON")
    command("scenarios", _scenarios, "list the shipped scenarios")
    parameters = command("parameters", _parameters, "list every parameter: default, unit, range, meaning, source")
    parameters.add_argument("section", nargs="?", help="one section or parameter only")
    parameters.add_argument("--markdown", action="store_true", help="as a table for documents")
    app = command("app", _app, "open the browser page on this machine")
    app.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="address to serve on (127.0.0.1)")
    app.add_argument("--port", metavar="N", default="8765", help="port; 0 takes a free one (8765)")
    app.add_argument("--no-open", action="store_true", help="do not open a browser")
    command("month", _month, "list the steps of a month: what each reads, gives, changes and costs")
    replicate = command(
        "replicate", resumable(_replicate), "published results by class: formulas, own invariants, facts of the economy"
    )
    replicate.add_argument(
        "--out", metavar="DIR", default="results/replicate", help="folder (results/replicate); goes on there"
    )
    add_where(replicate)
    replicate.add_argument("--json", action="store_true", help="print the rows as JSON")


def _run(given: argparse.Namespace) -> int:
    from experiments.runs.options import DRAWS_MAX, SEED_MAX, SEEDS_MAX, assignments, default_folder, whole_number
    from model.scenario import Scenario

    humans = whole_number("--humans", given.humans, 1, 100_000_000)
    months = whole_number("--months", given.months, 1, 1200)
    seed = whole_number("--seed", given.seed, 0, SEED_MAX)
    seeds = whole_number("--seeds", given.seeds, 1, SEEDS_MAX)
    posterior = whole_number("--posterior", given.posterior, 1, DRAWS_MAX)
    workers = whole_number("--workers", given.workers, 1, 1024)
    checkpoint_every = whole_number("--checkpoint-every", given.checkpoint_every, 1, 1200)
    base = Scenario.load(given.scenario).with_additions(given.plugin)
    overrides = assignments(given.set, base.parameters)
    if given.out is not None:
        check_target(given.out)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    from experiments.commands.progress import RunProgress
    from experiments.report.page import run
    from experiments.runs.plan import planned

    asked: dict[str, Any] = {
        "humans": humans,
        "months": months,
        "seed": ... if seed is None else seed,
        "seeds": ... if seeds is None else seeds,
        "posterior": posterior,
        "overrides": overrides,
    }
    added = {"plugins": given.plugin}
    out = given.out
    if out is None:
        plan = planned(given.scenario, **asked, added=added)
        plain = default_folder(plan.scenario)
        out = plain if given.replace else own_folder(plain, plan.settings())
        if out != plain:
            say(f"{plain} holds a result of other settings and stays; this one goes to {out}")
    kept: dict[str, Any] = {"checkpoint_every": checkpoint_every, "resume": given.resume, "replace": given.replace}
    with RunProgress() as progress:
        found, failed = attempt(
            lambda: run(given.scenario, **asked, **added, **kept, workers=workers, out=out, on_progress=progress)
        )
    result = cast("Result", found)  # what could not be written comes with the error
    if given.json:
        print(json.dumps({**result.to_json(), "out": None if failed else str(out)}, indent=1, allow_nan=False))
    else:
        from experiments.report.printed import Screen, show

        show(result, Screen(110), None if failed else str(out))
    return raised(failed)


def _compare(given: argparse.Namespace) -> int:
    from experiments.runs.options import whole_number

    seeds = whole_number("--seeds", given.seeds, 1, 100_000) or 8
    humans = whole_number("--humans", given.humans, 1, 100_000_000)
    months = whole_number("--months", given.months, 1, 1200)
    workers = whole_number("--workers", given.workers, 1, 1024)
    from experiments.commands.progress import Shown
    from experiments.studies.comparison import paired, save, target

    out = None if given.out is None else target(given.out)

    with Shown("comparing") as shown:
        found = paired(
            given.a,
            given.b,
            seeds=seeds,
            humans=humans,
            months=months,
            workers=workers,
            plugins=given.plugin,
            on_progress=lambda done, total: shown.show(done, total, f"{done} of {total} runs", always=done == total),
        )
    failed = None if out is None else attempt(lambda: save(found, given.out))[1]
    if given.json:
        print(json.dumps(found.to_json(), indent=1, allow_nan=False))
        return raised(failed)
    from experiments.report.printed import Screen, show_comparison

    show_comparison(found, Screen(110))
    if failed is not None:
        print(found.rows.write_csv(), end="")
    return raised(failed)


def _app(given: argparse.Namespace) -> int:
    from experiments.page.serve import serve
    from experiments.runs.options import whole_number

    port = whole_number("--port", given.port, 0, 65_535)
    serve(given.host, 8765 if port is None else port, open_browser=not given.no_open)
    return 0


def _scenarios(given: argparse.Namespace) -> int:
    from model.scenario import Scenario, shipped

    found = {name: Scenario.load(name) for name in shipped()}
    width = max(map(len, found), default=0)
    for name, scenario in found.items():
        print(f"{name:<{width}}  {scenario.title}: {scenario.description}")
    return 0


def _parameters(given: argparse.Namespace) -> int:
    from experiments.report.parameters import listing

    print("\n".join(listing(given.section, given.markdown)))
    return 0


def _replicate(given: argparse.Namespace, progress: SweepProgress) -> int:
    from experiments.calibration import ensemble
    from experiments.replications.laws import STORED, lines, replicate
    from experiments.runs.files import as_json, write_files

    where = chosen(given)
    out = study_folder(given.out, STORED.name)
    with ensemble.made(out / RUNS, **where, tell=progress.stage):
        rows = replicate()
    progress.close()
    failed = attempt(lambda: write_files({STORED.name: as_json(rows)}, out))[1]
    print(json.dumps(rows, indent=1, allow_nan=False) if given.json else "\n".join(lines(rows)))
    return raised(failed) or (1 if any(row["verdict"] == "fail" for row in rows) else 0)


def _month(given: argparse.Namespace) -> int:
    from rich.table import Table

    from experiments.report.printed import Screen
    from model import InferenceEconomy
    from model.month import STEPS

    with InferenceEconomy("baseline", months=TIMED_MONTHS) as economy:
        seconds: dict[str, float] = {}
        economy.seconds_by_step = seconds
        economy.run()
    total = sum(seconds.values())
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("step", "reads", "gives", "changes", "cost", "does"):
        table.add_column(name, justify="right" if name == "cost" else "left", no_wrap=name in ("step", "cost"))
    for step in STEPS:
        cost = percent(seconds[step.name] / total)
        table.add_row(step.name, ", ".join(step.reads), step.gives, ", ".join(step.changes), cost, step.meaning)
    screen = Screen(160)
    screen.print(table, highlight=False)
    screen.print(
        f"e: the world, f: the month's flows, draw: the month's draws. Cost: share of the time of {TIMED_MONTHS} months. Another list:"
        " InferenceEconomy(steps=STEPS.replaced('clear', mine)), STEPS of model.month.",
        highlight=False,
    )
    return 0

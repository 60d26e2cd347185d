"""The commands that hold the model against data: `economy calibrate`, `backtest`, `league`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from experiments.commands.exit import Command
from experiments.commands.kept import RUNS, add_where, chosen, resumable, study_folder
from experiments.commands.progress import SweepProgress
from experiments.runs.files import attempt, raised, write_files

if TYPE_CHECKING:
    from experiments.runs.engine import Progress

LEAGUE = "league.csv"


def add(command: Command) -> None:
    """Declare the commands."""
    fit = command(
        "calibrate",
        resumable(_calibrate),
        "fit to observed series: best parameters, posterior sample, what identifies each",
    )
    fit.add_argument("--until", metavar="YYYY-MM", help="last month of data; all observed rows if left out")
    fit.add_argument(
        "--crossover", action="store_true", help="run prior and posterior to 2035: do the data inform the answer?"
    )
    test = command(
        "backtest", resumable(_backtest), "fit to what was observed before a month, predict and score what came after"
    )
    test.add_argument("--cutoff", metavar="YYYY-MM", help="last month that the fit sees (2024-12)")
    test.add_argument(
        "--observations", metavar="FILE.csv", help="later points: series, date, value; the shipped ones if left out"
    )
    test.add_argument("--rolling", action="store_true", help="four cutoffs: 2023-06, 2023-12, 2024-06, 2024-12 (long)")
    beside = command(
        "league",
        resumable(_league),
        "forecast comparison: this model beside published forecasts and what was realised, denominators stated",
    )
    beside.add_argument("--seeds", metavar="N", help="seeds of the baseline (8)")
    beside.add_argument("--out", metavar="DIR", default="results/league", help="folder (results/league); goes on there")
    add_where(beside)
    beside.add_argument("--json", action="store_true", help="print the rows as JSON")
    for parser, name in ((fit, "calibrate"), (test, "backtest")):
        parser.add_argument(
            "--preset", default="quick", help="quick: minutes; full: up to half an hour on two cores (quick)"
        )
        parser.add_argument(
            "--out", metavar="DIR", help=f"folder; results/{name}-<month>-<preset> if left out; goes on there"
        )
        add_where(parser)
        parser.add_argument("--json", action="store_true", help="print as JSON")


def _calibrate(given: argparse.Namespace, progress: SweepProgress) -> int:
    from experiments.calibration import fit as calibration
    from experiments.calibration import scored
    from experiments.report import fits

    until = calibration.check_month("--until", scored.LAST if given.until is None else given.until)
    preset = calibration.check_preset(given.preset)
    where = chosen(given)
    out = given.out = given.out if given.out is not None else f"results/calibrate-{until}-{given.preset}"
    folder = fits.check_folder(out)
    found = calibration.calibrate(folder / fits.RUNS, until, preset, **where, tell=progress.stage)
    written, failed = attempt(lambda: fits.write(found, folder))
    answer = None
    if given.crossover:
        from experiments.calibration.overlap import informed

        answer = informed(folder / fits.RUNS, found.members, found.weights, **where, tell=progress.stage)
        text = json.dumps(answer.to_json(), indent=1) + "\n"
        more, late = attempt(lambda: write_files({fits.CROSSOVER: text.encode()}, folder))
        written, failed = [*(written or ()), *(more or ())], failed or late
    progress.close()
    facts, rows = fits.facts(found), calibration.summary(found)
    if given.json:
        crossover = {} if answer is None else {"crossover": answer.to_json()}
        _json({**facts, "best": found.best, "parameters": rows, **crossover, "out": out})
        return raised(failed)
    from experiments.report.printed import Screen, show_tables

    console = Screen(140)
    console.print(
        f"Fitted to {facts['n_points']} points of {facts['n_series']} series up to {until} with {facts['runs']} runs: loss (median) "
        f"{facts['loss_prior_median']:.0f} before, {facts['loss_posterior_median']:.0f} after.",
        highlight=False,
    )
    show_tables([fits.table(rows)], console)
    for sentence in answer.sentences() if answer is not None else ():
        console.print(sentence, highlight=False)
    if written:
        console.print(f"{out}: {', '.join(written)}", highlight=False)
    return raised(failed)


def _backtest(given: argparse.Namespace, progress: SweepProgress) -> int:
    from pathlib import Path

    from experiments.calibration import backtest, scored
    from experiments.calibration import fit as calibration
    from experiments.calibration.observations import not_scored, table
    from experiments.report import fits

    cutoffs = backtest.ROLLING if given.rolling else (given.cutoff or backtest.CUTOFF,)
    preset = calibration.check_preset(given.preset)
    where = chosen(given)
    for cutoff in cutoffs:
        backtest.targets(cutoff, given.observations)  # whatever is wrong with the file is said before anything runs
    if given.observations is not None and (named := not_scored(table(given.observations))):
        sys.stderr.write(f"economy: observations {given.observations!r}: {named}\n")
    named = given.out = (
        given.out
        if given.out is not None
        else f"results/backtest-{'rolling' if given.rolling else cutoffs[0]}-{given.preset}"
    )
    folders = [fits.check_folder(str(Path(named) / cutoff) if given.rolling else named) for cutoff in cutoffs]
    found, failed = [], None
    for cutoff, folder in zip(cutoffs, folders, strict=True):

        def tell(what: str, now: Progress, cutoff: str = cutoff) -> None:
            progress.stage(f"{cutoff}, {what}", now)

        done = backtest.backtest(folder / fits.RUNS, cutoff, given.observations, preset, **where, tell=tell)
        for write in (lambda: fits.write(done.fit, folder), lambda: fits.write_backtest(done, folder)):  # noqa: B023
            failed = attempt(write)[1] or failed
        found.append(done)
    progress.close()
    results = [done.to_json() for done in found]
    if given.json:
        _json(results if given.rolling else {**results[0], "out": named})
        return raised(failed)
    from experiments.report.printed import Screen, show_tables

    console = Screen(140)
    last = "the file" if given.observations else scored.LAST
    for result in results:
        console.print(fits.sentence(result, last), highlight=False)
    show_tables([fits.backtest_table(result) for result in results], console)
    if failed is None:
        console.print(f"{named}: {', '.join((*fits.FILES, *fits.BACKTEST))}", highlight=False)
    return raised(failed)


def _json(value: Any) -> None:
    from experiments.report.fits import finite

    sys.stdout.write(json.dumps(finite(value), indent=1, allow_nan=False) + "\n")


def _league(given: argparse.Namespace, progress: SweepProgress) -> int:
    import polars as pl

    from experiments.calibration import ensemble
    from experiments.calibration import forecasts as league
    from experiments.runs.options import whole_number

    seeds = whole_number("--seeds", given.seeds, 1, 1000) or league.SEEDS
    where = chosen(given)
    out = study_folder(given.out, LEAGUE)
    with ensemble.made(out / RUNS, **where, tell=progress.stage):
        rows = league.league(ensemble.baseline(seeds, league.HUMANS))
    progress.close()
    failed = attempt(
        lambda: write_files({LEAGUE: pl.DataFrame(rows, infer_schema_length=None).write_csv().encode()}, out)
    )[1]
    if given.json:
        _json(rows)
        return raised(failed)
    from experiments.report.printed import Screen, Table, show_tables

    cells = []
    for row in rows:
        unit = row["unit"]
        when = row["first"] if row["first"] == row["last"] else f"{row['first']} to {row['last']}"
        span = f"{league.shown(row['model_low'], unit)} to {league.shown(row['model_high'], unit)}"
        quantity = f"{row['quantity']}, {row['denominator']}"
        cells.append(
            (quantity, when, row["who"], league.published(row), league.shown(row["model"], unit), span, row["source"])
        )
    head = ("quantity, denominator", "months", "who", "published", "this model", "P10-P90 of seeds", "source")
    title = f"This model beside published forecasts and what was realised: baseline, median of {seeds} seeds; the interval is seed noise alone"
    show_tables([Table(title, head, cells, words=4)], Screen(200))
    if failed is None:
        sys.stdout.write(f"{given.out}: {LEAGUE}\n")
    return raised(failed)

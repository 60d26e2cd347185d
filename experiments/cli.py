"""The command `economy`. Heavy packages are imported inside the commands, so that help is immediate."""

from __future__ import annotations

import argparse
import codecs
import collections
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NoReturn, cast

from experiments import commands_bench, commands_evidence, commands_fit
from experiments.files import NotWritten, attempt, raised, reason
from experiments.folder import check_interpreter, check_target, own_folder
from experiments.interrupts import ENDINGS, first_only, heard
from experiments.streams import Output, Unwritten, open_closed, say
from model import __version__
from model.core.errors import InputError, unknown

BAD_INPUT, BROKEN, INTERRUPTED = 2, 3, 130


class Parser(argparse.ArgumentParser):
    """A parser whose errors are `InputError`, one line."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse has found wrong."""
        raise InputError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 2 for bad input, 3 for a broken law, 130 after Ctrl-C or SIGTERM."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    open_closed()
    with _any_name_printed():
        output = cast(IO[str], Output(sys.stdout))
        with first_only(ENDINGS, for_good=argv is None), contextlib.redirect_stdout(output):
            return _main(arguments, "--debug" in arguments)


def _main(arguments: list[str], debug: bool) -> int:
    try:
        try:
            status = _dispatch(arguments)
        except SystemExit as done:  # help and version
            status = int(done.code or 0)
        sys.stdout.flush()
        return status
    except InputError as error:
        return _fail(error, BAD_INPUT, debug)
    except Unwritten as error:
        if isinstance(error.__cause__, BrokenPipeError):  # the reader has seen enough
            return 0
        return _fail(f"standard output: {reason(error.__cause__ or error)}", 1, debug)
    except (KeyboardInterrupt, Exception) as error:
        if isinstance(error, KeyboardInterrupt) or heard():  # imports of C turn it into errors of their own
            folder = getattr(error, "folder", None)
            kept = f"; finished seeds are in {os.path.relpath(folder)}" if folder else "; nothing was finished"
            # Python ends by SIGINT itself if one left text that it evaluates, as in making a named tuple, unless more is evaluated
            collections.namedtuple("Forgotten", ())
            return _fail(f"stopped by the user{kept}", INTERRUPTED, debug)
        stopped = type(error).__name__ == "RunStopped"
        if stopped or isinstance(error, NotWritten):
            return _fail(error, BROKEN if error.__cause__.__class__.__name__ == "LawBreach" else 1, debug)
        if isinstance(error, OSError) and not isinstance(
            error, BrokenPipeError
        ):  # the system's answer, no fault of the code
            name = f"{str(error.filename)!r}: " if error.filename else ""
            return _fail(f"{name}{reason(error)}", 1, debug)
        hint = "" if debug else " (--debug shows where)"
        return _fail(f"internal error: {type(error).__name__}: {error}{hint}", 1, debug)


@contextlib.contextmanager
def _any_name_printed() -> Iterator[None]:
    """Have names printed that the locale does not know: bytes of a path as they are, other characters by their number."""

    def shown(error: UnicodeError) -> tuple[bytes, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        one = error.object[error.start]
        handler = "surrogateescape" if "\udc80" <= one <= "\udcff" else "backslashreplace"
        return one.encode("ascii", handler), error.start + 1

    codecs.register_error("shown", shown)
    streams = [s for s in (sys.stdout, sys.stderr) if isinstance(s, io.TextIOWrapper)]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="shown")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            with contextlib.suppress(OSError, ValueError):  # it flushes, and the output may be gone
                stream.reconfigure(errors=errors)


def _fail(message: object, status: int, debug: bool) -> int:
    if debug and sys.exc_info()[0] is not None:
        import traceback

        say(traceback.format_exc().rstrip())
    say("economy: " + " ".join(str(message).split()))
    return status


def _dispatch(arguments: list[str]) -> int:
    parser, commands = _parser()
    first = next((a for a in arguments if not a.startswith("-")), None)
    if first is not None and first == arguments[0] and first not in commands:
        raise unknown("command", first, commands)
    found, extra = parser.parse_known_args(arguments)
    if extra:
        _refuse(extra[0], commands.get(found.command, parser))
    if found.command is None:
        parser.print_help()
        return 0
    check_interpreter()
    action: Callable[[argparse.Namespace], int] = found.action
    return action(found)


def _refuse(argument: str, parser: argparse.ArgumentParser) -> NoReturn:
    if not argument.startswith("-"):
        raise InputError(f"unexpected argument {argument!r}")
    options = [o for action in parser._actions for o in action.option_strings]
    raise unknown("option", argument.partition("=")[0], options)


def _parser() -> tuple[Parser, dict[str, Parser]]:
    top = Parser(prog="economy", description="Will inference overtake training, when, and why?", allow_abbrev=False)
    top.add_argument("--debug", action="store_true", help="show tracebacks")
    top.add_argument("--version", action="version", version=f"economy {__version__}", help="print the version")
    sub = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def command(name: str, action: Callable[[argparse.Namespace], int], text: str) -> Parser:
        made: Parser = sub.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
        made.set_defaults(action=action)
        return made

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
    run.add_argument("--replace", action="store_true", help="replace the result in DIR though its settings were others")
    run.add_argument("--json", action="store_true", help="print the answer as JSON")

    sweep = command("sweep", _sweep, "run a design of runs; goes on where it stopped")
    sweep.add_argument("file", metavar="SWEEP.toml", help="scenarios, seeds, design, parameters, what is recorded")
    sweep.add_argument("--out", metavar="DIR", help="folder of the sweep; results/<path of the file> if left out")
    sweep.add_argument("--workers", metavar="N", help="parallel processes")
    sweep.add_argument("--cluster", metavar="ADDRESS", help="dask scheduler, tcp://host:8786; see docs/cluster.md")
    sweep.add_argument("--retry", action="store_true", help="run those again that ended in an error")
    compare = command("compare", _compare, "paired difference of two scenarios on common random numbers")
    compare.add_argument("a", metavar="A", help="shipped name or TOML file")
    compare.add_argument("b", metavar="B", help="shipped name or TOML file")
    compare.add_argument("--seeds", metavar="N", default="8", help="pairs of runs (8)")
    compare.add_argument("--humans", metavar="N", help="human rows: the resolution, not the population")
    compare.add_argument("--months", metavar="N", help="months to run")
    compare.add_argument("--workers", metavar="N", help="parallel processes")
    compare.add_argument("--out", metavar="FILE.csv", help="file for the rows, new or from an earlier comparison")
    compare.add_argument("--json", action="store_true", help="print the rows as JSON")
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
    command("scenarios", _scenarios, "list the shipped scenarios")
    parameters = command("parameters", _parameters, "list every parameter: default, unit, range, meaning, source")
    parameters.add_argument("section", nargs="?", help="one section or parameter only")
    parameters.add_argument("--markdown", action="store_true", help="as a table for documents")
    app = command("app", _app, "open the browser page on this machine")
    app.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="address to serve on (127.0.0.1)")
    app.add_argument("--port", metavar="N", default="8765", help="port; 0 takes a free one (8765)")
    app.add_argument("--no-open", action="store_true", help="do not open a browser")
    commands_evidence.add(command)
    commands_fit.add(command)
    commands_bench.add(command)
    replicate = command(
        "replicate", _replicate, "published results by class: formulas, own invariants, facts of the economy"
    )
    replicate.add_argument("--json", action="store_true", help="print the rows as JSON")
    return top, dict(sub.choices)


def _run(given: argparse.Namespace) -> int:
    from experiments.source import DRAWS_MAX, SEED_MAX, SEEDS_MAX, assignments, default_folder, whole_number

    humans = whole_number("--humans", given.humans, 1, 100_000_000)
    months = whole_number("--months", given.months, 1, 1200)
    seed = whole_number("--seed", given.seed, 0, SEED_MAX)
    seeds = whole_number("--seeds", given.seeds, 1, SEEDS_MAX)
    posterior = whole_number("--posterior", given.posterior, 1, DRAWS_MAX)
    workers = whole_number("--workers", given.workers, 1, 1024)
    checkpoint_every = whole_number("--checkpoint-every", given.checkpoint_every, 1, 1200)
    overrides = assignments(given.set)
    if given.out is not None:
        check_target(given.out)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    from experiments.plan import planned
    from experiments.progress import RunProgress
    from experiments.runner import run

    asked: dict[str, Any] = {
        "humans": humans,
        "months": months,
        "seed": ... if seed is None else seed,
        "seeds": ... if seeds is None else seeds,
        "posterior": posterior,
        "overrides": overrides,
    }
    out = given.out
    if out is None:
        plan = planned(given.scenario, **asked)
        plain = default_folder(plan.scenario)
        out = plain if given.replace else own_folder(plain, plan.settings())
        if out != plain:
            say(f"{plain} holds a result of other settings and stays; this one goes to {out}")
    kept: dict[str, Any] = {"checkpoint_every": checkpoint_every, "resume": given.resume, "replace": given.replace}
    with RunProgress() as progress:
        result, failed = attempt(
            lambda: run(given.scenario, **asked, **kept, workers=workers, out=out, on_progress=progress)
        )
    if given.json:
        print(json.dumps({**result.to_json(), "out": None if failed else str(out)}, indent=1, allow_nan=False))
    else:
        from experiments.printed import Screen, show

        show(result, Screen(110), None if failed else str(out))
    return raised(failed)


def _sweep(given: argparse.Namespace) -> int:
    from experiments.progress import SweepProgress
    from experiments.runner import RunInterrupted
    from experiments.source import sweep_folder, whole_number
    from experiments.sweeps import sweep

    workers = whole_number("--workers", given.workers, 1, 1024)
    out = given.out if given.out is not None else sweep_folder(given.file)
    try:
        with SweepProgress() as progress:
            sweep(given.file, out, workers, cluster=given.cluster, retry=given.retry, on_progress=progress)
    except RunInterrupted:
        return _fail(progress.kept(out), INTERRUPTED, given.debug)
    last = progress.last
    errors = last.errors if last else 0
    print(
        f"{out}/results.parquet: {last.kept if last else 0} runs" + (f", {errors} ended in an error" if errors else "")
    )
    return 1 if errors else 0


def _sensitivity(given: argparse.Namespace) -> int:
    from experiments import findings
    from experiments.progress import SweepProgress
    from experiments.runner import RunInterrupted
    from experiments.sensitivity import study
    from experiments.source import folder_name, whole_number

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
        return _fail(progress.kept(out), INTERRUPTED, given.debug)
    boxes = findings.boxes_of(found)
    written, failed = attempt(lambda: findings.write(found, boxes, folder))
    if given.json:
        print(json.dumps(findings.to_json(found, boxes), indent=1, allow_nan=False))
        return raised(failed)
    from experiments.printed import Screen, show_tables

    console = Screen(140)
    for sentence in findings.sentences(found, boxes):
        console.print(sentence, highlight=False)
    console.print()
    show_tables(findings.tables(found), console)
    if written:
        print(f"{out}: {', '.join(written)}")
    return raised(failed)


def _compare(given: argparse.Namespace) -> int:
    from experiments.source import whole_number

    seeds = whole_number("--seeds", given.seeds, 1, 100_000) or 8
    humans = whole_number("--humans", given.humans, 1, 100_000_000)
    months = whole_number("--months", given.months, 1, 1200)
    workers = whole_number("--workers", given.workers, 1, 1024)
    from experiments.comparison import paired, save, target
    from experiments.progress import Shown

    out = None if given.out is None else target(given.out)

    with Shown("comparing") as shown:
        found = paired(
            given.a,
            given.b,
            seeds=seeds,
            humans=humans,
            months=months,
            workers=workers,
            on_progress=lambda done, total: shown.show(done, total, f"{done} of {total} runs", always=done == total),
        )
    failed = None if out is None else attempt(lambda: save(found, given.out))[1]
    if given.json:
        print(json.dumps(found.to_json(), indent=1, allow_nan=False))
        return raised(failed)
    from experiments.printed import Screen, show_comparison

    show_comparison(found, Screen(110))
    if failed is not None:
        print(found.rows.write_csv(), end="")
    return raised(failed)


def _app(given: argparse.Namespace) -> int:
    from experiments.page.serve import serve
    from experiments.source import whole_number

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
    from experiments.parameters import listing

    print("\n".join(listing(given.section, given.markdown)))
    return 0


def _replicate(given: argparse.Namespace) -> int:
    from experiments.replicate import lines, replicate

    rows = replicate()
    print(json.dumps(rows, indent=1, allow_nan=False) if given.json else "\n".join(lines(rows)))
    return 1 if any(row["verdict"] == "fail" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

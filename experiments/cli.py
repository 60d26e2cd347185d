"""The command `economy`. Heavy packages are imported inside the commands, so that help is immediate."""

from __future__ import annotations

import argparse
import codecs
import collections
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import IO, NoReturn, cast

from experiments.commands import bench, check, evidence, fit, runs, studies
from experiments.commands.exit import BAD_INPUT, BROKEN, INTERRUPTED, fail, former_names_said
from experiments.runs.files import NotWritten, reason
from experiments.runs.folder import check_interpreter
from experiments.runs.interrupts import ENDINGS, first_only, heard
from experiments.runs.streams import Output, Unwritten, open_closed
from model import __version__
from model.core.errors import InputError, unknown


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
        with first_only(ENDINGS, for_good=argv is None), contextlib.redirect_stdout(output), former_names_said():
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
        return fail(error, BAD_INPUT, debug)
    except Unwritten as error:
        if isinstance(error.__cause__, BrokenPipeError):  # the reader has seen enough
            return 0
        return fail(f"standard output: {reason(error.__cause__ or error)}", 1, debug)
    except (KeyboardInterrupt, Exception) as error:
        if isinstance(error, KeyboardInterrupt) or heard():  # imports of C turn it into errors of their own
            folder = getattr(error, "folder", None)
            kept = f"; finished seeds are in {os.path.relpath(folder)}" if folder else "; nothing was finished"
            # Python ends by SIGINT itself if one left text that it evaluates, as in making a named tuple, unless more is evaluated
            collections.namedtuple("Forgotten", ())
            return fail(f"stopped by the user{kept}", INTERRUPTED, debug)
        stopped = type(error).__name__ == "RunStopped"
        if stopped or isinstance(error, NotWritten):
            return fail(error, BROKEN if error.__cause__.__class__.__name__ == "LawBreach" else 1, debug)
        # the system's answer, no fault of the code
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            name = f"{str(error.filename)!r}: " if error.filename else ""
            return fail(f"{name}{reason(error)}", 1, debug)
        hint = "" if debug else " (--debug shows where)"
        return fail(f"internal error: {type(error).__name__}: {error}{hint}", 1, debug)


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

    for commands in (runs, studies, evidence, check, fit, bench):
        commands.add(command)
    return top, dict(sub.choices)


if __name__ == "__main__":
    sys.exit(main())

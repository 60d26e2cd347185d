"""What all commands share that make many runs, keep them and go on where they stopped."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.commands.exit import INTERRUPTED, fail
from experiments.commands.progress import SweepProgress

RUNS = "runs"  # the store of a study's runs, a folder of its own


def add_where(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say where runs are made."""
    parser.add_argument("--workers", metavar="N", help="parallel processes")
    parser.add_argument("--cluster", metavar="ADDRESS", help="dask scheduler, tcp://host:8786; see docs/cluster.md")


def chosen(given: argparse.Namespace) -> dict[str, Any]:
    """Return what `add_where` declared, checked, as arguments of a study."""
    from experiments.runs.options import whole_number

    return {"workers": whole_number("--workers", given.workers, 1, 1024), "cluster": given.cluster}


def resumable(
    action: Callable[[argparse.Namespace, SweepProgress], int], what: str = "simulating"
) -> Callable[[argparse.Namespace], int]:
    """Return the action with its progress shown, and said after Ctrl-C how many runs are kept in `given.out`."""

    def act(given: argparse.Namespace) -> int:
        progress = SweepProgress(what)
        try:
            with progress:
                return action(given, progress)
        except KeyboardInterrupt:
            return fail(progress.kept(given.out), INTERRUPTED, given.debug)

    return act


def study_folder(out: str, *files: str) -> Path:
    """Return the folder of a study, or refuse what holds something else."""
    from experiments.runs.folder import check_study

    return check_study(out, (RUNS, *files), "such a study")

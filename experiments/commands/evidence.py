"""The commands that say what the model's parts do: `economy ablate`, `ranges`. Runs are kept, the same command goes on."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from experiments.commands.exit import Command
from experiments.commands.fit import kept, teller
from experiments.runs.files import attempt, raised, write_files

RUNS = "runs"  # the store of runs, a folder of its own


def add(command: Command) -> None:
    """Declare the commands."""
    ablate = command(
        "ablate",
        kept(_ablate),
        "hold each mechanism at its constant of 2022, compare auction rules; goes on where it stopped",
    )
    ablate.add_argument("--seeds", metavar="N", default="8", help="paired seeds (8)")
    spans = command("ranges", kept(_ranges), "move each parameter across its range; goes on where it stopped")
    spans.add_argument("--seeds", metavar="N", default="2", help="seeds (2)")
    for parser, name in ((ablate, "ablate"), (spans, "ranges")):
        parser.add_argument("--workers", metavar="N", help="parallel processes")
        parser.add_argument(
            "--out", metavar="DIR", default=f"results/{name}", help=f"folder (results/{name}); goes on there"
        )
        parser.add_argument("--json", action="store_true", help="print the rows as JSON")


def study_folder(out: str, *files: str) -> Path:
    """Return the folder of a study, made if need be; what holds something else is refused."""
    from experiments.runs.folder import check_study

    path = check_study(out, (RUNS, *files), "such a study")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _ablate(given: argparse.Namespace) -> int:
    from experiments.runs.options import whole_number

    seeds = whole_number("--seeds", given.seeds, 2, 1000) or 8
    workers = whole_number("--workers", given.workers, 1, 1024)
    from experiments.commands.progress import Shown
    from experiments.report import fits
    from experiments.studies import ablation, auction_rules

    folder = study_folder(given.out, ablation.FILE.name, auction_rules.FILE.name)
    with Shown("ablating") as shown:
        ruled = auction_rules.run(seeds, workers=workers, on_progress=teller(shown), folder=folder / RUNS)
        found = ablation.run(seeds, workers=workers, on_progress=teller(shown), folder=folder / RUNS)
    tables = {ablation.FILE.name: ablation.frame(found), auction_rules.FILE.name: auction_rules.frame(ruled)}
    files = {name: table.write_csv().encode() for name, table in tables.items()}
    failed = attempt(lambda: write_files(files, folder))[1]
    if given.json:
        rows = {Path(name).stem: table.to_dicts() for name, table in tables.items()}
        out = None if failed else given.out
        _print(json.dumps(fits.finite({**rows, "seeds": seeds, "out": out}), indent=1, allow_nan=False))
        return raised(failed)
    for e in sorted(found, key=lambda e: -e.strongest):
        _print(f"{e.part:13} {e.mechanism:45} share {100 * e.share:+6.1f} points ({100 * e.share_se:.1f})")
    if failed is None:
        _print(f"{given.out}: {', '.join(tables)}")
    return raised(failed)


def _ranges(given: argparse.Namespace) -> int:
    from experiments.runs.options import whole_number

    seeds = whole_number("--seeds", given.seeds, 1, 1000) or 2
    workers = whole_number("--workers", given.workers, 1, 1024)
    from experiments.commands.progress import Shown
    from experiments.report import fits
    from experiments.studies import ranges

    folder = study_folder(given.out, ranges.FILE.name)
    with Shown("moving") as shown:
        found = ranges.run(seeds=seeds, workers=workers, on_progress=teller(shown), folder=folder / RUNS)
    table = ranges.frame(found)
    failed = attempt(lambda: write_files({ranges.FILE.name: table.write_csv().encode()}, folder))[1]
    if given.json:
        rows = {"ranges": table.to_dicts(), "seeds": seeds, "out": None if failed else given.out}
        _print(json.dumps(fits.finite(rows), indent=1, allow_nan=False))
        return raised(failed)
    for m in found[:20]:
        _print(f"{m.parameter:45} {100 * m.share_low:5.1f} % at {m.low}, {100 * m.share_high:5.1f} % at {m.high}")
    if failed is None:
        _print(f"{given.out}: {ranges.FILE.name}")
    return raised(failed)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")

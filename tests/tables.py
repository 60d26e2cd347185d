"""Stored tables of the model: `make tables` renews what is cheap, `make evidence` those of the report too.

Commands of the package write into folders of their user alone; what stands in `model/data` and `experiments/stored` is written from here, in a checkout.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl

import model
from experiments.report.parameters import listing
from experiments.runs.files import write_files
from experiments.studies import ablation, auction_rules, ranges
from model.core.errors import InputError

ROOT = Path(__file__).parent.parent
DATA, STORED = ROOT / "model" / "data", ROOT / "experiments" / "stored"


def main(*folders: str) -> None:
    """Take the tables of result folders, then write parameters.md and the rows of ranges.csv that are missing.

    Raises
    ------
    InputError
        If the model is not that of this checkout, or a table does not cover it.
    """
    if Path(model.__file__).resolve().parent.parent != ROOT.resolve():
        raise InputError(f"{model.__file__}: not the model of this checkout; stored tables are left alone")
    files: dict[str, bytes] = {}
    for folder in map(Path, folders):
        known = (ablation.FILE.name, auction_rules.FILE.name, ranges.FILE.name)
        files |= {name: (folder / name).read_bytes() for name in known if (folder / name).exists()}
    if ranges.FILE.name in files and (missing := ranges.unmeasured(ranges.load(files[ranges.FILE.name]))):
        raise InputError(f"{ranges.FILE.name}: lacks {', '.join(missing)}")
    if folders:
        files[ablation.AGENTS.name] = (json.dumps(ablation.without_agents(), indent=1) + "\n").encode()
    write_files(files, STORED)
    write_files({"parameters.md": "".join(f"{line}\n" for line in listing(markdown=True)).encode()}, DATA)
    stored = ranges.load()
    table = measured(stored)
    if not table.equals(stored):
        write_files({ranges.FILE.name: table.write_csv().encode()}, STORED)


def measured(stored: pl.DataFrame) -> pl.DataFrame:
    """Return a table of ranges with the parameters that are new or were declared anew run, the others as they stand."""
    missing = ranges.unmeasured(stored)
    rows = ranges.frame(ranges.run(missing)) if missing else stored.clear()
    return ranges.merged(stored, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])

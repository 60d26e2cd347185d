"""What a run leaves: stacked tables, networks, a manifest that repeats it; saved to and loaded from a folder."""

from __future__ import annotations

import functools
import importlib.metadata
import io
import itertools
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl
import polars.selectors as cs

import model
from experiments.runs import answer
from experiments.runs.files import opened, write_json
from experiments.runs.folder import MANIFEST, NETWORKS, SCHEMA_VERSION, is_ours, replacing, table_names
from experiments.runs.settings import differences
from model.core.errors import InputError
from model.core.files import read_json
from model.core.frames import check_process
from model.results.measures import Crossover, crossover_summary
from model.results.tables import added_to
from model.scenario import Scenario

#: Tables and networks that are kept for the first seed only.
FIRST_SEED = ("agents",)
PACKAGES = ("numpy", "scipy", "networkx", "mesa", "polars", "altair")


#: Adds files of ours to the folder of a result.
Also: TypeAlias = "Callable[[Result, Path], None]"


@dataclass(frozen=True)
class Result:
    """One scenario, one or more seeds.

    Parameters
    ----------
    scenario : Scenario
        As it was run.
    seeds : tuple of int
        In the order of the tables.
    tables : dict of polars.DataFrame
        As in result folders; each begins with `seed`.
    networks : dict
        Final networks of the first seed, node-link form.
    seconds : float
        Wall time.
    peak_memory_bytes : int
        Of the largest process.
    posterior : tuple of dict
        Fitted parameters of each run where they were drawn, in the order of `seeds`; empty where all runs share theirs.
    incomplete : dict, optional
        Why the run did not reach its end.
    """

    scenario: Scenario
    seeds: tuple[int, ...]
    tables: Mapping[str, pl.DataFrame]
    networks: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    posterior: tuple[Mapping[str, float], ...] = ()
    incomplete: Mapping[str, Any] | None = None

    @property
    def replicates(self) -> str:
        """Return what its runs are, in words.

        >>> Result(Scenario(), (1,), {}).replicates, Result(Scenario(), (1, 2), {}, posterior=({}, {})).replicates
        ('1 seed', '2 posterior draws')
        """
        many = "s" if len(self.seeds) != 1 else ""
        return f"{len(self.seeds)} {'posterior draw' if self.posterior else 'seed'}{many}"

    @property
    def monthly(self) -> pl.DataFrame:
        """Return the monthly series."""
        return self.tables["monthly"]

    @property
    def compute(self) -> pl.DataFrame:
        """Return work by month, purpose, consumer and kernel."""
        return self.tables["compute"]

    @functools.cached_property
    def counts(self) -> answer.Counts:
        """Return numerator and denominator of every definition by seed."""
        return answer.counts(self.compute, self.monthly)

    @functools.cached_property
    def crossovers(self) -> dict[str, list[Crossover]]:
        """Return when inference crossed one half, by definition and seed."""
        return answer.crossings(self.counts)

    @functools.cached_property
    def dominances(self) -> dict[str, list[Crossover]]:
        """Return when inference passed two thirds, by definition and seed."""
        return answer.crossings(self.counts, level=answer.DOMINANCE)

    def crossover_summary(self) -> dict[str, dict[str, str | float | None]]:
        """Return median, low, high ('YYYY-MM' or None) and share_crossed by definition."""
        return {d: crossover_summary(c, self.counts.start) for d, c in self.crossovers.items()}

    def dominance_summary(self) -> dict[str, dict[str, str | float | None]]:
        """Return the same for two thirds."""
        return {d: crossover_summary(c, self.counts.start) for d, c in self.dominances.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain values."""
        return {
            "crossover": self.crossover_summary(),
            "dominance": self.dominance_summary(),
            "below_later": {d: sum(answer.below_later(self.counts, d, c)) for d, c in self.crossovers.items()},
            "provisional": {
                d: sum(c.provisional and c.index is not None for c in found) for d, found in self.crossovers.items()
            },
            "scenario": self.scenario.name,
            "months": self.scenario.months,
            "humans": self.scenario.humans,
            "seeds": list(self.seeds),
            "share": answer.yearly_shares(self.counts),
            "demand": answer.demand(self.compute),
            "kernels": answer.kernels(self.compute),
            "labs": answer.planned_realised(self.tables["labs"]),
            "hinge": answer.hinge(self.monthly),
            "investment": answer.investment(self.monthly),
            "above_half": answer.above_half(self.counts),
        }

    @functools.cached_property
    def manifest(self) -> dict[str, Any]:
        """Return everything that repeats the run, and what it took."""
        out: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            **settings(self.scenario, self.seeds, self.posterior),
            "versions": versions(),
            "machine": {"platform": platform.system(), "machine": platform.machine(), "cpu_count": os.cpu_count()},
            "seconds": round(self.seconds, 3),
            "peak_memory_bytes": self.peak_memory_bytes,
        }
        if self.incomplete is not None:
            out["incomplete"] = dict(self.incomplete)
        return out

    def save(self, out: str | Path, replace: bool = False, also: Also | None = None) -> Path:
        """Write the folder `out` in one step and return its path.

        Files of ours in it are replaced, what else is in a result folder stays, another folder that is not empty is refused.

        Parameters
        ----------
        out : str or path
        replace : bool
            Whether a result of other settings is replaced too.
        also : callable, optional
            Adds files to the new folder of a complete result, as `experiments.report.write` does.

        Raises
        ------
        InputError
            If something else stands there.
        NotWritten
            If the system does not let it be written; nothing is changed then.
        """
        with replacing(out, self.manifest, replace) as folder:
            write_tables(self.tables, folder)
            write_json(folder / NETWORKS, self.networks)
            write_json(folder / MANIFEST, self.manifest)
            if self.incomplete is None and also is not None:
                also(self, folder)
        return Path(out)

    @classmethod
    def load(cls, folder: str | Path) -> Result:
        """Return the result that a folder holds.

        Raises
        ------
        InputError
            If it is no result folder of ours.
        """
        check_process()
        path = Path(folder)
        if not is_ours(path):
            raise InputError(f"result folder {str(folder)!r}: no {MANIFEST} of ours in it")
        manifest = read_json(path / MANIFEST, "manifest")
        return cls(
            scenario=Scenario.load(path / MANIFEST),
            seeds=tuple(manifest["seeds"]),
            tables={name: read_table(path / f"{name}.parquet") for name in table_names(manifest)},
            networks=json.loads((path / NETWORKS).read_text(encoding="utf-8")),
            seconds=manifest["seconds"],
            peak_memory_bytes=manifest["peak_memory_bytes"],
            posterior=tuple(manifest.get("posterior", ())),
            incomplete=manifest.get("incomplete"),
        )


def settings(scenario: Scenario, seeds: Sequence[int], posterior: Sequence[Mapping[str, float]] = ()) -> dict[str, Any]:
    """Return what decides a result, as its manifest holds it."""
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "description": scenario.description,
        "run": {"start": scenario.start, "months": scenario.months, "humans": scenario.humans},
        "seeds": list(seeds),
        "parameters": scenario.values(),
        **({"posterior": [dict(m) for m in posterior]} if posterior else {}),
        "interventions": [change.to_dict() for change in scenario.interventions],
        **({"plugins": list(scenario.plugins)} if scenario.plugins else {}),
        **({"added": scenario.added.listed()} if scenario.added else {}),
        **({"tables": [t.name for t in added]} if (added := added_to(scenario)) else {}),
    }


def incomplete_folder(result: Result, target: Path) -> Path:
    """Return a folder beside the target for what is finished; one that holds more, or something else, is left as it is."""
    for number in itertools.count(1):
        folder = target.with_name(f"{target.name}.incomplete" + (f"-{number}" if number > 1 else ""))
        if not folder.exists() or (is_ours(folder) and _holds(result, folder)):
            break
    return folder


def _holds(result: Result, folder: Path) -> bool:
    """Return whether a result has all runs and months, of the same settings, that the one in a folder has."""
    try:
        there = Result.load(folder)
    except Exception:  # damaged
        return False
    free: dict[str, Any] = {"seeds": [], "posterior": []}
    if differences({**there.manifest, **free}, {**result.manifest, **free}):
        return False
    (old, new) = ({row[0]: row[1:] for row in _runs(r)} for r in (there, result))
    return all(seed in new and new[seed][0] >= months and new[seed][1] == draw for seed, (months, draw) in old.items())


def _runs(result: Result) -> list[tuple[int, int, Mapping[str, float] | None]]:
    """Return seed, months and draw of each run."""
    months = dict(result.monthly.group_by("seed").len().iter_rows())
    drawn = result.posterior or (None,) * len(result.seeds)
    return [(seed, months.get(seed, 0), draw) for seed, draw in zip(result.seeds, drawn, strict=True)]


def versions() -> dict[str, str]:
    """Return the versions that a run depends on."""
    found = {"inference_economy": model.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_tables(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Write each table as Parquet with the schema's version in its metadata."""
    for name, table in tables.items():
        with opened(folder / f"{name}.parquet") as file:
            file.write(as_parquet(table))


def as_parquet(table: pl.DataFrame) -> memoryview:
    """Return a table as Parquet with the schema's version in its metadata."""
    buffer = io.BytesIO()  # not a path: polars knows only those that are Unicode, and errors of its own
    table.write_parquet(buffer, compression="zstd", metadata={"schema_version": str(SCHEMA_VERSION)})
    return buffer.getbuffer()


def read_table(path: Path) -> pl.DataFrame:
    """Return a table that `write_tables` wrote, from a path that need not be Unicode."""
    with open(path, "rb") as file:
        return pl.read_parquet(file)


def stack(parts: Sequence[Mapping[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    """Return the tables of several seeds below each other, in the order given; undefined is null."""
    out = {}
    for name in dict.fromkeys([*table_names({}), *parts[0]]):
        frames = [part[name] for part in (parts[:1] if name in FIRST_SEED else parts)]
        table = pl.concat(frames, how="vertical_relaxed").with_columns(cs.float().fill_nan(None))
        if table.columns[0] != "seed":
            raise ValueError(f"table {name}: begins with {table.columns[0]!r}, not with seed")
        out[name] = table.with_columns(pl.col("seed").cast(pl.Int64))
    return out


def peak_memory_bytes() -> int:
    """Return the largest resident memory this process has had."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource
        import sys

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return int(peak if sys.platform == "darwin" else peak * 1024)

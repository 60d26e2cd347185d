"""Checkpoints of `economy run`: a file a seed in the folder `<out>.checkpoint`, which is removed when the result stands."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from experiments.runs.digest import code_digest
from experiments.runs.files import probe, reason
from experiments.runs.settings import numbers
from model.core.errors import InputError
from model.scenario import Scenario

if TYPE_CHECKING:
    from model.economy import InferenceEconomy

#: Names of our files; those with a dot in front were being written when a process was killed.
FILE = re.compile(r"seed-(\d+)\.checkpoint|\.seed-\d+\.checkpoint\.\w+")


class Checkpoints(NamedTuple):
    """Where the runs of one command keep checkpoints, and how often."""

    folder: Path
    every_months: int | None  # None: none are written
    resume: bool

    def check(self, jobs: Iterable[tuple[Scenario, int]]) -> None:
        """Refuse what is in the folder, before anything is simulated, if a run of scenario and seed cannot begin from it.

        Raises
        ------
        InputError
            Names the folder or the file; neither is changed.
        """
        from model import checkpoint

        jobs, name = list(jobs), str(self.folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"checkpoints {name!r}: a file of that name exists; name another --out")
        found = sorted(p.name for p in self.folder.iterdir()) if self.folder.exists() else []
        foreign = [file for file in found if not FILE.fullmatch(file)]
        if foreign:
            raise InputError(f"checkpoints {name!r}: {foreign[0]!r} in it is no checkpoint; name another --out")
        if not self.resume and any(not file.startswith(".") for file in found):
            raise InputError(
                f"checkpoints {name!r}: of a run that did not end; --resume goes on with it, or remove that folder"
            )
        if self.resume and not found and self.every_months is None:
            raise InputError(f"--resume: no checkpoints in {name!r}")
        kept = {int(match[1]) for match in map(FILE.fullmatch, found) if match and match[1]}
        if unused := kept - {seed for _, seed in jobs}:
            raise InputError(
                f"--resume: {name!r} holds checkpoints of seeds {numbers(kept)}, and this run is of {numbers([s for _, s in jobs])}; "
                f"ask for all seeds, or move the files of {numbers(unused)} away"
            )
        if self.every_months:
            try:
                probe(next(p for p in (self.folder, *self.folder.parents) if p.exists()), "economy")
            except OSError as error:
                raise InputError(
                    f"checkpoints {name!r}: cannot be written ({reason(error)}); name another --out"
                ) from None
        for scenario, seed in jobs:
            if self.file(seed).exists():
                checkpoint.check(self.file(seed), code_digest(*scenario.outside()), scenario, seed)

    def file(self, seed: int) -> Path:
        """Return the file of a seed."""
        return self.folder / f"seed-{seed}.checkpoint"

    def economy(self, scenario: Scenario, seed: int) -> InferenceEconomy:
        """Return the economy of a seed: from its checkpoint where there is one, else at the opening."""
        from model import checkpoint
        from model.economy import InferenceEconomy

        if self.resume and self.file(seed).exists():
            return checkpoint.load(self.file(seed), code_digest(*scenario.outside()), scenario, seed)
        economy = InferenceEconomy(scenario, seed=seed)
        if economy.foresight:  # as long as the run itself, or longer
            self.save(economy)
        return economy

    def after_month(self, economy: InferenceEconomy) -> None:
        """Write a checkpoint if one is due: every so many months and at the end."""
        if self.every_months and (economy.month % self.every_months == 0 or economy.month == economy.months):
            self.save(economy)

    def save(self, economy: InferenceEconomy) -> None:
        """Write a checkpoint, if any are to be written.

        Raises
        ------
        InputError
            If it cannot be written: the disk is full. The one before stays.
        """
        from model import checkpoint

        if not self.every_months:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            checkpoint.save(economy, self.file(economy.seed), code_digest(*economy.settings.outside()))
        except OSError as error:
            raise InputError(
                f"checkpoint {str(self.file(economy.seed))!r}: {error.strerror or error}; the one before it is kept"
            ) from error

    def remove(self, seeds: Iterable[int]) -> None:
        """Remove the files of these seeds, and the folder if nothing else is in it: the result stands."""
        with contextlib.suppress(OSError):
            names = {self.file(seed).name for seed in seeds}
            for path in list(self.folder.iterdir()):
                if path.name in names or path.name[1:].rpartition(".")[0] in names:
                    path.unlink()
            self.folder.rmdir()


def beside(target: Path | None, every_months: int | None, resume: bool) -> Checkpoints | None:
    """Return the checkpoints of a run that is written to `target`, None if none are asked for.

    Parameters
    ----------
    target : Path or None
        Result folder.
    every_months : int or None
        Months between checkpoints.
    resume : bool
        Whether to go on from those that are there.
    """
    if every_months is None and not resume:
        return None
    if target is None:
        raise InputError("--checkpoint-every and --resume need --out: checkpoints stand beside the result folder")
    return Checkpoints(target.with_name(target.name + ".checkpoint"), every_months, resume)

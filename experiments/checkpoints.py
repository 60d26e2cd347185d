"""Checkpoints of `economy run`: a file a seed in the folder `<out>.checkpoint`, which is removed when the result stands."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from experiments.digest import code_digest
from model.core.errors import InputError
from model.scenario import Scenario

if TYPE_CHECKING:
    from model.economy import InferenceEconomy

#: Names of our files; those with a dot in front were being written when a process was killed.
FILE = re.compile(r"seed-\d+\.checkpoint|\.seed-\d+\.checkpoint\.\w+")


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

        name = str(self.folder)
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
        for scenario, seed in jobs:
            if self.file(seed).exists():
                checkpoint.check(self.file(seed), code_digest(), scenario, seed)

    def file(self, seed: int) -> Path:
        """Return the file of a seed."""
        return self.folder / f"seed-{seed}.checkpoint"

    def economy(self, scenario: Scenario, seed: int) -> InferenceEconomy:
        """Return the economy of a seed: from its checkpoint where there is one, else at the opening."""
        from model import checkpoint
        from model.economy import InferenceEconomy

        if self.resume and self.file(seed).exists():
            return checkpoint.load(self.file(seed), code_digest(), scenario, seed)
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
            checkpoint.save(economy, self.file(economy.seed), code_digest())
        except OSError as error:
            raise InputError(
                f"checkpoint {str(self.file(economy.seed))!r}: {error.strerror or error}; the one before it is kept"
            ) from error

    def remove(self) -> None:
        """Remove the folder: the result stands."""
        shutil.rmtree(self.folder, ignore_errors=True)


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

"""Checkpoints: an economy between two months as one file, and the economy that goes on from it, bit for bit.

`save` walks all that is reachable from the economy: tables, states, fleet, books, networks, record, last month. No column
is named here, so that what is added later is kept without a change; a value of a kind that cannot be kept is refused at
once. `load` builds the opening anew, for Mesa's registers, and puts the kept values in its place (`core/frozen.py`).

The file is a line of JSON (format, version, checksum of the rest), then an .npz archive without pickles.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.core import frozen, modules
from model.core.additions import Additions
from model.core.errors import InputError
from model.core.framework import mesa
from model.core.steps import Steps
from model.month import steps_of
from model.scenario import Scenario

if TYPE_CHECKING:
    from model.economy import InferenceEconomy

FORMAT, VERSION = "economy checkpoint", 4
#: What the archive holds: who may go on from it, what the constructor needs, all else.
FACTS, OPENING, ECONOMY = "facts", "opening", "economy"


def save(economy: InferenceEconomy, path: str | Path, code: str = "") -> None:
    """Write a checkpoint in one step: `path` is the old file or the whole new one, whatever happens.

    Parameters
    ----------
    economy : InferenceEconomy
        Between two months.
    path : str or Path
        In a folder that exists.
    code : str
        Digest of the code that runs; `load` wants the same.

    Raises
    ------
    TypeError
        If something reachable from the economy cannot be kept; names where it is.
    """
    path, settings = Path(path), economy.settings
    inert = economy.humans.n - settings.humans
    facts = {"code": code, "scenario": digest(settings), "seed": economy.seed, "month": economy.month}
    facts |= {
        "class": _name(type(economy)),
        "steps": _listed(economy.steps_of_month),
        "plugins": list(settings.plugins),
    }
    opening = {
        "settings": dataclasses.replace(settings, added=Additions()),
        "foresight": economy.foresight,
        "inert": inert,
        "steps": economy.steps,
    }
    members = {FACTS: np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)}
    members |= frozen.members(OPENING, opening)
    members |= frozen.members(ECONOMY, economy, built())
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w+b") as file:
            file.write(_first_line("0" * 64))
            np.savez(file, allow_pickle=False, **members)
            checksum = _checksum(file)
            file.seek(0)
            file.write(_first_line(checksum))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def check(path: str | Path, code: str = "", scenario: Scenario | None = None, seed: int | None = None) -> int:
    """Return how many months a checkpoint has behind it; read it whole and refuse what does not fit.

    Parameters
    ----------
    path : str or Path
    code : str
        Digest of the code that runs.
    scenario : Scenario, optional
        What is to be run; the file's if None.
    seed : int, optional
        Seed of the run; the file's if None.

    Raises
    ------
    InputError
        If the file is truncated, damaged, no checkpoint, of another version, or of other code, scenario or seed.
    """
    with _opened(path) as archive:
        return int(_facts(archive, path, code, scenario, seed)["month"])


def load(
    path: str | Path,
    code: str = "",
    scenario: Scenario | None = None,
    seed: int | None = None,
    kind: type[InferenceEconomy] | None = None,
    steps: Steps | None = None,
) -> InferenceEconomy:
    """Return the economy of a checkpoint; what it does from here on is what it would have done, bit for bit.

    Parameters and errors are those of `check`; `kind` is the class of an economy that you extended, `steps` the month that it had,
    where `scenario` does not hold it.
    """
    from model.economy import InferenceEconomy

    kind = InferenceEconomy if kind is None else kind
    with _opened(path) as archive:
        facts = _facts(archive, path, code, scenario, seed)
        seed, made = facts["seed"], facts.get("class", _name(InferenceEconomy))
        if made != _name(kind):
            raise InputError(f"checkpoint {str(path)!r}: of a {made}; give load(..., kind=) that class")
        added = (Additions() if scenario is None else scenario.added).with_more(Additions(steps))
        here = _listed(steps_of(dataclasses.replace(Scenario(), plugins=tuple(facts["plugins"]), added=added)))
        other = [name for name in facts["steps"] if name not in here]
        if other or len(here) != len(facts["steps"]):
            raise InputError(
                f"checkpoint {str(path)!r}: of a month with other steps{f' ({other[0]})' if other else ''}; give load(..., steps=) them"
            )
        try:
            opening = frozen.restored(archive, OPENING)
            settings = dataclasses.replace(opening["settings"], added=added)
            economy = kind(settings, seed=seed, inert=opening["inert"], foresight=opening["foresight"])
            economy.months = 0  # at its end: steps that do nothing wind Mesa's clock
            for _ in range(opening["steps"]):
                economy.step()
            economy.steps = opening["steps"]  # at its end the economy does not count on
            frozen.restored(archive, ECONOMY, economy, built())
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise InputError(f"checkpoint {str(path)!r}: does not fit the code here ({error})") from error
    return economy


def built() -> frozenset[str]:
    """Return the attributes that the economy's constructor makes anew.

    Registers of Mesa, which hold rows of the tables; its generators, from which nothing is drawn; its clock; the steps of a month
    and what time they took.
    """
    return frozenset({"_rows", "steps_of_month", "seconds_by_step", *vars(mesa.Model(rng=0))}) - {"running"}


def _name(x: Any) -> str:
    """Return where a class or function is defined."""
    return f"{modules.plain(getattr(x, '__module__', ''))}.{getattr(x, '__qualname__', type(x).__name__)}"


def _listed(steps: Steps) -> list[str]:
    return [f"{step.name}: {_name(step.does)}" for step in steps]


def digest(scenario: Scenario) -> str:
    """Return a digest of all that a scenario decides: 16 letters. The order of firms counts, the name does not."""
    run = [scenario.start, scenario.months, scenario.humans]
    facts = [run, scenario.values(), [change.to_dict() for change in scenario.interventions]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _first_line(checksum: str) -> bytes:
    return json.dumps({"format": FORMAT, "version": VERSION, "sha256": checksum}).encode() + b"\n"


def _checksum(file: io.BufferedReader | io.BufferedRandom) -> str:
    """Return the checksum of all but the first line."""
    file.seek(0)
    file.readline()
    return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    """Give the archive of a file whose first line and checksum hold."""
    name = f"checkpoint {str(path)!r}"
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "rb"))
            line = file.readline(len(_first_line("0" * 64)) + 16)
            head = _head(line)
            if head is None:
                raise InputError(f"{name}: damaged, or no checkpoint of ours")
            if head["version"] != VERSION:
                raise InputError(f"{name}: of format {head['version']}, this code reads format {VERSION}")
            begins = file.tell()
            if line != _first_line(_checksum(file)):
                raise InputError(f"{name}: truncated or damaged, its checksum does not hold")
            file.seek(begins)
            archive = stack.enter_context(np.load(file, allow_pickle=False))
        except OSError as error:
            raise InputError(f"{name}: {error.strerror or error}") from None
        yield archive


def _head(line: bytes) -> dict[str, Any] | None:
    """Return what the first line says, None if it is none of ours."""
    try:
        head = json.loads(line)
    except ValueError:
        return None
    ours = isinstance(head, dict) and head.get("format") == FORMAT and {"version", "sha256"} <= head.keys()
    return head if ours else None


def _facts(archive: Any, path: str | Path, code: str, scenario: Scenario | None, seed: int | None) -> dict[str, Any]:
    """Return the facts of a checkpoint, or refuse it by them."""
    facts: dict[str, Any] = json.loads(archive[FACTS].tobytes())
    name, month = f"checkpoint {str(path)!r}", facts["month"]
    there = facts["plugins"]
    if scenario is not None and list(scenario.plugins) != there:
        made, here = (", ".join(names) or "none" for names in (there, scenario.plugins))
        raise InputError(f"{name}: of a run with other plug-ins ({made} there, {here} here); give the same to go on")
    if facts["code"] != code:
        made, here = (c or "none named" for c in (facts["code"], code))
        raise InputError(f"{name}: out of date, made by other code or package versions ({made}) than are here ({here})")
    if scenario is not None and facts["scenario"] != digest(scenario):
        raise InputError(
            f"{name}: of month {month} of another run, with other parameters, firms, changes, length or resolution"
        )
    if seed is not None and facts["seed"] != seed:
        raise InputError(f"{name}: of seed {facts['seed']}, not of seed {seed}")
    return facts

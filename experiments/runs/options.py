"""What is to be run: seeds and overrides as users give them, checked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from types import EllipsisType
from typing import Any

from model.core.errors import InputError, within
from model.core.files import ends
from model.scenario import Parameters, Scenario, read, read_manifest, today, whole

SEED_MAX = 2**31 - 1
SEEDS_MAX = 100_000
DRAWS_MAX = 10_000


def seeds_of(source: Any, seed: int | EllipsisType, seeds: int | EllipsisType) -> tuple[int, ...]:
    """Return the seeds of a run: S, S + 1, ...; those of a manifest where none is given.

    >>> seeds_of("baseline", 3, 2), seeds_of("baseline", ..., ...)
    ((3, 4), (1,))
    """
    given = _manifest_seeds(source)
    if isinstance(seed, EllipsisType) and isinstance(seeds, EllipsisType) and given:
        return given
    first = given[0] if isinstance(seed, EllipsisType) and given else 1 if isinstance(seed, EllipsisType) else seed
    count = 1 if isinstance(seeds, EllipsisType) else seeds
    return consecutive(first, count)


def consecutive(first: Any, count: Any, names: tuple[str, str] = ("seed", "seeds")) -> tuple[int, ...]:
    """Return the seeds S, S + 1, ..., checked to the last.

    >>> consecutive(2147483646, 2)
    (2147483646, 2147483647)
    """
    first, count = whole(names[0], first, 0, SEED_MAX), whole(names[1], count, 1, SEEDS_MAX)
    if first + count - 1 > SEED_MAX:
        raise InputError(
            f"{names[0]} = {first} and {names[1]} = {count}: the last seed {first + count - 1} is outside [0, {SEED_MAX}]"
        )
    return tuple(range(first, first + count))


def extra(name: str) -> str:
    """Return how to install an extra, where the command was installed from a wheel and in a checkout."""
    return f"needs the extra '{name}': pip install 'inference-economy[{name}]' (in a checkout: make setup)"


def default_folder(scenario: Scenario) -> str:
    """Return where results go if nothing else is said.

    >>> default_folder(Scenario())
    'results/baseline'
    """
    return f"results/{folder_name(scenario.name)}"


def sweep_folder(file: str) -> str:
    """Return where a sweep goes if nothing else is said: files of one name in two folders do not share it.

    >>> sweep_folder("mine.toml"), sweep_folder("./mine.toml"), sweep_folder("mine.txt")
    ('results/mine', 'results/mine', 'results/mine.txt')
    """
    try:
        name = os.path.relpath(file)
    except ValueError:  # no file can have that name, which the reader says
        name = file
    return f"results/{folder_name(name.removesuffix('.toml'))}"


def folder_name(text: str) -> str:
    """Return a name for a folder: the text itself where that is plain, else its letters and a digest, so that none is shared.

    >>> folder_name("no-agents"), folder_name("my runs"), folder_name("my.runs "), folder_name("my:runs")
    ('no-agents', 'my-runs-d1a03132', 'my.runs-4c641159', 'my-runs-1292784b')
    """
    if re.fullmatch(r"\w[\w.-]{,99}", text) and _encodable(text):
        return text
    letters = re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-.")[:60] or "run"
    return f"{letters}-{hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()[:8]}"


def _encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _manifest_seeds(source: Any) -> tuple[int, ...]:
    if not ends(source, ".json"):
        return ()
    manifest = read_manifest(source)
    with within(f"manifest {str(source)!r}"):
        incomplete = manifest.get("incomplete") or {}
        found = incomplete.get("requested_seeds") if isinstance(incomplete, dict) else None
        found = found or manifest.get("seeds", [])
        if not isinstance(found, list):
            raise InputError("seeds: must be a list")
        chosen = tuple(whole("seed in the manifest", s, 0, SEED_MAX) for s in found)
        twice = next((s for s in chosen if chosen.count(s) > 1), None)
        if twice is not None:
            raise InputError(f"seed {twice} stands in it twice; a seed is one run")
        return chosen


def with_overrides(scenario: Scenario, overrides: Mapping[str, Any]) -> Scenario:
    """Return the scenario with ``section.name`` (or ``section__name``) changed; text is no number."""
    plain = {_dotted(k): v for k, v in overrides.items()}
    if len(plain) < len(overrides):
        twice = next(k for k in overrides if _dotted(k) != k and _dotted(k) in overrides)
        both = f"{overrides[_dotted(twice)]!r} and {overrides[twice]!r}"
        raise InputError(f"{_dotted(twice)} is set twice, to {both}: give one")
    return scenario.with_overrides(plain) if plain else scenario


def _dotted(name: str) -> str:
    return name if "." in name else name.replace("__", ".", 1)


def assignments(texts: list[str], parameters: Parameters | None = None) -> dict[str, Any]:
    """Return {"section.name": value} of texts "section.name=value", read as the declared type, of `parameters` where given.

    >>> assignments(["human.review_share_min=0.1", "lab.lab_a.rule=race"])
    {'human.review_share_min': 0.1, 'lab.lab_a.rule': 'race'}
    """
    out: dict[str, Any] = {}
    said: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise InputError(f"--set {text!r}: must be section.name=value")
        name, value = today(_dotted(name.strip())), value.strip()
        if name in said:
            raise InputError(f"--set {name}: given twice, {said[name]!r} and {value!r}; give one")
        said[name], out[name] = value, read(name, value, parameters)
    return out


def whole_number(option: str, text: str | None, low: int, high: int) -> int | None:
    """Return the whole number an option was given as text in the digits 0 to 9, or None."""
    if text is None:
        return None
    try:
        if not text.isascii():
            raise ValueError
        return whole(option, int(text), low, high)
    except InputError:
        raise
    except ValueError:
        shown = text if len(text) <= 40 else text[:37] + "..."
        raise InputError(f"{option} = {shown!r}: must be a whole number in [{low}, {high}]") from None

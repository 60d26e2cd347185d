"""What a command runs, checked before anything is simulated: a scenario, its draws and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import EllipsisType
from typing import Any, NamedTuple

from experiments.runs.options import DRAWS_MAX, seeds_of, with_overrides
from experiments.runs.posterior import draws, of_manifest
from experiments.runs.results import settings
from model import world
from model.core.errors import InputError
from model.core.files import ends
from model.month import steps_of
from model.results import record, tables
from model.scenario import Scenario, read_manifest, whole


def _lacks(source: Any, scenario: Scenario) -> str:
    """Return what a manifest lists as added beside plug-ins and a scenario does not have."""
    there, here = read_manifest(source).get("added") or {}, scenario.added.listed()
    return "; ".join(f"{name} {', '.join(there[name])}" for name in there if there[name] != here.get(name))


class Plan(NamedTuple):
    """What a command runs: the scenario, posterior draws in place of one set of parameters, seeds."""

    scenario: Scenario
    members: tuple[Mapping[str, float], ...]
    seeds: tuple[int, ...]

    def settings(self) -> dict[str, Any]:
        """Return what decides the result, as its manifest will hold it."""
        return settings(self.scenario, self.seeds, self.members)


def planned(
    source: str | Path | Scenario,
    *,
    humans: int | None = None,
    months: int | None = None,
    seed: int | EllipsisType = ...,
    seeds: int | EllipsisType = ...,
    posterior: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    added: Mapping[str, Any] | None = None,
) -> Plan:
    """Return what `run` runs if it is given the same, checked; `added` is what `Scenario.with_additions` takes."""
    whole_run = Scenario.load(source).with_run(months=months, humans=humans).with_additions(**(added or {}))
    scenario = with_overrides(whole_run, overrides or {})
    steps_of(scenario)
    world.added_to(scenario)
    record.added_to(scenario)
    tables.added_to(scenario)
    if ends(source, ".json") and (missing := _lacks(source, scenario)):
        raise InputError(
            f"manifest {str(source)!r}: of a run with {missing}, objects that a file does not hold; give them again"
        )
    if posterior is not None and not isinstance(seeds, EllipsisType):
        raise InputError(
            f"--posterior {posterior} beside --seeds {seeds}: each draw has a seed of its own; give one of both"
        )
    if posterior is not None:
        members = draws(scenario, whole("posterior", posterior, 1, DRAWS_MAX))
        return Plan(scenario, members, seeds_of(source, seed, posterior))
    repeated = isinstance(seed, EllipsisType) and isinstance(seeds, EllipsisType)
    return Plan(scenario, of_manifest(source) if repeated else (), seeds_of(source, seed, seeds))

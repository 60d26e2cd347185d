"""Designs of runs: a sweep file, checked whole before anything runs, and the runs it asks for."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.runs.digest import code_digest
from experiments.runs.options import SEED_MAX, consecutive
from experiments.runs.pool import Task, checksum
from experiments.runs.recorded import months_of, recorded
from model import world
from model.core.errors import InputError, unknown, within
from model.core.files import ends, read_toml
from model.core.params import Declaration, check
from model.month import steps_of
from model.results.record import names_of
from model.scenario import FIRM_TYPES, SCHEMA, Scenario, declarations, names, today, whole

KINDS = ("grid", "list", "lhs", "sobol", "morris")
SCALES = ("linear", "log")
RUNS_MAX = 1_000_000
MORRIS_LEVELS = 4


class Axis(NamedTuple):
    """What a parameter does in a design: the values it takes, or a range it is drawn from."""

    name: str
    declared: Declaration
    values: tuple[Any, ...]  # empty: a range
    low: float = math.nan
    high: float = math.nan
    scale: str = "linear"

    def at(self, u: float) -> Any:
        """Return the value at `u` in [0, 1] of the list or range, both ends among them: a level of a grid."""
        if self.values:
            return self.values[min(int(u * len(self.values)), len(self.values) - 1)]
        x = min(max(self._between(self.high, u), self.low), self.high)
        return check(self.declared, round(x) if isinstance(self.declared.default, int) else x)

    def drawn(self, u: float) -> Any:
        """Return the value at `u` in [0, 1] where `u` is drawn: values of a list and whole numbers have equal parts.

        On a log scale a whole number k has the part that [k, k + 1) has of the log of [low, high + 1).

        >>> from model.scenario import declarations
        >>> months = next(d for d in declarations() if d.name == "lean_months")
        >>> [Axis("", months, (), 2, 4).drawn(u) for u in (0.0, 0.33, 0.34, 0.66, 0.67, 1.0)]
        [2, 2, 3, 3, 4, 4]
        """
        if self.values or not isinstance(self.declared.default, int):
            return self.at(u)
        k = math.floor(self._between(self.high + 1.0, u))
        return check(self.declared, min(max(k, int(self.low)), int(self.high)))

    def place(self, value: Any) -> float:
        """Return where a value stands in the list or range: 0 at its beginning, 1 at its end."""
        if self.values:
            return self.values.index(value) / max(len(self.values) - 1, 1)
        low, high, x = (math.log(v) if self.scale == "log" else v for v in (self.low, self.high, value))
        return (x - low) / (high - low)

    def _between(self, high: float, u: float) -> float:
        if self.scale == "log":
            return math.exp(math.log(self.low) + u * (math.log(high) - math.log(self.low)))
        return self.low + u * (high - self.low)

    @property
    def discrete(self) -> bool:
        """Return whether there are gaps between its values."""
        return bool(self.values) or isinstance(self.declared.default, int)


@dataclass(frozen=True)
class Design:
    """A checked design: every point under every scenario and seed."""

    scenarios: tuple[Scenario, ...]
    seeds: tuple[int, ...]
    names: tuple[str, ...]
    points: tuple[tuple[Any, ...], ...]
    series: tuple[str, ...]
    months: tuple[str, ...] | None
    kind: str = "list"
    axes: tuple[Axis, ...] = ()

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.points) * len(self.scenarios) * len(self.seeds)

    def places(self) -> NDArray[np.float64]:
        """Return the points as places in [0, 1] of what each parameter's list or range holds, (points, parameters)."""
        return np.array([[a.place(v) for a, v in zip(self.axes, point, strict=True)] for point in self.points])

    def tasks(self) -> Iterator[tuple[int, Task]]:
        """Yield each run with the number of its point."""
        kept = json.dumps([self.series, self.months])

        def base(s: Scenario) -> str:
            return checksum(json.dumps(facts(s), sort_keys=True), kept, code_digest(*s.outside()))

        bases = [(s, base(s)) for s in self.scenarios]
        for i, point in enumerate(self.points):
            overrides = dict(zip(self.names, point, strict=True))
            text = json.dumps(overrides, sort_keys=True)
            carry = [carrying(s, overrides) for s in self.scenarios]
            here = [b if s is b[0] else (s, base(s)) for s, b in zip(carry, bases, strict=True)]
            for (scenario, begin), seed in itertools.product(here, self.seeds):
                run = checksum(begin, text, str(seed))[:24]
                yield i, Task(run, scenario, overrides, seed, self.series, self.months)


def carrying(scenario: Scenario, overrides: Mapping[str, Any]) -> Scenario:
    """Return the scenario, with the overrides in it if they name rules of users: so it carries these to other processes."""
    if not any(isinstance(value, str) for value in overrides.values()):
        return scenario
    changed = scenario.with_overrides(overrides)
    return changed if changed.outside() else scenario


def facts(scenario: Scenario) -> dict[str, Any]:
    """Return all that a run depends on but seed and code, as plain values."""
    return {
        "scenario": scenario.name,
        "run": [scenario.start, scenario.months, scenario.humans],
        "parameters": scenario.values(),
        "interventions": [change.to_dict() for change in scenario.interventions],
        **({"plugins": scenario.plugins} if scenario.plugins else {}),
        **({"added": scenario.added.listed()} if scenario.added else {}),
    }


def read(source: str | Path | Mapping[str, Any], added: Mapping[str, Any] | None = None) -> Design:
    """Return the design that a sweep file, or a mapping of the same form, describes.

    `added` is what `Scenario.with_additions` takes, for all its scenarios.

    Raises
    ------
    InputError
        One line naming what is wrong and the nearest valid name.
    """
    if isinstance(source, Mapping):
        return _design({"schema": SCHEMA, **source}, Path(), added or {})
    raw = read_toml(source, "sweep file")
    with within(f"sweep file {str(source)!r}"):
        return _design(raw, Path(source).parent, added or {})


def _design(raw: dict[str, Any], beside: Path, added: Mapping[str, Any]) -> Design:
    if raw.pop("schema", None) != SCHEMA:
        raise InputError(f"needs the line 'schema = {SCHEMA}'")
    _known(raw, ("scenarios", "seeds", "run", "design", "parameters", "record", "title", "description", "plugins"), "")
    scenarios = [s.with_additions(raw.get("plugins", ())).with_additions(**added) for s in _scenarios(raw, beside)]
    for scenario in scenarios:
        steps_of(scenario)
        world.added_to(scenario)
    seeds = _table(raw, "seeds", ("first", "count"))
    chosen = consecutive(seeds.get("first", 1), seeds.get("count", 1), ("seeds.first", "seeds.count"))
    design = _table(raw, "design", ("kind", "n", "seed"))
    kind = design.get("kind", "list")
    if kind not in KINDS:
        raise unknown("design.kind", str(kind), KINDS)
    parameters = raw.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise InputError("[parameters] must be a table")
    axes = [_axis(name, spec, scenarios) for name, spec in _flat(parameters)]
    if len({a.name for a in axes}) < len(axes):
        raise InputError("[parameters]: a parameter stands twice")
    points = _points(kind, design, axes)
    if not 0 < len(points) * len(scenarios) * len(chosen) <= RUNS_MAX:
        raise InputError(f"{len(points) * len(scenarios) * len(chosen)} runs, outside [1, {RUNS_MAX}]")
    record = _table(raw, "record", ("series", "months"))
    series = recorded(record.get("series"), names_of(*scenarios))
    kept = [months_of(s, record.get("months"), "record.months") or () for s in scenarios]
    months = tuple(dict.fromkeys(m for some in kept for m in some)) or None
    return Design(tuple(scenarios), chosen, tuple(a.name for a in axes), points, series, months, kind, tuple(axes))


def _known(table: Mapping[str, Any], keys: tuple[str, ...], prefix: str) -> None:
    for key in table:
        if key not in keys:
            raise unknown("key", f"{prefix}{key}", [f"{prefix}{k}" for k in keys])


def _table(raw: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    table = raw.get(name, {})
    if not isinstance(table, Mapping):
        raise InputError(f"[{name}] must be a table")
    _known(table, keys, f"{name}.")
    return dict(table)


def _scenarios(raw: Mapping[str, Any], beside: Path) -> list[Scenario]:
    given = raw.get("scenarios", ["baseline"])
    if not isinstance(given, list | tuple) or not given:
        raise InputError(f"scenarios = {given!r}: must be a list of names or files")
    run = _table(raw, "run", ("start", "months", "humans"))
    out = []
    for one in given:
        source = one
        if not isinstance(one, Scenario):
            source = beside / str(one) if ends(str(one), ".toml", ".json") else str(one)
        out.append(Scenario.load(source).with_run(**run))
    if len({s.name for s in out}) < len(out):
        raise InputError("scenarios: a name stands twice")
    return out


def _flat(parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (name, what is said of it); unquoted names, which TOML reads as tables in tables, are joined."""
    for key, spec in parameters.items():
        deeper = isinstance(spec, Mapping) and any(isinstance(v, Mapping | list) for v in spec.values())
        if deeper and key.count(".") < 2:
            yield from ((f"{key}.{name}", inner) for name, inner in _flat(spec))
        else:
            yield today(key.replace("__", ".", 1) if "." not in key else key), spec


def declaration(name: str, scenarios: list[Scenario]) -> Declaration:
    """Return the declaration of "section.name" or "section.firm.name"."""
    parts = name.split(".")
    if len(parts) == 3 and parts[0] in FIRM_TYPES:
        for scenario in scenarios:
            if parts[1] not in scenario.firms[parts[0]]:
                raise unknown(f"{parts[0]} firm", parts[1], scenario.firms[parts[0]])
        fields = {d.name: d for d in FIRM_TYPES[parts[0]].declared()}
        if parts[2] not in fields:
            raise unknown("parameter", name, [f"{parts[0]}.{parts[1]}.{f}" for f in fields])
        return fields[parts[2]]
    parameters = scenarios[0].parameters
    found = next((d for d in declarations(parameters) if f"{d.section}.{d.name}" == name), None)
    if found is None:
        raise unknown("parameter", name, names(parameters))
    return found


def _value(name: str, d: Declaration, value: Any) -> Any:
    """Return a checked value; the refusal names the firm whose field it is."""
    try:
        return check(d, value)
    except InputError as error:
        raise InputError(str(error).replace(f"{d.section}.{d.name}", name, 1)) from None


def _axis(name: str, spec: Any, scenarios: list[Scenario]) -> Axis:
    d = declaration(name, scenarios)
    if isinstance(spec, list | tuple):
        values = tuple(_value(name, d, v) for v in spec)
        if not values:
            raise InputError(f"{name} = []: no value")
        if isinstance(d.default, str):
            for scenario, value in itertools.product(scenarios, values):
                scenario.with_overrides({name: value}).check_travels()  # whoever it names must be there, in workers too
        return Axis(name, d, values)
    if not isinstance(spec, Mapping):
        raise InputError(f"{name} = {spec!r}: must be a list of values, {{low, high, scale}}, or {{}}")
    _known(spec, ("low", "high", "scale"), f"{name}.")
    if isinstance(d.default, str | bool):
        if spec:
            raise InputError(f"{name}: has no range; give a list of values")
        values = (False, True) if isinstance(d.default, bool) else d.choices
        if not values:
            raise InputError(f"{name}: any text is allowed; give a list of values")
        return Axis(name, d, values)
    low, high = spec.get("low", d.low), spec.get("high", d.high)
    for end, value in (("low", low), ("high", high)):
        if value is None:
            raise InputError(f"{name}: no declared {end} end of the range; give {end}")
    low, high = float(_value(name, d, low)), float(_value(name, d, high))
    if not low < high:
        raise InputError(f"{name}: range reversed or empty, low = {low:g}, high = {high:g}")
    scale = spec.get("scale", d.scale)
    if scale not in SCALES:
        raise unknown(f"{name}.scale", str(scale), SCALES)
    if scale == "log" and low <= 0.0:
        if "scale" in spec:
            raise InputError(f"{name}: low = {low:g} must be positive on a log scale")
        scale = "linear"  # declared on a log scale, but its range begins at zero
    return Axis(name, d, (), low, high, scale)


def _points(kind: str, design: Mapping[str, Any], axes: list[Axis]) -> tuple[tuple[Any, ...], ...]:
    """Return the points of a design in order."""
    drawn = kind in ("lhs", "sobol", "morris")
    if "seed" in design and not drawn:
        raise InputError(f"design.seed: does not apply to kind '{kind}'")
    if drawn:
        if not axes:
            raise InputError(f"design.kind '{kind}': needs [parameters]")
        if "n" not in design:
            raise InputError(f"design.kind '{kind}': needs design.n")
        n, seed = whole("design.n", design["n"], 1, RUNS_MAX), whole("design.seed", design.get("seed", 1), 0, SEED_MAX)
        unit = sample(kind, len(axes), n, seed)
        if kind == "morris":
            unit = _within_levels(unit, axes, seed)
        return tuple(tuple(a.drawn(float(u)) for a, u in zip(axes, row, strict=True)) for row in unit)
    ranges = [a for a in axes if not a.values]
    if ranges and kind == "list":
        raise InputError(f"{ranges[0].name}: kind 'list' needs a list of values")
    if "n" in design and not ranges:
        raise InputError(f"design.n: does not apply to kind '{kind}' with lists only")
    if ranges and "n" not in design:
        raise InputError(f"{ranges[0].name}: a range in a grid needs design.n, the number of levels")
    levels = whole("design.n", design["n"], 2, RUNS_MAX) if ranges else 0
    columns = [a.values or tuple(a.at(i / (levels - 1)) for i in range(levels)) for a in axes]
    if kind == "grid":
        columns = [tuple(dict.fromkeys(c)) if not a.values else c for a, c in zip(axes, columns, strict=True)]
        for a, column in zip(axes, columns, strict=True):
            if len(set(column)) < len(column):
                raise InputError(f"{a.name}: a value stands twice in its list")
        if math.prod(map(len, columns)) > RUNS_MAX:
            raise InputError(f"design: {math.prod(map(len, columns))} points, more than {RUNS_MAX}")
        return tuple(itertools.product(*columns))
    if len(set(map(len, columns))) > 1:
        sizes = ", ".join(f"{a.name} {len(c)}" for a, c in zip(axes, columns, strict=True))
        raise InputError(f"design.kind 'list': lists must have the same length ({sizes})")
    points = tuple(zip(*columns, strict=True)) if columns else ((),)
    if len(set(points)) < len(points):
        raise InputError("design.kind 'list': a point stands twice")
    return points


def _within_levels(unit: NDArray[np.float64], axes: list[Axis], seed: int) -> NDArray[np.float64]:
    """Return the trajectories with levels of discrete parameters as quarters, the place in them drawn by trajectory.

    Four levels give equal parts to two or four values only; a place in a quarter does to any number, and from a quarter to
    the second next each of them moves.
    """
    d = len(axes)
    drawn = np.random.default_rng(seed).random((unit.shape[0] // (d + 1), d)).repeat(d + 1, axis=0)
    quarters = (np.round((MORRIS_LEVELS - 1) * unit) + drawn) / MORRIS_LEVELS
    return np.where([a.discrete for a in axes], quarters, unit)


def sample(kind: str, d: int, n: int, seed: int) -> NDArray[np.float64]:
    """Return points of the unit cube, (rows, d).

    lhs: n rows. sobol: Saltelli's n (d + 2) rows for first and total effects; n a power of two. morris: n
    trajectories of d + 1 rows on four levels.

    >>> [sample(kind, 3, 4, 1).shape for kind in ("lhs", "sobol", "morris")]
    [(4, 3), (20, 3), (16, 3)]
    """
    rows = {"lhs": n, "sobol": n * (d + 2), "morris": n * (d + 1)}[kind]
    if rows > RUNS_MAX:
        raise InputError(f"design: {rows} points, more than {RUNS_MAX}")
    if kind == "lhs":
        from scipy.stats import qmc

        return np.asarray(qmc.LatinHypercube(d, rng=np.random.default_rng(seed)).random(n))
    problem = {"num_vars": d, "names": [f"x{i}" for i in range(d)], "bounds": [[0.0, 1.0]] * d}
    if kind == "sobol":
        from SALib.sample import sobol

        if n & (n - 1):
            raise InputError(f"design.n = {n}: must be a power of two for kind 'sobol'")
        return np.asarray(sobol.sample(problem, n, calc_second_order=False, seed=seed))
    from SALib.sample import morris

    return np.asarray(morris.sample(problem, n, num_levels=MORRIS_LEVELS, seed=seed))

"""Scenarios: parameters, firms and dated interventions, from TOML, names or manifests; strict about every key."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from agents.ai_agent import AIAgentParams
from agents.application import ApplicationParams
from agents.belief import BeliefParams
from agents.human import HumanParams
from agents.lab import FIRMS as LAB_FIRMS
from agents.lab import FORMER as LAB_FORMER
from agents.lab import LabFirm, LabParams
from agents.orchestrator import OrchestratorParams
from agents.provider import FIRMS as PROVIDER_FIRMS
from agents.provider import ProviderFirm, ProviderParams
from agents.robot import RobotParams
from agents.supplier import SupplierParams
from model.core import additions as plugins
from model.core.additions import Additions, names_of
from model.core.errors import InputError, hint, unknown, within
from model.core.files import ends, read_json, read_toml
from model.core.params import Declaration, Params, check, from_text
from model.core.renamed import renamed
from model.core.shown import Shown
from model.core.steps import Steps
from model.core.units import month_date, month_index
from model.layers.agent import AgentLoopParams
from model.layers.application import AppNetworkParams
from model.layers.context import ContextParams
from model.layers.link import LinkParams
from model.layers.neural import NeuralParams
from model.layers.orchestrator import CallNetworkParams
from model.layers.physical import PhysicalParams
from model.markets.attention import AttentionParams
from model.markets.auction import AuctionParams
from model.markets.compute import ComputeParams

SCHEMA = 1
#: Range of opening months: the opening's stocks are those of 2022-01, its generations of chips must have been launched.
FIRST_START, LAST_START = "2021-06", "2030-12"


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """All sections of parameters, as they hold in one month."""

    human: HumanParams = field(default_factory=HumanParams)
    ai_agent: AIAgentParams = field(default_factory=AIAgentParams)
    robot: RobotParams = field(default_factory=RobotParams)
    provider: ProviderParams = field(default_factory=ProviderParams)
    belief: BeliefParams = field(default_factory=BeliefParams)
    lab: LabParams = field(default_factory=LabParams)
    application: ApplicationParams = field(default_factory=ApplicationParams)
    orchestrator: OrchestratorParams = field(default_factory=OrchestratorParams)
    supplier: SupplierParams = field(default_factory=SupplierParams)
    physical: PhysicalParams = field(default_factory=PhysicalParams)
    link: LinkParams = field(default_factory=LinkParams)
    neural: NeuralParams = field(default_factory=NeuralParams)
    context: ContextParams = field(default_factory=ContextParams)
    agent_loop: AgentLoopParams = field(default_factory=AgentLoopParams)
    call_network: CallNetworkParams = field(default_factory=CallNetworkParams)
    app_network: AppNetworkParams = field(default_factory=AppNetworkParams)
    auction: AuctionParams = field(default_factory=AuctionParams)
    attention: AttentionParams = field(default_factory=AttentionParams)
    compute: ComputeParams = field(default_factory=ComputeParams)
    added: Mapping[str, Params] = field(default_factory=dict)  # sections of kinds of agents that were added

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of all sections, added ones last."""
        return (*SECTIONS, *self.added)

    def changed(self, section: str, values: Params) -> Self:
        """Return the parameters with another section."""
        if section in SECTIONS:
            new: dict[str, Any] = {section: values}
            return dataclasses.replace(self, **new)
        return dataclasses.replace(self, added={**self.added, section: values})

    def at_default(self) -> Parameters:
        """Return the same sections at their declared defaults."""
        return Parameters(added={section: type(values)() for section, values in self.added.items()})

    if not TYPE_CHECKING:  # sections of this project are declared above

        def __getattr__(self, name: str) -> Params:
            """Return an added section."""
            added = vars(self).get("added", {})
            if name not in added:
                raise AttributeError(f"there is no section '{name}'{hint(name, SECTIONS)}")
            return added[name]


SECTIONS: tuple[str, ...] = tuple(f.name for f in dataclasses.fields(Parameters) if f.name != "added")
FIRM_TYPES: dict[str, type[Params]] = {"lab": LabFirm, "provider": ProviderFirm}
OPENING_FIRMS: dict[str, dict[str, Params]] = {"lab": dict(LAB_FIRMS), "provider": dict(PROVIDER_FIRMS)}
#: Former names of firms, {section: {former: now}}.
FORMER: dict[str, dict[str, str]] = {"lab": LAB_FORMER}


def declarations(parameters: Parameters | None = None) -> tuple[Declaration, ...]:
    """Return every declared parameter, section by section (firm fields apart); with those of added kinds if they are given."""
    given = Parameters() if parameters is None else parameters
    return tuple(d for section in given.sections for d in getattr(given, section).declared())


@dataclass(frozen=True)
class Intervention:
    """A dated change of one dynamic parameter."""

    date: str
    parameter: str
    value: float | int | str | bool
    mode: str = "set"
    until: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}


@dataclass(frozen=True)
class Scenario:
    """What is run: the opening, parameters, firms, interventions."""

    name: str = "baseline"
    title: str = ""
    description: str = ""
    start: str = "2022-01"
    months: int = 168
    humans: int = 5000
    parameters: Parameters = field(default_factory=Parameters)
    firms: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: OPENING_FIRMS)
    interventions: tuple[Intervention, ...] = ()
    plugins: tuple[str, ...] = ()
    added: Additions = field(default_factory=Additions)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Import the plug-ins where the scenario arrives: in a worker, before it works."""
        plugins.load(state["plugins"])
        self.__dict__.update(state)

    @classmethod
    def load(cls, source: str | Path | Scenario) -> Scenario:
        """Return a scenario from a shipped name, a TOML file or a manifest.json.

        Raises
        ------
        InputError
            One line naming what is wrong and the nearest valid name.
        """
        if isinstance(source, Scenario):
            return source
        path = Path(source)
        if not ends(path, ".toml", ".json"):
            found = shipped().get(str(source))
            if found is None and os.path.isdir(path):
                raise InputError(f"scenario {str(source)!r}: is a directory, not a TOML file or manifest.json")
            if found is None and os.path.exists(path):
                raise InputError(f"scenario {str(source)!r}: the name of a scenario file ends in .toml or .json")
            if found is None:
                raise unknown("scenario", str(source), shipped())
            path = found
        try:
            return _from_manifest(path) if ends(path, ".json") else _from_toml(path, ())
        except InputError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise InputError(f"scenario {str(source)!r}: a value has the wrong form") from error

    def with_additions(
        self,
        plugins: Sequence[str] = (),
        steps: Steps | None = None,
        series: Sequence[Any] = (),
        tables: Sequence[Any] = (),
        kinds: Sequence[Any] = (),
    ) -> Self:
        """Return the scenario with more than the shipped model.

        Parameters
        ----------
        plugins : sequence of str
            Modules or names of installed plug-ins, imported here and in every process that runs the scenario.
        steps : Steps, optional
            The month in the place of the shipped one; plug-ins put their steps into it.
        series, tables, kinds : sequence of Series, ResultTable, Kind

        Raises
        ------
        InputError
            One line naming what is wrong and the nearest valid name.
        """
        more = Additions(steps, series, tables, kinds)  # type: ignore[arg-type]
        named = tuple(dict.fromkeys((*self.plugins, *names_of(plugins))))
        out = dataclasses.replace(self, plugins=named, added=self.added.with_more(more))
        if named == self.plugins and not more:
            return self
        parameters = out.parameters
        for kind in out.additions()[0].kinds:
            section = "" if kind.params is None else kind.params.section
            if section in (*SECTIONS, *Scenario.__dataclass_fields__, "run", "intervention", "schema", "extends"):
                raise InputError(
                    f"Kind '{kind.name}': section = '{section}' of its parameters is taken; choose another"
                )
            if section and section not in parameters.added:
                parameters = parameters.changed(section, kind.params())
        return dataclasses.replace(out, parameters=parameters)

    def additions(self) -> tuple[Additions, tuple[Callable[[Steps], Steps], ...]]:
        """Return what was added, that of plug-ins too, and what plug-ins make of the month."""
        return plugins.additions(self.plugins, self.added)

    def with_overrides(self, overrides: Mapping[str, Any]) -> Self:
        """Return the scenario with ``section.name`` or ``section.firm.name`` changed; text is no number, see `read`."""
        changed: dict[str, dict[str, Any]] = {}
        firms: dict[tuple[str, str], dict[str, Any]] = {}
        for key, value in overrides.items():
            now = today(key)
            if now != key and now in overrides:
                raise InputError(f"{now} is set twice, by that name and as {key}: give one")
            parts = now.split(".")
            if len(parts) == 3 and parts[0] in FIRM_TYPES:
                firms.setdefault((parts[0], parts[1]), {})[parts[2]] = value
            elif len(parts) == 2:
                changed.setdefault(parts[0], {})[parts[1]] = value
            else:
                raise unknown("parameter", key, names(self.parameters))
        parameters = self.parameters
        for section, values in changed.items():
            if section not in parameters.sections:
                raise unknown("parameter", f"{section}.{next(iter(values))}", names(parameters))
            parameters = parameters.changed(section, _changed(getattr(parameters, section), section, values))
        table = {section: dict(rows) for section, rows in self.firms.items()}
        for (section, firm), values in firms.items():
            if firm not in table[section]:
                raise unknown(f"{section} firm", firm, table[section])
            table[section][firm] = _changed(table[section][firm], f"{section}.{firm}", values)
        out = dataclasses.replace(self, parameters=parameters, firms=table)
        out.check()
        return out

    def with_run(self, *, start: str | None = None, months: Any = None, humans: Any = None) -> Self:
        """Return the scenario with another opening, length or resolution."""
        out = dataclasses.replace(
            self,
            start=self.start if start is None else start,
            months=self.months if months is None else whole("run.months", months, 1, 1200),
            humans=self.humans if humans is None else whole("run.humans", humans, 1, 100_000_000),
        )
        if not 0 <= month_index(out.start, FIRST_START, "run.start") <= month_index(LAST_START, FIRST_START):
            raise InputError(f"run.start = {out.start!r}: outside [{FIRST_START}, {LAST_START}]")
        return out

    def check(self) -> None:
        """Validate interventions and firms.

        Raises
        ------
        InputError
        """
        for change in self.interventions:
            section, _, name = str(change.parameter).partition(".")
            known = section in self.parameters.sections
            declared = {d.name: d for d in getattr(self.parameters, section).declared()} if known else {}
            if name not in declared:
                raise unknown("parameter", str(change.parameter), names(self.parameters))
            if not declared[name].dynamic:
                raise InputError(
                    f"intervention on {change.parameter}: fixed at the opening, it cannot change at a date"
                )
            if change.mode not in ("set", "multiply"):
                raise InputError(
                    f"intervention on {change.parameter}: mode = {change.mode!r}, not one of set, multiply"
                )
            if change.mode == "multiply" and (
                isinstance(change.value, bool) or not isinstance(change.value, int | float)
            ):
                raise InputError(f"intervention on {change.parameter}: value = {change.value!r}: must be a number")
            first = month_index(change.date, self.start, f"intervention on {change.parameter}: date")
            until = f"intervention on {change.parameter}: until"
            if change.until is not None and month_index(change.until, self.start, until) <= first:
                raise InputError(
                    f"intervention on {change.parameter}: until = {change.until!r} is not after date = {change.date!r}"
                )
        for change in self.interventions:  # once every date is one
            self.parameters_at(max(month_index(change.date, self.start), 0))
        for values in self._all():
            for d in values.declared():
                if isinstance(d.known, Mapping):
                    check(d, getattr(values, d.name))  # registered where this runs, too
        labs = self.firms["lab"]
        for name, firm in self.firms["provider"].items():
            home = getattr(firm, "integrated_lab", "")
            if home and home not in labs:
                raise unknown(f"integrated_lab of provider.{name}", home, labs)

    def parameters_at(self, month: int) -> Parameters:
        """Return the parameters in force in month `month` (0 is the first)."""
        parameters = self.parameters
        for change in self.interventions:
            first = month_index(change.date, self.start)
            last = month_index(change.until, self.start) if change.until else None
            if month < first or (last is not None and month >= last):
                continue
            section, _, name = change.parameter.partition(".")
            now = getattr(parameters, section)
            value: Any = change.value
            if change.mode == "multiply":
                value = getattr(now, name) * value
            parameters = parameters.changed(section, now.replace(**{name: value}))
        return parameters

    def change_months(self) -> set[int]:
        """Return the months in which parameters change."""
        dates = [d for c in self.interventions for d in (c.date, c.until) if d]
        return {month_index(d, self.start) for d in dates}

    def outside(self) -> tuple[Any, ...]:
        """Return what it needs that is none of this project's: rules that its parameters name, additions, plug-ins as modules."""
        rules = [written for values in self._all() for written in values.outside()]
        return tuple(dict.fromkeys([*rules, *self.added.outside(), *plugins.load(self.plugins)]))

    def check_travels(self) -> None:
        """Refuse what other processes cannot import.

        Raises
        ------
        InputError
            One line that names it and says to put it into a module.
        """
        self.added.check_travels()
        for values in self._all():
            values.check_travels()

    def _all(self) -> list[Params]:
        """Return the parameters of all sections and of all firms."""
        sections = [getattr(self.parameters, name) for name in self.parameters.sections]
        return sections + [firm for rows in self.firms.values() for firm in rows.values()]

    def values(self) -> dict[str, dict[str, Any]]:
        """Return plain values: {section: {name: value}}, firm fields as "firm.name"."""
        out: dict[str, dict[str, Any]] = {
            s: dict(getattr(self.parameters, s).values()) for s in self.parameters.sections
        }
        for section, rows in self.firms.items():
            for firm, values in rows.items():
                out[section].update({f"{firm}.{k}": v for k, v in values.values().items()})
        return out

    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Return what differs from the declared defaults: {name: (value, default)}."""
        default, out = Scenario(parameters=self.parameters.at_default()).values(), {}
        for section, values in self.values().items():
            for name, value in values.items():
                before = default[section].get(name)
                if value != before:
                    out[f"{section}.{name}"] = (value, before)
        return out

    def _repr_html_(self) -> str:
        """Return the scenario as a small table of what it changes."""
        rows = [(name, str(now), str(before)) for name, (now, before) in self.changes().items()]
        for c in self.interventions:
            until = f" to {c.until}" if c.until else ""
            rows.append((f"{c.parameter}, {c.date}{until}", f"{c.mode} {c.value}", ""))
        run = f"{self.months} months from {self.start}, {self.humans:,} human rows"
        said = tuple(line for line in (self.title, self.description, run) if line)
        return Shown(f"Scenario '{self.name}'", said, ("parameter", "value", "default"), tuple(rows))._repr_html_()


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Return a whole number within bounds, or raise InputError."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name} = {value!r}: must be a whole number in [{low}, {high}]")
    if not low <= value <= high:
        raise InputError(f"{name} = {value}: outside [{low}, {high}]")
    return value


def names(parameters: Parameters | None = None) -> list[str]:
    """Return all names of parameters, "section.name"; with those of added kinds if they are given."""
    return [f"{d.section}.{d.name}" for d in declarations(parameters)]


def shipped() -> dict[str, Path]:
    """Return the shipped scenarios by name."""
    return {p.stem: p for p in sorted((Path(__file__).parent / "scenarios").glob("*.toml"))}


def firm_today(section: str, firm: str) -> str:
    """Return what a firm is called now; a former name is understood, with a warning."""
    now = FORMER.get(section, {}).get(firm)
    return firm if now is None else renamed(section, firm, now)


def today(name: str) -> str:
    """Return "section.firm.name" with what the firm is called now; other names as they are.

    >>> today("lab.lab_a.rule"), today("human.contacts")
    ('lab.lab_a.rule', 'human.contacts')
    """
    parts = name.split(".")
    return f"{parts[0]}.{firm_today(parts[0], parts[1])}.{parts[2]}" if len(parts) == 3 else name


def _changed(params: Params, where: str, values: Mapping[str, Any]) -> Params:
    declared = {d.name: d for d in params.declared()}
    if isinstance(home := values.get("integrated_lab"), str):
        values = {**values, "integrated_lab": firm_today("lab", home)}
    for name in values:
        if name not in declared:
            section = where.partition(".")[0]
            pool = [f"{where}.{n}" for n in declared]
            raise unknown("parameter", f"{where}.{name}", pool if where != section else pool + names())
    try:
        return params.replace(**values)
    except InputError as error:
        if "." in where:
            raise InputError(str(error).replace(params.section + ".", where + ".", 1)) from None
        raise


def read(name: str, text: str, parameters: Parameters | None = None) -> Any:
    """Return text as the type that "section.name" or "section.firm.name" is declared with; as it is where it cannot be.

    >>> read("human.contacts", "12"), read("lab.lab_a.rule", "12"), read("human.contacts", "many")
    (12, '12', 'many')
    """
    section, last = name.partition(".")[0], name.rpartition(".")[2]
    of_firm = name.count(".") == 2 and section in FIRM_TYPES
    rows = FIRM_TYPES[section].declared() if of_firm else declarations(parameters)
    default = next((d.default for d in rows if (d.section, d.name) == (section, last)), "")
    return from_text(text, default)


def _from_toml(path: Path, seen: tuple[Path, ...]) -> Scenario:
    where = f"scenario file {str(path)!r}"
    raw = read_toml(path, "scenario file")
    if path.resolve() in seen:
        raise InputError(f"{where}: extends itself")
    if raw.pop("schema", None) != SCHEMA:
        raise InputError(f"{where}: needs the line 'schema = {SCHEMA}'")
    parent = raw.pop("extends", None)
    if parent is None:
        base = Scenario()
    else:
        known = path.parent / str(parent) if ends(str(parent), ".toml") else shipped().get(str(parent))
        if known is None:
            raise InputError(f"{where}: extends {unknown('scenario', str(parent), shipped())}")
        base = _from_toml(known, (*seen, path.resolve()))
    stem = os.fsencode(path.stem).decode(errors="replace")  # whatever the locale: it is printed and stored as UTF-8
    with within(where):
        title, description = _text(raw, "title", stem), _text(raw, "description", "")
        out = dataclasses.replace(base, name=stem, title=title, description=description)
        return _apply(out.with_additions(raw.pop("plugins", ())), raw)


def _text(raw: Mapping[str, Any], name: str, default: str) -> str:
    found = raw.get(name, default)
    if not isinstance(found, str):
        raise InputError(f"{name}: must be text")
    return " ".join(found.split()) if name == "description" else found


def _apply(scenario: Scenario, raw: dict[str, Any]) -> Scenario:
    run = raw.pop("run", {})
    if not isinstance(run, dict):
        raise InputError("[run] must be a table")
    for key in run:
        if key not in ("start", "months", "humans"):
            raise unknown("key", f"run.{key}", ["run.start", "run.months", "run.humans"])
    scenario = scenario.with_run(**run)
    own = _interventions(raw.pop("intervention", []))
    overrides: dict[str, Any] = {}
    firms = {section: dict(rows) for section, rows in scenario.firms.items()}
    for section, table in raw.items():
        if section in ("title", "description"):
            continue
        if section not in scenario.parameters.sections:
            others = ("run", "intervention", "title", "description", "extends", "schema", "plugins")
            raise unknown("section", section, (*scenario.parameters.sections, *others))
        if not isinstance(table, dict):
            raise InputError(f"[{section}] must be a table")
        given: set[str] = set()
        for row in _rows(table.pop("firm", []), f"{section}.firm") if section in FIRM_TYPES else []:
            name = row.pop("name", None)
            if not isinstance(name, str) or not name.isidentifier():
                raise InputError(f"a [[{section}.firm]] needs a name of letters, digits and _")
            name = firm_today(section, name)
            if name in given:
                raise InputError(f"[[{section}.firm]] '{name}' stands twice")
            given.add(name)
            base = firms[section].get(name, FIRM_TYPES[section]())
            firms[section][name] = _changed(base, f"{section}.{name}", row)
        for name, value in table.items():
            if section in FIRM_TYPES and (name in firms[section] or isinstance(value, dict)):
                raise InputError(f'[{section}.{name}]: a firm is a table [[{section}.firm]] with name = "{name}"')
            overrides[f"{section}.{name}"] = value
    scenario = dataclasses.replace(scenario, interventions=(*scenario.interventions, *own), firms=firms)
    scenario = scenario.with_overrides(overrides)
    for change in own:
        _check_in_run(change, scenario)
    return scenario


def _check_in_run(change: Intervention, scenario: Scenario) -> None:
    """Refuse a change that the run of its own file never sees begin; inherited ones may lie outside a shorter run."""
    where, at = f"intervention on {change.parameter}: date = '{change.date}'", month_index(change.date, scenario.start)
    if at >= scenario.months:
        last = month_date(scenario.months - 1, scenario.start)
        raise InputError(f"{where}: never in force, the run ends in {last:%Y-%m}")
    if at < 0:
        section, _, name = change.parameter.partition(".")
        raise InputError(
            f"{where}: before the run begins in {scenario.start}; what holds from then on stands as {name} under [{section}]"
        )


def _interventions(given: Any) -> tuple[Intervention, ...]:
    fields = [f.name for f in dataclasses.fields(Intervention)]
    out = []
    for row in _rows(given, "intervention"):
        for key in row:
            if key not in fields:
                raise unknown("key", f"intervention.{key}", [f"intervention.{f}" for f in fields])
        missing = [k for k in ("date", "parameter", "value") if k not in row]
        if missing:
            raise InputError(f"an intervention lacks '{missing[0]}'")
        out.append(Intervention(**row))
    return tuple(out)


def _rows(given: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise InputError(f"[[{name}]] must be tables")
    return given


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Return what a manifest.json of a result says, with tables where tables are needed.

    Raises
    ------
    InputError
        If the file cannot be read, or is no manifest of ours.
    """
    raw = read_json(path, "manifest")
    where = f"manifest {str(path)!r}: not a manifest of ours"
    if not isinstance(raw, dict):
        raise InputError(f"{where}: must be a table")
    for name, kind in (("scenario", str), ("run", dict), ("parameters", dict)):
        if not isinstance(raw.get(name), kind):
            raise InputError(f"{where}: {'wrong form of' if name in raw else 'lacks'} '{name}'")
    for name in ("start", "months", "humans"):
        if name not in raw["run"]:
            raise InputError(f"{where}: lacks 'run.{name}'")
    for section, table in raw["parameters"].items():
        if not isinstance(table, dict):
            raise InputError(f"{where}: wrong form of 'parameters.{section}'")
    return raw


def _from_manifest(path: Path) -> Scenario:
    raw = read_manifest(path)
    run = raw["run"]
    with within(f"manifest {str(path)!r}"):
        title, description = _text(raw, "title", ""), str(raw.get("description", ""))
        base = Scenario(name=raw["scenario"], title=title, description=description)
        base = base.with_run(start=run["start"], months=run["months"], humans=run["humans"])
        base = base.with_additions(raw.get("plugins", ()))
        base = dataclasses.replace(base, interventions=_interventions(raw.get("interventions", [])))
        firms: dict[str, dict[str, Params]] = {section: {} for section in FIRM_TYPES}
        overrides: dict[str, Any] = {}
        for section, table in raw["parameters"].items():
            for given, value in table.items():
                name = today(f"{section}.{given}").partition(".")[2]
                firm, dot, _ = name.partition(".")
                if dot and section in firms:
                    firms[section].setdefault(firm, FIRM_TYPES[section]())
                overrides[f"{section}.{name}"] = value
        return dataclasses.replace(base, firms=firms).with_overrides(overrides)

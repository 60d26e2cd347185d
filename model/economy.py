"""The economy: builds tables, networks, machines and books at the opening, keeps the clock, steps and runs."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from agents.lab import Foresight, Release
from model import month, opening
from model.core import table
from model.core.additions import Kind
from model.core.errors import InputError, hint, shown, unknown
from model.core.framework import mesa
from model.core.steps import Steps
from model.results import record, regret, tables
from model.results.tables import ResultTable
from model.scenario import Scenario, firm_today, whole
from model.world import World

if TYPE_CHECKING:
    from model.results.explain import Explanation
    from model.results.measures import Crossover
    from model.results.trace import Account
    from model.results.why import Why

#: Largest number of rows of a large kind that are registered as Mesa agents; beyond it rows appear on demand.
REGISTERED = 10_000
#: Economies that nobody closed; those out of reach wait for the garbage collector, which counts objects and not their size.
_unclosed: weakref.WeakSet[InferenceEconomy] = weakref.WeakSet()


class InferenceEconomy(mesa.Model):
    """Humans, AI agents, robots, providers and labs in one compute market.

    One that is out of reach frees its memory by and by; at the end of a ``with`` it is closed and frees it at once.

    Parameters
    ----------
    source : str, Path or Scenario
        Name of a shipped scenario, TOML file, manifest or scenario.
    humans : int, optional
        Rows of humans (super-individuals); the scenario's if None.
    months : int, optional
        Length of the run; the scenario's if None.
    seed : int
        Seed of all draws.
    inert : int
        Rows appended that stand for nobody; they change nothing (a test of common random numbers).
    foresight : Foresight, optional
        Lives of nets that labs with perfect foresight plan on; found by earlier passes of the same run if left out.
    steps : Steps, optional
        What happens in a month; ``STEPS.replaced("clear", mine)`` and the like from `model.month.STEPS`.
    series : sequence of Series
        Recorded each month beside the shipped ones: ``Series(name, unit, meaning, formula)`` of `model.results.record`.
    tables : sequence of ResultTable
        Beside the shipped ones: ``ResultTable(name, columns, rows)`` of `model.results.tables`.
    kinds : sequence of Kind
        Kinds of agents beside the shipped ones, `model.core.additions.Kind`; their steps come with `steps`.
    plugins : sequence of str
        Modules, or names of installed plug-ins, that add rules, steps, series, tables or a kind of agent.
    **kwargs
        ``section__name=value`` or ``**{"section.name": value}``; Mesa's page knows what is free by this name.

    Raises
    ------
    InputError
        One line naming what is wrong and the nearest valid name.
    """

    world: World  # its fields and methods are attributes of the economy too: `economy.labs` is `economy.world.labs`

    def __init__(
        self,
        source: str | Path | Scenario = "baseline",
        *,
        humans: int | None = None,
        months: int | None = None,
        seed: int = 1,
        inert: int = 0,
        foresight: Foresight | None = None,
        steps: Steps | None = None,
        series: Sequence[record.Series] = (),
        tables: Sequence[ResultTable] = (),
        kinds: Sequence[Kind] = (),
        plugins: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        if seed is None:
            raise InputError(
                "seed = None: a seed is needed, runs repeat exactly; give a whole number (batch_run: rng=[1, 2])"
            )
        seed = whole("seed", seed, 0, 2**63 - 1)
        super().__init__(rng=seed)
        scenario = Scenario.load(source).with_run(months=months, humans=humans)
        scenario = scenario.with_additions(plugins, steps, series, tables, kinds)
        settings = scenario.with_overrides(_dotted(kwargs))
        settings.check()
        if settings.humans > REGISTERED and _unclosed:
            gc.collect()
        _unclosed.add(self)
        self._changes = settings.change_months()
        self.steps_of_month = month.steps_of(settings)
        self.seconds_by_step: dict[str, float] | None = None  # set to {} it is filled
        self.running = True
        rows = whole("inert", inert, 0, 1_000_000)
        known = regret.earlier_passes(settings, self._pass(settings, seed, rows)) if foresight is None else foresight
        self.world = World(settings, seed, settings.parameters_at(0), settings.months, foresight=known)
        opening.build(self.world, rows)
        self._register()
        self.recorder = record.Recorder(self.world)
        self.last: month.Month | None = None  # flows, wishes and books of the last month
        self.datacollector = mesa.DataCollector(model_reporters=record.reporters(self.recorder.names))
        # Mesa 3.4.1 and 3.4.2 look these marks up one step early in batch_run; without them every version counts rows
        vars(self.datacollector).pop("_collection_steps", None)

    def _pass(self, settings: Scenario, seed: int, inert: int) -> Callable[[Foresight], list[Release]]:
        """Return how the same run is made before this one, and what it released."""

        def releases(known: Foresight) -> list[Release]:
            other = type(self)(settings, seed=seed, inert=inert, foresight=known).run()
            found = other.world.state.labs.releases
            other.close()
            return found

        return releases

    def _register(self) -> None:
        """Make rows Mesa agents: the small kinds always, the large ones up to `REGISTERED` rows."""
        self._rows = {
            name: [row(self, rows, i) for i in range(rows.n)]
            for name, (row, rows) in self.world.kinds.items()
            if rows.n <= REGISTERED
        }

    def row(self, kind: str | type[table.Row], index: int | str) -> table.Row:
        """Return a row of a kind ("Human", or its class) as a Mesa agent, made on demand if its kind is not registered.

        Firms have names: ``row("Lab", "lab_a")``.

        Raises
        ------
        InputError
            If there is no such kind or row.
        """
        kind = kind.__name__ if isinstance(kind, type) else str(kind)
        kinds = self.world.kinds
        if kind not in kinds:
            raise unknown("kind of agent", kind, kinds)
        row, rows = kinds[kind]
        if isinstance(index, str) and hasattr(row, "name"):
            names = [firm.name for firm in self._rows[kind]]
            index = index if index in names else firm_today(kind.lower(), index)
            if index not in names:
                raise unknown(kind, index, names)
            index = names.index(index)
        if isinstance(index, bool) or not isinstance(index, int | np.integer):
            raise InputError(f"row = {shown(index)} of {kind}: must be a whole number in [0, {rows.n - 1}]")
        if not 0 <= index < rows.n:
            raise InputError(f"row = {index}: outside [0, {rows.n - 1}] of {kind}")
        index = int(index)
        if kind in self._rows:
            return self._rows[kind][index]
        made = object.__new__(row)
        made._table, made._index = rows, index
        if made in self.agents:  # as a view of a user
            return table.view_of(self, made)
        made = row(self, rows, index)
        # Mesa does not keep it: a set of the few rows that were asked for would mislead
        self.deregister_agent(made)
        if not self.agents_by_type[row]:
            del self.agents_by_type[row]
        return made

    # --- The clock -------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Advance one month.

        Raises
        ------
        LawBreach
            If a conservation law does not hold; names law, month, sector, amount.
        """
        world = self.world
        if world.month >= world.months:
            self.running = False
            self.steps = world.months  # Mesa counts calls
            return
        if world.month in self._changes:
            world.params = world.settings.parameters_at(world.month)
        self.last = None  # its memory serves the new month
        self.last = done = month.step(world, self.steps_of_month, self.seconds_by_step)
        self.recorder.add(world, done)
        self.datacollector.collect(self)
        self.datacollector._agent_records[world.month] = []  # which rows there are
        world.month += 1
        self.running = world.month < world.months

    def run(self) -> InferenceEconomy:
        """Step to the end; return the economy."""
        while self.world.month < self.world.months:
            self.step()
        return self

    # --- Results ---------------------------------------------------------------------------------------------------

    @property
    def history(self) -> Any:
        """Monthly series so far, polars.DataFrame, month first."""
        return self.recorder.monthly(self.world)

    def tables(self) -> dict[str, Any]:
        """Return the result tables of the months so far, {name: polars.DataFrame}, each with column ``seed`` first."""
        return tables.all_tables(self.world, self.recorder)

    def networks(self) -> dict[str, Any]:
        """Return the application and the orchestrator network now, networkx node-link form."""
        return tables.networks(self.world)

    def crossovers(self) -> dict[str, Crossover]:
        """Return when each definition's 12-month share passed one half, in the months so far: {definition: Crossover}."""
        return tables.crossovers(self.world, self.recorder)

    @property
    def application_graph(self) -> Any:
        """Wage segments -> applications (attention) and applications -> orchestrators, networkx.DiGraph."""
        return tables.application_graph(self.world)

    @property
    def orchestrator_graph(self) -> Any:
        """Who calls whom among orchestrators, skills and tools, networkx.DiGraph."""
        return tables.orchestrator_graph(self.world)

    def explain(self, name: str) -> Explanation:
        """Return what a recorded series, parameter, flow or table column is: unit, meaning, formula, source, value."""
        from model.results.explain import explain

        return explain(self.world, self.recorder, self.last, name)

    def trace(self, agent: Any) -> Account:
        """Return the account of an agent: what it is, what it decided this month and why."""
        from model.results.trace import trace

        if not isinstance(agent, table.Row) or agent.model is not self:
            kinds = ", ".join(self.world.kinds)
            raise InputError(
                f"trace({shown(agent)}): not an agent of this economy; take one of economy.agents_by_type ({kinds})"
            )
        return trace(self.world, self.recorder, self.last, agent)

    def why(self, start: str, end: str) -> Why:
        """Return what made inference and research grow between two recorded months, 'YYYY-MM'."""
        from model.results.why import why

        return why(self.recorder, start, end)

    def __repr__(self) -> str:
        """Return scenario, clock, size and seed."""
        return (
            f"<InferenceEconomy '{self.world.settings.name}', {self.world.month} of {self.world.months} months,"
            f" {self.world.settings.humans:,} humans, seed {self.world.seed}>"
        )

    def _repr_html_(self) -> str:
        """Return the economy as a small table."""
        from model.results.explain import overview

        return overview(self.world, self.recorder)._repr_html_()

    def close(self) -> None:
        """Free the memory as soon as nobody refers to the economy; it has no agents then, its results remain."""
        self._rows = {}
        table.release(self)
        _unclosed.discard(self)

    def __enter__(self) -> Self:
        """Return the economy, which is closed at the end of the ``with``."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    def parameter_values(self) -> Mapping[str, Mapping[str, Any]]:
        """Return plain values in force this month, {section: {name: value}}."""
        return {name: getattr(self.world.params, name).values() for name in self.world.params.sections}

    def __getattr__(self, name: str) -> Any:
        """Return the table of an added kind of agent; the world's own fields are properties, made below."""
        world = vars(self).get("world")
        if world is None or name not in [kind.name for kind in world.added]:
            raise AttributeError(
                f"{type(self).__name__} has no attribute '{name}'{hint(name, World.__dataclass_fields__)}"
            )
        return getattr(world, name)


def _dotted(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by "section.name"; the same one in both spellings is refused."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = key.replace("__", ".")
        if name in found:
            raise InputError(f"{name} is set twice, to {shown(found[name])} and {shown(value)}: give one")
        found[name] = value
    return found


def _of_the_world(name: str) -> property:
    def read(self: InferenceEconomy) -> Any:
        return getattr(self.world, name)

    def write(self: InferenceEconomy, value: Any) -> None:
        setattr(self.world, name, value)

    return property(read, write, doc=f"`{name}` of the world")


for _name in (*World.__dataclass_fields__, *(n for n in vars(World) if not n.startswith("_"))):
    if _name not in vars(InferenceEconomy):
        setattr(InferenceEconomy, _name, _of_the_world(_name))

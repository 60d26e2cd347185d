"""The economy: builds tables, networks, machines and books at the opening, keeps the clock, steps and runs."""

from __future__ import annotations

import dataclasses
import gc
import math
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import mesa
import numpy as np
from numpy.typing import NDArray

from agents import ai_agent, application, human, lab, orchestrator, provider, robot, supplier
from model import month, opening, record, regret, tables
from model.core import table
from model.core.checks import Laws
from model.core.draws import Draws
from model.core.errors import InputError, shown, unknown
from model.core.graph import Contacts
from model.core.ledger import Ledger, MonthBooks
from model.core.units import block_sum, month_date
from model.layers.physical import Fleet
from model.scenario import Scenario, whole
from model.stages.state import Cohorts, Foresight, Opening, State

if TYPE_CHECKING:
    from model.explain import Explanation
    from model.measures import Crossover
    from model.trace import Account
    from model.why import Why

Array = NDArray[np.float64]

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
    **kwargs
        ``section__name=value`` or ``**{"section.name": value}``; Mesa's page knows what is free by this name.

    Raises
    ------
    InputError
        One line naming what is wrong and the nearest valid name.
    """

    humans: human.Humans
    ai_agents: ai_agent.AIAgents  # rows 0..H-1 delegates, H..2H-1 standing agents
    robots: robot.Robots
    providers: provider.Providers
    labs: lab.Labs
    nets: lab.Nets
    applications: application.Applications
    features: application.Features
    services: application.Services
    orchestrators: orchestrator.Orchestrators
    suppliers: supplier.Suppliers
    assistants: int  # applications 0..assistants-1
    cohorts: Cohorts
    fleet: Fleet
    social: Contacts  # of each human row
    state: State
    opening: Opening
    foresight: Foresight  # empty but for labs with perfect foresight
    ledger: Ledger
    opening_books: MonthBooks
    blocks: list[slice]  # rows of humans, 16,384 each
    sizes: dict[str, int]  # of each shape letter

    def __init__(
        self,
        source: str | Path | Scenario = "baseline",
        *,
        humans: int | None = None,
        months: int | None = None,
        seed: int = 1,
        inert: int = 0,
        foresight: Foresight | None = None,
        **kwargs: Any,
    ) -> None:
        if seed is None:
            raise InputError(
                "seed = None: a seed is needed, runs repeat exactly; give a whole number (batch_run: rng=[1, 2])"
            )
        self.seed = whole("seed", seed, 0, 2**63 - 1)
        super().__init__(rng=self.seed)
        scenario = Scenario.load(source).with_run(months=months, humans=humans)
        self.settings = scenario.with_overrides({k.replace("__", "."): v for k, v in kwargs.items()})
        self.settings.check()
        if self.settings.humans > REGISTERED and _unclosed:
            gc.collect()
        _unclosed.add(self)
        self.months, self.month = self.settings.months, 0
        self.params = self.settings.parameters_at(0)
        self._changes = self.settings.change_months()
        self.draws = Draws(self.seed)
        self.laws = Laws()
        self.running = True
        rows = whole("inert", inert, 0, 1_000_000)
        self.foresight = regret.earlier_passes(self, rows) if foresight is None else foresight
        opening.build(self, rows)
        self._register()
        self.recorder = record.Recorder(self)
        self.last: month.Month | None = None  # flows, wishes and books of the last month
        self.datacollector = mesa.DataCollector(model_reporters=record.reporters())
        # Mesa 3.4.1 and 3.4.2 look these marks up one step early in batch_run; without them every version counts rows
        vars(self.datacollector).pop("_collection_steps", None)

    def _register(self) -> None:
        """Make rows Mesa agents: the small kinds always, the large ones up to `REGISTERED` rows."""
        kinds: tuple[tuple[type[table.Row], table.Table], ...] = (
            (provider.ComputeProvider, self.providers),
            (lab.Lab, self.labs),
            (application.Application, self.applications),
            (orchestrator.Orchestrator, self.orchestrators),
            (supplier.ChipSupplier, self.suppliers),
            (human.Human, self.humans),
            (ai_agent.AIAgent, self.ai_agents),
            (robot.Robot, self.robots),
        )
        self.kinds = {row.__name__: (row, rows) for row, rows in kinds}
        self._rows = {
            row.__name__: [row(self, rows, i) for i in range(rows.n)] for row, rows in kinds if rows.n <= REGISTERED
        }

    def row(self, kind: str | type[table.Row], index: int | str) -> table.Row:
        """Return a row of a kind ("Human", or its class) as a Mesa agent, made on demand if its kind is not registered.

        Firms have names: ``row("Lab", "alpha")``.

        Raises
        ------
        InputError
            If there is no such kind or row.
        """
        kind = kind.__name__ if isinstance(kind, type) else str(kind)
        if kind not in self.kinds:
            raise unknown("kind of agent", kind, self.kinds)
        row, rows = self.kinds[kind]
        if isinstance(index, str) and hasattr(row, "name"):
            names = [firm.name for firm in self._rows[kind]]
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

    @property
    def label(self) -> str:
        """Month of the next step, 'YYYY-MM'."""
        return month_date(self.month, self.settings.start).isoformat()[:7]

    def step(self) -> None:
        """Advance one month.

        Raises
        ------
        LawBreach
            If a conservation law does not hold; names law, month, sector, amount.
        """
        if self.month >= self.months:
            self.running = False
            self.steps = self.months  # Mesa counts calls
            return
        if self.month in self._changes:
            self.params = self.settings.parameters_at(self.month)
        self.last = None  # its memory serves the new month
        self.last = done = month.step(self)
        self.recorder.add(self, done)
        self.datacollector.collect(self)
        self.datacollector._agent_records[self.month] = []  # which rows there are
        self.month += 1
        self.running = self.month < self.months

    def run(self) -> InferenceEconomy:
        """Step to the end; return the economy."""
        while self.month < self.months:
            self.step()
        return self

    def close_books(self) -> MonthBooks:
        """Close the month's ledger and hold firms' own accounts against their sector."""
        closed = self.ledger.close(self.label, self.laws)
        balances = float(np.abs(closed.money_usd).sum())
        for sector, total in (
            ("labs", float(self.labs.cash_usd.sum())),
            ("providers", float(self.providers.cash_usd.sum())),
            ("applications", float(self.applications.cash_usd.sum())),
            ("ai_agents", self.total(self.ai_agents.wallet_usd)),
        ):
            gap = total - self.ledger.money(sector)
            turnover = math.fsum(usd for payer, payee, _, usd in closed.flows if sector in (payer, payee))
            law = "money: members' cash = cash of the sector"
            self.laws.require_zero(law, self.label, sector, gap, max(balances, turnover))
        return closed

    # --- What stages ask for ---------------------------------------------------------------------------------------

    def total(self, x: Array) -> float:
        """Return a sum over rows, the same bits for any chunking."""
        return float(block_sum(x))

    def parent_cash_usd(self) -> float:
        """Return parents' operating cash of this month."""
        return provider.parent_cash(self.month, self.params.provider)

    def price_now_usd(self) -> float:
        """Return the capacity-weighted contract price."""
        firms = self.providers
        weight = firms.stock_h100e
        return float((firms.contract_usd_per_h100e_hour * weight).sum() / weight.sum())

    @property
    def device_parameters(self) -> float:
        """Largest net that users' devices run well; it grows with memory (trend ``physical.bandwidth_growth``)."""
        p = self.params
        return float(p.app_network.device_parameters * p.physical.bandwidth_growth ** (self.month / 12.0))

    # --- Results ---------------------------------------------------------------------------------------------------

    @property
    def history(self) -> Any:
        """Monthly series so far, polars.DataFrame, month first."""
        return self.recorder.monthly(self)

    def tables(self) -> dict[str, Any]:
        """Return the result tables of the months so far, {name: polars.DataFrame}, each with column ``seed`` first."""
        return tables.all_tables(self, self.recorder)

    def networks(self) -> dict[str, Any]:
        """Return the application and the orchestrator network now, networkx node-link form."""
        return tables.networks(self)

    def crossovers(self) -> dict[str, Crossover]:
        """Return when each definition's 12-month share passed one half, in the months so far: {definition: Crossover}."""
        return tables.crossovers(self, self.recorder)

    @property
    def application_graph(self) -> Any:
        """Wage segments -> applications (attention) and applications -> orchestrators, networkx.DiGraph."""
        return tables.application_graph(self)

    @property
    def orchestrator_graph(self) -> Any:
        """Who calls whom among orchestrators, skills and tools, networkx.DiGraph."""
        return tables.orchestrator_graph(self)

    def explain(self, name: str) -> Explanation:
        """Return what a recorded series, parameter, flow or table column is: unit, meaning, formula, source, value."""
        from model.explain import explain

        return explain(self, name)

    def trace(self, agent: Any) -> Account:
        """Return the account of an agent: what it is, what it decided this month and why."""
        from model.trace import trace

        return trace(self, agent)

    def why(self, start: str, end: str) -> Why:
        """Return what made inference and research grow between two recorded months, 'YYYY-MM'."""
        from model.why import why

        return why(self, start, end)

    def __repr__(self) -> str:
        """Return scenario, clock, size and seed."""
        return f"<InferenceEconomy '{self.settings.name}', {self.month} of {self.months} months, {self.settings.humans:,} humans, seed {self.seed}>"

    def _repr_html_(self) -> str:
        """Return the economy as a small table."""
        from model.explain import overview

        return overview(self)._repr_html_()

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
        return {f.name: getattr(self.params, f.name).values() for f in dataclasses.fields(self.params)}

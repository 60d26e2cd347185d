"""The world: parameters, tables of agents, machines, states, network of contacts, draws and books of one economy.

Stages change it, results read it, `model/economy.py` keeps its clock. It knows neither Mesa nor what follows from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents import ai_agent, application, human, lab, orchestrator, provider, robot, supplier
from model.core import table
from model.core.additions import Kind
from model.core.checks import Laws
from model.core.draws import Draws
from model.core.errors import InputError, shown
from model.core.graph import Contacts
from model.core.ledger import SECTORS, Ledger, MonthBooks
from model.core.steps import Guarded
from model.core.units import block_sum, month_date
from model.layers import physical
from model.layers.physical import Fleet
from model.scenario import Parameters, Scenario
from model.state import Cohorts, Opening, State

Array = NDArray[np.float64]

#: Kinds of agents that Mesa sees: the row and the attribute of the world that holds its table.
KINDS: tuple[tuple[type[table.Row], str], ...] = (
    (provider.ComputeProvider, "providers"),
    (lab.Lab, "labs"),
    (application.Application, "applications"),
    (orchestrator.Orchestrator, "orchestrators"),
    (supplier.ChipSupplier, "suppliers"),
    (human.Human, "humans"),
    (ai_agent.AIAgent, "ai_agents"),
    (robot.Robot, "robots"),
)

#: What a step may declare that it changes, beside owners' states.
CHANGED = (*(name for _, name in KINDS), "nets", "features", "services", "cohorts", "ledger")


def added_to(scenario: Scenario) -> tuple[Kind, ...]:
    """Return the kinds of agents that a scenario has beside the shipped ones.

    Raises
    ------
    InputError
        If a name or sector is taken, or a part is missing.
    """
    kinds: tuple[Kind, ...] = scenario.additions()[0].kinds
    names = {*World.__dataclass_fields__, *vars(World)} | {row.__name__ for row, _ in KINDS}
    sectors = set(SECTORS)
    for kind in kinds:
        where = f"Kind {shown(kind.name)}"
        for name in (kind.name, getattr(kind.row, "__name__", "")):
            if not str(name).isidentifier() or name in names:
                raise InputError(
                    f"{where}: {shown(name)} must be letters, digits and _, and no name of the world's or of another kind"
                )
            names.add(name)
        if not issubclass(kind.row, table.Row) or not hasattr(kind.row, "table_type"):
            raise InputError(
                f"{where}: row = {kind.row.__name__}: must be declared as class {kind.row.__name__}(Row, table=...)"
            )
        if not callable(kind.table) or not (kind.story is None or callable(kind.story)):
            raise InputError(f"{where}: table and story must be functions")
        if kind.sector in sectors:
            raise InputError(f"{where}: sector = '{kind.sector}' is another's; choose another")
        if kind.sector and not kind.sector.isidentifier():
            raise InputError(f"{where}: sector = {shown(kind.sector)}: must be letters, digits and _")
        if kind.layer and not kind.sector:
            raise InputError(f"{where}: layer = '{kind.layer}' without a sector: who adds value has books")
        sectors |= {kind.sector} - {""}
    return kinds


@dataclass(eq=False)
class World:
    """All that a month reads and changes.

    Parameters
    ----------
    settings : Scenario
    seed : int
        Seed of all draws.
    params : Parameters
        Those in force this month.
    months : int
        Length of the run.
    month : int
        Index of the month to come, from 0.
    foresight : dict
        Lives of nets that labs with perfect foresight plan on; empty without such labs.

    The rest is made by `model/opening.py`.
    """

    settings: Scenario
    seed: int
    params: Parameters
    months: int
    month: int = 0
    foresight: lab.Foresight = field(default_factory=dict)

    draws: Draws = field(init=False)
    laws: Laws = field(init=False)
    humans: human.Humans = field(init=False)
    ai_agents: ai_agent.AIAgents = field(init=False)  # rows 0..H-1 delegates, H..2H-1 standing agents
    robots: robot.Robots = field(init=False)
    providers: provider.Providers = field(init=False)
    labs: lab.Labs = field(init=False)
    nets: lab.Nets = field(init=False)
    applications: application.Applications = field(init=False)
    features: application.Features = field(init=False)
    services: application.Services = field(init=False)
    orchestrators: orchestrator.Orchestrators = field(init=False)
    suppliers: supplier.Suppliers = field(init=False)
    assistants: int = field(init=False)  # applications 0..assistants-1
    cohorts: Cohorts = field(init=False)
    fleet: Fleet = field(init=False)
    social: Contacts = field(init=False)  # of each human row
    state: State = field(init=False)
    opening: Opening = field(init=False)
    added: tuple[Kind, ...] = field(init=False)  # kinds of agents beside the shipped ones
    ledger: Ledger = field(init=False)
    opening_books: MonthBooks = field(init=False)
    blocks: list[slice] = field(init=False)  # rows of humans, 16,384 each
    sizes: dict[str, int] = field(init=False)  # of each shape letter

    def __post_init__(self) -> None:
        """Begin the draws and the record of laws."""
        self.draws, self.laws, self.added = Draws(self.seed), Laws(), added_to(self.settings)

    @property
    def kinds(self) -> dict[str, tuple[type[table.Row], table.Table]]:
        """Kinds of agents by name: their row and their table."""
        each = (*KINDS, *((kind.row, kind.name) for kind in self.added))
        return {row.__name__: (row, getattr(self, name)) for row, name in each}

    def held(self) -> dict[str, object]:
        """Return what a step may declare that it changes, by the name to declare: tables, books, owners' states."""
        owners = {f"state.{name}": x for name, x in vars(self.state).items() if isinstance(x, Guarded)}
        tables = (*CHANGED, *(kind.name for kind in self.added))
        return {name: getattr(self, name) for name in tables} | {"state": self.state} | owners

    @property
    def label(self) -> str:
        """Month of the next step, 'YYYY-MM'."""
        return month_date(self.month, self.settings.start).isoformat()[:7]

    def total(self, x: Array) -> float:
        """Return a sum over rows, the same bits for any chunking."""
        return float(block_sum(x))

    def parent_cash_usd(self) -> float:
        """Return parents' operating cash of this month, less the rents that their houses have lost to AI."""
        lost = float((self.opening.rents_usd * (1.0 - self.labs.rents_kept_share)).sum()) / 12.0
        return max(provider.parent_cash(self.month, self.params.provider) - lost, 0.0)

    def labour_usd(self) -> float:
        """Return the value of all hours of work in a month."""
        p = self.params.human
        return p.population_people * p.work_hours_per_month * self.opening.mean_wage

    def price_now_usd(self) -> float:
        """Return the capacity-weighted contract price."""
        firms = self.providers
        weight = firms.stock_h100e
        return float((firms.contract_usd_per_h100e_hour * weight).sum() / weight.sum())

    def upkeep_usd_per_h(self, watts: Array | float) -> Any:
        """Return staff, repairs and network of an H100e-hour of machines that draw facility `watts` at work."""
        return physical.upkeep_usd_per_h(watts, self.params.provider.upkeep_usd_per_w_per_year, self.params.physical)

    def running_usd_per_h(self) -> float:
        """Return what an H100e-hour of the fleet costs to run, electricity and upkeep: no hour is sold below it."""
        watts = self.cohorts.mean(self.cohorts.watts)
        return float(watts / 1000.0 * self.params.physical.electricity_usd_per_kwh + self.upkeep_usd_per_h(watts))

    @property
    def device_parameters(self) -> float:
        """Largest net that users' devices run well; it grows with memory (trend ``physical.bandwidth_growth``)."""
        p = self.params
        return float(p.app_network.device_parameters * p.physical.bandwidth_growth ** (self.month / 12.0))

    def cash_of(self, kind: Kind) -> float | None:
        """Return the cash of all agents of an added kind, None where it has no such column."""
        cash = vars(getattr(self, kind.name)).get("cash_usd")
        return None if cash is None else self.total(cash)

    def close_books(self) -> MonthBooks:
        """Close the month's ledger and hold firms' own accounts against their sector."""
        closed = self.ledger.close(self.label, self.laws)
        balances = float(np.abs(closed.money_usd).sum())
        for sector, total in (
            ("labs", float(self.labs.cash_usd.sum())),
            ("providers", float(self.providers.cash_usd.sum())),
            ("applications", float(self.applications.cash_usd.sum())),
            ("ai_agents", self.total(self.ai_agents.wallet_usd)),
            *((kind.sector, cash) for kind in self.added if kind.sector and (cash := self.cash_of(kind)) is not None),
        ):
            gap = total - self.ledger.money(sector)
            turnover = math.fsum(usd for payer, payee, _, usd in closed.flows if sector in (payer, payee))
            law = "money: members' cash = cash of the sector"
            self.laws.require_zero(law, self.label, sector, gap, max(balances, turnover))
        return closed

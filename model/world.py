"""The world: parameters, tables of agents, machines, states, network of contacts, draws and books of one economy.

Stages change it, results read it, `model/economy.py` keeps its clock. It knows neither Mesa nor what follows from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agents import ai_agent, application, human, lab, orchestrator, provider, robot, supplier
from model.core import table
from model.core.checks import Laws
from model.core.draws import Draws
from model.core.graph import Contacts
from model.core.ledger import Ledger, MonthBooks
from model.core.steps import Guarded
from model.core.units import block_sum, month_date
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
    ledger: Ledger = field(init=False)
    opening_books: MonthBooks = field(init=False)
    blocks: list[slice] = field(init=False)  # rows of humans, 16,384 each
    sizes: dict[str, int] = field(init=False)  # of each shape letter

    def __post_init__(self) -> None:
        """Begin the draws and the record of laws."""
        self.draws, self.laws = Draws(self.seed), Laws()

    @property
    def kinds(self) -> dict[str, tuple[type[table.Row], table.Table]]:
        """Kinds of agents by name: their row and their table."""
        return {row.__name__: (row, getattr(self, name)) for row, name in KINDS}

    def held(self) -> dict[str, object]:
        """Return what a step may declare that it changes, by the name to declare: tables, books, owners' states."""
        owners = {f"state.{name}": x for name, x in vars(self.state).items() if isinstance(x, Guarded)}
        return {name: getattr(self, name) for name in CHANGED} | {"state": self.state} | owners

    @property
    def label(self) -> str:
        """Month of the next step, 'YYYY-MM'."""
        return month_date(self.month, self.settings.start).isoformat()[:7]

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

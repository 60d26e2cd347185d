"""What the economy remembers between months apart from the tables of its agents."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agents.belief import Belief
from agents.lab import Portfolio
from agents.provider import Outlook
from agents.robot import Makers
from agents.supplier import Supply
from model.core.steps import Guarded
from model.core.units import ASSISTANT as ASSISTANT
from model.core.units import DELEGATED as DELEGATED
from model.core.units import EMBEDDED as EMBEDDED
from model.core.units import FRONTIER as FRONTIER
from model.core.units import ROBOT as ROBOT
from model.core.units import SMALL as SMALL
from model.core.units import STANDING as STANDING
from model.layers.agent import Loop
from model.layers.application import Choices
from model.layers.context import Memory
from model.layers.link import Served
from model.layers.orchestrator import Calls
from model.layers.physical import Power
from model.markets.auction import Sponsored
from model.markets.compute import Market

Array = NDArray[np.float64]


@dataclass
class Cohorts:
    """Machines by provider and month of delivery, and what a machine of each month is like.

    Columns M are the opening's ages, oldest first, then the months of the run.
    """

    h100e: Array  # (P, M)
    month: Array  # (M,) month of delivery, negative before the opening
    watts: Array  # (M,) facility power per H100e at work
    bytes_per_s: Array  # (M,) memory bandwidth per H100e
    hbm_bytes: Array  # (M,) memory per H100e
    opening_ages: int

    def stock(self) -> Array:
        """Return machines by provider, (P,)."""
        return np.asarray(self.h100e.sum(axis=1))

    def mean(self, column: Array) -> float:
        """Return the mean of a column over all machines."""
        weight = self.h100e.sum(axis=0)
        return float((weight * column).sum() / weight.sum())

    def by_provider(self, column: Array) -> Array:
        """Return the mean of a column over each provider's machines, the fleet's where it has none, (P,)."""
        own = self.stock()
        mean = (self.h100e * column).sum(axis=1) / np.where(own > 0.0, own, 1.0)
        return np.where(own > 0.0, mean, self.mean(column))


@dataclass
class State(Guarded):
    """States of the layers, markets and kinds of agents, as of the end of last month; each is declared beside its parameters."""

    loop: Loop = field(default_factory=Loop)
    memory: Memory = field(default_factory=Memory)
    choices: Choices = field(default_factory=Choices)
    calls: Calls = field(default_factory=Calls)
    served: Served = field(default_factory=Served)
    power: Power = field(default_factory=Power)
    market: Market = field(default_factory=Market)
    auction: Sponsored = field(default_factory=Sponsored)
    belief: Belief = field(default_factory=Belief)
    labs: Portfolio = field(default_factory=Portfolio)
    providers: Outlook = field(default_factory=Outlook)
    suppliers: Supply = field(default_factory=Supply)
    robots: Makers = field(default_factory=Makers)


@dataclass(frozen=True)
class Opening:
    """Constants of the opening that later months are measured against."""

    token_usd: float  # price of fresh input, frontier
    ranking_hours: float
    other_hours: float
    attention_hours: float
    lab_weights: Array  # (L,) parts in the market expected before products
    rents_usd: Array  # (L,) operating income of each lab's house that AI could put at stake, a year
    homes: NDArray[np.int64]  # (B,) own provider of each buyer, -1 for none
    provider_names: tuple[str, ...]
    lab_names: tuple[str, ...]
    rules: tuple[str, ...]
    forecasters: tuple[str, ...]
    wage_by_segment: Array  # (G,)
    mean_wage: float

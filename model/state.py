"""What the economy remembers between months apart from the tables of its agents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.steps import Guarded

Array = NDArray[np.float64]

#: Serving classes (S), in the order of `core.units.WORK`.
ASSISTANT, DELEGATED, STANDING, EMBEDDED, ROBOT = range(5)
#: Tiers (T).
FRONTIER, SMALL = 0, 1


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
class Release:
    """A released net: what was planned and what came of it."""

    lab: str
    tier: str
    released_month: int
    parameters: float
    training_tokens: float
    training_flop: float
    planned_tokens: float
    planned_usd: float
    train_usd_per_flop: float
    rollout_factor: float
    data_limit_tokens: float
    rule: str
    forecaster: str
    opening: bool = False
    retired_month: int | None = None
    tokens: float = 0.0
    serving_usd: float = 0.0
    revenue_usd: float = 0.0
    profit_elasticity: float = 0.0


class Foreseen(NamedTuple):
    """The life of a net as an earlier pass of the seed had it."""

    tokens: float
    serve_usd: float  # sum_k c_k Q_k: tokens of each class times their price per operation
    train_usd: float  # per operation of pre-training, its roll-outs included


#: By lab, tier and place in the order of the lab's releases of that tier.
Foresight = dict[tuple[str, str, int], Foreseen]


@dataclass
class State(Guarded):
    """States of the layers and markets, as of the end of last month."""

    # context
    hits: Array  # (S,) share of input found in memory
    caching_share: float = 0.0  # serving on software that caches prefixes
    # neural and application layers
    log_tau_chat: Array = field(default_factory=lambda: np.zeros(0))  # (G,) assistants' thinking
    reasoning_share: float = 0.0  # assistant users on reasoning nets
    net_share: Array = field(default_factory=lambda: np.zeros(0))  # (S, T, L) nets that each class calls
    app_share: Array = field(
        default_factory=lambda: np.zeros(0)
    )  # (G, K') attention by segment over other applications
    ranking_intensity: float = 1.0  # ranking hours per attention-hour over the opening's
    other_intensity: float = 1.0  # other AI over the opening's
    chat_ready_month: int | None = None  # first month with a net good enough for assistants
    agents_ready_month: int | None = None
    # orchestrator layer
    edges: Array = field(default_factory=lambda: np.zeros(0))  # (O, O)
    fan_out: Array = field(default_factory=lambda: np.zeros(0))  # (O,)
    entry_share: Array = field(default_factory=lambda: np.zeros(0))  # (O,) where external calls enter
    sponsored: Array = field(default_factory=lambda: np.zeros(0))  # (O, O) spread of sponsored calls over skills
    agent_scale: float = 0.0  # scale of the edges in the agent template
    multi_scale: float = 0.0
    calls_per_task: float = 4.0
    take_rate: float = 0.1
    examined: float = 0.0  # candidates examined per agent task beyond the first
    ad_funded_share: float = 0.0  # of delegates
    quality_kept: float = 1.0  # of the gain from choosing, by the ranking of ad-funded agents
    radius_distance: float = 1.0  # 1 - spectral radius
    # labs
    research_split: Array = field(default_factory=lambda: np.zeros(0))  # (L, X)
    research_waiting_hours: Array = field(default_factory=lambda: np.zeros(0))  # (L, X)
    serving_usd_per_token: Array = field(default_factory=lambda: np.zeros(0))  # (N,) at last month's mix
    demand_elasticity: float = 0.7  # of AI spending to the horizon
    margin: float = 0.5  # gross margin of all labs
    lab_failures: int = 0
    releases: list[Release] = field(default_factory=list)
    current: list[int] = field(default_factory=list)  # (N,) index of each net's release
    # queues
    fill: Array = field(default_factory=lambda: np.ones(12))  # (W,)
    served_tokens: float = 0.0  # since the opening
    queue: Array = field(default_factory=lambda: np.zeros((5, 2, 3)))  # (S, T, Q) tokens
    legacy_queue_hours: Array = field(default_factory=lambda: np.zeros(2))  # ranking, other
    # compute market, machines, power
    utilisation: float = 0.75
    demand_growth: float = 0.0
    last_demand_hours: float = 0.0
    machine_usd: float = 0.0  # price of a machine with its share of the data centre
    machine_change: float = 0.0  # expected change of it per year
    user_cost_usd: float = 0.0
    powered_gw: float = 0.0
    used_gw: float = 0.0
    expansions: list[float] = field(default_factory=list)  # supplier's decisions, months in order
    orders: list[Array] = field(default_factory=list)  # (P,) orders, months in order
    supply_h100e: float = 0.0  # what the supplier's capacity makes in a month
    # robots
    robots_sold: float = 0.0
    robot_capacity: float = 0.0
    robot_success: float = 0.0
    robot_running_usd: float = 0.0  # inference and energy of a robot a month
    robot_call_usd: float = 0.0
    robot_calls_per_h: float = 0.0


@dataclass(frozen=True)
class Opening:
    """Constants of the opening that later months are measured against."""

    token_usd: float  # price of fresh input, frontier
    ranking_hours: float
    other_hours: float
    attention_hours: float
    lab_weights: Array  # (L,) parts in the market expected before products
    homes: NDArray[np.int64]  # (B,) own provider of each buyer, -1 for none
    provider_names: tuple[str, ...]
    lab_names: tuple[str, ...]
    rules: tuple[str, ...]
    forecasters: tuple[str, ...]
    wage_by_segment: Array  # (G,)
    mean_wage: float

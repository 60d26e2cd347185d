"""Released nets from plan to retirement, and what labs remember together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.steps import Guarded

Array = NDArray[np.float64]


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
    research_usd: float = 0.0  # all research of the lab since its last frontier release; 0 for small nets
    profit_elasticity: float = 0.0


class Foreseen(NamedTuple):
    """The life of a net as an earlier pass of the seed had it."""

    tokens: float
    serve_usd: float  # sum_k c_k Q_k: tokens of each class times their price per operation
    train_usd: float  # per operation of pre-training, its roll-outs included


#: By lab, tier and place in the order of the lab's releases of that tier.
Foresight = dict[tuple[str, str, int], Foreseen]


@dataclass
class Portfolio(Guarded):
    """Labs' research, their nets on the market and what serving them brought last month."""

    research_split: Array = field(default_factory=lambda: np.zeros(0))  # (L, X)
    algorithm_growth: Array = field(default_factory=lambda: np.zeros(0))  # (L,) of own experiments, last month
    automation_share: Array = field(default_factory=lambda: np.zeros(0))  # (L,) agents' part in experiments
    research_waiting_hours: Array = field(default_factory=lambda: np.zeros(0))  # (L, X)
    demand_elasticity: float = 0.7  # of AI spending to the horizon
    margin: float = 0.5  # gross margin of all labs
    failures: int = 0
    defaulted_usd: float = 0.0  # outstanding under contracts of labs that failed, since the opening
    releases: list[Release] = field(default_factory=list)
    current: list[int] = field(default_factory=list)  # (N,) index of each net's release

"""The orchestrator layer (layer 6): who calls whom, and what traffic one task causes.

External calls ``gamma`` become traffic ``lambda = (I - P^T)^-1 gamma`` on the call network of orchestrators, skills and tools.
Templates (single, agent, multi-agent) scale the edges; at the opening's weights they cause 1, 4 and 15 calls per task.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.steps import Guarded

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CallNetworkParams(Params):
    """The call network."""

    section: ClassVar[str] = "call_network"

    # fmt: off
    orchestrators: int =         param(   8, "nodes",    1,   50, dynamic=False, doc="orchestrators",                                                     source="own assumption: a handful of frameworks and marketplaces")
    skills: int =                param(  16, "nodes",    1,  200, dynamic=False, doc="agents' skills",                                                    source="own assumption: twice as many skills as orchestrators")
    tools: int =                 param(  24, "nodes",    1,  500, dynamic=False, doc="tools",                                                             source="own assumption: registries are long but a few tools dominate")
    links: int =                 param(   3, "links",    1,    8, dynamic=False, doc="links a node forms when it enters",                                 source="bianconi2001 for the form; own assumption: three, so that few nodes stand alone")
    agent_calls: float =         param( 4.0, "calls",  1.5,   10, dynamic=False, doc="calls per agent task over a chat turn at the opening's edges",      source="anthropic2025")
    multi_calls: float =         param(15.0, "calls",    5,   30, dynamic=False, doc="calls per multi-agent task at the opening's edges",                 source="anthropic2025")
    callback_share: float =      param(0.08, "-"    ,    0,  0.4, dynamic=False, doc="share of a skill's calls that go back to an orchestrator",          source="own assumption: one skill call in twelve needs a new plan")
    spectral_radius_max: float = param(0.93, "-"    ,  0.5, 0.98,                doc="largest spectral radius of the call network",                       source="own assumption: traffic must stay finite, with room below one")
    multi_threshold: float =     param(0.45, "-"    , 0.35,  0.6,                doc="single-agent success above which multi-agent work no longer helps", source="kim2025: 2512.08296")
    multi_share_max: float =     param( 0.3, "-"    ,    0,    1,                doc="share of tasks that can be divided among agents",                   source="own assumption: several agents help only where a task divides (kim2025)")
    multi_width: float =         param(0.08, "-"    , 0.01,  0.3,                doc="spread of success around the threshold",                            source="own assumption: a soft threshold, tasks differ around the mean")
    batch_scale: float =         param( 0.4, "-"    , 0.05,    2,                doc="logit scale of moving work that can wait to the batch tier",        source="own assumption: half price moves most of the work that can wait, not all")
    # fmt: on


@dataclass
class Calls(Guarded):
    """The call network: who calls whom, and what a task caused last month."""

    edges: Array = field(default_factory=lambda: np.zeros(0))  # (O, O)
    fan_out: Array = field(default_factory=lambda: np.zeros(0))  # (O,)
    entry_share: Array = field(default_factory=lambda: np.zeros(0))  # (O,) where external calls enter
    agent_scale: float = 0.0  # scale of the edges in the agent template
    multi_scale: float = 0.0
    calls_per_task: float = 4.0
    take_rate: float = 0.1
    radius_distance: float = 1.0  # 1 - spectral radius


def traffic(edges: Array, scale: float, external: Array) -> Array:
    """Return calls by node, Eq. O.1: ``lambda = (I - P^T)^-1 gamma`` with ``P = scale x edges``.

    Parameters
    ----------
    edges : (O, O) float >= 0
        Expected calls from row to column per call of the row, before the template's scale.
    scale : float
    external : (O,) float >= 0

    Source: by definition, a node's calls are those from outside and those that its callers pass on. Twin: tests/reference/orchestrator.py.

    >>> p = np.array([[0, 0.5, 0.2], [0, 0, 0.4], [0.1, 0, 0]])
    >>> traffic(p, 1.0, np.array([1.0, 0, 0])).round(6).tolist()
    [1.041667, 0.520833, 0.416667]
    """
    calls = np.linalg.solve(np.eye(external.size) - scale * edges.T, external)
    return np.asarray(np.maximum(calls, 0.0), dtype=np.float64)  # rounding leaves a node that nobody calls below zero


def spectral_radius(edges: Array) -> float:
    """Return the largest modulus of the eigenvalues of `edges`."""
    return float(np.abs(np.linalg.eigvals(edges)).max()) if edges.size else 0.0


def template_scale(edges: Array, external: Array, calls: float, radius_max: float) -> float:
    """Return the scale at which a task causes `calls` calls, Eq. O.2, within the cap on the spectral radius.

    >>> template_scale(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([1.0, 0.0]), 4.0, 0.9)
    3.0
    """
    if calls <= 1.0:
        return 0.0
    top = radius_max / max(spectral_radius(edges), 1e-9)
    low, high = 0.0, min(top, 1e3)
    for _ in range(80):
        middle = 0.5 * (low + high)
        if float(traffic(edges, middle, external).sum()) / float(external.sum()) < calls:
            low = middle
        else:
            high = middle
    return round(0.5 * (low + high), 12)


def capped(scale: float, edges: Array, radius_max: float) -> float:
    """Return the scale reduced, where needed, to keep the spectral radius within the cap, Eq. O.3."""
    return min(scale, radius_max / max(spectral_radius(edges), 1e-9))


def multi_share(success: float, p: CallNetworkParams) -> float:
    """Return the share of agent tasks done by several agents, Eq. O.4: dropped where one agent is good enough.

    >>> multi_share(0.0, CallNetworkParams()) > 0.29
    True
    """
    return float(p.multi_share_max / (1.0 + np.exp(np.clip((success - p.multi_threshold) / p.multi_width, -500, 500))))


def task_traffic(edges: Array, scales: tuple[float, float], several: float, external: Array) -> Array:
    """Return calls by node of both templates, Eq. O.6: tasks of one agent and of several.

    Parameters
    ----------
    edges : (O, O) float >= 0
    scales : (one, several) float
        Scale of the edges in each template.
    several : float in [0, 1]
        Share of tasks done by several agents.
    external : (O,) float >= 0
        Calls from outside.

    Returns
    -------
    (O,) float
    """
    return traffic(edges, scales[0], (1.0 - several) * external) + traffic(edges, scales[1], several * external)


def batch_share(discount: float, p: CallNetworkParams) -> float:
    """Return the share of work that can wait which moves to the batch tier, Eq. O.5: a logit in the discount.

    >>> 0.5 < batch_share(0.5, CallNetworkParams()) < 1.0
    True
    """
    return float(1.0 / (1.0 + np.exp(-discount / p.batch_scale)))

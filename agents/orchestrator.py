"""Orchestrators, skills and tools: routing, take rates, entry and exit on the call network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from model.core.draws import Draws, MonthDraws
from model.core.params import Params, param
from model.core.table import Column, Row, Table

Array = NDArray[np.float64]

ORCHESTRATOR, SKILL, TOOL = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class OrchestratorParams(Params):
    """How orchestrators decide."""

    section: ClassVar[str] = "orchestrator"

    # fmt: off
    take_rate: float =           param(  0.10, "-"      ,     0,  0.5,                             doc="take rate over metered cost at the opening",                             source="own assumption: cloud marketplaces take 3-20 %")
    take_rate_max: float =       param(  0.30, "-"      ,  0.05,  0.6,                             doc="highest take rate",                                                      source="own assumption: what application stores take")
    revision_per_month: float =  param(   0.1, "1/month",  0.01,    1,                             doc="share of the gap to the best take rate closed each month",               source="own assumption: fees are revised about once a year")
    price_elasticity: float =    param(   6.0, "-"      ,   1.5,   20,                             doc="elasticity of routed calls to the take rate: sets its markup",           source="own assumption: a markup of a fifth, within the fees of marketplaces")
    routing_inertia: float =     param(  0.85, "-"      ,     0, 0.99,                             doc="share of a node's calls that go where they went last month",             source="own assumption: contracts and integrations are revised about twice a year")
    quality_coefficient: float = param(   1.0, "-"      ,     0,    4,                             doc="log-odds per unit of ln quality",                                        source="own assumption: odds in proportion to quality, no measurement found")
    price_coefficient: float =   param(   1.0, "-"      ,     0,    4,                             doc="fall of log-odds per unit of ln price",                                  source="own assumption: odds in inverse proportion to price, no measurement found")
    traffic_coefficient: float = param(   0.3, "-"      ,     0,  0.9,                             doc="log-odds per unit of ln traffic: preferential attachment",               source="bianconi2001 for the form; own assumption: twice the traffic, a quarter more odds")
    quality_sigma: float =       param(   0.3, "-"      ,     0,    1,                             doc="log-sd of quality among orchestrators, skills and tools, newcomers too", source="own assumption: two in three within a third of the median, no measurement found")
    call_price_usd: float =      param(0.0001, "USD"    , 1e-06, 0.01, scale="log", dynamic=False, doc="median price of a call to a node apart from inference",                  source="own assumption: about what interfaces for search and data charge for a tenth of a request")
    call_price_sigma: float =    param(   0.5, "-"      ,     0,  1.5, dynamic=False,              doc="its log-sd",                                                             source="own assumption: two nodes in three within a factor of 1.6 of the median")
    exit_per_year: float =       param(  0.10, "1/year" ,     0,  0.6,                             doc="hazard at which the least used skills and tools are replaced",           source="own assumption: registries turn over within years")
    entry_link_share: float =    param(   0.3, "-"      ,     0,    1,                             doc="probability that a caller links to a newcomer of infinite quality",      source="bianconi2001 for the form; own assumption: about one caller in seven links to a newcomer of mean quality")
    entry_call_share: float =    param(  0.02, "-"      , 0.001,  0.5, scale="log",                doc="share of a caller's calls that a newcomer gets",                         source="own assumption: a trial, one call in fifty")
    operating_share: float =     param(   0.7, "-"      ,     0,    1,                             doc="operating cost over revenue",                                            source="own assumption: as platforms for software spend")
    agent_fee_share: float =     param(   0.5, "-"      ,     0,    1,                             doc="share of invocation fees passed on to ad-funded agents",                 source="own assumption: marketplace and agent share the fee evenly")
    # fmt: on


class Orchestrators(Table):
    """One row per node of the call network."""

    node_kind = Column("i1", "-", "0 orchestrator, 1 skill, 2 tool")
    quality = Column("f8", "-", "predicted success relative to the mean")
    price_usd_per_call = Column("f8", "USD", "price of a call apart from inference")
    bid_usd_per_call = Column("f8", "USD", "bid for a routed call (skills)")
    take_rate = Column("f8", "-", "take rate over metered cost (orchestrators)")
    traffic_calls = Column("f8", "calls/month", "calls of last month")
    entries = Column("i4", "-", "times this row was taken over by a new node")


class Orchestrator(Row, table=Orchestrators):
    """A node of the call network as a Mesa agent."""


def build(nodes: Orchestrators, kinds: tuple[int, int, int], draws: Draws, p: OrchestratorParams) -> None:
    """Change `nodes`: the opening's orchestrators, skills and tools."""
    nodes.node_kind[:] = np.repeat([ORCHESTRATOR, SKILL, TOOL], kinds)
    nodes.quality[:] = np.exp(p.quality_sigma * ndtri(draws.trait("orchestrator.quality", nodes.id)))
    spread = np.exp(p.call_price_sigma * ndtri(draws.trait("orchestrator.price", nodes.id)))
    nodes.price_usd_per_call[:] = p.call_price_usd * spread
    nodes.take_rate[:] = p.take_rate


def reweigh(
    edges: Array, nodes: Orchestrators, sponsored: Array, ad_funded_share: float, p: OrchestratorParams
) -> Array:
    """Return next month's edges, Eq. T.1: each node spreads its calls over its links by a logit with inertia.

    Log-odds rise with ln quality and this month's ln traffic of the target and fall with its ln price. Of the calls to
    skills the share of ad-funded agents follows the places that skills bought, Eq. T.5. Callbacks to orchestrators answer a
    call and are not chosen: they stay as they are.

    Parameters
    ----------
    edges : (O, O) float
        Zeros are absent links.
    nodes : Orchestrators
    sponsored : (O, O) float
        Spread of a caller's sponsored calls over skills; rows sum to one, or to zero where nothing was sold.
    ad_funded_share : float in [0, 1]
    p : OrchestratorParams

    Returns
    -------
    (O, O) float
        Rows sum to those of `edges`.

    Twin: tests/reference/orchestrator_firm.py.
    """
    odds = p.quality_coefficient * np.log(nodes.quality) - p.price_coefficient * np.log(
        nodes.price_usd_per_call / nodes.price_usd_per_call.mean()
    )
    odds = odds + p.traffic_coefficient * np.log1p(nodes.traffic_calls / max(float(nodes.traffic_calls.mean()), 1e-300))
    back = (nodes.node_kind == ORCHESTRATOR)[None, :]
    chosen = np.where(back, 0.0, edges)
    weight = np.where(chosen > 0.0, np.exp(odds)[None, :], 0.0)
    target = _spread(weight, chosen.sum(axis=1))
    skill = (nodes.node_kind == SKILL)[None, :] & (sponsored.sum(axis=1) > 0.0)[:, None]
    called = np.where(skill, target, 0.0).sum(axis=1, keepdims=True)
    target = target + np.where(skill, ad_funded_share * (called * sponsored - target), 0.0)
    return np.where(back, edges, p.routing_inertia * edges + (1.0 - p.routing_inertia) * target)


def _spread(weight: Array, amount: Array) -> Array:
    """Return each row's amount spread in proportion to its weights; nothing where there are none."""
    total = weight.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0.0, weight / np.where(total > 0.0, total, 1.0), 0.0) * amount[:, None])


def call_value_usd(price_usd: Array, p: OrchestratorParams) -> Array:
    """Return what a routed call is worth to a skill, Eq. T.7: what its price leaves over operations, USD.

    >>> call_value_usd(np.array([10.0]), OrchestratorParams(operating_share=0.75)).tolist()
    [2.5]
    """
    return price_usd * (1.0 - p.operating_share)


def entry_shares(kind: NDArray[np.int8], weight: Array) -> Array:
    """Return where calls from outside enter, Eq. T.6: at orchestrators, in proportion to a weight.

    Parameters
    ----------
    kind : (O,) int
    weight : (O,) float >= 0
        Quality at the opening, then this month's traffic.

    Returns
    -------
    (O,) float
        Sums to one; zeros where no orchestrator has any weight.

    >>> entry_shares(np.array([ORCHESTRATOR, ORCHESTRATOR, SKILL]), np.array([3.0, 1.0, 9.0])).tolist()
    [0.75, 0.25, 0.0]
    """
    mine = np.where(kind == ORCHESTRATOR, weight, 0.0)
    return np.asarray(mine / max(float(mine.sum()), 1e-300))


def take_rates(nodes: Orchestrators, p: OrchestratorParams) -> Array:
    """Return next month's take rates, Eq. T.2: markup of monopolistic competition on routed cost, ``1/(e (1 - share) - 1)``, slowly."""
    share = entry_shares(nodes.node_kind, nodes.traffic_calls)
    target = np.minimum(1.0 / np.maximum(p.price_elasticity * (1.0 - share) - 1.0, 1.0), p.take_rate_max)
    return np.asarray(nodes.take_rate + p.revision_per_month * (target - nodes.take_rate))


def turnover(
    nodes: Orchestrators, edges: Array, fan_out: Array, draw: MonthDraws, p: OrchestratorParams
) -> tuple[Array, NDArray[np.int64]]:
    """Change `nodes`: the least used half of skills and tools may be replaced; return edges and rows, Eq. T.3.

    A new node has a drawn quality; each caller links to it with a probability that grows with the fitness of the newcomer
    (fitness-based attachment), taking calls from the links it had. A caller that had no other link calls the newcomer.

    Source: bianconi2001. Twin: tests/reference/orchestrator_firm.py.
    """
    used = nodes.traffic_calls
    weak = (nodes.node_kind != ORCHESTRATOR) & (used <= np.median(used))
    gone = np.flatnonzero(weak & (draw("orchestrator.exit", nodes.id) < 1.0 - np.exp(-p.exit_per_year / 12.0)))
    if gone.size == 0:
        return edges, gone
    back = nodes.node_kind == ORCHESTRATOR
    callbacks = edges[:, back]
    edges = np.where(back[None, :], 0.0, edges)
    for node in gone:
        newcomer = nodes.id[node] + 10_000 * (nodes.entries[node] + 1)
        nodes.entries[node] += 1
        nodes.quality[node] = np.exp(p.quality_sigma * float(draw.normal("orchestrator.entry", [newcomer])[0]))
        callers = np.flatnonzero((fan_out > 0.0) & (nodes.node_kind < nodes.node_kind[node]))
        pairs = (callers.astype(np.int64) << 32) | newcomer
        fitness = nodes.quality[node] / (nodes.quality[node] + nodes.quality.mean())
        linked = callers[draw("orchestrator.link", pairs) < p.entry_link_share * fitness]
        had = np.flatnonzero(edges[:, node] > 0.0)
        edges[:, node] = 0.0
        linked = np.union1d(linked, had[edges[had].sum(axis=1) <= 0.0])
        edges[linked, node] = p.entry_call_share * fan_out[linked]
    edges = _spread(edges, np.maximum(fan_out - callbacks.sum(axis=1), 0.0))
    edges[:, back] = callbacks
    return edges, gone

"""Position auctions over many markets at once: GSP with quality weights and reserve, VCG, first price, logit benchmark."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from model.core.errors import InputError
from model.core.params import Params, Registry, enter, param
from model.core.steps import Guarded

Array = NDArray[np.float64]


class Ranked(NamedTuple):
    """What a rule knows when positions are sold: bidders in order, M markets, k positions."""

    score: Array  # (M, at least k + 1) in falling order: by default quality x bid, USD; 0 where there is nobody
    quality: Array  # (M, k) of who has each position; 1 where nobody has it
    click_rates: Array  # (k,)
    reserve_usd: float


class AuctionRule(ABC):
    """How positions are given and what they cost, Eq. M.30 to M.33."""

    name: ClassVar[str]

    def score(self, bids: Array, quality: Array, reserve_usd: float, luck: Array | None) -> Array:
        """Return by what bidders are ranked, (M, B); who has a negative score takes no part."""
        return np.where((bids >= 0.0) & (bids >= reserve_usd), quality * bids, -1.0)

    @abstractmethod
    def payment_usd(self, seen: Ranked) -> Array:
        """Return what each position costs, (M, k) USD: price per click x click rate."""


RULES = Registry()
_Rule = TypeVar("_Rule", bound=type[AuctionRule])


def register(kind: _Rule) -> _Rule:
    """Make an auction rule known by its name."""
    enter(RULES, kind)
    return kind


@register
class Gsp(AuctionRule):
    """Each pays the bid that keeps its rank: generalised second price."""

    name = "gsp"

    def payment_usd(self, seen: Ranked) -> Array:
        """Return the next score over the own quality, the reserve at least."""
        k = seen.click_rates.size
        return np.asarray(np.maximum(seen.score[:, 1 : k + 1] / seen.quality, seen.reserve_usd) * seen.click_rates)


@register
class Vcg(AuctionRule):
    """Each pays what the others lose by it: the critical bids for each step up."""

    name = "vcg"

    def payment_usd(self, seen: Ranked) -> Array:
        """Return the sum over positions from the own one down of the bid that holds it x the step in click rates."""
        rates, k = seen.click_rates, seen.click_rates.size
        steps = rates - np.append(rates[1:], 0.0)
        held = np.maximum(seen.score[:, None, 1 : k + 1] / seen.quality[:, :, None], seen.reserve_usd)  # bid of i for j
        return np.asarray((held * steps * (np.arange(k)[None, :] >= np.arange(k)[:, None])).sum(axis=2))


@register
class FirstPrice(AuctionRule):
    """Each pays its bid."""

    name = "first_price"

    def payment_usd(self, seen: Ranked) -> Array:
        """Return the own score over the own quality."""
        return np.asarray(seen.score[:, : seen.click_rates.size] / seen.quality * seen.click_rates)


@register
class Logit(AuctionRule):
    """No auction: positions are drawn one after the other with odds in proportion to quality.

    Source: luce1959.
    """

    name = "logit"

    def score(self, bids: Array, quality: Array, reserve_usd: float, luck: Array | None) -> Array:
        """Return quality with Gumbel noise on its logarithm."""
        return np.where(bids >= 0.0, quality if luck is None else quality / -np.log(luck), -1.0)

    def payment_usd(self, seen: Ranked) -> Array:
        """Return nothing."""
        return np.zeros_like(seen.quality)


@dataclass(frozen=True, kw_only=True)
class AuctionParams(Params):
    """How positions are sold."""

    section: ClassVar[str] = "auction"

    # fmt: off
    rule: str =                       param("gsp", "-", choices=RULES,                      doc="rule of both attention markets",                         source="edelman2007; varian2007: the rule in use")
    slots: int =                      param(     4, "slots"  ,      1,   10, dynamic=False, doc="positions per attention-hour page or candidate list",    source="own assumption: few places are read, and each candidate costs an agent context")
    slot_decay: float =               param(  0.62, "-"      ,    0.3, 0.95,                doc="click rate of a position over that of the one above",    source="edelman2007 for click rates that fall by position; own assumption: geometric, .5 to .8")
    bid_speed: float =                param(   0.3, "1/month",   0.05,    1,                doc="speed of best response",                                 source="own assumption: bidders learn within a quarter")
    bid_noise: float =                param(  0.05, "-"      ,      0,  0.5,                doc="log-sd of noise in bids",                                source="own assumption: bidders learn by trying")
    clicks_per_hour: float =          param(  0.42, "1/h"    ,   0.05,   10, scale="log",   doc="clicks on the first position per attention-hour",        source="own assumption: with the values of a click it gives .06 USD an hour, observations ad_market_global over hours online")
    value_usd_per_click: float =      param( 0.045, "USD"    ,  0.001,    5, scale="log",   doc="mean margin a service earns per click",                  source="own assumption: it gives .06 USD an hour at the opening, observations ad_market_global over hours online")
    value_usd_per_invocation: float = param(  0.02, "USD"    , 0.0005,    5, scale="log",   doc="mean margin a service earns per invocation by an agent", source="own assumption: below a click's, agents compare")
    budget_exponent: float =          param(   0.6, "-"      ,    0.2, 0.95,                doc="returns to spending in a market, A b**x",                source="own assumption: a doubled budget brings half as much again")
    budget_speed: float =             param(0.3333, "1/month",   0.02,    1,                doc="share of the gap between markets closed in a month",     source="own assumption: budgets are reviewed every quarter")
    reserve_usd: float =              param( 0.001, "USD"    ,      0,    1,                doc="reserve per click or invocation",                        source="own assumption: cost of examining a candidate")
    # fmt: on


@dataclass
class Sponsored(Guarded):
    """Who pays for delegates' choices, and what the sale of places left of them last month."""

    sponsored: Array = field(default_factory=lambda: np.zeros(0))  # (O, O) spread of sponsored calls over skills
    ad_funded_share: float = 0.0  # of delegates
    quality_kept: float = 1.0  # of the gain from choosing, by the ranking of ad-funded agents


class Positions(NamedTuple):
    """Outcome of auctions: M markets, k slots."""

    winner: NDArray[np.int64]  # (M, k) bidder, -1 for an empty slot
    payment_usd: Array  # (M, k) per period: price per click x click rate
    efficiency: Array  # (M,) value realised over the best allocation


def run(
    bids: Array,
    values: Array,
    quality: Array,
    click_rates: Array,
    rule: str,
    reserve_usd: float = 0.0,
    luck: Array | None = None,
) -> Positions:
    """Return who gets which position and what they pay, Eq. M.30 to M.33.

    Bidders are ranked by quality x bid. The i-th pays per click: GSP, the bid that keeps the rank, ``w_(i+1) b_(i+1) / w_i``;
    first price, the bid; VCG, the critical bids ``sum_j max(w_(j+1) b_(j+1) / w_i, r) (alpha_j - alpha_(j+1))``; logit,
    nothing: there is no auction, positions are drawn one after the other with odds in proportion to quality. Nobody pays
    less than the reserve; bids below it do not take part. Equal scores are ordered by draw.

    Parameters
    ----------
    bids, values : (M, B) float
        A negative bid: not a bidder in this market, whatever the rule.
    quality : (M, B) float > 0
    click_rates : (k,) float >= 0, not rising
    rule : str
        Of `RULES`: "gsp", "vcg", "first_price", "logit", and what was registered since.
    reserve_usd : float
    luck : (M, B) float in (0, 1), optional
        Draws that order equal scores and, as Gumbel noise on ln quality, make the choices of ``logit``. Without them ties go
        by place and ``logit`` to the most likely order.

    Returns
    -------
    Positions

    Source: edelman2007; varian2007; luce1959 for choice in proportion to quality. Twin: tests/reference/auction.py.

    >>> one = np.ones((1, 3))
    >>> v = np.array([[10.0, 4.0, 2.0]])
    >>> run(v, v, one, np.array([200.0, 100.0]), "gsp").payment_usd.tolist()
    [[800.0, 200.0]]
    >>> run(v, v, one, np.array([200.0, 100.0]), "vcg").payment_usd.tolist()
    [[600.0, 200.0]]
    """
    markets, bidders = bids.shape
    k = click_rates.size
    if rule not in RULES:
        raise ValueError(f"rule = {rule!r}: not one of {', '.join(RULES)}")
    sale: AuctionRule = RULES[rule]
    score = sale.score(bids, quality, reserve_usd, luck)
    order = np.argsort(-score, axis=1, kind="stable") if luck is None else np.lexsort((luck, -score), axis=1)
    ranked = np.take_along_axis(score, order, axis=1)
    weight = np.take_along_axis(quality, order, axis=1)
    padded = np.zeros((markets, max(bidders, k) + 1))
    padded[:, :bidders] = np.maximum(ranked, 0.0)
    filled = np.zeros((markets, k), dtype=bool)
    filled[:, : min(k, bidders)] = ranked[:, :k] >= 0.0
    own = np.ones((markets, k))
    own[:, : min(k, bidders)] = weight[:, :k]
    payment = np.asarray(sale.payment_usd(Ranked(padded, own, click_rates, reserve_usd)))
    if payment.shape != (markets, k) or not np.isfinite(payment).all() or (payment < 0.0).any():
        raise InputError(f"auction rule {rule!r}: payment_usd must be {markets} x {k} finite amounts of at least 0 USD")
    winner = np.full((markets, k), -1, dtype=np.int64)
    winner[:, : min(k, bidders)] = np.where(filled[:, :bidders], order[:, :k], -1)
    worth = np.zeros((markets, k))
    if bidders:
        worth = np.take_along_axis(quality * values, np.maximum(winner, 0), axis=1) * (winner >= 0) * click_rates
    best = np.sort(quality * values, axis=1)[:, ::-1][:, :k]
    top = (best * click_rates[: best.shape[1]]).sum(axis=1)
    efficiency = np.where(top > 0.0, worth.sum(axis=1) / np.where(top > 0.0, top, 1.0), 1.0)
    return Positions(winner, payment * filled, efficiency)


def envy_free_bids(values: Array, quality: Array, click_rates: Array) -> Array:
    """Return the lowest locally envy-free bids, Eq. M.34: GSP at these bids pays what VCG would.

    In the order of quality x value: ``b_1 = v_1``, ``b_i = P_vcg(i-1) / alpha_(i-1)``; who gets no slot bids the value.

    Parameters
    ----------
    values, quality : (M, B) float > 0
    click_rates : (k,) float > 0, not rising

    Source: edelman2007. Twin: tests/reference/auction.py.

    >>> envy_free_bids(np.array([[10.0, 4.0, 2.0]]), np.ones((1, 3)), np.array([200.0, 100.0])).tolist()
    [[10.0, 3.0, 2.0]]
    """
    score = quality * values
    order = np.argsort(-score, axis=1, kind="stable")
    ranked = np.take_along_axis(score, order, axis=1)
    k = min(click_rates.size, ranked.shape[1])
    target = ranked.copy()
    for i in range(min(k, ranked.shape[1] - 1), 0, -1):
        alpha, lower = click_rates[i - 1], click_rates[i] if i < click_rates.size else 0.0
        ratio = lower / alpha
        following = target[:, i + 1] if i + 1 < ranked.shape[1] else 0.0
        target[:, i] = ranked[:, i] - ratio * (ranked[:, i] - following)
    out = np.empty_like(target)
    np.put_along_axis(out, order, target / np.take_along_axis(quality, order, axis=1), axis=1)
    return out


def respond(
    bids: Array,
    values: Array,
    quality: Array,
    click_rates: Array,
    noise: Array,
    p: AuctionParams,
    reserve_usd: float | None = None,
) -> Array:
    """Return next month's bids, Eq. M.35: a step toward the locally envy-free response, with noise, never above value.

    Parameters
    ----------
    bids, values, quality : (M, B) float
    click_rates : (k,) float
    noise : (M, B) float
        Standard normals of stream ``auction.bid``.
    p : AuctionParams
    reserve_usd : float, optional
        Of a market with a reserve of its own.

    Twin: tests/reference/auction.py.
    """
    target = envy_free_bids(values, quality, click_rates)
    reserve = p.reserve_usd if reserve_usd is None else reserve_usd
    target = np.maximum(target, np.minimum(values, reserve))  # who can pay the reserve takes part
    moved = bids + p.bid_speed * (target - bids)
    return np.clip(moved * np.exp(p.bid_noise * noise), 0.0, values)


def quality_kept(quality: Array, winner: NDArray[np.int64], click_rates: Array) -> Array:
    """Return what a ranking leaves of the gain from choosing by quality, Eq. M.38: 1 ranks by quality, 0 is no better than chance.

    ``(q(ranking) - q(chance)) / (q(best) - q(chance))``, ``q`` the mean quality over the positions taken, weighted by click rates.
    Below 0 the worse ones stand first. 1 where all are alike.

    Parameters
    ----------
    quality : (M, B) float > 0
    winner : (M, k) int
        Of `run`; -1 for an empty slot.
    click_rates : (k,) float >= 0

    Returns
    -------
    (M,) float, at most 1

    Source: own assumption: a plain scale between chance and the best order. Twin: tests/reference/auction.py.

    >>> q, rates = np.array([[1.0, 2.0, 3.0]]), np.array([1.0])
    >>> [float(quality_kept(q, np.array([[i]]), rates)[0]) for i in range(3)]
    [-1.0, 0.0, 1.0]
    """
    filled = winner >= 0
    rates = filled * click_rates
    weight = np.maximum(rates.sum(axis=1), 1e-300)
    got = (np.take_along_axis(quality, np.maximum(winner, 0), axis=1) * rates).sum(axis=1) / weight
    top = np.sort(quality, axis=1)[:, ::-1][:, : click_rates.size]
    best = (top * rates[:, : top.shape[1]]).sum(axis=1) / weight
    mean = quality.mean(axis=1)
    alike = (best - mean <= 1e-12 * mean) | ~filled.any(axis=1)
    return np.where(alike, 1.0, (got - mean) / np.where(alike, 1.0, best - mean))


def custom(winner: NDArray[np.int64], click_rates: Array, bidders: int) -> Array:
    """Return each bidder's share of a market's clicks or calls, Eq. M.39; a market without takers gives zeros.

    Parameters
    ----------
    winner : (M, k) int
        Of `run`; -1 for an empty slot.
    click_rates : (k,) float >= 0
    bidders : int
        B.

    Returns
    -------
    (M, B) float

    >>> custom(np.array([[2, 0]]), np.array([3.0, 1.0]), 3).tolist()
    [[0.25, 0.0, 0.75]]
    """
    filled = winner >= 0
    held = np.zeros((winner.shape[0], bidders))
    np.add.at(held, (np.arange(winner.shape[0])[:, None], np.maximum(winner, 0)), filled * click_rates)
    return np.asarray(held / np.maximum(held.sum(axis=1, keepdims=True), 1e-300))


def click_rates(first: float, p: AuctionParams) -> Array:
    """Return click rates by position, Eq. M.36: geometric."""
    return np.asarray(first * p.slot_decay ** np.arange(p.slots))


def split_budget(share: Array, strength_human: float, strength_agent: float, p: AuctionParams) -> Array:
    """Return next month's share of services' budgets in the agent market, Eq. M.37.

    With returns ``A b**x`` in each market the marginal returns are equal at ``b_agent/b_human = (A_agent/A_human)**(1/(1-x))``;
    a third of the gap is closed each month.

    Parameters
    ----------
    share : (Z,) float in [0, 1]
    strength_human, strength_agent : float >= 0
        Value on sale in each market.

    Twin: tests/reference/auction.py.
    """
    x = 1.0 / (1.0 - p.budget_exponent)
    larger = max(strength_agent, strength_human)
    agent, human = (strength_agent / larger, strength_human / larger) if larger > 0.0 else (0.0, 1.0)
    best = agent**x / (agent**x + human**x)
    return np.asarray(share + p.budget_speed * (best - share))


class Spending(NamedTuple):
    """What services pay for attention in a month."""

    hour_usd: float  # an attention-hour of a person
    hours_usd: float
    invocation_usd: float  # an invocation by an ad-funded agent
    invocations_usd: float


def spending(hours: float, invocations: float, hour_usd: float, asked_usd: float, moved: float) -> Spending:
    """Return what services spend on attention, Eq. M.40: budgets moved to agents are the most that their invocations can take.

    Parameters
    ----------
    hours, invocations : float
        For sale: attention-hours times ad load, tasks of ad-funded agents.
    hour_usd, asked_usd : float
        Payments for all positions of an hour and of an invocation.
    moved : float in [0, 1]
        Mean share of budgets in the agent market.

    Returns
    -------
    Spending

    Twin: tests/reference/economy_attention.py.

    >>> spending(10.0, 4.0, 1.0, 0.25, 0.5)
    Spending(hour_usd=0.5, hours_usd=5.0, invocation_usd=0.25, invocations_usd=1.0)
    """
    price = hour_usd * (1.0 - moved)
    paid = min(invocations * asked_usd, moved * hours * hour_usd)
    return Spending(price, hours * price, paid / invocations if invocations > 0.0 else 0.0, paid)


def list_spending(sale: Positions, click_rates: Array, sold: Array) -> float:
    """Return what bidders pay for places on lists in a month, Eq. M.41: payments per click taken, times clicks sold.

    Parameters
    ----------
    sale : Positions
        Of M lists.
    click_rates : (k,) float
    sold : (M,) float
        Clicks sold through each list.

    >>> one = Positions(np.array([[0, -1]]), np.array([[3.0, 0.0]]), np.ones(1))
    >>> list_spending(one, np.array([0.5, 0.25]), np.array([10.0]))
    60.0
    """
    taken = np.maximum(((sale.winner >= 0) * click_rates).sum(axis=1), 1e-300)
    return float((sale.payment_usd.sum(axis=1) / taken * sold).sum())

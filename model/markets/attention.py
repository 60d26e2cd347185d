"""Attention: how a person's month divides, and how many candidates an agent examines.

Human attention is a hard budget of hours. Agent attention is scarce because every examined candidate dilutes the context.
The auctions through which sellers compete for either are in ``auction.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AttentionParams(Params):
    """Budgets of attention."""

    section: ClassVar[str] = "attention"

    # fmt: off
    hours_per_month: float =     param(372.0, "h/month",   300,  500, dynamic=False, doc="hours a person has for work (172) and online (200)",                                  source="observations online_hours_per_user_day: 200 a month; own assumption: 172 of work, 40 hours a week")
    committed_share_max: float = param(  0.8, "-"      ,   0.5, 0.95,                doc="largest share of the month that work, review and supervision may take",               source="own assumption: a fifth of the time stays free")
    application_share: float =   param( 0.93, "-"      ,   0.5,  1.0,                doc="utility weight of applications among free hours; the rest is leisure away from them", source="own assumption: free hours are online hours almost by definition of the budget")
    shadow_damping: float =      param(  0.5, "-"      ,  0.05,  1.0,                doc="weight of this month's shadow price in what delegation looks at next month",          source="own assumption: half, so that the price of a minute does not oscillate")
    candidate_spread: float =    param( 0.06, "-"      ,   0.0,  0.5,                doc="relative spread of candidates' quality: gain of a good choice",                       source="own assumption: candidates that pass a first filter differ by a few per cent")
    candidate_dilution: float =  param( 0.01, "-"      , 0.001,  0.1, scale="log",   doc="loss of success for each examined candidate",                                         source="own assumption: about one per cent, as longer contexts distract")
    candidate_tokens: float =    param(500.0, "token"  ,   100, 2000, scale="log",   doc="tokens of one candidate's description",                                               source="own assumption: length of a tool's description")
    candidates_max: float =      param( 10.0, "-"      ,     1,   50,                doc="most candidates examined for one task",                                               source="own assumption: each description costs context, so ten at most")
    # fmt: on


class Allotment(NamedTuple):
    """A month of attention, hours per person."""

    answered: Array
    committed: Array
    shadow_usd_per_h: Array
    applications: Array
    leisure: Array


def allot(own_h: Array, requested_h: Array, weight_usd: Array, p: AttentionParams) -> Allotment:
    """Return each person's month, Eq. M.20: committed hours first, free hours by Stone-Geary utility, in one pass.

    Requests for attention (reviews, supervision) are answered as far as committed hours stay below
    ``committed_share_max`` of the month; with ``R`` committed, the shadow price of an hour is ``mu = B / (T - R)``
    and claimant ``j`` of the free hours gets ``b_j / mu``; the last claimant, leisure, is the residual, so that the
    hours sum to ``T``.

    Parameters
    ----------
    own_h : (n,) float in [0, T)
        Hours of own work (tasks done by oneself or with an assistant, and work that cannot be delegated).
    requested_h : (n,) float
        Hours that agents and robots ask for.
    weight_usd : (n,) float > 0
        ``B``: the sum of the utility weights of free claimants, USD per month.
    p : AttentionParams

    Returns
    -------
    Allotment
        ``answered`` is the share of requests answered, in [0, 1]; 1 where nothing was asked.

    Source: own assumption: Stone-Geary utility, committed minutes first, leisure last. Twin: tests/reference/attention.py.

    >>> a = allot(np.array([172.0]), np.array([0.0]), np.array([2000.0]), AttentionParams())
    >>> float(a.shadow_usd_per_h[0]), float(a.applications[0] + a.leisure[0])
    (10.0, 200.0)
    """
    hours = p.hours_per_month
    room = np.maximum(p.committed_share_max * hours - own_h, 0.0)
    answered = np.where(requested_h > room, room / np.maximum(requested_h, 1e-300), 1.0)
    committed = own_h + requested_h * answered
    free = hours - committed
    shadow = weight_usd / free
    applications = free * p.application_share
    return Allotment(answered, committed, shadow, applications, free - applications)


def damped(known_usd_per_h: Array, now_usd_per_h: Array, p: AttentionParams, out: Array) -> Array:
    """Change `out` to the shadow price that next month's choices look at, Eq. M.20b; return it.

    Parameters
    ----------
    known_usd_per_h, now_usd_per_h : (n,) float
        The price that this month's choices looked at, and this month's.
    p : AttentionParams
    out : (n,) float

    >>> damped(np.array([10.0]), np.array([20.0]), AttentionParams(shadow_damping=0.5), np.empty(1)).tolist()
    [15.0]
    """
    np.subtract(now_usd_per_h, known_usd_per_h, out=out)
    out *= p.shadow_damping
    out += known_usd_per_h
    return out


def examined(value_usd: Array, token_usd: float, p: AttentionParams) -> Array:
    """Return the number of candidates an agent examines for a task, Eq. M.21.

    ``k* = clip(s / (d + c/V), 1, K_max)``: spread of quality against dilution and the token cost ``c`` of reading one.

    Parameters
    ----------
    value_usd : (n,) float > 0
        Value of the task.
    token_usd : float
        USD per fresh input token.
    p : AttentionParams

    Returns
    -------
    (n,) float

    Source: yang2025agentic for agent attention as the scarce resource; own assumption: each candidate dilutes success. Twin: tests/reference/attention.py.

    >>> examined(np.array([1e9]), 1e-6, AttentionParams()).round(6).tolist()
    [6.0]
    """
    cost = p.candidate_tokens * token_usd
    return np.clip(p.candidate_spread / (p.candidate_dilution + cost / value_usd), 1.0, p.candidates_max)


def choice_gain(candidates: Array, p: AttentionParams, kept: float = 1.0) -> Array:
    """Return the factor on success from examining ``k`` candidates, Eq. M.22: ``(1 + q s ln k)(1 - d (k - 1))``.

    At ``q = 1`` its derivative vanishes near ``k = s/d``, the free-token limit of ``examined``.

    Parameters
    ----------
    candidates : (n,) float >= 1
    p : AttentionParams
    kept : float, at most 1
        ``q``: what the ranking leaves of the gain (``auction.quality_kept``); 1 for an agent loyal to its principal.

    >>> choice_gain(np.array([1.0]), AttentionParams()).tolist()
    [1.0]
    """
    return choice_gains(candidates, p, (kept,))[0]


def choice_gains(candidates: Array, p: AttentionParams, kept: Sequence[float]) -> list[Array]:
    """Return `choice_gain` for several rankings of the same candidates."""
    chosen = np.log(candidates)
    diluted = 1.0 - p.candidate_dilution * (candidates - 1.0)
    return [np.maximum(1.0 + q * p.candidate_spread * chosen, 0.0) * diluted for q in kept]


def mean_gain(candidates: Array, ad_funded_share: float, kept: float, p: AttentionParams) -> tuple[Array, Array]:
    """Return the mean factor on success over loyal and ad-funded agents, and by how much loyal ones do better, Eq. M.22b.

    Parameters
    ----------
    candidates : (n,) float >= 1
    ad_funded_share : float in [0, 1]
    kept : float, at most 1
        What an ad-funded agent's ranking leaves of the gain.
    p : AttentionParams

    Returns
    -------
    gain, lead : (n,) float

    Twin: tests/reference/economy_offer.py.

    >>> [x.tolist() for x in mean_gain(np.array([1.0]), 0.5, 0.0, AttentionParams())]
    [[1.0], [0.0]]
    """
    loyal, paid = choice_gains(candidates, p, (1.0, kept))
    return loyal + ad_funded_share * (paid - loyal), loyal - paid

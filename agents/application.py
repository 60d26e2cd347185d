"""Applications: which AI features to have and how deep, which nets to call, ads, entry and failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from model.core.draws import Draws, MonthDraws
from model.core.params import Params, param
from model.core.table import Column, Row, Table
from model.core.units import CACHED, FRESH, GENERATED

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ApplicationParams(Params):
    """How applications decide."""

    section: ClassVar[str] = "application"

    # fmt: off
    feature_value_usd_per_h: float = param( 0.0068, "USD/h"   , 0.0005,   0.1, fit=True, scale="log", dynamic=False, doc="median value of a feature per attention-hour",                                                 source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre .008, log-sd .6, an eighth of the .06 USD that an hour online earns in advertising")
    feature_value_sigma: float =     param(    1.0, "-"       ,    0.2,     2, dynamic=False,                        doc="its log-sd",                                                                                   source="own assumption: two features in three within a factor of 2.7 of the median")
    feature_tokens_per_h: float =    param(  900.0, "token/h" ,     50, 20000, scale="log", dynamic=False,           doc="median scale e0 of a feature's tokens per attention-hour",                                     source="own assumption: about one page of text an hour")
    feature_tokens_sigma: float =    param(    0.7, "-"       ,    0.1,     2, dynamic=False,                        doc="its log-sd",                                                                                   source="own assumption: two features in three within a factor of 2 of the median")
    difficulty_minutes: float =      param(    5.0, "min"     ,    0.5,    60, fit=True, scale="log", dynamic=False, doc="median difficulty of a feature's task",                                                        source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre 5 minutes, log-sd .6, a paragraph to write or a list to check")
    difficulty_sigma: float =        param(    0.9, "-"       ,    0.1,     2, dynamic=False,                        doc="its log-sd",                                                                                   source="own assumption: two features in three within a factor of 2.5 of the median")
    required_success: float =        param(  0.735, "-"       ,    0.5,   0.9, fit=True,                             doc="success below which a feature harms",                                                          source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: uniform from .5 to .9, from right as often as wrong to nearly always right")
    product_cycle_months: float =    param(   12.4, "month"   ,      3,    36, fit=True, scale="log",                doc="mean months between revisions of a feature",                                                   source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre 10 months, log-sd .4, about one revision a year")
    assistant_margin: float =        param(    0.6, "-"       ,      0,     3,                                       doc="margin of assistant applications over token cost",                                             source="own assumption: free users are paid for by subscribers")
    launch_horizon_minutes: float =  param(   0.55, "min"     ,   0.05,    10, scale="log",                          doc="horizon at which assistants are offered to everybody",                                         source="observations metr_horizon_p50 2022-03: .6 min, the family of the first mass assistant")
    launch_lag_months: int =         param(      8, "month"   ,      0,    24,                                       doc="months from a net that is good enough to products for everybody, assistants and agents alike", source="observations metr_horizon_p50: the net of 2022-03 became the mass assistant of 2022-11")
    operating_share: float =         param(   0.65, "-"       ,      0,     1,                                       doc="operating and content cost over revenue",                                                      source="own assumption: media and platform accounts")
    quality_sigma: float =           param(    0.5, "-"       ,      0,   1.5,                                       doc="log-sd of applications' attractiveness apart from features, newcomers too",                    source="own assumption: two in three within a factor of 1.6 of the median")
    payout_per_month: float =        param(    0.1, "1/month" ,      0,     1,                                       doc="share of cash paid out to owners",                                                             source="own assumption: idle cash is returned within a year")
    credit_months: float =           param(    0.5, "month"   ,      0,    12,                                       doc="months of income by which cash may be short before investors step in",                         source="own assumption: a fortnight of credit from suppliers")
    failure_months: int =            param(      6, "month"   ,      1,    36,                                       doc="months without money until failure",                                                           source="own assumption: two quarters of credit")
    exit_share: float =              param(  0.002, "-"       ,      0,   0.2,                                       doc="share of all attention below which an application is given up",                                source="own assumption: a twentieth of an average application's share is no business")
    ad_load: float =                 param(    1.0, "-"       ,      0,     5, dynamic=False,                        doc="mean advertising load over the opening's",                                                     source="by definition 1 at the opening")
    service_margin_sigma: float =    param(    0.5, "-"       ,      0,   1.5, dynamic=False,                        doc="log-sd of services' margins",                                                                  source="own assumption: two in three within a factor of 1.6 of the median")
    service_quality_sigma: float =   param(    0.3, "-"       ,      0,     1, dynamic=False,                        doc="log-sd of services' quality, the success of a click or an invocation",                         source="own assumption: two in three within a third of the median, no measurement found")
    services: int =                  param(     16, "services",      2,   200, dynamic=False,                        doc="services that compete for clicks and invocations",                                             source="own assumption: four bidders to a slot")
    # fmt: on


class Applications(Table):
    """One row per application: assistants first, then the others."""

    assistant = Column("bool", "-", "is an assistant")
    quality = Column("f8", "-", "attractiveness apart from features")
    ad_load = Column("f8", "-", "advertising load over the mean of the opening")
    attention_hours = Column("f8", "h/month", "attention it received last month")
    cash_usd = Column("f8", "USD", "money")
    revenue_usd = Column("f8", "USD/month", "revenue of last month")
    lean_months = Column("i4", "month", "months in a row without money or attention")
    entries = Column("i4", "-", "times this row was taken over by a new application")


class Application(Row, table=Applications):
    """An application as a Mesa agent (a node of the application network)."""


class Features(Table):
    """One row per AI feature of an application."""

    application = Column("i4", "-", "row of its application")
    value_usd_per_h = Column("f8", "USD/h", "value per attention-hour when it never errs")
    tokens_per_h = Column("f8", "token/h", "scale e0 of its tokens per attention-hour")
    log_difficulty = Column("f8", "-", "ln of its task's length in minutes")
    exposure = Column("f8", "-", "share of the application's hours it meets")
    intensity_tokens_per_h = Column("f8", "token/h", "tokens per attention-hour now")


def build(applications: Applications, features: Features, assistants: int, draws: Draws, p: ApplicationParams) -> None:
    """Change both tables: draw the opening's applications and features, Eq. F.1."""
    applications.assistant[:assistants] = True
    applications.quality[:] = np.exp(p.quality_sigma * ndtri(draws.trait("application.quality", applications.id)))
    applications.ad_load[:] = np.where(applications.assistant, 0.0, p.ad_load)
    others = applications.n - assistants
    features.application[:] = assistants + np.arange(features.n) % others
    ids = features.id
    features.value_usd_per_h[:] = p.feature_value_usd_per_h * np.exp(
        p.feature_value_sigma * ndtri(draws.trait("feature.value", ids))
    )
    features.tokens_per_h[:] = p.feature_tokens_per_h * np.exp(
        p.feature_tokens_sigma * ndtri(draws.trait("feature.scale", ids))
    )
    features.log_difficulty[:] = np.log(p.difficulty_minutes) + p.difficulty_sigma * ndtri(
        draws.trait("feature.difficulty", ids)
    )
    features.exposure[:] = others / max(features.n, 1)


def revise(features: Features, best_tokens_per_h: Array, draw: MonthDraws, p: ApplicationParams) -> NDArray[np.bool_]:
    """Change `features`: those whose product cycle ends this month take their best intensity, Eq. F.2.

    Parameters
    ----------
    features : Features
    best_tokens_per_h : (F,) float
        Eq. Y.3.
    draw : MonthDraws
        Stream ``application.revise``: a coin of one over the product cycle.
    p : ApplicationParams

    Returns
    -------
    (F,) bool
        Which were revised.
    """
    chosen = draw("application.revise", features.id) < 1.0 - np.exp(-1.0 / p.product_cycle_months)
    features.intensity_tokens_per_h[chosen] = best_tokens_per_h[chosen]
    return np.asarray(chosen)


def logit_shares(last: Array, log_odds: Array, inertia: float) -> Array:
    """Return next month's shares along the last axis, Eq. F.3: a logit with inertia.

    Parameters
    ----------
    last : (..., n) float, sums to 1
    log_odds : (..., n) float
    inertia : float in [0, 1)

    Twin: tests/reference/application_firm.py.

    >>> logit_shares(np.array([1.0, 0.0]), np.zeros(2), 0.5).tolist()
    [0.75, 0.25]
    """
    odds = np.exp(log_odds - log_odds.max(axis=-1, keepdims=True))
    target = odds / odds.sum(axis=-1, keepdims=True)
    return np.asarray(inertia * last + (1.0 - inertia) * target)


def fail_and_enter(applications: Applications, draw: MonthDraws, p: ApplicationParams) -> NDArray[np.int64]:
    """Change `applications`: those long without money or attention leave; a new one with a drawn quality takes the row, Eq. F.4.

    Returns
    -------
    (k,) int
        Rows taken over.
    """
    total = float(applications.attention_hours.sum())
    poor = (applications.cash_usd < 0.0) | (
        (applications.attention_hours < p.exit_share * total) & ~applications.assistant
    )
    applications.lean_months[:] = np.where(poor, applications.lean_months + 1, 0)
    gone = np.flatnonzero(applications.lean_months >= p.failure_months)
    if gone.size:
        ids = applications.id[gone] + 1000 * (applications.entries[gone] + 1)
        applications.quality[gone] = np.exp(p.quality_sigma * draw.normal("application.entry", ids))
        applications.entries[gone] += 1
        applications.lean_months[gone] = 0
    return gone


def called(net_share: Array, of_nets: Array) -> Array:
    """Return what classes pay and get from the nets they call, Eq. F.6: means weighted by their calls.

    Parameters
    ----------
    net_share : (S, T, L) float
        Spread of the calls of each class over the nets of a tier.
    of_nets : (T, L) or (T, L, Q) float
        List prices by kind of token, or ln of horizons.

    Returns
    -------
    (S, T) or (S, T, Q) float

    Twin: tests/reference/economy_offer.py.

    >>> called(np.array([[[0.25, 0.75]]]), np.array([[1.0, 5.0]])).tolist()
    [[4.0]]
    """
    kinds = "q" if of_nets.ndim > 2 else ""
    return np.asarray(np.einsum(f"stl,tl{kinds}->st{kinds}", net_share, of_nets))


def token_usd(generated: Array, hits: Array, price: Array) -> Array:
    """Return what a token without thinking costs, Eq. F.7: ``(1 - o)((1 - hit) fresh + hit cached) + o generated``.

    Parameters
    ----------
    generated, hits : (...) float in [0, 1]
        Shares of tokens that are generated, of input that is found in memory.
    price : (..., 3) float
        USD by kind of token: fresh, cached, generated.

    Returns
    -------
    (...) float, USD

    Twin: tests/reference/economy_offer.py.

    >>> float(token_usd(np.array(0.5), np.array(0.5), np.array([2.0, 1.0, 10.0])))
    5.75
    """
    entered = (1.0 - generated) * ((1.0 - hits) * price[..., FRESH] + hits * price[..., CACHED])
    return np.asarray(entered + generated * price[..., GENERATED])


def chat_tokens(prompt_tokens: float, generated: float, turns: float) -> float:
    """Return tokens of an assistant's task of the reference length, Eq. F.8: prompts are what is not generated of its turns.

    >>> chat_tokens(400.0, 0.2, 3.0)
    1500.0
    """
    return turns * prompt_tokens / (1.0 - generated)


def assistant_usd(tokens: Array | float, price_usd: Array | float, p: ApplicationParams) -> Array | float:
    """Return what people pay for an assistant's tokens, Eq. F.9: their cost with the application's margin.

    >>> assistant_usd(1000.0, 1e-3, ApplicationParams(assistant_margin=0.5))
    1.5
    """
    return tokens * price_usd * (1.0 + p.assistant_margin)


def mean_thinking(log_tau: Array, share: float) -> Array:
    """Return the mean thinking multiplier of assistants, Eq. F.10: 1 for users who are not yet on nets that think.

    >>> mean_thinking(np.log(np.array([3.0])), 0.5).tolist()
    [2.0]
    """
    return 1.0 + share * (np.exp(log_tau) - 1.0)


def ready(since: int | None, month: int, best_minutes: float, needed_minutes: float) -> int | None:
    """Return the first month with a net good enough for a product, Eq. F.11; None before.

    >>> ready(None, 9, 4.0, 5.0), ready(None, 9, 5.0, 5.0), ready(3, 9, 1.0, 5.0)
    (None, 9, 3)
    """
    return month if since is None and best_minutes >= needed_minutes else since


def launched(since: int | None, month: int, p: ApplicationParams) -> bool:
    """Return whether a product is open to everybody, Eq. F.11: some months after a net first was good enough for it.

    >>> launched(None, 9, ApplicationParams()), launched(1, 9, ApplicationParams(launch_lag_months=8))
    (False, True)
    """
    return since is not None and month - since >= p.launch_lag_months


class Accounts(NamedTuple):
    """An application's month, USD, (K,)."""

    operations_usd: Array
    payout_usd: Array
    rescue_usd: Array  # from investors
    cash_usd: Array  # at the end


def settle(cash_usd: Array, income_usd: Array, costs_usd: Array, p: ApplicationParams) -> Accounts:
    """Return each application's accounts, Eq. F.12: operations of what is left, payout of cash, rescue of those deep in debt.

    Parameters
    ----------
    cash_usd : (K,) float
        Before the month.
    income_usd, costs_usd : (K,) float
        Advertising and assistants; tokens and ranking.
    p : ApplicationParams

    Returns
    -------
    Accounts

    Twin: tests/reference/economy_books.py.

    >>> p = ApplicationParams(operating_share=0.5, payout_per_month=0.1)
    >>> [x.tolist() for x in settle(np.array([0.0, -9.0]), np.array([8.0, 8.0]), np.array([4.0, 9.0]), p)]
    [[2.0, 0.0], [0.2, 0.0], [0.0, 10.0], [1.8, 0.0]]
    """
    operations = p.operating_share * np.maximum(income_usd - costs_usd, 0.0)
    cash = cash_usd + (income_usd - costs_usd - operations)
    payout = p.payout_per_month * np.maximum(cash, 0.0)
    rescue = np.where(cash < -p.credit_months * np.maximum(income_usd, 1.0), -cash, 0.0)
    return Accounts(operations, payout, rescue, cash + (rescue - payout))


class Services(Table):
    """One row per service that sells to people and to agents, and bids for their attention."""

    margin = Column("f8", "-", "margin per sale over the mean")
    quality = Column("f8", "-", "predicted success of a click or an invocation")
    bid_click_usd = Column("f8", "USD", "bid per click")
    bid_invocation_usd = Column("f8", "USD", "bid per invocation")
    agent_budget_share = Column("f8", "-", "share of its budget spent on agents' attention")


def build_services(services: Services, draws: Draws, p: ApplicationParams) -> None:
    """Change `services`: draw margins and qualities, Eq. F.5."""
    sigma = p.service_margin_sigma
    services.margin[:] = np.exp(sigma * ndtri(draws.trait("service.margin", services.id)) - 0.5 * sigma**2)
    services.quality[:] = np.exp(p.service_quality_sigma * ndtri(draws.trait("service.quality", services.id)))

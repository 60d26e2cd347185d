"""Compute providers: contract prices, capacity orders against the user cost of capital, financing, failure and entry."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.steps import Guarded
from model.core.table import Column, Row, Table

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ProviderParams(Params):
    """How providers order and finance capacity."""

    section: ClassVar[str] = "provider"

    # fmt: off
    interest_per_year: float =            param(   0.10, "1/year"  ,  0.02,  0.3,                             doc="required return on machines",                                                   source="own assumption: cost of capital of cloud and neocloud builders")
    depreciation_per_year: float =        param(   0.15, "1/year"  ,  0.05, 0.35,                             doc="physical and competitive depreciation apart from the fall of chip prices",      source="ftm: .2; gate2025: .3 with obsolescence")
    price_decline_per_year: float =       param(   0.20, "1/year"  ,   0.0,  0.5, dynamic=False,              doc="prior of the yearly fall of chip prices per H100e before own experience",       source="gate2025: 27.5 % a year in price-performance")
    utilisation_planned: float =          param(   0.75, "-"       ,   0.4, 0.95,                             doc="utilisation that investors count on",                                           source="own assumption: below the highest sustained utilisation of .85")
    lead_months: int =                    param(     12, "month"   ,     6,   24, dynamic=False,              doc="months ahead at whose expected spending providers aim",                          source="own assumption: order to shipment takes 6 to 12 months, shipment to work a quarter")
    contract_weight: float =              param(    0.5, "-"       ,     0,    1,                              doc="weight of what labs have contracted in expected spending",                       source="own assumption: .2 to .8; books of contracts of 2025 were followed by orders of their size")
    order_months: float =                 param(    3.0, "month"   ,     1,   24,                             doc="months over which the gap to desired capacity is ordered",                      source="own assumption: budgets are set every quarter")
    adjustment_exponent: float =          param(    4.0, "-"       ,     3,    5, dynamic=False,              doc="chi of GATE's adjustment cost",                                                 source="gate2025 equation 7")
    adjustment_years: float =             param(   0.05, "year"    ,   0.0,    4,                             doc="a_Q of GATE's adjustment cost",                                                 source="own assumption: GATE's 2 years would make the growth of 2022-25 cost fifty times its price")
    deposit_share: float =                param(    0.2, "-"       ,     0,    1,                             doc="share of the price paid at order",                                              source="own assumption: a fifth at order, the rest at delivery")
    parent_cash_usd_per_year: float =     param(2.68e11, "USD/year",  5e10, 1e12, scale="log", dynamic=False, doc="non-AI operating cash of integrated incumbents at the opening",                 source="calcbench2026: 293e9 USD for five clouds in 2022, 395e9 in 2023; own assumption: 3e11 in 2023 without AI, less 12 % a year before")
    parent_cash_growth_per_year: float =  param(   0.12, "1/year"  ,   0.0,  0.3, exogenous_trend=True,       doc="growth of that cash",                                                           source="calcbench2026: 18.7 % a year for five clouds, 2020-25; own assumption: 12 % of it without AI")
    parent_cash_max_usd_per_year: float = param( 1.2e12, "USD/year",  3e11, 3e12, scale="log",                doc="level at which that cash stops growing",                                        source="own assumption: about one per cent of world output")
    parent_share_max: float =             param(   0.75, "-"       ,     0,    1,                             doc="largest share of parents\' cash for AI machines",                                source="calcbench2026: capex over operating cash of five clouds .70 in 2025, .98 planned for 2026; own assumption: some of it is not for AI")
    leverage_max: float =                 param(    0.7, "-"       ,     0, 0.95,                             doc="debt over book value of machines at which lenders stop",                        source="own assumption: secured lending to neoclouds")
    failure_months: int =                 param(      6, "month"   ,     1,   24,                             doc="months without cash, own or parents', until failure",                           source="own assumption: lenders wait about two quarters")
    capacity_share_max: float =           param(   0.45, "-"       ,   0.1,    1,                             doc="largest share of orders one provider takes",                                    source="own assumption: no buyer was known to take half of the chips")
    price_learning_per_month: float =     param(   0.05, "1/month" , 0.005,  0.5,                             doc="speed at which the expected change of machine prices follows the realised one", source="own assumption: about two years of memory")
    book_life_months: float =             param(   60.0, "month"   ,    24,  120,                             doc="life over which lenders write machines down",                                   source="observations datacenter_server_life_years")
    upkeep_usd_per_w_per_year: float =        param(   0.35, "USD/(W year)", 0.1, 0.8,                              doc="staff, repairs, network and insurance a year per watt of servers, without electricity",                                source="own assumption: 1 % of the price of servers and 1.5 % of that of the site a year")
    # fmt: on


@dataclass(frozen=True, kw_only=True)
class ProviderFirm(Params):
    """One provider of the opening."""

    section: ClassVar[str] = "provider"

    # fmt: off
    share: float =        param(0.125, "-", 0.001, 1, dynamic=False, doc="share of the opening stock",                   source="own assumption: three hyperscalers, two integrated firms, the rest")
    parent_share: float = param(  0.0, "-",     0, 1, dynamic=False, doc="share of parents' cash this firm can draw on", source="own assumption: capex_big4_year by firm")
    integrated_lab: str = param("", "-", dynamic=False,              doc="lab of the same house, empty for none",        source="own assumption: two houses own a frontier lab")
    premium: float =      param(  1.0, "-",   0.5, 2, dynamic=False, doc="contract price over the market's",             source="observations gpu_rent_h100: hyperscaler list above neocloud")
    # fmt: on


#: The opening's providers.
FIRMS: dict[str, ProviderFirm] = {
    "hyper_a": ProviderFirm(share=0.20, parent_share=0.28, premium=1.1),
    "hyper_b": ProviderFirm(share=0.20, parent_share=0.28, premium=1.1),
    "house_search": ProviderFirm(share=0.22, parent_share=0.22, integrated_lab="lab_d", premium=1.05),
    "house_social": ProviderFirm(share=0.14, parent_share=0.17, integrated_lab="lab_e", premium=1.05),
    "house_east": ProviderFirm(share=0.12, parent_share=0.05, premium=1.0),
    "neo_a": ProviderFirm(share=0.05, premium=0.85),
    "neo_b": ProviderFirm(share=0.04, premium=0.85),
    "neo_c": ProviderFirm(share=0.03, premium=0.85),
}


class Providers(Table):
    """One row per compute provider."""

    stock_h100e = Column("f8", "H100e", "machines installed")
    backlog_h100e = Column("f8", "H100e", "ordered and not delivered")
    premium = Column("f8", "-", "contract price over the market's")
    contract_usd_per_h100e_hour = Column("f8", "USD/h", "posted contract price")
    expected_usd_per_h100e_hour = Column("f8", "USD/h", "price expected when what is on order works")
    used_share = Column("f8", "-", "share of hours used last month")
    parent_share = Column("f8", "-", "share of parents' cash")
    cash_usd = Column("f8", "USD", "money")
    debt_usd = Column("f8", "USD", "debt at book")
    parent_equity_usd = Column("f8", "USD", "parents' claims at book")
    vendor_equity_usd = Column("f8", "USD", "investors' equity at book")
    book_usd = Column("f8", "USD", "machines at depreciated cost")
    stressed_months = Column("i4", "month", "months in a row without cash, own or parents'")
    failures = Column("i4", "-", "times this row failed and was taken over")


class ComputeProvider(Row, table=Providers):
    """A compute provider as a Mesa agent."""

    @property
    def name(self) -> str:
        """Name of the firm."""
        return self._name_among("provider_names")


@dataclass
class Outlook(Guarded):
    """What providers expect together, and the orders that came of it."""

    expected_spending_usd: float = 0.0  # a month, when what is ordered now works
    machine_usd: float = 0.0  # price of a machine with its share of the data centre
    machine_change: float = 0.0  # expected change of it per year
    user_cost_usd: float = 0.0
    orders: list[Array] = field(default_factory=list)  # (P,) orders, months in order


class Orders(NamedTuple):
    """What providers decide at the month's end."""

    user_cost_usd_per_h: float
    desired_h100e: Array
    ordered_h100e: Array
    premium: Array  # GATE adjustment cost over the plain price


def build(providers: Providers, firms: dict[str, ProviderFirm], stock_h100e: float, price_usd: float) -> None:
    """Change `providers`: the opening's firms."""
    share = np.array([f.share for f in firms.values()])
    providers.stock_h100e[:] = stock_h100e * share / share.sum()
    providers.parent_share[:] = [f.parent_share for f in firms.values()]
    premium = np.array([f.premium for f in firms.values()])
    providers.premium[:] = premium / float((premium * share).sum() / share.sum())
    providers.contract_usd_per_h100e_hour[:] = price_usd * providers.premium
    providers.expected_usd_per_h100e_hour[:] = price_usd
    providers.used_share[:] = 0.75


def user_cost(
    price_per_h100e_usd: float, price_change_per_year: float, running_usd_per_h: float, p: ProviderParams
) -> float:
    """Return the user cost of an H100e-hour, Eq. V.1.

    ``P_K (r + depreciation - expected price change) / (8760 u) + running cost``.

    Parameters
    ----------
    price_per_h100e_usd : float
        Machine with its share of the data centre.
    price_change_per_year : float
        Expected relative change of that price (negative when falling).
    running_usd_per_h : float
        Electricity and operations.
    p : ProviderParams

    Source: jorgenson1963.

    >>> round(user_cost(55e3, -0.20, 0.12, ProviderParams()), 2)
    3.89
    """
    rate = p.interest_per_year + p.depreciation_per_year - price_change_per_year
    return price_per_h100e_usd * max(rate, 0.05) / (8760.0 * p.utilisation_planned) + running_usd_per_h


def adjustment_cost(investment: Array | float, chi: float, years: float) -> Any:
    """Return GATE's cost of investing `investment` (capacity added a year over capacity), Eq. V.2, in units of capacity price.

    ``I_Q H/Q = ((a i + 1)**chi - 1) / (chi a)``; equals `investment` in the limit of a = 0.

    Source: gate2025 equation 7. Twin: tests/reference/provider.py.

    >>> [round(float(adjustment_cost(i, 4.0, 2.0)), 4) for i in (0.1, 0.5, 1.0)]
    [0.1342, 1.875, 10.0]
    """
    if years == 0.0:
        return investment
    return np.expm1(chi * np.log1p(years * investment)) / (chi * years)


def worthwhile(worth: float, p: ProviderParams) -> float:
    """Return the capacity added a year, over capacity, whose last machine is worth its cost, Eq. V.4b.

    The marginal cost of Eq. V.2, ``(1 + a i)**(chi - 1)``, is the worth of a machine over its price (Tobin's q).

    >>> round(worthwhile(8.0, ProviderParams(adjustment_exponent=4.0, adjustment_years=0.5)), 9), worthwhile(0.9, ProviderParams())
    (2.0, 0.0)
    """
    if worth <= 1.0:
        return 0.0
    if p.adjustment_years == 0.0:
        return math.inf
    return math.expm1(math.log(worth) / (p.adjustment_exponent - 1.0)) / p.adjustment_years


def affordable(funds: Array, p: ProviderParams) -> Array:
    """Return the capacity added a year, over capacity, that funds pay for with its cost of adjustment, Eq. V.5b.

    Parameters
    ----------
    funds : (P,) float >= 0
        A year's, over what the capacity would cost today.
    p : ProviderParams

    >>> affordable(np.array([1.875]), ProviderParams(adjustment_exponent=4.0, adjustment_years=2.0)).round(9).tolist()
    [0.5]
    """
    if p.adjustment_years == 0.0:
        return np.asarray(funds)
    a, chi = p.adjustment_years, p.adjustment_exponent
    return np.asarray(np.expm1(np.log1p(chi * a * funds) / chi) / a)


def expected_spending(forecast_usd: float, contracted_usd: float, p: ProviderParams) -> float:
    """Return the spending that providers order for, Eq. V.2b: a geometric mean of their forecast and of labs' contracts.

    Parameters
    ----------
    forecast_usd : float > 0
        Of all spending on hours, USD a month (Eq. B.7).
    contracted_usd : float >= 0
        What contracts say of it: labs' plans behind their contracts, and this month's spending of all others.
    p : ProviderParams

    >>> expected_spending(100.0, 400.0, ProviderParams(contract_weight=0.5))
    200.0
    """
    if contracted_usd <= 0.0:
        return forecast_usd
    return float(forecast_usd ** (1.0 - p.contract_weight) * contracted_usd**p.contract_weight)


def order(
    providers: Providers,
    expected_spending_usd: float,
    user_cost_usd: float,
    machine_usd: float,
    parent_cash_usd: float,
    hours_per_h100e: float,
    p: ProviderParams,
) -> Orders:
    """Return capacity orders, Eq. V.3 to V.5.

    The price that providers expect when all that is on order works is expected spending over the hours there will be then.
    Where it exceeds the user cost another machine pays, and where it falls short it does not: they want the machines at
    which both are equal (free entry), and order the gap over ``order_months``, as far as parents, cash and lenders allow.

    Parameters
    ----------
    providers : Providers
    expected_spending_usd : float
        On accelerator-hours in a month, ``lead_months`` ahead (Eq. B.7).
    user_cost_usd : float
        Per H100e-hour of a machine bought when those ordered now begin to work (Eq. V.1).
    machine_usd : float
        Price of a machine with its share of the data centre.
    parent_cash_usd : float
        Parents' operating cash of the month.
    hours_per_h100e : float
        Hours a machine offers in a month.
    p : ProviderParams

    Source: jorgenson1963 for the user cost; gate2025 for the cost of adjustment. Twin: tests/reference/provider.py.
    """
    have = providers.stock_h100e + providers.backlog_h100e
    share = np.minimum(have / max(float(have.sum()), 1e-300), p.capacity_share_max)
    wanted = expected_spending_usd / (user_cost_usd * hours_per_h100e * p.utilisation_planned)
    desired = wanted * share
    gap = np.maximum(desired - have, 0.0) / p.order_months
    stock = np.maximum(providers.stock_h100e, 1.0)
    worth = wanted / max(float(have.sum()), 1e-300)  # expected price over user cost, Tobin's q
    rate = np.minimum(12.0 * gap / stock, worthwhile(worth, p))
    # Financing (Eq. V.5): parents, own cash beyond what is committed, lenders up to the leverage limit
    committed = providers.backlog_h100e * machine_usd * (1.0 - p.deposit_share)
    parents = providers.parent_share * parent_cash_usd * p.parent_share_max
    own = np.maximum(providers.cash_usd, 0.0)
    lenders = np.maximum(p.leverage_max * (providers.book_usd + committed) - providers.debt_usd, 0.0)
    funds = np.maximum(parents * p.order_months + own + lenders - 0.5 * committed, 0.0) / p.order_months
    rate = np.minimum(rate, affordable(12.0 * funds / (machine_usd * stock), p))
    cost = np.maximum(adjustment_cost(rate, p.adjustment_exponent, p.adjustment_years), 1e-300)
    premium = np.where(rate > 0.0, cost / np.maximum(rate, 1e-300), 1.0)
    return Orders(user_cost_usd, desired, rate * stock / 12.0, premium)


class Financing(NamedTuple):
    """How a month's cash gap was closed, per provider (USD >= 0)."""

    from_parents: Array
    borrowed: Array
    repaid: Array
    to_parents: Array
    dividends: Array


def finance(
    cash_usd: Array, debt_usd: Array, book_usd: Array, parent_available_usd: Array, buffer_usd: Array, p: ProviderParams
) -> Financing:
    """Return how cash gaps are closed and surpluses used, Eq. V.6.

    A gap is closed by the parents as far as their cash goes, then by lenders; cash above twice the buffer repays
    debt, then returns in part to parents or investors.

    Parameters
    ----------
    cash_usd, debt_usd, book_usd : (P,) float
        After the month's receipts and payments.
    parent_available_usd, buffer_usd : (P,) float >= 0
    p : ProviderParams

    Twin: tests/reference/provider.py.
    """
    gap = np.maximum(buffer_usd - cash_usd, 0.0)
    from_parents = np.minimum(gap, parent_available_usd)
    gap = gap - from_parents
    borrowed = np.minimum(gap, np.maximum(p.leverage_max * book_usd - debt_usd, 0.0))
    surplus = np.maximum(cash_usd - 2.0 * buffer_usd, 0.0)
    repaid = np.minimum(surplus, debt_usd)
    surplus = surplus - repaid
    to_parents = np.where(parent_available_usd > 0.0, 0.5 * surplus, 0.0)
    dividends = np.where(parent_available_usd > 0.0, 0.0, 0.1 * surplus)
    return Financing(from_parents, borrowed, repaid, to_parents, dividends)


def parent_cash(months: int, p: ProviderParams) -> float:
    """Return parents' non-AI operating cash of the month `months` after the opening in USD, Eq. V.7: trend growth up to a cap.

    >>> round(parent_cash(0, ProviderParams()) * 12 / 1e9)
    268
    """
    grown = p.parent_cash_usd_per_year * (1.0 + p.parent_cash_growth_per_year) ** (months / 12.0)
    return float(min(grown, p.parent_cash_max_usd_per_year) / 12.0)

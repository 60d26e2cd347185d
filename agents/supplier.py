"""The chip supplier: capacity expanded on backlog, price per generation by markup on a falling unit cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.steps import Guarded
from model.core.table import Column, Row, Table

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SupplierParams(Params):
    """How the chip supplier prices and expands."""

    section: ClassVar[str] = "supplier"

    # fmt: off
    opening_h100e_per_month: float = param(2.4e4, "H100e/month",  5e3, 1e5, scale="log", dynamic=False, doc="capacity at the opening, in the opening mix",                                    source="observations nvidia_dc_revenue_fy, carried back to the opening")
    target_backlog_months: float =   param(  5.28, "month"      ,    1,  18, fit=True, scale="log",      doc="backlog the supplier is content with",                                           source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre 6 months, log-sd .3, the low end of lead times while orders wait")
    response: float =                param( 0.0877, "1/month"    , 0.02,   2, fit=True, scale="log",      doc="growth of capacity decided per log-unit of backlog over target: marginal costs of expansion rise with its pace", source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre .12, log-sd .5: packaging grew 60 % and memory 50 % a year without dearer chips")
    shrink_share: float =            param( 0.10, "-"          ,    0,   1,                             doc="the same for idle capacity over that for missing capacity",                      source="own assumption: lines are mothballed slowly")
    lead_months: int =               param(    9, "month"      ,    3,  24, dynamic=False,              doc="months from the decision to expand to chips",                                    source="own assumption: lines are added to plants that stand, in three quarters")
    build_months: int =              param(    3, "month"      ,    1,   9, dynamic=False,              doc="months from order to delivery where nothing waits",                              source="own assumption: orders that wait take 6 to 12 months, so that half of the least is making")
    unit_cost_usd_per_h100e: float = param(1.4e4, "USD"        ,  5e3, 3e4, scale="log",                doc="cost of an H100 with its share of server and network",                           source="own assumption: list price 34 thousand USD at a gross margin of some 60 %")
    markup: float =                  param(  1.4, "-"          ,  0.3,   3,                             doc="markup over unit cost where the backlog is on target",                           source="own assumption: observations h100_purchase_price and data-centre gross margin")
    markup_elasticity: float =       param( 0.25, "-"          ,    0,   1,                             doc="elasticity of the markup to backlog over target",                                source="own assumption: a backlog of twice the target raises the markup by a fifth")
    markup_low: float =              param(  0.5, "-"          , 0.05, 1.5,                             doc="lowest markup",                                                                  source="own assumption: earlier gross margins of about a third to a half")
    markup_high: float =             param(  2.2, "-"          ,    1,   5,                             doc="highest markup",                                                                 source="own assumption: a gross margin of 69 %, near the highest reported")
    site_usd_per_w: float =          param( 10.5, "USD/W"      ,    3,  30, scale="log",                doc="data centre, power and installation per watt of chips with servers and cooling where few are built", source="cushman2025: 11.7 USD in the United States in 2025, 9.3 to 15.0 by market; own assumption: a tenth less before the rush")
    site_reference_gw_per_year: float =       param(  8.0, "GW/year"    ,    1, 100, scale="log",                doc="sites a year at which the price of a site is 2^(1/elasticity) times that",        source="own assumption: of the order of what was added for AI in 2025")
    site_elasticity: float =         param(  3.0, "-"          ,  0.5,   8,                             doc="elasticity of the supply of sites to their price where many are built",          source="own assumption: prices rose by 14 % in a year of 45 % more additions in 2025, as construction reports have it: one point")
    # fmt: on


class Suppliers(Table):
    """The chip supplier (one row)."""

    capacity_chips_per_month = Column("f8", "chips/month", "chips that can be made")
    unit_cost_usd = Column("f8", "USD", "unit cost per H100e in the present mix")
    price_usd_per_h100e = Column("f8", "USD", "price of the chip per H100e")
    site_usd_per_h100e = Column("f8", "USD", "data centre and power per H100e")
    backlog_h100e = Column("f8", "H100e", "ordered and not delivered")
    sold_h100e = Column("f8", "H100e", "delivered since the opening")


class ChipSupplier(Row, table=Suppliers):
    """The chip supplier as a Mesa agent."""


@dataclass
class Supply(Guarded):
    """What the supplier makes and has decided to add."""

    supply_h100e: float = 0.0  # what its capacity makes in a month
    expansions: list[float] = field(default_factory=list)  # its decisions, months in order


def expand(
    backlog_h100e: float, capacity_h100e: float, booked_h100e: Array, decided: Array, p: SupplierParams
) -> float:
    """Return the growth of capacity decided this month, Eq. S.1: it follows ln(backlog to come / target), more slowly down than up.

    The backlog to come is that of the month in which the decision takes effect, if orders go on as booked lately and
    capacity grows as decided already (the supply line of Sterman 1989).

    Parameters
    ----------
    backlog_h100e, capacity_h100e : float
        Orders waiting; what a month's capacity delivers.
    booked_h100e : (m,) float
        Orders of the last months.
    decided : (lead_months,) float
        Growth decided and not yet in force, months in order.
    p : SupplierParams

    Returns
    -------
    float
        Growth per month that takes effect after ``lead_months``.

    Source: sterman1989. Twin: tests/reference/supplier.py.

    >>> expand(6.0, 1.0, np.ones(3), np.zeros(9), SupplierParams(target_backlog_months=6.0))
    0.0
    """
    capacity = capacity_h100e * np.cumprod(1.0 + decided)
    orders = float(booked_h100e.mean()) if booked_h100e.size else 0.0
    waiting = backlog_h100e + decided.size * orders - float(capacity.sum())
    months = waiting / max(float(capacity[-1]), 1e-12)
    pressure = p.response * float(np.log(max(months, 1e-6) / p.target_backlog_months))
    return float(pressure if pressure > 0.0 else max(p.shrink_share * pressure, -0.5))


def site_price(added_gw_per_year: float, p: SupplierParams) -> float:
    """Return the price of a watt of data centre and power, Eq. S.3: it rises with what is built at the same time.

    ``c (1 + g / g0)**(1 / eps)``.

    Parameters
    ----------
    added_gw_per_year : float
        Sites ordered in the last twelve months, at rated power.

    >>> round(site_price(8.0, SupplierParams(site_usd_per_w=10.0, site_reference_gw_per_year=8.0, site_elasticity=1.0)), 6)
    20.0
    """
    return p.site_usd_per_w * float(
        (1.0 + added_gw_per_year / p.site_reference_gw_per_year) ** (1.0 / p.site_elasticity)
    )


def price(unit_cost_usd: float, backlog_h100e: float, capacity_h100e: float, p: SupplierParams) -> float:
    """Return the price per H100e, Eq. S.2: unit cost x (1 + markup), the markup rising with the backlog.

    >>> round(price(1.0e4, 6.0, 1.0, SupplierParams(markup=1.0, target_backlog_months=6.0)))
    20000
    """
    months = max(backlog_h100e / max(capacity_h100e, 1e-12), 1e-3)
    markup = float(
        np.clip(p.markup * (months / p.target_backlog_months) ** p.markup_elasticity, p.markup_low, p.markup_high)
    )
    return unit_cost_usd * (1.0 + markup)

"""Robots: bought where they earn their cost, thinking on board or in the cloud, asking people for supervision.

One row stands for the robots that one human row's people own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from model.core import formulas
from model.core.params import Params, param
from model.core.steps import Guarded
from model.core.table import Column, Row, Table

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RobotParams(Params):
    """How robots are bought and used."""

    section: ClassVar[str] = "robot"

    # fmt: off
    initial_stock: float =               param( 3.0e3, "robots"    ,   1e2,   5e4, scale="log", dynamic=False, doc="robots with learned policies at the opening",                             source="own assumption: 1e4 robots with learned policies in 2024, halved twice to come back to the opening")
    opening_build_months: float =        param(  24.0, "month"     ,     3,   120, scale="log", dynamic=False, doc="months in which makers could build the opening's stock anew",             source="own assumption: the stock was built in about two years")
    price_usd: float =                   param( 9.0e4, "USD"       ,   2e4,   2e5, scale="log", dynamic=False, doc="price of a robot at the opening",                                         source="goldman2024robots: 30-150 thousand USD")
    price_reference_robots: float =      param( 2.0e4, "robots"    ,   1e3,   1e6, scale="log", dynamic=False, doc="cumulative robots at which the opening price holds",                      source="own assumption: the units made before count as experience")
    learning_exponent: float =           param(  0.32, "-"         ,   0.1,   0.5,                             doc="Wright exponent of the price",                                            source="own assumption: a fifth cheaper at each doubling, -log2(.8) = .32")
    price_floor_usd: float =             param( 1.5e4, "USD"       ,   3e3,   5e4, scale="log",                doc="cost of materials below which the price does not fall",                   source="own assumption: half of 30 thousand USD, the lowest unit cost in goldman2024robots")
    depreciation_per_year: float =       param(  0.15, "1/year"    ,  0.05,   0.4,                             doc="robots retired a year",                                                   source="own assumption: some seven years of life, less than an industrial robot's twelve")
    interest_per_year: float =           param(  0.08, "1/year"    ,   0.0,   0.3,                             doc="owners' required return",                                                 source="own assumption: cost of capital of industrial firms")
    duty_hours_per_month: float =        param( 240.0, "h/month"   ,    20,   700,                             doc="active hours of a robot",                                                 source="own assumption: one shift of eight hours a day")
    work_minutes: float =                param(  10.0, "min"       ,   0.5,   120,                             doc="length of a robot's task in human minutes",                               source="own assumption: a pick, a load, a cleaning: minutes, not hours")
    embodiment_gap: float =              param( 0.0484, "-"         , 0.001,     1, fit=True, scale="log",      doc="horizon in the physical world over the small nets' horizon",              source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: physical skill lags by about five doublings")
    owner_share_max: float =             param(  0.08, "-"         , 0.005,     1, scale="log",                doc="robots per person at saturation",                                         source="own assumption: one robot for a dozen people")
    demand_scale: float =                param(  0.35, "-"         ,  0.05,     2,                             doc="logit scale of demand in ln(value over cost)",                            source="own assumption: wages and sites differ by about a third around the mean")
    purchase_per_month: float =          param(  0.05, "1/month"   , 0.005,   0.5,                             doc="share of the gap to the wanted fleet ordered each month",                 source="own assumption: budgets are annual")
    production_response_per_month: float =         param(   0.0767, "1/month"   , 0.005,   0.3, fit=True, scale="log",      doc="growth of makers' capacity per log-unit of waiting orders over the target: marginal costs of expansion rise with its pace", source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: centre .05, log-sd .5; robots_industrial_installs never doubled")
    target_backlog_months: float =       param(   3.0, "month"     ,   0.5,    24, scale="log",                doc="waiting orders that makers are content with",                             source="own assumption: a quarter between order and delivery")
    queue_months: float =                param(  18.0, "month"     ,     1,   120,                             doc="longest wait for which owners sign orders",                               source="own assumption: as buyers of other machines in short supply")
    supervision_h_per_month: float =     param(  12.0, "h/month"   ,     0,   120,                             doc="supervision a robot that always fails asks for",                          source="own assumption: 5 % of its hours")
    tokens_per_s: float =                param(4800.0, "token/s"   ,   100, 60000, scale="log",                doc="tokens of the slow policy while active",                                  source="own assumption: 600 tokens a step (a picture, an instruction) at 8 steps a second")
    policy_parameters: float =           param( 7.0e9, "parameters",   1e8,  1e11, scale="log",                doc="parameters of the slow policy",                                           source="own assumption: the size of a small language model that sees, as makers of humanoids describe their slow policy")
    fast_flop_per_s: float =             param(3.2e12, "FLOP/s"    ,  1e10,  1e14, scale="log",                doc="work of the fast policy while active",                                    source="own assumption: 2 FLOP x 8e7 parameters x 100 tokens x 200 steps a second")
    cloud_calls_per_h: float =           param(  60.0, "1/h"       ,     0,  3600, scale="linear",             doc="calls to nets in the cloud per active hour when the cloud costs nothing", source="own assumption: one plan a minute")
    cloud_price_elasticity: float =      param(   0.8, "-"         ,     0,     2,                             doc="fall of cloud calls as they cost more of the robot's hourly value",       source="own assumption: a little below 1, on-board nets are a partial substitute")
    on_board_utilisation: float =        param(   0.3, "-"         ,  0.05,     1,                             doc="achieved over peak operations on board",                                  source="own assumption: as cloud inference, ai2027")
    on_board_w_per_h100e: float =        param( 900.0, "W"         ,   100,  3000, scale="log",                doc="power of on-board computers per H100e",                                   source="own assumption: embedded boards of about 130 W give .14 H100e; observations jetson_thor_fp4")
    # fmt: on


class Robots(Table):
    """One row per human row."""

    weight_robots = Column("f8", "robots", "robots this row stands for")
    on_order = Column("f8", "robots", "robots ordered and not delivered")


class Robot(Row, table=Robots):
    """One super-robot as a Mesa agent."""


@dataclass
class Makers(Guarded):
    """What makers of robots have sold and can make, and what a robot does and costs in a month."""

    sold: float = 0.0
    capacity: float = 0.0
    success: float = 0.0
    running_usd: float = 0.0  # inference and energy of a robot a month
    call_usd: float = 0.0
    calls_per_h: float = 0.0


def price(cumulative: float, p: RobotParams) -> float:
    """Return the price of a robot in USD by Wright's law, Eq. R.1.

    >>> round(price(2.0e4, RobotParams()))
    90000
    """
    return float(
        max(p.price_usd * (max(cumulative, 1.0) / p.price_reference_robots) ** -p.learning_exponent, p.price_floor_usd)
    )


def success(horizon_minutes: float, slope: float, p: RobotParams) -> float:
    """Return the share of a robot's tasks that succeed, Eq. R.2: the loop's success at the embodied horizon.

    >>> 0.0 < success(60.0, 0.7, RobotParams()) < 1.0
    True
    """
    return formulas.success_at(p.work_minutes, max(horizon_minutes * p.embodiment_gap, 1e-12), slope)


def wanted(
    wage_usd_per_h: Array,
    shadow_usd_per_h: Array,
    success_share: float,
    price_usd: float,
    running_usd: float,
    p: RobotParams,
) -> Array:
    """Return robots wanted per person, Eq. R.3.

    A robot does ``duty x success`` hours of work at the owner's local wage and costs its user cost, its inference and
    energy, and the supervision it asks for; demand is a logit in ln(value / cost) up to the saturation.

    Parameters
    ----------
    wage_usd_per_h, shadow_usd_per_h : (n,) float
    success_share : float
    price_usd : float
    running_usd : float
        Inference and energy a month.
    p : RobotParams

    Returns
    -------
    (n,) float, robots per person

    Twin: tests/reference/robot.py.
    """
    value = wage_usd_per_h * work_hours(success_share, p)
    capital = price_usd * (p.interest_per_year + p.depreciation_per_year) / 12.0
    cost = capital + running_usd + shadow_usd_per_h * supervision_h(success_share, p)
    return np.asarray(p.owner_share_max / (1.0 + (cost / np.maximum(value, 1e-9)) ** (1.0 / p.demand_scale)))


def work_hours(success_share: float, p: RobotParams) -> float:
    """Return hours of work that a robot does in a month, Eq. R.9: those of its duty in which it succeeds.

    >>> work_hours(0.5, RobotParams(duty_hours_per_month=240.0))
    120.0
    """
    return p.duty_hours_per_month * success_share


def supervision_h(success_share: float, p: RobotParams) -> float:
    """Return hours a month of supervision that a robot asks for, Eq. R.10: none where it never fails.

    >>> supervision_h(0.75, RobotParams(supervision_h_per_month=12.0))
    3.0
    """
    return p.supervision_h_per_month * (1.0 - success_share)


def running_usd(
    h100e: float, electricity_usd_per_kwh: float, calls_per_h: float, call_usd: float, p: RobotParams
) -> float:
    """Return what a robot's thinking costs a month, Eq. R.11: electricity of its computers on board and its calls to the cloud.

    Parameters
    ----------
    h100e : float
        Computers on board.
    electricity_usd_per_kwh : float
    calls_per_h : float
        Calls to nets in the cloud per active hour.
    call_usd : float
        Cost of one.
    p : RobotParams

    >>> running_usd(1.0, 0.1, 10.0, 0.01, RobotParams(duty_hours_per_month=100.0, on_board_w_per_h100e=1000.0))
    20.0
    """
    hourly = h100e * p.on_board_w_per_h100e / 1000.0 * electricity_usd_per_kwh
    return p.duty_hours_per_month * (hourly + calls_per_h * call_usd)


def retired(weight: Array, p: RobotParams) -> Array:
    """Return robots that retire this month, Eq. R.6.

    >>> retired(np.array([120.0]), RobotParams(depreciation_per_year=0.1)).tolist()
    [1.0]
    """
    return weight * (p.depreciation_per_year / 12.0)


def cloud_calls(call_usd: float, hour_value_usd: float, p: RobotParams) -> float:
    """Return calls to the cloud per active hour, Eq. R.4: fewer as a call costs more of the hour's value.

    >>> cloud_calls(0.0, 1.0, RobotParams())
    60.0
    """
    if p.cloud_calls_per_h == 0.0:
        return 0.0
    burden = p.cloud_calls_per_h * call_usd / max(hour_value_usd, 1e-9)
    return float(p.cloud_calls_per_h * (1.0 + burden) ** -p.cloud_price_elasticity)


def on_board_flop_per_s(p: RobotParams) -> float:
    """Return operations per second of an active robot's own policies, Eq. R.5: ``2 N tokens/s`` + the fast policy.

    >>> f"{on_board_flop_per_s(RobotParams()):.2e}"
    '7.04e+13'
    """
    return 2.0 * p.policy_parameters * p.tokens_per_s + p.fast_flop_per_s


def deliver(on_order: Array, backlog: float, capacity_robots: float) -> Array:
    """Return robots delivered this month by row, Eq. R.6: makers' capacity spread over orders pro rata.

    >>> deliver(np.array([30.0, 10.0]), 40.0, 20.0).tolist()
    [15.0, 5.0]
    """
    return on_order * min(1.0, capacity_robots / max(backlog, 1e-300))


def next_capacity(capacity_robots: float, backlog_robots: float, p: RobotParams) -> float:
    """Return makers' capacity next month, Eq. R.7: it follows ln(waiting orders / target), at most by half a month.

    >>> p = RobotParams(production_response_per_month=0.1, target_backlog_months=2.0)
    >>> round(next_capacity(100.0, 200.0, p), 9), round(next_capacity(100.0, 400.0, p), 6)
    (100.0, 106.931472)
    """
    months = backlog_robots / max(capacity_robots, 1e-300)
    pressure = p.production_response_per_month * math.log(max(months, 1e-3) / p.target_backlog_months)
    return max(capacity_robots * max(1.0 + pressure, 0.5), 1.0)


def orders(gap_robots: Array, gap_total: float, backlog: float, capacity_robots: float, p: RobotParams) -> Array:
    """Return new orders by row, Eq. R.8: a share of the gap, as far as makers can deliver within ``queue_months``.

    Parameters
    ----------
    gap_robots : (n,) float >= 0
        Robots wanted beyond those owned and on order.
    gap_total, backlog, capacity_robots : float
        Sum of the gap; robots waiting; what makers deliver in a month.
    p : RobotParams

    Twin: tests/reference/robot.py.

    >>> orders(np.array([100.0, 300.0]), 400.0, 0.0, 1.0, RobotParams(purchase_per_month=0.1, queue_months=20.0)).tolist()
    [5.0, 15.0]
    """
    wished = p.purchase_per_month * gap_total
    room = max(p.queue_months * capacity_robots - backlog, 0.0)
    return gap_robots * (p.purchase_per_month * min(1.0, room / max(wished, 1e-300)))

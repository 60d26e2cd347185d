"""The physical layer (layer 1): generations of chips, vintages, power, retirement.

Chips are counted in H100-equivalents (9.89e14 dense bf16 FLOP/s). What a fleet can do and what it burns follows from the
generations it was bought in. Launch dates and the trends behind generations not yet launched are the declared exogenous
inputs of this layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.steps import Guarded
from model.core.units import H100_FLOP_PER_S, HOURS_PER_MONTH, HOURS_PER_YEAR, month_index

Array = NDArray[np.float64]


class Generation(NamedTuple):
    """One generation of accelerators, per chip."""

    name: str
    launched: str
    flop_per_s: float
    watts: float
    hbm_bytes: float
    bytes_per_s: float
    price_usd: float


#: Observed generations (observations chip_bf16_dense and h100_purchase_price; memory and bandwidth from the data sheets).
OBSERVED = (
    Generation("V100", "2017-06", 1.25e14, 300.0, 32e9, 0.9e12, 11_500.0),
    Generation("A100", "2020-05", 3.12e14, 400.0, 80e9, 2.0e12, 15_000.0),
    Generation("H100", "2022-09", 9.894e14, 700.0, 80e9, 3.35e12, 33_600.0),
    Generation("B200", "2024-11", 2.25e15, 1000.0, 192e9, 8.0e12, 40_000.0),
)


@dataclass(frozen=True, kw_only=True)
class PhysicalParams(Params):
    """Machines, power and their trends."""

    section: ClassVar[str] = "physical"

    # fmt: off
    chip_performance_growth: float =  param( 1.40, "x/year" ,  1.0, 2.0, exogenous_trend=True, dynamic=False, doc="growth of FLOP/s per chip beyond the launched generations",                   source="observations chip_bf16_dense: V100 to B200 1.48 a year; ai2027 1.35")
    price_performance_growth: float = param( 1.26, "x/year" ,  1.0, 1.6, exogenous_trend=True, dynamic=False, doc="growth of FLOP/s per dollar of unit cost beyond the launched generations",    source="gate2025 g_H 1.275; V100 to H100 of the observations 1.21 (computed)")
    energy_efficiency_growth: float = param( 1.26, "x/year" ,  1.0, 1.6, exogenous_trend=True, dynamic=False, doc="growth of FLOP/s per watt beyond the launched generations",                   source="observations chip_bf16_dense: V100 to B200 1.26 a year (computed)")
    bandwidth_growth: float =         param( 1.28, "x/year" ,  1.0, 1.6, exogenous_trend=True, dynamic=False, doc="growth of memory and its bandwidth per chip beyond the launched generations", source="own assumption: data sheets V100 to B200, from memory: 1.28 (memory), 1.34 (bandwidth) a year")
    generation_months: int =          param(   24, "month"  ,   12,  48, exogenous_trend=True, dynamic=False, doc="months between generations beyond the launched ones",                         source="observations chip_bf16_dense: 25 to 35 months so far")
    opening_stock_h100e: float =      param(4.0e5, "H100e"  ,  1e5, 1e6, scale="log", dynamic=False,          doc="installed accelerators at the opening",                                       source="observations nvidia_cum_h100e, carried back by observations nvidia_dc_revenue_fy")
    availability: float =             param( 0.95, "-"      ,  0.7,   1,                                      doc="share of hours a machine is up",                                              source="own assumption: maintenance and failures")
    life_months: float =              param( 78.0, "month"  ,   36, 120,                                      doc="scale of the age at which machines are retired",                              source="own assumption: 5-6 years median; gate2025 depreciates 30 % a year in value")
    life_shape: float =               param(  4.0, "-"      ,    1,   8,                                      doc="shape of the age at retirement (Weibull)",                                    source="own assumption: few fail young, most go at the end")
    server_power_factor: float =      param(  1.5, "-"      ,  1.1, 2.2,                                      doc="server power over chip power",                                                source="own assumption: host, network and fans draw half as much again; observations.md")
    pue: float =                      param(  1.2, "-"      , 1.05, 1.6,                                      doc="facility power over server power",                                            source="observations pue_hyperscale")
    load_factor: float =              param( 0.75, "-"      ,  0.4,   1,                                      doc="power drawn at work over rated power",                                        source="own assumption: three quarters of rated power at work; observations.md")
    serving_load_factor: float =      param( 0.60, "-"      ,  0.3,   1,                                      doc="power drawn while serving over rated power",                                  source="own assumption: below load_factor, since decoding waits for memory while training computes")
    idle_power_share: float =         param( 0.25, "-"      , 0.05, 0.6,                                      doc="power of an idle machine over one at work",                                   source="own assumption: idle servers draw a fifth to a third")
    electricity_usd_per_kwh: float =  param( 0.07, "USD/kWh", 0.02, 0.3,                                      doc="price of electricity",                                                        source="own assumption: industrial tariffs of large markets, .04 to .12")
    install_months: int =             param(    3, "month"  ,    0,   9, dynamic=False,                       doc="months from delivery to work",                                                source="epoch2025buildout: 150 days from roof to first load; own assumption: a quarter, as halls are often ready before the chips")
    scrap_share_per_month: float =    param(  0.1, "1/month",    0,   1,                                      doc="share of machines retired a month while an hour costs more to run than it earns", source="own assumption: owners clear a hall within a year")
    # fmt: on


@dataclass
class Power(Guarded):
    """Power of all providers' sites."""

    powered_gw: float = 0.0  # in use, or being built for machines on order
    used_gw: float = 0.0


class Fleet(NamedTuple):
    """Generations in the order of launch, per H100e, and when they reach the market (months from the run's first)."""

    names: tuple[str, ...]
    launched: NDArray[np.int64]
    h100e_per_chip: Array
    watts: Array
    hbm_bytes: Array
    bytes_per_s: Array
    unit_price_index: Array  # purchase price per H100e over that of the H100


def generations(start: str, months: int, p: PhysicalParams) -> Fleet:
    """Return all generations that launch before the run ends, Eq. P.1.

    Beyond the last launched one, a generation follows every ``generation_months`` with the declared yearly trends.

    Parameters
    ----------
    start : str
        First month, 'YYYY-MM'.
    months : int
    p : PhysicalParams

    >>> generations("2022-01", 168, PhysicalParams()).names[:5]
    ('V100', 'A100', 'H100', 'B200', 'G5')
    """
    rows = list(OBSERVED)
    launched = [month_index(g.launched, start) for g in rows]
    years = p.generation_months / 12.0
    while launched[-1] + p.generation_months < months:
        last = rows[-1]
        speed = p.chip_performance_growth**years
        rows.append(
            Generation(
                f"G{len(rows) + 1}",
                "",
                last.flop_per_s * speed,
                last.watts * speed / p.energy_efficiency_growth**years,
                last.hbm_bytes * p.bandwidth_growth**years,
                last.bytes_per_s * p.bandwidth_growth**years,
                last.price_usd * speed / p.price_performance_growth**years,
            )
        )
        launched.append(launched[-1] + p.generation_months)
    size = np.array([g.flop_per_s for g in rows]) / H100_FLOP_PER_S
    column = {
        name: np.array([getattr(g, name) for g in rows]) / size
        for name in ("watts", "hbm_bytes", "bytes_per_s", "price_usd")
    }
    reference = OBSERVED[2].price_usd / (OBSERVED[2].flop_per_s / H100_FLOP_PER_S)
    return Fleet(
        tuple(g.name for g in rows),
        np.array(launched),
        size,
        column["watts"],
        column["hbm_bytes"],
        column["bytes_per_s"],
        column["price_usd"] / reference,
    )


def mix(month: int, launched: NDArray[np.int64], ramp_months: float = 9.0) -> Array:
    """Return the share of each generation in this month's production, Eq. P.2: the newest replaces the last over a ramp.

    >>> mix(20, np.array([-50, 8]), 9.0).tolist()
    [0.0, 1.0]
    """
    reached = np.clip((month - launched) / ramp_months, 0.0, 1.0)
    after = np.append(reached[1:], 0.0)
    return np.asarray(reached * (1.0 - after) * _later_absent(reached))


def _later_absent(reached: Array) -> Array:
    """Product over later-than-next generations of (1 - reached): older ones are gone once two newer are out."""
    out = np.ones_like(reached)
    for v in range(reached.size):
        for later in range(v + 2, reached.size):
            out[v] *= 1.0 - reached[later]
    return out


def survival(age_months: Array, p: PhysicalParams) -> Array:
    """Return the share of a cohort that lives through this month, by its age, Eq. P.3 (Weibull).

    >>> bool(survival(np.array([0.0]), PhysicalParams())[0] > 0.999)
    True
    """
    cumulative = (np.maximum(age_months, 0.0) / p.life_months) ** p.life_shape
    following = (np.maximum(age_months + 1.0, 0.0) / p.life_months) ** p.life_shape
    return np.asarray(np.exp(cumulative - following))


def kept(age_months: Array, running_usd_per_h: Array, price_usd_per_h: float, p: PhysicalParams) -> Array:
    """Return the share of a cohort that stays through this month, Eq. P.7: it lives, and is worth running.

    Parameters
    ----------
    age_months : (M,) float
    running_usd_per_h : (M,) float
        Electricity and upkeep of an H100e-hour of each cohort.
    price_usd_per_h : float
        Contract price.
    p : PhysicalParams

    >>> kept(np.zeros(2), np.array([0.1, 0.3]), 0.2, PhysicalParams(scrap_share_per_month=0.5)).round(3).tolist()
    [1.0, 0.5]
    """
    return survival(age_months, p) * np.where(running_usd_per_h > price_usd_per_h, 1.0 - p.scrap_share_per_month, 1.0)


def facility_watts(chip_watts: Array, p: PhysicalParams) -> Array:
    """Return facility power per H100e at work, Eq. P.4: chip x server factor x PUE x load."""
    return chip_watts * (p.server_power_factor * p.pue * p.load_factor)


def energy_kwh(used_hours: Array, capacity_hours: Array, watts: Array, p: PhysicalParams) -> Array:
    """Return electricity of a month, Eq. P.5: machines at work, and idle ones at a share of it.

    Parameters
    ----------
    used_hours, capacity_hours : (P,) float, H100e-hours
    watts : (P,) float
        Facility power per H100e at work.
    p : PhysicalParams

    >>> float(energy_kwh(np.array([10.0]), np.array([10.0]), np.array([1000.0]), PhysicalParams())[0])
    10.0
    """
    return np.asarray((used_hours + p.idle_power_share * (capacity_hours - used_hours)) * watts / 1000.0)


def capacity_hours(stock_h100e: Array, p: PhysicalParams) -> Array:
    """Return H100e-hours a month of a stock, Eq. P.6."""
    return stock_h100e * (HOURS_PER_MONTH * p.availability)


def upkeep_usd_per_h(watts: Array | float, usd_per_w_year: float, p: PhysicalParams) -> Any:
    """Return staff, repairs and network of an H100e-hour of machines, Eq. P.9.

    Parameters
    ----------
    watts : float
        Facility power per H100e at work.
    usd_per_w_year : float
        Upkeep a year per watt of servers.
    p : PhysicalParams

    >>> round(float(upkeep_usd_per_h(900.0, 8.76, PhysicalParams(pue=1.2, load_factor=0.75))), 6)
    1.0
    """
    return usd_per_w_year * watts / (p.pue * p.load_factor) / HOURS_PER_YEAR


def class_load(serving: NDArray[np.bool_], p: PhysicalParams) -> Array:
    """Return the power that each class of work draws over a machine's mean power at work, Eq. P.8.

    >>> class_load(np.array([True, False]), PhysicalParams(load_factor=0.8, serving_load_factor=0.6)).round(6).tolist()
    [0.75, 1.0]
    """
    return np.where(serving, p.serving_load_factor / p.load_factor, 1.0)

"""A regulator that taxes training hours and pays the money back to people: a kind of agent in one file.

Named as a plug-in it is in everything: ``economy run --plugin examples.regulator --set regulator.tax_usd_per_h100e_hour=1`` in a
checkout, ``InferenceEconomy(plugins=["examples.regulator"])``, sweeps, scenario files. `docs/extending.md` explains the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import altair as alt
import numpy as np

from experiments.figures import figure
from model.core.additions import Kind
from model.core.params import Params, param
from model.core.steps import Step, Steps
from model.core.table import Column, Row, Table
from model.core.units import LAB_USES, fmt
from model.results.record import Series
from model.results.tables import ResultTable
from model.world import World


@dataclass(frozen=True, kw_only=True)
class RegulatorParams(Params):
    """What the regulator asks for."""

    section: ClassVar[str] = "regulator"

    # fmt: off
    tax_usd_per_h100e_hour: float = param(0.2, "USD/h", 0, 10, doc="tax on an hour of research and development that a lab was given", source="own assumption: a tenth of the price of an hour in 2024")
    rebate_share: float =           param(0.5, "-"    , 0,  1, doc="share of its money that it pays back to people each month",       source="own assumption: half at once, the rest later")
    # fmt: on


class Regulators(Table):
    """The regulator (one row)."""

    cash_usd = Column("f8", "USD", "money it holds")
    tax_usd = Column("f8", "USD", "tax of the last month")
    taxed_hours = Column("f8", "h", "H100e-hours taxed in the last month")


class Regulator(Row, table=Regulators):
    """The regulator as a Mesa agent."""


def opening(e: World) -> Regulators:
    """Return the table at the opening: one regulator without money."""
    return Regulators(1)


def tax(e: World, f: Any) -> None:
    """Labs pay for each hour of research that they were given, as far as their cash goes; the regulator pays back a share."""
    p, own = e.params.regulator, e.regulators
    hours = (f.research_hours * f.fill[None, LAB_USES]).sum(axis=1)  # by lab
    usd = np.minimum(p.tax_usd_per_h100e_hour * hours, np.maximum(e.labs.cash_usd, 0.0))
    e.labs.cash_usd -= usd
    own.tax_usd[0], own.taxed_hours[0] = usd.sum(), hours.sum()
    back = p.rebate_share * float(own.cash_usd[0] + own.tax_usd[0])
    own.cash_usd[0] += own.tax_usd[0] - back
    e.ledger.pay("labs", "regulator", "tax on training hours", float(usd.sum()))
    e.ledger.pay("regulator", "humans", "rebate of the tax", back)


def story(e: World, last: Any, i: int) -> tuple[str, list[str], dict[str, float]]:
    """Return title, sentences and numbers of the regulator's account."""
    own = e.regulators
    numbers = {name: float(getattr(own, name)[i]) for name in ("cash_usd", "tax_usd", "taxed_hours")}
    asks = fmt(e.params.regulator.tax_usd_per_h100e_hour, "USD")
    said = f"Asks {asks} an hour of research; took {fmt(numbers['tax_usd'], 'USD')} for {fmt(numbers['taxed_hours'], 'h')}."
    return "Regulator", [said], numbers


KIND = Kind("regulators", Regulator, opening, RegulatorParams, sector="regulator", story=story)

SERIES = [
    Series("training_tax_usd", "USD", "tax on training hours", lambda x: float(x.e.regulators.tax_usd[0])),
    Series("training_tax_share", "-", "tax over R&D of labs", lambda x: float(x.e.regulators.tax_usd[0]) / x.rd_usd),
]

TABLES = [
    ResultTable(
        "regulator",
        {"cash_usd": ("USD", "money at the end"), "taxed_hours": ("h", "H100e-hours taxed in the last month")},
        lambda e, r: [{name: float(getattr(e.regulators, name)[0]) for name in ("cash_usd", "taxed_hours")}],
    )
]


def steps(month: Steps) -> Steps:
    """Return the month with the tax after all other payments."""
    return month.after("pay", Step("tax", tax, changes=("labs", "regulators", "ledger")))


@figure("tax on training", ["monthly"], after="labs")
def training_tax(monthly: Any) -> alt.Chart:
    """Draw the tax by month and seed."""
    chart = alt.Chart(monthly, title="Tax on training hours, USD a month")
    return chart.mark_line().encode(alt.X("month:T"), alt.Y("training_tax_usd:Q"), alt.Detail("seed:N"))

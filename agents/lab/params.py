"""Parameters of labs, and the labs of the opening."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agents.lab.forecasts import FORECASTERS
from agents.lab.rules import RULES
from model.core.params import Params, param


@dataclass(frozen=True, kw_only=True)
class LabParams(Params):
    """How labs decide."""

    section: ClassVar[str] = "lab"

    # fmt: off
    seed_market_usd_per_year: float =      param( 7.0e9, "USD/year",   1e8,  2e10, scale="log", dynamic=False,                                          doc="revenue that labs and their investors expected before products existed, all labs together",          source="own assumption: with eta m G at the opening it supports the research of 2022, some 3e9 USD")
    growth_prior_per_month: float =        param(  0.09, "1/month" ,   0.0,  0.15, dynamic=False,                                                       doc="growth of revenue expected at the opening",                                                          source="own assumption: threefold a year, as openai_arr of the observations 2023-24")
    growth_learning_per_month: float =     param(  0.06, "1/month" , 0.005,   0.5,                                                                      doc="speed at which expected growth follows realised growth",                                             source="own assumption: about a year and a half of memory")
    growth_max_per_month: float =          param(  0.12, "1/month" ,  0.02,  0.25,                                                                      doc="highest growth anyone plans for",                                                                    source="own assumption: fourfold a year, openai_arr 2023-24 tripled")
    life_months: float =                   param(  36.0, "month"   ,     6,    60,                                                                      doc="months ahead for which labs credit research with what it earns",                                      source="own assumption: three years, as plans of boards (belief.horizon_years); the advantage fades before")
    lead_months: float =                   param(   7.0, "month"   ,     1,    24,                                                                      doc="months from research to the first sales it earns",                                                   source="own assumption: half a release cycle of nine months and a quarter of tests")
    discount_per_year: float =             param(  0.20, "1/year"  ,  0.05,   0.6,                                                                      doc="discount rate of labs",                                                                              source="own assumption: venture cost of capital")
    quality_coefficient: float =           param(   1.66, "-"       ,   0.0,     4, fit=True,                                                            doc="buyers' capability coefficient: log-odds of choosing a net per unit of ln horizon",                  source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: log-sd .5 around the value declared before the fit; better nets keep most spending at 10-30 times the price of the next")
    budget_speed_per_month: float =        param(  0.15, "1/month" ,  0.02,     1,                                                                      doc="share of the log gap to the wanted budget closed in a month",                                        source="own assumption: hiring and contracts take half a year")
    budget_growth_max_per_month: float =   param(  0.12, "1/month" ,  0.01,   0.3,                                                                      doc="fastest growth of a research budget",                                                                source="own assumption: fourfold a year")
    compute_share_of_rd: float =           param(  0.65, "-"       ,   0.3,  0.95,                                                                      doc="share of research spending that buys compute; the rest is staff and data",                           source="observations openai_rd_compute_spend: 5 bn of about 7-8 bn USD in 2024")
    equity_share_per_year: float =         param(  0.12, "1/year"  ,     0,   0.4,                                                                      doc="equity placed in a lab in a year over what the lab is worth to investors",                           source="own assumption: shares of 7 to 14 % were sold a round, funds of .06 to .20 of the value a year")
    valuation_discount_per_year: float =   param(  0.15, "1/year"  ,  0.05,   0.4,                                                                      doc="rate at which investors discount and capitalise expected profit",                                    source="own assumption: 12 to 20 % for young firms")
    valuation_years: float =               param(   3.0, "year"    ,     0,    10,                                                                      doc="years ahead at which investors judge the market",                                                    source="own assumption: rounds of 2025 were priced on plans for 2028")
    rent_hazard_per_year: float =          param(  0.10, "1/year"  ,     0,   0.4,                                                                      doc="hazard at which a house loses rents to AI once all work at a screen is within reach",                source="own assumption: .03 (.01 to .09) at the horizon of 2025, when about a third of work is within reach; search still grew then")
    rent_defended_share: float =           param(   0.6, "-"       ,     0,     1,                                                                      doc="part of rents at stake that a house keeps by matching the frontier",                                 source="own assumption: .3 to .9; gilbert1982 for the motive")
    runway_months: float =                 param(   9.0, "month"   ,     1,    36,                                                                      doc="months of spending a lab wants in cash",                                                             source="own assumption: cash to the next financing round")
    parent_rd_share_max: float =           param(  0.25, "-"       ,     0,     1,                                                                      doc="largest share of parents' cash for research at their labs",                                          source="own assumption: research and development over operating cash")
    contracted_share: float =              param(   0.4, "-"       ,     0,   0.9,                                                                      doc="part of the hours it plans to use for which a lab signs take-or-pay contracts",                      source="own assumption: most of labs' hours are contracted, half of a headline sum is firm")
    contract_months: float =               param(  48.0, "month"   ,     6,   120,                                                                      doc="mean life of a take-or-pay contract",                                                                source="own assumption: four to five years at neoclouds in 2025")
    automation_share_max: float =          param(   0.5, "-"       ,     0,  0.95,                                                                      doc="part of the work on experiments that agents do once they succeed at research tasks",                 source="own assumption: half, as ideas and choices of experiments stay with people; ai2027 assumes more")
    research_task_minutes: float =         param( 960.0, "min"     ,    60, 20000, scale="log",                                                         doc="length of a research task that agents could take over",                                              source="own assumption: two working days")
    small_share: float =                   param( 0.030, "-"       , 0.005,   0.3, scale="log",                                                         doc="share of final-run compute for small nets",                                                          source="own assumption: size ratio of released pairs")
    run_growth_max: float =                param(   5.0, "-"       ,     2,    20,                                                                      doc="largest step of a lab's run over its last one",                                                      source="epoch2024: 4-5 times a year; own assumption: one step is bounded a little above a year's growth")
    cycle_months: float =                  param(   8.0, "month"   ,     3,    18,                                                                      doc="months of compute that go into one frontier net",                                                    source="own assumption: known releases of one lab lie 4 to 18 months apart")
    cycle_spread: float =                  param(   0.3, "-"       ,     0,   0.8,                                                                      doc="half-width of the uniform spread of the cycle over its mean",                                        source="own assumption: dates of releases differ by about a third of the cycle")
    planning_months: float =               param(  12.0, "month"   ,     6,    48,                                                                      doc="months over which lifetime tokens are forecast when sizing a net",                                   source="own assumption: nets stay on price lists about a year")
    price_coefficient: float =             param(   2.32, "-"       ,   1.2,     8, fit=True,                                                          doc="log-odds of choosing a net per unit of ln price: sets the markup of monopolistic competition",       source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: markups of 2 to 3 on the cost of hours for shares of .1 to .3; nber2025intelligence for substitution")
    price_speed_per_month: float =         param(  0.25, "1/month" ,  0.02,     1,                                                                      doc="share of the log gap to the wanted price closed in a month",                                         source="own assumption: list prices are revised twice a year")
    pricing_months: float =                param(   19.3, "month"   ,     0,    36, fit=True,                                                            doc="months ahead at whose expected serving cost labs set list prices; 0: at the cost of today",          source="fitted to observations to 2025-11, fitted.csv; prior: spence1981: with learning by doing the cost at the end of the horizon counts; own assumption: a year, as planning_months")
    vendor_equity_share: float =           param(  0.05, "-"       ,     0,   0.5,                                                                      doc="share of the chip supplier's monthly surplus that it invests in labs that buy its hours",            source="own assumption: the order of the deals that chip vendors announced up to 2025")
    payout_per_month: float =              param(   0.2, "1/month" ,     0,     1,                                                                      doc="share of cash above twice the runway paid out to owners each month",                                 source="own assumption: idle cash is returned within about half a year")
    failure_months: float =                param(   3.0, "month"   ,   0.5,    24,                                                                      doc="months of research spending by which cash may be negative until the lab fails",                      source="own assumption: as long as suppliers give credit")
    entrant_share: float =                 param(  0.05, "-"       , 0.001,     1,                                                                      doc="research budget of an entrant over the mean of all labs; below a hundredth of it a lab gives up",    source="own assumption: the first rounds of new labs against the budgets of the established")
    self_hosting_markup: float =           param(   1.6, "-"       ,     1,     5,                                                                      doc="cost of hosting open weights oneself over the cost at scale: caps prices",                           source="own assumption: who hosts alone serves small batches")
    ceiling_quality: float =               param(   1.0, "-"       ,     0,     3,                                                                      doc="exponent of the horizon ratio in what buyers pay above open weights",                                source="own assumption: buyers pay in proportion to the horizon")
    automation_gain: float =               param(   1.0, "-"       ,     0,    10,                                                                      doc="factor on experiments when agents succeed at all research tasks and get an equal budget",            source="own assumption: equal budgets are worth the same at full success; ai2027 assumes more")
    # fmt: on


@dataclass(frozen=True, kw_only=True)
class LabFirm(Params):
    """One lab of the opening."""

    section: ClassVar[str] = "lab"

    # fmt: off
    kind: str =               param("independent", "-", choices=("independent", "integrated", "open"), dynamic=False, doc="independent, integrated with a parent, or open-weight",                                                  source="own assumption: the market's structure in 2022")
    rd_usd_per_month: float = param( 2.0e7, "USD/month",  1e5,  1e9, scale="log", dynamic=False,                      doc="research spending at the opening",                                                                       source="observations openai_rd_compute_spend; own assumption: carried back to about 3e9 USD a year world-wide in 2022")
    run_flop: float =         param(5.0e23, "FLOP"     , 1e22, 1e25, scale="log", dynamic=False,                      doc="frontier net's training compute at the opening",                                                         source="observations train_compute_frontier 2020-22")
    rents_usd_per_year: float = param(0.0, "USD/year"  ,    0, 5e11, dynamic=False,                                   doc="operating income of the house that AI could put at stake",                                               source="own assumption: operating income reported for 2024 by a house of search and cloud, one of social networks, one of commerce; 0 for labs without a house")
    parent_share: float =     param(   0.0, "-"        ,    0,    1, dynamic=False,                                   doc="share of parents' cash this lab can draw on",                                                            source="by definition 0 for an independent lab; integrated firms state theirs")
    rule: str =               param("profit", "-", choices=RULES,                                                     doc="investment rule; erdil, revenue_share and schedule prescribe the split and are not for the baseline",    source="own assumption: firms spend until it stops paying; erdil2024, villalobos2023 and ai2027 are behind other rules")
    forecaster: str =         param("adaptive", "-", choices=FORECASTERS,                                             doc="how lifetime tokens are forecast; perfect knows those of an earlier pass of the same seed, a benchmark", source="own assumption: firms learn from what they sold; the others are benchmarks")
    # fmt: on


#: The opening's labs.
FIRMS: dict[str, LabFirm] = {
    "lab_a": LabFirm(rd_usd_per_month=5.0e7, run_flop=1.0e24),
    "lab_b": LabFirm(rd_usd_per_month=2.5e7, run_flop=4.0e23),
    "lab_c": LabFirm(rd_usd_per_month=1.5e7, run_flop=2.0e23),
    "lab_d": LabFirm(
        kind="integrated", rd_usd_per_month=7.0e7, run_flop=2.0e24, parent_share=0.30, rents_usd_per_year=1.1e11
    ),
    "lab_e": LabFirm(
        kind="open", rd_usd_per_month=4.0e7, run_flop=4.0e23, parent_share=0.20, rents_usd_per_year=8.7e10
    ),
    "lab_f": LabFirm(
        kind="open", rd_usd_per_month=2.5e7, run_flop=4.0e23, parent_share=0.05, rents_usd_per_year=2.0e10
    ),
    "lab_g": LabFirm(kind="open", rd_usd_per_month=1.0e7, run_flop=1.0e23),
    "lab_h": LabFirm(rd_usd_per_month=1.2e7, run_flop=3.0e23, parent_share=0.05),
}
#: What they were called before version 0.2, letters of the model's elasticities: understood with a warning for this version.
FORMER: dict[str, str] = dict(
    zip(("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"), FIRMS, strict=True)
)

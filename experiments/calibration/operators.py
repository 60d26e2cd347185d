"""How each scored series is seen in the model: one function a series, giving the model's value in the unit of the observation.

This is where comparisons of models with data go wrong unseen, so each function says whose number it is and what stands for it.
Shares of a part in a whole (ChatGPT in assistants, Google in tokens) are fixed here with their source; none is fitted. Those of
tokens come from rows of the first half of 2024 alone: Google 9.7e12 a month (2024-04), Microsoft Foundry 20e12 a quarter (2024-03),
OpenAI 4e12 a month (2024-02), China 3.3e12 a month (2024-01, 2024-05), together 24e12.

Functions return numerator and denominator as expressions over the columns of `observed.wide`; flows are added over `span` months.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from experiments.calibration.observed import (
    AI_SHARE_OF_CAPEX,
    BIG_FOUR_SHARE,
    CHATGPT_SHARE,
    DAYS,
    DIGITAL_SHARE,
    NVIDIA_SHARE,
)

GOOGLE_TOKENS = 0.41
FOUNDRY_TOKENS = 0.28
CHINA_TOKENS = 0.14
DOUBAO_TOKENS = 0.14  # Doubao of 2024-05 is all of what is seen of China
LEADING_LAB_RD_SHARE = (
    0.185  # 5e9 of 27e9 USD in 2024 (observations openai_rd_compute_spend; the sum is an own estimate)
)
CARD_SHARE = 0.63  # of a machine with its site: 34.6 of 55 and 26.3 of 42 thousand USD, own estimates
ROBOTAXI_SHARE = (
    0.08  # 778 cars (observations robotaxi_waymo_fleet) of 1e4 robots with learned policies in 2024 (own assumption)
)
RIDES_PER_CAR = 100_000 / 778  # a week, 2024-08
AI_SHARE_LATER = AI_SHARE_OF_CAPEX[2024]  # of the big four's capex from 2024 on, and .45 before

_ = pl.col
Parts = tuple[pl.Expr, pl.Expr | None]


class Operator(NamedTuple):
    """An observation operator: `parts` over `span` months; `records` for series that only ever rise."""

    name: str
    parts: Callable[[], Parts]
    span: int
    records: bool

    @property
    def meaning(self) -> str:
        """Return what stands for the series, in words."""
        words = " ".join((self.parts.__doc__ or "").split()).removeprefix("Return ")
        return words[:1].upper() + words[1:]


OPERATORS: dict[str, Operator] = {}


def operator(span: int = 1, records: bool = False) -> Callable[[Callable[[], Parts]], Callable[[], Parts]]:
    """Register a function as an operator over so many months (1 a level or a month's flow, 3 a quarter, 12 a year)."""

    def add(parts: Callable[[], Parts]) -> Callable[[], Parts]:
        OPERATORS[parts.__name__] = Operator(parts.__name__, parts, span, records)
        return parts

    return add


def seen(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what an observer of the model sees: seed, month and a column an operator, in the units of the observations.

    Parameters
    ----------
    rows : polars.DataFrame
        As `observed.wide` returns it.
    """

    def total(x: pl.Expr, span: int) -> pl.Expr:
        x = x.cast(pl.Float64)
        return x.rolling_sum(span).over("seed", order_by="month") if span > 1 else x

    columns = []
    for name, op in OPERATORS.items():
        above, below = op.parts()
        value = total(above, op.span)
        if below is not None:
            value = value / total(below, op.span)
        columns.append(value.alias(name))
    return rows.select("seed", "month", *columns)


@operator()
def chips_sold() -> Parts:
    """Sold, not installed: H100e delivered since the opening of 2022-01, old ones not taken off."""
    return _("chips_sold_cumulative_h100e"), None


@operator()
def chips_sold_nvidia() -> Parts:
    """80 % of what was delivered since the opening; other designers have the rest (own assumption)."""
    return NVIDIA_SHARE * _("chips_sold_cumulative_h100e"), None


@operator()
def chips_installed_nvidia() -> Parts:
    """Installed, not sold: 80 % of the machines in service, those of before 2022 too, retired ones not."""
    return NVIDIA_SHARE * _("installed_h100e"), None


@operator()
def rent() -> Parts:
    """Return the mean contract price of an H100e-hour over all providers."""
    return _("price_usd_per_h100e_hour"), None


@operator(span=12)
def card_price() -> Parts:
    """Return the card's 63 % of a machine with its share of the data centre, mean of the year, per H100e of the newest generation."""
    return CARD_SHARE * _("machine_usd_per_h100e"), 0.0 * _("humans") + 1.0


@operator()
def price_frontier_input() -> Parts:
    """List price of fresh input of frontier nets, weighted by use; the observation is one flagship's."""
    return _("price_frontier_usd_per_mtoken"), None


@operator()
def price_frontier_output() -> Parts:
    """Five times the input's, the model's fixed ratio."""
    return 5.0 * _("price_frontier_usd_per_mtoken"), None


@operator()
def price_small_input() -> Parts:
    """List price of fresh input of small nets, weighted by use."""
    return _("price_small_usd_per_mtoken"), None


@operator()
def chatgpt_weekly_users() -> Parts:
    """Return weekly users of ChatGPT: 65 % of the people who use any assistant (own assumption)."""
    return CHATGPT_SHARE * _("adopters"), None


@operator()
def share_of_people() -> Parts:
    """People who use an assistant among people online; telemetry counts those of working age."""
    return _("adopters"), _("humans")


@operator()
def share_of_work_hours() -> Parts:
    """Work minutes with an assistant over all work minutes; work handed to agents is in neither."""
    return _("minutes_assistant_work"), _("minutes_own_work") + _("minutes_assistant_work")


@operator()
def chatgpt_messages() -> Parts:
    """65 % of the calls people's assistants make of nets in a day; a message is a call."""
    return CHATGPT_SHARE / DAYS * _("calls_of_assistant"), None


@operator()
def tokens_google() -> Parts:
    """Google's tokens: 41 % of all tokens served in the month, input and output, by whomever (first half of 2024)."""
    return GOOGLE_TOKENS * _("tokens"), None


@operator()
def tokens_china() -> Parts:
    """China's tokens: 14 % of all, a day (first half of 2024)."""
    return CHINA_TOKENS / DAYS * _("tokens"), None


@operator()
def tokens_doubao() -> Parts:
    """One Chinese firm's tokens: 14 % of all, a day; at its start it was all that is seen of China."""
    return DOUBAO_TOKENS / DAYS * _("tokens"), None


@operator(span=3)
def tokens_foundry() -> Parts:
    """One cloud's tokens: 28 % of all, a quarter (first half of 2024)."""
    return FOUNDRY_TOKENS * _("tokens"), None


@operator()
def task_horizon() -> Parts:
    """50 % horizon of the best released net with the thinking its agents' users pay for."""
    return _("task_horizon_minutes"), None


@operator(records=True)
def largest_run() -> Parts:
    """Operations of the largest run released so far; observed runs below the record of their time are left out."""
    return _("frontier_training_flop"), None


@operator(span=3)
def nvidia_revenue() -> Parts:
    """80 % of what providers paid for chips in the quarter, deposits and deliveries, in billions."""
    return NVIDIA_SHARE / 1e9 * _("chips_paid_usd"), None


@operator(span=12)
def capex_big_four() -> Parts:
    """Return the big four's capex in billions: 76 % of the model's AI capex over AI's share of theirs (.45 before 2024, then .6)."""
    share = pl.when(_("month").dt.year() < 2024).then(AI_SHARE_OF_CAPEX[2023]).otherwise(AI_SHARE_LATER)
    return BIG_FOUR_SHARE / 1e9 * _("capex_usd") / share, None


@operator()
def openai_revenue() -> Parts:
    """Run-rate in billions: 65 %, ChatGPT's share of users, of twelve times what people pay for assistants and agents in the month."""
    return CHATGPT_SHARE * 12.0 / 1e9 * _("people_paid_usd"), None


@operator(span=12)
def digital_advertising() -> Parts:
    """All advertising in billions: what advertisers pay in the model, the digital 73 % of it."""
    return _("ad_spend_usd") / (DIGITAL_SHARE * 1e9), None


@operator(span=12)
def serving_share_of_spending() -> Parts:
    """Return serving over serving and R&D compute, USD of twelve months, all labs; the observation is one lab's."""
    return _("serving_usd"), _("serving_usd") + _("research_usd")


@operator(span=12)
def rd_compute_of_leading_lab() -> Parts:
    """R&D compute, USD of twelve months: 18.5 % of all labs', as one lab's 5e9 of 27e9 USD in 2024 (own assumption: fixed)."""
    return LEADING_LAB_RD_SHARE * _("research_usd"), None


@operator(span=12)
def inference_share_of_all() -> Parts:
    """Return serving, ranking and half of other AI over all accelerator-hours of data centres, twelve months."""
    return _("inference_share_all_ai") * _("all_ai_hours"), _("all_ai_hours")


@operator(span=12)
def final_run_share() -> Parts:
    """Return final runs over all R&D compute, USD of twelve months, all labs."""
    return _("final_run_usd"), _("research_usd")


@operator()
def reasoning_share() -> Parts:
    """Tokens served by nets that think over all tokens; the observation is of developers' calls."""
    return _("tokens_reasoning_models"), _("tokens")


@operator()
def robotaxi_fleet() -> Parts:
    """One maker's cars: 8 % of robots with learned policies in service."""
    return ROBOTAXI_SHARE * _("robots"), None


@operator()
def robotaxi_rides() -> Parts:
    """Return the same cars at 129 rides a week each."""
    return ROBOTAXI_SHARE * RIDES_PER_CAR * _("robots"), None


@operator(span=12)
def robots_bought() -> Parts:
    """Robots with learned policies bought in the year; the observation counts humanoids."""
    return _("robots_bought"), None

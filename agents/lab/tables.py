"""Labs and their nets as tables, and a training run under way."""

from __future__ import annotations

from typing import NamedTuple

from model.core.table import Column, Row, Table


class Labs(Table):
    """One row per lab."""

    open_weights = Column("bool", "-", "publishes its weights")
    parent_share = Column("f8", "-", "share of parents' cash it can draw on")
    cash_usd = Column("f8", "USD", "money")
    investor_equity_usd = Column("f8", "USD", "investors' equity at book")
    parent_equity_usd = Column("f8", "USD", "parents' equity at book")
    vendor_equity_usd = Column("f8", "USD", "the chip supplier's equity at book")
    revenue_usd = Column("f8", "USD/month", "token revenue, smoothed over a quarter")
    serving_usd = Column("f8", "USD/month", "cost of serving, smoothed over a quarter")
    expected_growth = Column("f8", "1/month", "expected growth of revenue")
    market_growth = Column("f8", "1/month", "expected growth of the market over the life of research")
    rents_kept_share = Column("f8", "-", "rents of its house that are left", 1.0)
    take_or_pay_hours = Column("f8", "h/month", "hours under take-or-pay contracts")
    take_or_pay_usd_per_h = Column("f8", "USD/h", "mean price of them")
    last_revenue_usd = Column("f8", "USD/month", "smoothed revenue a month ago")
    rd_usd = Column("f8", "USD/month", "research budget")
    wanted_rd_usd = Column("f8", "USD/month", "research budget that its rule wants")
    eta = Column("f8", "-", "elasticity of gross profit to effective compute")
    growth_factor = Column("f8", "-", "G: expected discounted growth of profit over the life of research")
    log_algorithms = Column("f8", "-", "ln algorithmic efficiency over the opening's")
    synthetic_flop = Column("f8", "FLOP", "accumulated synthetic-data compute")
    decode_gain = Column("f8", "-", "decode throughput of its architecture over a plain one", 1.0)
    architecture_share = Column("f8", "-", "share of experiments given to architectures that serve cheaply")
    run_target_flop = Column("f8", "FLOP", "compute at which the frontier run is finished")
    run_done_flop = Column("f8", "FLOP", "compute done")
    run_parameters = Column("f8", "parameters", "size of the frontier run")
    run_tokens = Column("f8", "token", "tokens of the frontier run")
    run_planned_tokens = Column("f8", "token", "forecast lifetime tokens of the frontier run")
    run_planned_usd = Column("f8", "USD", "planned lifetime cost of the frontier run")
    small_target_flop = Column("f8", "FLOP", "compute at which the small run is finished")
    small_done_flop = Column("f8", "FLOP", "compute done")
    small_parameters = Column("f8", "parameters", "size of the small run")
    small_tokens = Column("f8", "token", "tokens of the small run")
    small_planned_tokens = Column("f8", "token", "forecast lifetime tokens of the small run")
    small_planned_usd = Column("f8", "USD", "planned lifetime cost of the small run")
    rollout_flop = Column("f8", "FLOP", "roll-out compute that taught, since the last frontier release")
    research_paid_usd = Column("f8", "USD", "paid for research, staff included, since the last frontier release")


class Lab(Row, table=Labs):
    """A lab as a Mesa agent."""

    @property
    def name(self) -> str:
        """Name of the firm."""
        return self._name_among("lab_names")


class Nets(Table):
    """Nets on offer: rows 0..L-1 frontier tier, L..2L-1 small tier, in the order of labs."""

    parameters = Column("f8", "parameters", "active parameters")
    training_tokens = Column("f8", "token", "tokens it was trained on")
    training_flop = Column("f8", "FLOP", "pre-training compute")
    effective_flop = Column("f8", "FLOP", "compute times algorithmic efficiency and distillation")
    rollout_flop = Column("f8", "FLOP", "roll-out compute that taught")
    horizon_minutes = Column("f8", "min", "50 % task horizon at tau = 1")
    reasoning = Column("bool", "-", "trained to think")
    decode_gain = Column("f8", "-", "decode throughput over a plain architecture", 1.0)
    price_usd_per_token = Column("f8", "USD/token", "list price of fresh input")
    cost_share = Column("f8", "-", "serving cost over the price its lab aims at", 0.5)
    cap_value = Column("f8", "-", "profit that a price cap higher by a part would add, over revenue")
    released_month = Column("i4", "month", "months from the run's first to its release")
    tokens_month = Column("f8", "token/month", "tokens served last month")
    tokens_growth = Column("f8", "1/month", "expected growth of its tier's tokens")


class Run(NamedTuple):
    """A planned training run."""

    target_flop: float
    parameters: float
    tokens: float
    planned_tokens: float  # forecast lifetime tokens
    planned_usd: float  # planned lifetime cost


_RUN_COLUMNS = (
    ("run_target_flop", "run_parameters", "run_tokens", "run_planned_tokens", "run_planned_usd"),
    ("small_target_flop", "small_parameters", "small_tokens", "small_planned_tokens", "small_planned_usd"),
)


def run_of(labs: Labs, i: int, tier: int) -> Run:
    """Return the run of lab `i` in a tier (0 frontier, 1 small)."""
    return Run(*(float(getattr(labs, name)[i]) for name in _RUN_COLUMNS[tier]))


def set_run(labs: Labs, i: int, tier: int, run: Run) -> None:
    """Change `labs`: plan the run of lab `i` in a tier."""
    for name, value in zip(_RUN_COLUMNS[tier], run, strict=True):
        getattr(labs, name)[i] = value

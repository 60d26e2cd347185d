"""Monthly flows: declared shape and unit, written once, read-only afterwards."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Flow:
    """A declared flow: shape letters, unit, meaning."""

    def __init__(self, shape: str, unit: str, meaning: str) -> None:
        """Keep the declaration."""
        self.shape, self.unit, self.meaning = shape, unit, meaning


def flow(shape: str, unit: str, meaning: str) -> Any:
    """Declare a flow as a class attribute: shape letters ("" for a number), unit, meaning."""
    return Flow(shape, unit, meaning)


class Flows:
    """Base of write-once flows; subclasses declare `Flow` class attributes.

    >>> class Toy(Flows):
    ...     hours = flow("P", "h", "hours")
    >>> toy = Toy({"P": 2})
    >>> toy.hours = [1.0, 2.0]
    >>> toy.hours.sum()
    np.float64(3.0)
    """

    declared: ClassVar[dict[str, Flow]] = {}
    _sizes: dict[str, int]

    def __init_subclass__(cls) -> None:
        """Collect the declarations."""
        cls.declared = {**cls.declared, **{k: v for k, v in vars(cls).items() if isinstance(v, Flow)}}
        for name in cls.declared:
            if name in vars(cls):
                delattr(cls, name)

    def __init__(self, sizes: dict[str, int]) -> None:
        """Keep the size of each shape letter."""
        object.__setattr__(self, "_sizes", sizes)

    def __setattr__(self, name: str, value: Any) -> None:
        """Store a flow once, checked against its declaration."""
        flow = self.declared.get(name)
        if flow is None:
            raise AttributeError(f"flow '{name}' is not declared")
        if name in self.__dict__:
            raise AttributeError(f"flow '{name}' is already written this month")
        array = np.asarray(value, dtype=np.float64)
        expected = tuple(self._sizes[letter] for letter in flow.shape)
        if array.shape != expected:
            raise ValueError(f"flow '{name}' [{flow.unit}]: shape {array.shape}, declared {flow.shape} = {expected}")
        if array.size < 100_000 and not np.isfinite(array).all():
            raise ValueError(f"flow '{name}' [{flow.unit}]: not finite")
        if array.ndim == 0:
            self.__dict__[name] = float(array)
            return
        array = array.view()
        array.flags.writeable = False
        self.__dict__[name] = array


class MonthFlows(Flows):
    """The flows of one month.

    Letters: H humans, G wage segments, K applications, O call-network nodes, L labs, N = 2L nets, P providers, S serving
    classes, T tiers (frontier, small), Q kinds of tokens (fresh, cached, generated), W provider-run classes of work, U all
    classes, X research uses, D blocks of the day, Z services, B buyers of hours (the public, then labs).
    """

    # 1-3 machines, nets, prices
    delivered_h100e: Array = flow("P", "H100e", "machines delivered")
    retired_h100e: Array = flow("P", "H100e", "machines retired")
    capacity_hours: Array = flow("P", "h", "H100e-hours offered")
    contract_usd: Array = flow("P", "USD/h", "posted contract price")
    market_usd: float = flow("", "USD/h", "capacity-weighted contract price")
    block_usd: Array = flow("D", "USD/h", "posted price by block of the day, mean of providers")
    deferrable_share: Array = flow("W", "-", "part of a class that can wait within the day")
    class_price: Array = flow("W", "-", "price of an hour by class over the mean contract price")
    spot_usd: float = flow("", "USD/h", "spot price")
    paid_factor: float = flow("", "-", "price paid over contract, spot hours included")
    token_usd: Array = flow("NQ", "USD/token", "list prices")
    # 4-6 people and their agents
    adopted_share: Array = flow("H", "-", "next adopted share")
    delegating_share: Array = flow("H", "-", "next delegating share")
    assistant_usefulness: Array = flow("H", "-", "share of tasks people would do with an assistant")
    agent_usefulness: Array = flow("H", "-", "share of tasks people would give to agents")
    shadow_usd_per_h: Array = flow("H", "USD/h", "next damped shadow price of attention")
    log_thinking: Array = flow("H", "-", "ln thinking multiplier")
    delegates_wanted: Array = flow("H", "agents", "delegates wanted")
    jobs_wanted: Array = flow("H", "jobs", "standing jobs wanted")
    delegate_fee_usd: Array = flow("H", "USD", "planned surplus fee of delegates")
    standing_fee_usd: Array = flow("H", "USD", "planned surplus fee of standing agents")
    robots_wanted: Array = flow("H", "robots", "robots wanted")
    attention_hours: Array = flow("G", "h", "hours given to applications by segment")
    chat_by_segment: Array = flow("G", "tasks", "assistant tasks of the reference length, frontier tier")
    # 7-9 down the stack
    application_hours: Array = flow("K", "h", "hours by application")
    traffic_calls: Array = flow("O", "calls", "calls by node")
    calls_per_task: float = flow("", "-", "calls per agent task")
    class_calls: Array = flow("S", "calls", "calls by serving class")
    thinking_tokens: float = flow("", "token", "generated tokens that thinking adds")
    examination_tokens: float = flow("", "token", "tokens read to examine candidates")
    device_tokens: float = flow("", "token", "tokens served on users' devices")
    new_tokens: Array = flow("STQ", "token", "tokens issued this month")
    tokens: Array = flow("SNQ", "token", "tokens demanded with last month's queue, by net")
    seconds_per_token: Array = flow("NQ", "s", "accelerator-seconds by net and kind")
    batch: Array = flow("N", "-", "decode batch of a replica")
    work_flop: Array = flow("SN", "FLOP", "operations the demanded tokens need")
    serving_hours: Array = flow("SN", "h", "hours the demanded tokens need")
    research_hours: Array = flow("LX", "h", "research hours demanded, last month's waiting included")
    demand_hours: Array = flow("W", "h", "hours demanded")
    # 10 the market
    fill: Array = flow("W", "-", "share served")
    clearing_usd: Array = flow("D", "USD/h", "prices that would clear the blocks of the day")
    block_hours: Array = flow("WD", "h", "hours served by block of the day")
    served_hours: Array = flow("W", "h", "hours served")
    queued_hours: Array = flow("W", "h", "hours that wait for next month")
    lost_hours: Array = flow("W", "h", "hours that are given up")
    routed_hours: Array = flow("BP", "h", "served hours by buyer and provider")
    served_tokens: Array = flow("SNQ", "token", "tokens served")
    queued_tokens: Array = flow("STQ", "token", "tokens that wait for next month")
    lost_tokens: Array = flow("STQ", "token", "tokens that are dropped")
    research_flop: Array = flow("LX", "FLOP", "research operations performed")
    hours: Array = flow("U", "h", "hours worked by class")
    flop: Array = flow("U", "FLOP", "operations performed by class")
    kwh: Array = flow("U", "kWh", "electricity by class")
    provider_kwh: Array = flow("P", "kWh", "electricity of providers, idle machines included")
    # 11 payments
    usd: Array = flow("U", "USD", "paid for hours by class")
    token_revenue_usd: Array = flow("SN", "USD", "paid for tokens")
    serving_usd: Array = flow("N", "USD", "paid by labs for serving hours, by net")
    research_usd: Array = flow("LX", "USD", "paid by labs for research hours")
    staff_usd: Array = flow("L", "USD", "paid by labs for research staff")
    take_or_pay_usd: Array = flow(
        "L", "USD", "paid by labs under take-or-pay contracts above the market's price, below 0 where it is below"
    )
    provider_revenue_usd: Array = flow("P", "USD", "received by providers for hours")
    ad_usd_per_hour: float = flow("", "USD/h", "price of an attention-hour to advertisers")
    ad_spend_usd: float = flow("", "USD", "spending on human attention")
    invocation_usd: float = flow("", "USD", "price of an invocation by an agent")
    invocation_spend_usd: float = flow("", "USD", "spending on agent attention")
    click_usd: float = flow("", "USD", "price of a click")
    services_value_usd: float = flow("", "USD", "value of clicks and invocations to the services that got them")
    service_custom: Array = flow("Z", "clicks", "clicks and sponsored invocations by service")
    routing_spend_usd: float = flow("", "USD", "skills' spending on orchestrators' lists")
    assistant_usd: float = flow("", "USD", "paid by people for assistants")
    agent_usd: float = flow("", "USD", "paid by people for agents, fees included")
    # 12 births, exits, plans
    agents_born: float = flow("", "agents", "agents born")
    agents_exited: float = flow("", "agents", "agents that left")
    robots_bought: float = flow("", "robots", "robots delivered")
    robots_retired: float = flow("", "robots", "robots retired")
    capex_usd: float = flow("", "USD", "paid for machines and data centres")
    equity_usd: float = flow("", "USD", "equity raised by labs from investors, parents and vendors")

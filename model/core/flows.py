"""Monthly flows: declared shape and unit, written once, read-only afterwards."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np


class Flow:
    """A declared flow: shape letters, unit, meaning."""

    def __init__(self, shape: str, unit: str, meaning: str) -> None:
        """Keep the declaration."""
        self.shape, self.unit, self.meaning = shape, unit, meaning


class Flows:
    """Base of write-once flows; subclasses declare `Flow` class attributes.

    >>> class Toy(Flows):
    ...     hours = Flow("P", "h", "hours")
    >>> toy = Toy({"P": 2})
    >>> toy.hours = [1.0, 2.0]
    >>> toy.hours.sum()
    np.float64(3.0)
    """

    declared: ClassVar[dict[str, Flow]] = {}

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
    classes, X research uses, B buyers of hours (the public, then labs).
    """

    # 1-3 machines, nets, prices
    delivered_h100e = Flow("P", "H100e", "machines delivered")
    retired_h100e = Flow("P", "H100e", "machines retired")
    capacity_hours = Flow("P", "h", "H100e-hours offered")
    contract_usd = Flow("P", "USD/h", "posted contract price")
    market_usd = Flow("", "USD/h", "capacity-weighted contract price")
    spot_usd = Flow("", "USD/h", "spot price")
    paid_factor = Flow("", "-", "price paid over contract, spot hours included")
    token_usd = Flow("NQ", "USD/token", "list prices")
    # 4-6 people and their agents
    adopted_share = Flow("H", "-", "next adopted share")
    delegating_share = Flow("H", "-", "next delegating share")
    assistant_usefulness = Flow("H", "-", "share of tasks people would do with an assistant")
    agent_usefulness = Flow("H", "-", "share of tasks people would give to agents")
    shadow_usd_per_h = Flow("H", "USD/h", "next damped shadow price of attention")
    log_thinking = Flow("H", "-", "ln thinking multiplier")
    delegates_wanted = Flow("H", "agents", "delegates wanted")
    jobs_wanted = Flow("H", "jobs", "standing jobs wanted")
    delegate_fee_usd = Flow("H", "USD", "planned surplus fee of delegates")
    standing_fee_usd = Flow("H", "USD", "planned surplus fee of standing agents")
    robots_wanted = Flow("H", "robots", "robots wanted")
    attention_hours = Flow("G", "h", "hours given to applications by segment")
    chat_by_segment = Flow("G", "tasks", "assistant tasks of the reference length, frontier tier")
    # 7-9 down the stack
    application_hours = Flow("K", "h", "hours by application")
    traffic_calls = Flow("O", "calls", "calls by node")
    calls_per_task = Flow("", "-", "calls per agent task")
    class_calls = Flow("S", "calls", "calls by serving class")
    thinking_tokens = Flow("", "token", "generated tokens that thinking adds")
    examination_tokens = Flow("", "token", "tokens read to examine candidates")
    device_tokens = Flow("", "token", "tokens served on users' devices")
    new_tokens = Flow("STQ", "token", "tokens issued this month")
    tokens = Flow("SNQ", "token", "tokens demanded with last month's queue, by net")
    seconds_per_token = Flow("NQ", "s", "accelerator-seconds by net and kind")
    batch = Flow("N", "-", "decode batch of a replica")
    work_flop = Flow("SN", "FLOP", "operations the demanded tokens need")
    serving_hours = Flow("SN", "h", "hours the demanded tokens need")
    research_hours = Flow("LX", "h", "research hours demanded, last month's waiting included")
    demand_hours = Flow("W", "h", "hours demanded")
    # 10 the market
    fill = Flow("W", "-", "share served")
    clearing_usd = Flow("", "USD/h", "price that would clear the market")
    served_hours = Flow("W", "h", "hours served")
    queued_hours = Flow("W", "h", "hours that wait for next month")
    routed_hours = Flow("BP", "h", "served hours by buyer and provider")
    served_tokens = Flow("SNQ", "token", "tokens served")
    queued_tokens = Flow("STQ", "token", "tokens that wait for next month")
    lost_tokens = Flow("STQ", "token", "tokens that are dropped")
    research_flop = Flow("LX", "FLOP", "research operations performed")
    hours = Flow("U", "h", "hours worked by class")
    flop = Flow("U", "FLOP", "operations performed by class")
    kwh = Flow("U", "kWh", "electricity by class")
    provider_kwh = Flow("P", "kWh", "electricity of providers, idle machines included")
    # 11 payments
    usd = Flow("U", "USD", "paid for hours by class")
    token_revenue_usd = Flow("SN", "USD", "paid for tokens")
    serving_usd = Flow("N", "USD", "paid by labs for serving hours, by net")
    research_usd = Flow("LX", "USD", "paid by labs for research hours")
    staff_usd = Flow("L", "USD", "paid by labs for research staff")
    provider_revenue_usd = Flow("P", "USD", "received by providers for hours")
    ad_usd_per_hour = Flow("", "USD/h", "price of an attention-hour to advertisers")
    ad_spend_usd = Flow("", "USD", "spending on human attention")
    invocation_usd = Flow("", "USD", "price of an invocation by an agent")
    invocation_spend_usd = Flow("", "USD", "spending on agent attention")
    assistant_usd = Flow("", "USD", "paid by people for assistants")
    agent_usd = Flow("", "USD", "paid by people for agents, fees included")
    # 12 births, exits, plans
    agents_born = Flow("", "agents", "agents born")
    agents_exited = Flow("", "agents", "agents that left")
    robots_bought = Flow("", "robots", "robots delivered")
    robots_retired = Flow("", "robots", "robots retired")
    capex_usd = Flow("", "USD", "paid for machines and data centres")
    equity_usd = Flow("", "USD", "equity raised by labs from investors, parents and vendors")

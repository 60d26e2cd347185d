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

    Letters: H humans, G segments, K applications, O call-network nodes, L labs, N = 2L nets, P providers, S serving classes,
    T tiers (frontier, small), Q kinds of tokens (fresh, cached, generated), W provider-run classes of work, U all classes,
    X research uses, B buyers of hours (the public, then labs).
    """

    delivered_h100e = Flow("P", "H100e", "machines delivered")
    retired_h100e = Flow("P", "H100e", "machines retired")
    capacity_hours = Flow("P", "h", "H100e-hours offered")
    contract_usd = Flow("P", "USD/h", "posted contract price")
    market_usd = Flow("", "USD/h", "capacity-weighted contract price")
    token_usd = Flow("NQ", "USD/token", "list prices")
    adopted_share = Flow("H", "-", "next adopted share")
    delegating_share = Flow("H", "-", "next delegating share")
    shadow_usd_per_h = Flow("H", "USD/h", "shadow price of attention")
    log_thinking = Flow("H", "-", "ln thinking multiplier")
    delegates_wanted = Flow("H", "agents", "delegates wanted")
    jobs_wanted = Flow("H", "jobs", "standing jobs wanted")
    delegate_fee_usd = Flow("H", "USD", "planned surplus fee of delegates")
    standing_fee_usd = Flow("H", "USD", "planned surplus fee of standing agents")
    robots_wanted = Flow("H", "robots", "robots wanted")
    agent_tasks_wanted = Flow("H", "tasks", "tasks people would give to agents")
    attention_hours = Flow("G", "h", "hours given to applications by segment")
    application_hours = Flow("K", "h", "hours by application")
    traffic_calls = Flow("O", "calls", "calls by node")
    new_tokens = Flow("STQ", "token", "tokens issued this month")
    tokens = Flow("SNQ", "token", "tokens demanded with last month's queue, by net")
    serving_hours = Flow("SN", "h", "hours they need")
    research_hours = Flow("LX", "h", "research hours demanded")
    demand_hours = Flow("W", "h", "hours demanded")
    fill = Flow("W", "-", "share served")
    clearing_usd = Flow("", "USD/h", "price that would clear the market")
    served_hours = Flow("W", "h", "hours served")
    routed_hours = Flow("BP", "h", "served hours by buyer and provider")
    hours = Flow("U", "h", "hours worked by class")
    flop = Flow("U", "FLOP", "operations performed by class")
    kwh = Flow("U", "kWh", "electricity by class")
    usd = Flow("U", "USD", "paid for hours by class")

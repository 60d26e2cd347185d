"""One month of the economy, in order: the table of contents of the model.

Each step reads last month's realised prices, success and delays, so nothing needs a number that does not exist yet. Flows
are written once and checked for shape (`core/flows.py`). What of the world a step changes stands beside it and is held
(`core/steps.py`). A shock is a dated change of parameters before the month.
"""

from __future__ import annotations

from typing import NamedTuple

from model.core.errors import InputError, shown
from model.core.flows import MonthFlows
from model.core.ledger import MonthBooks
from model.core.steps import Held, Step, Steps
from model.scenario import Scenario
from model.stages import books, labs, market, memory, people, platforms, providers, stack, turnover
from model.world import World


class Month(NamedTuple):
    """What a month leaves behind for the record."""

    flows: MonthFlows
    wishes: people.Wishes
    known: people.Known
    books: MonthBooks


STEPS = Steps(
    [
        # Supply and prices: what was ordered, trained and posted
        Step(
            "arrive",  # 1 machines ordered earlier are delivered, old ones retire
            providers.arrive,
            ("cohorts", "providers", "suppliers", "state.power", "state.suppliers"),
        ),
        Step("release", labs.release, ("labs", "nets", "state.labs")),  # 2 finished nets
        Step("post", market.post),  # 3 contract and spot price of accelerator-hours, list prices of tokens
        # Wishes: what everybody knows, then adoption, thinking, tasks, minutes
        Step("know", people.what_is_known, gives="known"),
        Step("wish", people.people, gives="w"),  # 4-6 one block of rows at a time
        # Work, down the stack: application, orchestrator, agent and context, neural, link and physical
        Step("apply", stack.apply, gives="embedded_tokens"),  # 7 attention-hours invoke features
        Step("orchestrate", stack.orchestrate, ("state.calls",)),  # 7 external calls become traffic
        Step("contextualise", stack.contextualise, ("state.robots",)),  # 8 calls become kinds of tokens
        Step("serve", stack.serve),  # 9 tokens become operations and accelerator-hours
        Step("demand", stack.demand),  # 9 beside them: research, ranking, other AI
        # One market for everything that computes
        Step("clear", market.clear),  # 10 fill rates, queues, hours by provider
        Step("compute", market.compute_work),  # 10 operations and electricity, on board too
        # Stocks change from here on
        Step(
            "pay",  # 11 every payment has a payer and a payee
            books.pay,
            ("ai_agents", "applications", "labs", "orchestrators", "providers", "services", "ledger", "state.auction"),
        ),
        Step(
            "live",  # 12 births, exits, robots
            turnover.live,
            ("ai_agents", "humans", "robots", "ledger", "state.robots"),
        ),
        Step(
            "equip",  # 12 providers' expectations, orders, financing
            providers.machines,
            ("providers", "suppliers", "ledger", "state.belief", "state.market", "state.providers", "state.suppliers"),
        ),
        Step(
            "invest",  # 12 labs' research, equity, token prices
            labs.laboratories,
            ("labs", "nets", "ledger", "state.choices", "state.labs"),
        ),
        Step(
            "rearrange",  # 12 features, routing, entry and exit
            platforms.platforms,
            ("applications", "features", "orchestrators", "state.calls", "state.choices"),
        ),
        Step(
            "remember",  # 12 what the layers realised
            memory.remember,
            ("state.calls", "state.choices", "state.loop", "state.market", "state.memory", "state.robots", "state.served"),
        ),
        Step("close", books.close, ("ledger",), gives="books"),
    ]
)  # fmt: skip


def steps_of(scenario: Scenario) -> Steps:
    """Return the month of a scenario: the shipped one, or the one it has, with the steps of its plug-ins.

    Raises
    ------
    InputError
        If a plug-in returns no month.
    """
    added, months = scenario.additions()
    steps = STEPS if added.steps is None else added.steps
    for change in months:
        steps = change(steps)
        if not isinstance(steps, Steps):
            raise InputError(f"plug-in '{change.__module__}': steps returns {shown(steps)}: must be Steps")
    return steps


def step(e: World, steps: Steps = STEPS, seconds: dict[str, float] | None = None) -> Month:
    """Advance world `e` by one month; return its flows, sums over people, what was known, and the closed books.

    Parameters
    ----------
    e : World
    steps : Steps
    seconds : dict, optional
        Wall time by step, added to.
    """
    held = Held(e.held())
    done = steps.run({"e": e, "f": MonthFlows(e.sizes), "draw": e.draws.at(e.month)}, held, seconds)
    return Month(done["f"], done["w"], done["known"], done["books"])

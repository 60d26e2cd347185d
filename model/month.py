"""One month of the economy, in order: the table of contents of the model.

Each stage reads last month's realised prices, success and delays, so nothing needs a number that does not exist yet. Flows
are written once and checked for shape (`core/flows.py`). Stocks change in `arrive` and `release` at the top and from `pay`
on, nowhere between. A shock is a dated change of parameters before the month.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from model.core.flows import MonthFlows
from model.markets import settlement
from model.stages import books, market, people, plans, stack, supply, turnover
from model.world import World

if TYPE_CHECKING:
    from model.core.ledger import MonthBooks


class Month(NamedTuple):
    """What a month leaves behind for the record."""

    flows: MonthFlows
    wishes: people.Wishes
    known: people.Known
    books: MonthBooks


def step(e: World) -> Month:
    """Advance economy `e` by one month; return its flows, sums over people, what was known, and the closed books."""
    f = MonthFlows(e.sizes)
    draw = e.draws.at(e.month)

    # Supply and prices: what was ordered, trained and posted
    supply.arrive(e, f)  # 1 machines ordered earlier are delivered, old ones retire; power and build limits
    supply.release(e, draw)  # 2 nets whose run is finished; the next run is sized on forecast lifetime tokens
    supply.post(e, f)  # 3 contract and spot price of accelerator-hours, list prices of tokens

    # Wishes: what everybody knows, then adoption, thinking, tasks, minutes
    known = people.what_is_known(e, f)
    wishes = people.people(e, f, known)  # 4-6 one block of rows at a time

    # Work, down the stack: application, orchestrator, agent and context, neural, link and physical
    embedded = stack.apply(e, f)  # 7 attention-hours invoke features
    stack.orchestrate(e, f, wishes)  # 7 external calls become traffic
    stack.contextualise(e, f, wishes, known, embedded)  # 8 calls become fresh, cached and generated tokens
    stack.serve(e, f, known)  # 9 tokens become operations and accelerator-hours
    stack.demand(e, f)  # 9 beside them: research, ranking, other AI

    # One market for everything that computes
    market.clear(e, f)  # 10 fill rates, queues, hours by provider
    market.compute_work(e, f, wishes)  # 10 operations and electricity, on board too

    # Stocks change from here on
    books.pay(e, f, wishes, known, draw)  # 11 every payment has a payer and a payee
    turnover.live(e, f)  # 12 births, exits, robots
    plans.machines(e, f)  # 12 expectations, orders, financing
    plans.laboratories(e, f, wishes, known)  # 12 research, equity, token prices
    plans.platforms(e, f, known, draw)  # 12 features, routing, entry and exit
    plans.remember(e, f, wishes, known)  # 12 what the layers realised
    settlement.pass_on(e.ledger)
    return Month(f, wishes, known, e.close_books())

"""Settlement: the month's operating payments as ledger postings, each with payer, payee and item."""

from __future__ import annotations

from typing import NamedTuple

from model.core.ledger import Ledger


class Operating(NamedTuple):
    """Operating amounts of a month, USD >= 0 (shares where said)."""

    income: float  # wages of all people
    assistants: float  # what people pay for assistants
    assistant_tokens: float  # what assistants pay labs
    metered: float  # tokens of agents
    routing: float  # orchestrators' take
    surplus: float  # surplus fees
    embedded: float
    robot_cloud: float
    serving: float  # labs' serving hours
    research: float  # labs' research hours
    staff: float
    ranking: float
    other: float
    electricity: float
    provider_operations: float
    on_board: float
    device: float
    ads: float
    invocations: float
    agent_share: float  # of invocation fees
    orchestrator_operations: float  # share of orchestrators' revenue
    application_operations: float
    application_payout: float
    application_rescue: float
    robot_work: float
    supervision: float


def post(books: Ledger, a: Operating) -> None:
    """Change `books`: post the operating payments of a month (MODEL.md, transaction table).

    Parameters
    ----------
    books : Ledger
    a : Operating

    Raises
    ------
    LawBreach
        If an amount is negative or not finite.
    """
    pay = books.pay
    # People
    pay("rest_of_world", "humans", "income", a.income)
    pay("humans", "applications", "assistants", a.assistants)
    pay("humans", "ai_agents", "metered work of agents", a.metered + a.routing)
    pay("humans", "ai_agents", "surplus fees", a.surplus)
    pay("humans", "energy_suppliers", "electricity of devices", a.device)
    spent = a.assistants + a.metered + a.routing + a.surplus + a.device
    pay("humans", "rest_of_world", "other consumption", max(a.income - spent, 0.0))
    # Agents, orchestrators
    pay("ai_agents", "labs", "tokens of agents", a.metered)
    pay("ai_agents", "orchestrators", "routing", a.routing)
    pay("rest_of_world", "orchestrators", "invocations by agents", a.invocations)
    pay("orchestrators", "ai_agents", "share of invocation fees", a.agent_share)
    kept = a.routing + a.invocations - a.agent_share
    pay("orchestrators", "rest_of_world", "operations", kept * a.orchestrator_operations)
    pay("orchestrators", "rest_of_world", "payout to owners", kept * (1.0 - a.orchestrator_operations) * 0.9)
    # Applications
    pay("rest_of_world", "applications", "advertising", a.ads)
    pay("applications", "labs", "tokens of assistants", a.assistant_tokens)
    pay("applications", "labs", "tokens of features", a.embedded)
    pay("applications", "providers", "ranking hours", a.ranking)
    pay("applications", "rest_of_world", "operations", a.application_operations)
    pay("applications", "rest_of_world", "payout to owners", a.application_payout)
    pay("investors", "applications", "capital of an entrant", a.application_rescue)
    # Labs, providers, energy
    pay("labs", "providers", "serving hours", a.serving)
    pay("labs", "providers", "research hours", a.research)
    pay("labs", "rest_of_world", "research staff", a.staff)
    pay("rest_of_world", "providers", "other AI hours", a.other)
    pay("providers", "energy_suppliers", "electricity", a.electricity)
    pay("providers", "rest_of_world", "operations", a.provider_operations)
    pay("energy_suppliers", "rest_of_world", "fuel, grid, owners", a.electricity + a.on_board + a.device)
    # Robots
    pay("rest_of_world", "robot_owners", "work of robots", a.robot_work)
    pay("robot_owners", "labs", "tokens of robots", a.robot_cloud)
    pay("robot_owners", "energy_suppliers", "electricity of robots", a.on_board)
    pay("robot_owners", "humans", "supervision", a.supervision)

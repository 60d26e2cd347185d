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


#: Sectors that keep no money from month to month, and what their surplus or gap is called.
PASS_ON = {
    "humans": ("other consumption", "dissaving"),
    "orchestrators": ("payout to owners", "capital from owners"),
    "robot_owners": ("payout to owners", "capital from owners"),
    "hardware_suppliers": ("payout to owners", "capital from owners"),
    "energy_suppliers": ("fuel, grid, owners", "capital from owners"),
    "investors": ("returned to savers", "savings placed with investors"),
    "parents": ("payout to owners", "capital from owners"),
}
#: Items that buy nothing: capital, income, passing on.
TRANSFERS = frozenset(
    {
        "income",
        "operating cash of incumbents",
        "parents' capital",
        "returned to parents",
        "vendor equity",
        "supervision",
    }
    | {item for pair in PASS_ON.values() for item in pair}
)
#: Items that give final demand back what it paid.
REFUNDS = frozenset({"wallets returned"})


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
    # Agents, orchestrators
    pay("ai_agents", "labs", "tokens of agents", a.metered)
    pay("ai_agents", "orchestrators", "routing", a.routing)
    pay("rest_of_world", "orchestrators", "invocations by agents", a.invocations)
    pay("orchestrators", "ai_agents", "share of invocation fees", a.agent_share)
    kept = a.routing + a.invocations - a.agent_share
    pay("orchestrators", "rest_of_world", "operations", kept * a.orchestrator_operations)
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
    # Robots
    pay("rest_of_world", "robot_owners", "work of robots", a.robot_work)
    pay("robot_owners", "labs", "tokens of robots", a.robot_cloud)
    pay("robot_owners", "energy_suppliers", "electricity of robots", a.on_board)
    pay("robot_owners", "humans", "supervision", a.supervision)


def pass_on(books: Ledger) -> None:
    """Change `books`: sectors that keep no money settle what the month left them with the rest of the world.

    So only firms, agents and the rest of the world carry balances; the rest of the world alone may carry a trend.

    >>> from model.core.ledger import Ledger
    >>> books = Ledger({}, {})
    >>> books.pay("rest_of_world", "humans", "income", 5.0)
    >>> pass_on(books)
    >>> books.net("humans")
    0.0
    """
    for sector, (out, into) in PASS_ON.items():
        left = books.net(sector)
        if left > 0.0:
            books.pay(sector, "rest_of_world", out, left)
        elif left < 0.0:
            books.pay("rest_of_world", sector, into, -left)

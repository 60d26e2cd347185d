"""The economy of MODEL.md, month by month: run(inputs) -> months."""

from types import SimpleNamespace

from tests.reference import economy_agents as agents
from tests.reference import economy_attention as attention
from tests.reference import economy_books as books
from tests.reference import economy_labs as labs
from tests.reference import economy_machines as machines
from tests.reference import economy_market as market
from tests.reference import economy_offer as offer
from tests.reference import economy_opening as opening
from tests.reference import economy_orchestrator as orchestrator
from tests.reference import economy_people as people
from tests.reference import economy_physical as physical
from tests.reference import economy_platforms as platforms
from tests.reference import economy_record as record
from tests.reference import economy_routing as routing
from tests.reference import economy_runs as runs
from tests.reference import economy_stack as stack


def parameters_at(base, interventions, start, t):
    """Parameters of a month with the dated interventions (section 6)."""
    p = dict(base)
    for change in interventions:
        first = physical.months_between(start, change["date"])
        until = change.get("until")
        if t < first or (until and t >= physical.months_between(start, until)):
            continue
        if change["mode"] == "set":
            p[change["parameter"]] = change["value"]
        else:
            p[change["parameter"]] = p[change["parameter"]] * change["value"]
    return p


def month(w):
    """One month, section 3."""
    f = SimpleNamespace(payments={})
    physical.deliver(w, f)
    runs.release(w, f)
    market.post(w, f)
    offer.what_is_known(w, f)
    w.calls_now = [row[:] for row in w.calls]
    f.robots_at_work = sum(h.robots for h in w.people)
    people.people(w, f)
    stack.apply(w, f)
    orchestrator.orchestrate(w, f)
    stack.contextualise(w, f)
    stack.serve(w, f)
    stack.demand(w, f)
    stack.devices(w, f)
    market.clear(w, f)
    market.compute_work(w, f)
    f.agent_tasks_served = f.phi[1] * f.tasks_agent + f.phi[2] * f.jobs_tasks
    attention.auctions(w, f)
    agents.choose_loyalty(w, f)
    routing.lists(w, f)
    books.pay_all(w, f)
    agents.agents(w, f)
    platforms.robots(w, f)
    machines.machines(w, f)
    labs.laboratories(w, f)
    platforms.revise(w, f)
    platforms.move_attention(w, f)
    platforms.fail_and_enter(w, f)
    orchestrator.reweigh(w, f)
    orchestrator.take_rates(w, f)
    orchestrator.turnover(w, f)
    platforms.remember_robots(w, f)
    platforms.remember(w, f)
    books.pass_on(w, f)
    return record.month(w, f)


def run(inputs):
    """All months of a run (section 3)."""
    head = inputs["run"]
    base = {a + "." + k: v for a, group in inputs["parameters"].items() for k, v in group.items()}
    w = SimpleNamespace(seed=head["seed"], humans=head["humans"], months=head["months"], t=0)
    w.p = parameters_at(base, inputs["interventions"], head["start"], 0)
    opening.build(w)
    runs.first_runs(w)
    books.open_books(w)
    w.opening_balances = (dict(w.money), dict(w.equity))
    out = []
    for t in range(head["months"]):
        w.t = t
        w.p = parameters_at(base, inputs["interventions"], head["start"], t)
        out.append(month(w))
    return out

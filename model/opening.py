"""The opening: tables, networks, machines, prices and books of the economy before its first month."""

from __future__ import annotations

import numpy as np

from agents import ai_agent, application, human, lab, orchestrator, provider, robot, supplier
from model.core import graph
from model.core.errors import InputError, shown
from model.core.ledger import Ledger, MonthBooks
from model.core.memory import keep_temporaries
from model.core.units import (
    BLOCK,
    DAY_BLOCKS,
    LAB_CLASSES,
    PROVIDER_CLASSES,
    SERVING_CLASSES,
    TIERS,
    TOKEN_KINDS,
    WORK,
    block_sum,
)
from model.layers import link, neural, physical
from model.layers import orchestrator as call_network
from model.markets import auction
from model.stages import labs as lab_stage
from model.stages.providers import OPENING_AGES, OPENING_MIX, chip_supplier
from model.state import Cohorts, Opening, State
from model.world import World


def build(e: World, inert: int) -> None:
    """Change economy `e`: make its tables, networks, machines, states and books; `inert` rows stand for nobody."""
    keep_temporaries()
    p, settings = e.params, e.settings
    labs, providers = settings.firms["lab"], settings.firms["provider"]
    n, width = settings.humans, settings.humans + inert
    e.humans = human.Humans(width)
    e.ai_agents = ai_agent.AIAgents(2 * width)
    e.robots = robot.Robots(width)
    e.providers = provider.Providers(len(providers))
    e.labs = lab.Labs(len(labs))
    e.nets = lab.Nets(len(TIERS) * len(labs))
    e.assistants = p.app_network.assistants
    e.applications = application.Applications(e.assistants + p.app_network.applications)
    e.features = application.Features(p.app_network.applications * p.app_network.features)
    e.services = application.Services(p.application.services)
    kinds = (p.call_network.orchestrators, p.call_network.skills, p.call_network.tools)
    e.orchestrators = orchestrator.Orchestrators(sum(kinds))
    e.suppliers = supplier.Suppliers(1)
    e.blocks = [slice(i, min(i + BLOCK, width)) for i in range(0, width, BLOCK)]
    e.sizes = {
        "H": width, "G": human.SEGMENTS, "K": e.applications.n, "Z": e.services.n, "O": e.orchestrators.n, "L": e.labs.n,
        "N": e.nets.n, "P": e.providers.n, "S": len(SERVING_CLASSES), "T": len(TIERS), "Q": len(TOKEN_KINDS),
        "W": len(PROVIDER_CLASSES), "U": len(WORK), "X": len(LAB_CLASSES),
        "B": 1 + e.labs.n, "D": len(DAY_BLOCKS),
    }  # fmt: skip

    human.build(e.humans, e.draws, p.human, p.agent_loop.job_elasticity)
    if inert:
        e.humans.weight_people[:n] = p.human.population_people / n
    else:
        e.humans.hold("weight_people", p.human.population_people / n)
    links = graph.small_world(n, p.human.contacts, p.human.rewiring, e.draws.generator("social"))
    e.social = graph.Contacts(links, p.human.contacts, width)
    e.robots.weight_robots[:n] = p.robot.initial_stock / n

    e.fleet = physical.generations(settings.start, e.months, p.physical)
    e.cohorts = machines(e)
    provider.build(e.providers, dict(providers), p.physical.opening_stock_h100e, p.compute.opening_usd_per_h100e_hour)
    e.cohorts.h100e[:, :OPENING_AGES] = e.providers.stock_h100e[:, None] / OPENING_AGES
    application.build(e.applications, e.features, e.assistants, e.draws, p.application)
    application.build_services(e.services, e.draws, p.application)
    orchestrator.build(e.orchestrators, kinds, e.draws, p.orchestrator)
    first_bids(e)
    chip_supplier(e)
    laboratories(e)
    layers_and_markets(e)
    for kind in e.added:
        rows = kind.table(e)
        if not isinstance(rows, kind.row.table_type):
            raise InputError(f"Kind '{kind.name}': table gives {shown(rows)}: must be a {kind.row.table_type.__name__}")
        setattr(e, kind.name, rows)
    books(e)


def machines(e: World) -> Cohorts:
    """Return machines of the opening's mix, none delivered yet."""
    p, columns = e.params.physical, OPENING_AGES + e.months
    weight = np.array([OPENING_MIX.get(name, 0.0) for name in e.fleet.names])
    chip = {name: float((weight * getattr(e.fleet, name)).sum()) for name in ("watts", "bytes_per_s", "hbm_bytes")}
    watts = float(physical.facility_watts(np.array(chip["watts"]), p))
    return Cohorts(
        h100e=np.zeros((e.providers.n, columns)),
        month=np.arange(-OPENING_AGES, e.months, dtype=np.float64),
        watts=np.full(columns, watts),
        bytes_per_s=np.full(columns, chip["bytes_per_s"]),
        hbm_bytes=np.full(columns, chip["hbm_bytes"]),
        opening_ages=OPENING_AGES,
    )


def first_bids(e: World) -> None:
    """Services and skills open with the lowest locally envy-free bids."""
    p, z = e.params.auction, e.services
    for column, value, first in (
        (z.bid_click_usd, p.value_usd_per_click, p.clicks_per_hour),
        (z.bid_invocation_usd, p.value_usd_per_invocation, 1.0),
    ):
        rates = auction.click_rates(first, p)
        column[:] = auction.envy_free_bids(value * z.margin[None], z.quality[None], rates)[0]
    nodes = e.orchestrators
    skills = nodes.node_kind == orchestrator.SKILL
    worth = orchestrator.call_value_usd(nodes.price_usd_per_call[skills], e.params.orchestrator)
    rates = auction.click_rates(1.0, p)
    nodes.bid_usd_per_call[skills] = auction.envy_free_bids(worth[None], nodes.quality[skills][None], rates)[0]


def laboratories(e: World) -> None:
    """Each lab opens with one net of each tier, trained compute-optimally on the run the observations give it."""
    p, labs, nets, n = e.params, e.labs, e.nets, e.labs.n
    firms = list(e.settings.firms["lab"].values())
    labs.open_weights[:] = [f.kind == "open" for f in firms]
    labs.parent_share[:] = [f.parent_share for f in firms]
    labs.rd_usd[:] = [f.rd_usd_per_month for f in firms]
    labs.expected_growth[:] = p.lab.growth_prior_per_month
    nets.tokens_growth[:] = p.lab.growth_prior_per_month
    law = neural.LAWS[p.neural.law]
    run = np.array([f.run_flop for f in firms])
    flop = np.concatenate([run, run * p.lab.small_share])
    nets.parameters[:], nets.training_tokens[:] = neural.compute_optimal(flop, law)
    nets.training_flop[:] = nets.effective_flop[:] = flop
    nets.horizon_minutes[:] = neural.horizon(flop, np.zeros(len(TIERS) * n), p.neural)
    nets.released_month[:] = -6


def layers_and_markets(e: World) -> None:
    """States of layers and markets, opening prices of tokens, constants that later months are measured against."""
    p, n, s = e.params, e.labs.n, State()
    e.state = s
    firms = e.settings.firms
    s.loop.log_tau_chat = np.zeros(human.SEGMENTS)
    s.choices.net_share = np.full((len(SERVING_CLASSES), len(TIERS), n), 1.0 / n)
    others = e.applications.n - e.assistants
    s.choices.app_share = np.full((human.SEGMENTS, others), 1.0 / others)
    s.power.used_gw = float((e.cohorts.h100e * e.cohorts.watts).sum()) / 1e9
    s.belief.spending_growth, s.belief.progress = p.belief.growth_prior_per_month, p.belief.progress_prior_per_month
    s.robots.sold, s.robots.capacity = (
        p.robot.price_reference_robots,
        p.robot.initial_stock / p.robot.opening_build_months,
    )
    s.providers.machine_change = -p.provider.price_decline_per_year
    s.suppliers.expansions = [0.0] * p.supplier.lead_months
    s.calls.take_rate = p.orchestrator.take_rate
    s.calls.calls_per_task = p.call_network.agent_calls
    s.auction.ad_funded_share = p.ai_agent.ad_funded_share
    s.labs.research_split = np.tile([0.2, 0.6, 0.0, 0.2, 0.0], (n, 1))
    s.labs.algorithm_growth, s.labs.automation_share = np.zeros(n), np.zeros(n)
    s.labs.research_waiting_hours = np.zeros((n, len(LAB_CLASSES)))
    calls(e)

    capacity = physical.capacity_hours(e.providers.stock_h100e, p.physical)
    offered = float(capacity.sum())
    contexts = np.full(len(SERVING_CLASSES), p.context.prompt_chat_tokens)
    serving = link.serving(
        np.full(
            (len(SERVING_CLASSES), len(TIERS) * n, len(TOKEN_KINDS)),
            1e12 / (len(SERVING_CLASSES) * len(TIERS) * len(TOKEN_KINDS) * n),
        ),
        e.nets.parameters,
        contexts,
        e.nets.decode_gain,
        e.cohorts.mean(e.cohorts.bytes_per_s),
        e.cohorts.mean(e.cohorts.hbm_bytes),
        p.link,
        link.software_overhead(0.0, p.link),
    )
    opening = p.compute.opening_usd_per_h100e_hour
    cost = serving.seconds_per_token / 3600.0 * opening
    s.served.usd_per_token = (cost * lab.UNSEEN_MIX).sum(axis=1)
    markup = p.lab.price_coefficient / (p.lab.price_coefficient - 1.0)
    structure = float((lab.UNSEEN_MIX * lab.LIST_STRUCTURE).sum())
    e.nets.price_usd_per_token[:] = s.served.usd_per_token * markup / structure
    each, wage = e.humans.weight_people, e.humans.wage_usd_per_h.astype(np.float64)
    people = np.bincount(e.humans.segment, weights=each, minlength=human.SEGMENTS)
    paid = np.bincount(e.humans.segment, weights=each * wage, minlength=human.SEGMENTS)
    weights = np.array([f.rd_usd_per_month for f in firms["lab"].values()])
    mean_wage = float(block_sum(each * wage) / block_sum(each))
    names = list(firms["lab"])
    homes = [-1] * (1 + n)
    for i, firm in enumerate(firms["provider"].values()):
        if firm.integrated_lab:
            homes[1 + names.index(firm.integrated_lab)] = i
    e.opening = Opening(
        token_usd=float(e.nets.price_usd_per_token[:n].mean()),
        ranking_hours=offered * p.app_network.ranking_share,
        other_hours=offered * p.app_network.other_share,
        attention_hours=p.human.population_people
        * (p.attention.hours_per_month - p.human.work_hours_per_month)
        * p.attention.application_share,
        lab_weights=weights / weights.sum(),
        rents_usd=np.array([f.rents_usd_per_year for f in firms["lab"].values()]),
        homes=np.array(homes),
        provider_names=tuple(firms["provider"]),
        lab_names=tuple(names),
        rules=tuple(f.rule for f in firms["lab"].values()),
        forecasters=tuple(f.forecaster for f in firms["lab"].values()),
        wage_by_segment=np.where(people > 0.0, paid / np.maximum(people, 1e-300), mean_wage),  # nobody: any wage
        mean_wage=mean_wage,
    )
    first_runs(e)


def calls(e: World) -> None:
    """Orchestrators call skills, skills call tools; links form by fitness-based preferential attachment."""
    p, s, nodes = e.params.call_network, e.state, e.orchestrators
    links = graph.preferential(nodes.n, p.links, nodes.quality, e.draws.generator("calls")).toarray()
    either = (links + links.T) > 0.0
    down = nodes.node_kind[:, None] < nodes.node_kind[None, :]
    edges = np.where(either & down, 1.0, 0.0)
    for i in np.flatnonzero((edges.sum(axis=1) == 0.0) & (nodes.node_kind != orchestrator.TOOL)):
        edges[i, int(np.flatnonzero(down[i])[0])] = 1.0  # nobody is without someone to call
    back = np.flatnonzero(nodes.node_kind == orchestrator.ORCHESTRATOR)
    total = edges.sum(axis=1, keepdims=True)
    edges = np.where(total > 0.0, edges / np.where(total > 0.0, total, 1.0), 0.0)
    skills = np.flatnonzero(nodes.node_kind == orchestrator.SKILL)
    edges[skills] *= 1.0 - p.callback_share
    edges[np.ix_(skills, back)] = p.callback_share / back.size
    s.calls.edges, s.calls.fan_out, s.auction.sponsored = edges, edges.sum(axis=1), np.zeros_like(edges)
    s.calls.entry_share = orchestrator.entry_shares(nodes.node_kind, nodes.quality)
    most = p.spectral_radius_max
    s.calls.agent_scale = call_network.template_scale(edges, s.calls.entry_share, p.agent_calls, most)
    s.calls.multi_scale = call_network.template_scale(edges, s.calls.entry_share, p.multi_calls, most)


def first_runs(e: World) -> None:
    """Record the opening's nets and put the first runs under way, each some way into its cycle."""
    p, s, labs, n = e.params, e.state, e.labs, e.labs.n
    for j in range(len(TIERS) * n):
        i, tier = j % n, j // n
        s.labs.current.append(len(s.labs.releases))
        s.labs.releases.append(
            lab.Release(
                lab=e.opening.lab_names[i],
                tier=TIERS[tier],
                released_month=-6,
                parameters=float(e.nets.parameters[j]),
                training_tokens=float(e.nets.training_tokens[j]),
                training_flop=float(e.nets.training_flop[j]),
                planned_tokens=0.0,
                planned_usd=0.0,
                train_usd_per_flop=0.0,
                rollout_factor=0.0,
                data_limit_tokens=0.0,
                rule=e.opening.rules[i],
                forecaster=e.opening.forecasters[i],
                opening=True,
            )
        )
        draw = e.draws.at(0)
        months = float(lab.run_length(draw("lab.cycle", labs.id[i : i + 1], k=tier), p.lab)[0])
        lab_stage.plan_run(e, i, tier, months)
        done = float(draw("lab.first_cycle", labs.id[i : i + 1], k=tier)[0])
        column, target = (
            (labs.run_done_flop, labs.run_target_flop) if tier == 0 else (labs.small_done_flop, labs.small_target_flop)
        )
        column[i] = 0.9 * done * target[i]


def books(e: World) -> None:
    """Open the books: firms hold cash that owners put in at book value; the rest of the world holds the residual."""
    p, labs, firms, apps = e.params, e.labs, e.providers, e.applications
    labs.cash_usd[:] = labs.rd_usd * p.lab.runway_months
    labs.investor_equity_usd[:] = labs.cash_usd
    hours = physical.capacity_hours(firms.stock_h100e, p.physical)
    firms.cash_usd[:] = 0.5 * hours * p.compute.opening_usd_per_h100e_hour
    unit = p.supplier.unit_cost_usd_per_h100e * (1.0 + p.supplier.markup) + p.supplier.site_usd_per_w * 1260.0
    age = 1.0 - 0.5 * OPENING_AGES / p.provider.book_life_months
    firms.book_usd[:] = firms.stock_h100e * unit * age
    house = firms.parent_share > 0.0
    firms.parent_equity_usd[:] = np.where(house, firms.book_usd + firms.cash_usd, 0.0)
    firms.vendor_equity_usd[:] = np.where(house, 0.0, firms.book_usd + firms.cash_usd)
    apps.cash_usd[:] = 0.0
    own = float(firms.vendor_equity_usd.sum() + labs.investor_equity_usd.sum())
    held = float(firms.parent_equity_usd.sum())
    others = {kind.sector: e.cash_of(kind) or 0.0 for kind in e.added if kind.sector}
    e.ledger = Ledger(
        {"labs": float(labs.cash_usd.sum()), "providers": float(firms.cash_usd.sum()), **others},
        {
            "labs": -float(labs.investor_equity_usd.sum()),
            "providers": -float(firms.vendor_equity_usd.sum()) - held,
            "investors": own,
            "parents": held,
        },
        tuple(others),
    )
    e.opening_books = MonthBooks([], e.ledger.money_usd.copy(), e.ledger.equity_usd.copy())

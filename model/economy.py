"""The economy: builds tables, networks, machines and books at the opening, keeps the clock, steps and runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mesa
import numpy as np
from numpy.typing import NDArray

from agents import ai_agent, application, human, lab, orchestrator, provider, robot, supplier
from model import month, record, tables
from model.core import graph, table
from model.core.checks import Laws
from model.core.draws import Draws
from model.core.errors import InputError
from model.core.ledger import Ledger, MonthBooks
from model.core.units import BLOCK, block_sum, month_date
from model.layers import link, neural, physical
from model.layers import orchestrator as call_network
from model.markets import auction
from model.scenario import Scenario, whole
from model.stages import supply
from model.stages.state import Cohorts, Opening, Release, State

if TYPE_CHECKING:
    from model.explain import Explanation
    from model.trace import Account
    from model.why import Why

Array = NDArray[np.float64]

#: Largest number of rows of a large kind that are registered as Mesa agents; beyond it rows appear on demand.
REGISTERED = 10_000
#: Generations of the opening stock (economy of 2022-01): TPU v4 (2.75e14 FLOP/s) counts with the A100 (3.12e14).
OPENING_MIX = {"V100": 0.35, "A100": 0.65}
OPENING_AGES = 36


class InferenceEconomy(mesa.Model):
    """Humans, AI agents, robots, providers and labs in one compute market.

    Parameters
    ----------
    source : str, Path or Scenario
        Name of a shipped scenario, TOML file, manifest or scenario.
    humans : int, optional
        Rows of humans (super-individuals); the scenario's if None.
    months : int, optional
        Length of the run; the scenario's if None.
    seed : int
        Seed of all draws.
    inert : int
        Rows appended that stand for nobody; they change nothing (a test of common random numbers).
    **overrides
        ``section__name=value`` or ``**{"section.name": value}``.

    Raises
    ------
    InputError
        One line naming what is wrong and the nearest valid name.
    """

    humans: human.Humans
    ai_agents: ai_agent.AIAgents  # rows 0..H-1 delegates, H..2H-1 standing agents
    robots: robot.Robots
    providers: provider.Providers
    labs: lab.Labs
    nets: lab.Nets
    applications: application.Applications
    features: application.Features
    services: application.Services
    orchestrators: orchestrator.Orchestrators
    suppliers: supplier.Suppliers
    cohorts: Cohorts
    state: State
    opening: Opening

    def __init__(
        self,
        source: str | Path | Scenario = "baseline",
        *,
        humans: int | None = None,
        months: int | None = None,
        seed: int = 1,
        inert: int = 0,
        **overrides: Any,
    ) -> None:
        if seed is None:
            raise InputError("seed = None: a seed is needed, runs repeat exactly; give a whole number")
        self.seed = whole("seed", seed, 0, 2**63 - 1)
        super().__init__(rng=self.seed)
        scenario = Scenario.load(source).with_run(months=months, humans=humans)
        self.settings = scenario.with_overrides({k.replace("__", "."): v for k, v in overrides.items()})
        self.settings.check()
        self.months, self.month = self.settings.months, 0
        self.params = self.settings.parameters_at(0)
        self._changes = self.settings.change_months()
        self.draws = Draws(self.seed)
        self.laws = Laws()
        self.running = True
        self._build(whole("inert", inert, 0, 1_000_000))
        self._register()
        self.recorder = record.Recorder(self)
        self.last: month.Month | None = None  # flows, wishes and books of the last month
        self.datacollector = mesa.DataCollector(model_reporters=record.reporters())

    # --- The opening -----------------------------------------------------------------------------------------------

    def _build(self, inert: int) -> None:
        p, settings = self.params, self.settings
        labs, providers = settings.firms["lab"], settings.firms["provider"]
        n, width = settings.humans, settings.humans + inert
        self.humans = human.Humans(width)
        self.ai_agents = ai_agent.AIAgents(2 * width)
        self.robots = robot.Robots(width)
        self.providers = provider.Providers(len(providers))
        self.labs = lab.Labs(len(labs))
        self.nets = lab.Nets(2 * len(labs))
        self.assistants = p.app_network.assistants
        self.applications = application.Applications(self.assistants + p.app_network.applications)
        self.features = application.Features(p.app_network.applications * p.app_network.features)
        self.services = application.Services(p.application.services)
        kinds = (p.call_network.orchestrators, p.call_network.skills, p.call_network.tools)
        self.orchestrators = orchestrator.Orchestrators(sum(kinds))
        self.suppliers = supplier.Suppliers(1)
        self.blocks = [slice(i, min(i + BLOCK, width)) for i in range(0, width, BLOCK)]
        self.sizes = {
            "H": width, "G": human.SEGMENTS, "K": self.applications.n, "O": self.orchestrators.n, "L": self.labs.n,
            "N": self.nets.n, "P": self.providers.n, "S": 5, "T": 2, "Q": 3, "W": 12, "U": 14, "X": 5,
            "B": 1 + self.labs.n,
        }  # fmt: skip

        free = p.attention.hours_per_month - p.human.work_hours_per_month
        loop = (p.agent_loop.loop_reference_minutes, p.agent_loop.token_length_elasticity)
        human.build(self.humans, self.draws, p.human, free, p.agent_loop.job_elasticity, loop)
        self.humans.weight_people[:n] = p.human.population_people / n
        links = graph.small_world(n, p.human.contacts, p.human.rewiring, self.draws.generator("social"))
        self.social = graph.padded(links, width)
        self.robots.weight_robots[:n] = p.robot.initial_stock / n

        self.fleet = physical.generations(settings.start, self.months, p.physical)
        self.cohorts = self._machines()
        provider.build(
            self.providers, dict(providers), p.physical.opening_stock_h100e, p.compute.opening_usd_per_h100e_hour
        )
        self.cohorts.h100e[:, :OPENING_AGES] = self.providers.stock_h100e[:, None] / OPENING_AGES
        application.build(self.applications, self.features, self.assistants, self.draws, p.application)
        application.build_services(self.services, self.draws)
        self._bids()
        orchestrator.build(self.orchestrators, kinds, self.draws, p.orchestrator)
        self._supplier()
        self._labs()
        self._state()
        self._books()

    def _machines(self) -> Cohorts:
        p, columns = self.params.physical, OPENING_AGES + self.months
        weight = np.array([OPENING_MIX.get(name, 0.0) for name in self.fleet.names])
        chip = {
            name: float((weight * getattr(self.fleet, name)).sum()) for name in ("watts", "bytes_per_s", "hbm_bytes")
        }
        watts = float(physical.facility_watts(np.array(chip["watts"]), p))
        return Cohorts(
            h100e=np.zeros((self.providers.n, columns)),
            month=np.arange(-OPENING_AGES, self.months, dtype=np.float64),
            watts=np.full(columns, watts),
            bytes_per_s=np.full(columns, chip["bytes_per_s"]),
            hbm_bytes=np.full(columns, chip["hbm_bytes"]),
            opening_ages=OPENING_AGES,
        )

    def _bids(self) -> None:
        """Services open with the lowest locally envy-free bids."""
        p, z = self.params.auction, self.services
        for column, value, first in (
            (z.bid_click_usd, p.value_usd_per_click, p.clicks_per_hour),
            (z.bid_invocation_usd, p.value_usd_per_invocation, 1.0),
        ):
            rates = auction.click_rates(first, p)
            column[:] = auction.envy_free_bids(value * z.margin[None], z.quality[None], rates)[0]

    def _supplier(self) -> None:
        p, firm = self.params.supplier, self.suppliers
        mix = physical.mix(0, self.fleet.launched)
        firm.capacity_chips_per_month[:] = p.opening_h100e_per_month / float((mix * self.fleet.h100e_per_chip).sum())
        share = self.providers.stock_h100e / self.providers.stock_h100e.sum()
        self.providers.backlog_h100e[:] = share * (p.opening_h100e_per_month * p.target_backlog_months)

    def _labs(self) -> None:
        """Each lab opens with one net of each tier, trained compute-optimally on the run the observations give it."""
        p, labs, nets, n = self.params, self.labs, self.nets, self.labs.n
        firms = list(self.settings.firms["lab"].values())
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
        nets.horizon_minutes[:] = neural.horizon(flop, np.zeros(2 * n), p.neural)
        nets.released_month[:] = -6

    def _state(self) -> None:
        p, n, s = self.params, self.labs.n, State(hits=np.zeros(5))
        self.state = s
        firms = self.settings.firms
        s.log_tau_chat = np.zeros(human.SEGMENTS)
        s.net_share = np.full((5, 2, n), 1.0 / n)
        others = self.applications.n - self.assistants
        s.app_share = np.full((human.SEGMENTS, others), 1.0 / others)
        s.powered_gw = p.physical.power_opening_gw
        s.used_gw = float((self.cohorts.h100e * self.cohorts.watts).sum()) / 1e9
        s.robots_sold, s.robot_capacity = p.robot.price_reference_robots, p.robot.initial_stock / 24.0
        s.machine_change = -p.provider.price_decline_per_year
        s.expansions = [0.0] * p.supplier.lead_months
        s.take_rate = p.orchestrator.take_rate
        s.calls_per_task = p.call_network.agent_calls
        s.research_split = np.tile([0.2, 0.6, 0.0, 0.2, 0.0], (n, 1))
        s.research_waiting_hours = np.zeros((n, 5))
        self._call_network()

        capacity = physical.capacity_hours(self.providers.stock_h100e, p.physical)
        offered = float(capacity.sum())
        contexts = np.full(5, p.context.prompt_chat_tokens)
        serving = link.serving(
            np.full((5, 2 * n, 3), 1e12 / (30 * n)),
            self.nets.parameters,
            contexts,
            self.nets.decode_gain,
            self.cohorts.mean(self.cohorts.bytes_per_s),
            self.cohorts.mean(self.cohorts.hbm_bytes),
            p.link,
            link.software_overhead(0.0, p.link),
        )
        opening = p.compute.opening_usd_per_h100e_hour
        cost = serving.seconds_per_token / 3600.0 * opening
        s.serving_usd_per_token = (cost * lab.UNSEEN_MIX).sum(axis=1)
        markup = p.lab.price_coefficient / (p.lab.price_coefficient - 1.0)
        structure = float((lab.UNSEEN_MIX * lab.LIST_STRUCTURE).sum())
        self.nets.price_usd_per_token[:] = s.serving_usd_per_token * markup / structure
        each, wage = self.humans.weight_people, self.humans.wage_usd_per_h
        people = np.bincount(self.humans.segment, weights=each, minlength=human.SEGMENTS)
        paid = np.bincount(self.humans.segment, weights=each * wage, minlength=human.SEGMENTS)
        weights = np.array([f.rd_usd_per_month for f in firms["lab"].values()])
        names = list(firms["lab"])
        homes = [-1] * (1 + n)
        for i, firm in enumerate(firms["provider"].values()):
            if firm.integrated_lab:
                homes[1 + names.index(firm.integrated_lab)] = i
        self.opening = Opening(
            token_usd=float(self.nets.price_usd_per_token[:n].mean()),
            ranking_hours=offered * p.app_network.ranking_share,
            other_hours=offered * p.app_network.other_share,
            attention_hours=p.human.population_people
            * (p.attention.hours_per_month - p.human.work_hours_per_month)
            * p.attention.application_share,
            lab_weights=weights / weights.sum(),
            homes=np.array(homes),
            provider_names=tuple(firms["provider"]),
            lab_names=tuple(names),
            rules=tuple(f.rule for f in firms["lab"].values()),
            forecasters=tuple(f.forecaster for f in firms["lab"].values()),
            wage_by_segment=paid / np.maximum(people, 1e-300),
            mean_wage=float(block_sum(each * wage) / block_sum(each)),
        )
        self._first_runs()

    def _call_network(self) -> None:
        """Orchestrators call skills, skills call tools; links form by fitness-based preferential attachment."""
        p, s, nodes = self.params.call_network, self.state, self.orchestrators
        links = graph.preferential(nodes.n, p.links, nodes.quality, self.draws.generator("calls")).toarray()
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
        s.edges, s.fan_out = edges, edges.sum(axis=1)
        s.entry_share = np.where(nodes.node_kind == orchestrator.ORCHESTRATOR, nodes.quality, 0.0)
        s.entry_share = s.entry_share / s.entry_share.sum()
        most = p.spectral_radius_max
        s.agent_scale = call_network.template_scale(edges, s.entry_share, p.agent_calls, most)
        s.multi_scale = call_network.template_scale(edges, s.entry_share, p.multi_calls, most)

    def _first_runs(self) -> None:
        """Record the opening's nets and put the first runs under way, each some way into its cycle."""
        p, s, labs, n = self.params, self.state, self.labs, self.labs.n
        for j in range(2 * n):
            i, tier = j % n, j // n
            s.current.append(len(s.releases))
            s.releases.append(
                Release(
                    lab=self.opening.lab_names[i],
                    tier=supply.TIERS[tier],
                    released_month=-6,
                    parameters=float(self.nets.parameters[j]),
                    training_tokens=float(self.nets.training_tokens[j]),
                    training_flop=float(self.nets.training_flop[j]),
                    planned_tokens=0.0,
                    planned_usd=0.0,
                    train_usd_per_flop=0.0,
                    rollout_factor=0.0,
                    data_limit_tokens=0.0,
                    rule=self.opening.rules[i],
                    forecaster=self.opening.forecasters[i],
                    opening=True,
                )
            )
            draw = self.draws.at(0)
            months = float(lab.run_length(draw("lab.cycle", labs.id[i : i + 1], k=tier), p.lab)[0])
            supply.plan_run(self, i, tier, months)
            done = float(draw("lab.first_cycle", labs.id[i : i + 1], k=tier)[0])
            column, target = (
                (labs.run_done_flop, labs.run_target_flop)
                if tier == 0
                else (labs.small_done_flop, labs.small_target_flop)
            )
            column[i] = 0.9 * done * target[i]

    def _books(self) -> None:
        """Open the books: firms hold cash that owners put in at book value; the rest of the world holds the residual."""
        p, labs, firms, apps = self.params, self.labs, self.providers, self.applications
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
        self.ledger = Ledger(
            {"labs": float(labs.cash_usd.sum()), "providers": float(firms.cash_usd.sum())},
            {
                "labs": -float(labs.investor_equity_usd.sum()),
                "providers": -float(firms.vendor_equity_usd.sum()) - held,
                "investors": own,
                "parents": held,
            },
        )
        self.opening_books = MonthBooks([], self.ledger.money_usd.copy(), self.ledger.equity_usd.copy())

    def _register(self) -> None:
        """Make rows Mesa agents: the small kinds always, the large ones up to `REGISTERED` rows."""
        kinds: tuple[tuple[type[table.Row], table.Table], ...] = (
            (provider.ComputeProvider, self.providers),
            (lab.Lab, self.labs),
            (application.Application, self.applications),
            (orchestrator.Orchestrator, self.orchestrators),
            (supplier.ChipSupplier, self.suppliers),
            (human.Human, self.humans),
            (ai_agent.AIAgent, self.ai_agents),
            (robot.Robot, self.robots),
        )
        self.kinds = {row.__name__: (row, rows) for row, rows in kinds}
        self._rows = [row(self, rows, i) for row, rows in kinds if rows.n <= REGISTERED for i in range(rows.n)]

    def row(self, kind: str, index: int) -> table.Row:
        """Return row `index` of a kind (e.g. "Human") as a Mesa agent, made on demand if it is not registered."""
        row, rows = self.kinds[kind]
        if not 0 <= index < rows.n:
            raise InputError(f"row = {index}: outside [0, {rows.n - 1}] of {kind}")
        return row(self, rows, index)

    # --- The clock -------------------------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """Month of the next step, 'YYYY-MM'."""
        return month_date(self.month, self.settings.start).isoformat()[:7]

    def step(self) -> None:
        """Advance one month.

        Raises
        ------
        LawBreach
            If a conservation law does not hold; names law, month, sector, amount.
        """
        if self.month >= self.months:
            self.running = False
            return
        if self.month in self._changes:
            self.params = self.settings.parameters_at(self.month)
        self.last = None  # its memory serves the new month
        self.last = done = month.step(self)
        self.recorder.add(self, done)
        self.datacollector.collect(self)
        self.month += 1
        self.running = self.month < self.months

    def run(self) -> InferenceEconomy:
        """Step to the end; return the economy."""
        while self.month < self.months:
            self.step()
        return self

    def close_books(self) -> MonthBooks:
        """Close the month's ledger and hold firms' own accounts against their sector."""
        closed = self.ledger.close(self.label, self.laws)
        scale = float(np.abs(closed.money_usd).sum())
        for sector, total in (
            ("labs", float(self.labs.cash_usd.sum())),
            ("providers", float(self.providers.cash_usd.sum())),
            ("applications", float(self.applications.cash_usd.sum())),
            ("ai_agents", self.total(self.ai_agents.wallet_usd)),
        ):
            gap = total - self.ledger.money(sector)
            self.laws.require_zero("money: members' cash = cash of the sector", self.label, sector, gap, scale)
        return closed

    # --- What stages ask for ---------------------------------------------------------------------------------------

    def total(self, x: Array) -> float:
        """Return a sum over rows, the same bits for any chunking."""
        return float(block_sum(x))

    def parent_cash_usd(self) -> float:
        """Return parents' operating cash of this month."""
        return provider.parent_cash(self.month, self.params.provider)

    def price_now_usd(self) -> float:
        """Return the capacity-weighted contract price."""
        firms = self.providers
        weight = firms.stock_h100e
        return float((firms.contract_usd_per_h100e_hour * weight).sum() / weight.sum())

    @property
    def device_parameters(self) -> float:
        """Largest net that users' devices run well; it grows with memory (trend ``physical.bandwidth_growth``)."""
        p = self.params
        return float(p.app_network.device_parameters * p.physical.bandwidth_growth ** (self.month / 12.0))

    # --- Results ---------------------------------------------------------------------------------------------------

    @property
    def history(self) -> Any:
        """Monthly series so far, polars.DataFrame, month first."""
        return self.recorder.monthly(self)

    def tables(self) -> dict[str, Any]:
        """Return the result tables of the months so far, {name: polars.DataFrame}, each with column ``seed`` first."""
        return tables.all_tables(self, self.recorder)

    def networks(self) -> dict[str, Any]:
        """Return the application and the orchestrator network now, networkx node-link form."""
        return tables.networks(self)

    @property
    def application_graph(self) -> Any:
        """Wage segments -> applications (attention) and applications -> orchestrators, networkx.DiGraph."""
        return tables.application_graph(self)

    @property
    def orchestrator_graph(self) -> Any:
        """Who calls whom among orchestrators, skills and tools, networkx.DiGraph."""
        return tables.orchestrator_graph(self)

    def explain(self, name: str) -> Explanation:
        """Return what a recorded series, parameter, flow or table column is: unit, meaning, formula, source, value."""
        from model.explain import explain

        return explain(self, name)

    def trace(self, agent: Any) -> Account:
        """Return the account of an agent: what it is, what it decided this month and why."""
        from model.trace import trace

        return trace(self, agent)

    def why(self, start: str, end: str) -> Why:
        """Return what made inference and research grow between two recorded months, 'YYYY-MM'."""
        from model.why import why

        return why(self, start, end)

    def _repr_html_(self) -> str:
        """Return the economy as a small table."""
        from model.explain import overview

        return overview(self)._repr_html_()

    def close(self) -> None:
        """Let Mesa forget this economy, so that its memory is freed."""
        self._rows = []
        table.release(self)

    def parameter_values(self) -> Mapping[str, Mapping[str, Any]]:
        """Return plain values in force this month, {section: {name: value}}."""
        return {f.name: getattr(self.params, f.name).values() for f in dataclasses.fields(self.params)}

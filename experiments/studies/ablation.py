"""What each mechanism does: every one held at its constant of 2022, against the baseline on common random numbers.

`run` makes the table that ``economy ablate`` writes; the report shows the stored one (`experiments/stored/ablation.csv`, see `tests/tables.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

import experiments
from experiments.calibration.evaluation import Evaluator, Tell, kept
from model.core.errors import InputError
from model.scenario import Scenario, whole

FILE = Path(experiments.__file__).parent / "stored" / "ablation.csv"
#: What labs see with and without agents, for the reason that the README gives.
AGENTS = FILE.with_name("without_agents.json")
YEAR = 2030
MONTHS = 132
SHARE = "inference_share_accelerator_hours"


class Mechanism(NamedTuple):
    """A mechanism and the overrides that hold it at its constant of 2022 (or take it away)."""

    part: str
    name: str
    overrides: dict[str, Any]
    note: str = ""  # why it may be small


M = Mechanism
MECHANISMS: tuple[Mechanism, ...] = (
    # Exogenous trends, one by one
    M("trend", "chips: FLOP/s per chip", {"physical.chip_performance_growth": 1.0}),
    M("trend", "chips: FLOP/s per dollar", {"physical.price_performance_growth": 1.0}),
    M("trend", "chips: FLOP/s per watt", {"physical.energy_efficiency_growth": 1.0}),
    M("trend", "chips: memory and bandwidth", {"physical.bandwidth_growth": 1.0}),
    M("trend", "chips: a generation every four years", {"physical.generation_months": 48}),
    M(
        "trend",
        "parents' cash",
        {"provider.parent_cash_growth_per_year": 0.0},
        "binds in few months: receipts and lenders pay for most machines",
    ),
    # Layers
    M(
        "physical",
        "sites get dearer where many are built",
        {"supplier.site_elasticity": 8.0},
        "moves what sites cost, a small part of a machine's cost",
    ),
    M(
        "physical",
        "machines retire",
        {"physical.life_months": 120.0},
        "the stock of 2030 is young: it grows manifold a year",
    ),
    M("link", "batches grow with load", {"link.replicas_min": 1000.0}),
    M("link", "serving software learns", {"link.software_learning": 0.0}),
    M(
        "link",
        "training loses on large clusters",
        {"link.scale_out_penalty": 0.0},
        "costs operations of final runs, not the hours that money buys",
    ),
    M("neural", "algorithms improve", {"neural.algorithmic_gain": 0.0}),
    M("neural", "experiments count by their size over the frontier run", {"neural.frontier_exponent": 0.0}),
    M("neural", "ideas spread", {"neural.idea_diffusion_per_year": 0.0}),
    M("neural", "roll-outs teach", {"neural.rollout_exponent": 0.0}),
    M("neural", "distillation", {"neural.distillation_orders_max": 0.0}),
    M("neural", "inference-efficient architectures", {"neural.architecture_per_year": 0.0}),
    M("neural", "text is limited", {"neural.text_tokens": 1e15, "neural.usable_text_share": 1.0}),
    M("context", "prefix caching", {"context.caching_maturity_per_year": 0.0}),
    M("context", "prompts lengthen", {"context.prompt_price_elasticity": 0.0}),
    M("agent", "thinking", {"agent_loop.thinking_max": 1.0}),
    M("agent", "retries", {"agent_loop.attempts_max": 1}),
    M("agent", "standing jobs", {"human.job_value_usd_per_month": 1.0}),
    M(
        "orchestrator",
        "multi-agent work",
        {"call_network.multi_share_max": 0.0},
        "dropped by 2030: one agent is good enough",
    ),
    M(
        "compute",
        "the day has a peak",
        {"compute.peak_load": 1.0},
        "work that can wait fills the valley at the same price",
    ),
    M(
        "orchestrator",
        "routing by quality and price",
        {"orchestrator.routing_inertia": 0.99},
        "moves who is called, not how much",
    ),
    M("application", "features", {"application.feature_value_usd_per_h": 0.0005}),
    M(
        "application",
        "attention moves between applications",
        {"app_network.inertia": 0.99},
        "applications have like features",
    ),
    M(
        "application",
        "nets on users' devices",
        {"app_network.device_share_max": 0.0},
        "short prompts of the smallest nets",
    ),
    # Deciders
    M("human", "assistants spread by example", {"human.imitation_per_year": 0.0}),
    M("human", "delegation (no agents)", {"ai_agent.agent_launch_horizon_minutes": 1e9}),
    M("human", "more is undertaken as tasks get cheaper", {"human.rebound_elasticity": 0.0}),
    M("human", "shadow price of attention", {"attention.shadow_damping": 0.05}),
    M("ai_agent", "births follow wishes", {"ai_agent.spawn_per_month": 0.02}),
    M(
        "ai_agent",
        "delegates may be ad-funded",
        {"ai_agent.ad_funded_share": 0.0},
        "few are, and the ranking costs a few per cent of success",
    ),
    M("ai_agent", "candidates are examined", {"attention.candidate_spread": 0.0}),
    M(
        "robot",
        "robots are bought",
        {"robot.purchase_per_month": 0.005, "robot.production_response_per_month": 0.005},
        "too few before 2035 to count among all tokens",
    ),
    M("belief", "boards look years ahead", {"belief.horizon_years": 0.0}),
    M(
        "belief",
        "forecasts are corrected by their misses",
        {"belief.correction_per_month": 0.0},
        "beliefs that learn growth miss little by 2030",
    ),
    M("provider", "labs' contracts are a signal", {"provider.contract_weight": 0.0}),
    M("provider", "adjustment cost", {"provider.adjustment_years": 0.0}, "low by declaration, money of builders"),
    M("provider", "parents finance machines", {"provider.parent_share_max": 0.0}),
    M("supplier", "capacity expands", {"supplier.response": 0.02}),
    M(
        "supplier",
        "markup follows backlog",
        {"supplier.markup_elasticity": 0.0},
        "moves money between supplier and providers",
    ),
    M("lab", "budgets follow profit", {"lab.budget_growth_max_per_month": 0.01}),
    M("lab", "houses defend rents", {"lab.rent_hazard_per_year": 0.0}),
    M("lab", "buyers won stay", {"app_network.net_inertia": 0.0}),
    M("lab", "growth is learned", {"lab.growth_learning_per_month": 0.005}),
    M("lab", "rivalry for buyers", {"lab.quality_coefficient": 0.0}),
    M("lab", "list prices look ahead", {"lab.pricing_months": 0.0}),
    M("lab", "nets are sized for serving", {"lab.planning_months": 6.0, "lab.seed_market_usd_per_year": 1e8}),
    M("lab", "open weights cap prices", {"lab.self_hosting_markup": 5.0}),
    M("lab", "equity", {"lab.equity_share_per_year": 0.0}, "decides the years of losses; by 2030 labs live on revenue"),
    M(
        "lab",
        "parents' money",
        {"lab.parent_rd_share_max": 0.0},
        "labs live on revenue and equity; a reserve in stress",
    ),
    M(
        "lab",
        "research automation",
        {"lab.automation_gain": 0.0, "lab.research_task_minutes": 20000.0},
        "agents take over work that people did for the same money",
    ),
    # Markets
    M("compute", "prices adjust", {"compute.price_speed": 0.05}),
    M("compute", "spot market", {"compute.spot_share": 0.0}, "a seventh of hours, at a mean near the contract"),
    M("auction", "positions are auctioned", {"auction.rule": "logit"}, "moves advertising money, not compute"),
    M("auction", "budgets move to agents", {"auction.budget_speed": 0.02}, "moves advertising money, not compute"),
)


def without_agents(seeds: int = 8, humans: int = 1_000, workers: int | None = None) -> dict[str, Any]:
    """Return what decides labs' budgets over revenue (Eq. L.4) in December of `YEAR`, with agents and without.

    Returns
    -------
    dict
        year, seeds, and by series (growth_factor, gross_profit_elasticity, gross_margin, rd_to_revenue) the means over seeds
        with and without agents and the paired standard error of the difference.
    """
    from experiments.studies.comparison import paired

    names = ("growth_factor", "gross_profit_elasticity", "gross_margin", "rd_to_revenue")
    held = next(m for m in MECHANISMS if m.name == "delegation (no agents)").overrides
    found = paired(
        "baseline", "baseline", seeds=seeds, humans=humans, months=MONTHS, series=names, months_at=[f"{YEAR}-12"],
        workers=workers, overrides_b=held,
    )  # fmt: skip
    rows = found.rows.join(found.means_a, on=["series", "month"])
    told = {
        r["series"]: [float(f"{x:.4g}") for x in (r["mean"], r["mean"] + r["difference"], r["standard_error"])]
        for r in rows.iter_rows(named=True)
    }
    return {"year": YEAR, "seeds": seeds, **told}


class Effect(NamedTuple):
    """Change by a mechanism's absence: mean over seeds and its paired standard error."""

    part: str
    mechanism: str
    share: float
    share_se: float
    log10_tokens: float
    log10_tokens_se: float
    log10_small_price: float
    log10_small_price_se: float
    crossover_usd_months: float | None  # null where either does not cross in most seeds
    strongest: float  # largest |mean| / standard error
    note: str


def outcome(economy: Any) -> dict[str, float]:
    """Return share, log10 tokens, log10 small-model price in 2030, and the month (or NaN) inference passes half in USD."""
    from model.results.measures import crossover, numerator_denominator

    history, year = economy.history, slice((YEAR - 2022) * 12, (YEAR - 2021) * 12)
    when = crossover(*numerator_denominator("usd", economy.tables()["compute"])).index
    mean = [float(history[name].to_numpy()[year].mean()) for name in (SHARE, "tokens", "price_small_usd_per_mtoken")]
    months = float("nan") if when is None else float(when)
    return {"share": mean[0], "tokens": float(np.log10(mean[1])), "price": float(np.log10(mean[2])), "months": months}


def run(
    seeds: int = 8,
    humans: int = 1_000,
    mechanisms: Sequence[Mechanism] = MECHANISMS,
    workers: int | None = None,
    on_progress: Tell | None = None,
    folder: Path | None = None,
    cluster: str | None = None,
) -> list[Effect]:
    """Return the effect of holding each mechanism constant, paired by seed.

    Parameters
    ----------
    seeds, humans : int
    mechanisms : sequence of Mechanism
    workers : int, optional
        Processes, by default one a processor.
    on_progress : callable, optional
    folder : path, optional
        Where runs are kept: the same call goes on there. Without it nothing is kept.
    cluster : str, optional
        Address of a dask scheduler whose workers run instead.

    Raises
    ------
    InputError
    """
    seeds, base = whole("seeds", seeds, 2, 1000), Scenario.load("baseline").with_run(humans=humans)
    with kept(folder) as runs, Evaluator(runs, base, workers, on_progress, cluster) as evaluator:
        table = evaluator.numbers("mechanisms", [{}, *(m.overrides for m in mechanisms)], seeds, MONTHS, outcome)
    return [effect(m, table[0], held) for m, held in zip(mechanisms, table[1:], strict=True)]


def effect(m: Mechanism, base: Any, held: Any) -> Effect:
    """Return the paired effect of one mechanism; base, held : (seeds, 4)."""
    d = held[:, :3] - base[:, :3]
    mean, error = d.mean(axis=0), d.std(axis=0, ddof=1) / np.sqrt(d.shape[0])
    both = np.isfinite(base[:, 3]) & np.isfinite(held[:, 3])
    months = float((held[both, 3] - base[both, 3]).mean()) if 2 * both.sum() > both.size else None
    strongest = max(abs(a) / b if b > 0.0 else (np.inf if a else 0.0) for a, b in zip(mean, error, strict=True))
    share, tokens, price = zip(mean.tolist(), error.tolist(), strict=True)
    return Effect(m.part, m.name, *share, *tokens, *price, months, float(strongest), m.note)


def frame(effects: Sequence[Effect]) -> pl.DataFrame:
    """Return the table as it is stored."""
    return pl.DataFrame([e._asdict() for e in effects]).with_columns(pl.selectors.float().round_sig_figs(4))


def load(path: Path = FILE) -> pl.DataFrame:
    """Return the stored table.

    Raises
    ------
    InputError
        If it was not made yet.
    """
    if not path.exists():
        raise InputError(f"no table of mechanisms at {path.name!r}: 'economy ablate' makes it")
    return pl.read_csv(path)

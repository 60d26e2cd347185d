"""Result tables of a run as polars frames, and its two networks as graphs: what `economy run` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from model.core import graph, table
from model.core.errors import InputError, shown
from model.core.frames import check_process
from model.core.units import PROVIDER_RUN, WORK, month_date
from model.results.accounts import LAYERS
from model.results.measures import Crossover, crossover, first_index, recorded_pairs
from model.results.record import CAPACITY_ROWS, DEMAND_ROWS, WORK_ROWS
from model.results.regret import hindsight
from model.scenario import Scenario
from model.world import World

if TYPE_CHECKING:
    import polars as pl

    from model.results.record import Recorder


class ResultTable(NamedTuple):
    """A table of a run.

    Parameters
    ----------
    name : str
        Letters, digits and _; its file is ``<name>.parquet``.
    columns : mapping
        Unit and meaning of each column by its name, in order.
    rows : callable
        Of world and recorder: a polars.DataFrame, or a list of rows as mappings. Called when tables are asked for.
    """

    name: str
    columns: Mapping[str, tuple[str, str]]
    rows: Callable[[World, Recorder], Any]

    def frame(self, e: World, r: Recorder) -> pl.DataFrame:
        """Return the table with ``seed`` first; undefined numbers are null.

        Raises
        ------
        InputError
            If a table that was added has other columns than it declares.
        """
        check_process()
        import polars as pl

        made = self.rows(e, r)
        found = made if isinstance(made, pl.DataFrame) else pl.DataFrame(made, orient="row")
        seed = pl.lit(e.seed, dtype=pl.Int64).alias("seed")
        if self in TABLES:
            return found.select(seed, pl.all())
        wanted = [name for name in self.columns if name != "seed"]
        if not isinstance(made, pl.DataFrame) and not made:
            found = pl.DataFrame(schema=dict.fromkeys(wanted, pl.Float64))
        if found.columns != wanted:
            raise InputError(f"table '{self.name}': has the columns {shown(found.columns)}, declares {shown(wanted)}")
        return found.with_columns(pl.selectors.float().fill_nan(None)).select(seed, pl.all())


def added_to(scenario: Scenario) -> tuple[ResultTable, ...]:
    """Return the tables that a scenario has beside the shipped ones.

    Raises
    ------
    InputError
        If one has no name of its own, or is not described.
    """
    added: tuple[ResultTable, ...] = scenario.additions()[0].tables
    for t in added:
        where = f"table {shown(t.name)}"
        if not isinstance(t.name, str) or not t.name.isidentifier() or t.name in [own.name for own in TABLES]:
            raise InputError(
                f"{where}: its name must be letters, digits and _, and none of a table that is there already"
            )
        told = isinstance(t.columns, Mapping) and all(
            isinstance(x, tuple) and [type(part) for part in x] == [str, str] for x in t.columns.values()
        )
        if not told or not t.columns or not callable(t.rows):
            raise InputError(f"{where}: must be ResultTable(name, columns={{name: (unit, meaning)}}, rows=function)")
    return added


def all_tables(e: World, r: Recorder) -> dict[str, pl.DataFrame]:
    """Return every table by name, each beginning with ``seed``."""
    check_process()
    return {t.name: t.frame(e, r) for t in (*TABLES, *added_to(e.settings))}


def _months(e: World, r: Recorder, each: int) -> list[Any]:
    return [month_date(i, e.settings.start) for i in range(len(r.months)) for _ in range(each)]


def compute(e: World, r: Recorder) -> pl.DataFrame:
    """Work by month, purpose, consumer and kernel; classes of work with the same three are added."""
    check_process()
    import polars as pl

    n = len(r.months)
    work = np.array(r.work).reshape(n, len(WORK_ROWS), len(WORK))
    frame = pl.DataFrame(
        {
            "month": pl.Series(_months(e, r, len(WORK)), dtype=pl.Date),
            "purpose": [w.purpose for w in WORK] * n,
            "consumer": [w.consumer for w in WORK] * n,
            "kernel": [w.kernel for w in WORK] * n,
            "flop": work[:, 0].ravel(),
            "accelerator_hours": work[:, 1].ravel(),
            "energy_kwh": work[:, 2].ravel(),
            "usd": work[:, 3].ravel(),
        }
    )
    return frame.group_by("month", "purpose", "consumer", "kernel", maintain_order=True).sum()


def crossovers(e: World, r: Recorder) -> dict[str, Crossover]:
    """Return when each definition's share passed one half, in the months so far."""
    first = first_index(e.settings.start)
    return {name: crossover(*pair, first) for name, pair in recorded_pairs(compute(e, r), r.monthly(e)).items()}


def capacity(e: World, r: Recorder) -> pl.DataFrame:
    """Hours offered, used and idle, and the contract price, by month and provider."""
    check_process()
    import polars as pl

    n, names = len(r.months), e.opening.provider_names
    values = np.array(r.capacity).reshape(n, len(CAPACITY_ROWS), len(names))
    return pl.DataFrame(
        {
            "month": pl.Series(_months(e, r, len(names)), dtype=pl.Date),
            "provider": list(names) * n,
            "capacity_accelerator_hours": values[:, 0].ravel(),
            "used_accelerator_hours": values[:, 1].ravel(),
            "idle_accelerator_hours": values[:, 2].ravel(),
            "price_usd_per_accelerator_hour": values[:, 3].ravel(),
        }
    )


def demand(e: World, r: Recorder) -> pl.DataFrame:
    """Hours demanded, served, queued and lost, by month, purpose and consumer."""
    check_process()
    import polars as pl

    run, n = WORK[PROVIDER_RUN], len(r.months)
    values = np.array(r.demand).reshape(n, len(DEMAND_ROWS), len(run))
    names = ("demanded", "served", "queued", "lost")
    frame = pl.DataFrame(
        {
            "month": pl.Series(_months(e, r, len(run)), dtype=pl.Date),
            "purpose": [w.purpose for w in run] * n,
            "consumer": [w.consumer for w in run] * n,
            **{f"{name}_accelerator_hours": values[:, k].ravel() for k, name in enumerate(names)},
        }
    )
    frame = frame.group_by("month", "purpose", "consumer", maintain_order=True).sum()
    hours = pl.col("demanded_accelerator_hours")
    return frame.with_columns(fill_rate=pl.when(hours > 0.0).then(pl.col("served_accelerator_hours") / hours))


def flows(e: World, r: Recorder) -> pl.DataFrame:
    """Return payments by month, payer, payee and item."""
    check_process()
    import polars as pl

    rows = [
        (month_date(i, e.settings.start), payer, payee, item, usd)
        for i, month in enumerate(r.flows)
        for payer, payee, item, usd in month
    ]
    schema = {"month": pl.Date, "payer": pl.String, "payee": pl.String, "item": pl.String, "usd": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def balances(e: World, r: Recorder) -> pl.DataFrame:
    """Money and equity by sector at each month's end, opening row first (one month before the run)."""
    check_process()
    import polars as pl

    rows = len(r.balances)
    return pl.DataFrame(
        {
            "month": pl.Series(
                [month_date(i - 1, e.settings.start) for i in range(rows) for _ in e.ledger.sectors], dtype=pl.Date
            ),
            "sector": list(e.ledger.sectors) * rows,
            "money_usd": np.concatenate([money for money, _ in r.balances]),
            "equity_usd": np.concatenate([equity for _, equity in r.balances]),
        }
    )


def stack(e: World, r: Recorder) -> pl.DataFrame:
    """Value added, cost, operations and energy by month and layer (1 physical to 7 application)."""
    check_process()
    import polars as pl

    n = len(r.months)
    columns = ("value_added_usd", "cost_usd", "flop", "energy_kwh")
    return pl.DataFrame(
        {
            "month": pl.Series(_months(e, r, len(LAYERS)), dtype=pl.Date),
            "layer": pl.Series(list(range(1, 8)) * n, dtype=pl.Int64),
            **{c: np.array([getattr(s, c) for s in r.stack], dtype=np.float64).ravel() for c in columns},
        }
    )


def labs(e: World) -> pl.DataFrame:
    """Return one row for each net released during the run: planned, realised, hindsight, regret."""
    check_process()
    import polars as pl

    rows = []
    for release in e.state.labs.releases:
        if release.opening:
            continue
        h = hindsight(release, e.params.neural)
        rows.append(
            {
                "lab": release.lab,
                "tier": release.tier,
                "released": month_date(release.released_month, e.settings.start),
                "parameters": release.parameters,
                "training_tokens": release.training_tokens,
                "training_flop": release.training_flop,
                "planned_lifetime_tokens": release.planned_tokens,
                "realised_lifetime_tokens": release.tokens,
                "planned_cost_usd": release.planned_usd,
                "realised_cost_usd": h.realised_usd,
                "hindsight_parameters": h.parameters,
                "hindsight_training_tokens": h.training_tokens,
                "size_regret_flop": h.size_regret_flop,
                "size_regret_usd": h.size_regret_usd,
                "scale_regret_usd": h.scale_regret_usd,
                "hindsight_run_scale": h.run_scale,
                "rule": release.rule,
                "forecaster": release.forecaster,
                "censored": release.retired_month is None,
            }
        )
    text, flag = {"lab", "tier", "rule", "forecaster"}, "censored"
    names = (
        "lab", "tier", "released", "parameters", "training_tokens", "training_flop", "planned_lifetime_tokens",
        "realised_lifetime_tokens", "planned_cost_usd", "realised_cost_usd", "hindsight_parameters",
        "hindsight_training_tokens", "size_regret_flop", "size_regret_usd", "scale_regret_usd", "hindsight_run_scale",
        "rule", "forecaster", "censored",
    )  # fmt: skip
    schema = {
        name: pl.Date
        if name == "released"
        else pl.String
        if name in text
        else pl.Boolean
        if name == flag
        else pl.Float64
        for name in names
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def attention(e: World, r: Recorder) -> pl.DataFrame:
    """Both attention markets by month and claimant."""
    check_process()
    import polars as pl

    rows = [(month_date(i, e.settings.start), *row) for i, month in enumerate(r.attention) for row in month]
    numbers = ("minutes", "context_tokens", "price_usd", "spend_usd")
    schema = {"month": pl.Date, "market": pl.String, "claimant": pl.String, **dict.fromkeys(numbers, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.selectors.float().fill_nan(None))


def agents(e: World) -> pl.DataFrame:
    """Return every agent now: kind, unique_id, weight and the columns of its kind (null elsewhere)."""
    check_process()
    import polars as pl

    frames = []
    for kind, rows in e.kinds.values():
        frame = rows.frame().rename({"id": "unique_id"})
        weight = next((c for c in frame.columns if c.startswith("weight_")), None)
        frames.append(
            frame.select(
                pl.lit(table.kind_name(kind)).alias("kind"),
                "unique_id",
                (pl.col(weight) if weight else pl.lit(1.0)).alias("weight"),
                pl.exclude("unique_id"),
            )
        )
    every: pl.DataFrame = pl.concat(frames, how="diagonal_relaxed").with_columns(pl.selectors.float().fill_nan(None))
    return every


_MONTH = {"seed": ("-", "seed of the run"), "month": ("-", "first day of the month")}

#: The result tables: what each column is, unit and meaning, and what makes the rows. Series explain themselves.
TABLES: tuple[ResultTable, ...] = (
    ResultTable("monthly", {**_MONTH}, lambda e, r: r.monthly(e)),
    ResultTable(
        "compute",
        {
            **_MONTH,
            "purpose": ("-", "what the work is for"),
            "consumer": ("-", "who asked for it"),
            "kernel": ("-", "forward_only or with_backprop, a property of the workload"),
            "flop": ("FLOP", "operations performed"),
            "accelerator_hours": ("h", "H100e-hours worked"),
            "energy_kwh": ("kWh", "electricity of that work, facility included"),
            "usd": ("USD", "paid for the hours"),
        },
        compute,
    ),
    ResultTable(
        "capacity",
        {
            **_MONTH,
            "provider": ("-", "name of the provider"),
            "capacity_accelerator_hours": ("h", "H100e-hours offered"),
            "used_accelerator_hours": ("h", "H100e-hours sold and worked"),
            "idle_accelerator_hours": ("h", "offered and not used"),
            "price_usd_per_accelerator_hour": ("USD/h", "posted contract price"),
        },
        capacity,
    ),
    ResultTable(
        "demand",
        {
            **_MONTH,
            "purpose": ("-", "what the work is for"),
            "consumer": ("-", "who asked for it"),
            "demanded_accelerator_hours": ("h", "asked for, what waited from last month included"),
            "served_accelerator_hours": ("h", "worked"),
            "queued_accelerator_hours": ("h", "waits for next month"),
            "lost_accelerator_hours": ("h", "given up"),
            "fill_rate": ("-", "served over demanded"),
        },
        demand,
    ),
    ResultTable(
        "flows",
        {
            **_MONTH,
            "payer": ("-", "sector that pays"),
            "payee": ("-", "sector that is paid"),
            "item": ("-", "what the payment is for"),
            "usd": ("USD", "amount, never negative"),
        },
        flows,
    ),
    ResultTable(
        "balances",
        {
            **_MONTH,
            "sector": ("-", "sector of the books"),
            "money_usd": ("USD", "money at the month's end; sectors sum to zero"),
            "equity_usd": ("USD", "claims held less claims owed, at book; sectors sum to zero"),
        },
        balances,
    ),
    ResultTable(
        "stack",
        {
            **_MONTH,
            "layer": ("-", "1 physical, 2 link, 3 neural, 4 context, 5 agent, 6 orchestrator, 7 application"),
            "value_added_usd": ("USD", "what the layer is paid less what it pays other layers"),
            "cost_usd": ("USD", "paid to other layers this month, machines not included"),
            "flop": ("FLOP", "operations that the layer orders"),
            "energy_kwh": ("kWh", "electricity of those operations; idle machines count as physical"),
        },
        stack,
    ),
    ResultTable(
        "labs",
        {
            "seed": _MONTH["seed"],
            "lab": ("-", "name of the lab"),
            "tier": ("-", "frontier or small"),
            "released": ("-", "month of release"),
            "parameters": ("parameters", "active parameters"),
            "training_tokens": ("token", "tokens it was trained on"),
            "training_flop": ("FLOP", "pre-training operations"),
            "planned_lifetime_tokens": ("token", "lifetime tokens forecast when it was sized"),
            "realised_lifetime_tokens": ("token", "tokens it served"),
            "planned_cost_usd": ("USD", "lifetime cost planned: training and serving"),
            "realised_cost_usd": ("USD", "lifetime cost that came"),
            "hindsight_parameters": ("parameters", "size that would have cost least"),
            "hindsight_training_tokens": ("token", "training tokens that would have cost least"),
            "size_regret_flop": ("FLOP", "operations above those of the best size"),
            "size_regret_usd": ("USD", "cost above that of the best size"),
            "scale_regret_usd": ("USD", "profit missed by a run of the wrong scale"),
            "hindsight_run_scale": ("-", "run that would have earned most over the run chosen, .1 to 10"),
            "rule": ("-", "investment rule of the lab"),
            "forecaster": ("-", "how the lab forecasts lifetime tokens"),
            "censored": ("-", "still in service when the run ended"),
        },
        lambda e, r: labs(e),
    ),
    ResultTable(
        "attention",
        {
            **_MONTH,
            "market": ("-", "human or agent"),
            "claimant": ("-", "what the attention goes to"),
            "minutes": ("min", "minutes of people"),
            "context_tokens": ("token", "tokens that agents read"),
            "price_usd": ("USD", "per minute of people, per invocation by agents"),
            "spend_usd": ("USD", "paid for that attention"),
        },
        attention,
    ),
    ResultTable(
        "agents",
        {
            "seed": _MONTH["seed"],
            "kind": ("-", "kind of agent"),
            "unique_id": ("-", "identifier within the kind, stable over runs"),
            "weight": ("-", "people, agents or robots the row stands for; 1 for firms"),
        },
        lambda e, r: agents(e),
    ),
)


# --- Networks ------------------------------------------------------------------------------------------------------


def application_graph(e: World) -> Any:
    """Wage segments -> applications, weight = share of the segment's attention; applications -> orchestrators, = calls."""
    import networkx as nx

    from agents.orchestrator import ORCHESTRATOR

    net, apps, share = nx.DiGraph(), e.applications, e.state.choices.app_share
    for g in range(share.shape[0]):
        net.add_node(f"segment_{g}", kind="segment", wage_usd_per_h=float(e.opening.wage_by_segment[g]))
    for k in range(apps.n):
        kind = "assistant" if apps.assistant[k] else "application"
        hours = float(apps.attention_hours[k])
        net.add_node(f"application_{k}", kind=kind, attention_hours=hours, quality=float(apps.quality[k]))
    for g in range(share.shape[0]):
        for k in range(share.shape[1]):
            net.add_edge(f"segment_{g}", f"application_{e.assistants + k}", weight=float(share[g, k]))
    for o in np.flatnonzero(e.orchestrators.node_kind == ORCHESTRATOR):
        net.add_node(f"orchestrator_{o}", kind="orchestrator", traffic_calls=float(e.orchestrators.traffic_calls[o]))
        for k in range(e.assistants):
            net.add_edge(
                f"application_{k}", f"orchestrator_{o}", weight=float(e.state.calls.entry_share[o]) / e.assistants
            )
    return net


def orchestrator_graph(e: World) -> Any:
    """Orchestrators, skills and tools; weight = calls per call of the caller."""
    net, nodes = graph.to_networkx(e.state.calls.edges), e.orchestrators
    kinds = ("orchestrator", "skill", "tool")
    for i in range(nodes.n):
        net.nodes[i].update(
            kind=kinds[int(nodes.node_kind[i])],
            traffic_calls=float(nodes.traffic_calls[i]),
            quality=float(nodes.quality[i]),
        )
    return net


def networks(e: World) -> dict[str, Any]:
    """Return both networks in networkx node-link form."""
    import networkx as nx

    return {
        "application": nx.node_link_data(application_graph(e), edges="edges"),
        "orchestrator": nx.node_link_data(orchestrator_graph(e), edges="edges"),
    }

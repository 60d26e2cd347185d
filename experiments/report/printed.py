"""The answer as text that is read in ten seconds; the same tables stand in the report."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
from rich.console import Console

from experiments.runs import answer
from model.core.units import month_date, percent
from model.results.measures import HEADLINE, PREFIX, Crossover

if TYPE_CHECKING:
    from experiments.runs.results import Result
    from experiments.studies.comparison import Comparison

QUESTION = "Will inference, not training, become the dominant compute workload - and when?"
PRIOR = (
    "Data-informed to 2025-11: installed chips, users, rental price, task horizon, largest run. "
    "Prior-dominated: all later shares, background jobs of agents, robots, migration of attention."
)
PERIODS = 4
WHAT = "Inference's share of the accelerator-hours of generative AI (serving / (serving + R&D))"


class Screen(Console):
    """Standard output, `width` columns wide where it is no terminal."""

    def __init__(self, width: int) -> None:
        """Take the terminal's width where there is one."""
        super().__init__(width=None if sys.stdout.isatty() else width)


class Table(NamedTuple):
    """A small table: title, headings, rows of text; the first `words` columns are words, the rest numbers."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: int = 1


def headline(result: Result) -> list[str]:
    """Return the answer in a few sentences, each with its denominator."""
    crossings = result.crossovers[answer.HEADLINE]
    summary = result.crossover_summary()[answer.HEADLINE]
    start, n = result.counts.start, len(result.seeds)
    last = month_date(max(len(m) for m in result.counts.months) - 1, start).isoformat()[:7]
    crossed = sum(c.index is not None for c in crossings)
    seeds = f"{crossed} of {result.replicates}"
    what = "The 12-month share" if last >= answer.FIRST_DATE and n else WHAT
    out = []
    told = answer.yearly_shares(result.counts)[answer.HEADLINE]
    by_year = answer.shares_in_words(told, answer.above_half(result.counts)[answer.HEADLINE], n)
    if by_year and last >= answer.FIRST_DATE:
        out.append(f"{WHAT}: {by_year}.")
    if last < answer.FIRST_DATE:
        out.append(
            f"{what}: no answer; the run ends in {last}, before {answer.FIRST_DATE}, the first date that counts."
        )
    elif summary["median"] is None:
        outcome = "; it rises above and falls back" if any(c.outcome == "reverted" for c in crossings) else ""
        verdict = f"does not cross one half by {last}" if crossed == 0 else "crosses one half in half the runs or fewer"
        out.append(f"{what} {verdict} ({seeds} cross{'' if crossed else outcome}).")
    else:
        low, high = summary["low"] or "never", summary["high"] or "never"
        spread = f"median; P10-P90 {low} to {high}; {seeds}" if n > 1 else "one seed"
        early = sum(c.outcome == "before_start" for c in crossings)
        when = (
            f"had crossed one half by {summary['median']}"
            if 2 * early > n
            else f"crosses one half in {summary['median']}"
        )
        out.append(f"{what} {when} ({spread}).")
    again = sum(answer.below_later(result.counts, answer.HEADLINE, crossings))
    if again:
        out.append(f"In {again} of them it is at or below one half again later.")
    unsure = sum(c.provisional and c.index is not None for c in crossings)
    if unsure:
        out.append(f"Provisional in {unsure}: the run ends before the share has stayed above for twelve months.")
    if told and last >= answer.FIRST_DATE:
        when = _when(result.dominances[answer.HEADLINE], result.dominance_summary()[answer.HEADLINE])
        out.append(f"It passes two thirds (dominance): {when}.")
        money = answer.investment_in_words(answer.investment(result.monthly), n)
        out += [sentence for sentence in (answer.near_half_in_words(told), money) if sentence is not None]
    if n == 1:
        out.append("One seed shows no spread: use --seeds or --posterior for an interval.")
    return out


def tables(result: Result, narrow: bool = False) -> list[Table]:
    """Return the tables of the answer; a narrow screen shows fewer columns of the first."""
    found = [_definitions(result, narrow), _demand(result), _kernels(result), _labs(result), _hinge(result)]
    return [table for table in found if table.rows]


def _definitions(result: Result, narrow: bool) -> Table:
    summary, shares = result.crossover_summary(), answer.yearly_shares(result.counts)
    years = answer.shown_years([int(y) for y in shares[answer.HEADLINE]])[-2 if narrow else 0 :]
    rows = []
    for definition, words in answer.DENOMINATORS.items():
        crossings = result.crossovers[definition]
        crossed = sum(c.index is not None for c in crossings)
        when = _when(crossings, summary[definition])
        if 2 * sum(answer.below_later(result.counts, definition, crossings)) > crossed:
            when += ", not throughout"
        cells = [words, when, f"{crossed}/{len(crossings)}"]
        cells += [_percent(shares[definition].get(str(y), {}).get("median")) for y in years]
        if narrow:
            rows.append(tuple(cells))
            continue
        on_board = definition + answer.ON_BOARD_SUFFIX
        cells.append(_median(result.crossovers[on_board], summary[on_board]))
        rows.append(tuple(cells))
    head = ("inference's share of ...", "crosses one half", "runs", *map(str, years), "on board")
    if narrow:
        return Table("By denominator: median [P10, P90]; yearly shares", head[:-1], rows)
    title = "By denominator: median [P10, P90]; yearly shares; 'on board' counts robots' and devices' own chips too"
    return Table(title, head, rows)


def _demand(result: Result) -> Table:
    found = answer.demand(result.compute)
    years = [str(y) for y in answer.shown_years([int(y) for y in found])]
    rows = [
        (words, *(_percent(found[y]["share"][part]) for y in years)) for part, words in answer.PARTS.items() if years
    ]
    if years:
        rows.append(("all of them, H100e-hours a year", *(f"{found[y]['accelerator_hours']:.1e}" for y in years)))
    return Table("Who had these accelerator-hours (share of serving + R&D, by year)", ("", *years), rows)


def _kernels(result: Result) -> Table:
    found = answer.kernels(result.compute)
    years = [str(y) for y in answer.shown_years([int(y) for y in found])]
    names = {
        "product": "product, forward only",
        "research_forward": "R&D, forward only [range of experiments' part]",
        "research_backprop": "R&D, with backpropagation",
    }
    rows = []
    for unit, of in (("accelerator_hours", "hours"), ("flop", "FLOP")):
        for part, words in names.items() if years else ():
            cells = [_percent(found[y][unit][part]) for y in years]
            if part == "research_forward":
                ends = [(found[y][unit][f"{part}_low"], found[y][unit][f"{part}_high"]) for y in years]
                cells = [f"{x} [{_percent(low)}, {_percent(high)}]" for x, (low, high) in zip(cells, ends, strict=True)]
            rows.append((f"{of}: {words}", *cells))
    return Table("Product and R&D by kernel (share of serving + R&D, by year)", ("", *years), rows)


def _labs(result: Result) -> Table:
    found = answer.planned_realised(result.tables["labs"], PERIODS)
    tiers = [t for t in ("frontier", "small") if any(r["tier"] == t for r in found)]
    tiers += sorted({r["tier"] for r in found} - set(tiers))
    rows = []
    end = int(result.monthly["month"].dt.year().to_numpy().max())
    for first in sorted({r["released"] for r in found if r["models"]}):
        cells = []
        for tier in tiers:
            row = next((r for r in found if r["released"] == first and r["tier"] == tier and r["models"]), None)
            cells.append("-" if row is None else f"{_times(row['tokens'])} / {_times(row['cost'])} ({row['models']})")
        rows.append((f"released {first} to {min(first + PERIODS - 1, end)}", *cells))
    title = "Labs: realised over planned lifetime tokens / cost, in total (models that have ended serving)"
    return Table(title, ("", *tiers), rows)


def _hinge(result: Result) -> Table:
    found = answer.hinge(result.monthly)
    years = [str(y) for y in answer.shown_years([int(y) for y in found])]
    names = {
        "rd_to_revenue": "R&D / revenue (rho)",
        "cost_to_revenue": "cost of revenue / revenue (1 - m)",
        "equity_to_revenue": "equity raised / revenue",
    }
    rows = [(words, *(_number(found[y][name]) for y in years)) for name, words in names.items() if years]
    return Table("The hinge, all labs: in money inference exceeds half when rho < 1 - m", ("", *years), rows)


def _when(crossings: list[Crossover], summary: dict[str, str | float | None]) -> str:
    """Return the median date with its interval."""
    text = _median(crossings, summary)
    if len(crossings) == 1 or not summary["share_crossed"]:
        return text
    return f"{text} [{summary['low'] or 'never'}, {summary['high'] or 'never'}]"


def _median(crossings: list[Crossover], summary: dict[str, str | float | None]) -> str:
    if all(c.outcome == "never" and c.provisional for c in crossings):
        return "-"  # the run is too short to tell
    if not summary["share_crossed"]:
        return "reverted" if any(c.outcome == "reverted" for c in crossings) else "never"
    if summary["median"] is None:
        return "no median"
    early = 2 * sum(c.outcome == "before_start" for c in crossings) > len(crossings)
    return f"by {summary['median']}" if early else str(summary["median"])


def _percent(x: float | str | None) -> str:
    return percent(None if x is None else float(x))


def _times(x: float | None) -> str:
    return "-" if x is None else f"x{x:.2g}"


def _number(x: float | None) -> str:
    return "-" if x is None else f"{x:.2f}" if abs(x) < 100 else f"{x:.3g}"


def show(result: Result, console: Console, out: str | None = None) -> None:
    """Print the answer; tables with rich, plain where the output is no terminal."""
    from rich.table import Table as RichTable

    scenario = result.scenario
    console.print(QUESTION, style="bold", highlight=False)
    run = f"Scenario '{scenario.name}', {scenario.months} months from {scenario.start}, {scenario.humans:,} human rows,"
    console.print(f"{run} {result.replicates}.", highlight=False)
    for line in headline(result):
        console.print(line, style="green" if line.startswith("Inference") else None, highlight=False)
    for table in tables(result, narrow=console.width < 100):
        console.print(f"\n{table.title}", style="bold", highlight=False)
        drawn = RichTable(box=None, pad_edge=False, header_style="dim")
        for i, name in enumerate(table.head):
            widest = max(len(cells[i]) for cells in [table.head, *table.rows])
            wide: dict[str, Any] = {} if i < table.words else {"justify": "right", "no_wrap": True, "min_width": widest}
            drawn.add_column(name, **wide)
        for row in table.rows:
            drawn.add_row(*row)
        console.print(drawn, highlight=False)
    console.print(f"\n{PRIOR}", highlight=False)
    if out is not None:
        console.print(f"Report: {out}/report.html   Picture: {out}/report.png", highlight=False, soft_wrap=True)


#: Series in the printed comparison; all are in the rows.
COMPARED = (
    "inference_share_accelerator_hours",
    "inference_share_purpose",
    "inference_share_usd",
    "tokens",
    "ai_agents",
    "installed_h100e",
    "price_usd_per_h100e_hour",
    "task_horizon_minutes",
    "lab_revenue_usd",
    "lab_rd_usd",
)


def comparison_tables(found: Comparison) -> list[Table]:
    """Return effects with their errors and both crossovers as small tables."""
    months = found.rows["month"].unique().sort().to_list()
    years = answer.shown_years([m.year for m in months if m.month == 12])
    shown = [m for m in months if m.month == 12 and m.year in years] or months[-1:]
    series = found.rows["series"].unique(maintain_order=True).to_list()
    chosen = [s for s in COMPARED if s in series] or series[:10]
    means = {(s, m): x for s, m, x in found.means_a.rows()}
    rows = []
    for name, month, difference, error, independent, correlation in found.rows.rows():
        if name in chosen and month in shown:
            times = None if not error or independent is None else independent / error
            numbers = [means[name, month], difference, error]
            cells = [_signed(x) for x in numbers] + [_signed(times, ".1f"), _signed(correlation, ".2f")]
            rows.append((name, month.isoformat()[:7], *cells))
    a, b = found.names
    pairs = f"{len(found.seeds)} pairs of runs on common random numbers"
    head = ("series", "month", "A", "B - A", "s.e.", "indep./paired s.e.", "correlation")
    effects = Table(f"Effect: A = {a}, B = {b}; {pairs}", head, rows, 2)
    crossed = [
        (d, answer.DENOMINATORS[d], *(_summary(both[d]) for both in found.crossovers)) for d in answer.DENOMINATORS
    ]
    return [effects, Table("Crossover (median; runs that cross)", ("definition", "share of", "A", "B"), crossed, 2)]


def show_tables(tables: list[Table], console: Console) -> None:
    """Print tables one below the other."""
    from rich.table import Table as RichTable

    for table in tables:
        grid = RichTable(title=table.title, title_justify="left", box=None, pad_edge=False)
        for i, heading in enumerate(table.head):
            grid.add_column(heading, justify="left" if i < table.words else "right", overflow="fold")
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
        console.print()


def show_comparison(found: Comparison, console: Console) -> None:
    """Print a comparison."""
    show_tables(comparison_tables(found), console)
    console.print(pairing(found))
    if found.diverged is None:
        console.print("The runs do not differ in any recorded series.")
        return
    month, names = found.diverged
    more = f" and {len(names) - 3} more series" if len(names) > 3 else ""
    console.print(f"First difference: {month}, in {', '.join(names[:3])}{more}.")


def pairing(found: Comparison) -> str:
    """Return what common random numbers are worth for the headline share, in December 2026 or else the last month."""
    rows = found.rows.filter(pl.col("series") == PREFIX + HEADLINE)
    at = rows.filter(pl.col("month") == dt.date(2026, 12, 1))
    for row in (at if at.height else rows.tail(1)).iter_rows(named=True):
        error, independent = row["standard_error"], row["standard_error_independent"]
        if not error or independent is None:
            break
        return (
            f"Pairing: for the headline share in {row['month']:%Y-%m} the effect is {row['difference']:+.4f} (s.e. {error:.2g}); "
            f"independent seeds would give s.e. {independent:.2g}, {independent / error:.1f} times as much."
        )
    return "Pairing: the headline share has no error to compare."


def _summary(summary: dict[str, str | float | None]) -> str:
    share = summary["share_crossed"]
    return f"{summary['median'] or 'none'} ({100 * share:.0f} %)" if isinstance(share, float) else "-"


def _signed(x: float | None, how: str = ".4g") -> str:
    return "-" if x is None else format(x, how)

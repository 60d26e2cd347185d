"""What README.md quotes from runs, written from stored results between markers: `python -m tests.quoted [FOLDER [OWN]]`.

With the result folder of a baseline its answer is stored first, in `experiments/stored/answer.json`; with that of seeds at the baseline's
own values also theirs, in `answer_own.json`. `make docs` calls it so.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

import model
from experiments.calibration import backtest, priors, scored
from experiments.calibration import overlap as informed
from experiments.replications import claims
from experiments.replications import laws as replicate
from experiments.runs.answer import (
    DENOMINATORS,
    FIRST_DATE,
    HEADLINE,
    TOLD_YEARS,
    investment_in_words,
    near_half_in_words,
    shares_in_words,
)
from experiments.runs.results import Result
from experiments.studies import ablation, ranges
from model.scenario import Scenario, declarations

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
ANSWER = ROOT / "experiments" / "stored" / "answer.json"
OWN = ANSWER.with_name("answer_own.json")
BENCH = ROOT / "docs" / "bench" / "bench.json"
YEARS = tuple(map(str, TOLD_YEARS))
#: Mechanisms of which the README says by name what they do, and how many of the strongest it names.
ASKED, STRONGEST = ("delegation (no agents)", "thinking"), 4
#: Series of the backtest that say how much compute there is, always named.
SUPPLY = ("ai_chip_cum_h100e_sum4", "nvidia_cum_h100e", "nvidia_dc_revenue_q", "capex_big4_year")
#: What is said of runs that cross one half.
NOTES = {"below_later": "below again later", "provisional": "too near the end to say"}
#: A factor beyond which a series of the backtest is named as missed, and how many of the closest are named.
MISSED, CLOSEST = 3.0, 3
WIDTH = 138


# The answer of the baseline ------------------------------------------------------------------------


def answer_of(result: Result) -> dict[str, Any]:
    """Return what is stored of a run's answer, but the date: `economy run --json`, definitions and years of the README."""
    told = result.to_json()
    kept = {key: told[key] for key in ("scenario", "months", "humans", "seeds")}
    for level in ("crossover", "dominance", "below_later", "provisional"):
        kept[level] = {d: told[level][d] for d in DENOMINATORS}
    kept["share"] = {d: {year: told["share"][d][year] for year in YEARS} for d in DENOMINATORS}
    kept |= {
        "above_half": told["above_half"][HEADLINE],
        "by_year": told["share"][HEADLINE],
        "investment": told["investment"],
    }
    return {"version": model.__version__, "runs": result.replicates, **rounded(kept)}


def rounded(value: Any) -> Any:
    """Return a structure with its numbers to eleven digits: further ones differ from processor to processor."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    return float(f"{value:.11g}") if isinstance(value, float) else value


def store(result: Result, path: Path = ANSWER, today: dt.date | None = None) -> None:
    """Store a run's answer with the day on which it first came out as it is."""
    new = answer_of(result)
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    date = old.get("date")
    if {**old, "date": None} != {**new, "date": None} or date is None:
        date = (today or dt.date.today()).isoformat()
    path.write_text(json.dumps({"date": date, **new}, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def answer_text(told: Mapping[str, Any]) -> str:
    """Return the answer as a caption and a table."""
    head = ("inference's share of ...", "crosses one half: median [P10, P90]", "runs that pass", *YEARS)
    rows = [head, ("---",) * len(head)]
    for definition, words in DENOMINATORS.items():
        shares = [told["share"][definition][year] for year in YEARS]
        crossed = told["crossover"][definition]
        reverts = 2 * told["below_later"][definition] > len(told["seeds"]) * crossed["share_crossed"]
        rows.append((words, when(crossed, reverts), passing(told, definition), *map(span, shares)))
    caption = (
        f"*The answer in one figure and by denominator: baseline, {told['runs']} of {told['humans']:,} human rows, version"
        f" {told['version']}, {told['date']}. Crosses one half: the first month, from {FIRST_DATE} on, from which the sum over twelve months"
        " stays above one half for a year; never: not by the end of 2035. Shares of calendar years: median (P10 to P90). `make docs` makes both anew.*"
    )
    return (
        filled(in_words(told)) + "\n\n" + filled(caption) + "\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
    )


def in_words(told: Mapping[str, Any]) -> str:
    """Return the answer under three definitions in a sentence."""
    said = []
    for words, definition in (("dollars", "usd"), ("accelerator-hours", HEADLINE), ("executed operations", "purpose")):
        crossed, n = told["crossover"][definition], len(told["seeds"])
        date = f"in {crossed['median']}" if crossed["median"] else "not by the end of 2035"
        notes = [f"{told[name][definition]} {words}" for name, words in NOTES.items() if told[name][definition]]
        runs = f"{round(n * crossed['share_crossed'])} of {n} runs"
        said.append(f"{date} in {words} ({', '.join([runs, *notes])})")
    n = len(told["seeds"])
    more = (near_half_in_words(told["by_year"]), investment_in_words(told["investment"], n))
    return " ".join(
        [
            f"**Inference's share of the accelerator-hours of generative AI is {shares_in_words(told['by_year'], told['above_half'], n)}.**",
            f"It overtakes the R&D of labs (training) {', '.join(said[:-1])}, and {said[-1]}. Dates are medians of model runs;"
            f" {pl.read_csv(priors.FITTED).height} of the model's {len(declarations())} parameters were fitted, to data up to {scored.LAST}.",
            *(sentence for sentence in more if sentence is not None),
        ]
    )


def passing(told: Mapping[str, Any], definition: str) -> str:
    """Return the share of runs that pass, and how many of them do not stay there or end too early to say."""
    notes = [f"{told[name][definition]} {words}" for name, words in NOTES.items() if told[name][definition]]
    return percent(told["crossover"][definition]["share_crossed"]) + (f" ({', '.join(notes)})" if notes else "")


def when(crossed: Mapping[str, Any], reverts: bool = False) -> str:
    """Return when a share crossed one half, in words; `reverts` where most runs that pass are below it again later."""
    if not crossed["share_crossed"]:
        return "never"
    middle = crossed["median"] or "half the runs or fewer"
    if crossed["median"] == FIRST_DATE:
        middle = f"by {middle}"
    return (
        f"{middle} [{crossed['low'] or 'never'}, {crossed['high'] or 'never'}]{', not throughout' if reverts else ''}"
    )


def own_text(told: Mapping[str, Any]) -> str:
    """Return what the baseline's own values give when only luck differs."""
    hours, money = (told["crossover"][d] for d in (HEADLINE, "usd"))
    shares = told["share"][HEADLINE]
    n = len(told["seeds"])
    return filled(
        f"The draws differ in the fitted parameters and in seed noise. At the baseline's own values, seed noise alone ({told['runs']}), hours cross one"
        f" half in {percent(hours['share_crossed'])} of runs (a tenth by {hours['low'] or 'no month'}) and are {span(shares['2030'])} in 2030,"
        f" {span(shares['2035'])} in 2035; dollars pass in {when(money)}, {told['below_later']['usd']} of {n} below again later. A share of {n}"
        f" runs has a standard error of at most {100 * (0.25 / n) ** 0.5:.1f} points. Neither holds what parameters that were not fitted leave"
        f" open: {own_range(ranges.load())}; `experiments/stored/ranges.csv` has each parameter."
    )


def own_range(table: pl.DataFrame) -> str:
    """Return what the strongest parameter alone does to the share, of a table as `experiments/stored/ranges.csv`."""
    r = table.sort("span", descending=True).row(0, named=True)
    return (
        f"`{r['parameter']}` alone takes the share of {ranges.YEAR} from {percent(r['share_base'])} to {percent(r['share_low'])} at its low end"
        f" ({r['low']}) and to {percent(r['share_high'])} at its high end ({r['high']})"
    )


def because_text(effects: pl.DataFrame, labs: Mapping[str, Any]) -> str:
    """Return what agents and thinking do and which mechanisms move the share most.

    Of a table as `experiments/stored/ablation.csv` and of what labs see without agents, as in `experiments/stored/without_agents.json`.
    """
    rows = {row["mechanism"]: row for row in effects.iter_rows(named=True)}
    agents, thinking = (rows[name] for name in ASKED)
    more = "higher" if agents["share"] > 0.0 else "lower"
    m, rho = (labs[k] for k in ("gross_margin", "rd_to_revenue"))
    reason = (
        f" By the accounts of labs at the end of {labs['year']}: without agents serving costs {percent(1.0 - m[1])} of revenue instead of"
        f" {percent(1.0 - m[0])}, and research takes {percent(rho[1])} instead of {percent(rho[0])}."
    )
    others = (
        effects.filter(~pl.col("mechanism").is_in(ASKED)).sort(pl.col("share").abs(), descending=True).head(STRONGEST)
    )
    named = "; ".join(f"{r['mechanism']} ({points(r['share'])})" for r in others.iter_rows(named=True))
    return filled(
        f"Because of what? Each mechanism in turn is taken away or slowed to an end of its range (`economy ablate`, paired seeds, the"
        f" baseline's own values). Without AI"
        f" agents, tokens of {ablation.YEAR} are {10 ** -agents['log10_tokens']:.0f} times fewer and inference's share of hours is"
        f" {points(abs(agents['share'])).lstrip('+')} {more} (standard error {100 * agents['share_se']:.1f}).{reason} Without thinking the share"
        f" moves by {points(thinking['share'])} ({100 * thinking['share_se']:.1f}). The share moves most without: {named}."
    )


def points(x: float) -> str:
    """Return a difference of shares in points of a hundred."""
    return f"{100.0 * x:+.0f} points"


# Fit, backtest, overlap ----------------------------------------------------------------------------


def fit_text(fitted: pl.DataFrame) -> str:
    """Return which parameters the data fix, of a table as `experiments/stored/fitted.csv`."""
    fixed = fitted.filter(pl.col("variance_left") <= 0.5).sort("variance_left")
    named = ", ".join(
        f"`{r['parameter']}` ({percent(r['variance_left'])} by `{r['identified_by']}`)"
        for r in fixed.iter_rows(named=True)
    )
    values = Scenario.load("baseline").parameters
    outside = []
    for r in fitted.iter_rows(named=True):
        section, name = r["parameter"].split(".")
        value = getattr(getattr(values, section), name)
        if not r["posterior_p10"] <= value <= r["posterior_p90"]:
            outside.append(f"`{r['parameter']}` ({value:g}; {r['posterior_p10']:.3g} to {r['posterior_p90']:.3g})")
    said = f" Its own value lies outside P10 to P90 of the posterior for {', '.join(outside)}." if outside else ""
    return filled(
        f"The baseline is fitted to what was observed to {scored.LAST}. The data fix {fixed.height} of {fitted.height} fitted"
        f" parameters, so that at most half of the prior's variance is left: {named}.{said}"
    )


def backtest_text(told: Mapping[str, Any]) -> str:
    """Return the score of a backtest as `economy backtest` stores it."""
    s = told["scores"]
    low, high = s["coverage_80_interval"]
    narrow = ", so they are too narrow" if high < 0.8 else ""
    skill = ", ".join(
        f"{v['skill']:+.2f} against a {name.replace('_', ' ')} ({v['interval'][0]:+.2f} to {v['interval'][1]:+.2f})"
        for name, v in s["crps_skill_against"].items()
    )
    rows = sorted(told["series"], key=lambda row: row["median_abs_log10_error"])
    missed = [row for row in reversed(rows) if 10 ** row["median_abs_log10_error"] > MISSED]
    close = [row for row in rows if row["n_points"] > 1][:CLOSEST]
    supply = [row for row in rows if row["series"] in SUPPLY]
    return filled(
        f"Fitted to {told['cutoff']} and held against what came after, to {scored.LAST} ({s['n_points']} points of"
        f" {s['n_series']} series; {s['n_unmapped']} further series have no counterpart in the model), the model is off by a factor of {10 ** s['median_abs_log10_error']:.1f} (median over series"
        f" with an earlier trend, blocks alike; a factor of two or less in {percent(s['within_factor_2'])}); its 80 % intervals"
        f" cover {percent(s['coverage_80'])} ({100 * low:.0f} to {100 * high:.0f} % by a bootstrap over series){narrow}. Skill of"
        f" whole distributions (CRPS): {skill}. Closest of several points: {', '.join(map(off, close))}. Supply of"
        f" compute: {', '.join(map(off, supply))}. Off by more than a factor of"
        f" {MISSED:.0f}: {', '.join(map(off, missed)) or 'none'}."
    )


def off(row: Mapping[str, Any]) -> str:
    """Return a series of a backtest and by which factor it was missed; points on both sides have no direction."""
    errors = [point["error_log10"] for point in row["points"]]
    side = " low" if max(errors) < 0.0 else " high" if min(errors) > 0.0 else ""
    return f"`{row['series']}` (x{10 ** row['median_abs_log10_error']:.1f}{side})"


def overlap_text(told: informed.Informed) -> str:
    """Return whether the data inform the answer, as `economy calibrate --crossover` stores it."""
    draws = len(told.posterior[informed.HEADLINE])
    return filled(
        f"Prior and posterior to the end, {draws} draws of {informed.HUMANS} human rows each, so that a share of draws is known to within"
        f" {100 * (0.25 / draws) ** 0.5:.0f} points. Above {percent(informed.UNINFORMED)} of overlap the data count as silent, above"
        f" {percent(informed.LITTLE)} as having moved the answer a little. {' '.join(told.sentences())}"
    )


def replicate_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return how many published results of each class are met and which are not, of what `economy replicate --json` gives."""
    said = []
    for group, found in claims.counts(rows).items():
        missed = [r["id"] for r in rows if r["class"] == group and r["verdict"] != "pass"]
        named = f" (missed: {', '.join(missed)})" if missed else ""
        said.append(f"{claims.CLASSES[group]}, {found['pass']} of {sum(found.values())}{named}")
    return filled(
        f"Published results (`economy replicate`) that come out, by class: {'; '.join(said)}. The first two say that the code computes what"
        f" it should; only the third holds the economy against the world."
    )


# Speed ---------------------------------------------------------------------------------------------


def speed_text(found: Mapping[str, Any]) -> str:
    """Return size and speed, of what `economy bench` stores: ratios of times measured in one run on one machine."""
    *_, middle, large = found["sizes"]
    times = " and ".join(f"{s['twin']['over_arrays']:.0f} times at {s['humans']:,} rows" for s in (middle, large))
    apart = max(s["twin"]["largest_difference"] for s in (middle, large))
    growth, m = found["figures"][f"whole_growth_{middle['humans']}_to_{large['humans']}"], found["machine"]
    return filled(
        f"Measured in one run of `economy bench` ({m['processors']} processors, Python {m['python']}, NumPy {m['numpy']}, Mesa"
        f" {m['mesa']}): the same behaviours as plain Mesa objects, one a row, take {times} the processor time of the tables, and decide"
        f" alike to {apart:.0e}. A household cell (a row of people) with its agents, robots and contacts takes"
        f" {large['bytes']['all']:.0f} bytes and, at {large['humans']:,} rows, {growth:.2f} times the processor time that it takes at"
        f" {middle['humans']:,}. A default run takes {found['run']['cpu']:.1f} s once everything is imported; {found['sweep']['workers']}"
        f" workers of a sweep do {found['sweep']['efficiency']:.2f} of the work of as many bare processes."
    )


# Markers -------------------------------------------------------------------------------------------

#: What stands between the markers of a name.
BLOCKS: Mapping[str, Callable[[], str]] = {
    "answer": lambda: answer_text(json.loads(ANSWER.read_text(encoding="utf-8"))),
    "own": lambda: own_text(json.loads(OWN.read_text(encoding="utf-8"))),
    "because": lambda: because_text(
        ablation.load(ablation.FILE), json.loads(ablation.AGENTS.read_text(encoding="utf-8"))
    ),
    "fit": lambda: fit_text(pl.read_csv(priors.FITTED)),
    "backtest": lambda: backtest_text(json.loads(backtest.STORED.read_text(encoding="utf-8"))),
    "overlap": lambda: overlap_text(informed.stored()),
    "replicate": lambda: replicate_text(replicate.stored()),
    "speed": lambda: speed_text(json.loads(BENCH.read_text(encoding="utf-8"))),
}
MARKED = re.compile(r"(<!-- quoted (\w+):[^>]*-->\n)(.*?)(<!-- end \2 -->)", re.S)


def written(text: str) -> str:
    """Return a page with each block as stored results give it."""
    return MARKED.sub(lambda m: f"{m[1]}{BLOCKS[m[2]]()}\n{m[4]}", text)


def drifts(text: str) -> list[str]:
    """Return which blocks of a page are missing, there twice, of no known name, or not what stored results give."""
    names = [m[2] for m in MARKED.finditer(text)]
    wrong = [f"{name}: not quoted" for name in BLOCKS if name not in names]
    wrong += [f"{name}: unknown" for name in dict.fromkeys(names) if name not in BLOCKS]
    wrong += [f"{name}: quoted {names.count(name)} times" for name in BLOCKS if names.count(name) > 1]
    if bare := len(re.findall(r"<!-- (?:quoted|end) ", text)) - 2 * len(names):
        wrong.append(f"{bare} markers without their other half")
    for _, name, body, _ in MARKED.findall(text):
        if name in BLOCKS and body != (now := f"{BLOCKS[name]()}\n"):
            pairs = itertools.zip_longest(body.splitlines(), now.splitlines(), fillvalue="")
            old, new = next((a, b) for a, b in pairs if a != b)
            wrong.append(f"{name}: says {old!r}, stored results say {new!r}; `python -m tests.quoted` writes it")
    return wrong


def percent(x: float) -> str:
    """Return a share in per cent."""
    return f"{100.0 * x:.0f} %"


def span(share: Mapping[str, float]) -> str:
    """Return the median of a share with its interval."""
    return f"{percent(share['median'])} ({100 * share['low']:.0f} to {100 * share['high']:.0f})"


def filled(text: str) -> str:
    """Return a paragraph on lines of the page's width."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def main(folder: str | None = None, own: str | None = None) -> None:
    """Store the answers of result folders, if they are named, and write README.md."""
    for given, path in ((folder, ANSWER), (own, OWN)):
        if given is not None:
            store(Result.load(given), path)
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

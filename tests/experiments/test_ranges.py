"""No parameter sets the split: across its declared range each moves the headline share of 2030 by at most .35, named drivers apart."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import model
from experiments import cli
from experiments.calibration import evaluation
from experiments.page import levers
from experiments.report import evidence
from experiments.studies import ablation, auction_rules, ranges
from model import InferenceEconomy, Scenario
from model.core.errors import InputError
from model.scenario import Intervention, declarations
from tests import tables
from tests.samples import some

DECISIONS = Path(model.__file__).parent / "decisions"


def beyond(table) -> set[str]:
    return set(table.filter(table["span"] > ranges.LIMIT)["parameter"])


def test_only_named_drivers_move_the_share_far():
    table = ranges.load()
    assert beyond(table) <= set(ranges.DRIVERS)
    assert len(ranges.DRIVERS) <= 8
    tried = {f"{d.section}.{d.name}" for d in declarations() if ranges.ends(d)}
    assert set(table["parameter"]) <= tried, "`make tables` removes what is no parameter any more"
    assert table["parameter"].is_unique().all()
    assert table["span"].is_nan().sum() == 0


@pytest.mark.long
def test_every_parameter_is_measured():
    assert ranges.unmeasured() == [], "`make tables` measures them"


def test_what_is_not_yet_measured_is_said(monkeypatch):
    """A parameter without a row, and one whose default or range is another than the row's."""
    table = ranges.load()
    new, changed = table["parameter"][0], table["parameter"][1]
    anew = pl.when(pl.col("parameter") == changed).then(pl.lit("7: 1, 9")).otherwise(pl.col("declared"))
    short = table.filter(pl.col("parameter") != new).with_columns(anew.alias("declared"))
    assert set(ranges.unmeasured(short)) - set(ranges.unmeasured(table)) == {new, changed}
    monkeypatch.setattr(ranges, "load", lambda: short)
    shown = evidence.moved()
    assert "not yet measured: " in shown.title
    for name in (new, changed):
        assert name in shown.title
        assert name not in [row[0] for row in shown.rows]
        assert levers.effects.__wrapped__()[name] == "What it does alone is not yet measured."
        assert name not in levers.brief.__wrapped__()


def test_tables_measure_what_is_new_and_keep_the_rest(monkeypatch):
    table = ranges.load()
    new = table["parameter"][3]
    ran = []

    def made(names):
        ran.extend(names)
        return [ranges.Moved(n, "0", "1", 0.4, 0.3, 0.41, 0.11, rests[n]) for n in names]

    rests = {f"{d.section}.{d.name}": ranges.declared(d) for d in declarations()}
    monkeypatch.setattr(ranges, "run", made)
    missing = {new, *ranges.unmeasured(table)}
    gone = table.head(1).with_columns(parameter=pl.lit("link.no_more"))
    found = tables.measured(pl.concat([table.filter(pl.col("parameter") != new), gone]))
    assert set(ran) == missing
    assert ranges.unmeasured(found) == []
    assert set(found["parameter"]) == {*table["parameter"], *missing}
    assert found["span"].is_sorted(descending=True)
    assert found.filter(pl.col("parameter") == new)["span"].item() == 0.11
    old = ~pl.col("parameter").is_in(missing)
    assert found.filter(old).equals(table.filter(old))


# The commands ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Make both studies small, here and in one process; return what stands in the package's data."""
    few = [d for d in declarations() if d.name in ("contacts", "imitation_per_year")]
    monkeypatch.setattr(ranges, "declarations", lambda: few)
    monkeypatch.setattr(ranges, "MONTHS", 13)
    monkeypatch.setattr(ranges, "run", functools.partial(ranges.run, humans=30))
    monkeypatch.setattr(ablation, "YEAR", 2022)
    monkeypatch.setattr(ablation, "MONTHS", 13)
    some = {"humans": 30, "mechanisms": ablation.MECHANISMS[:1]}
    monkeypatch.setattr(ablation, "run", functools.partial(ablation.run, **some))
    rules = functools.partial(auction_rules.run, humans=30, months=13, rules=("gsp", "logit"))
    monkeypatch.setattr(auction_rules, "run", rules)
    monkeypatch.chdir(tmp_path)
    return lambda: {p.name: p.read_bytes() for p in ranges.FILE.parent.iterdir() if p.is_file()}


@pytest.mark.parametrize(
    ("command", "files", "runs"),
    [("ranges", ["ranges.csv"], 5), ("ablate", ["ablation.csv", "auction_rules.csv"], 8)],
)
def test_the_commands_keep_their_runs_and_leave_the_package_alone(small, monkeypatch, capsys, command, files, runs):
    before, made, measure = small(), [], evaluation.measured

    def until(most):
        def work(task, measure_):
            if len(made) == most:
                raise KeyboardInterrupt
            made.append(task.id)
            return measure(task, measure_)

        return lambda task, measure: work(task, measure)

    line = [command, "--workers", "1", "--seeds", {"ranges": "1", "ablate": "2"}[command]]
    monkeypatch.setattr(evaluation, "measured", until(3))
    assert cli.main(line) == 130
    assert "the same command goes on" in capsys.readouterr().err
    monkeypatch.setattr(evaluation, "measured", until(runs))
    assert cli.main([*line, "--json"]) == 0
    assert len(made) == len(set(made)) == runs
    found = json.loads(capsys.readouterr().out)
    assert found["out"] == f"results/{command}"
    folder = Path("results", command)
    assert sorted(p.name for p in folder.iterdir()) == [*files, "runs"]
    for name in files:
        assert pl.read_csv(folder / name).height == len(found[Path(name).stem]) > 0
    assert cli.main(line) == 0  # nothing is left to run
    assert f"results/{command}: {', '.join(files)}" in capsys.readouterr().out
    assert small() == before
    (folder / "notes.txt").write_text("mine")
    assert cli.main(line) == 2
    assert "notes.txt" in capsys.readouterr().err


def test_tables_of_another_model_are_left_alone(small, monkeypatch, tmp_path):
    before = small()
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    with pytest.raises(InputError, match="not the model of this checkout"):
        tables.main()
    assert small() == before


def test_each_driver_has_a_decision_page():
    for name, page in ranges.DRIVERS.items():
        assert name in (DECISIONS / page).read_text()


@pytest.mark.parametrize(
    "name",
    some(["lab.budget_growth_max_per_month", "agent_loop.token_length_elasticity", "compute.peak_load"], 1),
)
def test_the_stored_table_is_this_model_in_short(name):
    (row,) = (row for row in ranges.load().iter_rows(named=True) if row["parameter"] == name)
    (m,) = ranges.run([name], seeds=1, humans=400, workers=1)
    assert abs(m.share_base - row["share_base"]) <= 0.06
    assert abs(m.span - row["span"]) <= 0.12


@pytest.mark.long
def test_no_parameter_sets_the_split():
    found = ranges.run(seeds=2)
    assert {m.parameter for m in found if m.span > ranges.LIMIT} <= set(ranges.DRIVERS)


# The three shocks of MODEL.md 7.15: paired differences of the share in money ------------------------------------------------

USD = "inference_share_usd"
#: Of the runs: two tell the signs in every run, four the difference from nothing.
SEEDS = pytest.mark.parametrize("seeds", [(1, 2), pytest.param((1, 2, 3, 4), marks=pytest.mark.long)], ids=len)


@functools.cache
def spent(months: int, seed: int, **over: float) -> np.ndarray:
    """Return the share in money of a run of the baseline."""
    return InferenceEconomy("baseline", humans=300, months=months, seed=seed, **over).run().history[USD].to_numpy()


def shock(parameter: str, value: float, mode: str, month: int, months: int, seeds: tuple[int, ...]) -> np.ndarray:
    """Return the difference of the share in money that a dated change makes, (seeds, months after it)."""
    base = Scenario.load("baseline")
    date = f"{2022 + month // 12}-{month % 12 + 1:02d}"
    changed = Scenario(
        **{**base.__dict__, "interventions": (*base.interventions, Intervention(date, parameter, value, mode))}
    )
    out = []
    for seed in seeds:
        a = spent(month + months, seed)
        b = InferenceEconomy(changed, humans=300, months=month + months, seed=seed).run().history[USD].to_numpy()
        assert (a[:month] == b[:month]).all()
        out.append((b - a)[month:])
    return np.array(out)


def paired(one: dict, other: dict, months: int, seeds: tuple[int, ...]) -> np.ndarray:
    """Return yearly differences of the share in money between two settings, (seeds, years)."""
    both = [[spent(months, seed, **over) for seed in seeds] for over in (one, other)]
    return np.subtract(*both[::-1]).reshape(len(seeds), -1, 12).mean(axis=2)


@SEEDS
def test_more_household_demand_raises_the_share_and_fades(seeds):
    """Twice the people: serving follows at once, research is still paid from beliefs; later both follow revenue."""
    years = 14 if len(seeds) > 2 else 10
    d = paired({"human.population_people": 4.0e9}, {"human.population_people": 8.0e9}, 12 * years, seeds)
    early, late = d[:, 1:3].mean(axis=1), d[:, 9:].mean(axis=1)
    assert early.min() > 0.0
    assert len(seeds) < 4 or early.mean() > 2.0 * early.std(ddof=1) / np.sqrt(early.size)
    assert abs(late.mean()) < early.mean()


@SEEDS
def test_half_the_equity_never_lowers_the_share_at_once_and_none_raises_it(seeds):
    """Research is capped by equity only where it binds: half may be enough, none is not."""
    half = shock("lab.equity_share_per_year", 0.5, "multiply", 18, 12, seeds)
    none = shock("lab.equity_share_per_year", 0.0, "set", 18, 12, seeds)
    assert half.mean() >= -1e-9
    assert none.mean() > max(0.0, half.mean())


@SEEDS
def test_twice_the_chips_lower_the_share_at_first(seeds):
    """Cheaper hours: research keeps its money, serving spends less of it until use grows; 2023, all seeds."""
    d = paired({}, {"supplier.opening_h100e_per_month": 48_000.0}, 24, seeds)
    assert (d[:, 1] < 0.0).all()

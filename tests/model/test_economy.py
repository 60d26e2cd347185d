"""The whole economy: laws as properties, common random numbers, Mesa's ways of using it, bad input, resolution."""

from __future__ import annotations

import gc
import json
import math
import re
import subprocess
import sys
import tomllib
import types
import weakref
from pathlib import Path
from unittest import mock

import mesa
import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import AIAgent, Application, ComputeProvider, Human, Lab, Robot
from experiments.runs import answer
from model import InferenceEconomy, Scenario, checkpoint
from model.core.checks import LawBreach
from model.core.errors import InputError
from model.core.units import BLOCK
from model.economy import REGISTERED
from model.results import measures
from model.results.measures import DEFINITIONS, Crossover
from model.scenario import Intervention, declarations
from tests import golden
from tests.documents.test_code_blocks import blocks

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"humans": 120, "months": 14}


def run(**kwargs):
    return InferenceEconomy("baseline", **{**SMALL, **kwargs}).run()


def equal(a: dict, b: dict) -> bool:
    return all(a[name].equals(b[name], null_equal=True) for name in a)


@pytest.fixture(scope="module")
def economy():
    return InferenceEconomy("baseline", humans=300, months=60, seed=3).run()


@pytest.fixture(scope="module")
def tables(economy):
    return economy.tables()


# Laws, from the tables alone ------------------------------------------------------------------------------------------


def test_flows_and_balances_close(tables):
    flows, balances = tables["flows"], tables["balances"]
    assert flows["usd"].min() >= 0.0
    months = balances["month"].unique().sort().to_list()
    for instrument in ("money_usd", "equity_usd"):
        sums = balances.group_by("month").agg(pl.col(instrument).sum(), size=pl.col(instrument).abs().sum())
        assert (sums[instrument].abs() <= 1e-9 * sums["size"] + 1e-9).all()
    paid = flows.group_by("month", sector="payer").agg(out=pl.col("usd").sum())
    received = flows.group_by("month", sector="payee").agg(into=pl.col("usd").sum())
    wide = balances.sort("month").with_columns(change=pl.col("money_usd").diff().over("sector"))
    joined = (
        wide.filter(pl.col("month") > months[0])
        .join(paid, on=["month", "sector"], how="left")
        .join(received, on=["month", "sector"], how="left")
        .fill_null(0.0)
    )
    gap = (joined["change"] - joined["into"] + joined["out"]).abs()
    scale = joined["into"] + joined["out"] + joined["money_usd"].abs()
    assert (gap <= 1e-9 * scale + 1e-3).all()
    assert set(flows["payer"]) | set(flows["payee"]) <= set(balances["sector"])


def test_only_firms_agents_and_the_world_carry_a_balance(tables):
    still = [
        "humans",
        "orchestrators",
        "robot_owners",
        "hardware_suppliers",
        "energy_suppliers",
        "investors",
        "parents",
    ]
    moved = tables["balances"].filter(pl.col("sector").is_in(still)).group_by("sector").agg(pl.col("money_usd").max())
    size = tables["balances"]["money_usd"].abs().max()
    assert (moved["money_usd"].abs() <= 1e-9 * size).all()


def test_compute_reproduces_every_share(economy, tables):
    f_o = economy.params.app_network.other_background_share
    for definition in measures.DEFINITIONS:
        above, below = measures.numerator_denominator(definition, tables["compute"], f_o)
        expected = tables["monthly"][measures.PREFIX + definition].to_numpy()
        np.testing.assert_allclose(above / below, expected, rtol=1e-9)


def test_capacity_is_used_plus_idle_and_demand_is_served_queued_or_lost(tables):
    c, d = tables["capacity"], tables["demand"]
    gap = c["capacity_accelerator_hours"] - c["used_accelerator_hours"] - c["idle_accelerator_hours"]
    assert (gap.abs() <= 1e-9 * c["capacity_accelerator_hours"]).all()
    assert (c["idle_accelerator_hours"] >= -1e-6).all()
    total = sum(d[f"{k}_accelerator_hours"] for k in ("served", "queued", "lost"))
    assert ((d["demanded_accelerator_hours"] - total).abs() <= 1e-9 * d["demanded_accelerator_hours"] + 1e-9).all()
    assert d["lost_accelerator_hours"].min() >= -1e-6
    research = d.filter(pl.col("consumer") == "lab")
    assert research["lost_accelerator_hours"].abs().max() <= 1e-6  # training waits, it is never lost
    used = c.group_by("month").agg(pl.col("used_accelerator_hours").sum()).sort("month")
    served = d.group_by("month").agg(pl.col("served_accelerator_hours").sum()).sort("month")
    np.testing.assert_allclose(used["used_accelerator_hours"], served["served_accelerator_hours"], rtol=1e-9)
    run_hours = tables["compute"].filter(pl.col("purpose") != "on_board").group_by("month")
    hours = run_hours.agg(pl.col("accelerator_hours").sum()).sort("month")
    np.testing.assert_allclose(hours["accelerator_hours"], served["served_accelerator_hours"], rtol=1e-9)


def test_layers_add_to_the_totals(tables):
    for column in ("flop", "energy_kwh"):
        layers = tables["stack"].group_by("month").agg(pl.col(column).sum()).sort("month")[column]
        work = tables["compute"].group_by("month").agg(pl.col(column).sum()).sort("month")[column]
        if column == "flop":
            np.testing.assert_allclose(layers, work, rtol=1e-9)
        else:
            assert (layers >= work * (1 - 1e-9)).all()  # idle machines draw power too


def test_tokens_attention_and_agents_balance(tables, economy):
    m = tables["monthly"]
    np.testing.assert_allclose(m["tokens"], m["tokens_fresh"] + m["tokens_cached"] + m["tokens_generated"], rtol=1e-9)
    stock = np.concatenate([[0.0], m["ai_agents"].to_numpy()])
    np.testing.assert_allclose(
        np.diff(stock), m["ai_agents_born"] - m["ai_agents_exited"], atol=1e-9 * stock.max() + 1e-9
    )
    minutes = tables["attention"].filter(pl.col("market") == "human").group_by("month").agg(pl.col("minutes").sum())
    month = economy.params.attention.hours_per_month * 60.0 * m["humans"][0]
    np.testing.assert_allclose(minutes["minutes"], month, rtol=1e-9)


def test_kaya_quantities_end_in_serving_flop(tables):
    m = tables["monthly"]
    flop = sum(m[c] for c in m.columns if c.startswith("flop_of_"))
    np.testing.assert_allclose(flop, m["inference_flop"], rtol=1e-9)


def test_regrets_are_not_negative(tables):
    labs = tables["labs"]
    assert labs.height > 20
    for column in ("size_regret_flop", "size_regret_usd", "scale_regret_usd"):
        assert labs[column].min() >= 0.0
    assert labs.filter(~pl.col("censored")).height > 0
    assert (labs["planned_lifetime_tokens"] > 0).all()


RANGES = [d for d in declarations() if isinstance(d.default, float) and d.low is not None and d.high is not None]


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from(RANGES), st.floats(0.05, 0.95)), min_size=1, max_size=6), st.integers(0, 99))
def test_laws_hold_anywhere_in_the_declared_ranges(moves, seed):
    overrides = {}
    for d, u in moves:
        span = (math.log(d.low), math.log(d.high)) if d.scale == "log" else (d.low, d.high)
        value = span[0] + u * (span[1] - span[0])
        overrides[f"{d.section}.{d.name}"] = math.exp(value) if d.scale == "log" else value
    economy = InferenceEconomy("baseline", humans=40, months=5, seed=seed, **overrides).run()
    assert economy.laws.worst
    assert max(economy.laws.worst.values()) <= 1e-9
    economy.close()


@pytest.mark.long
@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(RANGES), st.floats(0, 1)), min_size=1, max_size=8), st.integers(0, 99))
def test_laws_hold_anywhere_for_years(moves, seed):
    overrides = {f"{d.section}.{d.name}": d.low + u * (d.high - d.low) for d, u in moves}
    economy = InferenceEconomy("baseline", humans=60, months=72, seed=seed, **overrides).run()
    assert max(economy.laws.worst.values()) <= 1e-9
    economy.close()


def test_a_breach_names_law_month_sector_amount():
    economy = InferenceEconomy("baseline", humans=50, months=6)
    economy.step()
    economy.step()
    economy.labs.cash_usd[0] += 1e9  # money from nowhere
    with pytest.raises(LawBreach) as caught:
        economy.step()
    assert caught.value.month == "2022-03"
    assert caught.value.sector == "labs"
    assert caught.value.amount == pytest.approx(1e9, rel=1e-6)
    assert economy.tables()["monthly"].height == 2


# Common random numbers ------------------------------------------------------------------------------------------------


def test_the_same_seed_repeats_and_another_differs():
    one, same, other = (run(seed=s).tables() for s in (5, 5, 6))
    assert equal(one, same)
    assert not one["monthly"].drop("seed").equals(other["monthly"].drop("seed"), null_equal=True)


def test_a_null_intervention_changes_no_bit():
    base = Scenario.load("baseline")
    null = Intervention("2022-06", "human.imitation_per_year", 1.0, "multiply")
    changed = Scenario(**{**base.__dict__, "interventions": (*base.interventions, null)})
    assert equal(run().tables(), InferenceEconomy(changed, **SMALL).run().tables())


def test_inert_agents_change_nobody():
    plain, more = run(), run(inert=5)
    a, b = plain.tables(), more.tables()
    for name in a:
        if name != "agents":
            assert a[name].equals(b[name], null_equal=True), name
    n = plain.humans.n
    for column in plain.humans.declared:
        np.testing.assert_array_equal(getattr(plain.humans, column), getattr(more.humans, column)[:n])


def test_rows_across_blocks_are_one_population():
    economy = InferenceEconomy("baseline", humans=BLOCK + 10, months=3).run()
    assert [b.stop - b.start for b in economy.blocks] == [BLOCK, 10]
    assert economy.history["humans"][0] == pytest.approx(economy.params.human.population_people, rel=1e-12)


def test_an_intervention_acts_from_its_date_only():
    shock = Intervention("2022-09", "physical.electricity_usd_per_kwh", 0.2)
    base = Scenario.load("baseline")
    changed = Scenario(**{**base.__dict__, "interventions": (*base.interventions, shock)})
    a, b = run().tables()["flows"], InferenceEconomy(changed, **SMALL).run().tables()["flows"]
    date = pl.date(2022, 9, 1)
    assert a.filter(pl.col("month") < date).equals(b.filter(pl.col("month") < date))
    assert not a.filter(pl.col("month") == date).equals(b.filter(pl.col("month") == date))


# As Mesa users expect -------------------------------------------------------------------------------------------------


def test_agents_are_mesa_agents_and_views_of_arrays(economy):
    assert set(map(len, (economy.agents_by_type[Lab], economy.agents_by_type[ComputeProvider]))) == {8}
    assert len(economy.agents_by_type[Human]) == len(economy.agents_by_type[Robot]) == 300
    assert len(economy.agents_by_type[AIAgent]) == 600
    lab = economy.agents_by_type[Lab][0]
    assert lab.cash_usd == economy.labs.cash_usd[0]
    lab.cash_usd = lab.cash_usd  # writes go to the array
    assert economy.agents_by_type[Application].agg("attention_hours", sum) > 0.0
    assert economy.row("Human", 7) is economy.agents_by_type[Human][7]
    assert economy.row("Lab", 0) is economy.row("Lab", 0)
    assert len(economy.agents_by_type[Lab]) == 8


def test_firms_show_their_names(economy):
    assert repr(economy.row("Lab", 0)) == "<Lab lab_a>"
    assert [p.name for p in economy.agents_by_type[ComputeProvider]] == list(economy.opening.provider_names)
    assert repr(economy.row("Human", 7)) == "<Human 7>"


def test_mesa_counts_the_months_that_were_run(economy):
    economy.step()
    assert (economy.steps, economy.month, economy.running) == (60, 60, False)


def test_crossovers_are_those_of_the_answer(economy):
    made = economy.tables()
    expected = {d: c[0] for d, c in answer.crossings(answer.counts(made["compute"], made["monthly"])).items()}
    assert economy.crossovers() == expected
    assert tuple(expected) == DEFINITIONS
    found = {d: c.month("2022-01") for d, c in expected.items() if c.index is not None}
    assert found, "no definition crosses: the test shows nothing"
    assert set(InferenceEconomy(humans=20, months=1).crossovers().values()) == {Crossover("never", None, True)}


def test_large_kinds_come_on_demand():
    economy = InferenceEconomy("baseline", humans=10_001, months=1)
    registered = len(economy.agents)
    assert economy.row("Human", 10_000).weight_people > 0.0
    assert economy.row("Human", 10_000) == economy.row("Human", 10_000)
    assert Human not in economy.agents_by_type
    assert len(economy.agents) == registered
    with pytest.raises(InputError, match="outside"):
        economy.row("Human", 10_001)
    with pytest.raises(InputError, match="unknown kind of agent 'Humans'; nearest: 'Human'"):
        economy.row("Humans", 0)


def test_history_datacollector_and_graphs(economy):
    history = economy.history
    assert history.columns[0] == "month"
    frame = economy.datacollector.get_model_vars_dataframe()
    assert len(frame) == 60
    np.testing.assert_array_equal(frame["tokens"], history["tokens"])
    assert isinstance(economy.application_graph, nx.DiGraph)
    calls = economy.orchestrator_graph
    out = [sum(d["weight"] for *_, d in calls.out_edges(n, data=True)) for n in calls]
    assert max(out) == pytest.approx(1.0)
    assert set(json.loads(json.dumps(economy.networks()))) == {"application", "orchestrator"}


def test_mesa_batch_run_runs_the_model():
    rows = mesa.batch_run(
        InferenceEconomy,
        {"seed": [1, 2], "humans": 50, "months": 3, "human__imitation_per_year": [0.5, 1.5]},
        number_processes=1,
        max_steps=3,
        data_collection_period=-1,
        display_progress=False,
    )
    assert len(rows) == 4
    again = InferenceEconomy("baseline", humans=50, months=3, seed=2, human__imitation_per_year=1.5).run()
    last = next(r for r in rows if r["seed"] == 2 and r["human__imitation_per_year"] == 1.5)
    assert last["installed_h100e"] == again.history["installed_h100e"][-1]


def small(months=1, rows=20):
    return InferenceEconomy("baseline", humans=rows, months=months)


def test_an_economy_out_of_reach_is_freed():
    gone = weakref.ref(small().run())
    gc.collect()
    assert gone() is None


def test_memory_of_a_loop_is_freed_without_a_word():
    held = []
    for _ in range(40):
        economy = small().run()
        assert economy.history.height == 1
        held.append(weakref.ref(economy))
    assert sum(r() is not None for r in held) < 20


def test_a_closed_or_a_large_economy_does_not_wait_for_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        with small() as economy:
            economy.run()
        assert economy.history.height == 1
        assert not economy.agents
        gone = weakref.ref(economy)
        del economy
        assert gone() is None
        gone = weakref.ref(small(rows=REGISTERED + 1))
        assert gone() is not None
        small(rows=REGISTERED + 1)
        assert gone() is None
    finally:
        gc.enable()


def test_agents_are_numbered_from_one_in_each_economy():
    assert [a.unique_id for a in small().agents][:3] == [a.unique_id for a in small().agents][:3] == [1, 2, 3]


def test_the_history_goes_to_pandas_and_back(economy, tmp_path):
    """With pyarrow, of the extra for notebooks: as a frame and as Parquet."""
    import pandas

    frame = economy.history.to_pandas()
    assert frame.shape == economy.history.shape
    assert str(frame["month"].iloc[0])[:10] == "2022-01-01"
    economy.history.write_parquet(tmp_path / "history.parquet")
    again = pandas.read_parquet(tmp_path / "history.parquet")
    pandas.testing.assert_frame_equal(again.drop(columns="month"), frame.drop(columns="month"))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"pandas", "pyarrow"} <= {re.match(r"[\w-]+", package)[0] for package in extras["notebooks"]}


def shown_batch() -> str:
    """Return the recipe that README shows for Mesa's batch_run."""
    return next(code for code in blocks((ROOT / "README.md").read_text(), "python") if "batch_run" in code)


def test_the_batch_recipe_of_the_readme_runs_every_seed(tmp_path):
    """With the Mesa that is here, in two processes; tests/model/test_newest.py has the newest Mesa run it too."""
    code = shown_batch().replace(
        "mesa.batch_run(", "mesa.batch_run(number_processes=2, display_progress=False, model_cls="
    )
    code = code.replace('"months": 12', '"months": 2').replace(
        "InferenceEconomy, given", "InferenceEconomy, parameters=given"
    )
    body = "".join(f"    {line}\n" for line in code.splitlines())
    (tmp_path / "program.py").write_text(
        f"if __name__ == '__main__':\n{body}    import json\n    print(json.dumps([[r['seed'],"
        " r['human__imitation_per_year'], r['tokens']] for r in rows]))\n"
    )
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    assert sorted(row[:2] for row in rows) == [[seed, x] for seed in (1, 2, 3) for x in (0.5, 1.5)]
    again = InferenceEconomy(humans=50, months=2, seed=2, human__imitation_per_year=1.5).run()
    assert next(r[2] for r in rows if r[:2] == [2, 1.5]) == again.history["tokens"][-1]


def test_the_batch_recipe_gives_seeds_where_mesa_takes_them(monkeypatch):
    """Mesa 3.3 has no `rng`; from 3.4 on it is given to the model as its seed, once for each set of parameters."""

    def old(model_cls, parameters, number_processes=1, iterations=1): ...

    def new(model_cls, parameters, number_processes=1, iterations=None, rng=None): ...

    for batch_run, parameters, more in (
        (old, {"humans", "months", "human__imitation_per_year", "seed"}, {}),
        (new, {"humans", "months", "human__imitation_per_year"}, {"rng": [1, 2, 3]}),
    ):
        told = mock.create_autospec(batch_run, return_value=[])
        monkeypatch.setattr(mesa, "batch_run", told)
        exec(shown_batch(), {})
        (call,) = told.call_args_list
        assert (call.args[0], set(call.args[1]), call.kwargs) == (InferenceEconomy, parameters, more)
        assert call.args[1].get("seed", [1, 2, 3]) == [1, 2, 3]


def test_series_are_what_any_mesa_collects():
    """Mesa 3.4 calls a reporter that is no plain function without the model; 3.4.1 finds rows by the agents' records."""
    e = InferenceEconomy(humans=20, months=2).run()
    assert all(isinstance(f, types.FunctionType) for f in e.datacollector.model_reporters.values())
    assert list(e.datacollector._agent_records) == [0, 1]
    assert not hasattr(e.datacollector, "_collection_steps")


def test_mesas_page_makes_the_economy_from_its_parameters():
    """`SolaraViz` checks names against the constructor, and Reset makes a new economy of what sliders say."""
    import ipyvuetify
    import solara
    from mesa.visualization import Slider
    from mesa.visualization.solara_viz import ModelController, ModelCreator

    rule = {"type": "Select", "value": "race", "values": ["profit", "race"], "label": "rule"}
    given = {"humans": 20, "months": 3, "seed": 4, "human__imitation_per_year": Slider("imitation", 1.0, 0.0, 5.0)}
    shown, values = solara.reactive(InferenceEconomy(humans=20, months=3)), solara.reactive({})

    @solara.component
    def page():
        with solara.Column():
            ModelController(shown, model_parameters=values, play_interval=solara.reactive(1), render_interval=one)
            ModelCreator(shown, given | {"lab__lab_a__rule": rule}, model_parameters=values)

    one = solara.reactive(1)
    _, context = solara.render(page(), handle_error=False)
    for label in ("Reset", "Step"):
        (button,) = [b for b in context.find(ipyvuetify.Btn).widgets if label in b.children]
        button.click()
    made = shown.value
    context.close()
    assert (made.month, made.seed, made.settings.humans) == (1, 4, 20)
    assert made.settings.changes()["human.imitation_per_year"][0] == 1.0
    assert made.opening.rules[:2] == ("race", "profit")


def test_what_mesa_offers_and_views_cannot_do_is_one_line(economy):
    for words, act in {
        "Lab.step: an agent has no step of its own": lambda: economy.agents_by_type[Lab].do("step"),
        r"\.step: .*economy\.step\(\)": lambda: economy.agents.shuffle_do("step"),
        "Robot.step: an agent has no step": lambda: economy.agents_by_type[Robot].do("advance"),
        r"Lab: agents are views of table rows.*\[\[lab.firm\]\]": lambda: Lab.create_agents(economy, 3),
        "Human: agents are views": lambda: Human(economy),
        "Lab: agents are views": lambda: Lab(economy, economy.humans),
        "Human: agents are views of": lambda: Human(economy, 3),
        r"Robot: row 9\.5: must be a whole number": lambda: Robot(economy, economy.robots, 9.5),
        r"Lab: row 999: must be a whole number in \[0, ": lambda: Lab(economy, economy.labs, 999),
        "AIAgent: agents are views": lambda: AIAgent.from_dataframe(economy, None),
    }.items():
        with pytest.raises(InputError, match=words) as caught:
            act()
        assert "\n" not in str(caught.value)


class Reader(Human):
    """A view that a user extends."""

    @property
    def rich(self):
        return self.wage_usd_per_h > 20.0


def test_a_view_of_a_users_class_is_in_the_economy_or_refused(economy, monkeypatch):
    before = list(economy.agents_by_type)
    with pytest.raises(InputError, match=r"Reader: row 3 is in model\.agents as a Human and has one view there"):
        Reader(economy, economy.humans, 3)
    assert list(economy.agents_by_type) == before
    monkeypatch.setattr("model.economy.REGISTERED", 50)
    large = InferenceEconomy(humans=60, months=2).run()
    plain = large.trace(large.row("Human", 3))
    view = Reader(large, large.humans, 3)
    assert view in large.agents
    assert large.row("Human", 3) is view
    assert [type(a) for a in large.agents_by_type[Reader]] == [Reader]
    told = large.trace(view)
    assert (told.title, told.sentences, told.numbers) == (plain.title, plain.sentences, plain.numbers)


class Noting(InferenceEconomy):
    """An economy that a user extends."""

    def __init__(self, *args, note="plain", **kwargs):
        super().__init__(*args, **kwargs)
        self.note = note


def test_an_economy_of_a_users_class_is_explained_traced_and_kept(tmp_path):
    e = Noting(humans=20, months=3, note="mine")
    e.step()
    assert e.explain("tokens").value.endswith("in 2022-01")
    assert e.trace(e.row("Lab", "lab_b")).title.startswith("Lab lab_b")
    checkpoint.save(e, tmp_path / "kept")
    again = checkpoint.load(tmp_path / "kept", kind=Noting)
    assert (type(again), again.note, again.month) == (Noting, "mine", 1)
    assert again.run().history.equals(e.run().history)
    with pytest.raises(
        InputError, match=r"of a tests\.model\.test_economy\.Noting; give load\(\.\.\., kind=\) that class"
    ):
        checkpoint.load(tmp_path / "kept")


def test_rows_are_found_by_class_and_name(economy):
    assert economy.row("Lab", "lab_b") is economy.row(Lab, np.int64(1)) is economy.row("Lab", 1)
    assert [economy.row("ComputeProvider", p.name) for p in economy.agents_by_type[ComputeProvider]] == list(
        economy.agents_by_type[ComputeProvider]
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: e.row("Lab", "lab_aa"), "unknown Lab 'lab_aa'; nearest: 'lab_a'"),
        (lambda e: e.row("Human", "anna"), r"row = 'anna' of Human: must be a whole number in \[0, 299\]"),
        (lambda e: e.row("Lab", 1.5), "row = 1.5 of Lab: must be a whole number"),
        (lambda e: e.row("Lab", None), "row = None of Lab"),
        (lambda e: e.row("Lab", True), "row = True of Lab"),
        (lambda e: e.row("Lab", -1), r"row = -1: outside \[0, 7\] of Lab"),
        (lambda e: e.row([], 0), r"unknown kind of agent '\[\]'"),
        (lambda e: e.row(dict, 0), "unknown kind of agent 'dict'"),
        (lambda e: e.explain(None), "unknown name 'None'"),
        (lambda e: e.explain("tokens\nserved" * 99), "unknown name 'tokens"),
        (lambda e: e.trace(e.labs.frame()), "trace.*: not an agent of this economy"),
        (lambda e: e.trace("lab_a"), "trace.'lab_a'.: not an agent of this economy"),
        (lambda e: e.why(e.labs.frame(), "2022-02"), "month = shape.*: must be 'YYYY-MM'"),
        (lambda e: e.why("2022-01", ["2022-02"]), r"month = \['2022-02'\]: must be 'YYYY-MM'"),
    ],
)
def test_accessors_refuse_in_one_short_line(economy, call, words):
    with pytest.raises(InputError, match=words) as caught:
        call(economy)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_closed_economies_are_freed():
    code = (
        "import gc, weakref\nfrom model import InferenceEconomy\n"
        "e = InferenceEconomy('baseline', humans=20, months=1).run()\nr = weakref.ref(e)\ne.close()\ndel e\ngc.collect()\n"
        "assert r() is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# Bad input --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"seed": None}, "seed"),
        ({"humans": 0}, r"run.humans = 0: outside \[1"),
        ({"months": -3}, "run.months"),
        ({"human__imitation": 1.0}, "human.imitation_per_year"),
        ({"human__imitation_per_year": math.nan}, "finite"),
        ({"human__imitation_per_year": math.inf}, "finite"),
        ({"human__imitation_per_year": -1.0}, r"-1.0 1/year: outside \[0, 5\]"),
        ({"human__imitation_per_year": "fast"}, "number"),
        (
            {"human__imitation_per_year": "1.5"},
            r"human.imitation_per_year = '1.5' 1/year: must be a number in \[0, 5\]",
        ),
        ({"lab.lab_a.run_flop": "1e23"}, r"lab.lab_a.run_flop = '1e23' FLOP: must be a number"),
        ({"humn__imitation_per_year": 1.0}, "human.imitation_per_year"),
        ({"human__contacts": 13, "human.contacts": 14}, "human.contacts is set twice, to 13 and 14: give one"),
    ],
)
def test_bad_input_is_refused_in_one_line(kwargs, words):
    with pytest.raises(InputError, match=words) as caught:
        InferenceEconomy("baseline", **{**SMALL, **kwargs})
    assert "\n" not in str(caught.value)


def test_an_unknown_scenario_names_the_nearest():
    with pytest.raises(InputError, match="nearest: 'baseline'"):
        InferenceEconomy("baselin")


# Golden run and resolution ------------------------------------------------------------------------------------------------


def test_golden_run():
    """A change here needs a line under 'Results change' in the CHANGELOG and `make golden`."""
    moved = golden.moved(json.loads(golden.PATH.read_text()), golden.series())
    assert moved == {}, (
        "`make golden` writes new and changed series (inf: a new one, one that is gone, a law's residual)"
    )


def test_what_moves_in_the_golden_run_is_seen():
    stored = json.loads(golden.PATH.read_text())
    assert not {*golden.RESIDUALS} & {*stored}
    bounded = {name: [0.0, 9e-10] for name in golden.RESIDUALS}
    run = stored | bounded
    assert golden.moved(stored, run) == {}
    assert golden.moved(stored, stored) == dict.fromkeys(golden.RESIDUALS, math.inf)  # no longer recorded

    def planted(name, factor):
        return golden.moved(stored, run | {name: [None if x is None else x * factor for x in run[name]]})

    for name in stored:
        if any(stored[name]):
            assert planted(name, 1.0 + 1e-11) == {}, name  # more than rounding does
            assert [*planted(name, 1.0 + 2e-9)] == [name]
    for name in golden.RESIDUALS:
        assert planted(name, 2.0) == {name: math.inf}
    assert golden.moved(stored, {k: v for k, v in run.items() if k != "tokens"}) == {"tokens": math.inf}
    assert golden.moved(stored, run | {"new": [1.0]}) == {"new": math.inf}
    assert golden.moved({"x": [0.0, 1e11]}, {"x": [1e-6, 1e11], **bounded}) == {}  # nothing, but for rounding
    assert golden.moved({"x": [0.0, 1e11]}, {"x": [1e-3, 1e11], **bounded}) == {"x": 1.0}
    assert golden.moved({"x": [None, 1e11]}, {"x": [0.0, 1e11], **bounded}) == {"x": math.inf}


def yearly(humans: int, seeds: range, months: int) -> np.ndarray:
    """Return yearly means of headline share, log10 tokens and log10 adopters, median over seeds, (3, years)."""
    out = []
    for seed in seeds:
        history = InferenceEconomy("baseline", humans=humans, months=months, seed=seed).run().history
        columns = (
            history["inference_share_accelerator_hours"],
            history["tokens"].clip(1.0).log10(),
            history["adopters"].clip(1.0).log10(),
        )
        out.append([c.to_numpy().reshape(-1, 12).mean(axis=1) for c in columns])
    return np.median(np.array(out), axis=0)


def same_world(coarse: np.ndarray, fine: np.ndarray) -> None:
    assert np.abs(coarse - fine)[0, 2:].max() <= 0.03
    assert np.abs(coarse - fine)[1:, 2:].max() <= 0.05


def test_two_resolutions_describe_the_same_world():
    same_world(yearly(1_000, range(1, 3), 36), yearly(5_000, range(1, 3), 36))


@pytest.mark.long
def test_two_thousand_and_fifty_thousand_describe_the_same_world():
    same_world(yearly(2_000, range(1, 9), 168), yearly(50_000, range(1, 9), 168))


def test_work_that_leaves_no_room_for_given_tasks_breaks_nothing():
    """Hours of work that cannot be given away exceed what may be committed: nothing is done with assistants or alone beyond it."""
    full = {
        "human.work_hours_per_month": 250.0,
        "human.task_hours_per_month": 5.0,
        "attention.hours_per_month": 300.0,
        "attention.committed_share_max": 0.5,
        "application.launch_lag_months": 0,
    }
    scenario = Scenario.load("baseline").with_run(humans=60, months=24).with_overrides(full)
    history = InferenceEconomy(scenario, seed=1).run().history
    assert history["tasks_assistant"].min() == 0.0
    assert history["tokens"].min() >= 0.0

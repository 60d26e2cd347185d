"""Figures say what they show, draw what the tables hold, and use colours that colour-blind readers tell apart."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import json
import re
import struct
import zlib

import altair as alt
import numpy as np
import polars as pl
import pytest
import vl_convert as vlc

from experiments import figures, run
from experiments.calibration import observations, observed
from experiments.calibration.scored import LAST
from experiments.figures import markets
from experiments.figures import style as drawing
from experiments.report import page as report
from experiments.report import parameters
from experiments.studies import dollar
from model import __version__
from model.scenario import Intervention, Scenario, declarations

OKABE_ITO = {"#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#F0E442"}


@pytest.fixture(scope="module")
def result():
    overrides = {"human.imitation_per_year": 1.4}
    return run("baseline", humans=60, months=72, seeds=2, workers=1, overrides=overrides)


@pytest.fixture(scope="module")
def charts(result):
    return {name: chart.to_dict() for name, chart in report.draw(result).items()}


def rows_of(chart, *columns):
    """Return the data sets of a chart that hold the columns."""
    return [pl.DataFrame(d) for d in chart["datasets"].values() if d and set(columns) <= set(d[0])]


# What every picture says ----------------------------------------------------------------------------


def test_every_picture_says_denominator_seeds_version_and_what_is_known(charts):
    for name, chart in charts.items():
        *said, last = chart["title"]["subtitle"]
        assert chart["title"]["text"], name
        assert len(" ".join(said)) > 30, name
        assert re.search(r"\b2 runs\b", last), name
        assert f"inference-economy {__version__}" in last, name
        assert re.search("data-informed|prior-dominated", last), name


def test_the_contents_of_the_report_are_its_sections(result, charts):
    """Whatever has a heading or a picture after the first screen is in the contents, in its order, and nothing else."""
    empty = dict.fromkeys(charts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_svg", lambda chart, number: "")
        page = report.page(result, empty)
        new = report.page(result, empty | {"a_new_figure": None})
    for text in (page, new):
        listed = re.findall(r"<a href='#([^']+)'>([^<]+)</a>", re.search(r"<nav>(.*?)</nav>", text)[1])
        sections = re.findall(r"<(?:h2|figure) id='([^']+)'", text.partition("</nav>")[2])
        assert [name for name, _ in listed] == sections
    assert ("who_was_right", "who was right") in re.findall(r"<a href='#([^']+)'>([^<]+)</a>", page)
    assert listed[-3] == ("a_new_figure", "a new figure")


def test_one_seed_is_not_called_a_median(result):
    one = result.monthly.filter(pl.col("seed") == 1)
    subtitle = figures.kaya(one).to_dict()["title"]["subtitle"][-1]
    assert subtitle.startswith("One seed;")


def test_seeds_of_several_scenarios_are_not_called_runs():
    table = pl.DataFrame({"scenario": ["a", "a", "b", "b"], "seed": [1, 2, 1, 2]})

    def last(rows):
        return drawing.finish(drawing.nothing(), "", [], rows, runs="{}").to_dict()["title"]["subtitle"][-1]

    assert last(table).startswith("2 seeds each;")
    assert last(table.filter(pl.col("seed") == 1)).startswith("One seed each;")
    assert last(table.filter(pl.col("scenario") == "a")).startswith("2 runs;")


def test_models_are_of_all_seeds_only_if_there_are_several(result):
    labs = result.tables["labs"]
    one = labs.filter(pl.col("seed") == 1)
    for draw in (figures.labs, figures.who_was_right):
        assert "models of all seeds;" in " ".join(draw(labs).to_dict()["title"]["subtitle"])
        assert "of all seeds" not in " ".join(draw(one).to_dict()["title"]["subtitle"])


def test_plans_are_told_as_realised_over_planned(result):
    (cells,) = rows_of(figures.who_was_right(result.tables["labs"]).to_dict(), "tokens_error", "factor")
    assert np.allclose(np.log(cells["factor"].to_numpy()), -cells["tokens_error"].to_numpy())
    assert cells["text"].str.len_chars().max() <= 5


def test_no_area_is_stacked_on_a_log_axis(charts):
    def marks(node):
        if isinstance(node, dict):
            if "mark" in node:
                yield node
            for child in node.values():
                yield from marks(child)
        elif isinstance(node, list):
            for child in node:
                yield from marks(child)

    for name, chart in charts.items():
        for drawn in marks({k: v for k, v in chart.items() if k != "datasets"}):
            y = drawn.get("encoding", {}).get("y", {})
            if drawn["mark"].get("type") == "area" and y.get("scale", {}).get("type") == "log":
                assert y.get("stack", "auto") is None, name


#: Charts of many runs; a report is of one scenario.
OF_SWEEPS = {"tornado", "heat_map", "boxes", "regime_map", "regimes"}


def test_a_chart_may_have_many_rows():
    rows = pl.DataFrame({"x": range(6_000)}).with_columns(y=pl.col("x") % 7)
    chart = alt.Chart(rows).mark_line().encode(x="x:Q", y="y:Q")
    assert len(next(iter(chart.to_dict()["datasets"].values()))) == 6_000


def test_every_public_figure_is_in_the_report(charts):
    public = [
        n
        for n, f in ((n, getattr(figures, n)) for n in dir(figures))
        if inspect.isfunction(f) and f.__annotations__.get("return") == "alt.TopLevelMixin"
    ]
    drawn = set(charts) - {"observed"} | {"against_observations"}
    assert set(public) - {"dollar"} - OF_SWEEPS == drawn  # dollar: of the page and a notebook


def test_colours_are_okabe_and_itos_or_greys(charts):
    for name, chart in charts.items():
        used = set(re.findall(r"#[0-9A-Fa-f]{6}\b", json.dumps({k: v for k, v in chart.items() if k != "datasets"})))
        greys = {c for c in used if max(np.ptp([int(c[i : i + 2], 16) for i in (1, 3, 5)]), 0) <= 2}
        assert used - greys - {"#7FCFB5"} <= OKABE_ITO, name  # one lighter green, beside the green


def test_lines_of_one_panel_differ_in_dashes():
    assert len({tuple(d) for d in drawing.DASHES}) == len(drawing.DASHES) >= 6


# What they draw -------------------------------------------------------------------------------------


def test_areas_of_the_answer_sum_to_one(charts):
    (areas,) = rows_of(charts["answer"], "share", "who", "rank")[:1]
    total = areas.group_by("month").agg(pl.col("share").sum())["share"].to_numpy()
    assert total.size == 61
    assert np.allclose(total, 1.0)


def test_outcomes_are_those_of_the_runs(result, charts):
    (ends,) = rows_of(charts["outcomes"], "outcome", "share")
    assert np.allclose(ends.group_by("panel").agg(pl.col("share").sum())["share"].to_numpy(), 1.0)
    never = sum(c.outcome == "never" for c in result.crossovers["accelerator_hours"]) / 2
    row = ends.filter((pl.col("panel") == "H100e-hours of serving and R&D") & (pl.col("outcome") == "never"))
    assert row["share"].item() == never
    (cells,) = rows_of(charts["outcomes"], "year", "share")
    for _, panel in cells.sort("year").group_by("panel", maintain_order=True):
        assert (np.diff(panel["share"].to_numpy()) >= 0.0).all()
        assert panel["year"].to_list() == [str(y) for y in range(2023, 2028)]


def test_kaya_bars_sum_to_the_whole_change(charts):
    panels = rows_of(charts["kaya"], "factor", "class", "share")
    assert len(panels) == 1  # 2023 to 2025; the run ends in 2027
    assert panels[0]["share"].sum() == pytest.approx(1.0)


def test_layers_share_the_total(result, charts):
    for table in rows_of(charts["layers"], "layer", "share"):
        assert table["layer"].n_unique() == 7
        assert np.allclose(table.group_by("month").agg(pl.col("share").sum())["share"].to_numpy(), 1.0)


def test_all_hours_are_those_of_the_tables_and_sum_to_what_is_installed(result, charts):
    (drawn,) = rows_of(charts["hours"], "use", "share", "rank")
    compute, monthly = result.tables["compute"], result.tables["monthly"]
    rest = ("rl_rollout", "synthetic_data", "research_automation")
    bands = {
        "inference: features in applications, robots in the cloud": [("serving", "application"), ("serving", "robot")],
        "inference: people, with assistants": [("serving", "human")],
        "inference: AI agents": [("serving", "ai_agent")],
        "ranking": [("ranking", "application")],
        "other AI": [("other", "other")],
        "R&D: roll-outs, synthetic data, automation": [(x, "lab") for x in rest],
        "R&D: experiments": [("experiment", "lab")],
        "R&D: final training runs": [("final_run", "lab")],
    }
    assert set(drawn["use"]) == {*bands, "not used"}
    last = monthly["month"].max()
    found = {name: [] for name in bands}
    for seed in monthly["seed"].unique():
        year = monthly.filter(pl.col("seed") == seed).sort("month").tail(12)
        machines = sum(x * 730.0 for x in year["installed_h100e"])
        rows = compute.filter((pl.col("seed") == seed) & pl.col("month").is_in(year["month"].implode()))
        for name, holds in bands.items():
            of = [r["accelerator_hours"] for r in rows.iter_rows(named=True) if (r["purpose"], r["consumer"]) in holds]
            found[name].append(sum(of) / machines)
    at = drawn.filter(pl.col("month").str.slice(0, 10) == str(last))
    told = dict(zip(at["use"], at["share"], strict=True))
    for name, shares in found.items():
        assert told[name] == pytest.approx(np.mean(shares), rel=1e-9), name
    assert told["not used"] == pytest.approx(1 - sum(np.mean(x) for x in found.values()), rel=1e-6)
    assert told["not used"] >= 1 - monthly["utilisation"].max()
    assert np.allclose(drawn.group_by("month").agg(pl.col("share").sum())["share"].to_numpy(), 1.0)
    order = dict(zip(at["use"], at["rank"], strict=True))
    assert sorted(order, key=order.get) == [*bands, "not used"]


def test_hours_of_a_person_are_all_hours(result, charts):
    (hours,) = rows_of(charts["attention"], "hours", "who")
    total = hours.group_by("month").agg(pl.col("hours").sum())["hours"].to_numpy()
    assert np.allclose(total, result.scenario.parameters.attention.hours_per_month)


# The dollar -----------------------------------------------------------------------------------------

PAID = [
    ("humans", "applications", "assistants", 60.0),
    ("humans", "ai_agents", "metered work of agents", 30.0),
    ("humans", "ai_agents", "surplus fees", 20.0),
    ("ai_agents", "humans", "wallets returned", 10.0),
    ("applications", "labs", "tokens of assistants", 40.0),
    ("ai_agents", "labs", "tokens of agents", 25.0),
    ("ai_agents", "orchestrators", "routing", 5.0),
    ("labs", "providers", "serving hours", 20.0),
    ("labs", "providers", "research hours", 30.0),
    ("applications", "providers", "ranking hours", 50.0),
    ("providers", "energy_suppliers", "electricity", 10.0),
    ("providers", "hardware_suppliers", "chips: deposits and deliveries", 120.0),
]


def test_a_dollar_goes_where_the_payments_went():
    columns = ["payer", "payee", "item", "usd"]
    flows = pl.DataFrame(PAID, schema=columns, orient="row").with_columns(month=dt.date(2030, 5, 1), seed=1)
    d = dollar.dollar(flows, 2030)
    assert d.spent_usd == 100.0
    assert d.kept["applications"] == pytest.approx(0.2)
    assert d.kept["ai_agents"] == pytest.approx(0.1)
    assert d.kept["orchestrators"] == pytest.approx(0.05)
    assert d.kept["labs"] == pytest.approx(0.15)
    assert d.links["providers", "chips"] == pytest.approx(0.6)  # half of the hours are not ours
    assert d.links["owners of providers", "providers"] == pytest.approx(0.15)
    nothing = dollar.dollar(flows, 2031)
    assert nothing.spent_usd == 0.0
    assert dollar.layout(nothing).bars.height == 0


def test_no_node_pays_what_it_did_not_get(result):
    d = dollar.dollar(result.tables["flows"], 2027)
    for node, (column, _) in dollar.NODES.items():
        into = sum(v for (_, b), v in d.links.items() if b == node)
        out = sum(v for (a, _), v in d.links.items() if a == node)
        if column and not node.startswith("owners"):
            assert into == pytest.approx(out + d.kept[node], abs=1e-12), node
    drawn = dollar.layout(d)
    assert drawn.bars["high"].max() <= dollar.HEIGHT * (1 + 1e-12)
    assert (drawn.bars["high"] >= drawn.bars["low"]).all()


# Observations ---------------------------------------------------------------------------------------


def test_mappings_name_series_and_columns_that_exist(result):
    table = pl.read_csv(observed.FILE, infer_schema=False)
    rows = observed.wide(result.tables)
    assert rows.height == result.monthly.height
    for m in observed.MAPPINGS:
        assert m.series in table["series"], m.series
        assert m.bound in ("", "lower")
        assert observed.model_line(rows, m).height > 0, m.series


def test_no_forecast_and_nothing_from_memory_is_drawn(result, charts):
    table = pl.read_csv(observed.FILE, infer_schema=False)
    good = table.filter((pl.col("read_or_memory") == "read") & pl.col("split").is_in(["calibrate", "validate"]))
    rows = observed.wide(result.tables)
    for m in observed.MAPPINGS:
        found = observed.compared(rows, m)
        assert set(found["split"]) <= {"calibrate", "validate"}
        assert found.height <= good.filter(pl.col("series") == m.series).height
    drawn = pl.concat([d.select("split", "month") for d in rows_of(charts["observed"], "split", "kind", "value")])
    assert {"calibrate", "validate"} == set(drawn["split"])
    assert drawn.filter((pl.col("split") == "calibrate") & (pl.col("month") >= "2025-01")).height == 0


def test_points_that_the_baseline_was_fitted_to_are_no_test_of_it():
    """The fit behind the baseline sees 2025 up to `LAST`: key of the picture and document of the data say so."""
    fitted = [d for d in declarations() if d.fit]
    assert fitted
    assert all(d.source.startswith(f"fitted to observations to {LAST}, ") for d in fitted)
    assert "2025: predicted by the backtest, fitted in the baseline" in markets.KINDS
    text = observations.FILE.with_suffix(".md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `validate` \| 2025-01 to (\S+) \| (.*) \|$", text, re.M)
    assert row[0] == LAST
    assert "the shipped baseline is fitted to them too" in row[1]


def test_values_are_put_in_the_models_terms(result):
    rows = observed.wide(result.tables)
    by = {m.series: m for m in observed.MAPPINGS}
    users = observed.compared(rows, by["chatgpt_wau"])
    assert users["value"][0] == pytest.approx(100e6 / 0.65)
    near = result.monthly.filter(pl.col("month") == users["month"][0])["adopters"].median()
    assert users["model"][0] == near
    capex = observed.compared(rows, by["capex_big4_year"]).filter(pl.col("month") == dt.date(2024, 12, 1))
    assert capex["value"].item() == pytest.approx(251e9 * 0.6 / 0.76)
    spent = result.monthly.filter(pl.col("month").dt.year() == 2024).group_by("seed").agg(pl.col("capex_usd").sum())
    assert capex["model"].item() == pytest.approx(spent["capex_usd"].median())
    runs = observed.compared(rows, by["train_compute_frontier"])["value"].to_list()
    assert runs == sorted(runs)


# Parameters and pictures ----------------------------------------------------------------------------


def test_the_report_lists_every_parameter_and_marks_what_was_changed(result):
    page = report.sources(result)
    names = re.findall(r"<tr id='([\w.]+)' class='(\w+)'>", page)
    assert {n for n, _ in names} == {f"{s}.{n}" for s, v in result.scenario.values().items() for n in v}
    dated = {change.parameter for change in result.scenario.interventions}
    assert {n for n, kind in names if kind == "changed"} == {"human.imitation_per_year"} | dated
    default = Scenario.load("baseline").parameters.human.imitation_per_year
    assert f"human.imitation_per_year = 1.4 1/year (default {default:g})" in page
    assert "bass1969" in page


def test_changes_are_told():
    scenario = Scenario.load("baseline").with_overrides({"lab.lab_a.rule": "race"})
    assert "lab.lab_a.rule = race (default profit)" in parameters.changes(scenario)
    dated = Intervention("2024-01", "lab.life_months", 0.5, "multiply", "2025-01")
    told = parameters.changes(dataclasses.replace(scenario, interventions=(dated,)))
    assert told[-1] == "lab.life_months times 0.5 from 2024-01 until 2025-01"
    assert [r.name for r in parameters.rows(scenario) if r.changed and r.name.startswith("lab.")] == ["lab.lab_a.rule"]


def test_packing_keeps_the_picture(result):
    chart = figures.kaya(result.monthly)
    packed, plain = drawing.png(chart, 1.0), vlc.vegalite_to_png(chart.to_dict(), scale=1.0)
    assert len(packed) < len(plain)
    assert pixels(packed) == pixels(plain)
    assert packed.endswith(struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))


def pixels(png):
    data, at = b"", 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        data += png[at + 8 : at + 8 + size] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + size
    return png[:33], zlib.decompress(data)

"""Parts of the browser page without a browser: addresses, controls, player, views, pictures, server."""

from __future__ import annotations

import doctest
import gc
import re
import threading
import tomllib
import weakref
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from experiments.figures import share as figures_share
from experiments.page import agents, blocks, levers, networks, plans, serve, state, versus, views
from experiments.page.app import Session
from experiments.page.player import Frame, Player, Scene, Summary, Wish, summary
from experiments.page.state import State, lookup, parse
from experiments.runs.answer import Counts
from model.core.errors import InputError
from model.core.units import month_date
from model.economy import InferenceEconomy
from model.results.measures import HEADLINE
from model.scenario import FIRM_TYPES, Scenario, declarations, shipped
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
SMALL = State(humans=40)

# The address ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [agents, blocks, figures_share, levers, networks, plans, state])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "shown",
    [
        State(),
        State(scenario="no-agents", humans=300, seed=7, at=24, view="labs", by="usd"),
        State()
        .change("human.contacts", "20")
        .change("lab.lab_a.rule", "race")
        .change("lab.price_coefficient", "2.125"),
        State().choose("network", "application").choose("kind", "Human").choose("sort", "-id").choose("agent", "3"),
        State(at=0),
    ],
)
def test_an_address_gives_the_same_state(shown):
    assert parse(shown.query()) == shown
    assert parse("?" + shown.query()) == shown


def test_the_default_address_is_empty():
    assert State().query() == ""
    assert parse(None) == parse("") == State()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sced=baseline", "unknown part of the link 'sced'"),
        ("scenario=no-agent", "nearest: 'no-agents'"),
        ("scenario=/etc/passwd", "unknown scenario"),
        ("scenario=../shipped/baseline.toml", "unknown scenario"),
        ("set=human.contact:3", "nearest: 'human.contacts'"),
        ("set=human.contacts:3000", r"outside \[2, 40\]"),
        ("set=human.contacts:nan", "finite number"),
        ("set=human.contacts:__import__('os').system('true')", "must be a number"),
        ("set=human.contacts", "set=section.name:value"),
        ("set=lab.nobody.rule:race", "unknown lab firm"),
        ("set=__class__.x:1", "unknown parameter"),
        ("set=human.__class__:1", "unknown parameter"),
        ("humans=3", "humans in the link = 3: outside"),
        ("humans=1000000000", "outside"),
        ("humans=1e3", "must be a whole number"),
        ("seed=-1", "outside"),
        ("seed=1&seed=2", "seed stands twice"),
        ("at=169", r"outside \[0, 168\]"),
        ("view=secret", "unknown view"),
        ("by=secret", "unknown by"),
        ("agent=%3Cscript%3E", "not a name"),
        ("against=../x", "not a name"),
        ("against=nothing", "unknown scenario"),
        ("pairs=1000", "unknown pairs"),
        ("a", "cannot be read"),
        ("x" * 30_000, "too long"),
        ("&".join(["set=human.contacts:3"] * 500), "cannot be read"),
    ],
)
def test_a_bad_address_is_refused_in_one_line(query, says):
    with pytest.raises(InputError, match=says) as refused:
        parse(query)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_a_change_is_taken_back_by_the_scenarios_own_value():
    changed = State().change("human.contacts", "20")
    assert changed.changes == {"human.contacts": 20}
    assert changed.change("human.contacts", "12").changes == {}
    assert changed.replace(scenario="no-agents").changes == {}


@pytest.mark.parametrize("name", shipped())
def test_a_downloaded_scenario_is_the_one_on_the_page(name, tmp_path):
    shown = State(scenario=name, humans=300).change("human.contacts", "20").change("lab.lab_a.rule", "race")
    shown = shown.change("lab.price_coefficient", "2.125")
    file = tmp_path / "mine.toml"
    file.write_text(shown.toml(), encoding="utf-8")
    assert tomllib.loads(shown.toml())["schema"] == 1
    again = Scenario.load(file)
    assert again.values() == shown.settings.values()
    assert again.interventions == shown.settings.interventions
    assert (again.months, again.humans, again.start) == (shown.months, 300, shown.settings.start)


# Controls -------------------------------------------------------------------------------------------


def test_every_parameter_has_a_control_with_unit_range_and_source():
    groups = levers.groups("baseline")
    items = {item["name"]: item for group in groups[1:] for item in group["items"]}
    wanted = {f"{d.section}.{d.name}" for d in declarations()}
    firms = {
        f"{s}.{f}.{d.name}" for s, kind in FIRM_TYPES.items() for f in State().base.firms[s] for d in kind.declared()
    }
    assert set(items) == wanted | firms
    assert all(item["doc"] and item["source"] for item in items.values())
    assert all(item["low"] > 0 for item in items.values() if item["scale"] == "log")
    assert [g["title"] for g in groups if not g["items"]] == []
    assert set(levers.GROUPS) == {d.section for d in declarations()}


def test_levers_are_parameters_with_a_plain_name():
    items = levers.groups("baseline")[0]["items"]
    assert [item["name"] for item in items] == [x.parameter for x in levers.LEVERS]
    assert 5 <= len(items) <= 8
    assert all(item["hint"] and item["effect"] and item["low"] is not None for item in items)
    assert items[0]["label"] == "Agents per person"


def test_controls_show_the_scenarios_values():
    shown = State(scenario="agents-proliferate").change("human.contacts", "20")
    values = levers.values(shown)
    assert values["base"]["agent_loop.job_scale"] == 2.0
    assert values["now"] == {"human.contacts": 20}
    assert values["base"]["lab.lab_a.rule"] == lookup(shown.base, "lab.lab_a.rule")


# The player -----------------------------------------------------------------------------------------


class Watcher:
    """Keeps the frames of a player."""

    def __init__(self, **given):
        self.frames, self.told, self.came = [], [], threading.Condition()
        draw = given.get("draw", lambda scene: (str(scene.economy.month), []))
        self.player = Player(draw, self.show, self.told.append)

    def show(self, frame: Frame) -> None:
        with self.came:
            self.frames.append(frame)
            self.came.notify_all()

    def wait(self, wanted, seconds=20.0) -> Frame:
        with self.came:
            assert self.came.wait_for(lambda: any(map(wanted, self.frames)), seconds), self.frames[-3:]
            return next(filter(wanted, self.frames))


@pytest.fixture
def watcher():
    made = Watcher()
    yield made
    made.player.close()


def test_the_player_runs_to_a_month_and_back(watcher):
    watcher.player.ask(Wish(SMALL.replace(at=14)))
    assert watcher.wait(lambda f: f.month == 14).label == "2023-02"
    watcher.player.ask(Wish(SMALL.replace(at=3)))
    assert watcher.wait(lambda f: f.month == 3).label == "2022-03"
    watcher.player.ask(Wish(SMALL.replace(at=0)))
    assert watcher.wait(lambda f: f.month == 0).label == "opening"


def test_a_newer_wish_ends_an_older_one(watcher):
    watcher.player.ask(Wish(State(humans=2_000)))
    until(lambda: watcher.told)  # it is under way
    watcher.player.ask(Wish(SMALL.replace(at=2)))
    watcher.wait(lambda f: f.month == 2)
    assert watcher.told[-1] < State().months
    assert all(f.state.humans == 40 for f in watcher.frames)


def test_it_plays_at_a_speed_and_stops_where_it_is(watcher):
    watcher.player.ask(Wish(SMALL.replace(at=0), playing=True, speed=20.0))
    frame = watcher.wait(lambda f: f.month >= 8)
    watcher.player.ask(Wish(SMALL.replace(at=frame.month)))
    until(lambda: watcher.player._done == watcher.player._number)  # it waits for another wish
    assert watcher.frames[-1].month == frame.month


def test_a_changed_run_is_held_against_the_scenario_as_shipped():
    scenes = []
    made = Watcher(draw=lambda scene: (scenes.append(scene) or "", []))
    made.player.ask(Wish(SMALL.change("lab.quality_coefficient", "1")))
    made.wait(lambda f: f.whole)
    assert scenes[-1].shipped is not None
    assert scenes[-1].shipped.monthly.height == 168
    assert scenes[-1].shipped.run == SMALL.run
    made.player.close()


def test_an_error_becomes_a_message_and_the_player_goes_on():
    fail = threading.Event()

    def draw(scene):
        if not fail.is_set():
            fail.set()
            raise ValueError("no such thing")
        return "", []

    made = Watcher(draw=draw)
    made.player.ask(Wish(SMALL.replace(at=2)))
    assert made.wait(lambda f: f.error).error == "no such thing"
    made.player.ask(Wish(SMALL.replace(at=3)))
    assert made.wait(lambda f: f.month == 3).error == ""
    made.player.close()


def test_a_closed_player_frees_its_economy():
    seen = []
    made = Watcher(draw=lambda scene: (seen.append(weakref.ref(scene.economy)) or "", []))
    made.player.ask(Wish(SMALL.replace(at=2)))
    made.wait(lambda f: f.month == 2)
    made.player.close()
    made.player._thread.join(10)
    assert not made.player._thread.is_alive()
    gc.collect()
    assert [ref for ref in seen if ref() is not None] == []


# Views ----------------------------------------------------------------------------------------------


#: By months and run: views change none of them.
ECONOMIES: dict[tuple, InferenceEconomy] = {}


def scene_at(month: int, shown: State = SMALL, **given) -> Scene:
    key = (month, shown.run)
    if key not in ECONOMIES:
        ECONOMIES[key] = InferenceEconomy(shown.settings, seed=shown.seed)
        for _ in range(month):
            ECONOMIES[key].step()
    return Scene(ECONOMIES[key], shown, summary(ECONOMIES[key], shown), **given)


def drawn(scene: Scene) -> tuple[str, list]:
    tiles, parts = views.draw(scene)
    return tiles, [part() if callable(part) else part for part in parts]


@pytest.mark.parametrize("month", [0, 1, 3, 13])
@pytest.mark.parametrize("view", state.VIEWS)
def test_every_view_is_drawn_in_every_month(view, month):
    tiles, found = drawn(scene_at(month, SMALL.replace(view=view), narrow=month < 2))
    assert tiles.count("class='tile'") == 6
    assert found
    text = "".join(getattr(b, name, "") for b in found for name in ("chart", "svg", "text"))
    assert not re.search(r"<script|javascript:|\bon\w+=|NaN|undefined", text)
    assert not re.search(r"""(?:src|href)=["'](?!#)""", text)


def test_the_lever_and_the_run_as_shipped_stand_beside_each_other():
    plain = scene_at(40)
    changed = scene_at(40, SMALL.change("lab.quality_coefficient", "1").replace(by="usd"), shipped=plain.now)
    tiles, found = drawn(changed)
    assert "as shipped" in tiles
    assert "as shipped" in next(b for b in found if isinstance(b, blocks.Html)).text
    chart = next(b for b in found if isinstance(b, blocks.Picture)).chart
    assert "Grey: the scenario as shipped" in chart


def test_places_in_the_networks_never_move():
    early, late = scene_at(6).economy, scene_at(14, SMALL.replace(seed=2)).economy
    for which in ("orchestrator", "application"):
        before, after = (networks.network(e, which)[0] for e in (early, late))
        assert [(n.x, n.y) for n in before] == [(n.x, n.y) for n in after]
        nodes, edges = networks.network(late, which)
        assert len({n.name for n in nodes}) == len(nodes)
        assert (
            len(nodes)
            == (late.orchestrator_graph if which == "orchestrator" else late.application_graph).number_of_nodes()
        )
        assert (
            len(edges)
            == (late.orchestrator_graph if which == "orchestrator" else late.application_graph).number_of_edges()
        )


def test_traffic_is_width_and_hover():
    nodes = [networks.Node("a", "orchestrator", 0, 0, 1, "x"), networks.Node("b <i>", "tool", 9, 9, 0, "y")]
    svg = networks.draw(
        nodes, [networks.Edge("a", "b <i>", 4.0, "a to b: 4"), networks.Edge("b <i>", "a", 1.0, "1")], "orchestrator"
    )
    assert [float(w) for w in re.findall(r'stroke-width="([\d.]+)" stroke-opacity', svg)] == [3.75, 7.0]
    assert "<title>a to b: 4</title>" in svg
    assert "b &lt;i&gt;" in svg
    assert "<i>" not in svg


def test_the_table_of_agents_sorts_and_opens():
    scene = scene_at(
        13, SMALL.replace(view="agents").choose("kind", "Human").choose("sort", "-wage_usd_per_h").choose("agent", "3")
    )
    scene = Scene(scene.economy, scene.state, scene.now, life=[{"month": None}] * 0)
    _, found = drawn(scene)
    table = next(b for b in found if isinstance(b, blocks.Table))
    column = [c[0] for c in table.columns].index("wage_usd_per_h")
    wages = [float(row[column].replace(",", "")) for row in table.rows]
    assert wages == sorted(wages, reverse=True)
    assert wages[0] == pytest.approx(float(scene.economy.humans.wage_usd_per_h.max()), rel=1e-2)
    account = scene.economy.trace(scene.economy.row("Human", 3))
    text = " ".join(b.text for b in found if isinstance(b, blocks.Html))
    assert account.sentences[0][:40] in text


def test_planned_and_came_are_those_of_the_result_table():
    scene = scene_at(30)
    e = scene.economy
    lab = e.opening.lab_names[plans.leading(e)]
    table = e.tables()["labs"]
    mine = table.filter(table["lab"] == lab).sort("released", "planned_cost_usd")
    found = plans.planned(e, lab).sort("month", "planned_usd")
    for ours, theirs in (
        ("planned_tokens", "planned_lifetime_tokens"),
        ("realised_tokens", "realised_lifetime_tokens"),
        ("planned_usd", "planned_cost_usd"),
        ("realised_usd", "realised_cost_usd"),
    ):
        assert found[ours].to_list() == mine[theirs].to_list()
    words = plans.said(found, lab, True, "2024-06")
    assert words[0].startswith(f"Lab {lab}, the one that spends most")


def test_a_comparison_is_paired_and_named():
    shown = State(humans=40).change("human.contacts", "20").replace(at=None)
    done = []
    found = versus.run(shown, 2, lambda a, b: done.append((a, b)), months=26)
    assert found.names == ("baseline", "baseline, 1 change")
    assert done[-1] == (4, 4)
    assert found.rows["month"].n_unique() == 26
    _, parts = drawn(scene_at(13, SMALL.replace(view="compare"), extra=found))
    chart = next(b for b in parts if isinstance(b, blocks.Picture)).chart
    assert "B: baseline, 1 change" in chart
    assert "Mean of 2 runs" in chart


def test_every_file_of_the_page_is_shipped():
    shipped_files = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = shipped_files["package-data"]["experiments"]
    others = [p for p in (ROOT / "experiments" / "page").iterdir() if p.suffix not in (".py", "") and p.is_file()]
    assert others
    assert [p.name for p in others if not any(p.match(f"experiments/{x}") for x in patterns)] == []


# Text and the server ----------------------------------------------------------------------------


def test_what_is_written_into_the_page_is_escaped():
    text = blocks.table(("<b>",), (("<script>",),), (0,), "<i>").text + blocks.paragraph("<img>").text
    text += blocks.tiles([{"name": "<a>", "value": "<b>", "note": "'", "what": "'><script>"}])
    assert not re.search(r"<(b|script|i|img|a)>", text)
    assert "title='&#x27;&gt;&lt;script&gt;'" in text


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("example", False),
    ],
)
def test_only_this_machine_is_local(host, local):
    assert serve._local(host) is local


@pytest.mark.parametrize("port", [1, 70000])
def test_an_address_that_cannot_be_used_is_refused(port):
    with pytest.raises((InputError, OverflowError)):
        serve.serve("192.0.2.1", port, open_browser=False)


# What one tab wishes --------------------------------------------------------------------------------


def test_a_late_picture_does_not_take_back_a_wish():
    """Play, pause, then to the end at once: the picture of the pause arrives after the wish, which stands."""
    session = Session("humans=40&at=24")
    session.player.close()
    session.play({"playing": True})
    session.tell(30)
    session.play({"playing": False})
    paused = session.state.value
    assert paused.at == 30
    session.show(Frame(paused, 31, "2024-07"))  # play was a month further: the pause is there
    assert session.state.value.at == 31
    here = session.state.value
    session.show(Frame(here, 31, "2024-07"))
    assert not session.busy.value
    session.go(here.months)
    session.show(Frame(here, 31, "2024-07"))  # a picture of the wish before
    assert session.state.value.goal == here.months
    assert session.busy.value
    session.show(Frame(session.state.value, here.months, "2035-12"))
    assert not session.busy.value


def test_a_date_of_one_run_stands_beside_the_stored_draws():
    """The baseline as shipped: the interval of `answer.json`; a changed run: no word of it, and a small move is no effect."""
    told = views.shipped_answer()
    assert told["runs"] in views._spread(State())
    assert f"[{told['crossover'][HEADLINE]['low']}" in views._spread(State())
    assert views._spread(State().change("human.contacts", "20")) == "one seed of many"
    assert views._spread(State(scenario="no-agents")) == "one seed of many"


@pytest.mark.parametrize(
    ("moved", "says"),
    [(0, ": the same"), (2, "no clear change, one seed"), (3, "3 months later, one seed"), (-4, "4 months earlier")],
)
def test_a_small_move_of_one_seed_is_no_effect(moved, says):
    def summary(index):
        share = np.where(np.arange(168) < index - 5, 0.1, 0.9)
        months = tuple(month_date(i) for i in range(168))
        found = Counts("2022-01", (1,), (months,), {HEADLINE: [(share, np.ones(168))]})
        return Summary(State().run, found, pl.DataFrame(), pl.DataFrame())

    scene = Scene(None, State(), summary(60 + moved), summary(60))
    assert says in views._moved(scene, HEADLINE)

"""Charts of the browser page: built quickly they are the same charts; what is sent; colours of the theme; frames of the player."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import altair as alt
import polars as pl
import pytest
import vl_convert as vlc
from altair.utils import schemapi

from experiments.page import charts, plans, player, views
from experiments.page.blocks import Html, Picture
from experiments.page.player import Player, Scene, Wish, summary
from experiments.page.state import VIEWS, State
from model.economy import InferenceEconomy
from model.results import tables
from model.results.regret import hindsight
from tests.samples import some

CSS = (Path(charts.__file__).parent / "page.css").read_text(encoding="utf-8")
SMALL = State(humans=60)
#: Greys that are data: electricity, what owners pay in, hours asleep or at work without a screen.
DATA_GREYS = {"#999999", "#DDDDDD"}


@pytest.fixture(scope="module")
def economy():
    """Return an economy after three years: all figures have something to draw."""
    e = InferenceEconomy(SMALL.settings, seed=1)
    for _ in range(40):
        e.step()
    return e


def pictures(economy, view: str) -> dict[str, str]:
    """Return the charts of a view, {name: Vega-Lite}."""
    _, parts = views.draw(Scene(economy, SMALL.replace(view=view), summary(economy, SMALL)))
    found = [part() if callable(part) else part for part in parts]
    return {b.name: b.chart for b in found if isinstance(b, Picture) and b.chart}


@pytest.mark.parametrize("view", some(["answer", "stack", "attention", "labs"], 2))
def test_a_chart_built_quickly_is_the_same_chart(economy, view):
    """Altair's own way, with its checks, gives the same to the letter."""
    slow = pictures(economy, view)
    with charts.quickly():
        quick = pictures(economy, view)
    assert quick == slow
    assert slow


@pytest.mark.parametrize("view", some(["answer", "stack", "attention", "labs"], 2))
def test_the_text_that_is_sent_draws_the_same_picture(economy, view, monkeypatch):
    """Held against Altair's own dictionary, tables in it, as the converter draws both."""
    kept = []
    real = charts.specification
    monkeypatch.setattr("experiments.page.blocks.specification", lambda chart: kept.append(chart) or real(chart))
    sent = pictures(economy, view)
    assert len(kept) == len(sent)
    for chart, text in zip(kept, sent.values(), strict=True):
        assert plain(vlc.vegalite_to_svg(json.loads(text))) == plain(vlc.vegalite_to_svg(chart.to_dict()))


def plain(svg: str) -> str:
    """Return an SVG without the numbers that only tell its parts apart."""
    return re.sub(r"clip\d+|gradient_\d+", "", svg)


def test_tables_are_sent_once_and_finite():
    rows = pl.DataFrame({"month": [dt.date(2022, 1, 1)] * 3, "x": [1.5, float("nan"), float("inf")]})
    one = alt.Chart(rows).mark_line().encode(alt.X("month:T"), alt.Y("x:Q"))
    other = alt.Chart(pl.DataFrame({"x": [1]})).mark_rule().encode(alt.Y("x:Q"))
    sent = json.loads(charts.specification(alt.vconcat(one, one + one, one + other)))
    assert sent["datasets"] == {
        "table0": [
            {"month": "2022-01-01", "x": 1.5},
            {"month": "2022-01-01", "x": None},
            {"month": "2022-01-01", "x": None},
        ],
        "table1": [{"x": 1}],
    }
    assert json.dumps(sent["vconcat"]).count('"table0"') == 3
    assert alt.data_transformers.active == "default"


def test_altair_is_left_as_it_was():
    """Also after an error, and by two tabs that draw at a time."""
    before = (schemapi._deep_copy, schemapi.DEBUG_MODE)

    def build() -> None:
        for _ in range(50):
            with charts.quickly():
                alt.Chart(rows).mark_line().properties(title="x")

    rows, often = pl.DataFrame({"x": [1.0]}), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # the tabs take turns within a chart
    try:
        tabs = [threading.Thread(target=build) for _ in range(2)]
        for tab in tabs:
            tab.start()
        for tab in tabs:
            tab.join()
    finally:
        sys.setswitchinterval(often)
    with charts.quickly():
        assert schemapi._deep_copy is not before[0]
    with pytest.raises(ZeroDivisionError), charts.quickly():
        _ = 1 / 0
    assert (schemapi._deep_copy, schemapi.DEBUG_MODE) == before


def test_the_paper_of_charts_follows_the_theme(economy):
    """Every grey, black and white of a chart has its place among the page's variables."""
    text = "".join(chart for view in VIEWS for chart in pictures(economy, view).values())
    named = set(re.findall(r'"(white|black)"', text))
    greys = {c for c in re.findall(r'"(#[0-9a-fA-F]{6})"', text) if len({c[1:3], c[3:5], c[5:7]}) == 1}
    assert {"white", "#222222", "#777777", "#e6e6e6"} <= named | greys
    for colour in (named | greys) - DATA_GREYS:
        assert f'[fill="{colour}"]' in CSS, colour
        assert f'[stroke="{colour}"]' in CSS, colour


def test_the_browser_is_given_all_that_draws():
    code = charts.drawing_library()
    assert code is charts.drawing_library()
    assert re.search(r"export\s*\{\s*[\w$]+ as default\s*\};?\s*$", code)
    assert not re.search(r"^\s*import\s", code, re.MULTILINE)


def test_costs_of_nets_are_those_of_the_result_table(economy):
    rows = [r for r in economy.state.labs.releases if not r.opening]
    assert len(rows) > 5
    assert any(r.rollout_factor > 0.0 for r in rows)
    for r in rows:
        assert plans.cost_usd(r) == hindsight(r, economy.params.neural).realised_usd
    drawn, table = plans.all_labs(economy), tables.labs(economy)
    columns = [c for c in drawn.columns if c in table.columns]
    assert len(columns) == 9
    assert drawn.select(columns).sort(columns).equals(table.select(columns).sort(columns))


@pytest.mark.parametrize(("slow_s", "frames"), [(0.0, 1), (0.4, 2)])
def test_a_redraw_is_shown_at_once_unless_it_takes_long(slow_s, frames, monkeypatch):
    """A step is one picture; where a part takes its time, by a clock of ours, what stood there is kept until it comes."""
    seen, come, now = [], threading.Condition(), [0.0]
    monkeypatch.setattr(player, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def show(frame) -> None:
        with come:
            seen.append(frame)
            come.notify_all()

    def part(month: int) -> Html:
        now[0] += slow_s
        return Html(f"late {month}")

    def draw(scene: Scene):
        month = scene.economy.month
        return "", [Html(f"quick {month}"), lambda: part(month), lambda: part(month)]

    def wait(month: int) -> None:
        with come:
            assert come.wait_for(lambda: any(f.whole and f.month == month for f in seen), 20.0)

    made = Player(draw, show, lambda month: None)
    made.ask(Wish(SMALL.replace(at=2)))
    wait(2)
    made.ask(Wish(SMALL.replace(at=3)))
    wait(3)
    made.close()
    third = [f for f in seen if f.month == 3]
    assert len(third) == frames
    assert [b.text for b in third[-1].blocks] == ["quick 3", "late 3", "late 3"]
    if frames == 2:
        assert [b.text for b in third[0].blocks] == ["quick 3", "late 3", "late 2"]

"""The register of charts: a user's function in report and contents, in the place it names; what is refused."""

from __future__ import annotations

import re
from types import SimpleNamespace

import altair as alt
import polars as pl
import pytest

from experiments import figures, run
from experiments.figures import register
from experiments.report import page as report
from model import InferenceEconomy
from model.core.errors import InputError


@pytest.fixture(scope="module")
def result():
    return run("baseline", humans=20, months=14, workers=1)


@pytest.fixture(autouse=True)
def _forgotten():
    """The register is afterwards as it was."""
    figures.registered()
    before = dict(register.FIGURES)
    yield
    register.FIGURES.clear()
    register.FIGURES.update(before)


def test_the_report_has_its_charts_in_this_order():
    assert [f.name for f in figures.registered()] == [
        "answer", "definitions", "hours", "outcomes", "demand", "kaya", "layers", "attention", "market", "labs", "who_was_right",
        "observed",
    ]  # fmt: skip


@pytest.mark.report
def test_a_chart_of_a_user_is_in_report_contents_and_module(result, tmp_path):
    """Behind the chart it names, under its title; two behind one: the later one is nearer."""

    @figures.figure("robots & people", ["monthly"], after="demand")
    def robots(monthly: pl.DataFrame) -> alt.Chart:
        return alt.Chart(monthly).mark_line().encode(x="month:T", y="robots:Q")

    @figures.figure("all of it", after="demand")
    def everything(tables):
        assert set(tables) >= {"monthly", "compute", "labs"}
        return robots(tables["monthly"])

    assert figures.robots is robots
    assert [f.name for f in figures.registered()][3:8] == ["outcomes", "demand", "everything", "robots", "kaya"]
    report.save(result, tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text()
    listed = re.findall(r"<a href='#([^']+)'>([^<]+)</a>", re.search(r"<nav>(.*?)</nav>", text)[1])
    assert [x for x in listed if x[0] in ("everything", "robots")] == [
        ("everything", "all of it"),
        ("robots", "robots &amp; people"),
    ]
    assert text.count("<svg") == 14
    assert re.search(r"<figure id='robots'><svg", text)


def test_a_chart_may_ask_whether_runs_were_drawn(result):
    @figures.figure("drawn", [])
    def drawn(posterior=False):
        return posterior

    assert register.FIGURES["drawn"].of(result.tables, True) is True
    assert figures.pictures()["drawn"](result) is False


def test_what_cannot_stand_in_the_report_is_refused_in_one_line(result):
    with pytest.raises(InputError, match=r"figure: title = 7: must be text"):
        figures.figure(7)
    with pytest.raises(InputError, match=r"figure 'x': tables = 'monthly': must be a list of names"):
        figures.figure("x", "monthly")
    with pytest.raises(
        InputError, match=r"figure 'kaya': is that of experiments\.figures\.economy; choose another name"
    ):
        figures.figure("x")(type(lambda: None)((lambda: None).__code__, {"__name__": "mine"}, "kaya"))
    figures.figure("x", ["monthy"])(mine)
    with pytest.raises(InputError, match=r"unknown table of figure 'mine' 'monthy'; nearest: 'monthly'"):
        figures.pictures()["mine"](result)
    figures.figure("x", after="kaia")(mine)
    with pytest.raises(InputError, match=r"unknown figure that 'mine' stands after: 'kaia'; nearest: 'kaya'"):
        figures.registered()


def mine(table):
    """Draw nothing."""


def test_a_chart_for_a_view_is_on_the_browser_page():
    views = pytest.importorskip("experiments.page.views")

    @figures.figure("robots", ["monthly"], view="stack")
    def robots(monthly):
        return alt.Chart(monthly).mark_line().encode(x="month:T", y="robots:Q")

    with InferenceEconomy("baseline", humans=20, months=14) as e:
        scenes = [
            SimpleNamespace(state=SimpleNamespace(view=view), playing=False, economy=e) for view in ("stack", "labs")
        ]
        assert views.registered(scenes[0]) == []
        e.run()
        part, *more = views.registered(scenes[0])
        assert (more, views.registered(scenes[1])) == ([], [])
        assert part().name == "robots"

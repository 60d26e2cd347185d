"""Every mechanism works: its absence shows, or the table says why not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from agents import __all__ as kinds
from experiments.studies import ablation
from model.scenario import SECTIONS, Scenario


def test_the_table_of_the_report_covers_all_mechanisms():
    table = ablation.load()
    assert table.select("part", "mechanism").rows() == [(m.part, m.name) for m in ablation.MECHANISMS]


def test_small_effects_are_explained():
    table = ablation.load()
    silent = [row["mechanism"] for row in table.iter_rows(named=True) if row["strongest"] < 2.0 and not row["note"]]
    assert silent == []


def test_each_layer_and_decider_has_a_mechanism():
    parts = {m.part for m in ablation.MECHANISMS}
    layers = {"physical", "link", "neural", "context", "agent", "orchestrator", "application"}
    assert layers <= parts
    assert {"human", "ai_agent", "robot", "provider", "lab", "supplier"} <= parts
    assert len(kinds) == 8


def test_overrides_are_within_the_declared_ranges():
    base = Scenario.load("baseline")
    for m in ablation.MECHANISMS:
        assert base.with_overrides(m.overrides).values() != base.values(), m.name
        assert all(name.split(".")[0] in SECTIONS for name in m.overrides)


def test_effects_are_paired():
    base = np.array([[0.3, 10.0, 1.0, 90.0], [0.5, 11.0, 1.5, np.nan]])
    held = base + np.array([0.1, -1.0, 0.0, 6.0])
    e = ablation.effect(ablation.MECHANISMS[0], base, held)
    assert e.share == pytest.approx(0.1)
    assert e.share_se == pytest.approx(0.0, abs=1e-12)
    assert e.log10_tokens == pytest.approx(-1.0)
    assert e.crossover_usd_months is None  # only one of two crossed


@pytest.mark.parametrize("year", [2024, pytest.param(ablation.YEAR, marks=pytest.mark.long)])
def test_strong_mechanisms_show(year, monkeypatch):
    """Early already, in one process; the long form is the study itself."""
    monkeypatch.setattr(ablation, "YEAR", year)
    monkeypatch.setattr(ablation, "MONTHS", min(ablation.MONTHS, 12 * (year - 2021)))
    strong = [m for m in ablation.MECHANISMS if m.name in ("serving software learns", "rivalry for buyers")]
    for e in ablation.run(2, 150, strong, workers=1):
        assert e.strongest > 2.0, e.mechanism


@pytest.mark.parametrize("year", [2025, pytest.param(ablation.YEAR, marks=pytest.mark.long)])
def test_what_labs_see_without_agents_is_what_is_stored(year, monkeypatch):
    """The reason that the README gives: fewer buyers of a dear kind, so lower margins, and research of about the same part of revenue."""
    monkeypatch.setattr(ablation, "YEAR", year)
    monkeypatch.setattr(ablation, "MONTHS", 12 * (year - 2021))
    size = (2, 100) if year < 2030 else (8, 1_000)
    found, stored = ablation.without_agents(*size, workers=1), json.loads(ablation.AGENTS.read_text())
    assert found.keys() == stored.keys()
    assert found["gross_profit_elasticity"][1] < found["gross_profit_elasticity"][0]
    assert stored["gross_margin"][1] < stored["gross_margin"][0] - 0.05
    assert abs(stored["rd_to_revenue"][1] / stored["rd_to_revenue"][0] - 1.0) < 0.1
    if year == ablation.YEAR == stored["year"]:
        assert all(found[k] == pytest.approx(stored[k], rel=0.02, abs=0.01) for k in stored), (
            "`make evidence` renews it"
        )


@pytest.mark.long
def test_the_stored_table_is_this_model():
    """Shares of the stored table hold within three standard errors (or a hundredth) when run again."""
    stored = {row["mechanism"]: row for row in ablation.load().iter_rows(named=True)}
    for e in ablation.run(4, 1_000, ablation.MECHANISMS[::4]):
        row = stored[e.mechanism]
        assert abs(e.share - row["share"]) <= max(3.0 * np.hypot(e.share_se, row["share_se"]), 0.01), e.mechanism

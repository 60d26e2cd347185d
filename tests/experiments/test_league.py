"""This model beside others: each figure has a source and a denominator, each measure its definition."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

import model
from experiments.calibration import ensemble, observed
from experiments.calibration import forecasts as league
from experiments.cli import main

BIB = (Path(model.__file__).parent / "data" / "sources.bib").read_text()


@pytest.fixture(scope="module")
def rows():
    tables = ensemble.baseline(1, 60)
    return league.league(tables), tables


def test_every_figure_has_a_source_a_denominator_and_a_measure():
    table = pl.read_csv(league.FILE)
    assert set(table["measure"]) == set(league.MEASURES)
    for row in table.iter_rows(named=True):
        assert row["denominator"]
        assert [row[k] for k in ("value", "low", "high")] != [None] * 3
        source = row["source"].removeprefix("observations ")
        known = observed.points(source).height > 0 if source != row["source"] else f"{{{source}," in BIB
        assert known, row["source"]


def test_all_named_forecasters_are_there():
    who = set(pl.read_csv(league.FILE)["who"])
    for name in ("GATE", "Full Takeoff Model", "AI-2027", "Deloitte", "McKinsey", "Epoch"):
        assert name in who
    assert any(w.startswith("realised") for w in who)


def test_realised_figures_end_where_the_observations_do():
    table = pl.read_csv(league.FILE).filter(pl.col("kind") == "realised")
    assert table["last"].max() <= "2025-11"


def test_measures_are_the_recorded_shares(rows):
    found, tables = rows
    monthly = tables["monthly"].filter(pl.col("month").dt.year() == 2024)
    kernel = next(r for r in found if r["quantity"].startswith("forward-only") and r["first"] == "2024-01")
    hours = tables["compute"].filter(
        pl.col("month").dt.year() == 2024, pl.col("purpose").is_in(["serving", *league.RD])
    )
    weight = hours.group_by("month").agg(pl.col("accelerator_hours").sum()).sort("month")["accelerator_hours"]
    mean = (monthly["inference_share_kernel"] * weight).sum() / weight.sum()
    assert kernel["model"] == pytest.approx(mean)
    all_ai = next(r for r in found if r["who"] == "McKinsey" and r["unit"] == "share")
    assert 0.0 < all_ai["model"] < 1.0
    assert all_ai["holds"] == (all_ai["model"] >= 0.5)
    capex = next(r for r in found if r["who"] == "GATE")
    assert capex["model"] == pytest.approx(
        tables["monthly"].filter(pl.col("month").dt.year() == 2025)["capex_usd"].sum()
    )
    assert capex["ratio"] == pytest.approx(capex["model"] / 2.5e13)


def test_a_bound_is_printed_as_one():
    row = {"value": None, "low": 0.5, "high": None, "unit": "share"}
    assert league.published(row) == "at least 50 %"
    assert league.published(row | {"value": 0.6, "high": 0.7}) == "60 % (50 % to 70 %)"


def test_the_command_prints_each_row(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(league, "SEEDS", 1)
    monkeypatch.setattr(league, "HUMANS", 60)
    assert main(["league", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == pl.read_csv(league.FILE).height == pl.read_csv("results/league/league.csv").height
    assert main(["league"]) == 0
    assert re.search(r"AI-2027", capsys.readouterr().out)

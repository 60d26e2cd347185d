"""Result tables: shipped ones have the columns that are declared beside them; added ones go where the shipped ones go."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest

from experiments import run
from experiments.runs.folder import table_names
from experiments.runs.results import Result
from model import InferenceEconomy
from model.core.errors import InputError
from model.results.tables import TABLES, ResultTable

SMALL = {"humans": 20, "months": 3}
#: Tables whose columns are explained elsewhere.
OPEN = {"monthly", "agents"}


def of_labs(e, r):
    """One row for each lab and its cash."""
    return [
        {"lab": name, "cash_usd": float(usd)} for name, usd in zip(e.opening.lab_names, e.labs.cash_usd, strict=True)
    ]


CASH = ResultTable("cash", {"lab": ("-", "name of the lab"), "cash_usd": ("USD", "what it holds at the end")}, of_labs)


@pytest.fixture(scope="module")
def tables():
    with InferenceEconomy("baseline", **SMALL, tables=[CASH]) as e:
        yield e.run().tables()


@pytest.mark.parametrize("table", [t for t in TABLES if t.name not in OPEN], ids=lambda t: t.name)
def test_a_table_has_the_columns_that_are_declared_beside_it(tables, table):
    assert tables[table.name].columns == ["seed", *(name for name in table.columns if name != "seed")]


def test_a_table_of_a_user_is_made_and_explained(tables):
    assert list(tables) == [*table_names({}), "cash"]
    assert tables["cash"].columns == ["seed", "lab", "cash_usd"]
    e = InferenceEconomy("baseline", **SMALL, tables=[CASH])
    told = e.explain("cash.cash_usd")
    assert (told.unit, told.meaning) == ("USD", "what it holds at the end")
    file, line = told.where.split(", line ")
    assert '"cash_usd": ("USD"' in Path(file).read_text().splitlines()[int(line) - 1]


def test_a_table_of_a_user_is_written_and_read_and_replaced(tables, tmp_path, monkeypatch):
    """Two processes; the folder is ours with it, gives way to one without it, and keeps what is not ours."""
    monkeypatch.chdir(tmp_path)
    both = run("baseline", **SMALL, seeds=2, workers=2, tables=[CASH], out="out")
    assert both.tables["cash"].filter(seed=1).equals(tables["cash"])
    assert json.loads(Path("out/manifest.json").read_text())["tables"] == ["cash"]
    assert Result.load("out").tables["cash"].equals(both.tables["cash"])
    Path("out/notes.parquet").write_text("mine")
    again = run("baseline", **SMALL, seeds=2, workers=1, tables=[CASH], out="out")
    assert again.tables["cash"].equals(both.tables["cash"])
    run("baseline", **SMALL, workers=1, out="out", replace=True)
    left = set(os.listdir("out"))
    assert "cash.parquet" not in left
    assert "notes.parquet" in left
    assert [p for p in os.listdir() if p != "out"] == []


def test_a_file_of_a_user_is_not_taken_for_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("baseline", **SMALL, workers=1, out="out")
    Path("out/cash.parquet").write_text("mine")
    with pytest.raises(
        InputError, match=r"'cash\.parquet' in it is none of ours, and a table to be written has that name"
    ):
        run("baseline", **SMALL, workers=1, tables=[CASH], out="out", replace=True)
    assert Path("out/cash.parquet").read_text() == "mine"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (CASH._replace(name="labs"), "table 'labs': its name must be .* none of a table that is there already"),
        (CASH._replace(name="my cash"), "table 'my cash': its name must be letters, digits and _"),
        (
            CASH._replace(columns={"lab": "name"}),
            r"table 'cash': must be ResultTable\(name, columns=\{name: \(unit, meaning\)\}",
        ),
        (CASH._replace(rows=[]), "table 'cash': must be ResultTable"),
        (of_labs, "tables: <function of_labs at .* is no ResultTable"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(table, says):
    with pytest.raises(InputError, match=says) as caught:
        run("baseline", **SMALL, workers=1, tables=[table])
    assert "\n" not in str(caught.value)


def test_a_table_with_other_columns_than_declared_is_named():
    e = InferenceEconomy(
        "baseline", **SMALL, tables=[CASH._replace(rows=lambda e, r: pl.DataFrame({"lab": ["lab_a"]}))]
    )
    with pytest.raises(InputError, match=r"table 'cash': has the columns \['lab'\], declares \['lab', 'cash_usd'\]"):
        e.tables()
    empty = InferenceEconomy("baseline", **SMALL, tables=[CASH._replace(rows=lambda e, r: [])])
    assert empty.tables()["cash"].shape == (0, 3)

"""Published results, one test each, and the shape of their rows."""

from __future__ import annotations

import re

import pytest

from experiments.claims import Row
from experiments.replicate import ROWS, replicate

FIELDS = ["id", "claim", "expected", "obtained", "tolerance", "source", "verdict"]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.id)
def test_published_result(row):
    checked = row.check()
    assert list(checked) == FIELDS
    assert checked["verdict"] in ("pass", "soft"), checked
    assert re.search(r"\b(19|20)\d\d\b", checked["source"]), "source needs a year"
    expected, obtained = checked["expected"], checked["obtained"]
    assert isinstance(obtained, float) or set(obtained) == set(expected)


def test_numbers_are_those_of_the_list_and_unique():
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"B(0[1-9]|[1-3]\d|4[0-2])", i) for i in ids)


def test_a_wrong_value_fails():
    wrong = Row("B01", "x", "y 2024", {"n": 1.0}, 0.01, "relative", "", lambda: {"n": 1.02})
    assert wrong.check()["verdict"] == "fail"
    assert Row("B01", "x", "y 2024", 1.0, 0.01, "relative", "", lambda: float("nan")).check()["verdict"] == "fail"
    assert Row("B01", "x", "y 2024", {"n": 1.0}, 0.01, "relative", "", lambda: {"m": 1.0}).check()["verdict"] == "fail"


def test_rows_come_in_order(monkeypatch):
    quick = [row for row in ROWS if row.id in ("B21", "B13", "B01")]
    monkeypatch.setattr("experiments.replicate.ROWS", quick)
    assert [row["id"] for row in replicate()] == ["B01", "B13", "B21"]


def test_no_macro_pattern_is_left_out():
    macro = {f"B{i}" for i in range(26, 38)}
    assert macro <= {row.id for row in ROWS}
    assert all(row.soft for row in ROWS if row.id in macro)

"""Published results, one test each, the shape of their rows, and for each the change that turns it red."""

from __future__ import annotations

import ast
import functools
import json
import re
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from experiments.calibration import ensemble
from experiments.calibration.ensemble import one_of
from experiments.cli import main
from experiments.replications import claims, sizing
from experiments.replications import investment as replicate_investment
from experiments.replications import laws as replicate
from experiments.replications import macro as replicate_macro
from experiments.replications import systems as replicate_systems
from experiments.replications.claims import Row
from experiments.replications.laws import ROWS
from model import InferenceEconomy
from model.layers import agent, exchange, link
from model.markets import auction
from tests.documents.test_architecture import ROOT, SOURCES

FIELDS = ["id", "class", "claim", "expected", "obtained", "tolerance", "source", "verdict", "missed"]
BY_ID = {row.id: row for row in ROWS}
FACTS = [row.id for row in ROWS if row.group == "fact"]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.id)
def test_published_result(row):
    checked = row.check()
    assert list(checked) == FIELDS
    assert checked["verdict"] in (("pass", "soft") if row.group == "fact" else ("pass",)), checked
    assert re.search(r"\b(19|20)\d\d\b", checked["source"]), "source needs a year"
    expected, obtained = checked["expected"], checked["obtained"]
    assert isinstance(obtained, float) or set(obtained) == set(expected)
    (kept,) = (r for r in replicate.stored() if r["id"] == row.id)
    told = [name for name in FIELDS if name not in ("obtained", "verdict", "missed")]
    assert {name: kept[name] for name in told} == {name: checked[name] for name in told}, "`make docs` renews it"
    now, then = (x if isinstance(x, dict) else {"": x} for x in (obtained, kept["obtained"]))
    if row.group != "invariant":  # rounding alone
        assert now == pytest.approx(then, rel=0.1 if row.group == "fact" else 1e-6, abs=0.02), "`make docs` renews it"


def test_numbers_are_those_of_the_list_and_unique():
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"B(0[1-9]|[1-3]\d|4[0-2])", i) for i in ids)


def test_a_wrong_value_fails():
    wrong = Row("B01", "x", "y 2024", {"n": 1.0}, 0.01, "relative", "", lambda: {"n": 1.02})
    assert wrong.check()["verdict"] == "fail"
    assert wrong.check()["missed"] == ["n"]
    assert Row("B01", "x", "y 2024", 1.0, 0.01, "relative", "", lambda: 2.0, "fact").check()["verdict"] == "soft"
    assert Row("B01", "x", "y 2024", {"n": 1.0}, 0.01, "relative", "", lambda: {"m": 1.0}).check()["verdict"] == "fail"
    more = Row("B01", "x", "y 2024", {"n": 1.0}, 0.01, "relative", "", lambda: {"n": 1.0, "m": 1.0})
    assert more.check()["verdict"] == "fail"


def test_what_is_undefined_fails_and_can_be_written():
    checked = Row("B01", "x", "y 2024", {"n": 1.0}, 9.0, "relative", "", lambda: {"n": float("nan")}).check()
    assert checked["verdict"] == "fail"
    assert json.loads(json.dumps(checked, allow_nan=False))["obtained"] == {"n": None}
    assert replicate.values(checked["obtained"]) == "n undefined"


def test_a_limit_has_no_tolerance_and_no_lower_end():
    def verdict(x: float) -> str:
        return Row("B01", "x", "y", {"n": 0.3}, 0.3, "relative", "", lambda: {"n": x}, "fact", frozenset("n")).check()["verdict"]  # fmt: skip

    assert [verdict(x) for x in (0.0, 0.3, 0.301, float("nan"))] == ["pass", "pass", "soft", "soft"]


def test_tolerances_and_limits_name_what_is_expected():
    for row in ROWS:
        names = set(row.expected) if isinstance(row.expected, dict) else set()
        assert row.at_most <= names, row.id
        assert not isinstance(row.tolerance, dict) or set(row.tolerance) == names, row.id


def test_rows_come_in_order(monkeypatch):
    quick = [row for row in ROWS if row.id in ("B21", "B13", "B01")]
    monkeypatch.setattr("experiments.replications.laws.ROWS", quick)
    assert [row["id"] for row in replicate.replicate()] == ["B01", "B13", "B21"]


# Three classes -------------------------------------------------------------------------------------


def test_no_pattern_of_the_world_is_left_out_and_nothing_else_is_one():
    assert {f"B{i}" for i in range(26, 39)} == set(FACTS)
    assert {row.id for row in ROWS if row.group == "invariant"} == {"B39", "B40"}


def test_each_class_is_counted_apart(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def row(number: int, group: str, x: float) -> Row:
        return Row(f"B0{number}", "a claim", "y 2024", 1.0, 0.1, "relative", "", lambda: x, group)

    rows = [row(1, "formula", 1.0), row(2, "invariant", 1.0), row(3, "fact", 1.0), row(4, "fact", 2.0)]
    monkeypatch.setattr("experiments.replications.laws.ROWS", rows)
    assert main(["replicate"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if line in claims.CLASSES.values()] == list(claims.CLASSES.values())
    assert out[-3:-1] == ["formulas and theorems: 1 of 1 pass, 0 soft, 0 fail", "own invariants: 1 of 1 pass, 0 soft, 0 fail"]  # fmt: skip
    assert out[-1].startswith("facts of the economy: 1 of 2 pass, 1 soft")
    assert main(["replicate", "--json"]) == 0
    assert [r["class"] for r in json.loads(capsys.readouterr().out)] == ["formula", "invariant", "fact", "fact"]
    rows[0] = row(1, "formula", 2.0)
    assert main(["replicate"]) == 1
    assert "formulas and theorems: 0 of 1 pass, 0 soft, 1 fail" in capsys.readouterr().out


def test_a_row_beside_the_economy_says_so():
    """Formulas that nothing of model and agents calls; the economy's own rows do not say it."""
    kernels = {"B10": "exchange", "B12": "coverage", "B21": "waiting", "B25": "doubling_days"}
    calls = {
        name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for name in [getattr(node.func, "id", getattr(node.func, "attr", ""))]
    }
    assert {row.id for row in ROWS if claims.BESIDE in row.why} == set(kernels)
    assert not set(kernels.values()) & calls


# Filters match rows --------------------------------------------------------------------------------


def test_a_filter_on_what_does_not_exist_is_refused():
    labs = pl.DataFrame({"tier": ["frontier", "small", "small"]})
    assert labs.filter(one_of(labs, "tier", "small")).height == 2
    with pytest.raises(ValueError, match="no row has tier open; there are frontier, small"):
        one_of(labs, "tier", "small", "open")


@functools.cache
def categories() -> dict[str, set[str]]:
    """Return the words that stand in each column of text of a run's tables."""
    economy = InferenceEconomy("baseline", humans=60, months=60, seed=1).run()
    out: dict[str, set[str]] = {}
    for table in economy.tables().values():
        for name, kind in table.schema.items():
            if kind == pl.String:
                out.setdefault(name, set()).update(table[name].drop_nulls().unique())
    economy.close()
    return out


def compared(text: str) -> set[tuple[str, str]]:
    """Return (column, word) of each comparison of a column of text with words: ==, != and is_in."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        column, words = None, []
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            column, words = node.left, [node.comparators[0]]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "is_in":
            column, words = node.func.value, getattr(node.args[0], "elts", [])
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "one_of":
            found |= {(node.args[1].value, w.value) for w in node.args[2:] if isinstance(w, ast.Constant)}
        if isinstance(column, ast.Call) and column.args and isinstance(column.args[0], ast.Constant):
            found |= {(column.args[0].value, w.value) for w in words if isinstance(w, ast.Constant)}
    return {(column, word) for column, word in found if isinstance(word, str)}


def test_every_filter_of_the_experiments_names_what_the_tables_hold():
    known = categories()
    for path in sorted(p for folder in ("experiments", "model", "agents") for p in (ROOT / folder).rglob("*.py")):
        for column, word in compared(path.read_text()):
            if column in known:
                assert word in known[column], f"{path.name}: {column} is never {word!r}"
    dead = 'x.filter(pl.col("tier") == "open"); y.is_in; z.filter(~_("purpose").is_in(["serving", "rank"]))'
    assert {(c, w) for c, w in compared(dead) if w not in known[c]} == {("tier", "open"), ("purpose", "rank")}


# Each row can miss ---------------------------------------------------------------------------------


def scaled(kernel, factor: float):
    """Return a kernel whose (first) result is off by a factor."""

    def off(*args, **kwargs):
        got = kernel(*args, **kwargs)
        return type(got)((got[0] * factor, *got[1:])) if type(got) is tuple else got * factor

    return off


def wrong_payment(*args, **kwargs):
    got = RUN(*args, **kwargs)
    return got._replace(payment_usd=got.payment_usd * 0.98)


def no_training(n, d, train, serve, *rest):
    return LIFETIME(n, d, 1.02 * train, serve, *rest)


def no_vcg(bids, values, quality, rates, rule="gsp", *rest):
    return RUN(bids, values, quality, rates, "gsp", *rest)


def no_reserve(bids, values, quality, rates, rule="gsp", reserve=0.0):
    return RUN(bids, values, quality, rates, rule)


RUN, LIFETIME = auction.run, sizing.lifetime_cost
#: What turns a row red: where, which function, what stands there instead.
MUTANTS = {
    **{f"B0{i}": (sizing, "size_net", scaled(sizing.size_net, 1.03)) for i in (1, 2, 3, 4, 5, 7)},
    "B06": (sizing, "marginal_rate", scaled(sizing.marginal_rate, 1.002)),
    "B08": (sizing, "compute_optimal", scaled(sizing.compute_optimal, 1.01)),
    "B09": (sizing, "loss", scaled(sizing.loss, 1.001)),
    "B10": (exchange, "exchange", scaled(exchange.exchange, 1.05)),
    "B11": (sizing, "lifetime_cost", no_training),
    "B12": (agent, "coverage", scaled(agent.coverage, 1.15)),
    "B13": (auction, "run", wrong_payment),
    "B14": (auction, "run", wrong_payment),
    "B15": (auction, "run", no_vcg),
    "B16": (auction, "run", no_reserve),
    "B17": (replicate_systems, "step_seconds", scaled(link.step_seconds, 1.01)),
    "B18": (link, "step_seconds", scaled(link.step_seconds, 1.0001)),
    "B19": (link, "batch_room", scaled(link.batch_room, 1.1)),
    "B20": (replicate_systems, "adopt", scaled(replicate_systems.adopt, 1.01)),
    "B21": (replicate_systems, "erlang_c", scaled(replicate_systems.erlang_c, 1.0001)),
    "B22": (replicate_systems, "traffic", scaled(replicate_systems.traffic, 1.0001)),
    "B23": (replicate_systems, "adjustment_cost", scaled(replicate_systems.adjustment_cost, 1.001)),
    "B24": (replicate_systems, "prescribed_uses", scaled(replicate_systems.prescribed_uses, 1.05)),
    "B25": (replicate_investment, "doubling_days", scaled(replicate_investment.doubling_days, 1.01)),
    "B41": (replicate_investment.neural, "horizon", scaled(lambda flop, r, p: flop**0.3 * 1e-6, 1.0)),
    "B42": (replicate_systems, "lifetime_cost", no_training),
}


#: Rows whose formula is the end of long runs.
RUNS = {"B41"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(r.id, marks=[pytest.mark.long] * (r.id in RUNS)) for r in ROWS if r.group == "formula"],
)
def test_a_formula_that_is_wrong_turns_its_row_red(name, monkeypatch):
    monkeypatch.setattr(*MUTANTS[name])
    assert BY_ID[name].check()["verdict"] == "fail"


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("balances", "money_usd", "money_flows"),
        ("balances", "money_usd", "money_sum"),
        ("balances", "equity_usd", "equity_sum"),
        ("capacity", "idle_accelerator_hours", "capacity"),
        ("compute", "accelerator_hours", "work"),
        ("demand", "lost_accelerator_hours", "demand"),
        ("flows", "usd", "money_flows"),
    ],
)
def test_books_that_do_not_balance_are_seen(table, column, value, monkeypatch):
    whole = short_run()
    size = pl.col(column).abs().max() * 1e-4
    one = pl.int_range(pl.len()) == (0 if table == "compute" else pl.len() - 1)  # the last of compute is on board
    bad = whole[table].with_columns(pl.when(one).then(pl.col(column) + size).otherwise(pl.col(column)).alias(column))
    monkeypatch.setattr(replicate, "_short_run", lambda *_: {**whole, table: bad})
    assert value in BY_ID["B39"].check()["missed"]
    monkeypatch.setattr(replicate, "_short_run", lambda *_: {**whole, table: bad.clear()})
    assert value in BY_ID["B39"].check()["missed"], "what is empty balances nothing"


@functools.cache
def short_run():
    return replicate._short_run(replicate.Scenario.load("baseline"))


@pytest.mark.parametrize(("call", "value"), [(1, "changed_by_nothing"), (2, "changed_by_inert")])
def test_a_bit_that_changes_is_seen(call, value, monkeypatch):
    calls = iter(range(3))

    def run(*_, **__):
        return {"monthly": pl.DataFrame({"x": [1.0 + (next(calls) == call) * 1e-15]})}

    monkeypatch.setattr(replicate, "_short_run", run)
    assert BY_ID["B40"].check()["missed"] == [value]


def distorted(tables, factor, by: str | None = None):
    """Return tables whose numbers grow by a factor a year from 2022 on, each word of a column by its own power."""
    out = {}
    for name, table in tables.items():
        months = next((c for c in ("month", "released") if c in table.columns), None)
        if months is None:
            continue
        floats = [c for c, kind in table.schema.items() if kind == pl.Float64]
        power = pl.col(months).dt.year() - 2021
        if by is not None:
            power = pl.col(by).rank("dense").cast(pl.Int64) if by in table.columns else pl.lit(0)
        steps = {c: (i % 7 if by == "column" else 0) for i, c in enumerate(floats)}
        out[name] = table.with_columns(pl.col(c) * factor ** (power + steps[c]) for c in floats)
    return out


@pytest.mark.parametrize("name", [i for i in FACTS if i != "B38"])
def test_every_value_of_a_fact_depends_on_the_economy(name, monkeypatch):
    """A value that nothing moves, as a share summed over what does not exist, holds nothing."""
    tables = ensemble.baseline()
    before, moved = BY_ID[name].check()["obtained"], set()
    ways = [(3.0, None), (0.3, None), (3.0, "purpose"), (0.3, "purpose"), (30.0, "lab"), (3.0, "kernel"), (3.0, "column"), (0.3, "column")]  # fmt: skip
    for factor, by in ways:
        changed = distorted(tables, factor, by)
        monkeypatch.setattr(replicate_macro, "ensemble", SimpleNamespace(**vars(ensemble) | {"baseline": lambda t=changed: t}))  # fmt: skip
        after = BY_ID[name].check()["obtained"]
        old, new = (x if isinstance(x, dict) else {"": x} for x in (before, after))
        moved |= {k for k in old if new[k] is None or abs(new[k] - old[k]) > 0.01 * abs(old[k])}
    assert moved == set(before if isinstance(before, dict) else [""])


def with_tables(monkeypatch, **changed):
    tables = {**ensemble.baseline(), **changed}
    monkeypatch.setattr(replicate_macro, "ensemble", SimpleNamespace(**vars(ensemble) | {"baseline": lambda: tables}))


def test_open_weights_above_the_limit_miss(monkeypatch):
    labs = ensemble.baseline()["labs"]
    assert "open_share" not in BY_ID["B34"].check()["missed"]
    tokens = pl.col("realised_lifetime_tokens")
    more = pl.when(pl.col("lab").is_in(["lab_e", "lab_f", "lab_g"])).then(tokens * 100.0).otherwise(tokens)
    with_tables(monkeypatch, labs=labs.with_columns(more.alias("realised_lifetime_tokens")))
    checked = BY_ID["B34"].check()
    assert "open_share" in checked["missed"]
    assert checked["verdict"] == "soft"
    with_tables(monkeypatch, labs=labs.filter(pl.col("lab") != "lab_f"))
    with pytest.raises(ValueError, match="no row has lab lab_f"):
        BY_ID["B34"].check()


def test_power_and_energy_are_two_observations_of_two_quantities(monkeypatch):
    compute = ensemble.baseline()["compute"]
    ranking = pl.when(pl.col("purpose") == "ranking")
    for column, value in (("energy_kwh", "energy_2022"), ("accelerator_hours", "power_2022"), ("usd", "usd_to_2024_04")):  # fmt: skip
        before = BY_ID["B30"].check()["obtained"]
        with_tables(
            monkeypatch, compute=compute.with_columns(ranking.then(pl.col(column) * 9.0).otherwise(pl.col(column)))
        )
        after = BY_ID["B30"].check()["obtained"]
        assert {k for k in before if np.abs(after[k] - before[k]) > 1e-9} == {value}
        monkeypatch.undo()

"""Designs of sweeps: points have the promised shape and bounds, run ids tell runs apart, bad files are refused in one line."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from experiments import cli, sweep
from experiments.calibration.priors import priors
from experiments.runs.store import FILE
from experiments.sweeps.design import declaration, read
from model.core.errors import InputError
from model.scenario import Scenario, declarations
from tests.experiments.test_sweeps import IMITATION, REVIEW, ROOT, RULE, small

#: What a lab's rule may be.
RULES = declaration(RULE, [Scenario.load("baseline")]).choices


def points(kind, parameters, **design):
    return read({"design": {"kind": kind, **design}, "parameters": parameters}).points


def test_grid_and_list():
    assert points("grid", {IMITATION: [0.5, 1.0], RULE: ["profit", "race"]}) == (
        (0.5, "profit"),
        (0.5, "race"),
        (1.0, "profit"),
        (1.0, "race"),
    )
    assert points("list", {IMITATION: [0.5, 1.0], REVIEW: [0.1, 0.2]}) == ((0.5, 0.1), (1.0, 0.2))
    levels = [x for (x,) in points("grid", {IMITATION: {"low": 0.5, "high": 2.0, "scale": "log"}}, n=3)]
    assert levels == pytest.approx([0.5, 1.0, 2.0])
    assert read({"seeds": {"first": 4, "count": 3}}).seeds == (4, 5, 6)
    assert len(read(small())) == 12


def test_latin_hypercube_has_one_point_in_each_stratum():
    got = np.array(
        points(
            "lhs",
            {
                IMITATION: {"low": 0.1, "high": 1.0, "scale": "log"},
                REVIEW: {"low": 0.05, "high": 0.15, "scale": "linear"},
            },
            n=16,
            seed=7,
        )
    )
    u = np.column_stack([np.log10(got[:, 0]) + 1.0, (got[:, 1] - 0.05) / 0.1])
    for k in (0, 1):
        assert sorted((u[:, k] * 16).astype(int)) == list(range(16))
    assert points("lhs", {IMITATION: {}}, n=4, seed=7) == points("lhs", {IMITATION: {}}, n=4, seed=7)
    assert points("lhs", {IMITATION: {}}, n=4, seed=7) != points("lhs", {IMITATION: {}}, n=4, seed=8)


@pytest.mark.parametrize(("kind", "rows"), [("lhs", 8), ("sobol", 8 * 5), ("morris", 8 * 4)])
def test_drawn_designs_stay_in_declared_bounds(kind, rows):
    names = [IMITATION, "physical.generation_months", RULE]
    design = read({"design": {"kind": kind, "n": 8}, "parameters": {name: {} for name in names}})
    assert len(design.points) == rows
    for name, column in zip(names, zip(*design.points, strict=True), strict=True):
        d = declaration(name, list(design.scenarios))
        assert {type(v) for v in column} == {type(d.default)}
        assert len(set(column)) > 1
        for value in column:
            assert value in d.choices if d.choices else d.low <= value <= d.high
    if kind == "morris":  # one parameter moves at a time
        for k in range(0, rows, 4):
            moved = [
                sum(a != b for a, b in zip(design.points[k + i], design.points[k + i + 1], strict=True))
                for i in range(3)
            ]
            assert max(moved) <= 1


#: Parameters with gaps between their values, what a sweep says of each, and the part that each value must have.
DISCRETE = {
    "provider.failure_months": ({"low": 2, "high": 4}, dict.fromkeys((2, 3, 4), 1 / 3)),
    "ai_agent.lean_months": ({"low": 1, "high": 2}, dict.fromkeys((1, 2), 1 / 2)),
    "physical.generation_months": ({"low": 18, "high": 24}, dict.fromkeys(range(18, 25), 1 / 7)),
    "supplier.lead_months": (
        {"low": 3, "high": 5, "scale": "log"},
        {k: math.log((k + 1) / k) / math.log(6 / 3) for k in (3, 4, 5)},
    ),
    "auction.rule": (["gsp", "vcg", "logit"], dict.fromkeys(("gsp", "vcg", "logit"), 1 / 3)),
    RULE: ({}, dict.fromkeys(RULES, 1 / len(RULES))),
    IMITATION: ([0.5, 1.0, 1.5, 2.0, 2.5], dict.fromkeys((0.5, 1.0, 1.5, 2.0, 2.5), 1 / 5)),
}


@pytest.mark.parametrize(("kind", "n"), [("lhs", 3000), ("sobol", 512), ("morris", 1000)])
def test_whole_numbers_and_choices_are_drawn_equally_often(kind, n):
    """Exactly so in a Latin hypercube of [2, 4]; elsewhere within four standard deviations of `n` free draws."""
    rows = points(kind, {name: spec for name, (spec, _) in DISCRETE.items()}, n=n, seed=5)
    for (name, (_, parts)), column in zip(DISCRETE.items(), zip(*rows, strict=True), strict=True):
        assert set(column) == set(parts), name
        for value, part in parts.items():
            share = column.count(value) / len(column)
            assert abs(share - part) <= 4.0 * math.sqrt(part * (1.0 - part) / n), (name, value, share, part)
    if kind == "lhs":
        assert [[row[0] for row in rows].count(k) for k in (2, 3, 4)] == [1000, 1000, 1000]


def test_a_grid_of_whole_numbers_has_both_ends():
    assert points("grid", {"provider.failure_months": {"low": 2, "high": 8}}, n=3) == ((2,), (5,), (8,))


@pytest.mark.parametrize(("low", "high"), [(1, 2), (1, 3), (2, 24)])
def test_a_morris_step_always_moves_a_whole_number(low, high):
    rows = points("morris", {"provider.failure_months": {"low": low, "high": high}, IMITATION: {}}, n=200, seed=3)
    for k in range(0, len(rows), 3):
        moved = [sum(x != y for x, y in zip(rows[k + i], rows[k + i + 1], strict=True)) for i in range(2)]
        assert moved == [1, 1]


def test_places_are_those_of_the_values():
    given = {"provider.failure_months": [3, 6, 12], IMITATION: [0.5, 1.0, 2.0]}
    assert read({"parameters": given}).places().tolist() == [[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]
    design = read(
        {"design": {"kind": "morris", "n": 20}, "parameters": {"provider.failure_months": {"low": 2, "high": 4}}}
    )
    assert {x for (x,) in design.places().tolist()} == {0.0, 0.5, 1.0}


def test_no_prior_is_of_a_whole_number():
    """Priors give floats; one of a whole number would need equal parts too."""
    declared = {f"{d.section}.{d.name}": d.default for d in declarations()}
    assert all(isinstance(declared[p.parameter], float) for p in priors())


def test_run_ids_tell_runs_apart_and_are_stable():
    ids = [task.id for _, task in read(small()).tasks()]
    assert len(set(ids)) == 12
    assert ids == [task.id for _, task in read(small()).tasks()]
    assert set(ids) < {task.id for _, task in read(small(count=8)).tasks()}
    for other in (
        {"run": {"humans": 41, "months": 12}},
        {"run": {"humans": 40, "months": 13}},
        {"scenarios": ["no-agents"]},
    ):
        assert not set(ids) & {task.id for _, task in read(small(**other)).tasks()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema = 2", ["schema = 1"]),
        ("schema = 1\n[design\n", ["line 2"]),
        ("schema = 1\nscenario = ['baseline']", ["'scenario'", "'scenarios'"]),
        ("schema = 1\nscenarios = ['baselin']", ["baselin", "'baseline'"]),
        ("schema = 1\nscenarios = ['baseline', 'baseline']", ["twice"]),
        ("schema = 1\n[seeds]\ncuont = 3", ["seeds.cuont", "'seeds.count'"]),
        ("schema = 1\n[seeds]\ncount = 0", ["seeds.count", "0", "[1, "]),
        ("schema = 1\n[run]\nmonth = 3", ["run.month", "'run.months'"]),
        ("schema = 1\n[design]\nkind = 'sobl'\nn = 4", ["sobl", "'sobol'"]),
        ("schema = 1\n[design]\nkind = 'lhs'", ["parameters"]),
        ("schema = 1\n[design]\nkind = 'lhs'\n[parameters]\n'human.imitation_per_year' = {}", ["design.n"]),
        (
            "schema = 1\n[design]\nkind = 'sobol'\nn = 6\n[parameters]\n'human.imitation_per_year' = {}",
            ["power of two"],
        ),
        (
            "schema = 1\n[parameters]\n'human.imitation_per_yaer' = [1.0]",
            ["imitation_per_yaer", "'human.imitation_per_year'"],
        ),
        ("schema = 1\n[parameters]\n'lab.lab_aa.rule' = ['race']", ["lab_aa", "'lab_a'"]),
        (
            "schema = 1\n[parameters]\n'human.imitation_per_year' = [-1.0]",
            ["human.imitation_per_year", "-1", "outside ["],
        ),
        ("schema = 1\n[parameters]\n'human.imitation_per_year' = [1.0, 1.0]", ["twice"]),
        ("schema = 1\n[parameters]\n'human.imitation_per_year' = 1.0", ["list"]),
        (
            "schema = 1\n[parameters]\n'human.imitation_per_year' = [0.5, 1.0]\n'human.review_share_min' = [0.1]",
            ["same length", "human.review_share_min 1"],
        ),
        (
            "schema = 1\n[design]\nkind = 'lhs'\nn = 4\n[parameters]\n'human.imitation_per_year' = {low = 2.0, high = 1.0}",
            ["human.imitation_per_year", "reversed"],
        ),
        (
            "schema = 1\n[design]\nkind = 'lhs'\nn = 4\n[parameters]\n'human.imitation_per_year' = {low = 0.5, high = 1e9}",
            ["human.imitation_per_year", "1000000000", "outside ["],
        ),
        (
            "schema = 1\n[design]\nkind = 'lhs'\nn = 4\n[parameters]\n'human.imitation_per_year' = {lo = 0.5}",
            ["lo'", "low'"],
        ),
        (
            "schema = 1\n[design]\nkind = 'lhs'\nn = 4\n[parameters]\n'human.imitation_per_year' = {scale = 'lgo'}",
            ["lgo", "'log'"],
        ),
        ("schema = 1\n[record]\nseries = ['tokns']", ["tokns", "'tokens'"]),
        ("schema = 1\n[record]\nmonths = ['2060-12']", ["2060-12", "outside"]),
        ("schema = 1\n[record]\nmonths = '2030-12'", ["list"]),
    ],
)
def test_bad_files_are_refused_in_one_line(capsys, tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(text)
    assert cli.main(["sweep", "mine.toml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


def test_foreign_folders_and_files_are_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("do not lose")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        sweep(small(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / FILE).write_bytes(b"no database at all" * 400)
    with pytest.raises(InputError, match="move it away"):
        sweep(small(), tmp_path / "x")
    with pytest.raises(InputError, match="No such file"):
        sweep(tmp_path / "no.toml")


def test_the_sweep_of_the_readme_is_read(tmp_path):
    text = re.search(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.toml").write_text(text.group(1))
    assert len(read(tmp_path / "mine.toml")) == 50 * 2 * 4

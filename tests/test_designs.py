"""Designs of sweeps: points have the promised shape and bounds, run ids tell runs apart, bad files are refused in one line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from experiments import cli, sweep
from experiments.design import declaration, read
from experiments.store import FILE
from model.core.errors import InputError
from tests.test_sweeps import IMITATION, REVIEW, ROOT, RULE, small


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
        ("schema = 1\n[parameters]\n'lab.alfa.rule' = ['race']", ["alfa", "'alpha'"]),
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

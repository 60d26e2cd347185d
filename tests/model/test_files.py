"""Scenario files, sweep files and manifests as people have them: read alike in any dress, or refused in one line."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import cli
from experiments.runs import folder, posterior
from experiments.runs import options as source
from experiments.runs import pool as engine
from experiments.sweeps import design
from model import Scenario
from model.core import files
from model.core.errors import InputError
from model.economy import InferenceEconomy
from tests.experiments.test_observations import mutated, odd, refused, write

HANDED = Path(__file__).parents[1] / "cases" / "scenarios"
SPEED = "human.imitation_per_year"
MINE = (
    'schema = 1\nextends = "baseline"\ntitle = "Mine"\n# faster\n[human]\nimitation_per_year = 1.2\ncontacts = 14.0\n'
    f'[[intervention]]\ndate = "2026-01"\nuntil = "2040-01"\nparameter = "{SPEED}"\nvalue = 1\n'
    '[[lab.firm]]\nname = "lab_a"\nrule = "race"\n'
)
SWEEP = f'schema = 1\nscenarios = ["baseline"]\nrun = {{ humans = 50, months = 12 }}\n[parameters]\n"{SPEED}" = [1.0, 1.2]\n'


def manifest() -> str:
    """Return a manifest with what a repetition needs."""
    s = Scenario.load("baseline")
    changes = [c.to_dict() for c in s.interventions]
    run = {"start": s.start, "months": 24, "humans": 50}
    whole = {"schema_version": 1, "scenario": "mine", "run": run, "parameters": s.values(), "interventions": changes}
    return json.dumps({**whole, "seeds": [3, 4], "posterior": []}, indent=1)


#: As Python's JSON writes what is no finite number.
JSON = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
#: The same text in other bytes.
DRESSES: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "BOM": lambda t: b"\xef\xbb\xbf" + t.encode(),
    "CRLF": lambda t: t.replace("\n", "\r\n").encode(),
    "CR": lambda t: t.replace("\n", "\r").encode(),
    "BOM and CRLF": lambda t: b"\xef\xbb\xbf" + t.replace("\n", "\r\n").encode(),
    "UTF-16 LE": lambda t: b"\xff\xfe" + t.encode("utf-16-le"),
    "UTF-16 BE": lambda t: b"\xfe\xff" + t.encode("utf-16-be"),
    "no end of line at the end": lambda t: t.rstrip("\n").encode(),
    "blank lines": lambda t: (t.replace("\n", "\n\n") + "\n \n").encode(),
}


@pytest.fixture(autouse=True)
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may simulate."""

    def simulated(*args: object, **kwargs: object) -> None:
        raise AssertionError("simulated")

    monkeypatch.setattr(InferenceEconomy, "__init__", simulated)
    monkeypatch.setattr(engine.Processes, "__init__", simulated)


# Read ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("ending", ["", "UPPER"])
def test_a_file_is_the_same_in_any_dress_and_with_any_ending(dress: str, ending: str, tmp_path: Path) -> None:
    toml, js = (".TOML", ".Json") if ending else (".toml", ".json")
    path = write(tmp_path / f"mine{toml}", DRESSES[dress](MINE))
    found = Scenario.load(path)
    assert (found.title, found.parameters.human.imitation_per_year, found.parameters.human.contacts) == (
        "Mine",
        1.2,
        14,
    )
    assert found.interventions[-1].until == "2040-01"
    assert found.firms["lab"]["lab_a"].rule == "race"
    beside = write(tmp_path / f"child{toml}", DRESSES[dress](f'schema = 1\nextends = "mine{toml}"\n'))
    assert Scenario.load(beside).values() == found.values()
    swept = SWEEP.replace('["baseline"]', f'["mine{toml}"]')
    read = design.read(write(tmp_path / f"sweep{toml}", DRESSES[dress](swept)))
    assert (read.points, read.scenarios[0].name) == (((1.0,), (1.2,)), "mine")
    path = write(tmp_path / f"manifest{js}", DRESSES[dress](manifest()))
    assert Scenario.load(path).values() == Scenario.load("baseline").values()
    assert source.seeds_of(path, ..., ...) == (3, 4)


def test_a_result_folder_whose_manifest_was_saved_with_a_mark_stays_ours(tmp_path: Path) -> None:
    write(tmp_path / "manifest.json", b"\xef\xbb\xbf" + manifest().encode())
    assert folder.is_ours(tmp_path)


def test_each_handed_file_has_its_expectation() -> None:
    text = Path(__file__).read_text()
    assert [p.name for p in HANDED.iterdir() if text.count(f'"{p.name}"') != 1] == []


@pytest.mark.parametrize("name", ["UPPER.TOML", "bom.toml"])
def test_a_handed_file_is_read(name: str) -> None:
    assert Scenario.load(HANDED / name).parameters.human.imitation_per_year == 1.2


# Refused ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "compare"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("iv_2024_13.toml", f"intervention on {SPEED}: date = '2024-13': must be 'YYYY-MM', for instance '2025-06'"),
        ("iv_future.toml", f"intervention on {SPEED}: date = '2990-01': never in force, the run ends in 2035-12"),
        ("iv_past.toml", f"intervention on {SPEED}: date = '1990-01': before the run begins in 2022-01"),
    ],
)
def test_a_handed_file_is_refused_before_any_run(
    command: str,
    name: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([command, *(["baseline"] if command == "compare" else []), str(HANDED / name)]) == 2
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1
    assert f"scenario file {str(HANDED / name)!r}: {words}" in printed.err
    assert list(tmp_path.iterdir()) == []


def change(date: str, more: str = "", run: str = "") -> str:
    return f'schema = 1\nextends = "baseline"\n{run}[[intervention]]\ndate = {date}\n{more}parameter = "{SPEED}"\nvalue = 1\n'


#: (text, words of the refusal)
WRONG: tuple[tuple[str | bytes, *tuple[str, ...]], ...] = (
    (change("2024-01"), "line 4", "quotation marks"),
    (change("2024-01-01"), "intervention on", "date = 2024-01-01", "'YYYY-MM'"),
    (change('"\u0662\u0660\u0662\u0665-01"'), "intervention on", "'YYYY-MM'"),
    (change('"2024-01"', 'until = "2023-01"\n'), "until = '2023-01' is not after date = '2024-01'"),
    (change('"2024-01"', "until = 3\n"), "until = 3", "'YYYY-MM'"),
    (change('"2024-01"', run="[run]\nmonths = 24\n"), "never in force, the run ends in 2023-12"),
    (change('"2024-01"', run='[run]\nstart = "2025-01"\n'), "before the run begins in 2025-01", "under [human]"),
    (change('"2024-01"').replace(f'"{SPEED}"', "3"), "unknown parameter '3'"),
    (change('"2024-01"', "mode = 3\n"), "mode = 3"),
    ("schema = 1\n[human]\ncontacts = 12\ncontacts = 14\n", "line 4", "contacts stands twice"),
    ("schema = 1\n[human]\ncontacts = 12\n\n[lab]\n[human]\n", "line 6", "human stands twice"),
    ("schema = 1\r[human]\rcontacts =\r", "line 3"),
    ("schema = 1\n[human]\ncontacts = 12.5\n", "human.contacts = 12.5", "whole number"),
    ("schema = 1\n[human]\nimitation_per_year = -inf\n", SPEED, "finite"),
    ("schema = 1\n[human]\nimitation_per_year = 'nan'\n", SPEED, "number in [0, 5]"),
    ("schema = 1\n[run]\nmonths = 24.0\n", "run.months = 24.0", "whole number"),
    ("schema = 1\n[run]\nmonths = true\n", "run.months = True", "whole number"),
    ("schema = 1\ntitle = 3\n", "title: must be text"),
    ("schema = 1\ndescription = ['x']\n", "description: must be text"),
    ("schema = 1\n\"a\\nb\" = 1\n", "unknown section 'a\\nb'"),
    ("schema = 1\nextends = 'baselin'\n", "extends unknown scenario 'baselin'", "'baseline'"),
    ("schema = 1\nx = " + "[" * 5000 + "\n", "nested too deeply"),
    ("schema = 1\nx = " + "9" * 5000 + "\n", "a number cannot be read"),
    ("schema = 1\n# d\u00e9j\u00e0\n".encode("latin-1"), "line 2", "save it as UTF-8"),
    ("schema = 1\n# \0\n", "line 2", "NUL"),
    ("schema = 1\n".encode("utf-16-le"), "line 1", "UTF-16"),
    (b"\x7fELF\x00\xff", "UTF-8"),
    (b"PK\x03\x04", "spreadsheet"),
    ("", "schema = 1"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "words"), [(t, w) for t, *w in WRONG], ids=[repr(t)[-50:] for t, *_ in WRONG])
def test_a_wrong_scenario_is_refused_by_file_and_entry(text: str | bytes, words: list[str], tmp_path: Path) -> None:
    path = write(tmp_path / "mine.toml", text)
    line = refused(lambda: Scenario.load(path))
    for word in (f"scenario file {str(path)!r}", *words):
        assert word in line, line


def test_a_refusal_names_the_file_that_is_wrong_in_a_chain(tmp_path: Path) -> None:
    write(tmp_path / "below.toml", "schema = 1\n[human]\ncontacts = 99\n")
    above = write(tmp_path / "above.toml", 'schema = 1\nextends = "below.toml"\n')
    line = refused(lambda: Scenario.load(above))
    assert "below.toml" in line
    assert "above.toml" not in line
    write(tmp_path / "sweep.toml", SWEEP.replace('"baseline"', '"above.toml"'))
    line = refused(lambda: design.read(tmp_path / "sweep.toml"))
    assert "sweep.toml" in line
    assert "below.toml" in line


def test_an_inherited_change_may_lie_outside_a_shorter_run(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.toml", 'schema = 1\nextends = "ai-winter"\n[run]\nmonths = 24\n')
    assert Scenario.load(path).interventions == Scenario.load("ai-winter").interventions


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema = 1\n[parameters]\n'human.rewiring' = [0.1]\n'human.rewiring' = [0.2]\n", ("line 4", "twice")),
        ("schema = 1\n[parameters]\n'human.rewiring' = [nan]\n", ("human.rewiring = nan", "finite")),
        ("schema = 1\n[parameters]\n'human.rewiring' = [9]\n", ("human.rewiring = 9", "[0, 1]")),
        ("schema = 1\n[seeds]\ncount = 2.0\n", ("seeds.count = 2.0", "whole number")),
        ("schema = 1\n[seeds]\ncount = '2'\n", ("seeds.count = '2'", "whole number")),
    ],
)
def test_a_wrong_sweep_is_refused_by_file_and_entry(text: str, words: tuple[str, ...], tmp_path: Path) -> None:
    path = write(tmp_path / "mine.toml", text)
    line = refused(lambda: design.read(path))
    for word in (f"sweep file {str(path)!r}", *words):
        assert word in line, line


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda m: m.pop("scenario"), "lacks 'scenario'"),
        (lambda m: m.pop("run"), "lacks 'run'"),
        (lambda m: m["run"].pop("humans"), "lacks 'run.humans'"),
        (lambda m: m.update(parameters=[3]), "wrong form of 'parameters'"),
        (lambda m: m["parameters"].update(human=3), "wrong form of 'parameters.human'"),
        (lambda m: m["parameters"].update(humn={"x.y": 3}), "'humn"),
        (lambda m: m["parameters"]["human"].update(contacts=None), "human.contacts = None"),
        (lambda m: m.update(interventions=[{"date": "2024-13", "parameter": SPEED, "value": 1}]), "date = '2024-13'"),
        (lambda m: m.update(interventions=[3]), "must be tables"),
        (lambda m: m.update(title=3), "title: must be text"),
        (lambda m: m.update(scenario="\ud800\n", run=3), "wrong form of 'run'"),
    ],
)
def test_a_wrong_manifest_is_refused_by_file_and_entry(
    edit: Callable[[dict[str, object]], object], words: str, tmp_path: Path
) -> None:
    whole = json.loads(manifest())
    edit(whole)
    path = write(tmp_path / "manifest.json", json.dumps(whole))
    line = refused(lambda: Scenario.load(path))
    assert f"manifest {str(path)!r}" in line
    assert words in line, line


def test_wrong_seeds_and_draws_of_a_manifest_are_refused(tmp_path: Path) -> None:
    for key, value in (("seeds", 3), ("seeds", ["x"]), ("posterior", 3), ("posterior", [{"human.rewiring": "x"}])):
        path = write(tmp_path / "manifest.json", json.dumps({**json.loads(manifest()), key: value}))
        line = refused(lambda p=path: (source.seeds_of(p, ..., ...), posterior.of_manifest(p)))
        assert f"manifest {str(path)!r}" in line


def test_a_key_that_stands_twice_in_json_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "manifest.json", manifest().replace('"scenario"', '"scenario": "x", "scenario"', 1))
    assert "'scenario' stands twice" in refused(lambda: Scenario.load(path))


@pytest.mark.parametrize("read", [Scenario.load, design.read], ids=["scenario", "sweep"])
@pytest.mark.parametrize("ending", [".toml", ".json"])
def test_what_is_no_file_is_refused_and_never_waited_for(
    read: Callable[[str], object], ending: str, tmp_path: Path
) -> None:
    for path, words in odd(tmp_path, ending):
        assert words in refused(lambda path=path: read(path))


def test_a_file_without_the_ending_says_which_it_needs(tmp_path: Path) -> None:
    assert "ends in .toml or .json" in refused(lambda: Scenario.load(write(tmp_path / "mine.txt", MINE)))
    assert "is a directory" in refused(lambda: Scenario.load(tmp_path))


#: Where a number stands in a file: the file's name and its text.
NUMBERS = {
    "parameter": ("x.toml", "schema = 1\n[human]\nimitation_per_year = {}\n"),
    "whole parameter": ("x.toml", "schema = 1\n[human]\ncontacts = {}\n"),
    "firm": ("x.toml", "schema = 1\n[[lab.firm]]\nname = 'lab_a'\nrun_flop = {}\n"),
    "change": ("x.toml", change('"2024-01"').replace("value = 1", "value = {}")),
    "factor": ("x.toml", change('"2024-01"', "mode = 'multiply'\n").replace("value = 1", "value = {}")),
    "months": ("x.toml", "schema = 1\n[run]\nmonths = {}\n"),
    "swept value": ("sweep.toml", "schema = 1\n[parameters]\n'human.rewiring' = [0.1, {}]\n"),
    "low end": (
        "sweep.toml",
        "schema = 1\n[design]\nkind = 'lhs'\nn = 2\n[parameters]\n'human.rewiring' = {{low = {}}}\n",
    ),
    "high end": (
        "sweep.toml",
        "schema = 1\n[design]\nkind = 'lhs'\nn = 2\n[parameters]\n'human.rewiring' = {{high = {}}}\n",
    ),
    "seeds": ("sweep.toml", "schema = 1\n[seeds]\ncount = {}\n"),
    "manifest": ("x.json", '"imitation_per_year": 0.6'),
    "seed of a manifest": ("x.json", '"seeds": [\n  3'),
    "weight of a draw": ("x.csv", "weight,human.rewiring\n1,0.1\n{},0.2\n"),
    "value of a draw": ("x.csv", "weight,human.rewiring\n1,0.1\n1,{}\n"),
}


@pytest.mark.parametrize("number", JSON)
@pytest.mark.parametrize("place", NUMBERS)
def test_what_is_no_finite_number_is_refused_wherever_a_number_stands(place: str, number: str, tmp_path: Path) -> None:
    """In observations: tests/experiments/test_observations.py."""
    name, text = NUMBERS[place]
    if name == "x.json":  # Python's JSON has words of its own for them
        found = re.sub(rf"({re.escape(text[: text.rindex(' ')])} )[\d.]+", rf"\g<1>{JSON[number]}", manifest())
        assert JSON[number] in found
    else:
        found = text.format(number)
    path = write(tmp_path / name, found)
    acts = {"x.toml": Scenario.load, "sweep.toml": design.read, "x.csv": posterior.read_sample}
    acts["x.json"] = lambda path: (Scenario.load(path), source.seeds_of(path, ..., ...))
    line = refused(lambda: acts[name](path))
    assert number.strip("-") in line or name == "x.csv", line


# Mutations ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0, *(pytest.param(i, marks=pytest.mark.long) for i in range(1, 10))])
def test_a_mutated_file_is_read_or_refused_in_one_line(part: int, tmp_path: Path) -> None:
    rng = random.Random(part)
    texts = {"mine.toml": MINE, "sweep.toml": SWEEP, "manifest.json": manifest()}
    counts = {"read": 0, "refused": 0}
    for _ in range(150):
        name = rng.choice(list(texts))
        path = write(tmp_path / name, mutated(rng.choice(list(DRESSES.values()))(texts[name]), rng))

        def act(path: Path = path) -> None:
            if path.name == "sweep.toml":
                design.read(path)
            else:
                Scenario.load(path)
                source.seeds_of(path, ..., ...)

        try:
            act()
        except InputError:
            refused(act)
            counts["refused"] += 1
        else:
            counts["read"] += 1
    assert min(counts.values()) > 3


def test_endings() -> None:
    assert files.ends(Path("a.TOML"), ".toml")
    assert not files.ends(Scenario(), ".toml")

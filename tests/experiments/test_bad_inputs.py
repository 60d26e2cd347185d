"""Bad inputs, made by table: each is refused in one line that says what is wrong, and nothing is written.

A case is what is given and the words that the refusal must hold: the value, its unit or range, the nearest valid name. Values of
parameters go through every door there is (`--set`, a scenario file, a sweep, the address of the page). Nothing here runs a model.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

import experiments
from experiments import cli
from experiments.page import state
from experiments.runs import pool as engine
from model.core.errors import InputError
from model.economy import InferenceEconomy

ROOT = Path(experiments.__file__).parent.parent


class Case(NamedTuple):
    """What is given to the command line (files first) or to the page, and what the refusal must say."""

    name: str
    arguments: tuple[str, ...]  # empty: `files["query"]` is an address of the page
    files: dict[str, bytes]
    words: tuple[str, ...]


# Values of parameters, through every door ---------------------------------------------------------------------------------

#: (parameter, value as TOML writes it, words of the refusal)
VALUES = (
    ("human.imitation_per_year", "nan", ("human.imitation_per_year", "nan", "1/year", "[0, 5]")),
    ("human.imitation_per_year", "inf", ("human.imitation_per_year", "inf", "finite")),
    ("human.imitation_per_year", "-0.1", ("human.imitation_per_year", "-0.1", "1/year", "[0, 5]")),
    ("human.imitation_per_year", "1e300", ("human.imitation_per_year", "1e+300", "[0, 5]")),
    ("human.imitation_per_year", '"much"', ("human.imitation_per_year", "much", "number in [0, 5]")),
    ("human.imitation_per_year", "true", ("human.imitation_per_year", "number in [0, 5]")),
    ("human.contacts", "2.5", ("human.contacts", "2.5", "people", "whole number in [2, 40]")),
    ("human.contacts", "99999999999999999999", ("human.contacts", "people", "[2, 40]")),
    ("human.contacts", '"\u0661\u0662"', ("human.contacts", "\u0661\u0662", "people", "number in [2, 40]")),
    ("human.imitation_per_year", '"\uff11.5"', ("human.imitation_per_year", "\uff11.5", "number in [0, 5]")),
    ("auction.rule", '"gps"', ("auction.rule", "gps", "nearest: 'gsp'")),
    ("auction.rule", "3", ("auction.rule", "3")),
    ("lab.lab_a.rule", '"rase"', ("lab.lab_a.rule", "rase", "nearest: 'race'")),
    ("lab.lab_a.run_flop", "1.0", ("lab.lab_a.run_flop", "1.0", "FLOP", "[1e+22, 1e+25]")),
    ("lab.lab_aa.rule", '"race"', ("lab_aa", "lab_a")),
    ("lab.lab_a.ruel", '"race"', ("lab.lab_a.ruel", "lab.lab_a.rule")),
    ("provider.neo_a.share", "0.0", ("provider.neo_a.share", "0.0", "[0.001, 1]")),
    ("provider.neo_a.integrated_lab", '"lab_aa"', ("provider.neo_a", "lab_aa", "lab_a")),
    ("human.imitation", "1.0", ("human.imitation", "human.imitation_per_year")),
    ("humn.contacts", "12", ("humn", "human")),
)


def through_set(name: str, value: str) -> Case:
    return Case("set", ("run", "--set", f"{name}={value.strip(chr(34))}"), {}, ())


def through_scenario(name: str, value: str) -> Case:
    section, *firm, last = name.split(".")
    head = f'[[{section}.firm]]\nname = "{firm[0]}"' if firm else f"[{section}]"
    text = f"{head}\n{last} = {value}\n"
    return Case("scenario", ("run", "mine.toml"), {"mine.toml": f"schema = 1\n{text}".encode()}, ())


def through_sweep(name: str, value: str) -> Case:
    text = f'schema = 1\n[parameters]\n"{name}" = [{value}]\n'
    return Case("sweep", ("sweep", "mine.toml"), {"mine.toml": text.encode()}, ())


def through_page(name: str, value: str) -> Case:
    return Case("page", (), {"query": f"set={name}:{quote(value.strip(chr(34)))}".encode()}, ())


DOORS = (through_set, through_scenario, through_sweep, through_page)


def values() -> Iterator[Case]:
    for door in DOORS:
        for name, value, words in VALUES:
            if door is through_scenario and name == "lab.lab_aa.rule":
                continue  # a scenario may bring new firms
            made = door(name, value)
            yield made._replace(name=f"{made.name} {name}={value}", words=words)


# Flags --------------------------------------------------------------------------------------------------------------------

COUNTS = (
    ("run", "--humans"),
    ("run", "--months"),
    ("run", "--seeds"),
    ("run", "--workers"),
    ("run", "--checkpoint-every"),
    ("run", "--posterior"),
    ("compare baseline no-agents", "--seeds"),
    ("sweep x.toml", "--workers"),
    ("sensitivity", "--workers"),
    ("calibrate", "--workers"),
    ("backtest", "--workers"),
    ("app", "--port"),
    ("bench", "--months"),
    ("ablate", "--seeds"),
    ("ranges", "--seeds"),
    ("ablate", "--workers"),
    ("ranges", "--workers"),
    ("check", "--draws"),
    ("check", "--workers"),
)
WRONG_COUNTS = ("0", "-3", "2.5", "1e3", "ten", "", "9" * 30, "9" * 5000, "\u0663\u0663x", "nan")


def flags() -> Iterator[Case]:
    for i, (command, option) in enumerate(COUNTS):
        for value in (WRONG_COUNTS[i % 10], WRONG_COUNTS[(i + 5) % 10]):
            if (command, value) == ("app", "0"):
                continue  # takes a free port
            words = (option, value[:5], "[", "]")
            yield Case(f"{command} {option}={value[:9]}", (*command.split(), f"{option}={value}"), {}, words)
        yield Case(
            f"{command} {option} arabic", (*command.split(), option, "\u0663"), {}, (option, "\u0663", "whole number")
        )
    for line, *words in (
        ("rum", "rum", "run"),
        ("run baselin", "baselin", "'baseline'"),
        ("run baseline more", "more"),
        ("run --sed 3", "--sed", "'--seed'"),
        ("run --seed", "--seed", "one argument"),
        ("run --seed -1", "--seed", "-1", "[0, 2147483647]"),
        ("run --seed \u0663", "--seed", "\u0663", "whole number in [0, 2147483647]"),
        ("run --seed 2147483647 --seeds 2", "seed = 2147483647", "seeds = 2", "2147483648", "[0, 2147483647]"),
        ("run --seed 2147483647 --posterior 2", "seed = 2147483647", "2147483648", "[0, 2147483647]"),
        ("run --set human.contacts=13 --set human.contacts=14", "human.contacts", "twice", "'13'", "'14'"),
        ("run --set human.contacts=13 --set human__contacts=14", "human.contacts", "twice", "'13'", "'14'"),
        ("run --set human.contacts", "human.contacts", "section.name=value"),
        ("run --set =3", "=3", "section.name=value"),
        ("run --set contacts=3", "contacts"),
        ("run --set lab.lab_a.rule.x=3", "lab.lab_a.rule"),
        ("run --posterior 4 --seeds 3", "posterior", "seeds"),
        ("run nowhere.toml", "nowhere.toml", "No such file"),
        ("run nowhere.json", "nowhere.json", "No such file"),
        ("run . ", "'.'", "is a directory"),
        ("run --resume --out x", "--resume", "x"),
        ("compare baseline", "required", "B"),
        ("compare baseline no-agnts", "no-agnts", "'no-agents'"),
        ("sweep nowhere.toml", "nowhere.toml", "No such file"),
        ("sensitivity --method soboll", "soboll", "'sobol'"),
        ("sensitivity --preset quik", "quik", "quick, full", "'quick'"),
        ("sensitivity --preset slow", "slow", "quick, full"),
        ("calibrate --until 2024-13", "--until", "2024-13", "YYYY-MM"),
        ("calibrate --until 1999-01", "--until", "1999-01", "[2022-12, 2025-11]"),
        ("calibrate --preset quik", "quik", "quick, full", "'quick'"),
        ("backtest --cutoff soon", "--cutoff", "soon", "YYYY-MM"),
        ("backtest --cutoff 2031-01", "--cutoff", "2031-01", "[2022-12, 2025-11]"),
        ("parameters humn", "humn", "'human'"),
        ("parameters human.contcts", "human.contcts", "'human.contacts'"),
        ("app --host nowhere.invalid --port 1", "nowhere.invalid"),
    ):
        yield Case(line, tuple(line.split()), {}, tuple(words))


# Scenario files -----------------------------------------------------------------------------------------------------------

CHANGE = '[[intervention]]\ndate = "{date}"\nparameter = "{parameter}"\nvalue = {value}\n'


def change(date="2024-01", parameter="human.imitation_per_year", value="1.0", more=""):
    return CHANGE.format(date=date, parameter=parameter, value=value) + more


SCENARIOS = (
    (b"", "schema = 1"),
    (b"\xff\xfe\x00", "UTF-8"),
    (b"\x00\x01", "mine.toml"),
    (b"schema = 2\n", "schema = 1"),
    ("schema = 1\n[human\n", "line 2"),
    ("schema = 1\n[human]\ncontacts = 12\ncontacts = 14\n", "line 4"),
    ("schema = 1\n[human]\n[human]\n", "human"),
    ("schema = 1\n[humn]\nx = 1\n", "humn", "'human'"),
    ("schema = 1\nhuman = 3\n", "[human]", "table"),
    ("schema = 1\nx = " + "[" * 5000 + "\n", "mine.toml"),
    ("schema = 1\n[human]\ncontacts = [12]\n", "human.contacts", "[12]", "number in [2, 40]"),
    ("schema = 1\n[human]\ncontacts = {x = 1}\n", "human.contacts", "number in [2, 40]"),
    ("schema = 1\n[human]\ncontacts = 2024-01-01\n", "human.contacts", "number in [2, 40]"),
    ("schema = 1\nextends = 'baselin'\n", "baselin", "'baseline'"),
    ("schema = 1\nextends = 'mine.toml'\n", "extends itself"),
    ("schema = 1\nextends = 3\n", "unknown scenario '3'"),
    ("schema = 1\n[run]\nmonths = 0\n", "run.months", "0", "[1, 1200]"),
    ("schema = 1\n[run]\nmonths = 1.5\n", "run.months", "1.5", "[1, 1200]"),
    ("schema = 1\n[run]\nhumans = 'many'\n", "run.humans", "many", "[1, 100000000]"),
    ("schema = 1\n[run]\nhumans = 9999999999999\n", "run.humans", "[1, 100000000]"),
    ("schema = 1\n[run]\nstart = '2022-13'\n", "2022-13", "YYYY-MM"),
    ("schema = 1\n[run]\nstart = 2022-01-01\n", "2022", "YYYY-MM"),
    ("schema = 1\n[run]\nstart = '1999-01'\n", "run.start", "1999-01", "[2021-06, 2030-12]"),
    ("schema = 1\n[run]\nmonth = 3\n", "run.month", "'run.months'"),
    ("schema = 1\nrun = 3\n", "[run]", "table"),
    ("schema = 1\n" + change(date="2024-1"), "human.imitation_per_year: date = '2024-1'", "YYYY-MM"),
    ("schema = 1\n" + change(more="until = '2024-3'\n"), "human.imitation_per_year: until = '2024-3'", "YYYY-MM"),
    (
        "schema = 1\n[human]\nimitation_per_year = '1.5'\n",
        "human.imitation_per_year = '1.5' 1/year",
        "number in [0, 5]",
    ),
    (
        "schema = 1\n[[lab.firm]]\nname = 'lab_a'\nrun_flop = '1e23'\n",
        "lab.lab_a.run_flop = '1e23' FLOP",
        "number in [",
    ),
    ("schema = 1\n[lab.lab_a]\nrule = 'race'\n", "[lab.lab_a]", "[[lab.firm]]", 'name = "lab_a"'),
    ("schema = 1\n" + change(date="soon"), "soon", "YYYY-MM"),
    ("schema = 1\n" + change(parameter="human.contacts", value="12"), "human.contacts", "fixed at the opening"),
    ("schema = 1\n" + change(parameter="lab.lab_a.rule", value="'race'"), "lab.lab_a.rule"),
    ("schema = 1\n" + change(parameter="human.imitation"), "human.imitation", "'human.imitation_per_year'"),
    ("schema = 1\n" + change(value="9.0"), "human.imitation_per_year", "9.0", "[0, 5]"),
    ("schema = 1\n" + change(value="'fast'"), "human.imitation_per_year", "fast", "number in [0, 5]"),
    ("schema = 1\n" + change(value="nan"), "human.imitation_per_year", "nan", "[0, 5]"),
    ("schema = 1\n" + change(more="mode = 'add'\n"), "add", "set, multiply"),
    ("schema = 1\n" + change(value="100", more="mode = 'multiply'\n"), "human.imitation_per_year", "[0, 5]"),
    ("schema = 1\n" + change(value="'x'", more="mode = 'multiply'\n"), "human.imitation_per_year", "x"),
    ("schema = 1\n" + change(more="until = '2023-01'\n"), "until", "2023-01", "2024-01"),
    ("schema = 1\n" + change(more="untl = '2025-01'\n"), "untl", "'intervention.until'"),
    ("schema = 1\n[[intervention]]\ndate = '2024-01'\n", "lacks 'parameter'"),
    ("schema = 1\n[intervention]\ndate = '2024-01'\n", "intervention"),
    ("schema = 1\nintervention = 3\n", "intervention"),
    ("schema = 1\nintervention = [3]\n", "intervention"),
    ("schema = 1\n[[lab.firm]]\nrule = 'race'\n", "[[lab.firm]]", "name"),
    ("schema = 1\n[[lab.firm]]\nname = '../x'\n", "[[lab.firm]]", "name"),
    ("schema = 1\n[[lab.firm]]\nname = 'iota'\nrule = 'race'\n[[lab.firm]]\nname = 'iota'\n", "iota", "twice"),
    ("schema = 1\n[[human.firm]]\nname = 'iota'\n", "human.firm"),
    ("schema = 1\nlab = {firm = 3}\n", "[[lab.firm]]"),
    ("schema = 1\nlab = {firm = [3]}\n", "[[lab.firm]]"),
)
MANIFESTS = (
    (b"", "mine.json"),
    (b"[]", "manifest"),
    (b'{"run": 3}', "manifest"),
    (b"\xff", "manifest"),
    (b"[" * 100_000, "mine.json"),
    (b'{"run": {"start": "2022-01", "months": 3, "humans": 9}, "scenario": "x", "parameters": 3}', "mine.json"),
    (b'{"run": {"start": "2022-01", "months": 0, "humans": 9}, "scenario": "x", "parameters": {}}', "run.months"),
    (b'{"run": {"start": "2022-01", "months": 3, "humans": 9}, "scenario": "x", "parameters": {"human": {"x": 1}}}', "human.x"),
    (b'{"run": {"start": "2022-01", "months": 3, "humans": 9}, "scenario": "x", "parameters": {"human": {"a.b": 1}}}', "human"),
)  # fmt: skip


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def shown(text: str | bytes) -> str:
    return " ".join(repr(text)[:70].split())


def scenarios() -> Iterator[Case]:
    for text, *words in SCENARIOS:
        yield Case(f"toml {shown(text)}", ("run", "mine.toml"), {"mine.toml": as_bytes(text)}, tuple(words))
    for text, *words in MANIFESTS:
        yield Case(f"json {shown(text)}", ("run", "mine.json"), {"mine.json": text}, tuple(words))


# Sweep files --------------------------------------------------------------------------------------------------------------

SWEEPS = (
    ("[seeds]\ncount = 0\n", "seeds.count", "0", "[1, "),
    ("[seeds]\nfirst = -1\n", "seeds.first", "-1", "[0, "),
    ("[seeds]\nfirst = 2147483647\ncount = 2\n", "seeds.first = 2147483647", "seeds.count = 2", "2147483648"),
    ("[seeds]\ncount = \u0663\n", "mine.toml", "line 3"),
    ("[design]\nkind = 'lhs'\nn = '\u0663'\n[parameters]\n'human.rewiring' = {}\n", "design.n", "whole number"),
    ("[seeds]\nnumber = 3\n", "seeds.number"),
    ("seeds = 3\n", "[seeds]", "table"),
    ("scenario = ['baseline']\n", "scenario", "'scenarios'"),
    ("scenarios = 'baseline'\n", "scenarios", "list"),
    ("scenarios = ['baseline', 'baseline']\n", "twice"),
    ("scenarios = ['baselin']\n", "baselin", "'baseline'"),
    ("scenarios = [3]\n", "3"),
    ("scenarios = []\n", "scenarios"),
    ("[run]\nmonths = 0\n", "run.months", "0"),
    ("[design]\nkind = 'grd'\n", "grd", "'grid'"),
    ("[design]\nkind = 'lhs'\n", "lhs", "[parameters]"),
    ("[design]\nkind = 'sobol'\nn = 3\n[parameters]\n'human.rewiring' = {}\n", "design.n", "3", "power of two"),
    ("[design]\nkind = 'lhs'\nn = 1e9\n[parameters]\n'human.rewiring' = {}\n", "design.n"),
    ("[design]\nkind = 'lhs'\nn = 99999999\n[parameters]\n'human.rewiring' = {}\n", "design"),
    ("[parameters]\n'human.rewirng' = [0.1]\n", "human.rewirng", "'human.rewiring'"),
    ("[parameters]\n'human.rewiring' = []\n", "human.rewiring", "no value"),
    ("[parameters]\n'human.rewiring' = [0.1, 0.1]\n[design]\nkind = 'grid'\n", "human.rewiring", "twice"),
    ("[parameters]\n'human.rewiring' = 0.1\n", "human.rewiring", "list of values"),
    ("[design]\nkind = 'lhs'\nn = 2\n[parameters]\n'human.rewiring' = {low = 0.9, high = 0.1}\n", "human.rewiring", "reversed"),
    ("[design]\nkind = 'lhs'\nn = 2\n[parameters]\n'human.rewiring' = {low = -1, high = 0.1}\n", "human.rewiring", "[0, 1]"),
    ("[design]\nkind = 'lhs'\nn = 2\n[parameters]\n'human.rewiring' = {low = 'x', high = 0.1}\n", "human.rewiring", "x"),
    ("[design]\nkind = 'lhs'\nn = 2\n[parameters]\n'human.rewiring' = {lo = 0.1}\n", "human.rewiring", "lo"),
    ("[record]\nseries = ['tokns']\n", "tokns", "'tokens'"),
    ("[record]\nmonths = ['2050-01']\n", "2050-01", "2022-01"),
    ("[record]\nmonths = ['May']\n", "record.months = 'May'", "YYYY-MM"),
    ("[record]\nmonths = ['2026-1']\n", "record.months = '2026-1'", "YYYY-MM"),
    ("[parameters]\n'human.rewiring' = ['0.1']\n", "human.rewiring = '0.1'", "number in [0, 1]"),
)  # fmt: skip


def sweeps() -> Iterator[Case]:
    for text, *words in SWEEPS:
        raw = f"schema = 1\n{text}".encode()
        yield Case(f"sweep {shown(text)}", ("sweep", "mine.toml"), {"mine.toml": raw}, tuple(words))
    for raw, *words in ((b"", "schema = 1"), (b"\xff", "UTF-8"), (b"x = " + b"[" * 5000, "mine.toml")):
        yield Case(f"sweep {raw!r}", ("sweep", "mine.toml"), {"mine.toml": raw}, tuple(words))


# Observations -------------------------------------------------------------------------------------------------------------

HEAD = "series,date,value\n"
OBSERVED = (
    (b"", "is empty"),
    (b"\x00\xff\x89PNG\r\n\x1a\n", "mine.csv"),
    (b"\xff\xfes\x00e\x00r\x00", "mine.csv"),
    ("series,date\nx,2025-01\n", "'value'", "series, date, value"),
    ("when,what\n", "'series'"),
    (HEAD, "no rows below the header"),
    (HEAD + "chips,2025-01\n,,,,,\n", "mine.csv"),
    (HEAD + "nothing,2025-01,3\n", "no point after 2024-12"),
    (HEAD + ",2025-01,3\n", "line 2", "no series"),
    (HEAD + "gpu_rent_h100,2025-13,3\n", "line 2", "2025-13", "YYYY-MM"),
    (HEAD + "gpu_rent_h100,January,3\n", "line 2", "January", "YYYY-MM"),
    (HEAD + "gpu_rent_h100,2025-01-99,3\n", "line 2", "2025-01-99", "YYYY-MM"),
    (HEAD + "gpu_rent_h100,2025-01,cheap\n", "line 2", "value", "cheap", "finite number"),
    (HEAD + "gpu_rent_h100,2025-01,nan\n", "line 2", "value", "nan", "finite number"),
    (HEAD + "gpu_rent_h100,2025-01,1e999\n", "line 2", "value", "1e999", "finite number"),
    (HEAD + "gpu_rent_h100,2025-01,\n", "line 2", "value", "finite number"),
    (HEAD + "gpu_rent_h100,2025-01,-3\n", "line 2", "gpu_rent_h100", "-3", "above 0"),
    (HEAD + "gpu_rent_h100,9999-01,3\n", "line 2", "9999-01", "2035-12"),
    (HEAD + "gpu_rent_h100,0000-01,3\n", "line 2", "0000-01", "is no date"),
    ("series,series,date,value\na,b,2025-01,3\n", "mine.csv"),
    ("series,date,value,low\ngpu_rent_h100,2025-01,3,few\n", "line 2", "low", "few", "finite number"),
    ("series:date:value\ngpu_rent_h100:2025-01:3\n", "'series'"),
)


def observed() -> Iterator[Case]:
    command = ("backtest", "--observations", "mine.csv")
    for text, *words in OBSERVED:
        yield Case(f"csv {shown(text)}", command, {"mine.csv": as_bytes(text)}, tuple(words))
        if isinstance(text, str) and "few" in text:  # with the mark that some programs put first, the same refusal
            yield Case("csv with BOM", command, {"mine.csv": b"\xef\xbb\xbf" + text.encode()}, tuple(words))
    yield Case("csv missing", command, {}, ("mine.csv", "No such file"))
    yield Case("csv is a folder", command, {"mine.csv/x": b""}, ("mine.csv",))


# The page -----------------------------------------------------------------------------------------------------------------

ADDRESSES = (
    ("scenario=baselin", "baselin", "'baseline'"),
    ("scenario=../../etc/passwd", "../../etc/passwd", "unknown scenario"),
    ("scenario=/tmp/mine.toml", "/tmp/mine.toml", "unknown scenario"),
    ("scenari=baseline", "scenari", "'scenario'"),
    ("seed=1&seed=2", "seed", "twice"),
    ("seed=-1", "seed", "-1", "[0, "),
    ("seed=9e9", "seed", "9e9", "[0, "),
    ("seed=%D9%A3", "seed", "\u0663", "[0, "),
    ("agent=%D9%A3", "agent", "\u0663"),
    ("humans=0", "humans", "0", "[50, 20000]"),
    ("humans=1000000", "humans", "1000000", "[50, 20000]"),
    ("at=9999", "at", "9999", "[0, 168]"),
    ("view=answr", "answr", "'answer'"),
    ("by=purpos", "purpos", "'purpose'"),
    ("kind=%3Cscript%3E", "kind", "not a name"),
    ("agent=-1", "agent", "-1"),
    ("pairs=3", "pairs", "3"),
    ("against=nothing", "nothing"),
    ("set=human.contacts", "human.contacts", "section.name:value"),
    ("set=", "section.name:value"),
    ("set=human.contacts:20&set=human.contcts:20", "human.contcts", "'human.contacts'"),
    ("set=__class__.x:1", "__class__"),
    ("set=human.__init__:1", "human.__init__"),
    ("set=lab.lab_a.__dict__:1", "lab.lab_a.__dict__"),
    ("seed", "cannot be read"),
    ("&".join(["set=human.contacts:20"] * 500), "cannot be read"),
    ("set=human.contacts:" + "9" * 30_000, "too long"),
    ("seed=%FF%FE", "seed"),
    ("seed=1%0A2", "seed"),
    ("humans=" + "9" * 6000, "humans", "[50, 20000]"),
)


def pages() -> Iterator[Case]:
    for query, *words in ADDRESSES:
        yield Case(f"page {query[:50]}", (), {"query": query.encode()}, tuple(words))


# Folders ------------------------------------------------------------------------------------------------------------------

THESIS = {"mine/thesis.txt": b"do not lose", "file": b"x", "mine.toml": b"schema = 1\n"}
OUT = (
    ("run", "mine", "not empty"),
    ("run", "mine/../mine", "not empty"),
    ("run", "file", "file"),
    ("run", "file/below", "file/below"),
    ("run", "", "--out"),
    ("run", "   ", "--out"),
    ("run", "x" * 300, "--out"),
    ("run", "x\0y", "--out"),
    ("run", "/proc/x", "/proc"),
    ("run", "..", "not empty"),
    ("sweep mine.toml", "mine", "thesis.txt"),
    ("sweep mine.toml", "file", "file"),
    ("sweep mine.toml", "x\0y", "--out"),
    ("sweep mine.toml", "x" * 300, "--out"),
    ("sensitivity", "mine", "thesis.txt"),
    ("sensitivity", "file/below", "--out"),
    ("calibrate", "mine", "thesis.txt"),
    ("calibrate", "x\0y", "--out"),
    ("calibrate", "x" * 300, "--out"),
    ("backtest", "mine", "thesis.txt"),
    ("backtest", "/proc/x", "/proc"),
    ("bench --quick", "mine", "thesis.txt"),
    ("ablate", "mine", "thesis.txt"),
    ("ranges", "mine", "thesis.txt"),
    ("check", "mine", "thesis.txt"),
    ("ablate", "file", "--out"),
    ("ranges", "file/below", "--out"),
    ("bench --quick", "file/below", "--out"),
    ("compare baseline no-agents", "mine", "--out"),
    ("compare baseline no-agents", "nowhere/x.csv", "--out"),
    ("compare baseline no-agents", "x\0y", "--out"),
)


def folders() -> Iterator[Case]:
    for command, out, *words in OUT:
        yield Case(f"{command} --out {shown(out)}", (*command.split(), "--out", out), THESIS, tuple(words))


# The test -----------------------------------------------------------------------------------------------------------------

CASES = [*values(), *flags(), *scenarios(), *sweeps(), *observed(), *pages(), *folders()]
ALWAYS = {i * len(CASES) // 60 for i in range(60)}


def standing(folder: Path) -> dict[str, bytes | None]:
    """Return what stands in a folder: contents of files, None for folders."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], Path]:
    """Return what writes a case's files into an empty folder below a parent that is not empty; no model can be made."""

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("simulated")

    monkeypatch.setattr(InferenceEconomy, "__init__", never)
    monkeypatch.setattr(engine.Processes, "__init__", never)
    here = tmp_path / "here"
    here.mkdir()
    (tmp_path / "neighbour.txt").write_text("not empty")
    monkeypatch.chdir(here)

    def write(files: dict[str, bytes]) -> Path:
        for name, raw in files.items():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_bytes(raw)
        return tmp_path

    return write


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 150
    assert len({(c.arguments, *c.files.items()) for c in CASES}) == len(CASES)


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=f"{i} {c.name}", marks=() if i in ALWAYS else pytest.mark.long) for i, c in enumerate(CASES)],
)
def test_bad_input_is_refused_in_one_clear_line(
    case: Case, given: Callable[[dict[str, bytes]], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    if not case.arguments:
        with pytest.raises(InputError) as caught:
            state.parse(case.files["query"].decode())
        line = str(caught.value)
        assert "\n" not in line
    else:
        folder = given(case.files)
        before = standing(folder)
        status = cli.main(list(case.arguments))
        printed = capsys.readouterr()
        assert status == 2, printed.err
        assert printed.out == ""
        assert len(printed.err.splitlines()) == 1, printed.err
        assert standing(folder) == before
        line = printed.err
    assert len(line) <= 400, line
    for word in case.words:
        assert word in line, line


# What product code does not do ------------------------------------------------------------------------------------------

FORBIDDEN = {"eval", "exec", "compile", "__import__"}
UNSAFE = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "yaml"}


def unsafe(text: str) -> list[str]:
    """Return what a module calls or imports that would run what a user gives."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN:
            found.append(f"{node.func.id}() in line {node.lineno}")
        if isinstance(node, ast.Call) and any(k.arg == "allow_pickle" for k in node.keywords):
            kept = next(k.value for k in node.keywords if k.arg == "allow_pickle")
            if not (isinstance(kept, ast.Constant) and kept.value is False):
                found.append(f"allow_pickle in line {node.lineno}")
        if isinstance(node, ast.Call) and any(k.arg == "shell" for k in node.keywords):
            found.append(f"shell in line {node.lineno}")
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        found += [f"{name} in line {node.lineno}" for name in names if name.partition(".")[0] in UNSAFE]
    return found


def test_no_input_is_ever_executed() -> None:
    files = [p for part in ("model", "agents", "experiments") for p in sorted((ROOT / part).rglob("*.py"))]
    assert len(files) > 100
    found = {str(p.relative_to(ROOT)): unsafe(p.read_text(encoding="utf-8")) for p in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from yaml import load",
        "eval('1')",
        "exec(x)",
        "np.load(f, allow_pickle=True)",
        "run(x, shell=True)",
    ],
)
def test_what_would_execute_is_seen(text: str) -> None:
    assert unsafe(text)

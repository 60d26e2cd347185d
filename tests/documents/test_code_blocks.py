"""What documents tell readers to type works: commands with their options, make targets, Python, paths."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from experiments import cli
from experiments.runs.options import assignments, with_overrides
from model.core.errors import InputError
from model.scenario import Scenario
from tests.documents.test_documents import PAGES, ROOT

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
#: The rule that CONTRIBUTING adds; tests/agents/test_rules.py runs it.
NEW_RULE, NEW_PLUGIN = "lab.lab_a.rule=twice", "my_rules"
#: Options of other programs than ours.
FOREIGN = {"--nworkers", "--lifetime", "--lifetime-stagger"}
#: Commands that are cheap enough to be run, with what makes them small.
SMALL = {
    "run": ["--humans", "30", "--months", "14", "--seeds", "1", "--workers", "1"],
    "compare": ["--humans", "30", "--months", "14", "--seeds", "2", "--workers", "1"],
    "scenarios": [],
    "parameters": [],
}
#: Python that needs what a test has not: a SLURM cluster, a copy of the checkout (tests/agents/test_rules.py). It is compiled.
COMPILED = {"dask_jobqueue", "@register"}


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced code of a language; "" are lines for a shell."""
    return [code for found, code in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S) if found == language]


def spans(text: str) -> list[str]:
    """Return what stands in code font in running text."""
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", plain)]


def commands(text: str) -> list[str]:
    """Return the lines that a page tells readers to type, comments too; options alone stand for those of a run."""
    typed = [line for code in blocks(text, "") for line in code.splitlines()]
    typed += [f"economy run {s}" if s.startswith("--set ") else s for s in spans(text)]
    return [line for line in typed if re.match(r"(\.venv/bin/)?(economy|make)(?!\S)", line)]


def words(line: str) -> list[str]:
    """Return the words of a line without its comment."""
    return shlex.split(line, comments=True)


def parser_of(name: str) -> argparse.ArgumentParser:
    _, known = cli._parser()
    if name not in known:
        raise InputError(f"no command {name!r}")
    return known[name]


def options(name: str) -> set[str]:
    """Return the options of a command."""
    return {o for action in parser_of(name)._actions for o in action.option_strings}


def refused(line: str) -> str | None:
    """Return what is wrong with a line: no such target, command, option, scenario, parameter or value."""
    program, *rest = words(line)
    if program == "make":
        wrong = [w for w in rest if "=" not in w and w not in TARGETS]
        return f"{line}: no target {wrong[0]!r}" if wrong else None
    if not rest:
        return None
    try:
        parser = parser_of(rest[0])
        if len(rest) == 1 and "#" not in line:  # only named
            return None
        given, extra = parser.parse_known_args(rest[1:])
        if extra:
            raise InputError(f"unknown {extra[0]!r}")
        for name in (getattr(given, key, None) for key in ("scenario", "a", "b")):
            if name is not None:
                changes = [x for x in getattr(given, "set", []) if x != NEW_RULE]
                plugins = [x for x in getattr(given, "plugin", []) if x != NEW_PLUGIN]
                scenario = Scenario.load(name).with_additions(plugins)
                with_overrides(scenario, assignments(changes, scenario.parameters))
        said = set(re.findall(r"(?<!\S)--[a-z-]+", line.partition("#")[2]))
        if unknown := said - options(rest[0]):
            raise InputError(f"its comment names {min(unknown)!r}")
    except InputError as error:
        return f"{line}: {error}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_of_documents_are_parsed(page):
    assert [wrong for line in commands(page.read_text()) if (wrong := refused(line))] == []


def test_commands_are_found():
    counts = {p.name: len(commands(p.read_text())) for p in PAGES}
    assert counts["README.md"] > 15
    assert min(counts[name] for name in ("CONTRIBUTING.md", "MODEL.md", "cluster.md", "checkpoints.md")) > 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("make documents", "no target 'documents'"),
        ("economy simulate", "no command 'simulate'"),
        (".venv/bin/economy run baseline --sed 3", "unknown '--sed'"),
        (".venv/bin/economy compare baseline reasoning-bust --seeds 8", "reasoning-bust"),
        ("economy run --set human.imitation_per_month=1.5", "imitation_per_month"),
        ("economy run --set human.imitation_per_year=900", "imitation_per_year"),
        ("economy compare baseline", "required"),
        ("economy backtest  # fit and score; --cutoff, --roll", "its comment names '--roll'"),
    ],
)
def test_a_stale_command_is_seen(line, says):
    assert commands(f"```\n{line}\n```\n") == [line]
    assert says in refused(line)


def test_options_in_running_text_exist():
    known = {o for name in cli._parser()[1] for o in options(name)} | FOREIGN
    assert unknown_options("\n".join(p.read_text() for p in PAGES), known) == set()
    assert unknown_options("with `--workers N` or `--worker 2`", known) == {"--worker"}


def unknown_options(text: str, known: set[str]) -> set[str]:
    """Return options in code font that no command has."""
    return {s.split()[0].partition("=")[0] for s in spans(text) if s.startswith("--")} - known


CHEAP = [
    pytest.param(line, id=f"{page.name}: {line.partition('#')[0].strip()}")
    for page in PAGES
    for code in blocks(page.read_text(), "")
    for line in code.splitlines()
    if re.match(r"(\.venv/bin/)?economy(?!\S)", line) and words(line)[1] in SMALL
]


@pytest.mark.parametrize("line", CHEAP)
def test_cheap_commands_run(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("experiments.report.page.write", lambda result, folder: None)  # pictures take longest
    given = words(line)[1:]
    assert cli.main([*given, *SMALL[given[0]]]) == 0
    assert capsys.readouterr().out
    made = [given[i + 1] for i, word in enumerate(given) if word == "--out"]
    assert [out for out in made if not (tmp_path / out).is_dir()] == []


# Python --------------------------------------------------------------------------------------------

#: tests/documents/test_extending.py runs what that page shows.
PYTHON = [(p, code) for p in PAGES if p.name != "extending.md" for code in blocks(p.read_text(), "python")]


@pytest.mark.parametrize(("page", "code"), PYTHON, ids=[f"{p.name}-{i}" for i, (p, _) in enumerate(PYTHON)])
def test_python_of_documents_runs(page, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = compile(code, page.name, "exec")
    if not any(word in code for word in COMPILED):
        exec(program, {})


def test_python_is_found_and_a_stale_name_is_seen():
    run = [p.name for p, code in PYTHON if not any(word in code for word in COMPILED)]
    assert run == ["README.md", "README.md", "README.md", "CONTRIBUTING.md", "checkpoints.md"]
    code, *_ = blocks((ROOT / "README.md").read_text(), "python")
    planted = code.replace("humans=2_000, months=48", "humans=20, months=2")
    assert planted != code
    exec(planted.replace('economy.why("2023-01", "2025-12")', ""), {})
    with pytest.raises(AttributeError, match="histories"):
        exec(planted.replace("economy.history.", "economy.histories."), {})


def imports(text: str) -> list[str]:
    """Return imports in code font."""
    return [span for span in spans(text) if re.match(r"(from \w+ )?import \w", span)]


def test_imports_in_running_text_work():
    found = [line for page in PAGES for line in imports(page.read_text())]
    assert found
    for line in found:
        exec(line, {})
    with pytest.raises(ImportError):
        exec(imports("as `from experiments import sweeps_of`")[0], {})


# Paths ---------------------------------------------------------------------------------------------

#: What is made at run time, or stands for a name.
MADE = re.compile(r"results/|.*[<*$]|\.venv/|year\.")
FOLDERS = tuple(f"{p.name}/" for p in ROOT.iterdir() if p.is_dir())


def missing(page: Path, text: str) -> list[str]:
    """Return paths in code font that lead nowhere, from the root, from `model` or from the page."""
    wrong = []
    for span in spans(text):
        if re.fullmatch(r"[\w.-]+(/[\w.-]*)+", span) and not MADE.match(span):
            places = (ROOT, ROOT / "model", page.parent)
            known = span.startswith(FOLDERS) or re.search(r"\.(py|md|csv|json|bib|toml|png|html)$", span)
            if known and not any((place / span).exists() for place in places):
                wrong.append(span)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_paths_of_documents_exist(page):
    assert missing(page, page.read_text()) == []


def test_a_path_that_is_gone_is_seen():
    text = "`model/month.py`, `model/months.py`, `results/mine/x.csv`, `agents/`, `USD/h`, `data/nothing.csv`"
    assert missing(ROOT / "README.md", text) == ["model/months.py", "data/nothing.csv"]

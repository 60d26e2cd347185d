"""Every number has a source that exists: parameters, docstrings, data and documents against sources.bib and sources.md."""

from __future__ import annotations

import csv
import re

import pytest

from experiments.scored import LAST
from tests.test_architecture import ROOT, SOURCES, declared

DATA = ROOT / "model" / "data"

KEYS = set(re.findall(r"^@\w+\{([\w-]+),", (DATA / "sources.bib").read_text(), re.M))
LABELS = set(re.findall(r"^\| design (\S+) \|", (DATA / "sources.md").read_text(), re.M))
with (DATA / "observations.csv").open(newline="") as _file:
    SERIES = {row["series"] for row in csv.DictReader(_file)}

DESIGN = re.compile(r"\bdesign ((?:[AT]\.?(?:eq)?)?\d+(?:\.\d+)?(?:(?:, | and )(?:[AT]\.?(?:eq)?)?\d+(?:\.\d+)?)*)")
KEY_LIKE = re.compile(r"\b[a-z]+(?:19|20)\d\d[a-z]*\b")


def unsourced(source: str) -> str | None:
    """Return what is wrong with a source, or None."""
    first = re.match(r"[\w-]*", source).group()
    design = DESIGN.match(source)
    observed = re.match(r"observations (\w+)", source)
    reason = re.match(r"own assumption(: |, (?=design \S))(.{3,})", source, re.S)
    other = re.match(r"by definition\b", source)
    if not (first in KEYS or design or observed or reason or other):
        return f"{source!r}: no source"
    if unknown := {s for s in re.findall(r"\bobservations ([a-z]\w*_\w+)", source) if s not in SERIES}:
        return f"{source!r}: no such series {sorted(unknown)}"
    if observed and observed[1] not in SERIES:
        return f"{source!r}: no such series"
    return None


#: What a fitted parameter says before the source of its prior.
FITTED = f"fitted to observations to {LAST}, fitted.csv; prior: "


def test_every_parameter_has_a_source():
    wrong = [f"{d.section}.{d.name}: {w}" for d in declared() if (w := unsourced(d.source.removeprefix(FITTED)))]
    assert not wrong, "\n".join(wrong)


def test_fitted_parameters_say_so_and_lie_in_the_sample():
    shown = {row["parameter"]: row for row in csv.DictReader((DATA / "fitted.csv").open())}
    members = list(csv.DictReader((DATA / "posterior.csv").open()))
    names = {f"{d.section}.{d.name}": d for d in declared()}
    assert {n for n, d in names.items() if d.fit} == set(shown) == {n for n, d in names.items() if FITTED in d.source}
    for name, d in names.items():
        if d.fit:
            values = [float(m[name]) for m in members]
            assert min(values) <= d.default <= max(values), name


def test_every_source_line_has_a_source():
    wrong = []
    for path in SOURCES:
        for found in re.findall(r"^ +Source: (.+(?:\n +\S.*)*)", path.read_text(), re.M):
            if w := unsourced(found.split(" Twin:")[0].rstrip(".")):
                wrong.append(f"{path.relative_to(ROOT)}: {w}")
    assert wrong == []


#: Who may cite: code, data, documents.
CITING = [
    *SOURCES,
    *(
        p
        for folder in ("experiments", "docs")
        for p in (ROOT / folder).rglob("*")
        if p.suffix in (".py", ".toml", ".md")
    ),
    *(p for p in (ROOT / "model").rglob("*") if p.suffix in (".md", ".csv", ".json")),
    *ROOT.glob("*.md"),
]


def unlisted(text: str) -> set[str]:
    """Return keys and labels of a text that are neither in sources.bib nor in sources.md."""
    labels = {label for group in DESIGN.findall(text) for label in re.split(r", | and ", group)}
    return (set(KEY_LIKE.findall(text)) - KEYS) | (labels - LABELS)


def test_keys_and_labels_exist():
    assert {p.name: w for p in CITING if (w := unlisted(p.read_text()))} == {}
    assert unlisted("`hoffmann2022`, `hofmann2022`, bass1969; design 14 and A.999") == {"hofmann2022", "A.999"}


def test_every_source_is_cited():
    text = "\n".join(p.read_text() for p in CITING)
    assert uncited(KEYS, text) == set()
    assert uncited({"bass1969", "ftm"}, "bass1969b and ftm") == {"bass1969"}


def uncited(keys: set[str], text: str) -> set[str]:
    """Return keys that a text does not name."""
    return {key for key in keys if not re.search(rf"\b{key}\b", text)}


@pytest.mark.parametrize("file", ["priors.csv", "league.csv"])
def test_every_row_of_data_has_a_source(file):
    text = (DATA / file).read_text()
    assert unsourced_rows(text) == []
    first, *lines = text.splitlines()
    planted = lines[0].rpartition(",")[0] + ",bass1969x"
    assert unsourced_rows("\n".join([first, planted, *lines])) == ["'bass1969x': no source"]


def unsourced_rows(text: str) -> list[str]:
    """Return what is wrong with the sources of a table."""
    return [w for row in csv.DictReader(text.splitlines()) if (w := unsourced(row["source"]))]


def test_every_scored_series_is_observed():
    text = (DATA / "scored_series.csv").read_text()
    assert unobserved(text) == set()
    assert unobserved(text.replace("\ngpu_rent_h100,", "\ngpu_rent_h200,")) == {"gpu_rent_h200"}


def unobserved(text: str) -> set[str]:
    """Return the series of a table that no observation is of."""
    return {row["series"] for row in csv.DictReader(text.splitlines())} - SERIES


@pytest.mark.parametrize(
    "source",
    [
        "somebody2020",
        "own assumption",
        "own assumption: ",
        "own assumption; smith says more",
        "observations no_such_series",
        "own assumption: see observations no_such_series",
        "guess",
        "",
    ],
)
def test_a_wrong_source_is_refused(source):
    assert unsourced(source)


@pytest.mark.parametrize(
    "source",
    [
        "bass1969",
        "bass1969, Eq. 3",
        "observations internet_users 2024-01",
        "design 5 and 14, prior log-sd .6",
        "design A.22",
        "design T6.3 and A.73",
        "own assumption: two working days",
        "own assumption, design A.22",
        "by definition 1 at the opening",
    ],
)
def test_a_right_source_is_taken(source):
    assert unsourced(source) is None

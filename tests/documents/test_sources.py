"""Every number has a source that exists: parameters, docstrings, data and documents against sources.bib and observations.csv."""

from __future__ import annotations

import csv
import re

import pytest

from experiments.calibration.scored import LAST
from tests.documents.test_architecture import ROOT, SOURCES, declared

DATA = ROOT / "model" / "data"

KEYS = set(re.findall(r"^@\w+\{([\w-]+),", (DATA / "sources.bib").read_text(), re.M))
with (DATA / "observations.csv").open(newline="") as _file:
    SERIES = {row["series"] for row in csv.DictReader(_file)}

#: A pointer to a document that no reader of the repository has: "design 14", "theory A.22", "economy.md".
OUTSIDE = re.compile(
    r"\b(?:design|theory) (?:[AT]\.?(?:eq)?)?\d[\d.]*|\b(?:design|economy|house|theory)2?\.md|\bparameters2\.md\b"
)
KEY_LIKE = re.compile(r"\b[a-z]+(?:19|20)\d\d[a-z]*\b")
REASON_WORDS = 3


def unsourced(source: str) -> str | None:
    """Return what is wrong with a source, or None."""
    first = re.match(r"[\w-]*", source).group()
    if OUTSIDE.search(source):
        return f"{source!r}: points outside the repository"
    if not (first in KEYS or re.match(r"own assumption: |observations \w+|by definition\b", source)):
        return f"{source!r}: no source"
    reasons = re.findall(r"\bown assumption\b(:? ?[^;]*)", source)
    if any(not reason.startswith(": ") or len(reason[2:].split()) < REASON_WORDS for reason in reasons):
        return f"{source!r}: an own assumption without a reason"
    named = re.findall(r"^observations (\w+)|\bobservations ([a-z]\w*_\w+)", source)
    if unknown := {a or b for a, b in named} - SERIES:
        return f"{source!r}: no such series {sorted(unknown)}"
    return None


#: What a fitted parameter says before the source of its prior.
FITTED = f"fitted to observations to {LAST}, fitted.csv; prior: "


def test_every_parameter_has_a_source():
    wrong = [f"{d.section}.{d.name}: {w}" for d in declared() if (w := unsourced(d.source.removeprefix(FITTED)))]
    assert not wrong, "\n".join(wrong)


def test_fitted_parameters_say_so_and_lie_in_the_sample():
    shown = {row["parameter"]: row for row in csv.DictReader((ROOT / "experiments" / "stored" / "fitted.csv").open())}
    members = list(csv.DictReader((ROOT / "experiments" / "stored" / "posterior.csv").open()))
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
    """Return keys of a text that are not in sources.bib, and its pointers to documents outside the repository."""
    return (set(KEY_LIKE.findall(text)) - KEYS) | set(OUTSIDE.findall(text))


def test_keys_exist_and_nothing_points_outside():
    assert {p.name: w for p in CITING if (w := unlisted(p.read_text()))} == {}
    assert {p.name: w for p in (ROOT / "notebooks").glob("*.ipynb") if (w := OUTSIDE.findall(p.read_text()))} == {}
    text = "`hoffmann2022`, `hofmann2022`, bass1969; design 14 and design A.9, theory.md"
    assert unlisted(text) == {"hofmann2022", "design 14", "design A.9", "theory.md"}


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
    planted = lines[0].replace(next(csv.DictReader(text.splitlines()))["source"], "bass1969x")
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
        "own assumption: small",
        "bass1969; own assumption",
        "bass1969; own assumption on the mean",
        "nber2025intelligence; range of design A.75",
        "design 5 and 14, prior log-sd .6",
        "own assumption, design A.22",
        "own assumption: design 6 asks for a damped price",
        "own assumption: as in economy.md and elsewhere",
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
        "own assumption: two working days",
        "kim2025: for what divides; own assumption: three tasks in ten",
        "by definition 1 at the opening",
    ],
)
def test_a_right_source_is_taken(source):
    assert unsourced(source) is None

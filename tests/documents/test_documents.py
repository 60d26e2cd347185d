"""Documents and code say the same: equations, laws, payments, trends, opening values, order of the month, links."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agents import application, orchestrator
from model import InferenceEconomy, scenario
from model.core.flows import MonthFlows
from model.markets import settlement
from model.month import STEPS
from model.results import measures

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for package in ("model", "agents") for p in (ROOT / package).rglob("*.py"))
TREES = {p: ast.parse(p.read_text()) for p in SOURCES}
MODEL = (ROOT / "model" / "MODEL.md").read_text()
DECISIONS = sorted((ROOT / "model" / "decisions").glob("*.md"))
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "model" / "MODEL.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *DECISIONS,
]


def flat(text: str) -> str:
    """Return `text` on one line, so that a wrapped line is no difference."""
    return " ".join(text.split())


def rows(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table whose heading row begins with `heading`."""
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |")) + 2
    out = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        out.append([cell.strip() for cell in line.strip("|").split("|")])
    return out


# Equations -----------------------------------------------------------------------------------------

LABEL = r"[A-Z]\.\d+[a-z]?"
CITED = re.compile(rf"Eq\. ({LABEL}(?:(?: to |, | and ){LABEL}(?!\w))*)")


def expand(cited: str) -> set[str]:
    """Return the labels of "X.1", "X.1 and X.2", "X.1 to X.3"."""
    found: set[str] = set()
    for part in re.split(r", | and ", cited):
        first, _, last = part.partition(" to ")
        found.add(first)
        if last:
            letter, low, high = first[0], int(re.sub(r"\D", "", first)), int(re.sub(r"\D", "", last))
            if last[0] != letter or high <= low:
                raise ValueError(f"{part!r} is no range")
            found |= {f"{letter}.{i}" for i in range(low, high)} | {last}
    return found


def cited(text: str) -> set[str]:
    """Return all labels that a text cites."""
    return set().union(*(expand(match) for match in CITED.findall(flat(text))), set())


def defined(text: str) -> list[str]:
    """Return the labels that a document defines, in order, repeated ones too."""
    return re.findall(rf"\*\*Eq\. ({LABEL})\*\*", text)


def disagreements(code: set[str], document: str) -> list[str]:
    """Return what is wrong between labels cited in code and labels defined in a document."""
    here = defined(document)
    wrong = [f"{x} is cited in code and not in MODEL.md" for x in sorted(code - set(here))]
    wrong += [f"{x} is in MODEL.md and cited nowhere" for x in sorted(set(here) - code)]
    return wrong + [f"{x} is defined twice" for x in sorted({x for x in here if here.count(x) > 1})]


CODE = set().union(*(cited(p.read_text()) for p in SOURCES))


def test_equations_in_code_and_document_are_the_same():
    assert disagreements(CODE, MODEL) == []


@pytest.mark.parametrize(
    ("code", "document", "says"),
    [
        ({"H.1", "H.2"}, "**Eq. H.1** x", "H.2 is cited"),
        ({"H.1"}, "**Eq. H.1** x\n**Eq. H.3** y", "H.3 is in MODEL.md"),
        ({"H.1"}, "**Eq. H.1** x\n**Eq. H.1** y", "H.1 is defined twice"),
    ],
)
def test_a_missing_equation_is_seen(code, document, says):
    assert [w for w in disagreements(code, document) if w.startswith(says)]


def test_ranges_and_lists_are_expanded():
    text = "as in Eq. L.2 to\n    L.4, and Eq. X.11 and X.12; Eq. N.5b. Also bass1969, Eq. 3, and (A.9)"
    assert cited(text) == {"L.2", "L.3", "L.4", "X.11", "X.12", "N.5b"}
    with pytest.raises(ValueError, match="no range"):
        expand("L.4 to L.2")


def test_equations_of_tests_and_experiments_exist():
    others = [p for package in ("tests", "experiments") for p in (ROOT / package).rglob("*.py") if p != Path(__file__)]
    unknown = {f"{p.name}: {x}" for p in others for x in cited(p.read_text()) - set(defined(MODEL))}
    assert unknown == set()


def test_labels_that_stages_mention_exist():
    bare = re.compile(r"(?<![\w.])([A-Z])\.(\d+[a-z]?)(?:(?: to |-)\1\.(\d+))?(?![\w.])")
    found = set()
    for path in (ROOT / "model" / "stages").glob("*.py"):
        for letter, first, last in bare.findall(path.read_text()):
            found |= expand(f"{letter}.{first} to {letter}.{last}" if last else f"{letter}.{first}")
    assert found, "stages mention no equation: the pattern is stale"
    assert found <= set(defined(MODEL))


def citing() -> dict[str, set[str]]:
    """Return the names of functions by label that their source cites."""
    found: dict[str, set[str]] = {}
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                for label in cited(ast.get_source_segment(path.read_text(), node) or ""):
                    found.setdefault(label, set()).add(node.name)
    return found


def strangers(document: str, functions: dict[str, set[str]]) -> list[str]:
    """Return functions named beside a label that do not cite it, and labels without a function."""
    wrong = []
    for label, named in re.findall(rf"\*\*Eq\. ({LABEL})\*\*\s+(?:\(([^)]*)\))?", document):
        names = re.findall(r"`([\w.]+)`", named)
        if not names:
            wrong.append(f"{label}: no function")
        wrong += [f"{label}: {n}" for n in names if n.split(".")[-1] not in functions.get(label, set())]
    return wrong


def test_the_function_beside_an_equation_cites_it():
    assert strangers(MODEL, citing()) == []


def test_a_wrong_function_is_seen():
    assert strangers("**Eq. H.2** (`adapt`) x", {"H.2": {"adopt"}}) == ["H.2: adapt"]
    assert strangers("**Eq. H.2** x", {"H.2": {"adopt"}}) == ["H.2: no function"]


# Laws ----------------------------------------------------------------------------------------------


def laws(tree: ast.Module) -> set[str]:
    """Return the names of laws that a module checks: first arguments of require_zero (or an alias of it) and LawBreach."""
    texts: dict[str, str] = {}
    checks = {"require_zero", "LawBreach"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for name, value in pairs:
                if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    texts[name.id] = value.value
                if isinstance(name, ast.Name) and isinstance(value, ast.Attribute) and value.attr == "require_zero":
                    checks.add(name.id)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in checks and (text := _text(node.args[0], texts)):
                found.add(text)
    return found


def _text(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(v.value if isinstance(v, ast.FormattedValue) else v, names) for v in node.values)
    return names.get(node.id, "") if isinstance(node, ast.Name) else ""


LAWS = set().union(*(laws(tree) for tree in TREES.values()))


def test_every_law_is_in_the_document_and_the_reverse():
    listed = {law for row in rows(MODEL, "law") for law in re.findall(r"`([^`]+)`", row[0])}
    assert listed == LAWS


def test_laws_are_found_in_code():
    text = 'def f(e):\n    need, n = e.laws.require_zero, 1\n    need("a: b", 1)\n    law = "c"\n    need(f"{law} (d)", 2)\n'
    assert laws(ast.parse(text + '    raise LawBreach("e", 1)')) == {"a: b", "c (d)", "e"}


def test_the_laws_that_a_run_checks_are_listed():
    economy = InferenceEconomy("baseline", humans=20, months=3).run()
    assert set(economy.laws.worst) <= LAWS


# Payments ------------------------------------------------------------------------------------------


def listed_payments() -> set[tuple[str, str, str]]:
    """Return (payer, payee, item) of the transaction table and of passing on."""
    out = {(a, b, item.strip()) for a, b, items in rows(MODEL, "payer") for item in items.split(";")}
    for sectors, surplus, gap in rows(MODEL, "sector"):
        for sector in sectors.split(", "):
            out |= {(sector, "rest_of_world", surplus), ("rest_of_world", sector, gap)}
    return out


def test_every_payment_of_a_run_is_a_row_of_the_table():
    economy = InferenceEconomy("baseline", humans=40, months=72, seed=2).run()
    paid = {flow[:3] for month in economy.recorder.flows for flow in month}
    assert paid <= listed_payments()
    assert len(paid) > 35


def test_every_item_in_code_is_in_the_table():
    items = {item for _, _, item in listed_payments()}
    written = set()
    for path in [ROOT / "model/markets/settlement.py", *(ROOT / "model/stages").glob("*.py")]:
        for node in ast.walk(TREES[path]):
            name = node.func if isinstance(node, ast.Call) else None
            called = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
            if called == "pay" and len(node.args) == 4 and isinstance(node.args[2], ast.Constant):
                written.add(node.args[2].value)
    assert len(written) > 25
    assert written <= items
    assert {item for pair in settlement.PASS_ON.values() for item in pair} <= items
    assert items >= settlement.TRANSFERS | settlement.REFUNDS


def test_sectors_that_pass_on_are_the_table():
    table = {s: (out, into) for names, out, into in rows(MODEL, "sector") for s in names.split(", ")}
    assert table == settlement.PASS_ON


# Parameters ----------------------------------------------------------------------------------------

DECLARED = {f"{d.section}.{d.name}": d for d in scenario.declarations()}
FIRMS = {f"{section}.FIRM.{d.name}": d for section, kind in scenario.FIRM_TYPES.items() for d in kind.declared()}


def test_every_exogenous_trend_is_named():
    trends = {name for name, d in DECLARED.items() if d.exogenous_trend}
    listed = {name for row in rows(MODEL, "parameter") for name in re.findall(r"`([\w.]+)`", row[0])}
    assert listed == trends


def unknown_parameters(text: str) -> set[str]:
    """Return names in code font that look like parameters and are none."""
    spans = re.findall(r"`([^`]+)`", text)
    named = {n for span in spans for n in re.findall(r"(?<![\w./])([a-z_]+\.(?:FIRM\.)?[a-z]\w*)", span)}
    ours = {n for n in named if n.split(".")[0] in scenario.SECTIONS and not n.endswith((".py", ".md"))}
    functions = {
        f"{p.stem}.{node.name}" for p, t in TREES.items() for node in t.body if isinstance(node, ast.FunctionDef)
    }
    return ours - set(DECLARED) - set(FIRMS) - functions


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent != ROOT], ids=lambda p: p.name)
def test_parameters_that_documents_name_exist(page):
    assert unknown_parameters(page.read_text()) == set()


def test_a_parameter_that_does_not_exist_is_seen():
    assert unknown_parameters("as `lab.life_months` and `2 lab.live_months`") == {"lab.live_months"}


def stale(text: str) -> list[str]:
    """Return opening values that differ from the declared defaults."""
    wrong = []
    for name, value in re.findall(r"`([a-z_]+\.[a-z]\w*)\s+=\s+([\d.]+(?:e-?\d+)?)`", text):
        if float(value) != float(DECLARED[name].default):
            wrong.append(f"{name} = {value}, declared {DECLARED[name].default}")
    return wrong


def test_opening_values_are_the_declared_ones():
    text = MODEL.partition("## 5 Initialisation")[2].partition("## 6")[0]
    assert text.count(" = ") > 8
    assert stale(text) == []


def test_a_stale_value_is_seen():
    assert stale("`human.contacts = 13`")


# The month, its letters, the measures --------------------------------------------------------------


def test_the_month_in_the_document_is_the_month_in_code():
    stages = {f"{s.does.__module__.rpartition('.')[2]}.{s.does.__name__}" for s in STEPS}
    listed = {c for row in rows(MODEL, "step") for c in re.findall(r"`(\w+\.\w+)`", row[1])}
    assert stages == listed


def test_shape_letters_are_explained():
    used = {letter for flow in MonthFlows.declared.values() for letter in flow.shape}
    table = rows(MODEL, "letter")
    assert used <= {row[0] for row in table} | {row[2] for row in table}


def test_definitions_are_those_of_the_code():
    listed = {name for row in rows(MODEL, "definition") for name in re.findall(r"`(\w+)`", row[0])}
    assert listed == set(measures.COUNTED)


def test_kinds_are_the_tables_of_the_code():
    economy = InferenceEconomy("baseline", humans=20, months=1)
    tables = {type(rows_).__name__ for _, rows_ in economy.kinds.values()} | {"Nets"}
    tables |= {application.Features.__name__, application.Services.__name__}
    assert {row[1].strip("`") for row in rows(MODEL, "kind")} == tables
    assert orchestrator.Orchestrators.__name__ in tables


# Pages ---------------------------------------------------------------------------------------------


def broken_links(page: Path, text: str) -> list[str]:
    """Return links of a page that lead to no file and are not written by `make docs`."""
    made = set(re.findall(r"^\tmv \S+ (\S+)$", (ROOT / "Makefile").read_text(), re.M))
    wrong = []
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / target).resolve()
        if not path.exists() and str(path.relative_to(ROOT)) not in made:
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    assert broken_links(page, text) == []


def test_a_broken_link_is_seen():
    text = "[a](model/MODEL.md) [b](model/NOTHING.md) [c](https://example.org) [d](model/data/parameters.md)"
    assert broken_links(ROOT / "README.md", text) == ["model/NOTHING.md"]


def test_decisions_are_numbered_pages_of_one_form():
    assert [p.name[:4] for p in DECISIONS] == [f"{i:04d}" for i in range(1, len(DECISIONS) + 1)]
    for page in DECISIONS:
        text = page.read_text()
        assert text.startswith(f"# {page.name[:4]} "), page.name
        assert len(text.splitlines()) <= 45, page.name
        missing = [
            x for x in ("Question.", "Options.", "Choice.", "What would change our mind.") if f"**{x}**" not in text
        ]
        assert missing == [], page.name


def test_the_parameter_table_is_generated():
    """`make tables` writes it; a parameter that changed must be written again."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments.cli", "parameters", "--markdown"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert (ROOT / "model" / "data" / "parameters.md").read_text() == done.stdout

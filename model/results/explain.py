"""What a number is: any recorded series, parameter, flow or column, by name."""

from __future__ import annotations

import ast
import functools
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.core import modules
from model.core.errors import unknown
from model.core.flows import MonthFlows
from model.core.shown import Shown
from model.core.units import fmt, month_date
from model.month import Month
from model.results import measures, record, tables
from model.scenario import FIRM_TYPES, today
from model.world import World

ROOT = Path(__file__).resolve().parents[2]
#: Units and meanings of the recorded quantities of the Kaya split.
KAYA_UNITS = {
    "heads": ("people, agents or robots", "those who consume"),
    "tasks": (
        "tasks, hours or job-months",
        "tasks; attention-hours (embedded), job-months (standing), active hours (robots)",
    ),
    "calls": ("calls", "calls of nets"),
    "tokens": ("token", "tokens served"),
    "flop": ("FLOP", "operations performed in serving"),
}
KINDS = ("series", "parameter", "flow", "agent column", "table column")


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """What one name stands for."""

    name: str = ""
    kind: str = ""
    unit: str = ""
    meaning: str = ""
    formula: str = ""
    equations: tuple[str, ...] = ()
    source: str = ""
    value: str = ""
    where: str = ""


def explain(e: World, r: record.Recorder, last: Month | None, name: str) -> Explanation:
    """Return what a recorded series, parameter, flow, column or equation is.

    Parameters
    ----------
    e : World
    r : Recorder
    last : Month or None
        What the last month left; None before the first.
    name : str
        A series or flow as it is called, a parameter as "section.name" ("lab.lab_a.rule" for a firm's own), a column as
        "Human.wage_usd_per_h" or "compute.flop"; the last part alone where only one has it. "flow.tokens" asks for the flow
        where a series has the same name. An equation by its label in MODEL.md: "L.2".

    Raises
    ------
    InputError
        If nothing has that name; names the nearest.
    """
    name = today(str(name))
    entries, blocks = list(_entries(e, r, last)), _blocks()
    if (label := str(name).removeprefix("Eq.").strip()) in blocks:
        return _equation(label, blocks[label], entries)
    name = str(name).removeprefix("monthly.") if name not in ("monthly.seed", "monthly.month") else name
    for found in entries:
        if name in (found.name, f"{found.kind}.{found.name}") and found.kind != "flow":
            return _shown(found, [f"flow.{f.name}" for f in entries if f.kind == "flow" and f.name == found.name])
    ends = [found for found in entries if name in (found.name.rpartition(".")[2], f"{found.kind}.{found.name}")]
    if ends:
        first = min(ends, key=lambda found: KINDS.index(found.kind))
        return _shown(first, [f"{found.kind} {found.name}" for found in ends if found is not first])
    if re.fullmatch(r"(Eq\. ?)?[A-Z]\.\d+[a-z]?", name):
        raise unknown("equation", label, blocks)
    raise unknown("name", name, [n for found in entries for n in (found.name, found.name.rpartition(".")[2])])


def _equation(label: str, text: str, entries: list[Explanation]) -> Explanation:
    """Return what an equation says, the functions that are it, and what is recorded or set by a name in it."""
    _, functions, said = re.split(r"\*\*\s*(?:\(([^)]*)\))?", text.partition("**Eq. ")[2], maxsplit=1)
    where = "; ".join(_function(name) for name in re.findall(r"[\w.]+", functions or ""))
    used = {
        kind: [x.name for x in entries if x.kind == kind and label in (equations(x.name) or x.equations)]
        for kind in ("series", "parameter")
    }
    said = " ".join(said.split())
    rows = [
        ("formula", said),
        ("implemented in", where),
        ("series", ", ".join(used["series"]) or "none names it; its result goes into others"),
        ("parameters", ", ".join(used["parameter"])),
        ("text", f"model/MODEL.md, line {_line('model/MODEL.md', re.escape(f'**Eq. {label}**'))}"),
    ]
    return Explanation(
        title=f"Eq. {label} (equation)", rows=tuple(row for row in rows if row[1]), name=label, kind="equation", unit="-",
        meaning=re.split(r"[:.] |:$", said)[0], formula=said, equations=(label,), source="model/MODEL.md", where=where,
    )  # fmt: skip


def _function(name: str) -> str:
    """Return where a function of the model is defined."""
    owner, _, last = name.rpartition(".")
    for path in sorted(p for package in ("agents", "model") for p in (ROOT / package).rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        inside = rf"^class {owner}\b[\s\S]*?" if owner and owner != path.stem else ""
        pattern = rf"{inside}^ *(?:def|class) {last}\b"
        if (inside or owner in ("", path.stem)) and re.search(pattern, _text(file), re.M):
            return f"{name}: {file}, line {_line(file, pattern)}"
    return name


@functools.cache
def _blocks() -> dict[str, str]:
    """Return the paragraphs of MODEL.md that define equations, by label."""
    blocks = re.split(r"\n(?=- \*\*Eq\. |\n)", _text("model/MODEL.md"))
    found = [(re.match(r"\s*- \*\*Eq\. ([A-Z]\.\d+[a-z]?)\*\*", block), block) for block in blocks]
    return {m[1]: block for m, block in found if m}


def _shown(found: Explanation, others: list[str]) -> Explanation:
    """Return the explanation with its text; values, lines and equations are looked up only now."""
    file, _, pattern = found.where.partition(" ")
    where = f"{file}, line {_line(file, pattern)}" if _text(file) else file
    labels = equations(found.name) or found.equations
    rows = [
        ("unit", found.unit if found.unit != "-" else "none"),
        ("meaning", found.meaning),
        ("formula", found.formula),
        ("equations", ", ".join(f"Eq. {label}" for label in labels)),
        ("source", found.source),
        ("now", found.value),
        ("defined in", where),
        ("also", "; ".join(others[:6])),
    ]
    text = tuple((key, value) for key, value in rows if value)
    parts = {**vars(found), "where": where, "equations": labels, "rows": text, "title": f"{found.name} ({found.kind})"}
    return Explanation(**parts)


def _entries(e: World, r: record.Recorder, last: Month | None) -> Iterator[Explanation]:
    yield from _series(r)
    yield from _parameters(e)
    yield from _flows(last)
    yield from _agent_columns(e)
    for table in (*tables.TABLES, *tables.added_to(e.settings)):
        for name, (unit, meaning) in table.columns.items():
            yield Explanation(
                title="", name=f"{table.name}.{name}", kind="table column", unit=unit, meaning=meaning,
                source=f"economy.tables()['{table.name}']", where=_of_column(table, name),
            )  # fmt: skip


def _of_column(table: tables.ResultTable, name: str) -> str:
    return f'{_file(table.rows)} ResultTable\\(\\s*"{table.name}"[\\s\\S]*?"{name}": '


def _series(r: record.Recorder) -> Iterator[Explanation]:
    now = dict(zip(r.names, r.rows[-1], strict=True)) if r.rows else {}
    when = f" in {r.months[-1]}" if r.months else ""

    def said(name: str, unit: str) -> str:
        x = now.get(name, math.nan)
        return f"{fmt(x, unit if unit != '-' else '')}{when}" if math.isfinite(x) else "not defined yet"

    for s in (*record.SERIES, *r.added):
        file = "model/results/record.py" if s in record.SERIES else _file(s.formula)
        yield Explanation(
            title="", name=s.name, kind="series", unit=s.unit, meaning=s.meaning, formula=_formulas(file).get(s.name, ""),
            source="computed each month", value=said(s.name, s.unit), where=f'{file} Series\\(\\s*"{s.name}"',
        )  # fmt: skip
    for name in record.SHARES:
        base = name.removeprefix(measures.PREFIX).removesuffix(measures.ON_BOARD_SUFFIX)
        own = ", robots' and devices' own chips included" if name.endswith(measures.ON_BOARD_SUFFIX) else ""
        what = {
            "kernel": "all forward-only work of serving and R&D over serving and R&D",
            "all_ai": "serving, ranking and a part of other AI over all of them and R&D",
        }.get(base, "serving over serving and R&D of labs")
        yield Explanation(
            title="", name=name, kind="series", unit="-", meaning=f"inference's share: {what}{own}",
            formula=f"sums of compute.{measures.COUNTED[base]}", equations=("X.1",), source="computed each month",
            value=said(name, "-"), where="model/results/measures.py ^def shares",
        )  # fmt: skip
    for name in record.KAYA:
        quantity, _, group = name.partition("_of_")
        unit, meaning = KAYA_UNITS[quantity]
        yield Explanation(
            title="", name=name, kind="series", unit=unit, meaning=f"{meaning}; serving class '{group}'",
            equations=("X.5",), source="computed each month", value=said(name, unit),
            where="model/results/record.py ^def kaya_quantities",
        )  # fmt: skip


def _parameters(e: World) -> Iterator[Explanation]:
    for section in e.params.sections:
        groups = [(section, getattr(e.params, section))]
        groups += [(f"{section}.{firm}", fields) for firm, fields in e.settings.firms.get(section, {}).items()]
        for prefix, values in groups:
            for d in values.declared():
                value = getattr(values, d.name)
                span = " or ".join(d.choices) if d.choices else f"range [{d.low}, {d.high}]"
                default = "" if prefix != section and section in FIRM_TYPES else f", default {d.default}"
                fixed = "may change at a date" if d.dynamic else "fixed at the opening"
                yield Explanation(
                    title="", name=f"{prefix}.{d.name}", kind="parameter", unit=d.unit, meaning=d.doc, source=d.source,
                    value=f"{value}{default}; {span}; {fixed}",
                    where=f"{_file(type(values))} ^    {d.name}: .*= +param",
                )  # fmt: skip


def _flows(last: Month | None) -> Iterator[Explanation]:
    for name, flow in MonthFlows.declared.items():
        now = getattr(last.flows, name, None) if last is not None else None
        shape = f", by {', '.join(flow.shape)}" if flow.shape else ""
        yield Explanation(
            title="", name=name, kind="flow", unit=flow.unit, meaning=f"{flow.meaning} (a flow of the month{shape})",
            source="written once in the month", value=_summary(now, flow.unit),
            where=f"model/core/flows.py ^    {name}: ",
        )  # fmt: skip


def _agent_columns(e: World) -> Iterator[Explanation]:
    tables: dict[str, Any] = {kind: rows for kind, (_, rows) in e.kinds.items()}
    tables |= {"Net": e.nets, "Feature": e.features, "Service": e.services}
    for kind, rows in tables.items():
        for name, column in rows.columns().items():
            yield Explanation(
                title="", name=f"{kind}.{name}", kind="agent column", unit=column.unit, meaning=column.meaning,
                source=f"state of {rows.n} rows, economy.tables()['agents']",
                value=_summary(getattr(rows, name), column.unit), where=f"{_file(type(rows))} ^    {name} = Column",
            )  # fmt: skip


def _summary(x: Any, unit: str) -> str:
    if x is None:
        return "no month yet"
    values = np.asarray(x, dtype=np.float64)
    unit = "" if unit == "-" else unit
    if values.size <= 1:
        return fmt(float(values.sum()), unit)
    low, mean, high = (fmt(float(f(values))) for f in (np.min, np.mean, np.max))
    return f"{values.size} values, {low} to {high}, mean {mean} {unit}".strip()


# Where it is written -------------------------------------------------------------------------------


def _file(written: Any) -> str:
    """Return the file that a class or function stands in: from our folder where it is ours, whole where it is a user's."""
    module = written.__module__
    if modules.package(module):
        return modules.plain(module).replace(".", "/") + ".py"
    return str(getattr(sys.modules.get(module), "__file__", None) or module)


@functools.cache
def _text(file: str) -> str:
    """Return a file of ours or of a user, nothing for what stands in a notebook."""
    path = ROOT / file
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _line(file: str, pattern: str) -> int:
    found = re.search(pattern, _text(file), re.M)
    return _text(file).count("\n", 0, found.end()) + 1 if found else 1


@functools.cache
def _formulas(file: str) -> dict[str, str]:
    """Return the text of each series' formula, from the declarations in a file."""
    out = {}
    for node in ast.walk(ast.parse(_text(file))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Series":
            name, formula = node.args[0], node.args[3]
            body = formula.body if isinstance(formula, ast.Lambda) else formula
            if isinstance(name, ast.Constant):
                out[str(name.value)] = ast.unparse(body)
    return out


@functools.cache
def equations(name: str) -> tuple[str, ...]:
    """Return the labels of the equations in MODEL.md whose text names a parameter, series or flow in code font.

    Names of one word are words of the text too and are not looked for.

    >>> "H.2" in equations("human.usefulness_reference")
    True
    """
    if not re.search(r"[._]", name):
        return ()
    code = re.compile(rf"`[^`]*(?<![\w.]){re.escape(name)}(?![\w.]\w)[^`]*`")
    return tuple(label for label, block in _blocks().items() if code.search(block))


def overview(e: World, r: record.Recorder) -> Shown:
    """Return the economy in a few lines."""
    last = month_date(e.months - 1, e.settings.start).isoformat()[:7]
    title = f"InferenceEconomy '{e.settings.name}', seed {e.seed}: month {e.month} of {e.months} (to {last})"
    names = (
        measures.PREFIX + measures.HEADLINE,
        "adopters",
        "ai_agents",
        "tokens",
        "installed_h100e",
        "price_usd_per_h100e_hour",
    )
    rows = tuple((x.name, x.value, x.meaning) for n in names for x in _series(r) if x.name == n)
    return Shown(title, (), ("series", "now", "meaning"), rows)

"""Every parameter as rows of text: value in a scenario, declared default, unit, range, meaning, source; and what was changed."""

from __future__ import annotations

from typing import Any, NamedTuple

from model.core.errors import InputError, hint, unknown
from model.core.params import Declaration
from model.scenario import FIRM_TYPES, OPENING_FIRMS, SECTIONS, Scenario, declarations


class Row(NamedTuple):
    """One parameter of a scenario."""

    name: str
    value: str
    default: str
    unit: str
    bounds: str
    meaning: str
    source: str
    changed: bool


def rows(scenario: Scenario) -> list[Row]:
    """Return all parameters with the scenario's values; firms' own ones as section.firm.name.

    `changed`: the value is not the declared default, or changes at a date.
    """
    out = []
    for section in scenario.parameters.sections:
        values = getattr(scenario.parameters, section)
        out += [_row(f"{section}.{d.name}", getattr(values, d.name), d.default, d) for d in values.declared()]
        for firm, fields in scenario.firms.get(section, {}).items():
            opening = OPENING_FIRMS[section].get(firm, FIRM_TYPES[section]())
            out += [
                _row(f"{section}.{firm}.{d.name}", getattr(fields, d.name), getattr(opening, d.name), d)
                for d in fields.declared()
            ]
    dated = {change.parameter for change in scenario.interventions}
    return [row._replace(changed=True) if row.name in dated else row for row in out]


def changes(scenario: Scenario) -> list[str]:
    """Return in words what differs from the declared defaults, dated changes too.

    >>> changes(Scenario().with_overrides({"lab.planning_months": 18}))
    ['lab.planning_months = 18 month (default 12)']
    """
    out = []
    for row in rows(scenario):
        if row.value != row.default:
            unit = "" if row.unit == "-" else f" {row.unit}"
            out.append(f"{row.name} = {row.value}{unit} (default {row.default})")
    for section, firms in scenario.firms.items():
        out += [f"{section}.{firm}: not in this run" for firm in OPENING_FIRMS[section] if firm not in firms]
        out += [f"{section}.{firm}: a new firm" for firm in firms if firm not in OPENING_FIRMS[section]]
    for c in scenario.interventions:
        verb = "times" if c.mode == "multiply" else "="
        out.append(f"{c.parameter} {verb} {text(c.value)} from {c.date}" + (f" until {c.until}" if c.until else ""))
    return out


def listing(wanted: str | None = None, markdown: bool = False) -> list[str]:
    """Return lines on every declared parameter, on those of one section, or on one alone.

    Raises
    ------
    InputError
        If `wanted` is neither a section nor "section.name" nor "section.firm.name".

    >>> listing("human.contacts")[0].splitlines()[0]
    'human.contacts = 12 people  [2, 40]'
    """
    declared = [(f"{d.section}.{d.name}", d) for d in declarations()]
    declared += [(f"{section}.FIRM.{d.name}", d) for section, kind in FIRM_TYPES.items() for d in kind.declared()]
    known = [name for name, _ in declared]
    parts = (wanted or "").split(".")  # all firms have the same
    chosen = f"{parts[0]}.FIRM.{parts[2]}" if len(parts) == 3 and parts[0] in FIRM_TYPES else wanted
    if wanted is not None and chosen not in (*SECTIONS, *known):
        if len(parts) == 1:
            raise unknown("section", wanted, SECTIONS)
        raise InputError(f"unknown parameter '{wanted}'{hint(chosen or '', known)}")
    out = ["| parameter | default | unit | range | meaning | source |\n|---|---|---|---|---|---|"] if markdown else []
    for name, d in declared:
        if chosen not in (None, name, name.partition(".")[0]):
            continue
        default, span = text(d.default), bounds(d)
        if markdown:
            cells = (f"`{name}`", default, d.unit, span, d.meaning, d.source)
            out.append("| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |")
        else:
            unit = "" if d.unit == "-" else f" {d.unit}"
            out.append(f"{name} = {default}{unit}  {span}\n    {d.meaning}. Source: {d.source}")
    return out


def text(value: Any) -> str:
    """Return a value as people write it.

    >>> text(5.35e9), text(True), text("profit")
    ('5.35e+09', 'true', 'profit')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def bounds(d: Declaration) -> str:
    """Return the range of a parameter in words."""
    if d.choices:
        return " or ".join(d.choices)
    if d.low is None and d.high is None:
        return "any"
    return f"[{'-inf' if d.low is None else f'{d.low:g}'}, {'inf' if d.high is None else f'{d.high:g}'}]"


def _row(name: str, value: Any, default: Any, d: Declaration) -> Row:
    return Row(name, text(value), text(default), d.unit, bounds(d), d.meaning, d.source, value != default)

"""What a page shows, as one value that is also its address: scenario, changes, size, view. Nothing read is evaluated."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from experiments.runs.options import SEED_MAX, whole_number
from model.core.errors import InputError, unknown
from model.results.measures import DEFINITIONS, HEADLINE, ON_BOARD_SUFFIX
from model.scenario import FIRM_TYPES, Scenario, read, shipped, today

VIEWS = {
    "answer": "Answer",
    "stack": "Stack",
    "networks": "Networks",
    "attention": "Attention",
    "labs": "Labs",
    "agents": "Agents",
    "compare": "Compare",
    "about": "About",
}
#: Definitions of inference's share to switch between; those with on-board chips are counted on the report.
COUNTED = tuple(d for d in DEFINITIONS if not d.endswith(ON_BOARD_SUFFIX))
HUMANS_MIN, HUMANS_MAX, HUMANS = 50, 20_000, 1_000
SHIPPED_NOTE = (
    "'As shipped' is the chosen scenario without the changes made on this page, with the same seed and resolution."
)
#: Longest address that is read, and most changes in it.
LONGEST, MOST = 20_000, 400


@dataclass(frozen=True)
class State:
    """One page: what is run, how far, what is looked at.

    Parameters
    ----------
    scenario : str
        Shipped scenario.
    changes : mapping
        {"section.name" or "section.firm.name": value} on top of it.
    humans, seed : int
        Human rows (resolution, not population); seed of all draws.
    at : int or None
        Months to run; None for all of the scenario's.
    view, by : str
        What is looked at; definition of inference's share.
    options : mapping
        Choices inside views, see `OPTIONS`.
    """

    scenario: str = "baseline"
    changes: Mapping[str, Any] = field(default_factory=dict)
    humans: int = HUMANS
    seed: int = 1
    at: int | None = None
    view: str = "answer"
    by: str = HEADLINE
    options: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def base(self) -> Scenario:
        """Return the shipped scenario at the page's resolution."""
        return loaded(self.scenario).with_run(humans=self.humans)

    @functools.cached_property
    def settings(self) -> Scenario:
        """Return the scenario that is run."""
        return self.base.with_overrides(self.changes) if self.changes else self.base

    @property
    def months(self) -> int:
        """Months of the whole run."""
        return self.base.months

    @property
    def goal(self) -> int:
        """Month to run to."""
        return self.months if self.at is None else min(self.at, self.months)

    @property
    def run(self) -> tuple[Any, ...]:
        """What decides the numbers of a run."""
        return (self.scenario, tuple(sorted(self.changes.items())), self.humans, self.seed)

    @property
    def watched(self) -> tuple[str, int] | None:
        """Kind and id of the agent whose life is followed."""
        picked = self.option("agent")
        return (self.option("kind"), int(picked)) if self.view == "agents" and picked else None

    @property
    def as_shipped(self) -> State:
        """The same scenario without changes."""
        return dataclasses.replace(self, changes={})

    def option(self, name: str) -> str:
        """Return a choice inside a view."""
        return self.options.get(name, OPTIONS[name][0])

    def replace(self, **changes: Any) -> State:
        """Return the state with other values; a preset drops the changes made to another one."""
        if changes.get("scenario", self.scenario) != self.scenario:
            changes = {"changes": {}, **changes}
        return dataclasses.replace(self, **changes)

    def choose(self, name: str, value: str) -> State:
        """Return the state with another choice inside a view."""
        options = {**self.options, name: checked(name, value)}
        if name == "kind":
            options = {k: v for k, v in options.items() if k not in ("agent", "sort")}
        return dataclasses.replace(self, options=options)

    def change(self, name: str, text: Any) -> State:
        """Return the state with a parameter set from text; the scenario's own value takes the change back.

        Raises
        ------
        InputError
            One line naming what is wrong and the nearest valid name or the range.
        """
        name = today(name)
        others = {k: v for k, v in self.changes.items() if k != name}
        changed = self.base.with_overrides({**others, name: read(name, text) if isinstance(text, str) else text})
        value = lookup(changed, name)
        if value == lookup(self.base, name):
            return dataclasses.replace(self, changes=others)
        return dataclasses.replace(self, changes={**self.changes, name: value})

    def query(self) -> str:
        """Return the part of the address behind '?'; what is at its default is left out."""
        default = State(scenario=self.scenario)
        pairs = [("scenario", self.scenario)] if self.scenario != State.scenario else []
        pairs += [(n, str(getattr(self, n))) for n in PLAIN if getattr(self, n) != getattr(default, n)]
        pairs += [(n, v) for n, v in self.options.items() if v != OPTIONS[n][0]]
        pairs += [("set", f"{name}:{text(value)}") for name, value in self.changes.items()]
        return urlencode(pairs, safe=":")

    def toml(self) -> str:
        """Return the run as a scenario file.

        >>> print(State(changes={"human.contacts": 20}).toml())
        # as on the page: economy run FILE --seed 1
        schema = 1
        extends = "baseline"
        title = "Baseline, changed"
        <BLANKLINE>
        [run]
        months = 168
        humans = 1000
        <BLANKLINE>
        [human]
        contacts = 20
        <BLANKLINE>
        """
        title = self.base.title + (", changed" if self.changes else "")
        lines = [
            f"# as on the page: economy run FILE --seed {self.seed}",
            "schema = 1",
            f'extends = "{self.scenario}"',
            f"title = {quoted(title)}",
            "",
            "[run]",
        ]
        lines += [f"months = {self.months}", f"humans = {self.humans}"]
        plain: dict[str, list[str]] = {}
        firms: dict[tuple[str, str], list[str]] = {}
        for name, value in self.changes.items():
            section, *firm, last = name.split(".")
            row = f"{last} = {quoted(value) if isinstance(value, str) else text(value)}"
            (firms.setdefault((section, firm[0]), []) if firm else plain.setdefault(section, [])).append(row)
        for section, rows in plain.items():
            lines += ["", f"[{section}]", *rows]
        for (section, name), rows in firms.items():
            lines += ["", f"[[{section}.firm]]", f'name = "{name}"', *rows]
        return "\n".join(lines) + "\n"


PLAIN = ("humans", "seed", "at", "view", "by")
#: Choices inside views: the default first, then the other ones, or a pattern of what is taken.
OPTIONS: dict[str, tuple[str, ...] | tuple[str, re.Pattern[str]]] = {
    "network": ("orchestrator", "application"),
    "lab": ("leading", re.compile(r"\w{1,40}")),
    "kind": ("Lab", re.compile(r"[A-Za-z]{1,40}")),
    "sort": ("id", re.compile(r"-?\w{1,60}")),
    "agent": ("", re.compile(r"[0-9]{0,9}")),
    "against": ("baseline", re.compile(r"[\w-]{1,60}")),
    "series": ("inference_share_accelerator_hours", re.compile(r"\w{1,80}")),
    "pairs": ("4", "2", "8", "16"),
}


@functools.cache
def loaded(name: str) -> Scenario:
    """Return a shipped scenario; files are no names here."""
    if name not in shipped():
        raise unknown("scenario", name[:60], shipped())
    return Scenario.load(name)


def lookup(scenario: Scenario, name: str) -> Any:
    """Return the value of "section.name" or "section.firm.name"."""
    section, *firm, last = name.split(".")
    owner = (
        scenario.firms[section][firm[0]] if firm and section in FIRM_TYPES else getattr(scenario.parameters, section)
    )
    return getattr(owner, last)


def parse(query: str | None) -> State:
    """Return the state that an address holds.

    Parameters
    ----------
    query : str or None
        What stands behind '?'.

    Raises
    ------
    InputError
        One line: what is wrong, and the nearest valid name or the range.

    >>> parse("scenario=no-agents&seed=3").seed
    3
    """
    if not query:
        return State()
    if len(query) > LONGEST:
        raise InputError(f"the link is too long: {len(query)} characters, {LONGEST} at most")
    try:
        pairs = parse_qsl(query.lstrip("?"), keep_blank_values=True, strict_parsing=True, max_num_fields=MOST)
    except ValueError as error:
        raise InputError(f"the link cannot be read: {error}") from None
    known = ("scenario", *PLAIN, *OPTIONS, "set")
    given: dict[str, str] = {}
    changes: list[tuple[str, str]] = []
    for key, value in pairs:
        if key not in known:
            raise unknown("part of the link", key[:60], known)
        if key == "set":
            name, colon, number = value.partition(":")
            if not colon:
                raise InputError(f"set={value[:60]!r} in the link: must be set=section.name:value")
            changes.append((name[:100], number[:60]))
        elif key in given:
            raise InputError(f"{key} stands twice in the link")
        else:
            given[key] = value
    state = State(scenario=loaded(given.get("scenario", "baseline")).name)
    numbers = {"humans": (HUMANS_MIN, HUMANS_MAX), "seed": (0, SEED_MAX), "at": (0, state.months)}
    for key, (low, high) in numbers.items():
        if key in given:
            state = state.replace(**{key: whole_number(f"{key} in the link", given[key][:40], low, high)})
    for key, names in (("view", tuple(VIEWS)), ("by", COUNTED)):
        if key in given:
            if given[key] not in names:
                raise unknown(f"{key} in the link", given[key][:60], names)
            state = state.replace(**{key: given[key]})
    for key in (k for k in OPTIONS if k in given):
        state = state.choose(key, given[key])
    loaded(state.option("against"))
    for name, number in changes:
        state = state.change(name, number)
    return state


def checked(name: str, value: str) -> str:
    """Return a choice inside a view if it is one, else raise InputError."""
    allowed = OPTIONS[name]
    pattern = allowed[1] if len(allowed) == 2 and isinstance(allowed[1], re.Pattern) else None
    if pattern.fullmatch(value) if pattern else value in allowed:
        return value
    if pattern:
        raise InputError(f"{name}={value[:60]!r} in the link: not a name")
    raise unknown(f"{name} in the link", value[:60], [str(a) for a in allowed])


def text(value: Any) -> str:
    """Return a value so that reading it gives the same value.

    >>> text(True), text(0.1), text("race")
    ('true', '0.1', 'race')
    """
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


def quoted(words: str) -> str:
    r"""Return a TOML string.

    >>> quoted('a "b"')
    '"a \\"b\\""'
    """
    plain = " ".join(words.split())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'

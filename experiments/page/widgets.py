"""The page's own controls: small Vue templates of native inputs, so that keyboard and screen readers work as everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from solara import component_vue

Event = Callable[[Any], Any]


@component_vue("bar.vue")
def _bar(
    playing: bool,
    at: int,
    months: int,
    goal: int,
    label: str,
    speed: int,
    seed: int,
    busy: bool,
    query: str | None,
    event_play: Event,
    event_step: Event,
    event_reset: Event,
    event_go: Event,
    event_pace: Event,
    event_sow: Event,
    event_visit: Event,
    event_size: Event,
) -> None:
    """Play, step, reset, month, speed, seed; keeps the address."""


def Bar(**given: Any) -> Any:
    """Show the bar; `on_play` and the like are called with what the user did."""
    return _bar(**_events(given))


@component_vue("controls.vue")
def _controls(given: str, standing: str, now: dict[str, Any], event_change: Event) -> None:
    """Levers and all parameters, to search; as JSON, since every redraw looks through what is no text."""


def Controls(**given: Any) -> Any:
    """Show the controls; `given` holds their groups, `standing` the scenario's values, both JSON; `on_change` gets {name, value}."""
    return _controls(**_events(given))


@component_vue("choice.vue")
def _choice(label: str, items: list[Any], value: str, buttons: bool, event_pick: Event) -> None:
    """One of several: a menu, or a row of buttons."""


def Choices(
    label: str, items: Sequence[tuple[str, str]], value: str, on_pick: Callable[[str], Any], buttons: bool = False
) -> Any:
    """Show a choice of (value, words); `on_pick` is called with the value."""
    plain = [list(item) for item in items]
    return _choice(
        label=label, items=plain, value=value, buttons=buttons, event_pick=lambda d: on_pick(str(d["value"]))
    )


@component_vue("tabs.vue")
def _tabs(items: list[Any], value: str, event_pick: Event) -> None:
    """Names of views in a row."""


def Tabs(**given: Any) -> Any:
    """Show tabs; `on_pick` is called with {value}."""
    return _tabs(**_events({**given, "items": [list(item) for item in given["items"]]}))


@component_vue("picture.vue")
def Drawing(name: str, chart: str, svg: str) -> None:
    """Show a picture that can be saved as SVG and PNG."""


@component_vue("table.vue")
def _table(columns: list[Any], rows: list[Any], sort: str, picked: str, event_order: Event, event_pick: Event) -> None:
    """Rows under headings that sort them."""


def Rows(**given: Any) -> Any:
    """Show a table; `on_order` is called with {sort}, `on_pick` with {row}."""
    return _table(**_events(given))


def _events(given: dict[str, Any]) -> dict[str, Any]:
    return {f"event_{k[3:]}" if k.startswith("on_") else k: v for k, v in given.items()}


@component_vue("theme.vue")
def Theme() -> None:
    """Light or dark, as the browser prefers until one is chosen."""

"""The browser page: play the economy, move a lever, see why. `economy app`, or `solara run experiments/page/app.py`."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import solara
import solara.server.settings
import solara.server.starlette
import solara.settings
from reacton import ipyvuetify as v
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from experiments.page import levers, versus, views
from experiments.page.blocks import Block, Choice, Html, Picture, Table
from experiments.page.charts import drawing_library
from experiments.page.player import Frame, Player, Wish
from experiments.page.state import COUNTED, VIEWS, State, loaded, lookup, parse, text
from experiments.page.widgets import Bar, Choices, Controls, Drawing, Rows, Tabs, Theme
from experiments.report.printed import QUESTION
from experiments.runs.options import SEED_MAX, whole_number
from model import __version__
from model.core.errors import InputError
from model.scenario import shipped

STYLE = Path(__file__).parent / "page.css"
RESOLUTIONS = (300, 1_000, 2_000, 5_000, 10_000)

# Nothing is fetched or reported: files of the page come from installed packages, a missing one is an error and no request.
solara.server.settings.telemetry.mixpanel_enable = False
solara.server.settings.theme.show_banner = False
solara.server.settings.theme.title = "The Inference Economy"
solara.server.settings.kernel.cull_timeout = "30m"
solara.settings.assets.cdn = "http://127.0.0.1:9/"
# A redraw walks the parts of the page that changed, not all of them; half the time.
os.environ.setdefault("REACTON_FAST", "1")


def charts(_: Request) -> Response:
    """Serve the code that draws charts in the browser."""
    return Response(drawing_library(), media_type="text/javascript")


solara.server.starlette.app.router.routes.insert(0, Route("/charts.js", charts))


@solara.component
def Layout(children: list[Any] = []) -> None:  # noqa: B006
    """Hold the page; nothing of the default layout."""
    with solara.Div(classes=["page"]):
        solara.Style(STYLE)
        solara.Div(children=children)


class Session:
    """One browser tab: what is wished and what was drawn last. Tabs share nothing."""

    def __init__(self, address: str | None) -> None:
        self.error = solara.reactive("")
        self.state = solara.reactive(State())
        self.frame: solara.Reactive[Frame | None] = solara.reactive(None)
        self.month, self.busy = solara.reactive(0), solara.reactive(True)
        self.playing, self.speed, self.narrow = solara.reactive(False), solara.reactive(6.0), solara.reactive(False)
        self.comparing, self.compared = solara.reactive(""), solara.reactive(None)
        self.levers_open = solara.reactive(False)
        self.pausing = False  # the month at which play stops is that of the next picture
        self.asked: Wish | None = None
        self.versus: versus.Runner | None = None
        self.state.value = self.read(address)
        self.player = Player(views.draw, self.show, self.tell)

    def read(self, address: str | None) -> State:
        """Return what an address asks for; say what is wrong with it."""
        try:
            return parse(address)
        except InputError as error:
            self.error.value = f"This link cannot be opened: {error}. The baseline is shown instead."
            return State()

    def ask(self) -> None:
        """Wish for what the page now says."""
        wish = Wish(self.state.value, self.playing.value, self.speed.value, self.narrow.value, self.compared.value)
        if wish != self.asked:
            self.asked = wish
            self.busy.value = True
            self.player.ask(wish)

    def close(self) -> None:
        """Free everything: the tab has been left."""
        self.player.close()
        if self.versus is not None:
            self.versus.stop()

    # --- Called by the player's thread -----------------------------------------------------------------------------

    def show(self, frame: Frame) -> None:
        """Take a frame."""
        self.frame.value, self.month.value = frame, frame.month
        state = self.state.value
        if frame.error or frame.state.run != state.run:
            self.busy.value = not frame.error
            return
        if frame.month == state.months and self.playing.value:
            self.playing.value = False
            self.set(at=None)
        elif not self.playing.value and frame.month != state.goal:
            if self.pausing:
                self.set(at=frame.month)  # otherwise a picture of an older wish: the wished month is on its way
        else:
            self.pausing = False
            self.busy.value = self.playing.value or not frame.whole

    def tell(self, month: int) -> None:
        """Take note of a month while a run is under way."""
        self.month.value = month

    # --- Called by the page ----------------------------------------------------------------------------------------

    def set(self, **changes: Any) -> None:
        """Change what is shown or run."""
        self.error.value = ""
        self.become(self.state.value.replace(**changes))

    def visit(self, address: str) -> None:
        """Go to an address of this page: the browser's back and forward."""
        self.error.value = ""
        self.become(self.read(address))

    def become(self, state: State) -> None:
        """Take another state and wish for it."""
        if state != self.state.value:
            self.busy.value = True
            self.state.value = state
        self.ask()

    def change(self, data: dict[str, str]) -> None:
        """Move a lever."""
        try:
            self.become(self.state.value.change(data["name"], data["value"]))
            self.error.value = ""
        except InputError as error:
            self.error.value = f"{error}."

    def choose(self, option: str, value: str) -> None:
        """Choose inside a view."""
        if option == "by":
            self.set(by=value if value in COUNTED else self.state.value.by)
            return
        try:
            self.become(self.state.value.choose(option, value))
        except InputError as error:
            self.error.value = f"{error}."

    def play(self, data: dict[str, bool]) -> None:
        """Play or pause; play again from the opening where the run has ended."""
        state = self.state.value
        if data["playing"] and self.month.value >= state.months:
            self.state.value = state.replace(at=0)
            self.ask()
        self.playing.value = bool(data["playing"])
        self.pausing = not self.playing.value
        if not self.playing.value:
            self.state.value = state.replace(at=min(self.month.value, state.months))
        self.ask()

    def go(self, month: int) -> None:
        """Run to a month."""
        self.playing.value = self.pausing = False
        months = self.state.value.months
        month = min(max(month, 0), months)
        self.set(at=None if month == months else month)

    def further(self) -> None:
        """Run a month further than was wished last; quick clicks add up."""
        state = self.state.value
        self.go((self.month.value if self.playing.value or state.at is None else state.at) + 1)

    def sow(self, text: str) -> None:
        """Take another seed."""
        try:
            self.set(seed=whole_number("seed", str(text)[:20], 0, SEED_MAX))
        except InputError as error:
            self.error.value = f"{error}."

    def compare(self) -> None:
        """Run the scenario chosen and this one on common random numbers."""
        if self.versus is not None:
            self.versus.stop()
        self.versus = versus.Runner(self.state.value, self.comparing.set, self.take)

    def take(self, found: Any, error: str = "") -> None:
        """Take a finished comparison."""
        self.comparing.value = ""
        if error:
            self.error.value = f"{error}."
        else:
            self.compared.value = found
            self.ask()


@solara.component
def Page() -> None:
    """Show the page of one tab."""
    router = solara.use_router()
    session = solara.use_memo(lambda: Session(router.search), [])
    solara.use_effect(lambda: session.close, [])
    solara.use_effect(session.ask, [])
    solara.Title("The Inference Economy")
    with v.Html(tag="header", class_="top"):
        solara.HTML(tag="h1", unsafe_innerHTML=_heading())
        Theme()
    Top(session)
    with solara.Div(classes=["body"]):
        Side(session)
        with v.Html(tag="main", class_="view"):
            Main(session)


@solara.component
def Top(session: Session) -> None:
    """Show play, step, reset, month, speed, seed."""
    state, playing, month = session.state.value, session.playing.value, session.month.value
    frame = session.frame.value
    Bar(
        playing=playing,
        at=month,
        months=state.months,
        goal=state.goal,
        label=frame.label if frame is not None else "...",
        speed=int(session.speed.value),
        seed=state.seed,
        busy=session.busy.value and not playing,
        query=state.query(),
        on_play=session.play,
        on_step=lambda _: session.further(),
        on_reset=lambda _: session.go(0),
        on_go=lambda data: session.go(int(data["month"])),
        on_pace=lambda data: (session.speed.set(float(data["speed"])), session.ask()),
        on_sow=lambda data: session.sow(data["seed"]),
        on_visit=lambda data: session.visit(data["query"]),
        on_size=lambda data: (session.narrow.set(bool(data["narrow"])), session.ask()),
    )


@solara.component
def Side(session: Session) -> None:
    """Show preset, resolution, levers, all parameters, downloads."""
    state, open_ = session.state.value, session.levers_open
    groups = solara.use_memo(lambda: json.dumps(levers.groups(state.scenario)), [state.scenario])
    base = solara.use_memo(lambda: json.dumps(levers.values(state)["base"]), [state.scenario])
    names = [(name, loaded(name).title) for name in sorted(shipped(), key=lambda n: (n != "baseline", n))]
    sizes = sorted({*RESOLUTIONS, state.humans})
    with v.Html(tag="aside", class_="side open" if open_.value else "side", attributes={"aria-label": "Levers"}):
        Choices("Scenario", names, state.scenario, lambda x: session.set(scenario=x))
        solara.HTML(tag="p", unsafe_innerHTML=html.escape(state.base.description), classes=["small"])
        Choices(
            "Resolution",
            [(str(n), f"{n:,} human rows") for n in sizes],
            str(state.humans),
            lambda x: session.set(humans=int(x)),
        )
        many = len(state.changes)
        label = (
            "Take back the change" if many == 1 else f"Take back all {many} changes" if many else "No lever moved yet"
        )
        solara.Button(label, on_click=lambda: session.set(changes={}), disabled=not many, small=True)
        if many:
            rows = (
                f"{html.escape(n)} = {html.escape(text(v))} (was {html.escape(text(lookup(state.base, n)))})"
                for n, v in state.changes.items()
            )
            solara.HTML(
                tag="ul", unsafe_innerHTML="".join(f"<li>{row}</li>" for row in rows), classes=["small", "changes"]
            )
        Controls(given=groups, standing=base, now=dict(state.changes), on_change=session.change).key("controls")
        with solara.Div(classes=["keep"]):
            _keep(
                "Scenario (TOML)",
                f"{state.scenario}-changed.toml" if state.changes else f"{state.scenario}.toml",
                state.toml,
            )
            _keep("Series (CSV)", "monthly.csv", lambda: session.player.monthly().write_csv())
            _keep("Series (Parquet)", "monthly.parquet", lambda: versus.parquet(session.player.monthly()))
    label = "Close levers" if open_.value else "Levers"
    solara.Button(label, on_click=lambda: open_.set(not open_.value), classes=["levers-button"])


def _keep(label: str, name: str, data: Callable[[], Any]) -> None:
    solara.FileDownload(data, filename=name, label=label, icon_name="mdi-download")


@solara.component
def Main(session: Session) -> None:
    """Show tabs, key numbers and the view."""
    state, frame = session.state.value, session.frame.value
    Tabs(items=list(VIEWS.items()), value=state.view, on_pick=lambda data: session.set(view=data["value"]))
    message = session.error.value or (f"The run stopped: {frame.error}" if frame is not None and frame.error else "")
    if message:
        solara.HTML(unsafe_innerHTML=html.escape(message), classes=["alert"], attributes={"role": "alert"})
    if frame is None:
        solara.HTML(tag="p", unsafe_innerHTML="The first run is under way ...", classes=["empty"])
        return
    stale = frame.state.run != state.run or frame.state.view != state.view
    with solara.Div(classes=["stale" if stale else "fresh"]):
        solara.HTML(unsafe_innerHTML=frame.tiles, classes=["tiles"])
        if state.view == "compare":
            Versus(session)
        for i, block in enumerate(frame.blocks):
            _show(session, block, f"{frame.state.view}-{i}")


@solara.component
def Versus(session: Session) -> None:
    """Choose what to compare with, run it, follow it."""
    state, said = session.state.value, session.comparing.value
    names = [(name, f"A: {loaded(name).title}, as shipped") for name in shipped()]
    pairs = [(n, f"{n} pairs of runs") for n in ("2", "4", "8", "16")]
    with solara.Div(classes=["pair"]):
        Choices("Hold this page (B) against", names, state.option("against"), lambda x: session.choose("against", x))
        Choices("on common random numbers,", pairs, state.option("pairs"), lambda x: session.choose("pairs", x))
        solara.Button(said or "Run the comparison", on_click=session.compare, disabled=bool(said))


def _show(session: Session, block: Block, key: str) -> None:
    if isinstance(block, Html):
        solara.HTML(unsafe_innerHTML=block.text).key(key)
    elif isinstance(block, Picture):
        Drawing(name=block.name, chart=block.chart, svg=block.svg).key(f"{key}-{block.name}")
    elif isinstance(block, Choice):
        pick = session.choose
        Choices(
            block.label, list(block.items), block.value, lambda x: pick(block.option, x), len(block.items) <= 8
        ).key(key)
    elif isinstance(block, Table):
        Rows(
            columns=[list(c) for c in block.columns],
            rows=[list(r) for r in block.rows],
            sort=block.sort,
            picked=block.picked,
            on_order=lambda data: session.choose("sort", data["sort"]),
            on_pick=lambda data: session.choose("agent", data["row"]),
        ).key(key)


def _heading() -> str:
    return f"The Inference Economy <span class='small'>{html.escape(QUESTION)} v{html.escape(__version__)}</span>"

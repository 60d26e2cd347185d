"""The browser page in a real Chromium, with nothing outside this machine: play, step, reset, levers, presets, links, downloads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from experiments.page.state import VIEWS
from model import InferenceEconomy, Scenario
from tests import page_speed
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)
if BROWSER is None and os.environ.get("CI") != "true":
    pytest.skip("no Chromium here", allow_module_level=True)
SMALL = "humans=60"
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


#: Loaded by the server's Python first: notes every connection that would leave this machine.
WATCH = """
import os, socket
real = socket.socket.connect
def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        with open(os.environ["OUTSIDE"], "a") as file:
            file.write(f"{address}\\n")
    return real(self, address)
socket.socket.connect = connect
"""


class Server:
    """The page as `economy app` serves it; `outside` lists connections off the machine."""

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(WATCH)
        self.log = folder / "outside.txt"
        environment = {**os.environ, "PYTHONPATH": str(folder), "OUTSIDE": str(self.log)}
        command = [sys.executable, "-m", "experiments.cli", "app", "--port", "0", "--no-open"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )
        self.address = re.search(r"http://127\.0\.0\.1:\d+", self.process.stdout.readline()).group()
        self.said: list[str] = []
        threading.Thread(target=lambda: self.said.extend(self.process.stdout), daemon=True).start()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        assert not self.log.exists(), self.log.read_text()
        assert [line for line in self.said if "Traceback" in line] == [], "".join(self.said)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return the served page; nothing may have failed or left the machine in the end."""
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(server):
    """Return where the page is."""
    return server.address


@pytest.fixture(scope="module")
def chromium():
    """Return a browser."""
    if BROWSER is None:
        pytest.fail("no Chromium: .ci/run installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Return a function that opens the page; afterwards no error and no request off the machine may have been seen."""
    wrong, contexts = [], []

    def opened(query: str = SMALL, wait: bool = True, **options) -> Page:
        context = chromium.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "accept_downloads": True, **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda e: wrong.append(f"page: {e}"))
        page.on("response", lambda r: wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        page.on("request", lambda r: None if local(r.url) else wrong.append(f"outside: {r.url}"))
        page.goto(f"{address}/?{query}" if query else address)
        if wait:
            settled(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def local(url: str) -> bool:
    return re.match(r"(http|ws)://127\.0\.0\.1[:/]|data:|blob:", url) is not None


def settled(page: Page) -> None:
    """Wait until the wished run is there and drawn."""
    page.wait_for_selector(".view .tile")
    page.wait_for_function(page_speed.SETTLED)


def month(page: Page) -> str:
    return page.locator(".bar .month").inner_text()


def tile(page: Page, name: str) -> str:
    return page.locator(".tile", has_text=name).locator(".value").inner_text()


def chart(page: Page) -> str:
    return page.locator("figure#inference-share svg").inner_html()


def look(page: Page, name: str) -> None:
    """Go to a view."""
    page.get_by_role("tab", name=name, exact=True).click()
    expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")
    settled(page)


def asked(page: Page, words: str) -> None:
    """Wait until the address holds words, and for what they ask for."""
    page.wait_for_function("words => location.search.includes(words)", arg=words)
    settled(page)


def pull(page: Page, name: str, value: str) -> None:
    """Set a lever's number."""
    box = page.locator(f'.control[data-name="{name}"] .number').first
    box.fill(value)
    box.press("Enter")
    asked(page, name)


def test_play_the_economy_in_six_steps(visit):
    page = visit(SMALL + "&at=24")
    assert month(page) == "2023-12"  # 1: ready, at the month of the link
    page.get_by_role("button", name="Step").click()
    expect(page.locator(".bar .month")).to_have_text("2024-01")  # 2: step
    page.get_by_label("Speed", exact=True).select_option("24")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.bar .month').textContent >= '2024-06'")
    page.get_by_role("button", name="Pause").click()  # 3: play to a month
    settled(page)
    assert "2024-06" <= month(page) < "2030"
    page.get_by_role("button", name="To the end").click()
    expect(page.locator(".bar .month")).to_have_text("2035-12")
    settled(page)
    before, share = chart(page), tile(page, "inference's share")
    slider = page.get_by_role("slider", name="Rivalry between labs")
    slider.focus()
    for _ in range(5):
        slider.press("PageDown")
    asked(page, "lab.quality_coefficient")
    page.wait_for_selector("text=as shipped")  # 4: a lever moves the share, the scenario as shipped stays beside it
    assert chart(page) != before
    assert tile(page, "inference's share") != share
    page.get_by_label("Scenario", exact=True).select_option("no-agents")
    asked(page, "scenario=no-agents")
    expect(page.locator(".side")).to_contain_text("agent applications never open")  # 5: a preset
    assert "set=" not in page.url
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".bar .month")).to_have_text("opening")  # 6: reset
    expect(page.locator(".view")).to_contain_text("Nothing has happened yet")


# The long form --------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_cold_start_shows_the_baseline(chromium, tmp_path):
    server = Server(tmp_path)
    try:
        page = chromium.new_page()
        page.goto(server.address)
        settled(page)
        assert "2035-12" in month(page)
        page.close()
    finally:
        server.close()


@pytest.mark.long
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desk", "phone"])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_view_fits_the_screen(visit, size, colours):
    page = visit(SMALL, viewport={"width": size[0], "height": size[1]}, color_scheme=colours)
    ground = page.evaluate("getComputedStyle(document.querySelector('.page')).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if colours == "light" else "rgb(23, 25, 28)")
    for name in VIEWS.values():
        look(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], name
        assert page.locator(".view figure svg, .view table, .view .empty").count() > 0, name
        for figure in page.locator("figure.picture").all():
            assert figure.locator("svg path").count() > 3
            assert "NaN" not in figure.inner_html()
            paper = figure.locator(".scroll > svg, .scroll > div > svg").first
            assert paper.evaluate("e => getComputedStyle(e).backgroundColor") == ground
        ids = page.eval_on_selector_all(".picture [id]", "e => e.map(x => x.id)")
        assert len(set(ids)) == len(ids), name


@pytest.mark.long
def test_two_scenarios_are_compared(visit):
    page = visit(SMALL + "&view=compare&pairs=2&against=no-agents")
    page.get_by_role("button", name="Run the comparison").click()
    look(page, "Answer")  # the page goes on meanwhile
    look(page, "Compare")
    page.wait_for_selector("figure#two-scenarios svg", timeout=120_000)
    expect(page.locator(".view")).to_contain_text("A = no-agents, B = baseline; 2 pairs of runs")
    before = page.locator("figure#two-scenarios svg").inner_html()
    page.get_by_label("Series", exact=True).select_option("tokens")
    asked(page, "series=tokens")
    assert page.locator("figure#two-scenarios svg").inner_html() != before


@pytest.mark.long
def test_a_shared_link_shows_the_same_page(visit):
    one = visit(SMALL + "&at=60&by=usd")
    pull(one, "agent_loop.job_scale", "2")
    other = visit(one.url.partition("?")[2])
    assert other.url == one.url
    for name in ("inference's share", "agents per person", "tokens a month"):
        assert tile(other, name) == tile(one, name)
    assert month(other) == month(one) == "2026-12"
    assert other.locator('.control[data-name="agent_loop.job_scale"] .number').first.input_value() == "2"


@pytest.mark.long
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("set=human.contact:3", "nearest: 'human.contacts'"),
        ("set=human.contacts:3000", "outside [2, 40]"),
        ("scenario=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", "unknown scenario"),
        ("nonsense", "cannot be read"),
    ],
)
def test_a_bad_link_says_so_and_shows_the_baseline(visit, query, says):
    page = visit(query)
    expect(page.get_by_role("alert")).to_contain_text(says)
    expect(page.get_by_role("alert")).to_contain_text("The baseline is shown instead")
    assert page.locator(".alert img").count() == 0
    assert page.get_by_label("Scenario", exact=True).input_value() == "baseline"


@pytest.mark.long
def test_a_value_out_of_range_is_refused_in_words(visit):
    page = visit()
    box = page.locator('.control[data-name="agent_loop.job_scale"] .number').first
    for value, says in (("900", "outside [0.05, 5]"), ("__import__('os')", "must be a number")):
        box.fill(value)
        box.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text(says)
        expect(box).to_have_value("0.5")
    assert "set=" not in page.url


@pytest.mark.long
def test_what_is_downloaded_can_be_read_again(visit, tmp_path):
    page = visit(SMALL + "&at=30&set=human.contacts:20&set=lab.lab_a.rule:race")

    def kept(button) -> Path:
        with page.expect_download() as download:
            button.click()
        file = tmp_path / download.value.suggested_filename
        download.value.save_as(file)
        return file

    scenario = Scenario.load(kept(page.get_by_text("Scenario (TOML)")))
    assert scenario.parameters.human.contacts == 20
    assert scenario.firms["lab"]["lab_a"].rule == "race"
    assert scenario.humans == 60
    series = pl.read_csv(kept(page.get_by_text("Series (CSV)")), try_parse_dates=True)
    assert series.height == 30
    again = InferenceEconomy(scenario, seed=1)
    for _ in range(30):
        again.step()
    assert series["tokens"].to_list() == pytest.approx(again.history["tokens"].to_list())
    parquet = pl.read_parquet(kept(page.get_by_text("Series (Parquet)")))
    assert parquet["inference_share_usd"].to_list() == again.history["inference_share_usd"].to_list()
    figure = page.locator("figure#inference-share")
    svg = kept(figure.get_by_role("button", name="SVG")).read_text()
    assert svg.startswith("<svg")
    assert "var(--" not in svg
    ElementTree.fromstring(svg)
    png = kept(figure.get_by_role("button", name="PNG")).read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(png) > 10_000


@pytest.mark.long
def test_a_second_tab_is_another_economy(visit):
    one, other = visit(SMALL + "&at=24"), visit(SMALL + "&at=36&scenario=no-agents")
    one.get_by_label("Speed", exact=True).select_option("6")
    one.get_by_role("button", name="Play").click()
    pull(other, "agent_loop.thinking_exponent", "0.6")
    assert month(other) == "2024-12"
    one.wait_for_function("document.querySelector('.bar .month').textContent > '2025'")
    assert month(other) == "2024-12"
    assert "set=" not in one.url
    one.get_by_role("button", name="Pause").click()


@pytest.mark.long
def test_a_run_does_not_block_the_controls(visit):
    page = visit("humans=6000", wait=False)
    page.wait_for_selector(".bar")
    page.wait_for_function("document.querySelector('.busy.on')")
    page.get_by_label("Seed", exact=True).fill("5")
    page.get_by_label("Seed", exact=True).press("Enter")
    page.wait_for_function("location.search.includes('seed=5')")
    assert page.locator(".busy.on").count() == 1  # before any run came to its end
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".bar .month")).to_have_text("opening")


def test_what_is_being_typed_stays_while_a_run_redraws_the_page(visit):
    page = visit("humans=6000", wait=False)
    page.wait_for_function("document.querySelector('.busy.on')")
    seed = page.get_by_label("Seed", exact=True)
    seed.fill("57")
    said = page.locator(".busy").inner_text()
    page.wait_for_function("old => document.querySelector('.busy').innerText !== old", arg=said)
    expect(seed).to_have_value("57")
    seed.press("Enter")
    page.wait_for_function("location.search.includes('seed=57')")
    page.get_by_role("button", name="Reset").click()
    expect(seed).to_have_value("57")


@pytest.mark.long
@pytest.mark.parametrize("view", page_speed.STEPPED)
def test_every_step_is_redrawn(visit, address, view):
    """Ten clicks, each from the month before to the settled redraw; how long that may take is said by `make bench`."""
    page = visit(f"{SMALL}&at=1")
    found = page_speed.measured(page, address, view)
    assert len(found.steps_s) == page_speed.STEPS
    assert min(found.steps_s) > 0.0
    months = page_speed.MONTH + page_speed.STEPS + 1
    assert month(page) == f"{2022 + (months - 1) // 12}-{(months - 1) % 12 + 1:02d}"


@pytest.mark.long
def test_back_goes_to_the_view_before_and_quick_clicks_add_up(visit):
    page = visit(SMALL + "&at=14")
    for name in ("Labs", "Stack"):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        page.wait_for_function(f"location.search.includes('view={name.lower()}')")
    for name, go in (("Labs", page.go_back), ("Answer", page.go_back), ("Labs", page.go_forward)):
        go()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
    for _ in range(10):
        page.locator(".bar [aria-label=Step]").click()
    expect(page.locator(".bar .month")).to_have_text("2023-12")
    box = page.get_by_label("Seed", exact=True)
    box.fill("-7")
    box.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("seed")
    expect(box).to_have_value("1")


@pytest.mark.long
def test_it_works_by_keyboard_alone(visit):
    page = visit(SMALL + "&at=14")
    page.keyboard.press(".")
    expect(page.locator(".bar .month")).to_have_text("2023-03")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.bar .month').textContent >= '2023-06'")
    page.keyboard.press("Space")
    settled(page)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role') === 'tab'"):
            break
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Stack")).to_have_attribute("aria-selected", "true")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('.page button, .page input, .page select')].filter(e => !(e.ariaLabel"
        " || e.textContent.trim() || (e.labels && e.labels.length))).map(e => e.outerHTML)"
    )
    assert unnamed == []


@pytest.mark.long
def test_all_parameters_can_be_searched_moved_and_reset(visit):
    page = visit(SMALL + "&at=24")
    page.get_by_role("searchbox").fill("contacts")
    control = page.locator('.control[data-name="human.contacts"]')
    control.get_by_role("button", name="About contacts").click()
    for words in ("Range 2 to 40", "Source:", "people"):
        expect(control).to_contain_text(words)
    pull(page, "human.contacts", "20")
    expect(control).to_have_class(re.compile("changed"))
    control.get_by_role("button", name="Reset contacts").click()
    page.wait_for_function("!location.search.includes('contacts')")
    page.get_by_role("searchbox").fill("nothing is called that")
    expect(page.locator(".search")).to_contain_text("No parameter")


@pytest.mark.long
def test_an_agents_life_is_followed(visit):
    page = visit(SMALL + "&at=30&view=agents")
    page.get_by_role("radio", name="Human").click()
    asked(page, "kind=Human")
    page.get_by_role("button", name="wage").click()
    asked(page, "sort=")
    page.locator("table.sortable tbody tr").first.click()
    page.wait_for_selector("figure#one-life svg")
    expect(page.locator(".view")).to_contain_text("Stands for")
    assert "agent=" in page.url


@pytest.mark.long
def test_the_network_says_its_numbers_on_hover(visit):
    page = visit(SMALL + "&at=40&view=networks")
    titles = page.locator("figure#orchestrator-network title").all_text_contents()
    assert any("calls a month" in t for t in titles)
    widths = page.eval_on_selector_all(
        "figure#orchestrator-network path", "e => e.map(p => p.getAttribute('stroke-width'))"
    )
    assert len(set(widths)) > 10
    page.get_by_role("radio", name="people, applications").click()
    page.wait_for_selector("figure#application-network")


@pytest.mark.long
def test_leaving_a_tab_frees_its_memory(chromium, server):
    """Eight tabs are opened and left; what stays is far less than eight times what one needs."""

    def used() -> float:
        rows = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
        return next(int(row.split()[1]) / 1024 for row in rows if row.startswith("VmRSS"))

    def threads() -> int:
        return len(os.listdir(f"/proc/{server.process.pid}/task"))

    def turn() -> None:
        page = chromium.new_page()
        page.goto(f"{server.address}/?humans=10000&at=40")
        settled(page)
        busy = threads()
        page.close(run_before_unload=True)
        until(lambda: threads() < busy)  # the tab's player has ended

    for _ in range(2):
        turn()
    first = used()
    for _ in range(8):
        turn()
    assert used() - first < 120.0, "MB"


def test_another_address_prints_a_warning(tmp_path):
    command = [sys.executable, "-m", "experiments.cli", "app", "--host", "0.0.0.0", "--port", "0", "--no-open"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert "neither password nor encryption" in process.stderr.readline()
        finally:
            process.kill()

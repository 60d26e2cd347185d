"""The browser page in a real Chromium, with nothing outside this machine: play, step, reset, levers, presets, links, downloads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)
if BROWSER is None and os.environ.get("CI") != "true":
    pytest.skip("no Chromium here", allow_module_level=True)
SMALL = "humans=60"
PATIENCE = 30_000


@pytest.fixture(scope="module")
def address():
    """Return the address of a page served by the command itself."""
    command = [sys.executable, "-m", "experiments.cli", "app", "--port", "0", "--no-open"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            yield re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline()).group()
        finally:
            server.terminate()


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
    page.wait_for_function("!document.querySelector('.busy.on') && !document.querySelector('.stale')")


def month(page: Page) -> str:
    return page.locator(".bar .month").inner_text()


def tile(page: Page, name: str) -> str:
    return page.locator(".tile", has_text=name).locator(".value").inner_text()


def chart(page: Page) -> str:
    return page.locator("figure#inference-share svg").inner_html()


def pull(page: Page, name: str, value: str) -> None:
    """Set a lever's number."""
    box = page.locator(f'.control[data-name="{name}"] .number').first
    box.fill(value)
    box.press("Enter")
    page.wait_for_function(f"location.search.includes('{name}')")
    settled(page)


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
    page.wait_for_function("location.search.includes('lab.quality_coefficient')")
    settled(page)
    page.wait_for_selector("text=as shipped")  # 4: a lever moves the share, the scenario as shipped stays beside it
    assert chart(page) != before
    assert tile(page, "inference's share") != share
    page.get_by_label("Scenario", exact=True).select_option("no-agents")
    expect(page.locator(".side")).to_contain_text("agent applications never open")  # 5: a preset
    settled(page)
    assert "scenario=no-agents" in page.url
    assert "set=" not in page.url
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".bar .month")).to_have_text("opening")  # 6: reset
    expect(page.locator(".view")).to_contain_text("Nothing has happened yet")

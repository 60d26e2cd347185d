"""Time the browser page from a click on Step to the settled redraw, view by view: `python -m tests.page_speed`."""

from __future__ import annotations

import contextlib
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
#: Views that follow the run; month from which it is stepped (late: long series), human rows, steps that count.
STEPPED = ("answer", "stack", "networks", "attention", "labs", "agents")
MONTH, HUMANS, STEPS = 140, 5_000, 10
#: What the median step of a view may take where the machine has a processor free; as much longer as others crowd it.
MOST_S = 0.3
#: True once the wished month is there, nothing is stale, and every picture shows what it was last given.
SETTLED = "!document.querySelector('.busy.on, .view .stale, .view [aria-busy=true]')"
#: Click, wait for the settled redraw of another month, then for the browser to have painted it; milliseconds.
STEP = f"""() => new Promise(resolve => {{
  const label = document.querySelector('.bar .month'), before = label.textContent, began = performance.now();
  const look = () => {{
    if (label.textContent === before || !({SETTLED})) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
  }};
  document.querySelector('.bar [aria-label=Step]').click();
  look();
}})"""


class Speed(NamedTuple):
    """Click to settled redraw of one view: seconds of each step, and how much slower than alone the machine was."""

    view: str
    steps_s: list[float]
    crowded: float

    @property
    def median_s(self) -> float:
        """Median over the steps."""
        return statistics.median(self.steps_s)


def crowding() -> float:
    """Return elapsed over processor time of a fixed loop: 1 on a machine that has a processor free, 2 if it is shared by two.

    The loop takes about as long as a redraw: a much shorter one is over before the others are given their turn.
    """
    wall, cpu = time.perf_counter(), time.thread_time()
    sum(i * i for i in range(2_400_000))
    return (time.perf_counter() - wall) / (time.thread_time() - cpu)


def measured(page: Page, address: str, view: str) -> Speed:
    """Step through a view; the first step warms up and does not count.

    Parameters
    ----------
    page : Page
    address : str
        Of the server, without the part behind '?'.
    view : str
    """
    page.goto(f"{address}/?humans={HUMANS}&at={MONTH}&view={view}")
    page.wait_for_selector(".view .tile", timeout=120_000)
    page.wait_for_function(SETTLED, timeout=120_000)
    page.evaluate(STEP)
    steps, crowded = [], []
    for _ in range(STEPS):
        crowded.append(crowding())
        steps.append(page.evaluate(STEP) / 1000.0)
    return Speed(view, steps, max(1.0, statistics.median(crowded)))


def all_views(browser: Browser, address: str) -> list[Speed]:
    """Measure every view, each in a tab of its own that is left before the next."""
    found = []
    for view in STEPPED:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        found.append(measured(page, address, view))
        page.close(run_before_unload=True)
    return found


@contextlib.contextmanager
def opened() -> Iterator[tuple[Browser, str]]:
    """Serve the page on a free port; give a browser and the address."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    command = [sys.executable, "-m", "experiments.cli", "app", "--port", "0", "--no-open"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            address = re.search(r"http://\S+", server.stdout.readline()).group()
            with sync_playwright() as playwright:
                yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]), address
        finally:
            server.terminate()


def main() -> None:
    """Measure every view and print; a view that is too slow ends it with 1."""
    slow = []
    with opened() as (browser, address):
        sys.stdout.write(f"Click to settled redraw, {HUMANS:,} human rows, {STEPS} steps from month {MONTH}\n")
        for x in all_views(browser, address):
            slowest = 1000.0 * max(x.steps_s)
            slow += [x.view] if x.median_s >= MOST_S * x.crowded else []
            sys.stdout.write(
                f"{x.view:10s} median {1000.0 * x.median_s:5.0f} ms, slowest {slowest:5.0f} ms, crowded {x.crowded:.2f}\n"
            )
    if slow:
        sys.exit(f"more than {1000.0 * MOST_S:.0f} ms a month: {', '.join(slow)}")


if __name__ == "__main__":
    main()

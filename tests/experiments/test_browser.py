"""A report opens in a real browser with the network cut: the answer and every picture are there, nothing is fetched."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from experiments import run
from experiments.report import page as report
from experiments.report import printed

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)
if BROWSER is None and os.environ.get("CI") != "true":
    pytest.skip("no Chromium here", allow_module_level=True)
CUT = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --disable-sync"
    " --disable-component-update --disable-default-apps --no-first-run --hide-scrollbars --window-size=1200,1600"
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Return the result, the page as the browser has it, and the screenshot."""
    if BROWSER is None:
        pytest.fail("no Chromium: .ci/run installs it")
    folder = tmp_path_factory.mktemp("browser")
    result = run("baseline", humans=60, months=40, seeds=2, workers=1, out=folder / "run")
    command = [BROWSER, *CUT.split(), "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"]
    address = (folder / "run" / "report.html").as_uri()
    wanted = ["--dump-dom", f"--screenshot={folder / 'page.png'}"]
    page = subprocess.run([*command, *wanted, address], capture_output=True, text=True, timeout=120)
    assert page.returncode == 0, page.stderr
    return result, page.stdout, Image.open(folder / "page.png").convert("RGB")


def test_the_answer_is_on_the_page(opened):
    result, page, _ = opened
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    sentences = printed.headline(result)
    assert len(sentences) >= 2
    assert [line for line in sentences if line not in text] == []
    assert printed.QUESTION in text
    assert text.index(sentences[0]) < text.index("In numbers")


def test_every_picture_is_drawn(opened):
    _, page, _ = opened
    figures = re.findall(r'<figure id="(\w+)">(.*?)</figure>', page, re.S)
    assert [name for name, _ in figures] == list(report.figures.pictures())
    for name, picture in figures:
        assert picture.count("<svg") == 1, name
        assert picture.count("<path") > 3, name
        words = html.unescape(re.sub(r"<[^>]+>", " ", picture))
        assert "2 runs" in words, name
        assert "inference-economy" in words, name
        assert re.search("data-informed|prior-dominated", words), name
        assert "NaN" not in picture, name
        assert "undefined" not in picture, name


def test_the_page_refers_to_nothing_outside(opened):
    _, page, _ = opened
    assert re.findall(r"""(?:src|href|data|action|poster)\s*=\s*["']?(?!#)[^"'>\s]+""", page) == []
    assert re.findall(r"url\((?![\"']?#)|@import|<script|<link|<iframe|<object", page) == []
    spaces = set(re.findall(r"https?://[^\"'<\s]+", page))
    assert spaces <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_every_link_leads_to_a_part_of_the_page(opened):
    _, page, _ = opened
    links, ids = re.findall(r'href="#([^"]+)"', page), re.findall(r'\bid="([^"]+)"', page)
    assert len(links) >= 10
    assert set(links) <= set(ids)
    assert len(ids) == len(set(ids))


def test_the_first_screen_shows_the_answer_and_colours(opened):
    picture = opened[2]
    assert picture.size == (1200, 1600)
    screen = np.asarray(picture)[:700].astype(int)
    colours = screen[screen.max(axis=2) > screen.min(axis=2) + 40]
    assert len(np.unique(colours, axis=0)) > 20  # text alone has greys only
    assert sum(len(np.unique(row)) > 1 for row in screen) > 350  # not blank

"""Take the pictures of the browser page that the README shows: `make screenshots`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from tests.page_speed import SETTLED, opened

ROOT = Path(__file__).resolve().parents[1]
LARGEST_KB = 250
#: File, address, what must be there before the picture is taken.
PICTURES = {
    "page_answer.png": ("set=human.delegation_imitation_per_year:4", "figure#inference-share"),
    "page_networks.png": ("view=networks&at=96", "figure#orchestrator-network"),
    "page_labs.png": ("view=labs", "figure#plans-of-a-lab"),
}


def take(folder: Path) -> list[Path]:
    """Write all pictures into a folder; return their paths."""
    with opened() as (browser, address):
        return [shot(browser, f"{address}/?{query}", sign, folder / name) for name, (query, sign) in PICTURES.items()]


def shot(chromium, url: str, sign: str, path: Path) -> Path:
    """Write one picture once the run is done and drawn."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url)
    page.wait_for_selector(f"{sign} svg", timeout=120_000)
    page.wait_for_function(SETTLED, timeout=120_000)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    page.close()
    size = path.stat().st_size // 1000
    if size >= LARGEST_KB:
        raise SystemExit(f"{path.name}: {size} kB, at most {LARGEST_KB}")
    return path


if __name__ == "__main__":
    for written in take(ROOT / "docs"):
        sys.stdout.write(f"{written.relative_to(ROOT)}: {written.stat().st_size // 1000} kB\n")

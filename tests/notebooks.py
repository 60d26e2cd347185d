"""Run the notebooks from a fresh kernel. `make notebooks` writes them again; a test holds what is committed against a new run."""

from __future__ import annotations

import base64
import copy
import re
import struct
import sys
import zlib
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS = 240
#: Words that stand for a place on somebody's machine or in its memory.
PLACES = re.compile(
    rf"(?<![\w.-])(?:{re.escape(str(ROOT))}|{re.escape(str(Path.home()))}/|/(?:home|Users|tmp)/)\w*|0x[0-9a-f]{{6,}}"
)
NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)")


def read(page: Path) -> NotebookNode:
    """Return a notebook as it is on disk."""
    return nbformat.read(page, as_version=4)


def execute(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with the outputs of a fresh kernel; an error in a cell is raised."""
    fresh = copy.deepcopy(notebook)
    where = {"metadata": {"path": str(ROOT / "notebooks")}}
    NotebookClient(fresh, timeout=SECONDS, kernel_name="python3", record_timing=False, resources=where).execute()
    return clean(fresh)


def clean(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook without times, machine or memory addresses, pictures packed tightly."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = NotebookNode(kernelspec=kernel, language_info={"name": "python"})
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/plain" in data:
                data["text/plain"] = re.sub(r" at 0x[0-9a-f]+", "", data["text/plain"])
            if "image/png" in data:
                data["image/png"] = base64.b64encode(packed(base64.b64decode(data["image/png"]))).decode()
    return notebook


def packed(picture: bytes) -> bytes:
    """Return a PNG with the same pixels, compressed as far as it goes."""
    chunks, pixels, at = [], b"", 8
    while at < len(picture):
        (size,) = struct.unpack(">I", picture[at : at + 4])
        kind, body = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + size]
        if kind == b"IDAT":
            pixels += body
        elif kind == b"IEND":
            chunks += [(b"IDAT", zlib.compress(zlib.decompress(pixels), 9)), (kind, body)]
        else:
            chunks.append((kind, body))
        at += 12 + size
    parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return picture[:8] + b"".join(parts)


def texts(notebook: NotebookNode) -> list[str]:
    """Return what each code cell says in words and numbers; pictures are left out."""
    out = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        said = ""
        for output in cell.outputs:
            data = output.get("data", {})
            said += output.get("text", "") if "image/png" not in data else ""
            said += data.get("text/html", data.get("text/plain", "")) if "image/png" not in data else ""
        out.append(said)
    return out


def faults(notebook: NotebookNode) -> list[str]:
    """Return what must not be in a notebook that is committed."""
    wrong = []
    pictures = 0
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        if not cell.outputs:
            wrong.append(f"cell {i}: no output")
        for output in cell.outputs:
            if output.output_type == "error":
                wrong.append(f"cell {i}: error {output.ename}")
            if output.get("name") == "stderr":
                wrong.append(f"cell {i}: a warning: {output.text[:80]}")
            picture = base64.b64decode(output.get("data", {}).get("image/png", ""))
            pictures += picture.startswith(b"\x89PNG") and len(picture) > 5_000
            said = [output.get("text", ""), *(v for k, v in output.get("data", {}).items() if k != "image/png")]
            wrong += [f"cell {i}: a place on a machine: {m}" for x in said for m in PLACES.findall(str(x))]
        if cell.metadata:
            wrong.append(f"cell {i}: metadata {sorted(cell.metadata)}")
    if not pictures:
        wrong.append("no picture")
    return wrong + [f"metadata {k}" for k in notebook.metadata if k not in ("kernelspec", "language_info")]


def stale(committed: NotebookNode, fresh: NotebookNode) -> list[str]:
    """Return cells whose words differ, or whose numbers differ by more than one in the last digit shown."""
    old, new = texts(committed), texts(fresh)
    wrong = [] if len(old) == len(new) else [f"{len(old)} code cells, now {len(new)}"]
    for i, (a, b) in enumerate(zip(old, new, strict=False)):
        left, right = NUMBER.split(a), NUMBER.split(b)
        if left[::2] != right[::2]:
            wrong.append(f"code cell {i}: other words")
            continue
        for x, y in zip(left[1::2], right[1::2], strict=True):
            if x != y and abs(_value(x) - _value(y)) > 1.01 * max(_last_digit(x), _last_digit(y)):
                wrong.append(f"code cell {i}: {x}, now {y}")
    return wrong


def _value(text: str) -> float:
    return float(text.replace(",", ""))


def _last_digit(text: str) -> float:
    mantissa, _, power = text.replace(",", "").partition("e")
    return 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))


def main(names: list[str]) -> None:
    """Run and write the notebooks whose names begin with one of `names`, all if none is given."""
    for page in PAGES:
        if not names or page.name.startswith(tuple(names)):
            nbformat.write(execute(read(page)), page)
            sys.stdout.write(f"{page.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])

"""The notebooks run from a fresh kernel, and what is committed is what they give now."""

from __future__ import annotations

import copy

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.notebooks import PAGES, faults, packed, read, stale
from tests.notebooks import execute as run

ALWAYS = "00_start_here"
MOST_BYTES = 1_500_000


def marked(page):
    marks = [] if page.stem == ALWAYS else [pytest.mark.long]
    return pytest.param(page, id=page.stem, marks=marks)


def test_there_is_a_start():
    assert ALWAYS in {page.stem for page in PAGES}


@pytest.mark.parametrize("page", [marked(page) for page in PAGES])
def test_a_notebook_runs_and_its_outputs_are_current(page):
    committed = read(page)
    assert stale(committed, run(committed)) == [], f"write it again: make notebooks ({page.name})"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_notebook_is_committed_executed_and_clean(page):
    assert faults(read(page)) == []
    assert page.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_cells_ran_in_order(page):
    counts = [cell.execution_count for cell in read(page).cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def planted(change):
    notebook = copy.deepcopy(read(PAGES[0]))
    change([cell for cell in notebook.cells if cell.cell_type == "code"])
    return notebook


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda code: code[1].update(outputs=[]), "no output"),
        (lambda code: code[1].outputs.append(new_output("error", ename="KeyError", evalue="", traceback=[])), "error"),
        (lambda code: code[1].outputs.append(new_output("stream", name="stderr", text="old")), "a warning"),
        (
            lambda code: code[1].outputs.append(
                new_output("stream", text="in " + "/".join(["", "home", "someone", "x"]))
            ),
            "a place",
        ),
        (lambda code: code[1].metadata.update(execution={"iopub.status.idle": "now"}), "metadata"),
        (lambda code: [cell.update(outputs=[new_output("stream", text="x")]) for cell in code], "no picture"),
    ],
)
def test_a_fault_is_seen(change, says):
    found = faults(planted(change))
    assert found
    assert all(says in line for line in found)


@pytest.mark.parametrize(
    ("old", "new", "seen"),
    [
        ("45 % in 2035", "45 % in 2035", False),
        ("45.2 %", "45.3 %", False),
        ("45 %", "47 %", True),
        ("1.2e+10 h", "1.3e+10 h", False),
        ("1.2e+10 h", "1.4e+10 h", True),
        ("never", "2030-05", True),
        ("1,200,000 h", "1,300,000 h", True),
    ],
)
def test_stale_numbers_are_seen(old, new, seen):
    pages = [new_notebook(cells=[new_code_cell(outputs=[new_output("stream", text=text)])]) for text in (old, new)]
    assert bool(stale(*pages)) is seen


def test_packing_keeps_the_picture():
    from io import BytesIO

    from PIL import Image

    before = BytesIO()
    Image.linear_gradient("L").save(before, "PNG", compress_level=1)
    after = packed(before.getvalue())
    assert len(after) < len(before.getvalue())
    assert Image.open(BytesIO(after)).tobytes() == Image.open(before).tobytes()

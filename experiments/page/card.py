"""About the model: what it is and is not, how to read it, its equations, its parameters and their sources."""

from __future__ import annotations

import functools
import html
from pathlib import Path
from typing import TYPE_CHECKING

import model
from experiments.calibration import overlap as informed
from experiments.page.blocks import Html, paragraph
from experiments.page.state import SHIPPED_NOTE
from experiments.report import page as report
from experiments.report.printed import PRIOR, QUESTION
from experiments.runs.results import Result

if TYPE_CHECKING:
    from experiments.page.player import Part, Scene

DATA = Path(model.__file__).parent
CARD = (
    (
        "What it is",
        "An agent-based model. People, AI agents, robots, applications, orchestrators, labs, compute providers and the chip supplier"
        " decide month by month; a stack of seven layers turns what they want into tokens, operations, accelerator-hours and watts; one"
        " market rations the hours. Nobody sets the split: demand for inference follows from what is worth doing at posted prices,"
        " training from what labs expect to earn.",
    ),
    (
        "How to read a share",
        "Always with its denominator. The headline counts accelerator-hours (H100 equivalents) of serving over serving and all research"
        " and development of labs, summed over twelve months. 'Overtakes' means above one half and staying there for twelve months.",
    ),
    (
        "What is known",
        PRIOR
        + " Nineteen parameters of the baseline are fitted to observations up to 2025-11; all others stand at a sourced or declared value,"
        " and say which. " + " ".join(informed.stored().sentences()),
    ),
    (
        "What a row is",
        "One human row stands for many people (the resolution); more rows refine the picture and do not change the population. Another"
        " seed is other noise with the same parameters.",
    ),
    (
        "Words",
        "H100e: an accelerator counted in H100 equivalents. R&D: final training runs, experiments, roll-outs, synthetic data and automated"
        " research. Forward-only: work without back-propagation, serving and some of R&D. Net: a neural network a lab has released. Standing"
        " job: work an agent does month after month unasked. Human row: a group of like people. eta, m, G: how gross profit answers to"
        " compute, the gross margin, and the expected growth of profit over the life of research; labs want to spend eta m G of revenue.",
    ),
    ("What it is not", "No forecast of a date and no advice. It compares mechanisms and scenarios with each other."),
    ("Keys", "Space plays and pauses, a full stop steps one month, arrow keys move a lever or walk the tabs."),
)


def view(scene: Scene) -> list[Part]:
    """Return the model card, what moves the answer, equations, parameters and sources."""
    words = "".join(f"<dt>{html.escape(a)}</dt><dd>{html.escape(b)}</dd>" for a, b in CARD)
    settings = scene.state.settings
    parts: list[Part] = [
        paragraph(QUESTION, kind="title"),
        Html(f"<dl class='card'>{words}</dl>"),
        paragraph(SHIPPED_NOTE, kind="small"),
        lambda: Html(f"<div class='report'>{report.sources(Result(settings, (), {}))}</div>"),
        lambda: Html(
            "<h2>Equations</h2><details id='equations'><summary>The model, every equation with the function that computes it"
            f"</summary><div class='paper'>{document('MODEL.md')}</div></details>"
        ),
        lambda: Html(
            f"<details id='bibliography'><summary>Bibliography</summary><pre>{html.escape((DATA / 'data' / 'sources.bib').read_text(encoding='utf-8'))}</pre></details>"
        ),
        lambda: Html(f"<div class='report'>{report.mechanisms()}</div>"),
    ]
    return parts


@functools.cache
def document(name: str) -> str:
    """Return one of the model's documents as HTML; it is ours, so its text is trusted, its links are taken out."""
    import re

    import markdown

    text = (DATA / name).read_text(encoding="utf-8")
    text = re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", text)
    return str(markdown.markdown(text, extensions=["tables", "sane_lists"]))

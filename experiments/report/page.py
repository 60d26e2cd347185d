"""The answer in pictures: `report.png`, one picture, and `report.html`, a plain page that opens without a network."""

from __future__ import annotations

import contextlib
import functools
import html
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vl_convert as vlc

from experiments import figures
from experiments.calibration import observed
from experiments.figures.style import png
from experiments.report import evidence, parameters, printed
from experiments.runs import run as runs
from experiments.runs.streams import say
from model import __version__

if TYPE_CHECKING:
    from experiments.runs.results import Result

PICTURE_SCALE, README_SCALE = 2.0, 1.5
STYLE = """
body { font: 15px/1.45 "Liberation Sans", Arial, Helvetica, sans-serif; color: #222; margin: 2rem auto; max-width: 66rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2.2rem } .answer { font-size: 1.1rem } .small { color: #555; font-size: .85rem }
table { border-collapse: collapse; margin: .4rem 0 1.2rem } caption { text-align: left; font-weight: bold; padding: .3rem 0 }
td, th { padding: .15rem .7rem .15rem 0; text-align: right; font-weight: normal; white-space: nowrap } td.word, th.word { text-align: left }
th { color: #555; border-bottom: 1px solid #bbb; white-space: normal; vertical-align: bottom; max-width: 8rem } details { margin: .6rem 0 } summary { cursor: pointer; font-weight: bold }
.wide td { white-space: normal; text-align: left; vertical-align: top; font-size: .85rem } .changed td { background: #fff3d6; font-weight: bold }
nav { font-size: .85rem } nav a { margin-right: .9rem } a { color: #0072B2 } svg { max-width: 100%; height: auto } figure { margin: 1.5rem 0 }
"""


def write(result: Result, folder: Path) -> None:
    """Write report.html and report.png of a result into a folder; what cannot be made is named on stderr, the rest is kept."""
    charts, drawings = {}, {}
    for number, (name, make) in enumerate(figures.pictures().items()):
        with _missing(f"picture '{name}'"):
            charts[name] = make(result)
            drawings[name] = _svg(charts[name], number)
    if "answer" in charts:
        with _missing("report.png", folder / "report.png"):
            (folder / "report.png").write_bytes(png(charts["answer"], PICTURE_SCALE))
    with _missing("report.html", folder / "report.html"):
        (folder / "report.html").write_text(page(result, drawings), encoding="utf-8")


def save(result: Result, out: str | Path, replace: bool = False) -> Path:
    """Write the folder of a result with its report; parameters and errors are those of `Result.save`."""
    return result.save(out, replace, also=write)


@functools.wraps(runs.run)
def run(*given: Any, **named: Any) -> Result:
    """Run a scenario; `out` holds the report too."""
    return runs.run(*given, **named, also=lambda result, folder: write(result, folder))


@contextlib.contextmanager
def _missing(what: str, file: Path | None = None) -> Iterator[None]:
    """Say in one line on stderr what could not be made, and leave no half of it: a picture must not cost a run."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        reason = reason if len(reason) <= 200 else reason[:197] + "..."
        if file is not None:
            file.unlink(missing_ok=True)
        say(f"economy: the report lacks {what} ({reason}); all tables are kept")


def draw(result: Result) -> dict[str, Any]:
    """Return the charts of a result by name."""
    return {name: make(result) for name, make in figures.pictures().items()}


def page(result: Result, drawings: Mapping[str, str]) -> str:
    """Return the report as one page of HTML without scripts or anything to fetch; `drawings` are SVG by name."""
    scenario, n = result.scenario, len(result.seeds)
    seeds = ", ".join(map(str, result.seeds[:12])) + (", ..." if n > 12 else "")
    sentences = "".join(f"<p class='answer'>{html.escape(line)}</p>" for line in printed.headline(result))
    tables = "".join(_table(table) for table in printed.tables(result))
    drawn = {name: f"<figure id='{name}'>{svg}</figure>" for name, svg in drawings.items()}
    first = drawn.pop("answer", "")
    spread = (
        "runs differ in seed noise and in the fitted parameters, drawn from their posterior; other parameters stay at their values"
        if result.posterior
        else "seeds differ in noise, not in parameters, so the bands do not show what is uncertain about the parameters"
    )
    known = {f.name: f.title for f in figures.registered()}
    titles = {name: known.get(name, name.replace("_", " ")) for name in drawn}
    parts = {"numbers": "in numbers", **titles, "mechanisms": "mechanisms", "sources": "sources"}
    links = "".join(f"<a href='#{name}'>{html.escape(title, quote=False)}</a>" for name, title in parts.items())
    about = (
        f"Scenario '{scenario.name}' ({scenario.title}): {scenario.months} months from {scenario.start}, {scenario.humans:,} human"
        f" rows; {result.replicates}: {seeds}. inference-economy {__version__}. A number without its denominator says little: an hour"
        " of serving executes fewer operations than an hour of training, because generating tokens uses a small part of a machine's"
        " arithmetic. All hours are H100-equivalents; money is 2024 USD. Lines are medians over runs, bands P10 to P90;"
        f" {spread}. Repeat the run with 'economy run manifest.json'."
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{html.escape(printed.QUESTION)}</title>"
        f"<style>{STYLE}</style></head><body><h1>{html.escape(printed.QUESTION)}</h1>{sentences}{first}"
        f"<p class='small'>{html.escape(printed.PRIOR)}</p><nav>{links}</nav><h2 id='numbers'>In numbers</h2>{tables}"
        f"<h2>In pictures</h2>{''.join(drawn.values())}{mechanisms()}{sources(result)}"
        f"<p class='small'>{html.escape(about)}</p></body></html>\n"
    )


def mechanisms() -> str:
    """Return what was found out about the model itself, with the model's version: stored tables, not this run's."""
    tables = "".join(_table(table) for table in evidence.tables())
    return (
        "<h2 id='mechanisms'>What the mechanisms do</h2><p class='small'>From runs of the baseline kept with the model"
        " ('economy ablate' and 'economy ranges' make such tables); not from this run.</p>" + tables
    )


def sources(result: Result) -> str:
    """Return where the numbers come from: what this run changed, every parameter with its source, the observed series."""
    scenario = result.scenario
    changed = "".join(f"<li>{html.escape(line)}</li>" for line in parameters.changes(scenario))
    head = ("parameter", "value", "default", "unit", "range", "meaning", "source")
    titles = "".join(f"<th class='word'>{name}</th>" for name in head)
    body = "".join(
        f"<tr id='{html.escape(row.name)}' class='{'changed' if row.changed else 'default'}'>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[:7])
        + "</tr>"
        for row in parameters.rows(scenario)
    )
    seen = "".join(
        f"<tr><td>{html.escape(m.panel)}</td><td>{html.escape(m.series)}</td><td>{html.escape(names)}</td></tr>"
        for m in observed.MAPPINGS
        for names in ["; ".join(observed.points(m.series)["source"].unique(maintain_order=True))]
    )
    return (
        "<h2 id='sources'>Sources</h2><p>What this run changed:"
        + (f"</p><ul>{changed}</ul>" if changed else " nothing, every parameter is at its declared default.</p>")
        + "<details id='parameters'><summary>All parameters: value in this run, default, range, meaning, source</summary>"
        + f"<table class='wide'><tr>{titles}</tr>{body}</table>"
        + "<p class='small'>Keys such as bass1969 are entries of model/data/sources.bib,"
        + " 'observations' rows of model/data/observations.csv.</p></details>"
        + "<details id='observations'><summary>Observed series and who published them</summary><table class='wide'>"
        + f"<tr><th class='word'>panel</th><th class='word'>series</th><th class='word'>sources</th></tr>{seen}</table></details>"
    )


def _table(table: printed.Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        kind = [" class='word'" if i < table.words else "" for i in range(len(cells))]
        return (
            "<tr>" + "".join(f"<{tag}{k}>{html.escape(c)}</{tag}>" for k, c in zip(kind, cells, strict=True)) + "</tr>"
        )

    body = "".join(row(cells, "td") for cells in table.rows)
    return f"<table><caption>{html.escape(table.title)}</caption>{row(table.head, 'th')}{body}</table>"


def _svg(chart: Any, number: int) -> str:
    """Return a chart as SVG whose ids are its own, since several stand on one page."""
    text: str = vlc.vegalite_to_svg(chart.to_dict())
    text = re.sub(r"<\?xml[^>]*\?>|<!DOCTYPE[^>]*>", "", text)
    for name in set(re.findall(r'\bid="([^"]+)"', text)):
        text = text.replace(f'id="{name}"', f'id="f{number}-{name}"').replace(f"#{name})", f"#f{number}-{name})")
        text = text.replace(f'"#{name}"', f'"#f{number}-{name}"')
    return text


def main(folder: str, picture: str) -> None:
    """Write the answer of a result folder as the picture of the README."""
    from experiments.runs.results import Result

    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    Path(picture).write_bytes(png(figures.answer(Result.load(folder).compute), README_SCALE))


if __name__ == "__main__":
    main(*sys.argv[1:])

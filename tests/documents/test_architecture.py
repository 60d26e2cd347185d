"""House rules: who imports whom, names with units, keyed randomness, no trace of a machine."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import networkx as nx
import pytest

import agents
import model
from model import scenario
from model.core.params import Declaration
from tests.samples import some

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for package in ("model", "agents") for p in (ROOT / package).rglob("*.py"))
ENV = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"COLUMNS": "200"}


def declared() -> list[Declaration]:
    """Return all declarations, those of firms too."""
    firms = [d for kind in scenario.FIRM_TYPES.values() for d in kind.declared()]
    return [*scenario.declarations(), *firms]


# Arrows --------------------------------------------------------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=ENV, capture_output=True, text=True)


def test_imports_point_one_way():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    some(
        [
            ("model/core/units.py", "from model.layers import link", "Imports point one way"),
            ("model/layers/link.py", "from agents import lab", "Imports point one way"),
            ("agents/lab/rules.py", "from agents import human", "Kinds of agents"),
            ("model/layers/link.py", "from model.layers import context", "The seven layers"),
            ("model/markets/auction.py", "from model.core import table", "Kernels know neither"),
            ("agents/lab/decisions.py", "def f():\n    import networkx", "The economy draws nothing"),
            ("model/results/measures.py", "import altair", "The economy draws nothing"),
            ("agents/human.py", "from inference_economy import run", "The library's name is for users"),
            *(
                (
                    f"experiments/{lower}/{file}.py",
                    f"from experiments.{upper} import __doc__",
                    "The wings of experiments",
                )
                for lower, file, upper in (
                    ("commands", "exit", "cli"),
                    ("page", "state", "commands"),
                    ("report", "printed", "page"),
                    ("figures", "style", "report"),
                    ("replications", "claims", "figures"),
                    ("studies", "ranges", "figures"),
                    ("calibration", "priors", "studies"),
                    ("benchmarks", "bench", "calibration"),
                    ("sweeps", "design", "benchmarks"),
                    ("runs", "answer", "sweeps"),
                )
            ),
        ],
        5,
    ),
)
def test_a_wrong_import_is_refused(tmp_path, file, line, contract):
    for package in ("model", "agents", "experiments"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a") as out:
        out.write(f"\n\n{line}\n")
    done = lint_imports(tmp_path)
    broken = [row for row in done.stdout.splitlines() if " BROKEN" in row]
    assert done.returncode == 1, done.stdout + done.stderr
    assert any(row.startswith(contract) for row in broken), broken


def imports(package: str, root: Path = ROOT) -> nx.DiGraph:
    """Return which file of a package imports which, at any place, for types too."""
    files = {".".join(p.relative_to(root).with_suffix("").parts): p for p in (root / package).rglob("*.py")}
    files = {name.removesuffix(".__init__"): p for name, p in files.items()}
    net = nx.DiGraph()
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                found = [f"{node.module}.{a.name}" for a in node.names]
                net.add_edges_from((name, x if x in files else node.module) for x in found)
            elif isinstance(node, ast.Import):
                net.add_edges_from((name, a.name) for a in node.names)
    return net.subgraph(files)


@pytest.mark.parametrize("package", ["model", "agents", "experiments"])
def test_no_file_imports_itself_by_way_of_others(package):
    assert [sorted(c) for c in nx.strongly_connected_components(imports(package)) if len(c) > 1] == []


def test_a_circle_is_seen(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.py").write_text("from p import b\n")
    (tmp_path / "p" / "b.py").write_text("if TYPE_CHECKING:\n    from p.a import x\n")
    circles = [sorted(c) for c in nx.strongly_connected_components(imports("p", tmp_path)) if len(c) > 1]
    assert circles == [["p.a", "p.b"]]


def test_every_module_has_its_place_in_the_arrows():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = set(re.findall(r"[\w.]+", " ".join(next(c for c in contracts if c["id"] == "arrows")["layers"])))
    present = {f"model.{p.stem}" for p in (ROOT / "model").glob("*.py") if p.stem != "__init__"}
    present |= {f"model.{p.parent.name}" for p in (ROOT / "model").glob("*/__init__.py")}
    assert present <= named, f"add to the layers in pyproject.toml: {sorted(present - named)}"


def test_floats_are_not_added_by_the_builtin_sum():
    """The builtin adds floats with compensation from Python 3.12 on: tables would differ between versions."""
    allowed = {"sum(recent, start=np.zeros(e.providers.n))", "sum((i <= m for i in dates))", "sum(kinds)"}
    found = {
        ast.unparse(node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sum"
    }
    assert found <= allowed


def test_networkx_is_imported_on_use_only():
    tree = ast.parse((ROOT / "model/core/graph.py").read_text())
    at_import = [ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert not [line for line in at_import if "networkx" in line]


def test_the_packages_are_ours():
    assert Path(model.__file__).resolve().is_relative_to(ROOT)
    assert Path(agents.__file__).resolve().is_relative_to(ROOT)


def test_importing_model_imports_nothing_large():
    code = "import sys, model; print(*({'mesa', 'numpy', 'polars', 'scipy', 'networkx', 'altair'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=ENV, text=True).split() == []


WITHOUT = """
import sys
from model import InferenceEconomy
economy = InferenceEconomy(humans=20, months=1)
economy.step()
print({"pandas", "networkx"} & set(sys.modules))
frame = economy.datacollector.get_model_vars_dataframe()
import pandas, networkx
print(type(frame) is pandas.DataFrame, pandas.__name__ in sys.modules, networkx.Graph(economy.orchestrator_graph).order() > 0)
"""


def test_a_run_needs_none_of_the_large_packages_that_mesa_brings():
    """They come when Mesa is asked for a frame, and whoever imports them himself has them whole."""
    said = subprocess.check_output([sys.executable, "-c", WITHOUT], cwd=ROOT, env=ENV, text=True).splitlines()
    assert said == ["set()", "True True True"]


# Names and units -----------------------------------------------------------------------------------

#: Endings a name may have, by unit; a bound or a moment (`_max`, `_median`, ...) may follow.
SUFFIXES: dict[str, tuple[str, ...]] = {
    "USD": ("usd", "usd_per_click", "usd_per_invocation", "usd_per_h100e"),
    "USD/h": ("usd_per_h", "usd_per_h100e_hour"),
    "USD/month": ("usd_per_month",),
    "USD/year": ("usd_per_year",),
    "USD/W": ("usd_per_w",),
    "USD/(W year)": ("usd_per_w_per_year",),
    "GW/year": ("gw_per_year",),
    "USD/kWh": ("usd_per_kwh",),
    "1/year": ("per_year",),
    "1/month": ("per_month",),
    "1/h": ("per_h", "per_hour"),
    "x/year": ("growth",),
    "year": ("years",),
    "month": ("months",),
    "min": ("minutes",),
    "s": ("s", "seconds", "s_per_step"),
    "h/month": ("h_per_month", "hours_per_month"),
    "W": ("w", "w_per_h100e"),
    "GW": ("gw",),
    "H100e": ("h100e",),
    "H100e/month": ("h100e_per_month",),
    "FLOP": ("flop",),
    "FLOP/s": ("flop_per_s",),
    "FLOP/month": ("flop", "flop_per_month"),  # a flow is per month unless its name says otherwise
    "FLOP/token": ("flop_per_token",),
    "token": ("tokens",),
    "token/h": ("tokens_per_h",),
    "token/s": ("tokens_per_s",),
    "byte/token": ("bytes_per_token",),
    "byte/parameter": ("bytes", "bytes_per_parameter"),
    "parameters": ("parameters",),
    "people": ("people",),
    "robots": ("robots",),
    "nodes": ("orchestrators", "skills", "tools"),
    "links": ("links",),
    "applications": ("applications", "assistants"),
    "features": ("features",),
    "services": ("services",),
    "slots": ("slots",),
    "replicas": ("replicas",),
    "calls": ("calls",),
}
#: What a name of unit "-" may not end in: those endings promise a dimension.
DIMENSIONS = {e for unit, endings in SUFFIXES.items() for e in endings if unit not in ("x/year", "nodes")} - {"calls"}
QUALIFIERS = r"(_(max|min|median|mean))?"
#: Names that stay as they are, and why.
EXCEPTIONS: dict[str, str] = {
    "robot.initial_stock": "the section counts robots",
    "human.contacts": "a contact is a person",
    "supplier.response": "share of the gap in capacity closed in a month, the usual word of control",
    "app_network.legacy_speed": "share of the gap closed in a month",
    "auction.bid_speed": "share of the gap closed in a month",
    "auction.budget_speed": "share of the gap closed in a month",
    "neural.algorithmic_gain": "growth rate at unit inputs; the inputs carry the time",
    "neural.epochs_useful": "epochs are the thing counted",
    "agent_loop.job_scale": "scale of a power law, in jobs",
}


def misnamed(d: Declaration) -> str | None:
    """Return what is wrong with the name of `d`, or None."""
    where = f"{d.section}.{d.name} is in {d.unit!r}"
    if f"{d.section}.{d.name}" in EXCEPTIONS:
        return None
    if d.unit == "-":
        promised = [e for e in DIMENSIONS if re.search(rf"(^|_){e}{QUALIFIERS}$", d.name)]
        return f"{where}, its name promises {promised[0]}" if promised else None
    if d.unit not in SUFFIXES:
        return f"{where}, a unit without suffixes here"
    if not any(re.search(rf"(^|_){e}{QUALIFIERS}$", d.name) for e in SUFFIXES[d.unit]):
        return f"{where}, its name does not end in {' or '.join(SUFFIXES[d.unit])}"
    return None


def test_names_end_in_their_unit():
    assert [w for d in declared() if (w := misnamed(d))] == []


def test_exceptions_are_parameters():
    assert set(EXCEPTIONS) <= {f"{d.section}.{d.name}" for d in declared()}


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("budget", "USD"),
        ("budget_usd", "USD/h"),
        ("power", "W"),
        ("delay_months", "-"),
        ("context_tokens_max", "-"),
        ("speed", "furlong"),
        ("growth_per_year", "1/month"),
    ],
)
def test_a_wrong_name_is_refused(name, unit):
    assert misnamed(declared()[0]._replace(section="human", name=name, unit=unit))


def test_every_parameter_says_what_it_is():
    empty = [f"{d.section}.{d.name}" for d in declared() if not (d.unit.strip() and d.doc.strip() and d.source.strip())]
    assert empty == []


# Randomness and time -------------------------------------------------------------------------------

KEYED = {ROOT / "model/core/draws.py", ROOT / "model/core/graph.py"}
BANNED_MODULES = {"random", "numpy.random", "secrets"}
BANNED_CALLS = {"np.random", "numpy.random", "time.time", "time.time_ns", "os.urandom"}
BANNED_METHODS = {"now", "utcnow", "today"}


def unkeyed(text: str) -> list[str]:
    """Return what in `text` depends on a generator or the clock."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Attribute):
            clock = node.attr in BANNED_METHODS and re.search(r"\bdate(time)?$", ast.unparse(node.value))
            names = {"numpy.random"} if clock or ast.unparse(node) in BANNED_CALLS else set()
        else:
            continue
        if names & (BANNED_MODULES | BANNED_CALLS):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def test_randomness_is_keyed():
    wrong = [f"{p.relative_to(ROOT)} {w}" for p in SOURCES if p not in KEYED for w in unkeyed(p.read_text())]
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "x = np.random.default_rng(1)",
        "import random",
        "from numpy.random import default_rng",
        "from numpy import random",
        "from time import time",
        "t = time.time()",
        "t = dt.datetime.now()",
        "t = datetime.now()",
        "t = date.today()",
    ],
)
def test_unkeyed_randomness_is_seen(text):
    assert unkeyed(text)


# No trace of a machine -----------------------------------------------------------------------------


def test_no_tracked_file_names_a_machine():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT).decode().split("\0")
    here = [re.escape(str(p)) for p in (ROOT, Path.home()) if len(p.parts) > 1]
    private = re.compile(rf"(?<![\w.-])(?:(?:{'|'.join(here) or '(?!)'})(?![\w.-])|/(?:home|Users)/\w)")
    wrong = []
    for name in filter(None, listed):
        path = ROOT / name
        text = path.read_bytes().decode("utf-8", errors="ignore") if path.is_file() else ""
        wrong += [f"{name}: {match.group()}" for match in private.finditer(text)]
    assert wrong == []


def test_constraints_pin_each_package_once_and_name_no_host():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[\w.]+", line)] == []
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(set(names))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(r for rows in project["optional-dependencies"].values() for r in rows)]
    needed = {re.match(r"[\w-]+", r).group().lower() for r in wanted} - {project["name"]}
    assert needed <= set(names)


# Parameters on one screen --------------------------------------------------------------------------


def test_each_parameter_is_declared_on_one_line():
    """Name, default, unit, range, flags, meaning and source of a kind's parameters stand below each other."""
    several = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
                name = getattr(node.value.func, "id", "")
                if name == "param" and node.end_lineno != node.lineno:
                    several.append(f"{path.relative_to(ROOT)}: {ast.unparse(node.target)}")
    assert several == []


# Axes ----------------------------------------------------------------------------------------------


def bare_sizes(text: str) -> list[str]:
    """Return where code writes the size of an axis as a number: shapes of new arrays, reshapes, bounds of classes of work."""
    found = []
    for node in ast.walk(ast.parse(text)):
        sizes: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("zeros", "ones", "empty", "full", "arange", "range"):
                sizes = node.args[:1]
            elif name == "reshape":
                sizes = list(node.args)
        if isinstance(node, ast.Slice):
            sizes = [x for x in (node.lower, node.upper) if x is not None]
        parts = [x for size in sizes for x in (size.elts if isinstance(size, ast.Tuple) else [size])]
        parts += [x for part in parts if isinstance(part, ast.BinOp) for x in (part.left, part.right)]
        numbers = [x.value for x in parts if isinstance(x, ast.Constant) and isinstance(x.value, int)]
        least = 5 if isinstance(node, ast.Slice) else 2
        text = (
            isinstance(node, ast.Slice) and node.lower is None and numbers and numbers[0] < 12
        )  # 'YYYY-MM' of a date, first six
        if any(x >= least for x in numbers) and not text:
            found.append(ast.unparse(node))
    return found


def test_sizes_of_axes_come_from_their_declarations():
    folders = [ROOT / "model/stages", ROOT / "model/results", ROOT / "agents"]
    paths = [ROOT / "model/opening.py", *(p for folder in folders for p in folder.rglob("*.py"))]
    assert {p.name: x for p in paths if (x := bare_sizes(p.read_text(encoding="utf-8")))} == {}
    assert bare_sizes("np.zeros((5, n)); x.reshape(2, -1); range(12); np.zeros(2 * n); x[:, :2]; np.zeros(n)") == [
        "np.zeros((5, n))", "x.reshape(2, -1)", "range(12)", "np.zeros(2 * n)"
    ]  # fmt: skip
    assert bare_sizes("flop[7:12]; kwh[:12]; hours[12:]; day[:7]") == ["7:12", ":12", "12:"]

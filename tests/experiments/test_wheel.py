"""A built wheel offers one name, away from the checkout and beside a user's own packages; nothing is fetched."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from agents import Lab
from experiments.runs.digest import code_digest
from model import InferenceEconomy, checkpoint
from model.core.modules import as_written

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("model", "agents", "experiments")
ENV = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
ENV |= {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
PIP = (sys.executable, "-m", "pip", "--quiet")
SMALL = {"humans": 30, "months": 3}
EXPLAINED = ["Eq. L.2", "human.imitation_per_year", "tokens"]

#: In a folder with packages `model`, `agents` and `experiments` of a user's own.
PROGRAM = f"""
import sys
import agents, experiments, model
import inference_economy
from inference_economy import InferenceEconomy, sweep
from inference_economy.agents import Lab
from inference_economy.experiments.runs.digest import code_digest
from inference_economy.model import checkpoint

if __name__ == "__main__":
    first = InferenceEconomy("baseline", **{SMALL}).run()
    print(code_digest())
    print(first.history.to_dict(as_series=False))
    print(checkpoint.load("checkout").run().history.equals(first.history, null_equal=True))
    design = {{"scenarios": ["baseline"], "seeds": {{"first": 1, "count": 2}}, "run": {SMALL}, "design": {{"kind": "list"}}}}
    made = sweep(design | {{"record": {{"series": ["tokens"], "months": "all"}}}}, out="kept", workers=2)
    print(made["tokens"].to_list()[:3] == first.history["tokens"].to_list())
    print(len(first.agents_by_type[Lab]), [first.explain(name).where for name in {EXPLAINED}])
    print(model.mine, agents.mine, experiments.mine)
    print([name for name in sys.modules if name.startswith(("model.", "agents.", "experiments."))])
"""
STARTED = """
import multiprocessing
import inference_economy

def tokens(seed):
    e = inference_economy.InferenceEconomy("baseline", humans=30, months=2, seed=seed).run()
    return type(e).__module__, float(e.world.month)

if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(pool.map(tokens, [1, 2]))
"""
CELL = """
import nbformat
from nbclient import NotebookClient

code = "from inference_economy import InferenceEconomy, figures\\nInferenceEconomy('baseline', humans=30, months=2).run().month"
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
print(NotebookClient(book).execute().cells[0].outputs[0]["data"]["text/plain"])
"""


def call(*command: object, cwd: Path, status: int = 0) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=ENV, capture_output=True, text=True)
    assert done.returncode == status, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout if status == 0 else done.stderr


def copied(target: Path) -> Path:
    """Copy what wheels are built from, so that no build folder is left behind and none is picked up."""
    for package in (*PARTS, "inference_economy"):
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target)
    return target


def installed(source: Path, bench: Path) -> tuple[Path, Path]:
    """Return the programs and the packages of an environment of its own with a wheel built from a folder or an archive."""
    call(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", bench, source, cwd=bench)
    (wheel,) = bench.glob("*.whl")
    call(sys.executable, "-m", "venv", "--without-pip", bench / "env", cwd=bench)
    python = bench / "env" / "bin" / "python"
    call(*PIP, "--python", python, "install", "--no-deps", wheel, cwd=bench)
    # The dependencies are borrowed from the environment of the tests, its own .pth files are not read.
    site = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=bench).strip())
    (site / "borrowed.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    return python.parent, site


def users(folder: Path, form: str) -> Path:
    """Make a folder in which a user has packages or modules of our names, and a checkpoint that the checkout wrote."""
    folder.mkdir()
    for name in PARTS:
        file = folder / name / "__init__.py" if form == "packages" else folder / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"mine = 'my {name}'\n")
    economy = InferenceEconomy("baseline", **SMALL)
    economy.step()
    checkpoint.save(economy, folder / "checkout")
    (folder / "program.py").write_text(PROGRAM)
    return folder


def printed() -> list[str]:
    """Return what PROGRAM prints if all is as in the checkout."""
    e = InferenceEconomy("baseline", **SMALL).run()
    history = str(e.history.to_dict(as_series=False))
    seen = f"{len(e.agents_by_type[Lab])} {[e.explain(name).where for name in EXPLAINED]}"
    return [code_digest(), history, "True", "True", seen, "my model my agents my experiments", "[]"]


def offered(wheel: Path) -> set[str]:
    return {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}


def test_a_wheel_offers_one_name_and_runs_beside_a_users_own(tmp_path):
    source, bench = copied(tmp_path / "source"), tmp_path / "bench"
    for stale in ("model", "inference_economy"):  # as an earlier build may have left it
        (source / "build" / "lib" / stale).mkdir(parents=True)
        (source / "build" / "lib" / stale / "old.py").touch()
    bench.mkdir()
    programs, site = installed(source, bench)
    (record,) = site.glob("*.dist-info/RECORD")
    names = [line.partition(",")[0] for line in record.read_text().splitlines()]
    others = [n for n in names if not n.startswith(("inference_economy/", record.parent.name))]
    assert others == ["../../../bin/economy"]
    shipped = {n.removeprefix("inference_economy/") for n in names if n.endswith(".py")}
    sources = {
        p.relative_to(ROOT).as_posix() for part in (*PARTS, "inference_economy") for p in (ROOT / part).rglob("*.py")
    }
    assert shipped == {n.removeprefix("inference_economy/") for n in sources} - {"checkout.py"}
    assert (record.parent / "top_level.txt").read_text().split() == ["inference_economy"]
    for folder in ("model/data", "model/scenarios", "experiments/stored"):
        held = {p.name for p in (ROOT / folder).iterdir() if not p.name.startswith(".")}
        assert held == {p.name for p in (site / "inference_economy" / folder).iterdir()}

    mine = users(tmp_path / "mine", "packages")
    listed = call(programs / "python", "-m", "inference_economy", "scenarios", cwd=mine)
    scenarios = [p.stem for p in (ROOT / "model" / "scenarios").glob("*.toml")]
    assert scenarios
    assert [name for name in scenarios if name not in listed] == []
    assert call(programs / "python", "program.py", cwd=mine).splitlines() == printed()


@pytest.mark.long
def test_a_wheel_from_an_archive_runs_everywhere(tmp_path):
    """Built by pip from an sdist: commands, programs, processes of all kinds and a notebook, beside packages and modules of a user's own."""
    source, bench = copied(tmp_path / "source"), tmp_path / "bench"
    bench.mkdir()
    code = f"from setuptools.build_meta import build_sdist; build_sdist({str(bench)!r})"
    call(sys.executable, "-c", code, cwd=source)
    (archive,) = bench.glob("*.tar.gz")
    programs, _ = installed(archive, bench)
    assert offered(next(bench.glob("*.whl"))) == {"inference_economy", "inference_economy-0.1.0.dist-info"}
    for form in ("packages", "modules"):
        mine = users(tmp_path / form, form)
        (mine / "started.py").write_text(STARTED)
        (mine / "cell.py").write_text(CELL)
        run = ("run", "baseline", "--humans", 30, "--months", 14, "--seeds", 2, "--workers", 2)
        for program in ([programs / "economy"], [programs / "python", "-m", "inference_economy"]):
            assert "inference" in call(*program, *run, "--out", "result", "--replace", cwd=mine)
        assert (mine / "result" / "report.png").stat().st_size > 0
        assert call(programs / "python", "program.py", cwd=mine).splitlines() == printed()
        started = call(programs / "python", "started.py", cwd=mine).splitlines()
        assert started == [str([("inference_economy.model.economy", 2.0)] * 2)] * 3
        assert call(programs / "python", "cell.py", cwd=mine).strip() == "2"


# The sources ---------------------------------------------------------------------------------------


def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_source_can_be_renamed_and_named_back():
    """The digests of a checkout and of a wheel agree by that; what cannot be renamed names its line here, before a wheel is built."""
    renamed = setup().renamed
    for path in sorted(p for package in (*PARTS, "inference_economy") for p in (ROOT / package).rglob("*.py")):
        source = path.read_bytes()
        made = renamed(source, path.relative_to(ROOT).as_posix())
        assert as_written(made) == as_written(source), path
        assert made.count(b"\n") == source.count(b"\n")


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("from model import run", "from inference_economy.model import run"),
        ("from  agents.lab import (\n  x,\n)", "from inference_economy.agents.lab import (\n  x,\n)"),
        ("import model", "from inference_economy import model"),
        ("import model as m", "from inference_economy import model as m"),
        ("import model.core.units as u", "import inference_economy.model.core.units as u"),
        ("if x:\n    from model import a; import agents", None),
        ("from modelling import x\nimport agents_of\nfrom . import model", "same"),
        ("'''from model import x'''\n'model'", "same"),
    ],
)
def test_imports_are_renamed(source, made):
    if made is None:
        made = "if x:\n    from inference_economy.model import a; from inference_economy import agents"
    assert setup().renamed(source.encode(), "x.py").decode() == (source if made == "same" else made)


@pytest.mark.parametrize(
    "source",
    [
        "import model.core",
        "import os, model",
        "from \\\n  model import x",
        "x = 'model.economy'",
        "x = f'experiments.{y}'",
        "run('import model; model.x')",
    ],
)
def test_what_would_not_be_found_in_a_wheel_is_refused(source):
    with pytest.raises(ValueError, match=r"^x\.py:1: "):
        setup().renamed(source.encode(), "x.py")


# In a checkout -------------------------------------------------------------------------------------


def test_in_a_checkout_both_names_are_one_module():
    code = """if True:
        import importlib.resources, pickle, sys
        import inference_economy as library
        light = not {"mesa", "numpy", "polars"} & set(sys.modules)
        from inference_economy.agents import Lab
        from inference_economy.model.month import STEPS
        import inference_economy.model.economy as economy
        import agents, model, model.month
        print(light, library.model is model, Lab is agents.Lab, STEPS is model.month.STEPS, library.__version__)
        print(all(getattr(library, name) is not None for name in library.__all__))
        print(library.InferenceEconomy is economy.InferenceEconomy is model.InferenceEconomy, economy.__spec__.name)
        print(pickle.loads(b"cinference_economy.model.scenario\\nScenario\\n.") is library.Scenario)
        print(importlib.resources.files("inference_economy.model.core").joinpath("units.py").is_file())
        files = {}
        for module in list(sys.modules.values()):
            files.setdefault(getattr(module, "__file__", None), set()).add(id(module))
        ours = [sys.argv[1] + part for part in ("/model/", "/agents/", "/experiments/")]
        print([f for f, found in files.items() if f and f.startswith(tuple(ours)) and len(found) > 1])
    """
    lines = call(sys.executable, "-c", code, ROOT, cwd=ROOT).splitlines()
    assert lines == ["True True True True 0.1.0", "True", "True model.economy", "True", "True", "[]"]
    assert call(sys.executable, "-m", "inference_economy", "--version", cwd=ROOT).startswith("economy ")


def test_a_checkout_refuses_another_package_of_its_names(tmp_path):
    (tmp_path / "model.py").touch()
    code = f"import sys; sys.path.append({str(ROOT)!r}); import inference_economy"
    assert "'model' is " in call(sys.executable, "-c", code, cwd=tmp_path, status=1).splitlines()[-1]

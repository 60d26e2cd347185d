"""The command works from a built wheel, away from the checkout; nothing is fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENV = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
ENV |= {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}


def call(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=ENV, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_command_runs_from_a_wheel(tmp_path):
    # A copy, so that no build folder is left behind and none is picked up.
    source, bench = tmp_path / "source", tmp_path / "bench"
    bench.mkdir()
    for package in ("model", "agents", "experiments"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = (sys.executable, "-m", "pip", "--quiet")
    call(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", bench, source, cwd=bench)
    (wheel,) = bench.glob("*.whl")

    call(sys.executable, "-m", "venv", "--without-pip", bench / "env", cwd=bench)
    python = bench / "env" / "bin" / "python"
    call(*pip, "--python", python, "install", "--no-deps", wheel, cwd=bench)
    # The dependencies are borrowed from the environment of the tests, its own .pth files are not read.
    site = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=bench).strip())
    (site / "borrowed.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))

    listed = call(bench / "env" / "bin" / "economy", "scenarios", cwd=bench)
    shipped = [p.stem for p in (ROOT / "model" / "scenarios").glob("*.toml")]
    assert shipped
    assert [name for name in shipped if name not in listed] == []
    for package in ("model", "agents", "experiments"):
        there = call(python, "-c", f"import {package}; print({package}.__file__)", cwd=bench).strip()
        assert Path(there).is_relative_to(site)
    for folder in ("model/data", "model/scenarios", "experiments/stored"):
        held = {p.name for p in (ROOT / folder).iterdir() if not p.name.startswith(".")}
        assert held == {p.name for p in (site / folder).iterdir()}

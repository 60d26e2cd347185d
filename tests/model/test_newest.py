"""The model under the newest Python found here, with the newest Mesa, NumPy and SciPy there are: the golden run does not move."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model import InferenceEconomy
from tests import golden

ROOT = Path(__file__).parents[2]
PACKAGES = ("mesa", "numpy", "scipy", "networkx", "polars")
#: Signs that pip did not reach its index, in any of its phases.
UNREACHED = (
    "No matching distribution",
    "Could not find a version",
    "ConnectionError",
    "Connection refused",
    "timed out",
    "resolve",
)

SERIES = """
import json, re, sys
from tests import golden
from model import InferenceEconomy, checkpoint
economy = InferenceEconomy("baseline", humans=100, months=12)
for _ in range(6):
    economy.step()
checkpoint.save(economy, sys.argv[1])
again = checkpoint.load(sys.argv[1])
kept = economy.run().history.equals(again.run().history)
code = next(c for c in re.findall(r"^```python\\n(.*?)^```$", open(sys.argv[2]).read(), re.M | re.S) if "batch_run" in c)
exec(code.replace("**(", "display_progress=False, **("))
ran = sorted([r["seed"], r["human__imitation_per_year"], r["tokens"]] for r in rows)
json.dump({"series": golden.series(), "kept": kept, "batch": ran}, sys.stdout)
"""


def newest_python():
    for name in ("python3.14", "python3.13", "python3.12"):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:
            return found
    return sys.executable


@pytest.mark.long
def test_the_golden_run_with_the_newest_packages(tmp_path):
    subprocess.run([newest_python(), "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "20", *PACKAGES]
    made = subprocess.run(install, capture_output=True, text=True)
    if made.returncode != 0 and any(sign in made.stderr for sign in UNREACHED):
        pytest.skip("no package index is reached from here")
    assert made.returncode == 0, made.stderr
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"PYTHONPATH": str(ROOT)}
    command = [python, "-c", SERIES, str(tmp_path / "checkpoint"), str(ROOT / "README.md")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kept"]
    assert [row[:2] for row in found["batch"]] == [[seed, x] for seed in (1, 2, 3) for x in (0.5, 1.5)]
    again = InferenceEconomy(humans=50, months=12, seed=2, human__imitation_per_year=1.5).run().history["tokens"][-1]
    assert found["batch"][3][2] == pytest.approx(again, rel=1e-6)
    assert golden.moved(golden.series(), found["series"], 1e-6) == {}

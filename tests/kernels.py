"""Golden run, twins and stored answers under other kernels of linear algebra and without wide instructions: `make test-kernels`.

Options are those of pytest: `python -m tests.kernels` alone runs the long forms too, `--which` only says what NumPy computes with here.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from numpy._core import _multiarray_umath as core

ROOT = Path(__file__).resolve().parents[1]
#: Tests of numbers that were stored by a run, perhaps on another processor; those of twins are found by what they import.
STORED = {
    "experiments/test_ablation.py": ["test_the_stored_table_is_this_model"],
    "experiments/test_auction_rules.py": ["test_the_stored_table_is_this_model"],
    "model/test_economy.py": ["test_golden_run"],
    "documents/test_notebooks.py": ["test_a_notebook_runs_and_its_outputs_are_current"],
    "documents/test_quoted.py": [
        "test_the_baseline_gives_the_stored_answer",
        "test_the_baselines_own_values_give_the_stored_answer",
    ],
}
#: Kernels of OpenBLAS that other processors have, by architecture, each with the instructions it needs.
CORES = {"x86_64": {"Haswell": ("AVX2", "FMA3"), "Prescott": ()}, "aarch64": {"ARMV8": ()}}
#: What OpenBLAS calls those of Prescott: an older processor that has the same.
ALIASES = {"katmai": "prescott"}
#: The C library's exponentials and powers as on processors before 2013; other libraries take no notice.
OLD_LIBRARY = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"}
ASKED = "OPENBLAS_CORETYPE"


def core_name() -> str:
    """Return which kernels NumPy's OpenBLAS uses in this process; nothing where NumPy has another library."""
    library = ctypes.CDLL(core.__file__)
    for name in (f"{prefix}openblas_get_corename{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "")):
        if hasattr(library, name):
            function = getattr(library, name)
            function.restype = ctypes.c_char_p
            return str(function().decode())
    return ""


def wide() -> list[str]:
    """Return the instruction sets that NumPy chose for this processor and can do without."""
    return [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]]


def which() -> str:
    """Return what NumPy computes with in this process, in one line; kernels that were asked for and not taken end it."""
    name, asked = core_name(), os.environ.get(ASKED)
    if asked and ALIASES.get(name.lower(), name.lower()) != asked.lower():
        raise SystemExit(f"{ASKED} = {asked}: OpenBLAS took {name or 'none'}")
    beyond = " ".join(wide()) or "nothing"
    return f"OpenBLAS kernels {name or 'none'}; NumPy's instructions beyond {core.__cpu_baseline__[-1]}: {beyond}"


def settings() -> dict[str, dict[str, str] | None]:
    """Return variables of the environment by the name of a setting, None for what this machine cannot do."""
    found: dict[str, dict[str, str] | None] = {"native": {}}
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
    for name, needs in CORES.get(machine, {}).items():
        able = core_name() and all(core.__cpu_features__[x] for x in needs)
        found[name] = {ASKED: name} if able else None
    found["no wide instructions"] = {"NPY_DISABLE_CPU_FEATURES": " ".join(wide()), **OLD_LIBRARY} if wide() else None
    return found


def targets() -> list[str]:
    """Return the tests: those that import a plain-Python twin, and those of stored numbers."""
    pages = sorted((ROOT / "tests").glob("*/test_*.py"))
    twins = [
        p.relative_to(ROOT).as_posix()
        for p in pages
        if re.search(r"^from tests(\.reference| import reference)", p.read_text(), re.M)
    ]
    return twins + [f"tests/{page}::{test}" for page, tests in STORED.items() for test in tests]


def main(options: list[str]) -> int:
    """Run the tests under each setting and return the first status that is not 0."""
    if options == ["--which"]:
        sys.stdout.write(f"{which()}\n")
        return 0
    status = 0
    for name, variables in settings().items():
        if variables is None:
            sys.stdout.write(f"{name}: not on this machine\n")
            continue
        environment = os.environ | variables
        python = [sys.executable, "-m"]
        said = subprocess.run(
            [*python, "tests.kernels", "--which"], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        sys.stdout.write(f"{name}: {said.stdout}{said.stderr}")
        sys.stdout.flush()
        done = (
            said.returncode
            or subprocess.run([*python, "pytest", *options, *targets()], cwd=ROOT, env=environment).returncode
        )
        status = status or done
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

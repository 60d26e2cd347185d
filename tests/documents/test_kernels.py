"""Numbers hold on other processors: what `make test-kernels` sets is what NumPy and OpenBLAS take, and it misses no test."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests import kernels


def which(**variables: str) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if k not in {"NPY_DISABLE_CPU_FEATURES", kernels.ASKED}}
    command = [sys.executable, "-W", "error", "-m", "tests.kernels", "--which"]
    return subprocess.run(command, cwd=kernels.ROOT, env=plain | variables, capture_output=True, text=True)


def test_each_setting_is_taken_without_a_warning():
    said = {name: which(**given) for name, given in kernels.settings().items() if given is not None}
    assert {name: (done.returncode, done.stderr) for name, done in said.items()} == dict.fromkeys(said, (0, ""))
    for name in {"Haswell", "ARMV8"} & {*said}:
        assert f"kernels {name};".lower() in said[name].stdout.lower()
    if "Prescott" in said:
        assert "kernels Katmai;" in said["Prescott"].stdout
    if "no wide instructions" in said:
        assert said["no wide instructions"].stdout.endswith(": nothing\n")
        assert not said["native"].stdout.endswith(": nothing\n")


@pytest.mark.skipif(not kernels.core_name(), reason="NumPy here has no OpenBLAS")
def test_kernels_that_openblas_does_not_know_are_no_pass():
    done = which(**{kernels.ASKED: "Harpertwon"})
    assert done.returncode == 1
    assert done.stderr.startswith("OPENBLAS_CORETYPE = Harpertwon: OpenBLAS took ")


def test_what_a_machine_lacks_is_said_and_left_out(monkeypatch):
    monkeypatch.setattr(kernels, "core_name", lambda: "")
    monkeypatch.setattr(kernels, "wide", list)
    assert {name: given for name, given in kernels.settings().items() if given is not None} == {"native": {}}


def test_a_failure_under_any_setting_is_the_status(monkeypatch, capsys):
    calls = []

    def run(command, env, **options):
        calls.append((command, env.get("SETTING")))
        return subprocess.CompletedProcess(
            command, int("pytest" in command and env["SETTING"] == "two"), "kernels\n", ""
        )

    chosen = {name: {"SETTING": name} for name in ("one", "two", "three")}
    monkeypatch.setattr(kernels, "settings", lambda: {**chosen, "four": None})
    monkeypatch.setattr(kernels.subprocess, "run", run)
    assert kernels.main(["-x"]) == 1
    assert [name for command, name in calls if "-x" in command] == ["one", "two", "three"]
    assert capsys.readouterr().out == "one: kernels\ntwo: kernels\nthree: kernels\nfour: not on this machine\n"


def test_what_ci_runs_says_which_kernels():
    """A line a setting, from `which`, before its tests: see above."""
    assert re.search(r"^make test-kernels$", (kernels.ROOT / ".ci" / "run").read_text(), re.M)
    recipe = re.search(r"^test-kernels:.*\n((?:\t.*\n)+)", (kernels.ROOT / "Makefile").read_text(), re.M)[1]
    assert "-m tests.kernels" in recipe


def test_twins_and_stored_numbers_are_there():
    names = kernels.targets()
    assert {
        "tests/documents/test_paper.py",
        "tests/model/test_neural.py",
        "tests/model/test_economy.py::test_golden_run",
    } <= {*names}
    for page, tests in kernels.STORED.items():
        text = (kernels.ROOT / "tests" / page).read_text()
        assert all(f"\ndef {test}(" in text for test in tests), page

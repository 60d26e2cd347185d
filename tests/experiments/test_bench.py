"""The bench: what it prints, that its plain-Mesa twin decides as the arrays do, and in the long form the ratios."""

from __future__ import annotations

import json

import numpy as np
import pytest

from experiments import cli
from experiments.benchmarks import bench
from experiments.benchmarks.objects import DECIDED, Twin, differences
from model.core.flows import MonthFlows
from model.economy import InferenceEconomy
from model.stages import people
from model.stages.people import Wishes
from tests.samples import some


def beside(month, **size):
    """Run to a month and let the twin go beside the arrays in it; return all differences."""
    watch = bench.Watch(month)
    with InferenceEconomy("baseline", months=month + 1, seed=4, steps=watch.steps, **size) as economy:
        economy.run()
    return watch.differences


@pytest.mark.parametrize("month", some([2, 40, 80], 1))
def test_objects_decide_as_the_arrays_do(month):
    found = beside(month, humans=150, inert=9)
    assert set(DECIDED) <= set(found)
    assert {f"sum of {name}" for name in Wishes._fields if name != "attention_residual_h"} <= set(found)
    assert {"delegates", "standing_wallet", "delegate_lean", "robots", "on_order"} <= set(found)
    assert max(found.values()) < 1e-9, {k: v for k, v in found.items() if v >= 1e-9}


def test_a_twin_of_other_people_is_told_apart():
    economy = InferenceEconomy("baseline", humans=50, months=2, seed=4)
    economy.step()
    known, f = economy.last.known, MonthFlows(economy.sizes)
    twin = Twin(economy, known)
    twin.people[3].wage_usd_per_h *= 1.0 + 1e-6
    twin.step()
    found = differences(twin, f, people.people(economy, f, known))
    assert found["robots_wanted"] > 1e-9
    assert found["sum of income_usd"] > 1e-9
    assert found["adopted_share"] < 1e-9  # nobody's wage decides on it in this month
    twin.close()
    economy.close()


def test_quick_bench_prints_what_machines_read(capsys, tmp_path):
    folder = tmp_path / "bench"
    assert (
        cli.main(["bench", "--quick", "--humans", "2000", "500", "--months", "20", "--json", "--out", str(folder)]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert json.loads((folder / "bench.json").read_text()) == found
    keys = {
        "machine",
        "quick",
        "months",
        "copy_bytes_per_s",
        "sizes",
        "sweep",
        "run",
        "help_seconds",
        "figures",
        "targets",
    }
    assert set(found) == keys
    assert (found["quick"], found["months"], found["sweep"], found["run"]) == (True, 20, None, None)
    assert [s["humans"] for s in found["sizes"]] == [500, 2000]
    for s in found["sizes"]:
        assert 0.0 < s["consumer"]["ns"] < s["whole"]["ns"]
        assert s["whole_over_streaming"] == pytest.approx(s["whole"]["ns"] / s["streaming_ns"])
        assert s["twin"]["largest_difference"] < 1e-9
        assert s["twin"]["over_arrays"] == pytest.approx(s["twin"]["ns"] / s["twin"]["arrays_ns"])
        assert s["bytes"]["all"] == pytest.approx(s["bytes"]["tables"] + s["bytes"]["network"])
        assert s["touched"]["written"] < s["touched"]["read"]
    figures = found["figures"]
    assert figures["whole_growth_500_to_2000"] == figures["whole_ns_2000"] / figures["whole_ns_500"]
    assert figures["help_seconds"] == found["help_seconds"] > 0.0


def test_people_read_tables(capsys, monkeypatch):
    found = bench.measure((300, 600), 4, quick=True)
    found["figures"]["run_seconds"] = 2.5
    found["targets"]["run_seconds"] = {"bound": "<=", "value": 2.0}
    monkeypatch.setattr(bench, "measure", lambda *given, **named: found)
    assert cli.main(["bench", "--quick"]) == 0
    text = capsys.readouterr().out
    for words in ("300 humans", "plain Mesa objects over arrays", "run_seconds", "missed", "Quick:", "GB/s"):
        assert words in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--humans", "1"], ["--humans", "[2, "]),
        (["--months", "none"], ["--months", "whole number"]),
        (["--out", ""], ["--out"]),
    ],
)
def test_bad_input_is_refused(capsys, arguments, words):
    assert cli.main(["bench", *arguments]) == 2
    line = capsys.readouterr().err
    for word in words:
        assert word in line


def test_bytes_are_those_of_the_arrays():
    economy = InferenceEconomy("baseline", humans=64, months=1, seed=1)
    found = bench.memory(economy)
    assert found["network"] == economy.social.nbytes / 64
    rows = (economy.humans, economy.ai_agents, economy.robots)
    arrays = [x for r in rows for x in vars(r).values() if isinstance(x, np.ndarray)]
    shared = economy.humans.weight_people
    assert shared.strides == (0,)
    own = sum(x.nbytes for x in arrays if x is not shared)
    assert found["tables"] == (own + shared.itemsize) / 64
    economy.close()


def test_a_row_of_people_takes_its_bytes_and_no_more():
    economy = InferenceEconomy("baseline", humans=30_000, months=1, seed=1)
    assert bench.memory(economy)["all"] <= bench.TARGETS["bytes_per_human_1000000"][1]
    economy.close()


@pytest.mark.long
def test_a_sweep_is_timed_beside_bare_processes():
    found = bench.sweep_throughput(runs=6, humans=20, months=2)
    assert found["runs_per_second"] == pytest.approx(found["efficiency"] * found["bare_runs_per_second"])
    assert found["with_start"] > 0.0


@pytest.mark.long
def test_arrays_are_as_much_faster_as_they_were():
    """Ratios within one run; the bounds leave a third to a machine that others use too."""
    bandwidth = bench.copy_bandwidth(512, 5)
    small, large = (bench.size(n, bench.TWIN_MONTH + 10, bandwidth) for n in (100_000, 1_000_000))
    assert small["twin"]["largest_difference"] < 1e-9
    assert large["twin"]["largest_difference"] < 1e-9
    assert small["twin"]["over_arrays"] > 40.0
    assert large["twin"]["over_arrays"] > 35.0
    assert large["whole"]["ns"] < 1.9 * small["whole"]["ns"]
    assert large["whole"]["ns"] < 2.0 * large["consumer"]["ns"]
    streaming_ns = 290.0 / bandwidth * 1e9  # bytes a row read and wrote when the bound was set; fewer now
    assert large["consumer"]["ns"] < 40.0 * streaming_ns
    assert large["bytes"]["all"] <= 110.0

"""A run that goes on from a checkpoint is the run that was never stopped; what is damaged or foreign is refused."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import signal
import struct
import subprocess
import sys
import types
from pathlib import Path

import mesa
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from agents import Lab
from agents.lab import Foreseen
from experiments import cli, run
from experiments.report import page as report
from experiments.runs.checkpoints import Checkpoints
from experiments.runs.digest import code_digest
from experiments.runs.folder import table_names
from experiments.runs.workers import RunInterrupted
from model import checkpoint, month
from model.core import frozen
from model.core.errors import InputError
from model.economy import InferenceEconomy
from model.results import regret
from model.scenario import Intervention, Scenario
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SMALL = ["--humans", "40", "--months", "9"]
SHOCKED = Scenario(
    months=12,
    humans=40,
    interventions=(
        Intervention("2022-03", "supplier.response", 0.03),
        Intervention("2022-08", "human.review_share_min", 2.0, "multiply", "2022-10"),
    ),
)
FORESEEING = Scenario(months=8, humans=40).with_overrides({"lab.lab_a.forecaster": "perfect"})


def economy(**given):
    return InferenceEconomy("baseline", **{"humans": 40, "months": 9, **given})


def stepped(e, months):
    for _ in range(months):
        e.step()
    return e


# Deep comparison, which knows nothing of how checkpoints are written --------------------------------------------------

#: What Mesa holds of rows is compared through the tables.
SKIPPED = (mesa.Agent, mesa.agent.AgentSet, types.MethodType, types.FunctionType, functools.partial, type)


def values(x, where="e", found=None, seen=None):
    """Return {path: bits} of all that is reachable; arrays with their layout and with whose memory they show."""
    found, seen = {} if found is None else found, {} if seen is None else seen
    if isinstance(x, SKIPPED):
        return found
    if not isinstance(x, int | float | str | bool | np.generic | None | slice | tuple):
        if id(x) in seen:
            found[where] = f"again {seen[id(x)][0]}"
            return found
        seen[id(x)] = where, x  # kept, so that no identity comes twice
    if isinstance(x, np.ndarray):
        owner = x
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        place = x.ctypes.data - owner.ctypes.data if x.size else 0
        whose = seen.setdefault(("memory", id(owner)), (where, owner))[0]
        found[where] = (x.dtype.str, x.shape, x.strides, x.flags.writeable, whose, place, x.tobytes())
    elif isinstance(x, float):
        found[where] = type(x).__name__, struct.pack("d", x)
    elif isinstance(x, csr_array):
        for name in ("data", "indices", "indptr"):
            values(getattr(x, name), f"{where}.{name}", found, seen)
    elif isinstance(x, np.random.Generator | random.Random):
        state = x.getstate() if isinstance(x, random.Random) else x.bit_generator.state
        found[where] = repr(state)
    elif isinstance(x, dict):
        found[where] = repr([k for k in x if not isinstance(k, SKIPPED)])  # in their order
        for k, v in x.items():
            values(v, f"{where}[{k}]", found, seen)
    elif isinstance(x, list | tuple):
        found[where] = f"{type(x).__name__} of {len(x)}"
        for i, v in enumerate(x):
            values(v, f"{where}[{i}]", found, seen)
    elif isinstance(x, set):
        found[where] = repr(sorted(x))
    elif hasattr(x, "__dict__"):
        found[where] = type(x).__name__
        for k, v in vars(x).items():
            values(v, f"{where}.{k}", found, seen)
    else:
        found[where] = type(x).__name__, repr(x)
    return found


def differences(a, b):
    """Return the paths at which two economies differ."""
    a, b = values(a), values(b)
    return sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))


@pytest.mark.parametrize("source", [SHOCKED, FORESEEING], ids=["shocks", "foresight"])
def test_a_loaded_economy_is_the_saved_one_now_and_later(tmp_path, source):
    first = stepped(InferenceEconomy(source, inert=3), 6)
    checkpoint.save(first, tmp_path / "c")
    second = checkpoint.load(tmp_path / "c")
    assert len(values(first)) > 3_000
    assert differences(first, second) == []
    for _ in range(2):
        first.step()
        second.step()
        assert differences(first, second) == []
    assert all(a.equals(b) for a, b in zip(first.tables().values(), second.tables().values(), strict=True))
    assert first.networks() == second.networks()


def test_saving_what_was_loaded_gives_the_same_file(tmp_path):
    checkpoint.save(stepped(economy(), 4), tmp_path / "a")
    checkpoint.save(checkpoint.load(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_attribute_that_a_month_changes_and_nobody_restores_is_seen(tmp_path, monkeypatch):
    """The comparison finds each attribute of the economy that is left out: none is compared in vain."""
    e = stepped(economy(), 4)
    before = values(e)
    stepped(e, 2)
    after = values(e)
    changed = [k.replace("[", ".").split(".") for k in before.keys() | after.keys() if before.get(k) != after.get(k)]
    names = {k[1] for k in changed if len(k) > 1}
    assert {"world", "recorder", "last"} <= names
    inside = {k[2] for k in changed if k[1:2] == ["world"] and len(k) > 2}
    assert {"humans", "nets", "labs", "cohorts", "state", "ledger", "laws", "month"} <= inside
    left = checkpoint.built() | names
    monkeypatch.setattr(checkpoint, "built", lambda: left)  # the constructor's stand in
    checkpoint.save(e, tmp_path / "c")
    found = differences(e, checkpoint.load(tmp_path / "c"))
    assert {d.split(".")[1].split("[")[0] for d in found} >= names - {"steps"}  # which Mesa counts
    assert not names & {"rng", "random"}  # nothing is drawn from them


def test_what_is_added_is_kept_or_refused(tmp_path):
    """A column, state or list of tomorrow is kept without a change; what no file can hold is refused by its place."""
    e = economy()
    e.humans.mood = np.asfortranarray(np.arange(80.0).reshape(40, 2))
    e.state.mood = {"all": [e.humans.mood[:, 1], e.humans.mood.T[::-1]], 3: {1, 2}}
    e.laws.mean = np.float32(0.1)
    checkpoint.save(e, tmp_path / "c")
    loaded = checkpoint.load(tmp_path / "c")
    assert differences(e, loaded) == []
    loaded.humans.mood[0, 1] = -1.0
    assert loaded.state.mood["all"][0][0] == -1.0  # one memory under two names
    old = (tmp_path / "c").read_bytes()
    for thing, words in ((object(), "builtins.object"), (np.array([None]), "array of objects"), (Path(), "Path")):
        e.state.mood = [thing]
        with pytest.raises(TypeError, match=rf"economy\.world\.state\.mood\[0\]: .*{words}"):
            checkpoint.save(e, tmp_path / "c")
        assert os.listdir(tmp_path) == ["c"]
        assert (tmp_path / "c").read_bytes() == old


def test_rows_of_a_loaded_economy_show_its_tables(tmp_path):
    e = stepped(economy(), 3)
    checkpoint.save(e, tmp_path / "c")
    loaded = checkpoint.load(tmp_path / "c")
    labs = list(loaded.agents_by_type[Lab])
    assert [row.cash_usd for row in labs] == e.labs.cash_usd.tolist()
    labs[1].cash_usd = 7.0
    assert loaded.labs.cash_usd[1] == 7.0
    assert str(loaded.trace(labs[0])) == str(e.trace(next(iter(e.agents_by_type[Lab]))))
    frames = [x.datacollector.get_model_vars_dataframe() for x in (e, loaded)]
    assert frames[0].equals(frames[1])


layouts = [
    np.arange(24.0).reshape(2, 3, 4),
    np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.arange(24.0).reshape(2, 3, 4)[::-1, 1:, ::2],
    np.broadcast_to(np.arange(3.0), (4, 3)),
    np.lib.stride_tricks.sliding_window_view(np.arange(9.0), 4),
    np.zeros((0, 3)),
    np.array(2.5),
    np.frombuffer(b"12345678" * 2)[::-1],
    np.arange(6, dtype=">i4"),
    np.array(["a", "béta"]),
    np.arange("2022-01", "2022-04", dtype="M8[M]"),
    np.zeros(20_000)[::2],
]


@pytest.mark.parametrize("x", layouts, ids=range(len(layouts)))
def test_layouts_are_kept(x):
    y = frozen.restored(frozen.members("x", [x, x[...]]), "x")
    for z in y:
        assert (z.dtype, z.shape, z.flags.writeable) == (x.dtype, x.shape, x.flags.writeable)
        assert z.tobytes() == x.tobytes()
        assert x.size < 2 or z.strides == x.strides
    assert not x.size or np.shares_memory(*y)


nodes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.tuples(x, x) | st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), x),
    max_leaves=12,
)


@settings(max_examples=20)
@given(nodes)
def test_values_are_kept(x):
    assert repr(frozen.restored(frozen.members("x", x), "x")) == repr(x)


def test_no_class_of_others_is_made():
    members = frozen.members("x", [1])
    members["x"] = np.frombuffer(
        json.dumps({"tree": ["object", 0, "subprocess:Popen", []], "places": []}).encode(), np.uint8
    )
    with pytest.raises(ValueError, match="none of ours"):
        frozen.restored(members, "x")


# Files that are refused -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "seed-1.checkpoint"
    checkpoint.save(stepped(economy(), 2), path, "new")
    return path


def refusal(path, *given):
    """Return the one line with which a file is refused, the same by both functions; it is left as it is."""
    before = path.read_bytes()
    with pytest.raises(InputError) as by_check:
        checkpoint.check(path, *given)
    with pytest.raises(InputError) as by_load:
        checkpoint.load(path, *given)
    assert str(by_check.value) == str(by_load.value)
    assert path.read_bytes() == before
    assert str(path) in str(by_load.value)
    assert "\n" not in str(by_load.value)
    return str(by_load.value)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 255), st.booleans())
def test_any_changed_byte_and_any_cut_is_refused(kept, tmp_path, at, change, cut):
    data = bytearray(kept.read_bytes())
    at = at % 120 if at % 3 == 0 else at % len(data)  # often in the first line
    data[at] ^= change
    other = tmp_path / "seed-1.checkpoint"
    other.write_bytes(data[:at] if cut else data)
    assert "damaged" in refusal(other, "new")


def test_foreign_old_and_mismatched_files_are_refused(kept, tmp_path):
    other = tmp_path / "seed-1.checkpoint"
    for data in (b"", b"\n", b"[1]\n", b"seed,month\n1,2\n", bytes(range(256)), kept.read_bytes().partition(b"\n")[2]):
        other.write_bytes(data)
        assert "no checkpoint of ours" in refusal(other, "new")
    version = f'"version": {checkpoint.VERSION}'.encode()
    other.write_bytes(kept.read_bytes().replace(version, b'"version": 1', 1))
    assert f"of format 1, this code reads format {checkpoint.VERSION}" in refusal(other, "new")
    assert "other code or package versions (new) than are here (newer)" in refusal(kept, "newer")
    assert "of seed 1, not of seed 2" in refusal(kept, "new", None, 2)
    same = Scenario.load("baseline").with_run(humans=40, months=9)
    for other in (
        same.with_run(humans=41),
        same.with_run(months=10),
        same.with_overrides({"lab.lab_a.rule": "race"}),
        SHOCKED,
    ):
        assert "of month 2 of another run" in refusal(kept, "new", other)
    assert checkpoint.check(kept, "new", same, 1) == 2
    with pytest.raises(InputError, match=r"No such file"):
        checkpoint.load(tmp_path / "none")


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain_reports(monkeypatch):
    monkeypatch.setattr(report, "write", lambda result, folder: None)  # pictures take longer than these runs


def tables(folder):
    return {name: pl.read_parquet(Path(folder) / f"{name}.parquet") for name in table_names({})} | {
        "networks": (Path(folder) / "networks.json").read_text()
    }


def same(a, b):
    a, b = tables(a), tables(b)
    return [k for k in a if not (a[k] == b[k] if k == "networks" else a[k].equals(b[k]))]


FORESEEN = Foreseen(1e15, 1e-18, 1e-18)


class Stop(Exception):
    """What ends a run as abruptly as a test in one process can."""


@contextlib.contextmanager
def stopping(seed, months):
    """Make a run of `seed` die when `months` months are done."""
    after = Checkpoints.after_month

    def die(self, e):
        if (e.seed, e.month) == (seed, months):
            raise Stop
        after(self, e)

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Stop):
        patch.setattr(Checkpoints, "after_month", die)
        yield
        pytest.fail("it did not stop")


def test_stopped_and_resumed_is_uninterrupted(tmp_path, monkeypatch, plain_reports):
    monkeypatch.chdir(tmp_path)
    given = {"source": SHOCKED, "months": 9, "seed": 3, "seeds": 2, "workers": 1}
    run(**given, out="whole", checkpoint_every=4)
    assert os.listdir() == ["whole"]
    for resume, seed, months in ((False, 3, 6), (True, 4, 2), (True, 4, 9)):
        with stopping(seed, months):
            run(**given, out="cut", checkpoint_every=4, resume=resume)
    assert sorted(os.listdir("cut.checkpoint")) == ["seed-3.checkpoint", "seed-4.checkpoint"]
    run(**given, out="cut", resume=True)
    assert sorted(os.listdir()) == ["cut", "whole"]
    assert same("whole", "cut") == []


def test_earlier_passes_of_perfect_foresight_are_kept(tmp_path, monkeypatch):
    passes = []
    monkeypatch.setattr(
        regret, "earlier_passes", lambda e, inert: passes.append(e) or {("lab_a", "small", 0): FORESEEN}
    )
    kept = Checkpoints(tmp_path / "x", 5, resume=True)
    e = kept.economy(FORESEEING, 1)
    again = kept.economy(FORESEEING, 1)  # killed before its first month, say
    assert len(passes) == 1
    assert again.foresight == e.foresight == {("lab_a", "small", 0): FORESEEN}
    assert differences(e, again) == []


KILLED = """
import os, signal
from experiments import run
def at(done, total, finished):
    if done == 7:
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    run("baseline", humans=40, months=9, out="cut", checkpoint_every=3, on_progress=at)
"""


def test_killed_and_resumed_is_uninterrupted(tmp_path, monkeypatch, plain_reports):
    monkeypatch.chdir(tmp_path)
    Path("killed.py").write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "killed.py"], env=environment).returncode == -signal.SIGKILL
    assert checkpoint.check("cut.checkpoint/seed-1.checkpoint", code_digest()) == 6
    assert not os.path.exists("cut")
    steps = []
    step = month.step
    monkeypatch.setattr(month, "step", lambda e, *more: steps.append(e.month) or step(e, *more))
    run("baseline", humans=40, months=9, out="cut", resume=True)
    assert steps == [6, 7, 8]
    run("baseline", humans=40, months=9, out="whole")
    assert same("whole", "cut") == []
    assert sorted(os.listdir()) == ["cut", "killed.py", "whole"]


def refused(capsys, *more):
    status = cli.main(["run", *SMALL, "--workers", "1", "--out", "x", *more])
    lines = capsys.readouterr().err.splitlines()
    assert (status, len(lines)) == (2, 1), lines
    return lines[0]


def test_what_the_command_refuses(tmp_path, monkeypatch, capsys, plain_reports):
    monkeypatch.chdir(tmp_path)
    assert "--resume: no checkpoints in" in refused(capsys, "--resume")
    assert "--checkpoint-every = 0: outside [1, 1200]" in refused(capsys, "--checkpoint-every", "0")
    with stopping(1, 5):
        run("baseline", humans=40, months=9, out="x", checkpoint_every=2)
    file = Path("x.checkpoint/seed-1.checkpoint")
    good = file.read_bytes()
    assert "--resume goes on with it" in refused(capsys, "--checkpoint-every", "2")
    assert "of another run" in refused(capsys, "--resume", "--set", "lab.lab_a.rule=race")
    file.write_bytes(good[:-1])
    assert "x.checkpoint/seed-1.checkpoint" in refused(capsys, "--resume")
    assert file.read_bytes() == good[:-1]
    file.write_bytes(good)
    Path("x.checkpoint/notes.txt").write_text("mine")
    assert "'notes.txt' in it is no checkpoint" in refused(capsys, "--resume")
    Path("x.checkpoint/notes.txt").unlink()
    Path("x.checkpoint/.seed-1.checkpoint.k3j4").write_bytes(good[:99])  # a process was killed while it wrote
    assert not os.path.exists("x")
    assert cli.main(["run", *SMALL, "--out", "x", "--resume", "--json"]) == 0
    assert os.listdir() == ["x"]


def test_checkpoints_of_seeds_that_are_not_asked_for_are_kept_and_named(tmp_path, monkeypatch, capsys, plain_reports):
    monkeypatch.chdir(tmp_path)
    with stopping(3, 5):
        run("baseline", humans=40, months=9, seeds=3, workers=1, out="x", checkpoint_every=2)
    before = {p.name: p.read_bytes() for p in Path("x.checkpoint").iterdir()}
    assert sorted(before) == ["seed-1.checkpoint", "seed-2.checkpoint", "seed-3.checkpoint"]
    for asked, here in (([], "1"), (["--seed", "2", "--seeds", "3"], "2 to 4"), (["--seed", "7"], "7")):
        line = refused(capsys, "--resume", *asked)
        assert f"holds checkpoints of seeds 1 to 3, and this run is of {here}; ask for all seeds" in line
    assert {p.name: p.read_bytes() for p in Path("x.checkpoint").iterdir()} == before
    assert not os.path.exists("x")
    assert cli.main(["run", *SMALL, "--out", "x", "--resume", "--seeds", "4", "--workers", "1", "--json"]) == 0
    assert os.listdir() == ["x"]


def test_only_what_a_run_used_is_removed(tmp_path):
    kept = Checkpoints(tmp_path, 1, resume=False)
    names = (
        "seed-1.checkpoint",
        ".seed-1.checkpoint.k3j4",
        "seed-11.checkpoint",
        ".seed-11.checkpoint.k3j4",
        "notes.txt",
    )
    for name in names:
        (tmp_path / name).touch()
    kept.remove([1, 2])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names[2:])
    (tmp_path / "notes.txt").unlink()
    kept.remove([11])
    assert not tmp_path.exists()


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch, capsys, plain_reports):
    monkeypatch.chdir(tmp_path)
    fsync, calls = os.fsync, []

    def full(file):
        calls.append(file)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    assert "No space left on device; the one before it is kept" in refused(capsys, "--checkpoint-every", "3")
    assert os.listdir("x.checkpoint") == ["seed-1.checkpoint"]
    assert checkpoint.check("x.checkpoint/seed-1.checkpoint", code_digest()) == 3


def test_ctrl_c_keeps_checkpoints(tmp_path, monkeypatch, plain_reports):
    monkeypatch.chdir(tmp_path)

    def at(done, total, finished):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted):
        run("baseline", humans=40, months=9, out="x", checkpoint_every=2, on_progress=at)
    assert checkpoint.check("x.checkpoint/seed-1.checkpoint", code_digest()) == 4


def written(seen):
    """Return how many checkpoints there were since this was first asked; `seen` keeps them."""
    for path in Path("cut.checkpoint").glob("seed-*.checkpoint"):
        with contextlib.suppress(FileNotFoundError):
            seen.add((path.name, path.stat().st_mtime_ns))
    return len(seen)


@pytest.mark.long
@pytest.mark.parametrize(
    "more", [[], ["--set", "lab.lab_a.forecaster=perfect"], ["--posterior", "3"]], ids=["plain", "perfect", "posterior"]
)
def test_killed_again_and_again(tmp_path, monkeypatch, more):
    """The command with several processes, all killed at random moments, many times over."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shocked.toml").write_text(
        'schema = 1\nextends = "baseline"\n[[intervention]]\ndate = "2022-06"\nuntil = "2023-02"\n'
        'parameter = "supplier.response"\nvalue = 0.03\n'
    )
    seeds = [] if "--posterior" in more else ["--seeds", "3"]
    command = [
        sys.executable,
        "-m",
        "experiments.cli",
        "run",
        "shocked.toml",
        "--humans",
        "400",
        "--months",
        "60",
        *seeds,
        *more,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    draw, kills = random.Random(1), 0
    while kills < 6:
        cut = [*command, "--out", "cut", "--checkpoint-every", "1", "--resume"]
        process = subprocess.Popen(cut, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
        seen: set[tuple[str, int]] = set()
        wanted = written(seen) + draw.randint(1, 40)
        until(lambda seen=seen, wanted=wanted: written(seen) >= wanted, process)
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills
    subprocess.run([*command, "--out", "cut", "--resume", "--checkpoint-every", "50"], env=environment, check=True)
    subprocess.run([*command, "--out", "whole"], env=environment, check=True)
    assert same("whole", "cut") == []
    assert not os.path.exists("cut.checkpoint")


@pytest.mark.long
@pytest.mark.parametrize("months", [1, 37, 131])
def test_a_full_run_from_a_checkpoint(tmp_path, months):
    """The baseline to 2035 with 2,000 rows, cut once early, in the middle, late."""
    whole = stepped(InferenceEconomy("baseline", humans=2_000, seed=5), months)
    checkpoint.save(whole, tmp_path / "c")
    cut = checkpoint.load(tmp_path / "c").run()
    assert differences(whole.run(), cut) == []
    assert all(a.equals(b) for a, b in zip(whole.tables().values(), cut.tables().values(), strict=True))

"""Whatever happens to the processes of a sweep, the table is the same and what was done is kept."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from experiments import cli
from experiments.runs.interrupts import ENDINGS, first_only, held, starting
from experiments.runs.store import FILE
from tests.experiments.test_sweeps import ROOT, toml, undisturbed
from tests.waiting import until


def command(folder, workers):
    return ["sweep", str(folder / "mine.toml"), "--out", str(folder / "x"), "--workers", str(workers)]


def limited(limit):
    """Make files end at a size, as if the disk were full."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most if limit is None else limit, most))


def begin(folder, limit=None, workers=2):
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.cli", *command(folder, workers)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=None if limit is None else lambda: limited(limit),
    )


def beside(folder, limit=None):
    """Return how a sweep in two processes of its own ends, and what it says."""
    process = begin(folder, limit)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def within(capsys):
    """Return `beside` without any other process."""

    def ended(folder, limit=None):
        limited(limit)
        try:
            status = cli.main(command(folder, 1))
        finally:
            limited(None)
        return status, capsys.readouterr().err

    return ended


def stored(folder):
    try:
        database = sqlite3.connect(f"file:{folder / 'x' / FILE}?mode=ro", uri=True)
        try:
            return database.execute("SELECT count(*) FROM runs").fetchone()[0]
        finally:
            database.close()
    except sqlite3.Error:
        return 0


def interrupt(folder, what, after, workers=2):
    """Begin the sweep and send a signal when `after` more runs are stored, a random moment later."""
    process, wanted = begin(folder, workers=workers), stored(folder) + after
    until(lambda: stored(folder) >= wanted, process)
    time.sleep(random.uniform(0.0, 0.1))  # the moment is the test
    assert process.poll() is None, process.communicate()
    (os.killpg if what is signal.SIGINT else os.kill)(process.pid, what)
    return process.returncode, *process.communicate(timeout=120), process


def survives(folder, kills, count, ended=beside, workers=2):
    """Hold that a sweep comes to its table though its first process finds no space and those after it are killed."""
    (folder / "mine.toml").write_text(toml(count))
    status, said = ended(folder, 120_000)
    assert status == 1, said
    assert "what was done before is kept" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert stored(folder)
    most = max(1, count // (2 * len(kills)))  # a quarter of the runs in all, so that each kill finds a sweep at work
    for what in kills:
        *_, said, process = interrupt(folder, what, random.randint(1, most), workers)
        if what in ENDINGS:
            assert process.returncode == 130, said
            assert "the same command goes on" in said.splitlines()[-1]
            assert "Traceback" not in said
            assert "leaked" not in said
        else:
            assert process.returncode == -what
    assert stored(folder) < 2 * count
    status, said = ended(folder)
    assert status == 0, said
    assert f"{2 * count} of {2 * count} runs" in said
    assert {p.name for p in (folder / "x").iterdir()} == {FILE, "sweep.lock", "results.parquet"}
    assert pl.read_parquet(folder / "x" / "results.parquet").equals(undisturbed(count))


def test_killed_terminated_and_without_disk_it_goes_on(tmp_path, capsys):
    survives(tmp_path, [signal.SIGKILL, signal.SIGTERM], 5, within(capsys), 1)


@pytest.mark.long
def test_killed_interrupted_and_without_disk_it_goes_on(tmp_path):
    survives(tmp_path, [signal.SIGKILL, signal.SIGKILL, signal.SIGINT], 16)


@pytest.mark.long
def test_a_sweep_that_is_terminated_ends_as_after_ctrl_c(tmp_path):
    (tmp_path / "mine.toml").write_text(toml(16))
    *_, said, process = interrupt(tmp_path, signal.SIGTERM, 1)
    assert process.returncode == 130, said
    assert "the same command goes on" in said.splitlines()[-1]
    assert "leaked" not in said


@pytest.mark.long
def test_killed_twenty_times_it_goes_on(tmp_path):
    survives(tmp_path, [signal.SIGKILL] * 20, 90)


def processes_of(pid):
    """Return the processes that do runs for a sweep: children of its own that spawn started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found


def workers_die(folder, kills, count):
    """Kill a process of the sweep again and again; a few runs apart, so that none is alone twice when it happens."""
    (folder / "mine.toml").write_text(toml(count))
    process = begin(folder)
    for _ in range(kills):
        wanted = stored(folder) + random.randint(6, 8)
        until(lambda wanted=wanted: stored(folder) >= wanted, process)
        time.sleep(random.uniform(0.0, 0.1))  # the moment is the test
        victims = processes_of(process.pid)
        assert victims, process.poll()
        os.kill(random.choice(victims), signal.SIGKILL)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert f"{2 * count} of {2 * count} runs" in said
    assert pl.read_parquet(folder / "x" / "results.parquet").equals(undisturbed(count))


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_two_workers_killed_it_goes_on(tmp_path):
    workers_die(tmp_path, 2, 16)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_twenty_workers_killed_it_goes_on(tmp_path):
    workers_die(tmp_path, 20, 90)


def test_a_second_process_is_refused_and_the_first_goes_on(tmp_path, capsys):
    """The first is held still meanwhile, so that it cannot come to its end."""
    (tmp_path / "mine.toml").write_text(toml(4))
    first = begin(tmp_path, workers=1)
    until(lambda: stored(tmp_path), first)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        assert cli.main(command(tmp_path, 1)) == 2
        assert "another process is writing it" in capsys.readouterr().err
        assert first.poll() is None
    finally:
        os.kill(first.pid, signal.SIGCONT)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert "8 of 8 runs" in said


def test_ctrl_c_while_processes_start_is_heard_afterwards():
    before = signal.getsignal(signal.SIGINT)
    started = []

    @first_only()
    def start():
        with starting():
            os.kill(os.getpid(), signal.SIGINT)
            started.append(True)

    with pytest.raises(KeyboardInterrupt):
        start()
    assert started
    assert signal.getsignal(signal.SIGINT) is before


def test_only_the_first_signal_interrupts_and_cleaning_up_comes_to_its_end():
    done = []

    @first_only(ENDINGS)
    def work():
        try:
            with held():
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("held")
            done.append("never")
        finally:
            for number in (*ENDINGS, *ENDINGS):
                os.kill(os.getpid(), number)
            done.append("cleaned up")

    before = [signal.getsignal(n) for n in ENDINGS]
    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["held", "cleaned up"]
    assert [signal.getsignal(n) for n in ENDINGS] == before


def test_an_interrupt_that_a_destructor_swallows_comes_again():
    class Deaf:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    @first_only()
    def work():
        Deaf()
        signal.pause()

    with pytest.raises(KeyboardInterrupt):
        work()


def test_what_is_ignored_stays_ignored():
    """The other signals are heard all the same."""

    @first_only(ENDINGS)
    def told(number):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with first_only(ENDINGS):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        for number in (n for n in ENDINGS if signal.getsignal(n) is signal.SIG_DFL):  # nohup ignores one more
            with pytest.raises(KeyboardInterrupt):
                told(number)
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_suite_hears_ctrl_c_as_a_background_job():
    """A script starts its background jobs with Ctrl-C ignored, and what they start would inherit it."""
    name = test_ctrl_c_while_processes_start_is_heard_afterwards.__name__
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"{__file__}::{name}"]
    done = subprocess.run(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *words], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout


RUN = ("run", "--humans", "50", "--months", "12")
COMPARE = ("compare", "baseline", "reasoning-boom", "--humans", "50", "--months", "12")
SWEEP = ("sweep", "mine.toml")


WORST = """
import os, signal, sys
from concurrent.futures import _base, process
from experiments import cli

made = ending = False
enter, shutdown, result = _base._AcquireFutures.__enter__, process.ProcessPoolExecutor.shutdown, _base.Future.result

def arrived(self, timeout=None):
    global made
    made = True
    return result(self, timeout)

def locked(self):
    global ending
    enter(self)
    if made and not ending:
        ending = True
        os.kill(os.getpid(), signal.SIGINT)

def joined(self, wait=True, *, cancel_futures=False):
    os.kill(os.getpid(), signal.SIGINT)
    shutdown(self, wait=wait, cancel_futures=cancel_futures)
    os.kill(os.getpid(), signal.SIGTERM)

def moved(event, given):
    if ending and event in ("os.rename", "shutil.rmtree"):
        os.kill(os.getpid(), signal.SIGINT)

_base._AcquireFutures.__enter__, process.ProcessPoolExecutor.shutdown, _base.Future.result = locked, joined, arrived
sys.addaudithook(moved)
sys.exit(cli.main())
"""


@pytest.mark.parametrize("command", [RUN, COMPARE], ids=lambda command: command[0])
def test_signals_at_the_worst_moments_end_it_as_one(tmp_path, command):
    """While locks of what the processes return are taken, before and after they are joined, at each move of a folder."""
    (tmp_path / "scratch").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", WORST, *command, "--seeds", "20", "--workers", "2", "--out", "x"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "scratch")},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=120)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # it hangs, and hears nothing else
    assert process.returncode == 130, said
    assert "economy: stopped by the user" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not list((tmp_path / "scratch").iterdir())
    if command is RUN:
        assert 0 < len(json.loads((tmp_path / "x.incomplete" / "manifest.json").read_text())["seeds"]) < 20


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "before", "signals"),
    [
        (RUN, "", (signal.SIGINT, signal.SIGINT)),
        (RUN, "", (signal.SIGTERM, signal.SIGTERM)),
        (RUN, "trap '' INT; ", (signal.SIGINT, signal.SIGTERM)),
        (COMPARE, "", (signal.SIGINT, signal.SIGINT)),
        (SWEEP, "trap '' INT; ", (signal.SIGTERM, signal.SIGINT, signal.SIGTERM)),
    ],
)
def test_two_signals_end_it_as_one(tmp_path, command, before, signals):
    """To the whole group, a random moment apart; also where Ctrl-C is ignored, as by nohup and background jobs."""
    (tmp_path / "mine.toml").write_text(toml(90))
    (tmp_path / "scratch").mkdir()
    many = {RUN: ("--seeds", "500"), COMPARE: ("--seeds", "200"), SWEEP: ()}[command]
    words = [sys.executable, "-m", "experiments.cli", *command, *many, "--workers", "2", "--out", "x"]
    process = subprocess.Popen(
        ["sh", "-c", f'{before}exec "$@"', "sh", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "scratch")},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )

    def at_work():
        made = list(tmp_path.glob("scratch/*/seed-*")) if command is RUN else None
        return len(processes_of(process.pid)) == 2 and (made is None or len(made) > 5)

    until(at_work, process)
    for number in signals:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        time.sleep(  # the moment is the test
            random.choice([0.0, 0.01, 0.3]) * random.random()
        )
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "economy: stopped by the user" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not list((tmp_path / "scratch").iterdir())
    if command is RUN:
        manifest = json.loads((tmp_path / "x.incomplete" / "manifest.json").read_text())
        assert 0 < len(manifest["seeds"]) < 500
        assert len(manifest["incomplete"]["requested_seeds"]) == 500

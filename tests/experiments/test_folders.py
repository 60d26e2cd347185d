"""What a user has is never lost: only our files are replaced or removed, whatever happens and wherever a run is killed."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from experiments import cli, figures, run
from experiments.report import page as report
from experiments.runs import files, folder, pool
from experiments.runs import run as runner
from experiments.runs.files import NotWritten, write_file
from experiments.runs.folder import MANIFEST, check_study, check_target, replacing
from experiments.runs.folder import files as names_of_ours
from experiments.runs.options import default_folder, sweep_folder
from experiments.runs.results import Result, incomplete_folder
from experiments.studies import comparison
from experiments.studies.comparison import COLUMNS
from model.core.checks import LawBreach
from model.core.errors import InputError
from model.economy import InferenceEconomy
from model.scenario import Scenario
from tests.samples import some

ROOT = Path(__file__).parents[2]
SMALL = ["--humans", "40", "--months", "3", "--workers", "1"]
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


WRITE = report.write  # before a fixture stands in for it


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "write", lambda result, where: (where / "report.html").write_text("x"))
    return tmp_path


@pytest.fixture(scope="module")
def results():
    """Return results that differ in one setting each, the first twice."""
    small = {"humans": 40, "months": 3, "workers": 1}
    first = run("baseline", **small)
    return {
        "same": first,
        "seeds": run("baseline", **small, seeds=2),
        "run.months": run("baseline", **{**small, "months": 2}),
        "human.imitation_per_year": run("baseline", **small, overrides={"human.imitation_per_year": 0.8}),
        "posterior": run("baseline", **small, posterior=1),
        "scenario": run("no-agents", **small),
    }


def inside(where):
    """Return all that is known of each entry below a folder but when it was read."""
    found = {}
    for path in sorted(Path(where).rglob("*")):
        s = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(s.st_mode) else os.readlink(path) if path.is_symlink() else None
        found[str(path.relative_to(where))] = (s.st_ino, s.st_mode, s.st_uid, s.st_mtime_ns, content)
    return found


def theirs(where):
    return {name: facts for name, facts in inside(where).items() if name.split("/")[0] not in names_of_ours()}


def add_own(out):
    """Put into a folder what a user may put there."""
    (out / "analysis" / "deep").mkdir(parents=True)
    (out / "analysis" / "deep" / "monthly.parquet").write_bytes(b"mine")
    (out / "notes.txt").write_text("do not lose")
    (out / "notes.txt").chmod(0o640)
    os.utime(out / "notes.txt", ns=(1, 2))
    (out / ".hidden").write_text("x")
    (out / "link").symlink_to("notes.txt")
    (out / "nowhere").symlink_to("../gone")
    os.mkfifo(out / "pipe")
    out.chmod(0o750)


def whole(where, version=None):
    """Return the version that all files of ours in a folder bear, None if it is no result; a mixture fails."""
    if not (where / MANIFEST).exists():
        return None
    found = {json.loads((where / name).read_text())["version"] for name in os.listdir(where) if name in names_of_ours()}
    assert len(found) == 1, found
    return found.pop()


def put(out, version):
    with replacing(out, replace=True) as fresh:
        for name in (MANIFEST, "monthly.parquet", *(("report.png",) if version == 1 else ("stack.parquet",))):
            (fresh / name).write_text(json.dumps({"schema_version": 1, "scenario": "x", "version": version}))


WAYS = {
    "exchanged": lambda patch: None,
    "one by one": lambda patch: patch.setattr(folder, "_exchange", lambda a, b: False),
    "from within": lambda patch: patch.setattr(folder, "check_writable", lambda target, out: target),
    "on a mount": lambda patch: patch.setattr(os.path, "ismount", lambda path: Path(path).name == "analysis"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_ours_stays_as_it_is(results, here, monkeypatch, way):
    out = here / "mine"
    results["same"].save(out)
    add_own(out)
    before, mode = theirs(out), out.stat().st_mode
    WAYS[way](monkeypatch)
    for _ in range(2):
        results["same"].save(out)
        assert theirs(out) == before
    assert out.stat().st_mode == mode
    assert Result.load(out).monthly.equals(results["same"].monthly)
    assert os.listdir(here) == ["mine"]


def test_ours_that_is_no_longer_written_goes(here):
    put(here / "x", 1)
    put(here / "x", 2)
    assert sorted(os.listdir(here / "x")) == [MANIFEST, "monthly.parquet", "stack.parquet"]


def test_every_file_of_a_result_is_known_as_ours(results, here):
    results["same"].save(here / "x")
    assert set(os.listdir(here / "x")) <= names_of_ours()


STEPS = ("os.rename", "os.remove", "os.rmdir", "os.symlink", "ctypes.dlsym")


def put_and_die(out, version, steps):
    """Return how a process of its own ends that puts a result in its place and dies before its step so and so."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    left = [steps]

    def hook(event, given):
        if event in STEPS:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)

    with suppress(BaseException):
        with replacing(out, replace=True) as fresh:
            for name in (MANIFEST, "monthly.parquet", "stack.parquet"):
                (fresh / name).write_text(json.dumps({"schema_version": 1, "scenario": "x", "version": version}))
            sys.addaudithook(hook)
        os._exit(0)
    os._exit(1)


@pytest.mark.parametrize("way", ["exchanged", "one by one"])
def test_killed_at_any_step_no_result_is_half_and_nothing_is_lost(here, monkeypatch, way):
    """The process ends before its first, second ... change to the folder, until it is done."""
    seen = set()
    for steps in range(60):
        out = here / f"{steps}" / "x"
        out.parent.mkdir()
        put(out, 1)
        add_own(out)
        own, words = theirs(out), (out / "notes.txt").read_text()
        with monkeypatch.context() as patch:
            WAYS[way](patch)
            done = put_and_die(out, 2, steps)
        assert done in (0, 9)
        seen.add(whole(out))
        assert (out / "notes.txt").read_text() == words  # at once, even where a link stands for it
        assert (out / "analysis" / "deep" / "monthly.parquet").read_bytes() == b"mine"
        if whole(out) is not None:
            put(out, 3)  # the next run puts in order what is left
            assert whole(out) == 3
            assert theirs(out) == own
        if done == 0:
            break
    assert done == 0
    assert steps > 10
    assert seen == ({1, 2} if way == "exchanged" else {1, 2, None})


@pytest.mark.parametrize("way", ["exchanged", "one by one"])
def test_an_error_at_any_step_leaves_the_result_before(here, monkeypatch, way):
    WAYS[way](monkeypatch)
    out, replace, calls = here / "x", os.replace, []
    put(out, 1)
    add_own(out)
    own = theirs(out)

    def fails(a, b):
        calls.append(a)
        if len(calls) == 4:
            raise OSError(28, "No space left on device", str(a))
        replace(a, b)

    monkeypatch.setattr(os, "replace", fails)
    if way == "one by one":
        with pytest.raises(NotWritten, match="No space left on device; the result before is kept"):
            put(out, 2)
        assert whole(out) == 1
    else:
        put(out, 2)
    assert theirs(out) == own
    assert os.listdir(here) == ["x"]


def test_a_name_of_ours_that_is_no_file_is_refused_and_no_link_is_followed(results, here):
    (here / "precious").write_text("precious")
    for make in (lambda p: p.mkdir(), lambda p: p.symlink_to(here / "precious"), os.mkfifo):
        out = here / "x"
        results["same"].save(out)
        (out / "stack.parquet").unlink()
        make(out / "stack.parquet")
        before = inside(out)
        with pytest.raises(InputError, match=r"'stack\.parquet' in it is a folder or a link"):
            check_target(out)
        with pytest.raises(InputError, match=r"'stack\.parquet'"):
            results["same"].save(out)
        assert inside(out) == before
        (out / "stack.parquet").rename(here / f"aside{make.__name__}{len(os.listdir(here))}")
    assert (here / "precious").read_text() == "precious"


# Other settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["seeds", "run.months", "human.imitation_per_year", "posterior", "scenario"])
def test_a_result_of_other_settings_is_not_replaced_in_silence(results, here, what):
    results[what].save(here / "x")
    before = inside("x")
    with pytest.raises(InputError, match=rf"other settings.*{what}: .*--replace") as caught:
        results["same"].save(here / "x")
    assert len(str(caught.value)) < 400
    assert inside("x") == before
    results[what].save(here / "x")
    results["same"].save(here / "x", replace=True)
    assert Result.load("x").seeds == results["same"].seeds


def test_the_command_refuses_before_it_runs_and_goes_elsewhere_by_default(here, monkeypatch, capsys):
    assert cli.main(["run", *SMALL]) == 0
    before = inside("results/baseline")
    assert cli.main(["run", *SMALL, "--seed", "2", "--json"]) == 0
    printed = capsys.readouterr()
    other = json.loads(printed.out[printed.out.index("{\n") :])["out"]
    assert other in printed.err
    assert inside("results/baseline") == before
    assert Result.load(other).seeds == (2,)
    assert cli.main(["run", *SMALL]) == 0
    assert cli.main(["run", *SMALL, "--seed", "2"]) == 0
    assert sorted(os.listdir("results")) == ["baseline", Path(other).name]

    def never(*args, **kwargs):
        raise AssertionError("simulated")

    with monkeypatch.context() as patch:
        patch.setattr(InferenceEconomy, "__init__", never)
        capsys.readouterr()
        assert cli.main(["run", *SMALL, "--seeds", "3", "--out", "results/baseline"]) == 2
        line = capsys.readouterr().err
        assert "seeds: 1 there, 1 to 3 here" in line
        assert "--replace" in line
        with pytest.raises(InputError, match="other settings"):
            run("baseline", humans=40, months=2, out="results/baseline")
    assert cli.main(["run", *SMALL, "--seed", "2", "--replace"]) == 0
    assert Result.load("results/baseline").seeds == (2,)


def test_what_is_incomplete_replaces_only_what_it_holds_too(results, here):
    long, short = results["seeds"], results["same"]
    target = here / "x"
    assert incomplete_folder(short, target) == here / "x.incomplete"
    short.save(here / "x.incomplete")
    assert incomplete_folder(long, target) == here / "x.incomplete"  # both seeds, as long
    long.save(here / "x.incomplete", replace=True)
    assert incomplete_folder(short, target) == here / "x.incomplete-2"
    assert incomplete_folder(results["human.imitation_per_year"], target) == here / "x.incomplete-2"
    (here / "x.incomplete" / "monthly.parquet").write_bytes(b"damaged")
    assert incomplete_folder(long, target) == here / "x.incomplete-2"
    (here / "x.incomplete-2").mkdir()
    assert incomplete_folder(short, target) == here / "x.incomplete-3"


def test_a_run_that_breaks_earlier_keeps_the_longer_one(here, monkeypatch, capsys):
    step, last = InferenceEconomy.step, [2]

    def broken(self):
        if self.month == last[0]:
            raise LawBreach("money: sectors sum to zero", "2022-03", "labs", 12.0)
        step(self)

    monkeypatch.setattr(InferenceEconomy, "step", broken)
    for months, kept in ((2, "x.incomplete"), (1, "x.incomplete-2")):
        last[0] = months
        assert cli.main(["run", *SMALL, "--out", "x"]) == 3
        assert capsys.readouterr().err.rstrip().endswith(f"kept in {kept}")
        assert Result.load(kept).monthly.height == months


def test_names_that_differ_in_odd_characters_do_not_share_a_folder():
    names = [
        "mine",
        "my runs",
        "my:runs",
        "my/runs",
        "my runs ",
        "-my runs",
        "ü?",
        "ü!",
        "?",
        "!",
        "",
        "x" * 200,
        "y" * 200,
    ]
    folders = [default_folder(Scenario(name=name)) for name in names]
    assert folders[0] == "results/mine"
    assert len(set(folders)) == len(names)
    assert all(f.count("/") == 1 and len(f) < 120 for f in folders)
    paths = ["mine.toml", "a/mine.toml", "b/mine.toml", "../mine.toml", "mine.txt", "a-mine.toml", "..toml", ".toml"]
    folders = [sweep_folder(path) for path in paths]
    assert folders[0] == sweep_folder(os.path.abspath("mine.toml")) == "results/mine"
    assert len(set(folders)) == len(paths)


# Studies and files ----------------------------------------------------------------------------------------------------


def test_a_study_keeps_what_is_not_its_own_and_takes_no_file_for_its_own_by_name(here):
    given = ({"runs", "best.toml"}, "a fit", "runs/sweep.sqlite")
    (here / "x").mkdir()
    check_study("x", *given)
    (here / "x" / "best.toml").write_text("mine")
    with pytest.raises(InputError, match=r"'best\.toml' in it is not of a fit"):
        check_study("x", *given)
    (here / "x" / "runs").mkdir()
    (here / "x" / "runs" / "sweep.sqlite").touch()
    (here / "x" / "notes.txt").write_text("mine")
    assert check_study("x", *given) == here / "x"
    (here / "x" / "best.toml").unlink()
    (here / "x" / "best.toml").symlink_to("notes.txt")
    with pytest.raises(InputError, match="is a folder or a link"):
        check_study("x", *given)


def test_a_sweep_takes_no_table_of_others_for_its_own(here, capsys):
    (here / "mine.toml").write_text("schema = 1\n")
    (here / "x").mkdir()
    (here / "x" / "results.parquet").write_bytes(b"mine")
    assert cli.main(["sweep", "mine.toml", "--out", "x"]) == 2
    assert "'results.parquet' in it is not of a sweep" in capsys.readouterr().err
    assert inside("x")["results.parquet"][-1] == b"mine"


def test_bench_takes_no_file_of_others_for_its_own(here, capsys):
    (here / "x").mkdir()
    (here / "x" / "bench.json").write_text('{"mine": 1}')
    assert cli.main(["bench", "--quick", "--out", "x"]) == 2
    assert "bench.json" in capsys.readouterr().err
    assert (here / "x" / "bench.json").read_text() == '{"mine": 1}'


HEADER = ",".join(COLUMNS)
COMPARE = ["compare", "baseline", "no-agents", "--humans", "40", "--months", "3", "--seeds", "1", "--workers", "1"]


def device(path):
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p.write_text("my,table\n1,2\n"), "something else"),
        (lambda p: p.write_text(HEADER + ",mine\n1,2\n"), "something else"),
        (lambda p: p.write_bytes(b"\xff\xfe\0"), "something else"),
        (lambda p: p.symlink_to("table.csv"), "link"),
        (lambda p: p.symlink_to("gone.csv"), "link"),
        (lambda p: p.symlink_to("x.csv"), "link"),
        (os.mkfifo, "pipe"),
        pytest.param(device, "device", marks=pytest.mark.skipif(os.getuid() != 0, reason="only root makes devices")),
    ],
)
def test_compare_replaces_only_its_own_tables(here, monkeypatch, capsys, make, says):
    def never(*args, **kwargs):
        raise AssertionError("simulated")

    monkeypatch.setattr(InferenceEconomy, "__init__", never)
    (here / "table.csv").write_text(HEADER + "\nmine")
    make(here / "x.csv")
    before = inside(here)
    assert cli.main([*COMPARE, "--out", "x.csv"]) == 2
    line = capsys.readouterr().err
    assert says in line
    assert len(line.splitlines()) == 1
    assert inside(here) == before


#: Every command that writes to a place of the user, and what it needs besides.
WRITERS = [n for n, p in cli._parser()[1].items() if any("--out" in a.option_strings for a in p._actions)]
NEEDS = {"sweep": ["mine.toml"], "compare": ["baseline", "no-agents"], "bench": ["--quick"]}


@pytest.fixture
def never(monkeypatch):
    """Let nothing be simulated, here or in other processes."""

    def simulated(*args, **kwargs):
        raise AssertionError("simulated")

    monkeypatch.setattr(InferenceEconomy, "__init__", simulated)
    monkeypatch.setattr(pool.Processes, "__init__", simulated)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("command", WRITERS)
def test_no_command_takes_what_is_a_users(here, capsys, command):
    (here / "mine.toml").write_text("schema = 1\n")
    (here / "folder").mkdir()
    (here / "folder" / "notes.txt").write_text("mine")
    (here / "file").write_text("mine")
    (here / "link").symlink_to("file")
    before = inside(here)
    for out in ("folder", "file", "link"):
        assert cli.main([command, *NEEDS.get(command, []), "--out", out]) == 2
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1, said
        assert out in said
        assert inside(here) == before


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("command", WRITERS)
def test_writing_is_tried_before_anything_runs(here, monkeypatch, capsys, command):
    def read_only(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    (here / "mine.toml").write_text("schema = 1\n")
    monkeypatch.setattr("tempfile.mkdtemp", read_only)
    assert cli.main([command, *NEEDS.get(command, []), "--out", "x"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1, said
    assert "Read-only file system" in said


def test_compare_writes_a_new_file_an_empty_one_and_its_own(here, capsys):
    (here / "empty.csv").touch()
    (here / "own.csv").write_text(HEADER + "\n")
    (here / "own.csv").chmod(0o600)
    (here / "new.csv.part").write_text("mine")
    for name in ("new.csv", "empty.csv", "own.csv", "own.csv"):
        assert cli.main([*COMPARE, "--out", name]) == 0
        assert (here / name).read_text().startswith(HEADER + "\n")
        assert (here / name).read_text().count("\n") > 10
    assert stat.S_IMODE((here / "own.csv").stat().st_mode) == 0o600
    assert sorted(os.listdir(here)) == ["empty.csv", "new.csv", "new.csv.part", "own.csv"]
    assert (here / "new.csv.part").read_text() == "mine"


@pytest.mark.parametrize("json_too", [False, True])
def test_what_compare_cannot_write_is_printed(here, monkeypatch, capsys, json_too):
    (here / "x.csv").write_text(HEADER + "\n")

    def full(a, b):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    assert cli.main([*COMPARE, "--out", "x.csv", *(["--json"] if json_too else [])]) == 1
    printed = capsys.readouterr()
    assert len(json.loads(printed.out)) > 10 if json_too else HEADER in printed.out
    last = printed.err.splitlines()[-1]
    assert last == "economy: 'x.csv': No space left on device; it is as it was before"
    assert (here / "x.csv").read_text() == HEADER + "\n"
    assert os.listdir(here) == ["x.csv"]


def test_a_file_that_comes_while_compare_runs_is_not_replaced(here, monkeypatch, capsys):
    paired = comparison.paired

    def meanwhile(*args, **kwargs):
        (here / "x.csv").write_text("mine")
        return paired(*args, **kwargs)

    monkeypatch.setattr(comparison, "paired", meanwhile)
    assert cli.main([*COMPARE, "--out", "x.csv"]) == 1
    printed = capsys.readouterr()
    assert HEADER in printed.out
    assert "something else" in printed.err
    assert (here / "x.csv").read_text() == "mine"


def test_what_a_run_cannot_write_is_printed_and_its_checkpoints_stay(here, monkeypatch, capsys):
    assert cli.main(["run", *SMALL, "--out", "x"]) == 0
    before = inside("x")
    opened = files.opened

    def full(path):
        if path.name == "stack.parquet" and path.parent.name.startswith(".x."):
            raise OSError(28, "No space left on device", str(path))
        return opened(path)

    monkeypatch.setattr("experiments.runs.results.opened", full)
    capsys.readouterr()
    assert cli.main(["run", *SMALL, "--out", "x", "--checkpoint-every", "2", "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["seeds"] == [1]
    last = printed.err.splitlines()[-1]
    for word in ("x/stack.parquet", "No space left on device", "the result before is kept", "x.checkpoint", "--resume"):
        assert word in last
    assert inside("x") == before
    assert sorted(os.listdir(here)) == ["x", "x.checkpoint"]
    monkeypatch.undo()
    os.chdir(here)
    monkeypatch.setattr(report, "write", lambda result, where: None)
    assert cli.main(["run", *SMALL, "--out", "x", "--resume"]) == 0
    assert os.listdir(here) == ["x"]


def test_a_folder_of_others_that_comes_while_a_run_goes_on_stays_and_the_result_is_handed_over(here):
    def meanwhile(done, total, finished):
        if done == 1:
            (here / "x").mkdir(exist_ok=True)
            (here / "x" / "notes.txt").write_text("mine")

    with pytest.raises(NotWritten, match="not empty") as caught:
        run("baseline", humans=40, months=3, out="x", on_progress=meanwhile)
    assert caught.value.result.monthly.height == 3
    assert os.listdir(here / "x") == ["notes.txt"]


def test_a_report_that_fails_leaves_no_half_and_costs_nothing(results, here, monkeypatch, capsys):
    whole = Path.write_text

    def half(path, text, **how):
        if path.name != "report.html":
            return whole(path, text, **how)
        whole(path, text[:3])
        raise OSError(27, "File too large")

    monkeypatch.setattr(Path, "write_text", half)
    monkeypatch.setattr(report, "write", WRITE)
    monkeypatch.setattr(figures, "pictures", dict)
    report.save(results["same"], "x")
    assert "the report lacks report.html (OSError: [Errno 27] File too large)" in capsys.readouterr().err
    assert not (here / "x" / "report.html").exists()
    assert Result.load("x").seeds == (1,)


def limited(command, bytes_, here):
    """Run a command in a process that can write no file larger than so many bytes."""
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes_}, {bytes_})); "
        "import sys; from experiments import cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    given = [sys.executable, "-c", code, *command]
    return subprocess.run(given, cwd=here, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("command", "bytes_", "status", "says"),
    some(
        [
            ([*COMPARE, "--out", "x.csv"], 0, 2, "--out 'x.csv'"),
            ([*COMPARE, "--out", "x.csv"], 100, 1, "'x.csv': File too large"),
            (["run", *SMALL, "--out", "x"], 0, 2, "cannot write in"),
            (["run", *SMALL, "--out", "x"], 2000, 1, "monthly.parquet': File too large; nothing is kept"),
        ],
        2,
    ),
)
def test_a_limit_on_file_sizes_is_one_line_that_names_the_file(here, command, bytes_, status, says):
    done = limited(command, bytes_, here)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == status, done.stderr
    assert says in last
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(here) == []
    if command[0] == "compare" and status == 1:
        assert HEADER in done.stdout


def test_a_full_output_is_one_line(here):
    with open("/dev/full", "w") as full:
        given = [sys.executable, "-m", "experiments.cli", "parameters", "auction"]
        done = subprocess.run(given, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "economy: standard output: No space left on device\n")


# Names that are hard --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [238, 245, 252, 255, 256])
def test_a_name_works_to_its_end_or_is_refused_before(here, monkeypatch, capsys, length):
    steps, step = [], InferenceEconomy.step
    monkeypatch.setattr(InferenceEconomy, "step", lambda self: steps.append(1) or step(self))
    out = "x" * length
    status = cli.main(["run", *SMALL, "--out", out, "--checkpoint-every", "2"])
    assert status == (0 if length == 238 else 2), capsys.readouterr().err
    assert (status == 0) == bool(steps)
    assert os.listdir(here) == ([out] if status == 0 else [])


@pytest.mark.parametrize("command", some(["compare", "run"], 1))
def test_any_bytes_are_a_name_in_a_locale_of_ascii(here, command):
    """The locale knows ASCII alone, the names are UTF-8."""
    (here / "n\u00e9.toml").write_text("schema = 1\n")
    given = [sys.executable, "-m", "experiments.cli"]
    environment = {**os.environ, **PLAIN, "PYTHONPATH": str(ROOT)}
    given += (
        ["run", "n\u00e9.toml", *SMALL, "--out", "n\u00e9e"]
        if command == "run"
        else [*COMPARE, "--out", "n\u00e9e.csv"]
    )
    done = subprocess.run(given, cwd=here, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    if command == "run":
        assert b"n\xc3\xa9e/report.html" in done.stdout
        assert set(os.listdir(here / "n\u00e9e")) == names_of_ours()
        assert json.loads((here / "n\u00e9e" / MANIFEST).read_text())["scenario"] == "n\u00e9"
    else:
        assert (here / "n\u00e9e.csv").read_text().startswith(HEADER)


def test_a_name_that_is_no_utf_8_is_a_name(here):
    out = os.fsdecode(b"n\xe9e")
    for _ in range(2):  # new, and in place of the one before
        assert cli.main(["run", *SMALL, "--out", out]) == 0
        assert Result.load(out).seeds == (1,)
    assert os.listdir(here) == [out]


@pytest.mark.parametrize(
    "command",
    [
        "run loop.toml",
        "run loop.json",
        "run loop",
        "run --out loop",
        "run --out loop/x",
        "run " + "x" * 300,
        "sweep loop.toml",
        "sweep mine.toml --out loop",
        "compare baseline loop.toml",
        "compare baseline no-agents --out loop",
        "sensitivity --out loop",
        "calibrate --out loop",
        "bench --quick --out loop",
        "backtest --observations loop.json",
    ],
)
def test_links_in_a_circle_are_one_line(here, capsys, command):
    (here / "mine.toml").write_text("schema = 1\n")
    for name in ("loop", "loop.toml", "loop.json"):
        (here / name).symlink_to(name)
    assert cli.main(command.split()) == 2
    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1, line
    assert "internal" not in line
    assert ("loop" if "loop" in command else "unknown scenario") in line


def test_a_file_is_written_in_one_step_with_the_rights_that_a_user_gives(here):
    before = os.umask(0o027)
    try:
        write_file(here / "a" / "new", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((here / "a" / "new").stat().st_mode) == 0o640
    write_file(here / "a" / "new", b"22")
    assert (here / "a" / "new").read_bytes() == b"22"
    (here / "file").touch()
    with pytest.raises(NotWritten, match="file/x"):
        write_file(here / "file" / "x", b"")
    assert runner.NotWritten is NotWritten

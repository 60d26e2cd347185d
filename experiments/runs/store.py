"""The store of a sweep: one SQLite file, a row a run, each with a checksum; one process at a time may write it."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import model
from experiments.runs.digest import code_digest
from experiments.runs.files import cut, unusable
from experiments.runs.folder import check_plain, check_writable, named
from experiments.runs.pool import DONE, ERROR, Outcome, Task, checksum
from experiments.runs.workers import RunStopped
from model.core.errors import InputError

FILE, LOCK = "sweep.sqlite", "sweep.lock"
OURS = {
    FILE,
    *(f"{FILE}{end}" for end in ("-wal", "-shm", ".damaged", ".rescued", ".rescued-journal")),
    LOCK,
    "results.parquet",
}
COLUMNS = 13
APPLICATION, SCHEMA_VERSION = 0x45434F4E, 1  # marks the file as ours
TABLE = """CREATE TABLE IF NOT EXISTS runs (
 id TEXT PRIMARY KEY, scenario TEXT, months INTEGER, humans INTEGER, version TEXT, manifest TEXT, seed INTEGER,
 status TEXT, seconds REAL, error TEXT, crossover TEXT, series BLOB, checksum TEXT) WITHOUT ROWID"""


class Store:
    """The runs of a sweep in a folder, opened for this process alone.

    Parameters
    ----------
    folder : path
        New, empty, or a folder of a sweep.

    Raises
    ------
    InputError
        If something else is in the folder, another process writes it, or the file is no store of ours.
    RunStopped
        If the disk does not let it be opened.

    Attributes
    ----------
    rescued : int or None
        Runs saved from a file whose pages were damaged, which stands beside the new one; None where nothing was.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = checked(folder)
        self.rescued: int | None = None
        self._lock: IO[str] = self._locked()
        try:
            self._open()
        except sqlite3.OperationalError as error:  # the disk, not the file
            self._lock.close()
            raise RunStopped(f"sweep store {str(self.folder / FILE)!r}: {error}") from None
        except sqlite3.DatabaseError as error:
            self._lock.close()
            raise InputError(
                f"sweep store {str(self.folder / FILE)!r}: {error}; move it away, and the sweep begins anew"
            ) from None

    def _open(self) -> None:
        self._database = _connected(self.folder / FILE)
        run = self._database.execute
        mark, version = run("PRAGMA application_id").fetchone()[0], run("PRAGMA user_version").fetchone()[0]
        if mark not in (0, APPLICATION) or version not in (0, SCHEMA_VERSION):
            raise sqlite3.DatabaseError("another kind or version of store")
        if not _whole(self._database):
            self._rescue()
            run = self._database.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")  # what is reported as done survives a loss of power
        run(TABLE)
        run(f"PRAGMA application_id = {APPLICATION}")
        run(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _rescue(self) -> None:
        """Put what is sound of a damaged file into a new one, and the damaged one aside."""
        rows = {row[0]: row for order in ("ASC", "DESC") for row in _readable(self._database, order) if _sound(row)}
        self._database.close()
        fresh = self.folder / f"{FILE}.rescued"
        fresh.unlink(missing_ok=True)
        self._database = _connected(fresh)
        self._database.execute(TABLE)
        self._insert(rows.values())
        self._database.execute(f"PRAGMA application_id = {APPLICATION}")
        self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._database.close()
        shutil.copyfile(self.folder / FILE, self.folder / f"{FILE}.damaged")
        for end in ("-wal", "-shm"):
            (self.folder / f"{FILE}{end}").unlink(missing_ok=True)
        fresh.replace(self.folder / FILE)
        self._database, self.rescued = _connected(self.folder / FILE), len(rows)

    def _locked(self) -> IO[str]:
        import fcntl

        self.folder.mkdir(parents=True, exist_ok=True)
        handle = open(self.folder / LOCK, "a+", encoding="utf-8")  # noqa: SIM115 - held as long as the store
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system frees it when this process ends, however
        except OSError:
            handle.close()
            raise InputError(f"sweep folder {str(self.folder)!r}: another process is writing it") from None
        return handle

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and free the lock."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        self._lock.close()

    def add(self, found: Iterable[tuple[Task, Outcome]]) -> None:
        """Write outcomes, all or none of them.

        Raises
        ------
        RunStopped
            If they cannot be written: the disk is full.
        """
        rows = [_row(task, outcome) for task, outcome in found]
        if not rows:
            return
        try:
            self._insert(rows)
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise RunStopped(
                f"sweep store {str(self.folder / FILE)!r}: {error}; what was done before is kept, and the same "
                "command goes on"
            ) from error

    def _insert(self, rows: Iterable[tuple[Any, ...]]) -> None:
        places = ", ".join("?" * COLUMNS)
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany(f"INSERT OR REPLACE INTO runs VALUES ({places})", rows)
        self._database.execute("COMMIT")

    def statuses(self) -> Iterator[tuple[str, str]]:
        """Yield id and status of each stored run.

        'corrupt' where the row is not what was written, 'other code' where the run was made by other code than is here.
        """
        for row in self._database.execute("SELECT * FROM runs"):
            status = str(row[7]) if row[4] == version() else "other code"
            yield str(row[0]), status if _sound(row) else "corrupt"

    def outcome(self, run: str) -> Outcome | None:
        """Return a stored run, None if there is none or it is not what was written."""
        row = self._database.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone()
        if row is None or not _sound(row):
            return None
        return Outcome(row[0], row[7], row[8], row[9], row[10], row[11])


def version() -> str:
    """Return the version of the package and the digest of its code, as it stands in a row."""
    return f"{model.__version__}+{code_digest()}"


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.text_factory = lambda data: data.decode(errors="replace")  # damage is for the checksum
    return database


def _whole(database: sqlite3.Connection) -> bool:
    """Return whether the pages of the file hang together; what they say is for the checksums."""
    try:
        return bool(database.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname == "SQLITE_NOTADB":
            raise
        return False


def _readable(database: sqlite3.Connection, order: str) -> Iterator[tuple[Any, ...]]:
    """Yield rows until a damaged page; from the other end too, only what lies on such pages is lost."""
    with contextlib.suppress(sqlite3.DatabaseError):
        yield from database.execute(f"SELECT * FROM runs ORDER BY id {order}")


def _row(task: Task, outcome: Outcome) -> tuple[Any, ...]:
    scenario = task.scenario
    row = (
        outcome.id,
        scenario.name,
        scenario.months,
        scenario.humans,
        version(),
        json.dumps(_manifest(task)),
        task.seed,
        outcome.status,
        outcome.seconds,
        outcome.error,
        outcome.crossover,
        outcome.blob,
    )
    return (*row, _digest(row))


def _manifest(task: Task) -> dict[str, Any]:
    """Return what repeats the run; saved as a manifest.json it can be given to ``economy run``."""
    scenario = task.scenario
    values = scenario.values()
    for name, value in task.overrides.items():
        section, _, rest = name.partition(".")
        values[section][rest] = value
    return {
        "scenario": scenario.name,
        "run": {"start": scenario.start, "months": scenario.months, "humans": scenario.humans},
        "seeds": [task.seed],
        "parameters": values,
        "interventions": [change.to_dict() for change in scenario.interventions],
    }


def _digest(row: tuple[Any, ...]) -> str:
    return checksum(*(v if isinstance(v, bytes) else repr(v) for v in row))


def _sound(row: tuple[Any, ...]) -> bool:
    return row[7] in (DONE, ERROR) and _digest(tuple(row[:-1])) == row[-1]


def checked(folder: str | Path) -> Path:
    """Return the folder as an absolute path, or refuse what is no folder of a sweep."""
    path = named(folder)
    try:
        if path.exists() and not (path / FILE).exists():
            foreign = sorted(p.name for p in path.iterdir() if not _is_ours(p))
            if foreign:
                raise InputError(f"--out {cut(folder)}: {foreign[0]!r} in it is not of a sweep; name another folder")
        check_plain(path, OURS - {FILE}, folder)
    except OSError as error:
        raise unusable(folder, error) from None
    check_writable(path, folder)
    return path


def _is_ours(path: Path) -> bool:
    """Return whether a file is of a sweep whose store has been moved away."""
    if path.name != "results.parquet":
        return path.name in OURS
    import polars as pl

    try:
        with open(path, "rb") as file:
            return "schema_version" in pl.read_parquet_metadata(file)
    except (OSError, pl.exceptions.PolarsError):
        return False

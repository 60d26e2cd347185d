"""Result folders: ours are replaced in one step, and only what is ours; what is someone else's stays or is refused."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.runs.files import NotWritten, cut, probe, reason, to_disk, unusable
from experiments.runs.settings import differences, flat
from model.core.errors import InputError
from model.core.files import read_json

SCHEMA_VERSION = 1
MANIFEST, NETWORKS = "manifest.json", "networks.json"
REPORT = ("report.html", "report.png")


def table_names(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the tables of a result: the shipped ones and those that its manifest lists."""
    from model.results.tables import TABLES  # not sooner: help is immediate

    more = manifest.get("tables") or ()
    return (*(t.name for t in TABLES), *(str(name) for name in more))


def files(*manifests: Mapping[str, Any] | None) -> frozenset[str]:
    """Return all that result folders with such manifests hold of ours; whatever bears another name is someone else's."""
    names = [name for manifest in ({}, *manifests) for name in table_names(manifest or {})]
    return frozenset({MANIFEST, NETWORKS, *REPORT, *(f"{name}.parquet" for name in names)})


def manifest_of(folder: Path) -> dict[str, Any] | None:
    """Return the manifest that we wrote into a folder, None where there is none."""
    try:
        manifest = read_json(folder / MANIFEST, "manifest")
    except InputError:
        return None
    ours = isinstance(manifest, dict) and manifest.get("schema_version") == SCHEMA_VERSION and "scenario" in manifest
    return manifest if ours else None


def check_interpreter() -> None:
    """Refuse `python -OO`, before anything runs.

    Raises
    ------
    InputError
    """
    if sys.flags.optimize > 1:
        raise InputError(
            "python -OO (PYTHONOPTIMIZE=2) is not supported: libraries read their own documentation; -O is supported"
        )


def is_ours(folder: Path) -> bool:
    """Return whether the folder holds a manifest that we wrote."""
    return manifest_of(folder) is not None


def foreign(folder: Path) -> list[Path]:
    """Return what is in a folder and does not bear a name of ours, sorted."""
    ours = files(manifest_of(folder))
    return sorted(p for p in folder.iterdir() if p.name not in ours)


def check_target(out: str | Path, settings: Mapping[str, Any] | None = None, replace: bool = False) -> Path:
    """Return the folder to write as an absolute path, or refuse it before anything is simulated.

    Parameters
    ----------
    out : str or path
    settings : mapping, optional
        Manifest of the result to be written; a result of other settings is then refused.
    replace : bool
        Whether a result of other settings is replaced all the same.

    Raises
    ------
    InputError
        If something else than a result folder of ours (or an empty folder) stands there, or it cannot be written.
    """
    check_interpreter()  # pictures come last
    path = named(out)
    try:
        found = manifest_of(path)
        if found is None and path.is_dir() and any(path.iterdir()):
            raise InputError(f"--out {cut(out)}: the folder is not empty and no result of ours; name another")
        check_plain(path, ours := files(found), out)
        if theirs := next((name for name in sorted(files(settings) - ours) if os.path.lexists(path / name)), None):
            raise InputError(
                f"--out {cut(out)}: {theirs!r} in it is none of ours, and a table to be written has that name"
            )
    except OSError as error:
        raise unusable(out, error) from None
    if found is not None and settings is not None and not replace and (other := differences(found, settings)):
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        raise InputError(
            f"--out {cut(out)}: holds a result of other settings ({'; '.join(other[:3])}{more}); name another --out, or "
            "--replace it"
        )
    check_writable(path, out)
    return path


def own_folder(plain: str, settings: Mapping[str, Any]) -> str:
    """Return `plain`, or, if that holds a result of other settings, a folder for these settings alone."""
    found = manifest_of(Path(plain))
    if found is None or not differences(found, settings):
        return plain
    text = json.dumps(sorted(flat(settings).items()))
    return f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def check_study(out: str, ours: Collection[str], what: str, sign: str | None = None) -> Path:
    """Return the folder of a study that goes on where it stopped, or refuse what holds something else.

    Parameters
    ----------
    out : str
    ours : collection of str
        Names of the files and folders that a study writes.
    what : str
        What it is called in the refusal: "a fit".
    sign : str, optional
        One of these names, which no one else gives and which is there from the beginning (the store of runs): with it,
        what else is in the folder stays; without it, files of our names are refused too, since they may be another's.

    Raises
    ------
    InputError
    """
    path = named(out)
    try:
        inside = sorted(path.iterdir()) if path.exists() else []
        if sign is None or not (path / sign).exists():
            other = next((p for p in inside if sign is not None or p.name not in ours), None)
            if other is not None:
                raise InputError(f"--out {cut(out)}: {other.name!r} in it is not of {what}; name another folder")
        check_plain(path, {name for name in ours if "." in name}, out)
    except OSError as error:
        raise unusable(out, error) from None
    check_writable(path, out)
    return path


def named(out: str | Path) -> Path:
    """Return the folder that `out` names as an absolute path without links, or refuse what can be none."""
    if not str(out).strip():
        raise InputError("--out '': must be the name of a folder")
    try:
        path = Path(out).resolve()
        if not stat.S_ISDIR(path.stat().st_mode):
            raise InputError(f"--out {cut(out)}: a file of that name exists; name a folder")
    except FileNotFoundError:
        pass
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise unusable(out, error) from None
    return path


def check_plain(folder: Path, names: Collection[str], out: str | Path) -> None:
    """Refuse what bears the name of a file of ours and is none: a folder, a link."""
    for name in sorted(names):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISREG((folder / name).lstat().st_mode):
                raise InputError(
                    f"--out {cut(out)}: {name!r} in it is a folder or a link and none of ours; move it away"
                )


def check_writable(target: Path, out: str | Path) -> Path:
    """Return where a folder that takes the place of `target` can be made, or refuse where nothing can be written.

    Beside it, which is tried; in it where that is another disk, or nothing can be written above it.
    """
    above = next((p for p in target.parents if p.exists()), target)
    here = target if target.exists() else above
    failed: OSError | None = None
    for place in dict.fromkeys((above, here)):
        try:
            if place.stat().st_dev == here.stat().st_dev:
                if not os.access(here, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                probe(place, target.name)
                return place
        except OSError as error:
            failed = error
    if failed is not None and failed.errno == errno.ENAMETOOLONG:
        raise unusable(out, failed)
    raise InputError(f"--out {cut(out)}: cannot write in {cut(here)} ({reason(failed)})")


@contextlib.contextmanager
def replacing(out: str | Path, settings: Mapping[str, Any] | None = None, replace: bool = False) -> Iterator[Path]:
    """Give a new folder to fill; its files take the place of ours in `out` at once, on failure nothing changes.

    What else is in `out` stays. Parameters and refusals are those of `check_target`.

    Raises
    ------
    NotWritten
        If the system does not let it be written.
    """
    target = check_target(out, settings, replace)
    fresh, ready = None, False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _settle_crashed(target)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=check_writable(target, out)))
        fresh.chmod(0o755)
        yield fresh
        for path in [*(p for p in fresh.rglob("*") if p.is_file()), fresh]:
            to_disk(path)
        check_target(target, settings, replace)  # again: a run takes time
        ready = True
        _put_in_place(fresh, target)
        to_disk(target.parent)
    except OSError as error:
        at = Path(error.filename) if isinstance(error.filename, str) else target
        name = target / at.name if at.parent == fresh else at
        kept = "the result before is kept" if is_ours(target) else "nothing is written"
        raise NotWritten(f"{str(name)!r}: {reason(error)}; {kept}") from error
    finally:
        if fresh is not None and ready:
            _settle(fresh, target)  # after an exchange this is the old folder
        elif fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)


def _put_in_place(fresh: Path, target: Path) -> None:
    """Exchange the folders; what is not ours in the old one is seen in the new one at once, through a link."""
    if not target.exists():
        fresh.rename(target)
        return
    theirs = foreign(target)
    if fresh.parent == target.parent and not any(map(os.path.ismount, theirs)):
        for path in theirs:
            (fresh / path.name).symlink_to(_link(fresh, path.name))
        with contextlib.suppress(OSError):
            os.chown(fresh, target.stat().st_uid, target.stat().st_gid)
        with contextlib.suppress(OSError):
            shutil.copystat(target, fresh)
        to_disk(fresh)
        if _exchange(fresh, target):
            return
        for path in theirs:
            (fresh / path.name).unlink()
    _one_by_one(fresh, target)


def _link(old: Path, name: str) -> str:
    return f"../{old.name}/{name}"


def _is_link(path: Path, old: Path) -> bool:
    """Return whether a path is the link that stands for what is in the old folder."""
    return path.is_symlink() and os.readlink(path) == _link(old, path.name)


def _settle(old: Path, target: Path) -> None:
    """Remove a folder that was replaced; what is not ours in it goes to the new one, each in one step."""
    with contextlib.suppress(OSError):
        ours = files(manifest_of(old))
        for path in sorted(old.iterdir(), key=lambda path: path.name == MANIFEST):
            with contextlib.suppress(OSError):
                place = target / path.name
                if path.name in ours or _is_link(path, old):
                    path.unlink()
                elif not os.path.lexists(place):  # came while we worked
                    path.rename(place)
                elif _is_link(place, old) and _exchange(path, place):
                    path.unlink()
        to_disk(target)
        old.rmdir()


def _settle_crashed(target: Path) -> None:
    """Do what a run that was killed just after the exchange has left."""
    mine = re.compile(rf"\.\./({re.escape('.' + target.name)}\.[^/]+)/.+", re.DOTALL)
    links = [mine.fullmatch(os.readlink(p)) for p in foreign(target) if p.is_symlink()] if target.is_dir() else []
    for name in {link[1] for link in links if link is not None}:
        _settle(target.parent / name, target)


def _one_by_one(fresh: Path, target: Path) -> None:
    """Move our files where folders cannot be exchanged: the manifest goes first and comes last, so no half result is one."""
    before = Path(tempfile.mkdtemp(dir=fresh))
    last = sorted(files(manifest_of(fresh), manifest_of(target)), key=lambda name: name == MANIFEST)
    try:
        _move(last[::-1], target, before)
        to_disk(target)
        _move(last, fresh, target)
    except BaseException:
        _move(last[::-1], target, fresh)
        _move(last, before, target)
        before.rmdir()
        raise
    to_disk(target)
    shutil.rmtree(before, ignore_errors=True)


def _move(names: Collection[str], source: Path, to: Path) -> None:
    for name in names:
        if os.path.lexists(source / name):
            os.replace(source / name, to / name)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two files or folders in one step, where the system can (Linux, macOS)."""
    at_cwd, exchange = -100, 2
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return int(libc.renamex_np(os.fsencode(a), os.fsencode(b), exchange)) == 0
        return int(libc.renameat2(at_cwd, os.fsencode(a), at_cwd, os.fsencode(b), exchange)) == 0
    except (OSError, AttributeError, TypeError):
        return False

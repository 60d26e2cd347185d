"""Result folders: written beside the target, then put in its place in one step; other people's folders are refused."""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from model.core.errors import InputError
from model.core.files import read_json

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


def is_ours(folder: Path) -> bool:
    """Return whether the folder holds a manifest that we wrote."""
    try:
        manifest = read_json(folder / MANIFEST, "manifest")
    except InputError:
        return False
    return isinstance(manifest, dict) and manifest.get("schema_version") == SCHEMA_VERSION and "scenario" in manifest


def check_study(out: str, ours: Collection[str], what: str) -> Path:
    """Return the folder of a study that goes on where it stopped, or refuse what holds something else.

    Parameters
    ----------
    out : str
    ours : collection of str
        Names of the files that a study writes.
    what : str
        What it is called in the refusal: "a fit".

    Raises
    ------
    InputError
    """
    path = Path(out)
    try:
        if not out.strip() or (path.exists() and not path.is_dir()):
            raise InputError(f"--out {out!r}: must be the name of a folder")
        foreign = sorted(p.name for p in path.iterdir() if p.name not in ours) if path.exists() else []
    except (OSError, ValueError) as error:
        raise _unusable(out, error) from None
    if foreign:
        raise InputError(f"--out {out!r}: {foreign[0]!r} in it is not of {what}; name another folder")
    _check_writable(out)
    return path


def check_target(out: str | Path) -> Path:
    """Return the folder to write as an absolute path, or refuse it before anything is simulated.

    Raises
    ------
    InputError
        If something else than a result folder of ours (or an empty folder) stands there, or it cannot be made.
    """
    if not str(out).strip():
        raise InputError("--out '': must be the name of a folder")
    try:
        path = Path(out).resolve()
        if path.is_dir():
            if any(path.iterdir()) and not is_ours(path):
                raise InputError(f"--out {str(out)!r}: the folder is not empty and no result of ours; name another")
        elif path.exists():
            raise InputError(f"--out {str(out)!r}: a file of that name exists; name a folder")
    except (OSError, ValueError) as error:
        raise _unusable(out, error) from None
    _check_writable(out)
    return path


def _check_writable(out: str | Path) -> None:
    """Refuse a folder above which nothing can be written."""
    try:
        above = next(p for p in Path(out).resolve().parents if p.exists())
    except (OSError, ValueError) as error:
        raise _unusable(out, error) from None
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".", dir=above))
    except OSError:
        raise InputError(f"--out {str(out)!r}: cannot write in {str(above)!r}") from None


def _unusable(out: str | Path, error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    return InputError(f"--out {str(out)!r}: {getattr(error, 'strerror', None) or error}")


@contextlib.contextmanager
def replacing(out: str | Path) -> Iterator[Path]:
    """Give a new folder to fill; on success it takes the place of `out` at once, on failure nothing changes."""
    target = check_target(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        fresh.chmod(0o755)
        yield fresh
        for path in [*(p for p in fresh.rglob("*") if p.is_file()), fresh]:
            _to_disk(path)
        check_target(target)  # again: a run takes time
        _put_in_place(fresh, target)
        _to_disk(target.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)  # after an exchange this is the old folder


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON; numbers that are not finite become null."""
    path.write_text(json.dumps(_finite(value), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _put_in_place(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
    elif not _exchange(fresh, target):
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        target.rename(aside)
        try:
            fresh.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two folders in one step, where the system can (Linux, macOS)."""
    at_cwd, exchange = -100, 2
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return int(libc.renamex_np(os.fsencode(a), os.fsencode(b), exchange)) == 0
        return int(libc.renameat2(at_cwd, os.fsencode(a), at_cwd, os.fsencode(b), exchange)) == 0
    except (OSError, AttributeError, TypeError):
        return False


def _to_disk(path: Path) -> None:
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    with contextlib.suppress(OSError):
        handle = os.open(path, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

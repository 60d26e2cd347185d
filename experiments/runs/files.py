"""Single files that are written: tried before anything runs, replaced in one step, and only where they are ours."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from model.core.errors import InputError

T = TypeVar("T")


class NotWritten(RuntimeError):
    """What could not be written; the message names the file and says what is kept. `result` is what it was to hold."""

    result: Any = None


def attempt(work: Callable[[], T]) -> tuple[T | None, NotWritten | None]:
    """Return what a work returns, or what it found and the error that kept it from being written: print first, then raise."""
    try:
        return work(), None
    except NotWritten as error:
        return error.result, error


def raised(failed: NotWritten | None) -> int:
    """Return the exit status 0 at the end of a command, or raise what `attempt` held back."""
    if failed is not None:
        raise failed
    return 0


def check_file(out: str, is_one: Callable[[bytes], bool], what: str) -> Path:
    """Return the file to write as a path, or refuse it before anything is simulated.

    Parameters
    ----------
    out : str
    is_one : callable
        Whether a file that begins with these bytes, its first 4096, is ours and may be replaced.
    what : str
        What is replaced, in the refusal: "a table of compare".

    Raises
    ------
    InputError
        If anything but such a file stands there (a link, a pipe or a device is none), or it cannot be written.
    """
    path = Path(out)
    try:
        if not out.strip() or path.is_dir() or not path.parent.is_dir():
            raise InputError(f"--out {cut(out)}: must be the name of a file in a folder that exists")
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            mode = None
        if mode is not None and not stat.S_ISREG(mode):
            raise InputError(
                f"--out {cut(out)}: is a link, a pipe or a device, and only files are written; name another"
            )
        if mode is not None:
            with open(path, "rb") as file:
                begins = file.read(4096)
            if begins and not is_one(begins):
                raise InputError(f"--out {cut(out)}: holds something else than {what}; name another file")
        probe(path.parent, "economy")
    except (OSError, ValueError) as error:
        raise unusable(out, error) from None
    return path


def probe(folder: Path, name: str) -> None:
    """Write a file in a new folder in `folder` and remove both; the name is as long as those that a run makes."""
    made = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".tried", dir=folder))
    try:
        (made / "file").write_bytes(b"tried")
    finally:
        shutil.rmtree(made, ignore_errors=True)


def unusable(out: str | Path, error: Exception) -> InputError:
    """Return the refusal of a name that the system does not take."""
    return error if isinstance(error, InputError) else InputError(f"--out {cut(out)}: {reason(error)}")


def cut(out: object, most: int = 160) -> str:
    """Return a name as it is shown, its end left out where it is very long."""
    text = repr(str(out))
    return text if len(text) <= most else text[: most - 4] + "...'"


def reason(error: BaseException | None) -> str:
    """Return what the system says of an error, without the path."""
    return getattr(error, "strerror", None) or str(error)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write; an error of the system names it."""
    try:
        with open(path, "wb") as file:
            yield file
    except OSError as error:
        raise OSError(error.errno, reason(error), str(path)) from error


def write_file(path: Path, data: bytes | memoryview, kept: str = "it is as it was before") -> None:
    """Write a file in one step: it is the old one or the whole new one, whatever happens.

    Parameters
    ----------
    path : Path
    data : bytes
    kept : str
        What is kept where it cannot be written, for the message.

    Raises
    ------
    NotWritten
    """
    part = path.with_name(f".economy-{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "xb") as file:
            file.write(data)
        to_disk(part)
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(path, part)
        os.replace(part, path)
    except OSError as error:
        raise NotWritten(f"{str(path)!r}: {reason(error)}; {kept}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON; numbers that are not finite become null."""
    with opened(path) as file:
        file.write(as_json(value))


def as_json(value: Any) -> bytes:
    """Return readable JSON; numbers that are not finite become null."""
    return (json.dumps(finite(value), indent=1, allow_nan=False) + "\n").encode()


def write_files(files: Mapping[str, bytes | memoryview], folder: Path) -> list[str]:
    """Write the files of a study, whose runs are kept elsewhere, each in one step; return their names."""
    for name, data in files.items():
        write_file(folder / name, data, "all runs are kept, and the same command writes it")
    return list(files)


def finite(value: Any) -> Any:
    """Return plain values with numbers that are not finite as None."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_disk(path: Path) -> None:
    """Have the system write a file or folder out, where it can."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    with contextlib.suppress(OSError):
        handle = os.open(path, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""Files that users give, as text, TOML or JSON: read, or refused in one line that names file, line and cure."""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from model.core.errors import InputError

BYTES_MAX = 2**25
#: First bytes of encodings that say what they are; the longer come first, since one begins with another.
MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def ends(source: object, *endings: str) -> bool:
    """Return whether a path has one of the endings, in any case.

    >>> ends("mine/UPPER.TOML", ".toml"), ends("baseline", ".toml", ".json")
    (True, False)
    """
    return isinstance(source, str | Path) and Path(source).suffix.lower() in endings


def read_text(path: str | Path, what: str) -> str:
    r"""Return the text of a file, lines ended by '\n', without a byte-order mark.

    UTF-8 is read, and UTF-16 or UTF-32 that begins with its mark.

    Parameters
    ----------
    path : path
    what : str
        What the file is, as a refusal calls it: "scenario file".

    Raises
    ------
    InputError
        If it is no regular file that can be read, too large, or no text.
    """
    where = f"{what} {str(path)!r}"
    try:
        found = os.stat(path)
        regular = stat.S_ISREG(found.st_mode)
        raw = Path(path).read_bytes() if regular and found.st_size <= BYTES_MAX else b""
    except OSError as error:
        raise InputError(f"{where}: {error.strerror or 'cannot be read'}") from None
    except ValueError:
        raise InputError(f"{where}: no name of a file") from None
    if not regular:
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise InputError(f"{where}: is {kind}, not a file")
    if found.st_size > BYTES_MAX:
        raise InputError(f"{where}: {found.st_size / 2**20:.0f} MiB, more than {BYTES_MAX // 2**20}")
    if raw.startswith(b"PK\x03\x04"):
        raise InputError(f"{where}: a spreadsheet or an archive, not text; save it as text in UTF-8")
    encoding = next((name for mark, name in MARKS if raw.startswith(mark)), "utf-8-sig")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = _lines(raw[: error.start].decode(encoding, "ignore")).count("\n") + 1
        named = encoding.removesuffix("-sig").upper()
        raise InputError(f"{where}, line {line}: no {named} text; save it as UTF-8") from None
    text = _lines(text)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{where}, line {line}: a NUL byte, no text (or UTF-16 without its mark); save it as UTF-8")
    return text


def read_toml(path: str | Path, what: str) -> dict[str, Any]:
    """Return what a TOML file says; `path`, `what` and refusals as of `read_text`."""
    text = read_text(path, what)
    where = f"{what} {str(path)!r}"
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{where}: nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        said, line = " ".join(str(error).split()), text.rstrip("\n").count("\n") + 1
        at = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
        if at is not None:
            said, line = said[: at.start()], int(at[1] or line)
        there = text.split("\n")[line - 1]
        if re.match(r"Cannot (overwrite|mutate|declare)|Duplicate", said):
            named = ".".join(re.findall(r"'(.*?)'", said))
            said = f"{named or there.partition('=')[0].strip()} stands twice"
        if re.search(r"=\s*\d{4}-\d{2}\s*(#.*)?$", there):
            said = "a month must be in quotation marks"
        raise InputError(f"{where}, line {line}: {_short(said)}") from None
    except ValueError:  # a whole number of thousands of digits
        raise InputError(f"{where}: a number cannot be read") from None


def read_json(path: str | Path, what: str) -> Any:
    """Return what a JSON file says; `path`, `what` and refusals as of `read_text`."""
    text = read_text(path, what)
    where = f"{what} {str(path)!r}"

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise InputError(f"{where}: the key {_short(repr(twice))} stands twice")
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except RecursionError:
        raise InputError(f"{where}: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{where}, line {error.lineno}: no JSON ({error.msg})") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: a number cannot be read") from None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."

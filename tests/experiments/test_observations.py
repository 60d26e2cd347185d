"""Observation files as people have them: read to the same numbers, or refused with the line and the cure."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from experiments import cli
from experiments.calibration import backtest, observations, scored
from experiments.runs import pool as engine
from model.core import files
from model.core.errors import InputError
from model.core.units import month_index

HANDED = Path(__file__).parents[1] / "cases" / "observations"
HEAD = "series,date,value\n"
RENT, USERS = ("gpu_rent_h100", "2025-06", 2.4), ("chatgpt_wau", "2025-03", 5e8)
#: What a refusal never holds: words of the libraries below.
FOREIGN = ("codec", "polars", "Traceback", "tomllib", "Error", "csv.", "<class", "object has", "NoneType", "subscript")


def read(path: Path | str) -> list[tuple[object, ...]]:
    """Return series, date and value of the rows that count."""
    return scored.read(path).select("series", "date", "value").sort("series", descending=True).rows()


def refused(act: Callable[[], object]) -> str:
    """Return the one line by which something is refused."""
    with pytest.raises(InputError) as caught:
        act()
    line = str(caught.value)
    assert "\n" not in line
    assert line.isprintable()
    assert len(line) <= 500
    assert not [word for word in FOREIGN if word in line], line
    return line


def write(path: Path, raw: str | bytes) -> Path:
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return path


# Read ---------------------------------------------------------------------------------------------------------------------


def test_the_shipped_table_reads_as_its_cells_say() -> None:
    raw = pl.read_csv(observations.FILE, infer_schema=False)
    found = observations.table()
    assert found.height == raw.height == 378
    assert found["line"].to_list() == list(range(2, 380))
    for column in ("series", "date", "source_title", "source_url", "read_or_memory", "split", "note"):
        assert found[column].to_list() == raw[column].to_list(), column
    for column in ("value", "low", "high"):
        assert found[column].to_list() == raw[column].cast(pl.Float64).to_list(), column
    assert found["index"].to_list() == [month_index(d if len(d) == 7 else f"{d}-12") for d in raw["date"]]
    kept = raw.filter(
        (pl.col("read_or_memory") == "read") & pl.col("split").is_in(scored.COUNTED) & (pl.col("date") <= scored.LAST)
    )
    assert scored.read().height == kept.height == 313


def semicolons(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


PLAIN = "series,date,value,low,high,note\ngpu_rent_h100,2025-06,2.4,2.125,3,list\nchatgpt_wau,2025-03,5e8,,,\n"
#: The same two rows in other dress.
DRESSES: dict[str, str | bytes] = {
    "plain": PLAIN,
    "no end of line at the end": PLAIN.rstrip("\n"),
    "BOM": b"\xef\xbb\xbf" + PLAIN.encode(),
    "BOM twice": b"\xef\xbb\xbf\xef\xbb\xbf" + PLAIN.encode(),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "CR": PLAIN.replace("\n", "\r"),
    "UTF-16 LE": b"\xff\xfe" + PLAIN.encode("utf-16-le"),
    "UTF-16 BE": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "UTF-16 with tabs, as 'Unicode text'": PLAIN.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "semicolons and decimal commas": semicolons(PLAIN),
    "semicolons and decimal points": PLAIN.replace(",", ";"),
    "tabs and decimal commas": PLAIN.replace(".", "\0").replace(",", "\t").replace("\0", ","),
    "sep=;": "sep=;\n" + semicolons(PLAIN),
    "sep=, CRLF": "sep=,\r\n" + PLAIN.replace("\n", "\r\n"),
    "upper case header": PLAIN.replace("series,date,value,low,high", "SERIES,Date,Value,LOW,High"),
    "blanks": PLAIN.replace(",", " , "),
    "no-break spaces": PLAIN.replace(",", "\u00a0,\u00a0"),
    "quoted": "\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in PLAIN.split("\n")[:-1]),
    "quoted after blanks": PLAIN.replace(",2.4,", ', "2.4", '),
    "trailing blank lines": PLAIN + "\n\n   \n",
    "trailing empty rows": PLAIN + ",,,,,\n,,,,,\n",
    "comments": "# mine\n# a, b; 'c\n" + PLAIN.replace("\nchat", "\n# not this: 3\nchat") + "# end",
    "comment of a spreadsheet": '# mine,,,,,\n"# a, b",,,,,\n' + PLAIN,
    "empty columns at the end": "\n".join(line + (",,," if line else "") for line in PLAIN.split("\n")),
    "the index of a data frame first": ",series,date,value,low,high,note\n0,gpu_rent_h100,2025-06,2.4,2.125,3,list\n1,chatgpt_wau,2025-03,5e8,,,\n",
    "columns named as ours": "line,index,series,date,value,low,high\nx,7,gpu_rent_h100,2025-06,2.4,2.125,3\ny,,chatgpt_wau,2025-03,5e8,,\n",
    "other order": "note,high,low,value,date,series\nlist,3,2.125,2.4,2025-06,gpu_rent_h100\n,,,5e8,2025-03,chatgpt_wau\n",
    "plus and capital E": PLAIN.replace("2.4", "+2.4E+00").replace("5e8", "5.0E+08"),
    "integers": PLAIN.replace("5e8", "500000000"),
    "days": PLAIN.replace("2025-06", "2025-06-30"),
    "one read": PLAIN.replace("note", "read_or_memory").replace("list", "Read").replace(",,,\n", ",,,READ\n"),
    "unit": PLAIN.replace("note", "unit").replace("list", ""),
}  # fmt: skip


@pytest.mark.parametrize("dress", DRESSES)
def test_a_well_meant_file_is_read_to_the_same_numbers(dress: str, tmp_path: Path) -> None:
    table = scored.read(write(tmp_path / "mine.csv", DRESSES[dress]))
    found = table.sort("series").with_columns(pl.col("date").str.slice(0, 7)).rows()
    assert found == [("chatgpt_wau", "2025-03", 38, 5e8, None, None), ("gpu_rent_h100", "2025-06", 41, 2.4, 2.125, 3.0)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("gpu_rent_h100;2025-06;2,4\nchatgpt_wau;2025-03;1,234", 1.234),  # the first number proves a decimal comma
        ("gpu_rent_h100;2025-06;2.4\nchatgpt_wau;2025-03;1.234", 1.234),
        ("gpu_rent_h100;2025-06;2,4\nchatgpt_wau;2025-03;1,5e3", 1500.0),
        ("gpu_rent_h100;2025-06;2,4\nchatgpt_wau;2025-03;0,123", 0.123),
        ("gpu_rent_h100;2025-06;2,4\nchatgpt_wau;2025-03;1234", 1234.0),
        ("gpu_rent_h100;2025-06;2,4\nchatgpt_wau;2025-03;1,2340", 1.234),
    ],
)
def test_a_number_in_a_file_of_semicolons_is_what_the_file_proves(text: str, value: float, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", f"series;date;value\n{text}\n")
    assert read(path) == [RENT, ("chatgpt_wau", "2025-03", value)]


# Refused ------------------------------------------------------------------------------------------------------------------

#: (contents, what the one line says)
WRONG: tuple[tuple[str | bytes, *tuple[str, ...]], ...] = (
    # decimal commas, thousands marks, percent, and other numbers
    (HEAD + "gpu_rent_h100,2025-06,2,4\n", "line 2", "4 cells, but 3 columns", "decimal comma"),
    (HEAD + 'gpu_rent_h100,2025-06,"2,4"\n', "line 2", "'2,4'", "decimal point"),
    (HEAD + 'gpu_rent_h100,2025-06,"1,234"\n', "line 2", "'1,234'", "thousands"),
    (HEAD + 'gpu_rent_h100,2025-06,"1,234,567.8"\n', "line 2", "thousands"),
    (HEAD + "chatgpt_wau,2025-03,500 000 000\n", "line 2", "thousands"),
    (HEAD + "chatgpt_wau,2025-03,500\u00a0000\u00a0000\n", "line 2", "thousands"),
    (HEAD + "chatgpt_wau,2025-03,500\u202f000\n", "line 2", "thousands"),
    (HEAD + "chatgpt_wau,2025-03,500'000\n", "line 2", "thousands"),
    (HEAD + "chatgpt_wau,2025-03,500_000\n", "line 2", "thousands"),
    ("series;date;value\ngpu_rent_h100;2025-06;1.234\n", "line 2", "1234 or 1.234", "write 1234, or 1.2340"),
    ("series;date;value\ngpu_rent_h100;2025-06;1,234\n", "line 2", "1234 or 1.234", "write 1234, or 1,2340"),
    ("series;date;value\ngpu_rent_h100;2025-06;2,4\nchatgpt_wau;2025-03;1.234\n", "line 3", "'1.234'", "decimal comma"),
    ("series;date;value\ngpu_rent_h100;2025-06;2,4\nchatgpt_wau;2025-03;2.5\n", "line 2", "points and decimal commas"),
    ("series;date;value\nchatgpt_wau;2025-03;1.234,5\n", "line 2", "thousands"),
    ("series;date;value\nchatgpt_wau;2025-03;500.000.000\n", "line 2", "thousands"),
    (HEAD + "genai_share_working_age,2025-07,52%\n", "line 2", "'52%'", "0.52 for 52 %"),
    (HEAD + "genai_share_working_age,2025-07,52\n", "line 2", "in [0, 1]", "0.52 for 52 %"),
    (HEAD + "genai_share_working_age,2025-07,1.2\n", "line 2", "in [0, 1]"),
    (HEAD + "gpu_rent_h100,2025-06,$2.40\n", "line 2", "'$2.40'"),
    (HEAD + "gpu_rent_h100,2025-06,2.4 USD\n", "line 2", "'2.4 USD'"),
    (HEAD + "gpu_rent_h100,2025-06,(2.4)\n", "line 2", "'(2.4)'"),
    (HEAD + "gpu_rent_h100,2025-06,\u0662\n", "line 2", "finite number"),
    (HEAD + "gpu_rent_h100,2025-06,0x10\n", "line 2", "finite number"),
    (HEAD + "gpu_rent_h100,2025-06,NaN\n", "line 2", "finite number"),
    (HEAD + "gpu_rent_h100,2025-06,-inf\n", "line 2", "finite number"),
    (HEAD + "gpu_rent_h100,2025-06,1e999\n", "line 2", "finite number"),
    (HEAD + "gpu_rent_h100,2025-06,#DIV/0!\n", "line 2", "#DIV/0!"),
    (HEAD + "gpu_rent_h100,2025-06,\n", "line 2", "value = ''"),
    (HEAD + "gpu_rent_h100,2025-06,-2.4\n", "line 2", "above 0"),
    # dates
    (HEAD + "gpu_rent_h100,2025-02-30,2.4\n", "line 2", "2025-02-30", "is no date"),
    (HEAD + "gpu_rent_h100,2024-13,2.4\n", "line 2", "2024-13", "is no date", "YYYY-MM"),
    (HEAD + "gpu_rent_h100,2025-15-06,2.4\n", "line 2", "is no date"),
    *(
        (HEAD + f"gpu_rent_h100,{date},2.4\n", "line 2", date, "must be YYYY-MM, for instance 2025-06")
        for date in ("06/2025", "03/2025", "6/15/2025", "15.06.2025", "2025Q2", "Jun-25", "45809", "202506", "2025-6",
                     "2025/06", "2025.0", "2025-06-15 00:00:00", "25-06", "", "\u0662\u0660\u0662\u0665-06", "2025\u201306")
    ),
    (HEAD + "gpu_rent_h100,9999-01,2.4\n", "line 2", "9999-01", "2035-12"),
    (HEAD + "gpu_rent_h100,1900-01-01,2.4\n", "line 2", "1950-01"),
    # intervals
    *(
        (f"series,date,value,low,high\ngpu_rent_h100,2025-06,2.4,{low},{high}\n", "line 2", said)
        for low, high, said in (
            ("5", "1", "low = 5 above high = 1"), ("-1", "3", "low = -1: must be above 0"), ("0", "3", "low = 0"),
            ("10", "12", "value = 2.4 outside its own interval [10, 12]"), ("1", "", "low without high"),
            ("", "3", "high without low"), ("few", "3", "low = 'few'"), ("1", "nan", "high = 'nan'"),
        )
    ),
    ("series,date,value,low,high\ngenai_share_working_age,2025-06,.4,.3,1.5\n", "line 2", "high = 1.5", "[0, 1]"),
    ("series,date,value,low,high\nmystery,2025-06,-4,-3,5\n", "line 2", "outside its own interval"),
    # rows and columns
    (HEAD + "gpu_rent_h100,2025-06,2.4\ngpu_rent_h100,2025-06,9\n", "line 3", "gpu_rent_h100", "9", "2.4 in line 2"),
    (HEAD + "gpu_rent_h100,2025,2.4\n\ngpu_rent_h100,2025-12,9\n", "line 4", "2.4 in line 2"),
    (HEAD + ",2025-06,2.4\n", "line 2", "no series"),
    (HEAD + "#REF!,2025-06,2.4\n", "line 2", "#REF!", "spreadsheet"),
    (HEAD + "gpu_rent_h100,2025-06\n", "line 2", "2 cells, but 3 columns"),
    ("series,date,value,,\ngpu_rent_h100,2025-06,2,4,\n", "line 2", "'4'", "without a name"),
    ("series,date,value,value\ngpu_rent_h100,2025-06,2.4,99\n", "line 1", "'value' stands twice"),
    ("series,date,value,Value\ngpu_rent_h100,2025-06,2.4,99\n", "line 1", "'value' stands twice"),
    ("series,date,value,hihg\ngpu_rent_h100,2025-06,2.4,3\n", "line 1", "'hihg'", "nearest: 'high'"),
    ("series,date,value,lows\ngpu_rent_h100,2025-06,2.4,3\n", "line 1", "'lows'", "nearest: 'low'"),
    ("\n# x\nserie,date,value\ngpu_rent_h100,2025-06,2.4\n", "line 3", "no column 'series'", "nearest: 'serie'"),
    ("series date value\ngpu_rent_h100 2025-06 2.4\n", "line 1", "no column 'series'"),
    ('"series,date,value"\n"gpu_rent_h100,2025-06,2.4"\n', "line 1", "no column 'series'"),
    ("series,date,value,unit\ngpu_rent_h100,2025-06,2.4,EUR/h\n", "line 2", "'EUR/h'", "gpu_rent_h100 is in"),
    ("series,date,value,read_or_memory\ngpu_rent_h100,2025-06,2.4,yes\n", "line 2", "'yes'", "read or memory"),
    # quotation marks
    (HEAD + 'gpu_rent_h100,2025-06,"2.4\nchatgpt_wau,2025-03,5e8\n', "line 2", "quotation marks"),
    ("series,date,value,note\n" + 'a,2025-06,2.4,"note\nb,2025-03,5,note"\n', "line 2", "quotation marks"),
    (HEAD + 'gpu_rent_h100,2025-06,"2.4"0\n', "line 2", "quotation marks"),
    ('"series,date,value\ngpu_rent_h100,2025-06,2.4\n', "line 1", "quotation marks"),
    # files
    ("", "is empty", "series,date,value"),
    ("\n\n# only this\n", "is empty"),
    (HEAD, "no rows below the header in line 1"),
    ("# x\n" + HEAD + ",,\n", "no rows below the header in line 2"),
    (b"\x89PNG\r\n\x1a\n\x00", "line 1", "save it as UTF-8"),
    (b"PK\x03\x04\x14\x00", "spreadsheet", "UTF-8"),
    (HEAD + "gpu_rent_h100,2025-06,2.4\0\n", "line 2", "NUL"),
    (HEAD.encode("utf-16-le"), "line 1", "NUL", "UTF-16", "UTF-8"),
    (b"\xff\xfe" + HEAD.encode("utf-16-le")[:-1], "UTF-16", "save it as UTF-8"),
    (HEAD.encode() + "gpu_rent_h100,2025-06,2.4\r\nd\u00e9j\u00e0,2025-06,1\r\n".encode("latin-1"), "line 3", "UTF-8"),
    (HEAD + "x" * 200_000 + ",2025-06,2\n", "line 2", "200010 characters"),
    (HEAD.replace("\n", "\r") + "gpu_rent_h100,2025-06,2.4\rchatgpt_wau,soon,5e8\r", "line 3", "soon"),
    (HEAD.replace("\n", "\r\n") + "\r\n\r\ngpu_rent_h100,soon,2.4\r\n", "line 4", "soon"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "words"), [(t, w) for t, *w in WRONG], ids=[repr(t)[-50:] for t, *_ in WRONG])
def test_a_wrong_file_is_refused_with_the_line_and_the_cure(
    text: str | bytes, words: list[str], tmp_path: Path
) -> None:
    line = refused(lambda: scored.read(write(tmp_path / "mine.csv", text)))
    assert "mine.csv" in line
    for word in words:
        assert word in line, line


HAND: dict[str, object] = {
    "semicolon.csv": [RENT, USERS],
    "trailing_blank.csv": [RENT, USERS],
    "comment.csv": [RENT],
    "utf16.csv": [RENT, USERS],
    "dupcol.csv": "line 1: column 'value' stands twice",
    "feb30.csv": "line 2: date = '2025-02-30': is no date",
    "us_date.csv": "line 2: date = '06/2025': must be YYYY-MM, for instance 2025-06",
    "quarter.csv": "line 2: date = '2025Q2': must be YYYY-MM, for instance 2025-06",
    "lowhigh.csv": "line 2: low = 5 above high = 1",
    "low_neg.csv": "line 2: low = -1: must be above 0",
    "outside_interval.csv": "line 2: value = 2.4 outside its own interval [10, 12]",
    "twice.csv": "line 3: gpu_rent_h100 of 2025-06 = 9, but 2.4 in line 2",
    "unknown.csv": "not scored: gpu_rent_h10 (line 2; nearest: 'gpu_rent_h100')",
}


def test_each_handed_file_has_its_expectation() -> None:
    assert {p.name for p in HANDED.iterdir()} == set(HAND)


@pytest.mark.parametrize("name", HAND)
def test_a_handed_file_is_read_or_refused_before_any_run(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = HAND[name]
    if not isinstance(expected, str):
        assert read(HANDED / name) == expected
        return
    monkeypatch.setattr(engine.Processes, "__init__", lambda *a, **k: pytest.fail("simulated"))
    assert cli.main(["backtest", "--observations", str(HANDED / name)]) == 2
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1
    assert expected in printed.err


def test_series_that_are_not_scored_are_named_beside_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["gpu_rent_h10", "GPU_RENT_H100", "capex_big3_year", *(f"{c * 9}" for c in "jkqwxyz")]
    text = HEAD + "gpu_rent_h100,2025-06,2.4\n" + "".join(f"{name},2025-06,2\n" for name in rows)
    path = write(tmp_path / "mine.csv", text)

    class Reached(Exception):
        pass

    def stop(*args: object, **kwargs: object) -> None:
        raise Reached

    monkeypatch.setattr(backtest, "backtest", stop)
    assert cli.main(["backtest", "--observations", str(path), "--out", str(tmp_path / "out")]) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert "gpu_rent_h10 (line 3; nearest: 'gpu_rent_h100')" in first
    assert "GPU_RENT_H100 (line 4; nearest: 'gpu_rent_h100')" in first
    assert "capex_big3_year (line 5; observed, but without a counterpart)" in first
    assert "jjjjjjjjj (line 6; no series of ours)" in first
    assert "and 5 more" in first


def test_the_same_value_told_twice_and_rows_from_memory_do_not_matter(tmp_path: Path) -> None:
    text = HEAD + "gpu_rent_h100,2025-06,2.4\ngpu_rent_h100,2025-06,2.40\n"
    assert scored.mapped(scored.read(write(tmp_path / "a.csv", text))).height == 1
    text = "series,date,value,read_or_memory\ngpu_rent_h100,2025-06,2.4,read\ngpu_rent_h100,2025-06,9,memory\n"
    assert read(write(tmp_path / "b.csv", text)) == [RENT]


# What is no file ----------------------------------------------------------------------------------------------------------


def odd(folder: Path, ending: str) -> Iterator[tuple[str, str]]:
    """Yield (path, words) of things that stand where a file should."""
    for name in ("folder", "fifo", "loop", "lost", "below"):
        path = folder / f"{name}{ending}"
        if name == "folder":
            path.mkdir()
        elif name == "fifo":
            os.mkfifo(path)
        elif name == "below":
            path = write(folder / "file", "x") / path.name
        else:
            path.symlink_to(path if name == "loop" else folder / "gone")
        said = {"folder": "is a directory", "fifo": "a pipe or a device", "loop": "symbolic links"}
        yield str(path), said.get(name, "Not a directory" if name == "below" else "No such file")
    yield str(folder / ("x" * 300 + ending)), "too long"
    yield f"x\0y{ending}", "no name of a file"


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    for path, words in (*odd(tmp_path, ".csv"), ("", "No such file"), ("/dev/null", "a pipe or a device")):
        assert words in refused(lambda path=path: scored.read(path))


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "mine.csv", PLAIN)

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)  # a superuser may read anything
    assert "Permission denied" in refused(lambda: scored.read(path))


def test_a_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.csv"
    with path.open("wb") as handle:
        handle.truncate(files.BYTES_MAX + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read"))
    assert "MiB, more than 32" in refused(lambda: scored.read(path))
    assert stat.S_ISREG(path.stat().st_mode)


# Mutations ----------------------------------------------------------------------------------------------------------------

PIECES = (b",", b";", b"\t", b"\n", b"\r", b'"', b"'", b"#", b" ", b"\xa0", b"\xc2\xa0", b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b".",
          b"-", b"+", b"e", b"%", b"0", b"9", b"nan", b"inf", b"sep=;\n", b"\xe9", b"value", b"series", b"[", b"=", b"{", b"true")  # fmt: skip


def mutated(raw: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few pieces put in, taken out, doubled or moved."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted(rng.randint(0, len(raw)) for _ in range(2))
        kind = rng.randrange(5)
        if kind == 0:
            raw = raw[:at] + rng.choice(PIECES) + raw[at:]
        elif kind == 1:
            raw = raw[:at] + raw[min(at + rng.randint(1, 4), len(raw)) :]
        elif kind == 2:
            raw = raw[:to] + raw[at:to] + raw[to:]
        elif kind == 3:
            raw = raw.replace(rng.choice(PIECES), rng.choice(PIECES))
        else:
            raw = raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
    return raw


@pytest.mark.parametrize("part", [0, *(pytest.param(i, marks=pytest.mark.long) for i in range(1, 20))])
def test_a_mutated_file_is_read_or_refused_in_one_line(part: int, tmp_path: Path) -> None:
    rng = random.Random(part)
    whole = [d.encode() if isinstance(d, str) else d for d in DRESSES.values()]
    counts = {"read": 0, "refused": 0}
    for _ in range(500):
        path = write(tmp_path / "mine.csv", mutated(rng.choice(whole), rng))
        try:
            found = scored.read(path)
        except InputError:
            refused(lambda path=path: scored.read(path))
            counts["refused"] += 1
        else:
            assert found.select(pl.col("value", "low", "high").drop_nulls().is_finite().all()).row(0) == (True,) * 3
            counts["read"] += 1
    assert min(counts.values()) > 20


@pytest.mark.parametrize("part", range(2))
def test_a_file_in_a_drawn_dress_reads_to_the_same_numbers(part: int, tmp_path: Path) -> None:
    """Whatever is drawn of separator, decimal mark, encoding, line ends and blanks: the same numbers, never others."""
    rng = random.Random(100 + part)
    names = ("gpu_rent_h100", "chatgpt_wau", "mystery")
    refusals = 0
    for _ in range(300):
        rows = [(n, f"2025-{rng.randint(1, 12):02}", rng.choice([1234.0, 1.234, 2.4, 0.125, 5e8, 12.0])) for n in names]
        separator, mark = rng.choice(",;\t|"), rng.choice(".,")
        cells = [("series", "date", "value"), *((n, d, f"{v:.10g}".replace(".", mark)) for n, d, v in rows)]
        quote = rng.random() < 0.3 or (separator == "," and mark == "," and rng.random() < 0.5)
        dressed = [[f'"{c}"' if quote else c for c in row] for row in cells]
        text = rng.choice(["", "# x\n", "sep=" + separator + "\n", "\n"])
        text += "\n".join(separator.join(row) for row in dressed) + rng.choice(
            ["", "\n", "\n\n", f"\n{separator * 2}\n"]
        )
        text = text.replace("\n", rng.choice(["\n", "\r\n", "\r"]))
        raw = text.encode(rng.choice(["utf-8", "utf-8-sig", "utf-16"]))
        try:
            found = scored.read(write(tmp_path / "mine.csv", raw))
        except InputError:
            refusals += 1
            assert mark == "," or separator != ","  # plain CSV is always read
        else:
            assert sorted(found.select("series", "date", "value").rows()) == sorted(rows)
    assert 20 < refusals < 200

"""Tables of any length: as rows in order, never more than a batch in memory; as a data frame; and written for people.

Text of any usual form, Excel, JSON lines and Parquet are read. Text that a spreadsheet would run as a formula is
written as text, and read back as it was: spreadsheets take a cell that begins with = + - @ or a tab for a formula; a
quote before it says that it is text. Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from chemspace.errors import CellError, NotTextError, TableError
from chemspace.tables.cells import is_missing, to_number, with_point, without_guard
from chemspace.tables.columns import are_codes
from chemspace.tables.grid import (
    MAX_BYTES,
    MAX_FEATURES,
    MAX_LIBRARY_BYTES,
    MAX_LINES,
    Grid,
    bytes_of_stream,
    check_headings,
    content_of,
    decode_text,
    delimiter_of,
    encoding_of,
    read_grid,
    split_rows,
    too_large,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Row", "guarded", "read_frame", "read_lines", "read_rows", "undecodable", "write_csv"]


_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)


def guarded(cell: object) -> object:
    """A cell to be written: text that would be a formula with a quote before it; numbers, also as text, as they are.

    Example:
        >>> from chemspace.tables.frame import guarded
        >>> guarded("=1+1"), guarded("-1.5"), guarded("K1")
        ("'=1+1", '-1.5', 'K1')
    """
    is_formula = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def write_csv(frame: pd.DataFrame, path: Path, float_format: str | None = None) -> None:
    """Write a frame as CSV, its headings and texts guarded."""
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    safe = frame.assign(
        **{name: frame[name].map(guarded, na_action="ignore") for name in texts if isinstance(name, str)}
    )
    safe.rename(columns=guarded).to_csv(path, index=False, float_format=float_format)


#: A line longer than this (bytes) is cut off, and its rest is a row of its own.
MAX_LINE = 20_000
#: Empty lines above the headings of a table.
_MOST_ABOVE = 1_000
#: So much of a file (bytes) shows what it is.
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """One row as written: its number (the line of a text file, from 1), its cells by heading, or why it has none."""

    number: int
    cells: dict[str, str]
    problem: str = ""


#: Gets all headings of a table in small letters, gives the name of each that is wanted; may refuse the table.
Choice: TypeAlias = Callable[[list[str]], Mapping[str, str]]


def read_rows(path: Path, choose: Choice) -> Iterator[Row]:
    """Rows of a table, empty ones passed over: text (also .gz) that is read line by line, Parquet (by its name), Excel
    or JSON lines (by their content). A row that cannot be decoded or split comes with a `problem`; `choose` gets the
    headings before the first row. Raises TableError if the file cannot be read at all: missing, binary, empty, several
    sheets."""
    if path.suffix.lower() == ".parquet":
        yield from _parquet_rows(path, choose)
        return
    head = _head(path)
    if head.startswith(b"PK\x03\x04") or re.match(rb"\s*(?:\{|\[\s*\{)", head):
        with _opened(path) as stream:
            grid = read_grid(path.name, bytes_of_stream(path.name, stream)).only_sheet(path.name)
        names = choose([name.lower() for name in grid.columns])
        for row in grid.rows:
            cells = {names[name.lower()]: cell for name, cell in row.cells.items() if name.lower() in names}
            yield Row(row.line, cells, "the row has more cells than the header" if row.surplus else "")
        return
    yield from _text_rows(path, choose)


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a text file (also .gz) without their ends; bytes that are no UTF-8 come as lone surrogates. Raises
    TableError if the file cannot be read, or is no text."""
    head = _head(path)
    if b"\0" in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            with _opened(path) as stream:
                yield from decode_text(bytes_of_stream(path.name, stream, MAX_BYTES)).split("\n")
        except NotTextError as error:
            raise TableError(path.name, error.what) from None
        return
    first = True
    with _opened(path) as stream:
        while raw := stream.readline(MAX_LINE):
            text = raw.decode("utf-8", "surrogateescape")
            if first:
                text, first = text.removeprefix("\ufeff"), False
            yield text.rstrip("\r\n")


def _text_rows(path: Path, choose: Choice) -> Iterator[Row]:
    lines, declared, above = read_lines(path), "", 0
    for line in lines:
        judged, start = delimiter_of(line)
        if start == 2:  # a line such as sep=; before the header
            declared = judged
        elif line.strip():
            break
        if (above := above + 1) > _MOST_ABOVE:
            raise TableError(path.name, f"begins with more than {_MOST_ABOVE:,} empty lines")
    else:
        raise TableError(path.name, "is empty; its first line names the columns")
    by_name = "\t" if ".tsv" in map(str.lower, path.suffixes) else ""
    rows = split_rows((f"{line}\n" for line in chain([line], lines)), declared or by_name or judged)
    _, headings, problem = next(rows)
    if problem:
        raise TableError(path.name, f"has no readable header: {problem}")
    header = [without_guard(name.strip()).lower() for name in headings]
    names, empty = choose(header), 0
    for number, values, problem in rows:
        if problem:
            yield Row(number + above, {}, f"the row cannot be split into columns: {problem}")
            continue
        if not any(value.strip() for value in values):
            if (empty := empty + 1) > MAX_LINES:
                raise TableError(path.name, f"has more than {MAX_LINES:,} empty lines")
            continue
        pairs = zip(header, values, strict=False)
        cells = {names[name]: without_guard(value.strip()) for name, value in pairs if name in names}
        problem = undecodable(cells)
        if len(values) > len(header):
            problem = f"the row has {len(values)} fields, the header {len(header)}; quote fields that hold a delimiter"
        yield Row(number + above, cells, problem)


def _parquet_rows(path: Path, choose: Choice) -> Iterator[Row]:
    import pyarrow as pa  # heavy, and only Parquet needs it
    import pyarrow.parquet as pq

    if not path.exists():
        raise TableError(str(path), "cannot be read: no such file")
    try:
        with pq.ParquetFile(path) as table:
            chosen = choose([name.lower() for name in table.schema_arrow.names])
            wanted = [name for name in table.schema_arrow.names if name.lower() in chosen]
            number = 0
            for batch in table.iter_batches(batch_size=10_000, columns=wanted):
                for record in batch.to_pylist():
                    number += 1
                    values = {chosen[key.lower()]: value for key, value in record.items()}
                    yield Row(
                        number, {key: "" if value is None else str(value).strip() for key, value in values.items()}
                    )
    except pa.ArrowException as error:
        raise TableError(path.name, f"is no readable Parquet file: {str(error).splitlines()[0]}") from error


def undecodable(cells: dict[str, str]) -> str:
    """What is wrong with cells that are no UTF-8, "" if nothing; their bad bytes become U+FFFD."""
    for name, value in cells.items():
        if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
            cells[name] = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            return f"{name} is not UTF-8 text"
    return ""


def _head(path: Path) -> bytes:
    with _opened(path) as stream:
        return stream.read(_HEAD)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb") as stream:
            yield cast(BinaryIO, stream)
    except OSError as error:  # gzip's own errors are OSErrors too
        raise TableError(str(path), f"cannot be read: {error.strerror or error}") from error
    except EOFError as error:
        raise TableError(path.name, "ends in the middle of its gzip stream; fetch it again") from error


#: So much of a file (bytes) shows how it is written.
_FRAME_HEAD = 1 << 16
#: Cells of a Parquet file, which unpacks.
_MOST_NUMBERS = 250_000_000


def read_frame(path: Path) -> pd.DataFrame:
    """The table in a file, by its content and not its name: text separated by commas, semicolons or tabs (the latter
    two with decimal commas) in any usual encoding, and more. Columns of numbers are numeric. Raises TableError if the
    file cannot be read, holds no table, several sheets that could be meant, or a number that may be a thousand or one
    and a quarter."""

    if not path.is_file():
        content_of(path)  # says what is wrong, or that there is no end to it
        raise TableError(str(path), "it is no ordinary file: save the table as one")
    name = path.name
    if path.stat().st_size > MAX_LIBRARY_BYTES:
        raise too_large(name, MAX_LIBRARY_BYTES)
    try:
        with path.open("rb") as stream:
            head = stream.read(_FRAME_HEAD)
    except OSError:
        head = content_of(path)
    try:
        if head.startswith(b"PAR1"):
            return _of_parquet(path)
        if head.startswith(b"PK\x03\x04") or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
            return _of_grid(name, read_grid(name, content_of(path)).only_sheet(name))
        return _of_text(path, head)
    except NotTextError as error:
        wanted = "a table is needed (CSV, Excel, JSON lines or Parquet)"
        raise TableError(name, f"it {error.what}; {wanted}") from None
    except (ValueError, OSError) as error:  # pandas' and Arrow's own
        raise TableError(name, f"it cannot be read as a table: {str(error).strip()}") from error


def _of_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with path.open("rb") as stream, pq.ParquetFile(stream) as table:  # Arrow takes no path that is not UTF-8
        check_headings(path.name, table.schema_arrow.names, MAX_FEATURES)
        if table.metadata.num_rows * table.metadata.num_columns > _MOST_NUMBERS:
            raise TableError(path.name, f"it has more than {_MOST_NUMBERS:,} cells: choose columns or fewer rows")
        frame: pd.DataFrame = table.read().to_pandas()
        return frame


def _of_text(path: Path, head: bytes) -> pd.DataFrame:
    # judged by its whole lines: the last one may be cut in the middle of a character
    whole = head[: head.rfind(b"\n") + 1] if len(head) == _FRAME_HEAD and b"\0" not in head else head
    delimiter, first = delimiter_of(decode_text(whole or head))
    how: dict[str, Any] = {"sep": delimiter, "skiprows": first - 1}
    encoding = encoding_of(whole or head)
    headed = list(csv.reader(decode_text(whole or head).split("\n")[first - 1 :], delimiter=delimiter))
    headings = next((row for row in headed if any(cell.strip() for cell in row)), [])
    check_headings(path.name, (heading.strip() for heading in headings), MAX_FEATURES)
    how["dtype"] = dict.fromkeys(_padded(headings, headed), str)
    try:
        frame = _read_csv(path, encoding, how)
    except UnicodeDecodeError:
        encoding = "cp1252"
        frame = _read_csv(path, encoding, how)
    frame.attrs["decimal_commas"] = delimiter != ","
    if delimiter == "," or not any(_has_decimal_commas(frame[column]) for column in frame):
        return frame
    text = _read_csv(path, encoding, {**how, "dtype": str, "keep_default_na": False})
    for column in frame:
        numbers = _with_decimal_commas(path.name, str(column), text[column], first)
        if numbers is not None:
            frame[column] = numbers
    return frame


def _padded(headings: list[str], rows: list[list[str]]) -> list[str]:
    """Headings of columns of codes such as 007, which are no numbers."""
    cells = [{row[at].strip() for row in rows if len(row) > at and row is not headings} for at in range(len(headings))]
    return [heading for heading, column in zip(headings, cells, strict=True) if are_codes(column)]


def _read_csv(path: Path | io.StringIO, encoding: str, how: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:  # else what the first rows hold too much is taken for an index, and the columns move
            frame: pd.DataFrame = pd.read_csv(path, encoding=encoding, index_col=False, **how)
        except pd.errors.ParserWarning:
            raise ValueError("rows have more cells than the header; is there a decimal comma?") from None
        except pd.errors.ParserError as error:
            if (found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))) is None:
                raise
            why = "is there a comma in a cell without quotes?"
            raise ValueError(f"line {found[2]} has {found[3]} cells, those above {found[1]}; {why}") from None
    # Blanks are no heading, as nothing is none; pandas has numbered them.
    headings = (re.sub(r"^\s+(?:\.\d+)?$", "", str(name)).strip() for name in frame)
    frame.columns = [without_guard(name) or f"Unnamed: {place}" for place, name in enumerate(headings)]
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"column {twice!r} stands twice in the header; give each its own name")
    blank = [name for name in map(str, frame) if name.startswith("Unnamed: ") and frame[name].isna().all()]
    frame = frame.drop(columns=blank)
    if len(frame.columns):  # lines of nothing but delimiters, as spreadsheets write them
        suspects = frame[frame.iloc[:, 0].isna() | (frame.iloc[:, 0] == "")]
        frame = frame.drop(index=suspects.index[(suspects.isna() | (suspects == "")).all(axis=1)]).reset_index(
            drop=True
        )
    for column in frame.select_dtypes(exclude="number"):
        if frame[column].astype(str).str.startswith("'").any():
            plain = (without_guard(cell) if isinstance(cell, str) else cell for cell in frame[column])
            frame[column] = pd.Series(plain, index=frame.index, dtype=frame[column].dtype)
    return frame


def _has_decimal_commas(column: pd.Series) -> bool:
    if column.dtype.kind != "O":
        return False
    filled = [cell for cell in column if isinstance(cell, str) and not is_missing(cell)]
    return any("," in cell for cell in filled) and all(to_number(cell, ",") is not None for cell in filled)


def _with_decimal_commas(name: str, heading: str, column: pd.Series, first: int) -> list[float] | None:
    """Numbers of a column of a table with decimal commas, None where it holds something else."""
    numbers = []
    for at, cell in enumerate(column):
        try:
            value = nan if is_missing(cell) else to_number(with_point(cell.strip()), ".")
        except CellError as error:
            raise TableError(name, f"column {heading}: {error}", row=at + first + 1) from None
        if value is None:
            return None
        numbers.append(value)
    return numbers


def _of_grid(name: str, grid: Grid) -> pd.DataFrame:
    """Cells of a workbook or of JSON lines, as the same cells in a text file would be read."""
    if surplus := next((row for row in grid.rows if row.surplus), None):
        raise TableError(name, "the row has more cells than the header", row=surplus.line)
    stream = io.StringIO()
    writer = csv.writer(stream)
    columns = [column for column in grid.columns if column]
    rows = [list(columns), *([row.cells.get(column, "") for column in columns] for row in grid.rows)]
    writer.writerows(rows)
    stream.seek(0)
    how = {"skip_blank_lines": False, "dtype": dict.fromkeys(_padded(rows[0], rows), str)}
    return _read_csv(stream, "utf-8", how)

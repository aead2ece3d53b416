"""Rows of a table of any length, in order, never more than a batch in memory."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from chemspace.errors import NotTextError, TableError
from chemspace.tables.cells import without_guard
from chemspace.tables.decode import decode_text
from chemspace.tables.grid import delimiter_of, read_grid
from chemspace.tables.limits import MAX_BYTES, bytes_of_stream

__all__ = ["Row", "read_lines", "read_rows", "undecodable"]

#: A line longer than this (bytes) is cut off, and its rest is a row of its own.
MAX_LINE = 20_000
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
    """Rows of a table: text (also .gz) that is read line by line, Parquet, Excel or JSON lines.

    A row that cannot be decoded or split comes with a `problem`; empty rows are passed over. `path`: the file. One
    called *.parquet must be Parquet; of others the content says what they are; `choose`: called with the headings
    before the first row. Raises TableError if the file cannot be read at all: missing, binary, empty, several sheets.
    """
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
        above += 1
    else:
        raise TableError(path.name, "is empty; its first line names the columns")
    by_name = "\t" if ".tsv" in map(str.lower, path.suffixes) else ""
    reader = csv.reader(chain([line], lines), delimiter=declared or by_name or judged)
    try:
        header = [without_guard(name.strip()).lower() for name in next(reader)]
    except csv.Error as error:
        raise TableError(path.name, f"has no readable header: {error}") from error
    names = choose(header)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(reader.line_num + above, {}, f"the row cannot be split into columns: {error}")
            continue
        if not any(value.strip() for value in values):
            continue
        pairs = zip(header, values, strict=False)
        cells = {names[name]: without_guard(value.strip()) for name, value in pairs if name in names}
        problem = undecodable(cells)
        if len(values) > len(header):
            problem = f"the row has {len(values)} fields, the header {len(header)}; quote fields that hold a delimiter"
        yield Row(reader.line_num + above, cells, problem)


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

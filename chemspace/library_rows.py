"""Rows of a library file, streamed: CSV or TSV, .smi, either gzipped, and Parquet."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chemspace.errors import LibraryError

__all__ = ["COLUMNS", "FORMATS", "Row", "read_rows"]

#: File endings that are read; each but .parquet also with .gz.
FORMATS = (".csv", ".tsv", ".smi", ".parquet")
#: Columns that a table of cations may have; only the first must be there.
COLUMNS = ("smiles", "abbreviation", "aliases", "name", "role", "source")
#: A line longer than this is cut off and rejected as a row.
MAX_LINE = 20_000


class _Bytes(Protocol):
    def readline(self, size: int = ..., /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One row as written: its number (the line for text files, counted from 1), its fields, or why it has none."""

    number: int
    fields: dict[str, str]
    problem: str = ""

    @property
    def text(self) -> str:
        """The row's SMILES, for messages."""
        return self.fields.get("smiles", "")


def read_rows(path: str | Path) -> Iterator[Row]:
    """Rows of one file in order, never more than a batch in memory.

    A row that cannot be decoded or split comes with a `problem`; empty lines are passed over.

    Raises:
        LibraryError: if the file cannot be read at all: missing, of unknown ending, binary, without column smiles.
    """
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    ending = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else (suffixes or [""])[-1]
    if ending not in FORMATS:
        raise LibraryError(f"{path.name} has an unknown ending; a library is a file *{', *'.join(FORMATS)} or *.gz")
    try:
        if ending == ".parquet":
            yield from _parquet_rows(path)
            return
        with gzip.open(path, "rb") if suffixes[-1] == ".gz" else open(path, "rb") as stream:
            if b"\0" in stream.read(4096):
                raise LibraryError(f"{path.name} is binary, not text; write it as CSV, TSV, .smi or .parquet")
            stream.seek(0)
            if ending == ".smi":
                yield from _smi_rows(_lines(stream))
            else:
                yield from _csv_rows(path, _lines(stream), "\t" if ending == ".tsv" else ",")
    except OSError as error:  # gzip's own errors are OSErrors too
        raise LibraryError(f"{path} cannot be read: {error.strerror or error}") from error
    except EOFError as error:
        raise LibraryError(f"{path.name} ends in the middle of its gzip stream; fetch it again") from error


def _lines(stream: _Bytes) -> Iterator[str]:
    """Lines without their ends; bytes that are no UTF-8 come as lone surrogates."""
    first = True
    while raw := stream.readline(MAX_LINE):
        text = raw.decode("utf-8", "surrogateescape")
        if first:
            text, first = text.removeprefix("\ufeff"), False
        yield text.rstrip("\r\n")


def _smi_rows(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        parts = line.split(None, 1)
        fields = {"smiles": parts[0], "abbreviation": parts[1].strip() if len(parts) > 1 else ""}
        yield Row(number, fields, _undecodable(fields))


def _csv_rows(path: Path, lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        header = [name.strip().lower() for name in next(reader)]
    except StopIteration:
        raise LibraryError(f"{path.name} is empty; its first line names the columns, one of them smiles") from None
    except csv.Error as error:
        raise LibraryError(f"{path.name} has no readable header: {error}") from error
    _check_header(path, header)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(reader.line_num, {}, f"the row cannot be split into columns: {error}")
            continue
        if not any(value.strip() for value in values):
            continue
        fields = {name: value.strip() for name, value in zip(header, values, strict=False) if name in COLUMNS}
        problem = _undecodable(fields)
        if len(values) > len(header):
            problem = f"the row has {len(values)} fields, the header {len(header)}; quote fields that hold a delimiter"
        yield Row(reader.line_num, fields, problem)


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa  # heavy, and only Parquet needs it
    import pyarrow.parquet as pq

    if not path.exists():
        raise LibraryError(f"{path} cannot be read: no such file")
    try:
        with pq.ParquetFile(path) as table:
            names = {name.lower(): name for name in table.schema_arrow.names}
            _check_header(path, list(names))
            wanted = [names[column] for column in COLUMNS if column in names]
            number = 0
            for batch in table.iter_batches(batch_size=10_000, columns=wanted):
                for record in batch.to_pylist():
                    number += 1
                    values = {key.lower(): value for key, value in record.items()}
                    yield Row(number, {key: "" if v is None else str(v).strip() for key, v in values.items()})
    except (pa.ArrowException, pa.ArrowInvalid) as error:
        raise LibraryError(f"{path.name} is no readable Parquet file: {str(error).splitlines()[0]}") from error


def _check_header(path: Path, header: list[str]) -> None:
    if "smiles" not in header:
        shown = ", ".join(name[:30] for name in header[:8]) or "none"
        raise LibraryError(f"{path.name} has no column smiles (its columns: {shown}); head the structures smiles")
    if header.count("smiles") > 1:
        raise LibraryError(f"{path.name} has the column smiles twice; keep one")


def _undecodable(fields: dict[str, str]) -> str:
    for name, value in fields.items():
        if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
            fields[name] = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            return f"{name} is not UTF-8 text"
    return ""

"""The table in a file: text, an Excel workbook, JSON lines or Parquet. Its content says which, not its name.

The size of a file is asked before anything is made of it; one that is no text is named for what it is. The tables
that come with the package are read here too.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import stat
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from importlib.resources import files
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile

from chemspace.errors import NotTextError, TableError
from chemspace.tables.cells import without_guard

__all__ = ["MAX_BYTES", "MAX_LIBRARY_BYTES", "Grid", "bytes_of", "content_of", "decode_text", "read_grid", "sheet_text"]


def package_table(name: str, room: str = "chemspace") -> list[dict[str, str]]:
    """Rows of one CSV file of a room's data folder."""
    text = files(room).joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@lru_cache(maxsize=1)
def known_roles() -> dict[str, str]:
    """Role of each built-in cation, by InChIKey."""
    return {row["inchikey"]: row["role"] for row in package_table("cations.csv")}


#: Of a file that is read whole, of a workbook unpacked, and of a library, in bytes.
MAX_BYTES, MAX_LIBRARY_BYTES = 64_000_000, 1_000_000_000
#: Of a table that people hand in: columns, rows, filled cells, characters in a cell or a heading.
MAX_COLUMNS, MAX_ROWS, MAX_CELLS, MAX_CHARACTERS = 1_000, 100_000, 3_000_000, 2_000
#: Lines of a text, empty ones included, and rows that a sheet has.
MAX_LINES, SHEET_ROWS = 1_000_000, 1_048_576
#: Tags in a workbook's sheets and texts, filled or not, and in what else it holds: styles, names, links.
MAX_TAGS, MAX_OTHER_TAGS = 8_000_000, 300_000
#: Columns of a pool or a finished table, which may have features by the thousand.
MAX_FEATURES = 10_000
#: A cell behind so many empty rows or columns is no part of the table.
GAP = 100


def bytes_of(path: Path, most: int = MAX_BYTES) -> bytes:
    """The bytes of a file; of what is no ordinary file (a pipe, a device) `MAX_BYTES` at most. Raises TableError if
    there are more than `most`; OSError if it cannot be read."""
    with path.open("rb") as stream:
        state = path.stat()
        if stat.S_ISREG(state.st_mode):
            if state.st_size > most:
                raise too_large(path.name, most)
        else:
            most = min(most, MAX_BYTES)
        return bytes_of_stream(path.name, stream, most)


def bytes_of_stream(name: str, stream: BinaryIO, most: int = MAX_BYTES) -> bytes:
    """All bytes of a stream. Raises TableError if there are more than `most`."""
    content = stream.read(most + 1)
    if len(content) > most:
        raise too_large(name, most)
    return content


def too_large(name: str, most: int) -> TableError:
    """The error of a file of more than `most` bytes."""
    return TableError(name, f"it is larger than {most // 1_000_000:,} MB: hand it in in parts")


def check_headings(name: str, headings: Iterable[str], most: int = MAX_COLUMNS) -> None:
    """Checks that headings are few, short and different. Raises TableError if they are not."""
    counts = Counter(headings)
    if counts.total() > most:
        raise TableError(name, f"it has {counts.total():,} columns; at most {most:,} are read")
    long = next((heading for heading in counts if len(heading) > MAX_CHARACTERS), None)
    if long is not None:
        raise TableError(name, f"a heading has {len(long):,} characters ({long[:40]!r}...); at most {MAX_CHARACTERS:,}")
    twice = next((heading for heading, count in counts.items() if heading and count > 1), None)
    if twice is not None:
        raise TableError(name, f"column {twice!r} stands twice in the header; give each its own name")


class CellCount:
    """Counts the rows and cells of a table while it is read, and ends the reading where they are too many."""

    def __init__(self, name: str) -> None:
        self._name, self._rows, self._cells = name, 0, 0

    def add(self, line: int, cells: Iterable[str]) -> None:
        """One filled row. Raises TableError if the table is too long or too large, or a cell holds too much."""
        self._rows += 1
        for place, cell in enumerate(cells):
            self._cells += 1
            if len(cell) > MAX_CHARACTERS:
                what = f"row {line}: cell {place + 1} holds {len(cell):,} characters ({cell[:40]!r}...)"
                raise TableError(self._name, f"{what}; at most {MAX_CHARACTERS:,} are read")
        if self._rows > MAX_ROWS + 1:
            raise TableError(self._name, f"it has more than {MAX_ROWS:,} rows: hand it in in parts")
        if self._cells > MAX_CELLS:
            raise TableError(self._name, f"it has more than {MAX_CELLS:,} filled cells: hand it in in parts")


#: First bytes of files that people give a .csv name, and what they are.
_NOT_TEXT = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office document"),
    (b"\x00\x00\x00\x08Version", "a binary .ufs file of the spectrometer"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"{\\rtf", "a rich-text document"),
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def content_of(path: Path) -> bytes:
    """The bytes of a file. Raises TableError if it is not there, cannot be read, or is too large."""
    try:
        return bytes_of(path)
    except FileNotFoundError:
        raise TableError(str(path), "there is no such file") from None
    except OSError as error:
        raise TableError(str(path), f"it cannot be read ({error.strerror})") from error


def decode_text(raw: bytes) -> str:
    """The text of a file, line ends made uniform. Raises NotTextError if it is empty, damaged, or no text; `what` says
    which."""
    if not raw.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise NotTextError("is empty")
    for magic, what in _NOT_TEXT:
        if raw.lstrip()[: len(magic)].lower() == magic.lower():
            raise NotTextError(f"is {what}, not text")
    encoding = encoding_of(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        raise NotTextError(f"is damaged {encoding} text") from None
    if any(ord(c) < 32 and c not in "\t\r\n\f\x1a" for c in text[:20_000]):
        raise NotTextError("is binary, not text")
    return text.rstrip("\x1a").replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(raw: bytes) -> str:
    """Name of the encoding of text, as Python and pandas know it: by its byte-order mark, or by its bytes."""
    return next((encoding for bom, encoding in _BOMS if raw.startswith(bom)), None) or _without_bom(raw)


def _without_bom(raw: bytes) -> str:
    """UTF-16 of digits has a zero in every second byte; old Windows software writes one byte a character."""
    head = raw[:2000]
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252" if not any(byte in raw for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)) else "latin-1"
    return "utf-8"


#: What openpyxl, zipfile and the XML readers raise for a damaged file.
_DAMAGES = (
    ArithmeticError, AssertionError, AttributeError, BadZipFile, EOFError, LookupError, NotImplementedError, OSError,
    RecursionError, RuntimeError, SyntaxError, TypeError, ValueError, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """What a sheet holds."""

    #: Number of each filled row, from 1, and its filled cells by their place, from 0.
    rows: list[tuple[int, dict[int, str]]]
    dates: list[tuple[int, int, str]]  #: row, place and text of each cell that Excel keeps as a date
    strays: int  #: cells far below the others, which were left out
    merged: int  #: cells that stand for those below them, too, which were filled


#: First cell and last line of merged cells, as a sheet has them.
_MERGED = re.compile(r'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})"')


class Book:
    """An open workbook."""

    def __init__(self, name: str, values: Any, formulas: Any) -> None:
        self._name, self._values, self._formulas = name, values, formulas

    @property
    def titles(self) -> list[str]:
        """Names of its sheets."""
        titles: list[str] = self._values.sheetnames
        return titles

    @property
    def filled(self) -> list[str]:
        """Sheets that hold anything."""
        return [title for title in self.titles if next(_filled_rows(self._values, title), None) is not None]

    def sheet(self, title: str) -> Sheet:
        """What a sheet holds; a formula without a kept value shows itself, a cell merged over several rows stands in
        each. Raises TableError if it is too large."""
        count, rows, dates, strays = CellCount(self._name), list[tuple[int, dict[int, str]]](), [], 0
        last, merged = self._last_lines(title), 0
        spans: dict[int, tuple[int, str]] = {}
        for line, values in _filled_rows(self._values, title):
            if rows and line - rows[-1][0] > GAP:
                strays += len(values)
                continue
            spans = {at: span for at, span in spans.items() if span[0] >= line}
            cells = {at: text for at, (_, text) in spans.items()} | {at: _cell_text(v) for at, v in values.items()}
            opened = {at: (last[line, at], cells[at]) for at in values if (line, at) in last}
            spans, merged = spans | opened, merged + len(opened)
            count.add(line, cells.values())
            rows.append((line, cells))
            dates += [(line, at, cells[at]) for at, value in values.items() if isinstance(value, date | time)]
        if self._formulas is not None:
            by_line = dict(rows)
            for line, values in _filled_rows(self._formulas, title):
                asked = {at: value for at, value in values.items() if isinstance(value, str) and value.startswith("=")}
                if line in by_line:
                    by_line[line].update((at, value) for at, value in asked.items() if at not in by_line[line])
                elif asked and rows and line <= rows[-1][0] + GAP:
                    rows.append((line, asked))
            rows.sort(key=lambda row: row[0])
        return Sheet(rows, dates, strays, merged)

    def _last_lines(self, title: str) -> dict[tuple[int, int], int]:
        """Last line of each cell that is merged over several, by its first line, from 1, and its place."""
        from openpyxl.utils import column_index_from_string

        if not hasattr(sheet := self._values[title], "iter_rows"):
            return {}
        with sheet._get_source() as source:  # a sheet that is read row by row keeps nothing of them
            ranges = _MERGED.findall(source.read().decode("utf-8", "replace"))
        lines = ((column_index_from_string(left) - 1, int(top), int(bottom)) for left, top, bottom in ranges)
        return {(top, at): bottom for at, top, bottom in lines if bottom > top}


@contextmanager
def workbook(name: str, content: bytes) -> Iterator[Book]:
    """The workbook in these bytes. Raises TableError if it is none, damaged, or unpacks to more than is read."""
    from openpyxl import load_workbook  # 0.3 s, and most tables are CSV

    books: list[Any] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of charts and styles that it leaves out
            has_formulas = _check_parts(name, content)
            for values in (True, False) if has_formulas else (True,):
                books.append(load_workbook(io.BytesIO(content), data_only=values, read_only=True))
            yield Book(name, books[0], books[1] if has_formulas else None)
    except TableError:
        raise
    except _DAMAGES as error:
        why = str(error).split("\n", 1)[0][:200] or type(error).__name__
        raise TableError(
            name, f"it is a zip archive or a damaged Excel workbook ({why}); save the table again as .xlsx or CSV"
        ) from None
    finally:
        for book in books:
            book.close()


def width_of(cells: Mapping[int, str]) -> int:
    """Places up to the last cell of a row that is not far from the others."""
    width = 0
    for at in sorted(cells):
        if at - width >= GAP:
            break
        width = at + 1
    return width


def _check_parts(name: str, content: bytes) -> bool:
    """Whether a sheet has formulas. Raises TableError for parts that unpack to too much, or define entities."""
    has_formulas, tags = False, Counter[bool]()
    with ZipFile(io.BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > MAX_BYTES:
            raise too_large(f"{name} unpacked", MAX_BYTES)
        for part in archive.infolist():
            if part.filename.endswith((".xml", ".rels")):
                text = archive.read(part)
                if b"<!ENTITY" in text or b"<!DOCTYPE" in text:
                    raise TableError(name, "it defines entities, which no spreadsheet does; save the table again")
                tags["worksheets/" not in part.filename and "sharedStrings" not in part.filename] += text.count(b"<")
                if tags[False] > MAX_TAGS or tags[True] > MAX_OTHER_TAGS:
                    raise TableError(name, "it holds millions of empty cells or styles: save the table alone, as CSV")
                has_formulas |= part.filename.startswith("xl/worksheets/") and b"<f" in text
    return has_formulas


def _filled_rows(book: Any, title: str) -> Iterator[tuple[int, dict[int, object]]]:
    """Number of each filled row, from 1, and its filled cells by their place."""
    sheet = book[title]
    if not hasattr(sheet, "iter_rows"):  # a sheet that is only a chart
        return
    sheet.reset_dimensions()  # what a file says of them may be wrong
    for line, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if line > SHEET_ROWS:  # a row may say that it is any
            raise ValueError(f"a row is beyond row {SHEET_ROWS:,}, the last of a sheet")
        filled = {at: value for at, value in enumerate(row) if value is not None and _cell_text(value)}
        if filled:
            yield line, filled


def _cell_text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.15g}"  # 0.1 + 0.2 is 0.3 in a spreadsheet too
        case datetime():
            return value.isoformat(sep=" ").removesuffix(" 00:00:00")
        case date() | time():
            return value.isoformat()
        case _:
            return str(value).strip()


_WANTED = "it needs a table (CSV, .xlsx or JSON lines) with one row of headings"


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row: its line in the file (row of the sheet), from 1; filled cells as text by column; whether it has too
    many."""

    line: int
    cells: dict[str, str]
    surplus: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text."""

    columns: tuple[str, ...]  #: headings, in order
    rows: tuple[GridRow, ...]  #: rows that are not empty
    decimal_commas: bool = False  #: whether numbers may be written with a decimal comma
    guesses: tuple[str, ...] = ()  #: what was assumed to find the table, as sentences
    declare: tuple[str, ...] = ()  #: options that say the same
    warnings: tuple[str, ...] = ()  #: what looks odd

    def only_sheet(self, name: str) -> Grid:
        """This table, where nobody can say which sheet of the file called `name` is meant. Raises TableError if several
        sheets hold something."""
        if self.guesses:  # only ever which of several sheets is meant
            raise TableError(name, f"{self.guesses[0]}: keep one sheet in the file, or save the one you mean as CSV")
        return self

    def has_decimal_commas(self, columns: Iterable[str]) -> bool:
        """Whether a number in one of `columns` is written with a decimal comma."""
        names = list(columns)
        return self.decimal_commas and any(
            re.search(r"\d,\d", row.cells.get(name, "")) for row in self.rows for name in names
        )


def read_grid(name: str, content: bytes, sheet: str | None = None) -> Grid:
    """The table in a file, its first filled row the headings. Of a workbook (`sheet`: the only one that holds anything
    by default) a formula is read by the value that the file keeps, and a cell that Excel made a date comes as text such
    as 2026-05-01, so that no number is made of it. `name` is for messages. Raises TableError if there is no table in
    it."""
    if content.startswith(b"PK\x03\x04"):
        return _from_workbook(name, content, sheet)
    if sheet is not None:
        raise TableError(name, "it is no workbook, so it has no sheets: leave --sheet out")
    if content.startswith(b"PAR1"):
        return _from_records(name, _parquet_records(name, content))
    try:
        text = decode_text(content)
    except NotTextError as error:
        raise TableError(name, f"it {error.what}; {_WANTED}") from None
    if text.count("\n") > MAX_LINES:
        raise TableError(name, f"it has more than {MAX_LINES:,} lines: hand it in in parts")
    if text.lstrip()[:1] in ("{", "["):
        return _from_records(name, _json_records(name, text))
    return _from_text(name, text)


def sheet_text(name: str, content: bytes) -> str:
    """The rows of a workbook's only sheet of numbers as text, cells between tabs, each row on its own line, and below
    it what other sheets say. Raises TableError if it is no workbook, empty, or has several sheets of numbers."""
    with workbook(name, content) as book:
        sheets = {title: dict(book.sheet(title).rows) for title in book.filled}
    tables = [title for title, rows in sheets.items() if len(sheets) == 1 or _is_table(rows)]
    if len(tables) != 1:
        found = f"several sheets hold something ({', '.join(map(repr, sheets))}): keep one" if sheets else "it is empty"
        raise TableError(name, found)
    rows = sheets.pop(tables[0])
    lines = [rows.get(line, {}) for line in range(1, max(rows) + 1)]
    lines += [{0: f"# {' '.join(row.values())}"} for notes in sheets.values() for row in notes.values()]
    return "\n".join(
        "\t".join(" ".join(row.get(at, "").split()) for at in range(max(row, default=-1) + 1)) for row in lines
    )


def _is_table(rows: Mapping[int, Mapping[int, str]]) -> bool:
    """Whether a dozen rows or more of a sheet hold two numbers."""
    counts = (sum(cell[-1:].isdigit() for cell in row.values()) for row in rows.values())
    return sum(count > 1 for count in counts) >= 12


def delimiter_of(text: str) -> tuple[str, int]:
    """Delimiter of a text table and the number of its first line, from 1: as the line `sep=;` says, or by the header,
    which has no numbers. A title above it is passed over, as `header_at` finds it."""
    lines = text.split("\n", MOST_ABOVE)[:MOST_ABOVE]
    declared = lines[0].strip().lower().removeprefix("\ufeff")
    # Excel's own way of saying it
    if declared.startswith("sep=") and len(declared) == 5 and declared.isascii() and not declared[4].isalnum():
        return declared[4], 2
    delimiters = [max(",;\t|", key=line.count) for line in lines]
    at = header_at([line.strip("\r").split(mark) for line, mark in zip(lines, delimiters, strict=True)])
    filled = next((mark for line, mark in zip(lines[at:], delimiters[at:], strict=True) if line.strip()), ",")
    return filled, at + 1


#: A title and remarks above the headings of a table take no more lines.
MOST_ABOVE = 10
_NUMERIC = re.compile(r"\s*[-+]?\d[\d.,%\s]*")


def header_at(rows: Sequence[Sequence[str]]) -> int:
    """Which of the first rows, cells as text, holds the headings, from 0: not a title or a remark, which fills one cell
    of several or stands above three words."""
    for at, cells in enumerate(rows):
        filled = [cell for cell in cells if cell.strip()]
        if len(filled) > 1:
            words = not any(map(_NUMERIC.fullmatch, filled))
            above = [row for row in rows[:at] if any(cell.strip() for cell in row)]
            titles = all(len(row) > 1 or len(filled) > 2 or row[0].lstrip().startswith("#") for row in above)
            first = at if above and words and titles else 0
            return first + int(at == first and _are_groups(*rows[at : at + 3]))
    return 0


def _are_groups(groups: Sequence[str], headings: Sequence[str] = (), below: Sequence[str] = ()) -> bool:
    """Whether a row names groups of columns (Process, Results), and the row below it the columns: words, each its own
    and more of them, above a row with a number."""
    named, own = ({cell.strip() for cell in row if cell.strip()} for row in (groups, headings))
    has_number = [any(map(_NUMERIC.fullmatch, row)) for row in (headings, below)]
    return len(named) < len(own) == sum(map(bool, map(str.strip, headings))) and has_number == [False, True]


#: A cell of a line behind the last one, which a quotation mark without its second one takes into its own.
_END = "\0end"


def split_rows(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """The rows of a text table, its first line the headings: number of the first line of each, from 1, its cells, and
    why they cannot be read ("" where they can)."""
    reader, width = csv.reader(chain(lines, [f"{_END}{delimiter}{_END}"]), delimiter=delimiter), 0
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begin, [], str(error)
            continue
        if cells == [_END, _END]:
            return
        width = width or len(cells)
        is_open = any(takes_in_rows(cell, width, delimiter) for cell in cells)
        yield begin, cells, UNQUOTED if is_open else ""


#: What is wrong with a cell that takes in rows.
UNQUOTED = "a quotation mark has no second one, so that its cell takes in the rows that follow"


def takes_in_rows(cell: str, width: int, delimiter: str) -> bool:
    """Whether a quoted cell of a table of so many columns holds whole rows, or the end of the table."""
    return cell.endswith(_END) or any(line.count(delimiter) == width - 1 > 0 for line in cell.split("\n")[1:-1])


def _from_text(name: str, text: str) -> Grid:
    delimiter, first = delimiter_of(text)
    below = text.split("\n", first - 1)[first - 1 :]
    columns, rows, count = None, [], CellCount(name)
    for number, cells, problem in split_rows(io.StringIO("".join(below)), delimiter):
        line = number + first - 1
        if problem:
            raise TableError(name, f"row {line} cannot be read ({problem})")
        filled = {at: cell for at, text in enumerate(cells) if (cell := text.strip())}
        if not filled:
            continue
        if columns is None:
            columns = _columns(name, cells)
            continue
        count.add(line, filled.values())
        rows.append(_row(columns, line, filled))
    if columns is None:
        raise TableError(name, f"it is empty; {_WANTED}")
    return Grid(columns, tuple(rows), decimal_commas=delimiter != ",")


def _from_workbook(name: str, content: bytes, sheet: str | None) -> Grid:
    with workbook(name, content) as book:
        filled = book.filled
        if not filled:
            raise TableError(name, "the workbook is empty")
        if sheet is not None and sheet not in book.titles:
            raise TableError(name, f"there is no sheet {sheet!r}; it has {', '.join(map(repr, book.titles))}")
        chosen = filled[0] if sheet is None else sheet
        read = book.sheet(chosen)
    if not read.rows:
        raise TableError(name, f"the sheet {chosen!r} is empty")
    above = [row for _, row in read.rows[:MOST_ABOVE]]
    width = max(map(width_of, above))
    first = header_at([[row.get(at, "") for at in range(width)] for row in above])
    header = read.rows[first][1]
    columns = _columns(name, (header.get(at, "") for at in range(width_of(header))))
    beyond = len(columns) + GAP
    rows = [
        _row(columns, line, {at: cell for at, cell in row.items() if at < beyond})
        for line, row in read.rows[first + 1 :]
    ]
    strays = read.strays + sum(at >= beyond for _, row in read.rows for at in row)
    guesses: tuple[str, ...] = ()
    if sheet is None and len(filled) > 1:
        guesses = (f"the table is on the sheet {chosen!r} (others: {', '.join(map(repr, filled[1:]))})",)
    told = []
    if PurePath(name).suffix.lower() not in (".xlsx", ".xlsm"):
        told.append(f"{name} is an Excel workbook by its content and was read as one")
    if strays:
        told.append(f"{strays} {'cells' if strays > 1 else 'cell'} far from the table left out")
    if read.merged:
        told.append(f"{read.merged} merged {'cells count' if read.merged > 1 else 'cell counts'} for every row spanned")
    told += [
        f"row {line}, column {columns[at]}: Excel keeps a date here ({text}); if it was a name such as 3-1, format the "
        "column as text and type it again"
        for line, at, text in read.dates
        if at < len(columns) and columns[at] in ("sample", "source", "technique", "note")
    ]
    return Grid(
        columns,
        tuple(row for row in rows if row.cells or row.surplus),
        guesses=guesses,
        declare=(f"--sheet {chosen!r}",) if guesses else (),
        warnings=tuple(told),
    )


#: Line of a record in its file, and what it holds; None where it is no record.
_Record = tuple[int, dict[str, object] | None]


def _from_records(name: str, records: Iterable[_Record]) -> Grid:
    rows, problems, count, keys = [], [], CellCount(name), dict[str, None]()
    for line, record in records:
        wrong = [key for key, value in record.items() if isinstance(value, dict | list)] if record is not None else []
        if record is None:
            problems.append(f"row {line}: it is not one JSON object")
        elif wrong:
            problems.append(f"row {line}: {wrong[0]!r} holds a list or an object; a cell is a number or a text")
        else:
            cells = {str(key).strip(): cell for key, value in record.items() if (cell := _record_cell(value))}
            count.add(line, cells.values())
            rows.append((line, cells))
            keys |= dict.fromkeys(str(key).strip() for key in record or ())
    if problems:
        raise TableError(name, *problems)
    columns = tuple(keys)  # one without a value is there, too, as in a text
    check_headings(name, columns)
    return Grid(columns, tuple(GridRow(line, cells) for line, cells in rows if cells))


def _json_records(name: str, text: str) -> Iterator[_Record]:
    """Objects of a file of JSON lines, or of one JSON list, with their line (place in the list)."""
    if text.lstrip().startswith("["):
        try:
            listed = json.loads(text, object_pairs_hook=_once)
        except ValueError as error:
            raise TableError(name, f"it is no JSON ({error})") from None
        except RecursionError:
            raise TableError(name, "it is lists within lists; a table is one list of objects") from None
        for place, record in enumerate(listed, 1):
            yield place, record if isinstance(record, dict) else None
        return
    for line, record_text in enumerate(text.split("\n"), 1):
        if not record_text.strip():
            continue
        try:
            record = json.loads(record_text, object_pairs_hook=_once)
        except _TwiceError as error:
            raise TableError(name, f"row {line}: {error}") from None
        except (ValueError, RecursionError):
            record = None
        yield line, record if isinstance(record, dict) else None


class _TwiceError(ValueError):
    """An object of JSON that says something twice, which leaves open what is meant."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise _TwiceError(f"{twice!r} stands twice in one object; which is meant?")
    return record


def _parquet_records(name: str, content: bytes) -> Iterator[_Record]:
    import pyarrow as pa  # heavy, and only Parquet needs it
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(io.BytesIO(content))
        check_headings(name, table.schema_arrow.names)
        if table.metadata.num_rows * table.metadata.num_columns > MAX_CELLS:
            raise TableError(name, f"it has more than {MAX_CELLS:,} cells: hand it in in parts")
        records = table.read().to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise TableError(name, f"it is no readable Parquet file ({str(error).splitlines()[0]})") from None
    yield from enumerate(records, 1)


def _record_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value).strip()


def _columns(name: str, header: Iterable[str]) -> tuple[str, ...]:
    columns = [without_guard(cell.strip().removeprefix("\ufeff")) for cell in header]
    while columns and not columns[-1]:
        columns.pop()
    check_headings(name, columns)
    return tuple(columns)


def _row(columns: tuple[str, ...], line: int, filled: Mapping[int, str]) -> GridRow:
    """A row of cells by their place; those below a column without a heading are left out."""
    cells = {columns[at]: without_guard(cell) for at, cell in filled.items() if at < len(columns) and columns[at]}
    return GridRow(line, cells, surplus=any(at >= len(columns) for at in filled))

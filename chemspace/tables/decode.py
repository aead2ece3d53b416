"""Files as they are handed in: how large one may be, the encodings that instruments and spreadsheets write.

Sizes are asked before anything is made of a file; one that is no text is named for what it is. The tables that come
with the package are read here too.
"""

from __future__ import annotations

import codecs
import csv
import stat
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO

from chemspace.errors import NotTextError, TableError

__all__ = ["MAX_BYTES", "MAX_LIBRARY_BYTES", "bytes_of", "content_of", "decode_text"]


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
#: Lines of a text, empty ones included.
MAX_LINES = 1_000_000
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

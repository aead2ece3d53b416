"""How large a file, a table and a cell may be: asked before anything is made of them."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from chemspace.errors import TableError

__all__ = ["MAX_BYTES", "MAX_LIBRARY_BYTES", "bytes_of"]

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

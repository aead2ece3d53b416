"""A user's table of numbers as a data frame: text of any usual form, Excel, JSON lines or Parquet, of any length."""

from __future__ import annotations

import csv
import io
import warnings
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chemspace.errors import CellError, NotTextError, TableError
from chemspace.tables.cells import is_missing, to_number, with_point, without_guard
from chemspace.tables.columns import are_codes
from chemspace.tables.decode import content_of, decode_text, encoding_of
from chemspace.tables.grid import Grid, delimiter_of, read_grid
from chemspace.tables.limits import MAX_FEATURES, MAX_LIBRARY_BYTES, check_headings, too_large

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_frame"]

#: So much of a file (bytes) shows how it is written.
_HEAD = 1 << 16
#: Cells of a Parquet file, which unpacks.
_MOST_NUMBERS = 250_000_000


def read_frame(path: Path) -> pd.DataFrame:
    """The table in a file; its content says what the file is, not its name.

    Text may be separated by commas, semicolons or tabs (the latter two with decimal commas) and be written in any usual
    encoding. Columns of numbers are numeric. Raises TableError if the file cannot be read, holds no table, several
    sheets that could be meant, or a number that may be a thousand or one and a quarter.
    """

    if not path.is_file():
        content_of(path)  # says what is wrong, or that there is no end to it
        raise TableError(str(path), "it is no ordinary file: save the table as one")
    name = path.name
    if path.stat().st_size > MAX_LIBRARY_BYTES:
        raise too_large(name, MAX_LIBRARY_BYTES)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
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
    whole = head[: head.rfind(b"\n") + 1] if len(head) == _HEAD and b"\0" not in head else head
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
    blank = [name for name in frame if str(name).startswith("Unnamed: ") and frame[name].isna().all()]
    frame = frame.drop(columns=blank)
    if len(frame) and frame.iloc[-1].isna().all():  # lines of nothing but delimiters, as spreadsheets write them
        filled = frame.notna().any(axis=1).to_numpy()
        frame = frame.iloc[: len(filled) - int(filled[::-1].argmax()) if filled.any() else 0]
    for column in frame.select_dtypes(exclude="number"):
        if frame[column].astype(str).str.startswith("'").any():
            frame[column] = frame[column].map(_plain, na_action="ignore")
    return frame.rename(columns=lambda heading: without_guard(str(heading).strip()))


def _plain(cell: object) -> object:
    return without_guard(cell) if isinstance(cell, str) else cell


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

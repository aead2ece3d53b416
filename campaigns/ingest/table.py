"""Read a table of measured lifetimes: every row a measurement, or refused with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypedDict

from campaigns.errors import IngestError, UnconfirmedError
from campaigns.ingest.cells import lifetime, split_bound, standard_error, temperature
from campaigns.ingest.layout import NUMBERS, Layout, layout_of
from campaigns.kinetics.result import CONVENTIONS, difference_lifetime_ps
from campaigns.targets import Measurement, PropertyValue, range_problem
from chemspace import CationLibrary, ChemspaceError, Compound, parse_formula
from chemspace.errors import CellError, TableError
from chemspace.tables.cells import flag, number, optional_number, with_point
from chemspace.tables.decode import content_of
from chemspace.tables.fields import Field, match_fields
from chemspace.tables.grid import Grid, GridRow, read_grid

__all__ = ["ReadRows", "value_fields"]


class ReadingOptions(TypedDict, total=False):
    """How to read a table, as the arguments of `read_table`."""

    columns: Mapping[str, str] | None
    unit: str | None
    sheet: str | None
    accept_guesses: bool
    accept_extreme: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be taken in: its line, its cells by column, and the sentence that says why."""

    line: int
    cells: Mapping[str, str]
    problem: str


@dataclass(frozen=True, slots=True)
class ReadRows:
    """A results file, read and checked.

    Attributes:
        name: the file's name.
        content: the file as it was.
        columns: its headings.
        compounds: the compound of each row that can be taken in.
        lines: line in the file of each, from 1.
        refused: the rows that cannot.
        warnings: what was left out or looks odd.
    """

    name: str
    content: bytes
    columns: tuple[str, ...]
    compounds: tuple[Compound, ...]
    lines: tuple[int, ...]
    refused: tuple[Refused, ...]
    warnings: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Hash of the content: the file's identity."""
        return sha256(self.content).hexdigest()

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each row that cannot be taken in."""
        return tuple(f"row {row.line}, {row.problem}" for row in self.refused)


@dataclass(frozen=True, slots=True)
class IngestTable(ReadRows):
    """A table of lifetimes.

    Attributes:
        measurements: one for each row that can be taken in.
    """

    measurements: tuple[Measurement, ...]


def read_table(
    path: Path,
    library: CationLibrary,
    *,
    columns: Mapping[str, str] | None = None,
    unit: str | None = None,
    sheet: str | None = None,
    accept_guesses: bool = False,
    accept_extreme: bool = False,
) -> IngestTable:
    """Read a table with the columns `formula` and `lifetime_ps` (others: see `campaigns.ingest.COLUMNS`).

    Args:
        path: CSV (any usual encoding; commas, tabs or semicolons between the columns, the latter two with decimal
            commas), an Excel workbook (.xlsx) or JSON lines, with one header row. The content says which it is.
        library: resolves the abbreviations in the formulas.
        columns: column of a field of `campaigns.ingest.FIELDS` where it has another name; "" leaves the field out.
        unit: unit of the lifetimes or rates, one of `campaigns.ingest.UNITS`; None takes what the heading says.
        sheet: sheet of a workbook that has several.
        accept_guesses: take columns and units that were recognised and not declared.
        accept_extreme: take lifetimes far outside what has been measured so far.

    Returns:
        Its rows; those that cannot be taken in are in `refused`.

    Raises:
        UnconfirmedError: if columns or units had to be guessed and `accept_guesses` does not allow it.
        IngestError: if there is no table in the file, or a column is missing.
    """
    with _as_ingest_error():
        content = content_of(path)
        grid = read_grid(path.name, content, sheet)
        layout = layout_of(path.name, grid, columns or {}, unit)
    if not grid.rows:
        raise IngestError(path.name, ("it has a header but no rows",))
    if layout.guesses and not accept_guesses:
        raise UnconfirmedError(path.name, layout.guesses, layout.declare)
    commas = grid.has_decimal_commas(layout.columns[field] for field in NUMBERS if field in layout.columns)
    measurements, compounds, lines, refused = [], [], [], []
    for row in grid.rows:
        try:
            cells = _cells(row, layout, commas=commas)
            compound = _compound(cells["formula"], library)
            measurement = _measurement(cells, compound, layout, accept_extreme=accept_extreme)
        except CellError as error:
            refused.append(Refused(row.line, row.cells, str(error)))
            continue
        measurements.append(measurement)
        compounds.append(compound)
        lines.append(row.line)
    return IngestTable(
        name=path.name,
        content=content,
        columns=tuple(column for column in grid.columns if column),
        compounds=tuple(compounds),
        lines=tuple(lines),
        refused=tuple(refused),
        warnings=(*grid.warnings, *layout.warnings),
        measurements=tuple(measurements),
    )


@contextmanager
def _as_ingest_error() -> Iterator[None]:
    try:
        yield
    except TableError as error:
        raise IngestError(error.name, error.problems) from None


def _cells(row: GridRow, layout: Layout, *, commas: bool) -> dict[str, str]:
    """Cells by field, numbers with a decimal point."""
    if row.surplus:
        raise CellError("the row has more cells than the header; is there a decimal comma?")
    cells = {field: row.cells.get(column, "") for field, column in layout.columns.items()}
    if commas:
        for field in NUMBERS:
            with _in_column(layout, field):
                cells[field] = with_point(cells.get(field, ""))
    return cells


def _compound(formula: str, library: CationLibrary, where: str = "column formula: ") -> Compound:
    try:
        return parse_formula(formula, library)
    except ChemspaceError as error:
        raise CellError(f"{where}{error}") from error


def _measurement(cells: Mapping[str, str], compound: Compound, layout: Layout, *, accept_extreme: bool) -> Measurement:
    unit = layout.units["lifetime"]
    with _in_column(layout, "lifetime"):
        less_than, number = split_bound(cells["lifetime"], unit)
        lifetime_ps = lifetime(number, accept_extreme=accept_extreme, unit=unit)
    with _in_column(layout, "is_upper_bound"):
        bound = less_than or flag(cells.get("is_upper_bound", ""))
    with _in_column(layout, "lifetime_stderr"):
        stderr_ps = standard_error(cells.get("lifetime_stderr", ""), lifetime_ps, layout.units["lifetime_stderr"])
        if bound and stderr_ps is not None:
            raise CellError("an upper bound has no standard error; leave the cell empty")
    with _in_column(layout, "temperature_k"):
        temperature_k = temperature(cells.get("temperature_k", ""))
    with _in_column(layout, "convention"):
        factor, told = _to_tau(cells.get("convention", ""))
    return Measurement(
        formula=compound.formula,
        lifetime_ps=lifetime_ps * factor,
        lifetime_stderr_ps=None if stderr_ps is None else stderr_ps * factor,
        temperature_k=temperature_k,
        sample=cells.get("sample", ""),
        source=cells.get("source", ""),
        technique=cells.get("technique", ""),
        note="; ".join(part for part in (cells.get("note", ""), told) if part),
        is_upper_bound=bound,
    )


def _to_tau(convention: str) -> tuple[float, str]:
    """Factor from a lifetime in some convention to tau of the difference, and what to note of it."""
    name = convention.strip().lower() or "tau"
    if name not in CONVENTIONS:
        raise CellError(
            f"{convention!r} is no convention of a lifetime; write {', '.join(CONVENTIONS)}, or leave it empty"
        )
    return difference_lifetime_ps(1.0, name), "" if name == "tau" else f"given as {name}"


@contextmanager
def _in_column(layout: Layout, field: str) -> Iterator[None]:
    try:
        yield
    except CellError as error:
        raise CellError(f"column {layout.columns.get(field, field)}: {error}") from error


#: What a table can say of a value; the names that `--map` takes.
VALUE_FIELDS = ("formula", "value", "error", "sample", "source", "note")
_NUMBERS = ("value", "error")


class ValueOptions(TypedDict, total=False):
    """How to read a table of values, as the arguments of `read_values`."""

    columns: Mapping[str, str] | None
    sheet: str | None


@dataclass(frozen=True, slots=True)
class ValueTable(ReadRows):
    """A table of values of one property.

    Attributes:
        values: one for each row that can be taken in.
    """

    values: tuple[PropertyValue, ...]


def read_values(
    path: Path,
    name: str,
    library: CationLibrary,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
) -> ValueTable:
    """Read a table with the columns `compound` (or `formula`) and `value` (or the property's own name).

    Where they are known also `error` (standard error), `sample`, `source` and `note`.

    Args:
        path: CSV, an Excel workbook (.xlsx) or JSON lines, as for lifetimes. The content says which it is.
        name: of the property; its values are in the unit at its end.
        library: resolves the abbreviations in the formulas.
        columns: column of a field of `VALUE_FIELDS` where it has another name; "" leaves the field out.
        sheet: sheet of a workbook; it must be named where several hold something.

    Returns:
        Its rows; those that cannot be taken in are in `refused`.

    Raises:
        IngestError: if there is no table in the file, a column is missing, or two could be meant.
    """
    with _as_ingest_error():
        content = content_of(path)
        grid = read_grid(path.name, content, sheet)
    if grid.guesses:  # only ever which of several sheets is meant
        raise IngestError(path.name, (f"{grid.guesses[0]}: say which sheet, {grid.declare[0]} or another",))
    with _as_ingest_error():
        fields = value_fields(path.name, grid, name, columns or {})
    if not grid.rows:
        raise IngestError(path.name, ("it has a header but no rows",))
    commas = grid.has_decimal_commas(fields[field] for field in _NUMBERS if field in fields)
    values, compounds, lines, refused = [], [], [], []
    for row in grid.rows:
        try:
            compound, value = _value(row, fields, name, library, commas=commas)
        except CellError as error:
            refused.append(Refused(row.line, row.cells, str(error)))
            continue
        values.append(value)
        compounds.append(compound)
        lines.append(row.line)
    unused = [column for column in grid.columns if column and column not in fields.values()]
    return ValueTable(
        name=path.name,
        content=content,
        columns=tuple(column for column in grid.columns if column),
        compounds=tuple(compounds),
        lines=tuple(lines),
        refused=tuple(refused),
        warnings=(*grid.warnings, *(f"column {column!r} is not used" for column in unused)),
        values=tuple(values),
    )


def value_fields(file: str, grid: Grid, name: str, declared: Mapping[str, str]) -> dict[str, str]:
    """Column of each field of `VALUE_FIELDS` that a table of values has.

    Args:
        file: the file's name, for messages.
        grid: the table.
        name: of the property.
        declared: column of a field, as the user says; "" leaves the field out.

    Raises:
        TableError: if something declared is not there, a column is missing, or two could be meant.
    """
    own = {"formula": ("compound", "formula"), "value": ("value", name)}
    fields = [Field(field, own.get(field, ()), required=field in own) for field in VALUE_FIELDS]
    return dict(match_fields(file, grid.columns, fields, declared).columns)


def _value(
    row: GridRow, fields: Mapping[str, str], name: str, library: CationLibrary, *, commas: bool
) -> tuple[Compound, PropertyValue]:
    if row.surplus:
        raise CellError("the row has more cells than the header; is there a decimal comma?")
    cells = {field: row.cells.get(column, "") for field, column in fields.items()}
    if commas:
        for field in _NUMBERS:
            with _in_value_column(fields.get(field, field)):
                cells[field] = with_point(cells.get(field, ""))
    with _in_value_column(fields["formula"]):
        compound = _compound(cells["formula"], library, where="")
    with _in_value_column(fields["value"]):
        value = number(cells["value"])
        if problem := range_problem(name, value):
            raise CellError(problem)
    with _in_value_column(fields.get("error", "error")):
        error = optional_number(cells.get("error", ""))
        if error is not None and error < 0:
            raise CellError(f"{cells['error']} is no standard error; it is 0 or more (leave the cell empty if unknown)")
        if problem := range_problem(name, value, error):
            raise CellError(problem)
    words = {field: cells.get(field, "") for field in ("sample", "source", "note")}
    return compound, PropertyValue(compound.formula, value, error, **words)


@contextmanager
def _in_value_column(column: str) -> Iterator[None]:
    try:
        yield
    except CellError as error:
        raise CellError(f"column {column}: {error}") from error

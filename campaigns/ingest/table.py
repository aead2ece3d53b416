"""Read a table of results: every row an observation of one target, or refused with its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from campaigns.errors import IngestError, UnconfirmedError
from campaigns.ingest.cells import density, fluence, lifetime, split_bound, standard_error, temperature
from campaigns.ingest.layout import EXPORTED, NUMBERS, Layout, layout_of
from campaigns.targets import Observation, Target
from chemspace import CationLibrary, ChemspaceError, Compound, parse_formula
from chemspace.errors import CellError, TableError
from chemspace.tables.cells import flag, number, optional_number
from chemspace.tables.decode import content_of
from chemspace.tables.fields import Field, cells_of, match_fields
from chemspace.tables.grid import Grid, read_grid
from chemspace.text import one_line, printable, text_problem

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["grid_of", "json_lines", "layout_for", "read_file", "read_table"]

#: What a table can say of a value of a property; the names that `--map` takes.
VALUE_FIELDS = ("formula", "value", "error", "sample", "source", "note")
#: The column in which an export says why a row was taken back.
RETRACTED = "retracted"
#: A table with more rows that cannot be taken in is refused whole: it is another table, and every reason takes time.
MAX_REFUSED = 1_000
#: Rows of one compound in a table: each is held against all others of it.
MAX_OF_ONE = 500
#: Fields of either kind of table whose cells are numbers.
_NUMBERS = frozenset({*NUMBERS, "value", "error"})


class ReadingOptions(TypedDict, total=False):
    """How to read a table; what is left out is left to its headings.

    Keys:
        columns: column of a field of `campaigns.ingest.layout.FIELDS`, of `VALUE_FIELDS` for a property, where it has
            another name; "" leaves the field out.
        unit: unit of the lifetimes or rates, one of `campaigns.ingest.UNITS`.
        sheet: sheet of a workbook that has several.
        accept_guesses: take columns and units that were recognised and not declared.
        accept_extreme: take lifetimes far outside what has been measured so far.
        accept_corrections: take what rows say otherwise of crystals in the record.
    """

    columns: Mapping[str, str] | None
    unit: str | None
    sheet: str | None
    accept_guesses: bool
    accept_extreme: bool
    accept_corrections: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be taken in: its line, its cells by column, and the sentence that says why."""

    line: int
    cells: Mapping[str, str]
    problem: str


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row that can be read.

    Attributes:
        line: its line in the file, from 1.
        formula: as it stands there.
        compound: what that names.
        observation: what was measured of it.
        retracted: why the file says that it was taken back; "" where it stands.
    """

    line: int
    formula: str
    compound: Compound
    observation: Observation
    retracted: str = ""


@dataclass(frozen=True, slots=True)
class ObservationTable:
    """A results file, read and checked.

    Attributes:
        name: the file's name.
        content: the file as it was.
        target: what was measured.
        columns: its headings.
        rows: the rows that can be taken in.
        refused: the rows that cannot.
        warnings: what was left out or looks odd.
    """

    name: str
    content: bytes
    target: Target
    columns: tuple[str, ...]
    rows: tuple[ReadRow, ...]
    refused: tuple[Refused, ...]
    warnings: tuple[str, ...]

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What the rows say that can be taken in."""
        return tuple(row.observation for row in self.rows)

    @property
    def sha256(self) -> str:
        """Hash of the content: the file's identity."""
        return sha256(self.content).hexdigest()

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each row that cannot be taken in."""
        return tuple(f"row {row.line}, {row.problem}" for row in self.refused)


def read_table(path: Path, target: Target, names: CationLibrary, reading: ReadingOptions) -> ObservationTable:
    """Read a file of observations of one target, as `read_observations`."""
    return read_observations(printable(path.name), read_file(path), target, names, **reading)


def read_observations(
    name: str, content: bytes, target: Target, names: CationLibrary, **reading: Unpack[ReadingOptions]
) -> ObservationTable:
    """Read a table of observations of one target.

    Lifetimes stand in the columns `formula` and `lifetime_ps` (others: see `campaigns.ingest.layout`), values of a
    further property in `compound` (or `formula`) and `value` (or the property's own name); where they are known also
    `error` (standard error), `sample`, `source` and `note`. Returns its rows; those that cannot be taken in are in
    `refused`. Raises UnconfirmedError if columns or units of lifetimes had to be guessed and `accept_guesses` does not
    allow it; IngestError if there is no table in the file, a column is missing, or two could be meant.
    """
    grid = grid_of(name, content, reading.get("sheet"))
    layout = layout_for(name, grid, target, **reading)
    if not grid.rows:
        raise IngestError(name, ("it has a header but no rows",))
    if layout.guesses and not reading.get("accept_guesses"):
        raise UnconfirmedError(name, layout.guesses, layout.declare)
    commas = grid.has_decimal_commas(layout.columns[field] for field in _NUMBERS if field in layout.columns)
    extreme = reading.get("accept_extreme", False)
    columns = dict(layout.columns)
    if RETRACTED in grid.columns and RETRACTED not in columns.values():
        columns[RETRACTED] = RETRACTED
    rows, refused = [], []
    compound_of = cache(partial(_compound, library=names))
    for row in grid.rows:
        try:
            cells = lines_of(cells_of(row, columns, _NUMBERS if commas else ()), columns)
            with _in_column(layout, "formula"):
                compound = compound_of(cells["formula"])
            if target.is_lifetime:
                observation = _lifetime(cells, compound, layout, target, accept_extreme=extreme)
            else:
                observation = _value(cells, compound, layout, target)
        except CellError as error:
            refused.append(Refused(row.line, printable(dict(row.cells)), printable(str(error))))
            if len(refused) > MAX_REFUSED:
                more = f"more than {MAX_REFUSED:,} rows cannot be taken in, the first: row {refused[0].line}"
                raise IngestError(name, (f"{more}, {refused[0].problem}; is it the right table?",)) from None
            continue
        rows.append(ReadRow(row.line, cells["formula"], compound, observation, cells.get(RETRACTED, "")))
    for formula, count in Counter(row.observation.formula for row in rows).most_common(1):
        if count > MAX_OF_ONE:
            most = f"at most {MAX_OF_ONE} of one compound are taken in at once: hand it in in parts"
            raise IngestError(name, (f"it has {count:,} rows of {formula}; {most}",))
    return ObservationTable(
        name=name,
        content=content,
        target=target,
        columns=tuple(column for column in grid.columns if column),
        rows=tuple(rows),
        refused=tuple(refused),
        warnings=(*grid.warnings, *(w for w in layout.warnings if not w.startswith(f"column {RETRACTED!r} "))),
    )


def layout_for(name: str, grid: Grid, target: Target, **reading: Unpack[ReadingOptions]) -> Layout:
    """Which column of a table of observations of `target` is what. Raises IngestError if something declared is not
    there, a column is missing, or two could be meant."""
    declared, unit = reading.get("columns") or {}, reading.get("unit")
    with _as_ingest_error():
        if target.is_lifetime:
            return layout_of(name, grid, declared, unit)
        if unit is not None or reading.get("accept_extreme"):
            problem = f"unit and accept_extreme are for lifetimes; the unit of {target.name} stands at its name's end"
            raise IngestError(name, (problem,))
        if grid.guesses:  # only ever which of several sheets is meant
            raise IngestError(name, (f"{grid.guesses[0]}: say which sheet, {grid.declare[0]} or another",))
        own = {"formula": ("compound", "formula"), "value": ("value", target.name)}
        fields = [Field(field, own.get(field, ()), required=field in own) for field in VALUE_FIELDS]
        columns = match_fields(name, grid.columns, fields, declared).columns
    unused = [column for column in grid.columns if column and column not in columns.values()]
    if {*unused} > EXPORTED:
        unused = [column for column in unused if column not in EXPORTED]
    return Layout(columns, {}, (), (), tuple(f"column {column!r} is not used" for column in unused))


def read_file(path: Path) -> bytes:
    """The bytes of a results file. Raises IngestError if it cannot be read."""
    with _as_ingest_error():
        return content_of(path)


def grid_of(name: str, content: bytes, sheet: str | None) -> Grid:
    """The cells of a results file. Raises IngestError if there is no table in it."""
    with _as_ingest_error():
        return read_grid(name, content, sheet)


@contextmanager
def _as_ingest_error() -> Iterator[None]:
    try:
        yield
    except TableError as error:
        raise IngestError(error.name, error.problems) from None


def json_lines(rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as a table of JSON lines; what is None or NaN is an empty cell. Raises IngestError for what is no row."""
    import pandas as pd

    records = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    records = [*records] if isinstance(records, Iterable) else [records]
    if other := [row for row in records if not isinstance(row, Mapping)]:
        what = f"{other[0]!r} is neither a file's path, nor a data frame, nor a row such as {{'formula': '(PEA)2PbI4'}}"
        raise IngestError("what was given", (what,), ())
    cells = [{str(name): cell for name, cell in row.items() if not pd.isna(cell)} for row in records]
    return "\n".join(json.dumps(row, default=lambda cell: cell.item()) for row in cells).encode()


def lines_of(cells: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    """Cells by field, each one line. Raises CellError naming the column, for text that cannot be recorded."""
    lines = {field: one_line(cell) for field, cell in cells.items()}
    for field, line in lines.items():
        if problem := text_problem(line):
            raise CellError(f"column {columns[field]}: the cell {problem}")
    return lines


def _compound(formula: str, library: CationLibrary) -> Compound:
    try:
        return parse_formula(formula, library)
    except ChemspaceError as error:
        raise CellError(str(error)) from error


def _lifetime(
    cells: Mapping[str, str], compound: Compound, layout: Layout, target: Target, *, accept_extreme: bool
) -> Observation:
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
    with _in_column(layout, "fluence_uj_cm2"):
        fluence_uj_cm2 = fluence(cells.get("fluence_uj_cm2", ""), layout.columns.get("fluence_uj_cm2", ""))
    with _in_column(layout, "density_cm3"):
        per_cm3 = density(cells.get("density_cm3", ""))
    carrier = cells.get("carrier", "")
    carrier = {"e": "electron", "h": "hole", "x": "exciton"}.get(carrier.lower().strip("+-"), carrier)
    conditions = (carrier and f"carrier {carrier}", "" if per_cm3 is None else f"density {per_cm3:g} cm-3")
    with _in_column(layout, "convention"):
        factor, told = _to_tau(cells.get("convention", ""))
    return Observation(
        target=target.name,
        formula=compound.formula,
        value=lifetime_ps * factor,
        stderr=None if stderr_ps is None else stderr_ps * factor,
        temperature_k=temperature_k,
        fluence_uj_cm2=fluence_uj_cm2,
        sample=cells.get("sample", ""),
        source=cells.get("source", ""),
        technique="; ".join(filter(None, (cells.get("technique", ""), *conditions))),
        note="; ".join(part for part in (cells.get("note", ""), told) if part),
        is_bound=bound,
    )


def _to_tau(convention: str) -> tuple[float, str]:
    """Factor from a lifetime in some convention to tau of the difference, and what to note of it."""
    name = convention.strip().lower() or "tau"
    if name == "tau":
        return 1.0, ""
    from campaigns.kinetics.result import CONVENTIONS, difference_lifetime_ps

    if name not in CONVENTIONS:
        raise CellError(
            f"{convention!r} is no convention of a lifetime; write {', '.join(CONVENTIONS)}, or leave it empty"
        )
    return difference_lifetime_ps(1.0, name), f"given as {name}"


@contextmanager
def _in_column(layout: Layout, field: str) -> Iterator[None]:
    try:
        yield
    except CellError as error:
        raise CellError(f"column {layout.columns.get(field, field)}: {error}") from error


def _value(cells: Mapping[str, str], compound: Compound, layout: Layout, target: Target) -> Observation:
    with _in_column(layout, "value"):
        value = number(cells["value"])
        if problem := target.problem(value):
            raise CellError(problem)
    with _in_column(layout, "error"):
        error = optional_number(cells.get("error", ""))
        if error is not None and error < 0:
            raise CellError(f"{cells['error']} is no standard error; it is 0 or more (leave the cell empty if unknown)")
        if problem := target.problem(value, error):
            raise CellError(problem)
    return Observation(
        target=target.name,
        formula=compound.formula,
        value=value,
        stderr=error,
        sample=cells.get("sample", ""),
        source=cells.get("source", ""),
        note=cells.get("note", ""),
    )

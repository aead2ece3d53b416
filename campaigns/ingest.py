"""From a file of results to observations that can be trusted.

Which column is what and in which unit; then every row an observation of one target, or refused with a sentence that
says what would be right.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from campaigns.errors import IngestError, UnconfirmedError
from campaigns.targets import Observation, Target
from chemspace import CationLibrary, ChemspaceError, Compound, parse_formula
from chemspace.errors import CellError, TableError
from chemspace.tables.cells import (
    UNITS,
    flag,
    is_rate,
    lifetime_in_ps,
    number,
    one_line,
    optional_number,
    printable,
    split_heading,
    stderr_in_ps,
    text_problem,
    unit_of,
)
from chemspace.tables.columns import Field, cells_of, match_fields
from chemspace.tables.grid import Grid, content_of, package_table, read_grid
from screening.dataset import PLAUSIBLE_LIFETIME_PS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UNITS", "ObservationTable", "ReadingOptions", "grid_of", "layout_for", "read_table"]


_LEADING_NUMBER = re.compile(r"^[<>≤≥~\s]*[-+]?[0-9.,]+(?:[eE][-+]?[0-9]+)?")
_NUMBER_AND_UNIT = re.compile(r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([^\d\s].*)")


def lifetime(text: str, *, accept_extreme: bool, unit: str | None = "ps") -> float:
    """A lifetime in ps. Raises CellError if it is empty, no number, not positive, extreme or has its own unit."""
    if unit is None:
        text, unit = _with_own_unit(text)
    what = "a rate" if is_rate(unit) else "a lifetime"
    _refuse_own_unit(text, unit)
    value = number(text, f"{what} in {unit}, for example 3.2")
    if value <= 0:
        raise CellError(f"{text} is not {what}; it must be positive (leave the row out if none could be measured)")
    in_ps = lifetime_in_ps(value, unit)
    low, high = PLAUSIBLE_LIFETIME_PS
    if not accept_extreme and not low <= in_ps <= high:
        raise CellError(f"{text} {unit} {far_outside(value, in_ps, unit)}; if it is right, use --accept-extreme")
    return in_ps


def standard_error(text: str, lifetime_ps: float, unit: str | None = "ps") -> float | None:
    """A standard error in ps, None if empty. CellError if it is not positive or above ten times the lifetime."""
    if unit is None:
        text, unit = _with_own_unit(text)
    _refuse_own_unit(text, unit)
    value = optional_number(text)
    if value is None:
        return None
    if value <= 0:
        raise CellError(f"{text} is not a standard error; it must be positive (leave the cell empty if unknown)")
    in_ps = stderr_in_ps(value, unit, lifetime_ps)
    if in_ps > 10 * lifetime_ps:
        raise CellError(f"{text} {unit} is more than ten times the lifetime {lifetime_ps:g} ps; is it in another unit?")
    return in_ps


def split_bound(text: str, unit: str | None) -> tuple[bool, str]:
    """Whether a cell as "<0.05" (">20" for a rate) is an upper bound, and its number. CellError for a lower bound."""
    sign, rest = text[:1], text[1:].lstrip("= ")
    if sign not in "<>≤≥" or not text:
        return False, text
    own = _NUMBER_AND_UNIT.fullmatch(rest) if unit is None else None
    rate = is_rate(unit or (unit_of(own[2]) or "ps" if own else "ps"))
    if (sign in "<≤") == rate:
        raise CellError(f"{text!r} says only that the lifetime is longer; such a row teaches nothing yet, leave it out")
    return True, rest


#: Degrees Celsius behind a number or at the end of a heading.
_CELSIUS = re.compile(
    r"\s*(?:\u2103|(?:[\u00b0\u00ba]|deg(?:rees?)?)?\s*(?<![^\W\d_])(?:C|Celsius))[)\]]?$", re.IGNORECASE
)


def temperature(text: str, heading: str = "temperature_k") -> float | None:
    """A temperature in K, None for an empty cell; of degrees Celsius if the cell or its heading says so. Raises
    CellError if it is not a positive number of K."""
    value = optional_number(_CELSIUS.sub("", text))
    if value is not None and (_CELSIUS.search(text) or _CELSIUS.search(heading)):
        value = round(value + 273.15, 6)
    if value is not None and value <= 0:
        raise CellError(f"{text} is not a temperature in K; it must be positive (K = C + 273.15)")
    return value


def density(text: str) -> float | None:
    """A density per cubic centimetre, None for an empty cell. Raises CellError if it is none."""
    value = optional_number(re.sub(r"\s*(?:/ ?cm3|cm\^?-3|cm⁻³)$", "", text.strip()))
    if value is not None and not 1e10 <= value <= 1e24:
        raise CellError(f"{text} is not a density; write how many there are in a cubic centimetre, such as 3e18")
    return value


#: Microjoules a square centimetre in one of each unit.
_FLUENCES = {"nj": 1e-3, "uj": 1.0, "µj": 1.0, "μj": 1.0, "mj": 1e3}
FLUENCE_UNIT = re.compile(r"([a-zµμ]*j) ?(?:/|per|_per_|_)? ?cm(?:2|²|\^2|\*\*2|-2|⁻²)", re.IGNORECASE)


def fluence(text: str, heading: str) -> float | None:
    """A fluence in microjoules a square centimetre, in the unit of the cell, else of its heading, else in these; None
    for an empty cell. Raises CellError if it is not a positive number in a unit of `_FLUENCES` a square centimetre."""
    found = FLUENCE_UNIT.search(text) or FLUENCE_UNIT.search(heading)
    value = optional_number(FLUENCE_UNIT.sub("", text).strip())
    factor = 1.0 if found is None else _FLUENCES.get(found[1].lower())
    if factor is None or (value is not None and value <= 0):
        raise CellError(f"{text} is not a fluence; write a positive number, in uJ/cm2, nJ/cm2 or mJ/cm2")
    return None if value is None else value * factor


def _with_own_unit(text: str) -> tuple[str, str]:
    """The number and the unit of a cell such as "3.1 ns", in a table whose cells name their units."""
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    unit = None if match is None else unit_of(match[2])
    if match is None or unit is None:
        if text.strip():
            raise CellError(f"{text!r} names no unit, and the others of its kind do; write it with its unit")
        return text, "ps"
    return match[1], unit


def far_outside(value: float, in_ps: float, unit: str) -> str:
    """What is wrong with an extreme lifetime of `value` in `unit`, which is `in_ps` in ps."""
    low, high = PLAUSIBLE_LIFETIME_PS
    if unit != "ps":
        return f"is {in_ps:g} ps, far outside {low:g} to {high:g} ps; is the unit right"
    hint = f"if it is in fs, write {value / 1e3:g}" if value > high else f"if it is in ns, write {value * 1e3:g}"
    return f"is far outside {low:g} to {high:g} ps; {hint}"


def _refuse_own_unit(text: str, unit: str) -> None:
    """Refuse a cell that carries a unit in a column that has one."""
    cell = text.strip()
    match = _NUMBER_AND_UNIT.fullmatch(cell)
    own = unit_of(match[2]) if match is not None else None
    if match is None or own is None:
        return
    try:
        in_ps = lifetime_in_ps(float(match[1]), own)
        here = lifetime_in_ps(in_ps, unit) if is_rate(unit) else in_ps / lifetime_in_ps(1.0, unit)
    except (ValueError, ZeroDivisionError):
        return
    if is_rate(own) != is_rate(unit):
        column = f"a rate in {unit}" if is_rate(unit) else f"a lifetime in {unit}"
        raise CellError(
            f"{cell!r} is a {'rate' if is_rate(own) else 'lifetime'}; this column is {column}, write {here:.4g}"
        )
    raise CellError(f"{cell!r} carries a unit; this column is in {unit}, write {here:g}")


#: What a table can say of a measurement. Free text is never guessed: nothing depends on it.
_FIELDS = tuple(
    Field(row["field"], tuple(row["headings"].split()), frozenset(row["aliases"].split()), bool(row["required"]))
    for row in package_table("result_fields.csv", "campaigns")
)
#: spinscreen's own headings, taken without asking, and the field each is.
COLUMNS = {heading: field.name for field in _FIELDS for heading in field.own}
#: The names that `--map` takes.
FIELDS = tuple(COLUMNS.values())
#: Fields whose cells are numbers.
NUMBERS = ("lifetime", "lifetime_stderr", "temperature_k", "fluence_uj_cm2", "density_cm3")


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a table."""

    columns: Mapping[str, str]  #: column of each field that is there
    #: Unit of the fields "lifetime" and "lifetime_stderr"; None where every cell names its own.
    units: Mapping[str, str | None]
    guesses: tuple[str, ...]  #: what was assumed, as sentences; () where everything is declared
    declare: tuple[str, ...]  #: options that would declare the same
    warnings: tuple[str, ...]  #: columns that are not used, units that overrule a heading


#: Columns of an export that its ingest has no use for.
EXPORTED = frozenset({"number", "file", "at", "actor", "sha256"})
#: That and what younger exports hold beside it.
_NOT_USED = EXPORTED | {"warned"}


def layout_of(name: str, grid: Grid, declared: Mapping[str, str], unit: str | None) -> Layout:
    """Find the fields of a table. Raises TableError for one that is missing or declared and not there, or two."""
    if unit is not None and unit not in UNITS:
        raise TableError(name, f"there is no unit {unit!r}; units: {', '.join(UNITS)}")
    fluences = [column for column in grid.columns if "fluen" in column.lower() and FLUENCE_UNIT.search(column)]
    if len(fluences) == 1:  # its heading names a unit of its own
        declared = {"fluence_uj_cm2": fluences[0], **declared}
    matched = match_fields(name, grid.columns, _FIELDS, declared)
    columns = matched.columns
    units, unit_guess, warnings = _units(grid, columns, unit)
    guesses, declare = [*grid.guesses, *matched.guesses], [*grid.declare, *matched.declare]
    if unit_guess or "lifetime" in matched.guessed:
        guesses.append(_in_unit(grid, columns["lifetime"], units["lifetime"], named=not unit_guess))
        declare += [] if units["lifetime"] is None else [f"--unit {units['lifetime']}"]
    unused = [column for column in grid.columns if column and column not in columns.values()]
    if {*unused} > EXPORTED:  # written by `export`, which says more than a campaign takes in
        unused = [column for column in unused if column not in _NOT_USED]
    warnings += [f"column {column!r} is not used (known: {', '.join(COLUMNS)})" for column in unused]
    return Layout(columns, units, tuple(guesses), tuple(declare), tuple(warnings))


def _units(grid: Grid, columns: Mapping[str, str], unit: str | None) -> tuple[dict[str, str | None], bool, list[str]]:
    """Unit of the lifetime and of its error, whether the first was assumed, and warnings."""
    heading = split_heading(columns["lifetime"])[1]
    warnings = []
    if unit is not None and heading not in (None, unit):
        warnings.append(f"column {columns['lifetime']!r} is read in {unit}, as asked, not in the {heading} it names")
    cells = filter(None, (row.cells.get(columns["lifetime"], "") for row in grid.rows))
    own = [unit_of(_LEADING_NUMBER.sub("", cell)) for cell in cells]
    each_its_own = bool(own) and all(own)
    assumed = unit is None and heading is None and not each_its_own
    lifetime = unit or heading or (None if each_its_own else "ps")
    error_heading = split_heading(columns["lifetime_stderr"])[1] if "lifetime_stderr" in columns else None
    return {"lifetime": lifetime, "lifetime_stderr": error_heading or lifetime}, assumed, warnings


def _in_unit(grid: Grid, column: str, unit: str | None, *, named: bool) -> str:
    if unit is None:
        return f"each lifetime in {column!r} is in the unit that its cell names"
    said = f"{column!r} is in {unit}" if named else f"{column!r} names no unit: {unit} is assumed"
    first = next((row for row in grid.rows if row.cells.get(column)), None)
    try:
        value = float(first.cells[column].lstrip("<> ").replace(",", ".")) if first is not None else 0.0
        example = (
            f", so {value:g} in row {first.line} is {lifetime_in_ps(value, unit):g} ps" if first and value > 0 else ""
        )
    except ValueError:
        example = ""
    return said + example


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
        columns: column of a field of `campaigns.ingest.FIELDS`, of `VALUE_FIELDS` for a property, where it has
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
    """A row that can be read."""

    line: int  #: its line in the file, from 1
    formula: str  #: as it stands there
    compound: Compound  #: what that names
    observation: Observation  #: what was measured of it
    retracted: str = ""  #: why the file says that it was taken back; "" where it stands


@dataclass(frozen=True, slots=True)
class ObservationTable:
    """A results file, read and checked."""

    name: str  #: the file's name
    content: bytes  #: the file as it was
    target: Target  #: what was measured
    columns: tuple[str, ...]  #: its headings
    rows: tuple[ReadRow, ...]  #: the rows that can be taken in
    refused: tuple[Refused, ...]  #: the rows that cannot
    warnings: tuple[str, ...]  #: what was left out or looks odd

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

    Lifetimes stand in the columns `formula` and `lifetime_ps` (others: see `campaigns.ingest`), values of a
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
            try:
                return layout_of(name, grid, declared, unit)
            except TableError as error:
                outcomes = ("a table with a column 'stage' is one of outcomes: say --outcomes",)
                told = error.problems + outcomes * ("stage" in grid.columns)
                raise IngestError(error.name, told) from None
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


def json_lines(rows: pd.DataFrame | pd.Series | Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> bytes:
    """Rows, or one, as a table of JSON lines; None or NaN is an empty cell, what an index with a name holds a column.
    Raises IngestError for what is no row, and for a column that stands twice."""
    import pandas as pd

    records: Any = rows
    if isinstance(rows, Mapping) and any(map(pd.api.types.is_list_like, rows.values())):
        try:
            rows = pd.DataFrame({**rows})
        except ValueError as problem:
            raise IngestError("what was given", (str(problem),), ()) from None
    if isinstance(rows, pd.DataFrame):
        named = [name for name in rows.index.names if name is not None and name not in rows.columns]
        frame = rows.reset_index(named) if named else rows
        if twice := [*frame.columns[frame.columns.duplicated()]]:
            raise IngestError("what was given", (f"column {twice[0]!r} stands twice; which is meant?",), ())
        records = frame.to_dict("records")
    elif isinstance(rows, Mapping | pd.Series):
        records = [dict(rows)]
    records = [*records] if isinstance(records, Iterable) else [records]
    if other := [row for row in records if not isinstance(row, Mapping)]:
        what = f"{other[0]!r} is neither a file's path, nor a data frame, nor a row such as {{'formula': '(PEA)2PbI4'}}"
        raise IngestError("what was given", (what,), ())
    cells = [{str(name): _plain_cell(cell) for name, cell in row.items()} for row in records]
    return "\n".join(map(json.dumps, cells)).encode()


def _plain_cell(cell: Any) -> Any:
    """A cell of a row that Python hands in, as JSON has it: what is none of its numbers or words as it prints."""
    import pandas as pd

    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return None
    plain = cell.item() if getattr(cell, "ndim", 1) == 0 else cell  # a number of NumPy's
    return plain if isinstance(plain, bool | int | float | str) else str(plain)


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
    with _in_column(layout, "lifetime", f"after {cells['lifetime'][0]!r}: " if less_than else ""):
        lifetime_ps = lifetime(number, accept_extreme=accept_extreme, unit=unit)
    with _in_column(layout, "is_upper_bound"):
        bound = less_than or flag(cells.get("is_upper_bound", ""))
    with _in_column(layout, "lifetime_stderr"):
        stderr_ps = standard_error(cells.get("lifetime_stderr", ""), lifetime_ps, layout.units["lifetime_stderr"])
        if bound and stderr_ps is not None:
            raise CellError("an upper bound has no standard error; leave the cell empty")
    with _in_column(layout, "temperature_k"):
        temperature_k = temperature(cells.get("temperature_k", ""), layout.columns.get("temperature_k", ""))
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
def _in_column(layout: Layout, field: str, after: str = "") -> Iterator[None]:
    try:
        yield
    except CellError as error:
        raise CellError(f"column {layout.columns.get(field, field)}: {after}{error}") from error


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

"""The columns of any table: which is what, and whether it holds numbers, categories, names, dates or row numbers.

Which is what is declared by the user, headed as spinscreen heads it, or recognised and to be confirmed. Shapes: m rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chemspace.errors import CellError, TableError
from chemspace.tables.cells import bad_cell, is_missing, split_heading, to_number, unit_text, with_point
from chemspace.tables.grid import GridRow

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Cells",
    "Field",
    "Kind",
    "alike",
    "cells_of",
    "declared_columns",
    "find_heading",
    "join_cells",
    "kind_of",
    "match_fields",
    "match_headings",
    "read_cells",
    "same_quantity",
    "what_is_wrong",
]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a table can say of its rows."""

    name: str  #: of the field; what `--map` takes
    headings: tuple[str, ...] = ()  #: headings that are taken without asking, () for the name alone
    #: Further headings, in small letters, without unit, words joined by "_"; proposed and to be confirmed.
    aliases: frozenset[str] = frozenset()
    required: bool = False  #: whether a table without it is refused

    @property
    def own(self) -> tuple[str, ...]:
        """The headings that are taken without asking."""
        return self.headings or (self.name,)


@dataclass(frozen=True, slots=True)
class Matched:
    """Column of each field that is there, and those of them that were recognised by an alias."""

    columns: Mapping[str, str]
    guessed: Mapping[str, str]

    @property
    def guesses(self) -> tuple[str, ...]:
        """What was assumed, as sentences."""
        return tuple(
            f"{name.replace('_', ' ')} stands in the column {column!r}" for name, column in self.guessed.items()
        )

    @property
    def declare(self) -> tuple[str, ...]:
        """Options that say the same."""
        return tuple(_option(name, column) for name, column in self.guessed.items())


def match_fields(
    file: str,
    headings: Iterable[str],
    fields: Sequence[Field],
    declared: Mapping[str, str] | None = None,
    *,
    can_map: bool = True,
) -> Matched:
    """Find the columns of `fields` in a table. `file`: the file's name, for messages; `headings`: of the columns, in
    order; `fields`: what can be said; fields that stand first choose first; `declared`: column of a field, as the user
    says; "" leaves the field out; `can_map`: whether there is a `--map` to declare columns with, for messages. Raises
    TableError if something declared is not there, a required column is missing, or two could be meant."""
    columns, declared = [heading for heading in headings if heading], declared or {}
    found = declared_columns(file, columns, [field.name for field in fields], declared)
    problems: list[str] = []
    guessed: dict[str, str] = {}
    settled = {*declared}
    for known, by_alias in ((found, False), (guessed, True)):
        for field in fields:
            if field.name in settled:
                continue
            taken = {*found.values(), *guessed.values()}
            alike = [column for column in columns if column not in taken and _is_of(column, field, by_alias)]
            if alike:
                settled.add(field.name)
            if len(alike) > 1:
                options = " or ".join(_option(field.name, column) for column in alike)
                which = f"say which: {options}" if can_map else "keep one"
                problems.append(f"{' and '.join(map(repr, alike))} could both be the {field.name}; {which}")
            elif alike:
                known[field.name] = alike[0]
            elif by_alias and field.required:
                problems.append(_missing(field, columns, can_map))
    if problems:
        raise TableError(file, *problems)
    return Matched(found | guessed, guessed)


def declared_columns(
    file: str, headings: Sequence[str], names: Sequence[str], declared: Mapping[str, str]
) -> dict[str, str]:
    """Column of each field as the user says, without those that are to be left out. Raises TableError if there is no
    such field or no such column."""
    known = ", ".join(names)
    problems = [f"there is no field {name!r} to map; fields: {known}" for name in declared if name not in names]
    problems += [
        f"there is no column {column!r} for {name} (found: {', '.join(headings)})"
        for name, column in declared.items()
        if column and column not in headings
    ]
    if problems:
        raise TableError(file, *problems)
    return {name: column for name, column in declared.items() if column}


def cells_of(row: GridRow, columns: Mapping[str, str], with_commas: Collection[str] = ()) -> dict[str, str]:
    """Cells of a row by field, "" for a cell that is not there. `row`: of a table; `columns`: column of each field that
    the table has; `with_commas`: fields of numbers that may be written with a decimal comma; they come with a point.
    Raises CellError if the row has more cells than headings, or a number may be a thousand or one and a quarter."""
    if row.surplus:
        raise CellError("the row has more cells than the header; is there a decimal comma?")
    cells = {name: row.cells.get(column, "") for name, column in columns.items()}
    for name in with_commas:
        if name in cells:
            with in_column(columns[name]):
                cells[name] = with_point(cells[name])
    return cells


@contextmanager
def in_column(column: str) -> Iterator[None]:
    """Name the column in what is said of its cells. Raises CellError as the cell's, with the column before it."""
    try:
        yield
    except CellError as error:
        raise CellError(f"column {column}: {error}") from error


def _is_of(column: str, field: Field, by_alias: bool) -> bool:
    if not by_alias:
        return column in field.own
    return _plain(split_heading(column)[0]) in field.aliases or _plain(column) in field.aliases


def _missing(field: Field, columns: Sequence[str], can_map: bool) -> str:
    wanted, first = " or ".join(map(repr, field.own)), field.own[0]
    if not can_map:
        return f"column {wanted} is missing (found: {', '.join(columns)})"
    alike = [other for other in columns if other.split("_")[0] == first.split("_")[0]]
    alike = alike or get_close_matches(first, columns, n=1, cutoff=0.6)
    hint = f"if it is {alike[0]!r}, say so: {_option(field.name, alike[0])}" if alike else ""
    return f"column {wanted} is missing (found: {', '.join(columns)}); {hint or f'name it: --map {field.name}=COLUMN'}"


def _option(name: str, column: str) -> str:
    shown = column if re.fullmatch(r"[\w.-]+", column) else f"'{column}'"
    return f"--map {name}={shown}"


def _plain(heading: str) -> str:
    return re.sub(r"[^\w]+", "_", heading.lower()).strip("_")


#: Numbers with marks between thousands, per cent signs and blanks; a mark before one or two last digits is decimal.
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:[,'\u2019\u202f\u00a0 ]\d{3})+(?:\.\d*)?")
_COMMA = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:\.\d{3})+)?,\d+(?:e[-+]?\d+)?", re.IGNORECASE)
_PERCENT = re.compile(r"\s*[%\uff05\ufe6a]$")
#: A unit behind a number and a blank.
_UNIT = re.compile(r"(?<=\d)\s+([^\W\d_]\S*|\u00b0\S*)$")
_BOUND = re.compile(r"[<>\u2264\u2265~\u2248]\s*[-+]?[\d.,]+\s*%?")
_MONTH = r"(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.?"
_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})(?:,?[T ]\d{1,2}:\d{2}.*)?|"
    rf"\d{{1,2}}:\d{{2}}(?::\d{{2}}.*)?|(?:\d{{1,2}}\.?[ -]?)?{_MONTH}[ -]?(?:\d{{1,2}},? )?\d{{2,4}}",
    re.IGNORECASE,
)
#: Headings of dates that are written as numbers.
_DATED = re.compile(r"(?:.*_)?(?:date|datum|datetime|date_?time|timestamp|epoch)(?:_.*)?")
#: Headings of columns that count rows.
_COUNTS = re.compile(
    r"(?:new_?|old_?)?(?:index|idx|ids?|entry|entries|no|nr|num|number|row|rows|run|exp|experiment|unnamed_\d+|"
    r"(?:sample|vial|well|plate|crystal|barcode|run|exp|experiment|reaction)(?:_?(?:ids?|no|nr|num|number))?|)"
)
#: Units without brackets at the end of a heading, as it is compared.
_LAST = re.compile(
    r"_(?:c|k|f|degc|degk|celsius|kelvin|[mu\u03bc\u00b5]?m|mol|mmol|m?g|mg|m?l|ul|s|min|h|hrs?|bar|k?pa|psi)$"
)
#: Headings of quantities that are counted: few whole numbers of these are no codes.
_COUNTED = re.compile(
    r"(?:^|_)(?:n|num|number|nr|count|layers?|equivs?|equivalents?|cycles?|steps?|charge|atoms?|days?|hours?|runs?)(?:_|$)"
)
#: Whole numbers from 0 or 1 on without a gap are codes, if there are so many different ones.
_CODES = range(3, 13)


#: Numbers of this size or more are refused: their differences leave the range of numbers.
HUGE = 1.0e305


class Kind(StrEnum):
    """What a column holds."""

    NUMBERS = "numbers"
    CATEGORIES = "categories"
    CODES = "codes"
    NAMES = "names: nearly every row has its own"
    DATES = "dates"
    ROW_NUMBERS = "row numbers"
    CONSTANT = "the same in every row"
    EMPTY = "empty"


@dataclass(frozen=True)
class Cells:
    """A column of one table, or of several below each other."""

    #: Shape (m,), NaN for what is empty or no number, infinite for `HUGE` ones, which are none either.
    numbers: NDArray[np.float64]
    filled: NDArray[np.bool_]  #: which cells hold anything, shape (m,)
    text: NDArray[np.object_] | None  #: the cells as text, shape (m,); None where all are numbers
    percent: bool = False  #: whether a cell has a per cent sign

    @property
    def odd(self) -> NDArray[np.int64]:
        """Rows whose cell is filled and no number, shape (o,)."""
        return np.flatnonzero(self.filled & ~np.isfinite(self.numbers))

    def shown(self, row: int) -> str:
        """The cell of a row as it was written."""
        if self.text is not None:
            return str(self.text[row])
        return "" if not self.filled[row] else f"{self.numbers[row]:g}"

    @cached_property
    def labels(self) -> NDArray[np.object_]:
        """The cells as values of a category, shape (m,); numbers as they are written shortest, "" for empty ones."""
        values, at = np.unique(self.numbers, return_inverse=True)
        whole = np.array([f"{number:.12g}" if np.isfinite(number) else "" for number in values], dtype=object)[at]
        if self.text is None:
            return whole
        pairs = zip(whole, self.text, self.filled, strict=True)
        return np.array([n or (" ".join(cell.split()) if full else "") for n, cell, full in pairs], dtype=object)


def read_cells(column: pd.Series, decimal_commas: bool = False) -> Cells:
    """The cells of a column: numbers with per cent signs, marks between thousands and decimal commas are numbers.
    `column`: of a frame; `decimal_commas`: whether the file writes them; else a column does where one of its cells can
    be nothing else."""
    if column.dtype.kind in "iuf":
        numbers = _bounded(column.to_numpy(dtype=np.float64, na_value=np.nan))
        return Cells(numbers, ~np.isnan(numbers), None)
    text = np.array([_text(cell) for cell in column], dtype=object)
    different = dict.fromkeys(text)
    if are_codes(different):
        filled = np.array([cell != "" for cell in text], dtype=bool)
        return Cells(np.full(len(text), np.nan), filled, text)
    units = {found[1] if (found := _UNIT.search(cell)) else "" for cell in different if cell}
    ending = _UNIT if len(units) == 1 and "" not in units else _PERCENT  # "5 mL" in every cell
    plain = {cell: ending.sub("", cell) for cell in different}
    commas = decimal_commas or any(_COMMA.fullmatch(cell) and not _THOUSANDS.fullmatch(cell) for cell in plain.values())
    known = {cell: _number(plain[cell], commas) for cell in different}
    numbers = np.array([known[cell] for cell in text], dtype=np.float64)
    filled = np.array([not is_missing(cell) for cell in text], dtype=bool)
    percent = ending is _PERCENT and any(plain[cell] != cell and np.isfinite(known[cell]) for cell in different)
    return Cells(_bounded(np.where(filled, numbers, np.nan)), filled, text, percent)


#: How yes and no are written.
_YES, _NO = {"true", "yes", "y", "t", "on", "1", "ja", "x"}, {"false", "no", "n", "f", "off", "0", "nein"}


def alike(parts: Sequence[Cells]) -> tuple[Cells, ...]:
    """Columns of one heading, texts as the first column writes them where others differ from it in capitals only, or in
    how they write yes and no."""
    import pandas as pd

    first = {str(label): str(label).casefold() for label in np.unique(parts[0].labels.astype(str))}
    written = {plain: label for label, plain in first.items() if [*first.values()].count(plain) == 1}
    if set(written) - {""} <= _YES | _NO:
        for same in (_YES, _NO):
            if shared := sorted(same & set(written)):
                written = dict.fromkeys(same, written[shared[0]]) | written
    read = [parts[0]]
    for part in parts[1:]:
        other = {label: plain for label in set(part.labels) - set(first) if (plain := label.casefold()) in written}
        words = {label: written[plain] for label, plain in other.items() if re.fullmatch(r"[^\W_]+[- \w]*", label)}
        read.append(
            read_cells(pd.Series([words.get(one, one) for one in part.labels], dtype=object)) if words else part
        )
    return tuple(read)


def join_cells(parts: Sequence[Cells]) -> Cells:
    """Columns of one heading below each other."""
    text = None
    if any(part.text is not None for part in parts):
        text = np.concatenate([part.labels if part.text is None else part.text for part in parts])
    return Cells(
        np.concatenate([part.numbers for part in parts]),
        np.concatenate([part.filled for part in parts]),
        text,
        any(part.percent for part in parts),
    )


def kind_of(heading: str, cells: Cells) -> Kind:
    """What a column holds, by its cells and its heading.

    A column of numbers stays one where a few cells are none of them: at least half are, and two.
    """
    if not cells.filled.any():
        return Kind.EMPTY
    finite = np.isfinite(cells.numbers)
    count, odd = int(finite.sum()), len(cells.odd)
    if odd and (count < 2 or count < odd):
        return _kind_of_text(cells)
    values = np.unique(cells.numbers[finite])
    if len(values) > 1 and not odd and _DATED.fullmatch(_columns_plain(heading)):
        return Kind.DATES
    if len(values) == 1 and not odd:
        return Kind.CONSTANT if finite.all() else Kind.NUMBERS
    if not odd and finite.all() and _counts_rows(heading, cells.numbers, values):
        return Kind.ROW_NUMBERS
    if _is_code(heading, values) and not cells.percent and count > 2 * len(values):
        return Kind.CODES
    return Kind.NUMBERS


def what_is_wrong(cell: str) -> str:
    """Why a cell is no number, and what would be right."""
    if not cell.strip():
        return "the cell is empty"
    if cell.strip() in ("inf", "-inf"):
        return f"a number below {HUGE:g} is needed"
    if _BOUND.fullmatch(cell.strip()):
        return f"{cell.strip()!r} is a bound, not a number; write the number that stands for it, or leave the row out"
    problem, right = bad_cell(cell)
    return problem if right.startswith("Write") else f"{problem}; {right[0].lower()}{right[1:].rstrip('.')}"


def match_headings(wanted: Iterable[str], found: Iterable[str]) -> dict[str, str]:
    """Heading in `found` of each of `wanted`, blanks, capitals and spellings of units apart; absent ones left out."""
    headings = list(found)
    exact, plain, bare = set(headings), _unique(headings, _columns_plain), _unique(headings, _bare)
    matched = {}
    for name in wanted:
        if name in exact:
            matched[name] = name
        elif _columns_plain(name) in plain:
            matched[name] = plain[_columns_plain(name)]
        elif _bare(name) in bare and (_unit(name) is None or _unit(bare[_bare(name)]) is None):
            matched[name] = bare[_bare(name)]
    return matched


def find_heading(wanted: str, found: Iterable[str]) -> str | None:
    """The heading that is meant by a name; None if there is none."""
    return match_headings([wanted], found).get(wanted)


def same_quantity(heading: str, other: str) -> bool:
    """Whether two headings differ in their units only."""
    if _bare(heading) == _bare(other) and _unit(heading) is not None and _unit(other) is not None:
        return True
    (name, last), (same, unit) = (
        (_LAST.sub("", plain), _LAST.search(plain)) for plain in map(_columns_plain, (heading, other))
    )
    return name == same and last is not None and unit is not None


def _bounded(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(numbers) >= HUGE, np.inf, numbers)


def _text(cell: object) -> str:
    return "" if cell is None or cell != cell else str(cell).strip()  # NaN is not itself


def _number(cell: str, commas: bool) -> float:
    """The number in a cell, NaN where it is none; `commas` as marks before decimals."""
    text = unicodedata.normalize("NFKC", cell).strip()
    if not commas and _THOUSANDS.fullmatch(text):
        text = re.sub(r"[,'\u2019\s]", "", text)
    number = to_number(text, "," if commas and "," in text else ".")
    return float("nan") if number is None else number


def are_codes(cells: Iterable[str]) -> bool:
    """Whether texts are codes such as 007, as many digits in each and a zero first, not numbers."""
    filled = [cell for cell in cells if cell]
    if not filled or len({*map(len, filled)}) > 1 or len(filled[0]) < 3 or not all(map(str.isdecimal, filled)):
        return False
    return min(filled).startswith("0")


def _kind_of_text(cells: Cells) -> Kind:
    labels = cells.labels
    filled = labels[cells.filled]
    if all(_DATE.fullmatch(label) for label in filled):
        return Kind.DATES
    different = len(set(labels))
    if different == 1:
        return Kind.CONSTANT
    return Kind.NAMES if len(filled) > 2 and 2 * different > len(labels) else Kind.CATEGORIES


def _counts_rows(heading: str, numbers: NDArray[np.float64], values: NDArray[np.float64]) -> bool:
    """Whether whole numbers only tell the rows apart: headed as row numbers are, or one more in each row."""
    if not (values == np.round(values)).all() or len(values) < 3:
        return False
    many = values[0] in (0.0, 1.0) and len(values) > _CODES[-1]
    if _COUNTS.fullmatch(_columns_plain(heading)):  # replicates repeat them
        return bool(2 * len(values) > len(numbers) or (many and (np.diff(values) == 1.0).all()))
    return bool(many and numbers[0] == values[0] and (np.diff(numbers[: len(values)]) == 1.0).all())


def _is_code(heading: str, values: NDArray[np.float64]) -> bool:
    first, last = values[0], values[-1]
    without_gap = first in (0.0, 1.0) and last - first + 1 == len(values) and (values == np.round(values)).all()
    counted = _COUNTED.search(_columns_plain(heading)) or _unit(heading)
    return bool(without_gap and len(values) in _CODES and not counted)


def _columns_plain(heading: str) -> str:
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", heading).casefold()).strip("_")


def _bare(heading: str) -> str:
    """The heading without the unit at its end."""
    unit = _unit(heading)
    return _columns_plain(heading if unit is None else heading[: heading.rindex(unit)])


def _unit(heading: str) -> str | None:
    """The unit in a heading; a heading that is only a unit is a name."""
    unit = unit_text(heading)
    return None if unit is None or _columns_plain(unit) == _columns_plain(heading) else unit


def _unique(headings: Sequence[str], key: object) -> dict[str, str]:
    """Heading by its key, those that share one left out."""
    keys = [key(heading) for heading in headings]  # type: ignore[operator]
    return {one: heading for one, heading in zip(keys, headings, strict=True) if keys.count(one) == 1}

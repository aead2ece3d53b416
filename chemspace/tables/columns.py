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
    "other_units",
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
    for known, how in ((found, _is_headed), (found, _is_spelt), (guessed, _is_meant)):
        for field in fields:
            if field.name in settled:
                continue
            taken = {*found.values(), *guessed.values()}
            alike = [column for column in columns if column not in taken and how(column, field)]
            if alike:
                settled.add(field.name)
            if len(alike) > 1:
                options = " or ".join(_option(field.name, column) for column in alike)
                which = f"say which: {options}" if can_map else "keep one"
                problems.append(f"{' and '.join(map(repr, alike))} could both be the {field.name}; {which}")
            elif alike:
                known[field.name] = alike[0]
            elif how is _is_meant and field.required:
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
def in_column(column: str, after: str = "") -> Iterator[None]:
    """Name the column in what is said of its cells. Raises CellError as the cell's, column and `after` before it."""
    try:
        yield
    except CellError as error:
        raise CellError(f"column {column}: {after}{error}") from error


def _is_headed(column: str, field: Field) -> bool:
    return column in field.own


def _is_spelt(column: str, field: Field) -> bool:
    """Whether it is a heading of the field's own in other signs, as "Temperature (K)" is."""
    return _plain(column) in map(_plain, field.own)


def _is_meant(column: str, field: Field) -> bool:
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
    return re.sub(r"[^\w]+", "_", unicodedata.normalize("NFKC", heading).lower()).strip("_")


#: Numbers with marks between thousands; a mark before one or two last digits is decimal.
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:[,'\u2019\u202f\u00a0 ]\d{3})+(?:\.\d*)?")
_COMMA = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:[.'\u2019\u202f\u00a0 ]\d{3})+)?,\d+(?:e[-+]?\d+)?", re.IGNORECASE)
#: A unit behind a number and a blank; units that are known, also without one; and their other spellings.
_UNIT = re.compile(r"(?<=\d)\s+([^\W\d_]\S*|\u00b0\S*)$")
_KNOWN = re.compile(
    r"(?<=[\d.])\s*((?:wt|mol|vol)?[.-]?\s?[%\uff05\ufe6a]|[\u00b0\u00ba]\s?[CF]|\u2103|deg\s?C|C|K|[m\u00b5\u03bcuk]?g(?:/L)?|mg/m[lL]|"
    r"[m\u00b5\u03bcu]?[lL]|[m\u00b5\u03bcu]?mol(?:/[lL])?|[m\u00b5\u03bcu]?M|hrs?|h|min|secs?|[mn\u00b5\u03bcupf]?s|[nmc\u00b5\u03bcu]?m|\u00c5|"
    r"m?e?V|mA|[mk]?W|[mk\u00b5\u03bcu]?J(?:/cm[2\u00b2])?|[kM]?Hz|m?bar|[kM]?Pa|atm|psi|[tT]orr|rpm|mm/s|eq\.?|equivs?\.?|pp[mb])$"
)
_SPELLINGS = {
    "C": "\u00b0C",
    "degC": "\u00b0C",
    "hr": "h",
    "hrs": "h",
    "sec": "s",
    "secs": "s",
    "mol/L": "M",
    "mmol/L": "mM",
}
#: Powers of ten as they are printed, and what is written small and high in them.
_POWER = re.compile(r"(?:([-+]?\d+(?:\.\d+)?)\s*[\u00d7x\u00b7*]\s*)?10\^([-+\u2212]?\d+)")
_HIGH = re.compile(r"[\u2070\u00b9\u00b2\u00b3\u2074-\u207b]+")
_BOUND = re.compile(r"[<>\u2264\u2265~\u2248]\s*[-+]?[\d.,]+\s*%?")
_MONTH = r"(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.?"
_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})(?:,?[T ]\d{1,2}:\d{2}.*)?|"
    rf"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d.*)?|(?:\d{{1,2}}\.?[ -]?)?{_MONTH}[ -]?(?:\d{{1,2}},? )?\d{{2,4}}",
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
#: Headings of what is numbered, not measured: whole numbers of these are codes, with gaps too.
_CODED = re.compile(
    r"(?:.*_)?(?:(?:anti_?)?solvent|losungsmittel|losemittel|type|kind|class|category|code|method|supplier|vendor|recipe)"
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
    DATES = "dates or times"
    ROW_NUMBERS = "row numbers"
    COUNTER = "numbers that count the rows; --columns takes it in"
    CONSTANT = "the same in every row"
    EMPTY = "empty"
    FORMULAS = "formulas whose values the file does not keep; open it in a spreadsheet and save it"


@dataclass(frozen=True)
class Cells:
    """A column of one table, or of several below each other."""

    #: Shape (m,), NaN for what is empty or no number, infinite for `HUGE` ones, which are none either.
    numbers: NDArray[np.float64]
    filled: NDArray[np.bool_]  #: which cells hold anything, shape (m,)
    text: NDArray[np.object_] | None  #: the cells as text, shape (m,); None where all are numbers
    units: NDArray[np.object_] | None = None  #: what stands behind the numbers, shape (m,), "" for nothing

    @cached_property
    def known_units(self) -> frozenset[str]:
        """The units that stand behind numbers."""
        return frozenset() if self.units is None else frozenset(self.units[np.isfinite(self.numbers)]) - {""}

    @property
    def percent(self) -> bool:
        """Whether a cell has a per cent sign."""
        return "%" in self.known_units

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
    """The cells of a column: numbers with per cent signs, marks between thousands and decimal commas (`decimal_commas`:
    the file writes them; else a column does where a cell can be nothing else) are numbers."""
    if column.dtype.kind in "iuf":
        numbers = _bounded(column.to_numpy(dtype=np.float64, na_value=np.nan))
        return Cells(numbers, ~np.isnan(numbers), None)
    text = np.array([_text(cell) for cell in column], dtype=object)
    different = dict.fromkeys(text)
    if are_codes(different):
        filled = np.array([cell != "" for cell in text], dtype=bool)
        return Cells(np.full(len(text), np.nan), filled, text)
    split = {cell: _split(cell, _KNOWN) for cell in different}
    if not any(unit for _, unit in split.values()):
        others = {cell: _split(cell, _UNIT) for cell in different}
        if len({unit for cell, (_, unit) in others.items() if cell}) == 1:  # "5 drops" in every cell
            split = others
    commas = decimal_commas or any(
        _COMMA.fullmatch(cell) and not _THOUSANDS.fullmatch(cell) for cell, _ in split.values()
    )
    known = {cell: _number(plain, commas) for cell, (plain, _) in split.items()}
    numbers = np.array([known[cell] for cell in text], dtype=np.float64)
    filled = np.array([not is_missing(cell) for cell in text], dtype=bool)
    units = np.array([split[cell][1] for cell in text], dtype=object)
    return Cells(_bounded(np.where(filled, numbers, np.nan)), filled, text, units)


def other_units(tables: Sequence[str], headings: Sequence[str], parts: Sequence[Cells]) -> str:
    """Two units that the numbers of one column have and where, as words: by a cell, or else by the heading; "" where
    there is one or none, or no cell says its own. Per cent beside shares of one are two. `tables`: what each is called.
    """
    said: dict[str, str] = {}
    bare: dict[str, NDArray[np.float64]] = {}
    for table, heading, part in zip(tables, headings, parts, strict=True):
        units = np.full(len(part.numbers), "", dtype=object) if part.units is None else part.units
        for unit in sorted(part.known_units):
            said.setdefault(unit, f"row {np.flatnonzero(units == unit)[0] + 1} of {table}")
        last = heading.strip().rsplit("_", 1)[-1] if _LAST.search(_columns_plain(heading)) else ""
        numbers = np.where(units == "", part.numbers, np.nan)
        if np.isfinite(numbers).any():
            bare[_split(f"1 {_unit(heading) or last}", _KNOWN)[1] or table] = numbers
    if not said:
        return ""
    most = max(np.nanmax(np.abs(part.numbers), initial=0.0) for part in parts)
    for unit, numbers in bare.items():
        if unit not in tables:
            said.setdefault(unit, "by a heading")
        elif [*said] == ["%"] and 0.0 < (largest := np.nanmax(np.abs(numbers))) <= 1.0 < most:
            at = np.flatnonzero(np.abs(numbers) == largest)[0]
            said["shares of 1"] = f"row {at + 1} of {unit}"
    words = [f"{'per cent' if unit == '%' else unit} ({place})" for unit, place in said.items()]
    return " and ".join(words[:2]) if len(words) > 1 else ""


#: How yes and no are written.
_YES = frozenset({"true", "yes", "y", "t", "on", "1", "ja", "x", "\u2713", "\u2714", "wahr", "oui", "vrai"})
_NO = frozenset({"false", "no", "n", "f", "off", "0", "nein", "falsch", "non", "faux"})


def alike(parts: Sequence[Cells]) -> tuple[Cells, ...]:
    """Columns of one heading, texts as the first column writes them where others differ from it in capitals only, or in
    how they write yes and no."""
    import pandas as pd

    parts = _blank_is_no(parts)
    first = {str(label): _spelt(str(label)).casefold() for label in np.unique(parts[0].labels.astype(str))}
    written = {plain: label for label, plain in first.items() if [*first.values()].count(plain) == 1}
    if set(written) - {""} <= _YES | _NO:
        for same in (_YES, _NO):
            if shared := sorted(same & set(written)):
                written = dict.fromkeys(same, written[shared[0]]) | written
    read = [parts[0]]
    for part in parts[1:]:
        other = {label: _spelt(label) for label in set(part.labels) - set(first)}
        words = {
            label: written[plain]
            for label, spelt in other.items()
            if (plain := spelt.casefold()) in written
            and (plain in _YES or re.fullmatch(r"[^\W_]+[- \w]*", spelt) or spelt == _spelt(written[plain]))
        }
        read.append(
            read_cells(pd.Series([words.get(one, one) for one in part.labels], dtype=object)) if words else part
        )
    return tuple(read)


def _spelt(label: str) -> str:
    """A label as it is compared: signs that look alike, such as accents, subscripts and dashes, are one."""
    return re.sub(r"[\u2010-\u2015\u2212]", "-", unicodedata.normalize("NFKC", label))


def _blank_is_no(parts: Sequence[Cells]) -> Sequence[Cells]:
    """Columns in which nothing stands beside a tick, which is a no where another column of the heading says no."""
    import pandas as pd

    words = [{label.casefold() for label in set(part.labels)} for part in parts]
    said = frozenset().union(*words)
    if not said & _NO or not said - {""} <= _YES | _NO:
        return parts
    ticked = ["" in own and bool(own - {""}) and own - {""} <= _YES for own in words]
    return [
        read_cells(pd.Series([label or "no" for label in part.labels], dtype=object)) if tick else part
        for part, tick in zip(parts, ticked, strict=True)
    ]


def join_cells(parts: Sequence[Cells]) -> Cells:
    """Columns of one heading below each other."""
    text = units = None
    if any(part.text is not None for part in parts):
        text = np.concatenate([part.labels if part.text is None else part.text for part in parts])
        units = np.concatenate([np.full(len(p.numbers), "", object) if p.units is None else p.units for p in parts])
    numbers, filled = (np.concatenate([getattr(part, name) for part in parts]) for name in ("numbers", "filled"))
    return Cells(numbers, filled, text, units)


def kind_of(heading: str, cells: Cells, candidates: int | None = None) -> Kind:
    """What a column holds, by its heading and its cells, the first of which are those of candidates. A column of
    numbers stays one where a few cells are none of them: at least half are, and two."""
    if not cells.filled.any():
        return Kind.EMPTY
    finite = np.isfinite(cells.numbers)
    count, odd = int(finite.sum()), len(cells.odd)
    if odd and (count < 2 or count < odd):
        return _kind_of_text(heading, cells)
    values = np.unique(cells.numbers[finite])
    if len(values) > 1 and not odd and _DATED.fullmatch(_columns_plain(heading)):
        return Kind.DATES
    if len(values) == 1 and not odd:
        return Kind.CONSTANT if finite.all() else Kind.NUMBERS
    if not odd and finite.all() and (values == np.round(values)).all() and len(values) > 2:
        if _counts_rows(heading, cells.numbers, values):
            return Kind.ROW_NUMBERS
        if _is_counter(heading, cells.numbers[:candidates]):
            return Kind.COUNTER
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
    if re.search(r"\d\s*(?:\u00b1|\+/?-|\(\d+\)$)", cell.strip()):
        return f"{cell.strip()!r} holds a number and its error; give the error a column of its own (--noise)"
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
        elif name[:1].isalnum() and _bare(name) in bare and (_unit(name) is None or _unit(bare[_bare(name)]) is None):
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
    return "" if cell is None or cell != cell else unicodedata.normalize("NFC", str(cell).strip())  # NaN is not itself


def _split(cell: str, ending: re.Pattern[str]) -> tuple[str, str]:
    """The number in a cell as text, and the unit behind it as it is spelt here, "" where there is none."""
    if (found := ending.search(cell)) is None:
        return cell, ""
    unit = re.sub(r"[\s.]", "", unicodedata.normalize("NFKC", found[1])).replace("\u03bc", "u").replace("l", "L")
    unit = "%" if unit.endswith("%") else f"\u00b0{unit[1:]}" if unit[:1] in "\u00ba\u00b0" else unit
    return cell[: found.start()], "eq" if unit.startswith("eq") else _SPELLINGS.get(unit, unit)


def _number(cell: str, commas: bool) -> float:
    """The number in a cell, NaN where it is none; `commas` as marks before decimals."""
    text = unicodedata.normalize("NFKC", _HIGH.sub(lambda high: f"^{high[0]}", cell)).strip()
    if power := _POWER.fullmatch(text):
        text = f"{power[1] or 1}e{power[2]}"
    if _COMMA.fullmatch(text) if commas else _THOUSANDS.fullmatch(text):
        text = re.sub(r"['\u2019\s]" if commas else r"[,'\u2019\s]", "", text)
    number = to_number(text, "," if commas and "," in text else ".")
    return float("nan") if number is None else number


def are_codes(cells: Iterable[str]) -> bool:
    """Whether texts are codes such as 007, as many digits in each and a zero first, not numbers."""
    filled = [cell for cell in cells if cell]
    if not filled or len({*map(len, filled)}) > 1 or len(filled[0]) < 3 or not all(map(str.isdecimal, filled)):
        return False
    return min(filled).startswith("0")


def _kind_of_text(heading: str, cells: Cells) -> Kind:
    labels = cells.labels
    filled = labels[cells.filled]
    if all(_DATE.fullmatch(label) for label in filled) and "ratio" not in heading.lower():
        return Kind.DATES
    if all(label.startswith("=") for label in filled):
        return Kind.FORMULAS
    different = len(set(labels))
    if different == 1:
        return Kind.CONSTANT
    return Kind.NAMES if len(filled) > 2 and 2 * different > len(labels) else Kind.CATEGORIES


def _counts_rows(heading: str, numbers: NDArray[np.float64], values: NDArray[np.float64]) -> bool:
    """Whether whole numbers are headed as row numbers are; replicates repeat them."""
    many = values[0] in (0.0, 1.0) and len(values) > _CODES[-1] and (np.diff(values) == 1.0).all()
    return bool(_COUNTS.fullmatch(_columns_plain(heading)) and (2 * len(values) > len(numbers) or many))


def _is_counter(heading: str, own: NDArray[np.float64]) -> bool:
    """Whether whole numbers count the candidates, in their order (replicates begin anew) or in another."""
    counted, plain = np.unique(own), _columns_plain(heading)
    if counted[0] not in (0.0, 1.0) or (np.diff(counted) != 1.0).any() or len(counted) <= _CODES[-1]:
        return False
    last = re.split(r"[\s_]", heading.strip())[-1]
    if _unit(heading) or _split(f"1 {last}", _KNOWN)[1] or _LAST.search(plain) or _COUNTED.search(plain):
        return False
    return len(counted) == len(own) or bool((np.diff(own[: len(counted)]) == 1.0).all())


def _is_code(heading: str, values: NDArray[np.float64]) -> bool:
    first, last = values[0], values[-1]
    plain = _columns_plain(heading)
    if len(values) not in _CODES or not (values == np.round(values)).all() or _COUNTED.search(plain) or _unit(heading):
        return False
    coded = _CODED.fullmatch(
        "".join(sign for sign in unicodedata.normalize("NFKD", plain) if sign.isalnum() or sign == "_")
    )
    return coded is not None or bool(first in (0.0, 1.0) and last - first + 1 == len(values))


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

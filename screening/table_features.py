"""Features of any table: which of its columns are learnt from, as what, and why the others are not.

Shapes: m rows of all tables together, d features.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from shlex import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.tables.columns import (
    Cells,
    Kind,
    alike,
    find_heading,
    join_cells,
    kind_of,
    match_headings,
    other_units,
    read_cells,
    same_quantity,
    what_is_wrong,
)
from screening.errors import PoolError, ScreeningError

__all__ = ["TableQuery"]

Array = NDArray[np.float64]
#: A text column with more values than this is no category that a few dozen results could teach.
_MOST_VALUES = 100
#: Numbers that the features of a table may take, so that it fits in memory.
_MOST_NUMBERS = 250_000_000
#: Headings of what is found out by an experiment, or wanted of it.
_OUTCOMES = re.compile(
    r"(?:.*_)?(?:yield|conversion|selectivity|e_?e|e_?r|d_?r|t_?o_?[nf]|turnovers?|purity|cost|price|"
    r"score|rank|ranking|priority|outcome|result|productivity|efficiency|objective|lifetime|plqy|pce|voc|jsc|"
    r"fill_factor|fwhm|roughness|coverage|ausbeute|umsatz|reinheit|kosten|preis)(?:_.*)?"
)
#: Headings of what people write beside an experiment.
_NOTES = re.compile(
    r"(?:.*_)?(?:notes?|remarks?|comments?|bemerkung(?:en)?|kommentare?|anmerkung(?:en)?|notiz(?:en)?|operator|"
    r"bearbeiter|experimenter|initials|(?:made|measured|prepared|done)_by)"
)
#: What labs write where a result is still to come.
_AWAITED = frozenset({"", "pending", "tbd", "todo", "running", "queued", "in progress", "?"})
#: What stands beside numbers that sum up the rows above them, in the last rows of a table.
_SUMMARY = re.compile(
    r"(?:grand )?(?:totals?|sums?|means?|averages?|avg|medians?|st\.?d|std\.? ?dev|standard deviation|summe|gesamt|"
    r"mittel(?:wert)?|durchschnitt|standardabweichung)\W*",
    re.IGNORECASE,
)
_LAST_ROWS = 3
#: What tells no candidate from another unless it is learnt from; what is not learnt from unless it is asked for.
_SILENT = (Kind.DATES, Kind.ROW_NUMBERS, Kind.COUNTER, Kind.EMPTY)
_LEFT_OUT = (*_SILENT, Kind.NAMES, Kind.CONSTANT, Kind.FORMULAS)


@dataclass(frozen=True)
class TableQuery:
    """What is asked of a table."""

    target: str | None = None  #: column with the results
    minimize: bool = True  #: whether small results are good
    columns: Sequence[str] | None = None  #: descriptors; by default all columns that can be learnt from
    #: Columns of numbers that are codes of categories; by default those of whole numbers from 0 or 1 on without a gap.
    categories: Sequence[str] | None = None
    noise: str | None = None  #: column with standard deviations of the results
    replicates: str = "mean"  #: "mean": results of equal rows count as one, their mean; "rows": each is one
    keep_going: bool = False  #: leave out rows with a cell that cannot be read, in place of refusing the table

    def __post_init__(self) -> None:
        if self.replicates not in ("mean", "rows"):
            raise PoolError(f"replicates is {self.replicates!r}: mean or rows")


@dataclass(frozen=True)
class NamedTable:
    """A frame and what it is called in messages ("the pool")."""

    name: str
    frame: pd.DataFrame

    def heading(self, wanted: str, refuse: type[ScreeningError] = PoolError) -> str:
        """The column that a name means; where none, a `ScreeningError` of that type that names a row holding it."""
        found = find_heading(wanted, self.frame.columns)
        if found is not None:
            return found
        below = [at for at, row in enumerate(self.frame.head(3).itertuples(index=False), 1) if wanted in map(str, row)]
        hint = f"; row {below[0]} holds it: delete what stands above the headings" if below else ""
        if any(wanted in map(str.strip, str(name).split(",")[1:]) for name in self.frame.columns):
            hint = "; put a heading with a comma between double quotes"
        raise refuse(f"{self.name} has no column {wanted!r}; it has {', '.join(map(str, self.frame.columns))}{hint}")


@dataclass(frozen=True)
class TableFeatures:
    """What was made of the columns."""

    x: tuple[Array, ...]  #: features of each table, shapes (m_t, d): numbers as they stand, categories one-hot
    #: Of each table the numbers by which rows are the same, learnt from or not, shapes (m_t, e).
    identity: tuple[Array, ...]
    names: tuple[str, ...]  #: columns that are learnt from
    learnt: tuple[str, ...]  #: the same in words, "ligand (3 categories)"
    left_out: dict[str, str]  #: columns that are not, and why
    remarks: tuple[str, ...]  #: what else was read into the tables, as sentences
    rows: tuple[NDArray[np.int64], ...]  #: of each table the rows that could be read

    def sentence(self, query: TableQuery | None) -> str:
        """What is learnt from what, and what is left out and why; without a query nothing is learnt yet."""
        good = "small" if query is None or query.minimize else "large"
        told = "spreading over " if query is None else f"learning {query.target} ({good} is good) from "
        told += ", ".join(self.learnt)
        left = "; ".join(f"{name} ({why})" for name, why in self.left_out.items())
        return told + (f"; left out: {left}" if left else "")


@dataclass(frozen=True)
class _Column:
    """A column that all tables have: its cells below each other, what it holds, and why it is not learnt from."""

    name: str
    parts: tuple[Cells, ...]
    cells: Cells
    kind: Kind
    left_out: str = ""
    other_spellings: tuple[str, ...] = ()

    @property
    def as_numbers(self) -> bool:
        """Whether it enters as a number, not as a category."""
        return self.kind in (Kind.NUMBERS, Kind.ROW_NUMBERS, Kind.COUNTER) or (
            self.kind is Kind.CONSTANT and not len(self.cells.odd)
        )

    @property
    def words(self) -> str:
        """It and what it holds."""
        if self.as_numbers:
            return " ".join([self.name, *(f"({unit})" for unit in self.cells.known_units)])
        count = len(set(self.cells.labels))
        return (
            f"{self.name} ({count} codes, as categories)"
            if self.kind is Kind.CODES
            else f"{self.name} ({count} categories)"
        )

    def features(self) -> Array:
        """What enters the model, shape (m, values): one column of numbers, or one a value of the category."""
        if self.as_numbers:
            return self.cells.numbers[:, None]
        labels = self.cells.labels
        return np.column_stack([(labels == value).astype(np.float64) for value in sorted(set(labels))])

    def identity(self) -> Array:
        """A number by which rows are told apart, shape (m,)."""
        if self.as_numbers and not len(self.cells.odd):
            numbers = self.cells.numbers
            beyond = np.nanmax(numbers, initial=0.0) + np.ptp(numbers[self.cells.filled]) + 1.0
            return np.where(self.cells.filled, numbers, beyond)
        return np.asarray(np.unique(self.cells.labels.astype(str), return_inverse=True)[1], dtype=np.float64)


def read_features(
    tables: Sequence[NamedTable], query: TableQuery, refuse: type[ScreeningError] = PoolError
) -> TableFeatures:
    """Features of tables with the same columns, the first of which, the candidates, says which columns there are; the
    query's target and noise are not learnt from. An error of the type `refuse` (a `ScreeningError`) for a column that
    is missing, cells in it that are no numbers, or tables without a column to learn from; the message names them."""
    headings, left_out = _shared(tables, query, refuse)
    asked = None if query.columns is None else [_asked(name, headings, tables, refuse) for name in query.columns]
    codes = None if query.categories is None else [_asked(name, headings, tables, refuse) for name in query.categories]
    columns = [_column(name, tables, headings[name], codes, refuse) for name in headings]
    awaited = _awaited(tables, query)
    columns = [_judged(column, asked, awaited) for column in columns]
    if not any(not column.left_out for column in columns):
        columns = [_at_least(column) for column in columns]
    learnt = [column for column in columns if not column.left_out]
    left_out |= {column.name: column.left_out for column in columns if column.left_out}
    if not learnt:
        reasons = "".join(f"; {name}: {why}" for name, why in left_out.items())
        raise refuse(f"{tables[0].name} has no column to learn from{reasons}")
    owner = np.repeat(np.arange(len(tables)), [len(table.frame) for table in tables])
    readable, remarks = _readable(learnt, tables, owner, query, refuse)
    width = sum(1 if column.as_numbers else len(set(column.cells.labels)) for column in learnt)
    if width * len(owner) > _MOST_NUMBERS:
        raise refuse(f"{len(owner):,} rows of {width:,} features do not fit in memory: choose columns (--columns)")
    x = np.column_stack([column.features() for column in learnt])
    told_apart = [column.identity() for column in columns if not _says_nothing(column)]
    identity = np.column_stack(told_apart) if told_apart else x
    parts = [readable & (owner == at) for at in range(len(tables))]
    return TableFeatures(
        tuple(x[part] for part in parts),
        tuple(identity[part] for part in parts),
        tuple(column.name for column in learnt),
        tuple(column.words for column in learnt),
        left_out,
        (
            *remarks,
            *(remark for column in learnt for remark in _remarks(column, tables)),
            *_followers(learnt, tables, query),
        ),
        tuple(np.flatnonzero(readable[owner == at]) for at in range(len(tables))),
    )


def _shared(
    tables: Sequence[NamedTable], query: TableQuery, refuse: type[ScreeningError]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Heading in each table of every column of the first one that all have, and why the others are left out."""
    own = set()
    for table in tables:
        headings = list(map(str, table.frame.columns))
        twice = next((name for name in headings if headings.count(name) > 1), None)
        if twice is not None:
            raise refuse(f"{table.name} has two columns {twice!r}: give each its own name")
        own |= {found for name in (query.target, query.noise) if name and (found := find_heading(name, headings))}
    first = [str(name) for name in tables[0].frame.columns if str(name) not in own]
    matches = [match_headings(first, map(str, table.frame.columns)) for table in tables]
    shared = {name: [match[name] for match in matches] for name in first if all(name in match for match in matches)}
    left_out: dict[str, str] = {}
    for table, match in zip(tables, matches, strict=True):
        left_out |= {name: f"not in {table.name}" for name in first if name not in match}
        others = [str(name) for name in table.frame.columns if str(name) not in own and name not in match.values()]
        left_out |= dict.fromkeys(others, f"only in {table.name}")
        _refuse_other_units(first, match, others, tables[0], table, refuse)
    return shared, left_out


def _refuse_other_units(
    first: list[str],
    match: dict[str, str],
    others: list[str],
    pool: NamedTable,
    table: NamedTable,
    refuse: type[ScreeningError],
) -> None:
    """An error of the type given that names both headings, where one quantity stands in two units."""
    for name in first:
        for other in others:
            if name not in match and same_quantity(name, other):
                raise refuse(f"{pool.name} has {name!r}, {table.name} {other!r}: the same unit is needed in both")


def _asked(
    name: str, headings: dict[str, list[str]], tables: Sequence[NamedTable], refuse: type[ScreeningError]
) -> str:
    found = find_heading(name, headings)
    if found is None:
        for table in tables:
            table.heading(name, refuse)
        raise refuse(f"column {name!r} cannot be learnt from: it is the target or its noise")
    return found


def _column(
    name: str, tables: Sequence[NamedTable], of: list[str], codes: list[str] | None, refuse: type[ScreeningError]
) -> _Column:
    parts = tuple(
        read_cells(table.frame[heading], bool(table.frame.attrs.get("decimal_commas")))
        for table, heading in zip(tables, of, strict=True)
    )
    if units := other_units([table.name for table in tables], of, parts):
        raise refuse(f"column {name!r} holds {units}: write all of its cells in one unit")
    new: set[str] = set()
    if any(part.text is not None for part in parts):
        as_written, parts = parts, alike(parts)
        new = {
            one for a, b in zip(as_written, parts, strict=True) if a is not b for one in set(a.labels) - set(b.labels)
        }
    cells = join_cells(parts)
    kind = kind_of(name, cells, len(parts[0].numbers))
    if codes is not None and kind in (Kind.NUMBERS, Kind.CODES):
        kind = Kind.CATEGORIES if name in codes else Kind.NUMBERS
    return _Column(name, parts, cells, kind, other_spellings=tuple(sorted(new)))


def _awaited(tables: Sequence[NamedTable], query: TableQuery) -> NDArray[np.bool_]:
    """Candidates without a result, (m,); all of them where the table of candidates has no results."""
    heading = None if query.target is None else find_heading(query.target, tables[0].frame.columns)
    if heading is None:
        return np.ones(len(tables[0].frame), dtype=bool)
    return ~read_cells(tables[0].frame[heading]).filled


#: So many candidates without a result tell that a number which all of them lack is one too.
_ALL_LACK = 3


def _judged(column: _Column, asked: list[str] | None, awaited: NDArray[np.bool_]) -> _Column:
    """The column with the reason why it is not learnt from, if any; `awaited` (m,) candidates have no result."""
    if asked is not None:
        return replace(column, left_out="" if column.name in asked else "not asked for")
    if column.kind in _LEFT_OUT:
        return replace(column, left_out=column.kind.value)
    plain = re.sub(r"[\W_]+", "_", column.name.lower()).strip("_")
    for headings, what in ((_OUTCOMES, "another outcome"), (_NOTES, "a note")):
        if headings.fullmatch(plain):
            return replace(column, left_out=f"{what} by its heading; --columns takes it in")
    is_number = np.isfinite(column.cells.numbers).any() and not len(column.cells.odd)
    if (is_number or not awaited.all()) and awaited.sum() >= _ALL_LACK and not column.parts[0].filled[awaited].any():
        return replace(column, left_out="another outcome: empty where nothing is measured")
    if not column.as_numbers and (count := len(set(column.cells.labels))) > _MOST_VALUES:
        return replace(column, left_out=f"{count} different values; give columns that describe them")
    return column


def _at_least(column: _Column) -> _Column:
    """Where nothing else is left, names that are few are categories, and what is not headed as row numbers is none."""
    if column.kind is Kind.COUNTER or (column.kind is Kind.NAMES and len(set(column.cells.labels)) <= _MOST_VALUES):
        return replace(column, left_out="")
    return column


def _says_nothing(column: _Column) -> bool:
    """Whether a column tells no candidate from another: what is found out by an experiment, when it was done, and
    names or remarks none of which is a candidate's."""
    if column.kind is Kind.NAMES and column.left_out and len(column.parts) > 1:
        candidates = set(column.parts[0].labels)
        return not any(candidates & (set(part.labels) - {""}) for part in column.parts[1:])
    found_out = column.left_out.startswith(("another outcome", "a note"))
    return found_out or bool(column.left_out and column.kind in _SILENT)


def _readable(
    learnt: Sequence[_Column],
    tables: Sequence[NamedTable],
    owner: NDArray[np.int64],
    query: TableQuery,
    refuse: type[ScreeningError],
) -> tuple[NDArray[np.bool_], list[str]]:
    """Which rows have all numbers, (m,), and what is said of the others; an error of the type given unless left out."""
    readable = np.ones(len(owner), dtype=bool)
    within = np.concatenate([np.arange(1, (owner == at).sum() + 1) for at in range(len(tables))])
    said = []
    for column in learnt:
        bad = np.flatnonzero(~np.isfinite(column.cells.numbers)) if column.as_numbers else np.empty(0, dtype=np.int64)
        if not bad.size:
            continue
        readable[bad] = False
        shown = "; ".join(
            f"row {within[at]} of {tables[owner[at]].name}: " + what_is_wrong(column.cells.shown(int(at)))
            for at in bad[:3]
        )
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        said.append(f"column {column.name!r} holds numbers but for {len(bad)} of its cells ({shown}{more})")
    if said and not query.keep_going:
        sound = [one.name for one in learnt if np.isfinite(one.cells.numbers).all() or not one.as_numbers]
        first = next(column.name for column in learnt if column.name not in sound)
        raise refuse(
            f"{said[0]}: repair them, leave those rows out (--keep-going), take other columns"
            + (f" (--columns {quote(','.join(sound))})" if sound else "")
            + f", or take it as categories (--categories {quote(first)})"
        )
    return readable, [f"{sentence}: those rows are left out" for sentence in said]


def _remarks(column: _Column, tables: Sequence[NamedTable]) -> list[str]:
    said = []
    if column.as_numbers:
        pool, *others = (part.numbers[np.isfinite(part.numbers)] for part in column.parts)
        for table, own in zip(tables[1:], others, strict=True):
            if pool.size and own.size and (own.min() > pool.max() or own.max() < pool.min()):
                both = f"{pool.min():g} to {pool.max():g} and {own.min():g} to {own.max():g}"
                where = f"{tables[0].name} and {table.name}"
                said.append(f"{column.name}: {where} share no value ({both}); is the unit the same?")
        return said
    values = [set(part.labels) for part in column.parts]
    if "" in set().union(*values):
        labels = column.parts[0].labels
        above = (
            " (fill those that stand for the cell above)"
            if labels[0] and 2 * (labels == "").sum() > len(labels)
            else ""
        )
        said.append(f"{column.name}: empty cells are a value of their own{above}")
    first: dict[str, str] = {}
    for label in sorted(label for label in set().union(*values) if re.fullmatch(r"[^\W_]+[- \w]*", label)):
        other = first.setdefault(re.sub(r"[\W_]+", "", label.casefold()), label)
        if other != label:
            said.append(f"{column.name}: {other!r} and {label!r} are two categories; if they are one, write them alike")
    if column.other_spellings:
        words = ", ".join(repr(word) if word else "an empty cell" for word in column.other_spellings[:3])
        said.append(f"{column.name}: {words} read as the pool writes it")
    for table, found in zip(tables[1:], values[1:], strict=True):
        if new := sorted(found - values[0] - {""}):
            said.append(f"{column.name}: no candidate has {', '.join(map(repr, new[:3]))}, which {table.name} has")
    return said


#: So many different results that a column orders as they are ordered are no chance.
_FOLLOWED = 8


def _followers(learnt: Sequence[_Column], tables: Sequence[NamedTable], query: TableQuery) -> Iterator[str]:
    """Remarks on numbers that rise or fall with every result, as the result in another unit or its inverse does."""
    for at, table in enumerate(tables):
        heading = None if query.target is None else find_heading(query.target, table.frame.columns)
        if heading is None:
            continue
        y = read_cells(table.frame[heading], bool(table.frame.attrs.get("decimal_commas"))).numbers
        known = np.flatnonzero(np.isfinite(y))
        order = known[np.argsort(y[known], kind="stable")]
        for column in learnt if len(learnt) > 1 and len(set(y[known])) >= _FOLLOWED else ():
            steps, rises = np.diff(column.parts[at].numbers[order]), np.diff(y[order]) > 0.0
            if column.as_numbers and ((steps > 0.0) == rises).all() | ((steps < 0.0) == rises).all():
                yield (
                    f"{column.name} orders the rows of {table.name} as {heading} does: if it is the same result, "
                    "written in another way, leave it out (--columns)"
                )


@dataclass(frozen=True)
class Results:
    """The column of results of a table."""

    y: Array  #: shape (k,), NaN where there is none
    noise: Array | None  #: standard deviations, shape (k,); None without such a column
    remarks: tuple[str, ...]  #: what was read into it, as sentences
    blank: NDArray[np.bool_]  #: whose cell is empty, shape (k,)
    unread: NDArray[np.bool_]  #: whose cell holds no number and is left out as that was asked for, shape (k,)


def read_results(table: NamedTable, query: TableQuery, refuse: type[ScreeningError] = PoolError) -> Results:
    """The results of measured rows, PENDING and the like still to come; a `ScreeningError` of that type else."""
    if query.target is None:
        raise refuse(f"{table.name} is there, and no target: name the column with the results (--target)")
    y, remarks, blank, unread = _numbers(table, query.target, query, refuse)
    for row, cell in _summaries(table.frame):
        place = f"{table.name}: row {row + 1}, {cell!r}, sums up those above it and is no experiment"
        if not query.keep_going:
            raise refuse(f"{place}: delete it, or leave such rows out (--keep-going)")
        y, blank[row], unread[row] = np.where(np.arange(len(y)) == row, np.nan, y), False, True
        remarks.append(f"{place}: not learnt from")
    return Results(y, _noise(table, query, y, refuse, remarks), tuple(remarks), blank, unread)


def _summaries(frame: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """The last rows of a table that are sums or means of the others, from 0, and the word that says so."""
    for row in range(max(len(frame) - _LAST_ROWS, 0), len(frame)):
        texts = [cell.strip() for cell in frame.iloc[row] if isinstance(cell, str)]
        if word := next(filter(_SUMMARY.fullmatch, texts), ""):
            yield row, word


def _numbers(
    table: NamedTable, name: str, query: TableQuery, refuse: type[ScreeningError]
) -> tuple[Array, list[str], NDArray[np.bool_], NDArray[np.bool_]]:
    """The numbers of a column, NaN where they are still to come; what is to be said; which cells are empty, and which
    hold anything else."""
    heading = table.heading(name, refuse)
    cells = read_cells(table.frame[heading], bool(table.frame.attrs.get("decimal_commas")))
    awaited = ~cells.filled
    if cells.text is not None:
        awaited |= np.array([cell.lower() in _AWAITED for cell in cells.text], dtype=bool)
    if units := other_units([table.name], [heading], [cells]):
        raise refuse(f"column {heading!r} holds {units}: write all of its cells in one unit")
    unread = ~np.isfinite(cells.numbers) & ~awaited
    bad = np.flatnonzero(unread)
    remarks = []
    if bad.size:
        wrong = what_is_wrong(cells.shown(int(bad[0])))
        in_words = not bad[0] and not re.search(r"\d|inf", cells.shown(0))
        below = "; a second row of headings or of units is to be deleted" if in_words else ""
        if bad.size == len(unread):
            below = "; results are numbers, such as 1 for yes and 0 for no" if in_words else below
        place = f"{table.name}: row {bad[0] + 1}, column {heading!r}: {wrong} ({len(bad)} such)"
        if not query.keep_going or below:
            raise refuse(f"{place}{below or '; correct it, or learn without such rows (--keep-going)'}")
        remarks.append(f"{place}: measured, and not learnt from")
    return cells.numbers, remarks, ~cells.filled, unread


def _noise(
    table: NamedTable, query: TableQuery, results: Array, refuse: type[ScreeningError], remarks: list[str]
) -> Array | None:
    if query.noise is None:
        return None
    noise = _numbers(table, query.noise, query, refuse)[0]
    negative = np.flatnonzero(noise < 0.0)
    if negative.size:
        raise refuse(
            f"{table.name}: row {negative[0] + 1}, column {query.noise!r}: {noise[negative[0]]:g} is no "
            "standard deviation; it is 0 or more"
        )
    known = np.isfinite(noise)
    if not known.any():
        raise refuse(f"{table.name}: column {query.noise!r} is empty")
    without = int((~known & np.isfinite(results)).sum())
    if without:
        remarks.append(f"{without} of the results without an error get the median of the others' errors")
    return np.where(known, noise, np.median(noise[known]))

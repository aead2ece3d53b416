"""Which column of a table is what: declared by the user, headed as spinscreen heads it, or recognised and to be
confirmed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches

from chemspace.errors import CellError, TableError
from chemspace.tables.cells import with_point
from chemspace.tables.grid import GridRow
from chemspace.tables.units import split_heading

__all__ = ["Field", "cells_of", "declared_columns", "match_fields"]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a table can say of its rows. `name`: of the field; what `--map` takes; `headings`: headings that
    are taken without asking, () for the name alone; `aliases`: further headings, in small letters, without unit, words
    joined by "_"; proposed and to be confirmed; `required`: whether a table without it is refused."""

    name: str
    headings: tuple[str, ...] = ()
    aliases: frozenset[str] = frozenset()
    required: bool = False

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

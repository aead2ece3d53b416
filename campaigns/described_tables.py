"""Tables that a campaign's description names: prices of cations, measured values of properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from campaigns.errors import ConfigError
from chemspace.errors import CellError, TableError
from chemspace.tables.cells import number
from chemspace.tables.decode import content_of
from chemspace.tables.fields import Field, cells_of, match_fields
from chemspace.tables.grid import read_grid

#: Keys and positions of a field in a description, from the top.
Place: TypeAlias = tuple[str | int, ...]

_PRICE_FIELDS = (Field("cation", required=True), Field("per_mol"), Field("days"), Field("hazards"))
_NUMBERS = ("per_mol", "days", "value", "error")


def read_prices(given: Any, folder: Path) -> Any:
    """The price table: as it stands, or that of a CSV file with the columns cation, per_mol, days and hazards."""
    if not isinstance(given, str):
        return given
    prices: dict[str, dict[str, Any]] = {}
    for where, cells in _rows(folder / given, "price table", _PRICE_FIELDS, ("prices",)):
        entry: dict[str, Any] = {
            name: _number(cells[name], where, ("prices",)) for name in ("per_mol", "days") if cells.get(name)
        }
        if flags := cells.get("hazards", "").replace(";", " ").split():
            entry["hazards"] = flags
        prices[cells["cation"]] = entry
    return prices


def read_properties(given: Any, folder: Path) -> Any:
    """Measured properties: as they stand; a table that is a text is read from the CSV file of that name, with the
    columns compound (or formula), value (or the property's own name) and, where it is known, error."""
    if not isinstance(given, Mapping):
        return given
    read: dict[str, Any] = {}
    for name, values in given.items():
        read[name] = values
        if isinstance(values, Mapping) and isinstance(values.get("table"), str):
            read[name] = {**values, "table": _property_rows(name, folder / values["table"])}
    return read


def _property_rows(name: str, path: Path) -> list[dict[str, Any]]:
    place = ("properties", name, "table")
    fields = (
        Field("compound", ("compound", "formula"), required=True),
        Field("value", ("value", name), required=True),
        Field("error"),
    )
    read: list[dict[str, Any]] = []
    for where, cells in _rows(path, "table", fields, place):
        entry: dict[str, Any] = {"compound": cells["compound"], "value": _number(cells["value"], where, place)}
        if cells.get("error"):
            entry["error"] = _number(cells["error"], where, place)
        read.append(entry)
    if not read:
        raise ConfigError(f"{path.name} holds no rows; give compound,value and, where it is known, error", place)
    return read


def _rows(path: Path, what: str, fields: Sequence[Field], place: Place) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row of a table stands, for messages, and its cells by field."""
    try:
        grid = read_grid(path.name, content_of(path)).only_sheet(path.name)
        columns = match_fields(path.name, grid.columns, fields, can_map=False).columns
    except TableError as error:
        raise ConfigError(f"the {what} {path} cannot be read: {'; '.join(error.problems)}", place) from error
    commas = grid.has_decimal_commas(column for field, column in columns.items() if field in _NUMBERS)
    for row in grid.rows:
        where = f"{path.name}, row {row.line}"
        try:
            yield where, cells_of(row, columns, _NUMBERS if commas else ())
        except CellError as error:
            raise ConfigError(f"{where}: {error}", place) from error


def _number(text: str, where: str, place: Place) -> float:
    try:
        return number(text)
    except CellError as error:
        raise ConfigError(f"{where}: {error}", place) from error

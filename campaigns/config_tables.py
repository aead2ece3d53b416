"""The CSV tables that a description names: prices and measured properties. What they hold becomes part of it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from campaigns.errors import ConfigError

__all__ = ["read_prices", "read_properties"]

Place = tuple[str | int, ...]


def read_prices(given: Any, folder: Path) -> Any:
    """The price table: as it stands, or that of a CSV file with the columns cation, per_mol, days and hazards.

    Raises:
        ConfigError: if the file cannot be read, or holds something else.
    """
    if not isinstance(given, str):
        return given
    path, place = folder / given, ("prices",)
    rows = _rows(path, "price table", place)
    if not rows or "cation" not in rows[0]:
        raise ConfigError(f"{path.name} needs the columns cation, per_mol and days", place)
    prices: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows, start=2):
        entry: dict[str, Any] = {
            name: _number(row[name], path, number, place)
            for name in ("per_mol", "days")
            if (row.get(name) or "").strip()
        }
        if flags := (row.get("hazards") or "").replace(";", " ").split():
            entry["hazards"] = flags
        prices[(row["cation"] or "").strip()] = entry
    return prices


def read_properties(given: Any, folder: Path) -> Any:
    """Measured properties: as they stand; a table that is a text is read from the CSV file of that name, with the
    columns compound (or formula), value (or the property's own name) and, where it is known, error.

    Raises:
        ConfigError: if a file cannot be read, or holds something else.
    """
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
    rows = _rows(path, "table", place)
    if not rows:
        raise ConfigError(f"{path.name} holds no rows; give compound,value and, where it is known, error", place)
    value = next((column for column in ("value", name) if column in rows[0]), None)
    compound = next((column for column in ("compound", "formula") if column in rows[0]), None)
    if value is None or compound is None:
        there = ", ".join(map(str, rows[0]))
        raise ConfigError(f"{path.name} has the columns {there}; it needs compound and value (or {name})", place)
    told: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=2):
        entry: dict[str, Any] = {"compound": (row[compound] or "").strip()}
        entry["value"] = _number(row[value], path, number, place)
        if (row.get("error") or "").strip():
            entry["error"] = _number(row["error"], path, number, place)
        told.append(entry)
    return told


def _rows(path: Path, what: str, place: Place) -> list[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise ConfigError(f"the {what} {path} cannot be read: {why}", place) from error


def _number(text: str | None, path: Path, number: int, place: Place) -> float:
    try:
        value = float(text or "")
    except ValueError as error:
        raise ConfigError(f"{path.name}, row {number}: {text or 'nothing'!r} is no number", place) from error
    if value != value or value in (float("inf"), float("-inf")):
        raise ConfigError(
            f"{path.name}, row {number}: {text!r} will not do; give a number, or leave the row out", place
        )
    return value

"""The columns of a trace's file by what they hold, delays in ps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.errors import TraceFileError, UnitError
from chemspace.errors import NotTextError, TableError
from chemspace.tables.decode import decode_text
from chemspace.tables.numbers import NumberTable, parse_numbers
from chemspace.tables.units import TIME_UNITS, split_heading


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A raw file a trace was read from; `sha256` is the hash of its bytes, so it can be kept beside the fit."""

    path: str
    sha256: str


_ADVICE = {"is empty": "Export the trace again; a fit needs at least 12 delays."}
_AS_CSV = "Export the data as CSV text (UTF-8): a delay column and signal columns, or a wavelength x delay map."


def read_text(path: str | Path) -> tuple[str, SourceFile]:
    """The text of a file with line ends made uniform, and the file's identity.

    Raises:
        TraceFileError: if the file cannot be read, is empty, or is no text.
    """
    name = str(path)
    try:
        raw = Path(path).read_bytes()
    except OSError as problem:
        raise TraceFileError(
            name, f"cannot be read ({problem.strerror})", "Check the path and its permissions."
        ) from None
    try:
        text = decode_text(raw)
    except NotTextError as problem:
        raise TraceFileError(name, problem.what, _ADVICE.get(problem.what, _AS_CSV)) from None
    return text, SourceFile(name, sha256(raw).hexdigest())


@contextmanager
def as_trace_error() -> Iterator[None]:
    """Turn what is no table of numbers into the error of a trace's file.

    Raises:
        TraceFileError: in place of a `TableError`.
    """
    try:
        yield
    except TableError as error:
        raise TraceFileError(error.name, "; ".join(error.problems), error.right, row=error.row) from None


#: Light passes a delay stage there and back: 20 ns is 3 m of stage, longer than any. Less than 0.1 ps in all, about the
#: length of a pulse, holds no rise and no decay.
LONGEST_PS, SHORTEST_PS = 20_000.0, 0.1


def to_ps(
    delay: NDArray[np.float64], name: str, heading_unit: str | None, given_unit: str | None
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Delays in ps, and notes on how.

    Args:
        delay: as the file has them, shape (t,).
        name: the file, for messages.
        heading_unit: what the heading says, or None (then ps).
        given_unit: what the user says; it overrules the heading and is believed.

    Raises:
        UnitError: for an unknown unit, or a span no delay line has, where the user did not say so.
    """
    if given_unit is not None and given_unit not in TIME_UNITS:
        raise UnitError(f"no delay unit {given_unit!r}: use one of {', '.join(TIME_UNITS)}")
    if heading_unit is not None and heading_unit not in TIME_UNITS:
        raise UnitError(f"{name}: {heading_unit} is no unit of a delay: use one of {', '.join(TIME_UNITS)}")
    unit = given_unit or heading_unit or "ps"
    in_ps = delay * TIME_UNITS[unit]
    finite = in_ps[np.isfinite(in_ps)]
    span = float(np.ptp(finite)) if finite.size else 0.0
    if given_unit is None and finite.size > 1 and not SHORTEST_PS <= span <= LONGEST_PS:
        raise UnitError(_implausible(name, unit, finite, span))
    notes = () if unit == "ps" else (f"Delays of {name} were converted from {unit} to ps.",)
    return in_ps, notes


def _implausible(name: str, unit: str, in_ps: NDArray[np.float64], span: float) -> str:
    fitting = [
        f"{other} ({span / TIME_UNITS[unit] * factor:.4g} ps)"
        for other, factor in TIME_UNITS.items()
        if SHORTEST_PS <= span / TIME_UNITS[unit] * factor <= LONGEST_PS
    ]
    why = "longer than any delay line" if span > LONGEST_PS else "shorter than a rise and a decay"
    return (
        f"{name}: delays in {unit} span {span:.4g} ps ({in_ps.min():.4g} to {in_ps.max():.4g} ps), {why}. "
        f"If they are in another unit, say so (delay_unit, --delay-unit): {' or '.join(fitting) or 'none fits'}; "
        f"to keep {unit}, say that"
    )


Array = NDArray[np.float64]

_EXPECTED = "Head the columns delay_ps, sc, cc (or delay_ps, signal in a file of one polarisation)."
#: What headings mean, first match wins: "SC - CC" must be seen before "SC".
_ROLES = (
    ("delay", re.compile(r"delay|^time|^t\b|^t_|^zeit|^verz", re.IGNORECASE)),
    ("difference", re.compile(r"\bsc\s*[-\u2212\u2013_]\s*cc\b|diff", re.IGNORECASE)),
    ("sc", re.compile(r"(?<![a-z])sc(?![a-z])|same|co-?circ|\u03c3\+\s*/?\s*\u03c3\+", re.IGNORECASE)),
    ("cc", re.compile(r"(?<![a-z])cc(?![a-z])|counter|oppos|cross|\u03c3\+\s*/?\s*\u03c3[-\u2212]", re.IGNORECASE)),
    ("signal", re.compile(r"signal|^d[art]|^\u0394|delta|dr/r|dt/t|^y\b|amplitude", re.IGNORECASE)),
)
#: Roles of the columns of a file without headings, by their number.
_BARE: dict[int, tuple[str, ...]] = {2: ("delay", "signal"), 3: ("delay", "sc", "cc")}


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns of one file by role ("delay", "sc", "cc", "difference", "signal"), each shape (t,).

    Several columns of one role are scans and are averaged. `unit` is the delay's, where the heading names one.
    """

    by_role: dict[str, Array]
    unit: str | None
    notes: tuple[str, ...]


def read_columns(path: str | Path) -> tuple[Columns, SourceFile]:
    """The columns of a file, delays as it has them.

    Raises:
        TraceFileError: if the file cannot be read, is no table of numbers, or does not say what its columns are.
    """
    text, source = read_text(path)
    with as_trace_error():
        return columns_of(str(path), parse_numbers(str(path), text)), source


def columns_of(name: str, table: NumberTable) -> Columns:
    """Assign roles to the columns of a table.

    Raises:
        TraceFileError: if there is no delay column, or no headings where they are needed.
    """
    n = table.values.shape[1]
    if table.headings is None:
        if n not in _BARE:
            raise TraceFileError(name, f"has {n} columns and no headings", _EXPECTED)
        return Columns({role: table.values[:, at] for at, role in enumerate(_BARE[n])}, None, ())
    roles = [next((role for role, pattern in _ROLES if pattern.search(h.strip())), None) for h in table.headings]
    if roles.count("delay") == 0 and roles[0] is None and not table.headings[0].strip():
        roles[0] = "delay"
    if roles.count("delay") != 1:
        found = "several delay columns" if "delay" in roles else "no delay column"
        raise TraceFileError(name, f"{found} among the headings {', '.join(map(repr, table.headings))}", _EXPECTED)
    if n == 2 and roles[1 - roles.index("delay")] is None:
        roles[1 - roles.index("delay")] = "signal"
    return _collect(name, table, table.headings, roles)


def _collect(name: str, table: NumberTable, headings: tuple[str, ...], roles: list[str | None]) -> Columns:
    by_role: dict[str, Array] = {}
    notes = []
    for role in dict.fromkeys(role for role in roles if role is not None):
        at = [column for column, found in enumerate(roles) if found == role]
        by_role[role] = mean_over(table.values[:, at], axis=1)
        if len(at) > 1:
            notes.append(f"{len(at)} columns of {name} were averaged as scans of {role}.")
    if unknown := [headings[at] for at, role in enumerate(roles) if role is None]:
        notes.append(f"Columns {', '.join(map(repr, unknown))} of {name} were not used.")
    unit = split_heading(headings[roles.index("delay")])[1]
    return Columns(by_role, unit, tuple(notes))


def mean_over(values: Array, axis: int) -> Array:
    """Mean of the finite values along an axis, shape of `values` without it; NaN where there are none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=axis)
    total = np.where(finite, values, 0.0).sum(axis=axis)
    mean: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean

"""The columns of a trace's file by what they hold: declared, or said by their headings, or asked about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaigns.errors import TraceFileError
from campaigns.kinetics.layouts import (
    MAPPED,
    are_scans,
    error_of,
    is_mean,
    plain,
    quadratures,
    role_of,
    text_of,
    wavelength_of,
)
from chemspace.errors import NotTextError, TableError
from chemspace.tables.cells import split_heading
from chemspace.tables.columns import declared_columns
from chemspace.tables.grid import MAX_LIBRARY_BYTES, bytes_of
from chemspace.tables.numbers import NumberTable, parse_numbers

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A raw file a trace was read from; `sha256` is the hash of its bytes, so it can be kept beside the fit."""

    path: str
    sha256: str


_ADVICE = {"is empty": "Export the trace again; a fit needs at least 12 delays."}
_AS_CSV = "Export the data as CSV text (UTF-8): a delay column and signal columns, or a wavelength x delay map."


def read_text(path: str | Path) -> tuple[str, SourceFile]:
    """The text of a file, line ends made uniform, and its identity. Raises TraceFileError if it is no text."""
    name = str(path)
    try:
        raw = bytes_of(Path(path), MAX_LIBRARY_BYTES)
    except TableError as problem:
        raise TraceFileError(name, "; ".join(problem.problems), _AS_CSV) from None
    except OSError as problem:
        raise TraceFileError(
            name, f"cannot be read ({problem.strerror})", "Check the path and its permissions."
        ) from None
    try:
        text = text_of(name, raw)
    except NotTextError as problem:
        raise TraceFileError(name, problem.what, _ADVICE.get(problem.what, _AS_CSV)) from None
    except TableError as problem:
        raise TraceFileError(name, "; ".join(problem.problems), problem.right or _AS_CSV, row=problem.row) from None
    return text, SourceFile(name, sha256(raw).hexdigest())


@contextmanager
def as_trace_error() -> Iterator[None]:
    """Turn what is no table of numbers (`TableError`) into the TraceFileError of a trace's file."""
    try:
        yield
    except TableError as error:
        raise TraceFileError(error.name, "; ".join(error.problems), error.right, row=error.row) from None


_EXPECTED = "Head the columns delay_ps, sc, cc (or delay_ps, signal in a file of one polarisation)."
#: Roles of the columns of a file without headings, by their number.
_BARE: dict[int, tuple[str, ...]] = {2: ("delay", "signal"), 3: ("delay", "sc", "cc")}
#: What lock-in amplifiers and meters write for an overflow or no reading (SCPI: 9.9E37 and 9.91E37), and what programs
#: write for a missing value where the rest of the column is far smaller.
_OVERFLOW = 9.8e37
_PLACEHOLDERS = (999.0, 9999.0, 99999.0, 999999.0)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns of one file by role ("delay", "sc", "cc", "difference", "signal"), each shape (t,). Several columns
    of one role are scans and are averaged. `errors` by role, shape (t,) each, are standard deviations that can weigh
    the delays. `heading` of the delays and `unit` of the signals are "" where the file says none; `metadata` are lines
    of text around the numbers, `unused` headings of the other columns."""

    by_role: dict[str, Array]
    errors: dict[str, Array]
    heading: str
    unit: str
    metadata: tuple[str, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def read_columns(path: str | Path, declared: Mapping[str, str], *, alone: bool) -> tuple[Columns, SourceFile]:
    """The columns of a file, delays as it has them; `declared` are heading, or number from 1, of the column of a role
    as the user says, "" leaves the role out; `alone` says that the file holds one polarisation. Raises TraceFileError
    if the file cannot be read, is no table of numbers, or does not say what its columns are."""
    text, source = read_text(path)
    with as_trace_error():
        return columns_of(str(path), parse_numbers(str(path), text), declared, alone=alone), source


def columns_of(name: str, table: NumberTable, declared: Mapping[str, str], *, alone: bool = False) -> Columns:
    """Assign roles to columns, as `read_columns`. TraceFileError if left open, TableError for declared ones."""
    values, notes = without_placeholders(name, table.values)
    headings = table.headings or tuple(str(at + 1) for at in range(values.shape[1]))
    if all(lettered := [_LETTERED.fullmatch(heading) for heading in headings]):  # Origin's columns A(X), B(Y)
        headings = tuple(found[1] for found in lettered if found)
    numbered = {
        role: int(column) - 1
        for role, column in declared.items()
        if role in MAPPED and column not in headings and column.isdecimal() and 0 < int(column) <= len(headings)
    }
    once = [at for at in range(len(headings)) if at in numbered.values() or not _is_repeated(headings, values, at)]
    headings, values = tuple(headings[at] for at in once), values[:, once]
    named = {role: column for role, column in declared.items() if role not in numbered}
    places = {
        role: headings.index(column) for role, column in declared_columns(name, headings, MAPPED, named).items()
    } | {role: once.index(at) for role, at in numbered.items()}
    if table.headings is None:
        values = _below_wavelengths(name, values, named=bool(places))
        roles = _bare_roles(name, values, places, alone)
    else:
        roles = _roles(name, headings, places, declared)
    by_role: dict[str, Array] = {}
    taken: dict[str, str] = {}
    for role in dict.fromkeys(role for role in roles if role in MAPPED):
        at = [column for column, found in enumerate(roles) if found == role]
        means = [column for column in at if is_mean(headings[column])]
        at = means if len(means) == 1 else at
        if len(at) > 1:
            alike = len({headings[column] for column in at}) < len(at)
            asked = [str(once[column] + 1) if alike else repr(headings[column]) for column in at]
            _require_scans(name, role, [headings[column] for column in at], asked)
            if alike and not repeat_each_other(values[:, at]):
                raise TraceFileError(
                    name,
                    f"its {len(at)} columns {headings[at[0]]!r} differ by more than their noise",
                    f"If they are of several crystals say which one is meant (--map {role}={asked[0]}); if they are "
                    f"scans of one, call them {role}_1, {role}_2.",
                )
            notes.append(f"{len(at)} columns of {name} were averaged as scans of {role}.")
            if role != "delay" and "delay" in roles:
                early = [unmeasured(values[:, roles.index("delay")], values[None, :, column]) for column in at]
                values[:, at] = np.where(np.stack(early, axis=1), np.nan, values[:, at])
                notes += [f"A scan of {role} in {name} was ended early: its zeros are left out."] * bool(np.any(early))
        by_role[role] = mean_over(values[:, at], axis=1)
        taken[role] = headings[at[0]]
    signals = {role: heading for role, heading in taken.items() if role != "delay"}
    errors, error_notes = _errors(name, headings, values, roles)
    if signals and "delay" in by_role:
        empty = unmeasured(by_role["delay"], np.stack([by_role[role] for role in signals]))
        by_role, errors = ({role: column[~empty] for role, column in each.items()} for each in (by_role, errors))
        notes += [f"{int(empty.sum())} delays of {name} hold 0 in every signal: not measured."] * bool(empty.any())
    if places or (table.headings is not None and any(heading.lower() != role for role, heading in signals.items())):
        shown = ", ".join(f"{role.upper() if len(role) == 2 else role} is {at!r}" for role, at in signals.items())
        notes.append(f"Columns of {name}: {shown}.")
    notes += error_notes
    waves = [at for at, role in enumerate(roles) if role is None and "wavel" in plain(headings[at])]
    if any(len(np.unique(values[:, at])) > 1 for at in waves):
        raise TraceFileError(
            name, f"has a column of several wavelengths, {headings[waves[0]]!r}", f"Keep the rows of one{_AS_MAPS}."
        )
    unused = tuple(headings[at] for at, role in enumerate(roles) if role not in (*MAPPED, "error"))
    if unused:
        notes.append(f"Columns {_listed(unused)} of {name} were not used.")
    heading = headings[roles.index("delay")] if table.headings is not None else ""
    subtracted = [headings[at] for at, role in enumerate(roles) if role in ("sc", "cc", "signal")]
    factors = [re.sub(r"[\s^*]", "", found[0]) if (found := _FACTOR.search(plain(each))) else "" for each in subtracted]
    if len(set(factors)) > 1:
        one_unit(name, [factor or "1" for factor in factors])
    unit = one_unit(name, [found[1] for each in subtracted if (found := _SIGNAL_UNIT.search(each))])
    if not places and len({wavelength_of(each) for each in subtracted} - {None}) > 1:
        raise TraceFileError(
            name,
            f"its signals {_listed(subtracted)} are at several wavelengths",
            f"Take both at one; if it is meant so, say so: --map sc={subtracted[0]!r} --map cc={subtracted[-1]!r}.",
        )
    unit = unit or next(filter(None, factors), "") or said_unit(table.around)
    return Columns(by_role, errors, heading, unit, table.around, unused, tuple(notes))


#: Structure of this many standard errors tells columns from repetitions of one, in so many points or more.
_STRUCTURE, _ENOUGH = 5.0, 12


def repeat_each_other(columns: Array, unlike: float = 1e-6) -> bool:
    """Whether columns (t, k) may be scans of one signal: what each leaves of its mean, beside another scale and
    baseline, is noise by the ratio of von Neumann, Ann. Math. Stat. 12, 367 (1941), doi 10.1214/aoms/1177731677, or
    less than `unlike` of the mean's range."""
    columns = columns[np.isfinite(columns).all(axis=1)]
    if len(columns) < _ENOUGH or columns.shape[1] == 1:
        return True
    mean, n = columns.mean(axis=1), len(columns)
    terms = np.column_stack([np.ones(n), mean])
    left = columns - terms @ np.linalg.lstsq(terms, columns, rcond=None)[0]
    power, noise = np.mean(left**2, axis=0), 0.5 * np.mean(np.diff(left, axis=0) ** 2, axis=0)
    structured = np.sqrt(n) * (power - noise) > _STRUCTURE * power
    return not bool((structured & (power - noise > (unlike * np.ptp(mean)) ** 2)).any())


def _errors(
    name: str, headings: Sequence[str], values: Array, roles: Sequence[str | None]
) -> tuple[dict[str, Array], list[str]]:
    """The errors of each signal, and a note where they cannot be weights: only where every signal is one column and has
    its own, or all have one, and where they are positive and not the same everywhere."""
    of = {at: error_of(headings[at]) for at, role in enumerate(roles) if role == "error"}
    signals = [role for role in roles if role in ("sc", "cc", "difference", "signal")]
    if not of or not signals:
        return {}, []
    general = [at for at, role in of.items() if role not in ("sc", "cc") or len(of) == len(signals) == 1]
    own = {role: [at for at in of if of[at] == role] or general for role in signals}
    measured = np.isfinite(values[:, [at for at, role in enumerate(roles) if role in ("delay", *signals)]]).all(axis=1)
    used = values[measured][:, sorted({at for columns in own.values() for at in columns})]
    if len(own) < len(signals) or any(len(columns) != 1 for columns in own.values()):
        why = "they do not say which signal each belongs to"
    elif not (used > 0.0).all():
        why = f"{int((~(used > 0.0)).sum())} of them are zero, negative or missing"
    elif (np.ptp(used, axis=0) <= 1e-9 * used.max(axis=0)).all():
        why = "they are the same at all delays"
    else:
        return {role: values[:, columns[0]] for role, columns in own.items()}, []
    return {}, [f"Errors {_listed([headings[at] for at in of])} of {name} are not used as weights: {why}."]


#: A power of ten at a signal: "dT/T (10⁻³)", "SC x1e-4"; no date.
_FACTOR = re.compile(r"(?<![\d-])(?:\b10\s*[\^*]*\s*|\b1e|x1e)-\s*\d+(?![\d-])")
_OF_SIGNAL = re.compile(
    r"\bd[art]\b|δ|delta|signal|intensit|absorb|reflect|transm|units?\b|scale|factor|values?\b|\bm?od\b"
)
_NOT_OF_SIGNAL = re.compile(r"time|delay|wavel|noise|fluence|power|pressure|bar\b")


def said_unit(lines: Iterable[str]) -> str:
    """Power of ten or unit of the signal that lines of text around the numbers name, "" for none or several."""
    about = [line for line in map(plain, lines) if _OF_SIGNAL.search(line) and not _NOT_OF_SIGNAL.search(line)]
    factors = {
        re.sub(r"[\s^*x]", "", found[0]).replace("1e", "10") for line in about if (found := _FACTOR.search(line))
    }
    said = factors or {found[0].replace("od", "OD") for line in about if (found := re.search(r"\b[mµu]?od\b", line))}
    return said.pop() if len(said) == 1 else ""


#: The letter of a column of Origin before its name: "A(X) Time", "B SC".
_LETTERED = re.compile(r"[A-Z](?:\([XY]\w*\))?\s+(.+)")


def _is_repeated(headings: Sequence[str], values: Array, at: int) -> bool:
    """Whether a column says the same, heading and numbers, as one before it."""
    before = (k for k in range(at) if headings[k] == headings[at] and headings[at])
    return any(np.array_equal(values[:, k], values[:, at], equal_nan=True) for k in before)


def one_unit(name: str, units: Iterable[str]) -> str:
    """The unit of signals that are subtracted or averaged, "" where none is said. Raises TraceFileError for several."""
    said = list(dict.fromkeys(unit.replace("\u03bc", "\u00b5") for unit in units if unit))
    if len(said) > 1:
        raise TraceFileError(name, f"its signals are in {' and '.join(said)}", "Give all in one unit.")
    return next(iter(said), "")


#: Unit of a signal at the end of its heading: signal_mOD, dA (mOD), SC [a.u.].
_SIGNAL_UNIT = re.compile(
    r"[\s_(\[/,]((?:[mµuμ]?OD)|m?deg|[mµuμn]?[VA]|a\.?u\.?|arb\. ?u\.?|norm(?:\.|ali[sz]ed)?|%|‰)[)\]]?$"
)


def _listed(headings: Sequence[str]) -> str:
    """Headings for a message, the first of them where there are many."""
    more = f" and {len(headings) - _SHOWN} more" if len(headings) > _SHOWN else ""
    return ", ".join(map(repr, headings[:_SHOWN])) + more


def _bare_roles(name: str, values: Array, places: Mapping[str, int], alone: bool) -> list[str | None]:
    """Roles of columns without headings: as declared by number, or by how many there are."""
    n = values.shape[1]
    if "delay" in places or any(role in places for role in MAPPED[1:]):
        roles: list[str | None] = [None] * n
        for role, at in ({"delay": 0} | dict(places)).items():
            roles[at] = role
        return roles
    if n > _SHOWN:
        raise TraceFileError(
            name, f"has {n} columns and no headings", "If it is a map, give it with --sc-map or --cc-map."
        )
    if n not in _BARE:
        raise TraceFileError(name, f"has {n} columns and no headings", f"{_EXPECTED} {_NUMBERS}")
    if n == 3 and (alone or _may_be_errors(values[:, 2])):
        what = "in a file of one polarisation" if alone else "and the last may be errors: it is never zero or negative"
        raise TraceFileError(name, f"has 3 columns without headings {what}", f"{_EXPECTED} {_NUMBERS}")
    return list(_BARE[n])


_AS_MAPS = ", or give the files as maps (--sc-map, --cc-map)"
#: So many headings are shown in a message.
_SHOWN = 12
_NUMBERS = "Or say which column is what by its number: --map signal=2, or --map sc=2 --map cc=3."


def _may_be_errors(column: Array) -> bool:
    finite = column[np.isfinite(column)]
    return bool(finite.size >= 12 and finite.min() > 0.0 and finite.max() < 20.0 * finite.min())


def _roles(
    name: str, headings: Sequence[str], places: Mapping[str, int], declared: Mapping[str, str]
) -> list[str | None]:
    """Role of each column by its heading, what is declared before what is read."""
    found: list[str | None] = [role_of(heading) for heading in headings]
    for role, at in places.items():
        found = [None if other == role else other for other in found]
        found[at] = role
    found = [None if role in declared and at not in places.values() else role for at, role in enumerate(found)]
    if "delay" not in places:
        _place_delay(name, headings, found)
    signals = [at for at, role in enumerate(found) if role in ("sc", "cc", "difference", "signal", None)]
    if found.count("delay") == 1 and len(signals) > 1:
        for at in quadratures([heading if found[at] != "delay" else "" for at, heading in enumerate(headings)]):
            if at not in places.values():
                found[at] = "quadrature"
    if len(headings) == 2 and found[1 - found.index("delay")] in (None, "perhaps delay"):
        found[1 - found.index("delay")] = "signal"
    _require_signal(name, headings, found)
    return found


def _place_delay(name: str, headings: Sequence[str], found: list[str | None]) -> None:
    """Leave one column as the delay. Raises TraceFileError if none or several could be it."""
    could = [at for at, role in enumerate(found) if role == "delay"]
    could = could or [at for at, role in enumerate(found) if role == "perhaps delay"]
    if not could and found[0] is None and not headings[0].strip():
        could = [0]
    if len(could) > 1:
        in_time = [at for at in could if split_heading(headings[at])[1] in ("fs", "ps", "ns")]  # not laboratory time
        could = in_time if len(in_time) == 1 else could
    if len(could) != 1:
        what = "several delay columns" if could else "no delay column"
        ask = " or ".join(f"--map delay={headings[at]!r}" for at in could) or "--map delay=HEADING, or by its number"
        if len({headings[at] for at in could}) == 1:
            raise TraceFileError(
                name,
                f"{len(could)} columns {headings[could[0]]!r} that differ",
                "Put SC and CC, each with its own delays, into two files (--sc, --cc).",
            )
        raise TraceFileError(
            name,
            f"{what} among the headings {_listed(headings)}",
            f"{_EXPECTED} Or say which it is: {ask}{_AS_MAPS if len(headings) > _SHOWN else ''}.",
        )
    for at, role in enumerate(found):
        if role in ("delay", "perhaps delay"):
            found[at] = "signal" if plain(headings[at]) == "x" else None  # the X of a lock-in amplifier
    found[could[0]] = "delay"


def _require_signal(name: str, headings: Sequence[str], found: Sequence[str | None]) -> None:
    """Refuse columns of wavelengths, of which nothing says which is meant."""
    if any(role in ("sc", "cc", "difference", "signal") for role in found):
        return
    waves = [heading for heading, role in zip(headings, found, strict=True) if role is None and wavelength_of(heading)]
    if waves:
        raise TraceFileError(
            name,
            f"its columns are headed by wavelengths ({', '.join(waves[:4])}{', ...' if len(waves) > 4 else ''})",
            f"Say which one is the signal: --map signal={waves[0]}{_AS_MAPS if len(waves) > 2 else ''}.",
        )


def _require_scans(name: str, role: str, headings: Sequence[str], asked: Sequence[str]) -> None:
    """Refuse several columns of one role that are not said to be scans of it; `asked`: how each can be mapped."""
    shown = ", ".join(map(repr, headings))
    if len({wavelength_of(heading) for heading in headings} - {None}) > 1:
        raise TraceFileError(
            name,
            f"its columns {shown} are at several wavelengths",
            f"Say which one is meant: --map {role}={asked[0]}.",
        )
    if are_scans(headings, by_number=role != "signal"):
        return
    if role == "signal":
        raise TraceFileError(
            name,
            f"its columns {shown} do not say which is SC and which CC, or whether they are scans of one",
            f"Say so: --map sc={asked[0]} --map cc={asked[1]}, or the other way round; for one signal "
            f"--map signal={asked[0]}.",
        )
    raise TraceFileError(
        name, f"its columns {shown} could all be the {role}", f"Say which one: --map {role}={asked[0]}."
    )


def _below_wavelengths(name: str, values: Array, *, named: bool) -> Array:
    """Values (t, columns) without a first row of wavelengths. TraceFileError if the columns below it were not named."""
    first, rest = values[0], values[1:]
    if len(values) < 3 or not (np.isnan(first[0]) or first[0] == 0.0) or not np.isfinite(first[1:]).all():
        return values
    inside = (first[1:] >= 100.0) & (first[1:] <= 20_000.0)
    largest = np.nanmax(np.abs(np.where(np.isfinite(rest[:, 1:]), rest[:, 1:], 0.0)))
    if not inside.all() or first[1:].min() <= 20.0 * largest:
        return values
    if not named:
        shown = ", ".join(f"{value:g}" for value in first[1:5])
        raise TraceFileError(
            name,
            f"its first row reads like wavelengths ({shown})",
            f"Say which column is what by its number (--map signal=2){_AS_MAPS if len(first) > 3 else ''}.",
        )
    return rest


def without_placeholders(name: str, values: Array) -> tuple[Array, list[str]]:
    """Values (rows, columns) without what stands for an overflow or a missing reading, and a note of it."""
    size = np.abs(values)
    bad = np.isfinite(values) & (size >= _OVERFLOW)
    usual = np.where(np.isfinite(values) & ~np.isin(size, _PLACEHOLDERS) & ~bad, size, 0.0)
    bad |= np.isin(size, _PLACEHOLDERS) & (size > 20.0 * usual.max(axis=0)) & (np.arange(values.shape[1]) > 0)
    if not bad.any():
        return values, []
    shown = ", ".join(dict.fromkeys(f"{value:g}" for value in values[bad]))
    return np.where(bad, np.nan, values), [f"{int(bad.sum())} cells of {name} hold {shown}: taken as missing."]


def unmeasured(delay: Array, signals: Array) -> NDArray[np.bool_]:
    """Delays (t,) of a scan that was ended early and written on as zeros: every signal (k, t) falls from a fifth of its
    largest value or more to exactly 0, for three delays or more."""
    zero, size = (signals == 0.0).all(axis=0), np.abs(np.nan_to_num(signals)).max(axis=0)
    found = np.zeros(len(delay), dtype=bool)
    for first in np.flatnonzero(zero[1:] & ~zero[:-1] & (size[:-1] > 0.2 * size.max())) + 1:
        after = np.flatnonzero(~zero[first:] | (np.diff(delay[first - 1 :]) <= 0.0))
        last = first + int(after[0]) if after.size else len(delay)
        found[first:last] = last - first >= 3
    return found


def mean_over(values: Array, axis: int) -> Array:
    """Mean of the finite values along an axis, shape of `values` without it; NaN where there are none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=axis)
    total = np.where(finite, values, 0.0).sum(axis=axis)
    mean: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean

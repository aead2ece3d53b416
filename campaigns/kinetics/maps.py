"""A wavelength x delay map of one polarisation, as transient-absorption software exports it; and its chirp: time zero
differs over the wavelengths, as the colours of the probe arrive one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from campaigns.errors import AxisError, DelayMismatchError, KineticsError, ProbeWindowError, TraceFileError, UnitError
from campaigns.kinetics.columns import (
    SourceFile,
    as_trace_error,
    mean_over,
    one_unit,
    read_text,
    said_unit,
    unmeasured,
    without_placeholders,
)
from campaigns.kinetics.layouts import long_map_text, matrix_text
from campaigns.kinetics.trace import DOUBLE_PASS, MIN_DELAYS, DelayUnit, Trace, are_same, shared_delays
from chemspace.errors import TableError
from chemspace.tables.cells import bad_cell, is_missing, to_number
from chemspace.tables.columns import declared_columns
from chemspace.tables.numbers import Dialect, is_numeric, sniff, split_line

Array = NDArray[np.float64]

_LAYOUT = "A map has the delays in its first row and a wavelength (nm) at the start of every other row."
_LONG = "Or one reading a row, headed delay_ps, wavelength_nm and signal."
_APART = "If its axes stand in files of their own, name them: --map delay=FILE --map wavelength=FILE."
_AXES = "--map delay=FILE --map wavelength=FILE"
#: TIMP's layout: which axis stands in the first row, and how many numbers that row has.
_EXPLICIT = re.compile(
    r"^[ \t]*(time|wavelength)\s+explicit\b[^\n]*\n\s*interval\s*nr\D*(\d+)[ \t]*\n", re.IGNORECASE | re.MULTILINE
)
_WAVENUMBER = re.compile(
    r"\bcm\s*(?:\^\s*)?[-\u2212]\s*1|cm\u207b\u00b9|1\s*/\s*cm\b|wave\s*number|wellenzahl|nombre d.onde", re.IGNORECASE
)
#: A scan that was ended early counts if it has this share of the delays.
_ENOUGH_DELAYS = 0.5
#: SC and CC maps are subtracted at the delays they share, if these are so many of the shorter one's.
_ENOUGH_SHARED = 0.8
#: Probe wavelengths a transient-absorption spectrometer can have, nm: vacuum ultraviolet to mid infrared.
_WAVELENGTHS_NM = (100.0, 20_000.0)
#: From here on they are rather wavenumbers (cm^-1) of visible light.
_WAVENUMBERS = 12_000.0


@dataclass(frozen=True, slots=True, eq=False)
class TransientMap:
    """Signal against wavelength and delay. Letters: w wavelengths, t delays."""

    wavelength_nm: Array  #: ascending, shape (w,), nm
    delay_ps: Array  #: ascending, shape (t,), ps
    signal: Array  #: mean over the scans, shape (w, t); NaN where no scan has a value
    n_scans: int  #: how many scans were averaged
    sources: tuple[SourceFile, ...]  #: the files
    notes: tuple[str, ...]  #: what was done on the way in
    unit: str = ""  #: of the signal, or its power of ten, as the file says it; "" where it says none


def read_map(
    paths: str | Path | Sequence[str | Path],
    *,
    delay_unit: str | None = None,
    passes: int = DOUBLE_PASS,
    axes: Mapping[str, str] | None = None,
) -> TransientMap:
    """Read a map from one file or from one file per scan; a file may hold several scans one below the other.

    First row delays, first column wavelengths; a map the other way round is recognised and turned, and TIMP's
    "time explicit" and "wavelength explicit" files, which have no corner cell, are read. Text above, between and below
    the blocks is skipped, columns without a delay (an aborted scan) are dropped; a scan that ended earlier counts at
    the delays it has.

    Args:
        paths: one file, or the files of several scans.
        delay_unit: unit of the delays, one of fs, ps, ns, us, s, or of positions of the stage, um or mm; None takes
            what the file says, or ps.
        passes: times that light passes along the travel of the stage, for um and mm.
        axes: names of the files "delay" and "wavelength" beside a matrix that has no axes of its own.

    Raises:
        TraceFileError: if a file is no map; names the row.
        AxisError: if scans differ in their wavelengths or delays.
        UnitError: for delays no delay line has, or a first column that is not in nm.
    """
    files = [paths] if isinstance(paths, str | Path) else list(paths)
    if not files:
        raise AxisError("no map file was given")
    scans: list[Scan] = []
    sources, notes = [], []
    for path in files:
        text, source = read_text(path)
        text = _with_axes(Path(path), text, axes) if axes else text
        with as_trace_error():
            text = long_map_text(str(path), text)
        found, found_notes = _scans(str(path), text, DelayUnit(delay_unit, passes))
        scans += found
        sources.append(source)
        notes += found_notes
    whole = max(scans, key=lambda scan: len(scan.delay_ps))
    signal = mean_over(np.stack([_on_axes_of(whole, scan) for scan in scans]), axis=0)
    rows, columns = (np.argsort(axis, kind="stable") for axis in (whole.wavelength_nm, whole.delay_ps))
    if len(scans) > 1:
        notes.append(f"{len(scans)} scans were averaged.")
    return TransientMap(
        whole.wavelength_nm[rows],
        whole.delay_ps[columns],
        signal[np.ix_(rows, columns)],
        len(scans),
        tuple(sources),
        tuple(notes),
        one_unit(whole.name, [scan.unit for scan in scans]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One scan of a file: wavelengths (w,) and delays (t,) in the file's order, signal (w, t)."""

    name: str
    wavelength_nm: Array
    delay_ps: Array
    signal: Array
    unit: str


def _on_axes_of(whole: Scan, scan: Scan) -> Array:
    """The signal of a scan on another's axes, NaN where it has no delay. Raises AxisError for other wavelengths."""
    _require_same(whole.name, whole.wavelength_nm, scan.name, scan.wavelength_nm, "wavelengths", "nm")
    if are_same(whole.delay_ps, scan.delay_ps):
        return scan.signal
    n = len(scan.delay_ps)
    if len(whole.delay_ps) > n >= _ENOUGH_DELAYS * len(whole.delay_ps) and are_same(whole.delay_ps[:n], scan.delay_ps):
        return np.pad(scan.signal, ((0, 0), (0, len(whole.delay_ps) - n)), constant_values=np.nan)
    _require_same(whole.name, whole.delay_ps, scan.name, scan.delay_ps, "delays", "ps")
    return scan.signal


def _scans(name: str, text: str, unit: DelayUnit) -> tuple[list[Scan], list[str]]:
    """Each scan of a file."""
    explicit, lines = _with_corner(text)
    with as_trace_error():
        dialect = sniff(name, lines)
    words = [line for line in lines if not is_numeric(split_line(line, dialect), dialect)]
    found: list[Scan] = []
    notes: list[str] = []
    for corner, block in _blocks(name, lines, dialect):
        block, found_notes = without_placeholders(name, block)
        notes += found_notes
        delay, wavelength, signal = block[0, 1:], block[1:, 0], block[1:, 1:]
        if _is_turned(delay, wavelength) if explicit is None else explicit == "wavelength":
            delay, wavelength, signal = wavelength, delay, signal.T
            notes.append(f"{name} has wavelengths in its first row and delays in its first column: it was turned.")
        if _WAVENUMBER.search("\n".join((corner, *words))):
            wavelength = 1e7 / wavelength
            notes.append(f"Wavenumbers of {name} in 1/cm became wavelengths in nm.")
        _require_nm(name, wavelength)
        in_ps, unit_notes = unit.to_ps(delay, name, corner, words)
        keep, rows = np.isfinite(in_ps) & ~unmeasured(in_ps, signal), np.isfinite(wavelength)
        found.append(Scan(name, wavelength[rows], in_ps[keep], signal[np.ix_(rows, keep)], said_unit((corner, *words))))
        notes += unit_notes
    return found, list(dict.fromkeys(notes))


def _with_axes(path: Path, text: str, axes: Mapping[str, str]) -> str:
    """A matrix with the axes that stand in files beside it."""
    name, held = str(path), {}
    with as_trace_error():
        declared_columns(name, list(axes.values()), ("delay", "wavelength"), axes)
        for axis in ("delay", "wavelength"):
            file = axes.get(axis, "")
            if not file or file != Path(file).name:  # an upload must not name another file of the server
                raise TableError(name, "needs the files of both axes", right=f"They stand beside the map: {_AXES}.")
            held[axis] = [value for row in _rows_of_numbers(read_text(path.parent / file)[0]) for value in row]
        return matrix_text(name, _rows_of_numbers(text), held["delay"], held["wavelength"])


def _rows_of_numbers(text: str) -> list[list[float]]:
    """The numbers of each line that holds nothing else."""
    lines = [re.split(r"[\s,;]+", line.strip(" \t,;")) for line in text.split("\n") if line.strip()]
    rows = [[to_number(cell, ".") for cell in cells] for cells in lines]
    return [[value for value in row if value is not None] for row in rows if None not in row]


def _with_corner(text: str) -> tuple[str | None, list[str]]:
    """Lines of a map with its corner cell, "time" or "wavelength" where the file (TIMP, Glotaran) tells."""
    lines = text.split("\n")
    if found := _EXPLICIT.search(text):
        n, cells = int(found[2]), text[found.end() :].split()  # rows may be wrapped: only their length counts
        if all(to_number(cell, ".") is not None for cell in cells):
            rows = [["0", *cells[:n]], *(cells[at : at + n + 1] for at in range(n, len(cells), n + 1))]
            return found[1].lower(), [*text[: found.start()].split("\n"), *(" ".join(row) for row in rows)]
    filled = [(at, cells) for at, line in enumerate(lines) if (cells := line.split())]
    for (at, first), (_, second), (_, third) in zip(filled, filled[1:], filled[2:], strict=False):
        plain = all(to_number(cell, ".") is not None for cell in (*first, *second, *third))
        if plain and len(first) > 3 and len(second) == len(third) == len(first) + 1:
            return None, [*lines[:at], f"0 {lines[at]}", *lines[at + 1 :]]
    return None, lines


def _blocks(name: str, lines: list[str], dialect: Dialect) -> Iterator[tuple[str, Array]]:
    """Every scan of a file as the text of its corner cell and its numbers with both axes, shape (w + 1, t + 1)."""
    rows: list[list[float]] = []
    head: list[float] | None = None
    corner, n_found = "", 0
    stray: TraceFileError | None = None
    for number, line in enumerate(lines, 1):
        cells = split_line(line, dialect)
        while cells and is_missing(cells[-1]) and len(cells) > (len(head) if head else 2):
            cells.pop()
        values = _delay_row(cells, dialect)
        if values is not None and (head is None or np.array_equal(values, head, equal_nan=True)):
            if len(rows) > 1:
                n_found += 1
                yield corner, _block(name, rows)
            head, corner, rows, stray = values, cells[0], [values], None
            continue
        if head is None or not line.strip():
            continue
        if not is_numeric(cells, dialect) or len(cells) != len(head):
            if _looks_like_data(cells, dialect):
                raise _broken(name, number, cells, dialect, len(head))
            if is_numeric(cells, dialect):
                stray = _broken(name, number, cells, dialect, len(head))
            continue
        if stray is not None:  # rows that are wrapped over several lines
            raise stray
        rows.append([float("nan") if v is None else v for v in (to_number(c, dialect.decimal) for c in cells)])
    if len(rows) > 1:
        yield corner, _block(name, rows)
    elif not n_found:
        raise TraceFileError(name, "holds no map", f"{_LAYOUT} {_LONG}")


def _delay_row(cells: list[str], dialect: Dialect) -> list[float] | None:
    """Numbers of a row that can be a row of delays: at least three, whatever its corner cell holds."""
    if len(cells) < 4:
        return None
    values = [to_number(cell, dialect.decimal) for cell in cells[1:]]
    if any(v is None for v in values) or sum(v is not None and not isnan(v) for v in values) < 3:
        return None
    return [0.0, *(v for v in values if v is not None)]


def _looks_like_data(cells: list[str], dialect: Dialect) -> bool:
    """A row of three or more cells that begins with two numbers: data, not the text that software appends."""
    numbers = [to_number(cell, dialect.decimal) for cell in cells[:2]]
    return len(cells) > 2 and all(n is not None for n in numbers) and not isnan(numbers[0] or 0.0)


def _broken(name: str, number: int, cells: list[str], dialect: Dialect, width: int) -> TraceFileError:
    bad = next((at for at, cell in enumerate(cells) if to_number(cell, dialect.decimal) is None), None)
    if bad is not None:
        problem, right = bad_cell(cells[bad])
        return TraceFileError(name, f"{problem} (column {bad + 1})", right, row=number)
    return TraceFileError(name, f"{len(cells)} cells where the delay row has {width}", _LAYOUT, row=number)


def _block(name: str, rows: list[list[float]]) -> Array:
    block = np.array(rows, dtype=np.float64)
    if len(block) < 3:
        raise TraceFileError(name, f"a map of {len(block) - 1} wavelength", _LAYOUT)
    return block


def _is_turned(delay: Array, wavelength: Array) -> bool:
    """Whether the first row reads like wavelengths and the first column like delays."""
    low, high = _WAVELENGTHS_NM
    row, column = delay[np.isfinite(delay)], wavelength[np.isfinite(wavelength)]
    return bool(((row >= low) & (row <= high)).all() and (column < low).any())


def _require_nm(name: str, wavelength: Array) -> None:
    low, high = _WAVELENGTHS_NM
    finite = wavelength[np.isfinite(wavelength)]
    if finite.size < 2 or finite.min() < low or finite.max() > high or finite.min() > _WAVENUMBERS:
        span = f"{finite.min():g} to {finite.max():g}" if finite.size else "nothing"
        hint = " (photon energies in eV? nm = 1239.84 / eV)" if finite.size and finite.max() < 10.0 else ""
        if finite.size and finite.min() > _WAVENUMBERS:
            hint = " (wavenumbers? Write cm-1 into the corner cell)"
        raise UnitError(f"{name}: the first column holds {span}, not wavelengths in nm{hint}. {_LAYOUT} {_APART}")
    if len(np.unique(finite)) < len(finite):
        raise AxisError(f"{name}: a wavelength stands twice in the first column of one scan. {_LAYOUT}")


def _require_same(first: str, axis: Array, name: str, other: Array, what: str, unit: str) -> None:
    if _are_close(axis, other):
        return
    if axis.shape != other.shape:
        detail = f"{len(axis)} and {len(other)}"
    else:
        at = int(np.argmax(np.abs(axis - other)))
        detail = f"{axis[at]:g} and {other[at]:g} {unit} at position {at + 1}"
    raise AxisError(f"{first} and {name} differ in their {what} ({detail}): scans to average must share both axes")


#: Half the width of the window put around a found peak, nm, where no other is asked for.
HALF_WIDTH_NM = 2.5
#: A wavelength can be the peak only if its early signal is this many standard errors of its noise before time zero.
_MIN_SIGNIFICANCE = 5.0


@dataclass(frozen=True, slots=True)
class ProbeWindow:
    """Wavelengths averaged into a trace, nm. `peak_nm` is the photobleach peak, None where the window was given."""

    low_nm: float
    high_nm: float
    peak_nm: float | None = None


def trace_at(
    sc: TransientMap,
    cc: TransientMap,
    window_nm: tuple[float, float] | None = None,
    *,
    half_width_nm: float = HALF_WIDTH_NM,
) -> tuple[Trace, ProbeWindow]:
    """Average both maps over a probe window (lowest and highest wavelength, nm) into a trace; None takes the
    photobleach peak, with half the window around it. Raises DelayMismatchError if the maps differ in an axis,
    ProbeWindowError if no wavelength lies in the window or no peak is found."""
    sc, cc = paired(sc, cc)
    window = _found(sc, cc, half_width_nm) if window_nm is None else ProbeWindow(*sorted(window_nm))
    inside = (sc.wavelength_nm >= window.low_nm) & (sc.wavelength_nm <= window.high_nm)
    if not inside.any():
        raise ProbeWindowError(
            f"no wavelength lies between {window.low_nm:g} and {window.high_nm:g} nm: the map has "
            f"{len(sc.wavelength_nm)} from {sc.wavelength_nm[0]:g} to {sc.wavelength_nm[-1]:g} nm"
        )
    where = "" if window.peak_nm is None else f", around the photobleach peak at {window.peak_nm:.1f} nm"
    note = f"Probe window {window.low_nm:.1f} to {window.high_nm:.1f} nm ({int(inside.sum())} wavelengths){where}."
    trace = Trace.of(
        sc.delay_ps,
        sc=mean_over(sc.signal[inside], axis=0),
        cc=mean_over(cc.signal[inside], axis=0),
        sources=sc.sources + cc.sources,
        notes=(*dict.fromkeys((*sc.notes, *cc.notes)), note),
    )
    names = " and ".join(source.path for source in trace.sources)
    return replace(trace, unit=one_unit(names, (sc.unit, cc.unit))), window


def photobleach_peak(sc: TransientMap, cc: TransientMap) -> float:
    """Wavelength (nm) at which the population signal (SC + CC) / 2 is largest right after it appears. The baseline
    before the rise is subtracted, so that scattered pump light does not count, and a wavelength counts only where its
    signal stands out of its own noise there; a running median over three wavelengths removes single hot pixels. Raises
    ProbeWindowError if there are no delays before the rise, or no wavelength with a significant signal."""
    signal = mean_over(np.stack([sc.signal, cc.signal]), axis=0)
    n_before = _delays_before_rise(signal)
    baseline = mean_over(signal[:, :n_before], axis=1)
    noise = np.sqrt(mean_over((signal[:, :n_before] - baseline[:, None]) ** 2, axis=1) * n_before / (n_before - 1))
    n_early = max(3, n_before // 2)
    early = mean_over(signal[:, n_before + 1 : n_before + 1 + n_early], axis=1) - baseline
    height = np.abs(np.median(np.stack([np.r_[early[:1], early[:-1]], early, np.r_[early[1:], early[-1:]]]), axis=0))
    usable = np.isfinite(height) & np.isfinite(noise)
    # Few delays give an uncertain noise: a wavelength is not credited with less than the usual one.
    floor = float(np.median(noise[usable])) if usable.any() else 0.0
    stderr = np.maximum(noise, floor) * np.sqrt(1.0 / n_before + 1.0 / n_early)
    good = usable & (height > _MIN_SIGNIFICANCE * stderr)
    if not good.any():
        raise ProbeWindowError(
            "no wavelength has a signal that stands out of its noise: choose the probe window (window_nm, --window)"
        )
    return float(sc.wavelength_nm[int(np.argmax(np.where(good, height, -1.0)))])


def _found(sc: TransientMap, cc: TransientMap, half_width_nm: float) -> ProbeWindow:
    peak = photobleach_peak(sc, cc)
    nearest = float(np.abs(sc.wavelength_nm - peak).min())
    half = max(half_width_nm, nearest)
    return ProbeWindow(peak - half, peak + half, peak)


def _delays_before_rise(signal: Array) -> int:
    """How many delays lie before the rise: where the typical size over the wavelengths first passes half its range. The
    size at each delay is the 75th percentile over the wavelengths of the signal over its own noise, so that a few hot
    pixels do not carry it."""
    change = signal - np.nanmedian(np.where(np.isfinite(signal), signal, 0.0)[:, :3], axis=1, keepdims=True)
    filled = np.abs(np.where(np.isfinite(change), change, 0.0))
    size = np.quantile(filled, 0.75, axis=0)
    quiet = float(np.median(size[:3]))
    above = np.flatnonzero(size > quiet + 0.5 * (float(size.max()) - quiet))
    first = int(above[0]) if above.size else 0
    if first < 3:
        raise ProbeWindowError("fewer than three delays before the rise: choose the probe window (window_nm, --window)")
    return max(first - 1, 3) if first > 4 else first


def paired(sc: TransientMap, cc: TransientMap) -> tuple[TransientMap, TransientMap]:
    """Both maps on the delays that they share. DelayMismatchError for other wavelengths, or too few delays."""
    if sc.delay_ps.shape == cc.delay_ps.shape and np.array_equal(sc.delay_ps, cc.delay_ps):
        same = np.arange(len(sc.delay_ps))
        in_sc, in_cc = same, same
    else:
        in_sc, in_cc = shared_delays(sc.delay_ps, cc.delay_ps)
    enough = len(in_sc) >= max(3, _ENOUGH_SHARED * min(len(sc.delay_ps), len(cc.delay_ps)))
    for what, unit, a, b, fits in (
        ("wavelengths", "nm", sc.wavelength_nm, cc.wavelength_nm, _are_close(sc.wavelength_nm, cc.wavelength_nm)),
        ("delays", "ps", sc.delay_ps, cc.delay_ps, enough),
    ):
        if not fits:
            raise DelayMismatchError(
                f"the SC and CC maps differ in their {what} ({len(a)} from {a[0]:g} to {a[-1]:g} {unit}, {len(b)} from "
                f"{b[0]:g} to {b[-1]:g} {unit}): both must be measured on the same axes"
            )
    if len(in_sc) == len(sc.delay_ps) == len(cc.delay_ps) and np.array_equal(sc.delay_ps, cc.delay_ps):
        return sc, cc
    delay = (sc.delay_ps[in_sc] + cc.delay_ps[in_cc]) / 2
    note = f"{len(in_sc)} delays shared by the maps of SC ({len(sc.delay_ps)}) and CC ({len(cc.delay_ps)}) were used."
    return (
        replace(sc, delay_ps=delay, signal=sc.signal[:, in_sc], notes=(*sc.notes, note)),
        replace(cc, delay_ps=delay, signal=cc.signal[:, in_cc], notes=(*cc.notes, note)),
    )


def _are_close(first: Array, second: Array) -> bool:
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=1e-6, atol=1e-4))


#: Neighbouring wavelengths are averaged into so many groups, whose time zeros are fitted.
_GROUPS = 20
#: Order of the polynomial where none was asked for.
ORDER = 2
#: A zero so many times the usual distance off the polynomial is not followed (an artefact, a band that rises later).
_FAR = 4.0


@dataclass(frozen=True, slots=True)
class Chirp:
    """Time zero (ps) over the wavelengths of a map as a polynomial of the wavelength (nm), from `low_nm` to `high_nm`;
    `moved_to_ps` is that of all wavelengths of a map that was corrected, None of one that was not."""

    zero_ps: Polynomial
    low_nm: float
    high_nm: float
    moved_to_ps: float | None = None

    def at(self, wavelength_nm: Array | float) -> Array:
        """Time zero at wavelengths of any shape, ps; beyond the ends as at the ends."""
        return np.asarray(self.zero_ps(np.clip(wavelength_nm, self.low_nm, self.high_nm)), dtype=np.float64)

    def describe(self, window: ProbeWindow) -> str:
        """What it is, in words."""
        low, high, first, last = self.at(np.array([self.low_nm, self.high_nm, window.low_nm, window.high_nm]))
        done = f"left so (chirp {ORDER} corrects it)" if self.moved_to_ps is None else "corrected before averaging"
        return (
            f"Chirp: time zero runs from {low:+.2f} ps at {self.low_nm:.0f} nm to {high:+.2f} ps at {self.high_nm:.0f} "
            f"nm, by {abs(last - first):.2g} ps within the probe window; {done}."
        )


def straightened(
    sc: TransientMap,
    cc: TransientMap,
    asked: int | list[tuple[float, float]] | None = None,
    window_nm: tuple[float, float] | None = None,
) -> tuple[tuple[TransientMap, TransientMap], Chirp | None]:
    """SC and CC with one time zero, that of the probe window or else of the photobleach peak, where an order of the
    polynomial or points (nm, ps) that it goes through are asked for, and the chirp: None where nothing was asked and
    one time zero serves. Raises ProbeWindowError if an order is asked for and too few wavelengths have a signal."""
    chirp = _drawn(asked) if isinstance(asked, list) else _followed(sc, cc, asked)
    if chirp is None or asked is None:
        return (sc, cc), chirp
    zero = float(chirp.at(photobleach_peak(sc, cc) if window_nm is None else sum(window_nm) / 2.0))
    return (_moved(sc, chirp, zero), _moved(cc, chirp, zero)), replace(chirp, moved_to_ps=zero)


def _followed(sc: TransientMap, cc: TransientMap, order: int | None = None) -> Chirp | None:
    """The polynomial through the population's time zeros; None without an order where one zero serves as well."""
    from campaigns.kinetics.fit import TAKEN_UP  # brings SciPy, which reading a map needs not

    wavelength, zero, error = _zeros(sc, cc)
    line: Polynomial | None = None
    near = np.ones(len(zero), dtype=bool)
    for _ in range(3):
        if near.sum() < (order or ORDER) + 3:
            break
        line = Polynomial.fit(wavelength[near], zero[near], order or ORDER, w=1.0 / error[near])
        off = np.abs(zero - line(wavelength)) / error
        near = off <= _FAR * max(1.0, 1.4826 * float(np.median(off)))
    if line is None:
        if order is None:
            return None
        raise ProbeWindowError(
            f"{len(zero)} groups of wavelengths show a time zero, too few for a polynomial of order {order}: give "
            "points of the chirp, as 500:-0.2; 550:0.1"
        )
    chirp = Chirp(line, float(wavelength[near].min()), float(wavelength[near].max()))
    if order is None:
        weight = error[near] ** -2.0
        level = float(weight @ zero[near] / weight.sum())
        left = [float(weight @ (zero[near] - curve) ** 2) for curve in (level, line(wavelength[near]))]
        if near.sum() * np.log(max(left[0], 1e-300) / max(left[1], 1e-300)) < TAKEN_UP + 2.0 * ORDER:
            return None
    return chirp


def _drawn(points: list[tuple[float, float]]) -> Chirp:
    """The polynomial through points (nm, ps) that were given, of order 3 where there are more than four."""
    wavelength, zero = np.array(points).T
    line = Polynomial.fit(wavelength, zero, min(len(points) - 1, 3))
    return Chirp(line, float(wavelength.min()), float(wavelength.max()))


def _moved(measured: TransientMap, chirp: Chirp, zero_ps: float) -> TransientMap:
    """The map with its time zero at `zero_ps` everywhere, by a cubic spline, which keeps neighbours' noise apart."""
    from scipy.interpolate import CubicSpline

    delay, scan = np.unique(measured.delay_ps, return_inverse=True)
    values = np.array([mean_over(measured.signal[:, scan == at], axis=1) for at in range(len(delay))]).T
    signal = np.full_like(values, np.nan)
    for row, shift, known in zip(signal, chirp.at(measured.wavelength_nm) - zero_ps, values, strict=True):
        if (there := np.isfinite(known)).sum() >= MIN_DELAYS:
            row[there] = CubicSpline(delay[there], known[there], extrapolate=False)(delay[there] + shift)
    return replace(measured, delay_ps=delay, signal=signal)


def _zeros(sc: TransientMap, cc: TransientMap) -> tuple[Array, Array, Array]:
    """Wavelength (nm), time zero (ps) and its standard error (ps) of each group of wavelengths that shows one."""
    from campaigns.kinetics.fit import problem_of
    from campaigns.kinetics.model import Model
    from campaigns.kinetics.select import MAX_SIGNAL_P, best_exponential, signal_p_value
    from campaigns.kinetics.solve import Width

    population = mean_over(np.stack([sc.signal, cc.signal]), axis=0)
    found = []
    for group in np.array_split(np.arange(len(sc.wavelength_nm)), min(_GROUPS, len(sc.wavelength_nm))):
        try:
            trace = Trace.of(sc.delay_ps, difference=mean_over(population[group], axis=0))
            problem, _ = problem_of(trace, Width(), None)
        except KineticsError:
            continue
        fit = best_exponential(problem.with_model(Model("exponential", ("offset",))))
        stderr = float(fit.stderr[0])
        if 0.0 < stderr < np.inf and signal_p_value(fit) <= MAX_SIGNAL_P:
            found.append((float(sc.wavelength_nm[group].mean()), float(fit.theta[0]), stderr))
    wavelength, zero, error = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return wavelength, zero, error

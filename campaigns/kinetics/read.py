"""Trace files: one with delay, SC and CC, or two with one polarisation each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.columns import Columns, columns_of
from campaigns.kinetics.errors import DelayMismatchError, KineticsError, TraceFileError
from campaigns.kinetics.table import parse_table
from campaigns.kinetics.text import read_text
from campaigns.kinetics.trace import MIN_DELAYS, SourceFile, Trace
from campaigns.kinetics.units import to_ps

__all__ = ["read_trace", "read_traces"]

Array = NDArray[np.float64]

#: Two delay stages agree to this (ps): 0.1 fs is 15 nm of stage, finer than any encoder.
_SAME_DELAY_PS = 1e-4
#: Files whose delays differ are still subtracted at the delays they share, if these are so many of the shorter file's.
_ENOUGH_SHARED = 0.8


def read_trace(path: str | Path, *, delay_unit: str | None = None) -> Trace:
    """Read one file with the columns delay_ps, sc, cc, or delay_ps and the difference.

    Separators (comma, semicolon, tab, blanks), decimal commas, UTF-8, UTF-16 and Windows text, headings with units
    ("Time (fs)"), several columns of one polarisation (scans), NaNs and text around the numbers are understood.

    Args:
        path: the file.
        delay_unit: unit of the delays, one of fs, ps, ns, us, s; None takes the heading's, or ps.

    Raises:
        TraceFileError: if the file is no such table; names the row.
        UnitError: if the delays cannot be in their unit.
        TooFewDelaysError: if fewer than 12 delays are usable.
    """
    columns, delay, source, notes = _read(path, delay_unit)
    roles = columns.by_role
    if "sc" in roles and "cc" in roles:
        return Trace.of(delay, sc=roles["sc"], cc=roles["cc"], sources=(source,), notes=notes)
    if "difference" in roles:
        return Trace.of(delay, difference=roles["difference"], sources=(source,), notes=notes)
    if set(roles) == {"delay", "signal"}:
        note = f"{path} has one signal column: taken as the difference SC - CC."
        return Trace.of(delay, difference=roles["signal"], sources=(source,), notes=(*notes, note))
    missing = "cc" if "sc" in roles else "sc" if "cc" in roles else "sc and cc"
    raise TraceFileError(
        str(path), f"has no column for {missing}", "Head the columns delay_ps, sc, cc, or give two files (--sc, --cc)."
    )


def read_traces(sc: str | Path, cc: str | Path, *, delay_unit: str | None = None) -> Trace:
    """Read two files of two columns, delay and signal: the same-circular and the counter-circular trace.

    Raises:
        DelayMismatchError: if they were measured at different delays.
        KineticsError: if both files hold the same bytes; others as `read_trace`.
    """
    sc_columns, sc_delay, sc_source, sc_notes = _read(sc, delay_unit)
    cc_columns, cc_delay, cc_source, cc_notes = _read(cc, delay_unit)
    if sc_source.sha256 == cc_source.sha256:
        raise KineticsError(f"{sc} and {cc} hold the same bytes: their difference is zero. Give the other file for one")
    same, counter = _one_signal(sc, sc_columns, "sc"), _one_signal(cc, cc_columns, "cc")
    notes, sources = (*sc_notes, *cc_notes), (sc_source, cc_source)
    if sc_delay.shape == cc_delay.shape and np.allclose(
        sc_delay, cc_delay, rtol=0.0, atol=_SAME_DELAY_PS, equal_nan=True
    ):
        return Trace.of(sc_delay, sc=same, cc=counter, sources=sources, notes=notes)
    delay, same, counter, note = _shared(str(sc), sc_delay, same, str(cc), cc_delay, counter)
    return Trace.of(delay, sc=same, cc=counter, sources=sources, notes=(*notes, note))


def _read(path: str | Path, delay_unit: str | None) -> tuple[Columns, Array, SourceFile, tuple[str, ...]]:
    text, source = read_text(path)
    columns = columns_of(str(path), parse_table(str(path), text))
    delay, notes = to_ps(columns.by_role["delay"], str(path), columns.unit, delay_unit)
    return columns, delay, source, (*columns.notes, *notes)


def _one_signal(path: str | Path, columns: Columns, wanted: str) -> Array:
    """The signal of a file of one polarisation; one that holds both gives the wanted one."""
    roles = {role: values for role, values in columns.by_role.items() if role != "delay"}
    if wanted in roles:
        return roles[wanted]
    if len(roles) == 1 and "difference" not in roles:
        return next(iter(roles.values()))
    raise TraceFileError(
        str(path),
        f"{'no' if not roles else 'more than one'} signal column ({', '.join(roles) or 'delays only'})",
        "A file for --sc or --cc has two columns, delay_ps and signal; a file with both is read with --trace.",
    )


def _shared(
    sc_name: str, sc_delay: Array, same: Array, cc_name: str, cc_delay: Array, counter: Array
) -> tuple[Array, Array, Array, str]:
    """Both signals at the delays the two files share, repeated delays averaged."""
    (sc_at, sc_mean), (cc_at, cc_mean) = _averaged(sc_delay, same), _averaged(cc_delay, counter)
    shared, in_sc, in_cc = np.intersect1d(sc_at, cc_at, assume_unique=True, return_indices=True)
    if len(shared) < max(MIN_DELAYS, _ENOUGH_SHARED * min(len(sc_at), len(cc_at))):
        first = next((float(d) for d in sc_at if d not in cc_at), float(cc_at[0])) * _SAME_DELAY_PS
        raise DelayMismatchError(
            f"{sc_name} and {cc_name} share {len(shared)} of {len(sc_at)} and {len(cc_at)} delays ({first:g} ps is in "
            "one of them only): measure SC and CC on the same delays; interpolated differences are not fitted"
        )
    note = f"{len(shared)} delays shared by {sc_name} ({len(sc_at)}) and {cc_name} ({len(cc_at)}) were used."
    return np.asarray(shared * _SAME_DELAY_PS, dtype=np.float64), sc_mean[in_sc], cc_mean[in_cc], note


def _averaged(delay: Array, signal: Array) -> tuple[NDArray[np.int64], Array]:
    """Different delays in steps of `_SAME_DELAY_PS`, and the mean of the finite signals at each."""
    finite = np.isfinite(delay) & np.isfinite(signal)
    steps, inverse, count = np.unique(
        np.round(delay[finite] / _SAME_DELAY_PS).astype(np.int64), return_inverse=True, return_counts=True
    )
    return steps, np.bincount(inverse, weights=signal[finite]) / count

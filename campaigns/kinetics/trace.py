"""A transient trace: the difference SC - CC against delay, with its parts and where they came from; and delays in ps:
units of time, positions of a stage, values that no delay line has, two readings of one stage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from campaigns.errors import (
    AxisError,
    DelayMismatchError,
    KineticsError,
    TooFewDelaysError,
    TraceFileError,
    UnitError,
)
from campaigns.kinetics.columns import Columns, SourceFile, one_unit, read_columns, repeat_each_other
from campaigns.kinetics.layouts import role_of
from chemspace.tables.cells import LENGTH_UNITS, TIME_UNITS, length_of, split_heading, unit_of, unit_text

#: Fewer delays than this cannot carry time zero, response, lifetime, amplitude and offset and leave residuals.
MIN_DELAYS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One measured trace, sorted by delay, without NaNs. Letters: t delays."""

    #: Delays, shape (t,), ps, ascending (equal delays are repeated scans and are all kept).
    delay_ps: NDArray[np.float64]
    signal: NDArray[np.float64]  #: SC - CC at each delay, shape (t,), in the unit of the file
    #: Same-circular signal, shape (t,), or None where only the difference was measured.
    sc: NDArray[np.float64] | None = None
    cc: NDArray[np.float64] | None = None  #: counter-circular signal, shape (t,), or None
    sources: tuple[SourceFile, ...] = ()  #: the files the numbers came from
    notes: tuple[str, ...] = field(default=())  #: what was done to the data on the way in, one sentence each
    unit: str = ""  #: of the signals, as the file says it; "" where it says none
    #: Standard deviation of each SC - CC as the files say it, shape (t,), same unit; None where they do not.
    error: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        delay_ps: ArrayLike,
        *,
        sc: ArrayLike | None = None,
        cc: ArrayLike | None = None,
        difference: ArrayLike | None = None,
        error: ArrayLike | None = None,
        sources: tuple[SourceFile, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> Trace:
        """Build a trace from arrays in any order, with NaNs: sorted, NaNs dropped, the difference taken.

        Args:
            delay_ps: delays, shape (t,), ps.
            sc: same-circular signal, shape (t,); given together with `cc`.
            cc: counter-circular signal, shape (t,).
            difference: SC - CC, shape (t,), where only it was measured.
            error: standard deviation of SC - CC, shape (t,), which weighs the delays; None weighs all alike.
            sources: the files the numbers came from.
            notes: what was done before.

        Raises:
            AxisError: if the arrays differ in length, neither SC and CC nor a difference is given, or errors are not
                positive.
            TooFewDelaysError: if fewer than 12 delays remain after dropping NaNs.
        """
        parts = {"sc": sc, "cc": cc, "difference": difference, "error": error}
        given = {name: np.asarray(each, dtype=np.float64).ravel() for name, each in parts.items() if each is not None}
        if given.keys() - {"error"} not in ({"sc", "cc"}, {"difference"}):
            raise AxisError("a trace is either SC and CC, or their difference: give sc= and cc=, or difference=")
        arrays = [np.asarray(delay_ps, dtype=np.float64).ravel(), *given.values()]
        if len({len(array) for array in arrays}) != 1:
            raise AxisError(f"delay and signals differ in length: {', '.join(str(len(array)) for array in arrays)}")
        columns = np.vstack(arrays)
        kept, found = _clean(columns)
        if kept.shape[1] < MIN_DELAYS:
            raise TooFewDelaysError(
                f"{_where(sources)}{kept.shape[1]} usable delays of {columns.shape[1]} "
                f"({columns.shape[1] - kept.shape[1]} with NaN); a fit needs at least {MIN_DELAYS}"
            )
        delay, rows = _frozen(kept[0]), dict(zip(given, map(_frozen, kept[1:]), strict=True))
        if "error" in rows and not rows["error"].min() > 0.0:
            raise AxisError(f"{_where(sources)}an error of {rows['error'].min():g}: errors of SC - CC are positive")
        signal = rows["difference"] if "difference" in rows else _frozen(rows["sc"] - rows["cc"])
        return cls(delay, signal, rows.get("sc"), rows.get("cc"), sources, notes + found, error=rows.get("error"))

    def __len__(self) -> int:
        return len(self.delay_ps)

    @property
    def beside(self) -> dict[str, NDArray[np.float64]]:
        """What may stand in SC - CC at each delay beside the spin, shape (t,) each: "drift", how much of the scan was
        over, from -1/2 to 1/2, and, where both parts are known, "sum", (SC + CC) / 2."""
        drift = {"drift": np.linspace(-0.5, 0.5, len(self))}
        return drift if self.sc is None or self.cc is None else {**drift, "sum": 0.5 * (self.sc + self.cc)}

    @property
    def parts(self) -> dict[str, NDArray[np.float64]]:
        """The arrays, shape (t,) each, that `of` makes it from."""
        whole = {"difference": self.signal} if self.sc is None or self.cc is None else {"sc": self.sc, "cc": self.cc}
        return whole if self.error is None else {**whole, "error": self.error}

    def without(self, low_ps: float, high_ps: float) -> Trace:
        """The trace with the delays from `low_ps` to `high_ps` left out, for a coherent spike around time zero."""
        keep = (self.delay_ps < low_ps) | (self.delay_ps > high_ps)
        note = f"{int((~keep).sum())} delays from {low_ps:g} to {high_ps:g} ps were left out as asked."
        kept = {name: values[keep] for name, values in self.parts.items()}
        left = Trace.of(self.delay_ps[keep], **kept, sources=self.sources, notes=(*self.notes, note))
        return replace(left, unit=self.unit)


def _clean(columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Finite columns in ascending delay, and notes on what that took."""
    finite = np.isfinite(columns).all(axis=0)
    kept, notes = columns[:, finite], []
    if dropped := int((~finite).sum()):
        notes.append(f"{dropped} of {columns.shape[1]} delays held NaN or infinity and were left out.")
    step = np.diff(kept[0])
    if (step < 0).any():
        first = int(np.argmax(step < 0))
        notes.append(
            f"Delays were not ascending ({kept[0, first]:g} ps is followed by {kept[0, first + 1]:g} ps): sorted."
        )
        kept = kept[:, np.argsort(kept[0], kind="stable")]
    if repeated := int((np.diff(kept[0]) == 0).sum()):
        notes.append(f"{repeated} delays are repeated: taken as further scans, every point is fitted.")
    return kept, tuple(notes)


def _frozen(values: NDArray[np.float64]) -> NDArray[np.float64]:
    copy = np.array(values)
    copy.setflags(write=False)
    return copy


def _where(sources: tuple[SourceFile, ...]) -> str:
    return f"{', '.join(s.path for s in sources)}: " if sources else ""


Array = NDArray[np.float64]

#: What `--delay-unit` takes.
DELAY_UNITS = (*TIME_UNITS, *LENGTH_UNITS)
#: Times that light passes along the travel of a stage: there and back.
DOUBLE_PASS = 2
#: Picoseconds that light takes for a millimetre of vacuum; c = 299,792,458 m/s by definition of the metre.
_PS_PER_MM = 1e9 / 299_792_458.0
#: Light passes a delay stage there and back: 20 ns is 3 m of stage, longer than any. Less than 0.1 ps in all, about the
#: length of a pulse, holds no rise and no decay.
LONGEST_PS, SHORTEST_PS = 20_000.0, 0.1
#: Delays that name no unit and whose finest step (ps) is the first or more may be in fs: hardly a scan of a femtosecond
#: laser is so coarse. None resolves a pulse with steps of the second.
_COARSE_PS, _COARSEST_PS = 1.0, 5.0
#: Two delay stages agree to this (ps): 0.1 fs is 15 nm of stage, finer than any encoder.
SAME_DELAY_PS = 1e-4
#: Read-back positions scatter by up to this share of the finest step; their mean differs by less than the second.
_JITTER, _BIAS = 0.1, 0.02

#: A step of a delay line is chosen to two significant digits, to this precision.
_ROUND = 2e-4
_METADATA = re.compile(
    r"^[#%/!\s\"']*(?:time|delay|zeit|temps|tiempo|tempo)[^:=;,\t\d]{0,15}?(?:units?|einheit|unit[ée]s?|unidad\w*|unit[àa])"
    r"[\"']?\s*[:=;,\t]\s*[\"']?\s*([^\s\"';,\t][^\"';,\t]*)",
    re.IGNORECASE,
)
#: A line without numbers that says a unit of delays in other words: "Delays in fs", "x axis: fs", "Units: fs; mOD".
_LOOSE = re.compile(
    r"(?=\D*$)(?=.*(?i:time|delay|zeit|verz[oö]|temps|d[ée]lai|retard|tiempo|tempo|\bx\b|ax[ie]s|achse|units?\b|einheit"
    r"|unit[àaé]|unidad|単位|单位|時間|时间|遅延|延迟))(?!.*(?i:integr|expos|const|dwell|acqui|puls|dura|wait|sett|elapsed"
    r"|total|start|stop|end\b|lifetime|tau|resol|respon|fwhm|jitter|step|sampl|repet|gate))"
    r".*?(?:^|[\s(\[/:=;,.])(fs|ps|ns|[uµ]s|(?<=[(\[/:=;])s|(?<=[:=] )s|(?i:(?:femto|pi[ck]o|nano|mi[ck]ro)se[ck]\w*))"
    r"(?=[\s)\];,.\"']|$)"
)
#: A unit of time where no unit stands ("fs delay", "delayfs", "Delay <fs>"), and a multiple of one.
_ANYWHERE = re.compile(r"(?:(?<![^\W_])|(?<=delay)|(?<=time))(fs|ps|ns)(?![^\W_])", re.IGNORECASE)
_MULTIPLE = re.compile(r"[(\[/,]\s*[x\u00d7*]?\s*[\d.]+(?:\s*\^?\s*-?\s*\d+)?\s*(?:fs|ps|ns)(?![^\W_])", re.IGNORECASE)
#: A factor beside a unit: "Delay x10^3 (fs)", "Delay (fs) * 1e-3", "10\u00b3 Delay (fs)".
_FACTOR = re.compile(
    r"(?<![^\W_])[x\u00d7\u00b7*]\s*1(?:0|e)|10\s*(?:\^|\*\*|[\u207b\u2070\u00b9\u00b2\u00b3\u2074-\u2079])",
    re.IGNORECASE,
)
#: Words in the place of a unit that are none.
_NO_UNIT = re.compile(
    r"corr\w*|t0[\s\w-]*|rel\w*|pump[\s-]*probe|stage|shift\w*|delay|nominal|set|actual|read\w*|raw|time|probe|axis|x|t",
    re.IGNORECASE,
)

#: Files whose delays differ are still subtracted at the delays they share, if these are so many of the shorter file's.
_ENOUGH_SHARED = 0.8


def read_trace(
    path: str | Path,
    *,
    delay_unit: str | None = None,
    passes: int = DOUBLE_PASS,
    columns: Mapping[str, str] | None = None,
) -> Trace:
    """Read one file with the columns delay_ps, sc, cc, or delay_ps and the difference.

    Separators (comma, semicolon, tab, blanks), decimal commas, UTF-8, UTF-16 and Windows text, headings with units
    ("Time (fs)"), several columns of one polarisation (scans), NaNs and text around the numbers are understood.

    Args:
        path: the file.
        delay_unit: unit of the delays, one of fs, ps, ns, us, s, or of positions of the stage, um or mm; None takes
            what the file says, or ps.
        passes: times that light passes along the travel of the stage, for um and mm.
        columns: heading, or number from 1, of the column of "delay", "sc", "cc", "difference" or
            "signal"; "" leaves a role out.

    Raises:
        TraceFileError: if the file is no such table, with the row; or if it leaves open which column is what.
        UnitError: if the delays cannot be in their unit.
        TooFewDelaysError: if fewer than 12 delays are usable.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from campaigns.kinetics import read_trace
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "k7.csv"
        ...     rows = ["Delay (ps),SC,CC", *(f"{0.1 * k:.1f},{2.0 ** -k},{-(2.0 ** -k)}" for k in range(20))]
        ...     _ = path.write_text(chr(10).join(rows))
        ...     float(read_trace(path).signal[0])
        2.0
    """
    read, delay, source, notes = _read(path, DelayUnit(delay_unit, passes), columns or {}, alone=False)
    roles, parts = read.by_role, {}
    if "sc" in roles and "cc" in roles:
        parts = {"sc": roles["sc"], "cc": roles["cc"]}
    elif "difference" in roles:
        parts = {"difference": roles["difference"]}
    elif set(roles) == {"delay", "signal"}:
        parts = {"difference": roles["signal"]}
        if (np.diff(delay) < -0.5 * np.ptp(delay)).any():
            raise TraceFileError(
                str(path),
                "holds tables of one signal below each other and does not say whether they are SC and CC or scans",
                "Say --map difference=HEADING if they are scans of SC - CC, else give two files (--sc, --cc).",
            )
        notes = (*notes, f"{path} has one signal column: taken as the difference SC - CC.")
    if parts:
        if not columns or "difference" not in columns:
            _require_one(str(path), delay, parts["sc"] - parts["cc"] if "sc" in parts else parts["difference"])
        if read.errors:
            parts["error"] = np.sqrt(np.sum(np.square([*read.errors.values()]), axis=0))
        return replace(_forwards(delay, notes, (source,), **parts), unit=read.unit)
    missing = "cc" if "sc" in roles else "sc" if "cc" in roles else "sc and cc"
    raise TraceFileError(
        str(path),
        f"has no column for {missing}" + (f" (it has {', '.join(map(repr, read.unused[:6]))})" if read.unused else ""),
        "Head the columns delay_ps, sc, cc, say which they are (--map sc=HEADING --map cc=HEADING, or --map "
        "difference=HEADING for SC - CC), or give two files (--sc, --cc).",
    )


#: Scans may differ by so much of their range in shape: the laser drifts.
_UNLIKE = 0.05


def _require_one(name: str, delay: Array, signal: Array) -> None:
    """Refuse tables below each other, signal (t,) over delays (t,), that cannot be scans of one trace."""
    starts = np.flatnonzero(np.diff(delay) < -0.5 * np.ptp(delay)) + 1
    tables = list(zip(np.split(delay, starts), np.split(signal, starts), strict=True))
    size = min(len(at) for at, _ in tables)
    if any(not np.allclose(at[:size], tables[0][0][:size], atol=SAME_DELAY_PS, equal_nan=True) for at, _ in tables):
        return
    if not repeat_each_other(np.column_stack([values[:size] for _, values in tables]), _UNLIKE):
        raise TraceFileError(
            name,
            f"holds {len(tables)} tables below each other that differ by more than scans of one trace do",
            "Give one of them; if they are scans, each as a file of its own.",
        )


def read_traces(
    sc: str | Path,
    cc: str | Path,
    *,
    delay_unit: str | None = None,
    passes: int = DOUBLE_PASS,
    columns: Mapping[str, str] | None = None,
) -> Trace:
    """Read two files of two columns, delay and signal: the same-circular and the counter-circular trace.

    Delays that were read back from the stage may differ by a tenth of their finest step. Arguments as `read_trace`;
    "sc" of `columns` is said of the first file, "cc" of the second, the other roles of both.

    Raises:
        DelayMismatchError: if they were measured at different delays.
        KineticsError: if both files hold the same bytes; others as `read_trace`.
    """
    unit, named = DelayUnit(delay_unit, passes), columns or {}
    own = [{role: column for role, column in named.items() if role != other} for other in ("cc", "sc")]
    sc_columns, sc_delay, sc_source, sc_notes = _read(sc, unit, own[0], alone=True)
    cc_columns, cc_delay, cc_source, cc_notes = _read(cc, unit, own[1], alone=True)
    if sc_source.sha256 == cc_source.sha256:
        raise KineticsError(f"{sc} and {cc} hold the same bytes: their difference is zero. Give the other file for one")
    same, counter = _one_signal(sc, sc_columns, "sc"), _one_signal(cc, cc_columns, "cc")
    notes, sources = (*sc_notes, *cc_notes), (sc_source, cc_source)
    if are_same(sc_delay, cc_delay):
        _require_one(f"{sc} and {cc}", sc_delay, same - counter)
        apart = float(np.nanmax(np.abs(sc_delay - cc_delay)))
        if apart > SAME_DELAY_PS:
            notes = (*notes, f"Delays of {sc} and {cc} differ by up to {apart:.3g} ps (read back): means are used.")
        sc_error, cc_error = (
            read.errors.get(role, read.errors.get("signal")) for role, read in (("sc", sc_columns), ("cc", cc_columns))
        )
        error = {} if sc_error is None or cc_error is None else {"error": np.hypot(sc_error, cc_error)}
        trace = _forwards((sc_delay + cc_delay) / 2, notes, sources, sc=same, cc=counter, **error)
    else:
        delay, same, counter, note = _shared(str(sc), sc_delay, same, str(cc), cc_delay, counter)
        trace = _forwards(delay, (*notes, note), sources, sc=same, cc=counter)
    if trace.error is None and (sc_columns.errors or cc_columns.errors):
        note = f"Errors of {sc} and {cc} are not used as weights: one file has none, or their delays differ."
        trace = replace(trace, notes=(*trace.notes, note))
    return replace(trace, unit=one_unit(f"{sc} and {cc}", (sc_columns.unit, cc_columns.unit)))


def joined(scans: Sequence[Trace]) -> Trace:
    """One trace of several scans, every point kept. Raises AxisError for a mix of SC with CC and differences."""
    if len(scans) == 1:
        return scans[0]
    names = set.intersection(*(set(scan.parts) for scan in scans))
    if not names - {"error"}:
        raise AxisError("some scans hold SC and CC, others only their difference: give scans of one kind")
    notes = tuple(dict.fromkeys(note for scan in scans for note in scan.notes))
    trace = Trace.of(
        np.concatenate([scan.delay_ps for scan in scans]),
        **{name: np.concatenate([scan.parts[name] for scan in scans]) for name in names},
        sources=tuple(source for scan in scans for source in scan.sources),
        notes=(*notes, f"{len(scans)} scans were joined."),
    )
    return replace(trace, unit=one_unit(_where(trace.sources).removesuffix(": "), (scan.unit for scan in scans)))


def _read(
    path: str | Path, unit: DelayUnit, declared: Mapping[str, str], *, alone: bool
) -> tuple[Columns, Array, SourceFile, tuple[str, ...]]:
    columns, source = read_columns(path, declared, alone=alone)
    delay, notes = unit.to_ps(columns.by_role["delay"], str(path), columns.heading, columns.metadata)
    return columns, delay, source, (*columns.notes, *notes)


def _forwards(delay: Array, notes: tuple[str, ...], sources: tuple[SourceFile, ...], **signals: Array) -> Trace:
    """The trace of signals over delays (t,), the delays turned where they run backwards."""
    trace = Trace.of(delay, sources=sources, notes=notes, **signals)
    both = trace.signal if trace.sc is None or trace.cc is None else (trace.sc + trace.cc) / 2
    if not run_backwards(trace.delay_ps, both):
        return trace
    note = "The delays run backwards (a slow rise, an abrupt end, nothing after it): their sign was turned."
    return Trace.of(-delay, sources=sources, notes=(*notes, note), **signals)


def _one_signal(path: str | Path, columns: Columns, wanted: str) -> Array:
    """The signal of a file of one polarisation; one that holds both gives the wanted one."""
    roles = {role: values for role, values in columns.by_role.items() if role != "delay"}
    if wanted in roles:
        return roles[wanted]
    if set(roles) == {"signal"}:
        return roles["signal"]
    if len(roles) == 1 and "difference" not in roles:
        raise TraceFileError(
            str(path),
            f"was given as {wanted.upper()}, and its signal is headed as {next(iter(roles)).upper()}",
            f"Swap the files, or say --map {wanted}=HEADING if the heading is wrong.",
        )
    raise TraceFileError(
        str(path),
        f"{'no' if not roles else 'more than one'} signal column "
        f"({', '.join(roles) or ', '.join(map(repr, columns.unused[:6])) or 'delays only'})",
        "A file for --sc or --cc has two columns, delay_ps and signal (--map signal=HEADING says which); a file with "
        "both is read with --trace.",
    )


def _shared(
    sc_name: str, sc_delay: Array, same: Array, cc_name: str, cc_delay: Array, counter: Array
) -> tuple[Array, Array, Array, str]:
    """Both signals at the delays the two files share, repeated delays averaged."""
    (sc_at, sc_mean), (cc_at, cc_mean) = _averaged(sc_delay, same), _averaged(cc_delay, counter)
    in_sc, in_cc = shared_delays(sc_at, cc_at)
    if len(in_sc) < max(MIN_DELAYS, _ENOUGH_SHARED * min(len(sc_at), len(cc_at))):
        alone = np.delete(sc_at, in_sc)
        first = float(alone[0] if alone.size else cc_at[0])
        raise DelayMismatchError(
            f"{sc_name} and {cc_name} share {len(in_sc)} of {len(sc_at)} and {len(cc_at)} delays ({first:g} ps is in "
            "one of them only): measure SC and CC on the same delays; interpolated differences are not fitted"
        )
    note = f"{len(in_sc)} delays shared by {sc_name} ({len(sc_at)}) and {cc_name} ({len(cc_at)}) were used."
    return (sc_at[in_sc] + cc_at[in_cc]) / 2, sc_mean[in_sc], cc_mean[in_cc], note


def _averaged(delay: Array, signal: Array) -> tuple[Array, Array]:
    """Different delays in steps of `SAME_DELAY_PS`, and the mean of the finite signals at each."""
    finite = np.isfinite(delay) & np.isfinite(signal)
    steps, inverse, count = np.unique(
        np.round(delay[finite] / SAME_DELAY_PS).astype(np.int64), return_inverse=True, return_counts=True
    )
    return np.asarray(steps * SAME_DELAY_PS, dtype=np.float64), np.bincount(inverse, weights=signal[finite]) / count


@dataclass(frozen=True, slots=True)
class DelayUnit:
    """What is known of the unit of a file's delays: what the user says, of `DELAY_UNITS` (None takes the file's), and
    how many times light passes along the travel of the stage, for units of length."""

    given: str | None = None
    passes: int = DOUBLE_PASS

    def __post_init__(self) -> None:
        if self.given is not None and self.given not in DELAY_UNITS:
            raise UnitError(f"no delay unit {self.given!r}: use one of {', '.join(DELAY_UNITS)}")
        if self.passes < 1:
            raise UnitError(f"{self.passes} passes: light passes along the stage once or more (2 there and back)")

    def to_ps(
        self, delay: Array, name: str, heading: str, metadata: Iterable[str] = ()
    ) -> tuple[Array, tuple[str, ...]]:
        """Delays in ps, shape (t,), from those under a heading and lines of text around the numbers; and notes on how.
        Raises UnitError for a unit that is not understood or of a length, and for delays that no pulsed laser has,
        where the user did not say the unit."""
        named = None if self.given is not None else _named(name, heading, metadata)
        unit = self.given or named or "ps"
        if unit in LENGTH_UNITS:
            per_unit = self.passes * _PS_PER_MM * LENGTH_UNITS[unit]
            note = (
                f"Positions of {name} in {unit} became delays of {per_unit:.6g} ps per {unit} ({self.passes} passes)."
            )
            return delay * per_unit, (note,)
        in_ps = delay * TIME_UNITS[unit]
        if self.given is None:
            _require_plausible(name, unit, in_ps, named is not None)
        return in_ps, () if unit == "ps" else (f"Delays of {name} were converted from {unit} to ps.",)


def _named(name: str, heading: str, metadata: Iterable[str]) -> str | None:
    """The unit that the heading or a line around the numbers names."""
    unit = split_heading(heading)[1]
    where = f"{name}: the delays are headed {heading.strip()!r}"
    if re.match(r"\W*(?:log|lg|ln)\d*\b", heading, re.IGNORECASE):
        raise UnitError(f"{where}, a logarithm: give the delays themselves")
    if unit is None and role_of(heading) in ("delay", "perhaps delay", None):
        text = unit_text(heading)
        if text is not None and length_of(text) and "wavelength" not in heading.lower():
            length = length_of(text)
            raise UnitError(
                f"{where}, a length: say --delay-unit {length} if they are positions of the stage "
                f"({DOUBLE_PASS * _PS_PER_MM * LENGTH_UNITS[length or 'mm']:.4g} ps per {length}, light goes there and "
                "back; --passes says how often it passes along the stage), or the unit they are in"
            )
        is_delay = (role_of(heading) is not None and "wavel" not in heading.lower()) or not (text or "").isascii()
        if text is not None and is_delay and not _NO_UNIT.fullmatch(text):
            raise UnitError(
                f"{where}, and {text!r} is no unit of a delay that is known: say which (--delay-unit): "
                f"{', '.join(DELAY_UNITS)}"
            )
    if unit is not None and unit not in TIME_UNITS:
        raise UnitError(f"{where}, a rate: say which unit they are in (--delay-unit): {', '.join(DELAY_UNITS)}")
    if _MULTIPLE.search(heading) or _FACTOR.search(split_heading(heading)[0]):
        raise UnitError(f"{where}, a multiple of a unit: give them in one of {', '.join(DELAY_UNITS)}, and say which")
    if unit is None and len(shown := {found.lower() for found in _ANYWHERE.findall(heading)}) == 1:
        unit = shown.pop()
    lines = list(metadata)
    for line in lines:
        found = _METADATA.match(line)
        if found is None:
            continue
        said = unit_of(found[1].strip("()[] "))
        if said not in TIME_UNITS:
            raise UnitError(
                f"{name}: {line.strip()[:60]!r} names no unit of a delay that is known: say which (--delay-unit): "
                f"{', '.join(DELAY_UNITS)}"
            )
        if unit is not None and said != unit:
            raise UnitError(f"{where}, but {line.strip()[:60]!r} says {said}: say which is right (--delay-unit)")
        unit = said
    loose = {unit_of(found[1]): line.strip() for line in lines if unit is None and (found := _LOOSE.match(line))}
    if len(loose) > 1:
        raise UnitError(
            f"{name}: {' and '.join(repr(line[:60]) for line in loose.values())} name several units: say which is that "
            f"of the delays (--delay-unit): {', '.join(DELAY_UNITS)}"
        )
    return unit or next(iter(loose), None)


def _require_plausible(name: str, unit: str, in_ps: Array, named: bool) -> None:
    finite = np.unique(in_ps[np.isfinite(in_ps)])
    if finite.size < 2:
        return
    span, finest = float(np.ptp(finite)), float(np.diff(finite).min())
    if SHORTEST_PS <= span <= LONGEST_PS and (named or finest < _COARSE_PS):
        if not named and (length := _length_in_disguise(finite)):
            raise UnitError(
                f"{name}: nothing names the unit of its delays ({finite[0]:.4g} to {finite[-1]:.4g}), and {length}. "
                f"Say which (delay_unit, --delay-unit): {', '.join(DELAY_UNITS)}"
            )
        return
    per_unit = TIME_UNITS[unit]
    fitting = [
        f"{other} ({span / per_unit * factor:.4g} ps)"
        for other, factor in TIME_UNITS.items()
        if other != unit
        and SHORTEST_PS <= span / per_unit * factor <= LONGEST_PS
        and finest / per_unit * factor < _COARSEST_PS
    ]
    why = "longer than any delay line" if span > LONGEST_PS else "shorter than a rise and a decay"
    if SHORTEST_PS <= span <= LONGEST_PS:
        why = f"their finest step is {finest:.4g} ps, coarse for a pulsed laser, and nothing names their unit"
    raise UnitError(
        f"{name}: delays in {unit} span {span:.4g} ps ({finite[0]:.4g} to {finite[-1]:.4g} ps), {why}. "
        f"If they are in another unit, say so (delay_unit, --delay-unit): {' or '.join(fitting) or 'none fits'}; "
        f"to keep {unit}, say that"
    )


def _length_in_disguise(values: Array) -> str:
    """Why values (t,), ascending, in no named unit may be positions of a stage, "" if they need not be."""
    steps = np.diff(values)
    alike = steps[np.abs(steps - np.median(steps[steps < 1.5 * steps.min()])) < 0.02 * steps.min()]
    step = float(alike.mean()) if len(alike) >= 8 else 0.0  # the mean, as positions are rounded
    if step > 0.0 and not _is_round(step):
        for unit, scale in LENGTH_UNITS.items():
            per_unit = DOUBLE_PASS * _PS_PER_MM * scale
            if _is_round(step * per_unit) and SHORTEST_PS <= float(np.ptp(values)) * per_unit <= LONGEST_PS:
                return f"its finest step is a round number of ps if they are positions of a stage in {unit}"
    if values[0] > float(np.ptp(values)):
        return "they are far from zero, as positions of a stage are"
    return ""


def _is_round(step: float) -> bool:
    digits = step / 10.0 ** (np.floor(np.log10(step)) - 1.0)
    return bool(abs(digits - round(digits)) < _ROUND * digits)


def finest_step(delay: Array) -> float:
    """Smallest difference between different delays, shape (t,), in their unit; 0 where all are alike."""
    steps = np.diff(np.unique(delay[np.isfinite(delay)]))
    steps = steps[steps > SAME_DELAY_PS]
    return float(steps.min()) if steps.size else 0.0


def are_same(first: Array, second: Array) -> bool:
    """Whether two lists of delays (t,), ps, are one, read back from the stage: apart by no more than its jitter."""
    if first.shape != second.shape:
        return False
    both = np.isfinite(first) & np.isfinite(second)
    if not np.array_equal(np.isfinite(first), np.isfinite(second)) or not both.any():
        return False
    apart, step = first[both] - second[both], min(finest_step(first), finest_step(second))
    bias = max(SAME_DELAY_PS, _BIAS * step, 3.0 * float(apart.std()) / np.sqrt(apart.size))
    return bool(np.abs(apart).max() <= max(SAME_DELAY_PS, _JITTER * step) and abs(float(apart.mean())) <= bias)


def shared_delays(first: Array, second: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the delays that two ascending lists (t,), (u,), ps, share, (s,): within the stage's jitter."""
    if not first.size or not second.size:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    after = np.clip(np.searchsorted(second, first), 1, max(len(second) - 1, 1))
    before = after - 1
    nearest = np.where(
        np.abs(second[np.minimum(after, len(second) - 1)] - first) < np.abs(second[before] - first),
        np.minimum(after, len(second) - 1),
        before,
    )
    step = min(finest_step(first), finest_step(second))
    apart = np.abs(second[nearest] - first)
    at = np.flatnonzero(apart <= max(SAME_DELAY_PS, _JITTER * step))
    if at.size and not are_same(first[at], second[nearest[at]]):
        at = np.flatnonzero(apart <= SAME_DELAY_PS)
    places, kept = np.unique(nearest[at], return_index=True)
    return at[kept], places


def run_backwards(delay: Array, signal: Array) -> bool:
    """Whether a signal (t,) over delays (t,) rises slowly, falls at once and stays: its time runs backwards."""
    if len(delay) < 12:
        return False
    padded = np.concatenate([signal[:1], signal, signal[-1:]])
    smooth = np.median(np.stack([padded[:-2], signal, padded[2:]]), axis=0)
    last = max(5, len(smooth) // 20)
    size = np.abs(smooth - np.median(smooth[-last:]))
    peak = int(size.argmax())
    if size[-last:].max() > 0.15 * size[peak] or peak < len(size) // 4:
        return False
    fall = delay[min(peak + int(np.argmax(size[peak:] < 0.2 * size[peak])), len(delay) - 1)] - delay[peak]
    below = np.flatnonzero(size[: peak + 1] < 0.2 * size[peak])
    rise = delay[peak] - delay[int(below[-1]) if below.size else 0]
    return bool(rise > 4.0 * fall and (below.size == 0 or below[-1] + 1 < peak - 3))

"""One measurement of a crystal: its files, how they are read and fitted, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from campaigns.errors import FitSettingError
from campaigns.kinetics.maps import ProbeWindow, TransientMap, paired, read_map, trace_at
from campaigns.kinetics.trace import DOUBLE_PASS, Trace, joined, read_trace, read_traces
from chemspace.tables.cells import to_number

if TYPE_CHECKING:
    from campaigns.kinetics.maps import Chirp
    from campaigns.kinetics.result import TraceFit

#: Highest order of the polynomial of a chirp.
_HIGHEST_ORDER = 4
#: One file, or one a scan.
Files: TypeAlias = str | Path | Sequence[str | Path] | None


def _typed(text: object) -> object:
    """A number as people type it in a form, None for an empty field."""
    if not isinstance(text, str):
        return text
    try:
        return float(text.replace(",", ".")) if text.strip() else None
    except ValueError:
        raise ValueError(f"{text.strip()!r} is not a number") from None


def _or(default: object) -> Callable[[object], object]:
    """Reads an empty field of a form as its default."""
    return lambda text: (
        default if (typed := _typed(text) if isinstance(default, float) else text) in (None, "") else typed
    )


Ps = Annotated[Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)] | None, BeforeValidator(_typed)]
Nm = Annotated[Annotated[float, Field(ge=0.0, le=1e5, allow_inf_nan=False)] | None, BeforeValidator(_typed)]
Unit = Annotated[
    Annotated[str, Field(pattern="^(fs|ps|ns|us|s|um|mm)$")] | None, BeforeValidator(lambda unit: unit or None)
]
Mapped = Annotated[str, Field(max_length=400)]


class TraceSettings(BaseModel):
    """How the traces or maps of one crystal are read and fitted: on the command line, in a form, by a program.

    None leaves it to the reader or the fit. Numbers may be text with a decimal comma; empty text is None.
    """

    # The settings of a form are these alone: not the form, nor the files that came with it.
    model_config = ConfigDict(frozen=True, revalidate_instances="subclass-instances")

    irf_fwhm_ps: Ps = None  #: full width at half maximum of the response, ps; None fits it
    #: Relative standard deviation of that width, which enters the interval; 0 takes it as exact.
    irf_error: Annotated[float, Field(ge=0.0, le=1.0), BeforeValidator(_or(0.1))] = 0.1
    #: Of the response, "gaussian" or "sech2".
    irf_shape: Annotated[Literal["gaussian", "sech2"], BeforeValidator(_or("gaussian"))] = "gaussian"
    time_zero_ps: Ps = None  #: time zero where it is known, ps; None fits it
    #: `window_low_nm`, `window_high_nm`: probe window of maps, nm; None takes 5 nm at the photobleach peak.
    window_low_nm: Nm = None
    window_high_nm: Nm = None
    #: `exclude_from_ps`, `exclude_to_ps`: delays to leave out, ps, such as a coherent spike.
    exclude_from_ps: Ps = None
    exclude_to_ps: Ps = None
    #: Unit of the delays, one of fs, ps, ns, us, s, or of positions of the stage, um or mm; None takes what the file
    #: says, or ps.
    delay_unit: Unit = None
    #: Times that light passes along the travel of the stage, for um and mm.
    passes: Annotated[int, Field(ge=1, le=16)] = DOUBLE_PASS
    #: ROLE=HEADING, where the reader must be told which column of a trace is what; roles are delay, sc, cc, difference
    #: and signal. Several in one text are separated by semicolons.
    columns: list[Mapped] = Field(default=[], description="ROLE=HEADING, as sc=LL; repeat.")
    #: What moves time zero of a map to 0 at each wavelength: the order of a polynomial through the zeros that it shows,
    #: or points "500:-0.2; 550:0.1" (nm:ps) that it goes through; "" leaves the map as it is.
    chirp: Annotated[str, Field(max_length=400)] = ""
    #: "auto", or "exponential", "stretched" or "delayed" with any of "+offset", "+plateau", "+sum", "+spike".
    model: Annotated[str, Field(max_length=40)] = "auto"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for low, high in (("window_low_nm", "window_high_nm"), ("exclude_from_ps", "exclude_to_ps")):
            if (getattr(self, low) is None) != (getattr(self, high) is None):
                raise ValueError(f"give both of {low} and {high}, or neither")
        self.mapping  # noqa: B018  refuses what is no mapping
        self.chirp_asked  # noqa: B018  refuses what is no chirp
        return self

    @property
    def mapping(self) -> dict[str, str]:
        """Heading of each role that was told. Raises ValueError for a text that is no mapping."""
        pairs = [pair for text in self.columns for pair in text.split(";") if pair.strip()]
        if wrong := [pair for pair in pairs if "=" not in pair]:
            raise ValueError(f"{wrong[0].strip()!r} is no mapping; write ROLE=HEADING, as sc=LL")
        return {role.strip(): heading.strip() for role, _, heading in (pair.partition("=") for pair in pairs)}

    @property
    def window_nm(self) -> tuple[float, float] | None:
        """Probe window of maps, nm."""
        return _ascending(self.window_low_nm, self.window_high_nm)

    @property
    def exclude_ps(self) -> tuple[float, float] | None:
        """Delays to leave out, ps."""
        return _ascending(self.exclude_from_ps, self.exclude_to_ps)

    @property
    def chirp_asked(self) -> int | list[tuple[float, float]] | None:
        """Order of the polynomial to fit, or points (nm, ps) to draw it through; None for an empty text. Raises
        ValueError for anything else."""
        text = self.chirp.strip()
        if not text:
            return None
        if text.isdecimal() and 1 <= int(text) <= _HIGHEST_ORDER:
            return int(text)
        pairs = [pair.partition(":") for pair in re.split(r"[;\s]+", re.sub(r"\s*:\s*", ":", text.strip("; ")))]
        points = [tuple(to_number(cell.replace(",", "."), ".") for cell in (nm, ps)) for nm, _, ps in pairs]
        found = [(nm, ps) for nm, ps in points if nm is not None and ps is not None and isfinite(nm) and isfinite(ps)]
        wavelengths = [nm for nm, _ in found]
        if twice := next((nm for nm in wavelengths if wavelengths.count(nm) > 1), 0.0):
            raise ValueError(f"a chirp of {text!r} has two time zeros at {twice:g} nm: leave one point a wavelength")
        if len(found) < max(2, len(points)):
            raise ValueError(
                f"a chirp of {text!r}: give an order from 1 to {_HIGHEST_ORDER}, or points (nm:ps) as 500:-0.2; 550:0.1"
            )
        return found

    def read(self, files: MeasuredFiles) -> Measured:
        """What the files hold. Raises KineticsError as `MeasuredFiles.read`."""
        return files.read(
            delay_unit=self.delay_unit,
            passes=self.passes,
            columns=self.mapping,
            window_nm=self.window_nm,
            chirp=self.chirp_asked,
        )

    def fit(self, trace: Trace) -> TraceFit:
        """The lifetime of a trace that was read, without the delays to leave out. Raises KineticsError as
        `campaigns.kinetics.fit_trace`."""
        from campaigns.kinetics.fit import fit_trace

        if self.exclude_ps is not None:
            trace = trace.without(*self.exclude_ps)
        return fit_trace(
            trace,
            self.irf_fwhm_ps,
            model=self.model,
            time_zero_ps=self.time_zero_ps,
            irf_error=self.irf_error,
            irf_shape=self.irf_shape,
        )


def _ascending(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (min(low, high), max(low, high))


def measure(files: MeasuredFiles, settings: TraceSettings) -> tuple[Measured, TraceFit]:
    """Read the files of one crystal and fit their lifetime. Raises KineticsError if the files or the settings are
    wrong."""
    measured = settings.read(files)
    fit = settings.fit(measured.trace)
    return replace(measured, trace=fit.trace), fit


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was read: the trace and, where there are maps, those of SC and CC, the wavelengths that were averaged into
    the trace, and time zero over the wavelengths where it differs or was corrected."""

    trace: Trace
    maps: tuple[TransientMap, TransientMap] | None = None
    probe: ProbeWindow | None = None
    chirp: Chirp | None = None

    @property
    def peak_delay_ps(self) -> float:
        """Delay at which the difference is largest, ps."""
        return float(self.trace.delay_ps[abs(self.trace.signal).argmax()])


@dataclass(frozen=True, slots=True)
class MeasuredFiles:
    """The files of one measurement: `sc` and `cc`, or `trace`, or `sc_map` and `cc_map`; one file, or one a scan."""

    sc: Files = None
    cc: Files = None
    trace: Files = None
    sc_map: Files = ()
    cc_map: Files = ()

    #: Each way of giving a measurement, and its fields.
    WAYS: ClassVar[dict[str, tuple[str, ...]]] = {
        "--sc and --cc": ("sc", "cc"),
        "--trace": ("trace",),
        "--sc-map and --cc-map": ("sc_map", "cc_map"),
    }

    def problem(self) -> str | None:
        """What is wrong with the choice of files, None if it is exactly one way, whole."""
        used = [way for way, names in self.WAYS.items() if any(getattr(self, name) for name in names)]
        if len(used) != 1:
            return f"give the data in exactly one way: {', '.join(self.WAYS)}"
        if not all(getattr(self, name) for name in self.WAYS[used[0]]):
            return f"one of two files is missing: give {used[0]}"
        if len(_listed(self.sc)) != len(_listed(self.cc)):
            return "give as many scans of SC as of CC: each CC is subtracted from its own SC"
        return None

    def paths(self) -> tuple[Path, ...]:
        """Every file, SC before CC."""
        return tuple(path for names in self.WAYS.values() for name in names for path in _listed(getattr(self, name)))

    def read(
        self,
        *,
        delay_unit: str | None = None,
        passes: int = DOUBLE_PASS,
        columns: Mapping[str, str] | None = None,
        window_nm: tuple[float, float] | None = None,
        chirp: int | list[tuple[float, float]] | None = None,
    ) -> Measured:
        """Read them; delay unit and passes as `TraceSettings`. `columns` are headings of columns of traces, or names of
        the files of "delay" and "wavelength" beside maps without axes. Raises FitSettingError for a chirp of traces;
        KineticsError as the readers."""
        if chirp is not None and not self.sc_map:
            raise FitSettingError("a chirp is corrected in maps (--sc-map, --cc-map); a trace has one time zero")
        if self.sc_map and self.cc_map:
            sides = (_listed(self.sc_map), _listed(self.cc_map))
            maps = paired(*(read_map(files, delay_unit=delay_unit, passes=passes, axes=columns) for files in sides))
            from campaigns.kinetics.maps import straightened

            maps, line = straightened(*maps, chirp, window_nm)
            trace, probe = trace_at(*maps, window_nm)
            noted = trace if line is None else replace(trace, notes=(*trace.notes, line.describe(probe)))
            return Measured(noted, maps, probe, line)
        scans = [
            read_trace(path, delay_unit=delay_unit, passes=passes, columns=columns) for path in _listed(self.trace)
        ] or [
            read_traces(sc, cc, delay_unit=delay_unit, passes=passes, columns=columns)
            for sc, cc in zip(_listed(self.sc), _listed(self.cc), strict=True)
        ]
        return Measured(joined(scans))


def _listed(files: Files) -> tuple[Path, ...]:
    if files is None:
        return ()
    return (Path(files),) if isinstance(files, str | Path) else tuple(map(Path, files))

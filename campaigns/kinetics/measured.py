"""One crystal's measurement as it was handed in: a file of traces, two, or maps; read into a trace to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from campaigns.kinetics.maps import TransientMap, read_map
from campaigns.kinetics.probe import ProbeWindow, trace_at
from campaigns.kinetics.read import read_trace, read_traces
from campaigns.kinetics.trace import Trace

__all__ = ["Measured", "MeasuredFiles"]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was read.

    Attributes:
        trace: SC, CC and their difference against delay.
        maps: SC and CC against wavelength and delay, where those were measured.
        probe: the wavelengths that were averaged into the trace, where there are maps.
    """

    trace: Trace
    maps: tuple[TransientMap, TransientMap] | None = None
    probe: ProbeWindow | None = None

    @property
    def peak_delay_ps(self) -> float:
        """Delay at which the difference is largest, ps."""
        return float(self.trace.delay_ps[abs(self.trace.signal).argmax()])

    def without(self, low_ps: float, high_ps: float) -> Measured:
        """The same with the delays from `low_ps` to `high_ps` left out of the trace."""
        return replace(self, trace=self.trace.without(low_ps, high_ps))


@dataclass(frozen=True, slots=True)
class MeasuredFiles:
    """The files of one measurement: `sc` and `cc`, or `trace`, or `sc_map` and `cc_map` (one file a scan)."""

    sc: str | Path | None = None
    cc: str | Path | None = None
    trace: str | Path | None = None
    sc_map: Sequence[str | Path] = ()
    cc_map: Sequence[str | Path] = ()

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
        return None

    def paths(self) -> tuple[Path, ...]:
        """Every file, SC before CC."""
        single = (path for path in (self.sc, self.cc, self.trace) if path is not None)
        return tuple(Path(path) for path in (*single, *self.sc_map, *self.cc_map))

    def read(self, *, delay_unit: str | None = None, window_nm: tuple[float, float] | None = None) -> Measured:
        """Read them.

        Args:
            delay_unit: unit of the delays, one of fs, ps, ns, us, s; None takes the heading's, or ps.
            window_nm: probe window of maps, nm; None takes the photobleach peak.

        Raises:
            KineticsError: as `read_trace`, `read_traces`, `read_map` and `trace_at`.
        """
        if self.sc_map and self.cc_map:
            maps = read_map(self.sc_map, delay_unit=delay_unit), read_map(self.cc_map, delay_unit=delay_unit)
            trace, probe = trace_at(*maps, window_nm)
            return Measured(trace, maps, probe)
        if self.trace is not None:
            return Measured(read_trace(self.trace, delay_unit=delay_unit))
        assert self.sc is not None
        assert self.cc is not None
        return Measured(read_traces(self.sc, self.cc, delay_unit=delay_unit))

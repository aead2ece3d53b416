"""Errors of the kinetics of transient traces: what was wrong, in which file and row, and what would be right."""

from __future__ import annotations

from math import isfinite

from campaigns.errors import CampaignError

__all__ = ["FitSettingError"]


class KineticsError(CampaignError):
    """A trace, map or fit that cannot be; never raised for a measurement that is merely poor."""


class TraceFileError(KineticsError):
    """A file that is not a table of numbers: empty, a PDF, a workbook, a cell that is no number. `file`: path of the
    file as it was given; `row`: one-based line of the file, or None where no single line is to blame."""

    def __init__(self, file: str, problem: str, right: str, *, row: int | None = None) -> None:
        self.file, self.row = file, row
        where = f"{file}, row {row}" if row is not None else file
        super().__init__(f"{where}: {problem}. {right}")


class UnitError(KineticsError):
    """Delays or wavelengths that cannot be in the unit they are said to be in."""


class AxisError(KineticsError):
    """Delays or wavelengths that cannot be an axis: not finite, repeated, one of them only."""


class DelayMismatchError(KineticsError):
    """SC and CC measured at different delays (or wavelengths): their difference is not defined."""


class TooFewDelaysError(KineticsError):
    """Fewer usable delays than the fit has parameters."""


class NoSignalError(KineticsError):
    """A constant trace, or one in which no decay stands out of the noise."""


class OscillationError(KineticsError):
    """A damped oscillation (Larmor precession, exciton beats): it has a period and a damping, no single lifetime.
    `period_ps`: period, ps; `damping_ps`: 1/e time of the envelope, ps; `damping_stderr_ps` its standard error, NaN
    where unknown."""

    def __init__(self, period_ps: float, damping_ps: float, damping_stderr_ps: float, gain: float) -> None:
        self.period_ps, self.damping_ps, self.damping_stderr_ps = period_ps, damping_ps, damping_stderr_ps
        error = f" +/- {damping_stderr_ps:.2g}" if isfinite(damping_stderr_ps) else ""
        super().__init__(
            f"SC - CC is a damped oscillation with a period of {period_ps:.3g} ps that decays with {damping_ps:.3g}"
            f"{error} ps (AICc {gain:.0f} lower than any decay), such as Larmor precession or exciton beats: it has no "
            "single lifetime. Measure without the transverse field, or name a decay to fit it all the same (--model)"
        )


class NoTimeZeroError(KineticsError):
    """A trace that begins after its rise: time zero cannot be placed."""


class ProbeWindowError(KineticsError):
    """A probe window without a usable wavelength, or a map without a photobleach peak."""


class FitSettingError(KineticsError, ValueError):
    """A setting of the fit that makes no sense, such as a response of negative width."""


class PlotFileError(KineticsError):
    """Figures that cannot be written where they were asked for."""

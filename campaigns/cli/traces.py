"""Options that say which traces or maps were measured, and how to read and fit them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli.options import EXISTING_FILE

if TYPE_CHECKING:
    from campaigns.kinetics import Measured, MeasuredFiles, TraceFit

__all__ = [
    "CcFile",
    "CcMap",
    "DelayUnit",
    "Exclude",
    "FitModel",
    "IrfFwhm",
    "ScFile",
    "ScMap",
    "SpectrumAt",
    "TimeZero",
    "TraceFile",
    "TraceSettings",
    "Window",
    "fitted",
]

PANEL = "The traces or maps of one crystal"
_Panel = {"rich_help_panel": PANEL, "show_default": False}
_File = EXISTING_FILE | _Panel

ScFile = Annotated[Path | None, typer.Option("--sc", help="Same-circular trace: delay_ps, signal.", **_File)]
CcFile = Annotated[Path | None, typer.Option("--cc", help="Counter-circular trace: delay_ps, signal.", **_File)]
TraceFile = Annotated[Path | None, typer.Option("--trace", help="One file with delay_ps, sc, cc.", **_File)]
ScMap = Annotated[
    list[Path] | None,
    typer.Option("--sc-map", help="Same-circular map, wavelength x delay; repeat for scans.", **_File),
]
CcMap = Annotated[list[Path] | None, typer.Option("--cc-map", help="Counter-circular map; repeat for scans.", **_File)]
Window = Annotated[
    tuple[float, float] | None,
    typer.Option("--window", help="Probe window of the maps, nm. Default: 5 nm at the photobleach peak.", **_Panel),
]
IrfFwhm = Annotated[
    float | None,
    typer.Option("--irf-fwhm", help="Full width of the instrument response, ps. Default: fitted.", **_Panel),
]
TimeZero = Annotated[
    float | None,
    typer.Option("--time-zero", help="Time zero, ps, where it is known. Default: fitted.", **_Panel),
]
Exclude = Annotated[
    tuple[float, float] | None,
    typer.Option("--exclude", help="Delays to leave out, ps, such as a coherent spike.", **_Panel),
]
DelayUnit = Annotated[
    str | None,
    typer.Option(
        "--delay-unit",
        help="Unit of the delays: fs, ps, ns, us or s. Default: the heading's, or ps.",
        **_Panel,
    ),
]
FitModel = Annotated[
    str,
    typer.Option(
        "--model",
        help="auto, exponential or stretched, the latter two with +offset, +plateau or both.",
        rich_help_panel=PANEL,
    ),
]
SpectrumAt = Annotated[
    float | None,
    typer.Option(
        "--spectrum-at",
        help="Delay of the spectra drawn from maps, ps. Default: where the signal peaks.",
        **_Panel,
    ),
]


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """How to read and fit, as given."""

    window: tuple[float, float] | None = None
    irf_fwhm: float | None = None
    time_zero: float | None = None
    exclude: tuple[float, float] | None = None
    delay_unit: str | None = None
    model: str = "auto"
    spectrum_at: float | None = None


def fitted(files: MeasuredFiles, settings: TraceSettings) -> tuple[Measured, TraceFit]:
    """Read and fit.

    Raises:
        typer.BadParameter: if the options do not go together.
        KineticsError: if the data are wrong.
    """
    from campaigns.kinetics import fit_trace
    from campaigns.kinetics.errors import FitSettingError

    if problem := files.problem():
        raise typer.BadParameter(problem)
    if (settings.window is not None or settings.spectrum_at is not None) and not files.sc_map:
        raise typer.BadParameter("--window and --spectrum-at belong to maps: give --sc-map and --cc-map")
    measured = files.read(delay_unit=settings.delay_unit, window_nm=settings.window)
    if settings.exclude is not None:
        measured = measured.without(*settings.exclude)
    try:
        fit = fit_trace(measured.trace, settings.irf_fwhm, model=settings.model, time_zero_ps=settings.time_zero)
    except FitSettingError as error:
        raise typer.BadParameter(str(error)) from None
    return measured, fit

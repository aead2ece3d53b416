"""The pictures of one measurement as one page: maps of SC and CC, spectra at a delay, kinetics with the fit."""

from __future__ import annotations

from pathlib import Path

from campaigns.kinetics.figures import kinetics_figure, map_figure, spectra_figure, write_html
from campaigns.kinetics.measured import Measured
from campaigns.kinetics.result import TraceFit

__all__ = ["write_page"]


def write_page(
    path: str | Path,
    fit: TraceFit,
    measured: Measured | None = None,
    *,
    spectrum_at_ps: float | None = None,
    title: str = "Spin lifetime",
    shared_script: bool = False,
) -> None:
    """Draw a fit, and the maps behind it where there are any, into one HTML file.

    Args:
        path: the file.
        fit: what was fitted.
        measured: what was read; None draws the kinetics alone.
        spectrum_at_ps: delay of the spectra, ps; None takes the delay at which the difference is largest.
        title: of the page.
        shared_script: put the drawing library (4 MB) beside the page, for all pages of a folder, instead of into it.

    Raises:
        AxisError: if there is no spectrum at that delay.
        PlotFileError: if the file cannot be written.
    """
    figures = [kinetics_figure(fit)]
    if measured is not None and measured.maps is not None:
        at = measured.peak_delay_ps if spectrum_at_ps is None else spectrum_at_ps
        maps, probe = measured.maps, measured.probe
        figures = [map_figure(*maps, probe), spectra_figure(*maps, at, probe), *figures]
    notes = (fit.summary(), *fit.warnings, *fit.trace.notes)
    write_html(path, title, figures, notes, shared_script=shared_script)

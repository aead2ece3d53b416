"""`spinscreen fit-trace`: measured traces or maps in, a spin lifetime out, without a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import console
from campaigns.cli.options import AsJson
from campaigns.cli.traces import (
    CcFile,
    CcMap,
    DelayUnit,
    Exclude,
    FitModel,
    IrfFwhm,
    ScFile,
    ScMap,
    SpectrumAt,
    TimeZero,
    TraceFile,
    TraceSettings,
    Window,
    fitted,
)

if TYPE_CHECKING:
    from campaigns.kinetics import TraceFit

__all__ = ["fit_trace"]


def fit_trace(
    sc: ScFile = None,
    cc: CcFile = None,
    trace: TraceFile = None,
    sc_map: ScMap = None,
    cc_map: CcMap = None,
    window: Window = None,
    irf_fwhm: IrfFwhm = None,
    time_zero: TimeZero = None,
    exclude: Exclude = None,
    delay_unit: DelayUnit = None,
    model: FitModel = "auto",
    spectrum_at: SpectrumAt = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write the figures into this HTML file.", dir_okay=False, show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the spin lifetime of measured kinetics: tau of the difference SC - CC, or an upper bound.

    Examples:

      spinscreen fit-trace --sc SC.csv --cc CC.csv --irf-fwhm 0.15

      spinscreen fit-trace --trace both.csv --json

      spinscreen fit-trace --sc-map sc_map.csv --cc-map cc_map.csv --plot fit.html
    """
    from campaigns.kinetics.measured import MeasuredFiles

    files = MeasuredFiles(sc, cc, trace, sc_map or (), cc_map or ())
    settings = TraceSettings(window, irf_fwhm, time_zero, exclude, delay_unit, model, spectrum_at)
    measured, fit = fitted(files, settings)
    if plot is not None:
        from campaigns.kinetics.page import write_page

        write_page(plot, fit, measured, spectrum_at_ps=spectrum_at)
    _show(fit, as_json=as_json)


def _show(fit: TraceFit, *, as_json: bool) -> None:
    for note in fit.trace.notes:
        console.note(note)
    for warning in fit.warnings:
        console.warn(warning)
    if as_json:
        console.print_json(fit.to_dict())
        return
    response = f"{fit.irf_fwhm_ps:.3g} ps ({'fitted' if fit.irf_fitted else 'given'})"
    console.out.print(fit.summary(), markup=False, soft_wrap=True)
    console.out.print(
        f"model {fit.model}, response {response}, time zero {fit.time_zero_ps:.3g} ps, R2 {fit.r_squared:.4f}, "
        f"{len(fit.trace)} delays",
        markup=False,
        soft_wrap=True,
    )
    console.out.print(
        f"half-life {'<' if fit.is_upper_bound else ''}{fit.half_life_ps:.3g} ps; the lifetime is tau of SC - CC",
        markup=False,
        soft_wrap=True,
    )

"""Options that say which traces or maps were measured, and how to read and fit them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import console
from campaigns.cli.options import EXISTING_FILE, NEW_FILE, OptionGroup, PrintingOptions, mapping_of, takes

if TYPE_CHECKING:
    from campaigns.kinetics import Measured, MeasuredFiles, TraceFit, TraceSettings

#: Heading of the options of traces in the help.
PANEL = "The traces or maps of one crystal"


class TraceOptions(OptionGroup, panel=PANEL):
    """Which traces or maps were measured, and how to read and fit them; named as the fields of `TraceSettings`."""

    sc: Annotated[list[Path] | None, "Same-circular trace: delay_ps, signal; repeat for scans.", EXISTING_FILE] = None
    cc: Annotated[list[Path] | None, "Counter-circular trace: delay_ps, signal; repeat for scans.", EXISTING_FILE] = (
        None
    )
    trace: Annotated[list[Path] | None, "A file with delay_ps, sc, cc; repeat for scans.", EXISTING_FILE] = None
    sc_map: Annotated[list[Path] | None, "Same-circular map, wavelength x delay; repeat for scans.", EXISTING_FILE] = (
        None
    )
    cc_map: Annotated[list[Path] | None, "Counter-circular map; repeat for scans.", EXISTING_FILE] = None
    window: Annotated[
        tuple[float, float] | None, "Probe window of the maps, nm. Default: 5 nm at the photobleach peak."
    ] = None
    chirp: Annotated[
        str, "Correct the maps' chirp: order of the polynomial, 1 to 4, or points '500:-0.2; 550:0.1'."
    ] = ""
    irf_fwhm_ps: Annotated[
        float | None, "--irf-fwhm", "Full width of the instrument response, ps. Default: fitted."
    ] = None
    irf_error: Annotated[float, "Relative error of that width; 0 takes it as exact."] = 0.1
    irf_shape: Annotated[str, "Shape of the response: gaussian or sech2."] = "gaussian"
    time_zero_ps: Annotated[float | None, "--time-zero", "Time zero, ps, where it is known. Default: fitted."] = None
    exclude: Annotated[tuple[float, float] | None, "Delays to leave out, ps, such as a coherent spike."] = None
    delay_unit: Annotated[
        str | None,
        "Unit of the delays: fs, ps, ns, us or s; mm or um of the stage. Default: what the file says, or ps.",
    ] = None
    passes: Annotated[int, "Times that light passes along the stage, for mm and um.", {"min": 1}] = 2
    model: Annotated[str, "auto, exponential, stretched or delayed, with any of +offset, +plateau, +sum, +spike."] = (
        "auto"
    )
    spectrum_at: Annotated[
        float | None, "Delay of the spectra drawn from maps, ps. Default: where the signal peaks."
    ] = None

    @property
    def is_given(self) -> bool:
        """Whether a file is named; told without what reads one, which a table needs not."""
        return any((self.sc, self.cc, self.trace, self.sc_map, self.cc_map))

    @property
    def files(self) -> MeasuredFiles:
        """The files of the measurement."""
        from campaigns.kinetics import MeasuredFiles

        return MeasuredFiles(self.sc, self.cc, self.trace, self.sc_map, self.cc_map)

    def settings(self, columns: Mapping[str, str]) -> TraceSettings:
        """How to read and fit them; `columns` as `campaigns.kinetics.read_trace` takes them."""
        from pydantic import ValidationError

        from campaigns.kinetics import TraceSettings

        given = {name: getattr(self, name) for name in TraceSettings.model_fields if hasattr(self, name)}
        given["window_low_nm"], given["window_high_nm"] = self.window or (None, None)
        given["exclude_from_ps"], given["exclude_to_ps"] = self.exclude or (None, None)
        given["columns"] = [f"{role}={heading}" for role, heading in columns.items()]
        try:
            return TraceSettings.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise typer.BadParameter(f"{where}: {first['msg']}") from None


def fitted(options: TraceOptions, columns: Mapping[str, str]) -> tuple[Measured, TraceFit]:
    """Read and fit; `columns` as `campaigns.kinetics.read_trace` takes them."""
    from campaigns.kinetics import measure
    from campaigns.kinetics.errors import FitSettingError

    files = options.files
    if problem := files.problem():
        raise typer.BadParameter(problem)
    if (options.window is not None or options.spectrum_at is not None or options.chirp) and not files.sc_map:
        raise typer.BadParameter("--window, --chirp and --spectrum-at belong to maps: give --sc-map and --cc-map")
    try:
        return measure(files, options.settings(columns))
    except FitSettingError as error:
        raise typer.BadParameter(str(error)) from None


class FitTraceOptions(PrintingOptions):
    traces: TraceOptions
    columns: Annotated[
        list[str] | None,
        "--map",
        "Which column is what, as sc=LL; repeat.",
        {"metavar": "ROLE=HEADING", "rich_help_panel": PANEL},
    ] = None
    plot: Annotated[Path | None, "Write the figures into this HTML file.", NEW_FILE] = None


@takes(FitTraceOptions)
def fit_trace(options: FitTraceOptions) -> None:
    """Fit the spin lifetime of measured kinetics: tau of the difference SC - CC, or an upper bound.

    Examples:

      spinscreen fit-trace --sc SC.csv --cc CC.csv --irf-fwhm 0.15

      spinscreen fit-trace --trace both.csv --map sc=LL --map cc=LR --json

      spinscreen fit-trace --sc-map sc_map.csv --cc-map cc_map.csv --plot fit.html
    """
    measured, fit = fitted(options.traces, mapping_of(options.columns, "sc=LL"))
    if options.plot is not None:
        from campaigns.kinetics.figures import write_page

        write_page(options.plot, fit, measured, spectrum_at_ps=options.traces.spectrum_at)
    for note in fit.trace.notes:
        console.note(note)
    for warning in fit.warnings:
        console.warn(warning)
    console.answer(fit.to_dict(), _words(fit))


def _words(fit: TraceFit) -> str:
    given = "fitted" if fit.irf_given_ps is None else f"{fit.irf_given_ps:.3g} given"
    response = f"{fit.irf_fwhm_ps:.3g} ps ({given})"
    return (
        f"{fit.summary()}\nmodel {fit.model}, response {response}, time zero {fit.time_zero_ps:.3g} ps, "
        f"R2 {fit.r_squared:.4f}, {len(fit.trace)} delays\n"
        f"half-life {'<' if fit.is_upper_bound else ''}{fit.half_life_ps:.3g} ps; the lifetime is tau of SC - CC"
    )

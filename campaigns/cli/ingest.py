"""`spinscreen ingest`: take in measured lifetimes, as a table or as the traces or maps of one crystal, or values of a
further measured property; `spinscreen fit-trace` fits and keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import console
from campaigns.cli.options import (
    EXISTING_FILE,
    NEW_FILE,
    ComputingOptions,
    OptionGroup,
    PrintingOptions,
    Workers,
    mapping_of,
    takes,
)
from campaigns.cli.suggest import batch_json, show_batch

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.ingest import ReadingOptions
    from campaigns.intake import OutcomeResult
    from campaigns.kinetics import Measured, MeasuredFiles, TraceFit, TraceSettings
    from campaigns.summary import FitSummary, IngestResult, SuggestionBatch


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
    from campaigns.errors import FitSettingError
    from campaigns.kinetics import measure

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


@takes(FitTraceOptions, keeps=False)
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
    wider = f"the interval also answers for {fit.UNSEEN}; a campaign keeps it\n"
    return (
        f"{fit.summary()}\n{wider if fit.systematic_interval_ps else ''}"
        f"model {fit.model}, response {response}, time zero {fit.time_zero_ps:.3g} ps, "
        f"R2 {fit.r_squared:.4f}, {len(fit.trace)} delays\n"
        f"half-life {'<' if fit.is_upper_bound else ''}{fit.half_life_ps:.3g} ps; the lifetime is tau of SC - CC"
    )


#: Exit code of an ingest that was recorded and could not be learnt.
NOT_LEARNT = 3


class TableOptions(OptionGroup, panel="A table"):
    """A table of results, and how to read it."""

    results: Annotated[
        Path | None, typer.Argument(metavar="RESULTS", help="Table of results: CSV, .xlsx or JSON lines.")
    ] = None
    of_property: Annotated[
        str | None,
        "--property",
        "The table holds values of this measured property of the campaign, such as band_gap_ev.",
        {"metavar": "NAME"},
    ] = None
    task: Annotated[
        str | None,
        "The lifetimes are those of a related task (another metal, halide, technique or laboratory), as tin.",
        {"metavar": "NAME"},
    ] = None
    outcomes: Annotated[
        bool, "The table holds what became of compounds, as `export --outcomes` writes it: formula, stage, reason."
    ] = False
    eln: Annotated[
        bool, "The file is an .eln one that `export` wrote: measurements and outcomes, its hashes checked."
    ] = False
    columns: Annotated[
        list[str] | None,
        "--map",
        "Column of a field, as lifetime=tau; of traces, as sc=LL; repeat.",
        {"metavar": "FIELD=COLUMN"},
    ] = None
    unit: Annotated[str | None, "Unit of the lifetimes: ps, fs, ns, ps^-1 and so on."] = None
    sheet: Annotated[str | None, "Sheet of a workbook that has several."] = None
    yes: Annotated[
        bool, "--yes", "-y", "Take recognised columns and units, corrections, and fits that warn, as right."
    ] = False
    keep_going: Annotated[bool, "Take in the rows that are right, the others go to a file."] = False
    rejects: Annotated[Path | None, "That file, .csv. Default: RESULTS_rejects.csv in the campaign's folder."] = None
    accept_extreme: Annotated[bool, "Take lifetimes far from any measured before."] = False

    def reading(self) -> ReadingOptions:
        """How to read the table."""
        example = "lifetime=tau" if self.of_property is None else "value=gap"
        return {
            "columns": mapping_of(self.columns, example),
            "unit": self.unit,
            "sheet": self.sheet,
            "accept_guesses": self.yes,
            "accept_extreme": self.accept_extreme,
            "accept_corrections": self.yes,
        }


class IngestOptions(ComputingOptions):
    table: TableOptions
    formula: Annotated[str | None, "The compound whose traces follow.", {"rich_help_panel": PANEL}] = None
    sample: Annotated[str, "The lab's name of the crystal.", {"rich_help_panel": PANEL}] = ""
    traces: TraceOptions
    dry_run: Annotated[bool, "Show row by row what would happen, and write nothing."] = False
    suggest: Annotated[int | None, "Suggest the next N compounds right away.", {"min": 1, "metavar": "N"}] = None
    workers: Workers = 2


@takes(IngestOptions)
def ingest(options: IngestOptions) -> None:
    """Take in results and retrain: a table of lifetimes or of a further property, or one crystal's traces or maps.

    Traces and maps are the SC and CC ones of a crystal.

    Columns of a table: formula, lifetime_ps; if known lifetime_stderr_ps, sample, source, temperature_k,
    fluence_uj_cm2, technique, carrier, density_cm3, note, is_upper_bound, convention. A lifetime is the decay time of
    the difference SC - CC; "<0.05" is an upper bound.
    Other names and units are recognised and confirmed, or declared. A table is taken in whole or not at all.

    Columns of a table for --property: compound (or formula) and value (or the property's name); if known error, sample,
    source, note. Other names are declared.

    Examples:

      spinscreen ingest demo results.csv --dry-run

      spinscreen ingest demo results.csv --suggest 5

      spinscreen ingest demo results.xlsx --map lifetime=tau --unit fs --keep-going

      spinscreen ingest demo gaps.csv --property band_gap_ev

      spinscreen ingest demo tin.csv --task tin

      spinscreen ingest demo outcomes.csv --outcomes

      spinscreen ingest demo theirs.eln --eln

      spinscreen ingest demo --formula "(PEA)2PbI4" --sc SC.csv --cc CC.csv --irf-fwhm 0.15

      spinscreen ingest demo --formula "(PEA)2PbI4" --sc-map sc.csv --cc-map cc.csv --window 520 526
    """
    _check_usage(options)
    from campaigns.cli.show import show_ingest

    campaign = options.open()
    if options.table.outcomes:
        assert options.table.results is not None
        _tell_outcomes(campaign.ingest_outcomes(options.table.results, dry_run=options.dry_run), options)
        return
    before = campaign.fit()
    if options.table.eln:
        taken = _crate(campaign, options)
        if taken is None:
            return
        result = taken
    else:
        result = _trace(campaign, options) if options.table.results is None else _table(campaign, options)
    for line in result.warnings:
        console.warn(line)
    behind = not options.dry_run and (result.changed or campaign.is_behind())
    fit = _learnt(campaign, result, options.workers) if behind else None
    if options.as_json:
        console.print_json(_answer(campaign, result, fit, options.suggest))
        return
    show_ingest(result, dry_run=options.dry_run)
    if result.changed and not options.dry_run and options.suggest is None:
        console.line(f"Next: spinscreen suggest {options.folder}")
    if fit is not None:
        _show_learnt(campaign, fit, before)
        if (nothing := campaign.nothing_left()) and options.suggest is None:
            console.line(nothing)
    if options.suggest is not None:
        show_batch(campaign, _next(campaign, options.suggest))


def _crate(campaign: Campaign, options: IngestOptions) -> IngestResult | None:
    """What came of the last measurements of an .eln file, after all else is told; None where it holds none."""
    from campaigns.cli.show import show_ingest
    from campaigns.exchange import ingest_crate

    assert options.table.results is not None
    dry_run = options.dry_run
    measured, became = ingest_crate(campaign, options.table.results, dry_run=dry_run, reading=options.table.reading())
    if became is not None and options.as_json and measured:
        console.note(f"outcomes: {became.added} added, {became.skipped} already known")
    elif became is not None:
        _tell_outcomes(became, options)
    for result in measured[:-1] if not options.as_json else ():
        show_ingest(result, dry_run=dry_run)
    return measured[-1] if measured else None


def _tell_outcomes(result: OutcomeResult, options: IngestOptions) -> None:
    verb = "would be added" if options.dry_run else "added"
    answer = {"name": result.name, "added": result.added, "skipped": result.skipped}
    text = f"{result.name}: {console.count(result.added, 'outcome')} {verb}, {result.skipped} already known"
    console.answer(answer, text)


def _check_usage(options: IngestOptions) -> None:
    """A table, or a formula with one way of giving its traces."""
    results, traces = options.table.results, options.traces
    if results is not None and (traces.is_given or options.formula):
        raise typer.BadParameter("give a table or the traces of one compound, not both")
    if results is None and not traces.is_given:
        raise typer.BadParameter("give a table RESULTS, or --formula with --sc and --cc, --trace, or maps")
    if results is None and options.formula is None:
        raise typer.BadParameter("say which compound was measured: --formula")
    if results is None and (problem := traces.files.problem()):
        raise typer.BadParameter(problem)
    if options.dry_run and options.suggest is not None:
        raise typer.BadParameter("a dry run takes nothing in, so there is nothing new to suggest from")
    if options.table.outcomes and (results is None or options.suggest is not None or options.table.of_property):
        raise typer.BadParameter("outcomes come as a table alone: spinscreen ingest CAMPAIGN FILE --outcomes")
    if options.table.eln and (results is None or options.table.outcomes or options.table.of_property):
        raise typer.BadParameter("an .eln file comes alone: spinscreen ingest CAMPAIGN FILE.eln --eln")
    table = options.table
    if table.task is not None and (results is None or table.outcomes or table.eln or table.of_property is not None):
        raise typer.BadParameter("a related task comes as a table of lifetimes alone", param_hint="--task")
    if options.table.of_property is not None:
        if options.table.results is None:
            raise typer.BadParameter(
                "values of a property come as a table: give RESULTS, no traces", param_hint="--property"
            )
        if options.table.unit is not None:
            raise typer.BadParameter(
                "is for lifetimes; a property's values are in the unit at the end of its name", param_hint="--unit"
            )
        if options.table.accept_extreme:
            raise typer.BadParameter("is for lifetimes, not for --property", param_hint="--accept-extreme")


def _answer(campaign: Campaign, result: IngestResult, fit: FitSummary | None, suggest: int | None) -> dict[str, Any]:
    """What was taken in, what it surprised with, and the suggestions that were asked for."""
    answer = result.to_dict() | {"surprises": [] if fit is None else list(fit.surprises)}
    return answer if suggest is None else answer | {"suggestions": batch_json(campaign, _next(campaign, suggest))}


def _next(campaign: Campaign, batch_size: int) -> SuggestionBatch:
    with console.bar("choosing") as progress:
        return campaign.suggest(batch_size, progress=progress)


def _table(campaign: Campaign, options: IngestOptions) -> IngestResult:
    from campaigns.cli.show import show_rows
    from campaigns.errors import IngestError, UnconfirmedError
    from campaigns.targets import named_target

    table = options.table
    assert table.results is not None
    target = named_target(campaign.config, table.of_property, table.task)
    how: dict[str, Any] = {
        **table.reading(),
        "dry_run": options.dry_run,
        "keep_going": table.keep_going or table.rejects is not None,
        "rejects": table.rejects,
    }
    try:
        while True:
            try:
                return campaign.ingest(table.results, target.name, **how)
            except UnconfirmedError as question:
                console.ask(question, "Is this right?")
                how[question.accept] = True
    except IngestError as error:
        if options.dry_run and not options.as_json:
            show_rows(error.rows, target)
        if campaign.config.properties and any("'lifetime_ps' is missing" in problem for problem in error.problems):
            names = " or ".join(campaign.config.properties)
            console.note(f"if these are values of a measured property, say of which: --property {names}")
        raise


def _trace(campaign: Campaign, options: IngestOptions) -> IngestResult:
    from campaigns.errors import UnconfirmedError
    from campaigns.intake import require_confirmed

    assert options.formula is not None
    measured, fit = fitted(options.traces, mapping_of(options.table.columns, "sc=LL"))
    for note in fit.trace.notes:
        console.note(note)
    console.note(f"{options.formula}: {fit.summary()}")
    name = " and ".join(path.name for path in options.traces.files.paths())
    warned, extreme = options.table.yes or options.dry_run, options.table.accept_extreme
    while True:
        try:
            if not options.dry_run:
                require_confirmed(fit, name, accept_warnings=warned, accept_extreme=extreme)
            return campaign.ingest_trace(
                options.formula,
                fit,
                options.traces.files.paths(),
                sample=options.sample,
                dry_run=options.dry_run,
                measured=measured,
                spectrum_at_ps=options.traces.spectrum_at,
                accept_extreme=extreme,
            )
        except UnconfirmedError as question:
            console.ask(question, "Take the lifetime all the same?")
            warned, extreme = True, extreme or question.accept == "accept_extreme"


def _learnt(campaign: Campaign, result: IngestResult, workers: int) -> FitSummary:
    """What is learnt of what is recorded; where that fails or is stopped, what is recorded is told."""
    from chemspace.errors import SpinscreenError

    last = len(campaign.state.records.get(result.target.name, ()))
    numbers = [str(number) for number in dict.fromkeys((last - result.added + 1, last))] if result.added else []
    recorded = f"recorded as {result.target.noun} {' to '.join(numbers)}" if numbers else "recorded"
    rows = console.count(result.added + result.corrected, "row")
    if result.changed:
        console.stopped = f"stopped; {rows} of {result.name} taken in, the same command goes on to learn from that"
    try:
        with console.bar("xTB descriptors") as progress:
            described = campaign.describe(workers=workers, progress=progress)
        for line in described.failures:
            console.warn(line)
        with console.bar("training, ranking") as progress:
            return campaign.retrain(progress=progress)
    except SpinscreenError as problem:
        console.error(f"{recorded}; training failed: {problem}")
        console.note("the same command, or suggest, goes on from there")
        raise typer.Exit(NOT_LEARNT) from None


def _show_learnt(campaign: Campaign, fit: FitSummary, before: FitSummary | None) -> None:
    from campaigns.cli.show import show_changes, show_fit

    for line in fit.surprises:
        console.warn(line)
    show_fit(fit, before)
    show_changes(campaign.changes())

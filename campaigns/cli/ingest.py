"""`spinscreen ingest`: take in measured lifetimes, as a table or as the traces or maps of one crystal, or values of a
further measured property."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import console
from campaigns.cli.options import AsJson, Folder, OracleStorePath, Workers
from campaigns.cli.suggest import batch_json, show_batch
from campaigns.cli.traces import (
    PANEL,
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
    from campaigns.campaign import Campaign
    from campaigns.ingest import ReadingOptions, ValueOptions
    from campaigns.kinetics import MeasuredFiles
    from campaigns.summary import FitSummary, IngestResult, SuggestionBatch


TABLE = "A table"
_Panel = {"rich_help_panel": TABLE, "show_default": False}


def ingest(
    folder: Folder,
    results: Annotated[
        Path | None,
        typer.Argument(metavar="[RESULTS]", help="Table of results: CSV, .xlsx or JSON lines.", show_default=False),
    ] = None,
    of_property: Annotated[
        str | None,
        typer.Option(
            "--property",
            metavar="NAME",
            help="The table holds values of this measured property of the campaign, such as band_gap_ev.",
            **_Panel,
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Column of a field, as lifetime=tau; repeat.", **_Panel),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Unit of the lifetimes: ps, fs, ns, ps^-1 and so on.", **_Panel)
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook that has several.", **_Panel)] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take recognised columns and units as right.", rich_help_panel=TABLE)
    ] = False,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="Take in the rows that are right, the others go to a file.", **_Panel),
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(help="That file, .csv. Default: RESULTS_rejects.csv in the campaign's folder.", **_Panel),
    ] = None,
    accept_extreme: Annotated[
        bool, typer.Option("--accept-extreme", help="Take lifetimes far from any measured before.", **_Panel)
    ] = False,
    formula: Annotated[
        str | None,
        typer.Option(help="The compound whose traces follow.", show_default=False, rich_help_panel=PANEL),
    ] = None,
    sample: Annotated[
        str, typer.Option(help="The lab's name of the crystal.", show_default=False, rich_help_panel=PANEL)
    ] = "",
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show row by row what would happen, and write nothing.")
    ] = False,
    suggest: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Suggest the next N compounds right away.", show_default=False),
    ] = None,
    workers: Workers = 2,
    oracle_store: OracleStorePath = None,
    as_json: AsJson = False,
) -> None:
    """Take in results and retrain: a table of lifetimes or of a further property, or one crystal's traces or maps.

    Traces and maps are the SC and CC ones of a crystal.

    Columns of a table: formula, lifetime_ps; if known lifetime_stderr_ps, sample, source, temperature_k, technique,
    note, is_upper_bound, convention. A lifetime is the decay time of the difference SC - CC; "<0.05" is an upper bound.
    Other names and units are recognised and confirmed, or declared. A table is taken in whole or not at all.

    Columns of a table for --property: compound (or formula) and value (or the property's name); if known error, sample,
    source, note. Other names are declared.

    Examples:

      spinscreen ingest demo results.csv --dry-run

      spinscreen ingest demo results.csv --suggest 5

      spinscreen ingest demo results.xlsx --map lifetime=tau --unit fs --keep-going

      spinscreen ingest demo gaps.csv --property band_gap_ev

      spinscreen ingest demo --formula "(PEA)2PbI4" --sc SC.csv --cc CC.csv --irf-fwhm 0.15

      spinscreen ingest demo --formula "(PEA)2PbI4" --sc-map sc.csv --cc-map cc.csv --window 520 526
    """
    from campaigns.kinetics import MeasuredFiles

    files = MeasuredFiles(sc, cc, trace, sc_map or (), cc_map or ())
    settings = TraceSettings(window, irf_fwhm, time_zero, exclude, delay_unit, model, spectrum_at)
    _check_usage(results, formula, files, suggest, dry_run=dry_run)
    if of_property is not None:
        _check_property_usage(results, unit=unit, yes=yes, accept_extreme=accept_extreme)
    from campaigns.campaign import Campaign
    from campaigns.cli.show import show_ingest

    campaign = Campaign.open(folder, oracle_store=oracle_store)
    before, keep = campaign.fit(), keep_going or rejects is not None
    if results is not None and of_property is not None:
        told: ValueOptions = {"columns": _mapping(columns or [], "value=gap"), "sheet": sheet}
        result = _values(campaign, results, of_property, told, keep, rejects, dry_run=dry_run, may_show=not as_json)
    elif results is not None:
        reading: ReadingOptions = {
            "columns": _mapping(columns or []),
            "unit": unit,
            "sheet": sheet,
            "accept_guesses": yes,
            "accept_extreme": accept_extreme,
        }
        result = _table(campaign, results, reading, keep, rejects, dry_run=dry_run, may_ask=not as_json)
    else:
        assert formula is not None
        result = _trace(campaign, formula, files, settings, sample, dry_run=dry_run)
    for line in result.warnings:
        console.warn(line)
    fit = _retrain(campaign, workers) if result.added and not dry_run else None
    if as_json:
        console.print_json(_answer(campaign, result, fit, suggest))
        return
    show_ingest(folder, result, dry_run=dry_run)
    if fit is not None:
        _show_learnt(campaign, fit, before)
    if suggest is not None:
        show_batch(campaign, _next(campaign, suggest))


def _check_usage(
    results: Path | None, formula: str | None, files: MeasuredFiles, suggest: int | None, *, dry_run: bool
) -> None:
    """A table, or a formula with one way of giving its traces."""
    if results is not None and (files.paths() or formula):
        raise typer.BadParameter("give a table or the traces of one compound, not both")
    if results is None and not files.paths():
        raise typer.BadParameter("give a table RESULTS, or --formula with --sc and --cc, --trace, or maps")
    if results is None and formula is None:
        raise typer.BadParameter("say which compound was measured: --formula")
    if results is None and (problem := files.problem()):
        raise typer.BadParameter(problem)
    if dry_run and suggest is not None:
        raise typer.BadParameter("a dry run takes nothing in, so there is nothing new to suggest from")


def _check_property_usage(results: Path | None, *, unit: str | None, yes: bool, accept_extreme: bool) -> None:
    """Values of a property come as a table; what is said of lifetimes does not fit them."""
    if results is None:
        raise typer.BadParameter(
            "values of a property come as a table: give RESULTS, no traces", param_hint="--property"
        )
    if unit is not None:
        raise typer.BadParameter(
            "is for lifetimes; a property's values are in the unit at the end of its name", param_hint="--unit"
        )
    for option, given in (("--yes", yes), ("--accept-extreme", accept_extreme)):
        if given:
            raise typer.BadParameter("is for lifetimes, not for --property", param_hint=option)


def _answer(campaign: Campaign, result: IngestResult, fit: FitSummary | None, suggest: int | None) -> dict[str, Any]:
    """What was taken in, what it surprised with, and the suggestions that were asked for."""
    answer = result.to_dict() | {"surprises": [] if fit is None else list(fit.surprises)}
    return answer if suggest is None else answer | {"suggestions": batch_json(campaign, _next(campaign, suggest))}


def _next(campaign: Campaign, batch_size: int) -> SuggestionBatch:
    with console.bar("choosing") as progress:
        return campaign.suggest(batch_size, progress=progress)


def _mapping(pairs: list[str], example: str = "lifetime=tau") -> dict[str, str]:
    found = {}
    for pair in pairs:
        field, sign, column = pair.partition("=")
        if not sign:
            raise typer.BadParameter(f"{pair!r} is no mapping; write FIELD=COLUMN, as {example}", param_hint="--map")
        found[field.strip()] = column.strip()
    return found


def _table(
    campaign: Campaign,
    results: Path,
    reading: ReadingOptions,
    keep_going: bool,
    rejects: Path | None,
    *,
    dry_run: bool,
    may_ask: bool,
) -> IngestResult:
    from campaigns.cli.show import show_rows
    from campaigns.errors import IngestError, UnconfirmedError

    try:
        return campaign.ingest(results, dry_run=dry_run, keep_going=keep_going, rejects=rejects, **reading)
    except UnconfirmedError as question:
        if not (may_ask and sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        for guess in question.guesses:
            console.note(f"  {guess}")
        if not typer.confirm("Is this right?", err=True):
            raise
    except IngestError as error:
        if dry_run and may_ask:
            show_rows(error.rows)
        if campaign.config.properties and any("'lifetime_ps' is missing" in problem for problem in error.problems):
            names = " or ".join(campaign.config.properties)
            console.note(f"if these are values of a measured property, say of which: --property {names}")
        raise
    return _table(
        campaign, results, {**reading, "accept_guesses": True}, keep_going, rejects, dry_run=dry_run, may_ask=may_ask
    )


def _values(
    campaign: Campaign,
    results: Path,
    name: str,
    reading: ValueOptions,
    keep_going: bool,
    rejects: Path | None,
    *,
    dry_run: bool,
    may_show: bool,
) -> IngestResult:
    from campaigns.cli.show import show_rows
    from campaigns.errors import IngestError

    try:
        return campaign.ingest_values(results, name, dry_run=dry_run, keep_going=keep_going, rejects=rejects, **reading)
    except IngestError as error:
        if dry_run and may_show:
            show_rows(error.rows, name)
        raise


def _trace(
    campaign: Campaign, formula: str, files: MeasuredFiles, settings: TraceSettings, sample: str, *, dry_run: bool
) -> IngestResult:
    measured, fit = fitted(files, settings)
    for note in fit.trace.notes:
        console.note(note)
    console.note(f"{formula}: {fit.summary()}")
    return campaign.ingest_trace(
        formula,
        fit,
        files.paths(),
        sample=sample,
        dry_run=dry_run,
        measured=measured,
        spectrum_at_ps=settings.spectrum_at,
    )


def _retrain(campaign: Campaign, workers: int) -> FitSummary:
    with console.bar("xTB descriptors") as progress:
        described = campaign.describe(workers=workers, progress=progress)
    for line in described.failures:
        console.warn(line)
    with console.bar("training, ranking") as progress:
        return campaign.retrain(progress=progress)


def _show_learnt(campaign: Campaign, fit: FitSummary, before: FitSummary | None) -> None:
    from campaigns.cli.show import show_changes, show_fit

    for line in fit.surprises:
        console.warn(line)
    show_fit(fit, before)
    show_changes(campaign.changes())

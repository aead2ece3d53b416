"""`spinscreen replay`, `export` and `log`: what happened, as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from campaigns.cli import console
from campaigns.cli.console import out
from campaigns.cli.options import AsJson, Folder, OracleStorePath

__all__ = ["export", "log", "replay"]


def replay(
    folder: Folder,
    number: Annotated[
        int | None, typer.Argument(metavar="[ROUND]", help="Default: the last.", show_default=False)
    ] = None,
    oracle_store: OracleStorePath = None,
    as_json: AsJson = False,
) -> None:
    """Compute an old round of suggestions again and say whether it comes out the same, and what computes it changed.

    Exit code 1 where it does not.

    Example: spinscreen replay demo 1
    """
    from campaigns.campaign import Campaign

    campaign = Campaign.open(folder, oracle_store=oracle_store)
    with console.bar("training, ranking") as progress:
        told = campaign.replay(number, progress=progress)
    if as_json:
        console.print_json(told.to_dict())
    else:
        out.print(escape(told.verdict), soft_wrap=True)
        for line in (*told.differences, *told.versions_changed):
            out.print(f"  {escape(line)}", soft_wrap=True)
    if not told.same:
        raise typer.Exit(1)


def export(
    folder: Folder,
    output: Annotated[
        Path, typer.Argument(metavar="FILE", help="Ends in .csv, .jsonl or .parquet.", show_default=False)
    ],
    raw: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the raw files too (tables, traces, maps, library), each under its hash and name.",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    of_property: Annotated[
        str | None,
        typer.Option(
            "--property",
            metavar="NAME",
            help="Not lifetimes but every value of this measured property, the launch's table first.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the campaign's own measurements as a table, retracted ones with their reason.

    The column sha256 names the raw files of each row, number is what `retract` takes.

    Examples:

      spinscreen export demo measured.csv

      spinscreen export demo measured.csv --raw raw

      spinscreen export demo gaps.csv --property band_gap_ev
    """
    from campaigns.campaign import Campaign
    from campaigns.files import EXPORTS, write_files, write_table
    from campaigns.property_value import property_of

    if output.suffix not in EXPORTS:
        raise typer.BadParameter(f"{output.name} must end in {', '.join(EXPORTS)}", param_hint="FILE")
    campaign = Campaign.open(folder)
    what = "measurements" if of_property is None else f"values of {of_property}"
    if of_property is None:
        rows = [row.to_dict() for row in campaign.state.record]
    else:
        property_of(campaign.config, of_property)
        rows = [row.to_dict() for row in campaign.state.property_values[of_property]]
    write_table(output, rows)
    written = [] if raw is None else write_files(raw, campaign.raw_files())
    if as_json:
        console.print_json({"file": str(output), "rows": len(rows), "raw": [str(path) for path in written]})
        return
    out.print(f"{len(rows)} {escape(what)} in {escape(str(output))}", soft_wrap=True)
    if raw is not None:
        out.print(f"{len(written)} raw files in {escape(str(raw))}", soft_wrap=True)


def log(folder: Folder, as_json: AsJson = False) -> None:
    """Show everything that happened, oldest first: when, who, what.

    Example: spinscreen log demo
    """
    from campaigns.campaign import Campaign

    told = Campaign.open(folder).history()
    if as_json:
        console.print_json(list(told))
        return
    for event in told:
        out.print(f"{event['at'][:19]}  {escape(event['actor'])}  {escape(event['what'])}", soft_wrap=True)

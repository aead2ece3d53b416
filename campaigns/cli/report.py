"""`spinscreen report`: the campaign as one HTML file, and as a PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import console
from campaigns.cli.options import AsJson, Folder, OracleStorePath

__all__ = ["report"]


def report(
    folder: Folder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: report.html in the campaign.", show_default=False)
    ] = None,
    pdf: Annotated[
        Path | None,
        typer.Option("--pdf", help="Print it into this file too; needs Chromium.", dir_okay=False, show_default=False),
    ] = None,
    oracle_store: OracleStorePath = None,
    as_json: AsJson = False,
) -> None:
    """Write the report: one HTML file that needs nothing else and no network.

    It shows what the pages of `spinscreen serve` show, for a group meeting.

    Examples:

      spinscreen report demo -o meeting.html

      spinscreen report demo --pdf meeting.pdf
    """
    from campaigns.campaign import Campaign

    campaign = Campaign.open(folder, oracle_store=oracle_store)
    with console.bar("training, ranking") as progress:
        path = campaign.report(output, progress=progress)
    written = {"report": str(path)}
    if pdf is not None:
        from campaigns.report.pdf import write_pdf

        write_pdf(path, pdf)
        written["pdf"] = str(pdf)
    if as_json:
        console.print_json(written)
        return
    for name in written.values():
        console.out.print(name, soft_wrap=True, markup=False)

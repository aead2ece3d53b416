"""`spinscreen check` and `spinscreen backup`: whether a campaign is as it was written, and a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import console
from campaigns.cli.options import NEW_FILE, CampaignOptions, OracleStorePath, takes


class CheckOptions(CampaignOptions):
    oracle_store: OracleStorePath = None


@takes(CheckOptions)
def check(options: CheckOptions) -> None:
    """Look whether everything a campaign keeps is as it was written: events, files, database, the oracle's records.

    A line for everything that is damaged, and exit code 1 then. What is damaged and made anew by itself is a warning.

    Example: spinscreen check demo
    """
    from campaigns.upkeep import look_over
    from oracle import default_store_path

    found = look_over(options.folder, options.oracle_store or default_store_path())
    for line in found.notes:
        console.warn(line)
    looked_at = (
        f"{console.count(found.events, 'event')}, {console.count(found.files, 'kept file')}, "
        f"{console.count(found.records, 'record')} of the oracle"
    )
    sound = f"{options.folder} is as it was written ({looked_at})"
    console.answer(found.to_dict(), "\n".join(found.damage) or sound)
    if found.damage:
        raise typer.Exit(1)


class BackupOptions(CampaignOptions):
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where; an older backup is replaced.", **NEW_FILE)]


@takes(BackupOptions)
def backup(options: BackupOptions) -> None:
    """Copy a campaign's log and files into one file, whole and checked, also while others write to it.

    To go back to it, copy the file to campaign.db in a new folder.

    Example: spinscreen backup demo demo-monday.db
    """
    from campaigns.upkeep import back_up

    n_events = back_up(options.folder, options.target)
    size = options.target.stat().st_size
    text = (
        f"{console.count(n_events, 'event')} of {options.folder} in {options.target} ({size / 1e6:.1f} MB); "
        "to go back to it, copy it to campaign.db in a new folder"
    )
    console.answer({"file": str(options.target), "events": n_events, "bytes": size}, text)

"""`spinscreen check`, `backup` and `plugins`: a campaign as written, its copy, what it can name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from campaigns.cli import console
from campaigns.cli.options import NEW_FILE, CampaignOptions, OracleStorePath, PrintingOptions, takes
from chemspace.registry import Registry, load_plugins


@takes(PrintingOptions)
def plugins(options: PrintingOptions) -> None:
    """List the surrogates, strategies, engines and descriptors that there are: where each comes from, and what it is.

    A package adds to them by an entry point of the group spinscreen.plugins.

    Examples:

      spinscreen plugins

      spinscreen plugins --json
    """
    from oracle.descriptors import DESCRIPTORS
    from oracle.engines.registry import ENGINES
    from screening.strategies import STRATEGIES
    from screening.surrogates.registry import SURROGATES

    failures = load_plugins()
    registries: tuple[Registry[Any], ...] = (SURROGATES, STRATEGIES, ENGINES, DESCRIPTORS)
    listed = {
        f"{registry.kind}s": [
            {"name": entry.name, "source": entry.source, "words": entry.words} for entry in registry.entries()
        ]
        for registry in registries
    }
    failed = [{"name": f.name, "source": f.source, "reason": f.reason} for f in failures]
    console.answer({**listed, "not_loaded": failed}, lambda: _show(listed))
    for failure in failures:
        console.warn(f"the plug-in {failure.name} of {failure.source} could not be loaded: {failure.reason}")


def _show(found: dict[str, list[dict[str, str]]]) -> None:
    for title, rows in found.items():
        table = console.table(title, "from", "what it is", left=("from", "what it is"))
        for row in rows:
            table.add_row(*(escape(text) for text in row.values()))
        console.out.print(table)
        console.out.print()


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

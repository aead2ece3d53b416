"""What became of a results file, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from campaigns.cli.console import out
from campaigns.summary import IngestResult, RowReport

__all__ = ["show_ingest", "show_rows"]

_COLOURS = {"add": "green", "known": "dim", "retracted": "yellow", "refused": "red"}


def show_ingest(folder: Path, result: IngestResult, *, dry_run: bool) -> None:
    """What an ingest did, or would do."""
    if dry_run:
        show_rows(result.rows, result.property)
    verb = "would be added" if dry_run else "added"
    of = "" if result.property is None else f" of {escape(result.property)}"
    rows = f"{result.added} row{'' if result.added == 1 else 's'}{of} {verb}"
    refused = f", {result.refused} refused" if result.refused else ""
    out.print(f"{escape(result.name)}: {rows}, {result.skipped} already known{refused}", soft_wrap=True)
    if result.rejects is not None:
        out.print(f"The refused rows stand with their reasons in {escape(result.rejects)}", soft_wrap=True)
    if result.page is not None:
        out.print(f"Pictures: {escape(result.page)}", soft_wrap=True)
    if result.added and not dry_run:
        out.print(f"Next: spinscreen suggest {escape(str(folder))}", soft_wrap=True)


def show_rows(rows: Sequence[RowReport], of_property: str | None = None) -> None:
    """Row by row what would happen, to lifetimes or to values of a property."""
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("row", "what", "formula", of_property or "lifetime (ps)", "sample", "note"):
        table.add_column(title, justify="right" if title == "row" else "left", overflow="fold")
    for row in rows:
        colour = _COLOURS[row.action]
        number, spread = (row.lifetime_ps, row.lifetime_stderr_ps) if of_property is None else (row.value, row.error)
        value = "" if number is None else f"{'<' if row.is_upper_bound else ''}{number:.4g}"
        error = "" if spread is None else f" ± {spread:.2g}"
        table.add_row(
            str(row.line),
            f"[{colour}]{row.action}[/]",
            escape(row.formula),
            f"{value}{error}",
            escape(row.sample),
            escape(row.note),
        )
    out.print(table)

"""`spinscreen plugins`: everything that a campaign's description can name, and where it comes from."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from campaigns.cli import console
from campaigns.cli.options import PrintingOptions, takes
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

"""The commands and how they are named."""

from __future__ import annotations

from typing import Annotated

import typer

from campaigns.cli import cations, console, ingest, launch, look, record, serve, suggest

app = typer.Typer(
    name="spinscreen",
    help="Find layered halide perovskites with a long spin lifetime in few experiments.",
    epilog="""Start with: spinscreen launch demo

Exit codes: 0 done, 1 the data are wrong, damaged or replayed otherwise, 2 the command is wrong, 130 stopped by you.
Results go to stdout, everything else to stderr; --json makes every command but serve and mcp print for a program.
Completion in your shell: spinscreen --install-completion""",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
COMMANDS = {
    "The three verbs": (launch.launch, suggest.suggest, ingest.ingest),
    "The lab": (
        look.status,
        record.accept,
        record.decline,
        record.outcome,
        record.retract,
        record.undo,
        launch.amend,
        look.validate,
        look.explain,
        look.recipe,
        look.report,
        serve.serve,
        serve.tokens,
        serve.mcp,
        record.log,
        record.export,
        record.replay,
        record.check,
        record.backup,
    ),
    "Tools": (ingest.fit_trace, look.paper, look.backtest, record.plugins),
}
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(cations.LIBRARY, name="library", rich_help_panel="Tools")
app.add_typer(cations.ORACLE, name="oracle", rich_help_panel="Tools")

GREETING = """\
spinscreen finds layered perovskites with a long spin lifetime in few experiments.

  spinscreen launch demo              screen compounds, suggest what to make
  spinscreen ingest demo results.csv  take in results, learn from them
  spinscreen suggest demo             what to make next

In the browser: spinscreen serve demo
All commands:   spinscreen --help"""


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        console.line(f"spinscreen {version('spinscreen')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def greet(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Say how to begin where no command is given."""
    if context.invoked_subcommand is None:
        console.line(GREETING)

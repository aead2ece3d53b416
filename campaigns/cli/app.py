"""The commands and how they are named."""

from __future__ import annotations

import typer

from campaigns.cli import backtest, explain, ingest, launch, library, oracle, plugins, record, serve, suggest
from campaigns.cli import backtest as paper
from campaigns.cli import explain as report
from campaigns.cli import explain as status
from campaigns.cli import explain as validate
from campaigns.cli import record as lifecycle
from campaigns.cli import traces as fit_trace

app = typer.Typer(
    name="spinscreen",
    help="Find layered halide perovskites with a long spin lifetime in few experiments.",
    epilog="""Start with: spinscreen launch demo

Exit codes: 0 done, 1 the data are wrong (or replay came out otherwise), 2 the command is wrong, 130 stopped by you.
Results go to stdout, everything else to stderr; --json makes every command but serve print for a program.
Completion in your shell: spinscreen --install-completion""",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
VERBS, LAB, TOOLS = "The three verbs", "The lab", "Tools"
app.command("launch", rich_help_panel=VERBS)(launch.launch)
app.command("suggest", rich_help_panel=VERBS)(suggest.suggest)
app.command("ingest", rich_help_panel=VERBS)(ingest.ingest)
app.command("status", rich_help_panel=LAB)(status.status)
app.command("accept", rich_help_panel=LAB)(lifecycle.accept)
app.command("decline", rich_help_panel=LAB)(lifecycle.decline)
app.command("outcome", rich_help_panel=LAB)(lifecycle.outcome)
app.command("retract", rich_help_panel=LAB)(lifecycle.retract)
app.command("validate", rich_help_panel=LAB)(validate.validate)
app.command("explain", rich_help_panel=LAB)(explain.explain)
app.command("report", rich_help_panel=LAB)(report.report)
app.command("serve", rich_help_panel=LAB)(serve.serve)
app.command("log", rich_help_panel=LAB)(record.log)
app.command("export", rich_help_panel=LAB)(record.export)
app.command("replay", rich_help_panel=LAB)(record.replay)
app.command("fit-trace", rich_help_panel=TOOLS)(fit_trace.fit_trace)
app.command("paper", rich_help_panel=TOOLS)(paper.paper)
app.command("backtest", rich_help_panel=TOOLS)(backtest.backtest)
app.command("plugins", rich_help_panel=TOOLS)(plugins.plugins)
app.add_typer(library.app, name="library", rich_help_panel=TOOLS)
app.add_typer(oracle.app, name="oracle", rich_help_panel=TOOLS)

"""`spinscreen backtest`: replay a finished table as campaigns, or plan a campaign that is still to come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import console
from campaigns.cli.options import NEW_FILE, PrintingOptions, takes

if TYPE_CHECKING:
    import pandas as pd

    from screening.backtest import FinishedTable
    from screening.paper import Reproduction


_STRATEGIES = "spinscreen, surrogate (that of campaigns; slow), random, botorch, forest"


@dataclass(frozen=True, kw_only=True)
class BacktestOptions(PrintingOptions):
    """Options of `spinscreen backtest`."""

    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, Excel or Parquet: descriptors and results.")]
    target: Annotated[str, typer.Option(help="Column with the results.")]
    strategy: Annotated[str, typer.Option(help=f"Separated by commas: {_STRATEGIES}.")] = "spinscreen,random"
    columns: Annotated[
        str | None, typer.Option(help="Descriptor columns, separated by commas. Default: every numeric one.")
    ] = None
    maximize: Annotated[bool, typer.Option("--maximize", help="Large results are good. Default: small ones.")] = False
    batch_size: Annotated[int, typer.Option("--batch-size", "-q", min=1, help="Experiments a round.")] = 1
    start: Annotated[int, typer.Option(min=1, help="Random experiments before the first round.")] = 5
    budget: Annotated[int, typer.Option(min=1, help="Experiments in all; with --simulate, new ones.")] = 40
    seeds: Annotated[int, typer.Option(min=1, help="Campaigns a strategy; with --simulate, simulated worlds.")] = 10
    top: Annotated[int, typer.Option(min=1, help="How many of the best rows count as found.")] = 5
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the curves to this .html file.", **NEW_FILE)
    ] = None
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Plan: rows with an empty target are candidates, the others are known.")
    ] = False
    goal: Annotated[float | None, typer.Option(help="With --simulate: the result to reach.")] = None
    probability: Annotated[float, typer.Option(min=0.0, max=1.0, help="With --simulate: how sure to be.")] = 0.8

    @property
    def descriptors(self) -> list[str] | None:
        """The descriptor columns that are named."""
        return None if self.columns is None else [name.strip() for name in self.columns.split(",")]

    @property
    def strategies(self) -> list[str]:
        """The strategies that are named."""
        return [name.strip() for name in self.strategy.split(",") if name.strip()]


@takes(BacktestOptions)
def backtest(options: BacktestOptions) -> None:
    """Ask how well a strategy would have done on a finished table.

    Every strategy gets the same random starts. Printed: mean regret (0 is the best row, 1 the median one), experiments
    until half and all of the best rows were found, and the factors against chance (run "random" too to have them).

    Example: spinscreen backtest measured.csv --target rate_per_ps --strategy spinscreen,random --seeds 20
    """
    if options.simulate != (options.goal is not None):
        raise typer.BadParameter("--simulate needs --goal, and --goal needs --simulate")
    from chemspace.tables.frame import read_frame
    from screening.backtest import FinishedTable

    frame = read_frame(options.table)
    if options.goal is not None:
        _plan(frame, options.goal, options)
        return
    finished = FinishedTable.from_frame(
        frame, options.target, minimize=not options.maximize, columns=options.descriptors
    )
    _replay(finished, options)


def _replay(finished: FinishedTable, options: BacktestOptions) -> None:
    from campaigns.files import write_whole
    from screening.backtest import Schedule, figure_html
    from screening.backtest import backtest as replay_all

    with console.bar("replaying") as progress:
        result = replay_all(
            finished,
            options.strategies,
            Schedule(options.start, options.batch_size, options.budget),
            seeds=range(options.seeds),
            top_k=options.top,
            progress=progress,
        )
    summary = result.summary()
    if options.output is not None:
        page = figure_html(result, options.table.name)
        write_whole(options.output, lambda path: path.write_text(page, encoding="utf-8"))
        console.note(f"curves written to {options.output}")
    if options.as_json:
        console.print_json(console.finite(summary.to_dict("records")))
    else:
        _show(summary, len(finished.y), options)


def _show(summary: pd.DataFrame, rows: int, options: BacktestOptions) -> None:
    title = (
        f"{rows} rows, {options.start} random first, batches of {options.batch_size}, {options.seeds} seeds, "
        f"the best {options.top}"
    )
    headings = ("strategy", "mean regret", "to half of the best", "to all of them", "acceleration", "enhancement")
    grid = console.table(*headings, title=title)
    for row in summary.to_dict("records"):
        grid.add_row(
            str(row["strategy"]),
            f"{row['mean_regret']:.3f} ± {row['mean_regret_se']:.3f}",
            f"{row['experiments_to_half_top']:g}",
            f"{row['experiments_to_top']:g}",
            f"{row['acceleration']:.2f}",
            f"{row['enhancement']:.2f}",
        )
    console.out.print(grid)


def _plan(frame: pd.DataFrame, goal: float, options: BacktestOptions) -> None:
    from screening.backtest import FinishedTable, Schedule, plan_campaign
    from screening.errors import BacktestError

    target, budget, minimize = options.target, options.budget, not options.maximize
    if target not in frame.columns:
        raise BacktestError(f"no column {target!r} to learn; the table has {', '.join(map(str, frame.columns))}")
    known = frame[target].notna()
    observed = FinishedTable.from_frame(frame[known], target, minimize, options.descriptors)
    candidates = FinishedTable.from_frame(frame[~known].assign(**{target: 0.0}), target, columns=observed.columns)
    with console.bar("simulating") as progress:
        plan = plan_campaign(
            observed,
            candidates.x,
            goal,
            Schedule(batch_size=options.batch_size, budget=budget),
            draws=options.seeds,
            progress=progress,
        )
    needed = plan.experiments_for(options.probability)
    if options.as_json:
        console.print_json(
            {
                "goal": goal,
                "probability": options.probability,
                "experiments": console.finite(needed),
                "budget": budget,
                "within_budget": plan.probability_within(budget),
                "possible": plan.possible,
            }
        )
        return
    count = f"{needed:g} experiments" if needed < float("inf") else f"more than {budget} experiments"
    console.marked(
        f"{target} {'<=' if minimize else '>='} {goal:g} with probability {options.probability:.0%}: {count}\n"
        f"within the budget of {budget}: {plan.probability_within(budget):.0%} of {options.seeds} simulated worlds; "
        f"some candidate reaches the goal in {plan.possible:.0%} of them"
    )


_HEADINGS = {
    "in_sample": "training rows",
    "leave_one_out": "leave one out",
    "leave_one_spacer_out": "leave spacer out",
    "train38_test14": "38 / 14",
    "train45_test7": "45 / 7",
}
_TABLES = {
    "as_filed": "all {n} rows as the paper filed them",
    "default_rows": "the {n} rows that train by default, descriptors corrected",
}


@dataclass(frozen=True, kw_only=True)
class PaperOptions(PrintingOptions):
    """Options of `spinscreen paper`."""

    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 42


@takes(PaperOptions)
def paper(options: PaperOptions) -> None:
    """Repeat the reference paper's protocol on its table, beside honest scores of every model.

    R2 on training rows is what the paper's script prints; every other column is out of sample.

    Example: spinscreen paper --json > paper.json
    """
    from screening.paper import reproduce

    with console.bar("scoring models") as progress:
        found = reproduce(options.seed, progress=progress)
    if options.as_json:
        console.print_json(found.to_dict())
        return
    _show_claims(found)
    for table in _TABLES:
        _show_scores(found, table)
    console.out.print(
        "R2 on log10 rate, in brackets on the rate. Only the first column scores rows that were trained on.",
        style="dim",
    )


def _show_claims(found: Reproduction) -> None:
    from screening.paper import CLAIMS

    cards = found.cards["as_filed"]
    headings = ("model and rows", "claimed", "its protocol on training rows", "out of sample")
    shown = console.table(*headings, title="Claimed and found, R2 on the rate (doi 10.1039/d5sc07406a)")
    for claim in CLAIMS:
        of_model = cards[claim.model]
        shown.add_row(
            f"{claim.model}: {claim.rows}",
            f"{claim.r2_rate:.2f}",
            f"{of_model['in_sample'].r2_rate:.2f}",
            f"{of_model[claim.split].r2_rate:.2f}",
        )
    console.out.print(shown)
    console.out.print(f"Network chosen from the paper's grid: {found.setting}.", style="dim")


def _show_scores(found: Reproduction, table: str) -> None:
    title = f"R2 of every model: {_TABLES[table].format(n=found.n_rows[table])}"
    shown = console.table("model", *_HEADINGS.values(), "90% interval holds", title=title)
    for model, cards in found.cards[table].items():
        scores = [f"{cards[split].r2_log:.2f} ({cards[split].r2_rate:.2f})" for split in _HEADINGS]
        shown.add_row(model, *scores, f"{cards['leave_one_spacer_out'].coverage_90:.0%}")
    console.out.print(shown)

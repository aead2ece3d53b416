"""`spinscreen backtest`: replay a finished table as campaigns, or plan a campaign that is still to come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import console
from campaigns.cli.options import AsJson

if TYPE_CHECKING:
    import pandas as pd

    from screening.backtest import FinishedTable
    from screening.paper import Reproduction


_STRATEGIES = "spinscreen, surrogate (that of campaigns; slow), random, botorch, forest"


def backtest(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV or Parquet: descriptors and results.")],
    target: Annotated[str, typer.Option(help="Column with the results.", show_default=False)],
    strategy: Annotated[str, typer.Option(help=f"Separated by commas: {_STRATEGIES}.")] = "spinscreen,random",
    columns: Annotated[
        str | None,
        typer.Option(help="Descriptor columns, separated by commas. Default: every numeric one.", show_default=False),
    ] = None,
    maximize: Annotated[bool, typer.Option("--maximize", help="Large results are good. Default: small ones.")] = False,
    batch_size: Annotated[int, typer.Option("--batch-size", "-q", min=1, help="Experiments a round.")] = 1,
    start: Annotated[int, typer.Option(min=1, help="Random experiments before the first round.")] = 5,
    budget: Annotated[int, typer.Option(min=1, help="Experiments in all; with --simulate, new ones.")] = 40,
    seeds: Annotated[int, typer.Option(min=1, help="Campaigns a strategy; with --simulate, simulated worlds.")] = 10,
    top: Annotated[int, typer.Option(min=1, help="How many of the best rows count as found.")] = 5,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the curves to this .html file.", dir_okay=False, show_default=False),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Plan: rows with an empty target are candidates, the others are known.")
    ] = False,
    goal: Annotated[
        float | None, typer.Option(help="With --simulate: the result to reach.", show_default=False)
    ] = None,
    probability: Annotated[float, typer.Option(min=0.0, max=1.0, help="With --simulate: how sure to be.")] = 0.8,
    as_json: AsJson = False,
) -> None:
    """Ask how well a strategy would have done on a finished table.

    Every strategy gets the same random starts. Printed: mean regret (0 is the best row, 1 the median one), experiments
    until half and all of the best rows were found, and the factors against chance (run "random" too to have them).

    Example: spinscreen backtest measured.csv --target rate_per_ps --strategy spinscreen,random --seeds 20
    """
    from chemspace.tables.frame import read_frame

    names = None if columns is None else [name.strip() for name in columns.split(",")]
    if simulate != (goal is not None):
        raise typer.BadParameter("--simulate needs --goal, and --goal needs --simulate")
    frame = read_frame(table)
    if goal is not None:
        _plan(frame, target, names, maximize, batch_size, budget, seeds, goal, probability, as_json)
        return
    from screening.backtest import FinishedTable

    finished = FinishedTable.from_frame(frame, target, minimize=not maximize, columns=names)
    wanted = [name.strip() for name in strategy.split(",") if name.strip()]
    _replay(finished, wanted, batch_size, start, budget, seeds, top, output, table.name, as_json)


def _replay(
    finished: FinishedTable,
    strategies: list[str],
    batch_size: int,
    start: int,
    budget: int,
    seeds: int,
    top: int,
    output: Path | None,
    title: str,
    as_json: bool,
) -> None:
    from campaigns.files import write_whole
    from screening.backtest import backtest as replay_all
    from screening.backtest import figure_html

    with console.bar("replaying") as progress:
        result = replay_all(
            finished,
            strategies,
            n_start=start,
            batch_size=batch_size,
            budget=budget,
            seeds=range(seeds),
            top_k=top,
            progress=progress,
        )
    summary = result.summary()
    if output is not None:
        write_whole(output, lambda path: path.write_text(figure_html(result, title), encoding="utf-8"))
        console.note(f"curves written to {output}")
    if as_json:
        console.print_json(console.finite(summary.to_dict("records")))
        return
    _show(summary, len(finished.y), start, batch_size, seeds, top)


def _show(summary: pd.DataFrame, rows: int, start: int, batch_size: int, seeds: int, top: int) -> None:
    from rich.table import Table

    grid = Table(title=f"{rows} rows, {start} random first, batches of {batch_size}, {seeds} seeds, the best {top}")
    for heading in ("strategy", "mean regret", "to half of the best", "to all of them", "acceleration", "enhancement"):
        grid.add_column(heading, justify="left" if heading == "strategy" else "right")
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


def _plan(
    frame: pd.DataFrame,
    target: str,
    names: list[str] | None,
    maximize: bool,
    batch_size: int,
    budget: int,
    worlds: int,
    goal: float,
    probability: float,
    as_json: bool,
) -> None:
    from screening.backtest import FinishedTable, plan_campaign
    from screening.errors import BacktestError

    if target not in frame.columns:
        raise BacktestError(f"no column {target!r} to learn; the table has {', '.join(map(str, frame.columns))}")
    known = frame[target].notna()
    observed = FinishedTable.from_frame(frame[known], target, not maximize, names)
    candidates = FinishedTable.from_frame(frame[~known].assign(**{target: 0.0}), target, columns=observed.columns)
    with console.bar("simulating") as progress:
        plan = plan_campaign(
            candidates.x,
            observed.x,
            observed.y,
            goal,
            batch_size=batch_size,
            budget=budget,
            minimize=not maximize,
            draws=worlds,
            progress=progress,
        )
    needed = plan.experiments_for(probability)
    if as_json:
        answer = {"goal": goal, "probability": probability, "experiments": console.finite(needed), "budget": budget}
        within = {"within_budget": plan.probability_within(budget), "possible": plan.possible}
        console.print_json({**answer, **within})
        return
    count = f"{needed:g} experiments" if needed < float("inf") else f"more than {budget} experiments"
    console.out.print(
        f"{target} {'>=' if maximize else '<='} {goal:g} with probability {probability:.0%}: {count}\n"
        f"within the budget of {budget}: {plan.probability_within(budget):.0%} of {worlds} simulated worlds; "
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


def paper(
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 42,
    as_json: AsJson = False,
) -> None:
    """Repeat the reference paper's protocol on its table, beside honest scores of every model.

    R2 on training rows is what the paper's script prints; every other column is out of sample.

    Example: spinscreen paper --json > paper.json
    """
    from screening.paper import reproduce

    with console.bar("scoring models") as progress:
        told = reproduce(seed, progress=progress)
    if as_json:
        console.print_json(told.to_dict())
        return
    _claims(told)
    for table in _TABLES:
        _scores(told, table)
    console.out.print(
        "R2 on log10 rate, in brackets on the rate. Only the first column scores rows that were trained on.",
        style="dim",
    )


def _claims(told: Reproduction) -> None:
    from rich.table import Table

    from screening.paper import CLAIMS

    mine = told.cards["as_filed"]
    shown = Table(title="Claimed and found, R2 on the rate (doi 10.1039/d5sc07406a)")
    for heading in ("model and rows", "claimed", "its protocol on training rows", "out of sample"):
        shown.add_column(heading, justify="left" if heading.startswith("model") else "right")
    for claim in CLAIMS:
        cards = mine[claim.model]
        shown.add_row(
            f"{claim.model}: {claim.rows}",
            f"{claim.r2_rate:.2f}",
            f"{cards['in_sample'].r2_rate:.2f}",
            f"{cards[claim.split].r2_rate:.2f}",
        )
    console.out.print(shown)
    console.out.print(f"Network chosen from the paper's grid: {told.setting}.", style="dim")


def _scores(told: Reproduction, table: str) -> None:
    from rich.table import Table

    shown = Table(title=f"R2 of every model: {_TABLES[table].format(n=told.n_rows[table])}")
    shown.add_column("model")
    for heading in (*_HEADINGS.values(), "90% interval holds"):
        shown.add_column(heading, justify="right")
    for model, cards in told.cards[table].items():
        scores = [f"{cards[split].r2_log:.2f} ({cards[split].r2_rate:.2f})" for split in _HEADINGS]
        shown.add_row(model, *scores, f"{cards['leave_one_spacer_out'].coverage_90:.0%}")
    console.out.print(shown)

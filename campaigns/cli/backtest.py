"""`spinscreen backtest`: replay a finished table as campaigns, or plan a campaign that is still to come."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import console
from campaigns.cli.options import NEW_FILE, PrintingOptions, TableOptions, takes

if TYPE_CHECKING:
    from screening.backtest import Backtest, FinishedTable
    from screening.paper import Reproduction

#: p from which on two strategies are not told apart.
_SIGNIFICANT = 0.05
_STRATEGIES = "spinscreen, random, botorch, forest"


class BacktestOptions(PrintingOptions):
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, Excel or Parquet: descriptors and results.")]
    target: Annotated[str, "Column with the results."]
    strategy: Annotated[str, f"Separated by commas: {_STRATEGIES}."] = "spinscreen,random"
    minimize: Annotated[bool, "--minimize/--maximize", "Which results are good."] = True
    batch_size: Annotated[int, "--batch-size", "-q", "Experiments a round.", {"min": 1}] = 1
    start: Annotated[int, "Random experiments before the first round.", {"min": 1}] = 5
    budget: Annotated[int, "Experiments in all; with --simulate, new ones.", {"min": 1}] = 40
    seeds: Annotated[int, "Campaigns a strategy; with --simulate, simulated worlds.", {"min": 1}] = 10
    top: Annotated[int, "How many of the best rows count as found.", {"min": 1}] = 5
    output: Annotated[Path | None, "--output", "-o", "Write the curves to this .html file.", NEW_FILE] = None
    simulate: Annotated[bool, "Plan: rows with an empty target are candidates, the others are known."] = False
    goal: Annotated[float | None, "With --simulate: the result to reach."] = None
    teaching: Annotated[
        str,
        "With --simulate: shares of a batch for what teaches most, such as 0,0.2,0.4, compared in the same worlds.",
        {"metavar": "SHARES"},
    ] = "0"
    probability: Annotated[float, "With --simulate: how sure to be.", {"min": 0.0, "max": 1.0}] = 0.8
    reading: TableOptions

    @property
    def strategies(self) -> list[str]:
        """The strategies that are named."""
        return [name.strip() for name in self.strategy.split(",") if name.strip()]

    @property
    def shares(self) -> list[float]:
        """The shares that are compared."""
        try:
            found = [float(text) for text in self.teaching.split(",")]
        except ValueError:
            found = []
        if not found or not all(0.0 <= share <= 1.0 for share in found):
            raise typer.BadParameter(
                f"{self.teaching!r}: give shares from 0 to 1, such as 0,0.2,0.4", param_hint="--teaching"
            )
        return found


@takes(BacktestOptions, keeps=False)
def backtest(options: BacktestOptions) -> None:
    """Ask how well a strategy would have done on a finished table.

    Every strategy gets the same random starts, and the rows in a random order. Printed: mean regret (0 is the best row,
    1 the median one), experiments until half and all of the best rows were found, the factors against chance (run
    "random" too to have them), and what the differences between strategies are worth.

    Example: spinscreen backtest measured.csv --target rate_per_ps --strategy spinscreen,random --seeds 20
    """
    if options.simulate != (options.goal is not None):
        raise typer.BadParameter("--simulate needs --goal, and --goal needs --simulate")
    from chemspace.tables.frame import read_frame
    from screening.backtest import FinishedTable

    frame, query = read_frame(options.table), options.reading.query(options.target, options.minimize)
    if options.goal is not None:
        _plan(*FinishedTable.with_candidates(frame, query), options.goal, options)
        return
    _replay(FinishedTable.from_frame(frame, query), options)


def _replay(finished: FinishedTable, options: BacktestOptions) -> None:
    from campaigns.files import write_whole
    from screening.backtest import Schedule, figure_html
    from screening.backtest import backtest as replay_all

    for sentence in finished.remarks:
        console.remark(sentence)
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
    pairs = console.finite(result.comparisons().to_dict("records"))
    against = {name: [pair for pair in pairs if pair["strategy"] == name] for name in result.rows}
    rows = console.finite(summary.to_dict("records"))
    answer = [{**row, "comparisons": against[row["strategy"]]} for row in rows]
    console.answer(answer, lambda: _show(result, options))


def _show(result: Backtest, options: BacktestOptions) -> None:
    title = (
        f"{len(result.table.y)} rows, {options.start} random first, batches of {options.batch_size}, "
        f"{console.count(options.seeds, 'seed')}, the best {options.top}"
    )
    headings = ("strategy", "mean regret", "to half of the best", "to all of them", "acceleration", "enhancement")
    grid = console.table(*headings, title=title)
    rows = result.summary().to_dict("records")
    for row in rows:
        error = row["mean_regret_se"]
        grid.add_row(
            str(row["strategy"]),
            f"{row['mean_regret']:.3f}" + ("" if isnan(error) else f" ± {error:.3f}"),
            *(_number(row[name], "g") for name in ("experiments_to_half_top", "experiments_to_top")),
            *(_number(row[name], ".2f") for name in ("acceleration", "enhancement")),
        )
    console.out.print(grid)
    for row in rows:
        if row["notes"]:
            console.line(f"{row['strategy']}: {row['notes']}")
    for pair in result.comparisons().to_dict("records"):
        console.line(_compared(pair, options.seeds))


def _number(value: float, form: str) -> str:
    return "-" if isnan(value) else format(value, form)


def _compared(pair: Mapping[Hashable, Any], seeds: int) -> str:
    """A difference of two strategies in words."""
    first, other, difference, error = pair["strategy"], pair["against"], pair["difference"], pair["standard_error"]
    if isnan(error):
        return f"{first} against {other}: {difference:+.3f} in mean regret; one seed cannot tell how much that is worth"
    sentence = f"{first} against {other}: {difference:+.3f} ± {error:.3f} in mean regret, paired over {seeds} seeds"
    if pair["p"] >= _SIGNIFICANT:
        return f"{sentence}, p {pair['p']:.2g}: not told apart"
    return f"{sentence}, p {pair['p']:.2g}: {first if difference < 0.0 else other} is better"


def _plan(observed: FinishedTable, candidates: Any, goal: float, options: BacktestOptions) -> None:
    from screening.backtest import Schedule, plan_campaign

    budget, way = options.budget, "<=" if options.minimize else ">="
    for sentence in observed.remarks:
        console.remark(sentence)
    plans = {}
    for share in options.shares:
        schedule = Schedule(batch_size=options.batch_size, budget=budget, teaching=share)
        with console.bar("simulating") as progress:
            plans[share] = plan_campaign(observed, candidates, goal, schedule, draws=options.seeds, progress=progress)
    needed = {share: plan.experiments_for(options.probability) for share, plan in plans.items()}
    first = next(iter(plans.values()))
    asked = {"goal": goal, "probability": options.probability, "budget": budget, "possible": first.possible}
    told = [
        {"experiments": console.finite(needed[share]), "within_budget": plan.within_budget}
        for share, plan in plans.items()
    ]
    shares = [{"teaching": share, **numbers} for share, numbers in zip(plans, told, strict=True)]
    text = []
    for share, plan in plans.items():
        count = f"{needed[share]:g} experiments" if needed[share] < float("inf") else f"more than {budget} experiments"
        for_those = f"{share:.0%} of a batch for what teaches most: " if len(plans) > 1 else ""
        text += [
            f"{for_those}{options.target} {way} {goal:g} with probability {options.probability:.0%}: {count}",
            f"within the budget of {budget}: {plan.within_budget:.0%} of {options.seeds} simulated worlds",
        ]
    text.append(f"some candidate reaches the goal in {first.possible:.0%} of them")
    answer = {**asked, **told[0]} if len(told) == 1 else {**asked, "shares": shares}
    console.answer(answer, lambda: console.marked("\n".join(text)))


_HEADINGS = {
    "in_sample": "training rows",
    "leave_one_compound_out": "leave compound out",
    "leave_one_spacer_out": "leave spacer out",
    "train38_test14": "38 / 14",
    "train45_test7": "45 / 7",
}
_TABLES = {
    "as_filed": "all {n} rows as the paper filed them",
    "default_rows": "the {n} rows that train by default, descriptors corrected",
}


class PaperOptions(PrintingOptions):
    seed: Annotated[int, "Seed of every random draw.", {"min": 0}] = 42


@takes(PaperOptions, keeps=False)
def paper(options: PaperOptions) -> None:
    """Repeat the reference paper's protocol on its table, beside honest scores of every model.

    R2 on training rows is what the paper's script prints; every other column is out of sample.

    Example: spinscreen paper --json > paper.json
    """
    from screening.paper import reproduce

    with console.bar("scoring models") as progress:
        reproduction = reproduce(options.seed, progress=progress)
    console.answer(reproduction.to_dict(), lambda: _show_paper(reproduction))


def _show_paper(found: Reproduction) -> None:
    _show_claims(found)
    for table in _TABLES:
        title = f"R2 of every model: {_TABLES[table].format(n=found.n_rows[table])}"
        shown = console.table("model", *_HEADINGS.values(), "90% interval holds", title=title)
        for model, cards in found.cards[table].items():
            scores = [f"{cards[split].r2_log:.2f} ({cards[split].r2_rate:.2f})" for split in _HEADINGS]
            shown.add_row(model, *scores, f"{cards['leave_one_spacer_out'].coverage_90:.0%}")
        console.out.print(shown)
    headings = ("measured on the crystal", "rows", "path", "leave compound out", "leave spacer out")
    shown = console.table(*headings, title="What crystals add: computed before synthesis, and with what is measured")
    for name, path in found.paths.items():
        for label, validation in (("computed", path.computed), ("computed and measured", path.measured)):
            scores = [f"{card.r2_log:.2f}" for card in validation.score_cards.values()]
            shown.add_row(name, str(len(path.rows)), label, *scores)
    console.out.print(shown)
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

"""Commands that look and change nothing: where a campaign stands, what its model expects of one compound and why, how
well it does; a finished table replayed as campaigns, or a campaign planned that is still to come."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from campaigns.cli import console
from campaigns.cli.console import marked, out
from campaigns.cli.options import (
    NEW_FILE,
    CampaignOptions,
    ComputingOptions,
    PrintingOptions,
    TableOptions,
    takes,
    writable,
)

if TYPE_CHECKING:
    from campaigns.summary import Prediction
    from screening.backtest import Backtest, FinishedTable
    from screening.paper import Reproduction
    from screening.validation import FullCard


class ExplainOptions(ComputingOptions):
    formula: Annotated[str, typer.Argument(metavar="FORMULA", help="Any layered or 3D compound.")]


@takes(ExplainOptions)
def explain(options: ExplainOptions) -> None:
    """Show what the model expects of any compound, and what the expectation is made of.

    Example: spinscreen explain demo "(EOA)2(FA)3Pb4I13"
    """
    from chemspace import parse_formula
    from screening.features import mechanisms

    campaign = options.open()
    with console.bar("training") as progress:
        prediction = campaign.predict(options.formula, progress=progress)
    standing = campaign.state.standing(parse_formula(options.formula, campaign.names))
    if options.as_json:
        console.print_json(console.finite(prediction.to_dict()) | {"hypotheses": [asdict(one) for one in mechanisms()]})
        return
    show_prediction(prediction, standing)
    marked("\nhow spins may relax, from textbooks: hypotheses about such compounds, no results of the model")
    for one in mechanisms():
        hypothesis = one.hypothesis.removeprefix("hypothesis: ")
        marked(f"[dim]{escape(one.name)}: {escape(hypothesis)} ({escape(one.source)})[/]")


class RecipeOptions(CampaignOptions):
    formula: Annotated[str, typer.Argument(metavar="FORMULA", help="Any layered or 3D compound.")]
    mass: Annotated[float | None, "Default: that of the description.", {"metavar": "GRAM"}] = None


@takes(RecipeOptions, keeps=False)
def recipe(options: RecipeOptions) -> None:
    """Show what to weigh in for a compound: one that was accepted, or any other.

    Example: spinscreen recipe demo "(4AMP)(FA)Pb2I7" --mass 0.5
    """
    made = options.look().recipe(options.formula, options.mass)
    console.answer(made.to_dict(), str(made))


def show_prediction(p: Prediction, standing: str = "") -> None:
    """What the model expects of a compound, and where it stands: interval, neighbours, feasibility, contributions."""
    from campaigns.narrate import picoseconds
    from screening.features import feature_label, feature_text

    interval = f"{picoseconds(p.lifetime_low_ps)} to {picoseconds(p.lifetime_high_ps)}"
    marked(f"[bold cyan]{escape(p.formula)}[/]  {picoseconds(p.lifetime_ps)} ps [dim]({interval}, 90%)[/]")
    if p.measured_ps or p.bounds_ps:
        measured = ", ".join([f"{v:.3g}" for v in p.measured_ps] + [f"below {v:.3g}" for v in p.bounds_ps])
        marked(f"[yellow]measured: {measured} ps; the prediction has seen that, it is no test of the model[/]")
    if standing:
        marked(f"[yellow]here: {escape(standing)}[/]")
    where, in_space = "inside" if p.in_domain else "outside", "yes" if p.in_space else "no"
    marked(f"nearest measured: {escape(p.nearest_measured)} ({where} the domain); in the space: {in_space}")
    if p.feasibility is not None:
        marked(f"forms: {p.feasibility:.0%}  [dim]{escape('; '.join(p.feasibility_reasons))}[/]")
    if p.band_gap is not None:
        marked(f"band gap: {escape(str(p.band_gap))}")
    for name, expected in p.properties.items():
        marked(f"{escape(name)}: {expected['mean']:.3g} ± {expected['sd']:.2g} predicted by a model of its own")
    table = console.table("descriptor", "value", "lifetime")
    for name, value in sorted(p.contributions.items(), key=lambda item: -abs(item[1])):
        table.add_row(feature_label(name), feature_text(name, p.features[name]), f"x{10**-value:.2f}")
    marked(f"\nfrom the {picoseconds(10**-p.base_log10_rate)} ps of a typical measured compound:")
    out.print(table)


#: Splits in words; others are shown by their name.
_SPLITS = {
    "leave_one_compound_out": "one compound left out",
    "leave_one_spacer_out": "one spacer left out",
    "repeated_k_fold": "tenths left out, 3 times",
    "literature_to_synthesised": "literature to the paper's crystals",
    "random_seven": "seven random rows, 10 times",
    "own_measurements": "published to our own",
}


@takes(ComputingOptions, keeps=False)
def validate(options: ComputingOptions) -> None:
    """Ask how far the campaign's model can be trusted, in every way at once; no row is scored that was trained on.

    Splits: one compound, one spacer or a tenth left out; the reference paper's two hold-outs; the campaign's own
    measurements by a model of published rows only. Beside them: how often intervals hold, the same surrogate on
    shuffled targets (which must score near zero or below), one that knows nothing but the spacer, simple baselines,
    and how the score grows with the number of rows.

    Examples:

      spinscreen validate demo

      spinscreen validate demo --json > card.json
    """
    campaign = options.open()
    with console.bar("validating") as progress:
        card = campaign.validate(progress)
    console.answer(console.finite(card.to_dict()), lambda: _show_card(card))


def _show_card(card: FullCard) -> None:
    from screening.calibration import BRIEF_SCORES, ScoreWords
    from screening.validation import LEAVE_OUT_SPLITS

    marked(f"[bold]{escape(card.verdict)}[/]")
    further = (("coverage_50", "in 50%", "{:.0%}"), ("coverage_95", "in 95%", "{:.0%}"), ("n_rows", "rows", "{:.0f}"))
    columns = (*BRIEF_SCORES, *(ScoreWords(key, title, title, form) for key, title, form in further))
    table = console.table("out of sample", *(score.short for score in columns))
    for split, scores in card.validation.score_cards.items():
        values = scores.to_dict()
        table.add_row(_SPLITS.get(split, split.replace("_", " ")), *(score.show(values) for score in columns))
    out.print(table)
    shuffled = ", ".join(f"{r2:.2f}" for r2 in card.scrambled_r2_log)
    marked(
        f"shuffled targets, one spacer left out: R² {shuffled} "
        "[dim](must scatter around zero or below, or the validation leaks)[/]"
    )
    marked(f"told only the spacer, one compound left out: R² {card.spacer_only_r2_log:.2f}")
    curve = ", ".join(f"{r2:.2f} with {share:.0%} of the rows" for share, r2 in card.curve.items())
    marked(f"learning curve: R² {curve}\n")
    beside = console.table(
        "beside it, R² log rate", "one compound left out", "one spacer left out", "saved ± error", "in 90%"
    )
    for name, other in {card.validation.name: card.validation, **card.baselines}.items():
        compound, spacer = (other.score_cards[split] for split in LEAVE_OUT_SPLITS)
        saved = "{:+.3f} ± {:.3f}".format(*card.saved[name]) if name in card.saved else ""
        shown = f"{compound.r2_log:.2f}", f"{spacer.r2_log:.2f}", saved, f"{spacer.coverage_90:.0%}"
        beside.add_row(name.replace("_", " "), *shown)
    out.print(beside)
    marked("[dim]saved: squared error that the model saves on spacers never seen, and its paired standard error[/]")


@takes(CampaignOptions, keeps=False)
def status(options: CampaignOptions) -> None:
    """Show what is measured, what is pending, and how good the model is.

    Example: spinscreen status demo
    """
    from campaigns.cli.show import show_status

    status = options.look().status()
    console.answer(status.to_dict(), lambda: show_status(status))


class ReportOptions(ComputingOptions):
    output: Annotated[
        Path | None, "--output", "-o", "Default: report.html in the campaign.", {"callback": writable}
    ] = None
    pdf: Annotated[Path | None, "Print it into this file too; needs Chromium.", NEW_FILE] = None


@takes(ReportOptions)
def report(options: ReportOptions) -> None:
    """Write the report: one HTML file that needs nothing else and no network.

    It shows what the pages of `spinscreen serve` show, for a group meeting.

    Examples:

      spinscreen report demo -o meeting.html

      spinscreen report demo --pdf meeting.pdf
    """
    campaign = options.open()
    with console.bar("training, ranking") as progress:
        path = campaign.report(options.output, progress=progress)
    written = {"report": str(path)}
    if options.pdf is not None:
        from campaigns.report import write_pdf

        write_pdf(path, options.pdf)
        written["pdf"] = str(options.pdf)
    console.answer(written, "\n".join(written.values()))


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

"""`spinscreen explain`: what the model expects of one compound, and why."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from campaigns.cli import console
from campaigns.cli.console import marked, out
from campaigns.cli.options import NEW_FILE, CampaignOptions, ComputingOptions, takes, writable

if TYPE_CHECKING:
    from campaigns.summary import Prediction
    from screening.validation import FullCard


class ExplainOptions(ComputingOptions):
    formula: Annotated[str, typer.Argument(metavar="FORMULA", help="Any layered or 3D compound.")]


@takes(ExplainOptions)
def explain(options: ExplainOptions) -> None:
    """Show what the model expects of any compound, and what the expectation is made of.

    Example: spinscreen explain demo "(EOA)2(FA)3Pb4I13"
    """
    from chemspace import parse_formula
    from screening.explain import MECHANISMS

    campaign = options.open()
    with console.bar("training") as progress:
        prediction = campaign.predict(options.formula, progress=progress)
    standing = campaign.state.standing(parse_formula(options.formula, campaign.names))
    if options.as_json:
        console.print_json(console.finite(prediction.to_dict()) | {"hypotheses": [asdict(one) for one in MECHANISMS]})
        return
    show_prediction(prediction, standing)
    marked("\nhow spins may relax, from textbooks: hypotheses about such compounds, no results of the model")
    for one in MECHANISMS:
        hypothesis = one.hypothesis.removeprefix("hypothesis: ")
        marked(f"[dim]{escape(one.name)}: {escape(hypothesis)} ({escape(one.source)})[/]")


class RecipeOptions(CampaignOptions):
    formula: Annotated[str, typer.Argument(metavar="FORMULA", help="Any layered or 3D compound.")]
    mass: Annotated[float | None, "Default: that of the description.", {"metavar": "GRAM"}] = None


@takes(RecipeOptions)
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
    console.answer(console.finite(card.to_dict()), lambda: _show(card))


def _show(card: FullCard) -> None:
    from screening.scores import BRIEF_SCORES, ScoreWords
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


@takes(CampaignOptions)
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
        from campaigns.report.render import write_pdf

        write_pdf(path, options.pdf)
        written["pdf"] = str(options.pdf)
    console.answer(written, "\n".join(written.values()))

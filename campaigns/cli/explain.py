"""`spinscreen explain`: what the model expects of one compound, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from campaigns.cli import console
from campaigns.cli.console import out
from campaigns.cli.options import AsJson, Folder, OracleStorePath

if TYPE_CHECKING:
    from campaigns.prediction import Prediction

__all__ = ["explain", "show_prediction"]


def explain(
    folder: Folder,
    formula: Annotated[str, typer.Argument(metavar="FORMULA", help="Any layered or 3D compound.", show_default=False)],
    oracle_store: OracleStorePath = None,
    as_json: AsJson = False,
) -> None:
    """Show what the model expects of any compound, and what the expectation is made of.

    Example: spinscreen explain demo "(EOA)2(FA)3Pb4I13"
    """
    from campaigns.campaign import Campaign
    from screening.mechanisms import MECHANISMS

    campaign = Campaign.open(folder, oracle_store=oracle_store)
    with console.bar("training") as progress:
        prediction = campaign.predict(formula, progress=progress)
    if as_json:
        console.print_json(console.finite(prediction.to_dict()) | {"hypotheses": [asdict(one) for one in MECHANISMS]})
        return
    show_prediction(prediction)
    out.print(
        "\nhow spins may relax, from textbooks: hypotheses about such compounds, no results of the model",
        soft_wrap=True,
    )
    for one in MECHANISMS:
        told = one.hypothesis.removeprefix("hypothesis: ")
        out.print(f"[dim]{escape(one.name)}: {escape(told)} ({escape(one.source)})[/]", soft_wrap=True)


def show_prediction(p: Prediction) -> None:
    """What the model expects of a compound: interval, neighbours, feasibility, contributions."""
    from campaigns.reason import FEATURE_WORDS, picoseconds
    from screening.features import feature_text

    interval = f"{picoseconds(p.lifetime_low_ps)} to {picoseconds(p.lifetime_high_ps)}"
    out.print(f"[bold cyan]{escape(p.formula)}[/]  {picoseconds(p.lifetime_ps)} ps [dim]({interval}, 90%)[/]")
    if p.measured_ps:
        measured = ", ".join(f"{value:.3g}" for value in p.measured_ps)
        out.print(f"[yellow]measured: {measured} ps; the prediction has seen that, it is no test of the model[/]")
    where = "inside" if p.in_domain else "outside"
    out.print(f"nearest measured: {escape(p.nearest_measured)} ({where} the domain); in the space: {_yes(p.in_space)}")
    if p.feasibility is not None:
        out.print(f"forms: {p.feasibility:.0%}  [dim]{escape('; '.join(p.feasibility_reasons))}[/]", soft_wrap=True)
    for name, told in p.properties.items():
        out.print(f"{escape(name)}: {told['mean']:.3g} ± {told['sd']:.2g} predicted by a model of its own")
    table = console.table("descriptor", "value", "lifetime")
    for name, value in sorted(p.contributions.items(), key=lambda item: -abs(item[1])):
        table.add_row(FEATURE_WORDS[name], feature_text(name, p.features[name]), f"x{10**-value:.2f}")
    out.print(f"\nfrom the {picoseconds(10**-p.base_log10_rate)} ps of a typical measured compound:")
    out.print(table)


def _yes(value: bool) -> str:
    return "yes" if value else "no"

"""`spinscreen paper`: what the reference paper claims, what its protocol gives, and what holds out of sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import console
from campaigns.cli.options import AsJson

if TYPE_CHECKING:
    from screening.paper import Reproduction

__all__ = ["paper"]

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

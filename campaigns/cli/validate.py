"""`spinscreen validate`: the honest score card of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.cli import console
from campaigns.cli.options import AsJson, Folder, OracleStorePath

if TYPE_CHECKING:
    from screening.validation import ScoreCard
    from screening.validation.card import FullCard

__all__ = ["validate"]

#: Splits in words; others are shown by their name.
_SPLITS = {
    "leave_one_out": "one row left out",
    "leave_one_spacer_out": "one spacer left out",
    "repeated_k_fold": "tenths left out, 3 times",
    "literature_to_synthesised": "literature to the paper's crystals",
    "random_seven": "seven random rows, 10 times",
    "own_measurements": "published to our own",
}


def validate(folder: Folder, oracle_store: OracleStorePath = None, as_json: AsJson = False) -> None:
    """Ask how far the campaign's model can be trusted, in every way at once; no row is scored that was trained on.

    Splits: one row, one spacer or a tenth left out; the reference paper's two hold-outs; the campaign's own
    measurements by a model of published rows only. Beside them: how often intervals hold, the same surrogate on
    shuffled targets (which must score near zero or below), one that knows nothing but the spacer, simple baselines,
    and how the score grows with the number of rows.

    Examples:

      spinscreen validate demo

      spinscreen validate demo --json > card.json
    """
    from campaigns.campaign import Campaign

    campaign = Campaign.open(folder, oracle_store=oracle_store)
    with console.bar("validating") as progress:
        card = campaign.validate(progress)
    if as_json:
        console.print_json(console.finite(card.to_dict()))
    else:
        _show(card)


def _show(card: FullCard) -> None:
    from rich.markup import escape

    from campaigns.cli.show import SCORE_COLUMNS, number

    out = console.out
    out.print(f"[bold]{escape(card.verdict)}[/]", soft_wrap=True)
    coverages = (("in 50%", "coverage_50", "{:.0%}"), ("in 95%", "coverage_95", "{:.0%}"))
    columns = (*SCORE_COLUMNS, *coverages, ("rows", "n_rows", "{:.0f}"))
    table = console.table("out of sample", *(title for title, _, _ in columns))
    for split, scores in card.validation.score_cards.items():
        values = scores.to_dict()
        told = (number(values.get(key), form) for _, key, form in columns)
        table.add_row(_SPLITS.get(split, split.replace("_", " ")), *told)
    out.print(table)
    shuffled = ", ".join(f"{r2:.2f}" for r2 in card.scrambled_r2_log)
    out.print(
        f"shuffled targets, one spacer left out: R² {shuffled} "
        "[dim](must scatter around zero or below, or the validation leaks)[/]",
        soft_wrap=True,
    )
    out.print(f"told only the spacer, one row left out: R² {card.spacer_only_r2_log:.2f}")
    curve = ", ".join(f"{r2:.2f} with {share:.0%} of the rows" for share, r2 in card.curve.items())
    out.print(f"learning curve: R² {curve}\n", soft_wrap=True)
    beside = console.table("beside it, R² log rate", "one row left out", "one spacer left out", "in 90%")
    for name, other in {card.validation.name: card.validation, **card.baselines}.items():
        row, spacer = (other.score_cards[split] for split in ("leave_one_out", "leave_one_spacer_out"))
        beside.add_row(name.replace("_", " "), *_beside(row, spacer))
    out.print(beside)


def _beside(row: ScoreCard, spacer: ScoreCard) -> tuple[str, str, str]:
    return f"{row.r2_log:.2f}", f"{spacer.r2_log:.2f}", f"{spacer.coverage_90:.0%}"

"""What pages and the report show of further measured properties: how many values, how good the model, what came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from campaigns.report.drawing import formula_html
from campaigns.summary import FitSummary

__all__ = ["property_views"]

#: Columns of the score table, in the property's own unit: title, key of the score card, format.
_SCORES = (
    ("R²", "r2_log", "{:.2f}"),
    ("mean abs. error", "mae_log", "{:.3g}"),
    ("Spearman", "spearman", "{:.2f}"),
    ("inside 90%", "coverage_90", "{:.0%}"),
)


def property_views(standings: Mapping[str, Mapping[str, Any]], fit: FitSummary | None) -> list[dict[str, Any]]:
    """One for each property.

    Args:
        standings: as `Status.properties`.
        fit: the last one; None before the first.

    Returns:
        name, words (the name for people), n_values, n_ingested, grade ("" before a fit), n_rows that trained, titles
        and scores (rows of split and formatted values), record (values that came or were taken back since the launch).
    """
    learnt = {} if fit is None else fit.properties
    return [_view(name, told, learnt.get(name)) for name, told in standings.items()]


def _view(name: str, told: Mapping[str, Any], learnt: Mapping[str, Any] | None) -> dict[str, Any]:
    scores = {} if learnt is None else learnt["scores"]
    return {
        "name": name,
        "words": name.replace("_", " "),
        "n_values": told["n_values"],
        "n_ingested": told["n_ingested"],
        "grade": "" if learnt is None else learnt["grade"],
        "n_rows": 0 if learnt is None else learnt["n_rows"],
        "titles": [title for title, _, _ in _SCORES],
        "scores": [
            [split.replace("_", " "), ["–" if card.get(k) is None else form.format(card[k]) for _, k, form in _SCORES]]
            for split, card in scores.items()
        ],
        "record": [{**row, "formula_html": Markup(formula_html(row["formula"]))} for row in told["record"]],
    }

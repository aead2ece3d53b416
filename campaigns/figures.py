"""The figures behind a round, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.report.view import calibration_of, parity_of
from campaigns.round import Round
from screening.explain_figures import bar

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["figures"]


def figures(done: Round) -> dict[str, Figure]:
    """Plotly figures: parity and calibration out of fold, and what the model sees (mean absolute Shapley values)."""
    return {
        "parity": parity_of(done),
        "calibration": calibration_of(done),
        "importances": bar(done.explain(done.training.x)),
    }

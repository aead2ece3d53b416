"""What pages and the report show of a fitted model, as JSON values: score card, figures, what went in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from campaigns.report.palette import plain
from chemspace.progress import Progress, silent

if TYPE_CHECKING:
    from campaigns.round import Round

__all__ = ["SCORES", "model_view", "score_rows"]

#: Columns of the score table: title, key of the score card, format.
SCORES = (
    ("R² of log10 rate", "r2_log", "{:.2f}"),
    ("R² of rate", "r2_rate", "{:.2f}"),
    ("mean abs. error (log10)", "mae_log", "{:.2f}"),
    ("Spearman", "spearman", "{:.2f}"),
    ("inside 50%", "coverage_50", "{:.0%}"),
    ("inside 90%", "coverage_90", "{:.0%}"),
    ("NLPD", "nlpd", "{:.2f}"),
    ("CRPS", "crps", "{:.2f}"),
)


def model_view(done: Round, progress: Progress | None = None) -> dict[str, Any]:
    """Everything that takes seconds.

    Returns:
        grade, strategy, n_measured, n_train, scores (rows of split and formatted values), figures (Plotly JSON by name:
        parity, calibration, beeswarm, radar, heatmap), importances (rows of feature, value, direction), progress
        (lifetimes_ps, formulas, own, bounds), left_out.
    """
    from campaigns.reason import INPUT_WORDS
    from campaigns.report.model_figures import beeswarm_figure, heatmap_figure, radar_figure
    from campaigns.report.view import calibration_of, parity_of
    from screening.explain import shapley
    from screening.explain_out_of_fold import pearson
    from screening.features import FEATURE_NAMES

    tell = progress or silent
    tell(0, 3, "figures of the validation")
    training = done.training
    figures = {"parity": plain(parity_of(done)), "calibration": plain(calibration_of(done))}
    tell(1, 3, "what the model looks at")
    told = shapley(done.surrogate, training.x, FEATURE_NAMES)
    figures["beeswarm"] = plain(beeswarm_figure(told, training.formulas))
    figures["radar"] = plain(radar_figure(told))
    tell(2, 3, "correlations")
    figures["heatmap"] = plain(heatmap_figure(pearson(training.x, FEATURE_NAMES)))
    table = training.dataset.table
    importances = told.importances()
    tell(3, 3, "done")
    return {
        "grade": done.validation.grade,
        "strategy": done.strategy.reason,
        "n_measured": done.n_measured,
        "n_train": len(training.dataset),
        "scores": score_rows({split: card.to_dict() for split, card in done.validation.score_cards.items()}),
        "figures": figures,
        "importances": [
            [INPUT_WORDS[name], float(value), float(direction)]
            for name, value, direction in zip(
                importances["feature"], importances["importance"], importances["direction"], strict=True
            )
        ],
        "progress": {
            "lifetimes_ps": [float(t) for t in 10.0 ** -np.asarray(training.dataset.log10_rate)],
            "formulas": list(training.formulas),
            "own": [bool(split == "campaign") for split in table["split"]],
            "bounds": [bool(bound) for bound in training.dataset.censored],
        },
        "left_out": list(training.left_out),
    }


def score_rows(scores: dict[str, dict[str, Any]]) -> list[list[Any]]:
    """Rows of the score table: the split in words and the formatted values of `SCORES`, a dash where there is none."""
    return [
        [split.replace("_", " "), ["–" if card.get(key) is None else form.format(card[key]) for _, key, form in SCORES]]
        for split, card in scores.items()
    ]

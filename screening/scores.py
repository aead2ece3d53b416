"""How the numbers of a score card are shown, for commands and pages that train nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["BRIEF_SCORES", "PROPERTY_SCORES", "SCORES", "ScoreWords"]


@dataclass(frozen=True)
class ScoreWords:
    """How one number of a score card is shown.

    Attributes:
        key: of the number.
        title: heading on a page.
        short: heading on a command line.
        form: format.
        brief: whether short tables show it too.
    """

    key: str
    title: str
    short: str
    form: str
    brief: bool = True

    def show(self, scores: Mapping[str, Any]) -> str:
        """The number in its format; a dash where it is undefined."""
        value = scores.get(self.key)
        return "–" if value is None else self.form.format(value)


#: The numbers of a score card that are shown, in order.
SCORES = (
    ScoreWords("r2_log", "R² of log10 rate", "R² log rate", "{:.2f}"),
    ScoreWords("r2_rate", "R² of rate", "R² rate", "{:.2f}"),
    ScoreWords("mae_log", "mean abs. error (log10)", "MAE log", "{:.2f}"),
    ScoreWords("spearman", "Spearman", "Spearman", "{:.2f}"),
    ScoreWords("coverage_50", "inside 50%", "in 50%", "{:.0%}", brief=False),
    ScoreWords("coverage_90", "inside 90%", "in 90%", "{:.0%}"),
    ScoreWords("nlpd", "NLPD", "NLPD", "{:.2f}"),
    ScoreWords("crps", "CRPS", "CRPS", "{:.2f}", brief=False),
)
#: Those of the short tables.
BRIEF_SCORES = tuple(words for words in SCORES if words.brief)
#: The same of a further measured property, in its own unit.
PROPERTY_SCORES = (
    ScoreWords("r2_log", "R²", "R²", "{:.2f}"),
    ScoreWords("mae_log", "mean abs. error", "MAE", "{:.3g}"),
    ScoreWords("spearman", "Spearman", "Spearman", "{:.2f}"),
    ScoreWords("coverage_90", "inside 90%", "in 90%", "{:.0%}"),
)

"""How the numbers of a score card and of a ranking are shown, for commands and pages that train nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BRIEF_SCORES", "LIKELY_SLOW", "PROPERTY_SCORES", "SCORES", "TEACHES_MOST", "ScoreWords", "teaches_most"]

#: What a ranked compound is good for.
LIKELY_SLOW, TEACHES_MOST = "likely slow", "teaches most"


@dataclass(frozen=True)
class ScoreWords:
    """How one number of a score card is shown."""

    key: str  #: of the number
    title: str  #: heading on a page
    short: str  #: heading on a command line
    form: str  #: format
    brief: bool = True  #: whether short tables show it too

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


def teaches_most(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a compound's place by uncertainty is higher than its place by predicted rate, shapes (m,)."""
    slow, open_ = (np.searchsorted(np.sort(values), values) for values in (mean, -sd))
    teaches: NDArray[np.bool_] = slow > open_
    return teaches

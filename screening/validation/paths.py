"""Two ways to describe a compound, side by side on the same rows: before synthesis, and with what was measured on it.

The reference paper (doi 10.1039/d5sc07406a) calls them its two paths. Measured descriptors exist only for compounds
that were made, so a comparison is fair only on the rows that have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from screening.errors import TrainingDataError
from screening.surrogates.registry import DEFAULT_SURROGATE
from screening.validation.cross_validate import Validation, cross_validate

__all__ = ["PathComparison", "compare_paths"]

_SPLITS = ("leave_one_out", "leave_one_spacer_out")
#: Fewer rows than this tell nothing about either path.
MIN_COMPARED = 8


@dataclass(frozen=True)
class PathComparison:
    """Score cards of both paths on the same rows.

    Attributes:
        rows: which rows of the table were compared, shape (r,).
        computed: with the descriptors that need no experiment. measured: with the measured ones beside them.
    """

    rows: NDArray[np.int64]
    computed: Validation
    measured: Validation

    def table(self) -> pd.DataFrame:
        """One row a split and path: split, path and the scores of `ScoreCard`."""
        told = [
            {"split": split, "path": path, **card.to_dict()}
            for split in _SPLITS
            for path, validation in (("computed", self.computed), ("computed and measured", self.measured))
            for card in (validation.score_cards[split],)
        ]
        return pd.DataFrame(told)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "rows": [int(row) for row in self.rows],
            "computed": self.computed.to_dict(),
            "computed and measured": self.measured.to_dict(),
        }


def compare_paths(
    x: ArrayLike,
    measured: ArrayLike,
    y: ArrayLike,
    noise: ArrayLike | None,
    groups: Sequence[object],
    seed: int = 42,
    name: str = DEFAULT_SURROGATE,
    missing: str = "refuse",
) -> PathComparison:
    """Score a surrogate with and without measured descriptors on the rows that have them.

    Args:
        x: features, shape (k, d). measured: of `screening.measured.measured_features(missing="keep")`, shape (k, q),
            NaN where a value was not measured.
        y: log10 rate, shape (k,). noise: standard deviations, shape (k,), or None. groups: spacer of each row.
        seed: of every random draw. name: of the surrogate.
        missing: "refuse" compares the rows that have every value; "impute" those that have any, gaps filled by the
            mean of each fold's training rows.

    Raises:
        TrainingDataError: if too few rows have measured descriptors.
    """
    features, extra = np.asarray(x, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    known = np.isfinite(extra)
    rows = np.flatnonzero(known.any(1) if missing == "impute" else known.all(1))
    if rows.size < MIN_COMPARED:
        raise TrainingDataError(
            f"{rows.size} rows have {'any' if missing == 'impute' else 'all'} of the measured descriptors; at least "
            f"{MIN_COMPARED} are needed to compare"
        )
    target, labels = np.asarray(y, dtype=np.float64)[rows], [groups[int(row)] for row in rows]
    error = None if noise is None else np.asarray(noise, dtype=np.float64)[rows]
    tables = (features[rows], np.hstack([features[rows], extra[rows]]))
    told = [cross_validate(t, target, error, labels, seed, name, _SPLITS, missing=missing) for t in tables]
    return PathComparison(rows, *told)

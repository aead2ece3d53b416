"""Which features a fitted surrogate's predictions come from: exact Shapley values."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from screening.errors import SurrogateError
from screening.surrogates import Surrogate

__all__ = ["MAX_EXACT_FEATURES", "Shapley", "shapley"]

#: Exact values need 2^d predictions a row and background row.
MAX_EXACT_FEATURES = 12
#: Background rows the explained rows are compared with.
N_BACKGROUND = 8


@dataclass(frozen=True)
class Shapley:
    """Shapley values of predictions of log10 rate.

    Attributes:
        feature_names: d names.
        contributions: of each feature to each row, shape (m, d), log10 units; with `base` they add up to the
            prediction.
        base: mean prediction over the background, log10 units; of rows explained by different models, the mean of
            their bases.
        x: the explained rows, shape (m, d).
        row_bases: base of each row where they differ, shape (m,).
    """

    feature_names: tuple[str, ...]
    contributions: NDArray[np.float64]
    base: float
    x: NDArray[np.float64]
    row_bases: NDArray[np.float64] | None = None

    def base_of(self, row: int) -> float:
        """What the contributions of one row are added to, log10 units."""
        return self.base if self.row_bases is None else float(self.row_bases[row])

    def importances(self) -> pd.DataFrame:
        """Mean absolute contribution of each feature, largest first.

        Columns: feature, importance (log10 units), direction (correlation of the feature with its contribution,
        positive where more of it means a faster relaxation).
        """
        frame = pd.DataFrame(
            {
                "feature": self.feature_names,
                "importance": np.abs(self.contributions).mean(0),
                "direction": [_correlation(a, b) for a, b in zip(self.x.T, self.contributions.T, strict=True)],
            }
        )
        return frame.sort_values("importance", ascending=False, ignore_index=True)


def shapley(
    surrogate: Surrogate,
    x: ArrayLike,
    feature_names: Sequence[str],
    background: ArrayLike | None = None,
) -> Shapley:
    """Exact Shapley values of a surrogate's mean (interventional, by the `shap` package).

    Args:
        surrogate: fitted.
        x: rows to explain, shape (m, d).
        feature_names: d names.
        background: rows to compare with, shape (b, d); absent, rows of x that spread over its predictions.

    Raises:
        TrainingDataError: if x does not fit the surrogate. SurrogateError: for more than 12 features.

    Source: Lundberg and Lee, NeurIPS 2017, arXiv 1705.07874.
    """
    shap = _import_shap()
    rows = np.asarray(x, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] > MAX_EXACT_FEATURES:
        raise SurrogateError(f"x has shape {rows.shape}; exact values need 2^d predictions, at most d = 12 columns")
    behind = _spread_rows(surrogate, rows) if background is None else np.asarray(background, dtype=np.float64)
    # With every coalition enumerated the regression of Kernel SHAP is exact (theorem 2 of the source). The package's
    # Exact explainer gives the same numbers to 1e-7 but compiles for ten seconds in every process.
    explainer = shap.KernelExplainer(lambda z: surrogate.predict(z)[0], behind)
    values = explainer.shap_values(rows, nsamples=2 ** rows.shape[1], l1_reg=0, silent=True)
    return Shapley(tuple(feature_names), np.asarray(values), float(explainer.expected_value), rows)


def _import_shap() -> Any:
    """The package, loaded when first needed: it loads numba, which takes seconds."""
    with warnings.catch_warnings():
        # shap 0.51 sets colours in a way that matplotlib 3.11 announces the end of; nothing we call is affected.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    return shap


def _spread_rows(surrogate: Surrogate, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows at evenly spaced ranks of the prediction."""
    order = np.argsort(surrogate.predict(x)[0], kind="stable")
    picks = np.linspace(0, len(order) - 1, min(N_BACKGROUND, len(order))).round().astype(int)
    chosen: NDArray[np.float64] = x[order[picks]]
    return chosen


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if np.ptp(a) <= 1e-12 or np.ptp(b) <= 1e-12:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])

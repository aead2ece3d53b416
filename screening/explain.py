"""Which features a fitted surrogate's predictions come from: exact Shapley values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chemspace.tables.grid import package_table
from screening.errors import SurrogateError

if TYPE_CHECKING:
    from screening.frozen import FrozenSurrogate
    from screening.surrogate import Surrogate

    Predictor = Surrogate | FrozenSurrogate

__all__ = ["MECHANISMS", "Shapley", "bar", "beeswarm", "pearson", "radar", "shapley"]


#: Exact values need 2^d predictions a row and background row.
MAX_EXACT_FEATURES = 12
#: Background rows the explained rows are compared with.
N_BACKGROUND = 8


@dataclass(frozen=True)
class Shapley:
    """Shapley values of predictions of log10 rate."""

    feature_names: tuple[str, ...]  #: d names
    #: Of each feature to each row, shape (m, d), log10 units; with `base` they add up to the prediction.
    contributions: NDArray[np.float64]
    base: float  #: mean prediction over the background, log10 units
    x: NDArray[np.float64]  #: the explained rows, shape (m, d)

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
    surrogate: Predictor, x: ArrayLike, feature_names: Sequence[str], background: ArrayLike | None = None
) -> Shapley:
    """Exact Shapley values of a surrogate's mean at rows x (m, d), features that are left out coming from the
    background (b, d), by default rows of x that spread over its predictions (interventional; Lundberg and Lee, NeurIPS
    2017, arXiv 1705.07874). A `TrainingDataError` if x does not fit the surrogate, a `SurrogateError` for more than 12
    features."""
    rows = np.asarray(x, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] > MAX_EXACT_FEATURES:
        raise SurrogateError(f"x has shape {rows.shape}; exact values need 2^d predictions, at most d = 12 columns")
    behind = _spread_rows(surrogate, rows) if background is None else np.asarray(background, dtype=np.float64)
    base = float(surrogate.predict(behind)[0].mean())
    values = np.array([_exact(surrogate, row, behind) for row in rows]).reshape(rows.shape)
    return Shapley(tuple(feature_names), values, base, rows)


def _exact(surrogate: Predictor, row: NDArray[np.float64], behind: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapley values of a row (d,): each coalition with each background row (b, d). `shap` takes 2 CPU s to load."""
    d = row.size
    coalitions = np.arange(2**d)
    inside = (coalitions[:, None] >> np.arange(d)) & 1 == 1
    mixed = np.where(inside[:, None, :], row, behind).reshape(-1, d)
    few, place = np.unique(mixed, axis=0, return_inverse=True)  # rows of one spacer or cage mix to the same ones
    value = surrogate.predict(few)[0][place].reshape(len(coalitions), -1).mean(axis=1)
    size = inside.sum(axis=1)
    weight = np.array([1.0 / (d * comb(d - 1, k)) for k in range(d)])
    told = np.empty(d)
    for feature in range(d):
        without = coalitions[~inside[:, feature]]
        told[feature] = weight[size[without]] @ (value[without | (1 << feature)] - value[without])
    return told


def _spread_rows(surrogate: Predictor, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows at evenly spaced ranks of the prediction."""
    order = np.argsort(surrogate.predict(x)[0], kind="stable")
    picks = np.linspace(0, len(order) - 1, min(N_BACKGROUND, len(order))).round().astype(int)
    chosen: NDArray[np.float64] = x[order[picks]]
    return chosen


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if np.ptp(a) <= 1e-12 or np.ptp(b) <= 1e-12:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def pearson(x: ArrayLike, names: Sequence[str]) -> pd.DataFrame:
    """Pearson correlations between columns; constant columns correlate with nothing (NaN)."""
    return pd.DataFrame(np.asarray(x, dtype=np.float64), columns=list(names)).corr()


@dataclass(frozen=True)
class Mechanism:
    """A mechanism and what it would make of a descriptor."""

    name: str
    idea: str  #: how spins would relax
    hypothesis: str  #: what it suggests looking for in these compounds
    source: str  #: where it was proposed


#: Textbook mechanisms as hypotheses, each with its source.
MECHANISMS = tuple(Mechanism(**row) for row in package_table("mechanisms.csv", "screening"))


AXIS = "contribution to log10 rate (right: faster)"


def bar(shapley: Shapley) -> Any:
    """Mean absolute contribution of each feature."""
    import plotly.graph_objects as go

    table = shapley.importances().iloc[::-1]
    figure = go.Figure(go.Bar(x=table["importance"], y=table["feature"], orientation="h"))
    return figure.update_layout(xaxis_title="mean |contribution| to log10 rate")


def beeswarm(shapley: Shapley, labels: Sequence[str] | None = None) -> Any:
    """Contribution of every feature in every row, coloured by the feature's rank among rows."""
    import plotly.graph_objects as go

    names = list(shapley.importances()["feature"])[::-1]
    figure = go.Figure()
    for place, name in enumerate(names):
        column = shapley.feature_names.index(name)
        values, ranks = shapley.contributions[:, column], _ranks(shapley.x[:, column])
        marker = {"color": ranks, "colorscale": "RdBu_r", "cmin": 0, "cmax": 1, "size": 7}
        spread = place + 0.3 * (_ranks(values * 1e3 % 1.0) - 0.5)
        figure.add_scatter(x=values, y=spread, mode="markers", marker=marker, text=labels, name=name, showlegend=False)
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names)
    return figure.update_layout(xaxis_title=AXIS)


def radar(shapley: Shapley) -> Any:
    """Share of each feature in the mean absolute contributions."""
    import plotly.graph_objects as go

    share = np.abs(shapley.contributions).mean(0)
    share = share / max(float(share.sum()), 1e-12)
    closed = [*range(len(share)), 0]
    figure = go.Figure(
        go.Scatterpolar(r=share[closed], theta=[shapley.feature_names[i] for i in closed], fill="toself")
    )
    return figure.update_layout(polar={"radialaxis": {"tickformat": ".0%"}})


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks between 0 and 1."""
    order: NDArray[np.float64] = np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(1, len(values) - 1)
    return order

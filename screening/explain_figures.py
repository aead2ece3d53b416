"""Figures of explanations and of validations, as Plotly figures without colours of text and paper.

Explanations: bar, beeswarm, waterfall, radar, dependence, signs; data: heatmap; validation: parity, residuals,
calibration, learning_curve. Every function returns a `plotly.graph_objects.Figure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from screening.calibration import half_width
from screening.explain import Shapley
from screening.explain_out_of_fold import SignCheck

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "bar",
    "beeswarm",
    "calibration",
    "dependence",
    "heatmap",
    "learning_curve",
    "parity",
    "radar",
    "residuals",
    "signs",
    "waterfall",
]

AXIS = "contribution to log10 rate (right: faster)"
#: From Okabe and Ito's palette, told apart by colour-blind readers. https://jfly.uni-koeln.de/color/
VERDICT_COLOUR = {"supported": "#009E73", "contradicted": "#D55E00", "undecided": "#8a8f98"}
#: Half-width of a central 90% interval in standard deviations.
Z90 = float(half_width(0.9))


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


def waterfall(shapley: Shapley, row: int, label: str = "") -> Any:
    """How one row's prediction is made up, from the mean prediction to its own."""
    import plotly.graph_objects as go

    order = np.argsort(np.abs(shapley.contributions[row]))[::-1]
    names = [f"{shapley.feature_names[i]} = {shapley.x[row, i]:.3g}" for i in order]
    measures = ["absolute", *["relative"] * len(order), "total"]
    heights = [shapley.base_of(row), *shapley.contributions[row, order], 0.0]
    figure = go.Figure(go.Waterfall(x=heights, y=["mean", *names, "prediction"], measure=measures, orientation="h"))
    figure.update_yaxes(autorange="reversed")
    return figure.update_layout(title=label, xaxis_title="log10 rate (1/ps)")


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


def heatmap(correlations: pd.DataFrame) -> Any:
    """Pearson correlations of features."""
    import plotly.graph_objects as go

    names = list(correlations.columns)
    values = correlations.to_numpy(dtype=float)
    cells = go.Heatmap(z=values, x=names, y=names, zmin=-1, zmax=1, colorscale="RdBu_r", texttemplate="%{z:.2f}")
    return go.Figure(cells)


def dependence(grid: NDArray[np.float64], mean: NDArray[np.float64], each: NDArray[np.float64], name: str) -> Any:
    """Partial dependence over `grid`, shape (g,): every row's curve, shape (k, g), and their mean, shape (g,)."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for curve in each:
        figure.add_scatter(x=grid, y=curve, mode="lines", line={"width": 0.5, "color": "#aaa"}, showlegend=False)
    figure.add_scatter(x=grid, y=mean, mode="lines", line={"width": 3}, name="mean")
    return figure.update_layout(xaxis_title=name, yaxis_title="predicted log10 rate (1/ps)")


def residuals(predictions: pd.DataFrame, labels: Sequence[str] | None = None) -> Any:
    """Out-of-fold errors against predictions, with the 90% band; takes one split of `Validation.predictions`."""
    import plotly.graph_objects as go

    error = predictions["y"] - predictions["mean"]
    bars = {"type": "data", "array": Z90 * predictions["sd_calibrated"], "thickness": 0.5}
    figure = go.Figure(go.Scatter(x=predictions["mean"], y=error, error_y=bars, mode="markers", text=labels))
    figure.add_hline(y=0.0)
    return figure.update_layout(
        xaxis_title="predicted log10 rate (1/ps), out of fold", yaxis_title="measured minus predicted"
    )


def parity(predictions: pd.DataFrame, labels: Sequence[str] | None = None) -> Any:
    """Out-of-fold prediction against measurement with 90% intervals; takes one split of `Validation.predictions`.

    Args:
        predictions: columns y, mean, sd_calibrated (log10 rate), row.
        labels: text of each row of the table that was validated, by `row`.
    """
    import plotly.graph_objects as go

    measured, mean = predictions["y"], predictions["mean"]
    ends = [float(min(measured.min(), mean.min())) - 0.2, float(max(measured.max(), mean.max())) + 0.2]
    bars = {"type": "data", "array": Z90 * predictions["sd_calibrated"], "thickness": 0.5}
    text = None if labels is None else [labels[row] for row in predictions["row"]]
    figure = go.Figure(go.Scatter(x=ends, y=ends, mode="lines", line={"dash": "dash"}, showlegend=False))
    figure.add_scatter(x=measured, y=mean, error_y=bars, mode="markers", text=text, showlegend=False)
    return figure.update_layout(
        xaxis_title="measured log10 rate (1/ps)", yaxis_title="predicted log10 rate (1/ps), out of fold"
    )


def calibration(predictions: pd.DataFrame) -> Any:
    """Share of measurements inside central intervals against the intervals' nominal share, one line a split."""
    import plotly.graph_objects as go

    nominal = np.linspace(0.05, 0.95, 19)
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dash"}, showlegend=False))
    for split, rows in predictions.groupby("split", sort=False):
        ratio = ((rows["y"] - rows["mean"]).abs() / rows["sd_calibrated"]).to_numpy(dtype=float)
        inside = (ratio[:, None] <= half_width(nominal)).mean(0)
        figure.add_scatter(x=nominal, y=inside, mode="lines+markers", name=str(split).replace("_", " "))
    return figure.update_layout(
        xaxis={"title": "nominal share", "tickformat": ".0%"},
        yaxis={"title": "share of measurements inside", "tickformat": ".0%"},
    )


def learning_curve(curve: Mapping[float, float]) -> Any:
    """R2 on rows left out against the share of rows trained on; takes `FullCard.curve`."""
    import plotly.graph_objects as go

    shares = sorted(curve)
    figure = go.Figure(go.Scatter(x=shares, y=[curve[share] for share in shares], mode="lines+markers"))
    figure.add_hline(y=0.0, line={"dash": "dash"})
    return figure.update_layout(
        xaxis={"title": "share of rows trained on", "tickformat": ".0%"}, yaxis_title="R2 of log10 rate on the others"
    )


def signs(checks: Sequence[SignCheck]) -> Any:
    """The paper's directions beside ours: correlation of a descriptor with its contribution on rows held out, a dot a
    fold, and the side on which the paper puts it."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for check in reversed(checks):
        name = f"{check.feature} (paper {'+' if check.paper_sign > 0 else '-'}): {check.verdict}"
        own = {"y": [name], "orientation": "h", "marker": {"color": VERDICT_COLOUR[check.verdict]}}
        figure.add_bar(x=[float(np.mean(check.correlations))], **own, showlegend=False)
        dots = {"x": check.correlations, "y": [name] * len(check.correlations), "mode": "markers"}
        figure.add_scatter(**dots, marker={"color": "black", "size": 5}, showlegend=False)
    return figure.update_layout(xaxis={"title": "correlation with its contribution, held out", "range": [-1.05, 1.05]})


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks between 0 and 1."""
    order: NDArray[np.float64] = np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(1, len(values) - 1)
    return order

"""Parity and calibration, as Plotly figures without colours of text and paper (the page sets those)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from campaigns.report.palette import BLUE, GREEN, GREY, ORANGE, dress

__all__ = ["calibration_figure", "parity_figure"]

PHASE_COLOUR = {"RP": BLUE, "DJ": ORANGE, "3D": GREEN}
PHASE_SYMBOL = {"RP": "circle", "DJ": "diamond", "3D": "square"}


def parity_figure(
    measured_ps: NDArray[np.float64],
    predicted_ps: NDArray[np.float64],
    low_ps: NDArray[np.float64],
    high_ps: NDArray[np.float64],
    formulas: Sequence[str],
    phases: Sequence[str],
) -> go.Figure:
    """Out-of-fold predicted against measured lifetimes, shape (k,) each, ps, with 90% intervals."""
    figure = go.Figure()
    ends = [
        float(min(measured_ps.min(), predicted_ps.min())) / 2,
        float(max(measured_ps.max(), predicted_ps.max())) * 2,
    ]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": GREY, "dash": "dash"}, showlegend=False, hoverinfo="skip"
    )
    for phase in dict.fromkeys(phases):
        rows = [i for i, other in enumerate(phases) if other == phase]
        figure.add_scatter(
            x=measured_ps[rows],
            y=predicted_ps[rows],
            error_y={
                "type": "data",
                "array": (high_ps - predicted_ps)[rows],
                "arrayminus": (predicted_ps - low_ps)[rows],
                "thickness": 0.8,
                "width": 0,
            },
            mode="markers",
            marker={"color": PHASE_COLOUR.get(phase, GREY), "symbol": PHASE_SYMBOL.get(phase, "circle"), "size": 9},
            name=phase,
            text=[formulas[i] for i in rows],
            hovertemplate="%{text}<br>measured %{x:.3g} ps<br>predicted %{y:.3g} ps<extra></extra>",
        )
    axis = {"type": "log", "dtick": 1}
    return dress(
        figure,
        xaxis={**axis, "title": "measured lifetime (ps)"},
        yaxis={**axis, "title": "predicted lifetime, out of fold (ps)"},
    )


def calibration_figure(nominal: NDArray[np.float64], observed: dict[str, NDArray[np.float64]]) -> go.Figure:
    """Share of measured rates inside central intervals of each nominal size, shape (p,) each, by split."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dash"}, showlegend=False, hoverinfo="skip"
    )
    looks = ((BLUE, "circle"), (ORANGE, "diamond"), (GREEN, "square"))
    for (name, values), (colour, symbol) in zip(observed.items(), looks, strict=False):
        figure.add_scatter(
            x=nominal,
            y=values,
            mode="lines+markers",
            name=name,
            line={"color": colour},
            marker={"symbol": symbol, "size": 7},
            hovertemplate="nominal %{x:.0%}, observed %{y:.0%}<extra>" + name + "</extra>",
        )
    axis = {"range": [0, 1.02], "tickformat": ".0%"}
    return dress(
        figure,
        xaxis={**axis, "title": "nominal size of the interval"},
        yaxis={**axis, "title": "measured rates inside it"},
    )

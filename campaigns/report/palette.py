"""Colours of all figures and how they are dressed: the page around them sets the colours of text and grid."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "PURPLE", "SKY", "YELLOW", "dress", "plain"]

#: Okabe and Ito's palette, told apart by colour-blind readers. https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
GREY = "#8a8f98"

_MARGIN = {"l": 60, "r": 15, "t": 10, "b": 50}


def dress(figure: go.Figure, **layout: Any) -> go.Figure:
    """The figure with this package's palette and margins and without Plotly's own theme."""
    figure.update_layout(
        template=go.layout.Template(),
        colorway=[BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW],
        margin=_MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hoverlabel={"align": "left"},
    )
    figure.update_layout(**layout)
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure


def plain(figure: go.Figure) -> dict[str, Any]:
    """The figure as JSON values, arrays as lists."""
    import json

    from plotly.utils import PlotlyJSONEncoder

    told: dict[str, Any] = json.loads(json.dumps(figure.to_plotly_json(), cls=PlotlyJSONEncoder))
    return told

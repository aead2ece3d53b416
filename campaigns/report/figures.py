"""Parity and calibration, as Plotly figures without colours of text and paper (the page sets those)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from campaigns.narrate import picoseconds
from campaigns.report.card import formula_html
from screening.features import feature_label, feature_text, input_label

if TYPE_CHECKING:
    import pandas as pd

    from screening.explain import Shapley


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

    from plotly.utils import PlotlyJSONEncoder

    values: dict[str, Any] = json.loads(json.dumps(figure.to_plotly_json(), cls=PlotlyJSONEncoder))
    return values


PHASE_COLOUR = {"RP": BLUE, "DJ": ORANGE, "3D": GREEN}
#: Points of a parity plot that are named.
N_NAMED = 2
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
    misses = np.abs(np.log10(predicted_ps / measured_ps))
    for at, row in enumerate(np.argsort(-misses)[:N_NAMED]):  # the largest misses are the story
        place = {"x": float(np.log10(measured_ps[row])), "y": float(np.log10(predicted_ps[row]))}
        sign = 1 if place["y"] < place["x"] else -1  # away from the line, where there are fewer points
        figure.add_annotation(
            **place,
            text=formula_html(formulas[row]),
            ax=(-50, 25)[at % 2],
            ay=(45, 70)[at % 2] * sign,
            font_size=11,
            arrowwidth=1,
        )
    axis = {"type": "log", "dtick": 1, "range": [float(np.log10(end)) for end in ends]}
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


Array = NDArray[np.float64]

#: Where a logarithmic axis of lifetimes is labelled.
_TICKS_PS = tuple(float(f"{digit}e{power}") for power in range(-4, 6) for digit in (1, 3))


def worded(shapley: Shapley) -> Shapley:
    """The same values under the features' names for people."""
    names = tuple(input_label(name) for name in shapley.feature_names)
    return replace(shapley, feature_names=names)


def bar_figure(shapley: Shapley) -> go.Figure:
    """Mean absolute contribution of every feature, coloured by the way a higher value points."""
    told = worded(shapley)
    table = replace(told, contributions=-told.contributions, base=-told.base).importances().iloc[::-1]
    slower = table["direction"].to_numpy(dtype=float) >= 0.0
    figure = go.Figure()
    for name, rows, colour in (("higher is slower", slower, ORANGE), ("higher is faster", ~slower, BLUE)):
        figure.add_bar(
            x=table["importance"][rows], y=table["feature"][rows], orientation="h", name=name, marker={"color": colour}
        )
    order = {"categoryorder": "array", "categoryarray": list(table["feature"])}
    title = {"title": {"text": "mean size of the contribution to log10 lifetime"}}
    return dress(figure, yaxis=order, xaxis=title, barmode="overlay")


def beeswarm_figure(shapley: Shapley, formulas: Sequence[str]) -> go.Figure:
    """Contribution of every feature to every measured compound's lifetime, coloured by the feature's rank."""
    from screening.explain import beeswarm

    told = worded(shapley)
    figure = dress(beeswarm(replace(told, contributions=-told.contributions, base=-told.base), list(formulas)))
    figure.update_traces(
        marker={"colorscale": [[0.0, BLUE], [0.5, GREY], [1.0, ORANGE]]},
        hovertemplate="%{text}<br>%{x:+.2f} in log10 lifetime<extra></extra>",
    )
    figure.update_traces(
        selector=0, marker={"showscale": True, "colorbar": {"title": {"text": "value"}, "tickvals": [0, 1]}}
    )
    figure.data[0].marker.colorbar.ticktext = ["low", "high"]
    figure.data[0].marker.colorbar.thickness = 10
    return figure.update_layout(
        xaxis={"title": {"text": "contribution to log10 lifetime (right: slower relaxation)"}, "zeroline": True},
        yaxis={"zeroline": False},
    )


def radar_figure(shapley: Shapley) -> go.Figure:
    """Share of each feature in the mean absolute contributions."""
    from screening.explain import radar

    figure = dress(
        radar(worded(shapley)),
        margin={"l": 70, "r": 70, "t": 30, "b": 30},
        polar={"angularaxis": {"tickfont": {"size": 14}}},
    )
    return figure.update_traces(
        line={"color": BLUE}, fillcolor="rgba(0,114,178,0.25)", hovertemplate="%{theta}: %{r:.0%}<extra></extra>"
    )


def heatmap_figure(correlations: pd.DataFrame) -> go.Figure:
    """Pearson correlations of the features over the training rows."""
    named = correlations.rename(index=input_label, columns=input_label)
    names, values = list(named.columns), named.to_numpy(dtype=float)
    cells = go.Heatmap(
        z=values,
        x=names,
        y=names,
        zmin=-1,
        zmax=1,
        colorscale=[[0.0, BLUE], [0.5, "#f2f0eb"], [1.0, ORANGE]],
        text=[[f"{v:.2f}" if np.isfinite(v) else "" for v in row] for row in values],
        texttemplate="%{text}",
        textfont={"color": "#1f2328"},
        colorbar={"title": {"text": "r"}, "thickness": 10},
        hovertemplate="%{y}, %{x}: r = %{z:.2f}<extra></extra>",
    )
    return dress(go.Figure(cells), xaxis={"tickangle": -40}, yaxis={"autorange": "reversed"})


def waterfall_figure(
    contributions: Mapping[str, float], features: Mapping[str, float], base_log10_rate: float
) -> go.Figure:
    """How a compound's predicted lifetime comes about, factor by factor, from that of a typical measured compound."""
    ordered = sorted(contributions.items(), key=lambda item: -abs(item[1]))
    steps = [-base_log10_rate, *(-value for _, value in ordered)]
    ends = np.cumsum(steps)
    names = [f"{feature_label(name)} {feature_text(name, features[name])}" for name, _ in ordered]
    told = [f"{picoseconds(10.0 ** ends[0])} ps", *(f"×{10.0**-value:.2f}" for _, value in ordered)]
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            x=[*steps, 0.0],
            y=["typical measured compound", *names, "predicted"],
            measure=["absolute", *["relative"] * len(ordered), "total"],
            text=[*told, f"{picoseconds(10.0 ** ends[-1])} ps"],
            textposition="outside",
            increasing={"marker": {"color": GREEN}},
            decreasing={"marker": {"color": ORANGE}},
            totals={"marker": {"color": BLUE}},
            connector={"line": {"width": 0.6, "color": GREY}},
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    low, high = float(min(ends.min(), 0.0)), float(max(ends.max(), 0.0))
    pad = 0.7 * max(high - low, 0.3)  # the factors stand beside their bars, on a phone too
    return dress(
        figure,
        yaxis={"autorange": "reversed"},
        xaxis={
            "title": {"text": "lifetime (ps)"},
            "range": [low - pad, high + pad],
            "tickvals": np.log10(_TICKS_PS).tolist(),
            "ticktext": [f"{tick:g}" for tick in _TICKS_PS],
        },
    )


def curve_figure(curve: Mapping[str, float]) -> go.Figure:
    """Learning curve: R2 on rows left out against the share of rows trained on."""
    figure = go.Figure(
        go.Scatter(
            x=[float(share) for share in curve],
            y=list(curve.values()),
            mode="lines+markers",
            line={"color": BLUE},
            hovertemplate="%{x:.0%} of the rows: R² %{y:.2f}<extra></extra>",
        )
    )
    return dress(
        figure,
        xaxis={"title": {"text": "share of the rows trained on"}, "tickformat": ".0%", "range": [0.3, 1.0]},
        yaxis={"title": {"text": "R² of log10 rate on the rows left out"}, "rangemode": "tozero"},
    )


def progress_figure(
    lifetimes_ps: Array,
    formulas: Sequence[str],
    own: Sequence[bool],
    bounds: Sequence[bool],
    band: Mapping[str, Sequence[float]] | None = None,
) -> go.Figure:
    """Best lifetime found so far against the number of experiments, in the order of the record: `lifetimes_ps`, shape
    (k,), published ones first, `own` of this campaign, `bounds` upper bounds only, which make no record. `band`: of the
    back-test on the same compounds: experiments, mean_ps, low_ps, high_ps, random_ps."""
    at, bound = np.arange(1, len(lifetimes_ps) + 1), np.asarray(bounds, dtype=bool)
    best = np.fmax.accumulate(np.where(bound, np.nan, lifetimes_ps))
    figure = go.Figure()
    if band is not None:
        x = list(band["experiments"])
        figure.add_scatter(
            x=[*x, *x[::-1]],
            y=[*band["high_ps"], *list(band["low_ps"])[::-1]],
            fill="toself",
            fillcolor="rgba(0,158,115,0.18)",
            line={"width": 0},
            name="back-test, 80% of the replays",
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=x, y=list(band["mean_ps"]), mode="lines", line={"color": GREEN, "width": 2}, name="back-test, mean"
        )
        figure.add_scatter(
            x=x,
            y=list(band["random_ps"]),
            mode="lines",
            line={"color": GREY, "width": 1.5, "dash": "dot"},
            name="by chance, mean",
        )
    mine = np.asarray(own, dtype=bool)
    for which, name, below, colour, symbol in (
        (~mine & ~bound, "published", "", SKY_POINT, "circle"),
        (mine & ~bound, "measured here", "", ORANGE, "diamond"),
        (bound, "upper bound", "below ", ORANGE, "triangle-down-open"),
    ):
        if which.any():
            figure.add_scatter(
                x=at[which],
                y=np.asarray(lifetimes_ps)[which],
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 7 if symbol == "circle" else 11},
                text=[formula for formula, kept in zip(formulas, which, strict=True) if kept],
                hovertemplate=f"%{{text}}<br>{below}%{{y:.3g}} ps<extra>{name}</extra>",
                name=name,
            )
    figure.add_scatter(
        x=at, y=best, mode="lines", line={"color": BLUE, "shape": "hv", "width": 3}, name="best so far, as it was done"
    )
    return dress(
        figure,
        xaxis={"title": {"text": "experiments"}, "range": [0, len(lifetimes_ps) + 1]},
        yaxis={"title": {"text": "lifetime (ps)"}, "type": "log", "tickvals": list(_TICKS_PS)},
        margin={"l": 60, "r": 15, "t": 40, "b": 50},
    )


#: Published points stand back behind the line.
SKY_POINT = "rgba(86,180,233,0.7)"

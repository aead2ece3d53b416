"""What the report shows, as plain values ready for the template; and its Plotly figures, without colours of text and
paper (the page sets those)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from campaigns.artifacts import DEEP, PLAIN, Artifacts, package_versions
from campaigns.files import TRACES, title_of
from campaigns.narrate import picoseconds
from campaigns.report.card import compared_views, crystal_scene, decisions, formula_html, suggestion_card
from campaigns.space import Budget
from campaigns.summary import FitSummary, Status, SuggestionBatch
from chemspace import CationLibrary, Compound, parse_formula
from chemspace.errors import SpinscreenError
from chemspace.progress import Progress, silent
from screening.calibration import LEVEL, PROPERTY_SCORES, SCORES, half_width
from screening.features import feature_label, feature_text, input_label

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.round import Kept, Round
    from screening.features import Shapley

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
    from screening.features import beeswarm

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
    from screening.features import radar

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


def property_views(standings: Mapping[str, Mapping[str, Any]], fit: FitSummary | None) -> list[dict[str, Any]]:
    """One for each property of `Status.properties`, with the last fit (None before the first): name, words (the name
    for people), n_values, n_ingested, grade ("" before a fit), n_rows that trained, titles and scores (rows of split
    and formatted values), record (values that came or were taken back since the launch)."""
    learnt = {} if fit is None else fit.properties
    return [_view(name, told, learnt.get(name)) for name, told in standings.items()]


def _view(name: str, told: Mapping[str, Any], learnt: Mapping[str, Any] | None) -> dict[str, Any]:
    scores = {} if learnt is None else learnt["scores"]
    return {
        "name": name,
        "words": name.replace("_", " "),
        "n_values": told["n_values"],
        "n_ingested": told["n_ingested"],
        "grade": "" if learnt is None else learnt["grade"],
        "n_rows": 0 if learnt is None else learnt["n_rows"],
        "titles": [score.title for score in PROPERTY_SCORES],
        "scores": [
            [split.replace("_", " "), [score.show(card) for score in PROPERTY_SCORES]] for split, card in scores.items()
        ],
        "record": told["record"],
    }


def model_view(done: Round | Kept, fit: FitSummary, progress: Progress | None = None) -> dict[str, Any]:
    """Everything that takes seconds; `fit` is what is recorded of the round's.

    Returns:
        grade, strategy, n_measured, n_train, scores (rows of split and formatted values), figures (Plotly JSON by name:
        parity, calibration, bar, beeswarm, radar, heatmap), importances (rows of feature, value, direction), progress
        (lifetimes_ps, formulas, own, bounds), left_out.
    """
    from screening.features import pearson, shapley

    tell = progress or silent
    tell(0, 3, "figures of the validation")
    training = done.training
    figures = {"parity": plain(parity_of(done)), "calibration": plain(calibration_of(done))}
    tell(1, 3, "what the model looks at")
    names = training.descriptors.feature_names
    told = shapley(done.surrogate, training.x, names)
    figures["bar"] = plain(bar_figure(told))
    figures["beeswarm"] = plain(beeswarm_figure(told, training.formulas))
    figures["radar"] = plain(radar_figure(told))
    tell(2, 3, "correlations")
    figures["heatmap"] = plain(heatmap_figure(pearson(training.x, names)))
    table = training.dataset.table
    importances = told.importances()
    tell(3, 3, "done")
    return {
        "grade": fit.grade,
        "strategy": fit.strategy,
        "n_measured": len(done.inputs.dataset),
        "n_train": len(training.dataset),
        "scores": score_rows({split: card.to_dict() for split, card in done.validation.score_cards.items()}),
        "figures": figures,
        "importances": [
            [input_label(name), float(value), float(direction)]
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
    return [[split.replace("_", " "), [score.show(card) for score in SCORES]] for split, card in scores.items()]


#: Replays of the back-test, and rows that each begins with at random.
N_REPLAYS, N_START = 10, 5
BATCH = 5


def deep_view(done: Round, progress: Progress | None = None) -> dict[str, Any]:
    """Baselines, shuffled targets, learning curve and a back-test on the rows of one round, upper bounds held out.

    Returns:
        verdict; baselines (rows of name, R2 of log10 rate leaving one out and leaving a spacer out, the model itself
        first); scrambled (R2 with shuffled targets); spacer_only (R2 of knowing the spacer alone); curve (share of the
        rows to R2); band (experiments, mean_ps, low_ps, high_ps, random_ps).
    """
    from campaigns.training import card_of
    from screening.validation import LEAVE_OUT_SPLITS

    tell, steps = progress or silent, 0

    def part(at: int, total: int, note: str) -> None:
        nonlocal steps
        steps = total
        tell(at, total + 1, note)

    name = done.validation.name
    card = card_of(done.training, done.surrogate.seed, name, progress=part)
    told = {name: card.validation, **card.baselines}
    tell(steps, steps + 1, "back-test")
    return {
        "verdict": card.verdict,
        "baselines": [
            [other, *(round(v.score_cards[s].r2_log, 3) for s in LEAVE_OUT_SPLITS)] for other, v in told.items()
        ],
        "scrambled": [round(float(r2), 3) for r2 in card.scrambled_r2_log],
        "spacer_only": round(float(card.spacer_only_r2_log), 3),
        "curve": {f"{share:g}": round(float(r2), 3) for share, r2 in card.curve.items()},
        "band": _band(done),
    }


def paper_view(progress: Progress | None = None) -> list[dict[str, Any]]:
    """The reference paper's claims, each with the R2 on the rate of the paper's network on rows it trained on and on
    rows it had not seen, and of the default model on rows it had not seen."""
    from screening.paper import CLAIMS, reproduce
    from screening.surrogates.registry import DEFAULT_SURROGATE

    models = tuple(dict.fromkeys((DEFAULT_SURROGATE, *(claim.model for claim in CLAIMS))))
    found = reproduce(models=models, progress=progress, default_rows=False).cards["as_filed"]
    return [
        {
            "model": claim.model,
            "rows": claim.rows,
            "claimed": claim.r2_rate,
            "in_sample": round(found[claim.model]["in_sample"].r2_rate, 2),
            "out_of_sample": round(found[claim.model][claim.split].r2_rate, 2),
            "ours": round(found[DEFAULT_SURROGATE][claim.split].r2_rate, 2),
            "ours_log": round(found[DEFAULT_SURROGATE][claim.split].r2_log, 2),
        }
        for claim in CLAIMS
    ]


def paper_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """What `paper_view` comes to, in a sentence; "" without its network on all rows."""
    network = [row for row in rows if row["model"] == "mlp"]
    if not network:
        return ""
    row = max(network, key=lambda row: row["claimed"])
    unseen, ours = (f"{max(row[name], 0.0):.0%}" for name in ("out_of_sample", "ours"))
    return (
        f"On compounds it has not seen, the paper's network explains {unseen} of the variation of the rate, not the "
        f"{row['claimed']:.0%} that are printed; this engine explains {ours} of the rate and "
        f"{max(row['ours_log'], 0.0):.0%} of its logarithm."
    )


def _band(done: Round) -> dict[str, list[float]]:
    """Best lifetime against experiments when the engine starts from a few random rows of the same table."""
    from screening.backtest import FinishedTable, Schedule, backtest

    data = done.training.dataset
    rates = data.log10_rate[~data.censored]
    names = done.training.descriptors.feature_names
    table = FinishedTable(done.training.x[~data.censored], rates, names, "log10_rate", True)
    schedule = Schedule(min(N_START, len(rates) - 1), BATCH, len(rates))
    frame = backtest(table, schedule=schedule, seeds=range(N_REPLAYS)).curves()
    ours, chance = frame[frame["strategy"] == "spinscreen"], frame[frame["strategy"] == "random"]

    def lifetimes(values: Any) -> list[float]:
        return [float(f"{10.0**-value:.4g}") for value in values]

    return {
        "experiments": [int(n) for n in ours["experiments"]],
        "mean_ps": lifetimes(ours["best"]),
        "low_ps": lifetimes(ours["best_high"]),
        "high_ps": lifetimes(ours["best_low"]),
        "random_ps": lifetimes(chance["best"]),
    }


#: Rows of the ranking in the page; the files beside it hold more.
N_ROWS = 100


def report_view(
    done: Round | Kept,
    fit: FitSummary,
    rounds: Sequence[SuggestionBatch],
    status: Status,
    names: CationLibrary,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """What the template prints, by name: of the present round and what is recorded of its fit, the last of all
    suggestions (oldest first), where the campaign stands; `names` and `budget` are those of the drawings and of what a
    card costs."""
    batch, ranked = rounds[-1] if rounds else None, done.ranking.frame
    suggestions = () if batch is None else batch.suggestions
    model, folder = model_view(done, fit), Path(status.folder)
    deep = None
    if status.fit is not None:  # what the server worked out in minutes for this fit, where it did
        deep = Artifacts(folder).find(DEEP, status.fit.data_key, PLAIN)
    figures = {"progress": plain(progress_of(model, deep)), **model["figures"]}
    if deep is not None:
        figures["curve"] = plain(curve_figure(deep["curve"]))
    best = None if status.best_observed is None else status.best_observed[1]
    goal = done.inputs.config.objective.goal_lifetime_ps
    return {
        "title": f"Campaign {title_of(folder)}",
        "written_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "status": status,
        "ranked": done.ranking,
        "related": [told["sentence"] for told in fit.related.values()],
        "score_names": [score.title for score in SCORES],
        "model": model,
        "deep": deep,
        "figures": figures,
        "round": 0 if batch is None else batch.number,
        "is_outdated": batch is not None and not done.inputs.state.is_current(batch, fit.data_key),
        "suggestions": [
            suggestion_card(suggestion, names, budget)
            | {"stage": status.stages.get(suggestion.formula, ""), "decision": weighed, "crystal": _scene(compound)}
            for suggestion, weighed in zip(suggestions, decisions(suggestions, best, goal), strict=True)
            for compound in [parse_formula(suggestion.formula, names)]
        ],
        "compared": compared_views(status.track_record),
        "fits": list(_fits(folder, [row["number"] for row in status.record if row["retracted"] is None])),
        "ranking": ranked[~ranked["index"].isin(done.inputs.excluded)].head(N_ROWS).to_dict("records"),
        "properties": property_views(status.properties, status.fit),
        "provenance": [("seed", str(done.inputs.config.seed)), *package_versions().items()],
    }


def _scene(compound: Compound) -> dict[str, Any] | None:
    """The crystal as the browser draws it; None where no ideal one can be built."""
    try:
        return crystal_scene(compound)
    except SpinscreenError:
        return None


#: Fits that are shown, newest first.
N_FITS = 4


def _fits(folder: Path, numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Number, formula, sample and figures of the traces of the last of these measurements, where they were drawn."""
    for number in numbers[: -N_FITS - 1 : -1]:
        for page in (folder / TRACES).glob(f"{number:04d}-*.json"):
            about = json.loads(page.read_text(encoding="utf-8"))
            if "figures" in about:  # drawn by this release
                yield {"number": number, **{name: about[name] for name in ("formula", "sample", "figures")}}


def progress_of(model: dict[str, Any], deep: dict[str, Any] | None) -> go.Figure:
    """Best lifetime against experiments, from what `model_view` and, where it is there, `deep_view` gave."""
    told = model["progress"]
    band = None if deep is None else deep["band"]
    lifetimes_ps = np.array(told["lifetimes_ps"], dtype=np.float64)
    return progress_figure(lifetimes_ps, told["formulas"], told["own"], told["bounds"], band)


def parity_of(done: Round | Kept) -> go.Figure:
    """Out-of-fold predictions against measured lifetimes, leaving out the spacer of each row."""
    out = _measured(done)
    out = out[out["split"] == "leave_one_spacer_out"]
    rows = out["row"].to_numpy()
    mean, spread = out["mean"].to_numpy(dtype=float), half_width(LEVEL) * out["sd_calibrated"].to_numpy(dtype=float)
    phases = done.training.dataset.table["phase"]
    return parity_figure(
        10.0 ** -out["y"].to_numpy(dtype=float),
        10.0**-mean,
        10.0 ** -(mean + spread),
        10.0 ** -(mean - spread),
        [done.training.formulas[row] for row in rows],
        [str(phases.iloc[row]) for row in rows],
    )


def calibration_of(done: Round | Kept) -> go.Figure:
    """Nominal and actual size of the intervals, by split."""
    nominal = np.linspace(0.1, 0.95, 18)
    observed: dict[str, NDArray[np.float64]] = {}
    for split, out in _measured(done).groupby("split", sort=False):
        y, mean, sd = (out[column].to_numpy(dtype=float) for column in ("y", "mean", "sd_calibrated"))
        score = np.abs(y - mean) / sd
        inside = score[:, None] <= half_width(nominal)[None, :]
        observed[str(split).replace("_", " ")] = inside.mean(axis=0)
    return calibration_figure(nominal, observed)


def _measured(done: Round | Kept) -> pd.DataFrame:
    """Out-of-fold predictions of the rows with a measured lifetime: an upper bound is neither hit nor missed."""
    out = done.validation.predictions
    kept: pd.DataFrame = out[~done.training.dataset.censored[out["row"].to_numpy()]]
    return kept

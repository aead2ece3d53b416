"""What the report shows, as plain values ready for the template."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from campaigns.artifacts import DEEP, PLAIN, Artifacts, package_versions
from campaigns.files import TRACES, title_of
from campaigns.report.card import compared_views, crystal_scene, decisions, suggestion_card
from campaigns.report.figures import (
    bar_figure,
    beeswarm_figure,
    calibration_figure,
    curve_figure,
    heatmap_figure,
    parity_figure,
    plain,
    progress_figure,
    radar_figure,
)
from campaigns.space import Budget
from campaigns.summary import FitSummary, Status, SuggestionBatch
from chemspace import CationLibrary, Compound, parse_formula
from chemspace.errors import SpinscreenError
from chemspace.progress import Progress, silent
from screening.calibration import LEVEL, half_width
from screening.features import input_label
from screening.scores import PROPERTY_SCORES, SCORES

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.round import Kept, Round


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
    from screening.explain import pearson, shapley

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
    batch = rounds[-1] if rounds else None
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
        "ranking": done.ranking.frame.head(N_ROWS).to_dict("records"),
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

"""What the report shows, as plain values ready for the template."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup
from numpy.typing import NDArray

from campaigns.budget import Budget
from campaigns.reason import picoseconds
from campaigns.report.cards import suggestion_card
from campaigns.report.drawing import formula_html
from campaigns.report.figures import calibration_figure, parity_figure
from campaigns.report.model_figures import curve_figure, progress_figure
from campaigns.report.model_view import SCORES, model_view
from campaigns.report.palette import plain
from campaigns.report.prepared import DEEP, prepared_folder, read_prepared
from campaigns.report.property_view import property_views
from campaigns.round import Round
from campaigns.suggestion import SuggestionBatch
from campaigns.summary import Status
from campaigns.versions import package_versions
from chemspace import CationLibrary
from screening.calibration import half_width

__all__ = ["ReportView", "calibration_of", "parity_of", "progress_of", "ranking_row", "report_view"]

#: Rows of the ranking in the page; the files beside it hold more.
N_ROWS = 100

_Z90 = float(half_width(0.9))


@dataclass(frozen=True)
class ReportView:
    """Everything the template prints; formatted, not yet marked up."""

    title: str
    written_at: str
    n_compounds: str
    n_measured: int
    n_train: int
    score_names: tuple[str, ...]
    model: dict[str, Any]
    deep: dict[str, Any] | None
    figures: dict[str, dict[str, Any]]
    round: int
    acquisition_name: str
    suggestions: tuple[dict[str, Any], ...]
    best_observed: Markup
    best_predicted: Markup
    ranking: tuple[dict[str, Any], ...]
    n_ranked: str
    n_top: str
    stages: tuple[tuple[str, tuple[Markup, ...]], ...]
    record: tuple[dict[str, Any], ...]
    properties: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]


def report_view(
    done: Round, batch: SuggestionBatch, status: Status, names: CationLibrary, budget: Budget | None = None
) -> ReportView:
    """Collect and format."""
    frame, model = done.ranking.frame, model_view(done)
    deep = None
    if status.fit is not None:  # what the server worked out in minutes for this fit, where it did
        deep = read_prepared(prepared_folder(Path(status.folder), status.fit.data_key) / DEEP)
    figures = {"progress": plain(progress_of(model, deep)), **model["figures"]}
    if deep is not None:
        figures["curve"] = plain(curve_figure(deep["curve"]))
    return ReportView(
        title=f"Campaign {Path(status.folder).resolve().name}",
        written_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        n_compounds=f"{status.n_compounds:,}",
        n_measured=done.n_measured,
        n_train=len(done.training.dataset),
        score_names=tuple(title for title, _, _ in SCORES),
        model=model,
        deep=deep,
        figures=figures,
        round=batch.number,
        acquisition_name=done.ranked_by,
        suggestions=tuple(suggestion_card(suggestion, names, budget) for suggestion in batch.suggestions),
        best_observed=_best(status.best_observed),
        best_predicted=_best(status.best_predicted),
        ranking=tuple(ranking_row(row) for row in frame.head(N_ROWS).to_dict("records")),
        n_ranked=f"{done.ranking.n_scored - done.ranking.n_excluded - done.ranking.n_undescribed:,}",
        n_top=f"{len(frame):,}",
        stages=_stages(status),
        record=tuple({**row, "formula_html": Markup(formula_html(row["formula"]))} for row in status.record),
        properties=tuple(property_views(status.properties, status.fit)),
        notes=_notes(done, status),
        provenance=(("seed", str(done.surrogate.seed)), *package_versions().items()),
    )


def progress_of(model: dict[str, Any], deep: dict[str, Any] | None) -> go.Figure:
    """Best lifetime against experiments, from what `model_view` and, where it is there, `deep_view` gave."""
    told = model["progress"]
    band = None if deep is None else deep["band"]
    lifetimes_ps = np.array(told["lifetimes_ps"], dtype=np.float64)
    return progress_figure(lifetimes_ps, told["formulas"], told["own"], told["bounds"], band)


def parity_of(done: Round) -> go.Figure:
    """Out-of-fold predictions against measured lifetimes, leaving out the spacer of each row."""
    out = _measured(done)
    out = out[out["split"] == "leave_one_spacer_out"]
    rows = out["row"].to_numpy()
    mean, spread = out["mean"].to_numpy(dtype=float), _Z90 * out["sd_calibrated"].to_numpy(dtype=float)
    phases = done.training.dataset.table["phase"]
    return parity_figure(
        10.0 ** -out["y"].to_numpy(dtype=float),
        10.0**-mean,
        10.0 ** -(mean + spread),
        10.0 ** -(mean - spread),
        [done.training.formulas[row] for row in rows],
        [str(phases.iloc[row]) for row in rows],
    )


def calibration_of(done: Round) -> go.Figure:
    """Nominal and actual size of the intervals, by split."""
    nominal = np.linspace(0.1, 0.95, 18)
    observed: dict[str, NDArray[np.float64]] = {}
    for split, out in _measured(done).groupby("split", sort=False):
        y, mean, sd = (out[column].to_numpy(dtype=float) for column in ("y", "mean", "sd_calibrated"))
        score = np.abs(y - mean) / sd
        inside = score[:, None] <= half_width(nominal)[None, :]
        observed[str(split).replace("_", " ")] = inside.mean(axis=0)
    return calibration_figure(nominal, observed)


def _measured(done: Round) -> pd.DataFrame:
    """Out-of-fold predictions of the rows with a measured lifetime: an upper bound is neither hit nor missed."""
    out = done.validation.predictions
    kept: pd.DataFrame = out[~done.training.dataset.censored[out["row"].to_numpy()]]
    return kept


def ranking_row(row: dict[Any, Any]) -> dict[str, Any]:
    """One compound of the ranking, formatted."""
    return {
        "formula": str(row["formula"]),
        "formula_html": Markup(formula_html(str(row["formula"]))),
        "nearest_html": Markup(formula_html(str(row["nearest_measured"]))),
        "lifetime": picoseconds(row["lifetime_ps"]),
        "low": picoseconds(row["lifetime_low_ps"]),
        "high": picoseconds(row["lifetime_high_ps"]),
        "acquisition": f"{row['acquisition']:.2f}",
        "feasibility": f"{row['feasibility']:.0%}",
        "in_domain": bool(row["in_domain"]),
    }


def _best(best: tuple[str, float] | None) -> Markup:
    if best is None:
        return Markup("none yet")
    return Markup("{} ps <small>{}</small>").format(picoseconds(best[1]), Markup(formula_html(best[0])))


def _stages(status: Status) -> tuple[tuple[str, tuple[Markup, ...]], ...]:
    stages = dict.fromkeys(status.stages.values())
    return tuple(
        (stage, tuple(Markup(formula_html(f)) for f, other in status.stages.items() if other == stage))
        for stage in stages
    )


def _notes(done: Round, status: Status) -> tuple[str, ...]:
    ranking = done.ranking
    lines = [
        f"{status.n_measured} measured lifetimes with a known composition, {status.n_ingested} of them ingested here; "
        "the published ones are from doi 10.1039/d5sc07406a.",
        f"{ranking.n_excluded} compounds of the space are measured or pending and are not ranked.",
    ]
    if ranking.n_undescribed:
        lines.append(
            f"{ranking.n_undescribed} compounds have no descriptors, because xTB failed for a cation of theirs."
        )
    return tuple(lines)

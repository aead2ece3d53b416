"""Pictures of the campaign's own traces: a page and a JSON file for each measurement."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from campaigns.errors import CampaignError, StoreError
from campaigns.files import file_name, write_whole
from campaigns.intake import hashes_of
from campaigns.report.view import calibration_of, parity_of
from campaigns.round import Round
from campaigns.state import CampaignState
from campaigns.summary import IngestResult
from chemspace.progress import Progress
from screening.explain import bar

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from campaigns.campaign import CampaignView
    from campaigns.kinetics import Measured, TraceFit
    from campaigns.round import Round
    from oracle.descriptors import CationTable
    from screening.ranking.stream import Scoring

__all__ = ["scoring_of"]


def _suggestions(campaign: CampaignView) -> pd.DataFrame:
    rows = [
        {"round": batch.number, "place": place, **suggestion.to_dict()}
        for batch in campaign.state.batches
        for place, suggestion in enumerate(batch.suggestions, start=1)
    ]
    return pd.DataFrame(rows)


def _measurements(campaign: CampaignView) -> pd.DataFrame:
    return pd.DataFrame([row.to_dict() for row in campaign.state.record])


def _properties(campaign: CampaignView) -> pd.DataFrame:
    rows = [
        {"property": name, **row.to_dict()} for name, held in campaign.state.property_values.items() for row in held
    ]
    return pd.DataFrame(rows)


def _compounds(campaign: CampaignView) -> pd.DataFrame:
    stages = campaign.state.stages
    last = {step.formula: step for step in campaign.state.steps}
    rows = [
        {
            "formula": formula,
            "stage": stage.value,
            "made": last[formula].made if formula in last else "",
            "reason": last[formula].reason if formula in last else "",
        }
        for formula, stage in stages.items()
    ]
    return pd.DataFrame(rows, columns=["formula", "stage", "made", "reason"])


def _scores(campaign: CampaignView) -> pd.DataFrame:
    fit = campaign.fit()
    rows = [] if fit is None else [{"split": split, **scores} for split, scores in fit.scores.items()]
    return pd.DataFrame(rows)


def _ranking(campaign: CampaignView) -> pd.DataFrame:
    from campaigns.files import read_ranking

    ranking = read_ranking(campaign.folder)
    return pd.DataFrame() if ranking is None else ranking


def _history(campaign: CampaignView) -> pd.DataFrame:
    return pd.DataFrame(list(campaign.history()))


#: Tables by name; each is empty where the campaign has nothing to put in.
TABLES: dict[str, Callable[[CampaignView], pd.DataFrame]] = {
    "suggestions": _suggestions,
    "measurements": _measurements,
    "properties": _properties,
    "compounds": _compounds,
    "scores": _scores,
    "ranking": _ranking,
    "history": _history,
}


def table(campaign: CampaignView, name: str) -> pd.DataFrame:
    """One of `TABLES`.

    Raises:
        CampaignError: if there is no such table.
    """
    if name not in TABLES:
        raise CampaignError(f"a campaign has no table {name!r}; it has {', '.join(TABLES)}")
    return TABLES[name](campaign)


def write_candidates(
    done: Round, spacers: CationTable, cages: CationTable, path: Path, progress: Progress | None = None
) -> int:
    """Write what a round knows of every compound to a Parquet file, see `screening.ranking.write_candidates`.

    Args:
        done: the round.
        spacers, cages: descriptors of the space's cations.
        path: of the file.
        progress: called after each block.

    Returns:
        Number of compounds.

    Raises:
        StoreError: if the file cannot be written.
    """
    from screening.ranking import MeasuredSet, write_candidates
    from screening.strategies import pass_of

    try:
        return write_candidates(
            path,
            done.space,
            spacers,
            cages,
            done.surrogate,
            done.feasibility,
            best_observed=done.ranking.best_observed,
            measured=MeasuredSet(done.training.formulas, done.training.x),
            score=pass_of(done.strategy.acquisition),
            aim=done.aim,
            properties={learnt.name: learnt.surrogate for learnt in done.properties},
            progress=progress,
        )
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def scoring_of(done: Round, spacers: CationTable, cages: CationTable) -> Scoring:
    """What a round ranks every compound of its space by; nothing is excluded."""
    from screening.ranking.stream import Scoring, unexplained_variance
    from screening.strategies import pass_of

    return Scoring(
        done.space,
        (spacers, cages),
        done.feasibility.bind(done.space),
        pass_of(done.strategy.acquisition),
        done.ranking.best_observed,
        unexplained_variance(done.surrogate),
        aim=done.aim,
    )


def figures(done: Round) -> dict[str, Figure]:
    """Plotly figures: parity and calibration out of fold, and what the model sees (mean absolute Shapley values)."""
    return {
        "parity": parity_of(done),
        "calibration": calibration_of(done),
        "importances": bar(done.explain(done.training.x)),
    }


#: Folder of the pages in a campaign's folder; it can be deleted, the data are in the store.
PAGES = "traces"


def with_page(
    result: IngestResult,
    state: CampaignState,
    folder: Path,
    formula: str,
    fit: TraceFit,
    files: Sequence[Path],
    measured: Measured | None = None,
    spectrum_at_ps: float | None = None,
) -> IngestResult:
    """The result with the page of its measurement, drawn if it is not there.

    A measurement that is recorded stays so: where the page cannot be written, a warning says why.

    Args:
        result: of the intake.
        state: after it.
        folder: the campaign's.
        formula: the compound, canonical.
        fit: what was recorded.
        files: its raw files.
        measured: what was read from them; None draws the kinetics alone.
        spectrum_at_ps: delay of the spectra, ps.
    """
    from campaigns.kinetics.errors import KineticsError
    from campaigns.kinetics.figures import write_page

    hashes = hashes_of(files)
    row = next(
        r for r in reversed(state.record) if r.files == hashes and r.measurement.formula == formula and not r.retracted
    )
    page = folder / PAGES / f"{row.number:04d}-{file_name(formula, '.html')}"
    if page.exists() and not result.added:
        return replace(result, page=str(page))
    told = {"measurement": row.number, "formula": formula, "sample": row.measurement.sample, **fit.to_dict()}
    try:
        page.parent.mkdir(exist_ok=True)
        write_whole(
            page.with_suffix(".json"), lambda path: path.write_text(json.dumps(told, indent=2), encoding="utf-8")
        )
        title = f"Measurement {row.number}: {formula}"
        write_page(page, fit, measured, spectrum_at_ps=spectrum_at_ps, title=title, shared_script=True)
    except (OSError, StoreError, KineticsError) as error:
        return replace(result, warnings=(*result.warnings, f"the measurement is kept, its page is not: {error}"))
    return replace(result, page=str(page))

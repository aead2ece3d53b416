"""From campaigns to the models of the REST interface."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from campaigns.events import Step
from campaigns.state import Recorded
from campaigns.summary import FitSummary, IngestResult, SuggestionBatch
from campaigns.targets import RecordedValue
from campaigns.web.api.models import (
    BatchOut,
    CampaignOut,
    FitOut,
    IngestOut,
    JobOut,
    MeasurementOut,
    PropertyOut,
    RankedOut,
    RowOut,
    StepOut,
    SuggestionOut,
    ValueOut,
)
from campaigns.web.jobs import Job
from campaigns.web.query import Page
from campaigns.web.service import CampaignService

_PROBLEM: dict[str, Any] = {
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
}
#: Answers that any address may give beside its own.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, **_PROBLEM}
    for status, text in (
        (400, "The request cannot be read."),
        (401, "A token is missing or unknown."),
        (403, "The token may not do this."),
        (404, "There is no such thing here."),
        (409, "Not now: it cannot follow from where things stand, or is not ready."),
        (413, "The request is too large."),
        (422, "The request can be read and is wrong; `problems` lists why."),
        (429, "Too many jobs wait already."),
        (503, "The campaign's file cannot be used."),
    )
}


def answer(told: BaseModel) -> Response:
    """A model as it goes out; the framework would check what it is made of once more, in another thread."""
    return Response(told.model_dump_json(), media_type="application/json")


def campaign_out(service: CampaignService) -> CampaignOut:
    """Where a campaign stands."""
    snapshot, fit = service.snapshot(), service.snapshot().last_fit
    return CampaignOut(
        id=service.slug,
        title=service.title,
        created_at=snapshot.state.created_at.isoformat(timespec="seconds"),
        n_compounds=len(service.front.space),
        n_measured=snapshot.n_measured,
        n_ingested=len(snapshot.state.measurements),
        rounds=len(snapshot.state.batches),
        pending=list(snapshot.state.pending),
        stages={formula: stage.value for formula, stage in snapshot.stages.items()},
        best_observed=snapshot.best_observed,
        best_predicted=None if fit is None else fit.best_predicted,
        fit=None if fit is None else service.kept(("fit", fit.data_key), lambda: _fit_out(fit)),
        properties={one.name: one.n_values for one in properties_out(service)},
    )


def batch_out(service: CampaignService, batch: SuggestionBatch) -> BatchOut:
    """One round, each compound with where it stands now."""
    snapshot = service.snapshot()
    outdated = snapshot.is_outdated if batch is snapshot.batch else True
    return BatchOut(
        round=batch.number,
        seed=batch.seed,
        is_outdated=outdated,
        suggestions=[
            SuggestionOut(stage=snapshot.stages[s.formula].value, **_kept(s.to_dict(), SuggestionOut))
            for s in batch.suggestions
        ],
    )


def step_out(step: Step) -> StepOut:
    """A recorded step."""
    return StepOut(
        formula=step.formula,
        stage=step.stage.value,
        made=step.made,
        reason=step.reason,
        actor=step.actor,
        at=step.at.isoformat(timespec="seconds"),
    )


def measurement_out(row: Recorded) -> MeasurementOut:
    """A measurement in the record."""
    return MeasurementOut(**_kept(row.to_dict(), MeasurementOut))


def properties_out(service: CampaignService) -> list[PropertyOut]:
    """The further measured properties, with what the last fit says of their models."""
    snapshot = service.snapshot()
    learnt = {} if snapshot.last_fit is None else snapshot.last_fit.properties
    return [
        PropertyOut(
            name=name,
            goal=told["goal"],
            n_values=told["n_values"],
            n_ingested=told["n_ingested"],
            grade=learnt[name]["grade"] if name in learnt else None,
            scores=finite(learnt[name]["scores"]) if name in learnt else {},
        )
        for name, told in snapshot.properties.items()
    ]


def value_out(row: RecordedValue) -> ValueOut:
    """A value in the record of a property."""
    return ValueOut(**_kept(row.to_dict(), ValueOut))


def ingest_out(result: IngestResult, job: Job | None) -> IngestOut:
    """What an upload brought."""
    return IngestOut(
        name=result.name,
        added=result.added,
        skipped=result.skipped,
        outside=list(result.outside),
        warnings=list(result.warnings),
        refused=result.refused,
        rows=[RowOut(**asdict(row)) for row in result.rows],
        job=None if job is None else job.id,
        property=result.property,
    )


def job_out(job: Job) -> JobOut:
    """A job as it stands."""
    return JobOut(
        id=job.id,
        campaign=job.campaign,
        kind=job.kind,
        by=job.by,
        state=job.state.value,
        done=job.done,
        total=job.total,
        note=job.note,
        result=None if job.result is None else finite(job.result),
        problem=job.problem,
        created_at=job.created_at.isoformat(timespec="seconds"),
        ended_at=None if job.ended_at is None else job.ended_at.isoformat(timespec="seconds"),
    )


def ranked_out(service: CampaignService, page: Page) -> list[RankedOut]:
    """Rows of a page of the ranking."""
    index, stages, space = service.searcher().index, service.snapshot().stages, service.front.space
    found = []
    for place, at in enumerate(page.indices, start=page.first):
        formula = space[at].formula
        stage = stages.get(formula)
        found.append(
            RankedOut(
                place=place, index=at, formula=formula, stage="" if stage is None else stage.value, **index.row(at)
            )
        )
    return found


def finite(value: Any) -> Any:
    """`value` with null for numbers that JSON cannot hold (NaN and infinities)."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _fit_out(fit: FitSummary) -> FitOut:
    return FitOut(**_kept(fit.to_dict(), FitOut))


def _kept(values: dict[str, Any], model: type[Any]) -> dict[str, Any]:
    return {name: finite(value) for name, value in values.items() if name in model.model_fields}

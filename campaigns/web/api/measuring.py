"""REST: measurements (tables and traces in, retractions), predictions of any compound."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, File, Path, Response

from campaigns.database import acting_as
from campaigns.kinetics.measurement import TraceSettings
from campaigns.summary import IngestResult
from campaigns.web.access import Editor, Reader, Registry, Service, reader
from campaigns.web.api.models import (
    MANY,
    REFUSALS,
    IngestOut,
    JobOut,
    MeasurementOut,
    PredictionIn,
    RetractionIn,
    TableForm,
    TraceForm,
    TraceOut,
    ValuesForm,
)
from campaigns.web.compounds import asked_compound
from campaigns.web.errors import QueryError
from campaigns.web.service import CampaignService
from campaigns.web.tokens import Identity
from campaigns.web.uploads import take_in_trace
from chemspace import parse_formula

router = APIRouter(prefix="/api/campaigns/{campaign}", responses=REFUSALS, dependencies=[Depends(reader)])

Number = Annotated[int, Path(ge=1, le=MANY)]


@router.get("/measurements", tags=["measurements"])
def list_measurements(service: Service, _: Reader) -> list[MeasurementOut]:
    """The campaign's own record, retracted measurements too."""
    return [MeasurementOut.model_validate(row.to_dict()) for row in service.snapshot().state.record]


@router.post("/measurements/table", tags=["measurements"], status_code=201)
def upload_table(service: Service, registry: Registry, editor: Editor, form: Annotated[TableForm, File()]) -> IngestOut:
    """Take in a table of measured lifetimes (columns formula, lifetime_ps and others), whole or not at all.

    Other headings and units are recognised; until they are accepted or declared the answer is 422, with a sentence for
    each."""
    with registry.uploads.as_file(form.table()) as path, acting_as(editor.name), service.writing() as campaign:
        result = campaign.ingest(path, **form.reading())
    return ingested(service, editor, result, form)


@router.post("/measurements/trace", tags=["measurements"], status_code=201)
def upload_trace(service: Service, registry: Registry, editor: Editor, form: Annotated[TraceForm, File()]) -> TraceOut:
    """Fit the SC and CC traces (or maps) of one crystal and take the lifetime in; `dry_run` only fits."""
    formula = parse_formula(form.formula, service.campaign.names).formula
    settings = TraceSettings.model_validate(form, from_attributes=True)
    upload = registry.uploads.traces(service.slug, formula, form.sample, form.files(), settings)
    try:
        if upload.fit is None:
            raise QueryError(upload.problem)
        fit = upload.fit.to_dict()
        if form.dry_run:
            return TraceOut(formula=formula, fit=fit, ingest=None)
        with acting_as(editor.name):
            result = take_in_trace(service, upload)
        return TraceOut(formula=formula, fit=fit, ingest=ingested(service, editor, result, form))
    finally:
        registry.uploads.drop(upload)


@router.post("/measurements/{number}/retraction", tags=["measurements"], status_code=201)
def retract(service: Service, editor: Editor, number: Number, told: RetractionIn) -> MeasurementOut:
    """Take a measurement back: it stays in the record, and the next fit does not see it."""
    with acting_as(editor.name), service.writing() as campaign:
        return MeasurementOut.model_validate(campaign.retract(number, told.reason).to_dict())


@router.post("/predictions", tags=["predictions"], status_code=202)
def predict(service: Service, reader: Reader, asked: PredictionIn, response: Response) -> JobOut:
    """Predict a compound: a job, whose result is the prediction. xTB runs where a cation is new. Changes nothing."""
    job = service.predict(reader.name, asked_compound(service, asked))
    response.headers["location"] = f"/api/jobs/{job.id}"
    return JobOut.model_validate(job)


def ingested(
    service: CampaignService, editor: Identity, result: IngestResult, form: ValuesForm | TraceForm
) -> IngestOut:
    """What an upload brought; it is learnt from where anything came in, unless the form says not to."""
    job = service.learn(editor.name) if form.learn and result.added and not form.dry_run else None
    return IngestOut.model_validate(result).model_copy(update={"job": None if job is None else job.id})

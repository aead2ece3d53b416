"""REST: what is measured (tables and traces in, retractions, the record), predictions of any compound."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, File, Path, Response

from campaigns.database import acting_as
from campaigns.intake import require_confirmed
from campaigns.kinetics.measurement import TraceSettings
from campaigns.summary import IngestResult
from campaigns.targets import LIFETIME, target_of
from campaigns.web.access import Editor, Reader, Registry, Service, reader
from campaigns.web.api.compounds import asked_compound
from campaigns.web.api.models import (
    MANY,
    REFUSALS,
    IngestOut,
    MeasurementOut,
    PredictionIn,
    PropertyOut,
    RetractionIn,
    TableForm,
    TraceForm,
    TraceOut,
    ValueOut,
    ValuesForm,
)
from campaigns.web.api.routes import properties_out
from campaigns.web.errors import QueryError
from campaigns.web.jobs import Job
from campaigns.web.registry import CampaignRegistry
from campaigns.web.service import CampaignService
from campaigns.web.tokens import Identity
from campaigns.web.uploads import require_undoubted, take_in_trace
from chemspace import parse_formula

router = APIRouter(prefix="/api/campaigns/{campaign}", responses=REFUSALS, dependencies=[Depends(reader)])

Name = Annotated[str, Path(min_length=1, max_length=100, description="As in the campaign's description.")]
Number = Annotated[int, Path(ge=1, le=MANY)]


@router.get("/measurements", tags=["measurements"])
def list_measurements(service: Service, _: Reader) -> list[MeasurementOut]:
    """The campaign's own record, retracted measurements too."""
    return [MeasurementOut(**row.to_dict()) for row in service.snapshot().state.record]


@router.post("/measurements/table", tags=["measurements"], status_code=201)
def upload_table(service: Service, registry: Registry, editor: Editor, form: Annotated[TableForm, File()]) -> IngestOut:
    """Take in a table of measured lifetimes (columns formula, lifetime_ps and others), whole or not at all.

    Other headings and units are recognised; until they are accepted or declared the answer is 422, with a sentence for
    each."""
    return _table(service, registry, editor, form, LIFETIME.name)


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
        require_confirmed(
            upload.fit, upload.file_names, accept_warnings=form.accept_warnings, accept_extreme=form.accept_extreme
        )
        require_undoubted(service, upload, accept=form.accept_extreme)
        with acting_as(editor.name):
            result = take_in_trace(service, upload)
        return TraceOut(formula=formula, fit=fit, ingest=_ingested(service, editor, result, form))
    finally:
        registry.uploads.drop(upload)


@router.post("/measurements/{number}/retraction", tags=["measurements"], status_code=201)
def retract(service: Service, editor: Editor, number: Number, told: RetractionIn) -> MeasurementOut:
    """Take a measurement back: it stays in the record, and the next fit does not see it."""
    with acting_as(editor.name), service.writing() as campaign:
        return MeasurementOut(**campaign.retract(number, told.reason).to_dict())


@router.get("/properties", tags=["properties"])
def list_properties(service: Service, _: Reader) -> list[PropertyOut]:
    """The further measured properties of the campaign, with the verdict on the model of each."""
    return properties_out(service)


@router.get("/properties/{property}/values", tags=["properties"])
def list_values(service: Service, _: Reader, property: Name) -> list[ValueOut]:
    """Every value of a property, the launch's table first, retracted ones too."""
    state = service.snapshot().state
    target = target_of(state.config, property)
    return [ValueOut(**row.to_dict()) for row in state.records[target.name]]


@router.post("/properties/{property}/table", tags=["properties"], status_code=201)
def upload_values(
    service: Service, registry: Registry, editor: Editor, property: Name, form: Annotated[ValuesForm, File()]
) -> IngestOut:
    """Take in a table of values (columns compound, value and, if known, error, sample), whole or not at all."""
    return _table(service, registry, editor, form, property)


@router.post("/properties/{property}/values/{number}/retraction", tags=["properties"], status_code=201)
def retract_value(service: Service, editor: Editor, property: Name, number: Number, told: RetractionIn) -> ValueOut:
    """Take a value back, one of the launch's table too: it stays in the record, and the next fit does not see it."""
    with acting_as(editor.name), service.writing() as campaign:
        return ValueOut(**campaign.retract(number, told.reason, property).to_dict())


@router.post("/predictions", tags=["predictions"], status_code=202)
def predict(service: Service, reader: Reader, asked: PredictionIn, response: Response) -> Job:
    """Predict a compound: a job, whose result is the prediction. xTB runs where a cation is new. Changes nothing."""
    job = service.predict(reader, asked_compound(service, asked))
    response.headers["location"] = f"/api/jobs/{job.id}"
    return job


def _table(
    service: CampaignService, registry: CampaignRegistry, editor: Identity, form: ValuesForm, target: str
) -> IngestOut:
    options = form.reading()
    with registry.uploads.as_file(form.table()) as path, service.reading() as campaign:
        table = campaign.read(
            path, target, **{name: options[name] for name in options.keys() - {"dry_run", "keep_going"}}
        )
    at_work = service.reading() if form.dry_run else service.writing()
    with acting_as(editor.name), at_work as campaign:
        result = campaign.ingest(table, target, **options)
    return _ingested(service, editor, result, form)


def _ingested(
    service: CampaignService, editor: Identity, result: IngestResult, form: ValuesForm | TraceForm
) -> IngestOut:
    """What an upload brought; it is learnt from where anything came in, unless the form says not to."""
    learns = form.learn and not form.dry_run and (result.changed or service.campaign.is_behind())
    job = service.learn(editor.name) if learns else None
    blank = {"lifetime_ps": None, "lifetime_stderr_ps": None, "is_upper_bound": False}
    told = result.to_dict()
    rows = [blank | row for row in told["rows"]]
    return IngestOut(**{**told, "rows": rows, "job": None if job is None else job.id})
